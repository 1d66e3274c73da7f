//! The tables of the warehouse and their columns, for people: name, type, what it is.

use comfy_table::Table;
use warehouse::query::{ORDERS_LATEST, counts};
use warehouse::schema::{Layout, layouts};
use warehouse::wire::Kind;

/// What `ORDERS_LATEST` is.
const LATEST: &str = "Of every order the latest version: a view of orders.";

/// The name behind `\d`, empty for all tables; `None` when the text is a question.
pub fn wanted(sql: &str) -> Option<&str> {
    let rest = sql.trim().strip_prefix("\\d")?;
    let rest = rest.strip_prefix(['t', 'v']).unwrap_or(rest);
    let rest = rest.strip_prefix('+').unwrap_or(rest);
    (rest.is_empty() || rest.starts_with(char::is_whitespace))
        .then(|| rest.trim().trim_end_matches(';'))
}

/// All tables, or the columns of one.
///
/// # Errors
/// A sentence for people when there is no such table.
pub fn table(name: &str) -> Result<Table, String> {
    let mut table = Table::new();
    if name.is_empty() {
        table.set_header(["table", "meaning"]);
        let all = layouts().values().map(|layout| (layout.table.name, layout.table.doc));
        let counted = counts().map(|(name, layout)| (name, layout.table.doc));
        let mut all: Vec<(&str, &str)> =
            all.chain([(ORDERS_LATEST, LATEST)]).chain(counted).collect();
        all.sort_unstable();
        for (name, doc) in all {
            table.add_row([name, doc]);
        }
        return Ok(table);
    }
    table.set_header(["column", "type", "NULL", "meaning"]);
    let layout = layout(name)?;
    for (column, field) in layout.table.columns.iter().zip(layout.schema.fields()) {
        let null = if column.nullable { "yes" } else { "no" };
        table.add_row([column.name, Kind::of(field.data_type()).name(), null, column.doc]);
    }
    Ok(table)
}

fn layout(name: &str) -> Result<&'static Layout, String> {
    let wanted = name.trim_start_matches("public.").to_lowercase();
    let found = if wanted == ORDERS_LATEST { "orders" } else { wanted.as_str() };
    let counted = || counts().find(|(name, _)| *name == found).map(|(_, layout)| layout);
    let found = layouts().get(found).map(|layout| &**layout).or_else(counted);
    found.ok_or_else(|| {
        let counted = counts().map(|(name, _)| name);
        let names: Vec<&str> =
            layouts().keys().copied().chain([ORDERS_LATEST]).chain(counted).collect();
        format!("there is no table \"{name}\"; there are {}", names.join(", "))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_is_told_from_a_question() {
        assert_eq!(wanted("\\d"), Some(""));
        assert_eq!(wanted("\\dt"), Some(""));
        assert_eq!(wanted(" \\dt+\n"), Some(""));
        assert_eq!(wanted("\\d calls;"), Some("calls"));
        assert_eq!(wanted("\\drop"), None);
        assert_eq!(wanted("SELECT '\\d'"), None);
    }

    #[test]
    fn tables_and_columns_are_listed_with_their_meaning() {
        let all = table("").unwrap().to_string();
        assert!(all.contains("calls") && all.contains(ORDERS_LATEST), "{all}");
        let calls = table("public.Calls").unwrap().to_string();
        assert!(
            calls.contains("started_at") && calls.contains("timestamp with time zone"),
            "{calls}"
        );
        assert!(table(ORDERS_LATEST).is_ok());
        assert!(all.contains("call_intervals") && all.contains("call_days"), "{all}");
        let counts = table("call_days").unwrap().to_string();
        assert!(counts.contains("from_at") && counts.contains("talk_ms"), "{counts}");
        let problem = table("call").unwrap_err();
        assert!(
            problem.contains("there is no table \"call\"; there are agent_spans, "),
            "{problem}"
        );
    }
}
