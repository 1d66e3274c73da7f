//! A gateway to analogue lines that says in tones alone that a line is busy, played by SIPp with a voice
//! beside it: the box hears it before the answer, takes the call back, and refuses the caller as busy.

use super::gateways::{BUSY, BUSY_THROUGH, DIALLED, has_line, heard, leads_outside, trunk};
use serde_json::json;
use tests::house::{House, Options};
use tests::peer::device::{
    Device, EMPTY, TAGGED, ack_of_refusal, answer, describes, heard_in, hears, insists, receives,
    request, says,
};
use tests::peer::voice::Voice;

pub fn a_line_that_is_busy_in_sound_alone_is_refused_as_busy(backend: &str) {
    let house = House::start(Options { backend: backend.into(), ..Options::default() });
    leads_outside(&house, BUSY_THROUGH, BUSY);
    // GB/T 3380: 450 Hz, 0.35 s on and 0.35 s off.
    let voice = Voice::interrupted(450.0, 350, 350);
    let steps = [
        receives("INVITE"),
        says(&answer(
            "183 Session Progress",
            TAGGED,
            &describes(&format!("m=audio {} RTP/AVP 8\na=ptime:20", voice.port())),
        )),
        receives("CANCEL"),
        says(&answer("200 OK", TAGGED, EMPTY)),
        insists(
            &answer("487 Request Terminated", TAGGED, EMPTY)
                .replace("[last_CSeq:]", "CSeq: 1 INVITE"),
        ),
        receives("ACK"),
    ];
    let mut line = Device::awaits(&house, "busy-line", 1, &steps);
    trunk(&house, "analogue lines", line.port(), &json!({"tones": "china"}));

    let from = "From: <sip:13800138003@[local_ip];user=phone>";
    let to = format!("To: <{DIALLED}>");
    let audio = describes("m=audio [auto_media_port] RTP/AVP 8");
    let steps = [
        insists(&request("INVITE", DIALLED, (from, &to), 1, &audio)),
        hears(486),
        says(&ack_of_refusal(DIALLED, from, 1)),
    ];
    let mut caller = Device::calls(&house, "hears-busy", BUSY_THROUGH, &steps);
    voice.speaks_to(line.audio_port());
    let said = heard_in(&caller.finish(&house));
    let there = heard_in(&line.finish(&house));
    voice.finish();
    has_line(heard(&said, "SIP/2.0 486 "), "Reason: Q.850;cause=17");
    has_line(heard(&there, "CANCEL "), "Reason: Q.850;cause=17");
    assert_eq!(house.wait_row("SELECT outcome FROM calls")["outcome"], "failed");
    let leg = house.wait_row("SELECT hangup_cause FROM legs WHERE role = 'outside'");
    assert_eq!(leg["hangup_cause"], 17, "{leg}");
}
