//! The packets of T.38 (IFP) that a machine of ours says and hears, and the datagrams they travel
//! in.
//!
//! UDPTL numbers its datagrams and makes good their loss by saying earlier packets once more
//! (`t38UDPRedundancy`, ITU-T T.38 §9.1.4.1): [`Outbox`] adds the last three to each, [`Inbox`]
//! takes what it missed from those. So what the machine gets is in order and without repetitions; a
//! number that is jumped over is one that nothing brought back. Parity (`t38UDPFEC`) is not
//! reckoned back.

use super::read;
use std::collections::VecDeque;
use terms::media::{FAX_DATAGRAM_BYTES_MAX, FaxTerms, SeqNo};

/// Earlier packets in a datagram of ours.
const REPEATS_MAX: usize = 3;
/// Earlier packets that are taken from a datagram: gateways repeat three to seven. More would be
/// work for nothing, hundreds of packets in a datagram of a hostile one.
const EARLIER_MAX: usize = 16;
/// Numbers that step further than this are a new beginning, not loss.
const STEP_MAX: i16 = 1_000;
const BACK_MAX: i16 = -STEP_MAX;
/// A packet is not longer: number, two lengths and a count stand beside it.
pub const PACKET_BYTES_MAX: usize = FAX_DATAGRAM_BYTES_MAX as usize - 6;

/// Puts what came in order.
#[derive(Debug, Default)]
pub struct Inbox {
    /// The number that is expected.
    next: Option<SeqNo>,
}

impl Inbox {
    /// What a datagram brings that was not there yet, in order. Junk brings nothing.
    pub fn take(&mut self, datagram: &[u8]) -> Vec<(SeqNo, Vec<u8>)> {
        let mut earlier = Vec::new();
        let take = |packet| {
            if earlier.len() < EARLIER_MAX {
                earlier.push(packet);
            }
        };
        let Ok((seq, primary)) = read(datagram, take) else { return Vec::new() };
        let missed = match self.next.map(|next| seq.distance(next)) {
            // Whatever was said before the first that came.
            None => earlier.len(),
            // It came before, or its successors were taken without it.
            Some(BACK_MAX..0) => return Vec::new(),
            Some(ahead @ 0..=STEP_MAX) => earlier.len().min(usize::from(ahead.unsigned_abs())),
            Some(_) => 0,
        };
        self.next = Some(SeqNo(seq.0.wrapping_add(1)));
        let back = |back: usize| SeqNo(seq.0.wrapping_sub(back as u16));
        let found = (1..=missed).rev().map(|n| (back(n), earlier[n - 1]));
        let found = found.chain([(seq, primary)]).filter(|(_, packet)| !packet.is_empty());
        found.map(|(seq, packet)| (seq, packet.to_vec())).collect()
    }
}

/// Numbers what a machine says, and says it again with what follows.
#[derive(Debug)]
pub struct Outbox {
    next: SeqNo,
    /// The newest first.
    said: VecDeque<Vec<u8>>,
    terms: FaxTerms,
}

impl Outbox {
    /// Begins with number 0, as the standard has it.
    pub fn new(terms: &FaxTerms) -> Self {
        Outbox { next: SeqNo(0), said: VecDeque::new(), terms: *terms }
    }

    /// Goes on by other terms.
    pub fn agree(&mut self, terms: &FaxTerms) {
        self.terms = *terms;
    }

    /// The next datagram: this packet, and of those before it as many as the other side has room
    /// for.
    pub fn datagram(&mut self, packet: &[u8]) -> Vec<u8> {
        let mut bytes = self.next.0.to_be_bytes().to_vec();
        put(&mut bytes, packet);
        let most = self.terms.datagram_bytes_max.min(FAX_DATAGRAM_BYTES_MAX);
        // The kind and the count are an octet each.
        let mut room = usize::from(most).saturating_sub(bytes.len() + 2);
        let repeats = if self.terms.repeats { REPEATS_MAX } else { 0 };
        let mut earlier = Vec::new();
        let mut count = 0;
        for before in self.said.iter().take(repeats) {
            let written = before.len() + if before.len() < 0x80 { 1 } else { 2 };
            if written > room {
                break;
            }
            room -= written;
            put(&mut earlier, before);
            count += 1;
        }
        bytes.extend([0, count]);
        bytes.extend(earlier);
        self.said.push_front(packet.to_vec());
        self.said.truncate(REPEATS_MAX);
        self.next = SeqNo(self.next.0.wrapping_add(1));
        bytes
    }
}

/// Octets with their length before them.
fn put(bytes: &mut Vec<u8>, octets: &[u8]) {
    let len = octets.len();
    match len {
        0..0x80 => bytes.push(len as u8),
        _ => bytes.extend([0x80 | (len >> 8) as u8, len as u8]),
    }
    bytes.extend(octets);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::udptl::{datagram, parse};

    const TERMS: FaxTerms =
        FaxTerms { bit_rate_max: 14_400, datagram_bytes_max: 640, repeats: true };

    /// A packet of its own for each number, some longer than a length of one octet can say.
    fn packet(n: u16) -> Vec<u8> {
        [&n.to_be_bytes()[..], &vec![0xC0 ^ n as u8; usize::from(n) * 37 % 150][..]].concat()
    }

    fn said(count: u16, terms: &FaxTerms) -> Vec<Vec<u8>> {
        let mut outbox = Outbox::new(terms);
        (0..count).map(|n| outbox.datagram(&packet(n))).collect()
    }

    /// What an inbox makes of these datagrams.
    fn heard<'a>(datagrams: impl IntoIterator<Item = &'a Vec<u8>>) -> Vec<(u16, Vec<u8>)> {
        let mut inbox = Inbox::default();
        let taken = datagrams.into_iter().flat_map(|datagram| inbox.take(datagram));
        taken.map(|(seq, packet)| (seq.0, packet)).collect()
    }

    fn whole(numbers: impl IntoIterator<Item = u16>) -> Vec<(u16, Vec<u8>)> {
        numbers.into_iter().map(|n| (n, packet(n))).collect()
    }

    #[test]
    fn what_was_said_is_heard_in_order_with_three_in_four_lost_or_each_twice() {
        let said = said(400, &TERMS);
        assert_eq!(heard(&said), whole(0..400));
        assert!(said.iter().all(|datagram| parse(datagram).is_ok()));
        for kept in 0..4 {
            let some = said.iter().skip(kept).step_by(4);
            // Of the last ones nobody speaks again.
            let last = 400 - 4 + kept as u16;
            assert_eq!(heard(some), whole(0..=last), "every fourth from {kept}");
        }
        let twice = said.iter().flat_map(|datagram| [datagram, datagram]);
        assert_eq!(heard(twice), whole(0..400));
    }

    #[test]
    fn what_overtook_another_is_not_heard_twice() {
        let said = said(40, &TERMS);
        let swapped = said.chunks(4).flat_map(|four| [&four[2], &four[0], &four[3], &four[1]]);
        assert_eq!(heard(swapped), whole(0..40));
    }

    #[test]
    fn a_longer_gap_and_a_side_that_repeats_nothing_leave_a_hole_in_the_numbers() {
        let all = said(40, &TERMS);
        let some = all[..10].iter().chain(&all[20..]);
        assert_eq!(heard(some), whole((0..10).chain(17..40)));
        let bare = said(40, &FaxTerms { repeats: false, ..TERMS });
        assert_eq!(bare[7], datagram(7, &packet(7), &[]));
        let some = bare.iter().enumerate().filter(|(n, _)| n % 5 != 3).map(|(_, one)| one);
        assert_eq!(heard(some), whole((0..40).filter(|n| n % 5 != 3)));
    }

    #[test]
    fn numbers_go_round_and_begin_anew() {
        let numbered = |n: u16| datagram(n, &packet(n % 50), &[&packet(n.wrapping_sub(1) % 50)]);
        let round = [65_534, 65_535, 1, 2].map(numbered);
        let numbers: Vec<u16> = heard(&round).into_iter().map(|(n, _)| n).collect();
        assert_eq!(numbers, [65_533, 65_534, 65_535, 0, 1, 2]);
        let anew = [30_000, 30_001, 0, 1].map(numbered);
        let numbers: Vec<u16> = heard(&anew).into_iter().map(|(n, _)| n).collect();
        assert_eq!(numbers, [29_999, 30_000, 30_001, 0, 1]);
    }

    #[test]
    fn no_datagram_is_longer_than_the_other_side_takes_but_for_its_own_packet() {
        for most in [72, 200, 400, 640] {
            let said = said(300, &FaxTerms { datagram_bytes_max: most, ..TERMS });
            for (n, datagram) in said.iter().enumerate() {
                let alone = packet(n as u16).len() + 6;
                assert!(datagram.len() <= usize::from(most).max(alone), "{n}: {}", datagram.len());
            }
            assert_eq!(heard(&said), whole(0..300));
        }
        let longest = Outbox::new(&TERMS).datagram(&[7; PACKET_BYTES_MAX]);
        assert_eq!(parse(&longest), Ok(SeqNo(0)));
    }

    #[test]
    fn a_datagram_of_hundreds_of_packets_brings_no_more_than_gateways_repeat() {
        let crowd = [&[7_u8][..]; 100];
        let mut inbox = Inbox::default();
        let taken = inbox.take(&datagram(500, &[9], &crowd));
        assert_eq!(taken.len(), EARLIER_MAX + 1);
        assert_eq!(taken.first(), Some(&(SeqNo(484), vec![7])), "the newest of them");
        assert_eq!(inbox.take(&datagram(1_000, &[9], &crowd)).len(), EARLIER_MAX + 1);
        assert_eq!(inbox.take(&datagram(1_002, &[9], &crowd)).len(), 2, "or what was missed");
    }

    #[test]
    fn junk_parity_and_empty_entries_bring_nothing_that_was_not_said() {
        let mut inbox = Inbox::default();
        let junk: [&[u8]; 4] = [&[], &[0, 1], b"\x80\x08\0\x01rtp", &[0, 1, 1, 6, 0, 9, 1]];
        for datagram in junk {
            assert!(inbox.take(datagram).is_empty(), "{datagram:?}");
        }
        let parity = [0, 3, 1, 6, 0x80, 1, 3, 1, 2, 0xEE, 0xEE];
        assert_eq!(inbox.take(&parity), [(SeqNo(3), vec![6])], "none of it is a packet");
        assert_eq!(
            inbox.take(&datagram(6, &[8], &[&[], &[4]])),
            [(SeqNo(4), vec![4]), (SeqNo(6), vec![8])]
        );
    }
}
