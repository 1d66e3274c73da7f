//! A mail server on loopback: it keeps what it is given, and does what the test asks.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use tokio::io::{AsyncBufReadExt, AsyncRead, AsyncWrite, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;

/// What the server does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Manner {
    /// Takes every mail.
    Takes,
    /// Knows no recipient.
    Refuses,
    /// Has no room.
    Busy,
    /// Takes the text and hangs up without an answer.
    Vanishes,
    /// Has no TLS.
    Bare,
    /// TLS from the first octet.
    Implicit,
}

/// What it has seen.
#[derive(Debug, Default)]
pub struct Seen {
    pub mails: Vec<String>,
    /// Arguments of AUTH.
    pub logins: Vec<String>,
    /// Commands that came in clear.
    pub clear: Vec<String>,
}

pub struct Smtp {
    pub address: SocketAddr,
    /// The certificate, in PEM.
    pub ca: PathBuf,
    pub manner: Arc<Mutex<Manner>>,
    pub seen: Arc<Mutex<Seen>>,
}

impl Smtp {
    /// Listens; the certificate lies in `folder`.
    pub async fn start(folder: &Path, manner: Manner) -> Smtp {
        let made = rcgen::generate_simple_self_signed(vec!["127.0.0.1".to_owned()]).unwrap();
        let ca = folder.join("mail.pem");
        std::fs::write(&ca, made.cert.pem()).unwrap();
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let key = rustls::pki_types::PrivateKeyDer::try_from(made.signing_key.serialize_der());
        let config = rustls::ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![made.cert.der().clone()], key.unwrap())
            .unwrap();
        let acceptor = TlsAcceptor::from(Arc::new(config));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let manner = Arc::new(Mutex::new(manner));
        let seen = Arc::new(Mutex::new(Seen::default()));
        let (asked, noted) = (manner.clone(), seen.clone());
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let manner = *asked.lock().unwrap();
                let (acceptor, seen) = (acceptor.clone(), noted.clone());
                tokio::spawn(async move { serve(stream, acceptor, manner, &seen).await });
            }
        });
        Smtp { address, ca, manner, seen }
    }

    pub fn mails(&self) -> Vec<String> {
        self.seen.lock().unwrap().mails.clone()
    }
}

async fn serve(stream: TcpStream, acceptor: TlsAcceptor, manner: Manner, seen: &Mutex<Seen>) {
    if manner == Manner::Implicit {
        if let Ok(stream) = acceptor.accept(stream).await {
            let mut stream = BufReader::new(stream);
            let _ = stream.write_all(b"220 mail.example\r\n").await;
            let _ = stream.flush().await;
            talk(&mut stream, manner, true, seen).await;
        }
        return;
    }
    let mut stream = BufReader::new(stream);
    let _ = stream.write_all(b"220 mail.example\r\n").await;
    if talk(&mut stream, manner, false, seen).await
        && let Ok(stream) = acceptor.accept(stream.into_inner()).await
    {
        talk(&mut BufReader::new(stream), manner, true, seen).await;
    }
}

/// One conversation; true when TLS is to begin.
async fn talk<S>(
    stream: &mut BufReader<S>,
    manner: Manner,
    secure: bool,
    seen: &Mutex<Seen>,
) -> bool
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let mut line = String::new();
    loop {
        line.clear();
        if stream.read_line(&mut line).await.unwrap_or(0) == 0 {
            return false;
        }
        let command = line.trim_end().to_owned();
        if !secure {
            seen.lock().unwrap().clear.push(command.clone());
        }
        let verb = command.split(' ').next().unwrap_or_default().to_ascii_uppercase();
        let answer = match (verb.as_str(), manner) {
            ("EHLO", Manner::Bare) => "250 mail.example\r\n",
            ("EHLO", _) if secure => "250-mail.example\r\n250 AUTH PLAIN\r\n",
            ("EHLO", _) => "250-mail.example\r\n250 STARTTLS\r\n",
            ("STARTTLS", _) => "220 go on\r\n",
            ("AUTH", _) => {
                seen.lock().unwrap().logins.push(command.clone());
                "235 welcome\r\n"
            }
            ("RCPT", Manner::Refuses) => "550 5.1.1 no such person\r\n",
            ("RCPT", Manner::Busy) => "450 4.2.2 no room\r\n",
            ("DATA", _) => "354 go on\r\n",
            ("QUIT", _) => "221 bye\r\n",
            _ => "250 ok\r\n",
        };
        if stream.write_all(answer.as_bytes()).await.is_err() || verb == "QUIT" {
            return false;
        }
        let _ = stream.flush().await;
        match verb.as_str() {
            "STARTTLS" => return true,
            "DATA" => {
                let mail = text(stream).await;
                seen.lock().unwrap().mails.push(mail);
                if manner == Manner::Vanishes {
                    return false;
                }
                let _ = stream.write_all(b"250 taken\r\n").await;
                let _ = stream.flush().await;
            }
            _ => {}
        }
    }
}

/// The text of a mail, to the line with the full stop.
async fn text<S: AsyncRead + Unpin>(stream: &mut BufReader<S>) -> String {
    let (mut text, mut line) = (String::new(), String::new());
    loop {
        line.clear();
        if stream.read_line(&mut line).await.unwrap_or(0) == 0 || line == ".\r\n" {
            return text;
        }
        text.push_str(&line);
    }
}
