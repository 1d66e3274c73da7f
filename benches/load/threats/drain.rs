//! SIGTERM in the middle of conversations: they go on until people hang up, and who calls now is
//! told to come back.

use crate::bench::{Bench, Limit, NUMBER};
use crate::field::Field;
use crate::kill::{Round, Sum, listen_until};
use crate::load;
use crate::own::{self, Wave};
use crate::server::Server;
use crate::sip::digest::Credential;
use crate::sip::message::Message;
use anyhow::{Result, ensure};
use benches::media::wire::Choice;
use benches::results::Figure;
use std::net::{Ipv4Addr, SocketAddr, UdpSocket};
use std::time::Duration;
use tokio::time::Instant;

/// New calls in a second.
const CPS: f64 = 20.0;
/// All calls are up for so long before the signal, and after it.
const BEFORE: Duration = Duration::from_secs(2);
const AFTER: Duration = Duration::from_secs(8);
/// Calls that should have ended are waited for this long.
const STRAGGLERS: Duration = Duration::from_secs(3);
/// The signal reaches the process that has the calls within this.
const TOLD: Duration = Duration::from_millis(500);
/// Calls that come too late.
const LATE: u32 = 5;
const ANSWER_MAX: Duration = Duration::from_secs(2);

/// The stop.
///
/// # Errors
/// What kept it from being tried.
pub async fn happen(
    wire: Choice,
    server: &Server,
    agents: &[Credential],
    bench: &mut Bench,
) -> Result<()> {
    let calls = agents.len() as u32;
    ensure!(calls > 0, "nobody talks");
    let mut field = Field::start(own::speakers(server, wire))?;
    load::register(&mut field, agents).await?;
    let wave = Wave { calls, cps: CPS, began: Instant::now() };
    let all_up = wave.all_up();
    let ends = all_up + BEFORE + AFTER;
    let (mut round, mut sum) = (Round::default(), Sum::default());
    wave.place(&mut field, ends, &mut round).await?;
    listen_until(&mut field, all_up + BEFORE, &mut round).await?;
    server.terminate();
    listen_until(&mut field, all_up + BEFORE + TOLD, &mut round).await?;
    let mut told = 0;
    for n in 0..LATE {
        told += u32::from(is_told_to_come_back(&late(server.sip, n)?));
    }
    listen_until(&mut field, ends + STRAGGLERS, &mut round).await?;
    own::leave(field, &mut round).await?;
    round.end(calls, &mut sum);
    for why in &sum.lost {
        println!("       {why}");
    }
    let cut = f64::from(sum.placed - sum.survived);
    bench.note("drain: calls live at SIGTERM", f64::from(calls), "calls", None)?;
    bench.note("drain: calls cut", cut, "calls", Some(0.0))?;
    let what = "drain: new calls told to come back, 503 with Retry-After";
    let told = Figure::new(&bench.name, what, f64::from(told), "calls");
    bench.judge(&told, Limit::Least(f64::from(LATE)))
}

/// The last answer to a call that comes after the signal; nothing when there is none.
fn late(server: SocketAddr, n: u32) -> Result<Vec<u8>> {
    let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0))?;
    socket.set_read_timeout(Some(ANSWER_MAX))?;
    let own = socket.local_addr()?;
    let invite = format!(
        "INVITE sip:{NUMBER}@{server} SIP/2.0\r\nVia: SIP/2.0/UDP {own};branch=z9hG4bKlate{n}\r\n\
         Max-Forwards: 70\r\nFrom: <sip:1390000000{n}@{own}>;tag=l{n}\r\n\
         To: <sip:{NUMBER}@{server}>\r\nCall-ID: late{n}@{own}\r\nCSeq: 1 INVITE\r\n\
         Contact: <sip:late@{own}>\r\nContent-Length: 0\r\n\r\n"
    );
    socket.send_to(invite.as_bytes(), server)?;
    let mut buffer = vec![0; 65_535];
    while let Ok(length) = socket.recv(&mut buffer) {
        let answer = &buffer[..length];
        let status = Message::parse(answer).and_then(|message| message.status());
        if status.is_some_and(|status| status >= 200) {
            return Ok(answer.to_vec());
        }
    }
    Ok(Vec::new())
}

fn is_told_to_come_back(answer: &[u8]) -> bool {
    Message::parse(answer).is_some_and(|message| {
        message.status() == Some(503) && message.header("Retry-After").is_some()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_503_that_says_when_counts() {
        let answer = |status: u16, more: &str| {
            is_told_to_come_back(format!("SIP/2.0 {status} x\r\n{more}\r\n").as_bytes())
        };
        assert!(answer(503, "Retry-After: 10\r\n"));
        assert!(!answer(503, "") && !answer(486, "Retry-After: 10\r\n"));
        assert!(!is_told_to_come_back(b""));
    }
}
