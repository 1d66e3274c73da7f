//! Fax machines of the box: the program starts itself once for each fax (`switchgrid fax`), and what
//! is sent and received lies in a folder of the data.

pub mod drawing;
mod pdf;
mod t6;

pub use pdf::pdf;

use crate::config::Config;
use crate::own;
use mediacore::edge::fax;
use std::io;
use std::path::{Path, PathBuf};
use terms::{FaxId, TenantId};

/// What the program is told first.
pub(crate) const COMMAND: &str = "fax";

/// Where faxes lie, and documents that can be sent.
pub fn folder(config: &Config) -> PathBuf {
    config.server.data.join("faxes")
}

/// The faxes of a tenant that lie here, in no order.
///
/// # Errors
/// When the folder cannot be read.
pub fn received(faxes: &Path, tenant: TenantId) -> io::Result<Vec<FaxId>> {
    let entries = match faxes.join(tenant.to_string()).read_dir() {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        other => other?,
    };
    let mut found = Vec::new();
    for entry in entries {
        let name = entry?.file_name();
        let name = name.to_str().and_then(|name| name.strip_suffix(".tif"));
        // Only under the name that it would be asked for by.
        let id =
            name.and_then(|name| name.parse::<FaxId>().ok().filter(|id| id.to_string() == name));
        found.extend(id);
    }
    Ok(found)
}

/// For the media cores. What sessions of before had in their hands is cleared away.
pub fn machines(config: &Config) -> fax::Config {
    let folder = folder(config);
    let left = std::fs::remove_dir_all(folder.join("part"));
    if let Err(error) = left
        && error.kind() != io::ErrorKind::NotFound
    {
        tracing::warn!(%error, "what faxes of before left stays");
    }
    let launch = fax::program(PathBuf::from(own::PROGRAM), vec![COMMAND.to_owned()]);
    fax::Config { launch, folder, faxes_max: config.rtp.faxes_max as usize }
}

/// Why no fax can be sent or received; `None` when one can.
pub fn faxless() -> Option<String> {
    fax::probe(Path::new(own::PROGRAM), &[COMMAND.to_owned()]).err()
}
