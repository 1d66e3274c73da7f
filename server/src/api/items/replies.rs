//! Replies to mails, on their way to the mail server. One that the server does not take now is tried
//! again after a pause, so many times, and holds up no other meanwhile; what it may have is not sent
//! again.

use crate::api::links::Clock;
use crate::schedules::mail::Mailer;
use crate::schedules::outcome::{ATTEMPTS_MAX, Outcome, pause, without_receiver};
use desk::Store;
use desk::item::ReplyDelivery;
use desk::item::reply::Reply;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;
use terms::Timestamp;

/// How often is looked for a reply.
const EVERY: Duration = Duration::from_secs(1);
/// Pause after the store did not answer.
const RETRY: Duration = Duration::from_secs(5);

/// Sends until the process ends.
pub async fn run(store: Store, mailer: Mailer, clock: Arc<dyn Clock>) {
    while let Err(error) = store.doubt_replies().await {
        tracing::error!(%error, "replies wait");
        tokio::time::sleep(RETRY).await;
    }
    let mut tries = BTreeMap::new();
    loop {
        match store.claim_reply(clock.wall()).await {
            Ok(Some(reply)) => {
                let outcome = mailer.send_reply(&reply).await;
                note(&store, &reply, outcome, clock.wall(), &mut tries).await;
            }
            Ok(None) => tokio::time::sleep(EVERY).await,
            Err(error) => {
                tracing::error!(%error, "replies wait");
                tokio::time::sleep(RETRY).await;
            }
        }
    }
}

/// Writes down what came of an attempt; says after how long it is tried again.
pub async fn note(
    store: &Store,
    reply: &Reply,
    outcome: Outcome,
    now: Timestamp,
    tries: &mut BTreeMap<i64, u32>,
) -> Duration {
    let (delivery, problem, wait) = match outcome {
        Outcome::Delivered => (ReplyDelivery::Sent, String::new(), Duration::ZERO),
        Outcome::Failed(why) => (ReplyDelivery::Failed, why, Duration::ZERO),
        Outcome::Uncertain(why) => (ReplyDelivery::Uncertain, why, Duration::ZERO),
        Outcome::Again(why) => {
            let made = tries.entry(reply.step).or_default();
            *made += 1;
            if *made < ATTEMPTS_MAX {
                (ReplyDelivery::Waiting, why, pause(*made))
            } else {
                (ReplyDelivery::Failed, why, Duration::ZERO)
            }
        }
    };
    let problem = without_receiver(problem, &reply.address);
    if delivery != ReplyDelivery::Waiting {
        tries.remove(&reply.step);
    }
    // Until it is written: one that is sent must not stay one that is being sent.
    while let Err(error) = store.note_reply(reply.step, delivery, &problem, now + wait).await {
        tracing::error!(%error, "what came of a reply cannot be noted");
        tokio::time::sleep(RETRY).await;
    }
    wait
}
