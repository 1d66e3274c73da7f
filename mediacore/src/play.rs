//! A playback: a list of prompts, speech and tones, one after the other, once, a number of times or
//! in a loop, from its beginning or from elsewhere.
//!
//! Octets of G.711 lie ready; every other codec gets samples and encodes them. A prompt that ends
//! inside a frame is followed by the next source in the same frame, so that spoken numbers have no
//! gaps. Promise: what a round plays is its sources' samples, each once, whatever the frames.

use crate::g711::{self, Law};
use crate::prompt::{Prompt, PromptStore};
use crate::tone::{NOTES_MS, Tone};
use std::sync::Arc;
use terms::PlaybackId;
use terms::media::{Keys, Playback, Seek, Source};

/// Sources of one playback at most.
pub const SOURCES_MAX: usize = 256;
const SAMPLES_PER_MS: u64 = 8;
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
    /// No prompt of this name, no speech of this text.
    Missing(String),
}

/// A running playback.
#[derive(Clone, Debug)]
pub struct Player {
    id: PlaybackId,
    stop_keys: Keys,
    looped: bool,
    pieces: Vec<Piece>,
    /// Samples of one round.
    length: u64,
    /// Rounds that are left after this one.
    rounds_left: u64,
    /// Rounds that are over.
    rounds: u64,
    piece: usize,
    at: u64,
}

impl Player {
    /// Looks up all sources. A list longer than [`SOURCES_MAX`] is cut there.
    pub fn new(playback: &Playback, prompts: &PromptStore) -> Result<Self, Refused> {
        let found = |prompt: Option<&Arc<Prompt>>, name: &str| match prompt {
            Some(prompt) => Ok(Piece::Prompt(Arc::clone(prompt))),
            None => Err(Refused::Missing(name.chars().take(crate::prompt::NAME_MAX).collect())),
        };
        let piece = |source: &Source| match source {
            Source::Prompt(name) => found(prompts.find(playback.tenant, name), name),
            Source::Speech { language, text } => found(prompts.speech(language, text), text),
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
        let length = pieces.iter().map(Piece::len).sum();
        let mut player = Player {
            id: playback.id,
            stop_keys: if playback.interruptible { playback.stop_keys } else { Keys::NONE },
            looped: playback.looped && length > 0,
            pieces,
            length,
            rounds_left: u64::from(playback.times.max(1) - 1),
            rounds: 0,
            piece: 0,
            at: 0,
        };
        player.seek(Seek::To { ms: playback.start_ms });
        Ok(player)
    }

    /// Its name.
    pub fn id(&self) -> PlaybackId {
        self.id
    }
    /// Whether this digit stops it.
    pub fn stops_at(&self, key: char) -> bool {
        self.stop_keys.contains(key)
    }

    /// Goes on from another place. In a loop there is no end to go behind.
    pub fn seek(&mut self, to: Seek) {
        let here = self.rounds * self.length + self.place();
        let target = match to {
            Seek::To { ms } => u64::from(ms) * SAMPLES_PER_MS,
            Seek::By { ms } => here.saturating_add_signed(i64::from(ms) * SAMPLES_PER_MS as i64),
        };
        let rounds = self.rounds + self.rounds_left;
        let round = target.checked_div(self.length).unwrap_or(0);
        if round > rounds && !self.looped {
            (self.rounds, self.rounds_left, self.piece, self.at) =
                (rounds, 0, self.pieces.len(), 0);
            return;
        }
        if self.looped {
            self.rounds = 0;
        } else {
            (self.rounds, self.rounds_left) = (round, rounds - round);
        }
        let mut at = target.checked_rem(self.length).unwrap_or(0);
        self.piece = self
            .pieces
            .iter()
            .take_while(|piece| {
                let passes = at >= piece.len();
                at -= if passes { piece.len() } else { 0 };
                passes
            })
            .count();
        self.at = at;
    }

    /// Samples of this round that were played.
    fn place(&self) -> u64 {
        self.pieces[..self.piece.min(self.pieces.len())].iter().map(Piece::len).sum::<u64>()
            + self.at
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
                if !self.begin_again() {
                    break;
                }
                continue;
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

    /// The next round, if there is one.
    fn begin_again(&mut self) -> bool {
        if self.looped {
            self.piece = 0;
            return true;
        }
        if self.rounds_left == 0 || self.length == 0 {
            return false;
        }
        (self.rounds, self.rounds_left, self.piece) = (self.rounds + 1, self.rounds_left - 1, 0);
        true
    }

    /// Whether nothing is left to play.
    pub fn is_finished(&self) -> bool {
        !self.looped
            && (self.rounds_left == 0 || self.length == 0)
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
        Playback { looped, interruptible: true, ..Playback::once(PlaybackId(1), sources) }
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

    /// A ramp, so that every sample says where it comes from.
    fn ramps() -> PromptStore {
        let ramp = |from: i16, samples: i16| -> Vec<i16> {
            (0..samples).map(|n| (from + n) * 16).collect()
        };
        PromptStore::new([
            ("a".into(), Prompt::from_samples(&ramp(0, 333))),
            ("b".into(), Prompt::from_samples(&ramp(400, 101))),
            ("c".into(), Prompt::from_samples(&ramp(600, 7))),
        ])
    }

    fn abc() -> Vec<Source> {
        ["a", "b", "c"].map(|name| Source::Prompt(name.into())).to_vec()
    }

    /// The octets of the three parts, one after the other.
    fn whole() -> Vec<u8> {
        let store = ramps();
        ["a", "b", "c"]
            .iter()
            .flat_map(|&name| store.get(name).unwrap().octets(Law::A))
            .copied()
            .collect()
    }

    fn octets(player: &mut Player, frame: usize) -> Vec<u8> {
        let (mut out, mut all) = (vec![0; frame], Vec::new());
        while !player.is_finished() {
            assert!(player.fill(Law::A, &mut out));
            all.extend(&out);
        }
        all
    }

    #[test]
    fn parts_of_any_length_join_without_a_sample_of_silence() {
        let whole = whole();
        assert_eq!(whole.len(), 441, "no part is a multiple of 20 ms");
        for (times, frame) in [(0, 160), (1, 160), (3, 160), (3, 80), (2, 480), (5, 1)] {
            let playback = Playback { times, ..playback(abc(), false) };
            let mut player = Player::new(&playback, &ramps()).unwrap();
            let said = octets(&mut player, frame);
            let expected = whole.repeat(usize::from(times.max(1)));
            assert_eq!(said[..expected.len()], expected, "{times} times in frames of {frame}");
            assert_eq!(said.len(), expected.len().next_multiple_of(frame));
            assert!(said[expected.len()..].iter().all(|&octet| octet == g711::silence(Law::A)));
        }
    }

    #[test]
    fn a_playback_begins_where_it_is_asked_to() {
        for (start_ms, from) in [(0, 0), (10, 80), (41, 328), (42, 336), (55, 440)] {
            let playback = Playback { start_ms, ..playback(abc(), false) };
            let mut player = Player::new(&playback, &ramps()).unwrap();
            let said = octets(&mut player, 1);
            assert_eq!(said, whole()[from..], "from {start_ms} ms");
        }
        let behind = Playback { start_ms: 56, ..playback(abc(), false) };
        assert!(Player::new(&behind, &ramps()).unwrap().is_finished());
        let second = Playback { start_ms: 56, times: 2, ..behind };
        let said = octets(&mut Player::new(&second, &ramps()).unwrap(), 1);
        assert_eq!(said, whole()[7..], "448 samples are the second round's eighth");
    }

    #[test]
    fn who_seeks_hears_on_from_there() {
        let playback = Playback { times: 2, ..playback(abc(), false) };
        let twice = whole().repeat(2);
        let mut player = Player::new(&playback, &ramps()).unwrap();
        let mut out = [0; 160];
        let mut hear = |player: &mut Player| {
            assert!(player.fill(Law::A, &mut out));
            out.to_vec()
        };
        assert_eq!(hear(&mut player), twice[..160]);
        player.seek(Seek::By { ms: -15 });
        assert_eq!(hear(&mut player), twice[40..200], "15 ms back");
        player.seek(Seek::By { ms: 50 });
        assert_eq!(hear(&mut player), twice[600..760], "50 ms on, into the second round");
        player.seek(Seek::By { ms: -50 });
        assert_eq!(hear(&mut player), twice[360..520], "back over the seam");
        player.seek(Seek::By { ms: i32::MIN });
        assert_eq!(hear(&mut player), twice[..160], "before the beginning is the beginning");
        player.seek(Seek::To { ms: 40 });
        assert_eq!(hear(&mut player), twice[320..480]);
        player.seek(Seek::By { ms: i32::MAX });
        assert!(player.is_finished(), "behind the end is finished");
        player.seek(Seek::By { ms: -10 });
        assert_eq!(octets(&mut player, 1), twice[802..], "and from the end one comes back");
    }

    #[test]
    fn a_loop_is_never_left_behind() {
        let mut player = Player::new(&playback(abc(), true), &ramps()).unwrap();
        player.seek(Seek::To { ms: u32::MAX });
        let from = (u64::from(u32::MAX) * 8 % 441) as usize;
        let mut out = [0; 160];
        assert!(player.fill(Law::A, &mut out));
        assert_eq!(out[..], whole().repeat(2)[from..from + 160]);
        assert!(!player.is_finished());
    }

    #[test]
    fn only_the_keys_named_stop_it() {
        let keys = |interruptible| Playback {
            interruptible,
            stop_keys: "#*".chars().collect(),
            ..playback(abc(), false)
        };
        let player = Player::new(&keys(true), &ramps()).unwrap();
        assert!(player.stops_at('#') && !player.stops_at('5'));
        let player = Player::new(&keys(false), &ramps()).unwrap();
        assert!(!player.stops_at('#'));
    }
}
