//! Supervision from the outside: who may, what the switch is asked, what is written down, and what
//! an agent must not see.

use super::rig::{LIVE_CALL, NOON, Rig, call_row};
use axum::http::{Method, StatusCode};
use desk::user::UserChange;
use desk::{By, Role};
use serde_json::{Value, json};
use terms::control::{Ask, CallAction, LiveAgent, LiveSupervision, SupervisorPhone};
use terms::event::{Activity, Forwarding, Supervised, SupervisionMode};
use terms::record::{Leg, Row};
use terms::{AgentId, CallId, ContactId, LegId, UserId};

fn uri() -> String {
    format!("/api/v1/calls/{LIVE_CALL}/supervise")
}

/// What the switch was asked of calls.
fn asked(rig: &Rig) -> Vec<CallAction> {
    let asked = rig.calls.asked.lock().unwrap();
    let of_calls = asked.iter().filter_map(|ask| match ask {
        Ask::Call { tenant, call, action } => {
            assert_eq!((*tenant, *call), (rig.tenant(), LIVE_CALL));
            Some(action.clone())
        }
        _ => None,
    });
    of_calls.collect()
}

/// Actions in the audit table about the live call, the first one first, and by whom.
async fn audited(rig: &Rig) -> Vec<(String, Option<UserId>)> {
    let rows = rig.store.audit(rig.tenant(), None, 100).await.unwrap();
    let about = rows.into_iter().rev().filter(|row| row.subject == LIVE_CALL.to_string());
    about.map(|row| (row.action, row.user)).collect()
}

#[tokio::test]
async fn agents_may_not_supervise_not_even_their_own_call() {
    let rig = Rig::new().await;
    let agent = rig.token(Role::Agent).await;
    let body = |method: &Method| (*method != Method::DELETE).then(|| json!({"mode": "listen"}));
    for method in [Method::POST, Method::PATCH, Method::DELETE] {
        let got = rig.ask(method.clone(), &uri(), &agent, body(&method)).await;
        assert_eq!(got.status, StatusCode::FORBIDDEN, "{method}");
    }
    assert_eq!((asked(&rig), audited(&rig).await), (vec![], vec![]));
}

#[tokio::test]
async fn a_supervisor_listens_coaches_barges_in_and_takes_over_and_each_use_is_written_down() {
    let rig = Rig::new().await;
    let second = rig.first.agents[1].0;
    let by = UserId(second.0);
    let who = By::system("test", NOON);
    let leads = UserChange { role: Some(Role::Supervisor), name: None, enabled: None };
    rig.store.change_user(rig.tenant(), &who, by, &leads).await.unwrap();
    let token = rig.token_of(rig.tenant(), by, Role::Supervisor, Some(second)).await;
    let began = rig.post(&uri(), &token, json!({"mode": "listen"})).await;
    assert_eq!(began.status, StatusCode::NO_CONTENT, "{began:?}");
    for mode in ["whisper", "barge", "take_over"] {
        let got = rig.ask(Method::PATCH, &uri(), &token, Some(json!({"mode": mode}))).await;
        assert_eq!(got.status, StatusCode::NO_CONTENT, "{mode}: {got:?}");
    }
    let ended = rig.ask(Method::DELETE, &uri(), &token, None).await;
    assert_eq!(ended.status, StatusCode::NO_CONTENT);
    let phone = SupervisorPhone::Agent(second);
    assert_eq!(
        asked(&rig),
        [
            CallAction::Supervise { by, phone, mode: SupervisionMode::Listen },
            CallAction::ChangeSupervision { by, mode: SupervisionMode::Whisper },
            CallAction::ChangeSupervision { by, mode: SupervisionMode::Barge },
            CallAction::TakeOver { by },
            CallAction::EndSupervision,
        ]
    );
    let rows = [
        "call.supervise.listen",
        "call.supervise.whisper",
        "call.supervise.barge",
        "call.take_over",
        "call.supervise.end",
    ];
    assert_eq!(audited(&rig).await, rows.map(|row| (row.to_owned(), Some(by))));
}

#[tokio::test]
async fn who_has_no_phone_as_an_agent_names_one() {
    let rig = Rig::new().await;
    let manager = rig.token(Role::Manager).await;
    let by = rig.person(rig.tenant(), Role::Manager).await;
    for phone in [Value::Null, json!(""), json!("sip:evil@example.org"), json!("queue:7")] {
        let body = json!({"mode": "whisper", "phone": phone});
        let got = rig.post(&uri(), &manager, body).await;
        assert_eq!(got.status, StatusCode::BAD_REQUEST, "{phone}");
        assert_eq!(got.json()["field"], "phone");
    }
    let body = json!({"mode": "whisper", "phone": "13822222222"});
    assert_eq!(rig.post(&uri(), &manager, body).await.status, StatusCode::NO_CONTENT);
    let phone = SupervisorPhone::Number("13822222222".into());
    let mode = SupervisionMode::Whisper;
    assert_eq!(asked(&rig), [CallAction::Supervise { by, phone, mode }]);
    for body in [json!({"mode": "take_over"}), json!({"mode": "shout"}), json!({})] {
        let got = rig.post(&uri(), &manager, body).await;
        assert_eq!(got.status, StatusCode::BAD_REQUEST);
    }
}

#[tokio::test]
async fn other_tenants_and_calls_that_are_over_are_not_found_and_refusals_are_told() {
    let rig = Rig::new().await;
    let (_, foreign) = rig.other_tenant().await;
    let listen = json!({"mode": "listen", "phone": "1003"});
    assert_eq!(rig.post(&uri(), &foreign, listen.clone()).await.status, StatusCode::NOT_FOUND);
    let supervisor = rig.token(Role::Supervisor).await;
    let over = rig.post("/api/v1/calls/1/supervise", &supervisor, listen.clone()).await;
    assert_eq!(over.status, StatusCode::NOT_FOUND);
    assert_eq!((asked(&rig), audited(&rig).await), (vec![], vec![]));
    for why in [
        "somebody supervises this call already",
        "somebody else supervises this call",
        "nobody supervises this call",
        "nobody supervises a call that they are in",
        "the supervisor has not answered yet",
        "there is no conversation to supervise",
        "this agent is not free to take a call",
    ] {
        assert!(crate::api::messages::in_chinese(why).is_some(), "{why}");
    }
}

#[tokio::test]
async fn a_call_of_somebody_else_is_moved_and_ended_by_name() {
    let rig = Rig::new().await;
    let supervisor = rig.token(Role::Supervisor).await;
    let by = rig.person(rig.tenant(), Role::Supervisor).await;
    let actions = format!("/api/v1/calls/{LIVE_CALL}/actions");
    let transfer = json!({"action": "transfer", "target": "queue:7"});
    assert_eq!(rig.post(&actions, &supervisor, transfer.clone()).await.status, 204);
    let hangup = json!({"action": "hangup"});
    assert_eq!(rig.post(&actions, &supervisor, hangup.clone()).await.status, 204);
    let own = rig.token(Role::Agent).await;
    assert_eq!(rig.post(&actions, &own, transfer).await.status, 204);
    assert_eq!(rig.post(&actions, &own, hangup).await.status, 204);
    let target = "queue:7".to_owned();
    assert_eq!(
        asked(&rig),
        [
            CallAction::ForceTransfer { by, target: target.clone() },
            CallAction::ForceRelease { by },
            CallAction::Transfer { target },
            CallAction::Hangup,
        ]
    );
    let rows = ["call.transfer", "call.hangup"].map(|row| (row.to_owned(), Some(by)));
    assert_eq!(audited(&rig).await, rows, "one's own call is one's own business");
}

#[tokio::test]
async fn an_agent_consults_and_parks_and_what_is_no_target_is_refused() {
    let rig = Rig::new().await;
    let own = rig.token(Role::Agent).await;
    let actions = format!("/api/v1/calls/{LIVE_CALL}/actions");
    for action in [
        json!({"action": "consult", "target": "queue:7"}),
        json!({"action": "consult", "target": "1003"}),
        json!({"action": "complete_consultation"}),
        json!({"action": "end_consultation"}),
        json!({"action": "join_consultation"}),
        json!({"action": "park"}),
        json!({"action": "park", "slot": 3}),
    ] {
        assert_eq!(rig.post(&actions, &own, action).await.status, 204);
    }
    let nonsense = json!({"action": "consult", "target": "the boss"});
    assert!(rig.post(&actions, &own, nonsense).await.status.is_client_error());
    let consult = |target: &str| CallAction::Consult { target: target.to_owned() };
    assert_eq!(
        asked(&rig),
        [
            consult("queue:7"),
            consult("1003"),
            CallAction::CompleteConsultation,
            CallAction::EndConsultation,
            CallAction::JoinConsultation,
            CallAction::Park { slot: None },
            CallAction::Park { slot: Some(3) },
        ]
    );
    assert_eq!(audited(&rig).await, vec![], "one's own call is one's own business");
    for why in [
        "there is no conversation to ask somebody about",
        "somebody is being consulted already",
        "somebody is being consulted: return to the customer first",
        "somebody is being consulted: that must end first",
        "more than two are in the conversation, or asked in",
        "the other party holds this call",
        "no agent of this queue is free",
        "nobody is being consulted",
        "who is consulted has not answered yet",
        "the phone has two calls: join them there",
        "two parties outside do not talk alone at our expense",
    ] {
        assert!(crate::api::messages::in_chinese(why).is_some(), "{why}");
    }
}

#[tokio::test]
async fn an_agent_sees_nothing_of_who_listens_and_a_supervisor_does() {
    let rig = Rig::new().await;
    let (agent, leader) = (rig.first.agents[0].0, rig.first.agents[1].0);
    let of = Supervised { by: UserId(leader.0), supervisor: Some(leader), agent };
    let mode = SupervisionMode::Listen;
    let live = LiveSupervision { of, mode, leg: LegId(77), joined: true };
    *rig.calls.supervision.lock().unwrap() = Some(live);
    *rig.calls.agents.lock().unwrap() = [agent, leader].map(at_the_call).to_vec();
    let supervisor = rig.token(Role::Supervisor).await;
    let seen = rig.get("/api/v1/live", &supervisor).await.json();
    assert_eq!(
        seen["calls"][0]["supervision"],
        json!({"by": leader.to_string(), "supervisor": leader.to_string(),
            "agent": agent.to_string(), "mode": "listen", "joined": true})
    );
    let token = rig.token(Role::Agent).await;
    let own = rig.get("/api/v1/live", &token).await.json();
    assert!(own["calls"][0].get("supervision").is_none(), "{own}");
    let of_call = |list: &Value, who: AgentId| {
        let who = who.to_string();
        let live = list.as_array().unwrap().iter().map(|agent| agent.get("live").unwrap_or(agent));
        let live = live.into_iter().find(|live| live["agent"] == who).unwrap();
        live["call"].clone()
    };
    for (path, list) in [("/api/v1/live", "agents"), ("/api/v1/agents", "")] {
        let listed = |seen: Value| if list.is_empty() { seen } else { seen[list].clone() };
        let all = listed(rig.get(path, &supervisor).await.json());
        assert_eq!(of_call(&all, leader), LIVE_CALL.to_string(), "{path}");
        let own = listed(rig.get(path, &token).await.json());
        assert_eq!(of_call(&own, agent), LIVE_CALL.to_string(), "{path}: their own");
        assert_eq!(of_call(&own, leader), Value::Null, "{path}: not where the leader is");
    }
    let one = rig.get(&format!("/api/v1/agents/{leader}"), &token).await.json();
    assert_eq!(one["live"]["call"], Value::Null);
}

fn at_the_call(agent: AgentId) -> LiveAgent {
    LiveAgent {
        agent,
        activity: Activity::Idle,
        reason: None,
        since: NOON,
        call: Some(LIVE_CALL),
        registered: true,
        do_not_disturb: false,
        forwarding: Forwarding::default(),
        barred: false,
        at: None,
        skill_set: None,
        line: None,
    }
}

#[tokio::test]
async fn a_call_that_is_over_shows_its_supervisors_to_supervisors() {
    let rig = Rig::new().await;
    let agent = rig.first.agents[0].0;
    let call = CallId(rig.id());
    let mut rows = vec![Row::Call(call_row(rig.tenant(), call, 10, 60, agent))];
    rows.extend(["customer", "agent", "supervisor"].map(|role| Row::Leg(leg(&rig, call, role))));
    rig.stage(&rows).await;
    let uri = format!("/api/v1/calls/{call}");
    for (role, legs) in [(Role::Supervisor, 3), (Role::Agent, 2)] {
        let got = rig.get(&uri, &rig.token(role).await).await;
        assert_eq!(got.status, StatusCode::OK, "{role:?}");
        assert_eq!(got.json()["legs"].as_array().unwrap().len(), legs, "{role:?}");
    }
}

fn leg(rig: &Rig, call: CallId, role: &str) -> Leg {
    Leg {
        tenant_id: rig.tenant(),
        leg_id: LegId(rig.id()),
        call_id: call,
        contact_id: ContactId(call.0),
        call_started_at: NOON + std::time::Duration::from_secs(10),
        role: role.into(),
        agent_id: None,
        queue_id: None,
        address: "1001".into(),
        started_at: NOON,
        ringing_at: None,
        answered_at: None,
        ended_at: NOON,
        ring_ms: 0,
        talk_ms: 0,
        hold_ms: 0,
        hangup_cause: 16,
        hangup_by: "agent".into(),
        packets_received: 0,
        packets_lost: 0,
        jitter_us: 0,
        mos: None,
        trunk_id: None,
        call_direction: None,
        call_queue_id: None,
    }
}
