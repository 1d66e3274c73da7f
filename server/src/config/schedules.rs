//! The keys of `[schedules]` against each other, and where the password of the mail server is.
//! Promise: the password stands in no message, and never goes over a line in clear.

use super::value::{Secret, SmtpTls};
use super::{Config, Error, SchedulesConfig, refused, secret_file};
use std::path::PathBuf;

/// The environment variable that holds the password, when it is set.
pub const PASSWORD: &str = "SWITCHGRID_SMTP_PASSWORD";

/// Checks the keys that stand in the file.
pub(super) fn check(schedules: &SchedulesConfig) -> Result<(), Error> {
    if let Some(folder) = schedules.directories.iter().find(|folder| !folder.is_absolute()) {
        let problem = format!("{} is no whole path; begin it with /", folder.display());
        return refused("schedules.directories", problem);
    }
    let link = &schedules.link;
    let is_address = link.starts_with("https://") || link.starts_with("http://");
    if !link.is_empty()
        && (!is_address || link.ends_with('/') || link.contains(char::is_whitespace))
    {
        let problem = format!("\"{link}\" is no address such as https://desk.example.com");
        return refused("schedules.link", problem);
    }
    if schedules.smtp_host.is_empty() {
        return match schedules.mail_from.is_empty() && schedules.smtp_user.is_empty() {
            true => Ok(()),
            false => refused(
                "schedules.smtp_host",
                "without a mail server no mail is sent; name it in schedules.smtp_host".into(),
            ),
        };
    }
    if !schedules.mail_from.contains('@') {
        let problem = "mails need a sender, such as reports@example.com".into();
        return refused("schedules.mail_from", problem);
    }
    if link.is_empty() {
        let problem =
            "a mail with a file that is too large has a link; say where this box is reached";
        return refused("schedules.link", problem.into());
    }
    let has_file = !schedules.smtp_password_file.as_os_str().is_empty();
    if has_file && !schedules.smtp_password.is_empty() {
        let problem =
            "the password stands in schedules.smtp_password too; leave one of them out".to_owned();
        return refused("schedules.smtp_password_file", problem);
    }
    if schedules.smtp_tls == SmtpTls::Off && !schedules.smtp_user.is_empty() {
        let problem = "the password would go over the line in clear; use starttls or implicit";
        return refused("schedules.smtp_tls", problem.into());
    }
    Ok(())
}

impl Config {
    /// User and password at the mail server; `None` where nobody signs in.
    ///
    /// # Errors
    /// [`Error::Refused`] when there is a user without a password.
    pub fn smtp_login(&self) -> Result<Option<(String, Secret)>, Error> {
        let user = &self.schedules.smtp_user;
        if user.is_empty() {
            return Ok(None);
        }
        let named = std::env::var(PASSWORD).ok().filter(|text| !text.is_empty());
        Ok(Some((user.clone(), self.smtp_password_or(named)?)))
    }

    /// The password that was named outside of the file, or that of the file.
    fn smtp_password_or(&self, named: Option<String>) -> Result<Secret, Error> {
        let (password, file) = (&self.schedules.smtp_password, &self.schedules.smtp_password_file);
        if let Some(text) = named {
            return Ok(Secret::new(text));
        }
        if !password.is_empty() {
            return Ok(password.clone());
        }
        if !file.as_os_str().is_empty() {
            return secret_file::read("schedules.smtp_password_file", file);
        }
        let problem = format!(
            "the user needs a password; set schedules.smtp_password_file, schedules.smtp_password \
             or {PASSWORD}"
        );
        refused("schedules.smtp_user", problem)
    }

    /// Folder of fonts that stand in where the embedded ones lack a character: `fonts` in the data
    /// folder. It is read when the worker starts.
    pub fn fonts_dir(&self) -> PathBuf {
        self.server.data.join("fonts")
    }

    /// Folder of the files of scheduled reports.
    pub fn report_runs_dir(&self) -> PathBuf {
        if self.schedules.files.as_os_str().is_empty() {
            self.server.data.join("report-runs")
        } else {
            self.schedules.files.clone()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::Path;

    fn parsed(lines: &str) -> Result<Config, Error> {
        Config::parse(&format!("[schedules]\n{lines}"), Path::new("switchgrid.toml"))
    }

    #[test]
    fn what_cannot_be_is_refused_with_line_and_key() {
        let good = "smtp_host = \"mail.example.com\"\nmail_from = \"reports@example.com\"\n\
                    link = \"https://desk.example.com\"\n";
        assert!(parsed(good).is_ok());
        assert!(parsed("").is_ok());
        for (lines, said) in [
            ("directories = [\"srv\"]\n".to_owned(), "schedules.directories: srv is no whole path"),
            ("mail_from = \"a@b.c\"\n".to_owned(), "without a mail server"),
            ("smtp_host = \"m\"\n".to_owned(), "schedules.mail_from: mails need a sender"),
            ("smtp_host = \"m\"\nmail_from = \"a@b.c\"\n".to_owned(), "schedules.link"),
            ("link = \"desk.example.com\"\n".to_owned(), "is no address such as"),
            (
                format!("{good}smtp_password = \"p\"\nsmtp_password_file = \"/etc/p\"\n"),
                "schedules.smtp_password_file: the password stands in",
            ),
            (format!("{good}smtp_tls = \"off\"\nsmtp_user = \"u\"\n"), "in clear"),
        ] {
            let refusal = parsed(&lines).unwrap_err().to_string();
            assert!(refusal.contains(said), "{lines}: {refusal}");
        }
    }

    #[test]
    fn a_user_without_a_password_is_told_and_no_password_is_shown() {
        let lines = "smtp_host = \"m\"\nmail_from = \"a@b.c\"\nlink = \"https://d.example\"\n\
                     smtp_user = \"reports\"\n";
        let refusal = parsed(lines).unwrap().smtp_login().unwrap_err().to_string();
        assert!(refusal.contains("schedules.smtp_user"), "{refusal}");
        let config = parsed(&format!("{lines}smtp_password = \"hush-hush\"\n")).unwrap();
        let (user, password) = config.smtp_login().unwrap().unwrap();
        assert_eq!((user.as_str(), password.expose()), ("reports", "hush-hush"));
        assert!(!format!("{config:?}").contains("hush"));
    }

    #[test]
    fn a_password_comes_from_the_environment_or_a_file_and_neither_is_shown() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("password");
        let lines = format!(
            "smtp_host = \"m\"\nmail_from = \"a@b.c\"\nlink = \"https://d.example\"\n\
             smtp_user = \"reports\"\nsmtp_password_file = \"{}\"\n",
            file.display()
        );
        let config = parsed(&lines).unwrap();
        let said = |config: &Config| config.smtp_password_or(None).unwrap_err().to_string();
        assert!(said(&config).contains("schedules.smtp_password_file"), "{}", said(&config));
        std::fs::write(&file, " \n").unwrap();
        assert!(said(&config).contains("is empty"), "{}", said(&config));
        std::fs::write(&file, "hush-hush\n").unwrap();
        assert_eq!(config.smtp_password_or(None).unwrap().expose(), "hush-hush");
        let named = config.smtp_password_or(Some("of the environment".to_owned())).unwrap();
        assert_eq!(named.expose(), "of the environment");
        assert!(!format!("{config:?} {named:?}").contains("hush"));
    }
}
