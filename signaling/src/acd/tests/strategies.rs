//! Each strategy in a distributor: who is offered the next call after the same short day.

use super::*;

fn with(strategy: Strategy, agents: &[u64]) -> routing::Queue {
    routing::Queue { strategy, ..queue(1, agents, 0) }
}

/// A call that arrives, is answered at once and lasts so long. Answers who took it.
fn serve(acd: &mut Distributor, from: u64, n: u64, queue: u64, lasts: u64) -> u64 {
    arrives(acd, at(from), n, queue);
    let agent = offers(acd)[0].1;
    acd.answered(at(from), VisitId(n), AgentId(agent));
    acd.release(at(from + lasts), AgentId(agent), CallId(n), None);
    agent
}

/// Agent 1 talks for 100 s, meanwhile agent 2 twice for 5 s.
fn short_day(strategy: Strategy) -> Distributor {
    let mut acd = ready(2, vec![with(strategy, &[1, 2])]);
    arrives(&mut acd, at(10), 1, 1);
    assert_eq!(offers(&mut acd), [(1, 1)], "{strategy:?}");
    acd.answered(at(10), VisitId(1), AgentId(1));
    for n in [2, 3] {
        assert_eq!(serve(&mut acd, n * 20, n, 1, 5), 2, "nobody else is free");
    }
    acd.release(at(110), AgentId(1), CallId(1), None);
    acd
}

fn next(acd: &mut Distributor, now: u64, n: u64) -> u64 {
    arrives(acd, at(now), n, 1);
    offers(acd)[0].1
}

#[test]
fn each_strategy_goes_by_its_own_figure() {
    for (strategy, agent) in [
        (Strategy::LongestIdle, 2),
        (Strategy::LongestIdleQueue, 2),
        (Strategy::LongestIdleGlobal, 2),
        (Strategy::RoundRobin, 1),
        (Strategy::Linear, 1),
        (Strategy::FewestCalls, 1),
        (Strategy::LeastTalk, 2),
        (Strategy::Occupancy, 2),
    ] {
        assert_eq!(next(&mut short_day(strategy), 200, 4), agent, "{strategy:?}");
    }
}

#[test]
fn a_break_sets_an_agent_back_by_idle_time_and_not_by_their_last_conversation() {
    for (strategy, agent) in [(Strategy::LongestIdle, 1), (Strategy::LongestIdleGlobal, 2)] {
        let mut acd = short_day(strategy);
        let tea = AgentAction::Break { reason: "tea".into() };
        acd.act(at(120), AgentId(2), tea).expect("they may have tea");
        acd.act(at(150), AgentId(2), AgentAction::Ready).expect("and come back");
        assert_eq!(next(&mut acd, 200, 4), agent, "{strategy:?}");
    }
}

#[test]
fn another_queues_conversations_do_not_count_for_the_last_from_this_one() {
    let second = routing::Queue { strategy: Strategy::Linear, ..queue(2, &[1], 0) };
    let mut acd = ready(2, vec![with(Strategy::LongestIdleQueue, &[1, 2]), second]);
    assert_eq!(serve(&mut acd, 10, 1, 1, 5), 1);
    assert_eq!(serve(&mut acd, 20, 2, 1, 5), 2);
    assert_eq!(serve(&mut acd, 30, 3, 2, 5), 1);
    assert_eq!(next(&mut acd, 40, 4), 1, "longest ago in this queue, though idle least");
}

#[test]
fn calls_and_talk_are_counted_from_the_sign_in_on() {
    for strategy in [Strategy::FewestCalls, Strategy::LeastTalk] {
        let mut acd = short_day(strategy);
        let other = if strategy == Strategy::FewestCalls { 2 } else { 1 };
        for action in [AgentAction::SignOut, AgentAction::SignIn] {
            acd.act(at(150), AgentId(other), action).expect("they may");
        }
        assert_eq!(next(&mut acd, 200, 4), other, "{strategy:?}: they begin with nothing");
    }
}

#[test]
fn lots_are_drawn_from_the_seed_and_by_weight() {
    let agents: Vec<u64> = (1..=4).collect();
    let draw = |seed, seats: Vec<Seat>| {
        let queue = routing::Queue {
            matching: Matching { seats, ..Matching::default() },
            ..with(Strategy::WeightedRandom, &agents)
        };
        let mut acd = Distributor::new(seed);
        acd.apply(at(0), &plan(4, vec![queue]));
        for &agent in &agents {
            acd.act(at(0), AgentId(agent), AgentAction::SignIn).expect("they sign in");
        }
        (1..=400).map(|n| serve(&mut acd, n * 10, n, 1, 5)).collect::<Vec<u64>>()
    };
    assert_eq!(draw(7, Vec::new()), draw(7, Vec::new()));
    assert_ne!(draw(7, Vec::new()), draw(8, Vec::new()));
    let seat = |agent, weight| Seat { weight, ..Seat::usual(AgentId(agent)) };
    let drawn = draw(7, vec![seat(1, 0), seat(2, 8)]);
    let times = |agent| drawn.iter().filter(|&&drawn| drawn == agent).count();
    assert_eq!(times(1), 0, "others were always free");
    assert!(times(2) > 4 * times(3) && times(3) > 0 && times(4) > 0, "{drawn:?}");
}

#[test]
fn an_offer_says_why_it_went_to_this_agent_and_why_this_contact() {
    let measures = [
        (Strategy::LongestIdle, Some(135_000)),
        (Strategy::LongestIdleQueue, Some(135_000)),
        (Strategy::LongestIdleGlobal, Some(135_000)),
        (Strategy::RoundRobin, Some(1)),
        (Strategy::Linear, Some(1)),
        (Strategy::Random, None),
        (Strategy::WeightedRandom, Some(1)),
        (Strategy::FewestCalls, Some(1)),
        (Strategy::LeastTalk, Some(10_000)),
        (Strategy::Occupancy, Some(3)),
    ];
    for (strategy, measure) in measures {
        let mut acd = if matches!(strategy, Strategy::Random | Strategy::WeightedRandom) {
            ready(2, vec![with(strategy, &[1, 2])])
        } else {
            short_day(strategy)
        };
        while acd.poll_output().is_some() {}
        let (visit, call, since) = (VisitId(4), CallId(4), at(193).moment);
        let queue = QueueId(1);
        let arrival = Arrival {
            visit,
            call,
            queue,
            priority: 6,
            since,
            personal: None,
            callback: None,
            undecided: false,
        };
        acd.enqueue(at(200), arrival).expect("the queue exists");
        let choice = std::iter::from_fn(|| acd.poll_output()).find_map(|output| match output {
            Output::Offer { choice, .. } => Some(choice),
            _ => None,
        });
        let expected = Choice {
            by: ChosenBy::Strategy,
            strategy,
            ring: 1,
            candidates: 2,
            measure,
            priority: 6,
            waited_ms: 7_000,
            waiting: 1,
            unscored: None,
        };
        assert_eq!(choice, Some(expected));
    }
}

#[test]
fn what_was_counted_of_agents_outlives_the_process() {
    let before = short_day(Strategy::FewestCalls);
    let mut acd = Distributor::new(8);
    acd.apply(at(150), &plan(2, vec![with(Strategy::FewestCalls, &[1, 2])]));
    for id in [1, 2].map(AgentId) {
        let kept = before.keep_agent(id).expect("an agent of the plan");
        acd.restore_agent(at(150), id, kept, |_| false);
    }
    acd.restored(at(150));
    while acd.poll_output().is_some() {}
    assert_eq!(next(&mut acd, 200, 4), 1, "one conversation against two, though idle less long");
}

#[test]
fn each_agent_gets_their_percent_of_a_queue() {
    let seat = |agent, weight| Seat { weight, ..Seat::usual(AgentId(agent)) };
    let seats = vec![seat(1, 50), seat(2, 30), seat(3, 20)];
    let matching = Matching { seats, ..Matching::default() };
    let queue = routing::Queue { matching, ..with(Strategy::Percentage, &[1, 2, 3]) };
    let mut acd = ready(3, vec![queue]);
    let served: Vec<u64> = (1..=200).map(|n| serve(&mut acd, n * 10, n, 1, 5)).collect();
    let times = |agent| served.iter().filter(|&&served| served == agent).count();
    assert_eq!([1, 2, 3].map(times), [100, 60, 40]);
}

/// Agents 1 to 3 have levels 1 to 3 of gas.
fn scored(expression: &str) -> routing::Queue {
    let matching = Matching { expression: Some(expression.to_owned()), ..Matching::default() };
    routing::Queue { matching, ..with(Strategy::Expression, &[1, 2, 3]) }
}

#[test]
fn an_expression_goes_by_what_is_known_of_the_contact_and_of_each_agent() {
    let mut acd = ready(3, vec![scored("if(business = 'gas', skill('gas'), -skill('gas'))")]);
    let mut facts = Variables::default();
    facts.set("business", "gas");
    acd.introduce(VisitId(1), facts);
    assert_eq!(next(&mut acd, 10, 1), 3);
    assert_eq!(next(&mut acd, 11, 2), 1, "what is known of another contact does not count");
}

#[test]
fn a_new_expression_and_new_skills_count_from_the_plan_on() {
    let mut acd = ready(3, vec![scored("skill('gas')")]);
    acd.apply(at(5), &plan(3, vec![scored("-skill('gas')")]));
    assert_eq!(next(&mut acd, 10, 1), 1);
    let mut plan = plan(3, vec![scored("-skill('gas')")]);
    plan.agents[2].skills.clear();
    acd.apply(at(11), &plan);
    assert_eq!(next(&mut acd, 12, 2), 3);
}

#[test]
fn an_offer_says_its_score_and_how_many_had_none() {
    for (expression, measure, unscored) in
        [("skill('gas') / 8", 375, None), ("1 / agent_calls", 0, Some(3))]
    {
        let mut acd = ready(3, vec![scored(expression)]);
        arrives(&mut acd, at(10), 1, 1);
        let choice = std::iter::from_fn(|| acd.poll_output()).find_map(|output| match output {
            Output::Offer { choice, .. } => Some(choice),
            _ => None,
        });
        let choice = choice.expect("somebody is free");
        assert_eq!((choice.measure, choice.unscored), (Some(measure), unscored), "{expression}");
    }
}
