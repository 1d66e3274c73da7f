//! What agents set about calls to their phones: do not disturb, and where calls are forwarded to.

use super::*;
use crate::sip::user_agent::Command as Sipc;
use terms::control::LiveAgent;

fn not_disturbed(rig: &mut Rig, agent: AgentId, on: bool) {
    assert_eq!(act(rig, agent, AgentAction::DoNotDisturb { on }), Answer::Done);
}

fn live(rig: &mut Rig, agent: AgentId) -> LiveAgent {
    let agents = rig.state().agents;
    agents.into_iter().find(|live| live.agent == agent).expect("in the plan")
}

fn refused_with(rig: &Rig, of: LegId) -> Option<u16> {
    rig.sip.iter().find_map(|command| match command {
        Sipc::Reject { leg, status, .. } if *leg == of => Some(*status),
        _ => None,
    })
}

#[test]
fn who_wants_no_calls_is_offered_none_until_they_do() {
    let mut rig = rig_with(&[A1]);
    let code = rig.agent_dials(A1, "*78");
    rig.wait(secs(5));
    assert_eq!(heard(&rig, code), ["do_not_disturb_on"]);
    let customer = rig.customer_dials("95105600");
    rig.wait(secs(5));
    assert_eq!(phase(&mut rig), "waiting");
    assert_eq!(states(&rig, A1), ["Idle", "Break do_not_disturb"]);
    assert!(live(&mut rig, A1).do_not_disturb);
    assert_eq!(rig.state().queues[0].agents_idle, 0);
    let code = rig.agent_dials(A1, "*79");
    rig.wait(secs(10));
    assert_eq!(heard(&rig, code), ["do_not_disturb_off"]);
    assert_eq!(phase(&mut rig), "talking");
    assert!(!live(&mut rig, A1).do_not_disturb);
    rig.hangs_up(customer);
    balanced(&mut rig);
}

#[test]
fn their_extension_is_unavailable_to_callers_and_colleagues() {
    let mut rig = rig_with(&[A2]);
    not_disturbed(&mut rig, A1, true);
    for leg in [rig.customer_dials("95105601"), rig.agent_dials(A2, "1001")] {
        rig.wait(secs(1));
        assert_eq!(refused_with(&rig, leg), Some(480));
        assert_eq!(rig.leg_of(A1), None);
    }
    assert_eq!(outcome(&rig), (Outcome::Failed, 17, Party::System));
    let signed_out = live(&mut rig, A1);
    assert_eq!(signed_out.activity, terms::event::Activity::SignedOut);
    assert!(signed_out.do_not_disturb, "whether they are signed in or not");
    not_disturbed(&mut rig, A1, false);
    let leg = rig.customer_dials("95105601");
    rig.wait(secs(5));
    assert_eq!((phase(&mut rig).as_str(), refused_with(&rig, leg)), ("talking", None));
    rig.hangs_up(leg);
    balanced(&mut rig);
}

#[test]
fn a_caller_who_rings_in_that_moment_goes_to_somebody_else_and_nothing_is_left_of_it() {
    let mut rig = rig_with(&[A1, A2]);
    rig.phones.insert(A1, Phone::Rings);
    let customer = rig.customer_dials("95105600");
    rig.wait(secs(2));
    not_disturbed(&mut rig, A1, true);
    rig.wait(secs(5));
    let told = told(&rig);
    assert!(told.contains(&"offer to 1 ended Declined".into()), "{told:#?}");
    assert!(told.contains(&"answered 2".into()), "{told:#?}");
    not_disturbed(&mut rig, A1, false);
    assert_eq!(states(&rig, A1), ["Idle", "Ringing", "Break do_not_disturb", "Idle"]);
    rig.hangs_up(customer);
    balanced(&mut rig);
}

#[test]
fn who_says_that_they_are_ready_may_be_disturbed_again() {
    let mut rig = rig_with(&[A1]);
    not_disturbed(&mut rig, A1, true);
    assert_eq!(act(&mut rig, A1, AgentAction::Ready), Answer::Done);
    assert!(!live(&mut rig, A1).do_not_disturb);
    assert_eq!(states(&rig, A1), ["Idle", "Break do_not_disturb", "Idle"]);
}

#[test]
fn it_is_kept_when_the_process_is_killed() {
    let mut rig = rig_with(&[A1]);
    not_disturbed(&mut rig, A1, true);
    rig.customer_dials("95105600");
    rig.wait(secs(5));
    rig.kill(&[]);
    rig.wait(secs(5));
    assert!(live(&mut rig, A1).do_not_disturb);
    assert_eq!(phase(&mut rig), "waiting");
    not_disturbed(&mut rig, A1, false);
    rig.wait(secs(5));
    assert_eq!(phase(&mut rig), "talking");
    for leg in rig.legs() {
        rig.hangs_up(leg);
    }
    balanced(&mut rig);
}
