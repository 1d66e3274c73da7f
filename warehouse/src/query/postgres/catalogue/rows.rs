//! The rows of the tables in which PostgreSQL describes itself, from the declaration of ours.

use super::{Cell, Row, kind_of};
use crate::query::postgres::settings::{DATABASE, SETTINGS};
use crate::query::{ORDERS_LATEST, SCHEMA};
use crate::rollup;
use crate::schema::{Layout, layouts};
use crate::wire::Kind;
use std::collections::BTreeMap;

/// Numbers of the schemas, as PostgreSQL has them.
const NAMESPACES: [(i64, &str); 3] =
    [(11, "pg_catalog"), (NAMESPACE, SCHEMA), (13_000, "information_schema")];
/// Of our tables.
const NAMESPACE: i64 = 2_200;
/// Of the one user, who owns all.
const OWNER: i64 = 10;
/// Words that are names in quotes only (PostgreSQL 14, appendix C, those of a query).
const KEYWORDS: &str = "all and any array as asc between both case cast collate cross \
                        current_date current_timestamp current_user desc distinct else end except \
                        false fetch for from full group having ilike in inner intersect into is \
                        join lateral leading left like limit localtime localtimestamp natural not \
                        null offset on only or order outer right select session_user similar some \
                        symmetric table then to trailing true union unique user using when where \
                        window with";
/// Of the table of tables.
const PG_CLASS: i64 = 1_259;

fn int(number: i64) -> Cell {
    Cell::Int(number)
}

fn text(text: impl Into<String>) -> Cell {
    Cell::Text(text.into())
}

/// The rows of every table that has some, by its name with the schema.
pub fn all(tables: &[(i64, String)], user: &str) -> BTreeMap<&'static str, Vec<Row>> {
    let mut rows = BTreeMap::from([
        ("pg_catalog.pg_namespace", namespaces()),
        ("pg_catalog.pg_type", types()),
        ("pg_catalog.pg_database", vec![database()]),
        ("pg_catalog.pg_roles", vec![role(user)]),
        (
            "pg_catalog.pg_user",
            vec![Row::from([("usename", text(user)), ("usesysid", int(OWNER))])],
        ),
        ("pg_catalog.pg_settings", settings()),
        ("pg_catalog.pg_get_keywords", keywords()),
        ("information_schema.schemata", schemata(user)),
        ("information_schema.character_sets", vec![character_set()]),
    ]);
    for (oid, name) in tables {
        let Some(layout) = layout_of(name) else { continue };
        let mut add = |table: &'static str, row: Row| rows.entry(table).or_default().push(row);
        add("pg_catalog.pg_class", class(*oid, name, layout));
        add("information_schema.tables", listed(name));
        add("pg_catalog.pg_description", described(*oid, 0, layout.table.doc));
        if is_view(name) {
            let view = [("schemaname", text(SCHEMA)), ("viewname", text(name))];
            add("pg_catalog.pg_views", with_owner(view, "viewowner", user));
            let view = [("table_schema", text(SCHEMA)), ("table_name", text(name))];
            add("information_schema.views", with_owner(view, "table_catalog", DATABASE));
        } else {
            let table = [("schemaname", text(SCHEMA)), ("tablename", text(name))];
            add("pg_catalog.pg_tables", with_owner(table, "tableowner", user));
        }
        for (number, column) in (1_i64..).zip(&layout.table.columns) {
            let kind = kind_of(layout.schema.field(number as usize - 1).data_type());
            add("pg_catalog.pg_attribute", attribute(*oid, number, column, kind));
            add("pg_catalog.pg_description", described(*oid, number, column.doc));
            add("information_schema.columns", column_row(name, number, column, kind));
        }
    }
    rows
}

fn layout_of(table: &str) -> Option<&'static Layout> {
    if let Some(counts) = rollup::named(table) {
        return Some(counts.layout());
    }
    let table = if table == ORDERS_LATEST { "orders" } else { table };
    layouts().get(table).map(|layout| &**layout)
}

fn is_view(table: &str) -> bool {
    table == ORDERS_LATEST || rollup::named(table).is_some()
}

fn with_owner(row: [(&'static str, Cell); 2], column: &'static str, owner: &str) -> Row {
    let mut row = Row::from(row);
    row.insert(column, text(owner));
    row
}

fn namespaces() -> Vec<Row> {
    let row = |(oid, name): (i64, &str)| {
        Row::from([("oid", int(oid)), ("nspname", text(name)), ("nspowner", int(OWNER))])
    };
    NAMESPACES.map(row).to_vec()
}

fn schemata(user: &str) -> Vec<Row> {
    let row = |(_, name): (i64, &str)| {
        Row::from([
            ("catalog_name", text(DATABASE)),
            ("schema_name", text(name)),
            ("schema_owner", text(user)),
        ])
    };
    NAMESPACES.map(row).to_vec()
}

fn types() -> Vec<Row> {
    let known = Kind::ALL.map(|kind| (kind.oid(), kind.short_name(), kind.size(), kind.category()));
    let more = [(19, "name", 64, "S"), (26, "oid", 4, "N"), (1043, "varchar", -1, "S")];
    let row = |(oid, name, size, category): (u32, &str, i16, &str)| {
        Row::from([
            ("oid", int(i64::from(oid))),
            ("typname", text(name)),
            ("typnamespace", int(11)),
            ("typowner", int(OWNER)),
            ("typlen", int(i64::from(size))),
            ("typbyval", Cell::Bool(size > 0)),
            ("typtype", text("b")),
            ("typcategory", text(category)),
            ("typisdefined", Cell::Bool(true)),
            ("typdelim", text(",")),
            ("typtypmod", int(-1)),
            ("typinput", text(function(name, "in"))),
            ("typoutput", text(function(name, "out"))),
            ("typreceive", text(function(name, "recv"))),
            ("typsend", text(function(name, "send"))),
        ])
    };
    known.into_iter().chain(more).map(row).collect()
}

/// The function that reads or writes a type: drivers know types by them.
fn function(kind: &str, what: &str) -> String {
    let is_parted = matches!(kind, "date" | "time" | "timestamp" | "timestamptz" | "numeric");
    format!("{kind}{}{what}", if is_parted { "_" } else { "" })
}

fn character_set() -> Row {
    Row::from([
        ("character_set_name", text("UTF8")),
        ("character_repertoire", text("UCS")),
        ("form_of_use", text("UTF8")),
        ("default_collate_catalog", text(DATABASE)),
        ("default_collate_schema", text("pg_catalog")),
        ("default_collate_name", text("C")),
    ])
}

fn database() -> Row {
    Row::from([
        ("oid", int(5)),
        ("datname", text(DATABASE)),
        ("datdba", int(OWNER)),
        // UTF8.
        ("encoding", int(6)),
        ("datcollate", text("C")),
        ("datctype", text("C")),
        ("datallowconn", Cell::Bool(true)),
        ("datconnlimit", int(-1)),
    ])
}

fn role(user: &str) -> Row {
    Row::from([
        ("oid", int(OWNER)),
        ("rolname", text(user)),
        ("rolinherit", Cell::Bool(true)),
        ("rolcanlogin", Cell::Bool(true)),
        ("rolconnlimit", int(-1)),
    ])
}

fn settings() -> Vec<Row> {
    let row = |(name, value): &(&str, &str)| {
        Row::from([
            ("name", text(*name)),
            ("setting", text(*value)),
            ("boot_val", text(*value)),
            ("reset_val", text(*value)),
            ("context", text("internal")),
            ("vartype", text("string")),
            ("source", text("default")),
        ])
    };
    SETTINGS.iter().map(row).collect()
}

fn keywords() -> Vec<Row> {
    let row = |word: &str| {
        Row::from([("word", text(word)), ("catcode", text("R")), ("catdesc", text("reserved"))])
    };
    KEYWORDS.split_whitespace().map(row).collect()
}

fn class(oid: i64, name: &str, layout: &Layout) -> Row {
    Row::from([
        ("oid", int(oid)),
        ("relname", text(name)),
        ("relnamespace", int(NAMESPACE)),
        ("relowner", int(OWNER)),
        ("relpersistence", text("p")),
        ("relkind", text(if is_view(name) { "v" } else { "r" })),
        ("relnatts", int(layout.table.columns.len() as i64)),
        ("relispopulated", Cell::Bool(true)),
        ("relreplident", text("n")),
    ])
}

fn described(oid: i64, number: i64, doc: &str) -> Row {
    Row::from([
        ("objoid", int(oid)),
        ("classoid", int(PG_CLASS)),
        ("objsubid", int(number)),
        ("description", text(doc)),
    ])
}

fn attribute(oid: i64, number: i64, column: &terms::record::Column, kind: Kind) -> Row {
    Row::from([
        ("attrelid", int(oid)),
        ("attname", text(column.name)),
        ("atttypid", int(i64::from(kind.oid()))),
        ("attstattarget", int(-1)),
        ("attlen", int(i64::from(kind.size()))),
        ("attnum", int(number)),
        ("attcacheoff", int(-1)),
        ("atttypmod", int(-1)),
        ("attbyval", Cell::Bool(kind.size() > 0)),
        ("attstorage", text("p")),
        ("attnotnull", Cell::Bool(!column.nullable)),
        ("attislocal", Cell::Bool(true)),
    ])
}

fn listed(name: &str) -> Row {
    Row::from([
        ("table_catalog", text(DATABASE)),
        ("table_schema", text(SCHEMA)),
        ("table_name", text(name)),
        ("table_type", text(if is_view(name) { "VIEW" } else { "BASE TABLE" })),
        ("is_insertable_into", text("NO")),
        ("is_typed", text("NO")),
    ])
}

fn column_row(name: &str, number: i64, column: &terms::record::Column, kind: Kind) -> Row {
    Row::from([
        ("table_catalog", text(DATABASE)),
        ("table_schema", text(SCHEMA)),
        ("table_name", text(name)),
        ("column_name", text(column.name)),
        ("ordinal_position", int(number)),
        ("is_nullable", text(if column.nullable { "YES" } else { "NO" })),
        ("data_type", text(kind.name())),
        ("udt_catalog", text(DATABASE)),
        ("udt_schema", text("pg_catalog")),
        ("udt_name", text(kind.short_name())),
        ("is_identity", text("NO")),
        ("is_generated", text("NEVER")),
        ("is_updatable", text("NO")),
    ])
}
