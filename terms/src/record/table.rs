//! What every table says of its rows.

use super::{Column, Value};
use crate::id::TenantId;
use crate::time::Timestamp;
use serde::{Deserialize, Serialize};

/// A row of one table.
pub trait Record: Serialize + for<'de> Deserialize<'de> {
    /// The table's name in SQL.
    const TABLE: &'static str;
    /// Version of the columns; grows by adding columns at the end only.
    const VERSION: u16;
    /// What the table is.
    const DOC: &'static str;
    /// The columns in order.
    fn columns() -> Vec<Column>;
    /// The cells in the same order.
    fn values(&self) -> Vec<Value>;
    /// Whose row it is.
    fn tenant(&self) -> TenantId;
    /// Which row it is: unique in the table.
    fn id(&self) -> u64;
    /// Start of the contact (or of the span, or creation of the order): its UTC day is the
    /// row's partition.
    fn day_of(&self) -> Timestamp;
}
