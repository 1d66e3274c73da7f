//! Finished calls from the warehouse, and what can be done to live ones.

mod files;

use super::agents::done;
use super::extract::{Body, Id, Params};
use super::forwarding::is_target;
use super::guard::{Caller, Guard};
use super::problem::Problem;
use super::related::{Asked, of_reason};
use super::rows::{
    CallRow, Conditions, ConsentRow, Cursor, IvrStepRow, LegRow, Page, QueueVisitRow, RecordingRow,
    SurveyRow, incomplete, rows,
};
use super::{Api, Shared};
use axum::Json;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use desk::order::query::OrderFilter;
use desk::{Permission, when};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use terms::control::{Ask, Asker, CallAction, RecordingOrder};
use terms::number::is_dialable;
use terms::{
    AgentId, CallId, ConferenceId, ContactId, CustomerId, FlowId, MeetingId, OrderId, QueueId,
    Timestamp, TrunkId,
};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use warehouse::Session;
use warehouse::query::literal;

/// Order of the list.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
enum CallSort {
    /// The latest first.
    #[default]
    Newest,
    /// The oldest first.
    Oldest,
    /// The longest first.
    Longest,
}

impl CallSort {
    fn order_by(self) -> &'static str {
        match self {
            CallSort::Newest => "started_at DESC, call_id DESC",
            CallSort::Oldest => "started_at, call_id",
            CallSort::Longest => "duration_ms DESC, call_id DESC",
        }
    }

    fn after(self, Cursor { key, id }: Cursor) -> String {
        let (column, before, key) = match self {
            CallSort::Newest => ("started_at", "<", literal::instant(Timestamp(key))),
            CallSort::Oldest => ("started_at", ">", literal::instant(Timestamp(key))),
            CallSort::Longest => ("duration_ms", "<", key.to_string()),
        };
        format!("({column} {before} {key} OR ({column} = {key} AND call_id {before} {id}))")
    }

    fn cursor(self, row: &Value) -> Option<Cursor> {
        let by_time = Cursor::by_time(row, "started_at", "call_id")?;
        Some(match self {
            CallSort::Newest | CallSort::Oldest => by_time,
            CallSort::Longest => Cursor { key: row["duration_ms"].as_i64()?, ..by_time },
        })
    }
}

/// How a call ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
enum OutcomeFilter {
    /// Talked to an agent.
    Answered,
    /// Hung up while queued.
    Abandoned,
    /// Left a message.
    Voicemail,
    /// Ended in the IVR.
    IvrOnly,
    /// Refused.
    Refused,
    /// Could not be connected.
    Failed,
    /// The box ended in the middle.
    Interrupted,
}

impl OutcomeFilter {
    fn as_str(self) -> &'static str {
        match self {
            OutcomeFilter::Answered => "answered",
            OutcomeFilter::Abandoned => "abandoned",
            OutcomeFilter::Voicemail => "voicemail",
            OutcomeFilter::IvrOnly => "ivr_only",
            OutcomeFilter::Refused => "refused",
            OutcomeFilter::Failed => "failed",
            OutcomeFilter::Interrupted => "interrupted",
        }
    }
}

/// Which way a call went.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
enum DirectionFilter {
    /// A customer called.
    Inbound,
    /// An agent called out.
    Outbound,
    /// Between colleagues.
    Internal,
}

impl DirectionFilter {
    fn as_str(self) -> &'static str {
        match self {
            DirectionFilter::Inbound => "inbound",
            DirectionFilter::Outbound => "outbound",
            DirectionFilter::Internal => "internal",
        }
    }
}

/// Who ended a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
enum PartyFilter {
    /// The customer.
    Customer,
    /// An agent.
    Agent,
    /// Somebody else outside.
    Outside,
    /// The box.
    System,
}

impl PartyFilter {
    fn as_str(self) -> &'static str {
        match self {
            PartyFilter::Customer => "customer",
            PartyFilter::Agent => "agent",
            PartyFilter::Outside => "outside",
            PartyFilter::System => "system",
        }
    }
}

/// What the caller thought.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
enum SatisfactionFilter {
    /// Satisfied.
    Satisfied,
    /// Neither.
    Neutral,
    /// Dissatisfied.
    Dissatisfied,
}

impl SatisfactionFilter {
    fn as_str(self) -> &'static str {
        match self {
            SatisfactionFilter::Satisfied => "satisfied",
            SatisfactionFilter::Neutral => "neutral",
            SatisfactionFilter::Dissatisfied => "dissatisfied",
        }
    }
}

/// What to find. Fields combine freely.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
struct Search {
    /// Started at or after.
    #[serde(default, with = "when::option")]
    #[param(value_type = Option<String>, format = DateTime)]
    from: Option<Timestamp>,
    /// Started before.
    #[serde(default, with = "when::option")]
    #[param(value_type = Option<String>, format = DateTime)]
    to: Option<Timestamp>,
    /// The caller's number, or a part of it; with `*` for any characters or `?` for one, the whole
    /// number.
    #[serde(default)]
    caller: Option<String>,
    /// The dialled number, in the same way.
    #[serde(default)]
    called: Option<String>,
    /// The province where the number outside is at home, as the list has it.
    #[serde(default)]
    province: Option<String>,
    /// The city.
    #[serde(default)]
    city: Option<String>,
    /// The customer, under the number that is known of them.
    #[serde(default)]
    #[param(value_type = Option<String>)]
    customer: Option<CustomerId>,
    /// The order that was made from it.
    #[serde(default)]
    #[param(value_type = Option<String>)]
    order: Option<OrderId>,
    /// The area (grid) of an order that was made from it.
    #[serde(default)]
    area: Option<String>,
    /// What an agent chose as its reason after it.
    #[serde(default)]
    reason: Option<String>,
    /// A part of the title, content, address or a note of an order that was made from it.
    #[serde(default)]
    text: Option<String>,
    /// An agent who answered, first or last.
    #[serde(default)]
    #[param(value_type = Option<String>)]
    agent: Option<AgentId>,
    /// The last queue.
    #[serde(default)]
    #[param(value_type = Option<String>)]
    queue: Option<QueueId>,
    /// The conference room that it came into.
    #[serde(default)]
    #[param(value_type = Option<String>)]
    conference: Option<ConferenceId>,
    /// The meeting that it came into: all who were in it.
    #[serde(default)]
    #[param(value_type = Option<String>)]
    meeting: Option<MeetingId>,
    /// The contact that it belongs to.
    #[serde(default)]
    #[param(value_type = Option<String>)]
    contact: Option<ContactId>,
    /// The trunk that it came in on.
    #[serde(default)]
    #[param(value_type = Option<String>)]
    trunk: Option<TrunkId>,
    /// The first flow.
    #[serde(default)]
    #[param(value_type = Option<String>)]
    flow: Option<FlowId>,
    /// Which way it went.
    #[serde(default)]
    #[param(inline)]
    direction: Option<DirectionFilter>,
    /// How it ended.
    #[serde(default)]
    #[param(inline)]
    outcome: Option<OutcomeFilter>,
    /// Who ended it.
    #[serde(default)]
    #[param(inline)]
    hangup_by: Option<PartyFilter>,
    /// Hangup cause, ITU-T Q.850.
    #[serde(default)]
    hangup_cause: Option<u8>,
    /// What the caller thought.
    #[serde(default)]
    #[param(inline)]
    satisfaction: Option<SatisfactionFilter>,
    /// Whether there is a recording.
    #[serde(default)]
    recorded: Option<bool>,
    /// Whether it was passed on.
    #[serde(default)]
    transferred: Option<bool>,
    /// At least so many seconds long.
    #[serde(default)]
    min_duration: Option<u32>,
    /// At most so many seconds long.
    #[serde(default)]
    max_duration: Option<u32>,
    /// At least so many seconds in queues.
    #[serde(default)]
    min_wait: Option<u32>,
    /// At most so many seconds in queues.
    #[serde(default)]
    max_wait: Option<u32>,
    /// At least so many seconds of conversation.
    #[serde(default)]
    min_talk: Option<u32>,
    /// At most so many seconds of conversation.
    #[serde(default)]
    max_talk: Option<u32>,
    /// At least so many seconds on hold.
    #[serde(default)]
    min_hold: Option<u32>,
    /// Order of the list.
    #[serde(default)]
    #[param(inline)]
    sort: CallSort,
    /// Where the last page ended.
    #[serde(default)]
    cursor: Option<String>,
    /// Calls on the page, 1–500, 100 when left out.
    #[serde(default)]
    limit: Option<u32>,
}

/// A page of calls.
#[derive(Serialize, ToSchema)]
struct CallPage {
    /// The calls.
    #[schema(value_type = Vec<CallRow>)]
    calls: Vec<Value>,
    /// Give it back as `cursor` for the next page; none at the end.
    next: Option<String>,
    /// Says which damaged files the page has no calls of; none where it has all.
    #[serde(skip_serializing_if = "Option::is_none")]
    incomplete: Option<String>,
}

/// A call and all that is known about it.
#[derive(Serialize, ToSchema)]
struct CallDetail {
    /// The call.
    #[schema(value_type = CallRow)]
    call: Value,
    /// Its parties.
    #[schema(value_type = Vec<LegRow>)]
    legs: Vec<Value>,
    /// Its stays in queues.
    #[schema(value_type = Vec<QueueVisitRow>)]
    visits: Vec<Value>,
    /// Its way through flows.
    #[schema(value_type = Vec<IvrStepRow>)]
    ivr_steps: Vec<Value>,
    /// What the caller said of being recorded.
    #[schema(value_type = Vec<ConsentRow>)]
    consents: Vec<Value>,
    /// Its recordings.
    #[schema(value_type = Vec<RecordingRow>)]
    recordings: Vec<Value>,
    /// What the caller was asked.
    #[schema(value_type = Vec<SurveyRow>)]
    surveys: Vec<Value>,
    /// Ids of orders made from it.
    orders: Vec<String>,
    /// Says which damaged files it has no rows of; none where it has all.
    #[serde(skip_serializing_if = "Option::is_none")]
    incomplete: Option<String>,
}

/// What is to happen to a live call.
#[derive(Deserialize, ToSchema)]
#[serde(tag = "action", rename_all = "snake_case", deny_unknown_fields)]
enum LiveAction {
    /// End it.
    Hangup,
    /// Pass the customer on.
    Transfer {
        /// A short number, an outside number, `queue:<id>` or `site:<id>`.
        target: String,
    },
    /// Ask one more party into the conversation. It goes on meanwhile; any party may leave and the
    /// rest go on.
    Invite {
        /// A short number or an outside number.
        target: String,
    },
    /// Talk with somebody else first. The customer waits with music, and waits on when nobody
    /// answers or who is consulted hangs up, until `resume`.
    Consult {
        /// A short number, an outside number, `queue:<id>` for its agent who has been free longest, or
        /// `site:<id>`.
        target: String,
    },
    /// Pass the customer on to who is consulted, and be free.
    CompleteConsultation,
    /// Let go who is consulted, and go on with the customer.
    EndConsultation,
    /// Have the customer and who is consulted in one conversation.
    JoinConsultation,
    /// Park the customer with music until somebody takes them, on this slot or the first that is
    /// free (`parked` of a call in `GET /api/v1/live`).
    Park {
        /// Where.
        #[serde(default)]
        slot: Option<u8>,
    },
    /// Put the customer on hold.
    Hold,
    /// End of hold.
    Resume,
    /// Send keys to the party that the agent talks with, as from the phone.
    SendDigits {
        /// 1 to 64 of 0-9, *, # and A-D.
        digits: String,
    },
    /// Begin to record the conversation, where the rule lets agents do so; supervisors may always.
    StartRecording,
    /// End the recording; the conversation goes on.
    StopRecording,
    /// Keep nothing of what is said until the recording is resumed.
    PauseRecording,
    /// Keep what is said again.
    ResumeRecording,
}

pub(super) fn routes(guard: &Guard) -> OpenApiRouter<Shared> {
    OpenApiRouter::new()
        .routes(guard.may(Permission::CallsOwn, routes!(list)))
        .routes(guard.may(Permission::CallsOwn, routes!(get)))
        .routes(guard.may(Permission::CallsControlOwn, routes!(act)))
        .merge(files::routes(guard))
}

/// Find calls. Without the permission `calls.read` one finds one's own.
#[utoipa::path(get, path = "/api/v1/calls", tag = "calls", params(Search), responses((status = 200, body = CallPage)))]
async fn list(
    State(api): State<Shared>,
    caller: Caller,
    headers: HeaderMap,
    Params(search): Params<Search>,
) -> Result<Json<CallPage>, Problem> {
    let mut conditions = conditions(&search)?;
    api.related(&caller, search.asked()).await?.narrow(&mut conditions);
    let (session, sort) = (api.session(&caller).await?, search.sort);
    let cursor = |row: &Value| sort.cursor(row);
    let page =
        Page::read(&session, "calls", &conditions, sort.order_by(), search.limit, cursor).await?;
    let incomplete = incomplete(&[&session], &headers);
    Ok(Json(CallPage { calls: page.rows, next: page.next, incomplete }))
}

impl Search {
    /// What other stores than that of calls are asked.
    fn asked(&self) -> Asked<'_> {
        Asked {
            customer: self.customer,
            order: self.order,
            area: self.area.as_deref(),
            text: self.text.as_deref(),
            from: self.from,
            to: self.to,
        }
    }
}

fn conditions(search: &Search) -> Result<Conditions, Problem> {
    let mut conditions = Conditions::default();
    conditions.between("started_at", search.from, search.to);
    conditions.number("caller", search.caller.as_deref())?;
    conditions.number("called", search.called.as_deref())?;
    if let Some(agent) = search.agent {
        conditions.own(format!("(agent_id = {agent} OR last_agent_id = {agent})"));
    }
    conditions.id("queue_id", search.queue.map(|queue| queue.0));
    conditions.id("conference_id", search.conference.map(|conference| conference.0));
    conditions.id("meeting_id", search.meeting.map(|meeting| meeting.0));
    conditions.id("contact_id", search.contact.map(|contact| contact.0));
    conditions.id("trunk_id", search.trunk.map(|trunk| trunk.0));
    conditions.id("flow_id", search.flow.map(|flow| flow.0));
    conditions.id("hangup_cause", search.hangup_cause.map(u64::from));
    let words = [
        ("direction", search.direction.map(DirectionFilter::as_str)),
        ("outcome", search.outcome.map(OutcomeFilter::as_str)),
        ("hangup_by", search.hangup_by.map(PartyFilter::as_str)),
        ("satisfaction", search.satisfaction.map(SatisfactionFilter::as_str)),
    ];
    let regions = [("province", search.province.as_deref()), ("city", search.city.as_deref())];
    for (column, word) in words.into_iter().chain(regions) {
        if let Some(word) = word {
            conditions.is(column, word)?;
        }
    }
    lengths(&mut conditions, search);
    if let Some(recorded) = search.recorded {
        let is = if recorded { "IS NOT NULL" } else { "IS NULL" };
        conditions.own(format!("recording_id {is}"));
    }
    if let Some(transferred) = search.transferred {
        let times = if transferred { "> 0" } else { "= 0" };
        conditions.own(format!("transfers {times}"));
    }
    if let Some(reason) = &search.reason {
        let chosen = of_reason(reason, search.from, search.to)?;
        conditions.own(format!("call_id IN ({chosen})"));
    }
    if let Some(cursor) = &search.cursor {
        conditions.own(search.sort.after(Cursor::parse(cursor)?));
    }
    Ok(conditions)
}

fn lengths(conditions: &mut Conditions, search: &Search) {
    conditions.seconds_min("duration_ms", search.min_duration);
    conditions.seconds_max("duration_ms", search.max_duration);
    conditions.seconds_min("wait_ms", search.min_wait);
    conditions.seconds_max("wait_ms", search.max_wait);
    conditions.seconds_min("talk_ms", search.min_talk);
    conditions.seconds_max("talk_ms", search.max_talk);
    conditions.seconds_min("hold_ms", search.min_hold);
}

/// One call with its legs, queue visits, flow steps, recordings, surveys and orders.
#[utoipa::path(get, path = "/api/v1/calls/{id}", tag = "calls", params(("id" = String, Path, description = "The call's id")), responses((status = 200, body = CallDetail)))]
async fn get(
    State(api): State<Shared>,
    caller: Caller,
    headers: HeaderMap,
    Id(call): Id<CallId>,
) -> Result<Json<CallDetail>, Problem> {
    let shown = api.session(&caller).await?;
    let mut found = rows(&shown, &format!("SELECT * FROM calls WHERE call_id = {call}")).await?;
    let nothing = || Problem::not_found("There is no such call, or it has not ended yet.");
    let row = found.pop().ok_or_else(nothing)?;
    let all = api.tenant_session(&caller).await?;
    let by_queue = if api.is_limited_to_queues(&caller).await? { &shown } else { &all };
    let filter = OrderFilter { call: Some(call), limit: 100, ..OrderFilter::default() };
    let orders = api.store.orders(caller.tenant(), &filter, caller.now()).await?.orders;
    let mut legs = of_call(&all, call, "legs", "started_at").await?;
    if !caller.may(Permission::CallsRead) {
        // Whoever is supervised is not told so, afterwards neither.
        legs.retain(|leg| leg["role"] != "supervisor");
    }
    Ok(Json(CallDetail {
        call: row,
        legs,
        visits: of_call(by_queue, call, "queue_visits", "entered_at").await?,
        ivr_steps: of_call(&all, call, "ivr_steps", "seq").await?,
        consents: of_call(&all, call, "consents", "seq").await?,
        recordings: of_call(by_queue, call, "recordings", "started_at").await?,
        surveys: of_call(by_queue, call, "surveys", "asked_at").await?,
        orders: orders.iter().map(|order| order.id.to_string()).collect(),
        incomplete: incomplete(&[&shown, &all], &headers),
    }))
}

async fn of_call(
    session: &Session,
    call: CallId,
    table: &'static str,
    order: &'static str,
) -> Result<Vec<Value>, Problem> {
    let sql = format!("SELECT * FROM {table} WHERE call_id = {call} ORDER BY {order} LIMIT 1000");
    rows(session, &sql).await
}

/// Act on a live call: one's own, or, with the permission `calls.control`, any. A call of somebody
/// else may be passed on while it waits, too.
#[utoipa::path(post, path = "/api/v1/calls/{id}/actions", tag = "calls", params(("id" = String, Path, description = "The call's id")), request_body = LiveAction, responses((status = 204)))]
async fn act(
    State(api): State<Shared>,
    caller: Caller,
    Id(call): Id<CallId>,
    Body(action): Body<LiveAction>,
) -> Result<StatusCode, Problem> {
    let is_own = api.is_live_call_of(&caller, call).await?;
    if !is_own {
        caller.must(Permission::CallsControl)?;
    }
    let by = caller.user();
    let asker = Asker { user: by, any: caller.may(Permission::CallsControl) };
    let record = |order| CallAction::Record { order, by: asker };
    let (name, action) = match action {
        LiveAction::Hangup if !is_own => ("call.hangup", CallAction::ForceRelease { by }),
        LiveAction::Hangup => ("call.hangup", CallAction::Hangup),
        LiveAction::Transfer { target } => {
            let target = transfer_target(target)?;
            let action = match is_own {
                true => CallAction::Transfer { target },
                false => CallAction::ForceTransfer { by, target },
            };
            ("call.transfer", action)
        }
        LiveAction::Invite { target } => {
            ("call.invite", CallAction::Invite { target: invited(target)? })
        }
        LiveAction::Consult { target } => {
            ("call.consult", CallAction::Consult { target: transfer_target(target)? })
        }
        LiveAction::CompleteConsultation => {
            ("call.consult.complete", CallAction::CompleteConsultation)
        }
        LiveAction::EndConsultation => ("call.consult.end", CallAction::EndConsultation),
        LiveAction::JoinConsultation => ("call.consult.join", CallAction::JoinConsultation),
        LiveAction::Park { slot } => ("call.park", CallAction::Park { slot }),
        LiveAction::Hold => ("call.hold", CallAction::Hold),
        LiveAction::Resume => ("call.resume", CallAction::Resume),
        LiveAction::SendDigits { digits } => ("call.digits", CallAction::SendDigits { digits }),
        LiveAction::StartRecording => ("recording.start", record(RecordingOrder::Start)),
        LiveAction::StopRecording => ("recording.stop", record(RecordingOrder::Stop)),
        LiveAction::PauseRecording => ("recording.pause", record(RecordingOrder::Pause)),
        LiveAction::ResumeRecording => ("recording.resume", record(RecordingOrder::Resume)),
    };
    let tenant = caller.tenant();
    // What happens to a recording is noted whoever asks; the rest only where it is not one's own.
    if !is_own || matches!(action, CallAction::Record { .. }) {
        api.store.note(tenant, &caller.by(), name, &call.to_string()).await?;
    }
    done(api.calls.ask(Ask::Call { tenant, call, action }).await)
}

impl Api {
    /// True when the caller is the agent of this live call. 404 when it is no live call of the
    /// tenant, or of an agent and a queue of which the caller does not see the calls.
    pub(super) async fn is_live_call_of(
        &self,
        caller: &Caller,
        call: CallId,
    ) -> Result<bool, Problem> {
        let live = self.live_state(caller).await?;
        let found = live.calls.iter().find(|other| other.call == call);
        let nothing = || Problem::not_found("There is no such live call.");
        let found = found.ok_or_else(nothing)?;
        let is_own = found.agent.is_some() && found.agent == caller.agent();
        let sees = is_own || self.sees(caller, found.agent, found.queue).await?;
        if sees { Ok(is_own) } else { Err(nothing()) }
    }
}

pub(super) fn transfer_target(target: String) -> Result<String, Problem> {
    if is_target(&target) {
        return Ok(target);
    }
    Err(Problem::invalid("target", "a number, queue:<id> or site:<id> is needed"))
}

fn invited(target: String) -> Result<String, Problem> {
    if is_number(&target) {
        return Ok(target);
    }
    Err(Problem::invalid("target", "a short number or an outside number is needed"))
}

pub(super) fn is_number(text: &str) -> bool {
    (1..=32).contains(&text.len()) && text.chars().all(is_dialable)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn search(query: &str) -> Result<Search, String> {
        let uri: axum::http::Uri = format!("/?{query}").parse().map_err(|e| format!("{e}"))?;
        axum::extract::Query::<Search>::try_from_uri(&uri)
            .map(|query| query.0)
            .map_err(|error| error.to_string())
    }

    #[test]
    fn a_filter_becomes_conditions_with_quoted_literals() {
        let search = search("caller=138%27%20OR%201=1--&agent=7&outcome=answered&min_duration=5");
        let sql = conditions(&search.unwrap()).unwrap().sql();
        assert_eq!(
            sql,
            " WHERE strpos(caller, '138'' OR 1=1--') > 0 AND (agent_id = 7 OR last_agent_id = 7) \
             AND outcome = 'answered' AND duration_ms >= 5000"
        );
    }

    #[test]
    fn a_number_with_wildcards_is_a_whole_number_and_a_reason_a_question_of_its_own() {
        let search = search("caller=%2B86138*7%3F_9&reason=x%27y");
        assert_eq!(
            conditions(&search.unwrap()).unwrap().sql(),
            " WHERE caller LIKE '+86138%7_\\_9' AND call_id IN (SELECT call_id FROM agent_spans \
             WHERE activity = 'wrap_up' AND call_id IS NOT NULL AND reason = 'x''y')"
        );
    }

    #[test]
    fn columns_and_sort_orders_come_from_enums() {
        assert!(search("sort=duration_ms;DROP%20TABLE%20calls").is_err());
        assert!(search("outcome=answered%27").is_err());
        assert!(search("agent=1%20OR%201=1").is_err());
        for bad in ["direction=sideways", "hangup_by=x", "satisfaction=5", "recorded=maybe"] {
            assert!(search(bad).is_err(), "{bad}");
        }
        assert!(search("hangup_cause=256").is_err());
        assert!(search("order_by=caller").is_err(), "unknown parameters are refused");
        assert_eq!(search("sort=longest").unwrap().sort, CallSort::Longest);
    }

    #[test]
    fn only_numbers_are_asked_in() {
        assert!(invited("1002".to_owned()).is_ok());
        for bad in ["", "queue:7", "sip:evil@example.org", "1001\r\nX: y"] {
            assert!(invited(bad.to_owned()).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_transfer_goes_to_numbers_queues_and_sites_only() {
        for good in ["1001", "+8613800138000", "queue:7", "site:3"] {
            assert!(transfer_target(good.to_owned()).is_ok(), "{good}");
        }
        for bad in ["", "queue:", "site:", "sip:evil@example.org;x", "1001\r\nX: y"] {
            assert!(transfer_target(bad.to_owned()).is_err(), "{bad}");
        }
    }
}
