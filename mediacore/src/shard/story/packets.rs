//! A machine of ours goes over to T.38: what it hears and says as packets, and what ends it.

use super::*;
use crate::shard::documents::{FRAME_SAMPLES, FaxHeard, FaxOut};
use crate::udptl::datagram;
use crate::udptl::stream::Outbox;
use terms::media::FaxTerms;

const TERMS: FaxTerms = FaxTerms { bit_rate_max: 9_600, datagram_bytes_max: 400, repeats: true };
const LEG: LegId = LegId(1);

impl World {
    /// T.38 is agreed for a phone and the machine that has its leg.
    fn speaks_packets(&mut self, phone: usize, terms: FaxTerms) {
        self.becomes_fax(phone, |remote| remote.machine = Some(terms));
    }
}

/// A caller with a machine of ours that has spoken in sound for a while.
fn faxing() -> World {
    let mut world = World::new();
    world.add(Codec::Pcma, 0, |_| {});
    world.start_fax(0);
    for _ in 0..20 {
        world.speak(0, 20, 700);
        world.shard.say_fax(LEG, &[3_000; FRAME_SAMPLES]);
        world.run(20);
    }
    let heard = world.faxes();
    assert!(heard.iter().all(|out| matches!(out, FaxOut::Heard(LEG, FaxHeard::Sound(_)))));
    world
}

/// The packets that the machine heard, and how often it was told that time passes.
fn heard(world: &mut World) -> (Vec<(u16, Vec<u8>)>, usize) {
    let (mut packets, mut beats) = (Vec::new(), 0);
    for out in world.faxes() {
        match out {
            FaxOut::Heard(LEG, FaxHeard::Packet(seq, octets)) => packets.push((seq.0, octets)),
            FaxOut::Heard(LEG, FaxHeard::Beat) => beats += 1,
            other => panic!("{other:?}"),
        }
    }
    (packets, beats)
}

#[test]
fn a_machine_goes_over_to_packets_and_its_sound_is_over() {
    let mut world = faxing();
    let sound = world.phones[0].heard.len();
    assert!(sound > 10, "it spoke");
    world.speaks_packets(0, TERMS);
    assert_eq!(world.faxes(), [FaxOut::Heard(LEG, FaxHeard::Agreed(TERMS))]);
    assert_eq!(world.speak(0, 20, 700), Verdict::Drop(Reason::NotUdptl));
    world.shard.say_fax(LEG, &[3_000; FRAME_SAMPLES]);
    world.run(1_000);
    assert_eq!(heard(&mut world), (Vec::new(), 50), "20 ms a beat");
    assert_eq!((world.phones[0].heard.len(), world.datagrams(0).len()), (sound, 0));
    assert_eq!(world.shard.stats().fax_frames_late, 0);
}

#[test]
fn what_was_lost_is_heard_from_what_follows_once_and_in_order() {
    let mut world = faxing();
    world.speaks_packets(0, TERMS);
    world.faxes();
    let packet = |n: u16| vec![0xC0 ^ n as u8; 30];
    let with_two_before = |n: u16| {
        let before = [packet(n.wrapping_sub(1)), packet(n.wrapping_sub(2))];
        datagram(n, &packet(n), &[&before[0], &before[1]])
    };
    // 2, 5 and 8 never come, 6 comes twice, 3 comes late; nobody speaks of 12 again.
    for n in [0, 1, 4, 3, 6, 6, 7, 9, 10, 11, 15] {
        assert_eq!(world.send(0, with_two_before(n)), Verdict::Consumed);
    }
    let (packets, _) = heard(&mut world);
    let numbers = [65_534, 65_535].into_iter().chain((0..16).filter(|&n| n != 12));
    let expected: Vec<_> = numbers.map(|n| (n, packet(n))).collect();
    assert_eq!(packets, expected);
    // Nobody else is heard, and no junk.
    let (idx, stranger) = (world.phones[0].idx, "10.9.9.9:4000".parse().unwrap());
    let strange = world.deliver(idx, stranger, with_two_before(16));
    assert_eq!(strange, Verdict::Drop(Reason::Strange));
    assert_eq!(world.send(0, vec![0x80; 40]), Verdict::Drop(Reason::NotUdptl));
    assert!(heard(&mut world).0.is_empty());
    let fax = world.release(0).fax.expect("it carried a fax");
    assert_eq!((fax.received, fax.missing, fax.dropped), (11, 6, 1));
}

#[test]
fn what_it_says_leaves_at_once_by_the_terms_that_hold() {
    let mut world = faxing();
    world.speaks_packets(0, TERMS);
    let mut outbox = Outbox::new(&TERMS);
    let mut expected = Vec::new();
    for n in 0..6_u8 {
        let packet = vec![n; 100];
        world.shard.say_packet(LEG, &packet, 1 + n % 3);
        let datagram = outbox.datagram(&packet);
        assert!(datagram.len() <= 400);
        expected.extend(std::iter::repeat_n(datagram, 1 + usize::from(n % 3)));
    }
    world.drain();
    assert_eq!(world.datagrams(0), expected);
    // The other side moves and has less room: the numbers go on, and nothing is begun anew.
    world.faxes();
    let less = FaxTerms { datagram_bytes_max: 200, ..TERMS };
    world.phones[0].address.set_port(4_444);
    world.speaks_packets(0, less);
    outbox.agree(&less);
    world.shard.say_packet(LEG, &[9; 100], 1);
    world.drain();
    let datagram = outbox.datagram(&[9; 100]);
    assert!(datagram.starts_with(&[0, 6]) && datagram.len() < 200, "{datagram:?}");
    assert_eq!(world.datagrams(0).last(), Some(&datagram));
    assert!(heard(&mut world).0.is_empty());
    let fax = world.release(0).fax.expect("it carried a fax");
    assert_eq!(fax.sent, 13);
}

#[test]
fn whatever_takes_the_leg_or_its_packets_from_the_machine_closes_its_line_once() {
    let endings: [fn(&mut World); 5] = [
        |world| world.command(Command::FaxStop { leg: LEG }),
        |world| world.join(0, 7),
        |world| _ = world.release(0),
        // Audio is agreed again, or T.38 with somebody else.
        |world| world.becomes_phone(0),
        |world| world.becomes_fax(0, |_| {}),
    ];
    for end in endings {
        let mut world = faxing();
        world.speaks_packets(0, TERMS);
        world.run(100);
        world.faxes();
        end(&mut world);
        assert_eq!(world.faxes(), [FaxOut::Closed(LEG)]);
        world.shard.say_packet(LEG, &[1, 2], 3);
        world.run(100);
        assert!(world.faxes().is_empty(), "it hears nothing more");
    }
}

#[test]
fn after_audio_is_back_the_leg_hears_what_is_played() {
    let mut world = faxing();
    world.speaks_packets(0, TERMS);
    world.shard.end_fax_of(LEG);
    assert_eq!(world.send(0, datagram(0, &[6], &[])), Verdict::Drop(Reason::NoFaxParty));
    world.becomes_phone(0);
    world.run(100);
    let before = world.phones[0].heard.len();
    world.play(0, 5, Source::Prompt("welcome".into()), false);
    world.run(2_000);
    assert!(world.phones[0].heard.len() > before + 40, "a second of welcome");
    let ended = Event::PlayDone { leg: LEG, playback: PlaybackId(5), end: PlayEnd::Finished };
    assert!(world.events.contains(&ended));
}
