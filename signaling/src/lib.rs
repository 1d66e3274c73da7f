//! Decides: SIP, calls and legs, ACD, IVR. State machines that take inputs and time and give
//! outputs; only `edge` knows sockets, files, threads and clocks.

pub mod acd;
mod call;
mod calling;
mod conference;
pub mod edge;
mod id_map;
mod id_table;
pub mod isup;
pub mod ivr;
pub mod kept;
pub mod reach;
pub mod sdp;
pub mod sip;
pub mod switch;
