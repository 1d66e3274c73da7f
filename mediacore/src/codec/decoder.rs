//! What a leg says, payload by payload, as samples without holes.

use super::g711::{self, Law};
use super::plc::Plc;
use super::{Rate, g722, g729_payload, l16, opus};
use std::fmt;
use terms::media::Codec;

/// A payload that is none of its codec.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a payload of {octets} octets is not {}: it was left out", codec.name())]
pub struct Malformed {
    /// What it should have been.
    pub codec: Codec,
    /// How long it was.
    pub octets: usize,
}

enum Kind {
    Law(Law),
    Linear,
    G722(Box<g722::Decoder>),
    Opus(opus::Decoder),
    G729(Box<g729_payload::Decoder>),
}

/// One direction of a leg. Feed payloads in the order of the audio; call [`Decoder::conceal`] or
/// [`Decoder::recover`] where one is missing.
pub struct Decoder {
    codec: Codec,
    kind: Kind,
    /// Opus and G.729 conceal by themselves.
    plc: Option<Plc>,
}

impl fmt::Debug for Decoder {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        write!(f, "Decoder({:?})", self.codec)
    }
}

impl Decoder {
    /// A decoder that heard nothing yet.
    pub fn new(codec: Codec) -> Self {
        let kind = match codec {
            Codec::Pcma => Kind::Law(Law::A),
            Codec::Pcmu => Kind::Law(Law::Mu),
            Codec::L16 | Codec::L16Narrow => Kind::Linear,
            Codec::G722 => Kind::G722(Box::default()),
            Codec::Opus => Kind::Opus(opus::Decoder::default()),
            Codec::G729 => Kind::G729(Box::default()),
        };
        let conceals = matches!(kind, Kind::Opus(_) | Kind::G729(_));
        Decoder { codec, kind, plc: (!conceals).then(|| Plc::new(Rate::of(codec))) }
    }

    /// What it decodes.
    pub fn codec(&self) -> Codec {
        self.codec
    }

    /// Samples that it makes in a second.
    pub fn rate(&self) -> Rate {
        Rate::of(self.codec)
    }

    /// Appends the samples of a payload.
    ///
    /// # Errors
    /// When the payload is none of the codec; nothing is appended then.
    pub fn decode(&mut self, payload: &[u8], out: &mut Vec<i16>) -> Result<(), Malformed> {
        let from = out.len();
        let malformed = Malformed { codec: self.codec, octets: payload.len() };
        match &mut self.kind {
            Kind::Law(law) => out.extend(payload.iter().map(|&octet| g711::decode(*law, octet))),
            Kind::Linear => l16::decode(payload, out),
            Kind::G722(g722) => g722.decode(payload, out),
            Kind::Opus(opus) => _ = opus.decode(payload, out).ok_or(malformed)?,
            Kind::G729(g729) => g729.decode(payload, out).ok_or(malformed)?,
        }
        if let Some(plc) = &mut self.plc {
            plc.good(&mut out[from..]);
        }
        Ok(())
    }

    /// A payload will be decoded soon: asks for the memory that this takes.
    pub fn expect(&self) {
        if let Some(plc) = &self.plc {
            plc.expect();
        }
    }

    /// Appends samples in place of lost ones, or of those that a resting sender left out.
    pub fn conceal(&mut self, samples: usize, out: &mut Vec<i16>) {
        match (&mut self.kind, &mut self.plc) {
            (Kind::Opus(opus), _) => opus.conceal(samples, out),
            (Kind::G729(g729), _) => g729.conceal(samples, out),
            (_, Some(plc)) => plc.conceal(samples, out),
            (_, None) => out.resize(out.len() + samples, 0),
        }
    }

    /// Appends the samples of the packet before `next`, which is not decoded by this: from the copy
    /// that it may carry, else concealed and false.
    pub fn recover(&mut self, next: &[u8], samples: usize, out: &mut Vec<i16>) -> bool {
        match &mut self.kind {
            Kind::Opus(opus) => opus.recover(next, samples, out),
            Kind::Law(_) | Kind::Linear | Kind::G722(_) | Kind::G729(_) => {
                self.conceal(samples, out);
                false
            }
        }
    }

    /// Whether a packet may carry a copy of the one before it, which [`Decoder::recover`] plays.
    pub fn repeats(&self) -> bool {
        match self.kind {
            Kind::Opus(_) => true,
            Kind::Law(_) | Kind::Linear | Kind::G722(_) | Kind::G729(_) => false,
        }
    }

    /// Whether the sender rests and has said how the silence sounds, once for all of it: until the
    /// next payload [`Decoder::conceal`] makes that sound. Opus says it again and again instead.
    pub fn rests(&self) -> bool {
        match &self.kind {
            Kind::G729(g729) => g729.rests(),
            Kind::Law(_) | Kind::Linear | Kind::G722(_) | Kind::Opus(_) => false,
        }
    }

    /// How long a loss is concealed, in ms; what is longer is silence. Opus goes on over a rest of
    /// the sender, who repeats the sound of the silence every 400 ms. G.729 would fade for
    /// seconds; it is cut where the others end.
    pub fn conceal_ms_max(&self) -> u32 {
        match self.kind {
            Kind::Opus(_) => 500,
            Kind::Law(_) | Kind::Linear | Kind::G722(_) | Kind::G729(_) => 60,
        }
    }
}
