//! Texts that flows have sent. Whoever rings a flow has no right of their own and may name any number, so
//! there are limits besides the tenant's right: for each number, and for all of a tenant. A process that
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

/// Those of the last hour, of all tenants: when, and to whom.
#[derive(Debug, Default)]
pub(crate) struct TextsAsked(BTreeMap<TenantId, VecDeque<(Moment, String)>>);

impl TextsAsked {
    /// Counts one more to a number in its normal form. False, and it does not count, where it is too much.
    pub fn count(&mut self, now: Moment, tenant: TenantId, number: &str) -> bool {
        let asked = self.0.entry(tenant).or_default();
        while asked.front().is_some_and(|&(at, _)| now - at >= HOUR) {
            asked.pop_front();
        }
        let to_number = asked.iter().filter(|(_, to)| to == number).count();
        if asked.len() >= OF_TENANT_MAX || to_number >= TO_NUMBER_MAX {
            return false;
        }
        asked.push_back((now, number.to_owned()));
        true
    }

    /// This person got no text. What the tenant had sent counts for the tenant all the same.
    pub fn forget_person(&mut self, tenant: TenantId, person: &Subscriber) {
        for (_, to) in self.0.get_mut(&tenant).into_iter().flatten() {
            if person.is_in(to) {
                to.clear();
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
            assert!(asked.count(at(secs), ACME, MOBILE));
        }
        assert!(!asked.count(at(3), ACME, MOBILE));
        assert!(asked.count(at(3), ACME, "+8613800138001"));
        assert!(asked.count(at(3), OTHER, MOBILE));
        assert!(!asked.count(at(3_599), ACME, MOBILE));
        assert!(asked.count(at(3_600), ACME, MOBILE), "the first one is an hour ago");
        assert!(!asked.count(at(3_600), ACME, MOBILE), "the others are not");
    }

    #[test]
    fn all_callers_of_a_tenant_have_a_thousand_an_hour() {
        let mut asked = TextsAsked::default();
        for n in 0..1_000 {
            assert!(asked.count(at(0), ACME, &format!("+86138{n:08}")));
        }
        assert!(!asked.count(at(1), ACME, MOBILE));
        assert!(asked.count(at(1), OTHER, MOBILE));
        assert!(asked.count(at(3_600), ACME, MOBILE));
    }

    #[test]
    fn who_is_forgotten_stands_nowhere_and_the_tenants_count_goes_on() {
        let mut asked = TextsAsked::default();
        for _ in 0..3 {
            assert!(asked.count(at(0), ACME, MOBILE));
        }
        asked.forget_person(ACME, &Subscriber::parse("13800138000", "86").expect("a number"));
        assert!(!format!("{asked:?}").contains("13800138000"), "{asked:?}");
        assert_eq!(asked.0[&ACME].len(), 3);
    }
}
