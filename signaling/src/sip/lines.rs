//! Connections over TLS that we open to trunks, as the core sees them: which trunk, and which of its
//! servers, is at the other end, and what becomes of it when one does not come about or ends.

use super::core::UserAgent;
use super::flow::{ConnectionId, Flow, ListenerId, Transport};
use super::trunk::{LINE_REST, Trunk, TrunkKey};
use crate::switch::Now;
use std::net::SocketAddr;
use terms::control::{LineFault, LineProblem, TrunkFault};

impl UserAgent {
    /// A connection over TLS to this trunk is open: it has shown the certificate that it should. These
    /// requests of ours have waited for it. Whether it takes ours shows when it speaks.
    pub fn handle_dialled(
        &mut self,
        now: Now,
        listener: ListenerId,
        connection: ConnectionId,
        peer: SocketAddr,
        trunk: TrunkKey,
        waiting: &[u64],
    ) {
        let flow = Flow::connected(Transport::Tls, listener, peer, connection);
        self.know(flow, connection, Some(trunk));
        self.count("trunk_connections");
        if let Some(known) = self.trunks.get_mut(trunk) {
            let server = known.servers.at(peer).map(|server| server.address);
            known.connections.insert(server, connection);
            if !is_refused(known) {
                known.problem = None;
                known.health.on_connected();
            }
        }
        self.tell_trunk(now, trunk);
        // They fail with the connection.
        for id in waiting {
            if let (Some(tx), Some(known)) =
                (self.clients.get_mut(id), self.connections.get_mut(&connection))
            {
                tx.hop.connection = Some(connection);
                known.clients.insert(*id);
            }
        }
    }

    /// A trunk speaks over a connection that we opened: it takes who we are.
    pub(super) fn on_line_heard(&mut self, now: Now, key: TrunkKey) {
        if let Some(trunk) = self.trunks.get_mut(key).filter(|trunk| is_refused(trunk)) {
            trunk.problem = None;
            trunk.health.on_connected();
            self.tell_trunk(now, key);
        }
    }

    /// No connection over TLS to this trunk, or to this server of it where each has one, could be opened,
    /// or it was open and the trunk refuses who we are. Another server that is there is called instead.
    pub fn handle_not_dialled(
        &mut self,
        now: Now,
        (key, server): (TrunkKey, Option<SocketAddr>),
        problem: LineProblem,
    ) {
        self.count("trunk_connections_failed");
        if let Some(trunk) = self.trunks.get_mut(key) {
            trunk.problem = Some(problem);
            if !server.is_some_and(|at| trunk.servers.has_other(at)) {
                trunk.health.rest(now.moment + LINE_REST, TrunkFault::Line);
            }
        }
        if let Some(at) = server {
            self.server_asked(now, key, at, false);
        }
        self.tell_trunk(now, key);
    }

    /// The connection that a registration came over is gone, and calls would come over it: it is made
    /// again after a pause.
    pub(super) fn on_line_closed(&mut self, now: Now, key: TrunkKey, gone: ConnectionId) {
        let Some(trunk) = self.trunks.get_mut(key) else { return };
        let of = trunk.connections.iter().find(|(_, connection)| **connection == gone);
        let Some(server) = of.map(|(server, _)| *server) else { return };
        trunk.connections.remove(&server);
        let Some(registration) = trunk.registrations.at_mut(server) else { return };
        if registration.is_registered && !registration.asking {
            registration.on_failed(now.moment);
            self.arm_trunk(key);
            self.tell_trunk(now, key);
        }
    }
}

/// The last that was heard of it is that it refuses who we are. With TLS 1.3 a connection is open for us
/// before it says so (RFC 8446 §4.4.2.4).
fn is_refused(trunk: &Trunk) -> bool {
    trunk.problem.as_ref().is_some_and(|problem| problem.fault == LineFault::OwnCertificate)
}
