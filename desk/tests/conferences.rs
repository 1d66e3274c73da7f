//! Conference rooms in the store: PINs are sealed in it, and one tenant's rooms are not another's.

use super::place;
use desk::bootstrap::Defaults;
use desk::conference::ConferenceDraft;
use desk::{By, Error};
use serde_json::json;
use terms::Timestamp;
use terms::routing::Pin;

const NOON: Timestamp = Timestamp::from_secs(1_795_406_400);

fn by() -> By {
    By { user: None, source: "192.0.2.1".into(), at: NOON }
}

fn contains(bytes: &[u8], text: &str) -> bool {
    bytes.windows(text.len()).any(|window| window == text.as_bytes())
}

#[tokio::test]
async fn a_pin_is_sealed_in_the_store_and_comes_back_with_the_plan() {
    let folder = tempfile::tempdir().unwrap();
    let store = place::open(folder.path()).await;
    let defaults = Defaults::with_flow(json!({"start": "hello", "steps": {}}));
    let tenant = store.bootstrap(&defaults, NOON).await.unwrap().expect("it was empty").tenant;
    let draft = ConferenceDraft {
        name: "Monday".into(),
        number: "7001".into(),
        guest_pin: Pin("4711471147114711".into()),
        chair_pin: Pin("8154718154718154".into()),
        ..ConferenceDraft::default()
    };
    let made = store.create_conference(tenant, &by(), &draft).await.unwrap();
    assert_eq!(made.draft, draft);
    let bytes = place::bytes(folder.path()).await;
    assert!(contains(&bytes, "Monday"), "the right files were read");
    for pin in [&draft.guest_pin, &draft.chair_pin] {
        assert!(!contains(&bytes, &pin.0));
    }
    let plan = store.compile_plan(tenant).await.unwrap();
    assert_eq!(plan.conferences.len(), 1);
    assert_eq!(plan.conferences[0].guest_pin, draft.guest_pin);
    // Another room may not have its number, but two may have none.
    let same = ConferenceDraft { name: "Tuesday".into(), ..draft.clone() };
    let taken = store.create_conference(tenant, &by(), &same).await;
    assert!(matches!(taken, Err(Error::Taken { .. })), "{taken:?}");
    let agent = store.agents(tenant).await.unwrap()[0].sip_user.clone();
    let colleague = ConferenceDraft { number: agent, ..same };
    let refused = store.create_conference(tenant, &by(), &colleague).await;
    assert!(matches!(refused, Err(Error::Invalid { field: "number", .. })), "{refused:?}");
    for name in ["Wednesday", "Thursday"] {
        let bare = ConferenceDraft { name: name.into(), ..ConferenceDraft::default() };
        store.create_conference(tenant, &by(), &bare).await.unwrap();
    }
    assert_eq!(store.conferences(tenant).await.unwrap().len(), 3);
}
