//! Flows that ask a business database.

use super::*;
use crate::ivr::run::{Fault, Found};
use crate::switch::{Input, SqlDone};
use serde_json::{Value, json};
use terms::routing::{Connector, Database, Plan};

/// Which step was left by which edge.
fn exits(rig: &Rig) -> Vec<(String, String)> {
    let left = rig.log.iter().filter_map(|entry| match &entry.kind {
        Kind::IvrStep { step, exit, .. } => Some((step.clone(), exit.clone())),
        _ => None,
    });
    left.collect()
}

/// The hotline asks the database `billing` for what the caller owes, or writes that they called.
fn plan(step: &Value) -> Plan {
    let mut plan = demo_plan();
    let mut ask = json!({"kind": "sql", "connector": "billing", "timeout_ms": 5_000,
        "found": "read", "none": "nobody", "on": {"error": "badly", "timeout": "late"}});
    let fields = step.as_object().expect("an object").clone();
    ask.as_object_mut().expect("an object").extend(fields);
    plan.flows[0].document = json!({"format": 1, "start": "ask", "steps": {
        "ask": ask,
        "read": {"kind": "play", "prompts": ["number:${owes}"], "next": "bye"},
        "nobody": {"kind": "play", "prompts": ["invalid"], "next": "bye"},
        "badly": {"kind": "play", "prompts": ["sorry"], "next": "bye"},
        "late": {"kind": "play", "prompts": ["wait"], "next": "bye"},
        "bye": {"kind": "hangup"}}});
    plan.connectors = vec![Connector {
        name: "billing".into(),
        database: Database::parse("sqlite:billing.db").expect("it is a file"),
        user: String::new(),
        password: "hunter2".into(),
        writes: true,
        timeout_ms: 3_000,
        rows_max: 10,
    }];
    plan
}

fn reads() -> Plan {
    let statement = "SELECT owes FROM accounts WHERE phone = :caller";
    plan(&json!({"statement": statement, "map": {"owes": "owes"}}))
}

fn writes() -> Plan {
    plan(&json!({"statement": "INSERT INTO calls (who) VALUES (:caller)", "write": true}))
}

fn done(rig: &mut Rig, id: u64, result: Result<Found, Fault>) {
    rig.feed(Input::Sql(SqlDone { id, result }));
}

fn row(owes: &str) -> Found {
    Found { rows: 1, first: [("owes".to_owned(), owes.to_owned())].into() }
}

#[test]
fn a_flow_asks_once_with_bound_values_and_reads_out_what_came() {
    let mut rig = Rig::new(reads());
    let caller = rig.customer_dials("95105688");
    rig.wait(secs(1));
    let [ask] = rig.questions.as_slice() else { panic!("{:?}", rig.questions) };
    assert_eq!(ask.statement, "SELECT owes FROM accounts WHERE phone = $1");
    assert_eq!(ask.values, ["+8613800138000"]);
    assert_eq!((ask.tenant, ask.writes, ask.wants_rows), (TENANT, false, true));
    assert_eq!(ask.timeout, secs(3), "the connector's, which is shorter");
    assert!(!format!("{ask:?}").contains("hunter2"));
    let id = ask.id;
    done(&mut rig, id, Ok(row("7")));
    done(&mut rig, id, Ok(row("8")));
    assert_eq!(heard(&rig, caller), ["digits/7"]);
    rig.wait(secs(20));
    assert_eq!(rig.questions.len(), 1);
    assert_eq!(exits(&rig)[0], ("ask".into(), "found".into()));
    balanced(&mut rig);
}

#[test]
fn what_is_not_found_what_fails_and_what_is_late_go_their_own_ways() {
    for (plan, answer, exit) in [
        (reads(), Some(Ok(Found::default())), "none"),
        (reads(), Some(Err(Fault::Failed("the database is gone".into()))), "error"),
        (reads(), Some(Err(Fault::Late)), "timeout"),
        (reads(), None, "timeout"),
        (writes(), Some(Ok(Found { rows: 1, ..Found::default() })), "found"),
        (writes(), Some(Err(Fault::Late)), "error"),
        (writes(), None, "error"),
    ] {
        let mut rig = Rig::new(plan);
        rig.customer_dials("95105688");
        rig.wait(secs(1));
        assert_eq!(rig.questions.len(), 1, "{exit}");
        let id = rig.questions[0].id;
        if let Some(answer) = answer.clone() {
            done(&mut rig, id, answer);
        }
        rig.wait(secs(3));
        assert_eq!(exits(&rig).is_empty(), answer.is_none(), "{exit}: its own time is 5 s");
        rig.wait(secs(3));
        assert_eq!(exits(&rig)[0], ("ask".into(), exit.into()), "{answer:?}");
        // Whatever comes now changes nothing, and nobody asks again.
        done(&mut rig, id, Ok(row("9")));
        rig.wait(secs(20));
        assert_eq!(rig.questions.len(), 1, "{exit}");
        balanced(&mut rig);
    }
}

#[test]
fn a_plan_whose_flow_names_no_database_of_the_tenant_is_refused() {
    let mut rig = Rig::new(demo_plan());
    let mut without = reads();
    without.version = 2;
    without.connectors.clear();
    let answer = rig.ask(Ask::Plan(Box::new(without)));
    let Answer::Refused(why) = answer else { panic!("{answer:?}") };
    assert!(why.contains("there is no database \"billing\""), "{why}");
    let mut reading = writes();
    reading.version = 2;
    reading.connectors[0].writes = false;
    let Answer::Refused(why) = rig.ask(Ask::Plan(Box::new(reading))) else { panic!("it writes") };
    assert!(why.contains("is only read"), "{why}");
}

const ONCE: &str = "INSERT INTO calls (who, name) VALUES (:caller, :once_key)";

/// The last question, and by which name it goes.
fn asked(rig: &Rig) -> (u64, String) {
    let ask = rig.questions.last().expect("the flow asks");
    assert_eq!((ask.values.len(), ask.values[0].as_str()), (2, "+8613800138000"));
    (ask.id, ask.values[1].clone())
}

#[test]
fn a_visit_of_a_step_has_one_name_that_a_kill_does_not_change() {
    let mut plan = plan(&json!({"statement": ONCE, "write": true}));
    plan.flows[0].document["steps"]["nobody"]["next"] = json!("ask");
    let mut rig = Rig::new(plan);
    rig.customer_dials("95105688");
    rig.wait(secs(1));
    let call = only_call(&mut rig);
    assert_eq!(asked(&rig).1, format!("{call}/1/ask/1"));
    for _ in 0..2 {
        rig.kill(&[]);
        rig.wait(secs(1));
        assert_eq!(asked(&rig).1, format!("{call}/1/ask/1"), "it may have happened before");
    }
    let (id, _) = asked(&rig);
    done(&mut rig, id, Ok(Found::default()));
    rig.wait(secs(20));
    assert_eq!(asked(&rig).1, format!("{call}/1/ask/2"), "another visit");
    rig.wait(secs(20));
    balanced(&mut rig);

    rig.customer_dials("95105688");
    rig.wait(secs(1));
    let next = only_call(&mut rig);
    assert_ne!(next, call);
    assert_eq!(asked(&rig).1, format!("{next}/1/ask/1"), "another call");
}

#[test]
fn a_flow_that_is_entered_again_in_one_call_asks_by_other_names() {
    let mut plan = plan(&json!({"statement": ONCE, "write": true}));
    let flow = plan.flows[0].id;
    let again =
        json!({"kind": "transfer", "target": format!("flow:{flow}"), "on": {"error": "bye"}});
    plan.flows[0].document["steps"]["nobody"] = again;
    let mut rig = Rig::new(plan);
    rig.customer_dials("95105688");
    rig.wait(secs(1));
    let call = only_call(&mut rig);
    let (id, _) = asked(&rig);
    done(&mut rig, id, Ok(Found::default()));
    rig.wait(secs(1));
    assert_eq!(asked(&rig).1, format!("{call}/2/ask/1"));
    rig.kill(&[]);
    rig.wait(secs(1));
    assert_eq!(asked(&rig).1, format!("{call}/2/ask/1"));
    rig.wait(secs(20));
    balanced(&mut rig);
}
