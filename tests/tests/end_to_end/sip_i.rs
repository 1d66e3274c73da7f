//! Two gateways to SS7 that speak SIP-I, each played by SIPp with ISUP from a file beside its
//! description. What they say of the call in SIP is less, so that ISUP alone can have brought it.

use super::gateways::{
    BUSY, BUSY_THROUGH, DIALLED, Ends, NUMBER, OUTSIDE, TALK_MS, THROUGH, has_line, heard,
    leads_outside, trunk,
};
use serde_json::{Value, json};
use tests::house::{House, Options};
use tests::peer::device::{
    Device, EMPTY, KNOWN, TAGGED, ack_of_refusal, answer, heard_in, hears, hears_answer, insists,
    pauses, receives, request, says,
};

/// ITU-T Q.763: a payphone, 138-0013-8000 within the country, calls 95105677; it rings; it is answered;
/// the call ends for the causes 31 and 17, in the network of the callee.
const IAM: &[u8] = &[
    0x01, 0x00, 0x48, 0x00, 0x0F, 0x03, 2, 8, 6, 0x02, 0x10, 0x59, 0x01, 0x65, 0x77, 0x0A, 8, 0x83,
    0x13, 0x31, 0x08, 0x10, 0x83, 0x00, 0x00, 0x00,
];
const ACM: &[u8] = &[0x06, 0x16, 0x01, 0];
const ANM: &[u8] = &[0x09, 0];
const REL_31: &[u8] = &[0x0C, 2, 0, 2, 0x84, 0x9F];
const REL_17: &[u8] = &[0x0C, 2, 0, 2, 0x84, 0x91];

const KIND: &str = "Content-Type: application/isup;version=itu-t92+;base=itu-t92+";
const REQUIRED: &str = "Content-Disposition: signal;handling=required";
const FROM: &str = "From: <sip:gateway@[local_ip]>";

/// The Contact of a gateway, its description, and beside it what this file holds.
fn with_isup(audio: &str, file: &str) -> String {
    format!(
        "Contact: <sip:gateway@[local_ip]:[local_port]>\nMIME-Version: 1.0\n\
         Content-Type: multipart/mixed;boundary=isup\nContent-Length: [len]\n\n--isup\n\
         Content-Type: application/sdp\n\nv=0\no=gateway 1 1 IN IP4 [local_ip]\ns=-\n\
         c=IN IP4 [media_ip]\nt=0 0\n{audio}\n\n--isup\n{KIND}\n{REQUIRED}\n\n\
         [file name=\"{file}\"]\n--isup--\n"
    )
}

/// The end of a message with what this file holds alone.
fn only_isup(file: &str) -> String {
    format!("{KIND}\n{REQUIRED}\nContent-Length: [len]\n\n[file name=\"{file}\"]\n")
}

/// The trunk that whoever calls from this machine belongs to.
fn callers_speak_it(house: &House) {
    let trunks = house.json("/api/v1/trunks");
    let local = trunks.as_array().and_then(|all| all.iter().find(|one| one["name"] == "local"));
    let mut local: Value = local.expect("the first start made a trunk").clone();
    local["sip_i"] = json!(true);
    let place = format!("/api/v1/trunks/{}", local["id"].as_str().expect("an id"));
    let (status, body) = house.put_json(&place, &local);
    assert_eq!(status, 200, "{body}");
}

/// Whoever reads the trace sees a message up to its first zero.
fn releases(message: &str) {
    has_line(message, KIND);
    assert!(message.trim_end_matches(['\r', '\n']).ends_with("\r\n\r\n\u{c}\u{2}"), "{message:?}");
}

pub fn isup_of_two_gateways_to_ss7_says_who_calls_and_why_a_call_ends(backend: &str) {
    let house = House::start(Options { backend: backend.into(), ..Options::default() });
    for (name, bytes) in
        [("iam", IAM), ("acm", ACM), ("anm", ANM), ("rel31", REL_31), ("rel17", REL_17)]
    {
        std::fs::write(house.scratch().join(name), bytes).expect("it can be written");
    }
    leads_outside(&house, THROUGH, OUTSIDE);
    leads_outside(&house, BUSY_THROUGH, BUSY);
    callers_speak_it(&house);
    let ends = Ends::new();
    let audio = format!("m=audio {} RTP/AVP 8\na=ptime:20", ends.called.port());
    let bye = format!(
        "BYE sip:switchgrid@{} SIP/2.0\n\
         Via: SIP/2.0/UDP [local_ip]:[local_port];branch=[branch]\n\
         From: <sip:{OUTSIDE}@[local_ip]>;tag=[pid]s[call_number]\nTo:[$from]\n[last_Call-ID:]\n\
         CSeq: 1 BYE\nMax-Forwards: 70\n{}",
        house.sip,
        only_isup("rel31")
    );
    let keeps_from = "  <recv request=\"INVITE\"><action><ereg regexp=\".*\" search_in=\"hdr\" \
                      header=\"From:\" assign_to=\"from\"/></action></recv>\n";
    let steps = [
        keeps_from.to_owned(),
        says(&answer("183 Session Progress", TAGGED, &with_isup(&audio, "acm"))),
        insists(&answer("200 OK", TAGGED, &with_isup(&audio, "anm"))),
        receives("ACK"),
        pauses(TALK_MS),
        insists(&bye),
        hears(200),
    ];
    let mut called = Device::awaits(&house, "ss7-called", 1, &steps);
    let far = trunk(&house, "ss7", called.port(), &json!({"sip_i": true}));

    let audio = format!("m=audio {} RTP/AVP 8\na=ptime:20", ends.caller.port());
    let to = format!("To: <{DIALLED}>");
    let steps = [
        insists(&request("INVITE", DIALLED, (FROM, &to), 1, &with_isup(&audio, "iam"))),
        hears_answer(),
        says(&request("ACK", "[next_url]", (FROM, KNOWN), 1, EMPTY)),
        receives("BYE"),
        says(&answer("200 OK", KNOWN, EMPTY)),
    ];
    let mut caller = Device::calls(&house, "ss7-caller", THROUGH, &steps);
    ends.begin(&caller);
    let said = heard_in(&caller.finish(&house));
    let there = heard_in(&called.finish(&house));
    ends.have_heard_each_other();
    has_line(heard(&there, "INVITE "), KIND);
    has_line(heard(&said, "SIP/2.0 200 "), KIND);
    has_line(heard(&said, "BYE "), "Reason: Q.850;cause=31");
    releases(heard(&said, "BYE "));

    let call = house.wait_row("SELECT outcome, caller FROM calls");
    assert_eq!((&call["outcome"], &call["caller"]), (&json!("answered"), &json!(NUMBER)), "{call}");
    let legs = "SELECT hangup_cause, trunk_id FROM legs WHERE role = 'outside'";
    assert_eq!(house.sql(legs), [json!({"hangup_cause": 31, "trunk_id": far})]);
    let started = house.wait_row("SELECT detail FROM events WHERE kind = 'call_started'");
    let detail = started["detail"].as_str().expect("an entry").replace(' ', "");
    assert!(detail.contains("\"category\":\"payphone\""), "{detail}");

    busy_is_said_by_isup_alone(&house);
}

/// The status says that nobody is there, and ISUP that they are busy: the cause is 17, at both ends.
fn busy_is_said_by_isup_alone(house: &House) {
    let refusal = answer("480 Temporarily Unavailable", TAGGED, &only_isup("rel17"));
    let steps = [receives("INVITE"), insists(&refusal), receives("ACK")];
    let mut busy = Device::awaits(house, "ss7-busy", 1, &steps);
    trunk(house, "ss7 busy", busy.port(), &json!({"prefixes": [BUSY], "sip_i": true}));
    let to = format!("To: <{DIALLED}>");
    let body = with_isup("m=audio [auto_media_port] RTP/AVP 8", "iam");
    let steps = [
        insists(&request("INVITE", DIALLED, (FROM, &to), 1, &body)),
        hears(480),
        says(&ack_of_refusal(DIALLED, FROM, 1)),
    ];
    let mut caller = Device::calls(house, "ss7-in-vain", BUSY_THROUGH, &steps);
    let said = heard_in(&caller.finish(house));
    busy.finish(house);
    has_line(heard(&said, "SIP/2.0 480 "), "Reason: Q.850;cause=17");
    releases(heard(&said, "SIP/2.0 480 "));
}
