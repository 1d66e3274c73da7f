//! What an emergency plan says before it takes the caller on: one prompt, then the target. A prompt
//! that is missing or endless holds nobody.

use super::timers::Timer;
use super::{Call, Next, Phase};
use crate::ivr::prompt::prompt;
use crate::switch::Cx;
use terms::routing::Target;

impl Call {
    /// Where a call from outside goes that an emergency plan in force is about.
    pub(super) fn emergency_way(&self, target: Target) -> Next {
        let Some(emergency) = self.plan.emergency(&self.called) else { return Next::To(target) };
        let target = emergency.flow.map_or(target, Target::Flow);
        match emergency.announcement.clone() {
            Some(prompt) => Next::Announce { prompt, target },
            None => Next::To(target),
        }
    }

    /// Plays the prompt.
    pub(super) fn announce_emergency(&mut self, cx: &mut Cx, name: &str, target: Target) {
        let sources = vec![prompt(self.language(), name)];
        self.story.heard = true;
        self.phase = Phase::Announcing { target };
        let until = cx.now.moment + cx.world.config.announcement_max;
        self.timers.set(Timer::Farewell, until);
        if !self.play(cx, self.anchor, sources, false, false) {
            self.announcement_over(cx);
        }
    }

    /// It was heard, or takes too long: the caller is taken on.
    pub(super) fn announcement_over(&mut self, cx: &mut Cx) {
        if let Phase::Announcing { target } = &self.phase {
            let target = target.clone();
            self.timers.clear(Timer::Farewell);
            self.stop_play(cx, self.anchor);
            self.go_to(cx, Next::To(target));
        }
    }
}
