//! The disk of the event log takes nothing for a while, or is slow: calls go on, and each has its row
//! once there is room again.

use crate::{armed, seconds};
use tests::house::{House, Options, wait_for};
use tests::peer::sipp::{Act, Caller};

/// Writes of the log that fail: tried again every quarter of a second, they last ten seconds or more.
const FULL: &str = "journal.append=enospc:6-45";
const FULL_TIMES: usize = 40;
/// Writes that take longer than a phone waits before it sends again.
const SLOW: &str = "journal.append=stall:700:6-15";
const SLOW_TIMES: usize = 10;

fn call(house: &House, caller: &str) {
    let acts = vec![Act::Pause(seconds(1)), Act::HangUp];
    Caller::new(caller, &house.hotline, acts).call(house.sip, house.scratch()).finish();
}

/// Calls until the fault has come and gone; how many calls there were, and how many of them ended
/// while it was there.
fn calls_through(house: &House, from: usize, told: &str, times: usize) -> (usize, usize) {
    let seen = || house.log()[from..].matches(told).count();
    let (mut calls, mut meanwhile) = (0, 0);
    while seen() < times {
        assert!(calls < 60, "the fault does not end: {} of {times}", seen());
        call(house, &format!("135001350{calls:02}"));
        calls += 1;
        meanwhile += usize::from((1..times).contains(&seen()));
    }
    (calls, meanwhile)
}

fn each_call_has_a_row(points: &str, told: &str, times: usize) {
    let mut house = House::start(Options { backend: "epoll".into(), ..Options::default() });
    house.kill();
    let from = house.log().len();
    house.start_again(&armed(points));
    let path = house.child("calls");
    let (calls, meanwhile) = calls_through(&house, from, told, times);
    assert!(meanwhile > 0, "no call met the fault");
    call(&house, "13500135099");
    wait_for("a row for each call", seconds(60), || {
        (house.sql("SELECT call_id FROM calls").len() == calls + 1).then_some(())
    });
    let rows = house.sql("SELECT DISTINCT caller FROM calls");
    assert_eq!(rows.len(), calls + 1, "none is there twice");
    assert_eq!(house.child("calls"), path, "the call path lives");
    assert!(house.metric("switchgrid_event_log_lost_total") < 0.5);
}

#[test]
fn calls_go_on_while_the_event_log_finds_no_space_and_have_their_rows_afterwards() {
    each_call_has_a_row(FULL, "failpoint journal.append: NoSpace", FULL_TIMES);
}

#[test]
fn calls_go_on_while_the_event_log_is_slow_and_have_their_rows() {
    each_call_has_a_row(SLOW, "failpoint journal.append: StallMs(700)", SLOW_TIMES);
}
