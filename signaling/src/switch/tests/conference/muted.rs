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
