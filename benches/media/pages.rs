//! Pages in browsers come to the box's shared port: each checks its way, and shakes hands for the
//! keys of its audio.

use anyhow::{Result, bail, ensure};
use benches::media::page;
use mediacore::dtls::{Handshake, Identity, Output};
use mediacore::shard::TRANSMIT_MAX;
use mediacore::srtp::Session;
use std::net::{SocketAddr, UdpSocket};
use std::sync::Arc;
use std::time::{Duration, Instant};
use terms::Moment;
use terms::media::{Dtls, DtlsRole, Fingerprint};

/// All of them have their keys by then.
const PATIENCE: Duration = Duration::from_secs(60);
/// Between two looks at the sockets.
const LOOK_EVERY: Duration = Duration::from_millis(1);

/// A page: its number, its socket, and where the box is.
pub type Door<'a> = (u64, &'a UdpSocket, SocketAddr);

struct Coming<'a> {
    door: Door<'a>,
    handshake: Handshake,
    session: Option<Session>,
    /// What the box said before all pages had their keys.
    heard: u64,
}

/// Brings all pages to the box, which shows the certificate `box_print`: what each seals its audio
/// with, and how many packets of audio came to all of them meanwhile.
///
/// # Errors
/// When one has no keys in time.
pub fn arrive(
    doors: &[Door],
    identity: &Arc<Identity>,
    box_print: Fingerprint,
) -> Result<(Vec<Session>, u64)> {
    let began = Instant::now();
    let now = || Moment::from_secs(1) + began.elapsed();
    let mut coming = Vec::new();
    for &door in doors {
        let (n, socket, to) = door;
        socket.send_to(&page::check(&page::agree(identity.fingerprint(), n).ice), to)?;
        let agreed = Dtls { role: DtlsRole::Client, fingerprints: vec![box_print] };
        let mut handshake = Handshake::new(now(), Arc::clone(identity), agreed);
        handshake.start(now());
        coming.push(Coming { door, handshake, session: None, heard: 0 });
    }
    while coming.iter().any(|page| page.session.is_none()) {
        ensure!(began.elapsed() < PATIENCE, "not all pages have keys within {PATIENCE:?}");
        for page in &mut coming {
            page.turn(now())?;
        }
        std::thread::sleep(LOOK_EVERY);
    }
    let heard = coming.iter().map(|page| page.heard).sum();
    Ok((coming.into_iter().filter_map(|page| page.session).collect(), heard))
}

impl Coming<'_> {
    fn turn(&mut self, now: Moment) -> Result<()> {
        let (n, socket, to) = self.door;
        let mut buffer = [0; TRANSMIT_MAX];
        while let Ok(length) = socket.recv(&mut buffer) {
            // Records of DTLS, RFC 7983 §7; the answer to the check needs no look.
            if (20..=63).contains(&buffer[0]) {
                self.handshake.handle_packet(now, &buffer[..length]);
            }
            // Audio, and no report (RFC 5761 §4).
            let is_audio = (128..=191).contains(&buffer[0]) && !(192..=223).contains(&buffer[1]);
            self.heard += u64::from(is_audio);
        }
        if self.handshake.next_timeout().is_some_and(|at| at <= now) {
            self.handshake.handle_timeout(now);
        }
        while let Some(output) = self.handshake.poll(&mut buffer) {
            match output {
                Output::Send(length) => _ = socket.send_to(&buffer[..length], to)?,
                Output::Keys(keys) => self.session = Some(Session::new(*keys)),
                Output::Failed(why) => bail!("page {n} has no keys: {why:?}"),
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::spoken;
    use crate::system::{Kind, Pair};
    use benches::media::served::Calls;
    use mediacore::edge::engine::EngineConfig;
    use mediacore::edge::identity;
    use mediacore::shard;

    #[test]
    fn two_pages_come_to_one_port_and_have_their_keys() {
        let [ours, theirs] = [0; 2].map(|_| Arc::new(identity::generate().unwrap()));
        let shard = shard::Config { identity: Some(Arc::clone(&ours)), ..Default::default() };
        let config = EngineConfig { shard, ..EngineConfig::default() };
        let mut calls = Calls::start(config, None).unwrap();
        let sockets = [0; 2].map(|_| UdpSocket::bind("127.0.0.1:0").unwrap());
        let far = SocketAddr::from(([127, 0, 0, 1], 9));
        let pair = |socket: &UdpSocket| (socket.local_addr().unwrap(), far);
        let phones: Vec<Pair> = sockets.iter().map(pair).collect();
        let print = theirs.fingerprint();
        let opened = calls.open_as(&phones, |call, called, phone| {
            let plain = spoken::remote(Kind::Webrtc, called, phone);
            if called { plain } else { spoken::page(plain, print, call) }
        });
        let opened = opened.unwrap();
        assert_eq!(opened[0].0, opened[1].0, "one port is enough");
        sockets.iter().for_each(|socket| socket.set_nonblocking(true).unwrap());
        let doors = [(1, &sockets[0], opened[0].0), (2, &sockets[1], opened[1].0)];
        assert_eq!(arrive(&doors, &theirs, ours.fingerprint()).unwrap().0.len(), 2);
        calls.end().unwrap();
    }
}
