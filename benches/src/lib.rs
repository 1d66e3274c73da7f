//! What the measuring programs share, and the tests with them: stamped audio and the threads that speak
//! it, what a process uses, a proxy and a disk to try things with, and where figures go.

pub mod kamailio;
pub mod media;
pub mod procstat;
pub mod results;
pub mod small_disk;
pub mod voices;
