//! Bearer tokens of sessions and programs: 32 random bytes, kept as SHA-256. Whoever copies the
//! database gets no token; an unknown token costs one index look-up.
//!
//! A token for SQL is the password at the door for clients of PostgreSQL and good for nothing else:
//! it lies in the settings of tools. Of it the verifier is kept ([`crate::scram`]).

use crate::audit::By;
use crate::error::During;
use crate::scram::Verifier;
use crate::secret::{Secret, hex, random, sha256_hex};
use crate::sql;
use crate::store::{DbRow, Write, id, time, time_opt};
use crate::text::text_enum;
use crate::user::{Identity, identity};
use crate::{Error, Permission, Result, Role, Store, text, when};
use serde::{Deserialize, Serialize};
use std::time::Duration;
use terms::{TenantId, Timestamp, UserId};
use utoipa::ToSchema;

/// How long a session lasts.
pub const SESSION_LIFETIME: Duration = Duration::from_secs(12 * 3600);
/// Longest life of a program's token.
pub const TOKEN_LIFETIME_MAX: Duration = Duration::from_secs(366 * 86_400);
/// Tokens of one person; the oldest sessions make room.
pub const TOKENS_MAX: i64 = 50;
/// Tokens begin with this, so that a leaked one is recognised by scanners.
const PREFIX: &str = "sgt_";
/// The name that goes with a token for SQL is this and its id.
const SQL_USER: &str = "sql_";

text_enum! {
    /// What a token is for.
    TokenKind, "kind of token" {
        /// A person signed in.
        Session = "session",
        /// A program.
        Program = "program",
        /// A tool that asks in SQL as if of PostgreSQL.
        Sql = "sql",
    }
}

/// A token, without its secret.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct Token {
    /// Names it for revoking.
    #[schema(value_type = String)]
    #[serde(serialize_with = "as_text")]
    pub id: i64,
    /// Whose.
    #[schema(value_type = String)]
    pub user: UserId,
    /// What for, in its owner's words.
    pub name: String,
    /// What for.
    pub kind: TokenKind,
    /// The user name that goes with a token for SQL; the secret is the password.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sql_user: Option<String>,
    /// May do at most this.
    pub role: Role,
    /// Made.
    #[serde(with = "when")]
    #[schema(value_type = String, format = DateTime)]
    pub created_at: Timestamp,
    /// Good until.
    #[serde(with = "when")]
    #[schema(value_type = String, format = DateTime)]
    pub expires_at: Timestamp,
    /// Taken back.
    #[serde(with = "when::option")]
    #[schema(value_type = Option<String>, format = DateTime)]
    pub revoked_at: Option<Timestamp>,
}

fn as_text<S: serde::Serializer>(id: &i64, serializer: S) -> std::result::Result<S::Ok, S::Error> {
    serializer.collect_str(id)
}

/// A token to be.
#[derive(Clone, Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewToken {
    /// What for, in the owner's words.
    pub name: String,
    /// May do at most this; never more than its owner.
    pub role: Role,
    /// Good for so many days, 1–366.
    pub days: u32,
    /// For a tool that asks in SQL as if of PostgreSQL, and for nothing else.
    #[serde(default)]
    pub sql: bool,
}

impl Store {
    /// Opens a session for somebody who proved who they are.
    ///
    /// # Errors
    /// When it cannot be written.
    pub async fn open_session(&self, who: &Identity, by: &By) -> Result<(Token, Secret)> {
        let by = By { user: Some(who.user), ..by.clone() };
        let mut write = self.write("open a session").await?;
        let made = insert(
            &mut write,
            who.tenant,
            &by,
            who.user,
            ("session", TokenKind::Session, who.role, SESSION_LIFETIME),
        )
        .await?;
        write.audit(who.tenant, &by, "session.open", &who.login).await?;
        write.commit().await?;
        Ok(made)
    }

    /// Makes a token for a program. The secret is given once and never again.
    ///
    /// # Errors
    /// [`Error::NotFound`], [`Error::Invalid`], [`Error::Refused`] when there are too many.
    pub async fn create_token(
        &self,
        tenant: TenantId,
        by: &By,
        user: UserId,
        new: &NewToken,
    ) -> Result<(Token, Secret)> {
        let person = self.user(tenant, user).await?;
        let name = text::name("name", &new.name)?;
        if new.role > person.role {
            return Err(Error::invalid("role", "a token may not do more than its owner"));
        }
        if new.sql && !new.role.allows(Permission::SqlRun) {
            return Err(Error::invalid("role", "this role may not ask in SQL"));
        }
        let kind = if new.sql { TokenKind::Sql } else { TokenKind::Program };
        let lifetime = Duration::from_secs(u64::from(new.days) * 86_400);
        if new.days == 0 || lifetime > TOKEN_LIFETIME_MAX {
            return Err(Error::invalid("days", "1-366 days are allowed"));
        }
        let mut write = self.write("create a token").await?;
        let made = insert(&mut write, tenant, by, user, (&name, kind, new.role, lifetime)).await?;
        write.audit(tenant, by, "token.create", made.0.id).await?;
        write.commit().await?;
        Ok(made)
    }

    /// The tokens of a person that are still good at `now`.
    ///
    /// # Errors
    /// When the store does not answer.
    pub async fn tokens(
        &self,
        tenant: TenantId,
        user: UserId,
        now: Timestamp,
    ) -> Result<Vec<Token>> {
        sql::query(
            "SELECT id, user_id, name, kind, role, created_at, expires_at, revoked_at FROM tokens
             WHERE tenant_id = $1 AND user_id = $2 AND revoked_at IS NULL AND expires_at > $3
             ORDER BY id LIMIT 1000",
        )
        .bind(tenant.0 as i64)
        .bind(user.0 as i64)
        .bind(now.0)
        .fetch_all(self.reader())
        .await
        .during("list tokens")?
        .iter()
        .map(|row| {
            let kind = TokenKind::stored("list tokens", row.get("kind"))?;
            Ok(Token {
                id: row.get("id"),
                user: UserId(id(row, "user_id")),
                name: row.get("name"),
                kind,
                sql_user: sql_user(kind, row.get("id")),
                role: Role::stored("list tokens", row.get("role"))?,
                created_at: time(row, "created_at"),
                expires_at: time(row, "expires_at"),
                revoked_at: time_opt(row, "revoked_at"),
            })
        })
        .collect()
    }

    /// Takes a token back. `owner` limits it to one person's tokens.
    ///
    /// # Errors
    /// [`Error::NotFound`].
    pub async fn revoke_token(
        &self,
        tenant: TenantId,
        by: &By,
        token: i64,
        owner: Option<UserId>,
    ) -> Result<()> {
        let mut write = self.write("revoke a token").await?;
        let done = sql::query(
            "UPDATE tokens SET revoked_at = $3
             WHERE tenant_id = $1 AND id = $2 AND revoked_at IS NULL
               AND ($4 IS NULL OR user_id = $4)",
        )
        .bind(tenant.0 as i64)
        .bind(token)
        .bind(by.at.0)
        .bind(owner.map(|user| user.0 as i64))
        .execute(write.db())
        .await
        .during("revoke a token")?;
        if done.rows_affected() == 0 {
            return Err(Error::not_found("token", token));
        }
        write.audit(tenant, by, "token.revoke", token).await?;
        write.commit().await
    }

    /// Who sends this token: the person, their token's id and when it expires. `None` when it is
    /// unknown, expired, taken back or for SQL, or its owner may not sign in any more.
    ///
    /// # Errors
    /// When the store does not answer.
    pub async fn authenticate(
        &self,
        token: &str,
        now: Timestamp,
    ) -> Result<Option<(Identity, i64, Timestamp)>> {
        if !token.starts_with(PREFIX) || token.len() != PREFIX.len() + 64 {
            return Ok(None);
        }
        let row = sql::query(
            "SELECT u.id, u.tenant_id, u.login, u.name, u.role, u.mask_numbers, a.id AS agent_id,
                    t.id AS token_id, t.role AS token_role, t.expires_at
             FROM tokens t JOIN users u ON u.id = t.user_id AND u.tenant_id = t.tenant_id
             LEFT JOIN agents a ON a.id = u.id
             WHERE t.hash = $1 AND t.kind <> 'sql' AND t.revoked_at IS NULL AND t.expires_at > $2
               AND u.disabled_at IS NULL",
        )
        .bind(sha256_hex(token))
        .bind(now.0)
        .fetch_optional(self.reader())
        .await
        .during("check a token")?;
        let Some(row) = row else { return Ok(None) };
        Ok(Some((holder(&row)?, row.get("token_id"), time(&row, "expires_at"))))
    }

    /// What the secret that goes with this user name is checked against, and the token's id. `None`
    /// as in [`Store::authenticate`].
    ///
    /// # Errors
    /// When the store does not answer.
    pub async fn sql_verifier(
        &self,
        sql_user: &str,
        now: Timestamp,
    ) -> Result<Option<(Verifier, i64)>> {
        let token = sql_user.strip_prefix(SQL_USER).and_then(|id| id.parse::<i64>().ok());
        let Some(token) = token else { return Ok(None) };
        let kept: Option<Option<String>> = sql::query_scalar(
            "SELECT t.scram FROM tokens t
             JOIN users u ON u.id = t.user_id AND u.tenant_id = t.tenant_id
             WHERE t.id = $1 AND t.kind = 'sql' AND t.revoked_at IS NULL AND t.expires_at > $2
               AND u.disabled_at IS NULL",
        )
        .bind(token)
        .bind(now.0)
        .fetch_optional(self.reader())
        .await
        .during("check a token")?;
        let Some(kept) = kept.flatten() else { return Ok(None) };
        let verifier = Verifier::parse(&kept).ok_or_else(|| Error::Stored {
            doing: "check a token",
            what: "verifier",
            problem: "it cannot be read".to_owned(),
        })?;
        Ok(Some((verifier, token)))
    }

    /// Who holds a token for SQL that was proved, as long as it is good: a tool stays connected for
    /// days.
    ///
    /// # Errors
    /// When the store does not answer.
    pub async fn sql_identity(&self, token: i64, now: Timestamp) -> Result<Option<Identity>> {
        let row = sql::query(
            "SELECT u.id, u.tenant_id, u.login, u.name, u.role, u.mask_numbers, a.id AS agent_id,
                    t.role AS token_role
             FROM tokens t JOIN users u ON u.id = t.user_id AND u.tenant_id = t.tenant_id
             LEFT JOIN agents a ON a.id = u.id
             WHERE t.id = $1 AND t.kind = 'sql' AND t.revoked_at IS NULL AND t.expires_at > $2
               AND u.disabled_at IS NULL",
        )
        .bind(token)
        .bind(now.0)
        .fetch_optional(self.reader())
        .await
        .during("check a token")?;
        row.as_ref().map(holder).transpose()
    }
}

/// The person with the lower of their role and their token's.
fn holder(row: &DbRow) -> Result<Identity> {
    let mut who = identity(row)?;
    who.role = who.role.min(Role::stored("check a token", row.get("token_role"))?);
    Ok(who)
}

fn sql_user(kind: TokenKind, id: i64) -> Option<String> {
    (kind == TokenKind::Sql).then(|| format!("{SQL_USER}{id}"))
}

async fn insert(
    write: &mut Write,
    tenant: TenantId,
    by: &By,
    user: UserId,
    (name, kind, role, lifetime): (&str, TokenKind, Role, Duration),
) -> Result<(Token, Secret)> {
    let doing = write.doing;
    // What nobody can use any more goes; then the oldest sessions make room.
    sql::query(
        "DELETE FROM tokens WHERE tenant_id = $1 AND user_id = $2
         AND (revoked_at IS NOT NULL OR expires_at <= $3 OR id IN (
             SELECT id FROM tokens WHERE tenant_id = $1 AND user_id = $2 AND kind = 'session'
             ORDER BY id DESC LIMIT 1000 OFFSET $4))",
    )
    .bind(tenant.0 as i64)
    .bind(user.0 as i64)
    .bind(by.at.0)
    .bind(TOKENS_MAX / 2)
    .execute(write.db())
    .await
    .during(doing)?;
    let have: i64 =
        sql::query_scalar("SELECT COUNT(*) FROM tokens WHERE tenant_id = $1 AND user_id = $2")
            .bind(tenant.0 as i64)
            .bind(user.0 as i64)
            .fetch_one(write.db())
            .await
            .during(doing)?;
    if have >= TOKENS_MAX {
        return Err(Error::Refused(format!(
            "a person has at most {TOKENS_MAX} tokens; revoke one first"
        )));
    }
    let secret = Secret::new(format!("{PREFIX}{}", hex(&random::<32>())));
    let scram = (kind == TokenKind::Sql).then(|| Verifier::of(secret.expose()).to_text());
    let id = write.next_id("token").await?;
    let token = Token {
        id,
        user,
        name: name.to_owned(),
        kind,
        sql_user: sql_user(kind, id),
        role,
        created_at: by.at,
        expires_at: by.at + lifetime,
        revoked_at: None,
    };
    sql::query(
        "INSERT INTO tokens
             (id, tenant_id, user_id, name, kind, role, hash, created_at, expires_at, scram)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)",
    )
    .bind(token.id)
    .bind(tenant.0 as i64)
    .bind(user.0 as i64)
    .bind(&token.name)
    .bind(kind.as_str())
    .bind(role.as_str())
    .bind(sha256_hex(secret.expose()))
    .bind(token.created_at.0)
    .bind(token.expires_at.0)
    .bind(scram)
    .execute(write.db())
    .await
    .during(doing)?;
    Ok((token, secret))
}

/// Ends all sessions and tokens of a person.
pub(crate) async fn revoke_all(
    write: &mut Write,
    tenant: TenantId,
    user: UserId,
    at: Timestamp,
) -> Result<()> {
    let doing = write.doing;
    sql::query(
        "UPDATE tokens SET revoked_at = $3
         WHERE tenant_id = $1 AND user_id = $2 AND revoked_at IS NULL",
    )
    .bind(tenant.0 as i64)
    .bind(user.0 as i64)
    .bind(at.0)
    .execute(write.db())
    .await
    .during(doing)?;
    Ok(())
}
