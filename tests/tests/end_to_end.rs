//! The main job with real peers: SIPp calls, baresip and Chromium answer, sox plays, DuckDB counts.
//! Every story runs once on the io_uring loop and once on the epoll loop.

#[path = "end_to_end/addresses.rs"]
mod addresses;

#[path = "end_to_end/asked_order.rs"]
mod asked_order;

#[path = "end_to_end/bot.rs"]
mod bot;

#[path = "end_to_end/browser.rs"]
mod browser;

#[path = "end_to_end/busy_in_sound.rs"]
mod busy_in_sound;

#[path = "end_to_end/called_back.rs"]
mod called_back;

#[path = "end_to_end/chromium.rs"]
mod chromium;

#[path = "end_to_end/clicked.rs"]
mod clicked;

#[path = "end_to_end/conference.rs"]
mod conference;

#[path = "end_to_end/consulted.rs"]
mod consulted;

#[path = "end_to_end/database.rs"]
mod database;

#[path = "end_to_end/diverted.rs"]
mod diverted;

#[path = "end_to_end/driving.rs"]
mod driving;

#[path = "end_to_end/elsewhere.rs"]
mod elsewhere;

#[path = "end_to_end/encrypted.rs"]
mod encrypted;

#[path = "end_to_end/fax.rs"]
mod fax;

#[path = "end_to_end/features.rs"]
mod features;

#[path = "end_to_end/field_grid.rs"]
mod field_grid;

#[path = "end_to_end/forwarded.rs"]
mod forwarded;

#[path = "end_to_end/gas_bill.rs"]
mod gas_bill;

#[path = "end_to_end/gateways.rs"]
mod gateways;

#[path = "end_to_end/sip_i.rs"]
mod sip_i;

#[path = "end_to_end/glare.rs"]
mod glare;

#[path = "end_to_end/hides.rs"]
mod hides;

#[path = "end_to_end/hooked.rs"]
mod hooked;

#[path = "end_to_end/lamps.rs"]
mod lamps;

#[path = "end_to_end/let_in.rs"]
mod let_in;

#[path = "end_to_end/mailed.rs"]
mod mailed;
#[path = "end_to_end/named.rs"]
mod named;
#[path = "end_to_end/open_line.rs"]
mod open_line;

#[path = "end_to_end/own_keys.rs"]
mod own_keys;

#[path = "end_to_end/parked.rs"]
mod parked;

#[path = "end_to_end/pickup.rs"]
mod pickup;

#[path = "end_to_end/moved.rs"]
mod moved;

#[path = "end_to_end/phone_settings.rs"]
mod phone_settings;

#[path = "end_to_end/secure_trunk.rs"]
mod secure_trunk;

#[path = "end_to_end/stolen.rs"]
mod stolen;

#[path = "end_to_end/supervised.rs"]
mod supervised;

#[path = "end_to_end/fax_document.rs"]
mod fax_document;

#[path = "end_to_end/fax_packets.rs"]
mod fax_packets;

#[path = "end_to_end/fax_sent.rs"]
mod fax_sent;

#[path = "end_to_end/three_parties.rs"]
mod three_parties;

#[path = "end_to_end/killed.rs"]
mod killed;

#[path = "end_to_end/prompts.rs"]
mod prompts;

#[path = "end_to_end/proxied.rs"]
mod proxied;

#[path = "end_to_end/queried.rs"]
mod queried;

#[path = "end_to_end/columns.rs"]
mod columns;
#[path = "end_to_end/read_meanwhile.rs"]
mod read_meanwhile;

#[path = "end_to_end/sampled.rs"]
mod sampled;

#[path = "end_to_end/scanned.rs"]
mod scanned;

#[path = "end_to_end/taken_over.rs"]
mod taken_over;

#[path = "end_to_end/texts.rs"]
mod texts;

#[path = "end_to_end/threats.rs"]
mod threats;

#[path = "end_to_end/trunks.rs"]
mod trunks;

#[path = "end_to_end/two_lines.rs"]
mod two_lines;

#[path = "end_to_end/two_sites.rs"]
mod two_sites;

#[path = "end_to_end/watched.rs"]
mod watched;

use addresses::two_peers_are_told_two_addresses_and_hear_each_other;
use asked_order::a_caller_hears_the_state_of_their_order_and_nobody_elses;
use bot::a_bot_hears_a_caller_answers_with_a_tone_and_says_how_it_came_out;
use browser::{
    a_page_over_secure_web_socket_talks_with_a_caller_and_is_gone_when_it_closes,
    a_page_talks_on_and_is_hung_up_on_over_its_next_socket_after_a_kill,
};
use busy_in_sound::a_line_that_is_busy_in_sound_alone_is_refused_as_busy;
use called_back::who_asks_to_be_called_back_is_called_when_an_agent_has_come_and_accepts;
use chromium::{
    a_conversation_in_chromium_goes_on_over_other_sockets_after_a_change_of_network,
    a_conversation_in_chromium_outlives_its_socket_and_the_call_path_and_ends_with_its_page,
    a_page_that_is_loaded_anew_in_chromium_has_its_conversation_back,
    an_agent_in_chromium_talks_presses_a_key_holds_and_passes_the_caller_on,
    chromium_calls_the_hotline_and_chooses_by_a_key,
};
use clicked::a_number_on_a_screen_rings_the_agent_and_then_the_customer_and_both_are_heard;
use columns::a_notebook_takes_the_tenants_rows_as_columns_over_tls_and_changes_nothing;
use conference::{
    a_conference_asks_for_its_pin_is_heard_by_all_and_a_muted_member_falls_silent,
    a_conference_goes_on_when_the_call_path_is_killed,
    a_key_mutes_one_of_two_who_confer_and_does_not_reach_the_other,
};
use consulted::a_caller_hears_music_while_a_colleague_is_asked_and_then_has_them;
use database::a_caller_keys_an_account_and_hears_its_balance_from_the_database;
use diverted::a_carrier_is_told_how_often_a_call_was_forwarded_and_after_five_times_it_is_not;
use driving::who_drives_is_left_a_message_and_rung_again_when_the_drive_is_over;
use elsewhere::{
    a_box_keeps_its_business_in_postgresql_over_a_stop,
    a_box_moves_to_postgresql_and_back_with_its_report_and_takes_calls,
    a_box_takes_calls_while_its_database_is_away_and_goes_on_when_it_is_back,
    a_call_goes_on_while_its_database_is_silent_and_then_away,
};
use encrypted::two_encrypted_phones_hear_each_other_and_the_recording_is_in_clear;
use fax::a_fax_passes_between_two_trunks_octet_by_octet;
use fax_document::a_document_goes_by_fax_from_call_to_call_and_is_fetched_as_pdf;
use fax_packets::a_document_goes_by_fax_as_packets_from_call_to_call;
use fax_sent::a_fax_is_sent_to_a_number_that_the_box_calls;
use features::{
    a_caller_without_an_offer_holds_in_every_way_and_refreshes_the_session,
    a_carrier_whose_ringing_has_to_arrive_gets_its_pracks_and_may_offer_anew,
    a_phone_passes_its_caller_on_and_is_told_how_it_goes,
    one_answer_of_a_fork_talks_and_an_answer_that_crosses_a_cancel_is_ended,
    ringing_that_has_to_arrive_is_repeated_until_its_prack,
};
use field_grid::who_finds_neither_worker_nor_substitute_has_an_agent_or_leaves_a_message;
use forwarded::calls_go_to_a_colleague_while_an_agent_is_not_to_be_disturbed_or_forwards_all;
use gas_bill::a_caller_keys_account_and_month_and_hears_what_the_gas_company_answers;
use gateways::{
    a_line_of_a_home_network_registers_and_passes_calls_both_ways,
    an_analogue_line_presses_keys_by_tone_and_a_gsm_gateway_passes_its_call_on,
    causes_of_isdn_pass_between_two_e1_gateways_both_ways,
};
use glare::offers_that_cross_are_refused_both_and_both_made_again;
use hides::{
    each_side_of_a_lease_reaches_the_other_and_sees_the_published_number_alone,
    who_calls_back_reaches_the_agent_who_called_and_not_the_flow,
};
use hooked::a_receiver_as_the_how_to_has_it_believes_the_events_of_a_call_in_their_order;
use killed::a_conversation_and_a_queue_go_on_when_the_call_path_is_killed;
use lamps::{
    a_lamp_shows_a_colleagues_call_from_ringing_to_its_end_and_not_who_calls,
    a_message_for_an_agent_lights_the_lamp_of_their_phone_until_it_was_heard,
};
use let_in::{
    a_blocked_caller_is_refused_as_the_list_says_and_a_vip_is_let_in,
    an_emergency_says_its_announcement_first_from_on_to_off,
};
use mailed::a_mail_that_comes_by_the_command_is_an_agents_over_a_kill_until_it_is_done;
use moved::an_agent_signs_in_at_a_colleagues_phone_and_a_tone_goes_before_the_caller;
use named::a_carrier_that_is_given_by_name_is_called_where_its_records_lead;
use open_line::a_line_that_stays_open_brings_two_callers_with_one_call_to_the_phone;
use own_keys::{
    a_phone_asks_a_colleague_on_its_second_line_and_passes_the_caller_on,
    an_agent_goes_on_at_another_phone_and_a_colleague_may_not,
    who_has_the_right_comes_into_a_colleagues_conversation_from_the_own_phone,
};
use parked::who_dials_the_code_of_a_slot_talks_with_who_was_parked_there;
use phone_settings::what_an_agent_set_lasts_over_an_orderly_stop;
use pickup::a_colleague_picks_up_by_code_what_rings_at_an_agents_phone;
use prompts::{
    a_caller_hears_the_texts_of_a_flow_spoken,
    callers_hear_what_was_uploaded_a_moment_ago_and_what_plays_goes_on,
};
use proxied::{
    a_caller_over_a_proxy_holds_an_agent_goes_on_and_is_passed_on,
    a_trunk_registers_at_a_provider_with_a_password_and_calls_pass_both_ways,
};
use queried::{
    psql_and_a_driver_read_the_tenants_rows_over_tls_and_change_nothing,
    psql_and_a_driver_take_answers_as_files_and_by_the_piece,
    who_has_no_good_token_for_sql_is_not_let_in,
};
use sampled::samples_make_an_order_read_it_in_xml_and_move_it_on_over_the_socket;
use secure_trunk::{
    a_call_goes_out_over_a_trunk_that_shows_its_certificate_and_both_are_heard,
    a_trunk_that_shows_a_wrong_certificate_is_not_called_and_says_so,
};
use serde_json::{Value, json};
use sip_i::isup_of_two_gateways_to_ss7_says_who_calls_and_why_a_call_ends;
use std::net::Ipv6Addr;
use std::process::Command;
use std::sync::{Condvar, Mutex, PoisonError};
use std::time::Duration;
use stolen::a_stolen_extension_is_barred_by_its_fifth_call_abroad_until_somebody_lifts_it;
use supervised::a_supervisor_listens_and_coaches_and_the_customer_hears_nothing_of_it;
use taken_over::a_supervisor_comes_in_and_takes_over_and_moves_and_ends_another_conversation;
use tests::house::{House, Options, wait_for};
use tests::peer::baresip::Manner;
use tests::peer::kamailio::Proxy;
use tests::peer::sipp::{Act, Caller};
use tests::seat::{agent, phone};
use tests::{sound, tree};
use texts::a_gsm_gateway_passes_texts_on_both_ways;
use three_parties::three_parties_on_two_cores_hear_each_other_and_any_may_leave;
use trunks::a_call_that_one_carrier_refuses_goes_out_over_the_next_one;
use two_lines::a_second_caller_rings_the_phone_of_who_talks_and_the_first_one_waits;
use two_sites::{
    a_caller_is_passed_on_to_another_site_and_the_near_one_answers_when_that_is_gone,
    an_extension_dials_a_phone_at_another_box_and_a_caller_is_led_there,
};
use watched::who_watches_is_told_what_a_phone_publishes_and_where_it_is_registered;

/// Boxes at a time: each is three processes, and the phones beside it keep real time.
const STORIES_MAX: usize = 3;
/// Looks at the list of recordings after a BYE before one must be in it.
const LOOKS_MAX: usize = 60;
/// From one look to the next.
const BETWEEN_LOOKS: Duration = Duration::from_millis(50);

/// A test of each story on each loop.
macro_rules! stories {
    ($($story:ident),+ $(,)?) => {
        mod on_io_uring {
            $(#[test]
            fn $story() {
                match mediacore::uring::probe() {
                    Ok(()) => super::tell("io_uring", super::$story),
                    Err(why) => eprintln!("io_uring is refused here: {why}"),
                }
            })+
        }
        mod on_epoll {
            $(#[test]
            fn $story() {
                super::tell("epoll", super::$story);
            })+
        }
    };
}

stories! {
    a_call_becomes_a_recording_a_row_and_a_report,
    a_caller_who_hangs_up_in_the_queue_is_abandoned,
    a_message_is_left_when_the_caller_chooses_3,
    a_message_is_left_over_ipv6,
    a_killed_call_path_leaves_a_playable_recording_and_one_interrupted_call,
    a_conversation_and_a_queue_go_on_when_the_call_path_is_killed,
    a_call_through_a_record_routing_proxy_hears_the_hours_and_ends,
    three_parties_on_two_cores_hear_each_other_and_any_may_leave,
    a_colleague_picks_up_by_code_what_rings_at_an_agents_phone,
    an_agent_signs_in_at_a_colleagues_phone_and_a_tone_goes_before_the_caller,
    a_second_caller_rings_the_phone_of_who_talks_and_the_first_one_waits,
    a_line_that_stays_open_brings_two_callers_with_one_call_to_the_phone,
    two_encrypted_phones_hear_each_other_and_the_recording_is_in_clear,
    a_fax_passes_between_two_trunks_octet_by_octet,
    two_peers_are_told_two_addresses_and_hear_each_other,
    a_call_goes_out_over_a_trunk_that_shows_its_certificate_and_both_are_heard,
    a_trunk_that_shows_a_wrong_certificate_is_not_called_and_says_so,
    a_call_that_one_carrier_refuses_goes_out_over_the_next_one,
    a_carrier_that_is_given_by_name_is_called_where_its_records_lead,
    an_extension_dials_a_phone_at_another_box_and_a_caller_is_led_there,
    a_caller_is_passed_on_to_another_site_and_the_near_one_answers_when_that_is_gone,
    a_line_of_a_home_network_registers_and_passes_calls_both_ways,
    causes_of_isdn_pass_between_two_e1_gateways_both_ways,
    an_analogue_line_presses_keys_by_tone_and_a_gsm_gateway_passes_its_call_on,
    a_gsm_gateway_passes_texts_on_both_ways,
    a_line_that_is_busy_in_sound_alone_is_refused_as_busy,
    isup_of_two_gateways_to_ss7_says_who_calls_and_why_a_call_ends,
    a_caller_without_an_offer_holds_in_every_way_and_refreshes_the_session,
    ringing_that_has_to_arrive_is_repeated_until_its_prack,
    offers_that_cross_are_refused_both_and_both_made_again,
    a_carrier_whose_ringing_has_to_arrive_gets_its_pracks_and_may_offer_anew,
    one_answer_of_a_fork_talks_and_an_answer_that_crosses_a_cancel_is_ended,
    a_phone_passes_its_caller_on_and_is_told_how_it_goes,
    a_document_goes_by_fax_from_call_to_call_and_is_fetched_as_pdf,
    a_document_goes_by_fax_as_packets_from_call_to_call,
    a_fax_is_sent_to_a_number_that_the_box_calls,
    a_page_over_secure_web_socket_talks_with_a_caller_and_is_gone_when_it_closes,
    a_page_talks_on_and_is_hung_up_on_over_its_next_socket_after_a_kill,
    an_agent_in_chromium_talks_presses_a_key_holds_and_passes_the_caller_on,
    a_conversation_in_chromium_goes_on_over_other_sockets_after_a_change_of_network,
    a_conversation_in_chromium_outlives_its_socket_and_the_call_path_and_ends_with_its_page,
    a_page_that_is_loaded_anew_in_chromium_has_its_conversation_back,
    chromium_calls_the_hotline_and_chooses_by_a_key,
    a_conference_asks_for_its_pin_is_heard_by_all_and_a_muted_member_falls_silent,
    a_conference_goes_on_when_the_call_path_is_killed,
    a_key_mutes_one_of_two_who_confer_and_does_not_reach_the_other,
    a_caller_hears_music_while_a_colleague_is_asked_and_then_has_them,
    who_dials_the_code_of_a_slot_talks_with_who_was_parked_there,
    a_phone_asks_a_colleague_on_its_second_line_and_passes_the_caller_on,
    an_agent_goes_on_at_another_phone_and_a_colleague_may_not,
    who_has_the_right_comes_into_a_colleagues_conversation_from_the_own_phone,
    who_finds_neither_worker_nor_substitute_has_an_agent_or_leaves_a_message,
    each_side_of_a_lease_reaches_the_other_and_sees_the_published_number_alone,
    who_calls_back_reaches_the_agent_who_called_and_not_the_flow,
    a_supervisor_listens_and_coaches_and_the_customer_hears_nothing_of_it,
    a_supervisor_comes_in_and_takes_over_and_moves_and_ends_another_conversation,
    a_lamp_shows_a_colleagues_call_from_ringing_to_its_end_and_not_who_calls,
    a_message_for_an_agent_lights_the_lamp_of_their_phone_until_it_was_heard,
    who_watches_is_told_what_a_phone_publishes_and_where_it_is_registered,
    calls_go_to_a_colleague_while_an_agent_is_not_to_be_disturbed_or_forwards_all,
    a_carrier_is_told_how_often_a_call_was_forwarded_and_after_five_times_it_is_not,
    who_drives_is_left_a_message_and_rung_again_when_the_drive_is_over,
    a_blocked_caller_is_refused_as_the_list_says_and_a_vip_is_let_in,
    an_emergency_says_its_announcement_first_from_on_to_off,
    a_caller_over_a_proxy_holds_an_agent_goes_on_and_is_passed_on,
    a_trunk_registers_at_a_provider_with_a_password_and_calls_pass_both_ways,
    a_stolen_extension_is_barred_by_its_fifth_call_abroad_until_somebody_lifts_it,
    a_number_on_a_screen_rings_the_agent_and_then_the_customer_and_both_are_heard,
    who_asks_to_be_called_back_is_called_when_an_agent_has_come_and_accepts,
    a_receiver_as_the_how_to_has_it_believes_the_events_of_a_call_in_their_order,
    a_caller_hears_the_texts_of_a_flow_spoken,
    callers_hear_what_was_uploaded_a_moment_ago_and_what_plays_goes_on,
    a_caller_keys_an_account_and_hears_its_balance_from_the_database,
    a_caller_hears_the_state_of_their_order_and_nobody_elses,
    a_caller_keys_account_and_month_and_hears_what_the_gas_company_answers,
    a_bot_hears_a_caller_answers_with_a_tone_and_says_how_it_came_out,
    what_an_agent_set_lasts_over_an_orderly_stop,
    a_mail_that_comes_by_the_command_is_an_agents_over_a_kill_until_it_is_done,
    a_call_goes_on_while_its_database_is_silent_and_then_away,
    a_box_keeps_its_business_in_postgresql_over_a_stop,
    a_box_moves_to_postgresql_and_back_with_its_report_and_takes_calls,
    a_box_takes_calls_while_its_database_is_away_and_goes_on_when_it_is_back,
    psql_and_a_driver_read_the_tenants_rows_over_tls_and_change_nothing,
    psql_and_a_driver_take_answers_as_files_and_by_the_piece,
    who_has_no_good_token_for_sql_is_not_let_in,
    a_notebook_takes_the_tenants_rows_as_columns_over_tls_and_changes_nothing,
    samples_make_an_order_read_it_in_xml_and_move_it_on_over_the_socket,
}

/// Tells a story when its turn has come.
fn tell(backend: &str, story: impl Fn(&str)) {
    static RUNNING: (Mutex<usize>, Condvar) = (Mutex::new(0), Condvar::new());
    struct Turn;
    impl Drop for Turn {
        fn drop(&mut self) {
            *RUNNING.0.lock().unwrap_or_else(PoisonError::into_inner) -= 1;
            RUNNING.1.notify_one();
        }
    }
    let running = RUNNING.0.lock().unwrap_or_else(PoisonError::into_inner);
    let full = |running: &mut usize| *running >= STORIES_MAX;
    let waited = RUNNING.1.wait_while(running, full);
    *waited.unwrap_or_else(PoisonError::into_inner) += 1;
    let _turn = Turn;
    story(backend);
}

/// A box on `backend` with so many media cores.
fn house(backend: &str, shards: u16) -> House {
    let house = House::start(Options { backend: backend.into(), shards, ..Options::default() });
    let chosen = if backend == "epoll" { "Epoll" } else { "IoUring" };
    assert!(house.log().contains(chosen), "{backend} was not chosen:\n{}", house.log());
    house
}

/// A box whose phones call themselves: baresip answers the first challenge of a call only, and knows
/// MD5.
fn house_of_callers(backend: &str) -> House {
    let sip = "digest = [\"MD5\"]\n".into();
    House::start(Options { backend: backend.into(), sip, ..Options::default() })
}

fn seconds(s: u64) -> Duration {
    Duration::from_secs(s)
}

fn a_call_becomes_a_recording_a_row_and_a_report(backend: &str) {
    let house = house(backend, 1);
    let (_phone, agent_id) = agent(&house, 0, 440, Manner::Answers);
    let caller = Caller::new(
        "13800138000",
        &house.hotline,
        vec![
            Act::Pause(seconds(2)),
            Act::Digit('1'),
            Act::Pause(seconds(2)),
            Act::Speak,
            Act::Pause(seconds(6)),
            Act::HangUp,
        ],
    );
    caller.call(house.sip, house.scratch()).finish();
    recording_is_listed_after_the_bye_and_plays_when_it_is(&house);

    let call = house.wait_row("SELECT * FROM calls");
    assert_eq!(call["outcome"], "answered", "{call}\n{}", house.log());
    assert_eq!(call["agent_id"], agent_id.as_str());
    assert_eq!(call["caller"], "+8613800138000");
    assert_eq!(call["hangup_by"], "customer");
    let visits = house.sql("SELECT outcome FROM queue_visits");
    assert_eq!(visits, [json!({"outcome": "answered"})]);

    recording_has_both_sides(&house, &call);
    reports_agree_with_sql(&house);
    outside_readers_see_each_row_once(&house);
}

/// The caller has its answer to the BYE: nothing is sealed or asked for, and the list is looked at.
fn recording_is_listed_after_the_bye_and_plays_when_it_is(house: &House) {
    let look =
        || house.json("/api/v1/recordings")["recordings"].as_array().expect("a list").clone();
    let listed = (0..LOOKS_MAX).find_map(|number| {
        if number > 0 {
            std::thread::sleep(BETWEEN_LOOKS);
        }
        look().into_iter().next()
    });
    let row = listed.unwrap_or_else(|| panic!("not listed at {LOOKS_MAX} looks:\n{}", house.log()));
    let id = row["recording_id"].as_str().expect("an id");
    let answer = house.get(&format!("/api/v1/recordings/{id}?format=wav"));
    assert_eq!(answer.status(), 200, "what is listed plays: {row}");
    let bytes = answer.bytes().expect("the file");
    assert_eq!(row["bytes"].as_u64(), Some(bytes.len() as u64), "whole: {row}");
    let spoken = sound::sides(&bytes).right.len();
    assert!(spoken > 8_000, "{spoken} samples");
}

fn recording_has_both_sides(house: &House, call: &Value) {
    let row = house.wait_row("SELECT * FROM recordings WHERE path IS NOT NULL");
    assert_eq!(row["state"], "recorded", "{row}");
    assert_eq!(row["frames_missing"], 0);
    assert_eq!(row["call_id"], call["call_id"]);
    assert_eq!(row["recording_id"], call["recording_id"]);
    let spoken = call["talk_ms"].as_i64().expect("talk") + call["hold_ms"].as_i64().expect("hold");
    let length = row["duration_ms"].as_i64().expect("a length");
    assert!((length - spoken).abs() <= 60, "recorded {length} ms of {spoken} ms");

    let id = row["recording_id"].as_str().expect("an id");
    let answer = house.get(&format!("/api/v1/recordings/{id}?format=wav"));
    assert_eq!(answer.status(), 200);
    let bytes = answer.bytes().expect("the file");
    let sides = sound::sides(&bytes);
    // The agent's phone says a tone of 440 Hz, the caller plays a sample of speech.
    assert!(sound::share_at(&sides.right, 440.0) > 0.8, "{}", sound::share_at(&sides.right, 440.0));
    assert!(sound::share_at(&sides.left, 440.0) < 0.1, "{}", sound::share_at(&sides.left, 440.0));
    assert!(sound::loudness(&sides.left) > 100.0, "{}", sound::loudness(&sides.left));

    let wav = house.scratch().join("recording.wav");
    std::fs::write(&wav, &bytes).expect("write");
    assert!((sound::seconds_by_sox(&wav) - length as f64 / 1000.0).abs() < 0.02);
    let mp3 = wait_for("the MP3", seconds(20), || {
        let answer = house.get(&format!("/api/v1/recordings/{id}?format=mp3"));
        (answer.status() == 200).then(|| answer.bytes().expect("the file"))
    });
    let file = house.scratch().join("recording.mp3");
    std::fs::write(&file, &mp3).expect("write");
    // sox plays it; LAME's own decoder takes the encoder's delay and padding away again.
    assert!(sound::seconds_by_sox(&file) > length as f64 / 1000.0 - 0.02);
    let decoded = sound::decoded_by_lame(&file);
    assert!((sound::seconds_by_sox(&decoded) - length as f64 / 1000.0).abs() < 0.02);

    let answer = house.get(&format!("/api/v1/recordings/{id}?format=opus"));
    assert_eq!(answer.status(), 200);
    let file = house.scratch().join("recording.opus");
    std::fs::write(&file, answer.bytes().expect("the file")).expect("write");
    let decoded = sound::decoded_by_opusdec(&file);
    assert!((sound::seconds_by_sox(&decoded) - length as f64 / 1000.0).abs() < 0.02);
    let sides = sound::sides(&std::fs::read(&decoded).expect("it was decoded"));
    // Opus keeps what is heard, not the phase of a tone over seconds.
    let halves = |side: &[i16]| sound::halves_with(side, &[440], &[]);
    let (left, right, whole) =
        (halves(&sides.left), halves(&sides.right), sides.right.len() / 4_000);
    assert!(
        left == 0 && right * 10 > whole * 8,
        "the sides stand where they stood: {left}, {right} of {whole}"
    );
}

fn reports_agree_with_sql(house: &House) {
    for (report, title) in
        [("satisfaction", "满意"), ("workload", "工作量"), ("overdue_orders", "超时")]
    {
        for format in ["pdf", "xlsx", "html", "txt", "png", "csv"] {
            let path = format!("/api/v1/reports/{report}?period=today&format={format}");
            let answer = house.get(&path);
            assert_eq!(answer.status(), 200, "{path}: {:?}", answer.text());
            let bytes = answer.bytes().expect("the report");
            std::fs::write(house.scratch().join(format!("{report}.{format}")), &bytes)
                .expect("write");
        }
        let pdf = house.scratch().join(format!("{report}.pdf"));
        let text = Command::new("pdftotext").arg("-layout").arg(&pdf).arg("-").output();
        let text = text.expect("pdftotext is installed").stdout;
        assert!(String::from_utf8_lossy(&text).contains(title), "{report}");
    }
    let answered = house
        .sql("SELECT count(*) AS n FROM legs WHERE role = 'agent' AND answered_at IS NOT NULL");
    let csv = std::fs::read_to_string(house.scratch().join("workload.csv")).expect("csv");
    let total = csv.lines().last().expect("a total line");
    let n = answered[0]["n"].to_string();
    assert!(total.split(',').any(|cell| cell == n), "{n} in {total}");
}

fn outside_readers_see_each_row_once(house: &House) {
    let (status, body) = house.post("/api/v1/warehouse/seal", &json!({}));
    assert_eq!(status, 200, "{body}");
    let python = tree::root().join(".venv/bin/python");
    for table in ["calls", "legs", "queue_visits", "events", "recordings"] {
        let ours = house.sql(&format!("SELECT count(*) AS n FROM {table}"))[0]["n"].clone();
        let glob = house.data().join(format!("warehouse/{table}/dt=*/*.parquet"));
        let script = format!(
            "import duckdb; print(duckdb.sql(\"select count(*) from read_parquet('{}') where tenant_id = 1\").fetchone()[0])",
            glob.display()
        );
        let output = Command::new(&python).args(["-c", &script]).output().expect("python");
        let theirs = String::from_utf8_lossy(&output.stdout).trim().to_owned();
        // Entries may be added between the two counts; a row is never seen twice.
        let (ours, theirs): (i64, i64) = (
            ours.as_i64().expect("a count"),
            theirs
                .parse()
                .unwrap_or_else(|_| panic!("{}", String::from_utf8_lossy(&output.stderr))),
        );
        assert!(theirs > 0 && theirs <= ours, "{table}: {theirs} of {ours}");
        if table == "calls" {
            assert_eq!(theirs, ours);
        }
    }
}

fn a_caller_who_hangs_up_in_the_queue_is_abandoned(backend: &str) {
    let house = house(backend, 1);
    let acts = vec![Act::Pause(seconds(1)), Act::Digit('1'), Act::Pause(seconds(3)), Act::HangUp];
    let mut caller = Caller::new("02087654321", &house.hotline, acts);
    caller.transport = "t1";
    caller.call(house.sip, house.scratch()).finish();
    let call = house.wait_row("SELECT outcome, caller, wait_ms FROM calls");
    assert_eq!(call["outcome"], "abandoned", "{call}");
    assert_eq!(call["caller"], "+862087654321");
    assert!(call["wait_ms"].as_i64().expect("a wait") >= 1000, "{call}");
    assert_eq!(house.sql("SELECT outcome FROM queue_visits"), [json!({"outcome": "abandoned"})]);
    assert_eq!(house.sql("SELECT count(*) AS n FROM recordings WHERE path IS NOT NULL")[0]["n"], 0);
}

fn a_message_is_left_when_the_caller_chooses_3(backend: &str) {
    leaves_a_message(&house(backend, 1));
}

fn a_message_is_left_over_ipv6(backend: &str) {
    let ip = Some(Ipv6Addr::LOCALHOST.into());
    let house = House::start(Options { backend: backend.into(), ip, ..Options::default() });
    assert!(house.sip.is_ipv6(), "{}", house.sip);
    leaves_a_message(&house);
}

fn leaves_a_message(house: &House) {
    let mut queue = house.json("/api/v1/queues")[0].clone();
    queue["messages_as_orders"] = json!("投诉");
    let path = format!("/api/v1/queues/{}", queue["id"].as_str().expect("an id"));
    assert_eq!(house.put_json(&path, &queue).0, 200);
    let acts = vec![
        Act::Pause(seconds(1)),
        Act::Digit('3'),
        Act::Pause(seconds(8)),
        Act::Speak,
        Act::Pause(seconds(4)),
        Act::Digit('#'),
        Act::WaitForBye,
    ];
    Caller::new("13900139000", &house.hotline, acts).call(house.sip, house.scratch()).finish();
    let call = house.wait_row("SELECT outcome FROM calls");
    assert_eq!(call["outcome"], "voicemail");
    let row = house.wait_row("SELECT * FROM recordings WHERE path IS NOT NULL");
    assert_eq!((&row["kind"], &row["state"]), (&json!("voicemail"), &json!("recorded")));
    assert!(row["duration_ms"].as_i64().expect("a length") > 2000, "{row}");
    let order = wait_for("the order", seconds(20), || {
        house.json("/api/v1/orders")["orders"].get(0).cloned()
    });
    assert_eq!((&order["kind"], &order["recording"]), (&json!("投诉"), &row["recording_id"]));
    assert_eq!(order["customer_number"], "+8613900139000");
}

fn a_killed_call_path_leaves_a_playable_recording_and_one_interrupted_call(backend: &str) {
    let mut house = house(backend, 1);
    let (_phone, _) = agent(&house, 0, 440, Manner::Answers);
    let acts = vec![
        Act::Pause(seconds(1)),
        Act::Digit('1'),
        Act::Pause(seconds(1)),
        Act::Speak,
        Act::Pause(seconds(60)),
    ];
    let _caller = Caller::new("13700137000", &house.hotline, acts).call(house.sip, house.scratch());
    wait_for("the conversation", seconds(20), || {
        house.sql("SELECT seq FROM events WHERE kind = 'answered'").into_iter().next()
    });
    std::thread::sleep(seconds(3));
    house.kill_child("calls");
    house.wait_ready();
    let call = house.wait_row("SELECT outcome, call_id FROM calls");
    assert_eq!(call["outcome"], "interrupted");
    let row = house.wait_row("SELECT * FROM recordings WHERE path IS NOT NULL");
    assert_eq!(row["state"], "repaired", "{row}");
    assert_eq!(row["call_id"], call["call_id"]);
    let length = row["duration_ms"].as_i64().expect("a length");
    assert!((2_500..6_000).contains(&length), "{length} ms");
    let id = row["recording_id"].as_str().expect("an id");
    let bytes = house.get(&format!("/api/v1/recordings/{id}?format=wav")).bytes().expect("a file");
    assert!(sound::share_at(&sound::sides(&bytes).right, 440.0) > 0.8);
    assert_eq!(house.sql("SELECT count(*) AS n FROM calls")[0]["n"], 1);
}

fn a_call_through_a_record_routing_proxy_hears_the_hours_and_ends(backend: &str) {
    let house = house(backend, 1);
    let proxy = Proxy::start(house.sip, house.scratch());
    let acts = vec![Act::Pause(seconds(1)), Act::Digit('2'), Act::WaitForBye];
    Caller::new("13600136000", &house.hotline, acts).call(proxy.address, house.scratch()).finish();
    let call = house.wait_row("SELECT outcome, hangup_by FROM calls");
    assert_eq!(call["outcome"], "ivr_only", "{call}");
    assert_eq!(call["hangup_by"], "system", "{call}");
}
