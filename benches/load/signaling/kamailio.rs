//! kamailio as the peer whose signalling costs what that of a proxy costs.

use super::System;
use crate::sip::digest::Credential;
use anyhow::{Context, Result};
use benches::kamailio::{Kamailio, Next};
use std::net::SocketAddr;
use tempfile::TempDir;

/// The phone that takes all calls.
const USER: &str = "200001";
/// Of every phone of its registrar.
const PASSWORD: &str = "only-in-benches";
const SHARED_MIB: u32 = 1_024;

/// A running proxy.
pub struct Proxy {
    kamailio: Kamailio,
    phones: Vec<Credential>,
    /// Goes after it.
    _folder: TempDir,
}

impl Proxy {
    /// Starts it as a proxy that asks nobody for a password.
    ///
    /// # Errors
    /// When kamailio is missing or does not answer.
    pub fn start() -> Result<Proxy> {
        let phone = Credential { user: USER.into(), password: String::new() };
        Proxy::with(Next::Registered, vec![phone])
    }

    /// Starts it as a registrar of so many phones, each of which is asked.
    ///
    /// # Errors
    /// When kamailio is missing or does not answer.
    pub fn registrar(phones: u32) -> Result<Proxy> {
        let phone =
            |n: u32| Credential { user: (300_001 + n).to_string(), password: PASSWORD.into() };
        Proxy::with(Next::Proven(PASSWORD), (0..phones).map(phone).collect())
    }

    fn with(next: Next, phones: Vec<Credential>) -> Result<Proxy> {
        let folder = tempfile::tempdir()?;
        let kamailio = Kamailio::start(folder.path(), next, SHARED_MIB)
            .context("--no-peer leaves kamailio out")?;
        Ok(Proxy { kamailio, phones, _folder: folder })
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
        self.phones.clone()
    }
}
