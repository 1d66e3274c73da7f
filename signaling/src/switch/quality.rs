//! How the legs of a live call hear and are heard: a question of the API that media answers, leg by
//! leg. Media does not answer for a leg that is gone, so a question ends by itself.

use super::{Cx, Now, Output, Switch};
use std::time::Duration;
use terms::control::{Answer, LegQuality, Response};
use terms::media::{Command, Quality};
use terms::{CallId, LegId, Moment, TenantId};

/// Questions that wait for media at a time.
const QUESTIONS_MAX: usize = 256;
/// How long media has; a core turns every few milliseconds.
const ANSWER_MAX: Duration = Duration::from_secs(1);

/// The questions that wait.
#[derive(Debug, Default)]
pub(super) struct Measuring(Vec<Question>);

#[derive(Debug)]
struct Question {
    request: u64,
    until: Moment,
    /// Each with whether media has answered for it.
    legs: Vec<(LegQuality, bool)>,
}

impl Measuring {
    pub fn next_timeout(&self) -> Option<Moment> {
        self.0.iter().map(|question| question.until).min()
    }

    /// Takes out the questions that are done.
    fn take(&mut self, done: impl Fn(&Question) -> bool) -> Vec<Question> {
        self.0.extract_if(.., |question| done(question)).collect()
    }
}

impl Switch {
    /// Asks media about every leg that has a port.
    pub(super) fn ask_quality(
        &mut self,
        now: Now,
        request: u64,
        tenant: TenantId,
        call: CallId,
    ) -> Option<Answer> {
        let live = self.calls.get(&call).filter(|call| call.tenant == tenant && !call.is_ending());
        let Some(live) = live else {
            return Some(Answer::Refused(format!("there is no live call {call}")));
        };
        if self.measuring.0.len() >= QUESTIONS_MAX {
            return Some(Answer::Refused(format!(
                "{QUESTIONS_MAX} questions about quality wait already; try again"
            )));
        }
        let voices = live.voices();
        if voices.is_empty() {
            return Some(Answer::Quality(Vec::new()));
        }
        let mut cx = Cx { now, world: &mut self.world };
        voices.iter().for_each(|&(leg, ..)| cx.media(Command::Measure { leg }));
        let nothing =
            |(leg, role, agent)| LegQuality { leg, role, agent, quality: Quality::default() };
        let legs = voices.into_iter().map(|voice| (nothing(voice), false)).collect();
        self.measuring.0.push(Question { request, until: now.moment + ANSWER_MAX, legs });
        None
    }

    /// Media says how a leg hears.
    pub(super) fn measured(&mut self, leg: LegId, quality: &Quality) {
        let questions = self.measuring.0.iter_mut();
        for (asked, is_told) in questions.flat_map(|question| &mut question.legs) {
            if asked.leg == leg && !*is_told {
                (asked.quality, *is_told) = (quality.clone(), true);
            }
        }
        let done =
            self.measuring.take(|question| question.legs.iter().all(|(_, is_told)| *is_told));
        self.tell(done);
    }

    /// Time is up: what came is the answer.
    pub(super) fn give_up_measuring(&mut self, now: Now) {
        let late = self.measuring.take(|question| question.until <= now.moment);
        self.tell(late);
    }

    fn tell(&mut self, questions: Vec<Question>) {
        for Question { request, legs, .. } in questions {
            let told = legs.into_iter().filter(|(_, is_told)| *is_told).map(|(leg, _)| leg);
            let body = Answer::Quality(told.collect());
            self.world.outputs.push_back(Output::Answer(Response { id: request, body }));
        }
    }
}
