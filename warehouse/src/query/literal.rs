//! Values as SQL literals, for whoever writes questions to the warehouse from typed values.

use terms::Timestamp;

/// A text in quotes. A standard SQL string has one special character, the quote itself (SQL-92
/// §5.3), so nothing that a person typed can leave it.
pub fn text(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}

/// A point in time of the type that the tables' columns have, so that comparing with it casts no
/// column.
pub fn instant(at: Timestamp) -> String {
    format!("arrow_cast({}, 'Timestamp(Microsecond, Some(\"UTC\"))')", at.0)
}

/// The number of what has an id, as the columns of ids hold it; NULL for none.
pub fn id(id: Option<u64>) -> String {
    match id {
        Some(id) => format!("CAST({} AS BIGINT)", id as i64),
        None => "CAST(NULL AS BIGINT)".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_quote_in_a_text_ends_nothing() {
        assert_eq!(text("O'Hara'; --"), "'O''Hara''; --'");
        assert_eq!(text("\\' --"), "'\\'' --'");
    }
}
