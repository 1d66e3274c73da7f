//! People who ask to be forgotten: each wish is a row before anything is done, so that a process that
//! dies goes on where it was. What it reaches in this store is [`person`]'s; the box does the rest.
//!
//! Number and mail address lie sealed while the work goes on, and nowhere when it has ended.

pub mod person;

use crate::audit::By;
use crate::error::During;
use crate::sql;
use crate::store::{DbRow, id_opt, time, time_opt};
use crate::text::text_enum;
use crate::{Error, Result, Store, text, when};
use serde::Serialize;
use terms::{MailAddress, Person, Subscriber, TenantId, Timestamp, UserId};
use utoipa::ToSchema;

/// Erasures of one tenant that are under way.
pub const OPEN_MAX: i64 = 1_000;

text_enum! {
    /// How far an erasure has come.
    ErasureState, "state of an erasure" {
        /// It is being done, or goes on in a few minutes.
        Waiting = "waiting",
        /// Nothing that can be asked for tells of the person; replaced files and the event log still
        /// hold bytes.
        Clearing = "clearing",
        /// No byte of the data folder tells of the person.
        Done = "done",
        /// A legal hold keeps something of the person: it was not done.
        Held = "held",
        /// Whom it is about cannot be read any more: it was not done, and has to be asked for again.
        Unreadable = "unreadable",
    }
}

/// A wish to be forgotten, and what became of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct Erasure {
    /// Its number.
    pub id: i64,
    /// How far it has come: `waiting`, `clearing`, `done`, `held` or `unreadable`.
    #[schema(value_type = String)]
    pub state: ErasureState,
    /// Why.
    pub reason: String,
    /// When it was asked for.
    #[serde(with = "when")]
    #[schema(value_type = String, format = DateTime)]
    pub asked_at: Timestamp,
    /// By whom.
    #[schema(value_type = Option<String>)]
    pub asked_by: Option<UserId>,
    /// Nothing that is asked for tells of the person since.
    #[serde(with = "when::option")]
    #[schema(value_type = Option<String>, format = DateTime)]
    pub erased_at: Option<Timestamp>,
    /// It ended.
    #[serde(with = "when::option")]
    #[schema(value_type = Option<String>, format = DateTime)]
    pub ended_at: Option<Timestamp>,
    /// Recordings and messages that were deleted.
    pub recordings: i64,
    /// Received faxes that were deleted.
    pub faxes: i64,
    /// Rows of the warehouse that told of the person.
    pub rows: i64,
    /// Customers, orders, remarks and entries of lists that did.
    pub entries: i64,
    /// Files of scheduled reports on the box that named the person and were removed.
    pub report_files: i64,
    /// Runs of scheduled reports whose files on the box may name the person and cannot be looked into,
    /// because they are PDF, PNG or Excel: `12, 11 and 3 more`.
    pub reports_left: String,
    /// What it waits for, or why it was not done.
    pub problem: String,
}

/// An erasure that is under way.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Open {
    /// Its number.
    pub id: i64,
    /// Who; `None` where their number or mail address cannot be read any more.
    pub person: Option<Person>,
    /// Set once nothing that is asked for tells of the person: when that was by the box's clock, and
    /// until when files were replaced by the warehouse's.
    pub erased: Option<(Timestamp, Timestamp)>,
}

/// What one attempt did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Reached {
    /// Recordings.
    pub recordings: u64,
    /// Faxes.
    pub faxes: u64,
    /// Rows of the warehouse.
    pub rows: u64,
    /// What this store had.
    pub entries: u64,
    /// Files of reports.
    pub report_files: u64,
}

const COLUMNS: &str = "SELECT id, state, reason, asked_at, asked_by, erased_at, ended_at, \
                       recordings, faxes, row_count, entries, report_files, \
                       reports_left, problem FROM erasures \
                       WHERE tenant_id = $1";

fn erasure(row: &DbRow) -> Result<Erasure> {
    Ok(Erasure {
        id: row.get("id"),
        state: ErasureState::stored("read an erasure", row.get("state"))?,
        reason: row.get("reason"),
        asked_at: time(row, "asked_at"),
        asked_by: id_opt(row, "asked_by").map(UserId),
        erased_at: time_opt(row, "erased_at"),
        ended_at: time_opt(row, "ended_at"),
        recordings: row.get("recordings"),
        faxes: row.get("faxes"),
        rows: row.get("row_count"),
        entries: row.get("entries"),
        report_files: row.get("report_files"),
        reports_left: row.get("reports_left"),
        problem: row.get("problem"),
    })
}

/// What a sealed number belongs to.
fn owner(tenant: TenantId, id: i64) -> String {
    format!("erasure {tenant} {id}")
}

/// What a sealed mail address belongs to.
fn owner_of_mail(tenant: TenantId, id: i64) -> String {
    format!("erasure by mail {tenant} {id}")
}

/// Refuses a reason that says who is to be forgotten: it is kept.
fn check_reason(reason: &str, person: &Person) -> Result<()> {
    let said: String = reason.chars().filter(char::is_ascii_digit).collect();
    if person.number().is_some_and(|number| said.contains(number.core())) {
        return Err(Error::invalid("reason", "the reason is kept: leave the number out of it"));
    }
    if person.mail().is_some_and(|mail| mail.is_in(reason)) {
        let problem = "the reason is kept: leave the mail address out of it";
        return Err(Error::invalid("reason", problem));
    }
    Ok(())
}

impl Store {
    /// Refuses a published number of the tenant: what everybody called is not one person's, and would be
    /// gone from every call.
    ///
    /// # Errors
    /// [`Error::Invalid`].
    pub async fn check_person(&self, tenant: TenantId, person: &Person) -> Result<()> {
        let numbers = self.numbers(tenant).await?;
        if numbers.iter().any(|number| person.is_in(&number.digits)) {
            return Err(Error::invalid("number", "this is a number of the tenant's own"));
        }
        Ok(())
    }

    /// Puts down that this person is to be forgotten.
    ///
    /// # Errors
    /// [`Error::Invalid`] for a number of the tenant's own, without a reason, or with one that has the
    /// number or the mail address in it; [`Error::Refused`] when too many are under way.
    pub async fn ask_erasure(
        &self,
        tenant: TenantId,
        by: &By,
        person: &Person,
        reason: &str,
    ) -> Result<Erasure> {
        self.check_person(tenant, person).await?;
        let reason = text::line("reason", reason)?;
        if reason.is_empty() {
            return Err(Error::invalid("reason", "an erasure needs a reason"));
        }
        check_reason(&reason, person)?;
        let doing = "ask for an erasure";
        let mut write = self.write(doing).await?;
        let count = "SELECT COUNT(*) FROM erasures WHERE tenant_id = $1 AND ended_at IS NULL";
        write.room_for(tenant, count, OPEN_MAX).await?;
        let id = write.next_id("erasure").await?;
        let seal = |owner: String, text: &str| self.keeper.seal(&owner, text);
        let number = person.number().map(|number| seal(owner(tenant, id), number.normal()));
        let mail = person.mail().map(|mail| seal(owner_of_mail(tenant, id), mail.normal()));
        sql::query(
            "INSERT INTO erasures (id, tenant_id, state, reason, number_sealed, mail_sealed,
             asked_at, asked_by) VALUES ($1, $2, $3, $4, $5, $6, $7, $8)",
        )
        .bind(id)
        .bind(tenant.0 as i64)
        .bind(ErasureState::Waiting.as_str())
        .bind(&reason)
        .bind(number)
        .bind(mail)
        .bind(by.at.0)
        .bind(by.user.map(|user| user.0 as i64))
        .execute(write.db())
        .await
        .during(doing)?;
        write.audit(tenant, by, "person.erase", format!("erasure {id}: {reason}")).await?;
        write.commit().await?;
        self.erasure(tenant, id).await
    }

    /// The erasures of a tenant, the latest first.
    ///
    /// # Errors
    /// When the store does not answer.
    pub async fn erasures(
        &self,
        tenant: TenantId,
        before: Option<i64>,
        limit: u32,
    ) -> Result<Vec<Erasure>> {
        let text = format!("{COLUMNS} AND id < $2 ORDER BY id DESC LIMIT $3");
        let rows = sql::query(sqlx::AssertSqlSafe(text))
            .bind(tenant.0 as i64)
            .bind(before.unwrap_or(i64::MAX))
            .bind(i64::from(limit.min(crate::store::LIST_MAX)))
            .fetch_all(self.reader())
            .await
            .during("list erasures")?;
        rows.iter().map(erasure).collect()
    }

    /// One erasure.
    ///
    /// # Errors
    /// [`Error::NotFound`].
    pub async fn erasure(&self, tenant: TenantId, id: i64) -> Result<Erasure> {
        let row = sql::query(sqlx::AssertSqlSafe(format!("{COLUMNS} AND id = $2")))
            .bind(tenant.0 as i64)
            .bind(id)
            .fetch_optional(self.reader())
            .await
            .during("read an erasure")?;
        row.map_or_else(|| Err(Error::not_found("erasure", id)), |row| erasure(&row))
    }

    /// The erasures of a tenant that are under way, the oldest first. One whose number or mail address
    /// was sealed with another key, or is none, is among them without the person.
    ///
    /// # Errors
    /// When the store does not answer.
    pub async fn open_erasures(&self, tenant: TenantId) -> Result<Vec<Open>> {
        let country = self.tenant(tenant).await?.profile.country;
        let rows = sql::query(
            "SELECT id, number_sealed, mail_sealed, erased_at, files_until FROM erasures
             WHERE tenant_id = $1 AND ended_at IS NULL
             AND (number_sealed IS NOT NULL OR mail_sealed IS NOT NULL) ORDER BY id",
        )
        .bind(tenant.0 as i64)
        .fetch_all(self.reader())
        .await
        .during("list erasures under way")?;
        let open = |row: &DbRow| {
            let id: i64 = row.get("id");
            let person = self.person_of(row, (tenant, id), &country);
            let erased = time_opt(row, "erased_at").zip(time_opt(row, "files_until"));
            Open { id, person, erased }
        };
        Ok(rows.iter().map(open).collect())
    }

    /// Whom an erasure is about; `None` where that cannot be read.
    fn person_of(
        &self,
        row: &DbRow,
        (tenant, id): (TenantId, i64),
        country: &str,
    ) -> Option<Person> {
        let opened = |owner: String, sealed: &str| self.keeper.open_sealed(&owner, sealed).ok();
        let number = match row.get::<Option<&str>>("number_sealed") {
            Some(sealed) => {
                let number = opened(owner(tenant, id), sealed)?;
                Some(Subscriber::parse(number.expose(), country)?)
            }
            None => None,
        };
        let mail = match row.get::<Option<&str>>("mail_sealed") {
            Some(sealed) => {
                let mail = opened(owner_of_mail(tenant, id), sealed)?;
                Some(MailAddress::parse(mail.expose())?)
            }
            None => None,
        };
        Person::new(number, mail)
    }

    /// Notes what an attempt did; `erased` once nothing is left but bytes, with the two clocks of
    /// [`Open::erased`]; `problem` is what it waits for.
    ///
    /// # Errors
    /// When it cannot be written.
    pub async fn note_reached(
        &self,
        tenant: TenantId,
        id: i64,
        reached: Reached,
        erased: Option<(Timestamp, Timestamp)>,
        problem: &str,
    ) -> Result<()> {
        let doing = "note how far an erasure has come";
        let state = if erased.is_some() { ErasureState::Clearing } else { ErasureState::Waiting };
        let mut write = self.write(doing).await?;
        sql::query(
            "UPDATE erasures SET state = $3, recordings = recordings + $4, faxes = faxes + $5,
             row_count = row_count + $6, entries = entries + $7, erased_at = $8, files_until = $9,
             problem = $10, report_files = report_files + $11 WHERE tenant_id = $1 AND id = $2",
        )
        .bind(tenant.0 as i64)
        .bind(id)
        .bind(state.as_str())
        .bind(reached.recordings as i64)
        .bind(reached.faxes as i64)
        .bind(reached.rows as i64)
        .bind(reached.entries as i64)
        .bind(erased.map(|(at, _)| at.0))
        .bind(erased.map(|(_, until)| until.0))
        .bind(problem)
        .bind(reached.report_files as i64)
        .execute(write.db())
        .await
        .during(doing)?;
        write.commit().await
    }

    /// Notes which runs of reports have files that may name the person and cannot be looked into.
    ///
    /// # Errors
    /// When it cannot be written.
    pub async fn note_reports_left(&self, tenant: TenantId, id: i64, left: &str) -> Result<()> {
        let doing = "note which reports an erasure leaves";
        let mut write = self.write(doing).await?;
        sql::query("UPDATE erasures SET reports_left = $3 WHERE tenant_id = $1 AND id = $2")
            .bind(tenant.0 as i64)
            .bind(id)
            .bind(left)
            .execute(write.db())
            .await
            .during(doing)?;
        write.commit().await
    }

    /// Ends an erasure and forgets its number and mail address.
    ///
    /// # Errors
    /// When it cannot be written.
    pub async fn end_erasure(
        &self,
        tenant: TenantId,
        id: i64,
        state: ErasureState,
        problem: &str,
        at: Timestamp,
    ) -> Result<()> {
        let doing = "end an erasure";
        let mut write = self.write(doing).await?;
        sql::query(
            "UPDATE erasures SET state = $3, problem = $4, ended_at = $5, number_sealed = NULL,
             mail_sealed = NULL WHERE tenant_id = $1 AND id = $2",
        )
        .bind(tenant.0 as i64)
        .bind(id)
        .bind(state.as_str())
        .bind(problem)
        .bind(at.0)
        .execute(write.db())
        .await
        .during(doing)?;
        let subject = format!("erasure {id}: {} {problem}", state.as_str());
        let by = By::system("erasure", at);
        write.audit(tenant, &by, "person.erased", subject.trim_end()).await?;
        write.commit().await
    }
}
