//! Tokens for SQL from the outside, on a real file.

use super::place;
use desk::bootstrap::Defaults;
use desk::token::NewToken;
use desk::{By, Error, Role};
use serde_json::json;
use std::time::Duration;
use terms::Timestamp;

const NOON: Timestamp = Timestamp::from_secs(1_795_406_400);

fn by() -> By {
    By { user: None, source: "192.0.2.1".into(), at: NOON }
}

#[tokio::test]
async fn a_token_for_sql_is_proved_by_its_verifier_and_good_for_nothing_else() {
    let folder = tempfile::tempdir().unwrap();
    let store = place::open(folder.path()).await;
    let defaults = Defaults::with_flow(json!({"start": "hello", "steps": {}}));
    let first = store.bootstrap(&defaults, NOON).await.unwrap().expect("the store was empty");
    let (tenant, (login, password)) = (first.tenant, &first.administrator);
    let who = store.sign_in(None, login, password.expose()).await.unwrap().unwrap();
    let new = NewToken { name: "BI".into(), role: Role::Manager, days: 1, sql: true };
    let (token, secret) = store.create_token(tenant, &by(), who.user, &new).await.unwrap();
    let name = token.sql_user.expect("it has a name for the door");
    assert_eq!(name, format!("sql_{}", token.id));
    assert!(store.authenticate(secret.expose(), NOON).await.unwrap().is_none());

    let (verifier, id) = store.sql_verifier(&name, NOON).await.unwrap().unwrap();
    assert_eq!(id, token.id);
    assert!(!verifier.to_text().contains(secret.expose()));
    let seen = store.sql_identity(id, NOON).await.unwrap().unwrap();
    assert_eq!((seen.tenant, seen.user, seen.role), (tenant, who.user, Role::Manager));

    let tomorrow = NOON + Duration::from_secs(86_400);
    assert!(store.sql_verifier(&name, tomorrow).await.unwrap().is_none());
    assert!(store.sql_identity(id, tomorrow).await.unwrap().is_none());
    for wrong in ["", "sql_", "sql_0", "sql_1 OR 1=1", login] {
        assert!(store.sql_verifier(wrong, NOON).await.unwrap().is_none(), "{wrong}");
    }
    store.revoke_token(tenant, &by(), token.id, None).await.unwrap();
    assert!(store.sql_verifier(&name, NOON).await.unwrap().is_none());
    assert!(store.sql_identity(id, NOON).await.unwrap().is_none());

    let low = NewToken { role: Role::Supervisor, ..new };
    let refused = store.create_token(tenant, &by(), who.user, &low).await;
    assert!(matches!(refused, Err(Error::Invalid { .. })), "a supervisor may not ask in SQL");
    let program = NewToken { name: "export".into(), role: Role::Manager, days: 1, sql: false };
    let (token, _) = store.create_token(tenant, &by(), who.user, &program).await.unwrap();
    assert_eq!(token.sql_user, None);
    let name = format!("sql_{}", token.id);
    assert!(store.sql_verifier(&name, NOON).await.unwrap().is_none(), "no token for SQL");
    assert!(store.sql_identity(token.id, NOON).await.unwrap().is_none());
}
