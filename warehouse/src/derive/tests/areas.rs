//! Who of an area was tried.

use super::*;
use terms::event::{Hop, HopEnd, Hunt, InHunt};
use terms::{AreaId, WorkerId};

fn hunt(hop: Hop, what: InHunt) -> Kind {
    Kind::Hunt(Hunt { area: AreaId(5), hop, what })
}

#[test]
fn each_of_an_area_who_was_tried_is_a_row_once_that_is_over() {
    let mut s = Script::new(1);
    queued(&mut s);
    let first = Hop::Worker { worker: WorkerId(3), stands_in: None };
    let second = Hop::Worker { worker: WorkerId(4), stands_in: Some(WorkerId(3)) };
    let ended = |end| InHunt::Ended { end };
    s.call(11.0, 100, hunt(first, ended(HopEnd::Absent)));
    s.call(12.0, 100, hunt(second, InHunt::Began));
    s.call(32.0, 100, hunt(second, ended(HopEnd::NoAnswer)));
    s.call(33.0, 100, hunt(Hop::Team { queue: QueueId(9) }, InHunt::Began));
    s.call(40.0, 100, hunt(Hop::Team { queue: QueueId(9) }, ended(HopEnd::Answered)));
    end(&mut s, 60.0, Outcome::Answered, Party::Customer);
    let rows = s.rows();
    let tries = pick!(rows, AreaTry);
    let [away, asked, team] = tries[..] else { panic!("{tries:?}") };
    assert_eq!((away.hop.as_str(), away.outcome.as_str()), ("worker", "absent"));
    assert_eq!((away.worker_id, away.stands_in_id), (Some(WorkerId(3)), None));
    assert_eq!((asked.worker_id, asked.stands_in_id), (Some(WorkerId(4)), Some(WorkerId(3))));
    assert_eq!((asked.outcome.as_str(), asked.queue_id), ("no_answer", None));
    assert_eq!((team.hop.as_str(), team.queue_id), ("team", Some(QueueId(9))));
    assert_eq!((team.worker_id, team.area_id, team.call_id.0), (None, AreaId(5), 100));
    assert_eq!(team.call_started_at, BEGIN);
    assert_eq!(team.ended_at, Timestamp(BEGIN.0 + 40_000_000));
    assert_eq!(calls(&rows).len(), 1, "and the call is what it was");
}
