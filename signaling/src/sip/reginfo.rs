//! Where an extension is registered, as those see it who watch it: the event package `reg` (RFC 3680).
//!
//! The first document says every contact; those that follow say what is otherwise since the one before
//! (§5.1, `partial`). Whoever subscribes again, or answered a NOTIFY with a refusal, is told everything
//! anew: of them it is not known what they know.

use super::lamps::escaped;
use super::registrar::{Binding, Left};
use std::collections::BTreeMap;
use terms::Moment;

/// Longest contact that is told as it is, in bytes; of a longer one the extension is told instead, so
/// that a document fits into a datagram whatever phones call themselves.
const CONTACT_BYTES_MAX: usize = 200;

/// A contact that was told.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Contact {
    uri: String,
    expires_at: Moment,
}

/// What one who watches was told, and what they are to be told of contacts that left since.
#[derive(Debug, Default)]
pub(super) struct Told {
    /// `None` where the next document says everything.
    contacts: Option<BTreeMap<u64, Contact>>,
    left: BTreeMap<u64, Left>,
}

impl Told {
    /// The next document says everything.
    pub(super) fn forget(&mut self) {
        *self = Told::default();
    }

    /// A contact is registered no more. Of one that was never told nothing has to be said.
    pub(super) fn left(&mut self, contact: u64, how: Left) {
        if self.contacts.as_ref().is_some_and(|told| told.contains_key(&contact)) {
            self.left.insert(contact, how);
        }
    }

    /// Whether a document would say something that was not told.
    pub(super) fn is_behind(&self, bindings: &[Binding]) -> bool {
        let Some(told) = &self.contacts else { return true };
        let is_told = |binding: &Binding| {
            told.get(&binding.id()).is_some_and(|told| told.expires_at == binding.expires_at)
        };
        !self.left.is_empty() || !bindings.iter().all(is_told)
    }

    /// The next document: these are the contacts from now on.
    pub(super) fn document(
        &mut self,
        version: u32,
        entity: &str,
        now: Moment,
        bindings: &[Binding],
    ) -> String {
        let current: BTreeMap<u64, Contact> =
            bindings.iter().map(|binding| (binding.id(), contact(binding, entity))).collect();
        let left = std::mem::take(&mut self.left);
        let before = self.contacts.replace(current.clone());
        let is_full = before.is_none();
        let before = before.unwrap_or_default();
        let mut lines = String::new();
        for (id, contact) in &current {
            let event = match before.get(id).filter(|_| !left.contains_key(id)) {
                Some(told) if told == contact => continue,
                Some(_) => "refreshed",
                None => "registered",
            };
            lines += &line(*id, contact, "active", event, now);
        }
        for (id, contact) in before.iter().filter(|(id, _)| !current.contains_key(*id)) {
            // Only what a restart has taken is gone without a word.
            let how = left.get(id).copied().unwrap_or(Left::Deactivated);
            lines += &line(*id, contact, "terminated", how.text(), now);
        }
        let state = match (current.is_empty(), before.is_empty()) {
            (false, _) => "active",
            (true, false) => "terminated",
            (true, true) => "init",
        };
        let how = if is_full { "full" } else { "partial" };
        let entity = escaped(entity);
        format!(
            "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\r\n\
             <reginfo xmlns=\"urn:ietf:params:xml:ns:reginfo\" version=\"{version}\" \
             state=\"{how}\">\r\n\
             <registration aor=\"{entity}\" id=\"r\" state=\"{state}\">\r\n\
             {lines}</registration></reginfo>\r\n"
        )
    }
}

impl Left {
    /// The word in `event`, RFC 3680 §5.3.
    const fn text(self) -> &'static str {
        match self {
            Left::Unregistered => "unregistered",
            Left::Expired => "expired",
            Left::Deactivated => "deactivated",
            Left::Rejected => "rejected",
        }
    }
}

fn contact(binding: &Binding, entity: &str) -> Contact {
    let fits = binding.contact.len() <= CONTACT_BYTES_MAX;
    let said = fits.then(|| String::from_utf8_lossy(&binding.contact).into_owned());
    let uri = said.unwrap_or_else(|| entity.to_owned());
    Contact { uri, expires_at: binding.expires_at }
}

/// Of one that left there is nothing left to expire.
fn line(id: u64, contact: &Contact, state: &str, event: &str, now: Moment) -> String {
    let left_s = contact.expires_at.since(now).as_secs();
    let expires = match state {
        "active" => format!(" expires=\"{left_s}\""),
        _ => String::new(),
    };
    let uri = escaped(&contact.uri);
    format!(
        "<contact id=\"c{id:016x}\" state=\"{state}\" event=\"{event}\"{expires}><uri>{uri}</uri>\
         </contact>\r\n"
    )
}
