//! A phone consults on its second line and passes the customer on by REFER with Replaces.

use super::guests::{recorded, room_of};
use super::*;
use crate::sip::user_agent::Command as Sipc;
use terms::media::Side;

/// The customer, agent 1 who holds them, and agent 1's second line, on which 1003 was dialled.
fn dials_second(rig: &mut Rig) -> (LegId, LegId, LegId) {
    let customer = talking(rig);
    let agent = rig.leg_of(A1).expect("agent 1 talks");
    rig.reinvites(agent, Some("sendonly"));
    let second = rig.agent_dials(A1, "1003");
    rig.wait(secs(1));
    (customer, agent, second)
}

fn refused(rig: &Rig) -> Option<u16> {
    match rig.sip.last() {
        Some(Sipc::RejectRefer { status, .. }) => Some(*status),
        _ => None,
    }
}

fn rejected(rig: &Rig, of: LegId) -> Option<u16> {
    rig.sip.iter().find_map(|command| match command {
        Sipc::Reject { leg, status, .. } if *leg == of => Some(*status),
        _ => None,
    })
}

#[test]
fn a_phone_with_two_lines_joins_the_others_and_both_lines_end() {
    for from_second in [false, true] {
        let mut rig = rig_with(&[A1, A3]);
        let (customer, agent, second) = dials_second(&mut rig);
        assert_eq!(phase(&mut rig), "consulting");
        let rings =
            |c: &Sipc| matches!(c, Sipc::Progress { leg, status: 180, .. } if *leg == second);
        assert!(rig.sip.iter().any(rings), "the phone hears that it rings");
        assert_eq!(heard(&rig, customer).last().map(String::as_str), Some("music/hold"));
        rig.wait(secs(5));
        let colleague = rig.leg_of(A3).expect("agent 3 is asked");
        assert!(room_of(&rig, second).is_some());
        assert_eq!(room_of(&rig, second), room_of(&rig, colleague));
        assert_ne!(room_of(&rig, second), room_of(&rig, customer), "the customer is elsewhere");
        assert_eq!(recorded(&rig).len(), 4, "all lines are on the recording");
        let together = call_act(&mut rig, CallAction::JoinConsultation);
        let why = "the phone has two calls: join them there";
        assert_eq!(together, Answer::Refused(why.into()));
        let (by, other) = if from_second { (second, agent) } else { (agent, second) };
        rig.refers_replacing(by, other);
        let told_200 =
            |c: &Sipc| matches!(c, Sipc::ReferProgress { leg, status: 200 } if *leg == by);
        assert!(rig.sip.iter().any(told_200), "{:?}", rig.sip);
        rig.wait(secs(1));
        assert_eq!((phase(&mut rig).as_str(), rig.leg_of(A1)), ("talking", None));
        assert!(room_of(&rig, customer).is_some());
        assert_eq!(room_of(&rig, customer), room_of(&rig, colleague));
        assert_eq!(recorded(&rig), [(customer, Side::Customer), (colleague, Side::Other)]);
        assert_eq!(states(&rig, A1).last().map(String::as_str), Some("WrapUp"));
        rig.hangs_up(customer);
        balanced(&mut rig);
        let told = told(&rig);
        let place = |what: &str| told.iter().position(|word| word == what);
        assert!(place("1 consults 1003") < place("1 is advised"), "{told:#?}");
        assert!(place("1 consulted: Transferred") < place("transferred to 1003"), "{told:#?}");
        assert!(place("transferred to 1003") < place("resumed"), "{told:#?}");
        assert!(place("resumed") < place("released 1 by Agent"), "{told:#?}");
    }
}

#[test]
fn the_screen_passes_on_or_takes_back_whom_the_second_line_is_about() {
    for on in [true, false] {
        let mut rig = rig_with(&[A1, A3]);
        let (customer, agent, second) = dials_second(&mut rig);
        rig.wait(secs(5));
        let action = match on {
            true => CallAction::CompleteConsultation,
            false => CallAction::EndConsultation,
        };
        assert_eq!(call_act(&mut rig, action), Answer::Done);
        assert!(!rig.legs().contains(&second));
        assert_eq!((rig.leg_of(A3).is_some(), rig.legs().contains(&agent)), (on, !on));
        assert_eq!(phase(&mut rig), if on { "talking" } else { "holding" });
        rig.hangs_up(customer);
        balanced(&mut rig);
    }
}

#[test]
fn a_dialog_of_somebody_else_is_replaced_by_nobody() {
    let mut rig = rig_with(&[A1, A2, A3]);
    let (customer, agent, second) = dials_second(&mut rig);
    rig.refers_replacing(agent, second);
    assert_eq!(refused(&rig), Some(491), "nobody answered yet");
    rig.wait(secs(5));
    let colleague = rig.leg_of(A3).expect("agent 3 is asked");
    let stranger = rig.customer_dials("95105600");
    rig.wait(secs(5));
    let other = rig.leg_of(A2).expect("agent 2 has the stranger");
    for (by, named) in [
        (agent, stranger),
        (agent, other),
        (agent, colleague),
        (agent, customer),
        (agent, agent),
        (customer, second),
        (colleague, agent),
        (other, second),
        (stranger, customer),
        (agent, LegId(99)),
    ] {
        rig.refers_replacing(by, named);
        assert_eq!(refused(&rig), Some(481), "{by} names {named}");
    }
    assert_eq!(rig.state().calls[0].phase, "consulting", "nobody was moved");
    rig.refers_replacing(agent, second);
    assert_eq!(room_of(&rig, customer), room_of(&rig, colleague));
    for leg in rig.legs() {
        rig.hangs_up(leg);
    }
    balanced(&mut rig);
}

#[test]
fn whichever_line_ends_first_the_rest_is_in_order() {
    for ends in ["second", "colleague", "first"] {
        let mut rig = rig_with(&[A1, A3]);
        let (customer, agent, second) = dials_second(&mut rig);
        rig.wait(secs(5));
        let colleague = rig.leg_of(A3).expect("agent 3 is asked");
        rig.hangs_up(match ends {
            "second" => second,
            "colleague" => colleague,
            _ => agent,
        });
        assert_eq!(rig.leg_of(A3), None, "{ends}");
        assert!(!rig.legs().contains(&second), "{ends}");
        match ends {
            "second" | "colleague" => {
                assert_eq!(phase(&mut rig), "holding", "the phone still holds");
                rig.reinvites(agent, Some("sendrecv"));
                assert_eq!(phase(&mut rig), "talking");
                rig.hangs_up(customer);
            }
            _ => {
                rig.wait(secs(1));
                assert_eq!(phase(&mut rig), "survey");
                rig.hangs_up(customer);
            }
        }
        balanced(&mut rig);
        assert!(!told(&rig).contains(&"transferred to 1003".to_owned()), "{ends}");
    }
}

#[test]
fn a_customer_who_hangs_up_ends_their_line_and_the_two_who_consult_talk_on() {
    let mut rig = rig_with(&[A1, A3]);
    let (customer, agent, second) = dials_second(&mut rig);
    rig.wait(secs(5));
    let colleague = rig.leg_of(A3).expect("agent 3 is asked");
    rig.hangs_up(customer);
    rig.wait(secs(1));
    let mut left = rig.legs();
    left.sort_unstable();
    let mut expected = vec![second, colleague];
    expected.sort_unstable();
    assert_eq!(left, expected, "the first line is gone with the customer: {agent}");
    assert_eq!(phase(&mut rig), "talking");
    assert!(room_of(&rig, second).is_some());
    assert_eq!(room_of(&rig, second), room_of(&rig, colleague));
    assert_eq!(states(&rig, A1).last().map(String::as_str), Some("Talking"), "as busy as before");
    let mut on_tape: Vec<LegId> = recorded(&rig).into_iter().map(|(leg, _)| leg).collect();
    on_tape.sort_unstable();
    assert_eq!(on_tape, expected);
    rig.hangs_up(colleague);
    balanced(&mut rig);
    let told = told(&rig);
    assert!(told.contains(&"1 consulted: CustomerLeft".into()), "{told:#?}");
    assert!(states(&rig, A1).contains(&"WrapUp".into()), "after-call work follows as ever");
}

#[test]
fn a_customer_who_hangs_up_while_the_second_line_rings_ends_their_own_and_the_other_is_answered() {
    let mut rig = rig_with(&[A1, A3]);
    let (customer, agent, second) = dials_second(&mut rig);
    rig.hangs_up(customer);
    rig.wait(secs(1));
    let colleague = rig.leg_of(A3).expect("their phone rings on");
    assert!(rig.legs().contains(&second) && !rig.legs().contains(&agent));
    assert_eq!(phase(&mut rig), "ringing");
    assert_eq!(states(&rig, A1).last().map(String::as_str), Some("Ringing"), "as who dials");
    assert_eq!(recorded(&rig), [], "nobody talks");
    rig.wait(secs(3));
    assert_eq!(phase(&mut rig), "talking");
    assert!(room_of(&rig, second).is_some());
    assert_eq!(room_of(&rig, second), room_of(&rig, colleague));
    rig.hangs_up(colleague);
    rig.wait(secs(1));
    assert_eq!(states(&rig, A1).last().map(String::as_str), Some("WrapUp"), "for the customer");
    assert_eq!(states(&rig, A3).last().map(String::as_str), Some("Idle"));
    balanced(&mut rig);
    assert_eq!(outcome(&rig), (Outcome::Answered, 16, Party::Customer));
    assert!(told(&rig).contains(&"1 consulted: CustomerLeft".into()), "{:#?}", told(&rig));
}

#[test]
fn a_second_line_that_rings_on_without_the_customer_ends_as_any_call_that_nobody_answers() {
    for status in [Some(480), None] {
        let mut rig = rig_with(&[A1, A3]);
        rig.phones.insert(A3, Phone::Rings);
        let (customer, _, second) = dials_second(&mut rig);
        rig.hangs_up(customer);
        rig.wait(secs(1));
        assert_eq!(rig.legs().len(), 2, "the second line and the phone that rings");
        match status {
            Some(_) => rig.wait(secs(60)),
            None => rig.hangs_up(second),
        }
        rig.wait(secs(1));
        assert_eq!((rejected(&rig, second), rig.legs()), (status, vec![]));
        assert!(states(&rig, A1).contains(&"WrapUp".into()));
        balanced(&mut rig);
        assert_eq!(outcome(&rig).0, Outcome::Answered);
    }
}

#[test]
fn a_second_line_that_leads_to_nobody_is_refused_and_the_customer_stays() {
    let mut rig = rig_with(&[A1, A3]);
    let customer = talking(&mut rig);
    for (phone, status) in [(Phone::Refuses(486), 486), (Phone::Rings, 480)] {
        rig.phones.insert(A3, phone);
        let second = rig.agent_dials(A1, "1003");
        rig.wait(secs(60));
        assert_eq!(rejected(&rig, second), Some(status), "{phone:?}");
        assert_eq!((phase(&mut rig).as_str(), rig.legs().len()), ("talking", 2));
    }
    for (called, status) in
        [("1001", 486), ("00442071234567", 403), ("95105602", 486), ("5555", 404)]
    {
        let second = rig.agent_dials(A1, called);
        rig.wait(secs(1));
        assert_eq!(rejected(&rig, second), Some(status), "{called}");
    }
    rig.ports = false;
    let second = rig.agent_dials(A1, "1003");
    rig.wait(secs(1));
    assert_eq!(rejected(&rig, second), Some(503));
    rig.ports = true;
    assert_eq!((phase(&mut rig).as_str(), rig.legs().len()), ("talking", 2));
    rig.hangs_up(customer);
    balanced(&mut rig);
}

#[test]
fn after_a_kill_the_second_line_is_let_go_and_the_phone_still_holds() {
    let mut rig = rig_with(&[A1, A3]);
    let (customer, agent, second) = dials_second(&mut rig);
    rig.wait(secs(5));
    rig.kill(&[]);
    assert_eq!((phase(&mut rig).as_str(), rig.leg_of(A3)), ("holding", None));
    assert!(!rig.legs().contains(&second) && rig.legs().contains(&agent));
    rig.reinvites(agent, Some("sendrecv"));
    assert_eq!(phase(&mut rig), "talking");
    rig.hangs_up(customer);
    balanced(&mut rig);
}
