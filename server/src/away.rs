//! Database servers that the box leans on and that may be away when it starts: the one of the business
//! store and the one of the warehouse's manifest. Whoever needs them waits for them here for ever, with
//! growing pauses, and says so in the log and to whoever asks for the box's health. Only an answer
//! counts: what a server that is there refuses is told by those who open it.

use crate::config::{Config, Place};
use axum::Json;
use axum::Router;
use axum::http::{StatusCode, header};
use axum::routing::get;
use reqwest::Url;
use serde_json::json;
use sqlx::postgres::PgConnectOptions;
use std::fs::DirEntry;
use std::io;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream, UnixStream};
use warehouse::Manifest;

/// Where plans of before are kept, below the data folder.
const PLANS: &str = "plans";
/// Longest time for one answer.
const ANSWER_MAX: Duration = Duration::from_secs(10);
/// First and longest pause before a server is asked again.
const PAUSE_FIRST: Duration = Duration::from_millis(500);
const PAUSE_MAX: Duration = Duration::from_secs(5);
/// What somebody who asks too early is told to wait, in seconds.
pub const RETRY_AFTER: &str = "5";

/// A stream of either kind.
trait Socket: AsyncRead + AsyncWrite + Send + Unpin {}
impl<T: AsyncRead + AsyncWrite + Send + Unpin> Socket for T {}

/// A database server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Server {
    what: &'static str,
    user: String,
    host: String,
    port: u16,
    /// Where its socket is, when it is on this machine.
    folder: Option<PathBuf>,
}

/// Those that a configuration names.
///
/// # Errors
/// When the address of the manifest is none.
pub fn servers(config: &Config) -> Result<Vec<Server>, anyhow::Error> {
    let store = match config.store() {
        Place::Database { url, .. } => Server::of("business store", url.expose()),
        Place::File(_) => None,
    };
    let manifest = match config.manifest()? {
        Manifest::Postgres(address) => Server::of("manifest of the warehouse", &address),
        Manifest::Sqlite => None,
    };
    Ok(store.into_iter().chain(manifest).collect())
}

/// Why calls can begin before those who need a database server: one is away, and there are plans from
/// before, with which a box without its database answers calls.
///
/// # Errors
/// When the address of the manifest is none.
pub async fn calls_go_ahead(config: &Config) -> Result<Option<String>, anyhow::Error> {
    if !has_plans(&config.server.data) {
        return Ok(None);
    }
    for server in servers(config)? {
        if let Err(why) = server.answers().await {
            return Ok(Some(format!("{} does not answer: {why}", server.name())));
        }
    }
    Ok(None)
}

fn has_plans(data: &Path) -> bool {
    let is_plan = |entry: io::Result<DirEntry>| {
        entry.is_ok_and(|entry| entry.path().extension().is_some_and(|kind| kind == "json"))
    };
    std::fs::read_dir(data.join(PLANS)).is_ok_and(|mut entries| entries.any(is_plan))
}

impl Server {
    /// From its address; `None` where it is none, which is told by who opens it.
    fn of(what: &'static str, address: &str) -> Option<Self> {
        let mut url = Url::parse(address).ok()?;
        let others = url.query_pairs().filter(|(name, _)| name != "schema");
        let others: Vec<(String, String)> =
            others.map(|(name, value)| (name.into_owned(), value.into_owned())).collect();
        url.set_query(None);
        if !others.is_empty() {
            url.query_pairs_mut().extend_pairs(others);
        }
        let options = PgConnectOptions::from_str(url.as_str()).ok()?;
        let (host, port) = (options.get_host().to_owned(), options.get_port());
        let folder = options.get_socket().cloned();
        let folder = folder.or_else(|| host.starts_with('/').then(|| PathBuf::from(&host)));
        Some(Server { what, user: options.get_username().to_owned(), host, port, folder })
    }

    /// The port of one that is reached over TCP.
    pub fn port(&self) -> Option<u16> {
        self.folder.is_none().then_some(self.port)
    }

    /// How people name it: without user and password.
    pub fn name(&self) -> String {
        match &self.folder {
            Some(folder) => format!("the {} in {}:{}", self.what, folder.display(), self.port),
            None => format!("the {} at {}:{}", self.what, self.host, self.port),
        }
    }

    /// Whether it says anything to somebody who begins to sign in.
    ///
    /// # Errors
    /// Why it does not.
    pub async fn answers(&self) -> Result<(), String> {
        match tokio::time::timeout(ANSWER_MAX, self.asked()).await {
            Err(_) => Err(format!("no answer within {} s", ANSWER_MAX.as_secs())),
            Ok(Err(error)) => Err(error.to_string()),
            Ok(Ok(heard)) if heard.is_empty() => Err("it closes the connection".to_owned()),
            Ok(Ok(heard)) if is_not_ready(&heard) => Err("it starts, ends or is full".to_owned()),
            Ok(Ok(_)) => Ok(()),
        }
    }

    /// The beginning of its answer.
    async fn asked(&self) -> io::Result<Vec<u8>> {
        let mut stream: Box<dyn Socket> = match &self.folder {
            Some(folder) => {
                let socket = folder.join(format!(".s.PGSQL.{}", self.port));
                Box::new(UnixStream::connect(socket).await?)
            }
            None => Box::new(TcpStream::connect((self.host.as_str(), self.port)).await?),
        };
        stream.write_all(&hello(&self.user)).await?;
        let mut heard = vec![0; 1_024];
        let count = stream.read(&mut heard).await?;
        heard.truncate(count);
        Ok(heard)
    }
}

/// `StartupMessage` of protocol 3.0 (PostgreSQL 16, "Message Formats").
fn hello(user: &str) -> Vec<u8> {
    let rest = format!("user\0{user}\0\0");
    let mut out = ((8 + rest.len()) as u32).to_be_bytes().to_vec();
    out.extend_from_slice(&(3_u32 << 16).to_be_bytes());
    out.extend_from_slice(rest.as_bytes());
    out
}

/// `ErrorResponse` with `cannot_connect_now` or `too_many_connections`.
fn is_not_ready(heard: &[u8]) -> bool {
    let codes: [&[u8]; 2] = [b"\0C57P03\0", b"\0C53300\0"];
    heard.first() == Some(&b'E')
        && codes.iter().any(|code| heard.windows(code.len()).any(|part| part == *code))
}

/// Waits until all of them have answered. `health` is where the box is asked for its health, if this
/// process answers that: it says meanwhile for what it waits.
pub async fn wait(servers: &[Server], health: Option<SocketAddr>) {
    let mut teller = None;
    for server in servers {
        let mut pause = PAUSE_FIRST;
        while let Err(why) = server.answers().await {
            let waits = format!("{} does not answer: {why}", server.name());
            tracing::warn!(?pause, "{waits}; the box goes on when it does");
            // Strangers may ask for health: where it is and why is none of their business.
            let waits = format!("the {} does not answer; the log says why", server.what);
            match (&teller, health) {
                (None, Some(at)) => teller = Teller::start(at, waits).await,
                (Some(teller), _) => teller.says(waits),
                (None, None) => {}
            }
            tokio::time::sleep(pause).await;
            pause = (pause * 2).min(PAUSE_MAX);
        }
    }
    if let Some(teller) = teller {
        tracing::info!("all database servers answer");
        teller.stop().await;
    }
}

/// Answers in the place of the API as long as there is none.
struct Teller {
    waits: Arc<Mutex<String>>,
    serving: tokio::task::JoinHandle<()>,
}

impl Teller {
    /// `None` when the port cannot be had, which the API will say.
    async fn start(at: SocketAddr, waits: String) -> Option<Self> {
        let listener = TcpListener::bind(at).await.ok()?;
        let waits = Arc::new(Mutex::new(waits));
        let router = router(waits.clone());
        let serving = tokio::spawn(async move {
            if let Err(error) = axum::serve(listener, router).await {
                tracing::error!(%error, "the box's health cannot be told");
            }
        });
        Some(Teller { waits, serving })
    }

    fn says(&self, waits: String) {
        *self.waits.lock().expect("no panic while held") = waits;
    }

    /// Gives the port back.
    async fn stop(self) {
        self.serving.abort();
        let _ = self.serving.await;
    }
}

fn router(waits: Arc<Mutex<String>>) -> Router {
    let told = move || {
        let waits = waits.lock().expect("no panic while held").clone();
        // A connection that is kept would go on asking this process.
        let heads = [(header::RETRY_AFTER, RETRY_AFTER), (header::CONNECTION, "close")];
        let body = json!({
            "ready": false, "store": false, "warehouse": false, "calls": false, "waits_for": waits,
        });
        std::future::ready((StatusCode::SERVICE_UNAVAILABLE, heads, Json(body)))
    };
    let healthz = || async { ([(header::CONNECTION, "close")], "ok") };
    Router::new().route("/healthz", get(healthz)).fallback(told)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::value::Secret;
    use axum::body::to_bytes;
    use axum::http::Request;
    use tower::ServiceExt;

    /// A server that says `answer` to whoever comes, and the box's view of it.
    async fn saying(answer: &'static [u8]) -> Server {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        tokio::spawn(async move {
            loop {
                let (mut stream, _) = listener.accept().await.unwrap();
                let mut heard = [0; 256];
                let count = stream.read(&mut heard).await.unwrap();
                assert_eq!(heard[..count], hello("box"));
                stream.write_all(answer).await.unwrap();
            }
        });
        Server::of("business store", &format!("postgres://box:hush@127.0.0.1:{port}/calls"))
            .unwrap()
    }

    #[test]
    fn an_address_is_read_as_those_read_it_who_open_it() {
        let server =
            Server::of("manifest", "postgres://box:hush@db.example.com:5433/x?schema=y").unwrap();
        assert_eq!(server.name(), "the manifest at db.example.com:5433");
        assert_eq!((server.port(), server.user.as_str()), (Some(5433), "box"));
        let here = Server::of("manifest", "postgres:///x?host=/run/pg&user=box&schema=y").unwrap();
        assert_eq!((here.port(), here.name().as_str()), (None, "the manifest in /run/pg:5432"));
        assert_eq!(Server::of("manifest", "hush"), None);
        assert_eq!(servers(&Config::default()).unwrap(), [], "files are never away");
    }

    #[tokio::test]
    async fn only_an_answer_counts_and_not_that_of_a_server_that_starts() {
        assert_eq!(saying(b"R\0\0\0\x08\0\0\0\x03").await.answers().await, Ok(()));
        let refused = b"E\0\0\0\x20SFATAL\0C28000\0Mno entry\0\0";
        assert_eq!(saying(refused).await.answers().await, Ok(()), "it is there");
        let starts = saying(b"E\0\0\0\x20SFATAL\0C57P03\0Mstarting up\0\0").await;
        assert_eq!(starts.answers().await.unwrap_err(), "it starts, ends or is full");
        assert_eq!(saying(b"").await.answers().await.unwrap_err(), "it closes the connection");
        let free = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap().port();
        let nobody = Server { port: free, ..starts };
        assert!(nobody.answers().await.unwrap_err().contains("refused"), "nobody is there");
    }

    #[tokio::test]
    async fn calls_go_ahead_of_a_database_that_is_away_where_plans_were_kept() {
        let folder = tempfile::tempdir().unwrap();
        let free = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
        let mut config = Config::default();
        config.server.data = folder.path().to_owned();
        std::fs::create_dir(folder.path().join(PLANS)).unwrap();
        let plan = folder.path().join("plans/1.json");
        std::fs::write(&plan, "{}").unwrap();
        assert_eq!(calls_go_ahead(&config).await.unwrap(), None, "files are never away");
        let address = format!("postgres://box:hush@{free}/calls");
        config.warehouse.manifest = Secret::new(address);
        let why = calls_go_ahead(&config).await.unwrap().expect("nobody is there");
        assert!(why.contains(&free.to_string()) && !why.contains("hush"), "{why}");
        std::fs::rename(&plan, plan.with_extension("part")).unwrap();
        assert_eq!(calls_go_ahead(&config).await.unwrap(), None, "there is nothing to begin with");
    }

    #[tokio::test]
    async fn health_says_for_what_the_box_waits_until_it_does_no_more() {
        let waits =
            Arc::new(Mutex::new("the business store does not answer; the log says why".to_owned()));
        let router = router(waits);
        let ask = |path: &str| Request::get(path).body(axum::body::Body::empty()).unwrap();
        let got = router.clone().oneshot(ask("/readyz")).await.unwrap();
        assert_eq!(got.status(), StatusCode::SERVICE_UNAVAILABLE);
        assert_eq!(got.headers()[header::RETRY_AFTER], RETRY_AFTER);
        assert_eq!(got.headers()[header::CONNECTION], "close");
        let body = to_bytes(got.into_body(), 1 << 16).await.unwrap();
        let body: serde_json::Value = serde_json::from_slice(&body).unwrap();
        assert_eq!(body["ready"], false);
        assert_eq!(body["waits_for"], "the business store does not answer; the log says why");
        let alive = router.oneshot(ask("/healthz")).await.unwrap();
        assert_eq!(alive.status(), StatusCode::OK);
    }

    #[tokio::test]
    async fn whoever_waits_goes_on_when_the_server_answers_and_gives_the_port_back() {
        let late = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
        let health = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
        let address = format!("postgres://box@{late}/calls");
        let servers = [Server::of("business store", &address).unwrap()];
        let waiting = tokio::spawn(async move { wait(&servers, Some(health)).await });
        let told = loop {
            if let Ok(mut stream) = TcpStream::connect(health).await {
                stream.write_all(b"GET /readyz HTTP/1.1\r\nhost: box\r\n\r\n").await.unwrap();
                let mut told = String::new();
                stream.read_to_string(&mut told).await.unwrap();
                break told;
            }
            tokio::task::yield_now().await;
        };
        assert!(told.contains("the business store does not answer"), "{told}");
        assert!(!told.contains(&late.port().to_string()), "where it is stands in the log: {told}");
        let listener = TcpListener::bind(late).await.unwrap();
        let (mut stream, _) = listener.accept().await.unwrap();
        stream.write_all(b"R").await.unwrap();
        waiting.await.unwrap();
        assert!(TcpListener::bind(health).await.is_ok());
    }
}
