//! Queues at their rated load: each has as many agents as Erlang C (1917) asks for, so that 80 of
//! 100 callers are answered within 20 s. What the switch makes of that is counted out of the rows.

use crate::floor::{Day, RINGS_S, Staff, TALKS_S, WRAP_UP_S};
use anyhow::Result;
use std::time::Duration;
use terms::record::Row;
use warehouse::derive::Fold;

/// The share that has to be answered in time, and what in time is.
pub const LEVEL_MIN: f64 = 0.8;
const WITHIN_S: f64 = 20.0;
/// Contacts of a queue that are handled at a time, in erlangs.
const LOAD: f64 = 30.0;
const QUEUES: u64 = 10;

/// How it went.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Level {
    /// Agents of each queue.
    pub agents: u64,
    /// Contacts of all queues.
    pub offered: u64,
    /// The share of them that was answered in time, 0–1.
    pub in_time: f64,
}

/// The level at the rated load for so long, with the agents whom it needs.
///
/// # Errors
/// Those of the floor.
pub fn level(seed: u64, time: Duration) -> Result<Level> {
    level_with(agents_needed(LOAD, handled_s(), WITHIN_S - mean(RINGS_S)), seed, time)
}

fn level_with(agents: u64, seed: u64, time: Duration) -> Result<Level> {
    let staff = Staff { agents: QUEUES * agents, queues: QUEUES, of_queue: agents };
    let of_queue = (LOAD * time.as_secs_f64() / handled_s()).round() as u64;
    let (mut fold, mut rows) = (Fold::default(), Vec::new());
    let (mut offered, mut in_time) = (0_u64, 0_u64);
    Day::with(staff, seed)?.pass_evenly(QUEUES * of_queue, time, |entry| {
        fold.apply(&entry, &mut rows);
        for row in rows.drain(..) {
            if let Row::QueueVisit(visit) = row {
                let waited_s = f64::from(visit.wait_ms) / 1e3;
                offered += 1;
                in_time += u64::from(visit.outcome == "answered" && waited_s <= WITHIN_S);
            }
        }
        Ok(())
    })?;
    Ok(Level { agents, offered, in_time: in_time as f64 / offered as f64 })
}

/// How long an agent is busy with a contact: the phone rings, they talk, they wrap up.
fn handled_s() -> f64 {
    mean(RINGS_S) + mean(TALKS_S) + f64::from(WRAP_UP_S)
}

fn mean((least, most): (u64, u64)) -> f64 {
    (least + most) as f64 / 2.0
}

/// The fewest agents with whom [`LEVEL_MIN`] of the callers wait at most so long for one.
fn agents_needed(load: f64, handled_s: f64, within_s: f64) -> u64 {
    // Erlang B, from agent to agent; then C, who waits at all, and for how long.
    let (mut agents, mut lost) = (0.0, 1.0);
    loop {
        agents += 1.0;
        lost = load * lost / (agents + load * lost);
        if agents > load {
            let waits = agents * lost / (agents - load * (1.0 - lost));
            let late = waits * (-(agents - load) * within_s / handled_s).exp();
            if late <= 1.0 - LEVEL_MIN {
                return agents as u64;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn so_many_agents_are_needed_as_tables_of_erlang_c_say() {
        // 100 contacts of three minutes each in half an hour, 80 of 100 within 20 s.
        assert_eq!(agents_needed(10.0, 180.0, 20.0), 14);
        assert_eq!(agents_needed(LOAD, handled_s(), 15.0), 34);
    }

    #[test]
    fn the_level_is_met_with_the_agents_who_are_needed_and_not_with_a_fifth_fewer() {
        let time = Duration::from_secs(1_200);
        let met = level(7, time).unwrap();
        assert_eq!((met.agents, met.offered), (34, 4_500), "{met:?}");
        assert!(met.in_time >= LEVEL_MIN, "{met:?}");
        let missed = level_with(27, 7, time).unwrap();
        assert!(missed.in_time < LEVEL_MIN, "{missed:?}");
    }
}
