//! Our SQL as DuckDB understands it. The rules are few and stand here one by one; what the engines
//! call the same stays as it is, and settings of the session (division of whole numbers, order of
//! NULLs, `to_char`) do the rest.

/// Where a report begins to compute with functions that only our engine has.
const TRADE: &str = "staffed AS (";

/// `sql` for DuckDB.
pub fn duckdb(sql: &str) -> String {
    let sql = calls(sql, "arrow_cast(", &instant);
    let sql = calls(&sql, "CAST(", &micros);
    // `at` may be a column there, but not in an ORDER BY.
    let sql = sql.replace("ORDER BY at,", "ORDER BY \"at\",");
    // The first of a group is an aggregate of another name.
    sql.replace("FIRST_VALUE(", "FIRST(")
}

/// The part of a question that both engines can answer: the rows that the functions of the trade are
/// given, where it uses them. The second says whether something was left out.
pub fn shared(sql: &str) -> (String, bool) {
    let Some(at) = sql.find(TRADE) else { return (sql.to_owned(), false) };
    let before = sql[..at].trim_end().trim_end_matches(',');
    let last = before.rfind(" AS (\n").unwrap_or(0);
    let name = before[..last].rsplit(char::is_whitespace).next().unwrap_or_default();
    (format!("{before}\nSELECT * FROM {name}"), true)
}

/// A number of microseconds as a time, with the zone that the columns have or without one.
fn instant(inner: &str) -> Option<String> {
    let (value, kind) = inner.rsplit_once(", 'Timestamp(Microsecond, ")?;
    let function = if kind.starts_with("None") { "make_timestamp" } else { "make_timestamptz" };
    Some(format!("{function}(CAST({} AS BIGINT))", value.trim()))
}

/// A time as a number of microseconds; other casts are the same in both.
fn micros(inner: &str) -> Option<String> {
    let value = inner.strip_suffix(" AS BIGINT")?;
    let head = value.split('(').next().unwrap_or_default();
    let is_time = match head {
        "GREATEST" | "LEAST" | "COALESCE" => {
            value.contains("_at") || value.contains("make_timesta")
        }
        name => name == value && name.ends_with("_at"),
    };
    is_time.then(|| format!("epoch_us({value})"))
}

/// Rewrites every call of `function` (with its bracket) whose inner text `rule` knows, the innermost
/// first.
fn calls(sql: &str, function: &str, rule: &dyn Fn(&str) -> Option<String>) -> String {
    let (mut out, mut rest) = (String::with_capacity(sql.len()), sql);
    while let Some(at) = rest.find(function) {
        let inner = &rest[at + function.len()..];
        let Some(end) = closing(inner) else { break };
        // A longer name that ends in the same letters is another function.
        let other = rest[..at].ends_with(|c: char| c.is_alphanumeric() || c == '_');
        let text = calls(&inner[..end], function, rule);
        out.push_str(&rest[..at]);
        match rule(&text).filter(|_| !other) {
            Some(made) => out.push_str(&made),
            None => out.push_str(&format!("{function}{text})")),
        }
        rest = &inner[end + 1..];
    }
    out + rest
}

/// Where the bracket closes that was opened before `text`; brackets in quotes do not count.
fn closing(text: &str) -> Option<usize> {
    let (mut open, mut quoted) = (0, false);
    for (at, c) in text.char_indices() {
        match c {
            '\'' => quoted = !quoted,
            '(' if !quoted => open += 1,
            ')' if !quoted && open == 0 => return Some(at),
            ')' if !quoted => open -= 1,
            _ => {}
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    const UTC: &str = "'Timestamp(Microsecond, Some(\"UTC\"))'";

    #[test]
    fn times_become_functions_and_other_casts_stay() {
        let sql = format!(
            "SELECT CAST(c.started_at AS BIGINT) / 1000, CAST(wait_ms AS BIGINT), \
             CAST(COALESCE(closed_at, arrow_cast(5, {UTC})) AS BIGINT) \
             FROM calls WHERE started_at >= arrow_cast(-7, {UTC})"
        );
        assert_eq!(
            duckdb(&sql),
            "SELECT epoch_us(c.started_at) / 1000, CAST(wait_ms AS BIGINT), \
             epoch_us(COALESCE(closed_at, make_timestamptz(CAST(5 AS BIGINT)))) \
             FROM calls WHERE started_at >= make_timestamptz(CAST(-7 AS BIGINT))"
        );
    }

    #[test]
    fn a_local_clock_inside_a_part_of_a_date_is_found() {
        let sql = "CAST(date_part('year', arrow_cast((CAST(created_at AS BIGINT) + 8), \
                   'Timestamp(Microsecond, None)')) AS BIGINT)";
        assert_eq!(
            duckdb(sql),
            "CAST(date_part('year', make_timestamp(CAST((epoch_us(created_at) + 8) AS BIGINT))) \
             AS BIGINT)"
        );
    }

    #[test]
    fn a_bracket_in_a_text_closes_nothing() {
        assert_eq!(duckdb("SELECT CAST(')' AS VARCHAR)"), "SELECT CAST(')' AS VARCHAR)");
    }

    #[test]
    fn of_the_staffing_report_both_answer_what_the_functions_are_given() {
        let sql = "WITH came AS (\n SELECT 1 AS a),\n loaded AS (\n SELECT a FROM came\n ),\n \
                   staffed AS (\n SELECT agents_needed(a) FROM loaded\n )\n SELECT * FROM staffed";
        let expected = "WITH came AS (\n SELECT 1 AS a),\n loaded AS (\n SELECT a FROM came\n )\n\
                        SELECT * FROM loaded";
        assert_eq!(shared(sql), (expected.to_owned(), true));
        assert_eq!(shared("SELECT 1"), ("SELECT 1".to_owned(), false));
    }
}
