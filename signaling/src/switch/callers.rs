//! Who is let in. A caller is data: their number is looked up as a whole and by its beginnings, and is
//! never a pattern itself, whatever stands in it. An entry with `*` behind it is of every number that
//! begins so. Who is allowed, or a VIP, is let in whatever else says; of several entries the whole
//! number comes before the longest beginning, and one whose time is over does not count.

use std::collections::HashMap;
use terms::routing::{BlockedCaller, KnownCaller, Plan, Target, Treatment, WITHHELD};
use terms::{PhoneNumber, Timestamp};

/// What is known of callers, by number.
#[derive(Debug)]
pub(super) struct Callers {
    blocked: List<BlockedCaller>,
    /// And where they go.
    allowed: List<Option<Target>>,
    /// By their number, normalised.
    known: HashMap<String, KnownCaller>,
}

#[derive(Debug)]
pub(super) struct List<T> {
    whole: HashMap<String, T>,
    beginnings: HashMap<String, T>,
    /// Who shows no number.
    withheld: Option<T>,
}

impl<T> List<T> {
    pub fn of(country: &str, entries: impl Iterator<Item = (String, T)>) -> Self {
        let (mut whole, mut beginnings, mut withheld) = (HashMap::new(), HashMap::new(), None);
        for (number, what) in entries {
            if number == WITHHELD {
                withheld = Some(what);
            } else if let Some(beginning) = number.strip_suffix('*') {
                beginnings.insert(beginning.to_owned(), what);
            } else {
                whole.insert(PhoneNumber::parse(&number, country).normal, what);
            }
        }
        List { whole, beginnings, withheld }
    }

    pub fn find<'a>(&'a self, caller: &PhoneNumber) -> impl Iterator<Item = &'a T> {
        let number = caller.normal.as_str();
        let withheld = self.withheld.as_ref().filter(|_| caller.is_withheld());
        let beginnings = (1..=number.len()).rev().filter_map(move |end| number.get(..end));
        let beginnings = beginnings.filter_map(|beginning| self.beginnings.get(beginning));
        self.whole.get(number).into_iter().chain(withheld).chain(beginnings)
    }
}

impl Callers {
    pub fn of(plan: &Plan) -> Self {
        let blocked = plan.blocked.iter().map(|caller| (caller.number.clone(), caller.clone()));
        let allowed =
            plan.allowed.iter().map(|caller| (caller.number.clone(), caller.target.clone()));
        Callers {
            blocked: List::of(&plan.country, blocked),
            allowed: List::of(&plan.country, allowed),
            known: known(plan),
        }
    }

    /// What is known of a caller that counts while they wait.
    pub fn known(&self, caller: &PhoneNumber) -> Option<&KnownCaller> {
        self.known.get(&caller.normal)
    }

    /// Where a caller goes whatever answers the number that they dialled.
    pub fn target(&self, caller: &PhoneNumber) -> Option<&Target> {
        self.allowed.find(caller).find_map(Option::as_ref)
    }

    /// What becomes of the calls of a caller who is not let in at this time.
    pub fn treatment(&self, caller: &PhoneNumber, now: Timestamp) -> Option<&Treatment> {
        let vip = self.known(caller).is_some_and(|known| known.vip);
        if vip || self.allowed.find(caller).next().is_some() {
            return None;
        }
        let counts = |blocked: &&BlockedCaller| blocked.until.is_none_or(|until| now < until);
        self.blocked.find(caller).find(counts).map(|blocked| &blocked.treatment)
    }
}

fn known(plan: &Plan) -> HashMap<String, KnownCaller> {
    let by_number = |known: &KnownCaller| {
        (PhoneNumber::parse(&known.number, &plan.country).normal, known.clone())
    };
    plan.known_callers.iter().map(by_number).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use terms::TenantId;
    use terms::routing::AllowedCaller;

    const NOW: Timestamp = Timestamp::from_secs(1_800_000_000);

    fn blocked(number: &str, treatment: Treatment, until: Option<Timestamp>) -> BlockedCaller {
        BlockedCaller { number: number.into(), until, treatment }
    }

    fn callers() -> Callers {
        let mut plan = Plan::empty(TenantId(1), "t");
        let word = |name: &str| Treatment::Announcement(name.into());
        plan.blocked = vec![
            BlockedCaller::always("13800138000"),
            blocked("+1*", Treatment::Busy, None),
            blocked("+1650*", word("area"), None),
            blocked("+16505550100", Treatment::HangUp, Some(NOW)),
            blocked(WITHHELD, word("unknown"), None),
        ];
        let allowed = |number: &str| AllowedCaller { number: number.into(), target: None };
        plan.allowed = vec![allowed("+165055502*"), allowed("+8613800138001")];
        let vip = |number: &str, vip| KnownCaller {
            number: number.into(),
            vip,
            ..KnownCaller::default()
        };
        plan.known_callers = vec![vip("+16505550300", true), vip("+16505550400", false)];
        Callers::of(&plan)
    }

    fn treated(callers: &Callers, number: &str, now: Timestamp) -> String {
        let caller = PhoneNumber::parse(number, "86");
        match callers.treatment(&caller, now) {
            None => "let in".to_owned(),
            Some(Treatment::Announcement(prompt)) => prompt.clone(),
            Some(other) => format!("{other:?}"),
        }
    }

    #[test]
    fn the_whole_number_comes_before_the_longest_beginning_until_its_time_is_over() {
        let callers = callers();
        let before = Timestamp(NOW.0 - 1);
        for (number, now, becomes) in [
            ("+8613800138000", NOW, "HangUp"),
            ("0086-138-0013-8000", NOW, "HangUp"),
            ("13800138009", NOW, "let in"),
            ("+12125550100", NOW, "Busy"),
            ("+16505550100", before, "HangUp"),
            ("+16505550100", NOW, "area"),
            ("anonymous", NOW, "unknown"),
            ("", NOW, "unknown"),
        ] {
            assert_eq!(treated(&callers, number, now), becomes, "{number}");
        }
    }

    #[test]
    fn who_is_allowed_or_a_vip_is_let_in_whatever_else_says() {
        let callers = callers();
        for (number, becomes) in [
            ("+16505550200", "let in"),
            ("+16505550300", "let in"),
            ("+16505550400", "area"),
            ("13800138001", "let in"),
        ] {
            assert_eq!(treated(&callers, number, NOW), becomes, "{number}");
        }
    }

    #[test]
    fn a_callers_number_is_no_pattern_and_no_word_of_ours() {
        let callers = callers();
        for number in ["*", "+8613*", "+165055502*", WITHHELD, "8613800138000*", "'; DROP TABLE"] {
            let becomes = treated(&callers, number, NOW);
            assert!(becomes == "let in" || becomes == "area", "{number}: {becomes}");
        }
        assert_eq!(treated(&callers, WITHHELD, NOW), "let in", "a name like any other");
        let long = "+1".repeat(5_000);
        assert_eq!(treated(&callers, &long, NOW), "Busy");
    }
}
