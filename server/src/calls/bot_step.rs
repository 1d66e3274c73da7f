//! Bot steps of IVR flows: one WebSocket each, only to where it may go ([`Place`]), between a leg of
//! a caller and a program of the tenant. The format is that of `docs/formats/bot.md`.
//!
//! Nothing waits for a bot. What it does not hear in time is left out and counted, what it says
//! waits in a line with a limit, and whatever it does wrong ends the talk with a sentence for the
//! log; the caller goes on by the step's way of `error`.

mod message;
mod outbox;
mod speech;
mod talk;

use crate::outward::Place;
use futures::stream::{SplitSink, SplitStream};
use futures::{SinkExt, StreamExt};
use mediacore::edge::bot::Bot;
use outbox::Outbox;
use rustls::ClientConfig;
use rustls::pki_types::ServerName;
use signaling::ivr::run::{Fault, Parting};
use signaling::switch::{BotAsk, BotDone};
use std::net::IpAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;
use talk::Talk;
use terms::routing::{Connector, Database};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::time::{Instant, MissedTickBehavior, interval, timeout, timeout_at};
use tokio_rustls::TlsConnector;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::http::{HeaderValue, header};
use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;

/// Talks at a time; one more is refused.
const TALKS_MAX: usize = 500;
/// A message of a bot: two seconds of sound at 16 kHz.
const MESSAGE_BYTES_MAX: usize = 64 << 10;
/// What is written before the kernel takes it.
const WRITE_BYTES_MAX: usize = 256 << 10;
/// A bot that takes nothing for so long is lost.
const WRITE_MAX: Duration = Duration::from_secs(5);
/// How long the last word of a talk may take.
const CLOSE_MAX: Duration = Duration::from_secs(1);
/// A bot that leaves without a last word.
const HUNG_UP: &str = "the bot hung up before it had done";
/// How often is looked for what was said: half a frame.
const TURN: Duration = Duration::from_millis(10);

/// A connection, in clear or not.
trait Wire: AsyncRead + AsyncWrite + Send + Unpin {}
impl<T: AsyncRead + AsyncWrite + Send + Unpin> Wire for T {}

type Socket = WebSocketStream<Box<dyn Wire>>;

/// Lets bots speak with callers.
#[derive(Clone)]
pub struct BotSteps {
    allowed: Arc<[IpAddr]>,
    speaking: Arc<AtomicUsize>,
    tls: Arc<OnceLock<Result<Arc<ClientConfig>, String>>>,
}

/// One of the talks at a time.
struct Seat(Arc<AtomicUsize>);

impl Seat {
    fn take(speaking: &Arc<AtomicUsize>) -> Option<Seat> {
        let more = |speaking: usize| (speaking < TALKS_MAX).then_some(speaking + 1);
        speaking.fetch_update(Ordering::AcqRel, Ordering::Acquire, more).ok()?;
        Some(Seat(Arc::clone(speaking)))
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::AcqRel);
    }
}

impl BotSteps {
    /// Private addresses in `allowed` may be connected to; public ones always.
    pub fn new(allowed: &[IpAddr]) -> Self {
        BotSteps { allowed: allowed.into(), speaking: Arc::default(), tls: Arc::default() }
    }

    /// Brings one talk to its end; `bot` is its end of the line to the caller's leg.
    pub async fn run(&self, ask: BotAsk, bot: Bot) -> BotDone {
        let deadline = Instant::now() + ask.talk.timeout;
        let result = match Seat::take(&self.speaking) {
            Some(_seat) => self.talk(&ask, bot, deadline).await,
            None => Err(Fault::Failed(format!("{TALKS_MAX} bots speak, the limit"))),
        };
        if let Err(why) = &result {
            let (tenant, connector) = (ask.tenant, &ask.connector.name);
            tracing::warn!(%tenant, %connector, call = %ask.call, ?why, "a bot failed a caller");
        }
        BotDone { id: ask.id, result }
    }

    async fn talk(&self, ask: &BotAsk, bot: Bot, deadline: Instant) -> Result<Parting, Fault> {
        let connect_max = Duration::from_millis(ask.connector.timeout_ms.into());
        let connected = timeout(connect_max, self.connect(&ask.connector));
        let connected = timeout_at(deadline, connected).await.map_err(|_| Fault::Late)?;
        let late = |_| Fault::Failed(format!("it is not connected within {connect_max:?}"));
        let socket = connected.map_err(late)?.map_err(Fault::Failed)?;
        converse(socket, ask, bot, deadline).await
    }

    async fn connect(&self, connector: &Connector) -> Result<Socket, String> {
        let Database::Bot { url } = &connector.database else {
            return Err("a database is no bot".to_owned());
        };
        let url = reqwest::Url::parse(url).map_err(|error| error.to_string())?;
        let place = Place::of(&url, &self.allowed, "ivr.http_allowed").await;
        let place = place.map_err(|refusal| refusal.to_string())?;
        let mut request = url.as_str().into_client_request().map_err(|error| error.to_string())?;
        if !connector.password.is_empty() {
            let token = HeaderValue::from_str(&format!("Bearer {}", connector.password));
            let mut token = token.map_err(|_| "its password fits no header".to_owned())?;
            token.set_sensitive(true);
            request.headers_mut().insert(header::AUTHORIZATION, token);
        }
        let stream = TcpStream::connect(place.addresses()).await;
        let stream = stream.map_err(|error| error.to_string())?;
        stream.set_nodelay(true).map_err(|error| error.to_string())?;
        let wire = self.secured(&url, stream).await?;
        let config = WebSocketConfig::default()
            .write_buffer_size(0)
            .max_write_buffer_size(WRITE_BYTES_MAX)
            .max_message_size(Some(MESSAGE_BYTES_MAX))
            .max_frame_size(Some(MESSAGE_BYTES_MAX));
        let opened = tokio_tungstenite::client_async_with_config(request, wire, Some(config)).await;
        opened.map(|(socket, _)| socket).map_err(|error| error.to_string())
    }

    async fn secured(
        &self,
        url: &reqwest::Url,
        stream: TcpStream,
    ) -> Result<Box<dyn Wire>, String> {
        if url.scheme() != "wss" {
            return Ok(Box::new(stream));
        }
        let config = self.tls.get_or_init(trusting).clone()?;
        let host = url.host_str().unwrap_or_default().trim_matches(['[', ']']).to_owned();
        let name = ServerName::try_from(host).map_err(|error| error.to_string())?;
        let secured = TlsConnector::from(config).connect(name, stream).await;
        secured.map(|secured| Box::new(secured) as Box<dyn Wire>).map_err(|error| error.to_string())
    }
}

/// Believes whom the system believes.
fn trusting() -> Result<Arc<ClientConfig>, String> {
    let roots = signaling::edge::tls::authorities("")?;
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let builder = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| error.to_string())?;
    Ok(Arc::new(builder.with_root_certificates(roots).with_no_client_auth()))
}

/// Until the bot has done, one of both is lost, or time is over.
async fn converse(
    socket: Socket,
    ask: &BotAsk,
    bot: Bot,
    deadline: Instant,
) -> Result<Parting, Fault> {
    let (mut sink, stream) = socket.split();
    let outbox = Outbox::default();
    outbox.put(message::start(ask));
    let mut talk = Talk::new(&ask.talk, bot);
    let both = async {
        tokio::select! {
            end = listen(stream, &mut talk, &outbox) => end,
            why = write(&mut sink, &outbox) => Err(why),
        }
    };
    let end = match timeout_at(deadline, both).await {
        Ok(end) => end.map_err(Fault::Failed),
        Err(_) => Err(Fault::Late),
    };
    let frames = outbox.lost();
    if frames > 0 {
        let (tenant, connector) = (ask.tenant, &ask.connector.name);
        tracing::warn!(%tenant, %connector, call = %ask.call, frames, "a bot did not hear all");
    }
    let last = async {
        // Who is gone needs no last word.
        let _ = sink.send(message::stop(&end)).await;
        let _ = sink.close().await;
    };
    let _ = timeout(CLOSE_MAX, last).await;
    end
}

async fn listen(
    mut stream: SplitStream<Socket>,
    talk: &mut Talk,
    outbox: &Outbox,
) -> Result<Parting, String> {
    let mut turns = interval(TURN);
    turns.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut is_closed = false;
    loop {
        tokio::select! {
            _ = turns.tick() => {
                if let Some(end) = talk.turn(outbox) {
                    return end;
                }
            }
            got = stream.next(), if !is_closed => match got {
                Some(Ok(Message::Close(_))) if !outbox.is_left() => return Err(HUNG_UP.to_owned()),
                Some(Ok(message)) => talk.take(Instant::now(), message, outbox)?,
                // What it said before it left is heard to its end.
                Some(Err(_)) | None if outbox.is_left() => is_closed = true,
                Some(Err(error)) => return Err(error.to_string()),
                None => return Err(HUNG_UP.to_owned()),
            },
        }
    }
}

/// Sends what waits; ends only when that fails, and the bot has not said its last word.
async fn write(sink: &mut SplitSink<Socket, Message>, outbox: &Outbox) -> String {
    loop {
        let message = outbox.next().await;
        let why = match timeout(WRITE_MAX, sink.send(message)).await {
            Ok(Ok(())) => continue,
            Ok(Err(error)) => error.to_string(),
            Err(_) => format!("the bot takes nothing for {WRITE_MAX:?}"),
        };
        if !outbox.is_left() {
            return why;
        }
    }
}

#[cfg(test)]
mod tests;
