use super::*;
use crate::sip::user_agent::{Command as Sipc, Event as SipEvent};
use crate::switch::Input;

#[test]
fn a_phone_that_is_not_answered_passes_the_caller_on_and_the_agent_rests() {
    let mut rig = rig_with(&[A1, A2]);
    rig.phones.insert(A1, Phone::Rings);
    let customer = rig.customer_dials("95105600");
    rig.wait(secs(25));
    let told = told(&rig);
    assert!(told.contains(&"offer to 1 ended NoAnswer".into()), "{told:#?}");
    assert!(told.contains(&"answered 2".into()), "{told:#?}");
    assert_eq!(states(&rig, A1), ["Idle", "Ringing", "Break no_answer"]);
    rig.hangs_up(customer);
    balanced(&mut rig);
}

#[test]
fn a_caller_who_rang_in_vain_keeps_the_first_place() {
    let mut rig = rig_with(&[A1]);
    rig.phones.insert(A1, Phone::Rings);
    let first = rig.customer_dials("95105600");
    rig.wait(secs(5));
    let second = rig.customer_dials("95105600");
    rig.wait(secs(20));
    rig.phones.insert(A2, Phone::Answers(secs(1)));
    sign_in(&mut rig, A2);
    rig.wait(secs(5));
    let answered = rig.log.iter().find(|e| matches!(e.kind, Kind::Answered { .. })).unwrap();
    let first_call = rig
        .log
        .first()
        .and_then(|_| rig.log.iter().find(|e| e.leg == Some(first)).and_then(|e| e.call));
    assert_eq!(answered.call, first_call);
    rig.hangs_up(first);
    rig.hangs_up(second);
    balanced(&mut rig);
}

#[test]
fn busy_and_unreachable_phones_are_set_aside_each_with_its_reason() {
    for (status, reason) in [(486, "declined"), (480, "unreachable"), (503, "unreachable")] {
        let mut rig = rig_with(&[A1]);
        rig.phones.insert(A1, Phone::Refuses(status));
        let customer = rig.customer_dials("95105600");
        rig.wait(secs(5));
        let expected = format!("Break {reason}");
        assert_eq!(states(&rig, A1).last(), Some(&expected), "{status}");
        rig.hangs_up(customer);
        balanced(&mut rig);
    }
}

#[test]
fn an_unreachable_agent_comes_back_with_the_phone() {
    let mut rig = rig_with(&[A1]);
    rig.phones.insert(A1, Phone::Refuses(480));
    rig.customer_dials("95105600");
    rig.wait(secs(5));
    rig.phones.insert(A1, Phone::Answers(secs(1)));
    let registered = SipEvent::Registered { tenant: TENANT, agent: A1, registered: true };
    rig.feed(Input::Sip(registered));
    rig.wait(secs(5));
    assert_eq!(phase(&mut rig), "talking");
    assert!(rig.state().agents[0].registered);
}

#[test]
fn an_agent_whose_phone_is_gone_is_not_rung() {
    let mut rig = rig_with(&[A1]);
    let gone = SipEvent::Registered { tenant: TENANT, agent: A1, registered: false };
    rig.feed(Input::Sip(gone));
    rig.customer_dials("95105600");
    rig.wait(secs(5));
    assert_eq!(phase(&mut rig), "waiting");
}

#[test]
fn an_agent_who_logs_out_while_ringing_passes_the_caller_on() {
    let mut rig = rig_with(&[A1, A2]);
    rig.phones.insert(A1, Phone::Rings);
    let customer = rig.customer_dials("95105600");
    rig.wait(secs(2));
    assert_eq!(act(&mut rig, A1, AgentAction::SignOut), Answer::Done);
    rig.wait(secs(5));
    assert!(told(&rig).contains(&"offer to 1 ended Declined".into()));
    assert!(told(&rig).contains(&"answered 2".into()));
    assert_eq!(states(&rig, A1).last().map(String::as_str), Some("SignedOut"));
    rig.hangs_up(customer);
    balanced(&mut rig);
}

#[test]
fn a_sign_out_during_a_conversation_shows_afterwards() {
    let mut rig = rig_with(&[A1]);
    let customer = talking(&mut rig);
    assert_eq!(act(&mut rig, A1, AgentAction::SignOut), Answer::Done);
    assert_eq!(phase(&mut rig), "talking");
    rig.hangs_up(customer);
    balanced(&mut rig);
    assert_eq!(states(&rig, A1), ["Idle", "Ringing", "Talking", "SignedOut"]);
}

#[test]
fn wrap_up_ends_by_the_agent_with_a_disposition_and_a_break_keeps_its_own_reason() {
    let mut rig = rig_with(&[A1]);
    let customer = talking(&mut rig);
    act(&mut rig, A1, AgentAction::Break { reason: "lunch".into() });
    rig.hangs_up(customer);
    let disposition = Some("complaint".to_owned());
    assert_eq!(act(&mut rig, A1, AgentAction::EndWrapUp { disposition }), Answer::Done);
    let states = states(&rig, A1);
    assert_eq!(states[3..], ["WrapUp", "Idle complaint", "Break lunch"].map(String::from));
    let again = act(&mut rig, A1, AgentAction::EndWrapUp { disposition: None });
    assert!(matches!(again, Answer::Refused(_)));
    balanced(&mut rig);
}

#[test]
fn an_agent_signs_in_and_out_by_feature_code() {
    let mut rig = rig_with(&[]);
    let leg = rig.agent_dials(A1, "*41");
    rig.customer_dials("95105600");
    rig.wait(secs(1));
    assert_eq!(heard(&rig, leg), ["signed_in"]);
    assert_eq!(rig.state().queues[0].waiting, 1, "nobody is offered to a phone off the hook");
    rig.wait(secs(10));
    assert!(told(&rig).contains(&"answered 1".into()), "{:#?}", told(&rig));
    for leg in rig.legs() {
        rig.hangs_up(leg);
    }
    rig.wait(secs(20));
    let leg = rig.agent_dials(A1, "*44");
    rig.wait(secs(5));
    assert_eq!(heard(&rig, leg), ["break"]);
    rig.agent_dials(A1, "*42");
    rig.wait(secs(5));
    assert_eq!(states(&rig, A1).last().map(String::as_str), Some("SignedOut"));
    let leg = rig.agent_dials(A1, "*43");
    rig.wait(secs(5));
    assert_eq!(heard(&rig, leg), ["invalid"], "who is signed out cannot be ready");
    balanced(&mut rig);
}

#[test]
fn an_agent_calls_a_colleague_and_the_outside() {
    let mut rig = rig_with(&[A1, A2]);
    let leg = rig.agent_dials(A1, "1002");
    rig.wait(secs(5));
    assert_eq!(phase(&mut rig), "talking");
    assert_eq!(rig.state().queues[0].agents_idle, 0, "both are busy");
    rig.hangs_up(leg);
    rig.wait(secs(1));
    assert_eq!(outcome(&rig), (Outcome::Answered, 16, Party::Agent));

    let leg = rig.agent_dials(A1, "013811112222");
    rig.wait(secs(5));
    let invite = rig.sip.iter().rev().find_map(|command| match command {
        Sipc::Invite(invite) => Some(invite.clone()),
        _ => None,
    });
    assert_eq!(invite.map(|invite| invite.from_user).as_deref(), Some("95105688"));
    assert!(told(&rig).contains(&"call Outbound".into()));
    rig.hangs_up(leg);
    balanced(&mut rig);
    assert_eq!(states(&rig, A1).last().map(String::as_str), Some("Idle"));
}

#[test]
fn a_trunk_that_is_down_is_passed_over() {
    let mut plan = demo_plan();
    let mut other = plan.trunks[0].clone();
    other.id = terms::TrunkId(2);
    plan.trunks.push(other);
    let mut rig = Rig::new(plan);
    sign_in(&mut rig, A1);
    rig.outside = Phone::Refuses(503);
    rig.agent_dials(A1, "013811112222");
    rig.wait(secs(1));
    let trunks = rig.sip.iter().filter(|command| matches!(command, Sipc::Invite(_))).count();
    assert_eq!(trunks, 2);
    assert_eq!(outcome(&rig).0, Outcome::Failed);
    rig.outside = Phone::Refuses(486);
    rig.agent_dials(A1, "013811112222");
    rig.wait(secs(1));
    let trunks = rig.sip.iter().filter(|command| matches!(command, Sipc::Invite(_))).count();
    assert_eq!(trunks, 3, "a busy callee is busy over every trunk");
    balanced(&mut rig);
}

#[test]
fn a_trunk_takes_no_more_than_its_limits() {
    let mut plan = demo_plan();
    plan.trunks[0].calls_max = 2;
    let mut rig = Rig::new(plan);
    for _ in 0..3 {
        rig.customer_dials("95105688");
    }
    assert!(matches!(rig.sip.last(), Some(Sipc::Reject { status: 503, .. })));
    for leg in rig.legs() {
        rig.hangs_up(leg);
    }
    rig.wait(secs(1));
    rig.customer_dials("95105688");
    rig.wait(secs(1));
    assert_eq!(rig.switch.calls(), 1);
}

#[test]
fn the_longest_idle_agent_is_next_and_round_robin_goes_in_turn() {
    let mut rig = rig_with(&[A1]);
    rig.wait(secs(5));
    sign_in(&mut rig, A2);
    let mut answered = Vec::new();
    for _ in 0..4 {
        let customer = talking(&mut rig);
        rig.hangs_up(customer);
        rig.wait(secs(15));
        answered.extend(told(&rig).into_iter().rfind(|word| word.starts_with("answered")));
    }
    assert_eq!(answered, ["answered 1", "answered 2", "answered 1", "answered 2"]);
    balanced(&mut rig);
    let _ = A3;
}
