//! The keys of `[warehouse]` that say where published files are, against each other. Promise: the
//! secret stands in no message, and one that is missing is told before anything is published.

use super::value::Secret;
use super::{Config, Error, WarehouseConfig, refused, secret_file};
use crate::s3::Access;
use std::sync::Arc;
use warehouse::Bucket;

/// The environment variable that holds the secret, when it is set.
pub const SECRET: &str = "SWITCHGRID_WAREHOUSE_SECRET";

/// Checks the keys that stand in the file.
pub(super) fn check(warehouse: &WarehouseConfig) -> Result<(), Error> {
    if warehouse.files.parts().is_none() {
        let others = [
            ("warehouse.files_endpoint", !warehouse.files_endpoint.0.is_empty()),
            ("warehouse.files_access_key", !warehouse.files_access_key.is_empty()),
            ("warehouse.files_secret_key", !warehouse.files_secret_key.is_empty()),
            ("warehouse.files_secret_file", !warehouse.files_secret_file.as_os_str().is_empty()),
        ];
        return match others.into_iter().find(|(_, is_set)| *is_set) {
            Some((key, _)) => {
                let problem = "published files are in the data folder; name a bucket in \
                               warehouse.files"
                    .to_owned();
                refused(key, problem)
            }
            None => Ok(()),
        };
    }
    if warehouse.files_endpoint.is_open() && !warehouse.files_allow_http {
        let problem = "over http everybody on the way can listen; use https, or set \
                       warehouse.files_allow_http = true"
            .to_owned();
        return refused("warehouse.files_endpoint", problem);
    }
    if warehouse.files_region.is_empty() {
        let problem = "requests are signed for a region, such as us-east-1".to_owned();
        return refused("warehouse.files_region", problem);
    }
    if warehouse.files_access_key.is_empty() {
        let problem = "the bucket needs a key; set warehouse.files_access_key".to_owned();
        return refused("warehouse.files", problem);
    }
    let is_in_file = !warehouse.files_secret_file.as_os_str().is_empty();
    if !warehouse.files_secret_key.is_empty() && is_in_file {
        let problem =
            "the secret stands in warehouse.files_secret_key too; leave one of them out".to_owned();
        return refused("warehouse.files_secret_file", problem);
    }
    Ok(())
}

impl Config {
    /// The bucket of the warehouse's published files; `None` where they are in the data folder.
    /// Nothing is asked yet.
    ///
    /// # Errors
    /// [`Error::Refused`] when its secret is missing or the client cannot be built.
    pub fn published_files(&self) -> Result<Option<Bucket>, Error> {
        let warehouse = &self.warehouse;
        let Some((bucket, prefix)) = warehouse.files.parts() else { return Ok(None) };
        let named = std::env::var(SECRET).ok().filter(|text| !text.is_empty());
        let secret = self.files_secret_or(named)?;
        let access = Access {
            bucket,
            endpoint: &warehouse.files_endpoint,
            region: &warehouse.files_region,
            access_key: &warehouse.files_access_key,
            secret: &secret,
            allow_http: warehouse.files_allow_http,
        };
        let client = Arc::new(access.client("warehouse.files_endpoint")?);
        Ok(Some(Bucket::over(client, &warehouse.files.0, prefix)))
    }

    fn files_secret_or(&self, named: Option<String>) -> Result<Secret, Error> {
        if let Some(text) = named {
            return Ok(Secret::new(text));
        }
        if !self.warehouse.files_secret_key.is_empty() {
            return Ok(self.warehouse.files_secret_key.clone());
        }
        let file = &self.warehouse.files_secret_file;
        if file.as_os_str().is_empty() {
            let problem = format!(
                "the access key needs its secret; set warehouse.files_secret_file, \
                 warehouse.files_secret_key or {SECRET}"
            );
            return refused("warehouse.files_access_key", problem);
        }
        secret_file::read("warehouse.files_secret_file", file)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::Path;

    const GOOD: &str = "[warehouse]\nfiles = \"s3://calls/box-1/\"\nfiles_access_key = \"box\"\n";

    fn parsed(text: &str) -> Result<Config, Error> {
        Config::parse(text, Path::new("switchgrid.toml"))
    }

    #[test]
    fn published_files_are_in_the_folder_or_in_the_bucket_of_the_key() {
        assert!(Config::default().published_files().unwrap().is_none());
        let config = parsed(&format!("{GOOD}files_secret_key = \"hush-hush\"\n")).unwrap();
        assert_eq!(config.warehouse.files.parts(), Some(("calls", "box-1")));
        let bucket = config.published_files().unwrap().unwrap();
        assert_eq!(bucket.name(), "s3://calls/box-1");
        assert!(!format!("{config:?} {bucket:?}").contains("hush-hush"));
        let whole = parsed(&GOOD.replace("/box-1/", "")).unwrap();
        assert_eq!(whole.warehouse.files.parts(), Some(("calls", "")));
    }

    #[test]
    fn wrong_keys_are_refused_with_line_key_and_what_would_be_right() {
        for (text, said) in [
            (
                "[warehouse]\nfiles = \"calls/box-1\"\n".to_owned(),
                "switchgrid.toml:2: warehouse.files: \"calls/box-1\" is no folder of a bucket",
            ),
            (
                "[warehouse]\nfiles = \"s3://calls/../x\"\n".to_owned(),
                "switchgrid.toml:2: warehouse.files: \"../x\" is no prefix",
            ),
            (
                "[warehouse]\nfiles_access_key = \"a\"\n".to_owned(),
                "switchgrid.toml:2: warehouse.files_access_key: published files are in the data",
            ),
            (
                "[warehouse]\nfiles = \"s3://calls\"\n".to_owned(),
                "switchgrid.toml:2: warehouse.files: the bucket needs a key",
            ),
            (
                format!("{GOOD}files_endpoint = \"http://192.0.2.7:9000\"\n"),
                "switchgrid.toml:4: warehouse.files_endpoint: over http everybody",
            ),
            (
                format!("{GOOD}files_secret_key = \"hush\"\nfiles_secret_file = \"x\"\n"),
                "switchgrid.toml:5: warehouse.files_secret_file: the secret stands in",
            ),
        ] {
            let found = parsed(&text).unwrap_err().to_string();
            assert!(found.starts_with(said) && !found.contains("hush"), "{found}");
        }
    }

    #[test]
    fn the_secret_comes_from_the_environment_the_key_or_the_file() {
        let mut config = parsed(GOOD).unwrap();
        let secret = |config: &Config, named: Option<&str>| {
            config.files_secret_or(named.map(str::to_owned)).map(|it| it.expose().to_owned())
        };
        let text = secret(&config, None).unwrap_err().to_string();
        assert!(text.contains("set warehouse.files_secret_file"), "{text}");
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("secret");
        std::fs::write(&file, "from-file\n").unwrap();
        config.warehouse.files_secret_file = file;
        assert_eq!(secret(&config, None).unwrap(), "from-file");
        config.warehouse.files_secret_key = Secret::new("from-key");
        assert_eq!(secret(&config, None).unwrap(), "from-key");
        assert_eq!(secret(&config, Some("from-environment")).unwrap(), "from-environment");
    }
}
