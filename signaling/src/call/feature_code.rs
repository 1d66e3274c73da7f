//! Codes that an agent dials on their own phone: *41 sign in, *42 sign out, *43 ready, *44 break.
//! The box does it, says so, and hangs up.

use super::Call;
use crate::switch::Cx;
use terms::AgentId;
use terms::control::AgentAction;

/// Reason of a break that was dialled.
const DIALLED_BREAK: &str = "break";

/// A code.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum FeatureCode {
    SignIn,
    SignOut,
    Ready,
    Break,
}

impl FeatureCode {
    pub fn parse(dialled: &str) -> Option<Self> {
        match dialled {
            "*41" => Some(FeatureCode::SignIn),
            "*42" => Some(FeatureCode::SignOut),
            "*43" => Some(FeatureCode::Ready),
            "*44" => Some(FeatureCode::Break),
            _ => None,
        }
    }

    fn action(self) -> (AgentAction, &'static str) {
        match self {
            FeatureCode::SignIn => (AgentAction::SignIn, "signed_in"),
            FeatureCode::SignOut => (AgentAction::SignOut, "signed_out"),
            FeatureCode::Ready => (AgentAction::Ready, "ready"),
            FeatureCode::Break => (AgentAction::Break { reason: DIALLED_BREAK.into() }, "break"),
        }
    }
}

impl Call {
    /// Does what the code says. Answers the prompt that tells it.
    pub(super) fn feature_code(
        &mut self,
        cx: &mut Cx,
        agent: AgentId,
        code: FeatureCode,
    ) -> &'static str {
        let (action, prompt) = code.action();
        let now = cx.now;
        match cx.acd(self.tenant).map(|acd| acd.act(now, agent, action)) {
            Some(Ok(())) => prompt,
            Some(Err(_)) | None => "invalid",
        }
    }
}
