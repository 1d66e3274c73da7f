//! `switchgrid warehouse rebuild`. Rows of erased persons and of days whose time is over do not come
//! back: what is not noted of the latter in the warehouse is known by how long rows are kept.

use super::{bar, show};
use crate::api::deletion::tables_over;
use crate::config::Config;
use crate::first;
use crate::serve::lock;
use chrono::NaiveDate;
use serde::Serialize;
use std::process::ExitCode;
use terms::{TenantId, Timestamp};
use warehouse::rebuild::{Differs, Plan, Rebuilt};

/// What to make anew.
#[derive(Clone, Debug, Default, clap::Args)]
pub struct Options {
    /// Rows of this UTC day only, such as 2026-11-23.
    #[arg(long, value_parser = day, conflicts_with_all = ["from", "to"])]
    pub day: Option<NaiveDate>,
    /// Rows from this UTC day on.
    #[arg(long, value_parser = day)]
    pub from: Option<NaiveDate>,
    /// Rows up to this UTC day, itself among them.
    #[arg(long, value_parser = day)]
    pub to: Option<NaiveDate>,
    /// Rows of this table only.
    #[arg(long)]
    pub table: Option<String>,
    /// Say which rows differ, and change nothing; the box may run. Ends with 1 where one does.
    #[arg(long)]
    pub check: bool,
    /// The findings as JSON.
    #[arg(long)]
    pub json: bool,
}

/// What was found and done, as it is printed.
#[derive(Debug, Serialize)]
struct Report {
    ok: bool,
    events: u64,
    rows: u64,
    kept: u64,
    differing: u64,
    /// The first ten thousand.
    differences: Vec<Row>,
    damaged: Vec<String>,
    lost: u64,
    days_written: u64,
    days_waiting: u64,
}

#[derive(Debug, Serialize)]
struct Row {
    table: &'static str,
    day: String,
    tenant: TenantId,
    id: String,
    differs: &'static str,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    columns: Vec<String>,
}

/// Runs the command.
pub async fn run(config: &Config, options: &Options) -> Result<ExitCode, anyhow::Error> {
    let report = report(options.check, rebuild(config, options).await?);
    if options.json {
        println!("{}", serde_json::to_string_pretty(&report)?);
    } else {
        print(&report, options.check);
    }
    Ok(if report.ok { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Compares or rebuilds.
pub async fn rebuild(config: &Config, options: &Options) -> Result<Rebuilt, anyhow::Error> {
    let (from, until) = (options.day.or(options.from), options.day.or(options.to));
    if let (Some(from), Some(until)) = (from, until) {
        anyhow::ensure!(from <= until, "--from {from} is after --to {until}");
    }
    let warehouse = if options.check {
        first::read_warehouse(config).await?
    } else {
        lock::check_free(config)?;
        first::open_warehouse(config).await?
    };
    let over = over(config).await?;
    let (table, check) = (options.table.clone(), options.check);
    let plan = Plan { from, until, table, check, over };
    let bar = bar();
    let done = warehouse.rebuild(&plan, |done, all| show(&bar, done, all)).await;
    bar.finish_and_clear();
    warehouse.close().await;
    Ok(done?)
}

/// Before which day the rows of each tenant's tables are over.
async fn over(config: &Config) -> Result<Vec<(TenantId, String, NaiveDate)>, anyhow::Error> {
    let store = first::open_store(config).await?;
    let mut over = Vec::new();
    for tenant in store.tenants().await? {
        let kept = store.retention(tenant.id).await?.rows;
        for (table, until) in tables_over(&kept, first::wall()) {
            over.extend(date(until).map(|until| (tenant.id, table.to_owned(), until)));
        }
    }
    store.close().await;
    Ok(over)
}

fn date(at: Timestamp) -> Option<NaiveDate> {
    at.day_text().parse().ok()
}

fn day(text: &str) -> Result<NaiveDate, String> {
    text.parse().map_err(|_| "write a UTC day like 2026-11-23".to_owned())
}

fn report(check: bool, done: Rebuilt) -> Report {
    let row = |of: warehouse::rebuild::Difference| {
        let (differs, columns) = match of.differs {
            Differs::Missing => ("missing", Vec::new()),
            Differs::Extra => ("extra", Vec::new()),
            Differs::Doubled => ("doubled", Vec::new()),
            Differs::Columns(columns) => ("columns", columns),
        };
        let id = of.id.to_string();
        Row { table: of.table, day: of.day, tenant: of.tenant, id, differs, columns }
    };
    let is_right = done.differing == 0 && done.damaged.is_empty();
    Report {
        ok: if check { is_right } else { done.days_waiting == 0 },
        events: done.events,
        rows: done.rows,
        kept: done.kept,
        differing: done.differing,
        differences: done.differences.into_iter().map(row).collect(),
        damaged: done.damaged,
        lost: done.lost,
        days_written: done.days_written,
        days_waiting: done.days_waiting,
    }
}

fn print(report: &Report, check: bool) {
    let Report { events, rows, kept, differing, days_written, days_waiting, .. } = report;
    for path in &report.damaged {
        println!("{path} is not what was written");
    }
    for row in &report.differences {
        let what = match row.differs {
            "missing" => "is not there".to_owned(),
            "extra" => "is there, and no event speaks of it".to_owned(),
            "doubled" => "is there more than once".to_owned(),
            _ => format!("differs in {}", row.columns.join(", ")),
        };
        println!("{} of {}, tenant {}, {}: {what}", row.table, row.day, row.tenant, row.id);
    }
    println!("{events} events, {rows} rows: {differing} differ, {kept} cannot be made anew");
    if report.lost > 0 {
        println!("{} rows of damaged files cannot be made anew", report.lost);
    }
    if !check {
        println!("{days_written} days of tables were written");
    }
    if *days_waiting > 0 {
        println!(
            "{days_waiting} days of tables were rewritten a moment ago for another reason: rebuild \
             again in ten minutes"
        );
    }
}
