//! What the ledger says about a recording, for people: its state, why it was refused, and which
//! frames are missing. The places of the audio are in [`Rendered::gaps`]; the sentence names the
//! first of them, both sides together.

use crate::record::index::Conversation;
use crate::record::render::{self, Rendered};
use crate::record::{REFUSED_RECORDINGS, REFUSED_TRACKS};
use std::fmt::Write;
use terms::LegId;
use terms::media::{Before, RecordingState};

/// Places that the sentence names.
const PLACES_MAX: usize = 5;

/// Why there is no file.
pub(super) fn refusal(code: u32) -> String {
    match code {
        REFUSED_RECORDINGS => "too many recordings at once (recording.recordings_max)".to_owned(),
        REFUSED_TRACKS => "too many parties are recorded at once (recording.tracks_max)".to_owned(),
        code => format!("refused with code {code}"),
    }
}

/// How the recording came out.
pub(super) fn state(conversation: &Conversation, rendered: &Rendered) -> RecordingState {
    match (conversation.stopped, rendered.frames_missing) {
        (None, _) => RecordingState::Repaired,
        (Some(_), 0) => RecordingState::Recorded,
        (Some(_), _) => RecordingState::Partial,
    }
}

/// Why it is dropped; none when it is kept.
pub(super) fn too_short(conversation: &Conversation) -> Option<String> {
    let min_ms = conversation.head?.terms.min_ms;
    let short = render::is_too_short(conversation);
    short.then(|| format!("shorter than {} s", f64::from(min_ms) / 1_000.0))
}

/// What is said of a file that ends before the conversation did.
pub(super) fn cut(conversation: &Conversation) -> Option<String> {
    let why = "cut at the longest length of its rule";
    render::is_cut(conversation).then(|| why.to_owned())
}

/// What is said of frames between it and the part before it.
pub(super) fn before(before: &Before) -> String {
    let tracks = before.frames.len();
    let most = before.frames.iter().map(|&(_, frames)| frames).max().unwrap_or_default();
    format!(
        "{most} frames before it, on each of {tracks} tracks, are in no file: the end of the process \
         cut the part before it"
    )
}

/// Why it is not whole, and `more` that is to be said of it; none when it is whole and there is
/// nothing more.
pub(super) fn reason(
    state: RecordingState,
    rendered: &Rendered,
    more: impl IntoIterator<Item = String>,
) -> Option<String> {
    let why: Vec<String> = missing(state, rendered).into_iter().chain(more).collect();
    (!why.is_empty()).then(|| why.join("; "))
}

fn missing(state: RecordingState, rendered: &Rendered) -> Option<String> {
    let (missing, expected) = (rendered.frames_missing, rendered.frames_expected);
    let places = places(&rendered.gaps);
    let why = if rendered.changed { "missing, the log was changed on disk" } else { "not on disk" };
    let absent = format!("{missing} of {expected} frames are {why}{places}");
    match (state, missing) {
        (RecordingState::Repaired, 0) => Some("cut short by the end of the process".to_owned()),
        (RecordingState::Repaired, _) => {
            Some(format!("cut short by the end of the process; {absent}"))
        }
        (RecordingState::Partial, _) => Some(absent),
        (RecordingState::Recorded | RecordingState::Refused, _) => None,
    }
}

/// `: 6.20-12.44 s, 15.00-15.20 s`, both sides laid together; nothing without gaps.
fn places(gaps: &[(LegId, i64, i64)]) -> String {
    let mut spans: Vec<(i64, i64)> = gaps.iter().map(|&(_, from, to)| (from, to)).collect();
    spans.sort_unstable();
    spans.dedup_by(|next, kept| {
        let joins = next.0 <= kept.1;
        if joins {
            kept.1 = kept.1.max(next.1);
        }
        joins
    });
    let mut text = String::new();
    for (at, (from, to)) in spans.iter().take(PLACES_MAX).enumerate() {
        let between = if at == 0 { ": " } else { ", " };
        let (from, to) = (*from as f64 / 1000.0, *to as f64 / 1000.0);
        write!(text, "{between}{from:.2}-{to:.2} s").expect("a string takes text");
    }
    if spans.len() > PLACES_MAX {
        write!(text, " and {} more", spans.len() - PLACES_MAX).expect("a string takes text");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_places_of_both_sides_are_laid_together_and_the_first_are_named() {
        let (left, right) = (LegId(1), LegId(2));
        let gaps = [(left, 6_200, 9_000), (right, 6_220, 12_440), (left, 15_000, 15_200)];
        assert_eq!(places(&gaps), ": 6.20-12.44 s, 15.00-15.20 s");
        let inside = [(left, 1_000, 5_000), (right, 2_000, 3_000), (left, 4_000, 4_020)];
        assert_eq!(places(&inside), ": 1.00-5.00 s", "what lies in another cuts nothing off it");
        assert_eq!(places(&[]), "");
        let many: Vec<_> = (0..7).map(|n| (left, n * 1000, n * 1000 + 20)).collect();
        assert!(places(&many).ends_with(", 4.00-4.02 s and 2 more"), "{}", places(&many));
    }
}
