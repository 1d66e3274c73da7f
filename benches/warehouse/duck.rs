//! DuckDB over the same files, in a process of its own that Python runs: the wheel that the tests
//! read the published files with (`scripts/outside-readers.txt`).

use anyhow::{Context, Result, bail, ensure};
use benches::piped::Piped;
use serde::Deserialize;
use serde_json::{Map, Value, json};
use std::path::{Path, PathBuf};
use std::process::Command;
use terms::TenantId;
use terms::record::{ColumnType, tables};

/// The process.
pub struct Duck {
    process: Piped,
    /// Questions so far.
    asked: u64,
    /// Which DuckDB.
    pub version: String,
}

/// What it may use.
#[derive(Clone, Copy, Debug)]
pub struct Share {
    /// Threads.
    pub threads: usize,
    /// Bytes.
    pub memory_bytes: usize,
}

#[derive(Deserialize)]
struct Answer {
    /// Of the question.
    number: u64,
    ms: f64,
    error: Option<String>,
    version: Option<String>,
}

impl Duck {
    /// Opens the tables of `folder` for one tenant.
    ///
    /// # Errors
    /// When Python or the wheel is missing.
    pub fn open(folder: &Path, tenant: TenantId, share: Share) -> Result<Duck> {
        let python = python();
        let mut command = Command::new(&python);
        let process = Piped::start(command.args(["-c", include_str!("duck.py")]));
        let process = process.with_context(|| {
            format!("start {}: scripts/setup --bench installs it", python.display())
        })?;
        let mut duck = Duck { process, asked: 0, version: String::new() };
        let answer = duck.ask(json!({
            "what": "open",
            "folder": folder,
            "tenant": tenant.0,
            "threads": share.threads,
            "memory_bytes": share.memory_bytes,
            "tables": columns(),
        }))?;
        duck.version = answer.version.unwrap_or_default();
        Ok(duck)
    }

    /// Asks, and says how many ms the answer took; its rows go to `out` where it is named.
    ///
    /// # Errors
    /// What DuckDB says.
    pub fn time(&mut self, sql: &str, out: Option<&Path>) -> Result<f64> {
        Ok(self.ask(json!({ "what": "ask", "sql": sql, "out": out }))?.ms)
    }

    /// Copies the tenant's calls in `folder` into the SQLite file `file`.
    ///
    /// # Errors
    /// What either says.
    pub fn copy(&mut self, folder: &Path, tenant: TenantId, file: &Path) -> Result<()> {
        let ask = json!({ "what": "copy", "folder": folder, "tenant": tenant.0, "file": file });
        self.ask(ask).map(|_| ())
    }

    /// Writes the tenant's calls in `folder` into the file `file`, as comma-separated values.
    ///
    /// # Errors
    /// What DuckDB says.
    pub fn write_out(&mut self, folder: &Path, tenant: TenantId, file: &Path) -> Result<()> {
        let ask =
            json!({ "what": "write_out", "folder": folder, "tenant": tenant.0, "file": file });
        self.ask(ask).map(|_| ())
    }

    /// Asks SQLite, and says how many ms the answer took.
    ///
    /// # Errors
    /// What SQLite says.
    pub fn time_of_rows(&mut self, file: &Path, sql: &str) -> Result<f64> {
        Ok(self.ask(json!({ "what": "ask_rows", "sql": sql, "file": file }))?.ms)
    }

    fn ask(&mut self, mut ask: Value) -> Result<Answer> {
        self.asked += 1;
        ask["number"] = json!(self.asked);
        let mut first = Some(self.process.ask(&ask));
        let process = &mut self.process;
        let answer = of(self.asked, || first.take().unwrap_or_else(|| process.answer()))?;
        match answer.error {
            Some(error) => bail!("{error}"),
            None => Ok(answer),
        }
    }
}

/// The answer of a question. Those of questions before it, which nobody has read, are passed over.
fn of(number: u64, mut next: impl FnMut() -> Result<Answer>) -> Result<Answer> {
    loop {
        let answer = next()?;
        if answer.number == number {
            return Ok(answer);
        }
        let early = answer.number;
        ensure!(early < number, "question {early} was answered before it was asked");
    }
}

fn python() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../.venv/bin/python")
}

/// The columns of every table, as DuckDB calls their types.
fn columns() -> Map<String, Value> {
    let kind = |kind| match kind {
        ColumnType::Int64 => "BIGINT",
        ColumnType::Int32 => "INTEGER",
        ColumnType::Float64 => "DOUBLE",
        ColumnType::Text => "VARCHAR",
        ColumnType::Bool => "BOOLEAN",
        ColumnType::Time => "TIMESTAMPTZ",
    };
    let of = |table: terms::record::Table| {
        let columns = table.columns.iter().map(|column| json!([column.name, kind(column.kind)]));
        (table.name.to_owned(), columns.collect::<Value>())
    };
    tables().into_iter().map(of).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answers(numbers: &[u64]) -> impl FnMut() -> Result<Answer> {
        let mut numbers = numbers.iter().copied();
        move || {
            let number = numbers.next().context("it has ended")?;
            Ok(Answer { number, ms: number as f64, error: None, version: None })
        }
    }

    #[test]
    fn a_question_takes_no_answer_but_its_own() {
        assert_eq!(of(3, answers(&[1, 2, 3, 4])).unwrap().number, 3);
        assert!(of(3, answers(&[2, 4])).is_err(), "nobody has asked for the fourth");
        assert!(of(3, answers(&[2])).is_err(), "it never came");
    }
}
