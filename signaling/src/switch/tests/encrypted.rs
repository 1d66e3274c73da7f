//! Encrypted calls: who is offered keys, who is refused, and what media is told.

use super::*;
use crate::sip::user_agent::{Command as Sipc, Origin};
use crate::switch::Config;
use crate::switch::rig::{TRUNK, sdp};
use terms::media::{Command, Srtp, SrtpPolicy, SrtpSuite};

const KEY: &str = "PS1uQCVeeCFCanVmcjkpPywjNWhcYD0mXXtxaVBR";

/// A phone that takes keys where they are offered: the line of the suite that every phone knows.
fn takes_keys(offer: &str) -> String {
    let line = offer.lines().find(|line| line.contains("AES_CM_128_HMAC_SHA1_80"));
    let Some(line) = line else { return sdp("sendrecv") };
    let (line, _) = line.split_once("inline:").expect("keys are inline");
    let proto = if offer.contains("RTP/SAVP") { "RTP/SAVP" } else { "RTP/AVP" };
    format!("{}{line}inline:{KEY}\r\n", sdp("sendrecv").replace("RTP/AVP", proto))
}

fn encrypted(direction: &str, key: &str) -> String {
    let text = sdp(direction).replace("RTP/AVP", "RTP/SAVP");
    format!("{text}a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:{key}|2^31\r\n")
}

fn rig(policy: SrtpPolicy) -> Rig {
    let config = Config { srtp: policy, ..Config::default() };
    let mut rig = Rig::with(demo_plan(), config);
    sign_in(&mut rig, A1);
    rig
}

/// What media was told about the keys of a leg, in order.
fn agreed(rig: &Rig, wanted: LegId) -> Vec<Option<Srtp>> {
    let of = |command: &Command| match command {
        Command::Connect { leg, remote } if *leg == wanted => Some(remote.srtp.clone()),
        _ => None,
    };
    rig.media.iter().filter_map(of).collect()
}

/// Our offers to phones.
fn offers(rig: &Rig) -> Vec<&str> {
    let commands = rig.sip.iter();
    commands
        .filter_map(|command| match command {
            Sipc::Invite(invite) => Some(invite.sdp.as_str()),
            _ => None,
        })
        .collect()
}

#[test]
fn a_plain_customer_and_an_encrypted_agent_talk() {
    for policy in [SrtpPolicy::Optional, SrtpPolicy::Required] {
        let mut rig = rig(policy);
        rig.describe = takes_keys;
        let customer = talking(&mut rig);
        let agent = rig.leg_of(A1).expect("the agent talks");
        assert_eq!(agreed(&rig, customer), [None], "the trunk is plain");
        let keys = agreed(&rig, agent);
        let keys = keys[0].as_ref().expect("the agent's leg has keys");
        assert_eq!(keys.suite, SrtpSuite::AesCm128HmacSha1Tag80);
        let secure = offers(&rig)[0].contains("RTP/SAVP");
        assert_eq!(secure, policy == SrtpPolicy::Required);
        rig.hangs_up(customer);
        rig.wait(secs(60));
    }
}

#[test]
fn a_phone_without_keys_is_plain_where_they_are_optional_and_gone_where_they_are_required() {
    let mut rig = rig(SrtpPolicy::Optional);
    let customer = talking(&mut rig);
    let agent = rig.leg_of(A1).expect("the agent talks");
    assert_eq!((agreed(&rig, customer), agreed(&rig, agent)), (vec![None], vec![None]));

    let mut rig = self::rig(SrtpPolicy::Required);
    let customer = rig.customer_dials("95105601");
    rig.wait(secs(10));
    assert_eq!(rig.leg_of(A1), None, "the phone that answered without keys got a BYE");
    let byes: Vec<u8> = rig
        .sip
        .iter()
        .filter_map(|command| match command {
            Sipc::Hangup { cause, .. } => Some(*cause),
            _ => None,
        })
        .collect();
    assert_eq!(byes.first(), Some(&88), "incompatible destination (Q.850)");
    let refused = rig.sip.iter().any(
        |command| matches!(command, Sipc::Reject { leg, status: 488, .. } if *leg == customer),
    );
    assert!(refused, "the caller is told");
    let connected =
        rig.media.iter().filter(|command| matches!(command, Command::Connect { .. })).count();
    assert_eq!(connected, 0, "nothing was heard in clear");
}

#[test]
fn an_encrypted_offer_is_answered_whatever_the_policy_and_a_plain_one_refused_where_required() {
    for policy in [SrtpPolicy::Off, SrtpPolicy::Optional, SrtpPolicy::Required] {
        let mut rig = rig(policy);
        let offer = encrypted("sendrecv", KEY);
        let leg = rig.dials_with(Origin::Agent(A2), "1002", "95105600", Some(offer));
        rig.wait(secs(1));
        assert!(agreed(&rig, leg)[0].is_some(), "{policy:?}");
        let answer = rig.sip.iter().find_map(|command| match command {
            Sipc::Answer { sdp, .. } => Some(sdp.clone()),
            _ => None,
        });
        let answer = answer.expect("it is answered");
        assert!(
            answer.contains("RTP/SAVP ") && answer.contains("a=crypto:1 AES_CM_128_HMAC_SHA1_80")
        );

        let mut rig = self::rig(policy);
        let leg = rig.agent_dials(A2, "95105600");
        rig.wait(secs(1));
        let refused = rig.sip.iter().any(|command| {
            matches!(command, Sipc::Reject { leg: refused, status: 488, .. } if *refused == leg)
        });
        assert_eq!(refused, policy == SrtpPolicy::Required, "{policy:?}");
    }
}

#[test]
fn keys_stay_over_hold_and_resume_and_a_new_one_of_theirs_is_taken() {
    let mut rig = rig(SrtpPolicy::Off);
    let offer = Some(encrypted("sendrecv", KEY));
    let customer = rig.dials_with(Origin::Trunk(TRUNK), "13800138000", "95105600", offer);
    rig.wait(secs(5));
    assert_eq!(phase(&mut rig), "talking");
    for direction in ["sendonly", "sendrecv", "zero", "sendrecv"] {
        rig.reinvites_with(customer, encrypted(direction, KEY));
    }
    let keys = agreed(&rig, customer);
    assert_eq!(keys.len(), 5);
    assert!(keys.windows(2).all(|pair| pair[0] == pair[1]), "the same keys all the time");
    let other = "d0RmdmcmVCspeEc3QGZiNWpVLFJhQX1cfHAwJSoj";
    rig.reinvites_with(customer, encrypted("sendrecv", other));
    let keys = agreed(&rig, customer);
    let (before, now) = (keys[4].as_ref().unwrap(), keys[5].as_ref().unwrap());
    assert_eq!(before.send, now.send);
    assert_ne!(before.receive, now.receive);
}

#[test]
fn a_re_invite_without_keys_is_refused_where_they_are_required_and_the_call_goes_on() {
    let mut rig = rig(SrtpPolicy::Required);
    rig.describe = takes_keys;
    talking(&mut rig);
    let agent = rig.leg_of(A1).expect("the agent talks");
    rig.reinvites(agent, Some("sendrecv"));
    let refused = rig
        .sip
        .iter()
        .any(|command| matches!(command, Sipc::RejectOffer { leg, status: 488 } if *leg == agent));
    assert!(refused);
    assert_eq!(phase(&mut rig), "talking");
    assert_eq!(agreed(&rig, agent).len(), 1, "what was agreed stays");
}

#[test]
fn a_late_offer_of_ours_has_keys_and_a_trunk_says_its_own_policy() {
    let mut plan = demo_plan();
    plan.trunks[0].srtp = SrtpPolicy::Required;
    let mut rig = Rig::new(plan);
    sign_in(&mut rig, A1);
    rig.describe = takes_keys;
    let customer = rig.dials_with(Origin::Trunk(TRUNK), "13800138000", "95105600", None);
    rig.wait(secs(5));
    assert!(agreed(&rig, customer)[0].is_some());
    let agent = rig.leg_of(A1).expect("the agent talks");
    assert_eq!(agreed(&rig, agent), [None], "phones are plain");
}

#[test]
fn every_leg_has_keys_of_its_own_and_their_way_is_counted() {
    let mut rig = rig(SrtpPolicy::Required);
    sign_in(&mut rig, A2);
    rig.describe = takes_keys;
    for _ in 0..2 {
        let customer = talking_again(&mut rig);
        rig.hangs_up(customer);
        rig.wait(secs(60));
    }
    let mut keys: Vec<&str> =
        offers(&rig).iter().flat_map(|sdp| sdp.split("inline:").skip(1)).collect();
    let count = keys.len();
    keys.sort_unstable();
    keys.dedup();
    assert_eq!((count, keys.len()), (8, 8), "four suites for each of two legs");
    let Answer::Metrics(metrics) = rig.ask(Ask::Metrics) else { panic!("metrics were asked for") };
    let counted = metrics.iter().find(|m| m.name == "switchgrid_srtp_keys_in_clear_total");
    assert_eq!(counted.map(|metric| metric.value), Some(2.0));
}

#[test]
fn keys_that_came_over_tls_are_nobody_elses() {
    let mut rig = rig(SrtpPolicy::Required);
    (rig.describe, rig.encrypted) = (takes_keys, true);
    talking_again(&mut rig);
    assert_eq!(phase(&mut rig), "talking");
    let Answer::Metrics(metrics) = rig.ask(Ask::Metrics) else { panic!("metrics were asked for") };
    let counted = metrics.iter().find(|m| m.name == "switchgrid_srtp_keys_in_clear_total");
    assert_eq!(counted.map(|metric| metric.value), Some(0.0));
}

fn talking_again(rig: &mut Rig) -> LegId {
    let customer = rig.customer_dials("95105600");
    rig.wait(secs(5));
    customer
}
