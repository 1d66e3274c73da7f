//! What the parties are told of a recording: an announcement before it begins, and a soft beep now
//! and then while it runs. The beep takes the place of what the listener hears for a fifth of a
//! second; who hears a prompt or music is spared. In a recording neither is heard: it holds what
//! the parties say.

use super::Recording;
use super::rules::Decision;
use crate::call::timers::Timer;
use crate::call::{Call, Phase};
use crate::ivr::prompt;
use crate::switch::Cx;
use std::collections::BTreeSet;
use std::time::Duration;
use terms::media::{Command, PlayEnd, Playback, Side, Source};
use terms::{LegId, PlaybackId, UserId};

/// Length of a beep.
const BEEP_MS: u32 = 200;

/// A recording that begins when everybody knows of it.
#[derive(Debug)]
pub(in crate::call) struct Announcing {
    pub decision: Decision,
    pub parties: Vec<(LegId, Side)>,
    pub by: Option<UserId>,
    /// They hear it still.
    waiting: BTreeSet<LegId>,
}

impl Call {
    /// Tells the parties, then records.
    pub(super) fn announce_recording(
        &mut self,
        cx: &mut Cx,
        decision: Decision,
        parties: Vec<(LegId, Side)>,
        by: Option<UserId>,
    ) {
        let source = prompt::prompt(self.language(), &decision.then.announce);
        let mut waiting = BTreeSet::new();
        for &(leg, _) in &parties {
            if self.play(cx, leg, vec![source.clone()], false, false) {
                waiting.insert(leg);
            }
        }
        self.announcing = Some(Announcing { decision, parties, by, waiting });
    }

    /// A party has heard the announcement, or hears something else by now. Where the prompt is
    /// missing nobody was told, so nothing is recorded.
    pub(in crate::call) fn announced(&mut self, cx: &mut Cx, leg: LegId, end: Option<&PlayEnd>) {
        let Some(announcing) = &mut self.announcing else { return };
        if !announcing.waiting.remove(&leg) {
            return;
        }
        if let Some(PlayEnd::Missing(name)) = end {
            let why = format!("the announcement {name} is missing");
            self.announcing = None;
            return self.refuse_recording(cx, &why);
        }
        if announcing.waiting.is_empty()
            && let Some(Announcing { decision, parties, by, .. }) = self.announcing.take()
        {
            self.start_by(cx, decision, parties, by);
        }
    }

    /// A party is gone.
    pub(super) fn announce_without(&mut self, cx: &mut Cx, leg: LegId) {
        if let Some(announcing) = &mut self.announcing {
            announcing.parties.retain(|&(party, _)| party != leg);
            self.announced(cx, leg, None);
        }
    }

    pub(super) fn arm_beep(&mut self, cx: &Cx) {
        let beeps = |recording: &&Recording| recording.then.beep && recording.paused.is_none();
        let every = self.recording.as_ref().filter(beeps).map(|r| r.then.beep_every_s.max(1));
        let at = every.map(|every| cx.now.moment + Duration::from_secs(every.into()));
        self.timers.set_or_clear(Timer::RecordingBeep, at);
    }

    /// It is time for the next beep.
    pub(in crate::call) fn beep(&mut self, cx: &mut Cx) {
        self.arm_beep(cx);
        if !matches!(self.phase, Phase::Talking(_)) {
            return;
        }
        let Some(recording) = &self.recording else { return };
        let hears = |&&(leg, _): &&(LegId, Side)| {
            self.legs.get(&leg).is_some_and(|leg| leg.is_open() && leg.playing.is_none())
        };
        let legs: Vec<LegId> =
            recording.parties.iter().filter(hears).map(|party| party.0).collect();
        for leg in legs {
            // It is nobody's prompt: its end is of no interest to anybody.
            let id = PlaybackId(cx.id());
            let sources = vec![Source::Reminder { ms: BEEP_MS }];
            cx.media(Command::Play { leg, playback: Playback::once(id, sources) });
        }
    }
}
