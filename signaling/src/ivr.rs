//! Interactive voice response: a flow is a versioned JSON graph of steps, read by [`flow`], proven
//! by [`check`], walked by the pure interpreter [`run`] and told as text by [`simulate`].
//! The document's format is described in `docs/formats/ivr-flow.md`.

pub mod check;
pub mod collect;
pub mod expression;
pub mod flow;
pub mod form;
pub mod hours;
mod limits;
pub mod number;
pub mod packs;
pub mod prompt;
pub mod run;
pub mod simulate;
pub mod spoken;
mod statement;
pub mod step;
pub mod template;
pub mod wording;

pub use check::{Known, Problem, check};
pub use flow::Flow;
pub use limits::*;
pub use prompt::PROMPTS;

use terms::QueueId;

/// The flow of a box that nobody has configured yet: welcome, then 1 or 0 for an agent of `queue`,
/// 2 for the opening hours, 3 to leave a message. Who presses nothing or something else three times
/// waits in the queue.
pub fn default_flow(queue: QueueId) -> serde_json::Value {
    let text = include_str!("ivr/default_flow.json").replace("@QUEUE", &queue.to_string());
    serde_json::from_str(&text).expect("the flow that we ship is JSON")
}

/// Reads `bytes` as a flow and, when it passes the check, walks it with digits taken from the same
/// bytes. For fuzzing: whatever comes in, nothing panics and the walk ends.
pub fn fuzz_flow(bytes: &[u8]) {
    let Ok(document) = serde_json::from_slice::<serde_json::Value>(bytes) else { return };
    let known = Known::anything();
    let Ok(flow) = check(&document, &known) else { return };
    let script = bytes.iter().take(64).map(|byte| match byte % 16 {
        digit @ 0..=9 => simulate::Act::Digit(char::from(b'0' + digit)),
        10 => simulate::Act::Digit('*'),
        11 => simulate::Act::Digit('#'),
        12 => simulate::Act::Http(Ok((200, document.clone()))),
        13 => simulate::Act::Http(Err("refused".to_owned())),
        14 => simulate::Act::Hangup,
        _ => simulate::Act::Silence,
    });
    let transcript = simulate::simulate(flow, &simulate::Scene::default(), script.collect());
    assert!(transcript.lines.len() <= simulate::LINES_MAX, "a walk without end");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_default_flow_passes_its_own_check() {
        let mut known = Known { prompts: Some(prompt::names("zh-CN")), ..Known::default() };
        known.queues.insert(QueueId(7));
        let flow = check(&default_flow(QueueId(7)), &known).expect("the shipped flow is right");
        assert_eq!(flow.start, "welcome");
    }

    #[test]
    fn hostile_documents_do_no_harm() {
        for text in
            ["", "{", "[]", "{\"format\":1}", "{\"format\":1,\"start\":\"a\",\"steps\":{\"a\":{}}}"]
        {
            fuzz_flow(text.as_bytes());
        }
        fuzz_flow(default_flow(QueueId(1)).to_string().as_bytes());
    }
}
