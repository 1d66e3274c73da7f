//! The loop of one media core: commands in, datagrams through, effects out.
//!
//! While legs are open the loop turns once every tick, or every other one where little comes, and
//! one turn takes everything that came since the last; an idle core sleeps until somebody calls.
//! Nothing here waits for anybody else: a full ring to storage or to another core is counted and
//! passed over.

use super::bot::{self, Heard};
use super::clock;
use super::engine::{Counters, ShardReport};
use super::fax::Line;
use super::ports::{Pair, PortPool};
use super::quiet::{self, Quiet};
use super::socket::Wake;
use crate::leg::LegIdx;
use crate::mix::Frame;
use crate::mix::speakers::Told;
use crate::prompt::PromptStore;
use crate::record::Block;
use crate::room::{FarShard, FarVoices};
use crate::shard::bots::BotOut;
use crate::shard::documents::{FaxOut, FaxSaid};
use crate::shard::{PortOrder, Shard, TRANSMIT_MAX, Tap, Transmit};
use crate::slot::Kept;
use std::collections::HashMap;
use std::io;
use std::net::{SocketAddr, UdpSocket};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use terms::media::{Audience, Command, Event, Port};
use terms::{LegId, Moment, RoomId};

/// Commands taken in one turn, so that a burst of them does not hold up audio.
const COMMANDS_PER_TURN: usize = 512;
/// What comes from other cores in one turn.
const ACROSS_PER_TURN: usize = 4_096;
/// The longest sleep of an idle core.
const IDLE_MAX: Duration = Duration::from_millis(200);
/// Where a tick brings fewer datagrams than this, the next turn waits for two: waking up costs as
/// much as three or four of them do.
const FEW: usize = 32;
/// No turn waits longer for little to come: everybody is sent a packet that often.
const TURN_MAX: Duration = Duration::from_millis(20);
/// How often the counters are published.
const REPORT_EVERY: Duration = Duration::from_millis(100);
/// How long the ports of restored legs may take, all of a core together.
const PORTS_MAX: Duration = Duration::from_secs(1);
/// What the kernel may hold of the shared port: 100 ms of a thousand legs.
const SHARED_ROOM_BYTES: usize = 4 << 20;
/// How long an ending core waits for room in the ring to storage.
const STORE_AT_END_MAX: Duration = Duration::from_secs(1);

/// What of a core's slots goes on.
#[derive(Debug, Default)]
pub struct Restored {
    /// Legs.
    pub legs: Vec<Kept>,
    /// Slots that could not be used, or whose ports could not be had.
    pub lost: usize,
}

/// What a core is asked by the engine.
pub enum Input {
    /// From signaling.
    Command(Command),
    /// A room has legs on that core too, with these voices.
    OpenBridge(RoomId, FarShard, FarVoices),
    /// It has none there any more.
    CloseBridge(RoomId, FarShard),
    /// From now on these prompts; what plays goes on.
    Prompts(PromptStore),
    /// Cores, one bit each, whose recordings want what this leg says.
    SetTaps(LegId, u64),
    /// A fax machine has the leg, on this line.
    Fax(LegId, Line),
    /// A bot has the leg, on this line.
    Bot(LegId, bot::Line),
}

/// What goes from one core to another.
#[expect(
    clippy::large_enum_variant,
    reason = "a place in the ring is as large as the larger one, and a box would allocate for each payload"
)]
pub enum Across {
    /// 20 ms of a room's half, who of the other half may hear it, and how loud its voices are.
    Frame(u16, RoomId, Audience, Frame, Told),
    /// A payload for a recording.
    Tap(Tap),
}

/// Counters of a backend.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Moved {
    /// Datagrams the kernel did not take.
    pub sends_failed: u64,
    /// Receives that had to be armed again for want of buffers.
    pub buffers_short: u64,
    /// Receive buffers that the kernel has filled and nobody has given back yet.
    pub buffers_out: u64,
    /// System calls that move datagrams.
    pub enters: u64,
}

/// How long a turn may wait.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wait {
    /// Legs are open: until this moment, however many datagrams come.
    Tick(Moment),
    /// No leg is open: until this moment or a call.
    Idle(Moment),
}

/// Moves datagrams between sockets and a shard.
pub trait Backend {
    /// Begins to receive from a leg's sockets.
    fn open(&mut self, leg: LegIdx, rtp: UdpSocket, rtcp: UdpSocket) -> io::Result<()>;
    /// Ends it; the sockets are closed.
    fn close(&mut self, leg: LegIdx);
    /// Lets the kernel pass only this source to the RTP socket of a leg, or every source again.
    fn filter(&mut self, leg: LegIdx, source: Option<SocketAddr>) -> io::Result<()>;
    /// Queues a datagram.
    fn send(&mut self, transmit: &Transmit, bytes: &[u8]);
    /// Hands all queued datagrams to the kernel.
    fn flush(&mut self);
    /// Sends what is queued, waits, gives everything that came to the shard, and says how much it
    /// was: datagrams, or sockets that had some.
    fn turn(&mut self, wait: Wait, shard: &mut Shard) -> io::Result<usize>;
    /// No leg has been open for a while: gives back memory.
    fn rest(&mut self) {}
    /// Counters since the start.
    fn moved(&self) -> Moved;
}

/// Everything one core holds.
pub struct Worker<B> {
    /// The machine.
    pub shard: Shard,
    /// Its sockets.
    pub backend: B,
    /// Its ports.
    pub ports: PortPool,
    /// The address that phones are told.
    pub advertised: std::net::IpAddr,
    /// The kernel passes the datagrams of a leg's peer alone.
    pub filters: bool,
    /// From the engine.
    pub inputs: rtrb::Consumer<Input>,
    /// From other cores.
    pub from_cores: Vec<rtrb::Consumer<Across>>,
    /// To other cores, by their number; `None` at our own.
    pub to_cores: Vec<Option<rtrb::Producer<Across>>>,
    /// To storage.
    pub storage: Option<rtrb::Producer<Block>>,
    /// Who hears events.
    pub on_event: Box<dyn Fn(Event) + Send>,
    /// Legs that could not be opened or are gone, for the engine's map.
    pub refused: std::sync::mpsc::Sender<LegId>,
    /// What others read.
    pub counters: Arc<Counters>,
    /// The end.
    pub stop: Arc<AtomicBool>,
    /// A turn while legs are open.
    pub tick: Duration,
    /// Whether a call has been here lately.
    pub quiet: Quiet,
    /// Our number.
    pub number: u16,
    /// Even ports in use.
    pub taken: HashMap<LegIdx, u16>,
    /// Lines to fax machines.
    pub lines: HashMap<LegId, Line>,
    /// Lines to bots.
    pub bots: HashMap<LegId, bot::Line>,
    /// Frames and payloads that found a ring full.
    pub across_lost: u64,
}

/// How many ticks the next turn waits for, after one of `ticks` brought so many datagrams.
fn ticks_after(came: usize, ticks: u32) -> u32 {
    if came < FEW * ticks as usize { 2 } else { 1 }
}

/// How long a turn of so many ticks is.
fn turn_of(ticks: u32, tick: Duration) -> Duration {
    (tick * ticks).min(TURN_MAX)
}

impl<B: Backend> Worker<B> {
    /// Legs that stand in the slots go on, each at its place and on its ports; those whose ports
    /// cannot be had in time are given up.
    pub fn restore(&mut self) -> Restored {
        let (kept, torn) = self.shard.find_kept();
        let until = clock::now() + PORTS_MAX;
        let mut restored = Restored { legs: Vec::with_capacity(kept.len()), lost: torn };
        for (idx, kept, going) in kept {
            if let Err(error) = self.reopen(idx, &kept, until) {
                tracing::error!(shard = self.number, leg = kept.leg.0, %error, "a leg is lost");
                self.shard.give_up(idx);
                restored.lost += 1;
                continue;
            }
            self.shard.restore(clock::now(), idx, &kept, &going);
            restored.legs.push(kept);
        }
        self.pump();
        self.publish();
        restored
    }

    fn reopen(&mut self, leg: LegIdx, kept: &Kept, until: Moment) -> io::Result<()> {
        let door = match kept.port {
            Port::Own => leg,
            Port::Shared => self.shard.shared_door(),
        };
        match self.taken.get(&door) {
            // Another leg has opened the port that they share.
            Some(&port) if port == kept.local.port() => return Ok(()),
            Some(port) => return Err(io::Error::other(format!("port {port} is shared now"))),
            None => {}
        }
        let pair = self.ports.reserve_again(kept.local.port(), until)?;
        self.open_pair(door, pair)?;
        Ok(())
    }

    fn open_pair(&mut self, door: LegIdx, pair: Pair) -> io::Result<u16> {
        let port = pair.port;
        if door == self.shard.shared_door() {
            let room = socket2::SockRef::from(&pair.rtp).set_recv_buffer_size(SHARED_ROOM_BYTES);
            if let Err(error) = room {
                tracing::debug!(shard = self.number, %error, "the shared port has the usual room");
            }
        }
        if let Err(error) = self.backend.open(door, pair.rtp, pair.rtcp) {
            self.ports.give_back(clock::now(), port);
            return Err(error);
        }
        self.taken.insert(door, port);
        Ok(port)
    }

    /// Turns until the engine ends it.
    pub fn run(mut self) {
        let mut next_tick = clock::now();
        let mut next_report = clock::now();
        let mut ticks = 1;
        while !self.stop.load(Ordering::Acquire) {
            self.take_inputs();
            self.shard.tick(clock::now());
            self.pump();
            let now = clock::now();
            if now >= next_report {
                next_report = now + REPORT_EVERY;
                self.publish();
            }
            // A core that fell behind does not turn faster to catch up.
            next_tick = next_tick.max(now);
            let wait = self.wait(now, &mut next_tick, ticks);
            if self.quiet.begins(now, matches!(wait, Wait::Idle(_))) {
                self.backend.rest();
                quiet::give_back();
            }
            match self.backend.turn(wait, &mut self.shard) {
                Ok(came) => ticks = ticks_after(came, ticks),
                Err(error) => {
                    tracing::error!(shard = self.number, %error, "the receive loop failed; it goes on");
                    clock::sleep_until(clock::now() + self.tick);
                }
            }
        }
        self.end();
    }

    fn wait(&self, now: Moment, next_tick: &mut Moment, ticks: u32) -> Wait {
        let idle = self.shard.legs() == 0 && self.shard.rooms() == 0;
        if idle {
            let until = now + IDLE_MAX;
            let until = self.shard.next_timeout().map_or(until, |timeout| timeout.min(until));
            return Wait::Idle(until);
        }
        *next_tick += turn_of(ticks, self.tick);
        Wait::Tick(*next_tick)
    }

    fn take_inputs(&mut self) {
        let now = clock::now();
        for _ in 0..COMMANDS_PER_TURN {
            let Ok(input) = self.inputs.pop() else { break };
            match input {
                Input::Command(command) => self.shard.handle_command(now, command),
                Input::OpenBridge(room, far, voices) => {
                    self.shard.open_bridge(now, room, far, voices);
                }
                Input::CloseBridge(room, far) => self.shard.close_bridge(now, room, far),
                Input::Prompts(prompts) => self.shard.set_prompts(prompts),
                Input::SetTaps(leg, cores) => self.shard.set_taps(leg, cores),
                Input::Fax(leg, line) => {
                    // One that had the leg before hangs up.
                    self.lines.insert(leg, line);
                    self.shard.start_fax(now, leg);
                }
                Input::Bot(leg, line) => {
                    let (rate, voice) = (line.rate(), line.voice());
                    self.bots.insert(leg, line);
                    self.shard.start_bot(now, leg, rate, voice);
                }
            }
        }
        self.take_faxes();
        self.take_bots();
        for ring in &mut self.from_cores {
            for _ in 0..ACROSS_PER_TURN {
                match ring.pop() {
                    Ok(Across::Frame(from, room, audience, frame, told)) => {
                        self.shard.handle_frame(room, FarShard(from), audience, &frame, told);
                    }
                    Ok(Across::Tap(tap)) => self.shard.handle_tap(&tap),
                    Err(_) => break,
                }
            }
        }
    }

    /// What fax machines have said since the last turn.
    fn take_faxes(&mut self) {
        let shard = &mut self.shard;
        self.lines.retain(|&leg, line| {
            while let Some(said) = line.said() {
                match said {
                    FaxSaid::Sound(frame) => shard.say_fax(leg, &frame),
                    FaxSaid::Packet { octets, copies } => shard.say_packet(leg, &octets, copies),
                }
            }
            let is_over = line.is_over();
            if is_over {
                shard.end_fax_of(leg);
            }
            !is_over
        });
    }

    /// What bots have said since the last turn, as far as there is room for it.
    fn take_bots(&mut self) {
        let shard = &mut self.shard;
        self.bots.retain(|&leg, line| {
            if line.is_hushed() {
                shard.hush_bot(leg);
            }
            while shard.bot_has_room(leg)
                && let Some(frame) = line.said()
            {
                shard.say_bot(leg, frame);
            }
            let is_over = line.is_over();
            if is_over {
                shard.end_bot_of(leg);
            }
            !is_over
        });
    }

    /// What bots hear. One that does not keep up misses it.
    fn hand_to_bots(&mut self) {
        while let Some(out) = self.shard.poll_bot() {
            let (leg, heard) = match out {
                BotOut::Heard(leg, frame) => (leg, Heard::Sound(frame)),
                BotOut::Key(leg, key) => (leg, Heard::Key(key)),
                BotOut::Closed(leg) => {
                    self.bots.remove(&leg);
                    continue;
                }
            };
            if self.bots.get_mut(&leg).is_some_and(|line| !line.hears(heard)) {
                self.shard.bot_frame_lost();
            }
        }
    }

    /// Drains the shard in the order it asks for.
    fn pump(&mut self) {
        let mut buffer = [0; TRANSMIT_MAX];
        while let Some(transmit) = self.shard.poll_transmit(&mut buffer) {
            self.backend.send(&transmit, &buffer[..transmit.len]);
        }
        while let Some(order) = self.shard.poll_port() {
            self.do_port(order);
        }
        while let Some(event) = self.shard.poll_event() {
            if let Event::OpenFailed { leg, .. } | Event::Released { leg, .. } = &event
                && self.refused.send(*leg).is_err()
            {
                tracing::debug!("the engine is gone");
            }
            (self.on_event)(event);
        }
        while let Some((far, room, audience, frame, told)) = self.shard.poll_frame() {
            self.send_across(far.0, Across::Frame(self.number, room, audience, frame, told));
        }
        while let Some(out) = self.shard.poll_fax() {
            match out {
                FaxOut::Heard(leg, heard) => {
                    if let Some(line) = self.lines.get(&leg)
                        && !line.hears(heard)
                    {
                        // It is five seconds behind: this fax is over.
                        self.lines.remove(&leg);
                        self.shard.end_fax_of(leg);
                    }
                }
                FaxOut::Closed(leg) => _ = self.lines.remove(&leg),
            }
        }
        self.hand_to_bots();
        while let Some(tap) = self.shard.poll_tap() {
            for core in (0..64).filter(|core| tap.cores & 1 << core != 0) {
                self.send_across(core, Across::Tap(tap));
            }
        }
        while let Some(block) = self.shard.poll_block() {
            self.store(block);
        }
    }

    fn send_across(&mut self, core: u16, across: Across) {
        let ring = self.to_cores.get_mut(usize::from(core)).and_then(Option::as_mut);
        if ring.is_none_or(|ring| ring.push(across).is_err()) {
            self.across_lost += 1;
        }
    }

    fn store(&mut self, block: Block) {
        // Without storage nothing is kept: the recorder counts what it handed out as missing.
        let Some(ring) = &mut self.storage else { return self.shard.block_lost(&block) };
        if let Err(rtrb::PushError::Full(block)) = ring.push(block) {
            self.shard.block_lost(&block);
        }
    }

    fn do_port(&mut self, order: PortOrder) {
        match order {
            PortOrder::Reserve(leg) => {
                let reserved = self.reserve(leg);
                self.shard.port_reserved(leg, reserved);
            }
            PortOrder::Share(leg) => {
                let shared = self.share();
                self.shard.port_reserved(leg, shared);
            }
            PortOrder::Filter(..) if !self.filters => {}
            PortOrder::Filter(leg, source) => {
                if let Err(error) = self.backend.filter(leg, source) {
                    // The shard checks every source itself; the kernel only saves it the work.
                    tracing::debug!(shard = self.number, %error, "the kernel does not filter");
                }
            }
            PortOrder::Close(leg) => {
                self.backend.flush();
                self.backend.close(leg);
                if let Some(port) = self.taken.remove(&leg) {
                    self.ports.give_back(clock::now(), port);
                }
            }
        }
    }

    fn reserve(&mut self, door: LegIdx) -> Result<SocketAddr, String> {
        let pair = self.ports.reserve(clock::now()).map_err(|error| error.to_string())?;
        let port = pair.port;
        let opened = self.open_pair(door, pair);
        opened.map_err(|error| format!("receive from port {port}: {error}"))?;
        Ok(SocketAddr::new(self.advertised, port))
    }

    /// The port that WebRTC legs share, opened for the first of them; it stays to the end.
    fn share(&mut self) -> Result<SocketAddr, String> {
        let door = self.shard.shared_door();
        match self.taken.get(&door) {
            Some(&port) => Ok(SocketAddr::new(self.advertised, port)),
            None => self.reserve(door),
        }
    }

    fn publish(&self) {
        self.shard.alive(clock::now());
        self.counters.publish(ShardReport {
            legs: self.shard.legs(),
            rooms: self.shard.rooms(),
            recordings: self.shard.recordings(),
            packets: self.shard.stats(),
            recorder: self.shard.recorder_stats(),
            moved: self.backend.moved(),
            across_lost: self.across_lost,
            cpu: clock::thread_cpu(),
        });
    }

    /// Ends all legs and hands the last blocks to storage.
    fn end(&mut self) {
        self.take_inputs();
        let now = clock::now();
        self.shard.close_all(now);
        // A second ahead: everything that waits for its age is due now.
        self.shard.tick(now + Duration::from_secs(1));
        let mut waited = Duration::ZERO;
        while let Some(block) = self.shard.poll_block() {
            let Some(ring) = &mut self.storage else { break };
            let mut unsent = ring.push(block).err();
            while let Some(rtrb::PushError::Full(block)) = unsent.take() {
                if waited >= STORE_AT_END_MAX {
                    self.shard.block_lost(&block);
                    break;
                }
                waited += Duration::from_millis(5);
                clock::sleep_until(clock::now() + Duration::from_millis(5));
                unsent = ring.push(block).err();
            }
        }
        self.pump();
        self.backend.flush();
        self.publish();
    }
}

/// A waker and a flag that end a worker.
pub struct Handle {
    /// Wakes it.
    pub wake: Arc<Wake>,
    /// Its thread.
    pub thread: Option<std::thread::JoinHandle<()>>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_core_with_little_to_do_turns_every_other_tick() {
        let after = ticks_after;
        assert_eq!([after(0, 1), after(FEW - 1, 1), after(FEW, 1), after(2_048, 1)], [2, 2, 1, 1]);
        // What two ticks brought is judged as that of two.
        assert_eq!([after(0, 2), after(2 * FEW - 1, 2), after(2 * FEW, 2)], [2, 2, 1]);
    }

    #[test]
    fn a_turn_of_two_long_ticks_is_no_longer_than_what_a_packet_holds() {
        let turn = |ticks, ms| turn_of(ticks, Duration::from_millis(ms)).as_millis();
        assert_eq!(
            [turn(1, 2), turn(2, 2), turn(2, 5), turn(2, 15), turn(2, 20)],
            [2, 4, 10, 20, 20]
        );
    }
}
