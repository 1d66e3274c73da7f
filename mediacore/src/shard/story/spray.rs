//! Attackers from a thousand addresses: audio, reports and handshakes that nobody asked for.

use super::*;
use rand::rngs::SmallRng;
use rand::{Rng, SeedableRng};

const FORGED: u8 = 0x2A;
/// The address translation that the phone is behind.
const NAT: [u8; 4] = [198, 51, 100, 9];

/// A pair whose first phone speaks from behind a NAT.
fn behind_a_nat() -> World {
    let mut world = World::new();
    world.pair(1);
    let leg = world.phones[0].leg;
    let behind: SocketAddr = (NAT, 61_000).into();
    let mut agreed = remote(([192, 168, 1, 5], 4_000).into(), Codec::Pcma);
    (agreed.nat, agreed.signalling) = (true, behind.ip());
    world.command(Command::Connect { leg, remote: Box::new(agreed) });
    world.phones[0].address = behind;
    world
}

/// Any of a thousand addresses, never the NAT's.
fn somebody(chance: &mut SmallRng) -> SocketAddr {
    let n: u16 = chance.random_range(0..1_000);
    ([203, 0, (n >> 8) as u8, n as u8], chance.random_range(1_024..65_535)).into()
}

/// Forged audio: a stream of its own, or the phone's own next packet.
fn forged(world: &World, chance: &mut SmallRng) -> Vec<u8> {
    let mut bytes = world.phones[0].packet(8, chance.random(), &[FORGED; 160]);
    if chance.random() {
        bytes[2..4].copy_from_slice(&chance.random::<u16>().to_be_bytes());
        bytes[8..12].copy_from_slice(&chance.random::<u32>().to_be_bytes());
    }
    bytes
}

fn assert_untouched(world: &World, gap_ms_max: u64) {
    for phone in &world.phones {
        assert!(phone.heard.iter().all(|heard| !heard.payload.contains(&FORGED)), "injected");
        let gap = phone.heard.windows(2).map(|pair| pair[1].at_ms - pair[0].at_ms).max();
        assert!(gap.is_some_and(|ms| ms <= gap_ms_max), "{gap:?} ms");
    }
}

#[test]
fn a_spray_before_during_and_after_the_first_packet_and_after_a_rebind_changes_nothing() {
    for seed in 0..5 {
        let mut chance = SmallRng::seed_from_u64(seed);
        let mut world = behind_a_nat();
        let idx = world.phones[0].idx;
        let mut strange = 0;
        let mut moved_at = 0;
        for n in 0..400_u64 {
            for _ in 0..20 {
                let (from, bytes) = (somebody(&mut chance), forged(&world, &mut chance));
                let verdict = world.deliver(idx, from, bytes);
                assert_eq!(verdict, Verdict::Drop(Reason::Strange), "seed {seed}, step {n}");
                strange += 1;
            }
            if n == 200 {
                // The router forgot the phone and gives it another port, in the middle of a word.
                world.phones[0].address.set_port(61_044);
                moved_at = world.now_ms;
            }
            if n >= 50 {
                world.speak(0, 20, 100);
            }
            // The other party is silent while the phone's address is not known: what it said then
            // would go where the phone was.
            if (54..200).contains(&n) || n >= 220 {
                world.speak(1, 20, 100);
            }
            world.run(20);
        }
        // Of the phone's 350 packets only those of the silence that the rebind made are missing:
        // 300 ms, in which the old port might have gone on.
        assert_eq!(world.phones[1].heard.len(), 350 - 14, "seed {seed}");
        assert_eq!(world.phones[0].heard.len(), 146 + 180, "seed {seed}");
        let learned = world.events.iter().filter(|event| matches!(event, Event::Learned { .. }));
        assert_eq!(learned.count(), 2, "the first port and the second");
        let again = world.phones[1].heard.iter().find(|heard| heard.at_ms >= moved_at);
        assert!(again.is_some_and(|heard| heard.at_ms - moved_at <= 360), "{again:?}");
        assert_untouched(&world, 420);
        let phone = &world.phones[0];
        assert!(phone.heard.iter().all(|heard| heard.payload.len() == 160));
        // What came from the new port before it was learned was as strange as the rest.
        assert_eq!(world.release(0).packets_strange, strange + 14, "seed {seed}");
    }
}

#[test]
fn neighbours_behind_the_same_nat_who_spray_do_not_keep_the_phone_out() {
    let mut chance = SmallRng::seed_from_u64(7);
    let mut world = behind_a_nat();
    let idx = world.phones[0].idx;
    for n in 0..50_u16 {
        // Fifteen ports of the same address between two packets of the phone, none of them twice.
        for k in 0..15 {
            let bytes = forged(&world, &mut chance);
            world.deliver(idx, (NAT, 1_024 + n * 15 + k).into(), bytes);
        }
        world.speak(0, 20, 100);
        // Before the phone is learned nobody knows where it is.
        if n >= 5 {
            world.speak(1, 20, 100);
        }
        world.run(20);
    }
    assert_eq!(world.phones[0].heard.len(), 45);
    assert_eq!(world.phones[1].heard.len(), 50, "held packets are played");
    assert_seamless(&world.phones[1].sequence());
    assert_untouched(&world, 100);
    let (leg, source) = (world.phones[0].leg, world.phones[0].address);
    assert!(world.events.contains(&Event::Learned { leg, source }));
}

/// A report of every kind, in somebody else's name.
fn report(world: &World, kind: u8, chance: &mut SmallRng) -> Vec<u8> {
    let ours = world.phones[1].heard.last().map_or(0, |heard| heard.header.ssrc.0);
    let theirs = if chance.random() { world.phones[0].ssrc.0 } else { chance.random() };
    let mut bytes = match kind {
        // Sender and receiver report with one block about what we send, all of it lost.
        200 => vec![0x81, 200, 0, 12],
        201 => vec![0x81, 201, 0, 7],
        // Goodbye.
        _ => vec![0x81, 203, 0, 1],
    };
    bytes.extend(theirs.to_be_bytes());
    if kind == 200 {
        bytes.extend([0; 20]);
    }
    if kind < 203 {
        bytes.extend(ours.to_be_bytes());
        bytes.extend([0xFF, 0, 0x7F, 0xFF]);
        bytes.extend([0xFF; 16]);
    }
    bytes
}

#[test]
fn reports_and_goodbyes_of_a_thousand_strangers_change_nothing() {
    let mut chance = SmallRng::seed_from_u64(3);
    let mut world = World::new();
    world.pair(1);
    let idx = world.phones[0].idx;
    for n in 0..200 {
        let now = world.now();
        for kind in [200, 201, 203] {
            let from = somebody(&mut chance);
            let mut bytes = report(&world, kind, &mut chance);
            if n % 3 == 0 {
                let len = chance.random_range(0..bytes.len());
                bytes.truncate(len);
            }
            world.shard.handle_rtcp(now, idx, from, &mut bytes);
        }
        world.speak(0, 20, 100);
        world.speak(1, 20, 100);
        world.run(20);
    }
    assert_eq!((world.phones[0].heard.len(), world.phones[1].heard.len()), (200, 200));
    for phone in &world.phones {
        assert_seamless(&phone.sequence());
    }
    assert_eq!(world.shard.stats().dropped[Reason::Strange as usize], 600);
    let quality = world.release(0);
    assert_eq!((quality.round_trip_us, quality.packets_lost), (0, 0));
    assert_eq!(quality.far, terms::media::FarQuality::default());
}

/// The beginning of a DTLS handshake (RFC 6347 §4.2.1), as it is raced against the real one.
#[test]
fn a_client_hello_at_a_leg_without_dtls_is_counted_and_gets_no_answer() {
    let mut hello = vec![22, 0xFE, 0xFD, 0, 0, 0, 0, 0, 0, 0, 0, 0, 60, 1, 0, 0, 48];
    hello.resize(73, 0xAB);
    let mut world = World::new();
    world.pair(1);
    let idx = world.phones[0].idx;
    let mut chance = SmallRng::seed_from_u64(11);
    let own = world.phones[0].address;
    for n in 0..100 {
        let from = if n % 2 == 0 { own } else { somebody(&mut chance) };
        assert_eq!(world.deliver(idx, from, hello.clone()), Verdict::Drop(Reason::Malformed));
        world.speak(0, 20, 100);
        world.run(20);
    }
    // An answer would have stopped the story: packets go to phones, and they are RTP.
    assert_eq!((world.phones[1].heard.len(), world.phones[0].heard.len()), (100, 0));
    assert_eq!(world.shard.stats().dropped[Reason::Malformed as usize], 100);
}
