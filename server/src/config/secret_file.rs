//! A secret in a file of its own, so that the configuration may be read by people who may not know it.
//! Promise: no message has anything of what stands in the file.

use super::value::Secret;
use super::{Error, refused};
use std::path::Path;

/// What stands in `file`, which the key names, without blanks and line ends around it.
///
/// # Errors
/// [`Error::Refused`] for a file that cannot be read or is empty.
pub(super) fn read(key: &str, file: &Path) -> Result<Secret, Error> {
    match std::fs::read_to_string(file) {
        Ok(text) if text.trim().is_empty() => {
            let problem = format!("{} is empty; write the secret into it", file.display());
            refused(key, problem)
        }
        Ok(text) => Ok(Secret::new(text.trim())),
        Err(error) => {
            let problem = format!(
                "{} cannot be read ({error}); name a file that holds the secret",
                file.display()
            );
            refused(key, problem)
        }
    }
}
