//! Owns digits, wherever they came from (RFC 4733, INFO): one at a time in, a complete entry out.
//! An entry is complete at the terminator, at the longest length, or when the caller pauses.

use std::time::Duration;
use terms::Moment;

/// Who presses the terminator though the entry is complete by its length does so in this time.
const SPARE_MAX: Duration = Duration::from_secs(2);

/// When an entry is complete.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rules {
    /// Complete at this many digits.
    pub digits_max: u8,
    /// Complete at this key, which is not part of the entry.
    pub terminator: Option<char>,
    /// Longest wait for the first digit.
    pub first_max: Duration,
    /// Longest wait for each further digit.
    pub next_max: Duration,
}

/// What was entered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Entered {
    /// These digits; empty when only the terminator was pressed.
    Digits(String),
    /// No digit in time.
    Nothing,
}

/// One entry as it grows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Collect {
    rules: Rules,
    digits: String,
    deadline: Option<Moment>,
    complete: bool,
    /// Complete by its length.
    full: bool,
}

impl Collect {
    /// An empty entry; no clock runs until [`Collect::start`] or the first digit.
    pub fn new(rules: Rules) -> Self {
        Collect { rules, digits: String::new(), deadline: None, complete: false, full: false }
    }

    /// The prompt is over: the caller's time begins, unless they already type.
    pub fn start(&mut self, now: Moment) {
        if self.deadline.is_none() && !self.complete {
            self.deadline = Some(now + self.rules.first_max);
        }
    }

    /// A key. Answers the entry when this key completes it; keys after that change nothing.
    pub fn on_digit(&mut self, now: Moment, digit: char) -> Option<Entered> {
        if self.complete {
            return None;
        }
        if Some(digit) == self.rules.terminator {
            return Some(self.finish());
        }
        self.digits.push(digit);
        if self.digits.len() >= usize::from(self.rules.digits_max) {
            self.full = true;
            return Some(self.finish());
        }
        self.deadline = Some(now + self.rules.next_max);
        None
    }

    /// Time passed. Answers the entry when the caller's time is over.
    pub fn on_timeout(&mut self, now: Moment) -> Option<Entered> {
        if self.complete || self.deadline.is_none_or(|at| now < at) {
            return None;
        }
        let nothing = self.digits.is_empty();
        let entered = self.finish();
        Some(if nothing { Entered::Nothing } else { entered })
    }

    /// The terminator that may still follow an entry that was complete just now by its length, and
    /// until when a key is taken for it: it belongs to this entry and to nothing that comes after.
    pub fn spare(&self, now: Moment) -> Option<(char, Moment)> {
        let key = self.rules.terminator.filter(|_| self.full)?;
        Some((key, now + self.rules.next_max.min(SPARE_MAX)))
    }

    /// When [`Collect::on_timeout`] is due.
    pub fn next_timeout(&self) -> Option<Moment> {
        self.deadline
    }

    fn finish(&mut self) -> Entered {
        self.complete = true;
        self.deadline = None;
        Entered::Digits(std::mem::take(&mut self.digits))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn account() -> Collect {
        Collect::new(Rules {
            digits_max: 4,
            terminator: Some('#'),
            first_max: Duration::from_secs(5),
            next_max: Duration::from_secs(2),
        })
    }

    const AT: fn(u64) -> Moment = Moment::from_secs;

    #[test]
    fn the_terminator_the_length_and_a_pause_each_complete_an_entry() {
        let mut entry = account();
        assert_eq!(entry.on_digit(AT(1), '4'), None);
        assert_eq!(entry.on_digit(AT(1), '#'), Some(Entered::Digits("4".into())));
        assert_eq!(entry.on_digit(AT(1), '5'), None, "late keys change nothing");

        let mut entry = account();
        assert_eq!(entry.spare(AT(1)), None);
        let last = "1234".chars().map(|digit| entry.on_digit(AT(1), digit)).last().flatten();
        assert_eq!(last, Some(Entered::Digits("1234".into())));
        assert_eq!(entry.spare(AT(1)), Some(('#', AT(3))), "it may still come");

        let mut entry = account();
        entry.on_digit(AT(1), '9');
        assert_eq!(entry.next_timeout(), Some(AT(3)));
        assert_eq!(entry.on_timeout(AT(2)), None);
        assert_eq!(entry.on_timeout(AT(3)), Some(Entered::Digits("9".into())));
    }

    #[test]
    fn silence_is_told_from_an_empty_entry() {
        let mut entry = account();
        entry.start(AT(10));
        assert_eq!(entry.on_timeout(AT(15)), Some(Entered::Nothing));
        let mut entry = account();
        assert_eq!(entry.on_digit(AT(1), '#'), Some(Entered::Digits(String::new())));
    }

    #[test]
    fn a_prompt_that_ends_does_not_reset_the_clock_of_a_typing_caller() {
        let mut entry = account();
        entry.on_digit(AT(10), '1');
        entry.start(AT(11));
        assert_eq!(entry.next_timeout(), Some(AT(12)));
    }
}
