//! Numbers that stand for somebody for a time, by number. They are told apart from the plan, change by
//! change, and each is one record of what outlives the process. An end needs no change: it is the
//! clock's.
//!
//! Whoever was a party hears for [`TOLD_FOR`] that a lease is over; then it is forgotten.

use super::{Now, Switch};
use crate::calling::{Guard, Limits};
use crate::kept::{Change, Key};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::time::Duration;
use terms::event::LeaseRefusal;
use terms::routing::{LEASES_MAX, Lease, LeaseChanges, LeaseKind};
use terms::{CallId, LeaseId, Moment, PhoneNumber, Subscriber, TenantId, Timestamp};

/// How long its parties are told that a lease is over.
const TOLD_FOR: Duration = Duration::from_secs(86_400);
/// Leases of a tenant that are known, those included that are over; of more, those that end first are
/// forgotten.
const KNOWN_MAX: usize = 2 * LEASES_MAX;
/// Callers whose wrong codes are counted.
const GUESSERS_MAX: usize = 10_000;
/// Callers of a lease who are known to have its code; of more, who keyed it in longest ago is
/// forgotten.
const PROVEN_MAX: usize = 4;

/// A lease as it is kept.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct KeptLease {
    lease: Lease,
    /// Who called A last, as they came: whom A reaches, with [`LeaseKind::Ax`].
    caller: Option<String>,
    /// Wrong codes of the number, whoever keyed them in, and since when they are counted. The first
    /// lease of the number has them.
    wrong: Option<(Moment, u32)>,
    /// Who reached A by the code, in normalised form, the last one last.
    proven: Vec<String>,
    /// What was called by it.
    guard: Guard,
}

impl KeptLease {
    /// This person neither called by it nor was called. Whether something of them was known.
    fn forget(&mut self, person: &Subscriber) -> bool {
        let known = self.proven.len();
        self.proven.retain(|caller| !person.is_in(caller));
        let is_last = self.caller.as_ref().is_some_and(|caller| person.is_in(caller));
        if is_last {
            self.caller = None;
        }
        self.guard.forget(person) || is_last || self.proven.len() < known
    }
}

/// What a leased number does with a caller.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Found {
    /// This other side is to be called.
    Reaches(Binding),
    /// A code says whom.
    Code,
    /// Nobody.
    Refused(Option<LeaseId>, LeaseRefusal),
    /// The call comes back to where it went out.
    Loop,
}

/// Whom a caller reaches by a lease.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Binding {
    pub lease: LeaseId,
    /// As they are dialled.
    pub to: String,
    pub record: bool,
}

/// Leases of one tenant.
#[derive(Debug, Default)]
pub(crate) struct Leases {
    version: u64,
    by_id: BTreeMap<LeaseId, KeptLease>,
    by_number: HashMap<String, BTreeSet<LeaseId>>,
    ends: BTreeSet<(Timestamp, LeaseId)>,
    of_call: HashMap<CallId, LeaseId>,
    /// Wrong codes of callers, and since when they are counted.
    guesses: HashMap<String, (Moment, u32)>,
    /// How often the codes of a number were heard no more for a while.
    pauses: u64,
    touched: BTreeSet<LeaseId>,
}

impl Leases {
    /// What changed.
    ///
    /// # Errors
    /// A sentence, where changes before these are missing.
    pub fn apply(&mut self, now: Timestamp, changes: LeaseChanges) -> Result<(), String> {
        let LeaseChanges { since, version, leases, .. } = changes;
        if let Some(since) = since.filter(|&since| since > self.version) {
            let known = self.version;
            return Err(format!(
                "leases came since version {since}, version {known} is known: send all"
            ));
        }
        let mut before = match since {
            Some(_) => BTreeMap::new(),
            None => self.forget_all(),
        };
        for lease in leases {
            let of_before = before.remove(&lease.id);
            self.put(lease, of_before);
        }
        self.version = version.max(self.version);
        self.forget_old(now);
        Ok(())
    }

    /// All that were known.
    fn forget_all(&mut self) -> BTreeMap<LeaseId, KeptLease> {
        let before = std::mem::take(&mut self.by_id);
        self.touched.extend(before.keys());
        self.by_number.clear();
        self.ends.clear();
        self.version = 0;
        before
    }

    /// What was kept of the lease before, here or in `before`, goes on.
    fn put(&mut self, lease: Lease, before: Option<KeptLease>) {
        let known = self.take(lease.id);
        let before = before.or(known);
        self.by_number.entry(lease.number.clone()).or_default().insert(lease.id);
        self.ends.insert((lease.until, lease.id));
        let kept = match before {
            // Who had another code has to know this one first.
            Some(before) if before.lease.code == lease.code => KeptLease { lease, ..before },
            Some(before) => KeptLease { lease, proven: Vec::new(), ..before },
            None => KeptLease {
                lease,
                caller: None,
                wrong: None,
                proven: Vec::new(),
                guard: Guard::default(),
            },
        };
        self.by_id.insert(kept.lease.id, kept);
    }

    fn take(&mut self, id: LeaseId) -> Option<KeptLease> {
        self.touched.insert(id);
        let kept = self.by_id.remove(&id)?;
        self.ends.remove(&(kept.lease.until, id));
        if let Some(of_number) = self.by_number.get_mut(&kept.lease.number) {
            of_number.remove(&id);
            if of_number.is_empty() {
                self.by_number.remove(&kept.lease.number);
            }
        }
        Some(kept)
    }

    fn forget_old(&mut self, now: Timestamp) {
        while let Some(&(until, id)) = self.ends.first()
            && (until + TOLD_FOR <= now || self.by_id.len() > KNOWN_MAX)
        {
            self.take(id);
        }
    }

    fn of_number<'a>(&'a self, number: &PhoneNumber) -> impl Iterator<Item = &'a Lease> {
        let by_number = &self.by_number;
        let ids = by_number.get(&number.received).or_else(|| by_number.get(&number.normal));
        ids.into_iter().flatten().filter_map(|id| Some(&self.by_id.get(id)?.lease))
    }

    /// What becomes of a call to this number; none where it stands for nobody. `diverted` is a call
    /// that somebody forwarded here.
    pub fn find(
        &self,
        number: &PhoneNumber,
        (caller, country): (&PhoneNumber, &str),
        at: Timestamp,
        diverted: bool,
    ) -> Option<Found> {
        let is_party = |lease: &Lease| lease.is_party(caller, country);
        let Some(lease) = self.of_number(number).find(|lease| lease.counts(at)) else {
            let told = |lease: &&Lease| lease.until <= at && at < lease.until + TOLD_FOR;
            let over = self.of_number(number).filter(told).find(|&lease| is_party(lease))?;
            return Some(Found::Refused(Some(over.id), LeaseRefusal::Over));
        };
        let returns = caller.normal == number.normal || (diverted && is_party(lease));
        if returns {
            return Some(Found::Loop);
        }
        let binding =
            |to: &str| Binding { lease: lease.id, to: to.to_owned(), record: lease.record };
        let refused = |why| Found::Refused(Some(lease.id), why);
        let is = |party: &str| PhoneNumber::parse(party, country).normal == caller.normal;
        Some(match (lease.kind, &lease.b) {
            (LeaseKind::Axe, _) => Found::Code,
            (LeaseKind::Ax, _) if is(&lease.a) => {
                let last = self.by_id.get(&lease.id).and_then(|kept| kept.caller.as_deref());
                last.map_or(refused(LeaseRefusal::NobodyCalled), |to| Found::Reaches(binding(to)))
            }
            (LeaseKind::Ax, _) => Found::Reaches(binding(&lease.a)),
            (LeaseKind::Axb, Some(b)) if is(&lease.a) => Found::Reaches(binding(b)),
            (LeaseKind::Axb, Some(b)) if is(b) => Found::Reaches(binding(&lease.a)),
            (LeaseKind::Axb, _) => refused(LeaseRefusal::Stranger),
        })
    }

    /// Whom this code of the number reaches.
    pub fn by_code(&self, number: &PhoneNumber, code: &str, at: Timestamp) -> Option<Binding> {
        let mut leases = self.of_number(number).filter(|lease| lease.counts(at));
        let lease = leases.find(|lease| lease.code.as_deref() == Some(code))?;
        Some(Binding { lease: lease.id, to: lease.a.clone(), record: lease.record })
    }

    /// Somebody keyed in the code of a lease, and was heard.
    pub fn note_proven(&mut self, id: LeaseId, caller: &PhoneNumber) {
        let Some(kept) = self.by_id.get_mut(&id).filter(|_| !caller.is_withheld()) else { return };
        if kept.proven.last() == Some(&caller.normal) {
            return;
        }
        kept.proven.retain(|known| *known != caller.normal);
        if kept.proven.len() >= PROVEN_MAX {
            kept.proven.remove(0);
        }
        kept.proven.push(caller.normal.clone());
        self.touched.insert(id);
    }

    /// Whether they have keyed it in before: who does so again guesses nothing.
    pub fn has_proven(&self, id: LeaseId, caller: &PhoneNumber) -> bool {
        self.by_id.get(&id).is_some_and(|kept| kept.proven.contains(&caller.normal))
    }

    /// Somebody calls by a lease: A may reach them.
    pub fn note_caller(&mut self, id: LeaseId, caller: &PhoneNumber, country: &str) {
        let Some(kept) = self.by_id.get_mut(&id) else { return };
        let is_other = kept.lease.kind == LeaseKind::Ax && !kept.lease.is_party(caller, country);
        if is_other && !caller.is_withheld() {
            kept.caller = Some(caller.received.clone());
            self.touched.insert(id);
        }
    }

    /// This person called nobody and was called by nobody.
    pub fn forget_caller(&mut self, person: &Subscriber) {
        for (&id, kept) in &mut self.by_id {
            if kept.forget(person) {
                self.touched.insert(id);
            }
        }
        self.guesses.retain(|caller, _| !person.is_in(caller));
    }

    /// Counts a call by a lease, as those of an agent's extension are.
    ///
    /// # Errors
    /// It is too much, or there is no such lease any more.
    pub fn count(
        &mut self,
        now: Moment,
        limits: &Limits,
        id: LeaseId,
        (call, number, costly): (CallId, &str, bool),
    ) -> Result<(), LeaseRefusal> {
        let kept = self.by_id.get_mut(&id).ok_or(LeaseRefusal::Over)?;
        self.touched.insert(id);
        let done = kept.guard.call(now, limits, (call, number, costly));
        done.map_err(|_| LeaseRefusal::TooMany)?;
        self.of_call.insert(call, id);
        Ok(())
    }

    /// A call is over.
    pub fn call_ended(&mut self, now: Moment, call: CallId) {
        let Some(id) = self.of_call.remove(&call) else { return };
        if let Some(kept) = self.by_id.get_mut(&id) {
            kept.guard.ended(now, call);
            self.touched.insert(id);
        }
    }

    /// A wrong code.
    pub fn note_guess(&mut self, now: Moment, caller: &PhoneNumber, within: Duration) {
        if self.guesses.len() >= GUESSERS_MAX {
            self.guesses.retain(|_, (since, _)| now - *since < within);
        }
        if self.guesses.len() >= GUESSERS_MAX {
            self.guesses.clear();
        }
        let guess = self.guesses.entry(caller.normal.clone()).or_insert((now, 0));
        if now - guess.0 >= within {
            *guess = (now, 0);
        }
        guess.1 += 1;
    }

    /// Whether this caller has keyed in too many.
    pub fn guesses_too_often(
        &self,
        now: Moment,
        caller: &PhoneNumber,
        (max, within): (u32, Duration),
    ) -> bool {
        let guess = self.guesses.get(&caller.normal);
        guess.is_some_and(|&(since, wrong)| now - since < within && wrong >= max)
    }

    /// A wrong code of a number, whoever keyed it in: who forges callers is counted so. Where it is the
    /// one too many, a lease of the number: its codes are not heard for so long from now on.
    pub fn note_wrong(
        &mut self,
        now: Moment,
        number: &PhoneNumber,
        (max, within): (u32, Duration),
    ) -> Option<LeaseId> {
        let id = self.first_of(number)?;
        let kept = self.by_id.get_mut(&id)?;
        let counted = kept.wrong.filter(|&(since, _)| now - since < within);
        let (since, wrong) = counted.unwrap_or((now, 0));
        let is_last = wrong + 1 == max;
        kept.wrong = Some((if is_last { now } else { since }, (wrong + 1).min(max)));
        self.touched.insert(id);
        self.pauses += u64::from(is_last);
        is_last.then_some(id)
    }

    /// Whether codes of this number are not heard, but from those who have proven that they know them.
    pub fn is_paused(
        &self,
        now: Moment,
        number: &PhoneNumber,
        (max, within): (u32, Duration),
    ) -> bool {
        let kept = self.first_of(number).and_then(|id| self.by_id.get(&id));
        let wrong = kept.and_then(|kept| kept.wrong);
        wrong.is_some_and(|(since, wrong)| now - since < within && wrong >= max)
    }

    /// How often the codes of a number were heard no more for a while.
    pub const fn pauses(&self) -> u64 {
        self.pauses
    }

    /// Has what is counted of a number.
    fn first_of(&self, number: &PhoneNumber) -> Option<LeaseId> {
        let of = self.by_number.get(&number.received);
        of.or_else(|| self.by_number.get(&number.normal))?.first().copied()
    }

    /// What changed since this was asked last.
    pub fn take_changes(&mut self, tenant: TenantId) -> Vec<Change> {
        let touched = std::mem::take(&mut self.touched).into_iter();
        touched.map(|id| Change::of(Key::Lease(tenant, id), self.by_id.get(&id))).collect()
    }

    /// Calls by leases that did not come back after a kill are over.
    pub fn end_lost(&mut self, now: Moment, lives: impl Fn(CallId) -> bool) {
        let lost: Vec<CallId> = self.of_call.keys().copied().filter(|&id| !lives(id)).collect();
        lost.into_iter().for_each(|call| self.call_ended(now, call));
    }

    /// One that the process before kept.
    pub fn restore(&mut self, kept: KeptLease) {
        self.version = self.version.max(kept.lease.version);
        let id = kept.lease.id;
        self.of_call.extend(kept.guard.live_calls().map(|call| (call, id)));
        self.put(kept.lease.clone(), Some(kept));
    }
}

impl Switch {
    /// Numbers stand for others from now on.
    pub(super) fn use_leases(&mut self, now: Now, changes: LeaseChanges) -> Result<(), String> {
        self.world.leases.entry(changes.tenant).or_default().apply(now.wall, changes)
    }

    /// A person is remembered no more, neither to be called back nor to be reached by a lease.
    pub(super) fn forget_person(&mut self, tenant: TenantId, person: &Subscriber) {
        if let Some(leases) = self.world.leases.get_mut(&tenant) {
            leases.forget_caller(person);
        }
        self.world.calls_out.forget_person(tenant, person);
        self.world.texts_asked.forget_person(tenant, person);
        if let Some(tenant) = self.world.tenants.get_mut(&tenant) {
            tenant.traces.forget(person);
            tenant.acd.forget_person(person);
        }
    }
}

#[cfg(test)]
mod tests;
