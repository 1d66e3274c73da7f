//! Texts that flows have sent. Whoever rings a flow has no right of their own and may name any
//! number, so there are limits besides the tenant's right: for each number, for all of a tenant, and
//! of these for numbers where a thief earns, who has another one ready each time. A process that
//! begins counts anew.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;
use terms::{Moment, Subscriber, TenantId};

/// The time that the limits are about.
const HOUR: Duration = Duration::from_secs(3_600);
/// Texts to one number in that time, however it is written.
const TO_NUMBER_MAX: usize = 3;
/// Texts of all callers of a tenant in that time.
const OF_TENANT_MAX: usize = 1_000;
/// Those of them that may go to dear numbers.
const COSTLY_MAX: usize = 30;

/// Those of the last hour, of all tenants.
#[derive(Debug, Default)]
pub(crate) struct TextsAsked(BTreeMap<TenantId, VecDeque<Asked>>);

#[derive(Debug)]
struct Asked {
    at: Moment,
    /// To whom; empty where they were forgotten.
    to: String,
    costly: bool,
}

impl TextsAsked {
    /// Counts one more to a number in its normal form, `costly` where a thief earns. False, and it
    /// does not count, where it is too much.
    pub fn count(&mut self, now: Moment, tenant: TenantId, (number, costly): (&str, bool)) -> bool {
        let asked = self.0.entry(tenant).or_default();
        while asked.front().is_some_and(|asked| now - asked.at >= HOUR) {
            asked.pop_front();
        }
        let to_number = asked.iter().filter(|asked| asked.to == number).count();
        let dear = asked.iter().filter(|asked| asked.costly).count();
        let is_dear_over = costly && dear >= COSTLY_MAX;
        if asked.len() >= OF_TENANT_MAX || to_number >= TO_NUMBER_MAX || is_dear_over {
            return false;
        }
        asked.push_back(Asked { at: now, to: number.to_owned(), costly });
        true
    }

    /// This person got no text. What the tenant had sent counts for the tenant all the same.
    pub fn forget_person(&mut self, tenant: TenantId, person: &Subscriber) {
        for asked in self.0.get_mut(&tenant).into_iter().flatten() {
            if person.is_in(&asked.to) {
                asked.to.clear();
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ACME: TenantId = TenantId(1);
    const OTHER: TenantId = TenantId(2);
    const MOBILE: &str = "+8613800138000";

    fn at(secs: u64) -> Moment {
        Moment::from_secs(10_000 + secs)
    }

    #[test]
    fn a_number_gets_three_an_hour_of_each_tenant() {
        let mut asked = TextsAsked::default();
        for secs in 0..3 {
            assert!(asked.count(at(secs), ACME, (MOBILE, false)));
        }
        assert!(!asked.count(at(3), ACME, (MOBILE, false)));
        assert!(asked.count(at(3), ACME, ("+8613800138001", false)));
        assert!(asked.count(at(3), OTHER, (MOBILE, false)));
        assert!(!asked.count(at(3_599), ACME, (MOBILE, false)));
        assert!(asked.count(at(3_600), ACME, (MOBILE, false)), "the first one is an hour ago");
        assert!(!asked.count(at(3_600), ACME, (MOBILE, false)), "the others are not");
    }

    #[test]
    fn all_callers_of_a_tenant_have_a_thousand_an_hour() {
        let mut asked = TextsAsked::default();
        for n in 0..1_000 {
            assert!(asked.count(at(0), ACME, (&format!("+86138{n:08}"), false)));
        }
        assert!(!asked.count(at(1), ACME, (MOBILE, false)));
        assert!(asked.count(at(1), OTHER, (MOBILE, false)));
        assert!(asked.count(at(3_600), ACME, (MOBILE, false)));
    }

    #[test]
    fn few_go_to_dear_numbers_however_many_of_them_there_are() {
        let mut asked = TextsAsked::default();
        for n in 0..30 {
            assert!(asked.count(at(0), ACME, (&format!("+44207{n:07}"), true)));
        }
        assert!(!asked.count(at(1), ACME, ("+442071234567", true)));
        assert!(asked.count(at(1), ACME, (MOBILE, false)), "others are sent");
        assert!(asked.count(at(1), OTHER, ("+442071234567", true)));
        assert!(asked.count(at(3_600), ACME, ("+442071234567", true)));
    }

    #[test]
    fn who_is_forgotten_stands_nowhere_and_the_tenants_count_goes_on() {
        let mut asked = TextsAsked::default();
        for _ in 0..3 {
            assert!(asked.count(at(0), ACME, (MOBILE, false)));
        }
        asked.forget_person(ACME, &Subscriber::parse("13800138000", "86").expect("a number"));
        assert!(!format!("{asked:?}").contains("13800138000"), "{asked:?}");
        assert_eq!(asked.0[&ACME].len(), 3);
    }
}
