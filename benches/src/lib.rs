//! What the measuring programs share: where figures go.

pub mod results;
