//! Faxes that the box sends of its own accord: whom it calls and by whose right, who gets the machine, and
//! that how it went is noted once.

use super::*;
use crate::sip::user_agent::{Command as Sipc, Destination};
use crate::switch::Input;
use serde_json::{Value, json};
use terms::control::FaxCall;
use terms::media::{Command, Event, FaxOrder, FaxOutcome, FaxWay};
use terms::{FaxId, UserId};

const MACHINE: &str = "01065529988";
const ABROAD: &str = "00442071234567";
const FAX: FaxId = FaxId(77);
/// Somebody with no extension.
const CLERK: UserId = UserId(7_000);

fn order(target: &str) -> FaxCall {
    FaxCall {
        tenant: TENANT,
        fax: FAX,
        by: CLERK,
        target: target.to_owned(),
        document: "price-list".to_owned(),
        caller_number: None,
        station: String::new(),
        ecm: true,
    }
}

fn asks(rig: &mut Rig, order: FaxCall) -> Answer {
    rig.ask(Ask::Fax(Box::new(order)))
}

/// The call that was made.
fn sends(rig: &mut Rig, order: FaxCall) -> CallId {
    match asks(rig, order) {
        Answer::Call(call) => call,
        other => panic!("no call was made: {other:?}"),
    }
}

/// What was dialled outside, and the number that was shown.
fn dialled(rig: &Rig) -> Vec<(String, String)> {
    let dialled = rig.sip.iter().filter_map(|command| match command {
        Sipc::Invite(invite) => match &invite.to {
            Destination::Trunk(_, _, number) => Some((number.clone(), invite.from_user.clone())),
            Destination::Agent(..) => None,
        },
        _ => None,
    });
    dialled.collect()
}

fn machines(rig: &Rig) -> Vec<(LegId, FaxOrder)> {
    let orders = rig.media.iter().filter_map(|command| match command {
        Command::FaxStart { leg, order } => Some((*leg, order.clone())),
        _ => None,
    });
    orders.collect()
}

/// What is noted of faxes: which, of which call, pages, whether it is whole, and why nobody answered.
fn noted(rig: &Rig) -> Vec<(FaxId, CallId, u32, bool, Option<u8>)> {
    let noted = rig.log.iter().filter_map(|entry| match &entry.kind {
        Kind::FaxDone { document, outcome, .. } => {
            assert_eq!(document.as_deref(), Some("price-list"));
            let FaxOutcome { fax, pages, complete, unreached, .. } = *outcome;
            Some((fax, entry.call.expect("a call"), pages, complete, unreached))
        }
        _ => None,
    });
    noted.collect()
}

fn refused(why: &str) -> Answer {
    Answer::Refused(why.to_owned())
}

#[test]
fn a_machine_is_called_has_the_document_and_the_call_ends_with_it() {
    let mut rig = Rig::new(demo_plan());
    let call =
        sends(&mut rig, FaxCall { station: "+86 10 7".into(), ecm: false, ..order(MACHINE) });
    assert_eq!(machines(&rig), [], "nobody has answered");
    rig.wait(secs(8));
    assert_eq!((only_call(&mut rig), phase(&mut rig).as_str()), (call, "fax"));
    let shown = vec![(MACHINE.to_owned(), "95105688".to_owned())];
    assert_eq!(dialled(&rig), shown);
    let orders = machines(&rig);
    let [(leg, told)] = &orders[..] else { panic!("one machine: {orders:?}") };
    let way = FaxWay::Send { document: "price-list".into() };
    let expected =
        FaxOrder { fax: FAX, tenant: TENANT, way, station: "+86 10 7".into(), ecm: false };
    assert_eq!(*told, expected);
    let outcome = FaxOutcome { fax: FAX, complete: true, pages: 3, ..FaxOutcome::default() };
    rig.feed(Input::Media(Event::FaxDone { leg: *leg, outcome }));
    balanced(&mut rig);
    assert_eq!(noted(&rig), [(FAX, call, 3, true, None)]);
    assert_eq!(super::outcome(&rig), (Outcome::Answered, 16, Party::System));
    let told = super::told(&rig);
    for word in ["call Outbound", "leg Customer"] {
        assert!(told.contains(&word.to_owned()), "{word}: {told:#?}");
    }
}

#[test]
fn who_does_not_answer_is_noted_once_with_the_cause() {
    for (outside, cause) in [(Phone::Refuses(486), 17), (Phone::Rings, 19)] {
        let mut rig = Rig::new(demo_plan());
        rig.outside = outside;
        let call = sends(&mut rig, order(MACHINE));
        balanced(&mut rig);
        assert_eq!(noted(&rig), [(FAX, call, 0, false, Some(cause))]);
        assert_eq!(machines(&rig), []);
        assert_eq!(super::outcome(&rig), (Outcome::Failed, cause, Party::System));
    }
}

#[test]
fn where_no_line_is_free_the_call_is_over_at_once_and_noted() {
    let mut plan = demo_plan();
    plan.trunks[0].calls_max = 1;
    let mut rig = Rig::new(plan);
    sends(&mut rig, order(MACHINE));
    let other = FaxId(78);
    let call = sends(&mut rig, FaxCall { fax: other, ..order(MACHINE) });
    assert_eq!(noted(&rig), [(other, call, 0, false, Some(34))]);
    assert_eq!(super::outcome(&rig), (Outcome::Failed, 34, Party::System));
    assert_eq!(rig.switch.calls(), 1, "the first one goes on");
    rig.wait(secs(8));
    let (leg, _) = machines(&rig).remove(0);
    rig.hangs_up(leg);
    balanced(&mut rig);
}

#[test]
fn a_call_that_is_ended_while_it_rings_has_its_outcome_too() {
    let mut rig = Rig::new(demo_plan());
    rig.outside = Phone::Rings;
    let call = sends(&mut rig, order(MACHINE));
    rig.wait(secs(3));
    let hangup = Ask::Call { tenant: TENANT, call, action: CallAction::Hangup };
    assert_eq!(rig.ask(hangup), Answer::Done);
    balanced(&mut rig);
    let noted = noted(&rig);
    assert_eq!(noted.len(), 1);
    assert!(matches!(noted[0], (FAX, _, 0, false, Some(_))), "{noted:?}");
}

#[test]
fn a_machine_that_hangs_up_when_it_has_the_last_page_has_it_all_the_same() {
    let mut rig = Rig::new(demo_plan());
    let call = sends(&mut rig, order(MACHINE));
    rig.wait(secs(8));
    let (leg, told) = machines(&rig).remove(0);
    assert_eq!(told.station, "", "the trunk's rule decides what is shown");
    rig.hangs_up(leg);
    rig.wait(secs(5));
    assert_eq!(noted(&rig), []);
    let outcome = FaxOutcome { fax: FAX, complete: true, pages: 1, ..FaxOutcome::default() };
    rig.feed(Input::Media(Event::FaxDone { leg, outcome: outcome.clone() }));
    rig.feed(Input::Media(Event::FaxDone { leg, outcome }));
    balanced(&mut rig);
    assert_eq!(noted(&rig), [(FAX, call, 1, true, None)]);
}

#[test]
fn whom_it_may_call_and_what_it_shows_is_as_for_any_call_from_a_screen() {
    let mut rig = Rig::new(demo_plan());
    let right = "there is no right to call numbers of this class";
    for (target, why) in [
        (ABROAD, right),
        ("1001", "a fax is sent to a number outside"),
        ("95105688", "a fax is sent to a number outside"),
        ("77", "nothing answers that number"),
        ("119", "a fax is sent to no emergency service"),
    ] {
        assert_eq!(asks(&mut rig, order(target)), refused(why), "{target}");
    }
    let with = |number: &str| FaxCall { caller_number: Some(number.into()), ..order(MACHINE) };
    assert_eq!(asks(&mut rig, with("110")), refused("no trunk may show that number"));
    assert_eq!((dialled(&rig).len(), rig.switch.calls()), (0, 0));
    sends(&mut rig, with("95105600"));
    rig.wait(secs(8));
    assert_eq!(dialled(&rig), [(MACHINE.to_owned(), "95105600".to_owned())]);
    let (leg, told) = machines(&rig).remove(0);
    assert_eq!(told.station, "95105600");
    rig.hangs_up(leg);
    balanced(&mut rig);
}

#[test]
fn a_fax_that_a_kill_interrupts_is_not_said_to_be_sent_or_not() {
    for wait in [1, 8] {
        let mut rig = Rig::new(demo_plan());
        sends(&mut rig, order(MACHINE));
        rig.wait(secs(wait));
        rig.kill(&[]);
        balanced(&mut rig);
        assert_eq!(super::outcome(&rig).0, Outcome::Interrupted);
        assert_eq!(noted(&rig), []);
    }
}

/// The hotline's flow has the price list sent to what `number` is; a second step has it sent once more.
fn on_demand(number: &str) -> (Rig, LegId) {
    let step = |next: &str, more: Value| {
        let mut step = json!({"kind": "fax", "send": "price-list", "to": "${number}",
            "next": next, "on": {"error": "badly"}});
        for (name, value) in more.as_object().into_iter().flatten() {
            step[name] = value.clone();
        }
        step
    };
    let mut plan = demo_plan();
    plan.flows[0].document = json!({"format": 1, "start": "fax", "variables": {"number": number},
        "steps": {
            "fax": step("well", json!({})),
            "well": {"kind": "play", "prompts": ["thanks"], "next": "again"},
            "again": step("bye", json!({"to": MACHINE})),
            "badly": {"kind": "play", "prompts": ["invalid"], "next": "bye"},
            "bye": {"kind": "hangup"}}});
    let mut rig = Rig::new(plan);
    let caller = rig.customer_dials("95105688");
    rig.wait(secs(1));
    (rig, caller)
}

fn asked(rig: &Rig) -> Vec<String> {
    told(rig).into_iter().filter(|word| word.contains("is to be faxed")).collect()
}

#[test]
fn a_caller_has_one_document_sent_to_a_number_outside_and_their_flow_goes_on() {
    let (mut rig, caller) = on_demand(MACHINE);
    assert_eq!(heard(&rig, caller), ["thanks"]);
    assert_eq!(asked(&rig), [format!("price-list is to be faxed to {MACHINE}")]);
    assert!(dialled(&rig).is_empty(), "that is the call of who follows the log");
    rig.wait(secs(3));
    assert_eq!(heard(&rig, caller), ["thanks", "invalid"], "one in a call");
    assert_eq!(asked(&rig).len(), 1);
    rig.wait(secs(10));
    balanced(&mut rig);
}

#[test]
fn what_the_tenant_may_not_call_and_what_is_no_number_outside_gets_no_fax() {
    for number in [ABROAD, "1001", "110", "120", "", "*41", "12", "abc", "queue:1", "01065529988;x"]
    {
        let (mut rig, caller) = on_demand(number);
        assert_eq!(heard(&rig, caller), ["invalid"], "{number}");
        assert!(asked(&rig).is_empty(), "{number}");
        rig.wait(secs(10));
        balanced(&mut rig);
    }
}
