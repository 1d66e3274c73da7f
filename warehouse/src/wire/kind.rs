//! The types that clients of PostgreSQL hear of.

use arrow::datatypes::DataType;
use serde::{Deserialize, Serialize};

/// A type.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Kind {
    /// `boolean`.
    Bool,
    /// `smallint`.
    Int2,
    /// `integer`.
    Int4,
    /// `bigint`.
    Int8,
    /// `real`.
    Float4,
    /// `double precision`.
    Float8,
    /// `numeric`.
    Numeric,
    /// `text`.
    Text,
    /// `bytea`.
    Bytes,
    /// `date`.
    Date,
    /// `time`.
    Time,
    /// `timestamp`.
    Timestamp,
    /// `timestamp with time zone`.
    TimestampTz,
}

impl Kind {
    /// All of them.
    pub const ALL: [Kind; 13] = [
        Kind::Bool,
        Kind::Int2,
        Kind::Int4,
        Kind::Int8,
        Kind::Float4,
        Kind::Float8,
        Kind::Numeric,
        Kind::Text,
        Kind::Bytes,
        Kind::Date,
        Kind::Time,
        Kind::Timestamp,
        Kind::TimestampTz,
    ];

    /// Of a column. What PostgreSQL has no type for is text.
    pub fn of(data: &DataType) -> Self {
        match data {
            DataType::Boolean => Kind::Bool,
            DataType::Int8 | DataType::Int16 | DataType::UInt8 => Kind::Int2,
            DataType::Int32 | DataType::UInt16 => Kind::Int4,
            DataType::Int64 | DataType::UInt32 => Kind::Int8,
            DataType::Float16 | DataType::Float32 => Kind::Float4,
            DataType::Float64 => Kind::Float8,
            DataType::UInt64
            | DataType::Decimal32(..)
            | DataType::Decimal64(..)
            | DataType::Decimal128(..)
            | DataType::Decimal256(..) => Kind::Numeric,
            DataType::Binary | DataType::LargeBinary | DataType::BinaryView => Kind::Bytes,
            DataType::Date32 | DataType::Date64 => Kind::Date,
            DataType::Time32(_) | DataType::Time64(_) => Kind::Time,
            DataType::Timestamp(_, None) => Kind::Timestamp,
            DataType::Timestamp(_, Some(_)) => Kind::TimestampTz,
            _ => Kind::Text,
        }
    }

    /// Its number in `pg_type`.
    pub const fn oid(self) -> u32 {
        match self {
            Kind::Bool => 16,
            Kind::Bytes => 17,
            Kind::Int8 => 20,
            Kind::Int2 => 21,
            Kind::Int4 => 23,
            Kind::Text => 25,
            Kind::Float4 => 700,
            Kind::Float8 => 701,
            Kind::Date => 1082,
            Kind::Time => 1083,
            Kind::Timestamp => 1114,
            Kind::TimestampTz => 1184,
            Kind::Numeric => 1700,
        }
    }

    /// The type of a number in `pg_type`, those that are text for us included (`varchar`, `name`,
    /// `bpchar`, `char`) and `oid` as a number.
    pub fn from_oid(oid: u32) -> Option<Self> {
        match oid {
            18 | 19 | 1042 | 1043 => Some(Kind::Text),
            26 => Some(Kind::Int8),
            _ => Kind::ALL.into_iter().find(|kind| kind.oid() == oid),
        }
    }

    /// Bytes of a cell in binary; -1 where they differ.
    pub const fn size(self) -> i16 {
        match self {
            Kind::Bool => 1,
            Kind::Int2 => 2,
            Kind::Int4 | Kind::Float4 | Kind::Date => 4,
            Kind::Int8 | Kind::Float8 | Kind::Time | Kind::Timestamp | Kind::TimestampTz => 8,
            Kind::Numeric | Kind::Text | Kind::Bytes => -1,
        }
    }

    /// Its name in `pg_type`.
    pub const fn short_name(self) -> &'static str {
        match self {
            Kind::Bool => "bool",
            Kind::Int2 => "int2",
            Kind::Int4 => "int4",
            Kind::Int8 => "int8",
            Kind::Float4 => "float4",
            Kind::Float8 => "float8",
            Kind::Numeric => "numeric",
            Kind::Text => "text",
            Kind::Bytes => "bytea",
            Kind::Date => "date",
            Kind::Time => "time",
            Kind::Timestamp => "timestamp",
            Kind::TimestampTz => "timestamptz",
        }
    }

    /// Its name in SQL.
    pub const fn name(self) -> &'static str {
        match self {
            Kind::Bool => "boolean",
            Kind::Int2 => "smallint",
            Kind::Int4 => "integer",
            Kind::Int8 => "bigint",
            Kind::Float4 => "real",
            Kind::Float8 => "double precision",
            Kind::Numeric => "numeric",
            Kind::Text => "text",
            Kind::Bytes => "bytea",
            Kind::Date => "date",
            Kind::Time => "time without time zone",
            Kind::Timestamp => "timestamp without time zone",
            Kind::TimestampTz => "timestamp with time zone",
        }
    }

    /// `pg_type.typcategory`.
    pub const fn category(self) -> &'static str {
        match self {
            Kind::Bool => "B",
            Kind::Text => "S",
            Kind::Bytes => "U",
            Kind::Date | Kind::Time | Kind::Timestamp | Kind::TimestampTz => "D",
            Kind::Int2 | Kind::Int4 | Kind::Int8 => "N",
            Kind::Float4 | Kind::Float8 | Kind::Numeric => "N",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_type_is_found_by_its_number() {
        for kind in Kind::ALL {
            assert_eq!(Kind::from_oid(kind.oid()), Some(kind));
        }
        assert_eq!(Kind::from_oid(1043), Some(Kind::Text), "varchar");
        assert_eq!(Kind::from_oid(0), None);
    }
}
