//! Where callers are at home: what flows, live calls and the log are told.

use super::super::rig::TRUNK;
use super::*;
use crate::sip::user_agent::Origin;
use serde_json::json;
use std::sync::Arc;
use terms::Region;
use terms::region::Regions;
use terms::routing::{Plan, Seat, Strategy};

/// Callers of 广东 hear `thanks`, callers of 深圳 `invalid`, everybody else nothing.
fn plan() -> Plan {
    let mut plan = demo_plan();
    plan.flows[0].document = json!({"format": 1, "start": "where", "steps": {
        "where": {"kind": "branch", "else": "bye", "cases": [
            {"if": {"left": "${caller_city}", "op": "equals", "right": "深圳"}, "go": "near"},
            {"if": {"left": "${caller_province}", "op": "equals", "right": "广东"}, "go": "far"}]},
        "far": {"kind": "play", "prompts": ["thanks"], "next": "bye"},
        "near": {"kind": "play", "prompts": ["invalid"], "next": "bye"},
        "bye": {"kind": "hangup"}}});
    plan
}

fn region(province: &str, city: &str) -> Region {
    Region { province: province.to_owned(), city: city.to_owned() }
}

fn logged(rig: &Rig) -> Option<Region> {
    let started = rig.log.iter().find_map(|entry| match &entry.kind {
        Kind::CallStarted { region, .. } => Some(region.clone()),
        _ => None,
    });
    started.expect("a call began")
}

#[test]
fn a_flow_branches_on_where_the_caller_is_at_home() {
    let mobile = "13800138000";
    let mut own = plan();
    let table = [("+861380013".to_owned(), region("广东", "深圳"))];
    own.regions = Arc::new(Regions(table.into()));
    for (plan, caller, prompts, at_home) in [
        (plan(), "02087654321", vec!["thanks"], Some(region("广东", "广州"))),
        (plan(), "075583001234", vec!["invalid"], Some(region("广东", "深圳"))),
        (plan(), mobile, vec![], None),
        (own, mobile, vec!["invalid"], Some(region("广东", "深圳"))),
    ] {
        let mut rig = Rig::new(plan);
        let leg = rig.dials(Origin::Trunk(TRUNK), caller, "95105688", true);
        rig.wait(secs(1));
        assert_eq!(heard(&rig, leg), prompts, "{caller}");
        assert_eq!(logged(&rig), at_home, "{caller}");
        rig.wait(secs(10));
        balanced(&mut rig);
    }
}

#[test]
fn a_live_call_says_where_its_caller_is_at_home() {
    let mut rig = rig_with(&[A1]);
    let caller = rig.dials(Origin::Trunk(TRUNK), "01087654321", "95105688", true);
    rig.wait(secs(1));
    assert_eq!(rig.state().calls[0].region, Some(region("北京", "北京")));
    rig.hangs_up(caller);
    balanced(&mut rig);
}

#[test]
fn a_queue_scores_agents_by_where_the_caller_is_at_home() {
    for (caller, agent) in [("02087654321", A2), ("01087654321", A1)] {
        let mut plan = demo_plan();
        let text = "if(caller_city = '广州', agent_weight, -agent_weight)".to_owned();
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
