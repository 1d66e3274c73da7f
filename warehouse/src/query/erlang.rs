//! How many agents a queue needs: Erlang B, C and A.
//!
//! The load `a` is in erlangs: contacts that come while one is handled, `a = λ · AHT`. With Erlang C
//! everybody waits until they are answered: M/M/N, Erlang 1917. With Erlang A callers lose patience
//! after an exponential time: M/M/N+M, Palm 1946. Sums go on from term to term, so nothing is a
//! factorial and nothing overflows that need not.

/// Agents that are counted up to.
pub const AGENTS_MAX: u32 = 10_000;
/// Places in the queue that are summed over at most.
const PLACES_MAX: u32 = 100_000;
/// A term this small beside the sum ends it.
const NEGLIGIBLE: f64 = 1e-15;

/// The share of contacts that find all of `agents` busy and are lost:
/// `B(n) = a · B(n−1) / (n + a · B(n−1))`, `B(0) = 1`.
fn lost(load: f64, agents: u32) -> f64 {
    (1..=agents).fold(1.0, |lost, n| with_one_more(load, lost, n))
}

fn with_one_more(load: f64, lost: f64, agents: u32) -> f64 {
    load * lost / (f64::from(agents) + load * lost)
}

/// The share of contacts that wait, `C = B / (1 − (a/N)(1 − B))`; all of them where the agents
/// cannot carry the load.
pub fn waits(load: f64, agents: u32) -> f64 {
    waits_of(load, agents, lost(load, agents))
}

fn waits_of(load: f64, agents: u32, lost: f64) -> f64 {
    let n = f64::from(agents);
    if n <= load { 1.0 } else { lost / (1.0 - load / n * (1.0 - lost)) }
}

/// The share of contacts that are answered within `within_s`,
/// `SL(T) = 1 − C · exp(−(N − a) · T / AHT)`; none where the agents cannot carry the load.
pub fn in_time(load: f64, agents: u32, handle_s: f64, within_s: f64) -> f64 {
    in_time_of(load, agents, waits(load, agents), within_s / handle_s)
}

/// The same, `within` in handle times.
fn in_time_of(load: f64, agents: u32, waits: f64, within: f64) -> f64 {
    let spare = f64::from(agents) - load;
    if spare <= 0.0 { 0.0 } else { 1.0 - waits * (-spare * within).exp() }
}

/// The mean wait of all contacts in seconds, `ASA = C · AHT / (N − a)`; none where the agents cannot
/// carry the load and the queue grows.
pub fn answer_s(load: f64, agents: u32, handle_s: f64) -> Option<f64> {
    let spare = f64::from(agents) - load;
    (spare > 0.0).then(|| waits(load, agents) * handle_s / spare)
}

/// The share of their time that agents handle contacts, `a / N`, at most 1; none without agents.
pub fn occupied(load: f64, agents: u32) -> Option<f64> {
    (agents > 0).then(|| (load / f64::from(agents)).min(1.0))
}

/// The fewest agents with whom the share `target` is answered within `within_s`; none when
/// [`AGENTS_MAX`] are too few.
pub fn needed(load: f64, handle_s: f64, target: f64, within_s: f64) -> Option<u32> {
    if load <= 0.0 {
        return Some(0);
    }
    let mut lost = 1.0;
    (1..=AGENTS_MAX).find(|&agents| {
        lost = with_one_more(load, lost, agents);
        let waits = waits_of(load, agents, lost);
        in_time_of(load, agents, waits, within_s / handle_s) >= target
    })
}

/// What Erlang A says of a queue.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Impatient {
    /// The share of contacts that find no agent free.
    pub waits: f64,
    /// The share of contacts that hang up before they are answered.
    pub abandons: f64,
    /// The mean wait of all contacts in seconds, until the answer or until they hang up.
    pub wait_s: f64,
}

/// Erlang A: callers hang up after `patience_s` on average. With `θ` the rate at which one who waits
/// hangs up, the queue is `j` long with a probability that is to that of no queue and all agents busy
/// as `Π λ / (N·μ + i·θ)`, `i` from 1 to `j`. None when the sum does not end within bounds.
pub fn impatient(load: f64, agents: u32, handle_s: f64, patience_s: f64) -> Option<Impatient> {
    // One handle time is the unit: μ is 1, λ the load.
    let (n, leaving) = (f64::from(agents), handle_s / patience_s);
    if load <= 0.0 {
        return Some(Impatient { waits: waits(load, agents), abandons: 0.0, wait_s: 0.0 });
    }
    let (mut term, mut queued, mut length) = (1.0, 0.0, 0.0);
    (1..=PLACES_MAX).map(f64::from).find(|place| {
        let ratio = load / (n + place * leaving);
        term *= ratio;
        queued += term;
        length += place * term;
        ratio < 1.0 && place * term <= NEGLIGIBLE * (1.0 + length)
    })?;
    let all = 1.0 / lost(load, agents) + queued;
    let mean_length = length / all;
    let found = Impatient {
        waits: (1.0 + queued) / all,
        abandons: leaving * mean_length / load,
        wait_s: mean_length * handle_s / load,
    };
    (found.waits.is_finite() && found.wait_s.is_finite()).then_some(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// 100 contacts in half an hour, 180 s each.
    const LOAD: f64 = 10.0;
    const HANDLE_S: f64 = 180.0;

    fn near(found: f64, expected: f64, within: f64) {
        assert!((found - expected).abs() <= within, "{found} is not {expected}");
    }

    #[test]
    fn erlang_c_gives_the_reference_values() {
        for (agents, wait, level, answer, busy) in [
            (12, 0.449, 0.640, 40.4, 0.83),
            (13, 0.285, 0.796, 17.1, 0.77),
            (14, 0.174, 0.888, 7.8, 0.71),
        ] {
            near(waits(LOAD, agents), wait, 0.000_5);
            near(in_time(LOAD, agents, HANDLE_S, 20.0), level, 0.000_5);
            near(answer_s(LOAD, agents, HANDLE_S).expect("it is carried"), answer, 0.05);
            near(occupied(LOAD, agents).expect("there are agents"), busy, 0.005);
        }
    }

    #[test]
    fn erlang_a_gives_the_reference_values() {
        for (agents, wait, abandoned, seconds) in
            [(10, 0.497, 0.137, 16.5), (12, 0.280, 0.062, 7.4)]
        {
            let found = impatient(LOAD, agents, HANDLE_S, 120.0).expect("the sum ends");
            near(found.waits, wait, 0.000_5);
            near(found.abandons, abandoned, 0.000_5);
            near(found.wait_s, seconds, 0.05);
        }
    }

    #[test]
    fn with_endless_patience_erlang_a_is_erlang_c() {
        let found = impatient(LOAD, 14, HANDLE_S, 1e9).expect("the sum ends");
        near(found.waits, waits(LOAD, 14), 1e-6);
        near(found.wait_s, answer_s(LOAD, 14, HANDLE_S).expect("it is carried"), 1e-4);
        near(found.abandons, 0.0, 1e-6);
    }

    #[test]
    fn the_fewest_agents_reach_the_target_and_one_less_does_not() {
        assert_eq!(needed(LOAD, HANDLE_S, 0.8, 20.0), Some(14));
        assert_eq!(needed(LOAD, HANDLE_S, 0.79, 20.0), Some(13));
        for load in [0.01, 0.9, 1.0, 7.3, 55.5, 480.0, 2_000.0] {
            let agents = needed(load, HANDLE_S, 0.8, 20.0).expect("it can be carried");
            assert!(in_time(load, agents, HANDLE_S, 20.0) >= 0.8, "{load}");
            assert!(in_time(load, agents - 1, HANDLE_S, 20.0) < 0.8, "{load}");
        }
    }

    #[test]
    fn the_edges_are_answered_or_refused() {
        assert_eq!(needed(0.0, HANDLE_S, 0.8, 20.0), Some(0));
        assert_eq!(needed(20_000.0, HANDLE_S, 0.8, 20.0), None);
        assert_eq!(waits(10.0, 10), 1.0);
        assert_eq!(in_time(10.0, 10, HANDLE_S, 20.0), 0.0);
        assert_eq!(answer_s(10.0, 10, HANDLE_S), None);
        assert_eq!(occupied(1.0, 0), None);
        assert_eq!(occupied(30.0, 10), Some(1.0));
        // A queue without anybody to answer it is left by all.
        let nobody = impatient(1.0, 0, 60.0, 60.0).expect("the sum ends");
        near(nobody.abandons, 1.0, 1e-9);
        assert_eq!(impatient(9_000.0, 1, 60.0, 60.0), None);
    }
}
