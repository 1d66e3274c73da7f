//! What a leg is heard to say in its audio: digits as tones, and what it is watched for.
//!
//! The ear works on a copy, so a relayed leg stays relayed. Between two parties of whom only one
//! knows events, digits are made anew: tones become events as soon as they are recognised, and the
//! tone is muted toward the other from then on; events become tones once they are complete. Where the
//! digits of a leg are kept, they are told and nothing of them goes on.

use super::{Alarm, Shard};
use crate::detect::ear::{Ear, Heard, hears_keys};
use crate::dtmf::Digit;
use crate::leg::{Agreed, LegIdx, Route};
use crate::room::Mode;
use crate::rtp::Header;
use terms::Moment;
use terms::media::{Event, PlayEnd, Progress, Watch};

impl Shard {
    pub(super) fn watch(&mut self, now: Moment, idx: LegIdx, what: Watch) {
        let Some(leg) = self.leg_mut(idx) else { return };
        leg.watch = what;
        let what = leg.listens_for();
        let goes_on = leg.ear.as_mut().map(|ear| ear.watch(what));
        match goes_on {
            Some(true) => {}
            Some(false) => leg.ear = None,
            None => self.open_ear(now, idx),
        }
    }

    /// Gives a leg the ear that its agreement asks for.
    pub(super) fn open_ear(&mut self, now: Moment, idx: LegIdx) {
        let Some(leg) = self.leg_mut(idx) else { return };
        let Some(agreed) = &leg.agreed else { return };
        let receive = agreed.remote.receive;
        // What sounds like a key is a modem's.
        let has_events = receive.dtmf.is_some() || leg.modem;
        let what = leg.listens_for();
        let hears_keys = hears_keys(receive.codec, has_events);
        let is_same = |ear: &Ear| ear.codec() == receive.codec && ear.hears_keys() == hears_keys;
        if let Some(ear) = leg.ear.as_deref_mut().filter(|ear| is_same(ear)) {
            if ear.watches() != what && !ear.watch(what) {
                leg.ear = None;
            }
            return;
        }
        let cut_off = leg.ear.as_mut().and_then(|ear| ear.end());
        leg.ear = Ear::new(receive.codec, has_events, what).map(Box::new);
        if let Some(digit) = cut_off {
            self.tell_digit(now, idx, digit);
        }
    }

    /// Takes a copy of one packet of audio.
    pub(super) fn hear(&mut self, now: Moment, idx: LegIdx, header: &Header, payload: &[u8]) {
        let Some(leg) = self.leg_mut(idx) else { return };
        let Some(ear) = &mut leg.ear else { return };
        // Allocates only when something is heard.
        let mut all = Vec::new();
        ear.hear(now, (header.ssrc, header.time), payload, |heard| all.push(heard));
        for heard in all {
            match heard {
                Heard::Pressed(key) => self.on_pressed(now, idx, key),
                Heard::Digit(digit) => self.tell_digit(now, idx, digit),
                Heard::Progress(tone) => {
                    let leg = self.leg(idx).expect("it was just heard");
                    let (id, asked) = (leg.id, leg.watch);
                    let is_fax = matches!(tone, Progress::FaxCalling | Progress::FaxAnswering);
                    if !is_fax || asked.fax {
                        self.events.push_back(Event::Progress { leg: id, tone });
                    }
                    if is_fax {
                        self.become_modem(now, idx);
                    }
                }
            }
        }
    }

    fn on_pressed(&mut self, now: Moment, idx: LegIdx, key: char) {
        self.interrupt(idx, key);
        let leg = self.leg(idx).expect("it was just heard");
        let (timeout, hearer) =
            (leg.ear.as_ref().and_then(|ear| ear.next_timeout()), leg.digits_to);
        if let Some(timeout) = timeout {
            self.set_alarm(idx, timeout, Alarm::Digit);
        }
        if let Some(hearer) = hearer {
            self.send_digits(now, hearer, key.encode_utf8(&mut [0; 4]));
        }
    }

    /// A key went down: what it may interrupt stops.
    pub(super) fn interrupt(&mut self, idx: LegIdx, key: char) {
        let player = self.leg(idx).and_then(|leg| leg.player.as_ref());
        if player.is_some_and(|player| player.stops_at(key)) {
            self.stop_play(idx, None, PlayEnd::Interrupted);
        }
    }

    /// A key press is complete.
    pub(super) fn tell_digit(&mut self, now: Moment, idx: LegIdx, digit: Digit) {
        let Some(leg) = self.leg_mut(idx) else { return };
        // What was said while the key was down still waits in the jitter buffer.
        let behind = leg.jitter.as_ref().map(|jitter| jitter.delay());
        leg.muted_until = behind.map(|behind| now + behind);
        let (leg, Digit { key, duration_ms }) = (leg.id, digit);
        self.events.push_back(Event::Digit { leg, digit: key, duration_ms });
    }

    /// The other of two parties for whom the digits of `from`, who has its seat, are made anew:
    /// events are not mixed, be it for another codec or for a whisper, and who knows none needs tones.
    pub(super) fn digits_to(&self, mode: Mode, from: LegIdx) -> Option<LegIdx> {
        if self.leg(from).is_some_and(|leg| leg.digits_kept) {
            return None;
        }
        let (one, two) = match mode {
            Mode::Relay(one, two) | Mode::Convert(one, two) => (one, two),
            Mode::Idle | Mode::Mix => return None,
        };
        let to = if from == one {
            two
        } else if from == two {
            one
        } else {
            return None;
        };
        let is_relayed = self.leg(from).is_some_and(|leg| leg.route == Route::Relay(to));
        let agreed = |idx| self.leg(idx).and_then(|leg| leg.agreed.as_ref());
        let (says, hears): (&Agreed, &Agreed) = (agreed(from)?, agreed(to)?);
        let (says, hears) = (says.remote.receive, hears.remote.send);
        let translates = match (says.dtmf.is_some(), hears.dtmf.is_some()) {
            (true, true) => !is_relayed,
            (true, false) => true,
            (false, true) => hears_keys(says.codec, false),
            // The tone goes through with the audio.
            (false, false) => false,
        };
        translates.then_some(to)
    }
}
