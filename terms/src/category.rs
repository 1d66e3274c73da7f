//! What kind of line a call comes from, as the telephone network says it.

use serde::{Deserialize, Serialize};

/// The calling party's category: `cpc` of a number (3GPP TS 24.229 §7.2A.12), which a gateway takes from
/// ISUP (ITU-T Q.763 §3.11).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Category {
    /// An ordinary subscriber.
    Ordinary,
    /// A test call.
    Test,
    /// An operator.
    Operator,
    /// A payphone.
    Payphone,
    /// A mobile phone in its own network.
    MobileHplmn,
    /// A mobile phone in another network.
    MobileVplmn,
    /// An emergency service.
    Emergency,
    /// The network does not know, or says it in a word of its own.
    Unknown,
}

impl Category {
    const ALL: [Category; 8] = [
        Category::Ordinary,
        Category::Test,
        Category::Operator,
        Category::Payphone,
        Category::MobileHplmn,
        Category::MobileVplmn,
        Category::Emergency,
        Category::Unknown,
    ];

    /// The word of the network.
    pub const fn text(self) -> &'static str {
        match self {
            Category::Ordinary => "ordinary",
            Category::Test => "test",
            Category::Operator => "operator",
            Category::Payphone => "payphone",
            Category::MobileHplmn => "mobile-hplmn",
            Category::MobileVplmn => "mobile-vplmn",
            Category::Emergency => "emergency",
            Category::Unknown => "unknown",
        }
    }

    /// The category of a word; one that nobody has defined is [`Category::Unknown`].
    pub fn of(word: &str) -> Self {
        let is_it = |category: &Category| category.text().eq_ignore_ascii_case(word);
        Category::ALL.into_iter().find(is_it).unwrap_or(Category::Unknown)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_category_is_read_as_it_is_written_and_a_word_of_ones_own_is_unknown() {
        for category in Category::ALL {
            assert_eq!(Category::of(&category.text().to_uppercase()), category);
            let written = serde_json::to_string(&category).unwrap();
            assert_eq!(written, format!("\"{}\"", category.text()));
        }
        for word in ["", "cell", "payphone2"] {
            assert_eq!(Category::of(word), Category::Unknown, "{word}");
        }
    }
}
