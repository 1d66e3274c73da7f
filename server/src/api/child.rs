//! The child `api`: desk and its store, warehouse ingest and sealing, the plans for the switch, HTTP.

mod trail;

use super::deletion::Deletion;
use super::encoding::{self, Backlog};
use super::items::handing::Items;
use super::links::{Clock, FlowLink, Seal, SystemClock, WorkLink};
use super::live::feed::Feed;
use super::moving::Moving;
use super::plans::Plans;
use super::prompts::Prompts;
use super::silence::Servers;
use super::{ApiLimits, ApiState};
use crate::config::Config;
use crate::doors::Doors;
use crate::evidence::SigningKey;
use crate::schedules::Schedules;
use crate::schedules::files::Files;
use crate::schedules::mail::Mailer;
use crate::schedules::watermark::Sealed;
use crate::tier::Tier;
use crate::work::encode::Form;
use crate::{away, first, flight, lifelines, link, orders_line, pg, work};
use desk::Store;
use futures::future::BoxFuture;
use signaling::edge::tls::Certificate;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use terms::control::Ask;
use tokio::sync::{mpsc, oneshot, watch};
pub(crate) use trail::{TRAIL, carry as carry_trail};
use warehouse::{Ingest, Warehouse};

/// desk's name among the sources of the warehouse.
const OUTBOX: &str = "desk outbox";
/// How often the outbox is looked at.
const OUTBOX_EVERY: Duration = Duration::from_millis(200);
/// Pause after the store, the switch or the worker did not answer.
const RETRY: Duration = Duration::from_secs(1);
/// Longest time for a recording on its way to the second tier.
const MOVE_MAX: Duration = Duration::from_secs(6 * 3_600);
/// Longest time that open requests get after SIGTERM.
const GRACE: Duration = Duration::from_secs(5);

type SealRequest = oneshot::Sender<Result<u64, String>>;

/// Runs until SIGTERM, then seals what is staged.
///
/// # Errors
/// When the store, the warehouse or the port cannot be had.
pub fn run(config: Config) -> Result<(), anyhow::Error> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .thread_name("api")
        .enable_all()
        .build()?;
    runtime.block_on(serve(config))
}

async fn serve(config: Config) -> Result<(), anyhow::Error> {
    let data = &config.server.data;
    let servers = away::servers(&config)?;
    away::wait(&servers, Some(config.http.listen.0)).await;
    let ports = servers.iter().filter_map(away::Server::port).collect();
    tokio::spawn(lifelines::keep_on(ports));
    let store = first::open_store(&config).await?;
    let warehouse = Arc::new(
        first::open_warehouse(&config)
            .await?
            .sealing(config.warehouse.seal_rows.into(), config.warehouse.seal_every.0),
    );
    let ingest = Ingest::open(warehouse.clone(), data.join("events"))
        .await?
        .keeping(config.warehouse.log_keep.0);
    let events = Feed::new(data.join("events"));
    tokio::spawn(events.clone().follow(ingest.progress().applied_seq + 1));
    let next = ingest.progress().applied_seq + 1;
    let orders = link::listen(&data.join(orders_line::SOCKET))?;
    tokio::spawn(orders_line::serve(orders, store.clone(), first::wall));
    tokio::spawn(super::calling::follow::run(store.clone(), events.clone(), next));
    let (stop, stopping) = watch::channel(false);
    let (seals, seal_requests) = mpsc::channel(8);
    let ingesting = tokio::spawn(ingest_loop(ingest, warehouse.clone(), seal_requests, stopping));
    tokio::spawn(outbox_loop(store.clone(), warehouse.clone()));
    tokio::spawn(trail::run(store.clone(), warehouse.clone()));
    let calls = link::Client::start(data.join("run/calls.sock"), plans_of(store.clone()));
    let calls = Arc::new(calls);
    let plans = Arc::new(Plans::default());
    let carrying = (plans.clone(), store.clone(), calls.clone());
    tokio::spawn(async move { carrying.0.carry(carrying.1, carrying.2).await });
    let job_max = config.sql.time_max.0 * 2 + Duration::from_secs(30);
    let worker = work::Client::new(data, job_max);
    let worker = Arc::new(worker);
    let machines = config.rtp.faxes_max;
    tokio::spawn(super::fax_sending::run(store.clone(), calls.clone(), machines, first::wall));
    let encoding = Arc::new(Backlog::default());
    let wanted = [(config.recording.mp3, Form::Mp3), (config.recording.opus, Form::Opus)];
    let forms: Vec<Form> =
        wanted.into_iter().filter(|(wanted, _)| *wanted).map(|(_, form)| form).collect();
    // Also where nothing is made of every recording: a rule may want one.
    let (asked, heard, folder) = (worker.clone(), events.clone(), config.recordings_dir());
    let rows = warehouse.clone();
    tokio::spawn(encoding::run(asked, rows, heard, folder, forms, encoding.clone()));
    let tier = Tier::open(&config)?.map(Arc::new);
    if tier.is_some() {
        // Before anything is deleted.
        warehouse.doubt_places().await?;
    }
    let deletion = Deletion::new(
        store.clone(),
        warehouse.clone(),
        worker.clone(),
        crate::fax::folder(&config),
        Files::new(config.report_runs_dir()),
    );
    let deletion = Arc::new(deletion);
    let deleting = deletion.clone();
    tokio::spawn(async move { deleting.keep_on(first::wall).await });
    let (erasing, folder) = (deletion.clone(), data.clone());
    tokio::spawn(async move { erasing.keep_erasing(&folder, first::wall).await });
    if let Some(tier) = &tier {
        let mover = Arc::new(work::Client::new(data, MOVE_MAX));
        let moving = Moving::new(warehouse.clone(), mover, tier.clone(), config.tier.after.0);
        tokio::spawn(async move { moving.keep_on(first::wall).await });
    }
    if !config.recording.backup_to.is_empty() {
        crate::cli::recording::backup::keep_on(config.clone());
    }
    let seal = seal_by(seals);
    let sealed = Arc::new(Sealed::new(store.clone(), calls.clone(), seal.clone()));
    let schedules = Schedules::open(&config, store.clone(), worker.clone(), sealed, tier.clone())?;
    let schedules = Arc::new(schedules);
    let planning = schedules.clone();
    tokio::spawn(async move { planning.keep_on(first::wall).await });
    let spoken = config.clone();
    let engine = Arc::new(move || crate::speech::bare_engine(&spoken));
    let prompts = Arc::new(Prompts::new(&config, engine));
    prompts.tidy(&store).await;
    let tell = super::hooks::tell::Terms {
        allowed: config.hooks.allowed.clone(),
        failing_max: config.hooks.failing_max.0,
        ..super::hooks::tell::Terms::default()
    };
    tokio::spawn(super::hooks::tell::run(store.clone(), events.clone(), tell, first::wall));
    let clock: Arc<dyn Clock> = Arc::new(SystemClock::default());
    let items = hand_out_items(&config, &store, &calls, &clock, &events)?;
    let doors = Arc::<Doors>::default();
    open_doors(&config, &store, &worker, &clock, &doors).await?;
    let state = ApiState {
        store: store.clone(),
        servers: Arc::new(Servers { store: store.clone(), warehouse: warehouse.clone() }),
        warehouse,
        data: config.server.data.clone(),
        recordings: config.recordings_dir(),
        calls,
        plans,
        work: worker,
        deletion,
        tier,
        doors,
        encoding,
        recording_keys: config.recording_keys(),
        evidence_key: SigningKey::path(&config.server.data),
        seal,
        events,
        clock,
        limits: ApiLimits {
            body_max: config.http.body_max.0 as usize,
            request_max: config.http.request_max.0,
            called_again: config.calls.called_again.0,
            export_max: config.export.recordings_max,
            ..ApiLimits::default()
        },
        speechless: crate::speech::speechless(&config),
        faxless: crate::fax::faxless(),
        faxes: crate::fax::folder(&config),
        prompts,
        schedules,
        items,
    };
    let listener = tokio::net::TcpListener::bind(config.http.listen.0).await?;
    let router = super::router(state);
    if let Some(address) = config.http.socket.0 {
        let socket = tokio::net::TcpListener::bind(address).await?;
        let body_max = config.http.body_max.0 as usize;
        tokio::spawn(super::socket::serve(socket, router.clone(), body_max));
    }
    let service = router.into_make_service_with_connect_info::<SocketAddr>();
    let mut ending = tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate())?;
    let (end, ended) = oneshot::channel::<()>();
    let serving = axum::serve(listener, service).with_graceful_shutdown(async move {
        let _ = ended.await;
    });
    let serving = tokio::spawn(serving.into_future());
    ending.recv().await;
    let _ = end.send(());
    if tokio::time::timeout(GRACE, serving).await.is_err() {
        tracing::info!("requests were still open after {GRACE:?}");
    }
    let _ = stop.send(true);
    ingesting.await?;
    store.close().await;
    Ok(())
}

/// Begins with what is no call: who is handed it, who is told of it, the replies to mails, and the mails
/// of flows.
fn hand_out_items(
    config: &Config,
    store: &Store,
    calls: &Arc<link::Client>,
    clock: &Arc<dyn Clock>,
    events: &Arc<Feed>,
) -> Result<Arc<Items>, anyhow::Error> {
    let mailer = Mailer::open(config)?;
    let items = Items::new(store.clone(), calls.clone(), clock.clone(), mailer.is_some());
    tokio::spawn(items.clone().run(events.clone()));
    tokio::spawn(super::items::tell::run(store.clone(), calls.clone()));
    if let Some(mailer) = mailer {
        let (replies, faxes) = (mailer.clone(), crate::fax::folder(config));
        tokio::spawn(super::items::replies::run(store.clone(), replies, clock.clone()));
        tokio::spawn(super::mails::sending::run(store.clone(), mailer, faxes, clock.clone()));
    }
    Ok(items)
}

/// Opens the doors for SQL that are wanted.
async fn open_doors(
    config: &Config,
    store: &Store,
    worker: &Arc<work::Client>,
    clock: &Arc<dyn Clock>,
    doors: &Doors,
) -> Result<(), anyhow::Error> {
    let (postgres, flight) = (config.sql.postgres.0, config.sql.flight.0);
    if postgres.is_none() && flight.is_none() {
        return Ok(());
    }
    let certificate = match config.certificate() {
        Some(files) => Some(Arc::new(Certificate::open(files)?)),
        None => None,
    };
    if let Some(certificate) = certificate.clone() {
        tokio::spawn(certificate.watch());
    }
    if let Some(listen) = postgres {
        let listener = tokio::net::TcpListener::bind(listen).await?;
        let (store, work, clock) = (store.clone(), worker.clone(), clock.clone());
        let (certificate, counts) = (certificate.clone(), doors.postgres.clone());
        let door = pg::Door::new(config, store, work, clock, certificate, counts);
        tokio::spawn(Arc::new(door).serve(listener));
    }
    if let Some(listen) = flight {
        let listener = tokio::net::TcpListener::bind(listen).await?;
        let (store, flow, clock) = (store.clone(), worker.clone(), clock.clone());
        let (work, counts) = (worker.clone(), doors.flight.clone());
        let links: (Arc<dyn WorkLink>, Arc<dyn FlowLink>) = (work, flow);
        let door = flight::Door::new(config, store, links, clock, certificate, counts);
        tokio::spawn(Arc::new(door).serve(listener));
    }
    Ok(())
}

/// Follows the event log; works off requests to seal; ends with a seal.
async fn ingest_loop(
    mut ingest: Ingest,
    warehouse: Arc<Warehouse>,
    mut requests: mpsc::Receiver<SealRequest>,
    mut stopping: watch::Receiver<bool>,
) {
    loop {
        let mut request = None;
        let mut stop = false;
        // `run` reads to the log's end and seals before it returns.
        ingest
            .run(async {
                tokio::select! {
                    asked = requests.recv() => request = asked,
                    _ = stopping.wait_for(|stop| *stop) => stop = true,
                }
            })
            .await;
        if let Some(answer) = request {
            let published = warehouse.publish_all().await.map_err(|error| error.to_string());
            // The asker may have given up.
            let _ = answer.send(published);
        }
        if stop {
            return;
        }
    }
}

fn seal_by(requests: mpsc::Sender<SealRequest>) -> Seal {
    Arc::new(move || -> BoxFuture<'static, Result<u64, String>> {
        let requests = requests.clone();
        Box::pin(async move {
            let (answer, answered) = oneshot::channel();
            requests.send(answer).await.map_err(|_| "the warehouse is closing".to_owned())?;
            answered.await.map_err(|_| "the warehouse is closing".to_owned())?
        })
    })
}

/// Carries desk's records to the warehouse: staged first, then forgotten.
async fn outbox_loop(store: Store, warehouse: Arc<Warehouse>) {
    loop {
        match carry_outbox(&store, &warehouse).await {
            Ok(0) => tokio::time::sleep(OUTBOX_EVERY).await,
            Ok(_) => {}
            Err(error) => {
                tracing::error!(%error, "records of the desk wait in its outbox");
                tokio::time::sleep(RETRY).await;
            }
        }
    }
}

/// Carries one reading of desk's outbox; says how many records. Two may do it at a time: what is staged
/// is staged once.
pub(crate) async fn carry_outbox(
    store: &Store,
    warehouse: &Warehouse,
) -> Result<usize, super::deletion::Error> {
    let position = warehouse.position(OUTBOX).await?;
    let entries = store.read_after(position, desk::outbox::READ_MAX).await?;
    let Some(last) = entries.last().map(|entry| entry.position) else { return Ok(0) };
    let rows: Vec<_> = entries.into_iter().map(|entry| entry.row).collect();
    warehouse.stage_rows(OUTBOX, last, &rows).await?;
    store.forget_through(last).await?;
    Ok(rows.len())
}

/// What a new connection to the switch begins with: every tenant's plan, and the leases of numbers.
fn plans_of(store: Store) -> link::Greeting {
    Arc::new(move || {
        let store = store.clone();
        Box::pin(async move {
            let mut plans = Vec::new();
            for (tenant, _) in store.plan_versions().await.unwrap_or_default() {
                match store.compile_plan(tenant).await {
                    Ok(plan) => plans.push(Ask::Plan(Box::new(plan))),
                    Err(error) => tracing::error!(%tenant, %error, "the plan cannot be compiled"),
                }
            }
            for (tenant, _) in store.lease_versions().await.unwrap_or_default() {
                match store.lease_changes(tenant, None, first::wall()).await {
                    Ok(leases) => plans.push(Ask::Leases(Box::new(leases))),
                    Err(error) => tracing::error!(%tenant, %error, "leases cannot be read"),
                }
            }
            plans
        })
    })
}
