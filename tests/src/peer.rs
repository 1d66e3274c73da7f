//! Peers of other makers: SIP from Debian, a browser of parts, and a database.

pub mod baresip;
pub mod chromium;
pub mod desk_phone;
pub mod device;
pub mod kamailio;
pub mod page;
pub mod postgres;
pub mod sipp;
pub mod voice;
