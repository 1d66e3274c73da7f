//! One talk between a caller's leg and a bot, without its socket: frames and words go both ways,
//! and the first thing that a bot may not do ends it.

use super::message::{self, SET_MAX, Said};
use super::outbox::Outbox;
use super::speech::{Speech, octets};
use mediacore::codec::Rate;
use mediacore::edge::bot::{Bot, Heard};
use mediacore::mix::Frame;
use signaling::ivr::run::{self, Parting};
use std::collections::BTreeMap;
use std::time::Duration;
use tokio::time::Instant;
use tokio_tungstenite::tungstenite::Message;

/// What ends a talk whose caller hung up, or whose step was left.
pub const GONE: &str = "the caller is gone";
/// Octets of a bot in a second: thirty seconds of sound at 16 kHz come in half of one.
const BYTES_PER_S_MAX: usize = 2 << 20;
/// What a message costs beside its octets, so that many small ones are no way around.
const MESSAGE_COST: usize = 256;
/// What the core has taken is heard within so many turns.
const HEARD_TURNS: u32 = 25;

/// The talk.
pub struct Talk {
    bot: Bot,
    speech: Speech,
    big_endian: bool,
    /// Frames that the caller has said.
    frames: u32,
    /// The bot has said something that is not heard to its end.
    speaks: bool,
    /// Turns since the core took the last of it.
    quiet: u32,
    set: BTreeMap<String, String>,
    parting: Option<Parting>,
    /// When the second began that is counted, and what came in it.
    counted: Option<(Instant, usize)>,
}

impl Talk {
    /// A talk in which nothing was said yet.
    pub fn new(talk: &run::Talk, bot: Bot) -> Self {
        Talk {
            bot,
            speech: Speech::new(rate(talk), talk.big_endian),
            big_endian: talk.big_endian,
            frames: 0,
            speaks: false,
            quiet: 0,
            set: BTreeMap::new(),
            parting: None,
            counted: None,
        }
    }

    /// Carries what waits both ways; says how the talk ended once it has.
    pub fn turn(&mut self, outbox: &Outbox) -> Option<Result<Parting, String>> {
        if self.bot.is_over() {
            return Some(Err(GONE.to_owned()));
        }
        while let Some(heard) = self.bot.heard() {
            match heard {
                _ if self.parting.is_some() => {}
                Heard::Sound(frame) => {
                    outbox.put(self.sound(&frame));
                    self.frames = self.frames.wrapping_add(1);
                }
                Heard::Key(key) => outbox.put(message::key(key)),
            }
        }
        self.speech.turn();
        let bot = &mut self.bot;
        self.speech.give(|frame| bot.says(frame));
        let is_taken = self.speech.is_empty() && self.bot.is_heard();
        self.quiet = if is_taken { self.quiet.saturating_add(1) } else { 0 };
        if self.speaks && self.quiet >= HEARD_TURNS {
            self.speaks = false;
            outbox.put(message::heard());
        }
        if self.speaks { None } else { self.parting.take().map(Ok) }
    }

    /// 20 ms for the bot: their number and their time in ms, each four octets in the network's
    /// order, then the samples.
    fn sound(&self, frame: &Frame) -> Message {
        let time_ms = self.frames.wrapping_mul(20);
        let head = self.frames.to_be_bytes().into_iter().chain(time_ms.to_be_bytes());
        Message::binary(head.chain(octets(frame, self.big_endian)).collect::<Vec<u8>>())
    }

    /// Takes what the bot says.
    ///
    /// # Errors
    /// A sentence about what it may not do.
    pub fn take(&mut self, now: Instant, message: Message, outbox: &Outbox) -> Result<(), String> {
        self.count(now, message.len())?;
        match message {
            Message::Text(text) => self.take_words(message::read(text.as_str())?, outbox),
            // What comes after its last word is not heard.
            Message::Binary(_) if self.parting.is_some() => Ok(()),
            Message::Binary(octets) => {
                self.speech.take(&octets)?;
                (self.speaks, self.quiet) = (true, 0);
                Ok(())
            }
            Message::Ping(_) | Message::Pong(_) | Message::Close(_) | Message::Frame(_) => Ok(()),
        }
    }

    fn take_words(&mut self, said: Said, outbox: &Outbox) -> Result<(), String> {
        match said {
            Said::Clear {} => {
                self.speech.clear();
                self.bot.hush();
                self.speaks = false;
            }
            Said::Set { values } => {
                let values = values.into_iter().map(|(name, text)| (name, message::plain(&text)));
                self.set.extend(values);
                if self.set.len() > SET_MAX {
                    return Err(format!("it sets more than {SET_MAX} variables"));
                }
            }
            Said::Done { outcome, transfer } => {
                let (outcome, transfer) = (message::plain(&outcome), message::plain(&transfer));
                outbox.leave();
                self.parting = Some(Parting { outcome, transfer, set: self.set.clone() });
            }
        }
        Ok(())
    }

    fn count(&mut self, now: Instant, bytes: usize) -> Result<(), String> {
        let (since, before) = self
            .counted
            .filter(|&(since, _)| now.duration_since(since) < Duration::from_secs(1))
            .unwrap_or((now, 0));
        let count = before + bytes + MESSAGE_COST;
        self.counted = Some((since, count));
        if count > BYTES_PER_S_MAX {
            return Err(format!("it sends more than {BYTES_PER_S_MAX} octets in a second"));
        }
        Ok(())
    }
}

/// Samples of a talk.
pub fn rate(talk: &run::Talk) -> Rate {
    if talk.wide { Rate::Wide } else { Rate::Narrow }
}
