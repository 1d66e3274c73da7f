//! Counters for Prometheus, in its text format: the API's own, and those of the call path.
//! Answered to this machine without a token, to others with the permission `metrics.read`; what a
//! proxy on this machine passes on counts as from elsewhere.

use super::problem::Problem;
use super::{Shared, guard};
use crate::doors::Doors;
use crate::tier::Figures;
use axum::extract::State;
use axum::http::{Extensions, HeaderMap, Method, StatusCode, header};
use axum::response::{IntoResponse, Response};
use desk::Permission;
use std::collections::BTreeMap;
use std::fmt::Write;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use terms::control::{Answer, Ask, Metric};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

/// Requests by route. Bounded by the routes there are: an address that is none counts as `none`.
#[derive(Debug, Default)]
pub struct HttpMetrics(Mutex<BTreeMap<(String, String, u16), Count>>);

#[derive(Clone, Copy, Debug, Default)]
struct Count {
    requests: u64,
    micros: u64,
}

impl HttpMetrics {
    /// Counts one answer.
    pub fn count(&self, method: &Method, route: Option<&str>, status: StatusCode, took: Duration) {
        let method = match *method {
            Method::GET => "GET",
            Method::HEAD => "HEAD",
            Method::POST => "POST",
            Method::PUT => "PUT",
            Method::PATCH => "PATCH",
            Method::DELETE => "DELETE",
            _ => "other",
        };
        let key = (method.to_owned(), route.unwrap_or("none").to_owned(), status.as_u16());
        let mut counts = self.0.lock().expect("no panic while held");
        let count = counts.entry(key).or_default();
        count.requests += 1;
        count.micros += u64::try_from(took.as_micros()).unwrap_or(u64::MAX);
    }

    fn write(&self, text: &mut String) {
        let counts = self.0.lock().expect("no panic while held").clone();
        head(text, "switchgrid_http_requests_total", "counter", "Requests answered.");
        for ((method, route, status), count) in &counts {
            let labels =
                format!("method=\"{method}\",route=\"{}\",status=\"{status}\"", escape(route));
            line(text, "switchgrid_http_requests_total", &labels, count.requests as f64);
        }
        head(text, "switchgrid_http_request_seconds", "summary", "Time until the answer began.");
        for ((method, route, status), count) in &counts {
            let labels =
                format!("method=\"{method}\",route=\"{}\",status=\"{status}\"", escape(route));
            let seconds = count.micros as f64 / 1e6;
            line(text, "switchgrid_http_request_seconds_sum", &labels, seconds);
            line(text, "switchgrid_http_request_seconds_count", &labels, count.requests as f64);
        }
    }
}

fn head(text: &mut String, name: &str, kind: &str, help: &str) {
    let _ =
        writeln!(text, "# HELP {name} {}\n# TYPE {name} {kind}", help.replace(['\\', '\n'], " "));
}

fn line(text: &mut String, name: &str, labels: &str, value: f64) {
    let _ = match labels {
        "" => writeln!(text, "{name} {value}"),
        labels => writeln!(text, "{name}{{{labels}}} {value}"),
    };
}

/// A label's value: the text format escapes these three.
fn escape(text: &str) -> String {
    text.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n")
}

pub(super) fn routes() -> OpenApiRouter<Shared> {
    OpenApiRouter::new().routes(routes!(metrics))
}

/// Counters in Prometheus' text format.
#[utoipa::path(get, path = "/metrics", tag = "health", responses((status = 200, body = String), (status = 401, description = "Asked from another machine without a token")))]
async fn metrics(
    State(api): State<Shared>,
    headers: HeaderMap,
    extensions: Extensions,
) -> Result<Response, Problem> {
    let source = guard::source(&extensions);
    let is_passed_on = ["forwarded", "via", "x-forwarded-for", "x-real-ip"]
        .iter()
        .any(|name| headers.contains_key(*name));
    if !source.is_loopback() || is_passed_on {
        api.authenticate(&headers, source).await?.must(Permission::MetricsRead)?;
    }
    let mut text = String::new();
    api.http.write(&mut text);
    let sockets = super::live::SOCKETS_MAX - api.sockets.available_permits();
    head(&mut text, "switchgrid_live_sockets", "gauge", "Live connections that are open.");
    line(&mut text, "switchgrid_live_sockets", "", sockets as f64);
    head(&mut text, "switchgrid_encode_backlog", "gauge", "Files that wait for the encoder.");
    line(&mut text, "switchgrid_encode_backlog", "", api.encoding.len() as f64);
    let help =
        "Rounds of retention that stopped half-way for a tenant, or for what was left before.";
    head(&mut text, "switchgrid_retention_stopped_total", "counter", help);
    let stopped = api.deletion.rounds_stopped();
    line(&mut text, "switchgrid_retention_stopped_total", "", stopped as f64);
    if let Some(tier) = &api.tier {
        write_tier(&mut text, tier.figures());
    }
    write_doors(&mut text, &api.doors);
    let answer = api.calls.ask(Ask::Metrics).await;
    head(&mut text, "switchgrid_calls_up", "gauge", "1 when the call path answers.");
    let is_up = matches!(answer, Answer::Metrics(_));
    line(&mut text, "switchgrid_calls_up", "", f64::from(u8::from(is_up)));
    if let Answer::Metrics(metrics) = answer {
        write_samples(&mut text, &metrics);
    }
    let stats = tokio::select! {
        biased;
        stats = api.warehouse.stats() => stats.ok(),
        _ = api.silence() => None,
    };
    if let Some(stats) = stats {
        for (name, help, value) in [
            (
                "switchgrid_warehouse_staged_rows",
                "Rows staged and not yet in files.",
                stats.staged_rows,
            ),
            (
                "switchgrid_warehouse_hot_rows",
                "Rows in files that are not published.",
                stats.hot_rows,
            ),
            (
                "switchgrid_warehouse_published_rows",
                "Rows in published files.",
                stats.published_rows,
            ),
            ("switchgrid_warehouse_bytes", "Bytes of all files.", stats.bytes),
        ] {
            head(&mut text, name, "gauge", help);
            line(&mut text, name, "", value as f64);
        }
    }
    let kind = [(header::CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")];
    Ok((kind, text).into_response())
}

/// Name, kind, help, and each value with its labels.
type Family<'a> = (&'a str, &'a str, &'a str, &'a [(&'a str, u64)]);

/// Counters of the second tier.
fn write_tier(text: &mut String, figures: &Figures) {
    let of = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
    let families: [Family; 6] = [
        (
            "switchgrid_tier_recordings_moved_total",
            "counter",
            "Recordings that moved to the object store.",
            &[("", of(&figures.moved))],
        ),
        (
            "switchgrid_tier_files_moved_total",
            "counter",
            "Files of those.",
            &[("", of(&figures.files))],
        ),
        (
            "switchgrid_tier_bytes_moved_total",
            "counter",
            "Bytes of those.",
            &[("", of(&figures.bytes))],
        ),
        (
            "switchgrid_tier_backlog",
            "gauge",
            "Recordings that are old enough and still on this box.",
            &[("", of(&figures.backlog))],
        ),
        (
            "switchgrid_tier_fetches_total",
            "counter",
            "Files of moved recordings that were asked for.",
            &[("from=\"cache\"", of(&figures.hits)), ("from=\"store\"", of(&figures.fetches))],
        ),
        (
            "switchgrid_tier_errors_total",
            "counter",
            "What failed.",
            &[
                ("at=\"move\"", of(&figures.move_errors)),
                ("at=\"fetch\"", of(&figures.fetch_errors)),
            ],
        ),
    ];
    for (name, kind, help, samples) in families {
        head(text, name, kind, help);
        for (labels, value) in samples {
            line(text, name, labels, *value as f64);
        }
    }
}

/// Counters of the doors for SQL.
fn write_doors(text: &mut String, doors: &Doors) {
    let doors = [("postgres", doors.postgres.counted()), ("flight", doors.flight.counted())];
    let name = "switchgrid_sql_connections";
    head(text, name, "gauge", "Connections for SQL that are open and signed in.");
    for (door, counted) in doors {
        line(text, name, &format!("door=\"{door}\""), counted.open as f64);
    }
    let name = "switchgrid_sql_sign_ins_total";
    head(text, name, "counter", "Sign-ins for SQL: done, refused, or without a place.");
    for (door, counted) in doors {
        for (outcome, value) in
            [("done", counted.signed_in), ("refused", counted.turned_away), ("full", counted.full)]
        {
            line(text, name, &format!("door=\"{door}\",outcome=\"{outcome}\""), value as f64);
        }
    }
    let name = "switchgrid_sql_questions_total";
    head(text, name, "counter", "Questions in SQL by how they ended.");
    for (door, counted) in doors {
        for (outcome, value) in
            ["answered", "refused", "failed", "stopped"].into_iter().zip(counted.questions)
        {
            line(text, name, &format!("door=\"{door}\",outcome=\"{outcome}\""), value as f64);
        }
    }
    let name = "switchgrid_sql_rows_total";
    head(text, name, "counter", "Rows that were sent for questions in SQL.");
    for (door, counted) in doors {
        line(text, name, &format!("door=\"{door}\""), counted.rows as f64);
    }
    let name = "switchgrid_sql_question_seconds";
    head(text, name, "summary", "Time until a question in SQL ended.");
    for (door, counted) in doors {
        let (labels, asked) = (format!("door=\"{door}\""), counted.questions.iter().sum::<u64>());
        line(text, &format!("{name}_sum"), &labels, counted.micros as f64 / 1e6);
        line(text, &format!("{name}_count"), &labels, asked as f64);
    }
}

/// Samples of one name stand together under one head, as the format wants.
fn write_samples(text: &mut String, metrics: &[Metric]) {
    let mut by_name: BTreeMap<&str, Vec<&Metric>> = BTreeMap::new();
    for metric in metrics {
        by_name.entry(metric.name.as_str()).or_default().push(metric);
    }
    for (name, samples) in by_name {
        let kind = if name.ends_with("_total") { "counter" } else { "gauge" };
        let _ = writeln!(text, "# TYPE {name} {kind}");
        for sample in samples {
            let labels: Vec<String> = sample
                .labels
                .iter()
                .map(|(label, value)| format!("{label}=\"{}\"", escape(value)))
                .collect();
            line(text, name, &labels.join(","), sample.value);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::doors::Outcome;

    #[test]
    fn the_doors_for_sql_are_counted_by_door_and_outcome_and_nothing_else() {
        let doors = Doors::default();
        let _connected = doors.flight.connected();
        doors.flight.asked(Outcome::Answered, Duration::from_millis(1_500));
        doors.flight.asked(Outcome::Refused, Duration::ZERO);
        doors.flight.sent(7);
        doors.postgres.turned_away();
        let mut text = String::new();
        write_doors(&mut text, &doors);
        for known in [
            "switchgrid_sql_connections{door=\"flight\"} 1\n",
            "switchgrid_sql_connections{door=\"postgres\"} 0\n",
            "switchgrid_sql_sign_ins_total{door=\"postgres\",outcome=\"refused\"} 1\n",
            "switchgrid_sql_sign_ins_total{door=\"flight\",outcome=\"done\"} 1\n",
            "switchgrid_sql_questions_total{door=\"flight\",outcome=\"refused\"} 1\n",
            "switchgrid_sql_rows_total{door=\"flight\"} 7\n",
            "switchgrid_sql_question_seconds_sum{door=\"flight\"} 1.5\n",
            "switchgrid_sql_question_seconds_count{door=\"flight\"} 2\n",
        ] {
            assert!(text.contains(known), "{known}{text}");
        }
        let samples = text.lines().filter(|line| !line.starts_with('#')).count();
        assert_eq!(samples, 2 + 6 + 8 + 2 + 4);
    }
}
