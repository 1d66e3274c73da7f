//! What is said into a conversation: by energy, at both phones and on the recording.

use super::codecs::ear;
use super::supervision::{HZ, Hall, ROOM};
use super::*;
use crate::codec::sound::level_at;
use crate::record::story::{log_of, record_start, rendered};
use terms::media::Interject;

const RECORDING: RecordingId = RecordingId(1);
const CUSTOMER: LegId = LegId(1);
const AGENT: LegId = LegId(2);
/// Of no leg.
const VOICE: LegId = LegId(900);
const SAID: PlaybackId = PlaybackId(9);
const BEEP_HZ: u32 = 1_000;

fn says(hall: &mut Hall, source: Source, only: Option<LegId>) {
    let playback = Playback::once(SAID, vec![source]);
    let (leg, room, voice) = (AGENT, ROOM, VOICE);
    hall.command(Command::Interject(Box::new(Interject { leg, room, playback, voice, only })));
}

/// Levels of the beep and of the other one's tone at both phones, over thirty frames.
fn levels(hall: &mut Hall) -> [(f64, f64); 2] {
    (0..10).for_each(|_| hall.frame());
    let from: Vec<usize> = hall.phones.iter().map(|&at| hall.heard(at).len()).collect();
    (0..30).for_each(|_| hall.frame());
    [0, 1].map(|phone| {
        let (core, n) = hall.phones[phone];
        let world = &hall.worlds[core];
        let (heard, rate_hz) = (ear(world, n, 0), world.phones[n].codec.sample_hz());
        let heard = &heard[from[phone] * rate_hz as usize / 50..];
        (level_at(heard, BEEP_HZ, rate_hz), level_at(heard, HZ[1 - phone], rate_hz))
    })
}

fn ends(hall: &Hall) -> Vec<PlayEnd> {
    let of = |event: &Event| match event {
        Event::PlayDone { leg: AGENT, playback: SAID, end } => Some(end.clone()),
        _ => None,
    };
    hall.worlds[0].events.iter().filter_map(of).collect()
}

#[test]
fn what_is_said_to_one_is_heard_by_one_over_the_voices_and_stands_on_the_recording() {
    for codecs in [[Codec::Pcma, Codec::Pcma], [Codec::Pcma, Codec::G722]] {
        let mut hall = Hall::new(1, &codecs);
        (0..2).for_each(|phone| hall.join(phone));
        let parties = [(CUSTOMER, Side::Customer), (AGENT, Side::Other)];
        hall.command(Command::RecordStart(record_start(RECORDING, &parties)));
        (0..30).for_each(|_| hall.frame());
        let (recording, leg, side) = (RECORDING, VOICE, Side::Other);
        hall.command(Command::RecordJoin { recording, leg, side });
        says(&mut hall, Source::Beep { ms: 1_000 }, Some(AGENT));
        let [customer, agent] = levels(&mut hall);
        assert!(agent.0 > -32.0 && customer.0 < -40.0, "{codecs:?}: {agent:?}, {customer:?}");
        assert!(agent.1 > -20.0 && customer.1 > -20.0, "{codecs:?}: {agent:?}, {customer:?}");
        (0..20).for_each(|_| hall.frame());
        assert_eq!(ends(&hall), [PlayEnd::Finished]);
        hall.command(Command::RecordLeave { recording, leg });
        let [customer, agent] = levels(&mut hall);
        assert!(agent.0 < -40.0 && agent.1 > -20.0, "{codecs:?}: {agent:?}, {customer:?}");
        hall.command(Command::RecordStop { recording });
        (0..20).for_each(|_| hall.frame());
        let (bytes, conversations) = log_of(&hall.worlds[0].blocks);
        let (wav, _) = rendered(&conversations[0], &bytes);
        let rate_hz = wav.format.rate_hz;
        let frame = rate_hz as usize / 50;
        let level = |side: usize, frames: std::ops::Range<usize>| {
            let window = frames.start * frame..frames.end * frame;
            level_at(&wav.channels[side][window], BEEP_HZ, rate_hz)
        };
        assert!(level(1, 40..70) > -32.0, "on the other side");
        assert!(level(0, 40..70) < -40.0, "what the customer says stays alone");
        assert!(level(1, 100..120) < -40.0, "it is over");
    }
}

#[test]
fn what_is_stopped_is_heard_no_more_and_what_is_missing_says_so() {
    let mut hall = Hall::new(1, &[Codec::Pcma, Codec::Pcma]);
    (0..2).for_each(|phone| hall.join(phone));
    (0..10).for_each(|_| hall.frame());
    says(&mut hall, Source::Beep { ms: 5_000 }, None);
    let [customer, agent] = levels(&mut hall);
    assert!(agent.0 > -32.0 && customer.0 > -32.0, "{agent:?}, {customer:?}");
    let (leg, room) = (AGENT, ROOM);
    hall.command(Command::StopInterject { leg, room, playback: PlaybackId(8) });
    let [customer, agent] = levels(&mut hall);
    assert!(agent.0 > -32.0 && customer.0 > -32.0, "that is another one");
    hall.command(Command::StopInterject { leg, room, playback: SAID });
    let [customer, agent] = levels(&mut hall);
    assert!(agent.0 < -40.0 && customer.0 < -40.0, "{agent:?}, {customer:?}");
    assert_eq!(ends(&hall), [], "who stopped it knows");
    says(&mut hall, Source::Prompt("none".into()), None);
    hall.frame();
    assert_eq!(ends(&hall), [PlayEnd::Missing("none".into())]);
}
