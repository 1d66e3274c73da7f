//! Threads that speak and listen: each has a wire and a share of the legs, sends every leg's packet
//! each 20 ms, spread over twenty moments a millisecond apart, and listens in between.

use crate::media::delay::Delays;
use crate::media::rtp::{HEADER_BYTES, Heard, Listener, Speaker};
use crate::media::stamp::SAMPLES;
use crate::media::wire::{self, Choice, Wire};
use anyhow::{Context, Result};
use std::net::{SocketAddr, UdpSocket};
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, mpsc};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

const PHASES: usize = 20;
const TICK_US: u64 = 1000;
/// Commands taken between two turns.
const COMMANDS_MAX: usize = 256;

/// A leg's place: which thread and which slot of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Place {
    engine: usize,
    slot: usize,
}

/// What a script may look at while the call runs.
#[derive(Debug, Default)]
pub struct Watch {
    /// The last speaker plus one; zero is nobody yet.
    speaker: AtomicU32,
    speaker_at_us: AtomicU64,
    packets: AtomicU64,
    frames: AtomicU64,
    beeps: AtomicU32,
}

/// One look at a [`Watch`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Seen {
    /// The last speaker.
    pub speaker: Option<u32>,
    /// Since then nobody with a stamp spoke.
    pub speaker_silent: Duration,
    /// Packets that came.
    pub packets: u64,
    /// Stamped frames that came.
    pub frames: u64,
    /// Beeps.
    pub beeps: u32,
}

impl Watch {
    /// Reads it. The values need not be of one instant.
    pub fn look(&self, now_us: u64) -> Seen {
        let at = self.speaker_at_us.load(Ordering::Relaxed);
        Seen {
            speaker: self.speaker.load(Ordering::Relaxed).checked_sub(1),
            speaker_silent: Duration::from_micros(now_us.saturating_sub(at)),
            packets: self.packets.load(Ordering::Relaxed),
            frames: self.frames.load(Ordering::Relaxed),
            beeps: self.beeps.load(Ordering::Relaxed),
        }
    }

    fn show(&self, heard: &Heard) {
        let speaker = heard.speaker.map_or(0, |speaker| speaker.wrapping_add(1));
        self.speaker.store(speaker, Ordering::Relaxed);
        self.speaker_at_us.store(heard.speaker_at_us, Ordering::Relaxed);
        self.packets.store(heard.packets, Ordering::Relaxed);
        self.frames.store(heard.frames, Ordering::Relaxed);
        self.beeps.store(heard.beeps, Ordering::Relaxed);
    }
}

enum Command {
    Open(usize, Box<(UdpSocket, Speaker, Listener, Arc<Watch>)>),
    Connect(usize, SocketAddr, Option<u8>, bool),
    Press(usize, String),
    Mute(usize, bool),
    Close(usize, mpsc::Sender<(Heard, u32)>),
    Delays(mpsc::Sender<Delays>),
}

/// What the threads did.
#[derive(Clone, Default)]
pub struct Totals {
    /// Packets sent.
    pub sent: u64,
    /// Packets that the kernel refused.
    pub unsent: u64,
    /// How late the latest packet was sent: above a few milliseconds the generator is the limit.
    pub late_us_max: u64,
    /// Delays of stamped frames.
    pub delays: Delays,
}

/// All threads.
pub struct Engines {
    engines: Vec<Engine>,
    next: usize,
    stop: Arc<AtomicBool>,
    /// The way that was chosen.
    pub wire: &'static str,
}

struct Engine {
    commands: mpsc::Sender<Command>,
    thread: JoinHandle<Result<Totals>>,
    free: Vec<usize>,
    slots: usize,
}

/// Microseconds since a start that all threads share.
#[derive(Clone, Copy)]
pub struct Clock(Instant);

impl Clock {
    /// Starts now.
    pub fn start() -> Clock {
        Clock(Instant::now())
    }

    /// Since the start.
    pub fn now_us(self) -> u64 {
        self.0.elapsed().as_micros() as u64
    }
}

impl Engines {
    /// Starts `count` threads.
    ///
    /// # Errors
    /// When a wire cannot be opened.
    pub fn start(count: usize, choice: Choice, clock: Clock) -> Result<Engines> {
        let stop = Arc::new(AtomicBool::new(false));
        let mut engines = Vec::new();
        let mut name = "";
        for _ in 0..count.max(1) {
            let (ready, is_ready) = mpsc::channel();
            let (commands, inbox) = mpsc::channel();
            let stop = Arc::clone(&stop);
            // The wire is opened by the thread that uses it: io_uring serves one issuer.
            let run = move || {
                let wire = wire::open(choice).context("open the media sockets' wire")?;
                let _ = ready.send(wire.name());
                Worker::new(wire, clock).run(&inbox, &stop)
            };
            let thread = std::thread::Builder::new().name("load-media".into()).spawn(run)?;
            match is_ready.recv() {
                Ok(chosen) => name = chosen,
                Err(_) => {
                    let ended = thread.join().expect("the thread does not panic before it starts");
                    return Err(ended.err().context("the media thread ended at once")?);
                }
            }
            engines.push(Engine { commands, thread, free: Vec::new(), slots: 0 });
        }
        Ok(Engines { engines, next: 0, stop, wire: name })
    }

    /// Begins to listen. Nothing is sent before `connect`.
    pub fn open(
        &mut self,
        socket: UdpSocket,
        speaker: Speaker,
        listener: Listener,
    ) -> (Place, Arc<Watch>) {
        let index = self.next % self.engines.len();
        self.next += 1;
        let engine = &mut self.engines[index];
        let slot = engine.free.pop().unwrap_or_else(|| {
            engine.slots += 1;
            engine.slots - 1
        });
        let watch = Arc::new(Watch::default());
        let leg = Box::new((socket, speaker, listener, Arc::clone(&watch)));
        let place = Place { engine: index, slot };
        self.send(place, Command::Open(slot, leg));
        (place, watch)
    }

    /// Says where the other side listens, and whether we speak.
    pub fn connect(&self, place: Place, rtp: SocketAddr, dtmf: Option<u8>, speaks: bool) {
        self.send(place, Command::Connect(place.slot, rtp, dtmf, speaks));
    }

    /// Presses keys.
    pub fn press(&self, place: Place, keys: &str) {
        self.send(place, Command::Press(place.slot, keys.to_owned()));
    }

    /// Says nothing for a while, or speaks again where it left off.
    pub fn mute(&self, place: Place, muted: bool) {
        self.send(place, Command::Mute(place.slot, muted));
    }

    /// Ends a leg: what it heard, and the stamped frames it said.
    pub fn close(&mut self, place: Place) -> (Heard, u32) {
        let (answer, result) = mpsc::channel();
        self.send(place, Command::Close(place.slot, answer));
        self.engines[place.engine].free.push(place.slot);
        result.recv().unwrap_or_default()
    }

    /// Delays of stamped frames since this was asked last; [`Totals::delays`] is what came after.
    pub fn delays(&self) -> Delays {
        let mut all = Delays::default();
        for engine in &self.engines {
            let (answer, result) = mpsc::channel();
            // A thread that ended early says why in `stop`.
            let _ = engine.commands.send(Command::Delays(answer));
            all.merge(&result.recv().unwrap_or_default());
        }
        all
    }

    /// Ends the threads.
    ///
    /// # Errors
    /// What ended a thread before its time.
    pub fn stop(self) -> Result<Totals> {
        self.stop.store(true, Ordering::Relaxed);
        let mut totals = Totals::default();
        for engine in self.engines {
            let one = engine.thread.join().expect("a media thread does not panic")?;
            totals.sent += one.sent;
            totals.unsent += one.unsent;
            totals.late_us_max = totals.late_us_max.max(one.late_us_max);
            totals.delays.merge(&one.delays);
        }
        Ok(totals)
    }

    fn send(&self, place: Place, command: Command) {
        // A thread that ended early says why in `stop`.
        let _ = self.engines[place.engine].commands.send(command);
    }
}

struct Leg {
    speaker: Speaker,
    listener: Listener,
    watch: Arc<Watch>,
    speaks: bool,
    muted: bool,
}

/// The legs whose turn it is.
fn phase(tick: u64) -> usize {
    (tick % PHASES as u64) as usize
}

struct Worker {
    wire: Box<dyn Wire>,
    clock: Clock,
    legs: Vec<Option<Leg>>,
    phases: [Vec<usize>; PHASES],
    opened: usize,
    totals: Totals,
}

impl Worker {
    fn new(wire: Box<dyn Wire>, clock: Clock) -> Worker {
        let phases = std::array::from_fn(|_| Vec::new());
        Worker { wire, clock, legs: Vec::new(), phases, opened: 0, totals: Totals::default() }
    }

    fn run(mut self, inbox: &mpsc::Receiver<Command>, stop: &AtomicBool) -> Result<Totals> {
        let mut tick = 0u64;
        let began = self.clock.now_us();
        while !stop.load(Ordering::Relaxed) {
            for _ in 0..COMMANDS_MAX {
                let Ok(command) = inbox.try_recv() else { break };
                self.on_command(command);
            }
            let mut now = self.clock.now_us();
            while began + tick * TICK_US <= now && self.has_room(phase(tick)) {
                self.totals.late_us_max =
                    self.totals.late_us_max.max(now - (began + tick * TICK_US));
                self.speak(phase(tick), now);
                tick += 1;
                now = self.clock.now_us();
            }
            let wait = Duration::from_micros((began + tick * TICK_US).saturating_sub(now));
            let (clock, legs, delays) = (self.clock, &mut self.legs, &mut self.totals.delays);
            let mut on_packet = |slot: usize, bytes: &[u8]| {
                if let Some(Some(leg)) = legs.get_mut(slot) {
                    leg.listener.on_packet(clock.now_us(), bytes, delays);
                    leg.watch.show(&leg.listener.heard);
                }
            };
            self.wire.turn(wait, &mut on_packet).context("wait for packets")?;
        }
        self.totals.unsent = self.wire.unsent();
        Ok(self.totals)
    }

    /// Whether the wire takes a packet of each leg of this phase. A thread that stood still has
    /// much to catch up with, and what finds no room would be lost before the system under test.
    fn has_room(&self, phase: usize) -> bool {
        self.wire.room() >= self.phases[phase].len()
    }

    fn speak(&mut self, phase: usize, now_us: u64) {
        let mut packet = [0; HEADER_BYTES + SAMPLES];
        for slot in &self.phases[phase] {
            let Some(Some(leg)) = self.legs.get_mut(*slot) else { continue };
            if leg.speaks && !leg.muted {
                let length = leg.speaker.next(now_us, &mut packet);
                self.wire.send(*slot, &packet, length);
                self.totals.sent += 1;
            }
        }
    }

    fn on_command(&mut self, command: Command) {
        match command {
            Command::Open(slot, parts) => {
                let (socket, speaker, listener, watch) = *parts;
                if self.wire.open(slot, socket).is_err() {
                    return;
                }
                if self.legs.len() <= slot {
                    self.legs.resize_with(slot + 1, || None);
                }
                self.legs[slot] =
                    Some(Leg { speaker, listener, watch, speaks: false, muted: false });
                self.phases[self.opened % PHASES].push(slot);
                self.opened += 1;
            }
            Command::Connect(slot, rtp, dtmf, speaks) => {
                let Some(Some(leg)) = self.legs.get_mut(slot) else { return };
                leg.speaker.agree(dtmf);
                if !(leg.speaks && speaks) {
                    leg.listener.forgive_gap();
                }
                leg.speaks = speaks;
                // A socket that cannot connect sends nothing, which the counts show.
                let _ = self.wire.socket(slot).map(|socket| socket.connect(rtp));
            }
            Command::Mute(slot, muted) => {
                if let Some(Some(leg)) = self.legs.get_mut(slot) {
                    leg.muted = muted;
                }
            }
            Command::Press(slot, keys) => {
                if let Some(Some(leg)) = self.legs.get_mut(slot) {
                    leg.speaker.press(&keys);
                }
            }
            Command::Delays(answer) => {
                let _ = answer.send(std::mem::take(&mut self.totals.delays));
            }
            Command::Close(slot, answer) => {
                self.wire.close(slot);
                for phase in &mut self.phases {
                    phase.retain(|other| *other != slot);
                }
                let leg = self.legs.get_mut(slot).and_then(Option::take);
                let closed_at_us = self.clock.now_us();
                let heard = |leg: &Leg| Heard { closed_at_us, ..leg.listener.heard };
                let result = leg.map(|leg| (heard(&leg), leg.speaker.frames));
                let _ = answer.send(result.unwrap_or_default());
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::media::g711::Law;
    use crate::media::stamp::Carrier;

    #[test]
    fn two_legs_hear_every_frame_of_each_other() {
        let carrier = Carrier::new(&[0x55; 320], Law::A);
        let clock = Clock::start();
        let mut engines = Engines::start(2, Choice::Auto, clock).expect("a wire");
        let sockets = [(); 2].map(|()| UdpSocket::bind("127.0.0.1:0").expect("a socket"));
        let addresses = sockets.each_ref().map(|socket| socket.local_addr().expect("bound"));
        let mut legs = Vec::new();
        for (id, socket) in (1..).zip(sockets) {
            let speaker = Speaker::new(id, carrier.clone(), Law::A, 101, (id, 0, 0));
            legs.push(engines.open(socket, speaker, Listener::new(carrier.clone(), Law::A)));
        }
        engines.connect(legs[0].0, addresses[1], None, true);
        engines.connect(legs[1].0, addresses[0], None, true);
        std::thread::sleep(Duration::from_millis(400));
        let early = engines.delays().count();
        assert!(early > 0);
        let seen = legs[0].1.look(clock.now_us());
        assert_eq!(seen.speaker, Some(2));
        assert!(seen.speaker_silent < Duration::from_millis(200), "{seen:?}");
        let ended: Vec<_> = legs.iter().map(|(place, _)| engines.close(*place)).collect();
        for (heard, said) in &ended {
            assert!(*said >= 10 && heard.frames >= 10, "{ended:?}");
            assert_eq!((heard.frames_lost, heard.frames_damaged, heard.other), (0, 0, 0));
        }
        let totals = engines.stop().expect("the threads ran");
        let frames: u64 = ended.iter().map(|(heard, _)| heard.frames).sum();
        assert_eq!(early + totals.delays.count(), frames);
    }

    /// Takes ten packets a turn, stands still for 60 ms in its first, and ends after forty.
    struct Narrow {
        sockets: Vec<UdpSocket>,
        room: usize,
        turns: u64,
        unsent: u64,
        stop: Arc<AtomicBool>,
    }

    impl Wire for Narrow {
        fn name(&self) -> &'static str {
            "narrow"
        }

        fn open(&mut self, _slot: usize, socket: UdpSocket) -> std::io::Result<()> {
            self.sockets.push(socket);
            Ok(())
        }

        fn socket(&self, slot: usize) -> Option<&UdpSocket> {
            self.sockets.get(slot)
        }

        fn close(&mut self, _slot: usize) {}

        fn room(&self) -> usize {
            self.room
        }

        fn send(&mut self, _: usize, _: &[u8; HEADER_BYTES + SAMPLES], _: usize) {
            self.unsent += u64::from(self.room == 0);
            self.room = self.room.saturating_sub(1);
        }

        fn turn(&mut self, _: Duration, _: &mut dyn FnMut(usize, &[u8])) -> std::io::Result<()> {
            if self.turns == 0 {
                std::thread::sleep(Duration::from_millis(60));
            }
            self.turns += 1;
            self.room = 10;
            self.stop.store(self.turns == 40, Ordering::Relaxed);
            Ok(())
        }

        fn unsent(&self) -> u64 {
            self.unsent
        }
    }

    #[test]
    fn who_stood_still_says_everything_and_no_more_at_once_than_the_wire_takes() {
        let carrier = Carrier::new(&[0x55; 320], Law::A);
        let stop = Arc::new(AtomicBool::new(false));
        let (turns, unsent) = (0, 0);
        let wire = Narrow { sockets: Vec::new(), room: 10, turns, unsent, stop: Arc::clone(&stop) };
        let mut worker = Worker::new(Box::new(wire), Clock::start());
        for slot in 0..PHASES {
            let socket = UdpSocket::bind("127.0.0.1:0").expect("a socket");
            let speaker = Speaker::new(1, carrier.clone(), Law::A, 101, (1, 0, 0));
            let listener = Listener::new(carrier.clone(), Law::A);
            let parts = Box::new((socket, speaker, listener, Arc::default()));
            worker.on_command(Command::Open(slot, parts));
            let nowhere = SocketAddr::from(([127, 0, 0, 1], 9));
            worker.on_command(Command::Connect(slot, nowhere, None, true));
        }
        let (_, inbox) = mpsc::channel();
        let totals = worker.run(&inbox, &stop).expect("the wire bears it");
        assert!(totals.sent >= 60, "{} of what was due", totals.sent);
        assert_eq!(totals.unsent, 0);
    }
}
