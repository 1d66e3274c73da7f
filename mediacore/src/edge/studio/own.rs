//! Prompts of the tenants' own: what a plan names is read here, off the media path, and lies ready
//! before anybody works by the plan.
//!
//! A file is named by its content, so what was read once is not read again. One that is gone, or that
//! is not played any more, is left out and told: callers hear the box's prompt in its place.

use crate::edge::prompts::{self, Skipped};
use crate::prompt::{Limits, OwnPrompts};
use std::collections::{BTreeMap, HashMap};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;
use std::sync::Arc;
use terms::TenantId;

/// What a tenant has of its own, by its plan.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Own {
    /// Whose.
    pub tenant: TenantId,
    /// The tenant's language.
    pub language: String,
    /// Files by name, such as `zh-CN/welcome`.
    pub files: BTreeMap<String, PathBuf>,
}

/// A set that was read, and from which files.
#[derive(Clone, Debug)]
pub struct ReadOwn {
    /// As it was asked for.
    pub own: Own,
    /// What is in the files.
    pub prompts: OwnPrompts,
    /// Files that were left out.
    pub skipped: Vec<Skipped>,
}

/// Reads a set; what `before` has of the same files is taken from there.
pub fn read(own: &Own, before: Option<&ReadOwn>, limits: &Limits) -> ReadOwn {
    let known: HashMap<&PathBuf, _> = before
        .iter()
        .flat_map(|before| {
            let prompt = |name| before.prompts.prompts.get(name);
            before.own.files.iter().filter_map(move |(name, path)| Some((path, prompt(name)?)))
        })
        .collect();
    let mut found = HashMap::new();
    let mut skipped = Vec::new();
    for (name, path) in &own.files {
        let prompt = match known.get(path) {
            Some(&prompt) => Ok(Arc::clone(prompt)),
            // It was decoded when it was uploaded, by another process; here calls are at stake.
            None => catch_unwind(AssertUnwindSafe(|| prompts::read(path, limits)))
                .unwrap_or_else(|_| Err("it cannot be decoded".to_owned()))
                .map(Arc::new),
        };
        match prompt {
            Ok(prompt) => {
                found.insert(name.clone(), prompt);
            }
            Err(reason) => skipped.push(Skipped { path: path.clone(), reason }),
        }
    }
    let prompts = OwnPrompts { language: own.language.clone(), prompts: found };
    ReadOwn { own: own.clone(), prompts, skipped }
}

pub(super) type Then = Box<dyn FnOnce() + Send>;

/// The sets of all tenants: those that the cores have, and those that wait to be read.
#[derive(Default)]
pub(super) struct Shelf {
    have: HashMap<TenantId, ReadOwn>,
    waiting: BTreeMap<TenantId, Pending>,
}

struct Pending {
    own: Own,
    then: Vec<Then>,
}

impl Shelf {
    pub(super) fn new(have: Vec<ReadOwn>) -> Self {
        let have = have.into_iter().map(|read| (read.own.tenant, read)).collect();
        Shelf { have, waiting: BTreeMap::new() }
    }

    /// Does `then` now where the cores have this set; else it waits, and true is answered. What comes
    /// while an earlier set of the tenant is read waits too: nothing overtakes.
    pub(super) fn want(&mut self, own: Own, then: Then) -> bool {
        if let Some(pending) = self.waiting.get_mut(&own.tenant) {
            pending.own = own;
            pending.then.push(then);
            return true;
        }
        let is_there = |read: &ReadOwn| read.own == own && read.skipped.is_empty();
        if self.have.get(&own.tenant).is_some_and(is_there) {
            then();
            return false;
        }
        self.waiting.insert(own.tenant, Pending { own, then: vec![then] });
        true
    }

    /// The next set to be read, and what the tenant has now. It stays in line until it is
    /// [`Shelf::done`].
    pub(super) fn next(&self) -> Option<(Own, Option<ReadOwn>)> {
        let (tenant, pending) = self.waiting.first_key_value()?;
        Some((pending.own.clone(), self.have.get(tenant).cloned()))
    }

    /// The cores have this set: whoever waited for it goes on, unless another is wanted by now.
    pub(super) fn done(&mut self, read: ReadOwn) {
        let tenant = read.own.tenant;
        let is_wanted = |pending: &Pending| pending.own == read.own;
        if self.waiting.get(&tenant).is_some_and(is_wanted)
            && let Some(pending) = self.waiting.remove(&tenant)
        {
            for then in pending.then {
                then();
            }
        }
        self.have.insert(tenant, read);
    }
}
