//! Who fetched a file and when, as it stands on the file itself: whoever finds it knows from whom it
//! came. PDF, PNG and HTML have it as a light text across each page, the PDF and the workbook in their
//! properties too, the workbook at the foot of each printed page, TXT in its last line. CSV and JSON
//! are read by programs, and have nothing that is no row.

use crate::cell::local;
use crate::messages::{FETCHED, Language};
use crate::period::{PeriodError, parse_zone};
use crate::table::clean;
use serde::{Deserialize, Serialize};
use terms::Timestamp;

/// Characters of a name; more are left out, so that a line holds all three parts.
const NAME_CHARS_MAX: usize = 100;

/// Who fetched something, of which organisation, and when.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Mark {
    who: String,
    tenant: String,
    at: String,
}

impl Mark {
    /// `who` of `tenant`, at this instant on the clock of `zone`.
    ///
    /// # Errors
    /// When there is no such zone.
    pub fn new(who: &str, tenant: &str, at: Timestamp, zone: &str) -> Result<Mark, PeriodError> {
        let at = local(at, parse_zone(zone)?).format("%Y-%m-%d %H:%M:%S UTC%:z").to_string();
        Ok(Mark { who: short(who), tenant: short(tenant), at })
    }

    /// When, in digits alone: `20261130094037`.
    pub fn digits(&self) -> String {
        self.at.chars().take_while(|c| *c != 'U').filter(char::is_ascii_digit).collect()
    }

    /// `Fetched by 王芳 (wf) | 燃气公司 | 2026-11-30 09:40:37 UTC+08:00`.
    pub fn line(&self, language: Language) -> String {
        let Mark { who, tenant, at } = self;
        format!("{} {who} | {tenant} | {at}", FETCHED.get(language))
    }
}

fn short(name: &str) -> String {
    let mut short: String = clean(name).chars().take(NAME_CHARS_MAX).collect();
    if name.chars().nth(NAME_CHARS_MAX).is_some() {
        short.pop();
        short.push('…');
    }
    short
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mark_says_who_of_whom_and_when_on_the_tenants_clock() {
        let at = Timestamp::from_secs(1_795_406_400);
        let mark = Mark::new("王芳 (wf)", "燃气公司", at, "Asia/Shanghai").unwrap();
        let told = "Fetched by 王芳 (wf) | 燃气公司 | 2026-11-23 12:00:00 UTC+08:00";
        assert_eq!(mark.line(Language::En), told);
        assert_eq!(mark.digits(), "20261123120000");
        assert!(mark.line(Language::ZhCn).starts_with("取用人 王芳 (wf) | "));
        assert!(Mark::new("x", "y", at, "Nowhere").is_err());
    }

    #[test]
    fn a_long_or_hostile_name_neither_hides_the_rest_nor_turns_it_round() {
        let at = Timestamp::from_secs(1_795_406_400);
        let mark = Mark::new(&"长".repeat(300), "a\u{202e}b\r\nc", at, "UTC").unwrap();
        let line = mark.line(Language::En);
        assert!(line.contains("… | a b  c | 2026-11-23 04:00:00 UTC+00:00"), "{line}");
        assert!(line.chars().count() < 160);
    }
}
