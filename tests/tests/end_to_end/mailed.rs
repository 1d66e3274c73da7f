//! A mail that a mail server hands over is work of a queue: an agent who signs in at a phone is offered
//! it, has it still after the API was killed, and its row stands in the warehouse once it is done.

use super::consulted::details;
use super::{house, phone, seconds};
use serde_json::{Value, json};
use tests::house::{House, wait_for};
use tests::peer::baresip::Manner;
use tests::seat::sign_in;

const MAIL: &str = "From: Li Lei <li@example.com>\r\nTo: help@gas.example\r\nSubject: Meter\r\n\
                    Message-ID: <1@example.com>\r\n\r\nIt stands still.\r\n";

pub fn a_mail_that_comes_by_the_command_is_an_agents_over_a_kill_until_it_is_done(backend: &str) {
    let mut house = house(backend, 1);
    let (_phone, agent) = phone(&house, 0, 440, Manner::Answers);
    for _ in 0..2 {
        let brought = hands_over(&house, "1", MAIL);
        assert_eq!(brought.status.code(), Some(0), "{brought:?}");
    }
    let waiting = only(&house);
    assert_eq!(
        (&waiting["state"], &waiting["address"]),
        (&json!("waiting"), &json!("li@example.com"))
    );
    let nowhere = hands_over(&house, "999", &MAIL.replace("<1@", "<2@"));
    assert_eq!(nowhere.status.code(), Some(75), "it is tried again: {nowhere:?}");

    sign_in(&house, &agent);
    let offered = wait_for("the mail to be offered", seconds(20), || {
        Some(only(&house)).filter(|item| item["state"] == "offered")
    });
    assert_eq!(offered["agent"], agent.as_str(), "{offered}");
    let id = offered["id"].as_str().expect("an id").to_owned();
    assert_eq!(asks(&house, &id, "take", None), 200);
    house.kill_child("api");
    house.wait_ready();
    let item = house.json(&format!("/api/v1/items/{id}"));
    assert_eq!((&item["state"], &item["content"]), (&json!("taken"), &json!("It stands still.")));
    assert_eq!(asks(&house, &id, "done", Some(json!({"disposition": "meter"}))), 204);
    let row = house.wait_row("SELECT channel, agent_id, outcome, disposition, offers FROM items");
    let told = json!({"channel": "email", "agent_id": agent, "outcome": "done",
        "disposition": "meter", "offers": 1});
    assert_eq!(row, told);
    let actions = wait_for("each step to be told", seconds(20), || {
        let mut told = details(&house, "item");
        // What the API had told when it was killed may be told twice, under the same step.
        told.sort_by_key(|step| step["step"].as_i64());
        told.dedup_by_key(|step| step["step"].as_i64());
        let last = told.last().is_some_and(|step| step["action"] == "done");
        let actions = told.iter().map(|step| step["action"].as_str().map(str::to_owned));
        last.then(|| actions.collect::<Option<Vec<String>>>())?
    });
    assert_eq!(actions, ["create", "offer", "take", "done"]);
}

/// What a mail server does.
fn hands_over(house: &House, queue: &str, mail: &str) -> std::process::Output {
    let token = house.sign_in(&house.admin.user, &house.admin.password);
    let url = format!("http://{}", house.http);
    let words = ["item", "mail", "--to-queue", queue, "--url", &url];
    house.run_reading(&words, &[("SWITCHGRID_TOKEN", &token)], mail)
}

/// The only item that there is.
fn only(house: &House) -> Value {
    let found = house.json("/api/v1/items");
    let items = found["items"].as_array().expect("a page of items");
    assert_eq!(items.len(), 1, "the same mail is one item: {found}");
    items[0].clone()
}

/// What the agent's screen does; the status that it is answered.
fn asks(house: &House, id: &str, what: &str, body: Option<Value>) -> u16 {
    let who = &house.agents[0];
    let token = house.sign_in(&who.user, &who.password);
    let client = reqwest::blocking::Client::builder().no_proxy().build().expect("a client");
    let url = format!("http://{}/api/v1/items/{id}/{what}", house.http);
    let request = client.post(url).bearer_auth(token);
    let request = match body {
        Some(body) => request.json(&body),
        None => request,
    };
    request.send().expect("the API answers").status().as_u16()
}
