//! Two of these machines talk to each other over a wire that a test can cut.

use super::*;

const CALLER: &str = "127.0.0.1:5090";
const CALLEE: &str = "127.0.0.1:5091";

fn address(text: &str) -> SocketAddr {
    text.parse().expect("an address")
}

/// Two phones; each is the other's server.
struct Wire {
    now: Moment,
    phones: [(SocketAddr, Phone); 2],
    events: [Vec<Event>; 2],
    /// Datagrams that are still to be lost.
    losses: Vec<&'static str>,
    seen: Vec<String>,
}

impl Wire {
    fn new() -> Wire {
        let (a, b) = (address(CALLER), address(CALLEE));
        let mut callee = Phone::new(b, a, 2);
        let credential = Credential { user: "1001".into(), password: "x".into() };
        let line = Line { credential, call_id: "r".into(), tag: "t".into(), cseq: 0, wanted: true };
        callee.lines.insert("1001".into(), line);
        Wire {
            now: Moment::from_secs(1),
            phones: [(a, Phone::new(a, b, 1)), (b, callee)],
            events: [Vec::new(), Vec::new()],
            losses: Vec::new(),
            seen: Vec::new(),
        }
    }

    fn settle(&mut self) {
        loop {
            let mut idle = true;
            for side in [0, 1] {
                while let Some(output) = self.phones[side].1.poll() {
                    idle = false;
                    match output {
                        Output::Event(event) => self.events[side].push(event),
                        Output::Transmit(_, bytes) => self.carry(side, &bytes),
                    }
                }
            }
            if idle {
                return;
            }
        }
    }

    fn carry(&mut self, side: usize, bytes: &[u8]) {
        let text = String::from_utf8(bytes.to_vec()).expect("text");
        let first = text.lines().next().expect("a line").to_owned();
        if let Some(at) = self.losses.iter().position(|lost| first.contains(lost)) {
            self.losses.remove(at);
            return;
        }
        self.seen.push(first);
        let from = self.phones[side].0;
        self.phones[1 - side].1.on_datagram(self.now, from, bytes);
    }

    fn pass(&mut self, time: Duration) {
        let end = self.now + time;
        while let Some(at) = self.phones.iter().filter_map(|(_, phone)| phone.next_timeout()).min()
            && at <= end
        {
            self.now = at.max(self.now);
            for (_, phone) in &mut self.phones {
                phone.on_time(at);
            }
            self.settle();
        }
        self.now = end;
    }

    fn dial(&mut self) -> LegKey {
        let dial = Dial {
            from: "13800138000".into(),
            to: "1001".into(),
            rtp: address("127.0.0.1:4000"),
            law: Law::A,
            credential: None,
        };
        let leg = self.phones[0].1.dial(self.now, dial);
        self.settle();
        leg
    }

    fn called(&self) -> LegKey {
        let incoming = self.events[1].iter().find_map(|event| match event {
            Event::Incoming { leg, .. } => Some(*leg),
            _ => None,
        });
        incoming.expect("the call arrived")
    }

    fn talk(&mut self) -> (LegKey, LegKey) {
        let caller = self.dial();
        if self.events[1].is_empty() {
            self.pass(T1 * 2);
        }
        let callee = self.called();
        let now = self.now;
        self.phones[1].1.ring(callee);
        self.phones[1].1.answer(now, callee, address("127.0.0.1:4002"), Law::A);
        self.settle();
        self.pass(T2);
        (caller, callee)
    }

    fn is_empty(&self) -> bool {
        self.phones.iter().all(|(_, phone)| phone.legs_alive() == 0)
    }
}

#[test]
fn a_call_is_made_answered_and_ended() {
    let mut wire = Wire::new();
    let (caller, callee) = wire.talk();
    let audio = wire.events[0].iter().find_map(|event| match event {
        Event::Answered { audio, .. } => audio.clone(),
        _ => None,
    });
    assert_eq!(audio.map(|audio| audio.rtp), Some(address("127.0.0.1:4002")));
    let now = wire.now;
    wire.phones[0].1.hang_up(now, caller);
    wire.settle();
    assert_eq!(wire.events[1].last(), Some(&Event::Ended { leg: callee }));
    assert!(wire.is_empty());
}

#[test]
fn every_message_of_a_call_may_be_lost_once() {
    let lost = ["INVITE sip", "100 Trying", "180 Ringing", "200 OK", "ACK sip", "BYE sip"];
    for losses in lost {
        let mut wire = Wire::new();
        wire.losses.push(losses);
        let (_, callee) = wire.talk();
        let now = wire.now;
        wire.phones[1].1.hang_up(now, callee);
        wire.settle();
        wire.pass(LIFE * 2);
        assert!(wire.losses.is_empty() && wire.is_empty(), "{losses} lost: {:#?}", wire.seen);
        let answered =
            wire.events[0].iter().filter(|event| matches!(event, Event::Answered { .. }));
        assert_eq!(answered.count(), 1, "{losses} lost");
    }
}

#[test]
fn a_caller_who_gives_up_cancels() {
    let mut wire = Wire::new();
    let caller = wire.dial();
    let callee = wire.called();
    let now = wire.now;
    wire.phones[1].1.ring(callee);
    wire.settle();
    wire.phones[0].1.hang_up(now, caller);
    wire.settle();
    assert_eq!(wire.events[1].last(), Some(&Event::Ended { leg: callee }));
    assert_eq!(wire.events[0].last(), Some(&Event::Failed { leg: caller, status: 487 }));
    assert!(wire.is_empty());
}

#[test]
fn nobody_there_is_408_and_an_unknown_user_404() {
    let mut wire = Wire::new();
    wire.losses.extend(["INVITE sip"; 20]);
    let caller = wire.dial();
    wire.pass(LIFE * 3);
    assert_eq!(wire.events[0], [Event::Failed { leg: caller, status: 408 }]);

    let mut wire = Wire::new();
    wire.phones[1].1.lines.clear();
    let caller = wire.dial();
    assert_eq!(wire.events[0], [Event::Failed { leg: caller, status: 404 }]);
}

#[test]
fn a_carrier_takes_calls_to_numbers_that_nobody_registered() {
    let mut wire = Wire::new();
    wire.phones[1].1.lines.clear();
    wire.phones[1].1.everybody = true;
    let (caller, callee) = wire.talk();
    assert!(wire.events[0].contains(&Event::Ringing { leg: caller }), "{:?}", wire.events[0]);
    let now = wire.now;
    wire.phones[1].1.hang_up(now, callee);
    wire.settle();
    assert_eq!(wire.events[0].last(), Some(&Event::Ended { leg: caller }));
    assert!(wire.is_empty());
}

#[test]
fn hold_is_offered_and_answered_and_a_transfer_reports_back() {
    let mut wire = Wire::new();
    let (caller, callee) = wire.talk();
    let now = wire.now;
    wire.phones[0].1.hold(now, caller, true);
    wire.settle();
    assert_eq!(wire.events[0].last(), Some(&Event::OfferDone { leg: caller, status: 200 }));
    let Some(Event::Offered { leg, audio: Some(audio) }) = wire.events[1].last() else {
        panic!("{:?}", wire.events[1]);
    };
    assert_eq!((*leg, audio.direction), (callee, Direction::SendOnly));
    // This machine is a telephone: it refuses to be sent elsewhere.
    wire.phones[0].1.refer(now, caller, "1002");
    wire.settle();
    assert_eq!(wire.events[0].last(), Some(&Event::Refer { leg: caller, status: 405 }));
}

#[test]
fn a_registrar_s_challenge_is_answered_once() {
    let server = address(CALLEE);
    let mut phone = Phone::new(address(CALLER), server, 3);
    let credential = Credential { user: "1001".into(), password: "secret".into() };
    phone.register(Moment::from_secs(1), credential);
    let mut sent = Vec::new();
    let mut events = Vec::new();
    for _ in 0..10 {
        match phone.poll() {
            Some(Output::Transmit(_, bytes)) => {
                let request = Message::parse(&bytes).expect("SIP");
                let response = Message::response(&request, 401, "Unauthorized")
                    .with("WWW-Authenticate", "Digest realm=\"r\", nonce=\"n\", qop=\"auth\"");
                phone.on_datagram(Moment::from_secs(1), server, &response.write());
                sent.push(request);
            }
            Some(Output::Event(event)) => events.push(event),
            None => break,
        }
    }
    assert_eq!(sent.len(), 3, "a wrong password does not hammer the registrar");
    assert!(sent[0].header("Authorization").is_none());
    assert!(sent[1].header("Authorization").expect("proof").contains("username=\"1001\""));
    assert_eq!(sent.iter().map(Message::cseq).collect::<Vec<_>>(), [1, 2, 3]);
    assert_eq!(events, [Event::Registered { user: "1001".into(), status: 401 }]);
}
