//! Satisfaction questions. The last key and the hang-up often cross: a question that is open when
//! its call ends waits a little for its answer before it counts as unanswered.

use crate::derive::entry::word;
use std::collections::BTreeMap;
use terms::event::Satisfaction;
use terms::record::{Row, Survey};
use terms::{AgentId, CallId, ContactId, QueueId, SurveyId, TenantId, Timestamp};

/// How long after its call's end an answer is waited for, by the clock of the log.
const LINGER_MS: i64 = 60_000;

/// A question that was asked.
#[derive(Clone, Debug)]
pub struct OpenSurvey {
    pub first_seq: u64,
    pub tenant: TenantId,
    pub survey: SurveyId,
    pub call: CallId,
    pub contact: ContactId,
    pub call_started_at: Timestamp,
    pub agent: AgentId,
    pub queue: Option<QueueId>,
    pub asked_at: Timestamp,
}

impl OpenSurvey {
    /// Its row.
    pub fn close(self, at: Timestamp, answer: Option<Satisfaction>) -> Row {
        Row::Survey(Survey {
            tenant_id: self.tenant,
            survey_id: self.survey,
            call_id: self.call,
            contact_id: self.contact,
            call_started_at: self.call_started_at,
            agent_id: self.agent,
            queue_id: self.queue,
            asked_at: self.asked_at,
            ended_at: at.max(self.asked_at),
            answer: answer.map(word),
        })
    }
}

/// Questions whose call has ended.
#[derive(Debug, Default)]
pub struct Lingering {
    /// With the end of the call.
    surveys: BTreeMap<SurveyId, (Timestamp, OpenSurvey)>,
}

impl Lingering {
    pub fn keep(
        &mut self,
        surveys: impl IntoIterator<Item = OpenSurvey>,
        call_ended_at: Timestamp,
    ) {
        self.surveys.extend(surveys.into_iter().map(|open| (open.survey, (call_ended_at, open))));
    }

    /// True when the question was waiting.
    pub fn answer(
        &mut self,
        survey: SurveyId,
        answer: Option<Satisfaction>,
        at: Timestamp,
        rows: &mut Vec<Row>,
    ) -> bool {
        let waiting = self.surveys.remove(&survey);
        let found = waiting.is_some();
        rows.extend(waiting.map(|(_, open)| open.close(at, answer)));
        found
    }

    /// Closes the questions that waited long enough.
    pub fn expire(&mut self, now: Timestamp, rows: &mut Vec<Row>) {
        let late = |(ended, _): &(Timestamp, OpenSurvey)| now.millis_since(*ended) > LINGER_MS;
        let due: Vec<SurveyId> =
            self.surveys.iter().filter(|(_, kept)| late(kept)).map(|(id, _)| *id).collect();
        for id in due {
            let (ended, open) = self.surveys.remove(&id).expect("it was listed just now");
            rows.push(open.close(ended, None));
        }
    }

    pub fn close_all(&mut self, rows: &mut Vec<Row>) {
        let surveys = std::mem::take(&mut self.surveys);
        rows.extend(surveys.into_values().map(|(ended, open)| open.close(ended, None)));
    }

    pub fn open_seqs(&self) -> impl Iterator<Item = u64> {
        self.surveys.values().map(|(_, open)| open.first_seq)
    }
}
