//! Where each agent's phones are, RFC 3261 §10 and RFC 5626's idea of a flow: a phone behind NAT is
//! reached where its REGISTER came from, whatever its Contact says.

mod apps;
mod flows;

pub(crate) use apps::AppsAlone;
pub(crate) use flows::{FLOW_TIMER_S, by_phone, is_kept};

use super::flow::{ConnectionId, Flow, Hop, Host, Transport};
use super::header::{NameAddr, param, trim};
use super::message::{Fault, Message, Name};
use super::uri::{Uri, decimal};
use crate::kept::octets;
use flows::instance_of;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::net::SocketAddr;
use std::time::Duration;
use terms::{AgentId, Moment, TenantId};

/// Whose phone it is.
pub(crate) type Who = (TenantId, AgentId);

/// Bounds of a registration.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Shortest life in seconds; less is answered 423.
    pub expires_min_s: u32,
    /// Longest life in seconds; more is cut.
    pub expires_max_s: u32,
    /// Life when none is asked for.
    pub expires_default_s: u32,
    /// Most contacts of one agent; the oldest makes room.
    pub contacts_max: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Limits { expires_min_s: 30, expires_max_s: 7200, expires_default_s: 3600, contacts_max: 5 }
    }
}

/// One phone.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Binding {
    #[serde(with = "octets")]
    pub(crate) contact: Box<[u8]>,
    #[serde(with = "octets")]
    call_id: Box<[u8]>,
    seq: u32,
    pub(crate) expires_at: Moment,
    pub(crate) flow: Flow,
    /// Contact and source differ: a NAT stands between.
    pub(crate) nat: bool,
    /// Which phone it is, and which of its ways (RFC 5626 §4.1 and §4.2); empty where it says none.
    #[serde(with = "octets")]
    instance: Box<[u8]>,
    /// The name with which it proved whose it is: the agent's short number, or that of a code.
    #[serde(with = "octets")]
    user: Box<[u8]>,
}

impl Binding {
    /// Names its Contact to those who watch: the same for as long as it is the same, on each way.
    pub(crate) fn id(&self) -> u64 {
        let mut hasher = DefaultHasher::new();
        self.contact.hash(&mut hasher);
        self.instance.hash(&mut hasher);
        hasher.finish()
    }

    /// Where requests to this phone go.
    pub(crate) fn hop(&self) -> Hop {
        let mut hop = Hop::from(self.flow);
        let contact = Uri::parse(&self.contact).and_then(|uri| uri.address());
        if let Some(address) = contact.filter(|_| !self.nat && self.flow.connection.is_none()) {
            hop.host = Host::Address(address);
        }
        hop
    }
}

/// How a phone came to be registered no more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Left {
    /// It said so, or took another Contact.
    Unregistered,
    /// Its time was over.
    Expired,
    /// The connection that it was reached by is closed; it is welcome to come back.
    Deactivated,
    /// Another phone took its place, or the agent is no more.
    Rejected,
}

/// What a REGISTER did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Registered {
    /// Contact values for the 200.
    pub(crate) contacts: Vec<Vec<u8>>,
    /// The first binding came (true) or the last one went (false).
    pub(crate) turned: Option<bool>,
    /// Contacts that these phones had before a kill took their connections.
    pub(crate) before: Vec<Box<[u8]>>,
}

#[derive(Debug, Default)]
pub(crate) struct Registrar {
    bindings: HashMap<Who, Vec<Binding>>,
    sources: HashMap<(Transport, SocketAddr), Who>,
    expiries: BTreeSet<(Moment, Who)>,
    connections: HashMap<ConnectionId, Vec<Who>>,
    /// Phones whose connection ended with the process before, and how long they are waited for.
    lost: HashMap<Who, Vec<Binding>>,
    lost_until: Option<Moment>,
    /// Who changed, for those who keep it; no more than there are agents.
    touched: BTreeSet<Who>,
    /// Who changed since it was said who has a browser, and who was said to have one.
    moved: BTreeSet<Who>,
    browsers: BTreeSet<Who>,
    /// Whose browser came over a new connection since then.
    came: BTreeSet<Who>,
    /// Who changed since it was said whose phones are those of codes alone, and whose were said to be.
    stirred: BTreeSet<Who>,
    alone: BTreeMap<Who, AppsAlone>,
    /// Who changed since this was asked for those who watch, and which of their phones left.
    news: BTreeMap<Who, Vec<(u64, Left)>>,
}

impl Registrar {
    /// The phones of an agent.
    pub(crate) fn bindings(&self, who: Who) -> &[Binding] {
        self.bindings.get(&who).map_or(&[], Vec::as_slice)
    }

    /// Whose phone signals from exactly there.
    pub(crate) fn owner_of(&self, flow: &Flow) -> Option<Who> {
        self.sources.get(&(flow.transport, flow.remote)).copied()
    }

    pub(crate) fn next_timeout(&self) -> Option<Moment> {
        let expires = self.expiries.first().map(|(at, _)| *at);
        [expires, self.lost_until].into_iter().flatten().min()
    }

    /// Phones of an agent that may come back over a new connection.
    pub(crate) fn lost(&self, who: Who) -> &[Binding] {
        self.lost.get(&who).map_or(&[], Vec::as_slice)
    }

    /// How long phones are waited for whose connection is lost; none where there are none.
    pub(crate) fn lost_until(&self) -> Option<Moment> {
        self.lost_until
    }

    /// What is kept of an agent's phones.
    pub(crate) fn kept(&self, who: Who) -> Vec<&Binding> {
        self.bindings(who).iter().chain(self.lost(who)).collect()
    }

    /// Applies an authenticated REGISTER (RFC 3261 §10.3).
    ///
    /// # Errors
    /// 400 for a bad Contact, 423 for too short a life, 403 over the limit of contacts.
    pub(crate) fn register(
        &mut self,
        now: Moment,
        (who, user): (Who, &[u8]),
        request: &Message,
        flow: Flow,
        limits: &Limits,
    ) -> Result<Registered, Fault> {
        let asked = Asked::read(request, limits)?;
        let was = self.bindings.contains_key(&who);
        let mut list = self.remove(who);
        self.part(who, &mut list, Left::Expired, |binding| binding.expires_at > now);
        let mut before = Vec::new();
        match asked {
            Asked::Query => {}
            Asked::Nothing => {
                self.lost.remove(&who);
                self.part(who, &mut list, Left::Unregistered, |_| false);
            }
            Asked::Contacts(contacts) => {
                let call_id = request.call_id();
                let seq = request.cseq().map_or(0, |cseq| cseq.number);
                for Wanted { contact, expires_s, instance } in contacts {
                    before.extend(self.take_lost(who, &contact, &instance));
                    let old = list.iter().position(|b| b.is_of(&contact, &instance));
                    // A REGISTER that was overtaken changes nothing (RFC 3261 §10.3 step 7).
                    let late =
                        old.is_some_and(|at| *list[at].call_id == *call_id && list[at].seq >= seq);
                    if late {
                        continue;
                    }
                    let known = old.is_some_and(|at| list[at].flow == flow);
                    if let Some(at) = old {
                        let gone = list.remove(at);
                        let is_same = *gone.contact == *contact && *gone.instance == *instance;
                        if expires_s == 0 || !is_same {
                            self.note_left(who, &gone, Left::Unregistered);
                        }
                    }
                    if expires_s > 0 {
                        let expires_at = now + Duration::from_secs(u64::from(expires_s));
                        let user = user.into();
                        let new = binding(&contact, call_id, seq, expires_at, flow, instance);
                        // Nearly everybody has one phone, and room for four is what a list begins with.
                        list.reserve_exact(1);
                        list.push(Binding { user, ..new });
                        if !known && flow.transport.is_websocket() {
                            self.came.insert(who);
                        }
                    }
                }
                let excess = list.len().saturating_sub(limits.contacts_max);
                for displaced in list.drain(..excess) {
                    self.note_left(who, &displaced, Left::Rejected);
                }
            }
        }
        let contacts = list.iter().map(|binding| contact_value(binding, now)).collect();
        let is = !list.is_empty();
        self.insert(who, list);
        Ok(Registered { contacts, turned: (was != is).then_some(is), before })
    }

    /// Who has a browser that came since this was asked last (true), or has none any more (false).
    pub(crate) fn browser_changes(&mut self) -> Vec<(Who, bool)> {
        let mut changes = Vec::new();
        for who in std::mem::take(&mut self.moved) {
            let is = self.bindings(who).iter().any(|b| b.flow.transport.is_websocket());
            let turned = if is { self.browsers.insert(who) } else { self.browsers.remove(&who) };
            let came = self.came.remove(&who) && is;
            if turned || came {
                changes.push((who, is));
            }
        }
        changes
    }

    /// Takes from an agent's phones those that are not to be kept.
    fn part(
        &mut self,
        who: Who,
        list: &mut Vec<Binding>,
        how: Left,
        keep: impl Fn(&Binding) -> bool,
    ) {
        for gone in list.extract_if(.., |binding| !keep(binding)) {
            self.note_left(who, &gone, how);
        }
    }

    fn note_left(&mut self, who: Who, gone: &Binding, how: Left) {
        self.news.entry(who).or_default().push((gone.id(), how));
    }

    /// Who changed since this was asked last, and which of their phones left.
    pub(crate) fn take_news(&mut self) -> BTreeMap<Who, Vec<(u64, Left)>> {
        std::mem::take(&mut self.news)
    }

    /// Who changed since this was asked last.
    pub(crate) fn take_touched(&mut self) -> BTreeSet<Who> {
        std::mem::take(&mut self.touched)
    }

    /// A lost phone is back: the Contacts that it had.
    fn take_lost(&mut self, who: Who, contact: &[u8], instance: &[u8]) -> Vec<Box<[u8]>> {
        let Some(lost) = self.lost.get_mut(&who) else { return Vec::new() };
        let back = lost.extract_if(.., |binding| binding.is_of(contact, instance));
        let before = back.map(|binding| binding.contact).collect();
        if lost.is_empty() {
            self.lost.remove(&who);
        }
        before
    }

    /// The phones of before a restart that have not expired. Those behind a connection are lost until
    /// they are back, at most until `lost_until`. False when there is none that can be reached.
    pub(crate) fn restore(
        &mut self,
        now: Moment,
        who: Who,
        mut list: Vec<Binding>,
        lost_until: Moment,
    ) -> bool {
        list.retain(|binding| binding.expires_at > now);
        let is_lost = |binding: &mut Binding| binding.flow.connection.is_some();
        let lost: Vec<Binding> = list.extract_if(.., is_lost).collect();
        if !lost.is_empty() {
            self.lost.insert(who, lost);
            self.lost_until = Some(lost_until);
            self.touched.insert(who);
        }
        let some = !list.is_empty() && !self.bindings.contains_key(&who);
        if some {
            self.insert(who, list);
        }
        some
    }

    fn remove(&mut self, who: Who) -> Vec<Binding> {
        self.touched.insert(who);
        self.moved.insert(who);
        self.stirred.insert(who);
        self.news.entry(who).or_default();
        let list = self.bindings.remove(&who).unwrap_or_default();
        for binding in &list {
            self.expiries.remove(&(binding.expires_at, who));
            let source = (binding.flow.transport, binding.flow.remote);
            if self.sources.get(&source) == Some(&who) {
                self.sources.remove(&source);
            }
            if let Some(connection) = binding.flow.connection
                && let Some(owners) = self.connections.get_mut(&connection)
            {
                owners.retain(|owner| *owner != who);
                if owners.is_empty() {
                    self.connections.remove(&connection);
                }
            }
        }
        list
    }

    fn insert(&mut self, who: Who, list: Vec<Binding>) {
        self.touched.insert(who);
        self.moved.insert(who);
        self.stirred.insert(who);
        self.news.entry(who).or_default();
        for binding in &list {
            self.expiries.insert((binding.expires_at, who));
            self.sources.insert((binding.flow.transport, binding.flow.remote), who);
            if let Some(connection) = binding.flow.connection {
                let owners = self.connections.entry(connection).or_default();
                if !owners.contains(&who) {
                    owners.push(who);
                }
            }
        }
        if !list.is_empty() {
            self.bindings.insert(who, list);
        }
    }

    fn keep(&mut self, who: Who, how: Left, keep: impl Fn(&Binding) -> bool) -> bool {
        let mut list = self.remove(who);
        let was = !list.is_empty();
        self.part(who, &mut list, how, keep);
        let gone = was && list.is_empty();
        self.insert(who, list);
        gone
    }

    /// Drops what has expired, and lost phones that did not come back; agents that have no phone left.
    pub(crate) fn expire(&mut self, now: Moment) -> Vec<Who> {
        let mut gone: Vec<Who> = Vec::new();
        if self.lost_until.is_some_and(|until| until <= now) {
            self.lost_until = None;
            let lost: BTreeSet<Who> = self.lost.drain().map(|(who, _)| who).collect();
            let is_there = |who: &Who| self.bindings.contains_key(who);
            gone.extend(lost.iter().copied().filter(|who| !is_there(who)));
            self.stirred.extend(lost.iter().copied());
            self.touched.extend(lost);
        }
        while let Some(&(at, who)) = self.expiries.first() {
            if at > now {
                break;
            }
            if self.keep(who, Left::Expired, |binding| binding.expires_at > now) {
                gone.push(who);
            }
        }
        gone
    }

    /// Who has phones behind this connection.
    pub(crate) fn behind(&self, connection: ConnectionId) -> &[Who] {
        self.connections.get(&connection).map_or(&[], Vec::as_slice)
    }

    /// A connection closed: its phones are out of reach. Agents that have no phone left.
    pub(crate) fn on_closed(&mut self, connection: ConnectionId) -> Vec<Who> {
        let owners = self.connections.remove(&connection).unwrap_or_default();
        let lost = |binding: &Binding| binding.flow.connection != Some(connection);
        owners.into_iter().filter(|&who| self.keep(who, Left::Deactivated, lost)).collect()
    }

    /// Phones that registered with another name than these are welcome no more: the code was taken
    /// back, or the agent does not exist. True when none is left.
    pub(crate) fn keep_users(&mut self, who: Who, users: &[&str]) -> bool {
        let is_known =
            |binding: &Binding| users.iter().any(|user| user.as_bytes() == &*binding.user);
        if self.bindings(who).iter().all(is_known) {
            return false;
        }
        self.keep(who, Left::Rejected, is_known)
    }

    /// Everybody with a phone.
    pub(crate) fn all(&self) -> Vec<Who> {
        self.bindings.keys().copied().collect()
    }
}

fn binding(
    contact: &[u8],
    call_id: &[u8],
    seq: u32,
    expires_at: Moment,
    flow: Flow,
    instance: Box<[u8]>,
) -> Binding {
    let said = Uri::parse(contact).and_then(|uri| uri.ip());
    let nat = said != Some(flow.remote.ip().to_canonical());
    let (contact, call_id) = (contact.into(), call_id.into());
    Binding { contact, call_id, seq, expires_at, flow, nat, instance, user: Box::default() }
}

fn contact_value(binding: &Binding, now: Moment) -> Vec<u8> {
    let left = binding.expires_at.since(now).as_secs();
    [b"<", &binding.contact[..], b">;expires=", left.to_string().as_bytes()].concat()
}

enum Asked {
    /// No Contact: what is there?
    Query,
    /// `Contact: *`
    Nothing,
    /// Phones with their lives.
    Contacts(Vec<Wanted>),
}

struct Wanted {
    contact: Vec<u8>,
    expires_s: u32,
    instance: Box<[u8]>,
}

impl Asked {
    fn read(request: &Message, limits: &Limits) -> Result<Self, Fault> {
        let header = request.number(Name::Expires);
        let items: Vec<&[u8]> = request.list(Name::Contact).collect();
        if items.is_empty() {
            return Ok(Asked::Query);
        }
        if items.iter().any(|item| trim(item) == b"*") {
            // RFC 3261 §10.2.2: alone and with Expires: 0 only.
            let right = items.len() == 1 && header == Some(0);
            return if right { Ok(Asked::Nothing) } else { Err(Fault::bad("Bad Contact: *")) };
        }
        if items.len() > limits.contacts_max {
            return Err(Fault { status: 403, reason: "Too Many Contacts" });
        }
        let contacts = items.into_iter().map(|item| Asked::contact(item, header, limits));
        contacts.collect::<Result<_, _>>().map(Asked::Contacts)
    }

    fn contact(item: &[u8], header: Option<u32>, limits: &Limits) -> Result<Wanted, Fault> {
        let contact = NameAddr::parse(item).ok_or(Fault::bad("Bad Contact"))?;
        // A number that does not fit asks for the longest life (RFC 4475 §3.1.2.4).
        let own = param(contact.params, "expires").map(|v| decimal(v).unwrap_or(u32::MAX));
        let asked = own.or(header).unwrap_or(limits.expires_default_s);
        if asked != 0 && asked < limits.expires_min_s {
            return Err(Fault { status: 423, reason: "Interval Too Brief" });
        }
        Ok(Wanted {
            contact: contact.uri.to_vec(),
            expires_s: asked.min(limits.expires_max_s),
            instance: instance_of(contact.params),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::flows::INSTANCE_BYTES_MAX;
    use super::*;
    use crate::sip::parse::Carrier;

    const WHO: Who = (TenantId(1), AgentId(7));

    fn flow() -> Flow {
        Flow::udp(0, "198.51.100.7:40000".parse().unwrap())
    }

    fn register(
        registrar: &mut Registrar,
        at_s: u64,
        seq: u32,
        lines: &str,
    ) -> Result<Registered, Fault> {
        let text = format!(
            "REGISTER sip:h SIP/2.0\r\nVia: SIP/2.0/UDP 10.0.0.9;branch=z9hG4bK{seq}\r\n\
             From: <sip:7@h>;tag=a\r\nTo: <sip:7@h>\r\nCall-ID: r1\r\nCSeq: {seq} REGISTER\r\n{lines}\r\n"
        );
        let request = Message::parse(text.as_bytes(), Carrier::Datagram).unwrap();
        let now = Moment::from_secs(at_s);
        registrar.register(now, (WHO, b"1001"), &request, flow(), &Limits::default())
    }

    #[test]
    fn a_phone_behind_nat_is_reached_where_it_came_from() {
        let mut registrar = Registrar::default();
        let done = register(&mut registrar, 0, 1, "Contact: <sip:7@10.0.0.9>;expires=60\r\n");
        let done = done.unwrap();
        assert_eq!(done.turned, Some(true));
        assert_eq!(done.contacts, [b"<sip:7@10.0.0.9>;expires=60".to_vec()]);
        let binding = &registrar.bindings(WHO)[0];
        assert!(binding.nat);
        assert_eq!(binding.hop().host, Host::Address(flow().remote));
        assert_eq!(registrar.owner_of(&flow()), Some(WHO));
    }

    #[test]
    fn one_phone_has_the_room_of_one_because_there_may_be_very_many() {
        let mut registrar = Registrar::default();
        for seq in 1..3 {
            register(&mut registrar, 0, seq, "Contact: <sip:7@10.0.0.9>;expires=60\r\n").unwrap();
            assert_eq!(registrar.bindings[&WHO].capacity(), 1);
        }
        assert!(size_of::<Binding>() <= 144, "{}", size_of::<Binding>());
    }

    #[test]
    fn a_life_ends_refreshes_and_is_bounded() {
        let mut registrar = Registrar::default();
        register(&mut registrar, 0, 1, "Contact: <sip:7@10.0.0.9>\r\nExpires: 60\r\n").unwrap();
        register(&mut registrar, 50, 2, "Contact: <sip:7@10.0.0.9>\r\nExpires: 60\r\n").unwrap();
        assert!(registrar.expire(Moment::from_secs(109)).is_empty());
        assert_eq!(registrar.expire(Moment::from_secs(110)), [WHO]);
        assert_eq!(registrar.owner_of(&flow()), None);
        let short = register(&mut registrar, 111, 3, "Contact: <sip:7@h>;expires=5\r\n");
        assert_eq!(short.unwrap_err().status, 423);
        let long = register(&mut registrar, 111, 4, "Contact: <sip:7@h>;expires=99999999999\r\n");
        assert!(long.unwrap().contacts[0].ends_with(b"expires=7200"));
    }

    #[test]
    fn an_overtaken_register_changes_nothing_and_a_star_removes_all() {
        let mut registrar = Registrar::default();
        register(&mut registrar, 0, 5, "Contact: <sip:7@a>, <sip:7@b>\r\n").unwrap();
        let late = register(&mut registrar, 1, 4, "Contact: <sip:7@a>;expires=0\r\n").unwrap();
        assert_eq!(late.contacts.len(), 2);
        let star = register(&mut registrar, 2, 6, "Contact: *\r\n");
        assert_eq!(star.unwrap_err().status, 400, "needs Expires: 0");
        let star = register(&mut registrar, 2, 6, "Contact: *\r\nExpires: 0\r\n").unwrap();
        assert_eq!((star.contacts.len(), star.turned), (0, Some(false)));
        let query = register(&mut registrar, 3, 7, "").unwrap();
        assert_eq!((query.contacts.len(), query.turned), (0, None));
    }

    #[test]
    fn contacts_of_one_agent_are_bounded() {
        let mut registrar = Registrar::default();
        for seq in 1..50 {
            let line = format!("Contact: <sip:7@h{seq}>\r\n");
            register(&mut registrar, 0, seq, &line).unwrap();
        }
        assert_eq!(registrar.bindings(WHO).len(), Limits::default().contacts_max);
        let many: Vec<String> = (0..9).map(|n| format!("<sip:7@x{n}>")).collect();
        let refused = register(&mut registrar, 0, 60, &format!("Contact: {}\r\n", many.join(",")));
        assert_eq!(refused.unwrap_err().status, 403);
    }

    #[test]
    fn a_phone_that_comes_back_with_another_contact_takes_its_own_place() {
        let mut registrar = Registrar::default();
        let phone = |host: &str, name: &str, way: u8| {
            format!("Contact: <sip:7@{host}.invalid>;reg-id={way};+sip.instance=\"<{name}>\"\r\n")
        };
        register(&mut registrar, 0, 1, &phone("a", "urn:uuid:1", 1)).unwrap();
        let again = register(&mut registrar, 1, 2, &phone("b", "urn:uuid:1", 1)).unwrap();
        assert_eq!(again.contacts, [b"<sip:7@b.invalid>;expires=3600".to_vec()]);
        register(&mut registrar, 2, 3, &phone("c", "urn:uuid:1", 2)).unwrap();
        let other = register(&mut registrar, 3, 4, &phone("d", "urn:uuid:2", 1)).unwrap();
        assert_eq!(other.contacts.len(), 3, "another way, and another phone");
        let long = "x".repeat(INSTANCE_BYTES_MAX);
        register(&mut registrar, 4, 5, &phone("e", &long, 1)).unwrap();
        let more = register(&mut registrar, 5, 6, &phone("f", &long, 1)).unwrap();
        assert_eq!(more.contacts.len(), 5, "a name of that length tells nothing");
    }

    #[test]
    fn a_closed_connection_takes_its_phones_along() {
        let mut registrar = Registrar::default();
        let text = "REGISTER sip:h SIP/2.0\r\nCall-ID: r\r\nCSeq: 1 REGISTER\r\nContact: <sip:7@h>\r\n\r\n";
        let request = Message::parse(text.as_bytes(), Carrier::Datagram).unwrap();
        let remote = "198.51.100.7:999".parse().unwrap();
        let flow = Flow::connected(Transport::Tcp, 1, remote, ConnectionId(4));
        let limits = Limits::default();
        registrar.register(Moment::default(), (WHO, b"1001"), &request, flow, &limits).unwrap();
        assert!(registrar.on_closed(ConnectionId(3)).is_empty());
        assert_eq!(registrar.on_closed(ConnectionId(4)), [WHO]);
        assert!(registrar.bindings(WHO).is_empty() && registrar.next_timeout().is_none());
        assert!(registrar.browser_changes().is_empty(), "it was no browser");
    }

    #[test]
    fn what_is_new_of_many_at_once_stands_with_each_of_them() {
        let mut registrar = Registrar::default();
        let text = "REGISTER sip:h SIP/2.0\r\nCall-ID: r\r\nCSeq: 1 REGISTER\r\nContact: <sip:7@h>\r\n\r\n";
        let request = Message::parse(text.as_bytes(), Carrier::Datagram).unwrap();
        let limits = Limits::default();
        let all = [7, 8, 9].map(|agent| (TenantId(1), AgentId(agent)));
        for who in all {
            registrar
                .register(Moment::default(), (who, &b"1001"[..]), &request, flow(), &limits)
                .unwrap();
        }
        let came: Vec<_> = all.map(|who| (who, Vec::<(u64, Left)>::new())).into();
        assert_eq!(registrar.take_news().into_iter().collect::<Vec<_>>(), came);
        let id = registrar.bindings(WHO)[0].id();
        registrar.expire(Moment::from_secs(86_400));
        let gone: Vec<_> = all.map(|who| (who, vec![(id, Left::Expired)])).into();
        assert_eq!(registrar.take_news().into_iter().collect::<Vec<_>>(), gone);
        assert!(registrar.take_news().is_empty(), "once");
    }

    #[test]
    fn a_contact_that_says_later_which_phone_it_is_left_and_came_to_those_who_watch() {
        let mut registrar = Registrar::default();
        register(&mut registrar, 0, 1, "Contact: <sip:7@10.0.0.9>\r\n").unwrap();
        let nameless = registrar.bindings(WHO)[0].id();
        registrar.take_news();
        let named = "Contact: <sip:7@10.0.0.9>;reg-id=1;+sip.instance=\"<urn:uuid:1>\"\r\n";
        register(&mut registrar, 1, 2, named).unwrap();
        let [phone] = registrar.bindings(WHO) else { panic!("it is one") };
        assert_ne!(phone.id(), nameless);
        assert_eq!(registrar.take_news()[&WHO], [(nameless, Left::Unregistered)]);
        register(&mut registrar, 2, 3, named).unwrap();
        assert!(registrar.take_news()[&WHO].is_empty(), "a refresh is no news of that kind");
    }

    #[test]
    fn it_is_told_once_that_a_browser_came_and_went() {
        let mut registrar = Registrar::default();
        let text = "REGISTER sip:h SIP/2.0\r\nCall-ID: r\r\nCSeq: 1 REGISTER\r\n\
                    Contact: <sip:7@x.invalid;transport=ws>\r\n\r\n";
        let request = Message::parse(text.as_bytes(), Carrier::Datagram).unwrap();
        register(&mut registrar, 0, 1, "Contact: <sip:7@10.0.0.9>\r\n").unwrap();
        assert!(registrar.browser_changes().is_empty());
        let remote = "198.51.100.7:999".parse().unwrap();
        let flow = Flow::connected(Transport::Wss, 2, remote, ConnectionId(4));
        let limits = Limits::default();
        registrar.register(Moment::default(), (WHO, b"1001"), &request, flow, &limits).unwrap();
        assert_eq!(registrar.browser_changes(), [(WHO, true)]);
        register(&mut registrar, 1, 2, "Contact: <sip:7@10.0.0.9>\r\n").unwrap();
        assert!(registrar.browser_changes().is_empty());
        let page = text.replace("x.invalid", "y.invalid");
        let page = Message::parse(page.as_bytes(), Carrier::Datagram).unwrap();
        for told in [vec![(WHO, true)], Vec::new()] {
            let flow = Flow { connection: Some(ConnectionId(5)), ..flow };
            registrar.register(Moment::default(), (WHO, b"1001"), &page, flow, &limits).unwrap();
            assert_eq!(registrar.browser_changes(), told, "another one is told of once too");
        }
        assert!(registrar.on_closed(ConnectionId(5)).is_empty());
        assert!(registrar.browser_changes().is_empty(), "the first one is there");
        assert!(registrar.on_closed(ConnectionId(4)).is_empty(), "the other phone is there");
        assert_eq!(registrar.browser_changes(), [(WHO, false)]);
    }
}
