//! Sends that are about to be submitted: header, vector, name and bytes at addresses that stay until
//! the kernel has taken them.

use super::buffers::Pool;
use crate::edge::socket::RawName;
use crate::shard::TRANSMIT_MAX;
use std::net::SocketAddr;

/// What to send.
#[derive(Clone, Copy, Debug)]
pub enum Bytes<'a> {
    /// Made here; copied into the slot.
    Copied(&'a [u8]),
    /// Part of a receive buffer, which stays ours until the send is over.
    Pooled {
        /// Which buffer.
        buffer: u16,
        /// Where in it.
        at: usize,
        /// How many bytes.
        len: usize,
    },
}

struct Slot {
    header: libc::msghdr,
    vector: libc::iovec,
    name: RawName,
    pooled: Option<u16>,
    bytes: [u8; TRANSMIT_MAX],
}

/// All slots; their number is the limit of sends in one submission.
pub struct Sends {
    slots: Vec<Option<Box<Slot>>>,
    /// Slots in use: the first so many.
    filled: usize,
}

impl Sends {
    /// As many slots as there are receive buffers. A slot takes memory when it is first used.
    pub fn new(count: u16) -> Self {
        Sends { slots: (0..count).map(|_| None).collect(), filled: 0 }
    }

    /// No slot is left.
    pub fn is_full(&self) -> bool {
        self.filled == self.slots.len()
    }

    /// Fills a slot: its header, which stays where it is until [`Sends::release_all`]. `None` when all
    /// are in use.
    pub fn fill(
        &mut self,
        to: SocketAddr,
        bytes: Bytes,
        pool: &Pool,
    ) -> Option<*const libc::msghdr> {
        let slot = self.slots.get_mut(self.filled)?;
        self.filled += 1;
        let slot = slot.get_or_insert_with(|| {
            Box::new(Slot {
                // SAFETY: a msghdr of zeros is a valid one without name, vectors or control data.
                header: unsafe { std::mem::zeroed() },
                vector: libc::iovec { iov_base: std::ptr::null_mut(), iov_len: 0 },
                name: RawName::empty(),
                pooled: None,
                bytes: [0; TRANSMIT_MAX],
            })
        });
        slot.name = RawName::new(to);
        let (base, len) = match bytes {
            Bytes::Copied(bytes) => {
                let len = bytes.len().min(TRANSMIT_MAX);
                slot.bytes[..len].copy_from_slice(&bytes[..len]);
                slot.pooled = None;
                (slot.bytes.as_mut_ptr(), len)
            }
            Bytes::Pooled { buffer, at, len } => {
                slot.pooled = Some(buffer);
                (pool.part(buffer, at, len).as_ptr(), len)
            }
        };
        slot.vector = libc::iovec { iov_base: base.cast(), iov_len: len };
        slot.header.msg_name = slot.name.as_mut_ptr();
        slot.header.msg_namelen = slot.name.len();
        slot.header.msg_iov = &mut slot.vector;
        slot.header.msg_iovlen = 1;
        Some(&slot.header)
    }

    /// All sends are over: their receive buffers go back to the pool.
    pub fn release_all(&mut self, pool: &mut Pool) {
        for slot in self.slots[..self.filled].iter_mut().flatten() {
            if let Some(buffer) = slot.pooled.take() {
                pool.give_back(buffer);
            }
        }
        self.filled = 0;
    }
}
