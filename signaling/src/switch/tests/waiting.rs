//! What callers can do and hear while they wait: keys that lead out, notices, and how long it will be.

use super::*;
use serde_json::json;
use std::collections::BTreeMap;
use terms::Timestamp;
use terms::event::Role;
use terms::media::{Command, Source};
use terms::routing::Plan;

/// The demo plan, whose hotline leads straight to this step; `message` and `bye` are there.
fn hotline(step: serde_json::Value) -> Plan {
    let mut plan = demo_plan();
    plan.flows[0].document = json!({"format": 1, "start": "a", "steps": {
        "a": step,
        "message": {"kind": "voicemail", "queue": "1"},
        "bye": {"kind": "hangup"}}});
    plan
}

fn dials(rig: &mut Rig, called: &str) -> LegId {
    let leg = rig.customer_dials(called);
    rig.wait(secs(5));
    leg
}

fn all_leave(rig: &mut Rig) {
    for leg in rig.legs() {
        rig.hangs_up(leg);
    }
    rig.wait(secs(20));
}

/// What a leg heard but music.
fn told_to(rig: &Rig, leg: LegId) -> Vec<String> {
    heard(rig, leg).into_iter().filter(|name| !name.starts_with("music/")).collect()
}

#[test]
fn a_key_leads_out_of_the_queue_by_an_edge_of_the_flow() {
    let mut rig = Rig::new(hotline(json!({"kind": "enqueue", "queue": "1",
        "keys": {"9": "message"}, "on": {"error": "bye"}})));
    let leg = dials(&mut rig, "95105688");
    rig.presses(leg, "8");
    assert_eq!((phase(&mut rig).as_str(), rig.state().queues[0].waiting), ("waiting", 1));
    rig.presses(leg, "9");
    assert_eq!((phase(&mut rig).as_str(), rig.state().queues[0].waiting), ("voicemail", 0));
    assert!(told(&rig).contains(&"flowed out ExitKey".to_owned()));
    rig.phones.insert(A1, Phone::Rings);
    sign_in(&mut rig, A1);
    let other = dials(&mut rig, "95105688");
    rig.presses(other, "9");
    let out = told(&rig).into_iter().filter(|word| word == "flowed out ExitKey").count();
    assert_eq!(out, 1, "an agent rings: it is not the moment to go");
    all_leave(&mut rig);
    balanced(&mut rig);
}

#[test]
fn who_would_wait_too_long_takes_another_edge_and_does_not_come_into_the_queue() {
    let step = json!({"kind": "enqueue", "queue": "1", "estimate_max_s": 200,
        "long_wait": "message", "on": {"error": "bye"}});
    let entered =
        |rig: &Rig| told(rig).into_iter().filter(|word| word.starts_with("enqueued")).count();
    let mut rig = Rig::new(hotline(step));
    // Nobody is signed in, and nobody knows.
    let first = dials(&mut rig, "95105688");
    assert_eq!(entered(&rig), 1);
    rig.hangs_up(first);
    sign_in(&mut rig, A1);
    dials(&mut rig, "95105688");
    assert_eq!(entered(&rig), 2, "an agent is free");
    dials(&mut rig, "95105688");
    assert_eq!(entered(&rig), 3, "three minutes");
    dials(&mut rig, "95105688");
    assert_eq!(entered(&rig), 3, "six");
    let phases: Vec<String> = rig.state().calls.into_iter().map(|call| call.phase).collect();
    assert_eq!(phases, ["talking", "waiting", "voicemail"]);
    all_leave(&mut rig);
    balanced(&mut rig);
}

#[test]
fn notices_come_one_after_the_other_between_the_music() {
    let mut plan = demo_plan();
    plan.queues[0].announce_every_s = 0;
    plan.queues[0].in_queue.notices = vec!["hours".into(), "closed".into()];
    plan.queues[0].in_queue.notice_every_s = 15;
    let mut rig = Rig::new(plan);
    let leg = dials(&mut rig, "95105600");
    rig.wait(secs(43));
    assert_eq!(told_to(&rig, leg), ["queue", "hours", "closed", "hours"]);
    assert_eq!(heard(&rig, leg).last().map(String::as_str), Some("music/wait"));
    all_leave(&mut rig);
    balanced(&mut rig);
}

#[test]
fn pieces_of_music_come_one_after_the_other_and_what_is_missing_is_passed_over() {
    for missing in [false, true] {
        let mut plan = demo_plan();
        plan.queues[0].announce_every_s = 0;
        plan.queues[0].in_queue.playlist = vec!["music/a".into(), "music/b".into()];
        plan.queues[0].in_queue.notices = vec!["hours".into()];
        plan.queues[0].in_queue.notice_every_s = 9;
        let mut rig = Rig::new(plan);
        if missing {
            rig.missing = vec!["music/b".into()];
        }
        let leg = dials(&mut rig, "95105600");
        rig.wait(secs(7));
        let heard: Vec<String> =
            heard(&rig, leg).into_iter().filter(|name| !missing || name != "music/b").collect();
        let (a, b) = ("music/a", "music/b");
        // The notice cuts a piece short, and the next one follows it.
        let all = if missing {
            vec!["queue", a, a, a, a, "hours"]
        } else {
            vec!["queue", a, b, a, b, "hours"]
        };
        assert_eq!(heard[..6], all);
        assert!(heard[6..].iter().all(|name| *name == a || *name == b), "{heard:?}");
        all_leave(&mut rig);
        balanced(&mut rig);
    }
}

#[test]
fn a_notice_does_not_cut_the_place_short() {
    let mut plan = demo_plan();
    plan.queues[0].announce_every_s = 15;
    plan.queues[0].in_queue.notices = vec!["hours".into()];
    plan.queues[0].in_queue.notice_every_s = 15;
    let mut rig = Rig::new(plan);
    let leg = dials(&mut rig, "95105600");
    rig.wait(secs(11));
    assert_eq!(told_to(&rig, leg), ["queue", "position", "digits/1"]);
    rig.wait(secs(4));
    assert_eq!(told_to(&rig, leg), ["queue", "position", "digits/1", "hours"]);
    all_leave(&mut rig);
    balanced(&mut rig);
}

/// A busy hour of a queue with two agents whose conversations are all of one length.
struct Hour {
    rig: Rig,
    callers: u32,
    legs: BTreeMap<CallId, LegId>,
    answered: BTreeMap<LegId, Timestamp>,
    /// Whom something was said of the wait, when, and how many minutes.
    said: Vec<(LegId, Timestamp, i64)>,
    log_seen: usize,
    media_seen: usize,
}

/// Seconds of a conversation, and with what rings before it.
const TALK: i64 = 100;
const HANDLED: i64 = TALK + 3;
const CALLERS: u32 = 60;

impl Hour {
    fn second(&mut self) {
        if self.callers < CALLERS && self.rig.state().queues[0].waiting < 5 {
            self.rig.customer_dials("95105600");
            self.callers += 1;
        }
        self.rig.wait(secs(1));
        for entry in &self.rig.log[self.log_seen..] {
            match (&entry.kind, entry.call, entry.leg) {
                (Kind::LegStarted { role: Role::Customer, .. }, Some(call), Some(leg)) => {
                    self.legs.insert(call, leg);
                }
                (Kind::Answered { .. }, Some(call), _) => {
                    self.answered.insert(self.legs[&call], entry.at);
                }
                _ => {}
            }
        }
        self.log_seen = self.rig.log.len();
        for command in &self.rig.media[self.media_seen..] {
            if let Command::Play { leg, playback } = command
                && let Some(minutes) = minutes(&playback.sources)
            {
                self.said.push((*leg, self.rig.now.wall, minutes));
            }
        }
        self.media_seen = self.rig.media.len();
        let now = self.rig.now.wall;
        let over = |at: &Timestamp| now.millis_since(*at) >= TALK * 1_000;
        let done: Vec<LegId> =
            self.answered.iter().filter(|(_, at)| over(at)).map(|(&leg, _)| leg).collect();
        for leg in done {
            self.rig.hangs_up(leg);
        }
    }
}

/// Minutes of wait that are said, where they are.
fn minutes(sources: &[Source]) -> Option<i64> {
    let mut names = sources.iter().map(|source| match source {
        Source::Prompt(name) => name.as_str(),
        _ => "",
    });
    names.find(|name| *name == "zh-CN/wait")?;
    names.next()?.strip_prefix("zh-CN/digits/")?.parse().ok()
}

#[test]
fn what_is_said_of_the_wait_is_true_within_a_conversation_and_a_minute() {
    let mut plan = demo_plan();
    let queue = &mut plan.queues[0];
    (queue.wrap_up_s, queue.survey) = (0, false);
    (queue.wait_max_s, queue.waiting_max) = (3_000, 50);
    let mut rig = Rig::new(plan);
    sign_in(&mut rig, A1);
    sign_in(&mut rig, A2);
    let (legs, answered, said) = (BTreeMap::new(), BTreeMap::new(), Vec::new());
    let mut hour = Hour { rig, callers: 0, legs, answered, said, log_seen: 0, media_seen: 0 };
    for _ in 0..3_400 {
        hour.second();
    }
    let mut checked = 0;
    // The first conversations teach the queue how long they are.
    let mut answers: Vec<Timestamp> = hour.answered.values().copied().collect();
    answers.sort_unstable();
    let learned = answers[40];
    for (leg, at, minutes) in hour.said.iter().filter(|said| said.1 > learned) {
        let Some(answer) = hour.answered.get(leg) else { continue };
        let waited = answer.millis_since(*at) / 1_000;
        let error = minutes * 60 - waited;
        assert!((-HANDLED..=HANDLED + 60).contains(&error), "{minutes} min said, {waited} s");
        checked += 1;
    }
    assert!(checked > 30, "{checked} were said");
    all_leave(&mut hour.rig);
    balanced(&mut hour.rig);
}
