//! Scheduled reports against receivers on loopback: a mail server, a webhook, a folder, an object
//! store. The process ends at each step, and nobody has a report twice.

mod beside;
mod mails;
mod marked;
mod paper;
mod progress;
mod replies;
mod sight;
mod smtp;

use super::*;
use crate::config::value::{Bytes, Secret, SmtpTls, Span};
use crate::logging::kept::Kept;
use crate::tier::cache::Cache;
use crate::tier::fragile::Fragile;
use crate::work::jobs::{Done, Problem};
use axum::http::HeaderMap;
use axum::routing::post;
use desk::By;
use desk::bootstrap::Defaults;
use desk::saved_report::{Parameters, SavedReportDraft};
use desk::schedule::planner::{Misfire, RelativePeriod};
use desk::schedule::run::LEASE_US;
use desk::schedule::{Hidden, Schedule};
use futures::future::BoxFuture;
use smtp::{Manner, Smtp};
use std::collections::BTreeSet;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering};
use terms::failpoint::{Fault, SCHEDULE_STEPS, arm, disarm};
use terms::{ReportRunId, ScheduleId};

/// 2026-11-23T04:00:00Z, Monday noon in Shanghai.
const NOON: Timestamp = Timestamp::from_secs(1_795_406_400);
const BODY: &[u8] = b"agent,calls\r\n1001,7\r\n";
const SECRET: &str = "4711471147114711";

/// Points of fault belong to the process: one test at a time.
static ONE: tokio::sync::Mutex<()> = tokio::sync::Mutex::const_new(());

/// A worker that gives the same bytes, or fails.
#[derive(Default)]
struct Worker {
    jobs: AtomicU64,
    fails: Mutex<Option<Problem>>,
    /// Cannot do the job of this number, from 1; none when 0.
    refuses: AtomicU64,
    /// What the last report says of who has it.
    marked: Mutex<Option<Mark>>,
    /// What each report is set on.
    papers: Mutex<Vec<Paper>>,
    /// Whose rows the last report reads.
    scope: Mutex<Option<JobScope>>,
}

impl WorkLink for Worker {
    fn run(&self, asked: Job) -> BoxFuture<'_, Result<Done, Problem>> {
        if let Job::Report(report) = asked {
            *self.scope.lock().unwrap() = Some(report.scope);
            *self.marked.lock().unwrap() = report.mark;
            self.papers.lock().unwrap().push(report.paper);
        }
        let job = self.jobs.fetch_add(1, Ordering::Relaxed) + 1;
        let result = match self.fails.lock().unwrap().clone() {
            Some(problem) => Err(problem),
            None if job == self.refuses.load(Ordering::Relaxed) => {
                Err(Problem::new(400, "report", "no such form", ""))
            }
            None => {
                let content_type = "text/csv; charset=utf-8".to_owned();
                Ok(Done { content_type, truncated: false, body: BODY.to_vec() })
            }
        };
        Box::pin(async move { result })
    }
}

/// Data that are complete when the test says so.
struct Data(AtomicBool);

impl Watermark for Data {
    fn reaches(
        &self,
        _: TenantId,
        until: Timestamp,
        now: Timestamp,
    ) -> BoxFuture<'_, Result<(), String>> {
        assert!(until <= now, "a period that has not ended is no schedule's");
        let is_complete = self.0.load(Ordering::Relaxed);
        Box::pin(async move {
            if is_complete { Ok(()) } else { Err("calls of its period go on: 2".to_owned()) }
        })
    }
}

/// A post that a webhook took: its headers and body.
type Posts = Arc<Mutex<Vec<(HeaderMap, Vec<u8>)>>>;

struct Rig {
    folder: tempfile::TempDir,
    store: Store,
    tenant: TenantId,
    config: Config,
    worker: Arc<Worker>,
    data: Arc<Data>,
    objects: Arc<Fragile>,
    smtp: Smtp,
    posts: Posts,
    hook: String,
    now: AtomicI64,
}

impl Rig {
    async fn new(manner: Manner) -> Rig {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(folder.path().join("desk.db").to_str().unwrap()).await.unwrap();
        let defaults = Defaults::with_flow(serde_json::json!({"start": "hello", "steps": {}}));
        let tenant = store.bootstrap(&defaults, NOON).await.unwrap().unwrap().tenant;
        let smtp = Smtp::start(folder.path(), manner).await;
        let (hook, posts) = webhook().await;
        std::fs::create_dir(folder.path().join("out")).unwrap();
        let mut config = Config::default();
        config.server.data = folder.path().to_owned();
        let schedules = &mut config.schedules;
        schedules.directories = vec![folder.path().join("out")];
        schedules.webhook_allowed = vec!["127.0.0.1".parse().unwrap()];
        schedules.smtp_host = smtp.address.ip().to_string();
        schedules.smtp_port = smtp.address.port();
        schedules.smtp_ca = smtp.ca.clone();
        schedules.smtp_user = "reports".into();
        schedules.smtp_password = Secret::new("hush-hush");
        schedules.mail_from = "Reports <reports@example.com>".into();
        schedules.link = "https://desk.example.com".into();
        Rig {
            folder,
            store,
            tenant,
            config,
            worker: Arc::default(),
            data: Arc::new(Data(AtomicBool::new(true))),
            objects: Arc::default(),
            smtp,
            posts,
            hook,
            now: AtomicI64::new(NOON.0),
        }
    }

    /// A process of its own: it may not hold the leases of another.
    fn process(&self) -> Schedules {
        let cache = Cache::new(self.folder.path().join("cache"), 1 << 20);
        let tier = Some(Arc::new(Tier::over(self.objects.clone(), "box-1", cache)));
        let (store, work) = (self.store.clone(), self.worker.clone());
        Schedules::open(&self.config, store, work, self.data.clone(), tier).unwrap()
    }

    fn wall(&self) -> Timestamp {
        Timestamp(self.now.load(Ordering::Relaxed))
    }

    fn advance(&self, by: Duration) {
        self.now.fetch_add(by.as_micros() as i64, Ordering::Relaxed);
    }

    fn by(&self) -> By {
        By::system("test", self.wall())
    }

    async fn schedule(&self, name: &str, targets: Vec<Target>) -> Schedule {
        self.pack(name, 1, targets).await
    }

    /// A schedule that makes so many reports in one run.
    async fn pack(&self, name: &str, reports: usize, targets: Vec<Target>) -> Schedule {
        let mut saved = Vec::new();
        for number in 1..=reports {
            let draft = SavedReportDraft {
                name: format!("{name} {number}"),
                report: "workload".into(),
                period: RelativePeriod::Yesterday,
                format: "csv".into(),
                language: "en".into(),
                parameters: Parameters::new(),
                paper: (number > 1).then(|| "a3".into()),
                orientation: (number == 1).then(|| "portrait".into()),
            };
            let made = self.store.create_saved_report(self.tenant, &self.by(), &draft).await;
            saved.push(made.unwrap().id);
        }
        let draft = ScheduleDraft {
            name: name.to_owned(),
            saved_report: saved[0],
            more: saved[1..].to_vec(),
            cron: "0 8 * * *".into(),
            time_zone: None,
            calendar: None,
            misfire: Misfire::RunOnce,
            until: None,
            enabled: true,
            targets,
            webhook_secret: Hidden(Some(SECRET.to_owned())),
        };
        self.store.create_schedule(self.tenant, &self.by(), &draft).await.unwrap()
    }

    /// Where a file goes of every kind, the mail first.
    fn everywhere(&self) -> Vec<Target> {
        let root = self.folder.path().join("out").to_str().unwrap().to_owned();
        vec![
            mail(),
            Target::Directory { root, path: "daily".into() },
            Target::S3 {},
            Target::Webhook { url: self.hook.clone() },
        ]
    }

    async fn run_now(&self, schedule: ScheduleId) -> ReportRunId {
        self.store.run_schedule(self.tenant, &self.by(), schedule).await.unwrap().id
    }

    async fn run(&self, run: ReportRunId) -> Run {
        self.store.report_run(self.tenant, run).await.unwrap()
    }

    /// Rounds of one process, an hour apart, until the run is over.
    async fn to_the_end(&self, process: &Schedules, run: ReportRunId) -> Run {
        for _ in 0..20 {
            process.round(|| self.wall()).await.unwrap();
            let found = self.run(run).await;
            if found.ended_at.is_some() {
                return found;
            }
            self.advance(Duration::from_secs(3_600));
        }
        panic!("the run does not end: {:?}", self.run(run).await);
    }

    /// Files that lie in the tenant's folder of the directory target, parts included.
    fn delivered(&self) -> Vec<String> {
        let folder = self.folder.path().join(format!("out/{}/daily", self.tenant));
        let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
        entries.map(|entry| entry.file_name().into_string().unwrap()).collect()
    }
}

fn mail() -> Target {
    Target::Mail { to: vec!["office@example.com".into(), "boss@example.com".into()] }
}

async fn webhook() -> (String, Posts) {
    let posts = Posts::default();
    let kept = posts.clone();
    let take = move |headers: HeaderMap, body: axum::body::Bytes| {
        kept.lock().unwrap().push((headers, body.to_vec()));
        async { axum::http::StatusCode::NO_CONTENT }
    };
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let app = axum::Router::new().route("/in", post(take));
    tokio::spawn(async move { axum::serve(listener, app).await });
    (format!("http://{address}/in"), posts)
}

fn header<'a>(headers: &'a HeaderMap, name: &str) -> &'a str {
    headers[name].to_str().unwrap()
}

/// The Message-ID of a mail.
fn message_id(mail: &str) -> &str {
    mail.lines().find_map(|line| line.strip_prefix("Message-ID: ")).expect("a mail has one")
}

#[tokio::test]
async fn nothing_is_delivered_twice_whichever_step_the_process_ends_at() {
    let _one = ONE.lock().await;
    let rig = Rig::new(Manner::Takes).await;
    let schedule = rig.schedule("Daily", rig.everywhere()).await;
    once_at_every_step(&rig, schedule.id, 1).await;
}

#[tokio::test]
async fn of_several_reports_in_one_run_none_is_delivered_twice_or_left_out() {
    let _one = ONE.lock().await;
    let rig = Rig::new(Manner::Takes).await;
    let schedule = rig.pack("Pack", 3, rig.everywhere()).await;
    once_at_every_step(&rig, schedule.id, 3).await;
}

/// How often a run of so many reports to four targets comes to a step.
fn passes(step: &str, reports: usize) -> usize {
    match step {
        "schedule.write" | "schedule.rename" => reports,
        "schedule.sending" | "schedule.sent" | "schedule.delivered" => 4,
        // Of the folder and of the object store.
        "schedule.part" => 2 * reports,
        _ => 1,
    }
}

async fn once_at_every_step(rig: &Rig, schedule: ScheduleId, reports: usize) {
    for step in SCHEDULE_STEPS {
        for pass in 1..=passes(step, reports) {
            let at = format!("{step}, pass {pass}");
            let (mails, posts, files) =
                (rig.smtp.mails().len(), rig.posts.lock().unwrap().len(), rig.delivered().len());
            let objects = rig.objects.names().await.len();
            let run = rig.run_now(schedule).await;
            arm(step, Fault::Eio, pass as u64);
            let ended = rig.process().round(|| rig.wall()).await;
            disarm(step);
            assert!(matches!(ended, Err(Error::Stopped(_))), "{at}: {ended:?}");
            // The lease is the dead process's until it ends.
            rig.process().round(|| rig.wall()).await.unwrap();
            assert_eq!(rig.run(run).await.ended_at, None, "{at}");
            rig.advance(Duration::from_micros(LEASE_US as u64));
            let done = rig.to_the_end(&rig.process(), run).await;

            let states: Vec<DeliveryState> = done.deliveries.iter().map(|one| one.state).collect();
            // Deliveries go beside one another: which of them comes to a step first is left open.
            let is_uncertain = states[0] == DeliveryState::Uncertain;
            let may_be = ["schedule.sending", "schedule.sent"].contains(step);
            assert!(may_be || !is_uncertain, "{at}");
            assert!(is_uncertain || states[0] == DeliveryState::Delivered, "{at}");
            assert!(
                states[1..].iter().all(|one| *one == DeliveryState::Delivered),
                "{at}: {done:?}"
            );
            let state = if is_uncertain { RunState::Partly } else { RunState::Done };
            assert_eq!(done.state, state, "{at}");
            let sent = usize::from(!(is_uncertain && *step == "schedule.sending"));
            assert_eq!(rig.smtp.mails().len() - mails, sent, "{at}");
            assert_eq!(rig.delivered().len() - files, reports, "{at}");
            assert_eq!(rig.objects.names().await.len() - objects, reports, "{at}");
            assert_eq!(done.more_files.len() + 1, reports, "{at}");
            let posts = rig.posts.lock().unwrap()[posts..].to_vec();
            let keys: BTreeSet<&str> =
                posts.iter().map(|(headers, _)| header(headers, "idempotency-key")).collect();
            assert_eq!(keys, BTreeSet::from([done.deliveries[3].key.as_str()]), "{at}");
        }
    }
}

#[tokio::test]
async fn the_next_process_of_the_box_goes_on_at_once() {
    let _one = ONE.lock().await;
    let rig = Rig::new(Manner::Takes).await;
    let schedule = rig.schedule("Daily", rig.everywhere()).await;
    let run = rig.run_now(schedule.id).await;
    arm("schedule.noted", Fault::Eio, 1);
    let ended = rig.process().round(|| rig.wall()).await;
    disarm("schedule.noted");
    assert!(matches!(ended, Err(Error::Stopped(_))), "{ended:?}");
    let next = rig.process();
    next.begin().await.unwrap();
    next.round(|| rig.wall()).await.unwrap();
    assert_eq!(rig.run(run).await.state, RunState::Done);
    assert_eq!(rig.worker.jobs.load(Ordering::Relaxed), 1, "the file was there");
}

#[tokio::test]
async fn a_run_is_planned_at_its_time_and_waits_until_its_data_are_complete() {
    let _one = ONE.lock().await;
    let rig = Rig::new(Manner::Takes).await;
    rig.schedule("Daily", rig.everywhere()).await;
    let process = rig.process();
    process.round(|| rig.wall()).await.unwrap();
    assert!(rig.store.report_runs(rig.tenant, None, None, 9).await.unwrap().is_empty());
    rig.data.0.store(false, Ordering::Relaxed);
    // Tuesday, 8:00 in Shanghai.
    rig.advance(Duration::from_secs(20 * 3_600));
    process.round(|| rig.wall()).await.unwrap();
    let waits = rig.store.report_runs(rig.tenant, None, None, 9).await.unwrap().remove(0);
    assert_eq!(
        (waits.state, waits.problem.as_str()),
        (RunState::Waiting, "calls of its period go on: 2")
    );
    assert_eq!((waits.work.period.as_str(), waits.attempts), ("2026-11-23", 0));
    assert_eq!(rig.worker.jobs.load(Ordering::Relaxed), 0);
    rig.data.0.store(true, Ordering::Relaxed);
    process.round(|| rig.wall()).await.unwrap();
    assert_eq!(rig.run(waits.id).await.state, RunState::Waiting, "it is asked once a minute");
    rig.advance(DATA_EVERY);
    process.round(|| rig.wall()).await.unwrap();
    let done = rig.run(waits.id).await;
    assert_eq!((done.state, done.problem.as_str()), (RunState::Done, ""));
    let file = done.file.unwrap();
    assert_eq!(file.name, format!("workload-2026-11-23-{}.csv", done.id));
    assert_eq!(process.read(rig.tenant, &file).await.unwrap(), BODY);
    assert_eq!(rig.delivered(), [file.name]);
}

#[tokio::test]
async fn data_that_never_come_end_the_run_with_the_reason() {
    let _one = ONE.lock().await;
    let rig = Rig::new(Manner::Takes).await;
    let schedule = rig.schedule("Daily", Vec::new()).await;
    rig.data.0.store(false, Ordering::Relaxed);
    let run = rig.run_now(schedule.id).await;
    let process = rig.process();
    process.round(|| rig.wall()).await.unwrap();
    assert_eq!(rig.run(run).await.state, RunState::Waiting);
    rig.advance(DATA_MAX + Duration::from_secs(1));
    process.round(|| rig.wall()).await.unwrap();
    let failed = rig.run(run).await;
    assert_eq!(
        (failed.state, failed.problem.as_str()),
        (RunState::Failed, "calls of its period go on: 2")
    );
    assert!(failed.file.is_none());
}

#[tokio::test]
async fn a_mail_goes_over_tls_with_the_file_and_the_password_never_in_clear() {
    let _one = ONE.lock().await;
    for (manner, tls) in [(Manner::Takes, SmtpTls::StartTls), (Manner::Implicit, SmtpTls::Implicit)]
    {
        let mut rig = Rig::new(manner).await;
        rig.config.schedules.smtp_tls = tls;
        let schedule = rig.schedule("Daily", vec![mail()]).await;
        let run = rig.run_now(schedule.id).await;
        let done = rig.to_the_end(&rig.process(), run).await;
        assert_eq!(done.state, RunState::Done, "{tls:?}: {done:?}");
        let mails = rig.smtp.mails();
        assert_eq!(mails.len(), 1, "{tls:?}");
        assert_eq!(message_id(&mails[0]), format!("<{}@example.com>", done.deliveries[0].key));
        assert!(mails[0].contains("Subject: Daily 2026-11-22"), "{}", mails[0]);
        assert!(mails[0].contains("filename=\"workload-2026-11-22-"), "{}", mails[0]);
        let seen = rig.smtp.seen.lock().unwrap();
        assert_eq!(seen.logins.len(), 1, "{tls:?}");
        let clear =
            seen.clear.iter().filter(|line| !line.starts_with("EHLO") && *line != "STARTTLS");
        assert_eq!(clear.count(), 0, "{:?}", seen.clear);
    }
}

#[tokio::test]
async fn a_server_without_tls_or_with_another_certificate_gets_no_mail_and_no_password() {
    let _one = ONE.lock().await;
    let rig = Rig::new(Manner::Bare).await;
    let schedule = rig.schedule("Daily", vec![mail()]).await;
    let run = rig.run_now(schedule.id).await;
    rig.process().round(|| rig.wall()).await.unwrap();
    let waits = rig.run(run).await.deliveries.remove(0);
    assert_eq!((waits.state, waits.attempts), (DeliveryState::Waiting, 1));
    assert!(waits.problem.contains("STARTTLS"), "{}", waits.problem);
    *rig.smtp.manner.lock().unwrap() = Manner::Takes;
    let other = tempfile::tempdir().unwrap();
    let other = Smtp::start(other.path(), Manner::Takes).await;
    let mut config = rig.config.clone();
    config.schedules.smtp_port = other.address.port();
    let (store, work, data) = (rig.store.clone(), rig.worker.clone(), rig.data.clone());
    let process = Schedules::open(&config, store, work, data, None).unwrap();
    rig.advance(Duration::from_secs(3_600));
    process.round(|| rig.wall()).await.unwrap();
    let waits = rig.run(run).await.deliveries.remove(0);
    assert_eq!((waits.state, waits.attempts), (DeliveryState::Waiting, 2), "{}", waits.problem);
    for server in [&rig.smtp, &other] {
        let seen = server.seen.lock().unwrap();
        assert!(seen.mails.is_empty() && seen.logins.is_empty(), "{seen:?}");
    }
}

#[tokio::test]
async fn a_mail_server_that_refuses_is_told_and_one_that_is_busy_is_asked_again() {
    let _one = ONE.lock().await;
    let rig = Rig::new(Manner::Refuses).await;
    let schedule = rig.schedule("Daily", vec![mail()]).await;
    let run = rig.run_now(schedule.id).await;
    let failed = rig.to_the_end(&rig.process(), run).await;
    assert_eq!(failed.state, RunState::Partly);
    assert_eq!(failed.deliveries[0].state, DeliveryState::Failed);
    assert!(failed.deliveries[0].problem.contains("no such person"), "{failed:?}");
    assert!(!failed.deliveries[0].problem.contains("hush"));

    *rig.smtp.manner.lock().unwrap() = Manner::Busy;
    rig.advance(Duration::from_secs(1));
    let run = rig.run_now(schedule.id).await;
    let process = rig.process();
    process.round(|| rig.wall()).await.unwrap();
    let waits = rig.run(run).await;
    assert_eq!(waits.deliveries[0].state, DeliveryState::Waiting);
    assert_eq!(waits.deliveries[0].next_at, rig.wall() + pause(1));
    assert!(waits.deliveries[0].problem.contains("no room"), "{waits:?}");
    process.round(|| rig.wall()).await.unwrap();
    assert_eq!(rig.run(run).await.deliveries[0].attempts, 1, "not before its time");
    *rig.smtp.manner.lock().unwrap() = Manner::Takes;
    let done = rig.to_the_end(&process, run).await;
    assert_eq!((done.state, done.deliveries[0].attempts), (RunState::Done, 2));
    assert_eq!(rig.smtp.mails().len(), 1);
}

#[tokio::test]
async fn a_server_that_is_busy_for_ever_is_given_up() {
    let _one = ONE.lock().await;
    let rig = Rig::new(Manner::Busy).await;
    let schedule = rig.schedule("Daily", vec![mail()]).await;
    let run = rig.run_now(schedule.id).await;
    let failed = rig.to_the_end(&rig.process(), run).await;
    assert_eq!(failed.deliveries[0].state, DeliveryState::Failed);
    assert_eq!(failed.deliveries[0].attempts, ATTEMPTS_MAX);
}

#[tokio::test]
async fn a_mail_whose_answer_never_came_is_uncertain_and_not_sent_again() {
    let _one = ONE.lock().await;
    let rig = Rig::new(Manner::Vanishes).await;
    let schedule = rig.schedule("Daily", vec![mail()]).await;
    let run = rig.run_now(schedule.id).await;
    let done = rig.to_the_end(&rig.process(), run).await;
    assert_eq!(
        (done.state, done.deliveries[0].state),
        (RunState::Partly, DeliveryState::Uncertain)
    );
    assert_eq!(rig.smtp.mails().len(), 1);
}

#[tokio::test]
async fn several_reports_go_in_one_mail_and_one_signed_list() {
    let _one = ONE.lock().await;
    let rig = Rig::new(Manner::Takes).await;
    let schedule = rig.pack("Pack", 2, rig.everywhere()).await;
    let run = rig.run_now(schedule.id).await;
    let process = rig.process();
    let done = rig.to_the_end(&process, run).await;
    assert_eq!(done.state, RunState::Done, "{done:?}");
    let names =
        [format!("workload-2026-11-22-{run}.csv"), format!("workload-2026-11-22-{run}-2.csv")];
    let files: Vec<&str> = pack::files(&done).map(|file| file.name.as_str()).collect();
    assert_eq!(files, names);
    for file in pack::files(&done) {
        assert_eq!(process.read(rig.tenant, file).await.unwrap(), BODY);
    }
    let mails = rig.smtp.mails();
    assert_eq!(mails.len(), 1);
    for name in &names {
        assert!(mails[0].contains(&format!("filename=\"{name}\"")), "{}", mails[0]);
    }
    let (headers, body) = rig.posts.lock().unwrap().remove(0);
    let key = done.deliveries[3].key.as_str();
    let signed = webhook::signature(SECRET, key, rig.wall(), &body);
    assert_eq!(header(&headers, "x-switchgrid-signature"), signed);
    let list: serde_json::Value = serde_json::from_slice(&body).unwrap();
    assert_eq!(list["files"][1]["name"], names[1]);
    let link = format!("https://desk.example.com/api/v1/report-runs/{run}/files/1");
    assert_eq!(list["files"][1]["link"], link);
}

#[tokio::test]
async fn where_one_of_several_reports_cannot_be_made_none_is_delivered_or_left() {
    let _one = ONE.lock().await;
    let rig = Rig::new(Manner::Takes).await;
    let schedule = rig.pack("Pack", 2, rig.everywhere()).await;
    rig.worker.refuses.store(2, Ordering::Relaxed);
    let run = rig.run_now(schedule.id).await;
    rig.process().round(|| rig.wall()).await.unwrap();
    let failed = rig.run(run).await;
    assert_eq!((failed.state, failed.problem.as_str()), (RunState::Failed, "no such form"));
    assert_eq!(pack::files(&failed).count(), 0);
    let kept = rig.config.report_runs_dir().join(format!("reports/{}", rig.tenant));
    assert_eq!(std::fs::read_dir(kept).unwrap().count(), 0, "no file stays that no run has");
    assert!(rig.smtp.mails().is_empty() && rig.delivered().is_empty());
}

#[tokio::test]
async fn several_reports_too_large_for_one_mail_become_links() {
    let _one = ONE.lock().await;
    let mut rig = Rig::new(Manner::Takes).await;
    // Each would fit, both do not.
    rig.config.schedules.mail_bytes_max = Bytes(BODY.len() as u64 + 1);
    let schedule = rig.pack("Pack", 2, vec![mail()]).await;
    let run = rig.run_now(schedule.id).await;
    assert_eq!(rig.to_the_end(&rig.process(), run).await.state, RunState::Done);
    let mail = rig.smtp.mails().remove(0).replace("=\r\n", "");
    for place in 0..2 {
        let link = format!("https://desk.example.com/api/v1/report-runs/{run}/files/{place}");
        assert!(mail.contains(&link), "{mail}");
    }
    assert!(!mail.contains("filename="), "{mail}");
}

#[tokio::test]
async fn a_file_too_large_for_mail_becomes_a_link() {
    let _one = ONE.lock().await;
    let mut rig = Rig::new(Manner::Takes).await;
    rig.config.schedules.mail_bytes_max = Bytes(BODY.len() as u64 - 1);
    let schedule = rig.schedule("Daily", vec![mail()]).await;
    let run = rig.run_now(schedule.id).await;
    assert_eq!(rig.to_the_end(&rig.process(), run).await.state, RunState::Done);
    // A long line of the text may be folded.
    let mail = rig.smtp.mails().remove(0).replace("=\r\n", "");
    let link = format!("https://desk.example.com/api/v1/report-runs/{run}/file");
    assert!(mail.contains(&link), "{mail}");
    assert!(!mail.contains("filename="), "{mail}");
}

#[tokio::test]
async fn a_webhook_has_the_file_signed_for_its_key() {
    let _one = ONE.lock().await;
    let rig = Rig::new(Manner::Takes).await;
    let schedule = rig.schedule("Daily", vec![Target::Webhook { url: rig.hook.clone() }]).await;
    let run = rig.run_now(schedule.id).await;
    let done = rig.to_the_end(&rig.process(), run).await;
    assert_eq!(done.state, RunState::Done, "{done:?}");
    let (headers, body) = rig.posts.lock().unwrap().remove(0);
    assert_eq!(body, BODY);
    let key = done.deliveries[0].key.as_str();
    assert_eq!(header(&headers, "idempotency-key"), key);
    let signed = webhook::signature(SECRET, key, rig.wall(), BODY);
    assert_eq!(header(&headers, "x-switchgrid-signature"), signed);
    assert_eq!(header(&headers, "content-type"), "text/csv; charset=utf-8");
}

#[tokio::test]
async fn a_worker_that_is_away_is_asked_again_and_a_report_that_cannot_be_is_not() {
    let _one = ONE.lock().await;
    let rig = Rig::new(Manner::Takes).await;
    let schedule = rig.schedule("Daily", Vec::new()).await;
    *rig.worker.fails.lock().unwrap() = Some(Problem::unavailable("no worker"));
    let run = rig.run_now(schedule.id).await;
    let process = rig.process();
    process.round(|| rig.wall()).await.unwrap();
    let waits = rig.run(run).await;
    assert_eq!((waits.state, waits.attempts), (RunState::Waiting, 1));
    assert_eq!(waits.next_at, rig.wall() + pause(1));
    let failed = rig.to_the_end(&process, run).await;
    assert_eq!(failed.state, RunState::Failed);
    assert_eq!(rig.worker.jobs.load(Ordering::Relaxed), u64::from(ATTEMPTS_MAX));
    *rig.worker.fails.lock().unwrap() = Some(Problem::new(400, "report", "no such form", ""));
    rig.advance(Duration::from_secs(1));
    let run = rig.run_now(schedule.id).await;
    process.round(|| rig.wall()).await.unwrap();
    assert_eq!(rig.run(run).await.state, RunState::Failed);
}

#[tokio::test]
async fn what_is_older_than_is_kept_goes_with_its_file() {
    let _one = ONE.lock().await;
    let mut rig = Rig::new(Manner::Takes).await;
    rig.config.schedules.keep = Span(Duration::from_secs(86_400));
    let schedule = rig.schedule("Daily", Vec::new()).await;
    let run = rig.run_now(schedule.id).await;
    rig.store.remove_schedule(rig.tenant, &rig.by(), schedule.id).await.unwrap();
    let process = rig.process();
    let done = rig.to_the_end(&process, run).await;
    let file = done.file.unwrap();
    rig.advance(Duration::from_secs(86_400));
    process.round(|| rig.wall()).await.unwrap();
    assert!(process.read(rig.tenant, &file).await.is_ok(), "it is kept as long as it is said");
    rig.advance(Duration::from_secs(1));
    process.round(|| rig.wall()).await.unwrap();
    assert!(process.read(rig.tenant, &file).await.is_err());
    assert!(rig.store.report_run(rig.tenant, run).await.is_err());
}

#[tokio::test]
async fn two_processes_make_a_run_once() {
    let _one = ONE.lock().await;
    let rig = Rig::new(Manner::Takes).await;
    let schedule = rig.schedule("Daily", rig.everywhere()).await;
    let run = rig.run_now(schedule.id).await;
    let (first, second) = (rig.process(), rig.process());
    let (one, two) = tokio::join!(first.round(|| rig.wall()), second.round(|| rig.wall()));
    one.unwrap();
    two.unwrap();
    assert_eq!(rig.to_the_end(&first, run).await.state, RunState::Done);
    assert_eq!(rig.worker.jobs.load(Ordering::Relaxed), 1);
    assert_eq!((rig.smtp.mails().len(), rig.posts.lock().unwrap().len()), (1, 1));
}

#[tokio::test]
async fn neither_the_password_nor_the_secret_reaches_the_log() {
    let _one = ONE.lock().await;
    // While there is one subscriber alone, tracing asks that of the thread that meets an event
    // first, and the other tests' threads have none.
    let _second = tracing::Dispatch::new(Kept::default().log("trace", false));
    let kept = Kept::default();
    let _log = tracing::subscriber::set_default(kept.log("trace", false));
    let rig = Rig::new(Manner::Refuses).await;
    let unreached = Target::Webhook { url: "http://127.0.0.1:1/in?token=tok-99".into() };
    let schedule = rig.schedule("Daily", vec![mail(), unreached]).await;
    let run = rig.run_now(schedule.id).await;
    rig.process().round(|| rig.wall()).await.unwrap();
    let states: Vec<DeliveryState> =
        rig.run(run).await.deliveries.iter().map(|one| one.state).collect();
    assert_eq!(states, [DeliveryState::Failed, DeliveryState::Waiting]);
    let log = kept.text();
    assert!(log.contains("a report is not delivered"), "the log was kept: {log}");
    // The second is the password as AUTH PLAIN has it, user and password between NULs.
    for secret in ["hush-hush", "AHJlcG9ydHMAaHVzaC1odXNo", SECRET] {
        let line = log.lines().find(|line| line.contains(secret));
        assert_eq!(line, None, "a secret stands in the log");
    }
    let told: Vec<&str> =
        log.lines().filter(|line| line.contains("a report is not delivered")).collect();
    assert!(!told.iter().any(|line| line.contains("tok-99")), "{told:?}");
}
