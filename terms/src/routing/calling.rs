//! Which numbers outside an agent may call, and forward calls to. Numbers are in classes, each
//! dearer than the one before; a right names the dearest that it reaches. What is abroad or has a
//! price of its own is denied until somebody allows it, and so is a number whose form nobody knows:
//! the form that is not understood is the one that a thief uses.

use crate::event::Forwarding;
use crate::number::PhoneNumber;
use crate::time::Timestamp;
use serde::{Deserialize, Serialize};

/// Prefixes that a tenant may put into classes of its own.
pub const PREFIXES_MAX: usize = 500;
/// Longest number without area code or country code, in digits.
const SUBSCRIBER_DIGITS_MAX: usize = 8;
/// Numbers of emergency services, which everybody may call at any time: China's, and those that
/// phones know everywhere (3GPP TS 22.101 §10.1).
pub const EMERGENCY_NUMBERS: &[&str] = &["110", "119", "120", "122", "112", "911", "999"];

/// What a number outside is, from what costs nothing to what costs most.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(rename_all = "snake_case")]
pub enum NumberClass {
    /// 内线: nothing outside at all.
    Internal,
    /// 本地: without area code, service numbers, and the areas that the tenant calls its own.
    Local,
    /// 国内: the rest of the country, mobile numbers included.
    #[default]
    National,
    /// 国际: other countries, and whatever cannot be told.
    International,
    /// 高价: numbers with a price of their own, here and abroad.
    Premium,
}

impl NumberClass {
    /// Where a thief earns.
    pub fn is_costly(self) -> bool {
        self >= NumberClass::International
    }
}

/// Numbers that begin so are in this class.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct NumberPrefix {
    /// As dialled, `020`, or with country code, `+8620`.
    pub prefix: String,
    /// From now on.
    pub class: NumberClass,
}

/// A tenant's rules. Its agents have these rights where they have none of their own.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct CallingRules {
    /// The dearest class that an agent may call.
    pub dial: NumberClass,
    /// The dearest class that an agent may forward calls to.
    pub forward: NumberClass,
    /// Classes of the tenant's own; they come before what the program knows.
    pub prefixes: Vec<NumberPrefix>,
    /// Who dials what they may not hears why, instead of the tone that their phone has for 403.
    #[serde(default)]
    pub announce: bool,
    /// Agents may call other sites of the tenant.
    #[serde(default)]
    pub sites: bool,
}

/// An agent's own rights.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct CallingRight {
    /// The dearest class that they may call; none is the tenant's.
    pub dial: Option<NumberClass>,
    /// The dearest class that they may forward calls to; none is the tenant's.
    pub forward: Option<NumberClass>,
    /// They may come into conversations of others from their phone (Join, RFC 3911).
    #[serde(default)]
    pub join: bool,
    /// Whether they may call other sites; none is the tenant's.
    #[serde(default)]
    pub sites: Option<bool>,
    /// Whether they may take whom others have parked; none is as the tenant says.
    #[serde(default)]
    pub parked: Option<bool>,
    /// Whether they are kept from calling out.
    pub bar: Bar,
}

/// Whether an extension is kept from calling out, whatever its rights.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Bar {
    /// It is.
    pub barred: bool,
    /// Since then it is so, or no longer. The later one of two counts.
    pub at: Timestamp,
}

/// What an agent has set for their phone, and lasts.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct PhoneSettings {
    /// Nobody may ring there.
    pub do_not_disturb: bool,
    /// Where calls to their extension go.
    pub forwarding: Forwarding,
    /// Set then. The later one of two counts.
    pub at: Timestamp,
}

/// Prefixes by the country that dials them, all where it is empty: international prefixes that are not `00`
/// (ITU-T Operational Bulletin 994, annex), and what costs more than it looks like.
const KNOWN: &[(&str, &str, NumberClass)] = {
    use NumberClass::{International, Premium};
    &[
        ("1", "011", International),
        ("7", "810", International),
        ("81", "010", International),
        // IP telephony: 179xx stands before a number of any kind.
        ("86", "179", International),
        // 声讯台: 160 and 168, in every area.
        ("86", "160", Premium),
        ("86", "168", Premium),
        ("1", "900", Premium),
        ("1", "1900", Premium),
        ("1", "976", Premium),
        // Satellites, and numbers of no country (ITU-T E.164.1).
        ("", "+870", Premium),
        ("", "+881", Premium),
        ("", "+882", Premium),
        ("", "+883", Premium),
        ("", "+888", Premium),
        ("", "+979", Premium),
        ("", "+1900", Premium),
    ]
};

/// Area codes of country code 1 that are abroad: the Caribbean and the islands beside it.
const ABROAD_IN_1: &[&str] = &[
    "242", "246", "264", "268", "284", "345", "441", "473", "649", "658", "664", "721", "758",
    "767", "784", "809", "829", "849", "868", "869", "876",
];

impl CallingRules {
    /// What a number is, as an agent of this country dials it; none for emergency services, which
    /// everybody may call.
    pub fn class_of(&self, number: &PhoneNumber, country: &str) -> Option<NumberClass> {
        if EMERGENCY_NUMBERS.contains(&number.received.as_str()) {
            return None;
        }
        let begins =
            |prefix: &str| number.received.starts_with(prefix) || number.normal.starts_with(prefix);
        let own = self.prefixes.iter().map(|own| (own.prefix.as_str(), own.class, true));
        let known = KNOWN.iter().filter(|(of, ..)| of.is_empty() || *of == country);
        let known = known.map(|&(_, prefix, class)| (prefix, class, false));
        let fitting = own.chain(known).filter(|(prefix, ..)| begins(prefix));
        let longest = fitting.max_by_key(|(prefix, _, is_own)| (prefix.len(), *is_own));
        let form = class_of_form(number, country);
        Some(match longest {
            Some((_, class, true)) => class,
            Some((_, class, false)) => class.max(form),
            None => form,
        })
    }
}

/// What the form of a number says, where no prefix says more.
fn class_of_form(number: &PhoneNumber, country: &str) -> NumberClass {
    use NumberClass::{International, Local, National};
    let normal = number.normal.as_str();
    if let Some(digits) = normal.strip_prefix('+') {
        let ours = digits.strip_prefix(country).filter(|_| !country.is_empty());
        return match ours {
            Some(rest) if country == "1" => in_country_1(rest),
            Some(_) => National,
            None => International,
        };
    }
    let length = normal.len();
    match () {
        // A number of either kind has its country code by now, where it is long enough to be one.
        () if normal.starts_with("00") => International,
        () if normal.starts_with('0') => National,
        () if length <= SUBSCRIBER_DIGITS_MAX => Local,
        () if country == "1" && length == 10 => in_country_1(normal),
        () if country == "1" && length == 11 && normal.starts_with('1') => {
            in_country_1(&normal[1..])
        }
        () if country == "86" && length == 10 && is_free_or_shared(normal) => National,
        // Without `+` it may be a number of any country.
        () => International,
    }
}

fn in_country_1(digits: &str) -> NumberClass {
    match ABROAD_IN_1.iter().any(|area| digits.starts_with(area)) {
        true => NumberClass::International,
        false => NumberClass::National,
    }
}

fn is_free_or_shared(digits: &str) -> bool {
    digits.starts_with("400") || digits.starts_with("800")
}

#[cfg(test)]
mod tests {
    use super::*;
    use NumberClass::{International, Local, National, Premium};

    fn class(text: &str, country: &str) -> NumberClass {
        let rules = CallingRules::default();
        rules.class_of(&PhoneNumber::parse(text, country), country).expect("no emergency")
    }

    #[test]
    fn numbers_at_home_are_local_or_national() {
        for (text, of) in [
            ("87654321", Local),
            ("95555", Local),
            ("12345", Local),
            ("13800138000", National),
            ("013811112222", National),
            ("02155556666", National),
            ("+8613800138000", National),
            ("008613800138000", National),
            ("4008001234", National),
        ] {
            assert_eq!(class(text, "86"), of, "{text}");
        }
        for (text, of) in [("5551234", Local), ("2125551234", National), ("12125551234", National)]
        {
            assert_eq!(class(text, "1"), of, "{text}");
        }
    }

    #[test]
    fn what_is_abroad_is_so_however_it_is_written() {
        for text in [
            "00442071234567",
            "+442071234567",
            "442071234567",
            "00123",
            "000442071234567",
            "1790900442071234567",
            "86138001380001",
        ] {
            assert_eq!(class(text, "86"), International, "{text}");
        }
        for text in
            ["011442071234567", "18765551234", "8765551234", "+18765551234", "+442071234567"]
        {
            assert_eq!(class(text, "1"), International, "{text}");
        }
        assert_eq!(class("+8613800138000", ""), International, "of a tenant without a country");
    }

    #[test]
    fn what_has_a_price_of_its_own_is_premium() {
        for (text, country) in [
            ("16800123", "86"),
            ("+88213123456", "86"),
            ("0088213123456", "86"),
            ("+19005551234", "86"),
            ("9005551234", "1"),
            ("19005551234", "1"),
        ] {
            assert_eq!(class(text, country), Premium, "{text}");
        }
    }

    #[test]
    fn a_tenants_own_prefix_comes_before_what_is_known_and_a_longer_one_before_both() {
        let own = |prefix: &str, class| NumberPrefix { prefix: prefix.into(), class };
        let rules = CallingRules {
            prefixes: vec![own("020", Local), own("+8620888", Premium), own("0044", National)],
            ..CallingRules::default()
        };
        let class = |text| rules.class_of(&PhoneNumber::parse(text, "86"), "86");
        assert_eq!(class("02087654321"), Some(Local));
        assert_eq!(class("02088854321"), Some(Premium), "the longer one");
        assert_eq!(class("00442071234567"), Some(National), "a partner abroad");
        assert_eq!(class("0033123456789"), Some(International));
        let wide = CallingRules { prefixes: vec![own("8", National)], ..rules };
        let class = |text| wide.class_of(&PhoneNumber::parse(text, "7"), "7");
        assert_eq!(class("84951234567"), Some(National));
        assert_eq!(class("810442071234567"), Some(International), "known, and longer");
    }

    #[test]
    fn everybody_may_call_for_help_and_nothing_that_only_begins_so() {
        let rules = CallingRules::default();
        let class = |text| rules.class_of(&PhoneNumber::parse(text, "86"), "86");
        for text in ["110", "119", "120", "122", "112"] {
            assert_eq!(class(text), None, "{text}");
        }
        assert_eq!(class("1100"), Some(Local));
    }

    #[test]
    fn a_tenant_that_said_nothing_allows_the_country_and_nothing_beyond() {
        let rules = CallingRules::default();
        assert_eq!((rules.dial, rules.forward), (National, National));
        assert!(!National.is_costly() && International.is_costly() && Premium.is_costly());
    }
}
