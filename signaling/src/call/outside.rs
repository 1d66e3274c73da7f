//! Whether somebody may have a number outside called: their right, and for an agent's extension the
//! bar and the guard ([`crate::calling`]). A flow has the tenant's right. Where a published number
//! leads outside, that was chosen by who runs the hotline.

use super::dial::Dialable;
use super::site::NO_SITES;
use super::{Call, cause};
use crate::switch::{Cx, is_dialable};
use terms::event::{Calling, CallingLimit, CallingRefusal, CallingWay, InCalling, Kind, Party};
use terms::routing::NumberClass;
use terms::{AgentId, PhoneNumber, UserId};

/// Why a number may not be called, and what was too much with it.
type Kept = (CallingRefusal, Option<CallingLimit>);

/// Why a number is not called, for people.
pub(crate) fn why_not(why: CallingRefusal) -> &'static str {
    match why {
        CallingRefusal::NoRight => "there is no right to call numbers of this class",
        CallingRefusal::NoSites => NO_SITES,
        CallingRefusal::Barred => "calling out is barred until an administrator lifts it",
    }
}

/// The prompt that says it to who dialled.
pub(super) fn announcement(why: CallingRefusal) -> &'static str {
    match why {
        CallingRefusal::NoRight | CallingRefusal::NoSites => "call_not_allowed",
        CallingRefusal::Barred => "call_barred",
    }
}

/// A refusal for the log, and the bar that it brought.
fn written(
    (digits, class): (&str, NumberClass),
    way: CallingWay,
    (why, limit): Kept,
) -> impl Iterator<Item = InCalling> {
    let number = digits.chars().take(terms::number::NUMBER_CHARS_MAX).collect();
    let refused = InCalling::Refused { number, class, way, why };
    std::iter::once(refused).chain(limit.map(|limit| InCalling::Barred { limit }))
}

impl Call {
    /// Whether `agent` may have `to` called; then it counts for their extension. What may not be is
    /// written down.
    pub(super) fn may_call(
        &self,
        cx: &mut Cx,
        agent: AgentId,
        to: &Dialable,
        way: CallingWay,
    ) -> Result<(), CallingRefusal> {
        let Dialable::Outside { digits, site, .. } = to else { return Ok(()) };
        if site.is_some() {
            return self.may_call_site(cx, agent, digits, way);
        }
        let Some(class) = cx.plan(self.tenant).and_then(|plan| plan.class_of(digits)) else {
            return Ok(());
        };
        let counted = self.count(cx, agent, (digits, class), way);
        self.told(cx, agent, (digits, class), way, counted)
    }

    /// The same of what leads nowhere because no trunk takes it and nobody has it: no call is made, so
    /// what they have a right to counts nothing, and what they have no right to is refused and counts
    /// as it would over a trunk. Whoever tries learns nothing of the trunks.
    pub(super) fn may_try(
        &self,
        cx: &mut Cx,
        agent: AgentId,
        target: &str,
        way: CallingWay,
    ) -> Result<(), CallingRefusal> {
        let Some((digits, class)) = self.led_nowhere(cx, target) else { return Ok(()) };
        let asked = self.within_right(cx, agent, class, way);
        self.told(cx, agent, (digits.as_str(), class), way, asked)
    }

    /// The same of what a screen wants dialled. The call that is not made is in no log.
    pub(super) fn may_click(
        &self,
        cx: &mut Cx,
        agent: AgentId,
        target: &str,
    ) -> Result<(), CallingRefusal> {
        let Some((digits, class)) = self.led_nowhere(cx, target) else { return Ok(()) };
        let way = CallingWay::Dial;
        let asked = self.within_right(cx, agent, class, way);
        let Err((why, limit)) = asked else { return Ok(()) };
        let (now, key) = (cx.now, (self.tenant, agent));
        for what in written((digits.as_str(), class), way, (why, limit)) {
            cx.world.note_calling(now, key, what);
        }
        Err(why)
    }

    /// What would be dialled outside, and its class, where nobody has it and no trunk takes it.
    fn led_nowhere(&self, cx: &Cx, target: &str) -> Option<(String, NumberClass)> {
        if self.resolve(target).is_some() {
            return None;
        }
        let plan = cx.plan(self.tenant)?;
        let digits = PhoneNumber::parse(target, &plan.plan.country).received;
        let class = plan.class_of(&digits).filter(|_| is_dialable(&digits))?;
        Some((digits, class))
    }

    /// What may not be is written down, and the bar that it brought.
    fn told(
        &self,
        cx: &mut Cx,
        agent: AgentId,
        number: (&str, NumberClass),
        way: CallingWay,
        result: Result<(), Kept>,
    ) -> Result<(), CallingRefusal> {
        let Err(kept) = result else { return Ok(()) };
        for what in written(number, way, kept) {
            self.log(cx, None, Kind::Calling(Calling { agent, what }));
        }
        Err(kept.0)
    }

    /// Counts a call out. Why it may not be, and what was too much with it.
    fn count(
        &self,
        cx: &mut Cx,
        agent: AgentId,
        (digits, class): (&str, NumberClass),
        way: CallingWay,
    ) -> Result<(), Kept> {
        self.within_right(cx, agent, class, way)?;
        let (now, key, limits) = (cx.now, (self.tenant, agent), cx.world.config.out);
        let call = (self.id, digits, class.is_costly());
        let counted = cx.world.calls_out.call(now, &limits, key, call);
        counted.map_err(|limit| (CallingRefusal::Barred, Some(limit)))
    }

    /// Asks the bar and the right, and counts what is beyond it.
    fn within_right(
        &self,
        cx: &mut Cx,
        agent: AgentId,
        class: NumberClass,
        way: CallingWay,
    ) -> Result<(), Kept> {
        let (now, key, limits) = (cx.now, (self.tenant, agent), cx.world.config.out);
        let right = cx.plan(self.tenant).map(|plan| plan.right(Some(agent), way));
        let out = &mut cx.world.calls_out;
        if out.is_barred(key) {
            return Err((CallingRefusal::Barred, None));
        }
        if right.is_some_and(|right| class <= right) {
            return Ok(());
        }
        // Who calls an extension does not decide where it is forwarded to.
        let limit = match way {
            CallingWay::Forward => None,
            CallingWay::Dial | CallingWay::Transfer | CallingWay::Invite => {
                out.refused(now, &limits, key)
            }
        };
        Err((CallingRefusal::NoRight, limit))
    }

    /// Whether somebody at a screen may have `to` called; nobody is a flow, or a chairperson with keys.
    /// A person and their extension have one id. The guard is for extensions.
    pub(super) fn screen_may_call(
        &self,
        cx: &Cx,
        by: Option<UserId>,
        to: &Dialable,
    ) -> Result<(), &'static str> {
        let Dialable::Outside { digits, site, .. } = to else { return Ok(()) };
        let Some(plan) = cx.plan(self.tenant) else { return Ok(()) };
        let agent = by.map(|user| AgentId(user.0));
        if site.is_some() {
            return if plan.may_call_sites(agent) { Ok(()) } else { Err(NO_SITES) };
        }
        if agent.is_some_and(|agent| cx.world.calls_out.is_barred((self.tenant, agent))) {
            return Err(why_not(CallingRefusal::Barred));
        }
        let right = plan.right(agent, CallingWay::Invite);
        match plan.class_of(digits).is_none_or(|class| class <= right) {
            true => Ok(()),
            false => Err(why_not(CallingRefusal::NoRight)),
        }
    }

    /// A call that a meeting makes, or that sends a fax, counts for the extension of who asked for it;
    /// their right was looked at before. Where it is too much they are barred, and nobody is called.
    pub(super) fn count_for(
        &self,
        cx: &mut Cx,
        agent: AgentId,
        to: &Dialable,
    ) -> Result<(), &'static str> {
        let Dialable::Outside { digits, site: None, .. } = to else { return Ok(()) };
        let Some(plan) = cx.plan(self.tenant) else { return Ok(()) };
        let class = plan.agent(agent).and_then(|_| plan.class_of(digits));
        let Some(class) = class else { return Ok(()) };
        let (now, key, limits) = (cx.now, (self.tenant, agent), cx.world.config.out);
        let out = &mut cx.world.calls_out;
        if out.is_barred(key) {
            return Err(why_not(CallingRefusal::Barred));
        }
        let call = (self.id, digits.as_str(), class.is_costly());
        let Err(limit) = out.call(now, &limits, key, call) else { return Ok(()) };
        // The call that is not made is in no log.
        cx.world.note_calling(now, key, InCalling::Barred { limit });
        Err(why_not(CallingRefusal::Barred))
    }

    /// The agent who had it made was barred.
    pub(crate) fn cut_off(&mut self, cx: &mut Cx) {
        self.end(cx, cause::REJECTED, Party::System);
    }
}
