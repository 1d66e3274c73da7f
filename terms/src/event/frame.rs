//! Frames of the event log: length, checksum, entry. What they look like on disk stands above, in
//! [`crate::event`].

use super::{ENTRY_VERSION, Entry, HEADER_BYTES, PAYLOAD_BYTES_MAX};

/// Why a frame cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FrameError {
    /// The bytes end inside the frame: the normal end after a crash.
    #[error("the frame is cut off")]
    Torn,
    /// The length is zero or above [`PAYLOAD_BYTES_MAX`].
    #[error("a frame of {0} bytes is outside 1-{PAYLOAD_BYTES_MAX}")]
    BadLength(u32),
    /// The bytes are not those that were written.
    #[error("the checksum does not match")]
    BadChecksum,
    /// The checksum holds but the text is not an entry of a known version.
    #[error("not an entry: {0}")]
    BadEntry(String),
}

/// Appends `entry` as a frame to `out`.
///
/// # Panics
/// When an entry is longer than [`PAYLOAD_BYTES_MAX`]; every field has a limit far below.
pub fn write_frame(entry: &Entry, out: &mut Vec<u8>) {
    let start = out.len();
    out.extend_from_slice(&[0; HEADER_BYTES]);
    serde_json::to_writer(&mut *out, entry).expect("an entry is always valid JSON");
    let length = out.len() - start - HEADER_BYTES;
    assert!(length <= PAYLOAD_BYTES_MAX, "an entry of {length} bytes");
    let crc = crc32fast::hash(&out[start + HEADER_BYTES..]);
    out[start..start + 4].copy_from_slice(&(length as u32).to_le_bytes());
    out[start + 4..start + 8].copy_from_slice(&crc.to_le_bytes());
}

/// Reads the frame at the start of `bytes`: the entry and how many bytes it took. `Ok(None)` at the
/// end of the bytes.
///
/// # Errors
/// See [`FrameError`].
pub fn read_frame(bytes: &[u8]) -> Result<Option<(Entry, usize)>, FrameError> {
    if bytes.is_empty() {
        return Ok(None);
    }
    let Some((header, rest)) = bytes.split_at_checked(HEADER_BYTES) else {
        return Err(FrameError::Torn);
    };
    let length = u32::from_le_bytes(header[..4].try_into().expect("four bytes"));
    let crc = u32::from_le_bytes(header[4..].try_into().expect("four bytes"));
    if length == 0 || length as usize > PAYLOAD_BYTES_MAX {
        return Err(FrameError::BadLength(length));
    }
    let payload = rest.get(..length as usize).ok_or(FrameError::Torn)?;
    if crc32fast::hash(payload) != crc {
        return Err(FrameError::BadChecksum);
    }
    let entry: Entry =
        serde_json::from_slice(payload).map_err(|e| FrameError::BadEntry(e.to_string()))?;
    if entry.v > ENTRY_VERSION {
        return Err(FrameError::BadEntry(format!(
            "version {} was written by a newer program; this one reads up to {ENTRY_VERSION}",
            entry.v
        )));
    }
    Ok(Some((entry, HEADER_BYTES + length as usize)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::Kind;
    use crate::id::{CallId, ContactId, QueueId, TenantId, VisitId};
    use crate::time::Timestamp;

    fn entry(seq: u64) -> Entry {
        Entry {
            v: ENTRY_VERSION,
            seq,
            at: Timestamp::from_secs(1_700_000_000),
            tenant: TenantId(1),
            contact: Some(ContactId(5)),
            call: Some(CallId(6)),
            leg: None,
            kind: Kind::Abandoned { visit: VisitId(9), queue: QueueId(2) },
        }
    }

    #[test]
    fn frames_follow_each_other() {
        let mut bytes = Vec::new();
        write_frame(&entry(1), &mut bytes);
        write_frame(&entry(2), &mut bytes);
        let (first, used) = read_frame(&bytes).unwrap().unwrap();
        let (second, rest) = read_frame(&bytes[used..]).unwrap().unwrap();
        assert_eq!((first, second), (entry(1), entry(2)));
        assert_eq!(used + rest, bytes.len());
        assert_eq!(read_frame(&[]), Ok(None));
    }

    #[test]
    fn every_cut_is_torn_and_every_flip_is_seen() {
        let mut bytes = Vec::new();
        write_frame(&entry(1), &mut bytes);
        for cut in 1..bytes.len() {
            assert_eq!(read_frame(&bytes[..cut]), Err(FrameError::Torn), "cut at {cut}");
        }
        for at in 0..bytes.len() {
            let mut flipped = bytes.clone();
            flipped[at] ^= 0x10;
            assert!(read_frame(&flipped).is_err(), "flip at {at}");
        }
    }

    #[test]
    fn a_newer_version_is_refused_with_a_sentence() {
        let mut newer = entry(1);
        newer.v = ENTRY_VERSION + 1;
        let mut bytes = Vec::new();
        write_frame(&newer, &mut bytes);
        let error = read_frame(&bytes).unwrap_err();
        assert!(error.to_string().contains("newer program"), "{error}");
    }
}
