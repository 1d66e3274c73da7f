//! The tenant of the world: the hotline of signaling's own stories, with phones that have passwords.

use signaling::sip::digest::Algorithm;
use signaling::switch::rig::demo_plan;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use terms::media::{SrtpPolicy, TrunkT38};
use terms::routing::{CallerRule, Credential, EarlyMedia, Listening, Plan, Trunk};
use terms::{AgentId, ConferenceId, TenantId, TrunkId};

/// The tenant.
pub const TENANT: TenantId = TenantId(1);
/// Realm of passwords.
pub const REALM: &str = "world";
/// The hotline: welcome, menu, queue 1.
pub const HOTLINE: &str = "95105688";
/// Queue 1 without the flow.
pub const QUEUE: &str = "95105600";
/// Agent 1.
pub const DIRECT: &str = "95105601";
/// A message for queue 1.
pub const VOICEMAIL: &str = "95105602";
/// Leads into the conference room.
pub const MEETING: &str = "95105603";
/// The room: recorded, four members, with these PINs.
pub const ROOM: ConferenceId = ConferenceId(1);
/// Its number inside.
pub const ROOM_NUMBER: &str = "8101";
/// What guests type.
pub const GUEST_PIN: &str = "4711#";
/// What the chairperson types.
pub const CHAIR_PIN: &str = "815471#";
/// A number outside.
pub const OUTSIDE: &str = "013811112222";
/// Somebody outside who comes when a meeting calls.
pub const GUEST: &str = "013811113333";

/// The box.
pub const BOX_IP: IpAddr = IpAddr::V4(Ipv4Addr::new(10, 0, 0, 1));
/// The public network.
pub const CITY_IP: IpAddr = IpAddr::V4(Ipv4Addr::new(10, 0, 1, 1));
/// The port of SIP.
pub const SIP_PORT: u16 = 5060;

/// Where an agent's phone is.
pub fn phone_ip(agent: AgentId) -> IpAddr {
    IpAddr::V4(Ipv4Addr::new(10, 0, 2, agent.0 as u8))
}

/// An agent's SIP user, also the short number.
pub fn user(agent: AgentId) -> String {
    format!("{}", 1_000 + agent.0)
}

fn password(agent: AgentId) -> String {
    format!("secret-{agent}")
}

/// What the box knows.
pub fn box_plan() -> Plan {
    let mut plan = demo_plan();
    plan.realm = REALM.to_owned();
    for agent in &mut plan.agents {
        let parts = [agent.sip_user.clone(), REALM.to_owned(), password(agent.id)];
        let parts: Vec<&[u8]> = parts.iter().map(|part| part.as_bytes()).collect();
        agent.ha1_md5 = Algorithm::Md5.hash(&parts);
        agent.ha1_sha256 = Algorithm::Sha256.hash(&parts);
    }
    for trunk in &mut plan.trunks {
        trunk.sources = vec![CITY_IP.to_string()];
        trunk.trusted = true;
        trunk.proxy = format!("sip:{}", SocketAddr::new(CITY_IP, SIP_PORT));
    }
    plan
}

/// What a phone knows: the box is its trunk, and it registers there. The city (no agent) does not.
pub fn phone_plan(agent: Option<AgentId>) -> Plan {
    let mut plan = Plan::empty(TENANT, "phone");
    let outbound = agent.map(|agent| Credential {
        user: user(agent),
        password: password(agent),
        realm: REALM.to_owned(),
    });
    plan.version = 1;
    plan.trunks = vec![Trunk {
        id: TrunkId(1),
        name: "box".into(),
        sources: vec![BOX_IP.to_string()],
        proxy: format!("sip:{}", SocketAddr::new(BOX_IP, SIP_PORT)),
        register: outbound.is_some(),
        outbound,
        register_each: false,
        register_expires_s: 120,
        inbound_digest: None,
        caller_number: agent.map(user).unwrap_or_default(),
        caller_numbers: Vec::new(),
        calls_max: 1_000,
        calls_per_s_max: 1_000,
        prefixes: vec![String::new()],
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
    }];
    plan
}
