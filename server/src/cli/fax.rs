//! `switchgrid fax`: one fax, in a process that holds nothing else. It speaks as
//! [`mediacore::edge::fax::process`] says.

use clap::ValueEnum;
use mediacore::edge::fax::process::{self, Task};
use mediacore::edge::fax::spandsp;
use std::path::PathBuf;
use std::process::ExitCode;

/// What it is started for.
#[derive(clap::Args)]
pub struct Arguments {
    /// Which way, or only whether it could.
    what: What,
    /// The document.
    #[arg(required_if_eq_any([("what", "send"), ("what", "receive")]))]
    file: Option<PathBuf>,
    /// What the other machine shows of us.
    #[arg(long, default_value = "")]
    station: String,
    /// Without error correction.
    #[arg(long)]
    plain: bool,
}

#[derive(Clone, Copy, ValueEnum)]
enum What {
    /// Send the document.
    Send,
    /// Receive it.
    Receive,
    /// Say what is missing, if anything is.
    Check,
}

/// Runs it.
///
/// # Errors
/// When the system does not limit it, or nobody listens.
pub fn run(arguments: &Arguments) -> Result<ExitCode, anyhow::Error> {
    process::confine()?;
    let sends = match arguments.what {
        What::Send => true,
        What::Receive => false,
        What::Check => {
            let missing = spandsp::check().err();
            missing.iter().for_each(|text| println!("{text}"));
            return Ok(ExitCode::from(u8::from(missing.is_some())));
        }
    };
    let task = Task {
        sends,
        file: arguments.file.clone().unwrap_or_default(),
        station: arguments.station.clone(),
        ecm: !arguments.plain,
    };
    process::serve(&task, std::io::stdin().lock(), std::io::stdout().lock())?;
    Ok(ExitCode::SUCCESS)
}
