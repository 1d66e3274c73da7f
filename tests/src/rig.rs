//! The simulated world: one box made of the production machines, phones and people around it, a
//! network that loses, delays and reorders, and a disk that is slow and sometimes fails. One
//! thread, virtual time, and a seed that decides everything: a failure is seen again by its seed.
//!
//! ```text
//!  people ─► phones ─ SIP ─► network ─► UserAgent ─► Switch ─► entries ─► Fold ─► rows
//!         ◄─ handsets ─ RTP ─►   ▲  ─► Shard ─► blocks ─► ShardLog ─► Index ─► WAV ─► ledger
//! ```
//!
//! [`center`] is the box wired as its edges wire it, [`disk`] stands under the recorder, [`network`]
//! between all, [`phone`] and [`handset`] are what people hold, [`people`] is what they do,
//! [`audit`] is what must balance when all is over.

pub mod audit;
pub mod center;
pub mod disk;
pub mod handset;
pub mod network;
pub mod people;
pub mod phone;
pub mod plan;
pub mod world;

pub use handset::Heard;
pub use network::Weather;
pub use people::{Behaviour, CallerId, Habit, Reply};
pub use world::World;

use std::time::Duration;

/// `n` minutes.
pub const fn minutes(n: u64) -> Duration {
    Duration::from_secs(60 * n)
}

/// `n` seconds.
pub const fn seconds(n: u64) -> Duration {
    Duration::from_secs(n)
}

/// `n` milliseconds.
pub const fn millis(n: u64) -> Duration {
    Duration::from_millis(n)
}
