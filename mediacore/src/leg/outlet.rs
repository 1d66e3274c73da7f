//! What a leg hears that is made here: samples from prompts and mixes, collected into packet times
//! and encoded. One encoder for the leg's whole life with a codec, so that a prompt and the mix
//! after it have no seam.

use crate::codec::{Converter, Encoded, Encoder, Rate, ticks};
use terms::media::{Codec, Payloads, Wishes};

/// One encoded packet time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Packet<'a> {
    /// What to send; `None` when the peer wished not to hear silence.
    pub payload: Option<&'a [u8]>,
    /// Ticks of the RTP clock that it lasts.
    pub ticks: u32,
}

/// The way to one phone.
#[derive(Debug)]
pub struct Outlet {
    encoder: Encoder,
    wishes: Wishes,
    converter: Converter,
    from: Rate,
    /// At the codec's rate; less than a packet time between two frames.
    waiting: Vec<i16>,
    payload: Vec<u8>,
}

impl Outlet {
    /// A way on which nothing went yet.
    pub fn new(send: &Payloads) -> Self {
        Outlet {
            encoder: Encoder::new(send.codec, send.wishes),
            wishes: send.wishes,
            converter: Converter::default(),
            from: Rate::of(send.codec),
            waiting: Vec::new(),
            payload: Vec::new(),
        }
    }

    /// Whether it speaks as agreed.
    pub fn speaks(&self, send: &Payloads) -> bool {
        self.encoder.codec() == send.codec && self.wishes == send.wishes
    }

    /// Takes samples of any rate.
    pub fn push(&mut self, rate: Rate, samples: &[i16]) {
        if rate != self.from {
            self.converter = Converter::default();
            self.from = rate;
        }
        self.converter.convert(rate, self.encoder.rate(), samples, &mut self.waiting);
    }

    /// The next packet of `ptime_ms`, once there are samples for it.
    pub fn poll(&mut self, ptime_ms: u8) -> Option<Packet<'_>> {
        let wanted = self.encoder.rate().samples(u32::from(ptime_ms));
        if self.waiting.len() < wanted {
            return None;
        }
        self.payload.clear();
        let encoded = self.encoder.encode(&self.waiting[..wanted], &mut self.payload);
        self.waiting.drain(..wanted);
        let clock_hz = self.encoder.codec().clock_hz();
        let packet = match encoded {
            Encoded::Packet => {
                debug_assert_eq!(
                    ticks(self.encoder.codec(), &self.payload),
                    u32::from(ptime_ms) * clock_hz / 1_000
                );
                Some(&self.payload[..])
            }
            Encoded::Rest => None,
        };
        Some(Packet { payload: packet, ticks: u32::from(ptime_ms) * clock_hz / 1_000 })
    }

    /// What does not fill a packet is not needed any more.
    pub fn clear(&mut self) {
        self.waiting.clear();
    }

    /// What it encodes.
    pub fn codec(&self) -> Codec {
        self.encoder.codec()
    }
}

/// Packet times that fill whole frames of the mix: only these are shared.
const SHARED_PTIMES_MS: [u8; 2] = [10, 20];

/// The way to all those of a big room who hear the same: one encoder for each codec, whose packets
/// go to everybody. Who begins to speak gets an outlet of their own and hears a new encoder, which
/// is at most as much of a seam as a lost packet.
#[derive(Debug)]
pub struct Shared {
    outlet: Outlet,
    ptime_ms: u8,
    packets: Vec<(Option<Vec<u8>>, u32)>,
    /// Whether this frame was encoded already.
    is_fresh: bool,
}

impl Shared {
    /// Whether what such a phone hears can be shared at all.
    pub fn suits(ptime_ms: u8) -> bool {
        SHARED_PTIMES_MS.contains(&ptime_ms)
    }

    /// A way on which nothing went yet.
    pub fn new(send: &Payloads, ptime_ms: u8) -> Self {
        Shared { outlet: Outlet::new(send), ptime_ms, packets: Vec::new(), is_fresh: false }
    }

    /// Whether it makes what such a phone wants.
    pub fn serves(&self, send: &Payloads, ptime_ms: u8) -> bool {
        self.ptime_ms == ptime_ms && self.outlet.speaks(send)
    }

    /// The packets of this frame: payload, none while nobody need hear it, and ticks.
    pub fn packets(&mut self, rate: Rate, samples: &[i16]) -> &[(Option<Vec<u8>>, u32)] {
        if !self.is_fresh {
            self.is_fresh = true;
            self.packets.clear();
            self.outlet.push(rate, samples);
            while let Some(packet) = self.outlet.poll(self.ptime_ms) {
                self.packets.push((packet.payload.map(<[u8]>::to_vec), packet.ticks));
            }
        }
        &self.packets
    }

    /// The frame is over. False when nobody wanted it.
    pub fn end_frame(&mut self) -> bool {
        std::mem::take(&mut self.is_fresh)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::codec::Decoder;
    use crate::codec::sound::{level_at, tone};

    #[test]
    fn every_codec_and_packet_time_carries_a_tone_of_either_rate() {
        for codec in Codec::ALL {
            for rate in [Rate::Narrow, Rate::Wide] {
                for asked in [10, 20, 30, 40, 60] {
                    let ptime_ms = crate::codec::ptime_ms(codec, asked);
                    let mut outlet = Outlet::new(&Payloads::of(codec));
                    let mut decoder = Decoder::new(codec);
                    let mut out = Vec::new();
                    for frame in
                        tone(1_000, rate.hz(), rate.samples(2_000), 8_000).chunks(rate.samples(20))
                    {
                        outlet.push(rate, frame);
                        while let Some(packet) = outlet.poll(ptime_ms) {
                            let payload = packet.payload.expect("a tone is no silence");
                            assert_eq!(packet.ticks, ticks(codec, payload));
                            decoder.decode(payload, &mut out).expect("our own packet");
                        }
                    }
                    let heard = level_at(&out[out.len() / 2..], 1_000, codec.sample_hz());
                    assert!((heard + 12.2).abs() < 3.0, "{codec:?} from {rate:?}: {heard:.1} dB");
                }
            }
        }
    }
}
