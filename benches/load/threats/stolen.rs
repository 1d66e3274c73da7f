//! An extension whose password was stolen dials one number abroad after the other, until it is
//! barred.

use super::line::Line;
use crate::bench::{self, Bench, Limit};
use crate::server::Server;
use crate::sip::digest::Credential;
use crate::sip::phone::Event;
use anyhow::Result;
use benches::results::Figure;
use serde_json::Value;
use std::time::{Duration, Instant};

const ANSWER_MAX: Duration = Duration::from_secs(5);
/// What the switch knows is shown within this.
const SHOWN_MAX: Duration = Duration::from_millis(500);
const LOOK_EVERY: Duration = Duration::from_millis(50);
/// Calls that are tried at most.
const TRIED_MAX: u32 = 12;
/// It is stopped by then.
const CALLS_MAX: f64 = 5.0;
const SECONDS_MAX: f64 = 60.0;
/// A number in the country, which everybody may call who is not barred.
const MOBILE: &str = "13900139000";

/// The theft.
///
/// # Errors
/// What kept it from being tried.
pub async fn happen(server: &Server, agent: &Credential, bench: &mut Bench) -> Result<()> {
    let admin = bench::admin(server).await?;
    let mut thief = Line::open(server.sip, 3)?;
    thief.register(agent);
    thief.until(ANSWER_MAX, |event| {
        matches!(event, Event::Registered { status: 200, .. }).then_some(())
    })?;
    let began = Instant::now();
    let (mut calls, mut out, mut barred) = (0, 0, false);
    while calls < TRIED_MAX && !barred {
        out += u32::from(dial(&mut thief, agent, &format!("004420712340{calls:02}"))? == 200);
        calls += 1;
        let shown = Instant::now() + SHOWN_MAX;
        while !barred && Instant::now() < shown {
            barred = is_barred(&admin.get("/api/v1/live").await?);
            tokio::time::sleep(LOOK_EVERY).await;
        }
    }
    let took = began.elapsed().as_secs_f64();
    let afterwards = dial(&mut thief, agent, MOBILE)?;
    thief.leave();
    let stopped = Figure::new(&bench.name, "stolen: barred", f64::from(u8::from(barred)), "");
    bench.judge(&stopped, Limit::Least(1.0))?;
    bench.note("stolen: calls until it was", f64::from(calls), "calls", Some(CALLS_MAX))?;
    bench.note("stolen: time until it was", took, "s", Some(SECONDS_MAX))?;
    bench.note("stolen: calls abroad that went out", f64::from(out), "calls", Some(0.0))?;
    let went = f64::from(u8::from(afterwards == 200));
    bench.note("stolen: calls within the country after it", went, "calls", Some(0.0))
}

/// The status that a call gets; who answers is hung up on.
fn dial(thief: &mut Line, agent: &Credential, number: &str) -> Result<u16> {
    let dialled = thief.dial(&agent.user, number, Some(agent))?;
    let status = thief.until(ANSWER_MAX, |event| match event {
        Event::Failed { leg, status } if *leg == dialled => Some(*status),
        Event::Answered { leg, .. } if *leg == dialled => Some(200),
        _ => None,
    })?;
    thief.hang_up(dialled);
    Ok(status)
}

/// Whether the switch shows anybody as barred: nobody else calls out.
fn is_barred(live: &Value) -> bool {
    let agents = live["agents"].as_array().map(Vec::as_slice).unwrap_or_default();
    agents.iter().any(|agent| agent["barred"] == true)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn one_barred_agent_is_seen_among_others() {
        let live = |barred: bool| json!({"agents": [{"barred": false}, {"barred": barred}]});
        assert!(is_barred(&live(true)));
        assert!(!is_barred(&live(false)) && !is_barred(&json!({})));
    }
}
