//! A person as rows tell of them: by their number, by their mail address, or by both.

use crate::{MailAddress, Subscriber};

/// Somebody who is looked for by their number, their mail address or both; never by neither.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Person {
    number: Option<Subscriber>,
    mail: Option<MailAddress>,
}

impl Person {
    /// Who has this number and this mail address; `None` where there is neither.
    pub fn new(number: Option<Subscriber>, mail: Option<MailAddress>) -> Option<Person> {
        let is_somebody = number.is_some() || mail.is_some();
        is_somebody.then_some(Person { number, mail })
    }

    /// Who has the number that somebody wrote, read as by [`Subscriber::parse`].
    pub fn by_number(text: &str, country: &str) -> Option<Person> {
        Person::new(Subscriber::parse(text, country), None)
    }

    /// Who has the mail address that somebody wrote, read as by [`MailAddress::parse`].
    pub fn by_mail(text: &str) -> Option<Person> {
        Person::new(None, MailAddress::parse(text))
    }

    /// Their number.
    pub fn number(&self) -> Option<&Subscriber> {
        self.number.as_ref()
    }

    /// Their mail address.
    pub fn mail(&self) -> Option<&MailAddress> {
        self.mail.as_ref()
    }

    /// Whether number or address stands in a text, whole.
    pub fn is_in(&self, text: &str) -> bool {
        self.is_in_bytes(text.as_bytes())
    }

    /// Whether number or address stands in bytes, whole.
    pub fn is_in_bytes(&self, bytes: &[u8]) -> bool {
        self.number.as_ref().is_some_and(|number| number.is_in_bytes(bytes))
            || self.mail.as_ref().is_some_and(|mail| mail.is_in_bytes(bytes))
    }

    /// Patterns of SQL's `LIKE` for texts in small letters in which they may be named: one, or two of
    /// which either may fit. [`Person::is_in`] says of those they find whether they are.
    pub fn patterns(&self) -> Vec<String> {
        let number = self.number.iter().map(Subscriber::pattern);
        number.chain(self.mail.iter().map(MailAddress::pattern)).collect()
    }

    /// The same for what is compared byte by byte.
    pub fn byte_patterns(&self) -> Vec<String> {
        let number = self.number.iter().map(Subscriber::pattern);
        number.chain(self.mail.iter().map(MailAddress::byte_pattern)).collect()
    }

    /// The text with number and address made unreadable; `None` where neither stands in it.
    pub fn hidden_in(&self, text: &str) -> Option<String> {
        // The address first: the number may stand in it.
        let no_mail = self.mail.as_ref().and_then(|mail| mail.hidden_in(text));
        let left = no_mail.as_deref().unwrap_or(text);
        let no_number = self.number.as_ref().and_then(|number| number.hidden_in(left));
        no_number.or(no_mail)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn somebody_is_found_by_either_of_both() {
        let number = Subscriber::parse("138 0013 8000", "86");
        let both = Person::new(number, MailAddress::parse("13800138000@139.com"));
        let both = both.expect("somebody");
        for text in ["+8613800138000", "13800138000@139.com", "13800138000@163.com"] {
            assert!(both.is_in(text), "{text}");
        }
        assert!(!both.is_in("li@139.com") && !both.is_in("13900139000"));
        assert_eq!(both.patterns(), ["%1%3%8%0%0%1%3%8%0%0%0%", "%13800138000@139.com%"]);
        let text = "13800138000@139.com or +8613800138000";
        assert_eq!(both.hidden_in(text).as_deref(), Some("*** or +86***"));
        let mail = Person::by_mail("13800138000@139.com").expect("somebody");
        assert!(!mail.is_in("+8613800138000"), "the number alone may be another's");
        assert_eq!(mail.hidden_in(text).as_deref(), Some("*** or +8613800138000"));
        assert_eq!(mail.hidden_in("+8613800138000"), None);
    }

    #[test]
    fn nobody_is_found_by_nothing() {
        assert_eq!(Person::new(None, None), None);
        assert_eq!(Person::by_number("95105", "86"), None);
        assert_eq!(Person::by_mail("95105688"), None);
    }
}
