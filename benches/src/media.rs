//! What callers and agents say and hear: G.711 whose samples carry who says it and when, so that
//! every packet that comes back and every recording can be checked sample by sample; and a plain voice
//! for the codecs that change samples.

pub mod beep;
pub mod crowd;
pub mod delay;
pub mod engine;
pub mod g711;
pub mod page;
pub mod phrase;
pub mod rtp;
pub mod served;
pub mod stamp;
pub mod wav;
pub mod wire;
