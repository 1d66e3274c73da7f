//! What a caller hears of a trunk before it answers.

use serde::{Deserialize, Serialize};

/// What who waits is given of the description that a trunk sends before its answer (early media, RFC
/// 3960): a network's own ring tone, or what it says of a number that cannot be reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EarlyMedia {
    /// They hear it.
    #[default]
    Pass,
    /// They hear ringing: their phone's, or ours where they were answered already.
    Ring,
    /// It is no sign of anything: only what is said without a description rings.
    None,
}
