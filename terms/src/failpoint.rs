//! Named failpoints for builds with debug assertions or the feature `failpoints`, behind the storage and network edges:
//! library-level fault injectors do not see io_uring operations.
//!
//! `SWITCHGRID_FAILPOINTS="seal.rename=kill;storage.write=eio:3-5"` arms points for a whole
//! process: `kill` ends it at once as SIGKILL would, `eio`, `enospc` and `short` fail the
//! operation, `stall:<ms>` delays it; `:<n>` fires at the n-th pass only, `:<n>-<m>` from the n-th
//! to the m-th. A point that fires says so on the standard error output: a test knows that its
//! fault has happened. Release builds of the program contain none.

use std::collections::HashMap;
use std::ops::RangeInclusive;
use std::sync::{Mutex, OnceLock};

/// The steps of the warehouse's commit and of its tidying, in their order: the crash tests end the process at each.
pub const COMMIT_STEPS: &[&str] = &[
    "ingest.stage",
    "ingest.commit",
    "ingest.done",
    "seal.write",
    "seal.sync",
    "seal.rename",
    "seal.dirsync",
    "seal.commit",
    "seal.done",
    "publish.write",
    "publish.sync",
    "publish.announce",
    "publish.rename",
    "publish.dirsync",
    "publish.commit",
    "publish.done",
    "publish.retire",
    "log.trim",
];

/// The steps by which published files are put in the place of others, in their order: the crash tests
/// end the process at each.
pub const REWRITE_STEPS: &[&str] = &[
    "rewrite.write",
    "rewrite.sync",
    "rewrite.rename",
    "rewrite.dirsync",
    "rewrite.announce",
    "rewrite.swap",
    "rewrite.commit",
    "rewrite.done",
];

/// The steps by which counts of a published file are kept, in their order: the crash tests end the
/// process at each.
pub const ROLLUP_STEPS: &[&str] =
    &["rollup.write", "rollup.sync", "rollup.rename", "rollup.dirsync", "rollup.commit"];

/// The steps by which rows whose time is over leave the manifest, in their order: the crash tests end
/// the process at each.
pub const AGE_STEPS: &[&str] = &["age.retire", "age.done"];

/// Around each commit of the warehouse's manifest: before it, and after it, where the database has done
/// it and its answer is lost. The crash tests end the process at each, and lose some answers.
pub const MANIFEST_STEPS: &[&str] = &["manifest.commit", "manifest.committed"];

/// The steps of a recording's move to the second tier, in their order: the crash tests end the box at each.
pub const MOVE_STEPS: &[&str] =
    &["tier.put", "tier.verify", "move.note", "move.free", "move.unlink", "move.done"];

/// The steps of a scheduled report, in their order: the tests end the work at each.
pub const SCHEDULE_STEPS: &[&str] = &[
    "schedule.claimed",
    "schedule.write",
    "schedule.rename",
    "schedule.made",
    "schedule.noted",
    "schedule.sending",
    "schedule.part",
    "schedule.sent",
    "schedule.delivered",
    "schedule.end",
];

/// Whether this build has any.
pub const COMPILED: bool = cfg!(any(debug_assertions, feature = "failpoints"));

/// What an armed point does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// End the process without any clean-up.
    Kill,
    /// The operation fails with EIO.
    Eio,
    /// The operation fails with ENOSPC.
    NoSpace,
    /// Only half of the bytes are written.
    Short,
    /// The operation takes this many ms longer.
    StallMs(u64),
}

struct Armed {
    fault: Fault,
    passes: RangeInclusive<u64>,
    seen: u64,
}

impl Armed {
    fn new(fault: Fault, passes: RangeInclusive<u64>) -> Self {
        Armed { fault, passes, seen: 0 }
    }
}

/// Any pass.
const EVERY: RangeInclusive<u64> = 1..=u64::MAX;

fn points() -> &'static Mutex<HashMap<String, Armed>> {
    static POINTS: OnceLock<Mutex<HashMap<String, Armed>>> = OnceLock::new();
    POINTS.get_or_init(|| {
        let text = std::env::var("SWITCHGRID_FAILPOINTS").unwrap_or_default();
        Mutex::new(text.split(';').filter_map(parse).collect())
    })
}

fn parse(point: &str) -> Option<(String, Armed)> {
    let (name, action) = point.split_once('=')?;
    let mut parts = action.split(':');
    let (fault, next) = match parts.next()? {
        "kill" => (Fault::Kill, parts.next()),
        "eio" => (Fault::Eio, parts.next()),
        "enospc" => (Fault::NoSpace, parts.next()),
        "short" => (Fault::Short, parts.next()),
        "stall" => (Fault::StallMs(parts.next()?.parse().ok()?), parts.next()),
        _ => return None,
    };
    let passes = next.map_or(Some(EVERY), parse_passes)?;
    Some((name.trim().to_owned(), Armed::new(fault, passes)))
}

/// `3` or `3-5`.
fn parse_passes(text: &str) -> Option<RangeInclusive<u64>> {
    let (first, last) = text.split_once('-').unwrap_or((text, text));
    Some(first.parse().ok()?..=last.parse().ok()?)
}

/// Arms `name` in this process; `pass` 0 fires every time.
pub fn arm(name: &str, fault: Fault, pass: u64) {
    let mut points = points().lock().expect("no failpoint panics while held");
    let passes = if pass == 0 { EVERY } else { pass..=pass };
    points.insert(name.to_owned(), Armed::new(fault, passes));
}

/// Disarms `name`.
pub fn disarm(name: &str) {
    points().lock().expect("no failpoint panics while held").remove(name);
}

/// Passes the point `name`: `None` when it is not armed. `Kill` does not return.
pub fn pass(name: &str) -> Option<Fault> {
    if !COMPILED {
        return None;
    }
    let fault = {
        let mut points = points().lock().expect("no failpoint panics while held");
        let armed = points.get_mut(name)?;
        armed.seen += 1;
        armed.passes.contains(&armed.seen).then_some(armed.fault)?
    };
    eprintln!("failpoint {name}: {fault:?}");
    if fault == Fault::Kill {
        std::process::abort();
    }
    Some(fault)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_point_fires_at_the_pass_it_names() {
        arm("test.a", Fault::Eio, 2);
        assert_eq!(
            [pass("test.a"), pass("test.a"), pass("test.a")],
            [None, Some(Fault::Eio), None]
        );
        disarm("test.a");
        assert_eq!(pass("test.a"), None);
    }

    #[test]
    fn the_environment_form_is_read() {
        let (name, armed) = parse("storage.write=stall:300:4").unwrap();
        assert_eq!(
            (name.as_str(), armed.fault, armed.passes),
            ("storage.write", Fault::StallMs(300), 4..=4)
        );
        let (_, armed) = parse("storage.write=enospc:3-5").unwrap();
        assert_eq!((armed.fault, armed.passes), (Fault::NoSpace, 3..=5));
        assert_eq!(parse("storage.write=eio").unwrap().1.passes, EVERY);
        assert!(parse("storage.write=explode").is_none());
        assert!(parse("storage.write=eio:often").is_none());
    }
}
