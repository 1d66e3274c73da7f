//! A caller asks for the state of their order and hears it from the business store, by the number that
//! they call from and by the digits of the order's; another caller hears nothing of it.

use super::database::{hears, puts_on_a_number};
use super::seconds;
use serde_json::{Value, json};
use tests::house::{House, Options, wait_for};
use tests::peer::sipp::{Act, Caller};
use tests::peer::voice::Voice;

const NUMBER: &str = "95105691";
const OPEN: &str = "您的报修正在等待，请耐心等候。";
const WORKED_ON: &str = "维修人员已经上门，今天下午可以修好。";
const NONE: &str = "没有查到登记，祝您生活愉快，再见。";
const LATER: &str = "系统正忙，请您稍后再拨。";

pub fn a_caller_hears_the_state_of_their_order_and_nobody_elses(backend: &str) {
    let house = House::start(Options { backend: backend.into(), ..Options::default() });
    puts_on_a_number(&house, NUMBER, &flow());
    let order = json!({"kind": "报修", "title": "漏水", "customer_number": "13500135000"});
    let (status, made) = house.post("/api/v1/orders", &order);
    assert_eq!(status, 201, "{made}");

    hears(&call(&house, "13500135000"), OPEN, NONE);
    hears(&call(&house, "13600136000"), NONE, OPEN);
    let id = made["id"].as_str().expect("an id");
    let (status, body) =
        house.post(&format!("/api/v1/orders/{id}/steps"), &json!({"action": "start"}));
    assert!(status == 200 || status == 201, "{body}");
    hears(&call(&house, "13500135000"), WORKED_ON, OPEN);

    let exits = wait_for("all steps of the calls", seconds(20), || {
        let rows = house.sql("SELECT exit FROM ivr_steps WHERE kind = 'order' ORDER BY seq");
        let exits: Vec<Value> = rows.into_iter().map(|row| row["exit"].clone()).collect();
        (exits.len() >= 3).then_some(exits)
    });
    assert_eq!(exits, [json!("found"), json!("none"), json!("found")]);
}

fn flow() -> Value {
    let stage = |word: &str, go: &str| json!({"if": {"left": "${order_stage}", "op": "equals", "right": word}, "go": go});
    json!({"format": 1, "start": "look", "steps": {
        "look": {"kind": "order", "timeout_ms": 10_000, "found": "stage", "none": "none",
            "on": {"error": "later"}},
        "stage": {"kind": "branch", "else": "later",
            "cases": [stage("open", "open"), stage("in_progress", "worked_on")]},
        "open": {"kind": "hangup", "prompts": [format!("say:{OPEN}")]},
        "worked_on": {"kind": "hangup", "prompts": [format!("say:{WORKED_ON}")]},
        "none": {"kind": "hangup", "prompts": [format!("say:{NONE}")]},
        "later": {"kind": "hangup", "prompts": [format!("say:{LATER}")]}}})
}

/// All that a caller hears.
fn call(house: &House, from: &str) -> Vec<i16> {
    let voice = Voice::start(440.0);
    let caller = Caller {
        media_port: Some(voice.port()),
        ..Caller::new(from, NUMBER, vec![Act::WaitForBye])
    };
    caller.call(house.sip, house.scratch()).finish();
    voice.finish().all()
}
