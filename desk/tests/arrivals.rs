//! Who arrives at an order says so.

use super::place;
use desk::bootstrap::Defaults;
use desk::order::write::NewOrder;
use desk::order::{Action, Progress};
use desk::{By, Error};
use serde_json::json;
use terms::Timestamp;

const NOON: Timestamp = Timestamp::from_secs(1_795_406_400);

fn by_at(seconds: i64) -> By {
    By::system("test", Timestamp(NOON.0 + seconds * 1_000_000))
}

#[tokio::test]
async fn who_arrives_works_on_the_order_and_every_arrival_is_a_step() {
    let folder = tempfile::tempdir().unwrap();
    let store = place::open(folder.path()).await;
    let defaults = Defaults::with_flow(json!({"start": "hello", "steps": {}}));
    let first = store.bootstrap(&defaults, NOON).await.unwrap().expect("the store was empty");
    let new = NewOrder { kind: "报修".into(), title: "漏水".into(), ..NewOrder::default() };
    let made = store.create_order(first.tenant, &by_at(0), &new).await.unwrap();
    let step = async |at: i64, action: Action| {
        store.step_order(first.tenant, &by_at(at), made.id, None, &action, "").await
    };
    assert_eq!(step(10, Action::Arrive).await.unwrap().progress, Progress::InProgress);
    assert_eq!(step(20, Action::Arrive).await.unwrap().progress, Progress::InProgress);
    step(30, Action::Finish).await.unwrap();
    assert!(matches!(step(40, Action::Arrive).await, Err(Error::Refused(_))), "it is done");
    let steps = store.order_steps(first.tenant, made.id).await.unwrap();
    let names: Vec<&str> = steps.iter().map(|step| step.action.as_str()).collect();
    assert_eq!(names, ["create", "arrive", "arrive", "finish"]);
}
