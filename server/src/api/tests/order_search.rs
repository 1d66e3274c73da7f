//! Orders are found by each of their fields.

use super::rig::Rig;
use axum::http::{Method, StatusCode};
use desk::Role;
use serde_json::{Value, json};
use terms::UserId;

/// The titles of the orders that a question finds, sorted.
async fn found(rig: &Rig, token: &str, query: &str) -> Vec<String> {
    let got = rig.get(&format!("/api/v1/orders?{query}"), token).await;
    assert_eq!(got.status, StatusCode::OK, "{query}: {got:?}");
    let page = got.json();
    let orders = page["orders"].as_array().unwrap_or_else(|| panic!("{page}"));
    let mut titles: Vec<String> =
        orders.iter().map(|order| order["title"].as_str().unwrap().to_owned()).collect();
    titles.sort();
    titles
}

#[tokio::test]
async fn orders_are_found_by_each_field_of_theirs_and_by_all_of_them_together() {
    let rig = Rig::new().await;
    let agent = rig.token(Role::Agent).await;
    let own = rig.first.agents[0].0;
    let beside = rig.first.agents[1].0;
    let (user, role) = (UserId(beside.0), Role::Agent);
    let first = json!({"kind": "报修", "title": "a", "content": "kitchen", "address": "West Road 7",
        "area": "W1", "customer_number": "13800138000", "call": "77"});
    let first: Value = rig.post("/api/v1/orders", &agent, first).await.json();
    rig.clock.advance(std::time::Duration::from_secs(3_600));
    let agent = rig.token(Role::Agent).await;
    let neighbour = rig.token_of(rig.tenant(), user, role, Some(beside)).await;
    let supervisor = rig.token(Role::Supervisor).await;
    let leader = rig.person(rig.tenant(), Role::Supervisor).await;
    let second = json!({"kind": "报修", "title": "b", "content": "bath", "address": "East Road 9",
        "area": "E1", "customer_number": "13900139000"});
    let second: Value = rig.post("/api/v1/orders", &neighbour, second).await.json();
    let steps = format!("/api/v1/orders/{}/steps", second["id"].as_str().unwrap());
    let assign = json!({"action": "assign", "department": "二组", "assignee": own});
    assert_eq!(rig.post(&steps, &supervisor, assign).await.status, StatusCode::OK);
    let text = |order: &Value, field: &str| order[field].as_str().unwrap().to_owned();
    let hour = "2026-11-23T04:30:00Z";
    let of_first = [
        format!("number={}", text(&first, "number")),
        format!("to={hour}"),
        format!("customer={}", text(&first, "customer")),
        "customer_number=138".to_owned(),
        "q=west".to_owned(),
        "q=kitchen".to_owned(),
        "area=W1".to_owned(),
        "call=77".to_owned(),
        format!("dispatcher={own}"),
        "status=open&department=%E7%BB%B4%E4%BF%AE%E9%83%A8".to_owned(),
    ];
    for query in &of_first {
        assert_eq!(found(&rig, &agent, query).await, ["a"], "{query}");
    }
    assert_eq!(
        found(&rig, &agent, &of_first[..9].join("&").replace("&q=kitchen", "")).await,
        ["a"]
    );
    let of_second = [
        format!("from={hour}"),
        format!("assignee={own}"),
        format!("dispatcher={leader}"),
        format!("dispatcher={user}"),
        "department=%E4%BA%8C%E7%BB%84".to_owned(),
    ];
    for query in &of_second {
        assert_eq!(found(&rig, &agent, query).await, ["b"], "{query}");
    }
    assert_eq!(found(&rig, &agent, &of_second[..3].join("&")).await, ["b"]);
    assert_eq!(found(&rig, &agent, "area=W1&q=bath").await, [""; 0], "fields combine");
    assert_eq!(found(&rig, &agent, "").await, ["a", "b"]);
}

#[tokio::test]
async fn what_a_search_found_is_fetched_in_every_form_by_who_reads_reports() {
    let rig = Rig::new().await;
    let agent = rig.token(Role::Agent).await;
    for (title, area) in [("alpha", "W1"), ("beta", "E1"), ("gamma", "W1")] {
        let new = json!({"kind": "报修", "title": title, "area": area,
            "customer_number": "13800138000"});
        assert_eq!(rig.post("/api/v1/orders", &agent, new).await.status, StatusCode::CREATED);
    }
    rig.clock.advance(std::time::Duration::from_secs(60));
    let supervisor = rig.token(Role::Supervisor).await;
    let fetch = async |format: &str| {
        let got = rig.get(&format!("/api/v1/order-lists/{format}?area=W1"), &supervisor).await;
        assert_eq!(got.status, StatusCode::OK, "{format}: {got:?}");
        got.body.to_vec()
    };
    let listed = found(&rig, &agent, "area=W1").await;
    assert_eq!(listed, ["alpha", "gamma"]);
    for format in ["csv", "json", "html"] {
        let text = String::from_utf8(fetch(format).await).unwrap();
        assert!(listed.iter().all(|title| text.contains(title)), "{format}: {text}");
        assert!(!text.contains("beta"), "{format}: {text}");
    }
    assert!(fetch("xlsx").await.starts_with(b"PK"));
    assert!(fetch("pdf").await.starts_with(b"%PDF"));
    let nowhere = rig.get("/api/v1/order-lists/docx", &supervisor).await;
    assert_eq!(nowhere.status, StatusCode::NOT_FOUND);
    let refused = rig.get("/api/v1/order-lists/csv", &agent).await;
    assert_eq!(refused.status, StatusCode::FORBIDDEN);
    let rows = rig.store.audit(rig.tenant(), None, 100).await.unwrap();
    let exports = rows.iter().filter(|row| row.action == "orders.export");
    let subjects: Vec<String> = exports.map(|row| row.subject.clone()).collect();
    assert_eq!(subjects.len(), 5);
    assert!(subjects.contains(&"2 orders, pdf".to_owned()), "{subjects:?}");
}

#[tokio::test]
async fn fields_of_a_tenants_own_and_the_team_of_who_does_it_join_the_search() {
    let rig = Rig::new().await;
    let administrator = rig.token(Role::Administrator).await;
    let agent = rig.token(Role::Agent).await;
    let (own, beside) = (rig.first.agents[0].0, rig.first.agents[1].0);
    let names = json!(["supply area", "valve"]);
    let put = async |uri: &str, token: &str, body: Value| {
        rig.ask(Method::PUT, uri, token, Some(body)).await
    };
    assert_eq!(
        put("/api/v1/order-fields", &agent, names.clone()).await.status,
        StatusCode::FORBIDDEN
    );
    let kept = put("/api/v1/order-fields", &administrator, names.clone()).await;
    assert_eq!((kept.status, kept.json()), (StatusCode::OK, names.clone()));
    assert_eq!(rig.get("/api/v1/order-fields", &agent).await.json(), names);
    for (title, area, valve, assignee) in
        [("a", "East 3", "DN50", own), ("b", "East 4", "DN80", own), ("c", "West", "DN50", beside)]
    {
        let new = json!({"kind": "报修", "title": title, "assignee": assignee,
            "fields": {"supply area": area, "valve": valve}});
        let made = rig.post("/api/v1/orders", &agent, new).await;
        assert_eq!(made.status, StatusCode::CREATED, "{made:?}");
        let id = made.json()["id"].as_str().unwrap().to_owned();
        let read = rig.get(&format!("/api/v1/orders/{id}"), &agent).await.json();
        assert_eq!(read["fields"], json!({"supply area": area, "valve": valve}));
    }
    let other = json!({"kind": "报修", "title": "d", "fields": {"colour": "red"}});
    assert_eq!(rig.post("/api/v1/orders", &agent, other).await.status, StatusCode::BAD_REQUEST);
    assert_eq!(found(&rig, &agent, "fields=supply%20area:east").await, ["a", "b"]);
    assert_eq!(found(&rig, &agent, "fields=supply%20area:east;valve:dn50").await, ["a"]);
    assert_eq!(found(&rig, &agent, "fields=valve:dn50&q=c").await, ["c"]);
    assert_eq!(found(&rig, &agent, "fields=colour:red").await, [""; 0]);
    let new = json!({"name": "一班", "parent": Value::Null});
    let team = rig.post("/api/v1/teams", &administrator, new).await.json();
    let uri = format!("/api/v1/agents/{own}/team");
    let joined = put(&uri, &administrator, json!({"team": team["id"]})).await;
    assert_eq!(joined.status, StatusCode::OK, "{joined:?}");
    let of_team = format!("team={}", team["id"].as_str().unwrap());
    assert_eq!(found(&rig, &agent, &of_team).await, ["a", "b"]);
    assert_eq!(found(&rig, &agent, &format!("{of_team}&fields=valve:dn80")).await, ["b"]);
}

#[tokio::test]
async fn a_rule_names_the_person_of_an_order_and_a_choice_by_hand_goes_before_it() {
    let rig = Rig::new().await;
    let supervisor = rig.token(Role::Supervisor).await;
    let (own, beside) = (rig.first.agents[0].0, rig.first.agents[1].0);
    let rule = json!({"kind": "探表", "department": "抄表班", "assignee": own,
        "due_minutes": 60, "warn_minutes": 10});
    let put = rig.ask(Method::PUT, "/api/v1/order-rules", &supervisor, Some(rule)).await;
    assert_eq!(put.status, StatusCode::OK, "{put:?}");
    let made = async |more: Value| {
        let mut new = json!({"kind": "探表", "title": "x"});
        for (name, value) in more.as_object().into_iter().flatten() {
            new[name] = value.clone();
        }
        let made = rig.post("/api/v1/orders", &supervisor, new).await;
        assert_eq!(made.status, StatusCode::CREATED, "{made:?}");
        made.json()["assignee"].clone()
    };
    assert_eq!(made(json!({})).await, json!(own));
    assert_eq!(made(json!({"assignee": beside})).await, json!(beside));
}
