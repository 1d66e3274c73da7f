//! Texts over trunks. One that came in is written to the event log, and nothing else becomes of it here.
//! One that is to go out goes to a number outside, by the right of who asked for it, over the trunks that
//! a call to that number would be tried over, and the event log says once what came of it.
//!
//! Promise: no text is sent twice. Another trunk is tried only where the one before said that it took
//! nothing; where it said nothing at all, that is what is told.

use super::{Calling, Compiled, Dialled, Now, Output, Switch, World, is_dialable};
use crate::call::why_not;
use crate::calling::Key;
use crate::sip::user_agent::{TextCame, TextOut};
use std::collections::VecDeque;
use terms::control::{NO_MORE_CALLS, TextOrder};
use terms::event::{
    CallingLimit, CallingRefusal, CallingWay, ENTRY_VERSION, Entry, InCalling, Kind, TextReceived,
    TextResult, TextSent, Written,
};
use terms::routing::NumberClass;
use terms::{AgentId, PhoneNumber, TenantId, TextId, TrunkId, UserId};

/// Texts that are on their way out, of all tenants.
const GOING_MAX: usize = 1_000;
/// Why a number gets no text that no trunk takes, for people.
const NOWHERE: &str = "nothing answers that number";
/// Of a trunk that took nothing, and of whom another may take it: it knows no texts, not of this kind, or
/// cannot.
const ANOTHER_MAY: [u16; 7] = [404, 405, 413, 500, 501, 502, 503];

/// A text that may be sent.
#[derive(Debug)]
pub(crate) struct Texting {
    pub tenant: TenantId,
    /// Who has it sent; nobody where a flow does.
    pub by: Option<UserId>,
    /// What the caller of that flow dialled.
    pub dialled: PhoneNumber,
    pub to: PhoneNumber,
    pub digits: String,
    pub text: Written,
    /// Those that were not tried.
    pub trunks: VecDeque<TrunkId>,
}

/// A text that is on its way out.
#[derive(Debug)]
pub(crate) struct Sending {
    wanted: Texting,
    attempts: u8,
    /// The one that was tried last, and the number that it showed.
    over: Option<(TrunkId, String)>,
    /// What it said.
    status: Option<u16>,
}

impl Switch {
    /// The SIP core answers it once the entry stands in the log.
    pub(super) fn text_came(&mut self, now: Now, came: TextCame) {
        let id = TextId(self.world.ids.next(now.wall));
        let TextCame { tx, tenant, trunk, from, to, text } = came;
        let kind = Kind::TextReceived(TextReceived { id, trunk, from, to, text });
        let entry = Box::new(entry(now, tenant, kind));
        self.world.outputs.push_back(Output::TextCame { tx, entry });
    }

    /// Sends a text.
    ///
    /// # Errors
    /// Why it is not sent, for people.
    pub(super) fn sends_text(&mut self, now: Now, order: TextOrder) -> Result<TextId, String> {
        if self.drain.is_some() || !self.world.has_room_for_text() {
            return Err(NO_MORE_CALLS.to_owned());
        }
        if !order.text.is_sendable() {
            return Err("a text has 1-4096 bytes, without control characters".to_owned());
        }
        let plan = self.plan(order.tenant);
        let plan = plan.ok_or_else(|| format!("tenant {} has no plan yet", order.tenant))?;
        let to = PhoneNumber::parse(&order.target, &plan.plan.country);
        let pick = self.world.draw();
        let trunks = whom(&plan, &to, pick)?;
        let digits = to.received.clone();
        // Who has no right to a number learns nothing of the trunks.
        self.may_text(now, &plan, &order, &digits)?;
        let trunks = those_of(trunks, order.trunk)?;
        self.count_text(now, &plan, &order, &digits)?;
        let id = TextId(self.world.ids.next(now.wall));
        let TextOrder { tenant, by, text, .. } = order;
        let (by, dialled, trunks) = (Some(by), PhoneNumber::default(), trunks.into());
        let wanted = Texting { tenant, by, dialled, to, digits, text, trunks };
        self.world.text_goes(now, id, wanted);
        Ok(id)
    }

    /// Whether they may have a text sent to this number: by their right to call out, and the bar on their
    /// extension. What is beyond the right counts as a call beyond it does.
    fn may_text(
        &mut self,
        now: Now,
        plan: &Compiled,
        order: &TextOrder,
        digits: &str,
    ) -> Result<(), &'static str> {
        let agent = AgentId(order.by.0);
        let key = (order.tenant, agent);
        let class = plan.class_of(digits).ok_or("a text is sent to no emergency service")?;
        let (limits, out) = (self.world.config.out, &mut self.world.calls_out);
        if out.is_barred(key) {
            return Err(self.not_texted(now, key, (digits, class), CallingRefusal::Barred, None));
        }
        if class <= plan.right(Some(agent), CallingWay::Dial) {
            return Ok(());
        }
        let is_extension = plan.agent(agent).is_some();
        let limit = is_extension.then(|| out.refused(now, &limits, key)).flatten();
        Err(self.not_texted(now, key, (digits, class), CallingRefusal::NoRight, limit))
    }

    /// It counts for the extension of who asks, as a call that goes on for no time.
    fn count_text(
        &mut self,
        now: Now,
        plan: &Compiled,
        order: &TextOrder,
        digits: &str,
    ) -> Result<(), &'static str> {
        let agent = AgentId(order.by.0);
        let class = plan.agent(agent).and_then(|_| plan.class_of(digits));
        let Some(class) = class else { return Ok(()) };
        let (key, limits) = ((order.tenant, agent), self.world.config.out);
        let counted = self.world.calls_out.text(now, &limits, key, digits);
        let why = CallingRefusal::Barred;
        counted.map_err(|limit| self.not_texted(now, key, (digits, class), why, Some(limit)))
    }

    /// What an extension may not is written down, as of calls, and the bar that it brought. Why not, for
    /// people.
    fn not_texted(
        &mut self,
        now: Now,
        key: Key,
        (digits, class): (&str, NumberClass),
        why: CallingRefusal,
        limit: Option<CallingLimit>,
    ) -> &'static str {
        let is_extension = self.plan(key.0).is_some_and(|plan| plan.agent(key.1).is_some());
        if is_extension {
            let number = digits.chars().take(terms::number::NUMBER_CHARS_MAX).collect();
            let what = InCalling::Refused { number, class, way: CallingWay::Dial, why };
            self.world.note_calling(now, key, what);
        }
        if let Some(limit) = limit {
            self.world.note_calling(now, key, InCalling::Barred { limit });
        }
        why_not(why)
    }

    /// The trunk has said its last word.
    pub(super) fn text_done(&mut self, now: Now, id: TextId, status: u16) {
        let Some(sending) = self.world.texts.get_mut(&id) else { return };
        sending.status = Some(status);
        match ANOTHER_MAY.contains(&status) {
            true => self.world.text_goes_on(now, id),
            false => self.world.text_over(now, id),
        }
    }
}

impl World {
    /// Whether one more text may be on its way.
    pub fn has_room_for_text(&self) -> bool {
        self.texts.len() < GOING_MAX
    }

    /// It goes out, or what came of it is noted at once.
    pub fn text_goes(&mut self, now: Now, id: TextId, wanted: Texting) {
        self.texts.insert(id, Sending { wanted, attempts: 0, over: None, status: None });
        self.text_goes_on(now, id);
    }

    /// Over the next trunk that is there for it; where none is, that is what came of it.
    fn text_goes_on(&mut self, now: Now, id: TextId) {
        let Some(way) = self.next_way(now, id) else { return self.text_over(now, id) };
        self.outputs.push_back(Output::TextGoes(Box::new(way)));
    }

    fn next_way(&mut self, now: Now, id: TextId) -> Option<TextOut> {
        let most = self.config.trunk_attempts_max;
        let Sending { wanted, attempts, over: last, .. } = self.texts.get_mut(&id)?;
        let tenant = self.tenants.get_mut(&wanted.tenant)?;
        if *attempts >= most {
            return None;
        }
        let first = *attempts == 0;
        let probed = first.then(|| tenant.trunks.probe(wanted.trunks.iter(), now.moment)).flatten();
        let own = wanted.by.map(|by| tenant.plan.numbers_of(AgentId(by.0)));
        let (agent, dialled) = (own.unwrap_or_default(), wanted.dialled.clone());
        let calling = Calling { agent, dialled, ..Calling::default() };
        let (plan, usage) = (&tenant.plan, &tenant.trunks);
        let over = |trunk: TrunkId| {
            let is_there = probed == Some(trunk) || !usage.is_down(trunk);
            let shown = plan.shown(plan.trunk(trunk)?, &calling)?;
            is_there.then_some((trunk, shown))
        };
        let trunks = &mut wanted.trunks;
        let (trunk, shown) = std::iter::from_fn(|| trunks.pop_front()).find_map(over)?;
        *attempts += 1;
        *last = Some((trunk, shown.clone()));
        Some(TextOut {
            id,
            tenant: wanted.tenant,
            trunk,
            number: wanted.digits.clone(),
            from_user: shown,
            text: wanted.text.clone(),
        })
    }

    fn text_over(&mut self, now: Now, id: TextId) {
        let Some(Sending { wanted, over, status, .. }) = self.texts.remove(&id) else { return };
        let Texting { tenant, by, to, text, .. } = wanted;
        let (trunk, from) = over.unzip();
        let (from, result) = (from.unwrap_or_default(), result(status));
        let sent = TextSent { id, by, trunk, from, to, text, result, status };
        self.log(entry(now, tenant, Kind::TextSent(sent)));
    }
}

fn result(status: Option<u16>) -> TextResult {
    match status {
        None => TextResult::NoTrunk,
        Some(200..300) => TextResult::Taken,
        Some(408 | 504) => TextResult::Unanswered,
        Some(_) => TextResult::Refused,
    }
}

/// The trunks that a number outside leads over, in the order they are tried; none where no trunk takes it.
fn whom(plan: &Compiled, to: &PhoneNumber, pick: u64) -> Result<Vec<TrunkId>, &'static str> {
    match plan.dialled(to, pick) {
        Some(Dialled::Outside { trunks, site: None, .. }) => Ok(trunks),
        Some(_) => Err("a text is sent to a number outside"),
        None if is_dialable(&to.received) => Ok(Vec::new()),
        None => Err(NOWHERE),
    }
}

/// Those of them that are wanted.
fn those_of(
    mut trunks: Vec<TrunkId>,
    wanted: Option<TrunkId>,
) -> Result<Vec<TrunkId>, &'static str> {
    if trunks.is_empty() {
        return Err(NOWHERE);
    }
    trunks.retain(|trunk| wanted.is_none_or(|wanted| *trunk == wanted));
    if trunks.is_empty() {
        return Err("this number does not lead over that trunk");
    }
    Ok(trunks)
}

fn entry(now: Now, tenant: TenantId, kind: Kind) -> Entry {
    let (contact, call, leg) = (None, None, None);
    Entry { v: ENTRY_VERSION, seq: 0, at: now.wall, tenant, contact, call, leg, kind }
}
