//! SRTP and SRTCP of one leg, RFC 3711 and RFC 7714: packets are protected and opened in the buffer
//! they lie in, and nothing is allocated for one.
//!
//! A [`Session`] has a sending and a receiving half. Each keeps the roll-over counter and a window
//! of what came for every source (SSRC), so that a phone that changes its source and back, or
//! re-INVITEs with the same key, is understood as before (RFC 3711 §3.3.1); a new key begins anew.
//! What is not authentic changes nothing here: neither the counters nor the window. Keys and session
//! keys are in no `Debug` output.

mod cipher;
mod keys;
mod source;
#[cfg(test)]
mod vectors;

use cipher::Cipher;
use keys::Use;
use source::{Source, Sources};
use std::fmt;
use terms::media::{Srtp, Ssrc};

/// Octets that protection adds at most, and so the room an edge leaves behind a datagram: a tag of
/// 16, and on SRTCP the index (RFC 7714 §9.2).
pub const ROOM_BYTES: usize = 20;
/// Octets of the longest datagram that is opened; a longer one is malformed.
pub const DATAGRAM_BYTES_MAX: usize = 1_500;
/// Octets of the header that SRTCP leaves readable, RFC 3711 §3.4.
const RTCP_HEADER_BYTES: usize = 8;
/// Octets of the index behind an SRTCP packet.
const RTCP_INDEX_BYTES: usize = 4;
/// The bit before the index: the packet is encrypted.
const RTCP_ENCRYPTED: u32 = 1 << 31;

/// Why a packet was not taken or not made.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// Too short for a header and a tag, too long, or without room for a tag.
    #[error("is no SRTP packet")]
    Malformed,
    /// Its tag is not that of the key.
    #[error("is not authentic")]
    Unauthenticated,
    /// It came before, or is older than the window.
    #[error("came before")]
    Replayed,
}

/// Both directions of one encrypted leg.
pub struct Session {
    agreed: Srtp,
    inbound: Inbound,
    outbound: Outbound,
}

impl fmt::Debug for Session {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        write!(f, "Session({})", self.agreed.suite.name())
    }
}

impl Session {
    /// Begins with these keys.
    pub fn new(agreed: Srtp) -> Self {
        let inbound = Inbound::new(&agreed, 0);
        let outbound = Outbound::new(&agreed);
        Session { agreed, inbound, outbound }
    }

    /// Its keys.
    pub fn agreed(&self) -> &Srtp {
        &self.agreed
    }

    /// Goes on after a kill: `sent` is the source and newest index of what we sent or skip, `reports`
    /// the next report's index, `heard` what came last and `heard_report` its newest report.
    pub fn resume(
        &mut self,
        (ssrc, sent): (Ssrc, u64),
        reports: u32,
        heard: Option<(Ssrc, u64)>,
        heard_report: u32,
    ) {
        self.outbound.sources.put(Source::resumed(ssrc, sent));
        self.outbound.reports = reports;
        if let Some((ssrc, index)) = heard {
            self.inbound.sources.put(Source::resumed(ssrc, index));
            self.inbound.reporters.put(Source::resumed(ssrc, u64::from(heard_report)));
        }
    }

    /// Index of the newest packet sent; `None` before the first.
    pub fn sent(&self) -> Option<u64> {
        self.outbound.sources.newest().map(|(_, index)| index)
    }

    /// Reports sent, and so the index of the next.
    pub fn reports(&self) -> u32 {
        self.outbound.reports
    }

    /// Source and index of the newest packet that was authentic, and the newest report's index.
    pub fn heard(&self) -> Option<((Ssrc, u64), u32)> {
        let newest = self.inbound.sources.newest()?;
        let report = self.inbound.reporters.newest().map_or(0, |(_, index)| index as u32);
        Some((newest, report))
    }

    /// Goes on with what was agreed anew: a direction whose key is the same keeps its counters.
    pub fn rekey(&mut self, agreed: &Srtp) {
        let same_suite = self.agreed.suite == agreed.suite;
        if !same_suite || self.agreed.receive != agreed.receive {
            self.inbound = Inbound::new(agreed, self.inbound.sources.newest_roll_over());
        }
        if !same_suite || self.agreed.send != agreed.send {
            self.outbound = Outbound::new(agreed);
        }
        self.agreed = agreed.clone();
    }

    /// Opens an SRTP packet in place; how long the RTP packet is.
    ///
    /// # Errors
    /// The packet is to be dropped; its bytes may be garbage now.
    pub fn unprotect(&mut self, bytes: &mut [u8]) -> Result<usize, Refused> {
        self.inbound.unprotect(bytes)
    }

    /// Opens an SRTCP packet in place; how long the RTCP packet is.
    ///
    /// # Errors
    /// The packet is to be dropped; its bytes may be garbage now.
    pub fn unprotect_rtcp(&mut self, bytes: &mut [u8]) -> Result<usize, Refused> {
        self.inbound.unprotect_rtcp(bytes)
    }

    /// Protects the RTP packet in the first `len` bytes of `buffer`, which has [`ROOM_BYTES`]
    /// behind them; how long the SRTP packet is.
    ///
    /// # Errors
    /// The packet must not leave.
    pub fn protect(&mut self, buffer: &mut [u8], len: usize) -> Result<usize, Refused> {
        self.outbound.protect(buffer, len)
    }

    /// The same for RTCP.
    ///
    /// # Errors
    /// The packet must not leave.
    pub fn protect_rtcp(&mut self, buffer: &mut [u8], len: usize) -> Result<usize, Refused> {
        self.outbound.protect_rtcp(buffer, len)
    }
}

/// What a peer sends.
struct Inbound {
    rtp: Cipher,
    rtcp: Cipher,
    sources: Sources,
    reporters: Sources,
    /// The roll-over counter under the key before this one: some phones count on.
    roll_over_before: u32,
}

impl Inbound {
    fn new(agreed: &Srtp, roll_over_before: u32) -> Self {
        Inbound {
            rtp: keys::cipher(agreed.suite, &agreed.receive, Use::Rtp),
            rtcp: keys::cipher(agreed.suite, &agreed.receive, Use::Rtcp),
            sources: Sources::default(),
            reporters: Sources::default(),
            roll_over_before,
        }
    }

    fn unprotect(&mut self, bytes: &mut [u8]) -> Result<usize, Refused> {
        let header = header_len(bytes).ok_or(Refused::Malformed)?;
        if bytes.len() < header + self.rtp.tag_bytes() || bytes.len() > DATAGRAM_BYTES_MAX {
            return Err(Refused::Malformed);
        }
        let (ssrc, seq) = (ssrc_at(bytes, 8), u16::from_be_bytes([bytes[2], bytes[3]]));
        let Some(source) = self.sources.get(ssrc) else {
            return self.unprotect_first(bytes, header, ssrc, seq);
        };
        let index = source.index_of(seq).filter(|&index| source.is_new(index));
        let index = index.ok_or(Refused::Replayed)?;
        let len = self.rtp.open(bytes, header, ssrc, index).ok_or(Refused::Unauthenticated)?;
        source.note(index);
        Ok(len)
    }

    /// A source begins with a roll-over counter of zero. One is tried too, because the packets
    /// before the first wrap may have been lost, and the counter of the source or key before,
    /// because some phones count on.
    fn unprotect_first(
        &mut self,
        bytes: &mut [u8],
        header: usize,
        ssrc: Ssrc,
        seq: u16,
    ) -> Result<usize, Refused> {
        let before = self.sources.newest_roll_over().max(self.roll_over_before);
        let mut as_received = [0; DATAGRAM_BYTES_MAX];
        let as_received = &mut as_received[..bytes.len()];
        as_received.copy_from_slice(bytes);
        let further = [before, before.saturating_add(1)].into_iter().filter(|&guess| guess > 1);
        for roll_over in [0, 1].into_iter().chain(further) {
            let index = u64::from(roll_over) << 16 | u64::from(seq);
            if let Some(len) = self.rtp.open(bytes, header, ssrc, index) {
                self.sources.put(Source::new(ssrc, index));
                return Ok(len);
            }
            // A failed attempt leaves garbage.
            bytes.copy_from_slice(as_received);
        }
        Err(Refused::Unauthenticated)
    }

    fn unprotect_rtcp(&mut self, bytes: &mut [u8]) -> Result<usize, Refused> {
        let least = RTCP_HEADER_BYTES + RTCP_INDEX_BYTES + self.rtcp.rtcp_tag_bytes();
        if bytes.len() < least || bytes.len() > DATAGRAM_BYTES_MAX || bytes[0] >> 6 != 2 {
            return Err(Refused::Malformed);
        }
        let ssrc = ssrc_at(bytes, 4);
        let word = self.rtcp.rtcp_index(bytes);
        let (index, is_encrypted) = (word & !RTCP_ENCRYPTED, word & RTCP_ENCRYPTED != 0);
        let known = self.reporters.get(ssrc);
        if known.is_some_and(|source| !source.is_new(u64::from(index))) {
            return Err(Refused::Replayed);
        }
        let len = self.rtcp.open_rtcp(bytes, ssrc, word, is_encrypted);
        let len = len.ok_or(Refused::Unauthenticated)?;
        match self.reporters.get(ssrc) {
            Some(source) => source.note(u64::from(index)),
            None => self.reporters.put(Source::new(ssrc, u64::from(index))),
        }
        Ok(len)
    }
}

/// What we send.
struct Outbound {
    rtp: Cipher,
    rtcp: Cipher,
    sources: Sources,
    /// Reports sent, and so the index of the next.
    reports: u32,
}

impl Outbound {
    fn new(agreed: &Srtp) -> Self {
        Outbound {
            rtp: keys::cipher(agreed.suite, &agreed.send, Use::Rtp),
            rtcp: keys::cipher(agreed.suite, &agreed.send, Use::Rtcp),
            sources: Sources::default(),
            reports: 0,
        }
    }

    fn protect(&mut self, buffer: &mut [u8], len: usize) -> Result<usize, Refused> {
        let header = buffer.get(..len).and_then(header_len).ok_or(Refused::Malformed)?;
        if buffer.len() < len + self.rtp.tag_bytes() {
            return Err(Refused::Malformed);
        }
        let (ssrc, seq) = (ssrc_at(buffer, 8), u16::from_be_bytes([buffer[2], buffer[3]]));
        let index = match self.sources.get(ssrc) {
            None => {
                let index = u64::from(seq);
                self.sources.put(Source::new(ssrc, index));
                index
            }
            // Two packets under one index would open both: what was numbered before does not leave.
            Some(source) => {
                let index = source.index_of(seq).filter(|&index| source.is_new(index));
                let index = index.ok_or(Refused::Replayed)?;
                source.note(index);
                index
            }
        };
        Ok(self.rtp.seal(buffer, header, len, ssrc, index))
    }

    fn protect_rtcp(&mut self, buffer: &mut [u8], len: usize) -> Result<usize, Refused> {
        let room = RTCP_INDEX_BYTES + self.rtcp.rtcp_tag_bytes();
        if len < RTCP_HEADER_BYTES || buffer.len() < len + room {
            return Err(Refused::Malformed);
        }
        if self.reports >= RTCP_ENCRYPTED {
            return Err(Refused::Replayed);
        }
        let index = self.reports;
        self.reports += 1;
        let ssrc = ssrc_at(buffer, 4);
        Ok(self.rtcp.seal_rtcp(buffer, len, ssrc, index | RTCP_ENCRYPTED))
    }
}

fn ssrc_at(bytes: &[u8], at: usize) -> Ssrc {
    Ssrc(u32::from_be_bytes([bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]]))
}

/// Octets before the payload: what SRTP leaves readable. `None` when it is no RTP packet, or its
/// contributing sources or extension reach beyond its end (RFC 3550 §5.1, §5.3.1).
fn header_len(bytes: &[u8]) -> Option<usize> {
    let &first = bytes.first().filter(|&first| first >> 6 == 2)?;
    let fixed = 12 + usize::from(first & 0x0F) * 4;
    let len = if first & 0x10 == 0 {
        fixed
    } else {
        let words = bytes.get(fixed + 2..fixed + 4)?;
        fixed + 4 + usize::from(u16::from_be_bytes([words[0], words[1]])) * 4
    };
    (len <= bytes.len()).then_some(len)
}

#[cfg(test)]
mod tests;
