//! Somebody goes on in a new dialog: INVITE with Replaces (RFC 3891).

use super::guests::{invite, recorded, room_of};
use super::*;
use crate::sip::user_agent::{Command as Sipc, Origin};
use crate::switch::rig::TRUNK;
use terms::media::{Command, Side};

pub(super) fn rejected(rig: &Rig, of: LegId) -> Option<u16> {
    rig.sip.iter().find_map(|command| match command {
        Sipc::Reject { leg, status, .. } if *leg == of => Some(*status),
        _ => None,
    })
}

pub(super) fn hung_up(rig: &Rig, of: LegId) -> bool {
    rig.sip.iter().any(|command| matches!(command, Sipc::Hangup { leg, .. } if *leg == of))
}

pub(super) fn times(rig: &Rig, what: &str) -> usize {
    told(rig).iter().filter(|word| word.starts_with(what)).count()
}

#[test]
fn an_agent_goes_on_at_another_phone_in_the_same_call_on_the_same_recording() {
    let mut rig = rig_with(&[A1]);
    let customer = talking(&mut rig);
    let old = rig.leg_of(A1).expect("agent 1 talks");
    let new = rig.replaces(Origin::Agent(A1), old);
    rig.wait(secs(1));
    assert_eq!(phase(&mut rig), "talking");
    assert!(hung_up(&rig, old), "the first phone is free");
    assert_eq!(rig.leg_of(A1), Some(new));
    assert!(room_of(&rig, new).is_some());
    assert_eq!(room_of(&rig, new), room_of(&rig, customer));
    assert_eq!(recorded(&rig), [(customer, Side::Customer), (new, Side::Other)]);
    assert_eq!(states(&rig, A1).last().map(String::as_str), Some("Talking"), "as busy as before");
    assert!(!states(&rig, A1).contains(&"WrapUp".into()));
    rig.hangs_up(customer);
    balanced(&mut rig);
    assert!(states(&rig, A1).contains(&"WrapUp".into()), "after-call work follows as ever");
    assert_eq!((times(&rig, "call "), times(&rig, "ended ")), (1, 1), "{:#?}", told(&rig));
    assert_eq!(times(&rig, "recorded Recorded"), 1, "one recording");
}

#[test]
fn a_customer_is_passed_on_behind_their_trunk_and_whoever_comes_is_the_customer() {
    let mut rig = rig_with(&[A1]);
    let customer = talking(&mut rig);
    let agent = rig.leg_of(A1).expect("agent 1 talks");
    let other = rig.replaces(Origin::Trunk(TRUNK), customer);
    rig.wait(secs(1));
    assert!(hung_up(&rig, customer));
    assert_eq!(room_of(&rig, other), room_of(&rig, agent));
    assert_eq!(recorded(&rig), [(agent, Side::Other), (other, Side::Customer)]);
    assert_eq!(phase(&mut rig), "talking");
    rig.hangs_up(agent);
    rig.wait(secs(1));
    assert_eq!(phase(&mut rig), "survey", "they are asked as the customer");
    rig.hangs_up(other);
    balanced(&mut rig);
    assert_eq!((times(&rig, "call "), times(&rig, "recorded Recorded")), (1, 1));
}

#[test]
fn nobody_takes_the_place_of_somebody_else() {
    let mut rig = rig_with(&[A1, A2]);
    let customer = talking(&mut rig);
    let agent = rig.leg_of(A1).expect("agent 1 talks");
    for (origin, old, status) in [
        (Origin::Agent(A2), agent, 403),
        (Origin::Agent(A1), customer, 403),
        (Origin::Trunk(TRUNK), agent, 403),
        (Origin::Agent(A1), LegId(99), 603),
    ] {
        let leg = rig.replaces(origin, old);
        rig.wait(secs(1));
        assert_eq!(rejected(&rig, leg), Some(status), "{origin:?} names {old}");
        assert_eq!((phase(&mut rig).as_str(), rig.legs().len()), ("talking", 2));
    }
    rig.hangs_up(customer);
    balanced(&mut rig);
}

#[test]
fn where_no_place_is_given_up_the_call_goes_on_as_it_was() {
    let mut rig = rig_with(&[A1, A3]);
    rig.phones.insert(A3, Phone::Answers(secs(3)));
    let waiting = rig.customer_dials("95105600");
    let early = rig.replaces(Origin::Trunk(TRUNK), waiting);
    assert_eq!(rejected(&rig, early), Some(603), "there is no conversation yet");
    rig.wait(secs(5));
    let agent = rig.leg_of(A1).expect("agent 1 talks");
    assert_eq!(invite(&mut rig, "1003"), Answer::Done);
    rig.wait(secs(1));
    let asking = rig.replaces(Origin::Agent(A1), agent);
    assert_eq!(rejected(&rig, asking), Some(491), "somebody is asked in");
    rig.wait(secs(3));
    rig.hangs_up(rig.leg_of(A3).expect("agent 3 came"));
    rig.ports = false;
    let portless = rig.replaces(Origin::Agent(A1), agent);
    rig.wait(secs(1));
    assert_eq!(rejected(&rig, portless), Some(503));
    rig.ports = true;
    let cancelled = rig.replaces(Origin::Agent(A1), agent);
    rig.hangs_up(cancelled);
    rig.wait(secs(1));
    assert_eq!((phase(&mut rig).as_str(), rig.leg_of(A1)), ("talking", Some(agent)));
    rig.hangs_up(waiting);
    balanced(&mut rig);
}

#[test]
fn who_was_on_hold_for_the_old_phone_is_spoken_to_at_the_new_one() {
    let mut rig = rig_with(&[A1]);
    let customer = talking(&mut rig);
    let old = rig.leg_of(A1).expect("agent 1 talks");
    rig.reinvites(old, Some("sendonly"));
    assert_eq!(phase(&mut rig), "holding");
    rig.replaces(Origin::Agent(A1), old);
    rig.wait(secs(1));
    assert_eq!(phase(&mut rig), "talking");
    assert_eq!(states(&rig, A1).last().map(String::as_str), Some("Talking"));
    rig.hangs_up(customer);
    balanced(&mut rig);
}

#[test]
fn who_comes_for_a_customer_on_hold_waits_on_until_the_agent_resumes() {
    let mut rig = rig_with(&[A1]);
    let customer = talking(&mut rig);
    let agent = rig.leg_of(A1).expect("agent 1 talks");
    rig.reinvites(agent, Some("sendonly"));
    let other = rig.replaces(Origin::Trunk(TRUNK), customer);
    rig.wait(secs(1));
    assert!(hung_up(&rig, customer));
    assert_eq!(phase(&mut rig), "holding");
    assert_eq!(states(&rig, A1).last().map(String::as_str), Some("Holding"));
    let at = |what: &dyn Fn(&Command) -> bool| rig.media.iter().position(what);
    let held = at(&|c| *c == Command::Hold { leg: other });
    let joined = at(&|c| matches!(c, Command::Join { leg, .. } if *leg == other));
    assert!(joined.is_some() && held == joined.map(|at| at + 1), "at once");
    assert!(at(&|c| matches!(c, Command::Play { leg, .. } if *leg == other)).is_some(), "music");
    rig.reinvites(agent, Some("sendrecv"));
    assert_eq!(phase(&mut rig), "talking");
    assert!(rig.media.contains(&Command::Resume { leg: other }));
    rig.hangs_up(other);
    balanced(&mut rig);
    assert_eq!((times(&rig, "held"), times(&rig, "resumed")), (2, 2), "each leg by itself");
}

#[test]
fn who_consults_goes_on_with_it_at_another_phone_and_the_customer_waits_on() {
    for answered in [true, false] {
        let mut rig = rig_with(&[A1, A3]);
        if !answered {
            rig.phones.insert(A3, Phone::Rings);
        }
        let customer = talking(&mut rig);
        let old = rig.leg_of(A1).expect("agent 1 talks");
        let target = "1003".into();
        assert_eq!(call_act(&mut rig, CallAction::Consult { target }), Answer::Done);
        rig.wait(secs(5));
        let new = rig.replaces(Origin::Agent(A1), old);
        rig.wait(secs(1));
        assert!(hung_up(&rig, old), "the first phone is free");
        assert_eq!((phase(&mut rig).as_str(), rig.leg_of(A1)), ("consulting", Some(new)));
        assert!(!rig.media.contains(&Command::Resume { leg: customer }), "they hear music");
        assert_eq!(states(&rig, A1).last().map(String::as_str), Some("Holding"));
        if answered {
            let colleague = rig.leg_of(A3).expect("agent 3 is asked");
            assert_eq!(room_of(&rig, new), room_of(&rig, colleague));
        } else {
            assert_eq!(heard(&rig, new).last().map(String::as_str), Some("Ringback"));
        }
        assert_eq!(call_act(&mut rig, CallAction::EndConsultation), Answer::Done);
        assert_eq!(phase(&mut rig), "talking");
        assert!(rig.media.contains(&Command::Resume { leg: customer }));
        rig.hangs_up(customer);
        balanced(&mut rig);
    }
}

#[test]
fn the_first_line_of_two_goes_to_another_phone_and_the_second_talks_on() {
    for ends in ["second", "first", "customer"] {
        let mut rig = rig_with(&[A1, A3]);
        let customer = talking(&mut rig);
        let first = rig.leg_of(A1).expect("agent 1 talks");
        rig.reinvites(first, Some("sendonly"));
        let second = rig.agent_dials(A1, "1003");
        rig.wait(secs(5));
        let colleague = rig.leg_of(A3).expect("agent 3 is asked");
        let new = rig.replaces(Origin::Agent(A1), first);
        rig.wait(secs(1));
        assert!(hung_up(&rig, first), "the first phone has one line left");
        assert!(room_of(&rig, new).is_some());
        assert_eq!(room_of(&rig, new), room_of(&rig, customer));
        assert_eq!(room_of(&rig, second), room_of(&rig, colleague));
        assert!(rig.media.contains(&Command::Resume { leg: customer }), "they are spoken to");
        assert_eq!(states(&rig, A1).last().map(String::as_str), Some("Talking"));
        match ends {
            "second" => {
                rig.hangs_up(second);
                assert_eq!((phase(&mut rig).as_str(), rig.leg_of(A3)), ("talking", None));
                assert_eq!(rig.leg_of(A1), Some(new));
                rig.hangs_up(customer);
            }
            "first" => {
                rig.hangs_up(new);
                assert!(!rig.legs().contains(&second), "the agent has left the conversation");
                rig.hangs_up(customer);
            }
            _ => {
                rig.hangs_up(customer);
                rig.wait(secs(1));
                assert_eq!(rig.leg_of(A1), Some(second), "the two talk on");
                assert_eq!(room_of(&rig, second), room_of(&rig, colleague));
                rig.hangs_up(colleague);
            }
        }
        balanced(&mut rig);
        assert_eq!((times(&rig, "call "), times(&rig, "ended ")), (1, 1), "{:#?}", told(&rig));
    }
}

#[test]
fn a_customer_who_is_passed_on_during_a_consultation_waits_behind_the_new_trunk() {
    let mut rig = rig_with(&[A1, A3]);
    let customer = talking(&mut rig);
    let target = "1003".into();
    assert_eq!(call_act(&mut rig, CallAction::Consult { target }), Answer::Done);
    rig.wait(secs(5));
    let colleague = rig.leg_of(A3).expect("agent 3 is asked");
    let other = rig.replaces(Origin::Trunk(TRUNK), customer);
    rig.wait(secs(1));
    assert!(hung_up(&rig, customer));
    assert_eq!(phase(&mut rig), "consulting");
    assert!(rig.media.contains(&Command::Hold { leg: other }), "they hear nothing of it");
    assert_eq!(heard(&rig, other).last().map(String::as_str), Some("music/hold"));
    assert_eq!(call_act(&mut rig, CallAction::CompleteConsultation), Answer::Done);
    rig.wait(secs(1));
    assert_eq!(room_of(&rig, other), room_of(&rig, colleague));
    assert!(rig.media.contains(&Command::Resume { leg: other }));
    rig.hangs_up(other);
    balanced(&mut rig);
}

#[test]
fn after_a_kill_the_new_leg_is_let_go_and_the_old_one_goes_on() {
    let mut rig = rig_with(&[A1]);
    let customer = talking(&mut rig);
    let old = rig.leg_of(A1).expect("agent 1 talks");
    rig.replaces(Origin::Agent(A1), old);
    rig.kill(&[]);
    assert_eq!((phase(&mut rig).as_str(), rig.leg_of(A1)), ("talking", Some(old)));
    rig.hangs_up(customer);
    balanced(&mut rig);
}
