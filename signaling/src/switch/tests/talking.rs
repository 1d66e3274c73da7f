use super::*;
use crate::sip::user_agent::Command as Sipc;
use terms::media::{Command, RecordStart};

fn notified(rig: &Rig) -> Vec<u16> {
    rig.sip
        .iter()
        .filter_map(|command| match command {
            Sipc::ReferProgress { status, .. } => Some(*status),
            _ => None,
        })
        .collect()
}

#[test]
fn hold_in_all_its_forms_plays_music_and_ends() {
    for form in ["sendonly", "inactive", "zero"] {
        let mut rig = rig_with(&[A1]);
        let customer = talking(&mut rig);
        let agent = rig.leg_of(A1).expect("agent 1 talks");
        rig.reinvites(agent, Some(form));
        assert_eq!(phase(&mut rig), "holding", "{form}");
        assert_eq!(heard(&rig, customer).last().map(String::as_str), Some("music/hold"));
        rig.wait(secs(10));
        rig.reinvites(agent, Some("sendrecv"));
        assert_eq!(phase(&mut rig), "talking", "{form}");
        rig.hangs_up(customer);
        balanced(&mut rig);
        let states = states(&rig, A1);
        assert_eq!(states[2..5], ["Talking", "Holding", "Talking"].map(String::from));
        let recorded = told(&rig).iter().filter(|word| word.starts_with("recorded")).count();
        assert_eq!(recorded, 1, "one recording through the hold");
    }
}

#[test]
fn the_screen_holds_and_the_phone_must_end_its_own_hold() {
    let mut rig = rig_with(&[A1]);
    let customer = talking(&mut rig);
    let agent = rig.leg_of(A1).expect("agent 1 talks");
    assert_eq!(call_act(&mut rig, CallAction::Hold), Answer::Done);
    assert_eq!(phase(&mut rig), "holding");
    rig.reinvites(agent, Some("sendonly"));
    assert!(matches!(call_act(&mut rig, CallAction::Resume), Answer::Refused(_)));
    rig.reinvites(agent, Some("sendrecv"));
    assert_eq!(phase(&mut rig), "holding", "the screen still holds");
    assert_eq!(call_act(&mut rig, CallAction::Resume), Answer::Done);
    assert_eq!(phase(&mut rig), "talking");
    assert_eq!(told(&rig).iter().filter(|word| word.starts_with("held")).count(), 1);
    rig.hangs_up(customer);
    balanced(&mut rig);
}

#[test]
fn a_customer_who_hangs_up_on_hold_is_not_left_holding() {
    let mut rig = rig_with(&[A1]);
    let customer = talking(&mut rig);
    call_act(&mut rig, CallAction::Hold);
    rig.hangs_up(customer);
    balanced(&mut rig);
    let told = told(&rig);
    let place = |what: &str| told.iter().position(|word| word == what);
    assert!(place("resumed") < place("released 1 by Customer"), "{told:#?}");
}

#[test]
fn caller_hears_agent_after_blind_transfer() {
    let mut rig = rig_with(&[A1, A3]);
    let customer = talking(&mut rig);
    let first = rig.leg_of(A1).expect("agent 1 talks");
    rig.refers(first, "1003");
    rig.wait(secs(1));
    assert_eq!(heard(&rig, customer).last().map(String::as_str), Some("Ringback"));
    rig.wait(secs(5));
    assert_eq!(phase(&mut rig), "talking");
    let third = rig.leg_of(A3).expect("agent 3 talks");
    let joined = |of: LegId| {
        rig.media.iter().rev().find_map(|command| match command {
            Command::Join { leg, room } if *leg == of => Some(*room),
            _ => None,
        })
    };
    assert_eq!(joined(customer), joined(third));
    assert_eq!(rig.leg_of(A1), None, "agent 1 is out");
    assert_eq!(notified(&rig), [180, 200]);
    rig.hangs_up(customer);
    balanced(&mut rig);
    let told = told(&rig);
    let from = told.iter().position(|word| word == "transferred to 1003").expect("transferred");
    assert_eq!(
        told[from..],
        [
            "transferred to 1003",
            "held by Agent",
            "leg Agent",
            "ringing",
            "leg answered",
            "resumed",
            "released 1 by Agent",
            "answered 3",
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
    assert_eq!(states(&rig, A1).last().map(String::as_str), Some("Idle"));
}

#[test]
fn an_agent_who_hangs_up_during_a_blind_transfer_is_free_at_once() {
    let mut rig = rig_with(&[A1, A3]);
    let customer = talking(&mut rig);
    let first = rig.leg_of(A1).expect("agent 1 talks");
    rig.refers(first, "1003");
    rig.wait(secs(1));
    rig.hangs_up(first);
    assert_eq!(states(&rig, A1).last().map(String::as_str), Some("WrapUp"));
    rig.wait(secs(5));
    assert_eq!(phase(&mut rig), "talking");
    rig.hangs_up(customer);
    balanced(&mut rig);
}

#[test]
fn whom_an_agent_passed_on_is_held_until_the_goal_answers_or_the_caller_hangs_up() {
    for patient in [true, false] {
        let mut rig = rig_with(&[A1, A3]);
        let customer = talking(&mut rig);
        let first = rig.leg_of(A1).expect("agent 1 talks");
        rig.refers(first, "1003");
        rig.wait(secs(1));
        rig.hangs_up(first);
        if patient {
            rig.wait(secs(5));
        }
        rig.hangs_up(customer);
        balanced(&mut rig);
        let told = told(&rig);
        let place = |what: &str| told.iter().position(|word| word == what);
        assert!(place("held by Agent") < place("released 1 by Agent"), "{told:#?}");
        assert!(place("released 1 by Agent") < place("resumed"), "{told:#?}");
        let ends = if patient { "answered 3" } else { "recorded Recorded" };
        assert!(place("resumed") < place(ends), "{told:#?}");
    }
}

#[test]
fn a_part_of_a_recording_goes_on_with_whoever_is_there() {
    let mut rig = rig_with(&[A1, A3]);
    let customer = talking(&mut rig);
    let first = rig.leg_of(A1).expect("agent 1 talks");
    rig.wait(secs(3_600));
    rig.refers(first, "1003");
    rig.wait(secs(10));
    let third = rig.leg_of(A3).expect("agent 3 talks");
    rig.wait(secs(3_600));
    rig.hangs_up(customer);
    balanced(&mut rig);
    let parties = |start: &RecordStart| start.parties.iter().map(|party| party.0).collect();
    let starts: Vec<Vec<LegId>> = rig
        .media
        .iter()
        .filter_map(|command| match command {
            Command::RecordStart(start) => {
                assert_eq!(start.terms.continues, None, "nothing was cut");
                Some(parties(start))
            }
            _ => None,
        })
        .collect();
    assert_eq!(starts, [vec![customer, first], vec![customer, first], vec![customer, third]]);
    let stops = rig.media.iter().filter(|c| matches!(c, Command::RecordStop { .. })).count();
    assert_eq!(stops, 3, "the timer ends with the recording");
}

#[test]
fn a_transfer_to_a_queue_waits_for_its_agents() {
    let mut rig = rig_with(&[A1, A3]);
    let customer = talking(&mut rig);
    let first = rig.leg_of(A1).expect("agent 1 talks");
    rig.refers(first, "queue:2");
    rig.wait(secs(5));
    assert_eq!(notified(&rig), [200]);
    assert_eq!(phase(&mut rig), "talking");
    assert!(told(&rig).contains(&"enqueued 2 at 1".into()));
    assert!(told(&rig).contains(&"answered 3".into()));
    rig.hangs_up(customer);
    balanced(&mut rig);
    assert!(told(&rig).contains(&"recorded Refused".into()), "queue 2 is not recorded");
}

#[test]
fn a_transfer_to_the_outside_shows_the_hotline() {
    let mut rig = rig_with(&[A1]);
    let customer = talking(&mut rig);
    let target = "013811112222".to_owned();
    assert_eq!(call_act(&mut rig, CallAction::Transfer { target }), Answer::Done);
    rig.wait(secs(5));
    assert_eq!(phase(&mut rig), "talking");
    let invite = rig.sip.iter().rev().find_map(|command| match command {
        Sipc::Invite(invite) => Some(invite.clone()),
        _ => None,
    });
    assert_eq!(invite.map(|invite| invite.from_user).as_deref(), Some("95105600"));
    rig.hangs_up(customer);
    balanced(&mut rig);
    assert_eq!(outcome(&rig).0, Outcome::Answered);
}

#[test]
fn a_failed_transfer_brings_the_customer_back_to_the_agent() {
    let mut rig = rig_with(&[A1]);
    rig.outside = Phone::Refuses(486);
    let customer = talking(&mut rig);
    let first = rig.leg_of(A1).expect("agent 1 talks");
    rig.refers(first, "013811112222");
    rig.wait(secs(5));
    assert_eq!(notified(&rig), [486]);
    assert_eq!(phase(&mut rig), "talking");
    assert_eq!(rig.leg_of(A1), Some(first));
    rig.hangs_up(customer);
    balanced(&mut rig);
}

#[test]
fn a_failed_transfer_whose_agent_has_gone_goes_back_to_the_queue() {
    let mut rig = rig_with(&[A1]);
    rig.outside = Phone::Rings;
    let customer = talking(&mut rig);
    let first = rig.leg_of(A1).expect("agent 1 talks");
    rig.refers(first, "013811112222");
    rig.hangs_up(first);
    act(&mut rig, A1, AgentAction::SignOut);
    rig.wait(secs(10));
    let younger = rig.customer_dials("95105600");
    rig.wait(secs(40));
    assert_eq!(phase(&mut rig), "waiting");
    sign_in(&mut rig, A1);
    rig.wait(secs(5));
    let answered = rig.log.iter().rfind(|e| matches!(e.kind, Kind::Answered { .. })).unwrap();
    let older = rig.log.iter().find(|e| e.leg == Some(customer)).and_then(|e| e.call);
    assert_eq!(answered.call, older, "the age is kept");
    rig.hangs_up(customer);
    rig.hangs_up(younger);
    balanced(&mut rig);
}

#[test]
fn strangers_and_unknown_targets_do_not_move_a_call() {
    let mut rig = rig_with(&[A1]);
    let customer = talking(&mut rig);
    let agent = rig.leg_of(A1).expect("agent 1 talks");
    let rejected = |rig: &Rig| match rig.sip.last() {
        Some(Sipc::RejectRefer { status, .. }) => *status,
        other => panic!("not refused: {other:?}"),
    };
    rig.refers(customer, "013811112222");
    assert_eq!(rejected(&rig), 403, "a customer's REFER would dial at our expense");
    for nowhere in ["5555", "queue:99", "300&Zap/g1"] {
        rig.refers(agent, nowhere);
        assert_eq!(rejected(&rig), 404, "{nowhere}");
    }
    rig.refers(agent, "+19005551234");
    assert_eq!(rejected(&rig), 403, "there is no right to it, whether a trunk takes it or not");
    rig.refers(agent, "1001");
    assert_eq!(rejected(&rig), 486, "to themselves");
    assert_eq!(phase(&mut rig), "talking");
    rig.hangs_up(customer);
    balanced(&mut rig);
}

#[test]
fn every_reinvite_is_answered_late_offers_included() {
    let mut rig = rig_with(&[A1]);
    let customer = talking(&mut rig);
    let agent = rig.leg_of(A1).expect("agent 1 talks");
    let before = rig.media.len();
    for leg in [customer, agent] {
        rig.reinvites(leg, Some("sendrecv"));
        rig.reinvites(leg, None);
    }
    let accepted = rig.sip.iter().filter(|c| matches!(c, Sipc::AcceptOffer { .. })).count();
    assert_eq!(accepted, 4);
    let connects = |command: &&Command| matches!(command, Command::Connect { .. });
    assert_eq!(rig.media[before..].iter().filter(connects).count(), 4);
    rig.hangs_up(customer);
    balanced(&mut rig);
}

#[test]
fn the_screen_hangs_up_for_the_agent_and_the_caller_is_asked() {
    let mut rig = rig_with(&[A1]);
    talking(&mut rig);
    assert_eq!(call_act(&mut rig, CallAction::Hangup), Answer::Done);
    rig.wait(secs(1));
    assert_eq!(phase(&mut rig), "survey");
    balanced(&mut rig);
    assert_eq!(outcome(&rig), (Outcome::Answered, 16, Party::Agent));
}
