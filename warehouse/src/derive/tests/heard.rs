//! How legs sounded, and what faxes brought.

use super::*;
use terms::media::{FarQuality, FaxOutcome, FaxQuality, Quality as MediaQuality, VoipMetrics};
use terms::record::{Fax, Quality};

/// How both legs of an answered call sounded, with `change` made to what media said of each.
fn sounded(change: impl Fn(&mut MediaQuality)) -> Vec<Quality> {
    let mut s = Script::new(1);
    talking(&mut s);
    let ended = |by| {
        let mut kind = leg_ended(by);
        let Kind::LegEnded { quality: Some(quality), .. } = &mut kind else {
            panic!("a leg ends with what it heard")
        };
        change(quality);
        kind
    };
    s.leg(60.0, 100, 102, ended(Party::Agent)).leg(61.0, 100, 101, ended(Party::Customer));
    s.call(61.0, 100, call_ended(Outcome::Answered, Party::Agent));
    pick!(s.rows(), Quality).into_iter().cloned().collect()
}

#[test]
fn every_leg_that_had_media_has_a_row_of_how_it_sounded() {
    let rows = sounded(|_| {});
    let who: Vec<_> = rows.iter().map(|row| (row.role.as_str(), row.agent_id)).collect();
    assert_eq!(who, [("agent", Some(AgentId(11))), ("customer", None)]);
    let row = &rows[0];
    assert_eq!((row.call_id, row.leg_id.0, row.codec.as_str()), (terms::CallId(100), 102, "PCMA"));
    assert_eq!((row.packets_received, row.packets_expected, row.packets_lost), (500, 502, 2));
    assert_eq!((row.bursts, row.burst_packets, row.burst_lost, row.burst_ms), (1, 4, 2, Some(80)));
    assert_eq!((row.mos_cq, row.mos_lq, row.r_factor), (Some(4.25), Some(4.31), Some(87.5)));
    assert_eq!((row.far_packets_lost, row.far_mos_cq, row.round_trip_us), (None, None, None));
    assert_eq!((row.call_started_at, row.ssrc_epochs), (BEGIN, 1));
}

#[test]
fn what_the_far_end_reports_stands_beside_what_we_heard() {
    let rows = sounded(|quality| {
        let voip = VoipMetrics {
            discard_rate: 64,
            r_factor: Some(70),
            mos_cq: Some(36),
            ..VoipMetrics::default()
        };
        quality.far =
            FarQuality { reports: 9, packets_lost: 7, jitter_us: 1_500, voip: Some(voip) };
    });
    let row = &rows[1];
    assert_eq!((row.far_packets_lost, row.far_jitter_us), (Some(7), Some(1_500)));
    assert_eq!((row.far_r_factor, row.far_mos_cq, row.far_mos_lq), (Some(70), Some(3.6), None));
    assert_eq!(row.far_discarded, Some(0.25));
}

#[test]
fn a_fax_is_counted_beside_the_audio_of_its_leg() {
    let fax = FaxQuality { received: 70, sent: 60, missing: 3, dropped: 2 };
    let rows = sounded(|quality| quality.fax = Some(fax));
    for row in &rows {
        assert_eq!((row.fax_received, row.fax_sent), (Some(70), Some(60)));
        assert_eq!((row.fax_missing, row.fax_dropped), (Some(3), Some(2)));
        assert_eq!(row.packets_received, 500, "the audio of before and after it");
    }
    let bare = sounded(|_| {});
    assert!(bare.iter().all(|row| row.fax_received.is_none() && row.fax_dropped.is_none()));
    let only = sounded(|quality| {
        (quality.packets_received, quality.packets_sent) = (0, 0);
        quality.fax = Some(fax);
    });
    assert_eq!((only.len(), only[0].fax_received, only[0].mos_cq), (2, Some(70), None));
}

#[test]
fn silent_legs_and_entries_of_an_older_program_have_no_row_of_how_they_sounded() {
    assert!(sounded(|quality| quality.codec = None).is_empty(), "an older program measured less");
    let silent = sounded(|quality| (quality.packets_received, quality.packets_sent) = (0, 0));
    assert!(silent.is_empty());
    let told = sounded(|quality| (quality.packets_received, quality.packets_sent) = (0, 9));
    assert_eq!((told.len(), told[0].mos_cq), (2, None), "it was spoken to and said nothing");
}

/// Machines hang up as soon as they are done, so the outcome comes before the call's end or after
/// it, also by a reader that was started in between.
#[test]
fn a_fax_has_a_row_with_its_number_before_and_after_the_end_of_its_call() {
    let path = Some("1/9.tif".to_owned());
    let outcome = FaxOutcome { fax: terms::FaxId(9), pages: 3, path, ..FaxOutcome::default() };
    let done = || Kind::FaxDone { document: None, outcome: outcome.clone(), work: None };
    let mut early = Script::new(1);
    early.call(0.0, 100, call_started("13800138000")).leg(8.0, 100, 101, done());
    let mut late = Script::new(1);
    late.call(0.0, 100, call_started("13800138000"));
    late.call(7.0, 100, call_ended(Outcome::Answered, Party::Customer));
    late.leg(8.0, 100, 101, done());
    for script in [&early, &late] {
        let rows = script.rows();
        let faxes: Vec<&Fax> = pick!(rows, Fax);
        assert_eq!(faxes.len(), 1);
        assert_eq!(
            (faxes[0].fax_id, faxes[0].call_id.0, faxes[0].contact_id.0),
            (terms::FaxId(9), 100, 100)
        );
        assert_eq!((&*faxes[0].caller, faxes[0].call_started_at), ("+8613800138000", BEGIN));
        assert_eq!((faxes[0].pages, faxes[0].path.as_deref()), (3, Some("1/9.tif")));
    }
    let mut forgotten = Script::new(1);
    forgotten.leg(8.0, 100, 101, done());
    let rows = forgotten.rows();
    assert_eq!(pick!(rows, Fax)[0].caller, "", "nothing is made up");
}
