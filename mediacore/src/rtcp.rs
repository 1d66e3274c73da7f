//! RTCP: sender and receiver reports, CNAME and BYE written; any bytes read, RFC 3550 §6. Extended
//! reports have their own file, [`xr`].
//!
//! Promise: a short, overlong or inconsistent compound (AST-2017-008) ends the reading at the
//! first packet that does not fit and changes nothing else.

pub mod xr;

use crate::stats::Block;
use terms::media::{RtpTime, Ssrc, VoipMetrics};
use terms::{Moment, Timestamp};

const SENDER: u8 = 200;
const RECEIVER: u8 = 201;
const DESCRIPTION: u8 = 202;
const GOODBYE: u8 = 203;
const CNAME: u8 = 1;
/// Bytes a compound of ours needs at most.
pub const COMPOUND_MAX: usize = 256;
/// Bytes of a CNAME at most, so that a compound fits.
pub const CNAME_MAX: usize = 64;
/// Seconds from 1900 to 1970.
const NTP_EPOCH_SECS: i64 = 2_208_988_800;

/// Wall clock as RTCP carries it: seconds since 1900 and their fraction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ntp(pub u64);

impl Ntp {
    /// From the wall clock at `Moment(0)` and a moment.
    pub fn at(epoch: Timestamp, now: Moment) -> Self {
        let micros = i128::from(epoch.0) + i128::from(now.0 / 1_000);
        let micros = (micros + i128::from(NTP_EPOCH_SECS) * 1_000_000).max(0) as u128;
        let secs = (micros / 1_000_000) as u64;
        let fraction = ((micros % 1_000_000) << 32) / 1_000_000;
        Ntp(secs << 32 | fraction as u64)
    }
    /// The middle 32 bits, in 65,536ths of a second.
    pub fn middle(self) -> u32 {
        (self.0 >> 16) as u32
    }
}

/// What a report of ours says about our sending.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sending {
    /// Now by the wall clock.
    pub ntp: Ntp,
    /// Now in the stream's ticks.
    pub time: RtpTime,
    /// Packets sent.
    pub packets: u64,
    /// Octets of payload sent.
    pub octets: u64,
}

/// When their last sender report came, for their round trip.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LastReport {
    /// Middle of its NTP time.
    pub middle: u32,
    /// When it reached us.
    pub heard_at: Moment,
}

/// A compound to write.
#[derive(Clone, Copy, Debug)]
pub struct Compound<'a> {
    /// Our source.
    pub ssrc: Ssrc,
    /// Where we send.
    pub sending: Option<Sending>,
    /// What we receive.
    pub block: Option<Block>,
    /// Their last report.
    pub last: Option<LastReport>,
    /// Our name.
    pub cname: &'a str,
    /// Extended reports, where there is something in them.
    pub extended: xr::Extended,
    /// The stream ends.
    pub bye: bool,
}

impl<'a> Compound<'a> {
    /// A report about nothing.
    pub fn empty(ssrc: Ssrc, cname: &'a str) -> Self {
        let extended = xr::Extended::default();
        Compound { ssrc, sending: None, block: None, last: None, cname, extended, bye: false }
    }
}

struct Writer<'a> {
    out: &'a mut [u8],
    len: usize,
}

impl Writer<'_> {
    fn put(&mut self, bytes: &[u8]) {
        self.out[self.len..self.len + bytes.len()].copy_from_slice(bytes);
        self.len += bytes.len();
    }
    fn put_u32(&mut self, value: u32) {
        self.put(&value.to_be_bytes());
    }
    fn packet(&mut self, kind: u8, count: u8, body: impl FnOnce(&mut Self)) {
        let start = self.len;
        self.put(&[0x80 | count, kind, 0, 0]);
        body(self);
        let words = ((self.len - start) / 4 - 1) as u16;
        self.out[start + 2..start + 4].copy_from_slice(&words.to_be_bytes());
    }
}

/// Writes a compound into `out` ([`COMPOUND_MAX`] bytes) and says how long it is.
pub fn write(compound: &Compound, now: Moment, out: &mut [u8; COMPOUND_MAX]) -> usize {
    let mut writer = Writer { out, len: 0 };
    let blocks = u8::from(compound.block.is_some());
    let kind = if compound.sending.is_some() { SENDER } else { RECEIVER };
    writer.packet(kind, blocks, |writer| {
        writer.put_u32(compound.ssrc.0);
        if let Some(sending) = &compound.sending {
            writer.put(&sending.ntp.0.to_be_bytes());
            writer.put_u32(sending.time.0);
            writer.put_u32(sending.packets as u32);
            writer.put_u32(sending.octets as u32);
        }
        if let Some(block) = &compound.block {
            write_block(writer, block, compound.last, now);
        }
    });
    let name = compound.cname.as_bytes();
    let name = &name[..name.len().min(CNAME_MAX)];
    writer.packet(DESCRIPTION, 1, |writer| {
        writer.put_u32(compound.ssrc.0);
        writer.put(&[CNAME, name.len() as u8]);
        writer.put(name);
        // At least one zero ends the list, then up to the next word (§6.5).
        let padding = 4 - (2 + name.len()) % 4;
        writer.put(&[0; 4][..padding]);
    });
    if !compound.extended.is_empty() {
        xr::write(&mut writer, compound.ssrc, &compound.extended, now);
    }
    if compound.bye {
        writer.packet(GOODBYE, 1, |writer| writer.put_u32(compound.ssrc.0));
    }
    writer.len
}

fn write_block(writer: &mut Writer, block: &Block, last: Option<LastReport>, now: Moment) {
    writer.put_u32(block.ssrc.0);
    let lost = (block.lost as u32) & 0xFF_FFFF;
    writer.put_u32(u32::from(block.fraction_lost) << 24 | lost);
    writer.put_u32(block.highest_seq);
    writer.put_u32(block.jitter);
    writer.put_u32(last.map_or(0, |last| last.middle));
    writer.put_u32(last.map_or(0, |last| since_units(last, now)));
}

/// 65,536ths of a second since a report of theirs came.
fn since_units(last: LastReport, now: Moment) -> u32 {
    (((now - last.heard_at).as_micros() << 16) / 1_000_000) as u32
}

/// What a peer's report says about our stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Heard {
    /// Whose stream.
    pub about: Ssrc,
    /// Lost since their last report, in 256ths.
    pub fraction_lost: u8,
    /// Lost since the beginning; below zero when more came than were sent.
    pub lost: i32,
    /// Jitter in ticks.
    pub jitter: u32,
    /// Middle of our last sender report.
    pub last: u32,
    /// 65,536ths of a second since it reached them.
    pub since: u32,
}

/// One thing a compound said.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Item {
    /// A sender report with the middle of its NTP time.
    SenderReport {
        /// Who.
        ssrc: Ssrc,
        /// Middle of the NTP time.
        middle: u32,
    },
    /// A block of a report.
    Block(Heard),
    /// The stream of this source ends.
    Goodbye(Ssrc),
    /// A receiver's clock, for an answer that tells it its round trip.
    ReceiverTime {
        /// Whose.
        ssrc: Ssrc,
        /// Middle of the NTP time.
        middle: u32,
    },
    /// An answer to our own receiver time.
    ReceiverRoundTrip {
        /// To whom.
        about: Ssrc,
        /// Middle of the time that it answers.
        last: u32,
        /// 65,536ths of a second since it reached them.
        since: u32,
    },
    /// How they hear a stream.
    Voip(Ssrc, VoipMetrics),
}

/// Why a compound was not read to its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Malformed {
    /// Shorter than a header or than its counts say.
    #[error("shorter than its header says")]
    TooShort,
    /// Version is not 2.
    #[error("the version is not 2")]
    Version,
    /// Does not begin with a report.
    #[error("does not begin with a sender or receiver report")]
    NoReport,
    /// An extended report's block of a known kind is longer or shorter than its kind.
    #[error("a block is not as long as its kind")]
    BlockLength,
    /// An extended report has more than [`xr::BLOCKS_MAX`] blocks.
    #[error("an extended report has too many blocks")]
    TooManyBlocks,
}

/// Reads a compound; `on_item` gets what it says about sources.
pub fn parse(mut bytes: &[u8], mut on_item: impl FnMut(Item)) -> Result<(), Malformed> {
    let mut first = true;
    while !bytes.is_empty() {
        let &[flags, kind, high, low, ..] = bytes else { return Err(Malformed::TooShort) };
        if flags >> 6 != 2 {
            return Err(Malformed::Version);
        }
        if first && kind != SENDER && kind != RECEIVER {
            return Err(Malformed::NoReport);
        }
        first = false;
        let len = (usize::from(u16::from_be_bytes([high, low])) + 1) * 4;
        let (packet, rest) = bytes.split_at_checked(len).ok_or(Malformed::TooShort)?;
        let (body, count) = (unpadded(flags, packet)?, usize::from(flags & 0x1F));
        match kind {
            SENDER => {
                let (ssrc, middle) = (word(body, 0)?, word(body, 4)? << 16 | word(body, 8)? >> 16);
                on_item(Item::SenderReport { ssrc: Ssrc(ssrc), middle });
                parse_blocks(body.get(24..).ok_or(Malformed::TooShort)?, count, &mut on_item)?;
            }
            RECEIVER => {
                parse_blocks(body.get(4..).ok_or(Malformed::TooShort)?, count, &mut on_item)?;
            }
            GOODBYE => {
                for n in 0..count {
                    on_item(Item::Goodbye(Ssrc(word(body, n * 4)?)));
                }
            }
            xr::EXTENDED => xr::parse(body, &mut on_item)?,
            _ => {}
        }
        bytes = rest;
    }
    if first { Err(Malformed::TooShort) } else { Ok(()) }
}

/// What stands between a packet's first word and its padding, whose last byte counts it (§6.4.1).
fn unpadded(flags: u8, packet: &[u8]) -> Result<&[u8], Malformed> {
    let padding = if flags & 0x20 == 0 { 0 } else { usize::from(packet[packet.len() - 1]) };
    packet.len().checked_sub(padding).and_then(|end| packet.get(4..end)).ok_or(Malformed::TooShort)
}

fn word(bytes: &[u8], at: usize) -> Result<u32, Malformed> {
    let word = bytes.get(at..at + 4).ok_or(Malformed::TooShort)?;
    Ok(u32::from_be_bytes(word.try_into().expect("four bytes were taken")))
}

fn parse_blocks(
    bytes: &[u8],
    count: usize,
    on_item: &mut impl FnMut(Item),
) -> Result<(), Malformed> {
    for n in 0..count {
        let block = bytes.get(n * 24..n * 24 + 24).ok_or(Malformed::TooShort)?;
        on_item(Item::Block(Heard {
            about: Ssrc(word(block, 0)?),
            fraction_lost: block[4],
            // 24 bits with a sign.
            lost: (word(block, 4)? << 8) as i32 >> 8,
            jitter: word(block, 12)?,
            last: word(block, 16)?,
            since: word(block, 20)?,
        }));
    }
    Ok(())
}

/// Round trip in microseconds, RFC 3550 §6.4.1 and RFC 3611 §4.5: from the middle of a time of ours
/// that they got, and 65,536ths of a second since then. `None` before they got one, and when the
/// numbers cannot be true.
pub fn round_trip_us(now: Ntp, last: u32, since: u32) -> Option<u32> {
    if last == 0 {
        return None;
    }
    let units = now.middle().wrapping_sub(last).wrapping_sub(since);
    // More than a minute is a wrong clock.
    (units < 60 << 16).then(|| ((u64::from(units) * 1_000_000) >> 16) as u32)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn compound(bye: bool) -> Compound<'static> {
        Compound {
            ssrc: Ssrc(0x0102_0304),
            sending: Some(Sending {
                ntp: Ntp::at(Timestamp::from_secs(1_700_000_000), Moment::from_millis(500)),
                time: RtpTime(77),
                packets: 10,
                octets: 1_600,
            }),
            block: Some(Block {
                ssrc: Ssrc(9),
                fraction_lost: 64,
                lost: -2,
                highest_seq: 70_000,
                jitter: 12,
            }),
            last: Some(LastReport { middle: 5, heard_at: Moment::from_millis(0) }),
            cname: "box@switchgrid",
            extended: xr::Extended::default(),
            bye,
        }
    }

    #[test]
    fn a_written_compound_reads_back() {
        let mut out = [0; COMPOUND_MAX];
        let len = write(&compound(true), Moment::from_millis(500), &mut out);
        assert_eq!(len % 4, 0);
        let mut items = Vec::new();
        parse(&out[..len], |item| items.push(item)).unwrap();
        assert_eq!(items.len(), 3);
        assert!(matches!(items[0], Item::SenderReport { ssrc: Ssrc(0x0102_0304), .. }));
        let Item::Block(heard) = items[1] else { panic!("a block was written") };
        assert_eq!((heard.about, heard.fraction_lost, heard.since), (Ssrc(9), 64, 32_768));
        assert_eq!(heard.lost, -2);
        assert_eq!(items[2], Item::Goodbye(Ssrc(0x0102_0304)));
    }

    #[test]
    fn every_cname_length_fits_and_stays_aligned() {
        for n in 0..100 {
            let name = "n".repeat(n);
            let mut out = [0; COMPOUND_MAX];
            let len = write(&Compound { cname: &name, ..compound(true) }, Moment(0), &mut out);
            assert_eq!(len % 4, 0);
            assert_eq!(parse(&out[..len], |_| {}), Ok(()));
        }
    }

    #[test]
    fn truncated_and_lying_compounds_are_refused() {
        let mut out = [0; COMPOUND_MAX];
        let len = write(&compound(false), Moment(0), &mut out);
        for cut in 0..len {
            let cut_at_a_packet = cut == 52;
            assert_eq!(parse(&out[..cut], |_| {}).is_ok(), cut_at_a_packet, "cut at {cut}");
        }
        out[0] |= 0x1F;
        assert_eq!(parse(&out[..len], |_| {}), Err(Malformed::TooShort));
        assert_eq!(parse(&[0x80, 203, 0, 0], |_| {}), Err(Malformed::NoReport));
    }

    #[test]
    fn the_round_trip_is_what_neither_side_spent() {
        let epoch = Timestamp::from_secs(1_700_000_000);
        let sent = Ntp::at(epoch, Moment::from_millis(1_000)).middle();
        let now = Ntp::at(epoch, Moment::from_millis(1_150));
        let round_trip = round_trip_us(now, sent, 65_536 / 10).unwrap();
        assert!((49_900..50_100).contains(&round_trip), "{round_trip}");
        assert_eq!(round_trip_us(now, 0, 65_536 / 10), None);
        assert_eq!(round_trip_us(now, sent, 1 << 30), None);
    }
}
