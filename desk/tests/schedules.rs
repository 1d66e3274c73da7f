//! Schedules in the store: what cannot be is refused, a due time has one run, and who lost a lease
//! changes nothing.

use super::place;
use desk::bootstrap::Defaults;
use desk::report_setting::{ReportSettings, ServiceLevelFormula};
use desk::saved_report::{PARAMETERS_MAX, Parameters, SavedReportDraft};
use desk::schedule::planner::{Misfire, RelativePeriod};
use desk::schedule::run::{DeliveryState, LEASE_US, RunFile, RunState};
use desk::schedule::target::Target;
use desk::schedule::{Hidden, Schedule, ScheduleDraft};
use desk::{By, Error, Store};
use serde_json::json;
use terms::{SavedReportId, ScheduleId, TenantId, Timestamp};

/// 2026-11-23T04:00:00Z, Monday noon in Shanghai.
const NOON: Timestamp = Timestamp::from_secs(1_795_406_400);
const HOUR_US: i64 = 3_600_000_000;

fn by() -> By {
    By { user: None, source: "192.0.2.1".into(), at: NOON }
}

fn after(hours: i64) -> Timestamp {
    Timestamp(NOON.0 + hours * HOUR_US)
}

struct Desk {
    folder: tempfile::TempDir,
    store: Store,
    tenant: TenantId,
    saved: SavedReportId,
}

async fn desk() -> Desk {
    let folder = tempfile::tempdir().unwrap();
    let store = place::open(folder.path()).await;
    let defaults = Defaults::with_flow(json!({"start": "hello", "steps": {}}));
    let tenant = store.bootstrap(&defaults, NOON).await.unwrap().expect("it was empty").tenant;
    let draft = SavedReportDraft {
        name: "Workload".into(),
        report: "workload".into(),
        period: RelativePeriod::Yesterday,
        format: "pdf".into(),
        language: "en".into(),
        parameters: Parameters::new(),
        paper: None,
        orientation: None,
    };
    let saved = store.create_saved_report(tenant, &by(), &draft).await.unwrap().id;
    Desk { folder, store, tenant, saved }
}

fn daily(desk: &Desk) -> ScheduleDraft {
    ScheduleDraft {
        name: "Daily".into(),
        saved_report: desk.saved,
        more: Vec::new(),
        cron: "0 8 * * *".into(),
        time_zone: None,
        calendar: None,
        misfire: Misfire::RunOnce,
        until: None,
        enabled: true,
        targets: vec![Target::Mail { to: vec!["office@example.com".into()] }, Target::S3 {}],
        webhook_secret: Hidden(None),
    }
}

/// Plans what is due at `now`.
async fn plan(desk: &Desk, now: Timestamp) {
    for mut planned in desk.store.schedules_to_plan(desk.tenant).await.unwrap() {
        let dues = planned.planner.handle_time(now);
        let through = planned.planner.through();
        desk.store.note_due(desk.tenant, &planned, &dues, through).await.unwrap();
    }
}

#[tokio::test]
async fn a_schedule_that_cannot_be_is_refused_by_its_field() {
    let desk = desk().await;
    let refused = async |change: fn(&mut ScheduleDraft)| {
        let mut draft = daily(&desk);
        change(&mut draft);
        match desk.store.create_schedule(desk.tenant, &by(), &draft).await {
            Err(Error::Invalid { field, problem }) => format!("{field}: {problem}"),
            other => panic!("{other:?}"),
        }
    };
    assert!(
        refused(|d| d.until = Some(after(-1))).await.starts_with("until: a time in the future")
    );
    let never = refused(|d| d.cron = "0 0 30 2 *".into()).await;
    assert_eq!(never, "cron: this schedule never comes due");
    // It would come at 8:00, but is over at 7:00.
    let over = refused(|d| d.until = Some(after(19))).await;
    assert_eq!(over, "cron: this schedule never comes due");
    assert!(refused(|d| d.cron = "0 25 * * *".into()).await.contains("is no hour"));
    assert!(
        refused(|d| d.time_zone = Some("Mars/Olympus".into()))
            .await
            .starts_with("time_zone: an IANA")
    );
    let calendar = refused(|d| d.calendar = Some("moon".into())).await;
    assert_eq!(calendar, "calendar: there are no opening hours \"moon\"");
    let unsigned =
        refused(|d| d.targets = vec![Target::Webhook { url: "https://x.example".into() }]);
    assert!(unsigned.await.starts_with("webhook_secret: a webhook needs a secret"));
    assert!(refused(|d| d.webhook_secret = Hidden(Some("short".into()))).await.contains("16-200"));
    let gone = ScheduleDraft { saved_report: SavedReportId(999), ..daily(&desk) };
    let gone = desk.store.create_schedule(desk.tenant, &by(), &gone).await;
    assert!(matches!(gone, Err(Error::NotFound { what: "saved report", .. })), "{gone:?}");
}

#[tokio::test]
async fn a_schedule_that_is_over_is_refused_when_it_is_made_and_when_it_is_changed() {
    let desk = desk().await;
    let made = desk.store.create_schedule(desk.tenant, &by(), &daily(&desk)).await.unwrap();
    let said = |result: desk::Result<Schedule>| match result {
        Err(Error::Invalid { field, problem }) => format!("{field}: {problem}"),
        other => panic!("{other:?}"),
    };
    // What ends at this very moment is over too.
    for until in [after(-24), after(0)] {
        let over = ScheduleDraft { until: Some(until), name: "Over".into(), ..daily(&desk) };
        let refused = desk.store.create_schedule(desk.tenant, &by(), &over).await;
        assert_eq!(said(refused), "until: a time in the future is needed");
        let refused = desk.store.put_schedule(desk.tenant, &by(), made.id, &over).await;
        assert_eq!(said(refused), "until: a time in the future is needed");
    }
    let kept = desk.store.schedule(desk.tenant, made.id).await.unwrap();
    assert_eq!((kept.draft.until, kept.draft.name), (None, made.draft.name));
}

#[tokio::test]
async fn a_due_time_has_one_run_that_keeps_what_it_was_to_do() {
    let desk = desk().await;
    let made = desk.store.create_schedule(desk.tenant, &by(), &daily(&desk)).await.unwrap();
    assert_eq!(made.next_at.unwrap().to_string(), "2026-11-24T00:00:00.000Z");
    plan(&desk, after(20)).await;
    plan(&desk, after(20)).await;
    let runs = desk.store.report_runs(desk.tenant, Some(made.id), None, 10).await.unwrap();
    assert_eq!(runs.len(), 1);
    assert_eq!((runs[0].work.period.as_str(), runs[0].state), ("2026-11-23", RunState::Waiting));
    assert_eq!(runs[0].deliveries.len(), 2);
    assert_ne!(runs[0].deliveries[0].key, runs[0].deliveries[1].key);
    // Two days nobody was here: the last one is made, the other is told.
    plan(&desk, after(72)).await;
    let runs = desk.store.report_runs(desk.tenant, Some(made.id), None, 10).await.unwrap();
    let states: Vec<RunState> = runs.iter().map(|run| run.state).collect();
    assert_eq!(states, [RunState::Waiting, RunState::Missed, RunState::Waiting]);
    assert!(runs[1].deliveries.is_empty());
    // The schedule goes, its runs stay; the saved report can go then.
    let used = desk.store.remove_saved_report(desk.tenant, &by(), desk.saved).await;
    assert!(matches!(used, Err(Error::InUse { .. })), "{used:?}");
    desk.store.remove_schedule(desk.tenant, &by(), made.id).await.unwrap();
    desk.store.remove_saved_report(desk.tenant, &by(), desk.saved).await.unwrap();
    assert_eq!(desk.store.report_runs(desk.tenant, None, None, 10).await.unwrap().len(), 3);
    let other = TenantId(desk.tenant.0 + 1);
    assert!(desk.store.report_runs(other, None, None, 10).await.unwrap().is_empty());
    assert!(desk.store.report_run(other, runs[0].id).await.is_err());
}

#[tokio::test]
async fn a_run_that_was_asked_for_at_its_due_time_is_not_made_again() {
    let desk = desk().await;
    let made = desk.store.create_schedule(desk.tenant, &by(), &daily(&desk)).await.unwrap();
    let at = By { at: after(20), ..by() };
    assert_eq!(made.next_at, Some(at.at));
    let asked = desk.store.run_schedule(desk.tenant, &at, made.id).await.unwrap();
    plan(&desk, after(20)).await;
    let runs = desk.store.report_runs(desk.tenant, None, None, 10).await.unwrap();
    assert_eq!(runs.iter().map(|run| run.id).collect::<Vec<_>>(), [asked.id]);
    assert!(runs[0].work.manual && runs[0].deliveries.len() == 2, "{runs:?}");
    plan(&desk, after(44)).await;
    let runs = desk.store.report_runs(desk.tenant, None, None, 10).await.unwrap();
    assert_eq!(runs.len(), 2, "the schedule goes on");
}

#[tokio::test]
async fn a_changed_schedule_begins_anew_and_one_that_is_off_is_not_due() {
    let desk = desk().await;
    let made = desk.store.create_schedule(desk.tenant, &by(), &daily(&desk)).await.unwrap();
    let planned = desk.store.schedules_to_plan(desk.tenant).await.unwrap();
    let late = By { at: after(20), ..by() };
    desk.store.put_schedule(desk.tenant, &late, made.id, &daily(&desk)).await.unwrap();
    // What was read before the change is not kept.
    let mut old = planned[0].clone();
    let dues = old.planner.handle_time(after(20));
    assert_eq!(dues.len(), 1);
    desk.store.note_due(desk.tenant, &old, &dues, after(20)).await.unwrap();
    plan(&desk, after(20)).await;
    assert!(desk.store.report_runs(desk.tenant, None, None, 10).await.unwrap().is_empty());
    let off = ScheduleDraft { enabled: false, ..daily(&desk) };
    let off = desk.store.put_schedule(desk.tenant, &late, made.id, &off).await.unwrap();
    assert_eq!(off.next_at, None);
    plan(&desk, after(100)).await;
    assert!(desk.store.report_runs(desk.tenant, None, None, 10).await.unwrap().is_empty());
    let run = desk.store.run_schedule(desk.tenant, &late, made.id).await.unwrap();
    assert!(run.work.manual && run.due_at == late.at);
    let gone = desk.store.run_schedule(desk.tenant, &late, ScheduleId(999)).await;
    assert!(matches!(gone, Err(Error::NotFound { .. })));
}

#[tokio::test]
async fn who_lost_the_lease_changes_nothing() {
    let desk = desk().await;
    desk.store.create_schedule(desk.tenant, &by(), &daily(&desk)).await.unwrap();
    plan(&desk, after(20)).await;
    let now = after(20);
    let first = desk.store.claim_run(desk.tenant, 1, now).await.unwrap().unwrap();
    assert_eq!(desk.store.claim_run(desk.tenant, 2, now).await.unwrap(), None, "it is held");
    let later = Timestamp(now.0 + LEASE_US);
    let second = desk.store.claim_run(desk.tenant, 2, later).await.unwrap().unwrap();
    assert_eq!(second.run, first.run);
    let file = RunFile { name: "x.pdf".into(), bytes: 1, content_type: "application/pdf".into() };
    let lost = [
        desk.store.note_run_made(&first, &file, &[]).await,
        desk.store.note_sending(&first, 0, later).await,
        desk.store.note_delivery(&first, 0, DeliveryState::Delivered, "", later).await,
        desk.store.postpone_run(&first, later, "", true).await,
        desk.store.end_run(&first, RunState::Done, "", later).await,
    ];
    assert!(lost.iter().all(|one| matches!(one, Err(Error::Refused(_)))), "{lost:?}");
    let run = desk.store.report_run(desk.tenant, first.run).await.unwrap();
    assert_eq!((run.state, run.attempts, run.file), (RunState::Waiting, 0, None));
    assert!(run.deliveries.iter().all(|one| one.state == DeliveryState::Waiting));
    desk.store.note_sending(&second, 0, later).await.unwrap();
    let run = desk.store.report_run(desk.tenant, first.run).await.unwrap();
    assert_eq!(run.deliveries[0].state, DeliveryState::Sending);
    // The lease began anew with it.
    let soon = Timestamp(later.0 + LEASE_US - 1);
    assert_eq!(desk.store.claim_run(desk.tenant, 3, soon).await.unwrap(), None);
    // A process that begins ends it, for the ghost of the one before too.
    desk.store.end_leases(desk.tenant).await.unwrap();
    assert!(desk.store.note_sending(&second, 1, soon).await.is_err());
    assert!(desk.store.claim_run(desk.tenant, 3, soon).await.unwrap().is_some());
}

#[tokio::test]
async fn the_secret_of_a_webhook_is_sealed_and_stays_until_another_is_given() {
    let desk = desk().await;
    let draft = ScheduleDraft {
        targets: vec![Target::Webhook { url: "https://x.example/in".into() }],
        webhook_secret: Hidden(Some("4711471147114711".into())),
        ..daily(&desk)
    };
    let made = desk.store.create_schedule(desk.tenant, &by(), &draft).await.unwrap();
    let same = ScheduleDraft { webhook_secret: Hidden(None), ..draft };
    desk.store.put_schedule(desk.tenant, &by(), made.id, &same).await.unwrap();
    let secret = desk.store.webhook_secret(desk.tenant, made.id).await.unwrap().unwrap();
    assert_eq!(secret.expose(), "4711471147114711");
    assert!(!serde_json::to_string(&made).unwrap().contains("4711"));
    let bytes = place::bytes(desk.folder.path()).await;
    let holds = |text: &str| bytes.windows(text.len()).any(|window| window == text.as_bytes());
    assert!(holds("x.example/in"), "the right files were read");
    assert!(!holds("4711471147114711"));
}

#[tokio::test]
async fn further_reports_are_planned_with_the_first_and_stay_while_a_schedule_makes_them() {
    let desk = desk().await;
    let draft = SavedReportDraft {
        name: "Queues".into(),
        report: "queue_summary".into(),
        period: RelativePeriod::LastMonth,
        format: "csv".into(),
        language: "zh-CN".into(),
        parameters: Parameters::new(),
        paper: None,
        orientation: None,
    };
    let second = desk.store.create_saved_report(desk.tenant, &by(), &draft).await.unwrap().id;
    for more in [vec![desk.saved], vec![second, second], vec![second; 20]] {
        let twice = ScheduleDraft { more, ..daily(&desk) };
        let refused = desk.store.create_schedule(desk.tenant, &by(), &twice).await;
        assert!(matches!(refused, Err(Error::Invalid { field: "more", .. })), "{refused:?}");
    }
    let gone = ScheduleDraft { more: vec![SavedReportId(999)], ..daily(&desk) };
    let refused = desk.store.create_schedule(desk.tenant, &by(), &gone).await;
    assert!(matches!(refused, Err(Error::NotFound { .. })), "{refused:?}");

    let pack = ScheduleDraft { more: vec![second], ..daily(&desk) };
    let made = desk.store.create_schedule(desk.tenant, &by(), &pack).await.unwrap();
    plan(&desk, after(20)).await;
    let run = desk.store.report_runs(desk.tenant, Some(made.id), None, 10).await.unwrap().remove(0);
    let [part] = run.work.more.as_slice() else { panic!("{run:?}") };
    assert_eq!((run.work.report.as_str(), run.work.format.as_str()), ("workload", "pdf"));
    assert_eq!((part.report.as_str(), part.period.as_str()), ("queue_summary", "2026-10"));
    assert_eq!(run.deliveries.len(), 2, "one delivery to each target");

    let used = desk.store.remove_saved_report(desk.tenant, &by(), second).await;
    assert!(matches!(used, Err(Error::InUse { .. })), "{used:?}");
    desk.store.put_schedule(desk.tenant, &by(), made.id, &daily(&desk)).await.unwrap();
    desk.store.remove_saved_report(desk.tenant, &by(), second).await.unwrap();
}

fn queues(parameters: Parameters) -> SavedReportDraft {
    SavedReportDraft {
        name: "Queues".into(),
        report: "queue_summary".into(),
        period: RelativePeriod::Yesterday,
        format: "csv".into(),
        language: "en".into(),
        parameters,
        paper: None,
        orientation: None,
    }
}

fn given(parameters: &[(&str, &str)]) -> Parameters {
    let given = parameters.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
    given.collect()
}

#[tokio::test]
async fn what_reports_go_by_is_each_tenants_own() {
    let desk = desk().await;
    let settings = ReportSettings {
        service_level_s: 30,
        service_level_formula: ServiceLevelFormula::F4,
        day_begins: "04:30".into(),
        ..ReportSettings::default()
    };
    let read = async || desk.store.report_settings(desk.tenant).await.unwrap();
    assert_eq!(read().await, ReportSettings::default());
    desk.store.put_report_settings(desk.tenant, &by(), &settings).await.unwrap();
    assert_eq!(read().await, settings);
    let impossible = ReportSettings { repeat_days: 0, ..settings.clone() };
    let refused = desk.store.put_report_settings(desk.tenant, &by(), &impossible).await;
    assert!(matches!(refused, Err(Error::Invalid { field: "repeat_days", .. })), "{refused:?}");
    assert_eq!(read().await, settings, "it is as it was");
    let nobody = desk.store.put_report_settings(TenantId(99), &by(), &settings).await;
    assert!(matches!(nobody, Err(Error::NotFound { .. })), "{nobody:?}");
}

#[tokio::test]
async fn a_run_keeps_its_parameters_and_the_day_of_the_tenant_in_its_zone() {
    let desk = desk().await;
    let settings = ReportSettings { day_begins: "17:00".into(), ..ReportSettings::default() };
    desk.store.put_report_settings(desk.tenant, &by(), &settings).await.unwrap();
    let parameters = given(&[("service_level_s", "30"), ("zone", " America/Los_Angeles ")]);
    let second = queues(parameters.clone());
    let second = desk.store.create_saved_report(desk.tenant, &by(), &second).await.unwrap();
    assert_eq!(second.draft.parameters, parameters);
    let pack = ScheduleDraft { more: vec![second.id], ..daily(&desk) };
    let made = desk.store.create_schedule(desk.tenant, &by(), &pack).await.unwrap();
    plan(&desk, after(20)).await;
    let run = desk.store.report_runs(desk.tenant, Some(made.id), None, 10).await.unwrap().remove(0);
    // Due on the 24th at eight in Shanghai, where the 23rd goes on; in Los Angeles it is an hour
    // before the 23rd begins.
    assert_eq!((run.work.period.as_str(), &run.work.parameters), ("2026-11-22", &given(&[])));
    let [part] = run.work.more.as_slice() else { panic!("{run:?}") };
    assert_eq!((part.period.as_str(), &part.parameters), ("2026-11-21", &parameters));
}

#[tokio::test]
async fn parameters_are_few_short_texts_by_short_names() {
    let desk = desk().await;
    let many: Parameters = (0..=PARAMETERS_MAX).map(|n| (format!("p{n}"), String::new())).collect();
    let long = "x".repeat(201);
    for parameters in [
        many,
        given(&[("zone", "UTC\n")]),
        given(&[("zone", long.as_str())]),
        given(&[("a b", "1")]),
        given(&[("", "1")]),
    ] {
        let draft = queues(parameters);
        let refused = desk.store.create_saved_report(desk.tenant, &by(), &draft).await;
        assert!(matches!(refused, Err(Error::Invalid { field: "parameters", .. })), "{refused:?}");
    }
}
