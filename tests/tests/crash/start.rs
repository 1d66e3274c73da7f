//! Two boxes never work on one data folder, and a box that was killed does not stand in the way.

use std::process::Output;
use tests::house::{House, Options};

fn said(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned() + &String::from_utf8_lossy(&output.stdout)
}

#[test]
fn a_second_box_on_a_data_folder_in_use_is_refused_and_the_first_goes_on() {
    let mut house = House::start(Options::default());
    let first = house.supervisor_pid();
    let second = house.start_second();
    assert!(!second.status.success(), "{}", said(&second));
    let wanted = format!("is in use by process {first}; end it or name another folder");
    assert!(said(&second).contains(&wanted), "{}", said(&second));
    assert!(said(&second).contains("server.data"), "{}", said(&second));
    assert!(house.get("/api/v1/live").status().is_success());
    assert_eq!(house.supervisor_pid(), first);
    house.wait_ready();
}

#[test]
fn a_killed_box_whose_number_is_another_boxs_by_now_starts_again() {
    let mut house = House::start(Options::default());
    let other = House::start(Options::default());
    house.kill();
    let pid = house.data().join("run/switchgrid.pid");
    std::fs::write(&pid, other.supervisor_pid().to_string()).expect("the folder is ours");
    house.start_again(&[]);
    assert!(house.get("/api/v1/live").status().is_success());
}

#[test]
fn a_start_waits_for_the_children_of_a_supervisor_that_was_killed() {
    let mut house = House::start(Options::default());
    let (calls, api) = (house.child("calls"), house.child("api"));
    house.kill_supervisor();
    house.start_again(&[]);
    assert_ne!((house.child("calls"), house.child("api")), (calls, api));
    assert!(!house.log().contains("ended; starting it again"), "every child started at once");
    house.seal();
}
