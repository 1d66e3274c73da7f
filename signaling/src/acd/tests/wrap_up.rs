//! Wrap-up that ends only with a disposition.

use super::*;

fn owing() -> Distributor {
    let matching = Matching { wrap_up_mandatory: true, ..Matching::default() };
    let mut acd = ready(1, vec![routing::Queue { matching, ..queue(1, &[1], 0) }]);
    arrives(&mut acd, at(1), 1, 1);
    assert_eq!(offers(&mut acd), [(1, 1)]);
    acd.answered(at(2), VisitId(1), AgentId(1));
    acd.release(at(60), AgentId(1), CallId(1), Some((QueueId(1), Duration::ZERO)));
    arrives(&mut acd, at(61), 2, 1);
    acd
}

fn activity(acd: &Distributor) -> Activity {
    acd.agents().next().expect("in the plan").activity
}

#[test]
fn nobody_is_offered_to_an_agent_who_owes_a_disposition_and_no_way_leads_around_it() {
    let mut acd = owing();
    acd.handle_timeout(at(200));
    assert_eq!((offers(&mut acd), activity(&acd)), (vec![], Activity::WrapUp));
    for action in [
        AgentAction::Ready,
        AgentAction::SignIn,
        AgentAction::Break { reason: "tea".into() },
        AgentAction::EndWrapUp { disposition: None },
        AgentAction::EndWrapUp { disposition: Some("  ".into()) },
    ] {
        let refused = acd.act(at(201), AgentId(1), action.clone());
        assert_eq!(refused, Err("choose a disposition first".to_owned()), "{action:?}");
    }
    assert_eq!((offers(&mut acd), activity(&acd)), (vec![], Activity::WrapUp));
    acd.audit().expect("all is well");
    let chosen = AgentAction::EndWrapUp { disposition: Some("moved house".into()) };
    acd.act(at(202), AgentId(1), chosen).expect("it is what was owed");
    assert_eq!(offers(&mut acd), [(2, 1)]);
}

#[test]
fn a_call_of_their_own_does_not_settle_it_and_the_end_of_the_shift_does() {
    let mut acd = owing();
    acd.engage(at(70), AgentId(1), CallId(7), None, false).expect("they may dial");
    assert_eq!(activity(&acd), Activity::Ringing);
    acd.release(at(80), AgentId(1), CallId(7), None);
    assert_eq!((offers(&mut acd), activity(&acd)), (vec![], Activity::WrapUp));
    acd.act(at(90), AgentId(1), AgentAction::SignOut).expect("nobody is kept here");
    acd.act(at(91), AgentId(1), AgentAction::SignIn).expect("a new shift");
    assert_eq!(offers(&mut acd), [(2, 1)]);
    acd.audit().expect("all is well");
}

#[test]
fn what_is_owed_outlives_the_process() {
    let acd = owing();
    let kept = acd.keep_agent(AgentId(1)).expect("in the plan");
    let mut next = ready(1, vec![queue(1, &[1], 0)]);
    next.restore_agent(at(100), AgentId(1), kept, |_| false);
    next.handle_timeout(at(4_000));
    assert_eq!(activity(&next), Activity::WrapUp);
    next.audit().expect("all is well");
}
