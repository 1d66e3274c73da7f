//! What the caller says of being recorded. Each time is an entry of the log; the last one is good for
//! the rest of the call, over a transfer and a kill. Who does not agree is not recorded from then on,
//! whatever a rule or a person says, and who agrees after all is recorded as the rules say.

use crate::call::{Call, Phase};
use crate::ivr::run::Agreed;
use crate::switch::Cx;
use terms::UserId;
use terms::event::{Consent, ConsentWay, Kind};

impl Call {
    /// The flow came to a step that says so.
    pub(in crate::call) fn flow_learns_consent(&mut self, cx: &mut Cx, agreed: Agreed) {
        let Agreed { of, step, given } = agreed;
        let flow = of.map(|(flow, _)| flow).or(self.flow.as_ref().map(|flowing| flowing.flow));
        let way = ConsentWay::Flow;
        self.consents(cx, Consent { given, way, flow, step: Some(step), by: None });
    }

    /// Somebody at a screen notes what the caller told them; `own` where it is the agent of the call.
    pub(in crate::call) fn screen_notes_consent(
        &mut self,
        cx: &mut Cx,
        given: bool,
        own: bool,
        by: UserId,
    ) -> Result<(), String> {
        if !matches!(self.phase, Phase::Talking(_)) {
            return Err("there is no conversation in which somebody could agree".to_owned());
        }
        let way = if own { ConsentWay::Agent } else { ConsentWay::Order };
        self.consents(cx, Consent { given, way, flow: None, step: None, by: Some(by) });
        Ok(())
    }

    fn consents(&mut self, cx: &mut Cx, said: Consent) {
        let given = said.given;
        let before = self.story.consent.replace(given);
        self.log(cx, Some(self.anchor), Kind::Consented(said));
        if !given {
            if self.announcing.take().is_some() {
                self.refuse_recording(cx, "the caller does not agree to be recorded");
            }
            self.stop_recording(cx);
        } else if before == Some(false) {
            self.record_after_all(cx);
        }
    }

    /// Who did not agree does by now: the conversation is recorded where its rule says so.
    fn record_after_all(&mut self, cx: &mut Cx) {
        let Phase::Talking(talk) = &self.phase else { return };
        let legs = self.talkers(cx, talk);
        let decision = self.decide(cx, &legs[..2]);
        if decision.then.record {
            let parties = legs.into_iter().map(|leg| (leg, self.side(leg))).collect();
            self.begin_recording(cx, decision, parties, None);
        }
    }
}
