//! The server of PostgreSQL that these tests share: a fresh cluster in a temporary folder, reached
//! through a socket there. It ends with this program, however that ends. It will not run as root; where
//! the tests do, it is the user `postgres`.

use std::io::{BufRead, BufReader};
use std::os::unix::fs::MetadataExt;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;

/// Runs the server until the end of standard input, and takes its folder away.
const UNTIL_WE_END: &str = r#"
    "$1" -D "$2/data" -k "$2" -c listen_addresses= -c fsync=off -c max_connections=500 \
        -c autovacuum=off &
    read -r _
    kill -INT $!
    wait $!
    rm -rf "$2"
"#;

/// A running server.
pub struct Server {
    folder: PathBuf,
    // Its standard input stays open as long as this program runs.
    _child: Child,
}

/// The server of this program; the first who asks starts it.
///
/// # Panics
/// When PostgreSQL is not installed, or does not start.
pub fn server() -> &'static Server {
    static SERVER: OnceLock<Server> = OnceLock::new();
    SERVER.get_or_init(Server::start)
}

impl Server {
    /// Where its socket is.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Where it keeps its databases.
    pub fn data(&self) -> PathBuf {
        self.folder.join("data")
    }

    fn start() -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder").keep();
        let owner = owner();
        if let Some((uid, gid)) = owner {
            std::os::unix::fs::chown(&folder, Some(uid), Some(gid)).expect("a chown");
        }
        // It sorts texts as people do, which the store must not depend on.
        let made = command(&program("initdb"), owner, &folder)
            .args(["--username=postgres", "--auth=trust", "--no-sync", "--encoding=UTF8"])
            .args(["--locale=C", "--locale-provider=icu", "--icu-locale=en", "--pgdata"])
            .arg(folder.join("data"))
            .stdin(Stdio::null())
            .output()
            .expect("PostgreSQL is installed by scripts/setup --tests");
        assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
        let mut child = command(Path::new("sh"), owner, &folder)
            .args(["-c", UNTIL_WE_END, "sh"])
            .arg(program("postgres"))
            .arg(&folder)
            .stdin(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("a shell");
        let mut log = BufReader::new(child.stderr.take().expect("it is piped")).lines();
        let mut said = Vec::new();
        loop {
            let line = log.next().and_then(Result::ok);
            let line = line.unwrap_or_else(|| panic!("PostgreSQL ended: {}", said.join("\n")));
            if line.contains("ready to accept connections") {
                break;
            }
            said.push(line);
        }
        // What nobody reads would stop it in the end.
        std::thread::spawn(move || log.for_each(drop));
        Server { folder, _child: child }
    }
}

/// A program of the server, which Debian keeps out of the way.
fn program(name: &str) -> PathBuf {
    let mut versions: Vec<PathBuf> = std::fs::read_dir("/usr/lib/postgresql")
        .map(|entries| entries.flatten().map(|entry| entry.path().join("bin").join(name)).collect())
        .unwrap_or_default();
    versions.retain(|program| program.exists());
    versions.sort();
    versions.pop().unwrap_or_else(|| PathBuf::from(name))
}

fn command(program: &Path, owner: Option<(u32, u32)>, folder: &Path) -> Command {
    let mut command = Command::new(program);
    command.current_dir(folder);
    if let Some((uid, gid)) = owner {
        command.uid(uid).gid(gid);
    }
    command
}

/// The user `postgres` where the tests are root.
fn owner() -> Option<(u32, u32)> {
    let is_root = std::fs::metadata("/proc/self").expect("/proc").uid() == 0;
    is_root.then(|| (id("-u"), id("-g")))
}

fn id(which: &str) -> u32 {
    let output = Command::new("id").args([which, "postgres"]).output().expect("id runs");
    let text = String::from_utf8_lossy(&output.stdout);
    text.trim().parse().expect("the user postgres comes with PostgreSQL: scripts/setup --tests")
}
