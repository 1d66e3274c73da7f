//! A fax that ends here: a machine of ours has the leg, and speaks T.30 in its sound, or as packets
//! once T.38 was agreed ([`packets`]). What it hears and says goes over the edge in frames of 20 ms
//! at 8 kHz, one for one, so nothing of a modem is in the core.
//!
//! What comes is decoded at its place in time, nothing left out or made up ([`Jitter::fix`]); what
//! goes out leaves on the grid. A frame of the machine that comes late is silence, counted, and from
//! then on everything is said a frame later: a modem forgives delay, not a hole. Where that has become
//! much, as when a process was slow to begin, the machine's own silences are shortened.

mod packets;

use super::{Alarm, Shard};
use crate::codec::{Converter, Rate};
use crate::jitter::Jitter;
use crate::leg::outlet::Outlet;
use crate::leg::{LegIdx, Route};
use crate::mix::Frame;
use packets::Packets;
use std::collections::VecDeque;
use std::time::Duration;
use terms::media::{FaxTerms, PlayEnd, SeqNo};
use terms::{LegId, Moment};

/// Samples of a frame.
pub const FRAME_SAMPLES: usize = 160;
/// 20 ms at 8 kHz.
pub type FaxFrame = [i16; FRAME_SAMPLES];

/// The grid.
const GRID: Duration = Duration::from_millis(20);
/// A shard that is behind by more than this skips the missed frames.
const STALL_MAX: Duration = Duration::from_millis(200);
/// Silence that is said first: so long may an answer take without being late.
const AHEAD: usize = 3;
/// With more than these waiting, a silent frame is left out: 200 ms.
const BEHIND: usize = 10;
/// Answers that wait: as many as were ever asked for at a time.
const WAITING_MAX: usize = 250;

/// The machine of a leg.
#[derive(Debug)]
pub struct Machine {
    /// What it says, not yet sent.
    waiting: VecDeque<FaxFrame>,
    /// It speaks T.38, and no sound any more.
    packets: Option<Box<Packets>>,
    due: Moment,
}

/// What a machine hears.
#[expect(
    clippy::large_enum_variant,
    reason = "nearly all are frames, and a box would allocate for each"
)]
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FaxHeard {
    /// 20 ms of the line.
    Sound(FaxFrame),
    /// From now on it speaks T.38, by these terms.
    Agreed(FaxTerms),
    /// A packet of T.38, and its number: they come in order, and one that was lost is left out.
    Packet(SeqNo, Vec<u8>),
    /// 20 ms have passed, in T.38.
    Beat,
}

/// What a machine says.
#[expect(
    clippy::large_enum_variant,
    reason = "nearly all are frames, and a box would allocate for each"
)]
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FaxSaid {
    /// 20 ms for the line.
    Sound(FaxFrame),
    /// A packet of T.38.
    Packet {
        /// The packet.
        octets: Vec<u8>,
        /// How many times its datagram is sent.
        copies: u8,
    },
}

/// For the edge.
#[expect(
    clippy::large_enum_variant,
    reason = "nearly all are frames, and a box would allocate for each"
)]
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FaxOut {
    /// What the machine of a leg hears.
    Heard(LegId, FaxHeard),
    /// Its line is gone.
    Closed(LegId),
}

impl Shard {
    /// A machine has the leg from now on. Without such a leg its line is closed at once.
    pub fn start_fax(&mut self, now: Moment, id: LegId) {
        let Some(idx) = self.index_of(id) else {
            return self.faxes.push_back(FaxOut::Closed(id));
        };
        self.claim(idx);
        // The line of a machine before it is gone already.
        self.faxes.retain(|out| *out != FaxOut::Closed(id));
        self.stop_play(idx, None, PlayEnd::Stopped);
        self.stop_bot(idx);
        self.leave(now, idx);
        self.become_modem(now, idx);
        let leg = self.leg_mut(idx).expect("it was just found");
        let waiting = VecDeque::from(vec![[0; FRAME_SAMPLES]; AHEAD]);
        leg.machine = Some(Box::new(Machine { waiting, packets: None, due: now }));
        leg.route = Route::Mix;
        leg.voice = Converter::default();
        if let Some(outlet) = &mut leg.outlet {
            outlet.clear();
        }
        self.open_line(idx);
        self.keep(idx);
        self.set_alarm(idx, now, Alarm::Fax);
    }

    /// What comes has a place to wait for its turn, once it is agreed what comes.
    fn open_line(&mut self, idx: LegIdx) {
        let limits = self.config.jitter;
        let Some(leg) = self.leg_mut(idx) else { return };
        let Some(agreed) = &leg.agreed else { return };
        let codec = agreed.remote.receive.codec;
        leg.jitter.get_or_insert_with(|| {
            let mut jitter = Jitter::new(codec, limits);
            jitter.fix();
            jitter
        });
    }

    /// The machine of the leg hangs up, if there is one.
    pub(super) fn stop_fax(&mut self, idx: LegIdx) {
        let Some(leg) = self.leg_mut(idx) else { return };
        if leg.machine.take().is_none() {
            return;
        }
        leg.route = Route::Nowhere;
        let jitter = leg.jitter.take();
        jitter.iter().for_each(|jitter| leg.counts.keep(jitter));
        let id = leg.id;
        self.faxes.push_back(FaxOut::Closed(id));
    }

    /// What the machine of a leg says next, in sound.
    pub fn say_fax(&mut self, id: LegId, frame: &FaxFrame) {
        let Some(idx) = self.index_of(id) else { return };
        let Some(machine) = self.leg_mut(idx).and_then(|leg| leg.machine.as_mut()) else { return };
        let is_silent = || frame.iter().all(|&sample| sample == 0);
        let waiting = machine.waiting.len();
        if waiting < WAITING_MAX && !(waiting > BEHIND && is_silent()) {
            machine.waiting.push_back(*frame);
        }
    }

    /// The machine of the leg has ended by itself.
    pub fn end_fax_of(&mut self, id: LegId) {
        if let Some(idx) = self.index_of(id) {
            self.stop_fax(idx);
        }
    }

    /// What the machines hear, in order.
    pub fn poll_fax(&mut self) -> Option<FaxOut> {
        self.faxes.pop_front()
    }

    pub(super) fn on_fax_alarm(&mut self, now: Moment, idx: LegIdx, at: Moment) {
        let Some(leg) = self.leg_mut(idx) else { return };
        let Some(machine) = leg.machine.as_mut().filter(|machine| machine.due == at) else {
            return;
        };
        let due = if now - at > STALL_MAX { now } else { at };
        machine.due = due + GRID;
        let beats = machine.packets.is_some();
        let id = leg.id;
        self.set_alarm(idx, due + GRID, Alarm::Fax);
        if beats {
            return self.faxes.push_back(FaxOut::Heard(id, FaxHeard::Beat));
        }
        self.hear_line(due, idx);
        self.say_to_line(due, idx);
    }

    /// The next frame of what came, silence where nothing did.
    fn hear_line(&mut self, due: Moment, idx: LegIdx) {
        self.open_line(idx);
        let Some(leg) = self.leg_mut(idx) else { return };
        let Some(jitter) = &mut leg.jitter else { return };
        let heard = jitter.take(due).unwrap_or(Frame::silent(Rate::Narrow));
        let heard = heard.converted(Rate::Narrow, &mut leg.voice);
        let mut frame = [0; FRAME_SAMPLES];
        frame.copy_from_slice(heard.samples());
        let id = leg.id;
        self.faxes.push_back(FaxOut::Heard(id, FaxHeard::Sound(frame)));
    }

    fn say_to_line(&mut self, due: Moment, idx: LegIdx) {
        let Some(leg) = self.leg_mut(idx) else { return };
        let (Some(agreed), Some(machine)) = (&leg.agreed, &mut leg.machine) else { return };
        let send = agreed.remote.send;
        let said = machine.waiting.pop_front();
        let outlet = leg.outlet.get_or_insert_with(|| Outlet::new(&send));
        outlet.push(Rate::Narrow, &said.unwrap_or([0; FRAME_SAMPLES]));
        self.stats.fax_frames_late += u64::from(said.is_none());
        self.send_waiting(due, idx);
    }
}
