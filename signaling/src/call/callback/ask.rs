//! A waiting caller asks to be called back: a key, where the tenant allows it another number, a
//! confirmation, and the line is free. What cannot be called is refused with a prompt, and the caller
//! waits on.

use crate::call::queue::Waiting;
use crate::call::timers::Timer;
use crate::call::{Call, Phase, cause};
use crate::ivr::prompt;
use crate::switch::Cx;
use std::sync::Arc;
use std::time::Duration;
use terms::event::Kind;
use terms::media::{PlayEnd, Source};
use terms::routing::{self, Queue};
use terms::{ContactId, Moment, PhoneNumber, QueueId, TenantId};

/// Digits of another number.
const DIGITS_MAX: usize = 20;
/// From the question for it to its first digit.
const FIRST_DIGIT: Duration = Duration::from_secs(20);
/// From one digit to the next.
const NEXT_DIGIT: Duration = Duration::from_secs(10);
/// From the wish in a flow to the first call for it: the caller hears the flow out and hangs up.
const GOODBYE: Duration = Duration::from_secs(20);

/// A caller is to be called back, and keeps their place.
#[derive(Clone, Debug)]
pub(crate) struct AskedBack {
    pub tenant: TenantId,
    pub contact: ContactId,
    /// What the caller dialled: it is shown to them.
    pub hotline: PhoneNumber,
    /// Whom to call.
    pub number: PhoneNumber,
    pub language: Option<String>,
    pub queue: Arc<Queue>,
    pub settings: routing::Callback,
    pub priority: i32,
    /// Since when they have waited.
    pub since: Moment,
    /// Nobody is called for it so long: they are on the line still.
    pub rest: Duration,
}

impl Call {
    /// A key while the caller waits.
    pub(in crate::call) fn waiting_digit(&mut self, cx: &mut Cx, digit: char) {
        let Phase::Waiting(waiting) = &self.phase else { return };
        // Who is rung for them answers in a moment.
        if waiting.rings() {
            return;
        }
        if waiting.typed.is_some() {
            return self.number_digit(cx, digit);
        }
        if self.leave_by_key(cx, digit) || self.step_aside(cx, digit) {
            return;
        }
        let Phase::Waiting(waiting) = &self.phase else { return };
        let settings = waiting.queue.in_queue.callback.as_ref();
        // Who was called back has what they asked for.
        let settings = settings.filter(|it| it.key == digit && self.callback.is_none());
        match settings.map(|it| it.other_number) {
            Some(true) => self.ask_number(cx),
            Some(false) => self.ask_back(cx, self.caller.clone()),
            None => {}
        }
    }

    fn ask_number(&mut self, cx: &mut Cx) {
        if let Phase::Waiting(waiting) = &mut self.phase {
            waiting.typed = Some(String::new());
        }
        self.timers.set(Timer::Typing, cx.now.moment + FIRST_DIGIT);
        let question = prompt::prompt(self.language(), "callback_number");
        self.play(cx, self.anchor, vec![question], false, true);
    }

    fn number_digit(&mut self, cx: &mut Cx, digit: char) {
        let Phase::Waiting(Waiting { typed: Some(typed), .. }) = &mut self.phase else { return };
        match digit {
            '#' => {
                let number = match typed.as_str() {
                    "" => self.caller.clone(),
                    typed => PhoneNumber::parse(typed, &self.plan.plan.country),
                };
                self.ask_back(cx, number);
            }
            '*' => self.typed_too_long(cx),
            '0'..='9' if typed.len() < DIGITS_MAX => {
                typed.push(digit);
                self.timers.set(Timer::Typing, cx.now.moment + NEXT_DIGIT);
            }
            _ => {}
        }
    }

    /// No number came: the caller waits on.
    pub(in crate::call) fn typed_too_long(&mut self, cx: &mut Cx) {
        self.timers.clear(Timer::Typing);
        let Phase::Waiting(waiting) = &mut self.phase else { return };
        if waiting.typed.take().is_some() && !waiting.rings() {
            self.play_music(cx, &PlayEnd::Finished);
        }
    }

    fn ask_back(&mut self, cx: &mut Cx, number: PhoneNumber) {
        self.timers.clear(Timer::Typing);
        let Phase::Waiting(waiting) = &mut self.phase else { return };
        waiting.typed = None;
        let (visit, queue, priority) = (waiting.visit, Arc::clone(&waiting.queue), waiting.own);
        let Some(settings) = queue.in_queue.callback.clone() else { return };
        if self.outside(cx, number.clone()).is_none() {
            let sorry = prompt::prompt(self.language(), "callback_not_possible");
            return self.say_waiting(cx, vec![sorry]);
        }
        let now = cx.now;
        self.hush();
        if let Some(acd) = cx.acd(self.tenant) {
            acd.leave(now, visit);
        }
        self.log(cx, Some(self.anchor), Kind::CallbackQueued { visit, queue: queue.id });
        // A number is called back once, from the better of its places.
        let since = self.queued_since.unwrap_or(now.moment);
        let before = self.take_callback_off(cx, queue.id, &number);
        cx.world.callbacks_asked.push_back(AskedBack {
            tenant: self.tenant,
            contact: self.contact,
            hotline: self.called.clone(),
            number,
            language: self.language.clone(),
            queue,
            settings,
            priority,
            since: before.map_or(since, |before| before.min(since)),
            rest: Duration::ZERO,
        });
        self.story.heard = true;
        self.farewell(cx, &["callback_taken", "goodbye"], cause::NORMAL);
    }

    /// A step of the flow wants it, for who never stood in the queue: their place counts from now on.
    /// False, and nothing happens, where the queue calls nobody back or is full, or the number may not
    /// be called or is another one than it calls.
    pub(in crate::call) fn flow_asks_back(
        &mut self,
        cx: &mut Cx,
        queue: QueueId,
        typed: &str,
    ) -> bool {
        let Some(queue) = cx.plan(self.tenant).and_then(|plan| plan.queue(queue)) else {
            return false;
        };
        let Some(settings) = queue.in_queue.callback.clone() else { return false };
        let number = match typed {
            "" => self.customer().clone(),
            typed => PhoneNumber::parse(typed, &self.plan.plan.country),
        };
        let own = number.normal == self.customer().normal;
        let waiting = cx.acd(self.tenant).map_or(0, |acd| acd.waiting_in(queue.id));
        let room = waiting < queue.waiting_max && self.callback.is_none();
        let allowed = own || settings.other_number;
        if !room || !allowed || self.outside(cx, number.clone()).is_none() {
            return false;
        }
        let now = cx.now.moment;
        let before = self.take_callback_off(cx, queue.id, &number);
        let priority = self.vip_priority(cx, &queue);
        cx.world.callbacks_asked.push_back(AskedBack {
            tenant: self.tenant,
            contact: self.contact,
            hotline: self.called.clone(),
            number,
            language: self.language.clone(),
            queue,
            settings,
            priority,
            since: before.map_or(now, |before| before.min(now)),
            rest: GOODBYE,
        });
        true
    }

    /// Ends the callback of a number that stands in this queue. Since when it has waited.
    pub(in crate::call) fn take_callback_off(
        &self,
        cx: &mut Cx,
        queue: QueueId,
        number: &PhoneNumber,
    ) -> Option<Moment> {
        if number.is_withheld() {
            return None;
        }
        let now = cx.now;
        let tenant = cx.world.tenants.get_mut(&self.tenant)?;
        let place = tenant.callbacks.remove(&(number.normal.clone(), queue))?;
        tenant.acd.vacate(now, place.visit);
        cx.world.callbacks_over.push_back(place.call);
        Some(place.since)
    }

    /// What a waiting caller is told of it, between the place and the music.
    pub(in crate::call) fn callback_offer(&self, queue: &Queue) -> Vec<Source> {
        let key = queue.in_queue.callback.as_ref().and_then(|callback| callback.key.to_digit(10));
        let Some(key) = key.filter(|_| self.callback.is_none()) else { return Vec::new() };
        let language = self.language();
        let mut sources = vec![prompt::prompt(language, "callback_offer")];
        sources.extend(prompt::count(language, key));
        sources
    }
}
