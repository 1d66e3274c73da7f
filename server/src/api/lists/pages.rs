//! Each list of the API by its own handler: what it needs, how it comes in pages, and one of them.

use crate::api::extract::{Id, Params};
use crate::api::guard::Caller;
use crate::api::problem::Problem;
use crate::api::reports as catalogue;
use crate::api::rows::PAGE_MAX;
use crate::api::{
    Shared, agents, areas, audit, auth_codes, availability, bans, callbacks, conferences,
    connectors, customers, emergency, erasures, fax_documents, faxes, flows, hooks, hours, items,
    leases, mailboxes, mails, numbers, orders, outgoing_faxes, prompts, queues, recording_rules,
    recordings, report_definitions, retention, return_visits, schedules, shift_log, shifts, sites,
    skill_sets, teams, texts, tokens, trunks, users, voicemails, workers,
};
use axum::Json;
use axum::extract::State;
use axum::http::Uri;
use desk::Permission;
use desk::schedule::run::RUNS_MAX;
use reports::found::Listed;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::str::FromStr;

/// What who fetches a list must be allowed besides: what its own address asks for.
pub(in crate::api) fn needs(of: Listed) -> Permission {
    use Listed as L;
    match of {
        L::Agents | L::AgentsTeam | L::Hours | L::Queues | L::Shifts | L::SkillSets | L::Teams => {
            Permission::FloorRead
        }
        L::AgentMessages | L::Items | L::Recordings | L::Texts | L::Voicemails => {
            Permission::CallsOwn
        }
        L::AgentsAuthCodes => Permission::AgentsWrite,
        L::Allowed
        | L::Areas
        | L::Blocked
        | L::Emergency
        | L::EmergencyDuty
        | L::EmergencyLog
        | L::FaxDocuments
        | L::Flows
        | L::FlowsHistory
        | L::FlowsPacks
        | L::FlowsReviews
        | L::Numbers
        | L::Prompts
        | L::Sites
        | L::Workers => Permission::RoutingRead,
        L::Audit => Permission::AuditRead,
        L::Availability => Permission::MetricsRead,
        L::Bans => Permission::BansWrite,
        L::Callbacks | L::ConferencesLive | L::FaxesOutgoing | L::FlowsStatistics | L::Mails => {
            Permission::CallsRead
        }
        L::Conferences => Permission::ConferencesWrite,
        L::Connectors => Permission::ConnectorsWrite,
        L::Customers => Permission::CustomersRead,
        L::Erasures => Permission::PersonsErase,
        L::Faxes => Permission::RecordingsRead,
        L::Holds => Permission::RecordingsHold,
        L::Hooks | L::HooksDeliveries => Permission::HooksWrite,
        L::Leases => Permission::LeasesRead,
        L::OrderFields | L::OrderRules | L::OrdersSteps | L::ReturnVisits => Permission::OrdersRead,
        L::RecordingExclusions | L::RecordingRules => Permission::RecordingRules,
        L::ReportDefinitions | L::Reports => Permission::ReportsRead,
        L::ReportDefinitionsVersions | L::ReportRuns | L::SavedReports | L::Schedules => {
            Permission::ReportsSchedule
        }
        L::ShiftLog => Permission::AgentStateOwn,
        L::Tokens => Permission::SelfService,
        L::Trunks | L::TrunksLive => Permission::TrunksRead,
        L::Users => Permission::UsersRead,
    }
}

/// The list belongs to one thing, which `of` names.
pub(super) fn is_within(of: Listed) -> bool {
    matches!(
        of,
        Listed::AgentsAuthCodes
            | Listed::AgentsTeam
            | Listed::EmergencyDuty
            | Listed::FlowsHistory
            | Listed::FlowsReviews
            | Listed::FlowsStatistics
            | Listed::HooksDeliveries
            | Listed::OrdersSteps
            | Listed::ReportDefinitionsVersions
    )
}

/// How a list comes in pages.
#[derive(Clone, Copy)]
pub(super) enum Paged {
    /// Not: it is whole, and asked for without conditions.
    Whole,
    /// Not either, and it has conditions.
    Asked,
    /// Its rows stand in this field, and `next` is the cursor of the next page.
    Cursor(&'static str),
    /// The next page is asked for with what names the last row, in this parameter; with `/` between
    /// these fields of it.
    Last(&'static str, &'static [&'static str]),
}

pub(super) fn paged(of: Listed) -> Paged {
    match of {
        Listed::Audit
        | Listed::Erasures
        | Listed::FaxesOutgoing
        | Listed::Holds
        | Listed::Mails
        | Listed::ReportRuns
        | Listed::Texts => Paged::Last("before", &["id"]),
        Listed::Faxes => Paged::Last("before", &["fax_id"]),
        Listed::Customers => Paged::Last("after", &["id"]),
        Listed::Prompts => Paged::Last("after", &["language", "name"]),
        Listed::EmergencyLog => Paged::Cursor("occasions"),
        Listed::Items => Paged::Cursor("items"),
        Listed::Leases => Paged::Cursor("leases"),
        Listed::RecordingExclusions => Paged::Cursor("exclusions"),
        Listed::Recordings => Paged::Cursor("recordings"),
        Listed::ReturnVisits => Paged::Cursor("return_visits"),
        Listed::ShiftLog => Paged::Cursor("entries"),
        Listed::Shifts => Paged::Cursor("shifts"),
        Listed::Availability | Listed::FlowsStatistics | Listed::Reports => Paged::Asked,
        _ => Paged::Whole,
    }
}

/// Rows of a page.
pub(super) fn page_rows(of: Listed) -> u32 {
    match of {
        Listed::ReportRuns => RUNS_MAX,
        _ => PAGE_MAX,
    }
}

/// A list without conditions.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Unconditional {}

/// One page, by the list's own handler, of what is `within` something where the list is; and whether
/// it lacks what is in damaged files of the warehouse.
pub(super) async fn page_of(
    api: &Shared,
    caller: &Caller,
    of: Listed,
    within: &str,
    uri: &Uri,
) -> Result<(Value, bool), Problem> {
    use Listed as L;
    let (state, caller) = (State(api.clone()), caller.clone());
    if let Paged::Whole = paged(of) {
        let Params(Unconditional {}) = Params::of(uri)?;
    }
    let mut incomplete = false;
    let answer = match of {
        L::Agents => told(agents::list(state, caller).await),
        L::AgentMessages => told(mailboxes::list(state, caller).await),
        L::AgentsAuthCodes => told(auth_codes::list(state, caller, id(within)?).await),
        L::AgentsTeam => told(teams::history(state, caller, id(within)?).await),
        L::Allowed => told(numbers::list_allowed(state, caller).await),
        L::Areas => told(areas::list(state, caller).await),
        L::Audit => told(audit::list(state, caller, Params::of(uri)?).await),
        L::Availability => told(availability::list(state, caller, Params::of(uri)?).await),
        L::Bans => told(bans::list(state, caller).await),
        L::Blocked => told(numbers::list_blocked(state, caller).await),
        L::Callbacks => told(callbacks::list(state, caller).await),
        L::Conferences => told(conferences::list(state, caller).await),
        L::ConferencesLive => told(conferences::live(state, caller).await),
        L::Connectors => told(connectors::list(state, caller).await),
        L::Customers => told(customers::list(state, caller, Params::of(uri)?).await),
        L::Emergency => told(emergency::list(state, caller).await),
        L::EmergencyDuty => told(emergency::duty(state, caller, id(within)?).await),
        L::EmergencyLog => told(emergency::log(state, caller, Params::of(uri)?).await),
        L::Erasures => told(erasures::list(state, caller, Params::of(uri)?).await),
        L::FaxDocuments => told(fax_documents::list(state, caller).await),
        L::Faxes => told(faxes::list(state, caller, Params::of(uri)?).await),
        L::FaxesOutgoing => told(outgoing_faxes::list(state, caller, Params::of(uri)?).await),
        L::Flows => told(flows::list(state, caller).await),
        L::FlowsHistory => told(flows::history(state, caller, id(within)?).await),
        L::FlowsPacks => told(Ok(flows::packs::list_packs(caller).await)),
        L::FlowsReviews => told(flows::review::list_reviews(state, caller, id(within)?).await),
        L::FlowsStatistics => {
            let (flow, asked) = (id(within)?, Params::of(uri)?);
            let (lost, steps) = flows::statistics::statistics(state, caller, flow, asked).await?;
            incomplete = !lost.is_empty();
            told(Ok(steps))
        }
        L::Holds => told(retention::holds(state, caller, Params::of(uri)?).await),
        L::Hooks => told(hooks::list(state, caller).await),
        L::HooksDeliveries => told(hooks::deliveries(state, caller, id(within)?).await),
        L::Hours => told(hours::list(state, caller).await),
        L::Items => told(items::list(state, caller, Params::of(uri)?).await),
        L::Leases => told(leases::list(state, caller, Params::of(uri)?).await),
        L::Mails => told(mails::list(state, caller, Params::of(uri)?).await),
        L::Numbers => told(numbers::list(state, caller).await),
        L::OrderFields => told(orders::fields(state, caller).await),
        L::OrderRules => told(orders::rules(state, caller).await),
        L::OrdersSteps => told(orders::steps(state, caller, id(within)?).await),
        L::Prompts => told(prompts::list(state, caller, Params::of(uri)?).await),
        L::Queues => told(queues::list(state, caller).await),
        L::RecordingExclusions => {
            told(recording_rules::list_exclusions(state, caller, Params::of(uri)?).await)
        }
        L::RecordingRules => told(recording_rules::list(state, caller).await),
        L::Recordings => told(recordings::list(state, caller, Params::of(uri)?).await),
        L::ReportDefinitions => told(report_definitions::list(state, caller).await),
        L::ReportDefinitionsVersions => {
            told(report_definitions::versions(state, caller, id(within)?).await)
        }
        L::ReportRuns => told(schedules::runs(state, caller, Params::of(uri)?).await),
        L::Reports => told(catalogue::list(state, caller, Params::of(uri)?).await),
        L::ReturnVisits => told(return_visits::list(state, caller, Params::of(uri)?).await),
        L::SavedReports => told(schedules::list_saved(state, caller).await),
        L::Schedules => told(schedules::list(state, caller).await),
        L::ShiftLog => told(shift_log::list(state, caller, Params::of(uri)?).await),
        L::Shifts => told(shifts::list(state, caller, Params::of(uri)?).await),
        L::Sites => told(sites::list(state, caller).await),
        L::SkillSets => told(skill_sets::list(state, caller).await),
        L::Teams => told(teams::list(state, caller).await),
        L::Texts => told(texts::list(state, caller, Params::of(uri)?).await),
        L::Tokens => told(tokens::list(state, caller).await),
        L::Trunks => told(trunks::list(state, caller).await),
        L::TrunksLive => told(trunks::live(state, caller).await),
        L::Users => told(users::list(state, caller).await),
        L::Voicemails => told(voicemails::list(state, caller).await),
        L::Workers => told(workers::list(state, caller).await),
    }?;
    Ok((answer, incomplete))
}

fn told<T: Serialize>(answer: Result<Json<T>, Problem>) -> Result<Value, Problem> {
    let Json(answer) = answer?;
    serde_json::to_value(answer).map_err(|error| Problem::internal(error.to_string()))
}

/// What names the thing that a list belongs to. Whatever does not, names nothing: 404.
fn id<T: FromStr>(text: &str) -> Result<Id<T>, Problem> {
    text.parse().map(Id).map_err(|_| Problem::not_found("There is nothing with this id."))
}
