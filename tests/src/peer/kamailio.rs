//! kamailio as the carrier's proxy in front of the box: stateful, record-routing.

use benches::kamailio::{Kamailio, Next};
use std::net::SocketAddr;
use std::path::Path;

const SHARED_MIB: u32 = 64;

/// A proxy that passes every new call on to one box.
pub struct Proxy {
    kamailio: Kamailio,
    /// Where callers reach it.
    pub address: SocketAddr,
}

impl Proxy {
    /// Starts a proxy in front of `server`.
    ///
    /// # Panics
    /// When kamailio is not installed or does not answer.
    pub fn start(server: SocketAddr, folder: &Path) -> Self {
        let kamailio = Kamailio::start(folder, Next::Box(server), SHARED_MIB)
            .expect("kamailio is installed by scripts/setup --tests");
        Proxy { address: kamailio.address, kamailio }
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("--- log of the proxy ---\n{}", self.kamailio.log());
        }
    }
}
