//! Named failpoints for builds with debug assertions, behind the storage and network edges:
//! library-level fault injectors do not see io_uring operations.
//!
//! `SWITCHGRID_FAILPOINTS="seal.after_rename=kill;storage.write=eio:3"` arms points for a whole
//! process: `kill` ends it at once as SIGKILL would, `eio`, `enospc` and `short` fail the
//! operation, `stall:<ms>` delays it; `:<n>` fires at the n-th pass only. Release builds contain none.

use std::collections::HashMap;
use std::sync::{Mutex, OnceLock};

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

#[derive(Clone, Copy)]
struct Armed {
    fault: Fault,
    /// 0 is every pass.
    pass: u64,
    seen: u64,
}

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
    let pass = next.and_then(|n| n.parse().ok()).unwrap_or(0);
    Some((name.trim().to_owned(), Armed { fault, pass, seen: 0 }))
}

/// Arms `name` in this process; `pass` 0 fires every time.
pub fn arm(name: &str, fault: Fault, pass: u64) {
    let mut points = points().lock().expect("no failpoint panics while held");
    points.insert(name.to_owned(), Armed { fault, pass, seen: 0 });
}

/// Disarms `name`.
pub fn disarm(name: &str) {
    points().lock().expect("no failpoint panics while held").remove(name);
}

/// Passes the point `name`: `None` when it is not armed. `Kill` does not return.
pub fn pass(name: &str) -> Option<Fault> {
    if !cfg!(debug_assertions) {
        return None;
    }
    let fault = {
        let mut points = points().lock().expect("no failpoint panics while held");
        let armed = points.get_mut(name)?;
        armed.seen += 1;
        (armed.pass == 0 || armed.pass == armed.seen).then_some(armed.fault)?
    };
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
            (name.as_str(), armed.fault, armed.pass),
            ("storage.write", Fault::StallMs(300), 4)
        );
        assert!(parse("storage.write=explode").is_none());
    }
}
