//! What comes of a delivery, and how long to wait before the next attempt.

use std::time::Duration;

/// Attempts at a run, and at each delivery.
pub const ATTEMPTS_MAX: u32 = 8;
/// Pause after the first attempt; each one after that is twice as long.
const PAUSE_MIN: Duration = Duration::from_secs(60);
/// Longest pause.
const PAUSE_MAX: Duration = Duration::from_secs(3_600);

/// What came of one attempt.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The receiver has it.
    Delivered,
    /// The receiver does not have it; another attempt may do it.
    Again(String),
    /// The receiver does not have it, and another attempt would end the same.
    Failed(String),
    /// The receiver may have it.
    Uncertain(String),
}

/// The pause after so many attempts.
pub fn pause(attempts: u32) -> Duration {
    let doubled = 2_u32.saturating_pow(attempts.saturating_sub(1).min(16));
    PAUSE_MIN.saturating_mul(doubled).min(PAUSE_MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_and_have_an_end() {
        let minutes: Vec<u64> = (1..=8).map(|attempts| pause(attempts).as_secs() / 60).collect();
        assert_eq!(minutes, [1, 2, 4, 8, 16, 32, 60, 60]);
        assert_eq!(pause(u32::MAX), PAUSE_MAX);
    }
}
