//! What the switch does for meetings: what a screen asks of them, the calls that they make, their
//! timers.

use super::{Cx, Now, Switch};
use crate::call::{Summons, summon};
use crate::conference::{Conference, Key, Order};
use std::collections::BTreeSet;
use terms::control::{ConferenceAction, LiveConference};
use terms::event::ConferenceBy;
use terms::{AgentId, CallId, ConferenceId, TenantId, UserId};

impl Switch {
    pub(super) fn conference_acts(
        &mut self,
        now: Now,
        key: Key,
        by: UserId,
        action: ConferenceAction,
    ) -> Result<(), String> {
        // A person and their extension have one id.
        let extension = Some(AgentId(by.0));
        let by = ConferenceBy::User(by);
        if let ConferenceAction::DialOut { target, chair } = action {
            let (tenant, conference) = key;
            return self
                .dial_out(now, Summons { tenant, conference, target, chair, by, extension });
        }
        let mut cx = Cx { now, world: &mut self.world };
        let done = cx.confer(key, |conference, cx| act(conference, cx, by, action));
        done.unwrap_or_else(|| Err("nobody is in this conference".to_owned()))
    }

    fn dial_out(&mut self, now: Now, summons: Summons) -> Result<(), String> {
        if self.drain.is_some() || self.calls.len() >= self.world.config.calls_max {
            return Err("the box takes no more calls at the moment".to_owned());
        }
        let mut cx = Cx { now, world: &mut self.world };
        let call = summon(&mut cx, summons)?;
        cx.world.calls_begun += 1;
        let id = call.id;
        self.calls.insert(id, Box::new(call));
        self.after(now, id);
        Ok(())
    }

    /// Whom chairpersons dialled. Where nobody can be called, they hear so.
    pub(super) fn settle_summons(&mut self, now: Now) {
        while let Some((by, summons)) = self.world.summons.pop_front() {
            if self.dial_out(now, summons).is_err() {
                let sorry = Order::Say(vec!["number_unknown"]);
                self.with_call(now, by, |call, cx| call.on_order(cx, sorry));
            }
        }
    }

    pub(super) fn live_conferences(&self, tenant: TenantId) -> Vec<LiveConference> {
        let of = (tenant, ConferenceId(0))..=(tenant, ConferenceId(u64::MAX));
        self.world.conferences.range(of).map(|(_, conference)| conference.live()).collect()
    }

    pub(super) fn conferences_timeout(&mut self, now: Now) {
        let due =
            |conference: &Conference| conference.next_timeout().is_some_and(|at| at <= now.moment);
        let all = self.world.conferences.iter();
        let keys: Vec<Key> =
            all.filter(|(_, conference)| due(conference)).map(|(&key, _)| key).collect();
        let mut cx = Cx { now, world: &mut self.world };
        for key in keys {
            cx.confer(key, Conference::on_timeout);
        }
    }

    /// Every member is a live call that knows it, and every such call is a member.
    pub(super) fn audit_conferences(&self) -> Result<(), String> {
        let mut members = BTreeSet::new();
        for (&(tenant, id), conference) in &self.world.conferences {
            let calls: Vec<CallId> = conference.calls().collect();
            for call in &calls {
                let there = self
                    .calls
                    .get(call)
                    .is_some_and(|found| found.tenant == tenant && found.conference() == Some(id));
                if !there {
                    return Err(format!("conference {id} has {call}, which is not in it"));
                }
            }
            let count = calls.len();
            members.extend(calls);
            if count == 0 {
                return Err(format!("conference {id} is empty and goes on"));
            }
        }
        let lost = self
            .calls
            .values()
            .find(|call| call.conference().is_some() && !members.contains(&call.id));
        match lost {
            Some(call) => Err(format!("{} is in a conference that does not know it", call.id)),
            None => Ok(()),
        }
    }
}

fn act(
    conference: &mut Conference,
    cx: &mut Cx,
    by: ConferenceBy,
    action: ConferenceAction,
) -> Result<(), String> {
    use ConferenceAction as A;
    match action {
        A::Mute { member } => return conference.mute_member(cx, member, true, by),
        A::Unmute { member } => return conference.mute_member(cx, member, false, by),
        A::Remove { member } => return conference.remove(cx, member),
        A::MuteAll => conference.mute_all(cx, true, by),
        A::UnmuteAll => conference.mute_all(cx, false, by),
        A::Lock => conference.set_locked(cx, true, by),
        A::Unlock => conference.set_locked(cx, false, by),
        A::End => conference.dismiss_all(cx),
        // A call of its own, made by the switch.
        A::DialOut { .. } => {}
    }
    Ok(())
}
