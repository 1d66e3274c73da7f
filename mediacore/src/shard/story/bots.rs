//! A bot on a leg: what it hears and says, what becomes of bursts and holes, and how it loses the leg.

use super::*;
use crate::codec::Rate;
use crate::codec::sound::{level_at, tone};
use crate::record::story::{log_of, record_start, rendered};
use crate::shard::bots::BotOut;

/// 20 ms at one level.
fn level(rate: Rate, level: i16) -> Frame {
    Frame::from_samples(rate, &vec![level; rate.samples(20)])
}

impl World {
    fn start_bot(&mut self, phone: usize, rate: Rate) {
        let (now, leg) = (self.now(), self.phones[phone].leg);
        self.shard.start_bot(now, leg, rate, None);
    }

    fn bots(&mut self) -> Vec<BotOut> {
        std::iter::from_fn(|| self.shard.poll_bot()).collect()
    }

    /// What the bot heard since the last time.
    fn bot_heard(&mut self) -> Vec<Frame> {
        let heard = |out| match out {
            BotOut::Heard(_, frame) => Some(frame),
            BotOut::Key(..) | BotOut::Closed(_) => None,
        };
        self.bots().into_iter().filter_map(heard).collect()
    }

    /// The level of each packet that the phone heard, silence as 0.
    fn levels(&self, phone: usize) -> Vec<i16> {
        let phone = &self.phones[phone];
        let law = law_of(phone.codec);
        let silence = g711::decode(law, g711::encode(law, 0));
        let level = |heard: &Heard| {
            let level = g711::decode(law, *heard.payload.last().expect("frames are not empty"));
            if level == silence { 0 } else { level }
        };
        phone.heard.iter().map(level).collect()
    }
}

/// As it is after G.711.
fn rounded(level: i16) -> i16 {
    g711::decode(Law::A, g711::encode(Law::A, level))
}

#[test]
fn a_bot_hears_the_caller_and_is_heard_on_one_grid() {
    for rate in [Rate::Narrow, Rate::Wide] {
        let mut world = World::new();
        let phone = world.add(Codec::Pcma, 65_530, |_| {});
        world.start_bot(phone, rate);
        let mut heard = Vec::new();
        for _ in 0..50 {
            world.speak(phone, 20, 5_000);
            world.shard.say_bot(LegId(1), level(rate, 3_000));
            world.run(20);
            heard.extend(world.bot_heard());
        }
        assert!((49..=51).contains(&heard.len()), "{rate:?}: {} frames in a second", heard.len());
        assert!(heard.iter().all(|frame| frame.rate() == rate));
        // The converter of a bot at 16 kHz rings a little.
        let near = |sample: i16, wanted: i16| (sample - wanted).abs() < 300;
        let spoken = heard[20..].iter().all(|frame| near(frame.samples()[80], 5_000));
        assert!(spoken, "{rate:?}: what the caller says");
        let levels = world.levels(phone);
        assert!(levels[20..].iter().all(|&level| near(level, 3_000)), "{rate:?}: {levels:?}");
        assert_seamless(&world.phones[phone].sequence());
        assert_eq!(world.shard.stats().bot_frames_lost, 0);
    }
}

#[test]
fn where_a_bot_says_nothing_the_caller_hears_silence_and_what_follows_is_whole() {
    let mut world = World::new();
    let phone = world.add(Codec::Pcma, 0, |_| {});
    world.start_bot(phone, Rate::Narrow);
    world.run(200);
    for _ in 0..2 {
        for _ in 0..5 {
            world.shard.say_bot(LegId(1), level(Rate::Narrow, 4_000));
        }
        world.run(300);
    }
    // One frame by itself is heard too, a little later.
    world.shard.say_bot(LegId(1), level(Rate::Narrow, 6_000));
    world.run(200);
    let levels = world.levels(phone);
    let count = |wanted: i16| levels.iter().filter(|&&level| level == rounded(wanted)).count();
    assert_eq!((count(4_000), count(6_000)), (10, 1), "{levels:?}");
    let runs = levels.windows(2).filter(|pair| pair[0] == 0 && pair[1] != 0).count();
    assert_eq!(runs, 3, "three times it begins, and no hole in between: {levels:?}");
    assert_seamless(&world.phones[phone].sequence());
}

#[test]
fn what_a_bot_says_too_early_is_counted_and_what_it_takes_back_is_not_heard() {
    let mut world = World::new();
    let phone = world.add(Codec::Pcma, 0, |_| {});
    world.start_bot(phone, Rate::Narrow);
    let mut said = 0;
    while world.shard.bot_has_room(LegId(1)) {
        world.shard.say_bot(LegId(1), level(Rate::Narrow, 2_000));
        said += 1;
    }
    assert_eq!((said, world.shard.stats().bot_frames_lost), (10, 0));
    for _ in 0..10 {
        world.shard.say_bot(LegId(1), level(Rate::Narrow, 7_000));
    }
    assert_eq!(world.shard.stats().bot_frames_lost, 10, "the oldest made room");
    world.run(100);
    world.shard.hush_bot(LegId(1));
    let before = world.phones[phone].heard.len();
    world.run(300);
    let levels = world.levels(phone);
    assert!(levels.contains(&rounded(7_000)) && !levels.contains(&rounded(2_000)), "{levels:?}");
    assert!(levels[before..].iter().all(|&level| level == 0), "{levels:?}");
}

#[test]
fn whatever_takes_the_leg_from_its_bot_closes_the_line_once() {
    let endings: [fn(&mut World); 5] = [
        |world| world.command(Command::BotStop { leg: LegId(1) }),
        |world| world.join(0, 7),
        |world| _ = world.release(0),
        |world| world.shard.end_bot_of(LegId(1)),
        |world| world.play(0, 6, Source::Prompt("welcome".into()), false),
    ];
    for end in endings {
        let mut world = World::new();
        world.add(Codec::Pcma, 0, |_| {});
        world.start_bot(0, Rate::Narrow);
        world.run(100);
        world.bots();
        end(&mut world);
        assert_eq!(world.bots(), [BotOut::Closed(LegId(1))]);
        world.command(Command::BotStop { leg: LegId(1) });
        world.run(100);
        assert!(world.bots().is_empty(), "it hears nothing more");
    }
    let mut world = World::new();
    let now = world.now();
    world.shard.start_bot(now, LegId(9), Rate::Narrow, None);
    assert_eq!(world.bots(), [BotOut::Closed(LegId(9))], "there is no such leg");
}

#[test]
fn what_plays_ends_for_a_bot_and_is_heard_after_it() {
    let mut world = World::new();
    let phone = world.add(Codec::Pcma, 0, |_| {});
    world.play(phone, 5, Source::Prompt("welcome".into()), true);
    world.run(100);
    world.start_bot(phone, Rate::Narrow);
    world.run(100);
    world.play(phone, 6, Source::Prompt("welcome".into()), false);
    world.run(1_500);
    let ended = |event: &Event| match event {
        Event::PlayDone { playback, end, .. } => Some((*playback, end.clone())),
        _ => None,
    };
    let ends: Vec<_> = world.events.iter().filter_map(ended).collect();
    let expected = [(PlaybackId(5), PlayEnd::Stopped), (PlaybackId(6), PlayEnd::Finished)];
    assert_eq!(ends, expected);
}

#[test]
fn a_key_is_told_to_the_bot_that_has_the_leg_and_to_nobody_else() {
    let mut world = World::new();
    let phone = world.add(Codec::Pcma, 0, |_| {});
    world.command(Command::BotKey { leg: LegId(1), key: '1' });
    assert!(world.bots().is_empty());
    world.start_bot(phone, Rate::Narrow);
    world.command(Command::BotKey { leg: LegId(1), key: '2' });
    assert_eq!(world.bots(), [BotOut::Key(LegId(1), '2')]);
}

#[test]
fn a_bot_does_not_hear_the_sound_of_a_key() {
    let mut world = World::new();
    let phone = world.add(Codec::Pcma, 0, |_| {});
    world.start_bot(phone, Rate::Narrow);
    for _ in 0..20 {
        world.speak(phone, 20, 500);
        world.run(20);
    }
    // Events and the tone of the key beside them. Every packet of an event says when it began.
    let began = world.phones[phone].time;
    for n in 0..8_u16 {
        let event = DigitEvent { code: 6, end: n >= 5, duration: 160 * (n.min(5) + 1) };
        let phone = &mut world.phones[phone];
        let now = std::mem::replace(&mut phone.time, began);
        let bytes = phone.packet(101, n == 0, &event.write());
        (phone.time, phone.seq) = (now, phone.seq.wrapping_add(1));
        world.send(0, bytes);
        world.speak(0, 20, if n < 3 { 9_000 } else { 500 });
        world.run(20);
    }
    for _ in 0..20 {
        world.speak(phone, 20, 500);
        world.run(20);
    }
    let heard = world.bot_heard();
    let loudest = heard.iter().flat_map(|frame| frame.samples()).max();
    assert!(loudest.is_some_and(|&sample| sample < 1_000), "{loudest:?}");
    let last = heard.last().map(|frame| frame.samples()[80]);
    assert!(last.is_some_and(|sample| (sample - 500).abs() < 100), "the caller again: {last:?}");
    assert_eq!(world.digits(), "6");
}

#[test]
fn what_a_bot_says_stands_on_the_recording_beside_the_caller() {
    const RECORDING: RecordingId = RecordingId(1);
    const VOICE: LegId = LegId(900);
    let (caller_hz, bot_hz) = (400, 1_000);
    for rate in [Rate::Narrow, Rate::Wide] {
        let mut world = World::new();
        let phone = world.add(Codec::Pcma, 0, |_| {});
        let caller = world.phones[phone].leg;
        world.command(Command::RecordStart(record_start(RECORDING, &[(caller, Side::Customer)])));
        let (recording, leg, side) = (RECORDING, VOICE, Side::Other);
        world.command(Command::RecordJoin { recording, leg, side });
        let now = world.now();
        world.shard.start_bot(now, caller, rate, Some(VOICE));
        let spoken = tone(caller_hz, 8_000, 8_000 * 2, 8_000);
        let said = tone(bot_hz, rate.hz(), rate.samples(2_000), 8_000);
        for (spoken, said) in spoken.chunks(160).zip(said.chunks(rate.samples(20))) {
            let payload: Vec<u8> =
                spoken.iter().map(|&sample| g711::encode(Law::A, sample)).collect();
            let packet = world.phones[phone].packet(8, false, &payload);
            world.phones[phone].seq = world.phones[phone].seq.wrapping_add(1);
            world.phones[phone].time = world.phones[phone].time.wrapping_add(160);
            world.send(phone, packet);
            world.shard.say_bot(caller, Frame::from_samples(rate, said));
            world.run(20);
        }
        world.command(Command::RecordStop { recording });
        world.run(400);
        let (bytes, conversations) = log_of(&world.blocks);
        let (wav, _) = rendered(&conversations[0], &bytes);
        let rate_hz = wav.format.rate_hz;
        let middle = rate_hz as usize / 2..rate_hz as usize * 3 / 2;
        let levels = |side: usize| {
            let samples = &wav.channels[side][middle.clone()];
            (level_at(samples, caller_hz, rate_hz), level_at(samples, bot_hz, rate_hz))
        };
        let (left, right) = (levels(0), levels(1));
        assert!(left.0 > -20.0 && left.1 < -40.0, "{rate:?}: the caller's side is {left:?}");
        assert!(right.1 > -20.0 && right.0 < -40.0, "{rate:?}: the bot's side is {right:?}");
    }
}
