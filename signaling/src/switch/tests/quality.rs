//! How a live call sounds, asked while it goes on.

use super::*;
use crate::switch::Input;
use terms::TenantId;
use terms::control::LegQuality;
use terms::event::Role;
use terms::media::{Command, Event, Quality};

fn quality(rig: &mut Rig, tenant: TenantId, call: CallId) -> u64 {
    rig.ask_later(Ask::Quality { tenant, call })
}

fn answer(rig: &Rig, id: u64) -> Option<Answer> {
    rig.answers.iter().find(|answer| answer.id == id).map(|answer| answer.body.clone())
}

fn measured(rig: &Rig) -> Vec<LegId> {
    let asked = |command: &Command| match command {
        Command::Measure { leg } => Some(*leg),
        _ => None,
    };
    rig.media.iter().filter_map(asked).collect()
}

#[test]
fn a_live_call_tells_how_each_of_its_legs_hears() {
    let mut rig = rig_with(&[A1]);
    let customer = talking(&mut rig);
    let (call, agent) = (only_call(&mut rig), rig.leg_of(A1).unwrap());
    let id = quality(&mut rig, TENANT, call);
    assert_eq!(answer(&rig, id), None, "media is asked first");
    rig.wait(Duration::from_millis(5));
    // The rig's media says a leg's number as the packets it received.
    let told = |leg: LegId, role, agent| {
        let quality = Quality { packets_received: leg.0, ..Quality::default() };
        LegQuality { leg, role, agent, quality }
    };
    let Some(Answer::Quality(mut legs)) = answer(&rig, id) else { panic!("media has answered") };
    legs.sort_by_key(|leg| leg.leg != customer);
    assert_eq!(legs, [told(customer, Role::Customer, None), told(agent, Role::Agent, Some(A1))]);
    assert_eq!(measured(&rig).len(), 2);
    balanced_after_hangup(&mut rig, customer);
}

fn balanced_after_hangup(rig: &mut Rig, customer: LegId) {
    rig.hangs_up(customer);
    balanced(rig);
}

#[test]
fn two_who_ask_at_once_are_both_answered() {
    let mut rig = rig_with(&[A1]);
    let customer = talking(&mut rig);
    let call = only_call(&mut rig);
    let asked = [quality(&mut rig, TENANT, call), quality(&mut rig, TENANT, call)];
    rig.wait(Duration::from_millis(5));
    for id in asked {
        assert!(matches!(answer(&rig, id), Some(Answer::Quality(legs)) if legs.len() == 2));
    }
    balanced_after_hangup(&mut rig, customer);
}

#[test]
fn a_leg_that_goes_while_it_is_asked_does_not_hold_up_the_answer() {
    let mut rig = rig_with(&[A1]);
    let customer = talking(&mut rig);
    let call = only_call(&mut rig);
    // Nobody answers: the ports are gone when the question arrives.
    rig.hangs_up(customer);
    let refused = quality(&mut rig, TENANT, call);
    assert!(matches!(answer(&rig, refused), Some(Answer::Refused(_))), "the call is ending");

    let mut rig = rig_with(&[]);
    rig.ports = true;
    rig.customer_dials("95105600");
    rig.wait(secs(3));
    let call = only_call(&mut rig);
    let leg = rig.legs()[0];
    let id = quality(&mut rig, TENANT, call);
    rig.hangs_up(leg);
    rig.wait(secs(2));
    assert!(matches!(answer(&rig, id), Some(Answer::Quality(_))), "time ends the question");
    balanced(&mut rig);
}

#[test]
fn nobody_hears_of_another_tenants_call_and_late_answers_change_nothing() {
    let mut rig = rig_with(&[A1]);
    let customer = talking(&mut rig);
    let call = only_call(&mut rig);
    for (tenant, call) in [(TenantId(2), call), (TENANT, CallId(99))] {
        let id = quality(&mut rig, tenant, call);
        assert!(matches!(answer(&rig, id), Some(Answer::Refused(why)) if why.contains("no live")));
    }
    assert!(measured(&rig).is_empty());
    let quality = Quality::default();
    rig.feed(Input::Media(Event::Measured { leg: customer, quality }));
    balanced_after_hangup(&mut rig, customer);
}

#[test]
fn questions_that_wait_have_a_limit() {
    let mut rig = rig_with(&[A1]);
    let customer = talking(&mut rig);
    let call = only_call(&mut rig);
    let asked: Vec<u64> = (0..300).map(|_| quality(&mut rig, TENANT, call)).collect();
    let refused = asked.iter().filter(|&&id| answer(&rig, id).is_some()).count();
    assert_eq!(refused, 300 - 256);
    rig.wait(secs(2));
    assert!(asked.iter().all(|&id| answer(&rig, id).is_some()));
    balanced_after_hangup(&mut rig, customer);
}
