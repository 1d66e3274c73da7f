//! The core in virtual time: a bench with one core, and peers made of text.

mod addresses;
mod auth;
mod bans;
mod browsers;
mod calls_in;
mod calls_out;
mod flows;
mod gateways;
mod health;
mod in_dialog;
mod jssip;
mod lamps;
mod limits;
mod lines;
mod messages;
mod presence;
mod refreshes;
mod registrations;
mod reliable;
mod replaces;
mod restore;
mod servers;
mod session_timers;
mod shown;
mod sip_i;
mod texts;
mod torture;
mod trunks;

use super::core::{Config, Listener, UserAgent};
use super::digest::Algorithm;
use super::flow::{ConnectionId, Host, Transport};
use super::header::Digest;
use super::message::{Message, Name};
use super::parse::Carrier;
use super::user_agent::{Command, Event};
use crate::switch::Now;
use std::net::SocketAddr;
use std::time::Duration;
use terms::routing::{Agent, Credential, Number, Plan, Target};
use terms::{AgentId, LegId, Moment, NumberId, TenantId, Timestamp};

pub(super) const TENANT: TenantId = TenantId(1);
pub(super) const AGENT: AgentId = AgentId(7);
pub(super) const SDP: &str = "v=0\r\no=- 1 1 IN IP4 198.51.100.7\r\ns=-\r\nc=IN IP4 198.51.100.7\r\nt=0 0\r\nm=audio 4000 RTP/AVP 8\r\n";

/// A peer's address.
pub(super) fn peer(text: &str) -> SocketAddr {
    text.parse().unwrap()
}
/// The address of the test trunk.
pub(super) fn carrier() -> SocketAddr {
    peer("203.0.113.5:5060")
}
/// A phone outside.
pub(super) fn phone() -> SocketAddr {
    peer("198.51.100.7:5060")
}

pub(super) fn plan() -> Plan {
    let mut plan = Plan::empty(TENANT, "demo");
    let parts: [&[u8]; 3] = [b"1001", plan.realm.as_bytes(), b"secret"];
    plan.agents.push(Agent {
        id: AGENT,
        number: "1001".into(),
        name: "王芳".into(),
        sip_user: "1001".into(),
        ha1_md5: Algorithm::Md5.hash(&parts),
        ha1_sha256: Algorithm::Sha256.hash(&parts),
        codes: Vec::new(),
        pickup_any: false,
        skills: Vec::new(),
        calling: Default::default(),
        phone: Default::default(),
        ringing: Default::default(),
        sign_in_pin: String::new(),
    });
    plan.numbers.push(Number {
        id: NumberId(1),
        digits: "95105688".into(),
        target: Target::Hangup,
    });
    plan.trunks.push(super::trunk::plan_for_tests(&["203.0.113.0/24"]));
    plan
}

/// A transmit as a test reads it.
#[derive(Clone, Debug)]
pub(super) struct Sent {
    pub(super) to: Host,
    pub(super) connection: Option<ConnectionId>,
    pub(super) transaction: Option<u64>,
    pub(super) close: bool,
    pub(super) text: String,
}

impl Sent {
    pub(super) fn start(&self) -> &str {
        self.text.lines().next().unwrap_or_default()
    }
    pub(super) fn header(&self, name: &str) -> String {
        let prefix = format!("{name}: ");
        let line = self.text.lines().find(|line| line.starts_with(&prefix));
        line.unwrap_or_else(|| panic!("{name} in {}", self.text))[prefix.len()..].to_owned()
    }
    pub(super) fn has(&self, part: &str) -> bool {
        self.text.contains(part)
    }
    pub(super) fn to_tag(&self) -> String {
        self.header("To").split("tag=").nth(1).expect("a tag").to_owned()
    }
    /// A response to this request of ours, with a tag.
    pub(super) fn answer(&self, status: &str, tag: &str, more: &str, body: &str) -> String {
        let to = self.header("To");
        let to = if to.contains("tag=") { to } else { format!("{to};tag={tag}") };
        let mut text = format!("SIP/2.0 {status}\r\n");
        for name in ["Via", "From", "Call-ID", "CSeq"] {
            text += &format!("{name}: {}\r\n", self.header(name));
        }
        text += &format!("To: {to}\r\n{more}");
        if !body.is_empty() {
            text += "Content-Type: application/sdp\r\n";
        }
        text + &format!("Content-Length: {}\r\n\r\n{body}", body.len())
    }
}

/// One core with a clock.
pub(super) struct Bench {
    pub(super) core: UserAgent,
    pub(super) ms: u64,
    branch: u32,
}

impl Bench {
    pub(super) fn new() -> Self {
        Bench::with(|_| {})
    }

    pub(super) fn with(change: impl FnOnce(&mut Config)) -> Self {
        let listener = |transport| Listener {
            transport,
            advertised: peer("192.0.2.1:5060"),
            digest: vec![Algorithm::Sha256, Algorithm::Md5],
        };
        let mut config = Config::new(vec![listener(Transport::Udp), listener(Transport::Tcp)]);
        change(&mut config);
        let mut bench = Bench { core: UserAgent::new(config, 42), ms: 1_000_000, branch: 0 };
        bench.core.set_plan(bench.now(), &plan());
        bench
    }

    pub(super) fn now(&self) -> Now {
        let wall = Timestamp::from_millis(1_790_000_000_000 + self.ms as i64);
        Now { moment: Moment::from_millis(self.ms), wall }
    }

    pub(super) fn command(&mut self, command: Command) {
        self.core.handle_command(self.now(), command);
    }

    pub(super) fn receive(&mut self, from: SocketAddr, text: impl AsRef<[u8]>) {
        self.core.handle_datagram(self.now(), 0, from, text.as_ref());
    }

    pub(super) fn sent(&mut self) -> Vec<Sent> {
        let polled = std::iter::from_fn(|| self.core.poll_transmit());
        polled
            .map(|transmit| Sent {
                to: transmit.hop.host,
                connection: transmit.hop.connection,
                transaction: transmit.transaction,
                close: transmit.close,
                text: String::from_utf8_lossy(&transmit.bytes).into_owned(),
            })
            .collect()
    }

    /// Exactly one transmit.
    pub(super) fn one(&mut self) -> Sent {
        let mut sent = self.sent();
        let starts: Vec<String> = sent.iter().map(|sent| sent.start().to_owned()).collect();
        assert_eq!(sent.len(), 1, "{starts:?}");
        sent.remove(0)
    }

    pub(super) fn starts(&mut self) -> Vec<String> {
        self.sent().iter().map(|sent| sent.start().to_owned()).collect()
    }

    pub(super) fn events(&mut self) -> Vec<Event> {
        std::iter::from_fn(|| self.core.poll_event()).collect()
    }

    /// Lets time pass; what was sent, with its moment.
    pub(super) fn pass(&mut self, time: Duration) -> Vec<(u64, Sent)> {
        let end = self.ms + time.as_millis() as u64;
        let mut sent = Vec::new();
        while let Some(at) = self.core.next_timeout().filter(|at| at.as_millis() <= end) {
            self.ms = self.ms.max(at.as_millis());
            // A timer between two milliseconds is due at the next.
            self.ms += u64::from(Moment::from_millis(self.ms) < at);
            self.core.handle_timeout(self.now());
            let ms = self.ms;
            sent.extend(self.sent().into_iter().map(|one| (ms, one)));
        }
        self.ms = end;
        sent
    }

    pub(super) fn counter(&self, name: &str) -> u64 {
        self.core.counters().find(|(known, _)| *known == name).map_or(0, |(_, count)| count)
    }

    pub(super) fn branch(&mut self) -> String {
        self.branch += 1;
        format!("z9hG4bKt{}", self.branch)
    }

    /// A request outside of a dialog.
    pub(super) fn request(&mut self, method: &str, user: &str, more: &str, body: &str) -> String {
        let branch = self.branch();
        let kind = if body.is_empty() { "" } else { "Content-Type: application/sdp\r\n" };
        format!(
            "{method} sip:{user}@192.0.2.1 SIP/2.0\r\n\
             Via: SIP/2.0/UDP 198.51.100.7:5060;branch={branch};rport\r\nMax-Forwards: 70\r\n\
             From: \"A\" <sip:1001@192.0.2.1>;tag=caller\r\nTo: <sip:{user}@192.0.2.1>\r\n\
             Call-ID: call-{branch}\r\nCSeq: 1 {method}\r\nContact: <sip:a@198.51.100.7:5060>\r\n\
             {more}{kind}Content-Length: {}\r\n\r\n{body}",
            body.len()
        )
    }

    /// An INVITE that passes: from the trunk.
    pub(super) fn call(&mut self) -> Call {
        self.call_with("Allow: INVITE, UPDATE\r\n", SDP)
    }

    pub(super) fn call_with(&mut self, more: &str, body: &str) -> Call {
        let invite = self.request("INVITE", "95105688", more, body);
        let invite = invite.replace("198.51.100.7:5060", "203.0.113.5:5060");
        self.receive(carrier(), &invite);
        let leg = match &self.events()[..] {
            [Event::Incoming(incoming)] => incoming.leg,
            other => panic!("{other:?}"),
        };
        let trying = self.one();
        assert_eq!(trying.start(), "SIP/2.0 100 Trying");
        Call { invite, leg, tag: trying.to_tag(), seq: 1 }
    }

    /// A call that is answered and acknowledged.
    pub(super) fn talk(&mut self) -> Call {
        let mut call = self.call();
        self.command(Command::Answer { leg: call.leg, sdp: SDP.into() });
        assert_eq!(self.one().start(), "SIP/2.0 200 OK");
        let ack = call.ack("");
        self.receive(carrier(), ack);
        assert_eq!(self.events(), [Event::Acked { leg: call.leg, sdp: None }]);
        assert!(self.sent().is_empty());
        call
    }

    /// Registers the agent's phone at this source.
    pub(super) fn register(&mut self, from: SocketAddr, contact: &str) {
        let lines = format!("Contact: <{contact}>;expires=600\r\n");
        let plain = self.request("REGISTER", "1001", "", "");
        let plain = plain.replace("Contact: <sip:a@198.51.100.7:5060>\r\n", &lines);
        let plain = plain.replace("198.51.100.7:5060", &from.to_string());
        self.receive(from, &plain);
        let challenge = self.one();
        assert!(challenge.start().contains("401"), "{}", challenge.text);
        let again = authorize(&challenge, &plain, "REGISTER", "secret", 1);
        self.receive(from, again);
        let done = self.one();
        assert_eq!(done.start(), "SIP/2.0 200 OK", "{}", done.text);
        let contact = format!("Contact: <{contact}>;expires=600\r\n");
        assert!(done.has(&contact), "{}", done.text);
    }
}

/// The request again with credentials for this challenge, the next CSeq and a new branch.
pub(super) fn authorize(
    challenge: &Sent,
    request: &str,
    method: &str,
    password: &str,
    nc: u32,
) -> String {
    authorize_as(challenge, request, method, ("1001", password), nc)
}

/// The same as another user.
pub(super) fn authorize_as(
    challenge: &Sent,
    request: &str,
    method: &str,
    (user, password): (&str, &str),
    nc: u32,
) -> String {
    let value = challenge.header("WWW-Authenticate");
    let digest = Digest::parse(value.as_bytes()).unwrap();
    let credential =
        Credential { user: user.into(), password: password.into(), realm: String::new() };
    let value =
        super::digest::respond(&credential, &digest, method, "sip:192.0.2.1", nc, "c").unwrap();
    request
        .replace("branch=z9hG4bK", &format!("branch=z9hG4bKa{nc}"))
        .replace(&format!("CSeq: 1 {method}"), &format!("CSeq: {} {method}", nc + 1))
        .replace("Max-Forwards", &format!("Authorization: {value}\r\nMax-Forwards"))
}

/// An incoming call from the caller's side.
pub(super) struct Call {
    pub(super) invite: String,
    pub(super) leg: LegId,
    /// Our tag.
    pub(super) tag: String,
    seq: u32,
}

impl Call {
    fn line(&self, name: Name) -> String {
        let message = Message::parse(self.invite.as_bytes(), Carrier::Datagram).unwrap();
        String::from_utf8_lossy(message.first(name).unwrap()).into_owned()
    }

    pub(super) fn call_id(&self) -> String {
        self.line(Name::CallId)
    }

    /// A request inside the dialog with the next CSeq.
    pub(super) fn request(&mut self, method: &str, more: &str, body: &str) -> String {
        self.seq += 1;
        self.with_seq(method, self.seq, more, body)
    }

    /// The ACK of the last INVITE.
    pub(super) fn ack(&mut self, body: &str) -> String {
        self.with_seq("ACK", self.seq, "", body)
    }

    pub(super) fn with_seq(&self, method: &str, seq: u32, more: &str, body: &str) -> String {
        let kind = if body.is_empty() || more.contains("Content-Type") {
            ""
        } else {
            "Content-Type: application/sdp\r\n"
        };
        format!(
            "{method} sip:switchgrid@192.0.2.1:5060 SIP/2.0\r\n\
             Via: SIP/2.0/UDP 203.0.113.5:5060;branch=z9hG4bK{method}{seq};rport\r\n\
             Max-Forwards: 70\r\nFrom: {}\r\nTo: {};tag={}\r\nCall-ID: {}\r\nCSeq: {seq} {method}\r\n\
             Contact: <sip:a@203.0.113.5:5060>\r\n{more}{kind}Content-Length: {}\r\n\r\n{body}",
            self.line(Name::From),
            self.line(Name::To),
            self.tag,
            self.line(Name::CallId),
            body.len()
        )
    }

    pub(super) fn cancel(&self) -> String {
        let via = self.line(Name::Via);
        format!(
            "CANCEL sip:95105688@192.0.2.1 SIP/2.0\r\nVia: {via}\r\nMax-Forwards: 70\r\n\
             From: {}\r\nTo: {}\r\nCall-ID: {}\r\nCSeq: 1 CANCEL\r\nContent-Length: 0\r\n\r\n",
            self.line(Name::From),
            self.line(Name::To),
            self.line(Name::CallId)
        )
    }
}
