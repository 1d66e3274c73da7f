//! A bot has a leg of a running engine: what it hears and says goes over real sockets.

use super::*;
use crate::codec::Rate;
use crate::edge::bot::{self, Heard};
use crate::mix::Frame;

fn is_near(sample: i16, wanted: i16) -> bool {
    (sample - wanted).abs() < 200
}

#[test]
fn a_bot_hears_a_caller_and_their_keys_and_is_heard() {
    on_both(|backend| {
        let mut server = Server::start(backend, 2);
        let mut phone = server.call(1, 1);
        phone.socket.set_read_timeout(Some(Duration::from_millis(1))).unwrap();
        let (line, nobody) = bot::line(Rate::Narrow, None);
        server.engine.give_to_bot(LegId(99), line).expect("the ring is not full");
        assert!(nobody.is_over(), "there is no such leg");
        let (line, mut bot) = bot::line(Rate::Narrow, None);
        server.engine.give_to_bot(LegId(1), line).expect("the ring is not full");
        server.send(Command::BotKey { leg: LegId(1), key: '7' });
        let (mut heard, mut told, mut answered) = (false, false, false);
        let stop = Instant::now() + PATIENCE;
        while !(heard && told && answered) {
            assert!(Instant::now() < stop, "heard {heard}, key {told}, answered {answered}");
            phone.speak(5_000);
            std::thread::sleep(Duration::from_millis(20));
            while let Some(out) = bot.heard() {
                match out {
                    Heard::Sound(frame) => heard |= is_near(frame.samples()[0], 5_000),
                    Heard::Key(key) => told |= key == '7',
                }
            }
            bot.says(Frame::from_samples(Rate::Narrow, &[3_000; 160]));
            let mut bytes = [0; 1_500];
            while let Ok(len) = phone.socket.recv(&mut bytes) {
                answered |= is_near(g711::decode(Law::A, bytes[len - 1]), 3_000);
            }
        }
        server.release(&[1]);
        assert!(bot.is_over(), "the caller is gone");
    });
}
