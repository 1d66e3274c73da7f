//! Calls to other sites of the tenant: who may make them, whom the site sees, and what would go in a
//! circle.
//!
//! # Circles
//! What comes from a site goes back there only where a person here passes it on or asks somebody: a
//! number, a flow, a queue or a forwarding that leads back is refused with 482. Over three sites and
//! more a circle ends by Max-Forwards (RFC 3261 §20.22), which a call keeps from site to site, and of
//! which it has [`SERVERS_MAX`] at most.

use super::dial::{Dialable, Why};
use super::{Call, Phase, cause};
use crate::switch::{Compiled, Cx, Dialled};
use terms::event::{Calling, CallingRefusal, CallingWay, InCalling, Kind};
use terms::routing::{NumberClass, Trunk};
use terms::{AgentId, SiteId};

/// Most servers on the way between sites, those of carriers included.
const SERVERS_MAX: u8 = 10;
/// Why a site is not called, for people.
pub(super) const NO_SITES: &str = "there is no right to call other sites";

impl Call {
    /// At the front door of a site.
    pub(super) fn go_to_site(&mut self, cx: &mut Cx, site: SiteId) {
        match self.plan.front_door(site) {
            Some(Dialled::Outside { digits, trunks, site }) => {
                self.dial(cx, Dialable::outside(digits, trunks, site), Why::Direct);
            }
            Some(Dialled::Agent(_) | Dialled::Published(_)) | None => self.nothing_there(cx),
        }
    }

    /// Whether `agent` may have a site called; what may not be is written down. It costs nothing, so
    /// the guard does not count it.
    pub(super) fn may_call_site(
        &self,
        cx: &mut Cx,
        agent: AgentId,
        digits: &str,
        way: CallingWay,
    ) -> Result<(), CallingRefusal> {
        if cx.plan(self.tenant).is_none_or(|plan| plan.may_call_sites(Some(agent))) {
            return Ok(());
        }
        let number = digits.chars().take(terms::number::NUMBER_CHARS_MAX).collect();
        let (class, why) = (NumberClass::Internal, CallingRefusal::NoSites);
        let what = InCalling::Refused { number, class, way, why };
        self.log(cx, None, Kind::Calling(Calling { agent, what }));
        Err(why)
    }

    /// Refuses what would go in a circle.
    pub(super) fn may_go_to_site(&self, site: SiteId) -> Result<(), (u16, u8)> {
        if self.servers_to_pass() == 0 {
            return Err((483, cause::EXCHANGE_ROUTING));
        }
        let by_a_person = match &self.phase {
            Phase::Dialling(dial) => {
                matches!(dial.why, Why::Transfer(_)) && self.forwarded.is_empty()
            }
            _ => true,
        };
        match by_a_person || self.site_of_origin() != Some(site) {
            true => Ok(()),
            false => Err((482, cause::EXCHANGE_ROUTING)),
        }
    }

    fn site_of_origin(&self) -> Option<SiteId> {
        let mut came = self.legs.values().filter(|leg| leg.incoming);
        let trunk = came.find_map(|leg| leg.trunk)?;
        self.plan.site_over(trunk).map(|site| site.id)
    }

    /// Servers that the call may pass behind the next one.
    fn servers_to_pass(&self) -> u8 {
        self.servers_left.unwrap_or(SERVERS_MAX).min(SERVERS_MAX).saturating_sub(1)
    }

    /// How many servers a call to a site may still pass.
    pub(super) fn servers_header(&self) -> (String, String) {
        ("Max-Forwards".to_owned(), self.servers_to_pass().to_string())
    }

    /// The number and the name that a site sees, as a colleague here would. `None` where the trunk is
    /// not trusted or the caller wants to be known to nobody: then a number of the tenant is shown.
    pub(super) fn shown_at_site(&self, plan: &Compiled, trunk: &Trunk) -> Option<(String, String)> {
        if !trunk.trusted {
            return None;
        }
        if let Some(agent) = self.agent_of(self.anchor).and_then(|agent| plan.agent(agent)) {
            return Some((agent.sip_user.clone(), agent.name.clone()));
        }
        let caller = self.customer();
        let known = !caller.is_withheld() && !caller.shown.is_empty();
        known.then(|| (caller.shown.clone(), String::new()))
    }
}
