//! What somebody says while nobody is to hear it is on no recording either.

use super::*;

/// What media was told of the recording, in order.
fn recording(rig: &Rig) -> Vec<(&'static str, Vec<LegId>)> {
    let of = |command: &Command| match command {
        Command::RecordStart(start) => {
            Some(("start", start.parties.iter().map(|&(leg, _)| leg).collect()))
        }
        Command::RecordJoin { leg, .. } => Some(("join", vec![*leg])),
        Command::RecordLeave { leg, .. } => Some(("leave", vec![*leg])),
        Command::RecordStop { .. } => Some(("stop", vec![])),
        _ => None,
    };
    rig.media.iter().filter_map(of).collect()
}

#[test]
fn who_is_muted_is_off_the_recording_and_it_runs_on_where_nobody_is_heard() {
    let mut rig = rig_with(&[]);
    let chair = agent(&mut rig, A1, "8101", CHAIR_PIN);
    let guest = customer(&mut rig, "13800138000", GUEST_PIN);
    let both = ("start", vec![chair, guest]);
    rig.presses(guest, "*6");
    rig.presses(chair, "*6");
    // A long silence: the part ends, and the next begins when somebody is heard.
    rig.wait(secs(3_700));
    rig.presses(chair, "*6");
    rig.presses(guest, "*6");
    let expected = [
        both,
        ("leave", vec![guest]),
        ("leave", vec![chair]),
        ("stop", vec![]),
        ("start", vec![chair]),
        ("join", vec![guest]),
    ];
    assert_eq!(recording(&rig), expected);
    everybody_hangs_up(&mut rig);
    assert_eq!(rig.books.recorded.len(), 2);
}

/// Whose rows of the ledger say that nothing was recorded, and why.
fn refused(rig: &Rig) -> Vec<(Option<ContactId>, Option<LegId>, String)> {
    let of = |entry: &terms::event::Entry| match &entry.kind {
        Kind::Recorded { ledger, meeting, .. } => {
            assert!(meeting.is_some(), "it is of a meeting, and no message");
            assert_eq!((Some(ledger.call), Some(ledger.contact)), (entry.call, entry.contact));
            Some((entry.contact, entry.leg, ledger.reason.clone().unwrap_or_default()))
        }
        _ => None,
    };
    rig.log.iter().filter_map(of).collect()
}

#[test]
fn a_meeting_in_which_nobody_is_ever_heard_has_its_row_in_the_ledger_with_the_reason() {
    let mut plan = demo_plan();
    plan.conferences[0].muted_on_entry = true;
    let mut rig = Rig::new(plan);
    // Who comes first leaves before anybody else is there.
    let early = customer(&mut rig, "13800138000", GUEST_PIN);
    let one = customer(&mut rig, "13800138001", "");
    rig.presses(one, "471");
    let contact = live(&mut rig).contact;
    let of = |rig: &Rig| refused(rig).len();
    rig.hangs_up(early);
    assert_eq!(of(&rig), 1);
    let alone = "nobody else came into this conference".to_owned();
    assert_eq!(refused(&rig)[0], (Some(contact), Some(early), alone));

    rig.presses(one, "1#");
    let two = customer(&mut rig, "13800138002", GUEST_PIN);
    let contact = live(&mut rig).contact;
    assert!(live(&mut rig).open);
    rig.wait(secs(60));
    rig.kill(&[]);
    rig.hangs_up(one);
    rig.hangs_up(two);
    let silent = "nobody who is recorded was heard in this conference".to_owned();
    assert_eq!(refused(&rig)[1..], [(Some(contact), Some(one), silent)], "once, over a kill");

    // A word is enough: it is recorded, and then there is nothing to say.
    customer(&mut rig, "13800138000", GUEST_PIN);
    let two = customer(&mut rig, "13800138001", GUEST_PIN);
    rig.presses(two, "*6");
    rig.wait(secs(10));
    everybody_hangs_up(&mut rig);
    let words = told(&rig).into_iter().filter(|word| word.starts_with("recorded"));
    let expected = ["recorded Refused", "recorded Refused", "recorded Recorded"];
    assert_eq!(words.collect::<Vec<_>>(), expected);
    assert_eq!(refused(&rig).len(), 3);
}

#[test]
fn who_mutes_and_unmutes_for_ever_fills_no_recording() {
    let mut rig = rig_with(&[]);
    agent(&mut rig, A1, "8101", CHAIR_PIN);
    let guest = customer(&mut rig, "13800138000", GUEST_PIN);
    for _ in 0..2_500 {
        rig.presses(guest, "*6*6");
        rig.wait(Duration::from_millis(100));
    }
    let told = recording(&rig);
    let starts = told.iter().filter(|(what, _)| *what == "start").count();
    assert_eq!(starts, 3, "a thousand times on one part");
    everybody_hangs_up(&mut rig);
}
