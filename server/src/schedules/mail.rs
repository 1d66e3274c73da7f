//! Delivery by mail (RFC 5321), over TLS, with a Message-ID that is the same at every attempt.
//!
//! The commands are given one by one, so that it is known how far a failure came: until the text goes
//! out nobody has the mail, and it may be sent again. Whatever breaks between the text and the
//! server's answer leaves it uncertain, and it is not sent again.

use super::outcome::Outcome;
use super::pack;
use crate::config::value::SmtpTls;
use crate::config::{self, Config};
use desk::item::reply::Reply;
use desk::mails::OutgoingMail;
use desk::schedule::run::Run;
use lettre::message::header::{ContentType, HeaderName, HeaderValue};
use lettre::message::{Attachment, Mailbox, MultiPart, SinglePart};
use lettre::transport::smtp::Error;
use lettre::transport::smtp::authentication::{Credentials, DEFAULT_MECHANISMS};
use lettre::transport::smtp::client::{
    AsyncSmtpConnection, Certificate, CertificateStore, TlsParameters,
};
use lettre::transport::smtp::commands::{Data, Mail, Rcpt};
use lettre::transport::smtp::extension::ClientId;
use lettre::{Address, Message};
use reports::{Language, Words};
use std::time::Duration;

/// Longest time until the text may go out, and again for the text and its answer.
const PHASE_MAX: Duration = Duration::from_secs(120);

const ATTACHED: Words = Words {
    zh: "附件是定时报表“{name}”，统计期 {period}。",
    en: "Attached is the scheduled report \"{name}\" for {period}.",
};
const LINKED: Words = Words {
    zh: "定时报表“{name}”（统计期 {period}）的文件过大，不能随邮件发送。请登录后下载：",
    en: "The file of the scheduled report \"{name}\" for {period} is too large for a mail. \
         Sign in to download it: ",
};
const SEVERAL_ATTACHED: Words = Words {
    zh: "附件是定时报表“{name}”的 {count} 个文件。",
    en: "Attached are the {count} files of the scheduled reports \"{name}\".",
};
const SEVERAL_LINKED: Words = Words {
    zh: "定时报表“{name}”的 {count} 个文件过大，不能随邮件发送。请登录后下载：",
    en: "The {count} files of the scheduled reports \"{name}\" are too large for a mail. \
         Sign in to download them:",
};

/// Sends mails through one server.
#[derive(Clone)]
pub struct Mailer {
    host: String,
    port: u16,
    tls: SmtpTls,
    parameters: TlsParameters,
    credentials: Option<Credentials>,
    from: Mailbox,
    bytes_max: u64,
    link: String,
}

impl Mailer {
    /// The mail server of the configuration; `None` when it names none. Nothing is asked yet.
    ///
    /// # Errors
    /// [`config::Error::Refused`] for a sender or certificates that cannot be used.
    pub fn open(config: &Config) -> Result<Option<Mailer>, config::Error> {
        let schedules = &config.schedules;
        if schedules.smtp_host.is_empty() {
            return Ok(None);
        }
        let refused = |key: &str, problem: String| config::Error::Refused {
            key: format!("schedules.{key}"),
            problem,
        };
        let from = schedules.mail_from.parse::<Mailbox>();
        let from = from.map_err(|error| refused("mail_from", error.to_string()))?;
        let mut parameters = TlsParameters::builder(schedules.smtp_host.clone());
        if !schedules.smtp_ca.as_os_str().is_empty() {
            let file = schedules.smtp_ca.display();
            let pem = std::fs::read(&schedules.smtp_ca)
                .map_err(|error| refused("smtp_ca", format!("{file} cannot be read ({error})")))?;
            let authority = Certificate::from_pem(&pem)
                .map_err(|error| refused("smtp_ca", format!("{file} is no PEM file ({error})")))?;
            parameters = parameters
                .certificate_store(CertificateStore::None)
                .add_root_certificate(authority);
        }
        let parameters = parameters.build_rustls();
        let parameters = parameters.map_err(|error| refused("smtp_ca", error.to_string()))?;
        let login = config.smtp_login()?;
        let credentials =
            login.map(|(user, password)| Credentials::new(user, password.expose().to_owned()));
        Ok(Some(Mailer {
            host: schedules.smtp_host.clone(),
            port: schedules.smtp_port,
            tls: schedules.smtp_tls,
            parameters,
            credentials,
            from,
            bytes_max: schedules.mail_bytes_max.0,
            link: schedules.link.clone(),
        }))
    }

    /// Whether a file is too large for a mail.
    pub fn is_linked(&self, bytes: u64) -> bool {
        bytes > self.bytes_max
    }

    /// Where a document is opened by the code of a link; nowhere where the box has no address for people.
    pub fn document_link(&self, code: &str) -> Option<String> {
        (!self.link.is_empty()).then(|| format!("{}/d/{code}", self.link))
    }

    /// Sends a run's files, or links to them when `attachments` are left out.
    pub async fn send(
        &self,
        run: &Run,
        to: &[String],
        key: &str,
        attachments: Option<Vec<Vec<u8>>>,
    ) -> Outcome {
        match self.message(run, to, key, attachments) {
            Ok(message) => self.deliver(&message).await,
            Err(why) => Outcome::Failed(why),
        }
    }

    /// Sends a reply to whom an item came from.
    pub async fn send_reply(&self, reply: &Reply) -> Outcome {
        match self.reply(reply) {
            Ok(message) => self.deliver(&message).await,
            Err(why) => Outcome::Failed(why),
        }
    }

    /// Sends a mail of a flow, with a PDF under its name where one goes with it.
    pub async fn send_mail(
        &self,
        mail: &OutgoingMail,
        attached: Option<(String, Vec<u8>)>,
    ) -> Outcome {
        match self.mail(mail, attached) {
            Ok(message) => self.deliver(&message).await,
            Err(why) => Outcome::Failed(why),
        }
    }

    async fn deliver(&self, message: &Message) -> Outcome {
        let ready = tokio::time::timeout(PHASE_MAX, self.open_for(message)).await;
        let mut connection = match ready {
            Ok(Ok(connection)) => connection,
            Ok(Err(error)) => return refusal(&error),
            Err(_) => return Outcome::Again(format!("{} does not answer", self.host)),
        };
        let text = message.formatted();
        match tokio::time::timeout(PHASE_MAX, connection.message(&text)).await {
            Ok(Ok(_)) => {
                // The mail is the server's; how it says goodbye changes nothing.
                let _ = tokio::time::timeout(PHASE_MAX, connection.quit()).await;
                Outcome::Delivered
            }
            Ok(Err(error)) if error.status().is_some() => refusal(&error),
            Ok(Err(error)) => Outcome::Uncertain(error.to_string()),
            Err(_) => Outcome::Uncertain(format!("{} does not answer", self.host)),
        }
    }

    /// Everything before the text: the server is ready to take it.
    async fn open_for(&self, message: &Message) -> Result<AsyncSmtpConnection, Error> {
        let hello = ClientId::Domain(self.from.email.domain().to_owned());
        let implicit = (self.tls == SmtpTls::Implicit).then(|| self.parameters.clone());
        let server = (self.host.as_str(), self.port);
        let timeout = Some(PHASE_MAX);
        let mut connection =
            AsyncSmtpConnection::connect_tokio1(server, timeout, &hello, implicit, None).await?;
        if self.tls == SmtpTls::StartTls {
            connection.starttls(self.parameters.clone(), &hello).await?;
        }
        if let Some(credentials) = &self.credentials {
            connection.auth(DEFAULT_MECHANISMS, credentials).await?;
        }
        let envelope = message.envelope();
        connection.command(Mail::new(envelope.from().cloned(), Vec::new())).await?;
        for to in envelope.to() {
            connection.command(Rcpt::new(to.clone(), Vec::new())).await?;
        }
        connection.command(Data).await?;
        Ok(connection)
    }

    /// A mail that a mail program shows beside the one that it answers (RFC 5322 §3.6.4).
    fn reply(&self, reply: &Reply) -> Result<Message, String> {
        let address: Address =
            reply.address.parse().map_err(|_| format!("{} is no address", reply.address))?;
        let is_answer = reply.subject.get(..3).is_some_and(|re| re.eq_ignore_ascii_case("re:"));
        let subject =
            if is_answer { reply.subject.clone() } else { format!("Re: {}", reply.subject) };
        let (item, step, home) = (reply.item, reply.step, self.from.email.domain());
        let mut builder = Message::builder()
            .from(self.from.clone())
            .to(Mailbox::new(None, address))
            .subject(subject.trim_end())
            .message_id(Some(format!("<item-{item}-{step}@{home}>")));
        let is_id = |id: &&String| {
            id.starts_with('<') && id.ends_with('>') && !id.contains(char::is_whitespace)
        };
        if let Some(id) = reply.in_reply_to.as_ref().filter(is_id) {
            builder = builder.in_reply_to(id.clone()).references(id.clone());
        }
        builder.singlepart(SinglePart::plain(reply.text.clone())).map_err(|e| e.to_string())
    }

    fn mail(
        &self,
        mail: &OutgoingMail,
        attached: Option<(String, Vec<u8>)>,
    ) -> Result<Message, String> {
        let address: Address =
            mail.address.parse().map_err(|_| format!("{} is no address", mail.address))?;
        let (id, home) = (mail.id, self.from.email.domain());
        let builder = Message::builder()
            .from(self.from.clone())
            .to(Mailbox::new(None, address))
            .subject(mail.subject.clone())
            .raw_header(auto_submitted())
            .message_id(Some(format!("<mail-{id}@{home}>")));
        let text = SinglePart::plain(mail.text.clone());
        let message = match attached {
            None => builder.singlepart(text),
            Some((name, pdf)) => {
                let kind = ContentType::parse("application/pdf").map_err(|e| e.to_string())?;
                let file = Attachment::new(name).body(pdf, kind);
                builder.multipart(MultiPart::mixed().singlepart(text).singlepart(file))
            }
        };
        message.map_err(|error| error.to_string())
    }

    fn file_link(&self, run: &Run, place: usize) -> String {
        format!("{}/api/v1/report-runs/{}/files/{place}", self.link, run.id)
    }

    fn message(
        &self,
        run: &Run,
        to: &[String],
        key: &str,
        attachments: Option<Vec<Vec<u8>>>,
    ) -> Result<Message, String> {
        let language: Language = run.work.language.parse().unwrap_or_default();
        let filled = |words: Words| {
            let text = words.get(language).replace("{period}", &run.work.period);
            let text = text.replace("{count}", &(run.more_files.len() + 1).to_string());
            text.replace("{name}", &run.work.name)
        };
        let is_pack = !run.more_files.is_empty();
        let mut builder = Message::builder()
            .from(self.from.clone())
            .subject(format!("{} {}", run.work.name, run.work.period))
            .message_id(Some(format!("<{key}@{}>", self.from.email.domain())));
        for address in to {
            let address: Address =
                address.parse().map_err(|_| format!("{address} is no address"))?;
            builder = builder.to(Mailbox::new(None, address));
        }
        let message = match attachments {
            Some(read) => {
                let text = filled(if is_pack { SEVERAL_ATTACHED } else { ATTACHED });
                let mut mixed = MultiPart::mixed().singlepart(SinglePart::plain(text));
                for (file, bytes) in pack::files(run).zip(read) {
                    let kind = ContentType::parse(&file.content_type).map_err(|e| e.to_string())?;
                    mixed = mixed.singlepart(Attachment::new(file.name.clone()).body(bytes, kind));
                }
                builder.multipart(mixed)
            }
            None if is_pack => {
                let link = |place| format!("\n{}", self.file_link(run, place));
                let links: String = (0..=run.more_files.len()).map(link).collect();
                builder.singlepart(SinglePart::plain(filled(SEVERAL_LINKED) + &links))
            }
            None => {
                let link = format!("{}/api/v1/report-runs/{}/file", self.link, run.id);
                builder.singlepart(SinglePart::plain(format!("{}{link}", filled(LINKED))))
            }
        };
        message.map_err(|error| error.to_string())
    }
}

/// Nobody wrote it, so no program answers that somebody is on holiday (RFC 3834 §5).
fn auto_submitted() -> HeaderValue {
    let name = HeaderName::new_from_ascii_str("Auto-Submitted");
    HeaderValue::new(name, "auto-generated".to_owned())
}

/// Nobody has the mail: 5xx says that another attempt ends the same (RFC 5321 §4.2.1).
fn refusal(error: &Error) -> Outcome {
    match error.is_permanent() {
        true => Outcome::Failed(error.to_string()),
        false => Outcome::Again(error.to_string()),
    }
}
