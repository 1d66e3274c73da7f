//! Requests that are carried out once: a program sends a key of its own with each, and gets the answer
//! of the first when it sends the same again. Keys belong to a person; answers are kept sealed,
//! because some hold a secret that is shown once.

use crate::error::During;
use crate::sql;
use crate::store::{Write, id, id_opt};
use crate::{Result, Store};
use std::time::Duration;
use terms::{Person, TenantId, Timestamp, UserId};

/// How long a key is remembered.
pub const REMEMBERED: Duration = Duration::from_secs(24 * 3_600);
/// Keys of a tenant that are remembered at a time.
pub const KEYS_MAX: i64 = 100_000;
/// Keys that are looked through at a time: an answer has up to 256 KiB, and is kept as hex.
const LOOKED_AT: i64 = 32;

/// Whose key it is.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Slot {
    /// Whose people.
    pub tenant: TenantId,
    /// Who.
    pub user: UserId,
    /// In their words.
    pub key: String,
}

/// What is known of a key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Once {
    /// Nothing: it begins now.
    Begun,
    /// It came before.
    Known {
        /// Of the request that it came with.
        fingerprint: String,
        /// What came of it; none while that is not known.
        answer: Option<Kept>,
    },
}

/// What a request was answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Kept {
    /// HTTP status.
    pub status: u16,
    /// Content type.
    pub kind: String,
    /// The body; none where it was too long, or told of who was forgotten since.
    pub body: Option<String>,
}

impl Store {
    /// Begins a request under a key, or says what is known of it. Keys whose time is over are
    /// forgotten.
    ///
    /// # Errors
    /// [`crate::Error::Refused`] when the tenant has too many keys.
    pub async fn begin_once(&self, of: &Slot, fingerprint: &str, now: Timestamp) -> Result<Once> {
        let doing = "remember a request";
        let mut write = self.write(doing).await?;
        sql::query("DELETE FROM once WHERE tenant_id = $1 AND began_at <= $2")
            .bind(of.tenant.0 as i64)
            .bind(now.0 - REMEMBERED.as_micros() as i64)
            .execute(write.db())
            .await
            .during(doing)?;
        let row = sql::query(
            "SELECT fingerprint, status, kind, answer FROM once
             WHERE tenant_id = $1 AND user_id = $2 AND key = $3",
        )
        .bind(of.tenant.0 as i64)
        .bind(of.user.0 as i64)
        .bind(&of.key)
        .fetch_optional(write.db())
        .await
        .during(doing)?;
        if let Some(row) = row {
            let sealed: Option<String> = row.get("answer");
            let body = sealed.map(|sealed| self.keeper.open_sealed(&of.owner(), &sealed));
            let body = body.transpose()?.map(|body| body.expose().to_owned());
            let kind: String = row.get("kind");
            let answer = id_opt(&row, "status").map(|status| {
                let status = u16::try_from(status).unwrap_or_default();
                Kept { status, kind, body }
            });
            return Ok(Once::Known { fingerprint: row.get("fingerprint"), answer });
        }
        let count = "SELECT COUNT(*) FROM once WHERE tenant_id = $1";
        write.room_for(of.tenant, count, KEYS_MAX).await?;
        sql::query(
            "INSERT INTO once (tenant_id, user_id, key, fingerprint, began_at)
             VALUES ($1, $2, $3, $4, $5)",
        )
        .bind(of.tenant.0 as i64)
        .bind(of.user.0 as i64)
        .bind(&of.key)
        .bind(fingerprint)
        .bind(now.0)
        .execute(write.db())
        .await
        .during(doing)?;
        write.commit().await?;
        Ok(Once::Begun)
    }

    /// Keeps what the request under this key was answered.
    ///
    /// # Errors
    /// When it cannot be written.
    pub async fn keep_once(&self, of: &Slot, answer: &Kept) -> Result<()> {
        let mut write = self.write("keep an answer").await?;
        let body = answer.body.as_ref().map(|body| self.keeper.seal(&of.owner(), body));
        sql::query(
            "UPDATE once SET status = $4, kind = $5, answer = $6
             WHERE tenant_id = $1 AND user_id = $2 AND key = $3",
        )
        .bind(of.tenant.0 as i64)
        .bind(of.user.0 as i64)
        .bind(&of.key)
        .bind(i64::from(answer.status))
        .bind(&answer.kind)
        .bind(body)
        .execute(write.db())
        .await
        .during("keep an answer")?;
        write.commit().await
    }

    /// Forgets a key: its request came to nothing and may be sent again.
    ///
    /// # Errors
    /// When it cannot be written.
    pub async fn forget_once(&self, of: &Slot) -> Result<()> {
        let mut write = self.write("forget a request").await?;
        sql::query("DELETE FROM once WHERE tenant_id = $1 AND user_id = $2 AND key = $3")
            .bind(of.tenant.0 as i64)
            .bind(of.user.0 as i64)
            .bind(&of.key)
            .execute(write.db())
            .await
            .during("forget a request")?;
        write.commit().await
    }
}

impl Store {
    /// Nobody is answered again what tells of this person; that the request was carried out is known
    /// still. A key that has their number or mail address in it is forgotten.
    pub(crate) async fn forget_answers(
        &self,
        write: &mut Write,
        tenant: TenantId,
        person: &Person,
    ) -> Result<()> {
        let doing = write.doing;
        let (mut user, mut key) = (-1_i64, String::new());
        loop {
            let rows = sql::query(
                "SELECT user_id, key, answer FROM once
                 WHERE tenant_id = $1 AND (user_id, key) > ($2, $3)
                 ORDER BY user_id, key LIMIT $4",
            )
            .bind(tenant.0 as i64)
            .bind(user)
            .bind(key.as_str())
            .bind(LOOKED_AT)
            .fetch_all(write.db())
            .await
            .during(doing)?;
            let Some(last) = rows.last() else { return Ok(()) };
            (user, key) = (last.get("user_id"), last.get("key"));
            for row in &rows {
                let of = Slot { tenant, user: UserId(id(row, "user_id")), key: row.get("key") };
                let change = if person.is_in(&of.key) {
                    "DELETE FROM once WHERE tenant_id = $1 AND user_id = $2 AND key = $3"
                } else if self.tells_of(person, &of, row.get("answer")) {
                    "UPDATE once SET answer = NULL
                     WHERE tenant_id = $1 AND user_id = $2 AND key = $3"
                } else {
                    continue;
                };
                sql::query(change)
                    .bind(tenant.0 as i64)
                    .bind(of.user.0 as i64)
                    .bind(of.key.as_str())
                    .execute(write.db())
                    .await
                    .during(doing)?;
            }
        }
    }

    /// A sealed answer names the person, or cannot be read, and may name them.
    fn tells_of(&self, person: &Person, of: &Slot, sealed: Option<String>) -> bool {
        let Some(sealed) = sealed else { return false };
        match self.keeper.open_sealed(&of.owner(), &sealed) {
            Ok(answer) => person.is_in(answer.expose()),
            Err(_) => true,
        }
    }
}

impl Slot {
    /// What a sealed answer belongs to.
    fn owner(&self) -> String {
        format!("once {} {} {}", self.tenant, self.user, self.key)
    }
}
