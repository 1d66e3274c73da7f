//! What a leg tells of its call.

use super::*;

/// Direction and queue that each leg tells.
fn told(rows: &[Row]) -> BTreeMap<u64, (Option<&str>, Option<QueueId>)> {
    legs(rows)
        .into_iter()
        .map(|leg| (leg.leg_id.0, (leg.call_direction.as_deref(), leg.call_queue_id)))
        .collect()
}

#[test]
fn a_leg_tells_the_direction_of_its_call_and_its_last_queue_by_then() {
    let mut s = Script::new(1);
    s.call(0.0, 100, call_started("13800138000"))
        .leg(0.0, 100, 101, leg_started(Role::Customer, None))
        .leg(1.0, 100, 101, Kind::LegAnswered)
        .leg(2.0, 100, 102, leg_started(Role::Outside, None))
        .leg(5.0, 100, 102, leg_ended(Party::Outside))
        .call(10.0, 100, enqueued(500, 1))
        .leg(12.0, 100, 103, leg_started(Role::Agent, Some(11)))
        .leg(20.0, 100, 103, leg_ended(Party::System))
        .call(20.0, 100, enqueued(501, 2));
    end(&mut s, 30.0, Outcome::Abandoned, Party::Customer);
    let rows = s.rows();
    let inbound = Some("inbound");
    let expected = [
        (101, (inbound, Some(QueueId(2)))),
        (102, (inbound, None)),
        (103, (inbound, Some(QueueId(1)))),
    ];
    assert_eq!(told(&rows), BTreeMap::from(expected));
    let call = calls(&rows)[0];
    assert_eq!((call.direction.as_str(), call.queue_id), ("inbound", Some(QueueId(2))));
}

#[test]
fn a_leg_of_a_call_that_went_out_says_so() {
    let mut s = Script::new(1);
    let mut started = call_started("13800138000");
    if let Kind::CallStarted { direction, .. } = &mut started {
        *direction = Direction::Outbound;
    }
    s.call(0.0, 100, started).leg(0.0, 100, 101, leg_started(Role::Customer, None));
    end(&mut s, 9.0, Outcome::Answered, Party::Customer);
    assert_eq!(told(&s.rows()), BTreeMap::from([(101, (Some("outbound"), None))]));
}

#[test]
fn legs_tell_of_their_call_what_its_row_says() {
    for seed in 0..10 {
        let rows = fold(&day(seed, 3, 60));
        let of: BTreeMap<_, &Call> = calls(&rows).into_iter().map(|of| (of.call_id, of)).collect();
        for leg in legs(&rows) {
            let call = of[&leg.call_id];
            assert_eq!(leg.call_direction.as_deref(), Some(call.direction.as_str()), "seed {seed}");
            if leg.role == "customer" {
                assert_eq!(leg.call_queue_id, call.queue_id, "seed {seed}");
            }
        }
    }
}
