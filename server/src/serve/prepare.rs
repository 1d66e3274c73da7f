//! What must be true before the first child starts: folders that can be written and ports that are
//! free. Every refusal names the key and what would be right.

use super::lock::FolderLock;
use crate::config::value::Address;
use crate::config::{Config, Error};
use crate::tier::Tier;
use mediacore::edge::keys::Keys;
use std::io::Write;
use std::net::{SocketAddr, TcpListener, UdpSocket};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

/// A box that can start.
pub struct Prepared {
    /// The configuration with free ports in place of port 0.
    pub config: Config,
    /// The file that tells the children.
    pub resolved: PathBuf,
    /// No other box works on the data folder as long as this one or a child of it lives.
    pub lock: FolderLock,
}

/// Checks and makes everything.
///
/// # Errors
/// The first thing that keeps the box from starting.
pub async fn prepare(mut config: Config) -> Result<Prepared, anyhow::Error> {
    folders(&mut config)?;
    let lock = FolderLock::take(&config).await?;
    // Here, so that a missing key is told once to the one who starts the box.
    Keys::open(&config.recording_keys(), &config.server.data.join("segments"))?;
    ports(&mut config)?;
    let run = config.server.data.join("run");
    let resolved = run.join("config.json");
    write_closed(&resolved, &serde_json::to_vec_pretty(&config)?)?;
    Ok(Prepared { config, resolved, lock })
}

/// Writes a file that only this user may read, also where an older one was open to others.
fn write_closed(file: &Path, bytes: &[u8]) -> std::io::Result<()> {
    let mut options = std::fs::File::options();
    let mut file = options.write(true).create(true).truncate(true).mode(0o600).open(file)?;
    file.set_permissions(std::fs::Permissions::from_mode(0o600))?;
    file.write_all(bytes)
}

/// Makes the data folder and checks that it can be written.
///
/// # Errors
/// [`Error::Refused`] with the key.
pub fn folders(config: &mut Config) -> Result<(), Error> {
    make_writable("server.data", &config.server.data)?;
    config.server.data = config
        .server
        .data
        .canonicalize()
        .map_err(|error| refuse("server.data", &config.server.data, &error))?;
    if !config.recording.path.as_os_str().is_empty() {
        make_writable("recording.path", &config.recording.path)?;
    }
    for folder in ["run", "events", "segments", "warehouse", "prompts"] {
        make_writable("server.data", &config.server.data.join(folder))?;
    }
    make_writable("recording.path", &config.recordings_dir())?;
    // Here, so that a secret that is missing is told to the one who starts the box.
    if Tier::open(config)?.is_some() {
        make_writable("tier.cache", &config.tier_cache_dir())?;
    }
    Ok(())
}

fn make_writable(key: &str, folder: &Path) -> Result<(), Error> {
    let probe = folder.join(".write-test");
    // Calls, recordings and passwords are nobody else's: what we make is open to this user only.
    std::fs::DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(folder)
        .and_then(|()| std::fs::write(&probe, b""))
        .and_then(|()| std::fs::remove_file(&probe))
        .map_err(|error| refuse(key, folder, &error))
}

fn refuse(key: &str, folder: &Path, error: &std::io::Error) -> Error {
    Error::Refused {
        key: key.to_owned(),
        problem: format!(
            "{} cannot be written ({error}); name a folder that this user may write to",
            folder.display()
        ),
    }
}

/// Checks that every port is free and puts a free one in place of port 0.
///
/// # Errors
/// [`Error::Refused`] with the key and the port.
pub fn ports(config: &mut Config) -> Result<(), Error> {
    claim("http.listen", &mut config.http.listen, |address| {
        TcpListener::bind(address)?.local_addr()
    })?;
    claim("sip.udp", &mut config.sip.udp, |address| UdpSocket::bind(address)?.local_addr())?;
    if config.sip.tcp.0.port() == 0 {
        config.sip.tcp.0.set_port(config.sip.udp.0.port());
    }
    claim("sip.tcp", &mut config.sip.tcp, |address| TcpListener::bind(address)?.local_addr())?;
    let sip = &mut config.sip;
    for (key, listen) in [
        ("http.socket", &mut config.http.socket),
        ("sip.tls", &mut sip.tls),
        ("sip.ws", &mut sip.ws),
        ("sip.wss", &mut sip.wss),
        ("sql.postgres", &mut config.sql.postgres),
        ("sql.flight", &mut config.sql.flight),
    ] {
        if let Some(address) = &mut listen.0 {
            let mut claimed = Address(*address);
            claim(key, &mut claimed, |address| TcpListener::bind(address)?.local_addr())?;
            *address = claimed.0;
        }
    }
    Ok(())
}

fn claim(
    key: &str,
    address: &mut Address,
    bind: impl Fn(SocketAddr) -> std::io::Result<SocketAddr>,
) -> Result<(), Error> {
    match bind(address.0) {
        Ok(bound) => {
            address.0 = bound;
            Ok(())
        }
        Err(error) => Err(Error::Refused {
            key: key.to_owned(),
            problem: format!(
                "{address} cannot be listened on ({error}); end the program that holds it or name \
                 another port"
            ),
        }),
    }
}

/// The address at which a program on this machine reaches a listener.
pub fn reachable(listen: SocketAddr) -> SocketAddr {
    let mut address = listen;
    if listen.ip().is_unspecified() {
        address.set_ip(if listen.is_ipv4() {
            std::net::Ipv4Addr::LOCALHOST.into()
        } else {
            std::net::Ipv6Addr::LOCALHOST.into()
        });
    }
    address
}

/// The last thing a supervisor does.
pub fn forget_pid(prepared: &Prepared) {
    let file = prepared.config.server.data.join("run/switchgrid.pid");
    if let Err(error) = std::fs::remove_file(&file) {
        tracing::warn!(file = %file.display(), %error, "cannot be removed");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config(data: &Path) -> Config {
        let mut config = Config::default();
        config.server.data = data.to_owned();
        for address in [&mut config.http.listen, &mut config.sip.udp, &mut config.sip.tcp] {
            *address = "127.0.0.1:0".parse().expect("an address");
        }
        config
    }

    #[test]
    fn port_0_becomes_a_free_port_and_a_taken_one_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let mut free = config(folder.path());
        ports(&mut free).unwrap();
        assert_ne!(free.sip.udp.0.port(), 0);

        let holder = TcpListener::bind("127.0.0.1:0").unwrap();
        let mut taken = config(folder.path());
        taken.http.listen = Address(holder.local_addr().unwrap());
        let error = ports(&mut taken).unwrap_err().to_string();
        assert!(error.starts_with("http.listen: 127.0.0.1:"), "{error}");
        assert!(error.contains("another port"), "{error}");
    }

    #[test]
    fn a_data_folder_that_is_made_is_closed_to_others() {
        let folder = tempfile::tempdir().unwrap();
        let data = folder.path().join("data");
        folders(&mut config(&data)).unwrap();
        let mode = std::fs::metadata(&data).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o700);
    }

    #[test]
    fn the_resolved_configuration_is_its_owners_alone() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("config.json");
        std::fs::write(&file, b"a longer one from before").unwrap();
        std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o644)).unwrap();
        write_closed(&file, b"{}").unwrap();
        assert_eq!(std::fs::read(&file).unwrap(), b"{}");
        assert_eq!(std::fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
    }

    #[test]
    fn a_folder_that_is_a_file_is_refused_with_its_key() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("data");
        std::fs::write(&file, b"x").unwrap();
        let error = folders(&mut config(&file)).unwrap_err().to_string();
        assert!(error.starts_with("server.data: "), "{error}");
        assert!(error.contains("cannot be written"), "{error}");
    }
}
