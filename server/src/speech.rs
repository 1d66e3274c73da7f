//! Who speaks the texts of flows, by the configuration: `calls` makes the speech, `api` refuses a
//! flow that says what cannot be said.

use crate::config::Config;
use crate::config::value::Speech;
use mediacore::edge::speech::{Cache, Espeak};
use mediacore::speech::Engine;

/// The engine and the folder of what it made, or why there is none.
///
/// # Errors
/// A sentence that says what to install or to configure.
pub fn engine(config: &Config) -> Result<(Box<dyn Engine>, Cache), String> {
    let engine = find(config)?;
    let folder = config.server.data.join("speech");
    let cache = Cache::open(&folder, config.rtp.speech_bytes_max.0)
        .map_err(|error| format!("open {}: {error}", folder.display()))?;
    Ok((Box::new(engine), cache))
}

/// What speaks, for who keeps what it made by themselves.
///
/// # Errors
/// As [`engine`].
pub fn bare_engine(config: &Config) -> Result<Box<dyn Engine>, String> {
    Ok(Box::new(find(config)?))
}

/// Why texts cannot be spoken; `None` when they can.
pub fn speechless(config: &Config) -> Option<String> {
    find(config).err()
}

fn find(config: &Config) -> Result<Espeak, String> {
    match config.rtp.speech {
        Speech::EspeakNg => Espeak::find(),
        Speech::Nothing => Err("rtp.speech is none; set it to espeak-ng".to_owned()),
    }
}
