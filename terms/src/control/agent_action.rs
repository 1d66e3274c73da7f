//! What agents say of themselves.

use crate::event::Forwarding;
use crate::id::SkillSetId;
use serde::{Deserialize, Serialize};

/// What an agent wants.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AgentAction {
    /// 签入: present, and ready at once.
    SignIn,
    /// The same with one of the skill sets that they may choose, until they sign in or out again.
    SignInWith(SkillSetId),
    /// 签出. During a conversation it takes effect afterwards.
    SignOut,
    /// 示闲.
    Ready,
    /// 示忙.
    Break {
        /// Why, one of the tenant's reasons.
        reason: String,
    },
    /// After-call work is done.
    EndWrapUp {
        /// What the call was about.
        disposition: Option<String>,
    },
    /// 免打扰: nobody is offered to their phone or rings there from now on, whether they are signed
    /// in or not. `Ready` ends it too.
    DoNotDisturb {
        /// It begins; else it ends.
        on: bool,
    },
    /// Forward calls to their extension so, and no others.
    Forward(Forwarding),
    /// Ring their phone once, whose line stays open between calls then.
    OpenLine,
    /// Hang up that line, and whoever is on it.
    CloseLine,
}
