//! Real SIP peers of other makers, from Debian.

pub mod baresip;
pub mod kamailio;
pub mod sipp;
pub mod voice;
