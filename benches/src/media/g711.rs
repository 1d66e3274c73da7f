//! G.711 both ways, computed from the definition in ITU-T G.711 and kept apart from the server's
//! tables. Sixteen-bit linear values with the usual scaling (A-law to 13 bits, µ-law to 14).

/// Which law.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Law {
    /// PCMA.
    A,
    /// PCMU.
    Mu,
}

impl Law {
    /// The static payload type of RFC 3551.
    pub fn payload_type(self) -> u8 {
        match self {
            Law::A => 8,
            Law::Mu => 0,
        }
    }

    /// The law of a static payload type.
    pub fn from_payload_type(number: u8) -> Option<Law> {
        match number {
            8 => Some(Law::A),
            0 => Some(Law::Mu),
            _ => None,
        }
    }

    /// The name in `a=rtpmap`.
    pub fn name(self) -> &'static str {
        match self {
            Law::A => "PCMA",
            Law::Mu => "PCMU",
        }
    }

    /// The linear value of a code.
    pub fn decode(self, code: u8) -> i16 {
        match self {
            Law::A => decode_a(code),
            Law::Mu => decode_mu(code),
        }
    }

    /// The code whose linear value is nearest.
    pub fn encode(self, sample: i16) -> u8 {
        match self {
            Law::A => encode_a(sample),
            Law::Mu => encode_mu(sample),
        }
    }
}

fn decode_a(code: u8) -> i16 {
    let code = code ^ 0x55;
    let (segment, step) = (i16::from(code >> 4 & 7), i16::from(code & 15));
    let size = match segment {
        0 => (step << 4) + 8,
        _ => ((step << 4) + 0x108) << (segment - 1),
    };
    if code & 0x80 != 0 { size } else { -size }
}

fn encode_a(sample: i16) -> u8 {
    let sign = if sample >= 0 { 0x80 } else { 0 };
    let size = if sample >= 0 { i32::from(sample) } else { -i32::from(sample) - 1 };
    let size = size.min(32_767);
    let segment = (24 - (size >> 8).leading_zeros() as i32 + 8).max(0);
    let step = if segment == 0 { size >> 4 } else { size >> (segment + 3) };
    ((segment as u8) << 4 | (step & 15) as u8 | sign) ^ 0x55
}

fn decode_mu(code: u8) -> i16 {
    let code = !code;
    let (segment, step) = (i32::from(code >> 4 & 7), i32::from(code & 15));
    let size = (((step << 3) + 0x84) << segment) - 0x84;
    (if code & 0x80 != 0 { -size } else { size }) as i16
}

fn encode_mu(sample: i16) -> u8 {
    let sign = if sample < 0 { 0x80 } else { 0 };
    let size = i32::from(sample).abs().min(32_635) + 0x84;
    let segment = 24 - size.leading_zeros() as i32;
    let step = size >> (segment + 3) & 15;
    !(sign | (segment as u8) << 4 | step as u8)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_code_comes_back_from_its_own_value() {
        for law in [Law::A, Law::Mu] {
            for code in 0..=255 {
                let again = law.encode(law.decode(code));
                // µ-law has two codes for zero.
                assert_eq!(law.decode(again), law.decode(code), "{law:?} {code:#x}");
            }
        }
    }

    #[test]
    fn the_laws_agree_with_the_published_corner_values() {
        assert_eq!((Law::A.decode(0xd5), Law::A.decode(0x2a)), (8, -32_256));
        assert_eq!((Law::A.decode(0x55), Law::A.decode(0xaa)), (-8, 32_256));
        assert_eq!((Law::Mu.decode(0xff), Law::Mu.decode(0x00)), (0, -32_124));
        assert_eq!(Law::Mu.decode(0x80), 32_124);
    }

    #[test]
    fn the_nearest_code_is_chosen() {
        for law in [Law::A, Law::Mu] {
            for sample in (i16::MIN..=i16::MAX).step_by(7) {
                let chosen = i32::from(law.decode(law.encode(sample)));
                let error = (chosen - i32::from(sample)).abs();
                assert!(
                    error <= (i32::from(sample).abs() >> 5) + 16 || error <= 644,
                    "{law:?} {sample} became {chosen}"
                );
            }
        }
    }
}
