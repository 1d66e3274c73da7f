//! Codes that an agent dials on their own phone. The box does it, says so, and hangs up.
//!
//! *41 sign in, with a number as who has it, by PIN (`identify`), with * and the number of a skill set by
//! that · *42 sign out · *43 ready · *44 break ·
//! *8 pick up what rings longest in the team, with an extension what rings there · *45 with a slot takes who
//! is parked there · *46 keeps the line open between calls (`line`) · *47 goes on here with one's own
//! conversation · *78 do not disturb, *79 no longer ·
//! *76 drives, *77 no longer · with a number *72 forwards calls always, *90 when busy, *92 when nobody
//! answers; *73, *91 and *93 no longer.
//!
//! What is picked up or taken never comes here: the phone that dialled is in that call at once
//! (`switch::pickup`, `switch::park`, `switch::lost`).

use super::{Call, check_forwarding};
use crate::switch::Cx;
use terms::AgentId;
use terms::control::AgentAction;
use terms::event::{ForwardWhen, Forwarding};

/// Reason of a break that was dialled.
const DIALLED_BREAK: &str = "break";

/// A code.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum FeatureCode {
    /// With the skill set of this number, or all that they can.
    SignIn(Option<u32>),
    /// As somebody else, at this phone.
    SignInAs(Newcomer),
    SignOut,
    Ready,
    Break,
    /// At this extension, or at any of the team.
    PickUp(Option<String>),
    /// Who is parked on this slot. As the target of a transfer: park there, or wherever is free.
    Park(Option<u8>),
    /// The line stays open between calls.
    Line,
    /// The conversation that they have at another phone or had in a page of before.
    TakeBack,
    /// On or off.
    DoNotDisturb(bool),
    /// On or off.
    Driving(bool),
    /// To this number, or no longer.
    Forward(ForwardWhen, Option<String>),
}

/// Who signs in at a phone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Newcomer {
    /// Their number.
    pub number: String,
    /// Of the skill set that they choose.
    pub skill_set: Option<u32>,
}

/// Codes that want a number, and those that take it back.
const FORWARDS: &[(ForwardWhen, &str, &str)] = &[
    (ForwardWhen::Always, "*72", "*73"),
    (ForwardWhen::Busy, "*90", "*91"),
    (ForwardWhen::NoAnswer, "*92", "*93"),
];
/// How long a phone rings before a call is forwarded whose agent dialled so, in seconds.
const NO_ANSWER_S: u32 = 20;

impl FeatureCode {
    pub fn parse(dialled: &str) -> Option<Self> {
        match dialled {
            "*41" => Some(FeatureCode::SignIn(None)),
            "*42" => Some(FeatureCode::SignOut),
            "*43" => Some(FeatureCode::Ready),
            "*44" => Some(FeatureCode::Break),
            "*78" => Some(FeatureCode::DoNotDisturb(true)),
            "*79" => Some(FeatureCode::DoNotDisturb(false)),
            "*76" => Some(FeatureCode::Driving(true)),
            "*77" => Some(FeatureCode::Driving(false)),
            "*8" => Some(FeatureCode::PickUp(None)),
            "*45" => Some(FeatureCode::Park(None)),
            "*46" => Some(FeatureCode::Line),
            "*47" => Some(FeatureCode::TakeBack),
            _ => Self::with_number(dialled),
        }
    }

    fn with_number(dialled: &str) -> Option<Self> {
        let number = |code: &str| {
            let number = dialled.strip_prefix(code)?;
            let is_number = !number.is_empty() && number.bytes().all(|b| b.is_ascii_digit());
            is_number.then(|| number.to_owned())
        };
        FORWARDS
            .iter()
            .find_map(|&(when, on, off)| {
                let to = number(on);
                (to.is_some() || dialled == off).then_some(FeatureCode::Forward(when, to))
            })
            .or_else(|| Self::sign_in(dialled.strip_prefix("*41")?))
            .or_else(|| Some(FeatureCode::Park(Some(number("*45")?.parse().ok()?))))
            .or_else(|| Some(FeatureCode::PickUp(Some(number("*8")?))))
    }

    /// A number, the skill set after a `*`, or both.
    fn sign_in(dialled: &str) -> Option<Self> {
        let is_number = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
        let (number, set) = match dialled.split_once('*') {
            Some((number, set)) => (number, Some(set)),
            None => (dialled, None),
        };
        let skill_set = match set {
            Some(set) => Some(set.parse().ok().filter(|_| is_number(set))?),
            None => None,
        };
        match number {
            "" => Some(FeatureCode::SignIn(Some(skill_set?))),
            _ if is_number(number) => {
                Some(FeatureCode::SignInAs(Newcomer { number: number.to_owned(), skill_set }))
            }
            _ => None,
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
            FeatureCode::SignIn(set) => {
                let action = match set.map(|set| self.plan.plan.skill_set(agent, set)) {
                    None => AgentAction::SignIn,
                    Some(Some(set)) => AgentAction::SignInWith(set),
                    Some(None) => return "invalid",
                };
                let (now, call) = (cx.now, self.id);
                if let Some(acd) = cx.acd(self.tenant).filter(|_| self.phone == Some(agent)) {
                    acd.come_home(now, agent, call);
                }
                (action, "signed_in")
            }
            FeatureCode::SignOut => (AgentAction::SignOut, "signed_out"),
            FeatureCode::Ready => (AgentAction::Ready, "ready"),
            FeatureCode::Break => (AgentAction::Break { reason: DIALLED_BREAK.into() }, "break"),
            FeatureCode::DoNotDisturb(on) => {
                let prompt = if on { "do_not_disturb_on" } else { "do_not_disturb_off" };
                (AgentAction::DoNotDisturb { on }, prompt)
            }
            FeatureCode::Driving(on) => {
                let said = if on { "forwarding_on" } else { "forwarding_off" };
                let done = cx.world.drive(cx.now, (self.tenant, agent), on);
                return done.map_or("invalid", |()| said);
            }
            FeatureCode::Forward(when, to) => return self.set_forwarding(cx, agent, when, to),
            FeatureCode::SignInAs(_) | FeatureCode::Line => return "invalid",
            FeatureCode::PickUp(_) | FeatureCode::Park(_) | FeatureCode::TakeBack => {
                return "nothing_to_pick_up";
            }
        };
        match cx.world.act(cx.now, (self.tenant, agent), action) {
            Ok(()) => prompt,
            Err(_) => "invalid",
        }
    }

    /// Forwards their calls to `to`, or no longer; what they set otherwise stays.
    fn set_forwarding(
        &self,
        cx: &mut Cx,
        agent: AgentId,
        when: ForwardWhen,
        to: Option<String>,
    ) -> &'static str {
        let key = (self.tenant, agent);
        let mut dialled = Forwarding { no_answer_s: NO_ANSWER_S, ..Forwarding::default() };
        dialled.set(when, to.clone());
        let barred = cx.world.calls_out.is_barred(key);
        if check_forwarding(&self.plan, agent, &dialled, barred).is_err() {
            return "number_unknown";
        }
        let prompt = if to.is_some() { "forwarding_on" } else { "forwarding_off" };
        let Some(acd) = cx.acd(self.tenant) else { return "invalid" };
        let mut set = acd.forwarding(agent).cloned().unwrap_or_default();
        if when == ForwardWhen::NoAnswer {
            set.no_answer_s = NO_ANSWER_S;
        }
        set.set(when, to);
        match cx.world.act(cx.now, key, AgentAction::Forward(set)) {
            Ok(()) => prompt,
            Err(_) => "invalid",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_code_is_read_and_what_is_none_is_a_number() {
        let parse = FeatureCode::parse;
        assert_eq!(parse("*41"), Some(FeatureCode::SignIn(None)));
        assert_eq!(parse("*41*3"), Some(FeatureCode::SignIn(Some(3))));
        assert_eq!(parse("*78"), Some(FeatureCode::DoNotDisturb(true)));
        assert_eq!(parse("*79"), Some(FeatureCode::DoNotDisturb(false)));
        assert_eq!(parse("*76"), Some(FeatureCode::Driving(true)));
        assert_eq!(parse("*77"), Some(FeatureCode::Driving(false)));
        assert_eq!(parse("*8"), Some(FeatureCode::PickUp(None)));
        assert_eq!(parse("*45"), Some(FeatureCode::Park(None)));
        assert_eq!(parse("*46"), Some(FeatureCode::Line));
        assert_eq!(parse("*47"), Some(FeatureCode::TakeBack));
        let newcomer =
            |skill_set| Some(FeatureCode::SignInAs(Newcomer { number: "8002".into(), skill_set }));
        assert_eq!(parse("*418002"), newcomer(None));
        assert_eq!(parse("*418002*3"), newcomer(Some(3)));
        assert_eq!(parse("*4512"), Some(FeatureCode::Park(Some(12))));
        assert_eq!(parse("*81002"), Some(FeatureCode::PickUp(Some("1002".into()))));
        let forward = |when, to: &str| Some(FeatureCode::Forward(when, Some(to.into())));
        assert_eq!(parse("*7213800138000"), forward(ForwardWhen::Always, "13800138000"));
        assert_eq!(parse("*901002"), forward(ForwardWhen::Busy, "1002"));
        assert_eq!(parse("*921002"), forward(ForwardWhen::NoAnswer, "1002"));
        assert_eq!(parse("*93"), Some(FeatureCode::Forward(ForwardWhen::NoAnswer, None)));
        for none in [
            "*72", "*90", "*731", "*72*41", "*72+44", "*", "*4", "8", "81002", "*8#", "*8x",
            "*41x", "*41*", "*41*x", "*41*1*2", "*418002*", "*81002*", "*8+1", "*45256", "*45x",
            "*45*1", "*461", "*471",
        ] {
            assert_eq!(parse(none), None, "{none}");
        }
    }
}
