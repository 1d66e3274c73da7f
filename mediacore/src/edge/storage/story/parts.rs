//! A conversation that outlives the process is recorded in a further part: the row of that part says
//! what lies between the two.

use super::*;
use terms::Moment;
use terms::media::Before;

/// From the start of the first part to that of the next one.
const NEXT: Duration = Duration::from_secs(10);
const PARTIES: [(LegId, Side); 2] = [(LegId(10), Side::Customer), (LegId(11), Side::Other)];

/// The first part, cut after some two seconds. When it began.
fn cut(dir: &Path, pause: bool) -> Moment {
    let (storage, mut ring, _) = start(config(dir, Backend::Auto));
    let mut desk = Desk::new(now());
    let mut blocks = talk(&mut desk, &[], Some(1));
    if pause {
        desk.recorder.pause(desk.at(2300.0), RecordingId(1), terms::UserId(4));
        desk.until(2600.0);
        blocks.append(&mut desk.blocks);
    }
    push(&mut ring, blocks);
    storage.stop();
    desk.start
}

/// A silent part of two seconds.
fn part(desk: &mut Desk, id: u64, continues: Option<u64>, stops: bool) -> Vec<Block> {
    let mut begun = record_start(RecordingId(id), &PARTIES);
    begun.terms.continues = continues.map(RecordingId);
    desk.recorder.start(desk.start, &begun);
    desk.until(2000.0);
    if stops {
        desk.recorder.stop(desk.at(2000.0), RecordingId(id));
    }
    desk.until(2300.0);
    std::mem::take(&mut desk.blocks)
}

fn before(first: &Ledger) -> Option<Before> {
    let frames = (NEXT.as_millis() as i64 - first.duration_ms) as u64 / 20;
    let frames = PARTIES.map(|(leg, _)| (leg, frames)).to_vec();
    Some(Before { recording: first.recording, frames })
}

#[test]
fn frames_between_two_parts_are_told_with_the_second_and_with_no_other() {
    let _alone = alone();
    let dir = tempfile::tempdir().unwrap();
    let began = cut(dir.path(), false);
    let (storage, mut ring, rows) = start(config(dir.path(), Backend::Auto));
    let first = wait_for_rows(&rows, 1).remove(0);
    assert_eq!((first.state, &first.before), (RecordingState::Repaired, &None));
    let mut desk = Desk::new(began + NEXT);
    push(&mut ring, part(&mut desk, 2, Some(1), true));
    wait_for_rows(&rows, 2);
    desk.restart_clock(desk.at(5000.0));
    push(&mut ring, part(&mut desk, 3, None, true));
    wait_for_rows(&rows, 3);
    desk.restart_clock(desk.at(5000.0));
    push(&mut ring, part(&mut desk, 4, Some(1), true));
    let told = wait_for_rows(&rows, 4);
    let second = &told[1];
    assert_eq!((second.recording, &second.before), (RecordingId(2), &before(&first)));
    assert_eq!((second.state, second.frames_missing), (RecordingState::Recorded, 0));
    let frames = second.before.as_ref().unwrap().frames[0].1;
    assert!((360..400).contains(&frames), "{frames} frames of some 7.9 s");
    let said = format!("{frames} frames before it, on each of 2 tracks, are in no file");
    assert!(second.reason.as_ref().unwrap().starts_with(&said), "{:?}", second.reason);
    for other in &told[2..] {
        assert_eq!((&other.before, &other.reason), (&None, &None), "it was told before");
    }
    storage.stop();
}

#[test]
fn frames_between_two_parts_are_told_after_a_second_kill_too() {
    let _alone = alone();
    let dir = tempfile::tempdir().unwrap();
    let began = cut(dir.path(), false);
    let (storage, mut ring, rows) = start(config(dir.path(), Backend::Auto));
    let first = wait_for_rows(&rows, 1).remove(0);
    wait_idle(&storage);
    push(&mut ring, part(&mut Desk::new(began + NEXT), 2, Some(1), false));
    storage.stop();
    let (storage, _ring, rows) = start(config(dir.path(), Backend::Auto));
    let second = wait_for_rows(&rows, 1).remove(0);
    assert_eq!((second.recording, second.state), (RecordingId(2), RecordingState::Repaired));
    assert_eq!(second.before, before(&first));
    let reason = second.reason.unwrap();
    assert!(reason.starts_with("cut short by the end of the process; "), "{reason}");
    storage.stop();
}

#[test]
fn a_part_that_was_cut_in_a_pause_misses_nothing_after_it() {
    let _alone = alone();
    let dir = tempfile::tempdir().unwrap();
    let began = cut(dir.path(), true);
    let (storage, mut ring, rows) = start(config(dir.path(), Backend::Auto));
    wait_for_rows(&rows, 1);
    push(&mut ring, part(&mut Desk::new(began + NEXT), 2, Some(1), true));
    let second = wait_for_rows(&rows, 2).remove(1);
    assert_eq!((second.before, second.reason), (None, None));
    storage.stop();
}
