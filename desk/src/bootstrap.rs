//! The first start: an empty store gets one tenant that works. Every password is random, given
//! back once to be printed, and never stored in clear; there is no default one to forget.

use crate::agent::NewAgent;
use crate::audit::By;
use crate::flow::FlowDraft;
use crate::hours::HoursDraft;
use crate::number::NumberDraft;
use crate::order::rule::Rule;
use crate::queue::{QueueDraft, Settings};
use crate::secret::{Secret, generated_password};
use crate::tenant::Profile;
use crate::trunk::{self, TrunkDraft};
use crate::user::NewUser;
use crate::{Result, Role, Store};
use serde_json::Value;
use terms::routing::{Target, Window};
use terms::{AgentId, FlowId, QueueId, TenantId};

/// The queue 客服 of a first start: flow documents may name it.
pub const FIRST_QUEUE: QueueId = QueueId(1);
/// The flow of a first start.
pub const FIRST_FLOW: FlowId = FlowId(1);

/// What an empty store begins with.
#[derive(Clone, Debug)]
pub struct Defaults {
    /// The organisation.
    pub tenant: String,
    /// The hotline.
    pub hotline: String,
    /// IANA zone.
    pub time_zone: String,
    /// Country code without `+`.
    pub country: String,
    /// Realm of digest authentication.
    pub realm: String,
    /// `zh-CN` or `en`.
    pub language: String,
    /// Addresses of the trunk that brings calls for the hotline; empty makes no trunk.
    pub trunk_sources: Vec<String>,
    /// Name of the flow that answers.
    pub flow_name: String,
    /// The flow that answers, checked; it may name [`FIRST_QUEUE`].
    pub flow: Value,
}

impl Defaults {
    /// The house's defaults around a flow.
    pub fn with_flow(flow: Value) -> Self {
        Defaults {
            tenant: "Switchgrid".to_owned(),
            hotline: "95105688".to_owned(),
            time_zone: "Asia/Shanghai".to_owned(),
            country: "86".to_owned(),
            realm: "switchgrid".to_owned(),
            language: "zh-CN".to_owned(),
            trunk_sources: vec!["127.0.0.1/32".to_owned(), "::1/128".to_owned()],
            flow_name: "热线".to_owned(),
            flow,
        }
    }
}

/// What to print once.
#[derive(Clone, Debug)]
pub struct First {
    /// The tenant.
    pub tenant: TenantId,
    /// Login and password of the administrator.
    pub administrator: (String, Secret),
    /// Id, number (also SIP user and login) and password of each agent.
    pub agents: Vec<(AgentId, String, Secret)>,
}

impl Store {
    /// Fills an empty store, all or nothing. `None` when there is a tenant already.
    ///
    /// # Errors
    /// When the defaults are not valid or the store does not answer.
    pub async fn bootstrap(
        &self,
        defaults: &Defaults,
        at: terms::Timestamp,
    ) -> Result<Option<First>> {
        if !self.tenants().await?.is_empty() {
            return Ok(None);
        }
        let by = &By::system("first start", at);
        let passwords = [generated_password(), generated_password(), generated_password()];
        let mut hashes = Vec::new();
        for password in &passwords {
            hashes.push(self.hashed(password.expose()).await?);
        }
        let mut write = self.write("fill the empty store").await?;
        if crate::tenant::count(&mut write).await? > 0 {
            return Ok(None);
        }
        let tenant = crate::tenant::insert(&mut write, by, &profile(defaults)).await?.id;
        let draft = QueueDraft { name: "客服".to_owned(), settings: Settings::default() };
        let queue = crate::queue::insert(&mut write, tenant, by, &draft).await?.id;
        let draft = FlowDraft { name: defaults.flow_name.clone(), document: defaults.flow.clone() };
        let flow = crate::flow::insert(&mut write, tenant, by, &draft).await?;
        crate::flow::publish_first(&mut write, tenant, by, flow).await?;
        let draft = NumberDraft { digits: defaults.hotline.clone(), target: Target::Flow(flow) };
        crate::number::insert(&mut write, tenant, by, &draft, &defaults.country).await?;
        if !defaults.trunk_sources.is_empty() {
            self.insert_trunk(&mut write, tenant, by, &trunk(defaults), &defaults.realm).await?;
        }
        let [first, second, administrator] = passwords;
        let mut agents = Vec::new();
        for ((number, password), hash) in
            [("1001", first), ("1002", second)].into_iter().zip(&hashes)
        {
            let new = NewAgent {
                number: number.to_owned(),
                name: format!("座席{number}"),
                queues: vec![queue],
            };
            let made = crate::agent::insert(
                &mut write,
                tenant,
                by,
                &new,
                &defaults.realm,
                &password,
                hash,
            )
            .await?;
            agents.push((made.id, made.number, password));
        }
        let person = NewUser {
            login: "admin".to_owned(),
            name: "管理员".to_owned(),
            role: Role::Administrator,
            password: String::new(),
        };
        crate::user::insert(&mut write, tenant, by, &person, &hashes[2]).await?;
        for rule in rules() {
            crate::order::rule::put(&mut write, tenant, by, &rule).await?;
        }
        crate::hours::put(&mut write, tenant, by, &around_the_clock()).await?;
        write.raise_plan(tenant).await?;
        write.commit().await?;
        Ok(Some(First { tenant, administrator: (person.login, administrator), agents }))
    }
}

fn profile(defaults: &Defaults) -> Profile {
    Profile {
        name: defaults.tenant.clone(),
        time_zone: defaults.time_zone.clone(),
        country: defaults.country.clone(),
        realm: defaults.realm.clone(),
        language: defaults.language.clone(),
    }
}

fn trunk(defaults: &Defaults) -> TrunkDraft {
    TrunkDraft {
        name: "local".to_owned(),
        settings: trunk::Settings {
            sources: defaults.trunk_sources.clone(),
            caller_number: defaults.hotline.clone(),
            // It is this machine itself, or gateways that whoever set it up has named.
            trusted: true,
            ..trunk::Settings::default()
        },
        outbound_password: None,
        inbound_password: None,
        certificate_key: None,
    }
}

/// Order types that any hotline has; people change them.
fn rules() -> Vec<Rule> {
    [
        ("投诉", "客服部", 24 * 60, 4 * 60),
        ("报修", "维修部", 48 * 60, 8 * 60),
        ("咨询", "客服部", 72 * 60, 8 * 60),
        ("派送", "配送部", 24 * 60, 4 * 60),
    ]
    .into_iter()
    .map(|(kind, department, due_minutes, warn_minutes)| Rule {
        kind: kind.to_owned(),
        department: department.to_owned(),
        assignee: None,
        due_minutes,
        warn_minutes,
        hours: None,
        visit_minutes: None,
    })
    .collect()
}

fn around_the_clock() -> HoursDraft {
    HoursDraft {
        name: "always".to_owned(),
        windows: (1..=7)
            .map(|weekday| Window { weekday, from_minute: 0, to_minute: 1440 })
            .collect(),
        closed: Vec::new(),
        open: Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::Error;
    use terms::Timestamp;

    async fn first(folder: &std::path::Path) -> (Store, First) {
        let store = Store::open(&folder.join("desk.db").to_string_lossy()).await.unwrap();
        let defaults = Defaults::with_flow(serde_json::json!({}));
        let made = store.bootstrap(&defaults, Timestamp::from_secs(1_795_406_400)).await.unwrap();
        (store, made.unwrap())
    }

    #[tokio::test]
    async fn every_box_makes_its_own_passwords_and_takes_none_that_everybody_knows() {
        let folders = [tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap()];
        let mut seen = std::collections::BTreeSet::new();
        for folder in &folders {
            let (store, made) = first(folder.path()).await;
            let agents = made.agents.iter().map(|(_, _, password)| password.expose().to_owned());
            let all: Vec<String> =
                agents.chain([made.administrator.1.expose().to_owned()]).collect();
            for password in all {
                assert!(password.len() >= 16 && !crate::user::is_sample_secret(&password));
                assert!(seen.insert(password), "two passwords are the same");
            }
            let by = By::system("test", Timestamp::from_secs(1_795_406_401));
            for sample in ["changeme123", "Password123", "switchgrid123"] {
                let new = NewUser {
                    login: "wang".into(),
                    name: "王芳".into(),
                    role: Role::Agent,
                    password: sample.into(),
                };
                let refused = store.create_user(made.tenant, &by, &new).await.unwrap_err();
                assert!(matches!(refused, Error::Invalid { field: "password", .. }), "{refused}");
                let draft = TrunkDraft {
                    settings: trunk::Settings {
                        inbound_user: "carrier".into(),
                        ..trunk(&Defaults::with_flow(Value::Null)).settings
                    },
                    inbound_password: Some(sample.into()),
                    ..trunk(&Defaults::with_flow(Value::Null))
                };
                let refused = store.create_trunk(made.tenant, &by, &draft).await.unwrap_err();
                let field = "inbound_password";
                assert!(
                    matches!(refused, Error::Invalid { field: f, .. } if f == field),
                    "{refused}"
                );
            }
        }
        assert_eq!(seen.len(), 6);
    }
}
