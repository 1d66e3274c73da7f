//! kamailio as the peer whose signalling costs what that of a proxy costs.

use super::System;
use crate::sip::digest::Credential;
use anyhow::{Context, Result};
use benches::kamailio::{Kamailio, Next};
use std::net::SocketAddr;
use tempfile::TempDir;

/// The phone that takes all calls.
const USER: &str = "200001";
const SHARED_MIB: u32 = 1_024;

/// A running proxy.
pub struct Proxy {
    kamailio: Kamailio,
    /// Goes after it.
    _folder: TempDir,
}

impl Proxy {
    /// Starts it.
    ///
    /// # Errors
    /// When kamailio is missing or does not answer.
    pub fn start() -> Result<Proxy> {
        let folder = tempfile::tempdir()?;
        let kamailio = Kamailio::start(folder.path(), Next::Registered, SHARED_MIB)
            .context("--no-peer leaves kamailio out")?;
        Ok(Proxy { kamailio, _folder: folder })
    }
}

impl System for Proxy {
    fn address(&self) -> SocketAddr {
        self.kamailio.address
    }

    fn pid(&self) -> u32 {
        self.kamailio.pid()
    }

    fn dial(&self) -> &str {
        USER
    }

    fn phones(&self) -> Vec<Credential> {
        vec![Credential { user: USER.into(), password: String::new() }]
    }
}
