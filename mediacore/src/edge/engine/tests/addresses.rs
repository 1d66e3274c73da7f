//! Peers that come to different addresses of one box: its sockets are bound to all of them.

use super::*;
use std::net::IpAddr;

/// Another address of this machine than the one that leads to a phone on loopback.
const OTHER: [u8; 4] = [127, 0, 0, 9];

#[test]
fn a_phone_is_heard_at_whichever_address_of_ours_it_was_told() {
    on_both(|backend| {
        let mut server = Server::start_with(backend, 1, |config| {
            config.bind = IpAddr::V4(Ipv4Addr::UNSPECIFIED);
            config.advertised = Some(Ipv4Addr::LOCALHOST.into());
            config.filters = false;
        });
        let (mut here, mut there) = (server.call(1, 5), server.call(2, 5));
        there.server.set_ip(OTHER.into());
        for leg in [1, 2] {
            server.send(Command::Join { leg: LegId(leg), room: RoomId(1) });
        }
        std::thread::sleep(Duration::from_millis(50));
        // The door of a leg is decided with the first packets: later ones have to pass too.
        for n in 0..50_i16 {
            here.speak(n * 100);
            there.speak(-n * 100);
            let (_, _, from_here) = there.hear();
            let (_, _, from_there) = here.hear();
            assert_eq!(from_here, [g711::encode(Law::A, n * 100); 160]);
            assert_eq!(from_there, [g711::encode(Law::A, -n * 100); 160]);
        }
        server.release(&[1, 2]);
    });
}
