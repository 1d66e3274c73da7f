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
    let id = wait_for("the phone to register", Duration::from_secs(20), || {
        let agents = house.json("/api/v1/agents");
        let list = agents.as_array().or(agents["items"].as_array()).expect("agents").clone();
        let id = list.iter().find(|a| a["number"] == who.user.as_str())?["id"].as_str()?.to_owned();
        let live = house.json("/api/v1/live");
        let live = live["agents"].as_array()?.iter().find(|a| a["agent"] == id.as_str())?.clone();
        (live["registered"] == true).then_some(id)
    });
    (phone, id)
}

/// The same, and the agent signed in.
///
/// # Panics
/// When the phone does not register within 20 s.
pub fn agent(house: &House, index: usize, hz: u32, manner: Manner) -> (Phone, String) {
    let (phone, id) = phone(house, index, hz, manner);
    let (status, body) =
        house.post(&format!("/api/v1/agents/{id}/state"), &json!({"action": "sign_in"}));
    assert!(status < 300, "{status} {body}");
    (phone, id)
}
