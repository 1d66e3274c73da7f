//! Emergency mode: prepared routing and prompts in force for new calls, while others go on.

use super::*;
use crate::switch::rig::PROMPT;
use serde_json::json;
use terms::routing::{Emergency, Flow, Plan};
use terms::{FlowId, NumberId};

/// The demo plan with a second flow, and with this emergency plan in force.
fn plan(version: u64, emergency: Option<Emergency>) -> Plan {
    let mut plan = demo_plan();
    plan.version = version;
    plan.flows.push(Flow {
        id: FlowId(2),
        name: "storm".into(),
        version: 1,
        document: json!({"format": 1, "start": "say", "steps": {
            "say": {"kind": "play", "prompts": ["sorry"], "next": "bye"},
            "bye": {"kind": "hangup"}}}),
    });
    plan.emergency = emergency.into_iter().collect();
    plan
}

fn storm(numbers: &[u64], flow: Option<FlowId>) -> Emergency {
    Emergency {
        name: "storm".into(),
        numbers: numbers.iter().copied().map(NumberId).collect(),
        flow,
        announcement: Some("storm_notice".into()),
    }
}

fn bring(rig: &mut Rig, plan: Plan) {
    assert_eq!(rig.ask(Ask::Plan(Box::new(plan))), Answer::Done);
}

#[test]
fn switched_on_the_next_call_hears_the_announcement_and_the_flow_and_off_restores() {
    let mut rig = Rig::new(plan(1, None));
    let before = rig.customer_dials("95105688");
    rig.wait(secs(1));
    bring(&mut rig, plan(2, Some(storm(&[], Some(FlowId(2))))));
    let during = rig.customer_dials("95105688");
    rig.wait(secs(1));
    assert_eq!(heard(&rig, during), ["storm_notice"]);
    rig.wait(PROMPT + secs(1));
    assert_eq!(heard(&rig, during), ["storm_notice", "sorry"]);
    rig.presses(before, "3");
    rig.wait(secs(3));
    let of_before = heard(&rig, before);
    assert_eq!(of_before.first().map(String::as_str), Some("welcome"));
    assert!(!of_before.contains(&"storm_notice".to_owned()), "a running call goes on");
    bring(&mut rig, plan(3, None));
    let after = rig.customer_dials("95105688");
    rig.wait(secs(1));
    assert_eq!(heard(&rig, after), ["welcome"]);
    for leg in [before, after] {
        rig.hangs_up(leg);
    }
    balanced(&mut rig);
}

#[test]
fn an_announcement_alone_comes_before_the_numbers_own_target_and_other_numbers_are_as_ever() {
    let mut rig = Rig::new(plan(1, Some(storm(&[2], None))));
    sign_in(&mut rig, A1);
    let caller = rig.customer_dials("95105601");
    rig.wait(secs(1));
    assert_eq!(heard(&rig, caller), ["storm_notice"]);
    assert_eq!(rig.leg_of(A1), None, "nobody rings while it is heard");
    rig.wait(PROMPT + secs(5));
    assert_eq!(phase(&mut rig), "talking", "number 2 leads to agent 1");
    rig.hangs_up(caller);
    rig.wait(secs(60));
    let other = rig.customer_dials("95105688");
    rig.wait(secs(1));
    assert_eq!(heard(&rig, other), ["welcome"]);
    rig.hangs_up(other);
    balanced(&mut rig);
}

#[test]
fn a_prompt_that_is_missing_holds_nobody_and_who_hangs_up_meanwhile_is_gone() {
    let mut rig = Rig::new(plan(1, Some(storm(&[], Some(FlowId(2))))));
    rig.missing = vec!["zh-CN/storm_notice".into()];
    let caller = rig.customer_dials("95105600");
    rig.wait(secs(1));
    assert_eq!(heard(&rig, caller).last().map(String::as_str), Some("sorry"));
    rig.missing.clear();
    let gone = rig.customer_dials("95105600");
    rig.wait(secs(1));
    rig.hangs_up(gone);
    rig.wait(PROMPT + secs(1));
    assert_eq!(heard(&rig, gone), ["storm_notice"]);
    assert_eq!(outcome(&rig).0, Outcome::IvrOnly, "they heard something");
    balanced(&mut rig);
}

#[test]
fn who_heard_it_when_the_process_was_killed_goes_on_in_the_emergency_flow() {
    let mut rig = Rig::new(plan(1, Some(storm(&[], Some(FlowId(2))))));
    let caller = rig.customer_dials("95105688");
    rig.wait(secs(1));
    assert_eq!(heard(&rig, caller), ["storm_notice"]);
    rig.kill(&[]);
    rig.wait(secs(1));
    assert_eq!(heard(&rig, caller).last().map(String::as_str), Some("sorry"));
    balanced(&mut rig);
}
