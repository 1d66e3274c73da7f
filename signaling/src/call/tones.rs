//! What the far end of a call out says in tones, where its trunk is listened to (`Listening`): a network
//! that refuses in sound alone, a gateway to an analogue or mobile line that answers before anybody
//! does, and the answering machine of who is called before an agent is.
//!
//! Busy, congestion and special information end the attempt as a refusal does: before the answer with
//! the status and cause that they stand for, so that another trunk is tried where that may help; after
//! it, for [`ANSWERED_MAX`], as if the far end had hung up with that cause. Early media is listened to
//! whether or not somebody hears it. Everything that is heard is an entry of the event log.

use super::leg::{Bye, Leg, Sip};
use super::offer::offer_end;
use super::timers::Timer;
use super::{Call, Phase, cause, media, reroute};
use crate::sip::user_agent::Early;
use crate::switch::Cx;
use std::time::Duration;
use terms::LegId;
use terms::event::Party;
use terms::media::{Command, Progress, Watch};
use terms::routing::{Listening, Machines};

/// So long after the answer the far end is listened to: a line that is busy says so at once, and the
/// text of an answering machine rarely lasts longer.
const ANSWERED_MAX: Duration = Duration::from_secs(60);

/// What a leg is listened to for, and what is known of its far end.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Tones {
    watch: Watch,
    /// It rang there: with 180, or in its tones.
    rings: bool,
}

impl Call {
    /// A provisional answer came.
    pub(super) fn note_ringing(&mut self, id: LegId, status: u16) {
        if let Some(leg) = self.legs.get_mut(&id).filter(|_| status == 180) {
            leg.tones.rings = true;
        }
    }

    /// Early media begins.
    pub(super) fn listen_early(&mut self, cx: &mut Cx, id: LegId, early: &Early) {
        // Who speaks before the answer is the network, not a machine that was reached.
        let what = self.listens_for(id).map(|what| Watch { answerer: false, ..what });
        let Some(what) = what.filter(|what| !what.is_idle()) else { return };
        let is_connected = self.hears_early(id);
        let new = |leg: &&mut Leg| leg.sip == Sip::Trying && leg.tones.watch != what;
        let Some(leg) = self.legs.get_mut(&id).filter(new) else { return };
        if !is_connected {
            leg.encrypted = early.encrypted;
            let agreed =
                leg.local().map(|local| media::accept(local, &early.sdp, early.source, early.nat));
            let Some(Ok(remote)) = agreed else { return };
            self.connect_media(cx, id, remote);
        }
        self.listen_to(cx, id, what);
    }

    /// A phone that we ring answered, and nobody was told yet.
    pub(super) fn listen_answered(&mut self, cx: &mut Cx, id: LegId) {
        let Some(what) = self.listens_for(id) else { return };
        self.listen_to(cx, id, what);
        self.timers.set(Timer::Tones(id), cx.now.moment + ANSWERED_MAX);
    }

    /// What is listened for on a leg that is called; `None` where nothing is.
    fn listens_for(&self, id: LegId) -> Option<Watch> {
        let leg = self.legs.get(&id).filter(|leg| !leg.incoming)?;
        let Listening { tones, machines } = self.plan.trunk(leg.trunk?)?.listening;
        let may_be_a_machine = self.callback.is_some() || matches!(self.phase, Phase::Clicking(_));
        let answerer = machines != Machines::Ignore && may_be_a_machine;
        let what = Watch { tones, fax: false, answerer };
        (!what.is_idle()).then_some(what)
    }

    fn listen_to(&mut self, cx: &mut Cx, id: LegId, what: Watch) {
        let Some(leg) = self.legs.get_mut(&id) else { return };
        if std::mem::replace(&mut leg.tones.watch, what) != what {
            cx.media(Command::Watch { leg: id, what });
        }
    }

    /// Whoever answered is a person by now.
    pub(super) fn stop_listening_to(&mut self, cx: &mut Cx, id: LegId) {
        let fax = self.hears_fax(id);
        let Some(leg) = self.legs.get_mut(&id).filter(|leg| leg.is_alive()) else { return };
        leg.tones.watch = Watch::default();
        cx.media(Command::Watch { leg: id, what: Watch { fax, ..Watch::default() } });
    }

    /// Media heard something on a leg.
    pub(super) fn on_tone(&mut self, cx: &mut Cx, id: LegId, tone: Progress) {
        let listened = |leg: &&mut Leg| leg.is_alive() && !leg.tones.watch.is_idle();
        let Some(leg) = self.legs.get_mut(&id).filter(listened) else { return };
        leg.tones.rings |= tone == Progress::Ringback;
        let (answered, rings) = (leg.sip == Sip::Answered, leg.tones.rings);
        let by = self.party(id);
        match means(tone) {
            Some((_, cause)) if answered => self.leg_left(cx, id, cause, by, Bye::Hangup),
            Some((status, cause)) => {
                self.close_leg(cx, id, cause, by, Bye::Hangup);
                let again = reroute::another_may(status, cause, rings);
                self.phone_failed(cx, id, offer_end(status, rings), (status, cause), again);
            }
            None if self.ends_by_machine(id, tone) => {
                self.leg_left(cx, id, cause::NO_ANSWER, Party::System, Bye::Hangup);
            }
            None => {}
        }
    }

    /// Whether a machine is what answered, and nobody is on the line with it yet.
    fn ends_by_machine(&self, id: LegId, tone: Progress) -> bool {
        let is_machine = matches!(tone, Progress::Machine | Progress::Beep);
        let trunk = self.legs.get(&id).and_then(|leg| leg.trunk);
        let ends = trunk
            .and_then(|trunk| self.plan.trunk(trunk))
            .is_some_and(|trunk| trunk.listening.machines == Machines::End);
        let waits = matches!(self.phase, Phase::Waiting(_) | Phase::Clicking(_));
        is_machine && ends && waits && id == self.anchor
    }
}

/// The SIP status and Q.850 cause that a tone stands for; `None` where it refuses nothing.
fn means(tone: Progress) -> Option<(u16, u8)> {
    match tone {
        Progress::Busy => Some((486, cause::BUSY)),
        Progress::Congestion => Some((503, cause::CONGESTION)),
        // Mostly before the announcement of a number that is not in use.
        Progress::SpecialInformation => Some((404, cause::UNALLOCATED)),
        Progress::Ringback
        | Progress::FaxCalling
        | Progress::FaxAnswering
        | Progress::Beep
        | Progress::Human
        | Progress::Machine => None,
    }
}
