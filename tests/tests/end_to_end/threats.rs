//! What strangers and mistakes do to the whole box: a flood, a fetch that comes too early, a box
//! without root. `docs/threats.md` lists all threats; most are shown closer to their defence.

use super::{agent, seconds, tell};
use serde_json::{Value, json};
use std::net::{SocketAddr, UdpSocket};
use std::os::unix::fs::MetadataExt;
use std::time::{Duration, Instant};
use tests::house::{House, Options, wait_for};
use tests::peer::baresip::Manner;
use tests::peer::sipp::{Act, Caller};

/// Memory that a flood may leave behind.
const LEFT_BEHIND_KB: i64 = 20 * 1024;
/// Addresses that flood, each below the rate at which it would be dropped unread.
const FLOODERS: u8 = 20;
/// Requests of the flood a second.
const FLOOD_PER_S: u32 = 10_000;
const FLOOD_S: u32 = 3;
/// Who is kept out until the flood is over asks one question again and again; who is let in asks a
/// hundred, and few of them twice.
const QUESTIONS_PER_RESEND: u32 = 2;

/// A number in `/proc/<pid>/status`, the first of its line.
fn status(pid: u32, key: &str) -> i64 {
    let text = std::fs::read_to_string(format!("/proc/{pid}/status")).expect("it runs");
    let line = text.lines().find_map(|line| line.strip_prefix(key)).expect("a known line");
    line.split_whitespace().next().expect("a value").parse().expect("a number")
}

fn open_files(pid: u32) -> usize {
    std::fs::read_dir(format!("/proc/{pid}/fd")).expect("it runs").count()
}

fn request(method: &str, from: SocketAddr, n: u32) -> String {
    // Half of them guess at a password, of people who exist and of some who do not.
    let guess = match n % 2 {
        1 => format!(
            "Authorization: Digest username=\"{}\",realm=\"switchgrid\",nonce=\"{n:040x}\",\
             uri=\"sip:x\",response=\"{n:032x}\",algorithm=MD5,qop=auth,nc=00000001,cnonce=\"c\"\r\n",
            1_000 + n % 7
        ),
        _ => String::new(),
    };
    format!(
        "{method} sip:127.0.0.1 SIP/2.0\r\nVia: SIP/2.0/UDP {from};branch=z9hG4bK{n};rport\r\n\
         Max-Forwards: 70\r\nFrom: <sip:{n}@127.0.0.1>;tag={n}\r\nTo: <sip:{n}@127.0.0.1>\r\n\
         Call-ID: {n}@{from}\r\nCSeq: 1 {method}\r\nContact: <sip:{n}@{from}>\r\n{guess}\
         Content-Length: 0\r\n\r\n"
    )
}

/// Asks until there is an answer, as a phone does, at most for 64 × T1 (RFC 3261 §17.1.2.2): on a
/// busy machine datagrams are lost before the box sees them. How often it asked again, if it was
/// answered at all.
fn resends(bystander: &UdpSocket, server: SocketAddr, n: u32) -> Option<u32> {
    let from = bystander.local_addr().expect("bound");
    let question = request("OPTIONS", from, n * 2);
    let mut answer = [0; 2000];
    (0..64).find(|_| {
        bystander.send_to(question.as_bytes(), server).expect("loopback takes it");
        let started = Instant::now();
        while started.elapsed() < Duration::from_millis(500) {
            let Ok(length) = bystander.recv(&mut answer) else { continue };
            let text = String::from_utf8_lossy(&answer[..length]);
            // A late answer to an earlier question is another answer.
            if text.contains(&format!("Call-ID: {}@", n * 2)) {
                return text.starts_with("SIP/2.0 200");
            }
        }
        false
    })
}

fn flood(server: SocketAddr) -> u32 {
    let flooders: Vec<UdpSocket> = (1..=FLOODERS)
        .map(|n| UdpSocket::bind((format!("127.0.7.{n}"), 0)).expect("loopback is ours"))
        .collect();
    let started = Instant::now();
    let all = FLOOD_PER_S * FLOOD_S;
    for n in 0..all {
        let flooder = &flooders[n as usize % flooders.len()];
        let from = flooder.local_addr().expect("bound");
        // What does not fit any more is lost, as on any network.
        let _ = flooder.send_to(request("REGISTER", from, n).as_bytes(), server);
        let due = Duration::from_secs(1) * n / FLOOD_PER_S;
        while n % 100 == 0 && started.elapsed() < due {
            std::thread::sleep(Duration::from_millis(1));
        }
    }
    all
}

fn counter(house: &House, name: &str) -> f64 {
    let text = house.get("/metrics").text().expect("text");
    let value = text.lines().find_map(|line| line.strip_prefix(&format!("{name} ")));
    value.unwrap_or_else(|| panic!("no {name} in {text}")).parse().expect("a number")
}

#[test]
fn a_flood_of_registrations_leaves_the_box_as_it_was() {
    tell("auto", |_| {
        let house = House::start(Options::default());
        let pid = house.child("calls");
        let bystander = UdpSocket::bind("127.0.0.3:0").expect("loopback is ours");
        bystander.set_read_timeout(Some(Duration::from_millis(50))).expect("a timeout");
        assert!(resends(&bystander, house.sip, 0).is_some(), "before");
        let (memory, files) = (status(pid, "VmRSS:"), open_files(pid));
        let server = house.sip;
        let flooding = std::thread::spawn(move || flood(server));
        let (mut asked, mut again) = (0, 0);
        while !flooding.is_finished() {
            asked += 1;
            again += resends(&bystander, server, asked)
                .unwrap_or_else(|| panic!("question {asked} has no answer"));
            std::thread::sleep(Duration::from_millis(20));
        }
        let sent = flooding.join().expect("the flood itself does not fail");
        assert!(asked > 0, "the bystander asked during the flood");
        let most = asked / QUESTIONS_PER_RESEND;
        assert!(again <= most, "{again} of {asked} questions were asked again, at most {most}");
        assert!(resends(&bystander, server, asked + 1).is_some(), "after");
        // A nonce that was made for nobody is stale: who guesses with one is challenged.
        let refused = counter(&house, "switchgrid_sip_auth_challenges_total");
        assert!(refused > 1_000.0, "the flood arrived: {refused} of {sent}");
        assert_eq!(house.child("calls"), pid, "it is the same process");
        assert_eq!(counter(&house, "switchgrid_sip_transactions_live"), 0.0);
        assert_eq!(open_files(pid), files);
        let grown = status(pid, "VmRSS:") - memory;
        assert!(grown <= LEFT_BEHIND_KB, "{grown} KiB more");
    });
}

#[test]
fn a_recording_is_refused_until_its_conversation_has_ended() {
    tell("auto", |_| {
        let house = House::start(Options::default());
        let (_phone, _) = agent(&house, 0, 440, Manner::Answers);
        let acts = vec![
            Act::Pause(seconds(1)),
            Act::Digit('1'),
            Act::Pause(seconds(1)),
            Act::Speak,
            Act::WaitForBye,
        ];
        let _caller =
            Caller::new("13500135000", &house.hotline, acts).call(house.sip, house.scratch());
        let event =
            house.wait_row("SELECT call_id, detail FROM events WHERE kind = 'recording_started'");
        let detail = event["detail"].as_str().expect("JSON as text");
        let detail: Value = serde_json::from_str(detail).expect("JSON");
        let id = detail["recording"].as_str().expect("an id").to_owned();
        for query in ["", "?format=wav", "?format=mp3"] {
            let answer = house.get(&format!("/api/v1/recordings/{id}{query}"));
            assert_eq!(answer.status(), 409, "{query}");
            let problem: Value = answer.json().expect("a problem is JSON");
            let message = problem["message"].as_str().expect("a sentence");
            assert!(message.contains("the conversation goes on"), "{message}");
        }
        let call = event["call_id"].as_str().expect("an id");
        let (status, body) =
            house.post(&format!("/api/v1/calls/{call}/actions"), &json!({"action": "hangup"}));
        assert_eq!(status, 204, "{body}");
        // From the end of the conversation to the file it is 409 all the time, and never 404.
        wait_for("the file", seconds(20), || {
            let status = house.get(&format!("/api/v1/recordings/{id}")).status().as_u16();
            assert!([200, 409].contains(&status), "{status}");
            (status == 200).then_some(())
        });
        assert_eq!(house.get("/api/v1/recordings/123456789").status(), 404, "one that never was");
    });
}

#[test]
fn a_box_needs_no_root_and_has_passwords_of_its_own() {
    tell("auto", |_| {
        let start = || House::start(Options { unprivileged: true, ..Options::default() });
        let (house, other) = (start(), start());
        for name in ["calls", "api", "work"] {
            let pid = house.child(name);
            assert_ne!(status(pid, "Uid:"), 0, "{name} runs as root");
            let rights = std::fs::read_to_string(format!("/proc/{pid}/status")).expect("it runs");
            let rights =
                rights.lines().find_map(|line| line.strip_prefix("CapEff:")).map(str::trim);
            assert_eq!(rights, Some("0000000000000000"), "{name} has rights of root");
        }
        let caller =
            vec![Act::Pause(seconds(1)), Act::Digit('2'), Act::Pause(seconds(1)), Act::WaitForBye];
        Caller::new("13600136000", &house.hotline, caller)
            .call(house.sip, house.scratch())
            .finish();
        assert_eq!(house.wait_row("SELECT outcome FROM calls")["outcome"], "ivr_only");

        let passwords = |house: &House| {
            let agents = house.agents.iter().map(|agent| agent.password.clone());
            agents.chain([house.admin.password.clone()]).collect::<Vec<String>>()
        };
        let mut all = [passwords(&house), passwords(&other)].concat();
        assert!(all.iter().all(|password| password.len() >= 16), "{all:?}");
        all.sort();
        all.dedup();
        assert_eq!(all.len(), 6, "no two are the same");
        // They were printed once, at the first start; nothing wrote them anywhere else.
        for password in &all[..] {
            let printed = [house.log(), other.log()].concat().matches(password.as_str()).count();
            assert_eq!(printed, 1);
        }
    });
}

#[test]
fn a_conversation_is_held_and_recorded_without_root() {
    tell("auto", |_| {
        let house = House::start(Options { unprivileged: true, ..Options::default() });
        assert_ne!(status(house.child("calls"), "Uid:"), 0, "it runs as root");
        let (phone, agent_id) = agent(&house, 0, 440, Manner::Answers);
        let acts = vec![
            Act::Pause(seconds(1)),
            Act::Digit('1'),
            Act::Pause(seconds(2)),
            Act::Speak,
            Act::Pause(seconds(4)),
            Act::HangUp,
        ];
        Caller::new("13600136000", &house.hotline, acts).call(house.sip, house.scratch()).finish();
        let call = house.wait_row("SELECT outcome, agent_id FROM calls");
        assert_eq!(call["outcome"], "answered", "{call}\n{}", house.log());
        assert_eq!(call["agent_id"], agent_id.as_str());
        let heard = wait_for("what the phone heard", seconds(10), || Some(phone.heard()));
        assert!(tests::sound::loudness(&heard) > 100.0, "the agent heard the caller");

        let row = house.wait_row("SELECT * FROM recordings WHERE path IS NOT NULL");
        assert_eq!(row["state"], "recorded", "{row}");
        assert_eq!(row["frames_missing"], 0, "{row}");
        let path = row["path"].as_str().expect("a path");
        let owner = |path: &std::path::Path| std::fs::metadata(path).expect("it is there").uid();
        let file = house.data().join("recordings").join(path);
        assert_eq!(owner(&file), owner(house.scratch()), "whose box it is");
    });
}
