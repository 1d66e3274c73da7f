//! Codes that an agent dials on their own phone: *41 sign in, *42 sign out, *43 ready, *44 break, *8
//! pick up what rings longest in the team, *8 and an extension what rings there, *78 do not disturb, *79 no
//! longer. The box does it, says so, and hangs up; what is picked up never comes here, because the phone that dialled is in
//! that call at once (`switch::pickup`).

use super::Call;
use crate::switch::Cx;
use terms::AgentId;
use terms::control::AgentAction;

/// Reason of a break that was dialled.
const DIALLED_BREAK: &str = "break";

/// A code.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum FeatureCode {
    SignIn,
    SignOut,
    Ready,
    Break,
    /// At this extension, or at any of the team.
    PickUp(Option<String>),
    /// On or off.
    DoNotDisturb(bool),
}

impl FeatureCode {
    pub fn parse(dialled: &str) -> Option<Self> {
        match dialled {
            "*41" => Some(FeatureCode::SignIn),
            "*42" => Some(FeatureCode::SignOut),
            "*43" => Some(FeatureCode::Ready),
            "*44" => Some(FeatureCode::Break),
            "*78" => Some(FeatureCode::DoNotDisturb(true)),
            "*79" => Some(FeatureCode::DoNotDisturb(false)),
            "*8" => Some(FeatureCode::PickUp(None)),
            _ => {
                let number = dialled.strip_prefix("*8")?;
                let is_number = number.bytes().all(|digit| digit.is_ascii_digit());
                is_number.then(|| FeatureCode::PickUp(Some(number.to_owned())))
            }
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
        let (action, prompt) = match code {
            FeatureCode::SignIn => (AgentAction::SignIn, "signed_in"),
            FeatureCode::SignOut => (AgentAction::SignOut, "signed_out"),
            FeatureCode::Ready => (AgentAction::Ready, "ready"),
            FeatureCode::Break => (AgentAction::Break { reason: DIALLED_BREAK.into() }, "break"),
            FeatureCode::DoNotDisturb(on) => {
                let prompt = if on { "do_not_disturb_on" } else { "do_not_disturb_off" };
                (AgentAction::DoNotDisturb { on }, prompt)
            }
            FeatureCode::PickUp(_) => return "nothing_to_pick_up",
        };
        let now = cx.now;
        match cx.acd(self.tenant).map(|acd| acd.act(now, agent, action)) {
            Some(Ok(())) => prompt,
            Some(Err(_)) | None => "invalid",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_code_is_read_and_what_is_none_is_a_number() {
        let parse = FeatureCode::parse;
        assert_eq!(parse("*41"), Some(FeatureCode::SignIn));
        assert_eq!(parse("*78"), Some(FeatureCode::DoNotDisturb(true)));
        assert_eq!(parse("*79"), Some(FeatureCode::DoNotDisturb(false)));
        assert_eq!(parse("*8"), Some(FeatureCode::PickUp(None)));
        assert_eq!(parse("*81002"), Some(FeatureCode::PickUp(Some("1002".into()))));
        for none in ["*", "*4", "8", "81002", "*8#", "*8x", "*81002*", "*8+1"] {
            assert_eq!(parse(none), None, "{none}");
        }
    }
}
