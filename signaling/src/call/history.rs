//! What the next trunk is told of a call that was forwarded: that it is not the first that was called,
//! and why. `Diversion` (RFC 5806) says it to gateways and older networks, `History-Info` (RFC 7044) to
//! an IMS; each reads the one that it knows.
//!
//! The number that was called first is the one that the trunk is shown as the caller. It is the
//! tenant's, whatever extension was called: of who calls, and of who forwarded within the house,
//! nothing is said. What a trunk told of the way before us is counted and goes no further (RFC 7044
//! §10.1.2).

use super::Call;
use crate::sip::uri::escape_user;
use terms::event::ForwardWhen;
use terms::routing::Trunk;

impl Call {
    /// The headers, name and value; none where nobody has forwarded it.
    pub(super) fn forwarding_headers(
        &self,
        trunk: &Trunk,
        shown: &str,
        digits: &str,
    ) -> Vec<(String, String)> {
        let Some(&(_, when)) = self.forwarded.last() else { return Vec::new() };
        let proxy = trunk.proxy.split(';').next().unwrap_or_default();
        let place = proxy.split_once(':').map_or(proxy, |(_, place)| place);
        let (shown, digits) = (escape_user(shown), escape_user(digits));
        let counter = self.forwarded.len() + usize::from(self.diverted);
        let (reason, cause) = (reason(when), cause(when));
        vec![
            (
                "Diversion".to_owned(),
                format!("<sip:{shown}@{place}>;reason={reason};counter={counter}"),
            ),
            (
                "History-Info".to_owned(),
                format!(
                    "<sip:{shown}@{place}>;index=1, \
                     <sip:{digits}@{place};cause={cause}>;index=1.1;mp=1"
                ),
            ),
        ]
    }
}

/// RFC 5806 §4.
const fn reason(when: ForwardWhen) -> &'static str {
    match when {
        ForwardWhen::Always => "unconditional",
        ForwardWhen::Busy => "user-busy",
        ForwardWhen::NoAnswer => "no-answer",
    }
}

/// RFC 4458 §4.
const fn cause(when: ForwardWhen) -> u16 {
    match when {
        ForwardWhen::Always => 302,
        ForwardWhen::Busy => 486,
        ForwardWhen::NoAnswer => 408,
    }
}
