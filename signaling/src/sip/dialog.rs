//! One dialog, RFC 3261 §12: the tags, the counters, the route set and the target, and the requests
//! that follow from them.

use super::header::NameAddr;
use super::message::{Message, Name};
use super::uri::{Uri, without_headers};
use super::user_agent::SERVERS_USUAL;
use super::write::{Builder, unfold};
use crate::kept::octets;
use serde::{Deserialize, Serialize};

/// Most routes that are kept.
const ROUTES_MAX: usize = 16;

/// One dialog as we see it.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Dialog {
    #[serde(with = "octets")]
    pub(crate) call_id: Box<[u8]>,
    pub(crate) local_tag: String,
    /// Empty until the peer has named it.
    #[serde(with = "octets")]
    pub(crate) remote_tag: Box<[u8]>,
    /// Our From value without tag, theirs as it came without tag.
    #[serde(with = "octets")]
    local: Vec<u8>,
    #[serde(with = "octets")]
    remote: Vec<u8>,
    pub(crate) local_seq: u32,
    pub(crate) remote_seq: Option<u32>,
    routes: Vec<Vec<u8>>,
    /// Remote target: the URI of their Contact.
    #[serde(with = "octets")]
    pub(crate) target: Vec<u8>,
}

impl Dialog {
    /// The dialog that their INVITE begins; `local_tag` is ours (RFC 3261 §12.1.1).
    pub(crate) fn from_request(request: &Message, local_tag: &str, first_seq: u32) -> Option<Self> {
        let from = request.from()?;
        // Before RFC 3261 a call could come without Contact: what follows goes to who it is from
        // (RFC 2543 §6.13, RFC 4475 §3.4.1).
        let old = !request.via()?.names_transaction();
        let target = request.contact().or(old.then_some(from))?;
        Some(Dialog {
            call_id: request.call_id().into(),
            local_tag: local_tag.to_owned(),
            remote_tag: from.tag().unwrap_or_default().into(),
            local: address(&request.to()?),
            remote: address(&from),
            local_seq: first_seq,
            remote_seq: Some(request.cseq()?.number),
            routes: request
                .list(Name::RecordRoute)
                .take(ROUTES_MAX)
                .map(|route| unfold(route).into_owned())
                .collect(),
            target: without_headers(target.uri).to_vec(),
        })
    }

    /// The dialog that our INVITE may begin.
    pub(crate) fn outgoing(
        call_id: String,
        local_tag: String,
        local: Vec<u8>,
        remote: Vec<u8>,
        target: Vec<u8>,
        first_seq: u32,
    ) -> Self {
        Dialog {
            call_id: call_id.into_bytes().into(),
            local_tag,
            remote_tag: Box::default(),
            local,
            remote,
            local_seq: first_seq,
            remote_seq: None,
            routes: Vec::new(),
            target,
        }
    }

    /// The same, through these proxies (RFC 3261 §8.1.2).
    pub(crate) fn through(mut self, routes: Vec<Vec<u8>>) -> Self {
        self.routes = routes;
        self
    }

    /// The same dialog with what their response adds (RFC 3261 §12.1.2).
    pub(crate) fn with_response(&self, response: &Message) -> Self {
        let mut dialog = self.clone();
        dialog.remote_tag = response.to_tag().unwrap_or_default().into();
        let mut routes: Vec<Vec<u8>> = response
            .list(Name::RecordRoute)
            .take(ROUTES_MAX)
            .map(|route| unfold(route).into_owned())
            .collect();
        routes.reverse();
        dialog.routes = routes;
        dialog.refresh_target(response);
        dialog
    }

    /// Contact of a target refresh (RFC 3261 §12.2).
    pub(crate) fn refresh_target(&mut self, message: &Message) {
        if let Some(contact) = message.contact() {
            self.target = without_headers(contact.uri).to_vec();
        }
    }

    /// Their request belongs to this dialog.
    pub(crate) fn is_of(&self, request: &Message) -> bool {
        let remote_tag = request.from_tag().unwrap_or_default();
        request.call_id() == &self.call_id[..] && remote_tag == &self.remote_tag[..]
    }

    /// Notes their next CSeq; false when it is older than one seen (RFC 3261 §12.2.2).
    pub(crate) fn on_remote_seq(&mut self, number: u32) -> bool {
        let fresh = self.remote_seq.is_none_or(|last| number > last);
        if fresh {
            self.remote_seq = Some(number);
        }
        fresh
    }

    /// The next request, up to CSeq; the caller adds Contact and a body. ACK takes `seq` from its
    /// INVITE, all others count on.
    pub(crate) fn request(&mut self, method: &str, via: &str, seq: Option<u32>) -> Builder {
        self.request_within(method, via, seq, SERVERS_USUAL)
    }

    /// The same, past so many servers at most.
    pub(crate) fn request_within(
        &mut self,
        method: &str,
        via: &str,
        seq: Option<u32>,
        servers: u8,
    ) -> Builder {
        let seq = seq.unwrap_or_else(|| {
            self.local_seq += 1;
            self.local_seq
        });
        let (uri, routes) = self.request_uri();
        let mut builder = Builder::request(method, &uri);
        builder.header("Via", via);
        for route in &routes {
            builder.echoed("Route", route);
        }
        builder.header("Max-Forwards", servers.to_string());
        builder.echoed("From", with_tag(&self.local, self.local_tag.as_bytes()));
        builder.echoed("To", with_tag(&self.remote, &self.remote_tag));
        builder.echoed("Call-ID", &self.call_id);
        builder.header("CSeq", format!("{seq} {method}"));
        builder
    }

    /// A strict router takes the Request-URI's place (RFC 3261 §12.2.1.1).
    fn request_uri(&self) -> (Vec<u8>, Vec<Vec<u8>>) {
        let strict = self.routes.first().and_then(|route| {
            let uri = NameAddr::parse(route)?.uri;
            Uri::parse(uri)?.param("lr").is_none().then(|| uri.to_vec())
        });
        match strict {
            None => (self.target.clone(), self.routes.clone()),
            Some(first) => {
                let mut routes = self.routes[1..].to_vec();
                routes.push([b"<", &self.target[..], b">"].concat());
                (first, routes)
            }
        }
    }

    /// Where the next request goes: the first route or the target.
    pub(crate) fn next_hop(&self) -> &[u8] {
        let route = self.routes.first().and_then(|route| NameAddr::parse(route));
        route.map_or(&self.target, |route| route.uri)
    }

    /// A proxy asked to stay in the path.
    pub(crate) fn has_routes(&self) -> bool {
        !self.routes.is_empty()
    }
}

/// Display and URI in brackets, without parameters: tags are added by the side that owns them.
fn address(value: &NameAddr) -> Vec<u8> {
    let mut address = unfold(value.display).into_owned();
    if !address.is_empty() {
        address.push(b' ');
    }
    address.push(b'<');
    address.extend_from_slice(value.uri);
    address.push(b'>');
    address
}

fn with_tag(address: &[u8], tag: &[u8]) -> Vec<u8> {
    if tag.is_empty() { address.to_vec() } else { [address, b";tag=", tag].concat() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sip::parse::Carrier;

    const INVITE: &str = "INVITE sip:hot@192.0.2.1 SIP/2.0\r\nVia: SIP/2.0/UDP h;branch=z9hG4bK1\r\n\
        Record-Route: <sip:p2;lr>, <sip:p1;lr>\r\nFrom: \"A\" <sip:a@x>;tag=their;x=y\r\n\
        To: <sip:hot@192.0.2.1>\r\nCall-ID: c1\r\nCSeq: 9 INVITE\r\nContact: <sip:a@198.51.100.7:5070>\r\n\r\n";

    #[test]
    fn a_request_in_a_dialog_follows_its_routes() {
        let invite = Message::parse(INVITE.as_bytes(), Carrier::Datagram).unwrap();
        let mut dialog = Dialog::from_request(&invite, "ours", 100).unwrap();
        let bye = dialog.request("BYE", "SIP/2.0/UDP us;branch=z9hG4bK2", None).end().unwrap();
        let text = String::from_utf8(bye).unwrap();
        assert!(text.starts_with("BYE sip:a@198.51.100.7:5070 SIP/2.0\r\n"), "{text}");
        assert!(text.contains("Route: <sip:p2;lr>\r\nRoute: <sip:p1;lr>\r\n"));
        assert!(text.contains("From: <sip:hot@192.0.2.1>;tag=ours\r\n"));
        assert!(text.contains("To: \"A\" <sip:a@x>;tag=their\r\n"));
        assert!(text.contains("CSeq: 101 BYE\r\n"));
        assert_eq!(dialog.next_hop(), b"sip:p2;lr");
    }

    #[test]
    fn a_strict_router_gets_the_request_uri() {
        let strict = INVITE.replace("p2;lr", "p2");
        let invite = Message::parse(strict.as_bytes(), Carrier::Datagram).unwrap();
        let mut dialog = Dialog::from_request(&invite, "ours", 1).unwrap();
        let bye = dialog.request("BYE", "SIP/2.0/UDP us", None).end().unwrap();
        let text = String::from_utf8(bye).unwrap();
        assert!(text.starts_with("BYE sip:p2 SIP/2.0\r\n"), "{text}");
        assert!(text.contains("Route: <sip:p1;lr>\r\nRoute: <sip:a@198.51.100.7:5070>\r\n"));
    }

    #[test]
    fn an_old_sequence_number_is_noticed() {
        let invite = Message::parse(INVITE.as_bytes(), Carrier::Datagram).unwrap();
        let mut dialog = Dialog::from_request(&invite, "ours", 1).unwrap();
        assert!(dialog.is_of(&invite));
        assert!(!dialog.on_remote_seq(9));
        assert!(dialog.on_remote_seq(11));
        assert!(!dialog.on_remote_seq(10));
    }
}
