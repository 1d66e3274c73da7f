//! SIP-I: ISUP beside the description (ITU-T Q.1912.5 profile C, RFC 3204, RFC 3398), with trunks that
//! are set to it and with no others.
//!
//! What comes is read here and goes no further: a message of ours is made of what the call itself knows,
//! so that no number and no way of one network reaches another by it. CANCEL of ours has none, as it is
//! answered hop by hop; its Reason says the same.

use super::{cause, cause_of, reason};
use crate::isup::{
    Backward, Cause, Event, InitialAddress, Message as Isup, Nature, Number, Presentation,
    Redirection, SPEECH_LIKE,
};
use crate::sip::core::UserAgent;
use crate::sip::header::{self, NameAddr};
use crate::sip::message::Message;
use crate::sip::multipart::{self, Part};
use crate::sip::send::user_of;
use crate::sip::trunk::TrunkKey;
use crate::sip::uri::decimal;
use crate::sip::user_agent::{Destination, Invite};
use crate::sip::write::{Builder, Injection};
use terms::{Category, LegId, PhoneNumber};

/// What ours is (RFC 3204 §3.1).
pub(super) const KIND: &str = "application/isup;version=itu-t92+;base=itu-t92+";
/// Who does not know it may go on without.
pub(super) const DISPOSITION: &str = "signal;handling=optional";
/// What an IAM adds to an INVITE at most, headers and boundaries counted.
pub(super) const BYTES: usize = 400;
const MEDIA_TYPE: &str = "application/isup";
const DESCRIPTION: &str = "application/sdp";
/// The user says the number, and it was checked to be theirs (Q.763 §3.10): we show no other.
const CHECKED: u8 = 1;
/// Forwarded, and everything of it may be seen, or nothing (Q.763 §3.45).
const DIVERTED: u8 = 3;
const DIVERTED_RESTRICTED: u8 = 4;
/// Most diversions that are counted there.
const DIVERSIONS_MAX: u8 = 5;
/// Q.850: exchange routing error, bearer capability not implemented.
const ROUTING_ERROR: u8 = 25;
const NO_SUCH_BEARER: u8 = 65;

/// A refusal: status and headers.
type Refusal = (u16, Vec<(&'static str, String)>);

/// What the answers to a request have of ISUP.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::sip) enum Answering {
    /// To an INVITE with an IAM. `complete`: an ACM has gone back.
    Call { complete: bool },
    /// To a BYE with a REL.
    Release,
}

impl Answering {
    /// What goes with this answer, RFC 3398 §7.2 and §8.2.
    pub(in crate::sip) fn message(self, status: u16, extra: &[(&str, &str)]) -> Option<Vec<u8>> {
        let message = match (self, status) {
            (Answering::Call { complete: false }, 180) => {
                Isup::AddressComplete(Backward::ours(true))
            }
            (Answering::Call { complete: false }, 181..200) => {
                Isup::AddressComplete(Backward::ours(false))
            }
            (Answering::Call { complete: true }, 180) => Isup::Progress(Event::ALERTING),
            (Answering::Call { complete: true }, 183) => Isup::Progress(Event::IN_BAND),
            (Answering::Call { complete: true }, 181..200) => Isup::Progress(Event::PROGRESS),
            (Answering::Call { complete: true }, 200..300) => Isup::Answer,
            (Answering::Call { complete: false }, 200..300) => Isup::Connect(Backward::ours(true)),
            // 487: they have taken it back, and said REL themselves.
            (Answering::Call { .. }, 300..=486 | 488..) => {
                Isup::Release(Cause::ours(cause_in(extra).unwrap_or_else(|| cause_of(status))))
            }
            (Answering::Release, 200..300) => Isup::ReleaseComplete,
            (Answering::Call { .. } | Answering::Release, _) => return None,
        };
        Some(message.write())
    }

    /// What further answers to the same request have.
    pub(in crate::sip) const fn after(self, status: u16) -> Self {
        match (self, status) {
            (Answering::Call { .. }, 180..200) => Answering::Call { complete: true },
            _ => self,
        }
    }
}

/// The cause that these headers say.
fn cause_in(extra: &[(&str, &str)]) -> Option<u8> {
    let (_, reason) = extra.iter().find(|(name, _)| *name == "Reason")?;
    reason.rsplit_once("Q.850;cause=")?.1.parse().ok()
}

/// Ends a message with a description, ISUP, or both in two parts.
pub(in crate::sip) fn finish(
    mut builder: Builder,
    sdp: &str,
    isup: Option<Vec<u8>>,
) -> Result<Vec<u8>, Injection> {
    let Some(isup) = isup else { return builder.finish(DESCRIPTION, sdp.as_bytes()) };
    if sdp.is_empty() {
        builder.header("Content-Disposition", DISPOSITION);
        return builder.finish(KIND, &isup);
    }
    let parts = [Part::new(DESCRIPTION, "", sdp.as_bytes()), Part::new(KIND, DISPOSITION, &isup)];
    let (kind, body) = multipart::write(&parts);
    builder.header("MIME-Version", "1.0");
    builder.finish(&kind, &body)
}

/// What a message says in ISUP.
enum Said {
    Nothing,
    /// Something that is no ISUP of ours, or broken; whether it must not be passed over.
    Unreadable {
        required: bool,
    },
    Message(Isup),
}

fn said(message: &Message) -> Said {
    let parts = message.parts().unwrap_or_default();
    let Some(part) = parts.iter().find(|part| part.is(MEDIA_TYPE)) else { return Said::Nothing };
    match is_ours(part).then(|| Isup::parse(part.body)) {
        Some(Ok(message)) => Said::Message(message),
        Some(Err(_)) | None => Said::Unreadable { required: part.is_required() },
    }
}

/// ISUP of the ITU or of Europe, which is built upon it. A country's own version says what it is based
/// on; who says nothing means that of the ITU.
fn is_ours(part: &Part) -> bool {
    let based = part.param("base").or_else(|| part.param("version"));
    let based = based.map(<[u8]>::to_ascii_lowercase);
    let is_known = |based: &[u8]| based.starts_with(b"itu-t") || based.starts_with(b"etsi");
    part.is(MEDIA_TYPE) && part.is_plain() && based.is_none_or(|based| is_known(&based))
}

impl UserAgent {
    /// This trunk is set to it.
    pub(super) fn speaks_isup(&self, trunk: Option<TrunkKey>) -> bool {
        trunk.and_then(|key| self.trunks.get(key)).is_some_and(|trunk| trunk.plan.sip_i)
    }

    /// The IAM of their INVITE.
    pub(super) fn address_said(
        &self,
        request: &Message,
        trunk: Option<TrunkKey>,
    ) -> Option<Box<InitialAddress>> {
        match self.speaks_isup(trunk).then(|| said(request)) {
            Some(Said::Message(Isup::InitialAddress(address))) => Some(address),
            _ => None,
        }
    }

    /// The answers to this INVITE have ISUP where it has an IAM.
    pub(super) fn note_address(&mut self, tx: u64, request: &Message, trunk: Option<TrunkKey>) {
        if self.address_said(request, trunk).is_some()
            && let Some(server) = self.servers.get_mut(&tx)
        {
            server.isup = Some(Answering::Call { complete: false });
        }
    }

    /// The answer to this BYE has ISUP where it has a REL.
    pub(super) fn note_release(&mut self, tx: u64, request: &Message, trunk: Option<TrunkKey>) {
        let released =
            self.speaks_isup(trunk) && matches!(said(request), Said::Message(Isup::Release(_)));
        if released && let Some(server) = self.servers.get_mut(&tx) {
            server.isup = Some(Answering::Release);
        }
    }

    /// What stands against the body of their INVITE (RFC 3261 §8.2.3).
    pub(super) fn refusal_of_body(
        &mut self,
        request: &Message,
        trunk: Option<TrunkKey>,
    ) -> Option<Refusal> {
        let parts = match request.parts() {
            Ok(parts) if parts.is_empty() => return None,
            Ok(parts) => parts,
            Err(fault) => return Some((fault.status, Vec::new())),
        };
        let speaks = self.speaks_isup(trunk);
        let is_read =
            |part: &Part| part.is(DESCRIPTION) && part.is_plain() || speaks && is_ours(part);
        let is_read_of_any = request.sdp().is_some() || parts.iter().any(is_read);
        if !is_read_of_any || parts.iter().any(|part| part.is_required() && !is_read(part)) {
            let isup = if speaks { ", application/isup, multipart/mixed" } else { "" };
            return Some((415, vec![("Accept", format!("{DESCRIPTION}{isup}"))]));
        }
        match speaks.then(|| said(request)) {
            Some(Said::Message(Isup::InitialAddress(address))) => refusal_of_address(&address),
            Some(Said::Message(_)) => Some((400, vec![("Reason", reason(cause::PROTOCOL))])),
            Some(Said::Unreadable { required }) => {
                self.count("isup_unreadable");
                required.then(|| (400, vec![("Reason", reason(cause::PROTOCOL))]))
            }
            Some(Said::Nothing) | None => None,
        }
    }

    /// Why a call ends: the REL of a trunk that speaks it, else Reason. A cause of another list than
    /// Q.850 says nothing here.
    pub(super) fn cause_said(&self, message: &Message, trunk: Option<TrunkKey>) -> Option<u8> {
        let released = match self.speaks_isup(trunk).then(|| said(message)) {
            Some(Said::Message(Isup::Release(cause))) => cause.q850(),
            _ => None,
        };
        released.or_else(|| header::reason_cause(message))
    }

    /// A provisional answer says by ISUP that it rings.
    pub(super) fn says_ringing(&self, response: &Message, trunk: Option<TrunkKey>) -> bool {
        match self.speaks_isup(trunk).then(|| said(response)) {
            Some(Said::Message(message)) => message.is_alerting(),
            _ => false,
        }
    }

    /// Their INFO brings ISUP on a leg that speaks it, such as SUS where the callee hung up and may come
    /// back. The call goes on until a REL.
    pub(super) fn takes_isup(&self, leg: LegId, request: &Message) -> bool {
        self.legs.get(&leg).is_some_and(|state| state.isup)
            && matches!(said(request), Said::Message(_))
    }

    /// The REL of a leg that speaks it.
    pub(super) fn release_of(&self, leg: LegId, cause: u8) -> Option<Vec<u8>> {
        let speaks = self.legs.get(&leg).is_some_and(|state| state.isup);
        speaks.then(|| Isup::Release(Cause::ours(cause)).write())
    }

    /// The IAM of a call of ours over this trunk; none where it speaks no ISUP.
    pub(super) fn address_for(&self, key: TrunkKey, invite: &Invite) -> Option<Vec<u8>> {
        let trunk = self.trunks.get(key).filter(|trunk| trunk.plan.sip_i)?;
        let Destination::Trunk(_, _, number) = &invite.to else { return None };
        let country = self.tenants.get(&key.0).map_or("", |tenant| tenant.country.as_str());
        let category = invite.category.unwrap_or(Category::Ordinary);
        let mut address = InitialAddress::new(category, number_of(number, country, 0));
        let mut calling = number_of(&invite.from_user, country, CHECKED);
        if trunk.withholds() {
            calling.presentation = Presentation::Restricted;
        }
        if trunk.hides() || !calling.digits.bytes().any(|byte| byte.is_ascii_digit()) {
            calling = Number::unavailable();
        }
        address.calling = Some(calling);
        let diversion = invite.headers.iter().find(|(name, _)| name == "Diversion");
        if let Some((_, value)) = diversion.filter(|_| !trunk.hides()) {
            forward(&mut address, value.as_bytes(), country, trunk.withholds());
        }
        Some(Isup::InitialAddress(Box::new(address)).write())
    }
}

/// What stands against a call although it is well said: no exchange may pass it on, or its bearer is to
/// carry data.
fn refusal_of_address(address: &InitialAddress) -> Option<Refusal> {
    let refuse = |status, cause| Some((status, vec![("Reason", reason(cause))]));
    if address.hops == Some(0) {
        return refuse(483, ROUTING_ERROR);
    }
    if !SPEECH_LIKE.contains(&address.medium) {
        return refuse(488, NO_SUCH_BEARER);
    }
    None
}

/// Number and name of who calls, `anonymous` for who does not want them known. A trunk that is not
/// believed is heard for that wish alone.
pub(super) fn caller(
    (number, name): (String, String),
    address: Option<&InitialAddress>,
    believed: bool,
    country: &str,
) -> (String, String) {
    let Some(calling) = address.and_then(|address| address.calling.as_ref()) else {
        return (number, name);
    };
    if calling.is_restricted() {
        return ("anonymous".to_owned(), String::new());
    }
    let known = believed && number != "anonymous" && !calling.digits.is_empty();
    (if known { calling.dialled(country) } else { number }, name)
}

/// A number as the network writes it.
fn number_of(text: &str, country: &str, screening: u8) -> Number {
    let normal = PhoneNumber::parse(text, country).normal;
    let Some(full) = normal.strip_prefix('+') else {
        return Number::shown(Nature::Unknown, &normal, screening);
    };
    match full.strip_prefix(country).filter(|_| !country.is_empty()) {
        Some(national) => Number::shown(Nature::National, national, screening),
        None => Number::shown(Nature::International, full, screening),
    }
}

/// Says what Diversion says of who was called before, who is shown as the caller: where the callee is
/// not to know the one, they are not told by the other.
fn forward(address: &mut InitialAddress, diversion: &[u8], country: &str, withheld: bool) {
    let Some(said) = NameAddr::parse(diversion) else { return };
    let reason = match header::param(said.params, "reason") {
        Some(b"user-busy") => 1,
        Some(b"no-answer") => 2,
        Some(b"unconditional") => 3,
        _ => 0,
    };
    let count = header::param(said.params, "counter").and_then(decimal::<u8>).unwrap_or(1);
    let count = count.clamp(1, DIVERSIONS_MAX);
    let original_reason = if count == 1 { reason } else { 0 };
    let mut by = number_of(&user_of(Some(said)), country, 0);
    let mut indicator = DIVERTED;
    if withheld {
        by.presentation = Presentation::Restricted;
        indicator = DIVERTED_RESTRICTED;
    }
    address.redirecting = Some(by.clone());
    address.original_called = Some(by);
    address.redirection = Some(Redirection { indicator, original_reason, count, reason });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_written_as_the_network_writes_them() {
        for (text, country, nature, digits) in [
            ("13800138000", "86", Nature::National, "13800138000"),
            ("02155556666", "86", Nature::National, "2155556666"),
            ("+8613800138000", "86", Nature::National, "13800138000"),
            ("+442079460000", "86", Nature::International, "442079460000"),
            ("+8613800138000", "", Nature::International, "8613800138000"),
            ("95105688", "86", Nature::Unknown, "95105688"),
        ] {
            assert_eq!(number_of(text, country, 1), Number::shown(nature, digits, 1), "{text}");
        }
    }

    #[test]
    fn answers_have_the_message_that_belongs_to_them() {
        let call = |complete| Answering::Call { complete };
        let why = [("Retry-After", "5"), ("Reason", "Q.850;cause=34")];
        let elsewhere = reason(26);
        for (answering, status, extra, expected) in [
            (call(false), 100, &why[..0], None),
            (call(false), 180, &why[..0], Some(&[0x06, 0x16, 0x01, 0][..])),
            (call(false), 183, &why[..0], Some(&[0x06, 0x12, 0x01, 0])),
            (call(true), 180, &why[..0], Some(&[0x2C, 0x01, 0])),
            (call(true), 182, &why[..0], Some(&[0x2C, 0x02, 0])),
            (call(true), 183, &why[..0], Some(&[0x2C, 0x03, 0])),
            (call(true), 200, &why[..0], Some(&[0x09, 0])),
            (call(false), 200, &why[..0], Some(&[0x07, 0x16, 0x01, 0])),
            (call(true), 486, &why[..0], Some(&[0x0C, 2, 0, 2, 0x8A, 0x91])),
            (call(false), 503, &why[..], Some(&[0x0C, 2, 0, 2, 0x8A, 0xA2])),
            (call(false), 480, &[("Reason", &*elsewhere)], Some(&[0x0C, 2, 0, 2, 0x8A, 0x9A])),
            (call(true), 487, &why[..], None),
            (Answering::Release, 200, &why[..0], Some(&[0x10, 0])),
            (Answering::Release, 481, &why[..0], None),
        ] {
            let got = answering.message(status, extra);
            assert_eq!(got.as_deref(), expected, "{answering:?} {status}");
        }
        assert_eq!(call(false).after(100), call(false));
        assert_eq!(call(false).after(183), call(true));
    }
}
