//! One cell, as text or in binary.

use super::Kind;
use super::binary;
use arrow::array::{Array, ArrayRef, AsArray};
use arrow::compute::cast;
use arrow::datatypes::{
    DataType, Date32Type, Float32Type, Float64Type, Int16Type, Int32Type, Int64Type,
    Time64MicrosecondType, TimeUnit, TimestampMicrosecondType,
};
use arrow::util::display::{ArrayFormatter, FormatOptions};

/// Days from 1970 to 2000, where PostgreSQL counts from.
const DAYS: i32 = 10_957;
/// The same in microseconds.
const MICROS: i64 = DAYS as i64 * 86_400_000_000;

/// A column that is told cell by cell.
pub struct Cells<'a> {
    kind: Kind,
    source: &'a ArrayRef,
    /// The same in the one width of its kind.
    plain: ArrayRef,
    shown: ArrayFormatter<'a>,
}

impl<'a> Cells<'a> {
    /// Of a column of an answer.
    pub fn new(source: &'a ArrayRef) -> Self {
        const OPTIONS: FormatOptions<'static> = FormatOptions::new();
        let kind = Kind::of(source.data_type());
        let plain = match plain(kind) {
            Some(wanted) => cast(source, &wanted).expect("a column can be cast to its own kind"),
            None => ArrayRef::clone(source),
        };
        let shown = ArrayFormatter::try_new(source, &OPTIONS);
        Cells { kind, source, plain, shown: shown.expect("every type of an answer can be shown") }
    }

    /// Its length and its bytes; -1 and none for NULL.
    pub fn write(&self, row: usize, binary: bool, out: &mut Vec<u8>) {
        if self.is_null(row) {
            out.extend_from_slice(&(-1_i32).to_be_bytes());
            return;
        }
        let start = out.len();
        out.extend_from_slice(&[0; 4]);
        if !(binary && self.write_binary(row, out)) {
            out.extend_from_slice(self.text(row).as_bytes());
        }
        let length = (out.len() - start - 4) as u32;
        out[start..start + 4].copy_from_slice(&length.to_be_bytes());
    }

    /// Its text; `None` for NULL.
    pub fn told(&self, row: usize) -> Option<String> {
        (!self.is_null(row)).then(|| self.text(row))
    }

    fn is_null(&self, row: usize) -> bool {
        self.source.is_null(row) || self.source.data_type() == &DataType::Null
    }

    fn text(&self, row: usize) -> String {
        let shown = || self.shown.value(row).to_string();
        match self.kind {
            Kind::Bool => {
                let letter = if self.plain.as_boolean().value(row) { "t" } else { "f" };
                letter.to_owned()
            }
            Kind::Float4 | Kind::Float8 => match shown().as_str() {
                "inf" => "Infinity".to_owned(),
                "-inf" => "-Infinity".to_owned(),
                other => other.to_owned(),
            },
            Kind::Bytes => format!("\\x{}", shown()),
            // 2023-11-14T22:13:20.123Z, the zone where there is one.
            Kind::Timestamp | Kind::TimestampTz => {
                let micros = self.plain.as_primitive::<TimestampMicrosecondType>().value(row);
                let zone = if self.kind == Kind::TimestampTz { "+00" } else { "" };
                format!("{}{zone}", binary::time_text(micros))
            }
            Kind::Int2
            | Kind::Int4
            | Kind::Int8
            | Kind::Numeric
            | Kind::Text
            | Kind::Date
            | Kind::Time => shown(),
        }
    }

    /// False where text and binary are the same, or binary cannot be.
    fn write_binary(&self, row: usize, out: &mut Vec<u8>) -> bool {
        match self.kind {
            Kind::Bool => out.push(u8::from(self.plain.as_boolean().value(row))),
            Kind::Int2 => {
                let value = self.plain.as_primitive::<Int16Type>().value(row);
                out.extend_from_slice(&value.to_be_bytes());
            }
            Kind::Int4 => {
                let value = self.plain.as_primitive::<Int32Type>().value(row);
                out.extend_from_slice(&value.to_be_bytes());
            }
            Kind::Int8 => {
                let value = self.plain.as_primitive::<Int64Type>().value(row);
                out.extend_from_slice(&value.to_be_bytes());
            }
            Kind::Float4 => {
                let value = self.plain.as_primitive::<Float32Type>().value(row);
                out.extend_from_slice(&value.to_be_bytes());
            }
            Kind::Float8 => {
                let value = self.plain.as_primitive::<Float64Type>().value(row);
                out.extend_from_slice(&value.to_be_bytes());
            }
            Kind::Date => {
                let days = self.plain.as_primitive::<Date32Type>().value(row);
                out.extend_from_slice(&days.saturating_sub(DAYS).to_be_bytes());
            }
            Kind::Time => {
                let micros = self.plain.as_primitive::<Time64MicrosecondType>().value(row);
                out.extend_from_slice(&micros.to_be_bytes());
            }
            Kind::Timestamp | Kind::TimestampTz => {
                let micros = self.plain.as_primitive::<TimestampMicrosecondType>().value(row);
                out.extend_from_slice(&micros.saturating_sub(MICROS).to_be_bytes());
            }
            Kind::Bytes => out.extend_from_slice(self.plain.as_binary::<i32>().value(row)),
            Kind::Numeric => return binary::numeric(&self.text(row), out),
            Kind::Text => return false,
        }
        true
    }
}

/// The one type of Arrow that a kind is read from.
fn plain(kind: Kind) -> Option<DataType> {
    Some(match kind {
        Kind::Bool => DataType::Boolean,
        Kind::Int2 => DataType::Int16,
        Kind::Int4 => DataType::Int32,
        Kind::Int8 => DataType::Int64,
        Kind::Float4 => DataType::Float32,
        Kind::Float8 => DataType::Float64,
        Kind::Bytes => DataType::Binary,
        Kind::Date => DataType::Date32,
        Kind::Time => DataType::Time64(TimeUnit::Microsecond),
        Kind::Timestamp => DataType::Timestamp(TimeUnit::Microsecond, None),
        Kind::TimestampTz => DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into())),
        Kind::Numeric | Kind::Text => return None,
    })
}
