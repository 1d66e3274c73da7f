//! The chain of what happened: one entry a line, `<hash> <body>`. The hash is the SHA-256 of the hash
//! before it (64 zeros before the first) and the body, as text. So a line that was changed does not
//! fit its own hash, and where a line was taken out or put in, the next does not fit the one before.

use desk::secret::hex;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::fmt::Write;

/// The hash before the first entry.
const START: &str = "0000000000000000000000000000000000000000000000000000000000000000";

/// How a chain ends.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Chain {
    /// Its entries.
    pub entries: u64,
    /// The hash of the last one.
    pub head: String,
}

/// Links bodies, each on one line.
pub(super) fn link<'a>(bodies: impl IntoIterator<Item = &'a str>) -> (String, Chain) {
    let mut text = String::new();
    let mut chain = Chain { entries: 0, head: START.to_owned() };
    for body in bodies {
        chain.head = hash(&chain.head, body);
        chain.entries += 1;
        writeln!(text, "{} {body}", chain.head).expect("a string takes text");
    }
    (text, chain)
}

/// Follows a chain; the number of the first entry, from 1, that does not fit.
pub(super) fn follow(text: &str) -> Result<Chain, u64> {
    let mut chain = Chain { entries: 0, head: START.to_owned() };
    for line in text.split_inclusive('\n') {
        chain.entries += 1;
        let fits = line
            .strip_suffix('\n')
            .and_then(|line| line.split_once(' '))
            .filter(|(told, body)| *told == hash(&chain.head, body));
        let (head, _) = fits.ok_or(chain.entries)?;
        chain.head = head.to_owned();
    }
    Ok(chain)
}

fn hash(previous: &str, body: &str) -> String {
    let mut hash = Sha256::new();
    hash.update(previous.as_bytes());
    hash.update(body.as_bytes());
    hex(&hash.finalize())
}

#[cfg(test)]
mod tests {
    use super::*;

    const BODIES: [&str; 3] = ["{\"n\":1}", "{\"n\":2}", "{\"n\":3}"];

    /// Made by another program: `printf '%064d{"n":1}' 0 | sha256sum`.
    #[test]
    fn a_hash_is_what_sha256sum_says_of_the_one_before_and_the_body() {
        let known = "d72c261cbe5387f5a686148bff2fa3118def7c3600e28933ef12e5c91dbe76af";
        assert_eq!(link(["{\"n\":1}"]).0, format!("{known} {{\"n\":1}}\n"));
    }

    #[test]
    fn a_chain_that_was_touched_breaks_where_it_was() {
        let (text, chain) = link(BODIES);
        assert_eq!(follow(&text), Ok(chain));
        assert_eq!(follow(&text.replace("\"n\":2", "\"n\":7")), Err(2));
        let lines: Vec<&str> = text.split_inclusive('\n').collect();
        assert_eq!(follow(&[lines[0], lines[2]].concat()), Err(2), "taken out");
        assert_eq!(follow(&[lines[0], lines[0], lines[1]].concat()), Err(2), "put in");
        assert_eq!(follow(&[lines[1], lines[0]].concat()), Err(1), "moved");
        assert_eq!(follow(text.trim_end()), Err(3), "cut");
        // What is missing at the end is seen by the head alone, which the manifest has.
        assert_ne!(follow(&[lines[0], lines[1]].concat()).unwrap(), follow(&text).unwrap());
    }
}
