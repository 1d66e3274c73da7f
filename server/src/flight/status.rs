//! Why something is not done, as gRPC says it: its code, and the sentence that clients of PostgreSQL
//! get, with the place in the text, what would be right, and the SQLSTATE behind it.

use crate::work::wire::Refusal;
use arrow::error::ArrowError;
use tonic::{Code, Status};

/// Longest sentence, in characters: it travels in a header, and clients take few bytes of those.
const SENTENCE_MAX: usize = 1_000;

/// The status of a refusal.
pub fn status(refusal: &Refusal) -> Status {
    let mut text = refusal.message.clone();
    if let Some((line, column)) = refusal.place {
        text.push_str(&format!(" (line {line}, column {column})"));
    }
    if let Some(hint) = &refusal.hint {
        text.push_str(&format!(". {hint}"));
    }
    let text: String = text.chars().take(SENTENCE_MAX).collect();
    Status::new(code(&refusal.code), format!("{text} [SQLSTATE {}]", refusal.code))
}

fn code(sqlstate: &str) -> Code {
    match sqlstate {
        "42501" => Code::PermissionDenied,
        "57014" => Code::DeadlineExceeded,
        "57P03" => Code::Unavailable,
        "53200" | "53300" | "54000" => Code::ResourceExhausted,
        "XX001" => Code::DataLoss,
        other => match other.get(..2) {
            Some("28") => Code::Unauthenticated,
            Some("08" | "22" | "26" | "42") => Code::InvalidArgument,
            Some("0A") => Code::Unimplemented,
            _ => Code::Internal,
        },
    }
}

/// What a table of the door itself cannot be made of.
pub fn broken(error: &impl std::fmt::Display) -> Status {
    tracing::error!(%error, "an answer of Flight SQL could not be made");
    Status::internal("this answer cannot be made")
}

/// The same for Arrow.
pub fn broken_arrow(error: ArrowError) -> Status {
    broken(&error)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refusal(code: &str, message: &str) -> Refusal {
        Refusal { code: code.into(), message: message.into(), hint: None, place: None }
    }

    #[test]
    fn a_sentence_has_the_place_and_what_would_be_right() {
        let told = status(&Refusal {
            hint: Some("There are: caller, called.".into()),
            place: Some((2, 3)),
            ..refusal("42703", "there is no column \"coler\"")
        });
        assert_eq!(told.code(), Code::InvalidArgument);
        let known = "there is no column \"coler\" (line 2, column 3). There are: caller, called. \
                     [SQLSTATE 42703]";
        assert_eq!(told.message(), known);
    }

    #[test]
    fn a_limit_is_told_from_a_mistake() {
        for (sqlstate, known) in [
            ("42501", Code::PermissionDenied),
            ("54000", Code::ResourceExhausted),
            ("53300", Code::ResourceExhausted),
            ("57014", Code::DeadlineExceeded),
            ("57P03", Code::Unavailable),
            ("28P01", Code::Unauthenticated),
            ("42P01", Code::InvalidArgument),
            ("22000", Code::InvalidArgument),
            ("XX001", Code::DataLoss),
            ("58000", Code::Internal),
            ("王", Code::Internal),
        ] {
            assert_eq!(status(&refusal(sqlstate, "x")).code(), known, "{sqlstate}");
        }
    }

    #[test]
    fn a_long_sentence_is_cut() {
        let told = status(&refusal("42601", &"王".repeat(5_000)));
        assert!(told.message().chars().count() < SENTENCE_MAX + 30);
        assert!(told.message().ends_with("[SQLSTATE 42601]"));
    }
}
