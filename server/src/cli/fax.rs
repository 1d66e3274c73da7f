//! `switchgrid fax`: one fax, in a process that holds nothing else. It speaks as
//! [`mediacore::edge::fax::process`] says. Or one PDF that is drawn for a fax.

use crate::fax::drawing;
use clap::ValueEnum;
use mediacore::edge::fax::{confine, process, spandsp};
use std::path::Path;
use std::process::ExitCode;

/// What it is started for.
#[derive(clap::Args)]
pub struct Arguments {
    /// A fax, or only whether one could be sent and received.
    what: What,
}

#[derive(Clone, Copy, ValueEnum)]
enum What {
    /// A fax.
    Run,
    /// Say what is missing, if anything is.
    Check,
    /// Draw a PDF.
    Draw,
}

/// Ended with this, it says on its output why a PDF is not drawn.
pub const REFUSED: u8 = 3;

/// Runs it.
///
/// # Errors
/// When the system does not limit it, it is not told what for, or nobody listens.
pub fn run(arguments: &Arguments) -> Result<ExitCode, anyhow::Error> {
    if matches!(arguments.what, What::Draw) {
        confine::confine(Path::new("."))?;
        let is_drawn = drawing::serve(std::io::stdin().lock(), std::io::stdout().lock())?;
        return Ok(ExitCode::from(if is_drawn { 0 } else { REFUSED }));
    }
    // The library is many files of the system: they are opened before the walls are up. What is
    // missing is said by the fax.
    let missing = spandsp::check().err();
    confine::confine(Path::new("."))?;
    match arguments.what {
        What::Run => {
            process::serve(std::io::stdin().lock(), std::io::stdout().lock())?;
            Ok(ExitCode::SUCCESS)
        }
        What::Check => {
            missing.iter().for_each(|text| println!("{text}"));
            Ok(ExitCode::from(u8::from(missing.is_some())))
        }
        What::Draw => unreachable!("this is handled above"),
    }
}
