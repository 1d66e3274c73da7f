//! `switchgrid store`: the business of a box that does not run, moved to another place.

use super::block_on;
use super::warehouse::{bar, show};
use crate::config::{Config, PLACE, Place, is_place};
use crate::serve::lock;
use desk::store::moved::{self, Moved};

/// Arguments of `switchgrid store`.
#[derive(clap::Args)]
pub struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(clap::Subcommand)]
enum Command {
    /// Copy the business from the file to an empty database of PostgreSQL, or from there to a file.
    /// The box must not run. What was there stays as it was.
    Move {
        /// postgres://user@host:5432/database, or the path of a file that is not there yet. A
        /// password is better in the environment variable PGPASSWORD or in .pgpass.
        to: String,
    },
}

/// Runs the command.
///
/// # Errors
/// When there is no box, it runs, or the business cannot be moved.
pub fn run(config: &Config, arguments: &Arguments) -> Result<(), anyhow::Error> {
    let Command::Move { to } = &arguments.command;
    let moved = block_on(carry(config, to))?;
    print(&moved, &config.store_at(to));
    Ok(())
}

/// Moves the business to where `to` says.
pub async fn carry(config: &Config, to: &str) -> Result<Vec<Moved>, anyhow::Error> {
    // Without a word of it: there may be a password in it.
    anyhow::ensure!(!to.is_empty() && is_place(to), "where to? {PLACE}");
    let (from, to) = (config.store(), config.store_at(to));
    anyhow::ensure!(
        from.has_box(),
        "{} holds no box; name its folder with --data, and where its business is as `serve` is told",
        config.server.data.display()
    );
    // Held until the end: a box that began meanwhile would write what is not moved.
    let _lock = lock::Held::take(config)?;
    let bar = bar();
    let moved = moved::carry(place(&from), place(&to), |done, all| {
        show(&bar, done as usize, all as usize);
    });
    let moved = moved.await;
    bar.finish_and_clear();
    Ok(moved?)
}

fn place(of: &Place) -> moved::Place<'_> {
    match of {
        Place::File(file) => moved::Place::File(file),
        Place::Database { url, key } => moved::Place::Database { url: url.expose(), key },
    }
}

fn print(moved: &[Moved], to: &Place) {
    for table in moved.iter().filter(|table| table.rows > 0) {
        println!("{:>10}  {}", table.rows, table.table);
    }
    let rows: u64 = moved.iter().map(|table| table.rows).sum();
    println!("{rows} rows of {} tables are there, counted and compared.", moved.len());
    match to {
        Place::Database { key, .. } => {
            println!("What is sealed in them is opened with {}.", key.display());
            println!(
                "Now say in switchgrid.toml where they are, or in {}:\n\n[server]\nstore = \
                 \"postgres://…\"   # the address that was given\n",
                crate::config::STORE
            );
        }
        Place::File(file) => println!(
            "Now say in switchgrid.toml where they are, and unset {}:\n\n[server]\nstore = {:?}\n",
            crate::config::STORE,
            file.display().to_string()
        ),
    }
    println!(
        "Where they were nothing has changed. Take it away once the box runs: nobody is forgotten \
         there any more."
    );
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::serve::lock::FolderLock;

    fn config(data: &std::path::Path) -> Config {
        let mut config = Config::default();
        config.server.data = data.to_owned();
        config
    }

    async fn refusal(config: &Config, to: &str) -> String {
        carry(config, to).await.unwrap_err().to_string()
    }

    #[tokio::test]
    async fn nothing_moves_to_what_is_neither_a_path_nor_postgresql() {
        let folder = tempfile::tempdir().unwrap();
        let config = config(folder.path());
        crate::first::bootstrap(&config, None).await.unwrap();
        for wrong in ["", "mysql://grid:hush-hush@127.0.0.1/desk", "postgres:/grid:hush@db/desk"] {
            let said = refusal(&config, wrong).await;
            assert!(said.contains("a path is needed") && !said.contains("hush"), "{said}");
        }
    }

    #[tokio::test]
    async fn what_is_no_box_or_runs_is_not_moved() {
        let folder = tempfile::tempdir().unwrap();
        let config = config(folder.path());
        let nowhere = "postgres://grid:hush-hush@127.0.0.1:1/desk";
        assert!(refusal(&config, nowhere).await.contains("holds no box"));
        crate::first::bootstrap(&config, None).await.unwrap();
        let said = refusal(&config, "other.db").await;
        assert!(said.contains("from a file to a database"), "{said}");
        let said = refusal(&config, nowhere).await;
        assert!(said.contains("does not answer") && !said.contains("hush"), "{said}");
        assert!(!folder.path().join("desk.key").exists(), "no box is there");
        let _running = FolderLock::take(&config).await.unwrap();
        assert!(refusal(&config, nowhere).await.contains("is in use by process"));
    }
}
