//! The shape of the business: a year of ten tenants, busy on Mondays and at ten in the morning, each
//! with its own queues, agents and customers. The same for the same number of calls.

use terms::{TenantId, Timestamp};

/// The tenant that is asked about: it has four calls in ten.
pub const OURS: TenantId = TenantId(1);
/// Tenants.
pub const TENANTS: u64 = 10;
/// 2026-01-01T00:00:00Z, a Thursday.
pub const BEGIN: Timestamp = Timestamp::from_secs(1_767_225_600);
/// Days from there on.
pub const DAYS: u64 = 365;
/// Microseconds of a day.
pub const DAY_US: i64 = 86_400_000_000;

/// How busy a day is, from Monday on, in hundredths of a Wednesday.
const WEEK: [u64; 7] = [118, 106, 100, 99, 103, 52, 38];
/// How busy an hour of the UTC day is; it is eight hours later in Shanghai.
const HOURS: [u32; 24] =
    [48, 88, 100, 92, 60, 66, 84, 90, 82, 64, 40, 30, 26, 20, 14, 9, 6, 4, 3, 2, 2, 4, 10, 16];
/// Calls of an agent on a day.
const CALLS_OF_AGENT: u64 = 60;
/// Calls of a customer in a year.
const CALLS_OF_CUSTOMER: u64 = 6;

/// How many calls each day has; together they are `count`.
pub fn days(count: u64) -> Vec<u64> {
    let weight = |day: u64| WEEK[((day + 3) % 7) as usize];
    let whole: u64 = (0..DAYS).map(weight).sum();
    let (mut made, mut weighed) = (0, 0);
    let of_day = |day| {
        weighed += weight(day);
        let until = count * weighed / whole;
        let calls = until - made;
        made = until;
        calls
    };
    (0..DAYS).map(of_day).collect()
}

/// The first instant of a day.
pub fn begin_of(day: u64) -> Timestamp {
    Timestamp(BEGIN.0 + day as i64 * DAY_US)
}

/// The hour of the UTC day at a place among all hours, weighed by how busy they are; `dice` is a
/// number of any size.
pub fn hour(dice: u32) -> i64 {
    let whole: u32 = HOURS.iter().sum();
    let mut left = dice % whole;
    for (hour, weight) in HOURS.iter().enumerate() {
        if left < *weight {
            return hour as i64;
        }
        left -= weight;
    }
    23
}

/// One tenant's house.
#[derive(Clone, Copy, Debug)]
pub struct Tenant {
    /// Who.
    pub id: TenantId,
    /// Queues.
    pub queues: u64,
    /// Agents.
    pub agents: u64,
    /// People who call.
    pub customers: u64,
}

/// The tenants of a year with `count` calls.
pub fn tenants(count: u64) -> Vec<Tenant> {
    let house = |id: u64| {
        let calls = if id == OURS.0 { count * 4 / 10 } else { count * 6 / 10 / (TENANTS - 1) };
        Tenant {
            id: TenantId(id),
            queues: if id == OURS.0 { 24 } else { 8 },
            agents: (calls / DAYS / CALLS_OF_AGENT).max(5),
            customers: (calls / CALLS_OF_CUSTOMER).max(50),
        }
    };
    (1..=TENANTS).map(house).collect()
}

/// Which of the tenants a call is for.
pub fn tenant_of(dice: u32) -> usize {
    let place = dice % 90;
    if place < 36 { 0 } else { 1 + ((place - 36) / 6) as usize }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_days_together_have_all_calls_and_sundays_the_fewest() {
        for count in [0, 1, 1_000, 1_000_003] {
            assert_eq!(days(count).iter().sum::<u64>(), count);
        }
        let days = days(1_000_000);
        // 2026-01-04 is the first Sunday, the day after it a Monday.
        assert!(days[3] * 3 < days[4], "{} and {}", days[3], days[4]);
    }

    #[test]
    fn every_tenant_and_every_hour_comes_up() {
        let mut calls = [0; TENANTS as usize];
        (0..90).for_each(|dice| calls[tenant_of(dice)] += 1);
        assert_eq!(calls, [36, 6, 6, 6, 6, 6, 6, 6, 6, 6]);
        let whole: u32 = HOURS.iter().sum();
        let hours: std::collections::BTreeSet<i64> = (0..whole).map(hour).collect();
        assert_eq!(hours.len(), 24);
    }
}
