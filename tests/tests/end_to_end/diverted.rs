//! Calls to an agent who forwards all of them to a number outside. SIPp plays callers and carrier:
//! the carrier is told that the call was forwarded, how often and why, and one that has been
//! forwarded five times goes no further.

use super::gateways::has_line;
use super::own_keys::{DIRECT, number_of_the_agent};
use super::trunks::{Carrier, answers, trunk_for_all};
use serde_json::json;
use tests::house::{House, Options};
use tests::peer::device::{
    Device, EMPTY, KNOWN, ack_of_refusal, describes, heard_in, hears, hears_answer, insists,
    pauses, request, says,
};

/// Where the agent forwards to.
const OUTSIDE: &str = "02155556666";
const DIALLED: &str = "sip:[service]@[remote_ip]:[remote_port]";
const FROM: &str = "From: <sip:13800138000@[local_ip]:[local_port]>";
const TO: &str = "To: <sip:[service]@[remote_ip]:[remote_port]>";
const AUDIO: &str = "m=audio [auto_media_port] RTP/AVP 8\na=rtpmap:8 PCMA/8000\na=ptime:20";

pub fn a_carrier_is_told_how_often_a_call_was_forwarded_and_after_five_times_it_is_not(
    backend: &str,
) {
    let house = House::start(Options { backend: backend.into(), ..Options::default() });
    let agent = number_of_the_agent(&house);
    let mut carrier = Carrier::start(&house, "forwarded-to", 2, &answers(None));
    trunk_for_all(&house, &carrier);
    let path = format!("/api/v1/agents/{agent}/forwarding");
    let (status, body) = house.put_json(&path, &json!({"always": OUTSIDE}));
    assert_eq!(status, 204, "{body}");

    talks(&house, "straight", "");
    let before = "Diversion: <sip:95100001@example.org>;reason=user-busy;counter=2\n\
         History-Info: <sip:95100001@example.org>;index=1, \
         <sip:95100002@example.org;cause=486>;index=1.1;mp=1\n";
    talks(&house, "forwarded", before);
    is_refused(&house, "Diversion: <sip:95100001@example.org>;reason=user-busy;counter=5\n");
    carrier.finish(&house);

    let mut invites = heard_in(&carrier.said());
    invites.retain(|message| message.starts_with("INVITE "));
    invites.dedup();
    assert_eq!(invites.len(), 2, "{invites:#?}");
    let ours = format!("<sip:{}@127.0.0.1:{}>", house.hotline, carrier.port());
    let theirs = format!("<sip:{OUTSIDE}@127.0.0.1:{};cause=302>", carrier.port());
    for (invite, times) in invites.iter().zip([1, 3]) {
        has_line(invite, &format!("Diversion: {ours};reason=unconditional;counter={times}"));
        has_line(invite, &format!("History-Info: {ours};index=1, {theirs};index=1.1;mp=1"));
        assert!(!invite.contains("9510000"), "nothing of who forwarded it before: {invite}");
        assert!(!invite.contains("13800138000"), "nothing of who calls: {invite}");
    }
    let answered = "SELECT n FROM (SELECT count(*) AS n FROM calls WHERE outcome = 'answered') \
                    AS counted WHERE n = 2";
    house.wait_row(answered);
}

fn calls(more: &str) -> String {
    let more = format!("{more}{}", describes(AUDIO));
    insists(&request("INVITE", DIALLED, (FROM, TO), 1, &more))
}

/// Who calls with these lines is answered, and hangs up.
fn talks(house: &House, name: &str, more: &str) {
    let inside = |method, number| request(method, "[next_url]", (FROM, KNOWN), number, EMPTY);
    let steps = [
        calls(more),
        hears_answer(),
        says(&inside("ACK", 1)),
        pauses(500),
        insists(&inside("BYE", 2)),
        hears(200),
    ];
    Device::calls(house, name, DIRECT, &steps).finish(house);
}

/// Who calls with these lines finds nobody: the agent has no phone, and it is not forwarded again.
fn is_refused(house: &House, more: &str) {
    let steps = [calls(more), hears(480), says(&ack_of_refusal(DIALLED, FROM, 1))];
    Device::calls(house, "forwarded-five-times", DIRECT, &steps).finish(house);
}
