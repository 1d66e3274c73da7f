//! Answers in pieces: the messages of an Arrow stream (Arrow columnar format, "IPC streaming format")
//! as Flight carries them, each as soon as its rows are there. Neither the child nor its asker holds a
//! whole answer, and who takes the pieces passes them on unread.
//!
//! A piece on the socket is a letter, two lengths of four bytes, the header, the body:
//!
//! | letter | header | body |
//! |---|---|---|
//! | `P` | a message of Arrow | its buffers |
//! | `R` | [`Refusal`] as JSON: nothing follows | |
//! | `F` | [`Problem`] as JSON: nothing follows | |
//! | `E` | the answer is whole | |

use super::Client;
use super::jobs::{Bench, Job, JobScope, Problem};
use super::wire::{Refusal, stopped};
use crate::link;
use arrow_flight::FlightData;
use arrow_flight::encode::FlightDataEncoderBuilder;
use arrow_flight::error::FlightError;
use futures::stream::{BoxStream, Stream, StreamExt};
use serde::{Deserialize, Serialize};
use std::io;
use std::time::Instant;
use tokio::io::{AsyncReadExt, AsyncWrite, AsyncWriteExt, BufReader};
use tokio::net::UnixStream;
use warehouse::query::postgres::{Flow, Stopped};
use warehouse::wire::Parameter;

/// What a piece should have at most; a single row may have more.
const PIECE_BYTES: usize = 1 << 20;
/// Longest piece that is believed.
const PIECE_BYTES_MAX: usize = 64 << 20;

/// A question whose answer comes in pieces.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct FlowJob {
    /// Whose rows.
    pub scope: JobScope,
    /// The name at the door.
    pub user: String,
    /// The question.
    pub sql: String,
    /// The values of its parameters.
    pub parameters: Vec<Parameter>,
}

/// A message of an Arrow stream.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Piece {
    /// What it is.
    pub header: Vec<u8>,
    /// Its buffers.
    pub body: Vec<u8>,
}

/// Why an answer has no further pieces.
#[derive(Clone, Debug, PartialEq)]
pub enum Broken {
    /// The question has no answer.
    Refused(Refusal),
    /// The worker has none.
    Failed(Problem),
}

/// An answer; dropping it ends the question.
pub type Pieces = BoxStream<'static, Result<Piece, Broken>>;

impl Bench {
    /// Answers a question piece by piece.
    pub(super) async fn flow(
        &self,
        job: FlowJob,
        out: &mut (impl AsyncWrite + Unpin),
    ) -> io::Result<()> {
        let _turn = match self.turn().await {
            Ok(turn) => turn,
            Err(problem) => return put_json(out, b'F', &problem).await,
        };
        // Whoever is watched longer than this counts as one whom nobody can stop.
        let until = tokio::time::Instant::now() + self.limits.time_max * 2;
        let _watched = self.watch.begin(Instant::now());
        let flow = match self.begin(job).await {
            Ok(flow) => flow,
            Err(Broken::Refused(refusal)) => return put_json(out, b'R', &refusal).await,
            Err(Broken::Failed(problem)) => return put_json(out, b'F', &problem).await,
        };
        let schema = flow.schema();
        let batches = futures::stream::try_unfold(flow, |mut flow| async move {
            match flow.next().await {
                Ok(batch) => Ok(batch.map(|batch| (batch, flow))),
                Err(stopped) => Err(FlightError::ExternalError(Box::new(stopped))),
            }
        });
        let pieces = FlightDataEncoderBuilder::new()
            .with_schema(schema)
            .with_max_flight_data_size(PIECE_BYTES)
            .build(batches);
        hand_over(pieces, out, until).await
    }

    async fn begin(&self, job: FlowJob) -> Result<Flow, Broken> {
        let session = self.session(job.scope.into(), self.limits).await.map_err(Broken::Failed)?;
        let session = session.for_postgres(&job.user).map_err(|error| {
            let message = "The warehouse cannot be read.";
            Broken::Failed(Problem::new(503, "warehouse", message, error.to_string()))
        })?;
        let flow = session.flow(job.sql, &job.parameters).await;
        flow.map_err(|why| Broken::Refused(stopped(why)))
    }
}

/// Writes the pieces of an answer, all of them before `until`: whoever takes them slowly holds a place
/// of others.
async fn hand_over(
    mut pieces: impl Stream<Item = Result<FlightData, FlightError>> + Unpin,
    out: &mut (impl AsyncWrite + Unpin),
    until: tokio::time::Instant,
) -> io::Result<()> {
    let late = || io::Error::from(io::ErrorKind::TimedOut);
    loop {
        // What can be written at once is not waited for.
        if tokio::time::Instant::now() >= until {
            return Err(late());
        }
        let written = async {
            match pieces.next().await {
                Some(Ok(piece)) => {
                    put(out, b'P', &piece.data_header, &piece.data_body).await?;
                    Ok(false)
                }
                Some(Err(error)) => {
                    match ended(error) {
                        Broken::Refused(refusal) => put_json(out, b'R', &refusal).await?,
                        Broken::Failed(problem) => put_json(out, b'F', &problem).await?,
                    }
                    Ok(true)
                }
                None => put(out, b'E', &[], &[]).await.map(|()| true),
            }
        };
        let written: Result<io::Result<bool>, _> = tokio::time::timeout_at(until, written).await;
        if written.map_err(|_| late())?? {
            return out.flush().await;
        }
    }
}

/// What the encoder gives back of what the question ended with.
fn ended(error: FlightError) -> Broken {
    let failed = |detail: String| {
        Broken::Failed(Problem::new(500, "encoding", "The answer cannot be sent.", detail))
    };
    match error {
        FlightError::ExternalError(error) => match error.downcast::<Stopped>() {
            Ok(why) => Broken::Refused(stopped(*why)),
            Err(other) => failed(other.to_string()),
        },
        other => failed(other.to_string()),
    }
}

async fn put(
    out: &mut (impl AsyncWrite + Unpin),
    letter: u8,
    header: &[u8],
    body: &[u8],
) -> io::Result<()> {
    let length = |bytes: &[u8]| {
        u32::try_from(bytes.len()).map_err(|_| io::Error::from(io::ErrorKind::InvalidData))
    };
    let mut head = vec![letter];
    head.extend_from_slice(&length(header)?.to_be_bytes());
    head.extend_from_slice(&length(body)?.to_be_bytes());
    out.write_all(&head).await?;
    out.write_all(header).await?;
    out.write_all(body).await
}

async fn put_json(
    out: &mut (impl AsyncWrite + Unpin),
    letter: u8,
    of: &impl Serialize,
) -> io::Result<()> {
    put(out, letter, &serde_json::to_vec(of)?, &[]).await?;
    out.flush().await
}

impl Client {
    /// Asks for an answer in pieces. Nothing happens before the first is waited for.
    pub fn flow(&self, job: FlowJob) -> Pieces {
        let begins = Reading::Begins(self.clone(), Box::new(job));
        futures::stream::try_unfold(begins, next).boxed()
    }
}

/// How far an answer is read.
enum Reading {
    Begins(Client, Box<FlowJob>),
    Goes(Client, BufReader<UnixStream>),
}

async fn next(reading: Reading) -> Result<Option<(Piece, Reading)>, Broken> {
    let (client, stream) = match reading {
        Reading::Begins(client, job) => match client.ask(job).await {
            Ok(stream) => (client, stream),
            Err(error) => {
                let detail = format!("the worker is starting: {error}");
                return Err(Broken::Failed(Problem::unavailable(&detail)));
            }
        },
        Reading::Goes(client, stream) => (client, stream),
    };
    let longest = client.job_max;
    match tokio::time::timeout(longest, read(client, stream)).await {
        Ok(Ok(read)) => read,
        Ok(Err(error)) => Err(Broken::Failed(Problem::ended(&error.to_string()))),
        Err(_) => Err(Broken::Failed(Problem::late())),
    }
}

impl Client {
    async fn ask(&self, job: Box<FlowJob>) -> io::Result<BufReader<UnixStream>> {
        let mut stream = link::connect(&self.socket).await?;
        let mut line = serde_json::to_vec(&Job::Flow(job))?;
        line.push(b'\n');
        stream.write_all(&line).await?;
        Ok(BufReader::new(stream))
    }
}

/// The next piece.
async fn read(
    client: Client,
    mut stream: BufReader<UnixStream>,
) -> io::Result<Result<Option<(Piece, Reading)>, Broken>> {
    let letter = stream.read_u8().await?;
    let (header, body) = (stream.read_u32().await? as usize, stream.read_u32().await? as usize);
    if header.saturating_add(body) > PIECE_BYTES_MAX {
        return Ok(Err(Broken::Failed(Problem::too_large((header + body) as u64))));
    }
    let mut piece = Piece { header: vec![0; header], body: vec![0; body] };
    stream.read_exact(&mut piece.header).await?;
    stream.read_exact(&mut piece.body).await?;
    Ok(match letter {
        b'P' => Ok(Some((piece, Reading::Goes(client, stream)))),
        b'E' => Ok(None),
        b'R' => Err(Broken::Refused(serde_json::from_slice(&piece.header)?)),
        b'F' => Err(Broken::Failed(serde_json::from_slice(&piece.header)?)),
        other => return Err(io::Error::other(format!("a piece of no kind: {other}"))),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Config;
    use arrow_flight::decode::FlightRecordBatchStream;
    use futures::TryStreamExt;
    use std::time::Duration;
    use terms::TenantId;
    use warehouse::{SqlError, SqlFault, Warehouse};

    /// What a client reads on this connection.
    async fn pieces(stream: UnixStream) -> Vec<Result<Piece, Broken>> {
        let client = Client::new(std::path::Path::new("/nowhere"), Duration::from_secs(60));
        let goes = Reading::Goes(client, BufReader::new(stream));
        futures::stream::try_unfold(goes, next).collect().await
    }

    /// What a client reads of these bytes.
    async fn heard(bytes: Vec<u8>) -> Vec<Result<Piece, Broken>> {
        let (mut ours, theirs) = UnixStream::pair().unwrap();
        ours.write_all(&bytes).await.unwrap();
        drop(ours);
        pieces(theirs).await
    }

    /// What the worker of an empty box answers.
    async fn answered(sql: &str) -> Vec<Result<Piece, Broken>> {
        let folder = tempfile::tempdir().unwrap();
        let mut config = Config::default();
        config.server.data = folder.path().to_owned();
        Warehouse::open(folder.path().join("warehouse")).await.unwrap();
        let bench = Bench::open(config).await.unwrap();
        let scope = JobScope {
            tenant: TenantId(1),
            queues: None,
            agents: None,
            mask_numbers: false,
            audit: false,
            time_zone: "Asia/Shanghai".to_owned(),
        };
        let (user, sql) = ("sql_1".to_owned(), sql.to_owned());
        let job = FlowJob { scope, user, sql, parameters: Vec::new() };
        let (mut ours, theirs) = UnixStream::pair().unwrap();
        let mut line = serde_json::to_vec(&Job::Flow(Box::new(job))).unwrap();
        line.push(b'\n');
        ours.write_all(&line).await.unwrap();
        let (served, pieces) = tokio::join!(super::super::serve(theirs, &bench), pieces(ours));
        served.unwrap();
        pieces
    }

    #[tokio::test]
    async fn the_worker_answers_with_a_stream_of_arrow() {
        let pieces = answered("VALUES (1), (2), (3)").await;
        let messages = pieces.into_iter().map(|piece| {
            let piece = piece.unwrap();
            Ok(FlightData::new().with_data_header(piece.header).with_data_body(piece.body))
        });
        let messages = futures::stream::iter(messages);
        let batches = FlightRecordBatchStream::new_from_flight_data(messages);
        let batches: Vec<_> = batches.try_collect().await.unwrap();
        assert_eq!(batches.iter().map(|batch| batch.num_rows()).sum::<usize>(), 3);
    }

    #[tokio::test]
    async fn the_worker_refuses_in_its_stream_with_code_and_place() {
        let refused = answered("SELECT call_id,\n  coler FROM calls").await;
        let [Err(Broken::Refused(refusal))] = &refused[..] else { panic!("{refused:?}") };
        assert_eq!((refusal.code.as_str(), refusal.place), ("42703", Some((2, 3))));
    }

    #[tokio::test]
    async fn pieces_come_as_they_were_sent_and_an_answer_without_an_end_is_none() {
        let mut bytes = Vec::new();
        put(&mut bytes, b'P', b"head", b"body").await.unwrap();
        let piece = Piece { header: b"head".to_vec(), body: b"body".to_vec() };
        let cut = heard(bytes.clone()).await;
        assert_eq!(cut[0], Ok(piece.clone()));
        assert!(matches!(&cut[1], Err(Broken::Failed(problem)) if problem.kind == "ended"));
        put(&mut bytes, b'E', &[], &[]).await.unwrap();
        assert_eq!(heard(bytes).await, [Ok(piece)]);
    }

    #[tokio::test]
    async fn a_refusal_behind_rows_is_told_and_ends_the_answer() {
        let refusal = stopped(Stopped::TooMany(7));
        let mut bytes = Vec::new();
        put(&mut bytes, b'P', b"", b"").await.unwrap();
        put_json(&mut bytes, b'R', &refusal).await.unwrap();
        put(&mut bytes, b'E', &[], &[]).await.unwrap();
        let heard = heard(bytes).await;
        assert_eq!(heard.len(), 2);
        assert_eq!(heard[1], Err(Broken::Refused(refusal)));
    }

    #[tokio::test]
    async fn a_piece_that_is_too_long_is_not_waited_for() {
        let mut bytes = vec![b'P'];
        bytes.extend_from_slice(&u32::MAX.to_be_bytes());
        bytes.extend_from_slice(&u32::MAX.to_be_bytes());
        let heard = heard(bytes).await;
        assert!(matches!(&heard[..], [Err(Broken::Failed(problem))] if problem.status == 413));
    }

    #[tokio::test]
    async fn whoever_takes_an_answer_too_slowly_does_not_get_its_rest() {
        // A piece each time, and nobody ever waits long for one.
        let endless = futures::stream::repeat_with(|| Ok(FlightData::new()));
        let over = tokio::time::Instant::now();
        let error = hand_over(endless, &mut tokio::io::sink(), over).await.unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::TimedOut);
    }

    #[test]
    fn the_encoder_gives_back_what_the_question_ended_with() {
        let why = Stopped::TooMany(7);
        let error = FlightError::ExternalError(Box::new(why.clone()));
        assert_eq!(ended(error), Broken::Refused(stopped(why)));
        let other = FlightError::DecodeError("x".to_owned());
        assert!(matches!(ended(other), Broken::Failed(problem) if problem.kind == "encoding"));
    }

    #[test]
    fn a_question_that_cannot_be_answered_is_told_with_its_code() {
        let error = SqlError {
            fault: SqlFault::UnknownTable,
            message: "there is no table \"cals\"".into(),
            position: None,
            word: None,
            nearest: vec!["calls".into()],
            detail: String::new(),
        };
        assert_eq!(stopped(Stopped::Refused(error)).code, "42P01");
        assert_eq!(stopped(Stopped::Damaged(vec!["a.parquet".into()])).code, "XX001");
    }
}
