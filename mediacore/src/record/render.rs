//! Rendering: from the tracks of one conversation to a stereo WAV, the customer left, everyone else
//! mixed right. Promise: the file is as long as the recording, from start to stop; where nobody
//! spoke, on hold or where packets are missing it is silent; a single voice keeps its octets; the
//! memory does not grow with the length.
//!
//! The file keeps the law of its tracks when they share one, else it is PCM. Each second of it is
//! painted from the frames that lie in it, track by track, then the tracks of a side are added.

use super::block::Audio;
use super::index::{ChunkRef, Conversation};
use super::segment::SegmentId;
use super::timeline::{AHEAD, Arrived, Placed, RATE_HZ, Timeline, samples_between};
use super::wav::Format;
use crate::g711;
use std::collections::VecDeque;
use std::io;
use std::time::Duration;
use terms::media::{Codec, Side};
use terms::{LegId, Moment};

/// Samples painted at a time.
const WINDOW: usize = RATE_HZ as usize;
/// A frame may arrive this much after its place and still be painted there.
const LATE_MAX: Duration = Duration::from_secs(5);
/// Gaps listed in a ledger; further ones only count.
const GAPS_MAX: usize = 1000;
/// Gaps of a leg closer than this are one.
const GAP_JOIN_MS: i64 = 60;
/// Samples of a ledger frame.
const FRAME_SAMPLES: u64 = 160;

/// How a piece was found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Piece {
    /// As it was written, and opened.
    There,
    /// It cannot be had any more.
    Gone,
    /// It is not what was written.
    Changed,
}

/// Reads pieces of segments.
pub trait Source {
    /// Fills `body` with the Audio body that stands at `offset`, opened.
    fn read(&mut self, segment: SegmentId, offset: u32, body: &mut [u8]) -> io::Result<Piece>;
}

/// What the rendering found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Rendered {
    /// Samples a channel in the file.
    pub samples: u64,
    /// Frames of 20 ms handed to the recorder over all tracks.
    pub frames_expected: u64,
    /// Of those, not in the log.
    pub frames_missing: u64,
    /// Gaps as (track leg, from ms, to ms).
    pub gaps: Vec<(LegId, i64, i64)>,
    /// Some of it stood there and was not what had been written.
    pub changed: bool,
}

/// How long the file is, in samples a channel.
pub fn length(conversation: &Conversation) -> u64 {
    let start = conversation.head.map_or(conversation.end(), |head| head.start);
    samples_between(start, conversation.end()).max(0) as u64
}

/// Renders header and samples into `write`.
pub fn render(
    conversation: &Conversation,
    source: &mut impl Source,
    write: &mut impl FnMut(&[u8]) -> io::Result<()>,
) -> io::Result<Rendered> {
    let start = conversation.head.map_or(conversation.end(), |head| head.start);
    let samples = length(conversation);
    let law = conversation.law();
    write(&Format::stereo_8k(law).header(samples))?;
    let mut tracks: Vec<Track> = (0..conversation.tracks.len())
        .map(|place| Track::new(conversation, place, start))
        .collect();
    let mut window = Window { law, ..Window::default() };
    let mut at = 0_u64;
    while at < samples {
        let count = WINDOW.min((samples - at) as usize);
        let horizon = start + Duration::from_micros((at + count as u64) * 125);
        for track in &mut tracks {
            track.read_until(horizon + LATE_MAX + AHEAD, conversation, source)?;
        }
        write(window.paint(at as i64, count, &tracks))?;
        tracks.iter_mut().for_each(|track| track.forget((at + count as u64) as i64));
        at += count as u64;
    }
    for track in &mut tracks {
        track.read_until(Moment(u64::MAX), conversation, source)?;
    }
    Ok(sum_up(conversation, &tracks, start, samples))
}

/// The same counts without a file.
pub fn count(conversation: &Conversation, source: &mut impl Source) -> io::Result<Rendered> {
    let start = conversation.head.map_or(conversation.end(), |head| head.start);
    let mut tracks: Vec<Track> = (0..conversation.tracks.len())
        .map(|place| Track::new(conversation, place, start))
        .collect();
    for track in &mut tracks {
        track.keeps_audio = false;
        track.read_until(Moment(u64::MAX), conversation, source)?;
    }
    Ok(sum_up(conversation, &tracks, start, length(conversation)))
}

struct Track {
    place: usize,
    side: Side,
    /// The conversation's pieces of this track.
    chunks: VecDeque<ChunkRef>,
    timeline: Timeline,
    placed: VecDeque<Placed>,
    found: u64,
    newest: Moment,
    ended: bool,
    keeps_audio: bool,
    /// Unreadable pieces since this arrival.
    unreadable_since: Option<Moment>,
    unreadable: Vec<(Moment, Moment)>,
    changed: bool,
    body: Vec<u8>,
}

impl Track {
    fn new(conversation: &Conversation, place: usize, start: Moment) -> Track {
        let of_track = |chunk: &&ChunkRef| usize::from(chunk.track) == place;
        Track {
            place,
            side: conversation.tracks[place].head.side,
            chunks: conversation.chunks.iter().filter(of_track).copied().collect(),
            timeline: Timeline::new(start),
            placed: VecDeque::new(),
            found: 0,
            newest: start,
            ended: false,
            keeps_audio: true,
            unreadable_since: None,
            unreadable: Vec::new(),
            changed: false,
            body: Vec::new(),
        }
    }

    /// Reads pieces until one arrived after `horizon`, and places what can be placed.
    fn read_until(
        &mut self,
        horizon: Moment,
        conversation: &Conversation,
        source: &mut impl Source,
    ) -> io::Result<()> {
        while self.newest <= horizon {
            let Some(&chunk) = self.chunks.front() else {
                self.ended = true;
                if let Some(since) = self.unreadable_since.take() {
                    self.unreadable.push((since, conversation.end()));
                }
                break;
            };
            self.body.resize(usize::from(chunk.bytes), 0);
            let segment = conversation.segments[usize::from(chunk.segment)];
            let piece = source.read(segment, chunk.offset, &mut self.body)?;
            self.changed |= piece == Piece::Changed;
            self.chunks.pop_front();
            let number = conversation.tracks[self.place].head.track;
            let body = std::mem::take(&mut self.body);
            match Audio::read(&body).filter(|audio| audio.track == number && piece == Piece::There)
            {
                Some(audio) => self.take(audio),
                None => {
                    self.unreadable_since.get_or_insert(self.newest);
                }
            }
            self.body = body;
        }
        while let Some(placed) = self.timeline.pop(self.ended) {
            self.placed.push_back(placed);
        }
        Ok(())
    }

    fn take(&mut self, audio: Audio) {
        self.found += audio.samples();
        if let Some(since) = self.unreadable_since.take() {
            self.unreadable.push((since, audio.arrival));
        }
        self.newest = self.newest.max(audio.last_arrival());
        if !self.keeps_audio {
            return;
        }
        for frame in audio.frames() {
            self.timeline.push(Arrived {
                arrival: frame.arrival,
                rtp_time: frame.rtp_time,
                ssrc: audio.ssrc,
                codec: audio.codec,
                payload: frame.payload.to_vec(),
            });
        }
    }

    /// The parts of its frames that lie in a window: (place in the window, law, octets).
    fn pieces(&self, at: i64, count: usize) -> impl Iterator<Item = (usize, Codec, &[u8])> {
        self.placed.iter().filter_map(move |frame| {
            let bytes = frame.payload.len() as i64;
            let from = (at - frame.at).clamp(0, bytes) as usize;
            let to = (at + count as i64 - frame.at).clamp(0, bytes) as usize;
            let place = (frame.at - at).max(0) as usize;
            (from < to).then(|| (place, frame.codec, &frame.payload[from..to]))
        })
    }

    /// Forgets frames that end before a window that comes next.
    fn forget(&mut self, at: i64) {
        self.placed.retain(|frame| frame.at + frame.payload.len() as i64 > at);
    }
}

/// One second of both sides, as it stands in the file.
#[derive(Default)]
struct Window {
    law: Option<Codec>,
    octets: [Vec<u8>; 2],
    linear: [Vec<i16>; 2],
    samples: Vec<Sample>,
    track: Vec<Option<(Codec, u8)>>,
    encoded: Vec<u8>,
}

/// One sample of one side while its tracks are added.
#[derive(Clone, Copy, Default)]
struct Sample {
    voices: u8,
    octet: u8,
    sum: i32,
}

impl Sample {
    fn add(&mut self, codec: Codec, octet: u8) {
        self.voices = self.voices.saturating_add(1);
        self.octet = octet;
        self.sum += i32::from(g711::decode(codec, octet));
    }

    fn linear(self) -> i16 {
        self.sum.clamp(i32::from(i16::MIN), i32::from(i16::MAX)) as i16
    }

    fn octet(self, law: Codec) -> u8 {
        match self.voices {
            0 => g711::silence(law),
            1 => self.octet,
            _ => g711::encode(law, self.linear()),
        }
    }
}

impl Window {
    fn paint(&mut self, at: i64, count: usize, tracks: &[Track]) -> &[u8] {
        for (place, side) in [Side::Customer, Side::Other].into_iter().enumerate() {
            let speaks =
                |track: &&Track| track.side == side && track.pieces(at, count).next().is_some();
            let speaking: Vec<&Track> = tracks.iter().filter(speaks).collect();
            match (self.law, &speaking[..]) {
                // Nearly always one party a side speaks the file's law: its octets are copied.
                (Some(law), [] | [_]) => {
                    let octets = &mut self.octets[place];
                    octets.clear();
                    octets.resize(count, g711::silence(law));
                    for (at, _, piece) in speaking.iter().flat_map(|one| one.pieces(at, count)) {
                        octets[at..at + piece.len()].copy_from_slice(piece);
                    }
                }
                (law, _) => {
                    self.mix(at, count, &speaking);
                    let samples = self.samples.iter();
                    let (octets, linear) = (&mut self.octets[place], &mut self.linear[place]);
                    octets.clear();
                    linear.clear();
                    match law {
                        Some(law) => octets.extend(samples.map(|sample| sample.octet(law))),
                        None => linear.extend(samples.map(|sample| sample.linear())),
                    }
                }
            }
        }
        self.interleave();
        &self.encoded
    }

    /// Adds the tracks of one side; where frames of one track overlap, the later one counts.
    fn mix(&mut self, at: i64, count: usize, speaking: &[&Track]) {
        self.samples.clear();
        self.samples.resize(count, Sample::default());
        for one in speaking {
            self.track.clear();
            self.track.resize(count, None);
            for (at, codec, piece) in one.pieces(at, count) {
                let places = &mut self.track[at..at + piece.len()];
                places.iter_mut().zip(piece).for_each(|(to, &octet)| *to = Some((codec, octet)));
            }
            for (sample, said) in self.samples.iter_mut().zip(&self.track) {
                if let Some((codec, octet)) = *said {
                    sample.add(codec, octet);
                }
            }
        }
    }

    fn interleave(&mut self) {
        self.encoded.clear();
        match self.law {
            Some(_) => {
                let [left, right] = &self.octets;
                let (left_fours, left_rest) = left.as_chunks::<4>();
                let (right_fours, right_rest) = right.as_chunks::<4>();
                for (&left, &right) in left_fours.iter().zip(right_fours) {
                    let pairs =
                        spread(u32::from_le_bytes(left)) | spread(u32::from_le_bytes(right)) << 8;
                    self.encoded.extend_from_slice(&pairs.to_le_bytes());
                }
                for (&left, &right) in left_rest.iter().zip(right_rest) {
                    self.encoded.extend_from_slice(&[left, right]);
                }
            }
            None => {
                let [left, right] = &self.linear;
                for (left, right) in left.iter().zip(right) {
                    self.encoded.extend_from_slice(&left.to_le_bytes());
                    self.encoded.extend_from_slice(&right.to_le_bytes());
                }
            }
        }
    }
}

/// Four octets with a zero octet after each: two sides are woven eight octets at a time.
fn spread(octets: u32) -> u64 {
    let wide = u64::from(octets);
    let wide = (wide | wide << 16) & 0x0000_FFFF_0000_FFFF;
    (wide | wide << 8) & 0x00FF_00FF_00FF_00FF
}

fn sum_up(conversation: &Conversation, tracks: &[Track], start: Moment, samples: u64) -> Rendered {
    let (mut expected, mut missing, mut gaps) = (0, 0, Vec::new());
    for track in tracks {
        let state = &conversation.tracks[track.place];
        let wanted = state.expected();
        let absent = wanted.saturating_sub(track.found);
        expected += wanted.div_ceil(FRAME_SAMPLES);
        missing += absent.div_ceil(FRAME_SAMPLES);
        if absent == 0 {
            continue;
        }
        let lost = state.lost.iter().map(|lost| (lost.from, lost.to));
        let holes = conversation.holes.iter().copied();
        let spans = lost.chain(track.unreadable.iter().copied()).chain(holes);
        let ms = |moment: Moment| samples_between(start, moment).max(0) / 8;
        let mut of_track: Vec<(i64, i64)> =
            spans.map(|(from, to)| ((ms(from) - 20).max(0), ms(to))).collect();
        of_track.sort_unstable();
        for (from, to) in of_track {
            let room = gaps.len() < GAPS_MAX;
            match gaps.last_mut() {
                Some((leg, _, end)) if *leg == state.head.leg && from <= *end + GAP_JOIN_MS => {
                    *end = to.max(*end);
                }
                _ if room => gaps.push((state.head.leg, from, to)),
                _ => {}
            }
        }
    }
    let changed = conversation.changed || tracks.iter().any(|track| track.changed);
    Rendered { samples, frames_expected: expected, frames_missing: missing, gaps, changed }
}
