//! What a phone in a page describes, as Chromium does.

use super::sdp;

/// The certificate of every page.
pub const FINGERPRINT: &str = "6B:8B:F0:65:5F:78:E2:51:3B:AC:6F:F3:3F:46:1B:35:\
                               DC:B8:5F:64:1A:24:C2:43:F0:A1:58:D0:A1:2C:19:08";

/// A page's session description.
pub fn page_sdp(setup: &str, direction: &str) -> String {
    format!(
        "v=0\r\no=- 46117 2 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\na=group:BUNDLE 0\r\n\
         m=audio 9 UDP/TLS/RTP/SAVPF 111 8\r\nc=IN IP4 0.0.0.0\r\na=ice-ufrag:F7gI\r\n\
         a=ice-pwd:x9cml/YzichV2+XlhiMu8g01\r\na=fingerprint:sha-256 {FINGERPRINT}\r\n\
         a=setup:{setup}\r\na=mid:0\r\na={direction}\r\na=rtcp-mux\r\n\
         a=rtpmap:111 opus/48000/2\r\na=rtpmap:8 PCMA/8000\r\n"
    )
}

/// The answer to our offer: a page's where it is for a page, a phone's else.
pub fn page_or_phone(offer: &str) -> String {
    if offer.contains("a=ice-lite") { page_sdp("active", "sendrecv") } else { sdp("sendrecv") }
}
