//! Taking somebody out, and the end for everybody.

use super::{Conference, Order, Stand};
use crate::switch::Cx;
use terms::CallId;
use terms::event::{ConferenceEnd, InConference};
use terms::media::Command;

impl Conference {
    /// Takes a member out; stops calling who has not come yet.
    ///
    /// # Errors
    /// When there is no such member.
    pub fn remove(&mut self, cx: &mut Cx, call: CallId) -> Result<(), String> {
        if !self.calls().any(|other| other == call) {
            return Err("there is no such member in the conference".to_owned());
        }
        let end = ConferenceEnd::Removed;
        self.called.retain(|called| called.call != call);
        self.order(cx, call, Order::Dismiss(end));
        self.drop_member(cx, call, end);
        Ok(())
    }

    /// The meeting is over for everybody.
    pub fn dismiss_all(&mut self, cx: &mut Cx) {
        let end = ConferenceEnd::Over;
        self.open = false;
        for gone in std::mem::take(&mut self.members) {
            if gone.stand == Stand::Inside {
                cx.media(Command::Leave { leg: gone.leg });
            }
            self.log(cx, gone.who(), InConference::Left { end });
            self.order(cx, gone.call, Order::Dismiss(end));
        }
        for called in std::mem::take(&mut self.called) {
            self.order(cx, called.call, Order::Dismiss(end));
        }
        self.record(cx);
        self.close_ledger(cx);
    }
}
