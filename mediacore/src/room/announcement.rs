//! What everybody in a room hears beside the voices: a tone that says somebody came or left, or a
//! sentence. Each shard mixes it in for its own legs. What is said into a conversation may be for
//! one leg alone, and its voice may stand in recordings.

use crate::codec::{Converter, Law, Rate, g711};
use crate::mix::Frame;
use crate::play::{Player, Refused};
use crate::prompt::PromptStore;
use terms::media::{Interject, Playback, RtpTime, SeqNo, Source, Ssrc};
use terms::{LegId, PlaybackId};

/// Frames of 20 ms of one announcement at most, a minute: a tone without end is cut there.
const FRAMES_MAX: u32 = 3_000;

/// Samples of a frame of 20 ms, and octets of it as G.711.
const FRAME_SAMPLES: usize = 160;

/// A frame as a recording takes it: A-law, as if it had come from a leg.
#[derive(Clone, Copy, Debug)]
pub struct Spoken {
    /// Who says it.
    pub voice: LegId,
    /// Where it is in what they say.
    pub time: RtpTime,
    /// Its number.
    pub seq: SeqNo,
    /// One for each voice.
    pub ssrc: Ssrc,
    /// 20 ms.
    pub octets: [u8; FRAME_SAMPLES],
}

impl Spoken {
    /// Nothing of this voice yet.
    pub fn of(voice: LegId) -> Self {
        let (time, seq, ssrc) = (RtpTime(0), SeqNo(0), Ssrc(voice.0 as u32));
        Spoken { voice, time, seq, ssrc, octets: [0; FRAME_SAMPLES] }
    }

    /// The next 20 ms, at 8 kHz.
    pub fn say(&mut self, samples: &[i16]) {
        g711::encode_into(Law::A, samples, &mut self.octets);
        self.time = RtpTime(self.time.0.wrapping_add(FRAME_SAMPLES as u32));
        self.seq = SeqNo(self.seq.0.wrapping_add(1));
    }
}

/// What is said into a conversation.
#[derive(Clone, Debug)]
struct Part {
    leg: LegId,
    playback: PlaybackId,
    only: Option<LegId>,
    spoken: Spoken,
}

/// One that runs.
#[derive(Clone, Debug)]
pub struct Announcement {
    player: Player,
    converter: Converter,
    frames: u32,
    part: Option<Part>,
}

impl Announcement {
    /// These sources, once, one after the other.
    ///
    /// # Errors
    /// When one of them is a prompt that does not exist.
    pub fn new(sources: Vec<Source>, prompts: &PromptStore) -> Result<Self, Refused> {
        let playback = Playback::once(PlaybackId::default(), sources);
        let player = Player::new(&playback, prompts)?;
        Ok(Announcement { player, converter: Converter::default(), frames: 0, part: None })
    }

    /// What is said into a conversation.
    ///
    /// # Errors
    /// When it names a prompt that does not exist.
    pub fn of_talk(order: &Interject, prompts: &PromptStore) -> Result<Self, Refused> {
        let player = Player::new(&order.playback, prompts)?;
        let spoken = Spoken::of(order.voice);
        let (leg, playback, only) = (order.leg, order.playback.id, order.only);
        let part = Some(Part { leg, playback, only, spoken });
        Ok(Announcement { player, converter: Converter::default(), frames: 0, part })
    }

    /// The one leg that hears it; none is everybody.
    pub fn only(&self) -> Option<LegId> {
        self.part.as_ref().and_then(|part| part.only)
    }

    /// The frame that was taken last, for recordings.
    pub fn spoken(&self) -> Option<Spoken> {
        self.part.as_ref().map(|part| part.spoken)
    }

    /// Whom its end is told of, and under which name.
    pub fn told(&self) -> Option<(LegId, PlaybackId)> {
        self.part.as_ref().map(|part| (part.leg, part.playback))
    }

    /// The next frame, at the room's rate.
    pub fn take(&mut self, rate: Rate) -> Frame {
        let mut frame = Frame::silent(Rate::Narrow);
        self.player.fill_samples(frame.samples_mut());
        self.frames += 1;
        if let Some(part) = &mut self.part {
            part.spoken.say(frame.samples());
        }
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
