//! Two offers cross within one call: the box asks the called gateway for T.38, which the caller
//! wants, while that gateway asks for a hold. Each refuses the other's with 491, and both are
//! asked again. SIPp plays the two gateways.

use super::gateways::{OUTSIDE, THROUGH, leads_outside, trunk};
use serde_json::json;
use tests::house::{House, Options};
use tests::peer::desk_phone::{grants, offers_within, takes_a_call_by_name, within};
use tests::peer::device::{
    Device, EMPTY, KNOWN, ack_of_refusal, answer, describes, heard_in, hears, hears_answer,
    insists, pauses, receives, request, says,
};

const DIALLED: &str = "sip:[service]@[remote_ip]:[remote_port]";
const FROM: &str = "From: <sip:13800138000@[local_ip]:[local_port]>";
const TO: &str = "To: <sip:[service]@[remote_ip]:[remote_port]>";
const AUDIO: &str = "m=audio [auto_media_port] RTP/AVP 8\na=rtpmap:8 PCMA/8000\na=ptime:20";
/// A fax, at a port where nobody listens.
const IMAGE: &str = "m=image 9 udptl t38\na=T38FaxVersion:0\na=T38MaxBitRate:14400\n\
    a=T38FaxRateManagement:transferredTCF\na=T38FaxUdpEC:t38UDPRedundancy";
/// Via of a request that begins a transaction.
const VIA: &str = "Via: SIP/2.0/UDP [local_ip]:[local_port];branch=[branch]";

pub fn offers_that_cross_are_refused_both_and_both_made_again(backend: &str) {
    let house = House::start(Options { backend: backend.into(), ..Options::default() });
    leads_outside(&house, THROUGH, OUTSIDE);
    let mut called = Device::awaits(&house, "crossed", 1, &crosses(&house));
    trunk(&house, "crossed", called.port(), &json!({}));
    let inside =
        |method, number, more: &str| request(method, "[next_url]", (FROM, KNOWN), number, more);
    let steps = [
        insists(&request("INVITE", DIALLED, (FROM, TO), 1, &describes(AUDIO))),
        hears_answer(),
        says(&inside("ACK", 1, EMPTY)),
        pauses(500),
        insists(&inside("INVITE", 2, &describes(IMAGE))),
        hears(488),
        says(&ack_of_refusal("[next_url]", FROM, 2)),
        pauses(1_000),
        insists(&inside("BYE", 3, EMPTY)),
        hears(200),
    ];
    let mut caller = Device::calls(&house, "crossing", THROUGH, &steps);
    caller.finish(&house);
    let there = heard_in(&called.finish(&house));
    let count = |begin: &str, seq: &str| {
        let of = |message: &&String| message.starts_with(begin) && message.contains(seq);
        there.iter().filter(of).count()
    };
    assert!(count("SIP/2.0 491 ", "CSeq: 1 INVITE") > 0, "theirs gave way: {there:#?}");
    assert!(count("SIP/2.0 200 ", "CSeq: 2 INVITE") > 0, "and was taken later: {there:#?}");
    let faxes = there.iter().filter(|one| one.starts_with("INVITE ") && one.contains("m=image "));
    let mut numbers: Vec<_> = faxes.filter_map(|one| one.lines().find(is_seq)).collect();
    numbers.dedup();
    assert_eq!(numbers.len(), 2, "ours was made again: {numbers:?}");
    assert!((house.metric("switchgrid_sip_glares_total") - 1.0).abs() < 0.5, "once");
    let call = house.wait_row("SELECT outcome, hangup_by FROM calls");
    assert_eq!((&call["outcome"], &call["hangup_by"]), (&json!("answered"), &json!("customer")));
}

fn is_seq(line: &&str) -> bool {
    line.starts_with("CSeq: ")
}

/// The called gateway, whose offer is on its way when ours comes.
fn crosses(house: &House) -> Vec<String> {
    let held = describes(&format!("{AUDIO}\na=sendonly"));
    let keeps = "  <recv request=\"INVITE\"><action>\
         <ereg regexp=\".*\" search_in=\"hdr\" header=\"Via:\" assign_to=\"via\"/>\
         <ereg regexp=\".*\" search_in=\"hdr\" header=\"CSeq:\" assign_to=\"seq\"/>\
         </action></recv>\n";
    let pending = format!(
        "SIP/2.0 491 Request Pending\nVia:[$via]\nFrom:[$from]\nTo:[$to];tag=[pid]s[call_number]\n\
         [last_Call-ID:]\nCSeq:[$seq]\n{EMPTY}"
    );
    [
        takes_a_call_by_name(100, &describes(AUDIO)),
        vec![
            keeps.to_owned(),
            // Said once: what is said again would cross with more than ours.
            says(&within(house, "INVITE", 1, &held)),
            hears(491),
            says(&within(house, "ACK", 1, EMPTY).replace(VIA, "[last_Via:]")),
            says(&pending),
            receives("ACK"),
            // Who began the dialog waits for two to four seconds (RFC 3261 §14.1).
            receives("INVITE"),
            insists(&answer("488 Not Acceptable Here", KNOWN, EMPTY)),
            receives("ACK"),
        ],
        offers_within(house, 2, &held),
        grants("BYE"),
    ]
    .concat()
}
