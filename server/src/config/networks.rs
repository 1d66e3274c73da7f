//! Which peers are told which address of ours: the entries of `sip.networks` against each other and
//! against where we listen. An address that a peer cannot reach is a call that nobody hears.

use super::{Config, Error, refused, value};
use signaling::reach::{Network, Reach, Told};
use signaling::sip::flow::Transport;
use std::net::IpAddr;

/// Most networks: each is one more description in a call to an agent.
const NETWORKS_MAX: usize = 64;

impl Config {
    /// What peers are told, by network.
    pub fn reach(&self) -> Reach {
        Reach::new(self.sip.networks.iter().map(told).collect())
    }

    /// Who may signal over which transport; one that is not named takes everybody.
    pub fn allowed(&self) -> Vec<(Transport, Network)> {
        let sip = &self.sip;
        let lists = [
            (Transport::Udp, &sip.udp_allowed),
            (Transport::Tcp, &sip.tcp_allowed),
            (Transport::Tls, &sip.tls_allowed),
            (Transport::Ws, &sip.ws_allowed),
            (Transport::Wss, &sip.wss_allowed),
        ];
        let entries = lists.into_iter().flat_map(|(transport, list)| {
            list.iter().map(move |network| (transport, Network::parse(&network.0)))
        });
        entries
            .map(|(transport, network)| (transport, network.expect("it was read as a network")))
            .collect()
    }

    pub(super) fn check_networks(&self) -> Result<(), Error> {
        if self.sip.advertise.0.is_some_and(|ip| ip.is_unspecified()) {
            let problem = "nobody reaches this address: one of this box, or of the NAT before it, is \
                           needed, such as \"203.0.113.10\", or \"\" to find it";
            return refused("sip.advertise", problem.into());
        }
        if self.sip.networks.len() > NETWORKS_MAX {
            let problem = format!("{} are more than {NETWORKS_MAX}", self.sip.networks.len());
            return refused("sip.networks", problem);
        }
        let mut before: Vec<Network> = Vec::new();
        for (number, entry) in self.sip.networks.iter().enumerate() {
            let told = told(entry);
            let key = |name: &str| format!("sip.networks[{number}].{name}");
            if before.contains(&told.peers) {
                let problem = format!("{} stands twice; leave one of them", entry.peers);
                return refused(&key("peers"), problem);
            }
            before.push(told.peers);
            let media = if entry.media.is_some() { "media" } else { "sip" };
            for (name, ip) in [("sip", told.sip), (media, told.media)] {
                if ip.is_ipv4() != told.peers.first().is_ipv4() {
                    let problem =
                        format!("{} does not reach {ip}: both need one family", entry.peers);
                    return refused(&key(name), problem);
                }
            }
            let sip = [self.sip.udp.0, self.sip.tcp.0];
            if !sip.iter().any(|listen| takes(listen.ip(), told.sip)) {
                let problem = format!(
                    "sip.udp and sip.tcp are {} and {}, where nothing of its family comes; \
                     \"[::]:5060\" takes both",
                    sip[0], sip[1]
                );
                return refused(&key("sip"), problem);
            }
            let bind = self.rtp.bind.0.unwrap_or(IpAddr::from([0, 0, 0, 0]));
            if !takes(bind, told.media) {
                let problem = format!(
                    "rtp.bind is {bind}, where nothing of its family comes; \"::\" takes both"
                );
                return refused(&key(media), problem);
            }
        }
        Ok(())
    }
}

/// What is bound to `bound` may be reached by the family of `ip`.
fn takes(bound: IpAddr, ip: IpAddr) -> bool {
    bound.is_ipv4() == ip.is_ipv4() || (bound.is_ipv6() && bound.is_unspecified())
}

fn told(entry: &value::Told) -> Told {
    Told {
        peers: Network::parse(&entry.peers.0).expect("it was read as a network"),
        sip: entry.sip.0,
        media: entry.media.unwrap_or(entry.sip).0,
    }
}

#[cfg(test)]
mod tests {
    use crate::config::Config;
    use std::net::IpAddr;
    use std::path::Path;

    fn problem(text: &str) -> String {
        Config::parse(text, Path::new("switchgrid.toml")).unwrap_err().to_string()
    }

    const TWO: &str = "[sip]\nadvertise = \"203.0.113.10\"\n\n\
        [[sip.networks]]\npeers = \"10.0.0.0/8\"\nsip = \"10.0.0.5\"\n\n\
        [[sip.networks]]\npeers = \"10.9.0.0/16\"\nsip = \"10.9.0.5\"\nmedia = \"10.9.0.6\"\n";

    #[test]
    fn peers_are_told_what_stands_in_the_file() {
        let config = Config::parse(TWO, Path::new("x")).unwrap();
        let ip = |text: &str| text.parse::<IpAddr>().unwrap();
        let at = |peer: &str| {
            let reach = config.reach();
            reach.at(ip(peer)).map(|told| (told.sip, told.media))
        };
        assert_eq!(at("10.1.2.3"), Some((ip("10.0.0.5"), ip("10.0.0.5"))), "media is sip");
        assert_eq!(at("10.9.2.3"), Some((ip("10.9.0.5"), ip("10.9.0.6"))));
        assert_eq!(at("198.51.100.7"), None);
        // The children read it as JSON.
        let json = serde_json::to_string(&config).unwrap();
        assert_eq!(serde_json::from_str::<Config>(&json).unwrap(), config);
        let inline = "[sip]\nnetworks = [{ peers = \"10.0.0.0/8\", sip = \"10.0.0.5\" }]\n";
        let inline = Config::parse(inline, Path::new("x")).unwrap();
        assert_eq!(inline.sip.networks, config.sip.networks[..1]);
    }

    #[test]
    fn each_interface_has_a_list_of_its_own_and_none_is_no_list() {
        use signaling::sip::flow::Transport;
        let text =
            "[sip]\nudp_allowed = [\"10.0.0.0/8\"]\nwss_allowed = [\"192.0.2.1\", \"::1\"]\n";
        let allowed = Config::parse(text, Path::new("x")).unwrap().allowed();
        let transports: Vec<Transport> = allowed.iter().map(|(transport, _)| *transport).collect();
        assert_eq!(transports, [Transport::Udp, Transport::Wss, Transport::Wss]);
        assert!(allowed[0].1.holds("10.9.9.9".parse::<IpAddr>().unwrap()));
        assert!(Config::parse("", Path::new("x")).unwrap().allowed().is_empty());
        for wrong in ["10.0.0.0/33", "10.0.0.0/", "phones"] {
            let told = problem(&format!("[sip]\nudp_allowed = [\"{wrong}\"]\n"));
            assert!(told.contains("is no address or network"), "{told}");
        }
    }

    #[test]
    fn a_name_server_is_an_address_with_a_port_where_it_is_another_than_usual() {
        let text = "[sip]\nname_servers = [\"10.0.0.53\", \"[::1]:5353\", \"2001:db8::53\"]\n";
        let config = Config::parse(text, Path::new("x")).unwrap();
        let told: Vec<String> = config.sip.name_servers.iter().map(ToString::to_string).collect();
        assert_eq!(told, ["10.0.0.53:53", "[::1]:5353", "[2001:db8::53]:53"]);
        for wrong in ["dns.example", "10.0.0.53:", ""] {
            let told = problem(&format!("[sip]\nname_servers = [\"{wrong}\"]\n"));
            assert!(told.contains("is no name server"), "{told}");
        }
    }

    #[test]
    fn what_is_no_network_or_no_address_is_refused_on_its_line() {
        for (wrong, right, line, key) in [
            (
                "10.9.0.0/33",
                "10.9.0.0/16",
                9,
                "sip.networks.peers: \"10.9.0.0/33\" is no address or",
            ),
            ("office", "10.9.0.0/16", 9, "sip.networks.peers: \"office\" is no address or network"),
            ("0.0.0.0", "10.9.0.5", 10, "sip.networks.sip: nobody reaches \"0.0.0.0\""),
            ("::", "10.9.0.6", 11, "sip.networks.media: nobody reaches \"::\""),
            ("pbx", "10.9.0.6", 11, "sip.networks.media: \"pbx\" is no IP address, such as"),
            ("0.0.0.0", "203.0.113.10", 2, "sip.advertise: nobody reaches this address"),
        ] {
            let text = problem(&TWO.replace(&format!("\"{right}\""), &format!("\"{wrong}\"")));
            let start = format!("switchgrid.toml:{line}: {key}");
            assert!(text.starts_with(&start), "{start}: {text}");
            assert!(text.contains("such as \""), "{text}");
        }
    }

    #[test]
    fn networks_that_contradict_are_refused_on_their_line() {
        let replaced = |from: &str, to: &str| problem(&TWO.replace(from, to));
        let text = replaced("10.9.0.0/16", "10.1.2.3/8");
        assert!(text.starts_with("switchgrid.toml:9: sip.networks.peers: 10.1.2.3/8 stands twice"));
        let text = replaced("\"10.9.0.6\"", "\"2001:db8::6\"");
        assert!(text.starts_with("switchgrid.toml:11: sip.networks.media: 10.9.0.0/16 does not"));
        let six = "[sip]\nudp = \"[::]:5060\"\n[[sip.networks]]\npeers = \"fd00::/8\"\n\
                   sip = \"fd00::5\"\n";
        let text = problem(six);
        assert!(
            text.starts_with("switchgrid.toml:5: sip.networks.sip: rtp.bind is 0.0.0.0"),
            "{text}"
        );
        let both = format!("{six}[rtp]\nbind = \"::\"\n");
        assert!(Config::parse(&both, Path::new("x")).is_ok());
        let text = problem(&both.replace("[::]:5060", "0.0.0.0:5060"));
        assert!(text.contains("sip.networks.sip: sip.udp and sip.tcp are 0.0.0.0:5060"), "{text}");
    }

    #[test]
    fn keys_that_are_missing_or_unknown_are_named() {
        let text = problem("[[sip.networks]]\npeers = \"10.0.0.0/8\"\n");
        assert!(text.contains("sip.networks") && text.contains("`sip` is missing"), "{text}");
        let text = problem("[[sip.networks]]\npeer = \"10.0.0.0/8\"\nsip = \"10.0.0.5\"\n");
        assert!(
            text.starts_with("switchgrid.toml:2: sip.networks.peer: there is no key"),
            "{text}"
        );
    }
}
