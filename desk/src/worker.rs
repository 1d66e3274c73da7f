//! Field workers: people outside who are called at their own phones for the areas where they work. That
//! a phone is bound, or somebody is away, changes who is reached; the published numbers stay as they are.

use crate::audit::By;
use crate::error::During;
use crate::sql;
use crate::store::{DbRow, Write, id, id_opt, time_opt};
use crate::{Error, Result, Store, text, when};
use serde::{Deserialize, Serialize};
use std::collections::HashMap;
use terms::routing;
use terms::{AreaId, PhoneNumber, TenantId, Timestamp, WorkerId};
use utoipa::ToSchema;

/// Field workers of one tenant.
pub const WORKERS_MAX: i64 = 10_000;
/// Digits of their phone: an extension, or a number outside.
const PHONE_DIGITS: std::ops::RangeInclusive<usize> = 2..=20;

/// A field worker.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct Worker {
    /// Their id.
    #[schema(value_type = String)]
    pub id: WorkerId,
    /// What they are.
    #[serde(flatten)]
    pub draft: WorkerDraft,
    /// Where they work.
    #[schema(value_type = Vec<String>)]
    pub areas: Vec<AreaId>,
}

/// A field worker to be, or as they shall be from now on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct WorkerDraft {
    /// Their name.
    pub name: String,
    /// Their own phone: a number outside as it is dialled, or an extension.
    pub phone: String,
    /// Calls go there, and who calls from there is them; left out, yes.
    #[serde(default = "yes")]
    pub bound: bool,
    /// Who is called in their place while they are away, and where they do not answer.
    #[serde(default)]
    #[schema(value_type = Option<String>)]
    pub substitute: Option<WorkerId>,
    /// When they are away.
    #[serde(default)]
    pub absence: Option<Absence>,
}

const fn yes() -> bool {
    true
}

/// A time in which somebody is away.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Absence {
    /// From then on.
    #[serde(with = "when")]
    #[schema(value_type = String, format = DateTime)]
    pub from: Timestamp,
    /// They are there again; left out, that is not known yet.
    #[serde(default, with = "when::option")]
    #[schema(value_type = Option<String>, format = DateTime)]
    pub until: Option<Timestamp>,
}

impl WorkerDraft {
    /// As it is kept.
    fn checked(&self) -> Result<Self> {
        let phone: String = self.phone.chars().filter(|c| !matches!(c, ' ' | '-')).collect();
        let digits = phone.strip_prefix('+').unwrap_or(&phone);
        let fits =
            PHONE_DIGITS.contains(&digits.len()) && digits.bytes().all(|b| b.is_ascii_digit());
        if !fits {
            let problem = "an extension or a number outside is needed, such as 13800138000";
            return Err(Error::invalid("phone", problem));
        }
        let ends = |absence: Absence| absence.until.is_none_or(|until| absence.from < until);
        if !self.absence.is_none_or(ends) {
            return Err(Error::invalid("absence", "an absence ends after it begins"));
        }
        Ok(WorkerDraft { name: text::name("name", &self.name)?, phone, ..self.clone() })
    }
}

fn draft(row: &DbRow) -> WorkerDraft {
    let until = time_opt(row, "absent_until");
    WorkerDraft {
        name: row.get("name"),
        phone: row.get("phone"),
        bound: row.get("bound"),
        substitute: id_opt(row, "substitute_id").map(WorkerId),
        absence: time_opt(row, "absent_from").map(|from| Absence { from, until }),
    }
}

impl Store {
    /// What the field workers of a tenant are called.
    ///
    /// # Errors
    /// When the store does not answer.
    pub async fn worker_names(&self, tenant: TenantId) -> Result<Vec<(WorkerId, String)>> {
        let select = "SELECT id, name FROM field_workers WHERE tenant_id = $1";
        let rows = self.grid_rows(tenant, select).await?;
        Ok(rows.iter().map(|row| (WorkerId(id(row, "id")), row.get("name"))).collect())
    }

    /// The field workers of a tenant, in the order in which they were made.
    ///
    /// # Errors
    /// When the store does not answer.
    pub async fn workers(&self, tenant: TenantId) -> Result<Vec<Worker>> {
        let select = "SELECT id, name, phone, bound, substitute_id, absent_from, absent_until
                      FROM field_workers WHERE tenant_id = $1 ORDER BY id LIMIT 10000";
        let rows = self.grid_rows(tenant, select).await?;
        let select = "SELECT worker_id, area_id FROM area_workers WHERE tenant_id = $1
                      ORDER BY worker_id, area_id";
        let places = self.grid_rows(tenant, select).await?;
        let mut areas: HashMap<u64, Vec<AreaId>> = HashMap::new();
        for place in &places {
            areas.entry(id(place, "worker_id")).or_default().push(AreaId(id(place, "area_id")));
        }
        let workers = rows.iter().map(|row| {
            let worker = id(row, "id");
            let areas = areas.remove(&worker).unwrap_or_default();
            Worker { id: WorkerId(worker), draft: draft(row), areas }
        });
        Ok(workers.collect())
    }

    /// One field worker.
    ///
    /// # Errors
    /// [`Error::NotFound`].
    pub async fn worker(&self, tenant: TenantId, worker: WorkerId) -> Result<Worker> {
        let found = self.workers(tenant).await?.into_iter().find(|one| one.id == worker);
        found.ok_or_else(|| Error::not_found("field worker", worker))
    }

    /// Makes a field worker.
    ///
    /// # Errors
    /// [`Error::Invalid`], [`Error::Taken`] for a phone that is another one's, [`Error::Refused`] where
    /// there are too many.
    pub async fn create_worker(
        &self,
        tenant: TenantId,
        by: &By,
        draft: &WorkerDraft,
    ) -> Result<Worker> {
        let (draft, normal) = self.worker_to_keep(tenant, draft).await?;
        let mut write = self.write("make a field worker").await?;
        let count = "SELECT COUNT(*) FROM field_workers WHERE tenant_id = $1";
        write.room_for(tenant, count, WORKERS_MAX).await?;
        let made = WorkerId(write.next_id("field worker").await? as u64);
        check_substitute(&mut write, tenant, made, &draft).await?;
        let put = "INSERT INTO field_workers (tenant_id, id, name, phone, phone_normal, bound,
                   substitute_id, absent_from, absent_until)
                   VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)";
        put_down(&mut write, put, (tenant, made), &draft, &normal).await?;
        write.audit(tenant, by, "worker.create", told(made, &draft)).await?;
        write.raise_plan(tenant).await?;
        write.commit().await?;
        Ok(Worker { id: made, draft, areas: Vec::new() })
    }

    /// Changes a field worker: their phone, whether it is bound, their leave and who stands in.
    ///
    /// # Errors
    /// [`Error::NotFound`], [`Error::Invalid`], [`Error::Taken`].
    pub async fn change_worker(
        &self,
        tenant: TenantId,
        by: &By,
        worker: WorkerId,
        draft: &WorkerDraft,
    ) -> Result<Worker> {
        let before = self.worker(tenant, worker).await?.draft;
        let (draft, normal) = self.worker_to_keep(tenant, draft).await?;
        let mut write = self.write("change a field worker").await?;
        exists(&mut write, tenant, worker).await?;
        check_substitute(&mut write, tenant, worker, &draft).await?;
        let put = "UPDATE field_workers SET name = $3, phone = $4, phone_normal = $5, bound = $6,
                   substitute_id = $7, absent_from = $8, absent_until = $9
                   WHERE tenant_id = $1 AND id = $2";
        put_down(&mut write, put, (tenant, worker), &draft, &normal).await?;
        let action = match (before.bound, draft.bound) {
            (false, true) => "worker.bind",
            (true, false) => "worker.unbind",
            _ => "worker.change",
        };
        write.audit(tenant, by, action, told(worker, &draft)).await?;
        write.raise_plan(tenant).await?;
        write.commit().await?;
        self.worker(tenant, worker).await
    }

    /// Takes a field worker away who works nowhere and stands in for nobody.
    ///
    /// # Errors
    /// [`Error::NotFound`], [`Error::InUse`].
    pub async fn remove_worker(&self, tenant: TenantId, by: &By, worker: WorkerId) -> Result<()> {
        let mut write = self.write("remove a field worker").await?;
        let delete = "DELETE FROM field_workers WHERE tenant_id = $1 AND id = $2";
        write.remove(tenant, delete, ("field worker", worker.0)).await?;
        write.audit(tenant, by, "worker.remove", worker).await?;
        write.raise_plan(tenant).await?;
        write.commit().await
    }

    /// A draft as it is kept, and its phone normalised. A published number would ring in circles.
    async fn worker_to_keep(
        &self,
        tenant: TenantId,
        draft: &WorkerDraft,
    ) -> Result<(WorkerDraft, String)> {
        let draft = draft.checked()?;
        let country = self.tenant(tenant).await?.profile.country;
        let normal = |number: &str| PhoneNumber::parse(number, &country).normal;
        let phone = normal(&draft.phone);
        let numbers = self.numbers(tenant).await?;
        if numbers.iter().any(|number| normal(&number.digits) == phone) {
            let problem = "this number is published; the worker's own phone is needed";
            return Err(Error::invalid("phone", problem));
        }
        Ok((draft, phone))
    }
}

/// Refuses a worker that the tenant does not have.
async fn exists(write: &mut Write, tenant: TenantId, worker: WorkerId) -> Result<()> {
    match is_there(write, tenant, worker).await? {
        true => Ok(()),
        false => Err(Error::not_found("field worker", worker)),
    }
}

/// Whether the tenant has this worker.
pub(crate) async fn is_there(
    write: &mut Write,
    tenant: TenantId,
    worker: WorkerId,
) -> Result<bool> {
    let select = "SELECT 1 FROM field_workers WHERE tenant_id = $1 AND id = $2";
    write.has(tenant, select, worker.0).await
}

async fn check_substitute(
    write: &mut Write,
    tenant: TenantId,
    worker: WorkerId,
    draft: &WorkerDraft,
) -> Result<()> {
    let Some(substitute) = draft.substitute else { return Ok(()) };
    if substitute == worker {
        return Err(Error::invalid("substitute", "nobody stands in for themselves"));
    }
    if !is_there(write, tenant, substitute).await? {
        let problem = format!("there is no such field worker: {substitute}");
        return Err(Error::invalid("substitute", problem));
    }
    Ok(())
}

async fn put_down(
    write: &mut Write,
    put: &'static str,
    (tenant, worker): (TenantId, WorkerId),
    draft: &WorkerDraft,
    normal: &str,
) -> Result<()> {
    let doing = write.doing;
    sql::query(put)
        .bind(tenant.0 as i64)
        .bind(worker.0 as i64)
        .bind(&draft.name)
        .bind(&draft.phone)
        .bind(normal)
        .bind(draft.bound)
        .bind(draft.substitute.map(|substitute| substitute.0 as i64))
        .bind(draft.absence.map(|absence| absence.from.0))
        .bind(draft.absence.and_then(|absence| absence.until).map(|until| until.0))
        .execute(write.db())
        .await
        .during(doing)?;
    Ok(())
}

fn told(worker: WorkerId, draft: &WorkerDraft) -> String {
    let away = draft.absence.map_or(String::new(), |Absence { from, until }| {
        let until = until.map_or(String::new(), |until| until.to_string());
        format!(", away {from} to {until}")
    });
    let substitute = draft.substitute.map_or(String::new(), |other| format!(", then {other}"));
    format!("{worker} \"{}\" at {}{substitute}{away}", draft.name, draft.phone)
}

impl From<Worker> for routing::Worker {
    fn from(Worker { id, draft, .. }: Worker) -> Self {
        let WorkerDraft { name, phone, bound, substitute, absence } = draft;
        let absence = absence.map(|Absence { from, until }| routing::Absence { from, until });
        routing::Worker { id, name, phone, bound, substitute, absence }
    }
}
