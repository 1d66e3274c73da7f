//! T.38 over real sockets: the longest datagram fits, one that is longer goes nowhere.

use super::*;
use terms::media::{FAX_DATAGRAM_BYTES_MAX, FaxRemote};

/// A datagram of this length, six octets of it the frame.
fn filled(seq: u16, len: usize) -> Vec<u8> {
    let octets = len - 6;
    let mut bytes = seq.to_be_bytes().to_vec();
    bytes.extend([0x80 | (octets >> 8) as u8, octets as u8]);
    bytes.resize(4 + octets, 0xC0 | seq as u8);
    bytes.extend([0, 0]);
    bytes
}

#[test]
fn two_fax_machines_talk_through_the_box_octet_by_octet() {
    on_both(|backend| {
        let mut server = Server::start(backend, 1);
        let machines = [server.call(1, 5), server.call(2, 5)];
        for (leg, machine) in (1..).zip(&machines) {
            server.send(Command::Join { leg: LegId(leg), room: RoomId(1) });
            let udptl = machine.socket.local_addr().unwrap();
            let remote = FaxRemote { udptl, nat: false, signalling: udptl.ip(), machine: None };
            server.send(Command::Fax { leg: LegId(leg), remote });
        }
        std::thread::sleep(Duration::from_millis(50));
        let most = usize::from(FAX_DATAGRAM_BYTES_MAX);
        for seq in 0..100 {
            for (from, to) in [(0, 1), (1, 0)] {
                // Too long by one, and by so much that no buffer holds it.
                for len in [most + 1, 1_400] {
                    machines[from]
                        .socket
                        .send_to(&filled(seq, len), machines[from].server)
                        .unwrap();
                }
                let len = if seq % 10 == 0 { most } else { 134 + usize::from(seq) };
                let sent = filled(seq, len);
                machines[from].socket.send_to(&sent, machines[from].server).unwrap();
                let mut bytes = [0; 1_500];
                let len = machines[to].socket.recv(&mut bytes).expect("it comes in time");
                assert_eq!(bytes[..len], sent);
            }
        }
        for leg in [1, 2] {
            server.send(Command::Release { leg: LegId(leg) });
            let fax = server.event(|event| match event {
                Event::Released { leg: gone, quality } if *gone == LegId(leg) => quality.fax,
                _ => None,
            });
            assert_eq!((fax.received, fax.sent, fax.missing, fax.dropped), (100, 100, 0, 200));
        }
        server.engine.stop();
    });
}
