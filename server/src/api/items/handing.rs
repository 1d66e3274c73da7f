//! Who is handed which item, in this process: the machine of [`signaling::acd::items`] with the business
//! store behind it. A change stands in the store before the machine hears of it, and what the machine
//! wants is written down before anybody can see it; one lock a tenant keeps both in step. Where the
//! store does not answer in between, the tenant's machine is dropped and made anew from the store.
//!
//! What agents do comes from the event log, and from the switch at the beginning and now and then.

use crate::api::links::{CallsLink, Clock};
use crate::api::live::feed::Feed;
use crate::api::problem::Problem;
use desk::item::write::{ItemChange, ReplyWay};
use desk::item::{Item, ItemState, NewItem};
use desk::{By, Store};
use signaling::acd::items::{Arrival, Back, ItemDesk, Output, Refusal, Waiting};
use signaling::switch::Now;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use terms::control::{Answer, Ask};
use terms::event::{Entry, Kind};
use terms::item::Channel;
use terms::{AgentId, ItemId, Moment, QueueId, TenantId};
use tokio::sync::{Notify, OwnedMutexGuard};

/// How often is looked for what could not be done.
const LOOK_EVERY: Duration = Duration::from_secs(5);
/// How often the switch is asked what agents do, whatever the event log said.
const AGENTS_EVERY: Duration = Duration::from_secs(60);
/// Pause after the log did not answer.
const RETRY: Duration = Duration::from_secs(1);
/// How often old items are forgotten, some at a time, and how often in a row at most.
const TIDY_EVERY: Duration = Duration::from_secs(3_600);
const TIDY_ROUNDS: u32 = 100;
/// Changes of a plan within this time are read once.
const PLANS_MAX: Duration = Duration::from_millis(500);
/// What who does something to an item that they do not have is told.
pub const NOT_TAKEN: &str = "take this item first";
/// Who does what nobody asked for.
const BOX: &str = "items";

/// Items of all tenants.
pub struct Items {
    store: Store,
    calls: Arc<dyn CallsLink>,
    clock: Arc<dyn Clock>,
    /// Replies to mails go out by a mail server.
    mails: bool,
    rooms: Mutex<BTreeMap<TenantId, Arc<tokio::sync::Mutex<Room>>>>,
    /// When each tenant's machine has something to do.
    due: Mutex<BTreeMap<TenantId, Moment>>,
    /// One of these changed.
    changed: Notify,
}

/// The machine of one tenant; none before it is asked for, and after something went wrong.
#[derive(Default)]
struct Room {
    held: Option<Held>,
}

impl Room {
    /// The machine; 503 where it could not be made.
    fn desk(&self) -> Result<&ItemDesk, Problem> {
        let held = self.held.as_ref();
        held.map(|held| &held.desk).ok_or_else(|| Problem::away("items are handed out anew"))
    }
}

struct Held {
    desk: ItemDesk,
    plan_version: u64,
    /// When the switch said what agents do; never, while it did not answer.
    agents_at: Option<Moment>,
    /// The last item that was found in the store, whoever brought it there.
    found: ItemId,
}

/// Why an agent cannot have an item, for who asks.
impl From<Refusal> for Problem {
    fn from(refusal: Refusal) -> Self {
        match refusal {
            Refusal::Gone | Refusal::NotTheirs => Problem::not_found("There is no such item."),
            Refusal::Others | Refusal::Full | Refusal::Away => {
                Problem::conflict(refusal.to_string())
            }
        }
    }
}

impl Items {
    /// Nothing is read before it is asked for.
    pub fn new(
        store: Store,
        calls: Arc<dyn CallsLink>,
        clock: Arc<dyn Clock>,
        mails: bool,
    ) -> Arc<Items> {
        Arc::new(Items {
            store,
            calls,
            clock,
            mails,
            rooms: Mutex::default(),
            due: Mutex::default(),
            changed: Notify::new(),
        })
    }

    /// Takes an item in, or finds the one that came before under the same name.
    ///
    /// # Errors
    /// The store's.
    pub async fn create(
        self: &Arc<Self>,
        tenant: TenantId,
        by: By,
        new: NewItem,
    ) -> Result<(Item, bool), Problem> {
        let items = self.clone();
        whole(async move { items.create_now(tenant, &by, &new).await }).await
    }

    async fn create_now(
        &self,
        tenant: TenantId,
        by: &By,
        new: &NewItem,
    ) -> Result<(Item, bool), Problem> {
        let mut room = self.open(tenant).await?;
        let made = self.store.create_item(tenant, by, new).await;
        let (item, is_new) = self.kept(&mut room, made)?;
        if is_new {
            self.drive(tenant, &mut room, |desk, now| desk.arrive(now, arrival(&item))).await;
        }
        Ok((item, is_new))
    }

    /// An agent takes an item.
    ///
    /// # Errors
    /// Where they may not have it, and the store's.
    pub async fn take(
        self: &Arc<Self>,
        tenant: TenantId,
        by: By,
        id: ItemId,
        agent: AgentId,
    ) -> Result<Item, Problem> {
        let items = self.clone();
        whole(async move { items.take_now(tenant, &by, id, agent).await }).await
    }

    async fn take_now(
        &self,
        tenant: TenantId,
        by: &By,
        id: ItemId,
        agent: AgentId,
    ) -> Result<Item, Problem> {
        let mut room = self.open(tenant).await?;
        room.desk()?.may_take(id, agent)?;
        let item = self.store.item(tenant, id).await?;
        if item.state == ItemState::Taken && item.agent == Some(agent) {
            return Ok(item);
        }
        let taken = self.store.change_item(tenant, by, id, &ItemChange::Take { agent }).await;
        let item = self.kept(&mut room, taken)?;
        self.drive(tenant, &mut room, |desk, now| {
            // They may: nothing has happened since.
            let _ = desk.take(now, id, agent);
        })
        .await;
        Ok(item)
    }

    /// Does something else to an item that a person wants; `holder` is who must have it then, where
    /// that is what allows it.
    ///
    /// # Errors
    /// Where they do not have it, and the store's.
    pub async fn change(
        self: &Arc<Self>,
        tenant: TenantId,
        by: By,
        (id, holder): (ItemId, Option<AgentId>),
        change: ItemChange,
    ) -> Result<Item, Problem> {
        let items = self.clone();
        whole(async move { items.change_now(tenant, &by, (id, holder), &change).await }).await
    }

    async fn change_now(
        &self,
        tenant: TenantId,
        by: &By,
        (id, holder): (ItemId, Option<AgentId>),
        change: &ItemChange,
    ) -> Result<Item, Problem> {
        let mut room = self.open(tenant).await?;
        self.must_have(tenant, id, holder).await?;
        let changed = self.store.change_item(tenant, by, id, change).await;
        let item = self.kept(&mut room, changed)?;
        self.drive(tenant, &mut room, |desk, now| match change {
            ItemChange::Decline { agent } => desk.decline(now, id, *agent),
            ItemChange::Release { .. } => desk.release(now, id),
            ItemChange::Transfer { queue, .. } => desk.transfer(now, id, *queue),
            ItemChange::Done { .. } | ItemChange::Close { .. } => desk.end(now, id),
            ItemChange::Note { .. } | ItemChange::Reply { .. } => {}
            // These are the machine's own.
            ItemChange::Offer { .. } | ItemChange::Return { .. } | ItemChange::Take { .. } => {}
        })
        .await;
        Ok(item)
    }

    /// A person gives an item to an agent, who is offered it at once; `holder` as above.
    ///
    /// # Errors
    /// Where the agent may not have it, and the store's.
    pub async fn give(
        self: &Arc<Self>,
        tenant: TenantId,
        by: By,
        (id, holder): (ItemId, Option<AgentId>),
        (agent, note): (AgentId, String),
    ) -> Result<Item, Problem> {
        let items = self.clone();
        let give = async move { items.give_now(tenant, &by, (id, holder), (agent, &note)).await };
        whole(give).await
    }

    async fn give_now(
        &self,
        tenant: TenantId,
        by: &By,
        (id, holder): (ItemId, Option<AgentId>),
        (agent, note): (AgentId, &str),
    ) -> Result<Item, Problem> {
        let mut room = self.open(tenant).await?;
        self.must_have(tenant, id, holder).await?;
        room.desk()?.may_give(id, agent)?;
        let queue = self.store.item(tenant, id).await?.queue;
        let transfer = ItemChange::Transfer { queue, note: note.to_owned() };
        let changed = self.store.change_item(tenant, by, id, &transfer).await;
        self.kept(&mut room, changed)?;
        self.drive(tenant, &mut room, |desk, now| {
            // They may: nothing has happened since.
            let _ = desk.give(now, id, agent);
        })
        .await;
        Ok(self.store.item(tenant, id).await?)
    }

    /// Refuses where `holder` does not have the item any more: somebody took it from them since.
    async fn must_have(
        &self,
        tenant: TenantId,
        id: ItemId,
        holder: Option<AgentId>,
    ) -> Result<(), Problem> {
        let Some(agent) = holder else { return Ok(()) };
        let item = self.store.item(tenant, id).await?;
        let has_it = item.state == ItemState::Taken && item.agent == Some(agent);
        if has_it { Ok(()) } else { Err(Problem::conflict(NOT_TAKEN)) }
    }

    /// Writes down a reply that goes out as a text next; says which step it is.
    ///
    /// # Errors
    /// The store's.
    pub async fn reply_by_text(
        self: &Arc<Self>,
        tenant: TenantId,
        by: By,
        (id, holder): (ItemId, Option<AgentId>),
        text: String,
    ) -> Result<i64, Problem> {
        let items = self.clone();
        whole(async move {
            let mut room = items.open(tenant).await?;
            items.must_have(tenant, id, holder).await?;
            let reply = ItemChange::Reply { text, way: ReplyWay::Text };
            let changed = items.store.change_item_by_step(tenant, &by, id, &reply).await;
            Ok(items.kept(&mut room, changed)?.1)
        })
        .await
    }

    /// How the reply to an item goes out.
    pub fn reply_way(&self, item: &Item) -> ReplyWay {
        match item.channel {
            Channel::Email if self.mails && item.address.contains('@') => ReplyWay::Mail,
            Channel::Sms if item.trunk.is_some() && is_number(&item.address) => ReplyWay::Text,
            _ => ReplyWay::Told,
        }
    }

    /// What waits in these queues, of each channel, where something does.
    ///
    /// # Errors
    /// The store's.
    pub async fn waiting(
        self: &Arc<Self>,
        tenant: TenantId,
        queues: Vec<QueueId>,
    ) -> Result<Vec<(QueueId, Channel, Waiting)>, Problem> {
        let items = self.clone();
        whole(async move {
            let room = items.open(tenant).await?;
            let desk = room.desk()?;
            let all = queues.iter().flat_map(|&queue| Channel::ALL.map(|channel| (queue, channel)));
            let all = all.map(|(queue, channel)| (queue, channel, desk.waiting(queue, channel)));
            Ok(all.filter(|(.., waiting)| waiting.items > 0).collect())
        })
        .await
    }

    /// Of each channel how many items an agent is offered or has, and how many they may have.
    ///
    /// # Errors
    /// The store's.
    pub async fn open_of(
        self: &Arc<Self>,
        tenant: TenantId,
        agent: AgentId,
    ) -> Result<Vec<(Channel, u32, u32)>, Problem> {
        let items = self.clone();
        whole(async move {
            let room = items.open(tenant).await?;
            let desk = room.desk()?;
            let of = |channel| {
                let (open, capacity) = desk.open(agent, channel);
                (channel, open, capacity)
            };
            Ok(Channel::ALL.map(of).to_vec())
        })
        .await
    }

    /// Capacities changed.
    ///
    /// # Errors
    /// The store's.
    pub async fn rules_changed(self: &Arc<Self>, tenant: TenantId) -> Result<(), Problem> {
        let items = self.clone();
        whole(async move {
            let mut room = items.open(tenant).await?;
            let rules = items.store.item_rules(tenant).await?;
            items.drive(tenant, &mut room, |desk, now| desk.set_rules(now, rules)).await;
            Ok(())
        })
        .await
    }

    /// Hands out items until the process ends.
    pub async fn run(self: Arc<Self>, events: Arc<Feed>) {
        while let Err(error) = self.store.doubt_text_replies().await {
            tracing::error!(%error, "items wait");
            tokio::time::sleep(RETRY).await;
        }
        let mut subscription = events.subscribe(None);
        let mut plans = self.store.plan_changes();
        let mut look = tokio::time::interval(LOOK_EVERY);
        let mut tidy = tokio::time::interval(TIDY_EVERY);
        loop {
            tokio::select! {
                entries = subscription.next() => match entries {
                    Ok(entries) => self.on_entries(&entries).await,
                    Err(error) => {
                        tracing::error!(%error, "items do not see what agents do");
                        tokio::time::sleep(RETRY).await;
                    }
                },
                Ok(()) = plans.changed() => {
                    tokio::time::sleep(PLANS_MAX).await;
                    plans.mark_unchanged();
                    self.use_plans().await;
                }
                () = tokio::time::sleep(self.pause()) => self.handle_timeouts().await,
                _ = look.tick() => self.look().await,
                _ = tidy.tick() => self.tidy().await,
                () = self.changed.notified() => {}
            }
        }
    }

    /// Old items are forgotten, until none is left.
    async fn tidy(&self) {
        for _ in 0..TIDY_ROUNDS {
            match self.store.tidy_items(self.clock.wall()).await {
                Ok(0) => return,
                Ok(_) => {}
                Err(error) => {
                    tracing::error!(%error, "old items are not forgotten");
                    return;
                }
            }
        }
    }

    /// What the log says of agents.
    pub async fn on_entries(&self, entries: &[Arc<Entry>]) {
        for entry in entries {
            let Kind::AgentChanged { agent, activity, skill_set, .. } = entry.kind else {
                continue;
            };
            let Some(room) = self.known(entry.tenant) else { continue };
            let mut room = room.lock_owned().await;
            self.drive(entry.tenant, &mut room, |desk, now| {
                desk.set_activity(now, agent, activity, skill_set);
            })
            .await;
        }
    }

    /// What is due is done.
    pub async fn handle_timeouts(&self) {
        let now = self.clock.moment();
        let due: Vec<TenantId> = {
            let due = self.due.lock().unwrap_or_else(PoisonError::into_inner);
            due.iter().filter(|(_, at)| **at <= now).map(|(tenant, _)| *tenant).collect()
        };
        for tenant in due {
            let Some(room) = self.known(tenant) else { continue };
            let mut room = room.lock_owned().await;
            self.drive(tenant, &mut room, ItemDesk::handle_timeout).await;
        }
    }

    /// Every tenant has its machine, agents are known, and plans are those of now.
    pub async fn look(&self) {
        self.use_plans().await;
        match self.store.tenants().await {
            Ok(tenants) => {
                for tenant in tenants {
                    self.look_at(tenant.id).await;
                }
            }
            Err(error) => tracing::error!(%error, "items wait"),
        }
    }

    async fn look_at(&self, tenant: TenantId) {
        let Ok(mut room) = self.open(tenant).await else {
            tracing::error!(%tenant, "items wait: the store does not answer");
            return;
        };
        self.find_new(tenant, &mut room).await;
        let now = self.clock.moment();
        let is_old = |held: &Held| held.agents_at.is_none_or(|at| now - at >= AGENTS_EVERY);
        if room.held.as_ref().is_some_and(is_old) {
            self.ask_agents(tenant, &mut room).await;
        }
    }

    /// Finds items that came into the store past the machine: messages that a queue hands out.
    async fn find_new(&self, tenant: TenantId, room: &mut Room) {
        let Some(found) = room.held.as_ref().map(|held| held.found) else { return };
        let new = match self.store.items_waiting_after(tenant, found).await {
            Ok(new) => new,
            Err(error) => {
                tracing::error!(%tenant, %error, "new items wait");
                return;
            }
        };
        let Some(last) = new.last() else { return };
        if let Some(held) = &mut room.held {
            held.found = last.id;
        }
        // Most came in through the machine, which knows them.
        self.drive(tenant, room, |desk, now| {
            new.iter().for_each(|item| desk.arrive(now, arrival(item)));
        })
        .await;
    }

    /// Uses the plan of each tenant whose version is another one now.
    async fn use_plans(&self) {
        let versions = self.store.plan_versions().await.unwrap_or_default();
        for (tenant, version) in versions {
            let Some(room) = self.known(tenant) else { continue };
            let mut room = room.lock_owned().await;
            if room.held.as_ref().is_none_or(|held| held.plan_version == version) {
                continue;
            }
            let read = (self.store.compile_plan(tenant).await, self.store.item_rules(tenant).await);
            let (Ok(plan), Ok(rules)) = read else {
                tracing::error!(%tenant, "items go by an old plan: the store does not answer");
                continue;
            };
            if let Some(held) = &mut room.held {
                held.plan_version = plan.version;
            }
            self.drive(tenant, &mut room, |desk, now| {
                desk.set_rules(now, rules);
                desk.apply(now, &plan);
            })
            .await;
        }
    }

    /// How long nothing is due.
    fn pause(&self) -> Duration {
        let due = self.due.lock().unwrap_or_else(PoisonError::into_inner);
        let first = due.values().min();
        first.map_or(LOOK_EVERY, |at| *at - self.clock.moment()).min(LOOK_EVERY)
    }

    fn now(&self) -> Now {
        Now { moment: self.clock.moment(), wall: self.clock.wall() }
    }

    fn by(&self) -> By {
        By::system(BOX, self.clock.wall())
    }

    /// The room of a tenant whose machine somebody has asked for.
    fn known(&self, tenant: TenantId) -> Option<Arc<tokio::sync::Mutex<Room>>> {
        let rooms = self.rooms.lock().unwrap_or_else(PoisonError::into_inner);
        rooms.get(&tenant).cloned()
    }

    /// A tenant's machine, made where there is none. Nobody else has it meanwhile.
    async fn open(&self, tenant: TenantId) -> Result<OwnedMutexGuard<Room>, desk::Error> {
        let room = {
            let mut rooms = self.rooms.lock().unwrap_or_else(PoisonError::into_inner);
            rooms.entry(tenant).or_default().clone()
        };
        let mut room = room.lock_owned().await;
        if room.held.is_none() {
            room.held = Some(self.load(tenant).await?);
            self.ask_agents(tenant, &mut room).await;
        }
        Ok(room)
    }

    /// A machine with what the store has. What was offered waits again: nobody knows how long it was
    /// looked at.
    async fn load(&self, tenant: TenantId) -> Result<Held, desk::Error> {
        let plan = self.store.compile_plan(tenant).await?;
        let rules = self.store.item_rules(tenant).await?;
        let (mut desk, now) = (ItemDesk::new(), self.now());
        let mut found = ItemId(0);
        for item in self.store.open_items(tenant).await? {
            let item = match (item.state, item.agent) {
                (ItemState::Offered, Some(agent)) => {
                    let back = ItemChange::Return { agent, unanswered: false };
                    self.store.change_item(tenant, &self.by(), item.id, &back).await?
                }
                _ => item,
            };
            found = item.id;
            desk.arrive(now, arrival(&item));
        }
        desk.set_rules(now, rules);
        desk.apply(now, &plan);
        Ok(Held { desk, plan_version: plan.version, agents_at: None, found })
    }

    /// Asks the switch what agents do. Where it is away nobody is offered anything new.
    async fn ask_agents(&self, tenant: TenantId, room: &mut Room) {
        let Answer::State(state) = self.calls.ask(Ask::State { tenant }).await else { return };
        if let Some(held) = &mut room.held {
            held.agents_at = Some(self.clock.moment());
        }
        self.drive(tenant, room, |desk, now| {
            let agents = state.agents.iter();
            let does = agents.map(|agent| (agent.agent, agent.activity, agent.skill_set));
            desk.set_activities(now, does);
        })
        .await;
    }

    /// What the store made of a change. Where it is not sure, the machine is made anew.
    fn kept<T>(&self, room: &mut Room, done: Result<T, desk::Error>) -> Result<T, Problem> {
        if done.as_ref().is_err_and(desk::Error::is_ours) {
            room.held = None;
        }
        Ok(done?)
    }

    /// The machine hears of something, and what it wants is written down.
    async fn drive(
        &self,
        tenant: TenantId,
        room: &mut Room,
        what: impl FnOnce(&mut ItemDesk, Now),
    ) {
        let Some(held) = &mut room.held else {
            self.note_due(tenant, None);
            return;
        };
        what(&mut held.desk, self.now());
        while let Some(output) = held.desk.poll_output() {
            if let Err(error) = self.write(tenant, output).await {
                tracing::error!(%tenant, %error, "items are handed out anew");
                room.held = None;
                self.note_due(tenant, None);
                return;
            }
        }
        self.note_due(tenant, held.desk.next_timeout());
    }

    async fn write(&self, tenant: TenantId, output: Output) -> Result<(), desk::Error> {
        let (item, change) = match output {
            Output::Offered { item, agent, until, why } => {
                let why = serde_json::to_string(&why).expect("a reason is always valid JSON");
                (item, ItemChange::Offer { agent, until, why })
            }
            Output::Returned { item, agent, back } => {
                (item, ItemChange::Return { agent, unanswered: back == Back::Unanswered })
            }
        };
        self.store.change_item(tenant, &self.by(), item, &change).await.map(drop)
    }

    fn note_due(&self, tenant: TenantId, at: Option<Moment>) {
        let mut due = self.due.lock().unwrap_or_else(PoisonError::into_inner);
        let before = match at {
            Some(at) => due.insert(tenant, at),
            None => due.remove(&tenant),
        };
        if before != at {
            self.changed.notify_one();
        }
    }
}

/// What is begun is finished, also when who asked hangs up: the store and the machine stay in step.
pub(super) async fn whole<T: Send + 'static>(
    work: impl Future<Output = Result<T, Problem>> + Send + 'static,
) -> Result<T, Problem> {
    let done = tokio::spawn(work).await;
    done.unwrap_or_else(|error| Err(Problem::internal(error.to_string())))
}

/// Whether an answer can go there: some texts come from a name.
fn is_number(address: &str) -> bool {
    let digits = address.strip_prefix('+').unwrap_or(address);
    !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit())
}

fn arrival(item: &Item) -> Arrival {
    Arrival {
        item: item.id,
        queue: item.queue,
        channel: item.channel,
        priority: item.priority,
        received_at: item.received_at,
        taken_by: item.agent.filter(|_| item.state == ItemState::Taken),
    }
}
