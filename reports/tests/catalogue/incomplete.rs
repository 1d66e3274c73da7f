//! A table that lacks rows says so.

use super::{OURS, Store, at, call, shanghai, store};
use reports::catalogue::CALLS;
use reports::{Names, Params, Period, ReportTable, run};
use terms::record::Row;
use warehouse::{Limits, Scope, Session};

/// A session whose answers have at most so many rows.
pub async fn session_of(store: &Store, rows_max: usize) -> Session {
    let limits = Limits { rows_max, ..Limits::default() };
    Session::open(&store.warehouse, Scope::of(OURS), limits).await.expect("a session")
}

/// Cuts the file that has the calls of a day of UTC, all but the first bytes. Gives its name.
pub fn cut_calls(store: &Store, day: &str) -> String {
    let folder = format!("calls/dt={day}");
    let path = store.dir.path().join(&folder);
    let mut files = path.read_dir().expect("the day was published");
    let file = files.next().expect("it has a file").expect("the folder can be read");
    let mut bytes = std::fs::read(file.path()).expect("it can be read");
    bytes.truncate(16);
    std::fs::write(file.path(), bytes).expect("it can be written");
    format!("{folder}/{}", file.file_name().to_str().expect("a name of ours"))
}

async fn calls_on(session: &Session) -> ReportTable {
    let now = at("UTC", "2026-11-25 00:00:00");
    let period = Period::parse("2026-11", "Asia/Shanghai", now).expect("a good period");
    let params = Params::new(period, now, "热线", Names::default());
    run(session, &CALLS, &params).await.expect("the report runs")
}

async fn two_days() -> Store {
    store(vec![
        Row::Call(call(1, "inbound", shanghai("2026-11-22 12:00:00"))),
        Row::Call(call(2, "inbound", shanghai("2026-11-23 12:00:00"))),
    ])
    .await
}

#[tokio::test]
async fn a_table_with_more_rows_than_may_be_says_that_it_is_cut() {
    let store = two_days().await;
    let cut = calls_on(&session_of(&store, 1).await).await;
    assert_eq!((cut.data_rows().count(), cut.truncated), (1, true));
    let whole = calls_on(&session_of(&store, 2).await).await;
    assert_eq!((whole.data_rows().count(), whole.truncated), (2, false));
}

#[tokio::test]
async fn a_table_names_the_damaged_file_whose_rows_it_lacks() {
    let store = two_days().await;
    store.warehouse.publish_all().await.expect("the rows are published");
    let whole = calls_on(&store.session().await).await;
    assert_eq!((whole.data_rows().count(), whole.left_out), (2, Vec::new()));

    let damaged = cut_calls(&store, "2026-11-23");
    let rest = calls_on(&store.session().await).await;
    assert_eq!((rest.data_rows().count(), rest.left_out), (1, vec![damaged]));
}
