//! What a search of orders found, as a file: the same orders in the same order as the list, in every
//! form that reports have. Each file is a row of the audit table.

use super::Shared;
use super::extract::Params;
use super::forms::{AnyForm, Found, form, refuse_longer};
use super::guard::{Caller, Guard};
use super::orders::{Search, filter};
use super::problem::Problem;
use axum::extract::{Path, State};
use axum::response::Response;
use desk::Permission;
use desk::order::Order;
use desk::order::query::{OrderFilter, PAGE_MAX};
use reports::found::{FoundList, FoundOrder};
use std::collections::BTreeMap;
use terms::{Timestamp, UserId};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

pub(super) fn routes(guard: &Guard) -> OpenApiRouter<Shared> {
    OpenApiRouter::new().routes(guard.may(Permission::ReportsRead, routes!(get)))
}

/// Fetch every order that is found as a file, to be printed or opened in Excel. `limit` and `cursor`
/// are not looked at.
#[utoipa::path(
    get, path = "/api/v1/order-lists/{format}", tag = "orders",
    params(("format" = String, Path, description = "`pdf`, `xlsx`, `html`, `txt`, `png`, `csv` or `json`"), Search),
    responses(AnyForm)
)]
async fn get(
    State(api): State<Shared>,
    caller: Caller,
    Path(format): Path<String>,
    Params(search): Params<Search>,
) -> Result<Response, Problem> {
    caller.must(Permission::OrdersRead)?;
    let format = form(&format)?;
    let (tenant, now) = (caller.tenant(), caller.now());
    let mut filter = OrderFilter { limit: PAGE_MAX, cursor: None, ..filter(search) };
    let users = api.store.users(tenant).await?;
    let names: BTreeMap<UserId, String> =
        users.into_iter().map(|user| (user.id, user.name)).collect();
    let mut orders: Vec<FoundOrder> = Vec::new();
    loop {
        let page = api.store.orders(tenant, &filter, now).await?;
        orders.extend(page.orders.into_iter().map(|order| shown(order, now, &names)));
        refuse_longer(orders.len())?;
        match page.next {
            Some(next) => filter.cursor = Some(next),
            None => break,
        }
    }
    let found = Found {
        list: FoundList::Orders(orders),
        what: "orders",
        action: "orders.export",
        from: filter.from,
        to: filter.to,
        incomplete: false,
    };
    api.listed(&caller, format, found).await
}

fn shown(order: Order, now: Timestamp, names: &BTreeMap<UserId, String>) -> FoundOrder {
    let name = |user: Option<UserId>| user.and_then(|user| names.get(&user)).cloned();
    FoundOrder {
        state: order.status(now).as_str().to_owned(),
        creator: name(order.created_by).unwrap_or_default(),
        assignee: name(order.assignee).unwrap_or_default(),
        number: order.number,
        created_at: order.created_at,
        kind: order.kind,
        department: order.department,
        area: order.area,
        title: order.title,
        address: order.address,
        customer_number: order.customer_number,
        deadline_at: order.deadline_at,
        closed_at: order.closed_at,
    }
}
