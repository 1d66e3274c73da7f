//! What is taken, what is refused and how, and the page that is written from the declarations.

use super::*;

#[test]
fn an_empty_file_is_the_embedded_default() {
    let config = Config::parse("", Path::new("switchgrid.toml")).unwrap();
    assert_eq!(config, Config::default());
    assert_eq!(config.sip.udp.0.port(), 5060);
    assert_eq!(config.http.listen.0.port(), 8080);
    assert_eq!(config.rtp.ports.to_string(), "20000-32766");
}

#[test]
fn what_media_cannot_work_with_is_refused_by_its_key() {
    for (key, value, why) in [
        ("buffers", "1000", "no power of two"),
        ("buffers", "32", "64 to 32768"),
        ("buffers", "65536", "64 to 32768"),
        ("parties_max", "0", "at least 1"),
        ("legs_max", "0", "at least 1"),
        ("speakers_max", "0", "at least 1"),
        ("rooms_max", "0", "at least 1"),
        ("rooms_max", "1000001", "above 1000000"),
        ("faxes_max", "0", "at least 1"),
        ("faxes_max", "1001", "above 1000"),
        ("own_prompts_max", "10001", "above 10000"),
        ("shards", "65", "1-64"),
        ("dscp", "64", "0-63"),
        ("jitter_ms_max", "30", "a smaller rtp.jitter_ms_min"),
    ] {
        let text = format!("[rtp]\n{key} = {value}\n");
        let refusal = Config::parse(&text, Path::new("switchgrid.toml")).unwrap_err();
        let said = refusal.to_string();
        assert!(said.contains(&format!("rtp.{key}")) && said.contains(why), "{said}");
    }
    assert!(Config::parse("[rtp]\nbuffers = 64\n", Path::new("switchgrid.toml")).is_ok());
}

#[test]
fn how_much_is_recorded_at_a_time_is_bounded_by_its_keys() {
    for (key, value, why) in [
        ("recordings_max", "0", "at least 1"),
        ("recordings_max", "1000001", "above 1000000"),
        ("tracks_max", "0", "at least 1"),
        ("tracks_max", "1000001", "above 1000000"),
    ] {
        let text = format!("[recording]\n{key} = {value}\n");
        let refusal = Config::parse(&text, Path::new("switchgrid.toml")).unwrap_err();
        let said = refusal.to_string();
        assert!(said.contains(&format!("recording.{key}")) && said.contains(why), "{said}");
    }
    let text = "[recording]\nrecordings_max = 1\ntracks_max = 2\n";
    assert!(Config::parse(text, Path::new("switchgrid.toml")).is_ok());
}

#[test]
fn every_rate_that_is_taken_can_be_encoded_and_every_other_is_refused_by_its_key() {
    use mediacore::mp3::{self, Mp3Options};
    use mediacore::ogg_opus;
    use mediacore::record::wav::Format;
    for kbit in 0..=130_u16 {
        let taken = |key: &str| {
            let text = format!("[recording]\n{key} = {kbit}\n");
            match Config::parse(&text, Path::new("switchgrid.toml")) {
                Ok(_) => true,
                Err(refusal) => {
                    let said = refusal.to_string();
                    assert!(said.contains(&format!("recording.{key}")), "{said}");
                    false
                }
            }
        };
        let format = Format::stereo_8k(None);
        let mp3 = mp3::Encoder::new(Mp3Options { kbit, stereo: true }, format).is_ok();
        assert_eq!(taken("mp3_kbit"), mp3, "{kbit} kbit/s of MP3");
        let opus = ogg_opus::Encoder::new(kbit, format).is_ok();
        assert_eq!(taken("opus_kbit"), opus, "{kbit} kbit/s of Opus");
    }
}

#[test]
fn limits_on_calling_out_are_named_and_bounded_and_0_is_none() {
    let parse = |text: &str| Config::parse(text, Path::new("switchgrid.toml"));
    let config = parse("[calls]\nout_per_minute_max = 0\nout_at_once_max = 3\n").unwrap();
    assert_eq!((config.calls.out_per_minute_max, config.calls.out_at_once_max), (0, 3));
    assert_eq!(config.calls.out_length_per_hour_max.0.as_secs(), 7_200);
    let refusal = parse("[calls]\nout_refused_per_hour_max = 1001\n").unwrap_err().to_string();
    assert!(refusal.contains("calls.out_refused_per_hour_max"), "{refusal}");
    assert!(refusal.contains("1001 is above 1000"), "{refusal}");
}

#[test]
fn how_trunks_are_tried_is_bounded_and_refused_by_its_key() {
    let parse = |text: &str| Config::parse(text, Path::new("switchgrid.toml"));
    let text = "[sip]\ntrunk_silence_max = \"2s\"\n[calls]\ntrunk_attempts_max = 5\n";
    let config = parse(text).unwrap();
    assert_eq!((config.sip.trunk_silence_max.0.as_secs(), config.calls.trunk_attempts_max), (2, 5));
    for (section, key, value, why) in [
        ("sip", "trunk_silence_max", "\"0s\"", "outside 1s-32s"),
        ("sip", "trunk_silence_max", "\"33s\"", "outside 1s-32s"),
        ("sip", "session_expires_s", "89", "not 0 or 90-86400"),
        ("sip", "session_expires_s", "86401", "not 0 or 90-86400"),
        ("calls", "trunk_attempts_max", "0", "outside 1-10"),
        ("calls", "trunk_attempts_max", "11", "outside 1-10"),
    ] {
        let refusal = parse(&format!("[{section}]\n{key} = {value}\n")).unwrap_err().to_string();
        assert!(
            refusal.contains(&format!("{section}.{key}")) && refusal.contains(why),
            "{refusal}"
        );
    }
}

#[test]
fn when_an_address_is_banned_is_bounded_and_0_bans_nobody() {
    let parse = |text: &str| Config::parse(text, Path::new("switchgrid.toml"));
    let usual = Config::default().bans();
    assert_eq!((usual.after, usual.time.as_secs(), usual.time_max.as_secs()), (10, 600, 86_400));
    let config = parse("[sip]\nban_after = 0\nban_never = [\"192.0.2.0/24\"]\n").unwrap();
    assert_eq!(config.bans().after, 0);
    assert!(config.bans().never[0].holds("192.0.2.7".parse().unwrap()));
    for (key, value, why) in [
        ("ban_after", "101", "above 100"),
        ("ban_within", "\"0s\"", "use 1s or more"),
        ("ban_time", "\"10ms\"", "use 1s or more"),
        ("ban_time_max", "\"5m\"", "shorter than sip.ban_time, 600s"),
        ("ban_never", "[\"office\"]", "no address or network"),
    ] {
        let refusal = parse(&format!("[sip]\n{key} = {value}\n")).unwrap_err().to_string();
        assert!(refusal.contains(key) && refusal.contains(why), "{refusal}");
    }
}

#[test]
fn the_documentation_page_is_current() {
    let page = documentation();
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/config.md");
    if std::env::var_os("UPDATE").is_some() {
        std::fs::write(&file, &page).expect("docs/config.md can be written");
    }
    let on_disk = std::fs::read_to_string(&file).unwrap_or_default();
    assert!(on_disk == page, "docs/config.md is stale: run the tests once with UPDATE=1");
}
