//! Stories of the recorder, from frames to the finished file, without a disk.

mod codecs;
mod disk;
mod fax;
mod long;
mod pause;

use super::block::{Block, ENTRY_HEAD_BYTES, KIND_AUDIO, TAG_BYTES};
use super::index::{Conversation, Index};
use super::render::{Piece, Rendered, Source, render};
use super::seal::{FileKeys, Keyring, Sealer};
use super::segment::{Found, SegmentHeader, SegmentId, scan};
use super::wav::{self, Wav};
use super::{Recorder, RecorderConfig, TrackIdx};
use crate::g711::{self, Law};
use rand::rngs::SmallRng;
use rand::{Rng, SeedableRng};
use std::io;
use std::sync::Arc;
use std::time::Duration;
use terms::media::{Codec, RecordStart, RecordTerms, RtpTime, SeqNo, Side, Ssrc};
use terms::{CallId, ContactId, LegId, Moment, RecordingId, TenantId, Timestamp};

const CUSTOMER: LegId = LegId(1);
const AGENT: LegId = LegId(2);
const EXPERT: LegId = LegId(3);
const CALL: RecordingId = RecordingId(77);
const TENANT: TenantId = TenantId(5);
const SEGMENT: SegmentId = SegmentId { shard: 0, seq: 1 };

/// A recorder, its blocks, and the clock.
pub(crate) struct Desk {
    pub recorder: Recorder,
    pub blocks: Vec<Block>,
    pub start: Moment,
    ticked: Moment,
    /// Every n-th block finds the ring full.
    lose_every: usize,
    polled: usize,
}

/// One packet on its way to the recorder.
#[derive(Clone)]
pub(crate) struct Packet {
    pub arrival_ms: f64,
    pub track: TrackIdx,
    pub codec: Codec,
    pub rtp: u32,
    pub seq: u16,
    pub ssrc: u32,
    pub payload: Vec<u8>,
}

pub(crate) fn record_start(recording: RecordingId, parties: &[(LegId, Side)]) -> RecordStart {
    RecordStart {
        recording,
        tenant: TENANT,
        contact: ContactId(6),
        call: CallId(7),
        started_at: Timestamp::from_secs(1_800_000_000),
        parties: parties.to_vec(),
        terms: RecordTerms::default(),
    }
}

impl Desk {
    pub(crate) fn new(start: Moment) -> Desk {
        let recorder = Recorder::new(RecorderConfig::default(), 0);
        Desk { recorder, blocks: Vec::new(), start, ticked: start, lose_every: 0, polled: 0 }
    }

    /// Milliseconds count from here now; never before what was ticked.
    pub(crate) fn restart_clock(&mut self, now: Moment) {
        self.start = now.max(self.ticked);
        self.ticked = self.start;
    }

    fn open(parties: &[(LegId, Side)]) -> (Desk, Vec<TrackIdx>) {
        let start = Moment::from_secs(1000);
        let mut desk = Desk::new(start);
        let tracks = desk.recorder.start(start, &record_start(CALL, parties));
        (desk, tracks.into_iter().map(|(_, track)| track).collect())
    }

    pub(crate) fn at(&self, ms: f64) -> Moment {
        Moment(self.start.0 + (ms * 1e6) as u64)
    }

    /// Lets time pass as a shard would, in steps of 5 ms.
    pub(crate) fn until(&mut self, ms: f64) {
        let end = self.at(ms);
        while self.ticked + Duration::from_millis(5) <= end {
            self.ticked += Duration::from_millis(5);
            self.recorder.tick(self.ticked);
            self.poll();
        }
    }

    pub(crate) fn poll(&mut self) {
        while let Some(block) = self.recorder.poll_block() {
            self.polled += 1;
            if self.lose_every > 0 && self.polled.is_multiple_of(self.lose_every) {
                self.recorder.block_lost(&block);
            } else {
                self.blocks.push(block);
            }
        }
    }

    pub(crate) fn send(&mut self, packet: &Packet) {
        self.until(packet.arrival_ms);
        let (now, track, codec) = (self.at(packet.arrival_ms), packet.track, packet.codec);
        let (time, seq, ssrc) = (RtpTime(packet.rtp), SeqNo(packet.seq), Ssrc(packet.ssrc));
        self.recorder.frame(now, track, codec, time, seq, ssrc, &packet.payload);
    }

    fn send_all(&mut self, mut packets: Vec<Packet>) {
        packets.sort_by(|a, b| a.arrival_ms.total_cmp(&b.arrival_ms));
        packets.iter().for_each(|packet| self.send(packet));
    }

    pub(crate) fn stop(&mut self, recording: RecordingId, ms: f64) {
        self.until(ms);
        self.recorder.stop(self.at(ms), recording);
        self.until(ms + 250.0);
    }

    fn file(&mut self, stop_ms: f64) -> (Wav, Rendered) {
        self.stop(CALL, stop_ms);
        let (bytes, mut conversations) = log_of(&self.blocks);
        assert_eq!(conversations.len(), 1);
        let (wav, rendered) = rendered(&conversations.remove(0), &bytes);
        let per_ms = f64::from(wav.format.rate_hz) / 1_000.0;
        assert_eq!(wav.channels[0].len() as f64, stop_ms * per_ms, "from start to stop");
        (wav, rendered)
    }
}

struct Memory<'a>(&'a [u8], FileKeys);

impl Source for Memory<'_> {
    fn read(&mut self, _: SegmentId, offset: u32, body: &mut [u8]) -> io::Result<Piece> {
        let at = offset as usize;
        let mut sealed = self.0[at..at + body.len() + TAG_BYTES].to_vec();
        let head = (at - ENTRY_HEAD_BYTES) as u64;
        let opened = self.1.open_entry(head, KIND_AUDIO, TENANT, &mut sealed);
        body.copy_from_slice(&sealed[..body.len()]);
        Ok(if opened { Piece::There } else { Piece::Changed })
    }
}

/// The only key of a box.
pub(crate) fn ring() -> Arc<Keyring> {
    Arc::new(Keyring::of(&[0x4B; 32]))
}

/// A segment as the storage thread writes it, and its keys.
pub(crate) fn sealed_segment(id: SegmentId, run: u32, blocks: &[Block]) -> (Vec<u8>, FileKeys) {
    let mut sealer = Sealer::new(ring(), [0x5A; 16]);
    let mut bytes = sealer.header(SegmentHeader { id, run, seal: None }).to_vec();
    let mut sealed = Vec::new();
    for block in blocks {
        sealer
            .blocks(bytes.len() as u64, std::slice::from_ref(block), &mut sealed)
            .expect("each place is sealed once");
        bytes.extend_from_slice(&sealed);
    }
    (bytes, FileKeys::segment(ring(), sealer.seal()).expect("the ring has its own key"))
}

fn keys() -> FileKeys {
    sealed_segment(SEGMENT, 1, &[]).1
}

/// The segment that storage would have written, and what ended in it.
pub(crate) fn log_of(blocks: &[Block]) -> (Vec<u8>, Vec<Conversation>) {
    let (bytes, _) = sealed_segment(SEGMENT, 1, blocks);
    let (ended, _) = read_log(&bytes);
    (bytes, ended)
}

/// What a segment's bytes say: recordings that ended, and those that did not.
fn read_log(bytes: &[u8]) -> (Vec<Conversation>, Vec<Conversation>) {
    let (mut index, mut ended, mut keys) = (Index::default(), Vec::new(), keys());
    for found in scan(bytes) {
        if let Found::Block { at, bytes: len, .. } = found {
            let opened = keys.open_block(at as u64, bytes[at..at + len].to_vec());
            let (block, broken) = opened.expect("it was sealed with these keys");
            assert_eq!(broken, []);
            let absorbed = index.absorb_once(1, SEGMENT, at as u64, &block);
            ended.extend(absorbed.finished);
        }
    }
    (ended, index.take_unfinished())
}

pub(crate) fn rendered(conversation: &Conversation, bytes: &[u8]) -> (Wav, Rendered) {
    let mut file = Vec::new();
    let rendered = render(conversation, &mut Memory(bytes, keys()), &mut |piece| {
        file.extend_from_slice(piece);
        Ok(())
    });
    (wav::read(&file).expect("a valid file"), rendered.expect("memory does not fail"))
}

/// A voice that can be told from others and from silence: frame `n` is full of its own value.
pub(crate) fn octet(law: Law, voice: i16, n: u32) -> u8 {
    g711::encode(law, voice * (1000 + (n % 16) as i16 * 400))
}

pub(crate) fn packet(track: TrackIdx, voice: i16, n: u32) -> Packet {
    Packet {
        arrival_ms: f64::from(n) * 20.0 + 20.0,
        track,
        codec: Codec::Pcma,
        rtp: 4_294_960_000_u32.wrapping_add(n * 160),
        seq: 65_500_u16.wrapping_add(n as u16),
        ssrc: 0x1000 + u32::from(voice as u16),
        payload: vec![octet(Law::A, voice, n); 160],
    }
}

fn heard(wav: &Wav, channel: usize, n: u32) -> &[i16] {
    &wav.channels[channel][n as usize * 160..][..160]
}

fn said(law: Law, voice: i16, n: u32) -> [i16; 160] {
    [g711::decode(law, octet(law, voice, n)); 160]
}

const SILENT: [i16; 160] = [8; 160];
const BOTH: [(LegId, Side); 2] = [(CUSTOMER, Side::Customer), (AGENT, Side::Other)];

#[test]
fn both_voices_stand_on_their_own_sides_octet_by_octet() {
    for law in [Law::A, Law::Mu] {
        let (mut desk, tracks) = Desk::open(&BOTH);
        for n in 0..500 {
            for (&track, voice) in tracks.iter().zip([1, -1]) {
                let payload = vec![octet(law, voice, n); 160];
                desk.send(&Packet { codec: law.codec(), payload, ..packet(track, voice, n) });
            }
        }
        let (wav, rendered) = desk.file(10_000.0);
        assert_eq!(wav.format.law(), Some(law));
        for n in 0..500 {
            assert_eq!(heard(&wav, 0, n), said(law, 1, n), "customer, frame {n}");
            assert_eq!(heard(&wav, 1, n), said(law, -1, n), "agent, frame {n}");
        }
        assert_eq!((rendered.frames_expected, rendered.frames_missing), (1000, 0));
        assert_eq!(rendered.gaps, []);
    }
}

/// Two clocks 400 ppm apart hear the same clap every ten seconds for an hour.
fn claps_apart(between: i16) -> Vec<i64> {
    let (mut desk, tracks) = Desk::open(&BOTH);
    let mut rng = SmallRng::seed_from_u64(11);
    let mut packets = Vec::new();
    for (&track, ppm) in tracks.iter().zip([200.0, -200.0]) {
        for n in 0..179_900_u32 {
            let spoken_ms = |sample: f64| (f64::from(n) * 20.0 + sample / 8.0) * (1.0 + ppm / 1e6);
            let payload = (0..160)
                .map(|sample| {
                    let clap = spoken_ms(f64::from(sample)) % 10_000.0 < 100.0;
                    let level = if clap { 12_000 } else { between };
                    g711::encode(Law::A, if sample % 2 == 0 { level } else { -level })
                })
                .collect();
            let delay = 5.0 + rng.random_range(0.0..25.0);
            let arrival_ms = spoken_ms(160.0) + delay;
            packets.push(Packet { arrival_ms, payload, ..packet(track, 1, n) });
        }
    }
    desk.send_all(packets);
    let (wav, rendered) = desk.file(3_600_000.0);
    assert_eq!(rendered.frames_missing, 0);
    let onset = |channel: usize, clap: usize| {
        let from = clap * 80_000 - 4000;
        let loud = |&sample: &i16| sample.abs() > 6000;
        let place = wav.channels[channel][from..].iter().position(loud);
        (from + place.expect("every clap is heard")) as i64
    };
    (1..359).map(|clap| (onset(0, clap) - onset(1, clap)).abs()).collect()
}

#[test]
fn sides_stay_within_20_ms_through_an_hour_of_drift() {
    for between in [0, 500] {
        let apart = claps_apart(between);
        let worst = apart.iter().max().unwrap();
        assert!(*worst <= 160, "{worst} samples apart at level {between}");
    }
}

#[test]
fn hold_is_silence_and_the_file_is_talk_plus_hold() {
    let (mut desk, tracks) = Desk::open(&BOTH);
    (0..100).for_each(|n| desk.send(&packet(tracks[0], 1, n)));
    // On hold the phone sends nothing and its timestamps run on.
    (1600..1700).for_each(|n| desk.send(&packet(tracks[0], 1, n)));
    let (wav, rendered) = desk.file(40_000.0);
    assert_eq!(heard(&wav, 0, 99), said(Law::A, 1, 99));
    assert!((100..1600).all(|n| heard(&wav, 0, n) == SILENT));
    assert_eq!(heard(&wav, 0, 1600), said(Law::A, 1, 1600));
    assert!((0..2000).all(|n| heard(&wav, 1, n) == SILENT), "the agent never spoke");
    assert_eq!((rendered.frames_expected, rendered.frames_missing), (200, 0));
}

#[test]
fn loss_reordering_and_repetition_leave_every_frame_in_its_place() {
    for seed in 0..20 {
        let mut rng = SmallRng::seed_from_u64(seed);
        let (mut desk, tracks) = Desk::open(&BOTH);
        let (mut packets, mut lost) = (Vec::new(), Vec::new());
        for n in 0..1000 {
            if n > 0 && rng.random_bool(0.1) {
                lost.push(n);
                continue;
            }
            let on_time = packet(tracks[0], 1, n);
            let delay = if n == 0 { 0.0 } else { rng.random_range(0.0_f64..80.0) };
            let arrival_ms = on_time.arrival_ms + if rng.random_bool(0.2) { delay } else { 0.0 };
            packets.push(Packet { arrival_ms, ..on_time });
            if rng.random_bool(0.05) {
                packets.push(packets[packets.len() - 1].clone());
            }
        }
        let sent = packets.len() as u64;
        desk.send_all(packets);
        let (wav, rendered) = desk.file(20_500.0);
        for n in 0..1000 {
            let expected = if lost.contains(&n) { SILENT } else { said(Law::A, 1, n) };
            assert_eq!(heard(&wav, 0, n), expected, "seed {seed} frame {n}");
        }
        assert_eq!((rendered.frames_expected, rendered.frames_missing), (sent, 0));
    }
}

#[test]
fn a_new_source_after_a_re_invite_goes_on_in_its_place() {
    let (mut desk, tracks) = Desk::open(&BOTH);
    for n in 0..400 {
        let old = packet(tracks[0], 1, n);
        let new = Packet { ssrc: 0xFFFF_0000, rtp: n * 160 + 99, seq: n as u16, ..old.clone() };
        desk.send(if n < 200 { &old } else { &new });
    }
    let (wav, _) = desk.file(8000.0);
    assert!((0..400).all(|n| heard(&wav, 0, n) == said(Law::A, 1, n)));
}

#[test]
fn mixed_laws_become_pcm() {
    let (mut desk, tracks) = Desk::open(&BOTH);
    for n in 0..100 {
        desk.send(&packet(tracks[0], 1, n));
        let (codec, payload) = (Codec::Pcmu, vec![octet(Law::Mu, -1, n); 160]);
        desk.send(&Packet { codec, payload, ..packet(tracks[1], -1, n) });
    }
    let (wav, _) = desk.file(2000.0);
    assert_eq!(wav.format.tag, wav::TAG_PCM);
    assert!((0..100).all(|n| heard(&wav, 0, n) == said(Law::A, 1, n)));
    assert!((0..100).all(|n| heard(&wav, 1, n) == said(Law::Mu, -1, n)));
}

#[test]
fn three_parties_are_mixed_on_the_right() {
    let (mut desk, tracks) = Desk::open(&BOTH);
    let expert = desk.recorder.join(desk.at(1000.0), CALL, EXPERT, Side::Other).unwrap();
    for n in 0..100 {
        desk.send(&packet(tracks[0], 1, n));
        desk.send(&packet(tracks[1], 2, n));
        if n >= 50 {
            desk.send(&packet(expert, 3, n));
        }
    }
    let (wav, rendered) = desk.file(2000.0);
    for n in 0..100 {
        let agent = said(Law::A, 2, n)[0];
        let both = i32::from(agent) + i32::from(said(Law::A, 3, n)[0]);
        let both = both.clamp(-32_768, 32_767) as i16;
        let mixed = g711::decode(Law::A, g711::encode(Law::A, both));
        assert_eq!(heard(&wav, 0, n), said(Law::A, 1, n));
        assert_eq!(heard(&wav, 1, n), if n < 50 { [agent; 160] } else { [mixed; 160] }, "{n}");
    }
    assert_eq!(rendered.frames_expected, 250);
}

#[test]
fn after_a_transfer_the_next_agent_is_heard_on_the_same_side() {
    let (mut desk, tracks) = Desk::open(&BOTH);
    (0..100).for_each(|n| desk.send(&packet(tracks[1], 2, n)));
    desk.until(2010.0);
    desk.recorder.leave(desk.at(2010.0), CALL, AGENT);
    // A packet that crossed the transfer changes nothing.
    desk.send(&packet(tracks[1], 2, 100));
    let expert = desk.recorder.join(desk.at(2020.0), CALL, EXPERT, Side::Other).unwrap();
    assert_eq!(desk.recorder.join(desk.at(2020.0), CALL, EXPERT, Side::Other), Some(expert));
    (150..200).for_each(|n| desk.send(&packet(expert, 3, n)));
    let (wav, rendered) = desk.file(4000.0);
    assert!((0..100).all(|n| heard(&wav, 1, n) == said(Law::A, 2, n)));
    assert!((100..150).all(|n| heard(&wav, 1, n) == SILENT));
    assert!((150..200).all(|n| heard(&wav, 1, n) == said(Law::A, 3, n)));
    assert_eq!((rendered.frames_expected, rendered.frames_missing), (150, 0));
}

#[test]
fn what_a_full_ring_refused_is_counted_and_placed() {
    for lose_every in [2, 3, 7] {
        let (mut desk, tracks) = Desk::open(&BOTH);
        desk.lose_every = lose_every;
        for n in 0..500 {
            desk.send(&packet(tracks[0], 1, n));
            desk.send(&packet(tracks[1], 2, n));
        }
        let (wav, rendered) = desk.file(10_000.0);
        let is_silent = |channel, n: &u32| heard(&wav, channel, *n) == SILENT;
        let missing: Vec<(LegId, u32)> = [(0, CUSTOMER), (1, AGENT)]
            .into_iter()
            .flat_map(|(side, leg)| {
                let silent = (0..500).filter(move |n| is_silent(side, n));
                silent.map(move |n| (leg, n)).collect::<Vec<_>>()
            })
            .collect();
        assert!(!missing.is_empty());
        assert_eq!(rendered.frames_expected, 1000);
        assert_eq!(rendered.frames_missing, missing.len() as u64);
        let covered = |&(leg, n): &(LegId, u32)| {
            let (from, to) = (i64::from(n) * 20, i64::from(n) * 20 + 20);
            rendered.gaps.iter().any(|&(gap, start, end)| gap == leg && start <= from && to <= end)
        };
        assert!(missing.iter().all(covered), "{:?}", rendered.gaps);
    }
}

#[test]
fn an_end_that_met_a_full_ring_is_said_again() {
    let (mut desk, tracks) = Desk::open(&BOTH);
    (0..100).for_each(|n| desk.send(&packet(tracks[0], 1, n)));
    desk.until(2020.0);
    desk.lose_every = 1;
    desk.stop(CALL, 2100.0);
    desk.lose_every = 0;
    desk.until(3000.0);
    let (bytes, conversations) = log_of(&desk.blocks);
    let (wav, rendered) = rendered(&conversations[0], &bytes);
    assert_eq!(wav.channels[0].len(), 2100 * 8);
    assert_eq!((rendered.frames_expected, conversations.len()), (100, 1));
}

#[test]
fn a_killed_process_has_lost_less_than_200_ms() {
    for kill_ms in (1000..1400).step_by(7) {
        let (mut desk, tracks) = Desk::open(&BOTH);
        let sent = (kill_ms - 20) / 20;
        (0..=sent).for_each(|n| desk.send(&packet(tracks[0], 1, n)));
        desk.until(f64::from(kill_ms));
        let (bytes, _) = log_of(&desk.blocks);
        let (ended, unfinished) = read_log(&bytes);
        assert!(ended.is_empty());
        let (wav, _) = rendered(&unfinished[0], &bytes);
        let kept_ms = (wav.channels[0].len() / 8) as u32;
        assert!(kept_ms + 200 > kill_ms, "{kept_ms} of {kill_ms} ms");
        let whole = (kill_ms - 200) / 20;
        assert!((0..whole).all(|n| heard(&wav, 0, n) == said(Law::A, 1, n)), "{kill_ms}");
    }
}

#[test]
fn a_log_cut_at_any_byte_renders_what_is_whole() {
    let (mut desk, tracks) = Desk::open(&BOTH);
    (0..20).for_each(|n| desk.send(&packet(tracks[0], 1, n)));
    desk.stop(CALL, 400.0);
    let (bytes, _) = log_of(&desk.blocks);
    let mut longest = 0;
    for cut in 28..=bytes.len() {
        let (ended, unfinished) = read_log(&bytes[..cut]);
        assert!(ended.len() + unfinished.len() <= 1);
        assert_eq!(ended.len() == 1, cut == bytes.len());
        let Some(conversation) = ended.iter().chain(&unfinished).next() else { continue };
        let (wav, rendered) = rendered(conversation, &bytes[..cut]);
        assert!(wav.channels[0].len() >= longest, "a longer log never makes a shorter file");
        longest = wav.channels[0].len();
        assert_eq!(rendered.frames_missing, 0, "cut at {cut}");
    }
    assert_eq!(longest, 3200);
}

#[test]
fn a_damaged_block_costs_what_it_held_and_says_so() {
    let (mut desk, tracks) = Desk::open(&BOTH);
    (0..200).for_each(|n| desk.send(&packet(tracks[0], 1, n)));
    desk.stop(CALL, 4000.0);
    let (clean, _) = log_of(&desk.blocks);
    let starts: Vec<usize> = scan(&clean)
        .iter()
        .filter_map(|found| match found {
            Found::Block { at, .. } => Some(*at),
            _ => None,
        })
        .collect();
    // The last block holds the end: without it the recording is unfinished, and still whole.
    for &start in &starts[..starts.len() - 1] {
        let mut bytes = clean.clone();
        bytes[start + 50] ^= 4;
        let (ended, _) = read_log(&bytes);
        let (wav, rendered) = rendered(&ended[0], &bytes);
        let silent = (0..200).filter(|&n| heard(&wav, 0, n) == SILENT).count() as u64;
        assert_eq!((rendered.frames_expected, rendered.frames_missing), (200, silent));
        assert!(silent <= 9, "{silent} frames in one block");
    }
}

/// After a sync that failed nobody knows what is on the disk, so it is written again.
#[test]
fn a_block_that_stands_twice_in_the_log_counts_once() {
    let (mut desk, tracks) = Desk::open(&BOTH);
    for n in 0..100 {
        desk.send(&packet(tracks[0], 1, n));
    }
    desk.stop(CALL, 2_000.0);
    let once = log_of(&desk.blocks).1.remove(0);
    let last = desk.blocks.pop().expect("the one with its end");
    let half = desk.blocks.len() / 2;
    let twice: Vec<Block> =
        desk.blocks.iter().flat_map(|block| [block.clone(), block.clone()]).collect();
    let again = desk.blocks[..half].iter().chain([&last, &last]).cloned();
    let blocks: Vec<Block> = twice.into_iter().chain(again).collect();
    let (bytes, mut ended) = log_of(&blocks);
    assert_eq!(ended.len(), 1, "it ends once");
    let conversation = ended.remove(0);
    assert_eq!(conversation.chunks.len(), once.chunks.len());
    let samples = |of: &Conversation| of.tracks.iter().map(|track| track.found).collect::<Vec<_>>();
    assert_eq!(samples(&conversation), samples(&once));
    let (_, rendered) = rendered(&conversation, &bytes);
    assert_eq!((rendered.frames_expected, rendered.frames_missing), (100, 0));
}

#[test]
fn limits_refuse_and_the_refusal_is_in_the_log() {
    let start = Moment::from_secs(5);
    let config = RecorderConfig { recordings_max: 1, tracks_max: 3, ..RecorderConfig::default() };
    let mut desk = Desk::new(start);
    desk.recorder = Recorder::new(config, 0);
    let begin = |id| record_start(RecordingId(id), &BOTH);
    assert_eq!(desk.recorder.start(start, &begin(1)).len(), 2);
    assert_eq!(desk.recorder.start(start, &begin(1)).len(), 2, "starting again changes nothing");
    assert_eq!(desk.recorder.start(start, &begin(2)).len(), 0);
    assert!(desk.recorder.join(start, RecordingId(1), EXPERT, Side::Other).is_some());
    assert!(desk.recorder.join(start, RecordingId(1), LegId(9), Side::Other).is_none());
    desk.stop(RecordingId(1), 100.0);
    let (_, conversations) = log_of(&desk.blocks);
    let refused: Vec<_> = conversations.iter().map(|of| (of.recording.0, of.refused)).collect();
    assert_eq!(refused, [(2, Some(super::REFUSED_RECORDINGS)), (1, None)]);
    assert_eq!(desk.recorder.stats().refused, 1);
}

#[test]
fn a_payload_beyond_the_limit_is_missing_and_not_truncated() {
    let (mut desk, tracks) = Desk::open(&BOTH);
    let long = Packet { payload: vec![0xD5; 1600], ..packet(tracks[0], 1, 0) };
    desk.send(&long);
    desk.send(&packet(tracks[0], 1, 10));
    let (wav, rendered) = desk.file(1000.0);
    assert_eq!((rendered.frames_expected, rendered.frames_missing), (11, 10));
    assert_eq!(heard(&wav, 0, 10), said(Law::A, 1, 10));
    assert_eq!(rendered.gaps, [(CUSTOMER, 0, 20)]);
}

#[test]
fn a_quiet_recorder_wakes_once_a_second_and_forgets_what_ended() {
    let (mut desk, _) = Desk::open(&BOTH);
    desk.until(500.0);
    assert_eq!(desk.recorder.next_timeout(), Some(desk.at(1000.0)));
    desk.stop(CALL, 600.0);
    assert_eq!(desk.recorder.recordings(), 0);
    desk.until(2000.0);
    assert_eq!(desk.recorder.next_timeout(), None);
    desk.recorder.stop(desk.at(2000.0), CALL);
    desk.recorder.leave(desk.at(2000.0), CALL, AGENT);
    assert_eq!(desk.recorder.next_timeout(), None);
}
