//! A scanner as such tools work: it looks for extensions with REGISTERs, and then guesses at the
//! password of one, each time with the nonce that it was given. It is banned, while a phone and a
//! caller from elsewhere notice nothing, and an administrator lifts the ban.

use super::{agent, seconds, tell};
use serde_json::Value;
use std::net::{SocketAddr, UdpSocket};
use std::time::Duration;
use tests::house::{House, Options, wait_for};
use tests::peer::baresip::Manner;
use tests::peer::sipp::{Act, Caller};

const SCANNER: &str = "127.0.0.66";
/// Wrong passwords that ban.
const GUESSES: u32 = 10;

fn request(method: &str, extension: u32, from: SocketAddr, n: u32, more: &str) -> String {
    format!(
        "{method} sip:127.0.0.1 SIP/2.0\r\nVia: SIP/2.0/UDP {from};branch=z9hG4bKscan{n};rport\r\n\
         Max-Forwards: 70\r\nFrom: <sip:{extension}@127.0.0.1>;tag=scan{n}\r\n\
         To: <sip:{extension}@127.0.0.1>\r\nCall-ID: scan{n}@{from}\r\nCSeq: 1 {method}\r\n\
         Contact: <sip:{extension}@{from}>\r\nUser-Agent: a usual phone\r\n{more}\
         Content-Length: 0\r\n\r\n"
    )
}

struct Scanner {
    socket: UdpSocket,
    server: SocketAddr,
    sent: u32,
}

impl Scanner {
    fn new(server: SocketAddr) -> Self {
        let socket = UdpSocket::bind((SCANNER, 0)).expect("loopback is ours");
        socket.set_read_timeout(Some(Duration::from_millis(500))).expect("a timeout");
        Scanner { socket, server, sent: 0 }
    }

    fn say(&mut self, method: &str, extension: u32, more: &str) {
        self.sent += 1;
        let from = self.socket.local_addr().expect("bound");
        let text = request(method, extension, from, self.sent, more);
        self.socket.send_to(text.as_bytes(), self.server).expect("loopback takes it");
    }

    /// The answer to what was said last, where one comes at all.
    fn hears(&self) -> Option<String> {
        let mut answer = [0; 4000];
        loop {
            let length = self.socket.recv(&mut answer).ok()?;
            let text = String::from_utf8_lossy(&answer[..length]).into_owned();
            if text.contains(&format!("Call-ID: scan{}@", self.sent)) {
                return Some(text);
            }
        }
    }

    /// Asks until there is an answer: on a busy machine datagrams are lost.
    fn ask(&mut self, method: &str, extension: u32, more: &str) -> String {
        wait_for("an answer to the scanner", seconds(20), || {
            self.say(method, extension, more);
            self.hears()
        })
    }
}

/// A quoted value of the challenge.
fn value<'a>(challenge: &'a str, name: &str) -> &'a str {
    let rest = challenge.split(&format!("{name}=\"")).nth(1).expect("it is there");
    rest.split('"').next().expect("a value")
}

/// Credentials of this extension with a wrong password.
fn guess(challenge: &str, extension: u32, n: u32) -> String {
    let (realm, nonce) = (value(challenge, "realm"), value(challenge, "nonce"));
    format!(
        "Authorization: Digest username=\"{extension}\",realm=\"{realm}\",nonce=\"{nonce}\",\
         uri=\"sip:127.0.0.1\",response=\"{n:032x}\",algorithm=MD5,qop=auth,nc={n:08x},\
         cnonce=\"c\"\r\n"
    )
}

fn banned(house: &House) -> Option<Value> {
    let bans = house.json("/api/v1/bans");
    bans.as_array().expect("a list").iter().find(|ban| ban["address"] == SCANNER).cloned()
}

#[test]
fn a_scanner_that_looks_for_extensions_and_guesses_a_password_is_banned_and_nobody_else_is() {
    tell("auto", |_| {
        let house = House::start(Options::default());
        let mut scanner = Scanner::new(house.sip);
        // Whether they exist or not, extensions answer alike.
        for extension in 1_000..1_005 {
            assert!(scanner.ask("REGISTER", extension, "").starts_with("SIP/2.0 401"));
        }
        let known: u32 = house.agents[0].user.parse().expect("a number");
        let mut challenge = scanner.ask("REGISTER", known, "");
        let mut guesses = 0;
        let ban = wait_for("the ban", seconds(20), || {
            guesses += 1;
            let credentials = guess(&challenge, known, guesses);
            scanner.say("REGISTER", known, &credentials);
            if let Some(answer) = scanner.hears() {
                assert!(answer.starts_with("SIP/2.0 401"), "{answer}");
                challenge = answer;
            }
            banned(&house)
        });
        assert!(guesses >= GUESSES, "{guesses}");
        assert!(ban["why"] == "passwords" && ban["claimed"] == false, "{ban}");
        assert_eq!(ban["named"], house.agents[0].user.as_str());
        wait_for("what is dropped to be counted", seconds(20), || {
            scanner.say("OPTIONS", known, "");
            let text = house.get("/metrics").text().expect("text");
            text.contains("switchgrid_sip_dropped_banned_total ").then_some(())
        });
        assert!(house.log().contains("a source is banned"));

        let (_phone, agent_id) = agent(&house, 0, 440, Manner::Answers);
        let acts = vec![
            Act::Pause(seconds(2)),
            Act::Digit('1'),
            Act::Pause(seconds(2)),
            Act::Speak,
            Act::Pause(seconds(3)),
            Act::HangUp,
        ];
        Caller::new("13800138000", &house.hotline, acts).call(house.sip, house.scratch()).finish();
        let call = house.wait_row("SELECT * FROM calls");
        assert_eq!(call["outcome"], "answered", "{call}\n{}", house.log());
        assert_eq!(call["agent_id"], agent_id.as_str());

        let (status, body) = house.delete(&format!("/api/v1/bans/{SCANNER}"));
        assert_eq!(status, 204, "{body}");
        assert!(banned(&house).is_none());
        assert!(scanner.ask("OPTIONS", known, "").starts_with("SIP/2.0 200"));
    });
}
