//! The ear of one leg: a copy of its packets is decoded here for those who listen, in the order and
//! at the places of their timestamps.
//!
//! A short hole is concealed as the codec does it, a longer one is silence, and a packet that comes
//! after a newer one is left out: it would be heard at the wrong place.

use super::keys::{Detector, Found};
use super::progress::Watcher;
use crate::codec::{Converter, Decoder, Rate, ticks};
use crate::dtmf::Digit;
use std::time::Duration;
use terms::Moment;
use terms::media::{Codec, Progress, RtpTime, Ssrc, Watch};

/// A key that was down when packets stopped ends after this.
pub const KEY_TIMEOUT: Duration = Duration::from_millis(200);
/// A longer hole is silence and ends a key.
const CONCEAL_MS_MAX: u32 = 60;
/// Silence in place of a hole at most.
const SILENCE_MS_MAX: u32 = 6_000;
/// Timestamps further apart are another beginning.
const JUMP_MS_MAX: i64 = 60_000;

/// What was heard.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Heard {
    /// A key went down.
    Pressed(char),
    /// A key press is complete.
    Digit(Digit),
    /// What was watched for.
    Progress(Progress),
}

/// Whether keys are listened for on a leg whose packets are these: where no events were agreed. Opus
/// would cost a hundred times as much as all others, and its phones know events. G.729 codes a voice:
/// what it makes of two tones is a key most times and none at others.
pub fn hears_keys(codec: Codec, has_events: bool) -> bool {
    match codec {
        Codec::Opus | Codec::G729 => false,
        Codec::Pcma | Codec::Pcmu | Codec::G722 | Codec::L16 | Codec::L16Narrow => !has_events,
    }
}

/// The ear of one leg.
#[derive(Debug)]
pub struct Ear {
    decoder: Decoder,
    converter: Converter,
    keys: Option<Detector>,
    watcher: Option<Watcher>,
    /// Source and place of the next packet.
    next: Option<(Ssrc, RtpTime)>,
    heard_at: Moment,
    decoded: Vec<i16>,
    narrow: Vec<i16>,
}

impl Ear {
    /// An ear for a codec; `None` when nobody listens.
    pub fn new(codec: Codec, has_events: bool, what: Watch) -> Option<Self> {
        let keys = hears_keys(codec, has_events).then(Detector::default);
        let watcher = (!what.is_idle()).then(|| Watcher::new(what));
        (keys.is_some() || watcher.is_some()).then(|| Ear {
            decoder: Decoder::new(codec),
            converter: Converter::default(),
            keys,
            watcher,
            next: None,
            heard_at: Moment(0),
            decoded: Vec::new(),
            narrow: Vec::new(),
        })
    }

    /// What it decodes.
    pub fn codec(&self) -> Codec {
        self.decoder.codec()
    }

    /// Whether it listens for keys.
    pub fn hears_keys(&self) -> bool {
        self.keys.is_some()
    }

    /// What it watches for.
    pub fn watches(&self) -> Watch {
        self.watcher.as_ref().map(Watcher::what).unwrap_or_default()
    }

    /// Watches for something else from now on. False when nobody listens any more.
    pub fn watch(&mut self, what: Watch) -> bool {
        self.watcher = (!what.is_idle()).then(|| Watcher::new(what));
        self.watcher.is_some() || self.keys.is_some()
    }

    /// The key that is down.
    pub fn key(&self) -> Option<char> {
        self.keys.as_ref()?.held()
    }

    /// Takes one packet.
    pub fn hear(
        &mut self,
        now: Moment,
        (ssrc, time): (Ssrc, RtpTime),
        payload: &[u8],
        mut heard: impl FnMut(Heard),
    ) {
        let codec = self.decoder.codec();
        let clock = i64::from(codec.clock_hz() / 1_000);
        let gap_ms = match self.next {
            Some((source, next)) if source == ssrc => i64::from(time.distance(next)) / clock,
            _ => JUMP_MS_MAX,
        };
        self.heard_at = now;
        if (-JUMP_MS_MAX..0).contains(&gap_ms) {
            return;
        }
        self.decoded.clear();
        match u32::try_from(gap_ms) {
            Ok(0) => {}
            Ok(ms @ ..=CONCEAL_MS_MAX) => {
                let samples = self.decoder.rate().samples(ms);
                self.decoder.conceal(samples, &mut self.decoded);
            }
            Ok(ms) => {
                self.end_key(&mut heard);
                let ms = if gap_ms >= JUMP_MS_MAX { 0 } else { ms.min(SILENCE_MS_MAX) };
                self.decoded.resize(self.decoder.rate().samples(ms), 0);
            }
            Err(_) => self.end_key(&mut heard),
        }
        let lasts = ticks(codec, payload);
        if self.decoder.decode(payload, &mut self.decoded).is_err() {
            return;
        }
        self.next = Some((ssrc, RtpTime(time.0.wrapping_add(lasts))));
        self.narrow.clear();
        let rate = self.decoder.rate();
        self.converter.convert(rate, Rate::Narrow, &self.decoded, &mut self.narrow);
        if let Some(keys) = &mut self.keys {
            keys.hear(&self.narrow, |found| heard(of(found)));
        }
        if let Some(watcher) = &mut self.watcher {
            watcher.hear(&self.narrow, |progress| heard(Heard::Progress(progress)));
        }
    }

    /// When a key that is down counts as let go because nothing comes any more.
    pub fn next_timeout(&self) -> Option<Moment> {
        self.key().map(|_| self.heard_at + KEY_TIMEOUT)
    }

    /// The digit whose end was never heard.
    pub fn handle_timeout(&mut self, now: Moment) -> Option<Digit> {
        if self.next_timeout()? > now { None } else { self.end() }
    }

    /// Ends a key that is down, when the leg ends.
    pub fn end(&mut self) -> Option<Digit> {
        match self.keys.as_mut()?.end()? {
            Found::Released { key, duration_ms } => Some(Digit { key, duration_ms }),
            Found::Pressed(_) => None,
        }
    }

    fn end_key(&mut self, heard: &mut impl FnMut(Heard)) {
        if let Some(digit) = self.end() {
            heard(Heard::Digit(digit));
        }
    }
}

fn of(found: Found) -> Heard {
    match found {
        Found::Pressed(key) => Heard::Pressed(key),
        Found::Released { key, duration_ms } => Heard::Digit(Digit { key, duration_ms }),
    }
}
