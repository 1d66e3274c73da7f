//! The only rooms of mediacore with sockets, files, threads and clocks. The loop of a media core is
//! one for both backends: `worker` drives the shard, [`epoll`] or `uring` moves the datagrams.

#![allow(clippy::disallowed_methods)]

pub mod bot;
pub mod clock;
pub mod encode;
pub mod engine;
pub mod epoll;
pub mod fax;
pub mod identity;
pub mod keys;
pub mod ports;
pub mod prompts;
pub mod quiet;
pub mod rendering;
pub(crate) mod route;
pub mod slots;
pub(crate) mod socket;
pub mod speech;
pub mod storage;
pub mod studio;
pub(crate) mod worker;

pub use engine::{Backend, Engine, EngineConfig, EngineStats, Error, SendError, ShardReport};
