//! What a search of orders found, as a file: the same orders in the same order as the list, in every
//! form that reports have. Each file is a row of the audit table.

use super::Shared;
use super::extract::Params;
use super::guard::{Caller, Guard};
use super::orders::{Search, filter};
use super::problem::Problem;
use super::reports::file;
use crate::work::found::FoundJob;
use crate::work::jobs::Job;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::Response;
use desk::Permission;
use desk::order::Order;
use desk::order::query::{OrderFilter, PAGE_MAX};
use reports::found::{FoundList, FoundOrder};
use std::collections::BTreeMap;
use terms::{Timestamp, UserId};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

/// Most orders of a file.
const ORDERS_MAX: usize = 20_000;

pub(super) fn routes(guard: &Guard) -> OpenApiRouter<Shared> {
    OpenApiRouter::new().routes(guard.may(Permission::ReportsRead, routes!(get)))
}

/// Fetch every order that is found as a file, to be printed or opened in Excel. `limit` and `cursor`
/// are not looked at.
#[utoipa::path(
    get, path = "/api/v1/order-lists/{format}", tag = "orders",
    params(("format" = String, Path, description = "`pdf`, `xlsx`, `html`, `txt`, `png`, `csv` or `json`"), Search),
    responses((status = 200, description = "The list", content(
        (Vec<u8> = "application/pdf"),
        (Vec<u8> = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"),
        (String = "text/html"),
        (String = "text/plain"),
        (Vec<u8> = "image/png"),
        (String = "text/csv"),
        (Object = "application/json"),
    )))
)]
async fn get(
    State(api): State<Shared>,
    caller: Caller,
    Path(format): Path<String>,
    Params(search): Params<Search>,
) -> Result<Response, Problem> {
    caller.must(Permission::OrdersRead)?;
    if format.parse::<reports::Format>().is_err() {
        return Err(Problem::not_found("There is nothing at this address."));
    }
    let (tenant, now) = (caller.tenant(), caller.now());
    let mut filter = OrderFilter { limit: PAGE_MAX, cursor: None, ..filter(search) };
    let users = api.store.users(tenant).await?;
    let names: BTreeMap<UserId, String> =
        users.into_iter().map(|user| (user.id, user.name)).collect();
    let mut orders: Vec<FoundOrder> = Vec::new();
    loop {
        let page = api.store.orders(tenant, &filter, now).await?;
        orders.extend(page.orders.into_iter().map(|order| shown(order, now, &names)));
        if orders.len() > ORDERS_MAX {
            let message = "The answer is too large; ask for fewer rows or a shorter period.";
            return Err(Problem::new(StatusCode::PAYLOAD_TOO_LARGE, "too_large", message));
        }
        match page.next {
            Some(next) => filter.cursor = Some(next),
            None => break,
        }
    }
    let profile = api.store.tenant(tenant).await?.profile;
    let oldest = orders.iter().map(|order| order.created_at).min();
    let (found, until) = (orders.len(), filter.to.unwrap_or(now));
    let job = FoundJob {
        list: FoundList::Orders(orders),
        from: filter.from.or(oldest).map_or(until, |from| from.min(until)),
        until,
        time_zone: profile.time_zone,
        tenant_name: profile.name,
        now,
        format: format.clone(),
        language: profile.language,
    };
    let done = api.work.run(Job::Found(Box::new(job))).await?;
    let subject = format!("{found} orders, {format}");
    api.store.note(tenant, &caller.by(), "orders.export", &subject).await?;
    let name = format!("orders-{}.{}", now.day_text(), format.to_lowercase());
    Ok(file(done.content_type, Some(&name), done.truncated, done.body))
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
