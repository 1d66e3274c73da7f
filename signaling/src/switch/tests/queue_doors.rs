//! Who comes into a queue, who stays, and where the others go: the last agent, opening hours, and
//! overflow from queue to queue.

use super::super::rig::TRUNK;
use super::*;
use crate::sip::user_agent::Origin;
use serde_json::json;
use terms::routing::{Doors, Hours, Number, Onward, Plan, Queue, Standing, Target, Window};
use terms::{NumberId, QueueId};

/// Somebody is there who will take the next one.
const AVAILABLE: [Standing; 3] = [Standing::Idle, Standing::Busy, Standing::WrapUp];

fn plan_with(change: impl FnOnce(&mut Queue)) -> Plan {
    let mut plan = demo_plan();
    change(&mut plan.queues[0]);
    let (id, target) = (NumberId(70), Target::Queue(QueueId(2)));
    plan.numbers.push(Number { id, digits: "95105607".into(), target });
    plan
}

fn ruled(doors: Doors) -> Plan {
    plan_with(|queue| queue.matching.doors = doors)
}

fn rings_in(rig: &mut Rig, caller: &str, called: &str) -> LegId {
    let leg = rig.dials(Origin::Trunk(TRUNK), caller, called, true);
    rig.wait(secs(5));
    leg
}

fn dials(rig: &mut Rig, called: &str) -> LegId {
    rings_in(rig, "13800138000", called)
}

fn all_leave(rig: &mut Rig) {
    for leg in rig.legs() {
        rig.hangs_up(leg);
    }
    rig.wait(secs(20));
    balanced(rig);
}

/// Into queues and out of them otherwise than by an answer.
fn ways(rig: &Rig) -> Vec<String> {
    let counts = |word: &String| word.starts_with("enqueued") || word.starts_with("flowed out");
    told(rig).into_iter().filter(counts).collect()
}

fn phases(rig: &mut Rig) -> Vec<String> {
    rig.state().calls.into_iter().map(|call| call.phase).collect()
}

#[test]
fn nobody_comes_in_while_nobody_is_there_where_the_queue_says_so() {
    let doors = Doors { joins_while: AVAILABLE.to_vec(), ..Doors::default() };
    for (doors, out) in [(doors, Some("flowed out NoAgents")), (Doors::default(), None)] {
        let mut rig = Rig::new(ruled(doors));
        dials(&mut rig, "95105600");
        let first: Vec<&str> = ["enqueued 1 at 1"].into_iter().chain(out).collect();
        assert_eq!(ways(&rig), first);
        assert_eq!(phase(&mut rig), if out.is_some() { "voicemail" } else { "waiting" });
        all_leave(&mut rig);
        sign_in(&mut rig, A1);
        dials(&mut rig, "95105600");
        assert_eq!(phase(&mut rig), "talking", "an agent is there");
        all_leave(&mut rig);
    }
}

#[test]
fn who_waits_goes_to_the_overflow_when_the_last_agent_has_gone() {
    for stays in [false, true] {
        let mut rig = Rig::new(plan_with(|queue| {
            queue.survey = false;
            let standings = if stays { Vec::new() } else { AVAILABLE.to_vec() };
            queue.matching.doors.stays_while = standings;
        }));
        sign_in(&mut rig, A1);
        let first = dials(&mut rig, "95105600");
        rings_in(&mut rig, "13800138001", "95105600");
        assert_eq!(phases(&mut rig), ["talking", "waiting"]);
        assert_eq!(act(&mut rig, A1, AgentAction::SignOut), Answer::Done);
        rig.wait(secs(5));
        assert_eq!(phases(&mut rig), ["talking", "waiting"], "they still talk with somebody");
        rig.hangs_up(first);
        rig.wait(secs(5));
        let (phase_now, out) = if stays { ("waiting", 0) } else { ("voicemail", 1) };
        assert_eq!(phases(&mut rig), [phase_now]);
        let gone = ways(&rig).iter().filter(|way| *way == "flowed out NoAgents").count();
        assert_eq!(gone, out);
        all_leave(&mut rig);
    }
}

#[test]
fn a_flow_leads_those_elsewhere_who_may_not_come_in() {
    for edge in [true, false] {
        let doors = Doors { joins_while: AVAILABLE.to_vec(), ..Doors::default() };
        let mut plan = ruled(doors);
        let mut step = json!({"kind": "enqueue", "queue": "1", "on": {"error": "closed"}});
        if edge {
            step["refused"] = json!("closed");
        }
        plan.flows[0].document = json!({"format": 1, "start": "a", "steps": {"a": step,
            "closed": {"kind": "play", "prompts": ["hours"], "next": "bye"},
            "bye": {"kind": "hangup"}}});
        let mut rig = Rig::new(plan);
        let leg = rig.customer_dials("95105688");
        rig.wait(secs(1));
        let heard_first = heard(&rig, leg).first().cloned();
        if edge {
            assert_eq!(heard_first.as_deref(), Some("hours"));
            assert!(ways(&rig).is_empty(), "they are not offered to the queue");
        } else {
            assert_eq!(ways(&rig), ["enqueued 1 at 1", "flowed out NoAgents"]);
        }
        all_leave(&mut rig);
        sign_in(&mut rig, A1);
        dials(&mut rig, "95105688");
        assert_eq!(phase(&mut rig), "talking", "an agent is there");
        all_leave(&mut rig);
    }
}

#[test]
fn outside_of_the_queues_hours_callers_go_where_it_says() {
    let window = |weekday| Window { weekday, from_minute: 0, to_minute: 1_440 };
    let hours = |name: &str, windows: Vec<Window>| Hours {
        name: name.into(),
        windows,
        closed: Vec::new(),
        open: Vec::new(),
    };
    let elsewhere = Some(Target::Hangup);
    for (name, out_of_hours, phase_now) in [
        ("always", elsewhere.clone(), "waiting"),
        ("never", None, "voicemail"),
        ("never", elsewhere.clone(), "ivr"),
        ("forgotten", elsewhere, "ivr"),
    ] {
        let doors = Doors { hours: Some(name.into()), out_of_hours, ..Doors::default() };
        let mut plan = ruled(doors);
        plan.hours =
            vec![hours("always", (1..=7).map(window).collect()), hours("never", Vec::new())];
        let mut rig = Rig::new(plan);
        let leg = rig.customer_dials("95105600");
        rig.wait(secs(1));
        assert_eq!(phase(&mut rig), phase_now, "{name}");
        let closed = ways(&rig).contains(&"flowed out Closed".to_owned());
        assert_eq!(closed, name != "always");
        let first = heard(&rig, leg).first().cloned();
        if phase_now == "ivr" {
            assert_eq!(first.as_deref(), Some("goodbye"));
        }
        all_leave(&mut rig);
    }
}

#[test]
fn who_overflows_into_another_queue_keeps_the_age_of_their_wait() {
    let mut rig = Rig::new(plan_with(|queue| {
        queue.wait_max_s = 30;
        queue.overflow = Target::Queue(QueueId(2));
    }));
    let first = dials(&mut rig, "95105600");
    rig.wait(secs(15));
    rings_in(&mut rig, "13800138001", "95105607");
    rig.wait(secs(8));
    let all = ["enqueued 1 at 1", "enqueued 2 at 1", "flowed out MaxWait", "enqueued 2 at 1"];
    assert_eq!(ways(&rig), all, "they came first");
    sign_in(&mut rig, A3);
    rig.wait(secs(5));
    assert_eq!(phases(&mut rig), ["talking", "waiting"]);
    rig.hangs_up(first);
    rig.wait(secs(10));
    assert_eq!(phases(&mut rig), ["talking"], "then the other one");
    all_leave(&mut rig);
}

#[test]
fn who_overflows_into_another_queue_keeps_the_priority_that_a_flow_gave_them() {
    for (priority, killed, place) in [(0, false, 2), (5, false, 1), (5, true, 1)] {
        let mut plan = plan_with(|queue| {
            queue.wait_max_s = 20;
            queue.overflow = Target::Queue(QueueId(9));
            let second = Target::Queue(QueueId(2));
            queue.matching.doors.overflow_chain = vec![Onward { after_s: 60, target: second }];
        });
        plan.flows[0].document = json!({"format": 1, "start": "a", "steps": {
            "a": {"kind": "enqueue", "queue": "1", "priority": priority,
                  "on": {"error": "message"}},
            "message": {"kind": "voicemail", "queue": "1"}}});
        let mut rig = Rig::new(plan);
        rings_in(&mut rig, "13800138001", "95105607");
        dials(&mut rig, "95105688");
        if killed {
            rig.kill(&[]);
        }
        rig.wait(secs(20));
        let last = format!("enqueued 2 at {place}");
        assert_eq!(ways(&rig)[2..], ["flowed out MaxWait".to_owned(), last], "{priority}");
        all_leave(&mut rig);
    }
}

#[test]
fn an_overflow_goes_on_along_its_chain_also_over_a_kill() {
    for killed in [false, true] {
        let voicemail = Target::Voicemail(QueueId(1));
        let mut rig = Rig::new(plan_with(|queue| {
            queue.wait_max_s = 10;
            queue.overflow = Target::Queue(QueueId(2));
            queue.matching.doors.overflow_chain = vec![Onward { after_s: 15, target: voicemail }];
        }));
        dials(&mut rig, "95105600");
        rig.wait(secs(7));
        let before = ["enqueued 1 at 1", "flowed out MaxWait", "enqueued 2 at 1"];
        assert_eq!(ways(&rig), before);
        if killed {
            rig.kill(&[]);
        }
        rig.wait(secs(9));
        assert_eq!(phase(&mut rig), "waiting", "killed: {killed}");
        rig.wait(secs(6));
        assert_eq!(phase(&mut rig), "voicemail", "killed: {killed}");
        assert_eq!(ways(&rig)[3..], ["flowed out MaxWait"]);
        all_leave(&mut rig);
    }
}

#[test]
fn a_stage_of_the_chain_that_is_full_is_passed_at_once() {
    let mut plan = plan_with(|queue| {
        queue.wait_max_s = 10;
        queue.overflow = Target::Queue(QueueId(2));
        let target = Target::Voicemail(QueueId(1));
        queue.matching.doors.overflow_chain = vec![Onward { after_s: 60, target }];
    });
    plan.queues[1].waiting_max = 1;
    let mut rig = Rig::new(plan);
    rings_in(&mut rig, "13800138001", "95105607");
    dials(&mut rig, "95105600");
    rig.wait(secs(7));
    assert_eq!(ways(&rig)[2..], ["flowed out MaxWait", "enqueued 2 at 2", "flowed out Overflow"]);
    assert_eq!(phases(&mut rig), ["waiting", "voicemail"], "and not the full queue's own overflow");
    all_leave(&mut rig);
}

#[test]
fn a_stage_of_the_chain_that_was_deleted_is_passed_at_once() {
    for (next, phase_then) in
        [(Target::Voicemail(QueueId(1)), "voicemail"), (Target::Queue(QueueId(2)), "waiting")]
    {
        let mut rig = Rig::new(plan_with(|queue| {
            queue.wait_max_s = 10;
            queue.overflow = Target::Queue(QueueId(9));
            let gone = Onward { after_s: 60, target: Target::Queue(QueueId(8)) };
            queue.matching.doors.overflow_chain = vec![gone, Onward { after_s: 60, target: next }];
        }));
        dials(&mut rig, "95105600");
        rig.wait(secs(7));
        assert_eq!(phase(&mut rig), phase_then, "{:#?}", told(&rig));
        all_leave(&mut rig);
    }
}
