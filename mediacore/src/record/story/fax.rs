//! A fax in the middle of a conversation: the file goes on in silence, and the ledger says why.

use super::*;
use terms::UserId;
use terms::media::{Mark, MarkKind};

#[test]
fn a_fax_is_silence_that_is_neither_a_pause_nor_a_gap() {
    let (mut desk, tracks) = Desk::open(&BOTH);
    for n in 0..350 {
        match n {
            100 | 250 => {
                desk.until(f64::from(n) * 20.0);
                // Both legs go over, one after the other.
                (0..2).for_each(|_| {
                    desk.recorder.mark_fax(desk.at(f64::from(n) * 20.0), CALL, n == 100)
                });
            }
            _ => {}
        }
        // A gateway comes back as a source of its own.
        let ssrc = if n < 250 { 1 } else { 2 };
        for &track in &tracks {
            if !(100..250).contains(&n) {
                desk.send(&packet(track, ssrc, n));
            }
        }
    }
    let (wav, rendered) = desk.file(7_000.0);
    for channel in 0..2 {
        for n in (0..350).filter(|n| (100..250).contains(n)) {
            assert_eq!(heard(&wav, channel, n), SILENT, "side {channel} frame {n}");
        }
    }
    let mark = |kind, at_ms| Mark { kind, at_ms, by: UserId(0) };
    assert_eq!(
        rendered.marks,
        [mark(MarkKind::FaxStarted, 2_000), mark(MarkKind::FaxEnded, 5_000)]
    );
    assert_eq!((rendered.frames_expected, rendered.frames_missing), (400, 0));
    assert_eq!((rendered.gaps, rendered.paused_ms), (vec![], 0));
}
