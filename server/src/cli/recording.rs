//! `switchgrid recording`: find, copy out, verify, back up and restore recordings without the API.

pub mod backup;
mod export;
mod verify;

use super::block_on;
use super::home::Home;
use crate::config::{self, Config};
use crate::open::beneath;
use crate::tier::Tier;
use crate::work::{encode, moving};
use anyhow::Context;
use desk::when;
use mediacore::edge::keys::Keys;
use mediacore::edge::rendering::Rendering;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use terms::{RecordingId, TenantId};
use warehouse::recordings::Indexed;
use warehouse::{Limits, Session, Warehouse};

/// Arguments of `switchgrid recording`.
#[derive(clap::Args)]
pub struct Arguments {
    /// Whose recordings.
    #[arg(long, default_value = "1")]
    tenant: TenantId,
    #[command(subcommand)]
    command: Command,
}

#[derive(clap::Subcommand)]
enum Command {
    /// The newest recordings.
    List {
        /// How many.
        #[arg(long, default_value_t = 20)]
        limit: u32,
    },
    /// Copy one recording out, in clear; MP3 and Opus are made when they are not there yet.
    Get {
        /// Its id.
        recording: RecordingId,
        /// Its form.
        #[arg(long, value_enum, default_value_t = Form::Wav)]
        format: Form,
        /// Where to; by default `<id>.wav`, `<id>.mp3` or `<id>.opus` here.
        #[arg(long)]
        out: Option<PathBuf>,
    },
    /// Copy recordings out, in clear, into folders by day that are readable without this program.
    Export(export::Options),
    /// Walk the whole store, of every tenant: each file against its row in the ledger (there,
    /// readable, as long and with the SHA-256 that was written), the recording log against its
    /// checksums, and files that no row knows. Ends with 1 when something is wrong.
    Verify(verify::Options),
    /// Copy every recording of every tenant, as it is stored, to a folder or a bucket. What is there
    /// already is not copied again, and what is copied is read back. Ends with 1 when one could not be.
    Backup(backup::Options),
    /// Bring files back that are missing here, from a backup. What is brought is what the ledger says.
    Restore(backup::RestoreOptions),
    /// Add a key to the file of keys: from the next start on it seals what is recorded, and the
    /// older ones keep opening what they sealed. Copy the file to its other place afterwards.
    RotateKey,
}

/// Form of a recording.
#[derive(Clone, Copy, clap::ValueEnum)]
pub(super) enum Form {
    /// As recorded: customer left, everyone else right.
    Wav,
    /// Small.
    Mp3,
    /// Smaller, the sides apart.
    Opus,
}

impl Form {
    /// What is encoded from the WAV for it.
    fn encoded(self) -> Option<encode::Form> {
        match self {
            Form::Wav => None,
            Form::Mp3 => Some(encode::Form::Mp3),
            Form::Opus => Some(encode::Form::Opus),
        }
    }

    fn extension(self) -> &'static str {
        self.encoded().map_or("wav", encode::Form::extension)
    }
}

/// Runs the command.
///
/// # Errors
/// When the warehouse or a file cannot be read.
pub fn run(config: &Config, arguments: &Arguments) -> Result<ExitCode, anyhow::Error> {
    if let Command::Verify(options) = &arguments.command {
        return block_on(verify::run(config, options));
    }
    block_on(async {
        let home = Home::open(config, arguments.tenant).await?;
        let limits = Limits { rows_max: 10_000_000, ..Limits::default() };
        let session = home.session(config, limits).await?;
        match &arguments.command {
            Command::List { limit } => list(&home, &session, *limit).await,
            Command::Get { recording, format, out } => {
                get(config, home.tenant, *recording, *format, out.as_deref()).await
            }
            Command::Export(options) => export::run(config, &home, options).await,
            Command::Backup(options) => backup::run(config, &home, options).await,
            Command::Restore(options) => backup::restore(config, options).await,
            Command::Verify(_) => unreachable!("it is handled above"),
            Command::RotateKey => rotate_key(&config.recording_keys()),
        }
    })
}

/// The JSON rows of an answer.
async fn rows(session: &Session, sql: &str) -> Result<Vec<serde_json::Value>, anyhow::Error> {
    let answer = session.query(sql).await?.to_json();
    Ok(serde_json::from_str(&answer)?)
}

async fn list(home: &Home, session: &Session, limit: u32) -> Result<ExitCode, anyhow::Error> {
    let sql = format!(
        "SELECT recording_id, started_at, duration_ms, kind, caller, agent_id, state, path \
         FROM recordings ORDER BY started_at DESC LIMIT {limit}"
    );
    for row in rows(session, &sql).await? {
        let text =
            |key: &str| row[key].as_str().map_or_else(|| row[key].to_string(), str::to_owned);
        let started_at = when::parse(&text("started_at")).unwrap_or_default();
        println!(
            "{}  {}  {:>7.1} s  {:<12} {:<16} {:<9} {}",
            text("recording_id"),
            home.local(started_at),
            row["duration_ms"].as_f64().unwrap_or(0.0) / 1000.0,
            text("kind"),
            text("caller").replace(char::is_control, "·"),
            text("state"),
            text("path"),
        );
    }
    Ok(ExitCode::SUCCESS)
}

async fn get(
    config: &Config,
    tenant: TenantId,
    recording: RecordingId,
    format: Form,
    out: Option<&Path>,
) -> Result<ExitCode, anyhow::Error> {
    let warehouse = crate::first::read_warehouse(config).await?;
    let found = warehouse.recording(tenant, recording).await?.with_context(|| {
        format!("there is no recording {recording}; `switchgrid recording list` shows the newest")
    })?;
    if let Some(deleted) = &found.deleted {
        anyhow::bail!(
            "recording {recording} was deleted on {}: {}, {}",
            deleted.at.day_text(),
            deleted.reason.as_str(),
            deleted.detail
        );
    }
    let path = found.recording.path.as_deref().with_context(|| {
        let reason = found.recording.reason.as_deref().unwrap_or("it was not recorded");
        format!("recording {recording} has no file: {reason}")
    })?;
    let target = out.map_or_else(
        || PathBuf::from(format!("{recording}.{}", format.extension())),
        Path::to_owned,
    );
    let bytes = Source::open(config).copy_out(&warehouse, &found, path, format, &target).await?;
    println!("{} ({bytes} bytes)", target.display());
    Ok(ExitCode::SUCCESS)
}

/// Where recordings are copied from: the folder, or the second tier by way of its cache.
pub(super) struct Source {
    folder: PathBuf,
    /// A secret that is missing here hinders only what lies there.
    tier: Result<Option<Tier>, config::Error>,
    keys: Option<Keys>,
    rates: encode::Rates,
}

impl Source {
    pub(super) fn open(config: &Config) -> Source {
        Source {
            folder: config.recordings_dir(),
            tier: Tier::open(config),
            keys: Keys::read(&config.recording_keys()).ok(),
            rates: encode::Rates::of(config),
        }
    }

    /// Copies a recording to `target` in clear; says how many bytes it has.
    async fn copy_out(
        &self,
        warehouse: &Warehouse,
        found: &Indexed,
        wav: &str,
        format: Form,
        target: &Path,
    ) -> Result<u64, anyhow::Error> {
        let mut from = self.in_clear(warehouse, found, wav, format).await?;
        let copied = File::create(target).and_then(|mut to| std::io::copy(&mut from, &mut to));
        copied.with_context(|| format!("copy {wav} to {}", target.display()))
    }

    /// A recording in clear, wherever it lies.
    pub(super) async fn rendering(
        &self,
        warehouse: &Warehouse,
        found: &Indexed,
        format: Form,
    ) -> Result<Rendering, anyhow::Error> {
        let wav = found.recording.path.as_deref().context("it has no file")?;
        self.in_clear(warehouse, found, wav, format).await
    }

    async fn in_clear(
        &self,
        warehouse: &Warehouse,
        found: &Indexed,
        wav: &str,
        format: Form,
    ) -> Result<Rendering, anyhow::Error> {
        let from = self.file(found, wav, format).await?;
        self.refuse_if_deleted(warehouse, found, wav).await?;
        let ring = self.keys.as_ref().map(|keys| &*keys.ring);
        Rendering::open(from, ring).with_context(|| format!("open {wav}"))
    }

    async fn file(&self, found: &Indexed, wav: &str, format: Form) -> Result<File, anyhow::Error> {
        let path = match format.encoded() {
            Some(form) => form.beside(wav).context("this is no recording")?,
            None => wav.to_owned(),
        };
        let open = |folder: &Path, path: &str| {
            beneath(folder, path).with_context(|| format!("open {}", folder.join(path).display()))
        };
        if beneath(&self.folder, wav).is_ok() {
            self.make(&self.folder, wav, format).await?;
            return open(&self.folder, &path);
        }
        let tier = self.tier.as_ref().map_err(|error| anyhow::anyhow!("{error}"))?;
        let Some(tier) = tier else {
            anyhow::ensure!(
                found.moved.is_none(),
                "{wav} lies in the object store, which [tier] of switchgrid.toml does not name"
            );
            return open(&self.folder, wav);
        };
        let stored = |path: &str| found.moved.as_ref().and_then(|moved| moved.file(path));
        if let Some(stored) = stored(&path) {
            return Ok(tier.fetch(&path, Some(stored)).await?);
        }
        let fetched = tier.fetch(wav, stored(wav)).await?;
        if format.encoded().is_none() {
            return Ok(fetched);
        }
        self.make(tier.cache().folder(), wav, format).await?;
        tier.cache().made(&path).await;
        open(tier.cache().folder(), &path)
    }

    /// A deletion removes what lies in the cache; what came there after it goes here.
    async fn refuse_if_deleted(
        &self,
        warehouse: &Warehouse,
        found: &Indexed,
        wav: &str,
    ) -> Result<(), anyhow::Error> {
        let of = &found.recording;
        let now = warehouse.recording(of.tenant_id, of.recording_id).await?;
        if now.is_none_or(|now| now.deleted.is_none()) {
            return Ok(());
        }
        if let Ok(Some(tier)) = &self.tier {
            for path in moving::objects(wav) {
                tier.cache().forget(&path)?;
            }
        }
        anyhow::bail!("it was deleted a moment ago")
    }

    /// Makes the form of a WAV that lies in this folder, where there is none yet.
    async fn make(&self, folder: &Path, wav: &str, format: Form) -> Result<(), anyhow::Error> {
        if let Some(form) = format.encoded() {
            encode::encode(folder, wav, form, self.rates, self.keys.clone(), None).await?;
        }
        Ok(())
    }
}

fn rotate_key(file: &Path) -> Result<ExitCode, anyhow::Error> {
    let key = mediacore::edge::keys::rotate(file)?;
    println!("key {key} is the last of {}; restart to use it", file.display());
    Ok(ExitCode::SUCCESS)
}
