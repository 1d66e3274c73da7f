//! What the measuring programs share, and the tests with them: stamped audio and the threads that speak
//! it, a process that serves calls and is asked over a pipe, what a process uses, a core that stays awake
//! meanwhile, a proxy, a database server and a disk to try things with, and where figures go.

/// How a child's allocator works: as the supervisor sets it for the children of the program.
pub const ALLOCATOR: [(&str, &str); 2] =
    [("MIMALLOC_ALLOW_THP", "0"), ("MIMALLOC_PURGE_DELAY", "5000")];

pub mod awake;
pub mod kamailio;
pub mod media;
pub mod piped;
pub mod postgres;
pub mod procstat;
pub mod results;
pub mod small_disk;
pub mod voices;
