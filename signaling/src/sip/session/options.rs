//! OPTIONS inside a dialog: alive, and this is what we can (RFC 3261 §11).

use super::{ALLOW, SUPPORTED};
use crate::sip::core::UserAgent;
use crate::switch::Now;

impl UserAgent {
    pub(in crate::sip) fn on_options(&mut self, now: Now, tx: u64) {
        let supported = SUPPORTED.join(", ");
        let extra =
            [("Allow", ALLOW), ("Accept", "application/sdp"), ("Supported", supported.as_str())];
        self.respond(now, tx, 200, &extra, None);
    }
}
