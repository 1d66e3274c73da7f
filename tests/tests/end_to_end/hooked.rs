//! A program outside is told of a call over signed HTTP requests. It is the receiver that the how-to
//! prints, in Python, which believes nobody without a right signature: what it has taken is what
//! happened, in order.

use super::three_parties::{NUMBER, number_of_the_queue};
use super::{agent, seconds};
use serde_json::{Value, json};
use std::fs;
use std::net::{TcpListener, TcpStream};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use tests::house::{House, Options, wait_for};
use tests::peer::baresip::Manner;
use tests::peer::sipp::{Act, Caller};
use tests::tree;

/// What the program wants to hear of, in the order in which a call has it.
const KINDS: [&str; 6] =
    ["call_started", "enqueued", "offered", "answered", "released", "call_ended"];
/// Where the receiver of the how-to listens.
const ADDRESS: &str = "(\"127.0.0.1\", 9000)";

pub fn a_receiver_as_the_how_to_has_it_believes_the_events_of_a_call_in_their_order(backend: &str) {
    let house = House::start(Options {
        backend: backend.into(),
        config: "[hooks]\nallowed = [\"127.0.0.1\"]\n".into(),
        ..Options::default()
    });
    number_of_the_queue(&house);
    let port = free_port();
    let url = format!("http://127.0.0.1:{port}/events");
    let draft = json!({"name": "crm", "url": url, "kinds": KINDS});
    let (status, hook) = house.post("/api/v1/hooks", &draft);
    assert_eq!(status, 201, "{hook}");
    let id = hook["id"].as_str().expect("an id").to_owned();
    let secret = hook["secret"].as_str().expect("a secret");
    let receiver = Receiver::start(&house, port, secret);
    assert_eq!(forged(&url), 401, "a wrong signature is not believed");

    let (_phone, agent_id) = agent(&house, 0, 440, Manner::Answers);
    // The caller hangs up when they have talked.
    let acts = vec![Act::Pause(seconds(6)), Act::HangUp];
    Caller::new("13500135000", NUMBER, acts).call(house.sip, house.scratch()).finish();
    let row = house.wait_row("SELECT * FROM calls");
    assert_eq!(row["outcome"], "answered", "{row}\n{}", house.log());

    let told = wait_for("all events of the call", seconds(20), || {
        let told = receiver.taken();
        (told.len() >= KINDS.len()).then_some(told)
    });
    let kinds: Vec<&str> =
        told.iter().filter_map(|(_, event)| event["kind"]["type"].as_str()).collect();
    assert_eq!(kinds, KINDS);
    for (delivery, event) in &told {
        assert_eq!(event["call"], row["call_id"], "{event}");
        assert_eq!(*delivery, format!("{id}-{}", event["seq"]), "{event}");
    }
    let answered = &told[3].1;
    assert_eq!(answered["kind"]["agent"], agent_id.as_str(), "{answered}");
    // They are those of the log, and none was left out between them.
    let wanted = KINDS.map(|kind| format!("'{kind}'")).join(", ");
    let rows = house.sql(&format!("SELECT seq FROM events WHERE kind IN ({wanted}) ORDER BY seq"));
    let logged: Vec<&Value> = rows.iter().map(|row| &row["seq"]).collect();
    let seqs: Vec<&Value> = told.iter().map(|(_, event)| &event["seq"]).collect();
    assert_eq!(seqs, logged);

    let deliveries = wait_for("what is known of the deliveries", seconds(20), || {
        let all = house.json(&format!("/api/v1/hooks/{id}/deliveries"));
        let all = all.as_array()?.clone();
        let arrived = |one: &Value| one["delivered"] == true && one["status"] == 204;
        (all.len() == KINDS.len() && all.iter().all(arrived)).then_some(all)
    });
    assert_eq!(deliveries[0]["kind"], "call_ended", "the latest first");
    assert_eq!(receiver.taken().len(), KINDS.len(), "each once");
}

/// What is answered to a request that somebody else has signed.
fn forged(url: &str) -> u16 {
    let client = reqwest::blocking::Client::builder().no_proxy().build().expect("a client");
    let request = client.post(url).header("switchgrid-signature", "t=1,v1=00").body("{}");
    request.send().expect("the receiver answers").status().as_u16()
}

fn free_port() -> u16 {
    let free = TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr());
    free.expect("a free port").port()
}

/// The receiver of the how-to, on a port of its own.
struct Receiver {
    child: Child,
    out: PathBuf,
}

impl Receiver {
    fn start(house: &House, port: u16, secret: &str) -> Self {
        let page = fs::read_to_string(tree::root().join("docs/how-to/integrate.md"));
        let page = page.expect("the how-to is there");
        let program = page.split("```python\n").nth(1).and_then(|rest| rest.split("```").next());
        let program = program.expect("the how-to has a receiver");
        assert!(program.contains(ADDRESS), "{program}");
        let program = program.replace(ADDRESS, &format!("(\"127.0.0.1\", {port})"));
        let out = house.scratch().join("receiver.out");
        let errors = fs::File::create(house.scratch().join("receiver.err")).expect("a log");
        let child = Command::new(tree::root().join(".venv/bin/python"))
            .args(["-u", "-c", &program])
            .env("HOOK_SECRET", secret)
            .stdin(Stdio::null())
            .stdout(fs::File::create(&out).expect("a file"))
            .stderr(errors)
            .spawn()
            .expect("Python is installed by scripts/setup --tests");
        let receiver = Receiver { child, out };
        wait_for("the receiver to listen", seconds(20), || {
            TcpStream::connect(("127.0.0.1", port)).ok().map(drop)
        });
        receiver
    }

    /// What it has believed so far: the name of the delivery, and the event.
    fn taken(&self) -> Vec<(String, Value)> {
        let said = fs::read_to_string(&self.out).expect("what it prints");
        // The last line may be written in this moment.
        let whole = said.rsplit_once('\n').map_or("", |(whole, _)| whole);
        let event = |line: &str| {
            let (delivery, body) = line.split_once(' ').expect("a delivery and its event");
            (delivery.to_owned(), serde_json::from_str(body).expect("JSON"))
        };
        whole.lines().map(event).collect()
    }
}

impl Drop for Receiver {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
