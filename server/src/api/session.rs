//! Signing in and out, and who one is.

use super::extract::Body;
use super::guard::{Caller, Guard, source};
use super::problem::Problem;
use super::{Api, Shared};
use axum::Json;
use axum::extract::State;
use axum::http::{Extensions, StatusCode};
use desk::user::Identity;
use desk::{By, Permission, Role, when};
use serde::{Deserialize, Serialize};
use std::net::IpAddr;
use terms::{AgentId, TenantId, Timestamp, UserId};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

/// A login and password.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct Credentials {
    /// The organisation's name; left out, the first one of the box.
    #[serde(default)]
    tenant: Option<String>,
    /// What they type to sign in; `user` is read too.
    #[serde(alias = "user")]
    login: String,
    /// Their password.
    password: String,
}

/// A session.
#[derive(Serialize, ToSchema)]
struct Session {
    /// Send it as `Authorization: Bearer <token>`. Shown once.
    token: String,
    /// Good until.
    #[serde(with = "when")]
    #[schema(value_type = String, format = DateTime)]
    expires_at: Timestamp,
    /// Whose it is.
    #[serde(flatten)]
    who: Person,
}

/// Who one is.
#[derive(Serialize, ToSchema)]
struct Person {
    /// Id.
    #[schema(value_type = String)]
    user: UserId,
    /// The organisation.
    #[schema(value_type = String)]
    tenant: TenantId,
    /// What they typed to sign in.
    login: String,
    /// Name.
    name: String,
    /// What they may do.
    role: Role,
    /// Set when they answer calls.
    #[schema(value_type = Option<String>)]
    agent: Option<AgentId>,
    /// What their role allows.
    permissions: Vec<Permission>,
}

/// A new password.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct NewPassword {
    /// The one until now.
    old: String,
    /// The one from now on.
    new: String,
}

pub(super) fn routes(guard: &Guard) -> OpenApiRouter<Shared> {
    OpenApiRouter::new()
        .routes(routes!(sign_in))
        .routes(guard.may(Permission::SelfService, routes!(who)))
        .routes(guard.may(Permission::SelfService, routes!(sign_out)))
        .routes(guard.may(Permission::SelfService, routes!(set_password)))
}

fn person(identity: &Identity) -> Person {
    Person {
        user: identity.user,
        tenant: identity.tenant,
        login: identity.login.clone(),
        name: identity.name.clone(),
        role: identity.role,
        agent: identity.agent,
        permissions: Permission::ALL
            .iter()
            .copied()
            .filter(|permission| identity.role.allows(*permission))
            .collect(),
    }
}

/// Sign in.
///
/// Ten failures lock an address out for fifteen minutes, whatever login they were for.
#[utoipa::path(
    post, path = "/api/v1/session", tag = "session", request_body = Credentials,
    responses(
        (status = 201, body = Session),
        (status = 401, description = "Unknown login or wrong password", body = Problem, content_type = "application/problem+json"),
        (status = 429, description = "Too many failures from this address", body = Problem, content_type = "application/problem+json"),
    )
)]
async fn sign_in(
    State(api): State<Shared>,
    extensions: Extensions,
    Body(credentials): Body<Credentials>,
) -> Result<(StatusCode, Json<Session>), Problem> {
    let source = source(&extensions);
    let Credentials { tenant, login, password } = credentials;
    let identity = api.signed_in_as(source, tenant.as_deref(), (&login, &password)).await?;
    let Some(identity) = identity else {
        api.on_failure(source, &login);
        return Err(Problem::unauthorized("The login or the password is wrong."));
    };
    api.lockout.lock().expect("no panic while held").on_success(source, &login);
    let by = By { user: Some(identity.user), source: source.to_string(), at: api.clock.wall() };
    let (token, secret) = api.store.open_session(&identity, &by).await?;
    let session = Session {
        token: secret.expose().to_owned(),
        expires_at: token.expires_at,
        who: person(&identity),
    };
    Ok((StatusCode::CREATED, Json(session)))
}

impl Api {
    /// Whose login and password these are.
    async fn signed_in_as(
        &self,
        source: IpAddr,
        tenant: Option<&str>,
        (login, password): (&str, &str),
    ) -> Result<Option<Identity>, Problem> {
        self.refuse_locked_out(source)?;
        let identity = self.store.sign_in(tenant, login, password).await?;
        // Guesses that come together tell no more than those that come one after the other.
        self.refuse_locked_out(source)?;
        Ok(identity)
    }

    fn refuse_locked_out(&self, source: IpAddr) -> Result<(), Problem> {
        let lockout = self.lockout.lock().expect("no panic while held");
        match lockout.wait(self.clock.moment(), source) {
            None => Ok(()),
            Some(wait) => {
                let message = "Too many failures from this address; try again later.";
                Err(Problem::too_many(message, wait))
            }
        }
    }

    fn on_failure(&self, source: IpAddr, login: &str) {
        let login: String = login.chars().take(64).collect();
        let mut lockout = self.lockout.lock().expect("no panic while held");
        let locked = lockout.on_failure(self.clock.moment(), source, &login);
        tracing::warn!(%source, ?login, locked, "a sign-in failed");
    }
}

/// Who am I?
#[utoipa::path(get, path = "/api/v1/session", tag = "session", responses((status = 200, body = Person)))]
async fn who(caller: Caller) -> Json<Person> {
    Json(person(caller.identity()))
}

/// Sign out: the token is taken back.
#[utoipa::path(delete, path = "/api/v1/session", tag = "session", responses((status = 204)))]
async fn sign_out(State(api): State<Shared>, caller: Caller) -> Result<StatusCode, Problem> {
    api.store
        .revoke_token(caller.tenant(), &caller.by(), caller.token(), Some(caller.user()))
        .await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Change one's own password.
///
/// All sessions and tokens end, this one included.
#[utoipa::path(put, path = "/api/v1/session/password", tag = "session", request_body = NewPassword, responses((status = 204)))]
async fn set_password(
    State(api): State<Shared>,
    extensions: Extensions,
    caller: Caller,
    Body(passwords): Body<NewPassword>,
) -> Result<StatusCode, Problem> {
    // A stolen session must not be a way to guess the password either.
    let source = source(&extensions);
    let tenant = api.store.tenant(caller.tenant()).await?.profile.name;
    let identity = caller.identity();
    let known = api.signed_in_as(source, Some(&tenant), (&identity.login, &passwords.old)).await?;
    if known.is_none_or(|known| known.user != caller.user()) {
        api.on_failure(source, &identity.login);
        return Err(Problem::invalid("old", "The old password is wrong."));
    }
    let (tenant, user) = (caller.tenant(), caller.user());
    let set = api.store.set_password(tenant, &caller.by(), user, &passwords.new).await;
    // What is wrong with a password is wrong with this field here.
    set.map_err(|error| match error {
        desk::Error::Invalid { problem, .. } => desk::Error::Invalid { field: "new", problem },
        error => error,
    })?;
    Ok(StatusCode::NO_CONTENT)
}
