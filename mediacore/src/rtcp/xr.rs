//! Extended reports, RTCP XR, RFC 3611: VoIP Metrics (§4.7), Receiver Reference Time (§4.4) and
//! DLRR (§4.5), written where the peer asked for them and read wherever they come.
//!
//! ```text
//!  0       1       2       3
//!  ┌───────┬───────┬───────────────┐
//!  │ V P 0 │  207  │ words - 1     │  the packet, §2; then the SSRC of who reports
//!  ├───────┼───────┼───────────────┤
//!  │ BT    │  -    │ words - 1     │  each block, §3; a kind that is not known is passed over
//!  └───────┴───────┴───────────────┘
//! ```

use super::{Item, LastReport, Malformed, Ntp, Writer, since_units, word};
use terms::Moment;
use terms::media::{Ssrc, VoipMetrics};

/// Packet type.
pub(super) const EXTENDED: u8 = 207;
/// Blocks of one packet that are read; a packet with more is refused.
pub const BLOCKS_MAX: usize = 32;
const RECEIVER_TIME: u8 = 4;
const DLRR: u8 = 5;
const VOIP: u8 = 7;
/// Words of a block after its first.
const RECEIVER_TIME_WORDS: usize = 2;
const DLRR_WORDS: usize = 3;
const VOIP_WORDS: usize = 8;
/// A figure that is not measured.
const UNAVAILABLE: u8 = 127;
/// §4.7.6, RX config: standard concealment, an adaptive jitter buffer, its rate not told.
const RX_CONFIG: u8 = 0b1111_0000;
/// Gmin of our bursts.
const GAP_MIN: u8 = crate::burst::HEARD_MIN as u8;

/// What an extended report of ours says.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Extended {
    /// Now by the wall clock, so that they can tell us our round trip.
    pub receiver_time: Option<Ntp>,
    /// The newest receiver time of theirs, for their round trip.
    pub answer: Option<(Ssrc, LastReport)>,
    /// How we hear their stream.
    pub voip: Option<(Ssrc, VoipMetrics)>,
}

impl Extended {
    /// Nothing to say.
    pub fn is_empty(&self) -> bool {
        *self == Extended::default()
    }
}

pub(super) fn write(writer: &mut Writer, ssrc: Ssrc, extended: &Extended, now: Moment) {
    writer.packet(EXTENDED, 0, |writer| {
        writer.put_u32(ssrc.0);
        if let Some(time) = extended.receiver_time {
            writer.put(&[RECEIVER_TIME, 0, 0, RECEIVER_TIME_WORDS as u8]);
            writer.put(&time.0.to_be_bytes());
        }
        if let Some((about, last)) = extended.answer {
            writer.put(&[DLRR, 0, 0, DLRR_WORDS as u8]);
            writer.put_u32(about.0);
            writer.put_u32(last.middle);
            writer.put_u32(since_units(last, now));
        }
        if let Some((about, voip)) = &extended.voip {
            write_voip(writer, *about, voip);
        }
    });
}

fn write_voip(writer: &mut Writer, about: Ssrc, voip: &VoipMetrics) {
    let known = |figure: Option<u8>| figure.unwrap_or(UNAVAILABLE);
    writer.put(&[VOIP, 0, 0, VOIP_WORDS as u8]);
    writer.put_u32(about.0);
    writer.put(&[voip.loss_rate, voip.discard_rate, voip.burst_density, voip.gap_density]);
    writer.put(&voip.burst_ms.to_be_bytes());
    writer.put(&voip.gap_ms.to_be_bytes());
    writer.put(&voip.round_trip_ms.to_be_bytes());
    writer.put(&voip.end_system_ms.to_be_bytes());
    // Signal level, noise level and echo return loss are not measured.
    writer.put(&[UNAVAILABLE, UNAVAILABLE, UNAVAILABLE, GAP_MIN]);
    // The second R is that of a network beyond us.
    writer.put(&[known(voip.r_factor), UNAVAILABLE, known(voip.mos_lq), known(voip.mos_cq)]);
    writer.put(&[RX_CONFIG, 0]);
    let (nominal, maximum) = voip.jitter_buffer_ms;
    writer.put(&nominal.to_be_bytes());
    writer.put(&maximum.to_be_bytes());
    writer.put(&maximum.to_be_bytes());
}

/// Reads what follows the first word of an extended report.
pub(super) fn parse(body: &[u8], on_item: &mut impl FnMut(Item)) -> Result<(), Malformed> {
    let reporter = Ssrc(word(body, 0)?);
    let mut rest = &body[4..];
    for _ in 0..BLOCKS_MAX {
        let &[kind, _, high, low, ..] = rest else {
            return if rest.is_empty() { Ok(()) } else { Err(Malformed::TooShort) };
        };
        let words = usize::from(u16::from_be_bytes([high, low]));
        let (block, after) = rest.split_at_checked((words + 1) * 4).ok_or(Malformed::TooShort)?;
        parse_block(reporter, kind, &block[4..], on_item)?;
        rest = after;
    }
    if rest.is_empty() { Ok(()) } else { Err(Malformed::TooManyBlocks) }
}

fn parse_block(
    reporter: Ssrc,
    kind: u8,
    block: &[u8],
    on_item: &mut impl FnMut(Item),
) -> Result<(), Malformed> {
    let words = block.len() / 4;
    match kind {
        RECEIVER_TIME if words == RECEIVER_TIME_WORDS => {
            let middle = word(block, 0)? << 16 | word(block, 4)? >> 16;
            on_item(Item::ReceiverTime { ssrc: reporter, middle });
        }
        DLRR if words.is_multiple_of(DLRR_WORDS) => {
            for part in block.chunks_exact(DLRR_WORDS * 4) {
                let about = Ssrc(word(part, 0)?);
                let (last, since) = (word(part, 4)?, word(part, 8)?);
                on_item(Item::ReceiverRoundTrip { about, last, since });
            }
        }
        VOIP if words == VOIP_WORDS => {
            on_item(Item::Voip(Ssrc(word(block, 0)?), parse_voip(&block[4..])));
        }
        RECEIVER_TIME | DLRR | VOIP => return Err(Malformed::BlockLength),
        _ => {}
    }
    Ok(())
}

/// Reads the figures, 28 bytes. One outside its range is not available: it would not mean anything.
fn parse_voip(bytes: &[u8]) -> VoipMetrics {
    let half = |at: usize| u16::from_be_bytes([bytes[at], bytes[at + 1]]);
    let within = |at: usize, least: u8, most: u8| {
        Some(bytes[at]).filter(|figure| (least..=most).contains(figure))
    };
    VoipMetrics {
        loss_rate: bytes[0],
        discard_rate: bytes[1],
        burst_density: bytes[2],
        gap_density: bytes[3],
        burst_ms: half(4),
        gap_ms: half(6),
        round_trip_ms: half(8),
        end_system_ms: half(10),
        r_factor: within(16, 0, 100),
        mos_lq: within(18, 10, 50),
        mos_cq: within(19, 10, 50),
        jitter_buffer_ms: (half(22), half(24)),
    }
}

#[cfg(test)]
mod tests {
    use super::super::{self as rtcp, COMPOUND_MAX, Compound};
    use super::*;

    const VOIP_FIGURES: VoipMetrics = VoipMetrics {
        loss_rate: 3,
        discard_rate: 1,
        burst_density: 128,
        gap_density: 2,
        burst_ms: 100,
        gap_ms: 9_900,
        round_trip_ms: 80,
        end_system_ms: 60,
        r_factor: Some(82),
        mos_lq: Some(42),
        mos_cq: None,
        jitter_buffer_ms: (40, 60),
    };

    fn extended() -> Extended {
        let last = LastReport { middle: 0x0506_0708, heard_at: Moment::from_millis(0) };
        Extended {
            receiver_time: Some(Ntp(0x0102_0304_0506_0708)),
            answer: Some((Ssrc(0xAA), last)),
            voip: Some((Ssrc(0xBB), VOIP_FIGURES)),
        }
    }

    fn written(extended: Extended) -> Vec<u8> {
        let mut out = [0; COMPOUND_MAX];
        let compound = Compound { extended, ..Compound::empty(Ssrc(7), "box") };
        let len = rtcp::write(&compound, Moment::from_millis(500), &mut out);
        out[..len].to_vec()
    }

    /// The extended report of a compound of ours: after the report (8 bytes) and the name (16).
    fn xr(compound: &[u8]) -> &[u8] {
        &compound[24..]
    }

    #[test]
    fn the_layout_is_that_of_the_rfc() {
        let compound = written(extended());
        let expected: Vec<u8> = [
            &[0x80, 207, 0, 17][..],
            &[0, 0, 0, 7],
            &[4, 0, 0, 2, 1, 2, 3, 4, 5, 6, 7, 8],
            &[5, 0, 0, 3, 0, 0, 0, 0xAA, 5, 6, 7, 8, 0, 0, 0x80, 0],
            &[7, 0, 0, 8, 0, 0, 0, 0xBB, 3, 1, 128, 2, 0, 100, 0x26, 0xAC, 0, 80, 0, 60],
            &[127, 127, 127, 16, 82, 127, 42, 127, 0xF0, 0, 0, 40, 0, 60, 0, 60],
        ]
        .concat();
        assert_eq!(xr(&compound), expected);
    }

    #[test]
    fn what_is_written_reads_back() {
        let mut items = Vec::new();
        rtcp::parse(&written(extended()), |item| items.push(item)).unwrap();
        let (last, since) = (0x0506_0708, 32_768);
        let expected = [
            Item::ReceiverTime { ssrc: Ssrc(7), middle: 0x0304_0506 },
            Item::ReceiverRoundTrip { about: Ssrc(0xAA), last, since },
            Item::Voip(Ssrc(0xBB), VOIP_FIGURES),
        ];
        assert_eq!(items, expected);
    }

    #[test]
    fn every_cut_and_every_wrong_length_is_refused() {
        let compound = written(extended());
        for cut in 25..compound.len() {
            assert!(rtcp::parse(&compound[..cut], |_| {}).is_err(), "cut at {cut}");
        }
        // The lengths of the three blocks, and that of the packet.
        for (at, wrongs) in [(35, [0, 1, 3, 255]), (47, [1, 2, 4, 255]), (63, [0, 7, 9, 255])] {
            for wrong in wrongs {
                let mut lying = compound.clone();
                lying[at] = wrong;
                assert!(rtcp::parse(&lying, |_| {}).is_err(), "{wrong} words at {at}");
            }
        }
    }

    #[test]
    fn figures_outside_their_range_are_not_available() {
        let mut compound = written(extended());
        let len = compound.len();
        // R 101, MOS 9 and 51: none of them means anything.
        (compound[len - 12], compound[len - 10], compound[len - 9]) = (101, 9, 51);
        let mut read = None;
        let on_item = |item| {
            if let Item::Voip(_, voip) = item {
                read = Some(voip)
            }
        };
        rtcp::parse(&compound, on_item).unwrap();
        let expected = VoipMetrics { r_factor: None, mos_lq: None, mos_cq: None, ..VOIP_FIGURES };
        assert_eq!(read, Some(expected));
    }

    #[test]
    fn unknown_blocks_are_passed_over_and_too_many_are_refused() {
        let report = [0x80, 201, 0, 1, 0, 0, 0, 7];
        let with = |blocks: usize| {
            let mut bytes = report.to_vec();
            bytes.extend([0x80, 207, 0, (1 + blocks) as u8, 0, 0, 0, 7]);
            bytes.extend([99, 0, 0, 0].repeat(blocks));
            bytes
        };
        assert_eq!(rtcp::parse(&with(BLOCKS_MAX), |_| {}), Ok(()));
        assert_eq!(rtcp::parse(&with(BLOCKS_MAX + 1), |_| {}), Err(Malformed::TooManyBlocks));
    }

    #[test]
    fn padding_is_no_block() {
        let mut padded = vec![0x80, 201, 0, 1, 0, 0, 0, 7];
        padded.extend([0xA0, 207, 0, 3, 0, 0, 0, 7, 0, 0, 0, 0, 0, 0, 0, 8]);
        assert_eq!(rtcp::parse(&padded, |_| panic!("nothing is said")), Ok(()));
        *padded.last_mut().unwrap() = 200;
        assert_eq!(rtcp::parse(&padded, |_| {}), Err(Malformed::TooShort));
    }
}
