//! Two carriers for the same numbers, each played by SIPp: the first one in order answers 503 with
//! Retry-After, so the call goes out over the second one at once, and the next call goes there without
//! asking the first one again.

use super::seconds;
use serde_json::{Value, json};
use std::fs;
use std::net::UdpSocket;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use tests::house::{House, Options, wait_for};
use tests::peer::sipp::{Act, Caller};

/// A number of ours that leads outside, and who is called there.
const NUMBER: &str = "95105677";
const OUTSIDE: &str = "02155556666";

pub fn a_call_that_one_carrier_refuses_goes_out_over_the_next_one(backend: &str) {
    let house = House::start(Options { backend: backend.into(), ..Options::default() });
    let number = json!({"digits": NUMBER, "target": {"number": OUTSIDE}});
    let (status, body) = house.post("/api/v1/numbers", &number);
    assert_eq!(status, 201, "{body}");
    let mut full = Carrier::start(&house, "full", 1, &refuses());
    let mut good = Carrier::start(&house, "good", 2, &answers(None));
    let first = trunk(&house, &full, 1, "fixed");
    let second = trunk(&house, &good, 2, "dialled");

    let acts = vec![Act::Pause(seconds(2)), Act::HangUp];
    for n in 1..=2 {
        let caller = Caller::new(&format!("1340013400{n}"), NUMBER, acts.clone());
        caller.call(house.sip, house.scratch()).finish();
        let answered = format!(
            "SELECT n FROM (SELECT count(*) AS n FROM calls WHERE outcome = 'answered') AS counted \
             WHERE n = {n}"
        );
        house.wait_row(&answered);
    }
    for carrier in [&mut full, &mut good] {
        carrier.finish(&house);
    }
    let (refused, taken) = (full.said(), good.said());
    let shows = |said: &str, number: &str| said.contains(&format!("<sip:{number}@"));
    assert!(shows(&refused, &house.hotline) && !shows(&refused, NUMBER), "{refused}");
    assert!(shows(&taken, NUMBER), "the number that the caller dialled: {taken}");

    // Each attempt is a leg with its trunk and its cause.
    let attempts = "SELECT hangup_cause, trunk_id FROM legs WHERE role = 'outside' ORDER BY leg_id";
    let attempt = |cause: u8, trunk: &str| json!({"hangup_cause": cause, "trunk_id": trunk});
    let expected = [attempt(41, &first), attempt(16, &second), attempt(16, &second)];
    assert_eq!(house.sql(attempts), expected);
    let live = house.json("/api/v1/trunks/live");
    let of =
        |id: &str| live.as_array().expect("a list").iter().find(|one| one["id"] == id).cloned();
    let (first, second) = (of(&first).expect("the first"), of(&second).expect("the second"));
    assert_eq!(first["down"], "overloaded", "{first}");
    assert!(first["down_since"].is_string(), "{first}");
    assert_eq!(second["down"], Value::Null, "{second}");
    assert!((house.metric("switchgrid_trunk_reroutes_total") - 1.0).abs() < 0.5, "once");
}

/// A trunk to this carrier; its id.
fn trunk(house: &House, carrier: &Carrier, order: u32, rule: &str) -> String {
    let draft = json!({
        "name": carrier.name, "proxy": format!("sip:127.0.0.1:{};transport=udp", carrier.port),
        "prefixes": [""], "order": order, "caller_rule": rule,
        "caller_number": house.hotline, "caller_numbers": [NUMBER], "codecs": ["PCMA"],
    });
    made(house, &draft)
}

/// A trunk to this carrier for every number outside, which shows the hotline; its id.
pub fn trunk_for_all(house: &House, carrier: &Carrier) -> String {
    let draft = json!({
        "name": carrier.name, "proxy": format!("sip:127.0.0.1:{};transport=udp", carrier.port),
        "prefixes": [""], "caller_number": house.hotline, "codecs": ["PCMA"],
    });
    made(house, &draft)
}

fn made(house: &House, draft: &Value) -> String {
    let (status, body) = house.post("/api/v1/trunks", draft);
    assert_eq!(status, 201, "{body}");
    body["id"].as_str().expect("an id").to_owned()
}

/// SIPp as a carrier that takes so many calls.
pub struct Carrier {
    child: Child,
    folder: PathBuf,
    name: &'static str,
    port: u16,
}

impl Carrier {
    /// One that plays this scenario.
    pub fn start(house: &House, name: &'static str, calls: u32, scenario: &str) -> Self {
        let free = UdpSocket::bind("127.0.0.1:0").and_then(|socket| socket.local_addr());
        let port = free.expect("a free port").port();
        let folder = house.scratch().to_owned();
        let path = |kind: &str| folder.join(format!("carrier-{name}.{kind}"));
        fs::write(path("xml"), scenario).expect("the scenario can be written");
        let out = fs::File::create(path("out")).expect("a log");
        let child = Command::new("sipp")
            .args(["-sf", &path("xml").to_string_lossy(), "-m", &calls.to_string()])
            .args(["-i", "127.0.0.1", "-mi", "127.0.0.1", "-p", &port.to_string()])
            .args(["-trace_err", "-trace_msg", "-message_file", &path("msg").to_string_lossy()])
            .args(["-nostdin", "-timeout", "90s", "-timeout_error"])
            .current_dir(&folder)
            .env("TERM", "dumb")
            .stdin(Stdio::null())
            .stdout(out.try_clone().expect("a second handle"))
            .stderr(out)
            .spawn()
            .expect("sipp is installed by scripts/setup --tests");
        Carrier { child, folder, name, port }
    }

    /// Where it awaits them.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Waits until it has had all its calls, as the scenario wants them.
    pub fn finish(&mut self, house: &House) {
        let end = wait_for("SIPp to end", seconds(60), || self.child.try_wait().ok().flatten());
        assert!(end.success(), "{}\n{}", self.said(), house.log());
    }

    /// What was said on the wire, and what SIPp says of it.
    pub fn said(&self) -> String {
        let file = |kind: &str| self.folder.join(format!("carrier-{}.{kind}", self.name));
        let read = |kind: &str| fs::read_to_string(file(kind)).unwrap_or_default();
        read("out") + &read("msg")
    }
}

impl Drop for Carrier {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn scenario(steps: &[String]) -> String {
    let steps = steps.concat();
    format!(
        "<?xml version=\"1.0\" encoding=\"ISO-8859-1\" ?>\n<scenario name=\"carrier\">\n{steps}</scenario>\n"
    )
}

fn receives(request: &str) -> String {
    format!("  <recv request=\"{request}\"/>\n")
}

/// An answer; `again` repeats it until something comes.
fn says(status: &str, again: bool, more: &str) -> String {
    let again = if again { " retrans=\"500\"" } else { "" };
    format!(
        "  <send{again}><![CDATA[\nSIP/2.0 {status}\n[last_Via:]\n[last_From:]\n\
         [last_To:];tag=[pid]s[call_number]\n[last_Call-ID:]\n[last_CSeq:]\n{more}\n]]></send>\n"
    )
}

fn refuses() -> String {
    let wait = "Retry-After: 300\nContent-Length: 0\n\n";
    scenario(&[receives("INVITE"), says("503 Full", true, wait), receives("ACK")])
}

/// Answers each call. Its audio is wanted at `media`, when somebody else than SIPp listens and speaks.
pub fn answers(media: Option<u16>) -> String {
    let empty = "Content-Length: 0\n\n";
    let audio = "Contact: <sip:carrier@[local_ip]:[local_port]>\nContent-Type: application/sdp\n\
                 Content-Length: [len]\n\nv=0\no=carrier 1 1 IN IP4 [local_ip]\ns=-\n\
                 c=IN IP4 [media_ip]\nt=0 0\nm=audio [auto_media_port] RTP/AVP 8\n\
                 a=rtpmap:8 PCMA/8000\na=ptime:20\n";
    let media = media.map_or("[auto_media_port]".to_owned(), |port| port.to_string());
    let audio = &audio.replace("[auto_media_port]", &media);
    let goodbye =
        says("200 OK", false, empty).replace("[last_To:];tag=[pid]s[call_number]", "[last_To:]");
    scenario(&[
        receives("INVITE"),
        says("180 Ringing", false, empty),
        says("200 OK", true, audio),
        receives("ACK"),
        receives("BYE"),
        goodbye,
    ])
}
