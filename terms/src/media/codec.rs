//! What a leg can speak, and how the wire calls it: names, numbers and clocks.

use super::PayloadType;
use serde::{Deserialize, Serialize};

/// An audio codec that a leg can speak.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Codec {
    /// G.711 µ-law, static payload type 0.
    #[serde(rename = "PCMU")]
    Pcmu,
    /// G.711 A-law, static payload type 8.
    #[serde(rename = "PCMA")]
    Pcma,
    /// G.722 at 64 kbit/s, static payload type 9: samples at 16 kHz, but a clock of 8 kHz
    /// (RFC 3551 §4.5.2, a mistake that everybody keeps).
    G722,
    /// Opus, RFC 6716 and RFC 7587: a clock of 48 kHz whatever it carries.
    #[serde(rename = "opus")]
    Opus,
    /// Linear samples at 16 kHz, mono, RFC 3551 §4.5.11.
    L16,
    /// Linear samples at 8 kHz, mono.
    #[serde(rename = "L16/8000")]
    L16Narrow,
    /// G.729 at 8 kbit/s, with or without its Annexes A and B, static payload type 18
    /// (RFC 3551 §4.5.6).
    G729,
}

impl Codec {
    /// All of them, in the order that we prefer: what needs no resampling for the telephone
    /// network first, what sounds worst last.
    pub const ALL: [Codec; 7] = [
        Codec::Pcma,
        Codec::Pcmu,
        Codec::G722,
        Codec::Opus,
        Codec::L16,
        Codec::L16Narrow,
        Codec::G729,
    ];

    /// Ticks per second of the RTP clock.
    pub const fn clock_hz(self) -> u32 {
        match self {
            Codec::Pcmu | Codec::Pcma | Codec::G722 | Codec::L16Narrow | Codec::G729 => 8_000,
            Codec::L16 => 16_000,
            Codec::Opus => 48_000,
        }
    }
    /// Samples per second that we decode to and encode from. Opus is decoded at 16 kHz, a rate its
    /// decoder knows itself.
    pub const fn sample_hz(self) -> u32 {
        match self {
            Codec::Pcmu | Codec::Pcma | Codec::L16Narrow | Codec::G729 => 8_000,
            Codec::G722 | Codec::Opus | Codec::L16 => 16_000,
        }
    }
    /// The name in `a=rtpmap`.
    pub const fn name(self) -> &'static str {
        match self {
            Codec::Pcmu => "PCMU",
            Codec::Pcma => "PCMA",
            Codec::G722 => "G722",
            Codec::Opus => "opus",
            Codec::L16 | Codec::L16Narrow => "L16",
            Codec::G729 => "G729",
        }
    }
    /// The channels that `a=rtpmap` must say, where it must: RFC 7587 §7 wants 2 for Opus.
    pub const fn channels(self) -> u8 {
        match self {
            Codec::Opus => 2,
            Codec::Pcmu
            | Codec::Pcma
            | Codec::G722
            | Codec::L16
            | Codec::L16Narrow
            | Codec::G729 => 1,
        }
    }
    /// The number in our offers and in recordings: the static one of RFC 3551 §6 where there is
    /// one, else ours from the dynamic range.
    pub const fn payload_type(self) -> PayloadType {
        match self {
            Codec::Pcmu => PayloadType(0),
            Codec::Pcma => PayloadType(8),
            Codec::G722 => PayloadType(9),
            Codec::Opus => PayloadType(111),
            Codec::L16 => PayloadType(112),
            Codec::L16Narrow => PayloadType(113),
            Codec::G729 => PayloadType(18),
        }
    }
    /// The codec of a number of [`Codec::payload_type`].
    pub fn with_payload_type(number: PayloadType) -> Option<Codec> {
        Codec::ALL.into_iter().find(|codec| codec.payload_type() == number)
    }
    /// One of the two laws of G.711, which a table turns into each other.
    pub const fn is_g711(self) -> bool {
        matches!(self, Codec::Pcmu | Codec::Pcma)
    }
    /// More than telephone bandwidth.
    pub const fn is_wideband(self) -> bool {
        self.sample_hz() > 8_000
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_codec_has_a_number_and_a_clock_of_its_own_standard() {
        for codec in Codec::ALL {
            assert_eq!(Codec::with_payload_type(codec.payload_type()), Some(codec));
            assert_eq!(codec.is_wideband(), codec.sample_hz() == 16_000);
        }
        assert_eq!((Codec::G722.clock_hz(), Codec::G722.sample_hz()), (8_000, 16_000));
        assert_eq!(Codec::with_payload_type(PayloadType(18)), Some(Codec::G729));
        assert_eq!(Codec::with_payload_type(PayloadType(3)), None);
    }
}
