//! Business databases that flows may ask, and bots that they may let speak. Passwords go in and never
//! come out: they are sealed in the store and opened for the plan of the call path only.

use crate::audit::By;
use crate::error::During;
use crate::sql;
use crate::store::{DbRow, document};
use crate::{Error, Result, Store, text};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::fmt;
use terms::TenantId;
use terms::routing::{self, CONNECTOR_MS_MAX, CONNECTOR_ROWS_MAX, Database};
use utoipa::ToSchema;

/// Connectors of one tenant.
pub const CONNECTORS_MAX: i64 = 50;
/// Longest name, and longest password.
const NAME_CHARS_MAX: usize = 40;
const PASSWORD_CHARS_MAX: usize = 200;

/// A connector, without its password.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[schema(as = Connector)]
pub struct Connector {
    /// Named in `sql` and `bot` steps of flows.
    pub name: String,
    /// What it is.
    #[serde(flatten)]
    pub settings: ConnectorSettings,
    /// It has a password.
    pub has_password: bool,
}

/// What a connector is, its password aside.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ConnectorSettings {
    /// `postgres://host:5432/database?sslmode=require` (or `verify-full`, or `disable`),
    /// `sqlite:folder/file.db` below the tenant's folder in `ivr.sqlite_folder`, or the WebSocket of
    /// a bot: `wss://host/path`, in a network of its own also `ws:`.
    pub address: String,
    /// Who we are there; empty for a file and a bot.
    #[serde(default)]
    pub user: String,
    /// Flows may change something there; else they read.
    #[serde(default)]
    pub writes: bool,
    /// Longest that a flow waits for it, 100-30000 ms; for a bot, until it is connected.
    #[serde(default = "timeout_ms")]
    pub timeout_ms: u32,
    /// Most rows of one answer that are read, 1-1000.
    #[serde(default = "rows_max")]
    pub rows_max: u32,
}

fn timeout_ms() -> u32 {
    3_000
}

fn rows_max() -> u32 {
    100
}

/// A connector to be.
#[derive(Clone, PartialEq, Eq, Deserialize, ToSchema)]
pub struct ConnectorDraft {
    /// What it is.
    #[serde(flatten)]
    pub settings: ConnectorSettings,
    /// The password there; for a bot, the bearer token that it is shown. Left out, it stays as it is, as
    /// long as address and user do.
    #[serde(default)]
    pub password: Option<String>,
}

/// The password stays out of logs.
impl fmt::Debug for ConnectorDraft {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        write!(f, "ConnectorDraft({:?}, …)", self.settings)
    }
}

impl ConnectorSettings {
    fn check(&self) -> Result<ConnectorSettings> {
        let database =
            Database::parse(&self.address).map_err(|problem| Error::invalid("address", problem))?;
        let user = text::line("user", &self.user)?;
        match database {
            Database::Postgres { .. } if user.is_empty() => {
                return Err(Error::invalid("user", "a server needs a user"));
            }
            Database::Sqlite { .. } if !user.is_empty() => {
                return Err(Error::invalid("user", "a file has no user"));
            }
            Database::Bot { .. } if !user.is_empty() => {
                return Err(Error::invalid("user", "a bot has no user, only a password"));
            }
            Database::Bot { .. } if self.writes => {
                return Err(Error::invalid("writes", "nothing is written to a bot"));
            }
            Database::Postgres { .. } | Database::Sqlite { .. } | Database::Bot { .. } => {}
        }
        for (field, value, range) in [
            ("timeout_ms", self.timeout_ms, 100..=CONNECTOR_MS_MAX),
            ("rows_max", self.rows_max, 1..=CONNECTOR_ROWS_MAX),
        ] {
            if !range.contains(&value) {
                let problem = format!("{value} is outside {}-{}", range.start(), range.end());
                return Err(Error::invalid(field, problem));
            }
        }
        Ok(ConnectorSettings { address: database.to_string(), user, ..self.clone() })
    }
}

/// What a sealed password belongs to.
fn owner(tenant: TenantId, name: &str) -> String {
    format!("connector {tenant} {name}")
}

fn connector(row: &DbRow) -> Result<Connector> {
    Ok(Connector {
        name: row.get("name"),
        settings: document(row, "document", "list connectors", "connector")?,
        has_password: row.get::<Option<String>>("secret").is_some(),
    })
}

/// How a published flow uses a connector: its name, and whether it writes there.
fn uses(flow: &routing::Flow, connector: &str) -> Option<bool> {
    let steps = flow.document["steps"].as_object()?;
    let asks = |step: &&Value| step["kind"] == "sql" || step["kind"] == "bot";
    let own = steps.values().filter(asks).filter(|step| step["connector"] == connector);
    own.map(|step| step["write"] == Value::Bool(true)).reduce(|one, other| one || other)
}

impl Store {
    /// The connectors of a tenant.
    ///
    /// # Errors
    /// When the store does not answer.
    pub async fn connectors(&self, tenant: TenantId) -> Result<Vec<Connector>> {
        self.connector_rows(tenant).await?.iter().map(connector).collect()
    }

    async fn connector_rows(&self, tenant: TenantId) -> Result<Vec<DbRow>> {
        sql::query(
            "SELECT name, document, secret FROM connectors WHERE tenant_id = $1
             ORDER BY name LIMIT 100",
        )
        .bind(tenant.0 as i64)
        .fetch_all(self.reader())
        .await
        .during("list connectors")
    }

    /// With passwords, for the plan.
    pub(crate) async fn connectors_for_plan(
        &self,
        tenant: TenantId,
    ) -> Result<Vec<routing::Connector>> {
        let mut connectors = Vec::new();
        for row in self.connector_rows(tenant).await? {
            let Connector { name, settings, .. } = connector(&row)?;
            let sealed: Option<String> = row.get("secret");
            let password = match sealed {
                Some(sealed) => {
                    let secret = self.keeper.open_sealed(&owner(tenant, &name), &sealed)?;
                    secret.expose().to_owned()
                }
                None => String::new(),
            };
            let database = Database::parse(&settings.address).map_err(|problem| Error::Stored {
                doing: "read the connectors",
                what: "address",
                problem,
            })?;
            connectors.push(routing::Connector {
                name,
                database,
                user: settings.user,
                password,
                writes: settings.writes,
                timeout_ms: settings.timeout_ms,
                rows_max: settings.rows_max,
            });
        }
        Ok(connectors)
    }

    /// Makes or changes a connector.
    ///
    /// # Errors
    /// [`Error::Invalid`]; [`Error::Refused`] when there are too many, or a published flow writes what
    /// may no longer be written.
    pub async fn put_connector(
        &self,
        tenant: TenantId,
        by: &By,
        name: &str,
        draft: &ConnectorDraft,
    ) -> Result<Connector> {
        let name = text::token("name", name, NAME_CHARS_MAX)?;
        let settings = draft.settings.check()?;
        let password = draft.password.as_deref().map(secret).transpose()?;
        if !settings.writes {
            self.spare(tenant, &name, "writes there", |writes| writes).await?;
        }
        if self.changes_kind(tenant, &name, &settings).await? {
            self.spare(tenant, &name, "needs it to stay a database or a bot", |_| true).await?;
        }
        let doing = "make a connector";
        let mut write = self.write(doing).await?;
        let before = sql::query(
            "SELECT name, document, secret FROM connectors WHERE tenant_id = $1 AND name = $2",
        )
        .bind(tenant.0 as i64)
        .bind(&name)
        .fetch_optional(write.db())
        .await
        .during(doing)?;
        let sealed = match (password, &before) {
            (Some(""), _) | (None, None) => None,
            (Some(password), _) => Some(self.keeper.seal(&owner(tenant, &name), password)),
            (None, Some(row)) => {
                let old = connector(row)?;
                let same = (&old.settings.address, &old.settings.user)
                    == (&settings.address, &settings.user);
                // A password that nobody sees must not be sent to somewhere else.
                if old.has_password && !same {
                    let problem = "with another address or user the password is needed again";
                    return Err(Error::invalid("password", problem));
                }
                row.get("secret")
            }
        };
        if before.is_none() {
            let count = "SELECT COUNT(*) FROM connectors WHERE tenant_id = $1";
            write.room_for(tenant, count, CONNECTORS_MAX).await?;
        }
        let has_password = sealed.is_some();
        sql::query(
            "INSERT INTO connectors (tenant_id, name, document, secret) VALUES ($1, $2, $3, $4)
             ON CONFLICT (tenant_id, name)
             DO UPDATE SET document = excluded.document, secret = excluded.secret",
        )
        .bind(tenant.0 as i64)
        .bind(&name)
        .bind(serde_json::to_string(&settings).expect("settings are always valid JSON"))
        .bind(sealed)
        .execute(write.db())
        .await
        .during(doing)?;
        write.audit(tenant, by, "connector.put", format!("{name} {}", settings.address)).await?;
        write.raise_plan(tenant).await?;
        write.commit().await?;
        Ok(Connector { name, settings, has_password })
    }

    /// A database becomes a bot, or a bot a database.
    async fn changes_kind(
        &self,
        tenant: TenantId,
        name: &str,
        settings: &ConnectorSettings,
    ) -> Result<bool> {
        let is_bot = |address: &str| Database::parse(address).is_ok_and(|of| of.is_bot());
        let before = self.connectors(tenant).await?;
        let before = before.iter().find(|connector| connector.name == name);
        Ok(before.is_some_and(|connector| {
            is_bot(&connector.settings.address) != is_bot(&settings.address)
        }))
    }

    /// Takes a connector away.
    ///
    /// # Errors
    /// [`Error::NotFound`]; [`Error::Refused`] while a published flow names it.
    pub async fn remove_connector(&self, tenant: TenantId, by: &By, name: &str) -> Result<()> {
        self.spare(tenant, name, "asks it", |_| true).await?;
        let doing = "remove a connector";
        let mut write = self.write(doing).await?;
        let done = sql::query("DELETE FROM connectors WHERE tenant_id = $1 AND name = $2")
            .bind(tenant.0 as i64)
            .bind(name)
            .execute(write.db())
            .await
            .during(doing)?;
        if done.rows_affected() == 0 {
            return Err(Error::not_found("connector", crate::audit::clean(name)));
        }
        write.audit(tenant, by, "connector.remove", name).await?;
        write.raise_plan(tenant).await?;
        write.commit().await
    }

    /// Refuses what would take from a published flow what it needs: its plan would not be taken.
    async fn spare(
        &self,
        tenant: TenantId,
        name: &str,
        why: &str,
        needs: impl Fn(bool) -> bool,
    ) -> Result<()> {
        let flows = self.published_flows(tenant).await?;
        match flows.iter().find(|flow| uses(flow, name).is_some_and(&needs)) {
            Some(flow) => Err(Error::Refused(format!("the flow \"{}\" {why}", flow.name))),
            None => Ok(()),
        }
    }
}

fn secret(password: &str) -> Result<&str> {
    if password.chars().count() > PASSWORD_CHARS_MAX || password.chars().any(char::is_control) {
        let problem = format!("at most {PASSWORD_CHARS_MAX} characters of one line");
        return Err(Error::invalid("password", problem));
    }
    Ok(password)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;
    use terms::FlowId;

    fn settings(address: &str, user: &str) -> ConnectorSettings {
        ConnectorSettings {
            address: address.into(),
            user: user.into(),
            writes: false,
            timeout_ms: 3_000,
            rows_max: 100,
        }
    }

    #[test]
    fn what_no_database_can_be_is_refused_by_its_field() {
        let field = |settings: ConnectorSettings| match settings.check() {
            Ok(_) => None,
            Err(Error::Invalid { field, .. }) => Some(field),
            Err(other) => panic!("{other}"),
        };
        let server = || settings("postgres://db.example/gas", "ivr");
        assert_eq!(field(server()), None);
        assert_eq!(field(settings("sqlite:gas.db", "")), None);
        assert_eq!(field(settings("sqlite:../desk.db", "")), Some("address"));
        assert_eq!(field(settings("postgres://u:p@db.example/gas", "ivr")), Some("address"));
        assert_eq!(field(settings("postgres://db.example/gas", " ")), Some("user"));
        assert_eq!(field(settings("sqlite:gas.db", "ivr")), Some("user"));
        let bot = || settings("wss://bot.example/voice", "");
        assert_eq!(field(bot()), None);
        assert_eq!(field(settings("wss://bot.example/voice", "ivr")), Some("user"));
        assert_eq!(field(ConnectorSettings { writes: true, ..bot() }), Some("writes"));
        assert_eq!(field(ConnectorSettings { timeout_ms: 99, ..server() }), Some("timeout_ms"));
        assert_eq!(field(ConnectorSettings { rows_max: 0, ..server() }), Some("rows_max"));
        let draft = ConnectorDraft { settings: server(), password: Some("hunter2".into()) };
        assert!(!format!("{draft:?}").contains("hunter2"));
        assert!(secret(&"x".repeat(201)).is_err() && secret("a\nb").is_err());
    }

    #[test]
    fn a_flow_is_known_by_what_it_does_at_a_database() {
        let flow = |write: bool| routing::Flow {
            id: FlowId(1),
            name: "gas".into(),
            version: 1,
            document: json!({"steps": {
                "a": {"kind": "sql", "connector": "gas"},
                "b": {"kind": "sql", "connector": "gas", "write": write},
                "c": {"kind": "http", "connector": "other"},
                "d": {"kind": "bot", "connector": "assistant"}}}),
        };
        assert_eq!(uses(&flow(false), "gas"), Some(false));
        assert_eq!(uses(&flow(true), "gas"), Some(true));
        assert_eq!(uses(&flow(true), "other"), None);
        assert_eq!(uses(&flow(true), "assistant"), Some(false));
    }
}
