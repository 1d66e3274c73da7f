//! The program `switchgrid`: configuration, wiring of the rooms, the API, live events, commands.

pub mod api;
pub mod calls;
pub mod cli;
pub mod config;
pub mod first;
pub mod link;
pub mod logging;
pub mod prompts;
pub mod serve;
pub mod speech;
pub mod work;
