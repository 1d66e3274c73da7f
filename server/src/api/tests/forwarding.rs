//! Forwarding from the outside: who may set whose, what the switch is asked, and who sees it.

use super::rig::{NOON, Rig};
use axum::http::{Method, StatusCode};
use desk::Role;
use serde_json::{Value, json};
use terms::AgentId;
use terms::control::{AgentAction, Ask, LiveAgent};
use terms::event::{Activity, Forwarding};

/// How the switch was asked to forward, and whose calls.
fn asked(rig: &Rig) -> Vec<(AgentId, Forwarding)> {
    let asked = rig.calls.asked.lock().unwrap();
    let forwards = asked.iter().filter_map(|ask| match ask {
        Ask::Agent { tenant, agent, action: AgentAction::Forward(forwarding) } => {
            assert_eq!(*tenant, rig.tenant());
            Some((*agent, forwarding.clone()))
        }
        _ => None,
    });
    forwards.collect()
}

fn uri(agent: AgentId) -> String {
    format!("/api/v1/agents/{agent}/forwarding")
}

#[tokio::test]
async fn an_agent_forwards_their_own_calls_and_a_supervisor_those_of_others() {
    let rig = Rig::new().await;
    let (own, other) = (rig.first.agents[0].0, rig.first.agents[1].0);
    let (agent, supervisor) = (rig.token(Role::Agent).await, rig.token(Role::Supervisor).await);
    let (_, foreign) = rig.other_tenant().await;
    let all = json!({"always": "13800138000"});
    let some = json!({"busy": "queue:7", "no_answer": "1002", "no_answer_s": 30});
    for (who, of, body, status) in [
        (&agent, own, &all, StatusCode::NO_CONTENT),
        (&agent, other, &all, StatusCode::FORBIDDEN),
        (&supervisor, other, &some, StatusCode::NO_CONTENT),
        (&foreign, other, &all, StatusCode::NOT_FOUND),
        (&agent, own, &json!({}), StatusCode::NO_CONTENT),
    ] {
        let got = rig.ask(Method::PUT, &uri(of), who, Some(body.clone())).await;
        assert_eq!(got.status, status, "{body}: {got:?}");
    }
    let nothing = Forwarding { no_answer_s: 20, ..Forwarding::default() };
    let always = Forwarding { always: Some("13800138000".into()), ..nothing.clone() };
    let (busy, no_answer) = (Some("queue:7".to_owned()), Some("1002".to_owned()));
    let some = Forwarding { always: None, busy, no_answer, no_answer_s: 30 };
    assert_eq!(asked(&rig), [(own, always), (other, some), (own, nothing)]);
    let rows = rig.store.audit(rig.tenant(), None, 100).await.unwrap();
    let noted = rows.iter().filter(|row| row.action == "agent.forwarding");
    let subjects: Vec<&str> = noted.map(|row| row.subject.as_str()).collect();
    assert_eq!(subjects, [other.to_string()], "one's own is one's own business");
}

#[tokio::test]
async fn what_is_no_target_is_refused_by_its_field_and_what_leads_nowhere_with_a_sentence() {
    let rig = Rig::new().await;
    let own = uri(rig.first.agents[0].0);
    let token = rig.token(Role::Agent).await;
    for field in ["always", "busy", "no_answer"] {
        for bad in ["", "queue:", "sip:evil@example.org", "1001\r\nX: y"] {
            let got = rig.ask(Method::PUT, &own, &token, Some(json!({field: bad}))).await;
            assert_eq!(got.status, StatusCode::BAD_REQUEST, "{field} {bad}");
            assert_eq!(got.json()["field"], field);
        }
    }
    assert_eq!(asked(&rig), []);
    for why in [
        "nobody forwards calls to themselves",
        "a phone rings 5 to 120 seconds before a call is forwarded",
        "nothing answers that number",
        "there is no such queue",
    ] {
        *rig.calls.refuse.lock().unwrap() = Some(why.into());
        let got = rig.ask(Method::PUT, &own, &token, Some(json!({"always": "1001"}))).await;
        assert_eq!((got.status, &got.json()["message"]), (StatusCode::CONFLICT, &json!(why)));
    }
}

#[tokio::test]
async fn where_calls_go_is_seen_by_oneself_and_by_supervisors() {
    let rig = Rig::new().await;
    let (own, other) = (rig.first.agents[0].0, rig.first.agents[1].0);
    let live = |agent| LiveAgent {
        agent,
        activity: Activity::Idle,
        reason: None,
        since: NOON,
        call: None,
        registered: true,
        do_not_disturb: true,
        forwarding: Forwarding { always: Some("13800138000".into()), ..Forwarding::default() },
        barred: false,
        at: None,
        skill_set: None,
        line: None,
    };
    *rig.calls.agents.lock().unwrap() = vec![live(own), live(other)];
    let seen = |list: Value, who: AgentId| {
        let list = list["agents"].as_array().unwrap().clone();
        list.into_iter().find(|live| live["agent"] == who.to_string()).unwrap()
    };
    let target = json!("13800138000");
    let all = rig.get("/api/v1/live", &rig.token(Role::Supervisor).await).await.json();
    assert_eq!(seen(all, other)["forwarding"]["always"], target);
    let mine = rig.get("/api/v1/live", &rig.token(Role::Agent).await).await.json();
    assert_eq!(seen(mine.clone(), own)["forwarding"]["always"], target);
    let theirs = seen(mine, other);
    assert_eq!(theirs["forwarding"], Value::Null, "a colleague's own number is theirs");
    assert_eq!(theirs["do_not_disturb"], json!(true), "that they want no calls is for all");
}

#[tokio::test]
async fn an_agent_opens_their_own_line_and_who_sets_states_closes_it() {
    let rig = Rig::new().await;
    let (own, other) = (rig.first.agents[0].0, rig.first.agents[1].0);
    let (agent, supervisor) = (rig.token(Role::Agent).await, rig.token(Role::Supervisor).await);
    let uri = |agent: AgentId| format!("/api/v1/agents/{agent}/state");
    let refused = rig.post(&uri(other), &agent, json!({"action": "open_line"})).await;
    assert_eq!(refused.status, StatusCode::FORBIDDEN, "{refused:?}");
    for (token, action) in [(&agent, "open_line"), (&supervisor, "close_line")] {
        let taken = rig.post(&uri(own), token, json!({"action": action})).await;
        assert_eq!(taken.status, StatusCode::NO_CONTENT, "{taken:?}");
    }
    let asked = rig.calls.asked.lock().unwrap().clone();
    let actions: Vec<_> = asked
        .iter()
        .filter_map(|ask| match ask {
            Ask::Agent { agent, action, .. } => Some((*agent, action.clone())),
            _ => None,
        })
        .collect();
    assert_eq!(actions, [(own, AgentAction::OpenLine), (own, AgentAction::CloseLine)]);
}
