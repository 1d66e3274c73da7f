//! Their INVITE outside of a dialog: a new incoming leg (RFC 3261 §13.3).

use super::{Leg, Stage, cause, sip_i};
use crate::sdp::is_private;
use crate::sip::core::UserAgent;
use crate::sip::dialog::Dialog;
use crate::sip::flow::{CONTACT_USER, Flow};
use crate::sip::header::{self, NameAddr};
use crate::sip::message::{Message, Name};
use crate::sip::receive::Proof;
use crate::sip::registrar::Who;
use crate::sip::send::user_of;
use crate::sip::trunk::{RETRY_AFTER_S, TrunkKey};
use crate::sip::uri::{Uri, decimal, ip_of};
use crate::sip::user_agent::{Charging, Event, Incoming, Origin, SERVERS_USUAL};
use crate::switch::Now;
use terms::{Category, LegId, PhoneNumber, TenantId};

/// Longest text of a header that is kept for the log.
const TEXT_BYTES_MAX: usize = 256;
/// Longest identity of a call's accounts that is passed on.
const ICID_BYTES_MAX: usize = 128;
/// Longest list of places where accounts are kept that is passed on.
const ADDRESSES_BYTES_MAX: usize = 512;

/// Who begins the leg: a trunk or an agent's phone.
#[derive(Clone, Copy)]
struct Whose {
    trunk: Option<TrunkKey>,
    phone: Option<Who>,
}

impl UserAgent {
    pub(in crate::sip) fn on_invite(&mut self, now: Now, flow: Flow, request: &Message) {
        let (tenant, origin) = match self.prove(now, flow, request) {
            Proof::Agent((tenant, agent)) => (tenant, Origin::Agent(agent)),
            Proof::Trunk(key) => (key.0, Origin::Trunk(key.1)),
            Proof::None => return,
        };
        let (trunk, phone) = match origin {
            Origin::Agent(agent) => (None, Some((tenant, agent))),
            Origin::Trunk(trunk) => (Some((tenant, trunk)), None),
        };
        if self.draining || self.legs.len() >= self.config.dialogs_max {
            self.count("refused_dialogs");
            return self.reply_busy(now, flow, request);
        }
        let replaced = self.replaced(request, trunk, phone);
        let joined = self.joined(request, phone);
        let tag = self.token();
        let Some(tx) = self.start_server(now, flow, request, &tag) else { return };
        self.note_address(tx, request, trunk);
        let refusal = match replaced.and(joined) {
            Ok(_) => self.refusal_of(now, request, trunk),
            Err(status) => {
                self.count("refused_replaces");
                Some((status, Vec::new()))
            }
        };
        if let Some((status, extra)) = refusal {
            let extra: Vec<(&str, &str)> = extra.iter().map(|(n, v)| (*n, v.as_str())).collect();
            self.respond(now, tx, status, &extra, None);
            return;
        }
        self.respond(now, tx, 100, &[], None);
        let whose = Whose { trunk, phone };
        let Some(leg) = self.open_incoming(now, flow, request, tx, &tag, whose) else {
            if let Some(trunk) = trunk {
                self.trunks.leave(trunk);
            }
            self.respond(now, tx, 400, &[], None);
            return;
        };
        let mut incoming = self.describe(leg, flow, request, tenant, origin);
        incoming.replaces = replaced.ok().flatten();
        incoming.join = joined.ok().flatten();
        self.count("calls_in");
        self.emit(Event::Incoming(Box::new(incoming)));
    }

    /// What stands against this call before anybody looks at the number.
    fn refusal_of(
        &mut self,
        now: Now,
        request: &Message,
        trunk: Option<TrunkKey>,
    ) -> Option<(u16, Vec<(&'static str, String)>)> {
        if self.is_merged(request) {
            return Some((482, Vec::new()));
        }
        if let Some(refusal) = self.refusal_of_body(request, trunk) {
            return Some(refusal);
        }
        let encoding = request.first(Name::ContentEncoding);
        if encoding.is_some_and(|coding| !coding.eq_ignore_ascii_case(b"identity")) {
            return Some((415, vec![("Accept-Encoding", "identity".to_owned())]));
        }
        if !takes_descriptions(request) {
            return Some((406, Vec::new()));
        }
        if let Some(min) = super::session_timer::too_short(request) {
            return Some((422, vec![("Min-SE", min.to_string())]));
        }
        let trunk = trunk.and_then(|key| self.trunks.get_mut(key))?;
        if trunk.enter(now.moment) {
            return None;
        }
        self.count("refused_trunk_limit");
        Some((503, vec![("Retry-After", RETRY_AFTER_S.to_string())]))
    }

    /// The same INVITE on two ways through a proxy (RFC 3261 §8.2.2.2).
    fn is_merged(&self, request: &Message) -> bool {
        self.merging.contains(&merge_key(request))
    }

    fn open_incoming(
        &mut self,
        now: Now,
        flow: Flow,
        request: &Message,
        tx: u64,
        tag: &str,
        whose: Whose,
    ) -> Option<LegId> {
        let first_seq = 1 + (self.number() as u32 & 0xFFFF);
        let dialog = Dialog::from_request(request, tag, first_seq)?;
        let leg_id = LegId(self.ids.next(now.wall));
        let nat = is_behind_nat(request, &flow);
        let hop = self.hop_to(dialog.next_hop(), flow, nat && !dialog.has_routes()).of(whose.trunk);
        let mut leg = Leg::new(Stage::Incoming, flow, hop);
        leg.nat = nat;
        (leg.trunk, leg.phone) = (whose.trunk, whose.phone);
        leg.pickup = whose.phone.map(|_| self.token());
        leg.late = request.sdp().is_none();
        leg.takes_update = request.lists(Name::Allow, "UPDATE");
        let wanted_s = self.config.session_expires_s;
        leg.session_timer = super::session_timer::asked(now.moment, request, wanted_s);
        leg.reliable = super::prack::required(request);
        leg.invite = Some(tx);
        leg.invite_seq = request.cseq().map_or(0, |cseq| cseq.number);
        leg.dialog = Some(dialog);
        if let Some(server) = self.servers.get_mut(&tx) {
            server.leg = Some(leg_id);
            server.hop.trunk = whose.trunk;
            leg.isup = server.isup.is_some();
        }
        leg.merge_key = Some(merge_key(request));
        self.merging.insert(merge_key(request));
        self.tags.insert(tag.to_owned(), leg_id);
        self.legs.insert(leg_id, leg);
        self.light(leg_id);
        self.arm_leg(leg_id);
        Some(leg_id)
    }

    /// What the switch hears. An agent's number is the one of their password, whatever From says
    /// (CVE-2025-47779); the caller of a trusted trunk is P-Asserted-Identity, else From.
    fn describe(
        &self,
        leg: LegId,
        flow: Flow,
        request: &Message,
        tenant: TenantId,
        origin: Origin,
    ) -> Incoming {
        let view = self.tenants.get(&tenant);
        let country = view.map_or("", |view| view.country.as_str());
        let believed = match origin {
            Origin::Agent(_) => false,
            Origin::Trunk(id) => {
                self.trunks.get((tenant, id)).is_some_and(|trunk| trunk.plan.trusted)
            }
        };
        let address = match origin {
            Origin::Agent(_) => None,
            Origin::Trunk(id) => self.address_said(request, Some((tenant, id))),
        };
        let (caller, caller_name) = match origin {
            Origin::Agent(agent) => {
                view.and_then(|view| view.agents.get(&agent)).cloned().unwrap_or_default()
            }
            Origin::Trunk(_) => {
                let said = trunk_caller(request, believed);
                sip_i::caller(said, address.as_deref(), believed, country)
            }
        };
        let text = |name| header::text(request.first(name).unwrap_or_default(), TEXT_BYTES_MAX);
        Incoming {
            leg,
            tenant,
            origin,
            by_code: matches!(origin, Origin::Agent(_)) && !self.is_proven_as(request, &caller),
            called: called(request),
            caller: PhoneNumber::parse(&caller, country),
            caller_name,
            call_id: text(Name::CallId),
            user_agent: text(Name::UserAgent),
            sdp: request.sdp(),
            source: flow.remote,
            encrypted: flow.transport.is_encrypted(),
            nat: self.legs.get(&leg).is_some_and(|leg| leg.nat),
            servers_left: servers_left(request),
            diverted: diverted(request).max(address.as_ref().map_or(0, |said| said.diversions())),
            category: match (origin, &address) {
                (Origin::Agent(_), _) => None,
                (Origin::Trunk(_), Some(address)) => Some(address.category()),
                (Origin::Trunk(_), None) => category(request, believed),
            },
            charging: believed.then(|| charging(request)).flatten(),
            replaces: None,
            join: None,
        }
    }

    /// The credentials are those of this user.
    fn is_proven_as(&self, request: &Message, user: &str) -> bool {
        let digest = self.credentials(request).and_then(header::Digest::parse);
        digest.and_then(|digest| digest.get("username")).is_some_and(|name| name == user.as_bytes())
    }

    /// CANCEL, BYE or a timer took an incoming leg that waits for its answer.
    pub(super) fn withdraw(&mut self, now: Now, leg: LegId, cause: u8) {
        if let Some(tx) = self.legs.get(&leg).and_then(|leg| leg.invite) {
            self.respond(now, tx, 487, &[], None);
        }
        self.end(leg, if cause == 0 { cause::NORMAL } else { cause });
    }
}

/// Accept leaves room for the description that our answer is (RFC 4475 §3.3.15). An Accept that
/// names nothing is a slip, and no wish to hear nothing.
fn takes_descriptions(request: &Message) -> bool {
    let mut kinds = request.list(Name::Accept).peekable();
    let taken = ["application/sdp", "application/*", "*/*"];
    kinds.peek().is_none()
        || kinds.any(|kind| {
            let kind = kind.split(|&b| b == b';').next().unwrap_or_default();
            taken.iter().any(|taken| header::trim(kind).eq_ignore_ascii_case(taken.as_bytes()))
        })
}

/// Call-ID, From tag and CSeq: the same for all copies of one request.
fn merge_key(request: &Message) -> Box<[u8]> {
    let seq = request.cseq().map_or(0, |cseq| cseq.number).to_be_bytes();
    let tag = request.from_tag().unwrap_or_default();
    [request.call_id(), b" ", tag, b" ", &seq].concat().into()
}

fn servers_left(request: &Message) -> u8 {
    let said = request.first(Name::MaxForwards).map(header::trim);
    said.and_then(decimal::<u8>).unwrap_or(SERVERS_USUAL)
}

/// Each Diversion counts for one, or for what it says of those before it; of History-Info (RFC 7044) each
/// target that took the place of another. Some networks say both.
fn diverted(request: &Message) -> u8 {
    let times =
        |item: &[u8]| header::param(item, "counter").and_then(decimal::<u8>).unwrap_or(1).max(1);
    let diversions = request.list(Name::Diversion).map(times).fold(0, u8::saturating_add);
    let history = request.other("History-Info").into_iter().flat_map(header::split_list);
    let is_other = |item: &&[u8]| {
        NameAddr::parse(item).is_some_and(|said| header::param(said.params, "mp").is_some())
    };
    diversions.max(u8::try_from(history.filter(is_other).count()).unwrap_or(u8::MAX))
}

/// The number that was dialled. Who calls the contact that we registered says it besides: as the
/// callee whom a home network had found (P-Called-Party-ID, RFC 7315 §4.2), else in To.
pub(in crate::sip) fn called(request: &Message) -> String {
    let asked = Uri::parse(request.uri()).map(|uri| uri.user_text()).unwrap_or_default();
    if asked != CONTACT_USER {
        return asked;
    }
    let party = request.other("P-Called-Party-ID").and_then(NameAddr::parse);
    user_of(party.or(request.to()))
}

/// Who is asserted. A network may say a name and a number (RFC 3325 §9.1): the number is who calls.
fn asserted<'a>(request: &Message<'a>) -> Option<NameAddr<'a>> {
    let all = || request.list(Name::PAssertedIdentity).take(2).filter_map(NameAddr::parse);
    let is_number = |address: &NameAddr| {
        let user = user_of(Some(*address));
        let digits = user.strip_prefix('+').unwrap_or(&user);
        !digits.is_empty() && digits.chars().all(|c| c.is_ascii_digit() || matches!(c, '-' | '.'))
    };
    all().find(is_number).or_else(|| all().next())
}

/// Who calls, as gateways said it before there was P-Asserted-Identity (Remote-Party-ID, never a
/// standard and still the only word of some).
fn remote_party<'a>(request: &Message<'a>) -> Option<NameAddr<'a>> {
    let said = NameAddr::parse(request.other("Remote-Party-ID")?)?;
    let party = header::param(said.params, "party");
    party.is_none_or(|party| party.eq_ignore_ascii_case(b"calling")).then_some(said)
}

/// Number and name; `anonymous` for who does not want them known. Of a trunk that is not believed what
/// it asserts is read over, but for the wish to stay unknown.
pub(in crate::sip) fn trunk_caller(request: &Message, believed: bool) -> (String, String) {
    let by_gateway = || remote_party(request);
    let said = asserted(request).or_else(by_gateway);
    let known = said.filter(|_| believed);
    let name = known.or(request.from()).map(|from| from.display_text()).unwrap_or_default();
    let private = request.first(Name::Privacy).is_some_and(|value| {
        value.split(|&b| b == b';').any(|item| header::trim(item).eq_ignore_ascii_case(b"id"))
    });
    let withheld = said.and_then(|said| header::param(said.params, "privacy"));
    if private || withheld.is_some_and(|what| !what.eq_ignore_ascii_case(b"off")) {
        return ("anonymous".to_owned(), String::new());
    }
    (user_of(known.or(request.from())), name)
}

/// The calling party's category: beside the number or in its URI (3GPP TS 24.229 §7.2A.12), of who is
/// asserted before who says so themselves.
fn category(request: &Message, believed: bool) -> Option<Category> {
    let known = asserted(request).filter(|_| believed);
    let said = [known, request.from()].into_iter().flatten().find_map(|address| {
        let uri = address.parsed_uri()?;
        let beside = uri.user.and_then(|user| header::param(user, "cpc"));
        beside.or_else(|| uri.param("cpc")).or_else(|| header::param(address.params, "cpc"))
    })?;
    Some(Category::of(&header::text(said, TEXT_BYTES_MAX)))
}

/// What the network says of how the call is charged; nothing where it is no text that could be passed on.
fn charging(request: &Message) -> Option<Charging> {
    let is_plain = |text: &&[u8]| text.iter().all(|byte| matches!(byte, b' '..=b'~'));
    let text = |text: &[u8]| String::from_utf8_lossy(text).into_owned();
    let icid = header::param(request.other("P-Charging-Vector")?, "icid-value")?;
    let icid = Some(header::unquote(icid)).filter(is_plain)?;
    let fits = !icid.is_empty() && icid.len() <= ICID_BYTES_MAX;
    if !fits || icid.iter().any(|byte| matches!(byte, b'"' | b'\\')) {
        return None;
    }
    let addresses = request.other("P-Charging-Function-Addresses");
    let addresses = addresses.filter(|value| value.len() <= ADDRESSES_BYTES_MAX).filter(is_plain);
    Some(Charging { icid: text(icid), addresses: addresses.map(text) })
}

/// The phone's own idea of its address is not where its messages come from. Behind a proxy the
/// Contact says nothing about the way to it.
fn is_behind_nat(request: &Message, flow: &Flow) -> bool {
    let source = flow.remote.ip().to_canonical();
    let via = request.via().and_then(|via| ip_of(via.host));
    if via.is_some_and(|said| said.to_canonical() != source) {
        return true;
    }
    let contact = request.contact().and_then(|contact| contact.parsed_uri()?.ip());
    request.occurrences(Name::RecordRoute) == 0
        && request.list(Name::Via).count() == 1
        && contact.is_some_and(|said| {
            said.to_canonical() != source && (is_private(said) || said.is_unspecified())
        })
}
