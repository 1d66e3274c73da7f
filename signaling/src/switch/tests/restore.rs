//! The process is killed, and the next one goes on with the calls that it kept.

use super::*;
use crate::sip::user_agent::Command as Sipc;
use terms::control::SupervisorPhone;
use terms::event::{SupervisionEnd, SupervisionMode};
use terms::media::{Audience, Command};
use terms::{QueueId, UserId};

/// Ledgers of the log, by state.
fn recordings(rig: &Rig) -> Vec<String> {
    told(rig).into_iter().filter(|word| word.starts_with("recorded")).collect()
}

fn kill(rig: &mut Rig) {
    rig.kill(&[]);
}

#[test]
fn a_conversation_goes_on_and_either_side_may_end_it() {
    for agent_ends in [true, false] {
        let mut rig = rig_with(&[A1]);
        let customer = talking(&mut rig);
        let call = only_call(&mut rig);
        let agent = rig.leg_of(A1).expect("agent 1 talks");
        rig.wait(secs(60));
        kill(&mut rig);
        assert_eq!((only_call(&mut rig), phase(&mut rig).as_str()), (call, "talking"));
        let joins = rig.media.iter().rev().filter_map(|command| match command {
            Command::Join { leg, .. } => Some(*leg),
            _ => None,
        });
        let rejoined: Vec<LegId> = joins.take(2).collect();
        assert!(rejoined.contains(&customer) && rejoined.contains(&agent), "{rejoined:?}");
        rig.wait(secs(60));
        rig.hangs_up(if agent_ends { agent } else { customer });
        rig.wait(secs(60));
        let by = if agent_ends { Party::Agent } else { Party::Customer };
        assert_eq!(outcome(&rig), (Outcome::Answered, 16, by));
        assert!(told(&rig).contains(&format!("released 1 by {by:?}")), "{:#?}", told(&rig));
        assert_eq!(recordings(&rig), ["recorded Repaired", "recorded Recorded"]);
        let parts = rig.media.iter().filter_map(|command| match command {
            Command::RecordStart(start) => Some((start.recording, start.terms.continues)),
            _ => None,
        });
        let parts: Vec<_> = parts.collect();
        let [(first, None), (_, Some(after))] = parts[..] else { panic!("{parts:?}") };
        assert_eq!(after, first, "the next part says which one was cut");
        let states = states(&rig, A1);
        let since_kill = ["Talking", "WrapUp", "Idle"].map(String::from);
        assert!(states.ends_with(&since_kill), "after-call work follows as ever: {states:?}");
        if agent_ends {
            assert!(told(&rig).contains(&"survey".to_owned()));
        }
        balanced(&mut rig);
    }
}

#[test]
fn an_agent_who_talks_is_offered_nobody_else() {
    let mut rig = rig_with(&[A1]);
    let customer = talking(&mut rig);
    kill(&mut rig);
    rig.customer_dials("95105600");
    rig.wait(secs(30));
    let offers = told(&rig).into_iter().filter(|word| word == "offered 1").count();
    assert_eq!(offers, 1, "the conversation's own");
    assert!(rig.state().agents[0].call.is_some());
    rig.hangs_up(customer);
    rig.wait(secs(30));
    let offers = told(&rig).into_iter().filter(|word| word == "offered 1").count();
    assert_eq!(offers, 2, "free again");
    assert!(!rig.books.agents_doubled);
}

#[test]
fn a_held_party_waits_on_with_music_and_is_resumed() {
    for phone in [true, false] {
        let mut rig = rig_with(&[A1]);
        let customer = talking(&mut rig);
        let agent = rig.leg_of(A1).expect("agent 1 talks");
        if phone {
            rig.reinvites(agent, Some("sendonly"));
        } else {
            call_act(&mut rig, CallAction::Hold);
        }
        kill(&mut rig);
        assert_eq!(phase(&mut rig), "holding");
        assert_eq!(heard(&rig, customer).last().map(String::as_str), Some("music/hold"));
        let held = |c: &&Command| matches!(c, Command::Hold { leg } if *leg == customer);
        assert_eq!(rig.media.iter().filter(held).count(), 2, "before and after");
        if phone {
            rig.reinvites(agent, Some("sendrecv"));
        } else {
            assert_eq!(call_act(&mut rig, CallAction::Resume), Answer::Done);
        }
        assert_eq!(phase(&mut rig), "talking");
        rig.hangs_up(customer);
        balanced(&mut rig);
    }
}

#[test]
fn a_restored_call_is_transferred() {
    let mut rig = rig_with(&[A1, A3]);
    talking(&mut rig);
    let agent = rig.leg_of(A1).expect("agent 1 talks");
    kill(&mut rig);
    rig.refers(agent, "1003");
    rig.wait(secs(10));
    assert!(told(&rig).contains(&"answered 3".to_owned()), "{:#?}", told(&rig));
    assert_eq!(phase(&mut rig), "talking");
    for leg in rig.legs() {
        rig.hangs_up(leg);
    }
    balanced(&mut rig);
}

#[test]
fn who_waits_keeps_their_place_and_their_age() {
    let mut rig = rig_with(&[]);
    let mut waiting = Vec::new();
    for _ in 0..3 {
        waiting.push(rig.customer_dials("95105600"));
        rig.wait(secs(10));
    }
    kill(&mut rig);
    let queue = rig.state().queues[0].clone();
    assert_eq!((queue.queue, queue.waiting), (QueueId(1), 3));
    let age = queue.oldest.expect("somebody waits").millis_since(rig.now.wall);
    assert!((-31_000..=-29_000).contains(&age), "{age} ms");
    assert_eq!(heard(&rig, waiting[0]).last().map(String::as_str), Some("music/wait"));
    // In their order, each as soon as the agent is free again.
    for &leg in &waiting {
        sign_in(&mut rig, A1);
        rig.wait(secs(5));
        let talks = rig.log.iter().rev().find_map(|entry| match entry.kind {
            Kind::Answered { .. } => entry.call,
            _ => None,
        });
        let calls = rig.log.iter().find(|e| e.leg == Some(leg)).and_then(|e| e.call);
        assert_eq!(talks, calls);
        rig.hangs_up(leg);
        rig.wait(secs(1));
    }
    balanced(&mut rig);
}

#[test]
fn the_longest_wait_counts_from_before_the_kill() {
    let mut rig = rig_with(&[]);
    rig.customer_dials("95105600");
    rig.wait(secs(100));
    kill(&mut rig);
    rig.wait(secs(18));
    assert_eq!(phase(&mut rig), "waiting");
    rig.wait(secs(3));
    assert!(told(&rig).contains(&"flowed out MaxWait".to_owned()), "{:#?}", told(&rig));
    balanced(&mut rig);
}

#[test]
fn a_phone_that_rang_is_let_go_and_the_caller_is_offered_again() {
    let mut rig = rig_with(&[A1]);
    rig.phones.insert(A1, Phone::Rings);
    let customer = rig.customer_dials("95105600");
    rig.wait(secs(2));
    rig.phones.insert(A1, Phone::Answers(secs(2)));
    kill(&mut rig);
    let words = told(&rig);
    assert!(words.contains(&"offer to 1 ended Withdrawn".to_owned()), "{words:#?}");
    rig.wait(secs(5));
    assert_eq!(phase(&mut rig), "talking");
    assert!(!rig.books.agents_doubled);
    rig.hangs_up(customer);
    balanced(&mut rig);
}

#[test]
fn what_agents_chose_stays_and_after_call_work_ends_in_time() {
    let mut rig = rig_with(&[A1, A2]);
    act(&mut rig, A2, AgentAction::Break { reason: "lunch".into() });
    let customer = talking(&mut rig);
    rig.hangs_up(customer);
    rig.wait(secs(4));
    assert_eq!(states(&rig, A1).last().map(String::as_str), Some("WrapUp"));
    kill(&mut rig);
    // Told anew, so that every span of the report has its beginning.
    assert_eq!(states(&rig, A1).last().map(String::as_str), Some("WrapUp"));
    assert_eq!(states(&rig, A2).last().map(String::as_str), Some("Break lunch"));
    rig.wait(secs(5));
    assert_eq!(states(&rig, A1).last().map(String::as_str), Some("WrapUp"));
    rig.wait(secs(1));
    assert_eq!(states(&rig, A1).last().map(String::as_str), Some("Idle"));
    balanced(&mut rig);
}

#[test]
fn a_caller_in_a_flow_hears_it_from_its_beginning() {
    let mut rig = rig_with(&[A1]);
    let customer = rig.customer_dials("95105688");
    rig.wait(secs(1));
    let first = heard(&rig, customer);
    kill(&mut rig);
    let again = heard(&rig, customer);
    assert_eq!(again[first.len()..], first[..], "the same, once more");
    rig.wait(secs(5));
    rig.presses(customer, "1");
    rig.wait(secs(10));
    assert_eq!(phase(&mut rig), "talking");
    rig.hangs_up(customer);
    balanced(&mut rig);
}

#[test]
fn the_question_is_asked_again_and_a_message_is_what_was_said() {
    let mut rig = rig_with(&[A1]);
    let customer = talking(&mut rig);
    let agent = rig.leg_of(A1).expect("agent 1 talks");
    rig.hangs_up(agent);
    rig.wait(secs(1));
    kill(&mut rig);
    assert_eq!(heard(&rig, customer).last().map(String::as_str), Some("survey"));
    rig.presses(customer, "1");
    balanced(&mut rig);
    assert!(told(&rig).contains(&"survey answered Some(Satisfied)".to_owned()));

    let mut rig = rig_with(&[]);
    let caller = rig.customer_dials("95105602");
    rig.wait(secs(10));
    kill(&mut rig);
    balanced(&mut rig);
    assert_eq!(heard(&rig, caller).last().map(String::as_str), Some("thanks"));
    assert_eq!(outcome(&rig).0, Outcome::Voicemail);
    assert_eq!(told(&rig).iter().filter(|word| *word == "message left").count(), 1);
}

#[test]
fn a_call_whose_port_is_lost_is_interrupted_and_its_phones_get_their_bye() {
    for lost in [0, 1] {
        let mut rig = rig_with(&[A1]);
        let customer = talking(&mut rig);
        let agent = rig.leg_of(A1).expect("agent 1 talks");
        rig.kill(&[[customer, agent][lost]]);
        let bye = |leg: LegId| {
            let bye = |c: &Sipc| matches!(c, Sipc::Hangup { leg: l, .. } if *l == leg);
            rig.sip.iter().filter(|c| bye(c)).count()
        };
        assert_eq!((bye(customer), bye(agent)), (1, 1));
        balanced(&mut rig);
        assert_eq!(outcome(&rig).0, Outcome::Interrupted);
        assert_eq!(recordings(&rig), ["recorded Repaired"]);
        assert_eq!(states(&rig, A1).last().map(String::as_str), Some("Idle"));
    }
}

#[test]
fn a_supervisor_listens_on_unheard() {
    let mut rig = rig_with(&[A1, A3]);
    let customer = talking(&mut rig);
    let phone = SupervisorPhone::Agent(A3);
    let mode = SupervisionMode::Listen;
    let listen = CallAction::Supervise { by: UserId(3), phone, mode };
    assert_eq!(call_act(&mut rig, listen), Answer::Done);
    rig.wait(secs(5));
    let leader = rig.leg_of(A3).expect("agent 3 supervises");
    kill(&mut rig);
    let unheard = rig.media.iter().filter(|command| {
        matches!(command, Command::Audience { leg, audience: Audience::Nobody } if *leg == leader)
    });
    assert_eq!(unheard.count(), 2, "before and after");
    let joined = rig
        .media
        .iter()
        .filter(|command| matches!(command, Command::Join { leg, .. } if *leg == leader));
    assert_eq!(joined.count(), 2);
    rig.wait(secs(60));
    rig.hangs_up(customer);
    balanced(&mut rig);
    let over = SupervisionEnd::ConversationOver;
    assert!(told(&rig).contains(&format!("1 no longer: {over:?}")), "{:#?}", told(&rig));
}

#[test]
fn three_parties_go_on_and_a_phone_that_only_rang_does_not() {
    let mut rig = rig_with(&[A1, A2, A3]);
    let customer = talking(&mut rig);
    call_act(&mut rig, CallAction::Invite { target: "1002".into() });
    rig.wait(secs(5));
    rig.phones.insert(A3, Phone::Rings);
    call_act(&mut rig, CallAction::Invite { target: "1003".into() });
    rig.wait(secs(2));
    assert_eq!(rig.legs().len(), 4);
    kill(&mut rig);
    assert_eq!(rig.legs().len(), 3);
    let taken: Vec<bool> = rig.state().agents.iter().map(|agent| agent.call.is_some()).collect();
    assert_eq!(taken, [true, true, false]);
    let first = rig.leg_of(A1).expect("agent 1 talks");
    rig.hangs_up(first);
    rig.wait(secs(1));
    assert_eq!(phase(&mut rig), "talking", "the guest is there");
    rig.hangs_up(customer);
    balanced(&mut rig);
}

#[test]
fn a_second_kill_right_after_the_first_loses_nothing() {
    let mut rig = rig_with(&[A1]);
    let customer = talking(&mut rig);
    rig.customer_dials("95105600");
    rig.wait(secs(5));
    for _ in 0..3 {
        kill(&mut rig);
    }
    assert_eq!(rig.state().calls.len(), 2);
    rig.wait(secs(20));
    rig.hangs_up(customer);
    rig.wait(secs(20));
    assert_eq!(phase(&mut rig), "talking", "the next one");
    for leg in rig.legs() {
        rig.hangs_up(leg);
    }
    balanced(&mut rig);
}
