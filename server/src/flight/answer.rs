//! Answers as streams: the pieces of the `work` child, passed on unread as the client takes them, and
//! the small tables of the door itself.

use super::held::Running;
use super::status::{broken, status};
use crate::pg::ask::failed;
use crate::work::flow::{Broken, Piece, Pieces};
use arrow::array::RecordBatch;
use arrow_flight::FlightData;
use arrow_flight::encode::FlightDataEncoderBuilder;
use futures::stream::{self, BoxStream, StreamExt, TryStreamExt};
use tonic::Status;

/// Messages of Flight on their way.
pub type Messages = BoxStream<'static, Result<FlightData, Status>>;

/// The rows of a question, until it is told to end. Dropping the stream ends the question.
pub fn rows(pieces: Pieces, running: Running) -> Messages {
    stream::unfold(Some((pieces, running)), |state| async move {
        let (mut pieces, running) = state?;
        let next = tokio::select! {
            biased;
            () = running.cancelled.notified() => {
                Some(Err(Status::cancelled("stopped because it was asked to be")))
            }
            piece = pieces.next() => piece.map(told),
        };
        match next? {
            Ok(message) => Some((Ok(message), Some((pieces, running)))),
            Err(status) => Some((Err(status), None)),
        }
    })
    .boxed()
}

fn told(piece: Result<Piece, Broken>) -> Result<FlightData, Status> {
    match piece {
        Ok(Piece { header, body }) => {
            Ok(FlightData::new().with_data_header(header).with_data_body(body))
        }
        Err(Broken::Refused(refusal)) => Err(status(&refusal)),
        Err(Broken::Failed(problem)) => Err(status(&failed(&problem))),
    }
}

/// A table of the door itself.
pub fn table(batch: RecordBatch) -> Messages {
    let encoder = FlightDataEncoderBuilder::new().with_schema(batch.schema());
    let batches = stream::once(std::future::ready(Ok(batch)));
    encoder.build(batches).map_err(|error| broken(&error)).boxed()
}
