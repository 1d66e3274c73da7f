//! What a search for calls or recordings asks of other stores: who the customer is, which order it
//! led to and in which area, what the agent chose as its reason, what stands in notes. Each becomes a number or a set
//! of calls first, so that the search itself stays one question to one index, page by page.

use super::Api;
use super::guard::Caller;
use super::problem::Problem;
use super::rows::{Conditions, filter, rows};
use std::collections::BTreeSet;
use terms::{CallId, CustomerId, OrderId, Timestamp};
use warehouse::query::literal;

/// Calls that one condition on orders or reasons may mean.
pub(super) const CALLS_MAX: usize = 2_000;
/// An agent chooses the reason after the call, which may be long.
const REASON_LATER_US: i64 = 86_400_000_000;

/// What is asked of other stores.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Asked<'a> {
    pub customer: Option<CustomerId>,
    pub order: Option<OrderId>,
    pub area: Option<&'a str>,
    pub text: Option<&'a str>,
    /// The period of the search, which narrows these questions too.
    pub from: Option<Timestamp>,
    pub to: Option<Timestamp>,
}

/// What it comes to.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Related {
    /// The number of the customer who was asked for.
    pub number: Option<String>,
    /// Only these calls; `None` is no limit.
    pub calls: Option<BTreeSet<CallId>>,
}

impl Related {
    /// Both this and what was asked before.
    fn only(&mut self, calls: BTreeSet<CallId>) {
        self.calls = Some(match self.calls.take() {
            Some(before) => &before & &calls,
            None => calls,
        });
    }

    /// As conditions on the table `calls`.
    pub(super) fn narrow(&self, conditions: &mut Conditions) {
        if let Some(number) = &self.number {
            let number = literal::text(number);
            conditions.own(format!("(caller = {number} OR called = {number})"));
        }
        match &self.calls {
            None => {}
            Some(calls) if calls.is_empty() => conditions.own("FALSE".to_owned()),
            Some(calls) => {
                let ids: Vec<String> = calls.iter().map(CallId::to_string).collect();
                conditions.own(format!("call_id IN ({})", ids.join(", ")));
            }
        }
    }
}

impl Api {
    /// Looks up what is asked of other stores.
    pub(super) async fn related(
        &self,
        caller: &Caller,
        asked: Asked<'_>,
    ) -> Result<Related, Problem> {
        let tenant = caller.tenant();
        let mut related = Related::default();
        if let Some(customer) = asked.customer {
            let number = self.store.customer(tenant, customer).await?.number;
            match caller.hides_numbers() {
                false => related.number = Some(number),
                true => related.only(self.calls_of_number(caller, &number, asked).await?),
            }
        }
        if let Some(order) = asked.order {
            let of = self.store.order(tenant, order).await?;
            related.only(of.call.into_iter().collect());
        }
        let area = asked.area.map(|area| filter("area", area)).transpose()?;
        let text = asked.text.map(|text| filter("text", text)).transpose()?;
        if area.is_some() || text.is_some() {
            let most = CALLS_MAX as u32 + 1;
            let within = (asked.from, asked.to);
            let found = self.store.calls_of_orders(tenant, (area, text), within, most).await?;
            related.only(few(if text.is_some() { "text" } else { "area" }, found)?);
        }
        Ok(related)
    }

    /// The same, and only calls after which an agent chose this reason.
    pub(super) async fn related_by_reason(
        &self,
        caller: &Caller,
        asked: Asked<'_>,
        reason: Option<&str>,
    ) -> Result<Related, Problem> {
        let mut related = self.related(caller, asked).await?;
        if let Some(reason) = reason {
            let of = of_reason(reason, asked.from, asked.to)?;
            let sql =
                format!("SELECT DISTINCT call_id FROM ({of}) AS chosen LIMIT {}", CALLS_MAX + 1);
            let found = rows(&self.session(caller).await?, &sql).await?;
            let id = |row: &serde_json::Value| row["call_id"].as_str()?.parse::<CallId>().ok();
            related.only(few("reason", found.iter().filter_map(id).collect())?);
        }
        Ok(related)
    }
}

impl Api {
    /// The calls of a number that `caller` is not shown: their own session knows no such number.
    async fn calls_of_number(
        &self,
        caller: &Caller,
        number: &str,
        asked: Asked<'_>,
    ) -> Result<BTreeSet<CallId>, Problem> {
        let mut conditions = Conditions::default();
        let number = literal::text(number);
        conditions.own(format!("(caller = {number} OR called = {number})"));
        conditions.between("started_at", asked.from, asked.to);
        let sql = format!("SELECT call_id FROM calls{} LIMIT {}", conditions.sql(), CALLS_MAX + 1);
        let found = rows(&self.unmasked_session(caller).await?, &sql).await?;
        let id = |row: &serde_json::Value| row["call_id"].as_str()?.parse::<CallId>().ok();
        few("customer", found.iter().filter_map(id).collect())
    }
}

/// A question for the calls after which an agent chose this reason.
pub(super) fn of_reason(
    reason: &str,
    from: Option<Timestamp>,
    to: Option<Timestamp>,
) -> Result<String, Problem> {
    let mut conditions = Conditions::default();
    conditions.own("activity = 'wrap_up'".to_owned());
    conditions.own("call_id IS NOT NULL".to_owned());
    conditions.is("reason", reason)?;
    let to = to.map(|to| Timestamp(to.0.saturating_add(REASON_LATER_US)));
    conditions.between("started_at", from, to);
    Ok(format!("SELECT call_id FROM agent_spans{}", conditions.sql()))
}

fn few(field: &str, calls: Vec<CallId>) -> Result<BTreeSet<CallId>, Problem> {
    if calls.len() > CALLS_MAX {
        let message = format!(
            "{field}: more than {CALLS_MAX} calls fit; choose a shorter period or say more of it"
        );
        return Err(Problem::invalid(field, message));
    }
    Ok(calls.into_iter().collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sql(related: &Related) -> String {
        let mut conditions = Conditions::default();
        related.narrow(&mut conditions);
        conditions.sql()
    }

    #[test]
    fn what_other_stores_say_narrows_together() {
        let mut related = Related::default();
        assert_eq!(sql(&related), "");
        related.only([CallId(1), CallId(2)].into());
        related.only([CallId(2), CallId(3)].into());
        related.number = Some("+86'1".into());
        let number = "(caller = '+86''1' OR called = '+86''1')";
        assert_eq!(sql(&related), format!(" WHERE {number} AND call_id IN (2)"));
        related.only(BTreeSet::new());
        assert_eq!(sql(&related), format!(" WHERE {number} AND FALSE"));
    }

    #[test]
    fn a_condition_that_means_too_many_calls_is_refused_by_name() {
        let calls = |count: usize| (1..=count as u64).map(CallId).collect::<Vec<_>>();
        assert_eq!(few("text", calls(CALLS_MAX)).unwrap().len(), CALLS_MAX);
        let problem = few("text", calls(CALLS_MAX + 1)).unwrap_err();
        assert_eq!(problem.field.as_deref(), Some("text"));
        assert!(problem.message.contains("more than 2000 calls fit"), "{}", problem.message);
    }

    #[test]
    fn the_longest_list_of_calls_is_a_question_that_is_taken() {
        let mut related = Related::default();
        related.only((0..CALLS_MAX as u64).map(|n| CallId(i64::MAX as u64 - n)).collect());
        // A question may have 64 KiB.
        assert!(sql(&related).len() < 48 << 10);
    }
}
