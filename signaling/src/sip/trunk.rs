//! The public network's side: who may call in without a password, where calls go out, how much a
//! trunk may do, and its registration.
//!
//! Credentials belong to (realm, trunk): they answer challenges to our own calls and REGISTER toward
//! that trunk and nothing else, least of all to a BYE that goes anywhere else (CVE-2021-41158, threat
//! T10).

mod health;
mod identity;
mod register;

pub(crate) use health::{Kept as KeptHealth, LINE_REST, REST_MAX};
pub(crate) use identity::{NOBODY, service_route};
pub(crate) use register::Registrations;

use super::bucket::Bucket;
use super::flow::{ConnectionId, Hop, Host, Transport};
use super::header;
use super::servers::{Named, Servers};
use super::uri::{Scheme, Uri};
use crate::reach::Network;
use health::Health;
use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;
use terms::control::{LineProblem, LiveTrunk, TrunkDown, TrunkFault};
use terms::{Moment, TenantId, TrunkId, routing};

/// Most trunks on the box.
pub(crate) const TRUNKS_MAX: usize = 4096;
/// Seconds that a refused call should wait, when a limit is reached.
pub(crate) const RETRY_AFTER_S: u32 = 5;

/// Names a trunk.
pub type TrunkKey = (TenantId, TrunkId);

/// Where a trunk's calls go.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Proxy {
    pub(crate) host: Host,
    pub(crate) transport: Transport,
    /// `host[:port]` as it stands in URIs.
    pub(crate) domain: String,
    /// The port, where it is said.
    port: Option<u16>,
    /// The transport, where it is said.
    said: Option<Transport>,
}

impl Proxy {
    fn parse(text: &str) -> Option<Self> {
        let text = text.trim().trim_start_matches('<').trim_end_matches('>');
        let uri = Uri::parse(text.as_bytes())?;
        if !matches!(uri.scheme, Scheme::Sip | Scheme::Sips) {
            return None;
        }
        let name = uri.host_text()?;
        let bracketed = if name.contains(':') { format!("[{name}]") } else { name.to_owned() };
        let domain = match uri.port {
            Some(port) => format!("{bracketed}:{port}"),
            None => bracketed,
        };
        let host = match uri.address() {
            Some(address) => Host::Address(address),
            None if name.is_empty() => return None,
            None => Host::Name(name.to_owned(), uri.port_or_default()),
        };
        // A provider has no WebSocket for us, and calls of a trunk that asks for one must not leave in
        // another way.
        let transport = uri.transport();
        if transport.is_websocket() {
            return None;
        }
        let said = uri.param("transport").is_some().then_some(transport);
        Some(Proxy { host, transport, domain, port: uri.port, said })
    }

    /// What is to be looked up, where it is given by name and not called over TLS.
    pub(crate) fn named(&self) -> Option<Named> {
        let Host::Name(name, _) = &self.host else { return None };
        let named = || Named { name: name.clone(), port: self.port, transport: self.said };
        (self.transport != Transport::Tls).then(named)
    }

    /// The same where it is called over TLS.
    fn secured(&self) -> Option<Named> {
        let Host::Name(name, _) = &self.host else { return None };
        let transport = Some(Transport::Tls);
        let named = || Named { name: name.clone(), port: self.port, transport };
        (self.transport == Transport::Tls).then(named)
    }

    /// What is to be looked up for a connection over TLS: a name whose port is not said.
    pub(crate) fn secured_name(&self) -> Option<Named> {
        self.secured().filter(|named| named.port.is_none())
    }
}

/// A trunk at work.
#[derive(Debug)]
pub(crate) struct Trunk {
    pub(crate) plan: routing::Trunk,
    networks: Vec<Network>,
    pub(crate) proxy: Option<Proxy>,
    /// What its name says.
    pub(crate) servers: Servers,
    calls: u32,
    rate: Option<Bucket>,
    /// Of texts: as many as calls, counted apart, so that texts keep no call out.
    text_rate: Option<Bucket>,
    /// The realm that our credentials are bound to.
    realm: Option<Box<[u8]>>,
    pub(crate) registrations: Registrations,
    pub(crate) health: Health,
    /// The connections over TLS that we opened to it: one, or one to each of these servers.
    pub(crate) connections: BTreeMap<Option<SocketAddr>, ConnectionId>,
    /// Why the last one did not come about.
    pub(crate) problem: Option<LineProblem>,
}

impl Trunk {
    fn new(plan: routing::Trunk) -> Self {
        let realm = plan.outbound.as_ref().map(|c| c.realm.as_bytes());
        Trunk {
            networks: plan.sources.iter().filter_map(|source| Network::parse(source)).collect(),
            proxy: Proxy::parse(&plan.proxy),
            servers: Servers::default(),
            calls: 0,
            rate: None,
            text_rate: None,
            realm: realm.filter(|realm| !realm.is_empty()).map(Into::into),
            registrations: Registrations::default(),
            health: Health::default(),
            connections: BTreeMap::new(),
            problem: None,
            plan,
        }
    }

    /// Its calls stay; so does what its name says, where that is the same.
    fn changed_to(self, plan: routing::Trunk) -> Self {
        let mut new = Trunk { calls: self.calls, ..Trunk::new(plan) };
        if new.named() == self.named() {
            new.servers = self.servers;
        }
        if new.proxy == self.proxy {
            new.connections = self.connections;
        }
        new
    }

    /// What is to be looked up while it is a trunk. Over TLS that is done with each connection, unless
    /// each server has one.
    pub(crate) fn named(&self) -> Option<Named> {
        let proxy = self.proxy.as_ref()?;
        let each = || self.plan.register_each.then(|| proxy.secured()).flatten();
        proxy.named().or_else(each)
    }

    /// It is registered over TLS at each of its servers, and none of them is known yet.
    pub(crate) fn awaits_servers(&self) -> bool {
        let secured = self.proxy.as_ref().is_some_and(|proxy| proxy.transport == Transport::Tls);
        secured && self.named().is_some() && self.servers.first().is_none()
    }

    /// The connection over TLS to this server, or to whichever there is.
    pub(crate) fn connection_to(&self, server: Option<SocketAddr>) -> Option<ConnectionId> {
        match server.filter(|at| self.servers.at(*at).is_some()) {
            Some(at) => self.connections.get(&Some(at)).copied(),
            None => self.connections.values().next().copied(),
        }
    }

    pub(crate) fn holds(&self, ip: IpAddr) -> bool {
        self.networks.iter().any(|network| network.holds(ip))
    }

    /// An address that it signals from, as far as one is known before it does.
    pub(crate) fn home(&self) -> Option<IpAddr> {
        self.networks.first().map(Network::first)
    }

    /// We call it at this address.
    fn is_called_at(&self, ip: IpAddr) -> bool {
        let proxy = self.proxy.as_ref().map(|proxy| &proxy.host);
        let is_proxy = matches!(proxy, Some(Host::Address(own)) if own.ip() == ip.to_canonical());
        is_proxy || self.servers.holds(ip)
    }

    /// What goes this way comes to the trunk itself, and to nobody whom it only names.
    pub(crate) fn is_reached_by(&self, hop: &Hop) -> bool {
        match &hop.host {
            Host::Address(at) => self.holds(at.ip()) || self.is_called_at(at.ip()),
            Host::Name(..) => self.proxy.as_ref().is_some_and(|proxy| proxy.host == hop.host),
        }
    }

    /// Takes one call, if the limits allow it; `leave` gives it back.
    pub(crate) fn enter(&mut self, now: Moment) -> bool {
        let per_s = self.plan.calls_per_s_max;
        if self.calls >= self.plan.calls_max {
            return false;
        }
        let entered = self.rate.get_or_insert_with(|| Bucket::full(now, per_s)).take(now, per_s);
        self.calls += u32::from(entered);
        entered
    }

    /// Takes one text, if it is one of as many in a second as there may be new calls. It takes no line.
    pub(crate) fn takes_text(&mut self, now: Moment) -> bool {
        let per_s = self.plan.calls_per_s_max;
        self.text_rate.get_or_insert_with(|| Bucket::full(now, per_s)).take(now, per_s)
    }

    /// A call of before a restart goes on: it was let in.
    pub(crate) fn restore(&mut self) {
        self.calls += 1;
    }

    #[cfg(test)]
    pub(crate) fn calls(&self) -> u32 {
        self.calls
    }

    /// It is registered at each server that is known, where it wants to be; else at the one whose turn
    /// it is.
    pub(crate) fn spread_registrations(&mut self) {
        let each = self.plan.register_each.then(|| self.servers.addresses());
        self.registrations.at_each(&each.unwrap_or_default());
    }

    /// How often it is asked whether it is there.
    pub(crate) fn options_every(&self) -> Option<Duration> {
        let every_s = self.plan.options_every_s;
        let asked = every_s > 0 && self.proxy.is_some();
        asked.then(|| Duration::from_secs(every_s.into()))
    }

    /// Why no calls go out over it.
    pub(crate) fn fault(&self) -> Option<TrunkFault> {
        let unregistered = || self.registrations.has_failed().then_some(TrunkFault::Registration);
        self.health.fault().or_else(unregistered)
    }

    /// How it is; `down` is what was told of it.
    pub(crate) fn live(&self, down: Option<TrunkDown>) -> LiveTrunk {
        let registers = self.plan.register && self.plan.outbound.is_some();
        LiveTrunk {
            trunk: self.plan.id,
            calls: self.calls,
            registered: registers.then_some(self.registrations.is_registered()),
            problem: self.problem.clone(),
            down,
        }
    }

    fn leave(&mut self) {
        self.calls = self.calls.saturating_sub(1);
    }

    /// Our credentials, when this challenge may have them. With no realm in the plan the first one
    /// that the trunk asks with is kept for good.
    pub(crate) fn credential_for(
        &mut self,
        challenge: &header::Digest,
    ) -> Option<&routing::Credential> {
        let realm = challenge.get("realm")?;
        let credential = self.plan.outbound.as_ref()?;
        let bound = self.realm.get_or_insert_with(|| realm.into());
        (**bound == *realm).then_some(credential)
    }
}

/// All trunks of all tenants.
#[derive(Debug, Default)]
pub(crate) struct Trunks {
    list: BTreeMap<TrunkKey, Trunk>,
}

impl Trunks {
    /// Takes a tenant's trunks from a plan. Running calls and registrations stay where the trunk
    /// did not change; trunks whose registration has to end are returned.
    pub(crate) fn set(&mut self, tenant: TenantId, plans: &[routing::Trunk]) {
        let mut old: BTreeMap<TrunkId, Trunk> = BTreeMap::new();
        let keys: Vec<TrunkKey> = self.list.keys().filter(|key| key.0 == tenant).copied().collect();
        for key in keys {
            if let Some(trunk) = self.list.remove(&key) {
                old.insert(key.1, trunk);
            }
        }
        for plan in plans {
            if self.list.len() >= TRUNKS_MAX {
                tracing::error!(trunk = %plan.id, "no room for another trunk: {TRUNKS_MAX} are the most");
                break;
            }
            let trunk = match old.remove(&plan.id) {
                Some(trunk) if trunk.plan == *plan => trunk,
                Some(trunk) => trunk.changed_to(plan.clone()),
                None => Trunk::new(plan.clone()),
            };
            self.list.insert((tenant, plan.id), trunk);
        }
    }

    pub(crate) fn get(&self, key: TrunkKey) -> Option<&Trunk> {
        self.list.get(&key)
    }
    pub(crate) fn get_mut(&mut self, key: TrunkKey) -> Option<&mut Trunk> {
        self.list.get_mut(&key)
    }
    pub(crate) fn keys(&self) -> Vec<TrunkKey> {
        self.list.keys().copied().collect()
    }
    pub(crate) fn leave(&mut self, key: TrunkKey) {
        if let Some(trunk) = self.list.get_mut(&key) {
            trunk.leave();
        }
    }

    /// Trunks that whoever signals from here is: by their address, or, where they are known by their
    /// certificate, because one of theirs was shown.
    pub(crate) fn known<'a>(
        &'a self,
        ip: IpAddr,
        shown: &'a [TrunkKey],
    ) -> impl Iterator<Item = (TrunkKey, &'a Trunk)> {
        let is_it = move |key: &TrunkKey, trunk: &Trunk| {
            if trunk.plan.certificate_names.is_empty() {
                return trunk.holds(ip);
            }
            shown.contains(key) && (trunk.plan.sources.is_empty() || trunk.holds(ip))
        };
        self.list.iter().filter(move |(key, trunk)| is_it(key, trunk)).map(|(key, t)| (*key, t))
    }

    /// Trunks that have this address among theirs.
    pub(crate) fn at(&self, ip: IpAddr) -> impl Iterator<Item = (TrunkKey, &Trunk)> {
        self.list.iter().filter(move |(_, trunk)| trunk.holds(ip)).map(|(key, t)| (*key, t))
    }

    /// The networks of all of them.
    pub(crate) fn networks(&self) -> Vec<Network> {
        self.list.values().flat_map(|trunk| trunk.networks.iter().copied()).collect()
    }

    /// A trunk is called at this address.
    pub(crate) fn is_called_at(&self, ip: IpAddr) -> bool {
        self.list.values().any(|trunk| trunk.is_called_at(ip))
    }
}

#[cfg(test)]
pub(crate) fn plan_for_tests(sources: &[&str]) -> routing::Trunk {
    routing::Trunk {
        id: TrunkId(1),
        name: "carrier".into(),
        sources: sources.iter().map(|s| (*s).to_owned()).collect(),
        proxy: "sip:203.0.113.5:5060;transport=udp".into(),
        outbound: None,
        register: false,
        register_each: false,
        register_expires_s: 600,
        inbound_digest: None,
        caller_number: "+862087654321".into(),
        caller_numbers: Vec::new(),
        calls_max: 100,
        calls_per_s_max: 50,
        prefixes: vec![String::new()],
        codecs: Vec::new(),
        srtp: terms::media::SrtpPolicy::Off,
        t38: terms::media::TrunkT38::Allow,
        advertise: None,
        ca: String::new(),
        certificate: None,
        certificate_names: Vec::new(),
        order: 0,
        weight: 0,
        options_every_s: 0,
        caller_rule: routing::CallerRule::Dialled,
        trusted: false,
        early_media: routing::EarlyMedia::Pass,
        listening: routing::Listening::default(),
        sip_i: false,
        requires_prack: false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_trunk_keeps_to_its_limits() {
        let mut plan = plan_for_tests(&["192.0.2.0/24"]);
        (plan.calls_max, plan.calls_per_s_max) = (3, 2);
        let mut trunk = Trunk::new(plan);
        let enter = |trunk: &mut Trunk, s| trunk.enter(Moment::from_secs(s));
        assert!(enter(&mut trunk, 0) && enter(&mut trunk, 0));
        assert!(!enter(&mut trunk, 0), "two a second");
        assert!(enter(&mut trunk, 1));
        assert!(!enter(&mut trunk, 2), "three at a time");
        trunk.leave();
        assert!(enter(&mut trunk, 2));
    }

    #[test]
    fn credentials_stay_with_the_first_realm() {
        let mut plan = plan_for_tests(&[]);
        plan.outbound = Some(routing::Credential {
            user: "u".into(),
            password: "p".into(),
            realm: String::new(),
        });
        let mut trunk = Trunk::new(plan);
        let ask = |realm: &str| format!("Digest realm=\"{realm}\",nonce=\"n\"");
        let carrier = ask("carrier");
        let evil = ask("evil");
        let carrier = header::Digest::parse(carrier.as_bytes()).unwrap();
        let evil = header::Digest::parse(evil.as_bytes()).unwrap();
        assert!(trunk.credential_for(&carrier).is_some());
        assert!(trunk.credential_for(&evil).is_none());
        assert!(trunk.credential_for(&carrier).is_some());
    }

    #[test]
    fn proxies_are_addresses_or_names() {
        let proxy = Proxy::parse("sip:[2001:db8::5]:5070;transport=tcp").unwrap();
        assert_eq!(proxy.domain, "[2001:db8::5]:5070");
        assert_eq!(proxy.transport, Transport::Tcp);
        let proxy = Proxy::parse("sip:carrier.example.com").unwrap();
        assert_eq!(proxy.host, Host::Name("carrier.example.com".into(), 5060));
        for secure in
            ["sip:203.0.113.5;transport=tls", "sips:203.0.113.5", "sip:203.0.113.5;transport=TLS"]
        {
            let proxy = Proxy::parse(secure).unwrap();
            assert_eq!(proxy.transport, Transport::Tls, "{secure} must not leave in clear");
            assert_eq!(proxy.host, Host::Address("203.0.113.5:5061".parse().unwrap()));
        }
        for other in ["sip:a;transport=ws", "sip:a;transport=wss", "sips:a;transport=ws"] {
            assert_eq!(Proxy::parse(other), None, "{other} must not leave in another way");
        }
        assert!(
            Proxy::parse("").is_none()
                && Proxy::parse("http://x").is_none_or(|p| p.domain.is_empty())
        );
    }
}
