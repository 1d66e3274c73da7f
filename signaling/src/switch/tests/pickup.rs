//! A colleague takes what rings: by code and from a screen, in a queue and on a direct call.

use super::*;
use crate::sip::user_agent::{Command as Sipc, Event as SipEvent, Origin};
use crate::switch::Input;
use crate::switch::rig::sdp;
use terms::NumberId;
use terms::routing::{Number, Plan, Target};

/// Agents 1 and 2 serve queue 1, agents 2 and 3 queue 2; 95105604 rings agent 3. Agent 3 may pick up
/// anybody's.
fn plan() -> Plan {
    let mut plan = demo_plan();
    plan.agents[2].pickup_any = true;
    let digits = "95105604".to_owned();
    plan.numbers.push(Number { id: NumberId(9), digits, target: Target::Agent(A3) });
    plan
}

fn is_refused(rig: &Rig, of: LegId, with: u16) -> bool {
    let refused = |command: &Sipc| match command {
        Sipc::Reject { leg, status, .. } => (*leg, *status) == (of, with),
        _ => false,
    };
    rig.sip.iter().any(refused)
}

fn world(ready: &[AgentId]) -> Rig {
    let mut rig = Rig::new(plan());
    for agent in [A1, A3] {
        rig.phones.insert(agent, Phone::Rings);
    }
    for &agent in ready {
        sign_in(&mut rig, agent);
    }
    rig
}

fn picks_up(rig: &mut Rig, by: AgentId, from: Option<AgentId>) -> Answer {
    rig.ask(Ask::PickUp { tenant: TENANT, by, from })
}

fn answers(rig: &Rig) -> Vec<String> {
    told(rig).into_iter().filter(|word| word.starts_with("answered")).collect()
}

/// With which causes phones were told to stop.
fn hung_up(rig: &Rig, of: LegId) -> Vec<u8> {
    let causes = rig.sip.iter().filter_map(|command| match command {
        Sipc::Hangup { leg, cause } if *leg == of => Some(*cause),
        _ => None,
    });
    causes.collect()
}

/// With which cause the first leg of agent 2, who picks up, ended in the log.
fn picker_ended(rig: &Rig) -> Option<u8> {
    let theirs = rig.log.iter().find_map(|entry| match entry.kind {
        Kind::LegStarted { agent: Some(agent), .. } if agent == A2 => entry.leg,
        _ => None,
    });
    rig.log.iter().find_map(|entry| match entry.kind {
        Kind::LegEnded { cause, .. } if entry.leg == theirs => Some(cause),
        _ => None,
    })
}

fn all_hang_up(rig: &mut Rig) {
    for leg in rig.legs() {
        rig.hangs_up(leg);
    }
    balanced(rig);
}

#[test]
fn what_rings_for_a_queue_is_picked_up_and_costs_the_one_who_rang_nothing() {
    let mut rig = world(&[A1, A2]);
    let customer = rig.customer_dials("95105600");
    rig.wait(secs(3));
    let rang = rig.leg_of(A1).expect("agent 1 rings");
    let picker = rig.agent_dials(A2, "*8");
    rig.wait(secs(1));
    assert_eq!(phase(&mut rig), "talking");
    let live = rig.state().calls;
    assert_eq!((live[0].agent, live[0].legs.contains(&picker)), (Some(A2), true));
    assert_eq!(hung_up(&rig, rang), [26], "completed elsewhere");
    assert_eq!(states(&rig, A1), ["Idle", "Ringing", "Idle"], "no break, no after-call work");
    assert_eq!(states(&rig, A2), ["Idle", "Ringing", "Talking"]);
    rig.hangs_up(customer);
    balanced(&mut rig);
    let told = told(&rig);
    let from = told.iter().position(|word| word.starts_with("offer to 1")).expect("it ended");
    assert_eq!(
        told[from..from + 4],
        ["offer to 1 ended PickedUp", "2 picked up from 1", "leg answered", "answered 2"]
            .map(String::from),
        "{told:#?}"
    );
    assert!(told.contains(&"recorded Recorded".into()), "recorded as ever: {told:#?}");
    assert_eq!(told.iter().filter(|word| word.starts_with("call ")).count(), 1, "one call");
    assert_eq!(states(&rig, A2).last().map(String::as_str), Some("Idle"));
    assert!(states(&rig, A2).contains(&"WrapUp".into()), "after-call work is the picker's");
}

#[test]
fn a_direct_call_is_picked_up_by_right_and_not_without() {
    for right in [true, false] {
        let mut plan = plan();
        plan.agents[2].pickup_any = right;
        let mut rig = Rig::new(plan);
        rig.phones.insert(A1, Phone::Rings);
        rig.customer_dials("95105601");
        rig.wait(secs(2));
        let team = rig.agent_dials(A3, "*8");
        rig.wait(secs(5));
        assert_eq!(heard(&rig, team), ["nothing_to_pick_up"], "agent 1 is none of the team");
        let named = rig.agent_dials(A3, "*81001");
        rig.wait(secs(5));
        if right {
            assert!(told(&rig).contains(&"3 picked up from 1".into()), "{:#?}", told(&rig));
            assert_eq!(answers(&rig), ["answered 3"]);
            assert_eq!(phase(&mut rig), "talking");
        } else {
            assert_eq!(heard(&rig, named), ["nothing_to_pick_up"]);
            assert_eq!((answers(&rig), phase(&mut rig)), (vec![], "ringing".into()));
        }
        all_hang_up(&mut rig);
    }
}

#[test]
fn an_extension_that_nobody_has_and_a_phone_that_is_silent_give_nothing() {
    let mut rig = world(&[]);
    for code in ["*8", "*81001", "*81002", "*89999"] {
        let leg = rig.agent_dials(A2, code);
        rig.wait(secs(5));
        assert_eq!(heard(&rig, leg), ["nothing_to_pick_up"], "{code}");
    }
    let refused = Answer::Refused("nothing rings there that you may pick up".into());
    for from in [None, Some(A1), Some(A2), Some(AgentId(99))] {
        assert_eq!(picks_up(&mut rig, A2, from), refused);
    }
    assert_eq!(picks_up(&mut rig, AgentId(99), None), refused);
    balanced(&mut rig);
}

#[test]
fn of_two_that_ring_in_the_team_the_one_that_rings_longer_is_taken() {
    let mut rig = world(&[]);
    let first = rig.customer_dials("95105604");
    rig.wait(secs(2));
    let second = rig.customer_dials("95105601");
    rig.wait(secs(2));
    rig.agent_dials(A2, "*8");
    rig.wait(secs(1));
    assert!(told(&rig).contains(&"2 picked up from 3".into()), "{:#?}", told(&rig));
    rig.hangs_up(first);
    rig.wait(secs(1));
    rig.agent_dials(A2, "*8");
    rig.wait(secs(1));
    assert!(told(&rig).contains(&"2 picked up from 1".into()), "{:#?}", told(&rig));
    rig.hangs_up(second);
    balanced(&mut rig);
}

#[test]
fn of_two_who_pick_up_at_the_same_instant_one_has_it() {
    let mut rig = world(&[A1]);
    rig.customer_dials("95105600");
    rig.wait(secs(3));
    rig.agent_dials(A2, "*8");
    let late = rig.agent_dials(A3, "*81001");
    rig.wait(secs(5));
    assert_eq!(answers(&rig), ["answered 2"]);
    assert_eq!(heard(&rig, late), ["nothing_to_pick_up"]);
    all_hang_up(&mut rig);
}

#[test]
fn when_the_phone_that_rings_is_answered_first_nobody_has_picked_up() {
    let mut rig = world(&[A1]);
    rig.customer_dials("95105600");
    rig.wait(secs(3));
    let rang = rig.leg_of(A1).expect("agent 1 rings");
    let picker = rig.agent_dials(A2, "*8");
    let (source, sdp) = (rig.called_at, sdp("sendrecv"));
    let answered = SipEvent::Answered { leg: rang, sdp, source, encrypted: false, nat: false };
    rig.feed(Input::Sip(answered));
    rig.wait(secs(1));
    assert_eq!(answers(&rig), ["answered 1"]);
    assert!(is_refused(&rig, picker, 480), "the INVITE has an answer");
    assert_eq!(states(&rig, A2), Vec::<String>::new(), "signed out, and so it stays");
    all_hang_up(&mut rig);
}

#[test]
fn a_pickup_from_the_screen_rings_and_whoever_answers_first_has_the_caller() {
    let mut rig = world(&[A1, A2]);
    rig.phones.insert(A2, Phone::Answers(secs(2)));
    rig.customer_dials("95105600");
    rig.wait(secs(3));
    assert_eq!(picks_up(&mut rig, A2, Some(A1)), Answer::Done);
    let again = picks_up(&mut rig, A2, Some(A1));
    assert!(matches!(again, Answer::Refused(_)), "{again:?}");
    rig.wait(secs(1));
    assert_eq!(phase(&mut rig), "ringing");
    assert!(rig.leg_of(A1).is_some() && rig.leg_of(A2).is_some(), "both ring");
    rig.wait(secs(2));
    assert_eq!((answers(&rig), phase(&mut rig)), (vec!["answered 2".into()], "talking".into()));
    assert_eq!(rig.leg_of(A1), None);
    all_hang_up(&mut rig);
}

#[test]
fn who_asked_for_it_and_does_not_take_it_loses_nothing_and_nothing_is_lost() {
    for refuses in [true, false] {
        let mut rig = world(&[A1, A2]);
        let phone = if refuses { Phone::Refuses(486) } else { Phone::Rings };
        rig.phones.insert(A2, phone);
        rig.customer_dials("95105600");
        rig.wait(secs(3));
        assert_eq!(picks_up(&mut rig, A2, None), Answer::Done);
        rig.wait(secs(1));
        let leg = rig.leg_of(A2);
        assert_eq!(phase(&mut rig), "ringing", "it rings on at agent 1");
        if refuses {
            assert_eq!(states(&rig, A2).last().map(String::as_str), Some("Idle"));
        } else {
            // The offer to agent 1 ends: nothing is there to be taken, and agent 2 is offered it.
            rig.wait(secs(12));
            assert!(told(&rig).contains(&"offer to 1 ended NoAnswer".into()));
            assert!(told(&rig).contains(&"offered 2".into()));
            assert!(leg.is_some() && rig.leg_of(A2) != leg, "the first leg is gone");
        }
        all_hang_up(&mut rig);
        assert_eq!(picker_ended(&rig), Some(26), "it counts as offered to nobody");
    }
}

#[test]
fn a_caller_who_gives_up_takes_both_phones_along() {
    let mut rig = world(&[A1]);
    rig.phones.insert(A2, Phone::Rings);
    let customer = rig.customer_dials("95105600");
    rig.wait(secs(3));
    assert_eq!(picks_up(&mut rig, A2, None), Answer::Done);
    rig.wait(secs(1));
    rig.hangs_up(customer);
    rig.wait(secs(1));
    assert!(rig.legs().is_empty());
    assert_eq!(outcome(&rig).0, Outcome::Abandoned);
    balanced(&mut rig);
}

#[test]
fn who_dials_the_code_and_hangs_up_in_that_moment_leaves_it_ringing() {
    let mut rig = world(&[A1]);
    rig.customer_dials("95105600");
    rig.wait(secs(3));
    let picker = rig.agent_dials(A2, "*8");
    rig.hangs_up(picker);
    rig.wait(secs(1));
    assert_eq!((phase(&mut rig).as_str(), rig.leg_of(A1).is_some()), ("ringing", true));
    let next = rig.agent_dials(A2, "*8");
    rig.wait(secs(1));
    assert_eq!(answers(&rig), ["answered 2"]);
    assert!(rig.legs().contains(&next));
    all_hang_up(&mut rig);
}

#[test]
fn a_passed_on_caller_is_picked_up_and_the_one_who_passed_them_on_is_free() {
    let mut rig = world(&[]);
    rig.phones.remove(&A1);
    sign_in(&mut rig, A1);
    let customer = talking(&mut rig);
    let from = rig.leg_of(A1).expect("agent 1 talks");
    rig.refers(from, "1003");
    rig.wait(secs(2));
    rig.agent_dials(A2, "*81003");
    rig.wait(secs(1));
    assert!(told(&rig).contains(&"2 picked up from 3".into()), "{:#?}", told(&rig));
    assert!(told(&rig).contains(&"answered 2".into()), "{:#?}", told(&rig));
    assert_eq!((phase(&mut rig).as_str(), rig.leg_of(A1)), ("talking", None));
    rig.hangs_up(customer);
    balanced(&mut rig);
}

#[test]
fn without_a_port_the_code_is_refused_and_it_rings_on() {
    let mut rig = world(&[A1]);
    rig.customer_dials("95105600");
    rig.wait(secs(3));
    rig.ports = false;
    let picker = rig.agent_dials(A2, "*8");
    rig.wait(secs(1));
    assert!(is_refused(&rig, picker, 503));
    rig.ports = true;
    assert_eq!((phase(&mut rig).as_str(), rig.leg_of(A1).is_some()), ("ringing", true));
    all_hang_up(&mut rig);
}

#[test]
fn a_pickup_under_way_is_let_go_by_a_kill_and_the_caller_waits_on() {
    let mut rig = world(&[A1]);
    rig.phones.insert(A2, Phone::Rings);
    rig.customer_dials("95105600");
    rig.wait(secs(3));
    assert_eq!(picks_up(&mut rig, A2, None), Answer::Done);
    rig.wait(secs(1));
    rig.kill(&[]);
    assert_eq!(rig.leg_of(A2), None);
    let two = rig.state().agents.into_iter().find(|agent| agent.agent == A2);
    assert_eq!(two.and_then(|agent| agent.call), None, "agent 2 is free");
    rig.agent_dials(A2, "*8");
    rig.wait(secs(1));
    assert_eq!(answers(&rig), ["answered 2"], "agent 1 rings again");
    all_hang_up(&mut rig);
}

#[test]
fn a_supervisor_listens_in_on_who_picked_up_as_on_who_answered() {
    use terms::UserId;
    use terms::control::SupervisorPhone;
    use terms::event::SupervisionMode;
    let mut rig = world(&[A1]);
    rig.phones.remove(&A3);
    let customer = rig.customer_dials("95105600");
    rig.wait(secs(3));
    rig.agent_dials(A2, "*8");
    rig.wait(secs(1));
    let (phone, mode) = (SupervisorPhone::Agent(A3), SupervisionMode::Listen);
    let listen = CallAction::Supervise { by: UserId(3), phone, mode };
    assert_eq!(call_act(&mut rig, listen), Answer::Done);
    rig.wait(secs(5));
    assert!(told(&rig).contains(&"2 supervised: Listen".into()), "{:#?}", told(&rig));
    rig.hangs_up(customer);
    balanced(&mut rig);
}

#[test]
fn who_calls_from_outside_picks_nothing_up() {
    let mut rig = world(&[A1]);
    rig.customer_dials("95105600");
    rig.wait(secs(3));
    for code in ["*8", "*81001"] {
        let stranger = rig.customer_dials(code);
        rig.wait(secs(1));
        assert!(is_refused(&rig, stranger, 404), "{code}");
    }
    assert_eq!((phase(&mut rig).as_str(), answers(&rig)), ("ringing", vec![]));
    all_hang_up(&mut rig);
}

#[test]
fn what_rings_is_taken_by_its_dialog_with_the_right_to_pick_up_and_not_without() {
    for (by, right, taken) in [(A2, false, true), (A3, true, true), (A3, false, false)] {
        let mut plan = plan();
        plan.agents[2].pickup_any = right;
        let mut rig = Rig::new(plan);
        rig.phones.insert(A1, Phone::Rings);
        for agent in [A1, by] {
            sign_in(&mut rig, agent);
        }
        rig.customer_dials("95105600");
        rig.wait(secs(3));
        let rang = rig.leg_of(A1).expect("agent 1 rings");
        let outsider = rig.replaces(Origin::Trunk(crate::switch::rig::TRUNK), rang);
        rig.wait(secs(1));
        assert!(is_refused(&rig, outsider, 403), "who calls from outside picks nothing up");
        let picker = rig.replaces(Origin::Agent(by), rang);
        rig.wait(secs(1));
        assert_eq!(is_refused(&rig, picker, 403), !taken, "{by:?}, {right}");
        assert_eq!(hung_up(&rig, rang) == [26], taken, "{by:?}, {right}");
        assert_eq!(phase(&mut rig) == "talking", taken, "{by:?}, {right}");
        let noted = told(&rig).contains(&format!("{by} picked up from {A1}"));
        assert_eq!(noted, taken, "{by:?}, {right}");
        all_hang_up(&mut rig);
    }
}
