//! Why a call went where it did, and who may know.

use super::rig::{LIVE_CALL, NOON, Rig, request};
use axum::http::{Method, StatusCode};
use desk::Role;
use serde_json::{Value, json};
use terms::CallId;
use terms::record::{Event, Row};

fn path(call: CallId) -> String {
    format!("/api/v1/calls/{call}/routing")
}

/// Two offers of a call: one that nobody answered, one that was.
async fn offered_twice(rig: &Rig, call: CallId) {
    let choice = json!({
        "by": "strategy", "strategy": "least_talk", "ring": 1, "candidates": 2, "measure": 61_000, "priority": 3,
        "waited_ms": 4_200, "waiting": 5,
    });
    let offer = |agent: &str| json!({"visit": "9", "queue": "1", "agent": agent, "choice": choice});
    let end = json!({"visit": "9", "queue": "1", "agent": "7", "end": "no_answer"});
    let rows = [
        ("offered", offer("7")),
        ("offer_ended", end),
        ("offered", json!({"visit": "9", "queue": "1", "agent": "8"})),
        ("answered", json!({"visit": "9", "queue": "1", "agent": "8"})),
    ];
    let row = |(seq, (kind, detail)): (usize, (&str, Value))| {
        Row::Event(Event {
            tenant_id: rig.tenant(),
            seq: seq as i64,
            at: NOON,
            contact_id: None,
            call_id: Some(call),
            leg_id: None,
            kind: kind.to_owned(),
            detail: detail.to_string(),
        })
    };
    let rows: Vec<Row> = rows.into_iter().enumerate().map(row).collect();
    rig.stage(&rows).await;
}

#[tokio::test]
async fn a_call_tells_whom_it_was_offered_to_and_why_in_the_readers_language() {
    let rig = Rig::new().await;
    let token = rig.token(Role::Supervisor).await;
    let call = rig.call(rig.tenant(), 0, 60, rig.first.agents[0].0).await;
    offered_twice(&rig, call).await;
    let got = rig.get(&path(call), &token).await;
    assert_eq!(got.status, StatusCode::OK, "{got:?}");
    let offers = got.json()["offers"].clone();
    let ends: Vec<_> = (0..2_usize).map(|n| (&offers[n]["agent"], &offers[n]["end"])).collect();
    let [seven, eight] = [json!("7"), json!("8")];
    assert_eq!(ends, [(&seven, &json!("no_answer")), (&eight, &json!("answered"))]);
    let choice = &offers[0]["choice"];
    assert_eq!((&choice["strategy"], &choice["measure"]), (&json!("least_talk"), &json!(61_000)));
    assert_eq!(
        offers[0]["explanation"],
        "Of 2 free agents, the one who talked least: 61 s. The contact had waited 4 s with priority \
         3; 5 waited in all."
    );
    assert_eq!(offers[1]["choice"], json!(null), "an older program said nothing");

    let mut asked = request(Method::GET, &path(call), &token, None);
    asked.headers_mut().insert("accept-language", "zh-CN".parse().unwrap());
    let offers = rig.send(asked).await.json()["offers"].clone();
    assert_eq!(
        offers[0]["explanation"],
        "2 名空闲座席中通话时间最短者：61 秒。来电已等候 4 秒，优先级 3，共 5 个在等候。"
    );
}

#[tokio::test]
async fn an_agent_reads_why_of_their_own_calls_alone() {
    let rig = Rig::new().await;
    let token = rig.token(Role::Agent).await;
    let own = rig.call(rig.tenant(), 0, 60, rig.first.agents[0].0).await;
    let other = rig.call(rig.tenant(), 0, 60, rig.first.agents[1].0).await;
    let (_, foreign) = rig.other_tenant().await;
    for (call, token, status) in [
        (own, &token, StatusCode::OK),
        (LIVE_CALL, &token, StatusCode::OK),
        (other, &token, StatusCode::NOT_FOUND),
        (own, &foreign, StatusCode::NOT_FOUND),
    ] {
        let got = rig.get(&path(call), token).await;
        assert_eq!(got.status, status, "{call}: {got:?}");
    }
}

#[tokio::test]
async fn a_call_tells_whom_of_an_area_it_was_tried_at_and_why_that_came_to_nothing() {
    let rig = Rig::new().await;
    let token = rig.token(Role::Supervisor).await;
    let call = rig.call(rig.tenant(), 0, 60, rig.first.agents[0].0).await;
    let worker = json!({"worker": {"worker": "3", "stands_in": null}});
    let queue = json!({"queue": {"queue": "1"}});
    let rows = [
        (&worker, json!("began")),
        (&worker, json!({"ended": {"end": "no_answer"}})),
        (&queue, json!("began")),
    ];
    let row = |(seq, (hop, what)): (usize, (&Value, Value))| {
        Row::Event(Event {
            tenant_id: rig.tenant(),
            seq: seq as i64,
            at: NOON,
            contact_id: None,
            call_id: Some(call),
            leg_id: None,
            kind: "hunt".to_owned(),
            detail: json!({"area": "7", "hop": hop, "what": what}).to_string(),
        })
    };
    let rows: Vec<Row> = rows.into_iter().enumerate().map(row).collect();
    rig.stage(&rows).await;
    let mut asked = request(Method::GET, &path(call), &token, None);
    asked.headers_mut().insert("accept-language", "zh-CN".parse().unwrap());
    let got = rig.send(asked).await;
    assert_eq!(got.status, StatusCode::OK, "{got:?}");
    let told = got.json();
    assert_eq!((&told["offers"], told["hops"].as_array().map(Vec::len)), (&json!([]), Some(2)));
    let first = &told["hops"][0];
    assert_eq!((&first["area"], &first["worker"]), (&json!("7"), &json!("3")));
    assert_eq!((&first["hop"], &first["end"]), (&json!("worker"), &json!("no_answer")));
    assert_eq!(first["explanation"], "网格员未在限定时间内接听。");
    let second = &told["hops"][1];
    assert_eq!((&second["queue"], &second["end"]), (&json!("1"), &json!(null)));
    assert_eq!(second["explanation"], "正在寻呼片区队列。");
}

#[tokio::test]
async fn a_routing_says_which_damaged_file_was_not_read_for_it() {
    let rig = Rig::new().await;
    let token = rig.token(Role::Supervisor).await;
    let call = rig.call(rig.tenant(), 0, 60, rig.first.agents[0].0).await;
    offered_twice(&rig, call).await;
    rig.warehouse.publish_all().await.unwrap();
    let whole = rig.get(&path(call), &token).await.json();
    assert_eq!(whole["incomplete"], json!(null), "{whole}");
    let name = rig.lose_published("events");
    let told = rig.get(&path(call), &token).await.json();
    assert_eq!(told["offers"], json!([]));
    assert!(told["incomplete"].as_str().unwrap_or_default().contains(&name), "{told}");
}
