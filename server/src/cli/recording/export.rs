//! `switchgrid recording export`: recordings as plain files, `<out>/<yyyy-mm-dd>/<recording>.wav`,
//! with a list of them beside, `recordings.csv`. What is there already is left as it is, so that an
//! export goes on where it stopped. With `--zip` it is one file as the API gives it, of any size.
//! Either way the audit table says so first.

use super::{Form, Source};
use crate::bundle::recordings::Set;
use crate::cli::home::Home;
use crate::config::Config;
use anyhow::Context;
use desk::By;
use indicatif::{ProgressBar, ProgressStyle};
use std::fmt::Write;
use std::fs::File;
use std::io::{BufWriter, Read};
use std::path::PathBuf;
use std::process::ExitCode;
use terms::record::Recording;
use terms::{AgentId, CallId, QueueId, RecordingId, TenantId, Timestamp};
use warehouse::Warehouse;
use warehouse::recordings::Search;

/// Rows read at a time.
const PAGE: usize = 500;

/// What to copy, and where to.
#[derive(clap::Args)]
pub struct Options {
    /// Folder for the files, made when it is missing; with --zip, the file.
    #[arg(long)]
    out: PathBuf,
    /// One zip with index.csv and SHA256SUMS instead of a folder.
    #[arg(long)]
    zip: bool,
    /// Only recordings that began at or after this time, such as 2026-11-01T00:00:00+08:00.
    #[arg(long, value_parser = time)]
    from: Option<Timestamp>,
    /// Only recordings that began before this time.
    #[arg(long, value_parser = time)]
    to: Option<Timestamp>,
    /// Only recordings of this number, or a part of it; with * or ? the whole number.
    #[arg(long)]
    caller: Option<String>,
    /// Only recordings whose first agent this is.
    #[arg(long)]
    agent: Option<AgentId>,
    /// Only recordings of this queue.
    #[arg(long)]
    queue: Option<QueueId>,
    /// Only recordings of this call.
    #[arg(long)]
    call: Option<CallId>,
    /// Their form.
    #[arg(long, value_enum, default_value_t = Form::Wav)]
    format: Form,
}

fn time(text: &str) -> Result<Timestamp, String> {
    desk::when::parse(text)
        .ok_or_else(|| "a time such as 2026-11-01T00:00:00+08:00 (RFC 3339) is needed".to_owned())
}

pub async fn run(
    config: &Config,
    home: &Home,
    options: &Options,
) -> Result<ExitCode, anyhow::Error> {
    let warehouse = crate::first::read_warehouse(config).await?;
    let source = Source::open(config);
    let mut search = options.search(home.tenant);
    let count = warehouse.recordings_matching(&search).await?;
    let by = By::system("command line", crate::first::wall());
    let subject = format!("{count} recordings {}", options.format.extension());
    home.store.note(home.tenant, &by, "recording.export", &subject).await?;
    let bar = ProgressBar::new(count).with_style(
        ProgressStyle::with_template("{bar:40} {pos}/{len} recordings")
            .expect("the template is valid"),
    );
    if options.zip {
        return zip(&warehouse, &source, search, options, &bar).await;
    }
    let mut list = String::from(HEAD);
    let (mut copied, mut failed) = (0_u64, 0_u64);
    loop {
        let page = warehouse.recordings(&search, PAGE).await?;
        let Some(last) = page.last() else { break };
        search.before = Some((last.recording.started_at, last.recording.recording_id));
        for found in &page {
            let Some(wav) = &found.recording.path else { continue };
            let day = found.recording.started_at.day_text();
            let name = format!("{day}/{}", file_name(found.recording.recording_id, options.format));
            let target = options.out.join(&name);
            let folder = options.out.join(&day);
            std::fs::create_dir_all(&folder)
                .with_context(|| format!("make the folder {}", folder.display()))?;
            bar.inc(1);
            let copy = source.copy_out(&warehouse, found, wav, options.format, &target);
            if !target.exists()
                && let Err(error) = copy.await
            {
                // Half a file would be taken for a whole one by the next export.
                let _ = std::fs::remove_file(&target);
                bar.println(format!("{}: {error:#}", found.recording.recording_id));
                failed += 1;
                continue;
            }
            copied += 1;
            line(&mut list, &found.recording, &name);
        }
    }
    bar.finish_and_clear();
    std::fs::create_dir_all(&options.out)?;
    let csv = options.out.join("recordings.csv");
    std::fs::write(&csv, list).with_context(|| format!("write {}", csv.display()))?;
    println!("{copied} recordings in {}, {failed} failed", options.out.display());
    Ok(if failed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

impl Options {
    fn search(&self, tenant: TenantId) -> Search {
        Search {
            tenant,
            from: self.from,
            to: self.to,
            caller: self.caller.clone(),
            agent: self.agent,
            queue: self.queue,
            call: self.call,
            kept: true,
            ..Search::default()
        }
    }
}

/// The set as one file, under another name until it is whole.
async fn zip(
    warehouse: &Warehouse,
    source: &Source,
    mut search: Search,
    options: &Options,
    bar: &ProgressBar,
) -> Result<ExitCode, anyhow::Error> {
    let mut partial = options.out.clone().into_os_string();
    partial.push(".part");
    let partial = PathBuf::from(partial);
    let made = || format!("write {}", partial.display());
    let mut set = Set::new(BufWriter::new(File::create(&partial).with_context(made)?));
    let (mut copied, mut failed) = (0_u64, 0_u64);
    loop {
        let page = warehouse.recordings(&search, PAGE).await?;
        let Some(last) = page.last() else { break };
        search.before = Some((last.recording.started_at, last.recording.recording_id));
        for found in &page {
            bar.inc(1);
            match source.rendering(warehouse, found, options.format).await {
                Ok(mut rendering) => {
                    let extension = options.format.extension();
                    let file = (rendering.clear_bytes(), &mut rendering as &mut dyn Read);
                    set.add(&found.recording, extension, file, None).with_context(made)?;
                    copied += 1;
                }
                Err(error) => {
                    bar.println(format!("{}: {error:#}", found.recording.recording_id));
                    set.note_missing(&found.recording, &format!("{error:#}"));
                    failed += 1;
                }
            }
        }
    }
    set.finish().with_context(made)?;
    std::fs::rename(&partial, &options.out).with_context(made)?;
    bar.finish_and_clear();
    println!("{copied} recordings in {}, {failed} failed", options.out.display());
    Ok(if failed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

const HEAD: &str = "recording,call,started_at,duration_ms,caller,agent,queue,file\r\n";

fn file_name(recording: RecordingId, format: Form) -> String {
    format!("{recording}.{}", format.extension())
}

/// A line of the list. A number begins with `+`, which a spreadsheet would take for a formula.
fn line(list: &mut String, of: &Recording, file: &str) {
    let caller: String = of.caller.chars().filter(|c| !c.is_control()).collect();
    let caller = caller.replace('"', "\"\"");
    let id = |id: Option<u64>| id.map(|id| id.to_string()).unwrap_or_default();
    writeln!(
        list,
        "{},{},{},{},\"'{caller}\",{},{},{file}\r",
        of.recording_id,
        of.call_id,
        of.started_at,
        of.duration_ms,
        id(of.agent_id.map(|agent| agent.0)),
        id(of.queue_id.map(|queue| queue.0)),
    )
    .expect("a string takes text");
}
