//! A caller on a slot, and who takes them from there.

use super::guests::{recorded, room_of};
use super::*;
use crate::sip::user_agent::Command as Sipc;
use crate::switch::Config;
use terms::TenantId;
use terms::media::Side;

fn park(rig: &mut Rig, slot: Option<u8>) -> Answer {
    call_act(rig, CallAction::Park { slot })
}

fn take(rig: &mut Rig, by: AgentId, slot: u8) -> Answer {
    rig.ask(Ask::TakeParked { tenant: TENANT, by, slot })
}

fn refused(answer: Answer) -> String {
    match answer {
        Answer::Refused(why) => why,
        other => panic!("it was done: {other:?}"),
    }
}

fn slots(rig: &mut Rig) -> Vec<Option<u8>> {
    rig.state().calls.iter().map(|call| call.parked).collect()
}

/// A customer of agent 1, who parked them on the first slot.
fn parked(rig: &mut Rig) -> LegId {
    let customer = talking(rig);
    assert_eq!(park(rig, None), Answer::Done);
    rig.wait(secs(1));
    assert_eq!(phase(rig), "parked");
    customer
}

#[test]
fn who_dials_the_code_has_who_was_parked_and_heard_music() {
    let mut rig = rig_with(&[A1, A3]);
    let customer = parked(&mut rig);
    assert_eq!(slots(&mut rig), [Some(1)]);
    assert_eq!(heard(&rig, customer).last().map(String::as_str), Some("music/hold"));
    assert_eq!((rig.leg_of(A1), room_of(&rig, customer)), (None, None));
    assert_eq!(states(&rig, A1).last().map(String::as_str), Some("WrapUp"), "the agent is free");
    rig.wait(secs(20));
    let taker = rig.agent_dials(A3, "*451");
    rig.wait(secs(1));
    assert_eq!((phase(&mut rig).as_str(), slots(&mut rig)), ("talking", vec![None]));
    assert!(room_of(&rig, taker).is_some());
    assert_eq!(room_of(&rig, customer), room_of(&rig, taker));
    assert_eq!(recorded(&rig), [(customer, Side::Customer), (taker, Side::Other)]);
    assert_eq!(rig.state().calls.len(), 1, "the code is a leg of the call, no call of its own");
    rig.wait(secs(300));
    assert_eq!(phase(&mut rig), "talking", "nobody is rung back");
    rig.hangs_up(customer);
    balanced(&mut rig);
    let told = told(&rig);
    let from = told.iter().position(|word| word.starts_with("slot 1: Parked")).expect("parked");
    let steps: Vec<&str> = told[from..].iter().map(String::as_str).collect();
    assert_eq!(steps[1..3], ["held by Agent", "released 1 by Agent"], "{told:#?}");
    let place = |what: &str| steps.iter().position(|word| word.starts_with(what));
    assert!(place("slot 1: Taken") < place("resumed"), "{told:#?}");
    assert!(place("resumed") < place("answered 3"), "{told:#?}");
    let ledgers = steps.iter().filter(|word| word.starts_with("recorded")).count();
    assert_eq!(ledgers, 2, "one of each conversation");
}

#[test]
fn a_phone_parks_by_transfer_to_the_code_and_a_screen_takes() {
    let mut rig = rig_with(&[A1, A3]);
    let customer = talking(&mut rig);
    rig.refers(rig.leg_of(A1).expect("agent 1 talks"), "*455");
    let notified = |command: &Sipc| matches!(command, Sipc::ReferProgress { status: 200, .. });
    assert!(rig.sip.iter().any(notified), "{:?}", rig.sip);
    assert_eq!((rig.leg_of(A1), slots(&mut rig)), (None, vec![Some(5)]));
    assert_eq!(refused(take(&mut rig, A3, 4)), "nobody is parked there");
    assert_eq!(take(&mut rig, A3, 5), Answer::Done);
    rig.wait(secs(1));
    assert_eq!(phase(&mut rig), "parked", "until they answer");
    assert_eq!(refused(take(&mut rig, A2, 5)), "nobody is parked there", "somebody is at it");
    rig.wait(secs(5));
    assert_eq!(phase(&mut rig), "talking");
    let taker = rig.leg_of(A3).expect("agent 3 has them");
    assert_eq!(room_of(&rig, customer), room_of(&rig, taker));
    rig.hangs_up(customer);
    balanced(&mut rig);
}

#[test]
fn whom_nobody_takes_rings_back_at_who_parked_them() {
    let mut rig = rig_with(&[A1]);
    let customer = parked(&mut rig);
    rig.wait(secs(121));
    assert_eq!((phase(&mut rig).as_str(), slots(&mut rig)), ("ringing", vec![None]));
    assert_eq!(heard(&rig, customer).last().map(String::as_str), Some("Ringback"));
    rig.wait(secs(5));
    assert_eq!(phase(&mut rig), "talking");
    let agent = rig.leg_of(A1).expect("agent 1 has them again");
    assert_eq!(room_of(&rig, customer), room_of(&rig, agent));
    rig.hangs_up(customer);
    balanced(&mut rig);
    let told = told(&rig);
    let place = |what: &str| told.iter().position(|word| word.starts_with(what));
    assert!(place("slot 1: RingsBack") < place("resumed"), "held until then: {told:#?}");
}

#[test]
fn who_parked_and_does_not_answer_leaves_them_to_the_queue_with_their_age() {
    let mut rig = rig_with(&[A1]);
    let customer = parked(&mut rig);
    rig.phones.insert(A1, Phone::Rings);
    rig.wait(secs(170));
    let since = rig.state().queues[0].oldest.expect("they wait again");
    let age_ms = rig.now.wall.millis_since(since);
    assert!((170_000..=177_000).contains(&age_ms), "{age_ms} ms, from when they came first");
    let told = told(&rig);
    assert_eq!(told.iter().filter(|word| *word == "enqueued 1 at 1").count(), 2, "{told:#?}");
    assert!(told.contains(&"resumed".to_owned()), "{told:#?}");
    rig.hangs_up(customer);
    balanced(&mut rig);
}

#[test]
fn who_came_through_no_queue_hears_that_all_are_busy() {
    let mut rig = rig_with(&[A1]);
    let customer = rig.customer_dials("95105601");
    rig.wait(secs(5));
    assert_eq!(phase(&mut rig), "talking");
    assert_eq!(park(&mut rig, Some(20)), Answer::Done);
    rig.phones.insert(A1, Phone::Refuses(486));
    rig.wait(secs(121));
    assert_eq!(heard(&rig, customer).last().map(String::as_str), Some("busy"));
    balanced(&mut rig);
    assert_eq!(outcome(&rig).0, Outcome::Answered);
}

#[test]
fn slots_are_few_and_each_has_one() {
    let mut rig = rig_with(&[A1, A2]);
    rig.customer_dials("95105600");
    rig.customer_dials("95105600");
    rig.wait(secs(5));
    let calls: Vec<CallId> = rig.state().calls.iter().map(|call| call.call).collect();
    let on = |call: CallId, slot: Option<u8>| Ask::Call {
        tenant: TENANT,
        call,
        action: CallAction::Park { slot },
    };
    for no in [0, 21] {
        assert_eq!(refused(rig.ask(on(calls[0], Some(no)))), "there is no such slot");
    }
    assert_eq!(rig.ask(on(calls[0], Some(1))), Answer::Done);
    assert_eq!(refused(rig.ask(on(calls[1], Some(1)))), "somebody is parked there already");
    assert_eq!(refused(rig.ask(on(calls[0], None))), "there is no conversation to park");
    let other = [A1, A2].into_iter().find_map(|agent| rig.leg_of(agent)).expect("one still talks");
    for (code, status) in [("*451", 486), ("*4521", 404)] {
        rig.refers(other, code);
        let last = rig.sip.last();
        assert!(
            matches!(last, Some(Sipc::RejectRefer { status: s, .. }) if *s == status),
            "{code}: {last:?}"
        );
    }
    assert_eq!(rig.ask(on(calls[1], None)), Answer::Done);
    assert_eq!(slots(&mut rig), [Some(1), Some(2)]);
    for leg in rig.legs() {
        rig.hangs_up(leg);
    }
    balanced(&mut rig);

    let config = Config { park_slots: 0, ..Config::default() };
    let mut rig = Rig::with(demo_plan(), config);
    sign_in(&mut rig, A1);
    let customer = talking(&mut rig);
    assert_eq!(refused(park(&mut rig, None)), "every slot has somebody parked on it");
    assert_eq!(phase(&mut rig), "talking");
    rig.hangs_up(customer);
    balanced(&mut rig);
}

#[test]
fn a_customers_phone_parks_nobody_and_another_tenant_takes_nobody() {
    let mut rig = rig_with(&[A1, A3]);
    let customer = talking(&mut rig);
    rig.refers(customer, "*451");
    assert!(matches!(rig.sip.last(), Some(Sipc::RejectRefer { status: 403, .. })));
    assert_eq!(park(&mut rig, None), Answer::Done);
    let foreign = rig.ask(Ask::TakeParked { tenant: TenantId(2), by: A3, slot: 1 });
    assert_eq!(refused(foreign), "nobody is parked there");
    let caller = rig.customer_dials("*451");
    rig.wait(secs(1));
    assert!(!rig.legs().contains(&caller), "from outside a code is no number");
    assert_eq!(phase(&mut rig), "parked");
    rig.hangs_up(customer);
    balanced(&mut rig);
}

#[test]
fn a_code_without_anybody_on_its_slot_says_so() {
    let mut rig = rig_with(&[A3]);
    for code in ["*451", "*45", "*4599"] {
        let leg = rig.agent_dials(A3, code);
        rig.wait(secs(1));
        assert_eq!(heard(&rig, leg), ["nothing_to_pick_up"], "{code}");
        rig.wait(secs(5));
    }
    balanced(&mut rig);
}

#[test]
fn who_cannot_take_them_leaves_them_parked() {
    let mut rig = rig_with(&[A1, A3]);
    let customer = parked(&mut rig);
    rig.phones.insert(A3, Phone::Refuses(486));
    assert_eq!(take(&mut rig, A3, 1), Answer::Done);
    rig.wait(secs(1));
    assert_eq!((phase(&mut rig).as_str(), rig.leg_of(A3)), ("parked", None));
    rig.phones.insert(A3, Phone::Rings);
    assert_eq!(take(&mut rig, A3, 1), Answer::Done);
    rig.wait(secs(1));
    assert_eq!(refused(take(&mut rig, A3, 1)), "nobody is parked there");
    rig.hangs_up(rig.leg_of(A3).expect("agent 3 rings"));
    assert_eq!(phase(&mut rig), "parked");
    rig.ports = false;
    rig.agent_dials(A3, "*451");
    rig.wait(secs(1));
    assert_eq!((phase(&mut rig).as_str(), rig.leg_of(A3)), ("parked", None), "no port");
    rig.ports = true;
    rig.agent_dials(A3, "*451");
    rig.wait(secs(1));
    assert_eq!(phase(&mut rig), "talking");
    rig.hangs_up(customer);
    balanced(&mut rig);
}

#[test]
fn a_caller_who_hangs_up_frees_the_slot_and_whom_they_ring() {
    for rings in [false, true] {
        let mut rig = rig_with(&[A1, A3]);
        let customer = parked(&mut rig);
        if rings {
            rig.phones.insert(A3, Phone::Rings);
            assert_eq!(take(&mut rig, A3, 1), Answer::Done);
            rig.wait(secs(1));
        }
        rig.hangs_up(customer);
        assert_eq!(rig.legs(), []);
        assert_eq!(refused(take(&mut rig, A3, 1)), "nobody is parked there");
        balanced(&mut rig);
        assert!(told(&rig).contains(&"resumed".to_owned()), "{:#?}", told(&rig));
        assert_eq!(outcome(&rig), (Outcome::Answered, 16, Party::Customer));
    }
}

#[test]
fn who_is_parked_stays_on_their_slot_over_a_kill_and_rings_back_in_time() {
    let mut rig = rig_with(&[A1, A3]);
    let customer = parked(&mut rig);
    rig.phones.insert(A3, Phone::Rings);
    assert_eq!(take(&mut rig, A3, 1), Answer::Done);
    rig.wait(secs(20));
    rig.kill(&[]);
    assert_eq!((phase(&mut rig).as_str(), slots(&mut rig)), ("parked", vec![Some(1)]));
    assert_eq!(rig.leg_of(A3), None, "a phone that rang is let go");
    let music = heard(&rig, customer).iter().filter(|name| *name == "music/hold").count();
    assert_eq!(music, 2, "before and after");
    rig.wait(secs(110));
    assert_eq!(phase(&mut rig), "talking", "the one who parked them has them again");
    assert!(rig.leg_of(A1).is_some());
    rig.hangs_up(customer);
    balanced(&mut rig);

    let mut rig = rig_with(&[A1]);
    let customer = parked(&mut rig);
    rig.kill(&[customer]);
    assert_eq!(rig.legs(), []);
    balanced(&mut rig);
    assert_eq!(outcome(&rig).0, Outcome::Interrupted);
}

#[test]
fn the_team_of_who_parked_takes_them_and_nobody_else_where_the_tenant_says_so() {
    for (right, takes) in [(false, false), (true, true)] {
        let mut plan = demo_plan();
        plan.parking.team_only = true;
        for queue in &mut plan.queues {
            queue.agents.retain(|agent| *agent != A3);
        }
        plan.agents[2].pickup_any = right;
        let mut rig = Rig::new(plan);
        for agent in [A1, A3] {
            sign_in(&mut rig, agent);
        }
        let customer = parked(&mut rig);
        let answer = take(&mut rig, A3, 1);
        match takes {
            true => assert_eq!(answer, Answer::Done),
            false => assert_eq!(refused(answer), "nobody is parked there"),
        }
        // After-call work of who parked them is over then.
        rig.wait(secs(25));
        assert_eq!(phase(&mut rig), if takes { "talking" } else { "parked" });
        if !takes {
            assert_eq!(take(&mut rig, A1, 1), Answer::Done, "who parked them may");
            rig.wait(secs(5));
            assert_eq!(phase(&mut rig), "talking");
        }
        rig.hangs_up(customer);
        balanced(&mut rig);
    }
}

#[test]
fn a_right_of_ones_own_says_who_takes_whom_others_parked_whatever_they_may_pick_up() {
    for (team_only, pickup_any, takes) in
        [(true, false, true), (true, true, false), (false, false, false)]
    {
        let mut plan = demo_plan();
        plan.parking.team_only = team_only;
        for queue in &mut plan.queues {
            queue.agents.retain(|agent| *agent != A3);
        }
        plan.agents[2].pickup_any = pickup_any;
        plan.agents[2].calling.parked = Some(takes);
        plan.agents[0].calling.parked = Some(false);
        let mut rig = Rig::new(plan);
        for agent in [A1, A3] {
            sign_in(&mut rig, agent);
        }
        let customer = parked(&mut rig);
        let answer = take(&mut rig, A3, 1);
        match takes {
            true => assert_eq!(answer, Answer::Done),
            false => assert_eq!(refused(answer), "nobody is parked there"),
        }
        rig.wait(secs(25));
        if !takes {
            assert_eq!(take(&mut rig, A1, 1), Answer::Done, "their own");
            rig.wait(secs(5));
        }
        assert_eq!(phase(&mut rig), "talking");
        rig.hangs_up(customer);
        balanced(&mut rig);
    }
}

#[test]
fn whom_nobody_takes_in_the_tenants_time_waits_in_the_queue_that_it_names() {
    let mut plan = demo_plan();
    let second = plan.queues[1].id;
    plan.parking.wait_s = Some(30);
    plan.parking.queue = Some(second);
    let mut rig = Rig::new(plan);
    sign_in(&mut rig, A1);
    let customer = parked(&mut rig);
    rig.wait(secs(27));
    assert_eq!(phase(&mut rig), "parked");
    rig.wait(secs(5));
    assert_eq!(slots(&mut rig), [None]);
    let told = told(&rig);
    let place = |what: &str| told.iter().position(|word| word.starts_with(what));
    let queued = place("slot 1: Queued").expect("it is told");
    assert!(place("resumed") > Some(queued), "{told:#?}");
    let enqueued = format!("enqueued {second} at");
    assert!(told[queued..].iter().any(|word| word.starts_with(&enqueued)), "{told:#?}");
    assert!(place("slot 1: RingsBack").is_none(), "{told:#?}");
    rig.hangs_up(customer);
    balanced(&mut rig);
}

#[test]
fn whom_nobody_takes_goes_into_the_flow_that_the_tenant_names() {
    for there in [true, false] {
        let mut plan = demo_plan();
        plan.parking.wait_s = Some(30);
        let flow = plan.flows[0].id;
        plan.parking.flow = Some(if there { flow } else { terms::FlowId(99) });
        let mut rig = Rig::new(plan);
        sign_in(&mut rig, A1);
        let customer = parked(&mut rig);
        rig.wait(secs(32));
        assert_eq!(slots(&mut rig), [None]);
        let told = told(&rig);
        let place = |what: &str| told.iter().position(|word| word.starts_with(what));
        if there {
            let sent = place("slot 1: SentOn").expect("it is told");
            assert!(told[sent..].contains(&"resumed".to_owned()), "{told:#?}");
            assert!(told[sent..].contains(&"ivr".to_owned()), "{told:#?}");
            assert!(place("slot 1: RingsBack").is_none(), "{told:#?}");
        } else {
            assert!(place("slot 1: RingsBack").is_some(), "where there is no such flow: {told:#?}");
        }
        rig.hangs_up(customer);
        balanced(&mut rig);
    }
}
