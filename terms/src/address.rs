//! Street addresses, as far as finding what belongs to one takes: the longest beginning, or else the
//! longest word in it.
//!
//! # How two addresses are compared
//! Without spaces and commas, full-width forms as their usual ones, and without regard to case: people
//! write `花园路１２号` and `花园路 12号` for one house.

use std::collections::HashMap;

/// Longest word or beginning of an address, in characters.
pub const ADDRESS_PART_CHARS_MAX: usize = 60;
/// Characters of an address that are looked at.
const ADDRESS_CHARS_MAX: usize = 400;

/// An address as it is compared.
pub fn normal(address: &str) -> String {
    let usual = |c: char| match c {
        '\u{ff01}'..='\u{ff5e}' => char::from_u32(u32::from(c) - 0xfee0).unwrap_or(c),
        other => other,
    };
    let kept = address.chars().map(usual).filter(|c| !c.is_whitespace() && !",、，。".contains(*c));
    kept.flat_map(char::to_lowercase).take(ADDRESS_CHARS_MAX).collect()
}

/// What belongs to addresses, by patterns: a whole address, one with `*` behind it for every address
/// that begins so, one between two `*` for every address with it anywhere.
#[derive(Clone, Debug)]
pub struct Addresses<T> {
    whole: HashMap<String, T>,
    beginnings: HashMap<String, T>,
    words: HashMap<String, T>,
    /// Characters of the longest word.
    longest: usize,
}

impl<T> Default for Addresses<T> {
    fn default() -> Self {
        Addresses {
            whole: HashMap::new(),
            beginnings: HashMap::new(),
            words: HashMap::new(),
            longest: 0,
        }
    }
}

impl<T> FromIterator<(String, T)> for Addresses<T> {
    fn from_iter<I: IntoIterator<Item = (String, T)>>(patterns: I) -> Self {
        let mut all = Addresses::default();
        for (pattern, of) in patterns {
            let behind = pattern.strip_suffix('*');
            match (behind.and_then(|part| part.strip_prefix('*')), behind) {
                (Some(word), _) => {
                    let word = normal(word);
                    all.longest = all.longest.max(word.chars().count());
                    all.words.insert(word, of);
                }
                (None, Some(beginning)) => {
                    all.beginnings.insert(normal(beginning), of);
                }
                (None, None) => {
                    all.whole.insert(normal(&pattern), of);
                }
            }
        }
        all
    }
}

impl<T> Addresses<T> {
    /// What belongs to an address: the whole one before the longest beginning, that before the longest
    /// word; of words of one length the last.
    pub fn find(&self, address: &str) -> Option<&T> {
        let address = normal(address);
        if address.is_empty() {
            return None;
        }
        let ends: Vec<usize> = address.char_indices().map(|(at, c)| at + c.len_utf8()).collect();
        let beginning = || ends.iter().rev().find_map(|&end| self.beginnings.get(&address[..end]));
        self.whole.get(&address).or_else(beginning).or_else(|| self.word(&address, &ends))
    }

    fn word(&self, address: &str, ends: &[usize]) -> Option<&T> {
        let start = |place: usize| place.checked_sub(1).map_or(0, |before| ends[before]);
        let lengths = (1..=self.longest.min(ends.len())).rev();
        lengths
            .flat_map(|length| (0..=ends.len() - length).rev().map(move |at| (at, length)))
            .find_map(|(at, length)| self.words.get(&address[start(at)..ends[at + length - 1]]))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table() -> Addresses<u8> {
        [
            ("广州市越秀区*", 1),
            ("广州市越秀区花园路*", 2),
            ("广州市越秀区花园路 7 号", 3),
            ("*翠湖*", 4),
            ("*翠湖山庄*", 5),
            ("*南苑*", 6),
            ("12 Baker Street*", 7),
        ]
        .into_iter()
        .map(|(pattern, of)| (pattern.to_owned(), of))
        .collect()
    }

    #[test]
    fn the_whole_address_comes_before_the_longest_beginning_and_that_before_the_longest_word() {
        for (address, of) in [
            ("广州市越秀区中山路1号", Some(1)),
            ("广州市越秀区花园路12号", Some(2)),
            ("广州市越秀区花园路 7号", Some(3)),
            ("广州市越秀区花园路７号", Some(3)),
            ("广州市越秀区花园路7号翠湖山庄", Some(2)),
            ("深圳市翠湖山庄3栋", Some(5)),
            ("深圳市翠湖3栋", Some(4)),
            ("深圳市南苑翠湖", Some(4)),
            ("深圳市翠湖南苑", Some(6)),
            ("12, baker street", Some(7)),
            ("深圳市", None),
            ("", None),
            (" ，", None),
        ] {
            assert_eq!(table().find(address).copied(), of, "{address}");
        }
    }

    #[test]
    fn whatever_the_address_it_is_looked_up_in_bounds() {
        let long = "翠".repeat(10_000);
        assert_eq!(table().find(&long), None);
        assert_eq!(Addresses::<u8>::default().find("广州"), None);
    }
}
