//! Base 64, RFC 4648 §4, for the keys in `a=crypto`. Padding may be missing: some phones leave it
//! out.

const LETTERS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/// Octets as text, with padding.
pub fn write(octets: &[u8]) -> String {
    let mut text = String::with_capacity(octets.len().div_ceil(3) * 4);
    for group in octets.chunks(3) {
        let bits = group.iter().fold(0_u32, |bits, &octet| bits << 8 | u32::from(octet))
            << (8 * (3 - group.len()));
        for n in 0..4 {
            let letter = LETTERS[(bits >> (18 - 6 * n) & 63) as usize];
            text.push(if n <= group.len() { letter as char } else { '=' });
        }
    }
    text
}

/// Octets from text; `None` when a character is none of the alphabet, or bits are left over.
pub fn read(text: &str) -> Option<Vec<u8>> {
    let text = text.trim_end_matches('=');
    let mut octets = Vec::with_capacity(text.len() * 3 / 4);
    let (mut bits, mut held) = (0_u32, 0_u32);
    for letter in text.bytes() {
        bits = bits << 6 | value(letter)?;
        held += 6;
        if held >= 8 {
            held -= 8;
            octets.push((bits >> held) as u8);
            bits &= (1 << held) - 1;
        }
    }
    (held < 6 && bits == 0).then_some(octets)
}

fn value(letter: u8) -> Option<u32> {
    let value = match letter {
        b'A'..=b'Z' => letter - b'A',
        b'a'..=b'z' => letter - b'a' + 26,
        b'0'..=b'9' => letter - b'0' + 52,
        b'+' => 62,
        b'/' => 63,
        _ => return None,
    };
    Some(u32::from(value))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_examples_of_rfc_4648_and_every_length() {
        for (octets, text) in [
            ("", ""),
            ("f", "Zg=="),
            ("fo", "Zm8="),
            ("foo", "Zm9v"),
            ("foob", "Zm9vYg=="),
            ("fooba", "Zm9vYmE="),
            ("foobar", "Zm9vYmFy"),
        ] {
            assert_eq!(write(octets.as_bytes()), text);
            assert_eq!(read(text), Some(octets.as_bytes().to_vec()));
            assert_eq!(read(text.trim_end_matches('=')), Some(octets.as_bytes().to_vec()));
        }
        for len in 0..60_u8 {
            let octets: Vec<u8> = (0..len).map(|n| n.wrapping_mul(37) ^ len).collect();
            assert_eq!(read(&write(&octets)), Some(octets));
        }
    }

    #[test]
    fn what_is_no_base_64_is_nothing() {
        for text in ["Z", "Zg=g", "Z g=", "Zm9v-_", "Zh", "Zm9vYmE\u{e9}"] {
            assert_eq!(read(text), None, "{text}");
        }
    }
}
