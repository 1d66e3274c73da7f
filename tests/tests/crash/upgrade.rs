//! A new file lies in the place of the program while the box runs, as an upgrade leaves it: what ends
//! is started again as the program that runs. The box is ended at once and started as the new program:
//! who talks hears each other again.

use crate::seconds;
use crate::talk::{AGENT_HZ, answer_to_a_new_call, conversation, share_of_time};
use std::fs::{self, File};
use std::io::Write;
use std::path::Path;
use std::time::Instant;
use tests::house::{House, Options, program, wait_for};
use tests::peer::baresip::Manner;
use tests::seat;

/// What a box says of a PDF that its drawing process could not read.
const DAMAGED: &str = "This PDF cannot be faxed: it is damaged, or no PDF";

#[test]
fn a_box_whose_program_was_replaced_starts_its_children_again() {
    let mut house = House::start(Options { own_program: true, ..Options::default() });
    house.replace_program(|new| fs::write(new, "no program").expect("the folder is ours"));
    for name in ["calls", "work"] {
        let before = house.child(name);
        house.kill_child(name);
        wait_for("the child again", seconds(20), || {
            house.find_child(name).filter(|&child| child != before)
        });
        house.wait_ready();
    }
    let answer = answer_to_a_new_call(&house, "13600136002");
    assert!(answer.starts_with("SIP/2.0 200"), "{answer}");
    let (status, body) = wait_for("an answer of the child", seconds(20), || {
        let broken = b"%PDF-1.7 of nothing".to_vec();
        let told = house.put("/api/v1/fax-documents/letter", "application/pdf", broken);
        (told.0 != 503).then_some(told)
    });
    assert_eq!((status, body["message"].as_str()), (400, Some(DAMAGED)), "{}", house.log());
}

#[test]
fn a_conversation_goes_on_over_an_upgrade() {
    let options = Options { own_program: true, keeps: true, ..Options::default() };
    let mut house = House::start(options);
    let (_phone, _) = seat::agent(&house, 0, AGENT_HZ, Manner::Answers);
    let (voice, running) = conversation(&house, "13600136003", 60);
    house.replace_program(another_build);
    house.kill();
    house.start_again(&[]);
    let again = Instant::now();
    std::thread::sleep(seconds(4));
    let over = Instant::now();
    // SIPp fails where its BYE finds no call.
    running.finish();
    let heard = voice.finish().between(again, over);
    assert!(share_of_time(&heard, AGENT_HZ.into()) > 0.9, "the caller hears the agent");
    let calls = "SELECT outcome FROM calls WHERE caller LIKE '%13600136003'";
    assert_eq!(house.wait_row(calls)["outcome"], "answered", "{}", house.log());
    assert_eq!(house.sql(calls).len(), 1, "one record a call");
}

/// The same types in another file: what comes behind the last section is never read.
fn another_build(new: &Path) {
    fs::copy(program("switchgrid"), new).expect("the program can be copied");
    let mut file = File::options().append(true).open(new).expect("the copy is ours");
    file.write_all(b"another build").expect("the copy is ours");
}
