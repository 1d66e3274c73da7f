//! A conference on a box with two media cores: an agent in the chair, who dials the room, and two
//! callers from outside, who dial a published number. Each enters a PIN in RFC 4733 and says a tone,
//! so that the tones in what each phone keeps, and in the recording, tell who was heard and when.

use super::{House, phone, seconds};
use serde_json::{Value, json};
use std::time::Duration;
use tests::house::{Options, wait_for};
use tests::peer::baresip::{Audio, Manner, Phone};
use tests::sound::{halves_with, sides};

/// What each of them says, in Hz.
const CHAIR: u32 = 440;
const FIRST: u32 = 1_000;
const SECOND: u32 = 1_900;
const ALL: [u32; 3] = [CHAIR, FIRST, SECOND];
const ROOM: &str = "7001";
/// The published number that leads into the room.
const NUMBER: &str = "95105700";
/// How long each part lasts, and half seconds of it that must be as they should: what comes and goes
/// at its ends, and a prompt, spoil some.
const PART: Duration = Duration::from_secs(6);
const HALVES_MIN: usize = 5;

pub fn a_conference_asks_for_its_pin_is_heard_by_all_and_a_muted_member_falls_silent(
    backend: &str,
) {
    let house = house(backend);
    let room = Room::make(&house);
    let (chair, _) = phone(&house, 0, CHAIR, Manner::Calls);
    chair.calls(house.sip, ROOM);
    room.enters(&chair, "815471#", 1);
    let second = room.caller("13500135000", SECOND);
    // A wrong PIN opens nothing; the guests' does.
    second.presses("0000#");
    std::thread::sleep(seconds(4));
    assert_eq!(room.members().len(), 1, "{}", house.log());
    room.enters(&second, "4711#", 2);
    let first = room.caller("13600136000", FIRST);
    room.enters(&first, "4711#", 3);
    std::thread::sleep(PART);

    room.acts(&json!({"action": "mute", "member": room.members()[1]["call"]}));
    assert_eq!(room.members().iter().filter(|member| member["muted"] == true).count(), 1);
    std::thread::sleep(PART);
    room.acts(&json!({"action": "end"}));
    room.ends(3);

    hears(&chair, &[&[FIRST, SECOND], &[FIRST]]);
    hears(&first, &[&[CHAIR, SECOND], &[CHAIR]]);
    hears(&second, &[&[CHAIR, FIRST]]);
    let parts = room.recordings(1);
    assert_eq!((&parts[0]["state"], &parts[0]["frames_missing"]), (&json!("recorded"), &json!(0)));
    let sides = room.sides(&parts[0]);
    // Strangers are on the left: the muted one to where they were muted, and no word after it.
    parts_are_there("the left", &sides.left, &[&[FIRST, SECOND], &[FIRST]]);
    parts_are_there("the right", &sides.right, &[&[CHAIR]]);
    assert_eq!(halves_with(&sides.right, &[FIRST], &[]), 0, "a stranger is not on the right");
    let told = house.sql("SELECT count(*) AS n FROM events WHERE kind = 'conference'");
    assert_eq!(told, [json!({"n": 7})], "three came, one was muted, three left");
    let met = "SELECT count(*) AS n FROM calls a JOIN calls b ON a.meeting_id = b.meeting_id";
    assert_eq!(house.sql(met), [json!({"n": 9})], "each of the three met all of them");
}

pub fn a_conference_goes_on_when_the_call_path_is_killed(backend: &str) {
    let mut house = house(backend);
    let room = Room::make(&house);
    let (first, second) = (room.caller("13600136000", FIRST), room.caller("13500135000", SECOND));
    room.enters(&second, "4711#", 1);
    room.enters(&first, "4711#", 2);
    let third = room.caller("13700137000", CHAIR);
    room.enters(&third, "815471#", 3);
    std::thread::sleep(PART);
    let before = room.members();
    room.acts(&json!({"action": "mute", "member": before[0]["call"]}));
    let id = room.id.clone();

    house.kill_child("calls");
    house.wait_ready();
    let room = Room { house: &house, id };
    wait_for("the meeting again", seconds(20), || (room.members().len() == 3).then_some(()));
    let calls = |members: &[Value]| -> Vec<Value> {
        members.iter().map(|member| member["call"].clone()).collect()
    };
    assert_eq!(calls(&room.members()), calls(&before), "the same calls");
    std::thread::sleep(PART);
    room.acts(&json!({"action": "end"}));
    room.ends(3);
    // The muted one is muted still, and hears the others.
    hears(&first, &[&[CHAIR, SECOND], &[CHAIR]]);
    hears(&third, &[&[FIRST, SECOND], &[FIRST]]);
    hears(&second, &[&[CHAIR, FIRST]]);
    let parts = room.recordings(2);
    let states: Vec<&Value> = parts.iter().map(|part| &part["state"]).collect();
    assert_eq!(states, [&json!("repaired"), &json!("recorded")]);
    parts_are_there("the first part", &room.sides(&parts[0]).left, &[&ALL]);
    parts_are_there("the second part", &room.sides(&parts[1]).left, &[&[CHAIR, FIRST]]);
}

/// On one core they are relayed, and what one presses goes past the other.
pub fn a_key_mutes_one_of_two_who_confer_and_does_not_reach_the_other(backend: &str) {
    let house = house_of(backend, 1);
    let room = Room::make(&house);
    let (first, second) = (room.caller("13600136000", FIRST), room.caller("13500135000", SECOND));
    room.enters(&first, "4711#", 1);
    room.enters(&second, "4711#", 2);
    std::thread::sleep(PART);
    first.presses("*6");
    wait_for("the mute", seconds(10), || {
        let muted: Vec<bool> =
            room.members().iter().map(|member| member["muted"] == true).collect();
        (muted == [true, false]).then_some(())
    });
    std::thread::sleep(PART);
    room.acts(&json!({"action": "end"}));
    room.ends(2);
    hears(&second, &[&[FIRST]]);
    hears(&first, &[&[SECOND]]);
    let log = second.log();
    assert!(!log.contains("received event"), "a key came through: {log}");
    let parts = room.recordings(1);
    let sides = room.sides(&parts[0]);
    parts_are_there("the left", &sides.left, &[&[FIRST, SECOND], &[SECOND]]);
    assert_eq!(parts[0]["kind"], "conversation", "of strangers alone, and no message");
}

fn house(backend: &str) -> House {
    house_of(backend, 2)
}

fn house_of(backend: &str, shards: u16) -> House {
    let backend = backend.into();
    // baresip answers the first challenge of a call only, and knows MD5.
    let sip = "digest = [\"MD5\"]\n".into();
    House::start(Options { backend, shards, keeps: true, sip, ..Options::default() })
}

/// The conference room.
struct Room<'a> {
    house: &'a House,
    id: String,
}

impl<'a> Room<'a> {
    fn make(house: &'a House) -> Self {
        let room = json!({"name": "Monday", "number": ROOM, "guest_pin": "4711",
            "chair_pin": "815471", "record": true});
        let (status, body) = house.post("/api/v1/conferences", &room);
        assert_eq!(status, 201, "{body}");
        let id = body["id"].as_str().expect("an id").to_owned();
        let number = json!({"digits": NUMBER, "target": {"conference": id}});
        let (status, body) = house.post("/api/v1/numbers", &number);
        assert_eq!(status, 201, "{body}");
        Room { house, id }
    }

    /// Somebody outside who dials the published number, and is asked for the PIN.
    fn caller(&self, from: &str, hz: u32) -> Phone {
        let live = || self.house.json("/api/v1/live")["calls"].as_array().map_or(0, Vec::len);
        let before = live();
        let scratch = self.house.scratch();
        let phone = Phone::dials(self.house.sip, from, NUMBER, hz, Audio::Plain, scratch);
        wait_for("the call", seconds(20), || (live() > before).then_some(()));
        phone
    }

    /// Types a PIN when the phone has a call, until so many are in the room.
    fn enters(&self, phone: &Phone, pin: &str, members: usize) {
        wait_for("the call to be answered", seconds(20), || {
            phone.log().contains("Call established").then_some(())
        });
        phone.presses(pin);
        wait_for("the member", seconds(20), || (self.members().len() == members).then_some(()));
    }

    fn members(&self) -> Vec<Value> {
        let live = self.house.json("/api/v1/conferences/live");
        live[0]["members"].as_array().cloned().unwrap_or_default()
    }

    fn acts(&self, action: &Value) {
        let path = format!("/api/v1/conferences/{}/live", self.id);
        let (status, body) = self.house.post(&path, action);
        assert_eq!(status, 204, "{action}: {body}");
    }

    /// Every member hears that it is over, and is a call that was answered.
    fn ends(&self, calls: usize) {
        wait_for("the end of all calls", seconds(20), || {
            let ended = self.house.sql("SELECT outcome FROM calls");
            (ended.len() == calls).then(|| {
                assert!(ended.iter().all(|call| call["outcome"] == "answered"), "{ended:?}");
            })
        });
        assert!(self.members().is_empty());
    }

    /// All parts of the recording, in their order.
    fn recordings(&self, count: usize) -> Vec<Value> {
        wait_for("the recording", seconds(20), || {
            let wanted = "SELECT * FROM recordings WHERE path IS NOT NULL ORDER BY started_at";
            let parts = self.house.sql(wanted);
            (parts.len() == count).then_some(parts)
        })
    }

    fn sides(&self, recording: &Value) -> tests::sound::Sides {
        let id = recording["recording_id"].as_str().expect("an id");
        let answer = self.house.get(&format!("/api/v1/recordings/{id}?format=wav"));
        sides(&answer.bytes().expect("the file"))
    }
}

fn hears(phone: &Phone, parts: &[&[u32]]) {
    parts_are_there("a phone", &phone.heard(), parts);
}

/// Each part has its tones, and none of the others.
fn parts_are_there(who: &str, samples: &[i16], parts: &[&[u32]]) {
    for part in parts {
        let others: Vec<u32> = ALL.into_iter().filter(|hz| !part.contains(hz)).collect();
        let halves = halves_with(samples, part, &others);
        let seconds = samples.len() / 8_000;
        assert!(halves >= HALVES_MIN, "{who}: {halves} halves of {seconds} s have {part:?} alone");
    }
}
