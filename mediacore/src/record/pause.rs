//! Pause: while somebody reads out a card number, nothing that is said is kept. Promise: no frame
//! that was spoken between pause and resume reaches a block; the file is silent there, to the
//! sample, and as long as ever; a pause is not a gap. When a frame was spoken is judged by its
//! arrival here.
//!
//! The marks stand in the log beside the audio and are declared again each second, so a repair
//! after a crash knows them.

use super::block::{Marked, samples_of};
use super::timeline::samples_between;
use super::{Recorder, Recording, Track};
use crate::codec::g729_payload;
use terms::media::{Codec, MarkKind};
use terms::{Moment, RecordingId, TenantId, UserId};

/// Marks of one recording. Beyond them it stays paused: then too little is kept, not too much.
pub const MARKS_MAX: usize = 1_000;

/// Nanoseconds of a sample at 8 kHz.
const SAMPLE_NS: u64 = 125_000;

/// Whether a track is kept.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Hearing {
    pub paused: bool,
    /// What was spoken before is not kept either.
    resumed: Option<Moment>,
}

impl Hearing {
    /// Whether a payload that arrives now was spoken outside every pause.
    pub fn keeps(self, now: Moment, codec: Codec, payload: &[u8]) -> bool {
        if self.paused {
            return false;
        }
        let Some(resumed) = self.resumed else { return true };
        // A packet leaves when its last sample is spoken.
        let samples = samples_of(codec, payload) + samples_before(codec, payload);
        now.0 >= resumed.0.saturating_add(samples * SAMPLE_NS)
    }

    fn mark(&mut self, at: Moment, kind: MarkKind) {
        match kind {
            MarkKind::Paused => self.paused = true,
            MarkKind::Resumed => *self = Hearing { paused: false, resumed: Some(at) },
            // There was no sound to keep.
            MarkKind::FaxStarted | MarkKind::FaxEnded => {}
        }
    }
}

/// How much longer ago, in samples of 8 kHz, a packet may have been spoken than it lasts.
fn samples_before(codec: Codec, payload: &[u8]) -> u64 {
    match codec {
        // It may repeat the packet before it (RFC 6716 §2.1.7).
        Codec::Opus => samples_of(codec, payload),
        Codec::G729 => g729_payload::LOOK_AHEAD,
        Codec::Pcma | Codec::Pcmu | Codec::G722 | Codec::L16 | Codec::L16Narrow => 0,
    }
}

impl Recorder {
    /// Keeps nothing of what is said from now on. A recording that is paused stays so.
    pub fn pause(&mut self, now: Moment, recording: RecordingId, by: UserId) {
        self.mark(now, recording, MarkKind::Paused, by);
    }

    /// Keeps what is said again. One that is not paused stays so.
    pub fn resume(&mut self, now: Moment, recording: RecordingId, by: UserId) {
        self.mark(now, recording, MarkKind::Resumed, by);
    }

    fn mark(&mut self, now: Moment, recording: RecordingId, kind: MarkKind, by: UserId) {
        let Some(running) = self.recordings.get_mut(&recording) else { return };
        if running.hearing.paused == (kind == MarkKind::Paused) {
            return;
        }
        if kind == MarkKind::Resumed && running.marks.len() >= MARKS_MAX {
            tracing::warn!(recording = recording.0, "it stays paused: {MARKS_MAX} marks are kept");
            return;
        }
        running.hearing.mark(now, kind);
        let marked = Marked { recording, at: now, kind, by };
        running.marks.push(marked);
        let (tenant, hearing, slots) =
            (running.head.tenant, running.hearing, running.tracks.clone());
        for slot in slots {
            // What was said so far stands in the log before the mark.
            self.flush(now, slot);
            if let Some(Track { hearing: of_track, .. }) = &mut self.tracks[slot as usize] {
                *of_track = hearing;
            }
        }
        self.block(now, Marked::BYTES).mark(tenant, &marked);
    }

    /// Says all marks of a recording again.
    pub(super) fn declare_marks(&mut self, now: Moment, tenant: TenantId, marks: &[Marked]) {
        for marked in marks {
            self.block(now, Marked::BYTES).mark(tenant, marked);
        }
    }
}

impl Recording {
    /// Whether a party that joins now is kept.
    pub(super) fn hearing(&self) -> Hearing {
        self.hearing
    }
}

/// The pauses between two moments, in order. `marks` may come in any order, as from a log; a pause
/// without an end lasts to `end`.
pub fn pauses(marks: &[Marked], start: Moment, end: Moment) -> Vec<(Moment, Moment)> {
    let mut marks = marks.to_vec();
    marks.sort_by_key(|marked| marked.at);
    let (mut pauses, mut since) = (Vec::new(), None);
    for marked in marks {
        match marked.kind {
            MarkKind::Paused => _ = since.get_or_insert(marked.at),
            MarkKind::Resumed => pauses.extend(since.take().map(|from| (from, marked.at))),
            MarkKind::FaxStarted | MarkKind::FaxEnded => {}
        }
    }
    pauses.extend(since.map(|from| (from, end)));
    pauses
        .into_iter()
        .map(|(from, to)| (from.clamp(start, end.max(start)), to.clamp(start, end.max(start))))
        .filter(|(from, to)| from < to)
        .collect()
}

/// Samples of a file that lie in a pause: the first that may not be heard, and the first that may
/// again. Whoever begins or ends inside a sample silences the whole of it.
pub fn silent(start: Moment, rate_hz: u32, (from, to): (Moment, Moment)) -> (u64, u64) {
    let times = i64::from(rate_hz / super::timeline::RATE_HZ);
    let before = samples_between(start, from) * times;
    let after = (samples_between(start, Moment(to.0 + SAMPLE_NS - 1))) * times;
    (before.max(0) as u64, after.max(0) as u64)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn marked(ms: u64, kind: MarkKind) -> Marked {
        Marked { recording: RecordingId(1), at: Moment::from_millis(ms), kind, by: UserId(9) }
    }

    #[test]
    fn marks_in_any_order_make_the_same_pauses() {
        use MarkKind::{Paused, Resumed};
        let at = Moment::from_millis;
        let marks = [marked(500, Paused), marked(300, Resumed), marked(200, Paused)];
        let both = vec![(at(200), at(300)), (at(500), at(900))];
        assert_eq!(pauses(&marks, at(100), at(900)), both);
        assert_eq!(pauses(&marks, at(250), at(290)), [(at(250), at(290))], "cut to the file");
        assert_eq!(pauses(&[], at(0), at(900)), []);
    }

    #[test]
    fn a_sample_that_is_partly_paused_is_silent() {
        let at = |us: u64| Moment(us * 1_000);
        assert_eq!(silent(at(0), 8_000, (at(1_000), at(2_000))), (8, 16));
        assert_eq!(silent(at(0), 8_000, (at(1_060), at(2_010))), (8, 17));
        assert_eq!(silent(at(0), 16_000, (at(1_060), at(2_010))), (16, 34));
    }

    #[test]
    fn what_was_spoken_before_the_resume_is_not_kept() {
        let mut hearing = Hearing::default();
        let keeps = |hearing: Hearing, ms, codec| {
            hearing.keeps(Moment::from_millis(ms), codec, &[0x55; 160])
        };
        assert!(keeps(hearing, 0, Codec::Pcma), "never paused");
        hearing.mark(Moment::from_millis(100), MarkKind::Paused);
        assert!(!keeps(hearing, 500, Codec::Pcma));
        hearing.mark(Moment::from_millis(1_000), MarkKind::Resumed);
        assert!(!keeps(hearing, 1_019, Codec::Pcma), "it began during the pause");
        assert!(keeps(hearing, 1_020, Codec::Pcma));
        // 20 ms of G.729, whose encoder looks 5 ms ahead.
        let keeps = |ms| hearing.keeps(Moment::from_millis(ms), Codec::G729, &[0x55; 20]);
        assert!(!keeps(1_024) && keeps(1_025));
    }
}
