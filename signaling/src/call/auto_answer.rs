//! A phone answers by itself what a queue offers: its INVITE says so where the agent or the queue is set
//! to it. Nobody has lifted anything then, so a tone tells the agent before they are brought together with
//! the caller, and the offer lasts until the tone is over. Whoever leaves meanwhile has left while it
//! rang.

use super::leg::{Invitation, Sip};
use super::{Call, Phase};
use crate::switch::Cx;
use terms::media::Source;
use terms::{AgentId, LegId};

/// That the phone may answer by itself: RFC 5373, and what desk phones and their libraries read.
const BY_ITSELF: [(&str, &str); 3] = [
    ("Answer-Mode", "Auto"),
    ("Call-Info", "<sip:back@switchgrid.invalid>;answer-after=0"),
    ("Alert-Info", "<http://switchgrid.invalid>;info=alert-autoanswer;delay=0"),
];
/// Length of the tone.
const TONE_MS: u32 = 400;

impl Invitation {
    /// The phone may answer by itself.
    pub fn lets_it_answer(&mut self) {
        let more = BY_ITSELF.map(|(name, value)| (name.to_owned(), value.to_owned()));
        self.headers.extend(more);
    }
}

impl Call {
    /// Whether this agent's phone answers by itself what is offered for who waits here.
    pub(super) fn answers_by_itself(&self, cx: &Cx, agent: AgentId) -> bool {
        let Phase::Waiting(waiting) = &self.phase else { return false };
        let plan = cx.plan(self.tenant);
        let settings = plan.as_ref().and_then(|plan| plan.agent(agent));
        let own = settings.is_some_and(|agent| agent.ringing.auto_answer);
        own || waiting.queue.matching.auto_answer
    }

    /// A phone that rings for who waits answered.
    pub(super) fn phone_takes_offer(&mut self, cx: &mut Cx, id: LegId) {
        if !self.tone_goes_first(cx, id) {
            self.offer_answered(cx, id);
        }
    }

    fn tone_goes_first(&mut self, cx: &mut Cx, id: LegId) -> bool {
        let Phase::Waiting(waiting) = &self.phase else { return false };
        let Some(agent) = waiting.agent_at(id) else { return false };
        self.answers_by_itself(cx, agent)
            && self.play(cx, id, vec![Source::Beep { ms: TONE_MS }], false, false)
    }

    /// What somebody else than the anchor heard is over.
    pub(super) fn tone_over(&mut self, cx: &mut Cx, id: LegId) {
        let Phase::Waiting(waiting) = &self.phase else { return };
        let answered = self.legs.get(&id).is_some_and(|leg| leg.sip == Sip::Answered);
        if answered && waiting.agent_at(id).is_some() {
            self.offer_answered(cx, id);
        }
    }
}
