//! The field grid, ready for calls: which area a call belongs to, whom of it to try in which order, and
//! who of its people calls. An area is found by its code, by the published number of its own, or by the
//! caller's: the whole number before the longest beginning; or by an address ([`Addresses`]).
//!
//! # Nobody is lost, and nobody is rung twice
//! Each worker of the area in their order, behind each the substitute; who is away is passed over, and
//! so is their substitute for the next one behind. Then the team, the area's queue, and in the end a
//! message. One worker, and one phone, is tried once in a hunt.

use super::callers::List;
use serde::{Deserialize, Serialize};
use std::collections::{HashMap, HashSet};
use terms::address::Addresses;
use terms::event::{Hop, HopEnd};
use terms::routing::{Area, Plan, Worker};
use terms::{PhoneNumber, Timestamp, WorkerId};

/// Whom a hunt tries next, or why it does not.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Stop {
    pub hop: Hop,
    /// The phone of a worker; empty for a queue.
    pub phone: Result<String, HopEnd>,
}

/// A tenant's areas.
#[derive(Debug)]
pub(crate) struct Areas {
    areas: Vec<Area>,
    by_code: HashMap<String, usize>,
    /// By the number of their own, normalised.
    by_number: HashMap<String, usize>,
    by_caller: List<usize>,
    by_address: Addresses<usize>,
    workers: HashMap<WorkerId, Worker>,
    /// Whose phone a number is, normalised; of those who are bound.
    by_phone: HashMap<String, WorkerId>,
    country: String,
}

impl Areas {
    pub(super) fn of(plan: &Plan) -> Self {
        let normal = |number: &str| PhoneNumber::parse(number, &plan.country).normal;
        let areas = plan.grid.areas.clone();
        let numbered = areas.iter().enumerate().filter(|(_, area)| !area.number.is_empty());
        let callers = areas.iter().enumerate();
        let callers =
            callers.flat_map(|(n, area)| area.callers.iter().map(move |c| (c.clone(), n)));
        let addresses = areas.iter().enumerate();
        let addresses =
            addresses.flat_map(|(n, area)| area.addresses.iter().map(move |a| (a.clone(), n)));
        let bound = plan.grid.workers.iter().filter(|worker| worker.bound);
        Areas {
            by_code: areas.iter().enumerate().map(|(n, area)| (area.code.clone(), n)).collect(),
            by_number: numbered.map(|(n, area)| (normal(&area.number), n)).collect(),
            by_caller: List::of(&plan.country, callers),
            by_address: addresses.collect(),
            by_phone: bound.map(|worker| (normal(&worker.phone), worker.id)).collect(),
            workers: plan.grid.workers.iter().map(|w| (w.id, w.clone())).collect(),
            country: plan.country.clone(),
            areas,
        }
    }

    pub fn by_code(&self, code: &str) -> Option<&Area> {
        self.areas.get(*self.by_code.get(code)?)
    }

    /// The area whose published number was dialled.
    pub fn by_number(&self, called: &PhoneNumber) -> Option<&Area> {
        self.areas.get(*self.by_number.get(&called.normal)?)
    }

    /// The area that a caller belongs to.
    pub fn by_caller(&self, caller: &PhoneNumber) -> Option<&Area> {
        let caller = (!caller.is_withheld()).then_some(caller)?;
        self.areas.get(*self.by_caller.find(caller).next()?)
    }

    /// The area in which an address lies.
    pub fn by_address(&self, address: &str) -> Option<&Area> {
        self.areas.get(*self.by_address.find(address)?)
    }

    /// The worker whose phone a number is.
    pub fn worker_at(&self, number: &PhoneNumber) -> Option<&Worker> {
        self.workers.get(self.by_phone.get(&number.normal)?)
    }

    /// All whom a hunt through `area` tries, in order, and those whom it passes over.
    pub fn stops(&self, area: &Area, now: Timestamp, caller: &PhoneNumber) -> Vec<Stop> {
        let mut line =
            Line { areas: self, now, caller, seen: HashSet::new(), rung: HashSet::new() };
        let mut stops = Vec::new();
        for &worker in &area.workers {
            line.add(worker, &mut stops);
        }
        let queue = area.queue;
        let behind = area.team.map(|queue| Hop::Team { queue });
        let behind = behind.into_iter().chain([Hop::Queue { queue }, Hop::Voicemail { queue }]);
        stops.extend(behind.map(|hop| Stop { hop, phone: Ok(String::new()) }));
        stops
    }
}

/// The workers of a hunt, as they are lined up.
struct Line<'a> {
    areas: &'a Areas,
    now: Timestamp,
    caller: &'a PhoneNumber,
    seen: HashSet<WorkerId>,
    rung: HashSet<String>,
}

impl Line<'_> {
    /// A worker, and who stands in for them. Who stands in and is there has nobody behind them.
    fn add(&mut self, first: WorkerId, stops: &mut Vec<Stop>) {
        let (mut next, mut stands_in) = (Some(first), None);
        while let Some(id) = next.take().filter(|&id| self.seen.insert(id)) {
            let Some(worker) = self.areas.workers.get(&id) else { return };
            let phone = self.phone_of(worker);
            let is_last = phone.is_ok() && stands_in.is_some();
            stops.push(Stop { hop: Hop::Worker { worker: id, stands_in }, phone });
            if !is_last {
                (next, stands_in) = (worker.substitute, Some(id));
            }
        }
    }

    fn phone_of(&mut self, worker: &Worker) -> Result<String, HopEnd> {
        if !worker.bound {
            return Err(HopEnd::Unbound);
        }
        if worker.absence.is_some_and(|absence| absence.is_at(self.now)) {
            return Err(HopEnd::Absent);
        }
        let normal = PhoneNumber::parse(&worker.phone, &self.areas.country).normal;
        if normal == self.caller.normal {
            return Err(HopEnd::Caller);
        }
        match self.rung.insert(normal) {
            true => Ok(worker.phone.clone()),
            false => Err(HopEnd::CalledAlready),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use terms::routing::{Absence, FieldGrid};
    use terms::{AreaId, QueueId, TenantId};

    const NOW: Timestamp = Timestamp::from_secs(1_800_000_000);

    fn worker(id: u64, substitute: Option<u64>) -> Worker {
        Worker {
            id: WorkerId(id),
            name: format!("worker {id}"),
            phone: format!("1380000000{id}"),
            bound: true,
            substitute: substitute.map(WorkerId),
            absence: None,
        }
    }

    fn area(id: u64, number: &str, callers: &[&str]) -> Area {
        Area {
            id: AreaId(id),
            code: format!("0{id}"),
            name: format!("area {id}"),
            number: number.to_owned(),
            workers: vec![WorkerId(1)],
            team: None,
            queue: QueueId(1),
            ring_s: 20,
            callers: callers.iter().map(|&caller| caller.to_owned()).collect(),
            addresses: Vec::new(),
        }
    }

    fn grid(areas: Vec<Area>, workers: Vec<Worker>) -> Areas {
        let mut plan = Plan::empty(TenantId(1), "t");
        plan.grid = FieldGrid { areas, workers };
        Areas::of(&plan)
    }

    fn number(text: &str) -> PhoneNumber {
        PhoneNumber::parse(text, "86")
    }

    /// Each stop as a word: who, and why not.
    fn stops(areas: &Areas, area: &Area, caller: &str) -> Vec<String> {
        let stops = areas.stops(area, NOW, &number(caller));
        let word = |stop: &Stop| {
            let who = match stop.hop {
                Hop::Worker { worker, stands_in: None } => format!("{worker}"),
                Hop::Worker { worker, stands_in: Some(other) } => format!("{worker} for {other}"),
                Hop::Team { queue } => format!("team {queue}"),
                Hop::Queue { queue } => format!("queue {queue}"),
                Hop::Voicemail { queue } => format!("message {queue}"),
            };
            match stop.phone {
                Ok(_) => who,
                Err(end) => format!("{who}: {}", end.as_str()),
            }
        };
        stops.iter().map(word).collect()
    }

    #[test]
    fn an_area_is_found_by_code_by_its_number_and_by_the_caller_and_by_nothing_else() {
        let grid = grid(
            vec![area(1, "02087654321", &["+8620*"]), area(2, "", &["+862081*", "+8613800138000"])],
            vec![worker(1, None)],
        );
        let id = |area: Option<&Area>| area.map(|area| area.id.0);
        assert_eq!(
            [id(grid.by_code("02")), id(grid.by_code("2")), id(grid.by_code(""))],
            [Some(2), None, None]
        );
        assert_eq!(id(grid.by_number(&number("+862087654321"))), Some(1));
        assert_eq!(id(grid.by_number(&number(""))), None, "an area without a number has none");
        for (caller, expected) in [
            ("02085550000", Some(1)),
            ("02081550000", Some(2)),
            ("13800138000", Some(2)),
            ("13800138001", None),
            ("anonymous", None),
            ("", None),
        ] {
            assert_eq!(id(grid.by_caller(&number(caller))), expected, "{caller}");
        }
    }

    #[test]
    fn workers_come_with_their_substitutes_then_the_team_the_queue_and_a_message() {
        let areas = grid(vec![], vec![worker(1, Some(2)), worker(2, Some(3)), worker(3, None)]);
        let mut area = area(1, "", &[]);
        area.team = Some(QueueId(2));
        let all = ["1", "2 for 1", "team 2", "queue 1", "message 1"];
        assert_eq!(stops(&areas, &area, "02085550000"), all, "a substitute has none of their own");
        area.workers = vec![WorkerId(1), WorkerId(2), WorkerId(3)];
        let all = ["1", "2 for 1", "3", "team 2", "queue 1", "message 1"];
        assert_eq!(stops(&areas, &area, "02085550000"), all, "nobody twice");
    }

    #[test]
    fn who_is_away_is_passed_over_until_the_leave_is_over() {
        let later = |secs: i64| Timestamp(NOW.0 + secs * 1_000_000);
        let away = |from, until| Some(Absence { from: later(from), until: Some(later(until)) });
        for (absence, first) in [
            (away(-10, 10), "1: absent"),
            (away(-10, 0), "1"),
            (away(1, 10), "1"),
            (Some(Absence { from: NOW, until: None }), "1: absent"),
        ] {
            let mut one = worker(1, Some(2));
            one.absence = absence;
            let two = Worker { bound: false, ..worker(2, Some(3)) };
            let areas = grid(vec![], vec![one, two, worker(3, Some(1))]);
            let told = stops(&areas, &area(1, "", &[]), "02085550000");
            let rest = ["2 for 1: unbound", "3 for 2", "queue 1", "message 1"];
            assert_eq!((told[0].as_str(), &told[1..]), (first, &rest.map(str::to_owned)[..]));
        }
    }

    #[test]
    fn one_phone_rings_once_and_never_the_callers_own() {
        let twin = Worker { phone: "+8613800000001".into(), ..worker(2, None) };
        let areas = grid(vec![], vec![worker(1, Some(2)), twin]);
        let told = stops(&areas, &area(1, "", &[]), "02085550000");
        assert_eq!(told[1], "2 for 1: called_already");
        let told = stops(&areas, &area(1, "", &[]), "13800000001");
        assert_eq!(told[..2], ["1: caller", "2 for 1: caller"]);
    }

    #[test]
    fn a_worker_is_known_by_their_phone_while_it_is_bound() {
        let unbound = Worker { bound: false, ..worker(2, None) };
        let areas = grid(vec![], vec![worker(1, None), unbound]);
        let id = |text| areas.worker_at(&number(text)).map(|worker| worker.id.0);
        assert_eq!([id("+8613800000001"), id("13800000002"), id("")], [Some(1), None, None]);
    }
}
