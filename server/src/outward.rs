//! Requests to addresses that people of a tenant named: no address of this machine or its private
//! neighbours is asked unless the administrator allows it, and no redirect is followed.
//!
//! The checked address is the one that is connected to: a name cannot change in between.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

/// Where a URL leads.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    host: String,
    addresses: Vec<SocketAddr>,
}

/// Why a URL is not asked.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// The name was not found; it may be the next time.
    #[error("{0}")]
    Unknown(String),
    /// It leads nowhere, or where nobody may go.
    #[error("{0}")]
    Barred(String),
}

impl Place {
    /// Looks up the name of a URL. Each of its addresses must be of the public internet or among
    /// `allowed`, which is what `key` of the configuration lists.
    ///
    /// # Errors
    /// A sentence for people.
    pub async fn of(url: &reqwest::Url, allowed: &[IpAddr], key: &str) -> Result<Place, Refusal> {
        let by_system = |host: String, port: u16| async move {
            let found = tokio::net::lookup_host((host.as_str(), port)).await;
            found.map(|addresses| addresses.collect::<Vec<SocketAddr>>())
        };
        Self::looked_up(url, allowed, key, by_system).await
    }

    /// The same with another way to look up a name.
    async fn looked_up<F>(
        url: &reqwest::Url,
        allowed: &[IpAddr],
        key: &str,
        lookup: impl FnOnce(String, u16) -> F,
    ) -> Result<Place, Refusal>
    where
        F: Future<Output = io::Result<Vec<SocketAddr>>>,
    {
        let barred = |why: &str| Refusal::Barred(why.to_owned());
        let host = url.host_str().ok_or_else(|| barred("the URL names no host"))?;
        let host = host.trim_matches(['[', ']']).to_owned();
        let port = url.port_or_known_default();
        let port = port.ok_or_else(|| barred("only http and https can be asked"))?;
        let found = lookup(host.clone(), port).await;
        let addresses = found.map_err(|error| Refusal::Unknown(format!("{host}: {error}")))?;
        let inside = |at: &&SocketAddr| !is_public(at.ip()) && !allowed.contains(&at.ip());
        if let Some(inside) = addresses.iter().find(inside) {
            let ip = inside.ip();
            return Err(barred(&format!("{ip} is inside; name it in {key} to have it asked")));
        }
        if addresses.is_empty() {
            return Err(barred(&format!("{host} has no address")));
        }
        Ok(Place { host, addresses })
    }

    /// The same place, in whichever order its addresses were found.
    pub fn sorted(mut self) -> Place {
        self.addresses.sort_unstable();
        self
    }

    /// The addresses that are connected to.
    pub fn addresses(&self) -> &[SocketAddr] {
        &self.addresses
    }

    /// A client that connects to nothing else.
    pub fn client(&self) -> reqwest::ClientBuilder {
        reqwest::Client::builder()
            .redirect(reqwest::redirect::Policy::none())
            .no_proxy()
            .resolve_to_addrs(&self.host, &self.addresses)
    }
}

/// True for addresses of the public internet.
fn is_public(ip: IpAddr) -> bool {
    match ip {
        IpAddr::V4(ip) => {
            let [a, b, c, _] = ip.octets();
            !(ip.is_private()
                || ip.is_loopback()
                || ip.is_link_local()
                || ip.is_unspecified()
                || ip.is_broadcast()
                || ip.is_multicast()
                || ip.is_documentation()
                || a == 0
                || a >= 240
                || (a == 100 && (64..128).contains(&b))
                || (a == 198 && (18..20).contains(&b))
                || (a, b, c) == (192, 0, 0)
                || (a, b, c) == (192, 88, 99))
        }
        IpAddr::V6(ip) => match carried(ip) {
            Some(v4) => is_public(IpAddr::V4(v4)),
            // Only 2000::/3 is given out; of it, 2001::/23 is for protocols and 2001:db8::/32 for
            // documentation.
            None => {
                let [first, second, ..] = ip.segments();
                first & 0xe000 == 0x2000
                    && !(first == 0x2001 && (second < 0x200 || second == 0xdb8))
                    && first != 0x3fff
            }
        },
    }
}

/// The IPv4 address that an IPv6 address leads to: mapped, compatible (RFC 4291 §2.5.5), 6to4
/// (RFC 3056) and both prefixes of NAT64 (RFC 6052, RFC 8215).
fn carried(ip: Ipv6Addr) -> Option<Ipv4Addr> {
    let v4 = |high: u16, low: u16| Some(Ipv4Addr::from(u32::from(high) << 16 | u32::from(low)));
    match ip.segments() {
        [0, 0, 0, 0, 0, 0 | 0xffff, high, low] => v4(high, low),
        [0x2002, high, low, ..] => v4(high, low),
        [0x64, 0xff9b, 0 | 1, .., high, low] => v4(high, low),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::future::ready;
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::time::Duration;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::TcpListener;

    /// The first lookup of the name gives an address that may be asked, each later one an address
    /// inside. An allowed one of this machine stands for the internet.
    #[tokio::test]
    async fn a_name_that_rebinds_is_asked_where_it_was_checked_and_refused_the_next_time() {
        let outside = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = outside.local_addr().unwrap().port();
        let inside = TcpListener::bind(("127.0.0.2", port)).await.unwrap();
        let allowed = [IpAddr::from([127, 0, 0, 1])];
        let lookups = AtomicUsize::new(0);
        let lookup = |_: String, port: u16| {
            let last = if lookups.fetch_add(1, Ordering::Relaxed) == 0 { 1 } else { 2 };
            ready(Ok(vec![SocketAddr::from(([127, 0, 0, last], port))]))
        };
        let url = reqwest::Url::parse(&format!("http://hook.example:{port}/")).unwrap();
        let place = Place::looked_up(&url, &allowed, "hooks.allowed", lookup).await.unwrap();
        let answering = tokio::spawn(async move {
            let (mut peer, _) = outside.accept().await.unwrap();
            let mut request = [0; 1024];
            assert!(peer.read(&mut request).await.unwrap() > 0);
            let answer = b"HTTP/1.1 204 No Content\r\nconnection: close\r\n\r\n";
            peer.write_all(answer).await.unwrap();
        });
        let client = place.client().build().unwrap();
        let answer = client.get(url.clone()).send().await.unwrap();
        assert_eq!(answer.status().as_u16(), 204);
        answering.await.unwrap();
        assert_eq!(lookups.load(Ordering::Relaxed), 1, "the client looks nothing up");
        let came = tokio::time::timeout(Duration::from_millis(50), inside.accept()).await;
        assert!(came.is_err(), "nobody came inside");

        let refused = Place::looked_up(&url, &allowed, "hooks.allowed", lookup).await.unwrap_err();
        let sentence = "127.0.0.2 is inside; name it in hooks.allowed to have it asked";
        assert_eq!(refused, Refusal::Barred(sentence.into()));
    }

    #[test]
    fn the_public_internet_is_open() {
        for open in ["1.1.1.1", "2606:4700::1111", "64:ff9b::1.1.1.1", "::ffff:8.8.8.8"] {
            assert!(is_public(open.parse().unwrap()), "{open}");
        }
    }

    #[tokio::test]
    async fn a_refusal_names_the_key_that_lets_it_through() {
        let here: IpAddr = "127.0.0.1".parse().unwrap();
        let url = reqwest::Url::parse("https://127.0.0.1:1/").unwrap();
        let refused = Place::of(&url, &[], "hooks.allowed").await.unwrap_err();
        let sentence = "127.0.0.1 is inside; name it in hooks.allowed to have it asked";
        assert_eq!(refused, Refusal::Barred(sentence.into()));
        let place = Place::of(&url, &[here], "hooks.allowed").await.unwrap();
        assert_eq!(place.addresses(), [SocketAddr::from((here, 1))]);
        let file = reqwest::Url::parse("file:///etc/passwd").unwrap();
        assert!(Place::of(&file, &[here], "hooks.allowed").await.is_err());
    }
}
