//! The first start: an empty data folder becomes a working box. Also what commands share to read
//! the business store.

use crate::away;
use crate::config::{Config, Place};
use anyhow::Context;
use desk::Store;
use desk::bootstrap::{Defaults, FIRST_QUEUE, First};
use desk::rates::Rates;
use desk::report_setting::ReportSettings;
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use terms::{AgentId, AreaId, FlowId, QueueId, TeamId, TenantId, Timestamp, TrunkId, WorkerId};
use warehouse::Warehouse;

/// The wall clock.
pub fn wall() -> Timestamp {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    Timestamp(since.map_or(0, |time| time.as_micros() as i64))
}

/// Opens the business store of the box, and makes it where there is none.
///
/// # Errors
/// When it cannot be opened.
pub async fn open_store(config: &Config) -> Result<Store, desk::Error> {
    match config.store() {
        Place::File(file) => Store::open(&file.to_string_lossy()).await,
        Place::Database { url, key } => Store::connect(url.expose(), &key).await,
    }
}

/// Opens the warehouse of the box for writing, and makes it where there is none.
///
/// # Errors
/// When it cannot be opened.
pub async fn open_warehouse(config: &Config) -> Result<Warehouse, anyhow::Error> {
    let folder = config.server.data.join("warehouse");
    Ok(Warehouse::open_in(folder, &config.manifest()?, config.published_files()?).await?)
}

/// Opens the warehouse of the box for reading.
///
/// # Errors
/// When it cannot be opened.
pub async fn read_warehouse(config: &Config) -> Result<Warehouse, anyhow::Error> {
    let folder = config.server.data.join("warehouse");
    let (manifest, bucket) = (config.manifest()?, config.published_files()?);
    Ok(Warehouse::open_reader_in(folder, &manifest, bucket).await?)
}

/// The names that reports print for ids, and what they count and compute costs by.
pub struct Named {
    /// Agents as (id, number, name).
    pub agents: Vec<(AgentId, String, String)>,
    /// Queues as (id, name).
    pub queues: Vec<(QueueId, String)>,
    /// Trunks as (id, name).
    pub trunks: Vec<(TrunkId, String)>,
    /// Flows as (id, name).
    pub flows: Vec<(FlowId, String)>,
    /// Teams as (id, name).
    pub teams: Vec<(TeamId, String)>,
    /// Areas as (id, name).
    pub areas: Vec<(AreaId, String)>,
    /// Field workers as (id, name).
    pub workers: Vec<(WorkerId, String)>,
    /// What agents and trunks cost, where that is set.
    pub rates: Option<Rates>,
    /// The most lines that all trunks together have.
    pub lines_max: u64,
    /// By which numbers they count.
    pub settings: ReportSettings,
}

/// What is called how in the store.
///
/// # Errors
/// When the store does not answer.
pub async fn names(store: &Store, tenant: TenantId) -> Result<Named, desk::Error> {
    let agents = store.agents(tenant).await?;
    let queues = store.queues(tenant).await?;
    let trunks = store.trunks(tenant).await?;
    let flows = store.flows(tenant).await?;
    let teams = store.team_names(tenant).await?;
    let lines_max = trunks.iter().map(|trunk| u64::from(trunk.settings.calls_max)).sum();
    Ok(Named {
        lines_max,
        agents: agents.into_iter().map(|agent| (agent.id, agent.number, agent.name)).collect(),
        queues: queues.into_iter().map(|queue| (queue.id, queue.name)).collect(),
        trunks: trunks.into_iter().map(|trunk| (trunk.id, trunk.name)).collect(),
        flows: flows.into_iter().map(|flow| (flow.id, flow.name)).collect(),
        teams,
        areas: store.area_names(tenant).await?,
        workers: store.worker_names(tenant).await?,
        rates: store.rates(tenant).await?,
        settings: store.report_settings(tenant).await?,
    })
}

/// Fills an empty store, unpacks the prompts and prints the passwords once.
///
/// # Errors
/// When the store or a file cannot be written.
pub async fn bootstrap(config: &Config, credentials: Option<&Path>) -> Result<(), anyhow::Error> {
    crate::prompts::unpack(&config.server.data.join("prompts"))?;
    away::wait(&away::servers(config)?, Some(config.http.listen.0)).await;
    let store = open_store(config).await?;
    let defaults = Defaults {
        tenant: config.first.tenant.clone(),
        hotline: config.first.hotline.0.clone(),
        time_zone: config.first.time_zone.to_string(),
        realm: config.sip.realm.clone(),
        language: config.first.language.as_str().to_owned(),
        trunk_sources: config.first.trunk_sources.iter().map(|n| n.0.clone()).collect(),
        ..Defaults::with_flow(signaling::ivr::default_flow(FIRST_QUEUE))
    };
    if let Some(first) = store.bootstrap(&defaults, wall()).await? {
        announce(&first, &defaults);
        if let Some(file) = credentials {
            write_credentials(file, &first, config, &defaults)?;
        }
    }
    store.close().await;
    // Made here, so that no child meets a warehouse that does not exist yet.
    open_warehouse(config).await?.close().await;
    Ok(())
}

fn announce(first: &First, defaults: &Defaults) {
    let (login, password) = &first.administrator;
    println!("First start. These passwords are shown once; they are stored as hashes only.");
    println!("  administrator  {login:<8} {}", password.expose());
    for (_, number, password) in &first.agents {
        println!("  agent          {number:<8} {}   (also the SIP password)", password.expose());
    }
    println!("  hotline        {}", defaults.hotline);
}

/// For programs that start a box: owner-readable JSON.
fn write_credentials(
    file: &Path,
    first: &First,
    config: &Config,
    defaults: &Defaults,
) -> Result<(), anyhow::Error> {
    let person = |user: &str, password: &desk::secret::Secret| serde_json::json!({"user": user, "password": password.expose()});
    let text = serde_json::to_vec_pretty(&serde_json::json!({
        "http": crate::serve::prepare::reachable(config.http.listen.0).to_string(),
        "sip": crate::serve::prepare::reachable(config.sip.udp.0).to_string(),
        "admin": person(&first.administrator.0, &first.administrator.1),
        "agents": first.agents.iter().map(|(_, user, p)| person(user, p)).collect::<Vec<_>>(),
        "hotline": defaults.hotline,
    }))?;
    // Written whole or not at all: a reader that polls never sees half of it.
    let partial = file.with_extension("part");
    let named = || format!("write the passwords to {}", file.display());
    // A file that lies there already may be readable by others, or lead elsewhere.
    if let Err(error) = std::fs::remove_file(&partial)
        && error.kind() != std::io::ErrorKind::NotFound
    {
        return Err(error).with_context(named);
    }
    let mut open = std::fs::File::options()
        .create_new(true)
        .write(true)
        .mode(0o600)
        .open(&partial)
        .with_context(named)?;
    open.write_all(&text).with_context(named)?;
    std::fs::rename(&partial, file).with_context(named)
}
