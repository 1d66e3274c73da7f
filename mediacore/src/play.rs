//! A playback: a list of prompts and tones, one after the other, looped or not.
//!
//! Octets of G.711 lie ready; every other codec gets samples and encodes them. A prompt that ends inside a frame is followed by the next
//! source in the same frame, so that spoken numbers have no gaps.

use crate::g711::{self, Law};
use crate::prompt::{Prompt, PromptStore};
use crate::tone::{NOTES_MS, Tone};
use std::sync::Arc;
use terms::PlaybackId;
use terms::media::{Playback, Source};

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
            Piece::Prompt(prompt) => prompt.octets(Law::A).len() as u64,
            Piece::Tone { samples, .. } => *samples,
        }
    }

    fn copy(&self, at: u64, out: Target) {
        match (self, out) {
            (Piece::Prompt(prompt), Target::Octets(law, out)) => {
                let at = at as usize;
                out.copy_from_slice(&prompt.octets(law)[at..at + out.len()]);
            }
            (Piece::Prompt(prompt), Target::Samples(out)) => {
                // µ-law is the finer of the two where it is quiet.
                let octets = &prompt.octets(Law::Mu)[at as usize..];
                for (sample, &octet) in out.iter_mut().zip(octets) {
                    *sample = g711::decode(Law::Mu, octet);
                }
            }
            (Piece::Tone { tone, .. }, Target::Octets(law, out)) => {
                for (n, octet) in out.iter_mut().enumerate() {
                    *octet = g711::encode(law, tone.sample(at + n as u64));
                }
            }
            (Piece::Tone { tone, .. }, Target::Samples(out)) => {
                for (n, sample) in out.iter_mut().enumerate() {
                    *sample = tone.sample(at + n as u64);
                }
            }
        }
    }
}

/// What a frame is filled with.
enum Target<'a> {
    /// Octets of a law: they lie ready.
    Octets(Law, &'a mut [u8]),
    /// Samples at 8 kHz, for every other codec.
    Samples(&'a mut [i16]),
}

impl Target<'_> {
    fn len(&self) -> usize {
        match self {
            Target::Octets(_, octets) => octets.len(),
            Target::Samples(samples) => samples.len(),
        }
    }

    fn part(&mut self, from: usize, to: usize) -> Target<'_> {
        match self {
            Target::Octets(law, octets) => Target::Octets(*law, &mut octets[from..to]),
            Target::Samples(samples) => Target::Samples(&mut samples[from..to]),
        }
    }

    fn silence(&mut self, from: usize) {
        match self {
            Target::Octets(law, octets) => octets[from..].fill(g711::silence(*law)),
            Target::Samples(samples) => samples[from..].fill(0),
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
            Source::Reminder { ms } => Ok(timed(Tone::Reminder, *ms)),
            Source::Silence { ms } => Ok(timed(Tone::Silence, *ms)),
            Source::Arrival => Ok(timed(Tone::Arrival, NOTES_MS)),
            Source::Departure => Ok(timed(Tone::Departure, NOTES_MS)),
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

    /// Fills a frame with octets. `false` when everything was already played; the rest of a last
    /// frame is silence.
    pub fn fill(&mut self, law: Law, out: &mut [u8]) -> bool {
        self.fill_target(Target::Octets(law, out))
    }

    /// The same with samples at 8 kHz.
    pub fn fill_samples(&mut self, out: &mut [i16]) -> bool {
        self.fill_target(Target::Samples(out))
    }

    fn fill_target(&mut self, mut out: Target) -> bool {
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
            piece.copy(self.at, out.part(filled, filled + take));
            filled += take;
            self.at += take as u64;
            if self.at == piece.len() {
                self.piece += 1;
                self.at = 0;
            }
        }
        out.silence(filled);
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
            if player.fill(Law::A, &mut out) {
                samples.extend(out.iter().map(|&octet| g711::decode(Law::A, octet)));
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

    #[test]
    fn octets_and_samples_are_the_same_sound() {
        let sources = vec![Source::Prompt("one".into()), Source::Beep { ms: 50 }];
        let mut octets = Player::new(&playback(sources.clone(), false), &store()).unwrap();
        let mut samples = Player::new(&playback(sources, false), &store()).unwrap();
        let mut heard = Vec::new();
        let mut out = [0; 160];
        while samples.fill_samples(&mut out) {
            heard.extend(out);
        }
        let said = played(&mut octets, 10);
        assert_eq!(heard.len(), said.len());
        assert!(
            heard.iter().zip(&said).all(|(a, b)| (a - b).abs() <= 300),
            "within a step of A-law"
        );
        assert!(heard[250..600].iter().any(|sample| sample.abs() > 3_000));
    }
}
