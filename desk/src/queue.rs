//! Queues: where contacts wait for an agent, and who serves them.

mod callback;
mod decision;
mod doors;

pub use callback::Callback;
pub use decision::Decision;
pub use doors::Onward;

use crate::audit::By;
use crate::error::During;
use crate::skill::{self, Need};
use crate::sql;
use crate::store::{DbRow, Write, document, id};
use crate::{Error, Result, Store, text};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use terms::item::OFFER_S_USUAL;
use terms::routing::{SkillChoice, Standing, Strategy, Target};
use terms::{AgentId, QueueId, TenantId};
use utoipa::ToSchema;

/// Queues of one tenant.
pub const QUEUES_MAX: i64 = 1_000;
/// Notices of one queue.
pub const NOTICES_MAX: usize = 8;
/// Pieces of music of one queue.
pub const PLAYLIST_MAX: usize = 32;
/// Most lots of one agent.
pub const WEIGHT_MAX: u32 = 1_000;

/// A queue.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
pub struct Queue {
    /// Its id.
    #[schema(value_type = String)]
    pub id: QueueId,
    /// Its name, unique in the tenant.
    pub name: String,
    /// How it works.
    #[serde(flatten)]
    pub settings: Settings,
    /// Who serves it, in the order that `linear` and `round_robin` go by.
    #[schema(value_type = Vec<String>)]
    pub agents: Vec<AgentId>,
    /// Those of them who differ from the rest.
    pub seats: Vec<Seat>,
}

/// What is particular to one agent of a queue.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Seat {
    /// Who.
    #[schema(value_type = String)]
    pub agent: AgentId,
    /// Lots that they have with `weighted_random`, or their share with `percentage`, which is percent
    /// where all add up to 100; 0–1,000, 1 when left out; who has 0 is only drawn
    /// while nobody else is free.
    #[serde(default = "Seat::weight_usual")]
    pub weight: u32,
    /// 1–9, 1 when left out: level 1 is asked at once, each further one `widen_every_s` later.
    #[serde(default = "skill::level_usual")]
    pub level: u32,
}

impl Seat {
    const fn weight_usual() -> u32 {
        1
    }

    /// A seat like any other.
    pub(crate) const fn usual(agent: AgentId) -> Self {
        Seat { agent, weight: Seat::weight_usual(), level: skill::level_usual() }
    }

    fn check(&self) -> Result<()> {
        if self.weight > WEIGHT_MAX {
            let problem = format!("{} is outside 0-{WEIGHT_MAX}", self.weight);
            return Err(Error::invalid("weight", problem));
        }
        skill::check_level("level", self.level)
    }
}

/// A queue to be, or as it shall be from now on.
#[derive(Clone, Debug, PartialEq, Deserialize, ToSchema)]
pub struct QueueDraft {
    /// Its name, unique in the tenant.
    pub name: String,
    /// How it works.
    #[serde(flatten)]
    pub settings: Settings,
}

/// How a queue works. Kept as one document: nothing asks for a single field of it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(default)]
#[schema(as = QueueSettings)]
pub struct Settings {
    /// Which of the free agents is next: `longest_idle`, `longest_idle_queue`, `longest_idle_global`,
    /// `round_robin`, `linear`, `random`, `weighted_random`, `fewest_calls`, `least_talk`,
    /// `occupancy`, `percentage`, `expression`; `ring_all`, with which all of them ring at once, at
    /// most 20, or `progressive`, with which one more of them rings every `ring_more_every_s`.
    #[schema(value_type = String)]
    pub strategy: Strategy,
    /// Seconds from one phone that rings to the next with `progressive`, 1–60.
    pub ring_more_every_s: u32,
    /// Skills that it asks of its agents, or that they must not have, at most 8.
    pub needs: Vec<Need>,
    /// What `needs` come to: `all`, who has them is as good as anybody else who has; `best_available`,
    /// of those the ones whose levels come to more in all go first; `disregard`, they are not looked at.
    #[schema(value_type = String)]
    pub skill_choice: SkillChoice,
    /// Seconds of waiting after which agents of the next level are asked too.
    pub widen_every_s: u32,
    /// Of the queues that an agent serves, the higher goes first; the longest wait decides among
    /// equals. What a flow adds for one contact goes on top.
    pub priority: i32,
    /// Seconds of waiting that a point of what a flow added, or of `vip_priority`, is worth; with 0
    /// more points always go first.
    pub priority_step_s: u32,
    /// Added to the priority of customers who are VIPs.
    pub vip_priority: i32,
    /// Seconds within which a caller who hung up while waiting comes back to their place; 0 is never.
    pub resume_s: u32,
    /// Seconds that a contact waits for the customer's own agent, where they are signed in and ready,
    /// before others are asked; 0 is never.
    pub own_agent_s: u32,
    /// The same for the agent whom the caller talked with last.
    pub last_agent_s: u32,
    /// Most contacts waiting.
    pub waiting_max: u32,
    /// Longest wait in seconds.
    pub wait_max_s: u32,
    /// Where those go who may not wait: `{"voicemail": "1"}`, `{"queue": "2"}`, `"hangup"`; left
    /// out, to this queue's voicemail.
    #[schema(value_type = Option<Object>)]
    pub overflow: Option<Target>,
    /// Where those go on who went to `overflow`, a queue, and were not served there within `after_s`
    /// seconds; at most 8, one after the other, each but the last a queue. Who goes on keeps the age of
    /// their wait.
    pub overflow_chain: Vec<Onward>,
    /// Contacts come in while at least one agent of the queue is one of `idle`, `busy` (ringing, talking,
    /// holding), `wrap_up` and `break`; left out, always. Who is signed out, or whose phone is gone, is
    /// none of them. Who may not come in goes to `overflow`.
    #[schema(value_type = Vec<String>)]
    pub joins_while: Vec<Standing>,
    /// Those who wait stay while at least one agent of the queue is one of these; left out, always. They
    /// go to `overflow`; who is called back stays.
    #[schema(value_type = Vec<String>)]
    pub stays_while: Vec<Standing>,
    /// Opening hours of the queue by name; left out, always.
    pub hours: Option<String>,
    /// Where those go who come outside of them; left out, to `overflow`.
    #[schema(value_type = Option<Object>)]
    pub out_of_hours: Option<Target>,
    /// How long one agent rings, in seconds.
    pub ring_max_s: u32,
    /// Wrap-up in seconds.
    pub wrap_up_s: u32,
    /// Wrap-up ends only with a disposition, which the agent chooses, or with their shift.
    pub wrap_up_mandatory: bool,
    /// Waiting music: the name of a prompt under `music/`, without this folder; `music` is `wait`.
    pub music: String,
    /// Pieces that are heard one after the other instead of it, named as `music` is; at most 32.
    pub playlist: Vec<String>,
    /// Each caller hears the pieces in an order of their own.
    pub shuffled: bool,
    /// Seconds between announcements of the position; 0 is never.
    pub announce_every_s: u32,
    /// Record conversations.
    pub record: bool,
    /// Ask for satisfaction when the agent releases first.
    pub survey: bool,
    /// T of the service level in seconds.
    pub service_level_s: u32,
    /// What callers hear between the music, one after the other: prompts of the box or the tenant, by
    /// name without language; at most 8.
    pub notices: Vec<String>,
    /// Seconds from one notice to the next; 0 is never.
    pub notice_every_s: u32,
    /// Callers may ask to be called back and keep their place; left out, they may not.
    pub callback: Option<Callback>,
    /// A program that is asked about each contact that comes in, before an agent is looked for; left
    /// out, nobody is.
    pub decision: Option<Decision>,
    /// What `expression` scores free agents by, at most 500 characters, such as
    /// `skill('gas') * 10 - agent_calls`; the highest score is next. Left out, all have the same.
    pub expression: Option<String>,
    /// The phones of its agents are told to answer what it offers by themselves. A tone says so before
    /// they are heard.
    pub auto_answer: bool,
    /// Seconds that an agent has for an item that is offered to them, 10–3,600; then it goes back.
    pub item_offer_s: u32,
    /// A message that a caller leaves for the queue is an item of the channel `message`, too: it is handed
    /// to an agent. Its `external_id` is the id of its recording.
    pub messages_as_items: bool,
    /// A message that a caller leaves for the queue is an order of this type, too, by the rule of the type;
    /// left out, it is none.
    pub messages_as_orders: Option<String>,
}

impl Default for Settings {
    fn default() -> Self {
        Settings {
            strategy: Strategy::LongestIdle,
            ring_more_every_s: 5,
            needs: Vec::new(),
            skill_choice: SkillChoice::All,
            widen_every_s: 0,
            priority: 0,
            priority_step_s: 0,
            vip_priority: 0,
            resume_s: 0,
            own_agent_s: 0,
            last_agent_s: 0,
            waiting_max: 200,
            wait_max_s: 300,
            overflow: None,
            overflow_chain: Vec::new(),
            joins_while: Vec::new(),
            stays_while: Vec::new(),
            hours: None,
            out_of_hours: None,
            ring_max_s: 20,
            wrap_up_s: 30,
            wrap_up_mandatory: false,
            music: "music".to_owned(),
            playlist: Vec::new(),
            shuffled: false,
            announce_every_s: 30,
            record: true,
            survey: true,
            service_level_s: 20,
            notices: Vec::new(),
            notice_every_s: 0,
            callback: None,
            decision: None,
            expression: None,
            auto_answer: false,
            item_offer_s: OFFER_S_USUAL,
            messages_as_items: false,
            messages_as_orders: None,
        }
    }
}

impl Settings {
    fn check(&self) -> Result<()> {
        for (field, value, range) in [
            ("ring_more_every_s", self.ring_more_every_s, 1..=60),
            ("widen_every_s", self.widen_every_s, 0..=600),
            ("priority_step_s", self.priority_step_s, 0..=3_600),
            ("resume_s", self.resume_s, 0..=3_600),
            ("own_agent_s", self.own_agent_s, 0..=600),
            ("last_agent_s", self.last_agent_s, 0..=600),
            ("waiting_max", self.waiting_max, 1..=10_000),
            ("wait_max_s", self.wait_max_s, 5..=7_200),
            ("ring_max_s", self.ring_max_s, 3..=180),
            ("wrap_up_s", self.wrap_up_s, 0..=3_600),
            ("announce_every_s", self.announce_every_s, 0..=3_600),
            ("notice_every_s", self.notice_every_s, 0..=3_600),
            ("service_level_s", self.service_level_s, 1..=3_600),
            ("item_offer_s", self.item_offer_s, 10..=3_600),
        ] {
            if !range.contains(&value) {
                let (least, most) = (range.start(), range.end());
                return Err(Error::invalid(field, format!("{value} is outside {least}-{most}")));
            }
        }
        for (field, value) in [("priority", self.priority), ("vip_priority", self.vip_priority)] {
            if !(-1_000..=1_000).contains(&value) {
                return Err(Error::invalid(field, format!("{value} is outside -1000 to 1000")));
            }
        }
        self.callback.as_ref().map_or(Ok(()), Callback::check)?;
        self.decision.as_ref().map_or(Ok(()), Decision::check)?;
        if self.notices.len() > NOTICES_MAX {
            let problem = format!("at most {NOTICES_MAX} are played one after the other");
            return Err(Error::invalid("notices", problem));
        }
        for notice in &self.notices {
            text::token("notices", notice, 64)?;
        }
        if self.playlist.len() > PLAYLIST_MAX {
            let problem = format!("at most {PLAYLIST_MAX} are played one after the other");
            return Err(Error::invalid("playlist", problem));
        }
        for piece in &self.playlist {
            text::token("playlist", piece, 64)?;
        }
        doors::check_chain(self.overflow.as_ref(), &self.overflow_chain)?;
        skill::check_needs(&self.needs)?;
        text::token("music", &self.music, 64).map(drop)
    }
}

async fn check(write: &mut Write, tenant: TenantId, draft: &QueueDraft) -> Result<String> {
    draft.settings.check()?;
    if let Some(callback) = &draft.settings.callback {
        callback.check_hours(write, tenant).await?;
    }
    if let Some(target) = &draft.settings.overflow {
        crate::number::check_target(write, tenant, "overflow", target).await?;
    }
    if let Some(target) = &draft.settings.out_of_hours {
        crate::number::check_target(write, tenant, "out_of_hours", target).await?;
    }
    if let Some(name) = &draft.settings.hours {
        crate::hours::check_name(write, tenant, "hours", name).await?;
    }
    doors::check_targets(write, tenant, &draft.settings.overflow_chain).await?;
    if let Some(kind) = &draft.settings.messages_as_orders {
        crate::order::lost::check_kind(write, tenant, "messages_as_orders", kind).await?;
    }
    text::name("name", &draft.name)
}

fn settings_text(settings: &Settings) -> String {
    serde_json::to_string(settings).expect("settings are always valid JSON")
}

fn queue(row: &DbRow, members: &[(QueueId, Seat)]) -> Result<Queue> {
    let queue_id = QueueId(id(row, "id"));
    let seats: Vec<Seat> =
        members.iter().filter(|(q, _)| *q == queue_id).map(|(_, seat)| *seat).collect();
    Ok(Queue {
        id: queue_id,
        name: row.get("name"),
        settings: document(row, "settings", "read a queue", "queue")?,
        agents: seats.iter().map(|seat| seat.agent).collect(),
        seats: seats.into_iter().filter(|seat| *seat != Seat::usual(seat.agent)).collect(),
    })
}

impl Store {
    /// The queues of a tenant.
    ///
    /// # Errors
    /// When the store does not answer.
    pub async fn queues(&self, tenant: TenantId) -> Result<Vec<Queue>> {
        let rows = sql::query(
            "SELECT id, name, settings FROM queues WHERE tenant_id = $1 ORDER BY id LIMIT 1000",
        )
        .bind(tenant.0 as i64)
        .fetch_all(self.reader())
        .await
        .during("list queues")?;
        let members: Vec<(QueueId, Seat)> = sql::query(
            "SELECT queue_id, agent_id, weight, level FROM queue_agents WHERE tenant_id = $1
             ORDER BY queue_id, position, agent_id",
        )
        .bind(tenant.0 as i64)
        .fetch_all(self.reader())
        .await
        .during("list queues")?
        .iter()
        .map(|row| (QueueId(id(row, "queue_id")), seat(row)))
        .collect();
        rows.iter().map(|row| queue(row, &members)).collect()
    }

    /// One queue.
    ///
    /// # Errors
    /// [`Error::NotFound`].
    pub async fn queue(&self, tenant: TenantId, queue_id: QueueId) -> Result<Queue> {
        let all = self.queues(tenant).await?;
        all.into_iter()
            .find(|queue| queue.id == queue_id)
            .ok_or_else(|| Error::not_found("queue", queue_id))
    }

    /// Makes a queue.
    ///
    /// # Errors
    /// [`Error::Invalid`], [`Error::Taken`].
    pub async fn create_queue(
        &self,
        tenant: TenantId,
        by: &By,
        draft: &QueueDraft,
    ) -> Result<Queue> {
        let mut write = self.write("create a queue").await?;
        let made = insert(&mut write, tenant, by, draft).await?;
        write.raise_plan(tenant).await?;
        write.commit().await?;
        Ok(made)
    }

    /// Changes a queue.
    ///
    /// # Errors
    /// [`Error::NotFound`], [`Error::Invalid`], [`Error::Taken`].
    pub async fn change_queue(
        &self,
        tenant: TenantId,
        by: &By,
        queue_id: QueueId,
        draft: &QueueDraft,
    ) -> Result<Queue> {
        let mut write = self.write("change a queue").await?;
        let name = check(&mut write, tenant, draft).await?;
        let done = sql::query(
            "UPDATE queues SET name = $3, settings = $4 WHERE tenant_id = $1 AND id = $2",
        )
        .bind(tenant.0 as i64)
        .bind(queue_id.0 as i64)
        .bind(name)
        .bind(settings_text(&draft.settings))
        .execute(write.db())
        .await
        .during("change a queue")?;
        if done.rows_affected() == 0 {
            return Err(Error::not_found("queue", queue_id));
        }
        write.audit(tenant, by, "queue.change", queue_id).await?;
        write.raise_plan(tenant).await?;
        write.commit().await?;
        self.queue(tenant, queue_id).await
    }

    /// Says who serves a queue from now on, in this order. Who has no seat gets the usual one.
    ///
    /// # Errors
    /// [`Error::NotFound`] for the queue or an agent, [`Error::Invalid`] for a seat.
    pub async fn set_queue_agents(
        &self,
        tenant: TenantId,
        by: &By,
        queue_id: QueueId,
        agents: &[AgentId],
        seats: &[Seat],
    ) -> Result<Queue> {
        let seats = by_agent(agents, seats)?;
        let mut write = self.write("change who serves a queue").await?;
        exists(&mut write, tenant, queue_id).await?;
        sql::query("DELETE FROM queue_agents WHERE tenant_id = $1 AND queue_id = $2")
            .bind(tenant.0 as i64)
            .bind(queue_id.0 as i64)
            .execute(write.db())
            .await
            .during("change who serves a queue")?;
        for agent in agents {
            let seat = seats.get(agent).copied().unwrap_or(Seat::usual(*agent));
            join(&mut write, tenant, queue_id, seat).await?;
        }
        write.audit(tenant, by, "queue.agents", queue_id).await?;
        write.raise_plan(tenant).await?;
        write.commit().await?;
        self.queue(tenant, queue_id).await
    }
}

pub(crate) async fn insert(
    write: &mut Write,
    tenant: TenantId,
    by: &By,
    draft: &QueueDraft,
) -> Result<Queue> {
    let name = check(write, tenant, draft).await?;
    write.room_for(tenant, "SELECT COUNT(*) FROM queues WHERE tenant_id = $1", QUEUES_MAX).await?;
    let queue_id = QueueId(write.next_id("queue").await? as u64);
    let doing = write.doing;
    sql::query("INSERT INTO queues (id, tenant_id, name, settings) VALUES ($1, $2, $3, $4)")
        .bind(queue_id.0 as i64)
        .bind(tenant.0 as i64)
        .bind(&name)
        .bind(settings_text(&draft.settings))
        .execute(write.db())
        .await
        .during(doing)?;
    write.audit(tenant, by, "queue.create", queue_id).await?;
    let settings = draft.settings.clone();
    Ok(Queue { id: queue_id, name, settings, agents: Vec::new(), seats: Vec::new() })
}

fn seat(row: &DbRow) -> Seat {
    let number = |column: &str| u32::try_from(row.get::<i64>(column)).unwrap_or(1);
    let (weight, level) = (number("weight"), number("level"));
    Seat { agent: AgentId(id(row, "agent_id")), weight, level }
}

/// Seats of a list of agents: each may have one, and nobody else.
fn by_agent(agents: &[AgentId], seats: &[Seat]) -> Result<BTreeMap<AgentId, Seat>> {
    let known: BTreeSet<AgentId> = agents.iter().copied().collect();
    let mut found = BTreeMap::new();
    for seat in seats {
        seat.check()?;
        if !known.contains(&seat.agent) || found.insert(seat.agent, *seat).is_some() {
            let problem = "each seat belongs to another one of the agents";
            return Err(Error::invalid("seats", problem));
        }
    }
    Ok(found)
}

pub(crate) async fn exists(write: &mut Write, tenant: TenantId, queue_id: QueueId) -> Result<()> {
    let select = "SELECT 1 FROM queues WHERE tenant_id = $1 AND id = $2";
    let found = write.has(tenant, select, queue_id.0).await?;
    if found { Ok(()) } else { Err(Error::not_found("queue", queue_id)) }
}

/// Sits down at the end of the queue's list. Both must be the tenant's: a foreign agent or queue does
/// not exist.
pub(crate) async fn join(
    write: &mut Write,
    tenant: TenantId,
    queue_id: QueueId,
    seat: Seat,
) -> Result<()> {
    exists(write, tenant, queue_id).await?;
    crate::agent::exists(write, tenant, seat.agent).await?;
    let doing = write.doing;
    sql::query(
        "INSERT INTO queue_agents (tenant_id, queue_id, agent_id, weight, level, position)
         SELECT $1, $2, $3, $4, $5, COALESCE(MAX(position), 0) + 1 FROM queue_agents
         WHERE queue_id = $2
         ON CONFLICT (queue_id, agent_id) DO NOTHING",
    )
    .bind(tenant.0 as i64)
    .bind(queue_id.0 as i64)
    .bind(seat.agent.0 as i64)
    .bind(i64::from(seat.weight))
    .bind(i64::from(seat.level))
    .execute(write.db())
    .await
    .during(doing)?;
    Ok(())
}
