//! Tables as Arrow schemas, and rows as batches. The columns come from [`terms::record::tables`];
//! types are those that every Parquet reader knows.

use arrow::array::{
    ArrayRef, BooleanBuilder, Float64Builder, Int32Builder, Int64Builder, RecordBatch,
    StringBuilder, TimestampMicrosecondBuilder, new_null_array,
};
use arrow::compute::{SortColumn, SortOptions, lexsort_to_indices, take_record_batch};
use arrow::datatypes::{DataType, Field, Schema, SchemaRef, TimeUnit};
use arrow::error::ArrowError;
use std::collections::BTreeMap;
use std::sync::{Arc, LazyLock};
use terms::record::{Column, ColumnType, Row, Table, Value, tables};

/// A table of the house with its Arrow schema.
#[derive(Debug)]
pub struct Layout {
    /// As declared.
    pub table: Table,
    /// Its columns for Arrow.
    pub schema: SchemaRef,
    /// Which column is the row's time: its UTC day is the partition.
    pub day: usize,
    /// Which column names the row.
    pub id: usize,
}

/// All tables by name.
pub fn layouts() -> &'static BTreeMap<&'static str, Arc<Layout>> {
    static LAYOUTS: LazyLock<BTreeMap<&'static str, Arc<Layout>>> = LazyLock::new(|| {
        tables().into_iter().map(|table| (table.name, Arc::new(layout(table)))).collect()
    });
    &LAYOUTS
}

/// The layout of a table that exists.
pub fn layout_of(table: &str) -> &'static Arc<Layout> {
    layouts().get(table).expect("a row's table is one of the declared ones")
}

fn layout(table: Table) -> Layout {
    let (id, day) = key_columns(table.name);
    let at = |name: &str| {
        let found = table.columns.iter().position(|column| column.name == name);
        found.expect("every table has the columns that its kind of row has")
    };
    let (id, day) = (at(id), at(day));
    layout_with(table, id, day)
}

/// The layout of a table that is named and placed by the columns `id` and `day`.
pub fn layout_with(table: Table, id: usize, day: usize) -> Layout {
    let schema = Arc::new(Schema::new(table.columns.iter().map(field).collect::<Vec<_>>()));
    Layout { schema, day, id, table }
}

/// The columns that name a row and place it in a day, as `terms::record` declares them.
fn key_columns(table: &str) -> (&'static str, &'static str) {
    match table {
        "events" => ("seq", "at"),
        "calls" => ("call_id", "started_at"),
        "legs" => ("leg_id", "call_started_at"),
        "queue_visits" => ("visit_id", "call_started_at"),
        "agent_spans" => ("span_id", "started_at"),
        "area_tries" | "consents" | "ivr_steps" => ("seq", "call_started_at"),
        "surveys" => ("survey_id", "call_started_at"),
        "quality" => ("leg_id", "call_started_at"),
        "recordings" | "recording_deletions" => ("recording_id", "call_started_at"),
        "faxes" => ("fax_id", "call_started_at"),
        "orders" => ("version_id", "created_at"),
        "order_steps" => ("version_id", "done_at"),
        "items" => ("item_id", "done_at"),
        "shifts" => ("version_id", "starts_at"),
        "return_visits" => ("version_id", "planned_at"),
        "emergencies" => ("version_id", "changed_at"),
        "audit" => ("audit_id", "done_at"),
        "team_members" => ("version_id", "since"),
        other => panic!("table {other} needs its key columns named here"),
    }
}

fn field(column: &Column) -> Field {
    let kind = match column.kind {
        ColumnType::Int64 => DataType::Int64,
        ColumnType::Int32 => DataType::Int32,
        ColumnType::Float64 => DataType::Float64,
        ColumnType::Text => DataType::Utf8,
        ColumnType::Bool => DataType::Boolean,
        ColumnType::Time => DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into())),
    };
    Field::new(column.name, kind, column.nullable)
}

/// Rows of one table as a batch.
pub fn batch(layout: &Layout, rows: &[Row]) -> Result<RecordBatch, ArrowError> {
    let columns = &layout.table.columns;
    let mut builders: Vec<Builder> = columns.iter().map(Builder::new).collect();
    for row in rows {
        debug_assert_eq!(row.table(), layout.table.name);
        for (builder, value) in builders.iter_mut().zip(row.values()) {
            builder.push(value);
        }
    }
    let arrays = builders.into_iter().map(Builder::finish).collect();
    RecordBatch::try_new(Arc::clone(&layout.schema), arrays)
}

/// Sorts by tenant, then time, then id: one tenant's rows lie together in every file.
pub fn sort(layout: &Layout, batch: &RecordBatch) -> Result<RecordBatch, ArrowError> {
    sort_by(&[0, layout.day, layout.id], batch)
}

/// Sorts by some columns; what is NULL comes last.
pub fn sort_by(columns: &[usize], batch: &RecordBatch) -> Result<RecordBatch, ArrowError> {
    let by = |column: &usize| SortColumn {
        values: Arc::clone(batch.column(*column)),
        options: Some(SortOptions { descending: false, nulls_first: false }),
    };
    let columns: Vec<SortColumn> = columns.iter().map(by).collect();
    let order = lexsort_to_indices(&columns, None)?;
    take_record_batch(batch, &order)
}

/// A batch of an older version of the table, with NULL in the columns that came later.
pub fn conform(layout: &Layout, batch: &RecordBatch) -> Result<RecordBatch, ArrowError> {
    let column = |field: &Arc<Field>| {
        let found = batch.column_by_name(field.name()).map(Arc::clone);
        found.unwrap_or_else(|| new_null_array(field.data_type(), batch.num_rows()))
    };
    let arrays = layout.schema.fields().iter().map(column).collect();
    RecordBatch::try_new(Arc::clone(&layout.schema), arrays)
}

enum Builder {
    Int64(Int64Builder),
    Int32(Int32Builder),
    Float64(Float64Builder),
    Text(StringBuilder),
    Bool(BooleanBuilder),
    Time(TimestampMicrosecondBuilder),
}

impl Builder {
    fn new(column: &Column) -> Self {
        match column.kind {
            ColumnType::Int64 => Builder::Int64(Int64Builder::new()),
            ColumnType::Int32 => Builder::Int32(Int32Builder::new()),
            ColumnType::Float64 => Builder::Float64(Float64Builder::new()),
            ColumnType::Text => Builder::Text(StringBuilder::new()),
            ColumnType::Bool => Builder::Bool(BooleanBuilder::new()),
            ColumnType::Time => Builder::Time(TimestampMicrosecondBuilder::new()),
        }
    }

    fn push(&mut self, value: Value) {
        match (self, value) {
            (Builder::Int64(to), Value::Int64(value)) => to.append_option(value),
            (Builder::Int32(to), Value::Int32(value)) => to.append_option(value),
            (Builder::Float64(to), Value::Float64(value)) => to.append_option(value),
            (Builder::Text(to), Value::Text(value)) => to.append_option(value),
            (Builder::Bool(to), Value::Bool(value)) => to.append_option(value),
            (Builder::Time(to), Value::Time(value)) => to.append_option(value.map(|at| at.0)),
            (_, value) => panic!("a column and its cells are declared in one line: {value:?}"),
        }
    }

    fn finish(self) -> ArrayRef {
        match self {
            Builder::Int64(mut made) => Arc::new(made.finish()),
            Builder::Int32(mut made) => Arc::new(made.finish()),
            Builder::Float64(mut made) => Arc::new(made.finish()),
            Builder::Text(mut made) => Arc::new(made.finish()),
            Builder::Bool(mut made) => Arc::new(made.finish()),
            Builder::Time(mut made) => Arc::new(made.finish().with_timezone("UTC")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use arrow::array::Array;

    #[test]
    fn every_table_has_a_layout_with_a_time_and_an_id() {
        for layout in layouts().values() {
            let name = |column: usize| layout.schema.field(column).data_type().clone();
            assert!(matches!(name(layout.day), DataType::Timestamp(..)), "{}", layout.table.name);
            assert_eq!(name(layout.id), DataType::Int64, "{}", layout.table.name);
            assert!(!layout.schema.field(layout.day).is_nullable());
        }
    }

    #[test]
    fn a_batch_without_a_later_column_gets_nulls() {
        let layout = layout_of("surveys");
        let empty = batch(layout, &[]).unwrap();
        let older = empty.project(&[0, 1, 2, 3, 4, 5, 6, 7, 8]).unwrap();
        assert_eq!(conform(layout, &older).unwrap().num_columns(), layout.schema.fields().len());
    }

    /// A row of `legs` as version 1 was staged.
    const LEG: &str = r#"{"table": "leg", "row": {"tenant_id": "1", "leg_id": "2", "call_id": "3",
        "contact_id": "4", "call_started_at": 5, "role": "outside", "agent_id": null,
        "queue_id": null, "address": "10086", "started_at": 5, "ringing_at": null,
        "answered_at": null, "ended_at": 6, "ring_ms": 0, "talk_ms": 0, "hold_ms": 0,
        "hangup_cause": 41, "hangup_by": "outside", "packets_received": 0, "packets_lost": 0,
        "jitter_us": 0, "mos": null}}"#;

    #[test]
    fn a_leg_of_before_its_trunk_and_its_call_were_told_is_read_without_them() {
        let row: Row = serde_json::from_str(LEG).unwrap();
        let layout = layout_of("legs");
        assert_eq!(layout.table.version, 3);
        let now = batch(layout, &[row]).unwrap();
        // A file of version 1 ends with the estimate of how it sounded, one of version 2 with the trunk.
        for last in ["mos", "trunk_id"] {
            let last = layout.schema.index_of(last).unwrap();
            let file = now.project(&(0..=last).collect::<Vec<_>>()).unwrap();
            let read = conform(layout, &file).unwrap();
            assert_eq!(read, now);
            for later in ["trunk_id", "call_direction", "call_queue_id"] {
                let column = read.column_by_name(later).expect("it came later");
                assert_eq!(column.null_count(), 1, "{later}");
            }
        }
    }

    /// A row of `quality` as version 1 was staged.
    const MEASURED: &str = r#"{"table": "quality", "row": {"tenant_id": "1", "leg_id": "2",
        "call_id": "3", "contact_id": "4", "call_started_at": 5, "role": "customer",
        "agent_id": null, "trunk_id": null, "codec": "PCMA", "packets_received": 500,
        "packets_expected": 502, "packets_lost": 2, "packets_late": 0, "packets_duplicate": 0, "packets_reordered": 0,
        "packets_sent": 500, "concealed_ms": 0, "jitter_us": 900, "jitter_us_max": 950,
        "round_trip_us": null, "delay_ms": 80, "bursts": 0, "burst_packets": 0, "burst_lost": 0,
        "burst_ms": null, "r_factor": 87.5, "mos_cq": 4.25, "mos_lq": 4.31,
        "far_packets_lost": null, "far_jitter_us": null, "far_r_factor": null, "far_mos_cq": null,
        "far_mos_lq": null, "far_discarded": null, "ssrc_epochs": 1, "recorder_frames_lost": 7}}"#;

    #[test]
    fn a_leg_that_was_measured_before_faxes_were_counted_is_read_with_nulls_for_them() {
        let row: Row = serde_json::from_str(MEASURED).unwrap();
        let layout = layout_of("quality");
        assert_eq!(layout.table.version, 2);
        let now = batch(layout, &[row]).unwrap();
        // A file of version 1 ends with what the recorder lost.
        let last = layout.schema.index_of("recorder_frames_lost").unwrap();
        let file = now.project(&(0..=last).collect::<Vec<_>>()).unwrap();
        let read = conform(layout, &file).unwrap();
        assert_eq!(read, now);
        let nulls = |name: &str| read.column_by_name(name).map(|column| column.null_count());
        for name in ["fax_received", "fax_sent", "fax_missing", "fax_dropped"] {
            assert_eq!(nulls(name), Some(1), "{name}");
        }
        assert_eq!(nulls("recorder_frames_lost"), Some(0));
    }
}
