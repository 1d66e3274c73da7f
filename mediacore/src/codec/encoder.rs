//! What a leg hears, samples to payloads.

use super::g711::{self, Law};
use super::{Rate, g722, g729_payload, l16, opus};
use std::fmt;
use terms::media::{Codec, Wishes};

enum Kind {
    Law(Law),
    Linear,
    G722(Box<g722::Encoder>),
    Opus(Box<opus::Encoder>),
    G729(Box<g729_payload::Encoder>),
}

/// What became of samples.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Encoded {
    /// A payload to send.
    Packet,
    /// Nothing need be sent: nobody speaks and the peer wished not to hear it.
    Rest,
}

/// One direction of a leg.
pub struct Encoder {
    codec: Codec,
    kind: Kind,
}

impl fmt::Debug for Encoder {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        write!(f, "Encoder({:?})", self.codec)
    }
}

impl Encoder {
    /// An encoder that said nothing yet and does what the peer wished.
    pub fn new(codec: Codec, wishes: Wishes) -> Self {
        let kind = match codec {
            Codec::Pcma => Kind::Law(Law::A),
            Codec::Pcmu => Kind::Law(Law::Mu),
            Codec::L16 | Codec::L16Narrow => Kind::Linear,
            Codec::G722 => Kind::G722(Box::default()),
            Codec::Opus => Kind::Opus(Box::new(opus::Encoder::new(wishes))),
            Codec::G729 => Kind::G729(Box::default()),
        };
        Encoder { codec, kind }
    }

    /// What it encodes.
    pub fn codec(&self) -> Codec {
        self.codec
    }

    /// Samples that it takes in a second.
    pub fn rate(&self) -> Rate {
        Rate::of(self.codec)
    }

    /// Appends the payload of one packet time, as [`super::ptime_ms`] allows it.
    pub fn encode(&mut self, samples: &[i16], out: &mut Vec<u8>) -> Encoded {
        match &mut self.kind {
            Kind::Law(law) => out.extend(samples.iter().map(|&sample| g711::encode(*law, sample))),
            Kind::Linear => l16::encode(samples, out),
            Kind::G722(g722) => g722.encode(samples, out),
            Kind::G729(g729) => g729.encode(samples, out),
            Kind::Opus(opus) => {
                if !opus.encode(samples, out) {
                    return Encoded::Rest;
                }
            }
        }
        Encoded::Packet
    }
}
