//! The satisfaction question after an agent released first: 1 满意, 2 一般, 3 不满意. Asked again
//! once, then thanks.

use super::timers::Timer;
use super::{Call, Phase, cause};
use crate::ivr::prompt;
use crate::switch::Cx;
use serde::{Deserialize, Serialize};
use terms::event::{Kind, Satisfaction};
use terms::media::PlayEnd;
use terms::{AgentId, QueueId, SurveyId};

/// A question that is open.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub(super) struct Survey {
    /// About whom; a question in a flow before any agent is about nobody.
    about: Option<(SurveyId, AgentId, Option<QueueId>)>,
    attempt: u8,
    /// Asked by a step of the flow, which goes on afterwards.
    from_flow: bool,
}

impl Call {
    /// Asks the anchor.
    pub(super) fn ask_survey(&mut self, cx: &mut Cx, from_flow: bool) {
        let queue = self.queue.as_ref().map(|queue| queue.id);
        let about = self.agent.map(|agent| (SurveyId(cx.id()), agent, queue));
        if let Some((survey, agent, queue)) = about {
            self.log(cx, Some(self.anchor), Kind::SurveyAsked { survey, agent, queue });
        }
        self.phase = Phase::Survey(Survey { about, attempt: 1, from_flow });
        self.say_survey(cx, &["survey"]);
    }

    fn say_survey(&mut self, cx: &mut Cx, prompts: &[&str]) {
        let language = self.language();
        let sources = prompts.iter().map(|name| prompt::prompt(language, name)).collect();
        self.timers.clear(Timer::SurveyKey);
        if !self.play(cx, self.anchor, sources, false, true) {
            self.survey_asked(cx);
        }
    }

    /// The question was said, or could not be: a step of a flow may have a way for that.
    pub(super) fn survey_said(&mut self, cx: &mut Cx, end: &PlayEnd) {
        let Phase::Survey(survey) = &self.phase else { return };
        let survey = *survey;
        let unheard = matches!(end, PlayEnd::Missing(_)) && survey.from_flow;
        if unheard && self.step_catches(&["survey"]) {
            self.quit_survey(cx, survey, None);
            self.follow_flow(cx, "error");
        } else {
            self.survey_asked(cx);
        }
    }

    /// The question was said: the caller's time begins.
    fn survey_asked(&mut self, cx: &mut Cx) {
        self.timers.set(Timer::SurveyKey, cx.now.moment + cx.world.config.survey_key_max);
    }

    pub(super) fn survey_digit(&mut self, cx: &mut Cx, digit: char) {
        self.stop_play(cx, self.anchor);
        match digit {
            '1' => self.finish_survey(cx, Some(Satisfaction::Satisfied)),
            '2' => self.finish_survey(cx, Some(Satisfaction::Neutral)),
            '3' => self.finish_survey(cx, Some(Satisfaction::Dissatisfied)),
            _ => self.ask_again(cx, &["invalid", "survey"]),
        }
    }

    pub(super) fn survey_timeout(&mut self, cx: &mut Cx) {
        self.ask_again(cx, &["survey"]);
    }

    fn ask_again(&mut self, cx: &mut Cx, prompts: &[&str]) {
        let Phase::Survey(survey) = &mut self.phase else { return };
        if survey.attempt >= cx.world.config.survey_attempts {
            return self.finish_survey(cx, None);
        }
        survey.attempt += 1;
        self.say_survey(cx, prompts);
    }

    fn finish_survey(&mut self, cx: &mut Cx, answer: Option<Satisfaction>) {
        let Phase::Survey(survey) = &self.phase else { return };
        let survey = *survey;
        self.quit_survey(cx, survey, answer);
        if survey.from_flow {
            let edge = if answer.is_some() { "next" } else { "timeout" };
            if let (Some(answer), Some(flowing)) = (answer, &mut self.flow) {
                let key = match answer {
                    Satisfaction::Satisfied => "1",
                    Satisfaction::Neutral => "2",
                    Satisfaction::Dissatisfied => "3",
                };
                flowing.run.variables.set("satisfaction", key);
            }
            if self.follow_flow(cx, edge) {
                return;
            }
        }
        self.farewell(cx, &["thanks"], cause::NORMAL);
    }

    /// The question is over, answered or not.
    pub(super) fn quit_survey(
        &mut self,
        cx: &mut Cx,
        survey: Survey,
        answer: Option<Satisfaction>,
    ) {
        self.timers.clear(Timer::SurveyKey);
        if let Some((survey, agent, queue)) = survey.about {
            self.log(cx, Some(self.anchor), Kind::SurveyAnswered { survey, agent, queue, answer });
        }
    }
}
