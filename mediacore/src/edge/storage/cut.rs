//! What the end of the process cut: where the file of a recording ends that never stopped, and who
//! was on it. The row of the part that goes on after it says from that how many frames lie between.
//! Promise: they are told with one part, once, and counted in neither.

use crate::record::index::Conversation;
use crate::record::render;
use serde::{Deserialize, Serialize};
use std::time::Duration;
use terms::media::{Before, MarkKind};
use terms::{LegId, Moment, RecordingId};

const FRAME: Duration = Duration::from_millis(20);

/// One recording that was cut.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Cut {
    /// The recording.
    pub(super) recording: RecordingId,
    /// Where its file ends.
    at: Moment,
    /// Who stood on it then.
    legs: Vec<LegId>,
}

impl Cut {
    /// `None` where it stopped, and where nothing of it was kept at its end: it was paused, a fax
    /// went over, or it had reached the longest length of its rule.
    pub(super) fn of(conversation: &Conversation) -> Option<Cut> {
        let kept = !is_silent(conversation) && !render::is_cut(conversation);
        if conversation.stopped.is_some() || !kept {
            return None;
        }
        let standing = conversation.tracks.iter().filter(|track| track.head.left.is_none());
        let legs = standing.map(|track| track.head.leg).collect();
        Some(Cut { recording: conversation.recording, at: conversation.end(), legs })
    }

    /// What lies between it and `next`, of those who are on both.
    pub(super) fn before(&self, next: &Conversation) -> Option<Before> {
        let between = next.head?.start.since(self.at);
        let frames = (between.as_nanos() / FRAME.as_nanos()) as u64;
        let is_on = |leg: &LegId| next.tracks.iter().any(|track| track.head.leg == *leg);
        let both = self.legs.iter().copied().filter(is_on);
        let frames: Vec<(LegId, u64)> =
            both.map(|leg| (leg, frames)).filter(|&(_, frames)| frames > 0).collect();
        (!frames.is_empty()).then_some(Before { recording: self.recording, frames })
    }
}

/// Which part that was cut it goes on after.
pub(super) fn continues(conversation: &Conversation) -> Option<RecordingId> {
    conversation.head?.terms.continues
}

/// Whether it ends in a pause or in a fax.
fn is_silent(conversation: &Conversation) -> bool {
    let last_of = |kinds: [MarkKind; 2]| {
        let marks = conversation.marks.iter().filter(|mark| kinds.contains(&mark.kind));
        marks.max_by_key(|mark| mark.at).map(|mark| mark.kind)
    };
    last_of([MarkKind::Paused, MarkKind::Resumed]) == Some(MarkKind::Paused)
        || last_of([MarkKind::FaxStarted, MarkKind::FaxEnded]) == Some(MarkKind::FaxStarted)
}
