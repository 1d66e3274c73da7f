//! A PostgreSQL server of its own: a fresh cluster in a temporary folder, on a port of the system's
//! choice, with a password. It will not run as root; where the test does, it is the user `postgres`.

use crate::house::wait_for;
use std::net::TcpListener;
use std::os::unix::fs::MetadataExt;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;
use tempfile::TempDir;

/// Of the superuser.
const PASSWORD: &str = "only-in-tests";

/// A running server.
pub struct Postgres {
    child: Child,
    folder: TempDir,
    port: u16,
}

impl Postgres {
    /// Makes a cluster and starts it.
    ///
    /// # Panics
    /// When PostgreSQL is not installed, or does not start.
    pub fn start() -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let owner = owner();
        if let Some((uid, gid)) = owner {
            std::os::unix::fs::chown(folder.path(), Some(uid), Some(gid)).expect("a chown");
        }
        let secret = folder.path().join("password");
        std::fs::write(&secret, PASSWORD).expect("the folder is ours");
        let data = folder.path().join("data");
        let made = command("initdb", owner, folder.path())
            .args(["--username=postgres", "--auth=scram-sha-256", "--no-sync", "--no-locale"])
            .args(["--encoding=UTF8", "--pwfile"])
            .arg(&secret)
            .arg("--pgdata")
            .arg(&data)
            .output()
            .expect("postgresql is installed by scripts/setup --tests");
        assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
        let free = TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr());
        let port = free.expect("a free port").port();
        let child = serve(folder.path(), owner, port);
        let server = Postgres { child, folder, port };
        server.answers();
        server
    }

    /// Starts it again after it was stopped, with all that it had.
    ///
    /// # Panics
    /// When it does not start.
    pub fn start_again(&mut self) {
        self.child = serve(self.folder.path(), owner(), self.port);
        self.answers();
    }

    fn answers(&self) {
        wait_for("PostgreSQL to answer", Duration::from_secs(30), || {
            self.psql("postgres", "SELECT 1").ok()
        });
    }

    /// Where it listens on this machine.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// What psql prints for a statement of the superuser: fields with `|` between them.
    ///
    /// # Panics
    /// With the server's words when it refuses.
    pub fn sql(&self, database: &str, statement: &str) -> String {
        let log = self.folder.path().join("log");
        self.psql(database, statement).unwrap_or_else(|said| {
            panic!("{said}\n{}", std::fs::read_to_string(log).unwrap_or_default())
        })
    }

    /// It goes on taking connections and answers nobody, until [`Postgres::thaw`].
    ///
    /// # Panics
    /// When its processes cannot be stopped.
    pub fn freeze(&self) {
        // The first one first: it makes no more of them.
        let own = self.child.id();
        signal("-STOP", &[own]).expect("it runs");
        // One of them may end by itself meanwhile.
        let _ = signal("-STOP", &backends(own));
    }

    /// It goes on where it was frozen.
    ///
    /// # Panics
    /// When its processes are gone.
    pub fn thaw(&self) {
        let own = self.child.id();
        let _ = signal("-CONT", &backends(own));
        signal("-CONT", &[own]).expect("it is there");
    }

    /// Ends it in an orderly way; nobody is answered any more.
    pub fn stop(&mut self) {
        // SIGINT is its fast shutdown.
        let pid = self.child.id().to_string();
        let asked = Command::new("kill").args(["-INT", &pid]).status();
        if !asked.is_ok_and(|status| status.success()) {
            let _ = self.child.kill();
        }
        let _ = self.child.wait();
    }

    fn psql(&self, database: &str, statement: &str) -> Result<String, String> {
        let output = Command::new("psql")
            .args(["-h", "127.0.0.1", "-p", &self.port.to_string(), "-U", "postgres"])
            .args(["-d", database, "-v", "ON_ERROR_STOP=1", "-qAtc", statement])
            .env("PGPASSWORD", PASSWORD)
            .output()
            .expect("psql is installed by scripts/setup --tests");
        match output.status.success() {
            true => Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned()),
            false => Err(String::from_utf8_lossy(&output.stderr).into_owned()),
        }
    }
}

impl Drop for Postgres {
    fn drop(&mut self) {
        if matches!(self.child.try_wait(), Ok(None)) {
            self.thaw();
            self.stop();
        }
    }
}

/// The processes that a server made.
fn backends(server: u32) -> Vec<u32> {
    let children = format!("/proc/{server}/task/{server}/children");
    let text = std::fs::read_to_string(children).expect("the server runs");
    text.split_whitespace().filter_map(|pid| pid.parse().ok()).collect()
}

/// Sends a signal to all of them; those that ended meanwhile are an error at the end.
fn signal(name: &str, to: &[u32]) -> Result<(), String> {
    let pids = to.iter().map(u32::to_string);
    let status = Command::new("kill").arg(name).args(pids).status().map_err(|e| e.to_string())?;
    if status.success() { Ok(()) } else { Err(format!("kill {name} {to:?}: {status}")) }
}

/// The server over the cluster in `folder`.
fn serve(folder: &Path, owner: Option<(u32, u32)>, port: u16) -> Child {
    let log = std::fs::File::options().create(true).append(true).open(folder.join("log"));
    let log = log.expect("a log");
    command("postgres", owner, folder)
        .arg("-D")
        .arg(folder.join("data"))
        .args(["-p", &port.to_string(), "-c", "listen_addresses=127.0.0.1"])
        .args(["-c", "fsync=off", "-c"])
        .arg(format!("unix_socket_directories={}", folder.display()))
        .stdout(log.try_clone().expect("a second handle"))
        .stderr(log)
        .spawn()
        .expect("postgresql is installed by scripts/setup --tests")
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

/// The user `postgres` where the test is root.
fn owner() -> Option<(u32, u32)> {
    let is_root = std::fs::metadata("/proc/self").expect("/proc").uid() == 0;
    is_root.then(|| (id("-u"), id("-g")))
}

fn id(which: &str) -> u32 {
    let output = Command::new("id").args([which, "postgres"]).output().expect("id runs");
    let text = String::from_utf8_lossy(&output.stdout);
    text.trim().parse().expect("the user postgres comes with the package")
}
