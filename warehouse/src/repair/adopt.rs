//! Files that the manifest does not name, as those of a database that was put back from a copy: whole
//! ones whose rows are not there are named again.

use super::doubled::{keys_of, keys_of_day};
use super::{named_any, read};
use crate::schema::layout_of;
use crate::{Error, Warehouse, aside, db, file, manifest, publish, rollup, seal};
use std::collections::BTreeSet;

/// What became of the files that lie aside.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Adopted {
    /// They count again.
    pub adopted: Vec<String>,
    /// They stay aside: damaged, or with rows that are there.
    pub left: Vec<String>,
}

impl Warehouse {
    /// The files that lie aside, by their paths of before.
    ///
    /// # Errors
    /// See [`Error`].
    pub fn aside(&self) -> Result<Vec<String>, Error> {
        aside::list(self.dir())
    }

    /// Names again what lies aside, is whole, and has only rows that are not there.
    ///
    /// # Errors
    /// See [`Error`]; what was named before stays so.
    pub async fn adopt(&self) -> Result<Adopted, Error> {
        let _one = self.upkeep().await;
        // What came again since is looked for in files.
        seal::all(self).await?;
        let mut done = Adopted::default();
        for path in aside::list(self.dir())? {
            match self.adopt_one(&path).await? {
                true => done.adopted.push(path),
                false => done.left.push(path),
            }
        }
        rollup::catch_up(self).await?;
        Ok(done)
    }

    /// Counts anew what damaged files of counts are of. Returns how many.
    ///
    /// # Errors
    /// See [`Error`]; the others are counted when somebody asks.
    pub async fn recount(&self) -> Result<u64, Error> {
        let _one = self.upkeep().await;
        let mut tx = self.read("list counts").await?;
        let counts = rollup::readable(&mut tx).await?;
        drop(tx);
        let mut damaged = Vec::new();
        for (source, entry) in counts {
            let found = self.shelf().digest(&entry.path).await;
            if !found.is_ok_and(|(sha256, _)| sha256 == entry.sha256) {
                damaged.push(source);
            }
        }
        let mut tx = self.write("forget counts").await?;
        for source in &damaged {
            sqlx::query("DELETE FROM rollup WHERE source = $1")
                .bind(source)
                .execute(&mut *tx)
                .await
                .map_err(Error::database("forget counts"))?;
        }
        db::commit(tx, "forget counts").await?;
        rollup::catch_up(self).await?;
        Ok(damaged.len() as u64)
    }

    async fn adopt_one(&self, path: &str) -> Result<bool, Error> {
        // Of a sealed one nothing tells whether it is what was written.
        let published = named_any(path).filter(|known| known.hash.is_some());
        let Some(known) = published else { return Ok(false) };
        let (layout, day) = (layout_of(known.table), known.day.clone());
        let aside = self.dir().join(aside::FOLDER);
        let Some((entry, batches)) = read(aside.join(path), known, layout).await? else {
            return Ok(false);
        };
        drop(batches);
        let mut tx = self.read("list files").await?;
        let mut files = manifest::in_state(&mut tx, "published").await?;
        files.extend(manifest::in_state(&mut tx, "hot").await?);
        let is_named = manifest::paths(&mut tx).await?.contains(&entry.path);
        drop(tx);
        if is_named {
            // Where it came to its place, the process died before it left this one.
            let is_there = self.shelf().is_whole(&entry).await?;
            if is_there {
                publish::remove(&aside.join(path))?;
            }
            return Ok(is_there);
        }
        files.retain(|file| file.tbl == entry.tbl && file.day == day);
        let (near, from) = (self.shelf().near_all(&files).await?, aside.join(path));
        let work = move || -> Result<bool, Error> {
            let there: BTreeSet<_> = keys_of_day(layout, &near, &files, &[]).into_iter().collect();
            Ok(keys_of(layout, &from)?.iter().all(|key| !there.contains(key)))
        };
        let is_new = tokio::task::spawn_blocking(work).await.expect("reading does not panic")?;
        if is_new {
            let entry = manifest::Entry { state: "publishing".to_owned(), ..entry };
            // It goes on lying aside until it counts: nobody else has its rows.
            let (from, tmp) = (aside.join(path), self.tmp("adopt.parquet"));
            file::make_folder(tmp.parent().expect("_tmp is its folder"))?;
            publish::remove(&tmp)?;
            std::fs::hard_link(&from, &tmp).map_err(Error::file("link", &tmp))?;
            publish::settle(self, &entry, &[], tmp).await?;
            publish::remove(&from)?;
        }
        Ok(is_new)
    }
}
