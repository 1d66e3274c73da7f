//! A call to an agent alone rings the phone on which they talk.

use super::guests::room_of;
use super::*;
use crate::sip::user_agent::Command as Sipc;
use terms::event::{Activity, Forwarding};

/// Agent 1's phone shows calls that wait.
fn world(agents: &[AgentId]) -> Rig {
    let mut plan = demo_plan();
    plan.agents[0].ringing.call_waiting = true;
    let mut rig = Rig::new(plan);
    for &agent in agents {
        sign_in(&mut rig, agent);
    }
    rig
}

/// A customer talks to agent 1 over the queue: both legs.
fn busy(rig: &mut Rig) -> (LegId, LegId) {
    let customer = talking(rig);
    (customer, rig.leg_of(A1).expect("agent 1 talks"))
}

/// Another one calls agent 1 alone: their leg, and the one that rings the phone, if any.
fn calls(rig: &mut Rig) -> (LegId, Option<LegId>) {
    let before = rig.legs();
    let other = rig.customer_dials("95105601");
    rig.wait(secs(1));
    let rung = rig.legs().into_iter().find(|leg| *leg != other && !before.contains(leg));
    (other, rung)
}

fn rejected(rig: &Rig, of: LegId) -> Option<u16> {
    rig.sip.iter().find_map(|command| match command {
        Sipc::Reject { leg, status, .. } if *leg == of => Some(*status),
        _ => None,
    })
}

fn activity(rig: &mut Rig) -> Activity {
    rig.state().agents[0].activity
}

fn forwarded(rig: &Rig) -> usize {
    rig.log.iter().filter(|entry| matches!(entry.kind, Kind::Forwarded { .. })).count()
}

#[test]
fn a_call_waits_at_the_phone_of_who_talks_and_is_answered_with_the_phones_keys() {
    let mut rig = world(&[A1]);
    let (customer, agent) = busy(&mut rig);
    let (other, second) = calls(&mut rig);
    let second = second.expect("the phone has a second call");
    let rings = |c: &Sipc| matches!(c, Sipc::Progress { leg, status: 180, .. } if *leg == other);
    assert!(rig.sip.iter().any(rings), "who calls hears that it rings");
    assert_eq!(states(&rig, A1), ["Idle", "Ringing", "Talking"], "the first goes on");
    rig.reinvites(agent, Some("sendonly"));
    rig.wait(secs(4));
    assert_eq!(heard(&rig, customer).last().map(String::as_str), Some("music/hold"));
    assert!(room_of(&rig, second).is_some());
    assert_eq!(room_of(&rig, second), room_of(&rig, other));
    assert_ne!(room_of(&rig, second), room_of(&rig, customer));
    rig.hangs_up(other);
    rig.wait(secs(1));
    rig.reinvites(agent, Some("sendrecv"));
    assert_eq!(activity(&mut rig), Activity::Talking);
    rig.hangs_up(customer);
    balanced(&mut rig);
    let expected = [
        "Idle", "Ringing", "Talking", "Holding", "Talking", "Holding", "Talking", "WrapUp", "Idle",
    ];
    assert_eq!(states(&rig, A1), expected);
    assert_eq!(told(&rig).iter().filter(|word| *word == "answered 1").count(), 2);
}

#[test]
fn the_first_call_ends_and_the_agent_talks_on_and_no_queue_rings_there_meanwhile() {
    let mut rig = world(&[A1]);
    let (customer, agent) = busy(&mut rig);
    let (other, _) = calls(&mut rig);
    rig.reinvites(agent, Some("sendonly"));
    rig.wait(secs(4));
    rig.hangs_up(customer);
    let next = rig.customer_dials("95105600");
    rig.wait(secs(20));
    assert_eq!(activity(&mut rig), Activity::Talking);
    assert_eq!(told(&rig).iter().filter(|word| *word == "offered 1").count(), 1);
    assert!(!states(&rig, A1).contains(&"WrapUp".into()), "who talks on has no time for it");
    rig.hangs_up(other);
    rig.wait(secs(5));
    assert_eq!(told(&rig).iter().filter(|word| *word == "offered 1").count(), 2);
    assert_eq!(activity(&mut rig), Activity::Talking);
    rig.hangs_up(next);
    balanced(&mut rig);
}

#[test]
fn without_the_setting_and_at_a_phone_that_only_rings_a_second_caller_finds_it_busy() {
    let mut off = rig_with(&[A1]);
    let (customer, _) = busy(&mut off);
    let (other, rung) = calls(&mut off);
    assert_eq!((rung, rejected(&off, other)), (None, Some(486)));
    off.hangs_up(customer);
    balanced(&mut off);

    let mut rig = world(&[A1]);
    rig.phones.insert(A1, Phone::Rings);
    let (first, rung) = calls(&mut rig);
    assert!(rung.is_some());
    let (other, again) = calls(&mut rig);
    assert_eq!((again, rejected(&rig, other)), (None, Some(486)));
    rig.hangs_up(first);
    balanced(&mut rig);
}

#[test]
fn calls_are_forwarded_as_busy_only_when_both_lines_are_used() {
    let mut rig = world(&[A1]);
    let forwarding = Forwarding { busy: Some("1003".into()), ..Forwarding::default() };
    assert_eq!(act(&mut rig, A1, AgentAction::Forward(forwarding)), Answer::Done);
    let (customer, agent) = busy(&mut rig);
    rig.phones.insert(A1, Phone::Rings);
    let (other, rung) = calls(&mut rig);
    assert!(rung.is_some());
    assert_eq!((forwarded(&rig), rig.leg_of(A3)), (0, None));
    let (third, _) = calls(&mut rig);
    assert_eq!(forwarded(&rig), 1);
    assert!(rig.leg_of(A3).is_some(), "{agent} and the one that rings are both there");
    for leg in [customer, other, third] {
        rig.hangs_up(leg);
    }
    balanced(&mut rig);
}

#[test]
fn who_declines_the_second_call_talks_on_and_who_called_is_told_that_they_are_busy() {
    let mut rig = world(&[A1]);
    let (customer, agent) = busy(&mut rig);
    rig.phones.insert(A1, Phone::Refuses(486));
    let (other, _) = calls(&mut rig);
    assert_eq!(rejected(&rig, other), Some(486));
    assert_eq!(states(&rig, A1), ["Idle", "Ringing", "Talking"], "and no break");
    assert!(room_of(&rig, agent).is_some());
    rig.phones.insert(A1, Phone::Rings);
    let (another, rung) = calls(&mut rig);
    assert!(rung.is_some(), "the second line is free again");
    rig.hangs_up(another);
    rig.wait(secs(1));
    assert_eq!(states(&rig, A1), ["Idle", "Ringing", "Talking"]);
    assert_eq!(rig.leg_of(A1), Some(agent), "the phone rings no more");
    rig.hangs_up(customer);
    balanced(&mut rig);
}

#[test]
fn a_caller_who_is_passed_on_waits_there_too_and_the_colleague_is_free() {
    let mut rig = world(&[A1]);
    let (customer, agent) = busy(&mut rig);
    sign_in(&mut rig, A2);
    let other = rig.customer_dials("95105600");
    rig.wait(secs(5));
    let colleague = rig.leg_of(A2).expect("agent 2 has the other");
    rig.refers(colleague, "1001");
    rig.wait(secs(1));
    rig.reinvites(agent, Some("sendonly"));
    rig.wait(secs(5));
    let told = told(&rig);
    assert!(told.contains(&"transferred to 1001".into()), "{told:#?}");
    assert_eq!(told.iter().filter(|word| *word == "answered 1").count(), 2, "{told:#?}");
    assert_eq!(rig.leg_of(A2), None);
    assert!(room_of(&rig, other).is_some());
    assert_ne!(room_of(&rig, other), room_of(&rig, customer));
    rig.hangs_up(other);
    rig.hangs_up(customer);
    balanced(&mut rig);
}

#[test]
fn a_killed_process_keeps_both_calls_and_lets_go_one_that_only_rings() {
    let mut rig = world(&[A1]);
    let (customer, agent) = busy(&mut rig);
    rig.phones.insert(A1, Phone::Rings);
    calls(&mut rig);
    rig.kill(&[]);
    rig.wait(secs(1));
    assert_eq!((rig.leg_of(A1), activity(&mut rig)), (Some(agent), Activity::Talking));
    rig.phones.insert(A1, Phone::Answers(secs(3)));
    let (other, second) = calls(&mut rig);
    let second = second.expect("one more may wait again");
    rig.reinvites(agent, Some("sendonly"));
    rig.wait(secs(4));
    assert_eq!(room_of(&rig, second), room_of(&rig, other));
    rig.kill(&[]);
    rig.wait(secs(1));
    assert!(rig.legs().contains(&agent) && rig.legs().contains(&second));
    assert_eq!(activity(&mut rig), Activity::Talking);
    rig.hangs_up(customer);
    rig.wait(secs(1));
    assert_eq!(activity(&mut rig), Activity::Talking, "with the second");
    rig.hangs_up(other);
    rig.wait(secs(1));
    assert_eq!(activity(&mut rig), Activity::Idle);
    balanced(&mut rig);
}

#[test]
fn of_who_has_two_calls_nobody_guesses_in_which_one_they_ask_somebody_or_want_it_back() {
    let mut rig = world(&[A1, A3]);
    let (customer, agent) = busy(&mut rig);
    let (other, second) = calls(&mut rig);
    let second = second.expect("the phone has a second call");
    rig.reinvites(agent, Some("sendonly"));
    rig.wait(secs(4));
    let asks = rig.agent_dials(A1, "1003");
    rig.wait(secs(1));
    assert_eq!((rejected(&rig, asks), rig.leg_of(A3)), (Some(486), None));
    let wants = rig.agent_dials(A1, "*47");
    rig.wait(secs(1));
    assert_eq!(heard(&rig, wants), ["nothing_to_pick_up"]);
    rig.hangs_up(wants);
    rig.wait(secs(1));
    assert!([agent, second].iter().all(|leg| rig.legs().contains(leg)), "both go on");
    assert_ne!(room_of(&rig, second), room_of(&rig, customer));

    rig.hangs_up(other);
    rig.wait(secs(1));
    let asks = rig.agent_dials(A1, "1003");
    rig.wait(secs(1));
    assert_eq!((rejected(&rig, asks), rig.leg_of(A3).is_some()), (None, true), "one is meant");
    for leg in [asks, customer] {
        rig.hangs_up(leg);
    }
    balanced(&mut rig);
}
