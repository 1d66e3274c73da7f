//! `Range: bytes=…`, RFC 9110 §14. One range is served; a list of ranges may be answered with the
//! whole, and is. What is no byte range is ignored, as §14.2 says.

/// What a request asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Range {
    /// Everything.
    Whole,
    /// From one byte to another, both included.
    Part {
        /// The first byte.
        first: u64,
        /// The last byte.
        last: u64,
    },
    /// No byte of it exists: 416.
    Outside,
}

/// Reads the header for a file of `length` bytes.
pub fn parse(text: &str, length: u64) -> Range {
    let Some((unit, spec)) = text.split_once('=') else { return Range::Whole };
    let Some((first, last)) = spec.trim().split_once('-') else { return Range::Whole };
    if !unit.trim().eq_ignore_ascii_case("bytes") || spec.contains(',') {
        return Range::Whole;
    }
    match (number(first), number(last)) {
        (Some(Some(first)), Some(last)) => match last {
            Some(last) if last < first => Range::Whole,
            _ if first >= length => Range::Outside,
            last => Range::Part { first, last: last.unwrap_or(u64::MAX).min(length - 1) },
        },
        (Some(None), Some(Some(0))) => Range::Outside,
        (Some(None), Some(Some(_))) if length == 0 => Range::Outside,
        (Some(None), Some(Some(suffix))) => {
            Range::Part { first: length.saturating_sub(suffix), last: length - 1 }
        }
        _ => Range::Whole,
    }
}

/// `None` for what is no number, `Some(None)` for nothing.
fn number(text: &str) -> Option<Option<u64>> {
    match text {
        "" => Some(None),
        digits if digits.bytes().all(|b| b.is_ascii_digit()) => {
            // A number beyond u64 lies beyond every file.
            Some(Some(digits.parse().unwrap_or(u64::MAX)))
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_are_read_as_rfc_9110_says() {
        let part = |first, last| Range::Part { first, last };
        for (text, expected) in [
            ("bytes=0-0", part(0, 0)),
            ("bytes=0-499", part(0, 499)),
            ("bytes=500-", part(500, 999)),
            ("bytes=990-5000", part(990, 999)),
            ("bytes=-10", part(990, 999)),
            ("bytes=-5000", part(0, 999)),
            ("Bytes = 1-2", part(1, 2)),
            ("bytes=1000-", Range::Outside),
            ("bytes=99999999999999999999999-", Range::Outside),
            ("bytes=-0", Range::Outside),
            ("bytes=5-4", Range::Whole),
            ("bytes=0-1,5-6", Range::Whole),
            ("bytes=-", Range::Whole),
            ("bytes=a-b", Range::Whole),
            ("bytes=--1", Range::Whole),
            ("frames=0-1", Range::Whole),
            ("", Range::Whole),
        ] {
            assert_eq!(parse(text, 1000), expected, "{text}");
        }
        for text in ["bytes=0-", "bytes=-1"] {
            assert_eq!(parse(text, 0), Range::Outside, "{text} of an empty file");
        }
    }
}
