//! The end of a leg, RFC 3261 §15.

use super::{Owner, Stage, cause, reason, sip_i};
use crate::sip::core::UserAgent;
use crate::sip::message::Message;
use crate::sip::write::Builder;
use crate::switch::Now;
use terms::LegId;

impl UserAgent {
    /// Their BYE.
    pub(in crate::sip) fn on_bye(&mut self, now: Now, leg: LegId, tx: u64, request: &Message) {
        let trunk = self.legs.get(&leg).and_then(|state| state.trunk);
        self.note_release(tx, request, trunk);
        self.respond(now, tx, 200, &[], None);
        let cause = self.cause_said(request, trunk).unwrap_or(cause::NORMAL);
        self.refuse_pending(now, leg);
        self.end(leg, cause);
    }

    /// Requests of theirs that still wait get 487: the dialog is gone.
    fn refuse_pending(&mut self, now: Now, leg: LegId) {
        let Some(state) = self.legs.get_mut(&leg) else { return };
        let waiting = [
            state.invite.take(),
            state.update.take(),
            state.refer.take().and_then(|refer| refer.waiting()),
        ];
        for tx in waiting.into_iter().flatten() {
            self.respond(now, tx, 487, &[], None);
        }
    }

    /// The switch lets go of a leg, whatever its state.
    pub(in crate::sip) fn hangup(&mut self, now: Now, leg: LegId, cause: u8) {
        let Some(state) = self.legs.get_mut(&leg) else { return };
        match state.stage {
            Stage::Incoming => {
                let gone = self.release(leg);
                if let Some(tx) = gone.and_then(|gone| gone.invite) {
                    self.refuse_with_cause(now, tx, cause);
                }
            }
            Stage::Outgoing => {
                let gone = self.release(leg);
                for branch in gone.map(|gone| gone.branches).unwrap_or_default() {
                    self.cancel_branch(now, branch, cause);
                }
            }
            // Until our 200 is acknowledged there may be no BYE (RFC 3261 §15).
            Stage::Confirmed if state.answered.as_ref().is_some_and(|a| a.initial()) => {
                state.stage = Stage::Closing(cause);
                self.light(leg);
            }
            Stage::Confirmed if state.adrift.is_some() => self.close_adrift(now, leg, cause),
            Stage::Confirmed => self.say_bye(now, leg, cause, false),
            Stage::Closing(_) => {}
        }
    }

    /// BYE, and the leg is over. `tell` where the switch does not know yet.
    pub(super) fn say_bye(&mut self, now: Now, leg: LegId, cause: u8, tell: bool) {
        self.send_bye(now, leg, cause);
        if tell {
            self.end(leg, cause);
        } else {
            self.release(leg);
        }
    }

    /// BYE, and the leg is still known.
    pub(super) fn send_bye(&mut self, now: Now, leg: LegId, cause: u8) {
        self.refuse_pending(now, leg);
        let why = reason(cause);
        let isup = self.release_of(leg, cause);
        let add = |builder: &mut Builder| {
            builder.header("Reason", &why);
            if isup.is_some() {
                builder.header("Content-Disposition", sip_i::DISPOSITION);
            }
        };
        let body = (sip_i::KIND, isup.as_deref().unwrap_or_default());
        self.request(now, leg, "BYE", Owner::Nobody, add, body);
    }
}
