//! What the reports share that look up the calls of legs, stays and questions.

use crate::window::{DAY_US, Window};
use terms::Timestamp;
use warehouse::query::literal::instant;

/// `columns` (of `calls` as `c`) of at least all calls that those rows of `table` belong to for which
/// `holds`, a condition that says that they are of the period. Each call comes once.
///
/// A row has the start of its call, and nearly always that is within a day of the period: of those
/// days all calls are read, of all other days only the calls that such a row tells of. Without any,
/// nothing of those days is read.
pub(super) fn calls_of(window: &Window, table: &str, holds: &str, columns: &str) -> String {
    let from = instant(Timestamp(window.from.0.saturating_sub(DAY_US)));
    let to = instant(Timestamp(window.to.0.saturating_add(DAY_US)));
    let near = |column: &str| format!("{column} >= {from} AND {column} < {to}");
    let (call_near, row_near) = (near("c.started_at"), near("call_started_at"));
    format!(
        "SELECT {columns}
         FROM calls c
         WHERE {call_near}
         UNION ALL
         SELECT {columns}
         FROM (
             SELECT DISTINCT call_id FROM {table} WHERE {holds} AND NOT ({row_near})
         ) AS far
         JOIN calls c ON c.call_id = far.call_id
         WHERE NOT ({call_near})"
    )
}
