//! Fax: T.38 from party to party, and machines whose sound goes through as audio.

use super::codecs::{Mouth, ear};
use super::*;
use crate::codec::sound::tone;
use crate::record::block::Entry;
use crate::room::{FarShard, FarVoices};
use crate::udptl::datagram;
use std::f64::consts::TAU;
use terms::media::{Audience, FAX_DATAGRAM_BYTES_MAX, FaxRemote, MarkKind, Playout};

impl World {
    /// T.38 is agreed for a phone, at its own address.
    pub(super) fn becomes_fax(&mut self, phone: usize, change: impl FnOnce(&mut FaxRemote)) {
        let Phone { leg, address, .. } = self.phones[phone];
        self.phones[phone].datagrams.get_or_insert_default();
        let mut remote =
            FaxRemote { udptl: address, nat: false, signalling: address.ip(), machine: None };
        change(&mut remote);
        self.command(Command::Fax { leg, remote });
    }

    /// It is a telephone again.
    pub(super) fn becomes_phone(&mut self, phone: usize) {
        let Phone { leg, address, codec, .. } = self.phones[phone];
        self.phones[phone].datagrams = None;
        self.command(Command::Connect { leg, remote: Box::new(remote(address, codec)) });
    }

    pub(super) fn datagrams(&self, phone: usize) -> &[Vec<u8>] {
        self.phones[phone].datagrams.as_deref().expect("it is a fax machine")
    }

    fn silences(&self) -> usize {
        self.events.iter().filter(|event| matches!(event, Event::Silent { .. })).count()
    }
}

/// Two fax machines that have talked before.
fn fax_pair() -> World {
    let mut world = World::new();
    world.pair(65_530);
    for _ in 0..50 {
        (0..2).for_each(|phone| _ = world.speak(phone, 20, 700));
        world.run(20);
    }
    (0..2).for_each(|phone| world.becomes_fax(phone, |_| {}));
    world
}

/// The n-th datagram of a page: an octet of its own, and the ones before it once more.
fn page(n: u16) -> Vec<u8> {
    let data = |n: u16| vec![0xC0 ^ n as u8; 20 + usize::from(n) % 90];
    let before = [data(n.wrapping_sub(1)), data(n.wrapping_sub(2))];
    datagram(n, &data(n), &[&before[0], &before[1]])
}

#[test]
fn a_fax_passes_octet_by_octet_and_as_it_comes_both_ways() {
    let mut world = fax_pair();
    let heard = world.phones[1].heard.len();
    let mut sent: [Vec<Vec<u8>>; 2] = Default::default();
    // Out of order, twice, and one that never comes: the other machine sees it as it was.
    for n in [65_533, 65_534, 65_535, 0, 0, 2, 1, 3, 3, 6, 5, 7] {
        for (phone, sent) in sent.iter_mut().enumerate() {
            let bytes = page(n ^ phone as u16);
            let (len, to) = (bytes.len(), LegIdx(1 - phone as u32));
            let address = world.phones[1 - phone].address;
            let passed = Verdict::Forward { to, address, range: 0..len };
            assert_eq!(world.send(phone, bytes.clone()), passed);
            sent.push(bytes);
            world.run(3);
        }
    }
    assert_eq!((world.datagrams(1), world.datagrams(0)), (&sent[0][..], &sent[1][..]));
    assert_eq!(world.phones[1].heard.len(), heard, "nothing else came");
    for phone in 0..2 {
        let fax = world.release(phone).fax.expect("it carried a fax");
        let missing = if phone == 0 { 1 } else { fax.missing };
        assert_eq!((fax.received, fax.sent, fax.dropped, fax.missing), (12, 12, 0, missing));
    }
}

#[test]
fn two_who_speak_different_codecs_fax_all_the_same() {
    let mut world = World::new();
    for codec in [Codec::Pcma, Codec::G722] {
        let phone = world.add(codec, 1, |_| {});
        world.join(phone, 1);
    }
    assert_eq!(world.speak(0, 20, 900), Verdict::Consumed, "audio is converted");
    (0..2).for_each(|phone| world.becomes_fax(phone, |_| {}));
    assert!(matches!(world.send(0, page(1)), Verdict::Forward { .. }));
    assert!(matches!(world.send(1, page(1)), Verdict::Forward { .. }));
    world.run(200);
    assert_eq!((world.datagrams(0), world.datagrams(1)), (&[page(1)][..], &[page(1)][..]));
}

#[test]
fn audio_junk_strangers_and_what_is_too_long_are_dropped_and_counted() {
    let mut world = fax_pair();
    assert_eq!(world.speak(0, 20, 900), Verdict::Drop(Reason::NotUdptl), "RTP is over");
    assert_eq!(world.send(0, b"\x80".to_vec()), Verdict::Drop(Reason::NotUdptl));
    let most = usize::from(FAX_DATAGRAM_BYTES_MAX);
    let filled = |len: usize| {
        let octets = len - 6;
        let head = vec![0, 9, 0x80 | (octets >> 8) as u8, octets as u8];
        [head, vec![0xC0; octets], vec![0, 0]].concat()
    };
    assert_eq!(world.send(0, filled(most + 1)), Verdict::Drop(Reason::NotUdptl));
    assert!(matches!(world.send(0, filled(most)), Verdict::Forward { .. }));
    let (idx, from) = (world.phones[0].idx, "10.0.0.1:4002".parse().unwrap());
    assert_eq!(world.deliver(idx, from, page(10)), Verdict::Drop(Reason::Strange));
    assert_eq!(world.datagrams(1), [filled(most)]);
    let quality = world.release(0);
    let fax = quality.fax.expect("it carried a fax");
    assert_eq!((fax.received, fax.dropped, quality.packets_strange), (1, 3, 1));
}

#[test]
fn a_fax_leg_is_told_nothing_else_and_speaks_again_afterwards() {
    let mut world = fax_pair();
    let reports: usize = world.phones.iter().map(|phone| phone.reports.len()).sum();
    world.play(1, 5, Source::Ringback, true);
    world.command(Command::SendDigits { leg: LegId(1), digits: "12".into() });
    for n in 0..500 {
        world.send(0, page(n));
        world.run(60);
    }
    world.command(Command::StopPlay { leg: LegId(2), playback: PlaybackId(5) });
    assert_eq!(world.datagrams(1).len(), 500, "no tone and no prompt among them");
    assert!(world.datagrams(0).is_empty());
    let now: usize = world.phones.iter().map(|phone| phone.reports.len()).sum();
    assert_eq!(now, reports, "no reports about audio either");
    world.becomes_phone(0);
    assert_eq!(world.speak(0, 20, 500), Verdict::Consumed, "the other is still a fax machine");
    assert_eq!(world.datagrams(1).len(), 500);
    world.becomes_phone(1);
    assert!(matches!(world.speak(0, 20, 500), Verdict::Forward { .. }));
    assert_eq!(world.phones[1].last_level(), world.phones[1].last_level().min(600));
    assert_eq!(world.send(0, page(3)), Verdict::Drop(Reason::Malformed));
}

#[test]
fn a_source_behind_a_nat_is_learned_from_the_signalling_address_alone() {
    let mut world = fax_pair();
    let inside: SocketAddr = "192.168.1.9:4006".parse().unwrap();
    let outside: SocketAddr = "203.0.113.9:31000".parse().unwrap();
    world.becomes_fax(0, |remote| {
        *remote = FaxRemote { udptl: inside, nat: true, signalling: outside.ip(), machine: None };
    });
    world.phones[0].address = outside;
    let (idx, attacker) = (world.phones[0].idx, "198.51.100.66:4006".parse().unwrap());
    for n in 0..20 {
        assert_eq!(world.deliver(idx, attacker, page(n)), Verdict::Drop(Reason::Strange));
    }
    assert_eq!(world.send(0, page(0)), Verdict::Consumed, "on probation");
    assert!(world.datagrams(1).is_empty());
    world.send(0, page(1));
    assert_eq!(world.datagrams(1), [page(0), page(1)], "what was held comes first");
    assert!(world.events.contains(&Event::Learned { leg: LegId(1), source: outside }));
    // Minutes later it is the same; the answer finds the way back.
    world.run(120_000);
    assert!(matches!(world.send(0, page(2)), Verdict::Forward { .. }));
    world.send(1, page(0));
    assert_eq!(world.datagrams(0), [page(0)]);
}

#[test]
fn a_fax_needs_two_alone_in_one_room_of_one_shard() {
    let mut world = World::new();
    world.pair(1);
    world.becomes_fax(0, |_| {});
    assert_eq!(world.send(0, page(0)), Verdict::Drop(Reason::NoFaxParty), "the other speaks");
    world.speak(1, 20, 800);
    assert!(world.datagrams(0).is_empty(), "nobody speaks to a fax machine");
    world.becomes_fax(1, |_| {});
    assert!(matches!(world.send(0, page(1)), Verdict::Forward { .. }));
    // Who only listens hears nothing and takes nothing away.
    let listener = world.add(Codec::Pcma, 1, |_| {});
    let leg = world.phones[listener].leg;
    world.command(Command::Audience { leg, audience: Audience::Nobody });
    world.join(listener, 1);
    world.run(100);
    assert!(matches!(world.send(0, page(2)), Verdict::Forward { .. }));
    world.command(Command::Audience { leg, audience: Audience::Everyone });
    assert_eq!(world.send(0, page(3)), Verdict::Drop(Reason::NoFaxParty), "three");
    world.command(Command::Leave { leg });
    assert!(matches!(world.send(0, page(4)), Verdict::Forward { .. }));
    world.shard.open_bridge(world.now(), RoomId(1), FarShard(1), FarVoices::PARTIES);
    assert_eq!(world.send(0, page(5)), Verdict::Drop(Reason::NoFaxParty), "a party far away");
    world.command(Command::Leave { leg: LegId(2) });
    world.run(100);
    assert_eq!(world.send(0, page(6)), Verdict::Drop(Reason::NoFaxParty), "on two shards");
    world.shard.close_bridge(world.now(), RoomId(1), FarShard(1));
    world.join(1, 1);
    assert!(matches!(world.send(0, page(7)), Verdict::Forward { .. }));
    assert_eq!((world.dropped(Reason::NoFaxParty), world.datagrams(1).len()), (4, 4));
}

#[test]
fn who_receives_a_long_page_is_not_silent_until_both_are() {
    let mut world = fax_pair();
    for n in 0..180 {
        world.send(0, page(n));
        world.run(1_000);
    }
    assert_eq!(world.silences(), 0);
    world.run(6_000);
    assert_eq!(world.silences(), 2);
}

#[test]
fn a_recording_keeps_nothing_of_a_fax_and_says_when_it_was() {
    let mut world = World::new();
    world.pair(1);
    let (tenant, recording) = (TenantId(1), terms::RecordingId(8));
    world.command(Command::RecordStart(RecordStart {
        recording,
        tenant,
        contact: ContactId(1),
        call: CallId(1),
        started_at: Timestamp(0),
        parties: vec![(LegId(1), Side::Customer), (LegId(2), Side::Other)],
        terms: RecordTerms::default(),
    }));
    let talk = |world: &mut World| {
        for _ in 0..50 {
            (0..2).for_each(|phone| _ = world.speak(phone, 20, 700));
            world.run(20);
        }
    };
    talk(&mut world);
    let began = world.now();
    (0..2).for_each(|phone| world.becomes_fax(phone, |_| {}));
    for n in 0..40 {
        world.send(0, page(n));
        world.speak(1, 20, 700);
        world.run(50);
    }
    let ended = world.now();
    (0..2).for_each(|phone| world.becomes_phone(phone));
    talk(&mut world);
    world.command(Command::RecordStop { recording });
    world.run(2_000);
    let (mut marks, mut frames) = (Vec::new(), 0);
    for located in world.blocks.iter().flat_map(Block::entries) {
        match located.entry {
            Entry::Mark(mark) => marks.push((mark.at, mark.kind, mark.by.0)),
            Entry::Audio(audio) => frames += usize::from(audio.frames),
            _ => {}
        }
    }
    // Marks are said again each second.
    marks.sort_by_key(|mark| mark.0);
    marks.dedup();
    assert_eq!(marks, [(began, MarkKind::FaxStarted, 0), (ended, MarkKind::FaxEnded, 0)]);
    assert_eq!(frames, 200, "a hundred of each party, none of them during the fax");
}

/// What V.21 sounds like: 300 bits a second of 1,650 and 1,850 Hz.
fn modem(seconds: usize) -> Vec<i16> {
    let (mut turn, mut bits) = (0.0_f64, 0xACE1_u32);
    (0..seconds * 8_000)
        .map(|n| {
            if n % 27 == 0 {
                bits = (bits >> 1) ^ ((bits & 1) * 0xB400);
            }
            turn += TAU * if bits & 1 == 0 { 1_850.0 } else { 1_650.0 } / 8_000.0;
            (6_000.0 * turn.sin()) as i16
        })
        .collect()
}

/// What the telephone network makes of it.
fn as_alaw(said: &[i16]) -> Vec<i16> {
    said.iter().map(|&s| g711::decode(Law::A, g711::encode(Law::A, s))).collect()
}

#[test]
fn a_fax_as_audio_is_relayed_octet_by_octet_from_its_first_tone_on() {
    let mut world = World::new();
    // Only one knows events: what sounds like a key would be taken out and made anew.
    world.add(Codec::Pcma, 65_500, |remote| {
        (remote.send.dtmf, remote.receive.dtmf) = (None, None);
    });
    world.add(Codec::Pcma, 1, |_| {});
    (0..2).for_each(|phone| world.join(phone, 1));
    let keys: Vec<i16> = tone(941, 8_000, 8_000, 6_000)
        .iter()
        .zip(tone(1_336, 8_000, 8_000, 6_000))
        .map(|(a, b)| a + b)
        .collect();
    let said = [tone(2_100, 8_000, 24_000, 8_000), modem(5), keys, modem(2)].concat();
    let frames = said.len() / 160;
    let mut mouth = Mouth::new(&world, 0, said.clone());
    for _ in 0..frames {
        mouth.say(&mut world);
        world.run(20);
    }
    assert_eq!(ear(&world, 1, 0), as_alaw(&said), "not a sample differs");
    assert_seamless(&world.phones[1].sequence());
    assert_eq!(world.digits(), "");
}

/// How the parties know that a machine speaks.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Known {
    ByTone,
    ByEvent,
    ByCommand,
    Not,
}

/// Two minutes of a modem over a network with 5 ms of jitter and clocks that are 200 ppm apart, after
/// three seconds of tone whose first was worse, with 80 ms; what the second phone got of it.
fn heard_through(codecs: &[Codec], known: Known) -> (Vec<i16>, Vec<i16>, Playout) {
    let mut world = World::new();
    for &codec in codecs {
        let phone = world.add(codec, 65_500, |_| {});
        world.join(phone, 1);
    }
    let before = if known == Known::ByTone { 2_100 } else { 700 };
    let said = modem(120);
    let all = [tone(before, 8_000, 24_000, 8_000), said.clone()].concat();
    let packets = all.len() / 160;
    let mut mouth = Mouth::new(&world, 0, all);
    let began = world.now_ms;
    let mut noise = 1_u32;
    for n in 0..packets as u64 {
        noise = noise.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        let worse = if n < 50 && n % 10 == 0 { 80 } else { 0 };
        let due = began + n * 20_004 / 1_000 + u64::from(noise >> 16) * 5 / 65_536 + worse;
        world.run(due.saturating_sub(world.now_ms));
        match (n, known) {
            (100, Known::ByEvent) => world.press(0, 32),
            (100, Known::ByCommand) => world.command(Command::Modem { leg: LegId(1) }),
            _ => {}
        }
        mouth.say(&mut world);
    }
    world.run(1_000);
    let heard = ear(&world, 1, 0);
    (as_alaw(&said), heard, world.release(0).playout)
}

pub(super) fn is_whole(said: &[i16], heard: &[i16]) -> bool {
    let begins = heard.windows(400).position(|window| window == &said[..400]);
    begins.is_some_and(|at| heard[at..].starts_with(said))
}

#[test]
fn no_sample_of_a_modem_is_left_out_or_put_in_where_it_is_mixed() {
    use Codec::{L16Narrow, Pcma};
    for (codecs, known) in [
        (&[Pcma, L16Narrow][..], Known::ByTone),
        (&[Pcma, Pcma, Pcma], Known::ByTone),
        (&[Pcma, L16Narrow], Known::ByEvent),
        (&[Pcma, Pcma, Pcma, Pcma, Pcma], Known::ByCommand),
    ] {
        let (said, heard, _) = heard_through(codecs, known);
        assert!(is_whole(&said, &heard), "{codecs:?} {known:?}");
    }
    // The buffer for voices does what it is made for, and a fax would not survive it.
    let (said, heard, playout) = heard_through(&[Pcma, L16Narrow], Known::Not);
    assert!(!is_whole(&said, &heard) && playout.accelerated_ms > 0, "{playout:?}");
}
