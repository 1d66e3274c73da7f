//! Marks of a fax: while it goes over as T.38 no audio comes, so nothing is kept, and the ledger says
//! why the file is silent there. The time is no pause and no gap.

use super::Recorder;
use super::block::Marked;
use super::pause::MARKS_MAX;
use terms::media::MarkKind;
use terms::{Moment, RecordingId, UserId};

impl Recorder {
    /// A fax begins or ends. Of both parties the first says so. Half of the marks are left to
    /// pauses: a peer that goes to and fro must not keep one from ending.
    pub fn mark_fax(&mut self, now: Moment, recording: RecordingId, on: bool) {
        let Some(running) = self.recordings.get_mut(&recording) else { return };
        let of_fax = |kind| matches!(kind, MarkKind::FaxStarted | MarkKind::FaxEnded);
        let last = running.marks.iter().rev().map(|marked| marked.kind).find(|&kind| of_fax(kind));
        let is_on = last == Some(MarkKind::FaxStarted);
        if is_on == on || (on && running.marks.len() >= MARKS_MAX / 2) {
            return;
        }
        let kind = if on { MarkKind::FaxStarted } else { MarkKind::FaxEnded };
        let marked = Marked { recording, at: now, kind, by: UserId(0) };
        running.marks.push(marked);
        let tenant = running.head.tenant;
        self.block(now, Marked::BYTES).mark(tenant, &marked);
    }
}
