//! `switchgrid-load threats`: a switch of its own on an empty folder, and what strangers, thieves
//! and its own administrator do to it: floods of its SIP port while people telephone, requests that
//! want long answers, extensions whose passwords were stolen, and an orderly stop in the middle of
//! conversations, which comes last because the switch is gone after it.

mod carrier;
mod drain;
mod flood;
mod line;
mod reflection;
mod stolen;

use crate::bench::{self, Bench};
use crate::own;
use crate::server::Server;
use crate::sip::digest::Credential;
use crate::sip::phone::Event;
use anyhow::{Result, bail};
use benches::media::wire::Choice;
use line::Line;
use std::fmt;
use std::time::Duration;

/// Agents of the switch: some telephone in the flood, two are robbed, the others talk at the end.
const AGENTS: u32 = 25;
const FLOODED: usize = 4;
const REGISTERED_MAX: Duration = Duration::from_secs(5);

/// What the bench is told.
#[derive(clap::Args)]
pub struct Arguments {
    /// Which threats.
    #[arg(long, value_delimiter = ',', value_enum, default_values_t = Part::ALL)]
    only: Vec<Part>,
    /// Datagrams of the flood in a second.
    #[arg(long, default_value_t = 10_000)]
    rate: u32,
    /// How long the flood lasts, in seconds.
    #[arg(long, default_value_t = 60)]
    seconds: u64,
    /// How packets reach the kernel on our side.
    #[arg(long, value_enum, default_value_t = Choice::Auto)]
    wire: Choice,
}

/// What happens, in this order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, clap::ValueEnum)]
enum Part {
    /// Requests and garbage of strangers.
    SipFlood,
    /// Short requests that want long answers.
    Reflection,
    /// Extensions in the hands of thieves.
    Stolen,
    /// SIGTERM while people talk.
    Drain,
}

impl Part {
    const ALL: [Part; 4] = [Part::SipFlood, Part::Reflection, Part::Stolen, Part::Drain];
}

impl fmt::Display for Part {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let value = clap::ValueEnum::to_possible_value(self).expect("no variant is skipped");
        f.write_str(value.get_name())
    }
}

/// Runs it. False when a limit does not hold.
///
/// # Errors
/// What kept it from running.
pub fn run(arguments: &Arguments) -> Result<bool> {
    own::with_switch("", async |server, _| measure(arguments, server).await)
}

async fn measure(arguments: &Arguments, server: &Server) -> Result<bool> {
    let mut bench = Bench::named("threats")?;
    let agents = bench::hire(server, AGENTS).await?;
    come_and_go(server, &agents)?;
    let (flooded, rest) = agents.split_at(FLOODED);
    let [poor, rich, talking @ ..] = rest else { bail!("two agents are left to be robbed") };
    for part in in_order(&arguments.only) {
        eprintln!("{part}");
        match part {
            Part::SipFlood => {
                flood::happen((arguments.rate, arguments.seconds), server, flooded, &mut bench)?;
            }
            Part::Reflection => reflection::happen(server, &mut bench)?,
            Part::Stolen => stolen::happen(server, [poor, rich], &mut bench).await?,
            Part::Drain => drain::happen(arguments.wire, server, talking, &mut bench).await?,
        }
    }
    Ok(bench.good)
}

/// A switch that has never heard of an agent's phone calls it in good faith: all phones come and go
/// once, so that those alone are called that are there.
fn come_and_go(server: &Server, agents: &[Credential]) -> Result<()> {
    let mut line = Line::open(server.sip, 4)?;
    for agent in agents {
        line.register(agent);
        line.until(REGISTERED_MAX, |event| {
            matches!(event, Event::Registered { status: 200, .. }).then_some(())
        })?;
    }
    line.leave();
    Ok(())
}

/// Each once; what ends the switch is the last.
fn in_order(parts: &[Part]) -> Vec<Part> {
    let mut parts = parts.to_vec();
    parts.sort_unstable();
    parts.dedup();
    parts
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_switch_is_ended_last_whatever_was_asked_for_first() {
        let asked = [Part::Drain, Part::Stolen, Part::SipFlood, Part::Stolen];
        assert_eq!(in_order(&asked), [Part::SipFlood, Part::Stolen, Part::Drain]);
    }
}
