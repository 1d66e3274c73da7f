//! Two parties: what one says the other hears, in one stream.

use super::*;

#[test]
fn two_parties_hear_each_other_from_every_awkward_sequence() {
    for first in [0, 32_767, 65_535] {
        let mut world = World::new();
        world.pair(first);
        for n in 0..200_i16 {
            assert!(matches!(world.speak(0, 20, n * 10), Verdict::Forward { .. }));
            world.speak(1, 20, -n * 10);
            world.run(20);
        }
        for phone in &world.phones {
            assert_eq!(phone.heard.len(), 200);
            assert_seamless(&phone.sequence());
            let steps = phone
                .heard
                .windows(2)
                .map(|pair| pair[1].header.time.distance(pair[0].header.time));
            assert!(steps.into_iter().all(|step| step == 160));
        }
        let quality = world.release(0);
        assert_eq!((quality.packets_received, quality.packets_lost), (200, 0));
        assert!(quality.mos > 4.2, "{}", quality.mos);
    }
}

#[test]
fn every_packet_time_is_relayed_as_it_comes() {
    for ptime_ms in [10, 20, 30, 40, 60] {
        let mut world = World::new();
        world.pair(5);
        for _ in 0..50 {
            world.speak(0, ptime_ms, 900);
            world.run(u64::from(ptime_ms));
        }
        let heard = &world.phones[1].heard;
        assert_eq!(heard.len(), 50);
        assert!(heard.iter().all(|packet| packet.payload.len() == ptime_ms as usize * 8));
    }
}

#[test]
fn loss_and_reordering_pass_through_and_duplicates_do_not() {
    let mut world = World::new();
    world.pair(65_530);
    let packets: Vec<Vec<u8>> = (0..12).map(|n| world.phones[0].speech(20, n * 100)).collect();
    for n in [0, 1, 3, 2, 2, 5, 6, 6, 7, 9, 8, 10] {
        world.send(0, packets[n].clone());
        world.run(20);
    }
    let first = world.phones[1].heard[0].header.seq;
    let order: Vec<i16> =
        world.phones[1].heard.iter().map(|heard| heard.header.seq.distance(first)).collect();
    assert_eq!(order, [0, 1, 3, 2, 5, 6, 7, 9, 8, 10]);
    let quality = world.release(0);
    assert_eq!((quality.packets_received, quality.packets_lost), (10, 1));
    assert_eq!(world.shard.stats().dropped[Reason::Duplicate as usize], 2);
}

#[test]
fn a_source_that_changes_its_ssrc_goes_on_in_the_same_stream() {
    let mut world = World::new();
    world.pair(100);
    for n in 0..20 {
        if n == 10 {
            let phone = &mut world.phones[0];
            (phone.ssrc, phone.seq, phone.time) = (Ssrc(0xABCD), 40_000, 7);
        }
        world.speak(0, 20, 300);
        world.run(20);
    }
    let headers = world.phones[1].sequence();
    assert_eq!(headers.len(), 20);
    assert_seamless(&headers);
    assert_eq!(headers[10].time.distance(headers[9].time), 160);
    assert_eq!(world.release(0).packets_lost, 0);
}

#[test]
fn parties_of_different_laws_are_transcoded() {
    let mut world = World::new();
    for codec in [Codec::Pcma, Codec::Pcmu] {
        let n = world.add(codec, 1, |_| {});
        world.join(n, 1);
    }
    world.speak(0, 20, 10_000);
    world.speak(1, 20, -10_000);
    assert_eq!(world.phones[1].heard[0].header.payload_type, PayloadType(0));
    assert!((world.phones[1].last_level() - 10_000).abs() < 400);
    assert!((world.phones[0].last_level() + 10_000).abs() < 400);
}

#[test]
fn payload_numbers_are_those_of_each_side() {
    let mut world = World::new();
    world.pair(1);
    let n = world.add(Codec::Pcma, 1, |remote| {
        remote.send.audio = PayloadType(98);
        remote.receive.audio = PayloadType(97);
        remote.send.dtmf = Some(PayloadType(110));
    });
    world.command(Command::Leave { leg: world.phones[1].leg });
    world.join(n, 1);
    world.speak(0, 20, 50);
    world.press(0, 3);
    let numbers: Vec<u8> =
        world.phones[n].heard.iter().map(|heard| heard.header.payload_type.0).collect();
    assert_eq!(numbers[0], 98);
    assert!(numbers[1..].iter().all(|&number| number == 110));
    assert!(matches!(world.speak(n, 20, 50), Verdict::Drop(Reason::UnknownPayload)));
}

#[test]
fn comfort_noise_and_unknown_numbers_are_tolerated_and_leave_no_hole() {
    let mut world = World::new();
    world.pair(1);
    for n in 0..30 {
        if n % 3 == 2 {
            let number = if n % 2 == 0 { 13 } else { 77 };
            let bytes = world.phones[0].packet(number, false, &[60]);
            world.phones[0].seq += 1;
            world.phones[0].time += 160;
            world.send(0, bytes);
        } else {
            world.speak(0, 20, 600);
        }
        world.run(20);
    }
    assert_eq!(world.phones[1].heard.len(), 20);
    assert_seamless(&world.phones[1].sequence());
    assert_eq!(world.release(0).packets_dropped, 5);
}

#[test]
fn a_relayed_packet_allocates_nothing_in_the_shard() {
    let mut world = World::new();
    world.pair(1);
    let packets: Vec<Vec<u8>> = (0..2_000).map(|_| world.phones[0].speech(20, 5)).collect();
    let (idx, from) = (world.phones[0].idx, world.phones[0].address);
    let capacities = |shard: &Shard| {
        (shard.bytes.capacity(), shard.transmits.capacity(), shard.events.capacity())
    };
    let before = capacities(&world.shard);
    for mut packet in packets {
        world.now_ms += 1;
        let len = packet.len();
        let verdict = world.shard.handle_packet(world.now(), idx, from, &mut packet, len);
        assert!(matches!(verdict, Verdict::Forward { .. }));
    }
    assert_eq!(capacities(&world.shard), before);
}
