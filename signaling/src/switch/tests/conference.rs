//! Conferences: the PIN, waiting for others, keys, the screen, and whom a conference calls.

mod after_a_kill;
mod muted;
mod strangers;
mod verbs;

use super::*;
use crate::sip::user_agent::Command as Sipc;
use crate::switch::Config;
use crate::switch::rig::{TRUNK, demo_plan};
use std::sync::Arc;
use terms::control::{ConferenceAction, LiveConference, RecordingNow};
use terms::media::{Audience, Command, Place, Side, Source};
use terms::routing::{Exclusion, Plan, RecordingRule, RecordingThen, RecordingWhen};
use terms::{ConferenceId, ContactId, RecordingRuleId, RoomId, UserId};

const GUEST_PIN: &str = "4711#";
const CHAIR_PIN: &str = "815471#";

fn customer(rig: &mut Rig, number: &str, pin: &str) -> LegId {
    let origin = crate::sip::user_agent::Origin::Trunk(TRUNK);
    let leg = rig.dials(origin, number, "95105603", true);
    rig.wait(secs(1));
    rig.presses(leg, pin);
    leg
}

fn agent(rig: &mut Rig, agent: AgentId, room: &str, pin: &str) -> LegId {
    let leg = rig.agent_dials(agent, room);
    rig.wait(secs(1));
    rig.presses(leg, pin);
    leg
}

fn room_of(rig: &Rig, of: LegId) -> Option<RoomId> {
    rig.media.iter().fold(None, |room, command| match command {
        Command::Join { leg, room } if *leg == of => Some(*room),
        Command::Leave { leg } | Command::Release { leg } if *leg == of => None,
        _ => room,
    })
}

/// Whom media was told to let a leg be heard by, in order; `None` stands for the room itself.
fn audiences(rig: &Rig, of: LegId) -> Vec<Option<Audience>> {
    let mut told = Vec::new();
    for command in &rig.media {
        match command {
            Command::Audience { leg, audience } if *leg == of => told.push(Some(*audience)),
            Command::Join { leg, .. } if *leg == of => told.push(None),
            _ => {}
        }
    }
    told
}

fn announced(rig: &Rig) -> Vec<Source> {
    let of = |command: &Command| match command {
        Command::Announce { sources, .. } => Some(sources.clone()),
        _ => None,
    };
    rig.media.iter().filter_map(of).flatten().collect()
}

fn live(rig: &mut Rig) -> LiveConference {
    let conferences = rig.state().conferences;
    assert_eq!(conferences.len(), 1, "one meeting is going on");
    conferences.into_iter().next().expect("counted")
}

fn screen(rig: &mut Rig, conference: u64, action: ConferenceAction) -> Answer {
    let (conference, by) = (ConferenceId(conference), UserId(9));
    rig.ask(Ask::Conference { tenant: TENANT, conference, by, action })
}

fn dial_out(rig: &mut Rig, conference: u64, target: &str) -> Answer {
    screen(rig, conference, ConferenceAction::DialOut { target: target.into(), chair: false })
}

fn refusal(answer: Answer) -> String {
    match answer {
        Answer::Refused(why) => why,
        other => panic!("not refused: {other:?}"),
    }
}

fn conference_words(rig: &Rig) -> Vec<String> {
    let of = |entry: &terms::event::Entry| match &entry.kind {
        Kind::Conference { what, .. } => Some(conference_word(what)),
        _ => None,
    };
    rig.log.iter().filter_map(of).collect()
}

fn everybody_hangs_up(rig: &mut Rig) {
    for leg in rig.legs() {
        rig.hangs_up(leg);
    }
    balanced(rig);
}

#[test]
fn the_first_hears_music_until_the_second_comes_and_again_when_they_leave() {
    let mut rig = rig_with(&[A1]);
    let guest = customer(&mut rig, "13800138000", "");
    assert_eq!(heard(&rig, guest), ["conference_pin"]);
    assert!(rig.state().conferences.is_empty(), "nobody is in before the PIN");
    rig.presses(guest, GUEST_PIN);
    rig.wait(secs(3));
    assert_eq!(heard(&rig, guest), ["conference_pin", "conference_alone", "music/wait"]);
    assert_eq!(room_of(&rig, guest), None);
    assert!(announced(&rig).is_empty() && !live(&mut rig).open);
    assert_eq!(phase(&mut rig), "conference");

    let chair = agent(&mut rig, A1, "8101", CHAIR_PIN);
    let room = room_of(&rig, guest);
    assert!(room.is_some() && room_of(&rig, chair) == room);
    assert_eq!(announced(&rig), [Source::Arrival]);
    let now = live(&mut rig);
    assert!(now.open && !now.locked && now.recording == RecordingNow::On);
    let who: Vec<_> = now.members.iter().map(|m| (m.agent, m.chair, m.muted)).collect();
    assert_eq!(who, [(None, false, false), (Some(A1), true, false)]);
    assert_eq!(states(&rig, A1).last().map(String::as_str), Some("Talking"));

    let third = customer(&mut rig, "13800138001", GUEST_PIN);
    assert_eq!(room_of(&rig, third), room);
    rig.hangs_up(third);
    rig.hangs_up(chair);
    assert_eq!(announced(&rig), [Source::Arrival, Source::Arrival, Source::Departure]);
    assert_eq!(room_of(&rig, guest), None, "alone again");
    rig.wait(secs(3));
    assert_eq!(heard(&rig, guest)[3..], ["conference_alone", "music/wait"]);
    rig.hangs_up(guest);
    assert!(rig.state().conferences.is_empty(), "it ends with the last");
    balanced(&mut rig);
    let expected =
        ["guest joined", "chair joined", "guest joined", "left: Left", "left: Left", "left: Left"];
    assert_eq!(conference_words(&rig), expected);
    assert_eq!(outcome(&rig).0, Outcome::Answered, "they met somebody");
}

#[test]
fn three_wrong_pins_end_the_call_and_six_shut_the_caller_out_for_a_while() {
    let mut rig = rig_with(&[]);
    let leg = customer(&mut rig, "13800138000", "0000#");
    let again = ["conference_pin", "conference_pin_wrong", "conference_pin"];
    assert_eq!(heard(&rig, leg), again);
    rig.presses(leg, "471#4711*5555#");
    assert_eq!(
        heard(&rig, leg)[3..],
        again[1..].iter().chain(&["conference_pin_wrong", "goodbye"]).copied().collect::<Vec<_>>()
    );
    rig.wait(secs(5));
    assert_eq!(rig.switch.calls(), 0);
    assert_eq!(outcome(&rig).1, 21);

    // The next call goes on counting, and the right PIN after six wrong ones is too late.
    let leg = customer(&mut rig, "13800138000", "0001#0002#0003#");
    rig.wait(secs(5));
    assert_eq!(heard(&rig, leg).last().map(String::as_str), Some("goodbye"));
    let leg = customer(&mut rig, "13800138000", GUEST_PIN);
    assert_eq!(heard(&rig, leg), ["conference_barred"]);
    let other = customer(&mut rig, "13800138001", GUEST_PIN);
    assert_eq!(live(&mut rig).members.len(), 1, "another caller comes in");
    rig.wait(secs(901));
    let leg = customer(&mut rig, "13800138000", GUEST_PIN);
    assert!(room_of(&rig, leg).is_some() && room_of(&rig, other).is_some(), "a while is over");
    everybody_hangs_up(&mut rig);
    assert_eq!(rig.books.joined, 2);
}

#[test]
fn the_sixth_wrong_pin_shuts_out_a_call_that_is_at_the_door_already() {
    let mut rig = rig_with(&[]);
    let (one, two) = (customer(&mut rig, "13800138000", ""), customer(&mut rig, "13800138000", ""));
    let three = customer(&mut rig, "13800138000", "");
    rig.presses(one, "0000#0001#0002#");
    rig.presses(two, "0003#0004#0005#");
    rig.presses(three, GUEST_PIN);
    assert_eq!(heard(&rig, three).last().map(String::as_str), Some("conference_barred"));
    assert!(rig.state().conferences.is_empty());
    everybody_hangs_up(&mut rig);
}

#[test]
fn strangers_who_guess_under_many_numbers_are_refused_and_people_inside_are_not() {
    let config = Config { pin_wrong_room_max: 4, ..Config::default() };
    let mut rig = Rig::with(demo_plan(), config);
    for n in 0..2 {
        customer(&mut rig, &format!("1380013800{n}"), "0000#1111#");
    }
    let stranger = customer(&mut rig, "13800138009", GUEST_PIN);
    assert_eq!(heard(&rig, stranger), ["conference_barred"]);
    agent(&mut rig, A1, "8101", GUEST_PIN);
    assert_eq!(live(&mut rig).members.len(), 1);
    everybody_hangs_up(&mut rig);
}

#[test]
fn silence_at_the_door_is_asked_three_times_and_counts_against_nobody() {
    let mut rig = rig_with(&[]);
    for _ in 0..3 {
        let leg = customer(&mut rig, "13800138000", "");
        rig.wait(secs(60));
        let asked = heard(&rig, leg);
        assert_eq!(asked.iter().filter(|prompt| *prompt == "conference_pin").count(), 3);
        assert_eq!(rig.switch.calls(), 0);
    }
    // Digits without `#` are tried when no more come.
    let leg = customer(&mut rig, "13800138000", "4711");
    rig.wait(secs(11));
    assert_eq!(live(&mut rig).members.len(), 1);
    rig.hangs_up(leg);
    balanced(&mut rig);
}

#[test]
fn a_full_room_and_a_locked_one_refuse_with_a_prompt() {
    let mut rig = rig_with(&[]);
    let chair = agent(&mut rig, A1, "8101", CHAIR_PIN);
    rig.presses(chair, "*1");
    assert!(live(&mut rig).locked);
    assert_eq!(heard(&rig, chair).last().map(String::as_str), Some("conference_locked"));
    let guest = customer(&mut rig, "13800138000", GUEST_PIN);
    assert_eq!(heard(&rig, guest).last().map(String::as_str), Some("conference_locked"));
    rig.wait(secs(3));
    assert_eq!(outcome(&rig).1, 21);
    agent(&mut rig, A2, "8101", CHAIR_PIN);
    assert_eq!(live(&mut rig).members.len(), 2, "a chairperson comes in all the same");
    rig.presses(chair, "*1");
    assert!(!live(&mut rig).locked);
    for n in 0..2 {
        customer(&mut rig, &format!("1380013800{n}"), GUEST_PIN);
    }
    let fifth = agent(&mut rig, A3, "8101", CHAIR_PIN);
    assert_eq!(heard(&rig, fifth).last().map(String::as_str), Some("conference_full"));
    rig.wait(secs(3));
    assert_eq!((outcome(&rig).1, live(&mut rig).members.len()), (17, 4));
    assert_eq!(refusal(dial_out(&mut rig, 1, "1003")), "the conference has 4 participants at most");
    let by_chair = ["locked by Chair", "unlocked by Chair"];
    let words = conference_words(&rig);
    assert!(by_chair.iter().all(|word| words.iter().any(|told| told == word)), "{words:?}");
    everybody_hangs_up(&mut rig);
}

#[test]
fn a_member_mutes_themselves_and_a_chairperson_all_guests() {
    let (on, off) = (Some(Audience::Everyone), Some(Audience::Nobody));
    let mut rig = rig_with(&[]);
    let chair = agent(&mut rig, A1, "8101", CHAIR_PIN);
    let guest = customer(&mut rig, "13800138000", GUEST_PIN);
    let second = customer(&mut rig, "13800138001", GUEST_PIN);
    rig.presses(guest, "6");
    assert_eq!(audiences(&rig, guest), [on, None], "a key without a star means nothing");
    rig.presses(guest, "*6");
    assert_eq!(audiences(&rig, guest), [on, None, off]);
    // All guests: the first had muted themselves, and stays so when all are heard again.
    rig.presses(chair, "*5");
    assert_eq!(audiences(&rig, second), [on, None, off]);
    assert_eq!(heard(&rig, chair).last().map(String::as_str), Some("conference_all_muted"));
    rig.presses(second, "*6");
    assert_eq!(audiences(&rig, second), [on, None, off], "that is not theirs to undo");
    assert_eq!(heard(&rig, second).last().map(String::as_str), Some("conference_hushed"));
    let late = customer(&mut rig, "13800138002", GUEST_PIN);
    assert_eq!(audiences(&rig, late), [off, None], "who comes now is muted before they are in");
    rig.presses(chair, "*5");
    assert_eq!(audiences(&rig, chair), [on, None]);
    assert_eq!(audiences(&rig, second), [on, None, off, on]);
    assert_eq!(audiences(&rig, late), [off, None, on]);
    assert_eq!(audiences(&rig, guest), [on, None, off], "their own choice");
    rig.presses(guest, "*6");
    assert_eq!(audiences(&rig, guest), [on, None, off, on]);
    let muted = conference_words(&rig).into_iter().filter(|word| word.contains(" by "));
    let expected = [
        "muted by Member",
        "muted by Chair",
        "heard by Chair",
        "heard by Chair",
        "heard by Member",
    ];
    assert_eq!(muted.collect::<Vec<_>>(), expected);
    rig.presses(guest, "*2");
    assert_eq!(
        heard(&rig, guest).rchunks(2).next().expect("heard"),
        ["conference_members", "digits/4"]
    );
    rig.presses(guest, "*9");
    assert_eq!(live(&mut rig).members.len(), 4, "a guest ends nothing");
    rig.presses(chair, "*");
    rig.wait(secs(5));
    rig.presses(chair, "9");
    assert_eq!(live(&mut rig).members.len(), 4, "too long after the star");
    rig.presses(chair, "*9");
    assert!(rig.state().conferences.is_empty());
    assert_eq!(heard(&rig, second).last().map(String::as_str), Some("conference_over"));
    balanced(&mut rig);
}

#[test]
fn keys_in_a_meeting_are_kept_from_the_other_of_two_before_they_hear_each_other() {
    let mut rig = rig_with(&[A1]);
    let (one, two) = (talking(&mut rig), rig.leg_of(A1).expect("agent 1 talks"));
    let kept = |rig: &Rig, of: LegId| {
        let about = |command: &&Command| match command {
            Command::KeepDigits { leg, .. } | Command::Join { leg, .. } => *leg == of,
            _ => false,
        };
        let told = rig.media.iter().filter(about);
        told.map(|command| matches!(command, Command::KeepDigits { kept: true, .. }))
            .collect::<Vec<_>>()
    };
    for leg in [one, two] {
        assert!(!kept(&rig, leg).contains(&true), "a conversation passes digits on");
        rig.hangs_up(leg);
    }
    let chair = agent(&mut rig, A2, "8101", CHAIR_PIN);
    let guest = customer(&mut rig, "13800138000", GUEST_PIN);
    for leg in [chair, guest] {
        assert_eq!(kept(&rig, leg), [true, false], "said before they are in the room");
    }
    everybody_hangs_up(&mut rig);
}

#[test]
fn who_is_muted_may_be_silent_and_who_is_heard_may_not() {
    let mut rig = rig_with(&[]);
    let one = agent(&mut rig, A1, "8102", "");
    let two = agent(&mut rig, A2, "8102", "");
    let off = Some(Audience::Nobody);
    assert_eq!(audiences(&rig, one), [off, None], "this room mutes who comes");
    assert_eq!(heard(&rig, two).last().map(String::as_str), Some("conference_muted"));
    rig.presses(two, "*6");
    for leg in [one, two] {
        let silent = terms::media::Event::Silent { leg, ms: 30_000, paused: false };
        rig.feed(crate::switch::Input::Media(silent));
    }
    assert!(rig.legs() == [one]);
    everybody_hangs_up(&mut rig);
}

#[test]
fn the_music_of_a_phone_on_hold_is_not_for_the_others() {
    let (on, off) = (Some(Audience::Everyone), Some(Audience::Nobody));
    let mut rig = rig_with(&[]);
    let chair = agent(&mut rig, A1, "8101", CHAIR_PIN);
    let guest = customer(&mut rig, "13800138000", GUEST_PIN);
    rig.reinvites(guest, Some("sendonly"));
    assert_eq!(audiences(&rig, guest), [on, None, off]);
    rig.presses(chair, "*5");
    rig.reinvites(guest, Some("sendrecv"));
    assert_eq!(audiences(&rig, guest), [on, None, off], "muted meanwhile");
    rig.presses(chair, "*5");
    assert_eq!(audiences(&rig, guest), [on, None, off, on]);
    everybody_hangs_up(&mut rig);
}

#[test]
fn guests_wait_for_the_chairperson_and_leave_with_them() {
    let mut rig = rig_with(&[]);
    let guests = [agent(&mut rig, A1, "8103", "#"), agent(&mut rig, A2, "8103", "")];
    rig.presses(guests[1], "#");
    assert_eq!(heard(&rig, guests[0])[..2], ["conference_chair", "conference_no_chair"]);
    assert!(guests.iter().all(|&guest| room_of(&rig, guest).is_none()), "two are not enough");
    let chair = agent(&mut rig, A3, "8103", "2580#");
    let room = room_of(&rig, chair);
    assert!(room.is_some() && guests.iter().all(|&guest| room_of(&rig, guest) == room));
    rig.hangs_up(chair);
    assert!(rig.state().conferences.is_empty());
    for guest in guests {
        assert_eq!(heard(&rig, guest).last().map(String::as_str), Some("conference_over"));
    }
    rig.wait(secs(3));
    assert!(rig.legs().is_empty());
    balanced(&mut rig);
    let ends = ["left: Left", "left: Over", "left: Over"];
    assert_eq!(conference_words(&rig)[3..], ends);
}

#[test]
fn an_extension_and_a_number_outside_are_called_and_asked_whether_they_come() {
    let mut rig = rig_with(&[A2]);
    let chair = agent(&mut rig, A1, "8101", CHAIR_PIN);
    assert_eq!(dial_out(&mut rig, 1, "1002"), Answer::Done);
    assert_eq!(dial_out(&mut rig, 1, "013811111111"), Answer::Done);
    let now = live(&mut rig);
    let called: Vec<_> =
        now.members.iter().map(|m| (m.number.as_str(), m.since.is_some())).collect();
    assert_eq!(called[1..], [("1002", false), ("013811111111", false)]);
    rig.wait(secs(5));
    assert_eq!(live(&mut rig).members.iter().filter(|m| m.since.is_some()).count(), 1);
    let colleague = rig.leg_of(A2).expect("agent 2 was called");
    let outside = rig.legs().into_iter().find(|&leg| leg != chair && leg != colleague);
    let outside = outside.expect("a number outside was called");
    assert_eq!(heard(&rig, colleague), ["conference_invite"]);
    assert_eq!(room_of(&rig, outside), None, "not before they say so");
    for leg in [colleague, outside] {
        rig.presses(leg, "1");
    }
    let room = room_of(&rig, chair);
    assert!(room.is_some() && room_of(&rig, colleague) == room && room_of(&rig, outside) == room);
    let from = rig.sip.iter().find_map(|command| match command {
        Sipc::Invite(invite) if invite.leg == outside => Some(invite.from_user.clone()),
        _ => None,
    });
    assert_eq!(from.as_deref(), Some("95105688"), "a number of ours is shown");
    let opened: Vec<(Place, ContactId)> = rig
        .media
        .iter()
        .filter_map(|command| match command {
            Command::Open { place, contact, .. } => Some((*place, *contact)),
            _ => None,
        })
        .collect();
    let contact = live(&mut rig).contact;
    let expected = [
        (Place::WithContact, contact),
        (Place::LeastLoaded, contact),
        (Place::LeastLoaded, contact),
    ];
    assert_eq!(opened, expected, "all of one contact, wherever there is room");
    everybody_hangs_up(&mut rig);
    assert_eq!(states(&rig, A2).last().map(String::as_str), Some("Idle"), "no after-call work");
    let words = conference_words(&rig);
    assert_eq!(words[..3], ["chair joined", "called 1002", "called 013811111111"]);
    let recorded = rig.log.iter().filter(|entry| matches!(entry.kind, Kind::Recorded { .. }));
    assert!(recorded.clone().count() == 1 && recorded.clone().all(|e| e.contact == Some(contact)));
}

#[test]
fn who_is_called_and_does_not_come_leaves_no_trace_in_the_room() {
    let mut rig = rig_with(&[A2, A3]);
    assert_eq!(refusal(dial_out(&mut rig, 9, "1002")), "there is no such conference");
    assert_eq!(refusal(dial_out(&mut rig, 1, "777")), "nothing answers that number");
    assert!(refusal(dial_out(&mut rig, 1, "8102")).contains("only an agent"));
    rig.phones.insert(A2, Phone::Refuses(486));
    rig.phones.insert(A3, Phone::Rings);
    assert_eq!(dial_out(&mut rig, 1, "1002"), Answer::Done);
    assert_eq!(refusal(dial_out(&mut rig, 1, "1002")), "this agent is not free to take a call");
    rig.wait(secs(1));
    assert!(rig.state().conferences.is_empty(), "busy, and nobody else is there");
    assert_eq!(outcome(&rig).1, 17);
    // Rings until it is enough.
    assert_eq!(dial_out(&mut rig, 1, "1003"), Answer::Done);
    rig.wait(secs(44));
    assert_eq!(live(&mut rig).members.len(), 1);
    rig.wait(secs(5));
    assert!(rig.state().conferences.is_empty());
    assert_eq!(outcome(&rig).1, 19);
    // Says no; says nothing; is taken out while it rings; has no trunk that works.
    for (says, cause) in [("2", 21), ("", 19)] {
        assert_eq!(dial_out(&mut rig, 1, "013811111111"), Answer::Done);
        rig.wait(secs(4));
        let leg = rig.legs()[0];
        rig.presses(leg, says);
        rig.wait(secs(30));
        assert_eq!((rig.switch.calls(), outcome(&rig).1), (0, cause), "{says:?}");
    }
    assert_eq!(dial_out(&mut rig, 1, "1003"), Answer::Done);
    let member = live(&mut rig).members[0].call;
    assert_eq!(screen(&mut rig, 1, ConferenceAction::Remove { member }), Answer::Done);
    rig.wait(secs(1));
    assert_eq!(rig.switch.calls(), 0);
    rig.outside = Phone::Refuses(503);
    assert_eq!(dial_out(&mut rig, 1, "013811111111"), Answer::Done);
    rig.wait(secs(1));
    assert!(rig.state().conferences.is_empty());
    assert_eq!(rig.books.joined, 0);
    balanced(&mut rig);
}

#[test]
fn a_chairperson_who_is_ours_dials_somebody_in_with_keys() {
    let mut rig = rig_with(&[A2]);
    let chair = agent(&mut rig, A1, "8101", CHAIR_PIN);
    let stranger = customer(&mut rig, "13800138000", CHAIR_PIN);
    rig.presses(stranger, "*41002#");
    assert_eq!(live(&mut rig).members.len(), 2, "a stranger dials nothing at our expense");
    rig.presses(chair, "*4777#");
    assert_eq!(heard(&rig, chair).last().map(String::as_str), Some("number_unknown"));
    rig.presses(chair, "*4100");
    rig.wait(secs(5));
    rig.presses(chair, "2#");
    assert_eq!(live(&mut rig).members.len(), 2, "too slow");
    rig.presses(chair, "*41002#");
    rig.wait(secs(4));
    let colleague = rig.leg_of(A2).expect("agent 2 was called");
    rig.presses(colleague, "1");
    assert_eq!(live(&mut rig).members.len(), 3);
    assert_eq!(room_of(&rig, colleague), room_of(&rig, chair));
    everybody_hangs_up(&mut rig);
}

#[test]
fn a_screen_mutes_takes_out_locks_and_ends() {
    use ConferenceAction as A;
    let mut rig = rig_with(&[]);
    assert_eq!(refusal(screen(&mut rig, 1, A::Lock)), "nobody is in this conference");
    agent(&mut rig, A1, "8101", CHAIR_PIN);
    let guest = customer(&mut rig, "13800138000", GUEST_PIN);
    let other = customer(&mut rig, "13800138001", GUEST_PIN);
    let members: Vec<CallId> = live(&mut rig).members.iter().map(|member| member.call).collect();
    let member = members[1];
    assert_eq!(screen(&mut rig, 1, A::Mute { member }), Answer::Done);
    assert!(live(&mut rig).members[1].muted);
    assert_eq!(screen(&mut rig, 1, A::Unmute { member }), Answer::Done);
    rig.presses(guest, "*6");
    let why = refusal(screen(&mut rig, 1, A::Unmute { member }));
    assert_eq!(why, "they muted themselves: they alone may undo it");
    let stranger = A::Mute { member: CallId(5) };
    assert_eq!(refusal(screen(&mut rig, 1, stranger)), "there is no such member in the conference");
    for action in [A::MuteAll, A::UnmuteAll, A::Lock, A::Lock, A::Unlock] {
        assert_eq!(screen(&mut rig, 1, action), Answer::Done);
    }
    assert_eq!(screen(&mut rig, 1, A::Remove { member: members[2] }), Answer::Done);
    assert_eq!((live(&mut rig).members.len(), room_of(&rig, other)), (2, None));
    rig.wait(secs(3));
    assert_eq!(heard(&rig, other).last().map(String::as_str), Some("conference_removed"));
    assert!(!rig.legs().contains(&other), "and hung up");
    assert_eq!(screen(&mut rig, 1, A::End), Answer::Done);
    rig.wait(secs(3));
    assert_eq!(rig.switch.calls(), 0);
    balanced(&mut rig);
    let by_screen = "User(UserId(9))";
    let words = conference_words(&rig);
    let locked = words.iter().filter(|word| word.ends_with(by_screen) && word.contains("locked"));
    assert_eq!(locked.count(), 2, "locked once: {words:?}");
    assert!(words.contains(&"left: Removed".to_owned()), "{words:?}");
}

fn recording_plan(change: impl FnOnce(&mut Plan)) -> Rig {
    let mut plan = demo_plan();
    change(&mut plan);
    Rig::new(plan)
}

#[test]
fn a_meeting_is_recorded_while_it_is_open_without_who_is_never_recorded() {
    let mut rig = recording_plan(|plan| {
        let excluded = Exclusion::Number("+8613800138001".into());
        Arc::make_mut(&mut plan.recording_exclusions).insert(excluded);
    });
    let chair = agent(&mut rig, A1, "8101", CHAIR_PIN);
    rig.wait(secs(60));
    assert!(rig.media.iter().all(|c| !matches!(c, Command::RecordStart(_))), "nobody talks yet");
    let guest = customer(&mut rig, "13800138000", GUEST_PIN);
    let silent = customer(&mut rig, "13800138001", GUEST_PIN);
    let late = agent(&mut rig, A2, "8101", GUEST_PIN);
    rig.wait(secs(10));
    rig.hangs_up(late);
    // The chairperson's call ends; the next part belongs to another.
    rig.hangs_up(chair);
    rig.wait(secs(3_600));
    let mut told = Vec::new();
    for command in &rig.media {
        match command {
            Command::RecordStart(start) => told.push(("start", start.parties.clone())),
            Command::RecordJoin { leg, side, .. } => told.push(("join", vec![(*leg, *side)])),
            Command::RecordLeave { leg, .. } => told.push(("leave", vec![(*leg, Side::Other)])),
            Command::RecordStop { .. } => told.push(("stop", Vec::new())),
            _ => {}
        }
    }
    let expected = [
        ("start", vec![(chair, Side::Other), (guest, Side::Customer)]),
        ("join", vec![(late, Side::Other)]),
        ("leave", vec![(late, Side::Other)]),
        ("leave", vec![(chair, Side::Other)]),
        ("stop", vec![]),
        ("start", vec![(guest, Side::Customer)]),
    ];
    assert_eq!(told, expected);
    rig.hangs_up(silent);
    assert!(
        matches!(
            rig.media
                .iter()
                .rev()
                .find(|c| matches!(c, Command::RecordStop { .. } | Command::RecordStart(_))),
            Some(Command::RecordStop { .. })
        ),
        "one alone is not recorded"
    );
    everybody_hangs_up(&mut rig);
    assert_eq!(rig.books.recorded.len(), 2);
}

#[test]
fn a_rule_announces_the_recording_before_somebody_is_in_and_beeps_while_it_runs() {
    let then = RecordingThen {
        announce: "recorded".into(),
        beep: true,
        beep_every_s: 10,
        max_s: 25,
        ..RecordingThen::default()
    };
    let when =
        RecordingWhen { numbers: vec!["95105603".into(), "8101".into()], ..Default::default() };
    let rule = RecordingRule { id: RecordingRuleId(1), name: "told".into(), when, then };
    let mut rig = recording_plan(|plan| plan.recording_rules = vec![rule]);
    let guest = customer(&mut rig, "13800138000", GUEST_PIN);
    assert_eq!(heard(&rig, guest), ["conference_pin", "recorded"]);
    assert!(rig.state().conferences.is_empty());
    rig.wait(secs(2));
    assert_eq!(live(&mut rig).members.len(), 1);
    agent(&mut rig, A1, "8101", CHAIR_PIN);
    rig.wait(secs(42));
    let beep = Source::Reminder { ms: 200 };
    assert_eq!(announced(&rig), [Source::Arrival, beep.clone(), beep]);
    assert_eq!(live(&mut rig).recording, RecordingNow::Off, "as long as the rule allows");
    // Where the announcement is missing, nobody was told, and they are not recorded.
    rig.missing.push("zh-CN/recorded".into());
    let late = customer(&mut rig, "13800138001", GUEST_PIN);
    rig.wait(secs(1));
    assert!(room_of(&rig, late).is_some());
    let joined = |c: &Command| matches!(c, Command::RecordJoin { leg, .. } if *leg == late);
    assert!(!rig.media.iter().any(joined));
    everybody_hangs_up(&mut rig);
}

#[test]
fn a_meeting_that_is_not_recorded_has_its_row_in_the_ledger_once() {
    let mut rig = rig_with(&[]);
    let one = agent(&mut rig, A1, "8102", "");
    let two = agent(&mut rig, A2, "8102", "");
    rig.hangs_up(two);
    rig.wait(secs(1));
    agent(&mut rig, A2, "8102", "");
    let _ = one;
    everybody_hangs_up(&mut rig);
    let recorded = told(&rig).into_iter().filter(|word| word.starts_with("recorded"));
    assert_eq!(recorded.collect::<Vec<_>>(), ["recorded Refused"]);
}

#[test]
fn a_flow_leads_into_a_conference_and_a_room_number_is_not_reached_from_outside() {
    let mut plan = demo_plan();
    plan.flows[0].document = serde_json::json!({"format": 1, "name": "door", "start": "in", "steps": {
        "in": {"kind": "transfer", "target": "conference:1", "on": {"error": "out"}},
        "out": {"kind": "hangup"}}});
    let mut rig = Rig::new(plan);
    let leg = rig.customer_dials("95105688");
    rig.wait(secs(1));
    assert_eq!(heard(&rig, leg), ["conference_pin"]);
    rig.presses(leg, GUEST_PIN);
    assert_eq!(live(&mut rig).members.len(), 1);
    let stranger = rig.customer_dials("8101");
    rig.wait(secs(1));
    let rejected =
        |c: &Sipc| matches!(c, Sipc::Reject { leg, status: 404, .. } if *leg == stranger);
    assert!(rig.sip.iter().any(rejected), "the outside knows published numbers only");
    everybody_hangs_up(&mut rig);
}

#[test]
fn an_agent_passes_a_customer_into_a_conference() {
    let mut rig = rig_with(&[A1]);
    let customer = talking(&mut rig);
    let agent_leg = rig.leg_of(A1).expect("agent 1 talks");
    rig.refers(agent_leg, "8102");
    rig.wait(secs(1));
    assert!(!rig.legs().contains(&agent_leg));
    let now = live(&mut rig);
    assert_eq!((now.members.len(), now.open), (1, false));
    assert!(heard(&rig, customer).contains(&"conference_alone".to_owned()));
    everybody_hangs_up(&mut rig);
}

#[test]
fn a_box_that_stops_ends_every_member() {
    let mut rig = rig_with(&[]);
    agent(&mut rig, A1, "8101", CHAIR_PIN);
    customer(&mut rig, "13800138000", GUEST_PIN);
    dial_out(&mut rig, 1, "013811111111");
    rig.ask_later(Ask::Drain { within_s: 1 });
    assert!(refusal(dial_out(&mut rig, 1, "013811111111")).contains("no more calls"));
    rig.wait(secs(10));
    assert_eq!(rig.switch.calls(), 0);
    balanced(&mut rig);
}
