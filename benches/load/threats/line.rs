//! Telephones on a socket of their own whose requests are watched: how long each waits for the
//! first word about it, and which are never answered.

use crate::sip::digest::Credential;
use crate::sip::message::Message;
use crate::sip::phone::{Dial, Event, LegKey, Output, Phone};
use anyhow::{Result, bail};
use benches::media::g711::Law;
use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::net::{Ipv4Addr, SocketAddr, UdpSocket};
use std::time::{Duration, Instant};
use terms::Moment;

const DATAGRAM_BYTES: usize = 65_535;
/// Between two looks at a socket where nothing came.
const LOOK_EVERY: Duration = Duration::from_micros(500);

/// The telephones.
pub struct Line {
    socket: UdpSocket,
    /// Where their audio would come; nobody listens.
    audio: UdpSocket,
    phone: Phone,
    began: Instant,
    watch: Watch,
    buffer: Vec<u8>,
}

/// Requests that went out, and their answers.
#[derive(Default)]
struct Watch {
    /// By branch and method.
    waiting: HashMap<(String, String), Instant>,
    requests: u64,
    answered: Vec<Duration>,
}

impl Watch {
    /// A request counts once, however often it is sent.
    fn on_sent(&mut self, bytes: &[u8]) {
        let Some((key, None)) = parse(bytes) else { return };
        if key.1 == "ACK" {
            return;
        }
        if let Entry::Vacant(first) = self.waiting.entry(key) {
            first.insert(Instant::now());
            self.requests += 1;
        }
    }

    fn on_received(&mut self, bytes: &[u8]) {
        let Some((key, Some(_))) = parse(bytes) else { return };
        if let Some(since) = self.waiting.remove(&key) {
            self.answered.push(since.elapsed());
        }
    }
}

/// Branch and method, and the status of an answer.
fn parse(bytes: &[u8]) -> Option<((String, String), Option<u16>)> {
    let message = Message::parse(bytes)?;
    let key = (message.branch()?.to_owned(), message.method().to_owned());
    Some((key, message.status()))
}

/// What came of a while.
#[derive(Default)]
pub struct Watched {
    /// Requests that were sent.
    pub requests: u64,
    /// From each to the first word about it.
    pub answered: Vec<Duration>,
    /// Those without one.
    pub lost: u64,
    /// Datagrams that were sent again, because nothing came in time.
    pub again: u64,
}

impl Line {
    /// Opens a socket on this machine.
    ///
    /// # Errors
    /// When the kernel has none.
    pub fn open(server: SocketAddr, seed: u64) -> Result<Line> {
        let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0))?;
        socket2::SockRef::from(&socket).set_recv_buffer_size(4 << 20)?;
        socket.set_nonblocking(true)?;
        let phone = Phone::new(socket.local_addr()?, server, seed);
        Ok(Line {
            socket,
            audio: UdpSocket::bind((Ipv4Addr::LOCALHOST, 0))?,
            phone,
            began: Instant::now(),
            watch: Watch::default(),
            buffer: vec![0; DATAGRAM_BYTES],
        })
    }

    /// The same, where calls to whomever come in, as they do at a carrier.
    ///
    /// # Errors
    /// When the kernel has no socket.
    pub fn carrier(server: SocketAddr, seed: u64) -> Result<Line> {
        let mut line = Line::open(server, seed)?;
        line.phone.everybody = true;
        Ok(line)
    }

    /// Where requests reach it.
    ///
    /// # Errors
    /// When the socket is gone.
    pub fn address(&self) -> Result<SocketAddr> {
        Ok(self.socket.local_addr()?)
    }

    fn now(&self) -> Moment {
        Moment(self.began.elapsed().as_nanos() as u64)
    }

    fn rtp(&self) -> Result<SocketAddr> {
        Ok(self.audio.local_addr()?)
    }

    /// Registers a phone, or the same one again.
    pub fn register(&mut self, credential: &Credential) {
        self.phone.register(self.now(), credential.clone());
    }

    /// Calls somebody, with a password where there is one.
    ///
    /// # Errors
    /// When the socket for audio is gone.
    pub fn dial(
        &mut self,
        from: &str,
        to: &str,
        credential: Option<&Credential>,
    ) -> Result<LegKey> {
        let dial = Dial {
            from: from.to_owned(),
            to: to.to_owned(),
            rtp: self.rtp()?,
            law: Law::A,
            credential: credential.cloned(),
        };
        Ok(self.phone.dial(self.now(), dial))
    }

    /// Says that it rings.
    pub fn ring(&mut self, leg: LegKey) {
        self.phone.ring(leg);
    }

    /// Takes their call.
    ///
    /// # Errors
    /// When the socket for audio is gone.
    pub fn answer(&mut self, leg: LegKey) -> Result<()> {
        let rtp = self.rtp()?;
        self.phone.answer(self.now(), leg, rtp, Law::A);
        Ok(())
    }

    /// Asks that who is called be connected with somebody else.
    pub fn refer(&mut self, leg: LegKey, target: &str) {
        self.phone.refer(self.now(), leg, target);
    }

    /// Ends a call.
    pub fn hang_up(&mut self, leg: LegKey) {
        self.phone.hang_up(self.now(), leg);
    }

    /// Sends what is due and takes what has come.
    pub fn turn(&mut self) -> Vec<Event> {
        let mut events = Vec::new();
        self.phone.on_time(self.now());
        self.flush(&mut events);
        let mut buffer = std::mem::take(&mut self.buffer);
        while let Ok((length, from)) = self.socket.recv_from(&mut buffer) {
            self.watch.on_received(&buffer[..length]);
            self.phone.on_datagram(self.now(), from, &buffer[..length]);
        }
        self.buffer = buffer;
        self.flush(&mut events);
        events
    }

    fn flush(&mut self, events: &mut Vec<Event>) {
        while let Some(output) = self.phone.poll() {
            match output {
                Output::Transmit(to, bytes) => {
                    self.watch.on_sent(&bytes);
                    // What the kernel refuses is sent again like what the network loses.
                    let _ = self.socket.send_to(&bytes, to);
                }
                Output::Event(event) => events.push(event),
            }
        }
    }

    /// Takes turns until an event is what is waited for.
    ///
    /// # Errors
    /// When none is in time.
    pub fn until<T>(&mut self, time: Duration, wanted: impl Fn(&Event) -> Option<T>) -> Result<T> {
        let end = Instant::now() + time;
        while Instant::now() < end {
            if let Some(found) = self.turn().iter().find_map(&wanted) {
                return Ok(found);
            }
            rest();
        }
        bail!("what was waited for did not come within {time:?}")
    }

    /// Takes the registrations back.
    pub fn leave(&mut self) {
        self.phone.unregister_all(self.now());
        let end = Instant::now() + Duration::from_millis(500);
        while Instant::now() < end {
            self.turn();
            rest();
        }
    }

    /// What came of all requests since this was asked last; those that wait are lost.
    pub fn watched(&mut self) -> Watched {
        let watch = std::mem::take(&mut self.watch);
        let again = std::mem::take(&mut self.phone.retransmissions);
        let lost = watch.waiting.len() as u64;
        Watched { requests: watch.requests, answered: watch.answered, lost, again }
    }

    /// Requests that nothing came to until now.
    pub fn waiting(&self) -> usize {
        self.watch.waiting.len()
    }
}

impl Watched {
    /// Both together.
    pub fn and(mut self, other: Watched) -> Watched {
        self.requests += other.requests;
        self.answered.extend(other.answered);
        self.lost += other.lost;
        self.again += other.again;
        self
    }

    /// A share of the answers came within this, in ms.
    pub fn ms(&mut self, share: f64) -> f64 {
        self.answered.sort_unstable();
        let last = self.answered.len().saturating_sub(1);
        let at = (share * last as f64).round() as usize;
        self.answered.get(at).map_or(0.0, |time| time.as_secs_f64() * 1e3)
    }
}

/// A moment without anything to do.
pub fn rest() {
    std::thread::sleep(LOOK_EVERY);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_counts_once_and_is_lost_until_a_word_about_it_comes() {
        let mut watch = Watch::default();
        let request = |method: &str| {
            Message::request(method, "sip:a@b")
                .with("Via", "SIP/2.0/UDP x;branch=z9hG4bK1")
                .with("CSeq", format!("1 {method}"))
        };
        let invite = request("INVITE");
        watch.on_sent(&invite.write());
        watch.on_sent(&invite.write());
        watch.on_sent(&request("ACK").write());
        assert_eq!((watch.requests, watch.waiting.len()), (1, 1));
        watch.on_received(&Message::response(&request("CANCEL"), 200, "OK").write());
        assert_eq!(watch.waiting.len(), 1, "that was another request's");
        watch.on_received(&Message::response(&invite, 100, "Trying").write());
        watch.on_received(&Message::response(&invite, 200, "OK").write());
        assert_eq!((watch.answered.len(), watch.waiting.len()), (1, 0));
    }

    #[test]
    fn a_share_of_the_answers_is_one_of_them() {
        let answered = (1..=100).map(Duration::from_millis).collect();
        let mut watched = Watched { answered, ..Watched::default() };
        assert_eq!((watched.ms(0.0), watched.ms(0.99), watched.ms(1.0)), (1.0, 99.0, 100.0));
        assert_eq!(Watched::default().ms(0.99), 0.0);
    }
}
