//! Four eyes on a flow, in the store.

use super::place;
use desk::bootstrap::Defaults;
use desk::flow::{Decision, FlowDraft, ReviewState};
use desk::user::NewUser;
use desk::{By, Error, Role};
use serde_json::json;
use terms::{Timestamp, UserId};

const NOON: Timestamp = Timestamp::from_secs(1_795_406_400);

fn by(user: UserId) -> By {
    By { user: Some(user), source: "192.0.2.1".into(), at: NOON }
}

#[tokio::test]
async fn a_tenant_with_one_administrator_publishes_alone_and_one_with_two_does_not() {
    let folder = tempfile::tempdir().unwrap();
    let store = place::open(folder.path()).await;
    let defaults = Defaults::with_flow(json!({"start": "hello", "steps": {}}));
    let t = store.bootstrap(&defaults, NOON).await.unwrap().expect("it was empty").tenant;
    let users = store.users(t).await.unwrap();
    let first = users.iter().find(|user| user.role == Role::Administrator).unwrap().id;
    let flow = store.flows(t).await.unwrap()[0].clone();
    let yes = Decision { approve: true, reason: String::new() };
    let alone = store.publish_flow(t, &by(first), flow.id, 1, "").await.unwrap();
    assert_eq!((alone.version, alone.approved_by), (2, None));
    let own = store.ask_flow_review(t, &by(first), flow.id, 1, "").await.unwrap();
    let own = store.decide_flow_review(t, &by(first), flow.id, own.id, &yes).await.unwrap();
    assert_eq!(own.state, ReviewState::Approved, "nobody else could");

    let new = NewUser {
        login: "second".into(),
        name: "second".into(),
        role: Role::Administrator,
        password: "a-good-password".into(),
    };
    let second = store.create_user(t, &by(first), &new).await.unwrap().id;
    let draft = FlowDraft { name: flow.name.clone(), document: json!({"v": 2}) };
    store.change_flow(t, &by(first), flow.id, 1, &draft).await.unwrap();
    let early = store.publish_flow(t, &by(second), flow.id, 2, "").await;
    assert!(matches!(early, Err(Error::Refused(_))), "{early:?}");
    // Whoever asks in the place of the author does not decide either.
    let asked = store.ask_flow_review(t, &by(second), flow.id, 2, "").await.unwrap();
    for user in [first, second] {
        let decided = store.decide_flow_review(t, &by(user), flow.id, asked.id, &yes).await;
        assert!(matches!(decided, Err(Error::Refused(_))), "{decided:?}");
    }
    let asked = store.ask_flow_review(t, &by(first), flow.id, 2, "").await.unwrap();
    store.decide_flow_review(t, &by(second), flow.id, asked.id, &yes).await.unwrap();
    let made = store.publish_flow(t, &by(first), flow.id, 2, "").await.unwrap();
    assert_eq!((made.version, made.approved_by), (3, Some(second)));

    // What was published is not new any more: who wrote it may look at what others write next.
    store.change_flow(t, &by(second), flow.id, 2, &draft).await.unwrap();
    let asked = store.ask_flow_review(t, &by(second), flow.id, 3, "").await.unwrap();
    store.decide_flow_review(t, &by(first), flow.id, asked.id, &yes).await.unwrap();
    store.close().await;

    for sql in [
        "UPDATE flow_reviews SET state = 'rejected' WHERE state = 'approved'",
        "DELETE FROM flow_reviews",
        "UPDATE flow_edits SET edited_by = NULL",
        "DELETE FROM flow_edits",
    ] {
        let error = place::sql(folder.path(), sql).await.unwrap_err();
        assert!(error.contains("only grows") || error.contains("never changes"), "{sql}: {error}");
    }
}
