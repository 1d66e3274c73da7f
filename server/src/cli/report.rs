//! `switchgrid report`: print a report without the API.

use super::block_on;
use super::home::Home;
use crate::config::Config;
use crate::first::Named;
use crate::work::jobs::{Bench, Job, JobScope, ReportJob};
use anyhow::Context;
use desk::team::Sight;
use std::io::Write;
use std::path::PathBuf;
use terms::TenantId;

/// Arguments of `switchgrid report`.
#[derive(clap::Args)]
pub struct Arguments {
    /// Which report; without it the catalogue is listed.
    report: Option<String>,
    /// `today`, `yesterday`, `2026-11`, `2026-W47`, `2026-11-01..2026-11-15` and so on.
    #[arg(long, default_value = "today")]
    period: String,
    /// pdf, xlsx, html, txt, png, csv or json.
    #[arg(long, default_value = "txt")]
    format: String,
    /// `zh-CN` or `en`; by default the tenant's.
    #[arg(long)]
    language: Option<String>,
    /// Where to; by default standard output.
    #[arg(long)]
    out: Option<PathBuf>,
    /// Whose.
    #[arg(long, default_value = "1")]
    tenant: TenantId,
}

/// Prints the report.
///
/// # Errors
/// When it does not exist, the period is none, or the stores cannot be read.
pub fn run(config: &Config, arguments: &Arguments) -> Result<(), anyhow::Error> {
    let Some(report) = &arguments.report else {
        for report in reports::catalogue() {
            println!("{:<22} {} / {}", report.id, report.title.zh, report.title.en);
        }
        return Ok(());
    };
    let tenant = arguments.tenant;
    let body = block_on(async {
        let Home { store, profile, .. } = Home::open(config, tenant).await?;
        let Named { agents, queues, trunks, flows, teams, areas, workers, rates, lines_max } =
            crate::first::names(&store, tenant).await?;
        let job = ReportJob {
            scope: JobScope::seen(tenant, Sight::WHOLE, true, profile.time_zone.clone()),
            report: report.clone(),
            period: arguments.period.clone(),
            format: arguments.format.clone(),
            language: arguments.language.clone().unwrap_or(profile.language),
            tenant_name: profile.name,
            now: crate::first::wall(),
            agents,
            queues,
            trunks,
            flows,
            teams,
            areas,
            workers,
            user: None,
            action: None,
            rates,
            lines_max,
            own: crate::work::own_report::find(&store, tenant, report).await?,
            mark: None,
        };
        let bench = Bench::open(config.clone()).await?;
        let done = bench.run(Job::Report(Box::new(job))).await;
        done.map_err(anyhow::Error::from)
    })?
    .body;
    match &arguments.out {
        Some(file) => {
            std::fs::write(file, &body).with_context(|| format!("write {}", file.display()))?;
            println!("{} ({} bytes)", file.display(), body.len());
        }
        None => std::io::stdout().lock().write_all(&body)?,
    }
    Ok(())
}
