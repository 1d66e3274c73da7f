//! A new file lies in the place of the program while the box runs, as an upgrade leaves it: what ends
//! is started again as the program that runs, and calls and drawings go on.

use crate::seconds;
use crate::talk::answer_to_a_new_call;
use tests::house::{House, Options, wait_for};

/// What a box says of a PDF that its drawing process could not read.
const DAMAGED: &str = "This PDF cannot be faxed: it is damaged, or no PDF";

#[test]
fn a_box_whose_program_was_replaced_starts_its_children_again() {
    let mut house = House::start(Options { own_program: true, ..Options::default() });
    house.replace_program(|new| std::fs::write(new, "no program").expect("the folder is ours"));
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
