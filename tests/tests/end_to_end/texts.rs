//! SMS: a GSM gateway, played by SIPp, passes a text of one of its cards on, and takes one of ours once it
//! knows who we are; a caller has one sent by a flow. Nobody's words stand in the log of the program.

use super::database::puts_on_a_number;
use super::gateways::{DIALLED, NUMBER, has_line, heard, trunk};
use super::seconds;
use serde_json::{Value, json};
use tests::house::{House, Options, wait_for};
use tests::peer::device::{
    Device, EMPTY, TAGGED, answer, heard_in, hears, insists, receives, request, says,
};
use tests::peer::sipp::{Act, Caller};

const OUTSIDE: &str = "13900139000";
const CAME: &str = "code 4711, 验证码";
const GOES: &str = "您好，您的工单已受理";
const FLOWS: &str = "您的快件正在派送";
const CALLER: &str = "13500135000";
const TRACKED: &str = "95105692";

pub fn a_gsm_gateway_passes_texts_on_both_ways(backend: &str) {
    let house = House::start(Options { backend: backend.into(), ..Options::default() });
    comes_in(&house);
    goes_out(&house);
    a_flow_sends_one(&house);
    let log = house.log();
    assert!([CAME, GOES, FLOWS].iter().all(|words| !log.contains(words)), "{log}");
}

fn comes_in(house: &House) {
    let (from, to) =
        (format!("From: <sip:{NUMBER}@[local_ip]>"), "To: <sip:[service]@[remote_ip]>");
    let body = format!("Content-Type: text/plain;charset=UTF-8\nContent-Length: [len]\n\n{CAME}");
    let message = request("MESSAGE", DIALLED, (&from, to), 1, &body);
    let mut gateway =
        Device::calls(house, "text-in", &house.hotline, &[insists(&message), hears(200)]);
    gateway.finish(house);
    let came = wait_for("the text", seconds(20), || {
        house.json("/api/v1/texts").as_array()?.first().cloned()
    });
    assert_eq!((&came["direction"], &came["state"]), (&json!("in"), &json!("received")), "{came}");
    assert_eq!(came["number"], NUMBER, "{came}");
    assert_eq!(came["text"].as_str().map(str::trim_end), Some(CAME), "{came}");
    let row = house.wait_row("SELECT detail FROM events WHERE kind = 'text_received'");
    let detail = row["detail"].as_str().expect("a text");
    assert!(detail.contains(came["id"].as_str().expect("an id")), "{row}");
}

fn goes_out(house: &House) {
    let challenge = format!(
        "Proxy-Authenticate: Digest realm=\"gsm\",nonce=\"6f1d\",algorithm=MD5,qop=\"auth\"\n{EMPTY}"
    );
    let steps = [
        receives("MESSAGE"),
        says(&answer("407 Proxy Authentication Required", TAGGED, &challenge)),
        receives("MESSAGE"),
        says(&answer("202 Accepted", TAGGED, EMPTY)),
    ];
    let mut gateway = Device::awaits(house, "text-out", 1, &steps);
    let line =
        json!({"prefixes": ["13"], "outbound_user": "gw", "outbound_password": "a-secret-of-ours"});
    let id = trunk(house, "gsm", gateway.port(), &line);
    let (status, sent) = house.post("/api/v1/texts", &json!({"number": OUTSIDE, "text": GOES}));
    assert_eq!((status, &sent["state"]), (201, &json!("sending")), "{sent}");
    let said = gateway.finish(house);
    let uri = format!("/api/v1/texts/{}", sent["id"].as_str().expect("an id"));
    let is_over = || Some(house.json(&uri)).filter(|text| text["ended_at"] != Value::Null);
    let sent = wait_for("the text to be over", seconds(20), is_over);
    assert_eq!((&sent["state"], &sent["status"]), (&json!("taken"), &json!(202)), "{sent}");
    assert_eq!((&sent["trunk"], &sent["own_number"]), (&json!(id), &json!(house.hotline)));

    let there = heard_in(&said);
    let first = heard(&there, &format!("MESSAGE sip:{OUTSIDE}@127.0.0.1:{} ", gateway.port()));
    has_line(first, "Content-Type: text/plain;charset=UTF-8");
    assert!(!first.contains("Proxy-Authorization"), "{first}");
    let proven = there.iter().find(|message| message.contains("Proxy-Authorization: Digest "));
    let proven = proven.expect("it says who we are");
    assert!(proven.contains("username=\"gw\"") && proven.contains(GOES), "{proven}");
}

/// To who calls it, over the trunk that their number leads over.
fn a_flow_sends_one(house: &House) {
    let steps = [receives("MESSAGE"), says(&answer("202 Accepted", TAGGED, EMPTY))];
    let mut gateway = Device::awaits(house, "text-of-flow", 1, &steps);
    let id = trunk(house, "gsm-2", gateway.port(), &json!({"prefixes": ["135"]}));
    let flow = json!({"format": 1, "start": "text", "steps": {
        "text": {"kind": "text", "text": FLOWS, "trunk": id, "next": "bye", "on": {"error": "bye"}},
        "bye": {"kind": "hangup"}}});
    puts_on_a_number(house, TRACKED, &flow);
    let caller = Caller::new(CALLER, TRACKED, vec![Act::WaitForBye]);
    caller.call(house.sip, house.scratch()).finish();
    let said = gateway.finish(house);
    let there = heard_in(&said);
    let first = heard(&there, &format!("MESSAGE sip:{CALLER}@127.0.0.1:{} ", gateway.port()));
    assert!(first.contains(FLOWS), "{first}");
    let sent = wait_for("the text to be over", seconds(20), || {
        let texts = house.json("/api/v1/texts");
        texts.as_array()?.first().filter(|text| text["state"] == "taken").cloned()
    });
    assert_eq!((&sent["text"], &sent["asked_by"]), (&json!(FLOWS), &Value::Null), "{sent}");
    assert_eq!((&sent["trunk"], &sent["own_number"]), (&json!(id), &json!(house.hotline)));
    let row = house.wait_row("SELECT detail, call_id FROM events WHERE kind = 'text_asked'");
    assert_ne!(row["call_id"], Value::Null, "it is of the call: {row}");
}
