//! The program `switchgrid`: configuration, wiring of the rooms, the API, live events, commands.

pub mod api;
pub mod away;
pub mod blocking;
pub mod bundle;
pub mod calls;
pub mod cli;
pub mod config;
pub mod doors;
pub mod evidence;
pub mod fax;
pub mod first;
pub mod flight;
pub mod lifelines;
pub mod link;
pub mod logging;
pub mod open;
pub mod orders_line;
pub mod outward;
pub mod own;
pub mod pg;
pub mod prompts;
pub mod s3;
pub mod schedules;
pub mod serve;
pub mod speech;
pub mod tier;
pub mod uptime;
pub mod whole;
pub mod work;

/// Points of fault belong to test builds: a program that people run has none.
const _: () = assert!(
    cfg!(debug_assertions) || !terms::failpoint::COMPILED,
    "build the program without the feature `failpoints` of `terms`"
);
