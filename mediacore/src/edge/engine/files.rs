//! The limit of open files: every leg has two sockets, and io_uring registers them in a table that
//! must not be longer than the limit.

use std::io;

/// Descriptors for everything that is not a leg.
const SPARE: u64 = 512;

/// Raises the soft limit as far as needed, and says how many legs of each core then fit.
pub fn legs_that_fit(legs_max: usize, shards: usize) -> usize {
    // One more pair of each core is the shared port.
    let needed = ((legs_max + 1) * shards * 2) as u64 + SPARE;
    match raise(needed) {
        Ok(limit) if limit >= needed => legs_max,
        Ok(limit) => {
            let fit = (limit.saturating_sub(SPARE) as usize / 2 / shards).max(1);
            tracing::warn!(
                limit,
                needed,
                legs = fit,
                "too few files may be open: media cores take fewer legs; raise LimitNOFILE"
            );
            fit.min(legs_max)
        }
        Err(error) => {
            tracing::warn!(%error, "the limit of open files cannot be read");
            legs_max
        }
    }
}

/// The soft limit, raised to `needed` where the hard limit allows it.
fn raise(needed: u64) -> io::Result<u64> {
    let mut limit = libc::rlimit { rlim_cur: 0, rlim_max: 0 };
    // SAFETY: `limit` is a valid rlimit for the kernel to write, alive during the call.
    if unsafe { libc::getrlimit(libc::RLIMIT_NOFILE, &mut limit) } != 0 {
        return Err(io::Error::last_os_error());
    }
    if limit.rlim_cur >= needed {
        return Ok(limit.rlim_cur);
    }
    let raised = libc::rlimit { rlim_cur: needed.min(limit.rlim_max), ..limit };
    // SAFETY: `raised` is a valid rlimit, alive during the call.
    let result = unsafe { libc::setrlimit(libc::RLIMIT_NOFILE, &raised) };
    Ok(if result == 0 { raised.rlim_cur } else { limit.rlim_cur })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_few_legs_fit_and_endless_ones_are_cut() {
        assert_eq!(legs_that_fit(100, 1), 100);
        assert!(raise(0).unwrap() > SPARE);
        let fit = legs_that_fit(1 << 40, 2);
        assert!(fit > 0 && fit < 1 << 40);
    }
}
