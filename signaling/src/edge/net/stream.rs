//! One stream's life: what is read, what is written, and the pulse of those that we opened.

use super::super::pulse::{self, Beat, PING, Pulse};
use super::{Link, WRITE_MAX};
use std::io;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::time::{Instant, timeout};

/// How long a connection may be silent. Phones ping every two minutes (RFC 5626 §4.4.1).
const IDLE_MAX: Duration = Duration::from_secs(600);
/// How long who takes nothing more may take to say why.
const LAST_WORD_MAX: Duration = Duration::from_secs(1);

/// From its first byte to its end, which the loop hears of.
pub(in super::super) async fn converse(
    read: impl AsyncRead + Unpin,
    write: impl AsyncWrite + Unpin,
    mut link: Link,
) {
    talk(read, write, &mut link).await;
    link.closed().await;
}

/// The same, with the error that ended it, where it was one; the loop is told by the caller.
pub(in super::super) async fn talk(
    mut read: impl AsyncRead + Unpin,
    mut write: impl AsyncWrite + Unpin,
    link: &mut Link,
) -> Option<io::Error> {
    let mut buffer = vec![0; 16 << 10];
    let mut pulse = link.is_ours.then(|| Pulse::new(Instant::now()));
    let mut ended = None;
    loop {
        let beat = pulse::until(pulse.as_ref().map(Pulse::next_timeout));
        tokio::select! {
            got = timeout(IDLE_MAX, read.read(&mut buffer)) => match got {
                Ok(Ok(length)) if length > 0 => {
                    if let Some(pulse) = &mut pulse {
                        pulse.on_heard(Instant::now(), &buffer[..length]);
                    }
                    if !link.hand_bytes(buffer[..length].to_vec()).await {
                        return None;
                    }
                }
                Ok(Err(error)) => {
                    ended = Some(error);
                    break;
                }
                _ => break,
            },
            bytes = link.writes.recv() => match bytes {
                Some(bytes) => {
                    let written = timeout(WRITE_MAX, send_all(&mut write, &bytes)).await;
                    if !matches!(written, Ok(Ok(()))) {
                        ended = last_word(&mut read).await;
                        break;
                    }
                    if link.is_too_slow() {
                        break;
                    }
                }
                None => break,
            },
            () = beat => {
                let due = pulse.as_mut().and_then(|pulse| pulse.on_timeout(Instant::now()));
                if due == Some(Beat::Ask) {
                    let written = timeout(WRITE_MAX, send_all(&mut write, PING)).await;
                    if !matches!(written, Ok(Ok(()))) {
                        break;
                    }
                } else if due.is_some_and(|beat| link.is_given_up(beat)) {
                    break;
                }
            },
        }
    }
    // A goodbye over TLS is a record more, and who reads nothing is not waited for.
    let _ = timeout(WRITE_MAX, write.shutdown()).await;
    ended
}

/// What is read of who takes nothing more: over TLS a word why may have come before.
async fn last_word(read: &mut (impl AsyncRead + Unpin)) -> Option<io::Error> {
    let mut buffer = [0; 1_024];
    let until_its_end = async {
        loop {
            match read.read(&mut buffer).await {
                Ok(0) => return None,
                Ok(_) => {}
                Err(error) => return Some(error),
            }
        }
    };
    timeout(LAST_WORD_MAX, until_its_end).await.ok().flatten()
}

/// Over TLS what is written leaves when it is flushed.
async fn send_all(write: &mut (impl AsyncWrite + Unpin), bytes: &[u8]) -> io::Result<()> {
    write.write_all(bytes).await?;
    write.flush().await
}

#[cfg(test)]
mod tests {
    use super::super::super::pulse::Mutes;
    use super::*;
    use crate::sip::flow::ConnectionId;
    use std::net::SocketAddr;
    use tokio::sync::mpsc;

    fn link(mutes: &Mutes) -> Link {
        Link {
            listener: 0,
            connection: ConnectionId(1),
            peer: SocketAddr::from(([192, 0, 2, 9], 5061)),
            writes: mpsc::channel(1).1,
            is_ours: true,
            behind_since: None,
            mutes: mutes.clone(),
            arrived: mpsc::channel(1).0,
        }
    }

    #[test]
    fn who_never_answered_is_given_up_once_and_who_answered_before_each_time() {
        let mutes = Mutes::default();
        let gives_up = |beat| link(&mutes).is_given_up(beat);
        assert!(gives_up(Beat::Mute));
        assert!(!gives_up(Beat::Mute), "the next connection is left to TCP");
        assert!(gives_up(Beat::Gone) && gives_up(Beat::Gone));
        assert!(!gives_up(Beat::Ask), "that is a question and no answer");
    }
}
