//! The process is killed while people confer, knock or ring; the next one goes on with the meeting.

use super::*;

/// What media was asked since the kill.
fn since(rig: &Rig, before: usize) -> &[Command] {
    &rig.media[before..]
}

fn joined(commands: &[Command]) -> Vec<(LegId, RoomId)> {
    let of = |command: &Command| match command {
        Command::Join { leg, room } => Some((*leg, *room)),
        _ => None,
    };
    commands.iter().filter_map(of).collect()
}

#[test]
fn a_meeting_goes_on_with_its_lock_its_mute_and_its_recording() {
    let mut rig = rig_with(&[]);
    let chair = agent(&mut rig, A1, "8101", CHAIR_PIN);
    let guest = customer(&mut rig, "13800138000", GUEST_PIN);
    let hushed = customer(&mut rig, "13800138001", GUEST_PIN);
    let member = live(&mut rig).members[2].call;
    assert_eq!(screen(&mut rig, 1, ConferenceAction::Mute { member }), Answer::Done);
    rig.presses(chair, "*1");
    rig.wait(secs(60));
    let (room, was, before) = (room_of(&rig, guest), live(&mut rig), rig.media.len());
    let first = rig.media.iter().find_map(|command| match command {
        Command::RecordStart(start) => Some(start.recording),
        _ => None,
    });
    assert!(first.is_some(), "the meeting is recorded");

    rig.kill(&[]);
    assert_eq!(live(&mut rig), was, "the same people in the same meeting");
    let room = room.expect("the guest was in a room");
    assert_eq!(joined(since(&rig, before)), [chair, guest, hushed].map(|leg| (leg, room)));
    let muted = since(&rig, before).iter().find_map(|command| match command {
        Command::Audience { leg, audience } if *leg == hushed => Some(*audience),
        Command::Join { leg, .. } if *leg == hushed => Some(Audience::Everyone),
        _ => None,
    });
    assert_eq!(muted, Some(Audience::Nobody), "not a word of them before they are muted");
    assert_eq!(announced(&rig), [Source::Arrival, Source::Arrival], "nobody came just now");
    let parts = since(&rig, before).iter().filter_map(|command| match command {
        Command::RecordStart(start) => {
            let parties: Vec<LegId> = start.parties.iter().map(|&(leg, _)| leg).collect();
            Some((parties, start.terms.min_ms, start.terms.continues))
        }
        _ => None,
    });
    let heard_by_all = [(vec![chair, guest], 0, first)];
    assert_eq!(parts.collect::<Vec<_>>(), heard_by_all, "recorded on, in one more part");

    rig.presses(hushed, "*6");
    assert_eq!(heard(&rig, hushed).last().map(String::as_str), Some("conference_hushed"));
    let late = customer(&mut rig, "13800138002", GUEST_PIN);
    assert_eq!(heard(&rig, late).last().map(String::as_str), Some("conference_locked"));
    rig.presses(chair, "*1");
    assert!(!live(&mut rig).locked, "still the chairperson");
    rig.presses(chair, "*9");
    balanced(&mut rig);
    let ledgers: Vec<_> = told(&rig).into_iter().filter(|w| w.starts_with("recorded")).collect();
    assert_eq!(ledgers, ["recorded Repaired", "recorded Recorded"]);
}

#[test]
fn who_is_lost_with_the_process_has_left_and_who_is_alone_then_hears_music() {
    let mut rig = rig_with(&[]);
    let chair = agent(&mut rig, A1, "8101", CHAIR_PIN);
    let guest = customer(&mut rig, "13800138000", GUEST_PIN);
    rig.kill(&[chair]);
    assert_eq!((live(&mut rig).members.len(), live(&mut rig).open), (1, false));
    rig.wait(secs(3));
    let again = ["conference_alone", "music/wait"];
    assert!(heard(&rig, guest).ends_with(&again.map(String::from)), "{:?}", heard(&rig, guest));
    assert_eq!(outcome(&rig).0, Outcome::Interrupted);
    assert_eq!(conference_words(&rig).last().map(String::as_str), Some("left: Left"));
    // The line of the last one is lost too.
    rig.kill(&[guest]);
    assert!(rig.state().conferences.is_empty() && rig.legs().is_empty());
    balanced(&mut rig);
}

#[test]
fn guests_whose_chairperson_the_kill_took_do_not_go_on_without_them() {
    let mut plan = demo_plan();
    plan.conferences[2].ends_with_chair = false;
    let mut rig = Rig::new(plan);
    let guests = [agent(&mut rig, A1, "8103", "#"), agent(&mut rig, A2, "8103", "#")];
    let chair = agent(&mut rig, A3, "8103", "2580#");
    assert!(guests.iter().all(|&guest| room_of(&rig, guest).is_some()));
    rig.kill(&[chair]);
    assert!(guests.iter().all(|&guest| room_of(&rig, guest).is_none()), "they wait again");
    rig.wait(secs(3));
    for guest in guests {
        let again = ["conference_no_chair", "music/wait"].map(String::from);
        assert!(heard(&rig, guest).ends_with(&again), "{:?}", heard(&rig, guest));
    }
    everybody_hangs_up(&mut rig);
}

#[test]
fn a_meeting_that_ends_with_its_chairperson_ends_where_the_kill_took_them() {
    let mut rig = rig_with(&[]);
    let guests = [agent(&mut rig, A1, "8103", "#"), agent(&mut rig, A2, "8103", "#")];
    let chair = agent(&mut rig, A3, "8103", "2580#");
    rig.kill(&[chair]);
    assert!(rig.state().conferences.is_empty());
    for guest in guests {
        assert_eq!(heard(&rig, guest).last().map(String::as_str), Some("conference_over"));
    }
    rig.wait(secs(3));
    assert!(rig.legs().is_empty());
    balanced(&mut rig);
}

#[test]
fn who_stood_at_the_door_is_asked_again_and_what_they_guessed_still_counts() {
    let mut rig = rig_with(&[]);
    let leg = customer(&mut rig, "13800138000", "0000#0001#47");
    rig.kill(&[]);
    assert_eq!(heard(&rig, leg).last().map(String::as_str), Some("conference_pin"));
    rig.presses(leg, "11#");
    let told = ["conference_pin_wrong", "goodbye"].map(String::from);
    assert!(heard(&rig, leg).ends_with(&told), "the third, typed anew: {:?}", heard(&rig, leg));
    rig.wait(secs(5));
    let leg = customer(&mut rig, "13800138000", "");
    rig.kill(&[]);
    rig.presses(leg, GUEST_PIN);
    assert_eq!(live(&mut rig).members.len(), 1);
    everybody_hangs_up(&mut rig);
}

#[test]
fn who_guessed_is_refused_after_a_kill_too_and_for_as_long_as_without_it() {
    let config = Config { pin_wrong_room_max: 8, ..Config::default() };
    let mut rig = Rig::with(demo_plan(), config);
    customer(&mut rig, "13800138000", "0000#0001#0002#");
    rig.wait(secs(100));
    let told = customer(&mut rig, "13800138000", "0003#0004#");
    rig.kill(&[]);
    // The sixth, typed to the next process, by a caller who was asked anew.
    rig.presses(told, "0005#");
    rig.wait(secs(5));
    let barred = |rig: &mut Rig, number: &str| {
        let leg = customer(rig, number, "");
        let is_barred = heard(rig, leg) == ["conference_barred"];
        rig.hangs_up(leg);
        is_barred
    };
    assert!(barred(&mut rig, "13800138000"));
    assert!(!barred(&mut rig, "13800138001"), "others may come");
    customer(&mut rig, "13800138002", "0006#0007#");
    rig.kill(&[]);
    rig.kill(&[]);
    assert!(barred(&mut rig, "13800138001"), "eight of strangers, before and after three kills");
    rig.wait(secs(900));
    assert!(!barred(&mut rig, "13800138000"), "counted from the first, whoever counts");
    assert!(!rig.keeps_a_door(), "and no record stays of it");
    everybody_hangs_up(&mut rig);
}

#[test]
fn a_phone_that_a_meeting_rang_is_let_go_and_one_that_answered_is_asked_again() {
    let mut rig = rig_with(&[A2, A3]);
    let chair = agent(&mut rig, A1, "8101", CHAIR_PIN);
    rig.phones.insert(A3, Phone::Rings);
    assert_eq!(dial_out(&mut rig, 1, "1002"), Answer::Done);
    assert_eq!(dial_out(&mut rig, 1, "1003"), Answer::Done);
    rig.wait(secs(4));
    rig.kill(&[]);
    assert_eq!(rig.leg_of(A3), None);
    assert_eq!(live(&mut rig).members.len(), 2, "the chairperson, and who is being asked");
    let asked = rig.leg_of(A2).expect("agent 2 answered");
    assert_eq!(heard(&rig, asked), ["conference_invite", "conference_invite"]);
    rig.presses(asked, "1");
    assert_eq!(room_of(&rig, asked), room_of(&rig, chair));
    assert!(live(&mut rig).open);
    everybody_hangs_up(&mut rig);
}
