//! Answers as clients of PostgreSQL read them: types by their numbers (`pg_type.oid`), cells as text
//! or in binary, rows as `DataRow` messages (PostgreSQL 16, "Message Formats"; the binary forms are
//! those of its `…send` functions).
//!
//! Times are told in UTC, with `+00` behind them.

mod binary;
mod cell;
mod kind;

pub use binary::time_text;
pub use kind::Kind;

use crate::Answer;
use arrow::array::RecordBatch;
use cell::Cells;
use serde::{Deserialize, Serialize};

/// One column of an answer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct WireColumn {
    /// Its name.
    pub name: String,
    /// Its type.
    pub kind: Kind,
}

/// What a question is about, before it is answered.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Description {
    /// The parameters `$1`, `$2` and so on.
    pub parameters: Vec<Kind>,
    /// The columns of the answer.
    pub columns: Vec<WireColumn>,
}

/// A value for a parameter.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Parameter {
    /// Its type, where the client says one.
    pub kind: Option<Kind>,
    /// Its text; `None` is NULL.
    pub text: Option<String>,
}

/// The columns of an answer.
pub fn columns(answer: &Answer) -> Vec<WireColumn> {
    columns_of(&answer.schema)
}

/// The columns of a schema.
pub fn columns_of(schema: &arrow::datatypes::Schema) -> Vec<WireColumn> {
    let column = |field: &std::sync::Arc<arrow::datatypes::Field>| WireColumn {
        name: crate::query::postgres::shown(field.name()).to_owned(),
        kind: Kind::of(field.data_type()),
    };
    schema.fields().iter().map(column).collect()
}

/// The rows as `DataRow` messages, one behind the other. `binary` says of each column whether it is
/// told in binary; one for all, or none, which is text for all.
pub fn rows(answer: &Answer, binary: &[bool]) -> Vec<u8> {
    let mut out = Vec::new();
    for batch in &answer.batches {
        let cells: Vec<Cells> = batch.columns().iter().map(Cells::new).collect();
        for row in 0..batch.num_rows() {
            out.push(b'D');
            let start = out.len();
            out.extend_from_slice(&[0; 4]);
            out.extend_from_slice(&(cells.len() as u16).to_be_bytes());
            for (at, column) in cells.iter().enumerate() {
                column.write(row, is_binary(binary, at), &mut out);
            }
            let length = (out.len() - start) as u32;
            out[start..start + 4].copy_from_slice(&length.to_be_bytes());
        }
    }
    out
}

/// The cells of one row as text; `None` is NULL.
pub fn texts(batch: &RecordBatch, row: usize) -> Vec<Option<String>> {
    batch.columns().iter().map(|column| Cells::new(column).told(row)).collect()
}

/// How column `at` is told.
pub fn is_binary(binary: &[bool], at: usize) -> bool {
    match binary {
        [] => false,
        [all] => *all,
        each => each.get(at).copied().unwrap_or_default(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use arrow::array::{
        ArrayRef, BooleanArray, Date32Array, Float64Array, Int32Array, Int64Array, StringArray,
        TimestampMicrosecondArray, UInt64Array,
    };
    use std::sync::Arc;

    fn answer() -> Answer {
        let at = TimestampMicrosecondArray::from(vec![Some(1_700_000_000_123_000), None]);
        let columns: Vec<(&str, ArrayRef)> = vec![
            ("call_id", Arc::new(Int64Array::from(vec![Some(7), None]))),
            ("answered", Arc::new(BooleanArray::from(vec![true, false]))),
            ("caller", Arc::new(StringArray::from(vec!["王芳", ""]))),
            ("at", Arc::new(at.with_timezone("UTC"))),
        ];
        let batch = RecordBatch::try_from_iter(columns).unwrap();
        Answer {
            schema: batch.schema(),
            batches: vec![batch],
            truncated: false,
            left_out: Vec::new(),
        }
    }

    /// The cells of the first row.
    fn first(answer: &Answer, binary: &[bool]) -> Vec<Option<Vec<u8>>> {
        let bytes = rows(answer, binary);
        assert_eq!(bytes[0], b'D');
        let length = u32::from_be_bytes(bytes[1..5].try_into().unwrap()) as usize;
        let count = u16::from_be_bytes(bytes[5..7].try_into().unwrap());
        let (mut cells, mut rest) = (Vec::new(), &bytes[7..=length]);
        for _ in 0..count {
            let (size, behind) = rest.split_at(4);
            let size = i32::from_be_bytes(size.try_into().unwrap());
            let cell = usize::try_from(size).ok().map(|size| behind[..size].to_vec());
            rest = &behind[cell.as_ref().map_or(0, Vec::len)..];
            cells.push(cell);
        }
        assert!(rest.is_empty(), "the length of the row is that of its cells");
        cells
    }

    fn one(array: ArrayRef, binary: bool) -> Option<Vec<u8>> {
        let batch = RecordBatch::try_from_iter([("x", array)]).unwrap();
        let answer = Answer {
            schema: batch.schema(),
            batches: vec![batch],
            truncated: false,
            left_out: Vec::new(),
        };
        first(&answer, &[binary]).pop().unwrap()
    }

    #[test]
    fn columns_have_the_types_of_postgresql() {
        let kinds: Vec<Kind> = columns(&answer()).iter().map(|column| column.kind).collect();
        assert_eq!(kinds, [Kind::Int8, Kind::Bool, Kind::Text, Kind::TimestampTz]);
        assert_eq!(kinds.iter().map(|kind| kind.oid()).collect::<Vec<_>>(), [20, 16, 25, 1184]);
    }

    #[test]
    fn text_is_what_psql_shows() {
        let cells = first(&answer(), &[]);
        let texts: Vec<_> =
            cells.into_iter().map(|cell| String::from_utf8(cell.unwrap()).unwrap()).collect();
        assert_eq!(texts, ["7", "t", "王芳", "2023-11-14 22:13:20.123+00"]);
        let date: ArrayRef = Arc::new(Date32Array::from(vec![19_675]));
        assert_eq!(one(date, false).unwrap(), b"2023-11-14");
        let float: ArrayRef = Arc::new(Float64Array::from(vec![f64::INFINITY]));
        assert_eq!(one(float, false).unwrap(), b"Infinity");
        let nothing: ArrayRef = Arc::new(Int32Array::from(vec![None]));
        assert_eq!(one(nothing, false), None);
    }

    #[test]
    fn a_row_is_told_as_text() {
        let batch = &answer().batches[0];
        let texts = texts(batch, 1);
        assert_eq!(texts, [None, Some("f".to_owned()), Some(String::new()), None]);
    }

    #[test]
    fn binary_is_what_drivers_read() {
        let cells = first(&answer(), &[true]);
        assert_eq!(cells[0].as_deref(), Some(7_i64.to_be_bytes().as_slice()));
        assert_eq!(cells[1].as_deref(), Some([1_u8].as_slice()));
        // Microseconds since 2000.
        let since: i64 = 1_700_000_000_123_000 - 946_684_800_000_000;
        assert_eq!(cells[3].as_deref(), Some(since.to_be_bytes().as_slice()));
        let date: ArrayRef = Arc::new(Date32Array::from(vec![19_675]));
        assert_eq!(one(date, true).unwrap(), (19_675_i32 - 10_957).to_be_bytes());
        let nothing: ArrayRef = Arc::new(Int32Array::from(vec![None]));
        assert_eq!(one(nothing, true), None);
    }

    #[test]
    fn a_number_beyond_64_bits_with_sign_is_a_numeric() {
        let most: ArrayRef = Arc::new(UInt64Array::from(vec![u64::MAX]));
        assert_eq!(Kind::of(most.data_type()), Kind::Numeric);
        assert_eq!(one(Arc::clone(&most), false).unwrap(), b"18446744073709551615");
        // 5 digits to the base 10,000, the first of weight 4, positive, none behind the point.
        let known: Vec<u8> = [5_u16, 4, 0, 0, 1844, 6744, 737, 955, 1615]
            .iter()
            .flat_map(|part| part.to_be_bytes())
            .collect();
        assert_eq!(one(most, true).unwrap(), known);
    }

    #[test]
    fn each_column_is_told_as_it_was_asked_for() {
        let cells = first(&answer(), &[true, false, false, false]);
        assert_eq!(cells[0].as_ref().map(Vec::len), Some(8));
        assert_eq!(cells[1].as_deref(), Some(b"t".as_slice()));
        assert!(!is_binary(&[true, true], 5), "a client that names too few gets text");
    }
}
