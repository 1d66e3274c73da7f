//! What the shard says and understands: prompts and digits.

use super::*;

#[test]
fn a_digit_stops_the_prompt_and_is_told_once() {
    let mut world = World::new();
    world.add(Codec::Pcmu, 65_533, |_| {});
    world.play(0, 3, Source::Prompt("welcome".into()), false);
    world.run(200);
    world.press(0, 9);
    world.press(0, 9);
    world.run(500);
    assert_eq!(world.digits(), "99");
    let done: Vec<&Event> =
        world.events.iter().filter(|event| matches!(event, Event::PlayDone { .. })).collect();
    let leg = LegId(1);
    let end = PlayEnd::Interrupted;
    assert_eq!(done, [&Event::PlayDone { leg, playback: PlaybackId(3), end }]);
    assert!(world.phones[0].heard.len() <= 11);
}

#[test]
fn a_key_that_is_not_named_stops_nothing_and_one_that_seeks_is_heard_from_there() {
    let mut world = World::new();
    world.add(Codec::Pcma, 1, |_| {});
    let leg = world.phones[0].leg;
    let playback = Playback {
        interruptible: true,
        stop_keys: "#".chars().collect(),
        ..Playback::once(PlaybackId(5), vec![Source::Prompt("welcome".into())])
    };
    world.command(Command::Play { leg, playback });
    world.press(0, 3);
    world.run(40);
    assert_eq!(world.digits(), "3", "the key is told all the same");
    assert_eq!(world.phones[0].heard.len(), 11, "and the prompt went on");

    // Of one second 220 ms are over. 300 ms back is the beginning: a whole second follows.
    world.command(Command::Seek { leg, playback: PlaybackId(5), to: Seek::By { ms: -300 } });
    world.run(1_100);
    assert_eq!(world.phones[0].heard.len(), 11 + 50);
    let finished = |id| Event::PlayDone { leg, playback: PlaybackId(id), end: PlayEnd::Finished };
    assert!(world.events.contains(&finished(5)));

    world.play(0, 6, Source::Prompt("welcome".into()), false);
    world.command(Command::Seek { leg, playback: PlaybackId(5), to: Seek::To { ms: 5_000 } });
    world.run(100);
    assert!(!world.events.contains(&finished(6)), "another playback is not moved");
    world.command(Command::Seek { leg, playback: PlaybackId(6), to: Seek::To { ms: 5_000 } });
    assert!(world.events.contains(&finished(6)), "behind the end is finished");
    assert_seamless(&world.phones[0].sequence());
}

#[test]
fn a_prompt_plays_to_its_end_and_a_missing_one_is_named() {
    let mut world = World::new();
    world.add(Codec::Pcma, 1, |_| {});
    world.play(0, 1, Source::Prompt("welcome".into()), false);
    world.run(1_100);
    assert_eq!(world.phones[0].heard.len(), 50);
    world.play(0, 2, Source::Prompt("nowhere".into()), false);
    world.play(0, 3, Source::Busy, true);
    world.play(0, 4, Source::Beep { ms: 100 }, false);
    world.run(200);
    let ends: Vec<(u64, PlayEnd)> = world
        .events
        .iter()
        .filter_map(|event| match event {
            Event::PlayDone { playback, end, .. } => Some((playback.0, end.clone())),
            _ => None,
        })
        .collect();
    let expected = [
        (1, PlayEnd::Finished),
        (2, PlayEnd::Missing("nowhere".into())),
        (3, PlayEnd::Stopped),
        (4, PlayEnd::Finished),
    ];
    assert_eq!(ends, expected);
    assert_seamless(&world.phones[0].sequence());
}

#[test]
fn sent_digits_arrive_as_events_in_the_same_stream() {
    let mut world = World::new();
    world.pair(1);
    for _ in 0..5 {
        world.speak(1, 20, 500);
        world.run(20);
    }
    world.command(Command::SendDigits { leg: LegId(1), digits: "4*".into() });
    for _ in 0..40 {
        world.speak(1, 20, 500);
        world.run(20);
    }
    let heard = &world.phones[0].heard;
    assert_seamless(&world.phones[0].sequence());
    let events: Vec<(u8, bool, RtpTime)> = heard
        .iter()
        .filter(|heard| heard.header.payload_type == PayloadType(101))
        .map(|heard| (heard.payload[0], heard.header.marker, heard.header.time))
        .collect();
    assert_eq!(events.iter().filter(|&&(_, marker, _)| marker).count(), 2);
    assert_eq!((events[0].0, events.last().unwrap().0), (4, 10));
    let times: std::collections::BTreeSet<u32> = events.iter().map(|e| e.2.0).collect();
    assert_eq!(times.len(), 2, "one timestamp for each digit");
    assert_eq!(heard.last().unwrap().header.payload_type, PayloadType(8), "audio goes on");
}
