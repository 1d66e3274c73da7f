//! Orders as callers ask for them by telephone: by the digits of the number that people quote, or by who
//! they are.

use super::{COLUMNS, Order, order};
use crate::error::During;
use crate::sql::Builder;
use crate::{Result, Store};
use terms::{TenantId, Timestamp};

/// Digits of the day, with which a quoted number begins.
const DAY_DIGITS: usize = 8;

impl Store {
    /// The order whose number has these digits, or, where there are none, the latest of the customer:
    /// one that is not closed before one that is. `customer` is the normalised number of whose it must
    /// be; without one it may be anybody's, and digits are needed.
    ///
    /// # Errors
    /// When the store does not answer.
    pub async fn order_told(
        &self,
        tenant: TenantId,
        digits: &str,
        customer: Option<&str>,
    ) -> Result<Option<Order>> {
        let mut query = Builder::new(COLUMNS);
        query.push_bind(tenant.0 as i64);
        match (digits, customer) {
            ("", None | Some("")) => return Ok(None),
            ("", Some(_)) => {}
            (digits, _) => {
                let Some((number, id)) = quoted(digits) else { return Ok(None) };
                query.push(" AND id = ").push_bind(id);
                query.push(" AND number = ").push_bind(number);
            }
        }
        if let Some(customer) = customer {
            query.push(" AND customer_number = ").push_bind(customer.to_owned());
        }
        query.push(" ORDER BY CASE WHEN closed_at IS NULL THEN 0 ELSE 1 END, id DESC LIMIT 1");
        let rows = query.build().fetch_all(self.reader()).await.during("tell of an order")?;
        rows.first().map(order).transpose()
    }
}

impl Order {
    /// Its deadline, while one is to be kept.
    pub fn deadline_ahead(&self) -> Option<Timestamp> {
        self.deadline_at.filter(|_| !self.progress.is_closed())
    }
}

/// `20261123-00042` and 42 of `2026112300042`.
fn quoted(digits: &str) -> Option<(String, i64)> {
    let only = digits.bytes().all(|byte| byte.is_ascii_digit());
    let (day, id) = digits.split_at_checked(DAY_DIGITS).filter(|_| only)?;
    Some((format!("{day}-{id}"), id.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digits_are_a_day_and_a_running_number_and_nothing_else() {
        assert_eq!(quoted("2026112300042"), Some(("20261123-00042".to_owned(), 42)));
        for bad in ["", "20261123", "2026", "20261123-00042", "2026112a00042", "二零二六一一二三"]
        {
            assert_eq!(quoted(bad), None, "{bad}");
        }
        assert_eq!(quoted(&"9".repeat(32)), None, "more than a number holds");
    }
}
