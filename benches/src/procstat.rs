//! What a process and its children used: CPU time and memory, from `/proc`; and where it runs.

use anyhow::{Context, Result};
use std::collections::BTreeMap;
use std::fs;
use std::time::Duration;

/// CPU time and memory of a process tree.
#[derive(Clone, Copy, Debug, Default)]
pub struct Usage {
    /// User and system time.
    pub cpu: Duration,
    /// Of it in the kernel.
    pub kernel: Duration,
    /// Memory in bytes: resident, with what processes share divided among them.
    pub memory_bytes: u64,
    /// Processes of the tree.
    pub processes: usize,
}

/// Reads a process and all its descendants, as far as a word of their command lines is `word`; all of
/// them when it is empty.
///
/// # Errors
/// When there is no such process.
pub fn usage(pid: u32, word: &str) -> Result<Usage> {
    let mut usage = Usage::default();
    let mut ahead = vec![pid];
    while let Some(pid) = ahead.pop() {
        let Ok(stat) = fs::read_to_string(format!("/proc/{pid}/stat")) else { continue };
        ahead.extend(children(pid));
        if !word.is_empty() && !has_word(pid, word) {
            continue;
        }
        let stat = parse(&stat).with_context(|| format!("/proc/{pid}/stat"))?;
        usage.cpu += stat.user + stat.kernel;
        usage.kernel += stat.kernel;
        usage.memory_bytes += proportional(pid).unwrap_or(stat.resident);
        usage.processes += 1;
    }
    (usage.processes > 0).then_some(usage).with_context(|| format!("there is no process {pid}"))
}

/// The process among a process and its descendants whose command line has `word`, the first of them.
pub fn find(pid: u32, word: &str) -> Option<u32> {
    let mut ahead = vec![pid];
    while let Some(pid) = ahead.pop() {
        if has_word(pid, word) {
            return Some(pid);
        }
        ahead.extend(children(pid));
    }
    None
}

/// Files and sockets that a process and all its descendants have open, as far as a word of their
/// command lines is `word`; of all of them when it is empty.
///
/// # Errors
/// When there is no such process.
pub fn open_files(pid: u32, word: &str) -> Result<usize> {
    let (mut open, mut ahead, mut seen) = (0, vec![pid], false);
    while let Some(pid) = ahead.pop() {
        ahead.extend(children(pid));
        if !word.is_empty() && !has_word(pid, word) {
            continue;
        }
        let Ok(files) = fs::read_dir(format!("/proc/{pid}/fd")) else { continue };
        open += files.count();
        seen = true;
    }
    seen.then_some(open).with_context(|| format!("there is no process {pid}"))
}

/// CPU time by thread name of a process and all its descendants whose command line has `word`.
///
/// # Errors
/// When there is no such process.
pub fn threads(pid: u32, word: &str) -> Result<BTreeMap<String, Duration>> {
    let mut threads = BTreeMap::new();
    let (mut ahead, mut seen) = (vec![pid], false);
    while let Some(pid) = ahead.pop() {
        ahead.extend(children(pid));
        if !word.is_empty() && !has_word(pid, word) {
            continue;
        }
        for task in fs::read_dir(format!("/proc/{pid}/task")).into_iter().flatten().flatten() {
            let read = |file: &str| fs::read_to_string(task.path().join(file));
            let (Ok(name), Ok(stat)) = (read("comm"), read("schedstat")) else { continue };
            let ns = stat.split_whitespace().next().and_then(|ns| ns.parse().ok());
            let cpu = Duration::from_nanos(ns.context("schedstat begins with nanoseconds")?);
            *threads.entry(name.trim().to_owned()).or_default() += cpu;
            seen = true;
        }
    }
    seen.then_some(threads).with_context(|| format!("there is no process {pid}"))
}

/// The line `Pss:` of smaps_rollup, in bytes. The children are one program: counting its code for
/// each of them would count it three times.
fn proportional(pid: u32) -> Option<u64> {
    let text = fs::read_to_string(format!("/proc/{pid}/smaps_rollup")).ok()?;
    let line = text.lines().find_map(|line| line.strip_prefix("Pss:"))?;
    Some(line.split_whitespace().next()?.parse::<u64>().ok()? * 1024)
}

fn has_word(pid: u32, word: &str) -> bool {
    let command = fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
    command.split(|byte| *byte == 0).any(|one| one == word.as_bytes())
}

fn children(pid: u32) -> Vec<u32> {
    let tasks = fs::read_dir(format!("/proc/{pid}/task")).into_iter().flatten().flatten();
    tasks
        .filter_map(|task| fs::read_to_string(task.path().join("children")).ok())
        .flat_map(|text| {
            text.split_whitespace().filter_map(|pid| pid.parse().ok()).collect::<Vec<u32>>()
        })
        .collect()
}

/// What a line of proc(5) says.
#[derive(Debug, PartialEq)]
struct Stat {
    user: Duration,
    kernel: Duration,
    resident: u64,
}

/// Fields 14, 15 and 24 of proc(5), counted after the program's name, which may hold anything.
fn parse(stat: &str) -> Option<Stat> {
    let fields: Vec<&str> = stat.rsplit_once(')')?.1.split_whitespace().collect();
    let number = |field: usize| fields.get(field - 3)?.parse::<u64>().ok();
    // SAFETY: the calls take a number and return one.
    let (tick, page) =
        unsafe { (libc::sysconf(libc::_SC_CLK_TCK), libc::sysconf(libc::_SC_PAGESIZE)) };
    let time = |ticks: u64| Duration::from_secs_f64(ticks as f64 / tick.max(1) as f64);
    let resident = number(24)? * page.max(0) as u64;
    Some(Stat { user: time(number(14)?), kernel: time(number(15)?), resident })
}

/// Binds this thread, and those it starts, to a core.
///
/// # Errors
/// When there is no such core.
pub fn pin(core: usize) -> std::io::Result<()> {
    // SAFETY: a set of zeros is an empty set; `core` is set in it by the macro's own bounds; the
    // call reads the set, which is alive during it.
    let result = unsafe {
        let mut set: libc::cpu_set_t = std::mem::zeroed();
        libc::CPU_SET(core, &mut set);
        libc::sched_setaffinity(0, size_of::<libc::cpu_set_t>(), &set)
    };
    if result == 0 { Ok(()) } else { Err(std::io::Error::last_os_error()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn our_own_process_uses_something() {
        let used = usage(std::process::id(), "").unwrap();
        assert!(used.memory_bytes > 100_000 && used.processes >= 1, "{used:?}");
        assert!(usage(u32::MAX, "").is_err());
        let file = fs::File::open("/proc/self/stat").unwrap();
        assert!(open_files(std::process::id(), "").unwrap() > 3, "{file:?} and three more");
        assert!(open_files(u32::MAX, "").is_err());
        let threads = threads(std::process::id(), "").unwrap();
        assert!(threads.values().sum::<Duration>() > Duration::ZERO, "{threads:?}");
        assert!(super::threads(u32::MAX, "").is_err());
        assert!(usage(std::process::id(), "no such word").is_err());
        assert_eq!(find(std::process::id(), "no such word"), None);
    }

    #[test]
    fn a_name_with_brackets_does_not_shift_the_fields() {
        let fields: String = (4..=24).map(|n| format!(" {}", n * 100)).collect();
        let stat = parse(&format!("7 (a) b) S{fields}")).unwrap();
        let (user, kernel) = (Duration::from_secs(14), Duration::from_secs(15));
        assert_eq!(stat, Stat { user, kernel, resident: 2400 * 4096 });
    }
}
