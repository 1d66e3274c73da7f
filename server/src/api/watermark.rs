//! Who fetches a file and when, as the file itself says it, and the tenant's setting of it. What is
//! stored stays as it is: the mark is put into what is sent.

use super::extract::Body;
use super::guard::{Caller, Guard};
use super::problem::Problem;
use super::{Api, Shared};
use axum::Json;
use axum::extract::State;
use desk::Permission;
use desk::watermark::Watermark;
use reports::{Format, Language, Mark};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

/// Characters of a person's name in a mark; their login stands whole behind it.
const NAME_CHARS_MAX: usize = 30;

pub(super) fn routes(guard: &Guard) -> OpenApiRouter<Shared> {
    OpenApiRouter::new()
        .routes(guard.may(Permission::ReportsRead, routes!(get)))
        .routes(guard.may(Permission::WatermarkWrite, routes!(put)))
}

/// Which files say who fetched them and when.
#[utoipa::path(get, path = "/api/v1/watermark", tag = "reports", responses((status = 200, body = Watermark)))]
async fn get(State(api): State<Shared>, caller: Caller) -> Result<Json<Watermark>, Problem> {
    Ok(Json(api.store.watermark(caller.tenant()).await?))
}

/// Change which files say who fetched them and when: those that are fetched or made from then on.
/// What is left out is as at first.
#[utoipa::path(put, path = "/api/v1/watermark", tag = "reports", request_body = Watermark, responses((status = 200, body = Watermark)))]
async fn put(
    State(api): State<Shared>,
    caller: Caller,
    Body(setting): Body<Watermark>,
) -> Result<Json<Watermark>, Problem> {
    Ok(Json(api.store.put_watermark(caller.tenant(), &caller.by(), setting).await?))
}

/// What a file says that somebody fetches now.
pub(super) struct Stamp {
    /// Who, of whom, when.
    pub mark: Mark,
    login: String,
    language: Language,
}

impl Stamp {
    /// As a line, in the organisation's language.
    pub(super) fn line(&self) -> String {
        self.mark.line(self.language)
    }

    /// What is called `name`: a form that cannot say in itself who fetched it says so in its name.
    pub(super) fn name(&self, name: &str, format: Format) -> String {
        match format {
            Format::Csv | Format::Json => format!("{name}-{}-{}", self.login, self.mark.digits()),
            Format::Pdf | Format::Png | Format::Xlsx | Format::Html | Format::Txt => {
                name.to_owned()
            }
        }
    }
}

impl Api {
    /// What a file says that `caller` fetches now; nothing where the tenant does not want it.
    pub(super) async fn stamp(&self, caller: &Caller) -> Result<Option<Stamp>, Problem> {
        let tenant = caller.tenant();
        if !self.store.watermark(tenant).await?.fetched {
            return Ok(None);
        }
        let profile = self.store.tenant(tenant).await?.profile;
        let (name, login) = (&caller.identity().name, caller.identity().login.clone());
        let name: String = name.chars().take(NAME_CHARS_MAX).collect();
        let who = format!("{name} ({login})");
        let mark = Mark::new(&who, &profile.name, caller.now(), &profile.time_zone)
            .map_err(|error| Problem::internal(error.to_string()))?;
        let language = profile.language.parse().unwrap_or_default();
        Ok(Some(Stamp { mark, login, language }))
    }
}
