//! `switchgrid sql "SELECT …"`: one question to the warehouse, whether the box runs or not.

use super::block_on;
use crate::config::Config;
use std::io::Write;
use std::process::ExitCode;
use terms::TenantId;
use warehouse::{Answer, Limits, Scope, Session, Warehouse};

/// Arguments of `switchgrid sql`.
#[derive(clap::Args)]
pub struct Arguments {
    /// The question, or `-` for standard input.
    sql: String,
    /// Whose rows.
    #[arg(long, default_value_t = 1)]
    tenant: u64,
    /// Form of the answer.
    #[arg(long, value_enum, default_value_t = Format::Table)]
    format: Format,
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
    let sql = match arguments.sql.as_str() {
        "-" => std::io::read_to_string(std::io::stdin())?,
        text => text.to_owned(),
    };
    block_on(async {
        let warehouse = Warehouse::open_reader(config.server.data.join("warehouse")).await?;
        let mut scope = Scope::of(TenantId(arguments.tenant));
        scope.time_zone = config.first.time_zone.to_string();
        let limits = Limits {
            rows_max: config.sql.rows_max as usize,
            time_max: config.sql.time_max.0,
            memory_max: config.sql.memory_max.0 as usize,
        };
        let session = Session::open(&warehouse, scope, limits).await?;
        match session.query(&sql).await {
            Ok(answer) => {
                print(&answer, arguments.format)?;
                Ok(ExitCode::SUCCESS)
            }
            Err(error) => {
                eprintln!("{error}");
                Ok(ExitCode::FAILURE)
            }
        }
    })
}

fn print(answer: &Answer, format: Format) -> Result<(), anyhow::Error> {
    let mut out = std::io::stdout().lock();
    match format {
        Format::Table => writeln!(out, "{}", table(answer))?,
        Format::Json => writeln!(out, "{}", answer.to_json())?,
        Format::Csv => out.write_all(answer.to_csv().as_bytes())?,
        Format::Arrow => out.write_all(&answer.to_ipc())?,
    }
    if answer.truncated {
        eprintln!("The answer was cut at {} rows (sql.rows_max).", answer.rows());
    }
    Ok(())
}

/// A table for people, from the same JSON that the API gives.
fn table(answer: &Answer) -> comfy_table::Table {
    let mut table = comfy_table::Table::new();
    let names: Vec<String> = answer.schema.fields().iter().map(|f| f.name().clone()).collect();
    table.set_header(&names);
    let rows: Vec<serde_json::Value> =
        serde_json::from_str(&answer.to_json()).expect("an answer is valid JSON");
    for row in &rows {
        table.add_row(names.iter().map(|name| {
            match row.get(name).unwrap_or(&serde_json::Value::Null) {
                serde_json::Value::Null => String::new(),
                serde_json::Value::String(text) => clean(text),
                other => other.to_string(),
            }
        }));
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
