//! A flow lets a bot speak with the caller.

use super::Call;
use crate::ivr::run::{Fault, Input, Talk};
use crate::switch::{BotAsk, BotDone, Cx};
use terms::LegId;
use terms::media::Command;

impl Call {
    /// Gives the caller to the bot. Without that connector it has failed.
    pub(super) fn speak_with_bot(&mut self, cx: &mut Cx, talk: Talk) {
        let mut bots = self.plan.plan.connectors.iter().filter(|of| of.database.is_bot());
        let Some(connector) = bots.find(|of| of.name == talk.connector).cloned() else {
            let fault = Fault::Failed("there is no such connector".to_owned());
            return self.feed_flow(cx, Input::Bot(Err(fault)));
        };
        let (call, tenant, leg) = (self.id, self.tenant, self.anchor);
        // A rule that keeps the whole call keeps what the bot says, too.
        let voice = self.recording.is_some().then(|| LegId(cx.id()));
        if let Some(voice) = voice {
            self.record_voice(cx, voice);
        }
        let id = cx.bot(call, |id| BotAsk { id, call, tenant, leg, voice, connector, talk });
        self.await_request(id);
        if let Some(flowing) = &mut self.flow {
            flowing.bot = voice;
        }
    }

    /// The bot loses the caller.
    pub(super) fn take_from_bot(&mut self, cx: &mut Cx) {
        cx.media(Command::BotStop { leg: self.anchor });
        if let Some(voice) = self.flow.as_mut().and_then(|flowing| flowing.bot.take()) {
            self.leave_recording(cx, voice);
        }
    }

    /// The talk of a bot step ended.
    pub fn on_bot(&mut self, cx: &mut Cx, done: BotDone) {
        if self.takes_request(done.id) {
            self.feed_flow(cx, Input::Bot(done.result));
        }
    }
}
