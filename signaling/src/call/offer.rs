//! An agent's phone rings for a waiting caller. The distributor owns the offer and its deadline;
//! the call owns the leg. However it ends, the leg is closed and the distributor knows.

use super::leg::{Bye, Invitation, Leg};
use super::{Call, Phase, cause};
use crate::sip::user_agent::Destination;
use crate::switch::Cx;
use terms::event::{Choice, Kind, OfferEnd, Party, Role};
use terms::media::Place;
use terms::{AgentId, LegId, VisitId};

impl Call {
    /// Ring this agent.
    pub(crate) fn offer(&mut self, cx: &mut Cx, visit: VisitId, agent: AgentId, choice: Choice) {
        let now = cx.now;
        let queue = match &self.phase {
            Phase::Waiting(waiting)
                if waiting.visit == visit && waiting.leg_of(agent).is_none() =>
            {
                waiting.queue.id
            }
            // The caller left in the same moment.
            _ => {
                if let Some(acd) = cx.acd(self.tenant) {
                    acd.leave(now, visit);
                }
                return;
            }
        };
        self.callback_offered(cx);
        let plan = cx.plan(self.tenant).unwrap_or_else(|| self.plan.clone());
        let address = plan.agent(agent).map_or(String::new(), |agent| agent.sip_user.clone());
        let from = (self.caller_for_agents(), plan.queue_name(queue).to_owned());
        let mut leg = self.phone_leg(Role::Agent, agent, address, from);
        if let Some(invitation) = &mut leg.invitation {
            invitation.headers.push(("X-Queue".to_owned(), queue.to_string()));
            if self.answers_by_itself(cx, agent) {
                invitation.lets_it_answer();
            }
        }
        self.log(cx, None, Kind::Offered { visit, queue, agent, choice: Some(choice) });
        let leg = self.open_leg(cx, leg, Place::WithContact);
        if let Phase::Waiting(waiting) = &mut self.phase {
            waiting.offers.push((agent, leg));
        }
    }

    /// What an agent's phone shows as the caller.
    pub(super) fn caller_for_agents(&self) -> String {
        let customer = self.customer();
        if customer.is_withheld() { "anonymous".to_owned() } else { customer.shown.clone() }
    }

    /// A leg that rings an agent's phone at `address`, which shows this number and name.
    pub(super) fn phone_leg(
        &self,
        role: Role,
        agent: AgentId,
        address: String,
        (from_user, from_name): (String, String),
    ) -> Leg {
        let mut leg = Leg::new(role, Some(agent), address);
        leg.invitation = Some(Invitation {
            to: Destination::Agent(self.tenant, agent),
            from_user,
            from_name,
            other_way: false,
            not_at: None,
            at_desk: false,
            category: None,
            headers: vec![
                ("X-Call".to_owned(), self.id.to_string()),
                ("X-Contact".to_owned(), self.contact.to_string()),
            ],
        });
        leg
    }

    /// The distributor ended the offer: the deadline, or the agent left.
    pub(crate) fn offer_ended(
        &mut self,
        cx: &mut Cx,
        visit: VisitId,
        agent: AgentId,
        end: OfferEnd,
    ) {
        let Phase::Waiting(waiting) = &mut self.phase else { return };
        let leg = waiting.leg_of(agent).filter(|_| waiting.visit == visit);
        let Some((leg, queue)) = leg.map(|leg| (leg, waiting.queue.id)) else { return };
        waiting.take_offer(leg);
        self.log(cx, Some(leg), Kind::OfferEnded { visit, queue, agent, end });
        self.close_leg(cx, leg, cause::NO_ANSWER, Party::System, Bye::Hangup);
    }

    /// The agent's phone said no, or broke. The leg is closed already.
    pub(super) fn offer_failed(&mut self, cx: &mut Cx, leg: LegId, end: OfferEnd) {
        let now = cx.now;
        let Phase::Waiting(waiting) = &mut self.phase else { return };
        let Some(agent) = waiting.take_offer(leg) else { return };
        let (visit, queue) = (waiting.visit, waiting.queue.id);
        self.log(cx, Some(leg), Kind::OfferEnded { visit, queue, agent, end });
        if let Some(acd) = cx.acd(self.tenant) {
            acd.offer_failed(now, visit, agent, end);
        }
    }

    /// The agent's phone answered: is the offer still theirs?
    pub(super) fn offer_answered(&mut self, cx: &mut Cx, leg: LegId) {
        let now = cx.now;
        let Phase::Waiting(waiting) = &self.phase else { return };
        let Some(agent) = waiting.agent_at(leg) else { return };
        let (visit, queue) = (waiting.visit, waiting.queue.clone());
        let theirs = cx.acd(self.tenant).is_some_and(|acd| acd.answered(now, visit, agent));
        if theirs {
            self.stop_others(cx, leg);
        }
        if theirs && self.waits_to_call_back() {
            self.agent_takes_callback(cx, leg);
        } else if theirs {
            let customer = self.customer();
            if let Some(acd) = cx.acd(self.tenant).filter(|_| !customer.is_withheld()) {
                acd.talks(&customer.normal, agent);
            }
            self.connect(cx, leg, Some((visit, &queue)));
        } else {
            self.close_leg(cx, leg, cause::NORMAL, Party::System, Bye::Hangup);
        }
    }
}

impl Call {
    /// Whoever else rings is told that the call was completed elsewhere (RFC 3326). The distributor
    /// knows already.
    pub(super) fn stop_others(&mut self, cx: &mut Cx, answered: LegId) {
        let Phase::Waiting(waiting) = &mut self.phase else { return };
        let others = waiting.offers.iter().copied().filter(|offer| offer.1 != answered);
        let others: Vec<_> = others.collect();
        waiting.offers.retain(|offer| offer.1 == answered);
        let (visit, queue, end) = (waiting.visit, waiting.queue.id, OfferEnd::Withdrawn);
        for (agent, leg) in others {
            self.log(cx, Some(leg), Kind::OfferEnded { visit, queue, agent, end });
            self.close_leg(cx, leg, cause::ELSEWHERE, Party::System, Bye::Hangup);
        }
    }
}

/// Why an offer ended that the phone refused with `status`.
pub(super) fn offer_end(status: u16, rang: bool) -> OfferEnd {
    match status {
        // Some phones give up ringing by themselves.
        408 | 480 | 487 if rang => OfferEnd::NoAnswer,
        408 | 404 | 410 | 480 | 487 | 500..=599 => OfferEnd::Unreachable,
        _ => OfferEnd::Declined,
    }
}
