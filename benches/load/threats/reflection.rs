//! Who writes somebody else's address into short requests must not have us send long answers there:
//! what we say to a source that has proven nothing is at most twice as long as what it said.

use crate::bench::Bench;
use crate::server::Server;
use anyhow::Result;
use std::net::{Ipv4Addr, SocketAddr, UdpSocket};
use std::time::{Duration, Instant};

/// Requests of each kind, and the time between two.
const REQUESTS: u32 = 20;
const BETWEEN: Duration = Duration::from_millis(10);
/// Answers are counted for so long after the last request: what is sent again is an answer too.
const LISTENS: Duration = Duration::from_secs(5);
const TIMES_MAX: f64 = 2.0;

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
    Ok(())
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
