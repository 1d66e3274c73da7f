//! Gateways and lines of other networks, each played by SIPp as such a device speaks: an IMS line
//! behind an SBC, E1 gateways with causes of ISDN, an analogue and a GSM gateway. A caller comes in
//! from one of them and goes out over another; both are heard, and causes reach the other end.

use super::seconds;
use serde_json::{Value, json};
use tests::house::{House, Options, wait_for};
use tests::peer::device::{
    Device, EMPTY, KNOWN, TAGGED, ack_of_refusal, answer, describes, heard_in, hears, hears_answer,
    insists, pauses, receives, request, says,
};
use tests::peer::voice::Voice;
use tests::sound::halves_with;

/// Numbers of ours that lead outside, and who is called there.
pub(super) const THROUGH: &str = "95105677";
pub(super) const OUTSIDE: &str = "02155556666";
pub(super) const BUSY_THROUGH: &str = "95105678";
pub(super) const BUSY: &str = "02155557777";
const RINGS_THROUGH: &str = "95105679";
const RINGS: &str = "02155558888";
/// What each end says, in Hz.
const CALLER: u32 = 1_900;
const CALLED: u32 = 440;
/// Half seconds of the other's tone that each hears at least, of two and a half.
const HALVES_MIN: usize = 2;
/// How long they talk, in ms.
pub(super) const TALK_MS: u32 = 2_500;

/// The number of whoever calls, as each of these devices says it.
pub(super) const NUMBER: &str = "+8613800138000";
/// The contact that is called by who has nothing but a registration.
const CONTACT: &str = "sip:switchgrid@[remote_ip]:[remote_port]";
pub(super) const DIALLED: &str = "sip:[service]@[remote_ip]:[remote_port];user=phone";

pub(super) fn leads_outside(house: &House, number: &str, outside: &str) {
    let number = json!({"digits": number, "target": {"number": outside}});
    let (status, body) = house.post("/api/v1/numbers", &number);
    assert_eq!(status, 201, "{body}");
}

/// A trunk to this device, with more of its settings.
pub(super) fn trunk(house: &House, name: &str, port: u16, more: &Value) -> String {
    let mut draft = json!({
        "name": name, "proxy": format!("sip:127.0.0.1:{port};transport=udp"),
        "prefixes": [""], "caller_number": house.hotline, "codecs": ["PCMA"],
    });
    let (draft, more) = (draft.as_object_mut(), more.as_object());
    let draft = draft.expect("an object");
    draft.extend(more.expect("an object").clone());
    let (status, body) = house.post("/api/v1/trunks", &json!(draft));
    assert_eq!(status, 201, "{body}");
    body["id"].as_str().expect("an id").to_owned()
}

/// What a device that answers says from the INVITE to the ACK: ringing with audio, then the answer.
/// With `repeats` the answer has the description too, as RFC 3261 wants it.
fn takes_a_call(audio: &str, repeats: bool) -> Vec<String> {
    let described = describes(audio);
    let bare = format!("Contact: <sip:device@[local_ip]:[local_port]>\n{EMPTY}");
    vec![
        says(&answer("183 Session Progress", TAGGED, &described)),
        says(&answer("180 Ringing", TAGGED, EMPTY)),
        insists(&answer("200 OK", TAGGED, if repeats { &described } else { &bare })),
        receives("ACK"),
    ]
}

/// A device that calls, talks for a while, and hangs up with this cause.
fn calls_and_talks(uri: &str, from: &str, to: &str, more: &str, audio: &str) -> Vec<String> {
    let ends = (from, to);
    let reason = format!("Reason: Q.850;cause=16;text=\"Normal call clearing\"\n{EMPTY}");
    vec![
        insists(&request("INVITE", uri, ends, 1, &format!("{more}{}", describes(audio)))),
        hears_answer(),
        says(&request("ACK", "[next_url]", (from, KNOWN), 1, EMPTY)),
        pauses(TALK_MS),
        insists(&request("BYE", "[next_url]", (from, KNOWN), 2, &reason)),
        hears(200),
    ]
}

/// Both ends of a call that goes through.
pub(super) struct Ends {
    pub(super) caller: Voice,
    pub(super) called: Voice,
}

impl Ends {
    pub(super) fn new() -> Self {
        Ends { caller: Voice::start(CALLER.into()), called: Voice::start(CALLED.into()) }
    }

    /// The caller speaks first, so that the other end hears where to speak to.
    pub(super) fn begin(&self, device: &Device) {
        self.caller.speaks_to(device.audio_port());
    }

    /// Each has heard the other and not itself.
    pub(super) fn have_heard_each_other(self) {
        let (caller, called) = (self.caller.finish().all(), self.called.finish().all());
        for (who, heard, there, absent) in
            [("the caller", caller, CALLED, CALLER), ("the called", called, CALLER, CALLED)]
        {
            let halves = halves_with(&heard, &[there], &[absent]);
            assert!(halves >= HALVES_MIN, "{who}: {halves} halves of {} samples", heard.len());
        }
    }
}

/// The message that was heard and begins so.
pub(super) fn heard<'a>(messages: &'a [String], begin: &str) -> &'a str {
    let found = messages.iter().find(|message| message.starts_with(begin));
    found.unwrap_or_else(|| panic!("{begin} is not among {messages:#?}"))
}

pub(super) fn has_line(message: &str, line: &str) {
    assert!(message.lines().any(|one| one.trim_end() == line), "{line}\nis not in\n{message}");
}

pub fn a_line_of_a_home_network_registers_and_passes_calls_both_ways(backend: &str) {
    let house = House::start(Options { backend: backend.into(), ..Options::default() });
    leads_outside(&house, THROUGH, OUTSIDE);
    let ends = Ends::new();
    let challenge = format!(
        "WWW-Authenticate: Digest realm=\"ims.example\",nonce=\"6f1d\",algorithm=MD5,qop=\"auth\"\n\
         {EMPTY}"
    );
    let granted = format!(
        "Contact: <sip:switchgrid@{}>;expires=600\n\
         Service-Route: <sip:orig@scscf.ims.example;lr>\nPath: <sip:[local_ip]:[local_port];lr>\n\
         P-Associated-URI: <sip:{}@ims.example>\n{EMPTY}",
        house.sip, house.hotline
    );
    // A registration and a call are two dialogs of one scenario.
    let audio = format!(
        "m=audio {} RTP/AVP 8 101\na=rtpmap:101 telephone-event/8000\na=fmtp:101 0-15\n\
         a=ptime:20\na=maxptime:40",
        ends.called.port()
    );
    let steps = [
        vec![
            "  <recv request=\"REGISTER\" optional=\"true\" next=\"1\"/>\n".to_owned(),
            receives("INVITE"),
        ],
        takes_a_call(&audio, true),
        vec![
            receives("BYE"),
            says(&answer("200 OK", KNOWN, EMPTY)),
            "  <nop next=\"2\"/>\n  <label id=\"1\"/>\n".to_owned(),
            says(&answer("401 Unauthorized", TAGGED, &challenge)),
            receives("REGISTER"),
            says(&answer("200 OK", TAGGED, &granted)),
            "  <label id=\"2\"/>\n".to_owned(),
        ],
    ];
    let mut sbc = Device::awaits(&house, "sbc", 2, &steps.concat());
    let line = json!({
        "outbound_user": "460001234567890@ims.example", "outbound_password": "secret",
        "register": true,
    });
    let id = trunk(&house, "ims", sbc.port(), &line);
    wait_for("the registration", seconds(20), || {
        let live = house.json("/api/v1/trunks/live");
        let ours = live.as_array()?.iter().find(|one| one["id"] == id.as_str())?.clone();
        (ours["registered"] == true).then_some(())
    });

    // The SBC calls our contact and says besides who is meant, and a name besides the number.
    let more = format!(
        "P-Called-Party-ID: <sip:{THROUGH}@ims.example;user=phone>\n\
         P-Asserted-Identity: <sip:li.si@ims.example>, <tel:{NUMBER}>\n\
         P-Access-Network-Info: 3GPP-E-UTRAN-FDD; utran-cell-id-3gpp=460000001\n\
         P-Charging-Vector: icid-value=\"1\"\nPrivacy: none\nSupported: 100rel, precondition\n"
    );
    let audio = format!(
        "m=audio {} RTP/AVP 18 8 101\na=fmtp:18 annexb=no\na=rtpmap:101 telephone-event/8000\n\
         a=fmtp:101 0-15\na=ptime:20",
        ends.caller.port()
    );
    let from = "From: \"Li Si\" <sip:anonymous@anonymous.invalid>";
    let to = "To: <sip:[service]@ims.example>";
    let steps = calls_and_talks(CONTACT, from, to, &more, &audio);
    let mut caller = Device::calls(&house, "ims-caller", THROUGH, &steps);
    ends.begin(&caller);
    caller.finish(&house);
    let said = sbc.finish(&house);
    ends.have_heard_each_other();

    let call = house.wait_row("SELECT outcome, caller, called, hangup_by FROM calls");
    assert_eq!((&call["outcome"], &call["caller"]), (&json!("answered"), &json!(NUMBER)), "{call}");
    assert_eq!((&call["called"], &call["hangup_by"]), (&json!(THROUGH), &json!("customer")));
    let heard_there = heard_in(&said);
    let own = format!("sip:{}@ims.example", house.hotline);
    let register = heard(&heard_there, "REGISTER sip:ims.example ");
    has_line(register, &format!("To: <{own}>"));
    assert!(said.contains("Authorization: Digest username=\"460001234567890@ims.example\""));
    let invite = heard(&heard_there, &format!("INVITE sip:{OUTSIDE}@ims.example;user=phone "));
    has_line(invite, "Route: <sip:orig@scscf.ims.example;lr>");
    has_line(invite, &format!("P-Preferred-Identity: <{own}>"));
    has_line(heard(&heard_there, "BYE "), "Reason: Q.850;cause=16");
}

pub fn causes_of_isdn_pass_between_two_e1_gateways_both_ways(backend: &str) {
    let house = House::start(Options { backend: backend.into(), ..Options::default() });
    for (number, outside) in [(THROUGH, OUTSIDE), (BUSY_THROUGH, BUSY), (RINGS_THROUGH, RINGS)] {
        leads_outside(&house, number, outside);
    }
    let ends = Ends::new();
    let refuses = |status: &str, cause: &str| {
        let reason = format!("Reason: Q.850;cause={cause}\n{EMPTY}");
        [receives("INVITE"), insists(&answer(status, TAGGED, &reason)), receives("ACK")]
    };
    let full = refuses("503 Service Unavailable", "34;text=\"No circuit/channel available\"");
    let mut full = Device::awaits(&house, "e1-full", 1, &full);
    let first = trunk(&house, "e1 full", full.port(), &json!({"order": 1}));

    // The called hangs up, for a reason that their network knows.
    let audio = format!("m=audio {} RTP/AVP 8\na=ptime:30", ends.called.port());
    let bye = format!(
        "BYE sip:switchgrid@{} SIP/2.0\n\
         Via: SIP/2.0/UDP [local_ip]:[local_port];branch=[branch]\n\
         From: <sip:{OUTSIDE}@[local_ip]>;tag=[pid]s[call_number]\nTo:[$from]\n[last_Call-ID:]\n\
         CSeq: 1 BYE\nMax-Forwards: 70\nReason: Q.850;cause=31;text=\"Normal, unspecified\"\n{EMPTY}",
        house.sip
    );
    let keeps_from = "  <recv request=\"INVITE\"><action><ereg regexp=\".*\" search_in=\"hdr\" \
                      header=\"From:\" assign_to=\"from\"/></action></recv>\n";
    let steps = [
        vec![keeps_from.to_owned()],
        takes_a_call(&audio, false),
        vec![pauses(TALK_MS), insists(&bye), hears(200)],
    ];
    let mut good = Device::awaits(&house, "e1-good", 1, &steps.concat());
    let second = trunk(&house, "e1 good", good.port(), &json!({"order": 2}));

    let audio = format!(
        "m=audio {} RTP/AVP 8 0 13 101\na=rtpmap:101 telephone-event/8000\na=fmtp:101 0-16\n\
         a=ptime:10",
        ends.caller.port()
    );
    let from = format!("From: \"\" <sip:{};cpc=ordinary@[local_ip];user=phone>", &NUMBER[3..]);
    let to = format!("To: <{DIALLED}>");
    let steps = [
        insists(&request("INVITE", DIALLED, (&from, &to), 1, &describes(&audio))),
        hears_answer(),
        says(&request("ACK", "[next_url]", (&from, KNOWN), 1, EMPTY)),
        receives("BYE"),
        says(&answer("200 OK", KNOWN, EMPTY)),
    ];
    let mut caller = Device::calls(&house, "e1-caller", THROUGH, &steps);
    ends.begin(&caller);
    let said = caller.finish(&house);
    full.finish(&house);
    good.finish(&house);
    ends.have_heard_each_other();
    has_line(heard(&heard_in(&said), "BYE "), "Reason: Q.850;cause=31");

    let call = house.wait_row("SELECT outcome, caller FROM calls");
    assert_eq!((&call["outcome"], &call["caller"]), (&json!("answered"), &json!(NUMBER)), "{call}");
    let legs = "SELECT hangup_cause, trunk_id FROM legs WHERE role = 'outside' ORDER BY leg_id";
    let leg = |cause: u8, trunk: &str| json!({"hangup_cause": cause, "trunk_id": trunk});
    assert_eq!(house.sql(legs), [leg(34, &first), leg(31, &second)]);

    digits_come_one_by_one_and_a_busy_callee_is_not_called_elsewhere(&house, &refuses);
    a_cause_goes_with_what_is_taken_back(&house);
}

/// Digits as they are dialled: too few, then all. The callee is busy, and no other trunk is asked.
fn digits_come_one_by_one_and_a_busy_callee_is_not_called_elsewhere(
    house: &House,
    refuses: &dyn Fn(&str, &str) -> [String; 3],
) {
    let mut busy = Device::awaits(house, "e1-busy", 1, &refuses("480 Busy", "17"));
    trunk(house, "e1 busy", busy.port(), &json!({"prefixes": [BUSY]}));
    let from = "From: <sip:13800138001@[local_ip];user=phone>";
    let audio = describes("m=audio [auto_media_port] RTP/AVP 8");
    let tries = |number: u8, digits: &str, status: u16| {
        let uri = format!("sip:{digits}@[remote_ip]:[remote_port];user=phone");
        let to = format!("To: <{uri}>");
        [
            insists(&request("INVITE", &uri, (from, &to), number, &audio)),
            hears(status),
            says(&ack_of_refusal(&uri, from, number)),
        ]
    };
    let steps = [tries(1, &BUSY_THROUGH[..5], 484), tries(2, BUSY_THROUGH, 480)].concat();
    let mut caller = Device::calls(house, "e1-digits", BUSY_THROUGH, &steps);
    let said = heard_in(&caller.finish(house));
    busy.finish(house);
    has_line(heard(&said, "SIP/2.0 484 "), "Reason: Q.850;cause=28");
    has_line(heard(&said, "SIP/2.0 480 "), "Reason: Q.850;cause=17");
    let row = format!("SELECT outcome FROM calls WHERE called = '{BUSY_THROUGH}'");
    assert_eq!(house.wait_row(&row)["outcome"], "failed");
}

/// Who calls gives up for a cause of their network: the callee's gateway is told.
fn a_cause_goes_with_what_is_taken_back(house: &House) {
    let steps = [
        receives("INVITE"),
        says(&answer("180 Ringing", TAGGED, EMPTY)),
        // The answer to the INVITE has its Via, which CANCEL repeats.
        receives("CANCEL"),
        says(&answer("200 OK", TAGGED, EMPTY)),
        insists(
            &answer("487 Request Terminated", TAGGED, EMPTY)
                .replace("[last_CSeq:]", "CSeq: 1 INVITE"),
        ),
        receives("ACK"),
    ];
    let mut rings = Device::awaits(house, "e1-rings", 1, &steps);
    trunk(house, "e1 rings", rings.port(), &json!({"prefixes": [RINGS]}));
    let from = "From: <sip:13800138002@[local_ip];user=phone>";
    let to = format!("To: <{DIALLED}>");
    let audio = describes("m=audio [auto_media_port] RTP/AVP 8");
    let cancel = format!("Reason: Q.850;cause=102;text=\"Recovery on timer expiry\"\n{EMPTY}");
    let cancel = request("CANCEL", DIALLED, (from, &to), 1, &cancel)
        .replace("branch=[branch]", "branch=[branch-3]");
    let steps = [
        insists(&request("INVITE", DIALLED, (from, &to), 1, &audio)),
        "  <recv response=\"100\" optional=\"true\"/>\n  <recv response=\"180\"/>\n".to_owned(),
        insists(&cancel),
        "  <recv response=\"200\"/>\n  <recv response=\"487\"/>\n".to_owned(),
        says(&ack_of_refusal(DIALLED, from, 1)),
    ];
    let mut caller = Device::calls(house, "e1-gives-up", RINGS_THROUGH, &steps);
    caller.finish(house);
    let there = heard_in(&rings.finish(house));
    has_line(heard(&there, "CANCEL "), "Reason: Q.850;cause=102");
}

pub fn an_analogue_line_presses_keys_by_tone_and_a_gsm_gateway_passes_its_call_on(backend: &str) {
    let house = House::start(Options { backend: backend.into(), ..Options::default() });
    leads_outside(&house, THROUGH, OUTSIDE);
    leads_outside(&house, BUSY_THROUGH, BUSY);

    // No telephone-event is offered: keys are tones, and the menu understands them.
    let line = Voice::start(0.0);
    let audio =
        format!("m=audio {} RTP/AVP 8 0\na=silenceSupp:off - - - -\na=ptime:20", line.port());
    let from = format!("From: \"{}\" <sip:{}@[local_ip]>", &NUMBER[3..], &NUMBER[3..]);
    let to = format!("To: <{DIALLED}>");
    let steps = [
        insists(&request("INVITE", DIALLED, (&from, &to), 1, &describes(&audio))),
        hears_answer(),
        says(&request("ACK", "[next_url]", (&from, KNOWN), 1, EMPTY)),
        receives("BYE"),
        says(&answer("200 OK", KNOWN, EMPTY)),
    ];
    let mut fxo = Device::calls(&house, "fxo", &house.hotline, &steps);
    wait_for("the menu", seconds(20), || line.has_heard().then_some(()));
    std::thread::sleep(seconds(1));
    line.sounds(2);
    fxo.finish(&house);
    line.finish();
    let call = house.wait_row("SELECT outcome, caller, hangup_by FROM calls");
    assert_eq!((&call["outcome"], &call["caller"]), (&json!("ivr_only"), &json!(NUMBER)), "{call}");
    assert_eq!(call["hangup_by"], "system", "{call}");

    // A mobile without network: the cause comes back as the gateway said it.
    let reason = format!("Reason: Q.850;cause=27;text=\"Destination out of order\"\n{EMPTY}");
    let steps =
        [receives("INVITE"), insists(&answer("502 Bad Gateway", TAGGED, &reason)), receives("ACK")];
    let mut away = Device::awaits(&house, "gsm-away", 1, &steps);
    trunk(&house, "gsm away", away.port(), &json!({"prefixes": [BUSY]}));
    let from = format!("From: <tel:{NUMBER}>");
    let audio = describes("m=audio [auto_media_port] RTP/AVP 8");
    let steps = [
        insists(&request("INVITE", DIALLED, (&from, &to), 1, &audio)),
        hears(502),
        says(&ack_of_refusal(DIALLED, &from, 1)),
    ];
    let mut caller = Device::calls(&house, "gsm-in-vain", BUSY_THROUGH, &steps);
    let said = heard_in(&caller.finish(&house));
    away.finish(&house);
    has_line(heard(&said, "SIP/2.0 502 "), "Reason: Q.850;cause=27");

    // Codecs in an order of its own, frames of 10 ms, numbers as tel:.
    let ends = Ends::new();
    let audio = format!(
        "m=audio {} RTP/AVP 8 101\na=rtpmap:8 pcma/8000/1\na=rtpmap:101 telephone-event/8000\n\
         a=fmtp:101 0-11\na=ptime:10",
        ends.called.port()
    );
    let steps = [
        vec![receives("INVITE")],
        takes_a_call(&audio, true),
        vec![receives("BYE"), says(&answer("200 OK", KNOWN, EMPTY))],
    ];
    let mut gsm = Device::awaits(&house, "gsm", 1, &steps.concat());
    trunk(&house, "gsm", gsm.port(), &json!({}));
    let audio = format!("m=audio {} RTP/AVP 3 8 0\na=ptime:20", ends.caller.port());
    let steps = calls_and_talks(DIALLED, &from, &format!("To: <tel:{THROUGH}>"), "", &audio);
    let mut caller = Device::calls(&house, "gsm-caller", THROUGH, &steps);
    ends.begin(&caller);
    caller.finish(&house);
    gsm.finish(&house);
    ends.have_heard_each_other();
    let row = format!("SELECT outcome, caller FROM calls WHERE called = '{THROUGH}'");
    let call = house.wait_row(&row);
    assert_eq!((&call["outcome"], &call["caller"]), (&json!("answered"), &json!(NUMBER)), "{call}");
}
