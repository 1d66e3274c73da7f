//! The business: tenants, people, roles, queues, numbers, flows, customers, work orders, and the
//! store that keeps them (a file of SQLite or a database of PostgreSQL, asked by the same queries).
//! desk is not in the call path: it compiles what it knows into a [`terms::routing::Plan`],
//! and a store that is down never stops a call.
//!
//! **Every query takes the tenant as its argument and names it in its `WHERE`.** There is no way
//! to ask for a row without saying whose it is; the exceptions are [`Store::read_after`],
//! [`Store::audit_after`], [`Store::plan_versions`], [`Store::lease_versions`],
//! [`Store::untold_item_steps`] and [`Store::claim_reply`], which hand over to the warehouse, the call
//! path and the mail server,
//! [`Store::keep_calling`], whose entries each say whose they are, [`Store::hook_lines`], which says of
//! each line whose it is, and [`Store::authenticate`], [`Store::sql_verifier`] and
//! [`Store::sql_identity`], which find out who asks.
//!
//! Every change says [`By`] whom, goes into the audit table in the same transaction, and raises
//! the plan's version there when the call path is concerned.

pub mod agent;
pub mod allowed;
pub mod area;
pub mod audit;
pub mod auth_code;
pub mod blocked;
pub mod bootstrap;
pub mod calling;
pub mod conference;
pub mod connector;
pub mod customer;
pub mod emergency;
pub mod erasure;
pub mod error;
pub mod flow;
pub mod hold;
pub mod hook;
pub mod hours;
pub mod item;
pub mod lease;
pub mod lockout;
pub mod mailbox;
pub mod mails;
pub mod number;
pub mod once;
pub mod order;
pub mod outbox;
pub mod outgoing_fax;
pub mod parking;
pub mod plan;
mod portion;
pub mod prompt;
pub mod queue;
pub mod rates;
pub mod recording;
pub mod region;
pub mod report_definition;
pub mod report_setting;
pub mod retention;
pub mod return_visit;
pub mod ringing;
pub mod role;
pub mod saved_report;
pub mod schedule;
pub mod scram;
pub mod secret;
mod setting;
pub mod shift;
pub mod shift_log;
mod sign_in_pin;
pub mod signer;
pub mod site;
pub mod skill;
pub mod skill_set;
mod sql;
pub mod store;
pub mod team;
pub mod tenant;
mod text;
pub mod texts;
pub mod token;
pub mod trace_back;
pub mod trunk;
pub mod user;
pub mod voicemail;
pub mod watermark;
pub mod when;
pub mod worker;

pub use audit::By;
pub use error::Error;
pub use role::{Permission, Role};
pub use store::Store;

/// What a function of this crate gives back.
pub type Result<T> = std::result::Result<T, Error>;
