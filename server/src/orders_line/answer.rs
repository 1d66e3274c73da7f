//! The answering side, beside the business store.

use super::{Asked, LINE_BYTES_MAX, OPEN_MAX, Told};
use crate::link;
use desk::Store;
use desk::order::Order;
use std::collections::BTreeMap;
use std::io;
use std::sync::Arc;
use std::time::Duration;
use terms::Timestamp;
use tokio::io::{AsyncWriteExt, BufReader};
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::Semaphore;

/// Longest time of one question: whoever asks has given up before.
const ANSWER_MAX: Duration = Duration::from_secs(30);
/// Pause after the socket did not accept.
const RETRY: Duration = Duration::from_millis(200);

/// Answers one question on each connection.
pub async fn serve(listener: UnixListener, store: Store, clock: fn() -> Timestamp) {
    let open = Arc::new(Semaphore::new(OPEN_MAX));
    loop {
        let Ok(place) = open.clone().acquire_owned().await else { return };
        let stream = match listener.accept().await {
            Ok((stream, _)) => stream,
            Err(error) => {
                tracing::error!(%error, "the line for orders does not accept");
                tokio::time::sleep(RETRY).await;
                continue;
            }
        };
        let store = store.clone();
        tokio::spawn(async move {
            let answered = tokio::time::timeout(ANSWER_MAX, answer(stream, &store, clock)).await;
            // Who asked may have given up.
            if let Ok(Err(error)) = answered {
                tracing::debug!(%error, "a question for an order was not answered");
            }
            drop(place);
        });
    }
}

async fn answer(stream: UnixStream, store: &Store, clock: fn() -> Timestamp) -> io::Result<()> {
    let (read, mut write) = stream.into_split();
    let mut line = Vec::new();
    if !link::read_line_of(LINE_BYTES_MAX, &mut BufReader::new(read), &mut line).await? {
        return Ok(());
    }
    let asked: Asked = serde_json::from_slice(&line)?;
    let found = store.order_told(asked.tenant, &asked.number, asked.of.as_deref()).await;
    let told = match found {
        Ok(Some(order)) => Told::Found(columns(&order, clock())),
        Ok(None) => Told::None,
        Err(error) => Told::Failed(error.to_string()),
    };
    let mut line = serde_json::to_vec(&told)?;
    line.push(b'\n');
    write.write_all(&line).await
}

/// What a caller may know.
fn columns(order: &Order, now: Timestamp) -> BTreeMap<String, String> {
    let deadline = order.deadline_ahead().map_or(String::new(), |at| at.to_string());
    let overdue = if order.is_overdue(now) { "yes" } else { "no" };
    let columns = [
        ("number", order.number.clone()),
        ("kind", order.kind.clone()),
        ("stage", order.progress.as_str().to_owned()),
        ("deadline", deadline),
        ("overdue", overdue.to_owned()),
    ];
    columns.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
}
