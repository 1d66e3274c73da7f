//! Calls that were, walked through another version of their flow: what callers pressed is in the
//! log, so it can be seen beforehand which of them would have gone another way. What the log does
//! not know (a masked entry, what a server answered, a question that was never asked) ends a replay.

use super::{Act, Scene, Transcript, Walk, Walked};
use crate::ivr::flow::Flow;
use crate::ivr::run::Run;
use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

/// Things that may happen in one replay: a flow that asks without end is given up.
const ACTS_MAX: usize = 1_000;

/// A step that a call went through, as the log tells it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Past {
    /// Its name.
    pub step: String,
    /// The edge that it left by.
    pub exit: String,
    /// What was entered, with `*` where it is secret.
    pub digits: Option<String>,
}

/// How a replay compares with the call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Replayed {
    /// It would go the same way.
    Same,
    /// It would leave its way at this step.
    Differs {
        /// The step of the call; none where it was over.
        before: Option<(String, String)>,
        /// The step that it would take instead, and the edge where it left that one; none where it
        /// would be over.
        after: Option<(String, Option<String>)>,
    },
    /// As far as the log knows it is the same; here it does not know enough.
    Unknown {
        /// The step.
        step: String,
    },
}

/// Walks `flow` as the caller of `past` would.
pub fn replay(flow: &Arc<Flow>, scene: &Scene, past: &[Past]) -> Replayed {
    let mut entries: BTreeMap<&str, VecDeque<&Past>> = BTreeMap::new();
    for step in past {
        entries.entry(&step.step).or_default().push_back(step);
    }
    let mut walk = Walk::new(scene);
    let mut run = walk.start(Arc::clone(flow));
    // What the log says of the step where the call is, and how many were left before it.
    let (mut entry, mut left) = (None, None);
    for _ in 0..ACTS_MAX {
        if run.is_over() || walk.told.end.is_some() {
            return compare(past, &walk.finish(&run), false);
        }
        if left != Some(walk.told.steps.len()) {
            left = Some(walk.told.steps.len());
            let own = entries.get_mut(run.step()).filter(|_| run.of().is_none());
            entry = own.and_then(VecDeque::pop_front);
        }
        if !go_on(&mut walk, &mut run, entry) {
            break;
        }
    }
    compare(past, &walk.finish(&run), true)
}

/// Does once what was done in this step. False where the log does not say what that was.
fn go_on(walk: &mut Walk, run: &mut Run, entry: Option<&Past>) -> bool {
    let kind = run.kind();
    let exit = entry.map(|entry| entry.exit.as_str());
    let act = match (kind, exit, entry.and_then(|entry| entry.digits.as_deref())) {
        // A step of this kind leaves by an edge of that name, without the caller.
        (kind, Some("hangup"), _) if kind != "hangup" => Act::Hangup,
        ("play" | "menu" | "collect", Some("error"), _) if walk.playing => Act::Unheard,
        _ if walk.playing => Act::Silence,
        ("menu" | "collect" | "http" | "sql" | "bot", Some("timeout"), _) => Act::Silence,
        ("http" | "sql" | "order" | "bot", Some("error"), _) => {
            Act::Http(Err("replayed".to_owned()))
        }
        ("menu", _, Some(digits)) => return type_in(walk, run, digits),
        // What is all stars may be a secret.
        ("collect", Some("next"), Some(digits)) if digits.chars().any(|c| c != '*') => {
            return type_in(walk, run, digits);
        }
        _ => return false,
    };
    walk.act(run, act);
    true
}

/// Types an entry and leaves it at that, as long as it is asked for.
fn type_in(walk: &mut Walk, run: &mut Run, digits: &str) -> bool {
    let here = walk.told.steps.len();
    for digit in digits.chars().filter(|c| "0123456789*#ABCD".contains(*c)) {
        if walk.told.steps.len() == here {
            walk.act(run, Act::Digit(digit));
        }
    }
    if walk.told.steps.len() == here && !walk.playing {
        walk.act(run, Act::Silence);
    }
    true
}

/// Puts the walk beside the call; `is_stuck` is a walk that ended where the log knew no more.
fn compare(past: &[Past], told: &Transcript, is_stuck: bool) -> Replayed {
    let mut own = told.steps.iter().filter(|step| step.of.is_none());
    let way = |step: &Walked| (step.step.clone(), step.exit.clone());
    for before in past {
        let after = own.next();
        if after.is_none() && is_stuck {
            // It is in a flow that was called, of which the log of this one says nothing.
            return Replayed::Unknown { step: before.step.clone() };
        }
        // Where another machine has the call, the log says how it came back, the walk does not.
        let open = after.filter(|after| after.exit.is_none() && after.step == before.step);
        if let Some(open) = open {
            let step = open.step.clone();
            return if is_stuck { Replayed::Unknown { step } } else { Replayed::Same };
        }
        let is_same = after.is_some_and(|after| {
            after.step == before.step && after.exit.as_ref() == Some(&before.exit)
        });
        if !is_same {
            let before = Some((before.step.clone(), before.exit.clone()));
            return Replayed::Differs { before, after: after.map(way) };
        }
    }
    match own.next() {
        None => Replayed::Same,
        after => Replayed::Differs { before: None, after: after.map(way) },
    }
}

#[cfg(test)]
mod tests;
