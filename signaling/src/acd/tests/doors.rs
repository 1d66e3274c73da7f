//! Who comes into a queue and who stays there, by what its agents do.

use super::*;

const AVAILABLE: [Standing; 3] = [Standing::Idle, Standing::Busy, Standing::WrapUp];

fn joined(standings: &[Standing]) -> routing::Queue {
    with(Doors { joins_while: standings.to_vec(), ..Doors::default() }, &[1, 2])
}

fn stayed(standings: &[Standing], agents: &[u64]) -> routing::Queue {
    with(Doors { stays_while: standings.to_vec(), ..Doors::default() }, agents)
}

fn with(doors: Doors, agents: &[u64]) -> routing::Queue {
    routing::Queue { matching: Matching { doors, ..Matching::default() }, ..queue(1, agents, 0) }
}

fn act(acd: &mut Distributor, second: u64, agent: u64, action: AgentAction) {
    acd.act(at(second), AgentId(agent), action).expect("they may");
    acd.audit().expect("all is well");
}

fn tea() -> AgentAction {
    AgentAction::Break { reason: "tea".into() }
}

/// Who is sent on, and why.
fn sent(acd: &mut Distributor) -> Vec<(u64, FlowOut)> {
    acd.audit().expect("all is well");
    std::iter::from_fn(|| acd.poll_output())
        .filter_map(|output| match output {
            Output::FlowOut { visit, reason, .. } => Some((visit.0, reason)),
            _ => None,
        })
        .collect()
}

/// A customer who is called back.
fn calls_back(acd: &mut Distributor, second: u64, n: u64) -> Entered {
    let arrival = Arrival {
        visit: VisitId(n),
        call: CallId(n),
        queue: QueueId(1),
        priority: 0,
        since: at(second).moment,
        personal: None,
        callback: Some(Duration::from_secs(3_000)),
        undecided: false,
    };
    acd.enqueue(at(second), arrival).expect("the queue exists")
}

#[test]
fn nobody_comes_in_while_no_agent_is_what_the_queue_asks_for() {
    let mut acd = Distributor::new(7);
    acd.apply(at(0), &plan(2, vec![joined(&AVAILABLE)]));
    let refused = Entered::Unstaffed { position: 1, priority: 0 };
    assert_eq!(arrives(&mut acd, at(1), 1, 1), refused, "nobody is signed in");
    assert_eq!((acd.admits(QueueId(1)), acd.waiting()), (false, 0));
    assert!(matches!(calls_back(&mut acd, 1, 2), Entered::Waiting { .. }), "it stood there before");
    acd.leave(at(2), VisitId(2));
    act(&mut acd, 3, 1, AgentAction::SignIn);
    assert!(acd.admits(QueueId(1)));
    act(&mut acd, 4, 1, tea());
    assert_eq!(arrives(&mut acd, at(4), 3, 1), refused, "a break is not asked for");
    act(&mut acd, 5, 1, AgentAction::Ready);
    acd.registered(at(6), AgentId(1), false);
    assert_eq!(arrives(&mut acd, at(6), 4, 1), refused, "their phone is gone");
    acd.registered(at(7), AgentId(1), true);
    assert_eq!(arrives(&mut acd, at(7), 5, 1), Entered::Waiting { position: 1, priority: 0 });
    acd.answered(at(8), VisitId(5), AgentId(1));
    assert!(matches!(arrives(&mut acd, at(9), 6, 1), Entered::Waiting { .. }), "they talk");
    acd.audit().expect("all is well");
}

#[test]
fn a_break_counts_where_it_is_named_and_without_a_rule_anybody_comes_in() {
    for (standings, comes_in) in [(&[Standing::Break][..], true), (&[Standing::Idle][..], false)] {
        let mut acd = Distributor::new(7);
        acd.apply(at(0), &plan(2, vec![joined(standings)]));
        act(&mut acd, 1, 2, AgentAction::SignIn);
        act(&mut acd, 2, 2, tea());
        assert_eq!(acd.admits(QueueId(1)), comes_in, "{standings:?}");
    }
    let mut acd = Distributor::new(7);
    acd.apply(at(0), &plan(2, vec![queue(1, &[1, 2], 0)]));
    assert!(matches!(arrives(&mut acd, at(1), 1, 1), Entered::Waiting { .. }));
}

#[test]
fn an_agent_who_may_never_serve_the_queue_is_nobody_to_come_in_for() {
    let mut queue = joined(&AVAILABLE);
    let gas = Need { skill: "gas".into(), level: 9, until_s: None, excluded: false };
    queue.matching.needs = vec![gas];
    let acd = ready(2, vec![queue]);
    assert!(!acd.admits(QueueId(1)));
}

#[test]
fn who_waits_goes_with_the_last_agent_and_who_is_called_back_stays() {
    let mut acd = ready(2, vec![stayed(&AVAILABLE, &[1, 2])]);
    for n in 1..=2 {
        arrives(&mut acd, at(1), n, 1);
        acd.answered(at(2), VisitId(n), AgentId(n));
    }
    arrives(&mut acd, at(3), 3, 1);
    arrives(&mut acd, at(4), 4, 1);
    calls_back(&mut acd, 4, 5);
    act(&mut acd, 5, 1, AgentAction::SignOut);
    acd.release(at(6), AgentId(1), CallId(1), None);
    assert_eq!(sent(&mut acd), [], "the other one still talks");
    act(&mut acd, 7, 2, AgentAction::SignOut);
    assert_eq!(sent(&mut acd), [], "and does so until the end");
    acd.release(at(8), AgentId(2), CallId(2), None);
    assert_eq!(sent(&mut acd), [(3, FlowOut::NoAgents), (4, FlowOut::NoAgents)]);
    assert_eq!(acd.waiting(), 1);
    acd.leave(at(9), VisitId(5));
    assert_eq!(acd.next_timeout(), None, "nothing of them is left");
}

#[test]
fn who_rings_stays_until_the_ringing_is_over() {
    let mut acd = ready(1, vec![stayed(&[Standing::Idle], &[1])]);
    arrives(&mut acd, at(1), 1, 1);
    assert_eq!(sent(&mut acd), [], "the agent rings, and is not idle");
    arrives(&mut acd, at(2), 2, 1);
    assert_eq!(sent(&mut acd), [(2, FlowOut::NoAgents)], "there is nobody to stay for");
    acd.offer_failed(at(3), VisitId(1), AgentId(1), OfferEnd::Declined);
    assert_eq!(sent(&mut acd), [(1, FlowOut::NoAgents)]);
    assert_eq!(acd.waiting(), 0);
}

#[test]
fn a_new_rule_sends_those_on_who_wait_already() {
    let mut acd = Distributor::new(7);
    acd.apply(at(0), &plan(1, vec![queue(1, &[1], 0)]));
    arrives(&mut acd, at(1), 1, 1);
    assert_eq!(sent(&mut acd), []);
    acd.apply(at(2), &plan(1, vec![stayed(&AVAILABLE, &[1])]));
    assert_eq!(sent(&mut acd), [(1, FlowOut::NoAgents)]);
}

#[test]
fn who_hears_something_else_keeps_their_place_and_is_served_before_who_came_later() {
    let mut acd = ready(1, vec![stayed(&AVAILABLE, &[1])]);
    arrives(&mut acd, at(1), 1, 1);
    acd.answered(at(2), VisitId(1), AgentId(1));
    arrives(&mut acd, at(3), 2, 1);
    arrives(&mut acd, at(4), 3, 1);
    offers(&mut acd);
    let leave_at = acd.step_aside(at(5), VisitId(2)).expect("nobody rings");
    assert_eq!(leave_at, at(303).moment);
    assert_eq!(acd.step_aside(at(5), VisitId(2)), None, "they are away already");
    assert_eq!((acd.position(VisitId(2)), acd.position(VisitId(3))), (Some(1), Some(2)));
    acd.step_back(at(9), VisitId(2), leave_at);
    acd.audit().expect("all is well");
    acd.release(at(10), AgentId(1), CallId(1), None);
    assert_eq!(offers(&mut acd), [(2, 1)], "they came first");
    acd.answered(at(11), VisitId(2), AgentId(1));
    let leave_at = acd.step_aside(at(12), VisitId(3)).expect("nobody rings");
    acd.release(at(13), AgentId(1), CallId(2), None);
    assert_eq!(offers(&mut acd), [], "nobody is offered who hears something else");
    act(&mut acd, 14, 1, AgentAction::SignOut);
    acd.handle_timeout(at(400));
    assert_eq!(sent(&mut acd), [], "neither the last agent nor the longest wait sends them away");
    act(&mut acd, 401, 1, AgentAction::SignIn);
    acd.step_back(at(402), VisitId(3), leave_at);
    assert_eq!(offers(&mut acd), [(3, 1)], "they are back, and the agent is free");
    acd.offer_failed(at(403), VisitId(3), AgentId(1), OfferEnd::Declined);
    assert_eq!(sent(&mut acd), [(3, FlowOut::MaxWait)], "they have waited their longest");
}

#[test]
fn who_waits_stays_when_the_next_shift_takes_the_phone() {
    let mut acd = Distributor::new(7);
    acd.apply(at(0), &plan(2, vec![stayed(&AVAILABLE, &[1, 2])]));
    act(&mut acd, 1, 1, AgentAction::SignIn);
    acd.engage(at(2), AgentId(1), CallId(90), None, true).expect("they dial the code");
    arrives(&mut acd, at(3), 1, 1);
    acd.sit(at(4), AgentId(2), AgentId(1), None, CallId(90)).expect("the PIN was right");
    assert_eq!(sent(&mut acd), [], "the newcomer is there before the other one is gone");
    acd.release(at(5), AgentId(2), CallId(90), None);
    assert_eq!(offers(&mut acd), [(1, 2)]);
}

#[test]
fn whose_phone_goes_in_the_after_call_work_is_nobody_to_stay_for() {
    let mut acd = ready(1, vec![stayed(&AVAILABLE, &[1])]);
    arrives(&mut acd, at(1), 1, 1);
    acd.answered(at(2), VisitId(1), AgentId(1));
    arrives(&mut acd, at(3), 2, 1);
    acd.release(at(4), AgentId(1), CallId(1), Some((QueueId(1), Duration::from_secs(60))));
    assert_eq!(sent(&mut acd), [], "the after-call work is asked for");
    acd.registered(at(5), AgentId(1), false);
    assert_eq!(sent(&mut acd), [(2, FlowOut::NoAgents)]);
}
