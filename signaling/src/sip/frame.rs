//! Cuts a TCP stream into messages, RFC 3261 §18.3. One promise above all: where a length is in
//! doubt, no second message is ever read from the bytes behind it (CVE-2026-23457, threat T7). The
//! sender gets 400 or 413 and the connection is closed.

use super::message::{Fault, MESSAGE_BYTES_MAX, Message};
use super::parse::Carrier;
use memchr::memmem;

/// Longest header section on a stream, in bytes.
pub const HEAD_BYTES_MAX: usize = 16 * 1024;

/// What the stream holds next.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Frame {
    /// A whole message.
    Message(Vec<u8>),
    /// A double CR LF, to be answered with one (RFC 5626 §3.5.1).
    Ping,
    /// The stream cannot be read any further; what there is of the message is for the answer.
    Broken(Fault, Vec<u8>),
}

/// One connection's bytes.
#[derive(Debug, Default)]
pub struct Framer {
    buffer: Vec<u8>,
    /// Bytes that were searched for the end of the header section already.
    searched: usize,
    /// Where the header section ends and how long its body is, once known.
    framed: Option<(usize, usize)>,
    broken: bool,
}

impl Framer {
    /// Adds what was received. After a broken frame nothing is taken.
    pub fn push(&mut self, bytes: &[u8]) {
        if !self.broken {
            self.buffer.extend_from_slice(bytes);
        }
    }

    /// Bytes that wait for the rest of their message.
    pub fn waiting(&self) -> usize {
        self.buffer.len()
    }

    /// The next frame, if one is complete.
    pub fn next_frame(&mut self) -> Option<Frame> {
        if self.broken {
            return None;
        }
        if self.framed.is_none() && self.skip_line_ends() {
            return Some(Frame::Ping);
        }
        let framed = match self.framed.map_or_else(|| self.find_frame(), |framed| Ok(Some(framed)))
        {
            Ok(framed) => framed?,
            Err(fault) => return Some(self.fail(fault)),
        };
        self.framed = Some(framed);
        let end = framed.0 + framed.1;
        if self.buffer.len() < end {
            return None;
        }
        let rest = self.buffer.split_off(end);
        self.framed = None;
        self.searched = 0;
        Some(Frame::Message(std::mem::replace(&mut self.buffer, rest)))
    }

    /// The header section's end and the body's length, once the section is complete.
    fn find_frame(&mut self) -> Result<Option<(usize, usize)>, Fault> {
        let too_large = Fault { status: 413, reason: "Header Section Too Large" };
        let head = match self.head_end() {
            Some(head) if head > HEAD_BYTES_MAX => return Err(too_large),
            Some(head) => head,
            None if self.buffer.len() > HEAD_BYTES_MAX => return Err(too_large),
            None => return Ok(None),
        };
        match self.body_length(head) {
            Ok(length) => Ok(Some((head, length))),
            Err(fault) => {
                self.buffer.truncate(head);
                Err(fault)
            }
        }
    }

    fn fail(&mut self, fault: Fault) -> Frame {
        self.broken = true;
        self.buffer.truncate(HEAD_BYTES_MAX);
        Frame::Broken(fault, std::mem::take(&mut self.buffer))
    }

    /// Line ends between messages; true when two of them are a ping.
    fn skip_line_ends(&mut self) -> bool {
        if self.buffer.starts_with(b"\r\n\r\n") {
            self.buffer.drain(..4);
            self.searched = 0;
            return true;
        }
        // `\r\n\r` may become a ping with the next byte.
        if self.buffer.len() > 3 || !b"\r\n\r".starts_with(&self.buffer[..]) {
            let ends = self.buffer.iter().take_while(|b| matches!(b, b'\r' | b'\n')).count();
            if ends > 0 {
                self.buffer.drain(..ends);
                self.searched = 0;
            }
        }
        false
    }

    /// Behind the empty line that ends the headers: CR LF or a lone LF, as the parser reads it.
    fn head_end(&mut self) -> Option<usize> {
        let from = self.searched.saturating_sub(3);
        let window = &self.buffer[from..];
        let strict = memmem::find(window, b"\n\r\n").map(|at| from + at + 3);
        let lenient = memmem::find(window, b"\n\n").map(|at| from + at + 2);
        self.searched = self.buffer.len();
        match (strict, lenient) {
            (Some(a), Some(b)) => Some(a.min(b)),
            (one, other) => one.or(other),
        }
    }

    fn body_length(&self, head: usize) -> Result<usize, Fault> {
        let message = Message::parse(&self.buffer[..head], Carrier::Datagram)
            .map_err(|_| Fault::bad("Not SIP"))?;
        let length = message.content_length()?.ok_or(Fault::bad("Content-Length Missing"))?;
        if head + length > MESSAGE_BYTES_MAX {
            return Err(Fault { status: 413, reason: "Message Too Large" });
        }
        Ok(length)
    }
}

/// Feeds arbitrary bytes to the framer in pieces; for fuzzing. The cut must not change the result.
pub fn fuzz_stream(bytes: &[u8]) {
    let frames = |piece: usize| {
        let mut framer = Framer::default();
        let mut frames = Vec::new();
        for piece in bytes.chunks(piece) {
            framer.push(piece);
            while let Some(frame) = framer.next_frame() {
                if let Frame::Message(message) = &frame {
                    super::fuzz_message(message);
                }
                frames.push(frame);
            }
        }
        frames.retain(|frame| matches!(frame, Frame::Message(_)));
        frames
    };
    assert_eq!(frames(usize::MAX), frames(7));
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(length: &str, body: &str) -> String {
        format!("OPTIONS sip:a@b SIP/2.0\r\nCall-ID: 1\r\n{length}\r\n{body}")
    }

    fn frames(text: &str, piece: usize) -> Vec<Frame> {
        let mut framer = Framer::default();
        let mut frames = Vec::new();
        for piece in text.as_bytes().chunks(piece) {
            framer.push(piece);
            while let Some(frame) = framer.next_frame() {
                frames.push(frame);
            }
        }
        frames
    }

    #[test]
    fn messages_come_out_whole_however_the_stream_is_cut() {
        let one = message("Content-Length: 5\r\n", "hello");
        let two = message("l : 0\r\n", "");
        let text = format!("\r\n\r\n{one}{two}");
        for piece in [1, 2, 3, 7, 50, 1000] {
            let expected = [
                Frame::Ping,
                Frame::Message(one.clone().into()),
                Frame::Message(two.clone().into()),
            ];
            assert_eq!(frames(&text, piece), expected, "pieces of {piece}");
        }
    }

    #[test]
    fn a_doubtful_length_never_yields_a_second_message() {
        let smuggled = message("Content-Length: 0\r\n", "");
        for (length, status) in [
            ("Content-Length: 4294967328\r\n", 413),
            ("Content-Length: 18446744073709551621\r\n", 413),
            ("Content-Length: -10\r\n", 400),
            ("Content-Length: 5\r\nContent-Length : 6\r\n", 400),
            ("Content-Length: 5, 6\r\n", 400),
            ("Content-Length: 0x5\r\n", 400),
            ("Content-Length:\r\n", 400),
            ("Content-Length: 70000\r\n", 413),
            ("", 400),
        ] {
            let text = format!("{}{smuggled}", message(length, "hello"));
            for piece in [1, 9, 1000] {
                let frames = frames(&text, piece);
                let [Frame::Broken(fault, _)] = &frames[..] else {
                    panic!("{length:?} in pieces of {piece} gave {frames:?}")
                };
                assert_eq!(fault.status, status, "{length:?}");
            }
        }
    }

    #[test]
    fn an_endless_header_section_is_cut_off() {
        let text = format!("OPTIONS sip:a@b SIP/2.0\r\nX: {}", "y".repeat(HEAD_BYTES_MAX));
        assert!(matches!(frames(&text, 500)[..], [Frame::Broken(Fault { status: 413, .. }, _)]));
    }
}
