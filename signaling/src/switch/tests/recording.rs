//! Stories of rules: who is recorded, how long, and what people ask for while it runs.

use super::*;
use std::sync::Arc;
use terms::control::{Asker, RecordingNow, RecordingOrder};
use terms::media::{Command, Ledger, RecordStart, RecordTerms, Source};
use terms::routing::{
    Exclusion, Hours, Plan, RecordingRule, RecordingScope, RecordingThen, RecordingWhen, Window,
};
use terms::{RecordingRuleId, UserId};

const BOSS: UserId = UserId(50);

fn rule(when: RecordingWhen, then: RecordingThen) -> RecordingRule {
    RecordingRule { id: RecordingRuleId(1), name: "it".into(), when, then }
}

fn always(then: RecordingThen) -> Vec<RecordingRule> {
    vec![rule(RecordingWhen::default(), then)]
}

fn rig_of(change: impl FnOnce(&mut Plan)) -> Rig {
    let mut plan = demo_plan();
    change(&mut plan);
    let mut rig = Rig::new(plan);
    for agent in [A1, A3] {
        sign_in(&mut rig, agent);
    }
    rig
}

fn rig_by(then: RecordingThen) -> Rig {
    rig_of(|plan| plan.recording_rules = always(then))
}

fn asks(rig: &mut Rig, order: RecordingOrder, user: UserId, any: bool) -> Answer {
    call_act(rig, CallAction::Record { order, by: Asker { user, any } })
}

fn boss(rig: &mut Rig, order: RecordingOrder) -> Answer {
    asks(rig, order, BOSS, true)
}

fn starts(rig: &Rig) -> Vec<RecordStart> {
    rig.media
        .iter()
        .filter_map(|command| match command {
            Command::RecordStart(start) => Some(start.clone()),
            _ => None,
        })
        .collect()
}

fn stops(rig: &Rig) -> usize {
    rig.media.iter().filter(|command| matches!(command, Command::RecordStop { .. })).count()
}

fn rows(rig: &Rig) -> Vec<Ledger> {
    rig.log
        .iter()
        .filter_map(|entry| match &entry.kind {
            Kind::Recorded { ledger, .. } => Some(ledger.clone()),
            _ => None,
        })
        .collect()
}

fn reasons(rig: &Rig) -> Vec<String> {
    rows(rig).into_iter().map(|row| row.reason.unwrap_or_default()).collect()
}

fn reminders(rig: &Rig, of: LegId) -> usize {
    let reminder = format!("{:?}", Source::Reminder { ms: 200 });
    heard(rig, of).iter().filter(|word| **word == reminder).count()
}

#[test]
fn who_is_on_a_list_is_not_recorded_and_the_row_says_so() {
    let lists = [
        (Exclusion::Agent(A1), "agent 1 is never recorded"),
        (Exclusion::Line("1001".into()), "line 1001 is never recorded"),
        (Exclusion::Line("city".into()), "line city is never recorded"),
        (Exclusion::Number("+8613800138000".into()), "+8613800138000 is never recorded"),
    ];
    for (exclusion, why) in lists {
        let mut rig = rig_of(|plan| {
            plan.recording_rules = always(RecordingThen::default());
            Arc::make_mut(&mut plan.recording_exclusions).insert(exclusion);
        });
        let customer = talking(&mut rig);
        let Answer::Refused(refusal) = boss(&mut rig, RecordingOrder::Start) else {
            panic!("nobody starts what is excluded")
        };
        assert_eq!(refusal, why);
        rig.hangs_up(customer);
        balanced(&mut rig);
        assert_eq!((starts(&rig).len(), reasons(&rig)), (0, vec![why.to_owned()]));
    }
}

#[test]
fn an_exclusion_that_comes_as_a_small_change_is_in_force_with_the_next_conversation() {
    let mut rig = rig_of(|_| {});
    let first = talking(&mut rig);
    let change = terms::routing::Change::Exclude(Exclusion::Agent(A1));
    let version = rig.state().plan_version + 1;
    let delta = terms::routing::Delta { version, tenant: TENANT, change };
    assert_eq!(rig.ask(Ask::Delta(Box::new(delta))), Answer::Done);
    rig.hangs_up(first);
    rig.wait(secs(60));
    let second = talking(&mut rig);
    rig.hangs_up(second);
    balanced(&mut rig);
    assert_eq!(reasons(&rig), ["", "agent 1 is never recorded"]);
}

#[test]
fn a_window_opens_and_what_begins_in_it_is_recorded() {
    let mut rig = rig_of(|plan| {
        // Ten o'clock on a Monday is when the rig begins.
        let windows = vec![Window { weekday: 1, from_minute: 605, to_minute: 620 }];
        let (closed, open) = (Vec::new(), Vec::new());
        plan.hours = vec![Hours { name: "audit".into(), windows, closed, open }];
        let when = RecordingWhen { hours: vec!["audit".into()], ..RecordingWhen::default() };
        let no = RecordingThen { record: false, ..RecordingThen::default() };
        plan.recording_rules = vec![rule(when, RecordingThen::default())];
        plan.recording_rules.extend(always(no));
    });
    for after_s in [0, 300, 900] {
        rig.wait(secs(after_s));
        let customer = talking(&mut rig);
        rig.hangs_up(customer);
        rig.wait(secs(60));
    }
    balanced(&mut rig);
    let no = "not recorded by the rule \"it\"";
    assert_eq!(reasons(&rig), [no, "", no]);
}

#[test]
fn the_terms_of_a_rule_reach_the_recorder() {
    let then = RecordingThen { min_s: 5, max_s: 60, ..RecordingThen::default() };
    let mut rig = rig_by(then);
    let customer = talking(&mut rig);
    let terms = RecordTerms { min_ms: 5_000, max_ms: 60_000, ..RecordTerms::default() };
    assert_eq!(starts(&rig)[0].terms, terms);
    rig.wait(secs(57));
    assert_eq!(stops(&rig), 0);
    rig.wait(secs(5));
    assert_eq!((stops(&rig), phase(&mut rig)), (1, "talking".into()), "cut, and they talk on");
    rig.wait(secs(60));
    rig.hangs_up(customer);
    balanced(&mut rig);
    assert_eq!(rows(&rig)[0].duration_ms, 60_000);
}

#[test]
fn the_longest_length_is_that_of_all_parts_together() {
    let mut rig = rig_by(RecordingThen { min_s: 5, max_s: 5_400, ..RecordingThen::default() });
    let customer = talking(&mut rig);
    rig.wait(secs(7_000));
    rig.hangs_up(customer);
    balanced(&mut rig);
    let terms: Vec<(u32, u32)> =
        starts(&rig).iter().map(|start| (start.terms.min_ms, start.terms.max_ms)).collect();
    assert_eq!(terms, [(5_000, 5_400_000), (0, 1_800_000)]);
    let lengths: Vec<i64> = rows(&rig).iter().map(|row| row.duration_ms).collect();
    assert_eq!(lengths, [3_600_000, 1_800_000]);
}

#[test]
fn an_agent_pauses_where_the_rule_lets_agents_and_a_supervisor_anywhere() {
    let agents = RecordingThen { agents_control: true, ..RecordingThen::default() };
    for (then, may) in [(agents, true), (RecordingThen::default(), false)] {
        let mut rig = rig_by(then);
        let customer = talking(&mut rig);
        let agent = UserId(A1.0);
        let answer = asks(&mut rig, RecordingOrder::Pause, agent, false);
        assert_eq!(answer == Answer::Done, may);
        if !may {
            assert_eq!(boss(&mut rig, RecordingOrder::Pause), Answer::Done);
        }
        assert_eq!(rig.state().calls[0].recording, RecordingNow::Paused);
        assert!(matches!(boss(&mut rig, RecordingOrder::Pause), Answer::Refused(_)), "twice");
        rig.wait(secs(20));
        assert_eq!(boss(&mut rig, RecordingOrder::Resume), Answer::Done);
        assert!(matches!(boss(&mut rig, RecordingOrder::Resume), Answer::Refused(_)), "twice");
        assert_eq!(rig.state().calls[0].recording, RecordingNow::On);
        rig.hangs_up(customer);
        balanced(&mut rig);
        let who = if may { agent } else { BOSS };
        let told = told(&rig);
        assert!(told.contains(&format!("paused by {who}")), "{told:#?}");
        assert!(told.contains(&format!("recorded again by {BOSS}")), "{told:#?}");
        let orders: Vec<&Command> = rig
            .media
            .iter()
            .filter(|c| matches!(c, Command::RecordPause { .. } | Command::RecordResume { .. }))
            .collect();
        assert!(
            matches!(orders[..], [Command::RecordPause { by, .. }, Command::RecordResume { by: BOSS, .. }]
                if *by == who),
            "{orders:?}"
        );
        assert_eq!(reasons(&rig), [""], "one recording, from start to end");
    }
}

#[test]
fn a_part_that_begins_in_a_pause_begins_paused() {
    let mut rig = rig_by(RecordingThen::default());
    let customer = talking(&mut rig);
    rig.wait(secs(3_500));
    assert_eq!(boss(&mut rig, RecordingOrder::Pause), Answer::Done);
    rig.wait(secs(200));
    assert_eq!(boss(&mut rig, RecordingOrder::Resume), Answer::Done);
    rig.wait(secs(3_600));
    rig.hangs_up(customer);
    balanced(&mut rig);
    let paused: Vec<_> = starts(&rig).iter().map(|start| start.terms.paused).collect();
    assert_eq!(paused, [None, Some(BOSS), None]);
    let second = starts(&rig)[1].recording;
    let resumed = rig.media.iter().find_map(|command| match command {
        Command::RecordResume { recording, .. } => Some(*recording),
        _ => None,
    });
    assert_eq!(resumed, Some(second), "the running part is resumed");
}

#[test]
fn a_recording_is_started_and_stopped_on_demand() {
    let mut rig = rig_by(RecordingThen { record: false, ..RecordingThen::default() });
    let customer = talking(&mut rig);
    for order in [RecordingOrder::Stop, RecordingOrder::Pause, RecordingOrder::Resume] {
        assert!(matches!(boss(&mut rig, order), Answer::Refused(_)), "{order:?} of nothing");
    }
    let agent = asks(&mut rig, RecordingOrder::Start, UserId(1), false);
    assert!(matches!(agent, Answer::Refused(why) if why.contains("supervisors")));
    rig.wait(secs(10));
    assert_eq!(boss(&mut rig, RecordingOrder::Start), Answer::Done);
    assert!(matches!(boss(&mut rig, RecordingOrder::Start), Answer::Refused(_)), "twice");
    rig.wait(secs(30));
    assert_eq!(boss(&mut rig, RecordingOrder::Stop), Answer::Done);
    rig.wait(secs(10));
    assert_eq!(rig.state().calls[0].recording, RecordingNow::Off);
    rig.hangs_up(customer);
    balanced(&mut rig);
    let by = rig.log.iter().find_map(|entry| match entry.kind {
        Kind::RecordingStarted { by, .. } => by,
        _ => None,
    });
    assert_eq!(by, Some(BOSS));
    assert!(told(&rig).contains(&format!("recording stopped by {BOSS}")));
    let lengths: Vec<i64> = rows(&rig).iter().map(|row| row.duration_ms).collect();
    assert_eq!(lengths, [0, 30_000], "the refusal of the rule, and what was asked for");
}

#[test]
fn a_recording_waits_for_its_announcement_which_both_hear() {
    let then = RecordingThen { announce: "recorded".into(), ..RecordingThen::default() };
    let mut rig = rig_by(then);
    let customer = rig.customer_dials("95105600");
    rig.wait(Duration::from_millis(3_500));
    assert_eq!(phase(&mut rig), "talking");
    let agent = rig.leg_of(A1).expect("agent 1 talks");
    for leg in [customer, agent] {
        assert_eq!(heard(&rig, leg).last().map(String::as_str), Some("recorded"));
    }
    assert_eq!(starts(&rig).len(), 0);
    rig.wait(secs(3));
    let parties: Vec<LegId> = starts(&rig)[0].parties.iter().map(|party| party.0).collect();
    assert_eq!(parties, [customer, agent]);
    rig.hangs_up(customer);
    balanced(&mut rig);
}

#[test]
fn who_hears_something_else_meanwhile_has_been_told_and_who_is_gone_is_not_recorded() {
    let then = RecordingThen { announce: "recorded".into(), ..RecordingThen::default() };
    let mut rig = rig_by(then.clone());
    let customer = rig.customer_dials("95105600");
    rig.wait(Duration::from_millis(3_500));
    // Hold takes the prompt away from the customer.
    assert_eq!(call_act(&mut rig, CallAction::Hold), Answer::Done);
    rig.wait(secs(5));
    assert_eq!(starts(&rig).len(), 1);
    rig.hangs_up(customer);
    balanced(&mut rig);

    let mut rig = rig_by(then.clone());
    let customer = rig.customer_dials("95105600");
    rig.wait(Duration::from_millis(3_500));
    rig.hangs_up(customer);
    balanced(&mut rig);
    assert_eq!(reasons(&rig), ["the conversation ended before its announcement did"]);

    let mut rig = rig_by(then);
    rig.missing = vec!["zh-CN/recorded".into()];
    let customer = rig.customer_dials("95105600");
    rig.wait(secs(10));
    rig.hangs_up(customer);
    balanced(&mut rig);
    assert_eq!(reasons(&rig), ["the announcement zh-CN/recorded is missing"], "nobody was told");
}

#[test]
fn a_beep_reminds_everybody_while_it_is_recorded_and_nobody_who_hears_music() {
    let then = RecordingThen { beep: true, beep_every_s: 15, ..RecordingThen::default() };
    let mut rig = rig_by(then);
    let customer = talking(&mut rig);
    let agent = rig.leg_of(A1).expect("agent 1 talks");
    rig.wait(secs(59));
    assert_eq!((reminders(&rig, customer), reminders(&rig, agent)), (4, 4));
    assert_eq!(boss(&mut rig, RecordingOrder::Pause), Answer::Done);
    rig.wait(secs(60));
    assert_eq!(reminders(&rig, customer), 4, "nothing is recorded");
    assert_eq!(boss(&mut rig, RecordingOrder::Resume), Answer::Done);
    assert_eq!(call_act(&mut rig, CallAction::Hold), Answer::Done);
    rig.wait(secs(31));
    assert_eq!((reminders(&rig, customer), reminders(&rig, agent)), (4, 6));
    rig.hangs_up(customer);
    balanced(&mut rig);
}

#[test]
fn the_whole_call_is_recorded_from_the_answer_through_flow_queue_and_transfer() {
    let mut rig = rig_by(RecordingThen { scope: RecordingScope::Call, ..RecordingThen::default() });
    let customer = rig.customer_dials("95105688");
    rig.wait(secs(3));
    assert_eq!(phase(&mut rig), "ivr");
    assert_eq!(starts(&rig)[0].parties.len(), 1, "the caller alone so far");
    rig.presses(customer, "1");
    rig.wait(secs(10));
    assert_eq!(phase(&mut rig), "talking");
    let first = rig.leg_of(A1).expect("agent 1 talks");
    rig.refers(first, "queue:2");
    rig.wait(secs(10));
    assert_eq!(phase(&mut rig), "talking");
    rig.hangs_up(customer);
    balanced(&mut rig);
    assert_eq!((starts(&rig).len(), stops(&rig)), (1, 1));
    let joined = rig.media.iter().filter(|c| matches!(c, Command::RecordJoin { .. })).count();
    assert_eq!(joined, 2, "both agents");
    let call = rig.log.first().map(|entry| entry.at).expect("a call began");
    let length = rows(&rig)[0].duration_ms;
    let ended = rig.log.iter().find(|e| matches!(e.kind, Kind::CallEnded { .. })).map(|e| e.at);
    let whole = ended.expect("it ended").millis_since(call);
    assert!((whole - length).abs() < 100, "{length} of {whole} ms");
}

#[test]
fn a_transfer_to_somebody_who_is_never_recorded_ends_the_recording() {
    let mut rig = rig_of(|plan| {
        Arc::make_mut(&mut plan.recording_exclusions).insert(Exclusion::Agent(A3));
    });
    let customer = talking(&mut rig);
    let first = rig.leg_of(A1).expect("agent 1 talks");
    rig.refers(first, "1003");
    rig.wait(secs(10));
    assert_eq!(phase(&mut rig), "talking");
    assert_eq!(stops(&rig), 1);
    rig.hangs_up(customer);
    balanced(&mut rig);
    assert_eq!(reasons(&rig), ["agent 3 is never recorded", ""]);
}

#[test]
fn a_guest_who_is_never_recorded_stays_out_of_the_recording_of_the_others() {
    let mut rig = rig_of(|plan| {
        Arc::make_mut(&mut plan.recording_exclusions).insert(Exclusion::Agent(A3));
    });
    let customer = talking(&mut rig);
    assert_eq!(call_act(&mut rig, CallAction::Invite { target: "1003".into() }), Answer::Done);
    rig.wait(secs(5));
    assert!(rig.leg_of(A3).is_some(), "agent 3 came");
    assert!(!rig.media.iter().any(|c| matches!(c, Command::RecordJoin { .. })));
    assert_eq!(stops(&rig), 0);
    let agent = rig.leg_of(A1).expect("agent 1 talks");
    rig.hangs_up(agent);
    rig.hangs_up(customer);
    balanced(&mut rig);
}

#[test]
fn a_message_is_taken_whatever_rules_say_about_conversations() {
    let mut rig = rig_by(RecordingThen { record: false, ..RecordingThen::default() });
    let customer = rig.customer_dials("95105602");
    rig.wait(secs(10));
    assert_eq!(starts(&rig).len(), 1);
    assert!(matches!(boss(&mut rig, RecordingOrder::Stop), Answer::Refused(_)), "a message");
    rig.hangs_up(customer);
    balanced(&mut rig);
}
