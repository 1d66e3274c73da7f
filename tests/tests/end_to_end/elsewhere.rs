//! A box whose business is kept in a real PostgreSQL server: people, a call, its report, and all of
//! them again after a stop. The password of the database stands in no log.

use super::{agent, seconds};
use serde_json::json;
use std::os::unix::fs::PermissionsExt;
use tests::house::{House, Options};
use tests::peer::baresip::Manner;
use tests::peer::postgres::Postgres;
use tests::peer::sipp::{Act, Caller};

const USER_PASSWORD: &str = "of-the-box-alone";
const LOGIN: &str = "lei";
const LOGIN_PASSWORD: &str = "a-long-one-of-lei";

pub fn a_box_keeps_its_business_in_postgresql_over_a_stop(backend: &str) {
    let database = Postgres::start();
    database.sql("postgres", &format!("CREATE ROLE grid LOGIN PASSWORD '{USER_PASSWORD}'"));
    database.sql("postgres", "CREATE DATABASE desk OWNER grid");
    let url = format!("postgres://grid:{USER_PASSWORD}@127.0.0.1:{}/desk", database.port());
    let config = format!("[server]\nstore = \"{url}\"\n");
    let mut house = House::start(Options { backend: backend.into(), config, ..Options::default() });
    let key = std::fs::metadata(house.data().join("desk.key")).expect("the key of the database");
    assert_eq!(key.permissions().mode() & 0o077, 0, "it is its owner's alone");
    assert!(!house.data().join("desk.db").exists(), "nothing is kept twice");
    let person =
        json!({"login": LOGIN, "name": "李雷", "role": "manager", "password": LOGIN_PASSWORD});
    let (status, body) = house.post("/api/v1/users", &person);
    assert_eq!(status, 201, "{body}");

    let (phone, agent_id) = agent(&house, 0, 440, Manner::Answers);
    let acts = vec![
        Act::Pause(seconds(2)),
        Act::Digit('1'),
        Act::Pause(seconds(2)),
        Act::Speak,
        Act::Pause(seconds(3)),
        Act::HangUp,
    ];
    Caller::new("13800138000", &house.hotline, acts).call(house.sip, house.scratch()).finish();
    let call = house.wait_row("SELECT * FROM calls");
    assert_eq!(call["outcome"], "answered", "{call}\n{}", house.log());
    assert_eq!(call["agent_id"], agent_id.as_str());
    drop(phone);
    let report = || {
        let answer = house.get("/api/v1/reports/workload?period=today&format=csv");
        assert_eq!(answer.status(), 200);
        answer.text().expect("the report")
    };
    let number = &house.agents[0].user;
    assert!(report().contains(number.as_str()), "agents have names from the database");

    house.stop();
    house.start_again(&[]);
    house.sign_in(LOGIN, LOGIN_PASSWORD);
    let logins = database.sql("desk", "SELECT count(*) FROM users WHERE login = 'lei'");
    assert_eq!(logins, "1");
    assert!(!house.log().contains(USER_PASSWORD));
}
