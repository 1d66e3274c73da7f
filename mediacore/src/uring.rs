//! Datagrams by io_uring: multishot receives into a ring-mapped pool, registered files, batched
//! sends, one `enter` for each tick.
//!
//! A receive is armed once for each socket and goes on until its leg closes. While legs are open
//! the ring waits to the end of the tick, so that one system call submits the sends of the last
//! turn and brings everything that came. A relayed packet is sent from the buffer it came in. A
//! send never waits (MSG_DONTWAIT): it is over once the kernel has taken its entry, and only one
//! that failed has a completion. So buffers return to the pool with the call that submitted them.
//! When the pool is empty the kernel ends a receive with ENOBUFS; it is armed again and counted.
//! Linux 6.1 has everything used here.
//!
//! Before its source is known a socket receives with names. Once the kernel passes one source only,
//! the socket is connected to it: names are neither written nor read any more, and the kernel keeps
//! the route of what goes back. One receive is cancelled and the other armed; what waits in the
//! socket meanwhile stays there.

#![allow(clippy::disallowed_methods)]

mod buffers;
mod sends;
pub mod storage;

use crate::edge::clock;
use crate::edge::socket::{self, DATAGRAM_MAX, NAME_BYTES, Wake, read_name};
use crate::edge::worker::{Backend, Moved, Wait};
use crate::leg::LegIdx;
use crate::shard::{Channel, Shard, Transmit, Verdict, ahead};
use buffers::{Pool, RECEIVE_BYTES};
use io_uring::register::Restriction;
use io_uring::{IoUring, cqueue, opcode, squeue, types};
use sends::{Bytes, Sends};
use std::io;
use std::net::{SocketAddr, UdpSocket};
use std::os::fd::AsRawFd;
use std::sync::Arc;
use terms::Moment;

/// Submissions that fit before they are handed over.
const SUBMISSIONS: u32 = 4_096;
/// Completions that fit; beyond them the kernel keeps a list of its own.
const COMPLETIONS: u32 = 65_536;
/// Completions looked at before the sends they caused are submitted.
const HARVEST: usize = 1_024;
/// A tick ends early when so many completions wait.
const WAIT_FOR: usize = 2_048;
/// Harvests of one turn, so that a flood does not hold up the tick.
const HARVESTS_MAX: usize = 32;
/// The group of our pool.
const GROUP: u16 = 1;
/// Bytes that the kernel writes before the name: `struct io_uring_recvmsg_out`.
const RESULT_BYTES: usize = 16;
/// Bytes before the datagram in a buffer.
const PAYLOAD_AT: usize = RESULT_BYTES + NAME_BYTES;
// A longer datagram is cut, and so is none that anybody may send.
const _: () = assert!(RECEIVE_BYTES - PAYLOAD_AT > DATAGRAM_MAX);
const _: () = assert!(DATAGRAM_MAX > terms::media::FAX_DATAGRAM_BYTES_MAX as usize);

/// A socket's life; raised when its leg closes and when the way of receiving changes.
const GENERATIONS: u32 = 0x0FFF_FFFF;

/// All that is ever asked of the ring, and how it is called.
const OPERATIONS: [(u8, &str); 6] = [
    (opcode::RecvMsg::CODE, "recvmsg"),
    (opcode::SendMsg::CODE, "sendmsg"),
    (opcode::Recv::CODE, "recv"),
    (opcode::Send::CODE, "send"),
    (opcode::PollAdd::CODE, "poll"),
    (opcode::AsyncCancel::CODE, "cancel"),
];
/// All that is registered once it runs: sockets that open and close (`IORING_REGISTER_FILES_UPDATE`).
const REGISTER_FILES_UPDATE: u8 = 6;

/// One armed receive.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Receive {
    leg: LegIdx,
    channel: Channel,
    /// The socket is connected, so that datagrams come without the name of their source.
    connected: bool,
    generation: u32,
}

/// What a completion is about, in its user data: two bits of kind, then the rest.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Token {
    Receive(Receive),
    /// It failed: one that did not has no completion.
    Send,
    Wake,
    Cancel,
}

impl Token {
    fn pack(self) -> u64 {
        match self {
            Token::Receive(receive) => {
                u64::from(receive.leg.0 & 0x3FFF_FFFF) << 32
                    | u64::from(receive.generation & GENERATIONS) << 4
                    | u64::from(receive.connected) << 3
                    | u64::from(receive.channel == Channel::Rtcp) << 2
            }
            Token::Send => 1,
            Token::Wake => 2,
            Token::Cancel => 3,
        }
    }

    fn unpack(data: u64) -> Token {
        match data & 3 {
            0 => Token::Receive(Receive {
                leg: LegIdx((data >> 32) as u32),
                channel: if data & 4 == 0 { Channel::Rtp } else { Channel::Rtcp },
                connected: data & 8 != 0,
                generation: (data >> 4) as u32 & GENERATIONS,
            }),
            1 => Token::Send,
            2 => Token::Wake,
            _ => Token::Cancel,
        }
    }
}

struct Sockets {
    rtp: UdpSocket,
    /// Kept open while its registered copy receives.
    _rtcp: UdpSocket,
}

#[derive(Default)]
struct Place {
    /// Raised when the leg closes, so that late completions find nobody.
    generation: u32,
    sockets: Option<Sockets>,
    /// The only source of the RTP socket.
    peer: Option<SocketAddr>,
}

/// The io_uring loop's half.
pub struct Uring {
    // The ring is dropped first: it ends every operation that uses the memory below.
    ring: IoUring,
    pool: Pool,
    sends: Sends,
    /// Receive buffers that go out as they are with the next submission.
    outgoing: Vec<u16>,
    /// What every receive asks for: a name and no control data.
    header: Box<libc::msghdr>,
    places: Vec<Place>,
    harvest: Vec<(u64, i32, u32)>,
    /// Sockets with a filter whose datagrams of before may still wait in the kernel.
    settling: Vec<(LegIdx, u32, SocketAddr)>,
    wake: Arc<Wake>,
    moved: Moved,
    /// The kernel had too few buffers in this turn.
    short: bool,
}

/// Whether the kernel gives us everything we use; the reason when not.
pub fn probe() -> Result<(), String> {
    // On a thread of its own: the end of a ring interrupts what its thread waits for next.
    let probing = std::thread::Builder::new().name("io-uring-probe".into()).spawn(try_everything);
    let probing = probing.map_err(|error| format!("start a thread: {error}"))?;
    probing.join().unwrap_or_else(|_| Err("the probe panicked".into()))
}

fn try_everything() -> Result<(), String> {
    let refused = |doing: &str, error: io::Error| format!("{doing}: {error}");
    let ring = build(8, 16).map_err(|error| refused("io_uring_setup", error))?;
    let submitter = ring.submitter();
    submitter.register_files_sparse(2).map_err(|error| refused("register files", error))?;
    let mut probe = io_uring::Probe::new();
    submitter.register_probe(&mut probe).map_err(|error| refused("probe", error))?;
    for (code, name) in OPERATIONS {
        if !probe.is_supported(code) {
            return Err(format!("the kernel has no {name} on io_uring"));
        }
    }
    let params = ring.params();
    let has_all = params.is_feature_ext_arg()
        && params.is_feature_nodrop()
        && params.is_feature_skip_cqe_on_success();
    if !has_all {
        return Err("the kernel is older than Linux 6.1".into());
    }
    let pool = Pool::new(64).map_err(|error| refused("map buffers", error))?;
    pool.register(&submitter, GROUP).map_err(|error| refused("register a buffer ring", error))?;
    restrict(&ring).map_err(|error| refused("restrict the ring", error))?;
    // The ring goes before the memory it knows.
    drop(ring);
    drop(pool);
    Ok(())
}

fn build(submissions: u32, completions: u32) -> io::Result<IoUring> {
    IoUring::builder()
        .setup_single_issuer()
        .setup_defer_taskrun()
        .setup_submit_all()
        .setup_cqsize(completions)
        .setup_r_disabled()
        .dontfork()
        .build(submissions)
}

/// From here on the kernel takes nothing from this ring but what a loop does: a hole elsewhere in
/// io_uring is not ours. Begins the ring, for this thread.
fn restrict(ring: &IoUring) -> io::Result<()> {
    let flags =
        squeue::Flags::FIXED_FILE | squeue::Flags::BUFFER_SELECT | squeue::Flags::SKIP_SUCCESS;
    let mut allowed: Vec<Restriction> =
        OPERATIONS.iter().map(|(code, _)| Restriction::sqe_op(*code)).collect();
    allowed.push(Restriction::sqe_flags_allowed(flags.bits()));
    allowed.push(Restriction::register_op(REGISTER_FILES_UPDATE));
    ring.submitter().register_restrictions(&mut allowed)?;
    ring.submitter().register_enable_rings()
}

impl Uring {
    /// A loop without sockets, with a pool of so many buffers and registered files for so many
    /// legs. It belongs to the thread that makes it.
    pub fn new(wake: Arc<Wake>, buffers: u16, legs_max: u32) -> io::Result<Self> {
        let ring = build(SUBMISSIONS, COMPLETIONS)?;
        // Two for each leg, and those of the shared port behind them.
        ring.submitter().register_files_sparse((legs_max + 1) * 2)?;
        let pool = Pool::new(buffers)?;
        pool.register(&ring.submitter(), GROUP)?;
        restrict(&ring)?;
        // SAFETY: a msghdr of zeros is a valid one without name, vectors or control data.
        let mut header: Box<libc::msghdr> = Box::new(unsafe { std::mem::zeroed() });
        header.msg_namelen = NAME_BYTES as libc::socklen_t;
        let mut this = Uring {
            ring,
            pool,
            sends: Sends::new(buffers),
            outgoing: Vec::with_capacity(HARVEST),
            header,
            places: Vec::new(),
            harvest: Vec::with_capacity(HARVEST),
            settling: Vec::new(),
            wake,
            moved: Moved::default(),
            short: false,
        };
        this.arm_wake();
        Ok(this)
    }

    fn push(&mut self, entry: squeue::Entry) {
        loop {
            // SAFETY: every entry made in this file points to memory that lives until its
            // completion: the receive header, a send slot, or a pool buffer, all owned by `self`
            // at fixed addresses and dropped after the ring.
            if unsafe { self.ring.submission().push(&entry) }.is_ok() {
                return;
            }
            self.submit();
        }
    }

    fn submit(&mut self) {
        self.moved.enters += 1;
        if let Err(error) = self.ring.submit() {
            tracing::debug!(%error, "submit; it is tried again");
        }
        self.submitted();
    }

    /// Once the kernel has taken every entry, every send is over and its memory is ours again.
    fn submitted(&mut self) {
        if self.ring.submission().is_empty() {
            self.outgoing.drain(..).for_each(|buffer| self.pool.give_back(buffer));
            self.sends.release_all(&mut self.pool);
        }
    }

    fn arm_wake(&mut self) {
        let poll = opcode::PollAdd::new(types::Fd(self.wake.fd()), libc::POLLIN as u32).multi(true);
        self.push(poll.build().user_data(Token::Wake.pack()));
    }

    fn arm(&mut self, receive: Receive) {
        let file = file(receive.leg, receive.channel);
        let entry = if receive.connected {
            opcode::RecvMulti::new(file, GROUP).build()
        } else {
            opcode::RecvMsgMulti::new(file, &*self.header, GROUP).build()
        };
        self.push(entry.user_data(Token::Receive(receive).pack()));
    }

    fn cancel(&mut self, receive: Receive) {
        let cancel = opcode::AsyncCancel::new(Token::Receive(receive).pack()).build();
        self.push(cancel.user_data(Token::Cancel.pack()));
    }

    fn place(&self, leg: LegIdx, generation: u32) -> Option<&Place> {
        let place = self.places.get(leg.index())?;
        (place.generation == generation && place.sockets.is_some()).then_some(place)
    }

    /// Whether a receive that ended has to go on as it was.
    fn goes_on(&self, receive: Receive) -> bool {
        self.place(receive.leg, receive.generation).is_some_and(|place| {
            let connected = receive.channel == Channel::Rtp && place.peer.is_some();
            connected == receive.connected
        })
    }

    fn queue(&mut self, leg: LegIdx, channel: Channel, to: SocketAddr, bytes: Bytes) {
        let peer = self.places.get(leg.index()).and_then(|place| place.peer);
        if let (Channel::Rtp, Bytes::Pooled { buffer, at, len }) = (channel, bytes)
            && peer == Some(to)
        {
            let start = self.pool.part(buffer, at, len).as_ptr();
            let send = opcode::Send::new(file(leg, channel), start, len as u32);
            let send = send.flags(libc::MSG_DONTWAIT).build();
            self.push(silent(send));
            return self.outgoing.push(buffer);
        }
        // Submitting would release the slot of an entry that has no place yet.
        while self.sends.is_full() || self.ring.submission().is_full() {
            self.submit();
        }
        let Some(header) = self.sends.fill(to, bytes, &self.pool) else {
            self.moved.sends_failed += 1;
            if let Bytes::Pooled { buffer, .. } = bytes {
                self.pool.give_back(buffer);
            }
            return;
        };
        let send = opcode::SendMsg::new(file(leg, channel), header);
        let send = send.flags(libc::MSG_DONTWAIT as u32).build();
        self.push(silent(send));
    }

    /// Copies waiting completions out of the ring; how many.
    fn reap(&mut self) -> usize {
        self.harvest.clear();
        let completions = self.ring.completion().take(HARVEST);
        self.harvest.extend(completions.map(|c| (c.user_data(), c.result(), c.flags())));
        self.harvest.len()
    }

    /// The packets behind the `n`th will need their legs.
    fn look_ahead(&self, n: usize, shard: &Shard) {
        let leg_of = |ahead: usize| match Token::unpack(self.harvest.get(n + ahead)?.0) {
            Token::Receive(receive) => Some(receive.leg),
            Token::Send | Token::Wake | Token::Cancel => None,
        };
        if let Some(leg) = leg_of(ahead::LEG_AHEAD) {
            shard.expect_leg(leg);
        }
        if let Some(leg) = leg_of(ahead::TRACKS_AHEAD) {
            shard.expect_tracks(leg);
        }
        let filled = self.harvest.get(n + ahead::TRACKS_AHEAD);
        if let Some(buffer) = filled.and_then(|&(_, _, flags)| cqueue::buffer_select(flags)) {
            self.pool.expect(buffer);
        }
        if let Some(leg) = leg_of(ahead::WAY_AHEAD) {
            shard.expect_way(leg);
        }
        if let Some(leg) = leg_of(ahead::CHUNK_AHEAD) {
            shard.expect_chunk(leg);
        }
    }

    fn complete(&mut self, now: Moment, (data, result, flags): (u64, i32, u32), shard: &mut Shard) {
        match Token::unpack(data) {
            Token::Send => self.moved.sends_failed += u64::from(result < 0),
            Token::Receive(receive) => {
                if let Some(buffer) = cqueue::buffer_select(flags) {
                    self.pool.take();
                    self.take(now, receive, buffer, result, shard);
                }
                if result == -libc::ECONNREFUSED {
                    shard.handle_refused(receive.leg);
                }
                if result == -libc::ENOBUFS {
                    self.moved.buffers_short += 1;
                    self.short = true;
                }
                if !cqueue::more(flags) && self.goes_on(receive) {
                    self.arm(receive);
                }
            }
            Token::Wake => {
                self.wake.clear();
                if !cqueue::more(flags) {
                    self.arm_wake();
                }
            }
            Token::Cancel => {}
        }
    }

    fn take(&mut self, now: Moment, receive: Receive, buffer: u16, result: i32, shard: &mut Shard) {
        let Receive { leg, channel, connected, generation } = receive;
        let Some(place) = self.place(leg, generation) else {
            return self.pool.give_back(buffer);
        };
        let peer = place.peer;
        // SAFETY: this very completion named the buffer; it goes back at the end of this function
        // or with the send that takes it, and the slice is not used after either.
        let bytes = unsafe { self.pool.filled(buffer) };
        let received = usize::try_from(result).unwrap_or(0).min(RECEIVE_BYTES);
        let (from, payload_at) = if connected {
            (peer, 0)
        } else {
            (bytes.get(RESULT_BYTES..PAYLOAD_AT).and_then(read_name), PAYLOAD_AT)
        };
        let (Some(from), true) = (from, received > payload_at) else {
            return self.pool.give_back(buffer);
        };
        // What is longer may have been cut: it is as malformed as an empty one.
        let len = received - payload_at;
        let len = if len <= DATAGRAM_MAX { len } else { 0 };
        let bytes = &mut bytes[payload_at..];
        let forward = match channel {
            Channel::Rtcp => {
                shard.handle_rtcp(now, leg, from, &mut bytes[..len]);
                None
            }
            Channel::Rtp => match shard.handle_packet(now, leg, from, bytes, len) {
                Verdict::Forward { to, address, range } => Some((to, address, range)),
                Verdict::Drop(_) | Verdict::Consumed => None,
            },
        };
        match forward {
            Some((to, address, range)) if self.is_open(to) => {
                let at = payload_at + range.start;
                self.queue(
                    to,
                    Channel::Rtp,
                    address,
                    Bytes::Pooled { buffer, at, len: range.len() },
                );
            }
            Some(_) | None => self.pool.give_back(buffer),
        }
    }

    fn is_open(&self, leg: LegIdx) -> bool {
        self.places.get(leg.index()).is_some_and(|place| place.sockets.is_some())
    }

    /// Receives without names where only one source is left. A socket in which nothing waits holds
    /// nothing from before its filter: completions appear in `enter` alone, and all were taken.
    fn settle(&mut self) {
        let mut settling = std::mem::take(&mut self.settling);
        settling.retain(|&(leg, generation, peer)| {
            let Some(place) = self.places.get_mut(leg.index()) else { return false };
            let Some(sockets) = &place.sockets else { return false };
            if place.generation != generation || place.peer.is_some() {
                return false;
            }
            if socket::bytes_waiting(sockets.rtp.as_raw_fd()) != Some(0) {
                return true;
            }
            place.peer = Some(peer);
            let receive = |connected| Receive { leg, channel: Channel::Rtp, connected, generation };
            self.cancel(receive(false));
            self.arm(receive(true));
            false
        });
        self.settling = settling;
    }

    /// Submits everything and waits: for the end of the tick, or for anything at all.
    fn enter(&mut self, wait: Wait) -> io::Result<()> {
        let (want, until) = match wait {
            Wait::Tick(until) => (WAIT_FOR, until),
            Wait::Idle(until) => (1, until),
        };
        let timeout = types::Timespec::from(until - clock::now());
        let args = types::SubmitArgs::new().timespec(&timeout);
        self.moved.enters += 1;
        let entered = self.ring.submitter().submit_with_args(want, &args);
        self.submitted();
        match entered {
            Ok(_) => Ok(()),
            Err(error) => match error.raw_os_error() {
                // The tick is over, a signal came, or completions wait to be taken first.
                Some(libc::ETIME | libc::EINTR | libc::EBUSY | libc::EAGAIN) => Ok(()),
                _ => Err(error),
            },
        }
    }
}

/// A send that says something only when it failed.
fn silent(send: squeue::Entry) -> squeue::Entry {
    send.user_data(Token::Send.pack()).flags(squeue::Flags::SKIP_SUCCESS)
}

fn file(leg: LegIdx, channel: Channel) -> types::Fixed {
    types::Fixed(leg.0 * 2 + u32::from(channel == Channel::Rtcp))
}

impl Backend for Uring {
    fn open(&mut self, leg: LegIdx, rtp: UdpSocket, rtcp: UdpSocket) -> io::Result<()> {
        let descriptors = [rtp.as_raw_fd(), rtcp.as_raw_fd()];
        self.ring.submitter().register_files_update(leg.0 * 2, &descriptors)?;
        if self.places.len() <= leg.index() {
            self.places.resize_with(leg.index() + 1, Place::default);
        }
        let place = &mut self.places[leg.index()];
        place.sockets = Some(Sockets { rtp, _rtcp: rtcp });
        let generation = place.generation;
        for channel in [Channel::Rtp, Channel::Rtcp] {
            self.arm(Receive { leg, channel, connected: false, generation });
        }
        Ok(())
    }

    fn close(&mut self, leg: LegIdx) {
        let Some(place) = self.places.get_mut(leg.index()) else { return };
        let Some(sockets) = place.sockets.take() else { return };
        let generation = place.generation;
        place.generation = generation.wrapping_add(1) & GENERATIONS;
        let connected = place.peer.take().is_some();
        self.cancel(Receive { leg, channel: Channel::Rtp, connected, generation });
        self.cancel(Receive { leg, channel: Channel::Rtcp, connected: false, generation });
        self.submit();
        if let Err(error) = self.ring.submitter().register_files_update(leg.0 * 2, &[-1, -1]) {
            tracing::warn!(%error, "a closed socket stays registered");
        }
        drop(sockets);
    }

    fn filter(&mut self, leg: LegIdx, source: Option<SocketAddr>) -> io::Result<()> {
        let Some(place) = self.places.get_mut(leg.index()) else { return Ok(()) };
        let Some(sockets) = &place.sockets else { return Ok(()) };
        socket::filter(sockets.rtp.as_raw_fd(), source)?;
        let (generation, connected) = (place.generation, place.peer.take().is_some());
        if connected {
            let receive = |connected| Receive { leg, channel: Channel::Rtp, connected, generation };
            self.cancel(receive(true));
            self.arm(receive(false));
        }
        self.settling.retain(|&(waiting, ..)| waiting != leg);
        if let Some(peer) = source {
            self.settling.push((leg, generation, peer));
        }
        Ok(())
    }

    fn send(&mut self, transmit: &Transmit, bytes: &[u8]) {
        if self.is_open(transmit.leg) {
            self.queue(transmit.leg, transmit.channel, transmit.to, Bytes::Copied(bytes));
        }
    }

    fn flush(&mut self) {
        if !self.ring.submission().is_empty() {
            self.submit();
        }
    }

    fn turn(&mut self, wait: Wait, shard: &mut Shard) -> io::Result<usize> {
        self.enter(wait)?;
        let mut came = 0;
        for _ in 0..HARVESTS_MAX {
            let reaped = self.reap();
            if reaped == 0 {
                break;
            }
            came += reaped;
            let now = clock::now();
            for n in 0..reaped {
                self.look_ahead(n, shard);
                self.complete(now, self.harvest[n], shard);
            }
            self.pool.publish();
            if reaped == HARVEST {
                // More waits: its sends need the slots and buffers of these.
                self.flush();
            }
        }
        if std::mem::take(&mut self.short) {
            self.pool.ran_short();
        }
        self.pool.turned();
        self.pool.publish();
        self.settle();
        Ok(came)
    }

    fn rest(&mut self) {
        // The kernel works for this ring in `enter` alone, and a submission may have found a datagram.
        let is_still = self.ring.completion().is_empty();
        self.pool.rest(is_still && !self.ring.submission().cq_overflow());
    }

    fn moved(&self) -> Moved {
        Moved { buffers_out: self.pool.out(), ..self.moved }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::prompt::PromptStore;
    use crate::shard::Config;

    #[test]
    fn the_kernel_refuses_everything_that_a_loop_never_asks_for() {
        if let Err(why) = probe() {
            return eprintln!("io_uring is refused here: {why}");
        }
        // On a thread of its own, like every ring.
        let asked = std::thread::spawn(|| {
            let mut ring = build(8, 16).unwrap();
            ring.submitter().register_files_sparse(2).unwrap();
            restrict(&ring).unwrap();
            let path = c"/etc/hostname";
            let open = opcode::OpenAt::new(types::Fd(libc::AT_FDCWD), path.as_ptr()).build();
            let nop = opcode::Nop::new().build();
            let mut results = Vec::new();
            for entry in [open, nop] {
                // SAFETY: the path is a constant.
                unsafe { ring.submission().push(&entry) }.unwrap();
                ring.submit_and_wait(1).unwrap();
                results.extend(ring.completion().map(|completion| completion.result()));
            }
            let registered = ring.submitter().register_eventfd(0);
            (results, registered.map_err(|error| error.raw_os_error()))
        });
        let (results, registered) = asked.join().unwrap();
        assert_eq!(results, [-libc::EACCES; 2]);
        assert_eq!(registered, Err(Some(libc::EACCES)));
    }

    #[test]
    fn datagrams_come_before_and_after_a_rest_whatever_the_kernel_held() {
        const BURST: usize = 100;
        if let Err(why) = probe() {
            return eprintln!("io_uring is refused here: {why}");
        }
        // On a thread of its own, like every ring.
        let came = std::thread::spawn(|| {
            let mut uring = Uring::new(Arc::new(Wake::new().unwrap()), 1_024, 4).unwrap();
            let mut shard = Shard::new(Config::default(), PromptStore::default());
            let [rtp, rtcp, phone] = [(); 3].map(|()| UdpSocket::bind("127.0.0.1:0").unwrap());
            let to = rtp.local_addr().unwrap();
            uring.open(LegIdx(0), rtp, rtcp).unwrap();
            uring.flush();
            // More than the counter of the ring's places has numbers.
            (0..700).fold(0, |before, round| {
                (0..BURST).for_each(|_| _ = phone.send_to(&[0x80; 172], to).unwrap());
                let mut came = 0;
                for _ in 0..50 {
                    if came < BURST {
                        let until = clock::now() + std::time::Duration::from_millis(200);
                        came += uring.turn(Wait::Idle(until), &mut shard).unwrap();
                    }
                }
                if round % 3 == 0 {
                    uring.pool.ran_short();
                    uring.pool.publish();
                }
                uring.rest();
                assert_eq!((uring.moved().buffers_out, uring.moved().buffers_short), (0, 0));
                before + came
            })
        });
        assert_eq!(came.join().unwrap(), 700 * BURST);
    }

    #[test]
    fn tokens_survive_packing() {
        let receive = |leg, channel, connected, generation| {
            Token::Receive(Receive { leg: LegIdx(leg), channel, connected, generation })
        };
        let tokens = [
            receive(0, Channel::Rtp, false, 0),
            receive(70_000, Channel::Rtcp, false, GENERATIONS),
            receive(1, Channel::Rtp, true, 1),
            Token::Send,
            Token::Wake,
            Token::Cancel,
        ];
        for token in tokens {
            assert_eq!(Token::unpack(token.pack()), token);
        }
    }
}
