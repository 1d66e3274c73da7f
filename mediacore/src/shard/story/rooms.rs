//! Rooms of three, hold, recording, and rooms on two shards.

use super::*;
use crate::room::FarVoices;

#[test]
fn a_stream_has_no_seam_from_prompt_over_relay_to_mix() {
    let mut world = World::new();
    world.add(Codec::Pcma, 7, |_| {});
    world.play(0, 1, Source::Prompt("welcome".into()), false);
    world.run(400);
    world.command(Command::StopPlay { leg: LegId(1), playback: PlaybackId(1) });
    for _ in 0..2 {
        let n = world.add(Codec::Pcma, 65_500, |_| {});
        world.phones[n].time = 77_000;
    }
    world.join(0, 1);
    world.join(1, 1);
    for _ in 0..20 {
        world.speak(1, 20, 2_000);
        world.run(20);
    }
    world.join(2, 1);
    for _ in 0..20 {
        world.speak(1, 20, 2_000);
        world.speak(2, 20, 1_000);
        world.run(20);
    }
    let headers = world.phones[0].sequence();
    assert!(headers.len() >= 58, "{}", headers.len());
    assert_seamless(&headers);
    let (first, last) = (&world.phones[0].heard[0], world.phones[0].heard.last().unwrap());
    let ticks = i64::from(last.header.time.distance(first.header.time));
    let clock = (last.at_ms - first.at_ms) as i64 * 8;
    assert!((ticks - clock).abs() <= 320, "{ticks} ticks in {clock}");
    assert!((world.phones[0].last_level() - 3_000).abs() < 150);
}

#[test]
fn three_parties_of_every_packet_time_are_mixed_without_a_hole() {
    let mut world = World::new();
    let ptimes = [10_u32, 20, 60];
    let levels = [1_000_i16, 2_000, 4_000];
    for (n, &ptime_ms) in ptimes.iter().enumerate() {
        let n = world.add(Codec::Pcma, n as u16, |remote| remote.ptime_ms = ptime_ms as u8);
        world.join(n, 1);
    }
    for ms in 0..1_200_u32 {
        for (n, &ptime_ms) in ptimes.iter().enumerate() {
            if ms % ptime_ms == 0 {
                world.speak(n, ptime_ms, levels[n]);
            }
        }
        world.run(1);
    }
    for (n, phone) in world.phones.iter().enumerate() {
        assert_seamless(&phone.sequence());
        let settled: Vec<&Heard> = phone.heard.iter().filter(|heard| heard.at_ms > 1_400).collect();
        assert!(!settled.is_empty());
        for heard in settled {
            assert_eq!(heard.payload.len(), ptimes[n] as usize * 8);
            for &octet in &heard.payload {
                let others = 7_000 - i32::from(levels[n]);
                let got = i32::from(g711::decode(Law::A, octet));
                assert!((got - others).abs() < 200, "phone {n} at {}: {got}", heard.at_ms);
            }
        }
    }
}

#[test]
fn a_party_on_hold_neither_hears_nor_is_heard_and_hears_music() {
    let mut world = World::new();
    world.pair(1);
    world.command(Command::Hold { leg: LegId(1) });
    world.play(0, 5, Source::Ringback, true);
    for _ in 0..10 {
        world.speak(0, 20, 3_000);
        world.speak(1, 20, 3_000);
        world.run(20);
    }
    assert!(world.phones[1].heard.is_empty());
    assert_eq!(world.phones[0].heard.len(), 11, "one frame at once, then one every 20 ms");
    world.command(Command::StopPlay { leg: LegId(1), playback: PlaybackId(5) });
    world.command(Command::Resume { leg: LegId(1) });
    world.speak(0, 20, 3_000);
    world.speak(1, 20, 3_000);
    assert_eq!(world.phones[1].heard.len(), 1);
    assert!((world.phones[0].last_level() - 3_000).abs() < 100);
    assert_seamless(&world.phones[0].sequence());
}

#[test]
fn who_is_held_hears_nothing_of_two_who_consult_and_is_heard_by_neither() {
    let mut world = World::new();
    world.pair(1);
    world.command(Command::Hold { leg: LegId(1) });
    let third = world.add(Codec::Pcma, 1, |_| {});
    world.join(third, 1);
    let levels = [1_000_i16, 2_000, 4_000];
    let talk = |world: &mut World| {
        for _ in 0..60 {
            for (phone, &level) in levels.iter().enumerate() {
                world.speak(phone, 20, level);
            }
            world.run(20);
        }
    };
    talk(&mut world);
    assert!(world.phones[0].heard.is_empty(), "the one who waits");
    assert!((world.phones[1].last_level() - 4_000).abs() < 200);
    assert!((world.phones[2].last_level() - 2_000).abs() < 200);
    world.command(Command::Leave { leg: LegId(2) });
    world.command(Command::Resume { leg: LegId(1) });
    talk(&mut world);
    assert!((world.phones[0].last_level() - 4_000).abs() < 200, "passed on");
    assert!((world.phones[2].last_level() - 1_000).abs() < 200);
}

#[test]
fn a_recording_goes_on_through_hold() {
    let mut world = World::new();
    world.pair(1);
    world.command(Command::RecordStart(RecordStart {
        recording: RecordingId(1),
        tenant: TenantId(1),
        contact: ContactId(1),
        call: CallId(1),
        started_at: Timestamp(0),
        parties: vec![(LegId(1), Side::Customer), (LegId(2), Side::Other)],
        terms: RecordTerms::default(),
    }));
    world.command(Command::Hold { leg: LegId(1) });
    for _ in 0..10 {
        world.speak(0, 20, 3_000);
        world.speak(1, 20, 3_000);
        world.run(20);
    }
    world.press(0, 1);
    assert_eq!(world.shard.recorder_stats().frames, 20, "audio is recorded, digits are not");
    world.command(Command::RecordLeave { recording: RecordingId(1), leg: LegId(2) });
    world.speak(0, 20, 1);
    world.speak(1, 20, 1);
    assert_eq!(world.shard.recorder_stats().frames, 21);
    world.command(Command::RecordStop { recording: RecordingId(1) });
    world.speak(0, 20, 1);
    assert_eq!(world.shard.recorder_stats().frames, 21);
}

#[test]
fn halves_of_a_room_on_two_shards_hear_each_other() {
    let mut worlds = [World::new(), World::new()];
    let levels = [[1_000_i16, 2_000], [4_000, 8_000]];
    for (here, world) in worlds.iter_mut().enumerate() {
        let (room, far) = (RoomId(1), FarShard(1 - here as u16));
        world.shard.open_bridge(Moment::from_millis(1_000), room, far, FarVoices::PARTIES);
        world.pair(1);
    }
    for _ in 0..60 {
        for here in 0..2 {
            for (phone, &level) in levels[here].iter().enumerate() {
                worlds[here].speak(phone, 20, level);
            }
            worlds[here].run(20);
            while let Some((far, room, audience, frame, told)) = worlds[here].shard.poll_frame() {
                let shard = &mut worlds[usize::from(far.0)].shard;
                shard.handle_frame(room, FarShard(here as u16), audience, &frame, told);
            }
        }
    }
    for here in 0..2 {
        for (phone, &level) in levels[here].iter().enumerate() {
            let others = 15_000 - i32::from(level);
            let heard = i32::from(worlds[here].phones[phone].last_level());
            assert!((heard - others).abs() < 600, "shard {here} phone {phone}: {heard}");
        }
    }
}

#[test]
fn a_far_party_is_recorded_through_its_tap() {
    let (mut here, mut there) = (World::new(), World::new());
    here.add(Codec::Pcma, 1, |_| {});
    there.add(Codec::Pcma, 1, |_| {});
    let start = RecordStart {
        recording: RecordingId(1),
        tenant: TenantId(1),
        contact: ContactId(1),
        call: CallId(1),
        started_at: Timestamp(0),
        parties: vec![(LegId(1), Side::Customer), (LegId(77), Side::Other)],
        terms: RecordTerms::default(),
    };
    here.command(Command::RecordStart(start));
    there.shard.set_taps(LegId(1), 1);
    for _ in 0..5 {
        there.speak(0, 20, 9);
        while let Some(mut tap) = there.shard.poll_tap() {
            assert_eq!(tap.payload().len(), 160);
            tap.leg = LegId(77);
            here.shard.handle_tap(&tap);
        }
    }
    assert_eq!(here.shard.recorder_stats().frames, 5);
}

#[test]
fn a_room_that_is_full_leaves_the_next_outside_until_somebody_leaves() {
    let mut world = World::new();
    world.shard.config.room_legs_max = 2;
    for n in 0..3 {
        assert_eq!(world.add(Codec::Pcma, 1, |_| {}), n);
        world.join(n, 1);
    }
    let speak = |world: &mut World| {
        for _ in 0..10 {
            (0..3).for_each(|phone| _ = world.speak(phone, 20, 1_000 * (phone as i16 + 1)));
            world.run(20);
        }
    };
    speak(&mut world);
    let heard = |world: &World| [0, 1, 2].map(|phone: usize| world.phones[phone].heard.len());
    assert_eq!(heard(&world), [10, 10, 0], "the third neither hears nor is heard");
    let first = world.phones[0].leg;
    world.command(Command::Leave { leg: first });
    world.join(2, 1);
    speak(&mut world);
    assert_eq!(heard(&world), [10, 20, 10]);
    let level = world.phones[1].last_level();
    assert!((2_900..3_100).contains(&level), "the third is heard: {level}");
}

#[test]
fn one_room_too_many_leaves_its_legs_outside_until_another_ends() {
    let mut world = World::new();
    world.shard.config.rooms_max = 1;
    for n in 0..4 {
        assert_eq!(world.add(Codec::Pcma, 1, |_| {}), n);
        world.join(n, if n < 2 { 1 } else { 2 });
    }
    assert_eq!(world.shard.rooms(), 1);
    let speak = |world: &mut World| {
        for _ in 0..10 {
            (0..4).for_each(|phone| _ = world.speak(phone, 20, 1_000));
            world.run(20);
        }
    };
    speak(&mut world);
    let heard = |world: &World| [0, 1, 2, 3].map(|phone: usize| world.phones[phone].heard.len());
    assert_eq!(heard(&world), [10, 10, 0, 0], "there is no second room");

    // The last leg of a room takes the place with it into the next one.
    let (first, second) = (world.phones[0].leg, world.phones[1].leg);
    world.command(Command::Leave { leg: second });
    world.command(Command::Join { leg: first, room: RoomId(1) });
    assert_eq!(world.shard.rooms(), 1, "it stays where it is");
    world.join(0, 4);
    world.command(Command::Leave { leg: first });
    assert_eq!(world.shard.rooms(), 0);
    (2..4).for_each(|n| world.join(n, 2));
    speak(&mut world);
    assert_eq!(heard(&world), [10, 10, 10, 10]);
    (0..4).for_each(|phone| _ = world.release(phone));
    assert_eq!((world.shard.legs(), world.shard.rooms()), (0, 0));
}

#[test]
fn the_half_of_a_room_on_another_shard_begins_although_it_is_one_too_many() {
    let mut world = World::new();
    world.shard.config.rooms_max = 1;
    world.pair(1);
    let third = world.add(Codec::Pcma, 1, |_| {});
    // A bridge is told once, and before the leg that joins.
    let now = world.now();
    world.shard.open_bridge(now, RoomId(3), FarShard(1), FarVoices::PARTIES);
    world.join(third, 3);
    assert_eq!(world.shard.rooms(), 2);
    for _ in 0..10 {
        world.speak(third, 20, 1_000);
        world.run(20);
    }
    let rooms: Vec<RoomId> =
        std::iter::from_fn(|| world.shard.poll_frame()).map(|(_, room, ..)| room).collect();
    assert!(!rooms.is_empty() && rooms.iter().all(|&room| room == RoomId(3)), "{rooms:?}");

    let leg = world.phones[third].leg;
    world.command(Command::Leave { leg });
    world.shard.close_bridge(world.now(), RoomId(3), FarShard(1));
    world.join(third, 4);
    assert_eq!(world.shard.rooms(), 1, "a leg alone begins no more than before");
}
