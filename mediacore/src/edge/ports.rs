//! Port pairs: RTP even, RTCP one above (RFC 3550 §11).
//!
//! A configured range is cut into one part for each shard, so that no two shards ever ask for the
//! same port. A port that was closed rests before it is used again, so that a late packet of the
//! last call does not meet the next one. Without a range the kernel chooses; that is for tests.

use super::clock;
use socket2::{Domain, Protocol, Socket, Type};
use std::collections::VecDeque;
use std::io;
use std::net::{IpAddr, SocketAddr, UdpSocket};
use std::ops::RangeInclusive;
use std::time::Duration;
use terms::Moment;

/// Pairs tried before a reservation fails: other programs may hold some.
const TRIES_MAX: usize = 64;
/// Pause between two tries for a port that a leg had before.
const AGAIN_AFTER: Duration = Duration::from_millis(5);
/// Expedited forwarding, RFC 3246: what networks that give voice a lane of its own look for.
pub const DSCP_EF: u8 = 46;

/// Why no pair could be had.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// All are taken or rest.
    #[error(
        "reserve an RTP port: all {0} pairs of this media core are in use or at rest (rtp.ports)"
    )]
    Exhausted(usize),
    /// The kernel refused.
    #[error("reserve an RTP port on {ip} near {port}: {source}")]
    Bind {
        /// Our address.
        ip: IpAddr,
        /// The last port tried.
        port: u16,
        /// The kernel's word.
        source: io::Error,
    },
}

/// Two bound sockets.
#[derive(Debug)]
pub struct Pair {
    /// The even port.
    pub rtp: UdpSocket,
    /// The odd port above.
    pub rtcp: UdpSocket,
    /// The even port's number.
    pub port: u16,
}

/// The pairs of one shard.
#[derive(Debug)]
pub struct PortPool {
    ip: IpAddr,
    /// Even ports with the moment from which they may be used; `None` lets the kernel choose.
    free: Option<VecDeque<(Moment, u16)>>,
    pairs: usize,
    rest: Duration,
    dscp: u8,
}

impl PortPool {
    /// The part of `range` that belongs to `shard` of `shards`.
    pub fn new(
        ip: IpAddr,
        range: Option<RangeInclusive<u16>>,
        shard: usize,
        shards: usize,
        rest: Duration,
    ) -> Self {
        let free = range.map(|range| part(range, shard, shards));
        let pairs = free.as_ref().map_or(usize::MAX, VecDeque::len);
        PortPool { ip, free, pairs, rest, dscp: DSCP_EF }
    }

    /// The same, whose packets carry this code point (RFC 2474), 0–63, in place of [`DSCP_EF`].
    pub fn marked(self, dscp: u8) -> Self {
        PortPool { dscp, ..self }
    }

    /// Binds a pair.
    pub fn reserve(&mut self, now: Moment) -> Result<Pair, Error> {
        let mut refused = None;
        for _ in 0..TRIES_MAX {
            let port = match &mut self.free {
                None => 0,
                Some(free) => match free.pop_front() {
                    Some((from, port)) if from <= now => port,
                    Some(resting) => {
                        free.push_front(resting);
                        break;
                    }
                    None => break,
                },
            };
            match bind_pair(self.ip, port, self.dscp) {
                Ok(pair) => return Ok(pair),
                Err(error) => {
                    if let Some(free) = &mut self.free {
                        free.push_back((now + self.rest, port));
                    }
                    refused = Some((port, error));
                }
            }
        }
        Err(match refused {
            Some((port, source)) => Error::Bind { ip: self.ip, port, source },
            None => Error::Exhausted(self.pairs),
        })
    }

    /// Binds the pair that a leg had before a kill. Until `until` it is tried again: the kernel may
    /// still be closing the sockets of the process that ended.
    pub fn reserve_again(&mut self, port: u16, until: Moment) -> io::Result<Pair> {
        let pair = loop {
            match bind_pair(self.ip, port, self.dscp) {
                Err(error) if error.kind() == io::ErrorKind::AddrInUse && clock::now() < until => {
                    clock::sleep_until(clock::now() + AGAIN_AFTER);
                }
                tried => break tried?,
            }
        };
        if let Some(free) = &mut self.free {
            free.retain(|&(_, free)| free != port);
        }
        Ok(pair)
    }

    /// Takes a closed port back.
    pub fn give_back(&mut self, now: Moment, port: u16) {
        if let Some(free) = &mut self.free {
            free.push_back((now + self.rest, port));
        }
    }
}

fn part(range: RangeInclusive<u16>, shard: usize, shards: usize) -> VecDeque<(Moment, u16)> {
    let pairs: Vec<u16> =
        range.clone().filter(|port| port % 2 == 0 && *port != 0 && port < range.end()).collect();
    let each = pairs.len() / shards.max(1);
    let own = pairs.iter().skip(shard * each).take(each);
    own.map(|&port| (Moment(0), port)).collect()
}

/// Binds `port` and the one above; port 0 asks the kernel for an even one, which is then bound by
/// its number: a port that the kernel chose itself is lost when a filter is dissolved (udp(7),
/// AF_UNSPEC).
fn bind_pair(ip: IpAddr, port: u16, dscp: u8) -> io::Result<Pair> {
    let port = if port == 0 { bind(ip, 0, dscp)?.local_addr()?.port() } else { port };
    let rtp = bind(ip, port, dscp)?;
    let above = port.checked_add(1).filter(|_| port % 2 == 0);
    let above = above.ok_or_else(|| io::Error::other("the kernel chose an odd port"))?;
    let rtcp = bind(ip, above, dscp)?;
    Ok(Pair { rtp, rtcp, port })
}

fn bind(ip: IpAddr, port: u16, dscp: u8) -> io::Result<UdpSocket> {
    let address = SocketAddr::new(ip, port);
    let socket = Socket::new(Domain::for_address(address), Type::DGRAM, Some(Protocol::UDP))?;
    socket.set_nonblocking(true)?;
    // The upper six bits of the octet; the lower two are the network's (RFC 3168).
    let octet = u32::from(dscp) << 2;
    let marked = match ip {
        IpAddr::V4(_) => socket.set_tos_v4(octet),
        // A socket of both families marks IPv4 by the octet of its own.
        IpAddr::V6(_) => socket.set_tclass_v6(octet).and_then(|()| socket.set_tos_v4(octet)),
    };
    if let Err(error) = marked {
        tracing::debug!(%error, dscp, "RTP is sent unmarked");
    }
    socket.bind(&address.into())?;
    Ok(socket.into())
}

#[cfg(test)]
mod tests {
    use super::*;
    use socket2::SockRef;

    const HERE: IpAddr = IpAddr::V4(std::net::Ipv4Addr::LOCALHOST);

    #[test]
    fn pairs_are_even_and_odd() {
        let mut pool = PortPool::new(HERE, None, 0, 1, Duration::ZERO);
        let pair = pool.reserve(Moment(0)).unwrap();
        assert_eq!(pair.rtp.local_addr().unwrap().port(), pair.port);
        assert_eq!(pair.port % 2, 0);
        assert_eq!(pair.rtcp.local_addr().unwrap().port(), pair.port + 1);
    }

    #[test]
    fn both_ports_of_a_pair_are_marked_as_was_asked_over_ipv4_and_ipv6() {
        let new = |ip| PortPool::new(ip, None, 0, 1, Duration::ZERO);
        for (dscp, octet) in [(DSCP_EF, 0xB8), (40, 0xA0), (0, 0)] {
            let pair = new(HERE).marked(dscp).reserve(Moment(0)).unwrap();
            for socket in [&pair.rtp, &pair.rtcp] {
                assert_eq!(SockRef::from(socket).tos_v4().unwrap(), octet);
            }
            let six = IpAddr::V6(std::net::Ipv6Addr::LOCALHOST);
            let pair = new(six).marked(dscp).reserve(Moment(0)).unwrap();
            for socket in [&pair.rtp, &pair.rtcp] {
                assert_eq!(SockRef::from(socket).tclass_v6().unwrap(), octet);
                assert_eq!(SockRef::from(socket).tos_v4().unwrap(), octet, "to a peer on IPv4");
            }
        }
        let usual = new(HERE).reserve(Moment(0)).unwrap();
        assert_eq!(SockRef::from(&usual.rtp).tos_v4().unwrap(), 0xB8, "as nobody asked");
    }

    #[test]
    fn shards_share_no_port() {
        let parts: Vec<Vec<u16>> = (0..3)
            .map(|shard| part(20_001..=20_032, shard, 3).iter().map(|&(_, port)| port).collect())
            .collect();
        let mut all = parts.concat();
        assert_eq!(all.len(), 15);
        assert!(all.iter().all(|port| port % 2 == 0 && *port < 20_032));
        all.dedup();
        assert_eq!(all.len(), 15);
        assert_eq!(part(65_530..=65_535, 0, 1).len(), 3);
        assert_eq!(part(0..=1, 0, 1).len(), 0);
    }

    #[test]
    fn a_closed_port_rests_and_the_last_one_is_named() {
        let mut probe = PortPool::new(HERE, None, 0, 1, Duration::ZERO);
        let port = probe.reserve(Moment(0)).unwrap().port;
        let rest = Duration::from_secs(1);
        let mut pool = PortPool::new(HERE, Some(port..=port + 1), 0, 1, rest);
        drop(pool.reserve(Moment(0)).unwrap());
        pool.give_back(Moment(0), port);
        assert!(matches!(pool.reserve(Moment::from_millis(999)), Err(Error::Exhausted(1))));
        assert_eq!(pool.reserve(Moment::from_millis(1_000)).unwrap().port, port);
    }

    #[test]
    fn a_port_is_had_again_once_its_old_socket_closes_and_is_not_given_twice() {
        let mut probe = PortPool::new(HERE, None, 0, 1, Duration::ZERO);
        let old = probe.reserve(Moment(0)).unwrap();
        let port = old.port;
        let mut pool = PortPool::new(HERE, Some(port..=port + 1), 0, 1, Duration::ZERO);
        assert!(pool.reserve_again(port, clock::now()).is_err(), "somebody has it");
        let closing = std::thread::spawn(move || {
            std::thread::sleep(Duration::from_millis(20));
            drop(old);
        });
        let pair = pool.reserve_again(port, clock::now() + Duration::from_secs(5)).unwrap();
        closing.join().unwrap();
        assert_eq!(pair.port, port);
        assert!(matches!(pool.reserve(clock::now()), Err(Error::Exhausted(1))));
    }

    #[test]
    fn a_port_of_another_program_is_passed_over() {
        let mut probe = PortPool::new(HERE, None, 0, 1, Duration::ZERO);
        let taken = probe.reserve(Moment(0)).unwrap();
        let range = taken.port..=taken.port + 1;
        let mut pool = PortPool::new(HERE, Some(range), 0, 1, Duration::ZERO);
        assert!(matches!(pool.reserve(Moment(0)), Err(Error::Bind { .. })));
    }
}
