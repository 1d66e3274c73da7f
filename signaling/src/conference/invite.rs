//! Whom we call so that they come: a colleague or a number outside. Their call is made by the
//! switch; here they have a place from the first ring on.

use super::{Called, Conference};
use crate::switch::Cx;
use terms::event::{ConferenceBy, InConference};
use terms::{AgentId, CallId, ContactId};

/// Somebody who is called.
#[derive(Clone, Debug)]
pub(crate) struct Invitee {
    pub call: CallId,
    /// What was dialled.
    pub target: String,
    pub agent: Option<AgentId>,
    pub chair: bool,
    pub by: ConferenceBy,
}

impl Conference {
    /// Whether there is room for somebody else.
    ///
    /// # Errors
    /// When there is not.
    pub fn has_room(&self) -> Result<(), String> {
        match self.is_full() {
            true => Err(format!(
                "the conference has {} participants at most",
                self.settings.members_max
            )),
            false => Ok(()),
        }
    }

    /// Of its recording and of the calls that it makes.
    pub fn contact(&self) -> ContactId {
        self.contact
    }

    /// Somebody is being called.
    pub fn expect(&mut self, cx: &mut Cx, invitee: Invitee) {
        let Invitee { call, target, agent, chair, by } = invitee;
        self.called.push(Called { call, number: target.clone(), agent, chair });
        self.log(cx, Some((call, None)), InConference::Invited { target, by });
    }
}
