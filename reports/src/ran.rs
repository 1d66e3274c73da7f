//! What no table of the warehouse knows of the box: how long its processes ran, and what the warehouse
//! itself takes. Whoever runs the report says so.

use warehouse::query::literal;

/// How long a process of the box ran on a day of a period.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ran {
    /// Which: `calls`, `api` or `work`.
    pub process: String,
    /// The day, in days after 1970-01-01; see [`crate::Period::day_spans`].
    pub day: i64,
    /// It ran.
    pub up_ms: i64,
    /// It did not, and nobody had asked for that.
    pub down_ms: i64,
}

/// What the files of the warehouse with rows of a day take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stored {
    /// The day, in days after 1970-01-01, of UTC.
    pub day: i64,
    /// Its files.
    pub bytes: u64,
}

/// The rows of a table with `day` and `bytes`.
pub(crate) fn stored_rows(stored: &[Stored]) -> String {
    if stored.is_empty() {
        return "SELECT 0 AS day, 0 AS bytes WHERE FALSE".to_owned();
    }
    let row = |of: &Stored| format!("({}, {})", of.day, of.bytes);
    let rows = stored.iter().map(row).collect::<Vec<_>>().join(", ");
    format!("SELECT * FROM (VALUES {rows}) AS stored (day, bytes)")
}

/// The rows of a table with `process`, `day`, `up_ms` and `down_ms`.
pub(crate) fn rows(ran: &[Ran]) -> String {
    if ran.is_empty() {
        return "SELECT '' AS process, 0 AS day, 0 AS up_ms, 0 AS down_ms WHERE FALSE".to_owned();
    }
    let row = |of: &Ran| {
        format!("({}, {}, {}, {})", literal::text(&of.process), of.day, of.up_ms, of.down_ms)
    };
    let rows = ran.iter().map(row).collect::<Vec<_>>().join(", ");
    format!("SELECT * FROM (VALUES {rows}) AS ran (process, day, up_ms, down_ms)")
}
