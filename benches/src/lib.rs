//! What the measuring programs share, and the tests with them: stamped audio and the threads that speak
//! it, a process that serves calls and is asked over a pipe, what a process uses, a core that stays awake
//! meanwhile, a proxy and a disk to try things with, and where figures go.

pub mod awake;
pub mod kamailio;
pub mod media;
pub mod piped;
pub mod procstat;
pub mod results;
pub mod small_disk;
pub mod voices;
