//! The switch's HTTP interface, as a program of a user would call it.

use anyhow::{Context, Result, bail, ensure};
use reqwest::{Method, Response, StatusCode};
use serde_json::{Value, json};
use std::time::Duration;
use tokio::time::Instant;

/// Between two looks at a count.
const COUNT_EVERY: Duration = Duration::from_millis(500);
/// One request may take this long.
const REQUEST_MAX: Duration = Duration::from_secs(60);

/// A signed-in person.
#[derive(Clone)]
pub struct Api {
    http: reqwest::Client,
    base: String,
    token: String,
}

/// How a request was answered, well or not.
#[derive(Debug, Default)]
pub struct Told {
    /// HTTP status.
    pub status: u16,
    /// Seconds after which it may be tried again.
    #[cfg_attr(not(feature = "store"), allow(dead_code))]
    pub retry_after: Option<u64>,
    /// What the answer holds.
    pub text: String,
}

impl Told {
    /// Whether it is a problem of this kind.
    pub fn is(&self, kind: &str) -> bool {
        let problem: Value = serde_json::from_str(&self.text).unwrap_or_default();
        problem["type"].as_str().is_some_and(|full| full.rsplit(':').next() == Some(kind))
    }
}

/// One row of an answer in SQL, by column.
pub type Row = serde_json::Map<String, Value>;

impl Api {
    /// Signs in.
    ///
    /// # Errors
    /// When the address does not answer, or the password is wrong.
    pub async fn sign_in(address: &str, user: &str, password: &str) -> Result<Api> {
        let http = reqwest::Client::builder().timeout(REQUEST_MAX).build()?;
        let mut api = Api { http, base: format!("http://{address}"), token: String::new() };
        let body = json!({"login": user, "password": password});
        let answer = api.post("/api/v1/session", &body).await.context("sign in")?;
        let token = answer["token"].as_str().context("the answer to a sign-in has a token")?;
        api.token = token.to_owned();
        Ok(api)
    }

    /// A GET with a JSON answer.
    ///
    /// # Errors
    /// With the problem's own text.
    pub async fn get(&self, path: &str) -> Result<Value> {
        Ok(self.request(Method::GET, path, None).await?.json().await?)
    }

    /// A POST with a JSON answer; Null when there is none.
    ///
    /// # Errors
    /// With the problem's own text.
    pub async fn post(&self, path: &str, body: &Value) -> Result<Value> {
        let answer = self.request(Method::POST, path, Some(body)).await?;
        let text = answer.text().await?;
        if text.is_empty() { Ok(Value::Null) } else { Ok(serde_json::from_str(&text)?) }
    }

    /// A PUT; its answer is looked at no further.
    ///
    /// # Errors
    /// With the problem's own text.
    pub async fn put(&self, path: &str, body: &Value) -> Result<()> {
        self.request(Method::PUT, path, Some(body)).await?;
        Ok(())
    }

    /// A GET of a file.
    ///
    /// # Errors
    /// With the problem's own text.
    pub async fn file(&self, path: &str) -> Result<Vec<u8>> {
        Ok(self.request(Method::GET, path, None).await?.bytes().await?.to_vec())
    }

    /// A POST, and how it was answered whatever that is. Under a key it is carried out once, however
    /// often it is sent.
    ///
    /// # Errors
    /// When nothing answers.
    pub async fn told(&self, path: &str, body: &Value, key: Option<&str>) -> Result<Told> {
        let mut request = self.http.post(format!("{}{path}", self.base)).json(body);
        if let Some(key) = key {
            request = request.header("Idempotency-Key", key);
        }
        self.answer(request).await.with_context(|| format!("POST {path}"))
    }

    /// A GET, and how it was answered whatever that is.
    ///
    /// # Errors
    /// When nothing answers.
    #[cfg(feature = "store")]
    pub async fn seen(&self, path: &str) -> Result<Told> {
        let request = self.http.get(format!("{}{path}", self.base));
        self.answer(request).await.with_context(|| format!("GET {path}"))
    }

    async fn answer(&self, request: reqwest::RequestBuilder) -> Result<Told> {
        let answer = request.bearer_auth(&self.token).send().await?;
        let retry_after = answer.headers().get("retry-after");
        let retry_after = retry_after.and_then(|seconds| seconds.to_str().ok()?.parse().ok());
        let status = answer.status().as_u16();
        Ok(Told { status, retry_after, text: answer.text().await? })
    }

    /// Rows of a question.
    ///
    /// # Errors
    /// With the problem's own text.
    pub async fn sql(&self, question: &str) -> Result<Vec<Row>> {
        let answer = self.post("/api/v1/sql", &json!({"sql": question})).await?;
        rows(&answer).with_context(|| format!("read the answer to {question}"))
    }

    /// What a question counts as `n`, once it is so much, or `within` is over.
    ///
    /// # Errors
    /// With the problem's own text.
    pub async fn count(&self, question: &str, wanted: u32, within: Duration) -> Result<u32> {
        let began = Instant::now();
        loop {
            let rows = self.sql(question).await?;
            let count = rows.first().and_then(|row| number(row, "n"));
            let count = count.and_then(|n| u32::try_from(n).ok()).context("a count is a row")?;
            if count >= wanted || began.elapsed() > within {
                return Ok(count);
            }
            tokio::time::sleep(COUNT_EVERY).await;
        }
    }

    /// What the person proves themselves by.
    pub fn token(&self) -> &str {
        &self.token
    }

    async fn request(&self, method: Method, path: &str, body: Option<&Value>) -> Result<Response> {
        let mut request = self.http.request(method.clone(), format!("{}{path}", self.base));
        if !self.token.is_empty() {
            request = request.bearer_auth(&self.token);
        }
        if let Some(body) = body {
            request = request.json(body);
        }
        let answer = request.send().await.with_context(|| format!("{method} {path}"))?;
        let status = answer.status();
        if status.is_success() {
            return Ok(answer);
        }
        let text = answer.text().await.unwrap_or_default();
        bail!("{method} {path}: {}", problem(status, &text));
    }
}

/// problem+json's sentence and detail, or the bare text.
fn problem(status: StatusCode, text: &str) -> String {
    let Ok(Value::Object(problem)) = serde_json::from_str(text) else {
        return format!("{status} {text}");
    };
    let words = ["title", "message", "detail"].iter().filter_map(|key| problem.get(*key)?.as_str());
    format!("{status} {}", words.collect::<Vec<_>>().join(": "))
}

/// `{"columns": […], "rows": [[…]]}` or a list of objects.
fn rows(answer: &Value) -> Result<Vec<Row>> {
    let list = answer.as_array().or_else(|| answer["rows"].as_array()).context("no rows")?;
    let columns = answer["columns"].as_array().map(Vec::as_slice).unwrap_or_default();
    let name = |column: &Value| {
        column.as_str().or_else(|| column["name"].as_str()).unwrap_or_default().to_owned()
    };
    list.iter()
        .map(|row| match row {
            Value::Object(row) => Ok(row.clone()),
            Value::Array(cells) => {
                ensure!(cells.len() == columns.len(), "as many cells as columns");
                Ok(columns.iter().map(name).zip(cells.iter().cloned()).collect())
            }
            other => bail!("a row is {other}"),
        })
        .collect()
}

/// A number that came as one, or as text because it has 64 bits.
pub fn number(row: &Row, column: &str) -> Option<i64> {
    let cell = row.get(column)?;
    cell.as_i64()
        .or_else(|| cell.as_f64().map(|n| n as i64))
        .or_else(|| cell.as_str()?.parse().ok())
}

/// Text, or a number as text.
pub fn text(row: &Row, column: &str) -> Option<String> {
    match row.get(column)? {
        Value::String(text) => Some(text.clone()),
        Value::Null => None,
        other => Some(other.to_string()),
    }
}

/// A list, bare or in `items`.
///
/// # Errors
/// When it is neither.
pub fn items(answer: Value) -> Result<Vec<Value>> {
    match answer {
        Value::Array(items) => Ok(items),
        Value::Object(mut page) => match page.remove("items") {
            Some(Value::Array(items)) => Ok(items),
            _ => bail!("a list has items"),
        },
        other => bail!("a list is {other}"),
    }
}

/// An id as text; 64-bit ids are strings in JSON.
pub fn id(value: &Value) -> Option<String> {
    value.as_str().map(str::to_owned).or_else(|| Some(value.as_u64()?.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_forms_of_an_answer_are_read() {
        let objects = json!([{"outcome": "answered", "n": "36"}]);
        let table = json!({"columns": [{"name": "outcome"}, "n"], "rows": [["answered", 36]]});
        for answer in [objects, table] {
            let rows = rows(&answer).unwrap();
            assert_eq!(text(&rows[0], "outcome").as_deref(), Some("answered"));
            assert_eq!(number(&rows[0], "n"), Some(36));
            assert_eq!(number(&rows[0], "m"), None);
        }
        assert!(rows(&json!({"columns": ["a"], "rows": [[1, 2]]})).is_err());
    }

    #[test]
    fn a_problem_is_known_by_the_last_word_of_its_kind() {
        let text = r#"{"type": "urn:switchgrid:problem:busy"}"#.to_owned();
        let told = Told { status: 503, text, ..Told::default() };
        assert!(told.is("busy") && !told.is("sql"));
        assert!(!Told::default().is("busy"));
    }

    #[test]
    fn a_problem_is_told_in_its_own_words() {
        let text = r#"{"title": "Bad period", "message": "use today", "status": 422}"#;
        let said = problem(StatusCode::UNPROCESSABLE_ENTITY, text);
        assert_eq!(said, "422 Unprocessable Entity Bad period: use today");
        assert_eq!(problem(StatusCode::BAD_GATEWAY, "x"), "502 Bad Gateway x");
    }
}
