//! The RTP header, RFC 3550 §5.1: read through `rtp-rs`, written and rewritten in place.
//!
//! Promise: any bytes may come in; what is malformed is named and nothing panics. A rewritten
//! packet carries a plain twelve-byte header directly before its payload, so that contributing
//! sources, extensions and padding of one side never reach the other.

use rtp_rs::{RtpReader, RtpReaderError};
use std::ops::Range;
use terms::media::{PayloadType, RtpTime, SeqNo, Ssrc};

/// Bytes of a header without contributing sources or extension.
pub const HEADER_BYTES: usize = 12;

/// The fields of a header that we use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Header {
    /// What the payload is.
    pub payload_type: PayloadType,
    /// First packet of a talk spurt or of an event.
    pub marker: bool,
    /// Order.
    pub seq: SeqNo,
    /// Place in the audio.
    pub time: RtpTime,
    /// Who sends.
    pub ssrc: Ssrc,
}

/// A well-formed packet: its header and where its payload lies in the datagram.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Packet {
    /// The header.
    pub header: Header,
    start: usize,
    end: usize,
}

impl Packet {
    /// Where the payload lies, without padding.
    pub fn payload(&self) -> Range<usize> {
        self.start..self.end
    }
    /// Bytes of payload.
    pub fn payload_len(&self) -> usize {
        self.end - self.start
    }
}

/// Why a datagram is not RTP.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Malformed {
    /// Fewer than twelve bytes.
    #[error("shorter than the twelve bytes of a header")]
    TooShort,
    /// Version is not 2.
    #[error("the version is not 2")]
    Version,
    /// Contributing sources or extension reach beyond the end.
    #[error("the header reaches beyond the datagram")]
    Truncated,
    /// Padding longer than the payload, or of length zero.
    #[error("the padding is longer than the payload")]
    Padding,
}

/// Reads a datagram.
pub fn parse(bytes: &[u8]) -> Result<Packet, Malformed> {
    let reader = RtpReader::new(bytes).map_err(|error| match error {
        RtpReaderError::BufferTooShort(_) => Malformed::TooShort,
        RtpReaderError::UnsupportedVersion(_) => Malformed::Version,
        RtpReaderError::HeadersTruncated { .. } => Malformed::Truncated,
        RtpReaderError::PaddingLengthInvalid(_) => Malformed::Padding,
    })?;
    let start = reader.payload_offset();
    Ok(Packet {
        header: Header {
            payload_type: PayloadType(reader.payload_type()),
            marker: reader.mark(),
            seq: SeqNo(reader.sequence_number().into()),
            time: RtpTime(reader.timestamp()),
            ssrc: Ssrc(reader.ssrc()),
        },
        start,
        end: start + reader.payload().len(),
    })
}

/// Writes a plain header into the first twelve bytes of `out`.
///
/// # Panics
/// When `out` is shorter than [`HEADER_BYTES`]: every frame buffer has room for its header.
pub fn write(header: &Header, out: &mut [u8]) {
    out[0] = 0x80;
    out[1] = u8::from(header.marker) << 7 | (header.payload_type.0 & 0x7F);
    out[2..4].copy_from_slice(&header.seq.0.to_be_bytes());
    out[4..8].copy_from_slice(&header.time.0.to_be_bytes());
    out[8..12].copy_from_slice(&header.ssrc.0.to_be_bytes());
}

/// Puts `header` directly before the payload of `packet` in its own buffer, and says which bytes
/// are now the packet.
pub fn rewrite(bytes: &mut [u8], packet: &Packet, header: &Header) -> Range<usize> {
    let range = packet.start - HEADER_BYTES..packet.end;
    write(header, &mut bytes[range.clone()]);
    range
}

#[cfg(test)]
mod tests {
    use super::*;

    fn header(seq: u16) -> Header {
        Header {
            payload_type: PayloadType(8),
            marker: true,
            seq: SeqNo(seq),
            time: RtpTime(0xFFFF_FF60),
            ssrc: Ssrc(0xDEAD_BEEF),
        }
    }

    #[test]
    fn a_written_header_reads_back() {
        let mut bytes = [0x55; 172];
        for seq in [0, 32_767, 65_535] {
            write(&header(seq), &mut bytes);
            let packet = parse(&bytes).unwrap();
            assert_eq!(packet.header, header(seq));
            assert_eq!(packet.payload(), 12..172);
        }
    }

    #[test]
    fn a_rewritten_packet_loses_sources_extension_and_padding() {
        // Two contributing sources, an extension of one word, 4 bytes of audio, 2 of padding.
        let mut bytes = vec![0xB2, 8, 0, 1, 0, 0, 0, 0, 0, 0, 0, 9];
        bytes.extend([1, 1, 1, 1, 2, 2, 2, 2, 0xBE, 0xDE, 0, 1, 9, 9, 9, 9]);
        bytes.extend([0xA0, 0xA1, 0xA2, 0xA3, 0, 2]);
        let packet = parse(&bytes).unwrap();
        assert_eq!(&bytes[packet.payload()], [0xA0, 0xA1, 0xA2, 0xA3]);

        let range = rewrite(&mut bytes, &packet, &header(7));
        let sent = parse(&bytes[range.clone()]).unwrap();
        assert_eq!(sent.header, header(7));
        assert_eq!(range.len(), 16);
        assert_eq!(&bytes[range][12..], [0xA0, 0xA1, 0xA2, 0xA3]);
    }

    #[test]
    fn malformed_packets_are_named() {
        assert_eq!(parse(&[0x80; 11]), Err(Malformed::TooShort));
        assert_eq!(parse(&[0x40; 12]), Err(Malformed::Version));
        assert_eq!(parse(&[0x8F; 40]), Err(Malformed::Truncated));
        let mut extension = [0_u8; 16];
        extension[0] = 0x90;
        extension[14..].copy_from_slice(&[0xFF, 0xFF]);
        assert_eq!(parse(&extension), Err(Malformed::Truncated));
        let mut padded = [0_u8; 14];
        padded[0] = 0xA0;
        padded[13] = 200;
        assert_eq!(parse(&padded), Err(Malformed::Padding));
    }
}
