//! A report that a tenant defines: the same numbers in every form, in the scope of who asks.

use super::incomplete::{cut_calls, session_of};
use super::*;
use reports::own::{Behind, Definition, Described, Picture, Shelf, Text, What};
use reports::{Asked, Format, Total, Wrong, check_own, count_own, render, run_own};

const SQL: &str = "SELECT queue_id, agent_id, COUNT(*) AS calls, SUM(talk_ms) AS talk,
       MAX(started_at) AS latest
FROM calls
WHERE started_at >= :from AND started_at < :until
  AND (:queue IS NULL OR queue_id = :queue) AND (:agent IS NULL OR agent_id = :agent)
GROUP BY queue_id, agent_id
ORDER BY agent_id";

fn described(id: &str, what: What, over: Option<&str>) -> Described {
    let header = Text { zh: id.to_owned(), en: id.to_owned() };
    let total = match what {
        What::Count | What::Duration => Total::Sum,
        _ => Total::None,
    };
    let (over, field) = (over.map(str::to_owned), id.trim_end_matches("_mean").to_owned());
    Described { id: id.to_owned(), header, what, field, over, total }
}

fn definition(sql: &str) -> Definition {
    Definition {
        id: "own.talk".to_owned(),
        title: Text { zh: "通话".to_owned(), en: "Talk".to_owned() },
        help: Text::default(),
        sql: sql.to_owned(),
        columns: vec![
            described("queue_id", What::Queue, None),
            described("agent_id", What::Agent, None),
            described("calls", What::Count, None),
            described("talk", What::Duration, None),
            described("talk_mean", What::Duration, Some("calls")),
            described("latest", What::Time, None),
        ],
        picture: Picture::Bar { label: "agent_id".to_owned(), series: vec!["calls".to_owned()] },
        behind: Some(calls()),
    }
}

/// What is behind a row of [`SQL`].
fn calls() -> Behind {
    Behind {
        table: "calls".to_owned(),
        key: "contact_id".to_owned(),
        by: vec!["queue_id".to_owned(), "agent_id".to_owned()],
        at: Some("started_at".to_owned()),
        only: None,
    }
}

fn talked(id: u64, agent: AgentId, time: &str, talk_ms: i32) -> Row {
    let made = call(id, "inbound", shanghai(&format!("2026-11-23 {time}")));
    Row::Call(Call { queue_id: Some(REPAIR), agent_id: Some(agent), talk_ms, ..made })
}

async fn talk() -> Store {
    let early = call(4, "inbound", shanghai("2026-11-22 23:59:59"));
    let foreign = call(5, "inbound", shanghai("2026-11-23 09:00:00"));
    store(vec![
        talked(1, FANG, "09:00:00", 60_000),
        talked(2, FANG, "10:00:00", 90_000),
        talked(3, LI, "11:00:00", 30_000),
        Row::Call(early),
        Row::Call(Call { tenant_id: THEIRS, ..foreign }),
    ])
    .await
}

async fn made(store: &Store, asked: Asked) -> ReportTable {
    made_of(store, definition(SQL), asked).await
}

async fn made_of(store: &Store, definition: Definition, asked: Asked) -> ReportTable {
    made_on(&store.session().await, definition, asked).await
}

async fn made_on(session: &Session, definition: Definition, asked: Asked) -> ReportTable {
    let report = Shelf::new(1 << 20).report(OURS, &definition).expect("it has room");
    run_own(session, report, &definition, &params(), asked).await.expect("the report runs")
}

fn params() -> Params {
    let now = at("UTC", "2026-11-24 00:00:00");
    let period = Period::parse("2026-11-23", "Asia/Shanghai", now).expect("a good period");
    let names = Names { queues: [(REPAIR, "报修".to_owned())].into(), ..Names::default() };
    Params::new(period, now, "江城燃气热线", names)
}

#[tokio::test]
async fn rows_are_counted_however_the_question_ends() {
    let store = talk().await;
    let session = store.session().await;
    for end in ["", ";", " -- of each agent", "; -- of each agent", " LIMIT 1"] {
        let definition = definition(&format!("{SQL}{end}"));
        let report = Shelf::new(1 << 20).report(OURS, &definition).expect("it has room");
        let asked = Asked::default();
        let counted = count_own(&session, report, &definition, &params(), asked).await;
        let expected = if end == " LIMIT 1" { 1 } else { 2 };
        assert_eq!(counted.expect("it is counted"), expected, "{end}");
    }
}

#[tokio::test]
async fn an_own_report_counts_in_its_period_and_divides_sums() {
    let store = talk().await;
    let table = made(&store, Asked::default()).await;
    assert_eq!(
        lines(&table),
        [
            "报修 #7 2 0:02:30 0:01:15 2026-11-23 10:00:00",
            "报修 #8 1 0:00:30 0:00:30 2026-11-23 11:00:00",
            "— — 3 0:03:00 0:01:00 —",
        ]
    );
    let asked = Asked { queue: None, agent: Some(LI) };
    assert_eq!(made(&store, asked).await.data_rows().count(), 1);
    let asked = Asked { queue: Some(QueueId(99)), agent: None };
    assert_eq!(made(&store, asked).await.data_rows().count(), 0);
}

#[tokio::test]
async fn a_page_says_which_queue_and_agent_it_was_asked_for() {
    let store = talk().await;
    let page = async |asked: Asked| {
        let table = made(&store, asked).await;
        let page = render(&table, Format::Txt, Language::En).expect("a page");
        String::from_utf8(page.bytes).expect("a text")
    };
    let both = page(Asked { queue: Some(REPAIR), agent: Some(LI) }).await;
    assert!(both.contains("Queue: 报修\n") && both.contains("Agent: #8\n"), "{both}");
    let none = page(Asked::default()).await;
    assert!(!none.contains("Queue: ") && !none.contains("Agent: "), "{none}");
}

#[tokio::test]
async fn an_own_report_says_what_it_lacks() {
    let store = talk().await;
    let session = session_of(&store, 1).await;
    let cut = made_on(&session, definition(SQL), Asked::default()).await;
    assert_eq!((cut.data_rows().count(), cut.truncated), (1, true));

    store.warehouse.publish_all().await.expect("the rows are published");
    let whole = made(&store, Asked::default()).await;
    assert!(!whole.truncated && whole.left_out.is_empty());
    let damaged = cut_calls(&store, "2026-11-23");
    assert_eq!(made(&store, Asked::default()).await.left_out, [damaged]);
}

#[tokio::test]
async fn an_own_report_comes_out_in_every_form() {
    let table = made(&talk().await, Asked::default()).await;
    for format in Format::ALL {
        let rendered = render(&table, format, Language::ZhCn).expect("the form is made");
        assert!(!rendered.bytes.is_empty(), "{format}");
        if let Format::Txt | Format::Csv | Format::Html | Format::Json = format {
            let text = String::from_utf8(rendered.bytes).expect("text");
            assert!(text.contains("0:02:30"), "{format}: {text}");
        }
    }
}

#[tokio::test]
async fn numbers_beyond_every_sum_and_scale_are_printed() {
    let most = SQL.replace("COUNT(*)", "MAX(9223372036854775807)");
    let table = made_of(&talk().await, definition(&most), Asked::default()).await;
    assert_eq!(table.total[2], Cell::Count(i64::MAX), "a sum stays in its type");
    for format in Format::ALL {
        let rendered = render(&table, format, Language::En).expect("the form is made");
        assert!(!rendered.bytes.is_empty(), "{format}");
    }
}

#[tokio::test]
async fn a_definition_is_refused_with_its_place_and_the_nearest_words() {
    let store = store(Vec::new()).await;
    let session = store.session().await;
    let check = async |definition: Definition| check_own(&session, &definition).await;
    check(definition(SQL)).await.expect("it is sound");

    let wrong = check(definition(&SQL.replace("talk_ms", "talks_ms"))).await;
    let Err(Wrong::Sql(error)) = wrong else { panic!("{wrong:?}") };
    assert!(error.message.contains("did you mean \"talk_ms\"?"), "{error}");
    assert_eq!(error.position.map(|at| at.line), Some(1));

    let wrong = check(definition(&SQL.replace("FROM calls", "FROM desk.users"))).await;
    let Err(Wrong::Sql(error)) = wrong else { panic!("{wrong:?}") };
    assert!(error.message.contains("there is no table \"desk.users\""), "{error}");

    let said = async |change: fn(&mut Definition)| {
        let mut changed = definition(SQL);
        change(&mut changed);
        let wrong = check_own(&session, &changed).await;
        let Err(Wrong::Columns(text)) = wrong else { panic!("{wrong:?}") };
        text
    };
    assert_eq!(
        said(|it| it.columns[2].field = "cals".to_owned()).await,
        "column \"calls\": the answer has no field \"cals\"; did you mean \"calls\"?"
    );
    assert_eq!(
        said(|it| drop(it.columns.pop())).await,
        "the answer's field \"latest\" is described by no column"
    );
    let text = said(|it| it.columns[5].what = What::Count).await;
    assert!(
        text.starts_with("column \"latest\": the field \"latest\" has to be a whole number"),
        "{text}"
    );
}

#[tokio::test]
async fn every_row_opens_what_its_definition_declares() {
    let store = talk().await;
    let table = made(&store, Asked::default()).await;
    let mut opened = Vec::new();
    for row in table.data_rows() {
        opened.push(store.behind(row).await);
    }
    assert_eq!(opened, [2, 1]);
    // What else holds.
    let long = Behind { only: Some("talk_ms > 60000 OR talk_ms = 30000".to_owned()), ..calls() };
    let table =
        made_of(&store, Definition { behind: Some(long), ..definition(SQL) }, Asked::default())
            .await;
    assert_eq!(store.behind(table.data_rows().next().expect("a row")).await, 1);
    // Nothing is declared and nothing known.
    let table =
        made_of(&store, Definition { behind: None, ..definition(SQL) }, Asked::default()).await;
    assert!(table.data_rows().all(|row| row.behind.is_none()));
}

#[tokio::test]
async fn a_row_with_the_id_of_a_call_opens_it() {
    let store = talk().await;
    let sql = "SELECT CAST(call_id AS VARCHAR) AS call_id FROM calls \
               WHERE started_at >= :from AND started_at < :until ORDER BY call_id";
    let columns = vec![described("call_id", What::Text, None)];
    let list = Definition { columns, picture: Picture::None, behind: None, ..definition(sql) };
    let table = made_of(&store, list, Asked::default()).await;
    assert_eq!(lines(&table)[..3], ["1", "2", "3"]);
    for row in table.data_rows() {
        assert_eq!(store.behind(row).await, 1);
    }
}

#[tokio::test]
async fn what_cannot_be_behind_a_row_is_refused_with_the_nearest_words() {
    let store = store(Vec::new()).await;
    let session = store.session().await;
    let said = async |change: fn(&mut Behind)| {
        let mut changed = calls();
        change(&mut changed);
        let changed = Definition { behind: Some(changed), ..definition(SQL) };
        match check_own(&session, &changed).await {
            Err(Wrong::Behind(text)) => text,
            other => panic!("{other:?}"),
        }
    };
    for (text, expected) in [
        (
            said(|it| it.table = "cals".to_owned()).await,
            "there is no table \"cals\"; did you mean \"calls\"?",
        ),
        (said(|it| it.key = "caller".to_owned()).await, "\"caller\" names no matter; "),
        (said(|it| it.key = "order_id".to_owned()).await, "calls has no column \"order_id\"; "),
        (
            said(|it| it.by[0] = "queue".to_owned()).await,
            "calls has no column \"queue\"; did you mean \"queue_id\"?",
        ),
        (said(|it| it.by[0] = "talk_ms".to_owned()).await, "the answer has no field \"talk_ms\"; "),
        (said(|it| it.at = Some("caller".to_owned())).await, "\"caller\" is no time"),
        (
            said(|it| it.only = Some("1 = 1) UNION SELECT (1".to_owned())).await,
            "only is one condition",
        ),
        (
            // What reads quotes alone takes the middle of these for text.
            said(|it| it.only = Some("$$'$$ = '') OR (caller = $$'$$".to_owned())).await,
            "only is one condition",
        ),
        (
            said(|it| it.only = Some(r"caller = E'\'') OR (caller = E'\''".to_owned())).await,
            "only is one condition",
        ),
        (
            said(|it| it.only = Some("talks_ms > 0".to_owned())).await,
            "the condition cannot be asked: ",
        ),
    ] {
        assert!(text.starts_with(expected), "{text}");
    }
}

#[tokio::test]
async fn an_own_report_draws_a_field_of_squares() {
    let sql = "SELECT direction, CAST(date_part('hour', started_at) AS VARCHAR) AS hour, \
                      COUNT(*) AS calls \
               FROM calls WHERE started_at >= :from AND started_at < :until \
               GROUP BY direction, CAST(date_part('hour', started_at) AS VARCHAR) ORDER BY hour";
    let columns = vec![
        described("direction", What::Text, None),
        described("hour", What::Text, None),
        described("calls", What::Count, None),
    ];
    let [row, column, value] = ["direction", "hour", "calls"].map(str::to_owned);
    let picture = Picture::Heat { row, column, value };
    let squares = Definition { columns, picture, behind: None, ..definition(sql) };
    let table = made_of(&talk().await, squares, Asked::default()).await;
    let page = render(&table, Format::Html, Language::En).expect("the page is made");
    let html = String::from_utf8(page.bytes).expect("a page is text");
    // 09:00, 10:00 and 11:00 in Shanghai.
    for hour in ["1", "2", "3"] {
        assert!(html.contains(&format!(">{hour}</text>")), "{hour}");
    }
    assert!(html.contains(">inbound</text>") && html.contains("aria-label=\"Talk\""));
}
