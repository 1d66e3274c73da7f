"""Answers questions about a folder of published Parquet files with DuckDB, and with SQLite about
rows that it copied from there. A question is a line of JSON on standard input, an answer a line on
standard output, which repeats the question's number; the rows of a question go to an Arrow IPC stream
where it names a file for them. For PostgreSQL it writes the same rows out."""

import glob
import json
import os
import sqlite3
import sys
import time

import duckdb
import pyarrow as pa


def files(folder, table):
    # The days are no column of ours: the engine here shall see what ours sees.
    return f"read_parquet('{folder}/{table}/dt=*/*.parquet', hive_partitioning = false)"


def opened(ask):
    limits = {"threads": ask["threads"], "memory_limit": f"{ask['memory_bytes']}B"}
    duck = duckdb.connect(config=limits)
    for setting in [
        "TimeZone = 'Asia/Shanghai'",
        "integer_division = true",
        "default_null_order = 'nulls_last_on_asc_first_on_desc'",
        "enable_progress_bar = false",
    ]:
        duck.execute(f"SET {setting}")
    duck.execute("CREATE MACRO to_char(t, form) AS strftime(t, form)")
    for table, columns in ask["tables"].items():
        if glob.glob(f"{ask['folder']}/{table}/dt=*/*.parquet"):
            source = files(ask["folder"], table)
            text = f"SELECT * FROM {source} WHERE tenant_id = {ask['tenant']}"
            duck.execute(f"CREATE VIEW {table} AS {text}")
        else:
            # A table without a row has no file: it stands there empty, as it does for us.
            named = ", ".join(f'"{name}" {kind}' for name, kind in columns)
            duck.execute(f"CREATE TABLE {table} ({named})")
    duck.execute(
        "CREATE VIEW orders_latest AS SELECT * EXCLUDE (newer) FROM (SELECT *, row_number() OVER "
        "(PARTITION BY order_id ORDER BY version DESC, version_id DESC) AS newer FROM orders) "
        "WHERE newer = 1"
    )
    # The counts that our engine keeps are open to this one too; here all files have theirs.
    for kept in glob.glob(f"{ask['folder']}/_rollup/*"):
        source = f"read_parquet('{kept}/dt=*/*.parquet', hive_partitioning = false)"
        text = f"SELECT * FROM {source} WHERE tenant_id = {ask['tenant']}"
        # A later version of counts has its number behind the name.
        name = os.path.basename(kept).split(".")[0]
        duck.execute(f"CREATE VIEW {name} AS {text}")
    return duck


def answered(duck, ask):
    begin = time.perf_counter()
    table = duck.execute(ask["sql"]).to_arrow_table()
    ms = (time.perf_counter() - begin) * 1000
    if ask["out"]:
        with pa.ipc.new_stream(ask["out"], table.schema) as out:
            out.write_table(table)
    return {"ms": ms}


def calls_of(ask):
    source = files(ask["folder"], "calls")
    return (
        "SELECT call_id, direction, outcome, caller, queue_id, agent_id, wait_ms, talk_ms, "
        f"epoch_us(started_at) AS started_at FROM {source} WHERE tenant_id = {ask['tenant']}"
    )


def copied(ask):
    """Calls as rows of a SQLite file, indexed by their number and their tenant's time."""
    rows = sqlite3.connect(ask["file"])
    read = duckdb.execute(calls_of(ask))
    names = [column[0] for column in read.description]
    rows.execute(f"CREATE TABLE calls ({', '.join(names)})")
    marks = ", ".join("?" * len(names))
    while batch := read.fetchmany(50_000):
        rows.executemany(f"INSERT INTO calls VALUES ({marks})", batch)
    rows.execute("CREATE UNIQUE INDEX calls_by_id ON calls (call_id)")
    rows.execute("CREATE INDEX calls_by_time ON calls (started_at)")
    rows.commit()
    rows.close()
    return {"ms": 0}


def written_out(ask):
    """The same calls as comma-separated values without heads."""
    duckdb.execute(f"COPY ({calls_of(ask)}) TO '{ask['file']}' (FORMAT csv, HEADER false)")
    return {"ms": 0}


def asked_of_rows(ask):
    rows = sqlite3.connect(ask["file"])
    begin = time.perf_counter()
    rows.execute(ask["sql"]).fetchall()
    ms = (time.perf_counter() - begin) * 1000
    rows.close()
    return {"ms": ms}


def main():
    # What an engine prints, a bar of its progress, is no answer and goes where errors go.
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    duck = None
    for line in sys.stdin:
        ask = json.loads(line)
        try:
            match ask["what"]:
                case "open":
                    duck = opened(ask)
                    answer = {"ms": 0, "version": duckdb.__version__}
                case "ask":
                    answer = answered(duck, ask)
                case "copy":
                    answer = copied(ask)
                case "write_out":
                    answer = written_out(ask)
                case "ask_rows":
                    answer = asked_of_rows(ask)
        except (duckdb.Error, sqlite3.Error, OSError) as error:
            answer = {"ms": 0, "error": str(error)}
        answer["number"] = ask["number"]
        print(json.dumps(answer), file=answers, flush=True)


main()
