//! Authorisation codes over the API: who issues them, what reaches the plan, and that taking one back
//! leaves the short number and the published one as they are.

use super::rig::Rig;
use axum::http::{Method, StatusCode};
use desk::Role;
use serde_json::{Value, json};

#[tokio::test]
async fn a_field_workers_app_gets_a_code_and_another_one_and_the_public_number_stays() {
    let rig = Rig::new().await;
    let manager = rig.token(Role::Manager).await;
    let administrator = rig.token(Role::Administrator).await;
    let agent = rig.first.agents[0].0;
    let short_number = rig.store.agent(rig.tenant(), agent).await.unwrap().sip_user;
    let worker = json!({"name": "Li", "phone": short_number});
    let worker = rig.post("/api/v1/workers", &manager, worker).await.json();
    let area = json!({"code": "020", "name": "城北", "number": "95105688", "queue": "1",
        "workers": [worker["id"]]});
    let area = rig.post("/api/v1/areas", &manager, area).await;
    assert_eq!(area.status, StatusCode::CREATED, "{area:?}");
    let grid = rig.store.compile_plan(rig.tenant()).await.unwrap().grid;

    let path = format!("/api/v1/agents/{agent}/auth-codes");
    let refused = rig.post(&path, &rig.token(Role::Supervisor).await, json!({"name": "app"})).await;
    assert_eq!(refused.status, StatusCode::FORBIDDEN, "{refused:?}");
    let issued = rig.post(&path, &administrator, json!({"name": "Li's app"})).await;
    assert_eq!(issued.status, StatusCode::CREATED, "{issued:?}");
    let issued = issued.json();
    let user = issued["user"].as_str().expect("a user").to_owned();
    assert!(user.starts_with(&format!("{short_number}-")), "{user}");
    let codes = async || {
        let plan = rig.store.compile_plan(rig.tenant()).await.unwrap();
        assert_eq!(rig.calls.plan_version(rig.tenant()), plan.version, "the switch works by it");
        let own = plan.agents.into_iter().find(|own| own.id == agent).unwrap();
        assert_eq!(own.sip_user, short_number);
        own.codes
    };
    let [known] = codes().await.try_into().expect("one code");
    let realm = rig.store.tenant(rig.tenant()).await.unwrap().profile.realm;
    let code = issued["code"].as_str().expect("a code");
    let (md5, sha256) = desk::secret::ha1(&user, &realm, code);
    assert_eq!((known.user, known.ha1_md5, known.ha1_sha256), (user.clone(), md5, sha256));
    let listed = rig.get(&path, &administrator).await;
    assert_eq!(listed.json()[0]["user"], json!(user));
    assert!(!format!("{listed:?}").contains(code), "a code is shown once");

    let revoke = format!("/api/v1/auth-codes/{}", issued["id"]);
    let (_, foreign) = rig.other_tenant().await;
    let refused = rig.ask(Method::DELETE, &revoke, &foreign, None).await;
    assert_eq!(refused.status, StatusCode::NOT_FOUND, "{refused:?}");
    let gone = rig.ask(Method::DELETE, &revoke, &administrator, None).await;
    assert_eq!(gone.status, StatusCode::NO_CONTENT, "{gone:?}");
    assert!(codes().await.is_empty());
    let again = rig.post(&path, &administrator, json!({"name": "another phone"})).await.json();
    assert_ne!(again["user"], json!(user));
    assert_eq!(codes().await.len(), 1);
    let after = rig.store.compile_plan(rig.tenant()).await.unwrap().grid;
    assert_eq!(after, grid, "the worker and the published number stay");

    for _ in 1..desk::auth_code::CODES_MAX {
        rig.post(&path, &administrator, json!({"name": "x"})).await;
    }
    let refused = rig.post(&path, &administrator, json!({"name": "x"})).await;
    assert_eq!(refused.status, StatusCode::CONFLICT, "{refused:?}");
    let rows = rig.store.audit(rig.tenant(), None, 100).await.unwrap();
    let noted = |action: &str| rows.iter().filter(|row| row.action == action).count();
    assert_eq!(["auth_code.issue", "auth_code.revoke"].map(noted), [6, 1]);
    let listed: Value = rig.get(&path, &administrator).await.json();
    assert_eq!(listed.as_array().map(Vec::len), Some(5));
}
