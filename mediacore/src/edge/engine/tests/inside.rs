//! Two legs of ours that send to each other, each in a room of its own: an agent's line that stays open, and
//! who is heard on it.

use super::*;

/// A phone and an end in the first room, an end and a caller in the second; on different cores where there
/// are two.
fn through(backend: BackendChoice, shards: u16) {
    let mut server = Server::start(backend, shards);
    let (mut agent, mut caller) = (server.call(1, 5), server.call(4, 6));
    let (end, of) = (server.open(2, 5), server.open(3, 6));
    let payloads = || Payloads::of(Codec::Pcma).with_dtmf(PayloadType(101));
    for (leg, to) in [(2, of), (3, end)] {
        let remote = Box::new(Remote::at(to, payloads()));
        server.send(Command::Connect { leg: LegId(leg), remote });
    }
    for (leg, room) in [(1, 1), (2, 1), (3, 2), (4, 2)] {
        server.send(Command::Join { leg: LegId(leg), room: RoomId(room) });
    }
    // Commands are taken at the next tick; audio before that has no listener.
    std::thread::sleep(Duration::from_millis(50));
    for n in 0..50_i16 {
        caller.speak(n * 100);
        agent.speak(-n * 100);
        assert_eq!(agent.hear().2, [g711::encode(Law::A, n * 100); 160]);
        assert_eq!(caller.hear().2, [g711::encode(Law::A, -n * 100); 160]);
    }
    agent.press(7);
    for leg in [1, 3] {
        let digit = server.event(|event| match event {
            Event::Digit { leg: pressed, digit, .. } if *pressed == LegId(leg) => Some(*digit),
            _ => None,
        });
        assert_eq!(digit, '7', "leg {leg}");
    }
    server.release(&[1, 2, 3, 4]);
}

#[test]
fn what_is_said_on_a_line_is_relayed_through_two_rooms_octet_by_octet_and_so_are_keys() {
    on_both(|backend| {
        through(backend, 1);
        through(backend, 2);
    });
}
