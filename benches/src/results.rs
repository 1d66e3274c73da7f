//! Figures, one JSON object a line: `target/bench/results.jsonl` grows with every bench, so that a
//! change of speed can be seen over time.

use serde::{Deserialize, Serialize};
use std::fs::{OpenOptions, create_dir_all};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::SystemTime;
use terms::Timestamp;

/// One figure of one run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Figure {
    /// Which bench.
    pub bench: String,
    /// What was measured.
    pub metric: String,
    /// How much.
    pub value: f64,
    /// Of what.
    pub unit: String,
    /// Somebody else's program, measured in the same run.
    pub peer: Option<String>,
    /// How much they need.
    pub peer_value: Option<f64>,
    /// Ours over theirs.
    pub ratio: Option<f64>,
    /// The tree's commit.
    pub commit: String,
    /// When, in UTC.
    pub date: String,
}

impl Figure {
    /// A figure without a peer, of the tree as it is and of now.
    pub fn new(bench: &str, metric: &str, value: f64, unit: &str) -> Figure {
        let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        Figure {
            bench: bench.to_owned(),
            metric: metric.to_owned(),
            value,
            unit: unit.to_owned(),
            peer: None,
            peer_value: None,
            ratio: None,
            commit: commit(),
            date: Timestamp(since.as_micros() as i64).to_string(),
        }
    }

    /// The same with a peer's figure beside it.
    pub fn beside(mut self, peer: &str, value: f64) -> Figure {
        self.peer = Some(peer.to_owned());
        self.peer_value = Some(value);
        self.ratio = Some(self.value / value);
        self
    }
}

/// The file of this tree's builds: `bench/results.jsonl` in the target folder of this program.
pub fn file() -> io::Result<PathBuf> {
    let program = std::env::current_exe()?;
    let target = program.ancestors().nth(2).unwrap_or(Path::new("target"));
    Ok(target.join("bench/results.jsonl"))
}

/// Appends a line.
///
/// # Errors
/// When the file cannot be made or written.
pub fn append(file: &Path, figure: &Figure) -> io::Result<()> {
    if let Some(folder) = file.parent() {
        create_dir_all(folder)?;
    }
    let mut line = serde_json::to_vec(figure)?;
    line.push(b'\n');
    OpenOptions::new().create(true).append(true).open(file)?.write_all(&line)
}

fn commit() -> String {
    let output = Command::new("git").args(["rev-parse", "--short", "HEAD"]).output();
    match output {
        Ok(output) if output.status.success() => {
            String::from_utf8_lossy(&output.stdout).trim().to_owned()
        }
        _ => "unknown".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_figure_is_one_line_that_can_be_read_again() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("bench/results.jsonl");
        let figure = Figure::new("parser", "invite", 0.5, "µs").beside("other", 2.0);
        append(&file, &figure).unwrap();
        append(&file, &figure).unwrap();
        let text = std::fs::read_to_string(&file).unwrap();
        let read: Vec<Figure> =
            text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        assert_eq!(read, [figure.clone(), figure]);
        assert_eq!(read[0].ratio, Some(0.25));
    }
}
