//! Who sends a request. User and password of a token for SQL are sent once, in a handshake; its answer
//! has a bearer for the requests behind it, good for as long as the token, half a day at most. A token
//! of the API is a bearer by itself.

use super::Door;
use super::lines::Peer;
use super::status::status;
use crate::pg::ask::{still_good, unreachable};
use crate::pg::refused;
use crate::work::wire::Refusal;
use desk::scram::{self, Verifier, base64};
use desk::secret::hex;
use desk::token::SESSION_LIFETIME;
use desk::user::Identity;
use desk::{By, Permission};
use sha2::{Digest, Sha256};
use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::Mutex;
use terms::{Moment, Timestamp};
use tonic::{Request, Status};

/// What a bearer of this door begins with.
const PREFIX: &str = "sgf_";
/// Sessions of one token; the oldest ends.
const SESSIONS_OF_TOKEN_MAX: usize = 32;
/// Sessions of all.
const SESSIONS_MAX: usize = 4_096;

/// Somebody who proved who they are and may ask.
#[derive(Clone, Debug)]
pub struct Caller {
    /// Who, as what, of which tenant.
    pub identity: Identity,
    /// Their token; what they leave here belongs to it.
    pub token: i64,
    /// Their name in SQL.
    pub user: String,
    /// From where.
    pub source: IpAddr,
    /// When they asked.
    pub at: Timestamp,
}

/// What a request says of its sender.
#[derive(Debug)]
pub struct Sender {
    said: Said,
    peer: Option<Peer>,
}

#[derive(Clone, PartialEq, Eq)]
enum Said {
    Nothing,
    Bearer(String),
    /// User and password.
    Basic(String, String),
    Unreadable,
}

impl std::fmt::Debug for Said {
    fn fmt(&self, f: &mut std::fmt::Formatter) -> std::fmt::Result {
        f.write_str("Said(…)")
    }
}

impl Sender {
    /// Of a request.
    pub fn of<T>(request: &Request<T>) -> Self {
        let said = match request.metadata().get("authorization").map(|value| value.to_str()) {
            None => Said::Nothing,
            Some(Ok(value)) => said(value),
            Some(Err(_)) => Said::Unreadable,
        };
        Sender { said, peer: request.extensions().get::<Peer>().cloned() }
    }
}

fn said(header: &str) -> Said {
    let Some((scheme, value)) = header.split_once(' ') else { return Said::Unreadable };
    let value = value.trim();
    if scheme.eq_ignore_ascii_case("bearer") {
        return Said::Bearer(value.to_owned());
    }
    if !scheme.eq_ignore_ascii_case("basic") {
        return Said::Unreadable;
    }
    // Some clients leave out the padding.
    let padding = "=".repeat((4 - value.len() % 4) % 4);
    let decoded = base64::decode(&format!("{value}{padding}"));
    let decoded = decoded.and_then(|bytes| String::from_utf8(bytes).ok());
    match decoded.as_deref().and_then(|text| text.split_once(':')) {
        Some((user, password)) => Said::Basic(user.to_owned(), password.to_owned()),
        None => Said::Unreadable,
    }
}

impl Door {
    /// Who sends a request, as long as their token is good and their role allows to ask.
    pub(super) async fn caller(&self, sender: &Sender) -> Result<Caller, Status> {
        let caller = self.known(sender).await.map_err(|refusal| status(&refusal))?;
        self.admit(sender).map_err(|refusal| status(&refusal))?;
        Ok(caller)
    }

    async fn known(&self, sender: &Sender) -> Result<Caller, Refusal> {
        let bearer = match &sender.said {
            Said::Bearer(bearer) => bearer,
            Said::Basic(..) => {
                let text = "user and password are for the handshake; its answer has a bearer token \
                            for the requests behind it";
                return Err(refused("28000", text));
            }
            Said::Nothing => return Err(refused("28000", "sign in first")),
            Said::Unreadable => return Err(unreadable()),
        };
        let at = self.clock.wall();
        let source = source(sender)?;
        if let Some((token, user)) = self.sessions.find(bearer, self.clock.moment()) {
            let identity = still_good(&self.store, token, at).await?;
            return Ok(Caller { identity, token, user, source, at });
        }
        let known = self.store.authenticate(bearer, at).await.map_err(unreachable)?;
        let Some((identity, token, _)) = known else {
            let text = "the token is unknown, expired or taken back; sign in again";
            return Err(refused("28000", text));
        };
        if !identity.role.allows(Permission::SqlRun) {
            return Err(refused("42501", "this token may not ask in SQL"));
        }
        let user = identity.login.clone();
        Ok(Caller { identity, token, user, source, at })
    }

    /// A bearer for somebody who signs in by a handshake.
    pub(super) async fn sign_in(&self, sender: &Sender) -> Result<String, Status> {
        let opened = match &sender.said {
            Said::Basic(user, password) => self.open(sender, user, password).await,
            // Who has one keeps it.
            Said::Bearer(bearer) => self.known(sender).await.map(|_| bearer.clone()),
            Said::Nothing => Err(refused("28000", "sign in with the user and secret of a token")),
            Said::Unreadable => Err(unreadable()),
        };
        let bearer = opened.map_err(|refusal| {
            self.counts.turned_away();
            status(&refusal)
        })?;
        self.admit(sender).map_err(|refusal| status(&refusal))?;
        Ok(bearer)
    }

    async fn open(&self, sender: &Sender, user: &str, password: &str) -> Result<String, Refusal> {
        let source = source(sender)?;
        {
            let lockout = self.lockout.lock().expect("no panic while held");
            if lockout.wait(self.clock.moment(), source).is_some() {
                let text = "too many failures from this address; try again later";
                return Err(refused("28000", text));
            }
        }
        let Some(token) = self.prove(user, password).await? else {
            let mut lockout = self.lockout.lock().expect("no panic while held");
            let shown: String = user.chars().take(64).collect();
            let locked = lockout.on_failure(self.clock.moment(), source, &shown);
            tracing::warn!(%source, login = ?shown, locked, "a sign-in for Flight SQL failed");
            return Err(refused("28P01", scram::Refusal::Wrong.to_string()));
        };
        let at = self.clock.wall();
        let identity = still_good(&self.store, token, at).await?;
        self.lockout.lock().expect("no panic while held").on_success(source, user);
        let by = By { user: Some(identity.user), source: source.to_string(), at };
        let noted = self.store.note(identity.tenant, &by, "sql.connect", user).await;
        noted.map_err(unreachable)?;
        tracing::info!(tenant = %identity.tenant, %source, user, "signed in for Flight SQL");
        self.sessions.open(token, user, self.clock.moment())
    }

    /// The token whose secret this is. A name that nobody has takes as long.
    pub(super) async fn prove(&self, user: &str, secret: &str) -> Result<Option<i64>, Refusal> {
        let _turn = self.proofs.acquire().await.expect("the semaphore is never closed");
        let found = self.store.sql_verifier(user, self.clock.wall()).await.map_err(unreachable)?;
        let (verifier, token) = match found {
            Some((verifier, token)) => (verifier, Some(token)),
            None => (Verifier::of_nobody(&self.nobody, user), None),
        };
        let secret = secret.to_owned();
        let is_right = tokio::task::spawn_blocking(move || verifier.is_of(&secret)).await;
        Ok(token.filter(|_| is_right.unwrap_or(false)))
    }

    /// Ends the session of a request. False where its bearer is none of this door.
    pub(super) fn sign_out(&self, sender: &Sender) -> bool {
        match &sender.said {
            Said::Bearer(bearer) => self.sessions.close(bearer),
            _ => false,
        }
    }

    fn admit(&self, sender: &Sender) -> Result<(), Refusal> {
        let Some(peer) = &sender.peer else { return Err(nowhere()) };
        self.lines
            .admit(peer)
            .map_err(|_| refused("53300", "too many connections (sql.flight_connections_max)"))
    }
}

fn source(sender: &Sender) -> Result<IpAddr, Refusal> {
    sender.peer.as_ref().map(|peer| peer.source).ok_or_else(nowhere)
}

fn nowhere() -> Refusal {
    refused("58000", "it is not known where this request comes from")
}

fn unreadable() -> Refusal {
    refused("28000", "the header authorization is neither Basic nor Bearer")
}

/// Bearers that were given, by their digest: nobody learns one from how long a look takes.
#[derive(Debug, Default)]
pub struct Sessions(Mutex<HashMap<[u8; 32], Session>>);

#[derive(Debug)]
struct Session {
    token: i64,
    user: String,
    until: Moment,
}

impl Sessions {
    /// A new one.
    fn open(&self, token: i64, user: &str, now: Moment) -> Result<String, Refusal> {
        let mut all = self.0.lock().expect("no panic while held");
        all.retain(|_, session| session.until > now);
        let mine = all.iter().filter(|(_, session)| session.token == token);
        if mine.clone().count() >= SESSIONS_OF_TOKEN_MAX {
            let oldest = mine.min_by_key(|(_, session)| session.until).map(|(key, _)| *key);
            if let Some(oldest) = oldest {
                all.remove(&oldest);
            }
        }
        if all.len() >= SESSIONS_MAX {
            return Err(refused("53300", "too many are signed in; try again later"));
        }
        let mut bytes = [0_u8; 32];
        getrandom::fill(&mut bytes).expect("the kernel has random bytes");
        let bearer = format!("{PREFIX}{}", hex(&bytes));
        let until = now + SESSION_LIFETIME;
        all.insert(digest(&bearer), Session { token, user: user.to_owned(), until });
        Ok(bearer)
    }

    fn close(&self, bearer: &str) -> bool {
        self.0.lock().expect("no panic while held").remove(&digest(bearer)).is_some()
    }

    /// Whose it is: their token and their name.
    fn find(&self, bearer: &str, now: Moment) -> Option<(i64, String)> {
        if !bearer.starts_with(PREFIX) {
            return None;
        }
        let all = self.0.lock().expect("no panic while held");
        let session = all.get(&digest(bearer)).filter(|session| session.until > now)?;
        Some((session.token, session.user.clone()))
    }
}

fn digest(bearer: &str) -> [u8; 32] {
    Sha256::digest(bearer.as_bytes()).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_header_is_read_as_clients_write_it() {
        let basic = |user: &str, password: &str| Said::Basic(user.to_owned(), password.to_owned());
        assert!(said("Bearer sgf_1") == Said::Bearer("sgf_1".to_owned()));
        assert!(said("bearer  sgf_1 ") == Said::Bearer("sgf_1".to_owned()));
        assert!(said("Basic c3FsXzc6YTpi") == basic("sql_7", "a:b"));
        assert!(said("Basic c3FsXzc6YQ==") == basic("sql_7", "a"));
        assert!(said("Basic c3FsXzc6YQ") == basic("sql_7", "a"), "without padding");
        for none in ["", "Basic", "Basic !!!!", "Basic c3Fs", "Digest x", "Basic /w=="] {
            assert!(said(none) == Said::Unreadable, "{none}");
        }
    }

    #[test]
    fn a_session_ends_and_a_token_has_so_many() {
        let sessions = Sessions::default();
        let now = Moment(0);
        let first = sessions.open(7, "sql_7", now).unwrap();
        assert_eq!(sessions.find(&first, now), Some((7, "sql_7".to_owned())));
        assert_eq!(sessions.find(&first, now + SESSION_LIFETIME), None);
        assert_eq!(sessions.find("sgf_0", now), None);
        let closed = sessions.open(7, "sql_7", now).unwrap();
        assert!(sessions.close(&closed) && !sessions.close(&closed));
        assert_eq!(sessions.find(&closed, now), None);
        let others = sessions.open(8, "sql_8", now).unwrap();
        for at in 1..=SESSIONS_OF_TOKEN_MAX as u64 {
            sessions.open(7, "sql_7", Moment(at)).unwrap();
        }
        assert_eq!(sessions.find(&first, now), None, "the oldest made room");
        assert!(sessions.find(&others, now).is_some());
    }
}
