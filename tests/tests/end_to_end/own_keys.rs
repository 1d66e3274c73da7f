//! What agents do with their phones' own keys, each phone played by SIPp: one consults on its second
//! line and passes the caller on by REFER with Replaces, one goes on at another phone by INVITE with
//! Replaces, one comes into a colleague's conversation by INVITE with Join. Voices on ports of their own
//! say a tone each, so that the tones tell who heard whom and when.

use super::consulted::{activity, details, ended, hears, music_on_hold, talks_with};
use super::features::agent_id;
use super::three_parties::only_call;
use super::{house_of_callers, phone, seconds};
use serde_json::json;
use std::time::Duration;
use tests::house::{House, wait_for};
use tests::peer::baresip::{Audio, Manner, Phone};
use tests::peer::desk_phone::{
    DeskPhone, dialog_of, grants, offers_within, registers_at, takes_a_call, takes_a_call_by_name,
};
use tests::peer::device::{
    Device, EMPTY, ack_of_refusal, describes, heard_in, hears as answers, insists, pauses, says,
};
use tests::peer::voice::Voice;
use tests::seat::{registered, sign_in};
use tests::sound::halves_with;

/// A number of ours that leads to the first agent.
pub const DIRECT: &str = "95105678";
/// What each of them says, in Hz.
const CALLER: u32 = 1_900;
const FIRST: u32 = 440;
const SECOND: u32 = 700;
const COLLEAGUE: u32 = 1_000;
const MUSIC: u32 = 1_400;
const ALL: [u32; 5] = [CALLER, FIRST, SECOND, COLLEAGUE, MUSIC];
/// How long each part lasts at least.
const PART: Duration = Duration::from_secs(4);
const PART_MS: u32 = 4_000;

/// Audio at the port of a voice, with one more line.
pub fn audio_of(voice: &Voice, more: &str) -> String {
    let port = voice.port();
    describes(&format!("m=audio {port} RTP/AVP 8\na=rtpmap:8 PCMA/8000\na=ptime:20{more}"))
}

/// The number that leads to the first agent; their id.
pub fn number_of_the_agent(house: &House) -> String {
    let agent = agent_id(house);
    let number = json!({"digits": DIRECT, "target": {"agent": agent}});
    let (status, body) = house.post("/api/v1/numbers", &number);
    assert_eq!(status, 201, "{body}");
    agent
}

/// Hangs up until nobody talks.
pub fn ends(house: &House, call: &str) {
    wait_for("the end of the call", seconds(20), || {
        let path = format!("/api/v1/calls/{call}/actions");
        let _ = house.post(&path, &json!({"action": "hangup"}));
        only_call(house).is_none().then_some(())
    });
}

fn dials_the_agent(house: &House) -> Phone {
    Phone::dials(house.sip, "13500135000", DIRECT, CALLER, Audio::Plain, house.scratch())
}

pub fn a_phone_asks_a_colleague_on_its_second_line_and_passes_the_caller_on(backend: &str) {
    let house = house_of_callers(backend);
    let agent = number_of_the_agent(&house);
    music_on_hold(&house, MUSIC);
    let (colleague_phone, colleague) = phone(&house, 1, COLLEAGUE, Manner::Answers);
    let voices = [FIRST, SECOND].map(|hz| Voice::start(f64::from(hz)));
    let steps = [
        takes_a_call_by_name(200, &audio_of(&voices[0], "")),
        vec![pauses(PART_MS)],
        offers_within(&house, 1, &audio_of(&voices[0], "\na=sendonly")),
        grants("BYE"),
    ];
    let mut first = Device::awaits(&house, "first-line", 1, &steps.concat());
    assert_eq!(registers_at(&house, 0, first.port()), agent);
    sign_in(&house, &agent);
    let caller = dials_the_agent(&house);
    let call = talks_with(&house, &agent);
    wait_for("the first line to hold", seconds(20), || {
        (activity(&house, &agent) == "holding").then_some(())
    });

    let [call_id, ours, theirs] = dialog_of(&first);
    let (desk, target) = (DeskPhone::of(&house, 0), house.agents[1].user.as_str());
    let replaces = format!("{call_id}%3Bto-tag%3D{ours}%3Bfrom-tag%3D{theirs}");
    let replaces = replaces.replace('@', "%40");
    let refer = format!(
        "Contact: <sip:device@[local_ip]:[local_port]>\n\
         Refer-To: <sip:{target}@{}?Replaces={replaces}>\n{EMPTY}",
        house.sip
    );
    let steps = [
        desk.registers(),
        desk.dials(target, 3, &audio_of(&voices[1], "")),
        vec![
            pauses(PART_MS),
            insists(&desk.inside("REFER", 5, &refer)),
            "  <recv response=\"202\"/>\n".to_owned(),
        ],
        grants("NOTIFY"),
        grants("NOTIFY"),
        grants("BYE"),
    ];
    let mut second = Device::calls(&house, "second-line", target, &steps.concat());
    assert_eq!(talks_with(&house, &colleague), call, "the same call");
    let (told, _) = (heard_in(&second.finish(&house)), first.finish(&house));
    std::thread::sleep(PART);
    ends(&house, &call);

    let notifies: Vec<_> = told.iter().filter(|one| one.starts_with("NOTIFY ")).collect();
    let says_how = |n: usize, status: &str, state: &str| {
        assert!(notifies[n].contains(status) && notifies[n].contains(state), "{told:#?}");
    };
    says_how(0, "SIP/2.0 100 ", "active;");
    says_how(1, "SIP/2.0 200 ", "terminated;");
    let row = house.wait_row("SELECT * FROM calls");
    assert_eq!(row["outcome"], "answered", "{row}\n{}", house.log());
    assert_eq!(
        (&row["agent_id"], &row["last_agent_id"], &row["transfers"]),
        (&json!(agent), &json!(colleague), &json!(1)),
        "{row}"
    );
    let passed_on = json!({"kind": "attended", "agent": agent, "target": target});
    assert_eq!(details(&house, "transferred"), [passed_on]);
    assert_eq!(house.sql("SELECT count(*) AS n FROM calls"), [json!({"n": 1})]);

    let [at_first, at_second] = voices.map(|voice| voice.finish().all());
    hears("the caller", &ended(&caller), &ALL, &[&[FIRST], &[MUSIC], &[COLLEAGUE]]);
    hears("the colleague", &ended(&colleague_phone), &ALL, &[&[SECOND], &[CALLER]]);
    hears("the first line", &at_first, &ALL, &[&[CALLER]]);
    hears("the second line", &at_second, &ALL, &[&[COLLEAGUE]]);
    assert_eq!(halves_with(&at_second, &[CALLER], &[]), 0, "the caller was apart");
}

pub fn an_agent_goes_on_at_another_phone_and_a_colleague_may_not(backend: &str) {
    let house = house_of_callers(backend);
    let agent = number_of_the_agent(&house);
    let voices = [FIRST, SECOND].map(|hz| Voice::start(f64::from(hz)));
    let steps = [takes_a_call(200, &audio_of(&voices[0], "")), grants("BYE")];
    let mut desk = Device::awaits(&house, "desk", 1, &steps.concat());
    assert_eq!(registers_at(&house, 0, desk.port()), agent);
    let caller = dials_the_agent(&house);
    let call = talks_with(&house, &agent);
    std::thread::sleep(PART);

    let [call_id, ours, theirs] = dialog_of(&desk);
    let replaces = format!("Replaces: {call_id};to-tag={ours};from-tag={theirs}\n");
    let at = house.agents[0].user.as_str();
    is_refused(&house, at, &replaces);
    assert_eq!(talks_with(&house, &agent), call, "nothing changed");

    let phone = DeskPhone::of(&house, 0);
    let takes = format!("{replaces}{}", audio_of(&voices[1], ""));
    let steps = [phone.registers(), phone.dials(at, 3, &takes), grants("BYE")];
    let mut other = Device::calls(&house, "other-phone", at, &steps.concat());
    desk.finish(&house);
    assert_eq!(talks_with(&house, &agent), call, "the same call");
    std::thread::sleep(PART);
    ends(&house, &call);
    other.finish(&house);

    let row = house.wait_row("SELECT * FROM calls");
    assert_eq!(
        (&row["outcome"], &row["agent_id"], &row["agents"], &row["transfers"]),
        (&json!("answered"), &json!(agent), &json!(1), &json!(0)),
        "{row}\n{}",
        house.log()
    );
    let [at_desk, at_other] = voices.map(|voice| voice.finish().all());
    hears("the caller", &ended(&caller), &ALL, &[&[FIRST], &[SECOND]]);
    hears("the desk", &at_desk, &ALL, &[&[CALLER]]);
    hears("the other phone", &at_other, &ALL, &[&[CALLER]]);
}

pub fn who_has_the_right_comes_into_a_colleagues_conversation_from_the_own_phone(backend: &str) {
    let house = house_of_callers(backend);
    let agent = number_of_the_agent(&house);
    let voices = [FIRST, COLLEAGUE].map(|hz| Voice::start(f64::from(hz)));
    let steps = [takes_a_call(200, &audio_of(&voices[0], "")), grants("BYE")];
    let mut desk = Device::awaits(&house, "desk", 1, &steps.concat());
    assert_eq!(registers_at(&house, 0, desk.port()), agent);
    let caller = dials_the_agent(&house);
    let call = talks_with(&house, &agent);

    let [call_id, ours, theirs] = dialog_of(&desk);
    let join = format!("Join: {call_id};to-tag={ours};from-tag={theirs}\n");
    let at = house.agents[0].user.as_str();
    is_refused(&house, at, &join);
    let colleague = registered(&house, 1);
    let right = format!("/api/v1/agents/{colleague}/calling-right");
    let (status, body) = house.put_json(&right, &json!({"join": true}));
    assert_eq!(status, 200, "{body}");

    let phone = DeskPhone::of(&house, 1);
    let joins = format!("{join}{}", audio_of(&voices[1], ""));
    let steps = [phone.registers(), phone.dials(at, 3, &joins), grants("BYE")];
    let mut guest = Device::calls(&house, "guest", at, &steps.concat());
    wait_for("three who talk", seconds(20), || {
        (house.metric("switchgrid_rtp_legs") > 2.5).then_some(())
    });
    std::thread::sleep(PART);
    ends(&house, &call);
    desk.finish(&house);
    guest.finish(&house);

    let row = house.wait_row("SELECT * FROM calls");
    assert_eq!((&row["outcome"], &row["agents"]), (&json!("answered"), &json!(2)), "{row}");
    let [at_desk, at_guest] = voices.map(|voice| voice.finish().all());
    hears("the caller", &ended(&caller), &ALL, &[&[FIRST, COLLEAGUE]]);
    hears("the agent", &at_desk, &ALL, &[&[CALLER, COLLEAGUE]]);
    hears("the guest", &at_guest, &ALL, &[&[CALLER, FIRST]]);
}

/// The second agent asks for this and may not.
fn is_refused(house: &House, at: &str, asks: &str) {
    let phone = DeskPhone::of(house, 1);
    let uri = format!("sip:{at}@{}", house.sip);
    let from = format!("From: <sip:{}@{}>", house.agents[1].user, house.sip);
    let audio = describes("m=audio [auto_media_port] RTP/AVP 8\na=rtpmap:8 PCMA/8000");
    let steps = [
        phone.registers(),
        phone.asks(at, 3, &format!("{asks}{audio}")),
        vec![answers(403), says(&ack_of_refusal(&uri, &from, 4))],
    ];
    Device::calls(house, "refused", at, &steps.concat()).finish(house);
}
