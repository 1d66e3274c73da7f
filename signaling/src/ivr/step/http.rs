//! `http`: asks another server, with a timeout, repeats, and fields of the answer as variables.
//! Variables may stand anywhere in the URL after the host, never in it: a caller must not choose
//! which server we talk to.

use super::{Kind, one_way};
use crate::ivr::check::Report;
use crate::ivr::flow::On;
use crate::ivr::run::{Answer, Cx, Input, Run};
use crate::ivr::template::Escape;
use crate::ivr::{HTTP_MS_MAX, LIST_MAX, RETRIES_MAX};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::BTreeMap;
use std::time::Duration;

/// Asks another server.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Http {
    /// `GET` or `POST`.
    #[serde(default = "get")]
    pub method: String,
    /// With variables after the host; they are percent-encoded.
    pub url: String,
    /// JSON body of a POST; variables in its texts.
    #[serde(default)]
    pub body: Option<Value>,
    /// Longest wait for one answer.
    #[serde(default = "timeout_ms")]
    pub timeout_ms: u32,
    /// Repeats after a failure.
    #[serde(default)]
    pub retries: u8,
    /// Variable to JSON pointer (RFC 6901) into the answer.
    #[serde(default)]
    pub map: BTreeMap<String, String>,
    /// On a status of 200–299.
    pub next: String,
    /// `error`, `timeout`.
    #[serde(default)]
    pub on: On,
}

fn get() -> String {
    "GET".to_owned()
}

fn timeout_ms() -> u32 {
    3_000
}

impl Http {
    fn wait(&self) -> Duration {
        Duration::from_millis(self.timeout_ms.into())
    }

    fn ask(&self, run: &mut Run, cx: &Cx, left: u8) {
        let url = run.variables.expand(&self.url, Escape::Percent);
        let body = self.body.as_ref().map(|body| run.variables.expand_json(body));
        run.fetch(cx, self.method.clone(), url, body, self.wait(), left);
    }

    fn take(&self, run: &mut Run, body: &Value) {
        for (name, pointer) in &self.map {
            let value = match body.pointer(pointer) {
                None | Some(Value::Null) => String::new(),
                Some(Value::String(text)) => text.clone(),
                Some(other) => other.to_string(),
            };
            run.variables.set(name, &value);
        }
    }
}

impl Kind for Http {
    const KIND: &'static str = "http";
    const NEEDS: &'static [&'static str] = &["error", "timeout"];
    const MAY: &'static [&'static str] = &["hangup"];
    const NEEDS_CALLER: bool = false;

    one_way!();

    fn check(&self, report: &mut Report) {
        let known = matches!(self.method.as_str(), "GET" | "POST");
        report.unless(known, || (format!("method \"{}\"", self.method), "GET or POST".to_owned()));
        report.template("url", &self.url);
        report.unless(fixed_host(&self.url), || {
            let right = "http:// or https:// and a host without variables or user name";
            ("url".to_owned(), right.to_owned())
        });
        report.range("timeout_ms", self.timeout_ms, 100, HTTP_MS_MAX);
        report.range("retries", self.retries.into(), 0, RETRIES_MAX.into());
        report.range("map", self.map.len() as u32, 0, LIST_MAX as u32);
        for (name, pointer) in &self.map {
            report.variable("map", name);
            report.unless(pointer.is_empty() || pointer.starts_with('/'), || {
                (
                    format!("map.{name} \"{pointer}\""),
                    "a JSON pointer such as /data/name".to_owned(),
                )
            });
        }
    }
    fn enter(&self, run: &mut Run, cx: &Cx) {
        self.ask(run, cx, self.retries);
    }
    fn handle(&self, run: &mut Run, cx: &Cx, input: &Input) {
        let Some((answer, left)) = run.fetched(cx, input, self.wait()) else { return };
        let label = match answer {
            Answer::Came(status, body) => {
                run.variables.set("http_status", &status.to_string());
                if (200..300).contains(&status) {
                    self.take(run, &body);
                    return run.exit("next", Some(&self.next));
                }
                "error"
            }
            Answer::Failed => "error",
            Answer::Late => "timeout",
        };
        match left.checked_sub(1) {
            Some(left) => self.ask(run, cx, left),
            None => run.exit(label, self.on.get(label)),
        }
    }
}

/// True when scheme and host are plain text: the host ends at the first `/`, `?` or `#`, and no
/// variable may begin before that.
fn fixed_host(url: &str) -> bool {
    let Some(rest) = url.strip_prefix("https://").or_else(|| url.strip_prefix("http://")) else {
        return false;
    };
    let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
    let host = &rest[..end];
    !host.is_empty()
        && host
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | ':' | '[' | ']'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_caller_cannot_choose_the_server() {
        for good in ["http://crm/x", "https://a.b:8080/${caller}", "http://[::1]:80?n=${caller}"] {
            assert!(fixed_host(good), "{good}");
        }
        for bad in
            ["http://${caller}/", "http://crm${x}.org/", "ftp://x/", "http:///x", "http://u@h/"]
        {
            assert!(!fixed_host(bad), "{bad}");
        }
    }
}
