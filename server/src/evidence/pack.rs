//! A pack is written in one go, audio included, so that it can be sent while it is made: the manifest
//! comes last, when the hash of everything before it is known.

use super::chain;
use super::{CALL, CHAIN, FORMAT, Facts, Listed, MANIFEST, Manifest, Missing, ORDERS, SIGNATURE};
use super::{SigningKey, VERSION};
use crate::bundle::{Added, Bundle};
use mediacore::edge::rendering::Rendering;
use std::io::{self, Write};
use terms::RecordingId;

/// A recording of the call.
pub struct Audio {
    /// Which.
    pub recording: RecordingId,
    /// Its file in clear, or why there is none.
    pub file: Result<Rendering, String>,
}

/// Writes the pack of `facts`, signed with `key`.
///
/// # Errors
/// What reading or writing says. What was written until then has no manifest and is no pack.
pub fn write(to: impl Write, facts: &Facts, audio: Vec<Audio>, key: &SigningKey) -> io::Result<()> {
    let mut bundle = Bundle::new(to);
    let (chain_text, chain) = chain::link(facts.entries.iter().map(String::as_str));
    let (mut files, mut missing) = (Vec::new(), Vec::new());
    for (name, bytes) in [
        (CALL, serde_json::to_vec_pretty(&facts.records)?),
        (ORDERS, serde_json::to_vec_pretty(&facts.orders)?),
        (CHAIN, chain_text.into_bytes()),
    ] {
        let added = bundle.add_bytes(name, &bytes)?;
        files.push(listed(name.to_owned(), added));
    }
    for Audio { recording, file } in audio {
        match file {
            Ok(mut rendering) => {
                let name = format!("audio/{recording}.wav");
                let added = bundle.add(&name, rendering.clear_bytes(), &mut rendering)?;
                files.push(listed(name, added));
            }
            Err(why) => missing.push(Missing { recording, why }),
        }
    }
    let manifest = Manifest {
        format: FORMAT.to_owned(),
        version: VERSION,
        program: format!("switchgrid {}", env!("CARGO_PKG_VERSION")),
        tenant: facts.tenant,
        organisation: facts.organisation.clone(),
        call: facts.call,
        made_at: facts.made_at.to_string(),
        made_by: facts.made_by.clone(),
        files,
        missing,
        chain,
        key: key.public(),
    };
    let manifest = serde_json::to_vec_pretty(&manifest)?;
    bundle.add_bytes(MANIFEST, &manifest)?;
    bundle.add_bytes(SIGNATURE, &key.sign(&manifest))?;
    bundle.finish()
}

fn listed(name: String, Added { bytes, sha256 }: Added) -> Listed {
    Listed { name, bytes, sha256 }
}
