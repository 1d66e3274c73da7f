//! Faxes that the box sends of its own accord. Each is a row that waits until its time, is tried so many
//! times, and is sent or not. The switch makes the calls and says in its event log how each try went; the
//! store follows that log ([`Store::keep_calling`]).
//!
//! Promise: nothing that was delivered is sent again. A row is taken before the switch is asked, under a
//! name of the try's own, and waits again where the log says of that name that nobody answered. Where
//! nobody says anything, because a process died in between, it is not known whether the fax arrived: it is
//! over then, and a person decides.

pub(crate) mod asked;

use crate::audit::By;
use crate::error::During;
use crate::sql;
use crate::store::{DbRow, Write, id, id_opt, time, time_opt};
use crate::text::text_enum;
use crate::{Error, Result, Store, when};
use serde::{Deserialize, Serialize};
use std::time::Duration;
use terms::event::{Entry, Kind, Outcome};
use terms::media::FaxOutcome;
use terms::{CallId, CustomerId, FaxId, OrderId, OutgoingFaxId, TenantId, Timestamp, UserId};
use utoipa::ToSchema;

/// Faxes of a tenant that are not over.
pub const OPEN_MAX: i64 = 1_000;
/// Faxes of all tenants that are being sent at a time.
pub const AT_ONCE_MAX: i64 = 20;
/// Tries of one fax.
pub const TRIES_MAX: u32 = 10;
/// Seconds between two tries.
pub const PAUSE_S: std::ops::RangeInclusive<u32> = 30..=86_400;
/// So long the outcome of a try is waited for: a call has no more time.
const OUTCOME_MAX: Duration = Duration::from_secs(4 * 3_600);
/// One that is over for longer is forgotten.
const KEPT: Duration = Duration::from_secs(90 * 86_400);
/// Causes after which another try may do better, ITU-T Q.850 §2.2.7: busy, nobody answers, no line, and
/// a network that is out of order or full.
const AGAIN: [u8; 9] = [17, 18, 19, 34, 38, 41, 42, 44, 47];
/// What is said where nobody knows.
const UNKNOWN: &str = "it is not known whether it arrived; ask before it is sent again";

text_enum! {
    /// How far a fax is, in the order of its life.
    OutgoingFaxState, "state of a fax" {
        /// Its time has not come.
        Waiting = "waiting",
        /// The number is being called, or its machine has the pages.
        Calling = "calling",
        /// Every page is there, and both machines know.
        Sent = "sent",
        /// It is not sent, or not all of it.
        Failed = "failed",
        /// Somebody took it off.
        Cancelled = "cancelled",
    }
}

/// A fax to be sent.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct FaxDraft {
    /// An outside number.
    pub number: String,
    /// The name of a fax document.
    pub document: String,
    /// The number of the tenant that the outside is to see; left out, what the trunk's rule says.
    #[serde(default)]
    pub caller_number: Option<String>,
    /// What the other machine shows of us, digits, `+` and spaces; left out, the caller number.
    #[serde(default)]
    pub station: String,
    /// The order that it is about.
    #[serde(default)]
    #[schema(value_type = Option<String>)]
    pub order: Option<OrderId>,
    /// The customer whom it goes to.
    #[serde(default)]
    #[schema(value_type = Option<String>)]
    pub customer: Option<CustomerId>,
    /// How often it is tried where the number is busy or nobody answers, 1-10; 3 when left out.
    #[serde(default = "usual_tries")]
    pub tries_max: u32,
    /// Seconds between two tries, 30-86,400; 180 when left out.
    #[serde(default = "usual_pause")]
    pub pause_s: u32,
}

fn usual_tries() -> u32 {
    3
}

fn usual_pause() -> u32 {
    180
}

/// A fax that is sent, was or will be.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[schema(as = OutgoingFax)]
pub struct OutgoingFax {
    /// Its id.
    #[schema(value_type = String)]
    pub id: OutgoingFaxId,
    /// Whose.
    #[serde(skip)]
    pub tenant: TenantId,
    /// What was asked for.
    #[serde(flatten)]
    pub draft: FaxDraft,
    /// Who asked for it.
    #[schema(value_type = String)]
    pub asked_by: UserId,
    /// When.
    #[serde(with = "when")]
    #[schema(value_type = String, format = DateTime)]
    pub asked_at: Timestamp,
    /// How far it is.
    pub state: OutgoingFaxState,
    /// How often it was tried.
    pub tries: u32,
    /// When it is tried next; none unless it waits.
    #[serde(with = "when::option")]
    #[schema(value_type = Option<String>, format = DateTime)]
    pub next_at: Option<Timestamp>,
    /// The last try, as the table `faxes` and the event `fax_done` name it.
    #[schema(value_type = Option<String>)]
    pub fax: Option<FaxId>,
    /// Its call.
    #[schema(value_type = Option<String>)]
    pub call: Option<CallId>,
    /// Pages that the other machine confirmed in the last try.
    pub pages: u32,
    /// Why the last try came to nothing; empty where it did not.
    pub problem: String,
    /// When it was over.
    #[serde(with = "when::option")]
    #[schema(value_type = Option<String>, format = DateTime)]
    pub ended_at: Option<Timestamp>,
}

fn of(row: &DbRow) -> Result<OutgoingFax> {
    let number = |column: &str| u32::try_from(row.get::<i64>(column)).unwrap_or_default();
    let state = OutgoingFaxState::stored("read a fax", row.get::<&str>("state"))?;
    let waits = state == OutgoingFaxState::Waiting;
    Ok(OutgoingFax {
        id: OutgoingFaxId(id(row, "id")),
        tenant: TenantId(id(row, "tenant_id")),
        draft: FaxDraft {
            number: row.get("number"),
            document: row.get("document"),
            caller_number: row.get("caller_number"),
            station: row.get("station"),
            order: id_opt(row, "order_id").map(OrderId),
            customer: id_opt(row, "customer_id").map(CustomerId),
            tries_max: number("tries_max"),
            pause_s: number("pause_s"),
        },
        asked_by: UserId(id(row, "asked_by")),
        asked_at: time(row, "asked_at"),
        state,
        tries: number("tries"),
        next_at: waits.then(|| time(row, "next_at")),
        fax: id_opt(row, "fax_id").map(FaxId),
        call: id_opt(row, "call_id").map(CallId),
        pages: number("pages"),
        problem: row.get("problem"),
        ended_at: time_opt(row, "ended_at"),
    })
}

/// What follows a try that came to nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Then {
    /// It was none: it waits so long, and the try does not count.
    Wait(Duration),
    /// It is over.
    Fail,
}

impl FaxDraft {
    fn check(&self) -> Result<()> {
        if !(1..=TRIES_MAX).contains(&self.tries_max) {
            return Err(Error::invalid("tries_max", format!("1 to {TRIES_MAX} are possible")));
        }
        if !PAUSE_S.contains(&self.pause_s) {
            let (least, most) = (PAUSE_S.start(), PAUSE_S.end());
            return Err(Error::invalid("pause_s", format!("{least} to {most} are possible")));
        }
        Ok(())
    }
}

impl Store {
    /// Has a fax sent: its first try is due at once.
    ///
    /// # Errors
    /// [`Error::Invalid`]; [`Error::Refused`] where too many are not over.
    pub async fn add_outgoing_fax(
        &self,
        tenant: TenantId,
        by: &By,
        draft: FaxDraft,
    ) -> Result<OutgoingFax> {
        draft.check()?;
        let mut write = self.write("have a fax sent").await?;
        let added = add(&mut write, tenant, by, &draft).await?;
        write.commit().await?;
        Ok(added)
    }

    /// Faxes of a tenant, the latest first, from `before` on.
    ///
    /// # Errors
    /// When the store does not answer.
    pub async fn outgoing_faxes(
        &self,
        tenant: TenantId,
        before: Option<OutgoingFaxId>,
        limit: u32,
    ) -> Result<Vec<OutgoingFax>> {
        let before = before.map_or(i64::MAX, |before| before.0 as i64);
        let rows = sql::query(
            "SELECT * FROM outgoing_faxes WHERE tenant_id = $1 AND id < $2
             ORDER BY id DESC LIMIT $3",
        )
        .bind(tenant.0 as i64)
        .bind(before)
        .bind(i64::from(limit))
        .fetch_all(self.reader())
        .await
        .during("list faxes")?;
        rows.iter().map(of).collect()
    }

    /// One of them.
    ///
    /// # Errors
    /// [`Error::NotFound`].
    pub async fn outgoing_fax(&self, tenant: TenantId, fax: OutgoingFaxId) -> Result<OutgoingFax> {
        let row = sql::query("SELECT * FROM outgoing_faxes WHERE tenant_id = $1 AND id = $2")
            .bind(tenant.0 as i64)
            .bind(fax.0 as i64)
            .fetch_optional(self.reader())
            .await
            .during("read a fax")?;
        of(&row.ok_or_else(|| Error::not_found("fax", fax))?)
    }

    /// Takes off one that waits.
    ///
    /// # Errors
    /// [`Error::NotFound`]; [`Error::Refused`] where it is being sent or is over.
    pub async fn cancel_outgoing_fax(
        &self,
        tenant: TenantId,
        by: &By,
        fax: OutgoingFaxId,
    ) -> Result<()> {
        self.outgoing_fax(tenant, fax).await?;
        let mut write = self.write("take off a fax").await?;
        let done = sql::query(
            "UPDATE outgoing_faxes SET state = 'cancelled', ended_at = $3
             WHERE tenant_id = $1 AND id = $2 AND state = 'waiting'",
        )
        .bind(tenant.0 as i64)
        .bind(fax.0 as i64)
        .bind(by.at.0)
        .execute(write.db())
        .await
        .during("take off a fax")?;
        if done.rows_affected() == 0 {
            return Err(Error::Refused("only a fax that waits can be taken off".to_owned()));
        }
        write.audit(tenant, by, "fax.cancel", fax).await?;
        write.commit().await
    }

    /// Whether a try is due.
    ///
    /// # Errors
    /// When the store does not answer.
    pub async fn outgoing_fax_due(&self, now: Timestamp) -> Result<bool> {
        let due = sql::query(
            "SELECT id FROM outgoing_faxes WHERE state = 'waiting' AND next_at <= $1 LIMIT 1",
        )
        .bind(now.0)
        .fetch_optional(self.reader())
        .await
        .during("look for faxes")?;
        Ok(due.is_some())
    }

    /// How many are being sent, of all tenants.
    ///
    /// # Errors
    /// When the store does not answer.
    pub async fn outgoing_faxes_under_way(&self) -> Result<i64> {
        sql::query_scalar("SELECT count(*) FROM outgoing_faxes WHERE state = 'calling'")
            .fetch_one(self.reader())
            .await
            .during("count faxes")
    }

    /// Takes one for a try of this name: of the tenant of whom the fewest are being sent the one that
    /// has waited longest. None where none is due, or as many as may be are being sent.
    ///
    /// # Errors
    /// When the store does not answer.
    pub async fn claim_outgoing_fax(
        &self,
        attempt: FaxId,
        now: Timestamp,
    ) -> Result<Option<OutgoingFax>> {
        let mut write = self.write("take a fax").await?;
        let doing = write.doing;
        let row = sql::query(
            "UPDATE outgoing_faxes SET state = 'calling', fax_id = $1, call_id = NULL,
             tries = tries + 1, next_at = $2, pages = 0, problem = ''
             WHERE id = (SELECT due.id FROM outgoing_faxes due
                 WHERE due.state = 'waiting' AND due.next_at <= $3
                 AND (SELECT count(*) FROM outgoing_faxes WHERE state = 'calling') < $4
                 ORDER BY (SELECT count(*) FROM outgoing_faxes live
                     WHERE live.state = 'calling' AND live.tenant_id = due.tenant_id),
                 due.next_at, due.id LIMIT 1)
             RETURNING *",
        )
        .bind(attempt.0 as i64)
        .bind((now + OUTCOME_MAX).0)
        .bind(now.0)
        .bind(AT_ONCE_MAX)
        .fetch_optional(write.db())
        .await
        .during(doing)?;
        let taken = row.as_ref().map(of).transpose()?;
        write.commit().await?;
        Ok(taken)
    }

    /// The switch makes this call for a try.
    ///
    /// # Errors
    /// When the store does not answer.
    pub async fn outgoing_fax_called(&self, attempt: FaxId, call: CallId) -> Result<()> {
        let mut write = self.write("note the call of a fax").await?;
        // Its outcome may have come before.
        sql::query("UPDATE outgoing_faxes SET call_id = $2 WHERE fax_id = $1")
            .bind(attempt.0 as i64)
            .bind(call.0 as i64)
            .execute(write.db())
            .await
            .during("note the call of a fax")?;
        write.commit().await
    }

    /// The switch makes no call for a try, and says why.
    ///
    /// # Errors
    /// When the store does not answer.
    pub async fn outgoing_fax_refused(
        &self,
        attempt: FaxId,
        why: &str,
        then: Then,
        now: Timestamp,
    ) -> Result<()> {
        let mut write = self.write("note that a fax is not sent").await?;
        let doing = write.doing;
        let done = match then {
            Then::Wait(pause) => sql::query(
                "UPDATE outgoing_faxes SET state = 'waiting', tries = tries - 1, next_at = $2,
                 problem = $3 WHERE fax_id = $1 AND state = 'calling'",
            )
            .bind(attempt.0 as i64)
            .bind((now + pause).0)
            .bind(why),
            Then::Fail => sql::query(
                "UPDATE outgoing_faxes SET state = 'failed', ended_at = $2, problem = $3
                 WHERE fax_id = $1 AND state = 'calling'",
            )
            .bind(attempt.0 as i64)
            .bind(now.0)
            .bind(why),
        };
        done.execute(write.db()).await.during(doing)?;
        write.commit().await
    }

    /// Tries of whose outcome nobody will say anything are over; what is over for long is forgotten.
    /// Returns how many were given up.
    ///
    /// # Errors
    /// When the store does not answer.
    pub async fn tidy_outgoing_faxes(&self, now: Timestamp) -> Result<u64> {
        let mut write = self.write("tidy faxes").await?;
        let doing = write.doing;
        let lost = sql::query(
            "UPDATE outgoing_faxes SET state = 'failed', problem = $2, ended_at = $1
             WHERE state = 'calling' AND next_at <= $1",
        )
        .bind(now.0)
        .bind(UNKNOWN)
        .execute(write.db())
        .await
        .during(doing)?;
        sql::query("DELETE FROM outgoing_faxes WHERE ended_at < $1")
            .bind(now.0 - KEPT.as_micros() as i64)
            .execute(write.db())
            .await
            .during(doing)?;
        write.commit().await?;
        Ok(lost.rows_affected())
    }
}

/// Adds one whose first try is due at once.
async fn add(
    write: &mut Write,
    tenant: TenantId,
    by: &By,
    draft: &FaxDraft,
) -> Result<OutgoingFax> {
    let doing = write.doing;
    let open: i64 = sql::query_scalar(
        "SELECT count(*) FROM outgoing_faxes
         WHERE tenant_id = $1 AND state IN ('waiting', 'calling')",
    )
    .bind(tenant.0 as i64)
    .fetch_one(write.db())
    .await
    .during(doing)?;
    if open >= OPEN_MAX {
        return Err(Error::Refused(format!("{open} faxes wait already; some must go first")));
    }
    let new = write.next_id("outgoing fax").await?;
    let row = sql::query(
        "INSERT INTO outgoing_faxes (id, tenant_id, number, document, caller_number, station,
         order_id, customer_id, tries_max, pause_s, asked_by, asked_at, state, tries, next_at,
         pages, problem)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, 'waiting', 0, $12, 0, '')
         RETURNING *",
    )
    .bind(new)
    .bind(tenant.0 as i64)
    .bind(draft.number.as_str())
    .bind(draft.document.as_str())
    .bind(draft.caller_number.clone())
    .bind(draft.station.as_str())
    .bind(draft.order.map(|order| order.0 as i64))
    .bind(draft.customer.map(|customer| customer.0 as i64))
    .bind(i64::from(draft.tries_max))
    .bind(i64::from(draft.pause_s))
    .bind(by.user.unwrap_or_default().0 as i64)
    .bind(by.at.0)
    .fetch_one(write.db())
    .await
    .during(doing)?;
    let added = of(&row)?;
    let subject = format!("{new} {}: {}", draft.number, draft.document);
    write.audit(tenant, by, "fax.send", subject).await?;
    Ok(added)
}

/// What an entry of the event log says of a try.
pub(crate) async fn keep(write: &mut Write, entry: &Entry) -> Result<()> {
    match &entry.kind {
        Kind::FaxDone { document: Some(_), outcome, .. } => done(write, entry, outcome).await,
        Kind::CallEnded { outcome: Outcome::Interrupted, .. } => {
            let Some(call) = entry.call else { return Ok(()) };
            let doing = write.doing;
            sql::query(
                "UPDATE outgoing_faxes SET state = 'failed', problem = $4, ended_at = $3
                 WHERE tenant_id = $1 AND call_id = $2 AND state = 'calling'",
            )
            .bind(entry.tenant.0 as i64)
            .bind(call.0 as i64)
            .bind(entry.at.0)
            .bind(UNKNOWN)
            .execute(write.db())
            .await
            .during(doing)?;
            Ok(())
        }
        _ => Ok(()),
    }
}

async fn done(write: &mut Write, entry: &Entry, outcome: &FaxOutcome) -> Result<()> {
    let doing = write.doing;
    let row = sql::query(
        "SELECT * FROM outgoing_faxes WHERE tenant_id = $1 AND fax_id = $2
         AND (state = 'calling' OR (state = 'failed' AND problem = $3))",
    )
    .bind(entry.tenant.0 as i64)
    .bind(outcome.fax.0 as i64)
    // It may be known after all: a call may end before its fax says how it went.
    .bind(UNKNOWN)
    .fetch_optional(write.db())
    .await
    .during(doing)?;
    // Sent by a flow, or it is known.
    let Some(row) = row else { return Ok(()) };
    let fax = of(&row)?;
    let state = match after(outcome, fax.tries, fax.draft.tries_max) {
        // Somebody was told that it is over, and may have sent another one.
        OutgoingFaxState::Waiting if fax.state == OutgoingFaxState::Failed => fax.state,
        state => state,
    };
    let next_at = entry.at + Duration::from_secs(fax.draft.pause_s.into());
    let problem = if outcome.complete { "" } else { outcome.text.as_str() };
    let ended_at = (state != OutgoingFaxState::Waiting).then_some(entry.at.0);
    sql::query(
        "UPDATE outgoing_faxes SET state = $3, next_at = $4, pages = $5, problem = $6,
         ended_at = $7, call_id = COALESCE($8, call_id) WHERE tenant_id = $1 AND id = $2",
    )
    .bind(entry.tenant.0 as i64)
    .bind(fax.id.0 as i64)
    .bind(state.as_str())
    .bind(next_at.0)
    .bind(i64::from(outcome.pages))
    .bind(problem)
    .bind(ended_at)
    .bind(entry.call.map(|call| call.0 as i64))
    .execute(write.db())
    .await
    .during(doing)?;
    Ok(())
}

/// Where somebody answered, nothing is tried again: pages may have arrived.
fn after(outcome: &FaxOutcome, tries: u32, tries_max: u32) -> OutgoingFaxState {
    let may_again = outcome.unreached.is_some_and(|cause| AGAIN.contains(&cause));
    match () {
        () if outcome.complete => OutgoingFaxState::Sent,
        () if may_again && tries < tries_max => OutgoingFaxState::Waiting,
        () => OutgoingFaxState::Failed,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_who_was_not_reached_for_now_is_tried_again_and_not_for_ever() {
        use OutgoingFaxState::{Failed, Sent, Waiting};
        let unreached = |cause| FaxOutcome { unreached: Some(cause), ..FaxOutcome::default() };
        let whole = FaxOutcome { complete: true, pages: 2, ..FaxOutcome::default() };
        let half = FaxOutcome { pages: 1, ..FaxOutcome::default() };
        for (outcome, tries, expected) in [
            (unreached(17), 1, Waiting),
            (unreached(19), 2, Waiting),
            (unreached(19), 3, Failed),
            (unreached(1), 1, Failed),
            (unreached(21), 1, Failed),
            (half, 1, Failed),
            (FaxOutcome::default(), 1, Failed),
            (whole, 3, Sent),
        ] {
            assert_eq!(after(&outcome, tries, 3), expected, "{outcome:?} {tries}");
        }
    }
}
