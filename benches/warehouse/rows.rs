//! What was answered, in a form that does not depend on who answered: whole numbers of any width are
//! numbers, times are microseconds, fractions have nine digits, and rows stand in the order of their
//! text, because equal rows may come in any order.

use anyhow::{Context, Result, bail};
use arrow::array::{Array, ArrayRef, AsArray, RecordBatch};
use arrow::compute::cast;
use arrow::datatypes::{DataType, Float64Type, Int64Type, TimeUnit};
use arrow::ipc::reader::StreamReader;
use std::fs::File;
use std::path::Path;

/// The rows of some batches.
///
/// # Errors
/// When a column has a type that no question asks for.
pub fn rows(batches: &[RecordBatch]) -> Result<Vec<String>> {
    let mut rows = Vec::new();
    for batch in batches {
        let columns: Vec<Vec<String>> = batch.columns().iter().map(cells).collect::<Result<_>>()?;
        let row = |row: usize| columns.iter().map(move |column| column[row].as_str());
        rows.extend((0..batch.num_rows()).map(|at| row(at).collect::<Vec<_>>().join("\t")));
    }
    rows.sort();
    Ok(rows)
}

/// The rows of an Arrow IPC stream.
///
/// # Errors
/// When the file is no such stream.
pub fn rows_of_file(path: &Path) -> Result<Vec<String>> {
    let file = File::open(path).with_context(|| path.display().to_string())?;
    let batches: Vec<RecordBatch> = StreamReader::try_new(file, None)?.collect::<Result<_, _>>()?;
    rows(&batches)
}

/// The first row that one has and the other has not, for people; `None` when they are equal.
pub fn difference(ours: &[String], theirs: &[String]) -> Option<String> {
    if ours == theirs {
        return None;
    }
    let differ = ours.iter().zip(theirs).find(|(a, b)| a != b);
    Some(match differ {
        Some((a, b)) => format!("{a:?} and {b:?}"),
        None => format!("{} and {} rows", ours.len(), theirs.len()),
    })
}

fn cells(column: &ArrayRef) -> Result<Vec<String>> {
    let of = |kind: DataType| cast(column, &kind);
    let shown = |at: usize, text: String| if column.is_null(at) { "-".to_owned() } else { text };
    let places = 0..column.len();
    Ok(match column.data_type() {
        DataType::Timestamp(_, zone) => {
            // Microseconds first: the engines differ in the unit that they compute in.
            let micros = of(DataType::Timestamp(TimeUnit::Microsecond, zone.clone()))?;
            let numbers = cast(&micros, &DataType::Int64)?;
            let numbers = numbers.as_primitive::<Int64Type>();
            places.map(|at| shown(at, numbers.value(at).to_string())).collect()
        }
        DataType::Float32 | DataType::Float64 => {
            let numbers = of(DataType::Float64)?;
            let numbers = numbers.as_primitive::<Float64Type>();
            places.map(|at| shown(at, fraction(numbers.value(at)))).collect()
        }
        DataType::Decimal128(_, scale) if *scale > 0 => {
            let numbers = of(DataType::Float64)?;
            let numbers = numbers.as_primitive::<Float64Type>();
            places.map(|at| shown(at, fraction(numbers.value(at)))).collect()
        }
        DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View => {
            let texts = of(DataType::Utf8)?;
            let texts = texts.as_string::<i32>();
            places.map(|at| shown(at, texts.value(at).to_owned())).collect()
        }
        DataType::Boolean => {
            let answers = column.as_boolean();
            places.map(|at| shown(at, answers.value(at).to_string())).collect()
        }
        DataType::Null => places.map(|_| "-".to_owned()).collect(),
        kind if kind.is_integer() || matches!(kind, DataType::Decimal128(..)) => {
            let numbers = of(DataType::Int64)?;
            let numbers = numbers.as_primitive::<Int64Type>();
            places.map(|at| shown(at, numbers.value(at).to_string())).collect()
        }
        kind => bail!("a column of {kind} cannot be compared: ask for a number, a text or a time"),
    })
}

fn fraction(value: f64) -> String {
    if value == 0.0 { "0".to_owned() } else { format!("{value:.9e}") }
}

#[cfg(test)]
mod tests {
    use super::*;
    use arrow::array::{
        Decimal128Array, Float64Array, Int32Array, Int64Array, StringArray,
        TimestampMicrosecondArray, TimestampNanosecondArray,
    };
    use std::sync::Arc;

    fn batch(columns: Vec<ArrayRef>) -> RecordBatch {
        let named = columns.into_iter().enumerate().map(|(at, made)| (format!("c{at}"), made));
        RecordBatch::try_from_iter(named).unwrap()
    }

    #[test]
    fn the_same_rows_in_other_types_and_another_order_are_the_same() {
        let ours = batch(vec![
            Arc::new(Int64Array::from(vec![Some(7), None])),
            Arc::new(TimestampMicrosecondArray::from(vec![5, 6]).with_timezone("UTC")),
            Arc::new(Float64Array::from(vec![0.1 + 0.2, 1.0])),
            Arc::new(StringArray::from(vec!["a", "b"])),
        ]);
        let sums = Decimal128Array::from(vec![None, Some(7)]);
        let theirs = batch(vec![
            Arc::new(sums.with_precision_and_scale(38, 0).unwrap()),
            Arc::new(TimestampNanosecondArray::from(vec![6_000, 5_000]).with_timezone("+08:00")),
            Arc::new(Float64Array::from(vec![1.0, 0.3])),
            Arc::new(StringArray::from(vec!["b", "a"])),
        ]);
        let (ours, theirs) = (rows(&[ours]).unwrap(), rows(&[theirs]).unwrap());
        assert_eq!(difference(&ours, &theirs), None);
    }

    #[test]
    fn another_number_and_a_missing_row_are_told() {
        let of = |numbers: Vec<i32>| {
            rows(&[batch(vec![Arc::new(Int32Array::from(numbers)) as ArrayRef])]).unwrap()
        };
        assert_eq!(difference(&of(vec![1]), &of(vec![2])).unwrap(), "\"1\" and \"2\"");
        assert_eq!(difference(&of(vec![1]), &of(vec![1, 2])).unwrap(), "1 and 2 rows");
    }
}
