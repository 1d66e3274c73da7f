//! An MP3 or Opus file against itself and the length of its recording.

use super::Fault;
use crate::edge::keys::Keys;
use crate::edge::rendering::Rendering;
use crate::encode::Encoding;
use crate::{mp3, ogg_opus};
use std::fs::File;
use std::io::{self, BufReader};
use std::path::Path;

/// LAME resamples wideband at low bit rates and rounds.
const SLACK_MS: i64 = 1;

/// Reads all of a file, in clear or sealed; `None` when it is whole and as long as one of
/// `lengths_ms` says. An empty list takes every length.
pub fn check_encoded(
    path: &Path,
    encoding: Encoding,
    lengths_ms: &[i64],
    keys: Option<&Keys>,
) -> Option<Fault> {
    let looked = (|| {
        let open = match File::open(path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                return Ok(Some(Fault::Missing));
            }
            open => open?,
        };
        let mut clear = BufReader::new(Rendering::open(open, keys.map(|keys| &*keys.ring))?);
        let found = match encoding {
            Encoding::Mp3 => mp3::check(&mut clear)?,
            Encoding::Opus => ogg_opus::check(&mut clear)?,
        };
        Ok(match found {
            Err(damage) => Some(Fault::Encoded(damage)),
            Ok(length) => {
                let allowed = length.start() - SLACK_MS..=length.end() + SLACK_MS;
                match lengths_ms.first() {
                    Some(&expected) if !lengths_ms.iter().any(|ms| allowed.contains(ms)) => {
                        Some(Fault::Duration { there: *length.end(), expected })
                    }
                    _ => None,
                }
            }
        })
    })();
    looked.unwrap_or_else(|error: io::Error| match error.kind() {
        // A chunk or the header of a sealed one is not what was written.
        io::ErrorKind::InvalidData => Some(Fault::Changed),
        _ => Some(Fault::Unreadable(error.to_string())),
    })
}
