//! Floods and forgeries on the shared port change nothing, and what they leave behind is bounded.

use super::*;
use crate::ice::WAYS_MAX;
use rand::Rng;
use str0m::ice::{StunMessage, TransId};

/// A check by the book, signed with this password.
fn check(name: &str, pwd: &str, nominates: bool) -> Vec<u8> {
    let id = TransId::new();
    let message = StunMessage::binding_request(name, id, true, 7, 1_000, nominates);
    let mut bytes = vec![0; 500];
    let sign = |key: &[u8], parts: &[&[u8]]| -> [u8; 20] {
        use aws_lc_rs::hmac;
        let key = hmac::Key::new(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, key);
        hmac::sign(&key, &parts.concat()).as_ref().try_into().expect("SHA-1 has 20 octets")
    };
    let len = message.to_bytes(Some(pwd.as_bytes()), &mut bytes, sign).expect("it fits");
    bytes.truncate(len);
    bytes
}

fn place(n: u16) -> SocketAddr {
    let [high, low] = n.to_be_bytes();
    ([203, 0, high, low], 1_024 + n).into()
}

/// A browser and a plain phone in one room, talking.
fn talking() -> (World, usize) {
    let mut world = World::secured();
    world.add(Codec::Pcma, 1, |_| {});
    world.join(0, 1);
    let browser = world.browser(Codec::Pcma, DtlsVersion::Auto);
    world.far_joins(browser);
    world.run(2_000);
    assert!(world.is_secured(browser));
    (world, browser)
}

/// Half a second of talk loses nothing.
fn talk_on(world: &mut World, browser: usize) {
    let (before, heard) = (world.phones[0].heard.len(), world.fars[browser].heard.len());
    for _ in 0..25 {
        world.says(browser, PCMA, 500);
        world.speak(0, 20, 500);
        world.run(20);
    }
    assert_eq!(world.phones[0].heard.len(), before + 25);
    assert_eq!(world.fars[browser].heard.len(), heard + 25);
}

impl Far {
    /// A packet of audio without protection.
    pub(super) fn plain_packet(&mut self) -> Vec<u8> {
        let header = Header {
            payload_type: PayloadType(PCMA),
            marker: false,
            seq: SeqNo(self.seq as u16),
            time: RtpTime(self.time),
            ssrc: Ssrc(self.ssrc),
        };
        let mut bytes = vec![0x55; HEADER_BYTES + 160];
        rtp::write(&header, &mut bytes);
        self.seq += 1;
        bytes
    }

    fn peer_name(&mut self) -> String {
        let End::Browser(rtc, _) = &mut self.end else { panic!("it is a browser") };
        rtc.direct_api().local_ice_credentials().ufrag
    }
}

#[test]
fn twenty_thousand_checks_and_packets_of_strangers_leave_a_call_untouched() {
    let (mut world, browser) = talking();
    let door = world.shard.shared_door();
    let theirs = world.fars[browser].peer_name();
    let mut rng = SmallRng::seed_from_u64(5);
    let before = world.shard.stats().checks;
    let (mut strange, mut forged, mut malformed) = (0, 0, 0);
    for n in 0..20_000_u16 {
        let from = place(n);
        let verdict = match n % 5 {
            0 => {
                strange += 1;
                world.deliver(door, from, check(&format!("leg{n}x:{theirs}"), "guess", true))
            }
            1 => {
                forged += 1;
                world.deliver(door, from, check(&format!("leg100:{theirs}"), "guess", true))
            }
            2 => {
                malformed += 1;
                let mut noise = vec![0; rng.random_range(1..120)];
                rng.fill(&mut noise[..]);
                noise[0] &= 3;
                world.deliver(door, from, noise)
            }
            3 => {
                strange += 1;
                let mut record = vec![22; rng.random_range(1..200)];
                rng.fill(&mut record[1..]);
                world.deliver(door, from, record)
            }
            _ => {
                strange += 1;
                let packet = world.fars[browser].plain_packet();
                world.fars[browser].seq -= 1;
                world.deliver(door, from, packet)
            }
        };
        assert!(matches!(verdict, Verdict::Drop(_)), "{verdict:?}");
    }
    assert_eq!(world.dropped(Reason::Strange), strange);
    assert_eq!(world.dropped(Reason::Unauthenticated), forged);
    assert_eq!(world.dropped(Reason::Malformed), malformed);
    assert_eq!(world.shard.stats().checks, before, "not one was answered");
    assert_eq!(world.shard.shared_sizes(), (1, 1), "and nothing is kept of them");
    talk_on(&mut world, browser);
}

#[test]
fn one_leg_does_not_take_the_way_of_another() {
    let (mut world, browser) = talking();
    let other = world.browser(Codec::Pcma, DtlsVersion::Auto);
    world.run(2_000);
    let victim = world.fars[browser].address;
    let name = format!("leg101:{}", world.fars[other].peer_name());
    let forged = check(&name, "0123456789abcdefghijklmn", true);
    let verdict = world.deliver(world.shard.shared_door(), victim, forged);
    assert_eq!(verdict, Verdict::Drop(Reason::Strange));
    talk_on(&mut world, browser);
}

#[test]
fn a_leg_that_asks_from_everywhere_keeps_few_ways_and_its_audio_where_it_was_nominated() {
    let (mut world, browser) = talking();
    let door = world.shard.shared_door();
    let name = format!("leg100:{}", world.fars[browser].peer_name());
    for n in 0..1_000 {
        let plain = check(&name, "0123456789abcdefghijklmn", false);
        // Answers to places where nobody is are of no interest here.
        let (now, from) = (world.now(), place(n));
        let mut bytes = plain.clone();
        let len = bytes.len();
        let verdict = world.shard.handle_packet(now, door, from, &mut bytes, len);
        assert_eq!(verdict, Verdict::Consumed);
        let mut buffer = [0; TRANSMIT_MAX];
        let answer = world.shard.poll_transmit(&mut buffer).expect("it is answered");
        assert_eq!((answer.to, answer.leg), (from, door));
        let read = StunMessage::parse(&buffer[..answer.len]).expect("another reads our answer");
        assert!(read.is_successful_binding_response());
        assert_eq!(read.mapped_address(), Some(from));
        assert!(world.shard.poll_transmit(&mut buffer).is_none());
    }
    assert_eq!(world.shard.shared_sizes(), (1, WAYS_MAX));
    talk_on(&mut world, browser);
}

#[test]
fn audio_follows_a_browser_to_the_way_that_it_nominates() {
    let (mut world, browser) = talking();
    let name = format!("leg100:{}", world.fars[browser].peer_name());
    let elsewhere: SocketAddr = "198.51.100.77:40000".parse().unwrap();
    // It changes from one network to another: the same agent, the same keys, another address.
    let (old, door) = (world.fars[browser].address, world.shard.shared_door());
    world.fars[browser].address = elsewhere;
    let check = check(&name, "0123456789abcdefghijklmn", true);
    assert_eq!(world.deliver(door, elsewhere, check), Verdict::Consumed);
    world.speak(0, 20, 1);
    let kinds: Vec<u8> = world.fars[browser].inbox.iter().map(|bytes| bytes[0]).collect();
    assert_eq!(kinds, [1, 0x80], "the answer to its check, and audio");
    // From where it was it is a stranger's audio until it asks there again.
    let packet = world.fars[browser].plain_packet();
    assert_eq!(world.deliver(door, old, packet), Verdict::Drop(Reason::Strange));
}

#[test]
fn mutated_datagrams_on_the_shared_port_panic_nothing() {
    let (mut world, browser) = talking();
    let door = world.shard.shared_door();
    let name = format!("leg100:{}", world.fars[browser].peer_name());
    let from = world.fars[browser].address;
    let mut rng = SmallRng::seed_from_u64(6);
    let seeds = [
        check(&name, "0123456789abcdefghijklmn", true),
        world.fars[browser].plain_packet(),
        vec![22, 254, 253, 0, 0, 0, 0, 0, 0, 0, 1, 0, 12, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0],
        vec![0x80, 200, 0, 6, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0],
    ];
    for n in 0..8_000_usize {
        let mut bytes = seeds[n % seeds.len()].clone();
        for _ in 0..rng.random_range(1..4) {
            let at = rng.random_range(0..bytes.len());
            bytes[at] = rng.random();
        }
        bytes.truncate(rng.random_range(0..=bytes.len()));
        let len = bytes.len();
        bytes.resize(len + ROOM_BYTES, 0);
        let now = world.now();
        world.shard.handle_packet(now, door, from, &mut bytes, len);
        if n % 100 == 0 {
            world.now_ms += 1;
            world.shard.tick(world.now());
        }
        let mut buffer = [0; TRANSMIT_MAX];
        while world.shard.poll_transmit(&mut buffer).is_some() {}
    }
    assert_eq!(world.failures(), []);
    world.fars[browser].seq += 100;
    talk_on(&mut world, browser);
}
