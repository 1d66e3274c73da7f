//! Work orders 工单. Progress is stored, 预警 and 超时 are computed for the moment of asking.

use super::Shared;
use super::extract::{Body, Id, Params};
use super::guard::{Caller, Guard};
use super::problem::Problem;
use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use desk::order::field::FIELDS_MAX;
use desk::order::query::{OrderFilter, OrderSort};
use desk::order::rule::Rule;
use desk::order::write::NewOrder;
use desk::order::{Action, Order, Status, Step};
use desk::{Permission, when};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use terms::{CallId, CustomerId, OrderId, TeamId, Timestamp, UserId};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

/// An order as it is seen now.
#[derive(Serialize, ToSchema)]
struct OrderView {
    /// The order.
    #[serde(flatten)]
    order: Order,
    /// What people see: progress, with 预警 and 超时 in front while it is not closed.
    status: Status,
    /// Its deadline passed before it was closed.
    overdue: bool,
    /// Its deadline is near.
    warned: bool,
    /// What it has in fields of the organisation's own; in a list left out.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    #[schema(required = false)]
    fields: BTreeMap<String, String>,
}

impl OrderView {
    fn new(order: Order, now: Timestamp) -> Self {
        OrderView {
            status: order.status(now),
            overdue: order.is_overdue(now),
            warned: order.is_warned(now),
            fields: BTreeMap::new(),
            order,
        }
    }
}

/// A page of orders.
#[derive(Serialize, ToSchema)]
struct OrderPage {
    /// The orders.
    orders: Vec<OrderView>,
    /// Give it back as `cursor` for the next page; none at the end.
    next: Option<String>,
}

/// What to find. Fields combine.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(super) struct Search {
    /// Created at or after.
    #[serde(default, with = "when::option")]
    #[param(value_type = Option<String>, format = DateTime)]
    from: Option<Timestamp>,
    /// Created before.
    #[serde(default, with = "when::option")]
    #[param(value_type = Option<String>, format = DateTime)]
    to: Option<Timestamp>,
    /// The number people quote.
    #[serde(default)]
    number: Option<String>,
    /// Type.
    #[serde(default)]
    kind: Option<String>,
    /// Department.
    #[serde(default)]
    department: Option<String>,
    /// Area.
    #[serde(default)]
    area: Option<String>,
    /// Who does it.
    #[serde(default)]
    #[param(value_type = Option<String>)]
    assignee: Option<UserId>,
    /// Done by somebody who belongs to this team now.
    #[serde(default)]
    #[param(value_type = Option<String>)]
    team: Option<TeamId>,
    /// Fields of the organisation's own with a part of what they hold, such as
    /// `supply area:east;valve:DN50`.
    #[serde(default)]
    fields: Option<String>,
    /// Who dispatched it: who made it, or assigned it to somebody later.
    #[serde(default)]
    #[param(value_type = Option<String>)]
    dispatcher: Option<UserId>,
    /// What people see now: `open`, `in_progress`, `done`, `suspended`, `returned`, `warned`,
    /// `overdue`.
    #[serde(default)]
    #[param(inline)]
    status: Option<Status>,
    /// The customer.
    #[serde(default)]
    #[param(value_type = Option<String>)]
    customer: Option<CustomerId>,
    /// The customer's number, or a part of it.
    #[serde(default)]
    customer_number: Option<String>,
    /// The call it came from.
    #[serde(default)]
    #[param(value_type = Option<String>)]
    call: Option<CallId>,
    /// A part of title, content or address.
    #[serde(default)]
    q: Option<String>,
    /// Order of the list.
    #[serde(default)]
    #[param(inline)]
    sort: Option<OrderSort>,
    /// Where the last page ended.
    #[serde(default)]
    cursor: Option<String>,
    /// Orders on the page, 1–500, 100 when left out.
    #[serde(default)]
    limit: Option<u32>,
}

/// What is done to an order.
#[derive(Deserialize, ToSchema)]
struct OrderStep {
    /// What.
    #[serde(flatten)]
    action: Action,
    /// The version that was seen; left out, whatever it is now.
    #[serde(default)]
    version: Option<i64>,
    /// A remark.
    #[serde(default)]
    note: String,
}

pub(super) fn routes(guard: &Guard) -> OpenApiRouter<Shared> {
    OpenApiRouter::new()
        .routes(guard.may(Permission::OrdersRead, routes!(list)))
        .routes(guard.may(Permission::OrdersWrite, routes!(create)))
        .routes(guard.may(Permission::OrdersRead, routes!(get)))
        .routes(guard.may(Permission::OrdersRead, routes!(steps)))
        .routes(guard.may(Permission::OrdersWrite, routes!(step)))
        .routes(guard.may(Permission::OrdersRead, routes!(rules)))
        .routes(guard.may(Permission::OrdersAssign, routes!(put_rule)))
        .routes(guard.may(Permission::OrdersRead, routes!(fields)))
        .routes(guard.may(Permission::OrdersAssign, routes!(put_fields)))
}

/// Find orders.
#[utoipa::path(get, path = "/api/v1/orders", tag = "orders", params(Search), responses((status = 200, body = OrderPage)))]
async fn list(
    State(api): State<Shared>,
    caller: Caller,
    Params(search): Params<Search>,
) -> Result<Json<OrderPage>, Problem> {
    let filter = filter(search);
    let now = caller.now();
    let page = api.store.orders(caller.tenant(), &filter, now).await?;
    let orders = page.orders.into_iter().map(|order| OrderView::new(order, now)).collect();
    Ok(Json(OrderPage { orders, next: page.next }))
}

/// What the store is asked.
pub(super) fn filter(search: Search) -> OrderFilter {
    OrderFilter {
        from: search.from,
        to: search.to,
        number: search.number,
        kind: search.kind,
        department: search.department,
        area: search.area,
        assignee: search.assignee,
        dispatcher: search.dispatcher,
        team: search.team,
        fields: search.fields.as_deref().map(pairs).unwrap_or_default(),
        status: search.status,
        customer: search.customer,
        customer_number: search.customer_number,
        call: search.call,
        text: search.q,
        sort: search.sort,
        cursor: search.cursor,
        limit: super::rows::page_limit(search.limit),
    }
}

/// `name:part;name:part`; a name alone asks whether it is there.
fn pairs(text: &str) -> Vec<(String, String)> {
    let pair = |pair: &str| {
        let (name, part) = pair.split_once(':').unwrap_or((pair, ""));
        (name.trim().to_owned(), part.trim().to_owned())
    };
    text.split(';').filter(|pair| !pair.trim().is_empty()).take(FIELDS_MAX).map(pair).collect()
}

/// Make an order, from a call or from elsewhere.
///
/// Department, person and deadline come from the rule of its type where they are left out.
#[utoipa::path(post, path = "/api/v1/orders", tag = "orders", request_body = NewOrder, responses((status = 201, body = OrderView)))]
async fn create(
    State(api): State<Shared>,
    caller: Caller,
    Body(new): Body<NewOrder>,
) -> Result<(StatusCode, Json<OrderView>), Problem> {
    let made = api.store.create_order(caller.tenant(), &caller.by(), &new).await?;
    let fields = api.store.fields_of_order(caller.tenant(), made.id).await?;
    let view = OrderView { fields, ..OrderView::new(made, caller.now()) };
    Ok((StatusCode::CREATED, Json(view)))
}

/// One order.
#[utoipa::path(get, path = "/api/v1/orders/{id}", tag = "orders", params(("id" = String, Path, description = "The order's id")), responses((status = 200, body = OrderView)))]
async fn get(
    State(api): State<Shared>,
    caller: Caller,
    Id(order): Id<OrderId>,
) -> Result<Json<OrderView>, Problem> {
    let order = api.store.order(caller.tenant(), order).await?;
    let fields = api.store.fields_of_order(caller.tenant(), order.id).await?;
    Ok(Json(OrderView { fields, ..OrderView::new(order, caller.now()) }))
}

/// The life of an order. Steps never change.
#[utoipa::path(get, path = "/api/v1/orders/{id}/steps", tag = "orders", params(("id" = String, Path, description = "The order's id")), responses((status = 200, body = Vec<Step>)))]
pub(super) async fn steps(
    State(api): State<Shared>,
    caller: Caller,
    Id(order): Id<OrderId>,
) -> Result<Json<Vec<Step>>, Problem> {
    Ok(Json(api.store.order_steps(caller.tenant(), order).await?))
}

/// Move an order on. Assigning, reopening, extending and urging need `orders.assign`.
#[utoipa::path(post, path = "/api/v1/orders/{id}/steps", tag = "orders", params(("id" = String, Path, description = "The order's id")), request_body = OrderStep, responses((status = 200, body = OrderView)))]
async fn step(
    State(api): State<Shared>,
    caller: Caller,
    Id(order): Id<OrderId>,
    Body(OrderStep { action, version, note }): Body<OrderStep>,
) -> Result<Json<OrderView>, Problem> {
    if action.needs_dispatcher() {
        caller.must(Permission::OrdersAssign)?;
    }
    let (tenant, by) = (caller.tenant(), caller.by());
    let order = api.store.step_order(tenant, &by, order, version, &action, &note).await?;
    Ok(Json(OrderView::new(order, caller.now())))
}

/// Which department and deadline an order type gets.
#[utoipa::path(get, path = "/api/v1/order-rules", tag = "orders", responses((status = 200, body = Vec<Rule>)))]
pub(super) async fn rules(
    State(api): State<Shared>,
    caller: Caller,
) -> Result<Json<Vec<Rule>>, Problem> {
    Ok(Json(api.store.order_rules(caller.tenant()).await?))
}

/// Make or replace the rule of an order type.
#[utoipa::path(put, path = "/api/v1/order-rules", tag = "orders", request_body = Rule, responses((status = 200, body = Rule)))]
async fn put_rule(
    State(api): State<Shared>,
    caller: Caller,
    Body(rule): Body<Rule>,
) -> Result<Json<Rule>, Problem> {
    Ok(Json(api.store.put_order_rule(caller.tenant(), &caller.by(), &rule).await?))
}

/// The names of the organisation's own fields of orders.
#[utoipa::path(get, path = "/api/v1/order-fields", tag = "orders", responses((status = 200, body = Vec<String>)))]
pub(super) async fn fields(
    State(api): State<Shared>,
    caller: Caller,
) -> Result<Json<Vec<String>>, Problem> {
    Ok(Json(api.store.order_fields(caller.tenant()).await?))
}

/// Say which fields of their own the organisation's orders have, at most 20. What orders have in others
/// stays with them.
#[utoipa::path(put, path = "/api/v1/order-fields", tag = "orders", request_body = Vec<String>, responses((status = 200, body = Vec<String>)))]
async fn put_fields(
    State(api): State<Shared>,
    caller: Caller,
    Body(names): Body<Vec<String>>,
) -> Result<Json<Vec<String>>, Problem> {
    Ok(Json(api.store.put_order_fields(caller.tenant(), &caller.by(), &names).await?))
}
