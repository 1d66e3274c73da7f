//! Dialogs, registrations, what phones watch, and which trunks are down: all that outlives the process.
//! Those at their other end are known from the start.
//!
//! A dialog goes on with its tags, counters, routes and timers. What was under way in it is not kept:
//! a peer sends its request again, ours is made anew by whoever wants it. A phone that we were ringing
//! is told to stop; one that answers in the same moment gets its ACK and BYE. Connections are gone:
//! a peer is reached by a new one to its address, a phone comes back by one of its own
//! (`session::adrift`).

use super::core::UserAgent;
use super::registrar::Binding;
use super::session::{KeptDialog, Leg, Ringing, Stage};
use super::user_agent::Event;
use crate::kept::{Change, Key};
use crate::switch::Now;
use serde::{Deserialize, Serialize};
use terms::{AgentId, LegId, TenantId};

/// A leg as it is kept.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Kept {
    /// A dialog.
    Dialog(Box<KeptDialog>),
    /// Phones ring.
    Ringing(Vec<Ringing>),
}

impl UserAgent {
    /// Notes that a leg changed.
    pub(super) fn touch(&mut self, leg: LegId) {
        if self.config.keeps {
            self.touched.insert(leg);
        }
    }

    /// What changed since this was asked last; nothing where the configuration keeps nothing.
    pub fn take_changes(&mut self) -> Vec<Change> {
        let legs = std::mem::take(&mut self.touched);
        let phones = self.registrar.take_touched();
        let lamps = self.lamps.take_touched();
        let trunks = std::mem::take(&mut self.trunks_touched);
        if !self.config.keeps {
            return Vec::new();
        }
        let mut changes: Vec<Change> = Vec::with_capacity(legs.len() + phones.len());
        for leg in legs {
            changes.push(Change::of(Key::Leg(leg), self.keep(leg).as_ref()));
        }
        for who in phones {
            let bindings = self.registrar.kept(who);
            let some = (!bindings.is_empty()).then_some(bindings);
            changes.push(Change::of(Key::Phones(who.0, who.1), some.as_ref()));
        }
        for who in lamps {
            let watches = self.lamps.keep(who);
            let some = (!watches.is_empty()).then_some(watches);
            changes.push(Change::of(Key::Lamps(who.0, who.1), some.as_ref()));
        }
        for key in trunks {
            let down = self.keep_down(key);
            changes.push(Change::of(Key::Trunk(key.0, key.1), down.as_ref()));
        }
        changes
    }

    fn keep(&self, id: LegId) -> Option<Kept> {
        let leg = self.legs.get(&id)?;
        match leg.stage {
            Stage::Incoming => None,
            Stage::Outgoing => Some(Kept::Ringing(self.keep_ringing(leg))),
            Stage::Confirmed | Stage::Closing(_) => Some(Kept::Dialog(Box::new(leg.keep()?))),
        }
    }

    /// Takes up what the process before kept: dialogs and phones. Phones that rang are told to stop.
    /// The plans come before.
    pub fn restore(&mut self, now: Now, kept: &[Change]) {
        for change in kept {
            match change.key {
                Key::Leg(leg) => match change.read() {
                    Some(Kept::Dialog(dialog)) => self.restore_dialog(now, leg, *dialog),
                    Some(Kept::Ringing(ringing)) => self.stop_ringing(now, ringing),
                    None => {}
                },
                Key::Phones(tenant, agent) => {
                    let bindings = change.read().unwrap_or_default();
                    self.restore_phones(now, (tenant, agent), bindings);
                }
                Key::Trunk(tenant, trunk) => {
                    if let Some(down) = change.read() {
                        self.restore_down(now, (tenant, trunk), &down);
                    }
                }
                // After the phones that watch.
                Key::Lamps(..) => {}
                Key::Call(_)
                | Key::Conference(..)
                | Key::Agent(..)
                | Key::Door(..)
                | Key::Trace(..)
                | Key::Lease(..)
                | Key::Guard(..)
                | Key::Left(..)
                | Key::Last(..) => {}
            }
        }
        self.arm_registrar();
        for change in kept {
            if let Key::Lamps(tenant, agent) = change.key {
                self.restore_lamps(now, (tenant, agent), change.read().unwrap_or_default());
            }
        }
        self.settle_lamps(now);
    }

    fn restore_dialog(&mut self, now: Now, id: LegId, kept: KeptDialog) {
        let leg = Leg::restore(kept);
        let source = leg.source();
        let known = usize::from(leg.listener()) < self.config.listeners.len();
        if !known || self.legs.len() >= self.config.dialogs_max {
            return self.count("dialogs_not_restored");
        }
        self.adopt(id, leg);
        self.know_source(now, source);
        self.touch(id);
        self.count("dialogs_restored");
    }

    /// A phone behind a connection is out of reach until it registers again, and waited for.
    fn restore_phones(&mut self, now: Now, who: (TenantId, AgentId), mut bindings: Vec<Binding>) {
        let known = self.tenants.get(&who.0).is_some_and(|t| t.agents.contains_key(&who.1));
        let listeners = self.config.listeners.len();
        bindings.retain(|binding| usize::from(binding.flow.listener) < listeners);
        for binding in bindings.iter().filter(|_| known) {
            let source = binding.flow.remote.ip();
            self.bans.know(now.moment, source);
            self.know_source(now, source);
        }
        let until = now.moment + self.config.return_max;
        if known && self.registrar.restore(now.moment, who, bindings, until) {
            let (tenant, agent) = who;
            self.tell_apps_alone();
            self.emit(Event::Registered { tenant, agent, registered: true });
        }
    }

    /// Whether a leg is known.
    pub fn has_leg(&self, leg: LegId) -> bool {
        self.legs.contains_key(&leg)
    }

    /// Legs that live, by name.
    pub fn leg_names(&self) -> Vec<LegId> {
        self.legs.keys().copied().collect()
    }
}
