//! Agents who sign in at any phone.

use super::guests::room_of;
use super::*;
use crate::sip::digest::Algorithm;
use crate::sip::user_agent::{Command as Sipc, Destination, Event as SipEvent, Origin};
use crate::switch::Input;
use terms::routing::Plan;

pub(super) const PIN: &str = "4711#";

/// Agents 1 and 2 have the PIN 4711.
pub(super) fn plan() -> Plan {
    let mut plan = demo_plan();
    let realm = plan.realm.clone();
    for agent in &mut plan.agents[..2] {
        let parts: [&[u8]; 3] = [agent.number.as_bytes(), realm.as_bytes(), b"4711"];
        agent.sign_in_pin = Algorithm::Sha256.hash(&parts);
    }
    plan
}

/// Somebody dials at the phone of `at` and keys this in, and hangs up.
pub(super) fn keys_in(rig: &mut Rig, at: AgentId, dialled: &str, keys: &str) -> Vec<String> {
    let leg = rig.agent_dials(at, dialled);
    rig.wait(secs(3));
    rig.presses(leg, keys);
    rig.wait(secs(5));
    rig.hangs_up(leg);
    rig.wait(secs(1));
    heard(rig, leg)
}

/// Whose phone rang last.
fn rung(rig: &Rig) -> Option<AgentId> {
    let rung = rig.sip.iter().rev().find_map(|command| match command {
        Sipc::Invite(invite) => Some(&invite.to),
        _ => None,
    });
    match rung {
        Some(Destination::Agent(_, agent)) => Some(*agent),
        _ => None,
    }
}

fn at(rig: &mut Rig, agent: AgentId) -> Option<AgentId> {
    let agents = rig.state().agents;
    agents.iter().find(|live| live.agent == agent).and_then(|live| live.at)
}

fn all_hang_up(rig: &mut Rig) {
    for leg in rig.legs() {
        rig.hangs_up(leg);
    }
    rig.wait(secs(20));
}

#[test]
fn what_is_offered_rings_where_they_sit_and_what_is_dialled_there_is_theirs() {
    let mut rig = Rig::new(plan());
    let heard = keys_in(&mut rig, A3, "*418001", PIN);
    assert_eq!(heard, ["sign_in_pin", "signed_in"]);
    assert_eq!(at(&mut rig, A1), Some(A3));
    assert!(told(&rig).contains(&"1 at the phone of 3".into()), "{:#?}", told(&rig));
    assert_eq!(states(&rig, A1), ["Idle"]);
    let customer = rig.customer_dials("95105600");
    rig.wait(secs(5));
    assert_eq!((rung(&rig), phase(&mut rig)), (Some(A3), "talking".into()));
    assert!(told(&rig).contains(&"answered 1".into()));
    assert!(room_of(&rig, customer).is_some());
    all_hang_up(&mut rig);
    assert_eq!(states(&rig, A1).last().map(String::as_str), Some("Idle"));

    let dialled = rig.agent_dials(A3, "1002");
    rig.wait(secs(5));
    assert_eq!(states(&rig, A1).last().map(String::as_str), Some("Talking"), "it is their call");
    assert_eq!(states(&rig, A3), [""; 0], "and not that of whose phone it is");
    let shown = rig.sip.iter().rev().find_map(|command| match command {
        Sipc::Invite(invite) => Some(invite.from_user.clone()),
        _ => None,
    });
    assert_eq!(shown.as_deref(), Some("1001"));
    rig.hangs_up(dialled);
    rig.wait(secs(1));

    keys_in(&mut rig, A3, "*42", "");
    assert_eq!(states(&rig, A1).last().map(String::as_str), Some("SignedOut"));
    assert_eq!(at(&mut rig, A1), None);
    let direct = rig.customer_dials("95105601");
    rig.wait(secs(5));
    assert_eq!(rung(&rig), Some(A1), "their own phone again");
    rig.hangs_up(direct);
    balanced(&mut rig);
}

#[test]
fn a_wrong_pin_an_unknown_number_and_one_of_who_has_no_pin_are_told_apart_by_nobody() {
    for number in ["8001", "8009", "8003"] {
        let mut rig = Rig::new(plan());
        let keys = if number == "8001" { "1111#" } else { PIN };
        let dialled = format!("*41{number}");
        let heard = keys_in(&mut rig, A3, &dialled, keys);
        assert_eq!(heard[..2], ["sign_in_pin", "conference_pin_wrong"].map(String::from));
        let refused = told(&rig).iter().filter(|word| word.starts_with("wrong PIN")).count();
        assert_eq!(refused, 1, "{number}: {:#?}", told(&rig));
        assert!(rig.state().agents.iter().all(|live| live.at.is_none()));
        assert_eq!((states(&rig, A1).len(), states(&rig, A3).len()), (0, 0));
        balanced(&mut rig);
    }
}

#[test]
fn who_goes_on_guessing_is_heard_no_more_for_a_while_wherever_and_after_a_kill() {
    let mut rig = Rig::new(plan());
    for _ in 0..2 {
        let heard = keys_in(&mut rig, A3, "*418001", "1111#2222#3333#");
        assert_eq!(heard.last().map(String::as_str), Some("goodbye"));
    }
    rig.kill(&[]);
    assert_eq!(keys_in(&mut rig, A3, "*418001", PIN), ["sign_in_pin", "conference_barred"]);
    assert_eq!(keys_in(&mut rig, A3, "*418002", PIN), ["sign_in_pin", "conference_barred"]);
    assert_eq!(keys_in(&mut rig, A2, "*418001", PIN), ["sign_in_pin", "conference_barred"]);
    assert_eq!(keys_in(&mut rig, A1, "*418002", PIN), ["sign_in_pin", "signed_in"], "others may");
    rig.wait(secs(901));
    assert_eq!(keys_in(&mut rig, A3, "*418001", PIN), ["sign_in_pin", "signed_in"]);
    balanced(&mut rig);
}

#[test]
fn of_two_agents_the_later_one_has_the_phone_and_the_other_is_signed_out() {
    let mut rig = Rig::new(plan());
    sign_in(&mut rig, A3);
    keys_in(&mut rig, A3, "*418001", PIN);
    assert_eq!(states(&rig, A3), ["Idle", "SignedOut"], "whose phone it is");
    let refused = act(&mut rig, A3, AgentAction::SignIn);
    assert_eq!(refused, Answer::Refused("somebody else is signed in at your phone".into()));
    keys_in(&mut rig, A3, "*418002", PIN);
    assert_eq!((at(&mut rig, A1), at(&mut rig, A2)), (None, Some(A3)));
    assert_eq!(states(&rig, A1), ["Idle", "SignedOut"]);
    let direct = rig.agent_dials(A1, "1003");
    rig.wait(secs(1));
    let busy = |c: &Sipc| matches!(c, Sipc::Reject { leg, status: 486, .. } if *leg == direct);
    assert!(rig.sip.iter().any(busy), "nobody rings twice at one phone");
    let customer = rig.customer_dials("95105600");
    rig.wait(secs(5));
    assert_eq!(rung(&rig), Some(A3));
    assert!(told(&rig).contains(&"answered 2".into()));
    let taken = keys_in(&mut rig, A3, "*418001", PIN);
    assert_eq!(taken, ["sign_in_pin", "invalid"], "they have a call there");
    rig.hangs_up(customer);
    balanced(&mut rig);
}

#[test]
fn who_signs_in_elsewhere_has_left_and_is_home_again_by_their_own_phone() {
    let mut rig = Rig::new(plan());
    keys_in(&mut rig, A3, "*418001", PIN);
    keys_in(&mut rig, A2, "*418001", PIN);
    assert_eq!(at(&mut rig, A1), Some(A2));
    assert_eq!(act(&mut rig, A3, AgentAction::SignIn), Answer::Done, "their phone is theirs again");
    keys_in(&mut rig, A1, "*41", "");
    assert_eq!(at(&mut rig, A1), None);
    assert_eq!(states(&rig, A1), ["Idle"], "signed in all the time");
    balanced(&mut rig);
}

#[test]
fn whether_the_phone_is_registered_is_that_of_where_they_sit_and_it_outlives_a_kill() {
    let mut rig = Rig::new(plan());
    let is =
        |agent, registered| Input::Sip(SipEvent::Registered { tenant: TENANT, agent, registered });
    rig.feed(is(A1, false));
    rig.feed(is(A3, true));
    keys_in(&mut rig, A3, "*418001", PIN);
    rig.kill(&[]);
    assert_eq!(at(&mut rig, A1), Some(A3));
    assert!(rig.state().agents[0].registered);
    rig.feed(is(A1, false));
    assert!(rig.state().agents[0].registered, "their own is of no account");
    rig.feed(is(A3, false));
    let customer = rig.customer_dials("95105600");
    rig.wait(secs(5));
    assert_eq!(phase(&mut rig), "waiting");
    rig.feed(is(A3, true));
    rig.wait(secs(5));
    assert_eq!((rung(&rig), phase(&mut rig)), (Some(A3), "talking".into()));
    rig.hangs_up(customer);
    balanced(&mut rig);
}

#[test]
fn who_signs_out_in_a_conversation_leaves_the_phone_when_it_ends() {
    let mut rig = Rig::new(plan());
    keys_in(&mut rig, A3, "*418001", PIN);
    let customer = rig.customer_dials("95105600");
    rig.wait(secs(5));
    assert_eq!(act(&mut rig, A1, AgentAction::SignOut), Answer::Done);
    assert_eq!((at(&mut rig, A1), phase(&mut rig)), (Some(A3), "talking".into()));
    rig.hangs_up(customer);
    rig.wait(secs(1));
    assert_eq!(at(&mut rig, A1), None);
    assert_eq!(act(&mut rig, A3, AgentAction::SignIn), Answer::Done);
    balanced(&mut rig);
}

#[test]
fn a_phone_that_is_deleted_signs_its_guest_out() {
    let mut rig = Rig::new(plan());
    keys_in(&mut rig, A3, "*418001", PIN);
    let mut without = plan();
    without.version = 2;
    without.agents.truncate(2);
    without.queues[1].agents.truncate(1);
    assert_eq!(rig.ask(Ask::Plan(Box::new(without))), Answer::Done);
    assert_eq!(
        (at(&mut rig, A1), states(&rig, A1)),
        (None, vec!["Idle".into(), "SignedOut".into()])
    );
    balanced(&mut rig);
}

#[test]
fn what_the_owner_dials_on_their_app_is_not_the_guests() {
    let mut rig = Rig::new(plan());
    let dials = |rig: &mut Rig| {
        let leg = rig.dials(Origin::Agent(A3), "1003-app", "1002", true);
        rig.wait(secs(5));
        let refused = |c: &Sipc| matches!(c, Sipc::Reject { leg: of, .. } if *of == leg);
        let is_refused = rig.sip.iter().any(refused);
        rig.hangs_up(leg);
        rig.wait(secs(1));
        is_refused
    };
    keys_in(&mut rig, A3, "*418001", PIN);
    assert!(dials(&mut rig), "somebody else is signed in at their phone");
    assert_eq!(states(&rig, A1), ["Idle"]);
    assert_eq!(act(&mut rig, A1, AgentAction::SignOut), Answer::Done);
    assert!(!dials(&mut rig));
    assert_eq!(states(&rig, A1), ["Idle", "SignedOut"]);
    balanced(&mut rig);
}

#[test]
fn a_guest_rings_at_the_desk_phone_alone_and_is_out_of_reach_where_only_apps_are_there() {
    let mut rig = Rig::new(plan());
    let (tenant, agent, browsers) = (TENANT, A3, false);
    let registered = true;
    rig.feed(Input::Sip(SipEvent::Registered { tenant, agent, registered }));
    let alone = |phones| Input::Sip(SipEvent::AppsAlone { tenant, agent, phones, browsers });
    rig.feed(alone(true));
    keys_in(&mut rig, A3, "*418001", PIN);
    rig.customer_dials("95105600");
    rig.wait(secs(5));
    assert_eq!(phase(&mut rig), "waiting");
    rig.feed(Input::Sip(SipEvent::Registered { tenant, agent, registered }));
    rig.wait(secs(5));
    assert_eq!(phase(&mut rig), "waiting", "one more app is no phone of the desk");
    rig.feed(alone(false));
    rig.wait(secs(5));
    assert_eq!((rung(&rig), phase(&mut rig)), (Some(A3), "talking".into()));
    let at_desk = |rig: &Rig| {
        rig.sip.iter().rev().find_map(|command| match command {
            Sipc::Invite(invite) => Some(invite.at_desk),
            _ => None,
        })
    };
    assert_eq!(at_desk(&rig), Some(true));
    all_hang_up(&mut rig);
    rig.feed(alone(true));
    let other = rig.customer_dials("95105600");
    rig.wait(secs(5));
    assert_eq!(phase(&mut rig), "waiting");
    rig.hangs_up(other);
    keys_in(&mut rig, A3, "*42", "");
    let direct = rig.agent_dials(A2, "1003");
    rig.wait(secs(5));
    assert_eq!((rung(&rig), at_desk(&rig)), (Some(A3), Some(false)), "the owner's app is theirs");
    rig.hangs_up(direct);
    balanced(&mut rig);
}
