//! What reaches the signaling thread from the network, and the trunks and phones that a plan lets in.

use super::super::clock;
use super::super::dial::Target;
use super::super::net::{Arrived, Datagram, LATE_AFTER, Opening};
use super::Thread;
use crate::sip::servers::Secured;
use terms::routing::Plan;

impl Thread {
    /// Phones, trunks and connections are those of this plan from now on.
    pub(super) fn use_plan(&mut self, plan: &Plan) {
        self.user_agent.set_plan(clock::now(), plan);
        let secured = self.user_agent.secured_trunks(plan.tenant).into_iter();
        let target = |Secured { trunk, host, ca, certificate }| {
            let named = self.user_agent.secured_name(trunk);
            (trunk, Target { host, named, ca, certificate })
        };
        let targets = secured.map(target).collect();
        self.net.set_lines(plan.tenant, targets);
        self.net.set_peers(plan.tenant, self.user_agent.trunks_by_certificate(plan.tenant));
        self.net.set_names(plan.tenant, self.user_agent.named_trunks(plan.tenant));
        self.net.inbox().set_trunks(self.user_agent.trunk_networks());
    }

    /// Somebody connects.
    pub(super) fn connect(&mut self, opening: Opening) {
        if self.user_agent.refuses_connection(clock::now(), opening.listener, opening.peer) {
            return;
        }
        let pays = self.net.has_handshake(opening.listener);
        if pays && !self.user_agent.admit_connection(clock::now(), opening.peer) {
            return;
        }
        if !self.net.register(opening) {
            self.user_agent.handle_connection_refused();
        }
    }

    /// A datagram comes out of the inbox.
    pub(super) fn read(&mut self, datagram: &Datagram) {
        let now = clock::now();
        let Datagram { listener, source, bytes, came } = datagram;
        if now.moment.since(*came) > LATE_AFTER {
            self.user_agent.handle_late_datagram(now, *listener, *source, bytes);
        } else {
            self.user_agent.handle_datagram(now, *listener, *source, bytes);
        }
    }

    pub(super) fn arrive(&mut self, arrived: Arrived) {
        let now = clock::now();
        match arrived {
            Arrived::Stream(listener, connection, source, bytes) => {
                self.user_agent.handle_stream(now, listener, connection, source, &bytes);
            }
            Arrived::Message(listener, connection, source, bytes) => {
                self.user_agent.handle_message(now, listener, connection, source, &bytes);
            }
            Arrived::Closed(connection) => {
                self.net.forget(connection);
                self.user_agent.handle_closed(now, connection);
            }
            Arrived::Failed(connection) => {
                self.net.forget(connection);
                self.user_agent.handle_handshake_failed();
            }
            Arrived::Dialled(listener, connection, peer, trunk) => {
                if let Some(waiting) = self.net.on_dialled(connection, peer, trunk) {
                    let user_agent = &mut self.user_agent;
                    user_agent.handle_dialled(now, listener, connection, peer, trunk, &waiting);
                }
            }
            Arrived::Shown(listener, connection, peer, shown) => {
                self.user_agent.handle_certificate(listener, connection, peer, shown);
            }
            Arrived::NotDialled(connection, to @ (trunk, server), problem) => {
                let (fault, detail) = (problem.fault, &problem.detail);
                tracing::warn!(
                    trunk = %trunk.1, ?server, ?fault, %detail, "no connection to the trunk"
                );
                self.user_agent.handle_not_dialled(now, to, problem);
                for transaction in self.net.on_not_dialled(connection, trunk) {
                    self.user_agent.handle_unsent(now, transaction);
                }
            }
            Arrived::Unsent(transaction) => self.user_agent.handle_unsent(now, transaction),
            Arrived::Located(trunk, servers) => {
                self.net.set_servers(trunk, &servers);
                self.user_agent.handle_located(now, trunk, servers);
            }
        }
    }
}
