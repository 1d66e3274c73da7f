//! What is behind a row, or behind one of its numbers: a page of the matters that they are made of.

use super::{Error, FieldColumns, Fields, Params, ask, window_on};
use crate::definition::Report;
use crate::number::Counted;
use crate::table::Condition;
use arrow::array::AsArray;
use arrow::compute::cast;
use arrow::datatypes::{DataType, Int64Type};
use warehouse::Session;

/// A page of what is behind a row or a number.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Opened {
    /// How many matters there are, on all pages together.
    pub count: u64,
    /// What the number counts of them; none of a row. One matter may be in it more than once.
    pub counted: Option<u64>,
    /// Their ids on this page, ascending.
    pub ids: Vec<i64>,
    /// There are more.
    pub more: bool,
    /// Damaged files of the warehouse, whose rows are not in it.
    pub left_out: Vec<String>,
}

/// Opens at most `most` of what is behind a row of `report`, those after the id `after`.
///
/// # Errors
/// [`Error::Query`] when the warehouse refuses or fails.
pub async fn open(
    session: &Session,
    report: &'static Report,
    condition: &Condition,
    (after, most): (Option<i64>, u32),
) -> Result<Opened, Error> {
    let counted = ask(session, report, &condition.count_sql()).await?;
    let page = condition.page_sql(after, most.saturating_add(1));
    let page = ask(session, report, &page).await?;
    let count = numbers(report, &counted)?.first().copied().unwrap_or(0);
    let mut ids = numbers(report, &page)?;
    let more = ids.len() > most as usize;
    ids.truncate(most as usize);
    Ok(Opened { count: count.unsigned_abs(), counted: None, ids, more, left_out: page.left_out })
}

/// What the numbers of a row count, by their columns, the row named by its key. The report is made
/// again; none where it has no such row.
///
/// # Errors
/// [`Error::Query`] when the warehouse refuses or fails.
pub async fn numbers_of(
    session: &Session,
    report: &'static Report,
    params: &Params,
    key: &str,
) -> Result<Option<Vec<(&'static str, Counted)>>, Error> {
    let window = window_on(session, params);
    let answer = ask(session, report, &(report.sql)(&window)).await?;
    for batch in &answer.batches {
        let columns = FieldColumns::new(report.id, batch)?;
        for row in 0..batch.num_rows() {
            let fields = Fields { columns: &columns, row };
            if !report.keeps(&params.narrowed, &fields)? {
                continue;
            }
            let behind = report.left_of((report.behind)(&window, &fields)?, &params.narrowed);
            if behind.key() == key {
                return report.counted(&window, &fields).map(Some);
            }
        }
    }
    Ok(None)
}

/// Opens at most `most` of what is behind a number of `report`, those after the id `after`.
///
/// # Errors
/// [`Error::Query`] when the warehouse refuses or fails.
pub async fn open_number(
    session: &Session,
    report: &'static Report,
    number: &Counted,
    page: (Option<i64>, u32),
) -> Result<Opened, Error> {
    let counted = ask(session, report, &number.counted_sql()).await?;
    let counted = numbers(report, &counted)?.first().copied().unwrap_or(0);
    let opened = open(session, report, &number.condition, page).await?;
    Ok(Opened { counted: Some(counted.unsigned_abs()), ..opened })
}

/// The first column of an answer.
fn numbers(report: &'static Report, answer: &warehouse::Answer) -> Result<Vec<i64>, Error> {
    let mut numbers = Vec::with_capacity(answer.rows());
    for batch in answer.batches.iter().filter(|batch| batch.num_rows() > 0) {
        let column = cast(batch.column(0), &DataType::Int64).map_err(|error| Error::Field {
            report: report.id,
            field: "of the condition",
            why: error.to_string(),
        })?;
        numbers.extend_from_slice(column.as_primitive::<Int64Type>().values());
    }
    Ok(numbers)
}
