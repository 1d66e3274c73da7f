//! A contact of a queue rings at several phones: one of them has it, and the others are as they were.

use super::*;
use crate::sip::user_agent::Command as Sipc;
use terms::routing::{CallFirst, Callback, Plan, Strategy};

/// Queue 1 rings at agents 1 and 2 together.
fn plan() -> Plan {
    let mut plan = demo_plan();
    plan.queues[0].strategy = Strategy::RingAll;
    plan
}

/// Both are ready and their phones ring.
fn world(plan: Plan) -> Rig {
    let mut rig = Rig::new(plan);
    for agent in [A1, A2] {
        rig.phones.insert(agent, Phone::Rings);
        sign_in(&mut rig, agent);
    }
    rig
}

/// With which causes phones were told to stop.
fn hung_up(rig: &Rig, of: LegId) -> Vec<u8> {
    let causes = rig.sip.iter().filter_map(|command| match command {
        Sipc::Hangup { leg, cause } if *leg == of => Some(*cause),
        _ => None,
    });
    causes.collect()
}

fn offers(rig: &Rig) -> Vec<String> {
    told(rig).into_iter().filter(|word| word.starts_with("offer")).collect()
}

#[test]
fn whoever_answers_first_has_the_caller_and_the_other_phone_is_told_so() {
    let mut rig = world(plan());
    rig.phones.insert(A2, Phone::Answers(secs(4)));
    let customer = rig.customer_dials("95105600");
    rig.wait(secs(2));
    let live = rig.state().calls;
    assert_eq!((live[0].agent, live[0].rung.as_slice()), (None, [A1, A2].as_slice()));
    assert_eq!(phase(&mut rig), "ringing");
    let other = rig.leg_of(A1).expect("agent 1 rings too");
    rig.wait(secs(3));
    assert_eq!(phase(&mut rig), "talking");
    assert_eq!(rig.state().calls[0].agent, Some(A2));
    assert_eq!(hung_up(&rig, other), [26], "completed elsewhere");
    assert_eq!(states(&rig, A1), ["Idle", "Ringing", "Idle"], "no break, no after-call work");
    assert_eq!(offers(&rig), ["offered 1", "offered 2", "offer to 1 ended Withdrawn"]);
    rig.hangs_up(customer);
    balanced(&mut rig);
}

#[test]
fn who_declines_leaves_the_others_ringing_and_when_nobody_answers_the_caller_waits_on() {
    let mut rig = world(plan());
    rig.phones.insert(A1, Phone::Refuses(486));
    let customer = rig.customer_dials("95105600");
    rig.wait(secs(5));
    assert_eq!(phase(&mut rig), "ringing");
    assert_eq!(states(&rig, A1).last().map(String::as_str), Some("Break declined"));
    rig.wait(secs(15));
    assert_eq!(phase(&mut rig), "waiting");
    assert_eq!(states(&rig, A2).last().map(String::as_str), Some("Break no_answer"));
    let ends = ["offer to 1 ended Declined", "offer to 2 ended NoAnswer"];
    assert_eq!(offers(&rig)[2..], ends);
    rig.hangs_up(customer);
    balanced(&mut rig);
}

#[test]
fn a_caller_who_hangs_up_stops_all_phones_and_sets_nobody_aside() {
    let mut rig = world(plan());
    let customer = rig.customer_dials("95105600");
    rig.wait(secs(3));
    rig.hangs_up(customer);
    rig.wait(secs(1));
    for agent in [A1, A2] {
        assert_eq!(states(&rig, agent), ["Idle", "Ringing", "Idle"]);
        assert_eq!(rig.leg_of(agent), None);
    }
    balanced(&mut rig);
}

#[test]
fn a_colleague_takes_what_rings_at_one_of_them_and_both_are_released() {
    let mut plan = plan();
    plan.agents[2].pickup_any = true;
    let mut rig = world(plan);
    let customer = rig.customer_dials("95105600");
    rig.wait(secs(3));
    rig.agent_dials(A3, "*81002");
    rig.wait(secs(1));
    assert_eq!(phase(&mut rig), "talking");
    assert_eq!(
        offers(&rig)[2..],
        ["offer to 2 ended PickedUp", "offer to 1 ended Withdrawn"].map(String::from)
    );
    for agent in [A1, A2] {
        assert_eq!(states(&rig, agent), ["Idle", "Ringing", "Idle"]);
    }
    rig.hangs_up(customer);
    balanced(&mut rig);
}

#[test]
fn who_is_called_back_is_dialled_for_the_one_agent_who_accepts() {
    let mut plan = plan();
    let callback = Callback { key: '5', first: CallFirst::Agent, ..Callback::default() };
    plan.queues[0].in_queue.callback = Some(callback);
    let mut rig = Rig::new(plan);
    let customer = rig.customer_dials("95105600");
    rig.wait(secs(5));
    rig.presses(customer, "5");
    rig.wait(secs(10));
    rig.phones.insert(A1, Phone::Rings);
    for agent in [A1, A2] {
        sign_in(&mut rig, agent);
    }
    rig.wait(secs(30));
    assert_eq!(phase(&mut rig), "talking");
    assert_eq!(rig.state().calls[0].agent, Some(A2));
    assert_eq!(rig.leg_of(A1), None);
    for leg in rig.legs() {
        rig.hangs_up(leg);
    }
    balanced(&mut rig);
}

#[test]
fn one_more_phone_rings_every_so_often_and_whoever_answers_first_has_the_caller() {
    let mut plan = plan();
    plan.queues[0].strategy = Strategy::Progressive;
    plan.queues[0].matching.ring_more_every_s = 4;
    let mut rig = world(plan);
    rig.phones.insert(A2, Phone::Answers(secs(3)));
    let customer = rig.customer_dials("95105600");
    rig.wait(secs(3));
    let rung = |rig: &mut Rig| rig.state().calls[0].rung.clone();
    assert_eq!(rung(&mut rig), [A1]);
    rig.wait(secs(3));
    assert_eq!(rung(&mut rig), [A1, A2], "the first rings on");
    let other = rig.leg_of(A1).expect("agent 1 rings too");
    rig.wait(secs(4));
    assert_eq!(phase(&mut rig), "talking");
    assert_eq!(rig.state().calls[0].agent, Some(A2));
    assert_eq!(hung_up(&rig, other), [26], "completed elsewhere");
    assert_eq!(states(&rig, A1), ["Idle", "Ringing", "Idle"], "no break, no after-call work");
    assert_eq!(offers(&rig), ["offered 1", "offered 2", "offer to 1 ended Withdrawn"]);
    rig.hangs_up(customer);
    balanced(&mut rig);
}

#[test]
fn a_killed_process_lets_all_phones_go_and_rings_them_again() {
    let mut rig = world(plan());
    let customer = rig.customer_dials("95105600");
    rig.wait(secs(3));
    rig.kill(&[]);
    rig.wait(secs(2));
    let again = ["offered 1", "offered 2"];
    assert_eq!(offers(&rig).iter().filter(|word| again.contains(&word.as_str())).count(), 4);
    assert_eq!(phase(&mut rig), "ringing");
    rig.hangs_up(customer);
    balanced(&mut rig);
}
