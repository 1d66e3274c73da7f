//! Schedules: when a saved report is made and where it goes. [`planner`] says what is due, [`run`]
//! keeps what came of it. A schedule begins when it is made or changed: no run is due for a time
//! before that.

pub mod cron;
pub mod pack;
pub mod planner;
pub mod run;
pub mod target;

use crate::audit::By;
use crate::error::During;
use crate::saved_report::SavedReport;
use crate::secret::Secret;
use crate::sql;
use crate::store::{DbRow, Write, document, id, id_opt, time};
use crate::{Error, Result, Store, text, when};
use cron::Cron;
use planner::{Due, Misfire, Planner, Rule};
use serde::{Deserialize, Serialize, Serializer};
use target::Target;
use terms::{SavedReportId, ScheduleId, TenantId, Timestamp, UserId};
use utoipa::ToSchema;

/// Schedules of one tenant.
pub const SCHEDULES_MAX: i64 = 200;
/// Shortest and longest secret of a webhook, in bytes.
const SECRET_BYTES: std::ops::RangeInclusive<usize> = 16..=200;

/// A schedule.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[schema(as = Schedule)]
pub struct Schedule {
    /// Its id.
    #[schema(value_type = String)]
    pub id: ScheduleId,
    /// What it is.
    #[serde(flatten)]
    pub draft: ScheduleDraft,
    /// When it is due next; none when it is off or over.
    #[serde(with = "when::option")]
    #[schema(value_type = Option<String>, format = DateTime)]
    pub next_at: Option<Timestamp>,
    /// Who made or changed it last: its reports show what they see. None where nobody signed in did.
    #[schema(value_type = Option<String>)]
    pub owner: Option<UserId>,
    #[serde(skip)]
    planned_through: Timestamp,
}

/// A schedule to be, or as it shall be from now on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ScheduleDraft {
    /// Its name, unique in the tenant.
    pub name: String,
    /// What is made.
    #[schema(value_type = String)]
    pub saved_report: SavedReportId,
    /// What is made besides, in the same run and delivered with it: at most 19 saved reports.
    #[serde(default)]
    #[schema(value_type = Vec<String>, required = false)]
    pub more: Vec<SavedReportId>,
    /// Minute, hour, day, month, weekday: `0 8 * * 1` is Mondays at 8:00.
    pub cron: String,
    /// Whose clock, an IANA name; that of the organisation when left out.
    #[serde(default)]
    pub time_zone: Option<String>,
    /// Name of opening hours: due only on days on which they are open at all.
    #[serde(default)]
    pub calendar: Option<String>,
    /// What becomes of runs that were due while nothing ran here.
    pub misfire: Misfire,
    /// Not due after this; without end when left out.
    #[serde(default, with = "when::option")]
    #[schema(value_type = Option<String>, format = DateTime)]
    pub until: Option<Timestamp>,
    /// Due at all.
    #[serde(default = "yes")]
    #[schema(required = false)]
    pub enabled: bool,
    /// Where its files go; nowhere but the list of runs when empty.
    #[serde(default)]
    #[schema(required = false)]
    pub targets: Vec<Target>,
    /// What webhooks are signed with, 16-200 characters. It is never shown again, and stays as it
    /// is when left out.
    #[serde(default, skip_serializing_if = "Hidden::always")]
    #[schema(value_type = Option<String>)]
    pub webhook_secret: Hidden,
}

fn yes() -> bool {
    true
}

/// A text that nobody is shown.
#[derive(Clone, Default, PartialEq, Eq, Deserialize)]
pub struct Hidden(pub Option<String>);

impl Hidden {
    /// It is left out wherever it could be shown or stored in clear.
    fn always(&self) -> bool {
        true
    }
}

impl Serialize for Hidden {
    fn serialize<S: Serializer>(&self, serializer: S) -> std::result::Result<S::Ok, S::Error> {
        serializer.serialize_none()
    }
}

impl std::fmt::Debug for Hidden {
    fn fmt(&self, f: &mut std::fmt::Formatter) -> std::fmt::Result {
        f.write_str(if self.0.is_some() { "Hidden(…)" } else { "Hidden(none)" })
    }
}

/// What a planner looks at: a schedule that is on, what it makes, and what it has looked at.
#[derive(Clone, Debug)]
pub struct Planned {
    /// The schedule.
    pub schedule: Schedule,
    /// What it makes.
    pub saved: SavedReport,
    /// What it makes besides.
    pub more: Vec<SavedReport>,
    /// In its zone, named.
    pub time_zone: String,
    /// When the tenant's days begin, in minutes after midnight.
    pub day_begins_min: u16,
    /// When it is due.
    pub planner: Planner,
}

const SELECT: &str = "SELECT id, document, planned_through, owner_id FROM schedules";

fn of(row: &DbRow) -> Result<Schedule> {
    let draft = document(row, "document", "read schedules", "schedule")?;
    let planned_through = time(row, "planned_through");
    let owner = id_opt(row, "owner_id").map(UserId);
    Ok(Schedule { id: ScheduleId(id(row, "id")), draft, next_at: None, owner, planned_through })
}

fn owner(tenant: TenantId, id: ScheduleId) -> String {
    format!("schedule {tenant} {id} webhook")
}

impl ScheduleDraft {
    fn checked(&self, now: Timestamp) -> Result<ScheduleDraft> {
        target::check(&self.targets)?;
        pack::check(self)?;
        Cron::parse(&self.cron).map_err(|problem| Error::invalid("cron", problem))?;
        if self.until.is_some_and(|until| until <= now) {
            return Err(Error::invalid("until", "a time in the future is needed"));
        }
        if let Some(secret) = &self.webhook_secret.0
            && !SECRET_BYTES.contains(&secret.len())
        {
            let problem =
                format!("{}-{} characters are needed", SECRET_BYTES.start(), SECRET_BYTES.end());
            return Err(Error::invalid("webhook_secret", problem));
        }
        Ok(ScheduleDraft {
            name: text::name("name", &self.name)?,
            cron: self.cron.split_ascii_whitespace().collect::<Vec<_>>().join(" "),
            ..self.clone()
        })
    }

    fn has_webhook(&self) -> bool {
        self.targets.iter().any(|target| matches!(target, Target::Webhook { .. }))
    }
}

impl Store {
    /// The schedules of a tenant, by name.
    ///
    /// # Errors
    /// When the store does not answer.
    pub async fn schedules(&self, tenant: TenantId) -> Result<Vec<Schedule>> {
        let sql = format!("{SELECT} WHERE tenant_id = $1 ORDER BY name LIMIT 200");
        let rows = sql::query(sqlx::AssertSqlSafe(sql))
            .bind(tenant.0 as i64)
            .fetch_all(self.reader())
            .await
            .during("list schedules")?;
        let mut schedules = rows.iter().map(of).collect::<Result<Vec<Schedule>>>()?;
        for schedule in &mut schedules {
            self.tell_next(tenant, schedule).await?;
        }
        Ok(schedules)
    }

    /// One schedule.
    ///
    /// # Errors
    /// [`Error::NotFound`].
    pub async fn schedule(&self, tenant: TenantId, id: ScheduleId) -> Result<Schedule> {
        let sql = format!("{SELECT} WHERE tenant_id = $1 AND id = $2");
        let row = sql::query(sqlx::AssertSqlSafe(sql))
            .bind(tenant.0 as i64)
            .bind(id.0 as i64)
            .fetch_optional(self.reader())
            .await
            .during("read a schedule")?;
        let mut schedule = of(&row.ok_or_else(|| Error::not_found("schedule", id))?)?;
        self.tell_next(tenant, &mut schedule).await?;
        Ok(schedule)
    }

    async fn tell_next(&self, tenant: TenantId, schedule: &mut Schedule) -> Result<()> {
        if schedule.draft.enabled {
            let (_, rule) = self.rule(tenant, &schedule.draft).await?;
            schedule.next_at = Planner::new(rule, schedule.planned_through).next_timeout();
        }
        Ok(())
    }

    /// The zone's name and when a schedule is due. Opening hours that are gone restrict nothing.
    async fn rule(&self, tenant: TenantId, draft: &ScheduleDraft) -> Result<(String, Rule)> {
        let time_zone = match &draft.time_zone {
            Some(zone) => zone.clone(),
            None => self.tenant(tenant).await?.profile.time_zone,
        };
        let zone = time_zone.parse().map_err(|_| {
            Error::invalid("time_zone", "an IANA name such as Asia/Shanghai is needed")
        })?;
        let cron = Cron::parse(&draft.cron).map_err(|problem| Error::invalid("cron", problem))?;
        let calendar = match &draft.calendar {
            Some(name) => self.hours(tenant).await?.into_iter().find(|hours| hours.name == *name),
            None => None,
        };
        let (misfire, until) = (draft.misfire, draft.until);
        Ok((time_zone, Rule { cron, zone, calendar, misfire, until }))
    }

    /// Refuses what is not there, and a schedule that never comes due.
    async fn check_schedule(&self, tenant: TenantId, by: &By, draft: &ScheduleDraft) -> Result<()> {
        let saved = self.saved_reports(tenant).await?;
        if !saved.iter().any(|saved| saved.id == draft.saved_report) {
            return Err(Error::not_found("saved report", draft.saved_report));
        }
        pack::further(draft, &saved)?;
        let (_, rule) = self.rule(tenant, draft).await?;
        if let (Some(name), None) = (&draft.calendar, &rule.calendar) {
            let problem = format!("there are no opening hours \"{name}\"");
            return Err(Error::invalid("calendar", problem));
        }
        match Planner::new(rule, by.at).next_timeout() {
            Some(_) => Ok(()),
            None => Err(Error::invalid("cron", "this schedule never comes due")),
        }
    }

    /// Makes a schedule.
    ///
    /// # Errors
    /// [`Error::Invalid`], [`Error::NotFound`] for the saved report, [`Error::Taken`],
    /// [`Error::Refused`] when there are too many.
    pub async fn create_schedule(
        &self,
        tenant: TenantId,
        by: &By,
        draft: &ScheduleDraft,
    ) -> Result<Schedule> {
        let draft = draft.checked(by.at)?;
        self.check_schedule(tenant, by, &draft).await?;
        if draft.has_webhook() && draft.webhook_secret.0.is_none() {
            return Err(Error::invalid(
                "webhook_secret",
                "a webhook needs a secret to be signed with",
            ));
        }
        let mut write = self.write("make a schedule").await?;
        let count = "SELECT COUNT(*) FROM schedules WHERE tenant_id = $1";
        write.room_for(tenant, count, SCHEDULES_MAX).await?;
        let id = ScheduleId(write.next_id("schedule").await? as u64);
        let sql = "INSERT INTO schedules
             (tenant_id, id, name, saved_report_id, document, planned_through, webhook_secret,
              owner_id)
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8)";
        self.put_row(&mut write, sql, tenant, id, by, &draft).await?;
        write.audit(tenant, by, "schedule.create", &draft.name).await?;
        write.commit().await?;
        self.schedule(tenant, id).await
    }

    /// Changes a schedule, for runs that become due from now on.
    ///
    /// # Errors
    /// [`Error::NotFound`], [`Error::Invalid`], [`Error::Taken`].
    pub async fn put_schedule(
        &self,
        tenant: TenantId,
        by: &By,
        id: ScheduleId,
        draft: &ScheduleDraft,
    ) -> Result<Schedule> {
        let draft = draft.checked(by.at)?;
        self.schedule(tenant, id).await?;
        self.check_schedule(tenant, by, &draft).await?;
        let signs =
            draft.webhook_secret.0.is_some() || self.webhook_secret(tenant, id).await?.is_some();
        if draft.has_webhook() && !signs {
            return Err(Error::invalid(
                "webhook_secret",
                "a webhook needs a secret to be signed with",
            ));
        }
        let mut write = self.write("change a schedule").await?;
        let sql = "UPDATE schedules SET name = $3, saved_report_id = $4, document = $5,
             planned_through = $6, webhook_secret = COALESCE($7, webhook_secret), owner_id = $8
             WHERE tenant_id = $1 AND id = $2";
        if self.put_row(&mut write, sql, tenant, id, by, &draft).await? == 0 {
            return Err(Error::not_found("schedule", id));
        }
        write.audit(tenant, by, "schedule.change", &draft.name).await?;
        write.commit().await?;
        self.schedule(tenant, id).await
    }

    async fn put_row(
        &self,
        write: &mut Write,
        sql: &'static str,
        tenant: TenantId,
        id: ScheduleId,
        by: &By,
        draft: &ScheduleDraft,
    ) -> Result<u64> {
        let doing = write.doing;
        let secret = draft.webhook_secret.0.as_ref();
        let sealed = secret.map(|secret| self.keeper.seal(&owner(tenant, id), secret));
        let done = sql::query(sql)
            .bind(tenant.0 as i64)
            .bind(id.0 as i64)
            .bind(&draft.name)
            .bind(draft.saved_report.0 as i64)
            .bind(serde_json::to_string(draft).expect("a schedule is always valid JSON"))
            .bind(by.at.0)
            .bind(sealed)
            .bind(by.user.map(|user| user.0 as i64))
            .execute(write.db())
            .await
            .during(doing)?;
        if done.rows_affected() > 0 {
            pack::put(write, tenant, id, draft).await?;
        }
        Ok(done.rows_affected())
    }

    /// Takes a schedule away. Its runs go on and stay in the list.
    ///
    /// # Errors
    /// [`Error::NotFound`].
    pub async fn remove_schedule(&self, tenant: TenantId, by: &By, id: ScheduleId) -> Result<()> {
        let mut write = self.write("remove a schedule").await?;
        let delete = "DELETE FROM schedules WHERE tenant_id = $1 AND id = $2";
        write.remove(tenant, delete, ("schedule", id.0)).await?;
        write.audit(tenant, by, "schedule.remove", id).await?;
        write.commit().await
    }

    /// What the webhooks of a schedule are signed with; none when it has no secret or is gone.
    ///
    /// # Errors
    /// When the store does not answer, or the secret cannot be unsealed.
    pub async fn webhook_secret(&self, tenant: TenantId, id: ScheduleId) -> Result<Option<Secret>> {
        let sealed: Option<Option<String>> = sql::query_scalar(
            "SELECT webhook_secret FROM schedules WHERE tenant_id = $1 AND id = $2",
        )
        .bind(tenant.0 as i64)
        .bind(id.0 as i64)
        .fetch_optional(self.reader())
        .await
        .during("read the secret of a schedule")?;
        let open = |sealed: String| self.keeper.open_sealed(&owner(tenant, id), &sealed);
        sealed.flatten().map(open).transpose()
    }

    /// The schedules of a tenant that are on, for whoever plans them.
    ///
    /// # Errors
    /// When the store does not answer.
    pub async fn schedules_to_plan(&self, tenant: TenantId) -> Result<Vec<Planned>> {
        let saved = self.saved_reports(tenant).await?;
        let day_begins_min = self.report_settings(tenant).await?.day_begins_minute();
        let mut planned = Vec::new();
        for schedule in self.schedules(tenant).await? {
            let of = saved.iter().find(|saved| saved.id == schedule.draft.saved_report);
            let (true, Some(of)) = (schedule.draft.enabled, of) else { continue };
            let (time_zone, rule) = self.rule(tenant, &schedule.draft).await?;
            let planner = Planner::new(rule, schedule.planned_through);
            let (saved, more) = (of.clone(), pack::further(&schedule.draft, &saved)?);
            planned.push(Planned { schedule, saved, more, time_zone, day_begins_min, planner });
        }
        Ok(planned)
    }

    /// Keeps what was due, and that everything up to `through` was looked at: both or neither. A run
    /// that is there already stays as it is.
    ///
    /// # Errors
    /// When the store does not answer.
    pub async fn note_due(
        &self,
        tenant: TenantId,
        of: &Planned,
        dues: &[Due],
        through: Timestamp,
    ) -> Result<()> {
        let mut write = self.write("plan runs").await?;
        let doing = write.doing;
        let id = of.schedule.id;
        // A schedule that was changed or removed since it was read is planned anew.
        let done = sql::query(
            "UPDATE schedules SET planned_through = $3
             WHERE tenant_id = $1 AND id = $2 AND planned_through = $4",
        )
        .bind(tenant.0 as i64)
        .bind(id.0 as i64)
        .bind(through.0)
        .bind(of.schedule.planned_through.0)
        .execute(write.db())
        .await
        .during(doing)?;
        if done.rows_affected() == 0 {
            return Ok(());
        }
        for due in dues {
            run::insert(&mut write, tenant, of, *due).await?;
        }
        write.commit().await
    }
}
