//! Every timer of RFC 3261 §17 in virtual time.

use super::*;

fn at(ms: u64) -> Moment {
    Moment::from_millis(ms)
}
fn bytes(text: &str) -> Arc<[u8]> {
    text.as_bytes().into()
}

/// Moments (ms) at which the machine sent, and how it ended.
fn drive(
    mut next: impl FnMut() -> (Option<Moment>, Box<dyn FnMut(Moment) -> Option<Due>>),
) -> (Vec<u64>, Option<Due>) {
    let mut sent = Vec::new();
    loop {
        let (timeout, mut fire) = next();
        let Some(now) = timeout else { return (sent, None) };
        match fire(now) {
            Some(Due::Send(_)) => sent.push(now.as_millis()),
            Some(end) => return (sent, Some(end)),
            None => {}
        }
    }
}

macro_rules! run {
    ($machine:ident) => {{
        let machine = std::rc::Rc::new(std::cell::RefCell::new($machine));
        drive(move || {
            let timeout = machine.borrow().next_timeout();
            let machine = machine.clone();
            (timeout, Box::new(move |now| machine.borrow_mut().on_timeout(now)))
        })
    }};
}

#[test]
fn an_unanswered_invite_repeats_by_timer_a_and_ends_by_timer_b() {
    let invite = InviteClient::new(at(0), bytes("INVITE"), false, Timing::default());
    let (sent, end) = run!(invite);
    assert_eq!(sent, [500, 1500, 3500, 7500, 15_500, 31_500]);
    assert_eq!(end, Some(Due::TimedOut));
}

#[test]
fn an_invite_over_tcp_is_sent_once() {
    let invite = InviteClient::new(at(0), bytes("INVITE"), true, Timing::default());
    assert_eq!(run!(invite), (vec![], Some(Due::TimedOut)));
}

#[test]
fn a_ringing_invite_waits_without_end() {
    let mut invite = InviteClient::new(at(0), bytes("INVITE"), false, Timing::default());
    assert_eq!(invite.on_response(at(100), 180), Heard::Pass);
    assert_eq!(invite.next_timeout(), None);
    assert_eq!(invite.on_response(at(90_000), 200), Heard::Pass);
    assert_eq!(invite.on_response(at(90_500), 200), Heard::Pass, "every 2xx is acknowledged");
    assert_eq!(invite.on_response(at(90_500), 486), Heard::Absorb);
    assert_eq!(run!(invite), (vec![], Some(Due::Over)), "timer M");
}

#[test]
fn a_refused_invite_acknowledges_every_repetition_until_timer_d() {
    let mut invite = InviteClient::new(at(0), bytes("INVITE"), false, Timing::default());
    assert_eq!(invite.on_response(at(100), 486), Heard::PassAndAck);
    assert_eq!(invite.on_response(at(600), 486), Heard::AckAgain);
    assert_eq!(invite.on_response(at(700), 200), Heard::Absorb);
    assert_eq!(invite.next_timeout(), Some(at(32_100)));
}

#[test]
fn an_unanswered_request_repeats_by_timer_e_and_ends_by_timer_f() {
    let options = Client::new(at(0), bytes("OPTIONS"), false, Timing::default());
    let (sent, end) = run!(options);
    assert_eq!(sent, [500, 1500, 3500, 7500, 11_500, 15_500, 19_500, 23_500, 27_500, 31_500]);
    assert_eq!(end, Some(Due::TimedOut));
}

#[test]
fn a_proceeding_request_repeats_every_t2_and_stays_for_timer_k() {
    let mut bye = Client::new(at(0), bytes("BYE"), false, Timing::default());
    assert_eq!(bye.on_response(at(100), 100), Heard::Pass);
    bye.on_timeout(at(500));
    assert_eq!(bye.next_timeout(), Some(at(4500)));
    assert_eq!(bye.on_response(at(4600), 200), Heard::Pass);
    assert_eq!(bye.on_response(at(4700), 200), Heard::Absorb);
    assert_eq!(bye.next_timeout(), Some(at(9600)));
    assert_eq!(bye.on_timeout(at(9600)), Some(Due::Over));
}

#[test]
fn a_refusal_repeats_by_timer_g_until_timer_h_or_its_ack() {
    let refused = || {
        let mut invite = InviteServer::new(false, Timing::default());
        assert!(invite.on_respond(at(0), 486, bytes("486")));
        assert!(!invite.on_respond(at(0), 200, bytes("200")), "one final response only");
        invite
    };
    let unheard = refused();
    let (sent, end) = run!(unheard);
    assert_eq!(sent, [500, 1500, 3500, 7500, 11_500, 15_500, 19_500, 23_500, 27_500, 31_500]);
    assert_eq!(end, Some(Due::TimedOut));

    let mut heard = refused();
    assert_eq!(heard.on_repeated(), Some(bytes("486")));
    heard.on_ack(at(300));
    assert_eq!(heard.on_repeated(), None);
    assert_eq!(run!(heard), (vec![], Some(Due::Over)), "timer I");
}

#[test]
fn an_accepted_invite_swallows_repetitions_until_timer_l() {
    let mut invite = InviteServer::new(false, Timing::default());
    invite.on_respond(at(0), 180, bytes("180"));
    assert_eq!(invite.on_repeated(), Some(bytes("180")));
    invite.on_respond(at(10), 200, bytes("200"));
    assert_eq!(invite.on_repeated(), None);
    assert_eq!(invite.next_timeout(), Some(at(32_010)));
}

#[test]
fn an_answered_request_stays_for_timer_j_and_an_unanswered_one_ends() {
    let mut options = Server::new(at(0), false, Timing::default());
    assert_eq!(options.on_repeated(), None);
    assert_eq!(options.next_timeout(), Some(at(32_000)));
    options.on_respond(at(100), 200, bytes("200"));
    assert_eq!(options.on_repeated(), Some(bytes("200")));
    assert_eq!(options.on_timeout(at(32_100)), Some(Due::Over));
    let mut tcp = Server::new(at(0), true, Timing::default());
    tcp.on_respond(at(5), 200, bytes("200"));
    assert_eq!(tcp.next_timeout(), Some(at(5)), "timer J is zero over TCP");
}
