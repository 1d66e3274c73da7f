//! A bot has a leg: a program of somebody else hears the caller and speaks to them, in frames of 20 ms
//! at 8 or 16 kHz. They come and go over the edge ([`crate::edge::bot`]); nothing here waits for it.
//!
//! What the caller says is played out as for a mix, so a bot hears a steady 50 frames a second, and
//! silence where nothing came. What the bot says may come in bursts: it waits in a short line, begins
//! when a few frames are there, or the one that is there has waited as long, and where the line runs
//! dry the caller hears silence on the same grid. The sound of a key the bot does not hear; it is told
//! of it. Where the call is recorded the bot has a voice of its own there, as what is said into a talk
//! has.

use super::{Alarm, Shard};
use crate::codec::{Converter, Rate};
use crate::jitter::Jitter;
use crate::leg::outlet::Outlet;
use crate::leg::{LegIdx, Route};
use crate::mix::Frame;
use crate::room::Spoken;
use std::collections::VecDeque;
use std::time::Duration;
use terms::media::PlayEnd;
use terms::{LegId, Moment};

/// The grid.
const GRID: Duration = Duration::from_millis(20);
/// A shard that is behind by more than this skips the missed frames.
const STALL_MAX: Duration = Duration::from_millis(200);
/// Frames that wait before the bot begins to be heard, and turns that fewer wait: 60 ms.
const AHEAD: usize = 3;
/// Frames that wait to be heard: 200 ms. Of more the oldest is left out.
const WAITING_MAX: usize = 10;

/// The bot of a leg.
#[derive(Debug)]
pub struct Talk {
    /// Of what it hears.
    rate: Rate,
    /// What it says, not yet sent.
    waiting: VecDeque<Frame>,
    /// It is being heard.
    speaks: bool,
    /// Turns that the first of those that wait has waited.
    turns: usize,
    due: Moment,
    /// Its voice in recordings, and what brings it to their rate.
    voice: Option<(Spoken, Converter)>,
}

impl Talk {
    fn new(rate: Rate, voice: Option<LegId>, due: Moment) -> Self {
        let voice = voice.map(|voice| (Spoken::of(voice), Converter::default()));
        Talk { rate, waiting: VecDeque::new(), speaks: false, turns: 0, due, voice }
    }

    /// What it says next; `None` while it says nothing.
    fn take(&mut self) -> Option<Frame> {
        if !self.speaks {
            if self.waiting.is_empty() {
                return None;
            }
            self.turns += 1;
            if self.waiting.len() < AHEAD && self.turns < AHEAD {
                return None;
            }
            self.speaks = true;
        }
        let said = self.waiting.pop_front();
        if said.is_none() {
            self.hush();
        }
        said
    }

    /// The same frame for recordings, where it has a voice there.
    fn spoken(&mut self, said: &Frame) -> Option<Spoken> {
        let (spoken, converter) = self.voice.as_mut()?;
        spoken.say(said.converted(Rate::Narrow, converter).samples());
        Some(*spoken)
    }

    /// Nothing of what it said is heard any more.
    fn hush(&mut self) {
        self.waiting.clear();
        (self.speaks, self.turns) = (false, 0);
    }
}

/// For the edge.
#[expect(
    clippy::large_enum_variant,
    reason = "nearly all are frames, and a box would allocate for each"
)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BotOut {
    /// What the bot of a leg hears.
    Heard(LegId, Frame),
    /// A key of that leg.
    Key(LegId, char),
    /// The bot has lost the leg.
    Closed(LegId),
}

impl Shard {
    /// A bot has the leg from now on, and hears it at `rate`; `voice` is its name in recordings.
    /// Without such a leg its line is closed at once.
    pub fn start_bot(&mut self, now: Moment, id: LegId, rate: Rate, voice: Option<LegId>) {
        let Some(idx) = self.index_of(id) else {
            return self.bots.push_back(BotOut::Closed(id));
        };
        self.claim(idx);
        // The line of a bot before it is gone already.
        self.bots.retain(|out| *out != BotOut::Closed(id));
        self.stop_play(idx, None, PlayEnd::Stopped);
        self.stop_fax(idx);
        self.leave(now, idx);
        let leg = self.leg_mut(idx).expect("it was just found");
        leg.bot = Some(Box::new(Talk::new(rate, voice, now)));
        leg.route = Route::Mix;
        leg.voice = Converter::default();
        if let Some(outlet) = &mut leg.outlet {
            outlet.clear();
        }
        self.open_for_bot(idx);
        self.keep(idx);
        self.set_alarm(idx, now, Alarm::Bot);
    }

    /// What comes has a place to wait for its turn, once it is agreed what comes.
    fn open_for_bot(&mut self, idx: LegIdx) {
        let limits = self.config.jitter;
        let Some(leg) = self.leg_mut(idx) else { return };
        let Some(agreed) = &leg.agreed else { return };
        let codec = agreed.remote.receive.codec;
        leg.jitter.get_or_insert_with(|| Jitter::new(codec, limits));
    }

    /// The bot loses the leg, if one has it.
    pub(super) fn stop_bot(&mut self, idx: LegIdx) {
        let Some(leg) = self.leg_mut(idx) else { return };
        if leg.bot.take().is_none() {
            return;
        }
        leg.route = Route::Nowhere;
        let jitter = leg.jitter.take();
        jitter.iter().for_each(|jitter| leg.counts.keep(jitter));
        if let Some(outlet) = &mut leg.outlet {
            outlet.clear();
        }
        let id = leg.id;
        self.bots.push_back(BotOut::Closed(id));
    }

    /// The bot of the leg has hung up.
    pub fn end_bot_of(&mut self, id: LegId) {
        if let Some(idx) = self.index_of(id) {
            self.stop_bot(idx);
        }
    }

    /// A key is told to the bot of the leg, if there is one.
    pub(super) fn tell_bot(&mut self, idx: LegIdx, key: char) {
        let has_bot = |leg: &&crate::leg::Leg| leg.bot.is_some();
        if let Some(id) = self.leg(idx).filter(has_bot).map(|leg| leg.id) {
            self.bots.push_back(BotOut::Key(id, key));
        }
    }

    /// Whether what the bot of the leg says next finds room.
    pub fn bot_has_room(&self, id: LegId) -> bool {
        let bot = self.index_of(id).and_then(|idx| self.leg(idx)?.bot.as_ref());
        bot.is_some_and(|bot| bot.waiting.len() < WAITING_MAX)
    }

    /// What the bot of a leg says next.
    pub fn say_bot(&mut self, id: LegId, frame: Frame) {
        let Some(idx) = self.index_of(id) else { return };
        let Some(bot) = self.leg_mut(idx).and_then(|leg| leg.bot.as_mut()) else { return };
        let is_full = bot.waiting.len() >= WAITING_MAX;
        if is_full {
            bot.waiting.pop_front();
        }
        bot.waiting.push_back(frame);
        self.stats.bot_frames_lost += u64::from(is_full);
    }

    /// What the bot of a leg has said and nobody heard yet is left out.
    pub fn hush_bot(&mut self, id: LegId) {
        let Some(idx) = self.index_of(id) else { return };
        let Some(leg) = self.leg_mut(idx) else { return };
        let Some(bot) = &mut leg.bot else { return };
        bot.hush();
        if let Some(outlet) = &mut leg.outlet {
            outlet.clear();
        }
    }

    /// The edge found no room for what a bot should have heard.
    pub fn bot_frame_lost(&mut self) {
        self.stats.bot_frames_lost += 1;
    }

    /// What bots hear, in order.
    pub fn poll_bot(&mut self) -> Option<BotOut> {
        self.bots.pop_front()
    }

    pub(super) fn on_bot_alarm(&mut self, now: Moment, idx: LegIdx, at: Moment) {
        let Some(leg) = self.leg_mut(idx) else { return };
        let Some(bot) = leg.bot.as_mut().filter(|bot| bot.due == at) else { return };
        let due = if now - at > STALL_MAX { now } else { at };
        bot.due = due + GRID;
        let rate = bot.rate;
        self.set_alarm(idx, due + GRID, Alarm::Bot);
        self.hear_for_bot(due, idx, rate);
        self.say_for_bot(due, idx);
    }

    /// The next frame of what came, silence where nothing did or a key is down.
    fn hear_for_bot(&mut self, due: Moment, idx: LegIdx, rate: Rate) {
        self.open_for_bot(idx);
        let heard = self.voice(due, idx, rate).unwrap_or(Frame::silent(rate));
        let Some(id) = self.leg(idx).map(|leg| leg.id) else { return };
        self.bots.push_back(BotOut::Heard(id, heard));
    }

    fn say_for_bot(&mut self, due: Moment, idx: LegIdx) {
        let Some(leg) = self.leg_mut(idx) else { return };
        // Nobody hears it before the keys are there: what it says waits for them.
        if leg.awaits_keys() {
            return;
        }
        let (Some(agreed), Some(bot)) = (&leg.agreed, &mut leg.bot) else { return };
        let send = agreed.remote.send;
        let said = bot.take().unwrap_or(Frame::silent(bot.rate));
        let spoken = bot.spoken(&said);
        let outlet = leg.outlet.get_or_insert_with(|| Outlet::new(&send));
        outlet.push(said.rate(), said.samples());
        self.send_waiting(due, idx);
        if let Some(spoken) = spoken {
            self.record_spoken(due, &spoken);
        }
    }
}
