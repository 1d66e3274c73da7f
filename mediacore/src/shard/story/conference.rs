//! Conferences, by energy: the tone of who comes and goes, and a room of two hundred in which the
//! loudest are heard, one is muted, one is whispered to, and all hear what is announced.

use super::codecs::{Mouth, ear};
use super::supervision::{HZ, Hall, ROOM};
use super::*;
use crate::codec::sound::{level_at, tone};
use terms::media::Audience;

/// The two notes of who comes.
const NOTES_HZ: [u32; 2] = [500, 800];

/// Levels of the notes and of everybody's tone in what a phone of the hall heard from its `from`-th
/// packet on.
fn levels(hall: &Hall, phone: usize, from: usize) -> ([f64; 2], [f64; 3]) {
    let (core, n) = hall.phones[phone];
    let world = &hall.worlds[core];
    // From the first packet on: a decoder of G.722 that begins in the middle takes a while.
    let (heard, rate_hz) = (ear(world, n, 0), world.phones[n].codec.sample_hz());
    let level = |hz| level_at(&heard[from * rate_hz as usize / 50..], hz, rate_hz);
    (NOTES_HZ.map(level), HZ.map(level))
}

#[test]
fn everybody_hears_who_comes_over_the_voices_on_both_cores_and_then_only_the_voices() {
    for (shards, codecs) in [
        (1, vec![Codec::Pcma, Codec::Pcma]),
        (1, vec![Codec::Pcma, Codec::G722, Codec::Pcmu]),
        (2, vec![Codec::Pcma, Codec::Pcmu, Codec::G722]),
    ] {
        let mut hall = Hall::new(shards, &codecs);
        (0..codecs.len()).for_each(|phone| hall.join(phone));
        let act = |hall: &mut Hall, skip: usize, frames: usize| {
            (0..skip).for_each(|_| hall.frame());
            let from: Vec<usize> = hall.phones.iter().map(|&at| hall.heard(at).len()).collect();
            (0..frames).for_each(|_| hall.frame());
            let told = from.iter().enumerate().map(|(phone, &from)| levels(hall, phone, from));
            told.collect::<Vec<_>>()
        };
        let before = act(&mut hall, 30, 15);
        let sources = vec![Source::Arrival];
        hall.command(Command::Announce { room: ROOM, sources });
        // 40 ms of a jitter buffer that begins, then the notes.
        let during = act(&mut hall, 0, 17);
        let after = act(&mut hall, 30, 30);
        let speaks = |phone: usize, of: usize| of != phone && of < codecs.len();
        for phone in 0..codecs.len() {
            for note in 0..2 {
                let [before, during, after] =
                    [&before, &during, &after].map(|act| act[phone].0[note]);
                let told = format!("{codecs:?} on {shards}, phone {phone}, note {note}");
                assert!(during > -32.0, "{told}: {during:.1} dB");
                assert!(before < -40.0 && after < -40.0, "{told}: {before:.1}, {after:.1} dB");
            }
            for of in 0..3 {
                for (name, act) in [("during", &during), ("after", &after)] {
                    let level = act[phone].1[of];
                    let is = level > -20.0;
                    assert_eq!(is, speaks(phone, of), "{name}: {phone} hears {of}: {level:.1} dB");
                }
            }
            let (core, n) = hall.phones[phone];
            assert_seamless(&hall.worlds[core].phones[n].sequence());
        }
    }
}

#[test]
fn two_are_relayed_again_once_the_tone_is_over() {
    let mut hall = Hall::new(1, &[Codec::Pcma, Codec::Pcma]);
    (0..2).for_each(|phone| hall.join(phone));
    let forwarded = |hall: &Hall| hall.worlds[0].shard.stats().packets_forwarded;
    (0..5).for_each(|_| hall.frame());
    assert_eq!(forwarded(&hall), 10);
    hall.command(Command::Announce { room: ROOM, sources: vec![Source::Departure] });
    (0..15).for_each(|_| hall.frame());
    assert!(forwarded(&hall) <= 12, "{} were relayed beside the tone", forwarded(&hall));
    let before = forwarded(&hall);
    (0..10).for_each(|_| hall.frame());
    assert!(forwarded(&hall) >= before + 18, "{} of 20", forwarded(&hall) - before);
    hall.command(Command::Announce { room: RoomId(99), sources: vec![Source::Departure] });
    hall.command(Command::Announce { room: ROOM, sources: vec![Source::Prompt("none".into())] });
    (0..5).for_each(|_| hall.frame());
    assert!(forwarded(&hall) >= before + 28, "no such room, no such prompt: nothing changes");
}

const MEMBERS: usize = 200;
const TALKERS: usize = 20;
/// Who whispers: their voice is none of the twenty.
const WHISPERER: usize = 150;

/// The tone of a talker: far enough from each other and from a beep of 1 kHz.
fn hz(talker: usize) -> u32 {
    415 + 130 * talker as u32
}

/// A room of two hundred: the first twenty talk, the first eight of them loudest; thirty more send
/// the noise of a quiet room.
struct Assembly {
    world: World,
    mouths: Vec<Mouth>,
}

impl Assembly {
    fn new() -> Self {
        let mut world = World::new();
        for n in 0..MEMBERS {
            let codec = if n == MEMBERS - 1 { Codec::G722 } else { Codec::Pcma };
            let phone = world.add(codec, 65_500, |_| {});
            world.join(phone, 1);
        }
        let talks = |world: &World, n: usize| {
            // The quieter ones are 12 dB below.
            let peak = if n < 8 { 3_200 } else { 800 };
            Mouth::new(world, n, tone(hz(n), 8_000, 8_000 * 8, peak))
        };
        let mut mouths: Vec<Mouth> = (0..TALKERS).map(|n| talks(&world, n)).collect();
        let murmurs =
            |n| Mouth::new(&world, n, crate::codec::sound::noise(8_000 * 8, 40, n as u64));
        mouths.extend((TALKERS..TALKERS + 30).map(murmurs));
        mouths.push(Mouth::new(&world, WHISPERER, tone(hz(TALKERS), 8_000, 8_000 * 8, 3_200)));
        Assembly { world, mouths }
    }

    fn leg(&self, phone: usize) -> LegId {
        self.world.phones[phone].leg
    }

    fn frames(&mut self, frames: usize) {
        for _ in 0..frames {
            self.mouths.iter_mut().for_each(|mouth| mouth.say(&mut self.world));
            self.world.run(20);
        }
    }

    /// After half a second that is not measured: what `phones` hear in the next half.
    fn act(&mut self, phones: &[usize]) -> Vec<Ear> {
        self.frames(40);
        let from: Vec<usize> = phones.iter().map(|&n| self.world.phones[n].heard.len()).collect();
        self.frames(25);
        let heard = |(&phone, from): (&usize, usize)| {
            let rate_hz = self.world.phones[phone].codec.sample_hz();
            let samples = ear(&self.world, phone, from);
            let hears = |hz| level_at(&samples, hz, rate_hz) > -27.0;
            let voices = (0..TALKERS).filter(|&n| hears(hz(n))).collect();
            Ear { voices, whisper: hears(hz(TALKERS)), beep: hears(1_000) }
        };
        phones.iter().zip(from).map(heard).collect()
    }
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Ear {
    voices: Vec<usize>,
    whisper: bool,
    beep: bool,
}

fn hears(voices: impl Iterator<Item = usize>) -> Ear {
    Ear { voices: voices.collect(), whisper: false, beep: false }
}

#[test]
fn of_two_hundred_the_loudest_eight_are_heard_by_all_and_a_muted_one_by_nobody() {
    let mut room = Assembly::new();
    let whisperer = room.leg(WHISPERER);
    let nobody = Audience::Nobody;
    room.world.command(Command::Audience { leg: whisperer, audience: nobody });
    // A talker who is heard, one who is too quiet, a murmurer, two who are silent, one of them wide.
    let phones = [3, 12, 30, 100, 199];
    let eight = |without: usize| hears((0..8).filter(move |&n| n != without));
    let all = eight(99);
    let told = room.act(&phones);
    assert_eq!(told, [eight(3), all.clone(), all.clone(), all.clone(), all]);

    // The chairperson mutes the first: one of the quieter takes the place.
    let muted = room.leg(0);
    room.world.command(Command::Audience { leg: muted, audience: nobody });
    room.frames(40);
    let told = room.act(&[0, 3, 100, 199]);
    for (phone, ear) in [0, 3, 100, 199].into_iter().zip(&told) {
        let loud: Vec<usize> = ear.voices.iter().copied().filter(|&n| n < 8).collect();
        let others: Vec<usize> = (1..8).filter(|&n| n != phone).collect();
        assert_eq!(loud, others, "phone {phone} hears the other loud ones");
    }
    room.world.command(Command::Audience { leg: muted, audience: Audience::Everyone });
    let told = room.act(&[100]);
    assert!(told[0].voices.contains(&0), "{told:?}");
    for phone in [0, 3, 100, 199] {
        assert_seamless(&room.world.phones[phone].sequence());
    }
}

#[test]
fn of_a_room_on_two_cores_the_loudest_eight_of_both_are_heard_and_nobody_hears_themselves() {
    // Of fourteen who talk eight are loud, four on each core, and a quiet one is a little louder than
    // the other quiet ones; the last two, one on each core, only listen.
    let peaks = |n: usize| match n {
        ..8 => 3_200,
        8 => 1_000,
        9..14 => 600,
        14.. => 0,
    };
    let said = |n: usize| tone(hz(n), 8_000, 8_000 * 8, peaks(n));
    let mut hall = Hall::spread(2, (0..16).map(said).collect());
    let act = |hall: &mut Hall| -> Vec<Vec<usize>> {
        (0..60).for_each(|_| hall.frame());
        let from: Vec<usize> = hall.phones.iter().map(|&at| hall.heard(at).len()).collect();
        (0..25).for_each(|_| hall.frame());
        let voices = |(&(core, n), from): (&(usize, usize), usize)| {
            let samples = ear(&hall.worlds[core], n, from);
            (0..14).filter(|&voice| level_at(&samples, hz(voice), 8_000) > -36.0).collect()
        };
        hall.phones.iter().zip(from).map(voices).collect()
    };
    let told = act(&mut hall);
    for (phone, voices) in told.iter().enumerate() {
        let others: Vec<usize> = (0..8).filter(|&voice| voice != phone).collect();
        assert_eq!(*voices, others, "phone {phone}");
    }

    // One of the loud is muted: on both cores the same one takes the place.
    let audience = Audience::Nobody;
    hall.command(Command::Audience { leg: Hall::leg(0), audience });
    let told = act(&mut hall);
    for (phone, voices) in told.iter().enumerate() {
        let others: Vec<usize> = (1..9).filter(|&voice| voice != phone).collect();
        assert_eq!(*voices, others, "phone {phone} without the first");
    }
    for &(core, n) in &hall.phones {
        assert_seamless(&hall.worlds[core].phones[n].sequence());
    }
}

#[test]
fn a_whisper_above_the_most_speakers_reaches_the_one_it_is_for_and_nobody_else() {
    let mut room = Assembly::new();
    let whisperer = room.leg(WHISPERER);
    let phones = [3, 12, 100, 101, WHISPERER];
    let eight = |without: usize| hears((0..8).filter(move |&n| n != without));
    // One who shares what all hear, and one who speaks and has a mix of their own.
    for (to, at) in [(100, 2), (3, 0)] {
        let audience = Audience::Only(room.leg(to));
        room.world.command(Command::Audience { leg: whisperer, audience });
        let mut expected: Vec<Ear> =
            phones.iter().map(|&phone| eight(if phone == 3 { 3 } else { 99 })).collect();
        expected[at].whisper = true;
        assert_eq!(room.act(&phones), expected, "whispered to {to}");
    }
    assert_seamless(&room.world.phones[100].sequence());
}

#[test]
fn what_is_announced_to_two_hundred_is_heard_by_each_with_the_voices() {
    let mut room = Assembly::new();
    let nobody = Audience::Nobody;
    for phone in [WHISPERER, 60] {
        let leg = room.leg(phone);
        room.world.command(Command::Audience { leg, audience: nobody });
    }
    let sources = vec![Source::Beep { ms: 3_000 }];
    room.world.command(Command::Announce { room: RoomId(1), sources });
    let everybody: Vec<usize> = (0..MEMBERS).collect();
    let told = room.act(&everybody);
    assert!(told.iter().all(|ear| ear.beep), "one heard no beep");
    let voices = |n: usize| (0..8).filter(|&other| other != n).collect::<Vec<_>>();
    assert!(told.iter().enumerate().all(|(n, ear)| ear.voices == voices(n)));
    // Who does not speak gets the very same packets, muted or not.
    let payload = |phone: usize| &room.world.phones[phone].heard.last().expect("heard").payload;
    assert_eq!(payload(100), payload(60));
    room.frames(90);
    let told = room.act(&[100]);
    assert!(!told[0].beep && told[0].voices == voices(99), "{told:?}");
}
