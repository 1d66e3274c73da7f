//! A connection that is signed in, before a worker that knows three rows: copies and cursors in the
//! messages that clients send.

use super::*;
use crate::pg::message::Wire;
use crate::pg::session::Session;
use crate::work::wire::{Refusal, Want, WireHead};
use terms::TenantId;
use tokio::io::DuplexStream;
use warehouse::wire::{Kind, WireColumn};

/// What the worker is asked.
const NUMBERS: &str = "SELECT n FROM numbers";

/// Knows the numbers 7, 8 and 9, and many for "long"; refuses "wrong", and has too many columns for
/// "wide".
#[derive(Default)]
struct Numbers {
    /// How rows were asked for.
    asked: Mutex<Vec<Vec<bool>>>,
}

impl WorkLink for Numbers {
    fn run(&self, job: Job) -> BoxFuture<'_, Result<Done, Problem>> {
        let Job::Wire(job) = job else { panic!("no other job is asked for") };
        let column = WireColumn { name: "n".to_owned(), kind: Kind::Int8 };
        let columns = |count| vec![column.clone(); count];
        let head = match job.sql.trim() {
            NUMBERS | "long" => WireHead::Columns { parameters: Vec::new(), columns: columns(1) },
            "wide" => WireHead::Columns { parameters: Vec::new(), columns: columns(1_665) },
            wrong if wrong.ends_with("wrong") => {
                let at = job.sql.trim_end_matches("wrong").chars().count() as u32 + 1;
                WireHead::Refused(Refusal { place: Some((1, at)), ..refused("42601", "wrong") })
            }
            other => panic!("{other} is not asked here"),
        };
        let mut body = serde_json::to_vec(&head).unwrap();
        body.push(b'\n');
        if let Want::Rows { binary, .. } = job.want {
            let is_binary = binary == [true];
            let numbers = if job.sql.trim() == "long" { 0..50_000 } else { 7_i64..10 };
            for number in numbers {
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
    door: Arc<Door>,
    /// With which a question of it is stopped.
    key: (i32, u32),
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
    let door = Door::new(
        &Config::default(),
        store.clone(),
        numbers.clone(),
        Arc::new(clock),
        None,
        Arc::default(),
    );
    let door = Arc::new(door);
    let (client, ours) = tokio::io::duplex(1 << 16);
    let place = door.signed_in.clone().try_acquire_owned().unwrap();
    let registered = door.cancels.register();
    let key = (registered.number, registered.secret);
    let who = (token.id, token.sql_user.unwrap(), IpAddr::from([127, 0, 0, 1]));
    let session = Session::new(door.clone(), Wire::new(Box::new(ours)), registered, place, who);
    tokio::spawn(session.run());
    let mut talk =
        Talk { _folder: folder, door, key, store, tenant: first.tenant, numbers, client };
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

    /// All that is said until the connection ends.
    async fn end(&mut self) -> String {
        rest(&mut self.client).await
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
    assert_eq!(talk.noted().await, std::slice::from_ref(&row));
    let parse = format!("s\0{NUMBERS}\0\0\0");
    talk.send(&[(b'P', parse.as_bytes()), (b'D', b"Ss\0")]).await;
    assert_eq!(talk.noted().await, std::slice::from_ref(&row), "what it is about gives no row");
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

#[tokio::test]
async fn what_is_fetched_in_parts_comes_in_parts_and_is_counted_at_the_end() {
    let mut talk = talk().await;
    talk.simple(&format!("BEGIN; DECLARE c CURSOR FOR {NUMBERS}")).await;
    let two = b"\0\0\0\0\x02".as_slice();
    let (parse, bind) = (b"\0FETCH ALL c\0\0\0".as_slice(), b"\0\0\0\0\0\0\0\0".as_slice());
    let heard = talk.send(&[(b'P', parse), (b'B', bind), (b'E', two)]).await;
    assert_eq!(letters(&heard), "12DDsZ", "there are more");
    // The cursor has passed over all of them.
    assert_eq!(talk.simple("SELECT n FROM numbers; FETCH c").await.matches("FETCH 0").count(), 1);
    let named = b"f\0\0\0\0\0\0\0\0".as_slice();
    talk.simple(&format!("DECLARE d CURSOR FOR {NUMBERS}")).await;
    let parse = b"\0FETCH ALL d\0\0\0".as_slice();
    let heard = talk.send(&[(b'P', parse), (b'B', named), (b'E', b"f\0\0\0\0\x02")]).await;
    assert_eq!(letters(&heard), "12DDsZ");
    assert_eq!(talk.simple("CLOSE d").await, "[CLOSE CURSOR]");
    let heard = talk.send(&[(b'E', b"f\0\0\0\0\x02")]).await;
    assert_eq!(letters(&heard), "DCZ");
    assert_eq!(shown(b'C', &heard[1].1).as_deref(), Some("[FETCH 3]"), "as PostgreSQL counts");
    let heard = talk.send(&[(b'E', b"f\0\0\0\0\x02")]).await;
    assert_eq!(shown(heard[0].0, &heard[0].1).as_deref(), Some("34000"), "it has ended");
}

#[tokio::test]
async fn a_simple_question_forgets_what_has_no_name_and_ends_what_no_transaction_holds() {
    let mut talk = talk().await;
    let question = format!("\0{NUMBERS}\0\0\0");
    let bind = b"\0\0\0\0\0\0\0\0".as_slice();
    for (parts, code) in [
        (vec![(b'B', bind)], "26000"),
        (vec![(b'E', b"\0\0\0\0\0".as_slice())], "34000"),
        (vec![(b'E', b"p\0\0\0\0\0".as_slice())], "34000"),
    ] {
        for (letter, body) in
            [(b'P', question.as_bytes()), (b'B', bind), (b'B', b"p\0\0\0\0\0\0\0\0".as_slice())]
        {
            talk.client.write_all(&message(letter, body)).await.unwrap();
        }
        assert!(talk.simple("SHOW server_encoding").await.contains("[SHOW]"));
        let heard = talk.send(&parts).await;
        assert_eq!(shown(heard[0].0, &heard[0].1).as_deref(), Some(code), "{parts:?}");
    }
}

#[tokio::test]
async fn what_was_prepared_is_forgotten_by_its_name_in_sql() {
    let mut talk = talk().await;
    let prepare = format!("S_1\0{NUMBERS}\0\0\0");
    let heard = talk.send(&[(b'P', prepare.as_bytes())]).await;
    assert_eq!(letters(&heard), "1Z");
    assert_eq!(talk.simple("DEALLOCATE s_1").await, "26000", "another name");
    assert_eq!(talk.simple("DEALLOCATE \"S_1\"").await, "[DEALLOCATE]");
    assert_eq!(letters(&talk.send(&[(b'P', prepare.as_bytes())]).await), "1Z");
    assert_eq!(talk.simple("DEALLOCATE ALL").await, "[DEALLOCATE ALL]");
    assert_eq!(letters(&talk.send(&[(b'P', prepare.as_bytes())]).await), "1Z");
}

#[tokio::test]
async fn a_place_counts_the_statements_before_it() {
    let mut talk = talk().await;
    let text = "SET jit = 王; SET jit = 芳; /* 王 */ wrong";
    talk.client.write_all(&message(b'Q', format!("{text}\0").as_bytes())).await.unwrap();
    let heard = talk.heard().await;
    let (_, told) = heard.iter().find(|(letter, _)| *letter == b'E').unwrap();
    let place = text[..text.find("wrong").unwrap()].chars().count() + 1;
    let told = String::from_utf8_lossy(told);
    assert!(told.contains(&format!("\0P{place}\0")), "{told}");
}

#[tokio::test]
async fn answers_that_are_held_have_a_limit_for_all_connections_together() {
    let mut talk = talk().await;
    let free = talk.door.held.available_permits();
    talk.simple(&format!("BEGIN; DECLARE c CURSOR FOR {NUMBERS}; FETCH c")).await;
    assert!(talk.door.held.available_permits() < free, "two rows wait");
    talk.simple("FETCH ALL c").await;
    assert_eq!(talk.door.held.available_permits(), free, "none does");
    let all = talk.door.held.clone().try_acquire_many_owned(free as u32).unwrap();
    assert_eq!(talk.simple(NUMBERS).await, "53200");
    drop(all);
    assert_eq!(talk.simple("ROLLBACK; wide").await, "[ROLLBACK] 54011");
}

#[tokio::test]
async fn who_leaves_the_protocol_is_told_and_nobody_waits_in_vain() {
    let mut talk = talk().await;
    // The rest of a copy that was refused, and a call of a function, after which a client waits.
    for (letter, body) in [(b'd', b"1\n".as_slice()), (b'f', b"no\0"), (b'F', b"")] {
        talk.client.write_all(&message(letter, body)).await.unwrap();
    }
    let heard = talk.heard().await;
    assert_eq!(letters(&heard), "EZ");
    assert_eq!(shown(b'E', &heard[0].1).as_deref(), Some("0A000"));
    talk.client.write_all(&message(b'~', b"")).await.unwrap();
    let told = talk.end().await;
    assert!(told.contains("SFATAL\0") && told.contains("C08P01"), "{told}");

    let mut talk = self::talk().await;
    talk.client.write_all(b"Q\x00\x10\x00\x05").await.unwrap();
    let told = talk.end().await;
    let known = "a message of 1048581 bytes; 1048576 are allowed";
    assert!(told.contains("C54000") && told.contains(known), "{told}");
}

#[tokio::test]
async fn questions_and_rows_are_counted_by_how_they_end() {
    let mut talk = talk().await;
    let counted = |talk: &Talk| talk.door.counts.counted();
    assert_eq!((counted(&talk).open, counted(&talk).signed_in), (1, 1));
    talk.simple(&format!("{NUMBERS}; wrong")).await;
    talk.simple(&format!("COPY ({NUMBERS}) TO STDOUT")).await;
    talk.simple("SHOW jit").await;
    let all = talk.door.held.clone().try_acquire_many_owned(1 << 20).unwrap();
    talk.simple(NUMBERS).await;
    drop(all);
    assert_eq!(counted(&talk).questions, [2, 1, 1, 0], "what asks nothing is no question");
    assert_eq!(counted(&talk).rows, 6);
    talk.client.write_all(&message(b'X', b"")).await.unwrap();
    talk.end().await;
    assert_eq!((counted(&talk).open, counted(&talk).signed_in), (0, 1));
}

#[tokio::test]
async fn a_file_is_stopped_in_its_middle_and_the_connection_goes_on() {
    let mut talk = talk().await;
    talk.client.write_all(&message(b'Q', b"COPY (long) TO STDOUT\0")).await.unwrap();
    // It is written, and waits for a client that takes little.
    assert_eq!(talk.client.read_u8().await.unwrap(), b'H');
    let length = talk.client.read_u32().await.unwrap() as usize;
    talk.client.read_exact(&mut vec![0; length - 4]).await.unwrap();
    talk.door.cancels.cancel(talk.key.0, talk.key.1);
    let heard = talk.heard().await;
    let rows = heard.iter().filter(|(letter, _)| *letter == b'd').count();
    assert!(rows > 0 && rows < 50_000, "{rows}");
    let (letter, told) = &heard[rows];
    assert_eq!(shown(*letter, told).as_deref(), Some("57014"));
    assert_eq!(heard.len(), rows + 2, "no end of a file, but of the question");
    assert_eq!(talk.simple(NUMBERS).await, "7 8 9 [SELECT 3]");
}
