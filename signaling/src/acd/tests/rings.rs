//! Rings: who fits best first, others after so much waiting.

use super::*;

/// One queue of three agents with these levels, 30 s apart.
fn levels(levels: [u32; 3]) -> routing::Queue {
    let seat = |(n, level)| Seat { level, ..Seat::usual(AgentId(n)) };
    let seats = (1..).zip(levels).map(seat).collect();
    let matching = Matching { seats, widen_every_s: 30, ..Matching::default() };
    routing::Queue { matching, ..queue(1, &[1, 2, 3], 0) }
}

fn passes(acd: &mut Distributor, second: u64) -> Vec<(u64, u64)> {
    acd.handle_timeout(at(second));
    acd.audit().expect("all is well");
    offers(acd)
}

/// Agents with a skill at these levels, in one queue that needs it.
fn skilled<const N: usize>(levels: [u32; N], until_s: Option<u32>) -> Distributor {
    needing(levels, Need { skill: "gas".into(), level: 3, until_s, excluded: false })
}

fn needing<const N: usize>(levels: [u32; N], need: Need) -> Distributor {
    let agents: Vec<u64> = (1..=N as u64).collect();
    let matching = Matching { needs: vec![need], ..Matching::default() };
    let mut plan = plan(N as u64, vec![routing::Queue { matching, ..queue(1, &agents, 0) }]);
    for (agent, level) in plan.agents.iter_mut().zip(levels) {
        agent.skills = vec![Skill { name: "gas".into(), level }];
    }
    let mut acd = Distributor::new(7);
    acd.apply(at(0), &plan);
    for agent in agents {
        acd.act(at(0), AgentId(agent), AgentAction::SignIn).expect("they sign in");
    }
    acd
}

#[test]
fn each_level_is_asked_so_much_later_and_the_nearest_first() {
    let mut acd = ready(3, vec![levels([3, 2, 2])]);
    arrives(&mut acd, at(10), 1, 1);
    assert_eq!(offers(&mut acd), [], "nobody is of the first level");
    assert_eq!(passes(&mut acd, 39), []);
    assert_eq!(acd.next_timeout(), Some(at(40).moment));
    assert_eq!(passes(&mut acd, 40), [(1, 2)], "the first of the second level");
    acd.answered(at(41), VisitId(1), AgentId(2));
    for n in [2, 3] {
        arrives(&mut acd, at(50), n, 1);
    }
    assert_eq!(passes(&mut acd, 80), [(2, 3)]);
    acd.answered(at(81), VisitId(2), AgentId(3));
    assert_eq!(passes(&mut acd, 110), [(3, 1)], "the third level, after a minute");
}

#[test]
fn who_waits_long_enough_is_asked_for_before_an_older_contact_that_cannot_be() {
    let mut acd = ready(3, vec![levels([1, 2, 2])]);
    let tea = || AgentAction::Break { reason: "tea".into() };
    for agent in 1..=3 {
        acd.act(at(1), AgentId(agent), tea()).expect("they may");
    }
    arrives(&mut acd, at(10), 1, 1);
    comes(&mut acd, at(35), 2, 1, 5);
    assert_eq!(passes(&mut acd, 40), []);
    acd.act(at(41), AgentId(2), AgentAction::Ready).expect("they may");
    assert_eq!(offers(&mut acd), [(1, 2)], "visit 2 goes first, but does not reach level 2 yet");
    acd.act(at(42), AgentId(1), AgentAction::Ready).expect("they may");
    assert_eq!(offers(&mut acd), [(2, 1)]);
    acd.audit().expect("all is well");
}

#[test]
fn a_needed_skill_is_waited_for_a_wished_one_goes_first_and_a_required_one_is_never_gone_without() {
    let mut acd = skilled([2, 3], Some(0));
    arrives(&mut acd, at(10), 1, 1);
    assert_eq!(offers(&mut acd), [(1, 2)], "wished for: who has it goes first");
    arrives(&mut acd, at(10), 2, 1);
    assert_eq!(offers(&mut acd), [(2, 1)], "and else who is there");

    let mut acd = skilled([2], Some(20));
    arrives(&mut acd, at(10), 1, 1);
    assert_eq!(passes(&mut acd, 29), []);
    assert_eq!(passes(&mut acd, 30), [(1, 1)], "needed for 20 s");

    let mut acd = skilled([2], None);
    arrives(&mut acd, at(10), 1, 1);
    assert_eq!(passes(&mut acd, 309), [], "required");
    acd.audit().expect("all is well");
}

#[test]
fn who_has_what_a_queue_excludes_goes_last_is_waited_past_or_never_serves_it() {
    let excluded = |until_s| Need { skill: "gas".into(), level: 3, until_s, excluded: true };
    let mut acd = needing([3, 2], excluded(Some(0)));
    arrives(&mut acd, at(10), 1, 1);
    arrives(&mut acd, at(10), 2, 1);
    assert_eq!(offers(&mut acd), [(1, 2), (2, 1)], "after the others");

    let mut acd = needing([3], excluded(Some(20)));
    arrives(&mut acd, at(10), 1, 1);
    assert_eq!(passes(&mut acd, 29), []);
    assert_eq!(passes(&mut acd, 30), [(1, 1)], "not for 20 s");

    let mut acd = needing([3], excluded(None));
    arrives(&mut acd, at(10), 1, 1);
    assert_eq!(passes(&mut acd, 309), [], "never");
    acd.audit().expect("all is well");
}

#[test]
fn a_plan_with_other_rings_serves_those_who_wait_already() {
    let mut acd = ready(3, vec![levels([3, 3, 3])]);
    arrives(&mut acd, at(10), 1, 1);
    assert_eq!(passes(&mut acd, 45), []);
    acd.apply(at(46), &plan(3, vec![levels([3, 3, 2])]));
    assert_eq!(offers(&mut acd), [(1, 3)], "they have waited 36 s");
    acd.offer_failed(at(50), VisitId(1), AgentId(3), OfferEnd::Declined);
    assert_eq!(passes(&mut acd, 70), [(1, 1)], "and go on to the third level");
    acd.leave(at(71), VisitId(1));
    assert_eq!(acd.next_timeout(), None, "nothing is left to wait for");
}

#[test]
fn an_offer_says_from_which_ring_it_chose() {
    let mut acd = ready(3, vec![levels([2, 2, 3])]);
    arrives(&mut acd, at(10), 1, 1);
    acd.handle_timeout(at(70));
    let choice = std::iter::from_fn(|| acd.poll_output()).find_map(|output| match output {
        Output::Offer { choice, .. } => Some((choice.ring, choice.candidates)),
        _ => None,
    });
    assert_eq!(choice, Some((1, 2)), "the nearest that has anybody");
}

#[test]
fn a_contact_that_outlives_the_process_reaches_as_far_as_it_has_waited() {
    let mut before = ready(3, vec![levels([3, 3, 3])]);
    arrives(&mut before, at(10), 1, 1);
    let kept = before.keep_visit(VisitId(1)).expect("it waits");
    for (second, offered) in [(69, vec![]), (70, vec![(1, 1)])] {
        let mut acd = ready(3, vec![levels([3, 3, 3])]);
        assert!(acd.restore_visit(at(second), VisitId(1), &kept));
        acd.restored(at(second));
        assert_eq!(offers(&mut acd), offered);
        acd.audit().expect("all is well");
    }
}

#[test]
fn the_best_who_are_free_go_first_where_the_queue_wants_them_and_nobody_is_waited_for() {
    for (skill_choice, order) in [
        (SkillChoice::All, [1, 2, 3]),
        (SkillChoice::BestAvailable, [2, 3, 1]),
        (SkillChoice::Disregard, [1, 2, 3]),
    ] {
        let gas = Need { skill: "gas".into(), level: 2, until_s: None, excluded: false };
        let matching = Matching { needs: vec![gas], skill_choice, ..Matching::default() };
        let mut plan = plan(4, vec![routing::Queue { matching, ..queue(1, &[1, 2, 3, 4], 0) }]);
        for (agent, level) in plan.agents.iter_mut().zip([2, 5, 3, 1]) {
            agent.skills = vec![Skill { name: "gas".into(), level }];
        }
        let mut acd = Distributor::new(7);
        acd.apply(at(0), &plan);
        for agent in 1..=4 {
            acd.act(at(0), AgentId(agent), AgentAction::SignIn).expect("they sign in");
        }
        for n in 1..=4 {
            arrives(&mut acd, at(10), n, 1);
        }
        let mut rung: Vec<(u64, u64)> = (1..).zip(order).collect();
        if skill_choice == SkillChoice::Disregard {
            rung.push((4, 4));
        }
        assert_eq!(offers(&mut acd), rung, "{skill_choice:?}");
        acd.audit().expect("all is well");
    }
}
