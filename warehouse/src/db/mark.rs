//! Which directory belongs to which schema: the same number stands in `warehouse.mark` and in the
//! schema's `meta`. A manifest that met the files of another directory would take them for files that
//! nobody names, and remove them.

use super::{Db, sqlite};
use crate::{Error, file};
use std::io::Write as _;
use std::path::{Path, PathBuf};
use terms::record::tables;

/// The file in the directory.
const FILE: &str = "warehouse.mark";

fn path(dir: &Path) -> PathBuf {
    dir.join(FILE)
}

fn refused<T>(dir: &Path, problem: &str) -> Result<T, Error> {
    Err(Error::Manifest(format!("{} {problem}", dir.display())))
}

/// The mark of a directory that has a manifest in a file too: a move between the two lacks its end
/// ([`crate::moving`]).
///
/// # Errors
/// See [`Error`].
pub(crate) fn half_moved(dir: &Path) -> Result<Option<i64>, Error> {
    let mark = here(dir)?;
    Ok(mark.filter(|_| dir.join(sqlite::FILE).exists()))
}

fn check_moved(dir: &Path) -> Result<(), Error> {
    match half_moved(dir)? {
        None => Ok(()),
        Some(_) => refused(
            dir,
            "was being moved between warehouse.db and PostgreSQL when that ended; `switchgrid \
             warehouse move` finishes it when it is asked once more",
        ),
    }
}

/// A directory whose manifest is in PostgreSQL gets none in a file.
pub(super) fn check_sqlite(dir: &Path) -> Result<(), Error> {
    check_moved(dir)?;
    if path(dir).exists() {
        return refused(dir, "keeps its manifest in PostgreSQL; give the address of the schema");
    }
    Ok(())
}

/// A directory whose manifest is in a file gets none in PostgreSQL.
pub(crate) fn check_postgres(dir: &Path) -> Result<(), Error> {
    check_moved(dir)?;
    if dir.join(sqlite::FILE).exists() {
        return refused(
            dir,
            "keeps its manifest in warehouse.db; give no address, or move it with `switchgrid \
             warehouse move`",
        );
    }
    Ok(())
}

/// Checks that the schema is this directory's.
pub(crate) async fn check(db: &mut Db, dir: &Path) -> Result<(), Error> {
    match (there(db).await?, here(dir)?) {
        (Some(there), Some(here)) if there == here => Ok(()),
        _ => foreign(dir),
    }
}

/// Marks directory and schema where neither has rows yet, and checks them otherwise. The file comes
/// first: a start that dies in between begins again.
pub(super) async fn make(db: &mut Db, dir: &Path) -> Result<(), Error> {
    let (there, here) = (there(db).await?, here(dir)?);
    if there.is_some() {
        return if there == here { Ok(()) } else { foreign(dir) };
    }
    if holds_files(dir)? {
        return refused(
            dir,
            "has files of rows that the schema knows nothing of; give the address of the schema \
             that they were written with, or begin in an empty directory; where the schema is lost, \
             `switchgrid warehouse verify --repair` makes it of the files",
        );
    }
    let mark = if let Some(mark) = here {
        mark
    } else {
        let mark = new(db).await?;
        write(dir, mark)?;
        mark
    };
    put(db, mark).await
}

/// Marks the schema.
///
/// # Errors
/// See [`Error`].
pub(crate) async fn put(db: &mut Db, mark: i64) -> Result<(), Error> {
    sqlx::query("INSERT INTO meta (name, value) VALUES ('mark', $1)")
        .bind(mark)
        .execute(db)
        .await
        .map_err(Error::database("mark the schema"))?;
    Ok(())
}

fn foreign<T>(dir: &Path) -> Result<T, Error> {
    refused(
        dir,
        "and the schema do not belong together: the one is that of another warehouse; give the \
         address of its own schema, or a new schema to an empty directory",
    )
}

/// The mark of the schema.
///
/// # Errors
/// See [`Error`].
pub(crate) async fn there(db: &mut Db) -> Result<Option<i64>, Error> {
    sqlx::query_scalar("SELECT value FROM meta WHERE name = 'mark'")
        .fetch_optional(db)
        .await
        .map_err(Error::database("read the mark"))
}

/// The mark of the directory.
///
/// # Errors
/// See [`Error`].
pub(crate) fn here(dir: &Path) -> Result<Option<i64>, Error> {
    let path = path(dir);
    match std::fs::read_to_string(&path) {
        Ok(text) => text.trim().parse().map(Some).map_err(|_| Error::Damaged {
            what: path.display().to_string(),
            why: "it holds no number".to_owned(),
        }),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(Error::file("read", path)(error)),
    }
}

/// The server draws it.
///
/// # Errors
/// See [`Error`].
pub(crate) async fn new(db: &mut Db) -> Result<i64, Error> {
    sqlx::query_scalar("SELECT CAST(random() * 9007199254740991 AS BIGINT)")
        .fetch_one(db)
        .await
        .map_err(Error::database("draw a mark"))
}

/// Marks the directory.
///
/// # Errors
/// See [`Error`].
pub(crate) fn write(dir: &Path, mark: i64) -> Result<(), Error> {
    let (tmp, path) = (dir.join("warehouse.mark.new"), path(dir));
    let written = || -> std::io::Result<()> {
        let mut file = std::fs::File::create(&tmp)?;
        writeln!(file, "{mark}")?;
        file.sync_all()?;
        std::fs::rename(&tmp, &path)
    };
    written().map_err(Error::file("write", &path))?;
    file::sync_folder(dir)
}

/// The directory is no schema's any more.
///
/// # Errors
/// See [`Error`].
pub(crate) fn remove(dir: &Path) -> Result<(), Error> {
    let path = path(dir);
    std::fs::remove_file(&path).map_err(Error::file("remove", &path))?;
    file::sync_folder(dir)
}

/// Whether there are files that rows were sealed into.
fn holds_files(dir: &Path) -> Result<bool, Error> {
    for table in tables() {
        for folder in [dir.join("_hot"), dir.to_owned()] {
            if !file::walk(&folder.join(table.name))?.is_empty() {
                return Ok(true);
            }
        }
    }
    Ok(false)
}
