//! Callers who did not reach an agent leave a message for that agent, where the agent's mailbox
//! asks them.
//!
//! Who drives answers nobody: callers are asked at once, before anything is forwarded. Else a
//! forwarding that leads somewhere comes first, and the mailbox takes whom it does not help: who is
//! busy, silent or not there, also as the one to whom the call was forwarded in vain. Field workers
//! of an area, callbacks and callers who ring back from a slot are left to who has them.

use super::dial::{Dial, Why};
use super::voicemail::MessageFor;
use super::{Call, Next, Phase};
use crate::switch::Cx;
use terms::AgentId;
use terms::event::ForwardWhen;

/// The box's own words before the tone.
const PLEASE: &str = "voicemail";

impl Call {
    /// What callers hear before the tone.
    pub(super) fn greeting(&self, cx: &Cx, whose: MessageFor) -> String {
        let MessageFor::Agent(agent) = whose else { return PLEASE.to_owned() };
        let own = cx.mailbox(self.tenant, agent).map(|mailbox| mailbox.greeting);
        own.filter(|greeting| !greeting.is_empty()).unwrap_or_else(|| PLEASE.to_owned())
    }

    /// Whom the call is dialled to drives: the caller is asked for a message at once. False where
    /// not.
    pub(super) fn asks_who_drives(&mut self, cx: &mut Cx) -> bool {
        let Some(agent) = self.called_by_name() else { return false };
        let drives = cx.mailbox(self.tenant, agent).is_some_and(|mailbox| mailbox.driving);
        drives && self.pass_to_mailbox(cx, agent)
    }

    /// The caller is asked for a message for the agent who was not reached, or for who forwarded
    /// the call there. False where none of them wants it: then nothing has changed.
    pub(super) fn ask_for_message(&mut self, cx: &mut Cx, when: ForwardWhen) -> bool {
        let forwarded: &[(AgentId, ForwardWhen)] = match when {
            ForwardWhen::Always => &[],
            ForwardWhen::Busy | ForwardWhen::NoAnswer => self.forwarded.as_slice(),
        };
        let behind = forwarded.iter().rev().map(|(agent, _)| *agent);
        let asks = |agent: &AgentId| {
            cx.mailbox(self.tenant, *agent).is_some_and(|mailbox| mailbox.asks(when))
        };
        let found = self.called_by_name().into_iter().chain(behind).find(asks);
        found.is_some_and(|agent| self.pass_to_mailbox(cx, agent))
    }

    /// The agent whom the call is dialled to for what it is, and not as one of many.
    fn called_by_name(&self) -> Option<AgentId> {
        let Phase::Dialling(dial) = &self.phase else { return None };
        dial.agent().filter(|_| may_be_asked(dial))
    }

    fn pass_to_mailbox(&mut self, cx: &mut Cx, agent: AgentId) -> bool {
        let asked = matches!(&self.phase, Phase::Dialling(dial) if may_be_asked(dial));
        if asked {
            self.leave_for(cx, Next::Message(agent));
        }
        asked
    }
}

fn may_be_asked(dial: &Dial) -> bool {
    match dial.why {
        Why::Direct | Why::Flow | Why::Transfer(_) => true,
        Why::Parked
        | Why::Callback
        | Why::Area
        | Why::TraceBack(_)
        | Why::Lease
        | Why::Fax(_)
        | Why::Second => false,
    }
}
