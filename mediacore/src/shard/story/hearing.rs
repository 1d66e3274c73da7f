//! Digits as tones, made and heard; parties of whom one knows events; what a leg is watched for; and
//! big rooms.

use super::codecs::{Mouth, ear};
use super::*;
use crate::codec::sound::{level_at, level_dbov, tone, voice};
use crate::tone::keys::Keypad;
use terms::media::{Progress, Watch};

/// What a key sounds like at 8 kHz, with 100 ms of silence before and after.
fn keys(keys: &str) -> Vec<i16> {
    let mut keypad = Keypad::default();
    keypad.push(keys);
    let (mut said, mut frame) = (vec![0; 800], [0; 160]);
    while keypad.fill(&mut frame) {
        said.extend(frame);
    }
    said.extend([0; 1_600]);
    said
}

pub(super) fn without_events(remote: &mut Remote) {
    (remote.send.dtmf, remote.receive.dtmf) = (None, None);
}

/// A phone says something at 8 kHz in packets of 20 ms.
fn say(world: &mut World, phone: usize, said: &[i16]) {
    let codec = world.phones[phone].codec;
    let rate_hz = codec.sample_hz();
    let mut samples = Vec::new();
    let (from, to) = (crate::codec::Rate::Narrow, crate::codec::Rate::of(codec));
    crate::codec::Converter::default().convert(from, to, said, &mut samples);
    let frames = samples.len() / (rate_hz as usize / 50);
    let mut mouth = Mouth::new(world, phone, samples);
    for _ in 0..frames {
        mouth.say(world);
        world.run(20);
    }
}

/// Events that a phone got: keys, by their first packets.
fn events(world: &World, phone: usize) -> String {
    let first =
        |heard: &&Heard| heard.header.payload_type == PayloadType(101) && heard.header.marker;
    let events = world.phones[phone].heard.iter().filter(first);
    events.filter_map(|heard| DigitEvent::parse(&heard.payload)?.key()).collect()
}

/// Digits that a phone hears as tones.
fn tones(world: &World, phone: usize) -> String {
    let mut found = String::new();
    let rate_hz = world.phones[phone].codec.sample_hz();
    let mut narrow = Vec::new();
    let rate = if rate_hz == 8_000 { crate::codec::Rate::Narrow } else { crate::codec::Rate::Wide };
    let samples = ear(world, phone, 0);
    crate::codec::Converter::default().convert(
        rate,
        crate::codec::Rate::Narrow,
        &samples,
        &mut narrow,
    );
    narrow.extend([0; 800]);
    crate::detect::keys::Detector::default().hear(&narrow, |heard| {
        if let crate::detect::keys::Found::Pressed(key) = heard {
            found.push(key);
        }
    });
    found
}

#[test]
fn a_tone_is_a_digit_where_no_events_were_agreed_and_stops_the_prompt() {
    for codec in [Codec::Pcma, Codec::Pcmu, Codec::G722, Codec::L16] {
        let mut world = World::new();
        world.add(codec, 65_530, without_events);
        world.play(0, 3, Source::Prompt("welcome".into()), false);
        world.run(100);
        say(&mut world, 0, &keys("42#"));
        assert_eq!(world.digits(), "42#", "{codec:?}");
        let done: Vec<&Event> =
            world.events.iter().filter(|e| matches!(e, Event::PlayDone { .. })).collect();
        let end = PlayEnd::Interrupted;
        assert_eq!(done, [&Event::PlayDone { leg: LegId(1), playback: PlaybackId(3), end }]);
        assert!(world.phones[0].heard.len() <= 16, "it stops at the first digit");
    }
}

#[test]
fn a_leg_with_events_gives_each_digit_once_although_it_sends_both() {
    let mut world = World::new();
    world.add(Codec::Pcma, 1, |_| {});
    say(&mut world, 0, &keys("5"));
    world.press(0, 5);
    say(&mut world, 0, &keys("5"));
    assert_eq!(world.digits(), "5");
}

#[test]
fn tones_become_events_for_who_knows_them_and_leak_only_until_they_are_recognised() {
    for (one, two) in [(Codec::Pcma, Codec::Pcma), (Codec::Pcma, Codec::G722)] {
        let mut world = World::new();
        world.add(one, 65_500, without_events);
        world.add(two, 1, |_| {});
        (0..2).for_each(|phone| world.join(phone, 1));
        let forwards = |world: &World| world.shard.stats().packets_forwarded;
        say(&mut world, 0, &voice(8_000, 4_000));
        let before = (forwards(&world), world.phones[1].heard.len());
        // A key that is held for half a second.
        let mut said = vec![0; 800];
        let held = keys("9")[800..1_440].repeat(7);
        said.extend(&held[..4_000]);
        said.extend([0; 1_600]);
        say(&mut world, 0, &said);
        world.run(200);
        assert_eq!((events(&world, 1).as_str(), world.digits().as_str()), ("9", "9"));
        let heard = ear(&world, 1, before.1);
        let hz = two.sample_hz();
        let loud =
            heard.chunks(hz as usize / 100).filter(|piece| level_dbov(piece) > -30.0).count();
        assert!(loud <= 7, "{one:?} to {two:?}: {loud}0 ms of the tone leak");
        assert_eq!(tones(&world, 1), "", "it is no second digit");
        assert_eq!(forwards(&world) > before.0, one == two, "a relayed leg stays relayed");
        assert_seamless(&world.phones[1].sequence());
        say(&mut world, 0, &voice(8_000, 4_000));
        assert!(level_dbov(&ear(&world, 1, world.phones[1].heard.len() - 20)) > -40.0, "goes on");
    }
}

#[test]
fn events_become_tones_for_who_knows_none() {
    for (one, two) in
        [(Codec::Pcma, Codec::Pcma), (Codec::G722, Codec::Pcma), (Codec::Pcma, Codec::Opus)]
    {
        let mut world = World::new();
        world.add(one, 65_500, |_| {});
        world.add(two, 1, without_events);
        (0..2).for_each(|phone| world.join(phone, 1));
        world.press(0, 1);
        world.press(0, 10);
        world.run(500);
        assert_eq!((tones(&world, 1).as_str(), world.digits().as_str()), ("1*", "1*"), "{two:?}");
        assert_seamless(&world.phones[1].sequence());
    }
}

#[test]
fn two_without_events_hear_the_tone_itself_once() {
    let mut world = World::new();
    (0..2).for_each(|_| {
        let phone = world.add(Codec::Pcma, 1, without_events);
        world.join(phone, 1);
    });
    say(&mut world, 0, &keys("7"));
    assert_eq!((tones(&world, 1).as_str(), world.digits().as_str()), ("7", "7"));
}

#[test]
fn kept_digits_are_told_and_the_other_of_two_gets_neither_event_nor_tone() {
    fn agree(has_events: bool) -> fn(&mut Remote) {
        if has_events { |_: &mut Remote| {} } else { without_events }
    }
    for (one, two) in [(true, true), (true, false), (false, true), (false, false)] {
        for codec in [Codec::Pcma, Codec::G722] {
            let mut world = World::new();
            world.add(Codec::Pcma, 65_500, agree(one));
            world.add(codec, 1, agree(two));
            world.command(Command::KeepDigits { leg: LegId(1), kept: true });
            (0..2).for_each(|phone| world.join(phone, 1));
            say(&mut world, 0, &voice(8_000, 4_000));
            if one {
                world.press(0, 10);
                world.press(0, 6);
            } else {
                say(&mut world, 0, &keys("*6"));
            }
            world.run(500);
            let told = format!("events {one} to events {two}, {codec:?}");
            assert_eq!(world.digits(), "*6", "{told}");
            assert_eq!(format!("{}{}", events(&world, 1), tones(&world, 1)), "", "{told}");
            say(&mut world, 0, &voice(8_000, 4_000));
            let goes_on = ear(&world, 1, world.phones[1].heard.len() - 20);
            assert!(level_dbov(&goes_on) > -40.0, "{told}");
            assert_seamless(&world.phones[1].sequence());
        }
    }
}

#[test]
fn what_a_phone_says_beside_a_kept_digit_stays_here_and_later_digits_are_passed_on_again() {
    let mut world = World::new();
    world.pair(65_530);
    world.command(Command::KeepDigits { leg: LegId(1), kept: true });
    world.speak(0, 20, 500);
    world.run(20);
    // Events and the tone of the key, packet by packet. Every packet of an event says when it began.
    let began = world.phones[0].time;
    for n in 0..8_u16 {
        let event = DigitEvent { code: 6, end: n >= 5, duration: 160 * (n.min(5) + 1) };
        let phone = &mut world.phones[0];
        let now = std::mem::replace(&mut phone.time, began);
        let bytes = phone.packet(101, n == 0, &event.write());
        (phone.time, phone.seq) = (now, phone.seq.wrapping_add(1));
        world.send(0, bytes);
        if n < 5 {
            world.speak(0, 20, 9_000);
        }
        world.run(20);
    }
    world.run(200);
    world.speak(0, 20, 500);
    let heard = &world.phones[1].heard;
    assert!(heard.iter().all(|heard| heard.header.payload_type == PayloadType(8)));
    let mut levels = heard.iter().map(|heard| g711::decode(Law::A, heard.payload[0]));
    assert!(levels.all(|level| level < 1_000), "the tone of the key");
    assert_eq!((heard.len(), world.digits().as_str()), (2, "6"));
    assert_seamless(&world.phones[1].sequence());

    world.command(Command::KeepDigits { leg: LegId(1), kept: false });
    world.press(0, 1);
    assert_eq!((events(&world, 1).as_str(), world.digits().as_str()), ("1", "61"));
}

#[test]
fn digits_sent_to_a_phone_without_events_sound_in_its_stream() {
    for codec in Codec::ALL {
        for ptime_ms in [20, 60] {
            let mut world = World::new();
            world.add(codec, 1, |remote| {
                without_events(remote);
                remote.ptime_ms = ptime_ms;
            });
            world.command(Command::SendDigits { leg: LegId(1), digits: "19D".into() });
            world.run(1_000);
            let heard = tones(&world, 0);
            // Of two tones G.729 makes a key most times: that is why it is not listened to.
            let may_miss = codec == Codec::G729 && heard.len() == 2;
            assert!(
                heard == "19D" || may_miss && heard.chars().all(|key| "19D".contains(key)),
                "{heard} of {codec:?} in packets of {ptime_ms} ms"
            );
            assert_seamless(&world.phones[0].sequence());
        }
    }
}

#[test]
fn a_digit_ends_with_its_leg_and_when_packets_stop() {
    let mut world = World::new();
    world.add(Codec::Pcma, 1, without_events);
    say(&mut world, 0, &keys("3")[..1_440]);
    assert_eq!(world.digits(), "");
    world.run(300);
    assert_eq!(world.digits(), "3");
    say(&mut world, 0, &keys("4")[..1_440]);
    world.release(0);
    assert_eq!(world.digits(), "34");
}

#[test]
fn only_a_watched_leg_tells_its_tones() {
    let mut world = World::new();
    world.pair(1);
    let mut cng = tone(1_100, 8_000, 4_000, 6_000);
    cng.extend([0; 12_000]);
    say(&mut world, 0, &cng);
    let told = |world: &World| -> Vec<(LegId, Progress)> {
        let progress = |event: &Event| match event {
            Event::Progress { leg, tone } => Some((*leg, *tone)),
            _ => None,
        };
        world.events.iter().filter_map(progress).collect()
    };
    assert_eq!(told(&world), []);
    let what = Watch { fax: true, ..Watch::default() };
    world.command(Command::Watch { leg: LegId(1), what });
    (0..2).for_each(|_| say(&mut world, 0, &cng));
    assert_eq!(told(&world), [(LegId(1), Progress::FaxCalling)]);
    world.command(Command::Watch { leg: LegId(1), what: Watch::default() });
    say(&mut world, 0, &cng);
    assert_eq!(told(&world).len(), 1);
    assert!(world.shard.stats().packets_forwarded >= 400, "it was relayed all the time");
}

#[test]
fn the_loudest_of_a_big_room_are_heard_and_nobody_else() {
    let mut world = World::new();
    // Twelve speak, each a tone of its own; the last eight are louder and push the others out.
    let hz = |n: usize| 400 + 130 * n as u32;
    for n in 0..14 {
        let codec = if n == 13 { Codec::G722 } else { Codec::Pcma };
        let phone = world.add(codec, 65_500, |_| {});
        world.join(phone, 1);
    }
    let mut mouths: Vec<Mouth> = (0..12)
        .map(|n| {
            let peak = if n >= 4 { 3_000 } else { 900 };
            Mouth::new(&world, n, tone(hz(n), 8_000, 16_000, peak))
        })
        .collect();
    for _ in 0..75 {
        mouths.iter_mut().for_each(|mouth| mouth.say(&mut world));
        world.run(20);
    }
    for (phone, rate_hz) in [(0, 8_000), (11, 8_000), (13, 16_000)] {
        let heard = ear(&world, phone, 0);
        let settled = &heard[heard.len() / 2..];
        for n in 0..12 {
            let level = level_at(settled, hz(n), rate_hz);
            let is_heard = n >= 4 && n != phone;
            assert_eq!(level > -27.0, is_heard, "phone {phone}, voice {n}: {level:.1} dB");
        }
        assert_seamless(&world.phones[phone].sequence());
    }
    // Those who are not heard get the same packets.
    let payload = |phone: usize| world.phones[phone].heard.last().map(|heard| &heard.payload);
    assert_eq!(payload(12), payload(0));
    assert_ne!(payload(12), payload(11));
}

#[test]
fn as_many_voices_are_heard_as_the_configuration_says() {
    for most in [1, 3] {
        let mut world = World::new();
        world.shard.config.speakers_max = most;
        let hz = |n: usize| 400 + 130 * n as u32;
        // Four speak, each louder than the one before by more than 6 dB; the fifth only hears.
        for _ in 0..5 {
            let phone = world.add(Codec::Pcma, 65_500, |_| {});
            world.join(phone, 1);
        }
        let peaks = [500, 1_100, 2_400, 5_300];
        let mut mouths: Vec<Mouth> =
            (0..4).map(|n| Mouth::new(&world, n, tone(hz(n), 8_000, 16_000, peaks[n]))).collect();
        for _ in 0..75 {
            mouths.iter_mut().for_each(|mouth| mouth.say(&mut world));
            world.run(20);
        }
        let heard = ear(&world, 4, 0);
        let settled = &heard[heard.len() / 2..];
        let level = |n: usize| level_at(settled, hz(n), 8_000);
        for n in 0..4 {
            let is_in = n >= 4 - most;
            assert_eq!(level(n) > -35.0, is_in, "{most} at most, voice {n}: {:.1} dB", level(n));
        }
    }
}

#[test]
fn no_more_voices_are_heard_than_shards_can_tell_each_other() {
    let heard = |asked: usize| {
        let config = Config { speakers_max: asked, ..Config::default() };
        Shard::new(config, PromptStore::default()).config.speakers_max
    };
    assert_eq!([1, TOLD_MAX, TOLD_MAX + 1, 1_000].map(heard), [1, TOLD_MAX, TOLD_MAX, TOLD_MAX]);
}

#[test]
fn the_delay_of_a_mixed_leg_and_what_it_did_stand_in_its_quality() {
    let mut world = World::new();
    world.add(Codec::Pcma, 1, |_| {});
    world.add(Codec::G722, 1, |_| {});
    (0..2).for_each(|phone| world.join(phone, 1));
    say(&mut world, 0, &voice(8_000, 8_000));
    // Two packets are lost, and the leg leaves the room: the figures stay.
    world.phones[0].seq += 2;
    world.phones[0].time = world.phones[0].time.wrapping_add(320);
    world.run(40);
    say(&mut world, 0, &voice(8_000, 8_000));
    world.command(Command::Leave { leg: LegId(1) });
    let quality = world.release(0);
    assert_eq!((quality.playout.target_ms, quality.packets_lost), (40, 2));
    assert!((40..=140).contains(&quality.concealed_ms), "{} ms", quality.concealed_ms);
}
