//! Our registrations at trunks, driven by the core: REGISTER, challenge, 423, again in time; at one
//! server of a trunk, or at each by itself.

use super::core::UserAgent;
use super::header::{NameAddr, param};
use super::message::{Message, Name};
use super::session::Owner;
use super::timers::Waiting;
use super::trunk::{TrunkKey, service_route};
use super::uri::decimal;
use super::write::Builder;
use crate::switch::Now;
use std::net::SocketAddr;
use terms::routing::Plan;

/// A registration: of which trunk, and at which of its servers where it has one at each.
type At = (TrunkKey, Option<SocketAddr>);

impl UserAgent {
    /// Takes a tenant's trunks; those that want to be registered begin at once.
    pub(super) fn set_trunks(&mut self, now: Now, plan: &Plan) {
        let before = self.trunks.keys();
        self.forget_certificates(plan);
        self.trunks.set(plan.tenant, &plan.trunks);
        for key in before {
            if self.trunks.get(key).is_none() {
                self.timers.set(Waiting::Trunk(key), None);
                self.tell_trunk(now, key);
            }
        }
        for key in self.trunks.keys().into_iter().filter(|key| key.0 == plan.tenant) {
            // Where each server has a connection, they are known first.
            if self.trunks.get(key).is_none_or(|trunk| !trunk.awaits_servers()) {
                self.begin_registrations(now, key);
            }
            self.watch_trunk(now, key);
        }
    }

    /// Those that a trunk wants and that have not begun: with its plan, and when more is known of its
    /// servers.
    pub(super) fn begin_registrations(&mut self, now: Now, key: TrunkKey) {
        let Some(trunk) = self.trunks.get_mut(key) else { return };
        trunk.spread_registrations();
        if trunk.plan.register && trunk.plan.outbound.is_some() {
            trunk.registrations.begin(now.moment);
        }
        self.arm_trunk(key);
    }

    pub(super) fn arm_trunk(&mut self, key: TrunkKey) {
        let at = self.trunks.get(key).and_then(|trunk| trunk.registrations.next_timeout());
        self.timers.set(Waiting::Trunk(key), at);
    }

    /// Its time has come: REGISTER.
    pub(super) fn register_trunk(&mut self, now: Now, key: TrunkKey) {
        let due = self.trunks.get(key).map(|trunk| trunk.registrations.due(now.moment));
        for server in due.unwrap_or_default() {
            self.send_register(now, (key, server), None);
        }
        self.arm_trunk(key);
    }

    fn send_register(&mut self, now: Now, (key, server): At, authorization: Option<(&str, &str)>) {
        let (tag, call_id) = (self.token(), format!("{}{}", self.token(), self.token()));
        let branch = format!("z9hG4bK{}", self.token());
        let Some(trunk) = self.trunks.get(key) else { return };
        let (Some(proxy), Some(own), Some(domain)) =
            (&trunk.proxy, trunk.own_name(), trunk.domain())
        else {
            return;
        };
        let hop = match server {
            None => self.hop_of(proxy, key),
            Some(address) => match trunk.servers.at(address) {
                Some(server) => self.hop_at(key, server),
                None => return,
            },
        };
        let seen = self.seen(&hop, None);
        let (via, contact) = (seen.via(&branch), seen.contact());
        let own = format!("<sip:{own}>");
        let uri = format!("sip:{domain}");
        let mut builder = Builder::request("REGISTER", uri.as_bytes());
        let Some(trunk) = self.trunks.get_mut(key) else { return };
        let wanted = trunk.plan.register_expires_s;
        let Some(registration) = trunk.registrations.at_mut(server) else { return };
        let asked = wanted.max(registration.expires_min_s);
        if registration.call_id.is_empty() {
            registration.call_id = call_id;
        }
        registration.on_asked();
        builder
            .header("Via", via)
            .header("Max-Forwards", "70")
            .header("From", format!("{own};tag={tag}"))
            .header("To", own)
            .header("Call-ID", &registration.call_id)
            .header("CSeq", format!("{} REGISTER", registration.seq))
            .header("Contact", contact)
            .header("Expires", asked.to_string())
            .header("Supported", "path")
            .header("User-Agent", &self.config.user_agent);
        if let Some((name, value)) = authorization {
            builder.header(name, value);
        }
        match builder.end() {
            Ok(bytes) => {
                self.start_client(now, hop, &branch, bytes, Owner::Register(key, server));
            }
            Err(error) => tracing::error!(%error, trunk = %key.1, "a REGISTER was not built"),
        }
    }

    pub(super) fn on_register_response(
        &mut self,
        now: Now,
        key: TrunkKey,
        server: Option<SocketAddr>,
        response: &Message,
    ) {
        let at = (key, server);
        match response.status() {
            100..200 => return,
            200..300 => self.on_trunk_registered(now, at, response),
            401 | 407 if self.answer_register_challenge(now, at, response) => return,
            423 if self.take_longer(now, at, response) => return,
            status => {
                self.count("trunk_registrations_failed");
                tracing::warn!(trunk = %key.1, status, "the trunk refused our registration");
                self.on_register_failed(now, key, server);
            }
        }
        self.arm_trunk(key);
    }

    pub(super) fn on_register_failed(
        &mut self,
        now: Now,
        key: TrunkKey,
        server: Option<SocketAddr>,
    ) {
        let trunk = self.trunks.get_mut(key);
        if let Some(registration) = trunk.and_then(|trunk| trunk.registrations.at_mut(server)) {
            registration.on_failed(now.moment);
        }
        // A server that does not know us is called after those that do.
        if let Some(address) = server {
            self.server_asked(now, key, address, false);
        }
        self.arm_trunk(key);
        self.tell_trunk(now, key);
    }

    /// The life that was granted to our contact, or the header's, or what we asked for.
    fn on_trunk_registered(&mut self, now: Now, (key, server): At, response: &Message) {
        let granted = response
            .list(Name::Contact)
            .filter_map(NameAddr::parse)
            .find_map(|contact| decimal(param(contact.params, "expires")?))
            .or(response.number(Name::Expires));
        if let Some(trunk) = self.trunks.get_mut(key) {
            let expires_s = granted.unwrap_or(trunk.plan.register_expires_s);
            if let Some(registration) = trunk.registrations.at_mut(server) {
                registration.on_granted(now.moment, expires_s, service_route(response));
            }
            self.count("trunk_registrations");
        }
        if let Some(address) = server {
            self.server_asked(now, key, address, true);
        }
        self.tell_trunk(now, key);
    }

    fn answer_register_challenge(&mut self, now: Now, at: At, response: &Message) -> bool {
        let (cnonce, (key, server)) = (self.token(), at);
        let Some(trunk) = self.trunks.get(key) else { return false };
        let challenged = trunk.registrations.at(server).is_none_or(|own| own.challenged);
        let Some(domain) = trunk.domain().filter(|_| !challenged) else {
            return false;
        };
        let uri = format!("sip:{domain}");
        let Some((name, value)) = self.authorize(key, response, "REGISTER", &uri, &cnonce) else {
            return false;
        };
        let trunk = self.trunks.get_mut(key);
        if let Some(registration) = trunk.and_then(|trunk| trunk.registrations.at_mut(server)) {
            registration.challenged = true;
        }
        self.send_register(now, at, Some((name, &value)));
        true
    }

    /// 423: ask for as long as they want, once more.
    fn take_longer(&mut self, now: Now, (key, server): At, response: &Message) -> bool {
        let Some(min) = response.number(Name::MinExpires).filter(|&s| s <= 86_400) else {
            return false;
        };
        let trunk = self.trunks.get_mut(key);
        let Some(registration) = trunk.and_then(|trunk| trunk.registrations.at_mut(server)) else {
            return false;
        };
        if min <= registration.expires_min_s {
            return false;
        }
        registration.expires_min_s = min;
        registration.challenged = false;
        self.send_register(now, (key, server), None);
        true
    }
}
