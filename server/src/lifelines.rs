//! Connections to database servers end when the other machine is gone without a word. The library that
//! opens them cannot be told so: they are found among this process's own, by the port they lead to, and
//! the kernel is told how long it may wait for a sign of life.

use socket2::{SockRef, TcpKeepalive};
use std::io;
use std::os::fd::{BorrowedFd, RawFd};
use std::time::Duration;

/// How often new connections are looked for.
const EVERY: Duration = Duration::from_secs(5);
/// How long a connection is silent before the other end is asked for a sign of life, how often then,
/// and how many times without one.
const SILENT_MAX: Duration = Duration::from_secs(30);
const PROBE_EVERY: Duration = Duration::from_secs(10);
const PROBES: u32 = 3;
/// How long what was sent may wait to be acknowledged.
const UNHEARD_MAX: Duration = Duration::from_secs(60);

/// Keeps on for the connections to these ports of others.
pub async fn keep_on(ports: Vec<u16>) {
    while !ports.is_empty() {
        if let Err(error) = sweep(&ports) {
            tracing::warn!(%error, "connections to databases cannot be watched");
        }
        tokio::time::sleep(EVERY).await;
    }
}

/// Looks once; how many connections are watched from now on.
///
/// # Errors
/// When the process cannot list what it has open.
fn sweep(ports: &[u16]) -> io::Result<usize> {
    let mut found = 0;
    for entry in std::fs::read_dir("/proc/self/fd")? {
        let name = entry?.file_name();
        let Some(fd) = name.to_str().and_then(|name| name.parse::<RawFd>().ok()) else { continue };
        found += usize::from(watch(fd, ports).unwrap_or(false));
    }
    Ok(found)
}

/// True when it was one of those, and not watched yet.
fn watch(fd: RawFd, ports: &[u16]) -> io::Result<bool> {
    // SAFETY: it is used for getpeername, getsockopt and setsockopt within this function alone. Where
    // its owner closes it meanwhile these fail, or find another socket of ours, which is watched then
    // if it leads to such a port; nothing is read, written or closed through it.
    let fd = unsafe { BorrowedFd::borrow_raw(fd) };
    let socket = SockRef::from(&fd);
    let peer = socket.peer_addr()?.as_socket();
    if !peer.is_some_and(|peer| ports.contains(&peer.port())) || socket.keepalive()? {
        return Ok(false);
    }
    let keepalive = TcpKeepalive::new().with_time(SILENT_MAX).with_interval(PROBE_EVERY);
    socket.set_tcp_user_timeout(Some(UNHEARD_MAX))?;
    socket.set_tcp_keepalive(&keepalive.with_retries(PROBES))?;
    Ok(true)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::{TcpListener, TcpStream};

    #[test]
    fn connections_to_a_database_are_watched_once_and_no_others() {
        let listen = || TcpListener::bind("127.0.0.1:0").unwrap();
        let (database, other) = (listen(), listen());
        let port = database.local_addr().unwrap().port();
        let ours = TcpStream::connect(database.local_addr().unwrap()).unwrap();
        let another = TcpStream::connect(other.local_addr().unwrap()).unwrap();
        assert_eq!(sweep(&[port]).unwrap(), 1);
        assert_eq!(sweep(&[port]).unwrap(), 0, "it is watched already");
        let socket = SockRef::from(&ours);
        assert!(socket.keepalive().unwrap());
        assert_eq!(socket.tcp_keepalive_time().unwrap(), SILENT_MAX);
        assert_eq!(socket.tcp_user_timeout().unwrap(), Some(UNHEARD_MAX));
        assert!(!SockRef::from(&another).keepalive().unwrap());
    }
}
