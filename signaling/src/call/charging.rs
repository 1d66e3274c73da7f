//! What the next trunk is told of how a call is charged (RFC 7315): the identity that its accounts have
//! in common goes to every trunk that is trusted, so that both halves of a call that we pass on are
//! found together; where a network keeps its accounts is said to that network alone (§4.5). Who
//! operates the networks on both sides of us (`orig-ioi`, `term-ioi`) is theirs to say.

use super::Call;
use terms::routing::Trunk;

impl Call {
    /// The headers, name and value; none where its own trunk said nothing.
    pub(super) fn charging_headers(&self, trunk: &Trunk) -> Vec<(String, String)> {
        let Some(charging) = self.charging.as_ref().filter(|_| trunk.trusted) else {
            return Vec::new();
        };
        let came_over = self.legs.get(&self.anchor).and_then(|leg| leg.trunk);
        let addresses = charging.addresses.clone().filter(|_| came_over == Some(trunk.id));
        let vector = format!("icid-value=\"{}\"", charging.icid);
        let addresses = addresses.map(|value| ("P-Charging-Function-Addresses".to_owned(), value));
        [("P-Charging-Vector".to_owned(), vector)].into_iter().chain(addresses).collect()
    }
}
