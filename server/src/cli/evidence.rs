//! `switchgrid evidence`: make a pack of one call, verify a pack, show the key of this box. Verifying
//! needs no box and no network.

use super::block_on;
use super::home::Home;
use super::recording::{Form, Source};
use crate::config::Config;
use crate::evidence::{self, Audio, RECORDINGS_MAX, SigningKey, Verdict};
use anyhow::Context;
use desk::By;
use std::fs::File;
use std::io::{BufReader, BufWriter};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use terms::{CallId, TenantId};
use warehouse::Limits;
use warehouse::recordings::Search;

/// Arguments of `switchgrid evidence`.
#[derive(clap::Args)]
pub struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(clap::Subcommand)]
enum Command {
    /// Make the evidence pack of a call. The audit table says so.
    Pack {
        /// The call.
        call: CallId,
        /// Whose call.
        #[arg(long, default_value = "1")]
        tenant: TenantId,
        /// Where to; by default `evidence-<call>.zip` here.
        #[arg(long)]
        out: Option<PathBuf>,
    },
    /// Say whether a pack is as it was made, and if not, what of it was changed. Ends with 1 then.
    Verify {
        /// The pack.
        file: PathBuf,
        /// The public key that it has to be signed with, as `switchgrid evidence key` prints it.
        #[arg(long, value_name = "HEX")]
        key: Option<String>,
        /// The findings as JSON.
        #[arg(long)]
        json: bool,
    },
    /// Print the public key of this box.
    Key,
}

/// Runs the command.
///
/// # Errors
/// When the box, the pack or a file cannot be read.
pub fn run(config: &Config, arguments: &Arguments) -> Result<ExitCode, anyhow::Error> {
    match &arguments.command {
        Command::Pack { call, tenant, out } => {
            block_on(pack(config, *tenant, *call, out.as_deref()))
        }
        Command::Verify { file, key, json } => verify(file, key.as_deref(), *json),
        Command::Key => {
            let data = &config.server.data;
            anyhow::ensure!(data.is_dir(), "{} holds no box", data.display());
            println!("{}", SigningKey::open(&SigningKey::path(data))?.public());
            Ok(ExitCode::SUCCESS)
        }
    }
}

async fn pack(
    config: &Config,
    tenant: TenantId,
    call: CallId,
    out: Option<&Path>,
) -> Result<ExitCode, anyhow::Error> {
    let home = Home::open(config, tenant).await?;
    let limits = Limits { rows_max: 10_000_000, ..Limits::default() };
    let session = home.session(config, limits).await?;
    let by = By::system("command line", crate::first::wall());
    home.store.note(tenant, &by, "evidence.export", &call.to_string()).await?;
    let facts = evidence::gather(&home.store, &session, tenant, call, &by).await?;
    let facts =
        facts.with_context(|| format!("there is no call {call}, or it has not ended yet"))?;
    let warehouse = crate::first::read_warehouse(config).await?;
    let source = Source::open(config);
    let search = Search { tenant, call: Some(call), ..Search::default() };
    let mut found = warehouse.recordings(&search, RECORDINGS_MAX + 1).await?;
    anyhow::ensure!(
        found.len() <= RECORDINGS_MAX,
        "call {call} has more than {RECORDINGS_MAX} recordings; a pack takes no more"
    );
    found.reverse();
    let mut audio = Vec::new();
    for of in &found {
        let file = match &of.deleted {
            Some(deleted) => Err(format!("it was deleted on {}", deleted.at.day_text())),
            None => source
                .rendering(&warehouse, of, Form::Wav)
                .await
                .map_err(|error| format!("{error:#}")),
        };
        audio.push(Audio { recording: of.recording.recording_id, file });
    }
    let key = SigningKey::open(&SigningKey::path(&config.server.data))?;
    let out = out.map_or_else(|| PathBuf::from(format!("evidence-{call}.zip")), Path::to_owned);
    let (count, entries) = (audio.len(), facts.entries.len());
    let written = File::create(&out)
        .and_then(|file| evidence::write(BufWriter::new(file), &facts, audio, &key));
    written.with_context(|| format!("write {}", out.display()))?;
    println!("{} ({count} recordings, {entries} entries)", out.display());
    Ok(ExitCode::SUCCESS)
}

fn verify(file: &Path, key: Option<&str>, json: bool) -> Result<ExitCode, anyhow::Error> {
    let named = || format!("read {}", file.display());
    let pack = BufReader::new(File::open(file).with_context(named)?);
    let verdict = evidence::verify(pack, key).with_context(named)?;
    if json {
        println!("{}", serde_json::to_string_pretty(&verdict)?);
    } else {
        tell(&verdict, key.is_some());
    }
    Ok(if verdict.faults.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// A pack says of itself what it wants: nothing of it reaches the terminal but printable text.
fn tell(verdict: &Verdict, is_key_known: bool) {
    let plain = |text: &str| text.replace(char::is_control, "·");
    println!("call          {} of {}", verdict.call, plain(&verdict.organisation));
    println!("made          {} for {}", plain(&verdict.made_at), plain(&verdict.made_by));
    println!("signed with   {}", plain(&verdict.key));
    println!("holds         {} files, {} entries", verdict.files, verdict.entries);
    for missing in &verdict.missing {
        println!("not in it     {}", plain(missing));
    }
    for fault in &verdict.faults {
        println!("WRONG         {}: {}", plain(&fault.part), plain(&fault.what));
    }
    match (verdict.faults.is_empty(), is_key_known) {
        (false, _) => println!("This is not the pack that was made."),
        (true, true) => println!("It is as it was made, by the box with this key."),
        (true, false) => println!(
            "It is as it was made by whoever has this key; compare it with what `switchgrid \
             evidence key` prints on the box, or give it with --key."
        ),
    }
}
