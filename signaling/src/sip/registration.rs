//! Our registrations at trunks, driven by the core: REGISTER, challenge, 423, again in time.

use super::core::UserAgent;
use super::flow::ConnectionId;
use super::header::{NameAddr, param};
use super::message::{Message, Name};
use super::session::Owner;
use super::timers::Waiting;
use super::trunk::{TrunkKey, service_route};
use super::uri::decimal;
use super::write::Builder;
use crate::switch::Now;
use terms::routing::Plan;

impl UserAgent {
    /// Takes a tenant's trunks; those that want to be registered begin at once.
    pub(super) fn set_trunks(&mut self, now: Now, plan: &Plan) {
        let before = self.trunks.keys();
        self.trunks.set(plan.tenant, &plan.trunks);
        for key in before {
            if self.trunks.get(key).is_none() {
                self.timers.set(Waiting::Trunk(key), None);
                self.tell_trunk(now, key);
            }
        }
        for key in self.trunks.keys().into_iter().filter(|key| key.0 == plan.tenant) {
            let Some(trunk) = self.trunks.get_mut(key) else { continue };
            let wants = trunk.plan.register && trunk.plan.outbound.is_some();
            let registration = &mut trunk.registration;
            if wants && registration.next_timeout().is_none() && !registration.asking {
                registration.ask_at(now.moment);
            }
            self.arm_trunk(key);
            self.watch_trunk(now, key);
        }
    }

    fn arm_trunk(&mut self, key: TrunkKey) {
        let at = self.trunks.get(key).and_then(|trunk| trunk.registration.next_timeout());
        self.timers.set(Waiting::Trunk(key), at);
    }

    /// Its time has come: REGISTER.
    pub(super) fn register_trunk(&mut self, now: Now, key: TrunkKey) {
        self.send_register(now, key, None);
        self.arm_trunk(key);
    }

    fn send_register(&mut self, now: Now, key: TrunkKey, authorization: Option<(&str, &str)>) {
        let (tag, call_id) = (self.token(), format!("{}{}", self.token(), self.token()));
        let branch = format!("z9hG4bK{}", self.token());
        let Some(trunk) = self.trunks.get(key) else { return };
        let (Some(proxy), Some(own), Some(domain)) =
            (&trunk.proxy, trunk.own_name(), trunk.domain())
        else {
            return;
        };
        let hop = self.hop_of(proxy, key);
        let seen = self.seen(&hop, None);
        let (via, contact) = (seen.via(&branch), seen.contact());
        let own = format!("<sip:{own}>");
        let uri = format!("sip:{domain}");
        let asked = trunk.plan.register_expires_s.max(trunk.registration.expires_min_s);
        let mut builder = Builder::request("REGISTER", uri.as_bytes());
        let Some(trunk) = self.trunks.get_mut(key) else { return };
        let registration = &mut trunk.registration;
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
                self.start_client(now, hop, &branch, bytes, Owner::Register(key));
            }
            Err(error) => tracing::error!(%error, trunk = %key.1, "a REGISTER was not built"),
        }
    }

    pub(super) fn on_register_response(&mut self, now: Now, key: TrunkKey, response: &Message) {
        match response.status() {
            100..200 => return,
            200..300 => self.on_trunk_registered(now, key, response),
            401 | 407 if self.answer_register_challenge(now, key, response) => return,
            423 if self.take_longer(now, key, response) => return,
            status => {
                self.count("trunk_registrations_failed");
                tracing::warn!(trunk = %key.1, status, "the trunk refused our registration");
                self.on_register_failed(now, key);
            }
        }
        self.arm_trunk(key);
    }

    pub(super) fn on_register_failed(&mut self, now: Now, key: TrunkKey) {
        if let Some(trunk) = self.trunks.get_mut(key) {
            trunk.registration.on_failed(now.moment);
        }
        self.arm_trunk(key);
        self.tell_trunk(now, key);
    }

    /// The connection that a registration came over is gone, and calls would come over it: it is made
    /// again after a pause.
    pub(super) fn on_line_closed(&mut self, now: Now, key: TrunkKey, gone: ConnectionId) {
        let Some(trunk) = self.trunks.get_mut(key).filter(|t| t.connection == Some(gone)) else {
            return;
        };
        trunk.connection = None;
        if trunk.registration.is_registered && !trunk.registration.asking {
            trunk.registration.on_failed(now.moment);
            self.arm_trunk(key);
            self.tell_trunk(now, key);
        }
    }

    /// The life that was granted to our contact, or the header's, or what we asked for.
    fn on_trunk_registered(&mut self, now: Now, key: TrunkKey, response: &Message) {
        let granted = response
            .list(Name::Contact)
            .filter_map(NameAddr::parse)
            .find_map(|contact| decimal(param(contact.params, "expires")?))
            .or(response.number(Name::Expires));
        if let Some(trunk) = self.trunks.get_mut(key) {
            let expires_s = granted.unwrap_or(trunk.plan.register_expires_s);
            trunk.registration.on_granted(now.moment, expires_s, service_route(response));
            self.count("trunk_registrations");
        }
        self.tell_trunk(now, key);
    }

    fn answer_register_challenge(&mut self, now: Now, key: TrunkKey, response: &Message) -> bool {
        let cnonce = self.token();
        let Some(trunk) = self.trunks.get_mut(key) else { return false };
        let challenged = trunk.registration.challenged;
        let Some(domain) = trunk.domain().filter(|_| !challenged) else {
            return false;
        };
        let uri = format!("sip:{domain}");
        let Some((name, value)) = self.authorize(key, response, "REGISTER", &uri, &cnonce) else {
            return false;
        };
        if let Some(trunk) = self.trunks.get_mut(key) {
            trunk.registration.challenged = true;
        }
        self.send_register(now, key, Some((name, &value)));
        true
    }

    /// 423: ask for as long as they want, once more.
    fn take_longer(&mut self, now: Now, key: TrunkKey, response: &Message) -> bool {
        let Some(min) = response.number(Name::MinExpires).filter(|&s| s <= 86_400) else {
            return false;
        };
        let Some(trunk) = self.trunks.get_mut(key) else { return false };
        if min <= trunk.registration.expires_min_s {
            return false;
        }
        trunk.registration.expires_min_s = min;
        trunk.registration.challenged = false;
        self.send_register(now, key, None);
        true
    }
}
