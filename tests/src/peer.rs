//! SIP peers of other makers: from Debian, and a browser of parts.

pub mod baresip;
pub mod chromium;
pub mod device;
pub mod kamailio;
pub mod page;
pub mod sipp;
pub mod voice;
