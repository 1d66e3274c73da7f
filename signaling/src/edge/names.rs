//! Looks up where the servers of a trunk are: NAPTR and SRV (RFC 3263 §4) of the system's name
//! servers, and addresses as the system resolves them; where the configuration names servers, those are
//! asked for all of it and nobody else is. One task for each trunk that is given by name; what it finds
//! is told anew when its time is over. A name that has no services has its addresses.

use super::net::Arrived;
use crate::sip::flow::Transport;
use crate::sip::servers::{Named, SERVERS_MAX, Server, Servers, transport_of};
use crate::sip::trunk::TrunkKey;
use rand::SeedableRng;
use rand::rngs::SmallRng;
use simple_dns::rdata::RData;
use simple_dns::{CLASS, Name, Packet, PacketFlag, Question, ResourceRecord, TYPE};
use std::hash::{BuildHasher, RandomState};
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;
use terms::Moment;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpStream, UdpSocket, lookup_host};
use tokio::sync::mpsc;
use tokio::time::{sleep, timeout};

/// How long one name server may take.
const ANSWER_MAX: Duration = Duration::from_secs(2);
/// Shortest time after which a name is looked up again.
const AGAIN_MIN: Duration = Duration::from_secs(30);
/// Longest time after which it is.
const AGAIN_MAX: Duration = Duration::from_secs(600);
/// Name servers that are asked, as the system's resolver asks.
const NAME_SERVERS_MAX: usize = 3;
/// Port of a server whose port nobody says (RFC 3261 §19.1.2).
const PORT: u16 = 5060;
/// The same over TLS.
const PORT_SECURED: u16 = 5061;
/// Rank of addresses that no service names.
const UNRANKED: (u16, u16) = (0, 0);

/// The name servers of the configuration; none for those of the system.
pub(super) type NameServers = Arc<[SocketAddr]>;

/// Keeps looking until it is aborted.
pub(super) async fn follow(
    trunk: TrunkKey,
    named: Named,
    servers: NameServers,
    arrived: mpsc::Sender<Arrived>,
) {
    let resolver = Resolver::of(&servers);
    loop {
        let (servers, lives) = resolver.locate(&named).await;
        if servers.is_empty() {
            tracing::warn!(trunk = %trunk.1, name = %named.name, "no server of the trunk is known");
        }
        if arrived.send(Arrived::Located(trunk, servers)).await.is_err() {
            return;
        }
        sleep(lives.clamp(AGAIN_MIN, AGAIN_MAX)).await;
    }
}

/// Where the servers of a name are, in the order in which they are called.
pub(super) async fn in_turn(named: &Named, servers: &[SocketAddr]) -> Vec<SocketAddr> {
    Resolver::of(servers).in_turn(named).await
}

/// The addresses of a host.
pub(super) async fn hosts(
    host: (&str, u16),
    servers: &[SocketAddr],
) -> io::Result<Vec<SocketAddr>> {
    Resolver::of(servers).hosts(host).await
}

/// A service as a name server says it.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Service {
    transport: Transport,
    priority: u16,
    weight: u16,
    host: String,
    port: u16,
}

struct Resolver {
    servers: Vec<SocketAddr>,
    /// They are the system's: it resolves addresses itself, with all that it knows besides.
    of_the_system: bool,
}

impl Resolver {
    /// Asks these; without any those that the system asks, or the machine itself where none are named
    /// (resolv.conf(5)).
    fn of(servers: &[SocketAddr]) -> Self {
        if !servers.is_empty() {
            return Resolver { servers: servers.to_vec(), of_the_system: false };
        }
        let text = std::fs::read_to_string("/etc/resolv.conf").unwrap_or_default();
        Resolver { servers: name_servers(&text), of_the_system: true }
    }

    /// The servers, and how long that is so.
    async fn locate(&self, named: &Named) -> (Vec<Server>, Duration) {
        let (services, mut lives) = self.services(named).await;
        let mut found = Vec::new();
        for service in services {
            let rank = (service.priority, service.weight);
            let host = (service.host.as_str(), service.port);
            found.extend(self.addresses(host, service.transport, rank).await);
        }
        if found.is_empty() {
            let transport = named.transport.unwrap_or(Transport::Udp);
            let usual = if transport == Transport::Tls { PORT_SECURED } else { PORT };
            let host = (named.name.as_str(), named.port.unwrap_or(usual));
            found = self.addresses(host, transport, UNRANKED).await;
            lives = AGAIN_MIN;
        }
        found.truncate(SERVERS_MAX);
        (found, lives)
    }

    async fn in_turn(&self, named: &Named) -> Vec<SocketAddr> {
        let mut servers = Servers::default();
        servers.set(self.locate(named).await.0);
        servers.draw(Moment::default(), &mut SmallRng::seed_from_u64(unguessed().into()));
        servers.addresses()
    }

    async fn services(&self, named: &Named) -> (Vec<Service>, Duration) {
        let mut names = named.services();
        if names.len() > 1
            && let Ok(answer) = self.ask(&named.name, TYPE::NAPTR).await
        {
            let pointed = pointers(&answer);
            if !pointed.is_empty() {
                names = pointed;
            }
        }
        let (mut services, mut lives) = (Vec::new(), AGAIN_MAX);
        for (transport, name) in names {
            let Ok(answer) = self.ask(&name, TYPE::SRV).await else { continue };
            let (of, ttl) = services_of(&answer, transport);
            if !of.is_empty() {
                services.extend(of);
                lives = lives.min(ttl);
                // The first transport that has servers is the one (RFC 3263 §4.1).
                break;
            }
        }
        (services, lives)
    }

    async fn addresses(
        &self,
        host: (&str, u16),
        transport: Transport,
        (priority, weight): (u16, u16),
    ) -> Vec<Server> {
        let found = timeout(ANSWER_MAX * 2, self.hosts(host)).await;
        let found = found.map_or_else(|_| Vec::new(), Result::unwrap_or_default);
        let server = |address| Server { address, transport, priority, weight };
        found.into_iter().map(server).collect()
    }

    /// The addresses of a host; what is written as an address is one.
    async fn hosts(&self, (host, port): (&str, u16)) -> io::Result<Vec<SocketAddr>> {
        if let Ok(ip) = host.parse::<IpAddr>() {
            return Ok(vec![SocketAddr::new(ip, port)]);
        }
        if self.of_the_system {
            return Ok(lookup_host((host, port)).await?.collect());
        }
        let (four, six) = tokio::join!(self.ask(host, TYPE::A), self.ask(host, TYPE::AAAA));
        let said = [four?, six.unwrap_or_default()];
        let found: Vec<IpAddr> = said.iter().flat_map(|answer| addresses_of(answer)).collect();
        if found.is_empty() {
            return Err(io::ErrorKind::NotFound.into());
        }
        Ok(found.into_iter().map(|ip| SocketAddr::new(ip, port)).collect())
    }

    async fn ask(&self, name: &str, kind: TYPE) -> io::Result<Vec<u8>> {
        let id = unguessed();
        let query = query(id, name, kind)?;
        let mut last = io::Error::from(io::ErrorKind::NotFound);
        for server in self.servers.iter().take(NAME_SERVERS_MAX) {
            let asked = timeout(ANSWER_MAX, exchange(*server, id, &query)).await;
            match asked.unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into())) {
                Ok(answer) => return Ok(answer),
                Err(error) => last = error,
            }
        }
        Err(last)
    }
}

/// A number that nobody outside can guess: the standard library draws keys from the system.
fn unguessed() -> u16 {
    u16::try_from(RandomState::new().hash_one(0_u8) & 0xFFFF).unwrap_or_default()
}

fn name_servers(text: &str) -> Vec<SocketAddr> {
    let named = text.lines().filter_map(|line| {
        let mut words = line.split_whitespace();
        let address = words.next().filter(|word| *word == "nameserver").and(words.next())?;
        Some(SocketAddr::new(address.parse::<IpAddr>().ok()?, 53))
    });
    let mut servers: Vec<SocketAddr> = named.collect();
    if servers.is_empty() {
        servers.push(SocketAddr::from((Ipv4Addr::LOCALHOST, 53)));
    }
    servers
}

fn query(id: u16, name: &str, kind: TYPE) -> io::Result<Vec<u8>> {
    let wrong = |error: simple_dns::SimpleDnsError| io::Error::other(error.to_string());
    let mut packet = Packet::new_query(id);
    packet.set_flags(PacketFlag::RECURSION_DESIRED);
    let name = Name::new(name).map_err(wrong)?;
    packet.questions.push(Question::new(name, kind.into(), CLASS::IN.into(), false));
    packet.build_bytes_vec().map_err(wrong)
}

/// One question over UDP, and again over TCP where the answer was cut (RFC 7766 §5).
async fn exchange(server: SocketAddr, id: u16, query: &[u8]) -> io::Result<Vec<u8>> {
    let any: SocketAddr = match server {
        SocketAddr::V4(_) => (Ipv4Addr::UNSPECIFIED, 0).into(),
        SocketAddr::V6(_) => (Ipv6Addr::UNSPECIFIED, 0).into(),
    };
    let socket = UdpSocket::bind(any).await?;
    socket.connect(server).await?;
    socket.send(query).await?;
    let mut answer = vec![0; 4_096];
    loop {
        let length = socket.recv(&mut answer).await?;
        match Packet::parse(&answer[..length]) {
            Ok(packet) if packet.id() == id && packet.has_flags(PacketFlag::TRUNCATION) => break,
            Ok(packet) if packet.id() == id => {
                answer.truncate(length);
                return Ok(answer);
            }
            // Somebody else's words.
            Ok(_) | Err(_) => {}
        }
    }
    let mut stream = TcpStream::connect(server).await?;
    let length = u16::try_from(query.len()).map_err(io::Error::other)?;
    stream.write_all(&length.to_be_bytes()).await?;
    stream.write_all(query).await?;
    let mut answer = vec![0; usize::from(stream.read_u16().await?)];
    stream.read_exact(&mut answer).await?;
    Ok(answer)
}

/// The services that NAPTR points at with the flag `s`, in its order (RFC 3263 §4.1).
fn pointers(answer: &[u8]) -> Vec<(Transport, String)> {
    let Ok(packet) = Packet::parse(answer) else { return Vec::new() };
    let mut found: Vec<(u16, u16, Transport, String)> = Vec::new();
    for record in &packet.answers {
        let RData::NAPTR(naptr) = &record.rdata else { continue };
        let transport = transport_of(&naptr.services.to_string());
        if let Some(transport) = transport
            && naptr.flags.to_string().eq_ignore_ascii_case("s")
        {
            found.push((naptr.order, naptr.preference, transport, naptr.replacement.to_string()));
        }
    }
    found.sort_by_key(|(order, preference, ..)| (*order, *preference));
    found.truncate(SERVERS_MAX);
    found.into_iter().map(|(_, _, transport, name)| (transport, name)).collect()
}

/// The servers that SRV names, those of the best priority first, and for how long; not more than are
/// called, however many are named, since each is looked up. A target `.` says that there are none (RFC 2782).
fn services_of(answer: &[u8], transport: Transport) -> (Vec<Service>, Duration) {
    let (mut services, mut lives) = (Vec::new(), AGAIN_MAX);
    let Ok(packet) = Packet::parse(answer) else { return (services, lives) };
    for record in &packet.answers {
        let RData::SRV(srv) = &record.rdata else { continue };
        let host = srv.target.to_string();
        if !host.is_empty() {
            let (priority, weight, port) = (srv.priority, srv.weight, srv.port);
            services.push(Service { transport, priority, weight, host, port });
            lives = lives.min(Duration::from_secs(record.ttl.into()));
        }
    }
    services.sort_by_key(|service| service.priority);
    services.truncate(SERVERS_MAX);
    (services, lives)
}

/// The addresses that A and AAAA say.
fn addresses_of(answer: &[u8]) -> Vec<IpAddr> {
    let Ok(packet) = Packet::parse(answer) else { return Vec::new() };
    let address = |record: &ResourceRecord| match &record.rdata {
        RData::A(a) => Some(IpAddr::from(Ipv4Addr::from(a.address))),
        RData::AAAA(aaaa) => Some(IpAddr::from(Ipv6Addr::from(aaaa.address))),
        _ => None,
    };
    packet.answers.iter().filter_map(address).take(SERVERS_MAX).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use simple_dns::rdata::{A, AAAA, NAPTR, SRV};

    fn answer(records: Vec<RData<'static>>) -> Vec<u8> {
        let mut packet = Packet::new_reply(7);
        for data in records {
            let name = Name::new("carrier.example").unwrap();
            packet.answers.push(ResourceRecord::new(name, CLASS::IN, 90, data));
        }
        packet.build_bytes_vec().unwrap()
    }

    fn srv(priority: u16, weight: u16, port: u16, target: &'static str) -> RData<'static> {
        RData::SRV(SRV { priority, weight, port, target: Name::new(target).unwrap() })
    }

    fn naptr(
        order: u16,
        preference: u16,
        flags: &'static str,
        service: &'static str,
    ) -> RData<'static> {
        RData::NAPTR(NAPTR {
            order,
            preference,
            flags: flags.try_into().unwrap(),
            services: service.try_into().unwrap(),
            regexp: "".try_into().unwrap(),
            replacement: Name::new("_sip._tcp.carrier.example").unwrap(),
        })
    }

    #[test]
    fn services_come_with_their_rank_port_and_time() {
        let said = answer(vec![srv(10, 60, 5060, "a.example"), srv(20, 0, 5080, "b.example")]);
        let (services, lives) = services_of(&said, Transport::Tcp);
        let service = |priority, weight, port, host: &str| Service {
            transport: Transport::Tcp,
            priority,
            weight,
            host: host.into(),
            port,
        };
        let expected = [service(10, 60, 5060, "a.example"), service(20, 0, 5080, "b.example")];
        assert_eq!((services, lives), (expected.to_vec(), Duration::from_secs(90)));
        assert!(services_of(b"nothing of the kind", Transport::Udp).0.is_empty());
    }

    #[test]
    fn of_too_many_services_those_of_the_best_priority_are_looked_up() {
        let many = (0_u16..32).rev();
        let said = answer(many.map(|priority| srv(priority, 0, 5060, "a.example")).collect());
        let (services, _) = services_of(&said, Transport::Udp);
        let priorities: Vec<usize> = services.iter().map(|of| of.priority.into()).collect();
        assert_eq!(priorities, (0..SERVERS_MAX).collect::<Vec<_>>());
        let said = answer(vec![naptr(1, 1, "s", "SIP+D2U"); SERVERS_MAX + 1]);
        assert_eq!(pointers(&said).len(), SERVERS_MAX);
    }

    #[test]
    fn pointers_are_followed_in_their_order_and_others_are_left_out() {
        let said = answer(vec![
            naptr(20, 1, "s", "SIP+D2U"),
            naptr(10, 2, "S", "SIP+D2T"),
            naptr(1, 1, "u", "E2U+sip"),
            naptr(1, 1, "s", "SIPS+D2T"),
        ]);
        let transports: Vec<Transport> = pointers(&said).into_iter().map(|of| of.0).collect();
        assert_eq!(transports, [Transport::Tcp, Transport::Udp]);
    }

    #[test]
    fn name_servers_are_those_of_the_system() {
        let text = "# a comment\nsearch example\nnameserver 192.0.2.53\nnameserver 2001:db8::53\n";
        let expected = ["192.0.2.53:53", "[2001:db8::53]:53"];
        assert_eq!(name_servers(text), expected.map(|address| address.parse().unwrap()));
        assert_eq!(name_servers(""), [SocketAddr::from((Ipv4Addr::LOCALHOST, 53))]);
    }

    #[test]
    fn a_name_server_is_asked_and_what_it_says_is_followed_to_addresses() {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let socket = UdpSocket::bind("127.0.0.1:0").await.unwrap();
            let at = socket.local_addr().unwrap();
            let served = async {
                let mut buffer = vec![0; 512];
                for _ in 0..10 {
                    let (length, from) = socket.recv_from(&mut buffer).await.unwrap();
                    let asked = Packet::parse(&buffer[..length]).unwrap();
                    let name = asked.questions[0].qname.to_string();
                    let mut reply = Packet::new_reply(asked.id());
                    if name == "_sip._udp.carrier.example" {
                        let owner = Name::new("_sip._udp.carrier.example").unwrap();
                        let data = srv(5, 1, 5070, "127.0.0.9");
                        reply.answers.push(ResourceRecord::new(owner, CLASS::IN, 60, data));
                    }
                    let bytes = reply.build_bytes_vec().unwrap();
                    socket.send_to(&bytes, from).await.unwrap();
                }
            };
            let named = Named { name: "carrier.example".into(), port: None, transport: None };
            let resolver = Resolver::of(&[at]);
            let located = resolver.locate(&named);
            let (servers, lives) = tokio::select! {
                () = served => panic!("it asks too often"),
                located = located => located,
            };
            let address = SocketAddr::from(([127, 0, 0, 9], 5070));
            let transport = Transport::Udp;
            let expected = Server { address, transport, priority: 5, weight: 1 };
            assert_eq!((servers, lives), (vec![expected], Duration::from_secs(60)));
        });
    }

    #[test]
    fn servers_over_tls_are_called_by_their_rank_and_a_name_without_them_at_its_own_port() {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let socket = UdpSocket::bind("127.0.0.1:0").await.unwrap();
            let resolver = Resolver::of(&[socket.local_addr().unwrap()]);
            let served = async {
                let mut buffer = vec![0; 512];
                loop {
                    let (length, from) = socket.recv_from(&mut buffer).await.unwrap();
                    let asked = Packet::parse(&buffer[..length]).unwrap();
                    let mut reply = Packet::new_reply(asked.id());
                    if asked.questions[0].qname.to_string() == "_sips._tcp.carrier.example" {
                        for data in [srv(20, 0, 5071, "127.0.0.8"), srv(10, 0, 5081, "127.0.0.9")] {
                            let owner = Name::new("_sips._tcp.carrier.example").unwrap();
                            reply.answers.push(ResourceRecord::new(owner, CLASS::IN, 60, data));
                        }
                    }
                    socket.send_to(&reply.build_bytes_vec().unwrap(), from).await.unwrap();
                }
            };
            let of = |name: &str| Named {
                name: name.into(),
                port: None,
                transport: Some(Transport::Tls),
            };
            let (ranked, plain) = (of("carrier.example"), of("127.0.0.7"));
            let found = async { (resolver.in_turn(&ranked).await, resolver.in_turn(&plain).await) };
            let (ranked, plain) = tokio::select! {
                () = served => unreachable!("it serves for ever"),
                found = found => found,
            };
            let at = |ip: u8, port| SocketAddr::from(([127, 0, 0, ip], port));
            assert_eq!(ranked, [at(9, 5081), at(8, 5071)]);
            assert_eq!(plain, [at(7, 5061)]);
        });
    }

    #[test]
    fn servers_of_the_configuration_are_asked_for_addresses_too() {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let socket = UdpSocket::bind("127.0.0.1:0").await.unwrap();
            let at = socket.local_addr().unwrap();
            let served = async {
                let mut buffer = vec![0; 512];
                loop {
                    let (length, from) = socket.recv_from(&mut buffer).await.unwrap();
                    let asked = Packet::parse(&buffer[..length]).unwrap();
                    let question = &asked.questions[0];
                    let mut reply = Packet::new_reply(asked.id());
                    if question.qname.to_string() == "sbc.carrier.example" {
                        let owner = Name::new("sbc.carrier.example").unwrap();
                        let data = match question.qtype == TYPE::A.into() {
                            true => RData::A(A { address: Ipv4Addr::new(192, 0, 2, 7).into() }),
                            false => RData::AAAA(AAAA { address: Ipv6Addr::LOCALHOST.into() }),
                        };
                        reply.answers.push(ResourceRecord::new(owner, CLASS::IN, 60, data));
                    }
                    socket.send_to(&reply.build_bytes_vec().unwrap(), from).await.unwrap();
                }
            };
            let asked = async {
                let known = hosts(("sbc.carrier.example", 5060), &[at]).await.unwrap();
                // The system would know this one.
                (known, hosts(("localhost", 5060), &[at]).await.unwrap_err().kind())
            };
            let (known, unknown) = tokio::select! {
                () = served => unreachable!("it serves for ever"),
                asked = asked => asked,
            };
            let expected: [SocketAddr; 2] =
                ["192.0.2.7:5060", "[::1]:5060"].map(|text| text.parse().unwrap());
            assert_eq!((known, unknown), (expected.to_vec(), io::ErrorKind::NotFound));
        });
    }
}
