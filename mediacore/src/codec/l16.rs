//! Linear samples of 16 bits, RFC 3551 §4.5.11: most significant octet first, nothing lost.

/// Appends the samples of a payload; an odd last octet is left out.
pub fn decode(payload: &[u8], out: &mut Vec<i16>) {
    let (pairs, _) = payload.as_chunks::<2>();
    out.extend(pairs.iter().map(|&pair| i16::from_be_bytes(pair)));
}

/// Appends the octets of samples.
pub fn encode(samples: &[i16], out: &mut Vec<u8>) {
    out.extend(samples.iter().flat_map(|sample| sample.to_be_bytes()));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_sample_survives_in_network_order() {
        let samples: Vec<i16> = (i16::MIN..=i16::MAX).collect();
        let (mut octets, mut back) = (Vec::new(), Vec::new());
        encode(&samples, &mut octets);
        assert_eq!(octets[..2], [0x80, 0x00]);
        decode(&octets, &mut back);
        assert_eq!(back, samples);
    }

    #[test]
    fn half_a_sample_at_the_end_is_left_out() {
        let mut out = Vec::new();
        decode(&[0x12, 0x34, 0x56], &mut out);
        assert_eq!(out, [0x1234]);
    }
}
