//! `switchgrid sql "SELECT …"`: one question to the warehouse, whether the box runs or not. As in
//! psql, `\d` lists the tables and `\d calls` what is in one. Without a question they are typed at a
//! prompt, or come as a script.

mod shell;
mod tables;
mod terminal;

use super::block_on;
use super::home::Home;
use crate::config::Config;
use desk::when;
use std::io::{IsTerminal, Write};
use std::process::ExitCode;
use std::time::Instant;
use terms::{TenantId, Timestamp};
use warehouse::{Answer, Limits, Session};

/// Arguments of `switchgrid sql`.
#[derive(clap::Args)]
pub struct Arguments {
    /// The question, or `-` for one from standard input; `\d` lists the tables, `\d calls` the columns
    /// of one. Left out, questions are typed, or read from a script on standard input.
    sql: Option<String>,
    /// Whose rows.
    #[arg(long, default_value = "1")]
    tenant: TenantId,
    /// Form of the answer.
    #[arg(long, value_enum, default_value_t = Format::Table)]
    format: Format,
    /// Say how long it took, on standard error.
    #[arg(long)]
    timing: bool,
    /// Let the cluster of the scheduler at this address, host:port, answer, from the files that are
    /// published; what came since is in the answers of the box alone.
    #[arg(long, value_name = "ADDRESS")]
    cluster: Option<String>,
}

#[derive(Clone, Copy, clap::ValueEnum)]
enum Format {
    /// For people.
    Table,
    /// One object.
    Json,
    /// RFC 4180 with a header line.
    Csv,
    /// Arrow IPC stream.
    Arrow,
}

/// Answers the question on standard output.
///
/// # Errors
/// When the warehouse cannot be read. A fault of the question is printed and gives exit code 1.
pub fn run(config: &Config, arguments: &Arguments) -> Result<ExitCode, anyhow::Error> {
    let Some(sql) = &arguments.sql else { return converse(config, arguments) };
    let sql = match sql.as_str() {
        "-" => std::io::read_to_string(std::io::stdin())?,
        text => text.to_owned(),
    };
    if let Some(wanted) = tables::wanted(&sql) {
        return Ok(match tables::table(wanted) {
            Ok(table) => {
                writeln!(std::io::stdout(), "{table}")?;
                ExitCode::SUCCESS
            }
            Err(problem) => {
                eprintln!("{problem}");
                ExitCode::FAILURE
            }
        });
    }
    block_on(async {
        let home = Home::open(config, arguments.tenant).await?;
        let session = match &arguments.cluster {
            Some(scheduler) => home.session_on(scheduler, config, limits(config)).await?,
            None => home.session(config, limits(config)).await?,
        };
        let began = Instant::now();
        let answer = session.query(&sql).await;
        if arguments.timing {
            eprintln!("{:.1} ms", began.elapsed().as_secs_f64() * 1_000.0);
        }
        match answer {
            Ok(answer) => {
                print(&answer, arguments.format, &home)?;
                if arguments.cluster.is_some() {
                    eprintln!("{}", until(&session, &home));
                }
                Ok(ExitCode::SUCCESS)
            }
            Err(error) => {
                eprintln!("{}", shell::told(&sql, &error));
                Ok(ExitCode::FAILURE)
            }
        }
    })
}

/// Answers what is typed or what a script asks.
fn converse(config: &Config, arguments: &Arguments) -> Result<ExitCode, anyhow::Error> {
    block_on(async {
        let home = Home::open(config, arguments.tenant).await?;
        let mut counter = terminal::Counter::new(&home, config, limits(config), arguments);
        if std::io::stdin().is_terminal() {
            counter.talk().await?;
            return Ok(ExitCode::SUCCESS);
        }
        let script = std::io::read_to_string(std::io::stdin())?;
        let (mut out, mut notes) = (std::io::stdout(), std::io::stderr());
        let good = counter.script(&script, &mut out, &mut notes).await?;
        Ok(if good { ExitCode::SUCCESS } else { ExitCode::FAILURE })
    })
}

fn limits(config: &Config) -> Limits {
    Limits {
        rows_max: config.sql.rows_max as usize,
        time_max: config.sql.time_max.0,
        memory_max: config.sql.memory_max.0 as usize,
    }
}

fn print(answer: &Answer, format: Format, home: &Home) -> Result<(), anyhow::Error> {
    write(answer, format, home, &mut std::io::stdout())?;
    notes(answer, &mut std::io::stderr())
}

fn write(
    answer: &Answer,
    format: Format,
    home: &Home,
    out: &mut impl Write,
) -> Result<(), anyhow::Error> {
    match format {
        Format::Table => writeln!(out, "{}", table(answer, home))?,
        Format::Json => writeln!(out, "{}", answer.to_json())?,
        Format::Csv => out.write_all(answer.to_csv().as_bytes())?,
        Format::Arrow => out.write_all(&answer.to_ipc())?,
    }
    Ok(())
}

/// What the answer does not say of itself.
fn notes(answer: &Answer, to: &mut impl Write) -> Result<(), anyhow::Error> {
    for file in &answer.left_out {
        writeln!(to, "{file} is damaged, and its rows are not in the answer.")?;
    }
    if answer.truncated {
        writeln!(to, "The answer was cut at {} rows (sql.rows_max).", answer.rows())?;
    }
    Ok(())
}

/// Until when what a cluster answers from goes.
fn until(session: &Session, home: &Home) -> String {
    match session.as_of() {
        Timestamp(0) => "Answered by the cluster; no file is published yet.".to_owned(),
        at => {
            let at = home.local(at);
            format!("Answered by the cluster, from published files that end at {at}.")
        }
    }
}

/// A table for people, from the same JSON that the API gives; times by the tenant's clock.
fn table(answer: &Answer, home: &Home) -> comfy_table::Table {
    let mut table = comfy_table::Table::new();
    let fields = answer.schema.fields();
    table.set_header(fields.iter().map(|field| field.name()));
    let rows: Vec<serde_json::Value> =
        serde_json::from_str(&answer.to_json()).expect("an answer is valid JSON");
    for row in &rows {
        table.add_row(fields.iter().map(|field| {
            let is_time = field.data_type().is_temporal();
            match row.get(field.name()).unwrap_or(&serde_json::Value::Null) {
                serde_json::Value::Null => String::new(),
                serde_json::Value::String(text) => match when::parse(text).filter(|_| is_time) {
                    Some(at) => home.local(at),
                    None => clean(text),
                },
                other => other.to_string(),
            }
        }));
    }
    for (at, field) in fields.iter().enumerate() {
        if let Some(column) = table.column_mut(at).filter(|_| field.data_type().is_numeric()) {
            column.set_cell_alignment(comfy_table::CellAlignment::Right);
        }
    }
    table
}

/// Callers choose some of these texts: nothing of theirs may steer a terminal.
fn clean(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { '·' } else { c }).collect()
}

#[cfg(test)]
mod tests {
    #[test]
    fn a_caller_cannot_steer_the_terminal() {
        assert_eq!(super::clean("a\u{1b}[2Jb\r\n"), "a·[2Jb··");
    }
}
