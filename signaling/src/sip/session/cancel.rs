//! CANCEL both ways, RFC 3261 §9, and the race with a 200.

use super::{Owner, reason};
use crate::sip::core::UserAgent;
use crate::sip::flow::Flow;
use crate::sip::header;
use crate::sip::message::{Message, Name};
use crate::sip::send::{ClientMachine, Reply, follow_up};
use crate::sip::transaction::Key;
use crate::switch::Now;

impl UserAgent {
    /// Their CANCEL: 200 for itself, 487 for the INVITE. When the INVITE has its final answer
    /// already, that answer stands.
    pub(in crate::sip) fn on_cancel(&mut self, now: Now, flow: Flow, request: &Message) {
        let invite = Key::of(request, Some(b"INVITE"))
            .and_then(|key| self.server_keys.get(&key).copied())
            .and_then(|id| Some((id, self.servers.get(&id)?)));
        let Some((_, tx)) = invite else {
            return self.reply(now, flow, request, &Reply::plain(481));
        };
        let (pending, leg) = (tx.machine.is_pending(), tx.leg);
        let tag = leg.and_then(|leg| self.legs.get(&leg)?.dialog.as_ref());
        let tag = tag.map_or_else(|| self.stateless_tag(request), |d| d.local_tag.clone());
        let Some(own) = self.start_server(now, flow, request, &tag) else { return };
        self.respond(now, own, 200, &[], None);
        if let Some(leg) = leg.filter(|_| pending) {
            self.count("calls_cancelled");
            let trunk = self.legs.get(&leg).and_then(|state| state.trunk);
            let said = self.cause_said(request, trunk);
            self.on_cancelled(now, leg, said.unwrap_or_else(|| cause_of_cancel(request)));
        }
    }

    /// The INVITE of this leg was cancelled: a new call ends, a re-INVITE is just withdrawn.
    fn on_cancelled(&mut self, now: Now, leg: terms::LegId, cause: u8) {
        let waiting = self.legs.get(&leg).is_some_and(|l| l.stage == super::Stage::Incoming);
        if waiting {
            return self.withdraw(now, leg, cause);
        }
        if let Some(tx) = self.legs.get_mut(&leg).and_then(|leg| leg.invite.take()) {
            self.respond(now, tx, 487, &[], None);
        }
    }

    /// Takes back a branch of ours: CANCEL now, or as soon as the first response came. A 200 that
    /// crosses it is acknowledged and ended with BYE.
    pub(super) fn cancel_branch(&mut self, now: Now, id: u64, cause: u8) {
        let Some(branch) = self.branches.get_mut(&id) else { return };
        branch.leg = None;
        if !branch.pending || branch.cancelled {
            return;
        }
        branch.wants_cancel = Some(cause);
        let tx = branch.tx;
        let calling = match self.clients.get(&tx).map(|tx| &tx.machine) {
            Some(ClientMachine::Invite(machine)) => machine.is_calling(),
            _ => return,
        };
        if !calling {
            self.send_cancel(now, id);
        }
    }

    pub(super) fn send_cancel(&mut self, now: Now, id: u64) {
        let give_up = now.moment + self.config.timing.give_up();
        let Some(branch) = self.branches.get_mut(&id) else { return };
        let Some(cause) = branch.wants_cancel.take() else { return };
        branch.cancelled = true;
        let (tx, hop, via_branch) = (branch.tx, branch.hop.clone(), branch.via_branch.clone());
        let Some(client) = self.clients.get_mut(&tx) else { return };
        let ClientMachine::Invite(machine) = &mut client.machine else { return };
        let request = machine.request();
        machine.give_up_at(give_up);
        self.timers
            .set(crate::sip::timers::Waiting::Client(tx), machine_timeout(&self.clients, tx));
        let reason = reason(cause);
        if let Some(cancel) = follow_up(&request, "CANCEL", None, &[("Reason", &reason)]) {
            self.start_client(now, hop, &via_branch, cancel, Owner::Nobody);
        }
    }
}

/// Why a call is taken back, without a cause of Q.850; 0 is not said. Proxies say in SIP's own words that
/// another phone has it (RFC 3326 §3.1), and phones that ring here are told so.
fn cause_of_cancel(request: &Message) -> u8 {
    if request.list(Name::Reason).any(is_answered_elsewhere) { 26 } else { 0 }
}

/// `SIP;cause=200`
fn is_answered_elsewhere(reason: &[u8]) -> bool {
    let protocol = reason.split(|&b| b == b';').next().map(header::trim).unwrap_or_default();
    protocol.eq_ignore_ascii_case(b"SIP") && header::param(reason, "cause") == Some(&b"200"[..])
}

fn machine_timeout(
    clients: &crate::id_map::IdMap<u64, crate::sip::send::ClientTx>,
    tx: u64,
) -> Option<terms::Moment> {
    match clients.get(&tx).map(|tx| &tx.machine) {
        Some(ClientMachine::Invite(machine)) => machine.next_timeout(),
        _ => None,
    }
}
