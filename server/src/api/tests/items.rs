//! Items from the outside: how they come in, who is handed them, who sees them, and what is told.

use super::rig::{Got, NOON, Rig, request};
use super::voicemails::left;
use crate::api::items::handing::Items;
use crate::api::items::{replies, tell};
use crate::schedules::outcome::Outcome;
use axum::http::{HeaderValue, Method, StatusCode};
use desk::bootstrap::FIRST_QUEUE;
use desk::item::ReplyDelivery;
use desk::item::write::{ItemChange, ReplyWay};
use desk::queue::QueueDraft;
use desk::{By, Role};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;
use terms::control::{Ask, LiveAgent};
use terms::event::{Activity, ENTRY_VERSION, Entry, Forwarding, Kind};
use terms::media::{Ledger, RecordingState};
use terms::record::Row;
use terms::{AgentId, CallId, ContactId, UserId};

const ITEMS: &str = "/api/v1/items";

fn live(agent: AgentId) -> LiveAgent {
    LiveAgent {
        agent,
        activity: Activity::Idle,
        reason: None,
        since: NOON,
        call: None,
        registered: true,
        do_not_disturb: false,
        forwarding: Forwarding::default(),
        barred: false,
        at: None,
        skill_set: None,
        line: None,
    }
}

fn mail(id: &str) -> Value {
    json!({"channel": "email", "queue": FIRST_QUEUE, "external_id": id, "address": "li@example.com",
        "subject": "Meter", "content": "It stands still."})
}

/// A box with two agents who are ready, and a program that brings items in.
struct Floor {
    rig: Rig,
    agents: [AgentId; 2],
    tokens: [String; 2],
    program: String,
}

impl Floor {
    async fn new() -> Floor {
        let rig = Rig::new().await;
        let agents = [rig.first.agents[0].0, rig.first.agents[1].0];
        rig.calls.agents.lock().unwrap().extend(agents.map(live));
        let tenant = rig.tenant();
        let mut tokens = Vec::new();
        for agent in agents {
            let user = UserId(agent.0);
            tokens.push(rig.token_of(tenant, user, Role::Agent, Some(agent)).await);
        }
        let tokens: [String; 2] = tokens.try_into().expect("two");
        let program = rig.token(Role::Manager).await;
        Floor { rig, agents, tokens, program }
    }

    async fn comes(&self, id: &str) -> String {
        let got = self.rig.post(ITEMS, &self.program, mail(id)).await;
        assert_eq!(got.status, StatusCode::CREATED, "{got:?}");
        got.json()["id"].as_str().unwrap().to_owned()
    }

    async fn item(&self, id: &str) -> Value {
        let got = self.rig.get(&format!("{ITEMS}/{id}"), &self.program).await;
        assert_eq!(got.status, StatusCode::OK, "{got:?}");
        got.json()
    }

    async fn does(&self, agent: usize, id: &str, what: &str, body: Option<Value>) -> Got {
        let uri = format!("{ITEMS}/{id}/{what}");
        self.rig.ask(Method::POST, &uri, &self.tokens[agent], body).await
    }

    /// What was done to an item, and whose it was.
    async fn steps(&self, id: &str) -> Vec<(String, Value)> {
        let item = self.item(id).await;
        let steps = item["steps"].as_array().unwrap().iter();
        let step =
            |step: &Value| (step["action"].as_str().unwrap().to_owned(), step["agent"].clone());
        steps.map(step).collect()
    }

    /// The switch says what an agent does.
    async fn told(&self, agent: AgentId, activity: Activity) {
        let kind =
            Kind::AgentChanged { agent, activity, reason: None, queue: None, skill_set: None };
        let (contact, call, leg) = (None, None, None);
        let (v, at, tenant) = (ENTRY_VERSION, NOON, self.rig.tenant());
        let entry = Entry { v, seq: 1, at, tenant, contact, call, leg, kind };
        self.rig.state.items.on_entries(&[Arc::new(entry)]).await;
    }

    async fn waits(&self, seconds: u64) {
        self.rig.clock.advance(Duration::from_secs(seconds));
        self.rig.state.items.handle_timeouts().await;
    }
}

#[tokio::test]
async fn an_item_is_offered_to_an_agent_who_takes_it_answers_and_is_done() {
    let floor = Floor::new().await;
    let [a, _] = floor.agents;
    let id = floor.comes("<1@example.com>").await;
    let own = floor.rig.get(ITEMS, &floor.tokens[0]).await.json();
    let offered = &own["items"][0];
    assert_eq!((&offered["id"], &offered["state"]), (&json!(id), &json!("offered")));
    assert_eq!(offered["offered_until"], "2026-11-23T04:01:00.000Z");
    assert!(offered.get("content").is_none(), "a list has no texts: {own}");
    let early = floor.does(0, &id, "done", Some(json!({}))).await;
    assert_eq!(early.status, StatusCode::CONFLICT, "{early:?}");
    floor.rig.clock.advance(Duration::from_secs(10));
    for _ in 0..2 {
        let taken = floor.does(0, &id, "take", None).await;
        assert_eq!((taken.status, &taken.json()["state"]), (StatusCode::OK, &json!("taken")));
    }
    let reply = json!({"text": "Somebody comes tomorrow."});
    let got = floor.does(0, &id, "reply", Some(reply)).await;
    assert_eq!(got.status, StatusCode::NO_CONTENT, "{got:?}");
    let noted = floor.does(0, &id, "note", Some(json!({"note": "rang the fitter"}))).await;
    assert_eq!(noted.status, StatusCode::NO_CONTENT);
    floor.rig.clock.advance(Duration::from_secs(30));
    let done = floor.does(0, &id, "done", Some(json!({"disposition": "meter"}))).await;
    assert_eq!(done.status, StatusCode::NO_CONTENT, "{done:?}");

    let item = floor.item(&id).await;
    assert_eq!((&item["state"], &item["agent"]), (&json!("done"), &json!(a)));
    assert_eq!(item["content"], "It stands still.");
    let actions: Vec<String> =
        floor.steps(&id).await.into_iter().map(|(action, _)| action).collect();
    assert_eq!(actions, ["create", "offer", "take", "reply", "note", "done"]);
    let why = &item["steps"][1]["why"];
    assert_eq!(
        (&why["ring"], &why["candidates"], &why["capacity"]),
        (&json!(1), &json!(2), &json!(3))
    );
    assert_eq!(item["steps"][3]["delivery"], "waiting", "it goes out by the mail server");
    let entries = floor.rig.store.read_after(0, 1_000).await.unwrap();
    let rows: Vec<_> =
        entries.into_iter().filter(|entry| matches!(entry.row, Row::Item(_))).collect();
    let [row] = rows.as_slice() else { panic!("{rows:?}") };
    let Row::Item(row) = &row.row else { panic!("{row:?}") };
    assert_eq!((row.wait_ms, row.work_ms, row.agent_id), (10_000, 30_000, Some(a)));
    let audit = floor.rig.store.audit(floor.rig.tenant(), None, 100).await.unwrap();
    let of_item = audit.iter().filter(|row| row.action == "item.step").count();
    assert_eq!(of_item, 6, "each step is written down");
}

#[tokio::test]
async fn an_item_that_is_sent_twice_is_one() {
    let floor = Floor::new().await;
    let id = floor.comes("<1@example.com>").await;
    let again = floor.rig.post(ITEMS, &floor.program, mail("<1@example.com>")).await;
    assert_eq!((again.status, &again.json()["id"]), (StatusCode::OK, &json!(id)));
    assert_eq!(again.json()["content"], "It stands still.");
    let guessed = floor.rig.post(ITEMS, &floor.tokens[1], mail("<1@example.com>")).await;
    assert_eq!((guessed.status, &guessed.json()["id"]), (StatusCode::OK, &json!(id)));
    let words = guessed.json();
    assert_eq!((&words["address"], &words["subject"]), (&json!(""), &json!("")));
    assert!(words.get("content").is_none(), "it is offered to another agent: {words}");
    let keyed = || {
        let nameless = json!({"channel": "web", "queue": FIRST_QUEUE, "content": "hello"});
        let mut sent = request(Method::POST, ITEMS, &floor.program, Some(nameless));
        sent.headers_mut().insert("idempotency-key", HeaderValue::from_static("k1"));
        sent
    };
    let first = floor.rig.send(keyed()).await;
    let second = floor.rig.send(keyed()).await;
    assert_eq!((first.status, &first.body), (StatusCode::CREATED, &second.body));
    let all = floor.rig.get(ITEMS, &floor.program).await.json();
    assert_eq!(all["items"].as_array().unwrap().len(), 2);
    for (bad, status) in [
        (json!({"channel": "pigeon", "queue": FIRST_QUEUE}), StatusCode::BAD_REQUEST),
        (json!({"channel": "web", "queue": "999"}), StatusCode::NOT_FOUND),
        (json!({"channel": "web", "queue": FIRST_QUEUE, "order": "999"}), StatusCode::NOT_FOUND),
        (
            json!({"channel": "web", "queue": FIRST_QUEUE, "priority": 9_999}),
            StatusCode::BAD_REQUEST,
        ),
    ] {
        let got = floor.rig.post(ITEMS, &floor.program, bad.clone()).await;
        assert_eq!(got.status, status, "{bad}");
    }
}

#[tokio::test]
async fn who_does_not_answer_is_passed_over_and_who_has_a_call_is_offered_nothing() {
    let floor = Floor::new().await;
    let [a, b] = floor.agents;
    let id = floor.comes("1").await;
    floor.waits(59).await;
    assert_eq!(floor.item(&id).await["agent"], json!(a));
    floor.waits(1).await;
    let item = floor.item(&id).await;
    assert_eq!((&item["agent"], &item["unanswered"]), (&json!(b), &json!(1)));
    floor.told(b, Activity::Ringing).await;
    let item = floor.item(&id).await;
    assert_eq!((&item["state"], &item["unanswered"]), (&json!("waiting"), &json!(1)));
    floor.told(b, Activity::Talking).await;
    floor.told(b, Activity::Idle).await;
    assert_eq!(floor.item(&id).await["agent"], json!(b));
    let declined = floor.does(1, &id, "decline", None).await;
    assert_eq!(declined.status, StatusCode::NO_CONTENT, "{declined:?}");
    let steps = floor.steps(&id).await;
    let steps: Vec<(&str, &Value)> =
        steps.iter().map(|(action, agent)| (action.as_str(), agent)).collect();
    let (a, b) = (json!(a), json!(b));
    let expected = [
        ("create", &Value::Null),
        ("offer", &a),
        ("unanswered", &a),
        ("offer", &b),
        ("withdraw", &b),
        ("offer", &b),
        ("decline", &b),
    ];
    assert_eq!(steps, expected);
}

#[tokio::test]
async fn after_a_start_what_was_taken_is_its_agents_and_what_was_offered_is_offered_anew() {
    let floor = Floor::new().await;
    let (taken, offered) = (floor.comes("1").await, floor.comes("2").await);
    assert_eq!(floor.does(0, &taken, "take", None).await.status, StatusCode::OK);
    let rig = &floor.rig;
    let anew = Items::new(rig.store.clone(), rig.calls.clone(), rig.clock.clone(), false);
    anew.look().await;
    assert_eq!(floor.item(&taken).await["state"], "taken");
    let steps: Vec<String> =
        floor.steps(&offered).await.into_iter().map(|(action, _)| action).collect();
    assert_eq!(steps, ["create", "offer", "withdraw", "offer"]);
    let open = anew.open_of(rig.tenant(), floor.agents[0]).await.unwrap();
    assert_eq!(open[0].1, 1, "it counts: {open:?}");

    // While the switch is away nobody is known to be there; what comes in waits.
    *rig.calls.refuse.lock().unwrap() = Some("the switch is not running".into());
    let alone = Items::new(rig.store.clone(), rig.calls.clone(), rig.clock.clone(), false);
    alone.look().await;
    assert_eq!(floor.item(&offered).await["state"], "waiting");
    *rig.calls.refuse.lock().unwrap() = None;
    alone.look().await;
    assert_eq!(floor.item(&offered).await["state"], "offered");
}

#[tokio::test]
async fn an_agent_sees_what_is_theirs_and_counts_and_who_leads_sees_their_queues() {
    let floor = Floor::new().await;
    let rig = &floor.rig;
    let id = floor.comes("1").await;
    let one = format!("{ITEMS}/{id}");
    assert_eq!(rig.get(&one, &floor.tokens[0]).await.status, StatusCode::OK);
    assert_eq!(rig.get(&one, &floor.tokens[1]).await.status, StatusCode::NOT_FOUND);
    assert_eq!(rig.get(ITEMS, &floor.tokens[1]).await.json()["items"], json!([]));
    let others = format!("{ITEMS}?agent={}", floor.agents[0]);
    assert_eq!(rig.get(&others, &floor.tokens[1]).await.json()["items"], json!([]));
    assert_eq!(floor.does(1, &id, "take", None).await.status, StatusCode::CONFLICT);
    assert_eq!(floor.does(1, &id, "decline", None).await.status, StatusCode::NOT_FOUND);
    assert_eq!(floor.does(1, &id, "close", Some(json!({}))).await.status, StatusCode::FORBIDDEN);
    let leads = rig.ask(Method::POST, &format!("{one}/take"), &floor.program, None).await;
    assert_eq!(leads.status, StatusCode::CONFLICT, "they are no agent: {leads:?}");
    for agent in floor.agents {
        floor.told(agent, Activity::Break).await;
    }
    let counts = rig.get("/api/v1/items-live", &floor.tokens[1]).await.json();
    let waiting = json!([{"queue": FIRST_QUEUE, "channel": "email", "items": 1,
        "received_at": "2026-11-23T04:00:00.000Z"}]);
    assert_eq!(counts["waiting"], waiting);
    assert_eq!(counts["own"][0], json!({"channel": "email", "open": 0, "capacity": 3}));

    let user = rig.person(rig.tenant(), Role::Supervisor).await;
    let administrator = rig.token(Role::Administrator).await;
    let supervisor = rig.token(Role::Supervisor).await;
    let found = rig.get(&format!("{ITEMS}?state=waiting&channel=email"), &supervisor).await.json();
    assert_eq!(found["items"][0]["id"], json!(id));
    let limits = json!({"mask_numbers": true, "queues": [FIRST_QUEUE]});
    let sight = format!("/api/v1/users/{user}/sight");
    let set = rig.ask(Method::PUT, &sight, &administrator, Some(limits)).await;
    assert_eq!(set.status, StatusCode::NO_CONTENT, "{set:?}");
    let masked = rig.token(Role::Supervisor).await;
    assert_eq!(rig.get(&one, &masked).await.json()["address"], "***@example.com");
    let limits = json!({"mask_numbers": false, "queues": []});
    let set = rig.ask(Method::PUT, &sight, &administrator, Some(limits)).await;
    assert_eq!(set.status, StatusCode::NO_CONTENT, "{set:?}");
    assert_eq!(rig.get(&one, &masked).await.status, StatusCode::NOT_FOUND);
    assert_eq!(rig.get(ITEMS, &masked).await.json()["items"], json!([]));
    let close = rig.post(&format!("{one}/close"), &masked, json!({})).await;
    assert_eq!(close.status, StatusCode::NOT_FOUND);
    let (_, foreign) = rig.other_tenant().await;
    assert_eq!(rig.get(&one, &foreign).await.status, StatusCode::NOT_FOUND);
    assert_eq!(rig.get(ITEMS, &foreign).await.json()["items"], json!([]));
}

#[tokio::test]
async fn an_item_is_passed_on_to_an_agent_or_a_queue_and_closed_by_who_leads() {
    let floor = Floor::new().await;
    let rig = &floor.rig;
    let id = floor.comes("1").await;
    let passes = |body: Value| floor.does(0, &id, "transfer", Some(body));
    let to_b = json!({"agent": floor.agents[1], "note": "yours"});
    assert_eq!(passes(to_b.clone()).await.status, StatusCode::CONFLICT, "they have not taken it");
    assert_eq!(floor.does(0, &id, "take", None).await.status, StatusCode::OK);
    for bad in [json!({}), json!({"queue": FIRST_QUEUE, "agent": floor.agents[1]})] {
        assert_eq!(passes(bad).await.status, StatusCode::BAD_REQUEST);
    }
    assert_eq!(passes(json!({"agent": "999"})).await.status, StatusCode::NOT_FOUND);
    let got = passes(to_b.clone()).await;
    assert_eq!(got.status, StatusCode::NO_CONTENT, "{got:?}");
    let item = floor.item(&id).await;
    assert_eq!((&item["state"], &item["agent"]), (&json!("offered"), &json!(floor.agents[1])));
    assert_eq!(floor.does(1, &id, "take", None).await.status, StatusCode::OK);
    // Agent 1 was about to be done with it when it was passed on.
    let (by, of) = (By::system("test", NOON), (id.parse().unwrap(), Some(floor.agents[0])));
    let done = ItemChange::Done { disposition: None, note: String::new(), order: None };
    let late = rig.state.items.change(rig.tenant(), by.clone(), of, done).await.unwrap_err();
    assert_eq!(late.status, StatusCode::CONFLICT.as_u16(), "{late:?}");
    let late = rig.state.items.give(rig.tenant(), by, of, (floor.agents[0], String::new())).await;
    assert_eq!(late.unwrap_err().status, StatusCode::CONFLICT.as_u16());
    floor.told(floor.agents[0], Activity::Talking).await;
    let to_a = json!({"agent": floor.agents[0]});
    let refused = floor.does(1, &id, "transfer", Some(to_a)).await;
    assert_eq!(refused.status, StatusCode::CONFLICT, "they have a call: {refused:?}");
    let released = floor.does(1, &id, "release", Some(json!({"note": "no idea"}))).await;
    assert_eq!(released.status, StatusCode::NO_CONTENT);
    assert_eq!(floor.item(&id).await["state"], "waiting", "who gave it back is passed over");
    let queue = rig.post("/api/v1/queues", &floor.program, json!({"name": "second"})).await.json();
    let moved = json!({"queue": queue["id"]});
    let uri = format!("{ITEMS}/{id}/transfer");
    assert_eq!(rig.post(&uri, &floor.program, moved).await.status, StatusCode::NO_CONTENT);
    assert_eq!(floor.item(&id).await["queue"], queue["id"]);
    let close = format!("{ITEMS}/{id}/close");
    let closed = rig.post(&close, &floor.program, json!({"note": "spam"})).await;
    assert_eq!(closed.status, StatusCode::NO_CONTENT);
    assert_eq!(floor.item(&id).await["state"], "closed");
    let twice = rig.post(&close, &floor.program, json!({})).await;
    assert_eq!(twice.status, StatusCode::CONFLICT, "{twice:?}");
}

#[tokio::test]
async fn capacities_count_from_the_next_offer_on() {
    let floor = Floor::new().await;
    let rig = &floor.rig;
    let put = async |uri: &str, body: Value| {
        rig.ask(Method::PUT, uri, &floor.program, Some(body)).await.status
    };
    let tenant = "/api/v1/item-capacity";
    let rules = json!({"capacity": {"email": 0}, "while_talking": ["web"]});
    assert_eq!(put(tenant, rules.clone()).await, StatusCode::NO_CONTENT);
    assert_eq!(rig.get(tenant, &floor.program).await.json(), rules);
    let id = floor.comes("1").await;
    assert_eq!(floor.item(&id).await["state"], "waiting");
    let refused = floor.does(1, &id, "take", None).await;
    assert_eq!(refused.status, StatusCode::CONFLICT, "{refused:?}");
    let own = format!("/api/v1/agents/{}/item-capacity", floor.agents[1]);
    let capacity = json!({"capacity": {"email": 1}});
    assert_eq!(put(&own, capacity.clone()).await, StatusCode::NO_CONTENT);
    assert_eq!(rig.get(&own, &floor.program).await.json(), capacity);
    assert_eq!(floor.item(&id).await["agent"], json!(floor.agents[1]));
    let much = json!({"capacity": {"email": 101}});
    assert_eq!(put(tenant, much.clone()).await, StatusCode::BAD_REQUEST);
    assert_eq!(put(&own, much).await, StatusCode::BAD_REQUEST);
    assert_eq!(put(tenant, json!({"capacity": {"pigeon": 1}})).await, StatusCode::BAD_REQUEST);
    let by_agent = rig.ask(Method::PUT, tenant, &floor.tokens[0], Some(rules)).await;
    assert_eq!(by_agent.status, StatusCode::FORBIDDEN);
    let missing = put("/api/v1/agents/999/item-capacity", json!({})).await;
    assert_eq!(missing, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn each_step_is_told_to_the_event_log_once_the_switch_is_there() {
    let floor = Floor::new().await;
    let rig = &floor.rig;
    let id = floor.comes("1").await;
    *rig.calls.away.lock().unwrap() = true;
    let calls: &dyn crate::api::links::CallsLink = &*rig.calls;
    let away = tell::carry(&rig.store, calls).await.unwrap();
    assert_eq!((away.steps, away.is_whole), (2, false));
    *rig.calls.away.lock().unwrap() = false;
    assert!(tell::carry(&rig.store, calls).await.unwrap().is_whole);
    assert_eq!(tell::carry(&rig.store, calls).await.unwrap().steps, 0);
    let asked = rig.calls.asked.lock().unwrap();
    let told: Vec<String> = asked
        .iter()
        .filter_map(|ask| match ask {
            Ask::Item(tenant, told) => {
                assert_eq!((*tenant, told.item.to_string()), (rig.tenant(), id.clone()));
                Some(format!("{:?} {:?}", told.action, told.agent))
            }
            _ => None,
        })
        .collect();
    assert_eq!(told, ["Create None".to_owned(), format!("Offer {:?}", Some(floor.agents[0]))]);
}

#[tokio::test]
async fn a_reply_that_the_mail_server_does_not_take_is_tried_again_and_then_no_more() {
    let floor = Floor::new().await;
    let id = floor.comes("<1@example.com>").await;
    assert_eq!(floor.does(0, &id, "take", None).await.status, StatusCode::OK);
    let body = json!({"text": "Soon."});
    assert_eq!(floor.does(0, &id, "reply", Some(body)).await.status, StatusCode::NO_CONTENT);
    let store = &floor.rig.store;
    let mut tries = BTreeMap::new();
    let mut pauses = Vec::new();
    let mut now = NOON;
    while let Some(reply) = store.claim_reply(now).await.unwrap() {
        let outcome = Outcome::Again("<li@example.com>: no room".into());
        let pause = replies::note(store, &reply, outcome, now, &mut tries).await;
        assert_eq!(store.claim_reply(now).await.unwrap(), None, "not at once");
        pauses.push(pause.as_secs());
        now = now + pause;
    }
    assert_eq!(pauses, [60, 120, 240, 480, 960, 1_920, 3_600, 0]);
    let steps = floor.item(&id).await["steps"].clone();
    assert_eq!(
        (&steps[3]["delivery"], &steps[3]["problem"]),
        (&json!("failed"), &json!("<***>: no room")),
        "whom it is for is not named"
    );
    let by = By::system("test", NOON);
    let item = id.parse().unwrap();
    let change = ItemChange::Reply { text: "Now.".into(), way: ReplyWay::Mail };
    store.change_item(floor.rig.tenant(), &by, item, &change).await.unwrap();
    let reply = store.claim_reply(NOON).await.unwrap().expect("one more");
    replies::note(store, &reply, Outcome::Delivered, NOON, &mut tries).await;
    let steps = store.item_steps(floor.rig.tenant(), item).await.unwrap();
    assert_eq!(steps.last().unwrap().delivery, Some(ReplyDelivery::Sent));
}

#[tokio::test]
async fn a_message_that_a_queue_hands_out_is_found_and_offered() {
    let floor = Floor::new().await;
    let rig = &floor.rig;
    // The machine is there before the message.
    rig.state.items.look().await;
    let queue = rig.store.queue(rig.tenant(), FIRST_QUEUE).await.unwrap();
    let mut draft = QueueDraft { name: queue.name, settings: queue.settings };
    draft.settings.messages_as_items = true;
    let by = By::system("test", NOON);
    rig.store.change_queue(rig.tenant(), &by, FIRST_QUEUE, &draft).await.unwrap();
    let recording = left(rig).await;
    let of = (rig.tenant(), ContactId(1), CallId(1));
    let ledger = Ledger::refused(of, recording, NOON, "");
    let ledger = Ledger { state: RecordingState::Recorded, ..ledger };
    let (agent, queue, meeting) = (None, Some(FIRST_QUEUE), None);
    let kind = Kind::Recorded { ledger, agent, queue, meeting, message: false };
    let (contact, call, leg) = (None, None, None);
    let (v, seq, at, tenant) = (ENTRY_VERSION, 2, NOON, rig.tenant());
    let entry = Entry { v, seq, at, tenant, contact, call, leg, kind };
    rig.store.keep_calling(&[Arc::new(entry)], 2, false).await.unwrap();
    rig.state.items.look().await;
    let own = rig.get(ITEMS, &floor.tokens[0]).await.json();
    let item = &own["items"][0];
    assert_eq!((&item["channel"], &item["state"]), (&json!("message"), &json!("offered")));
    assert_eq!(item["external_id"], recording.to_string(), "under which it is heard");
    let audio = rig.get(&format!("/api/v1/recordings/{recording}"), &floor.tokens[0]).await;
    assert_eq!(audio.status, StatusCode::OK, "{audio:?}");
}
