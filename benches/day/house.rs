//! The log into a warehouse, as the product fills one, and the report on the day's queues out of
//! it.

use crate::floor::{MIDNIGHT, TENANT};
use crate::tally::Outcomes;
use anyhow::{Context, Result, ensure};
use arrow::array::{AsArray, RecordBatch};
use arrow::compute::cast;
use arrow::datatypes::{DataType, Int64Type};
use reports::{Period, Window, catalogue};
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};
use terms::QueueId;
use warehouse::{Ingest, Limits, Scope, Session, Warehouse};

/// The day, and the instant at which the report is asked for.
const DAY: &str = "2026-11-25";
const ZONE: &str = "Asia/Shanghai";
const LATER: Duration = Duration::from_secs(2 * 86_400);

/// Fills a new warehouse in `folder` from the log in `events`: how long it took until all rows were
/// durable, and what the report then says of each queue.
///
/// # Errors
/// What the warehouse or the report says.
pub async fn keep(folder: &Path, events: &Path) -> Result<(Duration, BTreeMap<QueueId, Outcomes>)> {
    let warehouse = Arc::new(Warehouse::open(folder).await?);
    let mut ingest = Ingest::open(Arc::clone(&warehouse), events).await?;
    let began = Instant::now();
    ingest.catch_up().await?;
    let took = began.elapsed();
    warehouse.seal().await?;
    warehouse.publish_all().await?;
    Ok((took, report(&warehouse).await?))
}

async fn report(warehouse: &Warehouse) -> Result<BTreeMap<QueueId, Outcomes>> {
    let report = catalogue().iter().find(|report| report.id == "queue_summary");
    let report = report.context("there is a report on queues")?;
    let now = MIDNIGHT + LATER;
    let period = Period::parse(DAY, ZONE, now)?;
    let sql = (report.sql)(&Window::new(&period, now, 20, 5));
    let session = Session::open(warehouse, Scope::of(TENANT), Limits::default()).await?;
    let answer = session.query(&sql).await?;
    ensure!(!answer.truncated && answer.left_out.is_empty(), "the report is not whole");
    let mut queues = BTreeMap::new();
    for batch in &answer.batches {
        let column = |name: &str| numbers(batch, name);
        let (ids, offered) = (column("queue_id")?, column("offered")?);
        let (answered, abandoned) = (column("answered")?, column("abandoned")?);
        let (flowed_out, callback_queued) = (column("flowed_out")?, column("callback_queued")?);
        for at in 0..batch.num_rows() {
            let outcomes = Outcomes {
                offered: offered[at],
                answered: answered[at],
                abandoned: abandoned[at],
                flowed_out: flowed_out[at],
                callback_queued: callback_queued[at],
            };
            ensure!(queues.insert(QueueId(ids[at]), outcomes).is_none(), "a queue has two rows");
        }
    }
    Ok(queues)
}

fn numbers(batch: &RecordBatch, name: &str) -> Result<Vec<u64>> {
    let column = batch.column_by_name(name).with_context(|| format!("no column {name}"))?;
    let column = cast(column, &DataType::Int64)?;
    let column = column.as_primitive::<Int64Type>();
    let count = |value: Option<i64>| -> Result<u64> {
        Ok(u64::try_from(value.context("a count is NULL")?)?)
    };
    column.iter().map(count).collect()
}
