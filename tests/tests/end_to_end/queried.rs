//! Tools of others ask the warehouse in SQL as if of PostgreSQL: psql over TLS with a token, its lists
//! of tables, its mistakes; and a driver that sends values apart from the text and reads binary.

use super::seconds;
use serde_json::{Value, json};
use std::path::PathBuf;
use std::process::{Command, Output};
use tempfile::TempDir;
use tests::house::{House, Options, wait_for};
use tests::tree;

/// What the order is about that is asked for.
pub(super) const TITLE: &str = "漏水; it's wet";
/// A question that goes on for longer than a question may.
pub(super) const RUNAWAY: &str = "SELECT sum(length(a.attname || b.attname || c.attname)) FROM pg_attribute a \
    CROSS JOIN (pg_attribute b CROSS JOIN (pg_attribute c CROSS JOIN (pg_attribute d \
    CROSS JOIN pg_attribute e)))";

/// A driver with values apart from the text; prints what it read as JSON.
const DRIVER: &str = r#"
import json, psycopg, sys
with psycopg.connect(sys.argv[1]) as connection:
    read = {}
    for binary in (False, True):
        cursor = connection.cursor(binary=binary)
        cursor.execute(
            "SELECT order_id, title, created_at, 1.5::float8, true FROM orders_latest "
            "WHERE title = %s AND order_id >= %s LIMIT %s", (sys.argv[2], 1, 5))
        read[str(binary)] = [[str(cell) for cell in row] for row in cursor.fetchall()]
    cursor = connection.cursor()
    cursor.execute("SELECT count(*), count(*) FROM pg_class WHERE relname = %s", ("calls",))
    read["heads"] = [column.name for column in cursor.description]
    read["count"] = cursor.fetchone()[0]
    for wrong in ("DELETE FROM orders", "SELECT 1 FROM nothing"):
        try:
            with connection.transaction():
                connection.execute(wrong)
        except psycopg.Error as error:
            read[wrong] = error.sqlstate
    read["after"] = connection.execute("SELECT 1").fetchone()[0]
    print(json.dumps(read))
"#;

/// A driver with cursors in SQL and a copy; prints what it read as JSON.
const PIECES: &str = r#"
import json, psycopg, sys
with psycopg.connect(sys.argv[1]) as connection:
    rows = "SELECT attrelid, attname FROM pg_attribute WHERE attnum > %s"
    read = {"all": len(connection.execute(rows, (5,)).fetchall())}
    for binary in (False, True):
        with connection.cursor("piece", binary=binary) as cursor:
            cursor.execute(rows, (5,))
            read[str(binary)] = [len(cursor.fetchmany(7)), len(cursor.fetchmany(7)),
                                 len(cursor.fetchall())]
    with connection.cursor("held", withhold=True) as cursor:
        cursor.execute(rows, (5,))
        connection.commit()
        read["held"] = len(cursor.fetchall())
    with connection.cursor().copy("COPY (SELECT 1, 'x') TO STDOUT (FORMAT binary)") as copy:
        copy.set_types(["int8", "text"])
        read["copied"] = [list(row) for row in copy.rows()]
    print(json.dumps(read))
"#;

/// A box with both doors for SQL open.
pub(super) struct Asked {
    pub(super) house: House,
    folder: TempDir,
    port: u16,
    /// Where Flight SQL is spoken.
    pub(super) flight: u16,
}

pub(super) fn asked(backend: &str) -> Asked {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let made = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]);
    let made = made.expect("a certificate is made");
    let file = |name: &str, text: String| -> PathBuf {
        let file = folder.path().join(name);
        std::fs::write(&file, text).expect("the folder is ours");
        file
    };
    let certificate = file("cert.pem", made.cert.pem());
    let key = file("key.pem", made.signing_key.serialize_pem());
    let house = House::start(Options {
        backend: backend.into(),
        sip: format!(
            "certificate = \"{}\"\ncertificate_key = \"{}\"\n",
            certificate.display(),
            key.display()
        ),
        config: "[sql]\npostgres = \"127.0.0.1:0\"\nflight = \"127.0.0.1:0\"\n\
                 time_max = \"2s\"\nrows_max = 20000\n"
            .into(),
        ..Options::default()
    });
    let text = std::fs::read(house.data().join("run/config.json")).expect("a running box");
    let config: Value = serde_json::from_slice(&text).expect("JSON");
    let port = |key: &str| -> u16 {
        let listen = config["sql"][key].as_str().expect("a listener");
        listen.rsplit(':').next().and_then(|port| port.parse().ok()).expect("a port")
    };
    Asked { house, folder, port: port("postgres"), flight: port("flight") }
}

impl Asked {
    /// How a token signs in.
    fn address(&self, token: &Value, more: &str) -> String {
        let user = token["sql_user"].as_str().expect("a name for the door");
        let secret = token["secret"].as_str().expect("a secret");
        let authority = self.authority();
        format!(
            "host=localhost hostaddr=127.0.0.1 port={} user={user} password={secret} \
             dbname=switchgrid sslrootcert={} {more}",
            self.port,
            authority.display()
        )
    }

    /// Whom to believe.
    pub(super) fn authority(&self) -> PathBuf {
        self.folder.path().join("cert.pem")
    }

    pub(super) fn token(&self) -> Value {
        let new = json!({"name": "BI", "role": "manager", "days": 1, "sql": true});
        let (status, token) = self.house.post("/api/v1/tokens", &new);
        assert_eq!(status, 201, "{token}");
        token
    }
}

fn psql(address: &str, sql: &str) -> Output {
    Command::new("psql")
        .args(["-X", "-A", "-t", "-v", "ON_ERROR_STOP=1", "-c", sql, address])
        .env("LC_ALL", "C.UTF-8")
        .output()
        .expect("psql is installed by scripts/setup --tests")
}

/// Psql with several commands, among them such as begin with a backslash.
fn commands(address: &str, commands: &[&str]) -> Output {
    let mut psql = Command::new("psql");
    psql.args(["-X", "-A", "-t", "-q", "-v", "ON_ERROR_STOP=1"]).env("LC_ALL", "C.UTF-8");
    for command in commands {
        psql.args(["-c", command]);
    }
    psql.arg(address).output().expect("psql is installed by scripts/setup --tests")
}

fn said(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).trim().to_owned()
}

fn complained(output: &Output) -> String {
    assert!(!output.status.success(), "{}", said(output));
    String::from_utf8_lossy(&output.stderr).into_owned()
}

pub fn psql_and_a_driver_read_the_tenants_rows_over_tls_and_change_nothing(backend: &str) {
    let asked = asked(backend);
    let (status, order) =
        asked.house.post("/api/v1/orders", &json!({"kind": "报修", "title": TITLE}));
    assert_eq!(status, 201, "{order}");
    asked.house.wait_row("SELECT * FROM orders");
    let token = asked.token();
    let address = asked.address(&token, "sslmode=verify-full");

    let titles = psql(&address, "SELECT title FROM orders_latest; SELECT 1 + 1");
    assert_eq!(said(&titles), format!("{TITLE}\n2"), "{titles:?}");
    let tables = said(&psql(&address, "\\dt"));
    assert!(tables.contains("public|calls|table|"), "{tables}");
    let columns = said(&psql(&address, "\\d calls"));
    assert!(columns.contains("call_id|bigint||not null|"), "{columns}");
    let views = said(&psql(&address, "\\dv"));
    assert!(views.contains("public|orders_latest|view|"), "{views}");

    let wrong = complained(&psql(&address, "SELECT call_id,\n  coler FROM calls"));
    assert!(wrong.contains("there is no column \"coler\"; did you mean \"caller\"?"), "{wrong}");
    assert!(wrong.contains("LINE 2:   coler FROM calls\n          ^"), "{wrong}");
    let refused = complained(&psql(&address, "DELETE FROM orders"));
    assert!(refused.contains("only SELECT, WITH, VALUES and EXPLAIN"), "{refused}");
    let runaway = complained(&psql(&address, RUNAWAY));
    assert!(runaway.contains("stopped after 2 s"), "{runaway}");

    let output = Command::new(tree::root().join(".venv/bin/python"))
        .args(["-c", DRIVER, &address, TITLE])
        .output()
        .expect("python is installed by scripts/setup --tests");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let read: Value = serde_json::from_slice(&output.stdout).expect("the script prints JSON");
    assert_eq!(read["False"], read["True"], "text and binary are the same values");
    let row = &read["True"][0];
    assert_eq!((&row[0], &row[1]), (&order["id"], &json!(TITLE)), "{read}");
    assert_eq!((&row[3], &row[4]), (&json!("1.5"), &json!("True")), "{read}");
    assert_eq!((&read["heads"], &read["count"]), (&json!(["count", "count"]), &json!(1)));
    assert_eq!(read["DELETE FROM orders"], "42501");
    assert_eq!(read["SELECT 1 FROM nothing"], "42P01");
    assert_eq!(read["after"], 1, "the connection goes on");

    let questions = asked.house.json("/api/v1/audit");
    let audited = questions.to_string();
    assert!(audited.contains("sql.connect") && audited.contains("DELETE FROM orders"), "{audited}");
}

pub fn psql_and_a_driver_take_answers_as_files_and_by_the_piece(backend: &str) {
    let asked = asked(backend);
    let token = asked.token();
    let address = asked.address(&token, "sslmode=verify-full channel_binding=require");
    let rows = "SELECT attnum, attname FROM pg_attribute WHERE attrelid = 'calls'::regclass \
                AND attnum <= 2 ORDER BY attnum";
    let file = asked.folder.path().join("calls.csv");
    let copied =
        commands(&address, &[&format!("\\copy ({rows}) to '{}' csv header", file.display())]);
    assert!(copied.status.success(), "{copied:?}");
    let text = std::fs::read_to_string(&file).expect("psql wrote a file");
    let lines: Vec<&str> = text.lines().collect();
    assert_eq!((lines[0], lines.len()), ("attnum,attname", 3), "{text}");
    let fetched = commands(
        &address,
        &[
            "BEGIN",
            &format!("DECLARE c CURSOR FOR {rows}"),
            "FETCH 1 c",
            "FETCH ALL FROM c",
            "COMMIT",
        ],
    );
    assert_eq!(said(&fetched).replace('|', ","), lines[1..].join("\n"), "{fetched:?}");
    let refused = complained(&commands(&address, &["\\copy calls from '/dev/null'"]));
    assert!(refused.contains("rows cannot be written here"), "{refused}");

    let output = Command::new(tree::root().join(".venv/bin/python"))
        .args(["-c", PIECES, &address])
        .output()
        .expect("python is installed by scripts/setup --tests");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let read: Value = serde_json::from_slice(&output.stdout).expect("the script prints JSON");
    let all = read["all"].as_u64().expect("a count");
    assert!(all > 14, "{read}");
    for binary in ["False", "True"] {
        assert_eq!(read[binary], json!([7, 7, all - 14]), "{read}");
    }
    assert_eq!((&read["held"], &read["copied"]), (&json!(all), &json!([[1, "x"]])));
}

pub fn who_has_no_good_token_for_sql_is_not_let_in(backend: &str) {
    let asked = asked(backend);
    let token = asked.token();
    let good = asked.address(&token, "sslmode=verify-full");
    assert_eq!(said(&psql(&good, "SELECT current_user")), token["sql_user"].as_str().unwrap());

    let forged = json!({"sql_user": token["sql_user"], "secret": "sgt_0"});
    let refused = complained(&psql(&asked.address(&forged, "sslmode=require"), "SELECT 1"));
    assert!(refused.contains("the name or the secret is wrong"), "{refused}");
    // The administrator's own password is none for this door.
    let admin = &asked.house.admin;
    let person = json!({"sql_user": admin.user, "secret": admin.password});
    let refused = complained(&psql(&asked.address(&person, "sslmode=require"), "SELECT 1"));
    assert!(refused.contains("the name or the secret is wrong"), "{refused}");
    // Nor is the token good for anything else.
    let secret = token["secret"].as_str().expect("a secret");
    assert_eq!(asked.house.get_as(secret, "/api/v1/session").status().as_u16(), 401);

    let id = token["id"].as_str().expect("an id");
    let (status, body) = asked.house.delete(&format!("/api/v1/tokens/{id}"));
    assert_eq!(status, 204, "{body}");
    let refused = wait_for("the token to be taken back", seconds(10), || {
        let output = psql(&good, "SELECT 1");
        (!output.status.success()).then(|| complained(&output))
    });
    assert!(refused.contains("the name or the secret is wrong"), "{refused}");
}
