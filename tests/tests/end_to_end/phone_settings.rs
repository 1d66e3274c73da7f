//! What agents set for their phones is there when the box was stopped as an administrator stops it and
//! started again: nothing of live calls is kept, so it comes from the business store.

use super::seconds;
use serde_json::{Value, json};
use tests::house::{House, Options, wait_for};

pub fn what_an_agent_set_lasts_over_an_orderly_stop(backend: &str) {
    let mut house = House::start(Options { backend: backend.into(), ..Options::default() });
    let agents = house.json("/api/v1/agents");
    let agent = agents[0]["id"].as_str().expect("the first agent").to_owned();
    let forwarding = json!({"busy": "1002", "no_answer": "1002", "no_answer_s": 30});
    let (status, body) = house.put_json(&format!("/api/v1/agents/{agent}/forwarding"), &forwarding);
    assert_eq!(status, 204, "{body}");
    let on = json!({"action": "do_not_disturb", "on": true});
    let (status, body) = house.post(&format!("/api/v1/agents/{agent}/state"), &on);
    assert_eq!(status, 204, "{body}");
    // What is refused changes nothing of it.
    let abroad = json!({"always": "00442071234567"});
    let (status, body) = house.put_json(&format!("/api/v1/agents/{agent}/forwarding"), &abroad);
    assert_eq!(status, 409, "{body}");

    house.stop();
    house.start_again(&[]);
    let live = wait_for("what the agent set", seconds(20), || {
        let live = house.json("/api/v1/live");
        let agents = live["agents"].as_array()?.clone();
        let of = |live: &Value| live["agent"] == agent.as_str() && live["do_not_disturb"] == true;
        agents.into_iter().find(of)
    });
    assert_eq!(live["forwarding"]["busy"], "1002", "{live}");
    assert_eq!(live["forwarding"]["no_answer_s"], 30, "{live}");
    let kept = house.json(&format!("/api/v1/agents/{agent}/phone-settings"));
    assert_eq!((&kept["do_not_disturb"], &kept["forwarding"]), (&json!(true), &live["forwarding"]));
    let rows = house.json("/api/v1/audit");
    let noted = |row: &Value| row["action"] == "agent.phone_settings";
    assert!(rows.as_array().is_some_and(|rows| rows.iter().any(noted)), "{rows}");
}
