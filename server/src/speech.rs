//! Who speaks the texts of flows, by the configuration: `calls` makes the speech, `api` refuses a
//! flow that says what cannot be said.

use crate::config::Config;
use crate::config::value::Speech;
use mediacore::edge::speech::{Cache, Espeak};
use mediacore::speech::{self, Engine, Voice};
use serde_json::Value;
use signaling::ivr::prompt;

/// The engine and the folder of what it made, or why there is none.
///
/// # Errors
/// A sentence that says what to install or to configure.
pub fn engine(config: &Config) -> Result<(Box<dyn Engine>, Cache), String> {
    let engine = find(config)?;
    let folder = config.server.data.join("speech");
    let cache = Cache::open(&folder, config.rtp.speech_bytes_max.0)
        .map_err(|error| format!("open {}: {error}", folder.display()))?;
    Ok((Box::new(engine), cache))
}

/// What speaks, for who keeps what it made by themselves.
///
/// # Errors
/// As [`engine`].
pub fn bare_engine(config: &Config) -> Result<Box<dyn Engine>, String> {
    Ok(Box::new(find(config)?))
}

/// Why texts cannot be spoken; `None` when they can.
pub fn speechless(config: &Config) -> Option<String> {
    find(config).err()
}

/// What of a flow's texts nobody would hear, a line each. `own` is the tenant's language, `of_box` the
/// box's: one that cannot be read in the call's is spoken in the first of these that has words for it.
pub fn unspoken(document: &Value, own: &str, of_box: &str) -> Vec<String> {
    let languages = prompt::languages(document, own);
    let has_voice = |language: &str| Voice::of(language).is_some();
    let mut told = Vec::new();
    if prompt::speaks(document) && !has_voice(own) && !has_voice(of_box) {
        let silent = languages.iter().filter(|language| !has_voice(language));
        told.extend(silent.map(|language| {
            format!(
                "the flow: no voice speaks its texts in \"{language}\", nor in \"{own}\" and \
                 \"{of_box}\", the languages of the tenant and of the box; right is a prompt"
            )
        }));
    }
    for (step, text) in prompt::texts(document) {
        let Err(why) = speech::check(own, &text) else { continue };
        let mut others = languages.iter().copied().chain([of_box]);
        if !others.any(|language| speech::check(language, &text).is_ok()) {
            told.push(format!("step \"{step}\": the text \"{text}\" is not spoken: {why}"));
        }
    }
    told
}

fn find(config: &Config) -> Result<Espeak, String> {
    match config.rtp.speech {
        Speech::EspeakNg => Espeak::find(),
        Speech::Nothing => Err("rtp.speech is none; set it to espeak-ng".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn flow(language: &str, prompt: &str) -> Value {
        json!({"format": 1, "start": "a", "steps": {
            "a": {"kind": "language", "language": language, "next": "b"},
            "b": {"kind": "hangup", "prompts": [prompt]}}})
    }

    #[test]
    fn a_text_in_a_language_without_a_voice_is_spoken_in_the_tenants_or_the_boxs() {
        for (own, of_box) in [("zh-CN", "fr"), ("fr", "en"), ("en", "zh-CN")] {
            for said in ["say:bonjour", "say:${name}", "welcome"] {
                let told = unspoken(&flow("fr", said), own, of_box);
                assert!(told.is_empty(), "{own}, {of_box}: {told:?}");
            }
        }
    }

    #[test]
    fn a_language_that_nobody_speaks_and_a_text_that_nobody_reads_are_refused() {
        for said in ["say:bonjour", "say:${name}"] {
            let told = unspoken(&flow("fr", said), "de", "it");
            assert!(told[0].contains("in \"de\", nor in \"de\" and \"it\""), "{told:?}");
            assert!(told[1].contains("in \"fr\", nor in \"de\" and \"it\""), "{told:?}");
        }
        assert!(unspoken(&flow("fr", "welcome"), "de", "it").is_empty(), "it says no text");
        // English has a voice of its own; the tenant's German has none, and nobody stands in for it.
        let told = unspoken(&flow("en", "say:hello"), "de", "it");
        assert_eq!(told.len(), 1, "{told:?}");
        assert!(told[0].contains("in \"de\", nor"), "{told:?}");
        let told = unspoken(&flow("fr", "say:\u{1F600}"), "zh-CN", "en");
        assert_eq!(told.len(), 1, "{told:?}");
        assert!(told[0].contains("step \"b\"") && told[0].contains("no word is in it"), "{told:?}");
        // The box's voice reads what the tenant's has no words for.
        assert!(unspoken(&flow("en", "say:您好"), "en", "zh-CN").is_empty());
        assert_eq!(unspoken(&flow("en", "say:您好"), "en", "en").len(), 1);
    }
}
