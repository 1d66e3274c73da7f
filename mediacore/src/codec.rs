//! Codecs: octets of a packet to samples and back, one file for each.
//!
//! [`Decoder`] and [`Encoder`] are all that the rest of the room sees: one of each for a leg, fed
//! in the order of the audio. They hold no clock and no socket, and whatever octets come in, samples
//! or an error come out. Samples are 16 bits, mono, at [`Rate`]: 8 kHz for telephone codecs, 16 kHz
//! for wideband ones. A lost packet is concealed by [`plc`] or by the codec itself.
//!
//! | codec | file | source | lost packets |
//! |---|---|---|---|
//! | PCMA, PCMU | [`g711`] | ITU-T G.711 | [`plc`] (G.711 Appendix I) |
//! | G.722 | [`g722`] | ITU-T G.722, 64 kbit/s | [`plc`] at 16 kHz |
//! | Opus | [`opus`] | RFC 6716, RFC 7587 | its own, and forward error correction |
//! | L16 | [`l16`] | RFC 3551 §4.5.11 | [`plc`] |
//! | G.729 | [`g729`], in packets [`g729_payload`] | ITU-T G.729, Annexes A and B | its own; a silence goes on |
//! | comfort noise | [`noise`] | RFC 3389 | goes on |
//!
//! "Adding a codec" in `docs/how-to` says what a new one needs.

mod decoder;
mod encoder;
pub mod g711;
pub mod g722;
pub mod g729;
pub mod g729_payload;
pub mod l16;
pub mod noise;
pub mod opus;
pub mod plc;
pub mod rate;
#[cfg(test)]
pub(crate) mod sound;

pub use decoder::{Decoder, Malformed};
pub use encoder::{Encoded, Encoder};
pub use g711::Law;
pub use rate::{Converter, Rate};

use terms::media::Codec;

/// Octets of the largest payload that we make or keep: a datagram with it fits an Ethernet frame.
pub const PAYLOAD_OCTETS_MAX: usize = 1_400;

/// Ticks of the codec's RTP clock that a payload lasts; zero when it is none of this codec.
pub fn ticks(codec: Codec, payload: &[u8]) -> u32 {
    let octets = payload.len() as u32;
    match codec {
        // G.722 has two samples and one tick in an octet (RFC 3551 §4.5.2).
        Codec::Pcmu | Codec::Pcma | Codec::G722 => octets,
        Codec::L16 | Codec::L16Narrow => octets / 2,
        Codec::Opus => opus::ticks(payload),
        Codec::G729 => g729_payload::ticks(payload),
    }
}

/// Whether a payload that nobody decodes can be told in another codec by a table: the two laws.
pub fn relays(from: Codec, to: Codec) -> bool {
    from == to || from.is_g711() && to.is_g711()
}

/// The packet time that we make for an asked one: steps of 10 ms in 10–60, and only those that the
/// codec has. L16 keeps to what the receive buffers of a shard hold, 640 octets.
pub fn ptime_ms(codec: Codec, asked: u8) -> u8 {
    let tens = asked.clamp(10, 60) / 10 * 10;
    match codec {
        // Frames of Opus last 10, 20, 40 or 60 ms (RFC 7587 §4.2).
        Codec::Opus if tens == 30 => 20,
        Codec::Opus if tens == 50 => 40,
        Codec::L16 => tens.min(20),
        Codec::L16Narrow => tens.min(40),
        Codec::Opus | Codec::Pcmu | Codec::Pcma | Codec::G722 | Codec::G729 => tens,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_packet_time_lasts_as_long_as_it_says_and_fits_a_datagram() {
        for codec in Codec::ALL {
            for asked in 0..=255 {
                let ms = ptime_ms(codec, asked);
                let samples = vec![500; Rate::of(codec).samples(u32::from(ms))];
                let mut payload = Vec::new();
                let mut encoder = Encoder::new(codec, terms::media::Wishes::default());
                assert_eq!(encoder.encode(&samples, &mut payload), Encoded::Packet);
                assert!(payload.len() <= PAYLOAD_OCTETS_MAX, "{codec:?} {ms} ms");
                let ticks = ticks(codec, &payload);
                assert_eq!(ticks, u32::from(ms) * codec.clock_hz() / 1_000, "{codec:?} {ms} ms");
            }
        }
    }
}
