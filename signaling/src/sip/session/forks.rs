//! Their reliable provisional answers, RFC 3262 §4: each gets its PRACK, in the order of its fork. One
//! that comes again is read over, because its PRACK repeats itself; so is one that comes before its
//! turn, because it is sent again until it is acknowledged. Our INVITE has an offer, so no PRACK of ours
//! carries a description. A trunk that asks who we are gets its PRACK once more, with credentials.

use super::Owner;
use super::call_out::{Branch, FORKS_MAX, has_private_contact};
use crate::sip::core::UserAgent;
use crate::sip::dialog::Dialog;
use crate::sip::flow::{Flow, Hop};
use crate::sip::message::{Message, Name};
use crate::switch::Now;

/// One of those whom our INVITE reached, before it is answered.
#[derive(Debug)]
pub(super) struct Fork {
    tag: Box<[u8]>,
    pub(super) dialog: Dialog,
    hop: Hop,
    /// RSeq of the last one in order.
    rseq: u32,
    /// It has answered our offer, and we have acknowledged that.
    pub(super) described: bool,
}

/// Which provisional answer a PRACK acknowledges: its number, and the CSeq number of its INVITE.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::sip) struct RAck {
    rseq: u32,
    invite: u32,
}

/// What a reliable provisional answer is among those of its fork.
enum Order {
    First,
    Next,
    Again,
    Early,
    TooMany,
}

impl Branch {
    pub(super) fn fork_mut(&mut self, tag: &[u8]) -> Option<&mut Fork> {
        self.forks.iter_mut().find(|fork| fork.tag[..] == *tag)
    }

    /// CSeq number of the last request that this fork had of us; 0 where it had none but the INVITE.
    pub(super) fn seq_toward(&self, tag: &[u8]) -> u32 {
        let fork = self.forks.iter().find(|fork| fork.tag[..] == *tag);
        fork.map_or(0, |fork| fork.dialog.local_seq)
    }

    fn order(&self, tag: &[u8], rseq: u32) -> Order {
        match self.forks.iter().find(|fork| fork.tag[..] == *tag) {
            None if self.forks.len() >= FORKS_MAX => Order::TooMany,
            None => Order::First,
            Some(fork) if fork.rseq == rseq => Order::Again,
            Some(fork) if fork.rseq.checked_add(1) == Some(rseq) => Order::Next,
            Some(_) => Order::Early,
        }
    }
}

impl UserAgent {
    /// Acknowledges a provisional answer that wants it. False where it is to be read over.
    pub(super) fn is_in_order(
        &mut self,
        now: Now,
        flow: Flow,
        id: u64,
        response: &Message,
    ) -> bool {
        let wanted = response.status() > 100 && response.lists(Name::Require, "100rel");
        let Some(rseq) = response.number(Name::RSeq).filter(|_| wanted) else { return true };
        let (Some(tag), Some(cseq)) = (response.to_tag(), response.cseq()) else { return false };
        let Some(branch) = self.branches.get(&id) else { return false };
        match branch.order(tag, rseq) {
            Order::First => {
                let dialog = branch.dialog.with_response(response);
                let nat = branch.nat || has_private_contact(response, &flow);
                let behind = nat && !dialog.has_routes();
                let hop = self.hop_to(dialog.next_hop(), flow, behind).of(branch.trunk);
                let fork = Fork { tag: tag.into(), dialog, hop, rseq, described: false };
                if let Some(branch) = self.branches.get_mut(&id) {
                    branch.forks.push(fork);
                }
            }
            Order::Next => {}
            Order::Again => {
                self.count("progress_again");
                return false;
            }
            Order::Early => {
                self.count("progress_out_of_order");
                return false;
            }
            Order::TooMany => {
                self.count("forks_unanswered");
                return false;
            }
        }
        let Some(fork) = self.branches.get_mut(&id).and_then(|branch| branch.fork_mut(tag)) else {
            return false;
        };
        fork.rseq = rseq;
        fork.described |= response.sdp().is_some();
        let rack = RAck { rseq, invite: cseq.number };
        self.say_prack(now, flow, (id, tag), rack, None);
        true
    }

    /// Acknowledges one provisional answer of a fork. With `proof`, the name and value of a header,
    /// whatever is said of it is read over.
    fn say_prack(
        &mut self,
        now: Now,
        flow: Flow,
        (id, tag): (u64, &[u8]),
        rack: RAck,
        proof: Option<(&str, &str)>,
    ) {
        let via_branch = format!("z9hG4bK{}", self.token());
        let fork = self.branches.get_mut(&id).and_then(|branch| branch.fork_mut(tag));
        let Some(hop) = fork.map(|fork| fork.hop.clone()) else { return };
        let via = self.seen(&hop, Some(flow.remote)).via(&via_branch);
        let built = self.branches.get_mut(&id).and_then(|branch| {
            let mut prack = branch.fork_mut(tag)?.dialog.request("PRACK", &via, None);
            prack.header("RAck", format!("{} {} INVITE", rack.rseq, rack.invite));
            if let Some((name, value)) = proof {
                prack.header(name, value);
            }
            prack.end().ok()
        });
        let Some(prack) = built else { return };
        let owner = if proof.is_some() { Owner::Nobody } else { Owner::Prack(id, rack) };
        self.start_client(now, hop, &via_branch, prack, owner);
    }

    /// The trunk asked who we are: say it once, when realm and trunk are the right ones. A Contact may
    /// name anybody: what goes past the trunk is not said again.
    pub(super) fn on_prack_response(
        &mut self,
        now: Now,
        flow: Flow,
        (id, rack): (u64, RAck),
        response: &Message,
    ) {
        if !matches!(response.status(), 401 | 407) {
            return;
        }
        let (cnonce, tag) = (self.token(), response.to_tag().unwrap_or_default());
        let Some(branch) = self.branches.get_mut(&id).filter(|branch| branch.leg.is_some()) else {
            return;
        };
        let (Some(key), Some(fork)) = (branch.trunk, branch.fork_mut(tag)) else { return };
        let uri = String::from_utf8_lossy(&fork.dialog.target).into_owned();
        let hop = fork.hop.clone();
        if !self.trunks.get(key).is_some_and(|trunk| trunk.is_reached_by(&hop)) {
            return;
        }
        if let Some((name, value)) = self.authorize(key, response, "PRACK", &uri, &cnonce) {
            self.say_prack(now, flow, (id, tag), rack, Some((name, &value)));
        }
    }

    /// Nothing more will come of this try.
    pub(super) fn drop_branch(&mut self, id: u64) {
        if let Some(branch) = self.branches.remove(&id) {
            self.early_tags.remove(&branch.dialog.local_tag);
        }
    }
}
