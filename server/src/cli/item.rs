//! `switchgrid item`: brings work that is no call to a box that runs. `item mail` reads one mail
//! (RFC 5322) from standard input, as a mail server gives it to a program, and posts it to the box.
//!
//! A mail server goes by the exit status (sysexits): what could not be brought now is tried again,
//! and only what is no mail, or what the box will never take, is sent back.

use crate::config::Config;
use crate::serve::prepare::reachable;
use anyhow::Context;
use desk::item::CONTENT_CHARS_MAX;
use desk::secret::hex;
use mail_parser::{MessageParser, MimeHeaders};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use std::io::Read;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;
use terms::QueueId;

/// It will never be taken: EX_DATAERR.
const NEVER: u8 = 65;
/// It may be taken later: EX_TEMPFAIL.
const LATER: u8 = 75;
/// Longest mail that is read.
const BYTES_MAX: u64 = 64 << 20;
/// Longest wait for the box.
const ANSWER_MAX: Duration = Duration::from_secs(60);
/// Longest line that an item keeps.
const LINE_CHARS_MAX: usize = 400;
/// Attachments that are named.
const NAMED_MAX: usize = 20;
/// Stands where a text was too long.
const CUT: &str = "\n[...]";

/// What it is started for.
#[derive(clap::Args)]
pub struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(clap::Subcommand)]
enum Command {
    /// Bring in one mail from standard input. With the Message-ID of one that came before nothing is
    /// made.
    Mail(MailArguments),
}

#[derive(clap::Args)]
struct MailArguments {
    /// The queue that hands it out.
    #[arg(long, value_name = "ID")]
    to_queue: QueueId,
    /// Added to the queue's priority.
    #[arg(long, default_value_t = 0, allow_negative_numbers = true)]
    priority: i32,
    /// Where the box is; left out, where the configuration says that it listens.
    #[arg(long, value_name = "URL")]
    url: Option<String>,
    /// A file with a token that may write orders; left out, the token is in SWITCHGRID_TOKEN.
    #[arg(long, value_name = "FILE")]
    token_file: Option<PathBuf>,
}

/// What becomes of a mail.
#[derive(Debug, PartialEq, Eq)]
enum End {
    Brought,
    Never(String),
    Later(String),
}

/// Runs it.
///
/// # Errors
/// When there is no token, or standard input cannot be read.
pub fn run(config: &Config, arguments: &Arguments) -> Result<ExitCode, anyhow::Error> {
    let Command::Mail(arguments) = &arguments.command;
    let end = match bring(config, arguments) {
        Ok(end) => end,
        // Whatever is wrong here is no fault of the mail.
        Err(error) => End::Later(format!("{error:#}")),
    };
    let (code, why) = match end {
        End::Brought => return Ok(ExitCode::SUCCESS),
        End::Never(why) => (NEVER, why),
        End::Later(why) => (LATER, why),
    };
    eprintln!("switchgrid: {why}");
    Ok(ExitCode::from(code))
}

fn bring(config: &Config, arguments: &MailArguments) -> Result<End, anyhow::Error> {
    let token = match &arguments.token_file {
        Some(file) => std::fs::read_to_string(file)
            .with_context(|| format!("read the token in {}", file.display()))?,
        None => std::env::var("SWITCHGRID_TOKEN")
            .context("name a file with a token by --token-file, or set SWITCHGRID_TOKEN")?,
    };
    let mut bytes = Vec::new();
    std::io::stdin().lock().take(BYTES_MAX).read_to_end(&mut bytes).context("read the mail")?;
    let Some(mut item) = item(&bytes) else {
        return Ok(End::Never("what came on standard input is no mail".to_owned()));
    };
    item["queue"] = json!(arguments.to_queue);
    item["priority"] = json!(arguments.priority);
    let home = || format!("http://{}", reachable(config.http.listen.0));
    let url = arguments.url.clone().unwrap_or_else(home);
    let url = format!("{}/api/v1/items", url.trim_end_matches('/'));
    super::block_on(post(&url, token.trim(), &item))
}

async fn post(url: &str, token: &str, item: &Value) -> Result<End, anyhow::Error> {
    let client = reqwest::Client::builder().no_proxy().timeout(ANSWER_MAX).build()?;
    let sent = client
        .post(url)
        .header("authorization", format!("Bearer {token}"))
        .header("content-type", "application/json")
        .body(item.to_string())
        .send()
        .await;
    let answer = match sent {
        Ok(answer) => answer,
        Err(error) => return Ok(End::Later(format!("the box does not answer: {error}"))),
    };
    let status = answer.status().as_u16();
    let said = answer.text().await.unwrap_or_default();
    Ok(ended(status, &said))
}

/// What an answer means for the mail. Who is not let in, or names a queue that is not there, has set
/// something wrong: that can be put right while the mail waits.
fn ended(status: u16, said: &str) -> End {
    let message = serde_json::from_str::<Value>(said).ok();
    let message = message.and_then(|told| told["message"].as_str().map(str::to_owned));
    let why = format!("the box answered {status}: {}", message.unwrap_or_default());
    match status {
        200 | 201 => End::Brought,
        400 | 413 => End::Never(why),
        _ => End::Later(why),
    }
}

/// A mail as the API takes it; none where it is no mail.
fn item(bytes: &[u8]) -> Option<Value> {
    let mail = MessageParser::default().parse(bytes)?;
    let from = mail.reply_to().or_else(|| mail.from()).and_then(|all| all.first());
    let address = from.and_then(|one| one.address()).unwrap_or_default();
    // Without a name of its own it is known by what it says.
    let named = mail.message_id().map(|id| format!("<{id}>"));
    let external = named.filter(|id| id.chars().count() <= LINE_CHARS_MAX);
    let external = external.unwrap_or_else(|| hex(&Sha256::digest(bytes)));
    let texts = (0..mail.text_body_count()).filter_map(|place| mail.body_text(place));
    let mut content = texts.map(|text| text.into_owned()).collect::<Vec<String>>().join("\n");
    for part in mail.attachments().take(NAMED_MAX) {
        let name = part.attachment_name().unwrap_or("?");
        content.push_str(&format!("\n[attachment: {name}]"));
    }
    Some(json!({
        "channel": "email",
        "external_id": line(&external),
        "address": line(address),
        "subject": line(mail.subject().unwrap_or_default()),
        "content": text(&content),
    }))
}

/// One line as an item keeps it.
fn line(text: &str) -> String {
    let text = text.chars().map(|c| if c.is_control() { ' ' } else { c });
    text.take(LINE_CHARS_MAX).collect::<String>().trim().to_owned()
}

/// A text as an item keeps it: no control characters but those of lines, and not too long.
fn text(text: &str) -> String {
    let is_kept = |c: &char| !c.is_control() || matches!(c, '\n' | '\t');
    let kept: String = text.chars().filter(is_kept).take(CONTENT_CHARS_MAX + 1).collect();
    let kept = kept.trim();
    if kept.chars().count() <= CONTENT_CHARS_MAX {
        return kept.to_owned();
    }
    let room = CONTENT_CHARS_MAX - CUT.len();
    kept.chars().take(room).chain(CUT.chars()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const MAIL: &str = "From: =?utf-8?B?5p2O6Zu3?= <li@example.com>\r\n\
        To: help@gas.example\r\n\
        Subject: =?utf-8?B?54eD5rCU6KGo?=\r\n\
        Message-ID: <1@example.com>\r\n\
        Date: Mon, 23 Nov 2026 12:00:00 +0800\r\n\
        MIME-Version: 1.0\r\n\
        Content-Type: multipart/mixed; boundary=x\r\n\r\n\
        --x\r\nContent-Type: text/plain; charset=gb2312\r\n\
        Content-Transfer-Encoding: base64\r\n\r\nyLzG+LHtzaPBy6Gj\r\n\
        --x\r\nContent-Type: image/png\r\n\
        Content-Disposition: attachment; filename=meter.png\r\n\
        Content-Transfer-Encoding: base64\r\n\r\niVBORw0KGgo=\r\n--x--\r\n";

    #[test]
    fn a_mail_is_read_whatever_it_is_written_in() {
        let item = item(MAIL.as_bytes()).expect("a mail");
        assert_eq!(item["external_id"], "<1@example.com>");
        assert_eq!(
            (&item["address"], &item["subject"]),
            (&json!("li@example.com"), &json!("燃气表"))
        );
        assert_eq!(item["content"], "燃气表停了。\n[attachment: meter.png]");
    }

    #[test]
    fn who_wants_answers_elsewhere_has_them_there_and_markup_is_left_out() {
        let mail = "From: a@example.com\r\nReply-To: b@example.com\r\nSubject: x\r\n\
            Content-Type: text/html\r\n\r\n<p>The <b>meter</b> stands.</p>";
        let item = item(mail.as_bytes()).expect("a mail");
        assert_eq!(item["address"], "b@example.com");
        let content = item["content"].as_str().expect("a text");
        assert!(content.contains("meter") && !content.contains('<'), "{content}");
    }

    #[test]
    fn a_mail_without_a_name_is_known_by_what_it_says() {
        let name = |text: &str| {
            let mail = format!("From: a@example.com\r\nSubject: x\r\n\r\n{text}");
            item(mail.as_bytes()).expect("a mail")["external_id"].clone()
        };
        assert_eq!(name("hello"), name("hello"));
        assert_ne!(name("hello"), name("hello again"));
    }

    #[test]
    fn what_is_too_long_is_cut_and_said_to_be() {
        let long = text(&"x".repeat(CONTENT_CHARS_MAX + 5));
        assert_eq!(long.chars().count(), CONTENT_CHARS_MAX);
        assert!(long.ends_with("[...]"));
        assert_eq!(text("a\u{1b}[0m\r\nb\u{0}"), "a[0m\nb");
        assert_eq!(line("a\r\n b"), "a   b");
    }

    #[test]
    fn only_what_the_box_will_never_take_is_sent_back() {
        assert_eq!(ended(201, "{}"), End::Brought);
        assert_eq!(ended(200, "{}"), End::Brought);
        assert!(
            matches!(ended(400, r#"{"message": "no"}"#), End::Never(why) if why.ends_with("no"))
        );
        for status in [401, 403, 404, 409, 429, 500, 503] {
            assert!(matches!(ended(status, ""), End::Later(_)), "{status}");
        }
    }
}
