//! Where callers stand while they wait: VIPs, and those who come back.

use super::super::rig::TRUNK;
use super::*;
use crate::sip::user_agent::Origin;
use terms::routing::{KnownCaller, Plan, Strategy};

const FIRST: &str = "13800138000";
const SECOND: &str = "13800138001";

fn rings(rig: &mut Rig, caller: &str) -> LegId {
    let leg = rig.dials(Origin::Trunk(TRUNK), caller, "95105600", true);
    rig.wait(secs(5));
    leg
}

fn plan_with(change: impl FnOnce(&mut Plan)) -> Plan {
    let mut plan = demo_plan();
    change(&mut plan);
    plan
}

/// Priority and place with which contacts came into their queue.
fn places(rig: &Rig) -> Vec<(i32, u32)> {
    let place = |kind: &Kind| match kind {
        Kind::Enqueued { priority, position, .. } => Some((*priority, *position)),
        _ => None,
    };
    rig.log.iter().filter_map(|entry| place(&entry.kind)).collect()
}

fn all_leave(rig: &mut Rig) {
    for leg in rig.legs() {
        rig.hangs_up(leg);
    }
    rig.wait(secs(5));
    balanced(rig);
}

#[test]
fn a_vip_stands_before_those_who_are_none_as_far_as_the_queue_says() {
    for (vip_priority, place) in [(5, (5, 1)), (0, (0, 2))] {
        let mut rig = Rig::new(plan_with(|plan| {
            let number = format!("+86{SECOND}");
            plan.known_callers = vec![KnownCaller { number, vip: true, ..KnownCaller::default() }];
            plan.queues[0].matching.vip_priority = vip_priority;
        }));
        rings(&mut rig, FIRST);
        rings(&mut rig, SECOND);
        assert_eq!(places(&rig), [(0, 1), place]);
        all_leave(&mut rig);
    }
}

#[test]
fn a_caller_who_hangs_up_and_rings_again_in_time_has_their_place_again() {
    let mut rig = Rig::new(plan_with(|plan| plan.queues[0].matching.resume_s = 30));
    let first = rings(&mut rig, FIRST);
    rings(&mut rig, SECOND);
    rig.hangs_up(first);
    rig.wait(secs(20));
    let again = rings(&mut rig, FIRST);
    assert_eq!(places(&rig), [(0, 1), (0, 2), (0, 1)]);
    rig.hangs_up(again);
    rig.wait(secs(35));
    rings(&mut rig, FIRST);
    assert_eq!(places(&rig).last(), Some(&(0, 2)), "too late");
    all_leave(&mut rig);
}

#[test]
fn without_a_time_set_and_without_a_number_nobody_comes_back_to_a_place() {
    for (caller, resume_s) in [(FIRST, 0), ("anonymous", 30)] {
        let mut rig = Rig::new(plan_with(|plan| plan.queues[0].matching.resume_s = resume_s));
        let first = rings(&mut rig, caller);
        rings(&mut rig, SECOND);
        rig.hangs_up(first);
        rig.wait(secs(5));
        rings(&mut rig, caller);
        assert_eq!(places(&rig), [(0, 1), (0, 2), (0, 2)], "{caller}");
        all_leave(&mut rig);
    }
}

#[test]
fn the_log_says_with_each_offer_why_it_was_made() {
    let mut rig = Rig::new(demo_plan());
    rings(&mut rig, FIRST);
    sign_in(&mut rig, A1);
    rig.wait(secs(1));
    let choice = rig.log.iter().find_map(|entry| match &entry.kind {
        Kind::Offered { choice, .. } => *choice,
        _ => None,
    });
    let choice = choice.expect("an offer says why");
    assert_eq!((choice.strategy, choice.candidates), (Strategy::LongestIdle, 1));
    assert!((4_000..=5_000).contains(&choice.waited_ms), "{choice:?}");
    assert_eq!((choice.measure, choice.waiting), (Some(0), 1), "ready in this moment");
    all_leave(&mut rig);
}

/// Who answered, in order.
fn answered(rig: &Rig) -> Vec<AgentId> {
    let agent = |kind: &Kind| match kind {
        Kind::Answered { agent, .. } => Some(*agent),
        _ => None,
    };
    rig.log.iter().filter_map(|entry| agent(&entry.kind)).collect()
}

#[test]
fn a_caller_who_rings_again_is_with_the_agent_of_the_last_time() {
    for (last_agent_s, second) in [(20, A1), (0, A2)] {
        let mut rig =
            Rig::new(plan_with(|plan| plan.queues[0].matching.last_agent_s = last_agent_s));
        sign_in(&mut rig, A1);
        rig.wait(secs(1));
        sign_in(&mut rig, A2);
        let leg = rings(&mut rig, FIRST);
        rig.hangs_up(leg);
        rig.wait(secs(15));
        let again = rings(&mut rig, FIRST);
        assert_eq!(answered(&rig), [A1, second], "{last_agent_s}: agent 2 is idle longer");
        rig.hangs_up(again);
        all_leave(&mut rig);
    }
}

#[test]
fn a_customers_own_agent_comes_before_everybody_for_as_long_as_the_queue_waits() {
    let mut rig = Rig::new(plan_with(|plan| {
        let number = format!("+86{FIRST}");
        plan.known_callers =
            vec![KnownCaller { number, agent: Some(A2), ..KnownCaller::default() }];
        plan.queues[0].matching.own_agent_s = 20;
    }));
    sign_in(&mut rig, A1);
    rig.wait(secs(1));
    sign_in(&mut rig, A2);
    rings(&mut rig, FIRST);
    assert_eq!(answered(&rig), [A2]);
    rings(&mut rig, FIRST);
    assert_eq!(answered(&rig), [A2], "their agent talks, and they wait");
    rig.wait(secs(20));
    assert_eq!(answered(&rig), [A2, A1], "not for ever");
    all_leave(&mut rig);
}

#[test]
fn a_place_of_before_a_kill_is_taken_up_once_whatever_is_killed_in_between() {
    let mut rig = Rig::new(plan_with(|plan| plan.queues[0].matching.resume_s = 60));
    let first = rings(&mut rig, FIRST);
    rings(&mut rig, SECOND);
    rig.hangs_up(first);
    rig.wait(secs(1));
    rig.kill(&[]);
    rings(&mut rig, FIRST);
    assert_eq!(places(&rig), [(0, 1), (0, 2), (0, 1)]);
    rig.kill(&[]);
    rings(&mut rig, FIRST);
    assert_eq!(places(&rig).last(), Some(&(0, 3)), "nobody comes back twice");
    assert_eq!(rig.state().queues[0].waiting, 3);
    all_leave(&mut rig);
}

#[test]
fn whom_a_kill_took_out_of_the_queue_has_their_place_again() {
    let mut rig = Rig::new(plan_with(|plan| plan.queues[0].matching.resume_s = 60));
    let first = rings(&mut rig, FIRST);
    rings(&mut rig, SECOND);
    rig.kill(&[first]);
    rig.wait(secs(5));
    assert_eq!(rig.state().queues[0].waiting, 1);
    rings(&mut rig, FIRST);
    assert_eq!(places(&rig), [(0, 1), (0, 2), (0, 1)]);
    all_leave(&mut rig);
}

#[test]
fn the_agent_of_the_last_time_is_known_after_a_kill() {
    for (last_agent_s, second) in [(20, A1), (0, A2)] {
        let mut rig =
            Rig::new(plan_with(|plan| plan.queues[0].matching.last_agent_s = last_agent_s));
        sign_in(&mut rig, A1);
        rig.wait(secs(1));
        sign_in(&mut rig, A2);
        let leg = rings(&mut rig, FIRST);
        rig.hangs_up(leg);
        rig.wait(secs(15));
        rig.kill(&[]);
        let again = rings(&mut rig, FIRST);
        assert_eq!(answered(&rig), [A1, second], "{last_agent_s}: agent 2 is idle longer");
        rig.hangs_up(again);
        all_leave(&mut rig);
    }
}

#[test]
fn the_agent_of_the_last_time_is_known_after_an_orderly_stop_also_with_a_kill_behind_it() {
    for (last_agent_s, second) in [(20, A1), (0, A2)] {
        let mut rig =
            Rig::new(plan_with(|plan| plan.queues[0].matching.last_agent_s = last_agent_s));
        sign_in(&mut rig, A1);
        let leg = rings(&mut rig, FIRST);
        rig.hangs_up(leg);
        rig.wait(secs(15));
        rig.stop_orderly(secs(86_400));
        rig.kill(&[]);
        sign_in(&mut rig, A2);
        rig.wait(secs(1));
        sign_in(&mut rig, A1);
        let again = rings(&mut rig, FIRST);
        assert_eq!(answered(&rig), [A1, second], "{last_agent_s}: agent 2 is idle longer");
        rig.hangs_up(again);
        all_leave(&mut rig);
    }
}

#[test]
fn a_place_of_before_an_orderly_stop_is_there_for_as_long_as_the_queue_says() {
    for (pause, place) in [(30, 1), (120, 2)] {
        let mut rig = Rig::new(plan_with(|plan| plan.queues[0].matching.resume_s = 60));
        let first = rings(&mut rig, FIRST);
        rig.hangs_up(first);
        rig.wait(secs(1));
        rig.stop_orderly(secs(pause));
        rings(&mut rig, SECOND);
        rings(&mut rig, FIRST);
        assert_eq!(places(&rig)[1..], [(0, 1), (0, place)], "after {pause} s");
        all_leave(&mut rig);
    }
}

#[test]
fn who_waits_for_one_agent_waits_for_them_after_a_kill_and_no_longer_than_before() {
    for leaves in [false, true] {
        let mut rig = Rig::new(plan_with(|plan| {
            let number = format!("+86{FIRST}");
            plan.known_callers =
                vec![KnownCaller { number, agent: Some(A2), ..KnownCaller::default() }];
            plan.queues[0].matching.own_agent_s = 20;
        }));
        sign_in(&mut rig, A1);
        rig.wait(secs(1));
        sign_in(&mut rig, A2);
        rings(&mut rig, FIRST);
        rings(&mut rig, FIRST);
        rig.kill(&[]);
        rig.wait(secs(8));
        assert_eq!(answered(&rig), [A2], "agent 1 is free, and not asked");
        if leaves {
            act(&mut rig, A2, AgentAction::SignOut);
            rig.wait(secs(4));
        } else {
            rig.wait(secs(12));
        }
        assert_eq!(answered(&rig), [A2, A1], "{leaves}: not for ever");
        all_leave(&mut rig);
    }
}
