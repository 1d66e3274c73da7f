//! People who sign in. Passwords are Argon2id hashes; an unknown login takes as long as a wrong
//! password, so that nobody can find out who exists. Locking out is by source
//! ([`crate::lockout`]), never by login: otherwise anybody could lock anybody out.

use crate::audit::By;
use crate::error::During;
use crate::sql;
use crate::store::{DbRow, Write, id, time, time_opt};
use crate::{Error, Result, Role, Store, text, when};
use argon2::Argon2;
use argon2::password_hash::{PasswordHasher, PasswordVerifier};
use serde::{Deserialize, Serialize};
use std::sync::LazyLock;
use terms::{AgentId, TenantId, Timestamp, UserId};
use utoipa::ToSchema;

/// Shortest password of a person.
pub const PASSWORD_CHARS_MIN: usize = 10;
/// Longest password in bytes; longer ones would only cost time.
pub const PASSWORD_BYTES_MAX: usize = 256;
/// Longest login.
const LOGIN_CHARS_MAX: usize = 64;
/// Users of one tenant.
pub const USERS_MAX: i64 = 20_000;

/// Passwords that everybody knows from examples; also refused in configuration.
const SAMPLE_SECRETS: &[&str] = &[
    "0123456789",
    "1234567890",
    "12345678910",
    "changeme123",
    "change-me-now",
    "administrator",
    "password123",
    "password1234",
    "qwertyuiop",
    "switchgrid",
    "switchgrid123",
    "admin12345",
    "hunter2hunter2",
];

/// A person.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct User {
    /// Their id.
    #[schema(value_type = String)]
    pub id: UserId,
    /// What they type to sign in; unique in the tenant.
    pub login: String,
    /// Their name.
    pub name: String,
    /// What they may do.
    pub role: Role,
    /// May not sign in since.
    #[serde(with = "when::option")]
    #[schema(value_type = Option<String>, format = DateTime)]
    pub disabled_at: Option<Timestamp>,
    /// Made.
    #[serde(with = "when")]
    #[schema(value_type = String, format = DateTime)]
    pub created_at: Timestamp,
}

/// A person to be.
#[derive(Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewUser {
    /// What they type to sign in.
    pub login: String,
    /// Their name.
    pub name: String,
    /// What they may do.
    pub role: Role,
    /// Their first password.
    pub password: String,
}

/// What to change in a person.
#[derive(Clone, Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct UserChange {
    /// Their name.
    #[serde(default)]
    pub name: Option<String>,
    /// What they may do.
    #[serde(default)]
    pub role: Option<Role>,
    /// May sign in.
    #[serde(default)]
    pub enabled: Option<bool>,
}

/// Somebody who proved who they are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Identity {
    /// Whose people they belong to.
    pub tenant: TenantId,
    /// Who.
    pub user: UserId,
    /// Their login.
    pub login: String,
    /// Their name.
    pub name: String,
    /// What they may do now: the lower of person and token.
    pub role: Role,
    /// Set when they answer calls.
    pub agent: Option<AgentId>,
    /// Telephone numbers are shown to them with their middle hidden.
    pub mask_numbers: bool,
}

/// True when the text is a secret that everybody knows.
pub fn is_sample_secret(text: &str) -> bool {
    let text = text.to_lowercase();
    SAMPLE_SECRETS.contains(&text.as_str())
}

/// The policy for people's passwords.
pub(crate) fn check_password(login: &str, password: &str) -> Result<()> {
    let problem = if password.chars().count() < PASSWORD_CHARS_MIN {
        format!("at least {PASSWORD_CHARS_MIN} characters are needed")
    } else if password.len() > PASSWORD_BYTES_MAX {
        format!("at most {PASSWORD_BYTES_MAX} bytes are taken")
    } else if is_sample_secret(password) {
        "this one stands in every list of known passwords; choose another".to_owned()
    } else if password.to_lowercase().contains(&login.to_lowercase()) {
        "it may not contain the login".to_owned()
    } else if password.chars().all(|c| password.starts_with(c)) {
        "one character again and again is no password".to_owned()
    } else {
        return Ok(());
    };
    Err(Error::invalid("password", problem))
}

/// What an unknown login is measured against, so that it takes the same time.
static NOBODY: LazyLock<String> = LazyLock::new(|| {
    hash(crate::secret::generated_password().expose()).expect("Argon2 hashes a short text")
});

fn hash(password: &str) -> Result<String> {
    Argon2::default()
        .hash_password(password.as_bytes())
        .map(|hash| hash.to_string())
        .map_err(|e| Error::invalid("password", format!("it cannot be hashed: {e}")))
}

fn is_right(password: &str, hash: &str) -> bool {
    PasswordVerifier::<str>::verify_password(&Argon2::default(), password.as_bytes(), hash).is_ok()
}

const COLUMNS: &str =
    "SELECT id, login, name, role, disabled_at, created_at FROM users WHERE tenant_id = $1";

fn user(row: &DbRow) -> Result<User> {
    Ok(User {
        id: UserId(id(row, "id")),
        login: row.get("login"),
        name: row.get("name"),
        role: Role::stored("read a user", row.get("role"))?,
        disabled_at: time_opt(row, "disabled_at"),
        created_at: time(row, "created_at"),
    })
}

impl Store {
    /// Hashes on a thread of its own, at most [`crate::store::HASHES_MAX`] at a time.
    pub(crate) async fn hashed(&self, password: &str) -> Result<String> {
        let password = password.to_owned();
        self.on_hash_thread(move || hash(&password)).await?
    }

    async fn on_hash_thread<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T> {
        let seat = self.hashing.seats.clone().try_acquire_owned();
        let seat = seat.map_err(|_| Error::Busy("too many people sign in at once"))?;
        let turn = self.hashing.turns.clone().acquire_owned().await;
        let turn = turn.expect("the semaphore is never closed");
        let done = tokio::task::spawn_blocking(move || {
            let _held = (seat, turn);
            work()
        });
        Ok(done.await.expect("hashing does not panic"))
    }

    /// The people of a tenant.
    ///
    /// # Errors
    /// When the store does not answer.
    pub async fn users(&self, tenant: TenantId) -> Result<Vec<User>> {
        sql::query(sqlx::AssertSqlSafe(format!("{COLUMNS} ORDER BY id LIMIT 20000")))
            .bind(tenant.0 as i64)
            .fetch_all(self.reader())
            .await
            .during("list users")?
            .iter()
            .map(user)
            .collect()
    }

    /// One person.
    ///
    /// # Errors
    /// [`Error::NotFound`].
    pub async fn user(&self, tenant: TenantId, user_id: UserId) -> Result<User> {
        let row = sql::query(sqlx::AssertSqlSafe(format!("{COLUMNS} AND id = $2")))
            .bind(tenant.0 as i64)
            .bind(user_id.0 as i64)
            .fetch_optional(self.reader())
            .await
            .during("read a user")?;
        user(&row.ok_or_else(|| Error::not_found("user", user_id))?)
    }

    /// Makes a person.
    ///
    /// # Errors
    /// [`Error::Invalid`], [`Error::Taken`].
    pub async fn create_user(&self, tenant: TenantId, by: &By, new: &NewUser) -> Result<User> {
        text::token("login", &new.login, LOGIN_CHARS_MAX)?;
        check_password(&new.login, &new.password)?;
        let hash = self.hashed(&new.password).await?;
        let mut write = self.write("create a user").await?;
        let made = insert(&mut write, tenant, by, new, &hash).await?;
        write.commit().await?;
        Ok(made)
    }

    /// Changes name, role, or whether they may sign in. The last administrator stays one.
    ///
    /// # Errors
    /// [`Error::NotFound`], [`Error::Invalid`], [`Error::Refused`].
    pub async fn change_user(
        &self,
        tenant: TenantId,
        by: &By,
        user_id: UserId,
        change: &UserChange,
    ) -> Result<User> {
        let doing = "change a user";
        let mut write = self.write(doing).await?;
        let row = sql::query(sqlx::AssertSqlSafe(format!("{COLUMNS} AND id = $2")))
            .bind(tenant.0 as i64)
            .bind(user_id.0 as i64)
            .fetch_optional(write.db())
            .await
            .during(doing)?
            .ok_or_else(|| Error::not_found("user", user_id))?;
        let mut now = user(&row)?;
        let was_lower = change.role.is_some_and(|role| role < now.role);
        if let Some(name) = &change.name {
            now.name = text::name("name", name)?;
        }
        now.role = change.role.unwrap_or(now.role);
        now.disabled_at = match change.enabled {
            Some(true) => None,
            Some(false) => now.disabled_at.or(Some(by.at)),
            None => now.disabled_at,
        };
        sql::query(
            "UPDATE users SET name = $3, role = $4, disabled_at = $5 WHERE tenant_id = $1 AND id = $2",
        )
        .bind(tenant.0 as i64)
        .bind(user_id.0 as i64)
        .bind(&now.name)
        .bind(now.role.as_str())
        .bind(now.disabled_at.map(|at| at.0))
        .execute(write.db())
        .await
        .during(doing)?;
        if administrators(&mut write, tenant).await? == 0 {
            return Err(Error::Refused("the last administrator has to stay one".into()));
        }
        if was_lower || now.disabled_at.is_some() {
            crate::token::revoke_all(&mut write, tenant, user_id, by.at).await?;
        }
        write.audit(tenant, by, "user.change", user_id).await?;
        write.raise_plan(tenant).await?;
        write.commit().await?;
        Ok(now)
    }

    /// Sets a password and ends all sessions and tokens of the person.
    ///
    /// # Errors
    /// [`Error::NotFound`], [`Error::Invalid`].
    pub async fn set_password(
        &self,
        tenant: TenantId,
        by: &By,
        user_id: UserId,
        password: &str,
    ) -> Result<()> {
        let person = self.user(tenant, user_id).await?;
        check_password(&person.login, password)?;
        let hash = self.hashed(password).await?;
        let mut write = self.write("set a password").await?;
        sql::query(
            "UPDATE users SET password_hash = $3, password_changed_at = $4
             WHERE tenant_id = $1 AND id = $2",
        )
        .bind(tenant.0 as i64)
        .bind(user_id.0 as i64)
        .bind(hash)
        .bind(by.at.0)
        .execute(write.db())
        .await
        .during("set a password")?;
        crate::token::revoke_all(&mut write, tenant, user_id, by.at).await?;
        write.audit(tenant, by, "user.password", user_id).await?;
        write.commit().await
    }

    /// Checks a login and password. `tenant` is the organisation's name; the first one of the box
    /// when it is left out. `None` for every reason there is: unknown, wrong, disabled.
    ///
    /// # Errors
    /// When the store does not answer, or too many sign in at once.
    pub async fn sign_in(
        &self,
        tenant: Option<&str>,
        login: &str,
        password: &str,
    ) -> Result<Option<Identity>> {
        let row = sql::query(
            "SELECT u.id, u.tenant_id, u.login, u.name, u.role, u.password_hash, u.disabled_at,
                    u.mask_numbers, a.id AS agent_id
             FROM users u JOIN tenants t ON t.id = u.tenant_id LEFT JOIN agents a ON a.id = u.id
             WHERE u.login = $2 AND CASE WHEN $1 IS NULL
                 THEN t.id = (SELECT MIN(id) FROM tenants) ELSE t.name = $1 END",
        )
        .bind(tenant)
        .bind(login)
        .fetch_optional(self.reader())
        .await
        .during("check a password")?;
        let stored: Option<String> = row.as_ref().map(|row| row.get("password_hash"));
        let password: String =
            if password.len() > PASSWORD_BYTES_MAX { String::new() } else { password.to_owned() };
        let right = self
            .on_hash_thread(move || {
                let hash = stored.as_ref().unwrap_or(&NOBODY);
                is_right(&password, hash)
            })
            .await?;
        let Some(row) = row.filter(|_| right) else { return Ok(None) };
        if time_opt(&row, "disabled_at").is_some() {
            return Ok(None);
        }
        identity(&row).map(Some)
    }
}

/// From a row with `id`, `tenant_id`, `login`, `name`, `role`, `mask_numbers` and `agent_id`.
pub(crate) fn identity(row: &DbRow) -> Result<Identity> {
    Ok(Identity {
        tenant: TenantId(id(row, "tenant_id")),
        user: UserId(id(row, "id")),
        login: row.get("login"),
        name: row.get("name"),
        role: Role::stored("read a user", row.get("role"))?,
        agent: crate::store::id_opt(row, "agent_id").map(AgentId),
        mask_numbers: row.get("mask_numbers"),
    })
}

/// How many administrators of a tenant may sign in.
pub(crate) async fn administrators(write: &mut Write, tenant: TenantId) -> Result<i64> {
    let doing = write.doing;
    sql::query_scalar(
        "SELECT COUNT(*) FROM users
         WHERE tenant_id = $1 AND role = 'administrator' AND disabled_at IS NULL",
    )
    .bind(tenant.0 as i64)
    .fetch_one(write.db())
    .await
    .during(doing)
}

pub(crate) async fn insert(
    write: &mut Write,
    tenant: TenantId,
    by: &By,
    new: &NewUser,
    hash: &str,
) -> Result<User> {
    let made = User {
        id: UserId(write.next_id("user").await? as u64),
        login: text::token("login", &new.login, LOGIN_CHARS_MAX)?,
        name: text::name("name", &new.name)?,
        role: new.role,
        disabled_at: None,
        created_at: by.at,
    };
    write.room_for(tenant, "SELECT COUNT(*) FROM users WHERE tenant_id = $1", USERS_MAX).await?;
    let doing = write.doing;
    sql::query(
        "INSERT INTO users (id, tenant_id, login, name, role, password_hash, password_changed_at, created_at)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $7)",
    )
    .bind(made.id.0 as i64)
    .bind(tenant.0 as i64)
    .bind(&made.login)
    .bind(&made.name)
    .bind(made.role.as_str())
    .bind(hash)
    .bind(by.at.0)
    .execute(write.db())
    .await
    .during(doing)?;
    write.audit(tenant, by, "user.create", &made.login).await?;
    Ok(made)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_policy_says_what_would_be_right() {
        let says = |password| check_password("wang", password).unwrap_err().to_string();
        assert!(says("short").contains("at least 10"));
        assert!(says("Password123").contains("known passwords"));
        assert!(says("my-WANG-secret").contains("login"));
        assert!(says("aaaaaaaaaaaaaa").contains("again and again"));
        assert!(says(&"x1".repeat(200)).contains("256 bytes"));
        assert!(check_password("wang", "八个汉字就够了abc").is_ok());
    }

    #[test]
    fn the_hash_is_argon2id_and_salted() {
        let (one, two) = (hash("correct horse").unwrap(), hash("correct horse").unwrap());
        assert!(one.starts_with("$argon2id$v=19$"), "{one}");
        assert_ne!(one, two);
        assert!(is_right("correct horse", &one) && !is_right("correct house", &one));
    }
}
