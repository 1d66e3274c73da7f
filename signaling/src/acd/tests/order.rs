//! Who of those who wait is next: across queues, by points that are worth time, and after coming back.

use super::*;

/// One agent who is busy, and these queues, which all of them serve.
fn busy(queues: Vec<routing::Queue>) -> Distributor {
    let mut acd = ready(1, queues);
    arrives(&mut acd, at(1), 100, 1);
    assert_eq!(offers(&mut acd), [(100, 1)]);
    acd.answered(at(1), VisitId(100), AgentId(1));
    acd
}

/// Visits in the order in which the agent gets them, one after the other.
fn taken(acd: &mut Distributor, from: u64) -> Vec<u64> {
    let (mut order, mut call) = (Vec::new(), 100);
    for now in from.. {
        acd.release(at(now), AgentId(1), CallId(call), None);
        let Some(&(visit, _)) = offers(acd).first() else { break };
        acd.answered(at(now), VisitId(visit), AgentId(1));
        order.push(visit);
        call = visit;
    }
    acd.audit().expect("all is well");
    order
}

#[test]
fn the_longest_waiting_of_all_queues_of_an_agent_is_next_and_a_heavier_queue_goes_first() {
    let mut acd = busy(vec![queue(1, &[1], 0), queue(2, &[1], 0), queue(3, &[1], 7)]);
    for (n, queue) in [(1, 2), (2, 1), (3, 3), (4, 2), (5, 1), (6, 3)] {
        arrives(&mut acd, at(10 + n), n, queue);
    }
    assert_eq!(taken(&mut acd, 50), [3, 6, 1, 2, 4, 5]);
}

#[test]
fn a_point_is_worth_so_much_waiting_or_always_goes_first() {
    for (priority_step_s, order) in [(60, [2, 1, 3, 4]), (0, [4, 2, 3, 1])] {
        let mut queue = queue(1, &[1], 0);
        queue.matching.priority_step_s = priority_step_s;
        let mut acd = busy(vec![queue]);
        // Ahead by 60 s a point: as if they came at 10, -10, 20 and 80.
        for (n, came, own) in [(1, 10, 0), (2, 50, 1), (3, 80, 1), (4, 200, 2)] {
            comes(&mut acd, at(came), n, 1, own);
        }
        assert_eq!(taken(&mut acd, 250), order, "{priority_step_s}");
    }
}

#[test]
fn a_contact_that_comes_into_another_queue_keeps_its_age_there() {
    let mut acd = busy(vec![queue(1, &[1], 0), queue(2, &[1], 0)]);
    arrives(&mut acd, at(10), 1, 1);
    arrives(&mut acd, at(20), 2, 2);
    acd.leave(at(30), VisitId(1));
    let (visit, call, queue, since) = (VisitId(3), CallId(3), QueueId(2), at(10).moment);
    let arrival = Arrival {
        visit,
        call,
        queue,
        priority: 0,
        since,
        personal: None,
        callback: None,
        undecided: false,
    };
    let entered = acd.enqueue(at(30), arrival).expect("the queue exists");
    assert_eq!(entered, Entered::Waiting { position: 1, priority: 0 });
    assert_eq!(taken(&mut acd, 50), [3, 2]);
}

#[test]
fn who_hung_up_comes_back_to_their_place_once_and_in_time() {
    let mut patient = queue(1, &[1], 0);
    patient.matching.resume_s = 30;
    let mut acd = busy(vec![patient, queue(2, &[1], 0)]);
    arrives(&mut acd, at(10), 1, 1);
    arrives(&mut acd, at(10), 2, 2);
    for (visit, caller) in [(1, "a"), (2, "b")] {
        acd.abandons(at(40).moment, VisitId(visit), caller);
        acd.leave(at(40), VisitId(visit));
    }
    let late = at(71).moment;
    assert_eq!(acd.resumes(at(50).moment, QueueId(2), "b"), None, "that queue does not let them");
    assert_eq!(acd.resumes(at(70).moment, QueueId(1), "a"), Some(at(10).moment));
    assert_eq!(acd.resumes(at(70).moment, QueueId(1), "a"), None, "once");
    arrives(&mut acd, at(41), 3, 1);
    acd.abandons(at(41).moment, VisitId(3), "c");
    assert_eq!(acd.resumes(late + Duration::from_secs(1), QueueId(1), "c"), None, "too late");
}

#[test]
fn who_is_absent_is_passed_by_and_stands_where_they_stood_once_they_are_back() {
    let mut acd = ready(1, vec![queue(1, &[1], 0)]);
    let arrival = Arrival {
        visit: VisitId(1),
        call: CallId(1),
        queue: QueueId(1),
        priority: 0,
        since: at(1).moment,
        personal: None,
        callback: Some(Duration::from_secs(500)),
        undecided: false,
    };
    acd.enqueue(at(1), arrival).expect("the queue exists");
    assert_eq!(offers(&mut acd), []);
    arrives(&mut acd, at(2), 2, 1);
    assert_eq!(offers(&mut acd), [(2, 1)], "nobody else is there");
    acd.answered(at(3), VisitId(2), AgentId(1));
    arrives(&mut acd, at(3), 3, 1);
    assert_eq!((acd.position(VisitId(1)), acd.position(VisitId(3))), (Some(1), Some(2)));
    acd.present(at(4), VisitId(1), None);
    acd.release(at(20), AgentId(1), CallId(2), None);
    assert_eq!(offers(&mut acd), [(1, 1)]);
    acd.offer_failed(at(25), VisitId(1), AgentId(1), OfferEnd::Unreachable);
    acd.absent(VisitId(1));
    acd.registered(at(30), AgentId(1), true);
    assert_eq!(offers(&mut acd), [(3, 1)], "absent again");
    acd.audit().expect("all is well");
    acd.handle_timeout(at(501));
    let gone = std::iter::from_fn(|| acd.poll_output())
        .any(|output| matches!(output, Output::FlowOut { visit: VisitId(1), .. }));
    assert!(gone, "not for ever");
}
