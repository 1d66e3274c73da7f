//! Connections over TLS that are opened to trunks, one to each trunk, or one to each server of a trunk
//! that is registered at all of them: which there are, what waits for one, and the pause after one did
//! not come about.

use super::super::dial::Target;
use super::{Connection, Link, Net, WRITES_MAX};
use crate::sip::flow::{ConnectionId, Host, Transmit, Transport};
use crate::sip::servers::Server;
use crate::sip::trunk::TrunkKey;
use std::collections::{BTreeMap, HashMap};
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;
use terms::TenantId;
use tokio::sync::mpsc;
use tokio::time::Instant;

/// Pause after a connection to a trunk did not come about; it doubles up to [`REST_MAX`].
const REST_MIN: Duration = Duration::from_secs(1);
/// Longest of these pauses.
const REST_MAX: Duration = Duration::from_secs(60);

/// A trunk that we call over TLS.
pub(super) struct Line {
    target: Arc<Target>,
    /// The servers that have a connection each; none where one connection is all.
    servers: Vec<SocketAddr>,
    /// To each of them, or to whichever the name leads to.
    ways: BTreeMap<Option<SocketAddr>, Way>,
}

/// One connection, open or on its way, or the pause before the next.
#[derive(Default)]
struct Way {
    connection: Option<ConnectionId>,
    /// Requests that were written before it was open.
    waiting: Vec<u64>,
    failures: u32,
    rests_until: Option<Instant>,
}

impl Way {
    fn rests(&self) -> bool {
        self.rests_until.is_some_and(|until| Instant::now() < until)
    }

    fn on_failed(&mut self) {
        let pause = REST_MIN.saturating_mul(1 << self.failures.min(10)).min(REST_MAX);
        self.failures += 1;
        self.rests_until = Some(Instant::now() + pause);
        self.connection = None;
    }
}

impl Line {
    fn new(target: Target, servers: Vec<SocketAddr>) -> Self {
        Line { target: Arc::new(target), servers, ways: BTreeMap::new() }
    }

    /// Which of its servers a message for this host goes to.
    fn server_of(&self, host: &Host) -> Option<SocketAddr> {
        match host {
            Host::Address(address) => Some(*address).filter(|at| self.servers.contains(at)),
            Host::Name(..) => None,
        }
    }

    /// The connection to there; who is at no place of their own is spoken to over any.
    pub(super) fn connection_to(&self, host: &Host) -> Option<ConnectionId> {
        match self.server_of(host) {
            Some(server) => self.ways.get(&Some(server)).and_then(|way| way.connection),
            None => self.ways.values().find_map(|way| way.connection),
        }
    }

    fn way_of(&mut self, connection: ConnectionId) -> Option<&mut Way> {
        self.ways.values_mut().find(|way| way.connection == Some(connection))
    }

    /// A connection is gone: the requests that waited for it.
    pub(super) fn on_gone(&mut self, connection: ConnectionId) -> Vec<u64> {
        self.way_of(connection).map_or(Vec::new(), |way| {
            way.connection = None;
            std::mem::take(&mut way.waiting)
        })
    }
}

impl Net {
    /// The trunks of a tenant that are called over TLS from now on. What is open to one that has
    /// changed, or is gone, is closed.
    pub fn set_lines(&mut self, tenant: TenantId, targets: Vec<(TrunkKey, Target)>) {
        let own: Vec<TrunkKey> = self.lines.keys().filter(|k| k.0 == tenant).copied().collect();
        let mut old: HashMap<TrunkKey, Line> = HashMap::new();
        for key in own {
            old.extend(self.lines.remove(&key).map(|line| (key, line)));
        }
        for (key, target) in targets {
            let line = match old.remove(&key) {
                Some(line) if *line.target == target => line,
                Some(changed) => {
                    let same = changed.target.host == target.host;
                    let servers = if same { changed.servers.clone() } else { Vec::new() };
                    old.insert(key, changed);
                    Line::new(target, servers)
                }
                None => Line::new(target, Vec::new()),
            };
            self.lines.insert(key, line);
        }
        for way in old.into_values().flat_map(|line| line.ways.into_values()) {
            way.connection.into_iter().for_each(|connection| self.forget(connection));
            way.waiting.into_iter().for_each(|id| self.unsent(Some(id)));
        }
    }

    /// The servers of a trunk, where its name was looked up: each has a connection of its own.
    pub fn set_servers(&mut self, trunk: TrunkKey, servers: &[Server]) {
        let Some(line) = self.lines.get_mut(&trunk).filter(|_| !servers.is_empty()) else { return };
        line.servers = servers.iter().map(|server| server.address).collect();
        let known = &line.servers;
        let is_kept = |server: &Option<SocketAddr>| server.is_none_or(|at| known.contains(&at));
        line.ways.retain(|server, way| way.connection.is_some() || is_kept(server));
    }

    /// A connection to a trunk is open: the requests that were written to it before. `None` when it is
    /// not wanted any more.
    pub fn on_dialled(
        &mut self,
        connection: ConnectionId,
        peer: SocketAddr,
        trunk: TrunkKey,
    ) -> Option<Vec<u64>> {
        self.connections.get_mut(&connection)?.peer = peer;
        let way = self.lines.get_mut(&trunk)?.way_of(connection)?;
        (way.failures, way.rests_until) = (0, None);
        Some(std::mem::take(&mut way.waiting))
    }

    /// It did not come about, or the trunk refused who we are: the requests that waited for it.
    pub fn on_not_dialled(&mut self, connection: ConnectionId, trunk: TrunkKey) -> Vec<u64> {
        self.connections.remove(&connection);
        let way = self.lines.get_mut(&trunk).and_then(|line| line.way_of(connection));
        way.map_or(Vec::new(), |way| {
            way.on_failed();
            std::mem::take(&mut way.waiting)
        })
    }

    /// Opens the connection to a trunk; what is to be sent waits for it.
    pub(super) fn dial(&mut self, trunk: TrunkKey, transmit: Transmit) {
        let Some(line) = self.lines.get_mut(&trunk) else {
            return self.unsent(transmit.transaction);
        };
        let server = line.server_of(&transmit.hop.host);
        let way = line.ways.entry(server).or_default();
        if way.rests() {
            return self.unsent(transmit.transaction);
        }
        let connection = ConnectionId(self.next);
        self.next += 1;
        way.connection = Some(connection);
        way.waiting.extend(transmit.transaction);
        let (writes, waiting) = mpsc::channel(WRITES_MAX);
        // It has room for the first.
        let _ = writes.try_send(transmit.bytes);
        let peer = SocketAddr::from((Ipv4Addr::UNSPECIFIED, 0));
        let opening = Connection { peer, transport: Transport::Tls, writes, trunk: Some(trunk) };
        self.connections.insert(connection, opening);
        let link = Link {
            listener: transmit.hop.listener,
            connection,
            peer,
            writes: waiting,
            is_ours: true,
            behind_since: None,
            mutes: self.mutes.clone(),
            arrived: self.arrived.clone(),
        };
        self.doors.dial(line.target.clone(), (trunk, server), link);
    }

    /// A request that was written to a connection which may not be open yet.
    pub(super) fn wait_on(&mut self, connection: ConnectionId, id: u64) {
        let Some(Connection { trunk: Some(trunk), peer, .. }) = self.connections.get(&connection)
        else {
            return;
        };
        let is_open = peer.port() != 0;
        let line = self.lines.get_mut(trunk).filter(|_| !is_open);
        if let Some(way) = line.and_then(|line| line.way_of(connection)) {
            way.waiting.push(id);
        }
    }
}
