//! Recordings of every codec: the log keeps what came, the file plays it.

use super::*;
use crate::codec::sound::{level_at, level_dbov, tone};
use crate::codec::{Encoded, Encoder, ticks};
use terms::media::Wishes;

/// Sends `seconds` of a tone, frame by frame; frames in `lost` never arrive, and every pair in
/// `swapped` comes in the wrong order.
fn speak(
    desk: &mut Desk,
    parties: &[(TrackIdx, Codec, u32)],
    frames: u32,
    wishes: Wishes,
    lost: &[u32],
    swapped: &[u32],
) {
    let mut packets = Vec::new();
    for &(track, codec, hz) in parties {
        let samples = codec.sample_hz() as usize / 50;
        let said = tone(hz, codec.sample_hz(), samples * frames as usize, 8_000);
        let mut encoder = Encoder::new(codec, wishes);
        let mut rtp = 4_294_960_000_u32;
        for (n, frame) in (0..frames).zip(said.chunks(samples)) {
            let mut payload = Vec::new();
            assert_eq!(encoder.encode(frame, &mut payload), Encoded::Packet);
            let late = if swapped.contains(&n) { 25.0 } else { 0.0 };
            let base = packet(track, 1, n);
            let lasts = ticks(codec, &payload);
            let arrival_ms = base.arrival_ms + late;
            let one = Packet { codec, payload, rtp, arrival_ms, ssrc: hz, ..base };
            if !lost.contains(&n) {
                packets.push(one);
            }
            rtp = rtp.wrapping_add(lasts);
        }
    }
    desk.send_all(packets);
}

#[test]
fn every_codec_is_played_from_the_log_in_its_own_band() {
    for codec in Codec::ALL {
        let (mut desk, tracks) = Desk::open(&BOTH);
        let parties = [(tracks[0], codec, 1_000), (tracks[1], codec, 600)];
        speak(&mut desk, &parties, 100, Wishes::default(), &[], &[30, 31, 60]);
        let (wav, rendered) = desk.file(2000.0);
        assert_eq!(wav.format.rate_hz, codec.sample_hz(), "{codec:?}");
        assert_eq!(wav.format.law(), Law::of(codec));
        assert_eq!((rendered.frames_expected, rendered.frames_missing), (200, 0), "{codec:?}");
        assert_eq!(rendered.duration_ms(), 2_000);
        for (channel, hz) in [(0, 1_000), (1, 600)] {
            let settled = &wav.channels[channel][wav.channels[channel].len() / 4..];
            let level = level_at(settled, hz, codec.sample_hz());
            assert!((level + 12.2).abs() < 3.0, "{codec:?}, {hz} Hz at {level:.1} dB");
        }
    }
}

#[test]
fn a_call_between_a_telephone_and_a_wideband_phone_keeps_both_bands() {
    let (mut desk, tracks) = Desk::open(&BOTH);
    let parties = [(tracks[0], Codec::Pcma, 1_000), (tracks[1], Codec::G722, 5_000)];
    speak(&mut desk, &parties, 100, Wishes::default(), &[], &[]);
    let (wav, _) = desk.file(2000.0);
    assert_eq!((wav.format.tag, wav.format.rate_hz), (wav::TAG_PCM, 16_000));
    let level = |channel: usize, hz| level_at(&wav.channels[channel][8_000..], hz, 16_000);
    assert!((level(0, 1_000) + 12.2).abs() < 1.0);
    assert!(level(0, 7_000) < -50.0, "the telephone has no image in the upper band");
    assert!((level(1, 5_000) + 12.2).abs() < 1.5);
}

#[test]
fn what_is_missing_is_silent_but_a_copy_is_used() {
    let lost = [40, 60];
    let levels = |codec, wishes| {
        let (mut desk, tracks) = Desk::open(&[(CUSTOMER, Side::Customer)]);
        speak(&mut desk, &[(tracks[0], codec, 1_000)], 100, wishes, &lost, &[]);
        let (wav, _) = desk.file(2000.0);
        lost.map(|n| level_dbov(&wav.channels[0][n as usize * 320 + 160..][..160]))
    };
    let fec = Wishes { fec: true, ..Wishes::default() };
    for level in levels(Codec::G722, Wishes::default()) {
        assert!(level < -60.0, "{level:.1} dBov");
    }
    for level in levels(Codec::Opus, fec) {
        assert!(level > -30.0, "{level:.1} dBov");
    }
}

#[test]
fn a_rest_of_g729_is_silent_in_the_file_and_as_long_as_it_was() {
    let (mut desk, tracks) = Desk::open(&[(CUSTOMER, Side::Customer)]);
    let said = tone(700, 8_000, 40 * 160, 8_000);
    let mut packets = Vec::new();
    for from in [0, 80] {
        let mut encoder = Encoder::new(Codec::G729, Wishes::default());
        let last = from + 39;
        for (n, frame) in (from..).zip(said.chunks(160)) {
            let mut payload = Vec::new();
            encoder.encode(frame, &mut payload);
            let base = packet(tracks[0], 1, n);
            let (mut arrival_ms, rtp, ssrc) = (base.arrival_ms, n * 160, 7);
            if n == last {
                // What Annex B says of the silence is a frame more in the packet.
                payload.extend([0x34, 0x54]);
                arrival_ms += 10.0;
            }
            packets.push(Packet { codec: Codec::G729, payload, rtp, ssrc, arrival_ms, ..base });
        }
    }
    desk.send_all(packets);
    let (wav, rendered) = desk.file(2_500.0);
    assert_eq!((wav.format.tag, wav.format.rate_hz), (wav::TAG_PCM, 8_000));
    assert_eq!(rendered.frames_missing, 0);
    let of =
        |frames: std::ops::Range<usize>| &wav.channels[0][frames.start * 160..frames.end * 160];
    for spoken in [of(10..38), of(90..118)] {
        let level = level_at(spoken, 700, 8_000);
        assert!((level + 12.2).abs() < 3.0, "{level:.1} dB");
    }
    assert!(level_dbov(of(41..79)) < -80.0 && level_dbov(of(121..125)) < -80.0, "the rests");
    assert!(level_dbov(of(81..83)) > -25.0, "it is not later than it was spoken");
}

#[test]
fn a_party_that_changes_its_codec_goes_on_where_it_was() {
    let (mut desk, tracks) = Desk::open(&[(CUSTOMER, Side::Customer)]);
    speak(&mut desk, &[(tracks[0], Codec::Pcma, 1_000)], 50, Wishes::default(), &[], &[]);
    desk.restart_clock(desk.start);
    let mut encoder = Encoder::new(Codec::Opus, Wishes::default());
    for (n, frame) in (50_u32..).zip(tone(1_000, 16_000, 16_000, 8_000).chunks(320)) {
        let mut payload = Vec::new();
        encoder.encode(frame, &mut payload);
        let base = packet(tracks[0], 1, n);
        let arrival_ms = base.arrival_ms - 1_000.0;
        desk.send(&Packet {
            codec: Codec::Opus,
            rtp: n * 960,
            ssrc: 9,
            payload,
            arrival_ms,
            ..base
        });
    }
    desk.stop(CALL, 1_000.0);
    let (bytes, mut conversations) = log_of(&desk.blocks);
    let (wav, rendered) = super::rendered(&conversations.remove(0), &bytes);
    assert_eq!(wav.format.rate_hz, 16_000);
    assert_eq!((rendered.frames_expected, rendered.frames_missing), (100, 0));
    for quarter in wav.channels[0][1_000..31_000].chunks(7_500) {
        assert!(level_at(quarter, 1_000, 16_000) > -16.0);
    }
}
