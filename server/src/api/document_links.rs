//! Links that open a document without an account: for who was sent one and has none here.
//!
//! Promise: a document has links only after somebody made it public. It has a key of its own from then
//! on, which lies beside it, and a link is its name and an end, signed under that key (HMAC-SHA256, 128
//! bits of it): no row is kept, and nobody makes one up. Another version of the document has another
//! key, and one that is not public any more has none, which ends all links that led to it. What is wrong,
//! over or taken back answers alike.

use super::extract::Id;
use super::fax_documents::{PUTS, as_pdf, existing, missing, write};
use super::faxes::{answer, blocking};
use super::guard::{Caller, Guard, source};
use super::problem::Problem;
use super::{Api, Shared};
use crate::open::beneath;
use axum::extract::State;
use axum::http::{Extensions, HeaderName, HeaderValue, StatusCode};
use axum::response::Response;
use desk::secret::{Secret, hex};
use desk::signer::Signer;
use desk::{By, Permission};
use mediacore::edge::fax::documents;
use std::io::{self, Read};
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::sync::PoisonError;
use std::time::Duration;
use terms::media::is_fax_name;
use terms::{TenantId, Timestamp};
use tokio::sync::Semaphore;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

/// How long a link leads somewhere.
const LIFE: Duration = Duration::from_secs(7 * 86_400);
/// Characters of a document's key: 32 bytes in hex.
const KEY_CHARS: usize = 64;
/// Characters of a signature in a link: 16 bytes in hex.
const TAG_CHARS: usize = 32;
/// Documents that are made ready at the same time: each wants memory and a thread meanwhile.
const OPENED_MAX: usize = 4;
/// Characters of a wrong link that are told from those of another.
const WRONG_CHARS: usize = 200;

static OPENED: Semaphore = Semaphore::const_new(OPENED_MAX);

pub(super) fn routes(guard: &Guard) -> OpenApiRouter<Shared> {
    OpenApiRouter::new()
        .routes(routes!(open))
        .routes(guard.may(Permission::RoutingWrite, routes!(publish)))
        .routes(guard.may(Permission::RoutingWrite, routes!(withdraw)))
}

/// Let links to a document be sent: whoever has one opens it without an account, for seven days.
#[utoipa::path(
    put, path = "/api/v1/fax-documents/{name}/public", tag = "faxes",
    params(("name" = String, Path, description = "The document's name")),
    responses((status = 204, description = "It is public"))
)]
async fn publish(
    State(api): State<Shared>,
    caller: Caller,
    Id(name): Id<String>,
) -> Result<StatusCode, Problem> {
    let publish = |folder: &Path, name: &str| match is_public(folder, name) {
        true => Ok(()),
        false => new_key(folder, name),
    };
    changed(&api, &caller, "fax_document.publish", name, publish).await
}

/// Let no link to a document be sent any more. Those that were sent open nothing from now on.
#[utoipa::path(
    delete, path = "/api/v1/fax-documents/{name}/public", tag = "faxes",
    params(("name" = String, Path, description = "The document's name")),
    responses((status = 204, description = "It is not public"))
)]
async fn withdraw(
    State(api): State<Shared>,
    caller: Caller,
    Id(name): Id<String>,
) -> Result<StatusCode, Problem> {
    changed(&api, &caller, "fax_document.withdraw", name, end).await
}

/// Noted, then done while no document is put or taken away.
async fn changed(
    api: &Shared,
    caller: &Caller,
    action: &'static str,
    name: String,
    change: fn(&Path, &str) -> io::Result<()>,
) -> Result<StatusCode, Problem> {
    let path = existing(caller.tenant(), &name)?;
    beneath(&api.faxes, &path).map_err(|error| missing(&error))?;
    api.store.note(caller.tenant(), &caller.by(), action, &name).await?;
    let (path, folder) = (api.faxes.join(path), documents(&api.faxes, caller.tenant()));
    let done = blocking(move || {
        let _one = PUTS.lock().unwrap_or_else(PoisonError::into_inner);
        path.metadata()?;
        change(&folder, &name)
    });
    done.await?.map_err(|error| missing(&error))?;
    Ok(StatusCode::NO_CONTENT)
}

/// Open a document that you were sent a link to.
///
/// Ten links that nobody made, or that were taken back, lock an address out for fifteen minutes.
#[utoipa::path(
    get, path = "/d/{code}", tag = "faxes",
    params(("code" = String, Path, description = "What the link says")),
    responses(
        (status = 200, description = "The document", content((Vec<u8> = "application/pdf"))),
        (status = 404, description = "The link leads nowhere, or does not any more", body = Problem, content_type = "application/problem+json"),
        (status = 429, description = "Too many wrong links from this address", body = Problem, content_type = "application/problem+json"),
    )
)]
async fn open(
    State(api): State<Shared>,
    extensions: Extensions,
    Id(code): Id<String>,
) -> Result<Response, Problem> {
    let source = source(&extensions);
    api.refuse_guesser(source)?;
    let nowhere = || Problem::not_found("There is nothing at this address.");
    let Some(code) = signed(&api, code.clone()).await? else {
        api.on_wrong_link(source, &code);
        return Err(nowhere());
    };
    let now = api.clock.wall();
    if code.ends_at() <= now {
        return Err(nowhere());
    }
    let _place = OPENED.acquire().await.map_err(|error| Problem::internal(error.to_string()))?;
    let pdf = as_pdf(&api.faxes, code.tenant, &code.name).await.map_err(|why| {
        tracing::warn!(tenant = %code.tenant, %why, "a link to a document opens nothing");
        nowhere()
    })?;
    // Another version may have come while it was read, and this link is not to it.
    let (tenant, name) = (code.tenant, code.name.clone());
    if signed(&api, code.text).await?.is_none() {
        return Err(nowhere());
    }
    let by = By { user: None, source: source.to_string(), at: now };
    api.store.note(tenant, &by, "fax_document.open", &name).await?;
    let mut response = answer(pdf, &format!("{name}.pdf"), "application/pdf");
    let robots = HeaderName::from_static("x-robots-tag");
    response.headers_mut().insert(robots, HeaderValue::from_static("noindex"));
    Ok(response)
}

impl Api {
    fn refuse_guesser(&self, source: IpAddr) -> Result<(), Problem> {
        let guessers = self.guessers.lock().expect("no panic while held");
        match guessers.wait(self.clock.moment(), source) {
            None => Ok(()),
            Some(wait) => {
                let message = "Too many failures from this address; try again later.";
                Err(Problem::too_many(message, wait))
            }
        }
    }

    fn on_wrong_link(&self, source: IpAddr, code: &str) {
        let code: String = code.chars().take(WRONG_CHARS).collect();
        let mut guessers = self.guessers.lock().expect("no panic while held");
        guessers.on_failure(self.clock.moment(), source, &code);
    }
}

/// What a link says.
struct Code {
    text: String,
    tenant: TenantId,
    name: String,
    /// Seconds since 1970.
    ends: i64,
    tag: String,
}

impl Code {
    fn ends_at(&self) -> Timestamp {
        Timestamp::from_secs(self.ends)
    }

    fn is_signed_by(&self, signer: &Signer) -> bool {
        let right = tag(signer, self.tenant, &self.name, self.ends);
        let (right, told) = (right.as_bytes(), self.tag.as_bytes());
        aws_lc_rs::constant_time::verify_slices_are_equal(right, told).is_ok()
    }
}

/// Reads a link; whether it is true is not looked at.
fn read(text: String) -> Option<Code> {
    let mut parts = text.split('.');
    let (tenant, name) = (parts.next()?.parse::<TenantId>().ok()?, parts.next()?.to_owned());
    let ends = i64::from(u32::from_str_radix(parts.next()?, 16).ok()?);
    let tag = parts.next()?.to_owned();
    let is_whole = parts.next().is_none() && is_fax_name(&name);
    is_whole.then_some(Code { text, tenant, name, ends, tag })
}

/// A link that was made here, to the document as it is now.
async fn signed(api: &Shared, text: String) -> Result<Option<Code>, Problem> {
    let Some(code) = read(text) else { return Ok(None) };
    let folder = documents(&api.faxes, code.tenant);
    blocking(move || {
        let signer = signer(&folder, &code.name)?;
        code.is_signed_by(&signer).then_some(code)
    })
    .await
}

fn tag(signer: &Signer, tenant: TenantId, name: &str, ends: i64) -> String {
    let mut tag = signer.sign(ends, &[tenant.to_string().as_bytes(), name.as_bytes()]);
    tag.truncate(TAG_CHARS);
    tag
}

fn write_code(signer: &Signer, tenant: TenantId, name: &str, from: Timestamp) -> String {
    let ends = (from + LIFE).as_millis().div_euclid(1_000);
    let tag = tag(signer, tenant, name, ends);
    format!("{tenant}.{name}.{ends:x}.{tag}")
}

/// The code of a link to a document, good from now on; none where it is not public.
pub(in crate::api) async fn code(
    faxes: &Path,
    tenant: TenantId,
    name: &str,
    now: Timestamp,
) -> Option<String> {
    if !is_fax_name(name) {
        return None;
    }
    let (folder, name) = (documents(faxes, tenant), name.to_owned());
    let made =
        blocking(move || signer(&folder, &name).map(|by| write_code(&by, tenant, &name, now)));
    made.await.ok().flatten()
}

/// Whether links lead to a document.
pub(super) fn is_public(folder: &Path, name: &str) -> bool {
    key_file(folder, name).exists()
}

/// Another version comes: links to the one before end, before it lies there.
pub(super) fn renew(folder: &Path, name: &str) -> io::Result<()> {
    match is_public(folder, name) {
        true => new_key(folder, name),
        false => Ok(()),
    }
}

/// All links end.
pub(super) fn end(folder: &Path, name: &str) -> io::Result<()> {
    match std::fs::remove_file(key_file(folder, name)) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        other => other,
    }
}

/// Names of documents have no dot.
fn key_file(folder: &Path, name: &str) -> PathBuf {
    folder.join(name).with_extension("key")
}

fn new_key(folder: &Path, name: &str) -> io::Result<()> {
    let mut key = [0; KEY_CHARS / 2];
    getrandom::fill(&mut key).expect("the kernel has random bytes");
    write(folder, &key_file(folder, name), hex(&key).as_bytes())
}

/// Who signs links to a document; nobody where it is not public or its key is torn.
fn signer(folder: &Path, name: &str) -> Option<Signer> {
    let mut key = String::new();
    let file = std::fs::File::open(key_file(folder, name)).ok()?;
    file.take(KEY_CHARS as u64).read_to_string(&mut key).ok()?;
    (key.len() == KEY_CHARS).then(|| Signer::new(&Secret::new(key)))
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOON: Timestamp = Timestamp::from_secs(1_795_435_200);

    fn is_good(signer: &Signer, text: &str) -> bool {
        read(text.to_owned()).is_some_and(|code| code.is_signed_by(signer))
    }

    #[test]
    fn a_link_that_is_changed_or_cut_leads_nowhere() {
        let signer = Signer::new(&Secret::new("key"));
        let good = write_code(&signer, TenantId(7), "price-list", NOON);
        assert!(is_good(&signer, &good), "{good}");
        assert_eq!(read(good.clone()).unwrap().ends_at(), NOON + LIFE);
        let parts: Vec<&str> = good.split('.').collect();
        let [tenant, name, ends, tag] = parts[..] else { panic!("{good}") };
        assert_eq!(tag.len(), TAG_CHARS);
        for forged in [
            format!("8.{name}.{ends}.{tag}"),
            format!("{tenant}.prices.{ends}.{tag}"),
            format!("{tenant}.{name}.ffffffff.{tag}"),
            format!("{tenant}.{name}.{ends}.{}", "0".repeat(TAG_CHARS)),
            format!("{tenant}.{name}.{ends}."),
            format!("{tenant}.{name}.{ends}"),
            format!("{good}.x"),
            format!("{tenant}.../x.{ends}.{tag}"),
            String::new(),
        ] {
            assert!(!is_good(&signer, &forged), "{forged}");
        }
        for cut in 0..good.len() {
            assert!(!is_good(&signer, &good[..cut]), "{cut}");
        }
        assert!(!is_good(&Signer::new(&Secret::new("other")), &good));
    }
}
