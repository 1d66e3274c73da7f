//! Who pauses: a phone with voice activity detection says so by comfort noise (RFC 3389) and sends no
//! more audio until somebody speaks. Its reports are a sign of life then, and nothing else is.

use super::encrypted::keys;
use super::*;
use terms::media::SrtpSuite;

/// Comfort noise at -60 dBov.
const NOISE: &[u8] = &[60];

/// An empty receiver report, RFC 3550 §6.4.2.
const REPORT: [u8; 8] = [0x80, 201, 0, 1, 0, 0, 0, 9];

fn begin_pause(world: &mut World, phone: usize, payload_type: u8, payload: &[u8]) {
    let bytes = world.phones[phone].packet(payload_type, false, payload);
    world.phones[phone].seq = world.phones[phone].seq.wrapping_add(1);
    world.send(phone, bytes);
}

fn report(world: &mut World, phone: usize, bytes: &[u8]) {
    let (idx, from, now) = (world.phones[phone].idx, world.phones[phone].address, world.now());
    world.shard.handle_rtcp(now, idx, from, &mut bytes.to_vec());
    world.drain();
}

/// Reports of this form come every five seconds.
fn report_for(world: &mut World, phone: usize, seconds: u64, bytes: &[u8]) {
    for _ in 0..seconds / 5 {
        world.run(5_000);
        report(world, phone, bytes);
    }
}

/// What was told: how long, and whether it had said that it would pause.
fn told(world: &World) -> Vec<(u32, bool)> {
    let silence = |event: &Event| match event {
        Event::Silent { ms, paused, .. } => Some((*ms, *paused)),
        _ => None,
    };
    world.events.iter().filter_map(silence).filter(|(ms, _)| *ms >= 10_000).collect()
}

#[test]
fn who_pauses_and_reports_is_not_silent_and_is_where_nothing_comes_any_more() {
    let mut world = World::new();
    world.add(Codec::Pcma, 1, |_| {});
    world.speak(0, 20, 1);
    begin_pause(&mut world, 0, 13, NOISE);
    report_for(&mut world, 0, 300, &REPORT);
    assert!(told(&world).is_empty(), "{:?}", told(&world));
    world.run(31_000);
    assert_eq!(told(&world), [(10_000, true), (30_000, true)]);
    let before = world.events.len();
    report(&mut world, 0, &REPORT);
    assert_eq!(world.events[before..], [Event::Heard { leg: LegId(1) }]);
}

#[test]
fn who_stops_in_the_middle_of_a_word_is_silent_whatever_they_report() {
    let mut world = World::new();
    world.add(Codec::Pcma, 1, |_| {});
    world.speak(0, 20, 1);
    begin_pause(&mut world, 0, 13, NOISE);
    world.run(20);
    world.speak(0, 20, 1);
    report_for(&mut world, 0, 35, &REPORT);
    assert_eq!(told(&world), [(10_000, false), (30_000, false)]);
}

#[test]
fn a_key_in_a_pause_does_not_end_it() {
    let mut world = World::new();
    world.add(Codec::Pcma, 1, |_| {});
    world.speak(0, 20, 1);
    begin_pause(&mut world, 0, 13, NOISE);
    world.press(0, 5);
    report_for(&mut world, 0, 60, &REPORT);
    assert!(told(&world).is_empty(), "{:?}", told(&world));
}

/// RFC 6716 §2.1.9: a silence is packets of two bytes at most, which need not be sent.
#[test]
fn opus_pauses_with_a_packet_that_holds_no_sound() {
    for (payload, pauses) in [(&[0x78][..], true), (&[0x78, 0], true), (&[0x78, 1, 2], false)] {
        let mut world = World::new();
        world.add(Codec::Opus, 1, |_| {});
        begin_pause(&mut world, 0, Codec::Opus.payload_type().0, payload);
        report_for(&mut world, 0, 35, &REPORT);
        assert_eq!(told(&world).is_empty(), pauses, "{payload:?}");
    }
}

/// RFC 3551 §4.5.6: a silence is described in two octets, behind the frames of a packet or alone.
#[test]
fn g729_pauses_with_a_description_of_silence() {
    for (octets, pauses) in [(2, true), (12, true), (22, true), (10, false), (20, false)] {
        let mut world = World::new();
        world.add(Codec::G729, 1, |_| {});
        begin_pause(&mut world, 0, Codec::G729.payload_type().0, &vec![0x34; octets]);
        report_for(&mut world, 0, 35, &REPORT);
        assert_eq!(told(&world).is_empty(), pauses, "{octets} octets");
    }
}

/// Its packets are authentic, as those of the audio are; the report of somebody else is not.
#[test]
fn reports_under_a_key_are_a_sign_of_life_and_forged_ones_are_not() {
    for (is_sealed, expected) in [(true, vec![]), (false, vec![(10_000, true), (30_000, true)])] {
        let mut world = World::new();
        world.add(Codec::Pcma, 1, |_| {});
        world.agree(0, &keys(SrtpSuite::AeadAes256Gcm, 2));
        world.speak(0, 20, 1);
        begin_pause(&mut world, 0, 13, NOISE);
        for _ in 0..7 {
            world.run(5_000);
            let mut bytes = REPORT.to_vec();
            if let Some(session) = world.phones[0].srtp.as_mut().filter(|_| is_sealed) {
                bytes.resize(REPORT.len() + ROOM_BYTES, 0);
                let len = session.protect_rtcp(&mut bytes, REPORT.len());
                bytes.truncate(len.expect("phones number their reports"));
            }
            report(&mut world, 0, &bytes);
        }
        assert_eq!(told(&world), expected);
    }
}

/// RFC 3550 §6.6: who leaves says so, and is not there any more.
#[test]
fn a_goodbye_is_no_sign_of_life() {
    let mut world = World::new();
    world.add(Codec::Pcma, 1, |_| {});
    world.speak(0, 20, 1);
    begin_pause(&mut world, 0, 13, NOISE);
    let goodbye = [REPORT, [0x81, 203, 0, 1, 0, 0, 0, 9]].concat();
    report_for(&mut world, 0, 35, &goodbye);
    assert_eq!(told(&world), [(10_000, true), (30_000, true)]);
}
