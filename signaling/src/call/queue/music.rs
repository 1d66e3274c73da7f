//! Waiting music: the queue's one piece again and again, or the pieces of its list one after the other.
//! After an announcement comes the next piece. Where all pieces are missing it is silence: asking for
//! them again and again would keep the box busy with nothing.

use crate::call::{Call, Phase};
use crate::switch::Cx;
use rand::rngs::SmallRng;
use rand::{Rng, SeedableRng};
use std::sync::Arc;
use terms::media::{PlayEnd, Source};
use terms::routing::Queue;

/// Length of the silence that is repeated where music is missing.
const SILENCE_MS: u32 = 60_000;
/// The box's own.
const USUAL: &str = "music/wait";

/// The pieces that one caller hears, in their order.
#[derive(Clone, Debug)]
pub(in crate::call) struct Music {
    pieces: Vec<String>,
    begun: usize,
    /// Of the last ones begun, how many were not there.
    missing: usize,
}

impl Music {
    /// `draw` is asked for a seed where the queue has its pieces shuffled.
    fn new(queue: &Queue, draw: impl FnOnce() -> u64) -> Self {
        let mut pieces = queue.in_queue.playlist.clone();
        if pieces.is_empty() {
            let usual = queue.music.is_empty();
            pieces.push(if usual { USUAL.to_owned() } else { queue.music.clone() });
        }
        if queue.in_queue.shuffled && pieces.len() > 1 {
            let mut dice = SmallRng::seed_from_u64(draw());
            for last in (1..pieces.len()).rev() {
                pieces.swap(last, dice.random_range(0..=last));
            }
        }
        Music { pieces, begun: 0, missing: 0 }
    }

    /// What is heard next, and whether again and again.
    fn next(&mut self, before: &PlayEnd) -> (Source, bool) {
        match before {
            PlayEnd::Missing(name) if self.pieces.contains(name) => self.missing += 1,
            _ => self.missing = 0,
        }
        let piece = self.pieces.get(self.begun % self.pieces.len().max(1));
        self.begun = self.begun.wrapping_add(1);
        match piece.filter(|_| self.missing < self.pieces.len()) {
            Some(piece) => (Source::Prompt(piece.clone()), self.pieces.len() == 1),
            None => (Source::Silence { ms: SILENCE_MS }, true),
        }
    }
}

impl Call {
    /// Music until something else happens.
    pub(in crate::call) fn play_music(&mut self, cx: &mut Cx, before: &PlayEnd) {
        let Phase::Waiting(waiting) = &mut self.phase else { return };
        if waiting.typed.is_some() {
            return;
        }
        waiting.speaks = false;
        let queue = Arc::clone(&waiting.queue);
        let music = waiting.music.get_or_insert_with(|| Music::new(&queue, || cx.world.draw()));
        let (source, looped) = music.next(before);
        self.play(cx, self.anchor, vec![source], looped, false);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::switch::rig::demo_plan;
    use std::collections::BTreeSet;

    fn queue(pieces: &[&str], shuffled: bool) -> Queue {
        let mut queue = demo_plan().queues.remove(0);
        queue.in_queue.playlist = pieces.iter().map(|&piece| piece.to_owned()).collect();
        queue.in_queue.shuffled = shuffled;
        queue
    }

    fn name(heard: (Source, bool)) -> String {
        match heard.0 {
            Source::Prompt(name) => name,
            other => format!("{other:?}"),
        }
    }

    #[test]
    fn pieces_that_are_not_there_are_passed_over_and_none_is_silence() {
        let mut music = Music::new(&queue(&["a", "b", "c"], false), || unreachable!("no lots"));
        let gone = |name: &str| PlayEnd::Missing(name.to_owned());
        let mut next = |before: PlayEnd| name(music.next(&before));
        assert_eq!(next(PlayEnd::Finished), "a");
        assert_eq!(next(gone("a")), "b");
        assert_eq!(next(gone("b")), "c");
        assert_eq!(next(PlayEnd::Finished), "a", "and from the first on again");
        assert_eq!([next(gone("a")), next(gone("b"))], ["b", "c"]);
        assert!(next(gone("c")).starts_with("Silence"));
        assert_ne!(next(PlayEnd::Finished), next(gone("x")), "something else was missing");
    }

    #[test]
    fn each_caller_has_an_order_of_their_own_in_which_nothing_is_left_out() {
        let pieces = ["a", "b", "c", "d", "e"];
        let order = |seed: u64| {
            let mut music = Music::new(&queue(&pieces, true), || seed);
            (0..10).map(|_| name(music.next(&PlayEnd::Finished))).collect::<Vec<_>>()
        };
        let orders: BTreeSet<Vec<String>> = (0..20).map(order).collect();
        assert!(orders.len() > 10, "{orders:?}");
        for heard in &orders {
            assert_eq!(heard[..5], heard[5..], "the same again");
            let mut sorted = heard[..5].to_vec();
            sorted.sort();
            assert_eq!(sorted, pieces);
        }
    }

    #[test]
    fn one_piece_is_looped_by_media_itself() {
        let mut plain = queue(&[], true);
        let heard = Music::new(&plain, || 1).next(&PlayEnd::Finished);
        assert_eq!(heard, (Source::Prompt("music/wait".into()), true));
        plain.music = String::new();
        assert_eq!(name(Music::new(&plain, || 1).next(&PlayEnd::Finished)), "music/wait");
    }
}
