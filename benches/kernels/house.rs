//! A shard in virtual time with legs that are connected, for whatever is measured on it.

use mediacore::leg::LegIdx;
use mediacore::prompt::PromptStore;
use mediacore::shard::{Config, Shard, TRANSMIT_MAX};
use std::hint::black_box;
use std::net::SocketAddr;
use std::time::Duration;
use terms::media::{Command, Place, Port, Remote};
use terms::{ContactId, LegId, Moment, RoomId, TenantId};

/// Virtual time between two frames.
pub const FRAME: Duration = Duration::from_millis(20);

/// Where the phone of a leg is.
pub fn address(leg: u32) -> SocketAddr {
    let [_, _, high, low] = leg.to_be_bytes();
    ([10, 0, high, low], 4_000).into()
}

/// The limits of every shard here.
pub fn config() -> Config {
    Config { legs_max: 4_096, room_legs_max: 1_000, ..Config::default() }
}

/// A shard whose legs speak as `remote` says, those with ICE on the shared port; `room` says in which
/// room each is. And what time it is.
pub fn shard(
    config: Config,
    legs: u32,
    remote: impl Fn(u32) -> Remote,
    room: impl Fn(u32) -> u64,
) -> (Shard, Moment) {
    let mut shard = Shard::new(config, PromptStore::default());
    let now = Moment::from_secs(1);
    for n in 0..legs {
        let leg = LegId(u64::from(n) + 1);
        let (contact, tenant) = (ContactId(1), TenantId(1));
        let (place, remote) = (Place::default(), Box::new(remote(n)));
        let port = if remote.ice.is_some() { Port::Shared } else { Port::Own };
        shard.handle_command(now, Command::Open { leg, contact, tenant, place, port });
        shard.port_reserved(LegIdx(n), Ok(([127, 0, 0, 1], 20_000).into()));
        shard.handle_command(now, Command::Connect { leg, remote });
        shard.handle_command(now, Command::Join { leg, room: RoomId(room(n)) });
    }
    drain(&mut shard);
    (shard, now)
}

/// Takes whatever the shard has to say.
pub fn drain(shard: &mut Shard) {
    let mut buffer = [0; TRANSMIT_MAX];
    while let Some(transmit) = shard.poll_transmit(&mut buffer) {
        black_box(transmit);
    }
    while shard.poll_port().is_some() {}
    while shard.poll_event().is_some() {}
    while shard.poll_block().is_some() {}
}
