//! A connection that is signed in, before a worker that knows three rows: copies and cursors in the
//! messages that clients send.

use super::*;
use crate::pg::message::Wire;
use crate::pg::session::Session;
use crate::work::wire::{Want, WireHead};
use terms::TenantId;
use tokio::io::DuplexStream;
use warehouse::wire::{Kind, WireColumn};

/// What the worker is asked.
const NUMBERS: &str = "SELECT n FROM numbers";

/// Knows the numbers 7, 8 and 9.
#[derive(Default)]
struct Numbers {
    /// How rows were asked for.
    asked: Mutex<Vec<Vec<bool>>>,
}

impl WorkLink for Numbers {
    fn run(&self, job: Job) -> BoxFuture<'_, Result<Done, Problem>> {
        let Job::Wire(job) = job else { panic!("no other job is asked for") };
        assert_eq!(job.sql.trim(), NUMBERS);
        let columns = vec![WireColumn { name: "n".to_owned(), kind: Kind::Int8 }];
        let head = WireHead::Columns { parameters: Vec::new(), columns };
        let mut body = serde_json::to_vec(&head).unwrap();
        body.push(b'\n');
        if let Want::Rows { binary, .. } = job.want {
            let is_binary = binary == [true];
            for number in 7_i64..10 {
                let cell = number.to_be_bytes().to_vec();
                let cell = if is_binary { cell } else { number.to_string().into_bytes() };
                crate::pg::message::put(&mut body, b'D', |out| {
                    out.extend_from_slice(&1_u16.to_be_bytes());
                    out.extend_from_slice(&(cell.len() as u32).to_be_bytes());
                    out.extend_from_slice(&cell);
                });
            }
            self.asked.lock().unwrap().push(binary);
        }
        let done = Done { content_type: String::new(), truncated: false, body };
        Box::pin(std::future::ready(Ok(done)))
    }
}

/// A client of such a connection.
struct Talk {
    _folder: tempfile::TempDir,
    store: Store,
    tenant: TenantId,
    numbers: Arc<Numbers>,
    client: DuplexStream,
}

async fn talk() -> Talk {
    let folder = tempfile::tempdir().unwrap();
    let (store, first) = store(&folder).await;
    let clock = SystemClock::default();
    let (_, token) = sql_token(&store, &first, clock.wall()).await;
    let numbers = Arc::new(Numbers::default());
    let door = Door::new(&Config::default(), store.clone(), numbers.clone(), Arc::new(clock), None);
    let door = Arc::new(door);
    let (client, ours) = tokio::io::duplex(1 << 16);
    let place = door.signed_in.clone().try_acquire_owned().unwrap();
    let registered = door.cancels.register();
    let who = (token.id, token.sql_user.unwrap(), IpAddr::from([127, 0, 0, 1]));
    let session = Session::new(door, Wire::new(Box::new(ours)), registered, place, who);
    tokio::spawn(session.run());
    let mut talk = Talk { _folder: folder, store, tenant: first.tenant, numbers, client };
    assert_eq!(talk.heard().await.len(), 1, "it is ready");
    talk
}

impl Talk {
    /// The messages up to the next `ReadyForQuery`.
    async fn heard(&mut self) -> Vec<(u8, Vec<u8>)> {
        let mut heard = Vec::new();
        loop {
            let letter = self.client.read_u8().await.unwrap();
            let length = self.client.read_u32().await.unwrap() as usize;
            let mut body = vec![0; length - 4];
            self.client.read_exact(&mut body).await.unwrap();
            heard.push((letter, body));
            if letter == b'Z' {
                return heard;
            }
        }
    }

    /// What is answered to a text: the letters, and the rows, tags and codes of refusals as text.
    async fn simple(&mut self, sql: &str) -> String {
        self.client.write_all(&message(b'Q', format!("{sql}\0").as_bytes())).await.unwrap();
        let heard = self.heard().await;
        heard.iter().filter_map(|(letter, body)| shown(*letter, body)).collect::<Vec<_>>().join(" ")
    }

    /// What was asked for rows, as the audit table has it: the latest first.
    async fn noted(&self) -> Vec<(bool, String, String)> {
        let rows = self.store.audit(self.tenant, None, 100).await.unwrap();
        let asked = rows.into_iter().filter(|row| row.action == "sql.ask");
        asked.map(|row| (row.user.is_some(), row.source, row.subject)).collect()
    }

    async fn send(&mut self, parts: &[(u8, &[u8])]) -> Vec<(u8, Vec<u8>)> {
        for (letter, body) in parts {
            self.client.write_all(&message(*letter, body)).await.unwrap();
        }
        self.client.write_all(&message(b'S', b"")).await.unwrap();
        self.heard().await
    }
}

fn shown(letter: u8, body: &[u8]) -> Option<String> {
    let text = String::from_utf8_lossy(body).into_owned();
    match letter {
        // Behind the count of cells and the length of the one there is.
        b'D' => Some(text[6..].to_owned()),
        b'C' => Some(format!("[{}]", text.trim_end_matches('\0'))),
        b'd' => Some(text.replace('\n', "/")),
        b'E' => text.split('\0').find_map(|field| field.strip_prefix('C')).map(str::to_owned),
        _ => None,
    }
}

fn letters(heard: &[(u8, Vec<u8>)]) -> String {
    heard.iter().map(|(letter, _)| char::from(*letter)).collect()
}

#[tokio::test]
async fn who_asks_for_rows_stands_in_the_audit_table() {
    let mut talk = talk().await;
    assert_eq!(talk.simple(NUMBERS).await, "7 8 9 [SELECT 3]");
    let row = (true, "127.0.0.1".to_owned(), NUMBERS.to_owned());
    assert_eq!(talk.noted().await, [row.clone()]);
    let parse = format!("s\0{NUMBERS}\0\0\0");
    talk.send(&[(b'P', parse.as_bytes()), (b'D', b"Ss\0")]).await;
    assert_eq!(talk.noted().await, [row.clone()], "what it is about gives no row");
    talk.send(&[(b'B', b"\0s\0\0\0\0\0\0\0"), (b'E', b"\0\0\0\0\0")]).await;
    assert_eq!(talk.noted().await, [row.clone(), row]);
}

#[tokio::test]
async fn a_cursor_is_fetched_by_the_piece_and_ends_with_its_transaction() {
    let mut talk = talk().await;
    assert_eq!(talk.simple(&format!("DECLARE c CURSOR FOR {NUMBERS}")).await, "25P01");
    let begun = talk.simple(&format!("BEGIN; DECLARE c CURSOR FOR {NUMBERS}")).await;
    assert_eq!(begun, "[BEGIN] [DECLARE CURSOR]");
    assert!(talk.numbers.asked.lock().unwrap().is_empty(), "nobody wants a row yet");
    assert_eq!(talk.simple("FETCH c").await, "7 [FETCH 1]");
    assert_eq!(talk.simple("MOVE c; FETCH FORWARD 5 FROM c").await, "[MOVE 1] 9 [FETCH 1]");
    assert_eq!(talk.simple("FETCH ALL c").await, "[FETCH 0]");
    assert_eq!(talk.numbers.asked.lock().unwrap().len(), 1, "it is one question");
    assert_eq!(talk.simple("COMMIT; FETCH c").await, "[COMMIT] 34000");

    let held = talk.simple(&format!("DECLARE h CURSOR WITH HOLD FOR {NUMBERS}")).await;
    assert_eq!(held, "[DECLARE CURSOR]");
    assert_eq!(talk.simple("BEGIN; FETCH 2 h; ROLLBACK").await, "[BEGIN] 7 8 [FETCH 2] [ROLLBACK]");
    assert_eq!(talk.simple("FETCH h; CLOSE h").await, "9 [FETCH 1] [CLOSE CURSOR]");
    assert_eq!(talk.simple("CLOSE h").await, "34000");
    assert_eq!(talk.simple("CLOSE ALL; DISCARD ALL").await, "[CLOSE CURSOR ALL] [DISCARD ALL]");
}

#[tokio::test]
async fn a_connection_has_eight_cursors() {
    let mut talk = talk().await;
    talk.simple("BEGIN").await;
    for number in 0..8 {
        let declared = talk.simple(&format!("DECLARE c{number} CURSOR FOR {NUMBERS}")).await;
        assert_eq!(declared, "[DECLARE CURSOR]");
    }
    assert_eq!(talk.simple(&format!("DECLARE more CURSOR FOR {NUMBERS}")).await, "54000");
    assert_eq!(talk.simple("FETCH c0").await, "25P02");
}

#[tokio::test]
async fn a_driver_fetches_in_binary_from_a_cursor_that_it_declared() {
    let mut talk = talk().await;
    talk.simple("BEGIN").await;
    let declare = format!("\0DECLARE \"C\" CURSOR FOR {NUMBERS}\0\0\0");
    let portal = b"P\0".as_slice();
    let run = b"\0\0\0\0\0".as_slice();
    let heard = talk
        .send(&[
            (b'P', declare.as_bytes()),
            (b'B', b"\0\0\0\0\0\0\0\0"),
            (b'D', portal),
            (b'E', run),
            (b'D', b"PC\0"),
        ])
        .await;
    assert_eq!(letters(&heard), "12nCTZ", "the cursor is described by its name");
    let heard = talk
        .send(&[
            (b'P', b"\0FETCH FORWARD 2 FROM \"C\"\0\0\0"),
            (b'B', b"\0\0\0\0\0\0\0\x01\0\x01"),
            (b'D', portal),
            (b'E', run),
        ])
        .await;
    assert_eq!(letters(&heard), "12TDDCZ");
    assert_eq!(heard[2].1.last(), Some(&1), "it is told to be binary");
    assert_eq!(heard[3].1[6..], 7_i64.to_be_bytes());
    assert_eq!(*talk.numbers.asked.lock().unwrap(), [[true]]);
    let heard = talk.send(&[(b'P', b"f\0FETCH none\0\0\0")]).await;
    assert_eq!(shown(heard[0].0, &heard[0].1).as_deref(), Some("34000"));
}

#[tokio::test]
async fn an_answer_is_copied_as_a_file() {
    let mut talk = talk().await;
    let text = talk.simple(&format!("COPY ({NUMBERS}) TO STDOUT")).await;
    assert_eq!(text, "7/ 8/ 9/ [COPY 3]");
    let csv = talk.simple(&format!("COPY ( {NUMBERS} ) TO STDOUT CSV HEADER")).await;
    assert_eq!(csv, "n/ 7/ 8/ 9/ [COPY 3]");
    assert_eq!(talk.simple("COPY numbers FROM STDIN").await, "42501");

    let copy = format!("\0COPY ({NUMBERS}) TO STDOUT (FORMAT binary)\0\0\0");
    let heard = talk
        .send(&[
            (b'P', copy.as_bytes()),
            (b'B', b"\0\0\0\0\0\0\0\0"),
            (b'D', b"P\0"),
            (b'E', b"\0\0\0\0\0"),
        ])
        .await;
    assert_eq!(letters(&heard), "12nHddddcCZ");
    assert_eq!(heard[3].1, [1, 0, 1, 0, 1], "all and its one column are binary");
    let first = &heard[4].1;
    assert!(first.starts_with(b"PGCOPY\n\xff\r\n\0"), "{first:?}");
    let row = [&[0, 1, 0, 0, 0, 8][..], &7_i64.to_be_bytes()].concat();
    assert_eq!(first[19..], row, "the first row comes with the head");
    assert_eq!(heard[7].1, [0xff, 0xff]);
}
