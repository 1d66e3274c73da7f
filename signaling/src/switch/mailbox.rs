//! Mailboxes of agents. What is set of them stands in the plan. That an agent drives counts at
//! once: it is remembered here until a plan says the same, so that one that was on its way takes
//! nothing back.

use super::{Cx, Now, Switch, World};
use crate::calling::Key;
use terms::control::AgentAction;
use terms::event::{ENTRY_VERSION, Entry, InMailbox, Kind, Mailbox as Happened};
use terms::routing::{Mailbox, Plan};
use terms::{AgentId, TenantId};

impl Switch {
    /// Something that the API says of a mailbox is done, and written down.
    pub(super) fn mailbox(
        &mut self,
        now: Now,
        tenant: TenantId,
        of: Happened,
    ) -> Result<(), String> {
        match of.what {
            InMailbox::Driving { on } => self.world.drive(now, (tenant, of.agent), on),
            InMailbox::Heard { .. } => self.heard(now, tenant, Kind::Mailbox(of)),
            InMailbox::Left { .. } => Err("only a caller leaves a message".to_owned()),
        }
    }
}

impl World {
    /// The agent drives, or no longer: their queues offer them nothing either.
    ///
    /// # Errors
    /// A sentence for people.
    pub fn drive(&mut self, now: Now, key: Key, on: bool) -> Result<(), String> {
        self.act(now, key, AgentAction::DoNotDisturb { on })?;
        let (tenant, agent) = key;
        if let Some(of) = self.tenants.get_mut(&tenant) {
            of.driving.insert(agent, on);
        }
        let (v, at) = (ENTRY_VERSION, now.wall);
        let (contact, call, leg) = (None, None, None);
        let kind = Kind::Mailbox(Happened { agent, what: InMailbox::Driving { on } });
        self.log(Entry { v, seq: 0, at, tenant, contact, call, leg, kind });
        Ok(())
    }

    /// A plan came: what it says too need not be remembered.
    pub fn learn_who_drives(&mut self, plan: &Plan) {
        let Some(of) = self.tenants.get_mut(&plan.tenant) else { return };
        let said = |agent: AgentId| plan.mailbox(agent).is_some_and(|mailbox| mailbox.driving);
        of.driving.retain(|&agent, on| plan.agent(agent).is_some() && said(agent) != *on);
    }
}

impl Cx<'_> {
    /// The mailbox of an agent as it is now; none where it asks nobody and has nothing.
    pub fn mailbox(&self, tenant: TenantId, agent: AgentId) -> Option<Mailbox> {
        let of = self.world.tenants.get(&tenant)?;
        let planned = of.plan.plan.mailbox(agent);
        let Some(&driving) = of.driving.get(&agent) else { return planned.cloned() };
        let mailbox = planned.cloned().unwrap_or_else(|| Mailbox::of(agent));
        Some(Mailbox { driving, ..mailbox })
    }
}
