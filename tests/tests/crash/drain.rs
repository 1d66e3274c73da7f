//! An administrator ends the box while people talk: they are not cut off until they hang up or the time
//! for it is over, new callers are told when to come back, and each call has its row.

use crate::seconds;
use crate::talk::{AGENT_HZ, CALLER_HZ, answer_to_a_new_call, conversation, share_of_time};
use std::time::Instant;
use tests::house::{House, Options};
use tests::peer::baresip::Manner;
use tests::peer::sipp::{Act, Caller};
use tests::seat;

const DRAINS: &str = "draining: running calls may go on";

fn is_told_to_come_back(house: &House) {
    let answer = answer_to_a_new_call(house, "13700137999");
    assert!(answer.starts_with("SIP/2.0 503 "), "{answer}");
    let after = answer.lines().find_map(|line| line.strip_prefix("Retry-After: "));
    assert!(after.is_some_and(|seconds| seconds.parse::<u32>().is_ok()), "{answer}");
}

fn begin_to_drain(house: &House) {
    let from = house.log().len();
    house.begin_stop();
    house.wait_logged(from, DRAINS);
    // The call path is told right after that.
    std::thread::sleep(seconds(1));
}

fn talks_on_while_the_atends(backend: &str) {
    let config = "[server]\ndrain_max = \"60s\"\n".to_owned();
    let options = Options { backend: backend.into(), config, ..Options::default() };
    let mut house = House::start(options);
    let (phone, agent_id) = seat::agent(&house, 0, AGENT_HZ, Manner::Answers);
    let (voice, running) = conversation(&house, "13700137000", 30);
    begin_to_drain(&house);
    let from = Instant::now();
    is_told_to_come_back(&house);
    std::thread::sleep(seconds(4));
    let to = Instant::now();
    // SIPp fails where the box hangs up first.
    running.finish();
    let heard = voice.finish().between(from, to);
    assert!(share_of_time(&heard, AGENT_HZ.into()) > 0.9, "the caller hears the agent");
    let agent = phone.heard();
    let last = &agent[agent.len().saturating_sub(8_000 * 6)..];
    assert!(share_of_time(last, CALLER_HZ) > 0.5, "the agent hears the caller");
    house.wait_stopped();
    drop(phone);

    house.start_again(&[]);
    let row = house.wait_row("SELECT * FROM calls");
    assert_eq!(row["outcome"], "answered", "{row}");
    assert_eq!(row["agent_id"], agent_id.as_str(), "{row}");
    assert_eq!(house.sql("SELECT call_id FROM calls").len(), 1, "who was refused has none");
}

#[test]
fn a_conversation_is_not_cut_when_the_box_is_asked_to_end_and_new_callers_come_back_later() {
    talks_on_while_the_atends("auto");
}

#[test]
fn the_same_on_epoll() {
    talks_on_while_the_atends("epoll");
}

#[test]
fn what_outlives_the_time_to_drain_is_ended_with_a_bye_and_has_its_row() {
    let config = "[server]\ndrain_max = \"4s\"\n".to_owned();
    let options = Options { backend: "epoll".into(), config, ..Options::default() };
    let mut house = House::start(options);
    let acts = vec![Act::Pause(seconds(1)), Act::WaitForBye];
    let caller = Caller::new("13700137001", &house.hotline, acts);
    let running = caller.call(house.sip, house.scratch());
    house.wait_row("SELECT seq FROM events WHERE kind = 'call_started'");
    begin_to_drain(&house);
    is_told_to_come_back(&house);
    running.finish();
    house.wait_stopped();

    house.start_again(&[]);
    let row = house.wait_row("SELECT outcome FROM calls");
    assert_eq!(row["outcome"], "interrupted", "{row}");
}
