//! What the measuring programs share: stamped audio and the threads that speak it, what a process
//! uses, and where figures go.

pub mod media;
pub mod procstat;
pub mod results;
pub mod voices;
