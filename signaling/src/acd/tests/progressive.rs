//! One more phone rings every so many seconds: who answers first has the contact.

use super::*;

/// A further phone every five seconds; each rings for fifteen.
fn one_by_one(agents: &[u64]) -> routing::Queue {
    let matching = Matching { ring_more_every_s: 5, ..Matching::default() };
    routing::Queue { strategy: Strategy::Progressive, matching, ..queue(1, agents, 0) }
}

fn passes(acd: &mut Distributor, second: u64) -> Vec<(u64, u64)> {
    acd.handle_timeout(at(second));
    acd.audit().expect("all is well");
    offers(acd)
}

fn seen(acd: &Distributor, agent: u64) -> (Activity, Option<String>) {
    let view = acd.agents().find(|view| view.agent == AgentId(agent)).expect("in the plan");
    (view.activity, view.reason)
}

#[test]
fn one_more_rings_every_so_often_and_the_first_to_answer_has_it_at_no_cost_to_the_others() {
    let mut acd = ready(3, vec![one_by_one(&[1, 2, 3])]);
    arrives(&mut acd, at(1), 1, 1);
    assert_eq!(offers(&mut acd), [(1, 1)]);
    assert_eq!(acd.next_timeout(), Some(at(6).moment));
    assert_eq!(passes(&mut acd, 5), []);
    assert_eq!(passes(&mut acd, 6), [(1, 2)]);
    assert_eq!(passes(&mut acd, 11), [(1, 3)]);
    assert!(acd.answered(at(12), VisitId(1), AgentId(1)), "the first rings on");
    assert!(!acd.answered(at(12), VisitId(1), AgentId(3)), "too late");
    assert_eq!(seen(&acd, 1), (Activity::Talking, None));
    assert_eq!([seen(&acd, 2), seen(&acd, 3)], [(Activity::Idle, None), (Activity::Idle, None)]);
    assert_eq!(passes(&mut acd, 40), [], "nobody rings for who talks");
    assert_eq!(acd.next_timeout(), None);
}

#[test]
fn nobody_is_set_aside_before_the_last_one_has_rung_as_long_as_the_queue_says() {
    let mut acd = ready(2, vec![one_by_one(&[1, 2])]);
    arrives(&mut acd, at(1), 1, 1);
    for second in [6, 11, 16, 20] {
        passes(&mut acd, second);
        assert_eq!(seen(&acd, 1), (Activity::Ringing, None), "after {second} s");
    }
    passes(&mut acd, 21);
    let aside = (Activity::Break, Some("no_answer".to_owned()));
    assert_eq!([seen(&acd, 1), seen(&acd, 2)], [aside.clone(), aside]);
    assert_eq!(acd.position(VisitId(1)), Some(1), "it has its place");
}

#[test]
fn who_becomes_free_meanwhile_takes_who_waits_and_else_rings_at_the_next_turn() {
    for somebody_waits in [true, false] {
        let mut acd = ready(2, vec![one_by_one(&[1, 2])]);
        let tea = AgentAction::Break { reason: "tea".into() };
        acd.act(at(1), AgentId(2), tea).expect("they may");
        arrives(&mut acd, at(1), 1, 1);
        assert_eq!(offers(&mut acd), [(1, 1)]);
        if somebody_waits {
            arrives(&mut acd, at(2), 2, 1);
        }
        assert_eq!(passes(&mut acd, 6), [], "nobody else is free");
        acd.act(at(8), AgentId(2), AgentAction::Ready).expect("they may");
        let taken: Vec<(u64, u64)> = if somebody_waits { vec![(2, 2)] } else { vec![] };
        assert_eq!(offers(&mut acd), taken);
        let rings: Vec<(u64, u64)> = if somebody_waits { vec![] } else { vec![(1, 2)] };
        assert_eq!(passes(&mut acd, 11), rings);
    }
}

#[test]
fn an_agent_of_the_callers_own_rings_alone() {
    let mut acd = ready(2, vec![one_by_one(&[1, 2])]);
    let wait = Duration::from_secs(60);
    let arrival = Arrival {
        visit: VisitId(1),
        call: CallId(1),
        queue: QueueId(1),
        priority: 0,
        since: at(1).moment,
        personal: Some(Personal { agent: AgentId(2), wait, by: ChosenBy::OwnAgent }),
        callback: None,
        undecided: false,
    };
    acd.enqueue(at(1), arrival).expect("the queue exists");
    assert_eq!(offers(&mut acd), [(1, 2)]);
    assert_eq!(passes(&mut acd, 6), []);
    assert_eq!(passes(&mut acd, 11), []);
}

#[test]
fn no_more_ring_than_may_and_none_once_the_longest_wait_is_over() {
    let list: Vec<u64> = (1..=RUNG_MAX as u64 + 2).collect();
    let mut queue = one_by_one(&list);
    queue.matching.ring_more_every_s = 1;
    for (wait_max_s, rung) in [(300, RUNG_MAX), (4, 4)] {
        let queue = routing::Queue { wait_max_s, ..queue.clone() };
        let mut acd = ready(list.len() as u64, vec![queue]);
        arrives(&mut acd, at(1), 1, 1);
        let mut all = offers(&mut acd);
        for second in 2..=18 {
            all.extend(passes(&mut acd, second));
        }
        if rung == RUNG_MAX {
            (19..=30).for_each(|second| all.extend(passes(&mut acd, second)));
        }
        assert_eq!(all.len(), rung, "{all:?}");
    }
}
