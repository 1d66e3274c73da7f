//! Bots that do what they should, and bots that do not, over real sockets.

use super::*;
use mediacore::codec::Rate;
use mediacore::edge::bot::{self, Heard, Line};
use mediacore::mix::Frame;
use serde_json::{Value, json};
use std::net::Ipv4Addr;
use terms::{CallId, LegId, TenantId};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tokio_tungstenite::tungstenite::handshake::server::{Request, Response};

type Served = WebSocketStream<TcpStream>;

fn ask(url: &str) -> BotAsk {
    BotAsk {
        id: 7,
        call: CallId(1),
        tenant: TenantId(3),
        leg: LegId(5),
        voice: None,
        connector: Connector {
            name: "assistant".into(),
            database: Database::parse(url).unwrap(),
            user: String::new(),
            password: "hunter2".into(),
            writes: false,
            timeout_ms: 10_000,
            rows_max: 1,
        },
        talk: signaling::ivr::run::Talk {
            connector: "assistant".into(),
            wide: false,
            big_endian: false,
            language: "zh-CN".into(),
            tell: [("account".to_owned(), "4711".to_owned())].into(),
            timeout: Duration::from_secs(30),
        },
    }
}

fn steps() -> BotSteps {
    BotSteps::new(&[IpAddr::V4(Ipv4Addr::LOCALHOST)])
}

/// A bot that does this with its one caller; where it is, and what it has found out.
async fn bot_that<T, F>(does: impl FnOnce(Served) -> F + Send + 'static) -> (String, JoinHandle<T>)
where
    T: Send + 'static,
    F: Future<Output = T> + Send + 'static,
{
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("ws://{}/voice", listener.local_addr().unwrap());
    let served = tokio::spawn(async move {
        let (stream, _) = listener.accept().await.unwrap();
        #[expect(clippy::result_large_err, reason = "the crate asks for this type")]
        let judge = |request: &Request, response: Response| {
            assert_eq!(request.headers()[header::AUTHORIZATION], "Bearer hunter2");
            assert_eq!(request.uri().path(), "/voice");
            Ok(response)
        };
        does(tokio_tungstenite::accept_hdr_async(stream, judge).await.unwrap()).await
    });
    (url, served)
}

fn level(level: i16) -> Frame {
    Frame::from_samples(Rate::Narrow, &[level; 160])
}

/// Stands in for a media core: the caller presses 5 and says one level, and hears at most so many
/// frames until the bot takes something back. What was heard, once the talk is over.
async fn core(mut line: Line, mut heard_max: usize) -> Vec<Frame> {
    let mut said = Vec::new();
    line.hears(Heard::Key('5'));
    while !line.is_over() {
        line.hears(Heard::Sound(level(5_000)));
        if line.is_hushed() {
            heard_max = usize::MAX;
        }
        while said.len() < heard_max
            && let Some(frame) = line.said()
        {
            said.push(frame);
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    said
}

/// How the talk with this bot ends, and what was heard of it.
async fn talk(url: &str, heard_max: usize) -> (Result<Parting, Fault>, Vec<Frame>) {
    let (line, bot) = bot::line(Rate::Narrow, None);
    let core = tokio::spawn(core(line, heard_max));
    let done = steps().run(ask(url), bot).await;
    assert_eq!(done.id, 7);
    (done.result, core.await.unwrap())
}

fn words(message: &Message) -> Option<Value> {
    message.is_text().then(|| serde_json::from_str(message.to_text().unwrap()).unwrap())
}

/// Everything up to and with the first that fits.
async fn until(socket: &mut Served, fits: impl Fn(&Message) -> bool) -> Vec<Message> {
    let mut got = Vec::new();
    while got.last().is_none_or(|last| !fits(last)) {
        got.push(socket.next().await.expect("it goes on").expect("it is whole"));
    }
    got
}

fn is_word(kind: &'static str) -> impl Fn(&Message) -> bool {
    move |message| words(message).is_some_and(|words| words["type"] == kind)
}

/// So many frames of one level, as a bot says them.
fn sound(frames: usize, level: i16) -> Message {
    Message::binary(level.to_le_bytes().repeat(160 * frames))
}

fn text(value: &Value) -> Message {
    Message::text(value.to_string())
}

#[tokio::test]
async fn a_bot_hears_is_told_of_keys_speaks_and_says_how_it_came_out() {
    let (url, served) = bot_that(|mut socket| async move {
        let start = until(&mut socket, is_word("start")).await;
        let key = until(&mut socket, is_word("key")).await;
        let heard = until(&mut socket, Message::is_binary).await;
        let next = until(&mut socket, Message::is_binary).await;
        socket.send(sound(3, 3_000)).await.unwrap();
        let told = until(&mut socket, is_word("heard")).await;
        let values = json!({"note": "<b>x</b>\u{7}", "other": "y"});
        socket.send(text(&json!({"type": "set", "values": values}))).await.unwrap();
        let done = json!({"type": "done", "outcome": "paid", "transfer": "queue:7"});
        socket.send(text(&done)).await.unwrap();
        let stop = until(&mut socket, is_word("stop")).await;
        (start, key, heard, next, told, stop)
    })
    .await;
    let (end, said) = talk(&url, usize::MAX).await;
    let set = [("note", "<b>x</b>"), ("other", "y")];
    let set = set.map(|(name, value)| (name.to_owned(), value.to_owned())).into();
    let parting = Parting { outcome: "paid".into(), transfer: "queue:7".into(), set };
    assert_eq!(end, Ok(parting), "HTML is text, and no bell rings");
    assert_eq!(said, [level(3_000); 3]);

    let (start, key, heard, next, _, stop) = served.await.unwrap();
    let audio = json!({"encoding": "L16", "sample_hz": 8_000, "channels": 1, "endian": "little",
        "frame_ms": 20});
    let begin = json!({"type": "start", "format": 1, "call": CallId(1).to_string(),
        "connector": "assistant", "language": "zh-CN", "audio": audio,
        "data": {"account": "4711"}});
    assert_eq!(words(&start[0]), Some(begin));
    assert_eq!(words(key.last().unwrap()), Some(json!({"type": "key", "key": "5"})));
    assert_eq!(words(stop.last().unwrap()).unwrap()["why"], "done");
    let octets = |got: &[Message]| got.last().unwrap().clone().into_data();
    let (heard, next) = (octets(&heard), octets(&next));
    let number = |octets: &[u8], at: usize| {
        u32::from_be_bytes(octets[at..at + 4].try_into().expect("four octets"))
    };
    assert_eq!(number(&next, 0), number(&heard, 0) + 1);
    assert_eq!(number(&next, 4), number(&next, 0) * 20, "20 ms each");
    assert_eq!(heard[8..], 5_000_i16.to_le_bytes().repeat(160));
}

#[tokio::test]
async fn what_a_bot_takes_back_is_not_heard() {
    let (url, _served) = bot_that(|mut socket| async move {
        socket.send(sound(100, 3_000)).await.unwrap();
        until(&mut socket, Message::is_binary).await;
        socket.send(text(&json!({"type": "clear"}))).await.unwrap();
        socket.send(sound(5, 7_000)).await.unwrap();
        socket.send(text(&json!({"type": "done", "outcome": "cut"}))).await.unwrap();
        until(&mut socket, is_word("stop")).await;
    })
    .await;
    let (end, said) = talk(&url, 3).await;
    assert_eq!(end.map(|parting| parting.outcome), Ok("cut".to_owned()));
    let before = said.len() - 5;
    assert!(before <= 3, "{before} frames of what was taken back");
    assert_eq!(said[before..], [level(7_000); 5], "what follows is whole");
}

#[tokio::test]
async fn a_bot_that_leaves_at_once_is_heard_to_its_end() {
    let (url, _served) = bot_that(|mut socket| async move {
        until(&mut socket, is_word("start")).await;
        socket.send(sound(20, 3_000)).await.unwrap();
        socket.send(text(&json!({"type": "done"}))).await.unwrap();
        socket.close(None).await.unwrap();
        while let Some(Ok(_)) = socket.next().await {}
    })
    .await;
    let (end, said) = talk(&url, usize::MAX).await;
    assert_eq!(end, Ok(Parting::default()));
    assert_eq!(said, [level(3_000); 20]);
}

#[tokio::test]
async fn whatever_a_bot_may_not_do_ends_the_talk_and_gives_the_caller_back() {
    let long = "x".repeat(60_000);
    let flood = json!({"type": "set", "values": {"a": long}});
    let many: serde_json::Map<String, Value> =
        (0..65).map(|n| (format!("a{n}"), json!("b"))).collect();
    let many = json!({"type": "set", "values": many});
    for (messages, why) in [
        (vec![Message::text("<html>hello</html>")], "not JSON"),
        (vec![text(&json!({"type": "shout"}))], "not one of clear"),
        (vec![Message::binary(vec![1, 2, 3])], "no whole samples"),
        (vec![Message::binary(vec![0; 70_000])], "too long"),
        (vec![Message::text("x".repeat(70_000))], "too long"),
        (vec![sound(150, 1); 20], "30 s ahead"),
        (vec![text(&flood); 64], "octets in a second"),
        (vec![text(&many)], "more than 64 variables"),
        (vec![Message::Close(None)], "hung up before"),
    ] {
        let (url, _served) = bot_that(|mut socket| async move {
            for message in messages {
                // It may have been hung up on.
                let _ = socket.send(message).await;
            }
            while let Some(Ok(_)) = socket.next().await {}
        })
        .await;
        let (end, _) = talk(&url, 0).await;
        let Err(Fault::Failed(told)) = end else { panic!("{why}: {end:?}") };
        assert!(told.contains(why), "{why}: {told}");
    }
}

#[tokio::test]
async fn a_bot_that_is_not_there_and_one_that_says_nothing_hold_nobody() {
    let (_line, bot) = bot::line(Rate::Narrow, None);
    let inside = BotSteps::new(&[]).run(ask("ws://127.0.0.1:1/"), bot).await;
    let Err(Fault::Failed(told)) = inside.result else { panic!("it is inside") };
    assert!(told.contains("ivr.http_allowed"), "{told}");

    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let mute = format!("ws://{}/", listener.local_addr().unwrap());
    let mut asked = ask(&mute);
    asked.connector.timeout_ms = 100;
    let (line, bot) = bot::line(Rate::Narrow, None);
    let done = steps().run(asked, bot).await;
    let Err(Fault::Failed(told)) = done.result else { panic!("it says nothing") };
    assert!(told.contains("not connected"), "{told}");
    assert!(line.is_over(), "the caller is free");

    let (url, _served) =
        bot_that(|mut socket| async move { while let Some(Ok(_)) = socket.next().await {} }).await;
    let mut asked = ask(&url);
    asked.talk.timeout = Duration::from_millis(500);
    let (_line, bot) = bot::line(Rate::Narrow, None);
    assert_eq!(steps().run(asked, bot).await.result, Err(Fault::Late));
}

#[tokio::test]
async fn a_bot_is_told_that_its_caller_is_gone() {
    let (url, served) =
        bot_that(|mut socket| async move { until(&mut socket, is_word("stop")).await }).await;
    let (line, bot) = bot::line(Rate::Narrow, None);
    let talk = tokio::spawn(async move { steps().run(ask(&url), bot).await });
    drop(line);
    assert_eq!(talk.await.unwrap().result, Err(Fault::Failed(talk::GONE.to_owned())));
    assert_eq!(words(served.await.unwrap().last().unwrap()).unwrap()["why"], "gone");
}
