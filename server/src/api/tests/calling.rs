//! Rights to call out, bars, and what agents set for their phones, from the outside.

use super::rig::{NOON, Rig};
use axum::http::{Method, StatusCode};
use desk::Role;
use serde_json::json;
use std::time::Duration;
use terms::AgentId;
use terms::control::LiveAgent;
use terms::event::{
    Activity, Calling, CallingLimit, ENTRY_VERSION, Entry, Forwarding, InCalling, Kind,
};
use terms::routing::NumberClass;

/// The switch writes this into the event log.
fn write(rig: &Rig, agent: AgentId, whats: Vec<InCalling>) {
    let entry = |(seq, what)| Entry {
        v: ENTRY_VERSION,
        seq,
        at: NOON + Duration::from_secs(seq),
        tenant: rig.tenant(),
        contact: None,
        call: None,
        leg: None,
        kind: Kind::Calling(Calling { agent, what }),
    };
    rig.write_log(&(1..).zip(whats).map(entry).collect::<Vec<_>>());
}

/// The store follows the log, up to a change of the plan.
async fn followed(rig: &Rig) {
    let mut changes = rig.store.plan_changes();
    rig.follow_log();
    tokio::time::timeout(Duration::from_secs(20), changes.changed()).await.unwrap().unwrap();
}

#[tokio::test]
async fn administrators_alone_give_rights_and_the_switch_hears_of_them() {
    let rig = Rig::new().await;
    let agent = rig.first.agents[0].0;
    let uri = format!("/api/v1/agents/{agent}/calling-right");
    let right = json!({"dial": "international", "forward": "internal"});
    let rules = json!({"dial": "local", "forward": "local", "announce": true, "prefixes":
        [{"prefix": "020", "class": "local"}]});
    for role in [Role::Agent, Role::Supervisor, Role::Manager] {
        let token = rig.token(role).await;
        for (uri, body) in [(uri.as_str(), &right), ("/api/v1/calling-rules", &rules)] {
            let got = rig.ask(Method::PUT, uri, &token, Some(body.clone())).await;
            assert_eq!(got.status, StatusCode::FORBIDDEN, "{role:?} {uri}");
        }
    }
    let (_, foreign) = rig.other_tenant().await;
    let got = rig.ask(Method::PUT, &uri, &foreign, Some(right.clone())).await;
    assert_eq!(got.status, StatusCode::NOT_FOUND, "{got:?}");

    let administrator = rig.token(Role::Administrator).await;
    let got = rig.ask(Method::PUT, &uri, &administrator, Some(right.clone())).await;
    assert_eq!((got.status, &got.json()["calling"]), (StatusCode::OK, &right));
    let rules_uri = "/api/v1/calling-rules";
    let got = rig.ask(Method::PUT, rules_uri, &administrator, Some(rules.clone())).await;
    assert_eq!(got.status, StatusCode::NO_CONTENT, "{got:?}");
    let seen = rig.get(rules_uri, &rig.token(Role::Supervisor).await).await;
    assert_eq!(seen.json(), rules);
    let plan = rig.store.compile_plan(rig.tenant()).await.unwrap();
    let own = plan.agent(agent).unwrap().calling;
    assert_eq!(
        (plan.calling.dial, own.dial),
        (NumberClass::Local, Some(NumberClass::International))
    );
    assert_eq!(rig.calls.plan_version(rig.tenant()), plan.version, "and works by them");
    for bad in [
        json!({"dial": "everything"}),
        json!({"prefixes": [{"prefix": "02x", "class": "local"}]}),
        json!({"prefixes": [{"prefix": "020", "class": "local"}, {"prefix": "020", "class": "premium"}]}),
    ] {
        let got = rig.ask(Method::PUT, rules_uri, &administrator, Some(bad.clone())).await;
        assert!(got.status.is_client_error(), "{bad}: {got:?}");
    }
    let kept = rig.get(rules_uri, &administrator).await;
    assert_eq!(kept.json(), rules, "what is refused changes nothing");
}

#[tokio::test]
async fn a_bar_of_the_switch_is_seen_noted_and_lifted_by_an_administrator() {
    let rig = Rig::new().await;
    let agent = rig.first.agents[0].0;
    write(&rig, agent, vec![InCalling::Barred { limit: CallingLimit::PerMinute }]);
    followed(&rig).await;
    let supervisor = rig.token(Role::Supervisor).await;
    let uri = format!("/api/v1/agents/{agent}");
    let seen = rig.get(&uri, &supervisor).await.json();
    assert_eq!(seen["barred"]["limit"], "per_minute", "{seen}");
    let rows = rig.store.audit(rig.tenant(), None, 100).await.unwrap();
    assert!(rows.iter().any(|row| row.action == "agent.barred" && row.source == "switch"));

    let bar = format!("{uri}/bar");
    for role in [Role::Agent, Role::Supervisor, Role::Manager] {
        let got = rig.ask(Method::DELETE, &bar, &rig.token(role).await, None).await;
        assert_eq!(got.status, StatusCode::FORBIDDEN, "{role:?}");
    }
    let (_, foreign) = rig.other_tenant().await;
    let got = rig.ask(Method::DELETE, &bar, &foreign, None).await;
    assert_eq!(got.status, StatusCode::NOT_FOUND, "{got:?}");
    let administrator = rig.token(Role::Administrator).await;
    let got = rig.ask(Method::DELETE, &bar, &administrator, None).await;
    assert_eq!((got.status, got.json()["barred"].is_null()), (StatusCode::OK, true), "{got:?}");
    let plan = rig.store.compile_plan(rig.tenant()).await.unwrap();
    assert!(!plan.agent(agent).unwrap().calling.bar.barred);
    assert_eq!(rig.calls.plan_version(rig.tenant()), plan.version, "the switch hears of it");
    let got = rig.ask(Method::DELETE, &bar, &administrator, None).await;
    assert_eq!(got.status, StatusCode::CONFLICT, "there is none: {got:?}");
}

#[tokio::test]
async fn what_an_agent_set_is_there_without_the_switch_for_them_and_for_supervisors() {
    let rig = Rig::new().await;
    let (own, other) = (rig.first.agents[0].0, rig.first.agents[1].0);
    let forwarding =
        Forwarding { always: Some("13800138000".into()), no_answer_s: 20, ..Forwarding::default() };
    let set = InCalling::Set { do_not_disturb: true, forwarding: forwarding.clone() };
    // The bar behind it changes the plan, which tells that both were kept.
    write(&rig, own, vec![set, InCalling::Barred { limit: CallingLimit::AtOnce }]);
    followed(&rig).await;
    let uri = |agent| format!("/api/v1/agents/{agent}/phone-settings");
    let (agent, supervisor) = (rig.token(Role::Agent).await, rig.token(Role::Supervisor).await);
    for token in [&agent, &supervisor] {
        let got = rig.get(&uri(own), token).await;
        assert_eq!(got.status, StatusCode::OK, "{got:?}");
        let seen = got.json();
        assert_eq!(seen["do_not_disturb"], json!(true), "{seen}");
        assert_eq!(seen["forwarding"]["always"], json!("13800138000"), "{seen}");
    }
    assert_eq!(rig.get(&uri(other), &agent).await.status, StatusCode::FORBIDDEN);
    let (_, foreign) = rig.other_tenant().await;
    assert_eq!(rig.get(&uri(own), &foreign).await.status, StatusCode::NOT_FOUND);
    let plan = rig.store.compile_plan(rig.tenant()).await.unwrap();
    let phone = &plan.agent(own).unwrap().phone;
    assert_eq!((phone.do_not_disturb, &phone.forwarding), (true, &forwarding));
    // Where the switch answers, it knows better.
    *rig.calls.agents.lock().unwrap() = vec![LiveAgent {
        agent: own,
        activity: Activity::Idle,
        reason: None,
        since: NOON,
        call: None,
        registered: true,
        do_not_disturb: false,
        forwarding: Forwarding::default(),
        barred: true,
        at: None,
        skill_set: None,
        line: None,
    }];
    let seen = rig.get(&uri(own), &agent).await.json();
    assert_eq!(
        (&seen["do_not_disturb"], seen["forwarding"]["always"].is_null()),
        (&json!(false), true)
    );
    let live = rig.get("/api/v1/live", &supervisor).await.json();
    assert_eq!(live["agents"][0]["barred"], json!(true), "{live}");
}
