//! Busy lamps: who watches which agent's phone, and what they were told last. RFC 4235 on RFC 6665.
//! The lamp for waiting messages (RFC 3842) is one that a phone watches of its own agent; presence
//! (RFC 3856) is watched as calls are, and so is where a colleague is registered (RFC 3680).
//!
//! A watch is one subscription of a registered phone to the extension of a colleague. A change marks
//! those who watch it; each is told by one NOTIFY at a time, which says everything that there is, so
//! what changes meanwhile is said by the next one. The other party of a call is not in it.

use super::dialog::Dialog;
use super::flow::{ConnectionId, Flow, Hop};
use super::message::Message;
use super::presence::Publications;
use super::reginfo::Told;
use super::registrar::{Binding, Left, Who};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet, HashMap};
use terms::{AgentId, LegId, Moment};

/// Bounds of what phones watch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Shortest life of a subscription in seconds; less is answered 423.
    pub expires_min_s: u32,
    /// Longest life in seconds, and life when none is asked for (RFC 4235 §3.4); more is cut.
    pub expires_max_s: u32,
    /// Most lamps of one phone; one more is answered 403.
    pub of_phone_max: usize,
    /// Most lamps of all; one more is answered 503.
    pub lamps_max: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Limits { expires_min_s: 60, expires_max_s: 3600, of_phone_max: 64, lamps_max: 10_000 }
    }
}

/// How far CSeq and version jump where the process is replaced: what was told since the last refresh is
/// not kept, and is less.
const AHEAD: u32 = 1 << 20;

/// A call is named to those who watch it, so that they may take it while it rings (Replaces, RFC 3891)
/// and come into it later (Join, RFC 3911): by this and its leg, a tag of ours that is drawn for it, and
/// this of theirs. Its own dialog is not told, because who knows a dialog can end it.
pub(super) const PICKUP: &str = "pickup-";
pub(super) const RINGS: &str = "rings";

/// Names a watch: whose phone watches, and a number.
pub(super) type WatchId = (Who, u64);

/// How far a call at a phone is, RFC 4235 §3.7.1, in the order of life.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum State {
    Trying,
    Early,
    Confirmed,
    Terminated,
}

impl State {
    const fn text(self) -> &'static str {
        match self {
            State::Trying => "trying",
            State::Early => "early",
            State::Confirmed => "confirmed",
            State::Terminated => "terminated",
        }
    }
}

/// A call as who watches sees it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Shown {
    pub(super) state: State,
    /// The phone that is watched began it.
    pub(super) initiator: bool,
}

/// What is watched, RFC 6665 §7.2.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Package {
    /// Calls at a phone, RFC 4235.
    Dialog,
    /// Messages for its agent, RFC 3842.
    Messages,
    /// Whether its agent can be reached, RFC 3856.
    Presence,
    /// Where its agent's phones are, RFC 3680.
    Registrations,
}

impl Package {
    pub(super) const ALL: [Package; 4] =
        [Package::Dialog, Package::Messages, Package::Presence, Package::Registrations];

    /// The word in Event.
    pub(super) const fn text(self) -> &'static str {
        match self {
            Package::Dialog => "dialog",
            Package::Messages => "message-summary",
            Package::Presence => "presence",
            Package::Registrations => "reg",
        }
    }

    /// The type of its documents.
    pub(super) const fn content(self) -> &'static str {
        match self {
            Package::Dialog => "application/dialog-info+xml",
            Package::Messages => "application/simple-message-summary",
            Package::Presence => "application/pidf+xml",
            Package::Registrations => "application/reginfo+xml",
        }
    }
}

/// One subscription.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Watch {
    pub(super) watched: AgentId,
    pub(super) dialog: Dialog,
    pub(super) hop: Hop,
    /// Where the phone is registered.
    pub(super) flow: Flow,
    /// Our Event header: theirs with its id.
    pub(super) event: String,
    pub(super) expires_at: Moment,
    /// Of the next document.
    version: u32,
    #[serde(skip)]
    told: BTreeMap<LegId, Shown>,
    #[serde(skip)]
    contacts: Told,
    /// A NOTIFY waits for its answer.
    #[serde(skip)]
    waits: bool,
    /// Something changed meanwhile.
    #[serde(skip)]
    behind: bool,
}

impl Watch {
    pub(super) fn new(
        watched: AgentId,
        dialog: Dialog,
        hop: Hop,
        flow: Flow,
        event: String,
        expires_at: Moment,
    ) -> Self {
        Watch {
            watched,
            dialog,
            hop,
            flow,
            event,
            expires_at,
            version: 0,
            told: BTreeMap::new(),
            contacts: Told::default(),
            waits: false,
            behind: false,
        }
    }

    pub(super) fn package(&self) -> Package {
        let of = |package: &Package| self.event.split(';').next() == Some(package.text());
        Package::ALL.into_iter().find(of).unwrap_or(Package::Dialog)
    }

    /// The next document with these calls, and those that ended since the last one.
    pub(super) fn document(
        &mut self,
        entity: &str,
        name: &str,
        calls: BTreeMap<LegId, Shown>,
        names: &BTreeMap<LegId, String>,
    ) -> String {
        let mut said = calls.clone();
        for (leg, last) in std::mem::replace(&mut self.told, calls) {
            said.entry(leg).or_insert(Shown { state: State::Terminated, ..last });
        }
        document(self.next_version(), (entity, name), &said, names)
    }

    /// The next document with these contacts.
    pub(super) fn reginfo(&mut self, entity: &str, now: Moment, bindings: &[Binding]) -> String {
        let version = self.next_version();
        self.contacts.document(version, entity, now, bindings)
    }

    fn next_version(&mut self) -> u32 {
        let version = self.version;
        self.version += 1;
        version
    }

    /// Their NOTIFY was refused: the next document builds on nothing that it said.
    pub(super) fn refused(&mut self) {
        self.contacts.forget();
    }

    /// The same in the next process.
    pub(super) fn go_on(&mut self) {
        self.dialog.local_seq = self.dialog.local_seq.saturating_add(AHEAD);
        self.version = self.version.saturating_add(AHEAD);
    }

    /// A NOTIFY is about to leave; false while another one waits for its answer.
    pub(super) fn begin(&mut self) -> bool {
        self.behind = self.waits;
        !std::mem::replace(&mut self.waits, true)
    }

    /// The NOTIFY was answered; true when there is more to say.
    pub(super) fn answered(&mut self) -> bool {
        self.waits = false;
        std::mem::take(&mut self.behind)
    }
}

/// All watches, and the calls of all agents' phones.
#[derive(Debug, Default)]
pub(super) struct Lamps {
    watches: BTreeMap<WatchId, Watch>,
    /// Our tag → watch.
    tags: HashMap<String, WatchId>,
    watched: BTreeMap<Who, BTreeSet<WatchId>>,
    calls: BTreeMap<Who, BTreeMap<LegId, Shown>>,
    pub(super) publications: Publications,
    expiries: BTreeSet<(Moment, WatchId)>,
    /// Who is to be told.
    due: BTreeSet<WatchId>,
    /// Whose watches changed, for those who keep them; no more than there are agents.
    touched: BTreeSet<Who>,
}

impl Lamps {
    /// A call at this agent's phones is so from now on, or (with `None`) is no more.
    pub(super) fn set(&mut self, who: Who, leg: LegId, shown: Option<Shown>) {
        let calls = self.calls.entry(who).or_default();
        let talked = is_talking(calls);
        let before = match shown {
            Some(shown) => calls.insert(leg, shown),
            None => calls.remove(&leg),
        };
        let talks = is_talking(calls);
        if calls.is_empty() {
            self.calls.remove(&who);
        }
        if talked != talks {
            self.changed(who, Package::Presence);
        }
        if before != shown {
            self.changed(who, Package::Dialog);
        }
    }

    /// Other messages than before wait for this agent.
    pub(super) fn messages_changed(&mut self, who: Who) {
        self.changed(who, Package::Messages);
    }

    /// Something of what makes their presence is otherwise than before.
    pub(super) fn presence_changed(&mut self, who: Who) {
        self.changed(who, Package::Presence);
    }

    /// Where this agent is registered from now on, and which contacts left.
    pub(super) fn contacts_changed(
        &mut self,
        who: Who,
        bindings: &[Binding],
        left: &[(u64, Left)],
    ) {
        for id in self.watched.get(&who).into_iter().flatten() {
            let Some(watch) = self.watches.get_mut(id) else { continue };
            if watch.package() != Package::Registrations {
                continue;
            }
            for &(contact, how) in left {
                watch.contacts.left(contact, how);
            }
            if watch.contacts.is_behind(bindings) {
                self.due.insert(*id);
            }
        }
    }

    /// Whether this agent has a conversation.
    pub(super) fn talks(&self, who: Who) -> bool {
        self.calls.get(&who).is_some_and(is_talking)
    }

    fn changed(&mut self, who: Who, package: Package) {
        let watching = self.watched.get(&who).into_iter().flatten().copied();
        let watches = &self.watches;
        let is_of = |id: &WatchId| watches.get(id).is_some_and(|watch| watch.package() == package);
        self.due.extend(watching.filter(is_of));
    }

    /// The calls at this agent's phones.
    pub(super) fn calls(&self, who: Who) -> BTreeMap<LegId, Shown> {
        self.calls.get(&who).cloned().unwrap_or_default()
    }

    pub(super) fn len(&self) -> usize {
        self.watches.len()
    }

    /// What an agent's phones watch, or everybody's.
    pub(super) fn of(&self, who: Option<Who>) -> impl Iterator<Item = (WatchId, &Watch)> {
        let range = match who {
            Some(who) => self.watches.range::<WatchId, _>((who, 0)..=(who, u64::MAX)),
            None => self.watches.range::<WatchId, _>(..),
        };
        range.map(|(&id, watch)| (id, watch))
    }

    pub(super) fn get(&self, id: WatchId) -> Option<&Watch> {
        self.watches.get(&id)
    }

    pub(super) fn get_mut(&mut self, id: WatchId) -> Option<&mut Watch> {
        self.watches.get_mut(&id)
    }

    /// The watch whose dialog this request belongs to.
    pub(super) fn named(&self, tag: &str, request: &Message) -> Option<WatchId> {
        let id = *self.tags.get(tag)?;
        self.watches.get(&id).filter(|watch| watch.dialog.is_of(request))?;
        Some(id)
    }

    /// A new watch, which is to be told at once.
    pub(super) fn insert(&mut self, id: WatchId, watch: Watch) {
        self.touched.insert(id.0);
        self.tags.insert(watch.dialog.local_tag.clone(), id);
        self.watched.entry((id.0.0, watch.watched)).or_default().insert(id);
        self.expiries.insert((watch.expires_at, id));
        self.watches.insert(id, watch);
        self.due.insert(id);
    }

    /// It lives until then, and is to be told at once.
    pub(super) fn refresh(&mut self, id: WatchId, expires_at: Moment) {
        let Some(watch) = self.watches.get_mut(&id) else { return };
        let old = std::mem::replace(&mut watch.expires_at, expires_at);
        watch.contacts.forget();
        self.touched.insert(id.0);
        self.expiries.remove(&(old, id));
        self.expiries.insert((expires_at, id));
        self.due.insert(id);
    }

    pub(super) fn remove(&mut self, id: WatchId) -> Option<Watch> {
        let watch = self.watches.remove(&id)?;
        self.touched.insert(id.0);
        self.tags.remove(&watch.dialog.local_tag);
        self.expiries.remove(&(watch.expires_at, id));
        self.due.remove(&id);
        let key = (id.0.0, watch.watched);
        if let Some(watching) = self.watched.get_mut(&key) {
            watching.remove(&id);
            if watching.is_empty() {
                self.watched.remove(&key);
            }
        }
        Some(watch)
    }

    /// Whose watches came, were refreshed or went since this was asked last.
    pub(super) fn take_touched(&mut self) -> BTreeSet<Who> {
        std::mem::take(&mut self.touched)
    }

    /// What outlives the process of an agent's watches, with their numbers.
    pub(super) fn keep(&self, who: Who) -> Vec<(u64, &Watch)> {
        self.of(Some(who)).map(|(id, watch)| (id.1, watch)).collect()
    }

    /// It has something to be told.
    pub(super) fn mark(&mut self, id: WatchId) {
        if self.watches.contains_key(&id) {
            self.due.insert(id);
        }
    }

    /// The next one that is to be told.
    pub(super) fn take_due(&mut self) -> Option<WatchId> {
        self.due.pop_first()
    }

    pub(super) fn next_timeout(&self) -> Option<Moment> {
        let watched = self.expiries.first().map(|&(at, _)| at);
        watched.into_iter().chain(self.publications.next_timeout()).min()
    }

    /// The first one whose time is over.
    pub(super) fn expired(&self, now: Moment) -> Option<WatchId> {
        self.expiries.first().filter(|&&(at, _)| at <= now).map(|&(_, id)| id)
    }

    /// A connection closed: what these watched over it is out of reach.
    pub(super) fn on_closed(&mut self, connection: ConnectionId, phones: &[Who]) {
        let behind = |(_, watch): &(WatchId, &Watch)| watch.flow.connection == Some(connection);
        let of_phones = phones.iter().flat_map(|&who| self.of(Some(who)));
        let gone: Vec<WatchId> = of_phones.filter(behind).map(|(id, _)| id).collect();
        for id in gone {
            self.remove(id);
        }
    }
}

fn is_talking(calls: &BTreeMap<LegId, Shown>) -> bool {
    calls.values().any(|shown| shown.state == State::Confirmed)
}

/// RFC 4235 §4.1: full state. The identity is the one of the phone that is watched; what may be taken
/// has a name.
fn document(
    version: u32,
    (entity, name): (&str, &str),
    calls: &BTreeMap<LegId, Shown>,
    names: &BTreeMap<LegId, String>,
) -> String {
    let (entity, name) = (escaped(entity), escaped(name));
    let named = |leg: &LegId| {
        let tag = names.get(leg)?;
        Some(format!(" call-id=\"{PICKUP}{leg}\" local-tag=\"{RINGS}\" remote-tag=\"{tag}\""))
    };
    let dialogs: Vec<String> = calls
        .iter()
        .map(|(leg, Shown { state, initiator })| {
            let direction = if *initiator { "initiator" } else { "recipient" };
            let named = named(leg).unwrap_or_default();
            format!(
                "<dialog id=\"{leg}\"{named} direction=\"{direction}\"><state>{}</state>\
                 <local><identity display=\"{name}\">{entity}</identity></local></dialog>\r\n",
                state.text()
            )
        })
        .collect();
    format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\r\n\
         <dialog-info xmlns=\"urn:ietf:params:xml:ns:dialog-info\" version=\"{version}\" \
         state=\"full\" entity=\"{entity}\">\r\n{}</dialog-info>\r\n",
        dialogs.concat()
    )
}

/// RFC 3842 §5.2: what waits, and what was heard before.
pub(super) fn summary(account: &str, (waiting, heard): (u32, u32)) -> String {
    let word = if waiting > 0 { "yes" } else { "no" };
    format!(
        "Messages-Waiting: {word}\r\nMessage-Account: {account}\r\n\
         Voice-Message: {waiting}/{heard}\r\n"
    )
}

/// Any text as XML: what XML 1.0 §2.2 has no form for becomes a blank.
pub(super) fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&apos;"),
            c if c.is_control() || matches!(c, '\u{FFFE}' | '\u{FFFF}') => escaped.push(' '),
            c => escaped.push(c),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_of_any_text_stays_within_its_attribute() {
        let calls = BTreeMap::from([(LegId(5), Shown { state: State::Early, initiator: false })]);
        let xml = document(3, ("sip:1001@h", "\"/><x a='王&\u{0}\r\n"), &calls, &BTreeMap::new());
        let expected = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\r\n\
            <dialog-info xmlns=\"urn:ietf:params:xml:ns:dialog-info\" version=\"3\" \
            state=\"full\" entity=\"sip:1001@h\">\r\n\
            <dialog id=\"5\" direction=\"recipient\"><state>early</state>\
            <local><identity display=\"&quot;/&gt;&lt;x a=&apos;王&amp;   \">sip:1001@h</identity>\
            </local></dialog>\r\n</dialog-info>\r\n";
        assert_eq!(xml, expected);
    }
}
