//! Stretches of an agent's time. A new state ends the stretch before it.

use crate::derive::entry::word;
use crate::derive::ms;
use std::collections::BTreeMap;
use terms::event::{Activity, Entry, Kind};
use terms::record::{AgentSpan, Row};
use terms::{AgentId, CallId, QueueId, SkillSetId, SpanId, TenantId, Timestamp};

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
    skill_set: Option<SkillSetId>,
}

impl Spans {
    /// An agent changed; other entries say nothing here.
    pub fn change(&mut self, entry: &Entry, rows: &mut Vec<Row>) {
        let Kind::AgentChanged { agent, activity, reason, queue, skill_set } = &entry.kind else {
            return;
        };
        let (activity, queue, skill_set) = (*activity, *queue, *skill_set);
        let (key, reason) = ((entry.tenant, *agent), reason.as_deref());
        // A break brings its own reason; any other state brings the disposition of a wrap-up.
        let own = reason.filter(|_| activity == Activity::Break).map(str::to_owned);
        if let Some(open) = self.open.get(&key) {
            let about = (open.activity, open.call, open.queue, open.skill_set);
            let same = about == (activity, entry.call, queue, skill_set);
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
                skill_set,
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
            skill_set_id: self.skill_set,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stories::Script;

    #[test]
    fn a_stretch_tells_the_skill_set_and_another_one_begins_a_stretch() {
        let mut s = Script::new(1);
        let kind = |activity, set: Option<u64>| Kind::AgentChanged {
            agent: AgentId(11),
            activity,
            reason: None,
            queue: None,
            skill_set: set.map(SkillSetId),
        };
        s.push(0.0, None, None, kind(Activity::Idle, Some(5)))
            .push(10.0, Some(100), None, kind(Activity::Talking, Some(5)))
            .push(30.0, None, None, kind(Activity::Idle, Some(5)))
            .push(40.0, None, None, kind(Activity::Idle, None))
            .push(45.0, None, None, kind(Activity::SignedOut, None));
        let seen: Vec<_> = s
            .rows()
            .into_iter()
            .filter_map(|row| match row {
                Row::AgentSpan(span) => Some((span.skill_set_id, span.duration_ms)),
                _ => None,
            })
            .collect();
        let five = Some(SkillSetId(5));
        assert_eq!(seen, [(five, 10_000), (five, 20_000), (five, 10_000), (None, 5_000)]);
    }
}
