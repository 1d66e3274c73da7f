//! The line between a leg and its bot: two short rings of frames and a word that stops what is said.
//! One end is with the media core, the other with whoever speaks with the bot. Neither waits for the
//! other: a bot that is slow, or dead, costs its own talk and nothing else.

use crate::codec::Rate;
use crate::mix::Frame;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use terms::LegId;

/// What a bot has not yet heard: one second.
const HEARD_MAX: usize = 50;
/// What it has said and the core has not yet taken: 200 ms.
const SAID_MAX: usize = 10;

/// What a bot hears.
#[expect(
    clippy::large_enum_variant,
    reason = "nearly all are frames, and a box would allocate for each"
)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Heard {
    /// 20 ms of the caller.
    Sound(Frame),
    /// A key of theirs.
    Key(char),
}

/// The end on a media core.
pub struct Line {
    rate: Rate,
    voice: Option<LegId>,
    heard: rtrb::Producer<Heard>,
    said: rtrb::Consumer<Frame>,
    hush: Arc<AtomicBool>,
}

/// The end of the bot.
pub struct Bot {
    heard: rtrb::Consumer<Heard>,
    said: rtrb::Producer<Frame>,
    hush: Arc<AtomicBool>,
}

/// A line on which the bot hears at `rate`; `voice` is its name in recordings, where it is in one.
pub fn line(rate: Rate, voice: Option<LegId>) -> (Line, Bot) {
    let (hear, heard) = rtrb::RingBuffer::new(HEARD_MAX);
    let (say, said) = rtrb::RingBuffer::new(SAID_MAX);
    let hush = Arc::new(AtomicBool::new(false));
    let line = Line { rate, voice, heard: hear, said, hush: Arc::clone(&hush) };
    (line, Bot { heard, said: say, hush })
}

impl Line {
    /// Of what the bot hears.
    pub fn rate(&self) -> Rate {
        self.rate
    }

    /// Who the bot is in recordings.
    pub fn voice(&self) -> Option<LegId> {
        self.voice
    }

    /// What the bot hears next. False when it is too far behind to hear it.
    pub fn hears(&mut self, heard: Heard) -> bool {
        self.heard.push(heard).is_ok()
    }

    /// What it said next.
    pub fn said(&mut self) -> Option<Frame> {
        self.said.pop().ok()
    }

    /// True once when the bot takes back what it said; what waits in the ring is left out then.
    pub fn is_hushed(&mut self) -> bool {
        if !self.hush.load(Ordering::Acquire) {
            return false;
        }
        // Until the word is taken back the bot says nothing new.
        while self.said.pop().is_ok() {}
        self.hush.store(false, Ordering::Release);
        true
    }

    /// It has hung up.
    pub fn is_over(&self) -> bool {
        self.said.is_abandoned()
    }
}

impl Bot {
    /// What it hears next.
    pub fn heard(&mut self) -> Option<Heard> {
        self.heard.pop().ok()
    }

    /// Says the next 20 ms; false, and nothing is said, while so much waits.
    pub fn says(&mut self, frame: Frame) -> bool {
        // What is said now is not taken back with what was said before.
        !self.hush.load(Ordering::Acquire) && self.said.push(frame).is_ok()
    }

    /// Takes back what nobody has heard yet.
    pub fn hush(&mut self) {
        self.hush.store(true, Ordering::Release);
    }

    /// Whether the core has taken everything that was said: it is heard within 200 ms.
    pub fn is_heard(&self) -> bool {
        self.said.slots() == SAID_MAX
    }

    /// It has lost the leg.
    pub fn is_over(&self) -> bool {
        self.said.is_abandoned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn level(level: i16) -> Frame {
        Frame::from_samples(Rate::Narrow, &[level; 160])
    }

    #[test]
    fn what_is_taken_back_is_not_said_and_what_follows_is() {
        let (mut line, mut bot) = line(Rate::Narrow, None);
        assert!(bot.says(level(1)) && bot.says(level(2)) && !bot.is_heard());
        bot.hush();
        assert!(!bot.says(level(3)), "not before the core has heard of it");
        assert!(line.is_hushed() && !line.is_hushed());
        assert!(bot.is_heard() && bot.says(level(3)));
        assert_eq!((line.said(), line.said()), (Some(level(3)), None));
    }

    #[test]
    fn nobody_waits_for_a_line_that_is_full_or_gone() {
        let (mut line, mut bot) = line(Rate::Wide, None);
        let taken = (0..200).filter(|_| line.hears(Heard::Key('1'))).count();
        assert_eq!(taken, HEARD_MAX);
        let taken = (0..200).filter(|_| bot.says(level(1))).count();
        assert_eq!(taken, SAID_MAX);
        assert!(!line.is_over() && !bot.is_over());
        drop(line);
        assert!(bot.is_over());
        let (line, bot) = super::line(Rate::Wide, None);
        drop(bot);
        assert!(line.is_over());
    }
}
