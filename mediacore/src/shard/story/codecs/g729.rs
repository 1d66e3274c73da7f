//! Calls in G.729: relayed as they come, converted, and silent as Annex B describes it.

use super::*;

/// What another encoder says of white noise at −59.5 dBov.
const QUIET: [u8; 2] = [0x34, 0x54];

/// A packet of a phone; the next one is as much later as its octets say.
fn put(world: &mut World, phone: usize, payload: &[u8]) -> Verdict {
    let sender = &mut world.phones[phone];
    let bytes = sender.packet(18, false, payload);
    sender.seq = sender.seq.wrapping_add(1);
    sender.time = sender.time.wrapping_add(crate::codec::ticks(Codec::G729, payload));
    world.send(phone, bytes)
}

/// The same, and as much time passes.
fn send(world: &mut World, phone: usize, payload: &[u8]) -> Verdict {
    let verdict = put(world, phone, payload);
    world.run(u64::from(crate::codec::ticks(Codec::G729, payload) / 8));
    verdict
}

/// A tone, frame by frame of 10 ms.
fn frames(hz: u32, count: usize) -> Vec<u8> {
    let mut octets = Vec::new();
    Encoder::new(Codec::G729, Wishes::default())
        .encode(&tone(hz, 8_000, count * 80, 8_000), &mut octets);
    assert_eq!(octets.len(), count * 10);
    octets
}

#[test]
fn two_parties_of_g729_are_relayed_octet_by_octet_through_their_silences() {
    let mut world = World::new();
    room_of(&mut world, &[Codec::G729, Codec::G729]);
    let speech = frames(500, 12);
    let said: [Vec<u8>; 6] = [
        speech[..20].to_vec(),
        speech[20..80].to_vec(),
        [&speech[80..100], &QUIET].concat(),
        QUIET.to_vec(),
        // Octets that nobody decodes here need not be frames.
        vec![0xFF; 20],
        speech[100..110].to_vec(),
    ];
    for (n, payload) in said.iter().enumerate() {
        assert!(matches!(send(&mut world, 0, payload), Verdict::Forward { .. }), "packet {n}");
        if payload[..] == QUIET {
            // Nobody speaks for a while.
            world.phones[0].time = world.phones[0].time.wrapping_add(8_000);
            world.run(1_000);
        }
    }
    let heard = &world.phones[1].heard;
    assert_eq!(heard.iter().map(|heard| heard.payload.clone()).collect::<Vec<_>>(), said);
    assert!(heard.iter().all(|heard| heard.header.payload_type == PayloadType(18)));
    assert_seamless(&world.phones[1].sequence());
    let steps: Vec<i32> =
        heard.windows(2).map(|pair| pair[1].header.time.distance(pair[0].header.time)).collect();
    assert_eq!(steps, [160, 480, 240, 8_080, 160]);
    assert_eq!(world.release(0).concealed_ms, 0);
}

#[test]
fn g729_and_a_law_hear_each_other_in_packets_of_any_length() {
    for frames_each in [1, 2, 3, 6, 20] {
        let mut world = World::new();
        room_of(&mut world, &[Codec::G729, Codec::Pcma]);
        let mut telephone = Mouth::tone(&world, 1, 700);
        let speech = frames(1_000, 120);
        for n in 0..120 {
            if n % frames_each == 0 {
                put(&mut world, 0, &speech[n * 10..][..frames_each * 10]);
            }
            if n % 2 == 0 {
                telephone.say(&mut world);
            }
            world.run(10);
        }
        for (phone, hz, own_hz) in [(0, 700, 1_000), (1, 1_000, 700)] {
            let heard = ear(&world, phone, 0);
            let settled = &heard[heard.len() / 2..];
            let level = level_at(settled, hz, 8_000);
            assert!((level + 12.2).abs() < 4.0, "{frames_each}0 ms: {hz} Hz at {level:.1} dB");
            assert!(level_at(settled, own_hz, 8_000) < -30.0, "{frames_each}0 ms: no echo");
        }
        let own = world.phones[0].heard.iter().all(|heard| heard.payload.len() == 20);
        assert!(own, "ours have the 20 ms that were agreed");
    }
}

#[test]
fn the_silence_that_g729_describes_is_heard_in_another_codec_until_somebody_speaks() {
    let mut world = World::new();
    room_of(&mut world, &[Codec::G729, Codec::Pcma]);
    let speech = frames(1_000, 40);
    for payload in speech.chunks(20) {
        send(&mut world, 0, payload);
    }
    send(&mut world, 0, &QUIET);
    world.phones[0].time = world.phones[0].time.wrapping_add(16_000);
    world.run(2_000);
    let heard = ear(&world, 1, 0);
    let level = level_dbov(&heard[heard.len() - 8_000..]);
    // The spectrum is told by its difference from the tone before it: libbcg729 makes −50.6 of it.
    assert!((level + 50.6).abs() < 6.0, "{level:.1} dBov");
    let before = world.phones[1].heard.len();
    for payload in speech.chunks(20) {
        send(&mut world, 0, payload);
    }
    let level = level_at(&ear(&world, 1, before + 10), 1_000, 8_000);
    assert!((level + 12.2).abs() < 4.0, "spoken again at {level:.1} dB");
    let quality = world.release(0);
    assert_eq!((quality.packets_dropped, quality.packets_lost), (0, 0));
    assert_eq!(quality.concealed_ms, 0, "nothing of it was made up in place of a loss");
}

/// A coder of voices leaves nothing of a modem that would be worth its place.
#[test]
fn nobody_looks_for_a_fax_in_g729_and_one_is_looked_for_beside_it() {
    let mut world = World::new();
    room_of(&mut world, &[Codec::G729, Codec::Pcma]);
    let listens = |phone: usize| {
        let leg = world.shard.leg(world.phones[phone].idx).expect("the leg stands");
        leg.ear.is_some()
    };
    assert_eq!([0, 1].map(listens), [false, true]);
}

#[test]
fn what_is_no_packet_of_g729_is_made_up_for_and_what_follows_is_heard() {
    let wrong: [&[u8]; 4] = [&[0x5A; 1], &[0x5A; 7], &[0x5A; 13], &[0x5A; 210]];
    for wrong in wrong {
        let mut world = World::new();
        room_of(&mut world, &[Codec::G729, Codec::Pcma]);
        let speech = frames(700, 100);
        for (n, payload) in speech.chunks(20).enumerate() {
            if n == 20 {
                put(&mut world, 0, wrong);
                world.phones[0].time = world.phones[0].time.wrapping_add(160);
                world.run(20);
            } else {
                send(&mut world, 0, payload);
            }
        }
        let heard = ear(&world, 1, 0);
        let level = level_at(&heard[heard.len() / 2..], 700, 8_000);
        assert!((level + 12.2).abs() < 4.0, "{} octets, then {level:.1} dB", wrong.len());
        let quality = world.release(0);
        assert!((1..=80).contains(&quality.concealed_ms), "{} octets: {quality:?}", wrong.len());
        assert_eq!(quality.packets_lost, 0);
    }
}
