//! Commands for legs that are not there.

use super::*;

#[test]
fn what_is_asked_of_a_leg_that_is_not_there_is_told_and_counted_and_harms_nobody() {
    on_both(|backend| {
        let mut server = Server::start(backend, 2);
        let (mut caller, agent) = (server.call(1, 5), server.call(2, 5));
        for leg in [1, 2] {
            server.send(Command::Join { leg: LegId(leg), room: RoomId(1) });
        }
        let leg = LegId(9);
        let beep = Playback::once(PlaybackId(1), vec![Source::Beep { ms: 20 }]);
        let asked = [
            Command::Connect { leg, remote: Box::new(caller.remote()) },
            Command::Join { leg, room: RoomId(1) },
            Command::Audience { leg, audience: Audience::Nobody },
            Command::Hold { leg },
            Command::Resume { leg },
            Command::Play { leg, playback: beep },
            Command::StopPlay { leg, playback: PlaybackId(1) },
            Command::SendDigits { leg, digits: "12".into() },
            Command::Measure { leg },
            Command::Leave { leg },
        ];
        let count = asked.len();
        asked.into_iter().for_each(|command| server.send(command));
        for _ in 0..count {
            let told = server.event(|event| match event {
                Event::Unknown { leg } => Some(*leg),
                _ => None,
            });
            assert_eq!(told, leg);
        }
        // Hang-ups cross: a leg may be released twice.
        server.send(Command::Release { leg });
        assert_eq!(server.engine.stats().commands_unknown, count as u64);
        std::thread::sleep(Duration::from_millis(50));
        caller.speak(900);
        assert_eq!(agent.hear().2, [g711::encode(Law::A, 900); 160]);
        server.release(&[1, 2]);
    });
}
