//! A flow lets a bot speak with the caller.

use super::Call;
use crate::ivr::run::{Fault, Input, Talk};
use crate::switch::{BotAsk, BotDone, Cx};

impl Call {
    /// Gives the caller to the bot. Without that connector it has failed.
    pub(super) fn speak_with_bot(&mut self, cx: &mut Cx, talk: Talk) {
        let mut bots = self.plan.plan.connectors.iter().filter(|of| of.database.is_bot());
        let Some(connector) = bots.find(|of| of.name == talk.connector).cloned() else {
            let fault = Fault::Failed("there is no such connector".to_owned());
            return self.feed_flow(cx, Input::Bot(Err(fault)));
        };
        let (call, tenant, leg) = (self.id, self.tenant, self.anchor);
        let id = cx.bot(call, |id| BotAsk { id, call, tenant, leg, connector, talk });
        self.await_request(id);
    }

    /// The talk of a bot step ended.
    pub fn on_bot(&mut self, cx: &mut Cx, done: BotDone) {
        if self.takes_request(done.id) {
            self.feed_flow(cx, Input::Bot(done.result));
        }
    }
}
