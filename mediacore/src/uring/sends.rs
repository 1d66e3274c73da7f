//! Sends on their way: header, vector, name and bytes at addresses that stay until the completion.

use super::buffers::Pool;
use crate::edge::socket::RawName;
use crate::shard::TRANSMIT_MAX;
use std::net::SocketAddr;

/// What to send.
#[derive(Clone, Copy, Debug)]
pub enum Bytes<'a> {
    /// Made here; copied into the slot.
    Copied(&'a [u8]),
    /// Part of a receive buffer, which is ours until the send is complete.
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

/// All slots; their number is the limit of sends on their way.
pub struct Sends {
    slots: Vec<Option<Box<Slot>>>,
    free: Vec<u32>,
}

impl Sends {
    /// As many slots as there are receive buffers. A slot takes memory when it is first used.
    pub fn new(count: u16) -> Self {
        Sends {
            slots: (0..count).map(|_| None).collect(),
            free: (0..u32::from(count)).rev().collect(),
        }
    }

    /// Fills a slot; `None` when all are on their way.
    pub fn fill(&mut self, to: SocketAddr, bytes: Bytes, pool: &Pool) -> Option<u32> {
        let number = self.free.pop()?;
        let slot = self.slots[number as usize].get_or_insert_with(|| {
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
        Some(number)
    }

    /// The header of a filled slot; it stays where it is until the slot is released.
    pub fn header(&self, slot: u32) -> *const libc::msghdr {
        let slot = self.slots[slot as usize].as_ref().expect("only filled slots are sent");
        &slot.header
    }

    /// A send is complete; the receive buffer that is free with it.
    pub fn release(&mut self, slot: u32) -> Option<u16> {
        self.free.push(slot);
        self.slots[slot as usize].as_mut().expect("only filled slots complete").pooled.take()
    }
}
