//! A process that is killed with browsers and phones with a handshake in it: the next one goes on with
//! the ways that were proven and the keys that were made, and nobody makes keys again.

use super::*;
use terms::media::Audience;

/// A plain phone, a browser and a phone with a handshake in one world whose legs are kept; the plain
/// phone and the party of this number talk.
fn talking(party: impl FnOnce(&mut World) -> usize) -> (World, Memory, usize) {
    let (mut world, memory) = World::secured().kept();
    world.add(Codec::Pcma, 1, |_| {});
    world.join(0, 1);
    let far = party(&mut world);
    world.far_joins(far);
    world.run(2_000);
    assert!(world.is_secured(far));
    (world, memory, far)
}

type Memory = Arc<Vec<std::sync::atomic::AtomicU64>>;

/// Both say these levels, and hear them.
fn talk(world: &mut World, far: usize, levels: std::ops::Range<i16>) {
    let (before, heard) = (world.phones[0].heard.len(), world.fars[far].heard.len());
    for level in levels.clone() {
        world.says(far, PCMA, level * 100);
        world.speak(0, 20, -level * 100);
        world.run(20);
    }
    let said = |sign: i16| -> Vec<u8> {
        levels.clone().map(|level| g711::encode(Law::A, sign * level * 100)).collect()
    };
    let by_phone: Vec<u8> = world.phones[0].heard[before..].iter().map(|h| h.payload[0]).collect();
    assert_eq!(by_phone, said(1));
    // The other's own session refuses an index that came before: none was used twice.
    assert_eq!(world.fars[far].levels()[heard..], said(-1));
}

fn claim(world: &mut World, far: usize) {
    for leg in [world.fars[far].leg, world.phones[0].leg] {
        world.command(Command::Audience { leg, audience: Audience::Everyone });
    }
}

/// Records of a handshake that were received and sent.
fn records(world: &World) -> (u64, u64) {
    (world.shard.stats().handshakes_in, world.shard.stats().handshakes_out)
}

#[test]
fn a_browser_talks_on_after_a_kill_at_any_packet_under_the_same_keys() {
    for kill in [0, 1, 2, 7, 40] {
        let browser = |world: &mut World| world.browser(Codec::Pcma, DtlsVersion::Auto);
        let (mut world, mut memory, browser) = talking(browser);
        talk(&mut world, browser, 0..kill);
        assert_eq!(world.kill(&mut memory), 0);
        assert_eq!(world.shard.shared_sizes(), (1, 1), "its name and its way");
        talk(&mut world, browser, kill..80);
        claim(&mut world, browser);
        // It asks on and is answered, and nobody waits for keys that were made.
        world.run(HANDSHAKE_MAX.as_millis() as u64 + 1_000);
        assert!(world.shard.stats().checks > 0);
        assert_eq!((records(&world), world.failures()), ((0, 0), vec![]));
        world.kill(&mut memory);
        talk(&mut world, browser, 80..100);
    }
}

#[test]
fn a_phone_with_a_handshake_talks_on_after_a_kill_and_a_stranger_does_not_begin() {
    for role in [DtlsRole::Server, DtlsRole::Client] {
        let phone = |world: &mut World| world.secure_phone(role, |_| {});
        let (mut world, mut memory, phone) = talking(phone);
        talk(&mut world, phone, 0..5);
        world.kill(&mut memory);
        let stranger: SocketAddr = "203.0.113.66:9".parse().unwrap();
        let (door, packet) = (world.fars[phone].door, world.fars[phone].plain_packet());
        world.fars[phone].seq -= 1;
        assert_eq!(world.deliver(door, stranger, packet), Verdict::Drop(Reason::Strange));
        talk(&mut world, phone, 5..50);
        claim(&mut world, phone);
        world.run(HANDSHAKE_MAX.as_millis() as u64 + 1_000);
        assert_eq!(world.failures(), []);
    }
}

#[test]
fn a_new_agreement_after_a_kill_goes_on_under_the_keys_that_were_made() {
    let (mut world, mut memory, browser) =
        talking(|world| world.browser(Codec::Pcma, DtlsVersion::Auto));
    world.kill(&mut memory);
    let idx = world.shard.index_of(world.fars[browser].leg).unwrap();
    let remote = world.shard.leg(idx).unwrap().agreed.as_ref().unwrap().remote.clone();
    let leg = world.fars[browser].leg;
    world.command(Command::Connect { leg, remote: Box::new(remote) });
    talk(&mut world, browser, 0..20);
    world.run(HANDSHAKE_MAX.as_millis() as u64);
    assert_eq!((records(&world), world.failures()), ((0, 0), vec![]));
}

#[test]
fn another_certificate_after_a_kill_makes_new_keys_and_a_kill_meanwhile_begins_them_anew() {
    let (mut world, mut memory, phone) =
        talking(|world| world.secure_phone(DtlsRole::Server, |_| {}));
    talk(&mut world, phone, 0..5);
    world.kill(&mut memory);
    world.begin_again(phone, DtlsRole::Server);
    // Nothing of it has come yet; the old keys are not taken for those that it will make.
    world.kill(&mut memory);
    assert!(!world.is_secured(phone));
    world.run(3_000);
    assert!(world.is_secured(phone), "{:?}", world.failures());
    talk(&mut world, phone, 5..20);
    assert_eq!(world.failures(), []);
}

#[test]
fn a_browser_that_was_still_on_its_way_is_let_in_by_the_next_process() {
    let (mut world, mut memory) = World::secured().kept();
    world.add(Codec::Pcma, 1, |_| {});
    world.join(0, 1);
    let browser = world.browser(Codec::Pcma, DtlsVersion::Auto);
    world.far_joins(browser);
    world.kill(&mut memory);
    world.run(3_000);
    assert!(world.is_secured(browser), "{:?}", world.failures());
    talk(&mut world, browser, 0..20);
}

#[test]
fn nothing_of_a_released_browser_is_left_in_its_slot() {
    let (mut world, mut memory, browser) =
        talking(|world| world.browser(Codec::Pcma, DtlsVersion::Auto));
    world.command(Command::Release { leg: world.fars[browser].leg });
    world.kill(&mut memory);
    assert_eq!((world.shard.legs(), world.shard.shared_sizes()), (1, (0, 0)));
}
