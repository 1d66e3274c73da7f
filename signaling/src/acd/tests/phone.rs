//! Agents at phones of colleagues.

use super::*;

const PHONE: AgentId = AgentId(1);
const GUEST: AgentId = AgentId(2);
/// The call in which somebody says who they are.
const CODE: CallId = CallId(90);

fn sits(acd: &mut Distributor, second: u64) {
    acd.engage(at(second), PHONE, CODE, None, true).expect("nobody talks there");
    acd.sit(at(second), GUEST, PHONE, CODE).expect("the PIN was right");
    acd.audit().expect("all is well");
}

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
    acd.sit(at(3), GUEST, PHONE, CODE).expect("both are without a call otherwise");
    acd.audit().expect("all is well");
    assert_eq!((acd.phone_of(GUEST), acd.user_of(PHONE)), (PHONE, GUEST));
    assert_eq!(offers(&mut acd), [], "the newcomer hears that it is done");
    acd.release(at(4), GUEST, CODE, None);
    assert_eq!(offers(&mut acd), [(1, 2)]);
}
