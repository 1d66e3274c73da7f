//! Rendering: from the tracks of one conversation to a stereo WAV, the customer left, everyone else
//! mixed right. Promise: the file is as long as the recording, from start to stop; where nobody
//! spoke, on hold, in a pause or where packets are missing it is silent; a single voice keeps its octets; the
//! memory does not grow with the length.
//!
//! The file keeps the law of its tracks when they share one, else it is PCM: at 16 kHz where a
//! wideband codec took part, else at 8 kHz. Each second of it is painted from the pieces of
//! [`voice`] that lie in it, track by track, then the tracks of a side are added.

mod voice;

use super::block::Audio;
use super::index::{ChunkRef, Conversation};
use super::pause;
use super::segment::SegmentId;
use super::timeline::{AHEAD, Arrived, RATE_HZ, Timeline, samples_between};
use crate::codec::Rate;
use crate::g711::{self, Law};
use std::collections::VecDeque;
use std::io;
use std::ops::Range;
use std::time::Duration;
use terms::media::{Mark, Side};
use terms::{LegId, Moment};
use voice::{Sound, Stretch, Voice};

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
    /// How many of them a second has.
    pub rate_hz: u32,
    /// Frames of 20 ms handed to the recorder over all tracks.
    pub frames_expected: u64,
    /// Of those, not in the log.
    pub frames_missing: u64,
    /// Gaps as (track leg, from ms, to ms).
    pub gaps: Vec<(LegId, i64, i64)>,
    /// Some of it stood there and was not what had been written.
    pub changed: bool,
    /// Silence because it was paused, in ms.
    pub paused_ms: i64,
    /// When it was paused and resumed.
    pub marks: Vec<Mark>,
}

impl Rendered {
    /// Length of the file.
    pub fn duration_ms(&self) -> i64 {
        (self.samples * 1_000 / u64::from(self.rate_hz.max(1))) as i64
    }
}

/// How long the file is, in samples of 8 kHz: the conversation, or the longest that its rule allows.
pub fn length(conversation: &Conversation) -> u64 {
    let whole = spoken(conversation);
    longest(conversation).map_or(whole, |longest| whole.min(longest))
}

/// Whether the conversation lasted as long as its rule allows, so that the file is cut there.
pub fn is_cut(conversation: &Conversation) -> bool {
    longest(conversation).is_some_and(|longest| spoken(conversation) >= longest)
}

/// Whether it ended before its rule keeps it. What a crash cut short is kept, because nobody knows
/// how long it would have been.
pub fn is_too_short(conversation: &Conversation) -> bool {
    let min_ms = conversation.head.map_or(0, |head| head.terms.min_ms);
    conversation.stopped.is_some() && length(conversation) < u64::from(min_ms) * 8
}

fn spoken(conversation: &Conversation) -> u64 {
    samples_between(start_of(conversation), conversation.end()).max(0) as u64
}

fn longest(conversation: &Conversation) -> Option<u64> {
    let max_ms = conversation.head.map_or(0, |head| head.terms.max_ms);
    (max_ms > 0).then(|| u64::from(max_ms) * 8)
}

fn start_of(conversation: &Conversation) -> Moment {
    conversation.head.map_or(conversation.end(), |head| head.start)
}

/// The pauses that lie in the file.
fn pauses(conversation: &Conversation) -> Vec<(Moment, Moment)> {
    let start = start_of(conversation);
    let end = start + Duration::from_nanos(length(conversation) * 125_000);
    pause::pauses(&conversation.marks, start, end)
}

/// Renders header and samples into `write`.
pub fn render(
    conversation: &Conversation,
    source: &mut impl Source,
    write: &mut impl FnMut(&[u8]) -> io::Result<()>,
) -> io::Result<Rendered> {
    let start = start_of(conversation);
    let format = conversation.format();
    let rate_hz = u64::from(format.rate_hz);
    let samples = length(conversation) * rate_hz / u64::from(RATE_HZ);
    write(&format.header(samples))?;
    let mut tracks: Vec<Track> = (0..conversation.tracks.len())
        .map(|place| Track::new(conversation, place, start))
        .collect();
    let silent = |pause| pause::silent(start, format.rate_hz, pause);
    let silences = pauses(conversation).into_iter().map(silent).collect();
    let mut window = Window { law: format.law(), silences, ..Window::default() };
    let mut at = 0_u64;
    while at < samples {
        // A second at a time.
        let count = rate_hz.min(samples - at) as usize;
        let horizon = start + Duration::from_micros((at + count as u64) * 1_000_000 / rate_hz);
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
    let start = start_of(conversation);
    let mut tracks: Vec<Track> = (0..conversation.tracks.len())
        .map(|place| Track::new(conversation, place, start))
        .collect();
    for track in &mut tracks {
        track.keeps_audio = false;
        track.read_until(Moment(u64::MAX), conversation, source)?;
    }
    let rate_hz = u64::from(conversation.format().rate_hz);
    let samples = length(conversation) * rate_hz / u64::from(RATE_HZ);
    Ok(sum_up(conversation, &tracks, start, samples))
}

struct Track {
    place: usize,
    side: Side,
    /// The conversation's pieces of this track.
    chunks: VecDeque<ChunkRef>,
    timeline: Timeline,
    voice: Voice,
    pieces: VecDeque<Stretch>,
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
        let format = conversation.format();
        let rate = if format.rate_hz == RATE_HZ { Rate::Narrow } else { Rate::Wide };
        Track {
            place,
            side: conversation.tracks[place].head.side,
            chunks: conversation.chunks.iter().filter(of_track).copied().collect(),
            timeline: Timeline::new(start),
            voice: Voice::new(format.law(), rate),
            pieces: VecDeque::new(),
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
            self.voice.push(placed, &mut self.pieces);
        }
        if self.ended {
            self.voice.finish(&mut self.pieces);
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

    /// The parts of its pieces that lie in a window: place in the window, piece, which part of it.
    fn pieces(
        &self,
        at: i64,
        count: usize,
    ) -> impl Iterator<Item = (usize, &Stretch, Range<usize>)> {
        self.pieces.iter().filter_map(move |piece| {
            let from = (at - piece.at).clamp(0, piece.len()) as usize;
            let to = (at + count as i64 - piece.at).clamp(0, piece.len()) as usize;
            let place = (piece.at - at).max(0) as usize;
            (from < to).then_some((place, piece, from..to))
        })
    }

    /// Forgets pieces that end before a window that comes next.
    fn forget(&mut self, at: i64) {
        self.pieces.retain(|piece| piece.at + piece.len() > at);
    }
}

/// One second of both sides, as it stands in the file.
#[derive(Default)]
struct Window {
    law: Option<Law>,
    /// Samples of the file that lie in pauses.
    silences: Vec<(u64, u64)>,
    octets: [Vec<u8>; 2],
    linear: [Vec<i16>; 2],
    samples: Vec<Sample>,
    track: Vec<Option<Said>>,
    encoded: Vec<u8>,
}

/// What one track says at one sample.
#[derive(Clone, Copy)]
struct Said {
    /// As it came, in files that keep the law.
    octet: u8,
    sample: i16,
}

/// One sample of one side while its tracks are added.
#[derive(Clone, Copy, Default)]
struct Sample {
    voices: u8,
    octet: u8,
    sum: i32,
}

impl Sample {
    fn add(&mut self, said: Said) {
        self.voices = self.voices.saturating_add(1);
        self.octet = said.octet;
        self.sum += i32::from(said.sample);
    }

    fn linear(self) -> i16 {
        self.sum.clamp(i32::from(i16::MIN), i32::from(i16::MAX)) as i16
    }

    fn octet(self, law: Law) -> u8 {
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
                    for (at, piece, part) in speaking.iter().flat_map(|one| one.pieces(at, count)) {
                        if let Sound::Octets(said) = &piece.sound {
                            octets[at..at + part.len()].copy_from_slice(&said[part]);
                        }
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
        self.keep_silent(at as u64, count);
        self.interleave();
        &self.encoded
    }

    /// A frame that was on its way when a pause began or ended may have its place in it.
    fn keep_silent(&mut self, at: u64, count: usize) {
        let end = at + count as u64;
        for &(from, to) in self.silences.iter().filter(|&&(from, to)| from < end && at < to) {
            let part = (from.max(at) - at) as usize..(to.min(end) - at) as usize;
            match self.law {
                Some(law) => self
                    .octets
                    .iter_mut()
                    .for_each(|octets| octets[part.clone()].fill(g711::silence(law))),
                None => self.linear.iter_mut().for_each(|linear| linear[part.clone()].fill(0)),
            }
        }
    }

    /// Adds the tracks of one side; where frames of one track overlap, the later one counts.
    fn mix(&mut self, at: i64, count: usize, speaking: &[&Track]) {
        self.samples.clear();
        self.samples.resize(count, Sample::default());
        for one in speaking {
            self.track.clear();
            self.track.resize(count, None);
            for (at, piece, part) in one.pieces(at, count) {
                let places = self.track[at..at + part.len()].iter_mut();
                match (&piece.sound, self.law) {
                    (Sound::Octets(octets), Some(law)) => {
                        for (to, &octet) in places.zip(&octets[part]) {
                            *to = Some(Said { octet, sample: g711::decode(law, octet) });
                        }
                    }
                    (Sound::Samples(samples), _) => {
                        for (to, &sample) in places.zip(&samples[part]) {
                            *to = Some(Said { octet: 0, sample });
                        }
                    }
                    (Sound::Octets(_), None) => {}
                }
            }
            for (sample, said) in self.samples.iter_mut().zip(&self.track) {
                if let Some(said) = *said {
                    sample.add(said);
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
    let (marks, paused_ms) = marks_of(conversation, start);
    let changed = conversation.changed || tracks.iter().any(|track| track.changed);
    let rate_hz = conversation.format().rate_hz;
    Rendered {
        samples,
        rate_hz,
        frames_expected: expected,
        frames_missing: missing,
        gaps,
        changed,
        paused_ms,
        marks,
    }
}

/// The marks on the file's timeline, and how long it was paused.
fn marks_of(conversation: &Conversation, start: Moment) -> (Vec<Mark>, i64) {
    let end_ms = (length(conversation) / 8) as i64;
    let mut marks: Vec<Mark> = conversation
        .marks
        .iter()
        .map(|marked| Mark {
            kind: marked.kind,
            at_ms: samples_between(start, marked.at) / 8,
            by: marked.by,
        })
        .filter(|mark| mark.at_ms <= end_ms)
        .collect();
    marks.sort_by_key(|mark| mark.at_ms);
    let paused = pauses(conversation).into_iter().map(|(from, to)| to.since(from));
    (marks, paused.sum::<Duration>().as_millis() as i64)
}
