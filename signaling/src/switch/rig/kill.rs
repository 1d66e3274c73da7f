//! The process is killed and another goes on: what is in memory is gone, what was kept and what
//! others have (dialogs, ports) is there.

use super::{Event, Input, Rig, Secret, Switch, ledger};
use crate::acd::{KeptAgent, KeptLast, KeptLeaver};
use crate::call::Kept;
use crate::calling::Guard;
use crate::conference::Conference;
use crate::conference::doors::Door;
use crate::kept::{Change, Key};
use crate::switch::Remembered;
use crate::switch::leases::KeptLease;
use crate::switch::traces::Trace;
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::collections::BTreeSet;
use std::time::Duration;
use terms::LegId;
use terms::control::{Answer, Ask};
use terms::media::{Ledger, RecordingState};

/// From the kill to the first sign of the next process.
const GAP: Duration = Duration::from_millis(400);

/// A record has no names: one whose parts are not all written, or not where they are read, comes back
/// as something else. So each that a story makes is read and written again.
///
/// # Panics
/// When that is not the same, octet by octet.
pub fn reads_back(change: &Change) {
    match change.key {
        Key::Call(_) => same::<Kept<'static>>(change),
        Key::Conference(..) => same::<Conference>(change),
        Key::Door(..) => same::<Door>(change),
        Key::Agent(..) => same::<KeptAgent>(change),
        Key::Trace(..) => same::<Trace>(change),
        Key::Lease(..) => same::<KeptLease>(change),
        Key::Guard(..) => same::<Guard>(change),
        Key::Left(..) => same::<KeptLeaver>(change),
        Key::Last(..) => same::<KeptLast>(change),
        Key::Leg(_) | Key::Phones(..) | Key::Lamps(..) | Key::Trunk(..) => {}
    }
}

fn same<T: Serialize + DeserializeOwned>(change: &Change) {
    let read: T = change.read().unwrap_or_else(|| panic!("{change:?} cannot be read"));
    let again = Change::of(change.key, Some(&read));
    assert_eq!(again.value, change.value, "{:?} reads as something else", change.key);
}

impl Rig {
    /// Whether wrong PINs are kept.
    pub fn keeps_a_door(&self) -> bool {
        self.kept.keys().any(|key| matches!(key, Key::Door(..)))
    }

    /// The process stops in order while nobody is on the line, and the next one begins so much later.
    ///
    /// # Panics
    /// When somebody is, or what is remembered is not read as it was written.
    pub fn stop_orderly(&mut self, pause: Duration) {
        assert_eq!(self.switch.calls(), 0, "an orderly stop waits for the last call");
        let remembered = self.switch.remember(self.now);
        let text = serde_json::to_string(&remembered).expect("it is JSON");
        let read: Remembered = serde_json::from_str(&text).expect("it is read");
        assert_eq!(read, remembered);
        self.set_clock(self.now.moment + pause);
        self.kept.clear();
        self.begin_anew();
        self.switch.recall(self.now, read);
        self.carry();
    }

    /// The next process, which has the plan and nothing else.
    fn begin_anew(&mut self) {
        self.kills += 1;
        let secret = Secret([43; 32]);
        self.switch = Switch::new(self.config.clone(), 43 + self.kills, secret);
        let plan = self.plan.clone();
        assert_eq!(self.ask(Ask::Plan(Box::new(plan))), Answer::Done, "the kept plan is taken");
    }

    /// The process is killed now; media could not have the ports of `lost` again.
    ///
    /// # Panics
    /// When the next switch does not take the plan.
    pub fn kill(&mut self, lost: &[LegId]) {
        // What was on its way to the switch found nobody, but for rows of recordings: they are told
        // until they are taken.
        self.events.retain(|_, input| matches!(input, Input::Media(Event::Recorded(_))));
        self.playing.clear();
        self.requests.clear();
        self.questions.clear();
        self.dialogs.retain(|_, dialog| dialog.answered);
        for (start, at) in std::mem::take(&mut self.recordings).into_values() {
            let cut = ledger(&start, self.now.moment - at);
            let repaired = Ledger { state: RecordingState::Repaired, ..cut };
            self.later(GAP * 2, Input::Media(Event::Recorded(repaired)));
        }
        for leg in lost {
            self.books.ports_closed += u64::from(self.ports_open.remove(leg));
        }
        self.set_clock(self.now.moment + GAP);
        self.begin_anew();
        let kept: Vec<_> = self.kept.values().cloned().collect();
        let (dialogs, ports) = (&self.dialogs, &self.ports_open);
        let has_dialog = |leg| dialogs.contains_key(&leg);
        self.switch.restore(self.now, &kept, has_dialog, |leg| ports.contains(&leg));
        self.carry();
        let unclaimed: BTreeSet<LegId> =
            self.ports_open.iter().copied().filter(|&leg| !self.switch.has_leg(leg)).collect();
        for leg in unclaimed {
            self.ports_open.remove(&leg);
            self.books.ports_closed += 1;
        }
        // The SIP core ends dialogs that no call has.
        let switch = &self.switch;
        self.dialogs.retain(|&leg, _| switch.has_leg(leg));
    }
}
