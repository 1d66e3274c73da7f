//! A mail that a flow has sent, once in a call. The switch knows no mail server: it says so in the log, and
//! the business store, which follows that, has it sent.

use super::Call;
use crate::ivr::run::MailTo;
use crate::switch::Cx;
use terms::MailId;
use terms::event::{Kind, MailAsked, SUBJECT_CHARS_MAX, Written, is_receiver, is_subject};
use terms::media::is_fax_name;

impl Call {
    /// A step of the flow has a mail sent. False, and nothing happens, where it may not be.
    pub(super) fn flow_asks_mail(&mut self, cx: &mut Cx, mail: MailTo) -> bool {
        let MailTo { address, subject, text, document } = mail;
        let address = address.trim();
        let subject = subject_of(&subject);
        let text = Written::read(text.as_bytes());
        let is_sound = is_receiver(address) && is_subject(&subject) && text.is_sendable();
        let is_there = document.as_deref().is_none_or(is_fax_name);
        if self.story.mail_asked || !is_sound || !is_there {
            return false;
        }
        self.story.mail_asked = true;
        let (id, address) = (MailId(cx.id()), address.to_owned());
        let asked = MailAsked { id, address, subject, text, document };
        self.log(cx, Some(self.anchor), Kind::MailAsked(asked));
        true
    }
}

/// One line, and no longer than it may be: a server that a flow asked may have answered anything.
fn subject_of(text: &str) -> String {
    let defused = |c: char| if c.is_control() { ' ' } else { c };
    text.trim().chars().map(defused).take(SUBJECT_CHARS_MAX).collect()
}
