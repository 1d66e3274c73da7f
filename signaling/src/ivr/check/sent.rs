//! What steps have sent to people: texts and mails, to whom, and what goes with them.

use super::{OUTSIDE_NUMBER, Report, clip, clip_to, is_outside_number, names};
use terms::TrunkId;
use terms::event::{SUBJECT_CHARS_MAX, TEXT_BYTES_MAX, Written, is_receiver, is_subject};
use terms::media::{FAX_NAME_CHARS_MAX, is_fax_name};

impl Report<'_> {
    /// Who gets a mail, what it is about, and what goes with it.
    pub(crate) fn mail(&mut self, to: &str, subject: &str, document: Option<&str>) {
        self.template("to", to);
        self.unless(names(to).next().is_some() || is_receiver(to), || {
            let right =
                "one mail address such as office@example.com, or the variable that holds it";
            (format!("to is \"{}\"", clip(to)), right.to_owned())
        });
        self.template("subject", subject);
        self.unless(is_subject(subject), || {
            let right = format!("one line of 1 to {SUBJECT_CHARS_MAX} characters");
            ("subject is empty, too long or has several lines".to_owned(), right)
        });
        if let Some(name) = document {
            self.document(name);
        }
        if let Some(why) = &self.known.mailless {
            let what = format!("a mail cannot be sent: {}", clip_to(why, 400));
            self.add(&what, "no such step, or what is missing");
        }
    }

    /// A document that the tenant has brought.
    fn document(&mut self, name: &str) {
        self.template("document", name);
        let is_plain = names(name).next().is_none();
        self.unless(!is_plain || is_fax_name(name), || {
            (
                format!("document is \"{}\", which is no name of a document", clip(name)),
                format!("1 to {FAX_NAME_CHARS_MAX} of a-z, 0-9, - and _"),
            )
        });
        let Some(known) = &self.known.documents else { return };
        self.unless(!is_plain || known.contains(name), || {
            let right: Vec<&str> = known.iter().take(12).map(String::as_str).collect();
            (
                format!("there is no document \"{}\"", clip(name)),
                format!("one of {}", right.join(", ")),
            )
        });
    }

    /// What somebody is to read.
    pub(crate) fn words(&mut self, text: &str) {
        self.template("text", text);
        self.unless(Written(text.to_owned()).is_sendable(), || {
            let right = format!("1 to {TEXT_BYTES_MAX} bytes, without control characters");
            ("text is empty or cannot be sent".to_owned(), right)
        });
    }

    /// The number that gets a text.
    pub(crate) fn text_to(&mut self, to: &str) {
        self.template("to", to);
        let plain = to.is_empty() || names(to).next().is_some() || is_outside_number(to);
        self.unless(plain, || (format!("to is \"{}\"", clip(to)), OUTSIDE_NUMBER.to_owned()));
    }

    /// The trunk that something is to go over.
    pub(crate) fn trunk(&mut self, trunk: Option<TrunkId>) {
        let (Some(trunk), Some(known)) = (trunk, &self.known.trunks) else { return };
        let right: Vec<String> = known.iter().take(12).map(ToString::to_string).collect();
        self.unless(self.known.everything || known.contains(&trunk), || {
            (format!("there is no trunk {trunk}"), format!("one of {}", right.join(", ")))
        });
    }
}
