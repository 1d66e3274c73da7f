//! A document goes by fax from one call of a box to another call of it, through the real program, its
//! fax processes and its sockets. Who dials both calls only hands their descriptions on (RFC 3725
//! §4.1), so what leaves the one call's port comes to the other's. It is taken out as PDF and compared
//! pixel by pixel by poppler.

use super::seconds;
use mediacore::tiff::{self, Packing};
use serde_json::{Value, json};
use std::net::{SocketAddr, UdpSocket};
use std::path::Path;
use std::process::Command;
use std::time::Instant;
use tests::house::{House, Options};

pub(super) const SENDS: &str = "95105641";
pub(super) const RECEIVES: &str = "95105642";
const CALLER: &str = "13500135000";
/// Octets of a row, rows of a page: as wide as A4 and as high as a hand, so that it takes seconds.
pub(super) const ROW: usize = 216;
const ROWS: usize = 100;
pub(super) const PAGES: usize = 3;
/// Half a minute of sound, and time for a loaded machine.
const FAX_MAX: u64 = 150;

pub fn a_document_goes_by_fax_from_call_to_call_and_is_fetched_as_pdf(backend: &str) {
    let house = House::start(Options { backend: backend.into(), ..Options::default() });
    a_pdf_is_drawn(&house);
    let pages: Vec<Vec<u8>> = (0..PAGES).map(page).collect();
    let written: Vec<(u32, &[u8])> =
        pages.iter().map(|rows| (ROW as u32 * 8, rows.as_slice())).collect();
    let file = tiff::write(&written);
    let (status, body) = house.put("/api/v1/fax-documents/news", "image/tiff", file);
    assert_eq!((status, &body["pages"]), (200, &json!(PAGES)), "{body}");
    flow(&house, SENDS, &json!({"send": "news", "station": "+86 10 1111"}));
    flow(&house, RECEIVES, &json!({}));

    let line = Line::new(&house);
    let (sending, offer) = line.invites(SENDS, None);
    let (receiving, answer) = line.invites(RECEIVES, Some(&offer));
    line.acknowledges(&receiving, None);
    line.acknowledges(&sending, Some(&answer));
    line.waits_for_byes(&house, 2);

    house.wait_row(
        "SELECT count(*) AS faxes FROM events WHERE kind = 'fax_done' HAVING count(*) = 2",
    );
    let done = house.sql("SELECT detail FROM events WHERE kind = 'fax_done'");
    let done: Vec<Value> = done
        .iter()
        .map(|row| serde_json::from_str(row["detail"].as_str().expect("text")).expect("JSON"))
        .collect();
    let of = |document: Value| {
        let found = done.iter().find(|fax| fax["document"] == document);
        found.unwrap_or_else(|| panic!("{document}: {done:?}\n{}", house.log()))["outcome"].clone()
    };
    let (sent, received) = (of(json!("news")), of(Value::Null));
    for outcome in [&sent, &received] {
        assert_eq!(outcome["complete"], json!(true), "{outcome}");
        assert_eq!((&outcome["pages"], &outcome["ecm"]), (&json!(PAGES), &json!(true)));
    }
    assert_eq!((&sent["station"], &received["station"]), (&json!(RECEIVES), &json!("+86 10 1111")));
    let listed = house.json("/api/v1/faxes");
    assert_eq!(listed[0]["fax_id"], received["fax"], "{listed}");
    assert_eq!(listed.as_array().map(Vec::len), Some(1), "what was sent is not received");
    let id = listed[0]["fax_id"].as_str().expect("an id");
    let pdf = house.get(&format!("/api/v1/faxes/{id}?format=pdf")).bytes().expect("a file");
    assert_eq!(images(house.scratch(), &pdf), pages);
    let tiff = house.get(&format!("/api/v1/faxes/{id}")).bytes().expect("a file");
    assert_eq!(tiff.len() as u64, received["bytes"].as_u64().expect("a size"));

    let rows = house.sql("SELECT fax_id, pages FROM faxes WHERE path IS NOT NULL");
    assert_eq!(rows, [json!({"fax_id": id, "pages": PAGES})]);
    let deletion = format!("/api/v1/faxes/{id}/deletion");
    let (status, body) = house.post(&deletion, &json!({"reason": "the sender asked"}));
    assert_eq!(status, 204, "{body}");
    assert_eq!(house.get(&format!("/api/v1/faxes/{id}")).status(), 410);
    assert_eq!(house.json("/api/v1/faxes"), json!([]));
    let sql = "SELECT detail FROM recording_deletions JOIN faxes ON recording_id = fax_id";
    assert_eq!(house.sql(sql), [json!({"detail": "the sender asked"})]);
}

/// By a process of its own, which may open no file and have no socket.
fn a_pdf_is_drawn(house: &House) {
    let (status, body) = house.put("/api/v1/fax-documents/letter", "application/pdf", letter());
    assert_eq!((status, &body["pages"]), (200, &json!(1)), "{body}\n{}", house.log());
    let kept = house.get("/api/v1/fax-documents/letter").bytes().expect("a file");
    let kept = tiff::pages(&kept).expect("a TIFF");
    assert_eq!((kept[0].width, kept[0].height, kept[0].packing), (1_728, 2_292, Packing::T6));
    // A white row is a bit: what was written is there.
    assert!(kept[0].strips[0].bytes.len() > 1_000);
    let broken = b"%PDF-1.7 of nothing".to_vec();
    let (status, body) = house.put("/api/v1/fax-documents/letter", "application/pdf", broken);
    assert_eq!(status, 400, "{body}");
    assert_eq!(body["message"], "This PDF cannot be faxed: it is damaged, or no PDF");
}

/// A page of A4 with words in a font that is not in it.
fn letter() -> Vec<u8> {
    let words = "BT /F 40 Tf 60 700 Td (The quick brown fox) Tj 0 -60 Td (and the lazy dog) Tj ET";
    let objects = [
        "<</Type/Catalog/Pages 2 0 R>>".to_owned(),
        "<</Type/Pages/Kids[3 0 R]/Count 1>>".to_owned(),
        "<</Type/Page/Parent 2 0 R/MediaBox[0 0 595.28 841.89]/Contents 4 0 R\
         /Resources<</Font<</F 5 0 R>>>>>>"
            .to_owned(),
        format!("<</Length {}>>stream\n{words}\nendstream", words.len()),
        "<</Type/Font/Subtype/Type1/BaseFont/Times-Roman>>".to_owned(),
    ];
    let (mut file, mut places) = ("%PDF-1.4\n".to_owned(), String::new());
    for (object, number) in objects.iter().zip(1..) {
        places.push_str(&format!("{:010} 00000 n \n", file.len()));
        file.push_str(&format!("{number} 0 obj\n{object}\nendobj\n"));
    }
    let (count, begins) = (objects.len() + 1, file.len());
    file.push_str(&format!(
        "xref\n0 {count}\n0000000000 65535 f \n{places}\
         trailer\n<</Size {count}/Root 1 0 R>>\nstartxref\n{begins}\n%%EOF\n"
    ));
    file.into_bytes()
}

/// Strokes of their own on each page, and a frame.
pub(super) fn page(number: usize) -> Vec<u8> {
    let octet = |n: usize| {
        let (row, at) = (n / ROW, n % ROW);
        if row == 0 || row == ROWS - 1 {
            0xFF
        } else if (at >> number) % 3 == row / 8 % 3 {
            0x3C_u8.rotate_left((row + number) as u32)
        } else {
            0
        }
    };
    (0..ROW * ROWS).map(octet).collect()
}

/// A number whose flow is one fax, then the end.
pub(super) fn flow(house: &House, number: &str, fax: &Value) {
    let mut step = json!({"kind": "fax", "next": "bye", "on": {"error": "bye"}});
    step.as_object_mut().expect("an object").extend(fax.as_object().expect("an object").clone());
    let document =
        json!({"format": 1, "start": "fax", "steps": {"fax": step, "bye": {"kind": "hangup"}}});
    let (status, body) =
        house.post("/api/v1/flows", &json!({"name": number, "document": document}));
    assert_eq!(status, 201, "{body}");
    let id = body["id"].as_str().expect("an id");
    let (status, body) =
        house.post(&format!("/api/v1/flows/{id}/publish"), &json!({"revision": 1}));
    assert_eq!(status, 201, "{body}");
    let (status, body) =
        house.post("/api/v1/numbers", &json!({"digits": number, "target": {"flow": id}}));
    assert_eq!(status, 201, "{body}");
}

/// The pages of a PDF, unpacked by poppler: a set bit is black.
pub(super) fn images(folder: &Path, pdf: &[u8]) -> Vec<Vec<u8>> {
    std::fs::write(folder.join("fax.pdf"), pdf).expect("the folder is ours");
    let mut command = Command::new("pdfimages");
    let ran = command.args(["fax.pdf", "page"]).current_dir(folder).status();
    assert!(ran.expect("poppler-utils is installed").success());
    let image = |n: usize| {
        let path = folder.join(format!("page-{n:03}.pbm"));
        let bytes = std::fs::read(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
        assert!(bytes.starts_with(format!("P4\n{} {ROWS}\n", ROW * 8).as_bytes()), "page {n}");
        bytes[bytes.len() - ROW * ROWS..].to_vec()
    };
    (0..PAGES).map(image).collect()
}

/// Who dials, and has no media of their own.
pub(super) struct Line {
    socket: UdpSocket,
    house: SocketAddr,
    pub(super) here: SocketAddr,
}

/// What a call needs to be spoken of again.
pub(super) struct Dialog {
    call_id: String,
    to: String,
    contact: String,
}

impl Line {
    pub(super) fn new(house: &House) -> Self {
        let socket = UdpSocket::bind("127.0.0.1:0").expect("loopback is there");
        socket.set_read_timeout(Some(seconds(20))).expect("a timeout");
        let here = socket.local_addr().expect("bound");
        Line { socket, house: house.sip, here }
    }

    /// Dials a number, with a description or without one: the call, and the box's description.
    pub(super) fn invites(&self, number: &str, sdp: Option<&str>) -> (Dialog, String) {
        let call_id = format!("fax-{number}-{}", self.here.port());
        let (house, to) = (self.house, format!("<sip:{number}@{}>", self.house));
        self.says(&self.request("INVITE", &format!("sip:{number}@{house}"), (&call_id, &to), sdp));
        loop {
            let told = self.hears();
            let is_ours = header(&told, "Call-ID") == Some(call_id.as_str())
                && header(&told, "CSeq") == Some("1 INVITE");
            let status = told.strip_prefix("SIP/2.0 ").and_then(|rest| rest.get(..3));
            match status {
                Some("200") if is_ours => {
                    let to = header(&told, "To").expect("a To").to_owned();
                    let contact = header(&told, "Contact").expect("a Contact");
                    let contact = contact.split(['<', '>']).nth(1).unwrap_or(contact).to_owned();
                    let (_, sdp) = told.split_once("\r\n\r\n").expect("a body");
                    return (Dialog { call_id, to, contact }, sdp.to_owned());
                }
                Some(status) if is_ours => assert!(status < "200", "{number}: {told}"),
                // What the other call still says.
                _ => {}
            }
        }
    }

    pub(super) fn acknowledges(&self, dialog: &Dialog, sdp: Option<&str>) {
        self.says(&self.request("ACK", &dialog.contact, (&dialog.call_id, &dialog.to), sdp));
    }

    /// Offers something else within a call: the box's description.
    pub(super) fn reinvites(&self, dialog: &Dialog, sdp: &str) -> String {
        let of = (&*dialog.call_id, &*dialog.to);
        // The second request of its kind in this call.
        let second = |request: String| {
            request.replace("CSeq: 1 ", "CSeq: 2 ").replace("branch=z9hG4bK-", "branch=z9hG4bK-2-")
        };
        self.says(&second(self.request("INVITE", &dialog.contact, of, Some(sdp))));
        loop {
            let told = self.hears();
            let is_ours =
                header(&told, "Call-ID") == Some(of.0) && header(&told, "CSeq") == Some("2 INVITE");
            match told.strip_prefix("SIP/2.0 ").and_then(|rest| rest.get(..3)) {
                Some("200") if is_ours => {
                    self.says(&second(self.request("ACK", &dialog.contact, of, None)));
                    let (_, sdp) = told.split_once("\r\n\r\n").expect("a body");
                    return sdp.to_owned();
                }
                Some(status) if is_ours => assert!(status < "200", "{told}"),
                _ => {}
            }
        }
    }

    /// Answers a request of the box within a call.
    pub(super) fn answers(&self, request: &str, status: &str, sdp: Option<&str>) {
        let same = ["Via", "From", "To", "Call-ID", "CSeq"].map(|name| {
            let value = header(request, name).unwrap_or_else(|| panic!("no {name}: {request}"));
            format!("{name}: {value}\r\n")
        });
        let (here, body) = (self.here, sdp.unwrap_or_default());
        let kind = if sdp.is_some() { "Content-Type: application/sdp\r\n" } else { "" };
        self.says(&format!(
            "SIP/2.0 {status}\r\n{}Contact: <sip:{CALLER}@{here}>\r\n\
             {kind}Content-Length: {}\r\n\r\n{body}",
            same.concat(),
            body.len()
        ));
    }

    fn request(
        &self,
        method: &str,
        uri: &str,
        (call_id, to): (&str, &str),
        sdp: Option<&str>,
    ) -> String {
        let (here, body) = (self.here, sdp.unwrap_or_default());
        let kind = if sdp.is_some() { "Content-Type: application/sdp\r\n" } else { "" };
        format!(
            "{method} {uri} SIP/2.0\r\n\
             Via: SIP/2.0/UDP {here};branch=z9hG4bK-{method}-{call_id};rport\r\n\
             Max-Forwards: 70\r\n\
             From: <sip:{CALLER}@{here}>;tag=line\r\n\
             To: {to}\r\n\
             Call-ID: {call_id}\r\n\
             CSeq: 1 {method}\r\n\
             Contact: <sip:{CALLER}@{here}>\r\n\
             {kind}Content-Length: {}\r\n\r\n{body}",
            body.len()
        )
    }

    /// Answers what the box asks until it has hung up so many calls.
    pub(super) fn waits_for_byes(&self, house: &House, calls: usize) {
        let mut ended = Vec::new();
        let end = Instant::now() + seconds(FAX_MAX);
        self.socket.set_read_timeout(Some(seconds(1))).expect("a timeout");
        while ended.len() < calls {
            assert!(Instant::now() < end, "no end of {calls} faxes\n{}", house.log());
            let mut bytes = [0; 4_096];
            let Ok(len) = self.socket.recv(&mut bytes) else { continue };
            let told = String::from_utf8_lossy(&bytes[..len]).into_owned();
            if told.starts_with("SIP/2.0 ") {
                continue;
            }
            self.answers(&told, "200 OK", None);
            let call = header(&told, "Call-ID").map(str::to_owned);
            if told.starts_with("BYE ") && !ended.contains(&call) {
                ended.push(call);
            }
        }
    }

    pub(super) fn says(&self, text: &str) {
        self.socket.send_to(text.as_bytes(), self.house).expect("sent");
    }

    pub(super) fn hears(&self) -> String {
        let mut bytes = [0; 4_096];
        let len = self.socket.recv(&mut bytes).expect("the box answers");
        String::from_utf8_lossy(&bytes[..len]).into_owned()
    }
}

/// The first header of that name.
pub(super) fn header<'a>(message: &'a str, name: &str) -> Option<&'a str> {
    let lines = message.split("\r\n").take_while(|line| !line.is_empty());
    let mut named = lines.filter_map(|line| line.split_once(':'));
    named.find(|(found, _)| found.eq_ignore_ascii_case(name)).map(|(_, value)| value.trim())
}
