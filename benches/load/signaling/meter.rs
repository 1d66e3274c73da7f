//! What the work of a while costs a process: the scheduler's nanoseconds, thread by thread, and the
//! kernel's share of them, as its clock counts it.

use anyhow::{Result, ensure};
use benches::procstat::{self, Usage};
use std::collections::BTreeMap;
use std::time::{Duration, Instant};

/// A thread that needs less for one is not worth a word, µs.
const THREAD_US_MIN: f64 = 1.0;

/// A while that began.
pub struct Meter {
    pid: u32,
    threads: BTreeMap<String, Duration>,
    usage: Usage,
    began: Instant,
}

/// What one call or registration costs.
#[derive(Clone, Copy, Debug)]
pub struct Cost {
    /// CPU, µs.
    pub us: f64,
    /// Of it outside the kernel, µs.
    pub own_us: f64,
    /// How many a second.
    pub per_s: f64,
}

impl Meter {
    /// Begins to measure a process and its descendants.
    ///
    /// # Errors
    /// When there is no such process.
    pub fn start(pid: u32) -> Result<Meter> {
        let (threads, usage) = (procstat::threads(pid, "")?, procstat::usage(pid, "")?);
        Ok(Meter { pid, threads, usage, began: Instant::now() })
    }

    /// So many came to their end; prints what each cost.
    ///
    /// # Errors
    /// When the process is gone, or nothing was done.
    pub fn end(self, name: &str, what: &str, count: u32) -> Result<Cost> {
        ensure!(count > 0, "no {what} came to its end");
        let took = self.began.elapsed();
        let (mut us, mut parts) = (0.0, String::new());
        for (thread, cpu) in procstat::threads(self.pid, "")? {
            let before = self.threads.get(&thread).copied().unwrap_or_default();
            let one = cpu.saturating_sub(before).as_secs_f64() * 1e6 / f64::from(count);
            us += one;
            if one >= THREAD_US_MIN {
                parts.push_str(&format!(", {thread} {one:.0}"));
            }
        }
        let own_us = us * outside_kernel(self.usage, procstat::usage(self.pid, "")?);
        let per_s = f64::from(count) / took.as_secs_f64();
        println!(
            "{name}: {us:.0} µs a {what}, {own_us:.0} of it outside the kernel, at {per_s:.0} a \
             second{parts}"
        );
        Ok(Cost { us, own_us, per_s })
    }
}

/// The share of the time between them that was not the kernel's.
fn outside_kernel(before: Usage, after: Usage) -> f64 {
    let all = after.cpu.saturating_sub(before.cpu).as_secs_f64().max(1e-9);
    let kernel = after.kernel.saturating_sub(before.kernel).as_secs_f64();
    (1.0 - kernel / all).max(0.0)
}

/// The middle of each figure.
pub fn median(costs: &[Cost]) -> Cost {
    let middle = |of: fn(&Cost) -> f64| {
        let mut values: Vec<f64> = costs.iter().map(of).collect();
        values.sort_by(f64::total_cmp);
        values.get(values.len() / 2).copied().unwrap_or_default()
    };
    Cost {
        us: middle(|cost| cost.us),
        own_us: middle(|cost| cost.own_us),
        per_s: middle(|cost| cost.per_s),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_kernels_share_is_that_of_the_while() {
        let used = |cpu_ms, kernel_ms| Usage {
            cpu: Duration::from_millis(cpu_ms),
            kernel: Duration::from_millis(kernel_ms),
            ..Usage::default()
        };
        let own = outside_kernel(used(1_000, 900), used(2_000, 1_500));
        assert!((own - 0.4).abs() < 1e-9, "600 of 1,000 ms were the kernel's: {own}");
        assert_eq!(outside_kernel(used(5, 5), used(5, 5)), 1.0);
    }

    #[test]
    fn each_figure_has_a_middle_of_its_own() {
        let cost = |us, own_us, per_s| Cost { us, own_us, per_s };
        let middle = median(&[cost(1.0, 30.0, 5.0), cost(2.0, 10.0, 9.0), cost(3.0, 20.0, 7.0)]);
        assert_eq!((middle.us, middle.own_us, middle.per_s), (2.0, 20.0, 7.0));
    }
}
