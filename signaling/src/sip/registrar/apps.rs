//! Which of an agent's phones stands at their desk: the one that registered by their own number. What
//! registered by a code is theirs wherever it is, and no phone at which somebody else sits.

use super::{Binding, Registrar, Who};

/// Of whose phones only those of codes are there.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct AppsAlone {
    /// Of all.
    pub(crate) phones: bool,
    /// Of those in browsers.
    pub(crate) browsers: bool,
}

impl Binding {
    /// It registered by this number, and by no code.
    pub(crate) fn is_by(&self, number: &str) -> bool {
        *self.user == *number.as_bytes()
    }
}

impl Registrar {
    /// Whose phones are those of codes alone since this was asked last, or are so no more. `number` is
    /// what a phone at their desk registers by; one that is lost and may come back counts as there.
    pub(crate) fn apps_alone_changes<'a>(
        &mut self,
        number: impl Fn(Who) -> Option<&'a str>,
    ) -> Vec<(Who, AppsAlone)> {
        let mut changes = Vec::new();
        for who in std::mem::take(&mut self.stirred) {
            let own = number(who);
            let Some(list) = self.bindings.get(&who) else {
                // Who comes into a plan again begins as everybody does.
                if own.is_none() && self.alone.remove(&who).is_some() {
                    changes.push((who, AppsAlone::default()));
                }
                continue;
            };
            let by_code = |binding: &Binding| own.is_none_or(|own| !binding.is_by(own));
            let mut browsers = list.iter().filter(|b| b.flow.transport.is_websocket()).peekable();
            let alone = AppsAlone {
                phones: list.iter().chain(self.lost(who)).all(by_code),
                browsers: browsers.peek().is_some() && browsers.all(by_code),
            };
            let was = self.alone.remove(&who).unwrap_or_default();
            if alone != AppsAlone::default() {
                self.alone.insert(who, alone);
            }
            if alone != was {
                changes.push((who, alone));
            }
        }
        changes
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sip::flow::{ConnectionId, Flow, Transport};
    use crate::sip::message::Message;
    use crate::sip::parse::Carrier;
    use crate::sip::registrar::Limits;
    use std::net::SocketAddr;
    use terms::{AgentId, Moment, TenantId};

    const WHO: Who = (TenantId(1), AgentId(7));
    const DESK: &str = "1001";
    const APP: &str = "1001-app";

    fn source() -> SocketAddr {
        "198.51.100.7:999".parse().unwrap()
    }

    fn register(registrar: &mut Registrar, user: &str, flow: Flow, expires_s: u32) {
        let text = format!(
            "REGISTER sip:h SIP/2.0\r\nCall-ID: {user}{expires_s}\r\nCSeq: 1 REGISTER\r\n\
             Contact: <sip:{user}@h>;expires={expires_s}\r\n\r\n"
        );
        let request = Message::parse(text.as_bytes(), Carrier::Datagram).unwrap();
        let (now, limits) = (Moment::default(), Limits::default());
        registrar.register(now, (WHO, user.as_bytes()), &request, flow, &limits).unwrap();
    }

    /// Of all, and of those in browsers.
    fn told(registrar: &mut Registrar) -> Vec<(bool, bool)> {
        let changes = registrar.apps_alone_changes(|_| Some(DESK)).into_iter();
        changes.map(|(_, alone)| (alone.phones, alone.browsers)).collect()
    }

    #[test]
    fn apps_are_alone_until_the_desk_phone_is_there_and_nothing_is_said_of_nobody() {
        let mut registrar = Registrar::default();
        let udp = Flow::udp(0, source());
        let page = Flow::connected(Transport::Wss, 2, source(), ConnectionId(4));
        let tcp = Flow::connected(Transport::Tcp, 1, source(), ConnectionId(3));
        register(&mut registrar, DESK, udp, 600);
        assert!(told(&mut registrar).is_empty());
        register(&mut registrar, APP, page, 600);
        assert_eq!(told(&mut registrar), [(false, true)], "a desk phone and an app in a page");
        register(&mut registrar, DESK, udp, 0);
        assert_eq!(told(&mut registrar), [(true, true)]);
        register(&mut registrar, APP, page, 0);
        assert!(told(&mut registrar).is_empty(), "nobody is there");
        register(&mut registrar, APP, udp, 601);
        assert_eq!(told(&mut registrar), [(true, false)]);
        register(&mut registrar, DESK, tcp, 601);
        assert_eq!(told(&mut registrar), [(false, false)]);
        assert!(registrar.on_closed(ConnectionId(3)).is_empty());
        assert_eq!(told(&mut registrar), [(true, false)]);
    }

    #[test]
    fn who_leaves_the_plan_is_told_to_have_no_apps_alone_and_comes_back_like_anybody() {
        let mut registrar = Registrar::default();
        let page = Flow::connected(Transport::Wss, 2, source(), ConnectionId(4));
        register(&mut registrar, APP, page, 600);
        assert_eq!(told(&mut registrar), [(true, true)]);
        assert!(registrar.keep_users(WHO, &[]), "none is left");
        let without = |registrar: &mut Registrar| registrar.apps_alone_changes(|_| None);
        assert_eq!(without(&mut registrar), [(WHO, AppsAlone::default())]);
        assert!(without(&mut registrar).is_empty(), "once");
        register(&mut registrar, DESK, Flow::udp(0, source()), 600);
        assert!(told(&mut registrar).is_empty());
        register(&mut registrar, DESK, Flow::udp(0, source()), 0);
        register(&mut registrar, APP, page, 601);
        assert_eq!(told(&mut registrar), [(true, true)], "it is told again");
    }

    #[test]
    fn a_desk_phone_that_may_come_back_after_a_kill_is_there_until_it_does_not() {
        let mut before = Registrar::default();
        let tcp = Flow::connected(Transport::Tcp, 1, source(), ConnectionId(3));
        register(&mut before, DESK, tcp, 600);
        register(&mut before, APP, Flow::udp(0, source()), 600);
        let kept = before.bindings(WHO).to_vec();
        let mut registrar = Registrar::default();
        assert!(registrar.restore(Moment::default(), WHO, kept, Moment::from_secs(60)));
        assert!(told(&mut registrar).is_empty());
        registrar.expire(Moment::from_secs(60));
        assert_eq!(told(&mut registrar), [(true, false)]);
    }
}
