//! A phone with two calls joins who is in the one with who is in the other, by REFER with Replaces.

use super::guests::room_of;
use super::*;
use crate::sip::user_agent::Command as Sipc;
use crate::switch::{Config, OutLimits};
use std::collections::BTreeMap;
use terms::event::Entry;
use terms::media::Command;
use terms::{QueueId, RecordingId, UserId};

/// Agent 1's phone shows calls that wait.
fn world() -> Rig {
    world_with(Config::default())
}

fn world_with(config: Config) -> Rig {
    let mut plan = demo_plan();
    plan.agents[0].ringing.call_waiting = true;
    let mut rig = Rig::with(plan, config);
    sign_in(&mut rig, A1);
    rig
}

/// A customer of the queue, whom agent 1 holds, and the agent's leg.
fn held(rig: &mut Rig) -> (LegId, LegId) {
    let customer = talking(rig);
    let agent = rig.leg_of(A1).expect("agent 1 talks");
    rig.reinvites(agent, Some("sendonly"));
    (customer, agent)
}

/// The leg that rings agent 1's phone for `caller` and is answered there.
fn answers_second(rig: &mut Rig, before: &[LegId], caller: LegId) -> LegId {
    rig.wait(secs(5));
    let mut new = rig.legs().into_iter();
    let rung = new.find(|leg| *leg != caller && !before.contains(leg));
    let second = rung.expect("the phone has a second call");
    assert_eq!(room_of(rig, second), room_of(rig, caller));
    second
}

/// Another customer calls agent 1 alone: both legs.
fn second_customer(rig: &mut Rig) -> (LegId, LegId) {
    let before = rig.legs();
    let other = rig.customer_dials("95105601");
    (other, answers_second(rig, &before, other))
}

/// A colleague does.
fn second_colleague(rig: &mut Rig) -> (LegId, LegId) {
    sign_in(rig, A2);
    let before = rig.legs();
    let colleague = rig.agent_dials(A2, "1001");
    (colleague, answers_second(rig, &before, colleague))
}

fn refused(rig: &Rig) -> Option<u16> {
    match rig.sip.last() {
        Some(Sipc::RejectRefer { status, .. }) => Some(*status),
        _ => None,
    }
}

/// Who stands on the recordings that run.
fn on_tape(rig: &Rig) -> Vec<Vec<LegId>> {
    let mut tapes: BTreeMap<RecordingId, Vec<LegId>> = BTreeMap::new();
    for command in &rig.media {
        match command {
            Command::RecordStart(start) => {
                let legs = start.parties.iter().map(|party| party.0).collect();
                tapes.insert(start.recording, legs);
            }
            Command::RecordJoin { recording, leg, .. } => {
                tapes.entry(*recording).or_default().push(*leg);
            }
            Command::RecordLeave { recording, leg } => {
                tapes.entry(*recording).or_default().retain(|party| party != leg);
            }
            Command::RecordStop { recording } => {
                tapes.remove(recording);
            }
            _ => {}
        }
    }
    tapes.into_values().collect()
}

/// Each leg of the log ends in the call in which it began, by a name that no other leg has.
fn each_leg_is_of_one_call(rig: &Rig) {
    let mut calls = BTreeMap::new();
    for Entry { call, leg, kind, .. } in &rig.log {
        match kind {
            Kind::LegStarted { .. } => assert!(calls.insert(*leg, *call).is_none(), "{leg:?}"),
            Kind::LegEnded { .. } => assert_eq!(calls.get(leg), Some(call), "{leg:?}"),
            _ => {}
        }
    }
}

fn transfers(rig: &Rig) -> Vec<CallId> {
    let passed = |entry: &&Entry| matches!(entry.kind, Kind::Transferred { .. });
    rig.log.iter().filter(passed).filter_map(|entry| entry.call).collect()
}

#[test]
fn a_phone_with_two_calls_joins_the_others_in_the_queues_call_and_both_lines_end() {
    for from_second in [false, true] {
        let mut rig = world();
        let (customer, agent) = held(&mut rig);
        let (other, second) = second_customer(&mut rig);
        assert_eq!(on_tape(&rig).len(), 2);
        let (by, named) = if from_second { (second, agent) } else { (agent, second) };
        rig.refers_replacing(by, named);
        let told_200 =
            |c: &Sipc| matches!(c, Sipc::ReferProgress { leg, status: 200 } if *leg == by);
        assert!(rig.sip.iter().any(told_200), "{:?}", rig.sip);
        rig.wait(secs(1));
        let left = only_call(&mut rig);
        let live = rig.state().calls.remove(0);
        assert_eq!((live.phase.as_str(), live.queue), ("talking", Some(QueueId(1))));
        assert_eq!(rig.leg_of(A1), None, "both lines are over");
        assert!(room_of(&rig, customer).is_some());
        assert_eq!(room_of(&rig, customer), room_of(&rig, other));
        assert_eq!(on_tape(&rig), [[customer, other]], "as the queue says");
        assert_eq!(states(&rig, A1).last().map(String::as_str), Some("WrapUp"));
        assert_eq!(outcome(&rig), (Outcome::Answered, 16, Party::Agent), "of the other call");
        let passed = transfers(&rig);
        assert_eq!(passed.len(), 2);
        assert!(passed.contains(&left), "each of the two was passed on");
        rig.hangs_up(if from_second { customer } else { other });
        balanced(&mut rig);
        each_leg_is_of_one_call(&rig);
    }
}

#[test]
fn a_colleague_who_waited_has_the_customer_and_is_free_at_no_time_between() {
    for from_second in [false, true] {
        let mut rig = world();
        let (customer, agent) = held(&mut rig);
        let (colleague, second) = second_colleague(&mut rig);
        let before = states(&rig, A2);
        assert_eq!(before.last().map(String::as_str), Some("Talking"));
        // One more waits for whoever is free.
        let next = rig.customer_dials("95105600");
        rig.wait(secs(1));
        let (by, named) = if from_second { (second, agent) } else { (agent, second) };
        rig.refers_replacing(by, named);
        rig.wait(secs(1));
        assert_eq!(room_of(&rig, customer), room_of(&rig, colleague));
        assert!(room_of(&rig, customer).is_some());
        assert!(on_tape(&rig).contains(&vec![customer, colleague]), "{:?}", on_tape(&rig));
        let since = states(&rig, A2).split_off(before.len());
        assert!(since.iter().all(|state| state == "Talking"), "{since:?}");
        let shown = rig.log.iter().rev().find_map(|entry| match entry.kind {
            Kind::AgentChanged { agent, queue, .. } if agent == A2 => Some(queue),
            _ => None,
        });
        assert_eq!(shown, Some(Some(QueueId(1))), "as one of the queue's agents");
        rig.hangs_up(customer);
        rig.wait(secs(1));
        assert_eq!(states(&rig, A2).last().map(String::as_str), Some("WrapUp"));
        rig.hangs_up(next);
        balanced(&mut rig);
        each_leg_is_of_one_call(&rig);
    }
}

#[test]
fn two_who_were_joined_talk_on_after_a_kill_and_are_passed_on_by_who_has_them_then() {
    let mut rig = world();
    let (customer, agent) = held(&mut rig);
    let (colleague, second) = second_colleague(&mut rig);
    rig.refers_replacing(agent, second);
    rig.wait(secs(1));
    rig.kill(&[]);
    rig.wait(secs(1));
    assert_eq!(phase(&mut rig), "talking");
    assert!(rig.legs().contains(&customer) && rig.legs().contains(&colleague));
    sign_in(&mut rig, A3);
    rig.refers(colleague, "1003");
    rig.wait(secs(5));
    assert_eq!(rig.leg_of(A2), None);
    let third = rig.leg_of(A3).expect("agent 3 has them");
    assert_eq!(room_of(&rig, customer), room_of(&rig, third));
    rig.hangs_up(customer);
    balanced(&mut rig);
    each_leg_is_of_one_call(&rig);
}

#[test]
fn calls_are_joined_only_where_nothing_else_is_under_way_and_only_ones_own() {
    let mut rig = world();
    let (customer, agent) = held(&mut rig);
    let (colleague, second) = second_colleague(&mut rig);
    for (by, named) in [(agent, colleague), (customer, second), (colleague, agent)] {
        rig.refers_replacing(by, named);
        assert_eq!(refused(&rig), Some(481), "{by} names {named}");
    }
    rig.reinvites(colleague, Some("sendonly"));
    rig.refers_replacing(agent, second);
    assert_eq!(refused(&rig), Some(491), "the colleague holds");
    rig.reinvites(colleague, Some("sendrecv"));
    rig.reinvites(agent, Some("sendrecv"));
    rig.phones.insert(A3, Phone::Rings);
    let call = rig.state().calls[0].call;
    let action = CallAction::Invite { target: "1003".into() };
    sign_in(&mut rig, A3);
    assert_eq!(rig.ask(Ask::Call { tenant: TENANT, call, action }), Answer::Done);
    rig.refers_replacing(second, agent);
    assert_eq!(refused(&rig), Some(491), "one more is asked in");
    rig.wait(secs(60));
    assert_ne!(room_of(&rig, customer), room_of(&rig, colleague), "nobody was moved");
    rig.refers_replacing(second, agent);
    rig.wait(secs(1));
    assert_eq!(room_of(&rig, customer), room_of(&rig, colleague));
    rig.hangs_up(customer);
    balanced(&mut rig);
}

#[test]
fn who_said_no_to_being_recorded_is_not_recorded_in_the_other_call_either() {
    let mut rig = world();
    let (customer, agent) = held(&mut rig);
    let (other, second) = second_customer(&mut rig);
    let call = rig.state().calls[1].call;
    let action = CallAction::Consent { given: false, own: false, by: UserId(9) };
    assert_eq!(rig.ask(Ask::Call { tenant: TENANT, call, action }), Answer::Done);
    assert_eq!(on_tape(&rig), [[customer, agent]]);
    rig.refers_replacing(agent, second);
    rig.wait(secs(1));
    assert_eq!(room_of(&rig, customer), room_of(&rig, other));
    assert_eq!(on_tape(&rig), Vec::<Vec<LegId>>::new());
    rig.hangs_up(customer);
    balanced(&mut rig);
}

#[test]
fn what_an_agent_called_outside_counts_for_them_in_the_call_that_stays() {
    let out = OutLimits { at_once_max: 1, ..OutLimits::default() };
    let mut rig = world_with(Config { out, ..Config::default() });
    let agent = rig.agent_dials(A1, "013800138001");
    rig.wait(secs(5));
    let outside = rig.legs().into_iter().find(|leg| *leg != agent).expect("they answered");
    let (other, second) = second_customer(&mut rig);
    rig.refers_replacing(second, agent);
    rig.wait(secs(1));
    assert_eq!((phase(&mut rig).as_str(), rig.leg_of(A1)), ("talking", None));
    assert!(room_of(&rig, outside).is_some());
    assert_eq!(room_of(&rig, outside), room_of(&rig, other));
    rig.agent_dials(A1, "013800138002");
    rig.wait(secs(1));
    assert!(told(&rig).contains(&"1 barred: AtOnce".into()), "{:#?}", told(&rig));
    rig.hangs_up(outside);
    balanced(&mut rig);
    each_leg_is_of_one_call(&rig);
}
