//! The handshake that makes the keys of a leg: DTLS-SRTP, RFC 5763 and RFC 5764. As a server we take
//! DTLS 1.2 and 1.3, as a client we begin with 1.2.
//!
//! A [`Handshake`] is a machine: datagrams and time go in, [`Output`]s come out. It gives keys once,
//! and only after it has seen a certificate whose fingerprint the signalling named; who finishes it
//! with another ends it. What is broken or forged on the way makes it begin anew, as the peer does when its
//! flights stay unanswered, until [`HANDSHAKE_MAX`]. After the keys it only repeats what was lost of
//! its last flight, and nothing that comes then changes the leg. The random numbers of the handshake
//! are drawn inside the cryptographic library, as every such library does.

use dimpl::{Config, Dtls, DtlsCertificate, KeyingMaterial, SrtpProfile};
use sha2::{Digest, Sha256};
use std::fmt;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};
use terms::Moment;
use terms::media::{self, DtlsRole, Failure, Fingerprint, Srtp, SrtpKey, SrtpSuite};

/// From the agreement to the keys; ICE has to find its way in this time too.
pub const HANDSHAKE_MAX: Duration = Duration::from_secs(20);
/// The kind of a record that carries an alert, RFC 6347 §4.1.
const ALERT: u8 = 21;
/// Octets of one datagram of ours, below what any way on the internet carries.
const DATAGRAM_BYTES_MAX: usize = 1_200;
/// Octets that its output needs at most: the longest is a certificate of the peer.
const OUTPUT_BYTES_MAX: usize = 4_096;
/// Octets of the longest datagram that is looked at.
const RECEIVED_BYTES_MAX: usize = 1_500;

/// Who this box is in handshakes: one certificate for all legs of the process.
pub struct Identity {
    certificate: DtlsCertificate,
    config: Arc<Config>,
    fingerprint: Fingerprint,
    /// What `Moment(0)` is for the library; only differences count.
    origin: Instant,
}

impl fmt::Debug for Identity {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        write!(f, "Identity({})", self.fingerprint)
    }
}

impl Identity {
    /// An identity with this certificate. `origin` is any instant: time is counted from it.
    ///
    /// # Errors
    /// What the library does not like about its settings.
    pub fn new(certificate: DtlsCertificate, origin: Instant) -> Result<Self, String> {
        let config = Config::builder()
            .mtu(DATAGRAM_BYTES_MAX)
            .handshake_timeout(HANDSHAKE_MAX)
            .flight_start_rto(Duration::from_millis(250))
            .flight_retries(8)
            .build()
            .map_err(|error| error.to_string())?;
        let fingerprint = fingerprint(&certificate.certificate);
        Ok(Identity { certificate, config: Arc::new(config), fingerprint, origin })
    }

    /// What the signalling tells the peer.
    pub fn fingerprint(&self) -> Fingerprint {
        self.fingerprint
    }

    fn instant(&self, moment: Moment) -> Instant {
        self.origin + Duration::from_nanos(moment.0)
    }

    fn moment(&self, instant: Instant) -> Moment {
        let since = instant.saturating_duration_since(self.origin).as_nanos();
        Moment(u64::try_from(since).unwrap_or(u64::MAX))
    }
}

/// SHA-256 of a certificate as it stands on the wire, RFC 8122 §5.
fn fingerprint(certificate: &[u8]) -> Fingerprint {
    Fingerprint(Sha256::digest(certificate).into())
}

/// What a handshake wants.
#[derive(Debug, PartialEq, Eq)]
pub enum Output {
    /// The first octets of the buffer go to the peer.
    Send(usize),
    /// The keys of the leg, once.
    Keys(Box<Srtp>),
    /// It is over without keys, once.
    Failed(Failure),
}

/// How far it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    /// The way to the peer is not known, or it has to begin.
    Waiting,
    /// Nobody has shown a certificate that was named.
    Running,
    /// Somebody has shown a certificate that was named.
    Verified,
    /// The keys were given.
    Done,
    /// There will be no keys; `true` once it was said.
    Failed(Failure, bool),
}

/// The handshake of one leg.
pub struct Handshake {
    identity: Arc<Identity>,
    agreed: media::Dtls,
    dtls: Option<Dtls>,
    stage: Stage,
    /// The library has finished.
    connected: bool,
    deadline: Moment,
    /// When the library wants to be asked again.
    timeout: Option<Moment>,
    now: Moment,
    /// Where its peer's records last came from.
    pub(crate) peer: Option<SocketAddr>,
    /// When the shard will wake it.
    pub(crate) alarm: Option<Moment>,
}

impl fmt::Debug for Handshake {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        write!(f, "Handshake({:?}, {:?})", self.agreed.role, self.stage)
    }
}

impl Handshake {
    /// Begins to count time. A server waits for its peer, a client for [`Handshake::start`].
    pub fn new(now: Moment, identity: Arc<Identity>, agreed: media::Dtls) -> Self {
        let mut this = Handshake {
            identity,
            agreed,
            dtls: None,
            stage: Stage::Waiting,
            connected: false,
            deadline: now + HANDSHAKE_MAX,
            timeout: None,
            now,
            peer: None,
            alarm: None,
        };
        if this.agreed.role == DtlsRole::Server {
            this.dtls = Some(this.fresh());
        }
        this
    }

    /// One that a process before this one finished, and whose keys are known: only a new agreement
    /// begins another.
    pub fn finished(identity: Arc<Identity>, agreed: media::Dtls) -> Self {
        let mut this = Handshake::new(Moment::default(), identity, agreed);
        (this.dtls, this.stage) = (None, Stage::Done);
        this
    }

    /// Whether its keys were made.
    pub fn is_done(&self) -> bool {
        self.stage == Stage::Done
    }

    /// Whether `agreed` is what this handshake is about: the same association (RFC 8842 §4).
    pub fn is_about(&self, agreed: &media::Dtls) -> bool {
        self.agreed == *agreed
    }

    /// The way to the peer is known: a client begins. Later calls change nothing.
    pub fn start(&mut self, now: Moment) {
        self.now = now;
        if self.stage == Stage::Waiting && self.agreed.role == DtlsRole::Client {
            self.stage = Stage::Running;
            self.dtls = Some(self.fresh());
            self.turn();
        }
    }

    fn fresh(&self) -> Dtls {
        let (config, certificate) = (&self.identity.config, &self.identity.certificate);
        let now = self.identity.instant(self.now);
        match self.agreed.role {
            DtlsRole::Server => Dtls::new_auto(Arc::clone(config), certificate.clone(), now),
            // Everybody takes 1.2. The library's greeting for both versions offers X25519, which
            // its 1.2 half cannot do: phones that choose it would be lost.
            DtlsRole::Client => {
                let mut dtls = Dtls::new_12(Arc::clone(config), certificate.clone(), now);
                dtls.set_active(true);
                dtls
            }
        }
    }

    /// A record of DTLS came from the peer's address.
    pub fn handle_packet(&mut self, now: Moment, bytes: &[u8]) {
        self.now = now;
        self.turn();
        // Anybody can forge an alert that is not encrypted; nobody needs one (RFC 6347 §4.1.2.7).
        let is_alert = bytes.starts_with(&[ALERT]) && bytes.get(3..5) == Some(&[0, 0][..]);
        let is_read = bytes.len() <= RECEIVED_BYTES_MAX && !is_alert;
        let Some(dtls) = self.dtls.as_mut().filter(|_| is_read) else { return };
        if dtls.handle_packet(bytes).is_err() {
            self.begin_anew();
        }
    }

    /// Time has passed.
    pub fn handle_timeout(&mut self, now: Moment) {
        self.now = now;
        if now >= self.deadline {
            match self.stage {
                // Whatever was lost of the last flight has been repeated by now.
                Stage::Done | Stage::Failed(..) => {}
                Stage::Waiting | Stage::Running | Stage::Verified => {
                    self.fail(Failure::NoHandshake);
                }
            }
            (self.dtls, self.timeout) = (None, None);
        } else {
            self.turn();
        }
    }

    /// Tells the library the time.
    fn turn(&mut self) {
        let now = self.identity.instant(self.now);
        if let Some(dtls) = &mut self.dtls
            && dtls.handle_timeout(now).is_err()
        {
            self.begin_anew();
        }
    }

    fn begin_anew(&mut self) {
        (self.dtls, self.timeout) = (None, None);
        if matches!(self.stage, Stage::Done | Stage::Failed(..)) {
            return;
        }
        self.connected = false;
        if self.stage == Stage::Verified {
            self.stage = Stage::Running;
        }
        self.dtls = Some(self.fresh());
    }

    /// The leg ends: says so to a peer who has our keys.
    pub fn close(&mut self) {
        if let Some(dtls) = self.dtls.as_mut().filter(|_| self.stage == Stage::Done)
            && dtls.close().is_err()
        {
            (self.dtls, self.timeout) = (None, None);
        }
    }

    fn fail(&mut self, why: Failure) {
        self.stage = Stage::Failed(why, false);
        (self.dtls, self.timeout) = (None, None);
    }

    /// When [`Handshake::handle_timeout`] has something to do. Nothing after the deadline.
    pub fn next_timeout(&self) -> Option<Moment> {
        let over = self.dtls.is_none() && matches!(self.stage, Stage::Done | Stage::Failed(..));
        let next = self.timeout.map_or(self.deadline, |timeout| timeout.min(self.deadline));
        (!over).then_some(next)
    }

    /// The next thing it wants; datagrams are put into `buffer`.
    pub fn poll(&mut self, buffer: &mut [u8; super::shard::TRANSMIT_MAX]) -> Option<Output> {
        loop {
            if let Stage::Failed(why, said @ false) = &mut self.stage {
                *said = true;
                return Some(Output::Failed(*why));
            }
            let mut out = [0; OUTPUT_BYTES_MAX];
            match self.dtls.as_mut()?.poll_output(&mut out) {
                dimpl::Output::Packet(bytes) => {
                    let room = buffer.get_mut(..bytes.len());
                    if let Some(room) = room.filter(|_| bytes.len() <= DATAGRAM_BYTES_MAX) {
                        room.copy_from_slice(bytes);
                        return Some(Output::Send(bytes.len()));
                    }
                }
                dimpl::Output::Timeout(at) => {
                    let soon = self.now + Duration::from_millis(1);
                    self.timeout = Some(self.identity.moment(at).max(soon));
                    match self.stage {
                        // All was said, and no keys were among it.
                        Stage::Verified if self.connected => self.fail(Failure::NoKeys),
                        Stage::Waiting | Stage::Running if self.connected => {
                            self.fail(Failure::WrongCertificate);
                        }
                        Stage::Waiting
                        | Stage::Running
                        | Stage::Verified
                        | Stage::Done
                        | Stage::Failed(..) => return None,
                    }
                }
                dimpl::Output::PeerCert(certificate) => {
                    if self.stage == Stage::Done {
                        continue;
                    }
                    // Whoever shows another has not proven yet that it is theirs: anybody can
                    // forge so much. The keys will say.
                    let named = self.agreed.fingerprints.contains(&fingerprint(certificate));
                    self.stage = if named { Stage::Verified } else { Stage::Running };
                }
                dimpl::Output::KeyingMaterial(material, profile) => match self.stage {
                    Stage::Done | Stage::Failed(..) => {}
                    Stage::Verified => {
                        self.stage = Stage::Done;
                        let keys = keys(self.agreed.role, profile, &material);
                        match keys {
                            Some(keys) => return Some(Output::Keys(Box::new(keys))),
                            None => self.fail(Failure::NoKeys),
                        }
                    }
                    // Keys of somebody who has shown another certificate, or none.
                    Stage::Waiting | Stage::Running => self.fail(Failure::WrongCertificate),
                },
                dimpl::Output::Connected => self.connected = true,
                // Streams end when signaling says so; there is no other data on this way.
                dimpl::Output::CloseNotify | dimpl::Output::ApplicationData(_) => {}
                dimpl::Output::BufferTooSmall { .. } => {
                    self.begin_anew();
                    return None;
                }
                _ => {}
            }
        }
    }
}

/// The keys of both directions, RFC 5764 §4.2: client's key, server's key, client's salt, server's.
fn keys(role: DtlsRole, profile: SrtpProfile, material: &KeyingMaterial) -> Option<Srtp> {
    let suite = match profile {
        SrtpProfile::AEAD_AES_256_GCM => SrtpSuite::AeadAes256Gcm,
        SrtpProfile::AEAD_AES_128_GCM => SrtpSuite::AeadAes128Gcm,
        SrtpProfile::AES128_CM_SHA1_80 => SrtpSuite::AesCm128HmacSha1Tag80,
        _ => return None,
    };
    let (key, salt) = (suite.key_bytes(), suite.salt_bytes());
    let of = |n: usize| {
        let key = material.get(n * key..(n + 1) * key)?;
        let salts = material.get(2 * suite.key_bytes()..)?;
        SrtpKey::of(suite, &[key, salts.get(n * salt..(n + 1) * salt)?].concat())
    };
    let (client, server) = (of(0)?, of(1)?);
    Some(match role {
        DtlsRole::Client => Srtp { suite, send: client, receive: server },
        DtlsRole::Server => Srtp { suite, send: server, receive: client },
    })
}
