//! The keys of SIP over TLS and WebSocket, and of the doors for clients of PostgreSQL and Flight SQL,
//! against each other and against the files that they name.

use super::{Config, Error, refused};
use signaling::edge::tls::{self, Files};

impl Config {
    /// Where certificate and key are, if both are named.
    pub fn certificate(&self) -> Option<Files> {
        let (certificate, key) = (&self.sip.certificate, &self.sip.certificate_key);
        let named = !certificate.as_os_str().is_empty() && !key.as_os_str().is_empty();
        named.then(|| Files { certificate: certificate.clone(), key: key.clone() })
    }

    pub(super) fn check_doors(&self) -> Result<(), Error> {
        let sip = &self.sip;
        let empty = |path: &std::path::Path| path.as_os_str().is_empty();
        if !empty(&sip.certificate) && empty(&sip.certificate_key) {
            let problem = "sip.certificate_key is needed too, the PEM file of its private key";
            return refused("sip.certificate", problem.into());
        }
        if empty(&sip.certificate) && !empty(&sip.certificate_key) {
            let problem = "sip.certificate is needed too, the PEM file of its certificate";
            return refused("sip.certificate_key", problem.into());
        }
        let Some(files) = self.certificate() else {
            for (key, listen) in [("sip.tls", &sip.tls), ("sip.wss", &sip.wss)] {
                if listen.0.is_some() {
                    let problem = "a certificate is needed: name PEM files as sip.certificate and \
                                   sip.certificate_key";
                    return refused(key, problem.into());
                }
            }
            return Ok(());
        };
        match tls::read(&files) {
            Ok(_) => Ok(()),
            Err(tls::Error::Certificate(problem)) => refused("sip.certificate", problem),
            Err(tls::Error::Key(problem)) => refused("sip.certificate_key", problem),
        }
    }

    /// Nobody on another machine signs in for SQL in clear, unless that is said.
    pub(super) fn check_postgres(&self) -> Result<(), Error> {
        let Some(listen) = self.sql.postgres.0 else { return Ok(()) };
        let is_safe = listen.ip().is_loopback() || self.certificate().is_some();
        if is_safe || self.sql.postgres_plain {
            return Ok(());
        }
        let problem = "a certificate is needed: name PEM files as sip.certificate and \
                       sip.certificate_key, or listen on 127.0.0.1";
        refused("sql.postgres", problem.into())
    }

    /// Clients of Flight SQL send their secrets as they are: never in clear over a network.
    pub(super) fn check_flight(&self) -> Result<(), Error> {
        let Some(listen) = self.sql.flight.0 else { return Ok(()) };
        if listen.ip().is_loopback() || self.certificate().is_some() {
            return Ok(());
        }
        let problem = "a certificate is needed: name PEM files as sip.certificate and \
                       sip.certificate_key, or listen on 127.0.0.1";
        refused("sql.flight", problem.into())
    }
}

#[cfg(test)]
mod tests {
    use crate::config::Config;
    use std::path::Path;

    fn problem(text: &str) -> String {
        Config::parse(text, Path::new("switchgrid.toml")).unwrap_err().to_string()
    }

    #[test]
    fn tls_without_a_certificate_is_refused_on_its_line() {
        let text = problem("[sip]\n\nwss = \"0.0.0.0:7443\"\n");
        assert!(text.starts_with("switchgrid.toml:3: sip.wss: a certificate is needed"), "{text}");
        let text = problem("[sip]\ntls = \"0.0.0.0:5061\"\n");
        assert!(text.starts_with("switchgrid.toml:2: sip.tls: "), "{text}");
        let text = problem("[sip]\ncertificate = \"a.pem\"\n");
        assert!(
            text.starts_with("switchgrid.toml:2: sip.certificate: sip.certificate_key"),
            "{text}"
        );
        assert!(Config::parse("[sip]\nws = \"127.0.0.1:0\"\n", Path::new("x")).is_ok());
    }

    #[test]
    fn files_that_cannot_be_used_are_named_with_what_would_be_right() {
        let folder = tempfile::tempdir().unwrap();
        let empty = folder.path().join("empty.pem");
        std::fs::write(&empty, "").unwrap();
        let (empty, nowhere) = (empty.display(), folder.path().join("nowhere.pem"));
        let nowhere = nowhere.display();
        let text = problem(&format!(
            "[sip]\ntls = \"127.0.0.1:0\"\ncertificate = \"{nowhere}\"\ncertificate_key = \"{empty}\"\n"
        ));
        assert!(text.starts_with("switchgrid.toml:3: sip.certificate: cannot read"), "{text}");
        assert!(text.contains("nowhere.pem") && text.contains("a PEM file is needed"), "{text}");
        let text =
            problem(&format!("[sip]\ncertificate = \"{empty}\"\ncertificate_key = \"{empty}\"\n"));
        assert!(text.contains("holds no certificate; a section BEGIN CERTIFICATE"), "{text}");
    }

    #[test]
    fn sql_for_other_machines_needs_a_certificate_or_a_word() {
        let text = problem("[sql]\npostgres = \"0.0.0.0:5432\"\n");
        assert!(
            text.starts_with("switchgrid.toml:2: sql.postgres: a certificate is needed"),
            "{text}"
        );
        for fine in [
            "[sql]\npostgres = \"127.0.0.1:5432\"\n",
            "[sql]\npostgres = \"[::1]:5432\"\n",
            "[sql]\npostgres = \"0.0.0.0:5432\"\npostgres_plain = true\n",
        ] {
            assert!(Config::parse(fine, Path::new("x")).is_ok(), "{fine}");
        }
    }

    #[test]
    fn flight_sql_for_other_machines_needs_a_certificate() {
        for listen in ["0.0.0.0:32010", "[::]:32010"] {
            let told = problem(&format!("[sql]\nflight = \"{listen}\"\n"));
            let known = "switchgrid.toml:2: sql.flight: a certificate is needed";
            assert!(told.starts_with(known), "{told}");
        }
        for fine in ["127.0.0.1:32010", "[::1]:32010", ""] {
            let text = format!("[sql]\nflight = \"{fine}\"\n");
            assert!(Config::parse(&text, Path::new("x")).is_ok(), "{fine}");
        }
    }

    #[test]
    fn an_origin_and_a_path_are_what_browsers_write() {
        for (line, said) in [
            ("ws_origins = [\"desk.example.com\"]", "such as \"https://desk.example.com\""),
            ("ws_origins = [\"https://desk.example.com/\"]", "is no origin"),
            ("ws_origins = [\"*\"]", "is no origin"),
            ("ws_path = \"sip\"", "such as \"/sip\""),
            ("ws_path = \"/sip?x\"", "is no path"),
            ("ws = \"7080\"", "is no address and port"),
        ] {
            let text = problem(&format!("[sip]\n{line}\n"));
            assert!(text.starts_with("switchgrid.toml:2: sip.ws"), "{text}");
            assert!(text.contains(said), "{line}: {text}");
        }
        let text = "[sip]\nws_origins = [\"https://desk.example.com:8443\"]\nws_path = \"/sip\"\n";
        assert!(Config::parse(text, Path::new("x")).is_ok());
    }
}
