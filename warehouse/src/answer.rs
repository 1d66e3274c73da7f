//! What a query gave, and its forms for the outside.

use arrow::array::{Array, ArrayRef, AsArray, RecordBatch};
use arrow::compute::cast;
use arrow::datatypes::{DataType, Field, Schema, SchemaRef, TimeUnit, TimestampMicrosecondType};
use arrow::error::ArrowError;
use arrow::ipc::writer::StreamWriter;
use arrow::util::display::{ArrayFormatter, FormatOptions};
use std::fmt::Write;
use std::sync::Arc;
use terms::Timestamp;

/// The rows of a query.
#[derive(Clone, Debug)]
pub struct Answer {
    /// Names and types of the columns. Text is always Utf8.
    pub schema: SchemaRef,
    /// The rows.
    pub batches: Vec<RecordBatch>,
    /// There were more rows than `rows_max`.
    pub truncated: bool,
    /// Files whose rows are not in it, because they are not what was written.
    pub left_out: Vec<String>,
}

impl Answer {
    /// How many rows.
    pub fn rows(&self) -> usize {
        self.batches.iter().map(RecordBatch::num_rows).sum()
    }

    /// Rows as a JSON array of objects, `[{"agent_id":"7","talk_ms":1200}, …]`, with the columns in
    /// the order of the query. Whole-number columns whose name ends in `_id` are strings, times are
    /// RFC 3339 in UTC.
    pub fn to_json(&self) -> String {
        let mut out = String::from("[");
        for batch in &self.batches {
            let columns: Vec<JsonColumn> = self.json_columns(batch);
            for row in 0..batch.num_rows() {
                out.push_str(if out.len() == 1 { "{" } else { ",{" });
                for (at, column) in columns.iter().enumerate() {
                    if at > 0 {
                        out.push(',');
                    }
                    out.push_str(&column.key);
                    column.write(row, &mut out);
                }
                out.push('}');
            }
        }
        out.push(']');
        out
    }

    /// Comma-separated text with a header line, RFC 4180. A cell that a spreadsheet would take for
    /// a formula begins with `'`.
    pub fn to_csv(&self) -> String {
        let mut out = String::new();
        let names = self.schema.fields().iter().map(|field| field.name().as_str());
        csv_line(&mut out, names.map(|name| (name, true)));
        for batch in &self.batches {
            let columns: Vec<CellColumn> = batch.columns().iter().map(CellColumn::new).collect();
            for row in 0..batch.num_rows() {
                let cells: Vec<(String, bool)> =
                    columns.iter().map(|column| (column.text(row), column.is_text)).collect();
                csv_line(&mut out, cells.iter().map(|(cell, text)| (cell.as_str(), *text)));
            }
        }
        out
    }

    /// An Arrow IPC stream.
    pub fn to_ipc(&self) -> Vec<u8> {
        let write = || -> Result<Vec<u8>, ArrowError> {
            let mut writer = StreamWriter::try_new(Vec::new(), &self.schema)?;
            for batch in &self.batches {
                writer.write(batch)?;
            }
            writer.into_inner()
        };
        write().expect("the batches have the answer's schema, and memory takes every byte")
    }

    fn json_columns<'a>(&self, batch: &'a RecordBatch) -> Vec<JsonColumn<'a>> {
        let fields = self.schema.fields().iter();
        fields.zip(batch.columns()).map(|(field, array)| JsonColumn::new(field, array)).collect()
    }
}

/// A column that can be read cell by cell as text.
struct CellColumn<'a> {
    array: &'a ArrayRef,
    /// Times in UTC, which have a form of their own.
    times: Option<ArrayRef>,
    formatter: ArrayFormatter<'a>,
    /// Text may be taken for a formula; a negative number may not.
    is_text: bool,
}

impl<'a> CellColumn<'a> {
    fn new(array: &'a ArrayRef) -> Self {
        const OPTIONS: FormatOptions<'static> = FormatOptions::new();
        let kind = array.data_type();
        let zoned = matches!(kind, DataType::Timestamp(_, Some(_)));
        let utc = DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into()));
        let is_text = !(kind.is_numeric() || kind.is_temporal() || kind == &DataType::Boolean);
        CellColumn {
            array,
            times: zoned.then(|| cast(array, &utc).expect("a time is a time in every zone")),
            formatter: ArrayFormatter::try_new(array, &OPTIONS)
                .expect("every type of an answer can be shown"),
            is_text,
        }
    }

    /// The cell; empty for NULL.
    fn text(&self, row: usize) -> String {
        if self.array.is_null(row) {
            return String::new();
        }
        match &self.times {
            Some(times) => {
                Timestamp(times.as_primitive::<TimestampMicrosecondType>().value(row)).to_string()
            }
            None => self.formatter.value(row).to_string(),
        }
    }
}

struct JsonColumn<'a> {
    cells: CellColumn<'a>,
    /// The name as a JSON string with its colon.
    key: String,
    form: JsonForm,
}

enum JsonForm {
    /// As it is shown.
    Bare,
    /// As it is shown, or null when it is no number of JSON.
    Float,
    /// A string.
    Quoted,
}

impl<'a> JsonColumn<'a> {
    fn new(field: &Field, array: &'a ArrayRef) -> Self {
        let kind = array.data_type();
        let form = match kind {
            DataType::Int64 | DataType::UInt64 if field.name().ends_with("_id") => JsonForm::Quoted,
            DataType::Float16 | DataType::Float32 | DataType::Float64 => JsonForm::Float,
            DataType::Boolean => JsonForm::Bare,
            kind if kind.is_numeric() => JsonForm::Bare,
            _ => JsonForm::Quoted,
        };
        let key = format!("{}:", quoted(field.name()));
        JsonColumn { cells: CellColumn::new(array), key, form }
    }

    fn write(&self, row: usize, out: &mut String) {
        if self.cells.array.is_null(row) || self.cells.array.data_type() == &DataType::Null {
            out.push_str("null");
            return;
        }
        let text = self.cells.text(row);
        match self.form {
            JsonForm::Bare => out.push_str(&text),
            JsonForm::Float => match text.parse::<f64>() {
                Ok(number) if number.is_finite() => {
                    write!(out, "{}", serde_json::json!(number)).expect("memory takes every byte");
                }
                _ => out.push_str("null"),
            },
            JsonForm::Quoted => out.push_str(&quoted(&text)),
        }
    }
}

fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

/// A spreadsheet takes text with these beginnings for a formula, behind blanks and control
/// characters too (CWE-1236); the wide forms are those of Chinese and Japanese keyboards.
pub fn is_formula(text: &str) -> bool {
    let shown = text.trim_start_matches(|c: char| c.is_whitespace() || c.is_control());
    text.starts_with(char::is_control)
        || shown.starts_with(['=', '+', '-', '@', '＝', '＋', '－', '＠'])
}

/// One line. `true` marks text that a caller may have sent.
fn csv_line<'a>(out: &mut String, cells: impl Iterator<Item = (&'a str, bool)>) {
    for (at, (cell, is_text)) in cells.enumerate() {
        if at > 0 {
            out.push(',');
        }
        let cell = if is_text && is_formula(cell) { format!("'{cell}") } else { cell.to_owned() };
        if cell.contains([',', '"', '\n', '\r']) {
            write!(out, "\"{}\"", cell.replace('"', "\"\"")).expect("memory takes every byte");
        } else {
            out.push_str(&cell);
        }
    }
    out.push_str("\r\n");
}

/// One type of text for everybody who reads an answer.
pub(crate) mod plain_text {
    use super::*;

    /// The schema with every kind of text as Utf8.
    pub fn schema(schema: &Schema) -> SchemaRef {
        let field = |field: &Arc<Field>| {
            Field::new(field.name(), kind(field.data_type()), field.is_nullable())
        };
        Arc::new(Schema::new(schema.fields().iter().map(field).collect::<Vec<_>>()))
    }

    /// The batch with the columns of `schema`.
    pub fn batch(schema: &SchemaRef, batch: &RecordBatch) -> Result<RecordBatch, ArrowError> {
        let columns = batch.columns().iter().zip(schema.fields());
        let columns = columns.map(|(column, field)| cast(column, field.data_type()));
        let options =
            arrow::array::RecordBatchOptions::new().with_row_count(Some(batch.num_rows()));
        let columns = columns.collect::<Result<_, _>>()?;
        RecordBatch::try_new_with_options(Arc::clone(schema), columns, &options)
    }

    fn kind(kind: &DataType) -> DataType {
        match kind {
            DataType::Utf8View | DataType::LargeUtf8 => DataType::Utf8,
            DataType::Dictionary(_, value) => self::kind(value),
            other => other.clone(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use arrow::array::{Float64Array, Int64Array, StringArray, TimestampMillisecondArray};

    fn answer() -> Answer {
        let times = TimestampMillisecondArray::from(vec![1_700_000_000_123, 0]);
        let columns: Vec<(&str, ArrayRef)> = vec![
            ("call_id", Arc::new(Int64Array::from(vec![9_007_199_254_740_993, 2]))),
            ("n", Arc::new(Int64Array::from(vec![Some(-5), None]))),
            ("caller", Arc::new(StringArray::from(vec!["=cmd|' /C calc'!A0", "a \"b\", c"]))),
            ("share", Arc::new(Float64Array::from(vec![f64::NAN, 0.5]))),
            ("at", Arc::new(times.with_timezone("+08:00"))),
        ];
        let batch = RecordBatch::try_from_iter(columns).unwrap();
        Answer {
            schema: batch.schema(),
            batches: vec![batch],
            truncated: false,
            left_out: Vec::new(),
        }
    }

    #[test]
    fn json_keeps_ids_exact_and_columns_in_order() {
        assert_eq!(
            answer().to_json(),
            concat!(
                r#"[{"call_id":"9007199254740993","n":-5,"caller":"=cmd|' /C calc'!A0","#,
                r#""share":null,"at":"2023-11-14T22:13:20.123Z"},"#,
                r#"{"call_id":"2","n":null,"caller":"a \"b\", c","share":0.5,"#,
                r#""at":"1970-01-01T00:00:00.000Z"}]"#
            )
        );
    }

    #[test]
    fn a_formula_in_a_csv_is_text_and_a_negative_number_a_number() {
        assert_eq!(
            answer().to_csv(),
            "call_id,n,caller,share,at\r\n\
             9007199254740993,-5,'=cmd|' /C calc'!A0,NaN,2023-11-14T22:13:20.123Z\r\n\
             2,,\"a \"\"b\"\", c\",0.5,1970-01-01T00:00:00.000Z\r\n"
        );
    }

    #[test]
    fn every_beginning_of_a_formula_is_seen() {
        let starts =
            ["=", "+", "-", "@", "＝", "＋", "－", "＠", "\t=", "\r=", "\n=", "\0=", " =", "\t"];
        for start in starts {
            let mut line = String::new();
            csv_line(&mut line, [(format!("{start}1+1").as_str(), true)].into_iter());
            let text = line.trim_start_matches('"');
            assert!(text.starts_with('\''), "{start:?} became {line:?}");
        }
        for plain in ["王芳", "a=b", "1-2", "", " a"] {
            assert!(!is_formula(plain), "{plain:?}");
        }
    }

    #[test]
    fn an_ipc_stream_reads_back() {
        let bytes = answer().to_ipc();
        let reader = arrow::ipc::reader::StreamReader::try_new(bytes.as_slice(), None).unwrap();
        let batches: Vec<RecordBatch> = reader.map(Result::unwrap).collect();
        assert_eq!(batches, answer().batches);
    }
}
