//! Where the questions of `switchgrid sql` come from: a person at a terminal, who has a prompt, keys and
//! a history, or a script on standard input.

use super::shell::{self, Command, Shell};
use super::{Arguments, Format, table, tables};
use crate::cli::home::Home;
use crate::config::Config;
use anyhow::Context;
use rustyline::DefaultEditor;
use rustyline::error::ReadlineError;
use std::io::Write;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt};
use std::path::Path;
use std::time::Instant;
use warehouse::{Answer, Limits, Session, SqlError};

/// Lines of the history.
const HISTORY_MAX: usize = 1_000;

/// What goes on after a command.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Next {
    GoOn,
    /// The question has no answer, and the person was told.
    Failed,
    Quit,
}

/// What a question saw, and what it gave.
type Answered = (Session, Result<Answer, SqlError>);

/// Who answers.
pub struct Counter<'a> {
    home: &'a Home,
    config: &'a Config,
    limits: Limits,
    format: Format,
    timing: bool,
    /// The scheduler of the cluster that answers, if not this process.
    cluster: Option<String>,
}

impl<'a> Counter<'a> {
    /// For one tenant.
    pub fn new(
        home: &'a Home,
        config: &'a Config,
        limits: Limits,
        arguments: &Arguments,
    ) -> Counter<'a> {
        let (format, timing) = (arguments.format, arguments.timing);
        Counter { home, config, limits, format, timing, cluster: arguments.cluster.clone() }
    }

    /// Asks and answers until the person ends.
    ///
    /// # Errors
    /// When the terminal or the warehouse cannot be read.
    pub async fn talk(&mut self) -> Result<(), anyhow::Error> {
        let settings = rustyline::Config::builder().max_history_size(HISTORY_MAX)?.build();
        let mut editor = DefaultEditor::with_config(settings)?;
        let history = shell::history(std::env::var_os("XDG_STATE_HOME"), std::env::var_os("HOME"));
        if let Some(path) = &history {
            let loaded = private(path).and_then(|()| editor.load_history(path).map_err(Into::into));
            if let Err(error) = loaded {
                eprintln!("There is no history: {}: {error}", path.display());
            }
        }
        println!("Questions end with ; and \\? tells what else there is.");
        let mut shell = Shell::default();
        loop {
            let line = match editor.readline(shell.prompt()) {
                Ok(line) => line,
                // What was typed of a question is forgotten, as in every shell.
                Err(ReadlineError::Interrupted) => {
                    shell.clear();
                    continue;
                }
                Err(ReadlineError::Eof) => return Ok(()),
                Err(error) => return Err(error.into()),
            };
            if !line.trim().is_empty() {
                editor.add_history_entry(line.as_str())?;
            }
            if let Some(path) = &history
                && editor.append_history(path).is_err()
            {
                tracing::debug!("a line of the history was not kept");
            }
            for command in shell.line(&line) {
                let (mut out, mut notes) = (std::io::stdout(), std::io::stderr());
                if self.carry_out(command, &mut out, &mut notes).await? == Next::Quit {
                    return Ok(());
                }
            }
        }
    }

    /// Answers the questions of a script; false where it ended at one that has no answer.
    ///
    /// # Errors
    /// When the warehouse cannot be read or the answer not be written.
    pub async fn script(
        &mut self,
        script: &str,
        out: &mut impl Write,
        notes: &mut impl Write,
    ) -> Result<bool, anyhow::Error> {
        let mut shell = Shell::default();
        let mut lines = script.lines();
        loop {
            let line = lines.next();
            let commands = match line {
                Some(line) => shell.line(line),
                None => shell.end().into_iter().collect(),
            };
            for command in commands {
                match self.carry_out(command, out, notes).await? {
                    Next::GoOn => {}
                    Next::Failed => return Ok(false),
                    Next::Quit => return Ok(true),
                }
            }
            if line.is_none() {
                return Ok(true);
            }
        }
    }

    async fn carry_out(
        &mut self,
        command: Command,
        out: &mut impl Write,
        notes: &mut impl Write,
    ) -> Result<Next, anyhow::Error> {
        match command {
            Command::Quit => return Ok(Next::Quit),
            Command::Help => writeln!(out, "{}", shell::HELP)?,
            Command::Timing => {
                self.timing = !self.timing;
                let said = if self.timing { "on" } else { "off" };
                writeln!(out, "Timing is {said}.")?;
            }
            Command::List(name) => match tables::table(&name) {
                Ok(table) => writeln!(out, "{table}")?,
                Err(problem) => return failed(notes, &problem),
            },
            Command::Problem(problem) => return failed(notes, &problem),
            Command::Ask(sql) => return self.ask(&sql, out, notes).await,
        }
        Ok(Next::GoOn)
    }

    async fn ask(
        &self,
        sql: &str,
        out: &mut impl Write,
        notes: &mut impl Write,
    ) -> Result<Next, anyhow::Error> {
        let began = Instant::now();
        let answer = tokio::select! {
            answer = self.answer(sql) => answer?,
            // The question ends, the shell does not.
            _ = tokio::signal::ctrl_c() => {
                return failed(notes, "The question was stopped.");
            }
        };
        let took = began.elapsed();
        let (session, answer) = answer;
        match answer {
            Err(error) => return failed(notes, &shell::told(sql, &error)),
            Ok(answer) => self.print(&answer, out, notes)?,
        }
        if self.cluster.is_some() {
            writeln!(notes, "{}", super::until(&session, self.home))?;
        }
        if self.timing {
            writeln!(notes, "{:.1} ms", took.as_secs_f64() * 1_000.0)?;
        }
        Ok(Next::GoOn)
    }

    /// Each question sees what has happened when it comes.
    async fn answer(&self, sql: &str) -> Result<Answered, anyhow::Error> {
        let session = match &self.cluster {
            Some(scheduler) => self.home.session_on(scheduler, self.config, self.limits).await?,
            None => self.home.session(self.config, self.limits).await?,
        };
        let answer = session.query(sql).await;
        Ok((session, answer))
    }

    fn print(
        &self,
        answer: &Answer,
        out: &mut impl Write,
        notes: &mut impl Write,
    ) -> Result<(), anyhow::Error> {
        if let Format::Table = self.format {
            writeln!(out, "{}", table(answer, self.home))?;
            writeln!(out, "{}", shell::counted(answer.rows()))?;
        } else {
            super::write(answer, self.format, self.home, out)?;
        }
        super::notes(answer, notes)?;
        Ok(())
    }
}

fn failed(notes: &mut impl Write, problem: &str) -> Result<Next, anyhow::Error> {
    writeln!(notes, "{problem}")?;
    Ok(Next::Failed)
}

/// Makes the file of the history, and the folder around it, for its owner alone.
fn private(path: &Path) -> Result<(), anyhow::Error> {
    let folder = path.parent().context("it lies in no folder")?;
    std::fs::DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
    let file = std::fs::File::options().create(true).append(true).mode(0o600).open(path)?;
    // One that lay there already may be readable by others.
    file.set_permissions(std::fs::Permissions::from_mode(0o600))?;
    Ok(())
}

#[cfg(test)]
mod typed_tests;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::first;
    use terms::TenantId;
    use unicode_width::UnicodeWidthStr;

    /// What a script says and notes.
    async fn run(script: &str, format: Format) -> (bool, String, String) {
        let folder = tempfile::tempdir().unwrap();
        let mut config = Config::default();
        config.server.data = folder.path().to_owned();
        first::bootstrap(&config, None).await.unwrap();
        let home = Home::open(&config, TenantId(1)).await.unwrap();
        let (tenant, timing) = (TenantId(1), false);
        let arguments = Arguments { sql: None, tenant, format, timing, cluster: None };
        let mut counter = Counter::new(&home, &config, Limits::default(), &arguments);
        let (mut out, mut notes) = (Vec::new(), Vec::new());
        let good = counter.script(script, &mut out, &mut notes).await.unwrap();
        let text = |bytes| String::from_utf8(bytes).unwrap();
        (good, text(out), text(notes))
    }

    #[tokio::test]
    async fn a_script_is_answered_question_by_question_in_aligned_tables() {
        let script = "\\d surveys\n\\timing\nSELECT '数据' AS \"名称\",\n 12 AS n; SELECT 3 AS m";
        let (good, out, notes) = run(script, Format::Table).await;
        assert!(good, "{notes}");
        assert!(out.contains("survey_id") && out.contains("Timing is on."), "{out}");
        assert_eq!(out.matches("(1 row)").count(), 2, "{out}");
        assert_eq!(notes.matches(" ms").count(), 2, "{notes}");
        let answer = out.split("Timing is on.").nth(1).unwrap();
        let lines: Vec<&str> = answer.lines().filter(|line| line.contains('|')).collect();
        assert_eq!(lines[0].width(), lines[1].width(), "{answer}");
    }

    #[tokio::test]
    async fn an_error_is_told_with_its_place_and_ends_a_script() {
        let (good, out, notes) =
            run("SELECT 1 AS n;\nSELECT 2\nFROM cals;\nSELECT 3;", Format::Csv).await;
        assert!(!good);
        assert_eq!(out, "n\r\n1\r\n");
        assert!(notes.contains("did you mean \"calls\"?"), "{notes}");
        let marked = format!("line 2: FROM cals\n{}^", " ".repeat("line 2: FROM ".len()));
        assert!(notes.contains(&marked), "{notes}");
    }

    #[test]
    fn the_history_is_its_owners_alone() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("state/switchgrid/sql_history");
        private(&path).unwrap();
        let open = std::fs::Permissions::from_mode(0o644);
        std::fs::set_permissions(&path, open).unwrap();
        private(&path).unwrap();
        let mode = |path: &Path| path.metadata().unwrap().permissions().mode() & 0o777;
        assert_eq!((mode(&path), mode(path.parent().unwrap())), (0o600, 0o700));
        // Lines that are kept change nothing of it.
        let settings = rustyline::Config::builder().max_history_size(2).unwrap().build();
        let mut editor = DefaultEditor::with_config(settings).unwrap();
        for line in ["one", "two", "three"] {
            editor.add_history_entry(line).unwrap();
        }
        editor.append_history(&path).unwrap();
        let kept = std::fs::read_to_string(&path).unwrap();
        assert!(!kept.contains("one") && kept.contains("three"), "{kept}");
        assert_eq!(mode(&path), 0o600);
    }
}
