//! A conversation whose audio is ours on both sides: a tone each.

use crate::seconds;
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

/// For which share of the time the tone is there. Short pieces: a late packet shifts the phase.
pub fn share_of_time(samples: &[i16], hz: f64) -> f64 {
    let pieces: Vec<&[i16]> = samples.chunks_exact(1600).collect();
    let there = |piece: &&&[i16]| sound::share_at(piece, hz) > 0.7;
    pieces.iter().filter(there).count() as f64 / pieces.len().max(1) as f64
}
