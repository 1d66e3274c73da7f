//! Log lines: one event, one line. Control characters and the marks that turn or hide text are
//! escaped wherever they stand, because names, numbers and headers of callers reach the log (forged
//! lines: CWE-117; commands to a terminal: CWE-150).

use crate::config::Config;
use std::fmt::{self, Debug, Write};
use std::io::IsTerminal;
use tracing::field::{Field, Visit};
use tracing_subscriber::EnvFilter;
use tracing_subscriber::field::RecordFields;
use tracing_subscriber::fmt::format::Writer;
use tracing_subscriber::fmt::{FormatFields, MakeWriter};
use tracing_subscriber::util::SubscriberInitExt;

/// Libraries that tell too much: every plan of a question is a line of a scheduler, numbers of callers
/// in it.
const QUIETER: &str = ",sqlx=warn,datafusion=warn,ballista_core=warn,ballista_executor=warn,\
                       ballista_scheduler=warn";

/// Starts logging to standard error. `SWITCHGRID_LOG` overrides `server.log` with a filter such as
/// `info,signaling=debug`.
pub fn start(config: &Config) {
    let filter = std::env::var("SWITCHGRID_LOG")
        .unwrap_or_else(|_| format!("{}{QUIETER}", config.server.log.as_str()));
    let is_terminal = std::io::stderr().is_terminal();
    let lines = subscriber(&filter, config.server.log_json, is_terminal, std::io::stderr);
    // A second start in one process (a test) keeps the first.
    let _ = lines.try_init();
}

type Lines = Box<dyn tracing::Subscriber + Send + Sync>;

/// Writes events that `filter` lets through to `writer`.
pub(crate) fn subscriber<W>(filter: &str, json: bool, colours: bool, writer: W) -> Lines
where
    W: for<'w> MakeWriter<'w> + Send + Sync + 'static,
{
    let lines = tracing_subscriber::fmt().with_env_filter(EnvFilter::new(filter));
    match json {
        true => Box::new(lines.json().with_ansi(false).with_writer(Json(writer)).finish()),
        false => Box::new(lines.fmt_fields(Fields).with_ansi(colours).with_writer(writer).finish()),
    }
}

/// JSON lines: the format escapes what is not JSON, this the rest of what could do harm.
struct Json<W>(W);

impl<'w, W: MakeWriter<'w>> MakeWriter<'w> for Json<W> {
    type Writer = Json<W::Writer>;
    fn make_writer(&'w self) -> Self::Writer {
        Json(self.0.make_writer())
    }
}

impl<W: std::io::Write> std::io::Write for Json<W> {
    /// Takes whole events, as the subscriber gives them.
    fn write(&mut self, line: &[u8]) -> std::io::Result<usize> {
        let mut escaped = String::with_capacity(line.len());
        for c in String::from_utf8_lossy(line).chars() {
            match is_plain(c) || c == '\n' {
                true => escaped.push(c),
                // All of them are below U+10000, so one escape is enough.
                false => write!(escaped, "\\u{:04x}", c as u32).expect("memory takes every byte"),
            }
        }
        self.0.write_all(escaped.as_bytes())?;
        Ok(line.len())
    }
    fn flush(&mut self) -> std::io::Result<()> {
        self.0.flush()
    }
}

/// `message key=value key=value`, escaped.
struct Fields;

impl<'w> FormatFields<'w> for Fields {
    fn format_fields<R: RecordFields>(&self, writer: Writer<'w>, fields: R) -> fmt::Result {
        let mut line = Line { writer, is_first: true, result: Ok(()) };
        fields.record(&mut line);
        line.result
    }
}

struct Line<'w> {
    writer: Writer<'w>,
    is_first: bool,
    result: fmt::Result,
}

impl Line<'_> {
    fn write(&mut self, field: &Field, value: &dyn Debug) -> fmt::Result {
        if !std::mem::take(&mut self.is_first) {
            self.writer.write_char(' ')?;
        }
        if field.name() != "message" {
            write!(self.writer, "{}=", field.name().trim_start_matches("r#"))?;
        }
        write!(Escaping(&mut self.writer), "{value:?}")
    }
}

impl Visit for Line<'_> {
    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        // `log.*` describes events of the log crate and stands in front of the line already.
        if self.result.is_ok() && !field.name().starts_with("log.") {
            self.result = self.write(field, value);
        }
    }
}

/// Passes text on with everything escaped that could end a line, move a cursor or turn the order
/// of letters.
struct Escaping<'a, 'w>(&'a mut Writer<'w>);

impl Write for Escaping<'_, '_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        text.chars().try_for_each(|c| match is_plain(c) {
            true => self.0.write_char(c),
            false => write!(self.0, "{}", c.escape_default()),
        })
    }
}

fn is_plain(c: char) -> bool {
    let turns =
        matches!(c, '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    !c.is_control() && !turns
}

/// Lines kept in memory, for tests.
#[cfg(test)]
pub(crate) mod kept {
    use super::{Lines, MakeWriter, subscriber};
    use std::sync::{Arc, Mutex};

    /// What was logged.
    #[derive(Clone, Default)]
    pub struct Kept(Arc<Mutex<Vec<u8>>>);

    impl Kept {
        /// As text.
        pub fn text(&self) -> String {
            String::from_utf8(self.0.lock().unwrap().clone()).unwrap()
        }
        /// A log that is kept here.
        pub fn log(&self, filter: &str, json: bool) -> Lines {
            subscriber(filter, json, false, self.clone())
        }
    }

    impl std::io::Write for Kept {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.0.lock().unwrap().extend_from_slice(bytes);
            Ok(bytes.len())
        }
        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }

    impl<'w> MakeWriter<'w> for Kept {
        type Writer = Self;
        fn make_writer(&'w self) -> Self {
            self.clone()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::kept::Kept;

    /// What a caller could call themselves.
    const HOSTILE: &str = "张三\r\n2026-11-23T04:00:00Z  INFO admin signed in\u{1b}[2J\u{9b}1A\u{7}\u{0}\u{202e}\u{2028}";

    #[test]
    fn a_callers_name_forges_no_log_line_and_steers_no_terminal() {
        for json in [false, true] {
            let kept = Kept::default();
            tracing::subscriber::with_default(kept.log("info", json), || {
                tracing::warn!("{HOSTILE}");
                tracing::warn!(name = HOSTILE, "as text");
                tracing::warn!(name = ?HOSTILE, "as a program sees it");
                tracing::warn!(name = %HOSTILE, "as people see it");
                let span = tracing::info_span!("call", from = %HOSTILE);
                span.in_scope(|| tracing::warn!(error = %anyhow::anyhow!(HOSTILE), "in a span"));
            });
            let text = kept.text();
            assert_eq!(text.lines().count(), 5, "one event, one line: {text}");
            assert!(text.chars().all(|c| c == '\n' || super::is_plain(c)), "{text:?}");
            // JSON names the span twice.
            assert_eq!(text.matches("张三").count(), 6 + usize::from(json), "{text}");
            let shown = |line: &&str| json && !line.contains("as a program");
            for line in text.lines().filter(shown) {
                let event: serde_json::Value = serde_json::from_str(line).unwrap();
                assert!(event.to_string().contains('\u{9b}'), "it reads back as it was: {line}");
            }
        }
        let kept = Kept::default();
        tracing::subscriber::with_default(kept.log("info", false), || {
            tracing::warn!(name = %HOSTILE, "as people see it");
        });
        let text = kept.text();
        assert!(text.ends_with("as people see it name=张三\\r\\n2026-11-23T04:00:00Z  INFO admin signed in\\u{1b}[2J\\u{9b}1A\\u{7}\\u{0}\\u{202e}\\u{2028}\n"), "{text}");
    }
}
