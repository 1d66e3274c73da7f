//! A box whose business is kept in a real PostgreSQL server: people, a call, its report, and all of
//! them again after a stop; one that starts while its server is away; one whose server falls silent and
//! goes away during a call; and one that moves there, loses its manifest and moves back. The password of the database stands in no log.

use super::{agent, seconds};
use serde_json::json;
use std::os::unix::fs::PermissionsExt;
use std::time::{Duration, Instant};
use tests::house::{House, Options, wait_for};
use tests::peer::baresip::Manner;
use tests::peer::postgres::Postgres;
use tests::peer::sipp::{Act, Caller};

const USER_PASSWORD: &str = "of-the-box-alone";
/// Two seconds are promised, and a busy machine takes one more; a connection is given up after ten.
const GIVEN_UP: Duration = Duration::from_secs(3);
const LOGIN: &str = "lei";
const LOGIN_PASSWORD: &str = "a-long-one-of-hers";

/// A caller who chooses the queue and speaks.
fn call(house: &House, caller: &str) {
    let acts = vec![
        Act::Pause(seconds(2)),
        Act::Digit('1'),
        Act::Pause(seconds(2)),
        Act::Speak,
        Act::Pause(seconds(3)),
        Act::HangUp,
    ];
    Caller::new(caller, &house.hotline, acts).call(house.sip, house.scratch()).finish();
}

/// A server with a role of the box's own and a database of each name.
fn server(databases: &[&str]) -> Postgres {
    let server = Postgres::start();
    server.sql("postgres", &format!("CREATE ROLE grid LOGIN PASSWORD '{USER_PASSWORD}'"));
    for database in databases {
        server.sql("postgres", &format!("CREATE DATABASE {database} OWNER grid"));
    }
    server
}

pub fn a_box_keeps_its_business_in_postgresql_over_a_stop(backend: &str) {
    let database = server(&["desk"]);
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
    call(&house, "13800138000");
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

pub fn a_box_takes_calls_while_its_database_is_away_and_goes_on_when_it_is_back(backend: &str) {
    let mut database = server(&["desk", "calls"]);
    let at = |name: &str| {
        format!("postgres://grid:{USER_PASSWORD}@127.0.0.1:{}/{name}", database.port())
    };
    let config = format!("[server]\nstore = \"{}\"\n", at("desk"));
    let manifest = at("calls");
    let there = [("SWITCHGRID_WAREHOUSE_MANIFEST", manifest.as_str())];
    let env = there.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect();
    let options = Options { backend: backend.into(), config, env, ..Options::default() };
    let mut house = House::start(options);
    let caller = |house: &House, number: &str| {
        let acts = vec![Act::Pause(seconds(2)), Act::HangUp];
        Caller::new(number, &house.hotline, acts).call(house.sip, house.scratch()).finish();
    };
    caller(&house, "13800138001");
    house.wait_row("SELECT * FROM calls");

    house.stop();
    database.stop();
    let waits_for = house.start_waiting(&there);
    assert_eq!(waits_for, "the business store does not answer; the log says why");
    let known = format!("the business store at 127.0.0.1:{} does not answer", database.port());
    assert!(house.log().contains(&known));
    // Nothing but the plan that was kept answers this one.
    caller(&house, "13800138002");

    database.start_again();
    house.go_on();
    let row = house.wait_row("SELECT * FROM calls WHERE caller = '+8613800138002'");
    assert_eq!(row["caller"], "+8613800138002", "{row}");
    assert!(!house.log().contains(USER_PASSWORD));
}

/// The API says that its database does not answer, long before a connection is given up.
fn is_told_to_come_back(house: &House) {
    for path in ["/api/v1/agents", "/api/v1/calls"] {
        let asked = Instant::now();
        let answer = house.get(path);
        assert_eq!(answer.status(), 503, "{path}");
        assert_eq!(answer.headers()["retry-after"], "5", "{path}");
        assert!(asked.elapsed() < GIVEN_UP, "{path} waited for a connection");
    }
    // An answer is remembered for a second.
    let ready = wait_for("that it is not ready", seconds(3), || {
        let ready = house.get("/readyz");
        (ready.status() == 503).then_some(ready)
    });
    let ready: serde_json::Value = ready.json().expect("JSON");
    assert_eq!((&ready["store"], &ready["ready"]), (&json!(false), &json!(false)), "{ready}");
}

fn answers_again(house: &House) {
    for path in ["/api/v1/agents", "/api/v1/calls", "/readyz"] {
        wait_for(path, seconds(30), || house.get(path).status().is_success().then_some(()));
    }
}

pub fn a_call_goes_on_while_its_database_is_silent_and_then_away(backend: &str) {
    let mut database = server(&["desk", "calls"]);
    let at = |name: &str| {
        format!("postgres://grid:{USER_PASSWORD}@127.0.0.1:{}/{name}", database.port())
    };
    let config = format!("[server]\nstore = \"{}\"\n", at("desk"));
    let env = vec![("SWITCHGRID_WAREHOUSE_MANIFEST".to_owned(), at("calls"))];
    let options = Options { backend: backend.into(), config, env, ..Options::default() };
    let house = House::start(options);
    let calls = house.child("calls");
    let (phone, agent_id) = agent(&house, 0, 440, Manner::Answers);
    // Who says nothing for half a minute is taken for gone.
    let acts = vec![
        Act::Pause(seconds(2)),
        Act::Digit('1'),
        Act::Pause(seconds(2)),
        Act::Speak,
        Act::Pause(seconds(15)),
        Act::Speak,
        Act::Pause(seconds(15)),
        Act::Speak,
        Act::Pause(seconds(10)),
        Act::HangUp,
    ];
    let talking = Caller::new("13800138001", &house.hotline, acts);
    let talking = talking.call(house.sip, house.scratch());
    house.wait_row("SELECT seq FROM events WHERE kind = 'answered'");
    let short = |number: &str| {
        let acts = vec![Act::Pause(seconds(1)), Act::HangUp];
        Caller::new(number, &house.hotline, acts).call(house.sip, house.scratch()).finish();
    };

    database.freeze();
    is_told_to_come_back(&house);
    short("13800138002");
    database.thaw();
    answers_again(&house);

    database.stop();
    is_told_to_come_back(&house);
    short("13800138003");
    database.start_again();
    answers_again(&house);

    talking.finish();
    drop(phone);
    assert_eq!(house.child("calls"), calls, "the call path lives");
    for number in ["13800138001", "13800138002", "13800138003"] {
        house.wait_row(&format!("SELECT call_id FROM calls WHERE caller = '+86{number}'"));
    }
    let rows = house.sql("SELECT * FROM calls ORDER BY started_at");
    assert_eq!(rows.len(), 3, "{rows:?}");
    assert_eq!(rows[0]["outcome"], "answered", "{}\n{}", rows[0], house.log());
    assert_eq!(rows[0]["agent_id"], agent_id.as_str());
    assert!(!house.log().contains(USER_PASSWORD));
}

/// What a command said when it ended well.
fn done(house: &House, words: &[&str], env: &[(&str, &str)]) -> String {
    let output = house.run(words, env);
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    let error = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{words:?}: {said}{error}");
    assert!(!said.contains(USER_PASSWORD) && !error.contains(USER_PASSWORD), "{said}{error}");
    said
}

/// The calls of today, as their report has them, once `count` and their recordings are rows.
fn report(house: &House, count: usize) -> String {
    for table in ["calls", "recordings"] {
        wait_for(table, seconds(20), || {
            (house.sql(&format!("SELECT call_id FROM {table}")).len() == count).then_some(())
        });
    }
    let answer = house.get("/api/v1/reports/calls?period=today&format=csv");
    assert_eq!(answer.status(), 200);
    answer.text().expect("the report")
}

pub fn a_box_moves_to_postgresql_and_back_with_its_report_and_takes_calls(backend: &str) {
    let database = server(&["desk", "calls"]);
    let at = |name: &str| {
        format!("postgres://grid:{USER_PASSWORD}@127.0.0.1:{}/{name}", database.port())
    };
    let (store, manifest) = (at("desk"), at("calls"));
    let there = [
        ("SWITCHGRID_STORE", store.as_str()),
        ("SWITCHGRID_WAREHOUSE_MANIFEST", manifest.as_str()),
    ];
    let mut house = House::start(Options { backend: backend.into(), ..Options::default() });
    let (phone, _) = agent(&house, 0, 440, Manner::Answers);
    call(&house, "13800138001");
    drop(phone);
    let before = report(&house, 1);
    let refused = house.run(&["store", "move", &store], &[]);
    let said = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert!(!refused.status.success() && said.contains("is in use by process"), "{said}");

    house.stop();
    let said = done(&house, &["store", "move", &store], &[]);
    assert!(said.contains("counted and compared") && said.contains("store = "), "{said}");
    done(&house, &["warehouse", "move", &manifest], &[]);
    house.start_again(&there);
    assert_eq!(report(&house, 1), before);
    let (phone, _) = agent(&house, 0, 440, Manner::Answers);
    call(&house, "13800138002");
    drop(phone);
    let grown = report(&house, 2);
    assert!(!house.data().join("warehouse/warehouse.db").exists());

    house.stop();
    database.sql("calls", "DROP SCHEMA switchgrid_warehouse CASCADE");
    done(&house, &["warehouse", "verify", "--repair"], &there);
    assert!(house.data().join("desk.db").exists(), "it stays where it was");
    let new = "data/back.db";
    done(&house, &["store", "move", new], &there);
    done(&house, &["warehouse", "move", "warehouse.db"], &there);
    house.start_again(&[("SWITCHGRID_STORE", new)]);
    assert_eq!(report(&house, 2), grown);
    let (phone, _) = agent(&house, 0, 440, Manner::Answers);
    call(&house, "13800138003");
    drop(phone);
    report(&house, 3);
    assert!(!house.log().contains(USER_PASSWORD));
}
