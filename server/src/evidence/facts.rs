//! What is known of a call, gathered: its rows in the warehouse, the orders that were made from it
//! with their steps, and who has touched any of them.

use super::Error;
use desk::order::query::{OrderFilter, PAGE_MAX};
use desk::{By, Store, when};
use serde_json::{Value, json};
use terms::{CallId, TenantId, Timestamp};
use warehouse::Session;

/// Rows of one table that a pack takes.
const ROWS_MAX: usize = 9_000;
/// Tables whose rows a pack has, and their order in it.
const TABLES: [(&str, &str); 8] = [
    ("legs", "started_at"),
    ("queue_visits", "entered_at"),
    ("ivr_steps", "seq"),
    ("agent_spans", "started_at"),
    ("surveys", "asked_at"),
    ("consents", "seq"),
    ("recordings", "started_at"),
    ("quality", "leg_id"),
];

/// What a pack says of a call.
#[derive(Clone, Debug, PartialEq)]
pub struct Facts {
    /// Whose.
    pub tenant: TenantId,
    /// Their name.
    pub organisation: String,
    /// The call.
    pub call: CallId,
    /// When it was gathered.
    pub made_at: Timestamp,
    /// For whom.
    pub made_by: String,
    /// The call's rows by table, and in `left_out` which damaged files they lack.
    pub records: Value,
    /// The orders with their steps.
    pub orders: Value,
    /// What happened, in order of time, each as JSON on one line.
    pub entries: Vec<String>,
}

/// Gathers what is known; `None` when there is no such call.
///
/// # Errors
/// See [`Error`].
pub async fn gather(
    store: &Store,
    session: &Session,
    tenant: TenantId,
    call: CallId,
    by: &By,
) -> Result<Option<Facts>, Error> {
    let mut calls = rows(session, "calls", call, "started_at").await?;
    let Some(row) = calls.pop() else { return Ok(None) };
    let mut records = json!({ "call": row });
    for (table, order) in TABLES {
        records[table] = rows(session, table, call, order).await?.into();
    }
    let mut entries = Vec::new();
    for row in rows(session, "events", call, "seq").await? {
        entries.push((time(&row), json!({ "source": "event", "what": row })));
    }
    let left_out = session.left_out();
    if !left_out.is_empty() {
        records["left_out"] = json!(left_out);
    }
    let mut subjects = vec![call.to_string()];
    for recording in records["recordings"].as_array().into_iter().flatten() {
        subjects.extend(recording["recording_id"].as_str().map(str::to_owned));
    }
    let filter = OrderFilter { call: Some(call), limit: PAGE_MAX, ..OrderFilter::default() };
    let found = store.orders(tenant, &filter, by.at).await?;
    if found.next.is_some() {
        return Err(Error::TooMany { most: PAGE_MAX as usize, of: "orders" });
    }
    let mut orders = Vec::new();
    for order in found.orders {
        let steps = store.order_steps(tenant, order.id).await?;
        for step in &steps {
            let what = json!({ "order": order.id, "step": step });
            entries.push((Some(step.at), json!({ "source": "order", "what": what })));
        }
        subjects.push(order.id.to_string());
        orders.push(json!({ "order": order, "steps": steps }));
    }
    let audit = store.audit_of(tenant, &subjects, ROWS_MAX as u32 + 1).await?;
    if audit.len() > ROWS_MAX {
        return Err(Error::TooMany { most: ROWS_MAX, of: "audit" });
    }
    for row in audit {
        entries.push((Some(row.at), json!({ "source": "audit", "what": row })));
    }
    // Equal times stay as they were written.
    entries.sort_by_key(|(at, _)| *at);
    Ok(Some(Facts {
        tenant,
        organisation: store.tenant(tenant).await?.profile.name,
        call,
        made_at: by.at,
        made_by: told(by),
        records,
        orders: orders.into(),
        entries: entries.into_iter().map(|(_, entry)| entry.to_string()).collect(),
    }))
}

fn told(by: &By) -> String {
    match by.user {
        Some(user) => format!("user {user} from {}", by.source),
        None => by.source.clone(),
    }
}

fn time(row: &Value) -> Option<Timestamp> {
    when::parse(row["at"].as_str()?)
}

/// The rows of a call in one table, without the column that says whose they are.
async fn rows(
    session: &Session,
    table: &'static str,
    call: CallId,
    order: &str,
) -> Result<Vec<Value>, Error> {
    let sql = format!(
        "SELECT * FROM {table} WHERE call_id = {call} ORDER BY {order} LIMIT {}",
        ROWS_MAX + 1
    );
    let text = session.query(&sql).await?.to_json();
    let mut rows: Vec<Value> = serde_json::from_str(&text).expect("an answer is a list of rows");
    if rows.len() > ROWS_MAX {
        return Err(Error::TooMany { most: ROWS_MAX, of: table });
    }
    for row in &mut rows {
        if let Some(fields) = row.as_object_mut() {
            fields.remove("tenant_id");
        }
    }
    Ok(rows)
}
