//! Answers as streams: the pieces of the `work` child, passed on unread as the client takes them, and
//! the small tables of the door itself.

use super::held::Running;
use super::status::{broken, status};
use crate::api::links::Clock;
use crate::doors::{Counts, Outcome};
use crate::pg::ask::failed;
use crate::work::flow::{Broken, Piece, Pieces};
use arrow::array::RecordBatch;
use arrow::ipc::root_as_message;
use arrow_flight::FlightData;
use arrow_flight::encode::FlightDataEncoderBuilder;
use futures::stream::{self, BoxStream, StreamExt, TryStreamExt};
use std::sync::Arc;
use terms::Moment;
use tonic::Status;

/// Messages of Flight on their way.
pub type Messages = BoxStream<'static, Result<FlightData, Status>>;

/// A question that is being answered. It is counted when it ends: as stopped, where nothing else is
/// known, since its client left.
pub struct Asked {
    counts: Arc<Counts>,
    clock: Arc<dyn Clock>,
    began: Moment,
    outcome: Outcome,
}

impl Asked {
    /// From now on.
    pub fn now(counts: Arc<Counts>, clock: Arc<dyn Clock>) -> Self {
        let began = clock.moment();
        Asked { counts, clock, began, outcome: Outcome::Stopped }
    }
}

impl Drop for Asked {
    fn drop(&mut self) {
        self.counts.asked(self.outcome, self.clock.moment() - self.began);
    }
}

/// The rows of a question, until it is told to end. Dropping the stream ends the question.
pub fn rows(pieces: Pieces, running: Running, asked: Asked) -> Messages {
    stream::unfold(Some((pieces, running, asked)), |state| async move {
        let (mut pieces, running, mut asked) = state?;
        let next = tokio::select! {
            biased;
            () = running.cancelled.notified() => {
                let stopped = Status::cancelled("stopped because it was asked to be");
                return Some((Err(stopped), None));
            }
            piece = pieces.next() => piece,
        };
        match next {
            None => {
                asked.outcome = Outcome::Answered;
                None
            }
            Some(Ok(Piece { header, body })) => {
                asked.counts.sent(rows_of(&header));
                let message = FlightData::new().with_data_header(header).with_data_body(body);
                Some((Ok(message), Some((pieces, running, asked))))
            }
            Some(Err(why)) => {
                let refusal = match why {
                    Broken::Refused(refusal) => refusal,
                    Broken::Failed(problem) => failed(&problem),
                };
                asked.outcome = Outcome::of(&refusal);
                Some((Err(status(&refusal)), None))
            }
        }
    })
    .boxed()
}

/// Rows of a message: only one of a batch has any.
fn rows_of(header: &[u8]) -> u64 {
    let message = root_as_message(header).ok();
    let batch = message.and_then(|message| message.header_as_record_batch());
    batch.and_then(|batch| u64::try_from(batch.length()).ok()).unwrap_or_default()
}

/// A table of the door itself.
pub fn table(batch: RecordBatch) -> Messages {
    let encoder = FlightDataEncoderBuilder::new().with_schema(batch.schema());
    let batches = stream::once(std::future::ready(Ok(batch)));
    encoder.build(batches).map_err(|error| broken(&error)).boxed()
}
