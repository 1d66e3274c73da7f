//! All legs, rooms and tracks of one media core, as a machine without sockets, clock or threads.
//!
//! Feed it with [`Shard::handle_command`], [`Shard::handle_packet`], [`Shard::handle_rtcp`] and
//! [`Shard::tick`]; then drain [`Shard::poll_transmit`], [`Shard::poll_port`],
//! [`Shard::poll_event`], [`Shard::poll_frame`] and the recorder's blocks, in this order, and come
//! back at [`Shard::next_timeout`]. A relayed packet allocates nothing: its header is rewritten in
//! the buffer it came in, and the [`Verdict`] says where to send which bytes of it.

pub mod ahead;
mod announcing;
pub mod bots;
mod command;
pub mod documents;
mod fax;
mod frames;
mod hearing;
pub mod keeping;
mod mixing;
mod packet;
mod recording;
mod report;
mod seating;
mod secure;
mod shared;
#[cfg(test)]
mod story;

use crate::dtls::Identity;
use crate::jitter::Limits;
use crate::leg::quality::QualityTotals;
use crate::leg::{Leg, LegIdx};
use crate::mix::Frame;
use crate::mix::speakers::{TOLD_MAX, Told};
use crate::prompt::PromptStore;
use crate::record::{Block, Recorder, RecorderConfig, RecorderStats};
use crate::room::{FarShard, Room};
use crate::slot::Slots;
use crate::srtp;
use rand::SeedableRng;
use rand::rngs::SmallRng;
use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap, HashMap, VecDeque};
use std::net::SocketAddr;
use std::ops::Range;
use std::sync::Arc;
use std::time::Duration;
use terms::media::{Audience, Event};
use terms::{LegId, Moment, RecordingId, RoomId, Timestamp};

pub use recording::Tap;

/// Limits and names of a shard.
#[derive(Clone, Debug)]
pub struct Config {
    /// Its number.
    pub shard: u16,
    /// Legs at once; one more is refused.
    pub legs_max: usize,
    /// Legs of one room; one more stays outside.
    pub room_legs_max: usize,
    /// Rooms at once; a leg that would begin one more stays outside. The half of a room that is on
    /// another shard too begins anyway.
    pub rooms_max: usize,
    /// Voices of one room that are heard at a time, over all shards; of more the loudest. No more than
    /// a shard can tell the others, [`TOLD_MAX`].
    pub speakers_max: usize,
    /// Playout delay of mixed legs.
    pub jitter: Limits,
    /// Between two RTCP reports of a leg, give or take half (RFC 3550 §6.2).
    pub rtcp_interval: Duration,
    /// Wall clock at `Moment(0)`, for sender reports.
    pub epoch: Timestamp,
    /// Our name in RTCP.
    pub cname: String,
    /// Seed of SSRC, sequence and timestamp beginnings.
    pub seed: u64,
    /// The recorder's limits.
    pub recorder: RecorderConfig,
    /// Who we are in handshakes; without one no keys are made that way.
    pub identity: Option<Arc<Identity>>,
}

impl Default for Config {
    fn default() -> Self {
        Config {
            shard: 0,
            legs_max: 4_096,
            room_legs_max: 1_000,
            rooms_max: 8_192,
            speakers_max: 8,
            jitter: Limits::default(),
            rtcp_interval: Duration::from_secs(5),
            epoch: Timestamp(0),
            cname: "media@switchgrid".into(),
            seed: 1,
            recorder: RecorderConfig::default(),
            identity: None,
        }
    }
}

macro_rules! reasons {
    ($($(#[doc = $doc:literal])+ $name:ident = $text:literal),+ $(,)?) => {
        /// Why a datagram was dropped.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum Reason { $($(#[doc = $doc])+ $name),+ }

        impl Reason {
            /// All of them, in the order of the counters.
            pub const ALL: &[Reason] = &[$(Reason::$name),+];

            /// Its name in metrics.
            pub fn name(self) -> &'static str {
                match self { $(Reason::$name => $text),+ }
            }
        }
    };
}

reasons! {
    /// Not RTP or not RTCP.
    Malformed = "malformed",
    /// No such leg, or nothing agreed yet.
    NotConnected = "not_connected",
    /// From a source that is not accepted.
    Strange = "strange_source",
    /// A payload number nobody agreed on.
    UnknownPayload = "unknown_payload",
    /// Seen before.
    Duplicate = "duplicate",
    /// Its number is far from everything before.
    Jump = "sequence_jump",
    /// Older than the change of source in the stream it would go into.
    BeforeSeam = "before_seam",
    /// Not authentic, on an encrypted leg.
    Unauthenticated = "unauthenticated",
    /// On an encrypted leg: it came before, or is too old to know.
    Replayed = "replayed",
    /// Not UDPTL, on a leg that carries T.38.
    NotUdptl = "not_udptl",
    /// UDPTL, but the other party does not carry T.38, or is not alone with this one on its shard.
    NoFaxParty = "no_fax_party",
}

/// Number of [`Reason`]s.
pub const REASONS: usize = Reason::ALL.len();

/// What becomes of a received packet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Counted and forgotten.
    Drop(Reason),
    /// Taken in; the buffer is free.
    Consumed,
    /// Send these bytes of the buffer from the RTP socket of `to`.
    Forward {
        /// Whose socket.
        to: LegIdx,
        /// Where to.
        address: SocketAddr,
        /// Which bytes.
        range: Range<usize>,
    },
}

/// Which of a leg's two sockets.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Channel {
    /// Audio and digits.
    Rtp,
    /// Reports.
    Rtcp,
}

/// A datagram to send; its bytes were put into the buffer of the caller.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Transmit {
    /// From whose socket.
    pub leg: LegIdx,
    /// Which socket.
    pub channel: Channel,
    /// Where to.
    pub to: SocketAddr,
    /// How many bytes.
    pub len: usize,
}

/// Bytes a buffer for [`Shard::poll_transmit`] needs.
pub const TRANSMIT_MAX: usize = 1_500;

/// What the edge does with sockets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PortOrder {
    /// Reserve a pair and answer with [`Shard::port_reserved`].
    Reserve(LegIdx),
    /// Reserve the pair that is shared, where it is not, and answer with [`Shard::port_reserved`]
    /// for this leg. What comes to it is handed to [`Shard::shared_door`].
    Share(LegIdx),
    /// Let the kernel pass only this source to the RTP socket, or everything.
    Filter(LegIdx, Option<SocketAddr>),
    /// Close the pair.
    Close(LegIdx),
}

/// Counters since the start.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ShardStats {
    /// RTP packets received.
    pub packets_in: u64,
    /// RTP packets sent, forwarded ones included.
    pub packets_out: u64,
    /// Sent from the buffer they came in.
    pub packets_forwarded: u64,
    /// RTCP compounds received.
    pub reports_in: u64,
    /// RTCP compounds sent.
    pub reports_out: u64,
    /// Checks of ICE that were answered.
    pub checks: u64,
    /// Records of handshakes received.
    pub handshakes_in: u64,
    /// Records of handshakes sent.
    pub handshakes_out: u64,
    /// Dropped, by [`Reason::ALL`].
    pub dropped: [u64; REASONS],
    /// Legs opened.
    pub legs_opened: u64,
    /// Legs closed.
    pub legs_closed: u64,
    /// Legs that go on from before a kill, among the opened ones.
    pub legs_restored: u64,
    /// Of those, closed again because nobody claimed them.
    pub legs_unclaimed: u64,
    /// Times that a leg did not fit into a slot: it would not survive.
    pub slots_short: u64,
    /// Frames of 20 ms that fax machines of ours said too late: each is a hole in what they send.
    pub fax_frames_late: u64,
    /// Frames of 20 ms between legs and their bots that found no room: what a bot said too early, or
    /// heard too late.
    pub bot_frames_lost: u64,
    /// What the closed ones heard.
    pub quality: QualityTotals,
}

#[derive(Debug)]
struct Slot {
    generation: u32,
    leg: Option<Box<Leg>>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Alarm {
    /// A frame of prompt or digits is due.
    Frame,
    /// A report is due.
    Report,
    /// A silence may have grown.
    Silence,
    /// A held key may have been let go.
    Digit,
    /// A filtered source may have fallen silent.
    Filter,
    /// A room's frame is due.
    Mix,
    /// Somebody should have claimed a restored leg.
    Claim,
    /// A handshake has waited long enough.
    Handshake,
    /// A fax machine of ours hears and says its next frame.
    Fax,
    /// A bot does.
    Bot,
}

/// One entry of the alarm queue. Entries are never removed: an old generation, or a leg that is not
/// due, makes them void.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Timer {
    at: Moment,
    index: u32,
    generation: u32,
    alarm: Alarm,
}

#[derive(Debug)]
struct RoomSlot {
    generation: u32,
    room: Option<Room>,
}

/// One media core.
pub struct Shard {
    config: Config,
    prompts: PromptStore,
    slots: Slots,
    legs: Vec<Slot>,
    legs_free: Vec<u32>,
    names: HashMap<LegId, LegIdx>,
    shared: shared::Shared,
    rooms: Vec<RoomSlot>,
    rooms_free: Vec<u32>,
    room_names: HashMap<RoomId, u32>,
    timers: BinaryHeap<Reverse<Timer>>,
    recorder: Recorder,
    recordings: BTreeMap<RecordingId, recording::Recorded>,
    rng: SmallRng,
    transmits: VecDeque<(LegIdx, Channel, SocketAddr, Range<usize>)>,
    /// Bytes of `transmits`; emptied when all are polled.
    bytes: Vec<u8>,
    ports: VecDeque<PortOrder>,
    events: VecDeque<Event>,
    frames: VecDeque<(FarShard, RoomId, Audience, Frame, Told)>,
    taps: VecDeque<Tap>,
    faxes: VecDeque<documents::FaxOut>,
    bots: VecDeque<bots::BotOut>,
    stats: ShardStats,
}

impl Config {
    /// With no more voices than halves of a room can tell each other: of more, each would hear others.
    fn bounded(self) -> Self {
        let asked = self.speakers_max;
        if asked > TOLD_MAX {
            tracing::warn!(asked, most = TOLD_MAX, "fewer voices are heard (rtp.speakers_max)");
        }
        Config { speakers_max: asked.min(TOLD_MAX), ..self }
    }
}

impl Shard {
    /// An empty shard.
    pub fn new(config: Config, prompts: PromptStore) -> Self {
        let config = config.bounded();
        Shard {
            recorder: Recorder::new(config.recorder.clone(), config.shard),
            rng: SmallRng::seed_from_u64(config.seed),
            config,
            prompts,
            slots: Slots::default(),
            legs: Vec::new(),
            legs_free: Vec::new(),
            names: HashMap::new(),
            shared: shared::Shared::default(),
            rooms: Vec::new(),
            rooms_free: Vec::new(),
            room_names: HashMap::new(),
            timers: BinaryHeap::new(),
            recordings: BTreeMap::new(),
            transmits: VecDeque::new(),
            bytes: Vec::new(),
            ports: VecDeque::new(),
            events: VecDeque::new(),
            frames: VecDeque::new(),
            taps: VecDeque::new(),
            faxes: VecDeque::new(),
            bots: VecDeque::new(),
            stats: ShardStats::default(),
        }
    }

    /// The next datagram to send, put into `buffer` ([`TRANSMIT_MAX`] bytes).
    pub fn poll_transmit(&mut self, buffer: &mut [u8]) -> Option<Transmit> {
        let Some((leg, channel, to, range)) = self.transmits.pop_front() else {
            self.bytes.clear();
            return None;
        };
        let len = range.len();
        buffer[..len].copy_from_slice(&self.bytes[range]);
        Some(Transmit { leg, channel, to, len })
    }

    /// The next thing to do with sockets; transmits come first, so that a last report leaves before
    /// its socket closes.
    pub fn poll_port(&mut self) -> Option<PortOrder> {
        self.ports.pop_front()
    }

    /// The next event.
    pub fn poll_event(&mut self) -> Option<Event> {
        self.events.pop_front()
    }

    /// The next frame for the half of a room on another shard, who there may hear it, and what we
    /// tell of our voices.
    pub fn poll_frame(&mut self) -> Option<(FarShard, RoomId, Audience, Frame, Told)> {
        self.frames.pop_front()
    }

    /// The next payload for a recording on another shard.
    pub fn poll_tap(&mut self) -> Option<Tap> {
        self.taps.pop_front()
    }

    /// The next closed block of the recorder.
    pub fn poll_block(&mut self) -> Option<Block> {
        self.recorder.poll_block()
    }

    /// The ring to the storage thread was full.
    pub fn block_lost(&mut self, block: &Block) {
        self.recorder.block_lost(block);
    }

    /// When [`Shard::tick`] has something to do.
    pub fn next_timeout(&self) -> Option<Moment> {
        let timer = self.timers.peek().map(|Reverse(timer)| timer.at);
        [timer, self.recorder.next_timeout()].into_iter().flatten().min()
    }

    /// What is played from now on comes from these prompts; what plays goes on with its own.
    pub fn set_prompts(&mut self, prompts: PromptStore) {
        self.prompts = prompts;
    }

    /// Does what is due: frames of prompts, digits and mixes, reports, silences, blocks.
    pub fn tick(&mut self, now: Moment) {
        while let Some(&Reverse(timer)) = self.timers.peek()
            && timer.at <= now
        {
            self.timers.pop();
            if timer.alarm == Alarm::Mix {
                self.on_mix_alarm(now, timer);
            } else if self.slot_is(timer.index, timer.generation) {
                self.on_alarm(now, LegIdx(timer.index), timer);
            }
        }
        self.recorder.tick(now);
    }

    fn on_alarm(&mut self, now: Moment, leg: LegIdx, timer: Timer) {
        match timer.alarm {
            Alarm::Frame => self.on_frame_alarm(now, leg, timer.at),
            Alarm::Report => self.on_report_alarm(now, leg),
            Alarm::Silence => self.on_silence_alarm(now, leg),
            Alarm::Digit => self.on_digit_alarm(now, leg),
            Alarm::Filter => self.on_filter_alarm(now, leg),
            Alarm::Claim => self.on_claim_alarm(now, leg),
            Alarm::Handshake => self.on_handshake_alarm(now, leg),
            Alarm::Fax => self.on_fax_alarm(now, leg, timer.at),
            Alarm::Bot => self.on_bot_alarm(now, leg, timer.at),
            Alarm::Mix => {}
        }
    }

    /// Legs that are open.
    pub fn legs(&self) -> usize {
        self.names.len()
    }

    /// Rooms with somebody in them.
    pub fn rooms(&self) -> usize {
        self.room_names.len()
    }

    /// Counters since the start.
    pub fn stats(&self) -> ShardStats {
        self.stats
    }

    /// The recorder's counters.
    pub fn recorder_stats(&self) -> RecorderStats {
        self.recorder.stats()
    }

    /// Recordings that run.
    pub fn recordings(&self) -> usize {
        self.recorder.recordings()
    }

    /// Where a leg stands.
    pub fn index_of(&self, leg: LegId) -> Option<LegIdx> {
        self.names.get(&leg).copied()
    }

    fn leg(&self, leg: LegIdx) -> Option<&Leg> {
        self.legs.get(leg.index())?.leg.as_deref()
    }

    fn leg_mut(&mut self, leg: LegIdx) -> Option<&mut Leg> {
        self.legs.get_mut(leg.index())?.leg.as_deref_mut()
    }

    fn slot_is(&self, index: u32, generation: u32) -> bool {
        self.legs.get(index as usize).is_some_and(|slot| slot.generation == generation)
    }

    fn set_alarm(&mut self, leg: LegIdx, at: Moment, alarm: Alarm) {
        let generation = self.legs[leg.index()].generation;
        self.timers.push(Reverse(Timer { at, index: leg.0, generation, alarm }));
    }

    fn drop_packet(&mut self, reason: Reason) -> Verdict {
        self.stats.dropped[reason as usize] += 1;
        Verdict::Drop(reason)
    }

    /// Counts a packet that an encrypted leg did not take or could not send.
    fn refuse(&mut self, refused: srtp::Refused) -> Verdict {
        self.drop_packet(match refused {
            srtp::Refused::Malformed => Reason::Malformed,
            srtp::Refused::Unauthenticated => Reason::Unauthenticated,
            srtp::Refused::Replayed => Reason::Replayed,
        })
    }

    /// Queues a datagram, protected where the leg has keys; `fill` writes it and says how long it
    /// is, at most `len_max`.
    fn transmit(
        &mut self,
        leg: LegIdx,
        channel: Channel,
        to: SocketAddr,
        len_max: usize,
        fill: impl FnOnce(&mut [u8]) -> usize,
    ) {
        debug_assert!(len_max + srtp::ROOM_BYTES <= TRANSMIT_MAX);
        let start = self.bytes.len();
        self.bytes.resize(start + len_max + srtp::ROOM_BYTES, 0);
        let buffer = &mut self.bytes[start..];
        let len = fill(&mut buffer[..len_max]).min(len_max);
        let standing = self.legs.get_mut(leg.index()).and_then(|slot| slot.leg.as_deref_mut());
        let protected = match (standing.and_then(|leg| leg.srtp.as_mut()), channel) {
            (None, _) => Ok(len),
            (Some(session), Channel::Rtp) => session.protect(buffer, len),
            (Some(session), Channel::Rtcp) => session.protect_rtcp(buffer, len),
        };
        match protected {
            Ok(len) => {
                self.note_sent(leg, channel);
                self.queue(leg, channel, to, start, len);
            }
            Err(refused) => {
                self.bytes.truncate(start);
                self.refuse(refused);
            }
        }
    }

    /// Queues what stands at the end of the bytes, as it is.
    fn queue(&mut self, leg: LegIdx, channel: Channel, to: SocketAddr, start: usize, len: usize) {
        match channel {
            Channel::Rtp => self.stats.packets_out += 1,
            Channel::Rtcp => self.stats.reports_out += 1,
        }
        let standing = self.leg(leg);
        let door = standing.map_or(leg, |leg| leg.door);
        let is_one = standing.is_some_and(Leg::has_rtcp_mux);
        let channel = if is_one { Channel::Rtp } else { channel };
        self.queue_at(door, channel, to, start, len);
    }

    /// The same from these very sockets, counted by the caller.
    fn queue_at(&mut self, door: LegIdx, channel: Channel, to: SocketAddr, at: usize, len: usize) {
        self.bytes.truncate(at + len);
        self.transmits.push_back((door, channel, to, at..at + len));
    }
}
