//! Queues in the store: who serves them, in which order, and what reaches the plan.

use desk::bootstrap::{Defaults, FIRST_QUEUE};
use desk::queue::Seat;
use desk::{By, Error, Store};
use serde_json::json;
use tempfile::TempDir;
use terms::{AgentId, TenantId, Timestamp};

const NOON: Timestamp = Timestamp::from_secs(1_795_406_400);

fn by() -> By {
    By { user: None, source: "192.0.2.1".into(), at: NOON }
}

/// A store with its first tenant and two of its agents.
async fn opened() -> (TempDir, Store, TenantId, [AgentId; 2]) {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(folder.path().join("desk.db").to_str().unwrap()).await.unwrap();
    let defaults = Defaults::with_flow(json!({"start": "hello", "steps": {}}));
    let first = store.bootstrap(&defaults, NOON).await.unwrap().expect("it was empty");
    let agents = [first.agents[0].0, first.agents[1].0];
    (folder, store, first.tenant, agents)
}

#[tokio::test]
async fn agents_keep_the_order_and_the_weights_that_a_queue_gives_them() {
    let (_folder, store, tenant, [one, two]) = opened().await;
    let heavy = Seat { agent: one, weight: 5 };
    let order = [two, one];
    let queue = store.set_queue_agents(tenant, &by(), FIRST_QUEUE, &order, &[heavy]).await.unwrap();
    assert_eq!((queue.agents, queue.seats), (vec![two, one], vec![heavy]));
    let plan = store.compile_plan(tenant).await.unwrap();
    let queue = plan.queue(FIRST_QUEUE).unwrap();
    assert_eq!(queue.agents, [two, one]);
    assert_eq!(queue.matching.weights().get(&one), Some(&5));
    assert_eq!(queue.matching.weights().get(&two), None, "like any other");

    let stranger = Seat { agent: AgentId(99), weight: 1 };
    for seats in [vec![stranger], vec![heavy, heavy]] {
        let refused = store.set_queue_agents(tenant, &by(), FIRST_QUEUE, &order, &seats).await;
        assert!(matches!(refused, Err(Error::Invalid { field: "seats", .. })), "{refused:?}");
    }
    let heavier = Seat { weight: 1_001, ..heavy };
    let refused = store.set_queue_agents(tenant, &by(), FIRST_QUEUE, &order, &[heavier]).await;
    assert!(matches!(refused, Err(Error::Invalid { field: "weight", .. })), "{refused:?}");
    assert_eq!(store.queue(tenant, FIRST_QUEUE).await.unwrap().agents, [two, one]);
}
