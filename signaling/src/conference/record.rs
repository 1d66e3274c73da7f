//! The recording of a meeting: it runs while the meeting is open and somebody is in it who is
//! recorded. Customers are on the left, all others on the right. A long meeting is recorded in
//! parts, like any conversation; each belongs to the call of who has been there longest.

use super::{Conference, Stand};
use crate::switch::{Cx, RecordingOf};
use std::time::Duration;
use terms::event::Kind;
use terms::media::{Command, Ledger, RecordStart, RecordTerms, Side, Source};
use terms::{CallId, LegId, Moment, RecordingId};

/// Length of the soft beep that says that it is recorded.
const BEEP_MS: u32 = 200;

/// One part that runs.
#[derive(Clone, Debug)]
struct Part {
    id: RecordingId,
    parties: Vec<(LegId, Side)>,
    until: Moment,
}

/// What is recorded of a meeting.
#[derive(Clone, Debug, Default)]
pub(super) struct Recording {
    part: Option<Part>,
    /// As the rule says of who came first and is recorded: forms, least and longest length.
    terms: Option<RecordTerms>,
    beep_every: Option<Duration>,
    beep_at: Option<Moment>,
    /// When its first part began.
    since: Option<Moment>,
    /// It was as long as its rule allows.
    done: bool,
    /// The row that says why there is none is written.
    refused: bool,
}

impl Recording {
    /// Somebody comes who is recorded on these terms; the first of them decides for all.
    pub fn agree(&mut self, terms: RecordTerms, beep_every_s: Option<u32>) {
        if self.terms.is_none() {
            self.terms = Some(terms);
            self.beep_every = beep_every_s.map(|s| Duration::from_secs(u64::from(s.max(1))));
        }
    }

    pub fn next_timeout(&self) -> Option<Moment> {
        self.part.as_ref().map(|part| part.until).into_iter().chain(self.beep_at).min()
    }

    pub fn runs(&self) -> bool {
        self.part.is_some()
    }

    /// The longest length of all parts together.
    fn end(&self) -> Option<Moment> {
        let max = self.terms.as_ref().filter(|terms| terms.max_ms > 0)?.max_ms;
        Some(self.since? + Duration::from_millis(max.into()))
    }
}

impl Conference {
    /// Records who is inside, after any change.
    pub(super) fn record(&mut self, cx: &mut Cx) {
        let inside = self.members.iter().filter(|member| member.stand == Stand::Inside);
        let recorded = inside.filter_map(|member| Some((member.call, member.leg, member.side?)));
        let recorded: Vec<(CallId, LegId, Side)> = recorded.collect();
        match (&self.recording.part, recorded.first()) {
            (Some(_), None) => self.stop_recording(cx),
            (Some(_), Some(_)) => self.follow(cx, &recorded),
            (None, Some(&(call, ..))) if !self.recording.done => {
                let parties = recorded.iter().map(|&(_, leg, side)| (leg, side)).collect();
                self.recording.since = Some(cx.now.moment);
                self.start_part(cx, call, parties);
                self.arm_beep(cx);
            }
            (None, None) if self.open && self.recording.since.is_none() => {
                self.refuse_recording(cx)
            }
            (None, _) => {}
        }
    }

    fn follow(&mut self, cx: &mut Cx, recorded: &[(CallId, LegId, Side)]) {
        let Some(Part { id, parties, .. }) = &mut self.recording.part else { return };
        let recording = *id;
        parties.retain(|&(leg, _)| {
            let stays = recorded.iter().any(|&(_, other, _)| other == leg);
            if !stays {
                cx.media(Command::RecordLeave { recording, leg });
            }
            stays
        });
        for &(_, leg, side) in recorded {
            if parties.iter().all(|&(other, _)| other != leg) {
                parties.push((leg, side));
                cx.media(Command::RecordJoin { recording, leg, side });
            }
        }
    }

    fn start_part(&mut self, cx: &mut Cx, call: CallId, parties: Vec<(LegId, Side)>) {
        let (now, end) = (cx.now.moment, self.recording.end());
        let recording = RecordingId(cx.id());
        let agents = self.members.iter().filter(|member| member.side.is_some());
        let agent = agents.filter_map(|member| member.agent).next();
        cx.world
            .expect_recording(recording, RecordingOf { tenant: self.tenant, agent, queue: None });
        let mut terms = self.recording.terms.unwrap_or_default();
        if let Some(end) = end {
            terms.max_ms = u32::try_from((end - now).as_millis()).unwrap_or(u32::MAX);
        }
        if self.recording.since != Some(now) {
            // What was long enough once is not dropped.
            terms.min_ms = 0;
        }
        let part_end = now + cx.world.config.recording_part_max;
        let until = end.map_or(part_end, |end| end.min(part_end));
        self.recording.part = Some(Part { id: recording, parties: parties.clone(), until });
        self.log_kind(cx, Some((call, None)), Kind::RecordingStarted { recording, by: None });
        cx.media(Command::RecordStart(RecordStart {
            recording,
            tenant: self.tenant,
            contact: self.contact,
            call,
            started_at: cx.now.wall,
            parties,
            terms,
        }));
    }

    fn stop_recording(&mut self, cx: &mut Cx) {
        self.recording.beep_at = None;
        if let Some(part) = self.recording.part.take() {
            cx.media(Command::RecordStop { recording: part.id });
        }
    }

    /// A meeting that is not recorded has its row in the ledger all the same.
    fn refuse_recording(&mut self, cx: &mut Cx) {
        let Some((call, leg)) = self.members.first().map(|first| (first.call, first.leg)) else {
            return;
        };
        if std::mem::replace(&mut self.recording.refused, true) {
            return;
        }
        let recording = RecordingId(cx.id());
        let whose = (self.tenant, self.contact, call);
        let why = "nobody in this conference is recorded";
        let ledger = Ledger::refused(whose, recording, cx.now.wall, why);
        let kind = Kind::Recorded { ledger, agent: None, queue: None };
        self.log_kind(cx, Some((call, Some(leg))), kind);
    }

    fn arm_beep(&mut self, cx: &Cx) {
        let every = self.recording.beep_every.filter(|_| self.recording.runs());
        self.recording.beep_at = every.map(|every| cx.now.moment + every);
    }

    /// A part is long enough, or it is time for a beep.
    pub(super) fn recording_timeout(&mut self, cx: &mut Cx) {
        let now = cx.now.moment;
        if self.recording.beep_at.is_some_and(|at| at <= now) {
            self.announce(cx, Source::Reminder { ms: BEEP_MS });
            self.arm_beep(cx);
        }
        let Some(part) = self.recording.part.take_if(|part| part.until <= now) else { return };
        cx.media(Command::RecordStop { recording: part.id });
        if self.recording.end().is_some_and(|end| end <= now) {
            self.recording.done = true;
            self.recording.beep_at = None;
            return;
        }
        let is_first =
            |member: &&super::Member| member.stand == Stand::Inside && member.side.is_some();
        if let Some(call) = self.members.iter().find(is_first).map(|member| member.call) {
            self.start_part(cx, call, part.parties);
        }
    }
}
