//! Which trunks are down, driven by the core: OPTIONS at an interval, spread at the start, and what
//! calls and registrations say of a trunk. The switch hears of each change.

use super::core::UserAgent;
use super::flow::{Hop, Host};
use super::message::{Message, Name};
use super::session::Owner;
use super::timers::Waiting;
use super::trunk::{KeptHealth, REST_MAX, Trunk, TrunkKey};
use super::user_agent::Event;
use super::write::Builder;
use crate::switch::Now;
use rand::Rng;
use serde::{Deserialize, Serialize};
use std::net::SocketAddr;
use std::time::Duration;
use terms::Timestamp;
use terms::control::{TrunkDown, TrunkFault};

/// A trunk that is down, as it is kept.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct KeptDown {
    since: Timestamp,
    health: KeptHealth,
    /// Our registration there had failed.
    unregistered: bool,
}

impl UserAgent {
    /// Begins to ask a trunk that came with a plan: at some moment of the first interval, so that a
    /// box with many trunks does not ask all of them at once.
    pub(super) fn watch_trunk(&mut self, now: Now, key: TrunkKey) {
        if let Some(trunk) = self.trunks.get_mut(key)
            && let Some(every) = trunk.options_every()
        {
            let every_ms = u64::try_from(every.as_millis()).unwrap_or(u64::MAX);
            let spread = Duration::from_millis(self.rng.random_range(0..every_ms.max(1)));
            trunk.health.begin(now.moment + spread);
        }
        self.tell_trunk(now, key);
    }

    /// Its time has come: a rest is over, or OPTIONS are due.
    pub(super) fn on_health_timeout(&mut self, now: Now, key: TrunkKey) {
        let due = self.trunks.get_mut(key).is_some_and(|trunk| trunk.health.on_timeout(now.moment));
        if due {
            self.send_options(now, key);
        }
        self.tell_trunk(now, key);
    }

    /// Each server of the trunk is asked by itself.
    fn send_options(&mut self, now: Now, key: TrunkKey) {
        let call_id = format!("{}{}", self.token(), self.token());
        let Some(trunk) = self.trunks.get(key) else { return };
        let (Some(proxy), Some(every)) = (&trunk.proxy, trunk.options_every()) else { return };
        let (hop, others) = (self.hop_of(proxy, key), trunk.servers.others());
        let Some(trunk) = self.trunks.get_mut(key) else { return };
        let health = &mut trunk.health;
        if health.call_id.is_empty() {
            health.call_id = call_id;
        }
        health.on_asked(now.moment, every);
        let named = (health.call_id.clone(), health.seq);
        for _ in &others {
            health.on_asked_besides();
        }
        self.ask_health(now, key, hop, named);
        for server in others {
            let hop = self.hop_at(key, server);
            let named = (format!("{}{}", self.token(), self.token()), 1);
            self.ask_health(now, key, hop, named);
        }
    }

    fn ask_health(&mut self, now: Now, key: TrunkKey, hop: Hop, (call_id, seq): (String, u32)) {
        let (tag, branch) = (self.token(), format!("z9hG4bK{}", self.token()));
        let seen = self.seen(&hop, None);
        let server = match hop.host {
            Host::Address(address) => Some(address),
            Host::Name(..) => None,
        };
        let Some(trunk) = self.trunks.get(key) else { return };
        let Some(proxy) = &trunk.proxy else { return };
        let own = trunk.own_name().unwrap_or_else(|| format!("switchgrid@{}", seen.address));
        let uri = format!("sip:{}", proxy.domain);
        let mut builder = Builder::request("OPTIONS", uri.as_bytes());
        builder
            .header("Via", seen.via(&branch))
            .header("Max-Forwards", "70")
            .header("From", format!("<sip:{own}>;tag={tag}"))
            .header("To", format!("<{uri}>"))
            .header("Call-ID", call_id)
            .header("CSeq", format!("{seq} OPTIONS"))
            .header("Contact", seen.contact())
            .header("Accept", "application/sdp")
            .header("User-Agent", &self.config.user_agent);
        match builder.end() {
            Ok(bytes) => {
                self.start_client(now, hop, &branch, bytes, Owner::Health(key, server));
            }
            Err(error) => {
                tracing::error!(%error, trunk = %key.1, "OPTIONS were not built");
                self.on_health_failed(now, key, server);
            }
        }
    }

    pub(super) fn on_health_response(
        &mut self,
        now: Now,
        key: TrunkKey,
        server: Option<SocketAddr>,
        status: u16,
    ) {
        if status < 200 {
            return;
        }
        if let Some(trunk) = self.trunks.get_mut(key) {
            trunk.health.on_answered(status);
        }
        if let Some(address) = server {
            self.server_asked(now, key, address, status != 503);
        }
        self.tell_trunk(now, key);
    }

    /// OPTIONS stayed without an answer, or could not be sent.
    pub(super) fn on_health_failed(&mut self, now: Now, key: TrunkKey, server: Option<SocketAddr>) {
        self.count("trunk_options_unanswered");
        if let Some(trunk) = self.trunks.get_mut(key) {
            trunk.health.on_missed();
        }
        if let Some(address) = server {
            self.server_asked(now, key, address, false);
        }
        self.tell_trunk(now, key);
    }

    /// A trunk refused a call: with Retry-After in a 503 it is left alone for so long.
    pub(super) fn on_trunk_refused(&mut self, now: Now, key: TrunkKey, response: &Message) {
        let Some(after_s) = response.number(Name::RetryAfter).filter(|_| response.status() == 503)
        else {
            return;
        };
        let rest = Duration::from_secs(after_s.into()).min(REST_MAX);
        if let Some(trunk) = self.trunks.get_mut(key) {
            trunk.health.rest(now.moment + rest, TrunkFault::Overloaded);
        }
        self.tell_trunk(now, key);
    }

    /// A trunk said something to a call: silence and 503 to OPTIONS are forgotten. A 408 may be of who
    /// is behind it, and says nothing.
    pub(super) fn on_trunk_heard(&mut self, now: Now, key: TrunkKey, status: u16) {
        let is_down = self.trunks_down.contains_key(&key);
        if is_down
            && !matches!(status, 408 | 503)
            && let Some(trunk) = self.trunks.get_mut(key)
        {
            trunk.health.on_heard();
            self.tell_trunk(now, key);
        }
    }

    pub(super) fn keep_down(&self, key: TrunkKey) -> Option<KeptDown> {
        let since = self.trunks_down.get(&key)?.since;
        let trunk = self.trunks.get(key)?;
        let unregistered = trunk.registrations.has_failed();
        Some(KeptDown { since, health: trunk.health.keep(), unregistered })
    }

    /// A trunk that was down before a restart is until it says otherwise.
    pub(super) fn restore_down(&mut self, now: Now, key: TrunkKey, kept: &KeptDown) {
        let Some(trunk) = self.trunks.get_mut(key) else { return };
        trunk.health.restore(now.moment, kept.health);
        if kept.unregistered && trunk.plan.register && trunk.plan.outbound.is_some() {
            trunk.registrations.restore_failed();
        }
        self.tell_trunk(now, key);
        if let Some(down) = self.trunks_down.get_mut(&key) {
            down.since = kept.since;
        }
    }

    /// Sets the trunk's timer (one that is gone from its plan has none), and tells the switch when it is
    /// down from now on or no longer.
    pub(super) fn tell_trunk(&mut self, now: Now, key: TrunkKey) {
        let at = self.trunks.get(key).and_then(|trunk| trunk.health.next_timeout());
        self.timers.set(Waiting::Health(key), at);
        let fault = self.trunks.get(key).and_then(Trunk::fault);
        let before = self.trunks_down.get(&key).copied();
        match fault {
            Some(fault) => {
                let since = before.map_or(now.wall, |down| down.since);
                self.trunks_down.insert(key, TrunkDown { fault, since });
            }
            None => {
                self.trunks_down.remove(&key);
            }
        }
        if self.config.keeps && (fault.is_some() || before.is_some()) {
            self.trunks_touched.insert(key);
        }
        let rests = |fault: TrunkFault| fault == TrunkFault::Overloaded;
        let (down, was) = (fault.map(rests), before.map(|before| rests(before.fault)));
        if down == was {
            return;
        }
        let (tenant, trunk) = key;
        match fault {
            Some(_) if was.is_some() => {}
            Some(fault) => {
                self.count("trunks_went_down");
                tracing::warn!(%tenant, %trunk, ?fault, "no calls go out over the trunk");
            }
            None => tracing::info!(%tenant, %trunk, "calls go out over the trunk again"),
        }
        let (down, rests) = (down.is_some(), down == Some(true));
        self.emit(Event::Trunk { tenant, trunk, down, rests });
    }
}
