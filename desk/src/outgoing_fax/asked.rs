//! Faxes that callers have sent to another number: a step of a flow says so in the event log, each entry
//! is one fax, and it waits like any other. Nobody asked for it who has a right of their own: the switch
//! has looked at the tenant's, and looks at it again when it calls. What a stranger may have sent has
//! limits besides.

use super::{FaxDraft, add, usual_pause, usual_tries};
use crate::audit::By;
use crate::error::During;
use crate::sql;
use crate::store::Write;
use crate::{Error, Result};
use std::time::Duration;
use terms::PhoneNumber;
use terms::event::{Entry, Kind};

/// The time that the limits are about.
const HOUR: Duration = Duration::from_secs(3_600);
/// Faxes to one number in that time, however it is written.
const TO_NUMBER_MAX: usize = 3;
/// Faxes of all callers of a tenant in that time.
const OF_TENANT_MAX: usize = 100;

/// What the switch said of a fax that a flow wants sent.
pub(crate) async fn keep(write: &mut Write, entry: &Entry) -> Result<()> {
    let Kind::FaxAsked { document, number, station } = &entry.kind else { return Ok(()) };
    let draft = FaxDraft {
        number: number.received.clone(),
        document: document.clone(),
        caller_number: None,
        station: station.clone(),
        order: None,
        customer: None,
        tries_max: usual_tries(),
        pause_s: usual_pause(),
    };
    let added = match within_limits(write, entry, &draft).await {
        Ok(()) => add(write, entry.tenant, &By::system("switch", entry.at), &draft).await.map(drop),
        Err(error) => Err(error),
    };
    match added {
        Err(error) if error.is_ours() => Err(error),
        // What may not be must not stop what follows in the log.
        Err(error) => {
            tracing::warn!(tenant = %entry.tenant, %error, "a caller's fax is not sent");
            Ok(())
        }
        Ok(()) => Ok(()),
    }
}

async fn within_limits(write: &mut Write, entry: &Entry, draft: &FaxDraft) -> Result<()> {
    let doing = write.doing;
    let since = entry.at.0 - HOUR.as_micros() as i64;
    let numbers: Vec<String> = sql::query_scalar(
        "SELECT number FROM outgoing_faxes
         WHERE tenant_id = $1 AND asked_by = 0 AND asked_at > $2",
    )
    .bind(entry.tenant.0 as i64)
    .bind(since)
    .fetch_all(write.db())
    .await
    .during(doing)?;
    let country: Option<String> = sql::query_scalar("SELECT country FROM tenants WHERE id = $1")
        .bind(entry.tenant.0 as i64)
        .fetch_optional(write.db())
        .await
        .during(doing)?;
    // A caller who may type the number has several ways to type it.
    let country = country.unwrap_or_default();
    let normal = |number: &str| PhoneNumber::parse(number, &country).normal;
    let whom = normal(&draft.number);
    let to_number = numbers.iter().filter(|number| normal(number) == whom).count();
    if numbers.len() >= OF_TENANT_MAX || to_number >= TO_NUMBER_MAX {
        return Err(Error::Refused("callers had too many faxes sent within an hour".to_owned()));
    }
    Ok(())
}
