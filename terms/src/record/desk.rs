//! The rows that the business store hands over: what is planned, agreed, worked on and looked after
//! there, each written in the transaction of its change.

use super::raw::Raw;
use super::{Cell, Column, Record, Value};
use crate::id::{AgentId, CallId, CustomerId, ItemId, OrderId, QueueId, TeamId, TenantId, UserId};
use crate::time::Timestamp;
use serde::{Deserialize, Serialize};

records! {
    /// Planned shifts of agents: one row when a shift is planned, one more when it is withdrawn.
    Shift = "shifts" version 1, id version_id, day starts_at {
        /// Whose it is.
        tenant_id: TenantId,
        /// This row; rises over the box.
        version_id: i64,
        /// The shift.
        shift_id: i64,
        /// Whose shift.
        agent_id: AgentId,
        /// Begins.
        starts_at: Timestamp,
        /// Ends.
        ends_at: Timestamp,
        /// Withdrawn by this row; the row that planned it stays.
        withdrawn: bool,
        /// Planned or withdrawn.
        changed_at: Timestamp,
    }

    /// Return visits 回访: one row each time that one is planned, noted, revised or withdrawn.
    ReturnVisit = "return_visits" version 1, id version_id, day planned_at {
        /// Whose it is.
        tenant_id: TenantId,
        /// This row; rises over the box. The last of a visit is good, those before are its history.
        version_id: i64,
        /// The visit.
        visit_id: i64,
        /// The order that is asked about.
        order_id: OrderId,
        /// Planned.
        planned_at: Timestamp,
        /// To be done by then.
        due_at: Timestamp,
        /// Who called; NULL until a result is noted.
        agent_id: Option<AgentId>,
        /// When the first result was noted; NULL until then.
        done_at: Option<Timestamp>,
        /// `satisfied`, `neutral`, `dissatisfied` or `unreached`; NULL until one is noted.
        result: Option<String>,
        /// The call in which the customer was asked, where it was named.
        call_id: Option<CallId>,
        /// Withdrawn by this row; those before stay.
        withdrawn: bool,
        /// Planned, noted, revised or withdrawn.
        changed_at: Timestamp,
    }

    /// Emergency plans as they were switched: one row each time that one came into force or out of it.
    Emergency = "emergencies" version 1, id version_id, day changed_at {
        /// Whose it is.
        tenant_id: TenantId,
        /// This row; rises over the box.
        version_id: i64,
        /// The plan's name.
        name: String,
        /// In force from here on; else no longer.
        in_force: bool,
        /// When.
        changed_at: Timestamp,
        /// The user who switched it; 0 is the box itself.
        user_id: i64,
    }

    /// To which team an agent belongs from a time on: one row a change, good until the agent's next.
    TeamMember = "team_members" version 1, id version_id, day since {
        /// Whose it is.
        tenant_id: TenantId,
        /// This row; rises over the box.
        version_id: i64,
        /// Who.
        agent_id: AgentId,
        /// The team from then on; NULL for none.
        team_id: Option<TeamId>,
        /// From when on; later rows of an agent are never earlier.
        since: Timestamp,
    }

    /// Who did what, from where, on what: the audit table of the business store.
    Audit = "audit" version 1, id audit_id, day done_at {
        /// Whose it is.
        tenant_id: TenantId,
        /// The entry; rises over the box.
        audit_id: i64,
        /// When.
        done_at: Timestamp,
        /// Who; NULL for the box itself.
        user_id: Option<UserId>,
        /// Their login.
        login: Option<String>,
        /// From where: an address, `command line` and the like.
        source: String,
        /// What, such as `recording.fetch`.
        action: String,
        /// On what.
        subject: String,
    }

    /// Every version of every work order: one row a change.
    Order = "orders" version 1, id version_id, day created_at {
        /// Whose it is.
        tenant_id: TenantId,
        /// This version; rises over the tenant.
        version_id: i64,
        /// The order.
        order_id: OrderId,
        /// Version within the order, from 1.
        version: i32,
        /// This row is the order's latest version as of `changed_at`; the highest `version` wins.
        changed_at: Timestamp,
        /// Created.
        created_at: Timestamp,
        /// The number people quote.
        number: String,
        /// Type.
        kind: String,
        /// Department.
        department: String,
        /// Area.
        area: String,
        /// Title.
        title: String,
        /// Who does it.
        assignee_id: Option<AgentId>,
        /// Due.
        deadline_at: Option<Timestamp>,
        /// Warned from then on.
        warn_at: Option<Timestamp>,
        /// Stored progress: `open` 未处理, `in_progress` 处理中, `done` 已处理, `suspended` 挂起, `returned` 退单.
        progress: String,
        /// Done or returned.
        closed_at: Option<Timestamp>,
        /// The call it came from.
        call_id: Option<CallId>,
        /// The customer.
        customer_id: Option<CustomerId>,
        /// The customer's number, normalised.
        customer_number: String,
    }

    /// Every step of every work order: who did what to it, and what that made of it.
    OrderStep = "order_steps" version 1, id version_id, day done_at {
        /// Whose it is.
        tenant_id: TenantId,
        /// This step; that of the version of the order that it made (`orders`).
        version_id: i64,
        /// The order.
        order_id: OrderId,
        /// When.
        done_at: Timestamp,
        /// What was done, such as `create`, `assign` or `finish`.
        action: String,
        /// Stored progress before, as in `orders`; NULL of the first step.
        progress_before: Option<String>,
        /// Stored progress from then on.
        progress_after: String,
        /// Who did it; NULL for the box itself.
        agent_id: Option<AgentId>,
        /// Who does the order from then on.
        assignee_id: Option<AgentId>,
        /// The remark.
        note: String,
        /// The call that the order came from.
        call_id: Option<CallId>,
        /// The customer's number, normalised.
        customer_number: String,
    }

    /// Every piece of work that was no call (item), once it has ended: one row an item.
    Item = "items" version 1, id item_id, day done_at {
        /// Whose it is.
        tenant_id: TenantId,
        /// The item.
        item_id: ItemId,
        /// `email`, `sms`, `web`, `fax` or `message`.
        channel: String,
        /// The queue; the last of several.
        queue_id: QueueId,
        /// Who took it last; NULL for nobody.
        agent_id: Option<AgentId>,
        /// From whom: a mail address, or a number, normalised; NULL where that is not known.
        address: Option<String>,
        /// Priority.
        priority: i32,
        /// It reached us.
        received_at: Timestamp,
        /// Taken by that agent; NULL when never.
        taken_at: Option<Timestamp>,
        /// It ended, done or closed: the row's interval in reports.
        done_at: Timestamp,
        /// From reaching us to being taken, or to its end.
        wait_ms: i64,
        /// From being taken to its end; 0 when never taken.
        work_ms: i64,
        /// Offers made.
        offers: i32,
        /// Offers that no agent took (non-response), declined ones included.
        unanswered: i32,
        /// `done` by an agent, or `closed` without an agent's answer.
        outcome: String,
        /// The agent's choice at the end.
        disposition: Option<String>,
        /// The order that it was made into, or belongs to.
        order_id: Option<OrderId>,
    }
}
