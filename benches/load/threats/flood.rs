//! Strangers send requests and garbage to the SIP port. Each is gone before anything of theirs would
//! ban them, and somebody with another address comes in their place: what is measured is what the
//! switch reads and answers, not what it drops unread. Meanwhile phones register and call as ever.

use super::line::{Line, Watched, rest};
use crate::bench::{Bench, Limit, NUMBER};
use crate::server::Server;
use crate::sip::digest::Credential;
use crate::sip::phone::Event;
use anyhow::Result;
use benches::procstat;
use benches::results::Figure;
use rand::rngs::SmallRng;
use rand::{Rng, SeedableRng};
use std::net::{Ipv4Addr, SocketAddr, UdpSocket};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

/// Strangers at a time, as many of each kind.
const STRANGERS: u32 = 16;
/// Datagrams of one of them: two more of noise would ban them.
const OF_STRANGER: u32 = 8;
/// Without a flood, to compare with, and until all is in use that calls use.
const CALM: Duration = Duration::from_secs(15);
/// What the flood took is given back within this, while people telephone on.
const GIVEN_BACK: Duration = Duration::from_secs(30);
/// The last answers come within this.
const STRAGGLERS: Duration = Duration::from_secs(3);
/// Between two registrations, and between two calls.
const REGISTER_EVERY: Duration = Duration::from_millis(40);
const CALL_EVERY: Duration = Duration::from_millis(100);
const ANSWER_MS_MAX: f64 = 50.0;
const GROWN_MB_MAX: f64 = 20.0;
/// Of the rate that was asked for.
const RATE_SHARE_MIN: f64 = 0.95;

/// So many datagrams a second for so many seconds.
///
/// # Errors
/// What kept it from being tried.
pub fn happen(
    (rate, seconds): (u32, u64),
    server: &Server,
    agents: &[Credential],
    bench: &mut Bench,
) -> Result<()> {
    let mut people = People::start(server.sip, agents)?;
    people.telephone(CALM)?;
    let mut calm = people.watched();
    let memory = procstat::usage(server.pid(), "")?.memory_bytes;
    let (mut flood, stop) = (Flood::prepare(server.sip)?, AtomicBool::new(false));
    let per_s = thread::scope(|scope| {
        let sending = scope.spawn(|| flood.send(rate, &stop));
        let telephoned = people.telephone(Duration::from_secs(seconds));
        stop.store(true, Ordering::Relaxed);
        let per_s = sending.join().expect("the flood does not panic");
        telephoned.and(per_s)
    })?;
    let mut watched = people.watched();
    people.telephone(GIVEN_BACK)?;
    let grown = procstat::usage(server.pid(), "")?.memory_bytes.saturating_sub(memory);
    people.leave();
    let sent = Figure::new(&bench.name, "sip flood: datagrams", per_s, "per s");
    bench.judge(&sent, Limit::Least(f64::from(rate) * RATE_SHARE_MIN))?;
    let came = f64::from(flood.came);
    bench.note("sip flood: addresses that it came from", came, "addresses", None)?;
    let requests = watched.requests as f64;
    bench.note("sip flood: requests of good phones", requests, "requests", None)?;
    bench.note("sip flood: answered before it, p99", calm.ms(0.99), "ms", None)?;
    let most = Some(ANSWER_MS_MAX);
    bench.note("sip flood: answered during it, p99", watched.ms(0.99), "ms", most)?;
    bench.note("sip flood: requests lost", watched.lost as f64, "requests", Some(0.0))?;
    bench.note("sip flood: sent again", watched.again as f64, "datagrams", Some(0.0))?;
    let failed = people.failed as f64;
    bench.note("sip flood: calls and registrations failed", failed, "", Some(0.0))?;
    let grown = grown as f64 / 1e6;
    bench.note("sip flood: memory grown, 30 s after it", grown, "MB", Some(GROWN_MB_MAX))
}

/// A caller outside, and agents who register over and over and take the calls.
struct People {
    outside: Line,
    inside: Line,
    agents: Vec<Credential>,
    turns: usize,
    /// Calls that were dialled and have not come to their end.
    up: usize,
    failed: usize,
}

impl People {
    fn start(server: SocketAddr, agents: &[Credential]) -> Result<People> {
        let (outside, mut inside) = (Line::open(server, 1)?, Line::open(server, 2)?);
        for agent in agents {
            inside.register(agent);
            let taken = |event: &Event| {
                matches!(event, Event::Registered { status: 200, .. }).then_some(())
            };
            inside.until(STRAGGLERS, taken)?;
        }
        Ok(People { outside, inside, agents: agents.to_vec(), turns: 0, up: 0, failed: 0 })
    }

    /// They telephone for so long, and end what they began.
    fn telephone(&mut self, time: Duration) -> Result<()> {
        let began = Instant::now();
        let (mut registers_at, mut calls_at) = (began, began);
        loop {
            let now = Instant::now();
            if now < began + time {
                if now >= registers_at {
                    registers_at += REGISTER_EVERY;
                    self.turns += 1;
                    let agent = &self.agents[self.turns % self.agents.len()];
                    self.inside.register(agent);
                }
                if now >= calls_at {
                    calls_at += CALL_EVERY;
                    self.outside.dial("13900000001", NUMBER, None)?;
                    self.up += 1;
                }
            } else if self.is_still() || now > began + time + STRAGGLERS {
                self.failed += std::mem::take(&mut self.up);
                return Ok(());
            }
            if !self.listen()? {
                rest();
            }
        }
    }

    fn is_still(&self) -> bool {
        self.up + self.outside.waiting() + self.inside.waiting() == 0
    }

    /// Whether anything happened.
    fn listen(&mut self) -> Result<bool> {
        let (inside, outside) = (self.inside.turn(), self.outside.turn());
        let happened = !inside.is_empty() || !outside.is_empty();
        for event in inside {
            match event {
                Event::Incoming { leg, .. } => self.inside.answer(leg)?,
                Event::Registered { status, .. } => self.failed += usize::from(status != 200),
                _ => {}
            }
        }
        for event in outside {
            match event {
                Event::Answered { leg, .. } => {
                    self.outside.hang_up(leg);
                    self.up = self.up.saturating_sub(1);
                }
                Event::Failed { .. } => {
                    self.up = self.up.saturating_sub(1);
                    self.failed += 1;
                }
                _ => {}
            }
        }
        Ok(happened)
    }

    fn watched(&mut self) -> Watched {
        self.outside.watched().and(self.inside.watched())
    }

    fn leave(&mut self) {
        self.inside.leave();
    }
}

/// Who sends, and what comes of it.
struct Flood {
    server: SocketAddr,
    chance: SmallRng,
    strangers: Vec<Stranger>,
    /// Strangers until now.
    came: u32,
}

/// A source of a few datagrams of one kind.
struct Stranger {
    socket: UdpSocket,
    own: SocketAddr,
    kind: u8,
    sent: u32,
}

impl Stranger {
    /// The nth, at an address where nobody was before.
    fn come(n: u32) -> Result<Stranger> {
        let [_, high, middle, low] = n.to_be_bytes();
        let socket = UdpSocket::bind((Ipv4Addr::new(127, 64 + high % 128, middle, low), 0))?;
        socket.set_nonblocking(true)?;
        let own = socket.local_addr()?;
        Ok(Stranger { socket, own, kind: low % 4, sent: 0 })
    }
}

impl Flood {
    fn prepare(server: SocketAddr) -> Result<Flood> {
        let strangers = (0..STRANGERS).map(Stranger::come).collect::<Result<Vec<_>>>()?;
        let chance = SmallRng::seed_from_u64(4_711);
        Ok(Flood { server, chance, strangers, came: STRANGERS })
    }

    /// Sends until told to stop: how many a second the kernel took.
    fn send(&mut self, rate: u32, stop: &AtomicBool) -> Result<f64> {
        let began = Instant::now();
        let (mut sent, mut turn) = (0_u64, 0_usize);
        while !stop.load(Ordering::Relaxed) {
            let due = (began.elapsed().as_secs_f64() * f64::from(rate)) as u64;
            if sent >= due {
                thread::sleep(Duration::from_micros(500));
                continue;
            }
            sent += u64::from(self.send_one(turn)?);
            turn += 1;
        }
        Ok(sent as f64 / began.elapsed().as_secs_f64())
    }

    /// One datagram of whose turn it is, and somebody else in their place after their last; whether
    /// the kernel took it.
    fn send_one(&mut self, turn: usize) -> Result<bool> {
        let place = turn % self.strangers.len();
        let stranger = &mut self.strangers[place];
        let bytes = datagram(stranger.kind, turn, stranger.own, self.server, &mut self.chance);
        let taken = stranger.socket.send_to(&bytes, self.server).is_ok();
        stranger.sent += 1;
        if stranger.sent >= OF_STRANGER {
            self.strangers[place] = Stranger::come(self.came)?;
            self.came += 1;
        }
        Ok(taken)
    }
}

/// OPTIONS, INVITE and REGISTER of strangers, and noise.
fn datagram(
    kind: u8,
    at: usize,
    own: SocketAddr,
    server: SocketAddr,
    chance: &mut SmallRng,
) -> Vec<u8> {
    let method = match kind {
        0 => "OPTIONS",
        1 => "INVITE",
        2 => "REGISTER",
        _ => {
            let length = chance.random_range(1..600);
            return (0..length).map(|_| chance.random()).collect();
        }
    };
    let token: u64 = chance.random();
    format!(
        "{method} sip:95105600@{server} SIP/2.0\r\n\
         Via: SIP/2.0/UDP {own};branch=z9hG4bK{token:x}\r\nMax-Forwards: 70\r\n\
         From: <sip:stranger@{own}>;tag={at}\r\nTo: <sip:95105600@{server}>\r\n\
         Call-ID: {token:x}@{own}\r\nCSeq: {at} {method}\r\n\
         Contact: <sip:stranger@{own}>\r\nContent-Length: 0\r\n\r\n"
    )
    .into_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sip::message::Message;

    #[test]
    fn three_kinds_are_requests_and_the_fourth_is_noise() {
        let address = |text: &str| text.parse::<SocketAddr>().unwrap();
        let (own, server) = (address("127.0.2.1:4000"), address("127.0.0.1:5060"));
        let mut chance = SmallRng::seed_from_u64(1);
        let mut method = |kind| {
            let bytes = datagram(kind, 7, own, server, &mut chance);
            Message::parse(&bytes).map(|message| message.method().to_owned())
        };
        assert_eq!(method(0).as_deref(), Some("OPTIONS"));
        assert_eq!(method(1).as_deref(), Some("INVITE"));
        assert_eq!(method(2).as_deref(), Some("REGISTER"));
        assert_eq!(method(3), None);
    }

    #[test]
    fn nobody_stays_long_enough_to_be_banned_and_who_comes_next_comes_from_elsewhere() {
        let server = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let mut flood = Flood::prepare(server.local_addr().unwrap()).unwrap();
        let first: Vec<_> = flood.strangers.iter().map(|one| one.own.ip()).collect();
        for turn in 0..(STRANGERS * OF_STRANGER) as usize {
            assert!(flood.send_one(turn).unwrap());
        }
        assert_eq!(flood.came, 2 * STRANGERS);
        assert!(flood.strangers.iter().all(|one| !first.contains(&one.own.ip()) && one.sent == 0));
        let of_kind = |kind| flood.strangers.iter().filter(|one| one.kind == kind).count();
        assert_eq!([0, 1, 2, 3].map(of_kind), [4; 4]);
    }
}
