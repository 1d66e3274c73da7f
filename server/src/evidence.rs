//! Evidence packs: everything that is known of one call in one signed zip, and the verifier that
//! needs neither this box nor a network (docs/formats/evidence.md).
//!
//! - **What is in it cannot be changed unseen.** The manifest names the SHA-256 of every file, and is
//!   signed with Ed25519 (RFC 8032) under the key of the box.
//! - **What happened is a chain.** Events, steps of orders and rows of the audit table stand in order
//!   of time, and each carries the hash of the one before it: the verifier names the entry that was
//!   changed, taken out or put in.
//! - **What is missing is said.** A recording that was deleted or cannot be read stands in the
//!   manifest with the reason.

mod chain;
mod facts;
mod key;
mod pack;
#[cfg(test)]
mod tests;
mod verify;

pub use facts::{Facts, gather};
pub use key::SigningKey;
pub use pack::{Audio, write};
pub use verify::{Fault, NotAPack, Verdict, verify};

use serde::{Deserialize, Serialize};
use terms::{CallId, RecordingId, TenantId};

/// Recordings of one call that a pack takes.
pub const RECORDINGS_MAX: usize = 1_000;

/// What a manifest says it is.
const FORMAT: &str = "switchgrid-evidence";
/// Version of the format that is written, and the newest that is read.
const VERSION: u32 = 1;

const CALL: &str = "call.json";
const ORDERS: &str = "orders.json";
const CHAIN: &str = "chain.txt";
const MANIFEST: &str = "manifest.json";
const SIGNATURE: &str = "manifest.sig";

/// What a pack holds, and who says so.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Manifest {
    format: String,
    version: u32,
    /// The program that made it.
    program: String,
    tenant: TenantId,
    organisation: String,
    call: CallId,
    made_at: String,
    made_by: String,
    /// In the order of the zip.
    files: Vec<Listed>,
    /// Recordings that are known and not in it.
    missing: Vec<Missing>,
    chain: chain::Chain,
    /// The public key, 32 octets in hex.
    key: String,
}

/// One file.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Listed {
    name: String,
    bytes: u64,
    sha256: String,
}

/// A recording without its file.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Missing {
    recording: RecordingId,
    why: String,
}

/// Why a pack cannot be made.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The business store.
    #[error(transparent)]
    Store(#[from] desk::Error),
    /// The warehouse.
    #[error(transparent)]
    Sql(#[from] warehouse::SqlError),
    /// A call of hours in a conference, or somebody who fills the store.
    #[error("This call has more than {most} rows of {of}; a pack takes no more.")]
    TooMany {
        /// How many a pack takes.
        most: usize,
        /// Of which table.
        of: &'static str,
    },
}
