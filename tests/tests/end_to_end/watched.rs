//! What colleagues see of an agent, each phone played by SIPp: presence that the agent's phone
//! publishes and takes back, and where it is registered, until it leaves.

use super::lamps::{told, watches};
use super::{house_of_callers, seconds};
use tests::house::wait_for;
use tests::peer::desk_phone::DeskPhone;
use tests::peer::device::{Device, EMPTY, hears, pauses};

/// Out for a meal, and how the phone is told by what name to take that back.
const MEAL: &str = "Content-Type: application/pidf+xml\nContent-Length: [len]\n\n\
    <presence><tuple id=\"a\"><status><basic>closed</basic></status></tuple>\
    <person><activities><meal/></activities></person></presence>\n";
const KEEPS_NAME: &str = "  <recv response=\"200\"><action><ereg regexp=\".*\" search_in=\"hdr\" \
    header=\"SIP-ETag:\" assign_to=\"name\"/></action></recv>\n";
/// From one thing that the phone does to the next, in ms.
const PAUSE_MS: u32 = 2_500;

pub fn who_watches_is_told_what_a_phone_publishes_and_where_it_is_registered(backend: &str) {
    let house = house_of_callers(backend);
    let extension = house.agents[0].user.as_str();
    let presence = watches(&house, "presence", 1, extension, "presence");
    let places = watches(&house, "places", 1, extension, "reg");
    let first = |watcher: &Device, of: &str| {
        wait_for(of, seconds(20), || {
            told(watcher).first().filter(|first| first.contains(of)).cloned()
        })
    };
    let alone = first(&presence, "Content-Type: application/pidf+xml");
    assert!(alone.contains("<basic>closed</basic>"), "no phone is there: {alone}");
    let nowhere = first(&places, "Content-Type: application/reginfo+xml");
    assert!(nowhere.contains("state=\"init\""), "{nowhere}");

    let phone = DeskPhone::of(&house, 0);
    let uri = format!("sip:{extension}@{}", house.sip);
    let to = format!("To: <{uri}>");
    let publishes = |number, more: &str| {
        let more = format!("Event: presence\n{more}");
        phone.proves("PUBLISH", (&uri, &to), number, &more)
    };
    let leaves = format!("Contact: <sip:{extension}@127.0.0.1:[local_port]>;expires=0\n{EMPTY}");
    let registrar = format!("sip:{}", house.sip);
    let steps = [
        phone.registers(),
        vec![pauses(PAUSE_MS)],
        publishes(3, &format!("Expires: 300\n{MEAL}")),
        vec![KEEPS_NAME.to_owned(), pauses(PAUSE_MS)],
        publishes(5, &format!("Expires: 0\nSIP-If-Match:[$name]\n{EMPTY}")),
        vec![hears(200), pauses(PAUSE_MS)],
        phone.proves("REGISTER", (&registrar, &to), 7, &leaves),
        vec![hears(200)],
    ];
    Device::calls(&house, "published", extension, &steps.concat()).finish(&house);

    is_told_in_turn(&presence, &["<basic>open<", "<rpid:meal/>", "<basic>open<", "<basic>closed<"]);
    let meal = told(&presence).into_iter().find(|notify| notify.contains("<rpid:meal/>"));
    assert!(meal.is_some_and(|notify| notify.contains("<basic>closed<")), "out for a meal");
    is_told_in_turn(&places, &["event=\"registered\"", "event=\"unregistered\""]);
    let last = told(&places).pop().expect("they were told");
    assert!(last.contains("state=\"terminated\""), "{last}");
}

/// Somebody who watches is told all this, one after the other, and other things between.
fn is_told_in_turn(watcher: &Device, wanted: &[&str]) {
    wait_for(&wanted.join(", then "), seconds(20), || {
        let told = told(watcher);
        let mut told = told.iter();
        wanted.iter().all(|word| told.any(|notify| notify.contains(word))).then_some(())
    });
}
