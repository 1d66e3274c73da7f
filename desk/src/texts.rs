//! Text messages that came in over trunks and that went out there. The switch takes and sends them and says
//! so in its event log; the store follows that log ([`Store::keep_calling`]), and each of them is a row by
//! the name that the log has for it, however often an entry comes.
//!
//! A text that is on its way out when the switch ends has no outcome: it is `unknown`, and not sent again.

use crate::error::During;
use crate::item::texted;
use crate::portion::Said;
use crate::sql;
use crate::store::{DbRow, Write, id, id_opt, time, time_opt};
use crate::text::text_enum;
use crate::{Error, Result, Store, when};
use serde::Serialize;
use std::collections::BTreeSet;
use terms::event::{Entry, Kind, TextAsked, TextReceived, TextResult, TextSent};
use terms::{Subscriber, TenantId, TextId, Timestamp, TrunkId, UserId};
use utoipa::ToSchema;

/// Where they name people.
const SAID: Said =
    Said { table: "texts", at: "at", words: &["number", "text"], doing: "forget texts" };

text_enum! {
    /// Which way a text went.
    TextDirection, "direction of a text" {
        /// It came in.
        In = "in",
        /// It went out.
        Out = "out",
    }
}

text_enum! {
    /// How far a text is, in the order of its life.
    TextState, "state of a text" {
        /// It came in.
        Received = "received",
        /// It is on its way out.
        Sending = "sending",
        /// The trunk took it. Whether it reached a telephone is the network's to know.
        Taken = "taken",
        /// The trunk did not take it.
        Refused = "refused",
        /// The trunk did not answer: it may have been sent.
        Unanswered = "unanswered",
        /// No trunk that the number leads over was there for it.
        NoTrunk = "no_trunk",
        /// The switch ended meanwhile: it may have been sent.
        Unknown = "unknown",
    }
}

impl From<TextResult> for TextState {
    fn from(result: TextResult) -> Self {
        match result {
            TextResult::Taken => TextState::Taken,
            TextResult::Refused => TextState::Refused,
            TextResult::Unanswered => TextState::Unanswered,
            TextResult::NoTrunk => TextState::NoTrunk,
        }
    }
}

/// A text message that came or went.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[schema(as = Text)]
pub struct TextMessage {
    /// Its id, as events name it.
    #[schema(value_type = String)]
    pub id: TextId,
    /// Which way.
    pub direction: TextDirection,
    /// Over which trunk; none while it is not told, or where no trunk was there for it.
    #[schema(value_type = Option<String>)]
    pub trunk: Option<TrunkId>,
    /// The number of the other side.
    pub number: String,
    /// The number of the tenant: to which it came, or which was shown.
    pub own_number: String,
    /// What it says.
    pub text: String,
    /// Who had it sent; none of one that came in, and of one that a flow sent.
    #[schema(value_type = Option<String>)]
    pub asked_by: Option<UserId>,
    /// When it came, or was asked for.
    #[serde(with = "when")]
    #[schema(value_type = String, format = DateTime)]
    pub at: Timestamp,
    /// How far it is.
    pub state: TextState,
    /// The last answer of the trunk, a status of SIP.
    pub status: Option<u16>,
    /// When it was over; none of one that came in.
    #[serde(with = "when::option")]
    #[schema(value_type = Option<String>, format = DateTime)]
    pub ended_at: Option<Timestamp>,
}

fn of(row: &DbRow) -> Result<TextMessage> {
    const DOING: &str = "read a text";
    Ok(TextMessage {
        id: TextId(id(row, "id")),
        direction: TextDirection::stored(DOING, row.get::<&str>("direction"))?,
        trunk: id_opt(row, "trunk_id").map(TrunkId),
        number: row.get("number"),
        own_number: row.get("own_number"),
        text: row.get("text"),
        asked_by: id_opt(row, "asked_by").map(UserId),
        at: time(row, "at"),
        state: TextState::stored(DOING, row.get::<&str>("state"))?,
        status: row.get::<Option<i64>>("status").and_then(|status| u16::try_from(status).ok()),
        ended_at: time_opt(row, "ended_at"),
    })
}

/// Whose texts are looked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Whose {
    /// All of the tenant.
    All,
    /// Those that one of these people had sent, and none that came in.
    SentBy(Vec<UserId>),
}

impl Whose {
    /// As a condition.
    fn condition(&self) -> String {
        match self {
            Whose::All => "TRUE".to_owned(),
            // One of nobody stands where nobody is named.
            Whose::SentBy(people) => {
                let people: Vec<String> =
                    people.iter().map(|person| (person.0 as i64).to_string()).collect();
                format!("asked_by IN ({})", [vec!["-1".to_owned()], people].concat().join(", "))
            }
        }
    }
}

impl Store {
    /// Notes a text that the switch has on its way. What the log has said of it meanwhile stays.
    ///
    /// # Errors
    /// When the store does not answer.
    pub async fn add_text(&self, tenant: TenantId, text: &TextMessage) -> Result<()> {
        let mut write = self.write("note a text").await?;
        insert(&mut write, tenant, text, "DO NOTHING").await?;
        write.commit().await
    }

    /// Texts of a tenant, the latest first, from `before` on.
    ///
    /// # Errors
    /// When the store does not answer.
    pub async fn texts(
        &self,
        tenant: TenantId,
        whose: &Whose,
        before: Option<TextId>,
        limit: u32,
    ) -> Result<Vec<TextMessage>> {
        let before = before.map_or(i64::MAX, |before| before.0 as i64);
        let select = format!(
            "SELECT * FROM texts WHERE tenant_id = $1 AND id < $2 AND {}
             ORDER BY id DESC LIMIT $3",
            whose.condition()
        );
        let rows = sql::query(sqlx::AssertSqlSafe(select))
            .bind(tenant.0 as i64)
            .bind(before)
            .bind(i64::from(limit))
            .fetch_all(self.reader())
            .await
            .during("list texts")?;
        rows.iter().map(of).collect()
    }

    /// One of them.
    ///
    /// # Errors
    /// [`Error::NotFound`].
    pub async fn text(&self, tenant: TenantId, whose: &Whose, text: TextId) -> Result<TextMessage> {
        let select = format!(
            "SELECT * FROM texts WHERE tenant_id = $1 AND id = $2 AND {}",
            whose.condition()
        );
        let row = sql::query(sqlx::AssertSqlSafe(select))
            .bind(tenant.0 as i64)
            .bind(text.0 as i64)
            .fetch_optional(self.reader())
            .await
            .during("read a text")?;
        of(&row.ok_or_else(|| Error::not_found("text", text))?)
    }

    /// Forgets the texts of a tenant from before `until`, but for those that one of the `held` people
    /// wrote or got, or that name one. Returns how many.
    ///
    /// # Errors
    /// When the store does not answer.
    pub async fn forget_texts(
        &self,
        tenant: TenantId,
        until: Timestamp,
        held: &BTreeSet<Subscriber>,
    ) -> Result<u64> {
        self.forget_said(&SAID, tenant, until, held).await
    }
}

/// Adds a row, or does with the one that is there what `known` says. Of a tenant that is not there nothing
/// is kept, and what follows in the log is.
async fn insert(
    write: &mut Write,
    tenant: TenantId,
    text: &TextMessage,
    known: &'static str,
) -> Result<()> {
    let doing = write.doing;
    let insert = format!(
        "INSERT INTO texts (id, tenant_id, direction, trunk_id, number, own_number, text, asked_by,
         at, state, status, ended_at)
         SELECT CAST($1 AS BIGINT), id, CAST($3 AS TEXT), CAST($4 AS BIGINT), CAST($5 AS TEXT),
         CAST($6 AS TEXT), CAST($7 AS TEXT), CAST($8 AS BIGINT), CAST($9 AS BIGINT),
         CAST($10 AS TEXT), CAST($11 AS BIGINT), CAST($12 AS BIGINT)
         FROM tenants WHERE id = $2 ON CONFLICT (id) {known}"
    );
    sql::query(sqlx::AssertSqlSafe(insert))
        .bind(text.id.0 as i64)
        .bind(tenant.0 as i64)
        .bind(text.direction.as_str())
        .bind(text.trunk.map(|trunk| trunk.0 as i64))
        .bind(text.number.as_str())
        .bind(text.own_number.as_str())
        .bind(text.text.as_str())
        .bind(text.asked_by.map(|by| by.0 as i64))
        .bind(text.at.0)
        .bind(text.state.as_str())
        .bind(text.status.map(i64::from))
        .bind(text.ended_at.map(|at| at.0))
        .execute(write.db())
        .await
        .during(doing)?;
    Ok(())
}

/// What an entry of the event log says of texts. Entries that were followed before are not given: what was
/// erased since does not come back.
pub(crate) async fn keep(write: &mut Write, entry: &Entry) -> Result<()> {
    match &entry.kind {
        Kind::TextReceived(text) => {
            insert(write, entry.tenant, &received(entry, text), "DO NOTHING").await?;
            texted::hand_out(write, entry, text).await
        }
        Kind::TextAsked(text) => {
            insert(write, entry.tenant, &asked(entry, text), "DO NOTHING").await
        }
        Kind::TextSent(text) => {
            // When it was asked for is known better by who asked.
            let known =
                "DO UPDATE SET trunk_id = excluded.trunk_id, own_number = excluded.own_number,
                 state = excluded.state, status = excluded.status, ended_at = excluded.ended_at";
            insert(write, entry.tenant, &sent(entry, text), known).await?;
            let came = (text.result.into(), text.status);
            texted::came_of(write, entry.tenant, text.id, came).await
        }
        Kind::Started { .. } => lost(write, entry.at).await,
        _ => Ok(()),
    }
}

fn received(entry: &Entry, text: &TextReceived) -> TextMessage {
    TextMessage {
        id: text.id,
        direction: TextDirection::In,
        trunk: Some(text.trunk),
        number: text.from.normal.clone(),
        own_number: text.to.normal.clone(),
        text: text.text.0.clone(),
        asked_by: None,
        at: entry.at,
        state: TextState::Received,
        status: None,
        ended_at: None,
    }
}

/// One that a flow has sent: what came of it follows.
fn asked(entry: &Entry, text: &TextAsked) -> TextMessage {
    TextMessage {
        id: text.id,
        direction: TextDirection::Out,
        trunk: None,
        number: text.to.normal.clone(),
        own_number: String::new(),
        text: text.text.0.clone(),
        asked_by: None,
        at: entry.at,
        state: TextState::Sending,
        status: None,
        ended_at: None,
    }
}

fn sent(entry: &Entry, text: &TextSent) -> TextMessage {
    TextMessage {
        id: text.id,
        direction: TextDirection::Out,
        trunk: text.trunk,
        number: text.to.normal.clone(),
        own_number: text.from.clone(),
        text: text.text.0.clone(),
        asked_by: text.by,
        at: entry.at,
        state: text.result.into(),
        status: text.status,
        ended_at: Some(entry.at),
    }
}

/// The switch began anew: nobody will say what came of those that were on their way.
async fn lost(write: &mut Write, at: Timestamp) -> Result<()> {
    let doing = write.doing;
    sql::query(
        "UPDATE texts SET state = 'unknown', ended_at = $1 WHERE state = 'sending' AND at <= $1",
    )
    .bind(at.0)
    .execute(write.db())
    .await
    .during(doing)?;
    texted::lost(write, at).await
}
