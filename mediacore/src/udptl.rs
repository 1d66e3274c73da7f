//! UDPTL datagrams of T.38 (ITU-T T.38 §9.1 and Annex A, aligned PER): read far enough to know one
//! from RTP and junk, and passed on as they are, or taken apart and made for a machine of ours
//! ([`stream`]). And where they may come from: [`Door`].
//!
//! ```text
//! ┌────────┬────────────┬─────────┬───────┬──────────────────────────────────────────────┐
//! │ number │ length     │ primary │ kind  │ 0x00: count, so many (length, octets)        │
//! │ u16    │ 1–2 octets │ packet  │ u8    │ 0x80: 1, span, count, so many (length, …)    │
//! └────────┴────────────┴─────────┴───────┴──────────────────────────────────────────────┘
//! ```
//!
//! A datagram is well-formed when these parts fill it to the last octet, which an RTP packet of audio
//! hardly ever does.

pub mod stream;

use crate::latch::canonical;
use std::net::{IpAddr, SocketAddr};
use terms::media::{FAX_DATAGRAM_BYTES_MAX, FaxRemote, SeqNo};

/// A candidate is followed by its next number, or by itself once more: gateways say an indicator
/// several times.
const STEP_MAX: u16 = 1;

/// Not a UDPTL datagram.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a datagram of {0} bytes is no UDPTL")]
pub struct Malformed(pub usize);

/// Reads a datagram's number.
///
/// # Errors
/// When it is longer than [`FAX_DATAGRAM_BYTES_MAX`], or is not made as in the drawing above.
pub fn parse(bytes: &[u8]) -> Result<SeqNo, Malformed> {
    read(bytes, |_| {}).map(|(seq, _)| seq)
}

/// Reads a datagram's number and its own packet. `earlier` is given those that went before it, the
/// newest first, where they are repeated; parity is passed over.
///
/// # Errors
/// The same; what `earlier` was given means nothing then.
pub fn read<'a>(
    bytes: &'a [u8],
    mut earlier: impl FnMut(&'a [u8]),
) -> Result<(SeqNo, &'a [u8]), Malformed> {
    let malformed = Malformed(bytes.len());
    let fits = bytes.len() <= usize::from(FAX_DATAGRAM_BYTES_MAX);
    let mut rest = Rest(if fits { bytes } else { &[] });
    rest.datagram(&mut earlier).filter(|_| rest.0.is_empty()).ok_or(malformed)
}

/// What is not read yet.
struct Rest<'a>(&'a [u8]);

impl<'a> Rest<'a> {
    fn datagram(&mut self, earlier: &mut impl FnMut(&'a [u8])) -> Option<(SeqNo, &'a [u8])> {
        let seq = SeqNo(u16::from_be_bytes([self.octet()?, self.octet()?]));
        let primary = self.open_type()?;
        if primary.is_empty() {
            return None;
        }
        let repeats = self.octet()? & 0x80 == 0;
        if !repeats {
            // The span of the parity is a number of one octet.
            if self.octet()? != 1 {
                return None;
            }
            self.octet()?;
        }
        // Every entry takes an octet at least, so the datagram's end ends a wild count.
        for _ in 0..self.length()? {
            let entry = self.open_type()?;
            if repeats {
                earlier(entry);
            }
        }
        Some((seq, primary))
    }

    fn octet(&mut self) -> Option<u8> {
        let (&first, rest) = self.0.split_first()?;
        self.0 = rest;
        Some(first)
    }

    /// One octet up to 127, two up to 16,383. Longer ones come in fragments, and no datagram is so
    /// long.
    fn length(&mut self) -> Option<usize> {
        match self.octet()? {
            short @ 0..0x80 => Some(usize::from(short)),
            long @ 0x80..0xC0 => Some(usize::from(long & 0x3F) << 8 | usize::from(self.octet()?)),
            _ => None,
        }
    }

    /// Octets with their length before them.
    fn open_type(&mut self) -> Option<&'a [u8]> {
        let octets = self.length()?;
        let (taken, rest) = self.0.split_at_checked(octets)?;
        self.0 = rest;
        Some(taken)
    }
}

/// What may happen to a datagram.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Passage {
    /// From the accepted source.
    Accepted,
    /// From a candidate on probation; kept.
    Held,
    /// The source is learned with this datagram; this one was held before it.
    Learned(Vec<u8>),
    /// From somewhere else; counted.
    Strange,
}

#[derive(Clone, Debug)]
struct Candidate {
    source: SocketAddr,
    seq: SeqNo,
    held: Vec<u8>,
}

/// Where the UDPTL of a leg may come from. The signalled address passes at once. Where a NAT is
/// declared, another source is learned from the IP of the signalling alone, after two well-formed
/// datagrams in sequence, the first of which is held and passed on with the second: the first words
/// of a fax are few and far between, and both sides may wait for the other's, so the four of RTP would
/// be too many. What was learned stays: the receiver of a page is silent for minutes, so silence says
/// nothing. A new answer or ECONNREFUSED dissolves it.
#[derive(Clone, Debug)]
pub struct Door {
    signalled: SocketAddr,
    nat_from: Option<IpAddr>,
    source: Option<SocketAddr>,
    candidate: Option<Candidate>,
}

impl Door {
    /// A door after an answer. `known` is where the leg's audio came from, where that had the same
    /// signalled address: a way through a NAT that the peer has opened already, and the peer may wait
    /// for us to speak first.
    pub fn new(remote: &FaxRemote, known: Option<SocketAddr>) -> Self {
        let nat_from = remote.nat.then(|| remote.signalling.to_canonical());
        Door {
            signalled: canonical(remote.udptl),
            nat_from,
            source: known.map(canonical).filter(|known| nat_from == Some(known.ip())),
            candidate: None,
        }
    }

    /// Whether [`Door::check`] could let a datagram of this source in.
    pub fn may_pass(&self, from: SocketAddr) -> bool {
        let from = canonical(from);
        match self.source {
            Some(source) => source == from || self.signalled == from,
            None => self.signalled == from || self.nat_from == Some(from.ip()),
        }
    }

    /// Decides about one well-formed datagram.
    pub fn check(&mut self, from: SocketAddr, seq: SeqNo, bytes: &[u8]) -> Passage {
        let from = canonical(from);
        if self.source == Some(from) {
            return Passage::Accepted;
        }
        // Whoever sits at the signalled address is who was agreed on, whatever was learned.
        if from == self.signalled {
            (self.source, self.candidate) = (Some(from), None);
            return Passage::Accepted;
        }
        if self.source.is_some() || self.nat_from != Some(from.ip()) {
            return Passage::Strange;
        }
        let before = self.candidate.take().filter(|candidate| {
            candidate.source == from && seq.0.wrapping_sub(candidate.seq.0) <= STEP_MAX
        });
        match before {
            Some(candidate) => {
                self.source = Some(from);
                Passage::Learned(candidate.held)
            }
            None => {
                self.candidate = Some(Candidate { source: from, seq, held: bytes.to_vec() });
                Passage::Held
            }
        }
    }

    /// Forgets what was learned: the peer answered ECONNREFUSED.
    pub fn dissolve(&mut self) {
        self.source = None;
    }

    /// Where datagrams go.
    pub fn target(&self) -> SocketAddr {
        self.source.unwrap_or(self.signalled)
    }
}

/// A datagram as gateways make it.
#[cfg(test)]
pub(crate) fn datagram(seq: u16, primary: &[u8], secondaries: &[&[u8]]) -> Vec<u8> {
    let mut bytes = seq.to_be_bytes().to_vec();
    bytes.push(primary.len() as u8);
    bytes.extend(primary);
    bytes.extend([0, secondaries.len() as u8]);
    for secondary in secondaries {
        bytes.push(secondary.len() as u8);
        bytes.extend(*secondary);
    }
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::codec::sound::noise;
    use crate::g711::{self, Law};

    const PEER: &str = "10.0.0.5:4006";
    const BEHIND_NAT: &str = "203.0.113.9:31000";
    const ATTACKER: &str = "198.51.100.66:4006";

    fn door(nat: bool, known: Option<&str>) -> Door {
        let (udptl, signalling) = (PEER.parse().unwrap(), "203.0.113.9".parse().unwrap());
        let known = known.map(|known| known.parse().unwrap());
        Door::new(&FaxRemote { udptl, nat, signalling, machine: None }, known)
    }

    fn comes(door: &mut Door, from: &str, seq: u16) -> Passage {
        let from = from.parse().unwrap();
        let passage = door.check(from, SeqNo(seq), &seq.to_be_bytes());
        if passage != Passage::Strange {
            assert!(door.may_pass(from) || passage == Passage::Held);
        }
        passage
    }

    #[test]
    fn datagrams_with_repetition_and_with_parity_are_known() {
        let indicator = datagram(7, &[0x06], &[]);
        assert_eq!(indicator, [0, 7, 1, 6, 0, 0]);
        assert_eq!(parse(&indicator), Ok(SeqNo(7)));
        let page = datagram(65_535, &[0xC0; 90], &[&[0xC0; 90], &[0x80; 40], &[]]);
        assert_eq!(parse(&page), Ok(SeqNo(65_535)));
        let mut long = vec![0, 1, 0x80, 200];
        long.extend([0xAA; 200]);
        long.extend([0x80, 1, 3, 1, 2, 0xEE, 0xEE]);
        assert_eq!(parse(&long), Ok(SeqNo(1)));
    }

    #[test]
    fn what_is_cut_longer_or_something_else_is_not() {
        let page = datagram(3, &[0xC0; 90], &[&[0xC0; 90], &[0x80; 40]]);
        for len in 0..page.len() {
            assert_eq!(parse(&page[..len]), Err(Malformed(len)));
        }
        assert!(parse(&[&page[..], &[0]].concat()).is_err(), "one octet too many");
        assert!(parse(&datagram(3, &[], &[])).is_err(), "a datagram carries something");
        assert!(parse(&[0, 1, 1, 6, 0x80, 2, 0, 3, 0]).is_err(), "a span of two octets");
        assert!(parse(&[0, 1, 0xC1, 6, 0, 0]).is_err(), "a length in fragments");
        assert!(parse(&[0, 1, 1, 6, 0, 0x7F]).is_err(), "a count without its entries");
        let most = usize::from(FAX_DATAGRAM_BYTES_MAX);
        let filled = |len: usize| {
            let mut bytes = vec![0, 1, 0x80 | ((len - 6) >> 8) as u8, (len - 6) as u8];
            bytes.resize(len - 2, 0xC0);
            bytes.extend([0, 0]);
            bytes
        };
        assert!(parse(&filled(most)).is_ok());
        assert_eq!(parse(&filled(most + 1)), Err(Malformed(most + 1)));
    }

    #[test]
    fn audio_is_hardly_ever_taken_for_fax() {
        let mut taken = 0;
        for seq in 0..20_000_u32 {
            let mut packet = vec![0x80, 8];
            packet.extend((seq as u16).to_be_bytes());
            packet.extend((seq * 160).to_be_bytes());
            packet.extend(7_u32.to_be_bytes());
            let said = noise(160, 8_000, seq.into());
            packet.extend(said.iter().map(|&sample| g711::encode(Law::A, sample)));
            taken += u32::from(parse(&packet).is_ok());
        }
        assert!(taken <= 20, "{taken} of 20,000");
    }

    #[test]
    fn the_signalled_address_passes_at_once_and_no_other() {
        let mut door = door(false, None);
        for seq in 0..50 {
            assert_eq!(comes(&mut door, ATTACKER, seq), Passage::Strange);
            assert_eq!(comes(&mut door, BEHIND_NAT, seq), Passage::Strange);
        }
        assert_eq!(comes(&mut door, PEER, 0), Passage::Accepted);
        assert_eq!(
            (door.target(), door.may_pass(ATTACKER.parse().unwrap())),
            (PEER.parse().unwrap(), false)
        );
    }

    #[test]
    fn a_source_behind_a_nat_is_learned_after_two_in_sequence_and_stays() {
        let mut door = door(true, None);
        assert_eq!(comes(&mut door, BEHIND_NAT, 0), Passage::Held);
        assert_eq!(comes(&mut door, ATTACKER, 1), Passage::Strange);
        assert_eq!(comes(&mut door, BEHIND_NAT, 5), Passage::Held, "a gap begins again");
        assert_eq!(comes(&mut door, "203.0.113.9:31002", 6), Passage::Held, "so does another port");
        assert_eq!(comes(&mut door, BEHIND_NAT, 65_535), Passage::Held);
        assert_eq!(door.target(), PEER.parse().unwrap());
        let held = 65_535_u16.to_be_bytes().to_vec();
        assert_eq!(comes(&mut door, BEHIND_NAT, 0), Passage::Learned(held));
        assert_eq!(door.target(), BEHIND_NAT.parse().unwrap());
        for seq in 0..10 {
            assert_eq!(comes(&mut door, "203.0.113.9:31002", seq), Passage::Strange);
        }
        door.dissolve();
        assert_eq!(comes(&mut door, "203.0.113.9:31002", 4), Passage::Held);
        assert!(
            matches!(comes(&mut door, "203.0.113.9:31002", 4), Passage::Learned(_)),
            "said again"
        );
        assert_eq!(comes(&mut door, PEER, 9), Passage::Accepted, "the agreed address always does");
    }

    #[test]
    fn where_the_audio_came_from_is_known_before_anybody_speaks() {
        let known = door(true, Some(BEHIND_NAT));
        assert_eq!(known.target(), BEHIND_NAT.parse().unwrap());
        for nowhere in [door(true, Some(ATTACKER)), door(false, Some(BEHIND_NAT))] {
            assert_eq!(nowhere.target(), PEER.parse().unwrap());
        }
    }
}
