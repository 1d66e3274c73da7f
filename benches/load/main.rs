//! `switchgrid-load`: callers and agents with real signalling and audio that can be checked sample
//! by sample, for anybody's own box.
//!
//! `demo` shows the whole house on sixty calls; `calls` measures a switch under
//! load; `bench` measures one of its own, `outward` calls out of one, `signaling` its signalling alone;
//! `kill` ends the call process of one of its own while people talk, `threats` does to one what
//! strangers and thieves do, `runaway` asks one questions that never end, `stores` takes its databases
//! away, and `soak` lets call follow call until what it does not give back is seen.

/// That of the program: `signaling` runs a part of it.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

mod api;
mod bench;
mod calls;
mod demo;
mod field;
mod kill;
mod load;
mod outward;
mod own;
mod runaway;
mod script;
mod server;
mod signaling;
mod sip;
mod soak;
#[cfg(feature = "store")]
mod stores;
mod threats;

use clap::{Parser, Subcommand};
use std::process::ExitCode;

/// Load generator and demonstration for Switchgrid.
#[derive(Parser)]
#[command(name = "switchgrid-load", version, about, max_term_width = 100)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Start a switch and show sixty calls, twelve orders and three reports.
    Demo(demo::Arguments),
    /// Place many calls at a time and measure.
    Calls(calls::Arguments),
    /// Start a switch with as many agents as calls and measure it against its limits.
    Bench(bench::Arguments),
    /// Hold as many recorded calls of its agents to a carrier as sixteen E1 lines carry.
    Outward(outward::Arguments),
    /// Kill the call process of a switch in the middle of conversations and measure what is lost.
    Kill(kill::Arguments),
    /// Flood a switch, rob one of its extensions, and end it while people talk.
    Threats(threats::Arguments),
    /// Let calls and followers of events come and go, and see what a switch does not give back.
    Soak(soak::Arguments),
    /// Ask a switch questions that never end while people talk, and measure what they notice.
    Runaway(runaway::Arguments),
    /// Hold the databases of a switch, or take them away, while people talk and orders are written.
    #[cfg(feature = "store")]
    Stores(stores::Arguments),
    /// Measure what the signalling of a call and of a registration costs, beside kamailio.
    Signaling(signaling::Arguments),
    /// The switch of `signaling`, in a process of its own.
    #[command(hide = true)]
    SignalingSide(signaling::SideArguments),
}

fn main() -> ExitCode {
    let result = match Arguments::parse().command {
        Command::Demo(arguments) => demo::run(&arguments),
        Command::Calls(arguments) => calls::run(&arguments),
        Command::Bench(arguments) => bench::run(&arguments),
        Command::Outward(arguments) => outward::run(&arguments),
        Command::Kill(arguments) => kill::run(&arguments),
        Command::Threats(arguments) => threats::run(&arguments),
        Command::Soak(arguments) => soak::run(&arguments),
        Command::Runaway(arguments) => runaway::run(&arguments),
        #[cfg(feature = "store")]
        Command::Stores(arguments) => stores::run(&arguments),
        Command::Signaling(arguments) => signaling::run(&arguments),
        Command::SignalingSide(arguments) => signaling::side(&arguments),
    };
    match result {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => {
            eprintln!("switchgrid-load: the figures above are not what they should be");
            ExitCode::FAILURE
        }
        Err(error) => {
            eprintln!("switchgrid-load: {error:#}");
            ExitCode::FAILURE
        }
    }
}
