//! What of the switch outlives the process, and how it goes on from there.

use super::leases::KeptLease;
use super::traces::Trace;
use super::{Cx, Now, Switch};
use crate::acd::{KeptAgent, KeptLast, KeptLeaver};
use crate::call::{Kept, Waking};
use crate::calling::Guard;
use crate::conference::Conference;
use crate::conference::doors::Door;
use crate::kept::{Change, Key};
use std::collections::BTreeSet;
use terms::{CallId, LegId};

impl Switch {
    /// What changed since this was asked last; nothing where the configuration keeps nothing.
    pub fn take_changes(&mut self) -> Vec<Change> {
        let mut changes = Vec::new();
        let now = Now::default();
        for id in std::mem::take(&mut self.touched) {
            let cx = Cx { now, world: &mut self.world };
            let kept = self.calls.get(&id).map(|call| call.keep(&cx));
            changes.push(Change::of(Key::Call(id), kept.as_ref()));
        }
        for key in std::mem::take(&mut self.world.conferences_touched) {
            let meeting = self.world.conferences.get(&key);
            changes.push(Change::of(Key::Conference(key.0, key.1), meeting));
        }
        changes.extend(self.world.doors.take_changes());
        changes.extend(self.world.calls_out.take_changes());
        for (&id, tenant) in &mut self.world.tenants {
            for agent in tenant.acd.take_touched() {
                let kept = tenant.acd.keep_agent(agent);
                changes.push(Change::of(Key::Agent(id, agent), kept.as_ref()));
            }
            changes.extend(tenant.acd.take_callers(id));
            changes.extend(tenant.traces.take_changes(id));
        }
        for (&id, leases) in &mut self.world.leases {
            changes.extend(leases.take_changes(id));
        }
        if !self.world.config.keeps {
            changes.clear();
        }
        changes
    }

    /// Takes up calls, meetings, wrong PINs, queues and agents from what the process before kept. The
    /// plans come before, everything else after. It is said which legs have their dialog and which their
    /// ports; on an open line there are dialogs of the agent's phone alone.
    pub fn restore(
        &mut self,
        now: Now,
        kept: &[Change],
        has_dialog: impl Fn(LegId) -> bool,
        has_ports: impl Fn(LegId) -> bool,
    ) {
        let calls: Vec<Kept> = kept
            .iter()
            .filter(|change| matches!(change.key, Key::Call(_)))
            .filter_map(Change::read)
            .filter(|call: &Kept| self.world.tenants.contains_key(&call.tenant))
            .collect();
        for call in &calls {
            if let (Some((visit, place)), Some(tenant)) =
                (call.visit(), self.world.tenants.get_mut(&call.tenant))
            {
                tenant.acd.restore_visit(now, visit, place);
            }
        }
        self.restore_agents(now, kept, &calls);
        self.restore_callers(now, kept, &calls);
        self.restore_conferences(kept);
        self.restore_numbers(kept);
        let mut waking: Vec<Waking> = Vec::with_capacity(calls.len());
        for call in calls {
            let mut cx = Cx { now, world: &mut self.world };
            let Some(plan) = cx.plan(call.tenant) else { continue };
            waking.push(call.wake(&mut cx, plan));
        }
        let on_lines = self.world.lines.legs();
        let lives = |leg| has_ports(leg) && (has_dialog(leg) || on_lines.contains(&leg));
        for waking in waking {
            let mut cx = Cx { now, world: &mut self.world };
            let call = waking.resume(&mut cx, lives);
            let id = call.id;
            self.calls.insert(id, Box::new(call));
            self.after(now, id);
        }
        self.restore_guards(now, kept);
        self.wake_lines(now);
        self.wake_conferences(now);
        self.find_callers();
        for tenant in self.world.tenants.values_mut() {
            tenant.acd.restored(now);
        }
        self.look_at_all_callbacks(now);
        self.settle(now);
    }

    /// Puts the meetings where they were, and counts on at their doors; their members' calls come back
    /// next.
    fn restore_conferences(&mut self, kept: &[Change]) {
        for change in kept {
            match change.key {
                Key::Conference(tenant, id) if self.world.tenants.contains_key(&tenant) => {
                    if let Some(meeting) = change.read::<Conference>() {
                        self.world.conferences.insert((tenant, id), meeting);
                    }
                }
                Key::Door(tenant, id) if self.world.tenants.contains_key(&tenant) => {
                    if let Some(door) = change.read::<Door>() {
                        self.world.doors.restore((tenant, id), door);
                    }
                }
                Key::Conference(..)
                | Key::Door(..)
                | Key::Call(_)
                | Key::Agent(..)
                | Key::Leg(_)
                | Key::Phones(..)
                | Key::Lamps(..)
                | Key::Trace(..)
                | Key::Lease(..)
                | Key::Trunk(..)
                | Key::Guard(..)
                | Key::Left(..)
                | Key::Last(..) => {}
            }
        }
    }

    /// Who may call back whom, and which numbers stand for somebody.
    fn restore_numbers(&mut self, kept: &[Change]) {
        for change in kept {
            match change.key {
                Key::Trace(tenant, order) => {
                    let tenant = self.world.tenants.get_mut(&tenant);
                    if let (Some(tenant), Some(trace)) = (tenant, change.read::<Trace>()) {
                        tenant.traces.restore(order, trace);
                    }
                }
                Key::Lease(tenant, _) => {
                    if let Some(kept) = change.read::<KeptLease>() {
                        self.world.leases.entry(tenant).or_default().restore(kept);
                    }
                }
                Key::Conference(..)
                | Key::Door(..)
                | Key::Call(_)
                | Key::Agent(..)
                | Key::Leg(_)
                | Key::Phones(..)
                | Key::Lamps(..)
                | Key::Trunk(..)
                | Key::Guard(..)
                | Key::Left(..)
                | Key::Last(..) => {}
            }
        }
    }

    /// Who waits for an agent of their own, who may come back to their place, and to whom.
    fn restore_callers(&mut self, now: Now, kept: &[Change], calls: &[Kept]) {
        for call in calls {
            if let (Some((visit, place)), Some(tenant)) =
                (call.visit(), self.world.tenants.get_mut(&call.tenant))
            {
                tenant.acd.restore_wait(now, visit, place);
            }
        }
        for change in kept {
            if let Key::Left(tenant, order) = change.key
                && let Some(tenant) = self.world.tenants.get_mut(&tenant)
                && let Some(left) = change.read::<KeptLeaver>()
            {
                tenant.acd.restore_left(order, left);
            }
            if let Key::Last(tenant, order) = change.key
                && let Some(tenant) = self.world.tenants.get_mut(&tenant)
                && let Some(last) = change.read::<KeptLast>()
            {
                tenant.acd.restore_last(order, last);
            }
        }
    }

    /// What extensions and leases called outside counts on. Calls that did not come back are over.
    fn restore_guards(&mut self, now: Now, kept: &[Change]) {
        let limits = self.world.config.out;
        for change in kept {
            let Key::Guard(tenant, agent) = change.key else { continue };
            let Some(guard) = change.read::<Guard>() else { continue };
            let calls: Vec<CallId> = guard.live_calls().collect();
            self.world.calls_out.restore(now, &limits, (tenant, agent), guard);
            for gone in calls.into_iter().filter(|id| !self.calls.contains_key(id)) {
                self.world.calls_out.ended(now, &limits, gone);
            }
        }
        let calls = &self.calls;
        for leases in self.world.leases.values_mut() {
            leases.end_lost(now.moment, |id| calls.contains_key(&id));
        }
    }

    /// All calls that go on are back: so are the meetings that have any.
    fn wake_conferences(&mut self, now: Now) {
        let keys: Vec<_> = self.world.conferences.keys().copied().collect();
        for key in keys {
            let calls = &self.calls;
            let lives = |id| {
                let call = calls.get(&id);
                call.is_some_and(|call| call.conference() == Some(key.1))
            };
            let mut cx = Cx { now, world: &mut self.world };
            cx.confer(key, |meeting, cx| meeting.wake(cx, lives));
        }
    }

    fn restore_agents(&mut self, now: Now, kept: &[Change], calls: &[Kept]) {
        for change in kept {
            let Key::Agent(tenant, agent) = change.key else { continue };
            let (Some(found), Some(tenant)) =
                (change.read::<KeptAgent>(), self.world.tenants.get_mut(&tenant))
            else {
                continue;
            };
            let takes = |id: CallId| calls.iter().any(|call| call.id == id && call.takes(agent));
            tenant.acd.restore_agent(now, agent, found, takes);
            // What was kept is the last word about their phone: a plan of before takes nothing back.
            tenant.set_at.insert(agent, now.wall);
        }
    }

    /// Calls among what was kept: those that are neither lost nor of a tenant without a plan.
    pub fn calls_kept(kept: &[Change]) -> BTreeSet<CallId> {
        let call = |change: &Change| match change.key {
            Key::Call(id) => change.read::<Kept>().map(|_| id),
            Key::Conference(..)
            | Key::Agent(..)
            | Key::Leg(_)
            | Key::Phones(..)
            | Key::Lamps(..)
            | Key::Door(..)
            | Key::Trace(..)
            | Key::Lease(..)
            | Key::Trunk(..)
            | Key::Guard(..)
            | Key::Left(..)
            | Key::Last(..) => None,
        };
        kept.iter().filter_map(call).collect()
    }

    /// Whether a call has this leg.
    pub fn has_leg(&self, leg: LegId) -> bool {
        self.world.legs.contains_key(&leg)
    }
}
