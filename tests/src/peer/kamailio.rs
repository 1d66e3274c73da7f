//! kamailio as the carrier's proxy in front of the box: stateful, record-routing; or as the provider at
//! which a trunk of the box registers.

pub use benches::kamailio::Line;
use benches::kamailio::{Kamailio, Next};
use std::net::SocketAddr;
use std::path::Path;

const SHARED_MIB: u32 = 64;

/// A proxy that passes every new call on.
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
        Proxy::begin(Next::Box(server), folder)
    }

    /// Starts a provider at which this line registers; calls to it go there.
    ///
    /// # Panics
    /// When kamailio is not installed or does not answer.
    pub fn provider(line: Line, folder: &Path) -> Self {
        Proxy::begin(Next::Provider(line), folder)
    }

    fn begin(next: Next, folder: &Path) -> Self {
        let kamailio = Kamailio::start(folder, next, SHARED_MIB)
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
