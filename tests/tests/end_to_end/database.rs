//! A caller keys an account and hears what a real PostgreSQL server says of it; the call is noted there
//! once. Who is not there and a server that is gone have their own ways.

use super::seconds;
use mediacore::edge::speech::{Espeak, speak};
use serde_json::{Value, json};
use tests::house::{House, Options, wait_for};
use tests::peer::postgres::Postgres;
use tests::peer::sipp::{Act, Caller};
use tests::peer::voice::Voice;
use tests::sound::share_heard;

const NUMBER: &str = "95105690";
const USER_PASSWORD: &str = "of-the-ivr-alone";
/// What is said in each case, with what the database has put in.
const OWES: &str = "您的欠费是12.50元。";
const NOBODY: &str = "没有这个账号，谢谢您的来电。";
const LATER: &str = "系统正忙，请您稍后再拨。";
/// A text that was heard, and one that was not.
const HEARD_MIN: f64 = 0.8;
const UNHEARD_MAX: f64 = 0.3;

pub fn a_caller_keys_an_account_and_hears_its_balance_from_the_database(backend: &str) {
    let mut database = gas();
    let config = "[ivr]\nsql_allowed = [\"127.0.0.1\"]\n".into();
    let house = House::start(Options { backend: backend.into(), config, ..Options::default() });
    let address = format!("postgres://127.0.0.1:{}/gas?sslmode=disable", database.port());
    let connector = json!({"address": address, "user": "ivr", "password": USER_PASSWORD,
        "writes": true, "timeout_ms": 5_000});
    let (status, body) = house.put_json("/api/v1/connectors/gas", &connector);
    assert_eq!(status, 200, "{body}");
    assert!(!body.to_string().contains(USER_PASSWORD));
    puts_on_a_number(&house, NUMBER, &flow());

    let heard = call(&house, "13500135000", [1, 2, 3]);
    hears(&heard, OWES, NOBODY);
    let asked = || database.sql("gas", "SELECT account, caller FROM asked");
    assert_eq!(asked(), "123|+8613500135000", "noted once");
    let heard = call(&house, "13600136000", [9, 9, 9]);
    hears(&heard, NOBODY, OWES);
    assert_eq!(asked(), "123|+8613500135000", "nobody was found");
    database.stop();
    let heard = call(&house, "13700137000", [1, 2, 3]);
    hears(&heard, LATER, OWES);

    let steps = "SELECT exit FROM ivr_steps WHERE kind = 'sql' ORDER BY seq";
    let exits = wait_for("all steps of the calls", seconds(20), || {
        let rows = house.sql(steps);
        let exits: Vec<Value> = rows.into_iter().map(|row| row["exit"].clone()).collect();
        (exits.len() >= 4).then_some(exits)
    });
    let [read, noted, nobody, gone] = exits.as_slice() else { panic!("{exits:?}") };
    assert_eq!((read, noted, nobody), (&json!("found"), &json!("found"), &json!("none")));
    assert!(*gone == "timeout" || *gone == "error", "{gone}");
    assert!(!house.log().contains(USER_PASSWORD));
}

/// A server whose user may read accounts and note who asked.
fn gas() -> Postgres {
    let server = Postgres::start();
    server.sql("postgres", "CREATE DATABASE gas");
    for statement in [
        "CREATE TABLE accounts (id bigint PRIMARY KEY, owes numeric(10, 2))",
        "INSERT INTO accounts VALUES (123, 12.5), (124, 99)",
        "CREATE TABLE asked (account bigint, caller text)",
        &format!("CREATE ROLE ivr LOGIN PASSWORD '{USER_PASSWORD}'"),
        "GRANT SELECT ON accounts TO ivr",
        "GRANT INSERT ON asked TO ivr",
    ] {
        server.sql("gas", statement);
    }
    server
}

fn flow() -> Value {
    let owes = OWES.replace("12.50", "${owes}");
    json!({"format": 1, "start": "ask", "steps": {
        "ask": {"kind": "collect", "prompts": ["say:请输入您的账号。"], "variable": "account",
            "digits_min": 3, "digits_max": 3, "next": "look",
            "on": {"timeout": "later", "invalid": "later"}},
        "look": {"kind": "sql", "connector": "gas", "timeout_ms": 10_000, "map": {"owes": "owes"},
            "statement": "SELECT owes FROM accounts WHERE id = :account::bigint",
            "found": "note", "none": "nobody", "on": {"error": "later", "timeout": "later"}},
        "note": {"kind": "sql", "connector": "gas", "timeout_ms": 10_000, "write": true,
            "statement": "INSERT INTO asked VALUES (:account::bigint, :caller)",
            "found": "say", "none": "later", "on": {"error": "later", "timeout": "later"}},
        "say": {"kind": "hangup", "prompts": [format!("say:{owes}")]},
        "nobody": {"kind": "hangup", "prompts": [format!("say:{NOBODY}")]},
        "later": {"kind": "hangup", "prompts": [format!("say:{LATER}")]}}})
}

/// Publishes the flow and has it answer the number.
pub fn puts_on_a_number(house: &House, number: &str, document: &Value) {
    let draft = json!({"name": "asks", "document": document});
    let (status, body) = house.post("/api/v1/flows", &draft);
    assert_eq!(status, 201, "{body}");
    let flow = body["id"].as_str().expect("an id").to_owned();
    let publish = format!("/api/v1/flows/{flow}/publish");
    let (status, body) = house.post(&publish, &json!({"revision": 1}));
    assert_eq!(status, 201, "{body}");
    let number = json!({"digits": number, "target": {"flow": flow}});
    let (status, body) = house.post("/api/v1/numbers", &number);
    assert_eq!(status, 201, "{body}");
}

/// All that a caller hears who keys an account.
fn call(house: &House, from: &str, account: [u8; 3]) -> Vec<i16> {
    let voice = Voice::start(440.0);
    let caller = Caller {
        media_port: Some(voice.port()),
        ..Caller::new(from, NUMBER, vec![Act::WaitForBye])
    };
    let running = caller.call(house.sip, house.scratch());
    wait_for("the question", seconds(20), || voice.has_heard().then_some(()));
    for key in account {
        voice.press(key);
        // A key takes 160 ms on the line.
        std::thread::sleep(seconds(1) / 2);
    }
    running.finish();
    voice.finish().all()
}

/// The first text was heard and the second was not.
pub fn hears(heard: &[i16], text: &str, not: &str) {
    let seconds = heard.len() / 8_000;
    let share = share_heard(&spoken(text), heard);
    assert!(share > HEARD_MIN, "{share:.2} of \"{text}\" stands in {seconds} s");
    let share = share_heard(&spoken(not), heard);
    assert!(share < UNHEARD_MAX, "{share:.2} of \"{not}\" stands in {seconds} s");
}

/// What an engine makes of a text.
pub fn spoken(text: &str) -> Vec<i16> {
    let utterance = mediacore::speech::utterance("zh-CN", text).expect("a text in Chinese");
    let mut engine = Espeak::find().expect("espeak-ng is installed by scripts/setup --tests");
    let file = speak(&mut engine, &utterance).expect("it speaks");
    tests::sound::mono_of(&file)
}
