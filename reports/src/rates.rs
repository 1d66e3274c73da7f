//! What an hour of an agent and a minute of a trunk cost, in whole hundredths of a currency.

/// The rates of a tenant.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Rates {
    /// An hour of an agent who is signed in.
    pub agent_hour: u32,
    /// A minute of a call that came in.
    pub inbound_minute: u32,
    /// A minute of a call that went out to a number that begins like none of `prefixes`.
    pub outbound_minute: u32,
    /// Minutes to numbers by their beginning; the longest that fits holds.
    pub prefixes: Vec<(String, u32)>,
}

/// Beginnings that a line of a report names.
const NAMED_MAX: usize = 8;

impl Rates {
    /// The prefixes, those first that hold before others.
    pub(crate) fn longest_first(&self) -> Vec<&(String, u32)> {
        let mut prefixes: Vec<&(String, u32)> = self.prefixes.iter().collect();
        prefixes.sort_by_key(|(prefix, _)| std::cmp::Reverse(prefix.len()));
        prefixes
    }

    /// `+8610 0.12, +86 0.20, * 0.30`: what minutes of calls that went out cost.
    pub(crate) fn outbound_text(&self) -> String {
        let prefixes = self.longest_first();
        let named = prefixes.iter().take(NAMED_MAX);
        let mut parts: Vec<String> =
            named.map(|(prefix, minute)| format!("{prefix} {}", amount(*minute))).collect();
        if prefixes.len() > NAMED_MAX {
            parts.push("…".to_owned());
        }
        parts.push(format!("* {}", amount(self.outbound_minute)));
        parts.join(", ")
    }
}

/// `12.05`.
pub(crate) fn amount(hundredths: u32) -> String {
    format!("{}.{:02}", hundredths / 100, hundredths % 100)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rates_are_told_as_they_hold() {
        let prefixes = vec![("+86".to_owned(), 20), ("+8610".to_owned(), 5)];
        let rates = Rates { prefixes, outbound_minute: 130, ..Rates::default() };
        assert_eq!(rates.outbound_text(), "+8610 0.05, +86 0.20, * 1.30");
        let many = (0..20).map(|n| (format!("+{n:03}"), 1)).collect();
        let told = Rates { prefixes: many, ..Rates::default() }.outbound_text();
        assert_eq!(told.matches(", ").count(), NAMED_MAX + 1);
        assert!(told.ends_with("…, * 0.00"), "{told}");
    }
}
