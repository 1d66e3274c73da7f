//! The sample flow of a gas company with the company's own server behind it: a caller keys account and
//! month, the server is asked for them, and what it answers is read out. An account that it does not know
//! has its own words. The server is a small one of the test, SIPp calls.

use super::database::{hears, spoken};
use super::seconds;
use serde_json::json;
use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::Duration;
use tests::house::{House, Options, wait_for};
use tests::peer::sipp::{Act, Caller};
use tests::peer::voice::Voice;
use tests::sound::{mono, share_heard};
use tests::tree;

const NUMBER: &str = "95105690";
const ACCOUNT: &str = "10023456";
const NOBODYS: &str = "99999999";
const MONTH: &str = "202611";
/// What the flow says: before it asks for anything, before the balance, behind it, and instead of it.
const WELCOME: &str = "欢迎致电燃气服务热线。如闻到燃气味，请立即关闭阀门并按9。";
const BILL: &str = "月份燃气费";
const DUE: &str = "之前缴费。";
const UNKNOWN: &str = "没有查到该户号的账单。";
/// Parts of 86.40 yuan that are in nothing else that is read out.
const BALANCE: [&str; 3] = ["digits/8", "words/yuan", "words/jiao"];
const HEARD_MIN: f64 = 0.8;
const UNHEARD_MAX: f64 = 0.3;

pub fn a_caller_keys_account_and_month_and_hears_what_the_gas_company_answers(backend: &str) {
    let (port, asked) = company();
    let config = "[ivr]\nhttp_allowed = [\"127.0.0.1\"]\n".into();
    let house = House::start(Options { backend: backend.into(), config, ..Options::default() });
    answers(&house, port);

    let heard = call(&house, "13500135000", ACCOUNT);
    let question =
        |account: &str| format!("GET /v1/bills?account={account}&month={MONTH} HTTP/1.1");
    assert_eq!(asked.try_iter().collect::<Vec<_>>(), [question(ACCOUNT)], "asked once");
    hears(&heard, BILL, UNKNOWN);
    hears(&heard, DUE, UNKNOWN);
    for part in BALANCE {
        let share = share_of(part, &heard);
        assert!(share > HEARD_MIN, "{share:.2} of {part} was heard");
    }

    let heard = call(&house, "13600136000", NOBODYS);
    let questions: Vec<String> = asked.try_iter().collect();
    assert!(!questions.is_empty(), "the server was asked");
    assert!(questions.iter().all(|asked| *asked == question(NOBODYS)), "{questions:?}");
    hears(&heard, UNKNOWN, BILL);
    for part in BALANCE {
        let share = share_of(part, &heard);
        assert!(share < UNHEARD_MAX, "{share:.2} of {part} was heard");
    }
    let calls = "SELECT n FROM (SELECT count(*) AS n FROM calls) AS counted WHERE n = 2";
    house.wait_row(calls);
    assert_eq!(house.sql("SELECT DISTINCT outcome FROM calls"), [json!({"outcome": "ivr_only"})]);
}

/// The company's server: its port, and the first line of each request that came.
fn company() -> (u16, Receiver<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = listener.local_addr().expect("its own address").port();
    let (tell, asked) = channel();
    std::thread::spawn(move || {
        for stream in listener.incoming().map_while(Result::ok) {
            if serve(stream, &tell).is_none() {
                break;
            }
        }
    });
    (port, asked)
}

/// One request and its answer; none when nobody listens to what was asked any more.
fn serve(mut stream: TcpStream, tell: &Sender<String>) -> Option<()> {
    let lines = BufReader::new(stream.try_clone().ok()?).lines().map_while(Result::ok);
    let head: Vec<String> = lines.take_while(|line| !line.is_empty()).collect();
    let Some(asked) = head.into_iter().next() else { return Some(()) };
    let is_known = asked.contains(&format!("account={ACCOUNT}&month={MONTH} "));
    let (status, body) = match is_known {
        true => ("200 OK", json!({"amount": "86.40", "owed": "86.40", "due": "2026-12-15"})),
        false => ("404 Not Found", json!({})),
    };
    let body = body.to_string();
    tell.send(asked).ok()?;
    let answer = format!(
        "HTTP/1.1 {status}\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\
         Connection: close\r\n\r\n{body}",
        body.len()
    );
    // Who hangs up meanwhile does not want it.
    let _ = stream.write_all(answer.as_bytes());
    Some(())
}

/// Takes the sample, publishes it and has it answer the number.
fn answers(house: &House, port: u16) {
    let queues = house.json("/api/v1/queues");
    let server = format!("http://127.0.0.1:{port}");
    let draft = json!({"name": "gas", "queue": queues[0]["id"], "server": server});
    let (status, body) = house.post("/api/v1/flows/packs/gas", &draft);
    assert_eq!(status, 201, "{body}");
    let flow = body["id"].as_str().expect("an id").to_owned();
    let publish = format!("/api/v1/flows/{flow}/publish");
    let (status, body) = house.post(&publish, &json!({"revision": 1}));
    assert_eq!(status, 201, "{body}");
    let number = json!({"digits": NUMBER, "target": {"flow": flow}});
    let (status, body) = house.post("/api/v1/numbers", &number);
    assert_eq!(status, 201, "{body}");
}

/// All that a caller hears who asks for the bill of this account.
fn call(house: &House, from: &str, account: &str) -> Vec<i16> {
    let voice = Voice::start(440.0);
    let caller = Caller {
        media_port: Some(voice.port()),
        ..Caller::new(from, NUMBER, vec![Act::WaitForBye])
    };
    let running = caller.call(house.sip, house.scratch());
    wait_for("the welcome", seconds(20), || voice.has_heard().then_some(()));
    // The key belongs to the menu behind the welcome, which lasts longer than this.
    let samples = spoken(WELCOME).len() as u64;
    std::thread::sleep(Duration::from_millis(samples / 8) + seconds(2));
    for key in format!("1{account}{MONTH}").bytes() {
        voice.press(key - b'0');
        // A key takes 160 ms on the line.
        std::thread::sleep(seconds(1) / 2);
    }
    running.finish();
    voice.finish().all()
}

/// Share of a prompt of the box that was heard.
fn share_of(part: &str, heard: &[i16]) -> f64 {
    let file = tree::root().join(format!("prompts/zh-CN/{part}.wav"));
    share_heard(&mono(&file), heard)
}
