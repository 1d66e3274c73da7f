//! The servers of a trunk that is given by name: which names are asked (RFC 3263 §4.1 and §4.2), in
//! which order what they say is called (RFC 2782), and who is passed over because nothing came of the
//! last request (RFC 3263 §4.3). The edge asks; nothing here knows a resolver.

use super::core::UserAgent;
use super::flow::{Hop, Host, Transport};
use super::trunk::TrunkKey;
use crate::switch::Now;
use rand::Rng;
use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;
use terms::routing::ClientCertificate;
use terms::{Moment, TenantId};

/// Most servers of one trunk.
pub const SERVERS_MAX: usize = 16;
/// How long a server of which nothing came is called after all others.
const REST: Duration = Duration::from_secs(60);

/// One server of a trunk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Server {
    /// Where.
    pub address: SocketAddr,
    /// How it is spoken to.
    pub transport: Transport,
    /// Lower ones are called first.
    pub priority: u16,
    /// Its share among those of the same priority.
    pub weight: u16,
}

/// A trunk that is called over TLS.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Secured {
    /// Which.
    pub trunk: TrunkKey,
    /// Where, and whose name its certificate has to bear.
    pub host: Host,
    /// Certificates of the authorities that are believed, as PEM; empty is the system's.
    pub ca: String,
    /// What it is shown where it asks.
    pub certificate: Option<ClientCertificate>,
}

/// What is to be asked about a trunk's name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Named {
    /// The name.
    pub name: String,
    /// A port that is said is the one, and no services are asked for.
    pub port: Option<u16>,
    /// A transport that is said is the one.
    pub transport: Option<Transport>,
}

impl Named {
    /// The names of services that are asked for where NAPTR says nothing, each with its transport;
    /// none where the port is said. What is to be secret is not asked for in clear.
    pub fn services(&self) -> Vec<(Transport, String)> {
        let all = [
            (Transport::Udp, "_sip._udp."),
            (Transport::Tcp, "_sip._tcp."),
            (Transport::Tls, "_sips._tcp."),
        ];
        let said = |transport| match self.transport {
            Some(said) => said == transport,
            // Over TLS a trunk is called where it says so.
            None => transport != Transport::Tls,
        };
        let of = all.into_iter().filter(|&(transport, _)| self.port.is_none() && said(transport));
        of.map(|(transport, service)| (transport, format!("{service}{}", self.name))).collect()
    }
}

/// The transport of a NAPTR service, where it is one that we choose by ourselves.
pub fn transport_of(service: &str) -> Option<Transport> {
    match service.to_ascii_uppercase().as_str() {
        "SIP+D2U" => Some(Transport::Udp),
        "SIP+D2T" => Some(Transport::Tcp),
        _ => None,
    }
}

/// The servers of one trunk, in the order in which they are called.
#[derive(Debug, Default)]
pub(crate) struct Servers {
    list: Vec<Server>,
    resting: BTreeMap<SocketAddr, Moment>,
}

impl Servers {
    /// What the names say from now on; nothing keeps what was known.
    pub(crate) fn set(&mut self, mut servers: Vec<Server>) {
        if servers.is_empty() {
            return;
        }
        servers.truncate(SERVERS_MAX);
        self.resting.retain(|address, _| servers.iter().any(|server| server.address == *address));
        self.list = servers;
    }

    /// Where they are, in that order.
    pub(crate) fn addresses(&self) -> Vec<SocketAddr> {
        self.list.iter().map(|server| server.address).collect()
    }

    /// The one that is called next.
    pub(crate) fn first(&self) -> Option<&Server> {
        self.list.first()
    }

    /// Draws the order anew: those that do not rest first, by priority, and among equals by chance
    /// and weight (RFC 2782, "Weight").
    pub(crate) fn draw(&mut self, now: Moment, rng: &mut impl Rng) {
        self.resting.retain(|_, until| *until > now);
        let mut left = std::mem::take(&mut self.list);
        let rank = |server: &Server| (self.resting.contains_key(&server.address), server.priority);
        left.sort_by_key(|server| (rank(server), server.weight > 0));
        let mut drawn = Vec::with_capacity(left.len());
        while let Some(of) = left.first().map(&rank) {
            let equals = left.iter().take_while(|server| rank(server) == of);
            let weights: Vec<u32> = equals.map(|server| u32::from(server.weight)).collect();
            let at = pick(&weights, rng.random_range(0..=weights.iter().sum::<u32>()));
            drawn.push(left.remove(at));
        }
        self.list = drawn;
    }

    /// Nothing came of a request to this one.
    pub(crate) fn failed(&mut self, now: Moment, address: SocketAddr) {
        if self.list.iter().any(|server| server.address == address) {
            self.resting.insert(address, now + REST);
        }
    }

    /// This one is there.
    pub(crate) fn answered(&mut self, address: SocketAddr) {
        self.resting.remove(&address);
    }

    /// One of them is at this address, on whichever port.
    pub(crate) fn holds(&self, ip: IpAddr) -> bool {
        self.list.iter().any(|server| server.address.ip() == ip.to_canonical())
    }

    /// The one at this address.
    pub(crate) fn at(&self, address: SocketAddr) -> Option<Server> {
        self.list.iter().find(|server| server.address == address).copied()
    }

    /// Those that are not called next.
    pub(crate) fn others(&self) -> Vec<Server> {
        self.list.iter().skip(1).copied().collect()
    }

    /// The next one that was not asked yet and of which something may come.
    pub(crate) fn after(&self, asked: &[SocketAddr]) -> Option<Server> {
        let is_new = |at: SocketAddr| !asked.contains(&at) && !self.rests(at);
        self.list.iter().find(|server| is_new(server.address)).copied()
    }

    /// Nothing came of the last request to this one.
    pub(crate) fn rests(&self, address: SocketAddr) -> bool {
        self.resting.contains_key(&address)
    }

    /// There is one of which something may come.
    pub(crate) fn has_other(&self, than: SocketAddr) -> bool {
        let other = |server: &&Server| server.address != than;
        let mut others = self.list.iter().filter(other);
        others.any(|server| !self.rests(server.address))
    }
}

/// The first whose running sum of weights reaches what was drawn.
fn pick(weights: &[u32], drawn: u32) -> usize {
    let mut sum = 0;
    let reaches = |weight: &u32| {
        sum += weight;
        sum >= drawn
    };
    weights.iter().position(reaches).unwrap_or(0)
}

impl UserAgent {
    /// The trunks of a tenant whose names the edge looks up. One that is called over TLS is looked up
    /// when its connection is opened.
    pub fn named_trunks(&self, tenant: TenantId) -> Vec<(TrunkKey, Named)> {
        let own = self.trunks.keys().into_iter().filter(|key| key.0 == tenant);
        own.filter_map(|key| Some((key, self.trunks.get(key)?.named()?))).collect()
    }

    /// The trunks of a tenant that are called over TLS.
    pub fn secured_trunks(&self, tenant: TenantId) -> Vec<Secured> {
        let own = self.trunks.keys().into_iter().filter(|key| key.0 == tenant);
        own.filter_map(|key| {
            let trunk = self.trunks.get(key)?;
            let proxy = trunk.proxy.as_ref().filter(|p| p.transport == Transport::Tls)?;
            let (host, ca) = (proxy.host.clone(), trunk.plan.ca.clone());
            let certificate = trunk.plan.certificate.clone();
            Some(Secured { trunk: key, host, ca, certificate })
        })
        .collect()
    }

    /// What is looked up before a connection to this trunk is opened over TLS.
    pub fn secured_name(&self, trunk: TrunkKey) -> Option<Named> {
        self.trunks.get(trunk)?.proxy.as_ref()?.secured_name()
    }

    /// What the names of a trunk say. Those that no listener reaches are left out.
    pub fn handle_located(&mut self, now: Now, trunk: TrunkKey, mut servers: Vec<Server>) {
        let listeners = &self.config.listeners;
        servers.retain(|server| {
            // Connections over TLS that we open leave from no listener.
            server.transport == Transport::Tls
                || listeners.iter().any(|listener| {
                    let same = listener.advertised.is_ipv4() == server.address.is_ipv4();
                    listener.transport == server.transport && same
                })
        });
        if let Some(known) = self.trunks.get_mut(trunk) {
            known.servers.set(servers);
            known.servers.draw(now.moment, &mut self.rng);
            self.begin_registrations(now, trunk);
        }
    }

    /// To this server of a trunk.
    pub(super) fn hop_at(&self, trunk: TrunkKey, server: Server) -> Hop {
        let (transport, host) = (server.transport, Host::Address(server.address));
        let listener = self.listener_for(transport, Some(server.address));
        let known = self.trunks.get(trunk).filter(|_| transport == Transport::Tls);
        let connection = known.and_then(|known| known.connection_to(Some(server.address)));
        Hop { listener, transport, host, connection, trunk: Some(trunk) }
    }

    /// Nothing came of a request that went there: another server of the trunk is called before it.
    pub(super) fn server_failed(&mut self, now: Now, hop: &Hop) {
        if let (Some(key), Host::Address(address)) = (hop.trunk, &hop.host)
            && let Some(trunk) = self.trunks.get_mut(key)
        {
            trunk.servers.failed(now.moment, *address);
            trunk.servers.draw(now.moment, &mut self.rng);
        }
    }

    /// Whether a server of the trunk is there, as it was asked: who is not is called after the others.
    pub(super) fn server_asked(
        &mut self,
        now: Now,
        key: TrunkKey,
        address: SocketAddr,
        there: bool,
    ) {
        let Some(trunk) = self.trunks.get_mut(key) else { return };
        match there {
            true => trunk.servers.answered(address),
            false => trunk.servers.failed(now.moment, address),
        }
        trunk.servers.draw(now.moment, &mut self.rng);
    }

    /// The server of this way is passed over.
    pub(super) fn server_rests(&self, hop: &Hop) -> bool {
        let Host::Address(address) = hop.host else { return false };
        let trunk = hop.trunk.and_then(|key| self.trunks.get(key));
        trunk.is_some_and(|trunk| trunk.servers.rests(address))
    }

    /// The trunk of this way has a server besides, of which something may come.
    pub(super) fn has_other_server(&self, hop: &Hop) -> bool {
        let Host::Address(address) = hop.host else { return false };
        let trunk = hop.trunk.and_then(|key| self.trunks.get(key));
        trunk.is_some_and(|trunk| trunk.servers.has_other(address))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand::SeedableRng;
    use rand::rngs::StdRng;

    fn server(last: u8, priority: u16, weight: u16) -> Server {
        let address = SocketAddr::from(([192, 0, 2, last], 5060));
        Server { address, transport: Transport::Udp, priority, weight }
    }

    fn firsts(servers: &mut Servers, now: Moment, rng: &mut StdRng) -> BTreeMap<u8, u32> {
        let mut counts = BTreeMap::new();
        for _ in 0..1_000 {
            servers.draw(now, rng);
            let ip = servers.first().expect("a server").address.ip();
            let std::net::IpAddr::V4(ip) = ip else { panic!("{ip}") };
            *counts.entry(ip.octets()[3]).or_default() += 1;
        }
        counts
    }

    #[test]
    fn the_lowest_priority_is_called_first_and_equals_by_their_weight() {
        let (mut servers, mut rng) = (Servers::default(), StdRng::seed_from_u64(7));
        servers.set(vec![
            server(9, 20, 100),
            server(1, 10, 30),
            server(2, 10, 10),
            server(3, 10, 0),
        ]);
        let counts = firsts(&mut servers, Moment::from_secs(1), &mut rng);
        assert_eq!(counts.get(&9), None, "while others are there");
        let of = |last: u8| counts.get(&last).copied().unwrap_or(0);
        assert!((650..800).contains(&of(1)) && (180..320).contains(&of(2)), "{counts:?}");
        assert!(of(3) < 60, "weight 0 is called seldom: {counts:?}");
        let last = servers.list.last().expect("four");
        assert_eq!((servers.list.len(), last.priority), (4, 20));
    }

    #[test]
    fn whoever_failed_is_called_after_all_others_until_they_have_rested() {
        let (mut servers, mut rng) = (Servers::default(), StdRng::seed_from_u64(7));
        servers.set(vec![server(1, 10, 0), server(2, 20, 0)]);
        let (one, two) = (server(1, 0, 0).address, server(2, 0, 0).address);
        let at = Moment::from_secs;
        assert!(servers.has_other(one));
        servers.failed(at(1), one);
        assert_eq!(firsts(&mut servers, at(60), &mut rng), BTreeMap::from([(2, 1_000)]));
        assert!(!servers.has_other(two), "the other one rests");
        servers.failed(at(60), two);
        assert_eq!(firsts(&mut servers, at(60), &mut rng), BTreeMap::from([(1, 1_000)]));
        assert_eq!(firsts(&mut servers, at(62), &mut rng), BTreeMap::from([(1, 1_000)]));
        servers.set(Vec::new());
        assert!(servers.first().is_some(), "a name that says nothing takes nothing away");
    }

    #[test]
    fn names_of_services_are_asked_for_where_neither_port_nor_transport_is_said() {
        let named = |port, transport| Named { name: "carrier.example".into(), port, transport };
        let (udp, tcp) = (Transport::Udp, Transport::Tcp);
        let of =
            |transport: Transport, word: &str| (transport, format!("_sip.{word}.carrier.example"));
        assert_eq!(named(None, None).services(), [of(udp, "_udp"), of(tcp, "_tcp")]);
        assert_eq!(named(None, Some(tcp)).services(), [of(tcp, "_tcp")]);
        let tls = Transport::Tls;
        let secured = (tls, "_sips._tcp.carrier.example".to_owned());
        assert_eq!(named(None, Some(tls)).services(), [secured]);
        assert!(named(Some(5080), None).services().is_empty());
        assert_eq!([transport_of("sip+d2u"), transport_of("SIPS+D2T")], [Some(udp), None]);
    }
}
