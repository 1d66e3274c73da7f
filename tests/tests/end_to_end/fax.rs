//! Two gateways with fax machines behind them, on two trunks: SIPp speaks for both, the audio becomes
//! T.38 by a re-INVITE of the caller's, and what one machine says in UDPTL reaches the other octet by
//! octet, both ways, through the real program. A trunk that refuses T.38 is never asked for it.

use super::seconds;
use serde_json::json;
use std::fs;
use std::net::{SocketAddr, UdpSocket};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use tests::house::{House, Options, wait_for};

/// A number that goes out by the other trunk.
const NUMBER: &str = "95105677";
const OUTSIDE: &str = "02155556666";
/// Datagrams each way.
const WORDS: u16 = 50;

pub fn a_fax_passes_between_two_trunks_octet_by_octet(backend: &str) {
    let house = House::start(Options { backend: backend.into(), ..Options::default() });
    let (calling, called) = (Machine::new(&house, "calling"), Machine::new(&house, "called"));
    let free = UdpSocket::bind("127.0.0.1:0").and_then(|socket| socket.local_addr());
    let far = free.expect("a free port");
    let mut trunk = json!({
        "name": "far", "proxy": format!("sip:{far};transport=udp"), "prefixes": [""],
        "calls_max": 10, "calls_per_s_max": 10, "caller_number": house.hotline,
    });
    let (status, far_trunk) = house.post("/api/v1/trunks", &trunk);
    assert_eq!(status, 201, "{far_trunk}");
    let (status, body) =
        house.post("/api/v1/numbers", &json!({"digits": NUMBER, "target": {"number": OUTSIDE}}));
    assert_eq!(status, 201, "{body}");

    let mut answers = called.sipp(&["-p", &far.port().to_string()], &answers(called.port(), true));
    let box_at = house.sip.to_string();
    let mut dials = calling.sipp(&[&box_at, "-s", NUMBER], &dials(calling.port(), true));
    let (at_calling, at_called) = (calling.box_port(&mut dials), called.box_port(&mut answers));
    assert_ne!(at_calling, at_called);
    for n in 0..WORDS {
        let (there, back) = (word(2 * n, 30), word(2 * n + 1, 300));
        calling.says(at_calling, &there);
        assert_eq!(called.hears(), there, "datagram {n} of the caller");
        called.says(at_called, &back);
        assert_eq!(calling.hears(), back, "datagram {n} of the called");
    }
    // Audio has no place in it any more, and neither has what a stranger sends.
    calling.says(at_calling, &[0x80; 172]);
    UdpSocket::bind("127.0.0.1:0")
        .and_then(|stranger| stranger.send_to(&word(7, 30), ("127.0.0.1", at_calling)))
        .expect("sent");
    let last = word(1_000, 30);
    calling.says(at_calling, &last);
    assert_eq!(called.hears(), last, "neither audio nor a stranger's word came before it");
    for mut sipp in [dials, answers] {
        let end = wait_for("SIPp to end", seconds(30), || sipp.child.try_wait().ok().flatten());
        assert!(end.success(), "{}\n{}", sipp.said(), house.log());
    }
    let call = house.wait_row("SELECT outcome, talk_ms FROM calls");
    assert_eq!(call["outcome"], "answered", "{call}");
    let told = house
        .sql("SELECT kind FROM events WHERE kind IN ('fax_started', 'fax_ended') ORDER BY seq");
    assert_eq!(told, [json!({"kind": "fax_started"}), json!({"kind": "fax_ended"})]);

    let uri = format!("/api/v1/trunks/{}", far_trunk["id"].as_str().expect("an id"));
    trunk["t38"] = json!("refuse");
    let (status, body) = house.put_json(&uri, &trunk);
    assert_eq!((status, &body["t38"]), (200, &json!("refuse")), "{body}");
    a_fax_is_refused(&house, far);
}

/// The caller gets 488, the called hears of nothing, and the call goes on until the caller hangs up.
fn a_fax_is_refused(house: &House, far: SocketAddr) {
    let (calling, called) = (Machine::new(house, "in-vain"), Machine::new(house, "unasked"));
    let there = called.sipp(&["-p", &far.port().to_string()], &answers(called.port(), false));
    let box_at = house.sip.to_string();
    let here = calling.sipp(&[&box_at, "-s", NUMBER], &dials(calling.port(), false));
    for mut sipp in [here, there] {
        let end = wait_for("SIPp to end", seconds(30), || sipp.child.try_wait().ok().flatten());
        assert!(end.success(), "{}\n{}", sipp.said(), house.log());
    }
    let both = "SELECT n FROM (SELECT count(*) AS n FROM calls WHERE outcome = 'answered') AS counted \
                WHERE n = 2";
    assert_eq!(house.wait_row(both)["n"], 2);
    let told = house.sql("SELECT kind FROM events WHERE kind IN ('fax_started', 'fax_ended')");
    assert_eq!(told.len(), 2, "no fax began: {told:?}");
}

/// A UDPTL datagram with one primary packet of so many octets and nothing to make good losses.
fn word(number: u16, octets: usize) -> Vec<u8> {
    let mut bytes = number.to_be_bytes().to_vec();
    match u8::try_from(octets) {
        Ok(short @ 0..0x80) => bytes.push(short),
        _ => bytes.extend_from_slice(&(0x8000 | octets as u16).to_be_bytes()),
    }
    bytes.extend((0..octets).map(|n| (n as u16 ^ number) as u8));
    bytes.extend_from_slice(&[0, 0]);
    bytes
}

/// A fax machine behind a gateway: its UDPTL socket, and a place for what the gateway writes.
struct Machine {
    socket: UdpSocket,
    folder: PathBuf,
    name: &'static str,
}

impl Machine {
    fn new(house: &House, name: &'static str) -> Self {
        let socket = UdpSocket::bind("127.0.0.1:0").expect("a socket");
        socket.set_read_timeout(Some(seconds(5))).expect("a timeout");
        Machine { socket, folder: house.scratch().to_owned(), name }
    }

    fn port(&self) -> u16 {
        self.socket.local_addr().expect("it is bound").port()
    }

    fn file(&self, kind: &str) -> PathBuf {
        self.folder.join(format!("fax-{}.{kind}", self.name))
    }

    fn sipp(&self, arguments: &[&str], scenario: &str) -> Sipp {
        fs::write(self.file("xml"), scenario).expect("the scenario can be written");
        let out = fs::File::create(self.file("out")).expect("a log");
        let path = |kind: &str| self.file(kind).to_string_lossy().into_owned();
        let child = Command::new("sipp")
            .args(arguments)
            .args(["-sf", &path("xml"), "-m", "1", "-i", "127.0.0.1", "-mi", "127.0.0.1"])
            .args([
                "-trace_logs",
                "-log_file",
                &path("log"),
                "-trace_err",
                "-trace_msg",
                "-message_file",
                &path("msg"),
                "-nostdin",
            ])
            .args(["-timeout", "60s", "-timeout_error"])
            .current_dir(&self.folder)
            .env("TERM", "dumb")
            .stdin(Stdio::null())
            .stdout(out.try_clone().expect("a second handle"))
            .stderr(out)
            .spawn()
            .expect("sipp is installed by scripts/setup --tests");
        Sipp { child, out: self.file("out") }
    }

    /// The port at which the box takes this machine's UDPTL, as SIPp read it.
    fn box_port(&self, sipp: &mut Sipp) -> u16 {
        wait_for("a description with T.38", seconds(30), || {
            if let Ok(Some(status)) = sipp.child.try_wait() {
                panic!("SIPp of the {} ended with {status}:\n{}", self.name, sipp.said());
            }
            let log = fs::read_to_string(self.file("log")).ok()?;
            let port = log.split_once("UDPTL=")?.1;
            port.split_once('.')?.0.trim().parse().ok()
        })
    }

    fn says(&self, port: u16, word: &[u8]) {
        self.socket.send_to(word, SocketAddr::from(([127, 0, 0, 1], port))).expect("sent");
    }

    fn hears(&self) -> Vec<u8> {
        let mut buffer = [0; 2_048];
        let (length, _) = self.socket.recv_from(&mut buffer).expect("the box passes it on");
        buffer[..length].to_vec()
    }
}

struct Sipp {
    child: Child,
    out: PathBuf,
}

impl Sipp {
    fn said(&self) -> String {
        // What was said on the wire stands beside.
        read(&self.out) + &read(&self.out.with_extension("msg"))
    }
}

impl Drop for Sipp {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn read(file: &Path) -> String {
    fs::read_to_string(file).unwrap_or_default()
}

const READS_PORT: &str = r#"<action>
    <ereg regexp="m=image ([0-9]+) udptl" search_in="msg" check_it="true" assign_to="line,port"/>
    <log message="UDPTL=[$port]."/>
  </action>"#;

fn audio() -> String {
    "v=0\no=gateway 1 1 IN IP4 [local_ip]\ns=-\nc=IN IP4 [media_ip]\nt=0 0\n\
     m=audio [auto_media_port] RTP/AVP 8 101\na=rtpmap:8 PCMA/8000\n\
     a=rtpmap:101 telephone-event/8000\na=fmtp:101 0-15\na=ptime:20"
        .into()
}

fn image(port: u16) -> String {
    format!(
        "v=0\no=gateway 1 2 IN IP4 [local_ip]\ns=-\nc=IN IP4 [media_ip]\nt=0 0\n\
         m=image {port} udptl t38\na=T38FaxVersion:0\na=T38MaxBitRate:14400\n\
         a=T38FaxRateManagement:transferredTCF\na=T38FaxMaxBuffer:1800\n\
         a=T38FaxMaxDatagram:400\na=T38FaxUdpEC:t38UDPRedundancy"
    )
}

/// A request of the caller's; `more` is its other heads and its body.
fn request(method: &str, target: &str, to: &str, number: u8, more: &str) -> String {
    format!(
        "{method} {target} SIP/2.0\nVia: SIP/2.0/UDP [local_ip]:[local_port];branch=[branch]\n\
         From: <sip:13400134000@[local_ip]:[local_port]>;tag=[pid]c[call_number]\n{to}\n\
         Call-ID: [call_id]\nCSeq: {number} {method}\nMax-Forwards: 70\n{more}"
    )
}

fn with_body(body: &str) -> String {
    format!(
        "Contact: <sip:gateway@[local_ip]:[local_port]>\nContent-Type: application/sdp\n\
         Content-Length: [len]\n\n{body}\n"
    )
}

fn sends(again: bool, message: &str) -> String {
    let again = if again { " retrans=\"500\"" } else { "" };
    format!("  <send{again}><![CDATA[\n{message}\n]]></send>\n")
}

/// Who dials and, a second after the answer, asks for T.38, which is taken or refused.
fn dials(port: u16, is_taken: bool) -> String {
    let empty = "[routes]\nContent-Length: 0\n\n";
    let inside =
        |method, number, more: &str| request(method, "[next_url]", "[last_To:]", number, more);
    let first = "sip:[service]@[remote_ip]:[remote_port]";
    let to = "To: <sip:[service]@[remote_ip]:[remote_port]>";
    let image = format!("[routes]\n{}", with_body(&image(port)));
    let (then, known) = if is_taken {
        let taken = format!(r#"<recv response="200" rrs="true">{READS_PORT}</recv>"#);
        let ack = sends(false, &inside("ACK", 2, empty));
        let talk = r#"<pause milliseconds="8000"/>"#;
        (taken + &ack + talk, r#"<Reference variables="line"/>"#)
    } else {
        // Its ACK belongs to the transaction of the INVITE (RFC 3261 §17.1.1.3).
        let own_way = "Via: SIP/2.0/UDP [local_ip]:[local_port];branch=[branch]";
        let ack = inside("ACK", 2, empty).replace(own_way, "[last_Via:]");
        let talk = r#"<pause milliseconds="500"/>"#;
        (r#"<recv response="488"/>"#.to_owned() + &sends(false, &ack) + talk, "")
    };
    [
        r#"<?xml version="1.0" encoding="ISO-8859-1" ?><scenario name="calling">"#.to_owned(),
        sends(true, &request("INVITE", first, to, 1, &with_body(&audio()))),
        r#"<recv response="100" optional="true"/><recv response="180" optional="true"/>"#.into(),
        r#"<recv response="183" optional="true"/><recv response="200" rrs="true"/>"#.into(),
        sends(false, &inside("ACK", 1, empty)),
        r#"<pause milliseconds="1000"/>"#.into(),
        sends(true, &inside("INVITE", 2, &image)),
        r#"<recv response="100" optional="true"/>"#.into(),
        then,
        sends(true, &inside("BYE", 3, empty)),
        format!(r#"<recv response="200"/>{known}</scenario>"#),
    ]
    .concat()
}

/// Who answers, and takes T.38 when asked; or is never asked.
fn answers(port: u16, is_asked: bool) -> String {
    let says = |status: &str, to: &str, more: &str| {
        format!(
            "SIP/2.0 {status}\n[last_Via:]\n[last_From:]\n{to}\n[last_Call-ID:]\n[last_CSeq:]\n{more}"
        )
    };
    let tagged = "[last_To:];tag=[pid]s[call_number]";
    let known = "[last_To:]";
    let route = |body: &str| format!("[last_Record-Route:]\n{}", with_body(body));
    let (then, used) = if is_asked {
        let asked = format!(r#"<recv request="INVITE">{READS_PORT}</recv>"#);
        let taken = sends(true, &says("200 OK", known, &with_body(&image(port))));
        (asked + &taken + r#"<recv request="ACK"/>"#, r#"<Reference variables="line"/>"#)
    } else {
        (String::new(), "")
    };
    [
        r#"<?xml version="1.0" encoding="ISO-8859-1" ?><scenario name="called">"#.to_owned(),
        r#"<recv request="INVITE"/>"#.into(),
        sends(false, &says("180 Ringing", tagged, "Content-Length: 0\n\n")),
        r#"<pause milliseconds="300"/>"#.into(),
        sends(true, &says("200 OK", tagged, &route(&audio()))),
        r#"<recv request="ACK"/>"#.into(),
        then,
        r#"<recv request="BYE"/>"#.into(),
        sends(false, &says("200 OK", known, "Content-Length: 0\n\n")),
        format!("{used}</scenario>"),
    ]
    .concat()
}
