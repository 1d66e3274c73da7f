//! `switchgrid report`: print a report without the API.

use super::block_on;
use super::home::Home;
use crate::config::Config;
use crate::work::given;
use crate::work::jobs::{Bench, Job, JobScope, ReportJob};
use anyhow::Context;
use desk::team::Sight;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use reports::{Orientation, Paper, Progress, Size};
use std::io::Write;
use std::path::PathBuf;
use std::sync::Arc;
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
    /// a4 or a3, of pdf, png and xlsx.
    #[arg(long, default_value = "a4")]
    paper: Size,
    /// automatic, portrait or landscape; automatic lies on its side for many columns.
    #[arg(long, default_value = "automatic")]
    orientation: Orientation,
    /// Where to; by default standard output.
    #[arg(long)]
    out: Option<PathBuf>,
    /// What it is asked with besides, such as `service_level_s=30`, `queue=3,5` or `team=2`; given once
    /// for each.
    #[arg(long, value_name = "NAME=VALUE", value_parser = pair)]
    with: Vec<(String, String)>,
    /// Whose.
    #[arg(long, default_value = "1")]
    tenant: TenantId,
}

/// `service_level_s=30`.
fn pair(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((name, value)) if !name.is_empty() => Ok((name.to_owned(), value.to_owned())),
        _ => Err("a parameter and its value are needed, such as service_level_s=30".to_owned()),
    }
}

/// Prints the report.
///
/// # Errors
/// When it does not exist, the period is none, it does not look at a parameter, or the stores cannot be
/// read.
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
        let named = crate::first::names(&store, tenant).await?;
        let own = crate::work::own_report::find(&store, tenant, report).await?;
        let given = arguments.with.iter().map(|(name, value)| (name.as_str(), value.as_str()));
        let given = given::read(report, own.as_ref(), given)?;
        let given = given::placed(&store, tenant, given).await??;
        let scope = JobScope::seen(tenant, Sight::WHOLE, true, profile.time_zone);
        let asked = (report.clone(), arguments.period.clone());
        let job = ReportJob {
            format: arguments.format.clone(),
            language: arguments.language.clone().unwrap_or(profile.language),
            tenant_name: profile.name,
            given,
            own,
            paper: Paper { size: arguments.paper, orientation: arguments.orientation },
            ..ReportJob::of(named, scope, asked, crate::first::wall())
        };
        let bar = bar();
        let shown = bar.clone();
        let bench = Bench::open(config.clone()).await?;
        let bench = bench.heard_by(Arc::new(move |at| show(&shown, at)));
        let done = bench.run(Job::Report(Box::new(job))).await;
        bar.finish_and_clear();
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

/// How many rows of a long form are in it, on standard error. It shows itself with the first word of
/// that, and nowhere but on a terminal.
fn bar() -> ProgressBar {
    let style = ProgressStyle::with_template("{bar:40} {pos}/{len} rows {eta}");
    let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr());
    bar.with_style(style.expect("the template is valid"))
}

fn show(bar: &ProgressBar, Progress { rows, of }: Progress) {
    bar.set_length(of as u64);
    bar.set_position(rows as u64);
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::Parser;

    #[derive(clap::Parser)]
    struct Line {
        #[command(flatten)]
        arguments: Arguments,
    }

    #[test]
    fn a_report_of_a_queue_is_printed_and_one_that_is_not_narrowed_so_says_by_what_it_is() {
        let folder = tempfile::tempdir().unwrap();
        let mut config = Config::default();
        config.server.data = folder.path().to_owned();
        block_on(crate::first::bootstrap(&config, None)).unwrap();
        let out = folder.path().join("report.txt");
        let printed = |report: &str, given: &str| {
            let to = out.to_string_lossy().into_owned();
            let line =
                ["report", report, "--with", given, "--language", "en", "--out", to.as_str()];
            run(&config, &Line::parse_from(line).arguments)?;
            Ok::<String, anyhow::Error>(std::fs::read_to_string(&out)?)
        };
        let page = printed("queue_summary", "queue=1,99").unwrap();
        assert!(page.contains("#99"), "whatever it is called, it is named: {page}");
        for (report, given, said) in [
            ("queue_summary", "agent=1", "not narrowed by agent or team, but by queue"),
            ("capacity", "queue=1", "narrowed by neither queue nor agent nor team"),
            ("workload", "team=99", "team: there is no such team"),
        ] {
            let refused = printed(report, given).unwrap_err().to_string();
            assert!(refused.contains(said), "{refused}");
        }
    }

    #[test]
    fn the_bar_stands_where_the_form_is() {
        let bar = bar();
        assert_eq!((bar.position(), bar.length()), (0, None));
        show(&bar, Progress { rows: 2_000, of: 1_000_000 });
        assert_eq!((bar.position(), bar.length()), (2_000, Some(1_000_000)));
    }

    #[test]
    fn a_parameter_is_given_by_name_and_value() {
        let read = |text: &str| pair(text).ok();
        let made = |name: &str, value: &str| Some((name.to_owned(), value.to_owned()));
        assert_eq!(read("service_level_s=30"), made("service_level_s", "30"));
        assert_eq!(read("action=a=b"), made("action", "a=b"));
        assert_eq!(read("zone="), made("zone", ""));
        for text in ["", "zone", "=30"] {
            assert_eq!(read(text), None, "{text}");
        }
    }
}
