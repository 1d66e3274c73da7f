//! Conference rooms: number, PINs and rules. What goes on in them is the call path's business. PINs
//! are sealed in the store, and shown to those who may change them: somebody has to tell the guests.

use crate::audit::By;
use crate::error::During;
use crate::sql;
use crate::store::{DbRow, Write, document, id};
use crate::{Error, Result, Store, site, text};
use serde::{Deserialize, Serialize};
use terms::routing::{self, CONFERENCE_MEMBERS_MAX, PIN_DIGITS_MAX, PIN_DIGITS_MIN, Pin};
use terms::{ConferenceId, TenantId};
use utoipa::ToSchema;

/// Conference rooms of one tenant.
pub const CONFERENCES_MAX: i64 = 1_000;

/// A conference room.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[schema(as = Conference)]
pub struct Conference {
    /// Its id.
    #[schema(value_type = String)]
    pub id: ConferenceId,
    /// What it is.
    #[serde(flatten)]
    pub draft: ConferenceDraft,
}

/// A conference room to be, or as it shall be from its next meeting on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
pub struct ConferenceDraft {
    /// Its name, unique in the tenant.
    pub name: String,
    /// Its room number, which people inside dial and flows pass on to; empty is none. From outside
    /// it is reached by a published number with the target `{"conference": "<id>"}`.
    pub number: String,
    /// PIN of guests, 4-16 digits; empty is none.
    #[schema(value_type = String)]
    pub guest_pin: Pin,
    /// PIN of the chairperson, 4-16 digits; empty is none.
    #[schema(value_type = String)]
    pub chair_pin: Pin,
    /// Most participants at a time, 2-500; 50 when left out.
    pub members_max: u32,
    /// A tone says that somebody came or left; true when left out.
    pub tones: bool,
    /// Music until a chairperson is there.
    pub wait_for_chair: bool,
    /// Guests come in muted, and may undo it with `*6`.
    pub muted_on_entry: bool,
    /// The meeting ends when the last chairperson leaves.
    pub ends_with_chair: bool,
    /// Record it, where no recording rule says otherwise.
    pub record: bool,
}

impl Default for ConferenceDraft {
    fn default() -> Self {
        Conference::of(routing::Conference::new(ConferenceId(0), "")).draft
    }
}

impl Conference {
    fn of(room: routing::Conference) -> Self {
        Conference {
            id: room.id,
            draft: ConferenceDraft {
                name: room.name,
                number: room.number,
                guest_pin: room.guest_pin,
                chair_pin: room.chair_pin,
                members_max: room.members_max,
                tones: room.tones,
                wait_for_chair: room.wait_for_chair,
                muted_on_entry: room.muted_on_entry,
                ends_with_chair: room.ends_with_chair,
                record: room.record,
            },
        }
    }

    fn into_plan(self) -> routing::Conference {
        let Conference { id, draft } = self;
        routing::Conference {
            id,
            name: draft.name,
            number: draft.number,
            guest_pin: draft.guest_pin,
            chair_pin: draft.chair_pin,
            members_max: draft.members_max,
            tones: draft.tones,
            wait_for_chair: draft.wait_for_chair,
            muted_on_entry: draft.muted_on_entry,
            ends_with_chair: draft.ends_with_chair,
            record: draft.record,
        }
    }
}

impl Store {
    /// The conference rooms of a tenant, PINs included.
    ///
    /// # Errors
    /// When the store does not answer, or a PIN cannot be unsealed.
    pub async fn conferences(&self, tenant: TenantId) -> Result<Vec<Conference>> {
        sql::query(
            "SELECT id, document, guest_pin, chair_pin FROM conferences
             WHERE tenant_id = $1 ORDER BY name LIMIT 1000",
        )
        .bind(tenant.0 as i64)
        .fetch_all(self.reader())
        .await
        .during("list conferences")?
        .iter()
        .map(|row| self.conference(tenant, row))
        .collect()
    }

    /// The same as the call path has them.
    pub(crate) async fn conferences_for_plan(
        &self,
        tenant: TenantId,
    ) -> Result<Vec<routing::Conference>> {
        Ok(self.conferences(tenant).await?.into_iter().map(Conference::into_plan).collect())
    }

    /// Makes a conference room.
    ///
    /// # Errors
    /// [`Error::Invalid`], [`Error::Taken`], [`Error::Refused`] when there are too many.
    pub async fn create_conference(
        &self,
        tenant: TenantId,
        by: &By,
        draft: &ConferenceDraft,
    ) -> Result<Conference> {
        let draft = checked(draft)?;
        let mut write = self.write("make a conference").await?;
        is_free(&mut write, tenant, &draft.number).await?;
        let count = "SELECT COUNT(*) FROM conferences WHERE tenant_id = $1";
        write.room_for(tenant, count, CONFERENCES_MAX).await?;
        let id = ConferenceId(write.next_id("conference").await? as u64);
        let sql = "INSERT INTO conferences
             (id, tenant_id, name, number, document, guest_pin, chair_pin)
             VALUES ($2, $1, $3, $4, $5, $6, $7)";
        self.put(&mut write, sql, tenant, id, &draft).await?;
        write.audit(tenant, by, "conference.create", &draft.name).await?;
        write.raise_plan(tenant).await?;
        write.commit().await?;
        Ok(Conference { id, draft })
    }

    /// Changes a conference room. A meeting that goes on keeps what it began with.
    ///
    /// # Errors
    /// [`Error::NotFound`], [`Error::Invalid`], [`Error::Taken`].
    pub async fn put_conference(
        &self,
        tenant: TenantId,
        by: &By,
        id: ConferenceId,
        draft: &ConferenceDraft,
    ) -> Result<Conference> {
        let draft = checked(draft)?;
        let mut write = self.write("change a conference").await?;
        is_free(&mut write, tenant, &draft.number).await?;
        let sql = "UPDATE conferences SET name = $3, number = $4, document = $5,
             guest_pin = $6, chair_pin = $7 WHERE tenant_id = $1 AND id = $2";
        if self.put(&mut write, sql, tenant, id, &draft).await? == 0 {
            return Err(Error::not_found("conference", id));
        }
        write.audit(tenant, by, "conference.change", &draft.name).await?;
        write.raise_plan(tenant).await?;
        write.commit().await?;
        Ok(Conference { id, draft })
    }

    /// Takes a conference room away.
    ///
    /// # Errors
    /// [`Error::NotFound`]; [`Error::Refused`] while a number leads there.
    pub async fn remove_conference(
        &self,
        tenant: TenantId,
        by: &By,
        id: ConferenceId,
    ) -> Result<()> {
        let doing = "remove a conference";
        let mut write = self.write(doing).await?;
        let target = routing::Target::Conference(id);
        let used = sql::query("SELECT 1 FROM numbers WHERE tenant_id = $1 AND target = $2")
            .bind(tenant.0 as i64)
            .bind(serde_json::to_string(&target).expect("a target is always valid JSON"))
            .fetch_optional(write.db())
            .await
            .during(doing)?;
        if used.is_some() {
            return Err(Error::Refused("a number leads into this conference".to_owned()));
        }
        let delete = "DELETE FROM conferences WHERE tenant_id = $1 AND id = $2";
        write.remove(tenant, delete, ("conference", id.0)).await?;
        write.audit(tenant, by, "conference.remove", id).await?;
        write.raise_plan(tenant).await?;
        write.commit().await
    }

    fn conference(&self, tenant: TenantId, row: &DbRow) -> Result<Conference> {
        let room = ConferenceId(id(row, "id"));
        let pin = |column| -> Result<Pin> {
            let sealed: Option<String> = row.get(column);
            let Some(sealed) = sealed else { return Ok(Pin::default()) };
            let pin = self.keeper.open_sealed(&owner(tenant, room, column), &sealed)?;
            Ok(Pin(pin.expose().to_owned()))
        };
        let kept: ConferenceDraft = document(row, "document", "list conferences", "conference")?;
        let draft =
            ConferenceDraft { guest_pin: pin("guest_pin")?, chair_pin: pin("chair_pin")?, ..kept };
        Ok(Conference { id: room, draft })
    }

    async fn put(
        &self,
        write: &mut Write,
        sql: &'static str,
        tenant: TenantId,
        id: ConferenceId,
        draft: &ConferenceDraft,
    ) -> Result<u64> {
        let doing = write.doing;
        let (guest_pin, chair_pin) = (Pin::default(), Pin::default());
        let open = ConferenceDraft { guest_pin, chair_pin, ..draft.clone() };
        let sealed = |column, pin: &Pin| {
            (!pin.is_none()).then(|| self.keeper.seal(&owner(tenant, id, column), &pin.0))
        };
        let done = sql::query(sql)
            .bind(tenant.0 as i64)
            .bind(id.0 as i64)
            .bind(&draft.name)
            .bind(Some(&draft.number).filter(|number| !number.is_empty()))
            .bind(serde_json::to_string(&open).expect("a conference is always valid JSON"))
            .bind(sealed("guest_pin", &draft.guest_pin))
            .bind(sealed("chair_pin", &draft.chair_pin))
            .execute(write.db())
            .await
            .during(doing)?;
        Ok(done.rows_affected())
    }
}

/// Refuses a room number that would reach somebody else: agents and published numbers go first.
async fn is_free(write: &mut Write, tenant: TenantId, number: &str) -> Result<()> {
    site::spare(write, tenant, "number", number).await?;
    let doing = write.doing;
    let taken = sql::query(
        "SELECT 1 FROM agents WHERE tenant_id = $1 AND (number = $2 OR sip_user = $2)
         UNION SELECT 1 FROM numbers WHERE tenant_id = $1 AND digits = $2",
    )
    .bind(tenant.0 as i64)
    .bind(number)
    .fetch_optional(write.db())
    .await
    .during(doing)?;
    match taken {
        Some(_) => Err(Error::invalid("number", "an agent or a published number has these digits")),
        None => Ok(()),
    }
}

fn owner(tenant: TenantId, id: ConferenceId, column: &str) -> String {
    format!("conference {tenant} {id} {column}")
}

/// The room with its name trimmed, when it can be.
fn checked(draft: &ConferenceDraft) -> Result<ConferenceDraft> {
    let draft = ConferenceDraft { name: text::name("name", &draft.name)?, ..draft.clone() };
    let digits = draft.number.bytes().all(|byte| byte.is_ascii_digit());
    let is_sound = (2..=12).contains(&draft.number.len()) && digits;
    if !draft.number.is_empty() && !is_sound {
        return Err(Error::invalid("number", "2-12 digits are needed, such as 7001"));
    }
    for (field, pin) in [("guest_pin", &draft.guest_pin), ("chair_pin", &draft.chair_pin)] {
        if !pin.is_sound() {
            let range = format!("{PIN_DIGITS_MIN}-{PIN_DIGITS_MAX}");
            return Err(Error::invalid(field, format!("a PIN has {range} digits")));
        }
    }
    if !draft.chair_pin.is_none() && draft.chair_pin == draft.guest_pin {
        return Err(Error::invalid("chair_pin", "guests must not have the chairperson's PIN"));
    }
    let members = draft.members_max;
    if !(2..=CONFERENCE_MEMBERS_MAX).contains(&members) {
        let problem = format!("{members} is outside 2-{CONFERENCE_MEMBERS_MAX}");
        return Err(Error::invalid("members_max", problem));
    }
    let waits = draft.wait_for_chair || draft.ends_with_chair;
    if waits && draft.chair_pin.is_none() {
        return Err(Error::invalid("chair_pin", "without this PIN nobody comes as a chairperson"));
    }
    Ok(draft)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn draft(change: impl FnOnce(&mut ConferenceDraft)) -> ConferenceDraft {
        let mut draft: ConferenceDraft =
            serde_json::from_str(r#"{"name": " Monday ", "number": "7001"}"#).unwrap();
        change(&mut draft);
        draft
    }

    #[test]
    fn what_cannot_be_is_refused_by_its_field() {
        let refused = |change: fn(&mut ConferenceDraft)| match checked(&draft(change)) {
            Err(Error::Invalid { field, .. }) => field,
            other => panic!("{other:?}"),
        };
        assert_eq!(checked(&draft(|_| {})).unwrap().name, "Monday");
        assert_eq!(refused(|d| d.number = "80-1".into()), "number");
        assert_eq!(refused(|d| d.guest_pin = Pin("123".into())), "guest_pin");
        assert_eq!(refused(|d| d.chair_pin = Pin("12a4".into())), "chair_pin");
        assert_eq!(
            refused(|d| {
                d.guest_pin = Pin("1234".into());
                d.chair_pin = Pin("1234".into());
            }),
            "chair_pin"
        );
        assert_eq!(refused(|d| d.members_max = 1), "members_max");
        assert_eq!(refused(|d| d.members_max = 501), "members_max");
        assert_eq!(refused(|d| d.wait_for_chair = true), "chair_pin");
    }

    #[test]
    fn what_is_left_out_is_as_the_house_has_it() {
        let draft = draft(|_| {});
        assert_eq!((draft.members_max, draft.tones, draft.record), (50, true, false));
        let unknown = serde_json::from_str::<ConferenceDraft>(r#"{"name": "x", "colour": 1}"#);
        assert!(unknown.is_err());
    }
}
