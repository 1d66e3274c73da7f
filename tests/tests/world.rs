//! Stories of the simulated world: production machines, virtual time, and a seed that decides
//! everything. A failure prints its seed: `World::seed(n)` shows it again.

#[path = "world/conference.rs"]
mod conference;
#[path = "world/hiding.rs"]
mod hiding;
#[path = "world/rough.rs"]
mod rough;
#[path = "world/supervision.rs"]
mod supervision;

use signaling::switch;
use std::sync::Arc;
use terms::control::{AgentAction, RecordingOrder};
use terms::event::{Kind, OfferEnd, write_frame};
use terms::media::MarkKind;
use terms::record::Row;
use terms::routing::{Change, Exclusion, RecordingRule, RecordingThen, RecordingWhen};
use terms::{AgentId, PhoneNumber, RecordingRuleId, TenantId};
use tests::rig::audit::{FRAME_MS, Totals};
use tests::rig::handset::pair_of;
use tests::rig::plan::{HOTLINE, QUEUE, user};
use tests::rig::{Behaviour, CallerId, Habit, Reply, Weather, World, minutes, seconds};
use warehouse::{Ingest, Limits, Scope, Session, Warehouse};

/// Seeds of one run.
const SEEDS: u64 = 20;

fn voice_of(world: &World, caller: CallerId) -> u16 {
    world.handsets[world.caller(caller).handset.expect("it was dialled")].tag
}

#[test]
fn a_caller_and_an_agent_hear_each_other_and_the_recording_holds_both_sides() {
    let mut world = World::quiet(1, Weather::calm());
    world.sign_in(&[1]);
    world.habit(1, Habit::answers());
    let caller = world.calls(seconds(1), HOTLINE, Behaviour::talks(seconds(20)));
    world.run_for(minutes(2));
    let agent = world.voices_of(1)[0];
    let heard = world.heard(caller);
    assert_eq!(heard.len(), 1, "{heard:?}");
    assert_eq!(heard[0].tag, agent);
    let (first, last) = heard[0].counters;
    assert_eq!(last - first + 1, heard[0].packets, "no packet is missing between two that came");
    assert!(heard[0].packets > 900, "{heard:?}");
    let totals = world.close_and_balance();
    assert_eq!((totals.calls, totals.answered, totals.recordings), (1, 1, 1));
    let (left, right) = world.center.disk.rendered[0].voices();
    let caller = voice_of(&world, caller);
    assert_eq!((left.len(), right.len()), (1, 1), "{left:?} {right:?}");
    assert!(left[&caller] > 7_000 && right[&agent] > 7_000, "{left:?} {right:?}");
}

#[test]
fn caller_hears_agent_after_blind_transfer() {
    let mut world = World::quiet(2, Weather::fair());
    world.sign_in(&[1]);
    world.sign_in(&[2]);
    let passes_on = Some((seconds(6), user(AgentId(2))));
    world.habit(1, Habit { refer: passes_on, ..Habit::answers() });
    world.habit(2, Habit::answers());
    let caller = world.calls(seconds(1), HOTLINE, Behaviour::talks(seconds(30)));
    world.run_for(minutes(2));
    let (first, second) = (world.voices_of(1)[0], world.voices_of(2)[0]);
    let heard = world.heard(caller);
    let tags: Vec<u16> = heard.iter().map(|heard| heard.tag).collect();
    assert_eq!(tags, [first, second], "agent 1 before the transfer, agent 2 after it");
    assert!(heard[0].to < heard[1].from && heard.iter().all(|heard| heard.packets > 200));
    let caller_voice = voice_of(&world, caller);
    for agent in [first, second] {
        let set = world.handsets.iter().find(|set| set.tag == agent).expect("it rang");
        assert!(set.heard.iter().all(|heard| heard.tag == caller_voice), "{:?}", set.heard);
        assert!(!set.heard.is_empty(), "the caller is heard by both");
    }
    let totals = world.close_and_balance();
    assert_eq!((totals.calls, totals.transfers, totals.recordings), (1, 1, 1));
    let (left, right) = world.center.disk.rendered[0].voices();
    assert_eq!(left.keys().copied().collect::<Vec<_>>(), [caller_voice]);
    assert_eq!(right.len(), 2, "both agents stand on the other side: {right:?}");
}

#[test]
fn rules_decide_what_is_recorded_and_what_is_said_in_a_pause_is_not_in_the_file() {
    let mut world = World::quiet(9, Weather::fair());
    world.sign_in(&[1]);
    world.habit(1, Habit::answers());
    let then = RecordingThen {
        min_s: 8,
        announce: "welcome".into(),
        beep: true,
        agents_control: true,
        ..RecordingThen::default()
    };
    let (id, name, when) = (RecordingRuleId(1), "all".into(), RecordingWhen::default());
    world.changes(Change::RecordingRules(vec![RecordingRule { id, name, when, then }]));

    // A card number in the middle; a caller who is gone at once; one who is never recorded.
    let paid = world.calls(seconds(1), QUEUE, Behaviour::talks(seconds(40)));
    world.records(seconds(20), 1, RecordingOrder::Pause);
    world.records(seconds(30), 1, RecordingOrder::Resume);
    world.calls(minutes(2), QUEUE, Behaviour::talks(seconds(3)));
    let private = world.calls(minutes(4), QUEUE, Behaviour::talks(seconds(20)));
    let number = PhoneNumber::parse(&world.caller(private).number, "86").normal;
    world.changes(Change::Exclude(Exclusion::Number(number)));
    world.run_for(minutes(6));

    let totals = world.close_and_balance();
    assert_eq!((totals.answered, totals.recordings), (3, 3));
    let mut rows: Vec<_> = world
        .center
        .rows
        .iter()
        .filter_map(|row| match row {
            Row::Recording(row) => Some(row.clone()),
            _ => None,
        })
        .collect();
    rows.sort_by_key(|row| row.recording_id);
    let states: Vec<&str> = rows.iter().map(|row| row.state.as_str()).collect();
    assert_eq!(states, ["recorded", "refused", "refused"]);
    let reason = |n: usize| rows[n].reason.clone().unwrap_or_default();
    assert!(reason(1).contains("shorter"), "{}", reason(1));
    assert!(reason(2).contains("never recorded"), "{}", reason(2));
    let paused_ms = rows[0].paused_ms.expect("rows of this version say it");
    assert!((paused_ms - 10_000).abs() <= 20, "{paused_ms}");

    let file = &world.center.disk.rendered[0];
    let marks: Vec<(MarkKind, i64)> =
        file.ledger.marks.iter().map(|mark| (mark.kind, mark.at_ms)).collect();
    let [(MarkKind::Paused, from), (MarkKind::Resumed, to)] = marks[..] else {
        panic!("{marks:?}")
    };
    let layout = mediacore::record::wav::layout(&file.wav, file.wav.len() as u64);
    let at = layout.expect("our own file is WAV").data_at as usize;
    let part = |from: i64, to: i64| &file.wav[at + from as usize * 16..at + to as usize * 16];
    // 0xD5 is zero in A-law (ITU-T G.711 table 1a).
    let silent = |octets: &[u8]| octets.iter().all(|&octet| octet == 0xD5);
    assert!(silent(part(from + 1, to)), "nothing of the pause");
    assert!(!silent(part(from - 200, from)) && !silent(part(to + 100, to + 300)), "but around it");
    let (left, right) = file.voices();
    let expected = [voice_of(&world, paid), world.voices_of(1)[0]];
    assert_eq!([left, right].map(|side| side.keys().copied().next()), expected.map(Some));
}

/// Who of three leaves first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum First {
    Customer,
    Agent,
    Guest,
}

#[test]
fn three_parties_hear_each_other_and_any_may_leave() {
    for first in [First::Customer, First::Agent, First::Guest] {
        let mut world = World::quiet(6, Weather::calm());
        world.sign_in(&[1]);
        world.sign_in(&[2]);
        let leaves = |who, early, late| Some(seconds(if who == first { early } else { late }));
        let invite = Some((seconds(6), user(AgentId(2))));
        world.habit(1, Habit { invite, talk: leaves(First::Agent, 20, 40), ..Habit::answers() });
        world.habit(2, Habit { talk: leaves(First::Guest, 12, 90), ..Habit::answers() });
        let talks = leaves(First::Customer, 20, 90).expect("all leave");
        let caller = world.calls(seconds(1), HOTLINE, Behaviour::talks(talks));
        world.run_for(minutes(3));

        let (agent, guest) = (world.voices_of(1)[0], world.voices_of(2)[0]);
        let customer = voice_of(&world, caller);
        let all = [customer, agent, guest];
        let set = |tag: u16| world.handsets.iter().find(|set| set.tag == tag).expect("it was used");
        for tag in all {
            let others: Vec<u16> = all.into_iter().filter(|&other| other != tag).collect();
            let pair = pair_of(others[0], others[1]);
            let mixed = set(tag).pairs.get(&pair).copied().unwrap_or_default();
            assert!(mixed > 500, "{first:?}: {tag} heard both others {mixed} times");
            assert_eq!(set(tag).pairs.len(), 1, "{first:?}: nobody hears themselves");
        }
        let rest = match first {
            First::Customer => [agent, guest],
            First::Agent => [customer, guest],
            First::Guest => [customer, agent],
        };
        for (who, other) in [(rest[0], rest[1]), (rest[1], rest[0])] {
            let last = set(who).heard.last().expect("the rest go on");
            assert_eq!(last.tag, other, "{first:?}");
            assert!(last.packets > 200, "{first:?}: {last:?}");
        }
        let totals = world.close_and_balance();
        assert_eq!((totals.calls, totals.guests, totals.recordings), (1, 1, 1), "{first:?}");
        let (left, right) = world.center.disk.rendered[0].voices();
        assert_eq!(left.keys().copied().collect::<Vec<_>>(), [customer], "{first:?}");
        // Before the guest came the agent is alone on the right, and so is who stays to the end.
        let mut alone: Vec<u16> = vec![agent];
        alone.extend((first == First::Agent).then_some(guest));
        for tag in alone {
            assert!(right.get(&tag).is_some_and(|&cells| cells > 2_000), "{first:?}: {right:?}");
        }
    }
}

#[test]
fn recording_is_talk_plus_hold_long_within_one_frame() {
    let mut world = World::quiet(3, Weather::fair());
    world.sign_in(&[1]);
    let habit =
        Habit { hold: Some((seconds(5), seconds(7))), talk: Some(seconds(25)), ..Habit::answers() };
    world.habit(1, habit);
    world.calls(seconds(1), HOTLINE, Behaviour::talks(seconds(200)));
    world.run_for(minutes(3));
    world.close_and_balance();
    let rows = &world.center.rows;
    let call = rows.iter().find_map(|row| match row {
        Row::Call(call) => Some(call),
        _ => None,
    });
    let recording = rows.iter().find_map(|row| match row {
        Row::Recording(recording) => Some(recording),
        _ => None,
    });
    let (call, recording) = (call.expect("one call"), recording.expect("one recording"));
    assert!((6_800..7_500).contains(&call.hold_ms), "{call:?}");
    assert!((17_000..18_500).contains(&call.talk_ms), "{call:?}");
    let spoken = i64::from(call.talk_ms) + i64::from(call.hold_ms);
    assert!((i64::from(recording.duration_ms) - spoken).abs() <= FRAME_MS, "{recording:?}");
    assert_eq!(call.satisfaction.as_deref(), Some("satisfied"), "the agent left first");
}

#[test]
fn a_long_conversation_is_recorded_in_parts_that_follow_without_a_gap() {
    let habits = switch::Config { recording_part_max: seconds(10), ..switch::Config::default() };
    let mut world = World::quiet_with(9, Weather::fair(), habits);
    world.sign_in(&[1]);
    let habit =
        Habit { hold: Some((seconds(5), seconds(7))), talk: Some(seconds(45)), ..Habit::answers() };
    world.habit(1, habit);
    let caller = world.calls(seconds(1), HOTLINE, Behaviour::talks(seconds(200)));
    world.run_for(minutes(3));
    let caller_voice = voice_of(&world, caller);
    world.close_and_balance();
    let mut parts: Vec<_> = world
        .center
        .rows
        .iter()
        .filter_map(|row| match row {
            Row::Recording(recording) => Some(recording),
            _ => None,
        })
        .collect();
    parts.sort_by_key(|part| part.started_at);
    assert_eq!(parts.len(), 5, "45 seconds in parts of ten: {parts:#?}");
    for pair in parts.windows(2) {
        let ends = pair[0].started_at.0 + i64::from(pair[0].duration_ms) * 1000;
        assert!((pair[1].started_at.0 - ends).abs() <= FRAME_MS * 1000, "{pair:#?}");
        assert_eq!((pair[0].call_id, pair[0].agent_id), (pair[1].call_id, pair[1].agent_id));
    }
    let first = world.center.rows.iter().find_map(|row| match row {
        Row::Call(call) => call.recording_id,
        _ => None,
    });
    assert_eq!(first, Some(parts[0].recording_id), "the call names its first part");
    for file in &world.center.disk.rendered {
        let (left, right) = file.voices();
        assert_eq!(left.keys().copied().collect::<Vec<_>>(), [caller_voice]);
        assert!(right.len() <= 1, "{right:?}");
    }
}

#[test]
fn a_lossy_network_leaves_no_call_behind() {
    let mut world = World::quiet(4, Weather::storm());
    world.run_for(seconds(30));
    world.sign_in(&[1, 2, 3]);
    for nth in 0..12 {
        let called = [HOTLINE, QUEUE][nth as usize % 2];
        world.calls(seconds(5 + 15 * nth), called, Behaviour::talks(seconds(12)));
    }
    world.run_for(minutes(8));
    let totals = world.close_and_balance();
    assert_eq!(totals.calls, 12, "every INVITE came through in the end");
    assert!(world.lost > 500, "only {} datagrams were lost", world.lost);
}

#[test]
fn an_agent_who_logs_out_while_ringing_costs_nobody_a_call() {
    let mut world = World::quiet(5, Weather::fair());
    world.sign_in(&[1]);
    world.sign_in(&[2]);
    world.habit(1, Habit { reply: Reply::Ignore, ..Habit::answers() });
    world.habit(2, Habit::answers());
    let behaviour = Behaviour { keys: None, ..Behaviour::talks(seconds(10)) };
    let caller = world.calls(seconds(1), QUEUE, behaviour);
    world.run_for(seconds(6));
    assert_eq!(world.voices_of(1).len(), 1, "agent 1 is rung first");
    world.acts(AgentId(1), AgentAction::SignOut);
    world.run_for(minutes(1));
    let heard: Vec<u16> = world.heard(caller).iter().map(|heard| heard.tag).collect();
    assert_eq!(heard, world.voices_of(2), "agent 2 takes the caller");
    let totals = world.close_and_balance();
    assert_eq!((totals.calls, totals.answered, totals.abandoned, totals.visits), (1, 1, 0, 1));
    let ended: Vec<(AgentId, OfferEnd)> = world
        .center
        .entries
        .iter()
        .filter_map(|entry| match entry.kind {
            Kind::OfferEnded { agent, end, .. } => Some((agent, end)),
            _ => None,
        })
        .collect();
    assert_eq!(ended, [(AgentId(1), OfferEnd::Declined)]);
}

#[test]
fn a_world_is_seen_again_by_its_seed() {
    let day = || {
        let mut world = World::seed(7);
        world.run_until(minutes(8));
        (world.center.entries, world.lost)
    };
    let (first, again) = (day(), day());
    assert!(first.0.len() > 50, "something happened");
    assert_eq!(first, again);
}

/// A whole day; afterwards everything balances.
fn day(seed: u64) -> Totals {
    let mut world = World::seed(seed);
    world.run_until(minutes(30));
    world.close_and_balance()
}

/// Days of these seeds, on two threads.
fn days(seeds: std::ops::Range<u64>, day: fn(u64) -> Totals) -> Vec<Totals> {
    std::thread::scope(|scope| {
        let workers: Vec<_> = (0..2)
            .map(|odd| {
                let seeds = seeds.clone().skip(odd).step_by(2);
                scope.spawn(move || seeds.map(day).collect::<Vec<_>>())
            })
            .collect();
        let joined = workers.into_iter().map(|worker| worker.join());
        joined.flat_map(|days| days.expect("a day does not balance; its seed is above")).collect()
    })
}

#[test]
fn twenty_days_from_twenty_seeds_balance() {
    let days = days(0..SEEDS, day);
    let sum = |of: fn(&Totals) -> usize| days.iter().map(of).sum::<usize>();
    assert_eq!(days.len() as u64, SEEDS);
    assert!(sum(|day| day.calls) >= 600, "30 callers a day and three who sign in");
    // The days are busy enough to mean something.
    assert!(sum(|day| day.answered) > 150, "{days:?}");
    assert!(sum(|day| day.abandoned) > 20, "{days:?}");
    assert!(sum(|day| day.transfers) > 15, "{days:?}");
    assert!(sum(|day| day.surveys) > 20, "{days:?}");
    assert!(sum(|day| day.guests) > 20, "{days:?}");
    assert!(sum(|day| day.supervisions) > 40, "{days:?}");
    assert!(sum(|day| day.take_overs) > 5, "{days:?}");
    assert!(sum(|day| day.meetings) > 20, "{days:?}");
    assert!(sum(|day| day.members) > 60, "{days:?}");
}

#[tokio::test]
async fn a_day_is_committed_to_the_warehouse_once() {
    let mut world = World::seed(SEEDS);
    world.run_until(minutes(30));
    let totals = world.close_and_balance();
    let folder = tempfile::tempdir().expect("a temporary folder can be made");
    let log = folder.path().join("events");
    std::fs::create_dir(&log).expect("the folder is ours");
    let mut bytes = Vec::new();
    world.center.entries.iter().for_each(|entry| write_frame(entry, &mut bytes));
    std::fs::write(log.join(format!("events-{:020}.log", 1)), bytes).expect("the folder is ours");

    let open = Warehouse::open(folder.path().join("warehouse")).await;
    let warehouse = Arc::new(open.expect("a new warehouse opens"));
    for _ in 0..2 {
        // A reader that starts again stages nothing twice.
        let mut ingest = Ingest::open(warehouse.clone(), &log).await.expect("the log opens");
        ingest.catch_up().await.expect("the log is read");
    }
    let staged = warehouse.stats().await.expect("rows are counted").staged_rows;
    assert_eq!(staged, totals.rows as u64, "seed {SEEDS}");
    assert_eq!(warehouse.seal().await.expect("rows are sealed"), staged);
    assert_eq!(warehouse.publish_all().await.expect("rows are published"), staged);
    let stats = warehouse.stats().await.expect("rows are counted");
    assert_eq!((stats.staged_rows, stats.hot_rows), (0, 0));
    assert_eq!(stats.published_rows, totals.rows as u64);
    let scope = Scope::of(TenantId(1));
    let session = Session::open(&warehouse, scope, Limits::default()).await.expect("it opens");
    for (table, id, rows) in [
        ("calls", "call_id", totals.calls),
        ("legs", "leg_id", totals.legs),
        ("quality", "leg_id", totals.heard),
        ("queue_visits", "visit_id", totals.visits),
        ("recordings", "recording_id", totals.recordings),
    ] {
        let sql = format!("SELECT DISTINCT {id} FROM {table}");
        let answer = session.query(&sql).await.expect("a plain question is answered");
        assert_eq!(answer.rows(), rows, "{table}");
    }
    assert_eq!(warehouse.verify().await.expect("files are read").faults, Vec::<String>::new());
}

#[test]
fn smuggled_headers_of_a_caller_reach_no_phone_and_no_file_name() {
    let mut world = World::quiet(12, Weather::calm());
    world.sign_in(&[1]);
    world.habit(1, Habit::answers());
    let sdp = "v=0\r\no=- 1 1 IN IP4 10.0.1.1\r\ns=-\r\nc=IN IP4 10.0.1.1\r\nt=0 0\r\n\
               m=audio 40000 RTP/AVP 8\r\n";
    // Blanks before the colon hide a header from those who look before they parse (CVE-2020-28361).
    let smuggled = "X-Call : 666\r\nX-Contact\t: 666\r\nx-queue:666\r\nX-Tenant : 2\r\n\
        P-Asserted-Identity  : <sip:13900139000@10.0.1.1>\r\n\
        P-Preferred-Identity : <sip:110@10.0.0.1>\r\nRemote-Party-ID : <sip:110@10.0.0.1>\r\n\
        Diversion : <sip:110@10.0.0.1>;reason=unconditional\r\nHistory-Info\t: <sip:110@10.0.0.1>\r\n\
        Call-Info : <http://evil.example/x>\r\nAlert-Info : <http://evil.example/x>\r\n\
        Referred-By : <sip:110@10.0.0.1>\r\n\
        Subject: forged\r\n X-Call: 666\r\nUser-Agent: <script>alert(1)</script>\r\n";
    let invite = format!(
        "INVITE sip:{QUEUE}@10.0.0.1 SIP/2.0\r\n\
         Via: SIP/2.0/UDP 10.0.1.1:5060;branch=z9hG4bKsmuggler\r\nMax-Forwards: 70\r\n\
         From: \"<img src=x>\" <sip:110@10.0.0.1>;tag=smuggler\r\nTo: <sip:{QUEUE}@10.0.0.1>\r\n\
         Call-ID: ../../../../evil/%2e%2e/call\r\nCSeq: 1 INVITE\r\n\
         Contact: <sip:x@10.0.1.1:5060>\r\n{smuggled}Content-Type: application/sdp\r\n\
         Content-Length: {}\r\n\r\n{sdp}",
        sdp.len()
    );
    // Who would take the place of a conversation that is not there gets nowhere (RFC 3891, section 3).
    let replacing = invite
        .replace("z9hG4bKsmuggler", "z9hG4bKreplacer")
        .replace("%2e%2e/call", "%2e%2e/other")
        .replace("Subject: forged", "Replaces : a;to-tag=b;from-tag=c\r\nSubject: forged");
    world.city_sends(replacing.as_bytes());
    world.run_for(seconds(1));
    assert!(world.phones.iter().all(|phone| phone.invited.is_empty()), "nobody is called");
    world.city_sends(invite.as_bytes());
    world.run_for(seconds(1));
    let answer = world.phones[0].invited.last().expect("the hotline answers");
    let answer = String::from_utf8(answer.clone()).expect("we write text");
    let to = answer.lines().find(|line| line.starts_with("To: ")).expect("with our tag");
    let ack = format!(
        "ACK sip:{QUEUE}@10.0.0.1 SIP/2.0\r\n\
         Via: SIP/2.0/UDP 10.0.1.1:5060;branch=z9hG4bKsmuggled\r\nMax-Forwards: 70\r\n\
         From: <sip:110@10.0.0.1>;tag=smuggler\r\n{to}\r\n\
         Call-ID: ../../../../evil/%2e%2e/call\r\nCSeq: 1 ACK\r\nContent-Length: 0\r\n\r\n"
    );
    world.city_sends(ack.as_bytes());
    world.run_for(minutes(2));

    let invited = String::from_utf8(world.phones[1].invited[0].clone()).expect("we write text");
    let call = world.center.entries.iter().find_map(|entry| match &entry.kind {
        Kind::CallStarted { caller, .. } => Some((entry.call?, entry.contact?, caller.clone())),
        _ => None,
    });
    let (call, contact, caller) = call.expect("the call began");
    assert_eq!(caller.normal, "+8613900139000", "a trunk is believed by the header's real name");
    let ours = [
        "Via",
        "Max-Forwards",
        "From",
        "To",
        "Call-ID",
        "CSeq",
        "Contact",
        "Allow",
        "Supported",
        "User-Agent",
        "Session-Expires",
        "Min-SE",
        "Content-Type",
        "Content-Length",
        "X-Call",
        "X-Contact",
        "X-Queue",
    ];
    let lines = invited.lines().skip(1).take_while(|line| !line.is_empty());
    for (name, value) in lines.map(|line| line.split_once(": ").expect("one line a header")) {
        assert!(ours.contains(&name), "{name} came through: {invited}");
        let expected = match name {
            "X-Call" => call.to_string(),
            "X-Contact" => contact.to_string(),
            "X-Queue" => "1".to_owned(),
            _ => value.to_owned(),
        };
        assert_eq!(value, expected, "{name} was set by the caller");
    }
    for text in ["666", "evil", "script", "img", "110@", "smuggler"] {
        assert!(!invited.contains(text), "{text} came through: {invited}");
    }
    let rendered = &world.center.disk.rendered;
    assert_eq!(rendered.len(), 1);
    let named = format!("{}/{}.wav", TenantId(1), rendered[0].ledger.recording);
    assert_eq!(rendered[0].ledger.path.as_deref(), Some(named.as_str()), "ids name the file");
}
