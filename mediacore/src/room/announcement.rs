//! What everybody in a room hears beside the voices: a tone that says somebody came or left, or a
//! sentence. Each shard mixes it in for its own legs.

use crate::codec::{Converter, Rate};
use crate::mix::Frame;
use crate::play::{Player, Refused};
use crate::prompt::PromptStore;
use terms::PlaybackId;
use terms::media::{Playback, Source};

/// Frames of 20 ms of one announcement at most, a minute: a tone without end is cut there.
const FRAMES_MAX: u32 = 3_000;

/// One that runs.
#[derive(Clone, Debug)]
pub struct Announcement {
    player: Player,
    converter: Converter,
    frames: u32,
}

impl Announcement {
    /// These sources, once, one after the other.
    ///
    /// # Errors
    /// When one of them is a prompt that does not exist.
    pub fn new(sources: Vec<Source>, prompts: &PromptStore) -> Result<Self, Refused> {
        let playback = Playback::once(PlaybackId::default(), sources);
        let player = Player::new(&playback, prompts)?;
        Ok(Announcement { player, converter: Converter::default(), frames: 0 })
    }

    /// The next frame, at the room's rate.
    pub fn take(&mut self, rate: Rate) -> Frame {
        let mut frame = Frame::silent(Rate::Narrow);
        self.player.fill_samples(frame.samples_mut());
        self.frames += 1;
        frame.converted(rate, &mut self.converter)
    }

    /// Everything was heard.
    pub fn is_over(&self) -> bool {
        self.player.is_finished() || self.frames >= FRAMES_MAX
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frames(sources: Vec<Source>) -> Vec<Frame> {
        let store = PromptStore::new([]);
        let mut announcement = Announcement::new(sources, &store).expect("tones need no prompt");
        let mut frames = Vec::new();
        while !announcement.is_over() {
            frames.push(announcement.take(Rate::Narrow));
        }
        frames
    }

    #[test]
    fn an_announcement_has_its_length_and_one_without_end_is_cut() {
        assert_eq!(frames(vec![Source::Arrival]).len(), 15, "300 ms");
        let both = vec![Source::Silence { ms: 40 }, Source::Beep { ms: 20 }];
        let both = frames(both);
        assert_eq!(both.len(), 3);
        assert!(both[1].samples().iter().all(|&sample| sample == 0));
        assert!(both[2].samples().iter().any(|&sample| sample > 5_000));
        assert_eq!(frames(vec![Source::Ringback]).len(), 3_000, "a minute");
        assert!(frames(Vec::new()).is_empty());
    }

    #[test]
    fn a_prompt_that_is_missing_is_refused() {
        let sources = vec![Source::Prompt("nowhere".into())];
        let refused = Announcement::new(sources, &PromptStore::new([])).err();
        assert_eq!(refused, Some(Refused::Missing("nowhere".into())));
    }
}
