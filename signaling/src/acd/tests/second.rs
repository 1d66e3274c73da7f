//! One more call of an agent who talks.

use super::*;
use crate::acd::Stage;

const AGENT: AgentId = AgentId(1);

/// The agent talks with who came first; a disposition is wanted afterwards where `mandatory`.
fn talks(mandatory: bool) -> Distributor {
    let matching = Matching { wrap_up_mandatory: mandatory, ..Matching::default() };
    let mut acd = ready(1, vec![routing::Queue { matching, ..queue(1, &[1], 0) }]);
    arrives(&mut acd, at(1), 1, 1);
    assert_eq!(offers(&mut acd), [(1, 1)]);
    acd.answered(at(2), VisitId(1), AGENT);
    acd
}

/// What they do, and in which call.
fn shown(acd: &Distributor) -> (Activity, Option<CallId>) {
    acd.audit().expect("all is well");
    let agent = acd.agents().next().expect("in the plan");
    (agent.activity, agent.call)
}

fn ends(acd: &mut Distributor, secs: u64, call: u64) {
    acd.release(at(secs), AGENT, CallId(call), Some((QueueId(1), Duration::from_secs(10))));
}

#[test]
fn an_agent_who_talks_has_one_more_call_and_of_two_the_one_that_they_hear_is_shown() {
    let mut acd = talks(false);
    assert!(acd.engage_second(at(3), AGENT, CallId(1), None).is_err(), "it is the first");
    acd.engage_second(at(3), AGENT, CallId(8), None).expect("they talk");
    assert!(acd.engage_second(at(3), AGENT, CallId(9), None).is_err(), "both lines are used");
    assert!(acd.engage(at(3), AGENT, CallId(9), None, false).is_err());
    assert_eq!(shown(&acd), (Activity::Talking, Some(CallId(1))), "it rings, no more");
    acd.stage(at(4), AGENT, CallId(1), Stage::Holding);
    assert_eq!(shown(&acd), (Activity::Holding, Some(CallId(1))));
    acd.stage(at(5), AGENT, CallId(8), Stage::Talking);
    assert_eq!(shown(&acd), (Activity::Talking, Some(CallId(8))));
    acd.stage(at(6), AGENT, CallId(8), Stage::Holding);
    acd.stage(at(6), AGENT, CallId(1), Stage::Talking);
    assert_eq!(shown(&acd), (Activity::Talking, Some(CallId(1))));
    ends(&mut acd, 7, 8);
    assert_eq!(shown(&acd), (Activity::Talking, Some(CallId(1))), "as before");
    acd.engage_second(at(8), AGENT, CallId(9), None).expect("the second line is free again");
    ends(&mut acd, 9, 9);
    ends(&mut acd, 10, 1);
    assert_eq!(shown(&acd).0, Activity::WrapUp);
}

#[test]
fn nobody_rings_twice_at_who_has_answered_nobody_or_is_in_after_call_work() {
    let mut acd = ready(1, vec![queue(1, &[1], 0)]);
    assert!(acd.engage_second(at(1), AGENT, CallId(8), None).is_err(), "there is no first");
    arrives(&mut acd, at(1), 1, 1);
    assert!(acd.engage_second(at(2), AGENT, CallId(8), None).is_err(), "their phone rings");
    acd.answered(at(3), VisitId(1), AGENT);
    ends(&mut acd, 4, 1);
    assert!(acd.engage_second(at(5), AGENT, CallId(8), None).is_err());
    assert_eq!(shown(&acd).0, Activity::WrapUp);
}

#[test]
fn the_first_call_ends_and_the_second_has_the_agent_whom_no_queue_is_offered_meanwhile() {
    let mut acd = talks(false);
    acd.engage_second(at(3), AGENT, CallId(8), None).expect("they talk");
    acd.stage(at(4), AGENT, CallId(8), Stage::Talking);
    arrives(&mut acd, at(5), 2, 1);
    ends(&mut acd, 6, 1);
    assert_eq!(shown(&acd), (Activity::Talking, Some(CallId(8))));
    acd.handle_timeout(at(60));
    assert_eq!(offers(&mut acd), []);
    acd.engage_second(at(61), AGENT, CallId(9), None).expect("one more may wait again");
    ends(&mut acd, 62, 9);
    acd.release(at(63), AGENT, CallId(8), None);
    assert_eq!(offers(&mut acd), [(2, 1)], "who waited is next");
}

#[test]
fn a_disposition_that_is_owed_is_owed_after_the_second_call_too() {
    let mut acd = talks(true);
    acd.engage_second(at(3), AGENT, CallId(8), Some(QueueId(1))).expect("they talk");
    acd.stage(at(4), AGENT, CallId(8), Stage::Talking);
    ends(&mut acd, 5, 1);
    assert_eq!(shown(&acd), (Activity::Talking, Some(CallId(8))));
    ends(&mut acd, 6, 8);
    assert_eq!(shown(&acd), (Activity::WrapUp, Some(CallId(1))));
    let chosen = AgentAction::EndWrapUp { disposition: Some("meter".into()) };
    acd.act(at(7), AGENT, chosen).expect("it is what was owed");
    assert_eq!(shown(&acd).0, Activity::Idle);
}

#[test]
fn after_a_kill_the_calls_that_go_on_have_the_agent() {
    for (goes_on, expected) in [
        (vec![1, 8], (Activity::Holding, Some(CallId(1)))),
        (vec![8], (Activity::Ringing, Some(CallId(8)))),
        (vec![1], (Activity::Holding, Some(CallId(1)))),
        (vec![], (Activity::Idle, None)),
    ] {
        let mut acd = talks(false);
        acd.engage_second(at(3), AGENT, CallId(8), None).expect("they talk");
        acd.stage(at(4), AGENT, CallId(1), Stage::Holding);
        let kept = acd.keep_agent(AGENT).expect("in the plan");
        let mut next = Distributor::new(7);
        next.apply(at(5), &plan(1, vec![queue(1, &[1], 0)]));
        next.restore_agent(at(5), AGENT, kept, |call| goes_on.contains(&call.0));
        next.restored(at(5));
        assert_eq!(shown(&next), expected, "{goes_on:?}");
    }
}

#[test]
fn a_call_that_goes_on_in_another_one_has_its_agent_there_and_nobody_is_offered_between() {
    let mut acd = talks(false);
    acd.engage_second(at(3), AGENT, CallId(8), None).expect("they talk");
    acd.goes_over(at(4), AGENT, CallId(1), (CallId(5), None));
    assert_eq!(shown(&acd), (Activity::Talking, Some(CallId(5))));
    acd.goes_over(at(4), AGENT, CallId(8), (CallId(6), None));
    acd.goes_over(at(4), AGENT, CallId(7), (CallId(9), None));
    arrives(&mut acd, at(5), 2, 1);
    assert_eq!(offers(&mut acd), []);
    acd.release(at(6), AGENT, CallId(1), None);
    assert_eq!(shown(&acd).1, Some(CallId(5)), "that one is theirs no more");
    acd.release(at(7), AGENT, CallId(5), None);
    assert_eq!(shown(&acd).1, Some(CallId(6)));
    acd.release(at(8), AGENT, CallId(6), None);
    assert_eq!(offers(&mut acd), [(2, 1)]);
}
