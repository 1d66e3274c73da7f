//! Connectors in the store: passwords are sealed in it, and one tenant's connectors are not another's.

use super::place;
use desk::bootstrap::Defaults;
use desk::connector::{ConnectorDraft, ConnectorSettings};
use desk::{By, Error};
use serde_json::json;
use terms::{TenantId, Timestamp};

const NOON: Timestamp = Timestamp::from_secs(1_795_406_400);
const PASSWORD: &str = "correct-horse-battery";

fn draft(address: &str, password: Option<&str>) -> ConnectorDraft {
    let settings = ConnectorSettings {
        address: address.into(),
        user: "ivr".into(),
        writes: false,
        timeout_ms: 2_000,
        rows_max: 10,
    };
    ConnectorDraft { settings, password: password.map(str::to_owned) }
}

#[tokio::test]
async fn a_password_of_a_database_is_sealed_in_the_store_and_comes_back_with_the_plan() {
    let folder = tempfile::tempdir().unwrap();
    let store = place::open(folder.path()).await;
    let defaults = Defaults::with_flow(json!({"start": "hello", "steps": {}}));
    let tenant = store.bootstrap(&defaults, NOON).await.unwrap().expect("it was empty").tenant;
    let by = By::system("test", NOON);
    let address = "postgres://db.example:5432/gas?sslmode=require";
    let made = store.put_connector(tenant, &by, "gas", &draft(address, Some(PASSWORD))).await;
    assert!(made.unwrap().has_password);
    let bytes = place::bytes(folder.path()).await;
    let contains = |text: &str| bytes.windows(text.len()).any(|part| part == text.as_bytes());
    assert!(contains("db.example"), "the right files were read");
    assert!(!contains(PASSWORD));
    let plan = store.compile_plan(tenant).await.unwrap();
    assert_eq!(plan.connectors[0].password, PASSWORD);

    // Left out it stays, taken away it is gone, and another place does not get it.
    let kept = store.put_connector(tenant, &by, "gas", &draft(address, None)).await.unwrap();
    assert!(kept.has_password);
    let moved = draft("postgres://evil.example/gas", None);
    let refused = store.put_connector(tenant, &by, "gas", &moved).await;
    assert!(matches!(refused, Err(Error::Invalid { field: "password", .. })), "{refused:?}");
    let bare = store.put_connector(tenant, &by, "gas", &draft(address, Some(""))).await.unwrap();
    assert!(!bare.has_password);
    let stranger = TenantId(tenant.0 + 1);
    let refused = store.remove_connector(stranger, &by, "gas").await;
    assert!(matches!(refused, Err(Error::NotFound { .. })), "{refused:?}");
    assert_eq!(store.connectors(stranger).await.unwrap(), []);
    store.remove_connector(tenant, &by, "gas").await.unwrap();
    assert_eq!(store.connectors(tenant).await.unwrap(), []);
}
