//! What each verb of a conference does not do: a key without the right, a PIN that is none, a lock for
//! whom it is not meant, tones that nobody wants.

use super::*;

const NOBODY: Option<Audience> = Some(Audience::Nobody);
const EVERYONE: Option<Audience> = Some(Audience::Everyone);

/// The last prompt that a leg heard.
fn last(rig: &Rig, of: LegId) -> String {
    heard(rig, of).pop().unwrap_or_default()
}

/// Who hears a leg now.
fn audience(rig: &Rig, of: LegId) -> Option<Audience> {
    audiences(rig, of).into_iter().flatten().next_back()
}

#[test]
fn where_guests_need_no_pin_a_wrong_one_opens_nothing_and_a_longer_one_is_tried_at_once() {
    let mut rig = rig_with(&[]);
    let leg = agent(&mut rig, A1, "8103", "2581#");
    assert_eq!(last(&rig, leg), "conference_chair");
    // One digit more than any PIN has.
    rig.presses(leg, "25802580258025802");
    let asked = heard(&rig, leg).iter().filter(|prompt| *prompt == "conference_chair").count();
    assert_eq!((asked, rig.state().conferences.len()), (3, 0));
    rig.presses(leg, "2580#");
    assert!(live(&mut rig).members[0].chair, "the third was right");
    everybody_hangs_up(&mut rig);
}

#[test]
fn whom_a_meeting_calls_has_a_place_and_comes_in_though_it_was_locked_meanwhile() {
    let mut rig = rig_with(&[A2]);
    let chair = agent(&mut rig, A1, "8101", CHAIR_PIN);
    customer(&mut rig, "13800138000", GUEST_PIN);
    assert_eq!(dial_out(&mut rig, 1, "1002"), Answer::Done);
    rig.wait(secs(5));
    rig.presses(chair, "*1");
    let colleague = rig.leg_of(A2).expect("agent 2 was called");
    rig.presses(colleague, "1");
    assert!(live(&mut rig).locked);
    assert!(room_of(&rig, chair).is_some() && room_of(&rig, colleague) == room_of(&rig, chair));
    rig.presses(chair, "*1");
    // Three are there, and one of four places is theirs who is called.
    assert_eq!(dial_out(&mut rig, 1, "013811111111"), Answer::Done);
    let late = customer(&mut rig, "13800138001", GUEST_PIN);
    assert_eq!(last(&rig, late), "conference_full");
    rig.wait(secs(5));
    everybody_hangs_up(&mut rig);
}

#[test]
fn keys_of_the_chairperson_do_nothing_for_a_guest() {
    let mut rig = rig_with(&[A2]);
    let chair = agent(&mut rig, A1, "8101", CHAIR_PIN);
    let guest = agent(&mut rig, A3, "8101", GUEST_PIN);
    let second = customer(&mut rig, "13800138001", GUEST_PIN);
    let before = (live(&mut rig), [chair, guest, second].map(|leg| audiences(&rig, leg)));
    // A colleague of ours, but no chairperson here.
    rig.presses(guest, "*1*5*9*41002#");
    rig.wait(secs(5));
    let after = (live(&mut rig), [chair, guest, second].map(|leg| audiences(&rig, leg)));
    assert_eq!(after, before);
    assert_eq!(rig.leg_of(A2), None, "and nobody was called");
    everybody_hangs_up(&mut rig);
}

#[test]
fn a_chairperson_whom_a_screen_muted_is_heard_by_their_own_key() {
    let mut rig = rig_with(&[]);
    let chair = agent(&mut rig, A1, "8101", CHAIR_PIN);
    customer(&mut rig, "13800138000", GUEST_PIN);
    let member = live(&mut rig).members[0].call;
    assert_eq!(screen(&mut rig, 1, ConferenceAction::Mute { member }), Answer::Done);
    assert_eq!((audience(&rig, chair), last(&rig, chair).as_str()), (NOBODY, "conference_hushed"));
    rig.presses(chair, "*6");
    assert_eq!(audience(&rig, chair), EVERYONE);
    assert_eq!(last(&rig, chair), "conference_unmuted");
    rig.presses(chair, "*6");
    assert_eq!(audience(&rig, chair), NOBODY, "and off again, by themselves");
    everybody_hangs_up(&mut rig);
}

#[test]
fn a_room_without_tones_says_nothing_of_who_comes_and_goes() {
    let mut rig = recording_plan(|plan| plan.conferences[0].tones = false);
    agent(&mut rig, A1, "8101", CHAIR_PIN);
    customer(&mut rig, "13800138000", GUEST_PIN);
    let third = customer(&mut rig, "13800138001", GUEST_PIN);
    rig.hangs_up(third);
    assert!(live(&mut rig).open && announced(&rig).is_empty());
    everybody_hangs_up(&mut rig);
}

#[test]
fn a_meeting_of_two_chairpersons_goes_on_until_the_second_leaves() {
    let mut rig = rig_with(&[]);
    let chairs = [A1, A2].map(|who| agent(&mut rig, who, "8103", "2580#"));
    let guest = agent(&mut rig, A3, "8103", "#");
    rig.hangs_up(chairs[0]);
    assert!(live(&mut rig).open && room_of(&rig, guest).is_some());
    rig.hangs_up(chairs[1]);
    assert!(rig.state().conferences.is_empty());
    assert_eq!(last(&rig, guest), "conference_over");
    rig.wait(secs(3));
    assert!(rig.legs().is_empty());
    balanced(&mut rig);
}

#[test]
fn who_is_called_as_chairperson_opens_a_meeting_and_its_end_stops_the_ringing() {
    let mut rig = rig_with(&[A2, A3]);
    let guest = agent(&mut rig, A1, "8103", "#");
    rig.phones.insert(A3, Phone::Rings);
    let call = |rig: &mut Rig, target: &str, chair: bool| {
        screen(rig, 3, ConferenceAction::DialOut { target: target.to_owned(), chair })
    };
    assert_eq!(call(&mut rig, "1002", true), Answer::Done);
    rig.wait(secs(5));
    assert_eq!(room_of(&rig, guest), None, "a chairperson who rings is none yet");
    let chair = rig.leg_of(A2).expect("agent 2 was called");
    rig.presses(chair, "1");
    assert!(live(&mut rig).open && room_of(&rig, guest) == room_of(&rig, chair));
    assert_eq!(call(&mut rig, "1003", false), Answer::Done);
    rig.wait(secs(2));
    assert!(rig.leg_of(A3).is_some());
    rig.presses(chair, "*9");
    rig.wait(secs(5));
    assert!(rig.legs().is_empty(), "the guest, the chairperson, and the phone that rang");
    balanced(&mut rig);
}
