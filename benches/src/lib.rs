//! What the measuring programs share, and the tests with them: stamped audio and the threads that speak
//! it, a process that serves calls and is asked over a pipe, what a process uses, a core that stays awake
//! meanwhile, a proxy, a database server and a disk to try things with, and where figures go.

use std::os::unix::process::CommandExt;
use std::process::Command;

/// How a child's allocator works: as the supervisor sets it for the children of the program.
pub const ALLOCATOR: [(&str, &str); 2] =
    [("MIMALLOC_ALLOW_THP", "0"), ("MIMALLOC_PURGE_DELAY", "5000")];

/// Begins this program anew with these settings, which an allocator reads before anything else, unless
/// the environment says something about each of them.
///
/// # Errors
/// When the program cannot be begun anew.
pub fn with_settings(settings: &[(&str, &str)]) -> std::io::Result<()> {
    let unset = |(name, _): &&(&str, &str)| std::env::var_os(name).is_none();
    let missing: Vec<_> = settings.iter().filter(unset).copied().collect();
    if missing.is_empty() {
        return Ok(());
    }
    let mut program = Command::new(std::env::current_exe()?);
    Err(program.args(std::env::args_os().skip(1)).envs(missing).exec())
}

pub mod awake;
pub mod kamailio;
pub mod media;
pub mod piped;
pub mod postgres;
pub mod procstat;
pub mod results;
pub mod small_disk;
pub mod voices;
