//! Where the business is kept. Promise: the password of a database stands in no message.

use super::value::Secret;
use super::{Config, Error, refused};
use std::path::PathBuf;

/// The environment variable that says where the business is, when it is set.
pub const STORE: &str = "SWITCHGRID_STORE";
/// The file in the data folder, where nothing else is said.
const FILE: &str = "desk.db";
/// The file in the data folder that holds the key of what is sealed in a database.
const KEY: &str = "desk.key";

/// Where the business is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Place {
    /// A file of SQLite; its key lies beside it.
    File(PathBuf),
    /// A database of PostgreSQL.
    Database {
        /// Where it is, and who we are there.
        url: Secret,
        /// The file of the key.
        key: PathBuf,
    },
}

impl Place {
    /// Whether a box was ever started here. Of a database the key tells it: it is made with the
    /// tables, and without it nobody asks the database.
    pub fn has_box(&self) -> bool {
        match self {
            Place::File(file) => file.exists(),
            Place::Database { key, .. } => key.exists(),
        }
    }
}

/// What is right where [`is_place`] says no.
pub const PLACE: &str = "a path is needed, or postgres://user:password@host:5432/database";

/// Checks the key that stands in the file.
pub(super) fn check(store: &Secret) -> Result<(), Error> {
    if is_place(store.expose()) { Ok(()) } else { refused("server.store", PLACE.to_owned()) }
}

/// Whether a business can be there: an address of PostgreSQL, or a path.
pub fn is_place(text: &str) -> bool {
    is_database(text) || text.starts_with("sqlite://") || !text.contains(':')
}

fn is_database(text: &str) -> bool {
    text.starts_with("postgres://") || text.starts_with("postgresql://")
}

impl Config {
    /// Where the business is kept.
    pub fn store(&self) -> Place {
        let named = std::env::var(STORE).ok().filter(|text| !text.is_empty());
        self.store_or(named)
    }

    fn store_or(&self, named: Option<String>) -> Place {
        let store = named.map_or_else(|| self.server.store.clone(), Secret::new);
        match store.is_empty() {
            true => Place::File(self.server.data.join(FILE)),
            false => self.store_at(store.expose()),
        }
    }

    /// Where a path or an address says.
    pub fn store_at(&self, address: &str) -> Place {
        if is_database(address) {
            let key = self.server.data.join(KEY);
            return Place::Database { url: Secret::new(address), key };
        }
        Place::File(PathBuf::from(address.strip_prefix("sqlite://").unwrap_or(address)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::Path;

    const URL: &str = "postgres://grid:hush-hush@db.example:5433/desk";

    fn parsed(store: &str) -> Result<Config, Error> {
        let text = format!("[server]\ndata = \"box\"\nstore = \"{store}\"\n");
        Config::parse(&text, Path::new("switchgrid.toml"))
    }

    #[test]
    fn the_business_is_in_the_data_folder_or_where_the_key_or_the_environment_says() {
        let file = |path: &str| Place::File(PathBuf::from(path));
        assert_eq!(parsed("").unwrap().store_or(None), file("box/desk.db"));
        assert_eq!(parsed("other/desk.db").unwrap().store_or(None), file("other/desk.db"));
        let database = Place::Database { url: Secret::new(URL), key: "box/desk.key".into() };
        assert_eq!(parsed(URL).unwrap().store_or(None), database);
        assert_eq!(parsed("other/desk.db").unwrap().store_or(Some(URL.to_owned())), database);
    }

    #[test]
    fn what_is_neither_path_nor_postgresql_is_refused_and_no_password_is_shown() {
        for store in ["mysql://u:hush-hush@db/x", "postgres:desk", ":memory:"] {
            let said = parsed(store).unwrap_err().to_string();
            assert!(
                said.starts_with("switchgrid.toml:3: server.store: a path is needed"),
                "{said}"
            );
            assert!(!said.contains("hush"), "{said}");
        }
        let config = parsed(URL).unwrap();
        let shown = format!("{config:?} {:?}", config.store_or(None));
        assert!(!shown.contains("hush"), "{shown}");
    }

    #[test]
    fn a_box_on_a_database_is_there_once_its_key_is() {
        let folder = tempfile::tempdir().unwrap();
        let mut config = parsed(URL).unwrap();
        config.server.data = folder.path().to_owned();
        let place = config.store_or(None);
        assert!(!place.has_box());
        std::fs::write(folder.path().join("desk.key"), [0; 32]).unwrap();
        assert!(place.has_box());
    }
}
