//! The wall clock is set while people wait, talk and wrap up: what is due comes when its time has passed,
//! and the books balance.

use super::*;
use terms::Timestamp;

const HOUR_US: i64 = 3_600_000_000;
/// Ten seconds before a year ends, before a leap day and before its end, in UTC.
const NIGHTS: [Timestamp; 3] = [
    Timestamp::from_secs(1_798_761_590),
    Timestamp::from_secs(1_835_395_190),
    Timestamp::from_secs(1_835_481_590),
];

fn step(rig: &mut Rig, by_us: i64) {
    rig.now.wall = Timestamp(rig.now.wall.0 + by_us);
}

/// One waits while another talks; then they talk, and the agent wraps up. At each stage the clock is set
/// by what `steps` says. The words of the log.
fn a_day(mut rig: Rig, steps: [i64; 4]) -> Vec<String> {
    sign_in(&mut rig, A1);
    let first = rig.customer_dials("95105600");
    rig.wait(secs(5));
    assert_eq!(phase(&mut rig), "talking");
    step(&mut rig, steps[0]);
    let second = rig.customer_dials("95105600");
    rig.wait(secs(20));
    step(&mut rig, steps[1]);
    rig.wait(secs(5));
    rig.hangs_up(first);
    rig.wait(secs(1));
    step(&mut rig, steps[2]);
    rig.wait(secs(60));
    step(&mut rig, steps[3]);
    rig.hangs_up(second);
    rig.wait(secs(1));
    balanced(&mut rig);
    rig.switch.audit().unwrap_or_else(|why| panic!("{why}"));
    assert_eq!(states(&rig, A1).last().map(String::as_str), Some("Idle"));
    told(&rig)
}

#[test]
fn steps_of_the_clock_change_nothing_of_what_happens() {
    let right = a_day(Rig::new(demo_plan()), [0; 4]);
    assert_eq!(right.iter().filter(|word| word.starts_with("ended Answered")).count(), 2);
    for stage in 0..4 {
        for by in [HOUR_US, -HOUR_US, 25 * HOUR_US] {
            let mut steps = [0; 4];
            steps[stage] = by;
            assert_eq!(a_day(Rig::new(demo_plan()), steps), right, "{by} us at stage {stage}");
        }
    }
}

#[test]
fn the_end_of_a_year_and_a_leap_day_change_nothing_of_what_happens() {
    let right = a_day(Rig::new(demo_plan()), [0; 4]);
    for night in NIGHTS {
        let mut rig = Rig::new(demo_plan());
        rig.now.wall = night;
        assert_eq!(a_day(rig, [0; 4]), right, "{night}");
    }
}
