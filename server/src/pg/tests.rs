//! The door from the outside, as a client of the protocol that is up to no good.

mod talk;

use super::*;
use crate::api::links::SystemClock;
use crate::work::jobs::{Done, Job, Problem};
use desk::bootstrap::{Defaults, First};
use desk::team::Limits;
use desk::token::{NewToken, Token};
use desk::user::NewUser;
use desk::{By, Role};
use futures::future::BoxFuture;
use rustls::pki_types::ServerName;
use serde_json::json;
use signaling::edge::tls::{Files, authorities};
use terms::Timestamp;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWriteExt};
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

/// Nobody who is not signed in reaches the worker.
struct Nowhere;

impl WorkLink for Nowhere {
    fn run(&self, _: Job) -> BoxFuture<'_, Result<Done, Problem>> {
        panic!("a stranger asked the worker")
    }
}

struct Rig {
    _folder: tempfile::TempDir,
    counts: Arc<Counts>,
    at: SocketAddr,
    user: String,
}

/// A store with its first people.
async fn store(folder: &tempfile::TempDir) -> (Store, First) {
    let store = Store::open(folder.path().join("desk.db").to_str().unwrap()).await.unwrap();
    let defaults = Defaults::with_flow(json!({"start": "hello", "steps": {}}));
    let at = SystemClock::default().wall();
    let first = store.bootstrap(&defaults, at).await.unwrap().expect("the store was empty");
    (store, first)
}

/// A token for SQL of the administrator.
async fn sql_token(store: &Store, first: &First, at: Timestamp) -> (By, Token) {
    let (login, password) = &first.administrator;
    let who = store.sign_in(None, login, password.expose()).await.unwrap().unwrap();
    let by = By { user: Some(who.user), source: "192.0.2.1".into(), at };
    let new = NewToken { name: "BI".into(), role: Role::Manager, days: 1, sql: true };
    let (token, _) = store.create_token(who.tenant, &by, who.user, &new).await.unwrap();
    (by, token)
}

async fn rig() -> Rig {
    rig_with(None).await
}

async fn rig_with(certificate: Option<Arc<Certificate>>) -> Rig {
    let folder = tempfile::tempdir().unwrap();
    let (store, first) = store(&folder).await;
    let clock = SystemClock::default();
    let (_, token) = sql_token(&store, &first, clock.wall()).await;
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let at = listener.local_addr().unwrap();
    let (clock, counts) = (Arc::new(clock), Arc::<Counts>::default());
    let door =
        Door::new(&Config::default(), store, Arc::new(Nowhere), clock, certificate, counts.clone());
    tokio::spawn(Arc::new(door).serve(listener));
    Rig { _folder: folder, counts, at, user: token.sql_user.unwrap() }
}

impl Rig {
    async fn connect(&self) -> TcpStream {
        TcpStream::connect(self.at).await.unwrap()
    }
}

/// A first message.
fn first(code: u32, rest: &[u8]) -> Vec<u8> {
    let mut out = ((8 + rest.len()) as u32).to_be_bytes().to_vec();
    out.extend_from_slice(&code.to_be_bytes());
    out.extend_from_slice(rest);
    out
}

fn hello(user: &str) -> Vec<u8> {
    first(3 << 16, format!("user\0{user}\0database\0switchgrid\0\0").as_bytes())
}

/// A message with a letter.
fn message(letter: u8, body: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    super::message::put(&mut out, letter, |out| out.extend_from_slice(body));
    out
}

/// All that the door says until it closes.
async fn rest(mut stream: impl AsyncRead + Unpin) -> String {
    let mut heard = Vec::new();
    // A door that closes on unread bytes resets the connection.
    let _ = stream.read_to_end(&mut heard).await;
    String::from_utf8_lossy(&heard).into_owned()
}

/// A sign-in with a proof that is none.
async fn guess(rig: &Rig, user: &str) -> String {
    let mut stream = rig.connect().await;
    stream.write_all(&hello(user)).await.unwrap();
    let first = b"SCRAM-SHA-256\0\0\0\0\x0en,,n=,r=abcdef";
    stream.write_all(&message(b'p', first)).await.unwrap();
    let mut heard = Vec::new();
    let nonce = loop {
        let mut piece = [0; 512];
        let count = stream.read(&mut piece).await.unwrap();
        heard.extend_from_slice(&piece[..count]);
        let text = String::from_utf8_lossy(&heard).into_owned();
        match text.split_once("r=abcdef") {
            Some((_, nonce)) if nonce.contains(",i=") => {
                break format!("abcdef{}", nonce.split(',').next().unwrap());
            }
            _ if count == 0 => return text,
            _ => {}
        }
    };
    let last = format!("c=biws,r={nonce},p={}=", "A".repeat(43));
    stream.write_all(&message(b'p', last.as_bytes())).await.unwrap();
    rest(stream).await
}

#[tokio::test]
async fn a_wrong_proof_and_a_name_that_nobody_has_are_refused_alike() {
    let rig = rig().await;
    let wrong = guess(&rig, &rig.user).await;
    assert!(
        wrong.contains("C28P01") && wrong.contains("the name or the secret is wrong"),
        "{wrong}"
    );
    assert_eq!(guess(&rig, "sql_999999").await, wrong);
    assert_eq!(guess(&rig, "' OR 1=1 --").await, wrong);
    assert_eq!((rig.counts.counted().turned_away, rig.counts.counted().signed_in), (3, 0));
}

#[tokio::test]
async fn a_guesser_is_locked_out() {
    let rig = rig().await;
    for _ in 0..desk::lockout::FAILURES_MAX {
        assert!(guess(&rig, &rig.user).await.contains("C28P01"));
    }
    let mut stream = rig.connect().await;
    stream.write_all(&hello(&rig.user)).await.unwrap();
    let heard = rest(stream).await;
    assert!(heard.contains("too many failures from this address"), "{heard}");
}

#[tokio::test]
async fn a_stranger_is_answered_nothing() {
    let rig = rig().await;
    let mut stream = rig.connect().await;
    stream.write_all(&hello(&rig.user)).await.unwrap();
    stream.write_all(&message(b'Q', b"SELECT 1\0")).await.unwrap();
    let heard = rest(stream).await;
    assert!(heard.contains("C08P01"), "{heard}");

    for (said, known) in [
        (first(2 << 16, b"\0"), "protocol 2.0 is not spoken here"),
        (first(3 << 16, b"user\0a\0database\0other\0\0"), "there is one database"),
        (first(3 << 16, b"\0"), "a user name is needed"),
        (first(3 << 16, b"user\0a"), "cannot be read"),
    ] {
        let mut stream = rig.connect().await;
        stream.write_all(&said).await.unwrap();
        let heard = rest(stream).await;
        assert!(heard.contains(known), "{heard}");
    }
    // A length that no first message has, and a request to cancel what nobody runs.
    for said in [b"\xff\xff\xff\xff".to_vec(), first(80_877_102, &[0; 8])] {
        let mut stream = rig.connect().await;
        stream.write_all(&said).await.unwrap();
        assert_eq!(rest(stream).await, "");
    }
}

#[tokio::test]
async fn a_question_reads_what_its_asker_sees() {
    let folder = tempfile::tempdir().unwrap();
    let (store, first) = store(&folder).await;
    let at = SystemClock::default().wall();
    let by = By::system("test", at);
    let new = NewUser {
        login: "wang".into(),
        name: "王".into(),
        role: Role::Manager,
        password: "a-good-password".into(),
    };
    let (tenant, user) = (first.tenant, store.create_user(first.tenant, &by, &new).await.unwrap());
    let new = NewToken { name: "BI".into(), role: Role::Manager, days: 1, sql: true };
    let (token, _) = store.create_token(tenant, &by, user.id, &new).await.unwrap();
    let scope = async || {
        let who = ask::still_good(&store, token.id, at).await.unwrap();
        ask::scope(&store, &who).await.unwrap()
    };
    let whole = scope().await;
    assert_eq!((whole.queues, whole.agents, whole.mask_numbers), (None, None, false));
    let queue = store.queues(tenant).await.unwrap()[0].id;
    let limits = Limits { mask_numbers: true, queues: Some(vec![queue]) };
    store.set_user_limits(tenant, &by, user.id, &limits).await.unwrap();
    let seen = scope().await;
    assert_eq!((seen.queues, seen.agents), (Some(vec![queue]), Some(Vec::new())));
    assert!(seen.mask_numbers, "an open connection reads by it from its next question on");
}

/// A worker that never answers.
struct Endless;

impl WorkLink for Endless {
    fn run(&self, _: Job) -> BoxFuture<'_, Result<Done, Problem>> {
        Box::pin(std::future::pending())
    }
}

#[tokio::test]
async fn a_question_ends_when_that_is_asked_and_a_token_that_was_taken_back_asks_none() {
    let folder = tempfile::tempdir().unwrap();
    let (store, first) = store(&folder).await;
    let clock = SystemClock::default();
    let (by, token) = sql_token(&store, &first, clock.wall()).await;
    let (config, counts) = (Config::default(), Arc::default());
    let door = Door::new(&config, store.clone(), Arc::new(Endless), Arc::new(clock), None, counts);
    let user = token.sql_user.clone().unwrap();
    let asker = ask::Asker { token: token.id, user, source: IpAddr::from([127, 0, 0, 1]) };
    let registered = door.cancels.register();
    let want = || crate::work::wire::Want::Rows { parameters: Vec::new(), binary: Vec::new() };
    let cancelling = async {
        loop {
            door.cancels.cancel(registered.number, registered.secret);
            tokio::task::yield_now().await;
        }
    };
    let asking = door.ask(&asker, "SELECT 1", want(), &registered.cancelled);
    let refusal = tokio::select! {
        answered = asking => answered.unwrap_err(),
        () = cancelling => unreachable!("it goes on for ever"),
    };
    assert_eq!(refusal.code, "57014");
    assert_eq!(door.counts.counted().questions, [0, 0, 0, 1]);

    store.revoke_token(first.tenant, &by, token.id, None).await.unwrap();
    let asking = door.ask(&asker, "SELECT 1", want(), &registered.cancelled).await;
    assert_eq!(asking.unwrap_err().code, "28000");
}

#[tokio::test]
async fn a_box_without_a_certificate_says_that_it_has_no_tls() {
    let rig = rig().await;
    let mut stream = rig.connect().await;
    stream.write_all(&first(80_877_103, b"")).await.unwrap();
    assert_eq!(stream.read_u8().await.unwrap(), b'N');
    stream.write_all(&first(80_877_104, b"")).await.unwrap();
    assert_eq!(stream.read_u8().await.unwrap(), b'N');
    stream.write_all(&hello("sql_999")).await.unwrap();
    assert_eq!(stream.read_u8().await.unwrap(), b'R', "the start goes on in clear");
}

/// A client of `rig` that sees the certificate of this PEM text.
async fn tls(rig: &Rig, pem: &str) -> TlsStream<TcpStream> {
    let mut stream = rig.connect().await;
    stream.write_all(&first(80_877_103, b"")).await.unwrap();
    assert_eq!(stream.read_u8().await.unwrap(), b'S');
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(authorities(pem).unwrap())
        .with_no_client_auth();
    let name = ServerName::try_from("localhost").unwrap();
    TlsConnector::from(Arc::new(config)).connect(name, stream).await.unwrap()
}

#[tokio::test]
async fn who_says_that_binding_was_not_offered_under_tls_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let made = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap();
    let files =
        Files { certificate: folder.path().join("cert.pem"), key: folder.path().join("key.pem") };
    std::fs::write(&files.certificate, made.cert.pem()).unwrap();
    std::fs::write(&files.key, made.signing_key.serialize_pem()).unwrap();
    let rig = rig_with(Some(Arc::new(Certificate::open(files).unwrap()))).await;
    for (mechanism, flag, said) in [
        ("SCRAM-SHA-256", "y", "C28000\0Mthe offer of channel binding did not reach the client"),
        ("SCRAM-SHA-256-PLUS", "p=tls-unique", "C28000\0Mthis channel binding is not offered"),
        ("SCRAM-SHA-256-PLUS", "n", "C08P01"),
    ] {
        let mut stream = tls(&rig, &made.cert.pem()).await;
        stream.write_all(&hello(&rig.user)).await.unwrap();
        let first = format!("{flag},,n=,r=abcdef");
        let mut body = format!("{mechanism}\0").into_bytes();
        body.extend_from_slice(&(first.len() as u32).to_be_bytes());
        body.extend_from_slice(first.as_bytes());
        stream.write_all(&message(b'p', &body)).await.unwrap();
        let heard = rest(stream).await;
        assert!(heard.contains("SCRAM-SHA-256-PLUS\0SCRAM-SHA-256\0\0"), "{heard}");
        assert!(heard.contains(said), "{heard}");
    }
    let mut stream = rig.connect().await;
    stream.write_all(&hello(&rig.user)).await.unwrap();
    stream.write_all(&message(b'Q', b"\0")).await.unwrap();
    let heard = rest(stream).await;
    assert!(heard.contains("SCRAM-SHA-256\0\0") && !heard.contains("PLUS"), "{heard}");
}

#[tokio::test]
async fn a_client_that_is_gone_without_a_word_is_noticed() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let stream = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
    watched(&stream).unwrap();
    let socket = SockRef::from(&stream);
    assert!(socket.keepalive().unwrap());
    assert_eq!(socket.tcp_keepalive_time().unwrap(), SILENT_MAX);
    assert_eq!(socket.tcp_user_timeout().unwrap(), Some(Duration::from_secs(120)));
}

#[tokio::test]
async fn only_this_machine_may_come_in_clear() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(folder.path().join("desk.db").to_str().unwrap()).await.unwrap();
    let door = |config: &Config| {
        let clock = Arc::new(SystemClock::default());
        Door::new(config, store.clone(), Arc::new(Nowhere), clock, None, Arc::default())
    };
    let mut config = Config::default();
    let (here, there) = ("::ffff:127.0.0.1".parse().unwrap(), "192.0.2.1".parse().unwrap());
    assert!(door(&config).may_be_plain(here));
    assert!(!door(&config).may_be_plain(there));
    config.sql.postgres_plain = true;
    assert!(door(&config).may_be_plain(there));
}
