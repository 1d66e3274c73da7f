//! A bot of the tenant has a caller: it hears their tone, answers with its own, is told of a key and
//! says how it came out.

use super::seconds;
use serde_json::{Value, json};
use std::net::{TcpListener, TcpStream};
use std::sync::mpsc;
use std::thread::JoinHandle;
use tests::house::{House, Options, wait_for};
use tests::peer::sipp::{Act, Caller};
use tests::peer::voice::Voice;
use tests::sound::{share_at, tone};
use tokio_tungstenite::tungstenite::{self, Message, WebSocket};

const NUMBER: &str = "95105692";
const SECRET: &str = "of-the-bot-alone";
const CALLER_HZ: f64 = 440.0;
const BOT_HZ: u32 = 1_000;
/// Frames of the caller that the bot listens to.
const LISTENS: usize = 100;

/// What the bot has found out.
struct Learned {
    start: Value,
    samples: Vec<i16>,
    keys: String,
}

pub fn a_bot_hears_a_caller_answers_with_a_tone_and_says_how_it_came_out(backend: &str) {
    let (port, answered, bot) = bot();
    let config = "[ivr]\nhttp_allowed = [\"127.0.0.1\"]\n".into();
    let house = House::start(Options { backend: backend.into(), config, ..Options::default() });
    let connector = json!({"address": format!("ws://127.0.0.1:{port}/voice"), "password": SECRET});
    let (status, body) = house.put_json("/api/v1/connectors/assistant", &connector);
    assert_eq!(status, 200, "{body}");
    assert!(!body.to_string().contains(SECRET));
    answers(&house);

    let voice = Voice::start(CALLER_HZ);
    let caller = Caller {
        media_port: Some(voice.port()),
        ..Caller::new("13500135000", NUMBER, vec![Act::WaitForBye])
    };
    let running = caller.call(house.sip, house.scratch());
    answered.recv_timeout(seconds(30)).expect("the caller has heard the bot");
    voice.press(5);
    running.finish();
    let heard = voice.finish().all();
    let loud = heard.chunks(800).filter(|piece| share_at(piece, f64::from(BOT_HZ)) > 0.8).count();
    assert!(loud >= 6, "{loud} tenths of a second of the bot's tone");

    let learned = bot.join().expect("the bot has done");
    assert_eq!(learned.start["data"], json!({"who": "+8613500135000"}));
    assert_eq!(learned.start["audio"]["sample_hz"], 8_000);
    let share = share_at(&learned.samples[learned.samples.len() / 2..], CALLER_HZ);
    assert!(share > 0.8, "{share:.2} of what the bot hears is the caller's tone");
    assert_eq!(learned.keys, "5");
    let exit = wait_for("the step of the bot", seconds(20), || {
        let rows = house.sql("SELECT exit FROM ivr_steps WHERE kind = 'bot'");
        rows.first().map(|row| row["exit"].clone())
    });
    assert_eq!(exit, "paid");
    assert!(!house.log().contains(SECRET));
}

/// A bot for one caller: where it is, when its tone was heard, and what it learns.
fn bot() -> (u16, mpsc::Receiver<()>, JoinHandle<Learned>) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = listener.local_addr().expect("its own address").port();
    let (tell, answered) = mpsc::channel();
    let served = std::thread::spawn(move || {
        let (stream, _) = listener.accept().expect("the box connects");
        let mut socket = tungstenite::accept(stream).expect("it speaks WebSocket");
        serve(&mut socket, &tell)
    });
    (port, answered, served)
}

fn serve(socket: &mut WebSocket<TcpStream>, tell: &mpsc::Sender<()>) -> Learned {
    let mut learned = Learned { start: Value::Null, samples: Vec::new(), keys: String::new() };
    let mut frames = 0;
    loop {
        let message = match socket.read().expect("the box says when it is over") {
            Message::Binary(octets) => {
                let samples = octets[8..].chunks_exact(2);
                let samples = samples.map(|pair| i16::from_le_bytes([pair[0], pair[1]]));
                learned.samples.extend(samples);
                frames += 1;
                if frames == LISTENS {
                    let said = tone(BOT_HZ, 1).into_iter().flat_map(i16::to_le_bytes);
                    socket.send(Message::binary(said.collect::<Vec<u8>>())).expect("it listens");
                }
                continue;
            }
            Message::Text(text) => serde_json::from_str::<Value>(&text).expect("JSON"),
            _ => continue,
        };
        match message["type"].as_str() {
            Some("start") => learned.start = message,
            Some("heard") => tell.send(()).expect("the test waits"),
            Some("key") => {
                learned.keys.push_str(message["key"].as_str().expect("a key"));
                let done = json!({"type": "done", "outcome": "paid"});
                socket.send(Message::text(done.to_string())).expect("it listens");
            }
            Some("stop") => return learned,
            _ => {}
        }
    }
}

/// Publishes the flow and has it answer the number.
fn answers(house: &House) {
    let document = json!({"format": 1, "start": "talk", "steps": {
        "talk": {"kind": "bot", "connector": "assistant", "tell": {"who": "${caller}"},
            "timeout_s": 60, "outcomes": {"paid": "bye"}, "done": "bye",
            "on": {"error": "bye", "timeout": "bye"}},
        "bye": {"kind": "hangup"}}});
    let draft = json!({"name": "helped", "document": document});
    let (status, body) = house.post("/api/v1/flows", &draft);
    assert_eq!(status, 201, "{body}");
    let flow = body["id"].as_str().expect("an id").to_owned();
    let publish = format!("/api/v1/flows/{flow}/publish");
    let (status, body) = house.post(&publish, &json!({"revision": 1}));
    assert_eq!(status, 201, "{body}");
    let number = json!({"digits": NUMBER, "target": {"flow": flow}});
    let (status, body) = house.post("/api/v1/numbers", &number);
    assert_eq!(status, 201, "{body}");
}
