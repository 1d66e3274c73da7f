//! Names that look like a word: what was probably meant.

/// At most this many are offered.
const OFFERED_MAX: usize = 3;

/// The names nearest to `word`, best first; none when all are far away.
pub fn nearest<'a>(word: &str, names: impl IntoIterator<Item = &'a str>) -> Vec<String> {
    let word = word.to_lowercase();
    let far = word.chars().count().div_ceil(3).max(2);
    let mut near: Vec<(usize, &str)> = names
        .into_iter()
        .map(|name| (distance(&word, name), name))
        .filter(|(distance, name)| *distance <= far || name.contains(&word) && word.len() > 2)
        .collect();
    near.sort();
    near.dedup();
    near.into_iter().take(OFFERED_MAX).map(|(_, name)| name.to_owned()).collect()
}

/// Edits from one to the other (Levenshtein), one row of the table at a time.
fn distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, from) in a.chars().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, to) in b.iter().enumerate() {
            let replaced = diagonal + usize::from(from != *to);
            diagonal = row[j + 1];
            row[j + 1] = replaced.min(diagonal + 1).min(row[j] + 1);
        }
    }
    row[b.len()]
}

#[cfg(test)]
mod tests {
    use super::nearest;

    #[test]
    fn a_slip_of_the_finger_is_understood() {
        let names = ["calls", "legs", "queue_visits", "agent_spans"];
        assert_eq!(nearest("call", names), ["calls"]);
        assert_eq!(nearest("QUEUE_VISIT", names), ["queue_visits"]);
        assert_eq!(nearest("visits", names), ["queue_visits"]);
        assert!(nearest("zzzzzzzz", names).is_empty());
    }
}
