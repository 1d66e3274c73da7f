use super::*;
use crate::sip::user_agent::Command as Sipc;
use terms::RoomId;
use terms::media::{Command, Place, Side};

pub(super) fn invite(rig: &mut Rig, target: &str) -> Answer {
    call_act(rig, CallAction::Invite { target: target.into() })
}

fn why_not(rig: &mut Rig, target: &str) -> String {
    match invite(rig, target) {
        Answer::Refused(why) => why,
        other => panic!("{target} was asked in: {other:?}"),
    }
}

/// A customer, agent 1 and agent 3, who was asked in.
fn three(rig: &mut Rig) -> (LegId, LegId, LegId) {
    let customer = talking(rig);
    assert_eq!(invite(rig, "1003"), Answer::Done);
    rig.wait(secs(5));
    let agent = rig.leg_of(A1).expect("agent 1 talks");
    (customer, agent, rig.leg_of(A3).expect("agent 3 came"))
}

/// The room that a leg was last put into, unless it left since.
pub(super) fn room_of(rig: &Rig, of: LegId) -> Option<RoomId> {
    rig.media.iter().fold(None, |room, command| match command {
        Command::Join { leg, room } if *leg == of => Some(*room),
        Command::Leave { leg } | Command::Release { leg } if *leg == of => None,
        _ => room,
    })
}

/// Who stands in the only recording, by side.
pub(super) fn recorded(rig: &Rig) -> Vec<(LegId, Side)> {
    let mut parties = Vec::new();
    for command in &rig.media {
        match command {
            Command::RecordStart(start) => parties = start.parties.clone(),
            Command::RecordJoin { leg, side, .. } => parties.push((*leg, *side)),
            Command::RecordLeave { leg, .. } => parties.retain(|party| party.0 != *leg),
            Command::RecordStop { .. } => parties.clear(),
            _ => {}
        }
    }
    parties
}

#[test]
fn a_third_party_joins_the_room_and_the_recording_while_the_conversation_goes_on() {
    let mut rig = rig_with(&[A1, A3]);
    let customer = talking(&mut rig);
    let agent = rig.leg_of(A1).expect("agent 1 talks");
    let before = rig.media.len();
    assert_eq!(invite(&mut rig, "1003"), Answer::Done);
    rig.wait(secs(1));
    assert_eq!(phase(&mut rig), "talking", "it goes on while the phone rings");
    let disturbed =
        |command: &Command| command.leg().is_some_and(|leg| leg == customer || leg == agent);
    assert!(!rig.media[before..].iter().any(disturbed), "{:?}", &rig.media[before..]);
    rig.wait(secs(5));
    let guest = rig.leg_of(A3).expect("agent 3 came");
    let room = room_of(&rig, customer);
    assert!(room.is_some() && room_of(&rig, agent) == room && room_of(&rig, guest) == room);
    assert_eq!(
        recorded(&rig),
        [(customer, Side::Customer), (agent, Side::Other), (guest, Side::Other)]
    );
    assert_eq!(states(&rig, A3).last().map(String::as_str), Some("Talking"));
    rig.hangs_up(guest);
    rig.wait(secs(1));
    assert_eq!(phase(&mut rig), "talking");
    rig.hangs_up(customer);
    balanced(&mut rig);
    let told = told(&rig);
    let from = told.iter().position(|word| word == "invited 1003").expect("invited");
    assert_eq!(
        told[from..],
        [
            "invited 1003",
            "leg Agent",
            "ringing",
            "leg answered",
            "answered 3",
            "released 3 by Agent",
            "leg ended 16 by Agent",
            "released 1 by Customer",
            "recorded Recorded",
            "leg ended 16 by Customer",
            "leg ended 16 by Customer",
            "ended Answered 16 by Customer",
        ]
        .map(String::from),
        "{told:#?}"
    );
    assert_eq!(states(&rig, A3).last().map(String::as_str), Some("Idle"), "no after-call work");
}

#[test]
fn only_the_leg_of_who_comes_later_may_be_on_another_shard() {
    let mut rig = rig_with(&[A1, A3]);
    let (customer, agent, guest) = three(&mut rig);
    let placed: Vec<(LegId, Place)> = rig
        .media
        .iter()
        .filter_map(|command| match command {
            Command::Open { leg, place, .. } => Some((*leg, *place)),
            _ => None,
        })
        .collect();
    assert_eq!(
        placed,
        [(customer, Place::WithContact), (agent, Place::WithContact), (guest, Place::LeastLoaded)]
    );
    rig.hangs_up(customer);
    rig.hangs_up(guest);
    balanced(&mut rig);
}

#[test]
fn when_the_agent_leaves_first_the_guest_serves_the_customer() {
    let mut rig = rig_with(&[A1, A3]);
    let (customer, agent, guest) = three(&mut rig);
    rig.hangs_up(agent);
    assert_eq!(phase(&mut rig), "talking");
    assert_eq!(room_of(&rig, customer), room_of(&rig, guest));
    assert_eq!(recorded(&rig), [(customer, Side::Customer), (guest, Side::Other)]);
    assert_eq!(states(&rig, A1).last().map(String::as_str), Some("WrapUp"));
    rig.wait(secs(10));
    rig.hangs_up(guest);
    rig.wait(secs(1));
    assert_eq!(phase(&mut rig), "survey", "the last agent left first");
    rig.wait(secs(2));
    rig.presses(customer, "1");
    balanced(&mut rig);
    let asked = rig.log.iter().find_map(|entry| match entry.kind {
        Kind::SurveyAsked { agent, .. } => Some(agent),
        _ => None,
    });
    assert_eq!(asked, Some(A3), "about who was with the customer last");
    assert!(states(&rig, A3).contains(&"WrapUp".to_owned()), "{:?}", states(&rig, A3));
    assert_eq!(outcome(&rig), (Outcome::Answered, 16, Party::Agent));
}

#[test]
fn when_the_customer_leaves_first_the_others_go_on() {
    let mut rig = rig_with(&[A1]);
    let customer = talking(&mut rig);
    assert_eq!(invite(&mut rig, "013811112222"), Answer::Done);
    rig.wait(secs(5));
    let agent = rig.leg_of(A1).expect("agent 1 talks");
    let guest = rig.legs().into_iter().find(|&leg| leg != customer && leg != agent);
    let guest = guest.expect("the outside came");
    rig.hangs_up(customer);
    assert_eq!(phase(&mut rig), "talking");
    assert_eq!(recorded(&rig), [(agent, Side::Other), (guest, Side::Other)]);
    assert_eq!(rig.state().calls[0].agent, Some(A1));
    assert_eq!(call_act(&mut rig, CallAction::Hangup), Answer::Done);
    balanced(&mut rig);
    assert_eq!(outcome(&rig), (Outcome::Answered, 16, Party::Agent));
}

#[test]
fn a_customer_and_a_guest_outside_go_on_without_the_agent() {
    let mut rig = rig_with(&[A1]);
    let customer = talking(&mut rig);
    assert_eq!(invite(&mut rig, "013811112222"), Answer::Done);
    rig.wait(secs(5));
    let agent = rig.leg_of(A1).expect("agent 1 talks");
    rig.hangs_up(agent);
    assert_eq!(phase(&mut rig), "talking");
    assert_eq!(rig.legs().len(), 2);
    rig.hangs_up(customer);
    balanced(&mut rig);
    assert!(told(&rig).contains(&"recorded Recorded".into()));
}

#[test]
fn guests_from_outside_do_not_talk_alone_at_our_expense() {
    let mut rig = rig_with(&[A1]);
    let customer = talking(&mut rig);
    for number in ["013811112222", "013811113333"] {
        assert_eq!(invite(&mut rig, number), Answer::Done);
        rig.wait(secs(5));
    }
    assert_eq!(rig.legs().len(), 4);
    rig.hangs_up(rig.leg_of(A1).expect("agent 1 talks"));
    assert_eq!(rig.legs().len(), 3, "the customer has both");
    rig.hangs_up(customer);
    assert_eq!(rig.legs(), []);
    balanced(&mut rig);
}

#[test]
fn a_customer_on_hold_hears_music_while_the_agent_talks_with_the_guest() {
    let mut rig = rig_with(&[A1, A3]);
    let customer = talking(&mut rig);
    assert_eq!(call_act(&mut rig, CallAction::Hold), Answer::Done);
    assert_eq!(invite(&mut rig, "1003"), Answer::Done);
    rig.wait(secs(5));
    assert_eq!(phase(&mut rig), "holding");
    assert_eq!(heard(&rig, customer).last().map(String::as_str), Some("music/hold"));
    assert_eq!(states(&rig, A1).last().map(String::as_str), Some("Holding"));
    let guest = rig.leg_of(A3).expect("agent 3 came");
    rig.reinvites(guest, Some("sendonly"));
    rig.reinvites(guest, Some("sendrecv"));
    assert_eq!(phase(&mut rig), "holding", "a guest's phone holds nobody");
    rig.hangs_up(customer);
    assert_eq!(phase(&mut rig), "talking");
    assert_eq!(states(&rig, A1).last().map(String::as_str), Some("Talking"));
    rig.hangs_up(guest);
    balanced(&mut rig);
}

#[test]
fn who_does_not_answer_leaves_the_conversation_as_it_was() {
    let mut rig = rig_with(&[A1, A3]);
    let customer = talking(&mut rig);
    for phone in [Phone::Rings, Phone::Refuses(486)] {
        rig.phones.insert(A3, phone);
        assert_eq!(invite(&mut rig, "1003"), Answer::Done);
        rig.wait(secs(60));
        assert_eq!(phase(&mut rig), "talking", "{phone:?}");
        assert_eq!(rig.legs().len(), 2, "{phone:?}");
        assert_eq!(states(&rig, A3).last().map(String::as_str), Some("Idle"), "{phone:?}");
    }
    rig.ports = false;
    assert_eq!(invite(&mut rig, "1003"), Answer::Done);
    rig.wait(secs(1));
    assert_eq!(phase(&mut rig), "talking", "no port for a third");
    rig.ports = true;
    assert_eq!(recorded(&rig).len(), 2);
    rig.hangs_up(customer);
    balanced(&mut rig);
}

#[test]
fn a_conversation_that_ends_while_a_third_rings_ends_for_all() {
    let mut rig = rig_with(&[A1, A3]);
    rig.phones.insert(A3, Phone::Rings);
    let customer = talking(&mut rig);
    assert_eq!(invite(&mut rig, "1003"), Answer::Done);
    rig.wait(secs(1));
    rig.hangs_up(rig.leg_of(A1).expect("agent 1 talks"));
    assert_eq!(rig.leg_of(A3), None, "the phone stops");
    rig.wait(secs(1));
    assert_eq!(phase(&mut rig), "survey");
    rig.hangs_up(customer);
    balanced(&mut rig);
}

#[test]
fn a_transfer_stops_the_phone_that_rings_and_waits_for_guests_to_leave() {
    let mut rig = rig_with(&[A1, A2, A3]);
    rig.phones.insert(A3, Phone::Rings);
    let customer = talking(&mut rig);
    let agent = rig.leg_of(A1).expect("agent 1 talks");
    assert_eq!(invite(&mut rig, "1003"), Answer::Done);
    rig.wait(secs(1));
    rig.refers(agent, "1002");
    assert_eq!(rig.leg_of(A3), None);
    rig.wait(secs(5));
    let second = rig.leg_of(A2).expect("agent 2 has the customer");
    rig.phones.insert(A3, Phone::Answers(secs(1)));
    assert_eq!(invite(&mut rig, "1003"), Answer::Done);
    rig.wait(secs(3));
    let guest = rig.leg_of(A3).expect("agent 3 came");
    for leg in [second, guest] {
        rig.refers(leg, "1001");
        assert!(matches!(rig.sip.last(), Some(Sipc::RejectRefer { status: 491, .. })));
    }
    rig.hangs_up(guest);
    rig.refers(second, "1003");
    assert!(!matches!(rig.sip.last(), Some(Sipc::RejectRefer { .. })));
    rig.hangs_up(customer);
    balanced(&mut rig);
}

#[test]
fn an_invitation_that_cannot_be_is_refused_with_a_sentence() {
    let mut rig = rig_with(&[A1]);
    let customer = rig.customer_dials("95105600");
    assert!(why_not(&mut rig, "1003").contains("no conversation"));
    rig.wait(secs(5));
    for (target, why) in [
        ("1001", "not free"),
        ("95105600", "only an agent or a number outside"),
        ("95105688", "only an agent or a number outside"),
        ("5555", "nothing answers"),
        ("300&Zap/g1", "nothing answers"),
        ("+19005551234", "no right to call"),
    ] {
        let told = why_not(&mut rig, target);
        assert!(told.contains(why), "{target}: {told}");
    }
    // Who is registered can be rung, signed in or not.
    assert_eq!(invite(&mut rig, "1003"), Answer::Done);
    assert!(why_not(&mut rig, "013811112222").contains("already"));
    rig.wait(secs(5));
    for _ in 0..2 {
        assert_eq!(invite(&mut rig, "013811112222"), Answer::Done);
        rig.wait(secs(5));
    }
    assert!(why_not(&mut rig, "013811112222").contains("5 parties at most"));
    rig.hangs_up(customer);
    rig.hangs_up(rig.leg_of(A1).expect("agent 1 talks"));
    assert_eq!(rig.legs().len(), 3, "agent 3 goes on with the two outside");
    rig.hangs_up(rig.leg_of(A3).expect("agent 3 came"));
    assert_eq!(rig.legs(), [], "and they do not without");
    balanced(&mut rig);
}

#[test]
fn a_guest_in_a_conversation_that_is_not_recorded_begins_no_recording() {
    let mut rig = rig_with(&[A1, A3]);
    let customer = talking(&mut rig);
    rig.refers(rig.leg_of(A1).expect("agent 1 talks"), "queue:2");
    rig.wait(secs(5));
    assert_eq!(invite(&mut rig, "013811112222"), Answer::Done);
    rig.wait(secs(5));
    assert_eq!(rig.legs().len(), 3);
    rig.hangs_up(rig.leg_of(A3).expect("agent 3 talks"));
    rig.hangs_up(customer);
    balanced(&mut rig);
    let ledgers = told(&rig).iter().filter(|word| word.starts_with("recorded")).count();
    assert_eq!(ledgers, 2, "one of each conversation");
}
