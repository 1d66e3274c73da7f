//! What is remembered of callers over an orderly stop: whom they talked with last, who may come back to
//! their place, and whom agents called outside. Nobody is on the line then, so all else ends with the
//! process.
//!
//! The next process may begin on a machine that was started anew, where moments begin anew too: each is
//! moved by what has passed on the wall clock. A moment of before that start is its first one, so what
//! is remembered of it may last longer by the time that the machine has not run yet.

use super::traces::Trace;
use super::{Now, Switch};
use crate::acd::{KeptLast, KeptLeaver};
use serde::{Deserialize, Serialize};
use std::time::Duration;
use terms::{Moment, TenantId};

/// As it is kept, with the clocks of that time.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Remembered {
    at: Now,
    tenants: Vec<OfTenant>,
}

/// Each in its order, the oldest first.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct OfTenant {
    tenant: TenantId,
    last: Vec<KeptLast>,
    left: Vec<KeptLeaver>,
    traces: Vec<Trace>,
}

impl OfTenant {
    fn is_empty(&self) -> bool {
        self.last.is_empty() && self.left.is_empty() && self.traces.is_empty()
    }
}

impl Remembered {
    /// There is nothing to keep.
    pub fn is_empty(&self) -> bool {
        self.tenants.is_empty()
    }

    /// What has passed on the wall clock since.
    fn passed(&self, now: Now) -> Duration {
        let us = now.wall.0.saturating_sub(self.at.wall.0);
        Duration::from_micros(u64::try_from(us).unwrap_or(0))
    }
}

/// A moment of then as one of now, so much later.
fn moved(moment: Moment, then: Moment, now: Moment, passed: Duration) -> Moment {
    let passed = i128::try_from(passed.as_nanos()).unwrap_or(i128::MAX);
    let begin = i128::from(now.0).saturating_sub(passed);
    let at = begin.saturating_add(i128::from(moment.0) - i128::from(then.0));
    Moment(u64::try_from(at.max(0)).unwrap_or(u64::MAX))
}

impl Switch {
    /// What is remembered of callers now.
    pub(crate) fn remember(&self, at: Now) -> Remembered {
        let of = |(&tenant, of): (&TenantId, &super::world::Tenant)| OfTenant {
            tenant,
            last: of.acd.last_agents(),
            left: of.acd.leavers(at.moment),
            traces: of.traces.all(),
        };
        let tenants = self.world.tenants.iter().map(of).filter(|of| !of.is_empty());
        Remembered { at, tenants: tenants.collect() }
    }

    /// Takes it up, before anything comes in and after the plans. What is over meanwhile is left.
    pub(crate) fn recall(&mut self, now: Now, remembered: Remembered) {
        let (then, passed) = (remembered.at.moment, remembered.passed(now));
        let here = |moment| moved(moment, then, now.moment, passed);
        for OfTenant { tenant, last, left, traces } in remembered.tenants {
            let Some(tenant) = self.world.tenants.get_mut(&tenant) else { continue };
            for (order, last) in (1..).zip(last) {
                tenant.acd.restore_last(order, last);
            }
            let left = left.into_iter().map(|left| left.on_clock(here));
            for (order, left) in (1..).zip(left.filter(|left| !left.is_over(now.moment))) {
                tenant.acd.restore_left(order, left);
            }
            let keep = Duration::from_secs(tenant.plan.plan.trace_back.keep_s.into());
            let stays = |trace: &Trace| then.since(trace.at) + passed < keep;
            for (order, trace) in (1..).zip(traces.into_iter().filter(stays)) {
                tenant.traces.restore(order, Trace { at: here(trace.at), ..trace });
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_are_moved_by_what_has_passed_also_where_the_clock_began_anew() {
        let at = Moment::from_secs;
        let hour = Duration::from_secs(3_600);
        for (moment, then, now, becomes) in [
            // The same start of the machine.
            (900, 1_000, 4_600, 900),
            (1_060, 1_000, 4_600, 1_060),
            // It began anew: a minute before the stop, five hours before it, and what was to come.
            (60_000, 60_060, 3_700, 40),
            (42_000, 60_060, 3_700, 0),
            (70_000, 60_000, 3_700, 10_100),
        ] {
            assert_eq!(moved(at(moment), at(then), at(now), hour), at(becomes), "{moment}");
        }
    }
}
