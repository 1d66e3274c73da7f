//! What phones and gateways do within a call, each played by SIPp: hold in every way, refreshes, an
//! offer that comes late, forks, a CANCEL that an answer crosses, reliable ringing, and REFER with what
//! its NOTIFYs say.

use super::{house, seconds};
use serde_json::json;
use tests::house::{House, Options, wait_for};
use tests::peer::desk_phone::{grants, registers_at, takes_a_call_by_name, within};
use tests::peer::device::{
    Device, EMPTY, KNOWN, TAGGED, ack_of_refusal, answer, describes, heard_in, hears, hears_answer,
    hears_only, insists, pauses, perhaps_hears, receives, request, says,
};
use tests::seat::sign_in;

/// A number of ours that leads outside, and who is called there.
const THROUGH: &str = "95105677";
const OUTSIDE: &str = "02155556666";
/// A number of ours that leads to the first agent.
const DIRECT: &str = "95105678";
const DIALLED: &str = "sip:[service]@[remote_ip]:[remote_port]";
const FROM: &str = "From: <sip:13800138000@[local_ip]:[local_port]>";
const TO: &str = "To: <sip:[service]@[remote_ip]:[remote_port]>";
/// Audio that nobody listens to.
const AUDIO: &str = "m=audio [auto_media_port] RTP/AVP 8\na=rtpmap:8 PCMA/8000\na=ptime:20";

/// A trunk to this device, and a number of ours that leads to it.
fn leads_to(house: &House, device: &Device) {
    let number = json!({"digits": THROUGH, "target": {"number": OUTSIDE}});
    let (status, body) = house.post("/api/v1/numbers", &number);
    assert_eq!(status, 201, "{body}");
    let draft = json!({
        "name": "outside", "proxy": format!("sip:127.0.0.1:{};transport=udp", device.port()),
        "prefixes": [""], "caller_number": house.hotline, "codecs": ["PCMA"],
    });
    let (status, body) = house.post("/api/v1/trunks", &draft);
    assert_eq!(status, 201, "{body}");
}

/// Who is called: rings so long, answers, and waits for the end.
fn answers_after(ms: u32) -> Vec<String> {
    vec![
        receives("INVITE"),
        says(&answer("180 Ringing", TAGGED, EMPTY)),
        pauses(ms),
        insists(&answer("200 OK", TAGGED, &describes(AUDIO))),
        receives("ACK"),
        receives("BYE"),
        says(&answer("200 OK", KNOWN, EMPTY)),
    ]
}

/// A request within the caller's call.
fn inside(method: &str, number: u8, more: &str) -> String {
    request(method, "[next_url]", (FROM, KNOWN), number, more)
}

fn hangs_up(number: u8) -> [String; 2] {
    [insists(&inside("BYE", number, EMPTY)), hears(200)]
}

/// A re-INVITE with more lines, its answer and its ACK.
fn offers(number: u8, more: &str) -> Vec<String> {
    let again = insists(&inside("INVITE", number, more));
    vec![again, hears(200), says(&inside("ACK", number, EMPTY))]
}

/// The answers to requests of this kind, in their order; repetitions left out.
fn answers_to(said: &str, method: &str) -> Vec<String> {
    let mut answers = heard_in(said);
    let of = |message: &String| {
        let seq = message.lines().find(|line| line.starts_with("CSeq: ")).unwrap_or_default();
        message.starts_with("SIP/2.0 200 ") && seq.trim_end().ends_with(method)
    };
    answers.retain(of);
    answers.dedup();
    answers
}

pub fn a_caller_without_an_offer_holds_in_every_way_and_refreshes_the_session(backend: &str) {
    let house = house(backend, 1);
    let mut called = Device::awaits(&house, "held", 1, &answers_after(100));
    leads_to(&house, &called);
    let timer = "Supported: timer\nSession-Expires: 120;refresher=uac\n";
    let contact = "Contact: <sip:device@[local_ip]:[local_port]>\n";
    let first = format!("{contact}Allow: INVITE, ACK, BYE, CANCEL, UPDATE\n{timer}{EMPTY}");
    let with = |direction: &str| describes(&format!("{AUDIO}\na={direction}"));
    let nowhere = with("sendrecv").replace("c=IN IP4 [media_ip]", "c=IN IP4 0.0.0.0");
    let steps = [
        // No offer: it comes in the answer, and ours in the ACK.
        vec![insists(&request("INVITE", DIALLED, (FROM, TO), 1, &first)), hears_answer()],
        vec![says(&inside("ACK", 1, &describes(AUDIO))), pauses(300)],
        offers(2, &with("sendonly")),
        offers(3, &with("inactive")),
        offers(4, &nowhere),
        offers(5, &with("sendrecv")),
        vec![insists(&inside("UPDATE", 6, &format!("{contact}{timer}{EMPTY}"))), hears(200)],
        offers(7, &format!("{timer}{}", with("sendrecv"))),
        hangs_up(8).to_vec(),
    ];
    let mut caller = Device::calls(&house, "holds", THROUGH, &steps.concat());
    let said = caller.finish(&house);
    called.finish(&house);

    let invites = answers_to(&said, " INVITE");
    assert_eq!(invites.len(), 6, "{invites:#?}");
    for (at, direction) in [(1, "recvonly"), (2, "inactive"), (4, "sendrecv"), (5, "sendrecv")] {
        assert!(invites[at].contains(&format!("a={direction}")), "{at}: {}", invites[at]);
    }
    let updates = answers_to(&said, " UPDATE");
    for refreshed in [&invites[0], &updates[0], &invites[5]] {
        assert!(refreshed.contains("Session-Expires: 120;refresher=uac"), "{refreshed}");
    }
    let call = house.wait_row("SELECT outcome, hangup_by FROM calls");
    assert_eq!((&call["outcome"], &call["hangup_by"]), (&json!("answered"), &json!("customer")));
}

pub fn ringing_that_has_to_arrive_is_repeated_until_its_prack(backend: &str) {
    let house = house(backend, 1);
    let mut called = Device::awaits(&house, "rung", 1, &answers_after(1_500));
    leads_to(&house, &called);
    let reliable = format!("Require: 100rel\n{}", describes(AUDIO));
    let prack = |number: u8, rack: &str| inside("PRACK", number, &format!("RAck: {rack}\n{EMPTY}"));
    let steps = [
        insists(&request("INVITE", DIALLED, (FROM, TO), 1, &reliable)),
        perhaps_hears(100),
        hears_only(180),
        // It is said again after half a second.
        pauses(700),
        insists(&prack(2, "7 1 INVITE")),
        "  <recv response=\"481\"/>\n".to_owned(),
        insists(&prack(3, "1 1 INVITE")),
        "  <recv response=\"200\"/>\n".to_owned(),
        hears_answer(),
        says(&inside("ACK", 1, EMPTY)),
        pauses(1_200),
    ];
    let steps = [steps.to_vec(), hangs_up(4).to_vec()].concat();
    let mut caller = Device::calls(&house, "pracks", THROUGH, &steps);
    let said = caller.finish(&house);
    called.finish(&house);
    let heard = heard_in(&said);
    let ringing: Vec<_> = heard.iter().filter(|one| one.starts_with("SIP/2.0 180 ")).collect();
    assert!(ringing.len() > 1, "it was repeated: {said}");
    assert!(ringing.iter().all(|one| one.contains("RSeq: 1") && one.contains("Require: 100rel")));
    let answered = heard.iter().filter(|message| {
        message.starts_with("SIP/2.0 200 ") && message.contains("CSeq: 1 INVITE")
    });
    assert_eq!(answered.count(), 1, "its ACK was taken though others came before it: {said}");
}

/// Keeps what an answer to the INVITE repeats: by then other requests have come.
fn keeps_invite() -> String {
    let kept = ["Via", "From", "To"].map(|header| {
        format!(
            "<ereg regexp=\".*\" search_in=\"hdr\" header=\"{header}:\" assign_to=\"{header}\"/>"
        )
    });
    format!("  <recv request=\"INVITE\"><action>{}</action></recv>\n", kept.concat())
}

/// An answer to the INVITE that was kept.
fn answers_invite(status: &str, tag: char, more: &str) -> String {
    format!(
        "SIP/2.0 {status}\nVia:[$Via]\nFrom:[$From]\nTo:[$To];tag=[pid]{tag}[call_number]\n\
         [last_Call-ID:]\nCSeq: 1 INVITE\n{more}"
    )
}

pub fn a_carrier_whose_ringing_has_to_arrive_gets_its_pracks_and_may_offer_anew(backend: &str) {
    let house = house(backend, 1);
    let audio = describes(AUDIO);
    let bare = format!("Contact: <sip:device@[local_ip]:[local_port]>\n{EMPTY}");
    let reliably = |status: &str, rseq: u8, more: &str| {
        says(&answers_invite(status, 's', &format!("Require: 100rel\nRSeq: {rseq}\n{more}")))
    };
    let update = format!(
        "UPDATE sip:switchgrid@{} SIP/2.0\n\
         Via: SIP/2.0/UDP [local_ip]:[local_port];branch=[branch]\n\
         From:[$To];tag=[pid]s[call_number]\nTo:[$From]\n[last_Call-ID:]\nCSeq: 1 UPDATE\n\
         Max-Forwards: 70\n{audio}",
        house.sip
    );
    let steps = [
        keeps_invite(),
        reliably("183 Session Progress", 5, &audio),
        receives("PRACK"),
        says(&answer("200 OK", KNOWN, EMPTY)),
        reliably("180 Ringing", 6, &bare),
        receives("PRACK"),
        says(&answer("200 OK", KNOWN, EMPTY)),
        insists(&update),
        "  <recv response=\"200\"/>\n".to_owned(),
        insists(&answers_invite("200 OK", 's', &audio)),
        receives("ACK"),
        receives("BYE"),
        says(&answer("200 OK", KNOWN, EMPTY)),
    ];
    let mut carrier = Device::awaits(&house, "insists", 1, &steps);
    leads_to(&house, &carrier);
    let steps = [
        vec![
            insists(&request("INVITE", DIALLED, (FROM, TO), 1, &audio)),
            hears_answer(),
            says(&inside("ACK", 1, EMPTY)),
            pauses(500),
        ],
        hangs_up(2).to_vec(),
    ];
    Device::calls(&house, "unaware", THROUGH, &steps.concat()).finish(&house);
    let heard = heard_in(&carrier.finish(&house));
    let of = |begin: &str| -> Vec<&String> {
        heard.iter().filter(|message| message.starts_with(begin)).collect()
    };
    assert!(of("INVITE ")[0].contains("100rel"), "{heard:#?}");
    let pracks = of("PRACK ");
    assert_eq!(pracks.len(), 2, "each once: {pracks:#?}");
    assert!(pracks[0].contains("RAck: 5 1 INVITE") && pracks[1].contains("RAck: 6 1 INVITE"));
    let updated = of("SIP/2.0 200 ");
    assert!(
        updated[0].contains("CSeq: 1 UPDATE") && updated[0].contains("m=audio "),
        "{updated:#?}"
    );
    assert!(of("ACK ")[0].contains("CSeq: 1 ACK") && of("BYE ")[0].contains("CSeq: 4 BYE"));
    let call = house.wait_row("SELECT outcome FROM calls");
    assert_eq!(call["outcome"], json!("answered"));
}

pub fn one_answer_of_a_fork_talks_and_an_answer_that_crosses_a_cancel_is_ended(backend: &str) {
    let house = house(backend, 1);
    let tag = |tag: char| format!("[last_To:];tag=[pid]{tag}[call_number]");
    let audio = describes(AUDIO);
    // The second answer comes behind the first one's ACK, whose lines are others.
    let late = answers_invite("200 OK", 'c', &audio);
    let forks = [
        keeps_invite(),
        says(&answer("183 Session Progress", &tag('a'), &audio)),
        says(&answer("183 Session Progress", &tag('b'), &audio)),
        says(&answer("200 OK", &tag('b'), &audio)),
        receives("ACK"),
        says(&late),
        receives("ACK"),
        receives("BYE"),
        says(&answer("200 OK", KNOWN, EMPTY)),
        receives("BYE"),
        says(&answer("200 OK", KNOWN, EMPTY)),
    ];
    let mut forks = Device::awaits(&house, "forks", 1, &forks);
    leads_to(&house, &forks);
    let calls = insists(&request("INVITE", DIALLED, (FROM, TO), 1, &audio));
    let steps = [
        vec![calls.clone(), hears_answer(), says(&inside("ACK", 1, EMPTY)), pauses(500)],
        hangs_up(2).to_vec(),
    ];
    Device::calls(&house, "forked", THROUGH, &steps.concat()).finish(&house);
    let there = heard_in(&forks.finish(&house));
    let byes: Vec<_> = there.iter().filter(|message| message.starts_with("BYE ")).collect();
    let is_of = |message: &str, tag: char| {
        let to = message.lines().find(|line| line.starts_with("To: ")).unwrap_or_default();
        to.split("tag=").nth(1).is_some_and(|named| named.contains(tag))
    };
    assert!(is_of(byes[0], 'c') && is_of(byes[1], 'b'), "{byes:#?}");

    // Another carrier for another number: its callee answers while the caller gives up.
    let crosses = [
        receives("INVITE"),
        says(&answer("180 Ringing", TAGGED, EMPTY)),
        receives("CANCEL"),
        says(&answer("200 OK", TAGGED, EMPTY)),
        insists(&answer("200 OK", TAGGED, &audio).replace("[last_CSeq:]", "CSeq: 1 INVITE")),
        receives("ACK"),
        receives("BYE"),
        says(&answer("200 OK", KNOWN, EMPTY)),
    ];
    let mut crosses = Device::awaits(&house, "crosses", 1, &crosses);
    let draft = json!({
        "name": "crosses", "proxy": format!("sip:127.0.0.1:{};transport=udp", crosses.port()),
        "prefixes": [OUTSIDE], "caller_number": house.hotline, "codecs": ["PCMA"],
    });
    let (status, body) = house.post("/api/v1/trunks", &draft);
    assert_eq!(status, 201, "{body}");
    let cancel = request("CANCEL", DIALLED, (FROM, TO), 1, EMPTY)
        .replace("branch=[branch]", "branch=[branch-3]");
    let steps = [
        calls,
        perhaps_hears(100),
        "  <recv response=\"180\"/>\n".to_owned(),
        insists(&cancel),
        "  <recv response=\"200\"/>\n  <recv response=\"487\"/>\n".to_owned(),
        says(&ack_of_refusal(DIALLED, FROM, 1)),
    ];
    Device::calls(&house, "gives-up", THROUGH, &steps).finish(&house);
    crosses.finish(&house);
    let both =
        house.wait_row("SELECT n FROM (SELECT count(*) AS n FROM calls) AS counted WHERE n = 2");
    assert_eq!(both["n"], 2);
    let talked = house.sql("SELECT count(*) AS n FROM calls WHERE outcome = 'answered'");
    assert_eq!(talked, [json!({"n": 1})]);
}

pub fn a_phone_passes_its_caller_on_and_is_told_how_it_goes(backend: &str) {
    let sip = "digest = [\"MD5\"]\n".into();
    let house = House::start(Options { backend: backend.into(), sip, ..Options::default() });
    let number = json!({"digits": DIRECT, "target": {"agent": agent_id(&house)}});
    let (status, body) = house.post("/api/v1/numbers", &number);
    assert_eq!(status, 201, "{body}");
    let mut called = Device::awaits(&house, "called", 1, &answers_after(300));
    leads_to(&house, &called);

    let refer = format!(
        "Contact: <sip:device@[local_ip]:[local_port]>\nRefer-To: <sip:{OUTSIDE}@{}>\n{EMPTY}",
        house.sip
    );
    let told = grants("NOTIFY");
    let steps = [
        takes_a_call_by_name(100, &describes(AUDIO)),
        vec![
            pauses(500),
            insists(&within(&house, "REFER", 1, &refer)),
            "  <recv response=\"202\"/>\n".to_owned(),
        ],
        // Trying, ringing, answered.
        told.clone(),
        told.clone(),
        told,
        grants("BYE"),
    ];
    let mut phone = Device::awaits(&house, "phone", 1, &steps.concat());
    let agent = registers_at(&house, 0, phone.port());
    sign_in(&house, &agent);

    let steps = [
        vec![
            insists(&request("INVITE", DIALLED, (FROM, TO), 1, &describes(AUDIO))),
            hears_answer(),
            says(&inside("ACK", 1, EMPTY)),
            pauses(4_000),
        ],
        hangs_up(2).to_vec(),
    ];
    let mut caller = Device::calls(&house, "passed-on", DIRECT, &steps.concat());
    let there = heard_in(&phone.finish(&house));
    caller.finish(&house);
    called.finish(&house);
    let notifies: Vec<_> = there.iter().filter(|one| one.starts_with("NOTIFY ")).collect();
    assert_eq!(notifies.len(), 3, "{there:#?}");
    for (notify, states) in notifies.iter().zip([
        ["SIP/2.0 100 ", "active;"],
        ["SIP/2.0 180 ", "active;"],
        ["SIP/2.0 200 ", "terminated;"],
    ]) {
        assert!(states.iter().all(|state| notify.contains(state)), "{states:?}: {notify}");
    }
    let row = house.wait_row("SELECT outcome FROM calls");
    assert_eq!(row["outcome"], "answered", "{row}");
    assert_eq!(house.sql("SELECT seq FROM events WHERE kind = 'transferred'").len(), 1);
}

/// The id of the first agent, as the API has it.
pub fn agent_id(house: &House) -> String {
    let user = house.agents[0].user.as_str();
    wait_for("the agents", seconds(20), || {
        let agents = house.json("/api/v1/agents");
        let list = agents.as_array().or(agents["items"].as_array())?.clone();
        list.iter().find(|one| one["number"] == user)?["id"].as_str().map(str::to_owned)
    })
}
