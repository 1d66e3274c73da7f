//! What was written elsewhere is read again: whatever became of it on its way is told.

use super::*;
use crate::bootstrap::Defaults;
use crate::{By, Store};
use terms::Timestamp;

const NOON: Timestamp = Timestamp::from_secs(1_795_406_400);

/// A business carried from a file into another one, in which a trigger changes what is written.
async fn carried(trigger: Option<&'static str>) -> Result<Vec<Moved>> {
    let folder = tempfile::tempdir().unwrap();
    let (old, new) = (folder.path().join("old.db"), folder.path().join("new.db"));
    let store = Store::open(old.to_str().unwrap()).await.unwrap();
    let defaults = Defaults::with_flow(serde_json::json!({"start": "hello", "steps": {}}));
    let first = store.bootstrap(&defaults, NOON).await.unwrap().unwrap();
    store.note(first.tenant, &By::system("test", NOON), "report.read", "daily").await.unwrap();
    store.close().await;
    let (_source, mut read) = Place::File(&old).reading().await.unwrap();
    let (_target, mut write) = Place::File(&new).writing().await.unwrap();
    if let Some(trigger) = trigger {
        sql::query(trigger).execute(write.on()).await.unwrap();
    }
    let tables = table::all(&mut read).await.unwrap();
    all(&mut read, &mut write, &tables, &mut |_, _| {}).await
}

#[tokio::test]
async fn rows_that_are_others_or_fewer_after_they_were_written_are_no_move() {
    let moved = carried(None).await.unwrap();
    assert!(moved.iter().any(|of| of.table == "tenants" && of.rows == 1), "{moved:?}");
    for (trigger, told) in [
        (
            "CREATE TRIGGER spoils AFTER INSERT ON tenants
             BEGIN UPDATE tenants SET name = name || '.' WHERE id = new.id; END",
            "tenants has 1 rows",
        ),
        (
            "CREATE TRIGGER spoils BEFORE INSERT ON audit
             BEGIN SELECT RAISE(IGNORE); END",
            "audit has ",
        ),
    ] {
        let error = carried(Some(trigger)).await.unwrap_err();
        let is_told = matches!(&error, Error::Stored { problem, .. } if problem.contains(told));
        assert!(is_told, "{error}");
    }
}
