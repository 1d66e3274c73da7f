//! What the next trunk is told of how a call is charged (RFC 7315): the identity that its accounts have
//! in common goes to every trunk that is trusted, so that both halves of a call that we pass on are
//! found together; where a network keeps its accounts is said to that network alone (§4.5). A call that
//! came with none, because it begins here or its own trunk said nothing, gets one of ours when it first
//! goes out over such a trunk (§4.6), and has it over every trunk that is tried. Who operates the
//! networks on both sides of us (`orig-ioi`, `term-ioi`) is theirs to say.

use super::Call;
use crate::sip::user_agent::Charging;
use crate::switch::Cx;
use terms::routing::Trunk;

impl Call {
    /// The headers, name and value; none for a trunk that is not trusted.
    pub(super) fn charging_headers(&mut self, cx: &mut Cx, trunk: &Trunk) -> Vec<(String, String)> {
        if !trunk.trusted {
            return Vec::new();
        }
        let came_over = self.legs.get(&self.anchor).and_then(|leg| leg.trunk);
        let charging = self.charging.get_or_insert_with(|| made(cx));
        let addresses = charging.addresses.clone().filter(|_| came_over == Some(trunk.id));
        let vector = format!("icid-value=\"{}\"", charging.icid);
        let addresses = addresses.map(|value| ("P-Charging-Function-Addresses".to_owned(), value));
        [("P-Charging-Vector".to_owned(), vector)].into_iter().chain(addresses).collect()
    }
}

/// An identity that no other network makes: 128 bits by chance.
fn made(cx: &mut Cx) -> Charging {
    let (high, low) = (cx.world.draw(), cx.world.draw());
    Charging { icid: format!("{high:016x}{low:016x}"), addresses: None }
}
