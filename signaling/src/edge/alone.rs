//! Signaling alone, for benches and tests: media that is done with everything at once, and a plan whose
//! trunk and agents are on this machine.

use super::signaling::{Config, Error, Handle, Signaling};
use super::{doors, journal};
use crate::sip::digest::Algorithm;
use crate::switch;
use std::collections::BTreeSet;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;
use std::sync::mpsc::{Receiver, channel};
use std::sync::{Arc, OnceLock};
use terms::control::Response;
use terms::media::{self, PlayEnd, Quality, SrtpPolicy, TrunkT38};
use terms::routing::{Agent, CallerRule, EarlyMedia, Listening, Trunk};
use terms::{AgentId, TrunkId};

/// Listens for datagrams on a port of the system's choice, with the product's usual limits, and
/// bans nobody.
pub fn config(data: &Path) -> Config {
    let local = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
    Config {
        udp: vec![local],
        tcp: Vec::new(),
        doors: doors::Config::default(),
        connections_of_address_max: 1_000,
        advertise: local.ip(),
        reach: Arc::default(),
        data: data.into(),
        digest: vec![Algorithm::Sha256, Algorithm::Md5],
        realm: "switchgrid".into(),
        dialogs_max: 1_000,
        requests_per_s_max: 2_000,
        session_expires_s: 1_800,
        allowed: Vec::new(),
        bans: crate::sip::bans::Limits::default(),
        name_servers: Vec::new(),
        journal: journal::Config::default(),
        switch: switch::Config::default(),
        seed: 4711,
        secret: switch::Secret([47; 32]),
        live: None,
        media_legs: BTreeSet::new(),
    }
}

/// Starts it, and gives back where its answers come.
///
/// # Errors
/// See [`Error`].
///
/// # Panics
/// When a step of a flow asks a server, a database or a bot: there is nobody to ask.
pub fn start(config: Config) -> Result<(Signaling, Receiver<Response>), Error> {
    let (send, answers) = channel();
    let handle: Arc<OnceLock<Handle>> = Arc::new(OnceLock::new());
    let media = handle.clone();
    let signaling = Signaling::start(
        config,
        Box::new(move |command| agree(&media, command)),
        // Who asked may have gone.
        Box::new(move |response| send.send(response).unwrap_or_default()),
        Box::new(|ask| panic!("no flow here asks {}", ask.url)),
        Box::new(|ask| panic!("no flow here asks {}", ask.connector.name)),
        Box::new(|ask| panic!("no flow here asks for the order {}", ask.number)),
        Box::new(|ask| panic!("no flow here speaks with {}", ask.connector.name)),
    )?;
    // Media waits for it; nobody else sets it.
    let _ = handle.set(signaling.handle());
    Ok((signaling, answers))
}

/// Media that is done with everything at once, but for music.
fn agree(handle: &OnceLock<Handle>, command: media::Command) {
    let event = match command {
        media::Command::Open { leg, .. } => {
            media::Event::Opened { leg, rtp: SocketAddr::from((Ipv4Addr::LOCALHOST, 20_000)) }
        }
        media::Command::Play { leg, playback } if !playback.looped => {
            media::Event::PlayDone { leg, playback: playback.id, end: PlayEnd::Finished }
        }
        media::Command::Release { leg } => {
            media::Event::Released { leg, quality: Quality::default() }
        }
        _ => return,
    };
    handle.wait().media_event(event);
}

/// This machine as a trunk, with so many calls at a time and a second.
pub fn trunk(caller_number: &str, calls_max: u32) -> Trunk {
    Trunk {
        id: TrunkId(1),
        name: "here".into(),
        sources: vec!["127.0.0.1/32".into()],
        proxy: "sip:127.0.0.1:5999".into(),
        outbound: None,
        register: false,
        register_each: false,
        register_expires_s: 300,
        inbound_digest: None,
        caller_number: caller_number.into(),
        caller_numbers: Vec::new(),
        calls_max,
        calls_per_s_max: calls_max,
        prefixes: Vec::new(),
        codecs: Vec::new(),
        srtp: SrtpPolicy::Off,
        t38: TrunkT38::Allow,
        advertise: None,
        ca: String::new(),
        certificate: None,
        certificate_names: Vec::new(),
        order: 0,
        weight: 0,
        options_every_s: 0,
        caller_rule: CallerRule::Dialled,
        trusted: false,
        early_media: EarlyMedia::Pass,
        listening: Listening::default(),
        sip_i: false,
        requires_prack: false,
    }
}

/// An agent whose phone knows this user and password.
pub fn agent(id: AgentId, user: &str, password: &str, realm: &str) -> Agent {
    let parts: [&[u8]; 3] = [user.as_bytes(), realm.as_bytes(), password.as_bytes()];
    Agent {
        id,
        number: user.to_owned(),
        name: format!("agent {user}"),
        sip_user: user.to_owned(),
        ha1_md5: Algorithm::Md5.hash(&parts),
        ha1_sha256: Algorithm::Sha256.hash(&parts),
        codes: Vec::new(),
        pickup_any: false,
        skills: Vec::new(),
        calling: Default::default(),
        phone: Default::default(),
        ringing: Default::default(),
        sign_in_pin: String::new(),
    }
}
