//! `switchgrid recording`: find, copy out and verify recordings without the API.

use super::block_on;
use super::home::Home;
use crate::config::Config;
use anyhow::Context;
use desk::when;
use indicatif::{ProgressBar, ProgressStyle};
use sha2::{Digest, Sha256};
use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use terms::{RecordingId, TenantId};
use warehouse::{Limits, Session};

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
    /// Copy one recording out; MP3 is made when it is not there yet.
    Get {
        /// Its id.
        recording: RecordingId,
        /// Its form.
        #[arg(long, value_enum, default_value_t = Form::Wav)]
        format: Form,
        /// Where to; by default `<id>.wav` or `<id>.mp3` here.
        #[arg(long)]
        out: Option<PathBuf>,
    },
    /// Compare every file with the size and SHA-256 of its row in the ledger.
    Verify,
    /// Add a key to the file of keys: from the next start on it seals what is recorded, and the
    /// older ones keep opening what they sealed. Copy the file to its other place afterwards.
    RotateKey,
}

/// Form of a recording.
#[derive(Clone, Copy, clap::ValueEnum)]
enum Form {
    /// As recorded: customer left, everyone else right.
    Wav,
    /// Small.
    Mp3,
}

impl Form {
    fn extension(self) -> &'static str {
        match self {
            Form::Wav => "wav",
            Form::Mp3 => "mp3",
        }
    }
}

/// Runs the command.
///
/// # Errors
/// When the warehouse or a file cannot be read.
pub fn run(config: &Config, arguments: &Arguments) -> Result<ExitCode, anyhow::Error> {
    let store = config.recordings_dir();
    block_on(async {
        let home = Home::open(config, arguments.tenant).await?;
        let limits = Limits { rows_max: 10_000_000, ..Limits::default() };
        let session = home.session(config, limits).await?;
        match &arguments.command {
            Command::List { limit } => list(&home, &session, *limit).await,
            Command::Get { recording, format, out } => {
                get(&session, &store, *recording, *format, out.as_deref(), config).await
            }
            Command::Verify => verify(&session, &store).await,
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
    session: &Session,
    store: &Path,
    recording: RecordingId,
    format: Form,
    out: Option<&Path>,
    config: &Config,
) -> Result<ExitCode, anyhow::Error> {
    let sql = format!("SELECT path, reason FROM recordings WHERE recording_id = {recording}");
    let row = rows(session, &sql).await?.pop().with_context(|| {
        format!("there is no recording {recording}; `switchgrid recording list` shows the newest")
    })?;
    let path = row["path"].as_str().with_context(|| {
        let reason = row["reason"].as_str().unwrap_or("it was not recorded");
        format!("recording {recording} has no file: {reason}")
    })?;
    let source = store.join(path).with_extension(format.extension());
    if matches!(format, Form::Mp3) && !source.exists() {
        crate::work::mp3::encode(store, path, config.recording.mp3_kbit).await?;
    }
    let target = out.map_or_else(
        || PathBuf::from(format!("{recording}.{}", format.extension())),
        Path::to_owned,
    );
    let bytes = std::fs::copy(&source, &target)
        .with_context(|| format!("copy {} to {}", source.display(), target.display()))?;
    println!("{} ({bytes} bytes)", target.display());
    Ok(ExitCode::SUCCESS)
}

fn rotate_key(file: &Path) -> Result<ExitCode, anyhow::Error> {
    let key = mediacore::edge::keys::rotate(file)?;
    println!("key {key} is the last of {}; restart to use it", file.display());
    Ok(ExitCode::SUCCESS)
}

async fn verify(session: &Session, store: &Path) -> Result<ExitCode, anyhow::Error> {
    let sql = "SELECT recording_id, path, bytes, sha256 FROM recordings WHERE path IS NOT NULL";
    let rows = rows(session, sql).await?;
    let bar = ProgressBar::new(rows.len() as u64).with_style(
        ProgressStyle::with_template("{bar:40} {pos}/{len} {eta}").expect("the template is valid"),
    );
    let mut bad = 0;
    for row in &rows {
        if let Err(fault) = verify_one(store, row) {
            bad += 1;
            bar.println(format!("{}: {fault}", row["recording_id"].as_str().unwrap_or("?")));
        }
        bar.inc(1);
    }
    bar.finish_and_clear();
    println!("{} recordings verified, {bad} bad", rows.len());
    Ok(if bad == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn verify_one(store: &Path, row: &serde_json::Value) -> Result<(), anyhow::Error> {
    let file = store.join(row["path"].as_str().unwrap_or_default());
    let mut open = std::fs::File::open(&file).with_context(|| file.display().to_string())?;
    let mut hash = Sha256::new();
    let mut buffer = vec![0; 1 << 16];
    let mut bytes = 0;
    loop {
        let read = open.read(&mut buffer)?;
        if read == 0 {
            break;
        }
        hash.update(&buffer[..read]);
        bytes += read as i64;
    }
    let expected = row["bytes"].as_i64().unwrap_or(-1);
    anyhow::ensure!(
        bytes == expected,
        "{}: {bytes} bytes, the ledger says {expected}",
        file.display()
    );
    let sum: String = hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect();
    let known = row["sha256"].as_str().unwrap_or_default();
    anyhow::ensure!(sum == known, "{}: the bytes are not those that were written", file.display());
    Ok(())
}
