//! Days that late rows made into many small files become one file each again: of every table's day
//! the small files are merged once there are enough of them, one day at a time.

use crate::publish::{PART_ROWS_MAX, closed_before};
use crate::{Error, Warehouse, manifest, rewrite};
use terms::Timestamp;

/// Small files of a table's day that are worth merging: orders change for weeks after their day, a
/// file a day.
pub const FILES_MIN: usize = 4;
/// A file with fewer rows is small.
const SMALL_ROWS: i64 = PART_ROWS_MAX / 2;

/// Merges the small files of the day that has the most of them, of those that are over at `now`: what
/// is still being published is read from outside the most. Returns how many files were merged.
///
/// # Errors
/// See [`Error`].
pub async fn due(warehouse: &Warehouse, now: Timestamp) -> Result<u64, Error> {
    some(warehouse, (FILES_MIN, 1), &closed_before(now)).await
}

/// Merges the small files of up to `days_max` days before `closed` that have at least `files_min` of
/// them.
///
/// # Errors
/// See [`Error`].
pub async fn some(
    warehouse: &Warehouse,
    (files_min, days_max): (usize, usize),
    closed: &str,
) -> Result<u64, Error> {
    let mut tx = warehouse.read("list published files").await?;
    if !manifest::has_small(&mut tx, (files_min as i64, SMALL_ROWS), closed).await? {
        return Ok(0);
    }
    let mut published = manifest::in_state(&mut tx, "published").await?;
    drop(tx);
    published.retain(|entry| entry.day.as_str() < closed);
    let (mut merged, mut days) = (0, 0);
    for files in plan(&published, files_min) {
        if days == days_max {
            break;
        }
        // A day whose old files are still kept for sessions waits.
        if let Some(replaced) = rewrite::rewrite(warehouse, &files, None).await? {
            merged += replaced;
            days += 1;
        }
    }
    Ok(merged)
}

/// Which files are merged with which: the small ones of a table's day, oldest first, up to the limit
/// of rows; the days with the most of them first.
fn plan(published: &[manifest::Entry], files_min: usize) -> Vec<Vec<manifest::Entry>> {
    let mut plans: Vec<Vec<manifest::Entry>> = Vec::new();
    for day in published.chunk_by(|a, b| (&a.tbl, &a.day) == (&b.tbl, &b.day)) {
        let mut rows = 0;
        let small = day.iter().filter(|entry| entry.rows < SMALL_ROWS);
        let fits = |entry: &&manifest::Entry| {
            rows += entry.rows;
            rows <= PART_ROWS_MAX
        };
        let files: Vec<manifest::Entry> = small.take_while(fits).cloned().collect();
        if files.len() >= files_min.max(2) {
            plans.push(files);
        }
    }
    plans.sort_by_key(|files| std::cmp::Reverse(files.len()));
    plans
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stories::{BEGIN, order};
    use crate::{Limits, Scope, Session, file, sweep};
    use arrow::array::AsArray;
    use arrow::datatypes::Int64Type;
    use std::path::Path;
    use terms::TenantId;
    use terms::record::{Order, Row};

    const DAYS_AFTER: Timestamp = Timestamp(BEGIN.0 + 3 * 86_400_000_000);

    /// Five published files of one day's orders, two orders in each.
    async fn scattered(dir: &Path) -> Warehouse {
        let warehouse = Warehouse::open(dir).await.unwrap();
        for part in 0..5 {
            let rows: Vec<_> =
                (part * 2..part * 2 + 2).map(|id| order(1, id + 1, id as u64, 1, 11)).collect();
            warehouse.stage_rows("desk", part + 1, &rows).await.unwrap();
            warehouse.publish_all().await.unwrap();
        }
        warehouse
    }

    fn files(dir: &Path) -> Vec<String> {
        let found = file::walk(&dir.join("orders")).unwrap();
        found.iter().map(|path| path.file_name().unwrap().to_string_lossy().into_owned()).collect()
    }

    async fn session(warehouse: &Warehouse) -> Session {
        Session::open(warehouse, Scope::of(TenantId(1)), Limits::default()).await.unwrap()
    }

    async fn orders(session: &Session) -> Vec<i64> {
        let sql = "SELECT version_id FROM orders ORDER BY version_id";
        let answer = session.query(sql).await.unwrap();
        let ids = |batch: &arrow::array::RecordBatch| {
            batch.column(0).as_primitive::<Int64Type>().values().to_vec()
        };
        answer.batches.iter().flat_map(ids).collect()
    }

    fn later() -> Timestamp {
        Timestamp(crate::store::now().0 + 2 * sweep::RETIRED_MS * 1000)
    }

    #[tokio::test]
    async fn many_small_files_become_one_and_a_session_of_before_reads_on() {
        let dir = tempfile::tempdir().unwrap();
        let warehouse = scattered(dir.path()).await;
        assert_eq!(files(dir.path()).len(), 5);
        let before = session(&warehouse).await;
        assert_eq!(due(&warehouse, DAYS_AFTER).await.unwrap(), 5);
        assert_eq!(files(dir.path()).len(), 1);

        let all: Vec<i64> = (1..=10).collect();
        assert_eq!(orders(&before).await, all, "a session of before");
        assert_eq!(orders(&session(&warehouse).await).await, all, "a session of after");
        assert_eq!(warehouse.verify().await.unwrap().faults, Vec::<String>::new());

        sweep::retired(&warehouse, later()).await.unwrap();
        assert!(file::walk(&dir.path().join(rewrite::OLD)).unwrap().is_empty());
        assert_eq!(files(dir.path()).len(), 1);
        assert_eq!(warehouse.stats().await.unwrap().published_rows, 10);
    }

    #[tokio::test]
    async fn a_day_with_few_files_and_one_that_is_not_over_stay_as_they_are() {
        let dir = tempfile::tempdir().unwrap();
        let warehouse = scattered(dir.path()).await;
        let before = files(dir.path());
        assert_eq!(some(&warehouse, (6, 1), "2026-12-31").await.unwrap(), 0);
        assert_eq!(due(&warehouse, BEGIN).await.unwrap(), 0, "the day is not over");
        assert_eq!(files(dir.path()), before);
    }

    #[tokio::test]
    async fn a_day_that_is_not_over_stays_while_one_that_is_over_is_merged() {
        let dir = tempfile::tempdir().unwrap();
        let warehouse = scattered(dir.path()).await;
        let created_at = Timestamp(BEGIN.0 + 86_400_000_000);
        for id in 20..25 {
            let next_day = match order(1, id, id as u64, 1, 11) {
                Row::Order(order) => Row::Order(Order { created_at, ..order }),
                other => other,
            };
            warehouse.stage_rows("desk", id, &[next_day]).await.unwrap();
            warehouse.publish_all().await.unwrap();
        }
        assert_eq!(some(&warehouse, (5, 2), "2026-11-23").await.unwrap(), 5);
        assert_eq!(files(dir.path()).len(), 1 + 5);
    }

    #[tokio::test]
    async fn a_damaged_file_and_one_of_somebody_else_stay_beside_the_new_one() {
        let dir = tempfile::tempdir().unwrap();
        let warehouse = scattered(dir.path()).await;
        let day = dir.path().join("orders/dt=2026-11-22");
        let damaged = files(dir.path()).remove(2);
        let mut bytes = std::fs::read(day.join(&damaged)).unwrap();
        bytes[10] ^= 1;
        std::fs::write(day.join(&damaged), bytes).unwrap();
        std::fs::write(day.join("notes.txt"), "mine").unwrap();

        assert_eq!(due(&warehouse, DAYS_AFTER).await.unwrap(), 4);
        let after = files(dir.path());
        assert_eq!(after.len(), 3);
        assert!(after.contains(&damaged) && after.contains(&"notes.txt".to_owned()));
        assert_eq!(warehouse.verify().await.unwrap().faults.len(), 1);
    }

    #[tokio::test]
    async fn the_next_rewrite_of_a_day_waits_until_nobody_reads_the_old_files() {
        let dir = tempfile::tempdir().unwrap();
        let warehouse = scattered(dir.path()).await;
        due(&warehouse, DAYS_AFTER).await.unwrap();
        warehouse.stage_rows("desk", 6, &[order(1, 11, 20, 1, 11)]).await.unwrap();
        warehouse.publish_all().await.unwrap();
        assert_eq!(some(&warehouse, (2, 1), "2026-12-31").await.unwrap(), 0);
        sweep::retired(&warehouse, later()).await.unwrap();
        assert_eq!(some(&warehouse, (2, 1), "2026-12-31").await.unwrap(), 2);
        assert_eq!(orders(&session(&warehouse).await).await, (1..=11).collect::<Vec<i64>>());
    }
}
