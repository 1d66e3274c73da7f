//! A flow gives its caller to a fax machine of ours and gets them back; and what is noted when they
//! are gone by then.

use super::*;
use crate::switch::Input;
use serde_json::{Value, json};
use terms::media::{Command, Event, FaxOrder, FaxOutcome, FaxWay};
use terms::{FaxId, QueueId};

/// A flow of one fax: after it the caller hears `thanks`, or `invalid` where it failed.
fn faxing(step: Value) -> (Rig, LegId) {
    let mut plan = demo_plan();
    let mut fax = json!({"kind": "fax", "next": "well", "on": {"error": "badly"}});
    fax.as_object_mut().unwrap().extend(step.as_object().unwrap().clone());
    plan.flows[0].document = json!({"format": 1, "start": "fax", "steps": {
        "fax": fax,
        "well": {"kind": "play", "prompts": ["thanks", "number:${fax_pages}"], "next": "bye"},
        "badly": {"kind": "play", "prompts": ["invalid"], "next": "bye"},
        "bye": {"kind": "hangup"}}});
    let mut rig = Rig::new(plan);
    let caller = rig.customer_dials("95105688");
    rig.wait(secs(1));
    assert_eq!(phase(&mut rig), "fax");
    (rig, caller)
}

fn order(rig: &Rig, of: LegId) -> FaxOrder {
    let orders = rig.media.iter().filter_map(|command| match command {
        Command::FaxStart { leg, order } if *leg == of => Some(order.clone()),
        _ => None,
    });
    let orders: Vec<_> = orders.collect();
    assert_eq!(orders.len(), 1, "one machine");
    orders[0].clone()
}

fn ends(rig: &mut Rig, leg: LegId, outcome: FaxOutcome) {
    rig.feed(Input::Media(Event::FaxDone { leg, outcome }));
}

fn whole(fax: FaxId) -> FaxOutcome {
    let path = Some(format!("1/{fax}.tif"));
    let (station, text) = ("+86 20 1".into(), "OK".into());
    FaxOutcome { fax, complete: true, pages: 3, station, text, path, ..FaxOutcome::default() }
}

#[test]
fn a_fax_comes_in_is_noted_and_the_flow_goes_on_by_how_it_went() {
    for (complete, heard_then) in [(true, "thanks"), (false, "invalid")] {
        let (mut rig, caller) = faxing(json!({}));
        let FaxOrder { fax, tenant, way, station, ecm } = order(&rig, caller);
        assert_eq!((tenant, way, ecm), (TENANT, FaxWay::Receive, true));
        assert_eq!(station, "95105688", "the number that was dialled");
        rig.wait(secs(60));
        rig.feed(Input::Media(Event::Silent { leg: caller, ms: 60_000, paused: false }));
        assert_eq!(phase(&mut rig), "fax", "it takes its time, and may be silent meanwhile");
        ends(&mut rig, caller, FaxOutcome { complete, ..whole(fax) });
        let stops = |command: &Command| *command == Command::FaxStop { leg: caller };
        assert_eq!(rig.media.iter().filter(|command| stops(command)).count(), 1);
        let heard = heard(&rig, caller);
        assert_eq!(heard.first().map(String::as_str), Some(heard_then));
        assert_eq!(heard.iter().any(|name| name.ends_with("digits/3")), complete, "{heard:?}");
        rig.wait(secs(20));
        assert!(told(&rig).contains(&"received 3 pages: OK".to_owned()));
        balanced(&mut rig);
    }
}

#[test]
fn a_fax_that_a_step_gives_to_a_queue_is_told_as_its_work_with_who_called() {
    let queue = QueueId(1);
    for (step, expected) in [(json!({"queue": queue}), Some(queue)), (json!({}), None)] {
        let (mut rig, caller) = faxing(step);
        let fax = order(&rig, caller).fax;
        ends(&mut rig, caller, whole(fax));
        rig.wait(secs(20));
        let works: Vec<_> = rig
            .log
            .iter()
            .filter_map(|entry| match &entry.kind {
                Kind::FaxDone { work, .. } => Some(work.clone()),
                _ => None,
            })
            .collect();
        let [work] = works.as_slice() else { panic!("{works:?}") };
        assert_eq!(work.as_ref().map(|work| work.queue), expected);
        assert!(work.as_ref().is_none_or(|work| !work.caller.is_withheld()), "{work:?}");
        balanced(&mut rig);
    }
}

#[test]
fn a_document_is_sent_as_the_step_says() {
    let step = json!({"send": "price-list", "station": "+86 10 7", "ecm": false});
    let (mut rig, caller) = faxing(step);
    let FaxOrder { fax, way, station, ecm, .. } = order(&rig, caller);
    assert_eq!(way, FaxWay::Send { document: "price-list".into() });
    assert_eq!((station.as_str(), ecm), ("+86 10 7", false));
    ends(&mut rig, caller, FaxOutcome { path: None, ..whole(fax) });
    rig.wait(secs(20));
    assert!(told(&rig).contains(&"price-list 3 pages: OK".to_owned()));
    balanced(&mut rig);
}

#[test]
fn who_hangs_up_when_the_last_page_is_there_has_sent_a_fax_all_the_same() {
    let (mut rig, caller) = faxing(json!({}));
    let call = only_call(&mut rig);
    let fax = order(&rig, caller).fax;
    rig.hangs_up(caller);
    rig.wait(secs(5));
    assert!(rig.state().calls.is_empty());
    ends(&mut rig, caller, whole(fax));
    // What nobody waits for is not noted: neither again, nor for a fax that was never begun.
    ends(&mut rig, caller, whole(fax));
    ends(&mut rig, caller, whole(FaxId(1)));
    let noted: Vec<_> = rig
        .log
        .iter()
        .filter_map(|entry| match &entry.kind {
            Kind::FaxDone { document, outcome, .. } => {
                Some((entry.tenant, entry.call, document.clone(), outcome.fax))
            }
            _ => None,
        })
        .collect();
    assert_eq!(noted, [(TENANT, Some(call), None, fax)]);
    balanced(&mut rig);
}

#[test]
fn a_fax_does_not_outlive_the_process() {
    let (mut rig, caller) = faxing(json!({}));
    let fax = order(&rig, caller).fax;
    rig.kill(&[]);
    rig.wait(secs(5));
    assert_eq!(outcome(&rig).0, Outcome::Interrupted);
    ends(&mut rig, caller, whole(fax));
    assert!(!told(&rig).iter().any(|word| word.starts_with("received")));
    balanced(&mut rig);
}
