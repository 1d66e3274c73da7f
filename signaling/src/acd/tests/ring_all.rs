//! One contact rings at several agents: who answers first has it, and what that costs the others.

use super::*;

fn all(agents: &[u64]) -> routing::Queue {
    routing::Queue { strategy: Strategy::RingAll, ..queue(1, agents, 0) }
}

/// Agents of one queue, all ready, and a contact that rings at them.
fn ringing(agents: u64) -> Distributor {
    let list: Vec<u64> = (1..=agents).collect();
    let mut acd = ready(agents, vec![all(&list)]);
    arrives(&mut acd, at(1), 1, 1);
    acd.audit().expect("all is well");
    acd
}

/// What an agent is seen to do, and why.
fn seen(acd: &Distributor, agent: u64) -> (Activity, Option<String>) {
    let view = acd.agents().find(|view| view.agent == AgentId(agent)).expect("in the plan");
    (view.activity, view.reason)
}

/// Offers that the distributor ended by itself.
fn ended(acd: &mut Distributor) -> Vec<(u64, OfferEnd)> {
    std::iter::from_fn(|| acd.poll_output())
        .filter_map(|output| match output {
            Output::OfferEnded { agent, end, .. } => Some((agent.0, end)),
            _ => None,
        })
        .collect()
}

const IDLE: (Activity, Option<String>) = (Activity::Idle, None);

fn on_a_break(reason: &str) -> (Activity, Option<String>) {
    (Activity::Break, Some(reason.to_owned()))
}

#[test]
fn all_who_are_free_ring_and_the_first_to_answer_has_it_at_no_cost_to_the_others() {
    let mut acd = ringing(3);
    assert_eq!(offers(&mut acd), [(1, 1), (1, 2), (1, 3)]);
    arrives(&mut acd, at(2), 2, 1);
    assert_eq!(offers(&mut acd), [], "everybody rings already");
    assert!(acd.answered(at(3), VisitId(1), AgentId(2)));
    assert!(!acd.answered(at(3), VisitId(1), AgentId(3)), "too late");
    assert_eq!(seen(&acd, 2), (Activity::Talking, None));
    assert_eq!(offers(&mut acd), [(2, 1), (2, 3)], "the next one rings at them at once");
    acd.audit().expect("all is well");
    assert_eq!(acd.leave(at(4), VisitId(2)), [AgentId(1), AgentId(3)]);
    assert_eq!([seen(&acd, 1), seen(&acd, 3)], [IDLE, IDLE], "no break");
    acd.audit().expect("all is well");
}

#[test]
fn who_declines_is_done_with_it_and_the_others_ring_on_to_their_deadline() {
    let mut acd = ringing(3);
    offers(&mut acd);
    acd.offer_failed(at(5), VisitId(1), AgentId(1), OfferEnd::Declined);
    acd.audit().expect("all is well");
    assert_eq!(offers(&mut acd), [], "it rings on, and is not offered anew");
    assert_eq!(seen(&acd, 1), on_a_break("declined"));
    acd.act(at(6), AgentId(2), AgentAction::SignOut).expect("they may");
    assert_eq!(ended(&mut acd), [(2, OfferEnd::Declined)]);
    acd.audit().expect("all is well");
    assert_eq!(acd.next_timeout(), Some(at(16).moment));
    acd.handle_timeout(at(16));
    assert_eq!(ended(&mut acd), [(3, OfferEnd::NoAnswer)]);
    assert_eq!(seen(&acd, 3), on_a_break("no_answer"), "nobody answered, and they rang to the end");
    assert_eq!(acd.position(VisitId(1)), Some(1));
    acd.act(at(20), AgentId(1), AgentAction::Ready).expect("they may");
    assert_eq!(offers(&mut acd), [(1, 1)], "it has its place, and rings anew");
    acd.audit().expect("all is well");
}

#[test]
fn a_colleague_who_picks_it_up_costs_nobody_anything() {
    let mut acd = ready(3, vec![all(&[1, 2])]);
    arrives(&mut acd, at(1), 1, 1);
    assert_eq!(offers(&mut acd), [(1, 1), (1, 2)]);
    acd.engage(at(2), AgentId(3), CallId(1), None, false).expect("agent 3 is free");
    assert!(acd.picked_up(at(3), VisitId(1), AgentId(2), AgentId(3)));
    assert_eq!([seen(&acd, 1), seen(&acd, 2)], [IDLE, IDLE]);
    assert_eq!(seen(&acd, 3), (Activity::Talking, None));
    acd.audit().expect("all is well");
}

#[test]
fn at_most_so_many_ring_and_those_idle_longest_go_first() {
    let agents = RUNG_MAX as u64 + 2;
    let list: Vec<u64> = (1..=agents).collect();
    let mut acd = ready(agents, vec![all(&list)]);
    for agent in [1, 2] {
        acd.act(at(1), AgentId(agent), AgentAction::Break { reason: "tea".into() }).expect("may");
        acd.act(at(2), AgentId(agent), AgentAction::Ready).expect("and come back");
    }
    arrives(&mut acd, at(3), 1, 1);
    let rung: Vec<u64> = offers(&mut acd).into_iter().map(|(_, agent)| agent).collect();
    assert_eq!(rung, (3..=agents).collect::<Vec<_>>(), "all but the two who came back just now");
    arrives(&mut acd, at(3), 2, 1);
    assert_eq!(offers(&mut acd), [(2, 1), (2, 2)], "whom the next one has");
    acd.audit().expect("all is well");
}

#[test]
fn only_the_nearest_ring_that_has_anybody_rings() {
    let seat = |agent, level| Seat { level, ..Seat::usual(AgentId(agent)) };
    let seats = vec![seat(1, 2), seat(2, 1), seat(3, 2)];
    let matching = Matching { seats, widen_every_s: 30, ..Matching::default() };
    let mut acd = ready(3, vec![routing::Queue { matching, ..all(&[1, 2, 3]) }]);
    arrives(&mut acd, at(1), 1, 1);
    assert_eq!(offers(&mut acd), [(1, 2)]);
    acd.offer_failed(at(2), VisitId(1), AgentId(2), OfferEnd::Declined);
    acd.handle_timeout(at(31));
    assert_eq!(offers(&mut acd), [(1, 1), (1, 3)], "the second level, together");
    acd.audit().expect("all is well");
}

#[test]
fn a_farther_ring_does_not_ring_beside_a_nearer_one_although_it_is_reached() {
    let seats = vec![Seat { level: 2, ..Seat::usual(AgentId(1)) }];
    let matching = Matching { seats, widen_every_s: 10, ..Matching::default() };
    let widening = routing::Queue { strategy: Strategy::RingAll, matching, ..queue(3, &[1, 2], 0) };
    let mut acd = ready(2, vec![all(&[1, 2]), widening]);
    arrives(&mut acd, at(1), 1, 1);
    assert_eq!(offers(&mut acd), [(1, 1), (1, 2)]);
    arrives(&mut acd, at(1), 2, 3);
    acd.handle_timeout(at(11));
    assert_eq!(offers(&mut acd), [], "both levels are reached, and both agents ring");
    acd.leave(at(12), VisitId(1));
    assert_eq!(offers(&mut acd), [(2, 2)], "both are free, and one is nearer");
    acd.audit().expect("all is well");
}

#[test]
fn a_plan_takes_agents_off_what_rings_at_several() {
    let mut acd = ringing(3);
    offers(&mut acd);
    acd.apply(at(2), &plan(2, vec![all(&[1, 2])]));
    assert_eq!(ended(&mut acd), [(3, OfferEnd::Withdrawn)]);
    acd.audit().expect("all is well");
    acd.apply(at(3), &plan(2, Vec::new()));
    let mut told: Vec<_> = std::iter::from_fn(|| acd.poll_output()).collect();
    told.retain(|output| !matches!(output, Output::AgentChanged(_)));
    assert!(
        matches!(
            told.as_slice(),
            [Output::OfferEnded { .. }, Output::OfferEnded { .. }, Output::FlowOut { .. }]
        ),
        "{told:?}"
    );
    assert_eq!(acd.waiting(), 0);
    acd.audit().expect("all is well");
}
