//! Sealed files with rows that the database never numbered: one of before was put back from a copy.
//! They lie aside as what they would be published as, but for those whose rows others have: published
//! ones, or sealed ones that they were merged into.

use super::doubled::{Key, keys_of};
use super::{Known, known};
use crate::schema::layout_of;
use crate::{Error, aside, file, publish};
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

/// Puts such files aside: their rows come behind the staged one `last`, and the manifest names others.
///
/// # Errors
/// See [`Error`]; it can be done again.
pub fn set_aside(dir: &Path, named: &BTreeSet<String>, last: i64) -> Result<(), Error> {
    let files = known(dir, Vec::new())?;
    let is_left =
        |known: &Known| known.hash.is_none() && known.seqs.1 > last && !named.contains(&known.path);
    let day = |known: &Known| (known.table, known.day.clone());
    let days: BTreeSet<(&str, String)> =
        files.iter().filter(|known| is_left(known)).map(day).collect();
    let mut there: BTreeMap<(&str, String), BTreeSet<Key>> = BTreeMap::new();
    // Published ones come first, and those that others were merged into before these.
    for known in files.iter().filter(|known| days.contains(&day(known))) {
        let there = there.entry(day(known)).or_default();
        match keys_of(layout_of(known.table), &dir.join(&known.path)) {
            Ok(keys) => {
                if is_left(known) && !keys.iter().all(|key| there.contains(key)) {
                    as_published(dir, known)?;
                }
                there.extend(keys);
            }
            Err(error) if is_left(known) => {
                tracing::error!(%error, "cannot be read");
                aside::take(dir, &known.path)?;
            }
            Err(_) => {}
        }
    }
    Ok(())
}

fn as_published(dir: &Path, known: &Known) -> Result<(), Error> {
    let (sha256, _) = file::digest(&dir.join(&known.path))?;
    let name = publish::path_with((known.table, &known.day), known.seqs, &sha256);
    aside::take_as(dir, &known.path, &name)
}
