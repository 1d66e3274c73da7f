//! Data people ask the warehouse in SQL from Python and take the answer as columns: ADBC over TLS with
//! a token, with values apart from the text, what is there, limits, mistakes.

use super::queried::{Asked, RUNAWAY, TITLE, asked};
use serde_json::{Value, json};
use std::process::{Command, Output};
use tests::tree;

/// Reads as a notebook does; prints what it read as JSON.
const NOTEBOOK: &str = r#"
import datetime, json, sys
import adbc_driver_flightsql.dbapi as flight
from adbc_driver_flightsql import DatabaseOptions
uri, user, secret, authority, title, runaway = sys.argv[1:7]
options = {"username": user, "password": secret,
           DatabaseOptions.TLS_ROOT_CERTS.value: open(authority).read()}
read = {}
with flight.connect(uri, db_kwargs=options, autocommit=True) as connection:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT order_id, title, created_at, 1.5::float8 AS half FROM orders_latest "
            "WHERE title = $1 AND order_id >= $2 AND created_at > $3",
            (title, 1, datetime.datetime(2020, 1, 1, tzinfo=datetime.timezone.utc)))
        table = cursor.fetch_arrow_table()
        read["types"] = [str(field.type) for field in table.schema]
        read["row"] = [str(cell) for cell in table.to_pylist()[0].values()]
        cursor.execute("SELECT a.attname, b.attname AS other FROM pg_attribute a "
                       "CROSS JOIN pg_attribute b LIMIT 15000")
        read["many"] = sum(len(batch) for batch in cursor.fetch_record_batch())
        cursor.execute("SELECT call_id FROM calls WHERE false")
        read["none"] = cursor.fetch_arrow_table().num_rows
    for wrong in ("SELECT call_id,\n  coler FROM calls", "DELETE FROM orders", runaway,
                  "SELECT a.attname FROM pg_attribute a CROSS JOIN pg_attribute b "
                  "CROSS JOIN pg_attribute c LIMIT 20001"):
        with connection.cursor() as cursor:
            try:
                cursor.execute(wrong)
                cursor.fetch_arrow_table()
            except Exception as error:
                read[wrong] = str(error)
    tables = connection.adbc_get_objects(depth="tables").read_all().to_pylist()
    schema = tables[0]["catalog_db_schemas"][0]
    read["there"] = [tables[0]["catalog_name"], schema["db_schema_name"]]
    read["tables"] = [table["table_name"] for table in schema["db_schema_tables"]]
    read["calls"] = str(connection.adbc_get_table_schema("calls").field("call_id").type)
print(json.dumps(read))
"#;

/// Tries to sign in; prints why it could not.
const STRANGER: &str = r#"
import sys
import adbc_driver_flightsql.dbapi as flight
from adbc_driver_flightsql import DatabaseOptions
uri, user, secret, authority = sys.argv[1:5]
options = {"username": user, "password": secret,
           DatabaseOptions.TLS_ROOT_CERTS.value: open(authority).read()}
try:
    with flight.connect(uri, db_kwargs=options, autocommit=True) as connection:
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1")
            print(cursor.fetchone())
except flight.Error as error:
    print(error)
"#;

/// Runs a script over TLS.
fn python(asked: &Asked, script: &str, token: &Value, more: &[&str]) -> Output {
    let text = |name: &str| token[name].as_str().expect("a part of the token");
    Command::new(tree::root().join(".venv/bin/python"))
        .args(["-c", script, &format!("grpc+tls://localhost:{}", asked.flight)])
        .args([text("sql_user"), text("secret")])
        .arg(asked.authority())
        .args(more)
        .output()
        .expect("python is installed by scripts/setup --tests")
}

pub fn a_notebook_takes_the_tenants_rows_as_columns_over_tls_and_changes_nothing(backend: &str) {
    let asked = asked(backend);
    let (status, order) =
        asked.house.post("/api/v1/orders", &json!({"kind": "报修", "title": TITLE}));
    assert_eq!(status, 201, "{order}");
    asked.house.wait_row("SELECT * FROM orders");
    let token = asked.token();

    let output = python(&asked, NOTEBOOK, &token, &[TITLE, RUNAWAY]);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let read: Value = serde_json::from_slice(&output.stdout).expect("the script prints JSON");
    let row = &read["row"];
    assert_eq!((&row[0], &row[1], &row[3]), (&order["id"], &json!(TITLE), &json!("1.5")), "{read}");
    assert_eq!(read["types"], json!(["int64", "string", "timestamp[us, tz=UTC]", "double"]));
    assert_eq!((&read["many"], &read["none"]), (&json!(15_000), &json!(0)));
    let refused = |start: &str, known: &str| {
        let all = read.as_object().expect("an object");
        let (_, told) = all.iter().find(|(sql, _)| sql.starts_with(start)).expect("it was refused");
        let told = told.as_str().expect("a sentence");
        assert!(told.contains(known), "{told}");
    };
    refused("SELECT call_id,", "there is no column \"coler\"; did you mean \"caller\"?");
    refused("SELECT call_id,", "line 2, column 3");
    refused("DELETE", "only SELECT, WITH, VALUES and EXPLAIN");
    refused("SELECT sum", "stopped after 2 s");
    refused("SELECT a.attname", "more than 20000 rows (sql.rows_max)");
    assert_eq!(read["there"], json!(["switchgrid", "public"]));
    let tables = read["tables"].as_array().expect("a list");
    for known in ["calls", "orders_latest", "queue_days"] {
        assert!(tables.contains(&json!(known)), "{tables:?}");
    }
    assert_eq!(read["calls"], "int64");

    let audited = asked.house.json("/api/v1/audit").to_string();
    assert!(audited.contains("sql.connect") && audited.contains("pg_attribute"), "{audited}");

    let forged = json!({"sql_user": token["sql_user"], "secret": "sgt_0"});
    let told = python(&asked, STRANGER, &forged, &[]);
    let told = String::from_utf8_lossy(&told.stdout).into_owned();
    assert!(told.contains("the name or the secret is wrong"), "{told}");
    let id = token["id"].as_str().expect("an id");
    let (status, body) = asked.house.delete(&format!("/api/v1/tokens/{id}"));
    assert_eq!(status, 204, "{body}");
    let told = python(&asked, STRANGER, &token, &[]);
    let told = String::from_utf8_lossy(&told.stdout).into_owned();
    assert!(told.contains("the name or the secret is wrong"), "{told}");
}
