//! What people at their desks do over HTTP: agents sign in and end their wrap-up, somebody writes
//! orders, the manager seals the warehouse and fetches reports and recordings.

use super::plan::{ORDERS, ORDERS_OVERDUE};
use crate::api::{self, Api, Row};
use crate::server::Server;
use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};
use terms::Timestamp;

/// The switch may hear of a hang-up a moment after the agent.
const WRAP_UP_TRIES: usize = 20;
const WRAP_UP_EVERY: Duration = Duration::from_millis(50);
/// Due while the demonstration runs.
const SOON: Duration = Duration::from_secs(5);
const LATER: Duration = Duration::from_secs(2 * 24 * 3600);
const DEPARTMENTS: [&str; 3] = ["投递部", "客服部", "维修部"];
const REPORTS: [&str; 3] = ["satisfaction", "workload", "overdue_orders"];

struct Agent {
    user: String,
    id: String,
    api: Api,
}

/// Everybody, signed in.
pub struct Office {
    admin: Api,
    agents: Vec<Agent>,
}

/// The wall clock, as the warehouse writes it.
pub fn timestamp(at: SystemTime) -> Timestamp {
    let since = at.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    Timestamp(since.as_micros() as i64)
}

impl Office {
    /// Signs everybody in over HTTP.
    ///
    /// # Errors
    /// When the switch refuses one.
    pub async fn open(server: &Server) -> Result<Office> {
        let http = server.http.to_string();
        let people = &server.credentials;
        let admin = Api::sign_in(&http, &people.admin.user, &people.admin.password).await?;
        let listed = api::items(admin.get("/api/v1/agents").await?)?;
        let mut agents = Vec::new();
        for person in &people.agents {
            let own = |agent: &&Value| {
                ["sip_user", "number", "login"].iter().any(|key| agent[*key] == person.user)
            };
            let agent = listed.iter().find(own);
            let id = agent.and_then(|agent| api::id(&agent["id"]));
            let id = id.with_context(|| format!("agent {} is not listed", person.user))?;
            let api = Api::sign_in(&http, &person.user, &person.password).await?;
            agents.push(Agent { user: person.user.clone(), id, api });
        }
        Ok(Office { admin, agents })
    }

    /// Both agents are there, and not ready yet.
    ///
    /// # Errors
    /// When the switch refuses.
    pub async fn sign_in_on_break(&self) -> Result<()> {
        for agent in &self.agents {
            agent.act(&json!({"action": "sign_in"})).await?;
            agent.act(&json!({"action": "break", "reason": "meeting"})).await?;
        }
        Ok(())
    }

    /// Both agents take calls.
    ///
    /// # Errors
    /// When the switch refuses.
    pub async fn ready(&self) -> Result<()> {
        for agent in &self.agents {
            agent.act(&json!({"action": "ready"})).await?;
        }
        Ok(())
    }

    /// The agent's after-call work is done.
    ///
    /// # Errors
    /// When the switch goes on refusing.
    pub async fn end_wrap_up(&self, user: &str) -> Result<()> {
        let agent = self.agents.iter().find(|agent| agent.user == user);
        let agent = agent.with_context(|| format!("{user} is no agent of ours"))?;
        let mut last = None;
        for _ in 0..WRAP_UP_TRIES {
            match agent.act(&json!({"action": "end_wrap_up"})).await {
                Ok(()) => return Ok(()),
                Err(error) => last = Some(error),
            }
            // Whoever has the next call already had no wrap-up to end.
            if matches!(agent.activity().await?.as_deref(), Some("idle" | "ringing")) {
                return Ok(());
            }
            tokio::time::sleep(WRAP_UP_EVERY).await;
        }
        last.map_or(Ok(()), Err)
    }

    /// Twelve orders; five are due in a few seconds and stay open.
    ///
    /// # Errors
    /// When one is refused.
    pub async fn create_orders(&self) -> Result<()> {
        for n in 0..ORDERS {
            let time = if n < ORDERS_OVERDUE { SOON } else { LATER };
            let due = timestamp(SystemTime::now() + time);
            let order = json!({
                "kind": "complaint",
                "department": DEPARTMENTS[n % DEPARTMENTS.len()],
                "area": format!("第{}片区", n % 4 + 1),
                "title": format!("演示工单 {}", n + 1),
                "content": "由演示程序创建。",
                "deadline_at": due.to_string(),
                "customer_number": format!("1380013{:04}", n + 1),
            });
            self.admin.post("/api/v1/orders", &order).await.context("create an order")?;
        }
        Ok(())
    }

    /// Everything that is finished becomes Parquet.
    ///
    /// # Errors
    /// When the warehouse refuses.
    pub async fn seal(&self) -> Result<()> {
        self.admin.post("/api/v1/warehouse/seal", &json!({})).await.context("seal")?;
        Ok(())
    }

    /// Asks the warehouse.
    ///
    /// # Errors
    /// When it refuses.
    pub async fn sql(&self, question: &str) -> Result<Vec<Row>> {
        self.admin.sql(question).await
    }

    /// The three reports of today, on paper and as workbooks.
    ///
    /// # Errors
    /// When one cannot be made or written.
    pub async fn fetch_reports(&self, folder: &Path) -> Result<Vec<PathBuf>> {
        std::fs::create_dir_all(folder)?;
        let mut written = Vec::new();
        for report in REPORTS {
            for (format, begins) in [("pdf", &b"%PDF-"[..]), ("xlsx", &b"PK\x03\x04"[..])] {
                let path = format!("/api/v1/reports/{report}?period=today&format={format}");
                let bytes = self.admin.file(&path).await?;
                ensure!(bytes.starts_with(begins), "{report} is no {format}");
                let file = folder.join(format!("{report}.{format}"));
                std::fs::write(&file, bytes)
                    .with_context(|| format!("write {}", file.display()))?;
                written.push(file);
            }
        }
        Ok(written)
    }

    /// One recording.
    ///
    /// # Errors
    /// When it cannot be fetched.
    pub async fn recording(&self, id: &str, format: &str) -> Result<Vec<u8>> {
        self.admin.file(&format!("/api/v1/recordings/{id}?format={format}")).await
    }
}

impl Agent {
    async fn activity(&self) -> Result<Option<String>> {
        let agent = self.api.get(&format!("/api/v1/agents/{}", self.id)).await?;
        Ok(agent["live"]["activity"].as_str().map(str::to_owned))
    }

    async fn act(&self, action: &Value) -> Result<()> {
        let path = format!("/api/v1/agents/{}/state", self.id);
        self.api.post(&path, action).await.with_context(|| format!("agent {}", self.user))?;
        Ok(())
    }
}
