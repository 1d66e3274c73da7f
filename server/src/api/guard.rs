//! Who asks, and whether they may. A bearer token becomes a [`Caller`] here and nowhere else. What is
//! answered to somebody from whom numbers are hidden passes through `hidden` on its way out.

use super::problem::Problem;
use super::{Api, Shared, hidden, idempotency};
use axum::extract::{ConnectInfo, FromRequestParts, Request, State};
use axum::http::request::Parts;
use axum::http::{HeaderMap, Method, header};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use desk::user::Identity;
use desk::{By, Permission};
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use terms::{AgentId, TenantId, Timestamp, UserId};
use utoipa::openapi::security::SecurityRequirement;
use utoipa::openapi::{ContentBuilder, Ref, RefOr, ResponseBuilder};
use utoipa_axum::router::{UtoipaMethodRouter, UtoipaMethodRouterExt};

/// Browsers cannot send headers with a WebSocket: the token comes as a subprotocol
/// `bearer.<token>` beside this one.
pub const SUBPROTOCOL: &str = "switchgrid.v1";

/// Somebody who proved who they are and may do what the route is for.
#[derive(Clone, Debug)]
pub struct Caller {
    identity: Identity,
    token: i64,
    expires_at: Timestamp,
    source: IpAddr,
    at: Timestamp,
}

impl Caller {
    /// Whose people they belong to: every query is scoped by it.
    pub fn tenant(&self) -> TenantId {
        self.identity.tenant
    }
    /// Who.
    pub fn user(&self) -> UserId {
        self.identity.user
    }
    /// Set when they answer calls.
    pub fn agent(&self) -> Option<AgentId> {
        self.identity.agent
    }
    /// All that is known.
    pub fn identity(&self) -> &Identity {
        &self.identity
    }
    /// The token they sent.
    pub fn token(&self) -> i64 {
        self.token
    }
    /// Their token is good until.
    pub fn expires_at(&self) -> Timestamp {
        self.expires_at
    }
    /// When they asked.
    pub fn now(&self) -> Timestamp {
        self.at
    }
    /// Telephone numbers are shown to them with their middle hidden.
    pub fn hides_numbers(&self) -> bool {
        self.identity.mask_numbers
    }
    /// 403 where numbers are hidden from them: for files that show them, before one is made.
    pub fn must_see_numbers(&self) -> Result<(), Problem> {
        if self.hides_numbers() { Err(hidden::refusal()) } else { Ok(()) }
    }
    /// True when their role allows it.
    pub fn may(&self, permission: Permission) -> bool {
        self.identity.role.allows(permission)
    }
    /// 403 unless their role allows it.
    pub fn must(&self, permission: Permission) -> Result<(), Problem> {
        if self.may(permission) { Ok(()) } else { Err(Problem::forbidden()) }
    }
    /// For the store and its audit table.
    pub fn by(&self) -> By {
        By { user: Some(self.user()), source: self.source.to_string(), at: self.at }
    }
}

impl<S: Sync> FromRequestParts<S> for Caller {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        // Missing when the route was not put behind a permission: then nobody may.
        parts.extensions.get().cloned().ok_or_else(|| Problem::unauthorized("Sign in first."))
    }
}

/// Where a request came from. Forwarding headers are not believed: anybody can write them.
pub fn source(extensions: &axum::http::Extensions) -> IpAddr {
    extensions
        .get::<ConnectInfo<SocketAddr>>()
        .map_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED), |info| info.0.ip().to_canonical())
}

/// The token of a request.
pub fn token(headers: &HeaderMap) -> Option<&str> {
    if let Some(value) = headers.get(header::AUTHORIZATION) {
        let (scheme, token) = value.to_str().ok()?.split_once(' ')?;
        return scheme.eq_ignore_ascii_case("bearer").then(|| token.trim());
    }
    let protocols = headers.get(header::SEC_WEBSOCKET_PROTOCOL)?.to_str().ok()?;
    protocols.split(',').find_map(|protocol| protocol.trim().strip_prefix("bearer."))
}

impl Api {
    /// Who sends this request.
    pub async fn authenticate(
        &self,
        headers: &HeaderMap,
        source: IpAddr,
    ) -> Result<Caller, Problem> {
        let token = token(headers)
            .ok_or_else(|| Problem::unauthorized("Send a token: Authorization: Bearer <token>."))?;
        let at = self.clock.wall();
        let known = self.store.authenticate(token, at).await?;
        let (identity, token, expires_at) = known.ok_or_else(|| {
            Problem::unauthorized("The token is unknown, expired or taken back; sign in again.")
        })?;
        Ok(Caller { identity, token, expires_at, source, at })
    }
}

/// Puts routes behind permissions.
pub struct Guard(Option<Shared>);

impl Guard {
    /// With the running API behind it.
    pub fn live(api: Shared) -> Self {
        Guard(Some(api))
    }

    /// For the document only: the routes are never asked.
    pub fn documentation() -> Self {
        Guard(None)
    }

    /// Puts `routes` behind `permission`, in fact and in the document.
    pub fn may(
        &self,
        permission: Permission,
        mut routes: UtoipaMethodRouter<Shared>,
    ) -> UtoipaMethodRouter<Shared> {
        describe(&mut routes, permission);
        match &self.0 {
            Some(api) => {
                let check = from_fn_with_state((api.clone(), permission), check);
                routes.map(|methods| methods.route_layer(check))
            }
            None => routes,
        }
    }
}

async fn check(
    State((api, permission)): State<(Shared, Permission)>,
    request: Request,
    next: Next,
) -> Response {
    let from = source(request.extensions());
    let caller = match api.authenticate(request.headers(), from).await {
        Ok(caller) => caller,
        Err(problem) => return problem.into_response(),
    };
    if let Err(problem) = caller.must(permission) {
        return problem.into_response();
    }
    if !caller.hides_numbers() {
        return run(api, caller, request, next).await;
    }
    if let Err(problem) = hidden::refuse_search(request.uri()) {
        return problem.into_response();
    }
    let request = match hidden::refuse_masked(api.limits.body_max, request).await {
        Ok(request) => request,
        Err(problem) => return problem.into_response(),
    };
    let path = request.uri().path().to_owned();
    hidden::told(&path, run(api, caller, request, next).await).await
}

async fn run(api: Shared, caller: Caller, mut request: Request, next: Next) -> Response {
    let (tenant, method) = (caller.tenant(), request.method().clone());
    request.extensions_mut().insert(caller.clone());
    if method == Method::POST && request.headers().contains_key(idempotency::KEY) {
        return idempotency::once(api, &caller, request, next).await;
    }
    super::plans::after_change(&api, tenant, &method, next.run(request)).await
}

fn describe(routes: &mut UtoipaMethodRouter<Shared>, permission: Permission) {
    for item in routes.1.paths.values_mut() {
        if let Some(post) = &mut item.post {
            let parameters = post.parameters.get_or_insert_with(Vec::new);
            parameters.push(RefOr::T(idempotency::parameter()));
        }
        let operations = [
            &mut item.get,
            &mut item.put,
            &mut item.post,
            &mut item.delete,
            &mut item.head,
            &mut item.patch,
        ];
        for operation in operations.into_iter().flatten() {
            let text = operation.description.take().unwrap_or_default();
            let needs = format!("Needs the permission `{}`.", permission.as_str());
            operation.description = Some(format!("{text}\n\n{needs}").trim().to_owned());
            operation.security =
                Some(vec![SecurityRequirement::new("bearer", Vec::<String>::new())]);
            let problem = ContentBuilder::new()
                .schema(Some(RefOr::Ref(Ref::from_schema_name("Problem"))))
                .build();
            let response = ResponseBuilder::new()
                .description("Not done; 401 without a good token, 403 without the permission.")
                .content("application/problem+json", problem)
                .build();
            operation.responses.responses.insert("default".to_owned(), RefOr::T(response));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_comes_in_a_header_or_as_a_subprotocol() {
        let headers = |name: header::HeaderName, value: &'static str| {
            HeaderMap::from_iter([(name, value.parse().unwrap())])
        };
        assert_eq!(token(&headers(header::AUTHORIZATION, "Bearer abc")), Some("abc"));
        assert_eq!(token(&headers(header::AUTHORIZATION, "bearer  abc ")), Some("abc"));
        assert_eq!(token(&headers(header::AUTHORIZATION, "Basic abc")), None);
        let protocol = headers(header::SEC_WEBSOCKET_PROTOCOL, "switchgrid.v1, bearer.abc");
        assert_eq!(token(&protocol), Some("abc"));
        assert_eq!(token(&HeaderMap::new()), None);
    }
}
