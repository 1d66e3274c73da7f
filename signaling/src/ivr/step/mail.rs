//! `mail`: a mail goes to an address that a variable holds, with a document of the tenant where one is
//! named. The flow goes on at once; the business store has it sent, and says what came of it.

use super::{Kind, one_way};
use crate::ivr::check::Report;
use crate::ivr::flow::On;
use crate::ivr::run::{self, Cx, Hand, Run};
use crate::ivr::template::Escape;
use serde::{Deserialize, Serialize};

/// Sends a mail.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Mail {
    /// The address that gets it, with variables.
    pub to: String,
    /// What it is about, with variables.
    pub subject: String,
    /// What it says, with variables.
    pub text: String,
    /// The name of the document that goes with it, with variables.
    #[serde(default)]
    pub document: Option<String>,
    /// It will be sent.
    pub next: String,
    /// `error`: that is no address, there was one in this call, or there is nothing to be read; `hangup`.
    #[serde(default)]
    pub on: On,
}

impl Kind for Mail {
    const KIND: &'static str = "mail";
    const NEEDS: &'static [&'static str] = &["error"];
    const MAY: &'static [&'static str] = &["hangup"];

    one_way!();

    fn check(&self, report: &mut Report) {
        report.mail(&self.to, &self.subject, self.document.as_deref());
        report.words(&self.text);
    }
    fn enter(&self, run: &mut Run, _: &Cx) {
        let filled = |text: &str| run.variables.expand(text, Escape::None);
        let mail = run::MailTo {
            address: filled(&self.to),
            subject: filled(&self.subject),
            text: filled(&self.text),
            document: self.document.as_deref().map(filled),
        };
        run.hand(Hand::Mail(mail));
    }
}
