//! The same calls as rows of PostgreSQL: a fresh cluster in a temporary folder that listens on a
//! socket there and nowhere else. It will not run as root; where the bench does, it is the user
//! `postgres`.

use anyhow::{Context, Result, bail, ensure};
use std::fs::File;
use std::os::unix::fs::{MetadataExt, chown};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};
use tempfile::TempDir;

const READY_MAX: Duration = Duration::from_secs(30);
const LOOK_EVERY: Duration = Duration::from_millis(100);
/// Part of the socket's name alone.
const PORT: &str = "5432";
/// The columns that `duck.py` writes out.
const TABLE: &str = "CREATE TABLE calls (call_id bigint, direction text, outcome text, \
                     caller text, queue_id bigint, agent_id bigint, wait_ms bigint, \
                     talk_ms bigint, started_at bigint)";

/// A running server.
pub struct Postgres {
    child: Child,
    folder: TempDir,
}

impl Postgres {
    /// Makes a cluster and starts it.
    ///
    /// # Errors
    /// When PostgreSQL is not installed, or does not start.
    pub fn start() -> Result<Postgres> {
        let folder = tempfile::tempdir()?;
        let owner = owner()?;
        if let Some((uid, gid)) = owner {
            chown(folder.path(), Some(uid), Some(gid))?;
        }
        let data = folder.path().join("data");
        let made = command("initdb", owner, folder.path())
            .args(["--username=postgres", "--auth=trust", "--no-sync", "--no-locale"])
            .arg("--encoding=UTF8")
            .arg("--pgdata")
            .arg(&data)
            .output()
            .context("run initdb of PostgreSQL")?;
        ensure!(made.status.success(), "initdb: {}", String::from_utf8_lossy(&made.stderr));
        let log = File::create(folder.path().join("log"))?;
        let child = command("postgres", owner, folder.path())
            .arg("-D")
            .arg(&data)
            .args(["-p", PORT, "-c", "listen_addresses=", "-c"])
            .arg(format!("unix_socket_directories={}", folder.path().display()))
            .stdout(log.try_clone()?)
            .stderr(log)
            .spawn()
            .context("start PostgreSQL")?;
        let server = Postgres { child, folder };
        let began = Instant::now();
        while let Err(error) = server.psql(&["SELECT 1"]) {
            ensure!(began.elapsed() < READY_MAX, "PostgreSQL does not answer: {error:#}");
            std::thread::sleep(LOOK_EVERY);
        }
        Ok(server)
    }

    /// Fills its table from a file of comma-separated values, indexed by number and time.
    ///
    /// # Errors
    /// What it says.
    pub fn load(&self, file: &Path) -> Result<()> {
        let copy = format!("\\copy calls FROM '{}' CSV", file.display());
        let steps = [
            TABLE,
            &copy,
            "CREATE UNIQUE INDEX calls_by_id ON calls (call_id)",
            "CREATE INDEX calls_by_time ON calls (started_at)",
            "VACUUM ANALYZE calls",
        ];
        self.psql(&steps).map(|_| ())
    }

    /// Asks, and says how many ms the answer took until psql had it.
    ///
    /// # Errors
    /// What it says.
    pub fn time(&self, sql: &str) -> Result<f64> {
        let said = self.psql(&["\\timing on", sql])?;
        timed(&said).with_context(|| format!("psql names no time for {sql}"))
    }

    fn psql(&self, statements: &[&str]) -> Result<String> {
        let mut psql = Command::new("psql");
        psql.args(["-X", "-qAt", "-v", "ON_ERROR_STOP=1", "-U", "postgres", "-d", "postgres"])
            .args(["-p", PORT, "-h"])
            .arg(self.folder.path())
            .env("LC_ALL", "C")
            .stdin(Stdio::null());
        for statement in statements {
            psql.arg("-c").arg(statement);
        }
        let output = psql.output().context("run psql")?;
        if !output.status.success() {
            bail!("psql: {}", String::from_utf8_lossy(&output.stderr).trim());
        }
        Ok(String::from_utf8_lossy(&output.stdout).into_owned())
    }
}

impl Drop for Postgres {
    fn drop(&mut self) {
        if let Ok(pid) = libc::pid_t::try_from(self.child.id()) {
            // Its fast shutdown.
            // SAFETY: kill has no memory effects, and the child is not waited for yet.
            unsafe { libc::kill(pid, libc::SIGINT) };
        }
        let _ = self.child.wait();
    }
}

/// The last line `Time: 12.345 ms`.
fn timed(said: &str) -> Option<f64> {
    let last = said.lines().rev().find_map(|line| line.strip_prefix("Time: "))?;
    last.split_whitespace().next()?.parse().ok()
}

/// A program of the server, which Debian keeps out of the way.
fn command(name: &str, owner: Option<(u32, u32)>, folder: &Path) -> Command {
    let mut versions: Vec<PathBuf> = std::fs::read_dir("/usr/lib/postgresql")
        .map(|entries| entries.flatten().map(|entry| entry.path().join("bin").join(name)).collect())
        .unwrap_or_default();
    versions.retain(|program| program.exists());
    versions.sort();
    let mut command = Command::new(versions.pop().unwrap_or_else(|| PathBuf::from(name)));
    command.current_dir(folder).stdin(Stdio::null());
    if let Some((uid, gid)) = owner {
        command.uid(uid).gid(gid);
    }
    command
}

/// The user `postgres` where we are root.
fn owner() -> Result<Option<(u32, u32)>> {
    let is_root = std::fs::metadata("/proc/self")?.uid() == 0;
    if is_root { Ok(Some((id("-u")?, id("-g")?))) } else { Ok(None) }
}

fn id(which: &str) -> Result<u32> {
    let output = Command::new("id").args([which, "postgres"]).output()?;
    let text = String::from_utf8_lossy(&output.stdout);
    text.trim().parse().context("there is no user postgres, whom the package brings")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_time_of_the_last_question_counts() {
        let said = "inbound|answered|7|8\nTime: 1.5 ms\n3\nTime: 1234.567 ms (00:01.235)\n";
        assert_eq!(timed(said), Some(1234.567));
        assert_eq!(timed("Time flies\n"), None);
    }
}
