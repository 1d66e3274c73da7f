//! What comes of a delivery, and how long to wait before the next attempt.

use std::time::Duration;
use terms::MailAddress;

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

/// What a mail server said, without whom the mail was for: it likes to name them, and who reads a
/// problem may be somebody from whom addresses are hidden.
pub fn without_receiver(problem: String, address: &str) -> String {
    let receiver = MailAddress::parse(address);
    receiver.and_then(|receiver| receiver.hidden_in(&problem)).unwrap_or(problem)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_mail_server_says_does_not_name_the_receiver() {
        let said = |problem: &str| without_receiver(problem.to_owned(), "Zhang.Wei@example.com");
        let named = "permanent error (550): 5.1.1 <zhang.wei@EXAMPLE.com>: no such person";
        assert_eq!(said(named), "permanent error (550): 5.1.1 <***>: no such person");
        for bare in ["", "no room at example.com", "wei@example.com"] {
            assert_eq!(said(bare), bare);
        }
        assert_eq!(without_receiver("no room".to_owned(), ""), "no room");
    }

    #[test]
    fn pauses_grow_and_have_an_end() {
        let minutes: Vec<u64> = (1..=8).map(|attempts| pause(attempts).as_secs() / 60).collect();
        assert_eq!(minutes, [1, 2, 4, 8, 16, 32, 60, 60]);
        assert_eq!(pause(u32::MAX), PAUSE_MAX);
    }
}
