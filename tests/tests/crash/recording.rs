//! The whole box is killed in the middle of a conversation: what was said is in a file after the next
//! start, and the call and its recording are counted once.

use crate::seconds;
use crate::talk::{AGENT_HZ, CALLER_HZ, conversation, share_of_time};
use tests::house::{House, Options};
use tests::outside::{promised, published};
use tests::peer::baresip::Manner;
use tests::{seat, sound};

#[test]
fn a_box_killed_while_it_records_has_the_recording_at_its_next_start() {
    let mut house = House::start(Options::default());
    let (_phone, _) = seat::agent(&house, 0, AGENT_HZ, Manner::Answers);
    let (voice, _running) = conversation(&house, "13400134000", 60);
    std::thread::sleep(seconds(4));
    house.kill();
    drop(voice.finish());
    house.start_again(&[]);

    let call = house.wait_row("SELECT * FROM calls");
    assert_eq!(call["outcome"], "interrupted", "{call}");
    let row = house.wait_row("SELECT * FROM recordings WHERE path IS NOT NULL");
    assert_eq!(row["state"], "repaired", "{row}");
    assert_eq!(row["call_id"], call["call_id"]);
    let length = row["duration_ms"].as_i64().expect("a length");
    assert!(length > 3_000, "{row}");
    let id = row["recording_id"].as_str().expect("an id");
    let bytes = house.get(&format!("/api/v1/recordings/{id}?format=wav")).bytes().expect("a file");
    let sides = sound::sides(&bytes);
    assert!(share_of_time(&sides.left, CALLER_HZ) > 0.8);
    assert!(share_of_time(&sides.right, AGENT_HZ.into()) > 0.8);

    house.seal();
    let found = published(&house.data());
    assert_eq!(found.doubled, []);
    assert_eq!(found.ids["calls"].len(), 1);
    assert_eq!(found.ids["recordings"], promised(&house.data())["recordings"]);
}
