//! The books: what began must end, and every contact that was offered to a queue is somewhere.

use std::collections::{BTreeMap, BTreeSet};
use terms::event::{Callback, Entry, Hop, InCallback, InConference, InHunt, Kind, OfferEnd};
use terms::{AgentId, CallId, LegId, QueueId, RecordingId, SurveyId, VisitId};

/// Counts of one world.
#[derive(Clone, Debug, Default)]
pub struct Books {
    /// Ports that media opened.
    pub ports_opened: u64,
    /// Ports that media got back.
    pub ports_closed: u64,
    /// Some agent's phone had two dialogs at a time.
    pub agents_doubled: bool,
    /// Contacts offered to each queue.
    pub offered: BTreeMap<QueueId, u64>,
    /// Answered by an agent of it.
    pub answered: BTreeMap<QueueId, u64>,
    /// Hung up in it.
    pub abandoned: BTreeMap<QueueId, u64>,
    /// Left it otherwise.
    pub flowed_out: BTreeMap<QueueId, u64>,
    /// Hung up to be called back.
    pub callbacks: BTreeMap<QueueId, u64>,
    /// Callbacks that were asked for and have not ended.
    pub asked_back: BTreeSet<CallId>,
    /// Calls that began and have not ended.
    pub calls: BTreeSet<CallId>,
    /// Legs that began and have not ended.
    pub legs: BTreeSet<LegId>,
    /// Visits that still wait.
    pub visits: BTreeMap<VisitId, QueueId>,
    /// Offers that still ring.
    pub offers: BTreeSet<(VisitId, AgentId)>,
    /// Offers that a colleague picked up, until it is said who, and at whose phone they rang.
    pub picked: BTreeMap<VisitId, AgentId>,
    /// Who of an area is tried for a call.
    pub hunting: BTreeMap<CallId, Hop>,
    /// Questions that are open.
    pub surveys: BTreeSet<SurveyId>,
    /// Legs that are in a conference.
    pub conferring: BTreeSet<LegId>,
    /// Times somebody came into a conference.
    pub joined: u64,
    /// Ledgers seen.
    pub recorded: BTreeSet<RecordingId>,
    /// Calls that ended.
    pub ended: u64,
    /// What did not fit, in words.
    pub errors: Vec<String>,
}

impl Books {
    /// Writes one entry down.
    pub fn note(&mut self, entry: &Entry) {
        let fits = match &entry.kind {
            Kind::CallStarted { .. } => entry.call.is_some_and(|call| self.calls.insert(call)),
            Kind::CallEnded { .. } => {
                self.ended += 1;
                entry.call.is_some_and(|call| self.calls.remove(&call))
            }
            Kind::LegStarted { .. } => entry.leg.is_some_and(|leg| self.legs.insert(leg)),
            Kind::LegEnded { .. } => entry.leg.is_some_and(|leg| self.legs.remove(&leg)),
            Kind::Enqueued { visit, queue, .. } => {
                *self.offered.entry(*queue).or_default() += 1;
                self.visits.insert(*visit, *queue).is_none()
            }
            Kind::Offered { visit, agent, .. } => {
                self.visits.contains_key(visit) && self.offers.insert((*visit, *agent))
            }
            Kind::OfferEnded { visit, agent, end, .. } => {
                if *end == OfferEnd::PickedUp {
                    self.picked.insert(*visit, *agent);
                }
                self.offers.remove(&(*visit, *agent))
            }
            Kind::PickedUp { agent, from } => {
                // In a queue the offer ended just before; a direct call has none.
                let offer = self.picked.iter().find(|(_, rang)| *rang == from).map(|rung| *rung.0);
                offer.is_none_or(|visit| {
                    self.picked.remove(&visit);
                    self.offers.insert((visit, *agent))
                })
            }
            Kind::Answered { visit: Some(visit), agent, .. } => {
                // Who rang beside them is told first that somebody else has it.
                let offered = self.offers.remove(&(*visit, *agent));
                let alone = !self.offers.iter().any(|(of, _)| of == visit);
                offered && alone && count(&mut self.visits, *visit, &mut self.answered)
            }
            Kind::Abandoned { visit, .. } => count(&mut self.visits, *visit, &mut self.abandoned),
            Kind::FlowedOut { visit, .. } => count(&mut self.visits, *visit, &mut self.flowed_out),
            Kind::CallbackQueued { visit, .. } => {
                count(&mut self.visits, *visit, &mut self.callbacks)
            }
            Kind::Callback(Callback { callback, what, .. }) => match what {
                InCallback::Asked { .. } => self.asked_back.insert(*callback),
                InCallback::Tried { .. } | InCallback::Unreached { .. } => {
                    self.asked_back.contains(callback)
                }
                InCallback::Ended { .. } => self.asked_back.remove(callback),
            },
            Kind::Hunt(hunt) => match (entry.call, &hunt.what) {
                (Some(call), InHunt::Began) => self.hunting.insert(call, hunt.hop).is_none(),
                (Some(call), InHunt::Ended { .. }) => {
                    self.hunting.remove(&call).is_none_or(|begun| begun == hunt.hop)
                }
                (Some(_), InHunt::Lost { .. }) => true,
                (None, _) => false,
            },
            Kind::SurveyAsked { survey, .. } => self.surveys.insert(*survey),
            Kind::SurveyAnswered { survey, .. } => self.surveys.remove(survey),
            Kind::Recorded { ledger, .. } => self.recorded.insert(ledger.recording),
            Kind::Conference { what: InConference::Joined { .. }, .. } => {
                self.joined += 1;
                entry.leg.is_some_and(|leg| self.conferring.insert(leg))
            }
            Kind::Conference { what: InConference::Left { .. }, .. } => {
                entry.leg.is_some_and(|leg| self.conferring.remove(&leg))
            }
            _ => true,
        };
        if !fits {
            self.errors.push(format!("{:?} does not fit: {:?}", entry.at, entry.kind));
        }
        let over = entry.call.filter(|call| !self.calls.contains(call));
        if over.is_some() && !may_follow_the_end(&entry.kind) {
            self.errors.push(format!("after the end of its call: {:?}", entry.kind));
        }
    }

    /// What is wrong when nothing is going on any more.
    pub fn imbalance(&self) -> Vec<String> {
        let mut wrong = self.errors.clone();
        let mut expect = |good: bool, what: String| {
            if !good {
                wrong.push(what);
            }
        };
        expect(!self.agents_doubled, "an agent had two calls".into());
        expect(self.calls.is_empty(), format!("calls never ended: {:?}", self.calls));
        expect(self.legs.is_empty(), format!("legs never ended: {:?}", self.legs));
        expect(self.offers.is_empty(), format!("offers never ended: {:?}", self.offers));
        expect(self.picked.is_empty(), format!("picked up by nobody: {:?}", self.picked));
        expect(self.visits.is_empty(), format!("visits never ended: {:?}", self.visits));
        let asked_back = &self.asked_back;
        expect(asked_back.is_empty(), format!("callbacks never ended: {asked_back:?}"));
        expect(self.hunting.is_empty(), format!("tried without an end: {:?}", self.hunting));
        expect(self.surveys.is_empty(), format!("surveys never ended: {:?}", self.surveys));
        expect(self.conferring.is_empty(), format!("never left: {:?}", self.conferring));
        let (opened, closed) = (self.ports_opened, self.ports_closed);
        expect(opened == closed, format!("{opened} ports opened, {closed} closed"));
        for (queue, &offered) in &self.offered {
            let of = |map: &BTreeMap<QueueId, u64>| map.get(queue).copied().unwrap_or(0);
            let gone = of(&self.answered) + of(&self.abandoned) + of(&self.flowed_out);
            let gone = gone + of(&self.callbacks);
            expect(offered == gone, format!("queue {queue}: {offered} offered, {gone} accounted"));
        }
        wrong
    }
}

fn count(
    visits: &mut BTreeMap<VisitId, QueueId>,
    visit: VisitId,
    counts: &mut BTreeMap<QueueId, u64>,
) -> bool {
    let queue = visits.remove(&visit);
    if let Some(queue) = queue {
        *counts.entry(queue).or_default() += 1;
    }
    queue.is_some()
}

fn may_follow_the_end(kind: &Kind) -> bool {
    matches!(
        kind,
        Kind::CallEnded { .. }
            | Kind::Recorded { .. }
            | Kind::FaxDone { .. }
            | Kind::AgentChanged { .. }
    )
}
