//! An answer that is a file in one of the forms of reports, and what follows a search into one: it is
//! printed by the worker, says who fetched it, and is a row of the audit table.

use super::guard::Caller;
use super::problem::Problem;
use super::{Api, hidden};
use crate::work::found::FoundJob;
use crate::work::jobs::Job;
use axum::body::Body;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use reports::Format;
use reports::found::FoundList;
use std::collections::BTreeMap;
use terms::Timestamp;
use terms::number::masked_within;
use utoipa::IntoResponses;
use utoipa::openapi::response::Response as Described;
use utoipa::openapi::schema::{ObjectBuilder, SchemaFormat, SchemaType, Type};
use utoipa::openapi::{ContentBuilder, KnownFormat, RefOr, ResponseBuilder, Schema};

/// Most rows of a list that is fetched as a file.
pub(super) const ROWS_MAX: usize = 20_000;

/// Stands for a file in any form in the document.
pub(super) struct AnyForm;

impl IntoResponses for AnyForm {
    fn responses() -> BTreeMap<String, RefOr<Described>> {
        let described = Format::ALL.into_iter().fold(
            ResponseBuilder::new().description("The file, in the form that was asked for"),
            |response, format| {
                let media_type = format.media_type().split(';').next().unwrap_or_default();
                let content = ContentBuilder::new().schema(Some(schema(format))).build();
                response.content(media_type, content)
            },
        );
        BTreeMap::from([("200".to_owned(), RefOr::T(described.build()))])
    }
}

fn schema(format: Format) -> RefOr<Schema> {
    let text = || ObjectBuilder::new().schema_type(SchemaType::Type(Type::String));
    let binary = SchemaFormat::KnownFormat(KnownFormat::Binary);
    match format {
        Format::Pdf | Format::Png | Format::Xlsx => text().format(Some(binary)).into(),
        Format::Html | Format::Txt | Format::Csv => text().into(),
        Format::Json => ObjectBuilder::new().schema_type(SchemaType::Type(Type::Object)).into(),
    }
}

/// The form of a list's address. What is none names nothing: 404.
pub(super) fn form(text: &str) -> Result<Format, Problem> {
    text.parse().map_err(|_| Problem::not_found("There is nothing at this address."))
}

/// Refuses a list that is longer than a file of it may be.
pub(super) fn refuse_longer(rows: usize) -> Result<(), Problem> {
    if rows <= ROWS_MAX {
        return Ok(());
    }
    let message = "The answer is too large; ask for fewer rows or a shorter period.";
    Err(Problem::new(StatusCode::PAYLOAD_TOO_LARGE, "too_large", message))
}

/// What a search found, on its way into a file.
pub(super) struct Found {
    /// In the order of the list on the screen.
    pub list: FoundList,
    /// What it is called in the file's name and in the audit table: `orders`.
    pub what: &'static str,
    /// What fetching it is in the audit table: `orders.export`.
    pub action: &'static str,
    /// What was searched begins then.
    pub from: Option<Timestamp>,
    /// And ends before then.
    pub to: Option<Timestamp>,
    /// It lacks what is in damaged files of the warehouse.
    pub incomplete: bool,
}

impl Api {
    /// The list as a file.
    pub(super) async fn listed(
        &self,
        caller: &Caller,
        format: Format,
        found: Found,
    ) -> Result<Response, Problem> {
        let Found { mut list, what, action, from, to, incomplete } = found;
        refuse_longer(list.len())?;
        if caller.hides_numbers() {
            hide(&mut list);
        }
        let (tenant, now) = (caller.tenant(), caller.now());
        let profile = self.store.tenant(tenant).await?.profile;
        let stamp = self.stamp(caller).await?;
        let (count, until) = (list.len(), to.unwrap_or(now));
        let from = from.or(list.oldest()).map_or(until, |from| from.min(until));
        let job = FoundJob {
            list,
            from,
            until,
            time_zone: profile.time_zone,
            tenant_name: profile.name,
            now,
            format: format.to_string(),
            language: profile.language,
            mark: stamp.as_ref().map(|stamp| stamp.mark.clone()),
        };
        let done = self.work.run(Job::Found(Box::new(job))).await?;
        let subject = format!("{count} {what}, {format}");
        self.store.note(tenant, &caller.by(), action, &subject).await?;
        let name = format!("{what}-{}", now.day_text());
        let name = stamp.map_or(name.clone(), |stamp| stamp.name(&name, format));
        let name = file_name(&format!("{name}.{format}"));
        Ok(file(done.content_type, Some(&name), incomplete || done.truncated, done.body))
    }
}

/// Hides the middle of every number in a list.
fn hide(list: &mut FoundList) {
    match list {
        FoundList::Orders(orders) => {
            for order in orders {
                for text in [&mut order.customer_number, &mut order.title, &mut order.address] {
                    *text = masked_within(text);
                }
            }
        }
        FoundList::Calls(calls) => {
            for call in calls {
                for text in [&mut call.caller, &mut call.called] {
                    *text = masked_within(text);
                }
            }
        }
        FoundList::Rows { rows, .. } => rows.iter_mut().for_each(hidden::hide),
    }
}

/// A name that is safe in a header and on every file system.
pub(super) fn file_name(text: &str) -> String {
    text.chars()
        .map(|c| if c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_') { c } else { '_' })
        .collect()
}

/// The worker's bytes as an answer.
pub(super) fn file(
    content_type: String,
    name: Option<&str>,
    truncated: bool,
    body: Vec<u8>,
) -> Response {
    let mut response = (StatusCode::OK, Body::from(body)).into_response();
    let headers = response.headers_mut();
    let fallback = HeaderValue::from_static("application/octet-stream");
    headers.insert(header::CONTENT_TYPE, HeaderValue::try_from(content_type).unwrap_or(fallback));
    if let Some(name) = name {
        // A page is looked at; everything else is kept.
        let shown = name.ends_with(".html");
        let way = if shown { "inline" } else { "attachment" };
        let value = HeaderValue::try_from(format!("{way}; filename=\"{name}\""))
            .expect("a cleaned name is header text");
        headers.insert(header::CONTENT_DISPOSITION, value);
    }
    if truncated {
        headers.insert("x-truncated", HeaderValue::from_static("true"));
    }
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_name_cannot_leave_its_header_or_folder() {
        assert_eq!(file_name("a\"; x=../../b\r\n.pdf"), "a___x_.._.._b__.pdf");
    }

    #[test]
    fn the_document_has_every_form_once() {
        let described = serde_json::to_value(AnyForm::responses()).unwrap();
        let forms = described["200"]["content"].as_object().unwrap();
        assert_eq!(forms.len(), Format::ALL.len());
        assert_eq!(forms["application/pdf"]["schema"]["format"], "binary");
        assert_eq!(forms["application/json"]["schema"]["type"], "object");
    }
}
