//! Where an INVITE of ours may go: the phones of an agent, or the server of a trunk whose turn it is.

use super::cause;
use super::rebind::is_one_phone;
use crate::sip::core::UserAgent;
use crate::sip::flow::{Hop, Host, Transport};
use crate::sip::registrar::{Binding, Who, by_phone};
use crate::sip::trunk::{Proxy, TrunkKey};
use crate::sip::uri::without_headers;
use crate::sip::user_agent::{Destination, Invite};
use crate::switch::Now;

/// Where one branch goes.
#[derive(Debug)]
pub(super) struct Way {
    pub(super) target: Vec<u8>,
    pub(super) hop: Hop,
    pub(super) nat: bool,
    /// Our host in From.
    pub(super) domain: Option<String>,
    pub(super) trunk: Option<TrunkKey>,
    /// Another flow of the same phone, for when this one is dead.
    pub(super) next: Option<Box<Way>>,
}

/// To a phone over the first of its flows.
fn way_to(flows: &[&Binding]) -> Option<Way> {
    flows.iter().rev().fold(None, |next, binding| {
        Some(Way {
            target: without_headers(&binding.contact).to_vec(),
            hop: binding.hop(),
            nat: binding.nat,
            domain: None,
            trunk: None,
            next: next.map(Box::new),
        })
    })
}

impl UserAgent {
    pub(super) fn ways(
        &mut self,
        now: Now,
        invite: &Invite,
    ) -> Result<(Vec<Way>, Option<TrunkKey>), (u16, u8)> {
        match &invite.to {
            Destination::Agent(tenant, agent) => {
                let bindings = self.registrar.bindings((*tenant, *agent)).to_vec();
                let lost = invite.not_at.and_then(|leg| self.legs.get(&leg)?.dialog.as_ref());
                let has_it = |contact: &[u8]| {
                    lost.is_some_and(|dialog| is_one_phone(contact, &dialog.target))
                };
                let ringing = bindings
                    .iter()
                    .filter(|binding| binding.flow.transport.is_websocket() == invite.browser)
                    .filter(|binding| !has_it(&binding.contact))
                    .filter(|binding| self.may_ring(invite, (*tenant, *agent), binding));
                let phones = by_phone(ringing);
                let ways: Vec<Way> = phones.iter().filter_map(|flows| way_to(flows)).collect();
                if ways.is_empty() {
                    return Err((480, cause::SUBSCRIBER_ABSENT));
                }
                Ok((ways, None))
            }
            Destination::Trunk(tenant, trunk, number) => {
                let key = (*tenant, *trunk);
                let entry = self.trunks.get_mut(key).ok_or((404, cause::NO_ROUTE))?;
                let proxy = entry.proxy.clone().ok_or((404, cause::NO_ROUTE))?;
                let own_domain = entry.own_domain();
                if !entry.enter(now.moment) {
                    return Err((503, cause::CONGESTION));
                }
                entry.servers.draw(now.moment, &mut self.rng);
                Ok((vec![self.way_over(key, &proxy, number, own_domain)], Some(key)))
            }
        }
    }

    /// Whether a call to this agent rings at this phone of theirs. Who is at the agent's phone in their
    /// place is at none of the devices that registered by a code.
    pub(super) fn may_ring(
        &self,
        invite: &Invite,
        (tenant, agent): Who,
        binding: &Binding,
    ) -> bool {
        let own = self.tenants.get(&tenant).and_then(|tenant| tenant.agents.get(&agent));
        !invite.at_desk || own.is_some_and(|(number, _)| binding.is_by(number))
    }

    /// To the server of the trunk whose turn it is.
    pub(super) fn way_over(
        &self,
        key: TrunkKey,
        proxy: &Proxy,
        number: &str,
        domain: Option<String>,
    ) -> Way {
        let hop = self.hop_of(proxy, key);
        let uri = self.trunks.get(key).and_then(|trunk| trunk.uri_of(number));
        let target = uri.unwrap_or_default().into_bytes();
        Way { target, hop, nat: false, domain, trunk: Some(key), next: None }
    }

    pub(in crate::sip) fn hop_of(&self, proxy: &Proxy, trunk: TrunkKey) -> Hop {
        let server = self.trunks.get(trunk).and_then(|trunk| trunk.servers.first());
        let (transport, host) = match (&proxy.host, server) {
            (Host::Name(..), Some(server)) => (server.transport, Host::Address(server.address)),
            (host, _) => (proxy.transport, host.clone()),
        };
        let server = match host {
            Host::Address(address) => Some(address),
            Host::Name(..) => None,
        };
        let listener = self.listener_for(transport, server);
        let known = self.trunks.get(trunk).filter(|_| transport == Transport::Tls);
        let connection = known.and_then(|trunk| trunk.connection_to(server));
        Hop { listener, transport, host, connection, trunk: Some(trunk) }
    }
}
