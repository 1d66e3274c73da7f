//! Contacts of which another program decides.

use super::*;

/// A contact that nobody is found for yet.
fn undecided(acd: &mut Distributor, now: Now, n: u64) -> Entered {
    let (visit, call, queue, since) = (VisitId(n), CallId(n), QueueId(1), now.moment);
    let (personal, callback) = (None, None);
    let arrival =
        Arrival { visit, call, queue, priority: 0, since, personal, callback, undecided: true };
    acd.enqueue(now, arrival).expect("the queue exists")
}

fn first(agent: u64) -> Option<Personal> {
    let (wait, by) = (Duration::from_secs(20), ChosenBy::Decision);
    Some(Personal { agent: AgentId(agent), wait, by })
}

#[test]
fn nobody_is_found_until_it_is_decided_and_then_who_was_named() {
    let mut acd = ready(2, vec![queue(1, &[1, 2], 0)]);
    assert_eq!(undecided(&mut acd, at(1), 1), Entered::Waiting { position: 1, priority: 0 });
    arrives(&mut acd, at(2), 2, 1);
    assert_eq!(offers(&mut acd), [(2, 1)], "who came later need not wait for that");
    assert_eq!(acd.decide(at(3), VisitId(1), 4, first(2)), Some(4));
    let choice = std::iter::from_fn(|| acd.poll_output()).find_map(|output| match output {
        Output::Offer { agent, choice, .. } => Some((agent, choice.by, choice.priority)),
        _ => None,
    });
    assert_eq!(choice, Some((AgentId(2), ChosenBy::Decision, 4)));
    assert_eq!(acd.decide(at(4), VisitId(1), 9, None), None, "once");
    assert_eq!(acd.decide(at(4), VisitId(99), 9, None), None, "nobody");
    acd.audit().expect("all is well");
}

#[test]
fn what_it_is_worth_moves_it_and_who_is_not_there_is_not_waited_for() {
    let mut acd = ready(1, vec![queue(1, &[1], 0)]);
    arrives(&mut acd, at(1), 100, 1);
    acd.answered(at(1), VisitId(100), AgentId(1));
    offers(&mut acd);
    arrives(&mut acd, at(2), 1, 1);
    undecided(&mut acd, at(3), 2);
    assert_eq!(acd.position(VisitId(2)), Some(2), "it has its place meanwhile");
    acd.decide(at(4), VisitId(2), 5, first(7));
    assert_eq!((acd.position(VisitId(2)), acd.position(VisitId(1))), (Some(1), Some(2)));
    acd.release(at(5), AgentId(1), CallId(100), None);
    assert_eq!(offers(&mut acd), [(2, 1)], "agent 7 is nobody");
    acd.audit().expect("all is well");
}

#[test]
fn a_queue_that_is_full_takes_no_undecided_contact_and_it_goes_when_its_wait_is_over() {
    let small = routing::Queue { waiting_max: 1, ..queue(1, &[1], 0) };
    let mut acd = ready(0, vec![small]);
    undecided(&mut acd, at(1), 1);
    assert!(matches!(undecided(&mut acd, at(2), 2), Entered::Full { .. }));
    acd.handle_timeout(at(301));
    let gone = std::iter::from_fn(|| acd.poll_output())
        .any(|output| matches!(output, Output::FlowOut { visit: VisitId(1), .. }));
    assert!(gone && acd.waiting() == 0, "nobody decided");
    acd.audit().expect("all is well");
}
