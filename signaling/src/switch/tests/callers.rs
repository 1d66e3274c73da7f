use super::*;
use crate::sip::user_agent::{Command as Sipc, Origin};
use crate::switch::rig::{PROMPT, TRUNK};
use terms::media::Command;
use terms::{QueueId, RecordingId, TenantId, UserId};

#[test]
fn a_caller_reaches_an_agent_and_is_asked_for_satisfaction() {
    let mut rig = rig_with(&[A1]);
    let customer = rig.customer_dials("95105688");
    rig.wait(secs(3));
    rig.presses(customer, "1");
    rig.wait(secs(30));
    let agent = rig.leg_of(A1).expect("agent 1 talks");
    rig.hangs_up(agent);
    rig.wait(secs(1));
    rig.presses(customer, "1");
    rig.wait(secs(5));
    assert_eq!(
        told(&rig),
        [
            "call Inbound",
            "leg Customer",
            "leg answered",
            "ivr",
            "enqueued 1 at 1",
            "offered 1",
            "leg Agent",
            "ringing",
            "leg answered",
            "answered 1",
            "released 1 by Agent",
            "survey",
            "recorded Recorded",
            "leg ended 16 by Agent",
            "survey answered Some(Satisfied)",
            "leg ended 16 by System",
            "ended Answered 16 by Agent",
        ]
    );
    rig.wait(secs(20));
    assert_eq!(states(&rig, A1), ["Idle", "Ringing", "Talking", "WrapUp", "Idle"]);
    balanced(&mut rig);
}

#[test]
fn a_recording_is_as_long_as_the_conversation() {
    let mut rig = rig_with(&[A1]);
    let customer = talking(&mut rig);
    let answered = rig.log.iter().find(|e| matches!(e.kind, Kind::Answered { .. })).map(|e| e.at);
    rig.wait(secs(60));
    rig.hangs_up(customer);
    let released = rig.log.iter().find(|e| matches!(e.kind, Kind::Released { .. })).map(|e| e.at);
    rig.wait(secs(1));
    let length = rig.log.iter().find_map(|entry| match &entry.kind {
        Kind::Recorded { ledger, agent, .. } => {
            assert_eq!(*agent, Some(A1));
            Some(ledger.duration_ms)
        }
        _ => None,
    });
    let talk = released.zip(answered).map(|(end, start)| end.millis_since(start));
    assert_eq!(length, talk);
    assert_eq!(outcome(&rig), (Outcome::Answered, 16, Party::Customer));
    balanced(&mut rig);
}

#[test]
fn a_caller_who_hangs_up_in_the_queue_has_abandoned() {
    let mut rig = rig_with(&[]);
    let customer = rig.customer_dials("95105600");
    rig.wait(secs(10));
    assert_eq!(heard(&rig, customer), ["queue", "music/wait"]);
    rig.hangs_up(customer);
    rig.wait(secs(1));
    assert_eq!(outcome(&rig), (Outcome::Abandoned, 16, Party::Customer));
    balanced(&mut rig);
}

#[test]
fn the_place_in_the_queue_and_the_wait_are_announced() {
    let mut rig = rig_with(&[A1]);
    talking(&mut rig);
    rig.customer_dials("95105600");
    let third = rig.customer_dials("95105600");
    rig.wait(secs(21));
    let heard = heard(&rig, third);
    assert_eq!(
        heard,
        ["queue", "music/wait", "position", "digits/2", "wait", "digits/6", "minutes"],
        "two places of three minutes each with one agent"
    );
    rig.wait(PROMPT);
    assert_eq!(super::heard(&rig, third).last().map(String::as_str), Some("music/wait"));
}

#[test]
fn who_waited_too_long_leaves_a_message() {
    let mut rig = rig_with(&[]);
    let customer = rig.customer_dials("95105600");
    rig.wait(secs(125));
    assert_eq!(phase(&mut rig), "voicemail");
    rig.presses(customer, "#");
    rig.wait(secs(5));
    let told = told(&rig);
    assert!(told.contains(&"flowed out MaxWait".into()), "{told:#?}");
    assert!(told.contains(&"message left".into()), "{told:#?}");
    let left = rig.log.iter().find_map(|entry| match &entry.kind {
        Kind::VoicemailLeft { caller, .. } => Some(caller.as_str()),
        _ => None,
    });
    assert_eq!(left, Some("+8613800138000"), "who is to be called back");
    assert_eq!(outcome(&rig).0, Outcome::Voicemail);
    balanced(&mut rig);
}

#[test]
fn a_full_queue_overflows_at_once() {
    let mut rig = rig_with(&[]);
    for _ in 0..6 {
        rig.customer_dials("95105600");
    }
    rig.wait(secs(1));
    let told = told(&rig);
    assert_eq!(told.iter().filter(|word| word.starts_with("enqueued")).count(), 6);
    assert_eq!(told.iter().filter(|word| *word == "flowed out Overflow").count(), 1);
    for leg in rig.legs() {
        rig.hangs_up(leg);
    }
    balanced(&mut rig);
}

#[test]
fn a_message_ends_by_hanging_up_and_never_without_one() {
    let mut rig = rig_with(&[]);
    let customer = rig.customer_dials("95105602");
    rig.wait(secs(1));
    rig.hangs_up(customer);
    rig.wait(secs(1));
    assert_eq!(outcome(&rig).0, Outcome::IvrOnly, "nothing was said before the tone");

    let customer = rig.customer_dials("95105602");
    rig.wait(secs(12));
    rig.hangs_up(customer);
    rig.wait(secs(1));
    assert_eq!(outcome(&rig).0, Outcome::Voicemail);

    rig.customer_dials("95105602");
    rig.wait(secs(130));
    assert_eq!(outcome(&rig), (Outcome::Voicemail, 16, Party::System), "two minutes are enough");
    balanced(&mut rig);
}

#[test]
fn refusals_have_the_right_status() {
    let mut rig = rig_with(&[]);
    let reject = |rig: &Rig| match rig.sip.last() {
        Some(Sipc::Reject { status, retry_after_s, .. }) => (*status, retry_after_s.is_some()),
        other => panic!("no refusal: {other:?}"),
    };
    rig.customer_dials("95109999");
    assert_eq!(reject(&rig), (404, false), "an unknown number");
    rig.customer_dials("1001");
    assert_eq!(reject(&rig), (404, false), "an agent's phone is not reached from outside");
    rig.customer_dials("013811112222");
    assert_eq!(reject(&rig), (404, false), "nobody calls through us to the outside");
    rig.dials(Origin::Trunk(TRUNK), "+8613900000000", "95105688", true);
    assert_eq!(reject(&rig), (603, false), "a blocked caller");
    assert_eq!(outcome(&rig), (Outcome::Refused, 21, Party::System));
    rig.ports = false;
    rig.customer_dials("95105688");
    rig.wait(secs(1));
    assert_eq!(reject(&rig), (503, true), "no port");
    assert!(rig.log.iter().any(|e| matches!(e.kind, Kind::LegEnded { cause: 47, .. })));
    balanced(&mut rig);
}

#[test]
fn a_dial_string_is_data_and_never_split_or_evaluated() {
    let mut rig = rig_with(&[A1]);
    let hostile = [
        "300&Zap/g1/00442071234567",
        "95105688&013811112222",
        "013811112222&Local/1@outside",
        "013811112222;phone-context=+44",
        "013811112222,,900",
        "0138$(reboot)",
        "0138`id`",
        "0138|SIP/x",
        "013811112222@elsewhere.example",
        "013811112222\r\nX: y",
        "013811112222%26Zap",
        "${EXTEN}",
        "../1002",
        "1002 ",
        "٠١٣٨١١١١٢٢٢٢",
        "",
    ];
    for number in hostile {
        for from_outside in [true, false] {
            let before = rig.sip.len();
            match from_outside {
                true => rig.customer_dials(number),
                false => rig.agent_dials(A1, number),
            };
            rig.wait(secs(1));
            let asked = &rig.sip[before..];
            let refused = asked.iter().any(|c| matches!(c, Sipc::Reject { status: 404, .. }));
            let dialled = asked.iter().any(|c| matches!(c, Sipc::Invite(_)));
            assert!(refused && !dialled, "{number:?} from outside {from_outside}: {asked:?}");
        }
    }
    balanced(&mut rig);
}

#[test]
fn a_late_offer_is_answered_and_a_phone_without_our_codecs_is_told() {
    let mut rig = rig_with(&[]);
    let customer = rig.dials(Origin::Trunk(TRUNK), "13800138000", "95105688", false);
    rig.wait(secs(1));
    assert_eq!(heard(&rig, customer), ["welcome"]);
    let connect = |command: &&Command| matches!(command, Command::Connect { .. });
    assert_eq!(rig.media.iter().filter(connect).count(), 1);
    rig.hangs_up(customer);
    balanced(&mut rig);
}

#[test]
fn a_caller_who_cancels_at_any_moment_leaves_nothing_behind() {
    for ms in (0..6_000).step_by(150) {
        let mut rig = rig_with(&[A1]);
        let customer = rig.customer_dials("95105600");
        rig.wait(Duration::from_millis(ms));
        rig.hangs_up(customer);
        balanced(&mut rig);
        let free = rig
            .state()
            .agents
            .iter()
            .filter(|a| a.activity == terms::event::Activity::Idle)
            .count();
        assert_eq!(free, 1, "after {ms} ms agent 1 is free again");
    }
}

#[test]
fn a_direct_call_rings_before_it_is_answered() {
    let mut rig = rig_with(&[A1]);
    let customer = rig.customer_dials("95105601");
    rig.wait(secs(1));
    let answered = |rig: &Rig| rig.sip.iter().any(|c| matches!(c, Sipc::Answer { .. }));
    assert!(rig.sip.iter().any(|c| matches!(c, Sipc::Progress { status: 180, .. })));
    assert!(!answered(&rig), "the caller pays nothing for ringing");
    rig.wait(secs(4));
    assert!(answered(&rig));
    assert_eq!(phase(&mut rig), "talking");
    rig.hangs_up(customer);
    balanced(&mut rig);
    assert_eq!(outcome(&rig), (Outcome::Answered, 16, Party::Customer));
}

#[test]
fn who_calls_without_an_offer_is_told_ours_while_it_rings_and_nobody_else_is() {
    for offers in [true, false] {
        let mut rig = rig_with(&[A1]);
        let customer = rig.dials(Origin::Trunk(TRUNK), "13800138000", "95105601", offers);
        rig.wait(secs(5));
        let told = rig.sip.iter().find_map(|command| match command {
            Sipc::Progress { leg, status: 180, sdp } if *leg == customer => Some(sdp.clone()),
            _ => None,
        });
        let answer = rig.sip.iter().find_map(|command| match command {
            Sipc::Answer { leg, sdp } if *leg == customer => Some(sdp.clone()),
            _ => None,
        });
        let answer = answer.expect("agent 1 answers");
        assert_eq!(told, Some((!offers).then_some(answer)));
        assert_eq!(phase(&mut rig), "talking");
        rig.hangs_up(customer);
        balanced(&mut rig);
    }
}

#[test]
fn a_silent_line_is_hung_up() {
    let mut rig = rig_with(&[A1]);
    let customer = talking(&mut rig);
    let silent = |ms| terms::media::Event::Silent { leg: customer, ms, paused: false };
    rig.feed(crate::switch::Input::Media(silent(10_000)));
    assert_eq!(phase(&mut rig), "talking");
    rig.feed(crate::switch::Input::Media(silent(30_000)));
    rig.wait(secs(1));
    assert_eq!(outcome(&rig), (Outcome::Answered, 102, Party::System));
    balanced(&mut rig);
}

#[test]
fn who_said_that_they_pause_is_asked_for_a_sign_and_not_hung_up() {
    let mut rig = rig_with(&[A1]);
    let customer = talking(&mut rig);
    let silent = |ms, paused| {
        let silent = terms::media::Event::Silent { leg: customer, ms, paused };
        crate::switch::Input::Media(silent)
    };
    let asked = |rig: &Rig| {
        let asks = |sent: &&Sipc| matches!(sent, Sipc::Probe { leg } if *leg == customer);
        rig.sip.iter().filter(asks).count()
    };
    rig.feed(silent(10_000, true));
    assert_eq!(asked(&rig), 0);
    for (ms, times) in [(30_000, 1), (60_000, 2)] {
        rig.feed(silent(ms, true));
        rig.wait(secs(1));
        assert_eq!((phase(&mut rig).as_str(), asked(&rig)), ("talking", times));
    }
    // They spoke again, and stopped in the middle.
    rig.feed(silent(30_000, false));
    rig.wait(secs(1));
    assert_eq!(outcome(&rig), (Outcome::Answered, 102, Party::System));
    balanced(&mut rig);
}

#[test]
fn a_survey_without_an_answer_is_asked_twice() {
    let mut rig = rig_with(&[A1]);
    let customer = talking(&mut rig);
    let agent = rig.leg_of(A1).expect("agent 1 talks");
    rig.hangs_up(agent);
    rig.wait(secs(40));
    let heard = heard(&rig, customer);
    assert_eq!(heard.iter().filter(|name| *name == "survey").count(), 2);
    assert_eq!(heard.last().map(String::as_str), Some("thanks"));
    assert!(told(&rig).contains(&"survey answered None".into()));
    balanced(&mut rig);
}

#[test]
fn missing_prompts_and_music_do_not_keep_the_box_busy() {
    let mut rig = rig_with(&[]);
    rig.missing =
        ["music/wait", "zh-CN/queue", "zh-CN/menu", "zh-CN/position"].map(String::from).to_vec();
    let waiting = rig.customer_dials("95105600");
    let choosing = rig.customer_dials("95105688");
    rig.wait(secs(30));
    assert!(rig.media.len() < 60, "{} commands in half a minute", rig.media.len());
    assert_eq!(heard(&rig, waiting)[..2], ["queue", "music/wait"].map(String::from));
    assert!(heard(&rig, waiting)[2].starts_with("Silence"));
    rig.hangs_up(waiting);
    rig.hangs_up(choosing);
    balanced(&mut rig);
}

#[test]
fn that_a_message_was_heard_is_written_down() {
    let mut rig = rig_with(&[]);
    let (queue, recording, by) = (QueueId(1), RecordingId(7), UserId(5));
    let heard = |tenant| Ask::Heard { tenant, queue, recording, by };
    assert_eq!(rig.ask(heard(TENANT)), Answer::Done);
    assert_eq!(told(&rig), ["5 heard 7"]);
    let nobodys = Answer::Refused("there is no such tenant".into());
    assert_eq!(rig.ask(heard(TenantId(9))), nobodys);
    assert_eq!(told(&rig).len(), 1);
}
