//! A kernel that refuses io_uring, as the default profiles of container runtimes do: a seccomp
//! filter that answers `io_uring_setup` with EPERM (seccomp(2)).

use std::io;

const WORD: u16 = (libc::BPF_LD | libc::BPF_W | libc::BPF_ABS) as u16;
const EQUAL: u16 = (libc::BPF_JMP | libc::BPF_JEQ | libc::BPF_K) as u16;
const RETURN: u16 = (libc::BPF_RET | libc::BPF_K) as u16;

/// Forbids it to this thread and to all threads and programs that it starts from now on.
///
/// # Errors
/// When the kernel has no filters.
pub fn io_uring() -> io::Result<()> {
    let step = |code, jt, jf, k| libc::sock_filter { code, jt, jf, k };
    // The number of the system call is the first word of what the filter sees.
    let mut steps = [
        step(WORD, 0, 0, 0),
        step(EQUAL, 0, 1, libc::SYS_io_uring_setup as u32),
        step(RETURN, 0, 0, libc::SECCOMP_RET_ERRNO | libc::EPERM as u32),
        step(RETURN, 0, 0, libc::SECCOMP_RET_ALLOW),
    ];
    let filter = libc::sock_fprog { len: steps.len() as u16, filter: steps.as_mut_ptr() };
    // SAFETY: the first call takes numbers only; the second reads `filter` and the steps it points
    // to, which are alive during the call.
    let result = unsafe {
        match libc::prctl(libc::PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) {
            0 => libc::prctl(libc::PR_SET_SECCOMP, libc::SECCOMP_MODE_FILTER, &filter),
            refused => refused,
        }
    };
    if result == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}
