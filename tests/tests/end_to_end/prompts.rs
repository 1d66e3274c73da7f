//! Prompts that a tenant brings to a running box, and texts that it speaks, as callers hear them:
//! tones, and speech that an engine of ours makes once more for comparison, are looked for in what a
//! phone keeps of its call.

use super::seconds;
use mediacore::edge::speech::{Espeak, speak};
use serde_json::{Value, json};
use tests::house::{House, Options, wait_for};
use tests::peer::baresip::{Audio, Phone};
use tests::sound::{halves_with, mono_wav, share_heard, tone};

/// What the prompts say, in Hz.
const OLD: u32 = 700;
const NEW: u32 = 1_300;
const ENGLISH: u32 = 2_000;
const MUSIC: u32 = 1_700;
const ALL: [u32; 4] = [OLD, NEW, ENGLISH, MUSIC];
/// Seconds of a prompt in Chinese, and half seconds of it that must be as they should.
const LONG: u32 = 6;
const LONG_HALVES_MIN: usize = 9;
/// The same of a short one.
const SHORT: u32 = 4;
const SHORT_HALVES_MIN: usize = 5;
const NUMBER: &str = "95105690";
const QUEUE_NUMBER: &str = "95105691";
/// Texts that were spoken in another language than that of their call.
const ELSEWHERE: &str = "switchgrid_speech_other_language_total";

pub fn callers_hear_what_was_uploaded_a_moment_ago_and_what_plays_goes_on(backend: &str) {
    let options = Options { backend: backend.into(), keeps: true, ..Options::default() };
    let mut house = House::start(options);
    let document = json!({"format": 1, "start": "chinese", "steps": {
        "chinese": {"kind": "play", "prompts": ["promo"], "next": "english"},
        "english": {"kind": "language", "language": "en", "next": "again"},
        "again": {"kind": "hangup", "prompts": ["promo"]}}});
    let flow = draft(&house, "promo", &document);
    let (status, body) = publish(&house, &flow);
    assert_eq!(status, 400, "nobody has such a prompt yet: {body}");
    bring(&house, "zh-CN/promo", OLD, LONG, 201);
    let (status, body) = publish(&house, &flow);
    assert_eq!(status, 201, "{body}");
    number(&house, NUMBER, &json!({"flow": flow}));

    // While the first caller hears it another takes its place, and one in English comes.
    let first = Caller::dials(&house, "13500135000", NUMBER);
    first.is_in("ivr");
    std::thread::sleep(seconds(2));
    bring(&house, "zh-CN/promo", NEW, LONG, 200);
    bring(&house, "en/promo", ENGLISH, SHORT, 201);
    let heard = first.heard();
    hears("the first to its end", &heard, OLD, LONG_HALVES_MIN);
    hears("the first", &heard, ENGLISH, SHORT_HALVES_MIN);
    assert_eq!(halves_with(&heard, &[NEW], &[]), 0, "what plays is not cut");

    let second = Caller::dials(&house, "13600136000", NUMBER).heard();
    hears("the second", &second, NEW, LONG_HALVES_MIN);
    hears("the second", &second, ENGLISH, SHORT_HALVES_MIN);
    assert_eq!(halves_with(&second, &[OLD], &[]), 0, "it is gone");

    // Without an English one the Chinese is heard twice; and all of it survives the call path.
    let (status, body) = house.delete("/api/v1/prompts/en/promo");
    assert_eq!(status, 204, "{body}");
    let (status, body) = house.delete("/api/v1/prompts/zh-CN/promo");
    assert_eq!(status, 409, "the flow needs it: {body}");
    house.kill_child("calls");
    house.wait_ready();
    let third = Caller::dials(&house, "13700137000", NUMBER).heard();
    hears("the third", &third, NEW, 2 * LONG_HALVES_MIN);
    assert_eq!(halves_with(&third, &[ENGLISH], &[]), 0, "it was taken away");

    // Music is a prompt too: that of the box gives way.
    let queues = house.json("/api/v1/queues");
    number(&house, QUEUE_NUMBER, &json!({"queue": queues[0]["id"]}));
    bring(&house, "music/wait", MUSIC, SHORT, 201);
    let waiting = Caller::dials(&house, "13800138000", QUEUE_NUMBER);
    waiting.is_in("waiting");
    std::thread::sleep(seconds(10));
    waiting.is_let_go();
    hears("who waits", &waiting.heard(), MUSIC, SHORT_HALVES_MIN);
}

pub fn a_caller_hears_the_texts_of_a_flow_spoken(backend: &str) {
    let house = House::start(Options { backend: backend.into(), ..Options::default() });
    let (said, brought, never) =
        ("您好，这里是客户服务中心。", "今天休息，明天九点开门。", "请输入您的账号。");
    let (status, body) = house.put_json("/api/v1/prompts/zh-CN/closed", &json!({"text": brought}));
    assert_eq!((status, &body["text"]), (201, &json!(brought)), "{body}");
    let document = json!({"format": 1, "start": "a", "steps": {
        "a": {"kind": "play", "prompts": [format!("say:{said}")], "next": "b"},
        "b": {"kind": "hangup", "prompts": ["closed"]}}});
    let flow = draft(&house, "speech", &document);
    let (status, body) = publish(&house, &flow);
    assert_eq!(status, 201, "{body}");
    number(&house, NUMBER, &json!({"flow": flow}));
    let heard = Caller::dials(&house, "13500135000", NUMBER).heard();
    for (text, is_heard) in [(said, true), (brought, true), (never, false)] {
        let share = share_heard(&spoken(text), &heard);
        let seconds = heard.len() / 8_000;
        assert_eq!(share > 0.8, is_heard, "{share:.2} of \"{text}\" stands in {seconds} s");
        assert!(!(0.3..=0.8).contains(&share), "{share:.2} of \"{text}\": is it or is it not?");
    }
    assert_eq!(house.metric(ELSEWHERE) as u64, 0);

    // French has a prompt and no voice: the tenant's voice reads it.
    bring(&house, "fr/tone", NEW, SHORT, 201);
    let document = json!({"format": 1, "start": "a", "steps": {
        "a": {"kind": "language", "language": "fr", "next": "b"},
        "b": {"kind": "hangup", "prompts": [format!("say:{never}")]}}});
    let flow = draft(&house, "french", &document);
    let (status, body) = publish(&house, &flow);
    assert_eq!(status, 201, "{body}");
    number(&house, QUEUE_NUMBER, &json!({"flow": flow}));
    let heard = Caller::dials(&house, "13600136000", QUEUE_NUMBER).heard();
    let share = share_heard(&spoken(never), &heard);
    assert!(share > 0.8, "{share:.2} of \"{never}\" was heard in a call in French");
    assert_eq!(house.metric(ELSEWHERE) as u64, 1);
}

/// What an engine makes of a text.
fn spoken(text: &str) -> Vec<i16> {
    let utterance = mediacore::speech::utterance("zh-CN", text).expect("a text in Chinese");
    let mut engine = Espeak::find().expect("espeak-ng is installed by scripts/setup --tests");
    let file = speak(&mut engine, &utterance).expect("it speaks");
    tests::sound::mono_of(&file)
}

/// A flow with a draft; its id.
fn draft(house: &House, name: &str, document: &Value) -> String {
    let (status, body) = house.post("/api/v1/flows", &json!({"name": name, "document": document}));
    assert_eq!(status, 201, "{body}");
    body["id"].as_str().expect("an id").to_owned()
}

fn publish(house: &House, flow: &str) -> (u16, Value) {
    house.post(&format!("/api/v1/flows/{flow}/publish"), &json!({"revision": 1}))
}

fn number(house: &House, digits: &str, target: &Value) {
    let number = json!({"digits": digits, "target": target});
    let (status, body) = house.post("/api/v1/numbers", &number);
    assert_eq!(status, 201, "{body}");
}

/// Brings a tone as a prompt; from the answer on it is heard.
fn bring(house: &House, name: &str, hz: u32, seconds: u32, expected: u16) {
    let file = mono_wav(&tone(hz, seconds));
    let (status, body) = house.put(&format!("/api/v1/prompts/{name}"), "audio/wav", file);
    assert_eq!(status, expected, "{name}: {body}");
    assert_eq!(body["length_s"].as_f64(), Some(f64::from(seconds)), "{name}: {body}");
}

fn hears(who: &str, samples: &[i16], hz: u32, halves_min: usize) {
    let others: Vec<u32> = ALL.into_iter().filter(|&other| other != hz).collect();
    let halves = halves_with(samples, &[hz], &others);
    let seconds = samples.len() / 8_000;
    assert!(halves >= halves_min, "{who}: {halves} halves of {seconds} s have {hz} Hz alone");
}

/// Somebody outside who only listens.
struct Caller<'a> {
    house: &'a House,
    from: String,
    phone: Phone,
}

impl<'a> Caller<'a> {
    fn dials(house: &'a House, from: &str, number: &str) -> Self {
        // A voice that is none of the prompts'.
        let phone = Phone::dials(house.sip, from, number, 440, Audio::Plain, house.scratch());
        Caller { house, from: format!("+86{from}"), phone }
    }

    fn is_in(&self, phase: &str) -> String {
        wait_for(phase, seconds(20), || {
            let live = self.house.json("/api/v1/live");
            let calls = live["calls"].as_array()?;
            let is_it =
                |call: &&Value| call["phase"] == phase && call["caller"] == self.from.as_str();
            calls.iter().find(is_it)?["call"].as_str().map(str::to_owned)
        })
    }

    fn is_let_go(&self) {
        let call = self.is_in("waiting");
        let path = format!("/api/v1/calls/{call}/actions");
        let (status, body) = self.house.post(&path, &json!({"action": "hangup"}));
        assert_eq!(status, 204, "{body}");
    }

    /// All of the call, when it has ended.
    fn heard(self) -> Vec<i16> {
        let ended = format!("SELECT call_id FROM calls WHERE caller = '{}'", self.from);
        wait_for("the end of the call", seconds(40), || self.house.sql(&ended).into_iter().next());
        // The phone ends its file when it has taken the BYE.
        wait_for("the phone to hang up", seconds(10), || {
            self.phone.log().contains("terminated (duration").then_some(())
        });
        self.phone.heard()
    }
}
