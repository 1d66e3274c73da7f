//! Remembers: what happened becomes rows, rows become Parquet files, files are read back with SQL.
//!
//! ```text
//!  event log ──► log ──► derive ──► ingest ─┐
//!  desk's outbox ──► stage_rows ────────────┤  one transaction each
//!                                           ▼
//!                        warehouse.db: stage, file, meta (SQLite, WAL, synchronous=FULL),
//!                        or a schema of a PostgreSQL server with the same tables
//!                                           │ seal: write, fsync, rename, fsync folder, commit
//!                                           ▼
//!                        _hot/<table>/dt=…/   then publish ──► <table>/dt=…/  (for everybody),
//!                                           │                   there or in a bucket
//!                                           │
//!            Session ◄── staged rows + hot files + published files, one snapshot, one tenant
//! ```
//!
//! **A finished record is in the warehouse exactly once**, whenever the process dies.
//! **A session reads one tenant's rows**: the filter sits in the scan, below whatever is asked.

pub mod age;
pub mod answer;
mod aside;
mod bucket;
mod check;
mod compact;
mod db;
pub mod derive;
pub mod erase;
pub mod error;
mod fail;
pub mod faxes;
mod file;
mod form;
pub mod ingest;
mod listing;
mod load;
pub mod log;
mod manifest;
pub mod moving;
mod publish;
pub mod query;
pub mod rebuild;
pub mod recordings;
pub mod repair;
mod rewrite;
mod rollup;
pub mod schema;
pub mod scope;
mod seal;
mod shelf;
mod stage;
pub mod store;
mod sweep;
pub mod wire;

pub use answer::Answer;
pub use bucket::Bucket;
pub use db::Manifest;
pub use error::{Error, Position, SqlError, SqlFault};
pub use form::{Form, RowOrder};
pub use ingest::Ingest;
pub use load::Load;
pub use query::Session;
pub use rollup::THRESHOLDS_S as ROLLUP_THRESHOLDS_S;
pub use scope::{Limits, Only, Scope};
pub use store::{Stats, Verified, Warehouse};

#[cfg(test)]
mod age_crash_tests;
#[cfg(test)]
mod bucket_tests;
#[cfg(test)]
mod crash_tests;
#[cfg(test)]
mod damage_tests;
#[cfg(test)]
mod formats_test;
#[cfg(test)]
mod held_tests;
#[cfg(test)]
mod item_tests;
#[cfg(test)]
mod meeting_tests;
#[cfg(test)]
mod postgres_tests;
#[cfg(test)]
mod scope_tests;
#[cfg(test)]
mod store_tests;
#[cfg(test)]
mod stories;
