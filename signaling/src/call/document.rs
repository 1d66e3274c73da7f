//! A step of the flow gives the caller to a fax machine of ours, which sends or receives a document
//! (ITU-T T.30) and gives the call back; or a machine of ours has whom it called. Its outcome is noted
//! in any case, by the switch: machines hang up as soon as they are done, so it often comes when the
//! call is over. It begins in the sound of the leg and goes over to T.38 where the trunk takes that
//! (`fax/machine`).
//!
//! A fax does not outlive the process: a pause of a second ends the other machine's patience.

use super::timers::Timer;
use super::{Call, Phase, cause};
use crate::ivr::run::Fax;
use crate::switch::{Cx, FaxOf};
use terms::FaxId;
use terms::event::Party;
use terms::media::{Command, FaxOrder, FaxOutcome, FaxWay, FaxWork, is_fax_station};

impl Call {
    pub(super) fn start_document(&mut self, cx: &mut Cx, wanted: Fax) {
        let Fax { document, station, ecm, queue } = wanted;
        let dialled = || Some(self.called.normal.clone()).filter(|number| is_fax_station(number));
        let station = if station.is_empty() { dialled().unwrap_or_default() } else { station };
        let fax = FaxId(cx.id());
        self.run_document(cx, fax, Fax { document, station, ecm, queue });
    }

    /// A machine of ours has the anchor from now on.
    pub(super) fn run_document(&mut self, cx: &mut Cx, fax: FaxId, wanted: Fax) {
        let Fax { document, station, ecm, queue } = wanted;
        // What is sent is nobody's work.
        let queue = queue.filter(|_| document.is_none());
        let work = queue.map(|queue| FaxWork { queue, caller: self.caller.clone() });
        let (tenant, contact, call) = (self.tenant, self.contact, self.id);
        let of = FaxOf { tenant, contact, call, document: document.clone(), work };
        cx.world.expect_fax(fax, of);
        self.story.heard = true;
        self.phase = Phase::Faxing(fax);
        let way = document.map_or(FaxWay::Receive, |document| FaxWay::Send { document });
        let receives = way == FaxWay::Receive;
        let order = FaxOrder { fax, tenant, way, station, ecm };
        cx.media(Command::FaxStart { leg: self.anchor, order });
        if receives {
            self.ask_for_t38_soon(cx);
        }
    }

    /// The machine is done; the flow knows how it went.
    pub(super) fn document_done(&mut self, cx: &mut Cx, outcome: &FaxOutcome) {
        if !matches!(self.phase, Phase::Faxing(fax) if fax == outcome.fax) {
            return;
        }
        self.timers.clear(Timer::T38);
        // It has hung up; what is played next does not wait until media sees that.
        cx.media(Command::FaxStop { leg: self.anchor });
        if let Some(flowing) = &mut self.flow {
            let variables = &mut flowing.run.variables;
            variables.set("fax_id", &outcome.fax.to_string());
            variables.set("fax_pages", &outcome.pages.to_string());
            variables.set("fax_station", &outcome.station);
            variables.set("fax_text", &outcome.text);
        }
        let edge = if outcome.complete { "next" } else { "error" };
        if !self.follow_flow(cx, edge) {
            self.end(cx, cause::NORMAL, Party::System);
        }
        self.back_to_audio(cx);
    }
}
