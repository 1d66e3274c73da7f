//! One child process: started, watched, started again with a growing pause.

use super::prepare::Prepared;
use crate::own;
use std::path::Path;
use std::process::ExitStatus;
use std::time::Duration;
use tokio::time::Instant;

/// First pause before a child is started again: people hear nothing of each other meanwhile.
const PAUSE_FIRST: Duration = Duration::from_millis(10);
/// Longest pause before a child is started again.
const PAUSE_MAX: Duration = Duration::from_secs(5);
/// A child that ran this long is well: its next pause is short again.
const WELL_AFTER: Duration = Duration::from_secs(30);
/// What a child exits with when starting it again would not help.
pub const EXIT_HOPELESS: i32 = 78;

/// How the allocator of a child works, where the environment does not say otherwise: without huge
/// pages, of which a box at rest would hold 60 MB, and slow to give back what the next call needs.
const ALLOCATOR: [(&str, &str); 2] =
    [("MIMALLOC_ALLOW_THP", "0"), ("MIMALLOC_PURGE_DELAY", "5000")];

/// A child of the supervisor.
pub struct Child {
    name: &'static str,
    process: tokio::process::Child,
    started: Instant,
    pause: Duration,
}

impl Child {
    /// Starts `switchgrid child <name>`.
    ///
    /// # Errors
    /// When the program cannot be started.
    pub fn start(name: &'static str, prepared: &Prepared) -> Result<Self, anyhow::Error> {
        let process = command(name, prepared).spawn()?;
        Ok(Child { name, process, started: Instant::now(), pause: PAUSE_FIRST })
    }

    /// Which child it is.
    pub fn name(&self) -> &'static str {
        self.name
    }

    /// Resolves when the child has ended.
    pub async fn ended(&mut self) -> std::io::Result<ExitStatus> {
        self.process.wait().await
    }

    /// Starts it again after it ended by itself. In a box that has been ready it is worth every
    /// try: one child in trouble ends no other.
    ///
    /// # Errors
    /// When the box was never ready and the child says that another start would not help.
    pub async fn again(
        &mut self,
        ended: std::io::Result<ExitStatus>,
        prepared: &Prepared,
        was_ready: bool,
    ) -> Result<(), anyhow::Error> {
        let ended = ended?;
        anyhow::ensure!(
            was_ready || ended.code() != Some(EXIT_HOPELESS),
            "{} cannot start; the line above says why",
            self.name
        );
        if self.started.elapsed() > WELL_AFTER {
            self.pause = PAUSE_FIRST;
        }
        tracing::error!(child = self.name, %ended, pause = ?self.pause, "ended; starting it again");
        tokio::time::sleep(self.pause).await;
        self.pause = (self.pause * 2).min(PAUSE_MAX);
        self.process = command(self.name, prepared).spawn()?;
        self.started = Instant::now();
        Ok(())
    }

    /// Asks it to end and waits at most `within`; then ends it.
    pub async fn stop(&mut self, within: Duration) {
        if let Some(pid) = self.process.id() {
            // SAFETY: kill has no memory effects; the pid is our own child that was not reaped yet.
            unsafe { libc::kill(pid as libc::pid_t, libc::SIGTERM) };
        }
        if tokio::time::timeout(within, self.process.wait()).await.is_err() {
            tracing::error!(child = self.name, "did not end within {within:?}; killing it");
            if let Err(error) = self.process.kill().await {
                tracing::error!(child = self.name, %error, "cannot be killed");
            }
        }
    }
}

/// Runs a child that does one thing and ends.
///
/// # Errors
/// When it did not succeed; its own words are printed.
pub async fn finish(
    name: &str,
    prepared: &Prepared,
    credentials: Option<&Path>,
) -> Result<(), anyhow::Error> {
    let ended = command(name, prepared).args(credentials).status().await?;
    anyhow::ensure!(ended.success(), "{name} ended with {ended}; the line above says why");
    Ok(())
}

fn command(name: &str, prepared: &Prepared) -> tokio::process::Command {
    let mut command = tokio::process::Command::new(own::PROGRAM);
    // For people who list processes.
    if let Some(called) = std::env::args_os().next() {
        command.arg0(called);
    }
    command.arg("child").arg(name).arg(&prepared.resolved);
    let unset = |(name, _): &&(&str, &str)| std::env::var_os(name).is_none();
    command.envs(ALLOCATOR.iter().filter(unset).copied());
    let (supervisor, lock) = (std::process::id(), prepared.lock.fd());
    // SAFETY: between fork and exec only async-signal-safe calls are made: prctl, getppid, setpgid
    // and fcntl.
    unsafe {
        command.pre_exec(move || {
            libc::prctl(libc::PR_SET_PDEATHSIG, libc::SIGTERM);
            // The supervisor may have died between fork and prctl.
            if libc::getppid() as u32 != supervisor {
                return Err(std::io::Error::from_raw_os_error(libc::ESRCH));
            }
            // A terminal's Ctrl-C goes to the whole group; only the supervisor acts on it.
            libc::setpgid(0, 0);
            // The child keeps the data folder locked until it has ended, too.
            if libc::fcntl(lock, libc::F_SETFD, 0) < 0 {
                return Err(std::io::Error::last_os_error());
            }
            Ok(())
        });
    }
    command
}
