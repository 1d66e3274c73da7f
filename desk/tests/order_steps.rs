//! Steps of orders on their way to the warehouse.

use super::place;
use desk::By;
use desk::bootstrap::Defaults;
use desk::order::Action;
use desk::order::write::NewOrder;
use serde_json::json;
use terms::{Timestamp, UserId, record};

const NOON: Timestamp = Timestamp::from_secs(1_795_406_400);

fn by_at(seconds: i64) -> By {
    By::system("test", Timestamp(NOON.0 + seconds * 1_000_000))
}

#[tokio::test]
async fn every_step_is_handed_over_with_who_did_it_and_what_it_made_of_the_order() {
    let folder = tempfile::tempdir().unwrap();
    let store = place::open(folder.path()).await;
    let defaults = Defaults::with_flow(json!({"start": "hello", "steps": {}}));
    let first = store.bootstrap(&defaults, NOON).await.unwrap().expect("the store was empty");
    let (t, agent) = (first.tenant, first.agents[0].0);
    let new = NewOrder {
        kind: "报修".into(),
        title: "漏水".into(),
        customer_number: "13800138000".into(),
        ..NewOrder::default()
    };
    let made = store.create_order(t, &by_at(0), &new).await.unwrap();
    let who = By { user: Some(UserId(agent.0)), ..by_at(5) };
    store.step_order(t, &who, made.id, None, &Action::Start, "rang 张").await.unwrap();
    store.step_order(t, &by_at(9), made.id, None, &Action::Finish, "").await.unwrap();
    let entries = store.read_after(0, 100).await.unwrap();
    let steps: Vec<record::OrderStep> = entries
        .into_iter()
        .filter_map(|entry| match entry.row {
            record::Row::OrderStep(step) => Some(step),
            _ => None,
        })
        .collect();
    let seen = |step: &record::OrderStep| {
        (step.version_id, step.action.clone(), step.progress_before.clone(), step.done_at)
    };
    let text = |text: &str| Some(text.to_owned());
    let expected = [
        (1, "create".to_owned(), None, NOON),
        (2, "start".to_owned(), text("open"), by_at(5).at),
        (3, "finish".to_owned(), text("in_progress"), by_at(9).at),
    ];
    assert_eq!(steps.iter().map(seen).collect::<Vec<_>>(), expected);
    assert_eq!((steps[1].agent_id, steps[1].note.as_str()), (Some(agent), "rang 张"));
    assert_eq!(steps[2].progress_after, "done");
    assert!(steps.iter().all(|step| step.order_id == made.id));
    assert!(steps.iter().all(|step| step.customer_number == "+8613800138000"));
}
