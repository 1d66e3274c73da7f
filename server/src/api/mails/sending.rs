//! Mails of flows, on their way to the mail server. One that the server does not take now is tried
//! again after a pause, so many times, and holds up no other meanwhile; what it may have is not sent
//! again. One that waited for a day, because no mail server was named or none answered, tells nobody
//! anything any more.

use crate::api::links::Clock;
use crate::api::{document_links, fax_documents};
use crate::schedules::mail::Mailer;
use crate::schedules::outcome::{ATTEMPTS_MAX, Outcome, pause, without_receiver};
use desk::Store;
use desk::mails::{MailState, OutgoingMail};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use terms::{TenantId, Timestamp};

/// How often is looked for a mail.
const EVERY: Duration = Duration::from_secs(1);
/// Pause after the store did not answer.
const RETRY: Duration = Duration::from_secs(5);
/// Longest wait of one that is sent all the same.
const WAIT_MAX: Duration = Duration::from_secs(86_400);

/// What is said of those that waited longer.
const LATE: &str = "it waited longer than a day";

/// Sends until the process ends. `faxes` is the folder of the documents that may go with a mail.
pub async fn run(store: Store, mailer: Mailer, faxes: PathBuf, clock: Arc<dyn Clock>) {
    while let Err(error) = store.doubt_mails(clock.wall()).await {
        tracing::error!(%error, "mails wait");
        tokio::time::sleep(RETRY).await;
    }
    loop {
        match store.claim_mail(clock.wall()).await {
            Ok(Some((tenant, mail))) => {
                let outcome = attempt(&mailer, &faxes, (tenant, &mail), clock.wall()).await;
                note(&store, tenant, &mail, outcome, clock.wall()).await;
            }
            Ok(None) => tokio::time::sleep(EVERY).await,
            Err(error) => {
                tracing::error!(%error, "mails wait");
                tokio::time::sleep(RETRY).await;
            }
        }
    }
}

/// One attempt, unless it is too late for it.
pub async fn attempt(
    mailer: &Mailer,
    faxes: &Path,
    (tenant, mail): (TenantId, &OutgoingMail),
    now: Timestamp,
) -> Outcome {
    match mail.asked_at + WAIT_MAX < now {
        true => Outcome::Failed(LATE.to_owned()),
        false => send(mailer, faxes, tenant, mail).await,
    }
}

/// Sends it, with the document as it is now.
pub async fn send(mailer: &Mailer, faxes: &Path, tenant: TenantId, mail: &OutgoingMail) -> Outcome {
    let Some(name) = &mail.document else { return mailer.send_mail(mail, None).await };
    match fax_documents::as_pdf(faxes, tenant, name).await {
        Ok(pdf) if mailer.is_linked(pdf.len() as u64) => {
            linked(mailer, faxes, tenant, (mail, name.as_str())).await
        }
        Ok(pdf) => mailer.send_mail(mail, Some((format!("{name}.pdf"), pdf))).await,
        Err(why) => Outcome::Failed(why),
    }
}

/// Sends it with a link to the document, which is too large to go along.
async fn linked(
    mailer: &Mailer,
    faxes: &Path,
    tenant: TenantId,
    (mail, name): (&OutgoingMail, &str),
) -> Outcome {
    let why =
        |why| Outcome::Failed(format!("the document {name} is too large for a mail, and {why}"));
    let Some(code) = document_links::code(faxes, tenant, name, mail.asked_at).await else {
        return why("not public");
    };
    let Some(link) = mailer.document_link(&code) else {
        return why("schedules.link names no address for a link");
    };
    let text = format!("{}\n\n{link}", mail.text);
    mailer.send_mail(&OutgoingMail { text, ..mail.clone() }, None).await
}

/// Writes down what came of an attempt; says after how long it is tried again.
pub async fn note(
    store: &Store,
    tenant: TenantId,
    mail: &OutgoingMail,
    outcome: Outcome,
    now: Timestamp,
) -> Duration {
    let (state, problem, wait) = match outcome {
        Outcome::Delivered => (MailState::Sent, String::new(), Duration::ZERO),
        Outcome::Again(why) if mail.tries < ATTEMPTS_MAX => {
            (MailState::Waiting, why, pause(mail.tries))
        }
        Outcome::Again(why) | Outcome::Failed(why) => (MailState::Failed, why, Duration::ZERO),
        Outcome::Uncertain(why) => (MailState::Uncertain, why, Duration::ZERO),
    };
    let problem = without_receiver(problem, &mail.address);
    if state != MailState::Sent {
        let (mail, state) = (mail.id, state.as_str());
        tracing::warn!(%tenant, %mail, state, "a caller's mail is not sent");
    }
    // Until it is written: one that is sent must not stay one that is being sent.
    while let Err(error) = store.note_mail(mail.id, state, &problem, now + wait).await {
        tracing::error!(%error, "what came of a mail cannot be noted");
        tokio::time::sleep(RETRY).await;
    }
    wait
}
