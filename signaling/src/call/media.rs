//! Offer and answer for a leg: texts in and out of [`crate::sdp`], and what they agree to media.
//! Only this file knows that module.

use super::Call;
use crate::sdp::{self, Description, Local, Refused, Security};
use crate::switch::Cx;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use terms::LegId;
use terms::media::{Codec, Command, Port, Remote};

/// Our description of a leg whose port is open.
pub(super) fn local(
    rtp: SocketAddr,
    media_ip: Option<IpAddr>,
    session: u64,
    codecs: &[Codec],
    security: Security,
    port: Port,
) -> Local {
    let reached = SocketAddr::new(media_ip.unwrap_or(rtp.ip()), rtp.port());
    Local { codecs: codecs.to_vec(), security, port, ..Local::new(reached, session) }
}

/// A leg whose other end is ours too: it is told where it really receives, and no keys. `spoken` is what
/// whoever hears it speaks, so that the two are relayed.
pub(super) fn stay_inside(local: &mut Local, rtp: SocketAddr, spoken: Option<Codec>) {
    local.usual = match rtp.ip() {
        // To an address of every interface nothing can be sent.
        IpAddr::V4(ip) if ip.is_unspecified() => IpAddr::V4(Ipv4Addr::LOCALHOST),
        IpAddr::V6(ip) if ip.is_unspecified() => IpAddr::V6(Ipv6Addr::LOCALHOST),
        ip => ip,
    };
    local.tell(None);
    local.others.clear();
    local.security = Security::NONE;
    if let Some(codec) = spoken.filter(|codec| local.codecs.contains(codec)) {
        local.codecs = vec![codec];
    }
}

/// The port that the answer to an offer needs. What cannot be read is refused when it is answered.
pub(super) fn port(offer: &str) -> Port {
    // Most offers are those of a telephone, and need not be read twice.
    if !offer.contains("ice-ufrag") {
        return Port::Own;
    }
    Description::parse(offer).map_or(Port::Own, |description| description.port())
}

/// Our offer.
pub(super) fn offer(local: &Local) -> String {
    sdp::offer(local)
}

/// Our answer to their offer, and what is agreed by it.
pub(super) fn answer(
    local: &mut Local,
    text: &str,
    source: SocketAddr,
    nat: bool,
) -> Result<(String, Remote), Refused> {
    sdp::answer(local, &Description::parse(text)?, source.ip(), nat)
}

/// What their answer to our offer agreed.
pub(super) fn accept(
    local: &mut Local,
    text: &str,
    source: SocketAddr,
    nat: bool,
) -> Result<Remote, Refused> {
    sdp::accept(local, &Description::parse(text)?, source.ip(), nat)
}

/// The same offer for each other address that peers may be told, by this address. A browser is told
/// all of them at once.
pub(super) fn offers_elsewhere(local: &Local, addresses: Vec<IpAddr>) -> Vec<(IpAddr, String)> {
    if local.port == Port::Shared {
        return Vec::new();
    }
    let others = addresses.into_iter().filter(|ip| *ip != local.rtp.ip());
    let offer_at = |ip: IpAddr| {
        let mut local = local.clone();
        local.tell(Some(ip));
        (ip, sdp::offer(&local))
    };
    others.map(offer_at).collect()
}

impl Call {
    /// Our description of a leg names the address that the peer reaches from where it signals, or the
    /// one that its trunk says. Who has moved is told so the next time that we describe ourselves.
    pub(super) fn tell_where(&mut self, cx: &Cx, id: LegId) {
        // On an open line there is nobody else to tell.
        let Some(leg) = self.legs.get_mut(&id).filter(|leg| leg.wire.is_none()) else { return };
        let trunk = leg.trunk.and_then(|trunk| self.plan.trunk(trunk));
        let source = leg.source.ip();
        // Who is called has signalled from nowhere yet.
        let of_network = || {
            let told = cx.world.config.reach.at(source).filter(|_| !source.is_unspecified());
            told.map(|told| told.media)
        };
        let told = trunk.and_then(|trunk| trunk.advertise).or_else(of_network);
        if let Some(local) = leg.local() {
            local.tell(told);
        }
    }

    /// Gives media what was agreed. Keys that a signalling transport in clear has carried are
    /// counted: whoever hears it can hear the call.
    pub(super) fn connect_media(&mut self, cx: &mut Cx, id: LegId, remote: Remote) {
        if let Some(leg) = self.legs.get_mut(&id) {
            leg.codec = Some(remote.send.codec);
        }
        let in_clear = self.legs.get(&id).is_none_or(|leg| !leg.encrypted);
        cx.world.keys_in_clear += u64::from(remote.srtp.is_some() && in_clear);
        cx.media(Command::Connect { leg: id, remote: Box::new(remote) });
    }
}
