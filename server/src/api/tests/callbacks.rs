//! Callbacks from the outside: who may see them, who may take one off, and what the switch is asked.

use super::rig::{NOON, Rig};
use axum::http::{Method, StatusCode};
use desk::Role;
use desk::bootstrap::FIRST_QUEUE;
use serde_json::json;
use terms::control::{Ask, CallAction, LiveCallback};
use terms::routing::CallFirst;
use terms::{CallId, ContactId};

const CALLBACKS: &str = "/api/v1/callbacks";

pub(super) fn waiting() -> LiveCallback {
    LiveCallback {
        callback: CallId(7),
        contact: ContactId(8),
        queue: FIRST_QUEUE,
        number: "+8613800138000".into(),
        asked_at: NOON,
        first: CallFirst::Customer,
        tries: 1,
        position: Some(2),
        not_before: Some(NOON),
    }
}

fn cancelled(rig: &Rig) -> Vec<CallId> {
    let asked = rig.calls.asked.lock().unwrap();
    let of = asked.iter().filter_map(|ask| match ask {
        Ask::Call { tenant, call, action: CallAction::CancelCallback { .. } } => {
            assert_eq!(*tenant, rig.tenant());
            Some(*call)
        }
        _ => None,
    });
    of.collect()
}

#[tokio::test]
async fn supervisors_see_callbacks_and_take_one_off_which_is_written_down() {
    let rig = Rig::new().await;
    rig.calls.callbacks.lock().unwrap().push(waiting());
    let one = format!("{CALLBACKS}/7");
    let agent = rig.token(Role::Agent).await;
    assert_eq!(rig.get(CALLBACKS, &agent).await.status, StatusCode::FORBIDDEN);
    let got = rig.ask(Method::DELETE, &one, &agent, None).await;
    assert_eq!((got.status, cancelled(&rig)), (StatusCode::FORBIDDEN, vec![]));

    let token = rig.token(Role::Supervisor).await;
    let listed = rig.get(CALLBACKS, &token).await.json();
    assert_eq!(
        listed,
        json!([{"id": "7", "contact": "8", "queue": FIRST_QUEUE, "number": "+8613800138000",
            "asked_at": "2026-11-23T04:00:00.000Z", "first": "customer", "tries": 1, "position": 2,
            "not_before": "2026-11-23T04:00:00.000Z"}])
    );
    let other = rig.ask(Method::DELETE, &format!("{CALLBACKS}/9"), &token, None).await;
    assert_eq!((other.status, cancelled(&rig)), (StatusCode::NOT_FOUND, vec![]));
    let got = rig.ask(Method::DELETE, &one, &token, None).await;
    assert_eq!((got.status, cancelled(&rig)), (StatusCode::NO_CONTENT, vec![CallId(7)]));
    let rows = rig.store.audit(rig.tenant(), None, 100).await.unwrap();
    assert!(rows.iter().any(|row| row.action == "callback.cancel" && row.subject == "7"));
}

#[tokio::test]
async fn a_queue_says_how_it_calls_back_and_what_cannot_be_is_refused() {
    let rig = Rig::new().await;
    let token = rig.token(Role::Administrator).await;
    let draft = |callback| json!({"name": "desk", "callback": callback});
    for bad in [
        json!({"key": "#"}),
        json!({"tries_max": 0}),
        json!({"pause_s": 5}),
        json!({"hours": "nowhere"}),
    ] {
        let got = rig.post("/api/v1/queues", &token, draft(bad.clone())).await;
        assert_eq!(got.status, StatusCode::BAD_REQUEST, "{bad}");
        assert_eq!(got.json()["field"], "callback", "{bad}");
    }
    let good = json!({"key": "5", "first": "customer", "tries_max": 2});
    let got = rig.post("/api/v1/queues", &token, draft(good)).await;
    assert_eq!(got.status, StatusCode::CREATED, "{got:?}");
    assert_eq!(got.json()["callback"]["pause_s"], 300, "the house's own");
    let plan = rig.store.compile_plan(rig.tenant()).await.unwrap();
    let queue = plan.queues.iter().find(|queue| queue.name == "desk").unwrap();
    let callback = queue.in_queue.callback.as_ref().expect("it is in the plan");
    assert_eq!((callback.key, callback.first, callback.tries_max), ('5', CallFirst::Customer, 2));
}
