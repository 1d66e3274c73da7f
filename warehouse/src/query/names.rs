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

/// Edits from one to the other, two letters in the wrong order counted once (optimal string
/// alignment).
fn distance(a: &str, b: &str) -> usize {
    let (a, b): (Vec<char>, Vec<char>) = (a.chars().collect(), b.chars().collect());
    let mut before: Vec<usize> = Vec::new();
    let mut last: Vec<usize> = (0..=b.len()).collect();
    for i in 0..a.len() {
        let mut row = vec![i + 1];
        for j in 0..b.len() {
            let replaced = last[j] + usize::from(a[i] != b[j]);
            let mut least = replaced.min(last[j + 1] + 1).min(row[j] + 1);
            if i > 0 && j > 0 && a[i] == b[j - 1] && a[i - 1] == b[j] {
                least = least.min(before[j - 1] + 1);
            }
            row.push(least);
        }
        before = std::mem::replace(&mut last, row);
    }
    last[b.len()]
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
        assert_eq!(nearest("coutn", ["cot", "count", "round"])[0], "count");
        assert!(nearest("zzzzzzzz", names).is_empty());
    }
}
