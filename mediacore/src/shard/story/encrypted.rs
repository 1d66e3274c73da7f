//! Encrypted legs: every way in and out, what is not authentic, and keys that stay or change.

use super::*;
use crate::record::block::Entry;
use terms::media::{Srtp, SrtpKey, SrtpSuite};

pub(super) fn key(seed: u8) -> SrtpKey {
    SrtpKey::new([seed; 32], [seed ^ 0x5A; 14])
}

/// What the phone and the box agree; `seed` is that of the phone's key.
pub(super) fn keys(suite: SrtpSuite, seed: u8) -> Srtp {
    Srtp { suite, send: key(100), receive: key(seed) }
}

/// The same from the phone's side.
fn turned(agreed: &Srtp) -> Srtp {
    Srtp { suite: agreed.suite, send: agreed.receive, receive: agreed.send }
}

impl World {
    /// Agrees keys with a phone, as a re-INVITE does.
    pub(super) fn agree(&mut self, phone: usize, agreed: &Srtp) {
        let (leg, codec) = (self.phones[phone].leg, self.phones[phone].codec);
        let mut remote = remote(self.phones[phone].address, codec);
        remote.srtp = Some(agreed.clone());
        self.command(Command::Connect { leg, remote: Box::new(remote) });
        match &mut self.phones[phone].srtp {
            Some(session) => session.rekey(&turned(agreed)),
            none => *none = Some(Session::new(turned(agreed))),
        }
    }

    /// A plain customer and an encrypted agent, talking to each other.
    fn customer_and_agent(&mut self, suite: SrtpSuite, first_seq: u16) {
        self.pair(first_seq);
        self.agree(1, &keys(suite, 2));
    }
}

fn dropped(world: &World, reason: Reason) -> u64 {
    world.shard.stats().dropped[reason as usize]
}

fn levels(phone: &Phone) -> Vec<u8> {
    phone.heard.iter().map(|heard| heard.payload[0]).collect()
}

#[test]
fn a_plain_customer_and_an_encrypted_agent_hear_each_other_from_the_buffer_it_came_in() {
    for suite in SrtpSuite::ALL {
        for first_seq in [0, 32_767, 65_530] {
            let mut world = World::new();
            world.customer_and_agent(suite, first_seq);
            for n in 0..50 {
                let to_agent = world.speak(0, 20, n * 100);
                let to_customer = world.speak(1, 20, -n * 100);
                for verdict in [to_agent, to_customer] {
                    assert!(matches!(verdict, Verdict::Forward { .. }), "{suite:?}: {verdict:?}");
                }
                world.run(20);
            }
            let heard = |said: i16| g711::encode(Law::A, said);
            assert_eq!(
                levels(&world.phones[1]),
                (0..50).map(|n| heard(n * 100)).collect::<Vec<_>>()
            );
            assert_eq!(
                levels(&world.phones[0]),
                (0..50).map(|n| heard(-n * 100)).collect::<Vec<_>>()
            );
            assert_seamless(&world.phones[0].sequence());
            assert_seamless(&world.phones[1].sequence());
        }
    }
}

#[test]
fn two_encrypted_parties_have_keys_of_their_own() {
    let mut world = World::new();
    world.pair(65_500);
    world.agree(0, &keys(SrtpSuite::AesCm128HmacSha1Tag32, 1));
    world.agree(1, &keys(SrtpSuite::AeadAes256Gcm, 2));
    for n in 0..100 {
        assert!(matches!(world.speak(0, 20, n), Verdict::Forward { .. }));
        assert!(matches!(world.speak(1, 20, n), Verdict::Forward { .. }));
        world.run(20);
    }
    assert_eq!((world.phones[0].heard.len(), world.phones[1].heard.len()), (100, 100));
    assert_eq!(world.shard.stats().packets_forwarded, 200);
}

#[test]
fn prompts_digits_mixes_and_conversions_leave_encrypted() {
    let mut world = World::new();
    world.customer_and_agent(SrtpSuite::AeadAes128Gcm, 1);
    world.play(1, 1, Source::Prompt("welcome".into()), false);
    world.run(1_100);
    assert_eq!(world.phones[1].heard.len(), 50, "a prompt of a second");
    let leg = world.phones[1].leg;
    world.command(Command::SendDigits { leg, digits: "7".into() });
    world.run(500);
    let digits = |phone: &Phone| {
        phone.heard.iter().filter(|heard| heard.header.payload_type == PayloadType(101)).count()
    };
    assert!(digits(&world.phones[1]) > 0);
    // A third party, and when the customer has left one of another codec: everybody is mixed.
    for codec in [Codec::Pcmu, Codec::G722] {
        let third = world.add(codec, 1, |_| {});
        world.join(third, 1);
        let before = world.phones[1].heard.len();
        world.run(1_000);
        assert!(world.phones[1].heard.len() - before >= 49, "{codec:?}");
        world.release(0);
    }
    world.press(1, 5);
    world.run(500);
    assert_eq!(world.digits(), "5", "its digits are read, once each");
}

#[test]
fn the_recording_has_both_voices_as_they_were_said() {
    let mut world = World::new();
    world.customer_and_agent(SrtpSuite::AesCm128HmacSha1Tag80, 65_530);
    let parties = vec![(world.phones[0].leg, Side::Customer), (world.phones[1].leg, Side::Other)];
    let start = RecordStart {
        terms: RecordTerms::default(),
        recording: RecordingId(5),
        tenant: TenantId(1),
        contact: ContactId(1),
        call: CallId(1),
        started_at: Timestamp(0),
        parties,
    };
    world.shard.handle_command(world.now(), Command::RecordStart(start));
    let said: Vec<Vec<u8>> = (0..2)
        .map(|phone| {
            let packet = world.phones[phone].speech(20, 1_000 * (phone as i16 + 1));
            let payload = packet[HEADER_BYTES..].to_vec();
            let (idx, from) = (world.phones[phone].idx, world.phones[phone].address);
            let mut sealed = world.phones[phone].sealed(packet);
            let len = sealed.len();
            sealed.resize(len + ROOM_BYTES, 0);
            world.shard.handle_packet(world.now(), idx, from, &mut sealed, len);
            payload
        })
        .collect();
    world.shard.handle_command(world.now(), Command::RecordStop { recording: RecordingId(5) });
    world.shard.tick(Moment::from_millis(world.now_ms + 1_000));
    let mut written = Vec::new();
    while let Some(block) = world.shard.poll_block() {
        for located in block.entries() {
            if let Entry::Audio(audio) = located.entry {
                written.extend(audio.frames().map(|frame| frame.payload.to_vec()));
            }
        }
    }
    written.sort();
    let mut said = said;
    said.sort();
    assert_eq!(written, said);
}

#[test]
fn counters_go_on_over_the_wrap_another_source_and_a_re_invite() {
    for suite in SrtpSuite::ALL {
        let mut world = World::new();
        world.customer_and_agent(suite, 65_530);
        let mut expected = 0;
        let mut talk = |world: &mut World, packets: usize| {
            for _ in 0..packets {
                world.speak(0, 20, 100);
                world.speak(1, 20, 100);
                world.run(20);
            }
            expected += packets;
            assert_eq!(world.phones[0].heard.len(), expected, "{suite:?}");
            assert_eq!(world.phones[1].heard.len(), expected, "{suite:?}");
        };
        talk(&mut world, 20);
        assert!(world.phones[1].seq < 100, "its numbers have wrapped");
        // Hold and resume: the same keys are agreed again.
        world.agree(1, &keys(suite, 2));
        talk(&mut world, 20);
        // Its other line: a new source with small numbers, then the first one again.
        let (ssrc, seq) = (world.phones[1].ssrc, world.phones[1].seq);
        let other = Session::new(turned(&keys(suite, 2)));
        let mut first = world.phones[1].srtp.replace(other);
        (world.phones[1].ssrc, world.phones[1].seq) = (Ssrc(0xBEEF), 3);
        for _ in 0..5 {
            let verdict = world.send_only(1);
            assert!(matches!(verdict, Verdict::Forward { .. }), "{suite:?}: {verdict:?}");
            world.run(20);
        }
        std::mem::swap(&mut world.phones[1].srtp, &mut first);
        (world.phones[1].ssrc, world.phones[1].seq) = (ssrc, seq);
        let verdict = world.send_only(1);
        assert!(matches!(verdict, Verdict::Forward { .. }), "{suite:?}: {verdict:?}");
        assert_eq!(dropped(&world, Reason::Unauthenticated), 0);
        assert_eq!(dropped(&world, Reason::Replayed), 0);
    }
}

impl World {
    fn send_only(&mut self, phone: usize) -> Verdict {
        let bytes = self.phones[phone].speech(20, 100);
        self.send(phone, bytes)
    }
}

#[test]
fn a_new_key_replaces_the_old_one_at_once() {
    let mut world = World::new();
    world.customer_and_agent(SrtpSuite::AeadAes128Gcm, 65_530);
    for _ in 0..20 {
        world.speak(1, 20, 100);
        world.run(20);
    }
    let late = world.phones[1].speech(20, 100);
    let late = world.phones[1].sealed(late);
    world.agree(1, &keys(SrtpSuite::AeadAes128Gcm, 3));
    let (idx, from) = (world.phones[1].idx, world.phones[1].address);
    assert_eq!(world.deliver(idx, from, late), Verdict::Drop(Reason::Unauthenticated));
    assert!(matches!(world.speak(1, 20, 100), Verdict::Forward { .. }));
    assert!(matches!(world.speak(0, 20, 100), Verdict::Forward { .. }), "our key is the same");
}

#[test]
fn a_repeated_packet_is_heard_once() {
    let mut world = World::new();
    world.customer_and_agent(SrtpSuite::AesCm128HmacSha1Tag80, 1);
    let (idx, from) = (world.phones[1].idx, world.phones[1].address);
    for _ in 0..10 {
        let packet = world.phones[1].speech(20, 100);
        let wire = world.phones[1].sealed(packet);
        assert!(matches!(world.deliver(idx, from, wire.clone()), Verdict::Forward { .. }));
        assert_eq!(world.deliver(idx, from, wire), Verdict::Drop(Reason::Replayed));
    }
    assert_eq!(world.phones[0].heard.len(), 10);
    let quality = world.release(1);
    assert_eq!((quality.packets_received, quality.packets_dropped), (10, 10));
}

/// Threat T3: a hundred of these ended a call elsewhere (CVE-2021-41105).
#[test]
fn ten_thousand_unauthenticated_packets_leave_a_call_untouched() {
    let mut world = World::new();
    world.customer_and_agent(SrtpSuite::AeadAes256Gcm, 1);
    world.speak(1, 20, 100);
    let (idx, agent) = (world.phones[1].idx, world.phones[1].address);
    let stranger: SocketAddr = ([203, 0, 113, 66], 4_000).into();
    let mut forger = Session::new(turned(&keys(SrtpSuite::AeadAes256Gcm, 66)));
    for n in 0..10_000_u16 {
        let mut forged = world.phones[1].packet(8, false, &[0x2A; 160]);
        forged[2..4].copy_from_slice(&n.wrapping_add(1).to_be_bytes());
        // Half of them in the name of the agent's address, a third of them of other sources.
        forged[11] ^= u8::from(n % 3 == 0);
        let len = forged.len();
        forged.resize(len + ROOM_BYTES, 0);
        let len = forger.protect(&mut forged, len).expect("it numbers its packets");
        forged.truncate(len);
        let from = if n % 2 == 0 { agent } else { stranger };
        let verdict = world.deliver(idx, from, forged);
        assert!(matches!(verdict, Verdict::Drop(_)), "{n}: {verdict:?}");
        if n % 100 == 0 {
            world.speak(0, 20, 100);
            world.speak(1, 20, 100);
            world.run(20);
        }
    }
    let refused = dropped(&world, Reason::Unauthenticated) + dropped(&world, Reason::Strange);
    let refused = refused + dropped(&world, Reason::Replayed);
    assert!(refused > 6_000, "{refused}");
    assert!(dropped(&world, Reason::Unauthenticated) > 2_000);
    assert_eq!((world.phones[0].heard.len(), world.phones[1].heard.len()), (101, 100));
    assert!(world.phones[0].heard.iter().all(|heard| !heard.payload.contains(&0x2A)));
    let quality = world.release(1);
    assert!(quality.packets_strange > 2_000 && quality.packets_dropped > 2_000, "{quality:?}");
    assert_eq!(quality.packets_lost, 0);
}

#[test]
fn forgeries_do_not_move_the_door_of_a_phone_behind_a_nat() {
    let mut world = World::new();
    world.customer_and_agent(SrtpSuite::AesCm128HmacSha1Tag80, 1);
    let behind: SocketAddr = ([198, 51, 100, 9], 61_000).into();
    let agreed = keys(SrtpSuite::AesCm128HmacSha1Tag80, 2);
    let mut moved = remote(([192, 168, 1, 5], 4_000).into(), Codec::Pcma);
    (moved.nat, moved.signalling, moved.srtp) = (true, behind.ip(), Some(agreed));
    let (leg, idx) = (world.phones[1].leg, world.phones[1].idx);
    world.command(Command::Connect { leg, remote: Box::new(moved) });
    // Another port of the same NAT, where somebody else sits.
    let neighbour = SocketAddr::new(behind.ip(), 61_001);
    for n in 0..50_u8 {
        let mut forged = world.phones[1].packet(8, false, &[0x2A; 170]);
        forged[3] = n;
        let verdict = world.deliver(idx, neighbour, forged);
        assert_eq!(verdict, Verdict::Drop(Reason::Unauthenticated));
        world.run(20);
    }
    world.phones[1].address = behind;
    for n in 1..=10 {
        world.speak(1, 20, n * 100);
        world.run(20);
    }
    assert_eq!(world.phones[0].heard.len(), 10, "held packets are played");
    world.speak(0, 20, 5);
    assert_eq!(world.phones[1].heard.len(), 1, "audio goes to the learned source");
}

#[test]
fn held_packets_of_a_plain_phone_reach_an_encrypted_one_encrypted() {
    let mut world = World::new();
    world.customer_and_agent(SrtpSuite::AeadAes128Gcm, 1);
    let behind: SocketAddr = ([198, 51, 100, 9], 61_000).into();
    let mut moved = remote(([192, 168, 1, 5], 4_000).into(), Codec::Pcma);
    (moved.nat, moved.signalling) = (true, behind.ip());
    let leg = world.phones[0].leg;
    world.command(Command::Connect { leg, remote: Box::new(moved) });
    world.phones[0].address = behind;
    for n in 1..=10 {
        world.speak(0, 20, n * 100);
        world.run(20);
    }
    assert_eq!(world.phones[1].heard.len(), 10);
}

#[test]
fn plain_packets_on_an_encrypted_leg_and_pieces_of_packets_are_counted() {
    let mut world = World::new();
    world.customer_and_agent(SrtpSuite::AeadAes128Gcm, 1);
    let (idx, from) = (world.phones[1].idx, world.phones[1].address);
    let plain = world.phones[1].speech(20, 100);
    assert_eq!(world.deliver(idx, from, plain), Verdict::Drop(Reason::Unauthenticated));
    for len in 0..28 {
        let piece = vec![0x80; len];
        assert_eq!(world.deliver(idx, from, piece), Verdict::Drop(Reason::Malformed), "{len}");
    }
    let long = vec![0x80; 1_501];
    assert_eq!(world.deliver(idx, from, long), Verdict::Drop(Reason::Malformed));
    assert_eq!(world.release(1).packets_dropped, 30);
}

#[test]
fn reports_are_encrypted_both_ways_and_a_forged_one_is_counted() {
    let mut world = World::new();
    world.customer_and_agent(SrtpSuite::AeadAes256Gcm, 1);
    world.speak(0, 20, 1);
    world.run(20_000);
    let mut sent = std::mem::take(&mut world.phones[1].reports);
    assert!(sent.len() >= 2);
    for report in &mut sent {
        assert!(!report.windows(5).any(|octets| octets == b"media"), "our name is not readable");
        let session = world.phones[1].srtp.as_mut().unwrap();
        let len = session.unprotect_rtcp(report).expect("under the agreed key");
        assert_eq!(rtcp::parse(&report[..len], |_| {}), Ok(()));
    }
    let ours = world.phones[1].heard[0].header.ssrc;
    let epoch = world.shard.config.epoch;
    let before = rtcp::Ntp::at(epoch, Moment::from_millis(world.now_ms - 80)).middle();
    let mut report = vec![0x81, 201, 0, 7, 0, 0, 0, 9];
    report.extend(ours.0.to_be_bytes());
    report.extend([0; 12]);
    report.extend(before.to_be_bytes());
    report.extend([0; 4]);
    let (idx, from, now) = (world.phones[1].idx, world.phones[1].address, world.now());
    world.shard.handle_rtcp(now, idx, from, &mut report.clone());
    assert_eq!(dropped(&world, Reason::Unauthenticated), 1);
    assert_eq!(world.shard.leg(idx).unwrap().round_trip_us, 0, "a plain report says nothing");
    let len = report.len();
    report.resize(len + ROOM_BYTES, 0);
    let session = world.phones[1].srtp.as_mut().unwrap();
    let len = session.protect_rtcp(&mut report, len).unwrap();
    world.shard.handle_rtcp(now, idx, from, &mut report[..len]);
    let round_trip_us = world.release(1).round_trip_us;
    assert!((79_000..81_000).contains(&round_trip_us), "{round_trip_us}");
}

#[test]
fn a_relayed_packet_allocates_nothing_on_encrypted_legs_either() {
    let mut world = World::new();
    world.pair(1);
    world.agree(0, &keys(SrtpSuite::AesCm128HmacSha1Tag80, 1));
    world.agree(1, &keys(SrtpSuite::AeadAes128Gcm, 2));
    let capacities = |shard: &Shard| {
        (shard.bytes.capacity(), shard.transmits.capacity(), shard.events.capacity())
    };
    let before = capacities(&world.shard);
    for _ in 0..2_000 {
        world.now_ms += 1;
        let (idx, from) = (world.phones[0].idx, world.phones[0].address);
        let packet = world.phones[0].speech(20, 5);
        let mut wire = world.phones[0].sealed(packet);
        let len = wire.len();
        wire.resize(len + ROOM_BYTES, 0);
        let verdict = world.shard.handle_packet(world.now(), idx, from, &mut wire, len);
        assert!(matches!(verdict, Verdict::Forward { .. }));
    }
    assert_eq!(capacities(&world.shard), before);
}
