//! The local socket between children: one JSON text a line, both ways, over a Unix socket in
//! `<data>/run` that only this user may open. The side that asks reconnects by itself; a question
//! that cannot be delivered is refused to its sender at once.

use std::collections::HashMap;
use std::io;
use std::os::fd::AsRawFd;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use terms::control::{Answer, Ask, Request, Response};
use tokio::io::{AsyncBufRead, AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::{mpsc, oneshot};

/// Longest line in bytes: a plan of ten thousand agents is about 4 MB.
pub const LINE_BYTES_MAX: usize = 64 << 20;
/// Questions that may wait for their answers.
const WAITING_MAX: usize = 1024;
/// How long an answer may take; a drain is asked with its own time.
const ANSWER_MAX: Duration = Duration::from_secs(5);

/// A path short enough for a socket address (108 bytes), whatever the folder: through the
/// folder's descriptor. Keep the folder open until the socket is bound or connected.
fn short(path: &Path) -> io::Result<(std::fs::File, PathBuf)> {
    let folder = path.parent().unwrap_or(Path::new("."));
    let name = path.file_name().ok_or(io::ErrorKind::InvalidInput)?;
    let open = std::fs::File::open(folder)?;
    let through = PathBuf::from(format!("/proc/self/fd/{}", open.as_raw_fd())).join(name);
    Ok((open, through))
}

/// Listens at `path`, replacing what an ended process left there.
///
/// # Errors
/// When the folder is missing or may not be written.
pub fn listen(path: &Path) -> io::Result<UnixListener> {
    use std::os::unix::fs::PermissionsExt;
    let (_open, through) = short(path)?;
    match std::fs::remove_file(&through) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let listener = UnixListener::bind(&through)?;
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o600))?;
    Ok(listener)
}

/// Connects to `path`.
///
/// # Errors
/// When nobody listens.
pub async fn connect(path: &Path) -> io::Result<UnixStream> {
    let (_open, through) = short(path)?;
    UnixStream::connect(&through).await
}

/// Why a question did not reach the switch, a sentence for people.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct NotThere(pub String);

type Waiter = oneshot::Sender<Result<Answer, NotThere>>;

/// Reads on until `line` holds a whole line with its end; false at the end of the connection. What
/// a cancelled call has read stays in `line`: go on with it.
///
/// # Errors
/// When the connection breaks, or the line is longer than [`LINE_BYTES_MAX`].
pub async fn read_line(
    read: &mut (impl AsyncBufRead + Unpin),
    line: &mut Vec<u8>,
) -> io::Result<bool> {
    read_line_of(LINE_BYTES_MAX, read, line).await
}

/// The same with another limit.
pub(crate) async fn read_line_of(
    bytes_max: usize,
    read: &mut (impl AsyncBufRead + Unpin),
    line: &mut Vec<u8>,
) -> io::Result<bool> {
    let left = (bytes_max + 1).saturating_sub(line.len());
    read.take(left as u64).read_until(b'\n', line).await?;
    match line.last() {
        Some(b'\n') => Ok(true),
        Some(_) if line.len() > bytes_max => {
            let problem = format!("a line has more than {bytes_max} bytes");
            Err(io::Error::new(io::ErrorKind::InvalidData, problem))
        }
        Some(_) => Err(io::ErrorKind::UnexpectedEof.into()),
        None => Ok(false),
    }
}

/// The asking side: clones share one connection.
#[derive(Clone)]
pub struct Client {
    asks: mpsc::Sender<(Ask, Waiter)>,
}

/// What a new connection begins with: the api sends its plans.
pub type Greeting = Arc<dyn Fn() -> futures::future::BoxFuture<'static, Vec<Ask>> + Send + Sync>;

impl Client {
    /// Keeps a connection to `path`; every new one begins with the `greeting`.
    pub fn start(path: PathBuf, greeting: Greeting) -> Self {
        let (asks, mut waiting) = mpsc::channel(WAITING_MAX);
        tokio::spawn(async move {
            loop {
                match connect(&path).await {
                    Ok(stream) => {
                        if let Err(error) = converse(stream, &greeting, &mut waiting).await {
                            tracing::warn!(%error, "the link to calls broke; connecting again");
                        } else {
                            return;
                        }
                    }
                    Err(_) => refuse_all(&mut waiting),
                }
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
        });
        Client { asks }
    }

    /// Asks and waits for the answer; refused when nobody is there or time is over.
    pub async fn ask(&self, ask: Ask) -> Answer {
        self.deliver(ask).await.unwrap_or_else(|NotThere(why)| Answer::Refused(why))
    }

    /// Asks and waits for the answer.
    ///
    /// # Errors
    /// When nobody is there or time is over: the question may be asked again.
    pub async fn deliver(&self, ask: Ask) -> Result<Answer, NotThere> {
        let within = match &ask {
            Ask::Drain { within_s } => Duration::from_secs(u64::from(*within_s) + 5),
            _ => ANSWER_MAX,
        };
        let (answer, answered) = oneshot::channel();
        if self.asks.try_send((ask, answer)).is_err() {
            return Err(NotThere("the switch has too many questions waiting; try again".into()));
        }
        match tokio::time::timeout(within, answered).await {
            Ok(Ok(answer)) => answer,
            _ => Err(NotThere("the switch does not answer; it may be starting".into())),
        }
    }
}

fn refuse_all(waiting: &mut mpsc::Receiver<(Ask, Waiter)>) {
    while let Ok((_, answer)) = waiting.try_recv() {
        // The asker may have given up already.
        let _ = answer.send(Err(NotThere("the switch is not running; it may be starting".into())));
    }
}

/// One connection's life. `Ok` when there is nobody left who could ask.
async fn converse(
    stream: UnixStream,
    greeting: &Greeting,
    waiting: &mut mpsc::Receiver<(Ask, Waiter)>,
) -> io::Result<()> {
    let (read, mut write) = stream.into_split();
    let (mut read, mut line) = (BufReader::new(read), Vec::new());
    let mut open: HashMap<u64, Waiter> = HashMap::new();
    let mut next_id = 0;
    for body in greeting().await {
        next_id += 1;
        send(&mut write, &Request { id: next_id, body }).await?;
    }
    loop {
        tokio::select! {
            ask = waiting.recv() => {
                let Some((body, answer)) = ask else { return Ok(()) };
                next_id += 1;
                open.retain(|_, answer| !answer.is_closed());
                open.insert(next_id, answer);
                send(&mut write, &Request { id: next_id, body }).await?;
            }
            whole = read_line(&mut read, &mut line) => {
                if !whole? {
                    return Err(io::ErrorKind::UnexpectedEof.into());
                }
                let response: Response = serde_json::from_slice(&line)?;
                line.clear();
                match (open.remove(&response.id), response.body) {
                    (Some(answer), body) => { let _ = answer.send(Ok(body)); }
                    (None, Answer::Refused(why)) => tracing::error!(%why, "the switch refused"),
                    (None, _) => {}
                }
            }
        }
    }
}

async fn send<T: serde::Serialize>(
    write: &mut (impl AsyncWriteExt + Unpin),
    value: &T,
) -> io::Result<()> {
    let mut line = serde_json::to_vec(value)?;
    line.push(b'\n');
    write.write_all(&line).await
}

/// The answering side's memory of who asked: several connections share one number space.
#[derive(Default)]
pub struct Askers {
    next: AtomicU64,
    open: Mutex<HashMap<u64, (u64, mpsc::Sender<Response>)>>,
}

impl Askers {
    /// Gives a request of one connection a number of its own.
    fn enter(&self, id: u64, back: &mpsc::Sender<Response>) -> u64 {
        let own = self.next.fetch_add(1, Ordering::Relaxed) + 1;
        let mut open = self.open.lock().expect("no panic while held");
        open.retain(|_, (_, back)| !back.is_closed());
        open.insert(own, (id, back.clone()));
        own
    }

    /// Sends an answer to whoever asked.
    pub fn answer(&self, response: Response) {
        let entry = self.open.lock().expect("no panic while held").remove(&response.id);
        if let Some((id, back)) = entry {
            // A connection that does not read loses its answers, not our time.
            let _ = back.try_send(Response { id, body: response.body });
        }
    }
}

/// Accepts connections on `listener` and hands every request to `ask`; answers come back through
/// `askers`.
pub async fn serve(
    listener: UnixListener,
    askers: Arc<Askers>,
    ask: Arc<dyn Fn(Request) + Send + Sync>,
) {
    loop {
        let stream = match listener.accept().await {
            Ok((stream, _)) => stream,
            Err(error) => {
                tracing::error!(%error, "the local socket does not accept");
                tokio::time::sleep(Duration::from_millis(200)).await;
                continue;
            }
        };
        let (askers, ask) = (askers.clone(), ask.clone());
        tokio::spawn(async move {
            let (read, mut write) = stream.into_split();
            let (back, mut answers) = mpsc::channel::<Response>(WAITING_MAX);
            tokio::spawn(async move {
                while let Some(answer) = answers.recv().await {
                    if send(&mut write, &answer).await.is_err() {
                        break;
                    }
                }
            });
            let (mut read, mut line) = (BufReader::new(read), Vec::new());
            loop {
                let request = match read_line(&mut read, &mut line).await {
                    Ok(true) => serde_json::from_slice::<Request>(&line).map_err(io::Error::from),
                    Ok(false) => return,
                    Err(error) => Err(error),
                };
                line.clear();
                match request {
                    Ok(request) => {
                        let id = askers.enter(request.id, &back);
                        ask(Request { id, body: request.body });
                    }
                    Err(error) => {
                        tracing::error!(%error, "a request on the local socket is not readable");
                        return;
                    }
                }
            }
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use terms::TenantId;

    #[tokio::test]
    async fn a_line_that_is_too_long_ends_the_connection() {
        let mut line = Vec::new();
        let mut read: &[u8] = b"12345678\n1234567890\n";
        assert!(read_line_of(9, &mut read, &mut line).await.unwrap());
        assert_eq!(line, b"12345678\n");
        line.clear();
        let error = read_line_of(9, &mut read, &mut line).await.unwrap_err();
        assert!(error.to_string().contains("more than 9 bytes"), "{error}");

        let (mut cut, mut line): (&[u8], _) = (b"123", Vec::new());
        let error = read_line_of(9, &mut cut, &mut line).await.unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::UnexpectedEof, "a sender that died in the middle");
        assert!(!read_line_of(9, &mut &b""[..], &mut Vec::new()).await.unwrap(), "a clean end");
    }

    #[tokio::test]
    async fn questions_are_answered_and_a_missing_switch_refuses_at_once() {
        let folder = tempfile::tempdir().unwrap();
        let deep = folder.path().join("x".repeat(120));
        std::fs::create_dir(&deep).unwrap();
        let path = deep.join("calls.sock");
        let client = Client::start(path.clone(), Arc::new(|| Box::pin(async { Vec::new() })));
        let ask = || Ask::State { tenant: TenantId(1) };
        assert!(
            matches!(client.ask(ask()).await, Answer::Refused(why) if why.contains("starting"))
        );

        let listener = listen(&path).unwrap();
        let askers = Arc::new(Askers::default());
        let answering = askers.clone();
        let server = tokio::spawn(serve(
            listener,
            askers,
            Arc::new(move |request| {
                answering.answer(Response { id: request.id, body: Answer::Done });
            }),
        ));
        let mut answer = client.ask(ask()).await;
        for _ in 0..50 {
            if answer == Answer::Done {
                break;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
            answer = client.ask(ask()).await;
        }
        assert_eq!(answer, Answer::Done);
        server.abort();
    }
}
