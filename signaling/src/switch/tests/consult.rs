//! Somebody is asked first while the customer waits.

use super::guests::{recorded, room_of};
use super::*;
use crate::sip::user_agent::{Command as Sipc, Event as SipEvent};
use crate::switch::Input;
use terms::UserId;
use terms::control::SupervisorPhone;
use terms::event::SupervisionMode;
use terms::media::{Command, Side};

fn consult(rig: &mut Rig, target: &str) -> Answer {
    call_act(rig, CallAction::Consult { target: target.into() })
}

fn why_not(rig: &mut Rig, action: CallAction) -> String {
    match call_act(rig, action.clone()) {
        Answer::Refused(why) => why,
        other => panic!("{action:?}: {other:?}"),
    }
}

/// A customer who waits, agent 1, and agent 3 whom agent 1 consults.
fn consulting(rig: &mut Rig) -> (LegId, LegId, LegId) {
    let customer = talking(rig);
    assert_eq!(consult(rig, "1003"), Answer::Done);
    rig.wait(secs(5));
    assert_eq!(phase(rig), "consulting");
    let agent = rig.leg_of(A1).expect("agent 1 talks");
    (customer, agent, rig.leg_of(A3).expect("agent 3 is asked"))
}

/// Neither hears nor is heard, as media was told last.
fn is_held(rig: &Rig, of: LegId) -> bool {
    rig.media.iter().fold(false, |held, command| match command {
        Command::Hold { leg } if *leg == of => true,
        Command::Resume { leg } if *leg == of => false,
        _ => held,
    })
}

/// Nothing was said or done between these that lets the customer hear who is consulted.
fn held_before_anybody_came(rig: &Rig, customer: LegId, guest: LegId) -> bool {
    let place = |what: &Command| rig.media.iter().position(|command| command == what);
    let held = place(&Command::Hold { leg: customer });
    let came = rig
        .media
        .iter()
        .position(|command| matches!(command, Command::Join { leg, .. } if *leg == guest));
    let heard = place(&Command::Resume { leg: customer });
    held.is_some() && held < came && heard.is_none()
}

#[test]
fn who_is_consulted_talks_with_the_agent_while_the_customer_hears_music_and_then_has_them() {
    let mut rig = rig_with(&[A1, A3]);
    let customer = talking(&mut rig);
    let agent = rig.leg_of(A1).expect("agent 1 talks");
    assert_eq!(consult(&mut rig, "1003"), Answer::Done);
    rig.wait(secs(1));
    assert_eq!(phase(&mut rig), "consulting");
    assert_eq!(heard(&rig, customer).last().map(String::as_str), Some("music/hold"));
    assert_eq!(heard(&rig, agent).last().map(String::as_str), Some("Ringback"));
    rig.wait(secs(5));
    let colleague = rig.leg_of(A3).expect("agent 3 is asked");
    assert!(held_before_anybody_came(&rig, customer, colleague), "{:#?}", rig.media);
    assert_eq!(room_of(&rig, agent), room_of(&rig, colleague), "the two talk");
    assert_eq!(
        recorded(&rig),
        [(customer, Side::Customer), (agent, Side::Other), (colleague, Side::Other)],
        "the recording goes on as on hold"
    );
    assert_eq!(states(&rig, A1).last().map(String::as_str), Some("Holding"));
    assert_eq!(states(&rig, A3).last().map(String::as_str), Some("Talking"));
    assert_eq!(call_act(&mut rig, CallAction::CompleteConsultation), Answer::Done);
    rig.wait(secs(1));
    assert_eq!(phase(&mut rig), "talking");
    assert_eq!(rig.leg_of(A1), None, "agent 1 is out");
    assert_eq!(states(&rig, A1).last().map(String::as_str), Some("WrapUp"));
    assert!(!is_held(&rig, customer));
    assert_eq!(room_of(&rig, customer), room_of(&rig, colleague));
    assert_eq!(recorded(&rig), [(customer, Side::Customer), (colleague, Side::Other)]);
    rig.hangs_up(customer);
    balanced(&mut rig);
    let told = told(&rig);
    let from = told.iter().position(|word| word == "1 consults 1003").expect("consulted");
    assert_eq!(
        told[from..],
        [
            "1 consults 1003",
            "held by Agent",
            "leg Agent",
            "ringing",
            "leg answered",
            "1 is advised",
            "answered 3",
            "1 consulted: Transferred",
            "transferred to 1003",
            "resumed",
            "released 1 by Agent",
            "leg ended 16 by Agent",
            "released 3 by Customer",
            "recorded Recorded",
            "leg ended 16 by Customer",
            "leg ended 16 by Customer",
            "ended Answered 16 by Customer",
        ]
        .map(String::from),
        "{told:#?}"
    );
    let kinds: Vec<_> = rig
        .log
        .iter()
        .filter_map(|entry| match &entry.kind {
            Kind::Transferred { kind, agent, .. } => Some((*kind, *agent)),
            _ => None,
        })
        .collect();
    assert_eq!(kinds, [(terms::event::TransferKind::Attended, A1)]);
    assert!(states(&rig, A3).contains(&"WrapUp".to_owned()), "who has the customer has the work");
}

#[test]
fn an_agent_comes_back_to_the_customer_and_may_consult_again() {
    let mut rig = rig_with(&[A1, A3]);
    let (customer, agent, _) = consulting(&mut rig);
    assert_eq!(call_act(&mut rig, CallAction::EndConsultation), Answer::Done);
    rig.wait(secs(1));
    assert_eq!((phase(&mut rig).as_str(), rig.leg_of(A3)), ("talking", None));
    assert!(!is_held(&rig, customer));
    assert_eq!(recorded(&rig), [(customer, Side::Customer), (agent, Side::Other)]);
    assert_eq!(states(&rig, A1).last().map(String::as_str), Some("Talking"));
    assert_eq!(states(&rig, A3).last().map(String::as_str), Some("Idle"));
    rig.phones.insert(A3, Phone::Rings);
    assert_eq!(consult(&mut rig, "1003"), Answer::Done);
    rig.wait(secs(1));
    assert_eq!(call_act(&mut rig, CallAction::EndConsultation), Answer::Done, "while it rings");
    assert_eq!((phase(&mut rig).as_str(), rig.leg_of(A3)), ("talking", None));
    rig.hangs_up(customer);
    balanced(&mut rig);
    let told = told(&rig);
    let ends = |what: &str| told.iter().filter(|word| *word == what).count();
    assert_eq!((ends("1 consulted: Returned"), ends("held by Agent"), ends("resumed")), (2, 2, 2));
    assert_eq!(ends("transferred to 1003"), 0);
}

#[test]
fn all_three_talk_when_the_agent_wants_it_so() {
    let mut rig = rig_with(&[A1, A3]);
    let (customer, agent, colleague) = consulting(&mut rig);
    assert_eq!(call_act(&mut rig, CallAction::JoinConsultation), Answer::Done);
    assert_eq!(phase(&mut rig), "talking");
    let room = room_of(&rig, customer);
    assert!(room.is_some() && room_of(&rig, agent) == room && room_of(&rig, colleague) == room);
    assert!(!is_held(&rig, customer));
    assert_eq!(states(&rig, A1).last().map(String::as_str), Some("Talking"));
    rig.hangs_up(agent);
    assert_eq!(phase(&mut rig), "talking", "the rest go on");
    rig.hangs_up(customer);
    balanced(&mut rig);
    assert!(told(&rig).contains(&"1 consulted: Conference".to_owned()), "{:#?}", told(&rig));
}

#[test]
fn a_customer_waits_on_where_nobody_can_be_asked_until_the_agent_resumes() {
    let mut rig = rig_with(&[A1, A3]);
    let customer = talking(&mut rig);
    for phone in [Some(Phone::Rings), Some(Phone::Refuses(486)), None] {
        rig.ports = phone.is_some();
        rig.phones.insert(A3, phone.unwrap_or(Phone::Silent));
        assert_eq!(consult(&mut rig, "1003"), Answer::Done);
        rig.wait(secs(60));
        assert_eq!(phase(&mut rig), "holding", "{phone:?}");
        assert!(is_held(&rig, customer), "what the agent says now is not for the customer");
        assert_eq!((rig.leg_of(A3), rig.legs().len()), (None, 2), "{phone:?}");
        assert_eq!(states(&rig, A3).last().map(String::as_str), Some("Idle"), "{phone:?}");
        assert_eq!(call_act(&mut rig, CallAction::Resume), Answer::Done);
        assert_eq!(phase(&mut rig), "talking");
        assert!(!is_held(&rig, customer));
    }
    rig.ports = true;
    rig.hangs_up(customer);
    balanced(&mut rig);
    let ends = told(&rig).iter().filter(|word| *word == "1 consulted: Unanswered").count();
    assert_eq!(ends, 3);
}

#[test]
fn a_customer_waits_on_when_who_was_consulted_hangs_up() {
    let mut rig = rig_with(&[A1, A3]);
    let (customer, agent, colleague) = consulting(&mut rig);
    rig.hangs_up(colleague);
    assert_eq!(phase(&mut rig), "holding");
    assert!(is_held(&rig, customer));
    assert_eq!(recorded(&rig), [(customer, Side::Customer), (agent, Side::Other)]);
    assert_eq!(consult(&mut rig, "1003"), Answer::Done, "the agent asks again");
    rig.wait(secs(5));
    assert_eq!(call_act(&mut rig, CallAction::CompleteConsultation), Answer::Done);
    assert!(!is_held(&rig, customer));
    rig.hangs_up(customer);
    balanced(&mut rig);
    let told = told(&rig);
    assert!(told.contains(&"1 consulted: Left".to_owned()), "{told:#?}");
    assert_eq!(told.iter().filter(|word| *word == "held by Agent").count(), 1, "one hold");
}

#[test]
fn a_customer_who_hangs_up_meanwhile_leaves_the_two_to_themselves() {
    for answered in [true, false] {
        let mut rig = rig_with(&[A1, A3]);
        let customer = talking(&mut rig);
        if !answered {
            rig.phones.insert(A3, Phone::Rings);
        }
        assert_eq!(consult(&mut rig, "1003"), Answer::Done);
        rig.wait(secs(5));
        let agent = rig.leg_of(A1).expect("agent 1 talks");
        rig.hangs_up(customer);
        if answered {
            let colleague = rig.leg_of(A3).expect("agent 3 was asked");
            assert_eq!(phase(&mut rig), "talking");
            assert_eq!(recorded(&rig), [(agent, Side::Other), (colleague, Side::Other)]);
            assert_eq!(states(&rig, A1).last().map(String::as_str), Some("Talking"));
            rig.hangs_up(colleague);
        }
        assert_eq!(rig.legs(), [], "nobody rings for nobody");
        balanced(&mut rig);
        let told = told(&rig);
        assert!(told.contains(&"1 consulted: CustomerLeft".to_owned()), "{told:#?}");
        assert!(told.contains(&"resumed".to_owned()), "{told:#?}");
    }
}

#[test]
fn an_agent_who_hangs_up_passes_the_customer_on_or_ends_the_conversation() {
    let mut rig = rig_with(&[A1, A3]);
    let (customer, agent, colleague) = consulting(&mut rig);
    rig.hangs_up(agent);
    assert_eq!(phase(&mut rig), "talking");
    assert!(!is_held(&rig, customer));
    assert_eq!(room_of(&rig, customer), room_of(&rig, colleague));
    rig.hangs_up(colleague);
    rig.wait(secs(1));
    assert_eq!(phase(&mut rig), "survey");
    rig.hangs_up(customer);
    balanced(&mut rig);
    assert!(told(&rig).contains(&"transferred to 1003".to_owned()));

    let mut rig = rig_with(&[A1, A3]);
    rig.phones.insert(A3, Phone::Rings);
    let customer = talking(&mut rig);
    assert_eq!(consult(&mut rig, "1003"), Answer::Done);
    rig.wait(secs(1));
    rig.hangs_up(rig.leg_of(A1).expect("agent 1 talks"));
    assert_eq!(rig.leg_of(A3), None, "the phone stops");
    rig.wait(secs(1));
    assert_eq!(phase(&mut rig), "survey");
    rig.hangs_up(customer);
    balanced(&mut rig);
}

#[test]
fn a_screen_that_hangs_up_ends_the_consultation_too() {
    let mut rig = rig_with(&[A1, A3]);
    let (customer, ..) = consulting(&mut rig);
    assert_eq!(call_act(&mut rig, CallAction::Hangup), Answer::Done);
    assert_eq!((rig.leg_of(A1), rig.leg_of(A3)), (None, None));
    rig.wait(secs(1));
    assert_eq!(phase(&mut rig), "survey");
    rig.hangs_up(customer);
    balanced(&mut rig);
    assert!(told(&rig).contains(&"1 consulted: Over".to_owned()), "{:#?}", told(&rig));
}

#[test]
fn of_a_queue_who_has_been_free_longest_is_asked_and_nobody_waits_in_line() {
    let mut rig = rig_with(&[A1]);
    for agent in [A2, A3] {
        let phone = SipEvent::Registered { tenant: TENANT, agent, registered: true };
        rig.feed(Input::Sip(phone));
    }
    sign_in(&mut rig, A3);
    rig.wait(secs(1));
    sign_in(&mut rig, A2);
    let customer = talking(&mut rig);
    for free in [A3, A2] {
        assert_eq!(consult(&mut rig, "queue:2"), Answer::Done);
        rig.wait(secs(5));
        assert!(rig.leg_of(free).is_some(), "{free} is asked");
        assert_eq!(call_act(&mut rig, CallAction::EndConsultation), Answer::Done);
        act(&mut rig, free, AgentAction::SignOut);
    }
    let action = CallAction::Consult { target: "queue:2".into() };
    assert!(why_not(&mut rig, action).contains("no agent of this queue is free"));
    assert_eq!(phase(&mut rig), "talking", "the customer was not held for it");
    rig.hangs_up(customer);
    balanced(&mut rig);
    assert!(!told(&rig).iter().any(|word| word.starts_with("enqueued 2")));
}

#[test]
fn what_cannot_be_is_refused_with_a_sentence_and_changes_nothing() {
    let mut rig = rig_with(&[A1, A3]);
    let to = |target: &str| CallAction::Consult { target: target.into() };
    let customer = rig.customer_dials("95105600");
    assert!(why_not(&mut rig, to("1003")).contains("no conversation"));
    rig.wait(secs(5));
    for (target, why) in [
        ("1001", "not free"),
        ("95105602", "only an agent or a number outside"),
        ("5555", "nothing answers"),
        ("queue:99", "no such queue"),
        ("queue:x", "no such queue"),
        ("00442071234567", "no right"),
    ] {
        let told = why_not(&mut rig, to(target));
        assert!(told.contains(why), "{target}: {told}");
    }
    for action in [
        CallAction::CompleteConsultation,
        CallAction::EndConsultation,
        CallAction::JoinConsultation,
    ] {
        assert!(why_not(&mut rig, action).contains("nobody is being consulted"));
    }
    assert_eq!(phase(&mut rig), "talking");
    let agent = rig.leg_of(A1).expect("agent 1 talks");
    assert_eq!(consult(&mut rig, "1003"), Answer::Done);
    for action in [CallAction::CompleteConsultation, CallAction::JoinConsultation] {
        assert!(why_not(&mut rig, action).contains("not answered yet"));
    }
    for action in [
        to("1002"),
        CallAction::Invite { target: "1002".into() },
        CallAction::Hold,
        CallAction::Resume,
        CallAction::Transfer { target: "1002".into() },
    ] {
        assert!(why_not(&mut rig, action.clone()).contains("being consulted"), "{action:?}");
    }
    rig.refers(agent, "1002");
    assert!(matches!(rig.sip.last(), Some(Sipc::RejectRefer { status: 491, .. })));
    rig.hangs_up(customer);
    balanced(&mut rig);
}

#[test]
fn two_outside_do_not_talk_alone_at_our_expense() {
    let mut rig = rig_with(&[A1]);
    let customer = talking(&mut rig);
    assert_eq!(
        call_act(&mut rig, CallAction::Invite { target: "013811112222".into() }),
        Answer::Done
    );
    rig.wait(secs(5));
    rig.hangs_up(customer);
    assert_eq!(consult(&mut rig, "013811113333"), Answer::Done);
    rig.wait(secs(5));
    let told = why_not(&mut rig, CallAction::CompleteConsultation);
    assert!(told.contains("outside do not talk alone"), "{told}");
    rig.hangs_up(rig.leg_of(A1).expect("agent 1 talks"));
    assert_eq!(rig.legs(), []);
    balanced(&mut rig);
}

#[test]
fn a_supervisor_who_takes_over_lets_go_who_was_consulted() {
    let mut rig = rig_with(&[A1, A2, A3]);
    let customer = talking(&mut rig);
    let (by, phone) = (UserId(3), SupervisorPhone::Agent(A3));
    let listen = CallAction::Supervise { by, phone, mode: SupervisionMode::Listen };
    assert_eq!(call_act(&mut rig, listen), Answer::Done);
    rig.wait(secs(5));
    assert_eq!(consult(&mut rig, "1002"), Answer::Done);
    rig.wait(secs(5));
    assert_eq!(call_act(&mut rig, CallAction::TakeOver { by }), Answer::Done);
    assert_eq!((rig.leg_of(A1), rig.leg_of(A2)), (None, None));
    assert!(!is_held(&rig, customer));
    assert_eq!(phase(&mut rig), "talking");
    rig.hangs_up(customer);
    balanced(&mut rig);
    assert!(told(&rig).contains(&"1 consulted: Over".to_owned()), "{:#?}", told(&rig));
}

#[test]
fn a_consultation_goes_on_after_a_kill_where_both_talk_and_the_customer_is_still_apart() {
    let mut rig = rig_with(&[A1, A3]);
    let (customer, _, colleague) = consulting(&mut rig);
    let before = rig.media.len();
    rig.kill(&[]);
    assert_eq!(phase(&mut rig), "consulting");
    let since = &rig.media[before..];
    assert!(since.contains(&Command::Hold { leg: customer }), "{since:#?}");
    assert!(!since.contains(&Command::Resume { leg: customer }), "{since:#?}");
    assert_eq!(heard(&rig, customer).last().map(String::as_str), Some("music/hold"));
    assert_eq!(call_act(&mut rig, CallAction::CompleteConsultation), Answer::Done);
    assert_eq!(room_of(&rig, customer), room_of(&rig, colleague));
    assert!(!is_held(&rig, customer));
    rig.hangs_up(customer);
    balanced(&mut rig);
}

#[test]
fn who_only_rang_or_was_lost_in_a_kill_is_let_go_and_the_customer_waits() {
    for lost in [true, false] {
        let mut rig = rig_with(&[A1, A3]);
        if !lost {
            rig.phones.insert(A3, Phone::Rings);
        }
        let customer = talking(&mut rig);
        assert_eq!(consult(&mut rig, "1003"), Answer::Done);
        rig.wait(secs(5));
        let colleague = rig.leg_of(A3).expect("agent 3 is asked");
        rig.kill(&[colleague][..usize::from(lost)]);
        assert_eq!((phase(&mut rig).as_str(), rig.leg_of(A3)), ("holding", None), "lost: {lost}");
        assert!(is_held(&rig, customer));
        assert_eq!(call_act(&mut rig, CallAction::Resume), Answer::Done);
        assert_eq!(phase(&mut rig), "talking");
        rig.hangs_up(customer);
        balanced(&mut rig);
    }
}
