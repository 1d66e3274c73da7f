//! A plan made ready for calls: numbers, agents and blocked callers by what is dialled, flows
//! checked and typed. A call keeps the compiled plan that it began with; a newer one serves newer
//! calls.

use super::areas::Areas;
use super::callers::Callers;
use super::trunks::{Fit, in_turn};
use crate::ivr::flow::Library;
use crate::ivr::{self, Flow, Known, hours};
use chrono_tz::Tz;
use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;
use terms::event::CallingWay;
use terms::routing::{
    Agent, CallerRule, Emergency, KnownCaller, Matching, NumberClass, NumberRule, PLAN_VERSION,
    Plan, Queue, Site, Target, Treatment, Trunk,
};
use terms::{
    AgentId, ConferenceId, FlowId, NumberId, PhoneNumber, QueueId, SiteId, TenantId, Timestamp,
    TrunkId,
};

/// A compiled plan.
#[derive(Debug)]
pub(crate) struct Compiled {
    pub plan: Plan,
    pub zone: Tz,
    numbers: HashMap<String, (NumberId, Target)>,
    rules: HashMap<NumberId, Vec<NumberRule>>,
    agents: HashMap<AgentId, usize>,
    short_numbers: HashMap<String, AgentId>,
    /// Without their agents.
    queues: HashMap<QueueId, Arc<Queue>>,
    flows: Library,
    callers: Callers,
    areas: Areas,
    /// Room numbers of conferences.
    rooms: HashMap<String, ConferenceId>,
}

/// Where a number leads that somebody inside dialled.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Dialled {
    /// A colleague.
    Agent(AgentId),
    /// One of the tenant's published numbers, or the room number of a conference.
    Published(Target),
    /// The outside, over the first of these trunks that works; or a site of the tenant.
    Outside { digits: String, trunks: Vec<TrunkId>, site: Option<SiteId> },
}

/// Who calls, as far as numbers go.
#[derive(Clone, Debug, Default)]
pub(crate) struct Calling {
    /// What who asked for the call wants shown: it goes before every rule.
    pub wanted: Option<PhoneNumber>,
    /// Those of the agent who calls.
    pub agent: Vec<PhoneNumber>,
    /// Of who called us.
    pub caller: PhoneNumber,
    /// The published one that they dialled.
    pub dialled: PhoneNumber,
}

impl Compiled {
    /// Nothing: what a call of an unknown tenant is refused with.
    pub fn nothing(tenant: TenantId) -> Arc<Self> {
        let plan = Plan::empty(tenant, "");
        Arc::new(Self::compile(plan, None).expect("an empty plan has no flow that could be wrong"))
    }

    /// Compiles `plan`. Flows that did not change are taken from `before`.
    pub fn compile(plan: Plan, before: Option<&Compiled>) -> Result<Self, String> {
        if plan.format > PLAN_VERSION {
            return Err(format!(
                "the plan has format {}, this program reads up to {PLAN_VERSION}: update the program",
                plan.format
            ));
        }
        let known = Known::of(&plan);
        let mut flows = Library::new();
        for flow in &plan.flows {
            let old = before.filter(|old| old.plan.flow(flow.id) == Some(flow) && old.knows(&plan));
            let ready = match old.and_then(|old| old.flows.get(&flow.id)) {
                Some((_, flow)) => Arc::clone(flow),
                None => Arc::new(ivr::check(&flow.document, &known).map_err(|problems| {
                    let first = problems.first().map(ToString::to_string).unwrap_or_default();
                    format!("flow {} \"{}\" version {}: {first}", flow.id, flow.name, flow.version)
                })?),
            };
            flows.insert(flow.id, (flow.version, ready));
        }
        Ok(Compiled {
            zone: hours::zone(&plan.time_zone),
            numbers: numbers(&plan),
            rules: plan.number_rules.iter().map(|own| (own.number, own.rules.clone())).collect(),
            agents: plan.agents.iter().enumerate().map(|(n, agent)| (agent.id, n)).collect(),
            short_numbers: short_numbers(&plan),
            queues: plan.queues.iter().map(|queue| (queue.id, Arc::new(terms_of(queue)))).collect(),
            callers: Callers::of(&plan),
            areas: Areas::of(&plan),
            rooms: rooms(&plan),
            flows,
            plan,
        })
    }

    /// The names that flows refer to are the same in `plan`.
    fn knows(&self, plan: &Plan) -> bool {
        Known::of(&self.plan) == Known::of(plan)
    }

    pub fn agent(&self, id: AgentId) -> Option<&Agent> {
        self.plan.agents.get(*self.agents.get(&id)?)
    }

    /// A queue's terms. Its list of agents and its needs are empty: who serves it is the distributor's
    /// business, and a call that is kept after each step would drag thousands of them along.
    pub fn queue(&self, id: QueueId) -> Option<Arc<Queue>> {
        self.queues.get(&id).cloned()
    }

    pub fn flow(&self, id: FlowId) -> Option<(u32, Arc<Flow>)> {
        self.flows.get(&id).cloned()
    }

    pub fn flows(&self) -> &Library {
        &self.flows
    }

    pub fn trunk(&self, id: TrunkId) -> Option<&Trunk> {
        self.plan.trunks.iter().find(|trunk| trunk.id == id)
    }

    /// The field grid.
    pub fn areas(&self) -> &Areas {
        &self.areas
    }

    /// What is known of a caller that counts while they wait.
    pub fn known_caller(&self, caller: &PhoneNumber) -> Option<&KnownCaller> {
        self.callers.known(caller)
    }

    /// Where a caller goes whatever answers the number that they dialled.
    pub fn way_of(&self, caller: &PhoneNumber) -> Option<&Target> {
        self.callers.target(caller)
    }

    /// What becomes of the calls of a caller who is not let in at this time.
    pub fn treatment(&self, caller: &PhoneNumber, now: Timestamp) -> Option<&Treatment> {
        self.callers.treatment(caller, now)
    }

    /// What answers a published number, as dialled or normalised.
    pub fn published(&self, called: &PhoneNumber) -> Option<&Target> {
        self.number(called).map(|(_, target)| target)
    }

    /// What answers a call to a published number that comes over `trunk` at this time.
    pub fn answering(
        &self,
        called: &PhoneNumber,
        trunk: TrunkId,
        at: Timestamp,
    ) -> Option<&Target> {
        let (number, target) = self.number(called)?;
        Some(self.rule(*number, trunk, at).map_or(target, |rule| &rule.target))
    }

    /// Whether it is opening hours that decide what answers such a call.
    pub fn is_by_hours(&self, called: &PhoneNumber, trunk: TrunkId, at: Timestamp) -> bool {
        let number = self.number(called).map(|(number, _)| *number);
        let rule = number.and_then(|number| self.rule(number, trunk, at));
        rule.is_some_and(|rule| rule.hours.is_some())
    }

    /// The first rule of a number that fits.
    fn rule(&self, number: NumberId, trunk: TrunkId, at: Timestamp) -> Option<&NumberRule> {
        let is_open = |name: &str| {
            let hours = self.plan.hours.iter().find(|hours| hours.name == name)?;
            Some(hours::is_open(hours, self.zone, at))
        };
        let mut rules = self.rules.get(&number).into_iter().flatten();
        rules.find(|rule| rule.fits(trunk, is_open))
    }

    /// The emergency plan in force that a call to a published number meets.
    pub fn emergency(&self, called: &PhoneNumber) -> Option<&Emergency> {
        let (number, _) = self.number(called)?;
        self.plan.emergency.iter().find(|emergency| emergency.covers(*number))
    }

    fn number(&self, called: &PhoneNumber) -> Option<&(NumberId, Target)> {
        self.numbers.get(&called.received).or_else(|| self.numbers.get(&called.normal))
    }

    /// More digits may follow: a published number begins so.
    pub fn is_begun(&self, called: &PhoneNumber) -> bool {
        let begun = &called.received;
        !begun.is_empty() && self.numbers.keys().any(|number| number.starts_with(begun.as_str()))
    }

    /// Agents who serve a queue together with this one.
    pub fn team(&self, agent: AgentId) -> BTreeSet<AgentId> {
        let theirs = self.plan.queues.iter().filter(|queue| queue.agents.contains(&agent));
        theirs.flat_map(|queue| queue.agents.iter().copied()).collect()
    }

    pub fn short_number(&self, digits: &str) -> Option<AgentId> {
        self.short_numbers.get(digits).copied()
    }

    /// Where a number leads that an agent or a flow dials. `None` is nowhere: what no trunk names
    /// is not dialled. `pick` decides among trunks that share their calls.
    pub fn dialled(&self, called: &PhoneNumber, pick: u64) -> Option<Dialled> {
        if let Some(agent) = self.short_number(&called.received) {
            return Some(Dialled::Agent(agent));
        }
        if let Some(target) = self.published(called) {
            return match target {
                Target::Site(site) => self.front_door(*site),
                target => Some(Dialled::Published(target.clone())),
            };
        }
        if let Some(&room) = self.rooms.get(&called.received) {
            return Some(Dialled::Published(Target::Conference(room)));
        }
        let digits = called.received.clone();
        if let Some(site) = self.plan.sites.iter().find(|site| site.has(&digits)) {
            return Some(towards(site, digits));
        }
        let trunks = if is_dialable(&digits) { self.trunks_for(called, pick) } else { Vec::new() };
        (!trunks.is_empty()).then_some(Dialled::Outside { digits, trunks, site: None })
    }

    /// The way to a site itself; `None` where there is no such site, or no number leads into it.
    pub fn front_door(&self, id: SiteId) -> Option<Dialled> {
        let site = self.plan.sites.iter().find(|site| site.id == id)?;
        (!site.number.is_empty()).then(|| towards(site, site.number.clone()))
    }

    /// The site that this trunk leads to.
    pub fn site_over(&self, trunk: TrunkId) -> Option<&Site> {
        self.plan.sites.iter().find(|site| site.trunk == trunk)
    }

    /// The agent whom a call from a site reaches by a short number, where the site may do so.
    pub fn inward(&self, called: &PhoneNumber, trunk: TrunkId) -> Option<Target> {
        self.site_over(trunk).filter(|site| site.inward)?;
        self.short_number(&called.received).map(Target::Agent)
    }

    /// Whether they may call other sites. Who is no agent has the tenant's right.
    pub fn may_call_sites(&self, agent: Option<AgentId>) -> bool {
        let own = agent.and_then(|agent| self.agent(agent)?.calling.sites);
        own.unwrap_or(self.plan.calling.sites)
    }

    /// Trunks in the order they are tried.
    fn trunks_for(&self, called: &PhoneNumber, pick: u64) -> Vec<TrunkId> {
        let matched = |prefix: &&String| {
            called.received.starts_with(prefix.as_str())
                || called.normal.starts_with(prefix.as_str())
        };
        let fits = self.plan.trunks.iter().filter_map(|trunk| {
            let prefix = trunk.prefixes.iter().filter(matched).map(String::len).max()?;
            let (order, weight) = (trunk.order, trunk.weight);
            Some(Fit { trunk: trunk.id, prefix, order, weight })
        });
        in_turn(fits.collect(), pick)
    }

    /// The number that the outside sees on a call over `trunk`: what its rule wants of who calls, when
    /// the trunk may show it, else the trunk's own. Nobody shows a number that is not the tenant's;
    /// where none is left, no call goes out.
    pub fn shown(&self, trunk: &Trunk, calling: &Calling) -> Option<String> {
        let by_rule: Vec<&PhoneNumber> = match trunk.caller_rule {
            CallerRule::Dialled => vec![&calling.dialled],
            CallerRule::Caller => {
                calling.agent.iter().chain([&calling.caller, &calling.dialled]).collect()
            }
            CallerRule::Fixed | CallerRule::Withheld => Vec::new(),
        };
        let allowed = self.showable(trunk);
        let of = |wanted: &PhoneNumber| {
            let mut allowed = allowed.iter();
            allowed.find(|(_, parsed)| same(parsed, wanted)).map(|(number, _)| (*number).clone())
        };
        let own = || {
            let mut allowed = allowed.iter();
            let number = allowed.find(|(number, _)| **number == trunk.caller_number);
            number.map(|(number, _)| (*number).clone())
        };
        calling.wanted.iter().chain(by_rule).find_map(of).or_else(own)
    }

    /// Whether calls over `trunk` may show this number.
    pub fn may_show(&self, trunk: &Trunk, number: &PhoneNumber) -> bool {
        self.showable(trunk).iter().any(|(_, parsed)| same(parsed, number))
    }

    /// The numbers of the tenant that `trunk` may show, as it writes them.
    fn showable<'a>(&self, trunk: &'a Trunk) -> Vec<(&'a String, PhoneNumber)> {
        let listed = trunk.caller_numbers.iter().chain([&trunk.caller_number]);
        listed
            .map(|number| (number, PhoneNumber::parse(number, &self.plan.country)))
            .filter(|(_, parsed)| self.published(parsed).is_some())
            .collect()
    }

    /// The numbers that lead to this agent and nobody else.
    pub fn numbers_of(&self, agent: AgentId) -> Vec<PhoneNumber> {
        let own = self.plan.numbers.iter().filter(|number| number.target == Target::Agent(agent));
        own.map(|number| PhoneNumber::parse(&number.digits, &self.plan.country)).collect()
    }

    /// What a number outside is, as somebody inside dials it; none for emergency services.
    pub fn class_of(&self, digits: &str) -> Option<NumberClass> {
        let country = &self.plan.country;
        self.plan.calling.class_of(&PhoneNumber::parse(digits, country), country)
    }

    /// The dearest class that they may call so. Who is no agent has the tenant's right.
    pub fn right(&self, agent: Option<AgentId>, way: CallingWay) -> NumberClass {
        let own = agent.and_then(|agent| self.agent(agent)).map(|agent| agent.calling);
        let own = own.unwrap_or_default();
        match way {
            CallingWay::Forward => own.forward.unwrap_or(self.plan.calling.forward),
            CallingWay::Dial | CallingWay::Transfer | CallingWay::Invite => {
                own.dial.unwrap_or(self.plan.calling.dial)
            }
        }
    }

    pub fn queue_name(&self, id: QueueId) -> &str {
        self.queues.get(&id).map_or("", |queue| queue.name.as_str())
    }
}

/// Whether it has the form of a number outside.
pub(crate) fn is_dialable(digits: &str) -> bool {
    digits.len() >= 2
        && digits.chars().enumerate().all(|(n, c)| c.is_ascii_digit() || (n == 0 && c == '+'))
}

fn towards(site: &Site, digits: String) -> Dialled {
    Dialled::Outside { digits, trunks: vec![site.trunk], site: Some(site.id) }
}

fn same(parsed: &PhoneNumber, wanted: &PhoneNumber) -> bool {
    !parsed.normal.is_empty() && parsed.normal == wanted.normal
}

fn terms_of(queue: &Queue) -> Queue {
    let matching = Matching { seats: Vec::new(), needs: Vec::new(), ..queue.matching.clone() };
    Queue { agents: Vec::new(), matching, ..queue.clone() }
}

fn numbers(plan: &Plan) -> HashMap<String, (NumberId, Target)> {
    let mut numbers = HashMap::new();
    for number in &plan.numbers {
        let parsed = PhoneNumber::parse(&number.digits, &plan.country);
        numbers.entry(parsed.normal).or_insert_with(|| (number.id, number.target.clone()));
    }
    // What is written in the plan wins over what another number becomes when it is normalised.
    numbers.extend(plan.numbers.iter().map(|n| (n.digits.clone(), (n.id, n.target.clone()))));
    numbers
}

fn rooms(plan: &Plan) -> HashMap<String, ConferenceId> {
    let mut rooms: HashMap<String, ConferenceId> =
        plan.conferences.iter().map(|room| (room.number.clone(), room.id)).collect();
    rooms.remove("");
    rooms
}

fn short_numbers(plan: &Plan) -> HashMap<String, AgentId> {
    let numbers = plan.agents.iter().map(|agent| (&agent.number, agent.id));
    let users = plan.agents.iter().map(|agent| (&agent.sip_user, agent.id));
    // For most agents both are one: there is no room for two of each.
    let mut short = HashMap::with_capacity(plan.agents.len());
    for (name, id) in numbers.chain(users) {
        short.insert(name.clone(), id);
    }
    short.remove("");
    short
}

#[cfg(test)]
mod tests {
    use super::*;
    use terms::media::{SrtpPolicy, TrunkT38};
    use terms::routing::{EarlyMedia, Hours, Listening, Number, NumberRules, Window};

    fn trunk(id: u64, prefixes: &[&str]) -> Trunk {
        Trunk {
            id: TrunkId(id),
            name: format!("t{id}"),
            sources: vec![],
            proxy: "sip:192.0.2.1:5060".into(),
            outbound: None,
            register: false,
            register_each: false,
            register_expires_s: 300,
            inbound_digest: None,
            caller_number: "95105688".into(),
            caller_numbers: vec!["02087654321".into()],
            calls_max: 10,
            calls_per_s_max: 10,
            prefixes: prefixes.iter().map(|&p| p.to_owned()).collect(),
            codecs: Vec::new(),
            srtp: SrtpPolicy::Off,
            t38: TrunkT38::Allow,
            advertise: None,
            ca: String::new(),
            certificate: None,
            certificate_names: Vec::new(),
            order: 0,
            weight: 0,
            options_every_s: 0,
            caller_rule: CallerRule::Dialled,
            trusted: false,
            early_media: EarlyMedia::Pass,
            listening: Listening::default(),
            sip_i: false,
            requires_prack: false,
        }
    }

    fn plan() -> Compiled {
        let mut plan = Plan::empty(TenantId(1), "t");
        plan.numbers = vec![
            Number { id: NumberId(1), digits: "95105688".into(), target: Target::Hangup },
            Number {
                id: NumberId(2),
                digits: "02087654321".into(),
                target: Target::Queue(QueueId(1)),
            },
        ];
        plan.trunks = vec![trunk(1, &["0", "1"]), trunk(2, &["00"]), trunk(3, &[])];
        Compiled::compile(plan, None).expect("a plan without flows compiles")
    }

    fn number(text: &str) -> PhoneNumber {
        PhoneNumber::parse(text, "86")
    }

    #[test]
    fn a_number_is_found_however_it_is_written() {
        let plan = plan();
        for text in ["02087654321", "+862087654321", "00862087654321"] {
            assert_eq!(plan.published(&number(text)), Some(&Target::Queue(QueueId(1))), "{text}");
        }
        assert_eq!(plan.published(&number("95105688")), Some(&Target::Hangup));
        assert_eq!(plan.published(&number("95105689")), None);
    }

    #[test]
    fn rules_of_a_number_decide_by_trunk_and_time_and_only_for_that_number() {
        let mut plan = plan().plan;
        let window = |weekday| Window { weekday, from_minute: 540, to_minute: 1_080 };
        plan.hours = vec![Hours {
            name: "office".into(),
            windows: (1..=5).map(window).collect(),
            closed: Vec::new(),
            open: Vec::new(),
        }];
        let rule = |trunk, hours: Option<&str>, target| NumberRule {
            trunk,
            hours: hours.map(str::to_owned),
            closed: true,
            target,
        };
        let night = Target::Voicemail(QueueId(1));
        let rules = vec![
            rule(Some(TrunkId(2)), None, Target::Queue(QueueId(2))),
            rule(None, Some("office"), night.clone()),
        ];
        plan.number_rules = vec![NumberRules { number: NumberId(2), rules }];
        let plan = Compiled::compile(plan, None).expect("a plan without flows compiles");
        // 2026-11-30, a Monday, 10:00 in Shanghai, and the night before.
        let (day, before) =
            (Timestamp::from_secs(1_796_004_000), Timestamp::from_secs(1_795_964_400));
        let to = |digits, trunk, at| plan.answering(&number(digits), TrunkId(trunk), at);
        assert_eq!(to("02087654321", 1, day), Some(&Target::Queue(QueueId(1))), "none fits");
        assert_eq!(to("+862087654321", 1, before), Some(&night));
        assert_eq!(to("02087654321", 2, before), Some(&Target::Queue(QueueId(2))), "the first");
        assert_eq!(to("95105688", 2, before), Some(&Target::Hangup), "another number");
        assert_eq!(to("95105689", 2, before), None);
        let inside = plan.published(&number("02087654321"));
        assert_eq!(inside, Some(&Target::Queue(QueueId(1))), "from inside the usual target");
    }

    #[test]
    fn the_longest_prefix_goes_first_and_what_no_trunk_names_is_not_dialled() {
        let plan = plan();
        let trunks = |text| match plan.dialled(&number(text), 7) {
            Some(Dialled::Outside { trunks, .. }) => trunks,
            other => panic!("{text}: {other:?}"),
        };
        assert_eq!(trunks("13800138000"), [TrunkId(1)]);
        assert_eq!(trunks("00442071234567"), [TrunkId(2), TrunkId(1)]);
        assert_eq!(plan.dialled(&number("95555"), 7), None);
        assert_eq!(plan.dialled(&number("0123&Zap/g1"), 7), None, "a dial string is data");
        assert_eq!(plan.dialled(&number("+1900"), 7), None, "abroad is not allowed by any prefix");
    }

    #[test]
    fn nobody_shows_a_number_that_is_not_theirs() {
        let plan = plan();
        let trunk = plan.trunk(TrunkId(1)).expect("trunk 1 is in the plan");
        let calling = |dialled| Calling { dialled: number(dialled), ..Calling::default() };
        let shown = |wanted| plan.shown(trunk, &calling(wanted));
        assert_eq!(shown("+862087654321").as_deref(), Some("02087654321"));
        assert_eq!(shown("110").as_deref(), Some("95105688"));
        let mut bare = trunk.clone();
        bare.caller_number = String::new();
        assert_eq!(plan.shown(&bare, &calling("110")), None);
        let foreign = Trunk {
            caller_number: "10086".into(),
            caller_numbers: vec!["110".into()],
            ..trunk.clone()
        };
        for rule in
            [CallerRule::Dialled, CallerRule::Caller, CallerRule::Fixed, CallerRule::Withheld]
        {
            let foreign = Trunk { caller_rule: rule, ..foreign.clone() };
            let who = Calling { caller: number("110"), ..calling("10086") };
            assert_eq!(plan.shown(&foreign, &who), None, "{rule:?}: listed, and not the tenant's");
        }
    }

    #[test]
    fn a_rule_says_whose_number_a_trunk_shows() {
        let mut plan = plan();
        let direct = Number {
            id: NumberId(3),
            digits: "02087650001".into(),
            target: Target::Agent(AgentId(8)),
        };
        plan.plan.numbers.push(direct);
        let plan = Compiled::compile(plan.plan, None).expect("a plan without flows compiles");
        let mut trunk = plan.trunk(TrunkId(1)).expect("trunk 1 is in the plan").clone();
        trunk.caller_numbers.push("02087650001".into());
        let who = Calling {
            wanted: None,
            agent: plan.numbers_of(AgentId(8)),
            caller: number("13800138000"),
            dialled: number("+862087654321"),
        };
        let mut shown = |rule, who: &Calling| {
            trunk.caller_rule = rule;
            plan.shown(&trunk, who).expect("the trunk has a number of its own")
        };
        assert_eq!(shown(CallerRule::Dialled, &who), "02087654321");
        assert_eq!(shown(CallerRule::Caller, &who), "02087650001", "the agent's own");
        assert_eq!(shown(CallerRule::Fixed, &who), "95105688");
        assert_eq!(shown(CallerRule::Withheld, &who), "95105688", "for the network alone");
        let stranger = Calling { agent: plan.numbers_of(AgentId(9)), ..who };
        assert_eq!(shown(CallerRule::Caller, &stranger), "02087654321", "never a customer's");
        let inside = Calling { caller: number("02087650001"), ..stranger };
        assert_eq!(shown(CallerRule::Caller, &inside), "02087650001");
        let asked = Calling { wanted: Some(number("+862087654321")), ..inside };
        assert_eq!(shown(CallerRule::Fixed, &asked), "02087654321", "before every rule");
        let stolen = Calling { wanted: Some(number("10086")), ..asked };
        assert_eq!(shown(CallerRule::Fixed, &stolen), "95105688", "and never one of others");
    }
}
