//! What callers are told of orders.

use super::place;
use desk::By;
use desk::bootstrap::Defaults;
use desk::order::Action;
use desk::order::write::NewOrder;
use serde_json::json;
use terms::{OrderId, TenantId, Timestamp};

const NOON: Timestamp = Timestamp::from_secs(1_795_406_400);
const LI: &str = "+8613800138000";
const WANG: &str = "+8613900139000";

async fn told(
    store: &desk::Store,
    tenant: TenantId,
    digits: &str,
    customer: Option<&str>,
) -> Option<OrderId> {
    let order = store.order_told(tenant, digits, customer).await.unwrap();
    order.map(|order| order.id)
}

#[tokio::test]
async fn an_order_is_found_by_its_digits_and_its_customer_and_by_nothing_else() {
    let folder = tempfile::tempdir().unwrap();
    let store = place::open(folder.path()).await;
    let defaults = Defaults::with_flow(json!({"start": "hello", "steps": {}}));
    let first = store.bootstrap(&defaults, NOON).await.unwrap().expect("the store was empty");
    let (t, by) = (first.tenant, By::system("test", NOON));
    let new = |customer: &str| NewOrder {
        kind: "报修".into(),
        title: "漏水".into(),
        customer_number: customer.into(),
        ..NewOrder::default()
    };
    let older = store.create_order(t, &by, &new(LI)).await.unwrap();
    let done = store.create_order(t, &by, &new(LI)).await.unwrap();
    store.step_order(t, &by, done.id, None, &Action::Start, "").await.unwrap();
    store.step_order(t, &by, done.id, None, &Action::Finish, "").await.unwrap();

    let digits: String = older.number.chars().filter(char::is_ascii_digit).collect();
    assert_eq!(told(&store, t, &digits, None).await, Some(older.id));
    assert_eq!(told(&store, t, &digits, Some(LI)).await, Some(older.id));
    assert_eq!(told(&store, t, &digits, Some(WANG)).await, None, "it is another's");
    let other = TenantId(t.0 + 1);
    assert_eq!(told(&store, other, &digits, None).await, None, "another tenant's");
    assert_eq!(told(&store, other, "", Some(LI)).await, None, "another tenant's");
    assert_eq!(told(&store, t, "", Some(LI)).await, Some(older.id), "before one that is done");
    assert_eq!(told(&store, t, "", Some(WANG)).await, None);
    let long = "9".repeat(40);
    for hostile in ["", "1' OR '1'='1", "%", "20261123-00001", long.as_str(), "\0"] {
        assert_eq!(told(&store, t, hostile, None).await, None, "{hostile}");
    }
    for hostile in ["", "%", "' OR ''='"] {
        assert_eq!(told(&store, t, "", Some(hostile)).await, None, "{hostile}");
    }
    store.step_order(t, &by, older.id, None, &Action::GiveBack, "").await.unwrap();
    let latest = told(&store, t, "", Some(LI)).await;
    assert_eq!(latest, Some(done.id), "the latest of those that are closed");
}
