//! A core that does not fall asleep while it is measured.
//!
//! A thread that sleeps between two packets finds its core halted and its caches cold when it wakes: what
//! a packet costs then says more about the pause before it than about the program. A loop that the
//! scheduler runs where nothing else wants to (`SCHED_IDLE`) keeps the core awake, gives way at once and
//! touches no memory.

use crate::procstat;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};

/// Name of the thread.
pub const THREAD: &str = "awake";

/// Keeps a core awake until it is dropped.
pub struct Awake {
    over: Arc<AtomicBool>,
    thread: Option<JoinHandle<io::Result<()>>>,
}

impl Awake {
    /// Begins on `core`.
    ///
    /// # Errors
    /// When there is no thread to be had.
    pub fn start(core: usize) -> io::Result<Self> {
        let over = Arc::new(AtomicBool::new(false));
        let seen = over.clone();
        let thread = thread::Builder::new().name(THREAD.to_owned()).spawn(move || {
            procstat::pin(core)?;
            last_of_all()?;
            while !seen.load(Ordering::Relaxed) {}
            Ok(())
        })?;
        Ok(Awake { over, thread: Some(thread) })
    }
}

impl Drop for Awake {
    fn drop(&mut self) {
        self.over.store(true, Ordering::Relaxed);
        if let Some(Ok(Err(error))) = self.thread.take().map(JoinHandle::join) {
            eprintln!("a core was not kept awake: {error}");
        }
    }
}

/// This thread runs only where no other wants to.
fn last_of_all() -> io::Result<()> {
    let parameter = libc::sched_param { sched_priority: 0 };
    // SAFETY: the call reads the parameter, which is alive during it.
    let result = unsafe { libc::sched_setscheduler(0, libc::SCHED_IDLE, &raw const parameter) };
    if result == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}
