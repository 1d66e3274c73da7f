//! Stretches of an agent's time. A new state ends the stretch before it.

use crate::derive::entry::word;
use crate::derive::ms;
use std::collections::BTreeMap;
use terms::event::{Activity, Entry};
use terms::record::{AgentSpan, Row};
use terms::{AgentId, CallId, QueueId, SpanId, TenantId, Timestamp};

/// Open stretches, one an agent.
#[derive(Debug, Default)]
pub struct Spans {
    open: BTreeMap<(TenantId, AgentId), OpenSpan>,
}

#[derive(Debug)]
struct OpenSpan {
    first_seq: u64,
    activity: Activity,
    reason: Option<String>,
    started_at: Timestamp,
    call: Option<CallId>,
    queue: Option<QueueId>,
}

impl Spans {
    pub fn change(
        &mut self,
        entry: &Entry,
        agent: AgentId,
        activity: Activity,
        reason: Option<&str>,
        queue: Option<QueueId>,
        rows: &mut Vec<Row>,
    ) {
        let key = (entry.tenant, agent);
        // A break brings its own reason; any other state brings the disposition of a wrap-up.
        let own = reason.filter(|_| activity == Activity::Break).map(str::to_owned);
        if let Some(open) = self.open.get(&key) {
            let same = (open.activity, open.call, open.queue) == (activity, entry.call, queue);
            if same && (activity != Activity::Break || open.reason == own) {
                return;
            }
        }
        if let Some(mut open) = self.open.remove(&key) {
            if open.activity == Activity::WrapUp && activity != Activity::Break {
                open.reason = reason.map(str::to_owned);
            }
            rows.push(open.close(key, entry.at));
        }
        if activity != Activity::SignedOut {
            let span = OpenSpan {
                first_seq: entry.seq,
                activity,
                reason: own,
                started_at: entry.at,
                call: entry.call,
                queue,
            };
            self.open.insert(key, span);
        }
    }

    pub fn close_all(&mut self, at: Timestamp, rows: &mut Vec<Row>) {
        let open = std::mem::take(&mut self.open);
        rows.extend(open.into_iter().map(|(key, span)| span.close(key, at)));
    }

    pub fn open_seqs(&self) -> impl Iterator<Item = u64> {
        self.open.values().map(|span| span.first_seq)
    }
}

impl OpenSpan {
    fn close(self, (tenant, agent): (TenantId, AgentId), at: Timestamp) -> Row {
        Row::AgentSpan(AgentSpan {
            tenant_id: tenant,
            span_id: SpanId(self.first_seq),
            agent_id: agent,
            activity: word(self.activity),
            reason: self.reason,
            started_at: self.started_at,
            ended_at: at.max(self.started_at),
            duration_ms: ms(self.started_at, at),
            call_id: self.call,
            queue_id: self.queue,
        })
    }
}
