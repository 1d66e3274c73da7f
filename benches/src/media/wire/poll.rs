//! epoll, with one `recv` or `send` a packet.

use super::{SLOTS_MAX, Wire};
use crate::media::rtp::Packet;
use std::io;
use std::net::UdpSocket;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};
use std::time::Duration;

const EVENTS_MAX: usize = 256;
/// Longest datagram that a telephone would send us.
const DATAGRAM_BYTES: usize = 2048;
/// Datagrams of one socket before the next one has its turn.
const BURST_MAX: usize = 64;

/// See the module.
pub struct Poll {
    epoll: OwnedFd,
    sockets: Vec<Option<UdpSocket>>,
    unsent: u64,
}

impl Poll {
    /// # Errors
    /// When the process has no file descriptors left.
    pub fn new() -> io::Result<Poll> {
        // SAFETY: the call takes no pointers; a valid descriptor is owned from here on.
        let fd = unsafe { libc::epoll_create1(libc::EPOLL_CLOEXEC) };
        if fd < 0 {
            return Err(io::Error::last_os_error());
        }
        // SAFETY: `fd` was just made and belongs to nobody else.
        let epoll = unsafe { OwnedFd::from_raw_fd(fd) };
        Ok(Poll { epoll, sockets: Vec::new(), unsent: 0 })
    }

    fn control(&self, operation: i32, socket: &UdpSocket, slot: usize) -> io::Result<()> {
        let mut event = libc::epoll_event { events: libc::EPOLLIN as u32, u64: slot as u64 };
        // SAFETY: both descriptors are open, and `event` outlives the call, which copies it.
        let result = unsafe {
            libc::epoll_ctl(self.epoll.as_raw_fd(), operation, socket.as_raw_fd(), &mut event)
        };
        if result < 0 { Err(io::Error::last_os_error()) } else { Ok(()) }
    }
}

impl Wire for Poll {
    fn name(&self) -> &'static str {
        "epoll"
    }

    fn open(&mut self, slot: usize, socket: UdpSocket) -> io::Result<()> {
        if slot >= SLOTS_MAX {
            return Err(io::Error::other(format!("more than {SLOTS_MAX} sockets")));
        }
        socket.set_nonblocking(true)?;
        self.control(libc::EPOLL_CTL_ADD, &socket, slot)?;
        if self.sockets.len() <= slot {
            self.sockets.resize_with(slot + 1, || None);
        }
        self.sockets[slot] = Some(socket);
        Ok(())
    }

    fn socket(&self, slot: usize) -> Option<&UdpSocket> {
        self.sockets.get(slot)?.as_ref()
    }

    fn close(&mut self, slot: usize) {
        // Closing the descriptor takes it out of epoll.
        if let Some(place) = self.sockets.get_mut(slot) {
            *place = None;
        }
    }

    fn room(&self) -> usize {
        usize::MAX
    }

    fn send(&mut self, slot: usize, packet: &Packet, length: usize) {
        let Some(socket) = self.socket(slot) else { return };
        if socket.send(&packet[..length]).is_err() {
            self.unsent += 1;
        }
    }

    fn turn(&mut self, wait: Duration, on_packet: &mut dyn FnMut(usize, &[u8])) -> io::Result<()> {
        let mut events = [libc::epoll_event { events: 0, u64: 0 }; EVENTS_MAX];
        // epoll counts in milliseconds: rounded up, so that a short wait does not become a spin.
        let wait_ms = wait.as_micros().div_ceil(1000) as i32;
        // SAFETY: `events` has room for EVENTS_MAX entries and outlives the call.
        let count = unsafe {
            libc::epoll_wait(
                self.epoll.as_raw_fd(),
                events.as_mut_ptr(),
                EVENTS_MAX as i32,
                wait_ms,
            )
        };
        if count < 0 {
            let error = io::Error::last_os_error();
            return if error.kind() == io::ErrorKind::Interrupted { Ok(()) } else { Err(error) };
        }
        let mut datagram = [0; DATAGRAM_BYTES];
        for event in &events[..count as usize] {
            let slot = event.u64 as usize;
            let Some(socket) = self.socket(slot) else { continue };
            for _ in 0..BURST_MAX {
                // An error is an empty queue, or ECONNREFUSED, which the next packet forgets.
                let Ok(length) = socket.recv(&mut datagram) else { break };
                on_packet(slot, &datagram[..length]);
            }
        }
        Ok(())
    }

    fn unsent(&self) -> u64 {
        self.unsent
    }
}
