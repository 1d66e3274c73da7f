//! Who we are at a trunk. A line of an IP Multimedia Subsystem has two names: the private one,
//! `user@home.domain`, which its password belongs to, and the public one, the number that is
//! registered and shown there (3GPP TS 23.003 §13.3 and §13.4). Any other carrier has one for both.
//!
//! A trunk is told who calls in From. One that withholds it says nobody there (RFC 3323 §4.1.1.3), and
//! asks the network for the same (`Privacy: id`, RFC 3325 §7); a trunk that is trusted is told all the
//! same, as its network has to know whom a call is charged to.

use super::Trunk;
use crate::sip::header::NameAddr;
use crate::sip::message::{Message, Name};
use crate::sip::uri::escape_user;
use crate::sip::write::unfold;
use terms::routing::CallerRule;

/// Who calls, where it is withheld.
pub(crate) const NOBODY: &str = "\"Anonymous\" <sip:anonymous@anonymous.invalid>";
/// Most proxies that a registration may lead our calls through.
const ROUTES_MAX: usize = 8;

impl Trunk {
    /// The home domain of a private name.
    fn home_domain(&self) -> Option<&str> {
        let (user, home) = self.plan.outbound.as_ref()?.user.split_once('@')?;
        let is_domain = |home: &str| {
            home.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'-'))
        };
        (!user.is_empty() && !home.is_empty() && is_domain(home)).then_some(home)
    }

    /// Whose numbers are asked for over it: the home domain, else the host of its proxy.
    pub(crate) fn domain(&self) -> Option<&str> {
        let proxy = self.proxy.as_ref()?;
        Some(self.home_domain().unwrap_or(&proxy.domain))
    }

    /// Our host in From, where the trunk knows us by a password.
    pub(crate) fn own_domain(&self) -> Option<String> {
        self.plan.outbound.as_ref()?;
        self.domain().map(str::to_owned)
    }

    /// `user@domain` that is registered: the number of the trunk where the name is a private one.
    pub(crate) fn own_name(&self) -> Option<String> {
        let credential = self.plan.outbound.as_ref()?;
        let user = match self.home_domain() {
            Some(_) => &self.plan.caller_number,
            None => &credential.user,
        };
        Some(format!("{}@{}", escape_user(user), self.domain()?))
    }

    /// The Request-URI of a call to this number. A home network wants to be told that it is one (RFC
    /// 3261 §19.1.1, `user=phone`).
    pub(crate) fn uri_of(&self, number: &str) -> Option<String> {
        let phone = if self.home_domain().is_some() { ";user=phone" } else { "" };
        Some(format!("sip:{}@{}{phone}", escape_user(number), self.domain()?))
    }

    /// The callee is not told who calls.
    pub(crate) fn withholds(&self) -> bool {
        self.plan.caller_rule == CallerRule::Withheld
    }

    /// Nor is the trunk.
    pub(crate) fn hides(&self) -> bool {
        self.withholds() && !self.plan.trusted
    }

    /// What is said of our number besides From: to a network that asserts one itself a proposal, to
    /// another that is trusted the assertion. `host` is ours, where the trunk knows us by no password.
    pub(crate) fn identity(&self, number: &str, host: &str) -> Vec<(&'static str, String)> {
        let preferred = self.preferred(number);
        let asserted = || {
            let domain = self.own_domain().unwrap_or_else(|| host.to_owned());
            format!("<sip:{}@{domain}>", escape_user(number))
        };
        let said = match preferred {
            Some(preferred) => (!self.hides()).then_some(("P-Preferred-Identity", preferred)),
            None => self.plan.trusted.then(|| ("P-Asserted-Identity", asserted())),
        };
        let asked = self.withholds().then(|| ("Privacy", "id".to_owned()));
        said.into_iter().chain(asked).collect()
    }

    /// The number that we show, as a proposal to a network that asserts one itself (RFC 3325 §9.2).
    fn preferred(&self, number: &str) -> Option<String> {
        let domain = self.own_domain().filter(|_| self.plan.register)?;
        Some(format!("<sip:{}@{domain}>", escape_user(number)))
    }
}

/// The way that calls of a registration take (Service-Route, RFC 3608 §5). Without `lr` in each it is
/// none: a strict router would have us send to an address that a response has named.
pub(crate) fn service_route(response: &Message) -> Vec<Vec<u8>> {
    let routes = || response.list(Name::ServiceRoute);
    let is_loose = |route: &[u8]| {
        let uri = NameAddr::parse(route).and_then(|route| route.parsed_uri());
        uri.is_some_and(|uri| uri.param("lr").is_some())
    };
    if routes().count() > ROUTES_MAX || !routes().all(is_loose) {
        return Vec::new();
    }
    routes().map(|route| unfold(route).into_owned()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sip::parse::Carrier;
    use crate::sip::trunk::plan_for_tests;
    use terms::routing::Credential;

    fn trunk(user: &str) -> Trunk {
        let mut plan = plan_for_tests(&[]);
        let (user, password, realm) = (user.to_owned(), "p".to_owned(), String::new());
        plan.outbound = Some(Credential { user, password, realm });
        plan.register = true;
        Trunk::new(plan)
    }

    #[test]
    fn a_private_name_says_the_password_and_the_number_is_registered_at_its_home() {
        let line = trunk("460001234567@ims.example");
        assert_eq!(line.own_name().as_deref(), Some("+862087654321@ims.example"));
        let uri = line.uri_of("13900139000");
        assert_eq!(uri.as_deref(), Some("sip:13900139000@ims.example;user=phone"));
        assert_eq!(line.preferred("95105688").as_deref(), Some("<sip:95105688@ims.example>"));
    }

    #[test]
    fn any_other_name_is_one_at_the_proxy() {
        for (user, said) in [("gw", "gw"), ("gw@", "gw%40"), ("g@x y", "g%40x%20y"), ("@x", "%40x")]
        {
            let carrier = trunk(user);
            let name = format!("{said}@203.0.113.5:5060");
            assert_eq!(carrier.own_name(), Some(name), "{user}");
            assert_eq!(carrier.uri_of("1").as_deref(), Some("sip:1@203.0.113.5:5060"));
        }
        let mut plan = plan_for_tests(&[]);
        plan.register = true;
        let nameless = Trunk::new(plan);
        assert_eq!((nameless.own_domain(), nameless.preferred("1")), (None, None));
    }

    #[test]
    fn who_is_trusted_is_told_the_number_and_who_withholds_asks_for_privacy() {
        let (asserts, prefers) = ("P-Asserted-Identity", "P-Preferred-Identity");
        let id = ("Privacy", "id".to_owned());
        for (line, trusted, withheld, name) in [
            (false, false, false, None),
            (false, true, false, Some(asserts)),
            (false, false, true, None),
            (false, true, true, Some(asserts)),
            (true, false, false, Some(prefers)),
            (true, true, false, Some(prefers)),
            (true, false, true, None),
            (true, true, true, Some(prefers)),
        ] {
            let mut of = trunk("4600@ims.example");
            (of.plan.register, of.plan.trusted) = (line, trusted);
            if withheld {
                of.plan.caller_rule = CallerRule::Withheld;
            }
            let said = name.map(|name| (name, "<sip:95105688@ims.example>".to_owned()));
            let asked = withheld.then(|| id.clone());
            let expected: Vec<(&str, String)> = said.into_iter().chain(asked).collect();
            let got = of.identity("95105688", "192.0.2.1:5060");
            assert_eq!(got, expected, "{line} {trusted} {withheld}");
        }
        let mut nameless = Trunk::new(plan_for_tests(&[]));
        nameless.plan.trusted = true;
        let said = ("P-Asserted-Identity", "<sip:1@192.0.2.1:5060>".to_owned());
        assert_eq!(nameless.identity("1", "192.0.2.1:5060"), [said]);
    }

    #[test]
    fn a_service_route_is_taken_whole_or_not_at_all() {
        let of = |lines: &str| {
            let text = format!("SIP/2.0 200 OK\r\nCSeq: 1 REGISTER\r\n{lines}\r\n");
            let response = Message::parse(text.as_bytes(), Carrier::Datagram).unwrap();
            service_route(&response).len()
        };
        assert_eq!(
            of("Service-Route: <sip:p1;lr>, <sip:orig@s;lr>\r\nservice-route: <sip:x;lr>\r\n"),
            3
        );
        assert_eq!(of("Service-Route: <sip:p1;lr>, <sip:strict>\r\n"), 0);
        assert_eq!(of("Service-Route: nonsense\r\n"), 0);
        assert_eq!(of(&"Service-Route: <sip:p;lr>\r\n".repeat(9)), 0);
        assert_eq!(of(""), 0);
    }
}
