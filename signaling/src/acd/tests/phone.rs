//! Agents at phones of colleagues.

use super::*;

const PHONE: AgentId = AgentId(1);
const GUEST: AgentId = AgentId(2);
/// The call in which somebody says who they are.
const CODE: CallId = CallId(90);

#[test]
fn a_free_newcomer_has_the_phone_although_a_caller_waits_for_who_was_there() {
    let mut acd = ready(2, vec![queue(1, &[1, 2], 0)]);
    acd.engage(at(1), PHONE, CODE, None, true).expect("nobody talks there");
    let (wait, by) = (Duration::from_secs(60), ChosenBy::OwnAgent);
    let arrival = Arrival {
        visit: VisitId(1),
        call: CallId(1),
        queue: QueueId(1),
        priority: 0,
        since: at(2).moment,
        personal: Some(Personal { agent: PHONE, wait, by }),
        callback: None,
        undecided: false,
    };
    acd.enqueue(at(2), arrival).expect("the queue exists");
    assert_eq!(offers(&mut acd), [], "the caller waits for the agent who was there");
    acd.sit(at(3), GUEST, PHONE, None, CODE).expect("both are without a call otherwise");
    acd.audit().expect("all is well");
    assert_eq!((acd.phone_of(GUEST), acd.user_of(PHONE)), (PHONE, GUEST));
    assert_eq!(offers(&mut acd), [], "the newcomer hears that it is done");
    acd.release(at(4), GUEST, CODE, None);
    assert_eq!(offers(&mut acd), [(1, 2)]);
}

#[test]
fn a_guest_whose_phone_was_deleted_while_the_process_was_down_has_signed_out() {
    for deleted in [false, true] {
        let mut acd = ready(2, vec![queue(1, &[2], 0)]);
        acd.engage(at(1), PHONE, CODE, None, true).expect("nobody talks there");
        acd.sit(at(2), GUEST, PHONE, None, CODE).expect("the PIN was right");
        acd.release(at(3), GUEST, CODE, None);
        arrives(&mut acd, at(4), 1, 1);
        acd.answered(at(5), VisitId(1), GUEST);
        acd.release(at(6), GUEST, CallId(1), Some((QueueId(1), Duration::from_secs(60))));
        let kept = acd.keep_agent(GUEST).expect("in the plan");

        let mut next = Distributor::new(7);
        let mut plan = plan(2, vec![queue(1, &[2], 0)]);
        if deleted {
            plan.agents.remove(0);
        }
        next.apply(at(7), &plan);
        next.restore_agent(at(7), GUEST, kept, |_| false);
        next.restored(at(7));
        next.audit().expect("all is well");
        let guest = next.agents().find(|agent| agent.agent == GUEST).expect("in the plan");
        let expected = match deleted {
            true => (Activity::SignedOut, None),
            false => (Activity::WrapUp, Some(PHONE)),
        };
        assert_eq!((guest.activity, guest.at), expected, "deleted: {deleted}");
        assert_eq!(next.next_timeout().is_none(), deleted, "and there is no after-call work");
    }
}
