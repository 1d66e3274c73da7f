//! Values that a client binds to a prepared question: one row of plain columns. What strangers send is
//! looked at before it is decoded: nothing in it may ask for memory beyond its own bytes.

use crate::pg::refused;
use crate::work::wire::Refusal;
use arrow::datatypes::{DataType, Field, Schema, TimeUnit};
use arrow::ipc::root_as_message;
use arrow_flight::FlightData;
use arrow_flight::utils::flight_data_to_arrow_batch;
use futures::{Stream, StreamExt};
use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;
use tonic::Status;
use warehouse::wire::{Kind, Parameter, texts};

/// Messages of one binding: the columns, the row, and what some clients send behind it.
const MESSAGES_MAX: usize = 4;
/// Longest time for all of them.
const READ_MAX: Duration = Duration::from_secs(20);

/// The messages of a binding.
pub async fn read(
    mut stream: impl Stream<Item = Result<FlightData, Status>> + Unpin,
) -> Result<Vec<FlightData>, Status> {
    let reading = async {
        let mut messages = Vec::new();
        while let Some(message) = stream.next().await {
            if messages.len() == MESSAGES_MAX {
                return Err(super::status::status(&one_row()));
            }
            messages.push(message?);
        }
        Ok(messages)
    };
    let read = tokio::time::timeout(READ_MAX, reading).await;
    read.map_err(|_| Status::deadline_exceeded("the values did not come in time"))?
}

/// The values in messages, for parameters of which the text demands `kinds`. A text goes for whatever
/// is demanded; all else is what the client says it is.
pub async fn values(
    messages: Vec<FlightData>,
    kinds: Vec<Kind>,
) -> Result<Vec<Parameter>, Refusal> {
    let decoding = tokio::task::spawn_blocking(move || decode(&messages, &kinds)).await;
    // A batch whose buffers are not where it says ends in a panic of that one task.
    decoding.unwrap_or_else(|_| Err(unreadable()))
}

fn decode(messages: &[FlightData], kinds: &[Kind]) -> Result<Vec<Parameter>, Refusal> {
    let (head, rest) = messages.split_first().ok_or_else(unreadable)?;
    let schema = Schema::try_from(head).map_err(|_| unreadable())?;
    let (count, wanted) = (schema.fields().len(), kinds.len());
    if count != wanted {
        let text = format!("{count} values were sent for {wanted} parameters");
        return Err(refused("08P01", text));
    }
    if let Some(odd) = schema.fields().iter().find(|field| !is_plain(field.data_type())) {
        let text = format!("a value of the type {} cannot be bound; send text", odd.data_type());
        return Err(refused("0A000", text));
    }
    let mut rows = rest.iter().filter(|message| !message.data_header.is_empty());
    let Some(row) = rows.next() else {
        return if wanted == 0 { Ok(Vec::new()) } else { Err(one_row()) };
    };
    if rows.next().is_some() {
        return Err(one_row());
    }
    check(row)?;
    let schema = Arc::new(schema);
    let batch = flight_data_to_arrow_batch(row, schema.clone(), &HashMap::new());
    let batch = batch.map_err(|_| unreadable())?;
    let values = schema.fields().iter().zip(kinds).zip(texts(&batch, 0));
    let value = |((field, demanded), text): ((&Arc<Field>, &Kind), Option<String>)| {
        let kind = match Kind::of(field.data_type()) {
            Kind::Text => *demanded,
            said => said,
        };
        Parameter { kind: Some(kind), text }
    };
    Ok(values.map(value).collect())
}

/// A batch of one row whose buffers are as long as they look.
fn check(message: &FlightData) -> Result<(), Refusal> {
    let root = root_as_message(&message.data_header).map_err(|_| unreadable())?;
    let batch = root.header_as_record_batch().ok_or_else(unreadable)?;
    if batch.length() != 1 {
        return Err(one_row());
    }
    if batch.compression().is_some() {
        return Err(refused("0A000", "compressed values are not taken; send them as they are"));
    }
    Ok(())
}

fn is_plain(kind: &DataType) -> bool {
    kind.is_null()
        || kind.is_numeric()
        || matches!(
            kind,
            DataType::Boolean
                | DataType::Utf8
                | DataType::LargeUtf8
                | DataType::Utf8View
                | DataType::Date32
                | DataType::Date64
                | DataType::Time32(_)
                | DataType::Time64(_)
                | DataType::Timestamp(..)
        )
}

fn one_row() -> Refusal {
    refused("0A000", "one row of values is bound at a time, in one batch; execute it once a row")
}

fn unreadable() -> Refusal {
    refused("08P01", "the values cannot be read")
}

/// The columns in which a client may send values for parameters of these types.
pub fn schema(kinds: &[Kind]) -> Schema {
    let field = |(at, kind): (usize, &Kind)| Field::new(format!("${}", at + 1), of(*kind), true);
    Schema::new(kinds.iter().enumerate().map(field).collect::<Vec<_>>())
}

fn of(kind: Kind) -> DataType {
    match kind {
        Kind::Bool => DataType::Boolean,
        Kind::Int2 => DataType::Int16,
        Kind::Int4 => DataType::Int32,
        Kind::Int8 => DataType::Int64,
        Kind::Float4 => DataType::Float32,
        Kind::Float8 | Kind::Numeric => DataType::Float64,
        Kind::Text => DataType::Utf8,
        Kind::Bytes => DataType::Binary,
        Kind::Date => DataType::Date32,
        Kind::Time => DataType::Time64(TimeUnit::Microsecond),
        Kind::Timestamp => DataType::Timestamp(TimeUnit::Microsecond, None),
        Kind::TimestampTz => DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use arrow::array::{
        ArrayRef, Int64Array, ListArray, NullArray, RecordBatch, StringArray,
        TimestampMicrosecondArray,
    };
    use arrow::datatypes::Int64Type;
    use arrow::ipc::CompressionType;
    use arrow::ipc::writer::IpcWriteOptions;
    use arrow_flight::encode::FlightDataEncoderBuilder;

    async fn messages(batches: Vec<RecordBatch>, options: IpcWriteOptions) -> Vec<FlightData> {
        let stream = futures::stream::iter(batches.into_iter().map(Ok));
        let encoder = FlightDataEncoderBuilder::new().with_options(options).build(stream);
        encoder.map(Result::unwrap).collect().await
    }

    async fn sent(columns: Vec<(&str, ArrayRef)>) -> Vec<FlightData> {
        messages(vec![RecordBatch::try_from_iter(columns).unwrap()], IpcWriteOptions::default())
            .await
    }

    #[tokio::test]
    async fn a_row_of_values_is_read_as_the_text_and_the_client_say() {
        let at = TimestampMicrosecondArray::from(vec![1_700_000_000_123_000]);
        let row = sent(vec![
            ("1", Arc::new(Int64Array::from(vec![7]))),
            ("2", Arc::new(StringArray::from(vec!["2026-11-01"]))),
            ("3", Arc::new(at.with_timezone("UTC"))),
            ("4", Arc::new(NullArray::new(1))),
        ])
        .await;
        let kinds = vec![Kind::Text, Kind::TimestampTz, Kind::Text, Kind::Int8];
        let values = values(row, kinds).await.unwrap();
        let value = |kind, text: Option<&str>| Parameter {
            kind: Some(kind),
            text: text.map(str::to_owned),
        };
        let known = [
            value(Kind::Int8, Some("7")),
            value(Kind::TimestampTz, Some("2026-11-01")),
            value(Kind::TimestampTz, Some("2023-11-14 22:13:20.123+00")),
            value(Kind::Int8, None),
        ];
        assert_eq!(values, known);
    }

    #[tokio::test]
    async fn what_is_no_row_of_plain_values_is_refused_with_a_sentence() {
        let number = |values: Vec<i64>| -> ArrayRef { Arc::new(Int64Array::from(values)) };
        let two = sent(vec![("1", number(vec![1, 2]))]).await;
        assert_eq!(values(two, vec![Kind::Int8]).await.unwrap_err(), one_row());
        let batch = RecordBatch::try_from_iter([("1", number(vec![1]))]).unwrap();
        let twice = messages(vec![batch.clone(), batch.clone()], IpcWriteOptions::default()).await;
        assert_eq!(values(twice, vec![Kind::Int8]).await.unwrap_err(), one_row());
        let none = sent(vec![("1", number(vec![1]))]).await;
        let refusal = values(none, Vec::new()).await.unwrap_err();
        assert_eq!(refusal.message, "1 values were sent for 0 parameters");
        let list = ListArray::from_iter_primitive::<Int64Type, _, _>(vec![Some(vec![Some(1)])]);
        let nested = sent(vec![("1", Arc::new(list))]).await;
        assert_eq!(values(nested, vec![Kind::Int8]).await.unwrap_err().code, "0A000");
        let options = IpcWriteOptions::default();
        let options = options.try_with_compression(Some(CompressionType::LZ4_FRAME)).unwrap();
        let packed = messages(vec![batch], options).await;
        let refusal = values(packed, vec![Kind::Int8]).await.unwrap_err();
        assert!(refusal.message.starts_with("compressed values"), "{}", refusal.message);
    }

    #[tokio::test]
    async fn values_whose_bytes_are_not_there_are_refused_and_end_nothing_else() {
        let mut row = sent(vec![("1", Arc::new(StringArray::from(vec!["王芳"])))]).await;
        row[1] = row[1].clone().with_data_body(Vec::<u8>::new());
        assert_eq!(values(row.clone(), vec![Kind::Text]).await.unwrap_err(), unreadable());
        row[1] = row[1].clone().with_data_header(b"garbage".to_vec());
        assert_eq!(values(row.clone(), vec![Kind::Text]).await.unwrap_err(), unreadable());
        row.truncate(1);
        assert_eq!(values(row, vec![Kind::Text]).await.unwrap_err(), one_row());
        assert_eq!(values(Vec::new(), vec![Kind::Text]).await.unwrap_err(), unreadable());
        let endless = futures::stream::repeat_with(|| Ok(FlightData::new()));
        assert!(read(endless).await.is_err());
    }
}
