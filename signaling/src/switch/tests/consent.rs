//! Stories of callers who say whether they agree to be recorded.

use super::*;
use serde_json::json;
use terms::UserId;
use terms::control::{Asker, RecordingOrder};
use terms::event::ConsentWay;
use terms::media::Command;
use terms::routing::{Plan, RecordingRule, RecordingScope, RecordingThen, RecordingWhen};
use terms::{FlowId, RecordingRuleId};

const BOSS: UserId = UserId(50);
const NO: &str = "the caller does not agree to be recorded";

/// Everything is recorded by this rule.
fn by_rule(plan: &mut Plan, then: RecordingThen) {
    let when = RecordingWhen::default();
    plan.recording_rules =
        vec![RecordingRule { id: RecordingRuleId(1), name: "it".into(), when, then }];
}

fn rig_of(change: impl FnOnce(&mut Plan)) -> Rig {
    let mut plan = demo_plan();
    by_rule(&mut plan, RecordingThen::default());
    change(&mut plan);
    let mut rig = Rig::new(plan);
    sign_in(&mut rig, A1);
    rig
}

/// The hotline asks for a key first: 1 agrees, 2 does not.
fn asks_first(plan: &mut Plan) {
    plan.flows[0].document = json!({"format": 1, "start": "ask", "steps": {
        "ask": {"kind": "menu", "prompts": ["menu"], "keys": {"1": "yes", "2": "no"},
            "on": {"timeout": "bye", "invalid": "bye"}},
        "yes": {"kind": "consent", "given": true, "next": "queue"},
        "no": {"kind": "consent", "given": false, "next": "queue"},
        "queue": {"kind": "enqueue", "queue": "1", "on": {"error": "bye"}},
        "bye": {"kind": "hangup"}}});
}

fn notes(rig: &mut Rig, given: bool, own: bool) -> Answer {
    call_act(rig, CallAction::Consent { given, own, by: BOSS })
}

fn said(rig: &Rig) -> Vec<Consent> {
    let of = |kind: &Kind| match kind {
        Kind::Consented(consent) => Some(consent.clone()),
        _ => None,
    };
    rig.log.iter().filter_map(|entry| of(&entry.kind)).collect()
}

fn reasons(rig: &Rig) -> Vec<String> {
    let of = |kind: &Kind| match kind {
        Kind::Recorded { ledger, .. } => Some(ledger.reason.clone().unwrap_or_default()),
        _ => None,
    };
    rig.log.iter().filter_map(|entry| of(&entry.kind)).collect()
}

fn starts(rig: &Rig) -> usize {
    rig.media.iter().filter(|command| matches!(command, Command::RecordStart(_))).count()
}

fn stops(rig: &Rig) -> usize {
    rig.media.iter().filter(|command| matches!(command, Command::RecordStop { .. })).count()
}

/// A customer presses this key in the hotline and talks to an agent.
fn talks_after(rig: &mut Rig, key: &str) -> LegId {
    let customer = rig.customer_dials("95105688");
    rig.wait(secs(1));
    rig.presses(customer, key);
    rig.wait(secs(5));
    assert_eq!(phase(rig), "talking");
    customer
}

#[test]
fn who_agrees_by_a_key_is_recorded_and_who_does_not_is_not() {
    for (key, given, expected) in [("1", true, ""), ("2", false, NO)] {
        let mut rig = rig_of(asks_first);
        let customer = talks_after(&mut rig, key);
        rig.wait(secs(20));
        rig.hangs_up(customer);
        balanced(&mut rig);
        assert_eq!((starts(&rig), reasons(&rig)), (usize::from(given), vec![expected.to_owned()]));
        let step = Some(if given { "yes" } else { "no" }.to_owned());
        let (way, flow) = (ConsentWay::Flow, Some(FlowId(1)));
        assert_eq!(said(&rig), [Consent { given, way, flow, step, by: None }], "{key}");
    }
}

#[test]
fn who_does_not_agree_in_the_flow_ends_the_recording_of_the_whole_call() {
    let mut rig = rig_of(|plan| {
        by_rule(plan, RecordingThen { scope: RecordingScope::Call, ..RecordingThen::default() });
        asks_first(plan);
    });
    let customer = talks_after(&mut rig, "2");
    assert_eq!((starts(&rig), stops(&rig)), (1, 1), "it began with the answer");
    rig.hangs_up(customer);
    balanced(&mut rig);
    assert_eq!(starts(&rig), 1, "and did not begin again with the conversation");
    assert!(reasons(&rig).contains(&NO.to_owned()), "{:?}", reasons(&rig));
}

#[test]
fn who_tells_the_agent_no_is_recorded_no_longer_whoever_asks_for_it() {
    let mut rig = rig_of(|_| {});
    let customer = talking(&mut rig);
    rig.wait(secs(10));
    assert_eq!((starts(&rig), stops(&rig)), (1, 0));
    assert_eq!(notes(&mut rig, false, true), Answer::Done);
    assert_eq!(stops(&rig), 1);
    let order = RecordingOrder::Start;
    let again = CallAction::Record { order, by: Asker { user: BOSS, any: true } };
    assert_eq!(call_act(&mut rig, again), Answer::Refused(NO.to_owned()));
    rig.wait(secs(10));
    rig.hangs_up(customer);
    balanced(&mut rig);
    assert_eq!(starts(&rig), 1);
    let way = ConsentWay::Agent;
    let expected = Consent { given: false, way, flow: None, step: None, by: Some(BOSS) };
    assert_eq!(said(&rig), [expected]);
}

#[test]
fn who_agrees_after_all_is_recorded_from_then_on() {
    let mut rig = rig_of(asks_first);
    let customer = talks_after(&mut rig, "2");
    assert_eq!(starts(&rig), 0);
    assert_eq!(notes(&mut rig, true, false), Answer::Done);
    assert_eq!(starts(&rig), 1);
    assert_eq!(notes(&mut rig, true, false), Answer::Done);
    assert_eq!(starts(&rig), 1, "it runs already");
    rig.wait(secs(10));
    rig.hangs_up(customer);
    balanced(&mut rig);
    let ways: Vec<(bool, ConsentWay)> = said(&rig).iter().map(|c| (c.given, c.way)).collect();
    let order = ConsentWay::Order;
    assert_eq!(ways, [(false, ConsentWay::Flow), (true, order), (true, order)]);
}

#[test]
fn what_was_stopped_by_a_person_does_not_begin_again_because_the_caller_agrees() {
    let mut rig = rig_of(|_| {});
    let customer = talking(&mut rig);
    let order = RecordingOrder::Stop;
    let stop = CallAction::Record { order, by: Asker { user: BOSS, any: true } };
    assert_eq!(call_act(&mut rig, stop), Answer::Done);
    assert_eq!(notes(&mut rig, true, true), Answer::Done);
    assert_eq!(starts(&rig), 1);
    rig.hangs_up(customer);
    balanced(&mut rig);
}

#[test]
fn who_does_not_agree_before_the_announcement_is_over_is_not_recorded() {
    let announce = "recorded".to_owned();
    let mut rig =
        rig_of(|plan| by_rule(plan, RecordingThen { announce, ..RecordingThen::default() }));
    let customer = rig.customer_dials("95105600");
    rig.wait(Duration::from_millis(3_500));
    assert_eq!((phase(&mut rig).as_str(), starts(&rig)), ("talking", 0), "they hear it");
    assert_eq!(notes(&mut rig, false, true), Answer::Done);
    rig.wait(secs(20));
    assert_eq!(starts(&rig), 0);
    assert_eq!(reasons(&rig), [NO]);
    rig.hangs_up(customer);
    balanced(&mut rig);
}

#[test]
fn a_refusal_outlives_a_killed_process_and_a_transfer() {
    let mut rig = rig_of(|_| {});
    sign_in(&mut rig, A3);
    let customer = talking(&mut rig);
    assert_eq!(notes(&mut rig, false, true), Answer::Done);
    rig.kill(&[]);
    assert_eq!(phase(&mut rig), "talking");
    let target = "1003".to_owned();
    assert_eq!(call_act(&mut rig, CallAction::Transfer { target }), Answer::Done);
    rig.wait(secs(10));
    assert_eq!((phase(&mut rig).as_str(), starts(&rig)), ("talking", 1), "the one of before");
    rig.hangs_up(customer);
    balanced(&mut rig);
    assert!(reasons(&rig).contains(&NO.to_owned()), "{:?}", reasons(&rig));
}

#[test]
fn nothing_is_noted_where_nobody_talks() {
    let mut rig = Rig::new(demo_plan());
    let customer = rig.customer_dials("95105600");
    rig.wait(secs(5));
    assert!(matches!(notes(&mut rig, false, true), Answer::Refused(_)));
    assert_eq!(said(&rig), []);
    rig.hangs_up(customer);
    balanced(&mut rig);
}
