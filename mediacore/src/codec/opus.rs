//! Opus by libopus: RFC 6716, its RTP payload RFC 7587.
//!
//! Mono speech at 16 kHz: the decoder gives that rate by itself whatever the sender's bandwidth and
//! channels are (RFC 6716 §2.1.1, RFC 7587 §4.1), while the RTP clock counts 48,000 ticks. What we
//! send is 24 kbit/s at most. Forward error correction and discontinuous transmission follow the
//! peer's wishes: a lost packet is then in the next one, coarser, and a silence is a packet each
//! 400 ms.

use opus::{Application, Bitrate, Channels, Signal};
use terms::media::Wishes;

const RATE_HZ: u32 = 16_000;
/// A packet lasts 120 ms at most.
const SAMPLES_MAX: usize = 1_920;
/// The decoder conceals in steps of 2.5 ms.
const CONCEAL_STEP: usize = 40;
/// One frame of 20 ms, the longest piece that is concealed at once.
const CONCEAL_MAX: usize = 320;
const BITRATE: u32 = 24_000;
/// RFC 7587 §6.1: below it `maxaveragebitrate` is not valid.
const BITRATE_MIN: u32 = 6_000;
/// Of 10: half the processor time of the best, and no difference on the telephone.
const COMPLEXITY: i32 = 5;
/// The loss that error correction is dimensioned for.
const LOSS_PERCENT: i32 = 10;
/// A packet of one or two octets carries no audio: the sender rests.
const RESTING_OCTETS_MAX: usize = 2;

/// Ticks that a payload lasts, by its first octets (RFC 6716 §3.1); zero when they are wrong.
pub fn ticks(payload: &[u8]) -> u32 {
    opus::packet::get_nb_samples(payload, 48_000).map_or(0, |samples| samples as u32)
}

/// Payloads to samples at 16 kHz.
pub struct Decoder {
    opus: opus::Decoder,
}

impl Default for Decoder {
    fn default() -> Self {
        let opus = opus::Decoder::new(RATE_HZ, Channels::Mono);
        Decoder { opus: opus.expect("16 kHz mono is a format of Opus and 20 KiB are to be had") }
    }
}

impl Decoder {
    /// Appends the samples of a payload and says how many; `None` when it is not Opus.
    pub fn decode(&mut self, payload: &[u8], out: &mut Vec<i16>) -> Option<usize> {
        // Nothing would be taken for a lost packet.
        (!payload.is_empty()).then_some(())?;
        self.run(payload, SAMPLES_MAX, false, out)
    }

    /// Appends the samples of the packet before `next`, from the copy in it; without a copy they
    /// are concealed. False when the packet could not be asked for one.
    pub fn recover(&mut self, next: &[u8], samples: usize, out: &mut Vec<i16>) -> bool {
        let steps = samples.next_multiple_of(CONCEAL_STEP).min(SAMPLES_MAX);
        let from = out.len();
        let is_asked = !next.is_empty() && self.run(next, steps, true, out).is_some();
        if !is_asked {
            self.conceal(samples, out);
        }
        out.resize(from + samples, 0);
        is_asked
    }

    /// Appends samples in place of lost ones; after a packet that said so, comfort noise.
    pub fn conceal(&mut self, samples: usize, out: &mut Vec<i16>) {
        let end = out.len() + samples;
        while out.len() < end {
            let piece = (end - out.len()).next_multiple_of(CONCEAL_STEP).min(CONCEAL_MAX);
            if self.run(&[], piece, false, out).is_none_or(|made| made == 0) {
                break;
            }
        }
        out.resize(end, 0);
    }

    fn run(
        &mut self,
        payload: &[u8],
        samples: usize,
        fec: bool,
        out: &mut Vec<i16>,
    ) -> Option<usize> {
        let from = out.len();
        out.resize(from + samples, 0);
        let made = self.opus.decode(payload, &mut out[from..], fec).ok();
        out.truncate(from + made.unwrap_or(0));
        made
    }
}

/// Samples at 16 kHz to payloads.
pub struct Encoder {
    opus: opus::Encoder,
    rests: bool,
}

impl Encoder {
    /// An encoder that does what the peer asked for.
    pub fn new(wishes: Wishes) -> Self {
        let opus = opus::Encoder::new(RATE_HZ, Channels::Mono, Application::Voip);
        let mut opus = opus.expect("16 kHz mono is a format of Opus and 40 KiB are to be had");
        let bitrate = match wishes.bitrate_max {
            0 => BITRATE,
            most => most.clamp(BITRATE_MIN, BITRATE),
        };
        let set = [
            opus.set_bitrate(Bitrate::Bits(bitrate as i32)),
            opus.set_complexity(COMPLEXITY),
            opus.set_signal(Signal::Voice),
            opus.set_inband_fec(wishes.fec),
            opus.set_packet_loss_perc(if wishes.fec { LOSS_PERCENT } else { 0 }),
            opus.set_dtx(wishes.dtx),
        ];
        debug_assert!(set.iter().all(Result::is_ok), "every value is one that Opus allows");
        Encoder { opus, rests: wishes.dtx }
    }

    /// Appends the payload of 10, 20, 40 or 60 ms and says whether it must be sent: at rest it need
    /// not.
    pub fn encode(&mut self, samples: &[i16], out: &mut Vec<u8>) -> bool {
        let from = out.len();
        out.resize(from + super::PAYLOAD_OCTETS_MAX, 0);
        let made = self.opus.encode(samples, &mut out[from..]).unwrap_or(0);
        out.truncate(from + made);
        made > 0 && !(self.rests && made <= RESTING_OCTETS_MAX)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::codec::sound::{level_at, level_dbov, noise, signal_to_noise_db, tone, voice};

    /// Ticks of the RTP clock for each sample at 16 kHz.
    const TICKS_PER_SAMPLE: u32 = 3;

    fn encoded(wishes: Wishes, said: &[i16]) -> Vec<Option<Vec<u8>>> {
        let mut encoder = Encoder::new(wishes);
        let frame = |frame: &[i16]| {
            let mut payload = Vec::new();
            encoder.encode(frame, &mut payload).then_some(payload)
        };
        said.chunks_exact(320).map(frame).collect()
    }

    #[test]
    fn a_voice_and_a_tone_come_back() {
        let said = voice(16_000, 32_000);
        let (mut decoder, mut back) = (Decoder::default(), Vec::new());
        for payload in encoded(Wishes::default(), &said).into_iter().flatten() {
            assert_eq!(ticks(&payload), 320 * TICKS_PER_SAMPLE);
            assert_eq!(decoder.decode(&payload, &mut back), Some(320));
        }
        assert_eq!(back.len(), said.len());
        // Opus keeps what the ear needs and not the wave: bounds are low, levels are kept.
        let db = signal_to_noise_db(&said, &back, 400);
        assert!(db > 5.0, "{db:.1} dB");
        assert!((level_dbov(&said) - level_dbov(&back)).abs() < 1.5);
        for hz in [440, 1_000, 3_000, 6_000] {
            let said = tone(hz, 16_000, 16_000, 8_000);
            let (mut decoder, mut back) = (Decoder::default(), Vec::new());
            for payload in encoded(Wishes::default(), &said).into_iter().flatten() {
                decoder.decode(&payload, &mut back);
            }
            let (before, after) =
                (level_at(&said[4_000..], hz, 16_000), level_at(&back[4_000..], hz, 16_000));
            assert!((before - after).abs() < 3.0, "{hz} Hz: {before:.1} became {after:.1}");
        }
    }

    #[test]
    fn a_lost_frame_is_in_the_next_one_when_the_peer_wished_it() {
        let said = voice(16_000, 64_000);
        let heard = |wishes: Wishes, recovers: bool| {
            let payloads = encoded(wishes, &said);
            let (mut decoder, mut back) = (Decoder::default(), Vec::new());
            let mut lost_before = false;
            for (n, payload) in payloads.iter().enumerate() {
                let payload = payload.as_ref().expect("without rest every frame is sent");
                if n % 10 == 5 {
                    lost_before = true;
                    continue;
                }
                if std::mem::take(&mut lost_before) {
                    if recovers {
                        decoder.recover(payload, 320, &mut back);
                    } else {
                        decoder.conceal(320, &mut back);
                    }
                }
                decoder.decode(payload, &mut back);
            }
            let (mut whole, mut out) = (Decoder::default(), Vec::new());
            for payload in payloads.iter().flatten() {
                whole.decode(payload, &mut out);
            }
            assert_eq!(back.len(), out.len());
            signal_to_noise_db(&out, &back, 0)
        };
        let fec = Wishes { fec: true, ..Wishes::default() };
        let (with, without) = (heard(fec, true), heard(fec, false));
        assert!(with > without + 3.0, "recovered {with:.1} dB, concealed {without:.1} dB");
    }

    #[test]
    fn silence_is_not_sent_when_the_peer_wished_it_and_sounds_as_quiet_as_it_was() {
        let dtx = Wishes { dtx: true, ..Wishes::default() };
        let mut said = voice(16_000, 32_000);
        said.extend(noise(64_000, 30, 9));
        let payloads = encoded(dtx, &said);
        let silent = payloads[130..].iter().filter(|payload| payload.is_none()).count();
        assert!(silent > 120, "{silent} of 170 frames of silence were not sent");
        assert!(payloads[..100].iter().filter(|payload| payload.is_none()).count() < 10);
        let (mut decoder, mut back) = (Decoder::default(), Vec::new());
        for payload in &payloads {
            match payload {
                Some(payload) => {
                    decoder.decode(payload, &mut back);
                }
                None => decoder.conceal(320, &mut back),
            }
        }
        let gap = level_dbov(&back[45_000..]);
        assert!((-90.0..-55.0).contains(&gap), "the silence sounds at {gap:.1} dBov");
        assert!(encoded(Wishes::default(), &said).iter().all(Option::is_some));
    }

    #[test]
    fn what_is_no_opus_is_refused() {
        let (mut decoder, mut out) = (Decoder::default(), Vec::new());
        assert_eq!(decoder.decode(&[], &mut out), None);
        assert_eq!(decoder.decode(&[0xFF, 0x00], &mut out), None);
        assert!(out.is_empty());
        assert_eq!((ticks(&[]), ticks(&[0x03])), (0, 0));
        decoder.recover(&[], 321, &mut out);
        decoder.conceal(79, &mut out);
        assert_eq!(out.len(), 400);
    }

    #[test]
    fn a_limit_of_bits_is_kept() {
        let said = voice(16_000, 160_000);
        let octets =
            |wishes| -> usize { encoded(wishes, &said).iter().flatten().map(Vec::len).sum() };
        let low = octets(Wishes { bitrate_max: 8_000, ..Wishes::default() });
        let usual = octets(Wishes::default());
        assert!(
            low * 8 / 10 < 9_000 && usual * 8 / 10 < 26_000,
            "{low} and {usual} octets in 10 s"
        );
        assert!(low < usual);
    }
}
