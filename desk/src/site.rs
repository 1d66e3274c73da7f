//! Other sites of a tenant: boxes and telephone systems of its own behind a trunk, with a number of
//! their own and the short numbers of their phones.
//!
//! A short number leads to one place. What is dialled here goes before what is dialled there, so a range
//! of a site may not hold a number of ours, and nobody here gets a number that is in a range.

use crate::audit::By;
use crate::error::During;
use crate::number::dialable;
use crate::sql;
use crate::store::{DbRow, Write, document, id};
use crate::{Error, Result, Store, text};
use serde::{Deserialize, Serialize};
use terms::routing::{self, EMERGENCY_NUMBERS, SITE_DIGITS_MAX, SITE_RANGES_MAX, Target};
use terms::{SiteId, TenantId, TrunkId};
use utoipa::ToSchema;

/// Sites of one tenant.
pub const SITES_MAX: i64 = 200;
/// Shortest short number of a site, in digits.
const SITE_DIGITS_MIN: u8 = 2;

/// A site.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[schema(as = Site)]
pub struct Site {
    /// Its id.
    #[schema(value_type = String)]
    pub id: SiteId,
    /// What it is.
    #[serde(flatten)]
    pub draft: SiteDraft,
}

/// A site to be, or as it shall be from now on.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SiteDraft {
    /// Its name, unique in the tenant.
    pub name: String,
    /// The trunk that leads there, and to no other site.
    #[schema(value_type = String)]
    pub trunk: TrunkId,
    /// What is dialled there for the site itself: its hotline, a queue. Numbers and flows lead there by
    /// it; empty is none.
    #[serde(default)]
    pub number: String,
    /// Short numbers of its phones, at most 20 entries.
    #[serde(default)]
    pub ranges: Vec<SiteRange>,
    /// Who calls from there reaches extensions here by their short numbers; else published numbers
    /// alone.
    #[serde(default)]
    pub inward: bool,
}

/// All short numbers of one length that begin alike.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SiteRange {
    /// How they begin, `82`.
    pub prefix: String,
    /// How long they are, the prefix included, 2-10 digits.
    pub digits: u8,
}

impl From<&SiteRange> for routing::SiteRange {
    fn from(range: &SiteRange) -> Self {
        routing::SiteRange { prefix: range.prefix.clone(), digits: range.digits }
    }
}

impl From<Site> for routing::Site {
    fn from(Site { id, draft }: Site) -> Self {
        let ranges = draft.ranges.iter().map(routing::SiteRange::from).collect();
        let SiteDraft { name, trunk, number, inward, .. } = draft;
        routing::Site { id, name, trunk, number, ranges, inward }
    }
}

impl SiteDraft {
    /// The draft with its name trimmed, when it can be.
    fn checked(&self) -> Result<SiteDraft> {
        let name = text::name("name", &self.name)?;
        if !self.number.is_empty() {
            dialable("number", &self.number)?;
        }
        if self.number.is_empty() && self.ranges.is_empty() {
            return Err(Error::invalid("ranges", "a site needs a number, short numbers, or both"));
        }
        if self.ranges.len() > SITE_RANGES_MAX {
            let problem = format!("at most {SITE_RANGES_MAX} entries are kept");
            return Err(Error::invalid("ranges", problem));
        }
        for (n, range) in self.ranges.iter().enumerate() {
            range.check(n + 1)?;
            let meets = |other: &SiteRange| other.compiled().meets(&range.compiled());
            if self.ranges[..n].iter().any(meets) {
                let problem = format!("entry {}: another entry has some of these numbers", n + 1);
                return Err(Error::invalid("ranges", problem));
            }
        }
        Ok(SiteDraft { name, ..self.clone() })
    }
}

impl SiteRange {
    fn compiled(&self) -> routing::SiteRange {
        self.into()
    }

    /// Codes begin with `*`, so digits alone keep clear of them.
    fn check(&self, entry: usize) -> Result<()> {
        let SiteRange { prefix, digits } = self;
        let sound = !prefix.is_empty()
            && prefix.bytes().all(|byte| byte.is_ascii_digit())
            && (SITE_DIGITS_MIN..=SITE_DIGITS_MAX).contains(digits)
            && prefix.len() <= usize::from(*digits);
        if !sound {
            let problem = format!(
                "entry {entry}: a prefix of digits alone is needed, and {SITE_DIGITS_MIN}-\
                 {SITE_DIGITS_MAX} digits with it"
            );
            return Err(Error::invalid("ranges", problem));
        }
        match EMERGENCY_NUMBERS.iter().find(|number| self.compiled().has(number)) {
            Some(number) => {
                let problem = format!("entry {entry}: {number} is an emergency number");
                Err(Error::invalid("ranges", problem))
            }
            None => Ok(()),
        }
    }
}

fn site(row: &DbRow) -> Result<Site> {
    let draft = document(row, "document", "list sites", "site")?;
    Ok(Site { id: SiteId(id(row, "id")), draft })
}

async fn sites_in(write: &mut Write, tenant: TenantId) -> Result<Vec<Site>> {
    let doing = write.doing;
    let rows =
        sql::query("SELECT id, document FROM sites WHERE tenant_id = $1 ORDER BY id LIMIT 1000")
            .bind(tenant.0 as i64)
            .fetch_all(write.db())
            .await
            .during(doing)?;
    rows.iter().map(site).collect()
}

/// Refuses a number of ours that is a short number of a site.
pub(crate) async fn spare(
    write: &mut Write,
    tenant: TenantId,
    field: &'static str,
    digits: &str,
) -> Result<()> {
    let sites = sites_in(write, tenant).await?;
    let has = |site: &&Site| site.draft.ranges.iter().any(|range| range.compiled().has(digits));
    match sites.iter().find(has) {
        Some(site) => {
            let problem = format!("{digits} is a short number of the site \"{}\"", site.draft.name);
            Err(Error::invalid(field, problem))
        }
        None => Ok(()),
    }
}

/// Refuses a trunk that the tenant has not or that leads to another site, and short numbers that stand
/// for somebody else.
async fn check_place(
    write: &mut Write,
    tenant: TenantId,
    own: Option<SiteId>,
    draft: &SiteDraft,
) -> Result<()> {
    let select = "SELECT 1 FROM trunks WHERE tenant_id = $1 AND id = $2";
    if !write.has(tenant, select, draft.trunk.0).await? {
        return Err(Error::invalid("trunk", format!("there is no such trunk: {}", draft.trunk)));
    }
    for other in sites_in(write, tenant).await?.iter().filter(|other| Some(other.id) != own) {
        let name = &other.draft.name;
        if other.draft.trunk == draft.trunk {
            let problem = format!("this trunk leads to the site \"{name}\"");
            return Err(Error::invalid("trunk", problem));
        }
        let meets = |range: &&SiteRange| {
            let range = range.compiled();
            other.draft.ranges.iter().any(|theirs| theirs.compiled().meets(&range))
        };
        if let Some(range) = draft.ranges.iter().find(meets) {
            let problem =
                format!("the site \"{name}\" has some of the numbers that begin {}", range.prefix);
            return Err(Error::invalid("ranges", problem));
        }
    }
    let doing = write.doing;
    let ours = sql::query(
        "SELECT number AS digits FROM agents WHERE tenant_id = $1
         UNION SELECT sip_user FROM agents WHERE tenant_id = $1
         UNION SELECT digits FROM numbers WHERE tenant_id = $1
         UNION SELECT number FROM conferences WHERE tenant_id = $1 AND number IS NOT NULL",
    )
    .bind(tenant.0 as i64)
    .fetch_all(write.db())
    .await
    .during(doing)?;
    for row in &ours {
        let digits: String = row.get("digits");
        if draft.ranges.iter().any(|range| range.compiled().has(&digits)) {
            let problem = format!("{digits} is an agent, a published number or a conference here");
            return Err(Error::invalid("ranges", problem));
        }
    }
    Ok(())
}

impl Store {
    /// The sites of a tenant.
    ///
    /// # Errors
    /// When the store does not answer.
    pub async fn sites(&self, tenant: TenantId) -> Result<Vec<Site>> {
        sql::query("SELECT id, document FROM sites WHERE tenant_id = $1 ORDER BY name LIMIT 1000")
            .bind(tenant.0 as i64)
            .fetch_all(self.reader())
            .await
            .during("list sites")?
            .iter()
            .map(site)
            .collect()
    }

    /// The same as the call path has them.
    pub(crate) async fn sites_for_plan(&self, tenant: TenantId) -> Result<Vec<routing::Site>> {
        Ok(self.sites(tenant).await?.into_iter().map(routing::Site::from).collect())
    }

    /// Makes a site.
    ///
    /// # Errors
    /// [`Error::Invalid`], [`Error::Taken`], [`Error::Refused`] when there are too many.
    pub async fn create_site(&self, tenant: TenantId, by: &By, draft: &SiteDraft) -> Result<Site> {
        let draft = draft.checked()?;
        let mut write = self.write("make a site").await?;
        check_place(&mut write, tenant, None, &draft).await?;
        let count = "SELECT COUNT(*) FROM sites WHERE tenant_id = $1";
        write.room_for(tenant, count, SITES_MAX).await?;
        let id = SiteId(write.next_id("site").await? as u64);
        let insert = "INSERT INTO sites (id, tenant_id, name, trunk_id, number, document)
             VALUES ($2, $1, $3, $4, $5, $6)";
        put(&mut write, insert, tenant, id, &draft).await?;
        write.audit(tenant, by, "site.create", &draft.name).await?;
        write.raise_plan(tenant).await?;
        write.commit().await?;
        Ok(Site { id, draft })
    }

    /// Changes a site.
    ///
    /// # Errors
    /// [`Error::NotFound`], [`Error::Invalid`], [`Error::Taken`]; [`Error::Refused`] where its number goes
    /// and something leads there.
    pub async fn put_site(
        &self,
        tenant: TenantId,
        by: &By,
        id: SiteId,
        draft: &SiteDraft,
    ) -> Result<Site> {
        let draft = draft.checked()?;
        if draft.number.is_empty() {
            self.spare_site(tenant, id).await?;
        }
        let mut write = self.write("change a site").await?;
        check_place(&mut write, tenant, Some(id), &draft).await?;
        let update = "UPDATE sites SET name = $3, trunk_id = $4, number = $5, document = $6
             WHERE tenant_id = $1 AND id = $2";
        if put(&mut write, update, tenant, id, &draft).await? == 0 {
            return Err(Error::not_found("site", id));
        }
        write.audit(tenant, by, "site.change", &draft.name).await?;
        write.raise_plan(tenant).await?;
        write.commit().await?;
        Ok(Site { id, draft })
    }

    /// Takes a site away.
    ///
    /// # Errors
    /// [`Error::NotFound`]; [`Error::Refused`] while a number or a published flow leads there.
    pub async fn remove_site(&self, tenant: TenantId, by: &By, id: SiteId) -> Result<()> {
        self.spare_site(tenant, id).await?;
        let mut write = self.write("remove a site").await?;
        let delete = "DELETE FROM sites WHERE tenant_id = $1 AND id = $2";
        write.remove(tenant, delete, ("site", id.0)).await?;
        write.audit(tenant, by, "site.remove", id).await?;
        write.raise_plan(tenant).await?;
        write.commit().await
    }

    /// Refuses what would take a site from who leads there: a plan whose flow names a site that is not
    /// there would not be taken.
    async fn spare_site(&self, tenant: TenantId, id: SiteId) -> Result<()> {
        let target = Target::Site(id);
        let leads = |number: &crate::number::Number| {
            number.target == target || number.rules.iter().any(|rule| rule.target == target)
        };
        if self.numbers(tenant).await?.iter().any(leads) {
            return Err(Error::Refused("a number leads to this site".to_owned()));
        }
        let named = format!("site:{id}");
        let names = |flow: &&routing::Flow| {
            let steps = flow.document["steps"].as_object();
            steps.is_some_and(|steps| steps.values().any(|step| step["target"] == named))
        };
        match self.published_flows(tenant).await?.iter().find(names) {
            Some(flow) => Err(Error::Refused(format!("the flow \"{}\" leads there", flow.name))),
            None => Ok(()),
        }
    }
}

async fn put(
    write: &mut Write,
    sql: &'static str,
    tenant: TenantId,
    id: SiteId,
    draft: &SiteDraft,
) -> Result<u64> {
    let doing = write.doing;
    let done = sql::query(sql)
        .bind(tenant.0 as i64)
        .bind(id.0 as i64)
        .bind(&draft.name)
        .bind(draft.trunk.0 as i64)
        .bind(&draft.number)
        .bind(serde_json::to_string(draft).expect("a site is always valid JSON"))
        .execute(write.db())
        .await
        .during(doing)?;
    Ok(done.rows_affected())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(change: impl FnOnce(&mut SiteDraft)) -> Option<String> {
        let range = |prefix: &str, digits| SiteRange { prefix: prefix.into(), digits };
        let mut draft = SiteDraft {
            name: " North ".into(),
            trunk: TrunkId(1),
            number: "95105688".into(),
            ranges: vec![range("82", 4), range("83", 4)],
            inward: false,
        };
        change(&mut draft);
        match draft.checked() {
            Ok(draft) => {
                assert_eq!(draft.name, "North");
                None
            }
            Err(error) => Some(error.to_string()),
        }
    }

    #[test]
    fn short_numbers_are_digits_of_one_length_stand_once_and_are_no_emergency() {
        assert_eq!(refused(|_| {}), None);
        assert_eq!(refused(|draft| draft.ranges.clear()), None, "a front door alone");
        let neither = refused(|draft| {
            draft.ranges.clear();
            draft.number.clear();
        });
        assert!(neither.is_some_and(|why| why.contains("or both")));
        for (prefix, digits) in [("", 4), ("*4", 4), ("8a", 4), ("8200", 3), ("8", 1), ("8", 11)] {
            let why = refused(|draft| {
                draft.ranges[1] = SiteRange { prefix: prefix.into(), digits };
            });
            let why = why.expect(prefix);
            assert!(why.contains("entry 2: a prefix"), "{prefix}: {why}");
        }
        let help = refused(|draft| draft.ranges[1] = SiteRange { prefix: "1".into(), digits: 3 });
        assert!(help.is_some_and(|why| why.contains("emergency number")));
        let twice = refused(|draft| draft.ranges[1] = SiteRange { prefix: "8".into(), digits: 4 });
        assert!(twice.is_some_and(|why| why.contains("another entry")));
        let many = refused(|draft| {
            draft.ranges = (100..=120)
                .map(|n: u16| SiteRange { prefix: format!("8{n}"), digits: 8 })
                .collect();
        });
        assert!(many.is_some_and(|why| why.contains("at most 20")));
        assert!(refused(|draft| draft.number = "north".into()).is_some());
    }
}
