//! Work orders 工单. Progress is stored; 预警 and 超时 are computed from the deadline for the time
//! that is asked about, so they are never stale. Every change is a version: it writes the row, a
//! step that never changes, and a record for the warehouse, in one transaction.
//!
//! ```text
//!        start, arrive          finish
//!   open ───────────► in_progress ─────► done
//!    │ ▲ ╲               │  ▲  ╲           │ reopen
//!    │ │  ╲ suspend      │  │   ╲          └──────► in_progress
//!    │ │   ╲─► suspended ◄──┘resume
//!    │ └───────────┐     │
//!    └─ give_back ─► returned ── assign ──► open
//! ```
//!
//! The clock stands still while an order is suspended: leaving that state moves the deadline by
//! the pause, in working time where the order's rule names opening hours.

pub mod field;
pub(crate) mod lost;
pub(crate) mod message;
pub mod query;
pub mod rule;
mod told;
pub mod write;

use crate::store::{DbRow, id, id_opt, time, time_opt};
use crate::text::text_enum;
use crate::{Result, when};
use serde::{Deserialize, Serialize};
use terms::{
    AgentId, CallId, CustomerId, OrderId, RecordingId, TenantId, Timestamp, UserId, record,
};
use utoipa::ToSchema;

text_enum! {
    /// Stored progress.
    Progress, "progress" {
        /// 未处理
        Open = "open",
        /// 处理中
        InProgress = "in_progress",
        /// 已处理
        Done = "done",
        /// 挂起
        Suspended = "suspended",
        /// 退单
        Returned = "returned",
    }
}

text_enum! {
    /// What people see: progress, with 预警 and 超时 in front while the order is not closed.
    Status, "status" {
        /// 未处理
        Open = "open",
        /// 处理中
        InProgress = "in_progress",
        /// 已处理
        Done = "done",
        /// 挂起
        Suspended = "suspended",
        /// 退单
        Returned = "returned",
        /// 预警: the deadline is near.
        Warned = "warned",
        /// 超时: the deadline is over.
        Overdue = "overdue",
    }
}

/// What is done to an order.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(tag = "action", rename_all = "snake_case", deny_unknown_fields)]
pub enum Action {
    /// Work begins.
    Start,
    /// 到场: somebody arrives where the work is, once for each visit.
    Arrive,
    /// 挂起: waits for something outside; the clock stands still.
    Suspend,
    /// End of 挂起.
    Resume,
    /// 退单: back to whoever dispatched it.
    GiveBack,
    /// Done.
    Finish,
    /// Done was not done.
    Reopen,
    /// Give it to a department and person. A returned order is open again (重派).
    Assign {
        /// Department; left out, the same.
        #[serde(default)]
        department: Option<String>,
        /// Person; left out, nobody in particular.
        #[serde(default)]
        #[schema(value_type = Option<String>)]
        assignee: Option<UserId>,
    },
    /// 延期: another deadline.
    Extend {
        /// Due.
        #[serde(with = "when")]
        #[schema(value_type = String, format = DateTime)]
        deadline_at: Timestamp,
    },
    /// 催办.
    Urge,
    /// A remark.
    Note,
}

impl Action {
    /// Its name in the step log.
    pub fn name(&self) -> &'static str {
        match self {
            Action::Start => "start",
            Action::Arrive => "arrive",
            Action::Suspend => "suspend",
            Action::Resume => "resume",
            Action::GiveBack => "give_back",
            Action::Finish => "finish",
            Action::Reopen => "reopen",
            Action::Assign { .. } => "assign",
            Action::Extend { .. } => "extend",
            Action::Urge => "urge",
            Action::Note => "note",
        }
    }

    /// True for what only those do who dispatch.
    pub fn needs_dispatcher(&self) -> bool {
        matches!(
            self,
            Action::Reopen | Action::Assign { .. } | Action::Extend { .. } | Action::Urge
        )
    }
}

impl Progress {
    /// Nothing is expected any more.
    pub fn is_closed(self) -> bool {
        matches!(self, Progress::Done | Progress::Returned)
    }

    /// Progress after `action`; `None` when it is not allowed now.
    pub fn after(self, action: &Action) -> Option<Progress> {
        use Progress::{Done, InProgress, Open, Returned, Suspended};
        Some(match (self, action) {
            (Open, Action::Start) => InProgress,
            (Open | InProgress, Action::Arrive) => InProgress,
            (Open | InProgress, Action::Suspend) => Suspended,
            (Suspended, Action::Resume) => InProgress,
            (Open | InProgress | Suspended, Action::GiveBack) => Returned,
            (Open | InProgress, Action::Finish) => Done,
            (Done, Action::Reopen) => InProgress,
            (Returned, Action::Assign { .. }) => Open,
            (Open | InProgress | Suspended, Action::Assign { .. }) => self,
            (Open | InProgress | Suspended, Action::Extend { .. } | Action::Urge) => self,
            (_, Action::Note) => self,
            (
                Open | InProgress | Done | Suspended | Returned,
                Action::Start
                | Action::Arrive
                | Action::Suspend
                | Action::Resume
                | Action::GiveBack
                | Action::Finish
                | Action::Reopen
                | Action::Assign { .. }
                | Action::Extend { .. }
                | Action::Urge,
            ) => return None,
        })
    }
}

/// An order.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct Order {
    /// Its id.
    #[schema(value_type = String)]
    pub id: OrderId,
    /// The number people quote.
    pub number: String,
    /// From 1; rises with every change.
    pub version: i64,
    /// Type.
    pub kind: String,
    /// Department.
    pub department: String,
    /// Area.
    pub area: String,
    /// Title.
    pub title: String,
    /// What it is about.
    pub content: String,
    /// Where.
    pub address: String,
    /// Who does it.
    #[schema(value_type = Option<String>)]
    pub assignee: Option<UserId>,
    /// Due.
    #[serde(with = "when::option")]
    #[schema(value_type = Option<String>, format = DateTime)]
    pub deadline_at: Option<Timestamp>,
    /// Warned from then on.
    #[serde(with = "when::option")]
    #[schema(value_type = Option<String>, format = DateTime)]
    pub warn_at: Option<Timestamp>,
    /// Stored progress.
    pub progress: Progress,
    /// Suspended since.
    #[serde(with = "when::option")]
    #[schema(value_type = Option<String>, format = DateTime)]
    pub suspended_at: Option<Timestamp>,
    /// Done or returned.
    #[serde(with = "when::option")]
    #[schema(value_type = Option<String>, format = DateTime)]
    pub closed_at: Option<Timestamp>,
    /// The call it came from.
    #[schema(value_type = Option<String>)]
    pub call: Option<CallId>,
    /// The recording of the message that it came from, while that is kept.
    #[schema(value_type = Option<String>)]
    pub recording: Option<RecordingId>,
    /// The customer.
    #[schema(value_type = Option<String>)]
    pub customer: Option<CustomerId>,
    /// The customer's number, normalised.
    pub customer_number: String,
    /// Who made it.
    #[schema(value_type = Option<String>)]
    pub created_by: Option<UserId>,
    /// Created.
    #[serde(with = "when")]
    #[schema(value_type = String, format = DateTime)]
    pub created_at: Timestamp,
    /// Last changed.
    #[serde(with = "when")]
    #[schema(value_type = String, format = DateTime)]
    pub changed_at: Timestamp,
}

impl Order {
    /// The instant at which its clock is read: now, or when it stopped.
    fn clock(&self, now: Timestamp) -> Timestamp {
        self.closed_at.or(self.suspended_at).unwrap_or(now)
    }

    /// 超时: its deadline passed before it was closed.
    pub fn is_overdue(&self, now: Timestamp) -> bool {
        self.deadline_at.is_some_and(|deadline| deadline < self.clock(now))
    }

    /// 预警: the deadline is near and not yet over.
    pub fn is_warned(&self, now: Timestamp) -> bool {
        !self.is_overdue(now) && self.warn_at.is_some_and(|warn| warn <= self.clock(now))
    }

    /// What people see at `now`.
    pub fn status(&self, now: Timestamp) -> Status {
        match self.progress {
            Progress::Done => Status::Done,
            Progress::Returned => Status::Returned,
            _ if self.is_overdue(now) => Status::Overdue,
            Progress::Suspended => Status::Suspended,
            _ if self.is_warned(now) => Status::Warned,
            Progress::Open => Status::Open,
            Progress::InProgress => Status::InProgress,
        }
    }

    /// The row for the warehouse.
    pub(crate) fn record(&self, tenant: TenantId, version_id: i64) -> record::Order {
        record::Order {
            tenant_id: tenant,
            version_id,
            order_id: self.id,
            version: i32::try_from(self.version).unwrap_or(i32::MAX),
            changed_at: self.changed_at,
            created_at: self.created_at,
            number: self.number.clone(),
            kind: self.kind.clone(),
            department: self.department.clone(),
            area: self.area.clone(),
            title: self.title.clone(),
            assignee_id: self.assignee.map(|user| AgentId(user.0)),
            deadline_at: self.deadline_at,
            warn_at: self.warn_at,
            progress: self.progress.as_str().to_owned(),
            closed_at: self.closed_at,
            call_id: self.call,
            customer_id: self.customer,
            customer_number: self.customer_number.clone(),
        }
    }
}

/// One step of an order's life. Never changes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct Step {
    /// The version it made.
    pub version: i64,
    /// When.
    #[serde(with = "when")]
    #[schema(value_type = String, format = DateTime)]
    pub at: Timestamp,
    /// By whom.
    #[schema(value_type = Option<String>)]
    pub user: Option<UserId>,
    /// `create` or the name of an action.
    pub action: String,
    /// Progress before; none for `create`.
    pub before: Option<Progress>,
    /// Progress afterwards.
    pub after: Progress,
    /// What the person said.
    pub note: String,
}

pub(crate) const COLUMNS: &str =
    "SELECT id, number, version, kind, department, area, title, content, address, assignee_id,
    deadline_at, warn_at, progress, suspended_at, closed_at, call_id, customer_id, customer_number,
    created_by, created_at, changed_at,
    (SELECT MIN(v.recording_id) FROM voicemails v
     WHERE v.tenant_id = orders.tenant_id AND v.order_id = orders.id) AS message_id
    FROM orders WHERE tenant_id = ";

pub(crate) fn order(row: &DbRow) -> Result<Order> {
    Ok(Order {
        id: OrderId(id(row, "id")),
        number: row.get("number"),
        version: row.get("version"),
        kind: row.get("kind"),
        department: row.get("department"),
        area: row.get("area"),
        title: row.get("title"),
        content: row.get("content"),
        address: row.get("address"),
        assignee: id_opt(row, "assignee_id").map(UserId),
        deadline_at: time_opt(row, "deadline_at"),
        warn_at: time_opt(row, "warn_at"),
        progress: Progress::stored("read an order", row.get("progress"))?,
        suspended_at: time_opt(row, "suspended_at"),
        closed_at: time_opt(row, "closed_at"),
        call: id_opt(row, "call_id").map(CallId),
        recording: id_opt(row, "message_id").map(RecordingId),
        customer: id_opt(row, "customer_id").map(CustomerId),
        customer_number: row.get("customer_number"),
        created_by: id_opt(row, "created_by").map(UserId),
        created_at: time(row, "created_at"),
        changed_at: time(row, "changed_at"),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn due(deadline: i64, warn: i64, progress: Progress) -> Order {
        Order {
            id: OrderId(1),
            number: "1".into(),
            version: 1,
            kind: "报修".into(),
            department: "维修部".into(),
            area: String::new(),
            title: String::new(),
            content: String::new(),
            address: String::new(),
            assignee: None,
            deadline_at: Some(Timestamp::from_secs(deadline)),
            warn_at: Some(Timestamp::from_secs(warn)),
            progress,
            suspended_at: None,
            closed_at: None,
            call: None,
            recording: None,
            customer: None,
            customer_number: String::new(),
            created_by: None,
            created_at: Timestamp(0),
            changed_at: Timestamp(0),
        }
    }

    #[test]
    fn warned_and_overdue_depend_on_the_time_asked_for() {
        let order = due(100, 80, Progress::Open);
        let status = |at| order.status(Timestamp::from_secs(at));
        assert_eq!(status(79), Status::Open);
        assert_eq!(status(80), Status::Warned);
        assert_eq!(status(100), Status::Warned, "due at 100 is in time at 100");
        assert_eq!(status(101), Status::Overdue);
    }

    #[test]
    fn a_closed_or_suspended_order_does_not_age() {
        let late = Timestamp::from_secs(1_000);
        let mut order = due(100, 80, Progress::Done);
        order.closed_at = Some(Timestamp::from_secs(90));
        assert_eq!((order.status(late), order.is_overdue(late)), (Status::Done, false));
        order.closed_at = Some(Timestamp::from_secs(101));
        assert_eq!((order.status(late), order.is_overdue(late)), (Status::Done, true));
        let mut order = due(100, 80, Progress::Suspended);
        order.suspended_at = Some(Timestamp::from_secs(50));
        assert_eq!(order.status(late), Status::Suspended);
        order.suspended_at = Some(Timestamp::from_secs(150));
        assert_eq!(order.status(late), Status::Overdue, "it was late before it was suspended");
    }

    #[test]
    fn the_table_of_transitions_is_this_one() {
        let assign = Action::Assign { department: None, assignee: None };
        let extend = Action::Extend { deadline_at: Timestamp(0) };
        let actions = [
            Action::Start,
            Action::Arrive,
            Action::Suspend,
            Action::Resume,
            Action::GiveBack,
            Action::Finish,
            Action::Reopen,
            assign,
            extend,
            Action::Urge,
            Action::Note,
        ];
        let table: Vec<String> = Progress::ALL
            .iter()
            .map(|from| {
                let cells: Vec<&str> = actions
                    .iter()
                    .map(|action| from.after(action).map_or("-", |to| &to.as_str()[..2]))
                    .collect();
                format!("{:<11} {}", from.as_str(), cells.join(" "))
            })
            .collect();
        assert_eq!(
            table,
            [
                //           st ar su re gi fi ro as ex ur no
                "open        in in su - re do - op op op op",
                "in_progress - in su - re do - in in in in",
                "done        - - - - - - in - - - do",
                "suspended   - - - in re - - su su su su",
                "returned    - - - - - - - op - - re",
            ]
        );
    }
}
