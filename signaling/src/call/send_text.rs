//! A text that a flow has sent: to the caller, or to another number, by the tenant's right and once in a
//! call. It goes over trunks as any other does, and the flow does not wait for what comes of it: the log
//! tells that, of no call.

use super::dial::Dialable;
use super::{Call, Next};
use crate::ivr::run::TextTo;
use crate::ivr::step::is_outside_number;
use crate::switch::{Cx, Texting};
use terms::event::{Kind, TextAsked, Written};
use terms::routing::NumberClass;
use terms::{PhoneNumber, TextId};

impl Call {
    /// A step of the flow has a text sent. False, and nothing happens, where it may not be.
    pub(super) fn flow_sends_text(&mut self, cx: &mut Cx, wanted: TextTo) -> bool {
        let Some(texting) = self.texting(cx, wanted) else { return false };
        let id = TextId(cx.id());
        self.story.text_asked = true;
        let asked = TextAsked { id, to: texting.to.clone(), text: texting.text.clone() };
        self.log(cx, Some(self.anchor), Kind::TextAsked(asked));
        cx.world.text_goes(cx.now, id, texting);
        true
    }

    /// What may go out, and counts from now on.
    fn texting(&self, cx: &mut Cx, TextTo { number, text, trunk }: TextTo) -> Option<Texting> {
        // A server that a flow asked may have answered anything.
        let text = Written::read(text.as_bytes());
        let room = !self.story.text_asked && cx.world.has_room_for_text();
        let typed = match number.trim() {
            "" => self.customer().received.as_str(),
            typed => typed,
        };
        if !room || !text.is_sendable() || !is_outside_number(typed) {
            return None;
        }
        let to = self.whom_to_text(typed)?;
        self.screen_may_call(cx, None, &to).ok()?;
        let Dialable::Outside { digits, mut trunks, .. } = to else { return None };
        trunks.retain(|of| trunk.is_none_or(|wanted| *of == wanted));
        let to = PhoneNumber::parse(typed, &self.plan.plan.country);
        let costly = self.plan.class_of(&digits).is_some_and(NumberClass::is_costly);
        let counted = (to.normal.as_str(), costly);
        if trunks.is_empty() || !cx.world.texts_asked.count(cx.now.moment, self.tenant, counted) {
            return None;
        }
        let (tenant, dialled) = (self.tenant, self.called.clone());
        Some(Texting { tenant, by: None, dialled, to, digits, text, trunks })
    }

    /// A number outside that is none of an emergency service: these need no right to be called, and nobody
    /// there reads texts.
    fn whom_to_text(&self, typed: &str) -> Option<Dialable> {
        let Next::Dial(to) = self.resolve(typed)? else { return None };
        let Dialable::Outside { digits, site: None, .. } = &to else { return None };
        self.plan.class_of(digits).is_some().then_some(to)
    }
}
