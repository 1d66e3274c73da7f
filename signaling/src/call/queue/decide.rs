//! A program of the tenant is asked about a contact that comes into a queue: what it is worth, and whom
//! it waits for first. No agent is found for it before there is an answer. Without one in time, and
//! with one that is none, it waits as if nobody had been asked. What the program says is bounded, and
//! an agent counts only where they serve the queue and are there.

use crate::acd::Personal;
use crate::call::timers::Timer;
use crate::call::{Call, Phase};
use crate::switch::{Cx, HttpAsk, HttpDone};
use serde::Deserialize;
use std::sync::Arc;
use std::time::Duration;
use terms::AgentId;
use terms::event::{ChosenBy, Decision, DecisionEnd, Kind};

/// Most points that a program gives or takes.
const PRIORITY_MAX: i32 = 1_000;
/// Longest wait for an agent whom it names, in seconds.
const WAIT_S_MAX: u32 = 600;

/// What the program says; an empty answer says nothing.
#[derive(Debug, Default, PartialEq, Deserialize)]
#[serde(default)]
struct Said {
    agent: Option<AgentId>,
    wait_s: Option<u32>,
    priority: Option<i32>,
}

impl Said {
    fn read(result: Result<(u16, serde_json::Value), String>) -> Option<Said> {
        let (status, body) = result.ok()?;
        if !(200..300).contains(&status) {
            return None;
        }
        if body.is_null() { Some(Said::default()) } else { serde_json::from_value(body).ok() }
    }
}

impl Call {
    /// Asks, where the queue has a program for it.
    pub(super) fn ask_decision(&mut self, cx: &mut Cx, position: u32) {
        let Phase::Waiting(waiting) = &self.phase else { return };
        let (queue, own) = (Arc::clone(&waiting.queue), waiting.own);
        let Some(decision) = &queue.matching.decision else { return };
        let line = cx.acd(self.tenant).map(|acd| acd.waiting_in(queue.id));
        let data = self.flow.as_ref().map(|flowing| flowing.run.shown()).unwrap_or_default();
        let body = serde_json::json!({
            "call": self.id,
            "contact": self.contact,
            "queue": queue.id,
            "caller": self.customer().normal,
            "called": self.called.normal,
            "language": self.language(),
            "priority": own,
            "position": position,
            "waiting": line,
            "data": data,
        });
        let timeout = Duration::from_millis(decision.timeout_ms.into());
        let (call, method, url) = (self.id, "POST".to_owned(), decision.url.clone());
        let ask = |id| HttpAsk { id, call, method, url, body: Some(body), timeout };
        let request = cx.http(call, ask);
        self.timers.set(Timer::Decision, cx.now.moment + timeout);
        if let Phase::Waiting(waiting) = &mut self.phase {
            waiting.deciding = Some(request);
        }
    }

    /// A request ended: where it was for a decision there is one now. Gives back what it is not.
    pub(in crate::call) fn decided(&mut self, cx: &mut Cx, done: HttpDone) -> Option<HttpDone> {
        let asked = match &self.phase {
            Phase::Waiting(waiting) => waiting.deciding,
            _ => None,
        };
        if asked != Some(done.id) {
            return Some(done);
        }
        match Said::read(done.result) {
            Some(said) => self.conclude(cx, &said, DecisionEnd::Answered),
            None => self.conclude(cx, &Said::default(), DecisionEnd::Failed),
        }
        None
    }

    /// There was no answer in time.
    pub(in crate::call) fn decided_too_late(&mut self, cx: &mut Cx) {
        self.conclude(cx, &Said::default(), DecisionEnd::Late);
    }

    fn conclude(&mut self, cx: &mut Cx, said: &Said, end: DecisionEnd) {
        self.timers.clear(Timer::Decision);
        let Phase::Waiting(waiting) = &mut self.phase else { return };
        if waiting.deciding.take().is_none() {
            return;
        }
        let points = said.priority.unwrap_or(0).clamp(-PRIORITY_MAX, PRIORITY_MAX);
        waiting.own = waiting.own.saturating_add(points);
        let (visit, queue, own) = (waiting.visit, Arc::clone(&waiting.queue), waiting.own);
        let usual = queue.matching.decision.as_ref().map_or(0, |decision| decision.wait_s);
        let wait = Duration::from_secs(said.wait_s.unwrap_or(usual).min(WAIT_S_MAX).into());
        let named = said.agent.map(|agent| Personal { agent, wait, by: ChosenBy::Decision });
        let personal = named.or_else(|| self.personal(cx, &queue));
        let priority = queue.priority.saturating_add(own);
        let (agent, queue, now) = (said.agent, queue.id, cx.now);
        let decision = Decision { visit, queue, end, agent, priority };
        self.log(cx, Some(self.anchor), Kind::Decided(decision));
        if let Some(acd) = cx.acd(self.tenant) {
            acd.decide(now, visit, own, personal);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    #[test]
    fn an_answer_is_read_and_anything_else_is_none() {
        let read = |body: Value| Said::read(Ok((200, body)));
        let said = Said { agent: Some(AgentId(12)), wait_s: Some(20), priority: Some(-3) };
        assert_eq!(read(json!({"agent": "12", "wait_s": 20, "priority": -3})), Some(said));
        assert_eq!(read(json!({"something": "else"})), Some(Said::default()));
        assert_eq!(Said::read(Ok((204, Value::Null))), Some(Said::default()));
        for bad in [
            json!("agent 12"),
            json!({"agent": "twelve"}),
            json!({"priority": 1e300}),
            json!({"wait_s": -1}),
        ] {
            assert_eq!(read(bad.clone()), None, "{bad}");
        }
        for bad in [Ok((500, json!({"agent": "12"}))), Err("no way there".to_owned())] {
            assert_eq!(Said::read(bad), None);
        }
    }
}
