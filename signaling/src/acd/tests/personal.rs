//! Contacts that wait for one agent alone, and what ends it.

use super::*;

fn waits_for(acd: &mut Distributor, now: Now, n: u64, agent: u64) {
    let (wait, by) = (Duration::from_secs(30), ChosenBy::LastAgent);
    let personal = Some(Personal { agent: AgentId(agent), wait, by });
    let (visit, call, queue, since) = (VisitId(n), CallId(n), QueueId(1), now.moment);
    let arrival = Arrival {
        visit,
        call,
        queue,
        priority: 0,
        since,
        personal,
        callback: None,
        undecided: false,
    };
    acd.enqueue(now, arrival).expect("the queue exists");
    acd.audit().expect("all is well");
}

/// Agent 1 has a call, agent 2 is free.
fn one_busy() -> Distributor {
    let mut acd = ready(2, vec![queue(1, &[1, 2], 0)]);
    arrives(&mut acd, at(1), 100, 1);
    assert_eq!(offers(&mut acd), [(100, 1)]);
    acd.answered(at(1), VisitId(100), AgentId(1));
    acd
}

#[test]
fn a_contact_waits_for_its_agent_and_then_for_everybody_in_its_place() {
    let mut acd = one_busy();
    waits_for(&mut acd, at(10), 1, 1);
    assert_eq!(offers(&mut acd), [], "agent 2 is not asked");
    assert_eq!((acd.position(VisitId(1)), acd.waiting()), (Some(1), 1));
    acd.release(at(20), AgentId(1), CallId(100), None);
    assert_eq!(offers(&mut acd), [(1, 1)]);

    let mut acd = one_busy();
    waits_for(&mut acd, at(10), 1, 1);
    acd.handle_timeout(at(39));
    assert_eq!(offers(&mut acd), []);
    acd.handle_timeout(at(40));
    assert_eq!(offers(&mut acd), [(1, 2)], "the time is over");
    acd.audit().expect("all is well");
}

#[test]
fn who_is_free_is_asked_at_once_and_the_offer_says_why() {
    let mut acd = ready(2, vec![queue(1, &[1, 2], 0)]);
    waits_for(&mut acd, at(10), 1, 2);
    let choice = std::iter::from_fn(|| acd.poll_output()).find_map(|output| match output {
        Output::Offer { agent, choice, .. } => Some((agent, choice.by)),
        _ => None,
    });
    assert_eq!(choice, Some((AgentId(2), ChosenBy::LastAgent)), "agent 1 would be idle longest");
}

#[test]
fn an_agent_who_leaves_declines_or_is_not_there_is_not_waited_for() {
    let tea = || AgentAction::Break { reason: "tea".into() };
    let mut acd = one_busy();
    waits_for(&mut acd, at(10), 1, 1);
    acd.act(at(12), AgentId(1), tea()).expect("after this call");
    assert_eq!(offers(&mut acd), [(1, 2)]);
    acd.audit().expect("all is well");

    let mut acd = ready(2, vec![queue(1, &[1, 2], 0)]);
    waits_for(&mut acd, at(10), 1, 2);
    assert_eq!(offers(&mut acd), [(1, 2)]);
    acd.offer_failed(at(12), VisitId(1), AgentId(2), OfferEnd::Declined);
    assert_eq!(offers(&mut acd), [(1, 1)]);

    let mut acd = ready(3, vec![queue(1, &[1, 2], 0)]);
    acd.act(at(1), AgentId(2), tea()).expect("they may");
    for (n, absent) in [(1, 2), (2, 3), (3, 99)] {
        waits_for(&mut acd, at(10), n, absent);
        assert_eq!(offers(&mut acd), [(n, 1)], "{absent}: on a break, elsewhere, unknown");
        acd.leave(at(11), VisitId(n));
    }
}

#[test]
fn a_plan_without_the_agent_or_the_queue_leaves_nobody_waiting_for_them() {
    let mut acd = one_busy();
    waits_for(&mut acd, at(10), 1, 1);
    acd.apply(at(11), &plan(2, vec![queue(1, &[2], 0)]));
    assert_eq!(offers(&mut acd), [(1, 2)], "agent 1 serves it no more");
    acd.audit().expect("all is well");

    let mut acd = one_busy();
    waits_for(&mut acd, at(10), 1, 1);
    acd.apply(at(11), &plan(2, Vec::new()));
    let flowed =
        std::iter::from_fn(|| acd.poll_output()).any(|o| matches!(o, Output::FlowOut { .. }));
    assert!(flowed && acd.waiting() == 0, "the queue is gone");
    acd.audit().expect("all is well");
}

#[test]
fn of_two_who_wait_for_an_agent_and_one_who_waits_for_anybody_the_oldest_is_next() {
    let mut acd = one_busy();
    acd.act(at(5), AgentId(2), AgentAction::SignOut).expect("they may");
    arrives(&mut acd, at(10), 1, 1);
    waits_for(&mut acd, at(11), 2, 1);
    waits_for(&mut acd, at(12), 3, 1);
    let mut order = Vec::new();
    for (second, call) in [(13, 100), (14, 1), (15, 2)] {
        acd.release(at(second), AgentId(1), CallId(call), None);
        let (visit, agent) = offers(&mut acd)[0];
        acd.answered(at(second), VisitId(visit), AgentId(agent));
        order.push(visit);
    }
    assert_eq!(order, [1, 2, 3]);
}
