//! What must balance when a world is closed: whatever began has ended, whatever was taken is given
//! back, and the same is told by the log, the rows, the media and the disk.

mod meetings;

use super::World;
use std::collections::{BTreeMap, BTreeSet};
use terms::event::{Entry, Kind, Role};
use terms::record::{Call, Row};
use terms::{CallId, LegId, QueueId, Timestamp};

/// A recording may differ from talk plus hold by one frame.
pub const FRAME_MS: i64 = 20;
/// A kill costs a recording the time until the next process is there, and what was on its way to the
/// disk: a block that was not full, and what was not synced.
const KILL_MS_MAX: i64 = 3_000;

/// Rows by table.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Totals {
    /// Of `calls`.
    pub calls: usize,
    /// Of those, answered by an agent.
    pub answered: usize,
    /// Of those, given up in a queue.
    pub abandoned: usize,
    /// Of `legs`.
    pub legs: usize,
    /// Of `quality`.
    pub heard: usize,
    /// Of `queue_visits`.
    pub visits: usize,
    /// Of `recordings`.
    pub recordings: usize,
    /// Of `surveys`.
    pub surveys: usize,
    /// Blind transfers.
    pub transfers: usize,
    /// Third parties who were asked in.
    pub guests: usize,
    /// Supervisors who came into a conversation.
    pub supervisions: usize,
    /// Of those, who took it over.
    pub take_overs: usize,
    /// Meetings.
    pub meetings: usize,
    /// Calls that came into one.
    pub members: usize,
    /// All rows.
    pub rows: usize,
}

impl World {
    /// What the rows say.
    pub fn totals(&self) -> Totals {
        let mut totals = Totals { rows: self.center.rows.len(), ..Totals::default() };
        let mut meetings = BTreeSet::new();
        for row in &self.center.rows {
            match row {
                Row::Call(call) => {
                    totals.calls += 1;
                    totals.members += usize::from(call.meeting_id.is_some());
                    meetings.extend(call.meeting_id);
                    let by_agent = call.outcome == "answered" && call.meeting_id.is_none();
                    totals.answered += usize::from(by_agent);
                    totals.abandoned += usize::from(call.outcome == "abandoned");
                    totals.transfers += call.transfers as usize;
                }
                Row::Leg(_) => totals.legs += 1,
                Row::Event(event) => {
                    totals.guests += usize::from(event.kind == "invited");
                    totals.supervisions += usize::from(event.kind == "supervision_started");
                    totals.take_overs += usize::from(event.detail.contains("taken_over"));
                }
                Row::Quality(_) => totals.heard += 1,
                Row::QueueVisit(_) => totals.visits += 1,
                Row::Recording(_) => totals.recordings += 1,
                Row::Survey(_) => totals.surveys += 1,
                _ => {}
            }
        }
        totals.meetings = meetings.len();
        totals
    }

    /// Closes the world and checks everything.
    ///
    /// # Panics
    /// When something does not balance; the message begins with the seed.
    pub fn close_and_balance(&mut self) -> Totals {
        self.close();
        let wrong = self.imbalance();
        assert!(wrong.is_empty(), "seed {}: {wrong:#?}", self.seed);
        self.totals()
    }

    /// What is wrong in a world that was closed, a sentence each.
    pub fn imbalance(&self) -> Vec<String> {
        let mut wrong = self.center.books.imbalance();
        self.machines(&mut wrong);
        self.rows_match_the_log(&mut wrong);
        self.queues_balance(&mut wrong);
        self.recordings_balance(&mut wrong);
        self.supervision_balances(&mut wrong);
        self.meetings_balance(&mut wrong);
        wrong
    }

    /// Nothing lives in any machine.
    fn machines(&self, wrong: &mut Vec<String>) {
        let center = &self.center;
        let stats = center.shard.stats();
        let (opened, ports) = (center.legs_opened(), center.books.ports_opened);
        let mut zero = |what: &str, n: u64| {
            if n > 0 {
                wrong.push(format!("{n} {what}"));
            }
        };
        zero("calls in the switch", center.switch.calls() as u64);
        zero("legs in the box's SIP core", center.user_agent.legs() as u64);
        zero("legs in media", center.shard.legs() as u64);
        zero("rooms in media", center.shard.rooms() as u64);
        zero("recordings in media", center.shard.recordings() as u64);
        zero("ports still taken", center.ports.len() as u64);
        zero("calls open in the fold", center.fold.calls_open() as u64);
        zero("entries about unknown calls", center.fold.strays());
        zero("timers of calls and queues", u64::from(center.switch.next_timeout().is_some()));
        zero("timers in media", u64::from(center.shard.next_timeout().is_some()));
        zero("media legs opened but not closed", stats.legs_opened - stats.legs_closed);
        zero("media legs without a port", opened.abs_diff(ports));
        zero("frames that the recorder lost", center.shard.recorder_stats().frames_lost);
        for phone in &self.phones {
            zero("legs in a phone's SIP core", phone.user_agent.legs() as u64);
            zero("lines of a phone", phone.lines.len() as u64);
        }
        zero("handsets off the hook", self.handsets.iter().filter(|set| set.open).count() as u64);
        wrong.extend(center.disk.left());
        wrong.extend(center.switch.audit().err());
    }

    fn count(&self, is: impl Fn(&Kind) -> bool) -> usize {
        self.center.entries.iter().filter(|entry: &&Entry| is(&entry.kind)).count()
    }

    /// Each call, leg, stay and question of the log is one row.
    fn rows_match_the_log(&self, wrong: &mut Vec<String>) {
        let totals = self.totals();
        let began = |is: fn(&Kind) -> bool| self.count(is);
        let opened = self.center.legs_opened() as usize;
        let pairs = [
            ("calls", totals.calls, began(|kind| matches!(kind, Kind::CallStarted { .. }))),
            ("legs", totals.legs, began(|kind| matches!(kind, Kind::LegStarted { .. }))),
            ("stays", totals.visits, began(|kind| matches!(kind, Kind::Enqueued { .. }))),
            ("questions", totals.surveys, began(|kind| matches!(kind, Kind::SurveyAsked { .. }))),
            ("recordings", totals.recordings, began(|kind| matches!(kind, Kind::Recorded { .. }))),
            ("transfers", totals.transfers, began(|kind| matches!(kind, Kind::Transferred { .. }))),
        ];
        for (what, rows, entries) in pairs {
            if rows != entries {
                wrong.push(format!("{rows} rows of {what}, {entries} began in the log"));
            }
        }
        // A leg that had media has a row of how it sounded, and no other leg has one.
        let with_media = |kind: &Kind| matches!(kind, Kind::LegEnded { quality: Some(quality), .. } if quality.has_media());
        let sounded = self.count(with_media);
        if totals.heard != sounded {
            wrong.push(format!("{} rows of quality, {sounded} legs had media", totals.heard));
        }
        if opened > totals.legs {
            wrong.push(format!("{opened} legs in media, {} in the log", totals.legs));
        }
    }

    /// Offered = answered + abandoned + flowed out + callback queued; nobody waits any more.
    fn queues_balance(&self, wrong: &mut Vec<String>) {
        let mut offered: BTreeMap<QueueId, usize> = BTreeMap::new();
        for entry in &self.center.entries {
            if let Kind::Enqueued { queue, .. } = entry.kind {
                *offered.entry(queue).or_default() += 1;
            }
        }
        for (queue, offered) in offered {
            let ended = |outcome: &str| {
                let of_queue = self.center.rows.iter().filter(|row| {
                    matches!(row, Row::QueueVisit(visit)
                        if visit.queue_id == queue && visit.outcome == outcome)
                });
                of_queue.count()
            };
            let outcomes = ["answered", "abandoned", "flowed_out", "callback_queued"].map(ended);
            if offered != outcomes.iter().sum::<usize>() {
                wrong.push(format!("queue {queue}: {offered} offered, {outcomes:?} accounted"));
            }
        }
    }

    /// Every supervision that began has ended, once, and before its leg.
    fn supervision_balances(&self, wrong: &mut Vec<String>) {
        let mut listening = BTreeSet::new();
        for entry in &self.center.entries {
            let fits = match (entry.leg, &entry.kind) {
                (Some(leg), Kind::SupervisionStarted { .. }) => listening.insert(leg),
                (Some(leg), Kind::SupervisionChanged { .. }) => listening.contains(&leg),
                (Some(leg), Kind::SupervisionEnded { .. }) => listening.remove(&leg),
                (Some(leg), Kind::LegEnded { .. }) => !listening.contains(&leg),
                _ => true,
            };
            if !fits {
                wrong.push(format!("{:?} does not fit: {:?}", entry.at, entry.kind));
            }
        }
        if !listening.is_empty() {
            wrong.push(format!("{} supervisors never left", listening.len()));
        }
    }

    /// How long people outside were in the conversation while nobody was on hold. Who is in a flow or a
    /// queue is in none until somebody answers.
    fn outside_ms(&self, call: CallId) -> i64 {
        let (mut outside, mut held) = (BTreeMap::new(), BTreeSet::new());
        let mut waits = BTreeSet::new();
        let (mut since, mut sum) = (None, 0);
        for entry in self.center.entries.iter().filter(|entry| entry.call == Some(call)) {
            let Some(leg) = entry.leg else { continue };
            match entry.kind {
                Kind::LegStarted { role: Role::Outside, .. } => {
                    outside.insert(leg, false);
                }
                Kind::LegAnswered => {
                    if outside.contains_key(&leg) {
                        waits.clear();
                    }
                    outside.entry(leg).and_modify(|talks| *talks = true);
                }
                Kind::Enqueued { .. } | Kind::IvrIn { .. } => {
                    waits.insert(leg);
                }
                Kind::Answered { .. } => waits.clear(),
                Kind::Held { .. } => {
                    held.insert(leg);
                }
                Kind::Resumed => {
                    held.remove(&leg);
                }
                Kind::LegEnded { .. } => {
                    held.remove(&leg);
                    outside.remove(&leg);
                    waits.remove(&leg);
                }
                _ => {}
            }
            let talks = |(leg, &talks): (&LegId, &bool)| talks && !waits.contains(leg);
            let talks = held.is_empty() && outside.iter().any(talks);
            match since {
                None if talks => since = Some(entry.at),
                Some(from) if !talks => {
                    sum += entry.at.millis_since(from);
                    since = None;
                }
                None | Some(_) => {}
            }
        }
        sum
    }

    /// How long both heard each other before the recording began: they were being told of it.
    fn announced_ms(&self, call: CallId) -> i64 {
        let of_call = || self.center.entries.iter().filter(|entry| entry.call == Some(call));
        let answered = of_call().find(|entry| matches!(entry.kind, Kind::Answered { .. }));
        let started = of_call().find(|entry| matches!(entry.kind, Kind::RecordingStarted { .. }));
        answered.zip(started).map_or(0, |(from, to)| to.at.millis_since(from.at).max(0))
    }

    /// Somebody ended the recording before the conversation did.
    fn is_stopped(&self, call: CallId) -> bool {
        let stopped = |kind: &Kind| matches!(kind, Kind::RecordingStopped { .. });
        self.center.entries.iter().any(|entry| entry.call == Some(call) && stopped(&entry.kind))
    }

    /// How often the process was killed while a call went on, or when it had just ended and its
    /// recording was on its way to the disk.
    fn kills_in(&self, call: &Call) -> i64 {
        let lately = |at: Timestamp| at.millis_since(call.ended_at) < KILL_MS_MAX;
        let kills = self.center.kills.iter();
        kills.filter(|&&at| call.started_at <= at && lately(at)).count() as i64
    }

    /// Calls that talked with an agent.
    fn answered_calls(&self) -> BTreeSet<CallId> {
        let answered = |row: &Row| match row {
            Row::Call(call) if call.outcome == "answered" => Some(call.call_id),
            _ => None,
        };
        self.center.rows.iter().filter_map(answered).collect()
    }

    /// Every answered call is in the ledger, and its recordings are as long as talk plus hold; less
    /// an announcement before them, and no longer than that where a rule or a person ended them. A
    /// kill may cost a little. Of the members of a meeting it is the meeting that is recorded.
    fn recordings_balance(&self, wrong: &mut Vec<String>) {
        let mut recorded: BTreeMap<CallId, (i64, i64, bool)> = BTreeMap::new();
        let mut cut: BTreeSet<CallId> = BTreeSet::new();
        let answered = self.answered_calls();
        // Whose recording had ended before a kill is not remembered: no agent stands on its row.
        let of_nobody = |call: &CallId| !self.center.kills.is_empty() && answered.contains(call);
        for row in &self.center.rows {
            if let Row::Recording(recording) = row
                && (recording.kind == "conversation" || of_nobody(&recording.call_id))
            {
                let of_call = recorded.entry(recording.call_id).or_default();
                of_call.0 += i64::from(recording.duration_ms);
                of_call.1 += 1;
                of_call.2 |= recording.state == "refused";
                if recording.state == "recorded" && recording.reason.is_some() {
                    cut.insert(recording.call_id);
                }
                if recording.state == "partial" {
                    let (id, missing) = (recording.recording_id, recording.frames_missing);
                    wrong.push(format!("recording {id} misses {missing} frames"));
                }
            }
        }
        for row in &self.center.rows {
            let Row::Call(call) = row else { continue };
            let both = i64::from(call.talk_ms) + i64::from(call.hold_ms);
            let spoken = both - self.announced_ms(call.call_id);
            let ended_early = cut.contains(&call.call_id) || self.is_stopped(call.call_id);
            let (outside, by_log) = (call.outside_ms.map(i64::from), self.outside_ms(call.call_id));
            if outside.is_none_or(|ms| (ms - by_log).abs() > FRAME_MS) {
                wrong.push(format!(
                    "call {}: {outside:?} ms with people outside, {by_log} ms by the log",
                    call.call_id
                ));
            }
            if call.meeting_id.is_some() {
                continue;
            }
            let kills = self.kills_in(call);
            match recorded.get(&call.call_id) {
                None if kills > 0 => {}
                Some(&(length, parts, false))
                    if (length - spoken).abs() <= KILL_MS_MAX * kills + FRAME_MS * parts => {}
                None if call.outcome == "answered" => {
                    wrong.push(format!("answered call {} is not in the ledger", call.call_id));
                }
                Some(&(length, parts, false))
                    if ended_early && length <= spoken + FRAME_MS * parts => {}
                Some(&(length, parts, false)) if (length - spoken).abs() > FRAME_MS * parts => {
                    wrong.push(format!(
                        "call {}: {length} ms recorded in {parts}, {spoken} ms spoken and held",
                        call.call_id
                    ));
                }
                _ => {}
            }
        }
        for file in &self.center.disk.rendered {
            let samples = mediacore::record::wav::layout(&file.wav, file.wav.len() as u64)
                .map(|layout| layout.data_bytes / layout.format.frame_bytes());
            if samples.ok().map(|samples| (samples / 8) as i64) != Some(file.ledger.duration_ms) {
                wrong.push(format!("the file of {} has another length", file.ledger.recording));
            }
        }
    }
}
