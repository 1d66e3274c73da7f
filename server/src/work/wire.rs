//! Questions of clients of PostgreSQL and of Flight SQL: what one is about, or its rows as they go over
//! the wire. What is wrong with a question is part of the answer, with its code and place.

use super::jobs::{Bench, Done, JobScope, Problem};
use arrow::datatypes::SchemaRef;
use arrow_flight::FlightInfo;
use serde::{Deserialize, Serialize};
use warehouse::query::postgres::Stopped;
use warehouse::wire::{self, Kind, Parameter, WireColumn};
use warehouse::{Answer, Position, SqlError, SqlFault};

/// A question.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct WireJob {
    /// Whose rows.
    pub scope: JobScope,
    /// The name at the door.
    pub user: String,
    /// The question.
    pub sql: String,
    /// What to do with it.
    pub want: Want,
}

/// What to do with a question.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Want {
    /// Say what it is about.
    Description {
        /// The types that the client says of its parameters.
        kinds: Vec<Option<Kind>>,
    },
    /// Say what it is about in the types of Arrow.
    Schema {
        /// The types that the client says of its parameters.
        kinds: Vec<Option<Kind>>,
    },
    /// Answer it.
    Rows {
        /// The values of its parameters.
        parameters: Vec<Parameter>,
        /// Which columns are told in binary: one for all, each, or none.
        binary: Vec<bool>,
    },
}

/// The first line of what comes back; `DataRow` messages follow it, or the schema as a message of
/// Arrow.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum WireHead {
    /// What the question is about, or the head of its rows.
    Columns {
        /// The types of its parameters, where that was asked.
        parameters: Vec<Kind>,
        /// The columns.
        columns: Vec<WireColumn>,
    },
    /// Why there is no answer.
    Refused(Refusal),
}

/// Why a question has no answer, as PostgreSQL says it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Refusal {
    /// SQLSTATE (PostgreSQL 16, appendix A).
    pub code: String,
    /// For the person who asked.
    pub message: String,
    /// What would be right.
    pub hint: Option<String>,
    /// Line and column in the text, from 1.
    pub place: Option<(u32, u32)>,
}

impl Bench {
    pub(super) async fn wire(&self, job: WireJob) -> Result<Done, Problem> {
        let session = self.session(job.scope.into(), self.limits).await?;
        let session = session.for_postgres(&job.user).map_err(|error| {
            Problem::new(503, "warehouse", "The warehouse cannot be read.", error.to_string())
        })?;
        let answered = match &job.want {
            Want::Description { kinds } => session.describe(&job.sql, kinds).await.map(|about| {
                let (parameters, columns) = (about.parameters, about.columns);
                (WireHead::Columns { parameters, columns }, Vec::new())
            }),
            Want::Schema { kinds } => {
                let outline = session.outline(&job.sql, kinds).await;
                outline.map(|(parameters, schema)| outlined(parameters, &schema))
            }
            Want::Rows { parameters, binary } => {
                let answer = session.ask(&job.sql, parameters).await;
                answer.map(|answer| self.told(&answer, binary))
            }
        };
        let (head, rows) = answered.unwrap_or_else(|error| {
            tracing::debug!(detail = error.detail, "a question was refused");
            (WireHead::Refused(refusal(error)), Vec::new())
        });
        let mut body = serde_json::to_vec(&head).expect("a head is JSON");
        body.push(b'\n');
        body.extend_from_slice(&rows);
        Ok(Done { content_type: "application/octet-stream".into(), truncated: false, body })
    }

    /// A client cannot see that an answer was cut or lacks the rows of a damaged file: it gets none.
    fn told(&self, answer: &Answer, binary: &[bool]) -> (WireHead, Vec<u8>) {
        if answer.truncated {
            let most = self.limits.rows_max;
            return (WireHead::Refused(too_many(most)), Vec::new());
        }
        if !answer.left_out.is_empty() {
            return (WireHead::Refused(damaged(&answer.left_out)), Vec::new());
        }
        let columns = wire::columns(answer);
        (WireHead::Columns { parameters: Vec::new(), columns }, wire::rows(answer, binary))
    }
}

/// A schema as Flight tells it.
fn outlined(parameters: Vec<Kind>, schema: &SchemaRef) -> (WireHead, Vec<u8>) {
    match FlightInfo::new().try_with_schema(schema) {
        Ok(info) => {
            let head = WireHead::Columns { parameters, columns: wire::columns_of(schema) };
            (head, info.schema.to_vec())
        }
        Err(error) => {
            let message = format!("the columns cannot be told: {error}");
            let refusal = Refusal { code: "XX000".to_owned(), message, hint: None, place: None };
            (WireHead::Refused(refusal), Vec::new())
        }
    }
}

/// Why an answer in batches ends.
pub(super) fn stopped(why: Stopped) -> Refusal {
    match why {
        Stopped::Refused(error) => {
            tracing::debug!(detail = error.detail, "a question was refused");
            refusal(error)
        }
        Stopped::TooMany(most) => too_many(most),
        Stopped::Damaged(files) => damaged(&files),
    }
}

fn too_many(most: usize) -> Refusal {
    Refusal {
        code: "54000".to_owned(),
        message: format!("the answer has more than {most} rows (sql.rows_max)"),
        hint: Some("Add a LIMIT, ask for a shorter period, or group the rows.".to_owned()),
        place: None,
    }
}

fn damaged(files: &[String]) -> Refusal {
    Refusal {
        code: "XX001".to_owned(),
        message: format!("damaged files are left out of the answer: {}", files.join(", ")),
        hint: Some("The HTTP interface answers with the other rows.".to_owned()),
        place: None,
    }
}

fn refusal(error: SqlError) -> Refusal {
    let code = match error.fault {
        SqlFault::Syntax => "42601",
        SqlFault::Forbidden => "42501",
        SqlFault::UnknownTable => "42P01",
        SqlFault::UnknownColumn => "42703",
        SqlFault::UnknownFunction => "42883",
        SqlFault::Execution => "22000",
        SqlFault::TimedOut => "57014",
        SqlFault::OutOfMemory => "53200",
        SqlFault::Warehouse => "58000",
    };
    let near = error.nearest.join(", ");
    Refusal {
        code: code.to_owned(),
        hint: (!near.is_empty()).then(|| format!("There are: {near}.")),
        place: error.position.map(|Position { line, column }| (line, column)),
        message: error.message,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mistake_is_told_with_its_code_place_and_what_was_meant() {
        let error = SqlError {
            fault: SqlFault::UnknownColumn,
            message: "there is no column \"coler\"".into(),
            position: Some(Position { line: 2, column: 3 }),
            word: Some("coler".into()),
            nearest: vec!["caller".into(), "called".into()],
            detail: String::new(),
        };
        let told = refusal(error);
        assert_eq!((told.code.as_str(), told.place), ("42703", Some((2, 3))));
        assert_eq!(told.hint.as_deref(), Some("There are: caller, called."));
    }

    #[test]
    fn an_answer_without_the_rows_of_a_damaged_file_is_none() {
        let told = damaged(&["published/calls/day=20261123/1.parquet".to_owned()]);
        assert_eq!(told.code, "XX001");
        assert!(told.message.contains("day=20261123/1.parquet"), "{}", told.message);
    }

    #[test]
    fn a_cut_answer_is_no_answer() {
        let told = too_many(100_000);
        assert_eq!(told.code, "54000");
        assert!(told.message.contains("100000 rows (sql.rows_max)"), "{}", told.message);
    }
}
