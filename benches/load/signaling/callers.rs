//! The lightest callers and agents there can be: two sockets, texts that are filled in, no timers. So
//! many calls are in flight, and each that ends begins the next, so the switch is never idle; a call is
//! up for as long as it takes to say so. Nothing is sent again: on loopback a datagram that is missing
//! is a fault, and the call that waits for it counts as failed.

use super::System;
use crate::sip::digest::Credential;
use crate::sip::phone::{Event, Output, Phone};
use anyhow::{Result, ensure};
use std::collections::HashMap;
use std::io::ErrorKind;
use std::net::{IpAddr, SocketAddr, UdpSocket};
use std::os::fd::AsRawFd;
use std::time::{Duration, Instant};
use terms::Moment;

const REGISTER_MAX: Duration = Duration::from_secs(60);
/// A call that lasts longer waits for a datagram that never comes.
const CALL_MAX: Duration = Duration::from_secs(2);
const DATAGRAM_BYTES: usize = 65_535;
const SDP: &str = "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\n\
                   m=audio 30000 RTP/AVP 8 101\r\na=rtpmap:8 PCMA/8000\r\n\
                   a=rtpmap:101 telephone-event/8000\r\na=ptime:20\r\na=sendrecv\r\n";

/// Both sides.
pub struct Callers {
    server: SocketAddr,
    dial: String,
    outside: UdpSocket,
    inside: UdpSocket,
    began: Instant,
    buffer: Vec<u8>,
    /// By number.
    calls: HashMap<u32, Call>,
    next: u32,
    /// Calls that came to their end.
    pub done: u32,
    /// What was answered with an error, or never.
    pub failed: Vec<String>,
}

struct Call {
    began: Instant,
    /// Of the answer: To with its tag, where requests go, and by which way.
    dialog: Option<(String, String, String)>,
    agent_up: bool,
    caller_over: bool,
    agent_over: bool,
}

impl Callers {
    /// Opens the sockets and registers the phones.
    ///
    /// # Errors
    /// When a phone is refused.
    pub fn start(ip: IpAddr, system: &impl System) -> Result<Callers> {
        let open = || -> Result<UdpSocket> {
            let socket = UdpSocket::bind((ip, 0))?;
            socket2::SockRef::from(&socket).set_recv_buffer_size(4 << 20)?;
            socket.set_nonblocking(true)?;
            Ok(socket)
        };
        let callers = Callers {
            server: system.address(),
            dial: system.dial().to_owned(),
            outside: open()?,
            inside: open()?,
            began: Instant::now(),
            buffer: vec![0; DATAGRAM_BYTES],
            calls: HashMap::new(),
            next: 0,
            done: 0,
            failed: Vec::new(),
        };
        callers.register(system.phones())?;
        Ok(callers)
    }

    fn register(&self, phones: Vec<Credential>) -> Result<()> {
        let now = || Moment(self.began.elapsed().as_nanos() as u64);
        let mut phone = Phone::new(self.inside.local_addr()?, self.server, 1);
        let mut waiting = phones.len();
        phones.into_iter().for_each(|credential| phone.register(now(), credential));
        let mut buffer = vec![0; DATAGRAM_BYTES];
        while waiting > 0 {
            ensure!(self.began.elapsed() < REGISTER_MAX, "{waiting} phones are not registered");
            while let Some(output) = phone.poll() {
                match output {
                    Output::Transmit(to, bytes) => drop(self.inside.send_to(&bytes, to)),
                    Output::Event(Event::Registered { user, status }) => {
                        ensure!(status == 200, "the phone of {user} is refused with {status}");
                        waiting -= 1;
                    }
                    Output::Event(_) => {}
                }
            }
            self.wait();
            while let Ok((length, from)) = self.inside.recv_from(&mut buffer) {
                phone.on_datagram(now(), from, &buffer[..length]);
            }
            phone.on_time(now());
        }
        Ok(())
    }

    /// Keeps `flight` calls going for `time`, then lets the last ones end.
    ///
    /// # Errors
    /// When a socket fails.
    pub fn run(&mut self, flight: u32, time: Duration) -> Result<()> {
        let until = Instant::now() + time;
        (0..flight).for_each(|_| self.place());
        while !self.calls.is_empty() {
            let before = self.done;
            self.receive()?;
            let now = Instant::now();
            if now < until {
                (before..self.done).for_each(|_| self.place());
            }
            if self.done == before {
                let late = self.calls.iter().filter(|(_, call)| now - call.began > CALL_MAX);
                let late: Vec<u32> = late.map(|(n, _)| *n).collect();
                for n in late {
                    self.calls.remove(&n);
                    self.failed.push("waited for a datagram that did not come".into());
                }
                self.wait();
            }
        }
        Ok(())
    }

    fn wait(&self) {
        let mut fds = [&self.outside, &self.inside].map(|socket| libc::pollfd {
            fd: socket.as_raw_fd(),
            events: libc::POLLIN,
            revents: 0,
        });
        // SAFETY: `fds` holds two entries with open descriptors and outlives the call. An
        // interrupted wait is a short one.
        unsafe { libc::poll(fds.as_mut_ptr(), 2, 10) };
    }

    fn receive(&mut self) -> Result<()> {
        let mut buffer = std::mem::take(&mut self.buffer);
        for inside in [false, true] {
            loop {
                let socket = if inside { &self.inside } else { &self.outside };
                let length = match socket.recv_from(&mut buffer) {
                    Ok((length, _)) => length,
                    Err(error) if error.kind() == ErrorKind::WouldBlock => break,
                    Err(error) => return Err(error.into()),
                };
                let text = std::str::from_utf8(&buffer[..length]).unwrap_or_default();
                if inside { self.on_inside(text) } else { self.on_outside(text) }
            }
        }
        self.buffer = buffer;
        Ok(())
    }

    fn send(&self, inside: bool, text: &str) {
        let socket = if inside { &self.inside } else { &self.outside };
        // What the kernel does not take is missed by the call, which then counts as failed.
        let _ = socket.send_to(text.as_bytes(), self.server);
    }

    fn own(&self) -> SocketAddr {
        self.outside.local_addr().unwrap_or(self.server)
    }

    /// A request of the caller's.
    fn request(&self, method: &str, n: u32, seq: u32, call: &Call, body: &str) -> String {
        let (own, server) = (self.own(), self.server);
        let (to, target, routes) = match &call.dialog {
            Some((to, target, routes)) => (to.clone(), target.clone(), routes.as_str()),
            None => {
                let uri = format!("sip:{}@{server}", self.dial);
                (format!("<{uri}>"), uri, "")
            }
        };
        let sdp = if body.is_empty() { "" } else { "Content-Type: application/sdp\r\n" };
        format!(
            "{method} {target} SIP/2.0\r\nVia: SIP/2.0/UDP {own};branch=z9hG4bK{n}{method};rport\r\n\
             {routes}Max-Forwards: 70\r\nFrom: <sip:139{n:08}@{own}>;tag=c{n}\r\nTo: {to}\r\n\
             Call-ID: bench{n}@{own}\r\nCSeq: {seq} {method}\r\nContact: <sip:caller@{own}>\r\n\
             {sdp}Content-Length: {length}\r\n\r\n{body}",
            length = body.len()
        )
    }

    fn place(&mut self) {
        self.next += 1;
        let n = self.next;
        let call = Call {
            began: Instant::now(),
            dialog: None,
            agent_up: false,
            caller_over: false,
            agent_over: false,
        };
        self.send(false, &self.request("INVITE", n, 1, &call, SDP));
        self.calls.insert(n, call);
    }

    /// What comes to the callers: answers, and requests that only a refusal explains.
    fn on_outside(&mut self, text: &str) {
        let Some(n) = header(text, "From").and_then(number_of) else { return };
        let Some(mut call) = self.calls.remove(&n) else { return };
        let (status, method) = (status_of(text), header(text, "CSeq").and_then(method_of));
        match (status, method) {
            (Some(100..200), _) => {}
            (Some(200), Some("INVITE")) => {
                if call.dialog.is_none() {
                    let to = header(text, "To").unwrap_or_default().to_owned();
                    let target = header(text, "Contact").map(uri_of).unwrap_or_default().to_owned();
                    call.dialog = Some((to, target, routes_of(text)));
                }
                self.send(false, &self.request("ACK", n, 1, &call, ""));
                self.hang_up(n, &call);
            }
            (Some(200), Some("BYE")) => call.caller_over = true,
            (Some(status), method) => {
                let method = method.unwrap_or("something");
                self.failed.push(format!("{method} was answered with {status}"));
                return;
            }
            (None, _) => {
                self.failed.push("the switch hung up".into());
                return;
            }
        }
        self.keep(n, call);
    }

    /// What comes to the agents: calls, ACK and BYE.
    fn on_inside(&mut self, text: &str) {
        let Some(n) = header(text, "From").and_then(number_of) else { return };
        if text.starts_with("INVITE") {
            self.send(true, &answer(text, "180 Ringing", n, self.inside.local_addr().ok(), ""));
            self.send(true, &answer(text, "200 OK", n, self.inside.local_addr().ok(), SDP));
            return;
        }
        if text.starts_with("BYE") {
            self.send(true, &answer(text, "200 OK", n, None, ""));
        }
        let Some(mut call) = self.calls.remove(&n) else { return };
        if text.starts_with("ACK") && !call.agent_up {
            call.agent_up = true;
            self.hang_up(n, &call);
        } else if text.starts_with("BYE") {
            call.agent_over = true;
        }
        self.keep(n, call);
    }

    /// Once both sides talk.
    fn hang_up(&self, n: u32, call: &Call) {
        if call.agent_up && call.dialog.is_some() {
            self.send(false, &self.request("BYE", n, 2, call, ""));
        }
    }

    fn keep(&mut self, n: u32, call: Call) {
        if call.caller_over && call.agent_over {
            self.done += 1;
        } else {
            self.calls.insert(n, call);
        }
    }
}

/// The answer to a request.
fn answer(request: &str, status: &str, n: u32, own: Option<SocketAddr>, body: &str) -> String {
    let mut text = format!("SIP/2.0 {status}\r\n");
    for line in request.split("\r\n").skip(1).take_while(|line| !line.is_empty()) {
        let name = line.split(':').next().unwrap_or_default();
        let copied = ["Via", "Record-Route", "From", "To", "Call-ID", "CSeq"];
        if copied.contains(&name) {
            text.push_str(line);
            if name == "To" && !line.contains(";tag=") {
                text.push_str(&format!(";tag=a{n}"));
            }
            text.push_str("\r\n");
        }
    }
    if let Some(own) = own {
        text.push_str(&format!("Contact: <sip:agent@{own}>\r\n"));
    }
    if !body.is_empty() {
        text.push_str("Content-Type: application/sdp\r\n");
    }
    text.push_str(&format!("Content-Length: {}\r\n\r\n{body}", body.len()));
    text
}

/// The first header of this name.
pub(super) fn header<'a>(text: &'a str, name: &str) -> Option<&'a str> {
    let mut lines = text.split("\r\n").take_while(|line| !line.is_empty());
    lines.find_map(|line| line.strip_prefix(name)?.strip_prefix(':')).map(str::trim)
}

/// The status of an answer.
pub(super) fn status_of(text: &str) -> Option<u16> {
    text.strip_prefix("SIP/2.0 ")?.get(..3)?.parse().ok()
}

fn method_of(cseq: &str) -> Option<&str> {
    cseq.split_whitespace().nth(1)
}

/// The number of the call in a caller's number, which both sides see in From.
fn number_of(from: &str) -> Option<u32> {
    let user = from.split("sip:").nth(1)?.split('@').next()?;
    let digits = user.trim_start_matches('+').trim_start_matches("86");
    digits.strip_prefix("139")?.parse().ok()
}

fn uri_of(field: &str) -> &str {
    field.split(['<', '>']).nth(1).unwrap_or(field)
}

/// Record-Route of an answer as Route of what follows, in the order of the caller.
fn routes_of(text: &str) -> String {
    let lines = text.split("\r\n").take_while(|line| !line.is_empty());
    let routes: Vec<&str> =
        lines.filter_map(|line| line.strip_prefix("Record-Route:")).map(str::trim).collect();
    routes.iter().rev().map(|route| format!("Route: {route}\r\n")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_call_is_known_by_its_callers_number_on_both_sides() {
        assert_eq!(number_of("<sip:13900000042@127.0.0.1:5060>;tag=c42"), Some(42));
        assert_eq!(number_of("\"load\" <sip:+8613900000042@127.0.0.1>;tag=x"), Some(42));
        assert_eq!(number_of("<sip:13800000042@127.0.0.1>"), None);
    }

    #[test]
    fn an_answer_has_what_its_request_had_and_a_tag() {
        let request = "INVITE sip:a@b SIP/2.0\r\nVia: v1\r\nVia: v2\r\nMax-Forwards: 1\r\n\
                       From: <sip:13900000007@b>\r\nTo: <sip:a@b>\r\nCall-ID: c\r\n\
                       CSeq: 1 INVITE\r\nContent-Length: 0\r\n\r\nTo: x";
        let answer = answer(request, "200 OK", 7, None, "");
        assert_eq!(
            answer,
            "SIP/2.0 200 OK\r\nVia: v1\r\nVia: v2\r\nFrom: <sip:13900000007@b>\r\n\
             To: <sip:a@b>;tag=a7\r\nCall-ID: c\r\nCSeq: 1 INVITE\r\nContent-Length: 0\r\n\r\n"
        );
        assert_eq!(
            (status_of(&answer), header(&answer, "To")),
            (Some(200), Some("<sip:a@b>;tag=a7"))
        );
        assert_eq!(method_of("1 INVITE"), Some("INVITE"));
        assert_eq!(
            routes_of("x\r\nRecord-Route: <a>\r\nRecord-Route: <b>\r\n\r\n"),
            "Route: <b>\r\nRoute: <a>\r\n"
        );
    }
}
