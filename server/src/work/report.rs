//! Runs one report and renders it.

use super::jobs::{Bench, Done, Problem, ReportJob};
use reports::catalogue::COST_PER_CONTACT;
use reports::{
    AgentName, Format, Language, Names, Params, Period, Progress, Rates, Report, ReportTable,
};
use warehouse::Limits;

impl Bench {
    /// Runs and renders `job`.
    pub(super) async fn report(&self, mut job: ReportJob) -> Result<Done, Problem> {
        let wrong = |message: String| Problem::new(400, "report", message, String::new());
        let own = job.own.take();
        let report = match &own {
            Some(own) => self.shelved(job.scope.tenant, own)?,
            None => known(&job.report)?,
        };
        if report.id == COST_PER_CONTACT.id && job.rates.is_none() {
            let message =
                "No rates are set: say by PUT /api/v1/rates what an hour and a minute cost.";
            return Err(wrong(message.to_owned()));
        }
        let format: Format =
            job.format.parse().map_err(|e: reports::UnknownFormat| wrong(e.to_string()))?;
        let language: Language =
            job.language.parse().map_err(|e: reports::UnknownLanguage| wrong(e.to_string()))?;
        let period = Period::parse(&job.period, &job.scope.time_zone, job.now)
            .map_err(|error| wrong(error.to_string()))?;
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
        let session = self.session(job.scope.into(), limits).await?;
        let params = Params::new(period, job.now, job.tenant_name, names);
        let rates = job.rates.map(rates);
        let (user, action, lines_max) = (job.user, job.action, job.lines_max);
        let params = Params { user, action, rates, lines_max, ..params };
        let mut table = match &own {
            Some(own) => self.run_own(&session, report, own, &params).await?,
            None => reports::run(&session, report, &params).await.map_err(failed)?,
        };
        if table.truncated && own.is_some() {
            return Err(too_many(limits.rows_max));
        }
        if table.truncated {
            let rows = reports::count(&session, report, &params).await.map_err(failed)?;
            return Err(too_long(rows, self.report_rows_max));
        }
        table.mark = job.mark;
        table.paper = job.paper;
        printed(table, format, language).await
    }
}

/// A table in one form.
pub(super) async fn printed(
    table: ReportTable,
    format: Format,
    language: Language,
) -> Result<Done, Problem> {
    let id = table.report.id;
    // Typesetting is pure computation: it must not hold up the socket.
    let (body, warnings) = tokio::task::spawn_blocking(move || {
        let mut body: Vec<u8> = Vec::new();
        let mut progress = |Progress { rows, of }: Progress| {
            tracing::debug!(rows, of, report = id, %format, "printing");
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

/// Half a report would be taken for a whole one. How many rows a free question has is not asked.
fn too_many(most: usize) -> Problem {
    let message = format!(
        "This report has more than {most} rows (sql.rows_max); choose a shorter period, or group \
         them in its question."
    );
    Problem::new(413, "too_large", message, String::new())
}

/// Half a report would be taken for a whole one.
fn too_long(rows: u64, most: usize) -> Problem {
    let message = format!(
        "This report has {rows} rows, and one has at most {most} (sql.report_rows_max); choose a \
         shorter period, or read the files of the warehouse, which hold them all."
    );
    Problem::new(413, "too_large", message, String::new())
}

fn failed(error: reports::Error) -> Problem {
    Problem::new(500, "report", "The report could not be made.", error.to_string())
}
