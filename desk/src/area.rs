//! Areas of the field grid: who works there, which queue stands behind them, and which callers belong
//! there. A flow finds an area by its code, by the dialled number, by the caller's, or by an address.

mod address;

pub use address::ADDRESSES_MAX;

use crate::audit::By;
use crate::error::During;
use crate::sql;
use crate::store::{DbRow, Write, id, id_opt};
use crate::{Error, Result, Store, allowed, order, text, worker};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeSet, HashMap};
use terms::routing::{self, AREA_RING_S, AREA_RING_S_USUAL, AREA_WORKERS_MAX, FieldGrid};
use terms::{AreaId, PhoneNumber, QueueId, TenantId, WorkerId};
use utoipa::ToSchema;

/// Areas of one tenant.
pub const AREAS_MAX: i64 = 5_000;
/// Numbers and beginnings of callers of one area.
pub const CALLERS_MAX: usize = 2_000;
/// Characters of a code.
const CODE_CHARS_MAX: usize = 32;

/// An area.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct Area {
    /// Its id.
    #[schema(value_type = String)]
    pub id: AreaId,
    /// What it is.
    #[serde(flatten)]
    pub draft: AreaDraft,
}

/// An area to be, or as it shall be from now on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct AreaDraft {
    /// What flows name it by: letters, digits, `.`, `_` or `-`.
    pub code: String,
    /// Its name.
    pub name: String,
    /// Its name in English, where it has one.
    #[serde(default)]
    pub name_en: String,
    /// The published number of its own, one of the tenant's.
    #[serde(default)]
    pub number: Option<String>,
    /// Who works there, in the order in which they are called, at most 10.
    #[serde(default)]
    #[schema(value_type = Vec<String>)]
    pub workers: Vec<WorkerId>,
    /// The queue of its team, which comes before the area's.
    #[serde(default)]
    #[schema(value_type = Option<String>)]
    pub team: Option<QueueId>,
    /// The queue that stands behind it; its people get the messages.
    #[schema(value_type = String)]
    pub queue: QueueId,
    /// How long each worker's phone rings, 5–120 seconds; left out, 20.
    #[serde(default = "ring_usual")]
    pub ring_s: u32,
    /// The type of the order that is made for a caller whom nobody answered; left out, none is.
    #[serde(default)]
    pub order: Option<String>,
    /// Callers who belong there: numbers, or their beginnings from the country code on with `*` behind
    /// them, such as `+862087*`. At most 2,000.
    #[serde(default)]
    pub callers: Vec<String>,
    /// Addresses that lie there: whole ones, beginnings with `*` behind them such as `广州市越秀区*`,
    /// or words between two `*` such as `*翠湖山庄*`. At most 2,000.
    #[serde(default)]
    pub addresses: Vec<String>,
}

const fn ring_usual() -> u32 {
    AREA_RING_S_USUAL
}

impl AreaDraft {
    /// As it is kept.
    fn checked(&self, country: &str) -> Result<Self> {
        if !AREA_RING_S.contains(&self.ring_s) {
            return Err(Error::invalid("ring_s", format!("{} is outside 5-120", self.ring_s)));
        }
        if self.team == Some(self.queue) {
            let problem = "the team's queue is another one than the area's";
            return Err(Error::invalid("team", problem));
        }
        let once: BTreeSet<&WorkerId> = self.workers.iter().collect();
        if self.workers.len() > AREA_WORKERS_MAX || once.len() < self.workers.len() {
            let problem = format!("at most {AREA_WORKERS_MAX} field workers, each once");
            return Err(Error::invalid("workers", problem));
        }
        if self.callers.len() > CALLERS_MAX {
            let problem = format!("at most {CALLERS_MAX} entries are kept");
            return Err(Error::invalid("callers", problem));
        }
        let callers: Result<BTreeSet<String>> =
            self.callers.iter().map(|number| caller(number, country)).collect();
        if self.addresses.len() > ADDRESSES_MAX {
            let problem = format!("at most {ADDRESSES_MAX} entries are kept");
            return Err(Error::invalid("addresses", problem));
        }
        let addresses: Result<BTreeSet<String>> =
            self.addresses.iter().map(|text| address::pattern(text)).collect();
        Ok(AreaDraft {
            code: text::token("code", &self.code, CODE_CHARS_MAX)?,
            name: text::name("name", &self.name)?,
            name_en: match self.name_en.trim() {
                "" => String::new(),
                name => text::name("name_en", name)?,
            },
            callers: callers?.into_iter().collect(),
            addresses: addresses?.into_iter().collect(),
            ..self.clone()
        })
    }
}

/// A caller of an area as it is kept.
fn caller(number: &str, country: &str) -> Result<String> {
    let kept = allowed::number_of(number, country).ok();
    let is_number = |kept: &String| {
        let digits = kept.strip_suffix('*').unwrap_or(kept);
        let digits = digits.strip_prefix('+').unwrap_or(digits);
        // Callers are known by their normalised numbers, which have no trunk prefix.
        let is_normal = !digits.is_empty() && !digits.starts_with('0');
        is_normal && digits.bytes().all(|byte| byte.is_ascii_digit())
    };
    kept.filter(is_number).ok_or_else(|| {
        let problem = format!(
            "entry \"{}\": a number, or its beginning with * behind it such as +8620*, is needed",
            crate::audit::clean(number)
        );
        Error::invalid("callers", problem)
    })
}

/// Lists that belong to areas, by area.
fn by_area<T>(rows: &[DbRow], of: impl Fn(&DbRow) -> T) -> HashMap<u64, Vec<T>> {
    let mut lists: HashMap<u64, Vec<T>> = HashMap::new();
    for row in rows {
        lists.entry(id(row, "area_id")).or_default().push(of(row));
    }
    lists
}

impl Store {
    /// The areas of a tenant, by code.
    ///
    /// # Errors
    /// When the store does not answer.
    pub async fn areas(&self, tenant: TenantId) -> Result<Vec<Area>> {
        let select = "SELECT id, code, name, name_en, number, team_id, queue_id, ring_s,
                      order_kind FROM areas
                      WHERE tenant_id = $1 ORDER BY code LIMIT 5000";
        let areas = self.grid_rows(tenant, select).await?;
        let select = "SELECT area_id, worker_id FROM area_workers WHERE tenant_id = $1
                      ORDER BY area_id, place";
        let workers = self.grid_rows(tenant, select).await?;
        let select = "SELECT area_id, number FROM area_callers WHERE tenant_id = $1
                      ORDER BY area_id, number";
        let callers = self.grid_rows(tenant, select).await?;
        let select = "SELECT area_id, pattern FROM area_addresses WHERE tenant_id = $1
                      ORDER BY area_id, pattern";
        let addresses = self.grid_rows(tenant, select).await?;
        let mut addresses = by_area(&addresses, |row| row.get::<String>("pattern"));
        let mut workers = by_area(&workers, |row| WorkerId(id(row, "worker_id")));
        let mut callers = by_area(&callers, |row| row.get::<String>("number"));
        let areas = areas.iter().map(|row| {
            let area = id(row, "id");
            let draft = AreaDraft {
                code: row.get("code"),
                name: row.get("name"),
                name_en: row.get("name_en"),
                number: row.get("number"),
                workers: workers.remove(&area).unwrap_or_default(),
                team: id_opt(row, "team_id").map(QueueId),
                queue: QueueId(id(row, "queue_id")),
                ring_s: u32::try_from(id(row, "ring_s")).unwrap_or(AREA_RING_S_USUAL),
                order: row.get("order_kind"),
                callers: callers.remove(&area).unwrap_or_default(),
                addresses: addresses.remove(&area).unwrap_or_default(),
            };
            Area { id: AreaId(area), draft }
        });
        Ok(areas.collect())
    }

    /// What the areas of a tenant are called, without their lists.
    ///
    /// # Errors
    /// When the store does not answer.
    pub async fn area_names(&self, tenant: TenantId) -> Result<Vec<(AreaId, String)>> {
        let select = "SELECT id, name FROM areas WHERE tenant_id = $1";
        let rows = self.grid_rows(tenant, select).await?;
        Ok(rows.iter().map(|row| (AreaId(id(row, "id")), row.get("name"))).collect())
    }

    /// What `select` finds of a tenant.
    pub(crate) async fn grid_rows(
        &self,
        tenant: TenantId,
        select: &'static str,
    ) -> Result<Vec<DbRow>> {
        let found = sql::query(select).bind(tenant.0 as i64).fetch_all(self.reader()).await;
        found.during("read the field grid")
    }

    /// One area.
    ///
    /// # Errors
    /// [`Error::NotFound`].
    pub async fn area(&self, tenant: TenantId, area: AreaId) -> Result<Area> {
        let found = self.areas(tenant).await?.into_iter().find(|one| one.id == area);
        found.ok_or_else(|| Error::not_found("area", area))
    }

    /// Makes an area.
    ///
    /// # Errors
    /// [`Error::Invalid`], [`Error::Taken`] for a code, a number, a caller or an address that is another
    /// area's,
    /// [`Error::Refused`] where there are too many.
    pub async fn create_area(&self, tenant: TenantId, by: &By, draft: &AreaDraft) -> Result<Area> {
        let draft = self.area_to_keep(tenant, draft).await?;
        let mut write = self.write("make an area").await?;
        let count = "SELECT COUNT(*) FROM areas WHERE tenant_id = $1";
        write.room_for(tenant, count, AREAS_MAX).await?;
        let made = AreaId(write.next_id("area").await? as u64);
        let put = "INSERT INTO areas (tenant_id, id, code, name, name_en, number, team_id,
                   queue_id, ring_s, order_kind)
                   VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)";
        put_down(&mut write, put, (tenant, made), &draft).await?;
        write.audit(tenant, by, "area.create", told(made, &draft)).await?;
        write.raise_plan(tenant).await?;
        write.commit().await?;
        Ok(Area { id: made, draft })
    }

    /// Changes an area.
    ///
    /// # Errors
    /// [`Error::NotFound`], [`Error::Invalid`], [`Error::Taken`].
    pub async fn change_area(
        &self,
        tenant: TenantId,
        by: &By,
        area: AreaId,
        draft: &AreaDraft,
    ) -> Result<Area> {
        let draft = self.area_to_keep(tenant, draft).await?;
        let mut write = self.write("change an area").await?;
        let select = "SELECT 1 FROM areas WHERE tenant_id = $1 AND id = $2";
        if !write.has(tenant, select, area.0).await? {
            return Err(Error::not_found("area", area));
        }
        empty(&mut write, tenant, area).await?;
        let put = "UPDATE areas SET code = $3, name = $4, name_en = $5, number = $6, team_id = $7,
                   queue_id = $8, ring_s = $9, order_kind = $10 WHERE tenant_id = $1 AND id = $2";
        put_down(&mut write, put, (tenant, area), &draft).await?;
        write.audit(tenant, by, "area.change", told(area, &draft)).await?;
        write.raise_plan(tenant).await?;
        write.commit().await?;
        Ok(Area { id: area, draft })
    }

    /// Takes an area away. Its workers stay.
    ///
    /// # Errors
    /// [`Error::NotFound`].
    pub async fn remove_area(&self, tenant: TenantId, by: &By, area: AreaId) -> Result<()> {
        let mut write = self.write("remove an area").await?;
        empty(&mut write, tenant, area).await?;
        let delete = "DELETE FROM areas WHERE tenant_id = $1 AND id = $2";
        write.remove(tenant, delete, ("area", area.0)).await?;
        write.audit(tenant, by, "area.remove", area).await?;
        write.raise_plan(tenant).await?;
        write.commit().await
    }

    /// The field grid, for the plan.
    pub(crate) async fn grid_for_plan(&self, tenant: TenantId) -> Result<FieldGrid> {
        let areas = self.areas(tenant).await?.into_iter().map(routing::Area::from).collect();
        let workers = self.workers(tenant).await?.into_iter().map(routing::Worker::from).collect();
        Ok(FieldGrid { areas, workers })
    }

    /// A draft as it is kept, with its number as the tenant's numbers have it.
    async fn area_to_keep(&self, tenant: TenantId, draft: &AreaDraft) -> Result<AreaDraft> {
        let country = self.tenant(tenant).await?.profile.country;
        let draft = draft.checked(&country)?;
        let Some(wanted) = &draft.number else { return Ok(draft) };
        let normal = |number: &str| PhoneNumber::parse(number, &country).normal;
        let numbers = self.numbers(tenant).await?;
        let own = numbers.into_iter().find(|number| normal(&number.digits) == normal(wanted));
        let problem = "a number of this tenant is needed; add it to the numbers first";
        let own = own.ok_or_else(|| Error::invalid("number", problem))?;
        Ok(AreaDraft { number: Some(own.digits), ..draft })
    }
}

/// Nobody works there any more, and nobody belongs there.
async fn empty(write: &mut Write, tenant: TenantId, area: AreaId) -> Result<()> {
    let doing = write.doing;
    for delete in [
        "DELETE FROM area_workers WHERE tenant_id = $1 AND area_id = $2",
        "DELETE FROM area_callers WHERE tenant_id = $1 AND area_id = $2",
        "DELETE FROM area_addresses WHERE tenant_id = $1 AND area_id = $2",
    ] {
        sql::query(delete)
            .bind(tenant.0 as i64)
            .bind(area.0 as i64)
            .execute(write.db())
            .await
            .during(doing)?;
    }
    Ok(())
}

/// Writes an area down, and who works and belongs there; what it names has to be the tenant's.
async fn put_down(
    write: &mut Write,
    put: &'static str,
    (tenant, area): (TenantId, AreaId),
    draft: &AreaDraft,
) -> Result<()> {
    let queues = [("queue", Some(draft.queue)), ("team", draft.team)];
    for (field, queue) in queues.into_iter().filter_map(|(field, queue)| Some((field, queue?))) {
        let select = "SELECT 1 FROM queues WHERE tenant_id = $1 AND id = $2";
        if !write.has(tenant, select, queue.0).await? {
            return Err(Error::invalid(field, format!("there is no such queue: {queue}")));
        }
    }
    if let Some(kind) = &draft.order {
        order::lost::check_kind(write, tenant, "order", kind).await?;
    }
    let doing = write.doing;
    sql::query(put)
        .bind(tenant.0 as i64)
        .bind(area.0 as i64)
        .bind(&draft.code)
        .bind(&draft.name)
        .bind(&draft.name_en)
        .bind(draft.number.as_deref())
        .bind(draft.team.map(|team| team.0 as i64))
        .bind(draft.queue.0 as i64)
        .bind(i64::from(draft.ring_s))
        .bind(draft.order.as_deref())
        .execute(write.db())
        .await
        .during(doing)?;
    for (place, worker) in (0_i64..).zip(&draft.workers) {
        if !worker::is_there(write, tenant, *worker).await? {
            let problem = format!("there is no such field worker: {worker}");
            return Err(Error::invalid("workers", problem));
        }
        sql::query(
            "INSERT INTO area_workers (tenant_id, area_id, worker_id, place)
             VALUES ($1, $2, $3, $4)",
        )
        .bind(tenant.0 as i64)
        .bind(area.0 as i64)
        .bind(worker.0 as i64)
        .bind(place)
        .execute(write.db())
        .await
        .during(doing)?;
    }
    let callers = "INSERT INTO area_callers (tenant_id, number, area_id) VALUES ($1, $2, $3)";
    let addresses = "INSERT INTO area_addresses (tenant_id, pattern, area_id) VALUES ($1, $2, $3)";
    for (insert, entries) in [(callers, &draft.callers), (addresses, &draft.addresses)] {
        for entry in entries {
            sql::query(insert)
                .bind(tenant.0 as i64)
                .bind(entry)
                .bind(area.0 as i64)
                .execute(write.db())
                .await
                .during(doing)?;
        }
    }
    Ok(())
}

fn told(area: AreaId, draft: &AreaDraft) -> String {
    let workers: Vec<String> = draft.workers.iter().map(ToString::to_string).collect();
    format!("{area} \"{}\": field workers {}", draft.code, workers.join(", "))
}

impl From<Area> for routing::Area {
    fn from(Area { id, draft }: Area) -> Self {
        let AreaDraft { code, name, workers, team, queue, ring_s, callers, addresses, .. } = draft;
        let number = draft.number.unwrap_or_default();
        routing::Area { id, code, name, number, workers, team, queue, ring_s, callers, addresses }
    }
}
