//! Legs that media could not open: counted, and told in the log with the limit that was met, once a
//! second at most, so that a flood of calls at a limit is a few lines.

use std::time::Duration;
use terms::Moment;

/// Between two lines.
const QUIET: Duration = Duration::from_secs(1);

/// What was refused since the start.
#[derive(Debug, Default)]
pub struct Refusals {
    told_at: Option<Moment>,
    unsaid: u64,
    /// Legs.
    pub legs: u64,
}

impl Refusals {
    /// One more. Where a line is due, how many it stands for.
    pub fn note(&mut self, now: Moment) -> Option<u64> {
        self.legs += 1;
        self.unsaid += 1;
        if self.told_at.is_some_and(|told_at| now - told_at < QUIET) {
            return None;
        }
        self.told_at = Some(now);
        Some(std::mem::take(&mut self.unsaid))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_is_told_at_once_and_those_of_a_second_together() {
        let mut refusals = Refusals::default();
        let told = [0, 1, 500, 999, 1_000, 1_001, 2_000, 9_000].map(|ms| {
            let now = Moment::from_millis(5_000 + ms);
            refusals.note(now)
        });
        assert_eq!(told, [Some(1), None, None, None, Some(4), None, Some(2), Some(1)]);
        assert_eq!(refusals.legs, 8);
    }
}
