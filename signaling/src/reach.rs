//! Which of our addresses a peer is told. A box behind a NAT, or with several interfaces, has one
//! address for its own networks and another for the outside; a peer has to be told the one that it
//! reaches. It is chosen by the address that the peer signals from: of the networks that hold it the
//! most specific one counts, and who is in none is told what everybody is told.

use std::net::{IpAddr, Ipv6Addr};

/// Bits before an IPv4 address that is written as an IPv6 address.
const MAPPED_BITS: u32 = 96;

/// `address/prefix`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Network {
    address: u128,
    prefix: u32,
}

impl Network {
    /// Reads `192.0.2.0/24`, `2001:db8::/32` or a single address. Bits behind the prefix say nothing.
    pub fn parse(text: &str) -> Option<Self> {
        let (address, prefix) = match text.trim().split_once('/') {
            Some((address, prefix)) => (address, Some(prefix.parse::<u32>().ok()?)),
            None => (text.trim(), None),
        };
        let ip: IpAddr = address.parse().ok()?;
        let (width, shift) = if ip.is_ipv4() { (32, MAPPED_BITS) } else { (128, 0) };
        let prefix = prefix.unwrap_or(width);
        (prefix <= width).then(|| {
            let prefix = prefix + shift;
            Network { address: bits(ip) & mask(prefix), prefix }
        })
    }

    /// The address is one of it.
    pub fn holds(&self, ip: IpAddr) -> bool {
        (bits(ip) ^ self.address) & mask(self.prefix) == 0
    }

    /// Its first address.
    pub fn first(&self) -> IpAddr {
        Ipv6Addr::from(self.address).to_canonical()
    }
}

fn mask(prefix: u32) -> u128 {
    if prefix == 0 { 0 } else { u128::MAX << (128 - prefix) }
}

/// IPv4 as its mapped IPv6 address, so that both families compare alike.
fn bits(ip: IpAddr) -> u128 {
    match ip {
        IpAddr::V4(v4) => u128::from(v4.to_ipv6_mapped()),
        IpAddr::V6(v6) => u128::from(v6),
    }
}

/// What the peers of one network are told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Told {
    /// Where they signal from.
    pub peers: Network,
    /// Our address in Via and Contact.
    pub sip: IpAddr,
    /// Our address in descriptions.
    pub media: IpAddr,
}

/// What peers are told, by network; the most specific network stands first.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Reach(Vec<Told>);

impl Reach {
    /// In any order.
    pub fn new(mut told: Vec<Told>) -> Self {
        told.sort_by_key(|told| std::cmp::Reverse(told.peers.prefix));
        Reach(told)
    }

    /// What a peer at this address is told; `None` is what everybody is told. An address of the other
    /// family is of no use to a peer.
    pub fn at(&self, peer: IpAddr) -> Option<&Told> {
        let is_ipv4 = peer.to_canonical().is_ipv4();
        let mut fitting = self.0.iter().filter(|told| told.sip.is_ipv4() == is_ipv4);
        fitting.find(|told| told.peers.holds(peer))
    }

    /// All addresses in descriptions beside the one that everybody is told, each once.
    pub fn media(&self) -> Vec<IpAddr> {
        let mut all: Vec<IpAddr> = Vec::new();
        for told in &self.0 {
            if !all.contains(&told.media) {
                all.push(told.media);
            }
        }
        all
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand::rngs::StdRng;
    use rand::{Rng, SeedableRng};
    use std::net::Ipv4Addr;

    fn ip(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    fn told(peers: &str, sip: &str, media: &str) -> Told {
        Told { peers: Network::parse(peers).unwrap(), sip: ip(sip), media: ip(media) }
    }

    #[test]
    fn networks_hold_their_addresses_only() {
        let holds = |network: &str, address: &str| {
            Network::parse(network).unwrap().holds(address.parse().unwrap())
        };
        assert!(holds("192.0.2.0/24", "192.0.2.255") && !holds("192.0.2.0/24", "192.0.3.0"));
        assert!(holds("192.0.2.7", "::ffff:192.0.2.7") && !holds("192.0.2.7", "192.0.2.8"));
        assert!(holds("2001:db8::/32", "2001:db8:9::1") && !holds("2001:db8::/32", "2001:db9::1"));
        assert!(holds("0.0.0.0/0", "9.9.9.9") && !holds("0.0.0.0/0", "2001:db8::1"));
        assert!(Network::parse("192.0.2.0/33").is_none() && Network::parse("x").is_none());
    }

    #[test]
    fn bits_behind_the_prefix_make_no_other_network() {
        let network = Network::parse("10.1.2.3/8").unwrap();
        assert_eq!(network, Network::parse("10.0.0.0/8").unwrap());
        assert_eq!(network.first(), ip("10.0.0.0"));
        assert_eq!(Network::parse("2001:db8::7").unwrap().first(), ip("2001:db8::7"));
    }

    #[test]
    fn a_peer_is_told_what_its_network_reaches() {
        let reach = Reach::new(vec![
            told("10.0.0.0/8", "10.0.0.5", "10.0.0.6"),
            told("10.9.0.0/16", "10.9.0.5", "10.9.0.5"),
            told("fd00::/8", "fd00::5", "fd00::6"),
        ]);
        let at = |peer: &str| reach.at(ip(peer)).map(|told| (told.sip, told.media));
        assert_eq!(at("10.1.1.1"), Some((ip("10.0.0.5"), ip("10.0.0.6"))));
        assert_eq!(at("::ffff:10.1.1.1"), at("10.1.1.1"), "a socket of both families says it so");
        assert_eq!(at("10.9.1.1"), Some((ip("10.9.0.5"), ip("10.9.0.5"))));
        assert_eq!(at("fd12::1"), Some((ip("fd00::5"), ip("fd00::6"))));
        assert_eq!((at("192.0.2.1"), at("2001:db8::1")), (None, None));
        assert_eq!(reach.media(), [ip("10.9.0.5"), ip("10.0.0.6"), ip("fd00::6")]);
    }

    #[test]
    fn an_address_of_the_other_family_is_never_told() {
        let reach = Reach::new(vec![told("::/0", "2001:db8::5", "2001:db8::5")]);
        assert!(reach.at(ip("192.0.2.1")).is_none(), "although ::/0 holds its mapped form");
        assert!(reach.at(ip("2001:db8::1")).is_some());
    }

    /// Whatever the networks are and however they are ordered: the one that is chosen holds the peer,
    /// and none that holds the peer is more specific.
    #[test]
    fn the_most_specific_network_wins() {
        let mut rng = StdRng::seed_from_u64(20_261);
        for round in 0..5_000 {
            let prefixes: Vec<(u32, u32)> = (0..rng.random_range(0..8))
                .map(|_| {
                    let address = rng.random_range(0..16_u32) << 28 | rng.random_range(0..4);
                    (address, rng.random_range(0..=32))
                })
                .collect();
            let list: Vec<Told> = (1_u32..)
                .zip(&prefixes)
                .map(|(n, (address, prefix))| Told {
                    peers: Network::parse(&format!("{}/{prefix}", Ipv4Addr::from(*address)))
                        .unwrap(),
                    sip: Ipv4Addr::from(n).into(),
                    media: Ipv4Addr::from(n).into(),
                })
                .collect();
            let peer = rng.random_range(0..16_u32) << 28 | rng.random_range(0..4);
            let shares = |(address, prefix): &(u32, u32)| {
                u64::from(*address) >> (32 - prefix) == u64::from(peer) >> (32 - prefix)
            };
            let best = prefixes.iter().filter(|network| shares(network)).map(|n| n.1).max();
            let reach = Reach::new(list);
            let chosen = reach.at(Ipv4Addr::from(peer).into()).map(|told| {
                let IpAddr::V4(n) = told.sip else { panic!("{told:?}") };
                prefixes[u32::from(n) as usize - 1]
            });
            assert_eq!(chosen.map(|network| network.1), best, "round {round}: {prefixes:?}");
            assert!(chosen.is_none_or(|network| shares(&network)), "round {round}");
        }
    }
}
