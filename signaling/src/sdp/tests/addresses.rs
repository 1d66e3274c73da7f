//! Every line that names an address of ours, for a peer that is told another one.

use super::*;
use crate::sdp::fax;
use terms::media::{Fingerprint, SrtpPolicy};

const USUAL: &str = "192.0.2.1";
const TOLD: [&str; 2] = ["10.0.0.6", "2001:db8::6"];

fn told(address: &str, port: Port) -> Local {
    let certificate = Some(Fingerprint([0xC5; 32]));
    let security = Security::new(SrtpPolicy::Off, [7; 32], certificate);
    let mut local = Local { security, port, ..local() };
    local.others = vec!["10.9.0.6".parse().unwrap(), USUAL.parse().unwrap()];
    local.tell(Some(address.parse().unwrap()));
    local
}

/// The lines that name an address, but for candidates.
fn addresses(text: &str) -> Vec<String> {
    let lines = text.lines().filter(|line| line.starts_with("o=") || line.starts_with("c="));
    lines.map(|line| line.split_once("IN ").unwrap_or_else(|| panic!("{line}")).1.into()).collect()
}

#[test]
fn every_description_of_ours_names_the_address_that_is_told() {
    for address in TOLD {
        let family = if address.contains(':') { "IP6" } else { "IP4" };
        let expected = vec![format!("{family} {address}"); 2];
        let mut ours = told(address, Port::Own);
        let audio = offer_of("m=audio 4000 RTP/AVP 8\r\n");
        let image = offer_of("m=image 4006 udptl t38\r\n");
        let t38 = image.image().expect("there is a fax stream").t38;
        for text in [
            offer(&ours),
            answer(&mut ours, &audio, source(), false).unwrap().0,
            fax::offer(&ours, &t38),
            fax::answer(&ours, &image, &t38).unwrap(),
        ] {
            assert_eq!(addresses(&text), expected, "{text}");
            assert!(!text.contains(USUAL) && !text.contains("10.9.0.6"), "{text}");
        }
        ours.tell(None);
        assert_eq!(addresses(&offer(&ours)), vec![format!("IP4 {USUAL}"); 2]);
    }
}

#[test]
fn a_browser_is_offered_every_address_the_told_one_first() {
    let text = offer(&told("10.0.0.6", Port::Shared));
    let candidates: Vec<&str> =
        text.lines().filter_map(|line| line.strip_prefix("a=candidate:")).collect();
    assert_eq!(
        candidates,
        [
            "1 1 udp 2130706431 10.0.0.6 20000 typ host",
            "2 1 udp 2130706175 192.0.2.1 20000 typ host",
            "3 1 udp 2130705919 10.9.0.6 20000 typ host",
        ],
        "each once, and each less preferred than the one before"
    );
    assert_eq!(addresses(&text), ["IP4 10.0.0.6", "IP4 10.0.0.6"]);
    let alone = offer(&Local { others: Vec::new(), ..told(USUAL, Port::Shared) });
    assert_eq!(alone.matches("a=candidate:").count(), 1, "{alone}");
}
