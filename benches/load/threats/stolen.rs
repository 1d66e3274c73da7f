//! Two extensions whose passwords were stolen. One has no right to call abroad, and its thief dials
//! one number there after the other; the other has every right, and its thief has callees abroad
//! talk with each other, two and two, so that the phone is free for the next. A carrier of the bench
//! answers what goes out.

use super::carrier::Carrier;
use super::line::{Line, rest};
use crate::api::{self, Api};
use crate::bench::{self, Bench, Limit};
use crate::server::Server;
use crate::sip::digest::Credential;
use crate::sip::phone::{Event, LegKey};
use anyhow::{Context, Result, bail};
use benches::results::Figure;
use serde_json::{Value, json};
use std::time::{Duration, Instant};

const ANSWER_MAX: Duration = Duration::from_secs(5);
/// The switch calls over a new trunk within this.
const KNOWN_MAX: Duration = Duration::from_secs(10);
/// What the switch knows is shown within this.
const SHOWN_MAX: Duration = Duration::from_millis(500);
/// What it ends has ended within this.
const ENDS_MAX: Duration = Duration::from_secs(3);
const LOOK_EVERY: Duration = Duration::from_millis(50);
/// Tries of a thief at most.
const TRIED_MAX: u32 = 12;
/// They are stopped by then.
const CALLS_MAX: f64 = 5.0;
const SECONDS_MAX: f64 = 60.0;
/// A number in the country, which everybody may call who is not barred.
const MOBILE: &str = "13900139000";

/// Both thefts: of an extension with the rights of a new one, and of one that may call everywhere.
///
/// # Errors
/// What kept them from being tried.
pub async fn happen(
    server: &Server,
    [poor, rich]: [&Credential; 2],
    bench: &mut Bench,
) -> Result<()> {
    let admin = bench::admin(server).await?;
    let agents = api::items(admin.get("/api/v1/agents").await?)?;
    let (poor_id, rich_id) = (id_of(&agents, poor)?, id_of(&agents, rich)?);
    let right = json!({"dial": "premium", "forward": "premium"});
    admin.put(&format!("/api/v1/agents/{rich_id}/calling-right"), &right).await?;
    let mut carrier = Carrier::open(server.sip)?;
    let trunk = json!({
        "name": "carrier", "proxy": format!("sip:{};transport=udp", carrier.address()?),
        "prefixes": [""], "caller_number": bench::NUMBER, "codecs": ["PCMA"],
    });
    admin.post("/api/v1/trunks", &trunk).await.context("make a trunk")?;
    let mut thief = Thief::start(server, &admin, poor, poor_id, &mut carrier)?;
    // A plan that has the trunk has the right, which is older.
    thief.until_a_call_goes_out()?;
    without_right(&mut thief, bench).await?;
    thief.leave()?;
    let mut thief = Thief::start(server, &admin, rich, rich_id, &mut carrier)?;
    with_every_right(&mut thief, bench).await?;
    thief.leave()
}

async fn without_right(thief: &mut Thief<'_>, bench: &mut Bench) -> Result<()> {
    let began = Instant::now();
    let (mut calls, mut barred) = (0, false);
    while calls < TRIED_MAX && !barred {
        thief.calls(&abroad(calls))?;
        calls += 1;
        barred = thief.is_shown_barred().await?;
    }
    let took = began.elapsed().as_secs_f64();
    let out = thief.carrier.abroad() as f64;
    let after = thief.go_out_after()?;
    is_barred_by("stolen, no right abroad", barred, took, bench)?;
    let until = f64::from(calls);
    bench.note("stolen, no right abroad: calls until it was", until, "calls", Some(CALLS_MAX))?;
    bench.note("stolen, no right abroad: calls abroad that went out", out, "calls", Some(0.0))?;
    bench.note("stolen, no right abroad: calls out after it", after, "calls", Some(0.0))
}

async fn with_every_right(thief: &mut Thief<'_>, bench: &mut Bench) -> Result<()> {
    let began = Instant::now();
    let (mut tries, mut barred) = (0, false);
    while tries < TRIED_MAX && !barred {
        let refused = !thief.connects(&abroad(2 * tries), &abroad(2 * tries + 1))?;
        tries += 1;
        barred = refused && thief.is_shown_barred().await?;
    }
    let took = began.elapsed().as_secs_f64();
    thief.listen(ENDS_MAX, |carrier| carrier.abroad_up() == 0)?;
    let (made, up) = (thief.carrier.abroad(), thief.carrier.abroad_up());
    let at_a_time = thief.carrier.abroad_at_a_time() as f64;
    let after = thief.go_out_after()?;
    is_barred_by("stolen, every right", barred, took, bench)?;
    let most = Some(CALLS_MAX);
    bench.note("stolen, every right: calls abroad at a time", at_a_time, "calls", most)?;
    let what = "stolen, every right: calls abroad that the box ended";
    let ended = Figure::new(&bench.name, what, (made - up) as f64, "calls");
    bench.judge(&ended, Limit::Least(1.0))?;
    bench.note("stolen, every right: calls abroad left up", up as f64, "calls", Some(0.0))?;
    bench.note("stolen, every right: calls out after it", after, "calls", Some(0.0))
}

fn is_barred_by(theft: &str, barred: bool, seconds: f64, bench: &mut Bench) -> Result<()> {
    let what = format!("{theft}: barred");
    let stopped = Figure::new(&bench.name, &what, f64::from(u8::from(barred)), "");
    bench.judge(&stopped, Limit::Least(1.0))?;
    bench.note(&format!("{theft}: time until it was"), seconds, "s", Some(SECONDS_MAX))
}

/// Another number in London each time.
fn abroad(n: u32) -> String {
    format!("004420712340{n:02}")
}

/// Who has the password of an agent's phone, and the carrier that answers them.
struct Thief<'a> {
    line: Line,
    admin: &'a Api,
    agent: &'a Credential,
    id: String,
    carrier: &'a mut Carrier,
}

impl<'a> Thief<'a> {
    fn start(
        server: &Server,
        admin: &'a Api,
        agent: &'a Credential,
        id: String,
        carrier: &'a mut Carrier,
    ) -> Result<Thief<'a>> {
        let mut line = Line::open(server.sip, 3)?;
        line.register(agent);
        line.until(ANSWER_MAX, |event| {
            matches!(event, Event::Registered { status: 200, .. }).then_some(())
        })?;
        Ok(Thief { line, admin, agent, id, carrier })
    }

    /// The status that a call gets; who answers is hung up on.
    fn calls(&mut self, number: &str) -> Result<u16> {
        let (leg, status) = self.dials(number)?;
        self.line.hang_up(leg);
        Ok(status)
    }

    fn dials(&mut self, number: &str) -> Result<(LegKey, u16)> {
        let dialled = self.line.dial(&self.agent.user, number, Some(self.agent))?;
        let status = self.until(|event| match event {
            Event::Failed { leg, status } if *leg == dialled => Some(*status),
            Event::Answered { leg, .. } if *leg == dialled => Some(200),
            _ => None,
        })?;
        Ok((dialled, status))
    }

    /// Calls one number, and passes who answers there on to another one: both calls stay up without
    /// the phone. False where the box refuses one of them; then nothing is hung up.
    fn connects(&mut self, first: &str, second: &str) -> Result<bool> {
        let (dialled, status) = self.dials(first)?;
        if status != 200 {
            return Ok(false);
        }
        self.line.refer(dialled, second);
        let passed_on = self.until(|event| match event {
            Event::Refer { leg, status } if *leg == dialled => match *status {
                200 => Some(true),
                300.. => Some(false),
                _ => None,
            },
            Event::Ended { leg } if *leg == dialled => Some(true),
            _ => None,
        })?;
        if passed_on {
            self.line.hang_up(dialled);
        }
        Ok(passed_on)
    }

    /// Calls within the country until one is answered by the carrier.
    fn until_a_call_goes_out(&mut self) -> Result<()> {
        let end = Instant::now() + KNOWN_MAX;
        while Instant::now() < end {
            if self.calls(MOBILE)? == 200 {
                return Ok(());
            }
            std::thread::sleep(LOOK_EVERY);
        }
        bail!("no call went out over the carrier's trunk within {KNOWN_MAX:?}")
    }

    /// Calls abroad and within the country; how many of both reach the carrier.
    fn go_out_after(&mut self) -> Result<f64> {
        let before = self.carrier.calls();
        self.calls(&abroad(99))?;
        self.calls(MOBILE)?;
        Ok((self.carrier.calls() - before) as f64)
    }

    /// Whether the switch shows the agent as barred, now or in a moment.
    async fn is_shown_barred(&mut self) -> Result<bool> {
        let shown = Instant::now() + SHOWN_MAX;
        while Instant::now() < shown {
            if is_barred(&self.admin.get("/api/v1/live").await?, &self.id) {
                return Ok(true);
            }
            self.listen(LOOK_EVERY, |_| false)?;
        }
        Ok(false)
    }

    /// Takes turns until an event is what is waited for.
    fn until<T>(&mut self, wanted: impl Fn(&Event) -> Option<T>) -> Result<T> {
        let end = Instant::now() + ANSWER_MAX;
        while Instant::now() < end {
            self.carrier.turn()?;
            if let Some(found) = self.line.turn().iter().find_map(&wanted) {
                return Ok(found);
            }
            rest();
        }
        bail!("what was waited for did not come within {ANSWER_MAX:?}")
    }

    /// Takes turns until the carrier has seen enough, for so long at most.
    fn listen(&mut self, time: Duration, enough: impl Fn(&Carrier) -> bool) -> Result<()> {
        let end = Instant::now() + time;
        while Instant::now() < end && !enough(self.carrier) {
            self.carrier.turn()?;
            self.line.turn();
            rest();
        }
        Ok(())
    }

    fn leave(mut self) -> Result<()> {
        self.line.leave();
        self.listen(LOOK_EVERY, |_| false)
    }
}

fn id_of(agents: &[Value], of: &Credential) -> Result<String> {
    let theirs = agents.iter().find(|agent| agent["number"] == of.user.as_str());
    theirs.and_then(|agent| api::id(&agent["id"])).context("who is robbed is among the agents")
}

/// Whether the switch shows this agent as barred.
fn is_barred(live: &Value, agent: &str) -> bool {
    let agents = live["agents"].as_array().map(Vec::as_slice).unwrap_or_default();
    agents.iter().any(|one| one["agent"] == agent && one["barred"] == true)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_barred_agent_is_seen_among_others() {
        let live = |barred: bool| {
            let other = json!({"agent": "6", "barred": true});
            json!({"agents": [other, {"agent": "7", "barred": barred}]})
        };
        assert!(is_barred(&live(true), "7"));
        assert!(!is_barred(&live(false), "7") && !is_barred(&json!({}), "7"));
    }

    #[test]
    fn who_is_robbed_is_found_by_the_number_of_their_phone() {
        let agents = [json!({"id": "6", "number": "200005"}), json!({"id": 7, "number": "200006"})];
        let of = |user: &str| Credential { user: user.into(), password: "x".into() };
        assert_eq!(id_of(&agents, &of("200006")).unwrap(), "7");
        assert!(id_of(&agents, &of("200007")).is_err());
    }

    #[test]
    fn a_thief_dials_another_number_each_time() {
        assert_ne!(abroad(0), abroad(1));
        assert_eq!(abroad(2 * TRIED_MAX - 1).len(), abroad(99).len());
    }
}
