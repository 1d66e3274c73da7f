//! Faxes as items: where the step of a flow that receives one names a queue, what came waits there for an
//! agent, named by the fax. Part of one that broke off is work, too: somebody has to ask for the rest.

use super::write::{checked, take_in};
use super::{Item, NewItem};
use crate::audit::By;
use crate::error::During;
use crate::sql;
use crate::store::Write;
use crate::{Result, Store};
use terms::event::{Entry, Kind};
use terms::item::Channel;
use terms::{AgentId, FaxId, TenantId};

/// What the switch said of a fax.
pub(crate) async fn keep(write: &mut Write, entry: &Entry) -> Result<()> {
    let Kind::FaxDone { document: None, outcome, work: Some(work) } = &entry.kind else {
        return Ok(());
    };
    if outcome.path.is_none() {
        return Ok(());
    }
    let new = NewItem {
        channel: Channel::Fax,
        queue: work.queue,
        external_id: Some(outcome.fax.to_string()),
        address: String::new(),
        subject: String::new(),
        content: String::new(),
        priority: 0,
        received_at: Some(entry.at),
        order: None,
    };
    let by = By::system("switch", entry.at);
    // The switch has made the number a normal one.
    let address = match work.caller.is_withheld() {
        true => String::new(),
        false => work.caller.normal.clone(),
    };
    let made = checked(entry.tenant, &by, &new, "").map(|item| Item {
        address,
        fax: Some(outcome.fax),
        ..item
    });
    take_in(write, &by, made).await
}

impl Store {
    /// Whether an agent is offered a fax as an item, has it, or did it. An item that a program calls by the
    /// fax's id is none: who may bring items in may not see every fax.
    ///
    /// # Errors
    /// When the store does not answer.
    pub async fn is_fax_item_of(
        &self,
        tenant: TenantId,
        agent: AgentId,
        fax: FaxId,
    ) -> Result<bool> {
        let row = sql::query(
            "SELECT 1 FROM items WHERE tenant_id = $1 AND fax_id = $2 AND agent_id = $3",
        )
        .bind(tenant.0 as i64)
        .bind(fax.0 as i64)
        .bind(agent.0 as i64)
        .fetch_optional(self.reader())
        .await
        .during("find the item of a fax")?;
        Ok(row.is_some())
    }
}
