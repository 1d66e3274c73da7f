//! G.729 in packets, RFC 3551 §4.5.6: frames of 10 ms one behind the other, and behind them, or
//! alone, what Annex B says of the silence that follows.
//!
//! After that description nothing comes until somebody speaks again, so the silence goes on: what
//! is asked for meanwhile is its sound. A lost packet is concealed by the codec itself, G.729 §4.4.

use super::g729::{self, FRAME_OCTETS, FRAME_SAMPLES, SID_OCTETS};

/// A receiver is to take 200 ms in a packet (RFC 3551 §4.2). More is none: it would only be work.
const FRAMES_MAX: usize = 20;
/// Samples that the encoder waits for beyond a frame, §3.2: a frame was spoken 5 ms earlier than its
/// packet says.
pub const LOOK_AHEAD: u64 = 40;

/// Frames, and the description of silence behind them.
type Parts<'a> = (&'a [[u8; FRAME_OCTETS]], Option<&'a [u8; SID_OCTETS]>);

/// The parts of a payload.
fn split(payload: &[u8]) -> Option<Parts<'_>> {
    let (frames, rest) = payload.as_chunks::<FRAME_OCTETS>();
    let sid = match rest {
        [] => None,
        sid => Some(<&[u8; SID_OCTETS]>::try_from(sid).ok()?),
    };
    let count = frames.len() + usize::from(sid.is_some());
    (1..=FRAMES_MAX).contains(&count).then_some((frames, sid))
}

/// Ticks that a payload lasts, from its length; zero when that is none of this codec. A description
/// of silence stands for a frame.
pub fn ticks(payload: &[u8]) -> u32 {
    let Some((frames, sid)) = split(payload) else { return 0 };
    ((frames.len() + usize::from(sid.is_some())) * FRAME_SAMPLES) as u32
}

/// Payloads to samples at 8 kHz.
pub struct Decoder {
    g729: g729::Decoder,
    rests: bool,
}

impl Default for Decoder {
    fn default() -> Self {
        Decoder { g729: g729::Decoder::new(), rests: false }
    }
}

impl Decoder {
    /// Appends the samples of a payload; `None` when it is not G.729, and nothing is appended.
    pub fn decode(&mut self, payload: &[u8], out: &mut Vec<i16>) -> Option<()> {
        let (frames, sid) = split(payload)?;
        let mut samples = [0; FRAME_SAMPLES];
        for frame in frames {
            self.g729.decode(Some(frame), &mut samples);
            out.extend(samples);
        }
        if let Some(sid) = sid {
            self.g729.silence(Some(sid), &mut samples);
            out.extend(samples);
        }
        self.rests = sid.is_some();
        Some(())
    }

    /// Appends samples where nothing came: the silence that was described, else what is made up for a
    /// loss.
    pub fn conceal(&mut self, samples: usize, out: &mut Vec<i16>) {
        let end = out.len() + samples;
        let mut made = [0; FRAME_SAMPLES];
        while out.len() < end {
            if self.rests {
                self.g729.silence(None, &mut made);
            } else {
                self.g729.decode(None, &mut made);
            }
            out.extend(made);
        }
        out.truncate(end);
    }

    /// Whether the sender rests: the last payload ended with a description of its silence.
    pub fn rests(&self) -> bool {
        self.rests
    }
}

/// Samples at 8 kHz to payloads. It never rests: silence is coded as it is, because we agree on
/// `annexb=no`.
pub struct Encoder {
    g729: g729::Encoder,
}

impl Default for Encoder {
    fn default() -> Self {
        Encoder { g729: g729::Encoder::new() }
    }
}

impl Encoder {
    /// Appends the frames of samples; what does not fill one is left out.
    pub fn encode(&mut self, samples: &[i16], out: &mut Vec<u8>) {
        let (frames, _) = samples.as_chunks::<FRAME_SAMPLES>();
        for frame in frames {
            out.extend(self.g729.encode(frame));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::codec::sound::{level_dbov, voice};

    /// What another encoder says of white noise at −59.5 dBov.
    const QUIET: [u8; SID_OCTETS] = [0x34, 0x54];

    fn encoded(said: &[i16]) -> Vec<u8> {
        let mut payload = Vec::new();
        Encoder::default().encode(said, &mut payload);
        payload
    }

    #[test]
    fn frames_and_a_description_of_silence_last_ten_milliseconds_each() {
        let said = voice(8_000, 160);
        let two = encoded(&said);
        assert_eq!((two.len(), ticks(&two)), (20, 160));
        let with_sid = [&two[..], &QUIET].concat();
        assert_eq!((ticks(&with_sid), ticks(&QUIET)), (240, 80));
        for payload in [&two[..], &with_sid, &QUIET] {
            let (mut decoder, mut out) = (Decoder::default(), Vec::new());
            assert_eq!(decoder.decode(payload, &mut out), Some(()));
            assert_eq!(out.len() as u32, ticks(payload));
            assert_eq!(decoder.rests(), payload.len() % FRAME_OCTETS == SID_OCTETS);
        }
    }

    #[test]
    fn other_lengths_are_none_of_this_codec_and_change_nothing() {
        let said = voice(8_000, 1_600);
        let (good, mut decoder, mut other) =
            (encoded(&said), Decoder::default(), Decoder::default());
        let (mut heard, mut expected) = (Vec::new(), Vec::new());
        for frame in good.chunks(20) {
            for octets in
                (0..=330_usize).filter(|&octets| !matches!(octets % 10, 0 | 2) || octets > 200)
            {
                let wrong = vec![0x5A; octets];
                assert_eq!((ticks(&wrong), decoder.decode(&wrong, &mut heard)), (0, None));
            }
            assert_eq!((ticks(&[]), decoder.decode(&[], &mut heard)), (0, None));
            decoder.decode(frame, &mut heard);
            other.decode(frame, &mut expected);
        }
        assert_eq!(heard, expected);
        assert_eq!((ticks(&[0; 200]), ticks(&[0; 192])), (1_600, 1_600), "RFC 3551 §4.2: 200 ms");
        assert_eq!((ticks(&[0; 202]), ticks(&[0; 210])), (0, 0));
    }

    #[test]
    fn a_silence_goes_on_until_somebody_speaks_and_a_loss_does_not() {
        let said = voice(8_000, 8_000);
        let speech = encoded(&said);
        let heard = |last: &[u8]| {
            let (mut decoder, mut out) = (Decoder::default(), Vec::new());
            for packet in speech.chunks(20).chain([last]) {
                decoder.decode(packet, &mut out).expect("a payload of this codec");
            }
            out.clear();
            // An odd length, as a buffer asks that was stretched.
            (0..100).for_each(|_| decoder.conceal(157, &mut out));
            assert_eq!(out.len(), 15_700);
            let mut after = Vec::new();
            decoder.decode(&speech[..20], &mut after).expect("a payload of this codec");
            assert!(!decoder.rests(), "somebody speaks again");
            out
        };
        let silence = heard(&QUIET);
        let level = level_dbov(&silence[8_000..]);
        assert!((level + 59.5).abs() < 6.0, "the silence sounds at {level:.1} dBov");
        let mut halves = silence[4_000..].chunks(5_850).map(level_dbov);
        let (first, second) = (halves.next().expect("two"), halves.next().expect("two"));
        assert!((first - second).abs() < 3.0, "{first:.1} and then {second:.1} dBov");
        // The loudest of a syllable.
        let lost = heard(&speech[60..80]);
        let fades = level_dbov(&lost[..160]) - level_dbov(&lost[1_600..]);
        assert!(fades > 6.0, "a loss fades, by {fades:.1} dB after 200 ms");
    }
}
