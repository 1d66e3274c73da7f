//! A voice in any codec, packet by packet: a sweep that no encoder takes for silence.

use mediacore::codec::{Encoder, Rate};
use std::f64::consts::TAU;
use terms::media::{Codec, Wishes};

/// So many payloads of 20 ms.
pub fn packets(codec: Codec, count: usize) -> Vec<Vec<u8>> {
    let rate = Rate::of(codec);
    let mut encoder = Encoder::new(codec, Wishes::default());
    let samples = rate.samples(20);
    let sample = |n: usize| {
        let at = n as f64 / f64::from(rate.hz());
        (8_000.0 * (TAU * (180.0 + 300.0 * at) * at).sin()) as i16
    };
    let packet = |frame: usize| {
        let said: Vec<i16> = (frame * samples..(frame + 1) * samples).map(sample).collect();
        let mut payload = Vec::new();
        encoder.encode(&said, &mut payload);
        payload
    };
    (0..count).map(packet).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_packet_says_something() {
        for codec in [Codec::Pcma, Codec::G722, Codec::Opus, Codec::G729] {
            let packets = packets(codec, 5);
            assert_eq!(packets.len(), 5);
            assert!(packets.iter().all(|payload| payload.len() > 10), "{codec:?}");
        }
    }
}
