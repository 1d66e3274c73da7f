//! The tables in which PostgreSQL describes itself, as far as clients read them: `pg_catalog` and
//! `information_schema` over the declaration of the warehouse. No row of a tenant is in them.

mod columns;
mod rows;

use arrow::array::{
    ArrayRef, BooleanArray, Float32Array, Int16Array, Int32Array, Int64Array, RecordBatch,
    StringArray,
};
use arrow::datatypes::{DataType, Field, Schema};
use columns::TABLES;
use datafusion::catalog::{MemTable, TableProvider};
use datafusion::common::DataFusionError;
use std::collections::BTreeMap;
use std::sync::Arc;

/// The number of our first table: PostgreSQL keeps those below for itself.
const FIRST_OID: i64 = 16_384;

/// A table.
pub struct Made {
    /// Its name without the schema.
    pub name: &'static str,
    /// Nothing is ever in it.
    pub is_empty: bool,
    /// Its rows.
    pub provider: Arc<dyn TableProvider>,
}

/// A cell of a row; what a row does not name is the zero of its type, or NULL.
#[derive(Clone, Debug)]
enum Cell {
    Int(i64),
    Text(String),
    Bool(bool),
}

type Row = BTreeMap<&'static str, Cell>;

/// Our tables with their numbers.
pub fn numbered(tables: &BTreeMap<String, Vec<String>>) -> Vec<(i64, String)> {
    (FIRST_OID..).zip(tables.keys().cloned()).collect()
}

/// All tables by schema.
pub fn make(
    tables: &BTreeMap<String, Vec<String>>,
    user: &str,
) -> Result<Vec<(&'static str, Vec<Made>)>, DataFusionError> {
    let mut filled = rows::all(&numbered(tables), user);
    let mut schemas: BTreeMap<&'static str, Vec<Made>> = BTreeMap::new();
    for &(full, columns) in TABLES {
        let (schema, name) = full.split_once('.').unwrap_or(("pg_catalog", full));
        let rows = filled.remove(full);
        let is_empty = rows.is_none();
        let batch = batch(columns, &rows.unwrap_or_default())?;
        let provider: Arc<dyn TableProvider> =
            Arc::new(MemTable::try_new(batch.schema(), vec![vec![batch]])?);
        schemas.entry(schema).or_default().push(Made { name, is_empty, provider });
    }
    debug_assert!(filled.is_empty(), "rows without a table: {:?}", filled.keys());
    Ok(schemas.into_iter().collect())
}

/// The rows of a table whose columns are written `name:type`, one after the other.
fn batch(columns: &'static str, rows: &[Row]) -> Result<RecordBatch, DataFusionError> {
    let (mut fields, mut arrays) = (Vec::new(), Vec::new());
    for column in columns.split_whitespace() {
        let (name, kind) = column.split_once(':').unwrap_or((column, "text"));
        let array = array(kind, name, rows);
        fields.push(Field::new(name, array.data_type().clone(), true));
        arrays.push(array);
    }
    Ok(RecordBatch::try_new(Arc::new(Schema::new(fields)), arrays)?)
}

fn array(kind: &str, name: &str, rows: &[Row]) -> ArrayRef {
    let ints = || rows.iter().map(move |row| int(row, name));
    match kind {
        "oid" | "int8" => Arc::new(ints().map(|n| Some(n.unwrap_or(0))).collect::<Int64Array>()),
        "int4" => Arc::new(ints().map(|n| Some(small(n.unwrap_or(0)))).collect::<Int32Array>()),
        "int4?" => Arc::new(ints().map(|n| n.map(small)).collect::<Int32Array>()),
        "int2" => Arc::new(
            ints()
                .map(|n| Some(i16::try_from(n.unwrap_or(0)).unwrap_or(i16::MAX)))
                .collect::<Int16Array>(),
        ),
        "float4" => Arc::new(rows.iter().map(|_| Some(-1.0_f32)).collect::<Float32Array>()),
        "bool" => Arc::new(rows.iter().map(|row| Some(truth(row, name))).collect::<BooleanArray>()),
        "char" | "name" => Arc::new(
            rows.iter()
                .map(|row| Some(text(row, name).unwrap_or_default()))
                .collect::<StringArray>(),
        ),
        _ => {
            debug_assert_eq!(kind, "text", "the type of {name}");
            Arc::new(rows.iter().map(|row| text(row, name)).collect::<StringArray>())
        }
    }
}

fn small(number: i64) -> i32 {
    i32::try_from(number).unwrap_or(i32::MAX)
}

fn int(row: &Row, name: &str) -> Option<i64> {
    match row.get(name) {
        Some(Cell::Int(number)) => Some(*number),
        _ => None,
    }
}

fn text<'a>(row: &'a Row, name: &str) -> Option<&'a str> {
    match row.get(name) {
        Some(Cell::Text(text)) => Some(text),
        _ => None,
    }
}

fn truth(row: &Row, name: &str) -> bool {
    matches!(row.get(name), Some(Cell::Bool(true)))
}

/// The type of a column of the warehouse.
fn kind_of(data: &DataType) -> crate::wire::Kind {
    crate::wire::Kind::of(data)
}
