//! Pages of a list of calls, as the API cuts them: a page far from the beginning takes about as long as
//! the first, because it begins where the last one ended and nothing before it is counted.

use crate::figures::{Figures, Limit, median};
use crate::ours::Ours;
use anyhow::{Context, Result};
use arrow::array::AsArray;
use arrow::datatypes::Int64Type;
use terms::Timestamp;
use warehouse::query::literal::instant;

/// Calls of a page; one more says whether there is another.
const PAGE: usize = 101;
/// A page in the middle over the first one.
const RATIO_MAX: f64 = 1.5;
/// 2026-07-01T00:00:00Z, the middle of the year.
const MIDDLE: Timestamp = Timestamp::from_secs(1_782_864_000);
/// Half of all calls or so are shorter.
const SHORT_MS: i64 = 150_000;

/// An order of the list.
struct Sorted {
    name: &'static str,
    column: &'static str,
    /// What a call in the middle has at most.
    until: fn() -> String,
    /// A number of the column as SQL has it.
    literal: fn(i64) -> String,
}

const ORDERS: [Sorted; 2] = [
    Sorted {
        name: "the newest first",
        column: "started_at",
        until: || instant(MIDDLE),
        literal: |number| instant(Timestamp(number)),
    },
    Sorted {
        name: "the longest first",
        column: "duration_ms",
        until: || SHORT_MS.to_string(),
        literal: |number| number.to_string(),
    },
];

impl Sorted {
    fn page(&self, condition: &str) -> String {
        let column = self.column;
        format!("SELECT * FROM calls{condition} ORDER BY {column} DESC, call_id DESC LIMIT {PAGE}")
    }

    /// The page after the call that has this number and this id.
    fn after(&self, number: i64, call: i64) -> String {
        let (column, key) = (self.column, (self.literal)(number));
        self.page(&format!(" WHERE ({column} < {key} OR ({column} = {key} AND call_id < {call}))"))
    }

    /// Number and id of a call in the middle of the list.
    async fn middle(&self, ours: &mut Ours) -> Result<(i64, i64)> {
        let (column, until) = (self.column, (self.until)());
        let sql = format!(
            "SELECT CAST({column} AS BIGINT) AS number, call_id FROM calls \
             WHERE {column} <= {until} ORDER BY {column} DESC, call_id DESC LIMIT 1"
        );
        let (_, answer) = ours.time(&sql).await?;
        let batch = answer.batches.first().context("no call is in the middle")?;
        let int = |at: usize| batch.column(at).as_primitive::<Int64Type>().value(0);
        Ok((int(0), int(1)))
    }
}

/// Times of a first page and of one in the middle, in each order.
///
/// # Errors
/// When a figure cannot be kept, or our engine refuses.
pub async fn pages(ours: &mut Ours, runs: usize, figures: &mut Figures) -> Result<()> {
    for order in &ORDERS {
        let (number, call) = order.middle(ours).await?;
        let (first, deep) = (order.page(""), order.after(number, call));
        let (mut of_first, mut of_deep) = (Vec::new(), Vec::new());
        for _ in 0..runs {
            of_first.push(ours.time(&first).await?.0);
            of_deep.push(ours.time(&deep).await?.0);
        }
        let (of_first, of_deep) = (median(&mut of_first), median(&mut of_deep));
        let name = format!("pages of calls, {}", order.name);
        figures.line(&format!("{name}: the first"), of_first, "ms", Limit::None)?;
        figures.line(&format!("{name}: one in the middle"), of_deep, "ms", Limit::None)?;
        let what = format!("{name}: one in the middle, times as long as the first");
        figures.line(&what, of_deep / of_first, "", Limit::Most(RATIO_MAX))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_begins_behind_the_call_that_the_last_one_ended_with() {
        let longest = ORDERS[1].after(90_000, 7);
        assert_eq!(
            longest,
            "SELECT * FROM calls WHERE (duration_ms < 90000 OR (duration_ms = 90000 AND \
             call_id < 7)) ORDER BY duration_ms DESC, call_id DESC LIMIT 101"
        );
        let key = instant(MIDDLE);
        assert!(ORDERS[0].after(MIDDLE.0, 7).contains(&format!("started_at < {key} OR")));
        assert!(ORDERS[0].page("").starts_with("SELECT * FROM calls ORDER BY started_at DESC"));
    }
}
