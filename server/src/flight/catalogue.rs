//! What there is, for clients that ask at their start: one catalogue, one schema, the tables with
//! their columns, what the door can and which types there are. All of it is declared; none of it is a
//! tenant's.

use super::status::{broken, broken_arrow};
use arrow::array::RecordBatch;
use arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use arrow_flight::error::FlightError;
use arrow_flight::sql::metadata::{
    SqlInfoData, SqlInfoDataBuilder, XdbcTypeInfo, XdbcTypeInfoData, XdbcTypeInfoDataBuilder,
};
use arrow_flight::sql::{
    CommandGetCatalogs, CommandGetDbSchemas, CommandGetSqlInfo, CommandGetTableTypes,
    CommandGetTables, CommandGetXdbcTypeInfo, Nullable, Searchable, SqlInfo,
    SqlSupportedCaseSensitivity, SqlSupportedTransaction, XdbcDataType,
};
use std::sync::{Arc, LazyLock};
use tonic::Status;
use warehouse::query::postgres::DATABASE;
use warehouse::query::{ORDERS_LATEST, counts};
use warehouse::schema::{layout_of, layouts};
use warehouse::wire::Kind;

/// The one schema.
const SCHEMA: &str = "public";
const TABLE: &str = "TABLE";
const VIEW: &str = "VIEW";

type Told = Result<RecordBatch, Status>;

fn told(made: Result<RecordBatch, FlightError>) -> Told {
    made.map_err(|error| broken(&error))
}

/// `CommandGetCatalogs`.
pub fn catalogs(asked: CommandGetCatalogs) -> Told {
    let mut builder = asked.into_builder();
    builder.append(DATABASE);
    told(builder.build())
}

/// `CommandGetDbSchemas`.
pub fn schemas(asked: CommandGetDbSchemas) -> Told {
    let mut builder = asked.into_builder();
    builder.append(DATABASE, SCHEMA);
    told(builder.build())
}

/// `CommandGetTables`.
pub fn tables(asked: CommandGetTables) -> Told {
    let mut builder = asked.into_builder();
    for (name, kind, schema) in declared() {
        let added = builder.append(DATABASE, SCHEMA, name, kind, &schema);
        added.map_err(|error| broken(&error))?;
    }
    told(builder.build())
}

/// Every table with its kind and its columns.
fn declared() -> impl Iterator<Item = (&'static str, &'static str, SchemaRef)> {
    let rows = layouts().iter().map(|(name, layout)| (*name, TABLE, layout.schema.clone()));
    let sums = counts().map(|(name, layout)| (name, VIEW, layout.schema.clone()));
    let latest = (ORDERS_LATEST, VIEW, layout_of("orders").schema.clone());
    rows.chain(sums).chain([latest])
}

/// `CommandGetTableTypes`.
pub fn table_types(asked: CommandGetTableTypes) -> Told {
    let mut builder = asked.into_builder();
    builder.append(TABLE);
    builder.append(VIEW);
    told(builder.build())
}

/// `CommandGetSqlInfo`.
pub fn sql_info(asked: CommandGetSqlInfo) -> Told {
    static INFO: LazyLock<Result<SqlInfoData, FlightError>> = LazyLock::new(|| {
        let none = i32::from(SqlSupportedTransaction::None);
        let lower = i32::from(SqlSupportedCaseSensitivity::SqlCaseSensitivityLowercase);
        let kept = i32::from(SqlSupportedCaseSensitivity::SqlCaseSensitivityUnknown);
        let mut info = SqlInfoDataBuilder::new();
        info.append(SqlInfo::FlightSqlServerName, "Switchgrid");
        info.append(SqlInfo::FlightSqlServerVersion, env!("CARGO_PKG_VERSION"));
        info.append(SqlInfo::FlightSqlServerArrowVersion, arrow::ARROW_VERSION);
        info.append(SqlInfo::FlightSqlServerReadOnly, true);
        info.append(SqlInfo::FlightSqlServerSql, true);
        info.append(SqlInfo::FlightSqlServerSubstrait, false);
        info.append(SqlInfo::FlightSqlServerTransaction, none);
        info.append(SqlInfo::FlightSqlServerCancel, true);
        info.append(SqlInfo::FlightSqlServerBulkIngestion, false);
        info.append(SqlInfo::SqlDdlCatalog, false);
        info.append(SqlInfo::SqlDdlSchema, false);
        info.append(SqlInfo::SqlDdlTable, false);
        info.append(SqlInfo::SqlIdentifierCase, lower);
        info.append(SqlInfo::SqlIdentifierQuoteChar, "\"");
        info.append(SqlInfo::SqlQuotedIdentifierCase, kept);
        info.append(SqlInfo::SqlAllTablesAreSelectable, true);
        info.build()
    });
    match &*INFO {
        Ok(info) => told(asked.into_builder(info).build()),
        Err(error) => Err(broken(error)),
    }
}

/// `CommandGetXdbcTypeInfo`.
pub fn types(asked: CommandGetXdbcTypeInfo) -> Told {
    static TYPES: LazyLock<Result<XdbcTypeInfoData, FlightError>> = LazyLock::new(|| {
        let mut types = XdbcTypeInfoDataBuilder::new();
        Kind::ALL.into_iter().for_each(|kind| types.append(type_info(kind)));
        types.build()
    });
    match &*TYPES {
        Ok(types) => told(asked.into_builder(types).build()),
        Err(error) => Err(broken(error)),
    }
}

fn type_info(kind: Kind) -> XdbcTypeInfo {
    let is_text = kind == Kind::Text;
    let quote = matches!(kind.category(), "S" | "D").then(|| "'".to_owned());
    let number = kind.category() == "N";
    XdbcTypeInfo {
        type_name: kind.name().to_owned(),
        data_type: data_type(kind),
        column_size: u8::try_from(kind.size()).ok().map(i32::from),
        literal_prefix: quote.clone(),
        literal_suffix: quote,
        create_params: None,
        nullable: Nullable::NullabilityNullable,
        case_sensitive: is_text,
        searchable: if is_text { Searchable::Full } else { Searchable::Basic },
        unsigned_attribute: number.then_some(false),
        fixed_prec_scale: false,
        auto_increment: Some(false),
        local_type_name: Some(kind.short_name().to_owned()),
        minimum_scale: None,
        maximum_scale: None,
        sql_data_type: data_type(kind),
        datetime_subcode: None,
        num_prec_radix: number.then_some(10),
        interval_precision: None,
    }
}

fn data_type(kind: Kind) -> XdbcDataType {
    match kind {
        Kind::Bool => XdbcDataType::XdbcBit,
        Kind::Int2 => XdbcDataType::XdbcSmallint,
        Kind::Int4 => XdbcDataType::XdbcInteger,
        Kind::Int8 => XdbcDataType::XdbcBigint,
        Kind::Float4 => XdbcDataType::XdbcReal,
        Kind::Float8 => XdbcDataType::XdbcDouble,
        Kind::Numeric => XdbcDataType::XdbcNumeric,
        Kind::Text => XdbcDataType::XdbcVarchar,
        Kind::Bytes => XdbcDataType::XdbcVarbinary,
        Kind::Date => XdbcDataType::XdbcDate,
        Kind::Time => XdbcDataType::XdbcTime,
        Kind::Timestamp | Kind::TimestampTz => XdbcDataType::XdbcTimestamp,
    }
}

/// `CommandGetPrimaryKeys`: the warehouse declares none.
pub fn no_primary_keys() -> Told {
    empty(&[
        ("catalog_name", DataType::Utf8, true),
        ("db_schema_name", DataType::Utf8, true),
        ("table_name", DataType::Utf8, false),
        ("column_name", DataType::Utf8, false),
        ("key_sequence", DataType::Int32, false),
        ("key_name", DataType::Utf8, true),
    ])
}

/// `CommandGetExportedKeys`, `CommandGetImportedKeys` and `CommandGetCrossReference`: none either.
pub fn no_foreign_keys() -> Told {
    empty(&[
        ("pk_catalog_name", DataType::Utf8, true),
        ("pk_db_schema_name", DataType::Utf8, true),
        ("pk_table_name", DataType::Utf8, false),
        ("pk_column_name", DataType::Utf8, false),
        ("fk_catalog_name", DataType::Utf8, true),
        ("fk_db_schema_name", DataType::Utf8, true),
        ("fk_table_name", DataType::Utf8, false),
        ("fk_column_name", DataType::Utf8, false),
        ("key_sequence", DataType::Int32, false),
        ("fk_key_name", DataType::Utf8, true),
        ("pk_key_name", DataType::Utf8, true),
        ("update_rule", DataType::UInt8, false),
        ("delete_rule", DataType::UInt8, false),
    ])
}

fn empty(columns: &[(&str, DataType, bool)]) -> Told {
    let field = |(name, kind, nullable): &(&str, DataType, bool)| {
        Field::new(*name, kind.clone(), *nullable)
    };
    let schema = Schema::new(columns.iter().map(field).collect::<Vec<_>>());
    Ok(RecordBatch::new_empty(Arc::new(schema)))
}

/// A schema as Flight tells it.
pub fn as_message(schema: &Schema) -> Result<Vec<u8>, Status> {
    let info = arrow_flight::FlightInfo::new().try_with_schema(schema).map_err(broken_arrow)?;
    Ok(info.schema.to_vec())
}
