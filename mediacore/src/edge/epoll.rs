//! Datagrams by epoll, `recvmmsg` and `sendmmsg`: for kernels and containers that refuse io_uring.
//!
//! While legs are open the loop sleeps to the end of its tick and then takes everything at once, as
//! the io_uring loop does; waking for every packet would cost a system call for each.

use super::clock;
use super::socket::{self, DATAGRAM_MAX, NAME_BYTES, RawName, Wake};
use super::worker::{Backend, Moved, Wait};
use crate::leg::LegIdx;
use crate::shard::{Channel, Shard, Transmit, Verdict};
use crate::srtp::ROOM_BYTES;
use std::io;
use std::net::{SocketAddr, UdpSocket};
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd, RawFd};
use std::sync::Arc;
use terms::Moment;

/// Sockets asked about in one call.
const EVENTS_MAX: usize = 1_024;
/// Datagrams taken from one socket in one call.
const BATCH: usize = 8;
/// The same from the socket that many legs share.
const SHARED_BATCHES: usize = 64;
/// Rounds over ready sockets in one turn, so that a flood does not hold up the tick.
const ROUNDS_MAX: usize = 8;
/// Bytes of a buffer: a datagram and the room behind it.
const BUFFER_BYTES: usize = DATAGRAM_MAX + ROOM_BYTES;
/// Datagrams handed to the kernel in one call.
const SENDS_MAX: usize = 64;
/// The waker's name among the sockets.
const WAKE: u64 = u64::MAX;

struct Sockets {
    rtp: UdpSocket,
    rtcp: UdpSocket,
}

struct Send {
    fd: RawFd,
    to: SocketAddr,
    start: usize,
    len: usize,
}

/// The epoll loop's half.
pub struct Epoll {
    epoll: OwnedFd,
    wake: Arc<Wake>,
    sockets: Vec<Option<Sockets>>,
    events: Vec<libc::epoll_event>,
    buffers: Box<[[u8; BUFFER_BYTES]; BATCH]>,
    sends: Vec<Send>,
    bytes: Vec<u8>,
    moved: Moved,
}

impl Epoll {
    /// A loop without sockets.
    pub fn new(wake: Arc<Wake>) -> io::Result<Self> {
        // SAFETY: no pointers are passed; the result is checked before it becomes owned.
        let fd = unsafe { libc::epoll_create1(libc::EPOLL_CLOEXEC) };
        if fd < 0 {
            return Err(io::Error::last_os_error());
        }
        // SAFETY: `fd` was just made by epoll_create1 and belongs to nobody else.
        let epoll = unsafe { OwnedFd::from_raw_fd(fd) };
        let this = Epoll {
            epoll,
            wake,
            sockets: Vec::new(),
            events: vec![libc::epoll_event { events: 0, u64: 0 }; EVENTS_MAX],
            buffers: Box::new([[0; BUFFER_BYTES]; BATCH]),
            sends: Vec::new(),
            bytes: Vec::new(),
            moved: Moved::default(),
        };
        this.add(this.wake.fd(), WAKE)?;
        Ok(this)
    }

    fn add(&self, fd: RawFd, name: u64) -> io::Result<()> {
        let mut event = libc::epoll_event { events: libc::EPOLLIN as u32, u64: name };
        // SAFETY: `event` is a valid epoll_event, alive during the call.
        let result =
            unsafe { libc::epoll_ctl(self.epoll.as_raw_fd(), libc::EPOLL_CTL_ADD, fd, &mut event) };
        if result == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
    }

    fn socket(&self, leg: LegIdx, channel: Channel) -> Option<&UdpSocket> {
        let sockets = self.sockets.get(leg.index())?.as_ref()?;
        Some(match channel {
            Channel::Rtp => &sockets.rtp,
            Channel::Rtcp => &sockets.rtcp,
        })
    }

    fn queue(&mut self, leg: LegIdx, channel: Channel, to: SocketAddr, bytes: &[u8]) {
        let Some(fd) = self.socket(leg, channel).map(AsRawFd::as_raw_fd) else { return };
        let start = self.bytes.len();
        self.bytes.extend_from_slice(bytes);
        self.sends.push(Send { fd, to, start, len: bytes.len() });
    }

    fn poll(&mut self, timeout_ms: i32) -> usize {
        self.moved.enters += 1;
        // SAFETY: `events` holds EVENTS_MAX writable entries for the kernel, alive during the call.
        let ready = unsafe {
            libc::epoll_wait(
                self.epoll.as_raw_fd(),
                self.events.as_mut_ptr(),
                EVENTS_MAX as i32,
                timeout_ms,
            )
        };
        // An interrupted wait is an empty one.
        usize::try_from(ready).unwrap_or(0)
    }

    fn take(&mut self, now: Moment, name: u64, shard: &mut Shard) {
        if name == WAKE {
            self.wake.clear();
            return;
        }
        let leg = LegIdx((name >> 1) as u32);
        let channel = if name & 1 == 0 { Channel::Rtp } else { Channel::Rtcp };
        let batches = if leg == shard.shared_door() { SHARED_BATCHES } else { 1 };
        for _ in 0..batches {
            if !self.take_batch(now, leg, channel, shard) {
                return;
            }
        }
    }

    /// Takes what waits in a socket; whether more may wait.
    fn take_batch(
        &mut self,
        now: Moment,
        leg: LegIdx,
        channel: Channel,
        shard: &mut Shard,
    ) -> bool {
        let Some(fd) = self.socket(leg, channel).map(AsRawFd::as_raw_fd) else { return false };
        let mut names = [RawName::empty(); BATCH];
        let received = receive(fd, &mut self.buffers, &mut names);
        self.moved.enters += 1;
        let lens = match received {
            Ok(lens) => lens,
            Err(error) => {
                if error.kind() == io::ErrorKind::ConnectionRefused {
                    shard.handle_refused(leg);
                }
                return false;
            }
        };
        for n in 0..BATCH {
            let (Some(len), Some(from)) = (lens[n], names[n].read()) else { return false };
            // What fills the buffer was longer and was cut: it is as malformed as an empty one.
            let (buffer, len) = (&mut self.buffers[n], if len < DATAGRAM_MAX { len } else { 0 });
            match channel {
                Channel::Rtcp => shard.handle_rtcp(now, leg, from, &mut buffer[..len]),
                Channel::Rtp => {
                    if let Verdict::Forward { to, address, range } =
                        shard.handle_packet(now, leg, from, buffer, len)
                    {
                        let start = self.bytes.len();
                        self.bytes.extend_from_slice(&self.buffers[n][range.clone()]);
                        if let Some(fd) = self.socket(to, Channel::Rtp).map(AsRawFd::as_raw_fd) {
                            self.sends.push(Send { fd, to: address, start, len: range.len() });
                        }
                    }
                }
            }
        }
        true
    }
}

/// Takes up to [`BATCH`] datagrams; the lengths of those that came.
fn receive(
    fd: RawFd,
    buffers: &mut [[u8; BUFFER_BYTES]; BATCH],
    names: &mut [RawName; BATCH],
) -> io::Result<[Option<usize>; BATCH]> {
    let mut vectors: [libc::iovec; BATCH] = std::array::from_fn(|n| libc::iovec {
        iov_base: buffers[n].as_mut_ptr().cast(),
        iov_len: DATAGRAM_MAX,
    });
    // SAFETY: an mmsghdr of zeros is a valid one without buffers or names.
    let mut headers: [libc::mmsghdr; BATCH] = unsafe { std::mem::zeroed() };
    for n in 0..BATCH {
        headers[n].msg_hdr.msg_name = names[n].as_mut_ptr();
        headers[n].msg_hdr.msg_namelen = NAME_BYTES as libc::socklen_t;
        headers[n].msg_hdr.msg_iov = &mut vectors[n];
        headers[n].msg_hdr.msg_iovlen = 1;
    }
    // SAFETY: every header points to one vector, one buffer and one name that are alive and
    // writable during the call, with their true lengths; no timeout is passed.
    let received = unsafe {
        libc::recvmmsg(
            fd,
            headers.as_mut_ptr(),
            BATCH as u32,
            libc::MSG_DONTWAIT,
            std::ptr::null_mut(),
        )
    };
    let Ok(received) = usize::try_from(received) else { return Err(io::Error::last_os_error()) };
    Ok(std::array::from_fn(|n| (n < received).then_some(headers[n].msg_len as usize)))
}

/// Hands datagrams of one socket to the kernel; how many it did not take.
fn send_all(fd: RawFd, sends: &[Send], bytes: &mut [u8]) -> u64 {
    let mut names: [RawName; SENDS_MAX] = [RawName::empty(); SENDS_MAX];
    // SAFETY: vectors and headers of zeros are valid empty ones.
    let mut vectors: [libc::iovec; SENDS_MAX] = unsafe { std::mem::zeroed() };
    // SAFETY: as above.
    let mut headers: [libc::mmsghdr; SENDS_MAX] = unsafe { std::mem::zeroed() };
    for (n, send) in sends.iter().enumerate() {
        names[n] = RawName::new(send.to);
        let payload = &mut bytes[send.start..send.start + send.len];
        vectors[n] = libc::iovec { iov_base: payload.as_mut_ptr().cast(), iov_len: send.len };
        headers[n].msg_hdr.msg_name = names[n].as_mut_ptr();
        headers[n].msg_hdr.msg_namelen = names[n].len();
        headers[n].msg_hdr.msg_iov = &mut vectors[n];
        headers[n].msg_hdr.msg_iovlen = 1;
    }
    let (mut done, mut failed) = (0, 0);
    while done < sends.len() {
        // SAFETY: headers `done..` point to vectors, names and bytes that are alive during the
        // call, with their true lengths.
        let sent = unsafe {
            let rest = headers.as_mut_ptr().add(done);
            libc::sendmmsg(fd, rest, (sends.len() - done) as u32, libc::MSG_DONTWAIT)
        };
        match usize::try_from(sent) {
            Ok(sent) if sent > 0 => done += sent,
            // The first one failed (a full buffer, a refused port): the others may pass.
            _ => {
                done += 1;
                failed += 1;
            }
        }
    }
    failed
}

impl Backend for Epoll {
    fn open(&mut self, leg: LegIdx, rtp: UdpSocket, rtcp: UdpSocket) -> io::Result<()> {
        let name = u64::from(leg.0) << 1;
        self.add(rtp.as_raw_fd(), name)?;
        self.add(rtcp.as_raw_fd(), name | 1)?;
        if self.sockets.len() <= leg.index() {
            self.sockets.resize_with(leg.index() + 1, || None);
        }
        self.sockets[leg.index()] = Some(Sockets { rtp, rtcp });
        Ok(())
    }

    fn close(&mut self, leg: LegIdx) {
        // Closing the descriptor takes it out of the epoll set.
        if let Some(sockets) = self.sockets.get_mut(leg.index()) {
            *sockets = None;
        }
    }

    fn filter(&mut self, leg: LegIdx, source: Option<SocketAddr>) -> io::Result<()> {
        let Some(socket) = self.socket(leg, Channel::Rtp) else { return Ok(()) };
        socket::filter(socket.as_raw_fd(), source)
    }

    fn send(&mut self, transmit: &Transmit, bytes: &[u8]) {
        self.queue(transmit.leg, transmit.channel, transmit.to, bytes);
    }

    fn flush(&mut self) {
        let sends = std::mem::take(&mut self.sends);
        let mut rest = &sends[..];
        while let Some(first) = rest.first() {
            let same = rest.iter().take(SENDS_MAX).take_while(|send| send.fd == first.fd).count();
            let (batch, later) = rest.split_at(same);
            self.moved.sends_failed += send_all(first.fd, batch, &mut self.bytes);
            self.moved.enters += 1;
            rest = later;
        }
        self.bytes.clear();
        self.sends = sends;
        self.sends.clear();
    }

    fn turn(&mut self, wait: Wait, shard: &mut Shard) -> io::Result<usize> {
        self.flush();
        let mut came = 0;
        let timeout_ms = match wait {
            Wait::Tick(until) => {
                clock::sleep_until(until);
                0
            }
            Wait::Idle(until) => {
                let wait = until - clock::now();
                i32::try_from(wait.as_millis() + 1).unwrap_or(i32::MAX)
            }
        };
        let mut ready = self.poll(timeout_ms);
        for _ in 0..ROUNDS_MAX {
            let now = clock::now();
            for n in 0..ready {
                let name = self.events[n].u64;
                self.take(now, name, shard);
            }
            came += ready;
            self.flush();
            if ready == 0 {
                break;
            }
            ready = self.poll(0);
        }
        Ok(came)
    }

    fn moved(&self) -> Moved {
        self.moved
    }
}
