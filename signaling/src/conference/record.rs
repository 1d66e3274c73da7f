//! The recording of a meeting: it runs while the meeting is open and somebody is in it who is
//! recorded. On it stands who all hear: what somebody says while they are muted is for nobody.
//! Customers are on the left, all others on the right. A long meeting is recorded in parts, like any
//! conversation; each belongs to the call of who has been there longest.

use super::{Conference, Member, Stand};
use crate::switch::{Cx, RecordingOf};
use serde::{Deserialize, Serialize};
use std::time::Duration;
use terms::event::Kind;
use terms::media::{Command, Ledger, RecordStart, RecordTerms, Side, Source};
use terms::{CallId, LegId, Moment, RecordingId, Timestamp};

/// Length of the soft beep that says that it is recorded.
const BEEP_MS: u32 = 200;
/// Times that people come onto one part: who goes on muting and unmuting begins another.
const PART_JOINS_MAX: u32 = 1_000;

/// One part that runs.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Part {
    id: RecordingId,
    parties: Vec<(LegId, Side)>,
    joins: u32,
    until: Moment,
}

/// What is recorded of a meeting.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(super) struct Recording {
    part: Option<Part>,
    /// The part that the end of the process cut, until the next one begins.
    torn: Option<RecordingId>,
    /// As the rule says of who came first and is recorded: forms, least and longest length.
    terms: Option<RecordTerms>,
    beep_every: Option<Duration>,
    beep_at: Option<Moment>,
    /// When its first part began.
    since: Option<Moment>,
    /// It was as long as its rule allows.
    done: bool,
    /// Its last part ended with the process, or while nobody was heard: the next one goes on from
    /// there.
    goes_on: bool,
    /// The row that says why there is none is written.
    refused: bool,
    /// Members heard each other, or could have.
    opened: bool,
    /// Whose row that is: who was there first, of those who met somebody.
    whose: Option<(CallId, LegId)>,
}

impl Recording {
    /// Somebody comes who is recorded on these terms; the first of them decides for all.
    pub fn agree(&mut self, terms: RecordTerms, beep_every_s: Option<u32>) {
        if self.terms.is_none() {
            self.terms = Some(terms);
            self.beep_every = beep_every_s.map(|s| Duration::from_secs(u64::from(s.max(1))));
        }
    }

    /// Somebody comes.
    pub fn meet(&mut self, call: CallId, leg: LegId) {
        self.whose.get_or_insert((call, leg));
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
        if self.open && !std::mem::replace(&mut self.recording.opened, true) {
            self.recording.whose = self.members.first().map(|first| (first.call, first.leg));
        }
        let inside = |member: &Member| member.stand == Stand::Inside && member.side.is_some();
        let any = self.members.iter().any(inside);
        let recorded = self.recorded();
        match (&self.recording.part, recorded.first()) {
            (_, None) if self.recording.since.is_some() && !any => self.stop_recording(cx),
            (Some(_), _) => self.follow(cx, &recorded),
            (None, Some(&(call, ..))) if !self.recording.done => {
                let parties = recorded.iter().map(|&(_, leg, side)| (leg, side)).collect();
                if !std::mem::take(&mut self.recording.goes_on) {
                    self.recording.since = Some(cx.now.moment);
                }
                self.start_part(cx, call, parties);
                if self.recording.beep_at.is_none() {
                    self.arm_beep(cx);
                }
            }
            (None, None) if self.open && !any && self.recording.since.is_none() => {
                let at = cx.now.wall;
                self.refuse_recording(cx, at, "nobody in this conference is recorded");
            }
            (None, _) => {}
        }
    }

    /// Who is on the recording now, in the order they came.
    fn recorded(&self) -> Vec<(CallId, LegId, Side)> {
        let inside = |member: &&Member| member.stand == Stand::Inside && member.is_heard();
        let heard = self.members.iter().filter(inside);
        heard.filter_map(|member| Some((member.call, member.leg, member.side?))).collect()
    }

    fn follow(&mut self, cx: &mut Cx, recorded: &[(CallId, LegId, Side)]) {
        let Some(Part { id, parties, joins, until }) = &mut self.recording.part else { return };
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
                *joins += 1;
                cx.media(Command::RecordJoin { recording, leg, side });
            }
        }
        if *joins >= PART_JOINS_MAX {
            *until = cx.now.moment;
        }
    }

    fn start_part(&mut self, cx: &mut Cx, call: CallId, parties: Vec<(LegId, Side)>) {
        let (now, end) = (cx.now.moment, self.recording.end());
        let recording = RecordingId(cx.id());
        self.expect_ledger(cx, recording);
        let mut terms = self.recording.terms.unwrap_or_default();
        terms.continues = self.recording.torn.take();
        if let Some(end) = end {
            terms.max_ms = u32::try_from((end - now).as_millis()).unwrap_or(u32::MAX);
        }
        if self.recording.since != Some(now) {
            // What was long enough once is not dropped.
            terms.min_ms = 0;
        }
        let part_end = now + cx.world.config.recording_part_max;
        let until = end.map_or(part_end, |end| end.min(part_end));
        self.recording.part =
            Some(Part { id: recording, parties: parties.clone(), joins: 0, until });
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

    /// Whose the row of a part will be.
    fn expect_ledger(&self, cx: &mut Cx, recording: RecordingId) {
        let recorded = self.members.iter().filter(|member| member.side.is_some());
        let agent = recorded.filter_map(|member| member.agent).next();
        let (tenant, meeting) = (self.tenant, Some(self.of.meeting));
        let of = RecordingOf { tenant, agent, queue: None, meeting, message: false };
        cx.world.expect_recording(recording, of);
    }

    /// Media has ended the part with the process, and knows nothing of it any more.
    pub(super) fn tear_recording(&mut self, cx: &mut Cx) {
        let Some(part) = self.recording.part.take() else { return };
        self.expect_ledger(cx, part.id);
        self.recording.torn = Some(part.id);
        self.recording.goes_on = true;
        self.recording.beep_at = None;
        self.recording.done = self.recording.end().is_some_and(|end| end <= cx.now.moment);
    }

    fn stop_recording(&mut self, cx: &mut Cx) {
        self.recording.beep_at = None;
        self.recording.goes_on = false;
        if let Some(part) = self.recording.part.take() {
            cx.media(Command::RecordStop { recording: part.id });
        }
    }

    /// The meeting is over. One of which nothing was recorded, because nobody was ever heard, says so
    /// in the ledger.
    pub(super) fn close_ledger(&mut self, cx: &mut Cx) {
        if self.recording.since.is_none() {
            let why = match self.recording.opened {
                true => "nobody who is recorded was heard in this conference",
                false => "nobody else came into this conference",
            };
            self.refuse_recording(cx, self.started, why);
        }
    }

    /// A meeting that is not recorded has its row in the ledger all the same.
    fn refuse_recording(&mut self, cx: &mut Cx, at: Timestamp, why: &str) {
        let Some((call, leg)) = self.recording.whose else { return };
        if std::mem::replace(&mut self.recording.refused, true) {
            return;
        }
        let recording = RecordingId(cx.id());
        let whose = (self.tenant, self.contact, call);
        let ledger = Ledger::refused(whose, recording, at, why);
        let meeting = Some(self.of.meeting);
        let kind = Kind::Recorded { ledger, agent: None, queue: None, meeting, message: false };
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
        self.recording.goes_on = true;
        self.record(cx);
    }
}
