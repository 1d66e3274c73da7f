//! Two legs of a call know nothing of each other: no address, no Via, no Call-ID, no tag of one side is in
//! a message to the other (topology hiding).

use signaling::sip::message::{Message, Method};
use signaling::sip::parse::Carrier;
use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use terms::AgentId;
use tests::rig::network::Datagram;
use tests::rig::plan::{BOX_IP, CITY_IP, QUEUE, phone_ip, user};
use tests::rig::{Behaviour, Habit, Weather, World, minutes, seconds};

/// The peer of the box in this message.
fn peer(datagram: &Datagram) -> IpAddr {
    if datagram.from.ip() == BOX_IP { datagram.to.ip() } else { datagram.from.ip() }
}

/// What names a side, its dialogs and its way: of either direction, because the box's own names on one
/// side are none of the other's business either.
fn marks(message: &Message) -> BTreeSet<String> {
    let branch = message.via().and_then(|via| via.branch());
    let mut marks: BTreeSet<String> = [branch, message.from_tag(), message.to_tag()]
        .into_iter()
        .flatten()
        .chain([message.call_id()])
        .filter(|mark| !mark.is_empty())
        .map(|mark| String::from_utf8_lossy(mark).into_owned())
        .collect();
    let contact =
        message.contact().map(|contact| String::from_utf8_lossy(contact.uri).into_owned());
    // The box's own Contact is the same on all sides.
    marks.extend(contact.filter(|uri| !uri.contains(&BOX_IP.to_string())));
    marks
}

/// What was said with each peer.
#[derive(Default)]
struct Side {
    texts: Vec<String>,
    marks: BTreeSet<String>,
    /// Requests by method, and whether the box asked.
    methods: BTreeMap<(String, bool), u32>,
}

fn sides(tap: &[Datagram]) -> BTreeMap<IpAddr, Side> {
    let mut sides: BTreeMap<IpAddr, Side> = BTreeMap::new();
    for datagram in tap {
        let Ok(message) = Message::parse(&datagram.bytes, Carrier::Datagram) else { continue };
        let side = sides.entry(peer(datagram)).or_default();
        side.marks.extend(marks(&message));
        side.marks.insert(peer(datagram).to_string());
        if message.is_request() {
            let cseq = message.cseq().expect("every request counts");
            let method = String::from_utf8_lossy(cseq.method).into_owned();
            let again = message.method() == Method::Invite && message.to_tag().is_some();
            let method = if again { "re-INVITE".to_owned() } else { method };
            *side.methods.entry((method, datagram.from.ip() == BOX_IP)).or_default() += 1;
        }
        side.texts.push(String::from_utf8_lossy(&datagram.bytes).into_owned());
    }
    sides
}

#[test]
fn no_leg_says_anything_of_where_the_other_one_is() {
    let mut world = World::quiet(13, Weather::calm());
    world.sign_in(&[1]);
    world.sign_in(&[2]);
    world.tap = Some(Vec::new());
    let passes_on = Some((seconds(8), user(AgentId(2))));
    world.habit(1, Habit { refer: passes_on, ..Habit::answers() });
    world.habit(2, Habit { hold: Some((seconds(4), seconds(3))), ..Habit::answers() });
    // One passed on from phone to phone, whose caller holds too and hangs up in the end.
    let caller = world.calls(seconds(1), QUEUE, Behaviour::talks(seconds(40)));
    world.run_for(seconds(7));
    world.caller_holds(caller, seconds(1));
    world.run_for(minutes(2));
    // One that the agent ends.
    world.habit(1, Habit { talk: Some(seconds(6)), ..Habit::answers() });
    world.habit(2, Habit { talk: Some(seconds(6)), ..Habit::answers() });
    world.calls(seconds(1), QUEUE, Behaviour::talks(seconds(40)));
    world.run_for(minutes(2));

    let sides = sides(&world.tap.take().expect("somebody listens"));
    let [city, first, second] =
        [CITY_IP, phone_ip(AgentId(1)), phone_ip(AgentId(2))].map(|ip| &sides[&ip]);
    // What the stories are about did happen, and on which side.
    for (side, method, by_box) in [
        (city, "INVITE", false),
        (city, "re-INVITE", false),
        (city, "BYE", false),
        (city, "BYE", true),
        (first, "INVITE", true),
        (first, "REFER", false),
        (first, "NOTIFY", true),
        (second, "INVITE", true),
        (second, "re-INVITE", false),
        (second, "BYE", true),
    ] {
        let count = side.methods.get(&(method.to_owned(), by_box)).copied().unwrap_or_default();
        assert!(count > 0, "{method} by the box: {by_box}: {:?}", side.methods);
    }
    let mut looked_at = 0;
    for (side, others) in
        [(city, [first, second]), (first, [city, second]), (second, [city, first])]
    {
        assert!(side.marks.len() > 8, "{:?}", side.marks);
        for text in &side.texts {
            for mark in others.iter().flat_map(|other| &other.marks) {
                assert!(!text.contains(mark.as_str()), "{mark} of another leg is in\n{text}");
                looked_at += 1;
            }
        }
    }
    assert!(looked_at > 500, "{looked_at}");
}
