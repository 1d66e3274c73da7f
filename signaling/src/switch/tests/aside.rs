//! A caller walks through other steps of the flow while their place in the queue is kept.

use super::*;
use crate::sip::user_agent::Origin;
use crate::switch::rig::TRUNK;
use serde_json::{Value, json};
use terms::QueueId;
use terms::routing::{Plan, Target};

/// The demo plan, whose hotline leads into queue 1; there 5 leads aside to `info`.
fn hotline(info: Value) -> Plan {
    let mut plan = demo_plan();
    plan.flows[0].document = json!({"format": 1, "start": "a", "steps": {
        "a": {"kind": "enqueue", "queue": "1", "asides": {"5": "info"}, "on": {"error": "message"}},
        "info": info,
        "message": {"kind": "voicemail", "queue": "1"}}});
    plan
}

/// A prompt of two seconds, and back.
fn says_hours() -> Value {
    json!({"kind": "play", "prompts": ["hours"], "next": "a"})
}

fn dials(rig: &mut Rig, caller: &str) -> LegId {
    let leg = rig.dials(Origin::Trunk(TRUNK), caller, "95105688", true);
    rig.wait(secs(5));
    leg
}

fn phases(rig: &mut Rig) -> Vec<String> {
    rig.state().calls.into_iter().map(|call| call.phase).collect()
}

fn count(rig: &Rig, begins: &str) -> usize {
    told(rig).into_iter().filter(|word| word.starts_with(begins)).count()
}

fn all_leave(rig: &mut Rig) {
    for leg in rig.legs() {
        rig.hangs_up(leg);
    }
    rig.wait(secs(20));
    balanced(rig);
}

#[test]
fn who_comes_back_is_served_before_who_came_later() {
    let mut rig = Rig::new(hotline(says_hours()));
    let first = dials(&mut rig, "13800138000");
    dials(&mut rig, "13800138001");
    rig.presses(first, "5");
    assert_eq!(phases(&mut rig), ["ivr", "waiting"]);
    assert_eq!(rig.state().queues[0].waiting, 2, "both have their places");
    assert_eq!(heard(&rig, first).last().map(String::as_str), Some("hours"));
    rig.wait(secs(3));
    assert_eq!(phases(&mut rig), ["waiting", "waiting"]);
    assert_eq!(heard(&rig, first).last().map(String::as_str), Some("music/wait"));
    sign_in(&mut rig, A1);
    rig.wait(secs(5));
    assert_eq!(phases(&mut rig), ["talking", "waiting"]);
    assert_eq!((count(&rig, "enqueued"), count(&rig, "flowed out")), (2, 0), "one stay each");
    all_leave(&mut rig);
}

#[test]
fn nobody_is_offered_who_is_aside_and_the_agent_rings_as_soon_as_they_are_back() {
    let mut rig = Rig::new(hotline(says_hours()));
    rig.phones.insert(A1, Phone::Rings);
    let first = dials(&mut rig, "13800138000");
    rig.presses(first, "5");
    sign_in(&mut rig, A1);
    rig.wait(secs(1));
    assert_eq!((phase(&mut rig).as_str(), count(&rig, "offered")), ("ivr", 0));
    rig.wait(secs(2));
    assert_eq!((phase(&mut rig).as_str(), count(&rig, "offered")), ("ringing", 1));
    rig.presses(first, "5");
    assert_eq!(phase(&mut rig), "ringing", "an agent rings: it is not the moment to go");
    all_leave(&mut rig);
}

#[test]
fn who_goes_aside_again_and_again_keeps_the_place_and_is_not_cut_off() {
    let mut rig = Rig::new(hotline(says_hours()));
    let first = dials(&mut rig, "13800138000");
    for _ in 0..25 {
        rig.presses(first, "5");
        rig.wait(secs(3));
    }
    assert_eq!((phase(&mut rig).as_str(), count(&rig, "enqueued")), ("waiting", 1));
    all_leave(&mut rig);
}

#[test]
fn the_longest_wait_ends_when_they_are_back_and_not_in_the_middle_of_it() {
    let mut plan = hotline(says_hours());
    plan.queues[0].wait_max_s = 20;
    let mut rig = Rig::new(plan);
    let first = dials(&mut rig, "13800138000");
    rig.wait(secs(14));
    assert_eq!(phase(&mut rig), "waiting");
    rig.presses(first, "5");
    rig.wait(Duration::from_millis(1_500));
    assert_eq!((phase(&mut rig).as_str(), count(&rig, "flowed out")), ("ivr", 0));
    rig.wait(secs(2));
    assert_eq!(phase(&mut rig), "voicemail");
    assert_eq!(count(&rig, "flowed out MaxWait"), 1);
    all_leave(&mut rig);
}

#[test]
fn who_hangs_up_or_is_led_elsewhere_has_left_the_queue_once() {
    let mut rig = Rig::new(hotline(says_hours()));
    let first = dials(&mut rig, "13800138000");
    rig.presses(first, "5");
    rig.hangs_up(first);
    rig.wait(secs(2));
    assert_eq!((count(&rig, "abandoned"), count(&rig, "flowed out")), (1, 0));
    assert_eq!(rig.state().queues[0].waiting, 0);
    balanced(&mut rig);

    let elsewhere = json!({"kind": "play", "prompts": ["hours"], "next": "message"});
    let mut rig = Rig::new(hotline(elsewhere));
    let first = dials(&mut rig, "13800138000");
    rig.presses(first, "5");
    assert_eq!(rig.state().queues[0].waiting, 1);
    rig.wait(secs(3));
    assert_eq!(phase(&mut rig), "voicemail");
    assert_eq!((count(&rig, "flowed out ExitKey"), count(&rig, "abandoned")), (1, 0));
    assert_eq!(rig.state().queues[0].waiting, 0);
    all_leave(&mut rig);
}

#[test]
fn a_killed_process_gives_them_their_place_again() {
    let mut rig = Rig::new(hotline(says_hours()));
    let first = dials(&mut rig, "13800138000");
    dials(&mut rig, "13800138001");
    rig.presses(first, "5");
    rig.kill(&[]);
    rig.wait(secs(3));
    assert_eq!(phases(&mut rig), ["waiting", "waiting"]);
    rig.wait(secs(20));
    assert_eq!(heard(&rig, first).iter().filter(|said| *said == "position").count(), 1);
    sign_in(&mut rig, A1);
    rig.wait(secs(5));
    assert_eq!(phases(&mut rig), ["talking", "waiting"]);
    all_leave(&mut rig);
}

#[test]
fn who_flowed_into_another_queue_steps_back_into_that_one() {
    let mut plan = hotline(says_hours());
    plan.queues[0].wait_max_s = 20;
    plan.queues[0].overflow = Target::Queue(QueueId(2));
    let mut rig = Rig::new(plan);
    let first = dials(&mut rig, "13800138000");
    rig.wait(secs(20));
    assert_eq!((count(&rig, "enqueued 1"), count(&rig, "enqueued 2")), (1, 1));
    rig.presses(first, "5");
    assert_eq!(phase(&mut rig), "ivr");
    rig.wait(secs(3));
    assert_eq!((phase(&mut rig).as_str(), rig.state().queues[1].waiting), ("waiting", 1));
    assert_eq!((count(&rig, "enqueued"), count(&rig, "flowed out")), (2, 1), "their place is kept");
    all_leave(&mut rig);
}
