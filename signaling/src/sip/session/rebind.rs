//! A phone whose connection broke registers again over a new one: its dialogs go on there. A browser
//! changes networks in the middle of a call, and is restarted by nobody; without this our BYE and
//! re-INVITE would go to a connection that is gone. What waited for it goes there now. A phone that has
//! registered over several connections (RFC 5626) need not do so again: its dialogs go on over another one.

use super::{Leg, Owner};
use crate::sip::core::UserAgent;
use crate::sip::flow::{ConnectionId, Flow, Hop};
use crate::sip::header::NameAddr;
use crate::sip::message::{Message, Name};
use crate::sip::registrar::Who;
use crate::sip::uri::Uri;
use crate::switch::Now;
use terms::LegId;

impl UserAgent {
    /// The dialogs of this agent's phone that registers go on over `flow`. Behind a proxy the way is
    /// the proxy's. `before` has Contacts that the same phone had before a kill.
    pub(in crate::sip) fn rebind(
        &mut self,
        now: Now,
        who: Who,
        flow: Flow,
        register: &Message,
        before: &[Box<[u8]>],
    ) {
        let contacts: Vec<&[u8]> = register
            .list(Name::Contact)
            .filter_map(NameAddr::parse)
            .map(|contact| contact.uri)
            .chain(before.iter().map(|contact| &contact[..]))
            .collect();
        let is_registered =
            |target: &[u8]| contacts.iter().any(|contact| is_one_phone(contact, target));
        let moved: Vec<LegId> = self
            .legs
            .iter()
            .filter(|(_, leg)| leg.phone == Some(who) && leg.flow.transport == flow.transport)
            .filter(|(_, leg)| {
                let dialog = leg.dialog.as_ref().filter(|dialog| !dialog.has_routes());
                dialog.is_some_and(|dialog| is_registered(&dialog.target))
            })
            .map(|(&id, _)| id)
            .collect();
        for id in moved {
            if let Some(leg) = self.legs.get_mut(&id) {
                leg.flow = flow;
                leg.hop = Hop::from(flow);
            }
            self.touch(id);
            self.count("dialogs_rebound");
            self.say_what_is_due(now, id);
        }
    }

    /// A connection closes, and the registrar still knows who is behind it: what follows in dialogs over it
    /// goes over another connection of the same phone, where there is one. Behind a proxy the way is the
    /// proxy's.
    pub(in crate::sip) fn move_dialogs(&mut self, now: Now, connection: ConnectionId) {
        let mut moved: Vec<(LegId, Flow)> = Vec::new();
        for &who in self.registrar.behind(connection) {
            let others = self.registrar.other_flows(who, connection);
            if others.iter().all(|(_, other)| other.is_none()) {
                continue;
            }
            let here = |leg: &Leg| leg.phone == Some(who) && leg.hop.connection == Some(connection);
            for (&id, leg) in self.legs.iter().filter(|(_, leg)| here(leg)) {
                let dialog = leg.dialog.as_ref().filter(|dialog| !dialog.has_routes());
                let flow = dialog.and_then(|dialog| flow_of(&others, &dialog.target));
                moved.extend(flow.map(|flow| (id, flow)));
            }
        }
        moved.sort_unstable_by_key(|(id, _)| *id);
        for (id, flow) in moved {
            if let Some(leg) = self.legs.get_mut(&id) {
                (leg.flow, leg.hop) = (flow, Hop::from(flow));
            }
            self.touch(id);
            self.count("dialogs_rebound");
            if self.takes_back_probe(connection, id) {
                self.probe(now, id);
            }
        }
    }

    /// Whether they are there was asked over the connection that closes: no answer is none of theirs.
    fn takes_back_probe(&mut self, connection: ConnectionId, leg: LegId) -> bool {
        let Some(closed) = self.connections.get(&connection) else { return false };
        let mut asked = false;
        for client in &closed.clients {
            if let Some(tx) = self.clients.get_mut(client)
                && tx.owner == Owner::Probe(leg)
            {
                tx.owner = Owner::Nobody;
                asked = true;
            }
        }
        asked
    }
}

/// The other connection of the phone that this is the target of. Some name themselves otherwise in a dialog:
/// a phone that is alone behind its connection is the one.
fn flow_of(others: &[(&[u8], Option<Flow>)], target: &[u8]) -> Option<Flow> {
    let named = others.iter().find(|(contact, _)| is_one_phone(contact, target));
    let alone = || others.first().filter(|_| others.len() == 1);
    named.or_else(alone).and_then(|(_, flow)| *flow)
}

/// Two Contacts are of one phone. It is told by user and host, which a browser makes of random letters;
/// parameters differ between registration and dialog.
pub(super) fn is_one_phone(one: &[u8], other: &[u8]) -> bool {
    let (Some(one), Some(other)) = (Uri::parse(one), Uri::parse(other)) else { return false };
    one.user == other.user && one.host == other.host
}
