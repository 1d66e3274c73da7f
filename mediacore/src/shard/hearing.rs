//! What a leg is heard to say in its audio: digits as tones, and what it is watched for.
//!
//! The ear works on a copy, so a relayed leg stays relayed. Between two parties of whom only one
//! knows events, or whose events count on different clocks, digits are made anew, from when a key goes
//! down until it is let go: tones become events as soon as they are recognised, and the tone is muted
//! toward the other from then on; events become tones. A key ends by itself where its end never
//! comes: packets stop, the leg closes, or another party is heard. Where the digits of a leg are kept,
//! they are told and nothing of them goes on.

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
        if let Some(timeout) = leg.ear.as_ref().and_then(|ear| ear.next_timeout()) {
            self.set_alarm(idx, timeout, Alarm::Digit);
        }
        self.press_anew(now, idx, key, None);
    }

    /// A key of `idx` went down: it begins for the other, for whom it is made anew. It has been held
    /// for `held_ms`, where its packets say so.
    pub(super) fn press_anew(&mut self, now: Moment, idx: LegIdx, key: char, held_ms: Option<u32>) {
        let Some(hearer) = self.leg(idx).and_then(|leg| leg.digits_to) else { return };
        let Some(leg) = self.leg_mut(hearer) else { return };
        let Some(agreed) = &leg.agreed else { return };
        let taken = match agreed.remote.send.dtmf {
            Some(_) => leg.sender.press(key, held_ms),
            None => leg.keypad.press(key),
        };
        if taken {
            self.start_frames(now, hearer);
        }
    }

    /// It goes on for the other.
    pub(super) fn hold_anew(&mut self, idx: LegIdx, held_ms: Option<u32>) {
        let hearer = self.leg(idx).and_then(|leg| leg.digits_to);
        if let (Some(hearer), Some(held_ms)) = (hearer, held_ms)
            && let Some(leg) = self.leg_mut(hearer)
        {
            leg.sender.hold(held_ms);
        }
    }

    /// The digits of `idx` are made anew for somebody else from now on, or for nobody: a key that is
    /// down ends for the one before.
    pub(super) fn set_digits_to(&mut self, idx: LegIdx, to: Option<LegIdx>) {
        let Some(leg) = self.leg_mut(idx) else { return };
        let before = std::mem::replace(&mut leg.digits_to, to);
        if let Some(before) = before.filter(|_| before != to) {
            self.cut_anew(before);
        }
    }

    fn cut_anew(&mut self, hearer: LegIdx) {
        if let Some(leg) = self.leg_mut(hearer) {
            leg.sender.cut();
            leg.keypad.let_go(0);
        }
    }

    fn let_go_anew(&mut self, hearer: LegIdx, held_ms: u32) {
        if let Some(leg) = self.leg_mut(hearer) {
            // Whichever way it went down: what was agreed may have changed since.
            leg.sender.let_go(held_ms);
            leg.keypad.let_go(held_ms);
        }
    }

    /// A key went down: what it may interrupt stops.
    pub(super) fn interrupt(&mut self, idx: LegIdx, key: char) {
        let player = self.leg(idx).and_then(|leg| leg.player.as_ref());
        if player.is_some_and(|player| player.stops_at(key)) {
            self.stop_play(idx, None, PlayEnd::Interrupted);
        }
    }

    /// A key press is complete: it is told, and ends for the one for whom it is made anew.
    pub(super) fn tell_digit(&mut self, now: Moment, idx: LegIdx, digit: Digit) {
        let Some(leg) = self.leg_mut(idx) else { return };
        // What was said while the key was down still waits in the jitter buffer.
        let behind = leg.jitter.as_ref().map(|jitter| jitter.delay());
        leg.muted_until = behind.map(|behind| now + behind);
        let (leg, hearer, Digit { key, duration_ms }) = (leg.id, leg.digits_to, digit);
        self.events.push_back(Event::Digit { leg, digit: key, duration_ms });
        if let Some(hearer) = hearer {
            self.let_go_anew(hearer, duration_ms);
        }
    }

    /// The other of two parties for whom the digits of `from`, who has its seat, are made anew:
    /// events are not mixed, be it for another codec or for a whisper, who counts on another clock needs
    /// other segments, and who knows none needs tones.
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
            // A long press on another clock may need other segments.
            (true, true) => !is_relayed || says.dtmf_hz != hears.dtmf_hz,
            (true, false) => true,
            (false, true) => hears_keys(says.codec, false),
            // The tone goes through with the audio.
            (false, false) => false,
        };
        translates.then_some(to)
    }
}
