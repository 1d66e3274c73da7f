//! A conversation whose audio is ours on both sides: a tone each.

use crate::seconds;
use std::net::UdpSocket;
use std::time::Duration;
use tests::house::{House, wait_for};
use tests::peer::sipp::{Act, Caller, Running};
use tests::peer::voice::Voice;
use tests::sound;

/// What the caller says.
pub const CALLER_HZ: f64 = 700.0;
/// What the agent's phone says.
pub const AGENT_HZ: u32 = 440;

/// A call of `length` seconds to the hotline, from where it talks to an agent.
pub fn conversation(house: &House, from: &str, length: u64) -> (Voice, Running) {
    let voice = Voice::start(CALLER_HZ);
    let acts = vec![Act::Pause(seconds(length)), Act::HangUp];
    let mut caller = Caller::new(from, &house.hotline, acts);
    caller.media_port = Some(voice.port());
    let running = caller.call(house.sip, house.scratch());
    wait_for("the welcome", seconds(10), || voice.has_heard().then_some(()));
    std::thread::sleep(seconds(2));
    voice.press(1);
    let answered = format!(
        "SELECT e.seq FROM events e JOIN events s ON s.call_id = e.call_id \
         WHERE e.kind = 'answered' AND s.kind = 'call_started' AND s.detail LIKE '%{from}%'"
    );
    house.wait_row(&answered);
    (voice, running)
}

/// The final answer to a call of `from` that is made by hand.
pub fn answer_to_a_new_call(house: &House, from: &str) -> String {
    let socket = UdpSocket::bind("127.0.0.1:0").expect("loopback is there");
    socket.set_read_timeout(Some(Duration::from_millis(500))).expect("a socket has timeouts");
    let own = socket.local_addr().expect("it is bound");
    let (to, called) = (house.sip, &house.hotline);
    let sdp = "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\n\
               m=audio 40000 RTP/AVP 8\r\na=rtpmap:8 PCMA/8000\r\n";
    let invite = format!(
        "INVITE sip:{called}@{to} SIP/2.0\r\nVia: SIP/2.0/UDP {own};branch=z9hG4bK{from}\r\n\
         From: <sip:{from}@{own}>;tag=late\r\nTo: <sip:{called}@{to}>\r\n\
         Call-ID: {from}@{own}\r\nCSeq: 1 INVITE\r\nContact: <sip:{from}@{own}>\r\n\
         Max-Forwards: 70\r\nContent-Type: application/sdp\r\nContent-Length: {}\r\n\r\n{sdp}",
        sdp.len()
    );
    let mut heard = [0; 2_048];
    for _ in 0..20 {
        socket.send_to(invite.as_bytes(), to).expect("loopback takes it");
        while let Ok(length) = socket.recv(&mut heard) {
            let answer = String::from_utf8_lossy(&heard[..length]).into_owned();
            if !answer.starts_with("SIP/2.0 1") {
                return answer;
            }
        }
    }
    panic!("no answer to a new call:\n{}", house.log());
}

/// For which share of the time the tone is there. Short pieces: a late packet shifts the phase.
pub fn share_of_time(samples: &[i16], hz: f64) -> f64 {
    let pieces: Vec<&[i16]> = samples.chunks_exact(1600).collect();
    let there = |piece: &&&[i16]| sound::share_at(piece, hz) > 0.7;
    pieces.iter().filter(there).count() as f64 / pieces.len().max(1) as f64
}
