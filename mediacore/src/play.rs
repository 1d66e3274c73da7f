//! A playback: a list of prompts and tones, one after the other, looped or not.
//!
//! Octets come ready in the leg's codec; a prompt that ends inside a frame is followed by the next
//! source in the same frame, so that spoken numbers have no gaps.

use crate::g711;
use crate::prompt::{Prompt, PromptStore};
use crate::tone::Tone;
use std::sync::Arc;
use terms::PlaybackId;
use terms::media::{Codec, Playback, Source};

/// Sources of one playback at most.
pub const SOURCES_MAX: usize = 256;
/// Length of one tone at most, in ms.
const TONE_MS_MAX: u32 = 600_000;

#[derive(Clone, Debug)]
enum Piece {
    Prompt(Arc<Prompt>),
    Tone { tone: Tone, samples: u64 },
}

impl Piece {
    fn len(&self) -> u64 {
        match self {
            Piece::Prompt(prompt) => prompt.octets(Codec::Pcma).len() as u64,
            Piece::Tone { samples, .. } => *samples,
        }
    }

    fn copy(&self, codec: Codec, at: u64, out: &mut [u8]) {
        match self {
            Piece::Prompt(prompt) => {
                let at = at as usize;
                out.copy_from_slice(&prompt.octets(codec)[at..at + out.len()]);
            }
            Piece::Tone { tone, .. } => {
                for (n, octet) in out.iter_mut().enumerate() {
                    *octet = g711::encode(codec, tone.sample(at + n as u64));
                }
            }
        }
    }
}

/// A playback that cannot begin.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Refused {
    /// No prompt of this name.
    Missing(String),
}

/// A running playback.
#[derive(Clone, Debug)]
pub struct Player {
    id: PlaybackId,
    interruptible: bool,
    looped: bool,
    pieces: Vec<Piece>,
    piece: usize,
    at: u64,
}

impl Player {
    /// Looks up all sources. A list longer than [`SOURCES_MAX`] is cut there.
    pub fn new(playback: &Playback, prompts: &PromptStore) -> Result<Self, Refused> {
        let piece = |source: &Source| match source {
            Source::Prompt(name) => match prompts.get(name) {
                Some(prompt) => Ok(Piece::Prompt(Arc::clone(prompt))),
                None => Err(Refused::Missing(name.chars().take(crate::prompt::NAME_MAX).collect())),
            },
            // Ringback and busy sound until something else is asked for.
            Source::Ringback => Ok(endless(Tone::Ringback)),
            Source::Busy => Ok(endless(Tone::Busy)),
            Source::Beep { ms } => Ok(timed(Tone::Beep, *ms)),
            Source::Silence { ms } => Ok(timed(Tone::Silence, *ms)),
        };
        let pieces: Vec<Piece> =
            playback.sources.iter().take(SOURCES_MAX).map(piece).collect::<Result<_, _>>()?;
        let empty = pieces.iter().all(|piece| piece.len() == 0);
        Ok(Player {
            id: playback.id,
            interruptible: playback.interruptible,
            looped: playback.looped && !empty,
            pieces,
            piece: 0,
            at: 0,
        })
    }

    /// Its name.
    pub fn id(&self) -> PlaybackId {
        self.id
    }
    /// Whether a digit stops it.
    pub fn is_interruptible(&self) -> bool {
        self.interruptible
    }

    /// Fills a frame. `false` when everything was already played; the rest of a last frame is
    /// silence.
    pub fn fill(&mut self, codec: Codec, out: &mut [u8]) -> bool {
        let mut filled = 0;
        while filled < out.len() {
            let Some(piece) = self.pieces.get(self.piece) else {
                if self.looped {
                    self.piece = 0;
                    continue;
                }
                break;
            };
            let left = piece.len() - self.at;
            let take = left.min((out.len() - filled) as u64) as usize;
            piece.copy(codec, self.at, &mut out[filled..filled + take]);
            filled += take;
            self.at += take as u64;
            if self.at == piece.len() {
                self.piece += 1;
                self.at = 0;
            }
        }
        out[filled..].fill(g711::silence(codec));
        filled > 0
    }

    /// Whether nothing is left to play.
    pub fn is_finished(&self) -> bool {
        !self.looped
            && self.pieces[self.piece.min(self.pieces.len())..].iter().all(|p| p.len() == 0)
    }
}

fn endless(tone: Tone) -> Piece {
    let samples = u64::from(TONE_MS_MAX) * 8;
    Piece::Tone { tone, samples: samples - samples % tone.round_samples() }
}

fn timed(tone: Tone, ms: u32) -> Piece {
    Piece::Tone { tone, samples: u64::from(ms.min(TONE_MS_MAX)) * 8 }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn store() -> PromptStore {
        let one = Prompt::from_samples(&[1_000; 250]);
        let two = Prompt::from_samples(&[-2_000; 100]);
        PromptStore::new([("one".into(), one), ("two".into(), two)])
    }

    fn playback(sources: Vec<Source>, looped: bool) -> Playback {
        Playback { id: PlaybackId(1), sources, looped, interruptible: true }
    }

    fn played(player: &mut Player, frames: usize) -> Vec<i16> {
        let mut out = [0; 160];
        let mut samples = Vec::new();
        for _ in 0..frames {
            if player.fill(Codec::Pcma, &mut out) {
                samples.extend(out.iter().map(|&octet| g711::decode(Codec::Pcma, octet)));
            }
        }
        samples
    }

    #[test]
    fn sources_follow_each_other_inside_a_frame() {
        let sources = vec![Source::Prompt("one".into()), Source::Prompt("two".into())];
        let mut player = Player::new(&playback(sources, false), &store()).unwrap();
        assert!(!player.is_finished());
        let samples = played(&mut player, 5);
        assert_eq!(samples.len(), 3 * 160);
        assert!(samples[..250].iter().all(|&sample| sample > 900));
        assert!(samples[250..350].iter().all(|&sample| sample < -1_900));
        assert!(samples[350..].iter().all(|&sample| sample.abs() < 10));
        assert!(player.is_finished());
    }

    #[test]
    fn a_loop_has_no_end_and_no_seam() {
        let sources = vec![Source::Prompt("two".into())];
        let mut player = Player::new(&playback(sources, true), &store()).unwrap();
        let samples = played(&mut player, 100);
        assert_eq!(samples.len(), 16_000);
        assert!(samples.iter().all(|&sample| sample < -1_900));
    }

    #[test]
    fn a_loop_of_nothing_ends() {
        let sources = vec![Source::Silence { ms: 0 }];
        let mut player = Player::new(&playback(sources, true), &store()).unwrap();
        assert!(played(&mut player, 3).is_empty());
        assert!(player.is_finished());
    }

    #[test]
    fn a_missing_prompt_is_named() {
        let sources = vec![Source::Prompt("one".into()), Source::Prompt("three".into())];
        let refused = Player::new(&playback(sources, false), &store()).unwrap_err();
        assert_eq!(refused, Refused::Missing("three".into()));
    }

    #[test]
    fn a_beep_has_the_length_asked_for() {
        let mut player =
            Player::new(&playback(vec![Source::Beep { ms: 100 }], false), &store()).unwrap();
        assert_eq!(played(&mut player, 100).len(), 800);
    }
}
