//! The log of emergencies and drills. Each time that a plan comes into force, and each time that people
//! practise it, its checklist is copied, with who is on duty; points are ticked off by whom and when.
//! A drill is written down and nothing else: the plan of the call path stays as it is.

use super::rota::on_duty;
use super::{Emergency, check, in_force, known};
use crate::audit::By;
use crate::error::During;
use crate::sql::{self, Builder};
use crate::store::{DbRow, Write, document, id_opt, time, time_opt};
use crate::{Error, Result, Store, text, when};
use serde::{Deserialize, Serialize};
use terms::{TenantId, Timestamp, UserId};
use utoipa::ToSchema;

/// Emergencies and drills of one tenant that are kept; the oldest ones go.
pub const OCCASIONS_MAX: i64 = 1_000;

/// An emergency or a drill.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[schema(as = EmergencyOccasion)]
pub struct Occasion {
    /// Its number.
    pub id: i64,
    /// The plan, by its name.
    pub plan: String,
    /// Only practised: no caller heard anything of it.
    pub drill: bool,
    /// Began.
    #[serde(with = "when")]
    #[schema(value_type = String, format = DateTime)]
    pub started_at: Timestamp,
    /// Who began it.
    #[schema(value_type = Option<String>)]
    pub started_by: Option<UserId>,
    /// Over since; none while it goes on.
    #[serde(with = "when::option")]
    #[schema(value_type = Option<String>, format = DateTime)]
    pub ended_at: Option<Timestamp>,
    /// Who ended it.
    #[schema(value_type = Option<String>)]
    pub ended_by: Option<UserId>,
    /// Who was on duty when it began.
    #[schema(value_type = Vec<String>)]
    pub on_duty: Vec<UserId>,
    /// The checklist, as it was when it began.
    pub points: Vec<Point>,
    /// What was learned of it.
    pub note: String,
}

/// A point of the checklist.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[schema(as = EmergencyPoint)]
pub struct Point {
    /// What is to be done.
    pub text: String,
    /// Done since; none where it is not.
    #[serde(with = "when::option")]
    #[schema(value_type = Option<String>, format = DateTime)]
    pub ticked_at: Option<Timestamp>,
    /// Who did it.
    #[schema(value_type = Option<String>)]
    pub ticked_by: Option<UserId>,
}

/// What to find. Fields combine.
#[derive(Clone, Debug, Default)]
pub struct OccasionFilter {
    /// Of this plan.
    pub plan: Option<String>,
    /// Only drills, or only emergencies.
    pub drill: Option<bool>,
    /// Where the last page ended: start and number of its last one.
    pub after: Option<(Timestamp, i64)>,
}

const FIELDS: &str = "id, plan, drill, started_at, started_by, ended_at, ended_by, on_duty, points,
    note";

fn occasion(row: &DbRow) -> Result<Occasion> {
    let doing = "read the log of emergencies";
    Ok(Occasion {
        id: row.get("id"),
        plan: row.get("plan"),
        drill: row.get("drill"),
        started_at: time(row, "started_at"),
        started_by: id_opt(row, "started_by").map(UserId),
        ended_at: time_opt(row, "ended_at"),
        ended_by: id_opt(row, "ended_by").map(UserId),
        on_duty: document(row, "on_duty", doing, "list of people on duty")?,
        points: document(row, "points", doing, "checklist")?,
        note: row.get("note"),
    })
}

impl Store {
    /// Emergencies and drills, the latest first, at most `limit`.
    ///
    /// # Errors
    /// When the store does not answer.
    pub async fn occasions(
        &self,
        tenant: TenantId,
        filter: &OccasionFilter,
        limit: u32,
    ) -> Result<Vec<Occasion>> {
        let mut query = Builder::new("SELECT ");
        query.push(FIELDS).push(" FROM emergency_occasions WHERE tenant_id = ");
        query.push_bind(tenant.0 as i64);
        if let Some(plan) = &filter.plan {
            query.push(" AND plan = ").push_bind(plan.as_str());
        }
        if let Some(drill) = filter.drill {
            query.push(" AND drill = ").push_bind(drill);
        }
        if let Some((at, id)) = filter.after {
            query.push(" AND (started_at, id) < (").push_bind(at.0);
            query.push(", ").push_bind(id).push(")");
        }
        query.push(" ORDER BY started_at DESC, id DESC LIMIT ");
        query.push_bind(i64::from(limit.min(crate::store::LIST_MAX)));
        let rows = query.build().fetch_all(self.reader()).await.during("list emergencies")?;
        rows.iter().map(occasion).collect()
    }

    /// Begins to practise a plan: what it names is looked at, and no caller hears anything of it.
    ///
    /// # Errors
    /// [`Error::NotFound`]; [`Error::Invalid`] when what it names has gone meanwhile;
    /// [`Error::Refused`] while it is in force, or practised already.
    pub async fn start_drill(&self, tenant: TenantId, by: &By, name: &str) -> Result<Occasion> {
        let mut write = self.write("begin a drill").await?;
        let plan = known(&mut write, tenant, name).await?;
        if plan.active_since.is_some() {
            return Err(in_force(name));
        }
        if open(&mut write, tenant, name).await?.is_some() {
            return Err(goes_on(name));
        }
        check(&mut write, tenant, &plan.draft).await?;
        let begun = begin(&mut write, tenant, by, &plan, true).await?;
        write.audit(tenant, by, "emergency.drill", name).await?;
        write.commit().await?;
        Ok(begun)
    }

    /// Ends a drill and keeps what was learned of it. An emergency ends when its plan is switched off.
    ///
    /// # Errors
    /// [`Error::NotFound`]; [`Error::Refused`] for an emergency, and for what is over.
    pub async fn end_drill(
        &self,
        tenant: TenantId,
        by: &By,
        occasion_id: i64,
        note: &str,
    ) -> Result<Occasion> {
        let note = text::prose("note", note)?;
        let mut write = self.write("end a drill").await?;
        let before = going_on(&mut write, tenant, occasion_id).await?;
        if !before.drill {
            let why = format!("{} is no drill; it ends when the plan is switched off", before.plan);
            return Err(Error::Refused(why));
        }
        let after = ended(before, by, note);
        save(&mut write, &after).await?;
        write.audit(tenant, by, "emergency.drill_end", &after.plan).await?;
        write.commit().await?;
        Ok(after)
    }

    /// Ticks a point of the checklist off, 1 for the first. One that is ticked stays as it is, with who
    /// did it first.
    ///
    /// # Errors
    /// [`Error::NotFound`]; [`Error::Invalid`] for a point that there is not; [`Error::Refused`] when
    /// it is over.
    pub async fn tick_point(
        &self,
        tenant: TenantId,
        by: &By,
        occasion_id: i64,
        point: u32,
    ) -> Result<Occasion> {
        let mut write = self.write("tick a point of a checklist").await?;
        let mut of = going_on(&mut write, tenant, occasion_id).await?;
        let points = of.points.len();
        let place = (point as usize).checked_sub(1).and_then(|place| of.points.get_mut(place));
        let Some(ticked) = place else {
            return Err(Error::invalid("point", format!("a point from 1 to {points} is needed")));
        };
        if ticked.ticked_at.is_some() {
            return Ok(of);
        }
        (ticked.ticked_at, ticked.ticked_by) = (Some(by.at), by.user);
        save(&mut write, &of).await?;
        let told = format!("{} of {}: point {point}", of.id, of.plan);
        write.audit(tenant, by, "emergency.tick", told).await?;
        write.commit().await?;
        Ok(of)
    }
}

/// A plan comes into force, or is practised.
pub(super) async fn begin(
    write: &mut Write,
    tenant: TenantId,
    by: &By,
    plan: &Emergency,
    drill: bool,
) -> Result<Occasion> {
    let point = |text: &String| Point { text: text.clone(), ticked_at: None, ticked_by: None };
    let begun = Occasion {
        id: write.next_id("emergency occasion").await?,
        plan: plan.name.clone(),
        drill,
        started_at: by.at,
        started_by: by.user,
        ended_at: None,
        ended_by: None,
        on_duty: on_duty(&plan.rota, by.at),
        points: plan.draft.checklist.iter().map(point).collect(),
        note: String::new(),
    };
    make_room(write, tenant, OCCASIONS_MAX - 1).await?;
    let doing = write.doing;
    sql::query(
        "INSERT INTO emergency_occasions
         (id, tenant_id, plan, drill, started_at, started_by, on_duty, points, note)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, '')",
    )
    .bind(begun.id)
    .bind(tenant.0 as i64)
    .bind(&begun.plan)
    .bind(drill)
    .bind(begun.started_at.0)
    .bind(begun.started_by.map(|user| user.0 as i64))
    .bind(json(&begun.on_duty))
    .bind(json(&begun.points))
    .execute(write.db())
    .await
    .during(doing)?;
    Ok(begun)
}

/// What goes on with a plan is over: it is switched off, or a real emergency ends the drill of it.
pub(super) async fn end_open(
    write: &mut Write,
    tenant: TenantId,
    by: &By,
    name: &str,
) -> Result<()> {
    match open(write, tenant, name).await? {
        Some(going_on) => save(write, &ended(going_on, by, String::new())).await,
        None => Ok(()),
    }
}

/// Refuses while a drill of the plan goes on.
pub(super) async fn refuse_drill(write: &mut Write, tenant: TenantId, name: &str) -> Result<()> {
    match open(write, tenant, name).await? {
        Some(_) => Err(goes_on(name)),
        None => Ok(()),
    }
}

fn goes_on(name: &str) -> Error {
    Error::Refused(format!("a drill of the emergency plan {name} goes on; end it first"))
}

fn ended(going_on: Occasion, by: &By, note: String) -> Occasion {
    Occasion { ended_at: Some(by.at), ended_by: by.user, note, ..going_on }
}

fn json<T: Serialize>(list: &T) -> String {
    serde_json::to_string(list).expect("a list is always valid JSON")
}

/// But the latest `keep` go, where they are over.
async fn make_room(write: &mut Write, tenant: TenantId, keep: i64) -> Result<()> {
    let doing = write.doing;
    sql::query(
        "DELETE FROM emergency_occasions WHERE tenant_id = $1 AND ended_at IS NOT NULL
         AND id NOT IN (SELECT id FROM emergency_occasions WHERE tenant_id = $1
                        ORDER BY id DESC LIMIT $2)",
    )
    .bind(tenant.0 as i64)
    .bind(keep)
    .execute(write.db())
    .await
    .during(doing)?;
    Ok(())
}

/// What goes on with a plan.
async fn open(write: &mut Write, tenant: TenantId, name: &str) -> Result<Option<Occasion>> {
    let doing = write.doing;
    let row = sql::query(sqlx::AssertSqlSafe(format!(
        "SELECT {FIELDS} FROM emergency_occasions
         WHERE tenant_id = $1 AND plan = $2 AND ended_at IS NULL"
    )))
    .bind(tenant.0 as i64)
    .bind(name)
    .fetch_optional(write.db())
    .await
    .during(doing)?;
    row.as_ref().map(occasion).transpose()
}

async fn going_on(write: &mut Write, tenant: TenantId, occasion_id: i64) -> Result<Occasion> {
    let doing = write.doing;
    let row = sql::query(sqlx::AssertSqlSafe(format!(
        "SELECT {FIELDS} FROM emergency_occasions WHERE tenant_id = $1 AND id = $2"
    )))
    .bind(tenant.0 as i64)
    .bind(occasion_id)
    .fetch_optional(write.db())
    .await
    .during(doing)?;
    let found = row.as_ref().map(occasion).transpose()?;
    let found = found.ok_or_else(|| Error::not_found("emergency or drill", occasion_id))?;
    if found.ended_at.is_some() {
        let why = format!("{occasion_id} of {} is over: its log does not change", found.plan);
        return Err(Error::Refused(why));
    }
    Ok(found)
}

async fn save(write: &mut Write, of: &Occasion) -> Result<()> {
    let doing = write.doing;
    sql::query(
        "UPDATE emergency_occasions SET ended_at = $2, ended_by = $3, points = $4, note = $5
         WHERE id = $1",
    )
    .bind(of.id)
    .bind(of.ended_at.map(|at| at.0))
    .bind(of.ended_by.map(|user| user.0 as i64))
    .bind(json(&of.points))
    .bind(&of.note)
    .execute(write.db())
    .await
    .during(doing)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::emergency::EmergencyDraft;
    use crate::tenant::Profile;

    #[tokio::test]
    async fn the_log_keeps_the_latest_and_never_loses_what_goes_on() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(&folder.path().join("desk.db").to_string_lossy()).await.unwrap();
        let by = By::system("test", Timestamp::from_secs(1_800_000_000));
        let profile = Profile {
            name: "T".into(),
            time_zone: "Asia/Shanghai".into(),
            country: "86".into(),
            realm: "t".into(),
            language: "en".into(),
        };
        let tenant = store.create_tenant(&by, &profile).await.unwrap().id;
        let mut write = store.write("fill a log").await.unwrap();
        let plan = |name: &str| Emergency {
            name: name.to_owned(),
            draft: EmergencyDraft::default(),
            rota: Vec::new(),
            active_since: None,
            active_by: None,
        };
        begin(&mut write, tenant, &by, &plan("long"), true).await.unwrap();
        for _ in 0..4 {
            begin(&mut write, tenant, &by, &plan("short"), true).await.unwrap();
            end_open(&mut write, tenant, &by, "short").await.unwrap();
        }
        make_room(&mut write, tenant, 2).await.unwrap();
        write.commit().await.unwrap();
        let kept = store.occasions(tenant, &OccasionFilter::default(), 100).await.unwrap();
        let kept: Vec<(i64, &str)> = kept.iter().map(|of| (of.id, of.plan.as_str())).collect();
        assert_eq!(kept, [(5, "short"), (4, "short"), (1, "long")]);
    }
}
