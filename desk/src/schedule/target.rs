//! Where the file of a scheduled report goes. Checked here is the form alone: which folders, mail
//! server and object store there are is the configuration's.

use crate::{Error, Result};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// Targets of one schedule.
pub const TARGETS_MAX: usize = 10;
/// Addresses of one mail.
pub const ADDRESSES_MAX: usize = 20;
/// Longest address of a mail (RFC 5321 §4.5.3.1.3, without the angle brackets).
const ADDRESS_CHARS_MAX: usize = 254;
/// Longest address of a webhook.
const URL_CHARS_MAX: usize = 2_000;
/// Folders beneath a configured one.
const DEPTH_MAX: usize = 5;
/// Longest name of a folder.
const FOLDER_CHARS_MAX: usize = 64;

/// Where a file goes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[schema(as = ReportTarget)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
pub enum Target {
    /// A mail with the file; where it is too large, with a link to it.
    Mail {
        /// To whom, at most 20.
        to: Vec<String>,
    },
    /// A folder of the box.
    Directory {
        /// One of `schedules.directories` of the configuration, as it stands there.
        root: String,
        /// Folders beneath it and beneath the tenant's own, such as `sales/daily`; may be empty.
        #[serde(default)]
        path: String,
    },
    /// The object store of `[tier]` in the configuration.
    // With braces, so that a field beside it is refused: serde passes over those of a bare variant.
    S3 {},
    /// A `POST` of the file, signed with the schedule's secret.
    Webhook {
        /// An address with https.
        url: String,
    },
}

impl Target {
    /// A word for lists.
    pub fn kind(&self) -> &'static str {
        match self {
            Target::Mail { .. } => "mail",
            Target::Directory { .. } => "directory",
            Target::S3 {} => "s3",
            Target::Webhook { .. } => "webhook",
        }
    }

    /// Whether the same delivery may be made again without anybody having it twice: the file has
    /// the same place then, or the receiver knows its key. A mail has neither.
    pub fn may_repeat(&self) -> bool {
        !matches!(self, Target::Mail { .. })
    }
}

/// Checks the targets of one schedule.
pub(crate) fn check(targets: &[Target]) -> Result<()> {
    if targets.len() > TARGETS_MAX {
        return Err(Error::invalid("targets", format!("at most {TARGETS_MAX} entries are kept")));
    }
    targets.iter().try_for_each(check_one)
}

fn check_one(target: &Target) -> Result<()> {
    match target {
        Target::Mail { to } => {
            if to.is_empty() || to.len() > ADDRESSES_MAX {
                let problem = format!("1-{ADDRESSES_MAX} mail addresses are needed");
                return Err(Error::invalid("targets", problem));
            }
            match to.iter().all(|address| is_address(address)) {
                true => Ok(()),
                false => Err(Error::invalid(
                    "targets",
                    "mail addresses such as office@example.com are needed",
                )),
            }
        }
        Target::Directory { root, path } => {
            if !root.starts_with('/') || root.chars().any(char::is_control) {
                return Err(Error::invalid(
                    "targets",
                    "root has to be a folder of schedules.directories",
                ));
            }
            folders(path).map(drop)
        }
        Target::S3 {} => Ok(()),
        Target::Webhook { url } => {
            let known = url.starts_with("https://") || url.starts_with("http://");
            let sound = url.len() <= URL_CHARS_MAX && url.chars().all(|c| c.is_ascii_graphic());
            match known && sound {
                true => Ok(()),
                false => Err(Error::invalid(
                    "targets",
                    "an address such as https://example.com/in is needed",
                )),
            }
        }
    }
}

/// One ASCII address without display name, quotes or comments: nothing that could be a second
/// address or a header.
fn is_address(text: &str) -> bool {
    let Some((local, domain)) = text.split_once('@') else { return false };
    let plain = |part: &str, also: &str| {
        !part.is_empty()
            && !part.starts_with('.')
            && !part.ends_with('.')
            && !part.contains("..")
            && part.chars().all(|c| c.is_ascii_alphanumeric() || also.contains(c))
    };
    text.len() <= ADDRESS_CHARS_MAX
        && local.len() <= 64
        && plain(local, ".!#$%&'*+/=?^_`{|}~-")
        && plain(domain, ".-")
}

/// The folders of a path, each a plain name.
///
/// # Errors
/// [`Error::Invalid`] for whatever could lead elsewhere.
pub fn folders(path: &str) -> Result<Vec<&str>> {
    if path.is_empty() {
        return Ok(Vec::new());
    }
    let folders: Vec<&str> = path.split('/').collect();
    let is_plain = |name: &&str| {
        !name.is_empty()
            && name.len() <= FOLDER_CHARS_MAX
            && !name.starts_with('.')
            && name.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_'))
    };
    if folders.len() > DEPTH_MAX || !folders.iter().all(is_plain) {
        let problem = format!(
            "path: at most {DEPTH_MAX} folders such as sales/daily are needed, of letters, digits, \
             \".\", \"_\" and \"-\""
        );
        return Err(Error::invalid("targets", problem));
    }
    Ok(folders)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hostile_path_leads_nowhere() {
        for path in [
            "..",
            "a/../b",
            "/etc",
            "a//b",
            "a/",
            ".ssh",
            "a\\b",
            "a\0b",
            "表",
            "a b",
            "1/2/3/4/5/6",
        ] {
            assert!(folders(path).is_err(), "{path:?}");
        }
        assert!(folders(&"a".repeat(65)).is_err());
        assert_eq!(folders("sales/2026-daily").unwrap(), ["sales", "2026-daily"]);
        assert!(folders("").unwrap().is_empty());
    }

    #[test]
    fn an_address_cannot_carry_a_second_one_or_a_header() {
        for bad in [
            "",
            "a",
            "@b.c",
            "a@",
            "a@b\r\nBcc: x@y.z",
            "a@b,c@d",
            "a b@c.d",
            "<a@b.c>",
            "a@b@c",
            "\"a\"@b.c",
            "a@-é.de",
            "a..b@c.d",
        ] {
            assert!(!is_address(bad), "{bad:?}");
        }
        assert!(is_address("first.last+reports@mail.example.com"));
    }

    #[test]
    fn a_field_that_is_another_targets_is_refused() {
        let read = |text: &str| serde_json::from_str::<Target>(text).map_err(|e| e.to_string());
        let store = Target::S3 {};
        assert_eq!(serde_json::to_string(&store).unwrap(), r#"{"kind":"s3"}"#);
        assert_eq!(read(r#"{"kind": "s3"}"#), Ok(store));
        let refused = read(r#"{"kind": "s3", "path": "daily"}"#).unwrap_err();
        assert!(refused.contains("unknown field `path`"), "{refused}");
    }

    #[test]
    fn a_target_that_cannot_be_is_refused() {
        let webhook = |url: &str| check(&[Target::Webhook { url: url.into() }]);
        assert!(webhook("https://example.com/in").is_ok());
        for url in ["ftp://example.com", "https://a b", "javascript:alert(1)", ""] {
            assert!(webhook(url).is_err(), "{url}");
        }
        assert!(check(&std::iter::repeat_n(Target::S3 {}, 11).collect::<Vec<_>>()).is_err());
        assert!(check(&[Target::Mail { to: Vec::new() }]).is_err());
        let root = Target::Directory { root: "srv".into(), path: String::new() };
        assert!(check(&[root]).is_err());
    }
}
