//! A body that is written on a thread that may wait, and sent from one that may not.

use futures::Stream;
use std::io::{self, Write};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use tokio::sync::mpsc::{self, Sender};

/// Pieces that wait for the reader.
const PIECES_MAX: usize = 4;

/// The writing end. Where the reader has gone the first write fails. What comes after that, or after
/// a refusal, is lost without a word, so that whoever cleans up behind a failure does not fail again.
pub struct Pipe {
    to: Sender<io::Result<Vec<u8>>>,
    ended: Arc<AtomicBool>,
}

/// Says that the rest does not come.
pub struct Refuser {
    to: Sender<io::Result<Vec<u8>>>,
    ended: Arc<AtomicBool>,
}

/// Both ends.
pub fn pipe() -> (Pipe, impl Stream<Item = io::Result<Vec<u8>>>) {
    let (to, from) = mpsc::channel(PIECES_MAX);
    let read = futures::stream::unfold(from, |mut from| async move {
        let piece: io::Result<Vec<u8>> = from.recv().await?;
        Some((piece, from))
    });
    (Pipe { to, ended: Arc::default() }, read)
}

impl Pipe {
    /// The same pipe's end for a failure.
    pub fn refuser(&self) -> Refuser {
        Refuser { to: self.to.clone(), ended: self.ended.clone() }
    }
}

impl Refuser {
    /// Ends the body with an error, however whole it looked so far.
    pub fn refuse(self, error: io::Error) {
        self.ended.store(true, Ordering::Relaxed);
        // A reader that has gone needs no word.
        let _ = self.to.blocking_send(Err(error));
    }
}

impl Write for Pipe {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.ended.load(Ordering::Relaxed) {
            return Ok(bytes.len());
        }
        if self.to.blocking_send(Ok(bytes.to_vec())).is_err() {
            self.ended.store(true, Ordering::Relaxed);
            return Err(io::Error::new(io::ErrorKind::BrokenPipe, "the reader has gone"));
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures::StreamExt;

    #[tokio::test]
    async fn what_is_written_arrives_and_a_refusal_is_the_end() {
        let (mut to, from) = pipe();
        let writing = tokio::task::spawn_blocking(move || {
            let refuser = to.refuser();
            to.write_all(b"ab").unwrap();
            to.write_all(b"c").unwrap();
            refuser.refuse(io::Error::other("the disk"));
            to.write_all(b"an end that looks good").unwrap();
        });
        let got: Vec<io::Result<Vec<u8>>> = from.collect().await;
        writing.await.unwrap();
        assert_eq!(got[0].as_ref().unwrap(), b"ab");
        assert_eq!(got[1].as_ref().unwrap(), b"c");
        assert_eq!(got[2].as_ref().unwrap_err().to_string(), "the disk");
        assert_eq!(got.len(), 3);
    }

    #[tokio::test]
    async fn a_reader_that_has_gone_is_told_once() {
        let (mut to, from) = pipe();
        drop(from);
        let writing = tokio::task::spawn_blocking(move || {
            assert_eq!(to.write(b"a").unwrap_err().kind(), io::ErrorKind::BrokenPipe);
            assert_eq!(to.write(b"b").unwrap(), 1);
        });
        writing.await.unwrap();
    }
}
