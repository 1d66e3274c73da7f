//! A source that is banned, on real sockets: its connection is closed, it gets no other, and it has one
//! again once the ban is lifted.

use crate::bench::plan;
use signaling::edge::alone;
use signaling::edge::signaling::Config;
use signaling::sip::bans::Limits;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::Path;
use std::time::Duration;
use terms::control::{Answer, Ask, Ban, BanReason, Request};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream};
use tokio::time::timeout;

const HERE: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 0);
const SCANNER: IpAddr = IpAddr::V4(Ipv4Addr::new(127, 0, 0, 66));
/// How long an answer may take on a busy machine.
const SOON: Duration = Duration::from_secs(20);

fn config(folder: &Path) -> Config {
    let bans = Limits { after: 3, ..Limits::default() };
    Config { tcp: vec![HERE], bans, ..alone::config(folder) }
}

async fn connect(from: IpAddr, to: SocketAddr) -> TcpStream {
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind(SocketAddr::new(from, 0)).unwrap();
    socket.connect(to).await.unwrap()
}

/// Asks as this tool; what is answered, and nothing where the connection is closed.
async fn ask_as(tool: &str, stream: &mut TcpStream) -> String {
    let question = format!(
        "OPTIONS sip:1001@127.0.0.1 SIP/2.0\r\n\
         Via: SIP/2.0/TCP 127.0.0.66:5999;rport;branch=z9hG4bKban\r\nMax-Forwards: 70\r\n\
         From: <sip:1001@127.0.0.1>;tag=ban\r\nTo: <sip:1001@127.0.0.1>\r\n\
         Call-ID: ban@127.0.0.66\r\nCSeq: 1 OPTIONS\r\nUser-Agent: {tool}\r\n\
         Content-Length: 0\r\n\r\n"
    );
    // One that was closed takes it, or does not.
    let _ = stream.write_all(question.as_bytes()).await;
    let mut buffer = vec![0; 4_000];
    let read = timeout(SOON, stream.read(&mut buffer)).await.expect("soon");
    String::from_utf8_lossy(&buffer[..read.unwrap_or(0)]).into_owned()
}

#[test]
fn who_is_banned_is_hung_up_on_gets_no_other_connection_and_has_one_again_when_it_is_lifted() {
    let folder = tempfile::tempdir().unwrap();
    let (signaling, answers) = alone::start(config(folder.path())).unwrap();
    let tcp = signaling.local_addrs()[1];
    let ask = |body| {
        signaling.handle().ask(Request { id: 7, body });
        answers.recv_timeout(SOON).expect("every question is answered").body
    };
    let bans = |body| -> Vec<Ban> {
        match ask(body) {
            Answer::Bans(bans) => bans,
            other => panic!("{other:?}"),
        }
    };
    assert_eq!(ask(Ask::Plan(Box::new(plan()))), Answer::Done);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let mut scanner = connect(SCANNER, tcp).await;
        for answered in [true, true, false] {
            let answer = ask_as("sipvicious", &mut scanner).await;
            assert_eq!(answer.starts_with("SIP/2.0 200"), answered, "{answer}");
        }
        assert_eq!(ask_as("a phone", &mut connect(SCANNER, tcp).await).await, "", "not another");
        let neighbour = IpAddr::V4(Ipv4Addr::new(127, 0, 0, 67));
        let answer = ask_as("a phone", &mut connect(neighbour, tcp).await).await;
        assert!(answer.starts_with("SIP/2.0 200"), "{answer}");

        let told = bans(Ask::Bans);
        let [ban] = &told[..] else { panic!("{told:?}") };
        assert_eq!((ban.address, ban.why, ban.claimed), (SCANNER, BanReason::Scanner, false));
        assert_eq!(bans(Ask::LiftBan(neighbour)), []);
        assert_eq!(bans(Ask::LiftBan(SCANNER)).len(), 1);
        let answer = ask_as("a phone", &mut connect(SCANNER, tcp).await).await;
        assert!(answer.starts_with("SIP/2.0 200"), "{answer}");
    });
    signaling.stop();
}

#[test]
fn a_ban_outlasts_an_orderly_stop_and_its_file_is_read_once() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("bans.json");
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    for (round, is_banned) in [false, true].into_iter().enumerate() {
        let (signaling, answers) = alone::start(config(folder.path())).unwrap();
        assert!(!file.exists(), "round {round}");
        let tcp = signaling.local_addrs()[1];
        let told = || {
            signaling.handle().ask(Request { id: 7, body: Ask::Bans });
            answers.recv_timeout(SOON).expect("every question is answered").body
        };
        let Answer::Bans(before) = told() else { panic!("no bans") };
        assert_eq!(!before.is_empty(), is_banned, "round {round}: {before:?}");
        runtime.block_on(async {
            let mut scanner = connect(SCANNER, tcp).await;
            while !ask_as("sipvicious", &mut scanner).await.is_empty() {}
        });
        signaling.stop();
        assert!(file.exists(), "round {round}");
    }
}
