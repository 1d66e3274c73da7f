//! Threads to which everybody comes first: what encodes and what removes.

/// Does `work` on a thread of its own at the end of the queues for processor and disk.
///
/// # Errors
/// When there is no thread to be had, or `work` panicked.
pub async fn behind_the_rest<T: Send + 'static>(
    name: &str,
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<T, String> {
    let (tell, told) = tokio::sync::oneshot::channel();
    let work = move || {
        lower_priority();
        // The asker may have given up; what was done is found to be done the next time.
        let _ = tell.send(work());
    };
    let thread = std::thread::Builder::new().name(name.to_owned()).spawn(work);
    thread.map_err(|error| error.to_string())?;
    told.await.map_err(|_| format!("the thread {name} panicked"))
}

/// Class "idle" of the disk's scheduler, and the end of the processor's queue: whoever wants either
/// comes first. Where it is refused the thread goes on as it is.
fn lower_priority() {
    const IOPRIO_WHO_PROCESS: libc::c_int = 1;
    const IOPRIO_CLASS_IDLE: libc::c_int = 3 << 13;
    // SAFETY: neither call takes pointers; who 0 is the calling thread on Linux.
    unsafe {
        libc::setpriority(libc::PRIO_PROCESS as _, 0, 19);
        libc::syscall(libc::SYS_ioprio_set, IOPRIO_WHO_PROCESS, 0, IOPRIO_CLASS_IDLE);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn nice() -> i32 {
        // SAFETY: getpriority takes no pointers; who 0 is the calling thread on Linux.
        unsafe { libc::getpriority(libc::PRIO_PROCESS as _, 0) }
    }

    #[tokio::test]
    async fn the_rest_stays_where_it_was_and_a_panic_is_told() {
        let before = nice();
        assert_eq!(behind_the_rest("behind", nice).await, Ok(19));
        assert_eq!(nice(), before);
        let panicked: Result<(), String> = behind_the_rest("ends", || panic!("on purpose")).await;
        assert_eq!(panicked, Err("the thread ends panicked".to_owned()));
    }
}
