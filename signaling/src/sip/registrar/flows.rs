//! The flows of a phone (RFC 5626): it may register over several connections, each under a number of its
//! own, and is one phone that is called over one of them.

use super::{Binding, Registrar, Who};
use crate::sip::flow::{ConnectionId, Flow};
use crate::sip::header::{NameAddr, param};
use crate::sip::message::{Message, Name};

/// How often a phone shows at least that it is there, in seconds: the longest that phones take of their
/// own accord (RFC 5626 §4.4.1), and far below what a silent connection has.
pub(crate) const FLOW_TIMER_S: u32 = 120;

/// The ways to each phone, the newest first: whoever registers again comes last in the list.
pub(crate) fn by_phone<'a>(bindings: impl Iterator<Item = &'a Binding>) -> Vec<Vec<&'a Binding>> {
    let mut phones: Vec<Vec<&Binding>> = Vec::new();
    for binding in bindings {
        match phones.iter_mut().find(|phone| binding.is_same_phone(phone[0])) {
            Some(phone) => phone.insert(0, binding),
            None => phones.push(vec![binding]),
        }
    }
    phones
}

/// The phone asks that calls come over this flow, and they can: it is a connection of its own to us.
/// One through a proxy would need the proxy's word; by datagrams nothing of it is kept alive.
pub(crate) fn is_kept(flow: &Flow, request: &Message) -> bool {
    let is_named = |contact: &[u8]| {
        let contact = NameAddr::parse(contact);
        contact.is_some_and(|contact| names_flow(&instance_of(contact.params)))
    };
    flow.connection.is_some()
        && request.lists(Name::Supported, "outbound")
        && request.list(Name::Via).nth(1).is_none()
        && request.list(Name::Contact).any(is_named)
}

/// Longest name of a phone that is kept; a longer one is as good as none.
pub(super) const INSTANCE_BYTES_MAX: usize = 128;

/// `+sip.instance` with `reg-id`.
pub(super) fn instance_of(params: &[u8]) -> Box<[u8]> {
    let name = param(params, "+sip.instance").unwrap_or_default();
    let way = param(params, "reg-id").unwrap_or_default();
    if name.is_empty() || name.len() + way.len() > INSTANCE_BYTES_MAX {
        return Box::default();
    }
    [name, b" ", way].concat().into()
}

/// Which phone it is, and which of its flows.
fn parts(instance: &[u8]) -> (&[u8], &[u8]) {
    let end = instance.iter().rposition(|&octet| octet == b' ');
    end.map_or((instance, &b""[..]), |end| (&instance[..end], &instance[end + 1..]))
}

fn names_flow(instance: &[u8]) -> bool {
    !parts(instance).1.is_empty()
}

impl Registrar {
    /// Each phone of theirs behind this connection by its Contact here, with the newest of its other
    /// connections, where it has one. What was encrypted stays so.
    pub(crate) fn other_flows(
        &self,
        who: Who,
        connection: ConnectionId,
    ) -> Vec<(&[u8], Option<Flow>)> {
        let bindings = self.bindings(who);
        let here = bindings.iter().filter(|one| one.flow.connection == Some(connection));
        let other = |here: &Binding| {
            let fits = |other: &&Binding| {
                let is_other = other.flow.connection.is_some_and(|other| other != connection);
                is_other && here.is_same_phone(other) && here.flow.transport == other.flow.transport
            };
            bindings.iter().rev().find(fits).map(|other| other.flow)
        };
        here.map(|here| (&here.contact[..], other(here))).collect()
    }
}

impl Binding {
    /// A registration is about this one: it is the same phone on the same of its ways, whose Contact
    /// may have changed, or has the same Contact and says of no other way.
    pub(super) fn is_of(&self, contact: &[u8], instance: &[u8]) -> bool {
        let same = !instance.is_empty() && *self.instance == *instance;
        let other_way = names_flow(instance)
            && names_flow(&self.instance)
            && parts(instance).0 == parts(&self.instance).0;
        same || *self.contact == *contact && !other_way
    }

    fn is_same_phone(&self, other: &Binding) -> bool {
        let phone = parts(&self.instance).0;
        !phone.is_empty() && phone == parts(&other.instance).0
    }
}
