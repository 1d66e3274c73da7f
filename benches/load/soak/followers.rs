//! Clients of the event log that come and go while calls do: some say that they leave, some just go,
//! and some never read a word.

use anyhow::{Result, ensure};
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep, sleep_until, timeout, timeout_at};

/// How long they stay, in turn. Events come many times a second.
const STAYS: [Duration; 5] = [
    Duration::from_secs(2),
    Duration::from_secs(3),
    Duration::from_secs(5),
    Duration::from_secs(9),
    Duration::from_secs(15),
];
/// One in so many does not read.
const DEAF_EVERY: u32 = 4;
const ANSWER_MAX: Duration = Duration::from_secs(5);
/// Until one who was not let in tries again.
const PAUSE: Duration = Duration::from_millis(200);
/// A close frame without a reason, masked with zeros (RFC 6455 §5.5.1).
const CLOSE: [u8; 6] = [0x88, 0x80, 0, 0, 0, 0];

/// What became of them.
#[derive(Clone, Copy, Debug, Default)]
pub struct Followed {
    /// Came, were let in, and left.
    pub came: u64,
    /// Were not let in, or sent away before they left.
    pub turned_away: u64,
    /// Listened and heard nothing.
    pub in_vain: u64,
}

/// The clients.
pub struct Followers {
    stop: Arc<AtomicBool>,
    tasks: Vec<JoinHandle<Followed>>,
}

impl Followers {
    /// So many at a time, each followed by the next.
    pub fn start(server: SocketAddr, token: &str, count: u32) -> Followers {
        let stop = Arc::new(AtomicBool::new(false));
        let comes = |n| tokio::spawn(follow(server, token.to_owned(), n, stop.clone()));
        let tasks = (0..count).map(comes).collect();
        Followers { stop, tasks }
    }

    /// Nobody comes any more, and who is there goes when they would.
    pub fn stop(&self) {
        self.stop.store(true, Ordering::Relaxed);
    }

    /// The same; waits until all have gone.
    ///
    /// # Errors
    /// When a client panicked.
    pub async fn end(self) -> Result<Followed> {
        self.stop();
        let mut all = Followed::default();
        for task in self.tasks {
            let one = task.await?;
            all.came += one.came;
            all.turned_away += one.turned_away;
            all.in_vain += one.in_vain;
        }
        Ok(all)
    }
}

async fn follow(server: SocketAddr, token: String, first: u32, stop: Arc<AtomicBool>) -> Followed {
    let (mut followed, mut turn) = (Followed::default(), first);
    while !stop.load(Ordering::Relaxed) {
        let (stays, hears) = (STAYS[turn as usize % STAYS.len()], !turn.is_multiple_of(DEAF_EVERY));
        match visit(server, &token, stays, hears).await {
            Ok(bytes) => {
                followed.came += 1;
                followed.in_vain += u64::from(hears && bytes == 0);
            }
            Err(error) => {
                eprintln!("a follower: {error:#}");
                followed.turned_away += 1;
                sleep(PAUSE).await;
            }
        }
        turn += 1;
    }
    followed
}

/// One client, from the first word to the last; how many bytes of events it heard.
async fn visit(server: SocketAddr, token: &str, stays: Duration, hears: bool) -> Result<u64> {
    let mut stream = TcpStream::connect(server).await?;
    stream.write_all(request(server, token).as_bytes()).await?;
    let (mut head, mut buffer) = (Vec::new(), vec![0; 16 << 10]);
    while !head.windows(4).any(|end| end == b"\r\n\r\n") {
        let length = timeout(ANSWER_MAX, stream.read(&mut buffer)).await??;
        ensure!(length > 0, "the connection was closed before it was answered");
        head.extend_from_slice(&buffer[..length]);
    }
    let said = String::from_utf8_lossy(&head);
    ensure!(said.starts_with("HTTP/1.1 101 "), "{}", said.lines().next().unwrap_or_default());
    let leaves = Instant::now() + stays;
    if !hears {
        sleep_until(leaves).await;
        return Ok(0);
    }
    let mut heard = 0;
    while let Ok(read) = timeout_at(leaves, stream.read(&mut buffer)).await {
        let length = read?;
        ensure!(length > 0, "the connection was closed in the middle");
        heard += length as u64;
    }
    stream.write_all(&CLOSE).await?;
    Ok(heard)
}

fn request(server: SocketAddr, token: &str) -> String {
    format!(
        "GET /api/v1/events HTTP/1.1\r\nHost: {server}\r\nConnection: Upgrade\r\n\
         Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\n\
         Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\
         Sec-WebSocket-Protocol: switchgrid.v1\r\nAuthorization: Bearer {token}\r\n\r\n"
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::net::TcpListener;

    /// A server that says this to everybody who comes, reads their question, and waits until they go.
    async fn serve(listener: TcpListener, says: &'static str) {
        while let Ok((mut stream, _)) = listener.accept().await {
            let mut heard = [0; 1_024];
            let read = stream.read(&mut heard).await.unwrap_or_default();
            assert!(heard[..read].starts_with(b"GET /api/v1/events HTTP/1.1\r\n"));
            stream.write_all(says.as_bytes()).await.expect("they are there");
            while stream.read(&mut heard).await.is_ok_and(|read| read > 0) {}
        }
    }

    async fn visited(says: &'static str) -> Result<u64> {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("loopback is there");
        let server = listener.local_addr().expect("it is bound");
        let serving = tokio::spawn(serve(listener, says));
        let visited = visit(server, "sgt_x", Duration::from_millis(200), true).await;
        serving.abort();
        visited
    }

    #[tokio::test]
    async fn who_is_let_in_counts_what_it_hears_and_who_is_not_says_so() {
        let refused = visited("HTTP/1.1 503 Service Unavailable\r\n\r\n").await;
        assert!(refused.unwrap_err().to_string().contains("503"));
        let silent = visited("HTTP/1.1 101 Switching Protocols\r\n\r\n").await;
        assert_eq!(silent.unwrap(), 0);
    }
}
