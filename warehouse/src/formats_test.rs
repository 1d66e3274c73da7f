//! `docs/formats/warehouse.md` says what the tables are; it is written from their declaration.

use crate::rollup::{Counts, KINDS};
use std::fmt::Write;
use std::path::Path;
use terms::record::{ColumnType, tables};

const PATH: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/formats/warehouse.md");

fn page() -> String {
    let mut page = String::from(HEAD);
    for table in tables() {
        let layout = crate::schema::layout_of(table.name);
        let name = |at: usize| layout.table.columns[at].name;
        write!(
            page,
            "\n## {}\n\n{} Version {}. Named by `{}`; its day is the UTC day of `{}`.\n\n\
             | column | type | NULL | meaning |\n|---|---|---|---|\n",
            table.name,
            table.doc,
            table.version,
            name(layout.id),
            name(layout.day)
        )
        .unwrap();
        for column in &table.columns {
            let null = if column.nullable { "yes" } else { "" };
            let (name, kind, doc) = (column.name, kind(column.kind), column.doc);
            writeln!(page, "| `{name}` | {kind} | {null} | {doc} |").unwrap();
        }
    }
    page.push_str(COUNTS);
    for counts in &KINDS {
        counted(&mut page, counts);
    }
    page
}

fn counted(page: &mut String, counts: &Counts) {
    let layout = counts.layout();
    write!(page, "\n### {}\n\n{} Counts `{}`.", counts.name, counts.doc, counts.source).unwrap();
    let sums = counts.sums.iter().map(|(name, unit)| format!("`{name}` by {unit}"));
    let sums: Vec<String> = sums.collect();
    if !sums.is_empty() {
        write!(page, " Its sums by the reader's clock: {}.", sums.join(", ")).unwrap();
    }
    page.push_str("\n\n| column | type | NULL | meaning |\n|---|---|---|---|\n");
    for column in &layout.table.columns {
        let null = if column.nullable { "yes" } else { "" };
        let (name, kind, doc) = (column.name, kind(column.kind), column.doc);
        writeln!(page, "| `{name}` | {kind} | {null} | {doc} |").unwrap();
    }
}

fn kind(kind: ColumnType) -> &'static str {
    match kind {
        ColumnType::Int64 => "INT64",
        ColumnType::Int32 => "INT32",
        ColumnType::Float64 => "DOUBLE",
        ColumnType::Text => "STRING",
        ColumnType::Bool => "BOOLEAN",
        ColumnType::Time => "TIMESTAMP(MICROS, UTC)",
    }
}

const HEAD: &str = "# The warehouse on disk

Written from the declaration of the tables in `terms::record`; `UPDATE=1 cargo test -p warehouse` \
refreshes it.

```text
warehouse/
├─ warehouse.db                       staged rows and the manifest: SQLite, WAL, synchronous=FULL
├─ warehouse.mark                     instead of warehouse.db: whose schema in PostgreSQL it is
├─ warehouse.lock                     held by the process that writes
├─ warehouse.bucket                   which bucket the published files are in, where they are in one
├─ _near/                             copies of them, for as long as somebody works on them whole
├─ _tmp/                              files being written
├─ _rollup/<counts>/dt=…/             counts of quarter-hours of each published file of their table
├─ _old/<table>/dt=2026-11-23/        files that were merged, kept ten minutes for our sessions
├─ _aside/…                           damaged files that were replaced, and files that nothing names
├─ _hot/<table>/dt=2026-11-23/        sealed files of ours: not for other programs
│    <first seq>-<last seq>.parquet
└─ <table>/dt=2026-11-23/             published files: read them with any engine
     part-<first seq>-<last seq>-<hash>.parquet
```

`<table>/dt=*/*.parquet` holds each published row exactly once.
`dt` is the UTC day of the contact's start (of a stretch of an agent, its start; of an order, its creation; of an item, its end).
A published file never changes; a late row adds a file.
Once a day has four small files of a table, they are merged: the folder of the day is exchanged for one with the merged file in one step, so that a reader who opens it sees each row once before and after. One that listed the folder before and opens a file after it does not find the file, and asks again.
Published files may be in a bucket under the same names instead; there files of a day are replaced in two requests, not in one step ([the how-to](../how-to/warehouse-in-a-bucket.md)).

Each file is sorted by tenant, time and id, in row groups of at most 262,144 rows, zstd level 3, with a page index, and with bloom filters on `call_id`, `contact_id`, `order_id` and telephone numbers, which are wrong once in a hundred times.
Types are those that every engine reads; times are microseconds UTC, durations whole milliseconds.
Columns are only ever added, at the end; a file from before has NULL there.

A staged row is one blob: the row as JSON, with its table's version and a CRC-32 of the blob beside it.
`warehouse.db` has format 1; a newer one is refused.
Instead of it a schema of a PostgreSQL server may hold the same tables, with `BIGINT`, `TEXT COLLATE \"C\"` and `BYTEA`; the number in `warehouse.mark` stands in its `meta` too (`mark`).

```sql
-- the order of life of a file: hot, retired (merged into a published one, kept ten minutes), gone;
-- publishing (named before the rename) or rewriting (before its folder is exchanged), published,
-- retired (its rows are in another published one), gone
SELECT path, tbl, day, rows, bytes, sha256, state FROM file;
```

A file's path says its table, its day, its first and last staged row and the beginning of its SHA-256: what a lost `warehouse.db` is made anew of (`switchgrid warehouse verify --repair`).
Rows of `agent_spans`, `area_tries`, `calls`, `consents`, `faxes`, `ivr_steps`, `legs`, `quality`, `queue_visits`, `recordings` and `surveys` are made of `events` and can be made anew (`switchgrid warehouse rebuild`, [the how-to](../how-to/rebuild.md)).

In SQL, `orders_latest` has the highest version of every order; it is not a file. `orders_known(at)` and `return_visits_known(at)` have the latest versions as they were known at a time, in microseconds since 1970. Who sees some agents sees a version where it is the latest of all and theirs: not an order as it was before another team got it.
";

const COUNTS: &str = "
## Counts of quarter-hours

Tables of SQL that count the rows of another by tenant, quarter-hour (`from_at`) and keys. What is counted is kept for each published file below `_rollup`, where keys or measures came later with the version behind the name (`leg_intervals.2`); rows of others, staged ones too, are counted when somebody asks. So several rows may have the same keys: sum them up. Every question gets what the rows themselves would give, late rows, merged files, erased persons and rows whose time is over included.
Who sees a part of the rows sees their counts. Where the keys do not tell which part that is (calls by queue, stays by agent), those rows are counted when somebody asks.
";

#[test]
fn the_page_about_the_tables_is_current() {
    let page = page();
    if std::env::var_os("UPDATE").is_some() {
        std::fs::create_dir_all(Path::new(PATH).parent().unwrap()).unwrap();
        std::fs::write(PATH, &page).unwrap();
    }
    let found = std::fs::read_to_string(PATH).unwrap_or_default();
    assert!(found == page, "docs/formats/warehouse.md is old; UPDATE=1 refreshes it");
}
