//! Flows that ask for the state of an order.

use super::*;
use crate::ivr::run::{Fault, Found};
use crate::sip::user_agent::Origin;
use crate::switch::rig::TRUNK;
use crate::switch::{Input, SqlDone};
use serde_json::{Value, json};
use terms::routing::Plan;

fn plan(step: Value) -> Plan {
    let mut plan = demo_plan();
    let mut ask = json!({"kind": "order", "found": "read", "none": "nothing",
        "on": {"error": "badly"}});
    for (name, value) in step.as_object().into_iter().flatten() {
        ask[name] = value.clone();
    }
    plan.flows[0].document = json!({"format": 1, "start": "ask", "variables": {"typed": "2026-7"},
        "steps": {
            "ask": ask,
            "read": {"kind": "play", "prompts": ["digits:${order_number}"], "next": "bye"},
            "nothing": {"kind": "play", "prompts": ["invalid"], "next": "bye"},
            "badly": {"kind": "play", "prompts": ["sorry"], "next": "bye"},
            "bye": {"kind": "hangup"}}});
    plan
}

fn exit(rig: &Rig) -> Option<String> {
    rig.log.iter().find_map(|entry| match &entry.kind {
        Kind::IvrStep { step, exit, .. } if step == "ask" => Some(exit.clone()),
        _ => None,
    })
}

fn done(rig: &mut Rig, result: Result<Found, Fault>) {
    let id = rig.orders.last().expect("the flow asks").id;
    rig.feed(Input::Sql(SqlDone { id, result }));
}

fn found(number: &str) -> Found {
    Found { rows: 1, first: [("number".to_owned(), number.to_owned())].into() }
}

#[test]
fn a_caller_asks_for_their_own_order_and_each_answer_has_its_way() {
    for (answer, way) in [
        (Some(Ok(found("7"))), "found"),
        (Some(Ok(Found::default())), "none"),
        (Some(Err(Fault::Failed("nobody listens".into()))), "error"),
        (Some(Err(Fault::Late)), "error"),
        (None, "error"),
    ] {
        let mut rig = Rig::new(plan(json!({})));
        let caller = rig.customer_dials("95105688");
        rig.wait(secs(1));
        let [ask] = rig.orders.as_slice() else { panic!("{:?}", rig.orders) };
        assert_eq!((ask.tenant, ask.number.as_str()), (TENANT, ""));
        assert_eq!(ask.of.as_deref(), Some("+8613800138000"));
        assert_eq!(exit(&rig), None, "the call waits, and no longer than the step says");
        match answer {
            Some(answer) => done(&mut rig, answer),
            None => rig.wait(secs(3)),
        }
        assert_eq!(exit(&rig).as_deref(), Some(way));
        done(&mut rig, Ok(found("9")));
        if way == "found" {
            assert_eq!(heard(&rig, caller), ["digits/7"]);
        }
        assert_eq!(rig.orders.len(), 1);
        balanced(&mut rig);
    }
}

#[test]
fn an_order_of_another_is_told_only_where_the_step_says_so() {
    for (own, of) in [(true, Some("+8613800138000")), (false, None)] {
        let mut rig = Rig::new(plan(json!({"number": "${typed}", "own": own})));
        rig.customer_dials("95105688");
        rig.wait(secs(1));
        let ask = rig.orders.first().expect("it asks");
        assert_eq!((ask.number.as_str(), ask.of.as_deref()), ("20267", of), "digits alone");
        balanced(&mut rig);
    }
}

#[test]
fn who_withholds_their_number_and_what_has_no_digits_find_nothing_and_nobody_is_asked() {
    for (step, caller) in [
        (json!({}), "anonymous"),
        (json!({"number": "${typed}"}), "anonymous"),
        (json!({"number": "' OR ''='", "own": false}), "13800138000"),
    ] {
        let mut rig = Rig::new(plan(step.clone()));
        rig.dials(Origin::Trunk(TRUNK), caller, "95105688", true);
        rig.wait(secs(1));
        assert_eq!(exit(&rig).as_deref(), Some("none"), "{step}");
        assert!(rig.orders.is_empty(), "{step}");
        balanced(&mut rig);
    }
}
