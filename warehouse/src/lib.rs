//! Remembers: what happened becomes rows, rows become Parquet files, files are read back with SQL.
//!
//! ```text
//!  event log ──► log ──► derive ──► ingest ─┐
//!  desk's outbox ──► stage_rows ────────────┤  one transaction each
//!                                           ▼
//!                        warehouse.db: stage, file, meta (SQLite, WAL, synchronous=FULL)
//!                                           │ seal: write, fsync, rename, fsync folder, commit
//!                                           ▼
//!                        _hot/<table>/dt=…/   then publish ──► <table>/dt=…/  (for everybody)
//!                                           │
//!            Session ◄── staged rows + hot files + published files, one snapshot, one tenant
//! ```
//!
//! **A finished record is in the warehouse exactly once**, whenever the process dies.
//! **A session reads one tenant's rows**: the filter sits in the scan, below whatever is asked.

pub mod answer;
pub mod error;
pub mod query;
pub mod scope;
pub mod store;

pub use answer::Answer;
pub use error::{Error, Position, SqlError, SqlFault};
pub use query::Session;
pub use scope::{Limits, Scope};
pub use store::{Stats, Verified, Warehouse};
