//! Messages of the protocol (PostgreSQL 16, "Message Formats"): read with a limit before a byte of
//! their body is kept, gathered before they are sent.

use crate::work::wire::Refusal;
use std::io;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, BufReader};
use warehouse::wire::{Kind, WireColumn, is_binary};

/// Longest message of somebody who has not signed in.
pub const STRANGER_BYTES_MAX: usize = 10_000;
/// Longest message of somebody who has: a question or the values of its parameters.
pub const MESSAGE_BYTES_MAX: usize = 1 << 20;
/// What is gathered before it is sent.
const GATHERED_MAX: usize = 64 << 10;
/// Longest time that a client takes nothing of what is sent to it.
const WRITE_MAX: Duration = Duration::from_secs(60);

/// A message of a length that none has.
#[derive(Debug, thiserror::Error)]
#[error("a message of {length} bytes; {bytes_max} are allowed")]
pub struct TooLong {
    length: usize,
    bytes_max: usize,
}

impl TooLong {
    /// Whether a message was not read because of its length.
    pub fn is(error: &io::Error) -> bool {
        error.get_ref().is_some_and(|inner| inner.is::<TooLong>())
    }
}

/// A stream, in clear or under TLS.
pub trait Socket: AsyncRead + AsyncWrite + Send + Unpin {}
impl<T: AsyncRead + AsyncWrite + Send + Unpin> Socket for T {}

/// The wire with what waits to be sent.
pub struct Wire {
    socket: BufReader<Box<dyn Socket>>,
    gathered: Vec<u8>,
}

impl Wire {
    /// Over a stream.
    pub fn new(socket: Box<dyn Socket>) -> Self {
        Wire { socket: BufReader::new(socket), gathered: Vec::new() }
    }

    /// The next message with its letter; `None` when the client closed.
    pub async fn read(&mut self, bytes_max: usize) -> io::Result<Option<(u8, Vec<u8>)>> {
        let letter = match self.socket.read_u8().await {
            Ok(letter) => letter,
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Ok(None),
            Err(error) => return Err(error),
        };
        let length = self.socket.read_u32().await? as usize;
        let Some(length) = length.checked_sub(4).filter(|length| *length <= bytes_max) else {
            return Err(io::Error::new(io::ErrorKind::InvalidData, TooLong { length, bytes_max }));
        };
        let mut body = vec![0; length];
        self.socket.read_exact(&mut body).await?;
        Ok(Some((letter, body)))
    }

    /// Gathers a message: its letter, and a body that `fill` writes.
    pub fn put(&mut self, letter: u8, fill: impl FnOnce(&mut Vec<u8>)) {
        put(&mut self.gathered, letter, fill);
    }

    /// Sends what was gathered when it is much.
    pub async fn flush_much(&mut self) -> io::Result<()> {
        if self.gathered.len() > GATHERED_MAX { self.flush().await } else { Ok(()) }
    }

    /// Sends what was gathered.
    pub async fn flush(&mut self) -> io::Result<()> {
        let gathered = std::mem::take(&mut self.gathered);
        self.write(&gathered).await?;
        within(self.socket.flush()).await
    }

    /// Sends messages that are ready behind those that were gathered.
    pub async fn send(&mut self, ready: &[u8]) -> io::Result<()> {
        let gathered = std::mem::take(&mut self.gathered);
        self.write(&gathered).await?;
        self.write(ready).await
    }

    async fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        for piece in bytes.chunks(GATHERED_MAX) {
            within(self.socket.write_all(piece)).await?;
        }
        Ok(())
    }
}

async fn within(work: impl Future<Output = io::Result<()>>) -> io::Result<()> {
    match tokio::time::timeout(WRITE_MAX, work).await {
        Ok(done) => done,
        Err(_) => Err(io::Error::new(io::ErrorKind::TimedOut, "the client takes nothing")),
    }
}

/// Writes a message: its letter, its length, and a body that `fill` writes.
pub fn put(out: &mut Vec<u8>, letter: u8, fill: impl FnOnce(&mut Vec<u8>)) {
    out.push(letter);
    let start = out.len();
    out.extend_from_slice(&[0; 4]);
    fill(out);
    let length = (out.len() - start) as u32;
    out[start..start + 4].copy_from_slice(&length.to_be_bytes());
}

/// A text that ends with a zero. One inside of it would end it early.
pub fn put_text(out: &mut Vec<u8>, text: &str) {
    out.extend(text.bytes().filter(|byte| *byte != 0));
    out.push(0);
}

/// `RowDescription`.
pub fn put_columns(out: &mut Vec<u8>, columns: &[WireColumn], binary: &[bool]) {
    out.extend_from_slice(&(columns.len() as u16).to_be_bytes());
    for (at, column) in columns.iter().enumerate() {
        put_text(out, &column.name);
        // Neither a table nor one of its columns is named.
        out.extend_from_slice(&[0; 6]);
        out.extend_from_slice(&column.kind.oid().to_be_bytes());
        out.extend_from_slice(&column.kind.size().to_be_bytes());
        out.extend_from_slice(&(-1_i32).to_be_bytes());
        out.extend_from_slice(&u16::from(is_binary(binary, at)).to_be_bytes());
    }
}

/// `ParameterDescription`.
pub fn put_parameters(out: &mut Vec<u8>, parameters: &[Kind]) {
    out.extend_from_slice(&(parameters.len() as u16).to_be_bytes());
    for parameter in parameters {
        out.extend_from_slice(&parameter.oid().to_be_bytes());
    }
}

/// `ErrorResponse` and `NoticeResponse`. `position` counts the characters of the text, from 1.
pub fn put_refusal(out: &mut Vec<u8>, severity: &str, refusal: &Refusal, position: Option<usize>) {
    let position = position.map(|position| position.to_string());
    let fields = [
        (b'S', Some(severity)),
        (b'V', Some(severity)),
        (b'C', Some(refusal.code.as_str())),
        (b'M', Some(refusal.message.as_str())),
        (b'H', refusal.hint.as_deref()),
        (b'P', position.as_deref()),
    ];
    for (letter, text) in fields {
        if let Some(text) = text {
            out.push(letter);
            put_text(out, text);
        }
    }
    out.push(0);
}

/// The body of a message, read from its beginning. Whatever is not there is an error.
pub struct Body<'a>(pub &'a [u8]);

impl<'a> Body<'a> {
    /// So many bytes.
    pub fn bytes(&mut self, count: usize) -> Result<&'a [u8], Refusal> {
        let (taken, rest) = self.0.split_at_checked(count).ok_or_else(malformed)?;
        self.0 = rest;
        Ok(taken)
    }

    /// One byte.
    pub fn byte(&mut self) -> Result<u8, Refusal> {
        Ok(self.bytes(1)?[0])
    }

    /// A number of two bytes that counts something.
    pub fn count(&mut self) -> Result<usize, Refusal> {
        let [high, low] = self.array()?;
        Ok(usize::from(u16::from_be_bytes([high, low])))
    }

    /// A number of four bytes.
    pub fn int(&mut self) -> Result<i32, Refusal> {
        Ok(i32::from_be_bytes(self.array()?))
    }

    /// A text that ends with a zero.
    pub fn text(&mut self) -> Result<&'a str, Refusal> {
        let end = self.0.iter().position(|byte| *byte == 0).ok_or_else(malformed)?;
        let text = std::str::from_utf8(self.bytes(end)?)
            .map_err(|_| refused("22021", "texts are UTF-8 here; set client_encoding to UTF8"))?;
        self.bytes(1)?;
        Ok(text)
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], Refusal> {
        self.bytes(N)?.try_into().map_err(|_| malformed())
    }
}

/// A refusal without a place in a text.
pub fn refused(code: &str, message: impl Into<String>) -> Refusal {
    Refusal { code: code.to_owned(), message: message.into(), hint: None, place: None }
}

/// A message that breaks the protocol.
pub fn malformed() -> Refusal {
    refused("08P01", "this message cannot be read")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_message_that_is_too_long_is_refused_before_it_is_kept() {
        let (mut client, ours) = tokio::io::duplex(64);
        let mut wire = Wire::new(Box::new(ours));
        client.write_all(b"Q\x3f\xff\xff\xff").await.unwrap();
        let error = wire.read(STRANGER_BYTES_MAX).await.unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::InvalidData);
        let (mut client, ours) = tokio::io::duplex(64);
        let mut wire = Wire::new(Box::new(ours));
        client.write_all(b"Q\0\0\0\x03").await.unwrap();
        assert!(wire.read(STRANGER_BYTES_MAX).await.is_err(), "a length counts itself");
    }

    #[test]
    fn a_body_that_ends_early_is_malformed() {
        let mut body = Body(b"ab");
        assert!(body.text().is_err());
        assert!(body.int().is_err());
        assert_eq!(body.count().unwrap(), 0x6162);
        assert!(body.byte().is_err());
        assert_eq!(Body(b"\xff\0").text().unwrap_err().code, "22021");
    }

    #[test]
    fn a_refusal_has_its_fields() {
        let mut out = Vec::new();
        let refusal = Refusal { hint: Some("There are: a.".into()), ..refused("42703", "no") };
        put(&mut out, b'E', |out| put_refusal(out, "ERROR", &refusal, Some(9)));
        let known = b"E\0\0\0\x30SERROR\0VERROR\0C42703\0Mno\0HThere are: a.\0P9\0\0";
        assert_eq!(out, known);
    }
}
