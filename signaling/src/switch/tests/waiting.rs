//! What callers can do and hear while they wait: keys that lead out, notices, and how long it will be.

use super::*;
use rand::rngs::SmallRng;
use rand::{Rng, SeedableRng};
use serde_json::json;
use std::collections::BTreeMap;
use std::ops::RangeInclusive;
use terms::Timestamp;
use terms::event::Role;
use terms::media::{Command, Source};
use terms::routing::{Agent, Plan};

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

/// A busy time of a queue: somebody calls whenever fewer wait than should.
struct Hour {
    rig: Rig,
    /// Seconds of the next conversation.
    talk: Box<dyn FnMut() -> u64>,
    /// Who wait at a time, and who call in all.
    waiting: usize,
    callers_max: usize,
    callers: usize,
    legs: BTreeMap<CallId, LegId>,
    answered: BTreeMap<LegId, Timestamp>,
    /// Conversations that go on, and when they end.
    ends: BTreeMap<LegId, Timestamp>,
    /// Whom something was said of the wait, when, and how many minutes.
    said: Vec<(LegId, Timestamp, i64)>,
    log_seen: usize,
    media_seen: usize,
}

/// Seconds of a conversation, by the mean where they vary, and with what rings before it.
const TALK: i64 = 100;
const HANDLED: i64 = TALK + 3;
/// What is said may be so much less than the wait, or more, in seconds.
const BOUND: RangeInclusive<i64> = -HANDLED..=HANDLED + 60;

impl Hour {
    /// `agents` of the first queue are there for whoever comes.
    fn begin(agents: u64, talk: Box<dyn FnMut() -> u64>) -> Self {
        let mut plan = demo_plan();
        let more = (plan.agents.len() as u64 + 1..=agents).map(|id| Agent {
            id: AgentId(id),
            number: format!("800{id}"),
            sip_user: format!("{}", 1_000 + id),
            ..plan.agents[0].clone()
        });
        let more: Vec<Agent> = more.collect();
        plan.agents.extend(more);
        let queue = &mut plan.queues[0];
        queue.agents = (1..=agents).map(AgentId).collect();
        (queue.wrap_up_s, queue.survey) = (0, false);
        (queue.wait_max_s, queue.waiting_max) = (3_000, 50);
        let mut rig = Rig::new(plan);
        for id in 1..=agents {
            sign_in(&mut rig, AgentId(id));
        }
        Hour {
            rig,
            talk,
            waiting: 5,
            callers_max: 60,
            callers: 0,
            legs: BTreeMap::new(),
            answered: BTreeMap::new(),
            ends: BTreeMap::new(),
            said: Vec::new(),
            log_seen: 0,
            media_seen: 0,
        }
    }

    fn second(&mut self) {
        if self.callers < self.callers_max && self.callers - self.answered.len() < self.waiting {
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
                    let leg = self.legs[&call];
                    self.answered.insert(leg, entry.at);
                    self.ends.insert(leg, entry.at + secs((self.talk)()));
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
        let over = self.ends.iter().filter(|(_, at)| **at <= now);
        let done: Vec<LegId> = over.map(|(&leg, _)| leg).collect();
        for leg in done {
            self.ends.remove(&leg);
            self.rig.hangs_up(leg);
        }
    }

    /// Minutes that were said and seconds that were waited then, once so many conversations had
    /// taught the queue how long they are.
    fn announcements(&self, learned: usize) -> Vec<(i64, i64)> {
        let mut answers: Vec<Timestamp> = self.answered.values().copied().collect();
        answers.sort_unstable();
        let learned = answers[learned];
        let said = self.said.iter().filter(|said| said.1 > learned);
        let waited = |&(leg, at, minutes): &(LegId, Timestamp, i64)| {
            Some((minutes, self.answered.get(&leg)?.millis_since(at) / 1_000))
        };
        said.filter_map(waited).collect()
    }

    fn ends_well(mut self) {
        all_leave(&mut self.rig);
        balanced(&mut self.rig);
    }
}

/// Seconds of conversations as measured ones are spread: log-normal, with [`TALK`] as their mean.
fn log_normal(seed: u64) -> Box<dyn FnMut() -> u64> {
    /// Of the logarithm: two of three last from half to nearly twice the usual one.
    const SPREAD: f64 = 0.6;
    let mut rng = SmallRng::seed_from_u64(seed);
    let middle = (TALK as f64).ln() - SPREAD * SPREAD / 2.0;
    Box::new(move || {
        // Box and Muller's way from two even numbers to a normal one.
        let (near, around) = (rng.random_range(1e-12..1.0_f64), rng.random_range(0.0..1.0_f64));
        let normal = (-2.0 * near.ln()).sqrt() * (std::f64::consts::TAU * around).cos();
        (middle + SPREAD * normal).exp().ceil() as u64
    })
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
    let mut hour = Hour::begin(2, Box::new(|| TALK as u64));
    for _ in 0..3_400 {
        hour.second();
    }
    let said = hour.announcements(40);
    for &(minutes, waited) in &said {
        assert!(BOUND.contains(&(minutes * 60 - waited)), "{minutes} min said, {waited} s");
    }
    assert!(said.len() > 30, "{} were said", said.len());
    hour.ends_well();
}

#[test]
fn of_what_is_said_of_the_wait_ninety_five_of_a_hundred_are_true_where_conversations_vary() {
    for seed in 1..=3 {
        let mut hour = Hour::begin(8, log_normal(seed));
        (hour.waiting, hour.callers_max) = (20, 400);
        for _ in 0..5_600 {
            hour.second();
        }
        let said = hour.announcements(60);
        let is_true = |&&(minutes, waited): &&(i64, i64)| BOUND.contains(&(minutes * 60 - waited));
        let count = said.iter().filter(is_true).count();
        let share = count as f64 / said.len() as f64;
        assert!(said.len() > 2_000, "seed {seed}: {} were said", said.len());
        assert!(share >= 0.95, "seed {seed}: {share:.3} of {} are true", said.len());
        hour.ends_well();
    }
}
