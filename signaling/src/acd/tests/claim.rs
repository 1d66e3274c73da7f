//! Calls that want one agent and stand in no queue.

use super::*;

/// Who has whom, and whom nobody has any more.
fn claims(acd: &mut Distributor) -> Vec<(u64, Option<u64>)> {
    std::iter::from_fn(|| acd.poll_output())
        .filter_map(|output| match output {
            Output::Claimed { agent, call } => Some((call.0, Some(agent.0))),
            Output::ClaimOver { call, .. } => Some((call.0, None)),
            _ => None,
        })
        .collect()
}

fn claim(acd: &mut Distributor, now: Now, agent: u64, call: u64) -> Claim {
    let claim = acd.claim(now, AgentId(agent), CallId(call));
    acd.audit().expect("all is well");
    claim
}

/// Agent 1 has call 100 and agent 2 is signed out.
fn one_busy() -> Distributor {
    let mut acd = ready(2, vec![queue(1, &[1, 2], 0)]);
    acd.act(at(0), AgentId(2), AgentAction::SignOut).expect("agent 2 signs out");
    arrives(&mut acd, at(1), 100, 1);
    acd.answered(at(1), VisitId(100), AgentId(1));
    offers(&mut acd);
    acd
}

#[test]
fn a_free_agent_is_theirs_at_once_and_one_who_is_not_there_never() {
    let mut acd = ready(2, vec![queue(1, &[1, 2], 0)]);
    acd.act(at(0), AgentId(2), AgentAction::SignOut).expect("agent 2 signs out");
    assert_eq!(claim(&mut acd, at(1), 1, 7), Claim::Taken);
    assert_eq!(claims(&mut acd), [(7, Some(1))]);
    arrives(&mut acd, at(2), 8, 1);
    assert_eq!(offers(&mut acd), [], "the agent is taken");
    assert_eq!(claim(&mut acd, at(3), 2, 9), Claim::Away);
    assert_eq!(claim(&mut acd, at(3), 3, 9), Claim::Away, "nobody has this number");
}

#[test]
fn a_busy_agent_is_theirs_before_whoever_waits_in_a_queue() {
    let mut acd = one_busy();
    arrives(&mut acd, at(2), 5, 1);
    assert_eq!(claim(&mut acd, at(3), 1, 7), Claim::Waits);
    assert_eq!(claims(&mut acd), []);
    acd.release(at(4), AgentId(1), CallId(100), None);
    acd.audit().expect("all is well");
    assert_eq!(claims(&mut acd), [(7, Some(1))]);
    acd.release(at(5), AgentId(1), CallId(7), None);
    assert_eq!(offers(&mut acd), [(5, 1)], "and the queue is next");
}

#[test]
fn who_gives_up_or_whose_agent_leaves_waits_no_longer() {
    let mut acd = one_busy();
    claim(&mut acd, at(2), 1, 7);
    claim(&mut acd, at(2), 1, 8);
    acd.unclaim(AgentId(1), CallId(7));
    acd.act(at(3), AgentId(1), AgentAction::SignOut).expect("agent 1 signs out");
    assert_eq!(claims(&mut acd), [(8, None)]);
    acd.release(at(4), AgentId(1), CallId(100), None);
    acd.act(at(5), AgentId(1), AgentAction::SignIn).expect("agent 1 signs in");
    assert_eq!(claims(&mut acd), [], "nobody waits any more");
}

#[test]
fn so_many_calls_want_one_agent_and_no_more() {
    let mut acd = one_busy();
    let found: Vec<Claim> = (1..=6).map(|call| claim(&mut acd, at(2), 1, call)).collect();
    assert_eq!(found[..5], [Claim::Waits; 5]);
    assert_eq!(found[5], Claim::Away);
}
