//! Random questions to every table, in every kind of sight: with other rows beside them they are
//! answered as without, and no number is told where numbers are hidden.

use super::{Maker, Place, fill, lines};
use crate::query::Session;
use crate::schema::{Layout, layouts};
use crate::{Limits, Only, Scope, Warehouse};
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use serde_json::{Map, Value, json};
use std::collections::BTreeSet;
use terms::record::{ColumnType, Row};
use terms::{AgentId, QueueId, TenantId};

/// Rows of each table.
const ROWS: i64 = 24;
/// Questions in each sight.
const QUESTIONS: u64 = 80;
const QUEUE: &str = "queue_id";
const AGENTS: [&str; 3] = ["agent_id", "last_agent_id", "assignee_id"];
const NUMBERS: [&str; 6] =
    ["caller", "caller_received", "called", "address", "customer_number", "station"];
/// What texts of rows that are not seen begin with; no question has it.
const FOREIGN: [&str; 3] = ["FOREIGN-1-", "FOREIGN-2-", "FOREIGN-3-"];
const PROSE: [&str; 5] = ["title", "note", "subject", "sip_call_id", "text"];

fn sights() -> Vec<Scope> {
    let whole = Scope::of(TenantId(1));
    let queues = |ids: &[u64]| Some(ids.iter().copied().map(QueueId).collect::<Vec<_>>());
    let agents = |ids: &[u64]| Some(ids.iter().copied().map(AgentId).collect::<Vec<_>>());
    vec![
        Scope { audit: true, ..whole.clone() },
        Scope { queues: queues(&[10]), ..whole.clone() },
        Scope { agents: agents(&[11]), ..whole.clone() },
        Scope { queues: queues(&[10]), agents: agents(&[11]), ..whole.clone() },
        Scope { mask_numbers: true, audit: true, ..whole.clone() },
        Scope {
            queues: queues(&[10, 11]),
            agents: agents(&[12]),
            mask_numbers: true,
            ..whole.clone()
        },
        Scope { queues: queues(&[10, 11]), only: asked(), ..whole },
    ]
}

/// What is asked for of every table that tells of queues and agents.
fn asked() -> Vec<Only> {
    let has = |layout: &Layout, name: &str| layout.table.columns.iter().any(|of| of.name == name);
    let of_table = |layout: &Layout| {
        let table = layout.table.name;
        let queue = Only { table, columns: &[QUEUE], ids: vec![11, 12] };
        let agent = Only { table, columns: &AGENTS, ids: vec![11, 12] };
        let is_of_agents = AGENTS.into_iter().any(|name| has(layout, name));
        let both = [(has(layout, QUEUE), queue), (is_of_agents, agent)];
        both.into_iter().filter_map(|(has, only)| has.then_some(only))
    };
    layouts().values().flat_map(|layout| of_table(layout)).collect()
}

/// The tables with the columns that questions name, quoted.
fn places() -> Vec<Place> {
    let mut places: Vec<Place> =
        layouts().iter().map(|(name, layout)| place(name, layout)).collect();
    places.push(place("orders_latest", &layouts()["orders"]));
    places
}

fn place(name: &'static str, layout: &Layout) -> Place {
    let quoted = |name: &str| -> &'static str { format!("\"{name}\"").leak() };
    let columns = &layout.table.columns;
    let id = quoted(columns[layout.id].name);
    let texts = columns.iter().filter(|column| column.kind == ColumnType::Text);
    let mut texts: Vec<&'static str> = texts.map(|column| quoted(column.name)).collect();
    if texts.is_empty() {
        texts.push(id);
    }
    (name, id, texts)
}

/// Rows of three tenants in every table, and those of them that `scope` shows. What it does not show
/// says so in every text.
struct Made {
    all: Vec<Row>,
    seen: Vec<Row>,
    numbers: BTreeSet<String>,
}

impl Made {
    fn new(seed: u64, scope: &Scope) -> Self {
        let mut rng = StdRng::seed_from_u64(seed);
        let mut made = Made { all: Vec::new(), seen: Vec::new(), numbers: BTreeSet::new() };
        for id in 1..=ROWS {
            for layout in layouts().values() {
                made.add(&mut rng, layout, id, scope);
            }
        }
        made
    }

    fn add(&mut self, rng: &mut StdRng, layout: &Layout, id: i64, scope: &Scope) {
        let mut fields = ids(rng, layout, id);
        let is_seen = is_seen(layout, &fields, scope);
        let number = format!("+86138{:08}", rng.random_range(0_u32..100_000_000));
        for column in layout.table.columns.iter().filter(|of| of.kind == ColumnType::Text) {
            let text = match column.name {
                _ if !is_seen => format!("FOREIGN-{}-{id}", fields["tenant_id"]),
                name if NUMBERS.contains(&name) => number.clone(),
                name if PROSE.contains(&name) => format!("ring {number} at {id}"),
                "detail" => json!({ "caller": number }).to_string(),
                "digits" => number[1..].to_owned(),
                _ => format!("own {}", id % 3),
            };
            fields.insert(column.name.to_owned(), text.into());
        }
        let row: Row = serde_json::from_value(json!({"table": kind(layout), "row": fields}))
            .unwrap_or_else(|error| panic!("{}: {error}", layout.table.name));
        if is_seen {
            self.seen.push(row.clone());
            self.numbers.insert(number);
        }
        self.all.push(row);
    }
}

/// What a row of the table is called where it is handed over.
fn kind(layout: &Layout) -> &'static str {
    match layout.table.name {
        "quality" => "quality",
        "audit" => "audit",
        "faxes" => "fax",
        "emergencies" => "emergency",
        "area_tries" => "area_try",
        table => table.strip_suffix('s').expect("a table is called by what it has many of"),
    }
}

/// A row without its texts.
fn ids(rng: &mut StdRng, layout: &Layout, id: i64) -> Map<String, Value> {
    let mut fields = Map::new();
    for (at, column) in layout.table.columns.iter().enumerate() {
        let value: Value = match (column.name, column.kind) {
            ("tenant_id", _) => rng.random_range(1_i64..=3).into(),
            ("order_id", _) => id.into(),
            _ if at == layout.id => id.into(),
            _ if column.nullable && rng.random_bool(0.25) => Value::Null,
            (QUEUE, _) => rng.random_range(10_i64..=12).into(),
            (name, _) if AGENTS.contains(&name) => rng.random_range(11_i64..=13).into(),
            (_, ColumnType::Int64) => rng.random_range(1_i64..60).into(),
            (_, ColumnType::Int32) => rng.random_range(0_i64..5_000).into(),
            (_, ColumnType::Float64) => f64::from(rng.random_range(0_i32..5)).into(),
            (_, ColumnType::Bool) => rng.random_bool(0.5).into(),
            // Two days, so that there are files of both.
            (_, ColumnType::Time) => {
                let seconds = rng.random_range(0_i64..86_400);
                (crate::stories::BEGIN.0 + seconds * 1_000_000).into()
            }
            (_, ColumnType::Text) => continue,
        };
        fields.insert(column.name.to_owned(), value);
    }
    fields
}

/// Whether a scope shows a row.
fn is_seen(layout: &Layout, fields: &Map<String, Value>, scope: &Scope) -> bool {
    let table = layout.table.name;
    if fields["tenant_id"] != 1 || table == "audit" && !scope.audit {
        return false;
    }
    let holds = |column: &str, wanted: &Option<Vec<u64>>| {
        let value = fields.get(column).and_then(Value::as_u64);
        wanted.as_ref().is_some_and(|ids| value.is_some_and(|value| ids.contains(&value)))
    };
    let queues = scope.queues.as_ref().map(|ids| ids.iter().map(|id| id.0).collect());
    let agents = scope.agents.as_ref().map(|ids| ids.iter().map(|id| id.0).collect());
    let is_whole = queues.is_none() && agents.is_none();
    let is_asked_for = scope.only.iter().filter(|only| only.table == table).all(|only| {
        let ids = Some(only.ids.clone());
        only.columns.iter().any(|column| holds(column, &ids))
    });
    is_asked_for
        && (is_whole || holds(QUEUE, &queues) || AGENTS.iter().any(|column| holds(column, &agents)))
}

#[tokio::test]
async fn no_sight_and_no_table_tells_of_what_is_not_seen() {
    let places = places();
    assert_eq!(places.len(), layouts().len() + 1);
    let (mut answered, mut with_rows) = (0, 0);
    let mut tables = BTreeSet::new();
    for (round, scope) in (0_u64..).zip(sights()) {
        let made = Made::new(round, &scope);
        assert!(made.seen.len() > 4 && made.all.len() > made.seen.len() + 100, "{scope:?}");
        let dir = tempfile::tempdir().unwrap();
        let shared = Warehouse::open(dir.path().join("shared")).await.unwrap();
        let alone = Warehouse::open(dir.path().join("alone")).await.unwrap();
        fill(&shared, &made.all).await;
        fill(&alone, &made.seen).await;
        let shared = Session::open(&shared, scope.clone(), Limits::default()).await.unwrap();
        let alone = Session::open(&alone, scope.clone(), Limits::default()).await.unwrap();
        for seed in 0..QUESTIONS {
            let rng = StdRng::seed_from_u64(round * 1_000 + seed);
            let sql = Maker { rng, places: places.clone() }.query();
            let (with, without) = (lines(&shared, &sql).await, lines(&alone, &sql).await);
            let told = match (&with, &without) {
                (Ok(with), Ok(without)) => {
                    assert_eq!(with, without, "{scope:?}, seed {seed}: {sql}");
                    answered += 1;
                    with_rows += usize::from(with.len() > 1);
                    let named = places.iter().map(|place| place.0);
                    tables.extend(named.filter(|name| sql.contains(&format!(" {name} "))));
                    with.join("\n")
                }
                (Err(with), Err(_)) => with.clone(),
                _ => panic!("{scope:?}, seed {seed}: {sql}: {with:?}, alone {without:?}"),
            };
            let is_foreign = FOREIGN.iter().any(|text| told.contains(text));
            assert!(!is_foreign, "{scope:?}, seed {seed}: {sql}: {told}");
            if scope.mask_numbers {
                let number = made.numbers.iter().find(|number| told.contains(&number[1..]));
                assert_eq!(number, None, "{scope:?}, seed {seed}: {sql}: {told}");
            }
        }
    }
    assert!(answered > 240, "{answered} questions of 560 have an answer");
    assert!(with_rows > 120, "{with_rows} answers have rows");
    let named: BTreeSet<&str> = places.iter().map(|place| place.0).collect();
    assert_eq!(tables, named, "every table was asked for");
}

#[tokio::test]
async fn what_somebody_wrote_is_told_without_the_numbers_in_it() {
    let scope = Scope { mask_numbers: true, audit: true, ..Scope::of(TenantId(1)) };
    let made = Made::new(7, &scope);
    let dir = tempfile::tempdir().unwrap();
    let warehouse = Warehouse::open(dir.path()).await.unwrap();
    fill(&warehouse, &made.seen).await;
    let session = Session::open(&warehouse, scope, Limits::default()).await.unwrap();
    let mut told = BTreeSet::new();
    for (table, _, texts) in places() {
        let name = |text: &str| PROSE.into_iter().find(|name| text.trim_matches('"') == *name);
        for (column, name) in texts.into_iter().filter_map(|text| Some((text, name(text)?))) {
            let lines = lines(&session, &format!("SELECT {column} FROM {table}")).await.unwrap();
            for line in &lines[1..] {
                assert!(line.starts_with("ring +86138****"), "{table}: {column}: {line}");
                told.insert(name);
            }
        }
    }
    assert_eq!(told, BTreeSet::from(PROSE), "every kind of prose was asked for");
}

/// Whether the questions would find a hole in the wall: what a whole tenant is told is not what a
/// limited sight is.
#[tokio::test]
async fn the_rows_that_are_not_seen_would_be_told_without_the_wall() {
    let scope = &sights()[1];
    let made = Made::new(1, scope);
    let dir = tempfile::tempdir().unwrap();
    let shared = Warehouse::open(dir.path().join("shared")).await.unwrap();
    fill(&shared, &made.all).await;
    let whole = Session::open(&shared, Scope::of(TenantId(1)), Limits::default()).await.unwrap();
    let mut foreign = 0;
    for seed in 0..QUESTIONS {
        let sql = Maker { rng: StdRng::seed_from_u64(1_000 + seed), places: places() }.query();
        let told = lines(&whole, &sql).await.map_or_else(|error| error, |lines| lines.join("\n"));
        foreign += usize::from(told.contains(FOREIGN[0]));
    }
    assert!(foreign > 5, "{foreign} answers tell of rows that the sight does not have");
}
