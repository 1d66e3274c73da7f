//! An agent at work: a registered phone and the agent signed in.

use crate::house::{House, wait_for};
use crate::peer::baresip::{Manner, Phone};
use serde_json::json;
use std::time::Duration;

/// A registered phone of the agent with this index that says a tone of `hz`, and the agent's id.
///
/// # Panics
/// When the phone does not register within 20 s.
pub fn phone(house: &House, index: usize, hz: u32, manner: Manner) -> (Phone, String) {
    let who = &house.agents[index];
    let phone = Phone::start(house.sip, &who.user, &who.password, hz, manner, house.scratch());
    (phone, registered(house, index))
}

/// The id of the agent with this index, once a phone of theirs is registered.
///
/// # Panics
/// When none is within 20 s.
pub fn registered(house: &House, index: usize) -> String {
    let user = house.agents[index].user.as_str();
    wait_for("the phone to register", Duration::from_secs(20), || {
        let agents = house.json("/api/v1/agents");
        let list = agents.as_array().or(agents["items"].as_array()).expect("agents").clone();
        let id = list.iter().find(|a| a["number"] == user)?["id"].as_str()?.to_owned();
        is_registered(house, &id).then_some(id)
    })
}

/// A phone of this agent is registered.
pub fn is_registered(house: &House, id: &str) -> bool {
    let live = house.json("/api/v1/live");
    let agents = live["agents"].as_array().cloned().unwrap_or_default();
    agents.iter().any(|agent| agent["agent"] == id && agent["registered"] == true)
}

/// Signs the agent in.
///
/// # Panics
/// When the box refuses.
pub fn sign_in(house: &House, id: &str) {
    let (status, body) =
        house.post(&format!("/api/v1/agents/{id}/state"), &json!({"action": "sign_in"}));
    assert!(status < 300, "{status} {body}");
}

/// The same, and the agent signed in.
///
/// # Panics
/// When the phone does not register within 20 s.
pub fn agent(house: &House, index: usize, hz: u32, manner: Manner) -> (Phone, String) {
    let (phone, id) = phone(house, index, hz, manner);
    sign_in(house, &id);
    (phone, id)
}
