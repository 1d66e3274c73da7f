//! A PostgreSQL of our own: a fresh cluster in a temporary folder that listens on a socket there,
//! and on this machine's own address where it is told to; it can be stopped, started again and
//! frozen. It will not run as root; where the bench does, it is the user `postgres`.

use anyhow::{Context, Result, bail, ensure};
use std::fs::File;
use std::net::TcpListener;
use std::os::unix::fs::{MetadataExt, chown};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};
use tempfile::TempDir;

const READY_MAX: Duration = Duration::from_secs(30);
const LOOK_EVERY: Duration = Duration::from_millis(100);
/// Of one that listens on a socket alone; part of the socket's name.
const PORT: u16 = 5432;

/// A running server.
pub struct Postgres {
    child: Child,
    folder: TempDir,
    /// Where it listens; without an address it is in the name of the socket alone.
    port: u16,
    address: &'static str,
}

impl Postgres {
    /// Makes a cluster and starts it, for who asks over its socket.
    ///
    /// # Errors
    /// When PostgreSQL is not installed, or does not start.
    pub fn start() -> Result<Postgres> {
        Postgres::start_on("", PORT)
    }

    /// The same on a free port of this machine as well.
    ///
    /// # Errors
    /// When PostgreSQL is not installed, or does not start.
    pub fn listening() -> Result<Postgres> {
        let free = TcpListener::bind(("127.0.0.1", 0)).and_then(|listener| listener.local_addr());
        Postgres::start_on("127.0.0.1", free.context("find a free port")?.port())
    }

    fn start_on(address: &'static str, port: u16) -> Result<Postgres> {
        let folder = tempfile::tempdir()?;
        let owner = owner()?;
        if let Some((uid, gid)) = owner {
            chown(folder.path(), Some(uid), Some(gid))?;
        }
        let made = command("initdb", owner, folder.path())
            .args(["--username=postgres", "--auth=trust", "--no-sync", "--no-locale"])
            .args(["--encoding=UTF8", "--pgdata"])
            .arg(folder.path().join("data"))
            .output()
            .context("run initdb of PostgreSQL")?;
        ensure!(made.status.success(), "initdb: {}", String::from_utf8_lossy(&made.stderr));
        let child = serve(folder.path(), address, port)?;
        let server = Postgres { child, folder, port, address };
        server.wait()?;
        Ok(server)
    }

    /// How a box names a database of it, where it listens on this machine's address.
    pub fn url(&self, database: &str) -> String {
        format!("postgres://postgres@{}:{}/{database}", self.address, self.port)
    }

    /// What psql prints for these statements, one after the other.
    ///
    /// # Errors
    /// What it says.
    pub fn psql(&self, statements: &[&str]) -> Result<String> {
        let mut psql = Command::new("psql");
        psql.args(["-X", "-qAt", "-v", "ON_ERROR_STOP=1", "-U", "postgres", "-d", "postgres"])
            .args(["-p", &self.port.to_string(), "-h"])
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

    /// Ends it in an orderly way; nobody is answered any more.
    ///
    /// # Errors
    /// When it cannot be waited for.
    pub fn stop(&mut self) -> Result<()> {
        // Its fast shutdown.
        signal(self.child.id(), libc::SIGINT);
        self.child.wait().context("wait for PostgreSQL to end")?;
        Ok(())
    }

    /// Starts it again after it was stopped, with all that it had.
    ///
    /// # Errors
    /// When it does not start.
    pub fn start_again(&mut self) -> Result<()> {
        self.child = serve(self.folder.path(), self.address, self.port)?;
        self.wait()
    }

    /// It goes on taking connections and answers nobody, until [`Postgres::thaw`].
    pub fn freeze(&self) {
        // The first one first: it makes no more of them.
        signal(self.child.id(), libc::SIGSTOP);
        self.backends().into_iter().for_each(|pid| signal(pid, libc::SIGSTOP));
    }

    /// It goes on where it was frozen.
    pub fn thaw(&self) {
        self.backends().into_iter().for_each(|pid| signal(pid, libc::SIGCONT));
        signal(self.child.id(), libc::SIGCONT);
    }

    /// The processes that it made.
    fn backends(&self) -> Vec<u32> {
        let own = self.child.id();
        let text = std::fs::read_to_string(format!("/proc/{own}/task/{own}/children"));
        let text = text.unwrap_or_default();
        text.split_whitespace().filter_map(|pid| pid.parse().ok()).collect()
    }

    fn wait(&self) -> Result<()> {
        let began = Instant::now();
        while let Err(error) = self.psql(&["SELECT 1"]) {
            ensure!(began.elapsed() < READY_MAX, "PostgreSQL does not answer: {error:#}");
            std::thread::sleep(LOOK_EVERY);
        }
        Ok(())
    }
}

impl Drop for Postgres {
    fn drop(&mut self) {
        if matches!(self.child.try_wait(), Ok(None)) {
            self.thaw();
            // It is a child of ours: what keeps it from ending is seen in its own log.
            let _ = self.stop();
        }
    }
}

/// The server over the cluster in `folder`.
fn serve(folder: &Path, address: &str, port: u16) -> Result<Child> {
    let log = File::options().create(true).append(true).open(folder.join("log"))?;
    command("postgres", owner()?, folder)
        .arg("-D")
        .arg(folder.join("data"))
        .args(["-p", &port.to_string(), "-c"])
        .arg(format!("listen_addresses={address}"))
        .arg("-c")
        .arg(format!("unix_socket_directories={}", folder.display()))
        .stdout(log.try_clone()?)
        .stderr(log)
        .spawn()
        .context("start PostgreSQL")
}

fn signal(pid: u32, signal: i32) {
    if let Ok(pid) = libc::pid_t::try_from(pid) {
        // SAFETY: kill has no memory effects; a process that is gone is not an error for us.
        unsafe { libc::kill(pid, signal) };
    }
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
