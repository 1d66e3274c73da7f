//! Callers that are not let in, and those that always are: who lists them, and what the switch hears.

use super::rig::Rig;
use axum::http::{Method, StatusCode};
use desk::Role;
use desk::bootstrap::FIRST_QUEUE;
use serde_json::json;
use terms::routing::{AllowedCaller, BlockedCaller, Target, Treatment};

const BLOCKED: &str = "/api/v1/blocked";
const ALLOWED: &str = "/api/v1/allowed";

#[tokio::test]
async fn callers_are_listed_by_managers_reach_the_plan_and_are_in_the_audit_table() {
    let rig = Rig::new().await;
    let manager = rig.token(Role::Manager).await;
    let days = json!({"number": "13800138000", "reason": "骚扰", "days": 7, "treatment": "busy"});
    let area = json!({"number": "+1*", "treatment": "announcement", "prompt": "sorry"});
    for draft in [days, area] {
        for role in [Role::Agent, Role::Supervisor] {
            let got = rig.post(BLOCKED, &rig.token(role).await, draft.clone()).await;
            assert_eq!(got.status, StatusCode::FORBIDDEN, "{role:?}");
        }
        let got = rig.post(BLOCKED, &manager, draft).await;
        assert_eq!(got.status, StatusCode::CREATED, "{got:?}");
    }
    let vip = json!({"number": "13800138001", "target": {"queue": "1"}});
    let agent = rig.token(Role::Agent).await;
    assert_eq!(rig.post(ALLOWED, &agent, vip.clone()).await.status, StatusCode::FORBIDDEN);
    let got = rig.post(ALLOWED, &manager, vip).await;
    assert_eq!(got.status, StatusCode::CREATED, "{got:?}");

    let supervisor = rig.token(Role::Supervisor).await;
    let listed = rig.get(BLOCKED, &supervisor).await.json();
    assert_eq!((&listed[0]["number"], &listed[0]["prompt"]), (&json!("+1*"), &json!("sorry")));
    assert!(listed[0]["until"].is_null() && listed[1]["until"].is_string(), "{listed}");
    let plan = rig.store.compile_plan(rig.tenant()).await.unwrap();
    let [area, caller] = plan.blocked.as_slice() else { panic!("{:?}", plan.blocked) };
    let prompt = Treatment::Announcement("sorry".into());
    let number = "+1*".to_owned();
    assert_eq!(*area, BlockedCaller { number, until: None, treatment: prompt });
    assert_eq!((caller.number.as_str(), &caller.treatment), ("+8613800138000", &Treatment::Busy));
    let number = "+8613800138001".to_owned();
    let target = Some(Target::Queue(FIRST_QUEUE));
    assert_eq!(plan.allowed, [AllowedCaller { number, target }]);
    assert_eq!(rig.calls.plan_version(rig.tenant()), plan.version, "the switch hears of it");

    for (list, number) in [(BLOCKED, "+1*"), (ALLOWED, "+8613800138001")] {
        let uri = format!("{list}/{}", number.replace('+', "%2B"));
        let got = rig.ask(Method::DELETE, &uri, &manager, None).await;
        assert_eq!(got.status, StatusCode::NO_CONTENT, "{got:?}");
        let got = rig.ask(Method::DELETE, &uri, &manager, None).await;
        assert_eq!(got.status, StatusCode::NOT_FOUND, "{got:?}");
    }
    let rows = rig.store.audit(rig.tenant(), None, 100).await.unwrap();
    let noted = |action: &str| rows.iter().filter(|row| row.action == action).count();
    let counts = ["caller.block", "caller.unblock", "caller.allow", "caller.disallow"].map(noted);
    assert_eq!(counts, [2, 1, 1, 1]);
}

#[tokio::test]
async fn what_is_no_caller_and_no_time_is_refused_and_another_tenant_sees_nothing() {
    let rig = Rig::new().await;
    let manager = rig.token(Role::Manager).await;
    for (draft, about) in [
        (json!({"number": "  "}), "number"),
        (json!({"number": "*"}), "number"),
        (json!({"number": "+1a*"}), "number"),
        (json!({"number": "13800138000", "days": 0}), "days"),
        (json!({"number": "13800138000", "days": 3_651}), "days"),
        (json!({"number": "13800138000", "prompt": "sorry"}), "prompt"),
        (json!({"number": "1", "treatment": "announcement", "prompt": "../x"}), "prompt"),
        (json!({"number": "1", "treatment": "shout"}), "shout"),
    ] {
        let got = rig.post(BLOCKED, &manager, draft.clone()).await;
        assert!(got.status.is_client_error(), "{draft}: {got:?}");
        let message = got.json()["message"].to_string();
        assert!(message.contains(about), "{draft}: {message}");
    }
    let got = rig.post(ALLOWED, &manager, json!({"number": "1", "target": {"queue": "99"}})).await;
    assert!(got.status.is_client_error(), "{got:?}");
    rig.post(BLOCKED, &manager, json!({"number": "13800138000"})).await;
    let (_, foreign) = rig.other_tenant().await;
    assert_eq!(rig.get(BLOCKED, &foreign).await.json(), json!([]));
    let uri = format!("{BLOCKED}/%2B8613800138000");
    let got = rig.ask(Method::DELETE, &uri, &foreign, None).await;
    assert_eq!(got.status, StatusCode::NOT_FOUND, "{got:?}");
}
