//! Runs one report and renders it.

use super::given;
use super::jobs::{Bench, Done, Problem, ReportJob};
use super::own_report::OwnReport;
use crate::blocking::blocking;
use crate::uptime;
use reports::catalogue::{COST_PER_CONTACT, SYSTEM};
use reports::{
    AgentName, Asked, Format, Language, Names, Params, Period, Progress, Ran, Rates, Report,
    ReportTable, Stored,
};
use terms::Timestamp;
use warehouse::{Limits, Scope, Session};

fn wrong(error: impl ToString) -> Problem {
    Problem::new(400, "report", error.to_string(), String::new())
}

/// A report that is about to run.
pub(super) struct Ready {
    /// Whom it asks.
    pub(super) session: Session,
    /// Its definition.
    pub(super) report: &'static Report,
    /// Whether the tenant defined it, and how.
    pub(super) own: Option<OwnReport>,
    /// What it is asked with.
    pub(super) params: Params,
    asked: Asked,
    limits: Limits,
}

impl Bench {
    /// Runs and renders `job`.
    pub(super) async fn report(&self, mut job: ReportJob) -> Result<Done, Problem> {
        let format: Format =
            job.format.parse().map_err(|error: reports::UnknownFormat| wrong(error))?;
        let language: Language =
            job.language.parse().map_err(|error: reports::UnknownLanguage| wrong(error))?;
        let (mark, paper) = (job.mark.take(), job.paper);
        let place = job.key.map(|key| self.printing.begin(key));
        let (_, mut table) = self.made(job).await?;
        table.mark = mark;
        table.paper = paper;
        let heard = self.heard.clone();
        let told = move |at: Progress| {
            if let Some(place) = &place {
                place.tell(at);
            }
            if let Some(heard) = &heard {
                heard(at);
            }
        };
        printed(table, format, language, told).await
    }

    /// Runs the report of `job`, whole: the session that answered, and the table.
    pub(super) async fn made(&self, job: ReportJob) -> Result<(Session, ReportTable), Problem> {
        let Ready { session, report, own, params, asked, limits } = self.ready(job).await?;
        let table = match &own {
            Some(own) => self.run_own(&session, report, own, &params, asked).await?,
            None => reports::run(&session, report, &params).await.map_err(failed)?,
        };
        if let (true, Some(own)) = (table.truncated, &own) {
            let rows = self.count_own(&session, report, own, &params, asked).await;
            return Err(too_many(rows, limits.rows_max));
        }
        if table.truncated {
            let rows = reports::count(&session, report, &params).await.map_err(failed)?;
            return Err(too_long(rows, self.report_rows_max, self.limits.rows_max));
        }
        Ok((session, table))
    }

    /// What it takes to run the report of `job`.
    pub(super) async fn ready(&self, mut job: ReportJob) -> Result<Ready, Problem> {
        let own = job.own.take();
        let report = match &own {
            Some(own) => self.shelved(job.scope.tenant, own)?,
            None => known(&job.report)?,
        };
        if report.id == COST_PER_CONTACT.id && job.rates.is_none() {
            let message =
                "No rates are set: say by PUT /api/v1/rates what an hour and a minute cost.";
            return Err(wrong(message));
        }
        let (queue, agent) = (job.given.queues.first(), job.given.agents.first());
        let asked = Asked { queue: queue.copied(), agent: agent.copied() };
        let narrowed = job.given.narrowed();
        let thresholds = job.given.thresholds(given::thresholds(&job.settings));
        if let Some(zone) = job.given.zone.take() {
            job.scope.time_zone = zone;
        }
        let (zone, begins) = (&job.scope.time_zone, job.settings.day_begins_minute());
        let period = Period::parse_by(&job.period, zone, begins, job.now).map_err(wrong)?;
        let names = Names {
            agents: job
                .agents
                .into_iter()
                .map(|(id, number, name)| (id, AgentName { number, name }))
                .collect(),
            queues: job.queues.into_iter().collect(),
            trunks: job.trunks.into_iter().collect(),
            flows: job.flows.into_iter().collect(),
            teams: job.teams.into_iter().collect(),
            areas: job.areas.into_iter().collect(),
            workers: job.workers.into_iter().collect(),
        };
        let limits = match &own {
            Some(_) => self.limits,
            None => Limits { rows_max: self.report_rows_max, ..self.limits },
        };
        let (ran, stored) = if report.id == SYSTEM.id {
            (self.ran(&period, job.now).await?, self.stored(&period).await?)
        } else {
            (Vec::new(), Vec::new())
        };
        let scope = Scope { only: report.only(&narrowed), ..job.scope.into() };
        let session = self.session(scope, limits).await?;
        let params = Params::new(period, job.now, job.tenant_name, names);
        let rates = job.rates.map(rates);
        let (user, action, lines_max) = (job.given.user, job.given.action, job.lines_max);
        let params =
            Params { thresholds, narrowed, user, action, rates, lines_max, ran, stored, ..params };
        Ok(Ready { session, report, own, params, asked, limits })
    }

    /// How long each process of the box ran on each day of `period` that has begun.
    async fn ran(&self, period: &Period, now: Timestamp) -> Result<Vec<Ran>, Problem> {
        let (data, spans) = (self.data.clone(), period.day_spans());
        let by_day = move || -> std::io::Result<Vec<Ran>> {
            let changes = uptime::read(&data)?;
            let mut days = Vec::new();
            for (day, from, to) in spans.into_iter().filter(|(_, from, _)| *from < now) {
                let on_day = uptime::ran(&changes, from, to.min(now)).into_iter();
                days.extend(on_day.filter(|ran| ran.up_ms + ran.down_ms > 0).map(|ran| Ran {
                    process: ran.process,
                    day,
                    up_ms: ran.up_ms,
                    down_ms: ran.down_ms,
                }));
            }
            Ok(days)
        };
        blocking(by_day).await.map_err(|error| {
            let message = "The report could not be made.";
            Problem::new(500, "report", message, format!("read uptime: {error}"))
        })
    }

    /// What the files of the warehouse with rows of the days of `period` take.
    async fn stored(&self, period: &Period) -> Result<Vec<Stored>, Problem> {
        let bytes = self.warehouse.bytes_by_day().await.map_err(|error| {
            Problem::new(500, "report", "The report could not be made.", error.to_string())
        })?;
        let of_day = |(day, _, _): (i64, Timestamp, Timestamp)| {
            let date = chrono::DateTime::from_timestamp(day * 86_400, 0)?;
            let bytes = *bytes.get(&date.format("%Y-%m-%d").to_string())?;
            Some(Stored { day, bytes })
        };
        Ok(period.day_spans().into_iter().filter_map(of_day).collect())
    }
}

/// A table in one form; `told` hears how far it is.
pub(super) async fn printed(
    table: ReportTable,
    format: Format,
    language: Language,
    told: impl Fn(Progress) + Send + 'static,
) -> Result<Done, Problem> {
    let id = table.report.id;
    // Typesetting is pure computation: it must not hold up the socket.
    let (body, warnings) = tokio::task::spawn_blocking(move || {
        let mut body: Vec<u8> = Vec::new();
        let mut progress = |at: Progress| {
            tracing::debug!(rows = at.rows, of = at.of, report = id, %format, "printing");
            told(at);
        };
        reports::render_into(&table, format, language, &mut body, &mut progress)
            .map(|warnings| (body, warnings))
    })
    .await
    .map_err(|panic| {
        let message = "The report could not be printed.";
        Problem::new(500, "report", message, panic.to_string())
    })?
    .map_err(failed)?;
    for warning in &warnings {
        tracing::warn!(%warning, report = id, "rendered with a warning");
    }
    Ok(Done { content_type: format.media_type().into(), truncated: false, body })
}

/// The rates as reports know them.
fn rates(kept: desk::rates::Rates) -> Rates {
    let prefixes = kept.prefixes.into_iter().map(|of| (of.prefix, of.minute)).collect();
    Rates {
        agent_hour: kept.agent_hour,
        inbound_minute: kept.inbound_minute,
        outbound_minute: kept.outbound_minute,
        prefixes,
    }
}

/// The report of the catalogue that has this name.
fn known(id: &str) -> Result<&'static Report, Problem> {
    reports::find(id).ok_or_else(|| {
        let known: Vec<&str> = reports::catalogue().iter().map(|report| report.id).collect();
        let message = format!("There is no report \"{id}\"; there are {}.", known.join(", "));
        Problem::new(404, "report", message, String::new())
    })
}

/// Half a report would be taken for a whole one. A question that takes too long to be counted has no
/// number.
fn too_many(rows: Option<u64>, most: usize) -> Problem {
    let message = match rows {
        Some(rows) => format!(
            "This report has {rows} rows, and one from a question of your own has at most {most} \
             (sql.rows_max); choose a shorter period, group them in its question, or fetch them in \
             portions as CSV with POST /api/v1/sql."
        ),
        None => format!(
            "This report has more than {most} rows (sql.rows_max); choose a shorter period, group \
             them in its question, or fetch them in portions as CSV with POST /api/v1/sql."
        ),
    };
    Problem::new(413, "too_large", message, String::new())
}

/// Half a report would be taken for a whole one.
fn too_long(rows: u64, most: usize, portion: usize) -> Problem {
    let message = format!(
        "This report has {rows} rows, and one has at most {most} (sql.report_rows_max); choose a \
         shorter period, or fetch them in portions as CSV with POST /api/v1/sql, up to {portion} \
         rows in each (sql.rows_max)."
    );
    Problem::new(413, "too_large", message, String::new())
}

pub(super) fn failed(error: reports::Error) -> Problem {
    Problem::new(500, "report", "The report could not be made.", error.to_string())
}
