//! A wall on its way to another process: what of it stands in the plan that a cluster runs, and how it
//! is read there. What cannot be read whole is refused, because half a wall is none.

use super::{AGENT_COLUMNS, AnyOf, QUEUE_COLUMNS, Rule, ScopedExec};
use arrow::datatypes::{Field, Schema};
use datafusion::common::{DataFusionError, Result};
use datafusion::physical_plan::ExecutionPlan;
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;
use std::sync::Arc;

/// Begins the bytes. No operator of Ballista does: those are protobuf, where no field has number 0.
const MARK: &[u8] = b"\0wall 1 ";

/// The wall without what is below it. A field that is not known here may let fewer rows through, so
/// it is not passed over; and none may be missing.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Sent {
    tenant: i64,
    rows: Rows,
    /// Of these, those that have for each in a column one of its ids.
    only: Vec<Named>,
    mask_numbers: bool,
    /// Names of the columns that go through, and whether they may be NULL.
    columns: Vec<(String, bool)>,
}

/// Of the tenant's.
#[derive(Serialize, Deserialize)]
enum Rows {
    All,
    /// Those that have in a column one of its ids.
    AnyOf(Named),
}

/// Columns by their names, each with its ids.
type Named = Vec<(String, BTreeSet<i64>)>;

impl ScopedExec {
    /// The wall as bytes.
    pub fn to_bytes(&self) -> Result<Vec<u8>> {
        let owned = |(column, ids): &(&'static str, BTreeSet<i64>)| {
            let column: &str = column;
            (column.to_owned(), ids.clone())
        };
        let named = |any_of: &AnyOf| -> Named { any_of.iter().map(owned).collect() };
        let rows = self.rule.any_of.as_ref().map_or(Rows::All, |any_of| Rows::AnyOf(named(any_of)));
        let fields = self.schema.fields().iter();
        let sent = Sent {
            tenant: self.rule.tenant,
            rows,
            only: self.rule.only.iter().map(named).collect(),
            mask_numbers: self.rule.mask_numbers,
            columns: fields.map(|field| (field.name().clone(), field.is_nullable())).collect(),
        };
        let text = serde_json::to_vec(&sent).map_err(|error| wrong(&error.to_string()))?;
        Ok([MARK, text.as_slice()].concat())
    }

    /// Whether bytes are those of a wall.
    pub fn is_sent(bytes: &[u8]) -> bool {
        bytes.starts_with(MARK)
    }

    /// The wall that bytes are of, above `input`.
    ///
    /// # Errors
    /// When they are not read whole, or `input` lacks a column that goes through.
    pub fn from_bytes(bytes: &[u8], input: Arc<dyn ExecutionPlan>) -> Result<Self> {
        let text = bytes.strip_prefix(MARK).ok_or_else(|| wrong("it does not begin as one"))?;
        let sent: Sent = serde_json::from_slice(text).map_err(|error| wrong(&error.to_string()))?;
        let any_of = match sent.rows {
            Rows::AnyOf(named) => Some(told(named)?),
            Rows::All => None,
        };
        let only = sent.only.into_iter().map(told).collect::<Result<Vec<_>>>()?;
        let below = input.schema();
        let fields = sent
            .columns
            .into_iter()
            .map(|(name, nullable)| {
                let kind = below.field_with_name(&name)?.data_type().clone();
                Ok(Field::new(name, kind, nullable))
            })
            .collect::<Result<Vec<_>>>()?;
        let rule = Rule { tenant: sent.tenant, any_of, only, mask_numbers: sent.mask_numbers };
        Ok(ScopedExec::new(input, rule, Arc::new(Schema::new(fields))))
    }
}

/// Columns by which rows are told apart, as they are known here.
fn told(named: Named) -> Result<AnyOf> {
    named.into_iter().map(known).collect()
}

/// One of them.
fn known((column, ids): (String, BTreeSet<i64>)) -> Result<(&'static str, BTreeSet<i64>)> {
    let mut columns = QUEUE_COLUMNS.into_iter().chain(AGENT_COLUMNS);
    match columns.find(|known| *known == column.as_str()) {
        Some(column) => Ok((column, ids)),
        None => Err(wrong(&format!("rows are not told apart by {column}"))),
    }
}

fn wrong(why: &str) -> DataFusionError {
    DataFusionError::Plan(format!("the wall of a tenant cannot be read: {why}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::schema::layout_of;
    use crate::{Only, Scope};
    use datafusion::physical_plan::empty::EmptyExec;
    use terms::{AgentId, QueueId, TenantId};

    fn wall() -> ScopedExec {
        let layout = layout_of("queue_visits");
        let scope = Scope {
            queues: Some(vec![QueueId(10), QueueId(11)]),
            agents: Some(vec![AgentId(7)]),
            mask_numbers: true,
            only: vec![Only { table: "queue_visits", columns: &["queue_id"], ids: vec![11] }],
            ..Scope::of(TenantId(3))
        };
        let below = Arc::new(EmptyExec::new(Arc::clone(&layout.schema)));
        ScopedExec::new(below, Rule::new(layout, &scope), Arc::clone(&layout.schema))
    }

    fn below() -> Arc<dyn ExecutionPlan> {
        Arc::new(EmptyExec::new(Arc::clone(&layout_of("queue_visits").schema)))
    }

    #[test]
    fn a_wall_arrives_as_it_was_sent() {
        let wall = wall();
        let bytes = wall.to_bytes().unwrap();
        assert!(ScopedExec::is_sent(&bytes));
        let there = ScopedExec::from_bytes(&bytes, below()).unwrap();
        assert_eq!(format!("{:?}", there.rule), format!("{:?}", wall.rule));
        assert_eq!(there.schema, wall.schema);
    }

    #[test]
    fn half_a_wall_is_refused() {
        let bytes = wall().to_bytes().unwrap();
        let whole: serde_json::Value = serde_json::from_slice(&bytes[MARK.len()..]).unwrap();
        let fields = whole.as_object().unwrap();
        assert_eq!(fields.len(), 5);
        for field in fields.keys() {
            let mut less = whole.clone();
            less.as_object_mut().unwrap().remove(field);
            let text = serde_json::to_vec(&less).unwrap();
            let less = [MARK, text.as_slice()].concat();
            assert!(ScopedExec::from_bytes(&less, below()).is_err(), "{field} is missing");
        }
        let text = String::from_utf8(bytes.clone()).unwrap();
        for changed in [
            text.replace("\"tenant\":3", "\"tenant\":\"all\""),
            text.replace("\"mask_numbers\"", "\"teams\":[1],\"mask_numbers\""),
            text.replacen("\"agent_id\"", "\"digits\"", 1),
            text.replace("\"only\":[[[\"queue_id\"", "\"only\":[[[\"digits\""),
            text.replace("\"visit_id\"", "\"password\""),
        ] {
            assert_ne!(changed, text);
            assert!(ScopedExec::from_bytes(changed.as_bytes(), below()).is_err(), "{changed}");
        }
        assert!(ScopedExec::from_bytes(&bytes[..bytes.len() - 1], below()).is_err());
        assert!(!ScopedExec::is_sent(b"\x0a\x00"));
    }
}
