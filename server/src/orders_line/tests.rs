//! Both sides of the line, over a store in a file.

use super::*;
use crate::link;
use desk::bootstrap::Defaults;
use desk::order::Action;
use desk::order::write::NewOrder;
use desk::{By, Store};
use serde_json::json;
use signaling::ivr::run::{Fault, Found};
use signaling::switch::{OrderAsk, SqlDone};
use std::path::Path;
use std::time::Duration;
use terms::{CallId, Timestamp};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

const NOON: Timestamp = Timestamp::from_secs(1_795_406_400);

fn noon() -> Timestamp {
    NOON
}

async fn store(folder: &Path) -> (Store, TenantId) {
    let file = folder.join("desk.db");
    let store = Store::open(file.to_str().expect("a path in ASCII")).await.unwrap();
    let flow = json!({"start": "hello", "steps": {}});
    let first = store.bootstrap(&Defaults::with_flow(flow), NOON).await.unwrap();
    (store, first.expect("the store was empty").tenant)
}

fn asks(tenant: TenantId, number: &str, of: Option<&str>) -> OrderAsk {
    let (number, of) = (number.to_owned(), of.map(str::to_owned));
    OrderAsk { id: 7, call: CallId(1), tenant, number, of, timeout: Duration::from_secs(20) }
}

fn value<'a>(found: &'a Found, name: &str) -> &'a str {
    found.first.get(name).map_or("", String::as_str)
}

#[tokio::test]
async fn a_caller_hears_the_stage_and_the_deadline_and_nothing_else_of_an_order() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::create_dir(folder.path().join("run")).unwrap();
    let (store, tenant) = store(folder.path()).await;
    let steps = OrderSteps::new(folder.path());
    let away = steps.run(asks(tenant, "", Some("+8613800138000"))).await;
    assert!(matches!(away.result, Err(Fault::Failed(_))), "nobody listens: {away:?}");

    let listener = link::listen(&folder.path().join(SOCKET)).unwrap();
    let serving = tokio::spawn(serve(listener, store.clone(), noon));
    let by = By::system("test", NOON);
    let new = NewOrder {
        kind: "报修".into(),
        title: "漏水".into(),
        address: "解放路1号".into(),
        customer_number: "13800138000".into(),
        ..NewOrder::default()
    };
    let made = store.create_order(tenant, &by, &new).await.unwrap();
    store.step_order(tenant, &by, made.id, None, &Action::Start, "").await.unwrap();
    let SqlDone { id, result } = steps.run(asks(tenant, "", Some("+8613800138000"))).await;
    let found = result.expect("it is told");
    assert_eq!((id, found.rows), (7, 1));
    let names: Vec<&str> = found.first.keys().map(String::as_str).collect();
    assert_eq!(names, ["deadline", "kind", "number", "overdue", "stage"]);
    assert_eq!(value(&found, "number"), made.number);
    assert_eq!((value(&found, "kind"), value(&found, "stage")), ("报修", "in_progress"));
    assert_eq!(value(&found, "overdue"), "no");
    let due = made.deadline_at.map_or(String::new(), |at| at.to_string());
    assert_eq!(value(&found, "deadline"), due);

    let none = Found::default();
    assert_eq!(steps.run(asks(tenant, "", Some("+8613900139000"))).await.result, Ok(none.clone()));
    let other = TenantId(tenant.0 + 1);
    assert_eq!(steps.run(asks(other, "", Some("+8613800138000"))).await.result, Ok(none));
    serving.abort();
}

#[tokio::test]
async fn what_is_no_question_ends_its_line_and_no_other() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::create_dir(folder.path().join("run")).unwrap();
    let (store, tenant) = store(folder.path()).await;
    let path = folder.path().join(SOCKET);
    let serving = tokio::spawn(serve(link::listen(&path).unwrap(), store, noon));
    for nonsense in ["\n".to_owned(), "{\"tenant\": 1}\n".to_owned(), "x".repeat(20 << 10)] {
        let mut line = link::connect(&path).await.unwrap();
        // It may close before all was written.
        let _ = line.write_all(nonsense.as_bytes()).await;
        let mut answer = Vec::new();
        let _ = line.read_to_end(&mut answer).await;
        assert!(answer.is_empty(), "{answer:?}");
    }
    let told = OrderSteps::new(folder.path()).run(asks(tenant, "1", None)).await;
    assert_eq!(told.result, Ok(Found::default()));
    serving.abort();
}
