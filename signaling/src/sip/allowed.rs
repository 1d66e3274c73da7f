//! Who may signal at all, interface by interface: a list of networks for each transport. Without a list
//! everybody may. Whoever is on none is dropped unread, counted, and told to the log once.

use super::flow::Transport;
use crate::reach::Network;
use std::collections::HashSet;
use std::net::IpAddr;

/// Addresses that were told to the log; beyond it they are counted only.
const TOLD_MAX: usize = 1_000;

/// The lists.
#[derive(Debug)]
pub(super) struct Allowed {
    networks: Vec<(Transport, Network)>,
    told: HashSet<IpAddr>,
}

impl Allowed {
    pub fn new(networks: Vec<(Transport, Network)>) -> Self {
        Allowed { networks, told: HashSet::new() }
    }

    /// Whether this source may signal over this transport.
    pub fn admits(&self, transport: Transport, ip: IpAddr) -> bool {
        let mut of = self.networks.iter().filter(|(own, _)| *own == transport).peekable();
        of.peek().is_none() || of.any(|(_, network)| network.holds(ip))
    }

    /// Whether there is a list for this transport: who comes by it then is on it.
    pub fn has_list(&self, transport: Transport) -> bool {
        self.networks.iter().any(|(own, _)| *own == transport)
    }

    /// This source was dropped.
    pub fn note(&mut self, transport: Transport, ip: IpAddr) {
        if self.told.len() < TOLD_MAX && self.told.insert(ip) {
            tracing::warn!(%ip, ?transport, "somebody signals who is on no list: dropped");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_is_for_its_interface_and_none_lets_everybody_in() {
        let network = |text: &str| Network::parse(text).expect("a network");
        let lists = vec![
            (Transport::Udp, network("10.0.0.0/8")),
            (Transport::Udp, network("2001:db8::/32")),
            (Transport::Tcp, network("192.0.2.1")),
        ];
        let allowed = Allowed::new(lists);
        for (transport, ip, admitted) in [
            (Transport::Udp, "10.1.2.3", true),
            (Transport::Udp, "::ffff:10.1.2.3", true),
            (Transport::Udp, "2001:db8::7", true),
            (Transport::Udp, "192.0.2.1", false),
            (Transport::Tcp, "192.0.2.1", true),
            (Transport::Tcp, "10.1.2.3", false),
            (Transport::Wss, "198.51.100.7", true),
        ] {
            let ip = ip.parse().expect("an address");
            assert_eq!(allowed.admits(transport, ip), admitted, "{transport:?} {ip}");
        }
    }

    #[test]
    fn a_flood_of_dropped_sources_leaves_no_more_than_its_limit() {
        let mut allowed = Allowed::new(Vec::new());
        for n in 0..5_000_u32 {
            allowed.note(Transport::Udp, IpAddr::from(n.to_be_bytes()));
        }
        assert_eq!(allowed.told.len(), TOLD_MAX);
    }
}
