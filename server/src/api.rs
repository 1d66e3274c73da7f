//! The API: axum over desk, the warehouse, the live switch and the worker.
//!
//! - **Every route says what it needs.** [`guard::may`] puts a route behind one permission of
//!   desk's table; a handler learns who asks only from there, so a route that was not put behind a
//!   permission answers 401. The public ones are few and stand in [`PUBLIC`].
//! - **Every query is scoped** by the tenant of whoever asks; another tenant's things are 404.
//! - **Errors are `application/problem+json`** with a `message` for people, in their language; what
//!   failed inside goes to the log.
//! - The document at `/api/openapi.json` is made from the handlers; `/api/docs` shows it offline.

pub mod agents;
pub mod areas;
pub mod audit;
mod auth_codes;
mod availability;
mod bans;
pub mod call_quality;
pub mod call_routing;
pub mod callbacks;
pub mod calling;
pub mod calls;
pub mod child;
pub mod click;
pub mod conferences;
mod connectors;
mod consents;
pub mod customers;
pub mod deletion;
pub mod document_links;
mod download;
mod emergency;
pub mod encoding;
pub mod erasures;
mod event_document;
mod evidence;
mod expert;
pub mod extract;
pub mod fax_documents;
pub mod fax_sending;
pub mod faxes;
mod fields;
pub mod flows;
mod forms;
pub mod forwarding;
pub mod guard;
pub mod headers;
pub mod health;
mod hidden;
pub mod hooks;
pub mod hours;
pub mod idempotency;
pub mod items;
pub mod leases;
pub mod links;
mod lists;
pub mod live;
mod mailboxes;
pub mod mails;
pub mod messages;
pub mod metrics;
pub mod moving;
mod number_regions;
pub mod numbers;
mod order_lists;
pub mod orders;
mod outgoing_faxes;
mod own_work;
mod parking;
pub mod pickup;
pub mod plans;
mod play;
pub mod problem;
pub mod prompts;
pub mod queues;
mod rates;
pub mod recording_rules;
pub mod recordings;
mod related;
mod report_definitions;
mod report_settings;
pub mod reports;
pub mod retention;
mod return_visits;
pub mod rows;
pub mod schedules;
pub mod session;
mod shift_log;
mod shifts;
mod silence;
mod sites;
mod skill_sets;
pub mod socket;
pub mod sql;
pub mod supervise;
mod teams;
mod texts;
pub mod tokens;
pub mod trunks;
pub mod users;
pub mod voicemails;
mod watermark;
pub mod workers;
mod xml;

use crate::doors::Doors;
use crate::schedules::Schedules;
use crate::tier::Tier;
use axum::Router;
use axum::response::Redirect;
use axum::routing::get;
use desk::Store;
use desk::lockout::Lockout;
use items::handing::Items;
use links::{CallsLink, Clock, Seal, SignLink, WorkLink};
use live::feed::Feed;
use metrics::HttpMetrics;
use plans::Plans;
use problem::Problem;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use utoipa::openapi::security::{Http, HttpAuthScheme, SecurityScheme};
use utoipa::openapi::{Components, InfoBuilder, OpenApi, OpenApiBuilder};
use utoipa_axum::router::OpenApiRouter;
use utoipa_swagger_ui::SwaggerUi;
use warehouse::Warehouse;

/// Routes that anybody may ask without a token.
pub const PUBLIC: &[&str] = &["/healthz", "/readyz", "/metrics", "/api/v1/session", "/d/{code}"];

/// What the API is built from.
#[derive(Clone)]
pub struct ApiState {
    /// The business.
    pub store: Store,
    /// The warehouse of call records, open for writing or reading.
    pub warehouse: Arc<Warehouse>,
    /// The database servers of both, where there are some.
    pub servers: Arc<dyn SignLink>,
    /// The data folder.
    pub data: PathBuf,
    /// Folder of finished recordings.
    pub recordings: PathBuf,
    /// The live switch.
    pub calls: Arc<dyn CallsLink>,
    /// Plans on their way to the switch.
    pub plans: Arc<Plans>,
    /// The worker: SQL, reports, MP3.
    pub work: Arc<dyn WorkLink>,
    /// Deletes recordings.
    pub deletion: Arc<deletion::Deletion>,
    /// The second tier of recordings, where there is one.
    pub tier: Option<Arc<Tier>>,
    /// What is counted of the doors for SQL.
    pub doors: Arc<Doors>,
    /// Recordings that wait for the encoder.
    pub encoding: Arc<encoding::Backlog>,
    /// File of the keys that sealed recordings are opened with.
    pub recording_keys: PathBuf,
    /// File of the key that evidence packs are signed with.
    pub evidence_key: PathBuf,
    /// Seals the warehouse up to now.
    pub seal: Seal,
    /// Live events.
    pub events: Arc<Feed>,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// What one request may take.
    pub limits: ApiLimits,
    /// Why texts of flows cannot be spoken; `None` when they can.
    pub speechless: Option<String>,
    /// Why no fax can be sent or received; `None` when one can.
    pub faxless: Option<String>,
    /// Folder of faxes, and of the documents that can be sent.
    pub faxes: PathBuf,
    /// Prompts: the box's and the tenants' own.
    pub prompts: Arc<prompts::Prompts>,
    /// Scheduled reports.
    pub schedules: Arc<Schedules>,
    /// Work that is no call, and who is handed it.
    pub items: Arc<Items>,
}

/// What one request may take.
#[derive(Clone, Copy, Debug)]
pub struct ApiLimits {
    /// Longest request body in bytes.
    pub body_max: usize,
    /// Longest time for a request other than a download or a live connection.
    pub request_max: Duration,
    /// Longest wait for the switch after a change that concerns calls.
    pub plan_max: Duration,
    /// A number that was called within this time is called again when it is confirmed.
    pub called_again: Duration,
    /// Most recordings of one export.
    pub export_max: u32,
}

impl Default for ApiLimits {
    fn default() -> Self {
        ApiLimits {
            body_max: 1 << 20,
            request_max: Duration::from_secs(60),
            plan_max: Duration::from_secs(3),
            called_again: Duration::from_secs(30 * 60),
            export_max: 2_000,
        }
    }
}

/// The state of the running API.
pub struct Api {
    state: ApiState,
    lockout: Mutex<Lockout>,
    /// Who tries links to documents that nobody made.
    guessers: Mutex<Lockout>,
    http: HttpMetrics,
    readiness: health::Cached,
    looked: silence::Looked,
    sockets: Arc<tokio::sync::Semaphore>,
    exports: Arc<tokio::sync::Semaphore>,
    running: idempotency::Running,
}

impl std::ops::Deref for Api {
    type Target = ApiState;
    fn deref(&self) -> &ApiState {
        &self.state
    }
}

/// What handlers get.
pub type Shared = Arc<Api>;

/// The whole API. Serve it with `into_make_service_with_connect_info::<SocketAddr>()`, so that it
/// knows where requests come from.
pub fn router(state: ApiState) -> Router {
    let api = shared(state);
    let (router, document) = routes(&api).split_for_parts();
    let document = finished(document);
    // The page asks an outside server whether the document is valid, unless it is told not to.
    let offline = utoipa_swagger_ui::Config::default().validator_url("none");
    let docs: Router<Shared> =
        SwaggerUi::new("/api/docs").url("/api/openapi.json", document).config(offline).into();
    let router = router
        .merge(docs)
        .route("/", get(|| async { Redirect::temporary("/api/docs/") }))
        .fallback(|| async { Problem::not_found("There is nothing at this address.") })
        .method_not_allowed_fallback(|| async { Problem::method_not_allowed() });
    headers::wrap(router, &api).with_state(api)
}

fn shared(state: ApiState) -> Shared {
    Arc::new(Api {
        lockout: Mutex::default(),
        guessers: Mutex::default(),
        http: HttpMetrics::default(),
        readiness: health::Cached::default(),
        looked: silence::Looked::default(),
        sockets: Arc::new(tokio::sync::Semaphore::new(live::SOCKETS_MAX)),
        exports: Arc::new(tokio::sync::Semaphore::new(recordings::EXPORTS_MAX)),
        running: idempotency::Running::default(),
        state,
    })
}

/// The OpenAPI document, for the copy in the documentation.
pub fn document() -> OpenApi {
    finished(OpenApiRouter::<Shared>::with_openapi(base()).merge(documented()).split_for_parts().1)
}

fn routes(api: &Shared) -> OpenApiRouter<Shared> {
    let guard = guard::Guard::live(api.clone());
    OpenApiRouter::with_openapi(base()).merge(all(&guard))
}

fn documented() -> OpenApiRouter<Shared> {
    all(&guard::Guard::documentation())
}

fn all(guard: &guard::Guard) -> OpenApiRouter<Shared> {
    OpenApiRouter::new()
        .merge(session::routes(guard))
        .merge(tokens::routes(guard))
        .merge(users::routes(guard))
        .merge(agents::routes(guard))
        .merge(auth_codes::routes(guard))
        .merge(queues::routes(guard))
        .merge(skill_sets::routes(guard))
        .merge(hours::routes(guard))
        .merge(numbers::routes(guard))
        .merge(number_regions::routes(guard))
        .merge(leases::routes(guard))
        .merge(trunks::routes(guard))
        .merge(sites::routes(guard))
        .merge(emergency::routes(guard))
        .merge(flows::routes(guard))
        .merge(prompts::routes(guard))
        .merge(connectors::routes(guard))
        .merge(fax_documents::routes(guard))
        .merge(document_links::routes(guard))
        .merge(faxes::routes(guard))
        .merge(outgoing_faxes::routes(guard))
        .merge(texts::routes(guard))
        .merge(mails::routes(guard))
        .merge(customers::routes(guard))
        .merge(orders::routes(guard))
        .merge(order_lists::routes(guard))
        .merge(items::routes(guard))
        .merge(return_visits::routes(guard))
        .merge(calls::routes(guard))
        .merge(evidence::routes(guard))
        .merge(click::routes(guard))
        .merge(expert::routes(guard))
        .merge(own_work::routes(guard))
        .merge(supervise::routes(guard))
        .merge(play::routes(guard))
        .merge(consents::routes(guard))
        .merge(parking::routes(guard))
        .merge(pickup::routes(guard))
        .merge(forwarding::routes(guard))
        .merge(calling::routes(guard))
        .merge(call_quality::routes(guard))
        .merge(call_routing::routes(guard))
        .merge(callbacks::routes(guard))
        .merge(voicemails::routes(guard))
        .merge(mailboxes::routes(guard))
        .merge(conferences::routes(guard))
        .merge(recording_rules::routes(guard))
        .merge(recordings::routes(guard))
        .merge(retention::routes(guard))
        .merge(erasures::routes(guard))
        .merge(reports::routes(guard))
        .merge(report_definitions::routes(guard))
        .merge(rates::routes(guard))
        .merge(watermark::routes(guard))
        .merge(report_settings::routes(guard))
        .merge(lists::routes(guard))
        .merge(schedules::routes(guard))
        .merge(shifts::routes(guard))
        .merge(shift_log::routes(guard))
        .merge(areas::routes(guard))
        .merge(workers::routes(guard))
        .merge(teams::routes(guard))
        .merge(sql::routes(guard))
        .merge(live::routes(guard))
        .merge(hooks::routes(guard))
        .merge(audit::routes(guard))
        .merge(availability::routes(guard))
        .merge(bans::routes(guard))
        .merge(health::routes())
        .merge(metrics::routes())
}

fn base() -> OpenApi {
    let mut components = Components::new();
    components
        .add_security_scheme("bearer", SecurityScheme::Http(Http::new(HttpAuthScheme::Bearer)));
    OpenApiBuilder::new()
        .info(
            InfoBuilder::new().title("Switchgrid").version(env!("CARGO_PKG_VERSION")).description(
                Some(
                    "An open call centre. Sign in with `POST /api/v1/session`, then send \
                     `Authorization: Bearer <token>`. Ids are strings, times RFC 3339. A change \
                     that concerns calls is answered when the switch works by it; where that \
                     takes too long, the header `x-plan-pending` says so in a sentence. A POST with \
                     an `Idempotency-Key` is carried out once in 24 hours. Answers are JSON, or XML \
                     where `Accept` names it first.",
                ),
            ),
        )
        .components(Some(components))
        .build()
}

/// Adds what every operation shares.
fn finished(mut document: OpenApi) -> OpenApi {
    use utoipa::{PartialSchema, ToSchema};
    let components = document.components.get_or_insert_with(Components::new);
    components.schemas.insert(Problem::name().into_owned(), Problem::schema());
    event_document::add(&mut document);
    for (path, item) in &mut document.paths.paths {
        for (method, operation) in [
            ("get", &mut item.get),
            ("put", &mut item.put),
            ("post", &mut item.post),
            ("delete", &mut item.delete),
            ("head", &mut item.head),
            ("patch", &mut item.patch),
        ] {
            if let Some(operation) = operation {
                operation.operation_id = Some(operation_id(method, path));
            }
        }
    }
    document
}

/// `post_calls_id_actions` for `POST /api/v1/calls/{id}/actions`: unique, as OpenAPI wants, and
/// the name of a function in generated clients.
fn operation_id(method: &str, path: &str) -> String {
    let path = path.trim_start_matches("/api/v1").replace(['{', '}'], "").replace('-', "_");
    format!("{method}{}", path.replace('/', "_"))
}

#[cfg(test)]
mod tests;
