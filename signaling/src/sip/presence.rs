//! Who can be reached, as colleagues' phones see it: the event package `presence` (RFC 3856) with PIDF
//! documents (RFC 3863) and activities (RFC 4480). It is made of three things: a phone of theirs is
//! registered, they talk, and what a phone of theirs has published (RFC 3903).
//!
//! A published document is a stranger's text. Of it two words are kept that are among ours, so nothing
//! of it is passed on as it came.

use super::lamps::escaped;
use super::registrar::Who;
use std::collections::{BTreeMap, BTreeSet};
use terms::Moment;

/// Longest document that is read, in bytes.
const DOCUMENT_BYTES_MAX: usize = 4_096;
/// Activities that are passed on, RFC 4480 §3.2.
const ACTIVITIES: [&str; 10] = [
    "away",
    "busy",
    "holiday",
    "in-transit",
    "meal",
    "meeting",
    "on-the-phone",
    "presentation",
    "vacation",
    "working",
];
/// What a phone with a call is.
const TALKS: &str = "on-the-phone";

/// What a phone said of its agent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct State {
    pub(super) open: bool,
    pub(super) activity: Option<&'static str>,
}

impl State {
    /// Reads a PIDF document. `None` where it is none, says neither `open` nor `closed`, or has a part
    /// that only XML's traps need: a document type, a section, a comment.
    pub(super) fn parse(body: &[u8]) -> Option<Self> {
        let text =
            std::str::from_utf8(body).ok().filter(|text| text.len() <= DOCUMENT_BYTES_MAX)?;
        if text.contains("<!") {
            return None;
        }
        let mut root: Option<&str> = None;
        let mut open: Option<bool> = None;
        let mut activity: Option<&'static str> = None;
        for piece in text.split('<').skip(1) {
            let (tag, content) = piece.split_once('>')?;
            if tag.starts_with(['?', '/']) {
                continue;
            }
            let name = tag.split(|c: char| c.is_whitespace() || c == '/').next()?;
            let name = name.rsplit(':').next()?;
            root.get_or_insert(name);
            if name == "basic" {
                // One way on which they can be reached is enough.
                let said = match content.trim() {
                    "open" => true,
                    "closed" => false,
                    _ => return None,
                };
                open = Some(said || open == Some(true));
            }
            activity = activity.or_else(|| ACTIVITIES.into_iter().find(|known| *known == name));
        }
        let open = open.filter(|_| root == Some("presence"))?;
        Some(State { open, activity })
    }
}

/// A publication.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Published {
    /// Names this state of it (SIP-ETag).
    pub(super) tag: String,
    pub(super) state: State,
    pub(super) expires_at: Moment,
}

/// What phones have published: the last word of each agent.
#[derive(Debug, Default)]
pub(super) struct Publications {
    all: BTreeMap<Who, Published>,
    expiries: BTreeSet<(Moment, Who)>,
}

impl Publications {
    pub(super) fn get(&self, who: Who) -> Option<&Published> {
        self.all.get(&who)
    }

    pub(super) fn insert(&mut self, who: Who, published: Published) {
        self.remove(who);
        self.expiries.insert((published.expires_at, who));
        self.all.insert(who, published);
    }

    pub(super) fn remove(&mut self, who: Who) {
        if let Some(gone) = self.all.remove(&who) {
            self.expiries.remove(&(gone.expires_at, who));
        }
    }

    pub(super) fn next_timeout(&self) -> Option<Moment> {
        self.expiries.first().map(|&(at, _)| at)
    }

    /// Takes the first one whose time is over.
    pub(super) fn take_over(&mut self, now: Moment) -> Option<Who> {
        let &(_, who) = self.expiries.first().filter(|(at, _)| *at <= now)?;
        self.remove(who);
        Some(who)
    }
}

/// The document of somebody who is registered, or not, and talks, or not.
pub(super) fn document(entity: &str, registered: bool, talks: bool, said: Option<State>) -> String {
    let entity = escaped(entity);
    let open = registered && said.is_none_or(|said| said.open);
    let basic = if open { "open" } else { "closed" };
    let own = said.and_then(|said| said.activity).filter(|own| !talks || *own != TALKS);
    let activities: Vec<String> = talks
        .then_some(TALKS)
        .into_iter()
        .chain(own)
        .map(|activity| format!("<rpid:{activity}/>"))
        .collect();
    let person = if activities.is_empty() {
        String::new()
    } else {
        format!(
            "<dm:person id=\"p\"><rpid:activities>{}</rpid:activities></dm:person>\r\n",
            activities.concat()
        )
    };
    format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\r\n\
         <presence xmlns=\"urn:ietf:params:xml:ns:pidf\" \
         xmlns:dm=\"urn:ietf:params:xml:ns:pidf:data-model\" \
         xmlns:rpid=\"urn:ietf:params:xml:ns:pidf:rpid\" entity=\"{entity}\">\r\n\
         <tuple id=\"t\"><status><basic>{basic}</basic></status></tuple>\r\n\
         {person}</presence>\r\n"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_a_published_document_two_words_are_kept_and_no_trap_is_stepped_into() {
        let read = |text: &str| State::parse(text.as_bytes());
        let state = |open, activity| Some(State { open, activity });
        let basic = |word: &str| {
            format!(
                "<?xml version=\"1.0\"?><p:presence xmlns:p=\"urn:ietf:params:xml:ns:pidf\">\
                 <p:tuple id=\"a\"><p:status><p:basic> {word} </p:basic></p:status>\
                 <p:note>&lt;script&gt;</p:note></p:tuple>"
            )
        };
        let end = "</p:presence>";
        assert_eq!(read(&(basic("open") + end)), state(true, None));
        let away = "<person><activities><r:away\n/><r:busy/></activities></person>";
        assert_eq!(read(&(basic("closed") + away + end)), state(false, Some("away")));
        let two = "<tuple><status><basic>open</basic></status></tuple>";
        assert_eq!(read(&(basic("closed") + two + end)), state(true, None));
        for bad in [
            "",
            "open",
            "<presence/>",
            "<other><basic>open</basic></other>",
            "<presence><basic>ajar</basic></presence>",
            "<!DOCTYPE x [<!ENTITY a \"b\">]><presence><basic>open</basic></presence>",
            "<presence><basic>open</basic",
        ] {
            assert_eq!(read(bad), None, "{bad}");
        }
        assert_eq!(read(&(basic("open") + &" ".repeat(DOCUMENT_BYTES_MAX) + end)), None);
        assert_eq!(State::parse(b"<presence><basic>open</basic>\xff</presence>"), None);
    }

    #[test]
    fn who_is_not_registered_is_closed_whatever_they_said_and_who_talks_is_on_the_phone() {
        let said = |open, activity| Some(State { open, activity });
        for (registered, talks, published, basic, activities) in [
            (true, false, None, "open", ""),
            (false, false, said(true, None), "closed", ""),
            (true, false, said(false, Some("meal")), "closed", "<rpid:meal/>"),
            (true, true, None, "open", "<rpid:on-the-phone/>"),
            (true, true, said(true, Some(TALKS)), "open", "<rpid:on-the-phone/>"),
            (true, true, said(true, Some("busy")), "open", "<rpid:on-the-phone/><rpid:busy/>"),
        ] {
            let xml = document("sip:1@h&", registered, talks, published);
            assert!(xml.contains(&format!("<basic>{basic}</basic>")), "{xml}");
            assert!(xml.contains("entity=\"sip:1@h&amp;\""), "{xml}");
            let told = format!("<rpid:activities>{activities}</rpid:activities>");
            assert_eq!(xml.contains(&told), !activities.is_empty(), "{xml}");
            assert_eq!(xml.contains("dm:person"), !activities.is_empty(), "{xml}");
        }
    }
}
