//! Conference rooms: made and changed by administrators, who also see the PINs; who is in them, and
//! what is to happen there, for supervisors and above. Each use of a live one is a row of the audit
//! table before the switch hears of it.

use super::agents::done;
use super::calls::is_number;
use super::extract::{Body, Id};
use super::guard::{Caller, Guard};
use super::problem::Problem;
use super::{Api, Shared};
use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use desk::conference::{Conference, ConferenceDraft};
use desk::{Permission, when};
use serde::{Deserialize, Serialize};
use terms::control::{Ask, ConferenceAction, LiveConference, LiveMember, RecordingNow};
use terms::{AgentId, CallId, ConferenceId, ContactId, MeetingId, Timestamp};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

/// What is going on in a conference room.
#[derive(Serialize, ToSchema)]
pub(super) struct MeetingLive {
    /// The room.
    #[schema(value_type = String)]
    conference: ConferenceId,
    /// The meeting, from who came first to who leaves last.
    #[schema(value_type = String)]
    meeting: MeetingId,
    /// The contact that its recording and the calls that it makes belong to.
    #[schema(value_type = String)]
    contact: ContactId,
    /// The room's name.
    name: String,
    /// Began then.
    #[serde(with = "when")]
    #[schema(value_type = String, format = DateTime)]
    started_at: Timestamp,
    /// Nobody but chairpersons gets in.
    locked: bool,
    /// Members hear each other; else they hear music.
    open: bool,
    /// `off`, `on` or `paused`.
    #[schema(value_type = String)]
    recording: RecordingNow,
    /// Who is there, in the order they came, and who is called.
    members: Vec<MemberLive>,
}

/// A member of a meeting.
#[derive(Serialize, ToSchema)]
pub(super) struct MemberLive {
    /// Their call, which names them.
    #[schema(value_type = String)]
    call: CallId,
    /// Their number, as shown.
    number: String,
    /// The agent.
    #[schema(value_type = Option<String>)]
    agent: Option<AgentId>,
    /// A chairperson.
    chair: bool,
    /// Nobody hears them.
    muted: bool,
    /// Came then; none while they are being called.
    #[serde(with = "when::option")]
    #[schema(value_type = Option<String>, format = DateTime)]
    since: Option<Timestamp>,
}

impl From<LiveConference> for MeetingLive {
    fn from(live: LiveConference) -> Self {
        MeetingLive {
            conference: live.conference,
            meeting: live.meeting,
            contact: live.contact,
            name: live.name,
            started_at: live.started_at,
            locked: live.locked,
            open: live.open,
            recording: live.recording,
            members: live.members.into_iter().map(MemberLive::from).collect(),
        }
    }
}

impl From<LiveMember> for MemberLive {
    fn from(live: LiveMember) -> Self {
        let LiveMember { call, number, agent, chair, muted, since } = live;
        MemberLive { call, number, agent, chair, muted, since }
    }
}

/// What is to happen in a conference. Members are named by their calls.
#[derive(Deserialize, ToSchema)]
#[serde(tag = "action", rename_all = "snake_case", deny_unknown_fields)]
enum Act {
    /// Nobody hears this member, until somebody else undoes it.
    Mute {
        /// Whom.
        #[schema(value_type = String)]
        member: CallId,
    },
    /// The member is heard again, unless they muted themselves.
    Unmute {
        /// Whom.
        #[schema(value_type = String)]
        member: CallId,
    },
    /// Nobody hears guests, those who come included.
    MuteAll,
    /// All are heard again who did not mute themselves.
    UnmuteAll,
    /// Take a member out, or stop calling them.
    Remove {
        /// Whom.
        #[schema(value_type = String)]
        member: CallId,
    },
    /// Nobody but chairpersons gets in from now on.
    Lock,
    /// Others may come again.
    Unlock,
    /// Call somebody and ask them to come in; a meeting begins where none is going on.
    DialOut {
        /// A short number or an outside number.
        target: String,
        /// They come as a chairperson.
        #[serde(default)]
        chair: bool,
    },
    /// The meeting is over for everybody.
    End,
}

pub(super) fn routes(guard: &Guard) -> OpenApiRouter<Shared> {
    OpenApiRouter::new()
        .routes(guard.may(Permission::ConferencesWrite, routes!(list, create)))
        .routes(guard.may(Permission::ConferencesWrite, routes!(put, remove)))
        .routes(guard.may(Permission::CallsRead, routes!(live)))
        .routes(guard.may(Permission::CallsControl, routes!(act)))
}

/// Conference rooms, with their PINs.
#[utoipa::path(get, path = "/api/v1/conferences", tag = "conferences", responses((status = 200, body = Vec<Conference>)))]
pub(super) async fn list(
    State(api): State<Shared>,
    caller: Caller,
) -> Result<Json<Vec<Conference>>, Problem> {
    Ok(Json(api.store.conferences(caller.tenant()).await?))
}

/// Make a conference room.
#[utoipa::path(post, path = "/api/v1/conferences", tag = "conferences", request_body = ConferenceDraft, responses((status = 201, body = Conference)))]
async fn create(
    State(api): State<Shared>,
    caller: Caller,
    Body(draft): Body<ConferenceDraft>,
) -> Result<(StatusCode, Json<Conference>), Problem> {
    let made = api.store.create_conference(caller.tenant(), &caller.by(), &draft).await?;
    Ok((StatusCode::CREATED, Json(made)))
}

/// Change a conference room, from its next meeting on.
#[utoipa::path(put, path = "/api/v1/conferences/{id}", tag = "conferences", params(("id" = String, Path, description = "The conference's id")), request_body = ConferenceDraft, responses((status = 200, body = Conference)))]
async fn put(
    State(api): State<Shared>,
    caller: Caller,
    Id(id): Id<ConferenceId>,
    Body(draft): Body<ConferenceDraft>,
) -> Result<Json<Conference>, Problem> {
    Ok(Json(api.store.put_conference(caller.tenant(), &caller.by(), id, &draft).await?))
}

/// Take a conference room away. Refused while a number leads there; a meeting in it goes on.
#[utoipa::path(delete, path = "/api/v1/conferences/{id}", tag = "conferences", params(("id" = String, Path, description = "The conference's id")), responses((status = 204)))]
async fn remove(
    State(api): State<Shared>,
    caller: Caller,
    Id(id): Id<ConferenceId>,
) -> Result<StatusCode, Problem> {
    api.store.remove_conference(caller.tenant(), &caller.by(), id).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// What is going on in conference rooms right now, and who is there.
#[utoipa::path(get, path = "/api/v1/conferences/live", tag = "conferences", responses((status = 200, body = Vec<MeetingLive>)))]
pub(super) async fn live(
    State(api): State<Shared>,
    caller: Caller,
) -> Result<Json<Vec<MeetingLive>>, Problem> {
    let state = api.live_state(&caller).await?;
    let seen = api.store.agents_seen(caller.identity()).await?;
    let meetings = state.conferences.into_iter();
    let meetings = meetings.filter(|meeting| is_shown(meeting, &caller, seen.as_deref()));
    Ok(Json(meetings.map(MeetingLive::from).collect()))
}

/// Mute, take out, lock, call somebody, end.
///
/// `{"action": "dial_out", "target": "1003", "chair": false}`; the others are `mute`, `unmute` and
/// `remove` with a `member`, and `mute_all`, `unmute_all`, `lock`, `unlock`, `end`.
#[utoipa::path(post, path = "/api/v1/conferences/{id}/live", tag = "conferences", params(("id" = String, Path, description = "The conference's id")), request_body = Act, responses((status = 204)))]
async fn act(
    State(api): State<Shared>,
    caller: Caller,
    Id(id): Id<ConferenceId>,
    Body(act): Body<Act>,
) -> Result<StatusCode, Problem> {
    use ConferenceAction as A;
    let (name, action) = match act {
        Act::Mute { member } => ("conference.mute", A::Mute { member }),
        Act::Unmute { member } => ("conference.unmute", A::Unmute { member }),
        Act::MuteAll => ("conference.mute_all", A::MuteAll),
        Act::UnmuteAll => ("conference.unmute_all", A::UnmuteAll),
        Act::Remove { member } => ("conference.remove_member", A::Remove { member }),
        Act::Lock => ("conference.lock", A::Lock),
        Act::Unlock => ("conference.unlock", A::Unlock),
        Act::DialOut { target, chair } if is_number(&target) => {
            ("conference.dial_out", A::DialOut { target, chair })
        }
        Act::DialOut { .. } => {
            let message = "a short number or an outside number is needed";
            return Err(Problem::invalid("target", message));
        }
        Act::End => ("conference.end", A::End),
    };
    api.confer(&caller, id, name, action).await
}

/// A supervisor of teams is shown the meetings that one of `seen` takes part in, or they themselves.
fn is_shown(meeting: &LiveConference, caller: &Caller, seen: Option<&[AgentId]>) -> bool {
    let Some(seen) = seen else { return true };
    let mut agents = meeting.members.iter().filter_map(|member| member.agent);
    agents.any(|agent| seen.contains(&agent) || caller.agent() == Some(agent))
}

impl Api {
    /// 404 for a room in which nothing goes on that `caller` is shown.
    async fn must_see_meeting(
        &self,
        caller: &Caller,
        conference: ConferenceId,
    ) -> Result<(), Problem> {
        let Some(seen) = self.store.agents_seen(caller.identity()).await? else { return Ok(()) };
        let live = self.live_state(caller).await?.conferences;
        let mut rooms = live.iter().filter(|meeting| meeting.conference == conference);
        match rooms.any(|meeting| is_shown(meeting, caller, Some(&seen))) {
            true => Ok(()),
            false => Err(Problem::not_found("There is no such conference.")),
        }
    }

    /// Writes down who wants what in a conference of their tenant, and asks the switch for it.
    async fn confer(
        &self,
        caller: &Caller,
        conference: ConferenceId,
        name: &'static str,
        action: ConferenceAction,
    ) -> Result<StatusCode, Problem> {
        self.must_see_meeting(caller, conference).await?;
        let tenant = caller.tenant();
        let by = caller.user();
        self.store.note(tenant, &caller.by(), name, &conference.to_string()).await?;
        done(self.calls.ask(Ask::Conference { tenant, conference, by, action }).await)
    }
}
