//! Pause: while somebody reads out a card number nothing is kept, and the file stays in time.

use super::*;
use crate::record::block::Entry;
use terms::UserId;
use terms::media::{Mark, MarkKind, RecordTerms};

const BY: UserId = UserId(42);

fn secret(track: TrackIdx, n: u32) -> Packet {
    Packet { payload: vec![octet(Law::A, 7, 3); 160], ..packet(track, 1, n) }
}

fn pause(desk: &mut Desk, ms: f64) {
    desk.until(ms);
    desk.recorder.pause(desk.at(ms), CALL, BY);
}

fn resume(desk: &mut Desk, ms: f64) {
    desk.until(ms);
    desk.recorder.resume(desk.at(ms), CALL, BY);
}

/// Two seconds of talk, three of which nothing is kept, two of talk again. `delay` is the network's.
fn card_number(delay: f64) -> (Desk, Vec<TrackIdx>) {
    let (mut desk, tracks) = Desk::open(&BOTH);
    let late = |packet: Packet| Packet { arrival_ms: packet.arrival_ms + delay, ..packet };
    for n in 0..350 {
        match n {
            100 => pause(&mut desk, 2_000.0 + delay),
            250 => resume(&mut desk, 5_000.0 + delay),
            _ => {}
        }
        for &track in &tracks {
            let secret = late(secret(track, n));
            let open = late(packet(track, 1, n));
            desk.send(if (100..250).contains(&n) { &secret } else { &open });
        }
    }
    (desk, tracks)
}

#[test]
fn a_pause_is_silence_to_the_sample_and_what_follows_is_in_time() {
    let (mut desk, _) = card_number(0.0);
    let (wav, rendered) = desk.file(7_000.0);
    for channel in 0..2 {
        for n in 0..350 {
            let expected = if (100..250).contains(&n) { SILENT } else { said(Law::A, 1, n) };
            assert_eq!(heard(&wav, channel, n), expected, "side {channel} frame {n}");
        }
    }
    // Two hundred frames a side were to be kept, and were: what was paused is not missing.
    assert_eq!((rendered.frames_expected, rendered.frames_missing), (400, 0));
    assert_eq!((rendered.gaps, rendered.paused_ms), (vec![], 3_000));
    let mark = |kind, at_ms| Mark { kind, at_ms, by: BY };
    assert_eq!(rendered.marks, [mark(MarkKind::Paused, 2_000), mark(MarkKind::Resumed, 5_000)]);
}

#[test]
fn nothing_that_was_said_in_a_pause_reaches_a_block() {
    let (mut desk, _) = card_number(0.0);
    desk.stop(CALL, 7_000.0);
    let secret = octet(Law::A, 7, 3);
    let mut frames = 0;
    for located in desk.blocks.iter().flat_map(Block::entries) {
        if let Entry::Audio(audio) = located.entry {
            frames += usize::from(audio.frames);
            assert!(audio.frames().all(|frame| !frame.payload.contains(&secret)));
        }
    }
    assert_eq!(frames, 400);
    assert_eq!(desk.recorder.stats().frames_paused, 300);
}

#[test]
fn frames_on_their_way_when_it_begins_or_ends_leave_the_pause_silent() {
    // Each arrives 13 ms after it was spoken, and pause and resume fall inside a frame.
    for off in [0.0, 3.0, 11.0, 19.0] {
        let (mut desk, tracks) = Desk::open(&BOTH);
        for n in 0..300 {
            if n == 100 {
                pause(&mut desk, 2_000.0 + off);
            }
            if n == 200 {
                resume(&mut desk, 4_000.0 + off);
            }
            desk.send(&packet(tracks[0], 1, n));
        }
        let (wav, rendered) = desk.file(6_000.0);
        let (from, to) = ((2_000.0 + off) as usize * 8, (4_000.0 + off) as usize * 8);
        assert!(wav.channels[0][from..to].iter().all(|&sample| sample == 8), "off {off}");
        assert_eq!(heard(&wav, 0, 99), said(Law::A, 1, 99));
        assert_eq!(heard(&wav, 0, 201), said(Law::A, 1, 201));
        assert_eq!(rendered.frames_missing, 0);
    }
}

#[test]
fn sides_stay_in_time_after_a_pause_of_ten_minutes() {
    let (mut desk, tracks) = Desk::open(&BOTH);
    pause(&mut desk, 1_000.0);
    let resumed = 601_000.0;
    for n in 0..50 {
        tracks.iter().for_each(|&track| desk.send(&packet(track, 1, n)));
    }
    resume(&mut desk, resumed);
    for n in 30_050..30_150 {
        // The agent's clock ran 100 ppm fast: 60 ms in ten minutes.
        let fast = packet(tracks[1], 1, n);
        desk.send(&packet(tracks[0], 1, n));
        desk.send(&Packet { rtp: fast.rtp + 480, ..fast });
    }
    let (wav, _) = desk.file(604_000.0);
    let begins = |channel: usize| {
        let from = 601_000 * 8;
        let loud = |&sample: &i16| sample.abs() > 500;
        wav.channels[channel][from..].iter().position(loud).expect("they spoke") as i64
    };
    assert_eq!(begins(0), 0);
    assert!(begins(1) <= 160, "{} samples late", begins(1));
}

#[test]
fn who_joins_in_a_pause_is_not_kept_either_and_a_pause_ends_with_the_file() {
    let (mut desk, tracks) = Desk::open(&BOTH);
    pause(&mut desk, 0.0);
    let expert = desk.recorder.join(desk.start, CALL, EXPERT, Side::Other).expect("room is there");
    for n in 0..50 {
        desk.send(&packet(tracks[0], 1, n));
        desk.send(&packet(expert, 3, n));
    }
    let (wav, rendered) = desk.file(1_000.0);
    assert!(wav.channels.iter().flatten().all(|&sample| sample == 8));
    assert_eq!((rendered.frames_expected, rendered.paused_ms), (0, 1_000));
    assert_eq!(rendered.marks.len(), 1);
}

#[test]
fn a_part_that_begins_paused_keeps_nothing_until_it_is_resumed() {
    let start = Moment::from_secs(1_000);
    let mut desk = Desk::new(start);
    let terms = RecordTerms { paused: Some(BY), ..RecordTerms::default() };
    let order = RecordStart { terms, ..record_start(CALL, &BOTH) };
    let tracks = desk.recorder.start(start, &order);
    for n in 0..100 {
        if n == 50 {
            resume(&mut desk, 1_000.0);
        }
        desk.send(&packet(tracks[0].1, 1, n));
    }
    let (wav, rendered) = desk.file(2_000.0);
    assert!((0..50).all(|n| heard(&wav, 0, n) == SILENT));
    assert!((50..100).all(|n| heard(&wav, 0, n) == said(Law::A, 1, n)));
    assert_eq!(rendered.paused_ms, 1_000);
}

#[test]
fn a_process_killed_in_or_after_a_pause_leaves_its_marks() {
    let (desk, _) = card_number(0.0);
    // Each block may be the last one that reached the disk.
    let mut last = (0, 0);
    for kept in 1..=desk.blocks.len() {
        let (bytes, _) = sealed_segment(SEGMENT, 1, &desk.blocks[..kept]);
        let (_, mut left) = read_log(&bytes);
        let (wav, rendered) = rendered(&left.remove(0), &bytes);
        let loud = wav.channels[0].iter().skip(16_000).take(24_000);
        assert!(loud.clone().all(|&sample| sample == 8), "{kept} blocks");
        assert!((rendered.marks.len(), rendered.paused_ms) >= last, "{kept} blocks");
        last = (rendered.marks.len(), rendered.paused_ms);
    }
    assert_eq!(last, (2, 3_000));
}

#[test]
fn marks_in_lost_blocks_are_said_again() {
    let (mut desk, tracks) = Desk::open(&BOTH);
    desk.until(900.0);
    desk.lose_every = 1;
    pause(&mut desk, 1_000.0);
    resume(&mut desk, 1_500.0);
    desk.until(1_700.0);
    desk.lose_every = 0;
    desk.send(&packet(tracks[0], 1, 100));
    let (_, rendered) = desk.file(3_000.0);
    assert_eq!((rendered.marks.len(), rendered.paused_ms), (2, 500));
}

#[test]
fn a_pause_of_a_wideband_recording_is_silent_too() {
    let (mut desk, tracks) = Desk::open(&BOTH);
    let wide = |n: u32| Packet {
        codec: Codec::L16,
        rtp: n * 320,
        payload: [8_000_i16.to_be_bytes(); 320].concat(),
        ..packet(tracks[0], 1, n)
    };
    for n in 0..150 {
        match n {
            50 => pause(&mut desk, 1_000.0),
            100 => resume(&mut desk, 2_000.0),
            _ => {}
        }
        desk.send(&wide(n));
    }
    let (wav, _) = desk.file(3_000.0);
    let loud = |from: usize, to: usize| wav.channels[0][from * 16..to * 16].iter().any(|&s| s != 0);
    assert!(loud(0, 1_000) && !loud(1_000, 2_000) && loud(2_000, 3_000));
}

#[test]
fn a_rule_cuts_the_file_and_the_rest_is_not_rendered() {
    let start = Moment::from_secs(1_000);
    let mut desk = Desk::new(start);
    let terms = RecordTerms { max_ms: 2_000, ..RecordTerms::default() };
    let tracks = desk.recorder.start(start, &RecordStart { terms, ..record_start(CALL, &BOTH) });
    (0..150).for_each(|n| desk.send(&packet(tracks[0].1, 1, n)));
    desk.stop(CALL, 3_000.0);
    let (bytes, mut ended) = log_of(&desk.blocks);
    let conversation = ended.remove(0);
    assert!(crate::record::render::is_cut(&conversation));
    let (wav, _) = rendered(&conversation, &bytes);
    assert_eq!(wav.channels[0].len(), 16_000);
}
