//! Why something is not done, as gRPC says it: its code, and the sentence that clients of PostgreSQL
//! get, with the place in the text, what would be right, and the SQLSTATE behind it.

use crate::work::wire::Refusal;
use arrow::error::ArrowError;
use tonic::{Code, Status};

/// Longest sentence, in bytes of the header in which it travels: clients take 8 KiB of all of them.
const SENTENCE_BYTES_MAX: usize = 4_000;

/// The status of a refusal.
pub fn status(refusal: &Refusal) -> Status {
    let mut text = refusal.message.clone();
    if let Some((line, column)) = refusal.place {
        text.push_str(&format!(" (line {line}, column {column})"));
    }
    if let Some(hint) = &refusal.hint {
        text.push_str(&format!(". {hint}"));
    }
    Status::new(code(&refusal.code), format!("{} [SQLSTATE {}]", cut(&text), refusal.code))
}

/// As much of a sentence as has room. A byte that is not ASCII takes three (gRPC over HTTP2,
/// `Percent-Encoded`).
fn cut(text: &str) -> &str {
    let mut bytes = 0;
    let beyond = text.char_indices().find(|(_, char)| {
        let plain = matches!(char, ' '..='~') && *char != '%';
        bytes += if plain { 1 } else { 3 * char.len_utf8() };
        bytes > SENTENCE_BYTES_MAX
    });
    beyond.map_or(text, |(at, _)| &text[..at])
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
    fn a_long_sentence_is_cut_by_what_it_takes_on_its_way() {
        for (char, most) in [("x", 4_000), ("王", 444), ("%", 1_333), ("\n", 1_333)] {
            let told = status(&refusal("42601", &char.repeat(5_000)));
            assert_eq!(told.message(), format!("{} [SQLSTATE 42601]", char.repeat(most)));
        }
        assert_eq!(cut("there is no column \"工号\""), "there is no column \"工号\"");
    }
}
