//! Trunks that connect to us over TLS and are known by the certificate that they show (RFC 5922 §7.1):
//! the edge judges it, and what comes over that connection is the trunk's from then on. A trunk that is
//! known so is known in no other way: its address alone says nothing, nor does its password over a
//! connection that has shown none of its certificates.

use super::core::UserAgent;
use super::flow::{ConnectionId, Flow, ListenerId};
use super::trunk::TrunkKey;
use std::net::SocketAddr;
use terms::TenantId;
use terms::routing::Plan;

/// A trunk that is known by its certificate.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ByCertificate {
    /// Which.
    pub trunk: TrunkKey,
    /// Domains of which the certificate has to name one, in small letters.
    pub names: Vec<String>,
    /// Certificates of the authorities that are believed, as PEM; empty is the system's.
    pub ca: String,
}

impl UserAgent {
    /// The trunks of a tenant that are known so.
    pub fn trunks_by_certificate(&self, tenant: TenantId) -> Vec<ByCertificate> {
        let own = self.trunks.keys().into_iter().filter(|key| key.0 == tenant);
        own.filter_map(|trunk| {
            let plan = &self.trunks.get(trunk)?.plan;
            let (names, ca) = (plan.certificate_names.clone(), plan.ca.clone());
            (!names.is_empty()).then_some(ByCertificate { trunk, names, ca })
        })
        .collect()
    }

    /// Who connected has shown a certificate, which is of these trunks, or of none for this reason; said
    /// before anything that comes over the connection.
    pub fn handle_certificate(
        &mut self,
        listener: ListenerId,
        connection: ConnectionId,
        peer: SocketAddr,
        shown: Result<Vec<TrunkKey>, String>,
    ) {
        let Ok(trunks) = shown else { return self.count("trunk_certificates_refused") };
        self.count("trunk_certificates_shown");
        // The plan may have changed while it was looked at.
        let wants = |key: &TrunkKey| {
            self.trunks.get(*key).is_some_and(|trunk| !trunk.plan.certificate_names.is_empty())
        };
        let trunks = trunks.into_iter().filter(wants).collect();
        if self.connection_flow(listener, connection, peer).is_some()
            && let Some(known) = self.connections.get_mut(&connection)
        {
            known.shown = trunks;
        }
    }

    /// The trunks whose certificate was shown over the connection that this came by.
    pub(super) fn shown_by(&self, flow: &Flow) -> &[TrunkKey] {
        let known = flow.connection.and_then(|connection| self.connections.get(&connection));
        known.map_or(&[][..], |known| known.shown.as_slice())
    }

    /// Before the trunks of this plan are those of their tenant: what was shown for one that is gone, or
    /// wants another certificate, counts no more, and its connection is closed.
    pub(super) fn forget_certificates(&mut self, plan: &Plan) {
        let is_same = |key: &TrunkKey| {
            let before = self.trunks.get(*key).map(|trunk| &trunk.plan);
            let after = plan.trunks.iter().find(|trunk| trunk.id == key.1);
            before.zip(after).is_some_and(|(before, after)| {
                before.certificate_names == after.certificate_names && before.ca == after.ca
            })
        };
        let counts = |key: &TrunkKey| key.0 != plan.tenant || is_same(key);
        let known = self.connections.values();
        let over = known.filter(|known| !known.shown.iter().all(counts));
        for flow in over.map(|known| known.flow).collect::<Vec<_>>() {
            if let Some(known) = flow.connection.and_then(|id| self.connections.get_mut(&id)) {
                known.shown.clear();
            }
            self.close(flow);
        }
    }
}
