//! What callers and agents do, step by step. Pure: a script looks at what was seen and says the
//! next act; the field carries it out.

use benches::media::engine::Seen;
use std::collections::VecDeque;
use std::time::Duration;
use terms::Moment;

/// Silence of a speaker that means they are gone.
const GONE: Duration = Duration::from_millis(500);

/// One step of a caller, from the answer on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// Lets time pass.
    Wait(Duration),
    /// Presses keys (RFC 4733).
    Press(String),
    /// Until an agent speaks, at most this long.
    HearAgent(Duration),
    /// Until another agent than the last one speaks.
    HearAnotherAgent(Duration),
    /// Until the agent speaks no more.
    HearAgentLeave(Duration),
    /// Until a beep was heard.
    HearBeep(Duration),
    /// Until the other side hangs up.
    Stay(Duration),
    /// Ends the call.
    HangUp,
}

/// What to do now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Act {
    /// Press keys.
    Press(String),
    /// End the call, all steps done.
    HangUp,
    /// End the call because a step did not come true.
    GiveUp(Step),
}

/// A caller in the middle of a script.
pub struct Caller {
    steps: VecDeque<Step>,
    began: Moment,
    agents: Vec<u32>,
    beeps: u32,
}

impl Caller {
    /// Begins when the call is answered.
    pub fn new(now: Moment, steps: Vec<Step>) -> Caller {
        Caller { steps: steps.into(), began: now, agents: Vec::new(), beeps: 0 }
    }

    /// Agents that were heard, in order.
    pub fn agents(&self) -> &[u32] {
        &self.agents
    }

    /// The other side hung up. True when the script was content with that.
    pub fn on_ended(&self) -> bool {
        matches!(self.steps.front(), None | Some(Step::Stay(_)))
    }

    /// Goes on as far as it can; None is to be asked again later.
    pub fn advance(&mut self, now: Moment, seen: &Seen) -> Option<Act> {
        if let Some(agent) = seen.speaker
            && self.agents.last() != Some(&agent)
        {
            self.agents.push(agent);
        }
        loop {
            let step = self.steps.front()?;
            match self.judge(step, now, seen) {
                Progress::Wait => return None,
                Progress::Late => {
                    let step = step.clone();
                    self.steps.clear();
                    return Some(Act::GiveUp(step));
                }
                Progress::Done => {}
            }
            self.began = now;
            self.beeps = seen.beeps;
            match self.steps.pop_front() {
                Some(Step::Press(keys)) => return Some(Act::Press(keys)),
                Some(Step::HangUp) => {
                    self.steps.clear();
                    return Some(Act::HangUp);
                }
                _ => {}
            }
        }
    }

    fn judge(&self, step: &Step, now: Moment, seen: &Seen) -> Progress {
        let until = |come_true: bool, limit: Duration| match come_true {
            true => Progress::Done,
            false if now.since(self.began) >= limit => Progress::Late,
            false => Progress::Wait,
        };
        let speaks = seen.speaker.is_some() && seen.speaker_silent < GONE;
        match step {
            Step::Wait(time) if now.since(self.began) >= *time => Progress::Done,
            Step::Wait(_) => Progress::Wait,
            Step::Press(_) | Step::HangUp => Progress::Done,
            Step::HearAgent(limit) => until(speaks, *limit),
            Step::HearAnotherAgent(limit) => until(speaks && self.agents.len() > 1, *limit),
            Step::HearAgentLeave(limit) => until(!speaks, *limit),
            Step::HearBeep(limit) => until(seen.beeps > self.beeps, *limit),
            Step::Stay(limit) => until(false, *limit),
        }
    }
}

enum Progress {
    Wait,
    Done,
    Late,
}

/// What an agent does with one customer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Handling {
    /// Talks this long, from the first word of the customer.
    pub talk: Duration,
    /// Then.
    pub then: Then,
}

/// How an agent ends a conversation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Then {
    /// Hangs up.
    Release,
    /// Puts the customer on hold for a while, then hangs up.
    HoldAndRelease(Duration),
    /// Passes the customer on to another agent of the field without asking first.
    TransferToColleague,
    /// Waits for the customer to hang up.
    Stay,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(ms: u64) -> Moment {
        Moment::from_millis(ms)
    }

    fn ms(ms: u64) -> Duration {
        Duration::from_millis(ms)
    }

    fn agent(id: u32) -> Seen {
        Seen { speaker: Some(id), ..Seen::default() }
    }

    #[test]
    fn a_caller_presses_waits_and_hangs_up() {
        let steps = vec![Step::Wait(ms(100)), Step::Press("0".into()), Step::HangUp];
        let mut caller = Caller::new(at(0), steps);
        assert_eq!(caller.advance(at(99), &Seen::default()), None);
        assert_eq!(caller.advance(at(100), &Seen::default()), Some(Act::Press("0".into())));
        assert_eq!(caller.advance(at(100), &Seen::default()), Some(Act::HangUp));
        assert_eq!(caller.advance(at(200), &Seen::default()), None);
    }

    #[test]
    fn a_transferred_caller_hears_two_agents_and_then_none() {
        let steps = vec![
            Step::HearAgent(ms(1000)),
            Step::HearAnotherAgent(ms(1000)),
            Step::HearAgentLeave(ms(1000)),
            Step::Press("1".into()),
            Step::Stay(ms(1000)),
        ];
        let mut caller = Caller::new(at(0), steps);
        assert_eq!(caller.advance(at(10), &agent(7)), None);
        assert_eq!(caller.advance(at(500), &agent(7)), None);
        assert_eq!(caller.advance(at(600), &agent(8)), None);
        assert!(!caller.on_ended(), "the agent still speaks");
        let silent = Seen { speaker_silent: GONE, ..agent(8) };
        assert_eq!(caller.advance(at(700), &silent), Some(Act::Press("1".into())));
        assert!(caller.on_ended());
        assert_eq!(caller.agents(), [7, 8]);
    }

    #[test]
    fn what_does_not_come_true_is_given_up() {
        let mut caller = Caller::new(at(0), vec![Step::HearBeep(ms(300)), Step::HangUp]);
        assert_eq!(caller.advance(at(299), &agent(1)), None);
        let act = caller.advance(at(300), &agent(1));
        assert_eq!(act, Some(Act::GiveUp(Step::HearBeep(ms(300)))));
        assert_eq!(caller.advance(at(900), &agent(1)), None);
    }

    #[test]
    fn only_a_beep_after_the_step_began_counts() {
        let mut caller =
            Caller::new(at(0), vec![Step::Wait(ms(10)), Step::HearBeep(ms(300)), Step::HangUp]);
        let one = Seen { beeps: 1, ..Seen::default() };
        assert_eq!(caller.advance(at(10), &one), None);
        assert_eq!(caller.advance(at(20), &Seen { beeps: 2, ..one }), Some(Act::HangUp));
    }
}
