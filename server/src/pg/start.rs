//! From the connection to the sign-in: TLS where the client asks for it, the name, the proof. A
//! connection may instead carry one request to cancel.

use super::Door;
use super::message::{Body, STRANGER_BYTES_MAX, Wire, malformed, put_refusal, put_text, refused};
use super::session::Session;
use crate::work::wire::Refusal;
use desk::scram::{self, Channel, Exchange, Verifier, binding};
use desk::user::Identity;
use desk::{By, Permission};
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use warehouse::query::postgres::{DATABASE, setting};

const CANCEL: u32 = 80_877_102;
const TLS: u32 = 80_877_103;
const GSS: u32 = 80_877_104;
/// The code of what could not be looked at.
const NOT_NOW: &str = "57P03";
/// Requests for encryption before the start: one for each kind.
const ENCRYPTIONS_MAX: usize = 2;
/// Settings that are told at the sign-in, as PostgreSQL spells them.
const TOLD: [&str; 10] = [
    "server_version",
    "server_encoding",
    "client_encoding",
    "DateStyle",
    "IntervalStyle",
    "TimeZone",
    "integer_datetimes",
    "standard_conforming_strings",
    "is_superuser",
    "default_transaction_read_only",
];

/// Why a sign-in ends.
enum Trouble {
    Gone(io::Error),
    Refused(Refusal),
}

impl From<io::Error> for Trouble {
    fn from(error: io::Error) -> Self {
        Trouble::Gone(error)
    }
}

impl From<Refusal> for Trouble {
    fn from(refusal: Refusal) -> Self {
        Trouble::Refused(refusal)
    }
}

/// How a client came.
enum Way {
    Clear,
    Tls {
        /// What the sign-in may be bound to.
        end_point: Option<Vec<u8>>,
    },
}

impl Way {
    fn end_point(&self) -> Option<&[u8]> {
        match self {
            Way::Clear => None,
            Way::Tls { end_point } => end_point.as_deref(),
        }
    }
}

/// The session of who signs in; `None` when there will be none.
pub async fn start(
    door: &Arc<Door>,
    mut stream: TcpStream,
    from: SocketAddr,
) -> io::Result<Option<Session>> {
    for _ in 0..=ENCRYPTIONS_MAX {
        let body = first(&mut stream).await?;
        let code = u32::from_be_bytes([body[0], body[1], body[2], body[3]]);
        match (code, &door.certificate) {
            (TLS, Some(certificate)) => {
                stream.write_all(b"S").await?;
                let (acceptor, own) = certificate.acceptor_and_own();
                let mut stream = acceptor.accept(stream).await?;
                let body = first(&mut stream).await?;
                let way = Way::Tls { end_point: binding::end_point(&own) };
                return begin(door, Wire::new(Box::new(stream)), &body, from, &way).await;
            }
            (TLS | GSS, _) => stream.write_all(b"N").await?,
            _ => return begin(door, Wire::new(Box::new(stream)), &body, from, &Way::Clear).await,
        }
    }
    Err(io::Error::new(io::ErrorKind::InvalidData, "too many requests for encryption"))
}

/// A message of the start, which has no letter. Not a byte behind it is read: what follows may be
/// the beginning of TLS.
async fn first(stream: &mut (impl tokio::io::AsyncRead + Unpin)) -> io::Result<Vec<u8>> {
    let length = stream.read_u32().await? as usize;
    if !(8..=STRANGER_BYTES_MAX).contains(&length) {
        let text = format!("a first message of {length} bytes is none of PostgreSQL");
        return Err(io::Error::new(io::ErrorKind::InvalidData, text));
    }
    let mut body = vec![0; length - 4];
    stream.read_exact(&mut body).await?;
    Ok(body)
}

async fn begin(
    door: &Arc<Door>,
    mut wire: Wire,
    body: &[u8],
    from: SocketAddr,
    way: &Way,
) -> io::Result<Option<Session>> {
    let code = u32::from_be_bytes([body[0], body[1], body[2], body[3]]);
    if code == CANCEL {
        let mut body = Body(&body[4..]);
        if let (Ok(number), Ok(secret)) = (body.int(), body.int()) {
            door.cancels.cancel(number, secret.cast_unsigned());
        }
        return Ok(None);
    }
    match sign_in(door, &mut wire, body, from.ip(), way).await {
        Ok(Signed { identity, token, user }) => open(door, wire, identity, token, user, from).await,
        Err(Trouble::Gone(error)) => Err(error),
        Err(Trouble::Refused(refusal)) => {
            door.counts.turned_away();
            wire.put(b'E', |out| put_refusal(out, "FATAL", &refusal, None));
            wire.flush().await?;
            Ok(None)
        }
    }
}

struct Signed {
    identity: Identity,
    token: i64,
    user: String,
}

/// What the first message says.
#[derive(Debug, Default, PartialEq, Eq)]
struct Said {
    user: String,
    database: String,
    encoding: String,
    /// Options of a later protocol that we do not know.
    unknown: Vec<String>,
}

fn said(body: &[u8]) -> Result<Said, Refusal> {
    let (mut body, mut said) = (Body(body), Said::default());
    loop {
        let name = body.text()?;
        if name.is_empty() {
            return Ok(said);
        }
        let value = body.text()?.to_owned();
        match name {
            "user" => said.user = value,
            "database" => said.database = value,
            "client_encoding" => said.encoding = value,
            name if name.starts_with("_pq_.") => said.unknown.push(name.to_owned()),
            _ => {}
        }
    }
}

async fn sign_in(
    door: &Door,
    wire: &mut Wire,
    body: &[u8],
    from: IpAddr,
    way: &Way,
) -> Result<Signed, Trouble> {
    let (major, minor) =
        (u16::from_be_bytes([body[0], body[1]]), u16::from_be_bytes([body[2], body[3]]));
    if major != 3 {
        let text = format!("protocol {major}.{minor} is not spoken here; 3.0 is");
        return Err(refused("08P01", text).into());
    }
    let said = said(&body[4..])?;
    if minor > 0 || !said.unknown.is_empty() {
        wire.put(b'v', |out| {
            out.extend_from_slice(&0_u32.to_be_bytes());
            out.extend_from_slice(&(said.unknown.len() as u32).to_be_bytes());
            said.unknown.iter().for_each(|option| put_text(out, option));
        });
    }
    if matches!(way, Way::Clear) && !door.may_be_plain(from) {
        let text = "TLS is needed here: connect with sslmode=require or stricter";
        return Err(refused("28000", text).into());
    }
    check(&said)?;
    {
        let lockout = door.lockout.lock().expect("no panic while held");
        if lockout.wait(door.clock.moment(), from).is_some() {
            let text = "too many failures from this address; try again later";
            return Err(refused("28000", text).into());
        }
    }
    let proved = prove(door, wire, &said.user, way.end_point()).await;
    match proved {
        Ok((token, last)) => admit(door, wire, said.user, token, &last, from).await,
        // That we cannot look is nobody's failure.
        Err(Trouble::Refused(refusal)) if refusal.code == NOT_NOW => Err(refusal.into()),
        Err(Trouble::Refused(refusal)) => {
            let mut lockout = door.lockout.lock().expect("no panic while held");
            let shown: String = said.user.chars().take(64).collect();
            let locked = lockout.on_failure(door.clock.moment(), from, &shown);
            tracing::warn!(%from, login = ?shown, locked, "a sign-in for SQL failed");
            Err(refusal.into())
        }
        Err(gone) => Err(gone),
    }
}

fn check(said: &Said) -> Result<(), Refusal> {
    if said.user.is_empty() {
        return Err(refused("28000", "a user name is needed, such as sql_7"));
    }
    // psql takes the user's name where none is said.
    let database = said.database.as_str();
    if !database.is_empty() && database != DATABASE && database != said.user {
        let text = format!("there is one database, \"{DATABASE}\"");
        return Err(refused("3D000", text));
    }
    let encoding = said.encoding.to_lowercase().replace(['-', '_', '\''], "");
    if !matches!(encoding.as_str(), "" | "utf8" | "unicode" | "auto") {
        return Err(refused("22023", "texts are UTF-8 here; set client_encoding to UTF8"));
    }
    Ok(())
}

/// The exchange of SCRAM: the token that was proved and our last message.
async fn prove(
    door: &Door,
    wire: &mut Wire,
    user: &str,
    end_point: Option<&[u8]>,
) -> Result<(i64, String), Trouble> {
    let unreachable = |error: desk::Error| {
        tracing::error!(%error, "a sign-in for SQL could not be checked");
        refused(NOT_NOW, "this cannot be checked right now; try again")
    };
    let found = door.store.sql_verifier(user, door.clock.wall()).await.map_err(unreachable)?;
    let (verifier, token) = match found {
        Some((verifier, token)) => (verifier, Some(token)),
        None => (Verifier::of_nobody(&door.nobody, user), None),
    };
    // The one to prefer comes first.
    let bound = end_point.map_or(String::new(), |_| format!("{}\0", scram::MECHANISM_BOUND));
    authentication(wire, 10, &[bound.as_bytes(), scram::MECHANISM.as_bytes(), &[0, 0]]);
    wire.flush().await?;
    let body = answer(wire).await?;
    let mut body = Body(&body);
    let channel = match (body.text()?, end_point) {
        (scram::MECHANISM_BOUND, Some(end_point)) => Channel::Bound(end_point),
        (scram::MECHANISM, Some(_)) => Channel::Offered,
        (scram::MECHANISM, None) => Channel::Unbound,
        _ => {
            let text = format!("sign in by {}", scram::MECHANISM);
            return Err(refused("28000", text).into());
        }
    };
    let length = usize::try_from(body.int()?).map_err(|_| malformed())?;
    let first = body.bytes(length)?;
    let (exchange, ours) = Exchange::begin(verifier, channel, first).map_err(wrong)?;
    authentication(wire, 11, &[ours.as_bytes()]);
    wire.flush().await?;
    let last = answer(wire).await?;
    let ours = exchange.finish(&last).map_err(wrong)?;
    match token {
        Some(token) => Ok((token, ours)),
        None => Err(wrong(scram::Refusal::Wrong).into()),
    }
}

fn wrong(refusal: scram::Refusal) -> Refusal {
    match refusal {
        scram::Refusal::Malformed => refused("08P01", refusal.to_string()),
        scram::Refusal::Binding | scram::Refusal::Downgraded | scram::Refusal::OtherChannel => {
            refused("28000", refusal.to_string())
        }
        scram::Refusal::Wrong => refused("28P01", refusal.to_string()),
    }
}

/// An answer to a demand for a proof.
async fn answer(wire: &mut Wire) -> Result<Vec<u8>, Trouble> {
    match wire.read(STRANGER_BYTES_MAX).await? {
        Some((b'p', body)) => Ok(body),
        Some(_) => Err(malformed().into()),
        None => Err(Trouble::Gone(io::ErrorKind::UnexpectedEof.into())),
    }
}

fn authentication(wire: &mut Wire, kind: u32, parts: &[&[u8]]) {
    wire.put(b'R', |out| {
        out.extend_from_slice(&kind.to_be_bytes());
        parts.iter().for_each(|part| out.extend_from_slice(part));
    });
}

/// Lets somebody in who proved a token.
async fn admit(
    door: &Door,
    wire: &mut Wire,
    user: String,
    token: i64,
    last: &str,
    from: IpAddr,
) -> Result<Signed, Trouble> {
    let at = door.clock.wall();
    let unreachable = |error: desk::Error| {
        tracing::error!(%error, "a sign-in for SQL could not be written");
        refused(NOT_NOW, "this cannot be checked right now; try again")
    };
    let identity = door.store.sql_identity(token, at).await.map_err(unreachable)?;
    let identity = identity
        .filter(|identity| identity.role.allows(Permission::SqlRun))
        .ok_or_else(|| refused("28000", "this token may not ask in SQL"))?;
    door.lockout.lock().expect("no panic while held").on_success(from, &user);
    let by = By { user: Some(identity.user), source: from.to_canonical().to_string(), at };
    let noted = door.store.note(identity.tenant, &by, "sql.connect", &user).await;
    noted.map_err(unreachable)?;
    authentication(wire, 12, &[last.as_bytes()]);
    authentication(wire, 0, &[]);
    Ok(Signed { identity, token, user })
}

/// Tells who signed in what they need to know.
async fn open(
    door: &Arc<Door>,
    mut wire: Wire,
    identity: Identity,
    token: i64,
    user: String,
    from: SocketAddr,
) -> io::Result<Option<Session>> {
    let Ok(place) = door.signed_in.clone().try_acquire_owned() else {
        door.counts.full();
        let text = "too many connections (sql.postgres_connections_max)";
        wire.put(b'E', |out| put_refusal(out, "FATAL", &refused("53300", text), None));
        wire.flush().await?;
        return Ok(None);
    };
    for name in TOLD {
        let value = setting(name).unwrap_or_default();
        wire.put(b'S', |out| {
            put_text(out, name);
            put_text(out, value);
        });
    }
    let registered = door.cancels.register();
    wire.put(b'K', |out| {
        out.extend_from_slice(&registered.number.to_be_bytes());
        out.extend_from_slice(&registered.secret.to_be_bytes());
    });
    tracing::info!(tenant = %identity.tenant, %from, user, "connected for SQL");
    let source = from.ip().to_canonical();
    Ok(Some(Session::new(door.clone(), wire, registered, place, (token, user, source))))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_first_message_names_user_and_database() {
        let body = b"user\0sql_7\0database\0switchgrid\0_pq_.x\0\x31\0application_name\0psql\0\0";
        let heard = said(body).unwrap();
        assert_eq!((heard.user.as_str(), heard.database.as_str()), ("sql_7", "switchgrid"));
        assert_eq!(heard.unknown, ["_pq_.x"]);
        assert!(check(&heard).is_ok());
        assert!(said(b"user\0sql_7").is_err(), "it ends early");
        let other = Said { database: "postgres".into(), ..heard };
        assert_eq!(check(&other).unwrap_err().code, "3D000");
        assert_eq!(check(&Said::default()).unwrap_err().code, "28000");
        let latin = Said { user: "a".into(), encoding: "LATIN1".into(), ..Said::default() };
        assert_eq!(check(&latin).unwrap_err().code, "22023");
    }

    #[test]
    fn every_setting_that_is_told_has_a_value() {
        for name in TOLD {
            assert!(setting(name).is_some_and(|value| !value.is_empty()), "{name}");
        }
    }
}
