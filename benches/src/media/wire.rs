//! How packets reach the kernel: io_uring where it is allowed, epoll otherwise. Both do the same
//! to the streams; the choice is reported.

mod poll;
mod ring;

use crate::media::rtp::Packet;
use std::io;
use std::net::UdpSocket;
use std::time::Duration;

/// Most sockets of one wire.
pub const SLOTS_MAX: usize = 16_384;

/// Which way.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Choice {
    /// io_uring when the kernel allows it, epoll otherwise.
    Auto,
    /// io_uring: multishot receive into ring-mapped buffers, batched sends.
    Uring,
    /// epoll with recv and send.
    Epoll,
}

/// Sockets of one thread, by slot.
pub trait Wire {
    /// Its name for people.
    fn name(&self) -> &'static str;
    /// Begins to receive from this socket.
    fn open(&mut self, slot: usize, socket: UdpSocket) -> io::Result<()>;
    /// The socket of a slot.
    fn socket(&self, slot: usize) -> Option<&UdpSocket>;
    /// Forgets a socket.
    fn close(&mut self, slot: usize);
    /// How many packets it takes before the next turn.
    fn room(&self) -> usize;
    /// Sends, now or at the next turn. A packet that the kernel refuses is counted as unsent.
    fn send(&mut self, slot: usize, packet: &Packet, length: usize);
    /// Waits at most this long and hands over what came.
    fn turn(&mut self, wait: Duration, on_packet: &mut dyn FnMut(usize, &[u8])) -> io::Result<()>;
    /// Packets that the kernel refused or that found no room.
    fn unsent(&self) -> u64;
}

/// Opens a wire.
///
/// # Errors
/// When the kernel refuses the way that was asked for.
pub fn open(choice: Choice) -> io::Result<Box<dyn Wire>> {
    match choice {
        Choice::Uring => Ok(Box::new(ring::Ring::new()?)),
        Choice::Epoll => Ok(Box::new(poll::Poll::new()?)),
        Choice::Auto => match ring::Ring::new() {
            Ok(ring) => Ok(Box::new(ring)),
            Err(_) => Ok(Box::new(poll::Poll::new()?)),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::media::rtp::HEADER_BYTES;
    use crate::media::stamp::SAMPLES;
    use std::time::Instant;

    fn pair() -> (UdpSocket, UdpSocket) {
        let (a, b) = (UdpSocket::bind("127.0.0.1:0"), UdpSocket::bind("127.0.0.1:0"));
        let (a, b) = (a.expect("a socket"), b.expect("a socket"));
        a.connect(b.local_addr().expect("bound")).expect("connected");
        b.connect(a.local_addr().expect("bound")).expect("connected");
        (a, b)
    }

    fn carries_packets(wire: &mut dyn Wire) {
        let (a, b) = pair();
        wire.open(0, a).expect("room");
        wire.open(7, b).expect("room");
        let mut packet = [0; HEADER_BYTES + SAMPLES];
        for n in 0..50 {
            packet[0] = n;
            wire.send(0, &packet, usize::from(n) + 1);
        }
        let mut came = Vec::new();
        let began = Instant::now();
        while came.len() < 50 && began.elapsed() < Duration::from_secs(2) {
            let mut take = |slot: usize, bytes: &[u8]| came.push((slot, bytes.to_vec()));
            wire.turn(Duration::from_millis(1), &mut take).expect("a turn");
        }
        assert_eq!(came.len(), 50, "{}", wire.name());
        for (n, (slot, bytes)) in came.iter().enumerate() {
            assert_eq!((*slot, bytes.len(), usize::from(bytes[0])), (7, n + 1, n));
        }
        wire.close(7);
        wire.send(0, &packet, 20);
        let mut late = 0;
        for _ in 0..5 {
            wire.turn(Duration::from_millis(1), &mut |_, _| late += 1).expect("a turn");
        }
        assert_eq!(late, 0, "a closed slot hears nothing");
    }

    #[test]
    fn epoll_carries_packets_in_order() {
        carries_packets(&mut *open(Choice::Epoll).expect("epoll is everywhere"));
    }

    /// Where io_uring is forbidden the automatic choice is epoll, and this is the same test again.
    #[test]
    fn the_automatic_choice_carries_packets_in_order() {
        carries_packets(&mut *open(Choice::Auto).expect("one of the two"));
    }
}
