//! The keys of `[tier]` against each other, and where its secret is. Promise: the secret stands in no
//! message, and one that is missing is told before anything moves.

use super::value::Secret;
use super::{Config, Error, TierConfig, refused, secret_file};
use std::path::PathBuf;

/// The environment variable that holds the secret, when it is set.
pub const SECRET: &str = "SWITCHGRID_TIER_SECRET";
/// A smaller cache would be emptied by every second recording that is heard.
const CACHE_MIN: u64 = 1 << 20;

/// Checks the keys that stand in the file. An access without a bucket is for backups.
pub(super) fn check(tier: &TierConfig) -> Result<(), Error> {
    if tier.access_key.is_empty() {
        return check_unasked(tier);
    }
    if tier.endpoint.is_open() && !tier.allow_http {
        let problem = "over http everybody on the way can listen; use https, or set \
                       tier.allow_http = true"
            .to_owned();
        return refused("tier.endpoint", problem);
    }
    if tier.region.is_empty() {
        return refused(
            "tier.region",
            "requests are signed for a region, such as us-east-1".into(),
        );
    }
    if !tier.secret_key.is_empty() && !tier.secret_file.as_os_str().is_empty() {
        let problem = "the secret stands in tier.secret_key too; leave one of them out".to_owned();
        return refused("tier.secret_file", problem);
    }
    if tier.cache_max.0 < CACHE_MIN {
        let problem = format!("{} holds no recording; use at least 1MiB", tier.cache_max);
        return refused("tier.cache_max", problem);
    }
    Ok(())
}

/// Where no access stands, nothing may stand that wants one.
fn check_unasked(tier: &TierConfig) -> Result<(), Error> {
    if !tier.bucket.0.is_empty() {
        return refused("tier.bucket", "the bucket needs a key; set tier.access_key".into());
    }
    let others = [
        ("tier.endpoint", !tier.endpoint.0.is_empty()),
        ("tier.secret_key", !tier.secret_key.is_empty()),
        ("tier.secret_file", !tier.secret_file.as_os_str().is_empty()),
    ];
    match others.into_iter().find(|(_, is_set)| *is_set) {
        Some((key, _)) => refused(key, "without a key nobody is asked; set tier.access_key".into()),
        None => Ok(()),
    }
}

impl Config {
    /// The secret of the access to object stores; `None` where there is no access.
    ///
    /// # Errors
    /// [`Error::Refused`] when it is nowhere, or its file cannot be read.
    pub fn tier_secret(&self) -> Result<Option<Secret>, Error> {
        if self.tier.access_key.is_empty() {
            return Ok(None);
        }
        let named = std::env::var(SECRET).ok().filter(|text| !text.is_empty());
        self.tier_secret_or(named).map(Some)
    }

    fn tier_secret_or(&self, named: Option<String>) -> Result<Secret, Error> {
        if let Some(text) = named {
            return Ok(Secret::new(text));
        }
        if !self.tier.secret_key.is_empty() {
            return Ok(self.tier.secret_key.clone());
        }
        let file = &self.tier.secret_file;
        if file.as_os_str().is_empty() {
            let problem = format!(
                "the access key needs its secret; set tier.secret_file, tier.secret_key or {SECRET}"
            );
            return refused("tier.access_key", problem);
        }
        secret_file::read("tier.secret_file", file)
    }

    /// Folder of what was fetched back from the second tier.
    pub fn tier_cache_dir(&self) -> PathBuf {
        if self.tier.cache.as_os_str().is_empty() {
            self.server.data.join("tier-cache")
        } else {
            self.tier.cache.clone()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::Path;

    const GOOD: &str = "[tier]\nbucket = \"recordings\"\nendpoint = \"https://s3.example.com\"\n\
                        access_key = \"box\"\nsecret_key = \"hush-hush\"\n";

    fn parsed(text: &str) -> Result<Config, Error> {
        Config::parse(text, Path::new("switchgrid.toml"))
    }

    #[test]
    fn what_cannot_be_is_refused_with_line_key_and_what_would_be_right() {
        assert!(parsed(GOOD).is_ok());
        for (written, said) in [
            ("[tier]\nbucket = \"No\"\n", "switchgrid.toml:2: tier.bucket: \"No\" is no bucket"),
            (
                "[tier]\nsecret_key = \"hush-hush\"\n",
                "switchgrid.toml:2: tier.secret_key: without a key nobody is asked",
            ),
            (
                "[tier]\nsecret_file = \"/etc/switchgrid/tier\"\n",
                "switchgrid.toml:2: tier.secret_file: without a key nobody is asked",
            ),
            (
                "[tier]\nendpoint = \"https://s3.example.com\"\n",
                "switchgrid.toml:2: tier.endpoint: without a key nobody is asked",
            ),
            (
                "[tier]\nendpoint = \"s3.example.com\"\n",
                "switchgrid.toml:2: tier.endpoint: this is no address of an object store",
            ),
            (
                "[tier]\nendpoint = \"https://me:hush-hush@s3.example.com\"\n",
                "switchgrid.toml:2: tier.endpoint: this is no address of an object store",
            ),
            ("[tier]\nprefix = \"a/../b\"\n", "switchgrid.toml:2: tier.prefix: \"a/../b\" is no"),
            ("[tier]\nafter = \"soon\"\n", "switchgrid.toml:2: tier.after: \"soon\" is no time"),
            ("[tier]\nsecret_key = 7\n", "switchgrid.toml:2: tier.secret_key: a text in quotes"),
            ("[tier]\nsecretkey = \"x\"\n", "did you mean tier.secret_key?"),
            ("[tier]\nbucket = \"recordings\"\n", "tier.bucket: the bucket needs a key"),
        ] {
            let text = parsed(written).unwrap_err().to_string();
            assert!(text.contains(said), "{written}: {text}");
            assert!(!text.contains("hush"), "{text}");
        }
        for (more, said) in [
            (
                "cache_max = \"5KiB\"\n",
                "switchgrid.toml:6: tier.cache_max: 5KiB holds no recording",
            ),
            (
                "secret_file = \"secret\"\n",
                "switchgrid.toml:6: tier.secret_file: the secret stands",
            ),
        ] {
            let text = parsed(&format!("{GOOD}{more}")).unwrap_err().to_string();
            assert!(text.contains(said), "{more}: {text}");
        }
        let open = GOOD.replace("https:", "http:");
        let text = parsed(&open).unwrap_err().to_string();
        assert!(text.starts_with("switchgrid.toml:3: tier.endpoint: over http"), "{text}");
        assert!(parsed(&format!("{open}allow_http = true\n")).is_ok());
    }

    #[test]
    fn the_secret_comes_from_one_of_three_places_and_is_shown_in_none() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("secret");
        std::fs::write(&file, "from the file\n").unwrap();
        let mut config = parsed(GOOD).unwrap();
        let secret = |config: &Config, named: Option<&str>| {
            config.tier_secret_or(named.map(str::to_owned)).map(|it| it.expose().to_owned())
        };
        assert_eq!(secret(&config, None).unwrap(), "hush-hush");
        assert_eq!(secret(&config, Some("named")).unwrap(), "named");
        let shown = format!("{config:?}");
        assert!(shown.contains("Secret(…)") && !shown.contains("hush"), "{shown}");
        config.tier.secret_key = Secret::new("");
        let text = secret(&config, None).unwrap_err().to_string();
        assert!(text.contains("set tier.secret_file, tier.secret_key or SWITCHGRID"), "{text}");
        config.tier.secret_file = file.clone();
        assert_eq!(secret(&config, None).unwrap(), "from the file");
        std::fs::write(&file, " \n").unwrap();
        assert!(secret(&config, None).unwrap_err().to_string().contains("is empty"));
        config.tier.secret_file = folder.path().join("none");
        let text = secret(&config, None).unwrap_err().to_string();
        assert!(
            text.starts_with("tier.secret_file: ") && text.contains("cannot be read"),
            "{text}"
        );
    }

    #[test]
    fn an_access_without_a_bucket_is_taken_and_checked_as_one_with_it() {
        assert_eq!(Config::default().tier_secret().unwrap(), None);
        let bare = GOOD.replace("bucket = \"recordings\"\n", "");
        let config = parsed(&bare).expect("backups want the access alone");
        assert_eq!(config.tier_secret().unwrap().expect("a secret").expose(), "hush-hush");
        let open = parsed(&bare.replace("https:", "http:")).unwrap_err().to_string();
        assert!(open.starts_with("switchgrid.toml:2: tier.endpoint: over http"), "{open}");
    }
}
