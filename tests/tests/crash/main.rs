//! The whole box, ended or starved at the worst moments, with real calls: what is counted afterwards
//! is what the published files say to a reader that is not ours.

mod bucket;
mod commit;
mod descriptors;
mod disk;
mod drain;
mod log;
mod moved;
mod recording;
mod schedules;
mod start;
mod talk;
mod upgrade;

use std::time::Duration;

fn seconds(s: u64) -> Duration {
    Duration::from_secs(s)
}

fn armed(points: &str) -> [(&str, &str); 1] {
    [("SWITCHGRID_FAILPOINTS", points)]
}
