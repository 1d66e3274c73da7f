//! Conferences from the outside: who may make rooms, who may steer them, what the switch is asked,
//! and what is written down.

use super::rig::Rig;
use axum::http::{Method, StatusCode};
use desk::Role;
use serde_json::json;
use terms::control::{Ask, ConferenceAction};
use terms::routing::{Pin, Target};
use terms::{CallId, ConferenceId};

const ROOMS: &str = "/api/v1/conferences";

fn asked(rig: &Rig) -> Vec<ConferenceAction> {
    let asked = rig.calls.asked.lock().unwrap();
    let of = asked.iter().filter_map(|ask| match ask {
        Ask::Conference { tenant, conference: ConferenceId(1), action, .. } => {
            assert_eq!(*tenant, rig.tenant());
            Some(action.clone())
        }
        _ => None,
    });
    of.collect()
}

#[tokio::test]
async fn administrators_make_rooms_which_reach_the_plan_and_go_when_no_number_leads_there() {
    let rig = Rig::new().await;
    for role in [Role::Agent, Role::Supervisor, Role::Manager] {
        let token = rig.token(role).await;
        assert_eq!(rig.get(ROOMS, &token).await.status, StatusCode::FORBIDDEN, "{role:?}");
    }
    let token = rig.token(Role::Administrator).await;
    let room = json!({"name": "Monday", "number": "7001", "guest_pin": "4711",
        "chair_pin": "815471", "wait_for_chair": true});
    let got = rig.post(ROOMS, &token, room.clone()).await;
    assert_eq!(got.status, StatusCode::CREATED, "{got:?}");
    let id = got.json()["id"].as_str().unwrap().to_owned();
    assert_eq!(rig.post(ROOMS, &token, room).await.status, StatusCode::CONFLICT, "its name");
    let uri = format!("{ROOMS}/{id}");
    let changed = json!({"name": "Monday", "number": "7002", "guest_pin": "4711"});
    let got = rig.ask(Method::PUT, &uri, &token, Some(changed)).await;
    assert_eq!((got.status, &got.json()["members_max"]), (StatusCode::OK, &json!(50)));
    let plan = rig.store.compile_plan(rig.tenant()).await.unwrap();
    let room = &plan.conferences[0];
    assert_eq!((room.number.as_str(), &room.guest_pin), ("7002", &Pin("4711".into())));
    assert!(room.chair_pin.is_none() && !room.wait_for_chair);
    let listed = rig.get(ROOMS, &token).await.json();
    assert_eq!(listed[0]["guest_pin"], "4711", "somebody has to tell the guests");

    let number = json!({"digits": "95105699", "target": {"conference": id}});
    let got = rig.post("/api/v1/numbers", &token, number).await;
    assert_eq!(got.status, StatusCode::CREATED, "{got:?}");
    let plan = rig.store.compile_plan(rig.tenant()).await.unwrap();
    let target = plan.numbers.iter().find(|number| number.digits == "95105699");
    assert_eq!(target.map(|number| &number.target), Some(&Target::Conference(room.id)));
    assert_eq!(rig.ask(Method::DELETE, &uri, &token, None).await.status, StatusCode::CONFLICT);
    let number = got.json()["id"].as_str().unwrap().to_owned();
    let gone = format!("/api/v1/numbers/{number}");
    assert_eq!(rig.ask(Method::DELETE, &gone, &token, None).await.status, StatusCode::NO_CONTENT);
    assert_eq!(rig.ask(Method::DELETE, &uri, &token, None).await.status, StatusCode::NO_CONTENT);
    let nowhere = json!({"digits": "95105698", "target": {"conference": id}});
    let got = rig.post("/api/v1/numbers", &token, nowhere).await;
    assert_eq!(got.status, StatusCode::BAD_REQUEST);
}

#[tokio::test]
async fn a_room_that_cannot_be_is_refused_with_its_field() {
    let rig = Rig::new().await;
    let token = rig.token(Role::Administrator).await;
    let bad = [
        ("name", json!({"name": " "})),
        ("number", json!({"name": "x", "number": "80 1"})),
        ("guest_pin", json!({"name": "x", "guest_pin": "12"})),
        ("chair_pin", json!({"name": "x", "guest_pin": "1234", "chair_pin": "1234"})),
        ("chair_pin", json!({"name": "x", "ends_with_chair": true})),
        ("members_max", json!({"name": "x", "members_max": 501})),
        ("body", json!({"name": "x", "colour": "red"})),
    ];
    for (field, room) in bad {
        let got = rig.post(ROOMS, &token, room.clone()).await;
        assert_eq!(got.status, StatusCode::BAD_REQUEST, "{room}");
        assert_eq!(got.json()["field"], field, "{room}");
    }
}

#[tokio::test]
async fn supervisors_steer_a_conference_and_each_use_is_written_down() {
    let rig = Rig::new().await;
    let uri = format!("{ROOMS}/1/live");
    let agent = rig.token(Role::Agent).await;
    let got = rig.post(&uri, &agent, json!({"action": "lock"})).await;
    assert_eq!((got.status, asked(&rig)), (StatusCode::FORBIDDEN, vec![]));
    let token = rig.token(Role::Supervisor).await;
    for body in [
        json!({"action": "mute", "member": "7"}),
        json!({"action": "dial_out", "target": "1003"}),
        json!({"action": "end"}),
    ] {
        assert_eq!(rig.post(&uri, &token, body).await.status, StatusCode::NO_CONTENT);
    }
    let bad = json!({"action": "dial_out", "target": "no number"});
    assert_eq!(rig.post(&uri, &token, bad).await.status, StatusCode::BAD_REQUEST);
    let dialled = ConferenceAction::DialOut { target: "1003".into(), chair: false };
    let member = CallId(7);
    let expected = [ConferenceAction::Mute { member }, dialled, ConferenceAction::End];
    assert_eq!(asked(&rig), expected);
    let rows = rig.store.audit(rig.tenant(), None, 100).await.unwrap();
    let noted = rows.iter().rev().filter(|row| row.action.starts_with("conference."));
    let noted: Vec<&str> = noted.map(|row| row.action.as_str()).collect();
    assert_eq!(noted, ["conference.mute", "conference.dial_out", "conference.end"]);
    assert_eq!(rig.get(&format!("{ROOMS}/live"), &token).await.json(), json!([]));
}
