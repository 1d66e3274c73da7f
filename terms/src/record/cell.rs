//! Columns and cells: which Rust types fit which columns.

use crate::id::*;
use crate::time::Timestamp;

/// What a column holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ColumnType {
    /// 64-bit signed.
    Int64,
    /// 32-bit signed.
    Int32,
    /// 64-bit floating point.
    Float64,
    /// UTF-8.
    Text,
    /// True or false.
    Bool,
    /// Microseconds UTC.
    Time,
}

/// A column of a table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Column {
    /// Its name in SQL.
    pub name: &'static str,
    /// What it holds.
    pub kind: ColumnType,
    /// May be NULL.
    pub nullable: bool,
    /// What it means.
    pub doc: &'static str,
}

/// One cell; `None` is NULL.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    /// [`ColumnType::Int64`]
    Int64(Option<i64>),
    /// [`ColumnType::Int32`]
    Int32(Option<i32>),
    /// [`ColumnType::Float64`]
    Float64(Option<f64>),
    /// [`ColumnType::Text`]
    Text(Option<String>),
    /// [`ColumnType::Bool`]
    Bool(Option<bool>),
    /// [`ColumnType::Time`]
    Time(Option<Timestamp>),
}

/// A Rust type that fits a column.
pub trait Cell {
    /// Its column type.
    const KIND: ColumnType;
    /// True for `Option`.
    const NULLABLE: bool = false;
    /// The cell.
    fn value(&self) -> Value;
    /// NULL of this type.
    fn null() -> Value;
}

macro_rules! cells {
    ($($type:ty => $kind:ident, |$v:ident| $value:expr;)+) => {$(
        impl Cell for $type {
            const KIND: ColumnType = ColumnType::$kind;
            fn value(&self) -> Value { let $v = self; Value::$kind(Some($value)) }
            fn null() -> Value { Value::$kind(None) }
        }
    )+};
}

cells! {
    i64 => Int64, |v| *v;
    i32 => Int32, |v| *v;
    f64 => Float64, |v| *v;
    bool => Bool, |v| *v;
    String => Text, |v| v.clone();
    Timestamp => Time, |v| *v;
    TenantId => Int64, |v| v.0 as i64;
    ContactId => Int64, |v| v.0 as i64;
    CallId => Int64, |v| v.0 as i64;
    LegId => Int64, |v| v.0 as i64;
    RecordingId => Int64, |v| v.0 as i64;
    VisitId => Int64, |v| v.0 as i64;
    QueueId => Int64, |v| v.0 as i64;
    AgentId => Int64, |v| v.0 as i64;
    FlowId => Int64, |v| v.0 as i64;
    TrunkId => Int64, |v| v.0 as i64;
    TeamId => Int64, |v| v.0 as i64;
    UserId => Int64, |v| v.0 as i64;
    OrderId => Int64, |v| v.0 as i64;
    CustomerId => Int64, |v| v.0 as i64;
    SurveyId => Int64, |v| v.0 as i64;
    SpanId => Int64, |v| v.0 as i64;
    ConferenceId => Int64, |v| v.0 as i64;
    MeetingId => Int64, |v| v.0 as i64;
    FaxId => Int64, |v| v.0 as i64;
    AreaId => Int64, |v| v.0 as i64;
    WorkerId => Int64, |v| v.0 as i64;
    SkillSetId => Int64, |v| v.0 as i64;
    ItemId => Int64, |v| v.0 as i64;
}

impl<T: Cell> Cell for Option<T> {
    const KIND: ColumnType = T::KIND;
    const NULLABLE: bool = true;
    fn value(&self) -> Value {
        self.as_ref().map_or_else(T::null, Cell::value)
    }
    fn null() -> Value {
        T::null()
    }
}
