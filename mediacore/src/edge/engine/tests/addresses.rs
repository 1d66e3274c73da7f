//! Peers that come to different addresses of one box: its sockets are bound to all of them.

use super::*;
use std::net::{IpAddr, Ipv6Addr};

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

#[test]
fn a_phone_on_ipv6_and_one_on_ipv4_hear_each_other() {
    on_both(|backend| {
        // A socket of both families says IPv4 in a form of its own.
        let mut server = Server::start_with(backend, 1, |config| {
            config.bind = IpAddr::V6(Ipv6Addr::UNSPECIFIED);
            config.advertised = Some(Ipv6Addr::LOCALHOST.into());
        });
        let at_six = server.open(1, 5);
        let socket = UdpSocket::bind((Ipv6Addr::LOCALHOST, 0)).unwrap();
        socket.set_read_timeout(Some(PATIENCE)).unwrap();
        let mut six = Phone { socket, ..Phone::new(at_six, 1) };
        let mut at_four = server.open(2, 5);
        at_four.set_ip(Ipv4Addr::LOCALHOST.into());
        let mut four = Phone::new(at_four, 2);
        for (leg, phone) in [(1, &six), (2, &four)] {
            server.send(Command::Connect { leg: LegId(leg), remote: Box::new(phone.remote()) });
            server.send(Command::Join { leg: LegId(leg), room: RoomId(1) });
        }
        std::thread::sleep(Duration::from_millis(50));
        for n in 0..50_i16 {
            six.speak(n * 100);
            four.speak(-n * 100);
            assert_eq!(four.hear().2, [g711::encode(Law::A, n * 100); 160]);
            assert_eq!(six.hear().2, [g711::encode(Law::A, -n * 100); 160]);
        }
        server.release(&[1, 2]);
    });
}
