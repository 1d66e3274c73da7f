//! Where the warehouse keeps its manifest and staged rows. Promise: the address stands in no message;
//! there may be a password in it.

use super::{Config, Error, WarehouseConfig, refused};
use warehouse::Manifest;

/// The environment variable that holds the address, when it is set.
pub const ADDRESS: &str = "SWITCHGRID_WAREHOUSE_MANIFEST";

/// Checks the key that stands in the file.
pub(super) fn check(warehouse: &WarehouseConfig) -> Result<(), Error> {
    at(warehouse.manifest.expose(), "warehouse.manifest").map(|_| ())
}

fn at(address: &str, key: &str) -> Result<Manifest, Error> {
    Manifest::at(address).or_else(|error| refused(key, error.to_string()))
}

impl Config {
    /// Where manifest and staged rows are.
    ///
    /// # Errors
    /// [`Error::Refused`] when that is no address of a schema.
    pub fn manifest(&self) -> Result<Manifest, Error> {
        self.manifest_or(std::env::var(ADDRESS).ok())
    }

    fn manifest_or(&self, named: Option<String>) -> Result<Manifest, Error> {
        match named.filter(|text| !text.is_empty()) {
            Some(address) => at(&address, ADDRESS),
            None => at(self.warehouse.manifest.expose(), "warehouse.manifest"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::Path;

    fn parsed(text: &str) -> Result<Config, Error> {
        Config::parse(text, Path::new("switchgrid.toml"))
    }

    #[test]
    fn a_manifest_is_in_the_folder_or_where_the_key_or_the_variable_says() {
        let address = "postgres://box:hush@db.example.com/calls?schema=box";
        let config = parsed(&format!("[warehouse]\nmanifest = \"{address}\"\n")).unwrap();
        let postgres = |text: &str| Manifest::Postgres(text.to_owned());
        assert_eq!(Config::default().manifest_or(None).unwrap(), Manifest::Sqlite);
        assert_eq!(Config::default().manifest_or(Some(String::new())).unwrap(), Manifest::Sqlite);
        assert_eq!(config.manifest_or(None).unwrap(), postgres(address));
        let other = "postgres:///calls?host=/run/postgresql";
        assert_eq!(config.manifest_or(Some(other.to_owned())).unwrap(), postgres(other));
        assert!(!format!("{config:?} {:?}", config.manifest_or(None)).contains("hush"));
    }

    #[test]
    fn a_wrong_address_is_refused_with_line_and_key_and_not_repeated() {
        for address in ["hush", "mysql://box:hush@db/calls", "postgres://db/calls?secret=hush"] {
            let text = parsed(&format!("[warehouse]\nmanifest = \"{address}\"\n"));
            let text = text.unwrap_err().to_string();
            assert!(text.starts_with("switchgrid.toml:2: warehouse.manifest: "), "{text}");
            assert!(text.contains("write postgres://") && !text.contains("hush"), "{text}");
            let text = Config::default().manifest_or(Some(address.to_owned()));
            let text = text.unwrap_err().to_string();
            assert!(text.starts_with(ADDRESS) && !text.contains("hush"), "{text}");
        }
    }
}
