//! Text messages, from the outside: who may have one sent, what the switch is asked, and who sees what.

use super::rig::{MADE_TEXT, NOON, Rig};
use axum::http::{Method, StatusCode};
use desk::bootstrap::FIRST_QUEUE;
use desk::trunk::{Settings, TrunkDraft};
use desk::{By, Role};
use serde_json::{Value, json};
use std::sync::Arc;
use std::time::Duration;
use terms::control::{Ask, TextOrder};
use terms::event::{ENTRY_VERSION, Entry, Kind, TextReceived, TextResult, TextSent, Written};
use terms::{PhoneNumber, TenantId, TextId, TrunkId, UserId};

const TEXTS: &str = "/api/v1/texts";
const MOBILE: &str = "13800138000";

/// What the switch was asked to send.
fn asked(rig: &Rig) -> Vec<TextOrder> {
    let asked = rig.calls.asked.lock().unwrap();
    let texts = asked.iter().filter_map(|ask| match ask {
        Ask::Text(order) => Some((**order).clone()),
        _ => None,
    });
    texts.collect()
}

fn entry(seq: u64, tenant: TenantId, kind: Kind) -> Entry {
    let (contact, call, leg) = (None, None, None);
    Entry { v: ENTRY_VERSION, seq, at: NOON, tenant, contact, call, leg, kind }
}

fn came(seq: u64, tenant: TenantId, text: &str) -> Entry {
    let number = |text| PhoneNumber::parse(text, "86");
    let (from, to, text) = (number(MOBILE), number("95105688"), Written(text.into()));
    let received = TextReceived { id: TextId(500 + seq), trunk: TrunkId(1), from, to, text };
    entry(seq, tenant, Kind::TextReceived(received))
}

async fn listed(rig: &Rig, token: &str) -> Vec<Value> {
    let got = rig.get(TEXTS, token).await;
    assert_eq!(got.status, StatusCode::OK, "{got:?}");
    got.json().as_array().unwrap().clone()
}

#[tokio::test]
async fn an_agent_has_a_text_sent_by_their_own_right_and_sees_what_came_of_it() {
    let rig = Rig::new().await;
    let token = rig.token(Role::Agent).await;
    let body = json!({"number": MOBILE, "text": "您好\r\n再见", "trunk": "4"});
    let got = rig.post(TEXTS, &token, body).await;
    assert_eq!(got.status, StatusCode::CREATED, "{got:?}");
    let sent = got.json();
    assert_eq!((&sent["id"], &sent["state"]), (&json!(MADE_TEXT), &json!("sending")));
    assert_eq!((&sent["direction"], &sent["text"]), (&json!("out"), &json!("您好\n再见")));
    let by = UserId(rig.first.agents[0].0.0);
    let order = TextOrder {
        tenant: rig.tenant(),
        by,
        target: MOBILE.into(),
        text: Written("您好\n再见".into()),
        trunk: Some(TrunkId(4)),
    };
    assert_eq!(asked(&rig), [order]);
    assert_eq!(listed(&rig, &token).await, std::slice::from_ref(&sent));
    let written = rig.store.audit(rig.tenant(), None, 1).await.unwrap().remove(0);
    assert_eq!(
        (written.action.as_str(), written.subject.as_str()),
        ("text.send", "+8613800138000")
    );

    let kind = Kind::TextSent(TextSent {
        id: MADE_TEXT,
        by: Some(by),
        trunk: Some(TrunkId(4)),
        from: "95105688".into(),
        to: PhoneNumber::parse(MOBILE, "86"),
        text: Written("您好\n再见".into()),
        result: TextResult::Taken,
        status: Some(202),
    });
    let told = [Arc::new(entry(1, rig.tenant(), kind))];
    rig.store.keep_calling(&told, 1, false).await.unwrap();
    let one = rig.get(&format!("{TEXTS}/{MADE_TEXT}"), &token).await.json();
    assert_eq!((&one["state"], &one["status"]), (&json!("taken"), &json!(202)));
    assert_eq!((&one["trunk"], &one["own_number"]), (&json!("4"), &json!("95105688")));
    assert_eq!(one["at"], sent["at"]);
}

#[tokio::test]
async fn what_cannot_be_sent_is_refused_and_what_the_switch_refuses_is_told() {
    let rig = Rig::new().await;
    let token = rig.token(Role::Agent).await;
    for (field, value) in [
        ("number", json!("the office")),
        ("text", json!("")),
        ("text", json!(" \n")),
        ("text", json!("a\u{1b}[2J")),
        ("text", json!("x".repeat(4_097))),
    ] {
        let mut body = json!({"number": MOBILE, "text": "hello"});
        body[field] = value;
        let got = rig.post(TEXTS, &token, body).await;
        assert_eq!(got.status, StatusCode::BAD_REQUEST, "{field}: {got:?}");
        assert_eq!(got.json()["field"], field);
    }
    assert!(asked(&rig).is_empty());
    for why in [
        "there is no right to call numbers of this class",
        "a text is sent to a number outside",
        "a text is sent to no emergency service",
        "this number does not lead over that trunk",
        "nothing answers that number",
        "the box takes no more calls at the moment",
    ] {
        *rig.calls.refuse.lock().unwrap() = Some(why.to_owned());
        let got = rig.post(TEXTS, &token, json!({"number": MOBILE, "text": "hello"})).await;
        assert_eq!((got.status, &got.json()["message"]), (StatusCode::CONFLICT, &json!(why)));
    }
    *rig.calls.refuse.lock().unwrap() = None;
    assert!(listed(&rig, &token).await.is_empty());
}

#[tokio::test]
async fn what_came_in_is_kept_from_the_log_for_who_sees_the_calls_of_all() {
    let rig = Rig::new().await;
    rig.write_log(&[came(1, rig.tenant(), "balance?")]);
    rig.follow_log();
    let token = rig.token(Role::Supervisor).await;
    let texts = rig.rows_at_last(TEXTS, &token).await;
    let expected = json!({"id": "501", "direction": "in", "trunk": "1",
        "number": "+8613800138000", "own_number": PhoneNumber::parse("95105688", "86").normal,
        "text": "balance?", "asked_by": null, "at": texts[0]["at"], "state": "received",
        "status": null, "ended_at": null});
    assert_eq!(texts, [expected]);
    let agent = rig.token(Role::Agent).await;
    assert!(listed(&rig, &agent).await.is_empty(), "they had none sent");
    let of_another = rig.get(&format!("{TEXTS}/501"), &agent).await;
    assert_eq!(of_another.status, StatusCode::NOT_FOUND);
    let (_, stranger) = rig.other_tenant().await;
    assert!(listed(&rig, &stranger).await.is_empty());
}

#[tokio::test]
async fn texts_go_with_the_rows_of_events_but_for_those_of_who_is_held() {
    let rig = Rig::new().await;
    let token = rig.token(Role::Administrator).await;
    let told = [Arc::new(came(1, rig.tenant(), "one"))];
    rig.store.keep_calling(&told, 1, false).await.unwrap();
    let kept = json!({"days": 0, "rows": {"events": 10}});
    let set = rig.ask(Method::PUT, "/api/v1/retention", &token, Some(kept)).await;
    assert_eq!(set.status, StatusCode::NO_CONTENT, "{set:?}");
    let hold = json!({"kind": "number", "value": MOBILE, "reason": "case 7"});
    let hold = rig.post("/api/v1/holds", &token, hold).await.json()["id"].clone();
    let later = |days: u64| NOON + Duration::from_secs(days * 86_400);
    rig.deletion.round(later(20)).await.unwrap();
    assert_eq!(listed(&rig, &token).await.len(), 1, "it is held");
    let lifted = json!({"reason": "the case is closed"});
    let lifted = rig.post(&format!("/api/v1/holds/{hold}/lift"), &token, lifted).await;
    assert_eq!(lifted.status, StatusCode::NO_CONTENT, "{lifted:?}");
    rig.deletion.round(later(5)).await.unwrap();
    assert_eq!(listed(&rig, &token).await.len(), 1, "it is young");
    rig.deletion.round(later(20)).await.unwrap();
    assert!(listed(&rig, &token).await.is_empty());
    let written = rig.store.audit(rig.tenant(), None, 1).await.unwrap().remove(0);
    let told = (written.action.as_str(), written.subject.as_str());
    assert_eq!(told, ("texts.retention", "1 texts kept for 10 days"));
}

/// A trunk whose texts wait in the first queue, and an item of one that came over it.
async fn handed_out(rig: &Rig) -> (TrunkId, String) {
    let settings = Settings { texts_to_queue: Some(FIRST_QUEUE), ..Settings::default() };
    let draft = TrunkDraft { name: "mobile lines".into(), settings, ..TrunkDraft::default() };
    let by = By::system("test", NOON);
    let trunk = rig.store.create_trunk(rig.tenant(), &by, &draft).await.unwrap().id;
    rig.state.items.look().await;
    let mut text = came(1, rig.tenant(), "balance?");
    if let Kind::TextReceived(received) = &mut text.kind {
        received.trunk = trunk;
    }
    rig.store.keep_calling(&[Arc::new(text)], 1, false).await.unwrap();
    rig.state.items.look().await;
    let item = rig.store.open_items(rig.tenant()).await.unwrap().remove(0);
    (trunk, item.id.to_string())
}

/// What became of the replies to an item, and why.
async fn deliveries(rig: &Rig, item: &str, token: &str) -> Vec<(Value, Value)> {
    let item = rig.get(&format!("/api/v1/items/{item}"), token).await.json();
    let steps = item["steps"].as_array().unwrap().clone().into_iter();
    let replies = steps.filter(|step| step["action"] == "reply");
    replies.map(|step| (step["delivery"].clone(), step["problem"].clone())).collect()
}

#[tokio::test]
async fn a_text_that_a_trunk_gives_to_a_queue_is_taken_and_answered_over_it() {
    let rig = Rig::new().await;
    let agent = rig.first.agents[0].0;
    let by = UserId(agent.0);
    let token = rig.token_of(rig.tenant(), by, Role::Agent, Some(agent)).await;
    let (trunk, id) = handed_out(&rig).await;
    let manager = rig.token(Role::Manager).await;
    let found = rig.get("/api/v1/items?channel=sms", &manager).await.json();
    let item = &found["items"][0];
    assert_eq!((&item["external_id"], &item["trunk"]), (&json!("501"), &json!(trunk)));
    assert_eq!(item["address"], "+8613800138000");

    let does = async |what: &str, body: Option<Value>| {
        rig.ask(Method::POST, &format!("/api/v1/items/{id}/{what}"), &token, body).await
    };
    let item_id = id.parse().unwrap();
    let take = desk::item::write::ItemChange::Take { agent };
    rig.store
        .change_item(rig.tenant(), &By::system("test", NOON), item_id, &take)
        .await
        .expect("it waits, or is offered to them");
    let long = does("reply", Some(json!({"text": "x".repeat(4_097)}))).await;
    assert_eq!((long.status, &long.json()["field"]), (StatusCode::BAD_REQUEST, &json!("text")));
    assert!(asked(&rig).is_empty());
    let got = does("reply", Some(json!({"text": "12 yuan"}))).await;
    assert_eq!(got.status, StatusCode::NO_CONTENT, "{got:?}");
    let order = TextOrder {
        tenant: rig.tenant(),
        by,
        target: "+8613800138000".into(),
        text: Written("12 yuan".into()),
        trunk: Some(trunk),
    };
    assert_eq!(asked(&rig), [order]);
    assert_eq!(deliveries(&rig, &id, &token).await, [(json!("sending"), json!(""))]);
    let sent = listed(&rig, &token).await;
    assert_eq!((&sent[0]["id"], &sent[0]["state"]), (&json!(MADE_TEXT), &json!("sending")));

    let kind = Kind::TextSent(TextSent {
        id: MADE_TEXT,
        by: Some(by),
        trunk: Some(trunk),
        from: "95105688".into(),
        to: PhoneNumber::parse(MOBILE, "86"),
        text: Written("12 yuan".into()),
        result: TextResult::Taken,
        status: Some(202),
    });
    let told = [Arc::new(entry(2, rig.tenant(), kind))];
    rig.store.keep_calling(&told, 2, false).await.unwrap();
    let why = "there is no right to call numbers of this class";
    *rig.calls.refuse.lock().unwrap() = Some(why.to_owned());
    let refused = does("reply", Some(json!({"text": "13 yuan"}))).await;
    let expected = (StatusCode::CONFLICT, &json!(why));
    assert_eq!((refused.status, &refused.json()["message"]), expected);
    *rig.calls.refuse.lock().unwrap() = None;
    let expected = [(json!("sent"), json!("")), (json!("failed"), json!(why))];
    assert_eq!(deliveries(&rig, &id, &token).await, expected);
}

#[tokio::test]
async fn the_reply_to_a_short_message_of_a_program_is_the_programs_to_carry() {
    let rig = Rig::new().await;
    let agent = rig.first.agents[0].0;
    let token = rig.token_of(rig.tenant(), UserId(agent.0), Role::Agent, Some(agent)).await;
    let manager = rig.token(Role::Manager).await;
    let new = json!({"channel": "sms", "queue": FIRST_QUEUE, "address": MOBILE, "content": "hi"});
    let id = rig.post("/api/v1/items", &manager, new).await.json()["id"].clone();
    let id = id.as_str().unwrap().to_owned();
    let take = desk::item::write::ItemChange::Take { agent };
    let by = By::system("test", NOON);
    rig.store.change_item(rig.tenant(), &by, id.parse().unwrap(), &take).await.unwrap();
    let reply = format!("/api/v1/items/{id}/reply");
    let got = rig.post(&reply, &token, json!({"text": "hello"})).await;
    assert_eq!(got.status, StatusCode::NO_CONTENT, "{got:?}");
    assert!(asked(&rig).is_empty());
    assert_eq!(deliveries(&rig, &id, &token).await, [(json!("told"), json!(""))]);
}

#[tokio::test]
async fn a_trunk_gives_its_texts_to_a_queue_that_there_is() {
    let rig = Rig::new().await;
    let token = rig.token(Role::Administrator).await;
    let draft = |queue: &str| json!({"name": "mobile lines", "texts_to_queue": queue});
    let got = rig.post("/api/v1/trunks", &token, draft("999")).await;
    assert_eq!(got.status, StatusCode::BAD_REQUEST, "{got:?}");
    let problem = got.json();
    assert_eq!(problem["field"], "texts_to_queue");
    let message = problem["message"].as_str().unwrap();
    assert!(message.contains("there is no such queue: 999"), "{message}");
    let made = rig.post("/api/v1/trunks", &token, draft(&FIRST_QUEUE.to_string())).await;
    assert_eq!(made.status, StatusCode::CREATED, "{made:?}");
    assert_eq!(made.json()["texts_to_queue"], json!(FIRST_QUEUE));
}
