//! Addresses that SIP does not listen to: which, why and until when, and listening to one again. They
//! are the box's and no tenant's. For administrators; whoever lifts one is a row of the audit table
//! before the switch hears of it.

use super::extract::Id;
use super::guard::{Caller, Guard};
use super::problem::Problem;
use super::{Api, Shared};
use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use desk::{Permission, when};
use serde::Serialize;
use std::net::IpAddr;
use terms::Timestamp;
use terms::control::{Answer, Ask, Ban, BanReason};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

/// An address that SIP does not listen to.
#[derive(Serialize, ToSchema)]
pub(super) struct SipBan {
    /// An IPv4 address, or the first of a /64 of IPv6, which is banned as a whole.
    #[schema(value_type = String)]
    address: IpAddr,
    /// What for: `passwords`, `names`, `malformed` or `scanner`.
    #[schema(value_type = String)]
    why: BanReason,
    /// The last that was guessed, asked for or said: a stranger's text.
    named: String,
    /// Since then.
    #[serde(with = "when")]
    #[schema(value_type = String, format = DateTime)]
    since: Timestamp,
    /// Until then.
    #[serde(with = "when")]
    #[schema(value_type = String, format = DateTime)]
    until: Timestamp,
    /// Datagrams alone are dropped: anybody may have sent them in the name of this address.
    claimed: bool,
    /// Bans of it in a row, this one counted.
    times: u32,
}

impl From<Ban> for SipBan {
    fn from(ban: Ban) -> Self {
        let Ban { address, why, named, since, until, claimed, times } = ban;
        SipBan { address, why, named, since, until, claimed, times }
    }
}

pub(super) fn routes(guard: &Guard) -> OpenApiRouter<Shared> {
    OpenApiRouter::new()
        .routes(guard.may(Permission::BansWrite, routes!(list)))
        .routes(guard.may(Permission::BansWrite, routes!(lift)))
}

/// Addresses that SIP does not listen to, the latest first.
#[utoipa::path(get, path = "/api/v1/bans", tag = "health", responses((status = 200, body = Vec<SipBan>)))]
pub(super) async fn list(
    State(api): State<Shared>,
    _: Caller,
) -> Result<Json<Vec<SipBan>>, Problem> {
    Ok(Json(api.bans().await?.into_iter().map(SipBan::from).collect()))
}

/// Listen to an address again, and forget what it did.
#[utoipa::path(delete, path = "/api/v1/bans/{address}", tag = "health", params(("address" = String, Path, description = "The address, or one of its /64")), responses((status = 204)))]
async fn lift(
    State(api): State<Shared>,
    caller: Caller,
    Id(address): Id<IpAddr>,
) -> Result<StatusCode, Problem> {
    if !api.bans().await?.iter().any(|ban| is_of(ban.address, address)) {
        return Err(Problem::not_found("This address is not banned."));
    }
    let subject = address.to_string();
    api.store.note(caller.tenant(), &caller.by(), "ban.lift", &subject).await?;
    match api.calls.ask(Ask::LiftBan(address)).await {
        // One that ended meanwhile is as good.
        Answer::Bans(_) => Ok(StatusCode::NO_CONTENT),
        other => Err(not_told(other)),
    }
}

impl Api {
    async fn bans(&self) -> Result<Vec<Ban>, Problem> {
        match self.calls.ask(Ask::Bans).await {
            Answer::Bans(bans) => Ok(bans),
            other => Err(not_told(other)),
        }
    }
}

fn not_told(answer: Answer) -> Problem {
    match answer {
        Answer::Refused(why) => Problem::unavailable("The switch does not answer right now.", why),
        other => Problem::internal(format!("the switch answered {other:?}")),
    }
}

/// The address is the banned one, or of its /64.
fn is_of(banned: IpAddr, address: IpAddr) -> bool {
    match (banned, address.to_canonical()) {
        (IpAddr::V6(banned), IpAddr::V6(address)) => {
            u128::from(banned) >> 64 == u128::from(address) >> 64
        }
        (banned, address) => banned == address,
    }
}
