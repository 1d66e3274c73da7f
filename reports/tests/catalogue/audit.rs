//! Who did what.

use super::{OURS, Store, THEIRS, at, lines, shanghai, store};
use reports::catalogue::AUDIT;
use reports::{Names, Params, Period, ReportTable, run};
use terms::record::{Audit, Row};
use terms::{TenantId, UserId};
use warehouse::{Limits, Scope, Session};

pub(super) fn entry(tenant: TenantId, id: i64, user: u64, action: &str, done_at: &str) -> Row {
    Row::Audit(Audit {
        tenant_id: tenant,
        audit_id: id,
        done_at: shanghai(done_at),
        user_id: (user > 0).then_some(UserId(user)),
        login: (user > 0).then(|| format!("u{user}")),
        source: "192.0.2.1".to_owned(),
        action: action.to_owned(),
        subject: id.to_string(),
    })
}

async fn audit(store: &Store, user: Option<UserId>, action: Option<&str>) -> ReportTable {
    let scope = Scope { audit: true, ..Scope::of(OURS) };
    let session = Session::open(&store.warehouse, scope, Limits::default()).await.unwrap();
    let now = at("UTC", "2026-11-24 12:00:00");
    let period = Period::parse("2026-11-23", "Asia/Shanghai", now).expect("a good period");
    let params = Params::new(period, now, "江城燃气热线", Names::default());
    let params = Params { user, action: action.map(str::to_owned), ..params };
    run(&session, &AUDIT, &params).await.expect("the report runs")
}

#[tokio::test]
async fn the_audit_tells_who_did_what_by_person_action_and_period() {
    let store = store(vec![
        entry(OURS, 1, 1, "session.open", "2026-11-22 23:59:59"),
        entry(OURS, 2, 1, "recording.fetch", "2026-11-23 09:00:00"),
        entry(OURS, 3, 2, "recording.export", "2026-11-23 10:00:00"),
        entry(OURS, 4, 0, "recordings.purge", "2026-11-23 11:00:00"),
        entry(THEIRS, 5, 1, "recording.fetch", "2026-11-23 12:00:00"),
    ])
    .await;
    let all = audit(&store, None, None).await;
    assert_eq!(
        lines(&all)[..3],
        [
            "2026-11-23 11:00:00 — recordings.purge 4 192.0.2.1",
            "2026-11-23 10:00:00 u2 recording.export 3 192.0.2.1",
            "2026-11-23 09:00:00 u1 recording.fetch 2 192.0.2.1",
        ]
    );
    for row in all.data_rows() {
        let condition = row.behind.as_ref().expect("every row has a condition");
        assert_eq!(condition.table, "audit");
    }
    let told = async |user: Option<u64>, action: Option<&str>| {
        let table = audit(&store, user.map(UserId), action).await;
        table.data_rows().map(|row| row.cells[3].clone()).collect::<Vec<_>>()
    };
    let text = |id: &str| reports::Cell::Text(id.to_owned());
    assert_eq!(told(Some(1), None).await, [text("2")]);
    assert_eq!(told(None, Some("recording")).await, [text("3"), text("2")]);
    assert_eq!(told(None, Some("recording.fetch")).await, [text("2")]);
    assert!(told(Some(2), Some("recording.fetch")).await.is_empty());
    assert!(told(None, Some("' OR 1 = 1 --")).await.is_empty());
}
