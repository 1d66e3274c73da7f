//! Evidence packs over the API.

use super::export::unzipped;
use super::rig::{NOON, Rig, call_row, recording_row};
use crate::evidence::verify;
use axum::http::StatusCode;
use desk::Role;
use serde_json::{Value, json};
use std::io::Cursor;
use std::time::Duration;
use terms::record::{Event, Recording, Row};
use terms::{CallId, ContactId, RecordingId, Timestamp};

#[tokio::test]
async fn a_pack_holds_the_call_its_orders_its_audio_and_the_chain_of_what_happened() {
    let rig = Rig::new().await;
    let token = rig.token(Role::Manager).await;
    let (tenant, agent, call) = (rig.tenant(), rig.first.agents[0].0, CallId(5));
    // Its recordings name call 5.
    rig.stage(&[Row::Call(call_row(tenant, call, 0, 60, agent))]).await;
    let recording = rig.recording(tenant, agent, b"RIFF0123456789").await;
    let gone = Recording {
        reason: Some("the disk was full".into()),
        ..recording_row(tenant, RecordingId(rig.id()), agent, None, 0)
    };
    let lost = gone.recording_id;
    let event = Event {
        tenant_id: tenant,
        seq: 1,
        at: Timestamp(NOON.0 - 1_000_000),
        contact_id: Some(ContactId(5)),
        call_id: Some(call),
        leg_id: None,
        kind: "answered".into(),
        detail: "{}".into(),
    };
    rig.stage(&[Row::Recording(gone), Row::Event(event)]).await;
    let order = json!({"kind": "投诉", "title": "漏水", "call": "5"});
    assert_eq!(rig.post("/api/v1/orders", &token, order).await.status, StatusCode::CREATED);
    rig.get(&format!("/api/v1/recordings/{recording}"), &token).await;

    let got = rig.get("/api/v1/calls/5/evidence", &token).await;
    let files = unzipped(&got);
    assert_eq!(got.header("content-disposition"), "attachment; filename=\"evidence-5.zip\"");
    let verdict = verify(Cursor::new(&got.body), None).unwrap();
    assert!(verdict.faults.is_empty(), "{verdict:?}");
    assert_eq!((verdict.call, verdict.tenant, verdict.files), (call, tenant, 4));
    let missing = format!("{lost}: There is no file: the disk was full.");
    assert_eq!(verdict.missing, [missing]);
    assert_eq!(files[&format!("audio/{recording}.wav")], b"RIFF0123456789");
    let parsed = |name: &str| serde_json::from_slice::<Value>(&files[name]).unwrap();
    assert_eq!(parsed("call.json")["call"]["call_id"], "5");
    assert!(parsed("call.json")["call"]["tenant_id"].is_null());
    assert_eq!(parsed("call.json")["recordings"].as_array().unwrap().len(), 2);
    assert_eq!(parsed("orders.json")[0]["order"]["title"], "漏水");
    assert_eq!(parsed("orders.json")[0]["steps"][0]["action"], "create");

    let chain = String::from_utf8(files["chain.txt"].clone()).unwrap();
    let entries: Vec<Value> = chain
        .lines()
        .map(|line| serde_json::from_str(line.split_once(' ').unwrap().1).unwrap())
        .collect();
    assert_eq!(verdict.entries, entries.len() as u64);
    assert_eq!(entries[0]["source"], "event");
    assert_eq!(entries[0]["what"]["kind"], "answered");
    let actions: Vec<&str> =
        entries.iter().filter_map(|of| of["what"]["action"].as_str()).collect();
    assert!(actions.contains(&"recording.fetch"), "{actions:?}");
    assert!(actions.contains(&"evidence.export"), "who asked for it stands in it: {actions:?}");
    assert!(entries.iter().any(|of| of["source"] == "order"));
}

#[tokio::test]
async fn the_chain_of_a_pack_is_in_order_of_time_whoever_tells_of_it() {
    let rig = Rig::new().await;
    let token = rig.token(Role::Manager).await;
    let (tenant, agent, call) = (rig.tenant(), rig.first.agents[0].0, CallId(5));
    rig.stage(&[Row::Call(call_row(tenant, call, 0, 60, agent))]).await;
    let event = |seq, second: i64, kind: &str| {
        Row::Event(Event {
            tenant_id: tenant,
            seq,
            at: Timestamp(NOON.0 + second * 1_000_000),
            contact_id: Some(ContactId(5)),
            call_id: Some(call),
            leg_id: None,
            kind: kind.into(),
            detail: "{}".into(),
        })
    };
    rig.stage(&[event(1, -1, "answered"), event(2, 30, "released")]).await;
    // While they talk.
    let order = json!({"kind": "投诉", "title": "漏水", "call": "5"});
    assert_eq!(rig.post("/api/v1/orders", &token, order).await.status, StatusCode::CREATED);
    rig.clock.advance(Duration::from_secs(60));

    let files = unzipped(&rig.get("/api/v1/calls/5/evidence", &token).await);
    let chain = String::from_utf8(files["chain.txt"].clone()).unwrap();
    let entries: Vec<&str> = chain.lines().collect();
    let place = |text: &str| {
        let found = entries.iter().position(|entry| entry.contains(text));
        found.unwrap_or_else(|| panic!("{text}: {chain}"))
    };
    let places = [
        place("\"answered\""),
        place("\"source\":\"order\""),
        place("\"released\""),
        place("\"evidence.export\""),
    ];
    assert!(places.is_sorted(), "{places:?} of {chain}");
}

#[tokio::test]
async fn a_pack_is_for_managers_of_its_tenant_and_of_a_call_that_ended() {
    let rig = Rig::new().await;
    let agent = rig.first.agents[0].0;
    let call = rig.call(rig.tenant(), 0, 60, agent).await;
    let uri = format!("/api/v1/calls/{call}/evidence");
    for role in [Role::Agent, Role::Supervisor] {
        let token = rig.token(role).await;
        assert_eq!(rig.get(&uri, &token).await.status, StatusCode::FORBIDDEN, "{role:?}");
    }
    let (other, foreign) = rig.other_tenant().await;
    assert_eq!(rig.get(&uri, &foreign).await.status, StatusCode::NOT_FOUND);
    let token = rig.token(Role::Manager).await;
    let got = rig.get(&format!("/api/v1/calls/{}/evidence", rig.id()), &token).await;
    assert_eq!(got.status, StatusCode::NOT_FOUND);
    for tenant in [rig.tenant(), other] {
        let rows = rig.store.audit(tenant, None, 100).await.unwrap();
        assert!(rows.iter().all(|row| row.action != "evidence.export"), "nothing was given");
    }
    assert_eq!(rig.get(&uri, &token).await.status, StatusCode::OK);
}

#[tokio::test]
async fn a_pack_says_which_damaged_file_it_has_no_rows_of() {
    let rig = Rig::new().await;
    let token = rig.token(Role::Manager).await;
    let (tenant, agent, call) = (rig.tenant(), rig.first.agents[0].0, CallId(5));
    let event = Event {
        tenant_id: tenant,
        seq: 1,
        at: NOON,
        contact_id: Some(ContactId(5)),
        call_id: Some(call),
        leg_id: None,
        kind: "answered".into(),
        detail: "{}".into(),
    };
    rig.stage(&[Row::Call(call_row(tenant, call, 0, 60, agent)), Row::Event(event)]).await;
    rig.warehouse.publish_all().await.unwrap();
    let told = async || {
        let got = rig.get("/api/v1/calls/5/evidence", &token).await;
        let verdict = verify(Cursor::new(&got.body), None).unwrap();
        assert!(verdict.faults.is_empty(), "{verdict:?}");
        let files = unzipped(&got);
        serde_json::from_slice::<Value>(&files["call.json"]).unwrap()["left_out"].clone()
    };
    assert_eq!(told().await, Value::Null);
    let name = rig.lose_published("events");
    assert_eq!(told().await, json!([format!("events/dt=2026-11-23/{name}")]));
}
