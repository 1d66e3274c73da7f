//! A fax machine of ours on a leg: what it hears and says, sample by sample, and how it loses the leg.

use super::fax::is_whole;
use super::*;
use crate::shard::documents::{FRAME_SAMPLES, FaxFrame, FaxHeard, FaxOut};
use terms::FaxId;
use terms::media::{FaxOrder, FaxWay};

fn order() -> FaxOrder {
    let (fax, tenant) = (FaxId(1), TenantId(1));
    FaxOrder { fax, tenant, way: FaxWay::Receive, station: String::new(), ecm: true }
}

/// A level of its own for each frame of four seconds, never silence.
fn level(n: usize) -> i16 {
    1_000 + 100 * (n % 200) as i16
}

impl World {
    pub(super) fn start_fax(&mut self, phone: usize) {
        let leg = self.phones[phone].leg;
        self.command(Command::FaxStart { leg, order: order() });
    }

    pub(super) fn faxes(&mut self) -> Vec<FaxOut> {
        std::iter::from_fn(|| self.shard.poll_fax()).collect()
    }

    /// What the phone heard, as samples.
    fn sound(&self, phone: usize) -> Vec<i16> {
        let phone = &self.phones[phone];
        let octets = phone.heard.iter().flat_map(|heard| &heard.payload);
        octets.map(|&octet| g711::decode(law_of(phone.codec), octet)).collect()
    }
}

/// As it is after G.711.
fn rounded(codec: Codec, samples: &[i16]) -> Vec<i16> {
    let law = law_of(codec);
    samples.iter().map(|&sample| g711::decode(law, g711::encode(law, sample))).collect()
}

#[test]
fn a_machine_hears_and_says_every_sample_once_and_in_order() {
    for (codec, ptime_ms) in
        [(Codec::Pcma, 20), (Codec::Pcmu, 20), (Codec::Pcma, 10), (Codec::Pcmu, 30)]
    {
        let mut world = World::new();
        let phone = world.add(codec, 65_500, |remote| remote.ptime_ms = ptime_ms);
        world.start_fax(phone);
        let (mut heard, mut said, mut spoken) = (Vec::new(), Vec::new(), Vec::new());
        for n in 0..150 {
            world.speak(phone, 20, level(n));
            spoken.extend([level(n); FRAME_SAMPLES]);
            for out in world.faxes() {
                let FaxOut::Heard(leg, FaxHeard::Sound(frame)) = out else { panic!("{out:?}") };
                heard.extend(frame);
                let answer: FaxFrame = [-level(said.len() / FRAME_SAMPLES); FRAME_SAMPLES];
                world.shard.say_fax(leg, &answer);
                said.extend(answer);
            }
            world.run(20);
        }
        let frames = 130 * FRAME_SAMPLES;
        let spoken = rounded(codec, &spoken[..frames]);
        assert!(is_whole(&spoken, &heard), "{codec:?} {ptime_ms}: what came");
        let said = rounded(codec, &said[..frames]);
        assert!(is_whole(&said, &world.sound(phone)), "{codec:?} {ptime_ms}: what went");
        assert_seamless(&world.phones[phone].sequence());
        assert_eq!(world.shard.stats().fax_frames_late, 0);
        assert_eq!(world.digits(), "");
    }
}

#[test]
fn a_late_answer_is_silence_once_and_nothing_of_it_is_lost() {
    let mut world = World::new();
    let phone = world.add(Codec::Pcma, 0, |_| {});
    world.start_fax(phone);
    let (mut said, mut owed) = (Vec::new(), Vec::new());
    for n in 0..100 {
        owed.extend(world.faxes());
        // Six frames without an answer, of which three are what is said ahead.
        if !(50..56).contains(&n) {
            for _ in owed.drain(..) {
                let answer = [level(said.len() / FRAME_SAMPLES); FRAME_SAMPLES];
                world.shard.say_fax(LegId(1), &answer);
                said.extend(answer);
            }
        }
        world.run(20);
    }
    let late = world.shard.stats().fax_frames_late;
    assert!((1..=6).contains(&late), "{late} frames were late");
    let sound = world.sound(phone);
    let silence = rounded(Codec::Pcma, &[0])[0];
    let heard: Vec<i16> = sound.iter().copied().filter(|&sample| sample != silence).collect();
    let said = rounded(Codec::Pcma, &said[..90 * FRAME_SAMPLES]);
    assert_eq!(heard[..said.len()], said, "all of it, in order");
    // The silence in the midst is that of the late frames and no longer.
    let first = sound.iter().position(|&sample| sample != silence).expect("it speaks");
    let within = sound[first..first + 90 * FRAME_SAMPLES].iter();
    let quiet = within.filter(|&&sample| sample == silence).count();
    assert_eq!(quiet, late as usize * FRAME_SAMPLES);
}

#[test]
fn a_machine_that_was_slow_to_begin_catches_up_in_its_silences() {
    let mut world = World::new();
    let phone = world.add(Codec::Pcma, 0, |_| {});
    world.start_fax(phone);
    let (mut asked, mut answered) = (0, 0);
    for n in 0..120 {
        asked += world.faxes().len();
        // For 800 ms nothing is answered; it is silent until its sixtieth frame and speaks then.
        while n >= 40 && answered < asked {
            let sample = if answered < 60 { 0 } else { 5_000 };
            world.shard.say_fax(LegId(1), &[sample; FRAME_SAMPLES]);
            answered += 1;
        }
        world.run(20);
    }
    let silence = rounded(Codec::Pcma, &[0])[0];
    let sound = world.sound(phone);
    let first = sound.iter().position(|&sample| sample != silence).expect("it speaks");
    let behind = first / FRAME_SAMPLES - 60;
    assert!((3..=13).contains(&behind), "it is {behind} frames behind");
    let rest = &sound[first..];
    assert!(rest.iter().all(|&sample| sample != silence), "what it says is whole");
}

#[test]
fn whatever_takes_the_leg_from_its_machine_closes_the_line_once() {
    let endings: [fn(&mut World); 4] = [
        |world| world.command(Command::FaxStop { leg: LegId(1) }),
        |world| world.join(0, 7),
        |world| _ = world.release(0),
        |world| world.shard.end_fax_of(LegId(1)),
    ];
    for end in endings {
        let mut world = World::new();
        world.add(Codec::Pcma, 0, |_| {});
        world.start_fax(0);
        world.run(100);
        world.faxes();
        end(&mut world);
        assert_eq!(world.faxes(), [FaxOut::Closed(LegId(1))]);
        world.command(Command::FaxStop { leg: LegId(1) });
        world.run(100);
        assert!(world.faxes().is_empty(), "it hears nothing more");
    }
    let mut world = World::new();
    world.command(Command::FaxStart { leg: LegId(9), order: order() });
    assert_eq!(world.faxes(), [FaxOut::Closed(LegId(9))], "there is no such leg");
}

#[test]
fn a_machine_takes_the_leg_out_of_its_room_and_from_what_plays() {
    let mut world = World::new();
    world.pair(0);
    world.play(0, 5, Source::Prompt("welcome".into()), true);
    world.run(100);
    world.start_fax(0);
    let heard = world.phones[1].heard.len();
    for _ in 0..20 {
        world.speak(0, 20, 5_000);
        world.run(20);
    }
    assert_eq!(world.phones[1].heard.len(), heard, "the other hears no modem");
    world.play(0, 6, Source::Prompt("welcome".into()), false);
    let ended = |event: &Event| match event {
        Event::PlayDone { playback, end, .. } => Some((*playback, end.clone())),
        _ => None,
    };
    let ends: Vec<_> = world.events.iter().filter_map(ended).collect();
    let stopped = |id| (PlaybackId(id), PlayEnd::Stopped);
    assert_eq!(ends, [stopped(5), stopped(6)]);
}
