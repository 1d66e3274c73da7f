//! A stay in a queue. It ends exactly one way, so that the books balance:
//! offered = answered + abandoned + flowed out + callback queued + still waiting.

use crate::derive::ms;
use terms::event::OfferEnd;
use terms::record::QueueVisit;
use terms::{AgentId, CallId, ContactId, QueueId, TenantId, Timestamp, VisitId};

/// A stay that goes on.
#[derive(Clone, Debug)]
pub struct OpenVisit {
    pub queue: QueueId,
    pub entered_at: Timestamp,
    pub priority: i32,
    pub position: i32,
    pub offers: i32,
    pub offers_unanswered: i32,
    /// The agents who ring now, since when.
    pub ringing: Vec<(AgentId, Timestamp)>,
    /// The last offer's ringing.
    pub ring_ms: i32,
}

/// How a stay ended.
pub enum VisitEnd {
    Answered(AgentId),
    Abandoned,
    FlowedOut(String),
    CallbackQueued,
}

/// Whose stay it was.
pub struct VisitOf {
    pub tenant: TenantId,
    pub visit: VisitId,
    pub call: CallId,
    pub contact: ContactId,
    pub call_started_at: Timestamp,
}

impl OpenVisit {
    pub fn offer(&mut self, agent: AgentId, at: Timestamp) {
        self.stop_ringing(agent, at);
        self.offers += 1;
        self.ring_ms = 0;
        self.ringing.push((agent, at));
    }

    pub fn end_offer(&mut self, agent: AgentId, end: OfferEnd, at: Timestamp) {
        self.stop_ringing(agent, at);
        let unanswered = !matches!(end, OfferEnd::Withdrawn | OfferEnd::PickedUp);
        self.offers_unanswered += i32::from(unanswered);
    }

    fn stop_ringing(&mut self, agent: AgentId, at: Timestamp) {
        if let Some(place) = self.ringing.iter().position(|rings| rings.0 == agent) {
            let (_, since) = self.ringing.remove(place);
            self.ring_ms = ms(since, at);
        }
    }

    /// Its row.
    pub fn close(mut self, of: VisitOf, at: Timestamp, end: VisitEnd) -> QueueVisit {
        if let Some((_, since)) = self.ringing.last() {
            self.ring_ms = ms(*since, at);
        }
        let (outcome, reason, agent) = match end {
            VisitEnd::Answered(agent) => ("answered", None, Some(agent)),
            VisitEnd::Abandoned => ("abandoned", None, None),
            VisitEnd::FlowedOut(reason) => ("flowed_out", Some(reason), None),
            VisitEnd::CallbackQueued => ("callback_queued", None, None),
        };
        QueueVisit {
            tenant_id: of.tenant,
            visit_id: of.visit,
            call_id: of.call,
            contact_id: of.contact,
            call_started_at: of.call_started_at,
            queue_id: self.queue,
            entered_at: self.entered_at,
            left_at: at.max(self.entered_at),
            wait_ms: ms(self.entered_at, at),
            ring_ms: self.ring_ms,
            outcome: outcome.to_owned(),
            flow_out_reason: reason,
            agent_id: agent,
            priority: self.priority,
            position: self.position,
            offers: self.offers,
            offers_unanswered: self.offers_unanswered,
        }
    }
}
