//! Who answered: a guess from how long the first words last.
//!
//! A person says a short word and waits; a machine goes on. The same idea and about the same times
//! as Asterisk's AMD application, which calls them greeting, after-greeting silence and maximum
//! words. It is a guess: a long-winded person is a machine to it.

use terms::media::Progress;

/// Less is a click, or the beginning of a tone.
const WORD_MS_MIN: u32 = 160;
/// Words of one text are not further apart.
const GAP_MS_MAX: u32 = 700;
/// A person's first words are no longer.
const HUMAN_MS_MAX: u32 = 1_800;
/// Who speaks this long without a pause is a machine before the text ends.
const MACHINE_MS_MIN: u32 = 2_400;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Waiting,
    /// How long since the first word, and since the last one.
    Speaking {
        ms: u32,
        quiet_ms: u32,
        spoken_ms: u32,
    },
    Told,
}

/// The guess about one leg.
#[derive(Clone, Copy, Debug)]
pub struct Answerer {
    state: State,
}

impl Default for Answerer {
    fn default() -> Self {
        Answerer { state: State::Waiting }
    }
}

impl Answerer {
    /// Takes whether somebody spoke for `ms`; tells its guess once.
    pub fn note(&mut self, speaks: bool, ms: u32) -> Option<Progress> {
        let (next, guess) = match (self.state, speaks) {
            (State::Waiting, true) => (State::Speaking { ms, quiet_ms: 0, spoken_ms: ms }, None),
            (State::Speaking { ms: before, spoken_ms, .. }, true) => {
                let state =
                    State::Speaking { ms: before + ms, quiet_ms: 0, spoken_ms: spoken_ms + ms };
                if before + ms >= MACHINE_MS_MIN {
                    (State::Told, Some(Progress::Machine))
                } else {
                    (state, None)
                }
            }
            (State::Speaking { ms: before, quiet_ms, spoken_ms }, false) => {
                let (total, quiet_ms) = (before + ms, quiet_ms + ms);
                if quiet_ms < GAP_MS_MAX {
                    (State::Speaking { ms: total, quiet_ms, spoken_ms }, None)
                } else if spoken_ms < WORD_MS_MIN {
                    (State::Waiting, None)
                } else if total - quiet_ms <= HUMAN_MS_MAX {
                    (State::Told, Some(Progress::Human))
                } else {
                    (State::Told, Some(Progress::Machine))
                }
            }
            (state @ (State::Waiting | State::Told), _) => (state, None),
        };
        self.state = next;
        guess
    }

    /// Whether somebody has spoken.
    pub fn has_heard(&self) -> bool {
        match self.state {
            State::Waiting => false,
            State::Speaking { spoken_ms, .. } => spoken_ms >= WORD_MS_MIN,
            State::Told => true,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Spoken and silent stretches in ms; what was guessed, and when.
    fn guess(stretches: &[u32]) -> Option<(Progress, u32)> {
        let mut answerer = Answerer::default();
        let mut at = 0;
        for (n, &stretch) in stretches.iter().enumerate() {
            for _ in 0..stretch / 20 {
                at += 20;
                if let Some(guess) = answerer.note(n % 2 == 0, 20) {
                    return Some((guess, at));
                }
            }
        }
        None
    }

    #[test]
    fn a_short_word_and_silence_is_a_person() {
        assert_eq!(guess(&[600, 3_000]), Some((Progress::Human, 1_300)));
        assert_eq!(guess(&[400, 300, 500, 3_000]), Some((Progress::Human, 1_900)));
    }

    #[test]
    fn a_long_text_is_a_machine_before_it_ends() {
        assert_eq!(guess(&[8_000]), Some((Progress::Machine, 2_400)));
        assert_eq!(guess(&[900, 300, 900, 200, 3_000]), Some((Progress::Machine, 2_400)));
        assert_eq!(guess(&[2_100, 3_000]), Some((Progress::Machine, 2_800)));
    }

    #[test]
    fn clicks_and_silence_are_nobody() {
        assert_eq!(guess(&[0, 20_000]), None);
        assert_eq!(guess(&[40, 1_000, 60, 1_000, 20, 1_000]), None);
        assert_eq!(guess(&[40, 1_000, 800, 1_000]), Some((Progress::Human, 2_540)));
    }
}
