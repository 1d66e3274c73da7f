//! The prompt as a person has it: in a terminal, with keys. The test makes the terminal and starts
//! itself anew in it, for only a process of its own has a terminal of its own.

use super::*;
use crate::cli::block_on;
use crate::first;
use std::fs::File;
use std::io::Read;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};
use std::os::unix::process::CommandExt;
use std::process::{Child, Command as Program, Stdio};
use terms::TenantId;

/// Names the data folder to the process in the terminal.
const FOLDER: &str = "SWITCHGRID_TEST_TERMINAL";
/// Longest wait for what is to be read, in milliseconds.
const PATIENCE_MS: i32 = 120_000;
/// How long the shell gets for a key before it is typed again, in milliseconds.
const AGAIN_MS: i32 = 500;
/// How often it is typed.
const AGAIN_MAX: u32 = 100;
/// More rows than anybody counts while a person waits.
const ENDLESS: &str = "WITH d(x) AS (VALUES (0), (1), (2), (3), (4), (5), (6), (7), (8), (9)) \
    SELECT sum(a.x + b.x + c.x + d.x + e.x + f.x + g.x + h.x + i.x + j.x + k.x) FROM d a \
    CROSS JOIN (d b CROSS JOIN (d c CROSS JOIN (d CROSS JOIN (d e CROSS JOIN (d f \
    CROSS JOIN (d g CROSS JOIN (d h CROSS JOIN (d i CROSS JOIN (d j CROSS JOIN d k)))))))));";

/// The end of a terminal that a person sees, with the shell at the other one.
struct Terminal {
    screen: File,
    seen: String,
    /// Up to where what was seen was looked for.
    at: usize,
    shell: Child,
}

/// Both ends of a new terminal.
fn pair() -> (OwnedFd, OwnedFd) {
    let (mut ours, mut theirs) = (-1, -1);
    let size = libc::winsize { ws_row: 40, ws_col: 160, ws_xpixel: 0, ws_ypixel: 0 };
    // SAFETY: both numbers and the size are alive during the call; no name and no modes are given.
    let made = unsafe {
        libc::openpty(
            &raw mut ours,
            &raw mut theirs,
            std::ptr::null_mut(),
            std::ptr::null(),
            &raw const size,
        )
    };
    assert_eq!(made, 0, "{}", std::io::Error::last_os_error());
    // SAFETY: the call has just opened them, and nobody else has them.
    unsafe { (OwnedFd::from_raw_fd(ours), OwnedFd::from_raw_fd(theirs)) }
}

impl Terminal {
    /// Starts the shell over the box in `folder`.
    fn open(folder: &Path) -> Self {
        let (ours, theirs) = pair();
        let (_, module) = module_path!().split_once("::").unwrap();
        let mut program = Program::new(std::env::current_exe().unwrap());
        program
            .arg(format!("{module}::the_shell_runs_in_the_terminal_that_was_made_for_it"))
            .args(["--exact", "--nocapture"])
            .env(FOLDER, folder)
            .env("XDG_STATE_HOME", folder.join("state"))
            .env("TERM", "xterm")
            .stdin(Stdio::from(theirs.try_clone().unwrap()))
            .stdout(Stdio::from(theirs.try_clone().unwrap()))
            .stderr(Stdio::from(theirs));
        // SAFETY: between fork and exec two calls are made, both of which are async-signal-safe.
        unsafe {
            program.pre_exec(|| {
                // Keys that mean a signal reach who has the terminal.
                if libc::setsid() < 0 || libc::ioctl(0, libc::TIOCSCTTY, 0) < 0 {
                    return Err(std::io::Error::last_os_error());
                }
                Ok(())
            });
        }
        let shell = program.spawn().unwrap();
        // What else holds the other end would keep it open when the shell is gone.
        drop(program);
        Terminal { screen: File::from(ours), seen: String::new(), at: 0, shell }
    }

    fn types(&mut self, keys: &str) {
        self.screen.write_all(keys.as_bytes()).unwrap();
    }

    /// Reads until this is seen behind what was looked for before; false where nothing comes for so
    /// long.
    fn sees_within(&mut self, wanted: &str, patience_ms: i32) -> bool {
        loop {
            if let Some(found) = self.seen[self.at..].find(wanted) {
                self.at += found + wanted.len();
                return true;
            }
            let mut ready =
                libc::pollfd { fd: self.screen.as_raw_fd(), events: libc::POLLIN, revents: 0 };
            // SAFETY: one entry is given, and it is alive during the call.
            if unsafe { libc::poll(&raw mut ready, 1, patience_ms) } == 0 {
                return false;
            }
            let mut piece = [0; 4_096];
            // The end is an error of a terminal.
            let count = self.screen.read(&mut piece).unwrap_or_default();
            assert_ne!(count, 0, "the shell is gone: {}", self.seen);
            self.seen.push_str(&String::from_utf8_lossy(&piece[..count]));
        }
    }

    fn sees(&mut self, wanted: &str) {
        assert!(self.sees_within(wanted, PATIENCE_MS), "no {wanted} in {}", self.seen);
    }

    /// Keys mean signals: no line is being typed.
    fn is_busy(&self) -> bool {
        // SAFETY: modes of a terminal are numbers, of which zeroes are good ones.
        let mut modes: libc::termios = unsafe { std::mem::zeroed() };
        // SAFETY: the modes are alive during the call.
        let told = unsafe { libc::tcgetattr(self.screen.as_raw_fd(), &raw mut modes) };
        told == 0 && modes.c_lflag & libc::ISIG != 0
    }
}

/// Whatever a test thinks of it, the shell ends with it.
impl Drop for Terminal {
    fn drop(&mut self) {
        let _ = self.shell.kill();
        let _ = self.shell.wait();
    }
}

/// The shell, in the process that [`Terminal::open`] starts; nothing in any other.
#[test]
fn the_shell_runs_in_the_terminal_that_was_made_for_it() {
    let Some(folder) = std::env::var_os(FOLDER) else { return };
    let mut config = Config::default();
    config.server.data = folder.into();
    let talking = async {
        let home = Home::open(&config, TenantId(1)).await?;
        let (tenant, timing, format) = (TenantId(1), false, Format::Table);
        let arguments = Arguments { sql: None, tenant, format, timing, cluster: None };
        Counter::new(&home, &config, Limits::default(), &arguments).talk().await
    };
    block_on(talking).unwrap();
}

#[tokio::test]
async fn a_person_at_a_terminal_has_keys_a_history_and_a_way_out_of_a_question() {
    let folder = tempfile::tempdir().unwrap();
    let mut config = Config::default();
    config.server.data = folder.path().to_owned();
    first::bootstrap(&config, None).await.unwrap();
    let mut terminal = Terminal::open(folder.path());
    terminal.sees("Questions end with ;");
    terminal.sees("switchgrid> ");
    terminal.types("SELECT 6 *\r");
    terminal.sees("-> ");
    terminal.types("7 AS answer;\r");
    terminal.sees("42");
    terminal.sees("(1 row)");

    terminal.types("\\timing\r");
    terminal.sees("Timing is on.");
    // Up: the command, then the second line of the question, then its first.
    terminal.types("\x1b[A\x1b[A\x1b[A\r");
    terminal.sees("-> ");
    terminal.types("8 AS answer;\r");
    terminal.sees("48");
    terminal.sees(" ms");
    terminal.types("\\d surveys\r");
    terminal.sees("survey_id");

    // What was typed of a question is forgotten, and the shell goes on.
    terminal.types("SELECT nonsense\r");
    terminal.sees("-> ");
    terminal.types("\x03");
    terminal.sees("switchgrid> ");
    terminal.types(&format!("{ENDLESS}\r"));
    let stopped = (0..AGAIN_MAX).any(|_| {
        // Before its question runs the shell would take the key for one of its line.
        if terminal.is_busy() {
            terminal.types("\x03");
        }
        terminal.sees_within("The question was stopped.", AGAIN_MS)
    });
    assert!(stopped, "{}", terminal.seen);
    terminal.sees("switchgrid> ");
    terminal.types("SELECT 'still' || ' here' AS answer;\r");
    terminal.sees("still here");
    terminal.sees("switchgrid> ");
    terminal.types("\x04");
    assert!(terminal.shell.wait().unwrap().success(), "{}", terminal.seen);
    let history = std::fs::read_to_string(folder.path().join("state/switchgrid/sql_history"));
    assert!(history.unwrap().contains("SELECT 6 *\n7 AS answer;\n"));
}
