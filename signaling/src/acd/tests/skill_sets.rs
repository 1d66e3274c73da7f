//! Agents who chose a part of their skills and queues when they signed in.

use super::*;

/// Two agents who can do gas and boilers.
fn skilled(queues: Vec<routing::Queue>, skill_sets: Vec<SkillSet>) -> Plan {
    let mut plan = plan(2, queues);
    for agent in &mut plan.agents {
        let skill = |name: &str| Skill { name: name.into(), level: 1 };
        agent.skills = vec![skill("gas"), skill("boilers")];
    }
    plan.skill_sets = skill_sets;
    plan
}

fn needing(id: u64, need: Need, agents: &[u64]) -> routing::Queue {
    let matching = Matching { needs: vec![need], ..Matching::default() };
    routing::Queue { matching, ..queue(id, agents, 0) }
}

fn need(skill: &str) -> Need {
    Need { skill: skill.into(), level: 1, until_s: None, excluded: false }
}

/// Queue 1 needs gas, 3 boilers, 5 nothing.
fn queues(agents: &[u64]) -> Vec<routing::Queue> {
    let gas = needing(1, need("gas"), agents);
    vec![gas, needing(3, need("boilers"), agents), queue(5, agents, 0)]
}

/// Agent 1 may choose sets 1 and 2, agent 2 set 3.
fn sets() -> Vec<SkillSet> {
    vec![set(1, &["gas"], &[], &[1]), set(2, &[], &[5], &[1]), set(3, &["gas"], &[], &[2])]
}

fn signs_in(acd: &mut Distributor, second: u64, id: Option<u64>) -> Result<(), String> {
    let action = match id {
        Some(id) => AgentAction::SignInWith(SkillSetId(id)),
        None => AgentAction::SignIn,
    };
    let done = acd.act(at(second), AgentId(1), action);
    acd.audit().expect("all is well");
    done
}

/// They talk with who rings, for a second.
fn talks(acd: &mut Distributor, second: u64, n: u64) {
    assert!(acd.answered(at(second), VisitId(n), AgentId(1)), "it rings there");
    acd.release(at(second + 1), AgentId(1), CallId(n), None);
}

/// What was told of agent 1: activity and skill set.
fn told(acd: &mut Distributor) -> Vec<(Activity, Option<u64>)> {
    std::iter::from_fn(|| acd.poll_output())
        .filter_map(|output| match output {
            Output::AgentChanged(changed) if changed.agent == AgentId(1) => {
                Some((changed.activity, changed.skill_set.map(|id| id.0)))
            }
            _ => None,
        })
        .collect()
}

#[test]
fn who_signs_in_with_a_skill_set_is_offered_what_it_covers_and_nothing_else() {
    let mut acd = Distributor::new(7);
    acd.apply(at(0), &skilled(queues(&[1]), sets()));
    signs_in(&mut acd, 1, Some(1)).expect("it is theirs");
    arrives(&mut acd, at(2), 1, 3);
    assert_eq!(offers(&mut acd), [], "boilers do not count in this sitting");
    assert_eq!(acd.estimated_wait(QueueId(3), 1), None, "nobody is there for them");
    arrives(&mut acd, at(3), 2, 1);
    assert_eq!(offers(&mut acd), [(2, 1)]);
    talks(&mut acd, 4, 2);
    arrives(&mut acd, at(6), 3, 5);
    assert_eq!(offers(&mut acd), [(3, 1)], "that queue asks for no skill");
    talks(&mut acd, 7, 3);
    signs_in(&mut acd, 9, Some(2)).expect("it is theirs");
    arrives(&mut acd, at(10), 4, 1);
    assert_eq!(offers(&mut acd), [], "one queue alone");
    arrives(&mut acd, at(11), 5, 5);
    assert_eq!(offers(&mut acd), [(5, 1)]);
    talks(&mut acd, 12, 5);
    signs_in(&mut acd, 14, None).expect("they may");
    assert_eq!(offers(&mut acd), [(1, 1)], "all that they can");
}

#[test]
fn a_skill_set_that_is_not_theirs_is_refused_and_nothing_changes() {
    let mut acd = Distributor::new(7);
    acd.apply(at(0), &skilled(queues(&[1]), sets()));
    for wrong in [3, 9] {
        let refused = signs_in(&mut acd, 1, Some(wrong));
        assert_eq!(refused, Err("this skill set is not given to the agent".into()), "{wrong}");
        assert_eq!(told(&mut acd), []);
    }
    signs_in(&mut acd, 2, Some(1)).expect("it is theirs");
    assert!(signs_in(&mut acd, 3, Some(3)).is_err());
    assert_eq!(told(&mut acd), [(Activity::Idle, Some(1))], "the one before holds");
}

#[test]
fn nobody_has_a_skill_or_a_queue_by_a_set_that_they_have_not_without_it() {
    let excluded = Need { excluded: true, ..need("boilers") };
    let queues = vec![
        needing(1, excluded, &[1]),
        needing(3, need("water"), &[1]),
        queue(5, &[2], 0),
        queue(7, &[1], 0),
    ];
    let mut acd = Distributor::new(7);
    acd.apply(at(0), &skilled(queues, vec![set(1, &["gas", "water"], &[1, 3, 5, 7], &[1])]));
    signs_in(&mut acd, 1, Some(1)).expect("it is theirs");
    for (n, queue) in [(1, 1), (2, 3), (3, 5)] {
        arrives(&mut acd, at(2), n, queue);
    }
    assert_eq!(offers(&mut acd), []);
    arrives(&mut acd, at(3), 4, 7);
    assert_eq!(offers(&mut acd), [(4, 1)]);
}

#[test]
fn a_skill_that_does_not_count_is_missed_until_they_sign_in_with_it() {
    let boilers = Need { until_s: Some(30), ..need("boilers") };
    let mut acd = Distributor::new(7);
    acd.apply(at(0), &skilled(vec![needing(1, boilers, &[1])], sets()));
    signs_in(&mut acd, 1, Some(1)).expect("it is theirs");
    arrives(&mut acd, at(10), 1, 1);
    assert_eq!(offers(&mut acd), []);
    acd.handle_timeout(at(40));
    assert_eq!(offers(&mut acd), [(1, 1)], "after half a minute");
    talks(&mut acd, 41, 1);
    arrives(&mut acd, at(50), 2, 1);
    assert_eq!(offers(&mut acd), []);
    signs_in(&mut acd, 55, None).expect("they may");
    assert_eq!(offers(&mut acd), [(2, 1)], "they are of the nearest ring again");
}

#[test]
fn who_waits_for_an_agent_who_leaves_the_queue_by_a_set_waits_for_everybody() {
    let mut acd = Distributor::new(7);
    acd.apply(at(0), &skilled(queues(&[1, 2]), sets()));
    signs_in(&mut acd, 1, None).expect("they may");
    acd.act(at(1), AgentId(2), AgentAction::SignIn).expect("they may");
    acd.engage(at(2), AgentId(1), CallId(90), None, false).expect("they dial");
    let (wait, by) = (Duration::from_secs(60), ChosenBy::OwnAgent);
    let arrival = Arrival {
        visit: VisitId(1),
        call: CallId(1),
        queue: QueueId(1),
        priority: 0,
        since: at(3).moment,
        personal: Some(Personal { agent: AgentId(1), wait, by }),
        callback: None,
        undecided: false,
    };
    acd.enqueue(at(3), arrival).expect("the queue exists");
    assert_eq!(offers(&mut acd), []);
    signs_in(&mut acd, 4, Some(2)).expect("it is theirs");
    assert_eq!(offers(&mut acd), [(1, 2)]);
}

#[test]
fn each_state_of_the_sitting_tells_the_skill_set_and_the_end_of_the_sitting_none() {
    let mut acd = Distributor::new(7);
    acd.apply(at(0), &skilled(queues(&[1]), sets()));
    signs_in(&mut acd, 1, Some(1)).expect("it is theirs");
    signs_in(&mut acd, 2, Some(1)).expect("it is theirs");
    assert_eq!(told(&mut acd), [(Activity::Idle, Some(1))]);
    arrives(&mut acd, at(3), 1, 1);
    acd.answered(at(4), VisitId(1), AgentId(1));
    acd.act(at(5), AgentId(1), AgentAction::SignOut).expect("they may");
    assert_eq!(told(&mut acd), [(Activity::Ringing, Some(1)), (Activity::Talking, Some(1))]);
    acd.release(at(6), AgentId(1), CallId(1), None);
    assert_eq!(told(&mut acd), [(Activity::SignedOut, None)]);
    let view = acd.agents().next().expect("in the plan");
    assert_eq!(view.skill_set, None);
    signs_in(&mut acd, 7, None).expect("they may");
    signs_in(&mut acd, 8, Some(2)).expect("it is theirs");
    assert_eq!(told(&mut acd), [(Activity::Idle, None), (Activity::Idle, Some(2))]);
    assert_eq!(acd.agents().next().expect("in the plan").skill_set, Some(SkillSetId(2)));
    acd.apply(at(9), &skilled(queues(&[1]), Vec::new()));
    acd.audit().expect("all is well");
    assert_eq!(told(&mut acd), [(Activity::Idle, None)], "the set is gone");
    arrives(&mut acd, at(10), 2, 3);
    assert_eq!(offers(&mut acd), [(2, 1)], "and all that they can counts again");
}

#[test]
fn the_choice_outlives_the_process_where_the_set_is_still_theirs() {
    for theirs in [true, false] {
        let mut acd = Distributor::new(7);
        acd.apply(at(0), &skilled(queues(&[1]), sets()));
        signs_in(&mut acd, 1, Some(1)).expect("it is theirs");
        let kept = acd.keep_agent(AgentId(1)).expect("in the plan");
        let mut next = Distributor::new(7);
        let left = if theirs { sets() } else { Vec::new() };
        next.apply(at(2), &skilled(queues(&[1]), left));
        next.restore_agent(at(2), AgentId(1), kept, |_| false);
        next.restored(at(2));
        assert_eq!(told(&mut next), [(Activity::Idle, theirs.then_some(1))]);
        arrives(&mut next, at(3), 1, 3);
        assert_eq!(offers(&mut next).is_empty(), theirs);
        next.audit().expect("all is well");
    }
}

#[test]
fn whose_turn_it_is_does_not_begin_anew_when_somebody_signs_in_with_a_set() {
    for strategy in [Strategy::RoundRobin, Strategy::LongestIdleQueue, Strategy::Percentage] {
        let turns = routing::Queue { strategy, ..queue(1, &[3, 2, 1], 0) };
        let mut acd = Distributor::new(7);
        let mut plan = plan(3, vec![turns, queue(5, &[3], 0)]);
        plan.skill_sets = vec![set(1, &[], &[5], &[3])];
        acd.apply(at(0), &plan);
        for agent in [1, 2] {
            acd.act(at(0), AgentId(agent), AgentAction::SignIn).expect("they may");
        }
        arrives(&mut acd, at(1), 1, 1);
        let (_, first) = offers(&mut acd)[0];
        acd.answered(at(2), VisitId(1), AgentId(first));
        acd.release(at(3), AgentId(first), CallId(1), None);
        let second = 3 - first;
        // By idle time the first one would be next.
        let tea = AgentAction::Break { reason: "tea".into() };
        acd.act(at(4), AgentId(second), tea).expect("they may");
        acd.act(at(5), AgentId(second), AgentAction::Ready).expect("they may");
        let chosen = AgentAction::SignInWith(SkillSetId(1));
        acd.act(at(6), AgentId(3), chosen).expect("it is theirs");
        arrives(&mut acd, at(7), 2, 1);
        assert_eq!(offers(&mut acd), [(2, second)], "{strategy:?}");
    }
}
