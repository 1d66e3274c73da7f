//! Telephones that register: each asks, is challenged, computes its digest and asks again. So many
//! are at it at a time, and each that is done begins the next, so the registrar is never idle. They
//! sit behind many addresses, because one address is challenged only so often in a second. Nothing
//! is sent again: on loopback a datagram that is missing is a fault.

use super::System;
use super::callers::{header, status_of};
use crate::sip::digest::{self, Credential};
use crate::sip::message::Message;
use anyhow::{Context, Result};
use std::collections::HashMap;
use std::io::ErrorKind;
use std::net::{Ipv4Addr, SocketAddr, UdpSocket};
use std::os::fd::AsRawFd;
use std::time::{Duration, Instant};

/// Addresses that they sit behind.
const ADDRESSES: u8 = 64;
/// One that takes longer waits for a datagram that never comes.
const ANSWER_MAX: Duration = Duration::from_secs(2);
const EXPIRES_S: u32 = 3_600;
const DATAGRAM_BYTES: usize = 65_535;

/// All of them.
pub struct Registrations {
    server: SocketAddr,
    sockets: Vec<(UdpSocket, SocketAddr)>,
    phones: Vec<Credential>,
    asking: HashMap<u32, Asking>,
    /// The phone whose turn it is, counted on and on.
    next: u32,
    seq: u32,
    buffer: Vec<u8>,
    /// How many were taken.
    pub done: u32,
    /// What was refused, or never answered.
    pub failed: Vec<String>,
}

struct Asking {
    since: Instant,
    proves: bool,
}

impl Registrations {
    /// Opens their sockets.
    ///
    /// # Errors
    /// When one cannot be opened.
    pub fn start(system: &impl System) -> Result<Registrations> {
        let open = |n: u8| -> Result<(UdpSocket, SocketAddr)> {
            let socket = UdpSocket::bind((Ipv4Addr::new(127, 0, 1, n + 1), 0))?;
            socket2::SockRef::from(&socket).set_recv_buffer_size(1 << 20)?;
            socket.set_nonblocking(true)?;
            let own = socket.local_addr()?;
            Ok((socket, own))
        };
        Ok(Registrations {
            server: system.address(),
            sockets: (0..ADDRESSES).map(open).collect::<Result<_>>().context("open sockets")?,
            phones: system.phones(),
            asking: HashMap::new(),
            next: 0,
            seq: 1,
            buffer: vec![0; DATAGRAM_BYTES],
            done: 0,
            failed: Vec::new(),
        })
    }

    /// Keeps `flight` at it, one phone after the other and from the first again, until `enough`
    /// says so of how many have begun; then lets the last ones end.
    ///
    /// # Errors
    /// When a socket fails.
    pub fn run(&mut self, flight: u32, enough: impl Fn(u32) -> bool) -> Result<()> {
        let mut begun = 0;
        loop {
            while self.asking.len() < flight as usize && !enough(begun) {
                self.begin();
                begun += 1;
            }
            if self.asking.is_empty() {
                return Ok(());
            }
            if !self.receive()? {
                self.give_up();
            }
        }
    }

    fn begin(&mut self) {
        let n = self.next % self.phones.len() as u32;
        self.next += 1;
        self.seq += 1;
        self.send(n, None);
        self.asking.insert(n, Asking { since: Instant::now(), proves: false });
    }

    fn send(&self, n: u32, proof: Option<(&str, &str)>) {
        let (socket, own) = &self.sockets[n as usize % self.sockets.len()];
        let text = register(&self.phones[n as usize], n, self.seq, *own, self.server, proof);
        // What the kernel does not take is missed, and then counts as failed.
        let _ = socket.send_to(text.as_bytes(), self.server);
    }

    /// Whether anything came.
    fn receive(&mut self) -> Result<bool> {
        let ready = self.ready();
        let mut buffer = std::mem::take(&mut self.buffer);
        for &at in &ready {
            loop {
                let length = match self.sockets[at].0.recv(&mut buffer) {
                    Ok(length) => length,
                    Err(error) if error.kind() == ErrorKind::WouldBlock => break,
                    Err(error) => return Err(error.into()),
                };
                self.on_answer(&buffer[..length]);
            }
        }
        self.buffer = buffer;
        Ok(!ready.is_empty())
    }

    /// The sockets with something to read, after a short wait.
    fn ready(&self) -> Vec<usize> {
        let entry = |(socket, _): &(UdpSocket, SocketAddr)| libc::pollfd {
            fd: socket.as_raw_fd(),
            events: libc::POLLIN,
            revents: 0,
        };
        let mut fds: Vec<libc::pollfd> = self.sockets.iter().map(entry).collect();
        // SAFETY: `fds` holds so many entries with open descriptors and outlives the call. An
        // interrupted wait is a short one.
        unsafe { libc::poll(fds.as_mut_ptr(), fds.len() as libc::nfds_t, 10) };
        (0..fds.len()).filter(|&at| fds[at].revents != 0).collect()
    }

    fn on_answer(&mut self, bytes: &[u8]) {
        let text = std::str::from_utf8(bytes).unwrap_or_default();
        let Some(n) = header(text, "Call-ID").and_then(number_of) else { return };
        let Some(asking) = self.asking.get_mut(&n) else { return };
        match status_of(text) {
            Some(100..200) => {}
            Some(401) if !asking.proves => {
                asking.proves = true;
                self.seq += 1;
                let (phone, uri) = (&self.phones[n as usize], uri(self.server));
                let challenge = Message::parse(bytes);
                let proof = challenge.and_then(|challenge| {
                    digest::answer(&challenge, phone, "REGISTER", &uri, "0a4f113b")
                });
                match proof {
                    Some((name, value)) => self.send(n, Some((name, &value))),
                    None => self.fail(n, "a challenge cannot be answered".into()),
                }
            }
            // A phone that was not asked for its password has proven nothing.
            Some(200) if asking.proves => {
                self.asking.remove(&n);
                self.done += 1;
            }
            status => self.fail(n, format!("REGISTER was answered with {status:?}")),
        }
    }

    fn fail(&mut self, n: u32, why: String) {
        self.asking.remove(&n);
        self.failed.push(why);
    }

    fn give_up(&mut self) {
        let late = self.asking.iter().filter(|(_, asking)| asking.since.elapsed() > ANSWER_MAX);
        let late: Vec<u32> = late.map(|(n, _)| *n).collect();
        for n in late {
            self.fail(n, "waited for a datagram that did not come".into());
        }
    }
}

fn uri(server: SocketAddr) -> String {
    format!("sip:{}", server.ip())
}

fn register(
    phone: &Credential,
    n: u32,
    seq: u32,
    own: SocketAddr,
    server: SocketAddr,
    proof: Option<(&str, &str)>,
) -> String {
    let (user, uri) = (&phone.user, uri(server));
    let proof = proof.map_or(String::new(), |(name, value)| format!("{name}: {value}\r\n"));
    let ours = format!("<sip:{user}@{}>", server.ip());
    format!(
        "REGISTER {uri} SIP/2.0\r\nVia: SIP/2.0/UDP {own};branch=z9hG4bKr{n}x{seq};rport\r\n\
         Max-Forwards: 70\r\nFrom: {ours};tag=r{n}\r\nTo: {ours}\r\nCall-ID: r{n}@{own}\r\n\
         CSeq: {seq} REGISTER\r\nContact: <sip:{user}@{own}>\r\nExpires: {EXPIRES_S}\r\n{proof}\
         Content-Length: 0\r\n\r\n"
    )
}

/// The phone that a Call-ID belongs to.
fn number_of(call_id: &str) -> Option<u32> {
    call_id.strip_prefix('r')?.split('@').next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_registration_names_its_phone_and_carries_its_proof() {
        let phone = Credential { user: "200007".into(), password: "p".into() };
        let (own, server) = ("127.0.1.8:4000", "127.0.0.1:5060");
        let address = |text: &str| text.parse::<SocketAddr>().unwrap();
        let proof = Some(("Authorization", "Digest x"));
        let text = register(&phone, 7, 3, address(own), address(server), proof);
        let message = Message::parse(text.as_bytes()).unwrap();
        assert_eq!((message.method(), message.cseq()), ("REGISTER", 3));
        assert_eq!(number_of(message.call_id()), Some(7));
        assert_eq!(message.header("Authorization"), Some("Digest x"));
        assert_eq!(message.header("To"), Some("<sip:200007@127.0.0.1>"));
        assert_eq!(number_of("bench7@127.0.0.1"), None);
    }

    struct Nobody(SocketAddr);

    impl System for Nobody {
        fn address(&self) -> SocketAddr {
            self.0
        }

        fn pid(&self) -> u32 {
            std::process::id()
        }

        fn dial(&self) -> &str {
            ""
        }

        fn phones(&self) -> Vec<Credential> {
            vec![Credential { user: "1".into(), password: "p".into() }]
        }
    }

    #[test]
    fn only_a_challenged_phone_that_is_taken_counts() {
        let mut phones = Registrations::start(&Nobody("127.0.0.1:9".parse().unwrap())).unwrap();
        let answer = |status: &str, more: &str| {
            format!("SIP/2.0 {status}\r\nCall-ID: r0@x\r\nCSeq: 1 REGISTER\r\n{more}\r\n")
        };
        phones.begin();
        phones.on_answer(answer("200 OK", "").as_bytes());
        assert_eq!((phones.done, phones.failed.len()), (0, 1), "it was not asked for its password");
        phones.begin();
        let challenge = "WWW-Authenticate: Digest realm=\"r\", nonce=\"n\", algorithm=MD5\r\n";
        phones.on_answer(answer("401 Unauthorized", challenge).as_bytes());
        phones.on_answer(answer("200 OK", "").as_bytes());
        assert_eq!((phones.done, phones.failed.len()), (1, 1));
        phones.begin();
        phones.on_answer(answer("503 Busy", "").as_bytes());
        assert_eq!((phones.done, phones.failed.len()), (1, 2));
    }
}
