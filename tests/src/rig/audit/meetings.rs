//! Meetings, by the log: whoever came has left, nobody is in two, a meeting that everybody has left is
//! over, its members' rows name it, and what is recorded of it is as long as somebody was heard there.

use super::{FRAME_MS, KILL_MS_MAX};
use crate::rig::World;
use crate::rig::plan::ROOM;
use std::collections::{BTreeMap, BTreeSet};
use terms::event::{Entry, InConference, Kind};
use terms::record::Row;
use terms::{CallId, ConferenceId, ContactId, MeetingId, Timestamp};

/// A meeting as the log tells it.
#[derive(Debug)]
struct Held {
    room: ConferenceId,
    contact: Option<ContactId>,
    /// Who is there, and whether they are muted.
    members: BTreeMap<CallId, bool>,
    /// Everybody who ever was.
    came: BTreeSet<CallId>,
    /// Since when it is recorded: two are there, and one of them was heard.
    since: Option<Timestamp>,
    recorded_ms: i64,
    parts: i64,
    kills: i64,
}

impl Held {
    fn new(room: ConferenceId, contact: Option<ContactId>) -> Self {
        Held {
            room,
            contact,
            members: BTreeMap::new(),
            came: BTreeSet::new(),
            since: None,
            recorded_ms: 0,
            parts: 0,
            kills: 0,
        }
    }

    fn is_over(&self) -> bool {
        self.members.is_empty() && !self.came.is_empty()
    }

    /// Whether an entry fits what was before it.
    fn note(&mut self, entry: &Entry, what: &InConference) -> bool {
        let fits = match (entry.call, what) {
            _ if self.is_over() => false,
            (Some(call), InConference::Joined { muted, .. }) => {
                self.came.insert(call) && self.members.insert(call, *muted).is_none()
            }
            (Some(call), InConference::Left { .. }) => self.members.remove(&call).is_some(),
            (Some(call), InConference::Muted { muted, .. }) => {
                self.members.insert(call, *muted) == Some(!*muted)
            }
            (_, InConference::Locked { .. } | InConference::Invited { .. }) => true,
            (None, _) => false,
        };
        self.turn(entry.at);
        fits
    }

    /// The process was killed: one part of the recording ends there, and another follows.
    fn is_killed(&mut self, at: Timestamp) {
        if let Some(since) = self.since.take() {
            self.recorded_ms += at.millis_since(since);
            self.kills += 1;
            self.turn(at);
        }
    }

    fn turn(&mut self, at: Timestamp) {
        let open = self.members.len() >= 2;
        let heard = self.members.values().any(|&muted| !muted);
        match self.since {
            None if open && heard => {
                self.since = Some(at);
                self.parts += 1;
            }
            Some(since) if !open => {
                self.recorded_ms += at.millis_since(since);
                self.since = None;
            }
            None | Some(_) => {}
        }
    }
}

impl World {
    pub(super) fn meetings_balance(&self, wrong: &mut Vec<String>) {
        let meetings = self.meetings_held(wrong);
        for (id, meeting) in &meetings {
            if !meeting.members.is_empty() {
                wrong.push(format!("meeting {id}: {:?} never left", meeting.members));
            }
            if !meeting.came.is_empty() {
                self.members_have_their_meeting(*id, meeting, wrong);
                self.meeting_is_in_the_ledger(*id, meeting, wrong);
            }
        }
        for row in &self.center.rows {
            if let Row::Call(call) = row
                && let Some(id) = call.meeting_id
                && !meetings.get(&id).is_some_and(|meeting| meeting.came.contains(&call.call_id))
            {
                wrong
                    .push(format!("call {} has meeting {id}, which it never was in", call.call_id));
            }
        }
    }

    /// What the log tells, entry by entry.
    fn meetings_held(&self, wrong: &mut Vec<String>) -> BTreeMap<MeetingId, Held> {
        let mut meetings: BTreeMap<MeetingId, Held> = BTreeMap::new();
        let mut inside: BTreeMap<CallId, MeetingId> = BTreeMap::new();
        for entry in &self.center.entries {
            match &entry.kind {
                Kind::Started { .. } => {
                    meetings.values_mut().for_each(|meeting| meeting.is_killed(entry.at));
                }
                Kind::Conference { of, what } => {
                    let room = of.conference;
                    let fresh = || Held::new(room, entry.contact);
                    let meeting = meetings.entry(of.meeting).or_insert_with(fresh);
                    let same = meeting.room == room && meeting.contact == entry.contact;
                    let once = match (entry.call, what) {
                        (Some(call), InConference::Joined { .. }) => {
                            inside.insert(call, of.meeting).is_none()
                        }
                        (Some(call), InConference::Left { .. }) => {
                            inside.remove(&call) == Some(of.meeting)
                        }
                        _ => true,
                    };
                    if !(meeting.note(entry, what) && same && once) {
                        wrong.push(format!("{:?} does not fit: {:?}", entry.at, entry.kind));
                    }
                }
                Kind::CallEnded { .. } if entry.call.is_some_and(|c| inside.contains_key(&c)) => {
                    wrong.push(format!("{:?} ended inside a meeting", entry.call));
                }
                _ => {}
            }
        }
        meetings
    }

    fn members_have_their_meeting(&self, id: MeetingId, meeting: &Held, wrong: &mut Vec<String>) {
        let wanted = (Some(meeting.room), Some(id));
        let has = |row: &&Row| match row {
            Row::Call(call) => (call.conference_id, call.meeting_id) == wanted,
            _ => false,
        };
        let rows = self.center.rows.iter().filter(has).count();
        let came = meeting.came.len();
        if rows != came {
            wrong.push(format!("meeting {id}: {came} came, {rows} rows of calls say so"));
        }
    }

    /// Where it is not recorded it has one row, which says so; else its parts are as long together as
    /// somebody was heard.
    fn meeting_is_in_the_ledger(&self, id: MeetingId, meeting: &Held, wrong: &mut Vec<String>) {
        let mut rows = 0;
        let (mut length, mut refused, mut parts) = (0, 0, 0);
        for row in &self.center.rows {
            let Row::Recording(row) = row else { continue };
            // Whose recording had ended before a kill is not remembered, but its contact is.
            if Some(row.contact_id) != meeting.contact {
                continue;
            }
            rows += 1;
            if row.state == "refused" {
                refused += 1;
            } else {
                parts += 1;
                length += i64::from(row.duration_ms);
            }
        }
        let Held { recorded_ms, parts: expected, kills, room, .. } = *meeting;
        let is_recorded = room == ROOM && expected > 0;
        let killed = !self.center.kills.is_empty();
        let fits = if is_recorded {
            // Of a part that had just begun at a kill nothing may be durable.
            let all = refused == 0 && (parts == expected || (killed && parts < expected));
            let (least, most) = (recorded_ms - KILL_MS_MAX * kills, recorded_ms);
            let lost = if killed { KILL_MS_MAX } else { 0 };
            let slack = FRAME_MS * expected;
            all && (least - slack - lost..=most + slack).contains(&length)
        } else {
            (rows, refused) == (1, 1)
        };
        if !fits {
            wrong.push(format!(
                "meeting {id}: {length} ms in {parts} parts and {refused} refused of {rows} rows; {meeting:?}"
            ));
        }
    }
}
