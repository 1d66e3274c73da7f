//! Definitions of reports in the store: what cannot be is refused with its column, each change is a
//! version, and one tenant's are not another's.

use super::place;
use desk::bootstrap::Defaults;
use desk::report_definition::{ReportDefinitionDraft, VERSIONS_KEPT};
use desk::saved_report::{Parameters, SavedReportDraft};
use desk::schedule::planner::RelativePeriod;
use desk::{By, Error};
use serde_json::{Value, json};
use terms::{TenantId, Timestamp};

const NOON: Timestamp = Timestamp::from_secs(1_795_406_400);

fn column(id: &str, kind: &str, total: &str) -> Value {
    json!({"id": id, "title": {"zh": id, "en": id}, "kind": kind, "total": total})
}

fn document() -> Value {
    json!({
        "title": {"zh": "来电", "en": "Calls"},
        "sql": "SELECT queue_id, COUNT(*) AS calls, COUNT(agent_id) AS answered FROM calls",
        "columns": [
            column("queue_id", "queue", "none"),
            column("calls", "count", "sum"),
            column("answered", "count", "sum"),
        ],
        "chart": {"kind": "stacked_bar", "label": "queue_id", "series": ["calls", "answered"]},
        "roles": ["manager"],
    })
}

fn draft(document: Value) -> ReportDefinitionDraft {
    serde_json::from_value(document).unwrap()
}

fn refused(change: impl FnOnce(&mut Value)) -> String {
    let mut document = document();
    change(&mut document);
    draft(document).checked().unwrap_err().to_string()
}

#[test]
fn a_definition_that_cannot_be_is_refused_with_its_column() {
    draft(document()).checked().unwrap();
    for (said, is) in [
        ("roles: ", refused(|it| it["roles"] = json!([]))),
        ("roles: ", refused(|it| it["roles"] = json!(["agent", "manager"]))),
        ("sql: ", refused(|it| it["sql"] = json!(" "))),
        ("columns: 1-40", refused(|it| it["columns"] = json!([]))),
        ("title: a title begins", refused(|it| it["title"]["en"] = json!("=1+1"))),
        (
            "columns: column \"calls\" stands there twice",
            refused(|it| it["columns"][2]["id"] = json!("calls")),
        ),
        (
            "columns: column \"calls\" needs over",
            refused(|it| it["columns"][1]["kind"] = json!("percent")),
        ),
        (
            "columns: column \"calls\" is not divided",
            refused(|it| it["columns"][1]["over"] = json!("answered")),
        ),
        (
            "columns: column \"queue_id\" has no total",
            refused(|it| it["columns"][0]["total"] = json!("sum")),
        ),
        (
            "chart: there is no column \"gone\"",
            refused(|it| it["chart"]["series"][0] = json!("gone")),
        ),
        ("chart: this chart takes 1-1", refused(|it| it["chart"]["kind"] = json!("bar"))),
        ("chart: bars and lines have a label", refused(|it| it["chart"]["kind"] = json!("pie"))),
        ("chart: squares have across", refused(|it| it["chart"]["across"] = json!("answered"))),
        (
            "chart: there is no column \"gone\"",
            refused(|it| {
                it["chart"] = json!({
                    "kind": "heat", "label": "queue_id", "across": "gone", "series": ["calls"],
                });
            }),
        ),
        (
            "chart: squares show a number",
            refused(|it| {
                it["chart"] = json!({
                    "kind": "heat", "label": "calls", "across": "calls", "series": ["queue_id"],
                });
            }),
        ),
        (
            "behind: 1-40 letters",
            refused(|it| it["behind"] = json!({"table": "calls; DROP", "key": "call_id"})),
        ),
        (
            "behind: a condition of 1-2000 bytes",
            refused(|it| {
                it["behind"] = json!({"table": "calls", "key": "call_id", "only": ""});
            }),
        ),
        ("chart: counts are drawn", refused(|it| it["chart"]["series"][0] = json!("queue_id"))),
    ] {
        assert!(is.starts_with(said), "{is}");
    }
}

#[tokio::test]
async fn each_change_is_a_version_and_what_a_saved_report_makes_stays() {
    let folder = tempfile::tempdir().unwrap();
    let store = place::open(folder.path()).await;
    let defaults = Defaults::with_flow(json!({"start": "hello", "steps": {}}));
    let tenant = store.bootstrap(&defaults, NOON).await.unwrap().expect("it was empty").tenant;
    let by = By::system("test", NOON);
    let made = store.put_report_definition(tenant, &by, "calls", &draft(document())).await.unwrap();
    assert_eq!((made.version, made.draft.roles.len()), (1, 1));
    let mut changed = document();
    changed["roles"] = json!(["manager", "supervisor"]);
    let changed = draft(changed);
    let last = VERSIONS_KEPT + 3;
    for version in 2..=last {
        let made = store.put_report_definition(tenant, &by, "calls", &changed).await.unwrap();
        assert_eq!(i64::from(made.version), version);
    }
    let listed = store.report_definitions(tenant).await.unwrap();
    assert_eq!(listed.len(), 1);
    assert_eq!((i64::from(listed[0].version), listed[0].draft.roles.len()), (last, 2));
    let versions = store.report_definition_versions(tenant, "calls").await.unwrap();
    assert_eq!(versions.len() as i64, VERSIONS_KEPT);
    assert_eq!(i64::from(versions[0].version), last);

    let stranger = TenantId(tenant.0 + 1);
    assert_eq!(store.report_definitions(stranger).await.unwrap(), []);
    let unseen = store.report_definition(stranger, "calls").await;
    assert!(matches!(unseen, Err(Error::NotFound { .. })), "{unseen:?}");
    let unseen = store.remove_report_definition(stranger, &by, "calls").await;
    assert!(matches!(unseen, Err(Error::NotFound { .. })), "{unseen:?}");

    let saved = SavedReportDraft {
        name: "Calls".into(),
        report: "own.calls".into(),
        period: RelativePeriod::Yesterday,
        format: "csv".into(),
        language: "en".into(),
        parameters: Parameters::new(),
        paper: None,
        orientation: None,
    };
    let saved = store.create_saved_report(tenant, &by, &saved).await.unwrap();
    let kept = store.remove_report_definition(tenant, &by, "calls").await;
    assert!(matches!(kept, Err(Error::Refused(_))), "{kept:?}");
    store.remove_saved_report(tenant, &by, saved.id).await.unwrap();
    store.remove_report_definition(tenant, &by, "calls").await.unwrap();
    assert_eq!(store.report_definitions(tenant).await.unwrap(), []);
    let audit = store.audit(tenant, None, 100).await.unwrap();
    let of = |action: &str| audit.iter().filter(|row| row.action == action).count() as i64;
    assert_eq!((of("report_definition.put"), of("report_definition.remove")), (last, 1));
}
