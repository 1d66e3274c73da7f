//! What kind of customer calls and how busy a queue is: what flows branch on.

use super::super::rig::TRUNK;
use super::*;
use crate::sip::user_agent::Origin;
use serde_json::json;
use terms::routing::{Agent, KnownCaller, Plan, Seat, Strategy};

const GOLD: &str = "02087654321";
const VIP: &str = "01087654321";
const OTHER: &str = "02187654321";

fn with_classes(mut plan: Plan) -> Plan {
    let known = |number: &str| {
        let number = format!("+86{}", number.trim_start_matches('0'));
        KnownCaller { number, ..KnownCaller::default() }
    };
    plan.known_callers = vec![
        KnownCaller { class: "gold".into(), ..known(GOLD) },
        KnownCaller { vip: true, ..known(VIP) },
    ];
    plan
}

#[test]
fn a_flow_branches_on_what_kind_of_customer_calls() {
    let mut plan = with_classes(demo_plan());
    plan.flows[0].document = json!({"format": 1, "start": "who", "steps": {
        "who": {"kind": "branch", "else": "bye", "cases": [
            {"if": {"left": "${caller_class}", "op": "equals", "right": "gold"}, "go": "gold"},
            {"if": {"left": "${caller_vip}", "op": "equals", "right": "yes"}, "go": "vip"},
            {"if": {"left": "${caller_class}", "op": "is_empty"}, "go": "none"}]},
        "gold": {"kind": "play", "prompts": ["thanks"], "next": "bye"},
        "vip": {"kind": "play", "prompts": ["welcome"], "next": "bye"},
        "none": {"kind": "play", "prompts": ["invalid"], "next": "bye"},
        "bye": {"kind": "hangup"}}});
    for (caller, prompt) in [(GOLD, "thanks"), (VIP, "welcome"), (OTHER, "invalid")] {
        let mut rig = Rig::new(plan.clone());
        let leg = rig.dials(Origin::Trunk(TRUNK), caller, "95105688", true);
        rig.wait(secs(1));
        assert_eq!(heard(&rig, leg), [prompt], "{caller}");
        rig.wait(secs(10));
        balanced(&mut rig);
    }
}

#[test]
fn a_queue_scores_agents_by_what_kind_of_customer_calls() {
    for (caller, agent) in [(GOLD, A2), (OTHER, A1)] {
        let mut plan = with_classes(demo_plan());
        let text = "if(caller_class = 'gold', agent_weight, -agent_weight)".to_owned();
        plan.queues[0].strategy = Strategy::Expression;
        plan.queues[0].matching.seats = vec![Seat { weight: 9, ..Seat::usual(A2) }];
        plan.queues[0].matching.expression = Some(text);
        let mut rig = Rig::new(plan);
        sign_in(&mut rig, A1);
        sign_in(&mut rig, A2);
        let leg = rig.dials(Origin::Trunk(TRUNK), caller, "95105600", true);
        rig.wait(secs(5));
        assert_eq!(rig.state().calls[0].agent, Some(agent), "{caller}");
        rig.hangs_up(leg);
        balanced(&mut rig);
    }
}

#[test]
fn a_flow_branches_on_how_busy_a_queue_is() {
    let mut plan = demo_plan();
    plan.flows[0].document = json!({"format": 1, "start": "look", "show":
        ["queue_waiting", "queue_free", "queue_agents", "queue_wait_s"], "steps": {
        "look": {"kind": "load", "queue": "1", "next": "choose", "on": {"error": "bye"}},
        "choose": {"kind": "branch", "else": "message", "cases": [
            {"if": {"left": "${queue_free}", "op": "greater", "right": "0"}, "go": "wait"},
            {"if": {"left": "${queue_wait_s}", "op": "less", "right": "200"}, "go": "wait"},
            {"if": {"left": "${queue_agents}", "op": "equals", "right": "0"}, "go": "other"}]},
        "wait": {"kind": "enqueue", "queue": "1", "on": {"error": "bye"}},
        "other": {"kind": "enqueue", "queue": "2", "on": {"error": "bye"}},
        "message": {"kind": "voicemail", "queue": "1"},
        "bye": {"kind": "hangup"}}});
    let mut rig = Rig::new(plan);
    let dials = |rig: &mut Rig| {
        rig.customer_dials("95105688");
        rig.wait(secs(5));
        let shown = rig.state().calls.last().expect("a call is live").data.clone();
        let value = |name: &str| shown.get(name).cloned().unwrap_or_default();
        ["queue_waiting", "queue_free", "queue_agents", "queue_wait_s"].map(value)
    };
    assert_eq!(dials(&mut rig), ["0", "0", "0", ""], "nobody is signed in");
    sign_in(&mut rig, A1);
    assert_eq!(dials(&mut rig), ["0", "1", "1", "0"]);
    assert_eq!(dials(&mut rig), ["0", "0", "1", "180"]);
    assert_eq!(dials(&mut rig), ["1", "0", "1", "360"]);
    let state = rig.state();
    let phases: Vec<&str> = state.calls.iter().map(|call| call.phase.as_str()).collect();
    assert_eq!(phases, ["waiting", "talking", "waiting", "voicemail"]);
    assert_eq!((state.queues[0].waiting, state.queues[1].waiting), (1, 1));
    for leg in rig.legs() {
        rig.hangs_up(leg);
    }
    rig.wait(secs(20));
    balanced(&mut rig);
}

#[test]
fn a_wait_is_told_in_seconds_and_the_last_part_of_one_counts_whole() {
    let mut plan = demo_plan();
    let like = plan.agents[0].clone();
    plan.agents.extend((4..=7).map(|id| Agent {
        id: AgentId(id),
        number: format!("800{id}"),
        sip_user: format!("{}", 1_000 + id),
        ..like.clone()
    }));
    plan.queues[0].agents = (1..=7).map(AgentId).collect();
    plan.flows[0].document = json!({"format": 1, "start": "look", "show": ["queue_wait_s"],
        "steps": {
            "look": {"kind": "load", "queue": "1", "next": "wait", "on": {"error": "bye"}},
            "wait": {"kind": "enqueue", "queue": "1", "on": {"error": "bye"}},
            "bye": {"kind": "hangup"}}});
    let mut rig = Rig::new(plan);
    for id in 1..=7 {
        sign_in(&mut rig, AgentId(id));
        rig.customer_dials("95105600");
        rig.wait(secs(5));
    }
    rig.customer_dials("95105688");
    rig.wait(secs(1));
    let state = rig.state();
    let shown = state.calls.last().expect("the eighth call").data.clone();
    // Seven agents take 180 s each: somebody is free after 25.7 s.
    assert_eq!(shown.get("queue_wait_s").map(String::as_str), Some("26"));
    for leg in rig.legs() {
        rig.hangs_up(leg);
    }
    rig.wait(secs(20));
    balanced(&mut rig);
}
