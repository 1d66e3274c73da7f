//! Parties of different codecs: decoded, mixed and encoded for each other; prompts, digits and
//! silence for every codec.

mod g729;

use super::*;
use crate::codec::sound::{level_at, level_dbov, noise, tone, voice};
use crate::codec::{Decoder, Encoded, Encoder};
use terms::media::Wishes;

/// What one phone says, frame by frame of 20 ms.
pub(super) struct Mouth {
    phone: usize,
    codec: Codec,
    encoder: Encoder,
    said: Vec<i16>,
    at: usize,
}

impl Mouth {
    pub(super) fn new(world: &World, phone: usize, said: Vec<i16>) -> Self {
        let codec = world.phones[phone].codec;
        Mouth { phone, codec, encoder: Encoder::new(codec, Wishes::default()), said, at: 0 }
    }

    fn tone(world: &World, phone: usize, hz: u32) -> Self {
        let rate_hz = world.phones[phone].codec.sample_hz();
        Mouth::new(world, phone, tone(hz, rate_hz, rate_hz as usize * 3, 8_000))
    }

    /// The next packet; `None` while the encoder rests.
    fn packet(&mut self, world: &mut World) -> Option<Vec<u8>> {
        let frame = &self.said[self.at..self.at + self.codec.sample_hz() as usize / 50];
        self.at += frame.len();
        let mut payload = Vec::new();
        let sent = self.encoder.encode(frame, &mut payload) == Encoded::Packet;
        let phone = &mut world.phones[self.phone];
        let bytes = phone.packet(self.codec.payload_type().0, false, &payload);
        phone.time = phone.time.wrapping_add(self.codec.clock_hz() / 50);
        phone.seq = phone.seq.wrapping_add(u16::from(sent));
        sent.then_some(bytes)
    }

    pub(super) fn say(&mut self, world: &mut World) {
        if let Some(bytes) = self.packet(world) {
            world.send(self.phone, bytes);
        }
    }
}

/// What a phone played, from its `from`-th packet on.
pub(super) fn ear(world: &World, phone: usize, from: usize) -> Vec<i16> {
    let phone = &world.phones[phone];
    let mut decoder = Decoder::new(phone.codec);
    let mut out = Vec::new();
    let audio = phone.codec.payload_type();
    for heard in phone.heard[from..].iter().filter(|heard| heard.header.payload_type == audio) {
        decoder.decode(&heard.payload, &mut out).expect("we send what the codec knows");
    }
    out
}

fn talk(world: &mut World, mouths: &mut [Mouth], frames: usize) {
    for _ in 0..frames {
        mouths.iter_mut().for_each(|mouth| mouth.say(world));
        world.run(20);
    }
}

fn room_of(world: &mut World, codecs: &[Codec]) -> Vec<usize> {
    let phones: Vec<usize> = codecs.iter().map(|&codec| world.add(codec, 65_500, |_| {})).collect();
    phones.iter().for_each(|&phone| world.join(phone, 1));
    phones
}

#[test]
fn every_two_codecs_hear_each_other() {
    for one in Codec::ALL {
        for two in Codec::ALL {
            let mut world = World::new();
            room_of(&mut world, &[one, two]);
            let mut mouths = [Mouth::tone(&world, 0, 1_000), Mouth::tone(&world, 1, 700)];
            talk(&mut world, &mut mouths, 75);
            let forwards = world.shard.stats().packets_forwarded > 0;
            assert_eq!(forwards, crate::codec::relays(one, two), "{one:?} and {two:?}");
            for (phone, hz, own_hz) in [(0, 700, 1_000), (1, 1_000, 700)] {
                let codec = world.phones[phone].codec;
                let heard = ear(&world, phone, 0);
                let settled = &heard[heard.len() / 2..];
                let level = level_at(settled, hz, codec.sample_hz());
                assert!(
                    (level + 12.2).abs() < 3.5,
                    "{one:?} and {two:?}: {hz} Hz at {level:.1} dB"
                );
                assert!(level_at(settled, own_hz, codec.sample_hz()) < -35.0, "no echo");
                let headers = world.phones[phone].sequence();
                assert_seamless(&headers);
                let step = i32::try_from(codec.clock_hz() / 50).unwrap();
                assert!(
                    headers.windows(2).all(|pair| pair[1].time.distance(pair[0].time) == step),
                    "{one:?} and {two:?}: timestamps count the clock of {codec:?}"
                );
            }
        }
    }
}

#[test]
fn three_parties_of_three_codecs_hear_both_others() {
    let mut world = World::new();
    room_of(&mut world, &[Codec::Pcma, Codec::G722, Codec::Opus]);
    let tones = [500, 1_100, 1_700];
    let mut mouths: Vec<Mouth> =
        tones.iter().enumerate().map(|(n, &hz)| Mouth::tone(&world, n, hz)).collect();
    talk(&mut world, &mut mouths, 100);
    for phone in 0..3 {
        let rate_hz = world.phones[phone].codec.sample_hz();
        let heard = ear(&world, phone, 0);
        for (n, &hz) in tones.iter().enumerate() {
            let level = level_at(&heard[heard.len() / 2..], hz, rate_hz);
            if n == phone {
                assert!(level < -30.0, "phone {phone} hears itself at {level:.1} dB");
            } else {
                assert!((level + 12.2).abs() < 4.0, "phone {phone}: {hz} Hz at {level:.1} dB");
            }
        }
    }
}

#[test]
fn a_room_of_wideband_phones_keeps_the_upper_band() {
    let mut world = World::new();
    room_of(&mut world, &[Codec::G722, Codec::Opus, Codec::L16]);
    let mut mouths = [Mouth::tone(&world, 0, 5_000)];
    talk(&mut world, &mut mouths, 75);
    for phone in [1, 2] {
        let heard = ear(&world, phone, 0);
        let level = level_at(&heard[heard.len() / 2..], 5_000, 16_000);
        assert!(level > -18.0, "phone {phone}: {level:.1} dB");
    }
}

#[test]
fn a_prompt_plays_to_every_codec() {
    for codec in Codec::ALL {
        for ptime_ms in [20, 60] {
            let mut world = World::new();
            world.add(codec, 7, |remote| remote.ptime_ms = ptime_ms);
            world.play(0, 1, Source::Beep { ms: 1_000 }, false);
            world.run(1_500);
            let heard = ear(&world, 0, 0);
            let level =
                level_at(&heard[heard.len() / 4..heard.len() * 3 / 4], 1_000, codec.sample_hz());
            assert!((level + 15.2).abs() < 3.0, "{codec:?}: {level:.1} dB");
            let lasts = heard.len() * 1_000 / codec.sample_hz() as usize;
            assert!((1_000..1_070).contains(&lasts), "{codec:?}: {lasts} ms");
            assert_seamless(&world.phones[0].sequence());
            let done =
                |event: &Event| matches!(event, Event::PlayDone { end: PlayEnd::Finished, .. });
            assert_eq!(world.events.iter().filter(|event| done(event)).count(), 1);
        }
    }
}

#[test]
fn digits_reach_the_other_codec_once_on_its_own_clock() {
    let mut world = World::new();
    world.add(Codec::Pcma, 1, |_| {});
    world.add(Codec::Opus, 1, |remote| {
        (remote.send.dtmf, remote.receive.dtmf) = (Some(PayloadType(110)), Some(PayloadType(101)));
    });
    (0..2).for_each(|phone| world.join(phone, 1));
    let mut mouths = [Mouth::tone(&world, 0, 500), Mouth::tone(&world, 1, 500)];
    talk(&mut world, &mut mouths, 10);
    world.press(0, 5);
    world.run(300);
    let events: Vec<&Heard> = world.phones[1]
        .heard
        .iter()
        .filter(|heard| heard.header.payload_type == PayloadType(110))
        .collect();
    let ends: Vec<DigitEvent> =
        events.iter().filter_map(|heard| DigitEvent::parse(&heard.payload)).collect();
    assert_eq!(events.iter().filter(|heard| heard.header.marker).count(), 1, "one event");
    assert!(ends.iter().all(|event| event.code == 5));
    assert_eq!(ends.last().map(|event| (event.end, event.duration)), Some((true, 5_760)));
    assert_eq!(world.digits(), "5");
    assert_seamless(&world.phones[1].sequence());
}

#[test]
fn events_between_relayed_parties_count_on_the_clock_of_each_side() {
    let mut world = World::new();
    world.add(Codec::Opus, 1, |remote| remote.receive.dtmf_hz = 8_000);
    world.add(Codec::Opus, 1, |_| {});
    (0..2).for_each(|phone| world.join(phone, 1));
    world.press(0, 3);
    world.run(100);
    let last = world.phones[1].heard.last().expect("the event is made anew");
    let event = DigitEvent::parse(&last.payload).expect("an event");
    assert_eq!((event.code, event.duration), (3, 160 * 6 * 6));
    assert_eq!(world.digits(), "3");
}

#[test]
fn an_event_that_is_no_key_is_relayed_on_the_clock_of_the_other() {
    for kept in [false, true] {
        let mut world = World::new();
        world.add(Codec::Opus, 1, |remote| remote.receive.dtmf_hz = 8_000);
        world.add(Codec::Opus, 1, |_| {});
        (0..2).for_each(|phone| world.join(phone, 1));
        world.command(Command::KeepDigits { leg: world.phones[0].leg, kept });
        let flash = DigitEvent { code: 16, end: true, duration: 800 };
        let bytes = world.phones[0].packet(101, true, &flash.write());
        world.send(0, bytes);
        world.run(100);
        let event = |heard: &Heard| {
            let is_event = heard.header.payload_type == PayloadType(101);
            DigitEvent::parse(&heard.payload).filter(|_| is_event)
        };
        let heard: Vec<_> = world.phones[1].heard.iter().filter_map(event).collect();
        let expected = if kept { vec![] } else { vec![DigitEvent { duration: 4_800, ..flash }] };
        assert_eq!(heard, expected, "kept {kept}");
        assert_eq!(world.digits(), "");
    }
}

#[test]
fn a_party_may_change_its_codec_in_the_middle() {
    let mut world = World::new();
    room_of(&mut world, &[Codec::Pcma, Codec::Pcma]);
    let mut first = [Mouth::tone(&world, 0, 1_000), Mouth::tone(&world, 1, 700)];
    talk(&mut world, &mut first, 25);
    let (leg, address) = (world.phones[1].leg, world.phones[1].address);
    world.phones[1].codec = Codec::Opus;
    world.command(Command::Connect { leg, remote: Box::new(remote(address, Codec::Opus)) });
    let before: Vec<usize> = world.phones.iter().map(|phone| phone.heard.len()).collect();
    let mut then = [Mouth::tone(&world, 0, 1_000), Mouth::tone(&world, 1, 700)];
    talk(&mut world, &mut then, 75);
    for (phone, hz) in [(0, 700), (1, 1_000)] {
        let rate_hz = world.phones[phone].codec.sample_hz();
        let heard = ear(&world, phone, before[phone]);
        let level = level_at(&heard[heard.len() / 2..], hz, rate_hz);
        assert!((level + 12.2).abs() < 3.5, "phone {phone}: {level:.1} dB");
        assert_seamless(&world.phones[phone].sequence());
    }
    world.phones[1].codec = Codec::Pcma;
    world.command(Command::Connect { leg, remote: Box::new(remote(address, Codec::Pcma)) });
    assert!(matches!(world.speak(0, 20, 900), Verdict::Forward { .. }), "relayed as before");
}

#[test]
fn comfort_noise_is_heard_in_another_codec_at_its_level() {
    let mut world = World::new();
    room_of(&mut world, &[Codec::Pcma, Codec::G722]);
    let mut mouths = [Mouth::tone(&world, 0, 1_000)];
    talk(&mut world, &mut mouths, 20);
    let bytes = world.phones[0].packet(13, false, &[45]);
    world.phones[0].seq += 1;
    world.send(0, bytes);
    world.run(1_000);
    let heard = ear(&world, 1, 0);
    let level = level_dbov(&heard[heard.len() - 8_000..]);
    assert!((level + 45.0).abs() < 2.0, "{level:.1} dBov");
    assert_eq!(world.release(0).packets_dropped, 0);
}

#[test]
fn a_lost_opus_packet_is_heard_from_the_copy_in_the_next() {
    let heard = |fec: bool| {
        let mut world = World::new();
        room_of(&mut world, &[Codec::Opus, Codec::L16]);
        let mut mouth = Mouth::new(&world, 0, voice(16_000, 64_000));
        mouth.encoder = Encoder::new(Codec::Opus, Wishes { fec, ..Wishes::default() });
        let mut whole = World::new();
        room_of(&mut whole, &[Codec::Opus, Codec::L16]);
        for n in 0..190 {
            let bytes = mouth.packet(&mut world).expect("without rest every frame is sent");
            whole.send(0, bytes.clone());
            if n % 10 != 5 {
                world.send(0, bytes);
            }
            world.run(20);
            whole.run(20);
        }
        crate::codec::sound::signal_to_noise_db(&ear(&whole, 1, 0), &ear(&world, 1, 0), 0)
    };
    let (with, without) = (heard(true), heard(false));
    assert!(with > without + 3.0, "with the copy {with:.1} dB, without {without:.1} dB");
}

#[test]
fn a_phone_that_wishes_no_silence_gets_none_and_its_clock_goes_on() {
    let mut world = World::new();
    world.add(Codec::Opus, 1, |remote| remote.send.wishes.dtx = true);
    world.add(Codec::Pcma, 1, |_| {});
    (0..2).for_each(|phone| world.join(phone, 1));
    let mut said = voice(8_000, 16_000);
    said.extend(noise(32_000, 20, 4));
    said.extend(voice(8_000, 8_000));
    let mut mouth = [Mouth::new(&world, 1, said)];
    talk(&mut world, &mut mouth, 340);
    let heard = &world.phones[0].heard;
    let resting = heard.iter().filter(|heard| (4_500..7_000).contains(&heard.at_ms)).count();
    assert!(resting < 40, "{resting} of 125 packets while nobody speaks");
    let (first, last) = (&heard[0], heard.last().unwrap());
    let ticks = i64::from(last.header.time.distance(first.header.time));
    let clock = (last.at_ms - first.at_ms) as i64 * 48;
    assert!((ticks - clock).abs() <= 1_920, "{ticks} ticks in {clock}");
    assert!(heard.windows(2).all(|pair| pair[1].header.seq.distance(pair[0].header.seq) == 1));
}

#[test]
fn a_far_party_of_a_wide_codec_is_recorded_whole() {
    let mut world = World::new();
    world.add(Codec::L16, 1, |_| {});
    world.shard.set_taps(LegId(1), 1);
    Mouth::tone(&world, 0, 1_000).say(&mut world);
    let tap = world.shard.poll_tap().expect("it is tapped");
    assert_eq!((tap.payload().len(), tap.codec), (640, Codec::L16));
}
