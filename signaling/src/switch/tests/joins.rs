//! Somebody comes into a conversation from their own phone: INVITE with Join (RFC 3911).

use super::guests::{recorded, room_of};
use super::*;
use crate::sip::user_agent::{Command as Sipc, Origin};
use crate::switch::Config;
use crate::switch::rig::TRUNK;

/// Agents 1 and 3, of whom the second may come in.
fn rig() -> Rig {
    let mut plan = demo_plan();
    plan.agents[2].calling.join = true;
    let mut rig = Rig::new(plan);
    for agent in [A1, A3] {
        sign_in(&mut rig, agent);
    }
    rig
}

fn rejected(rig: &Rig, of: LegId) -> Option<u16> {
    rig.sip.iter().find_map(|command| match command {
        Sipc::Reject { leg, status, .. } if *leg == of => Some(*status),
        _ => None,
    })
}

#[test]
fn who_has_the_right_comes_in_and_all_hear_each_other() {
    let mut rig = rig();
    let customer = talking(&mut rig);
    let agent = rig.leg_of(A1).expect("agent 1 talks");
    let third = rig.joins(Origin::Agent(A3), agent);
    rig.wait(secs(1));
    assert_eq!(rejected(&rig, third), None);
    assert!(room_of(&rig, third).is_some());
    assert_eq!(room_of(&rig, third), room_of(&rig, customer));
    assert!(recorded(&rig).iter().any(|(leg, _)| *leg == third), "on the recording as all are");
    assert!(told(&rig).contains(&format!("answered {A3}")), "and in the log: {:#?}", told(&rig));
    assert_eq!(states(&rig, A3).last().map(String::as_str), Some("Talking"));
    rig.hangs_up(third);
    rig.wait(secs(1));
    assert_eq!(phase(&mut rig), "talking", "the two go on");
    assert!(recorded(&rig).iter().all(|(leg, _)| *leg != third));
    rig.hangs_up(customer);
    balanced(&mut rig);
}

#[test]
fn nobody_comes_in_without_the_right_or_where_there_is_no_seat() {
    let mut rig = rig();
    let customer = rig.customer_dials("95105600");
    let early = rig.joins(Origin::Agent(A3), customer);
    assert_eq!(rejected(&rig, early), Some(488), "there is no conversation yet");
    rig.wait(secs(5));
    let agent = rig.leg_of(A1).expect("agent 1 talks");
    for (origin, of, status) in [
        (Origin::Agent(A2), agent, 403),
        (Origin::Trunk(TRUNK), agent, 403),
        (Origin::Agent(A3), LegId(99), 603),
    ] {
        let leg = rig.joins(origin, of);
        rig.wait(secs(1));
        assert_eq!(rejected(&rig, leg), Some(status), "{origin:?} names {of}");
    }
    let refused = |rig: &Rig| -> Vec<(String, bool)> {
        let of = |entry: &terms::event::Entry| match entry.kind {
            Kind::JoinRefused { .. } => Some((word(&entry.kind)?, entry.call.is_some())),
            _ => None,
        };
        rig.log.iter().filter_map(of).collect()
    };
    let expected = [(3, 488, true), (2, 403, true), (0, 403, true), (3, 603, false)];
    let expected =
        expected.map(|(who, status, there)| (format!("{who} may not join: {status}"), there));
    assert_eq!(refused(&rig), expected, "and each stands in the log");
    rig.reinvites(agent, Some("sendonly"));
    let held = rig.joins(Origin::Agent(A3), agent);
    assert_eq!(rejected(&rig, held), Some(488), "somebody is on hold");
    rig.reinvites(agent, Some("sendrecv"));
    rig.ports = false;
    let portless = rig.joins(Origin::Agent(A3), agent);
    rig.wait(secs(1));
    assert_eq!(rejected(&rig, portless), Some(503));
    assert_eq!(states(&rig, A3).last().map(String::as_str), Some("Idle"), "and they are free");
    rig.ports = true;
    assert_eq!((phase(&mut rig).as_str(), rig.legs().len()), ("talking", 2));
    rig.hangs_up(customer);
    balanced(&mut rig);
}

#[test]
fn one_more_than_a_conversation_has_seats_for_does_not_come_in() {
    let mut plan = demo_plan();
    (plan.agents[1].calling.join, plan.agents[2].calling.join) = (true, true);
    let mut rig = Rig::with(plan, Config { parties_max: 3, ..Config::default() });
    sign_in(&mut rig, A1);
    let customer = talking(&mut rig);
    let agent = rig.leg_of(A1).expect("agent 1 talks");
    for (who, status) in [(A3, None), (A2, Some(488))] {
        sign_in(&mut rig, who);
        let leg = rig.joins(Origin::Agent(who), agent);
        rig.wait(secs(1));
        assert_eq!(rejected(&rig, leg), status, "{who}");
        assert_eq!(rig.legs().len(), 3, "{who}");
    }
    assert_eq!(states(&rig, A2).last().map(String::as_str), Some("Idle"), "and they are free");
    for leg in rig.legs().into_iter().filter(|&leg| leg != customer) {
        rig.hangs_up(leg);
    }
    rig.wait(secs(1));
    rig.hangs_up(customer);
    balanced(&mut rig);
}

#[test]
fn after_a_kill_who_was_coming_in_is_let_go_and_the_two_go_on() {
    let mut rig = rig();
    let customer = talking(&mut rig);
    let agent = rig.leg_of(A1).expect("agent 1 talks");
    rig.joins(Origin::Agent(A3), agent);
    rig.kill(&[]);
    assert_eq!((phase(&mut rig).as_str(), rig.leg_of(A1)), ("talking", Some(agent)));
    rig.hangs_up(customer);
    balanced(&mut rig);
}
