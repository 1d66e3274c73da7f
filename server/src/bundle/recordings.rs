//! A set of recordings as one zip: `<yyyy-mm-dd>/<recording>.<form>`, `index.csv` with a line for
//! each, and the hashes. A recording whose file is missing has its line all the same, with the reason
//! in it.

use super::{Added, Bundle};
use std::fmt::Write as _;
use std::io::{self, Read, Write};
use terms::record::Recording;

/// Name of the list.
pub const INDEX: &str = "index.csv";

const HEAD: &str = "recording,call,contact,started_at,duration_ms,kind,state,caller,agent,queue,\
                    file,bytes,sha256,stored_sha256,problem\r\n";

/// A set that is being written.
pub struct Set<W: Write> {
    bundle: Bundle<W>,
    index: String,
}

impl<W: Write> Set<W> {
    /// An empty set that goes to `to`.
    pub fn new(to: W) -> Self {
        Set { bundle: Bundle::new(to), index: HEAD.to_owned() }
    }

    /// Adds a recording with its file, in clear, in the form with this extension. `stored` is the hash
    /// of the file that is kept, where it is known: what is added may say besides who fetched it.
    ///
    /// # Errors
    /// What reading or writing says; the set is no good then.
    pub fn add(
        &mut self,
        of: &Recording,
        extension: &str,
        (bytes, from): (u64, &mut dyn Read),
        stored: Option<&str>,
    ) -> io::Result<()> {
        let file = format!("{}/{}.{extension}", of.started_at.day_text(), of.recording_id);
        let added = self.bundle.add(&file, bytes, from)?;
        self.line(of, &file, Some((&added, stored.unwrap_or_default())), "");
        Ok(())
    }

    /// Notes a recording whose file could not be had.
    pub fn note_missing(&mut self, of: &Recording, why: &str) {
        self.line(of, "", None, why);
    }

    /// Writes what is left.
    ///
    /// # Errors
    /// What writing says.
    pub fn finish(mut self) -> io::Result<()> {
        self.bundle.add_bytes(INDEX, self.index.as_bytes())?;
        self.bundle.finish()
    }

    fn line(&mut self, of: &Recording, file: &str, added: Option<(&Added, &str)>, problem: &str) {
        let id = |id: Option<u64>| id.map(|id| id.to_string()).unwrap_or_default();
        writeln!(
            self.index,
            "{},{},{},{},{},{},{},{},{},{},{file},{},{},{},{}\r",
            of.recording_id,
            of.call_id,
            of.contact_id,
            of.started_at,
            of.duration_ms,
            of.kind,
            of.state,
            cell(&of.caller),
            id(of.agent_id.map(|agent| agent.0)),
            id(of.queue_id.map(|queue| queue.0)),
            id(added.map(|(added, _)| added.bytes)),
            added.map_or("", |(added, _)| &added.sha256),
            added.map_or("", |(_, stored)| stored),
            cell(problem),
        )
        .expect("a string takes text");
    }
}

/// A text of others as a cell: quoted (RFC 4180 §2), and never a formula of a spreadsheet, which a
/// number with its `+` would be.
fn cell(text: &str) -> String {
    let text: String = text.chars().filter(|c| !c.is_control()).collect();
    let mark = if warehouse::answer::is_formula(&text) { "'" } else { "" };
    match text.is_empty() {
        true => text,
        false => format!("\"{mark}{}\"", text.replace('"', "\"\"")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cell_is_no_formula_and_no_second_line() {
        assert_eq!(cell("+8613800138000"), "\"'+8613800138000\"");
        assert_eq!(cell("=A1\r\n"), "\"'=A1\"");
        assert_eq!(cell("\t =A1"), "\"' =A1\"");
        assert_eq!(cell("＝A1"), "\"'＝A1\"", "of a Chinese keyboard");
        assert_eq!(cell("a \"b\", c"), "\"a \"\"b\"\", c\"");
        assert_eq!(cell(""), "");
    }
}
