//! Who writes somebody else's address into short requests must not have us send long answers there:
//! what we say to a source that has proven nothing is at most twice as long as what it said, and
//! from a certain rate on, whatever it asks, we say no more.

use crate::bench::{Bench, Limit};
use crate::server::Server;
use anyhow::Result;
use benches::results::Figure;
use std::net::{Ipv4Addr, SocketAddr, UdpSocket};
use std::time::{Duration, Instant};

/// Requests of each kind, and the time between two.
const REQUESTS: u32 = 20;
const BETWEEN: Duration = Duration::from_millis(10);
/// Answers are counted for so long after the last request: what is sent again is an answer too.
const LISTENS: Duration = Duration::from_secs(5);
const TIMES_MAX: f64 = 2.0;
/// Requests of the one source that asks and asks, as many every so often: below the rate at which
/// requests themselves are dropped, `sip.requests_per_s_max`.
const MANY: u32 = 5_000;
const AT_A_TIME: u32 = 15;

const KINDS: [&str; 8] =
    ["OPTIONS", "REGISTER", "INVITE", "SUBSCRIBE", "PUBLISH", "MESSAGE", "BYE", "XYZZY"];

/// The shortest requests of strangers, a source for each kind.
///
/// # Errors
/// What kept it from being tried.
pub fn happen(server: &Server, bench: &mut Bench) -> Result<()> {
    let mut said = Vec::new();
    for (at, kind) in (1_u8..).zip(KINDS) {
        let socket = UdpSocket::bind((Ipv4Addr::new(127, 0, 3, at), 0))?;
        socket.set_nonblocking(true)?;
        let own = socket.local_addr()?;
        let mut bytes = 0;
        for n in 0..REQUESTS {
            bytes += socket.send_to(request(kind, n, own, server.sip).as_bytes(), server.sip)?;
            std::thread::sleep(BETWEEN);
        }
        said.push((kind, socket, bytes, 0_usize));
    }
    let (end, mut buffer) = (Instant::now() + LISTENS, vec![0; 65_535]);
    while Instant::now() < end {
        for (_, socket, _, heard) in &mut said {
            while let Ok((length, _)) = socket.recv_from(&mut buffer) {
                *heard += length;
            }
        }
        std::thread::sleep(BETWEEN);
    }
    for (kind, _, bytes, heard) in said {
        let times = heard as f64 / bytes.max(1) as f64;
        let what = format!("reflection: bytes answered to {kind}");
        bench.note(&what, times, "of those sent", Some(TIMES_MAX))?;
    }
    one_source(server, bench)
}

/// One source, whose address may be anybody's, asks far more often than it is answered.
fn one_source(server: &Server, bench: &mut Bench) -> Result<()> {
    let answers_max = f64::from(::signaling::sip::Config::new(Vec::new()).challenges_per_s_max);
    let socket = UdpSocket::bind((Ipv4Addr::new(127, 0, 3, 100), 0))?;
    socket2::SockRef::from(&socket).set_recv_buffer_size(4 << 20)?;
    socket.set_nonblocking(true)?;
    let (own, began) = (socket.local_addr()?, Instant::now());
    let mut heard = Answers::default();
    for n in 0..MANY {
        let kind = KINDS[n as usize % KINDS.len()];
        heard.asked += socket.send_to(request(kind, n, own, server.sip).as_bytes(), server.sip)?;
        if n % AT_A_TIME == AT_A_TIME - 1 {
            heard.take(&socket, began);
            std::thread::sleep(BETWEEN);
        }
    }
    let asked_for = began.elapsed().as_secs_f64();
    while began.elapsed().as_secs_f64() < asked_for + LISTENS.as_secs_f64() {
        heard.take(&socket, began);
        std::thread::sleep(BETWEEN);
    }
    let rate = f64::from(MANY) / asked_for;
    let asked = Figure::new(&bench.name, "reflection: requests of one source", rate, "per s");
    bench.judge(&asked, Limit::Least(2.0 * answers_max))?;
    let said = heard.count() as f64;
    bench.note("reflection: answers to one source", said, "answers", None)?;
    let beyond = heard.beyond_first_second(answers_max);
    let what = "reflection: answers to one source, beyond those of one second";
    bench.note(what, beyond, "per s", Some(answers_max))?;
    let bytes = heard.bytes as f64 / heard.lasted().max(1.0);
    bench.note("reflection: bytes to one source", bytes, "per s", None)?;
    let times = heard.bytes as f64 / heard.asked as f64;
    bench.note("reflection: bytes answered to one source", times, "of those sent", Some(1.0))
}

/// What one source was told, and when.
#[derive(Default)]
struct Answers {
    asked: usize,
    bytes: usize,
    at: Vec<Duration>,
}

impl Answers {
    fn take(&mut self, socket: &UdpSocket, began: Instant) {
        let mut buffer = [0; 4_096];
        while let Ok((length, _)) = socket.recv_from(&mut buffer) {
            self.bytes += length;
            self.at.push(began.elapsed());
        }
    }

    fn count(&self) -> usize {
        self.at.len()
    }

    /// From the first question to the last answer, in seconds.
    fn lasted(&self) -> f64 {
        self.at.last().map_or(0.0, Duration::as_secs_f64)
    }

    /// Whoever asks has what one second holds at once; how many a second came after those.
    fn beyond_first_second(&self, of_a_second: f64) -> f64 {
        (self.count() as f64 - of_a_second).max(0.0) / self.lasted().max(1.0)
    }
}

/// As short as a request can be.
fn request(method: &str, n: u32, own: SocketAddr, server: SocketAddr) -> String {
    format!(
        "{method} sip:1@{server} SIP/2.0\r\nv: SIP/2.0/UDP {own};branch=z9hG4bK{n}\r\n\
         f: <sip:1@a>;tag=1\r\nt: <sip:1@a>\r\ni: {n}{method}\r\nCSeq: {n} {method}\r\n\
         Max-Forwards: 9\r\nm: <sip:1@{own}>\r\nl: 0\r\n\r\n"
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sip::message::Message;

    #[test]
    fn answers_beyond_those_of_one_second_are_so_many_a_second() {
        let at =
            |count: u64| (0..count).map(move |n| Duration::from_millis(n * 3_000 / (count - 1)));
        let capped = Answers { at: at(2_000).collect(), ..Answers::default() };
        assert_eq!(capped.beyond_first_second(500.0), 500.0);
        let all = Answers { at: at(5_000).collect(), ..Answers::default() };
        assert_eq!(all.beyond_first_second(500.0), 1_500.0);
        assert_eq!(Answers::default().beyond_first_second(500.0), 0.0);
    }

    #[test]
    fn every_kind_is_a_request_of_its_own() {
        let address = |text: &str| text.parse::<SocketAddr>().unwrap();
        for kind in KINDS {
            let own = address("127.0.3.1:4000");
            let text = request(kind, 3, own, address("127.0.0.1:5060"));
            let message = Message::parse(text.as_bytes()).unwrap();
            assert_eq!((message.method(), message.branch()), (kind, Some("z9hG4bK3")));
        }
    }
}
