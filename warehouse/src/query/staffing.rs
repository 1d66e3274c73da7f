//! Staffing in SQL: the arithmetic of [`super::erlang`] as functions.
//!
//! `load` is in erlangs, `agents` a whole number, times are seconds, shares from 0 to 1. NULL gives
//! NULL; so does what has no answer, such as the mean wait in a queue that only grows. A value
//! that means nothing is refused with a sentence.

use crate::query::erlang::{
    AGENTS_MAX, Impatient, answer_s, impatient, in_time, needed, occupied, waits,
};
use arrow::array::{Array, AsArray, Float64Array};
use arrow::datatypes::{DataType, Float64Type};
use datafusion::common::{DataFusionError, Result, ScalarValue};
use datafusion::logical_expr::{ColumnarValue, ScalarUDF, Volatility, create_udf};
use datafusion::prelude::SessionContext;
use std::sync::Arc;

/// What a function makes of its arguments, or what is wrong with one of them.
type Compute = fn(&[f64]) -> Result<Option<f64>, String>;

/// Name, arguments, meaning.
const FUNCTIONS: [(&str, usize, Compute); 8] = [
    // (load, agents): the share of contacts that wait, Erlang C.
    ("erlang_c", 2, |of| Ok(Some(waits(load(of[0])?, agents(of[1])?)))),
    // (load, agents, handle, within): the share that is answered within a time, Erlang C.
    ("service_level", 4, |of| {
        Ok(Some(in_time(load(of[0])?, agents(of[1])?, positive("handle", of[2])?, within(of[3])?)))
    }),
    // (load, agents, handle): the mean wait, Erlang C.
    ("answer_speed", 3, |of| {
        Ok(answer_s(load(of[0])?, agents(of[1])?, positive("handle", of[2])?))
    }),
    // (load, agents): the share of their time that agents handle contacts.
    ("occupancy", 2, |of| Ok(occupied(load(of[0])?, agents(of[1])?))),
    // (load, handle, share, within): the fewest agents who answer the share in time, Erlang C.
    ("agents_needed", 4, |of| {
        let (load, handle) = (load(of[0])?, positive("handle", of[1])?);
        Ok(needed(load, handle, share(of[2])?, within(of[3])?).map(f64::from))
    }),
    // (load, agents, handle, patience): the share of contacts that wait, Erlang A.
    ("erlang_a", 4, |of| Ok(with_patience(of)?.map(|found| found.waits))),
    // The same arguments: the share of contacts that hang up before they are answered.
    ("erlang_a_abandoned", 4, |of| Ok(with_patience(of)?.map(|found| found.abandons))),
    // The same arguments: the mean wait until the answer or until they hang up.
    ("erlang_a_wait", 4, |of| Ok(with_patience(of)?.map(|found| found.wait_s))),
];

fn with_patience(of: &[f64]) -> Result<Option<Impatient>, String> {
    let (load, agents) = (load(of[0])?, agents(of[1])?);
    Ok(impatient(load, agents, positive("handle", of[2])?, positive("patience", of[3])?))
}

fn load(value: f64) -> Result<f64, String> {
    check(value.is_finite() && value >= 0.0, value, "load", "0 erlangs or more")
}

fn agents(value: f64) -> Result<u32, String> {
    let whole = value.fract() == 0.0 && (0.0..=f64::from(AGENTS_MAX)).contains(&value);
    let allowed = format!("a whole number from 0 to {AGENTS_MAX}");
    check(whole, value, "agents", &allowed).map(|agents| agents as u32)
}

fn positive(name: &str, value: f64) -> Result<f64, String> {
    check(value.is_finite() && value > 0.0, value, name, "more than 0 seconds")
}

fn within(value: f64) -> Result<f64, String> {
    check(value.is_finite() && value >= 0.0, value, "within", "0 seconds or more")
}

fn share(value: f64) -> Result<f64, String> {
    check((0.0..1.0).contains(&value), value, "share", "from 0 up to, not including, 1")
}

fn check(right: bool, value: f64, name: &str, allowed: &str) -> Result<f64, String> {
    if right { Ok(value) } else { Err(format!("{name} is {value}: it must be {allowed}")) }
}

/// Makes the functions known.
pub fn register(context: &SessionContext) {
    for (name, arguments, compute) in FUNCTIONS {
        context.register_udf(function(name, arguments, compute));
    }
}

fn function(name: &'static str, arguments: usize, compute: Compute) -> ScalarUDF {
    let apply = move |values: &[ColumnarValue]| -> Result<ColumnarValue> {
        let made = rows(values, |of| {
            compute(of).map_err(|wrong| DataFusionError::Execution(format!("{name}: {wrong}")))
        })?;
        let is_constant = values.iter().all(|value| matches!(value, ColumnarValue::Scalar(_)));
        Ok(if is_constant {
            ColumnarValue::Scalar(ScalarValue::Float64(made.iter().next().flatten()))
        } else {
            ColumnarValue::Array(Arc::new(made))
        })
    };
    let takes = vec![DataType::Float64; arguments];
    create_udf(name, takes, DataType::Float64, Volatility::Immutable, Arc::new(apply))
}

/// Computes row by row; a row with a NULL in it gives NULL.
fn rows(
    values: &[ColumnarValue],
    compute: impl Fn(&[f64]) -> Result<Option<f64>>,
) -> Result<Float64Array> {
    let arrays = ColumnarValue::values_to_arrays(values)?;
    let columns: Vec<&Float64Array> =
        arrays.iter().map(|array| array.as_primitive::<Float64Type>()).collect();
    let count = columns.first().map_or(0, |column| column.len());
    let mut row = Vec::with_capacity(columns.len());
    (0..count)
        .map(|at| {
            if columns.iter().any(|column| column.is_null(at)) {
                return Ok(None);
            }
            row.clear();
            row.extend(columns.iter().map(|column| column.value(at)));
            compute(&row)
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use crate::store_tests::session;
    use crate::{SqlFault, Warehouse};

    async fn answers(sql: &str) -> Result<String, (SqlFault, String)> {
        let dir = tempfile::tempdir().unwrap();
        let warehouse = Warehouse::open(dir.path()).await.unwrap();
        match session(&warehouse, 1).await.query(sql).await {
            Ok(answer) => Ok(answer.to_csv().lines().skip(1).collect::<Vec<_>>().join(" | ")),
            Err(error) => Err((error.fault, error.message)),
        }
    }

    #[tokio::test]
    async fn sql_gives_the_reference_values_of_erlang_c() {
        let rows = "SELECT ROUND(erlang_c(10, n), 3), ROUND(service_level(10, n, 180, 20), 3),
                           ROUND(answer_speed(10, n, 180), 1), ROUND(occupancy(10, n), 2)
                    FROM (VALUES (12), (13), (14)) AS t (n) ORDER BY n";
        let expected = "0.449,0.64,40.4,0.83 | 0.285,0.796,17.1,0.77 | 0.174,0.888,7.8,0.71";
        assert_eq!(answers(rows).await, Ok(expected.to_owned()));
        let constants = "SELECT CAST(agents_needed(10, 180, 0.8, 20) AS INT),
                                CAST(agents_needed(10, 180, 0.79, 20) AS INT)";
        assert_eq!(answers(constants).await, Ok("14,13".to_owned()));
    }

    #[tokio::test]
    async fn sql_gives_the_reference_values_of_erlang_a() {
        let rows = "SELECT ROUND(erlang_a(10, n, 180, 120), 3),
                           ROUND(erlang_a_abandoned(10, n, 180, 120), 3),
                           ROUND(erlang_a_wait(10, n, 180, 120), 1)
                    FROM (VALUES (10), (12)) AS t (n) ORDER BY n";
        let expected = "0.497,0.137,16.5 | 0.28,0.062,7.4";
        assert_eq!(answers(rows).await, Ok(expected.to_owned()));
    }

    #[tokio::test]
    async fn what_has_no_answer_is_null_and_what_means_nothing_is_refused() {
        let nulls = "SELECT answer_speed(10, 10, 180) IS NULL, occupancy(1, 0) IS NULL,
                            erlang_c(NULL, 3) IS NULL, agents_needed(20000, 180, 0.8, 20) IS NULL";
        assert_eq!(answers(nulls).await, Ok("true,true,true,true".to_owned()));
        for (sql, said) in [
            ("SELECT erlang_c(-1, 3)", "erlang_c: load is -1: it must be 0 erlangs or more"),
            (
                "SELECT erlang_c(1, 2.5)",
                "erlang_c: agents is 2.5: it must be a whole number from 0 to 10000",
            ),
            (
                "SELECT service_level(1, 1000000000, 180, 20)",
                "service_level: agents is 1000000000: it must be a whole number from 0 to 10000",
            ),
            (
                "SELECT agents_needed(10, 0, 0.8, 20)",
                "agents_needed: handle is 0: it must be more than 0 seconds",
            ),
            (
                "SELECT agents_needed(10, 180, 1, 20)",
                "agents_needed: share is 1: it must be from 0 up to, not including, 1",
            ),
        ] {
            assert_eq!(answers(sql).await, Err((SqlFault::Execution, said.to_owned())), "{sql}");
        }
    }
}
