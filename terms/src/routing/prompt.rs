//! Prompts of a tenant's own, as the call path needs them: what they are called, and which files.

use serde::{Deserialize, Serialize};

/// Letters of a language tag, at most.
const LANGUAGE_CHARS_MAX: usize = 16;
/// The first part of names that have no language: music.
pub const NO_LANGUAGE: &str = "music";

/// A prompt of a tenant's own. It is heard in place of the box's of the same name.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct OwnPrompt {
    /// Such as `zh-CN/welcome`, or `music/wait`.
    pub name: String,
    /// SHA-256 of the file in hex, which is also what the file is called: another content is another
    /// file, so a plan and what it names cannot part.
    pub sha256: String,
}

impl OwnPrompt {
    /// The file's name, where it can be one.
    pub fn file(&self) -> Option<&str> {
        let is_hex = |byte: u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte);
        (self.sha256.len() == 64 && self.sha256.bytes().all(is_hex)).then_some(&self.sha256)
    }
}

/// Whether a text is a language tag as prompts have them, RFC 5646 in short: `en`, `zh-CN`,
/// `zh-Hant-HK`. It is part of paths, so nothing else may stand in it.
pub fn is_language(text: &str) -> bool {
    let mut parts = text.split('-');
    let first = parts.next().unwrap_or_default();
    let is_first = (2..=3).contains(&first.len()) && first.bytes().all(|b| b.is_ascii_lowercase());
    let is_more = |part: &str| {
        (2..=8).contains(&part.len()) && part.bytes().all(|b| b.is_ascii_alphanumeric())
    };
    text.len() <= LANGUAGE_CHARS_MAX && is_first && parts.all(is_more)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_language_is_a_short_tag_and_no_path() {
        for good in ["en", "zh-CN", "yue", "zh-Hant-HK"] {
            assert!(is_language(good), "{good}");
        }
        for bad in ["", "e", "EN", "music", "zh-", "zh-C", "../x", "zh/CN", "zh.CN", "zh-CN-", "中"]
        {
            assert!(!is_language(bad), "{bad}");
        }
        assert!(!is_language("zh-abcdefgh-abcdefgh"), "too long");
    }

    #[test]
    fn a_file_is_named_by_its_content_and_by_nothing_else() {
        let of = |sha256: &str| OwnPrompt { name: "en/hi".into(), sha256: sha256.into() };
        assert_eq!(of(&"0a".repeat(32)).file(), Some(&*"0a".repeat(32)));
        for bad in ["", "../../etc/passwd", &"0A".repeat(32), &"g0".repeat(32), &"0a".repeat(33)] {
            assert_eq!(of(bad).file(), None, "{bad}");
        }
    }
}
