//! The end of a leg, RFC 3261 §15. A trunk may ask about the BYE of a call that went out over it: then it
//! is said once more, with credentials, where it goes to the trunk itself. A Contact may name anybody:
//! neither who called over a trunk is answered so, nor who was called and is reached past it.

use super::{Owner, Stage, cause, reason, sip_i};
use crate::sip::core::UserAgent;
use crate::sip::dialog::Dialog;
use crate::sip::message::Message;
use crate::sip::trunk::TrunkKey;
use crate::sip::write::Builder;
use crate::switch::Now;
use std::net::SocketAddr;
use terms::LegId;

/// A BYE that may be said once more; its leg is forgotten by then.
#[derive(Debug)]
pub(in crate::sip) struct Farewell {
    trunk: TrunkKey,
    dialog: Dialog,
    /// Where the messages of its leg came from.
    remote: SocketAddr,
    said: Said,
}

/// What a BYE says beside its dialog.
#[derive(Debug)]
struct Said {
    why: String,
    isup: Option<Vec<u8>>,
}

impl Said {
    fn write(&self, builder: &mut Builder) {
        builder.header("Reason", &self.why);
        if self.isup.is_some() {
            builder.header("Content-Disposition", sip_i::DISPOSITION);
        }
    }

    fn body(&self) -> (&'static str, &[u8]) {
        (sip_i::KIND, self.isup.as_deref().unwrap_or_default())
    }
}

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
        let said = Said { why: reason(cause), isup: self.release_of(leg, cause) };
        let add = |builder: &mut Builder| said.write(builder);
        let tx = self.request(now, leg, "BYE", Owner::Bye, add, said.body());
        let farewell = self.farewell(leg, said);
        if let Some(tx) = tx.and_then(|tx| self.clients.get_mut(&tx)) {
            tx.farewell = farewell;
        }
    }

    /// What is needed to say it once more where the leg is a call of ours over a trunk with a password,
    /// and the BYE goes to that trunk.
    fn farewell(&self, leg: LegId, said: Said) -> Option<Box<Farewell>> {
        let state = self.legs.get(&leg).filter(|state| state.is_outgoing())?;
        let trunk = state.trunk?;
        let trusted = self.trunks.get(trunk).filter(|trunk| trunk.is_reached_by(&state.hop));
        trusted?.plan.outbound.as_ref()?;
        let (dialog, remote) = (state.dialog.clone()?, state.flow.remote);
        Some(Box::new(Farewell { trunk, dialog, remote, said }))
    }

    /// The trunk asked who we are: say it once, when realm and trunk are the right ones.
    pub(super) fn on_bye_response(&mut self, now: Now, tx: u64, response: &Message) {
        if !matches!(response.status(), 401 | 407) {
            return;
        }
        let Some(tx) = self.clients.get_mut(&tx) else { return };
        let (Some(farewell), hop) = (tx.farewell.take(), tx.hop.clone()) else { return };
        let Farewell { trunk, mut dialog, remote, said } = *farewell;
        let (cnonce, branch) = (self.token(), format!("z9hG4bK{}", self.token()));
        let uri = String::from_utf8_lossy(&dialog.target).into_owned();
        let proof = self.authorize(trunk, response, "BYE", &uri, &cnonce);
        let Some((name, value)) = proof else { return };
        let seen = self.seen(&hop, Some(remote));
        let mut builder = dialog.request("BYE", &seen.via(&branch), None);
        self.dialog_headers(&mut builder, &seen);
        said.write(&mut builder);
        builder.header(name, &value);
        let (kind, body) = said.body();
        if let Ok(bye) = builder.finish(kind, body) {
            self.start_client(now, hop, &branch, bye, Owner::Nobody);
        }
    }
}
