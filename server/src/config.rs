//! The one configuration: `switchgrid.toml`, every key optional. A key is declared once, below, with
//! its meaning, default and whether a change needs a restart; `docs/config.md` is written from here.
//!
//! A bad file stops the start with file, line, key and what would be right.

mod bans;
mod doors;
mod files;
mod manifest;
mod media;
mod networks;
mod places;
pub mod refusal;
mod schedules;
mod secret_file;
mod store;
mod tier;
pub mod value;

pub use manifest::ADDRESS as MANIFEST;
pub use refusal::Error;
pub use store::{PLACE, Place, STORE, is_place};

use refusal::{bad, find_key};
use serde::{Deserialize, Serialize};
use std::path::{Path, PathBuf};
use terms::media::{Codec, SrtpPolicy, T38Policy};
use value::{Address, Algorithm, Backend, Bytes, PortRange, Span, Speech, Zone};

/// Shortest part of a recording: shorter ones would be more files than conversations.
const PART_MIN: std::time::Duration = std::time::Duration::from_secs(60);

/// Most calls of an agent that a limit may allow: so many are remembered of each.
const OUT_CALLS_MAX: u32 = 1_000;

/// When a changed key takes effect.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Applies {
    /// At the next start.
    Restart,
}

/// One key, for the documentation.
#[derive(Clone, Copy, Debug)]
pub struct Key {
    /// The table it stands in.
    pub section: &'static str,
    /// Its name.
    pub name: &'static str,
    /// What it does.
    pub doc: &'static str,
    /// What stands when it is left out, as TOML.
    pub default: &'static str,
    /// When a change takes effect.
    pub applies: Applies,
}

macro_rules! config {
    ($(
        #[doc = $section_doc:literal]
        $section:ident : $Section:ident {
            $( $(#[doc = $doc:literal])+ $key:ident : $type:ty = $default:literal, $applies:ident; )+
        }
    )+) => {
        /// The whole configuration, checked.
        #[derive(Clone, Debug, PartialEq, Serialize, Deserialize, Default)]
        #[serde(default, deny_unknown_fields)]
        pub struct Config {
            $( #[doc = $section_doc] pub $section: $Section, )+
        }

        $(
            #[doc = $section_doc]
            #[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
            #[serde(default, deny_unknown_fields)]
            pub struct $Section {
                $( $(#[doc = $doc])+ pub $key: $type, )+
            }

            impl Default for $Section {
                fn default() -> Self {
                    $Section { $( $key: default_of($default), )+ }
                }
            }
        )+

        /// Every key in the order of the documentation.
        pub fn keys() -> Vec<Key> {
            vec![$( $( Key {
                section: stringify!($section),
                name: stringify!($key),
                doc: concat!($($doc),+).trim_ascii(),
                default: $default,
                applies: Applies::$applies,
            }, )+ )+]
        }

        /// Every section with what it is about.
        pub fn sections() -> Vec<(&'static str, &'static str)> {
            vec![$( (stringify!($section), $section_doc.trim_ascii()), )+]
        }
    };
}

config! {
    /// Where everything is kept and who the box is.
    server: ServerConfig {
        /// Folder of databases, event log, recordings and warehouse. Made when missing.
        data: PathBuf = "\"./data\"", Restart;
        /// Where the business is kept: tenants, people, flows, orders. Empty is the file `desk.db` in the
        /// data folder. Else the path of another such file, or a database of PostgreSQL of the box's own:
        /// postgres://user:password@host:5432/database. The environment variable SWITCHGRID_STORE, when
        /// set, holds it instead.
        store: value::Secret = "\"\"", Restart;
        /// Least severe log line: error, warn, info, debug or trace.
        log: value::Level = "\"info\"", Restart;
        /// Log lines as JSON instead of text.
        log_json: bool = "false", Restart;
        /// How long running calls may go on after SIGTERM before they are ended.
        drain_max: Span = "\"30s\"", Restart;
    }
    /// The tenant that an empty store begins with. Later changes are made through the API.
    first: FirstConfig {
        /// The organisation's name.
        tenant: String = "\"Switchgrid\"", Restart;
        /// The hotline that customers dial.
        hotline: value::Dialled = "\"95105688\"", Restart;
        /// Time zone of reports and opening hours, an IANA name.
        time_zone: Zone = "\"Asia/Shanghai\"", Restart;
        /// Language of prompts and reports: zh-CN or en.
        language: value::Language = "\"zh-CN\"", Restart;
        /// Addresses or address/prefix of a SIP trunk for the hotline. Calls from there need no password.
        trunk_sources: Vec<value::Network> = "[\"127.0.0.1/32\", \"::1/128\"]", Restart;
    }
    /// The API and its pages.
    http: HttpConfig {
        /// Address and port to listen on.
        listen: Address = "\"0.0.0.0:8080\"", Restart;
        /// Address and port of a plain TCP socket for programs that speak no HTTP, such as
        /// 127.0.0.1:8081: lines of JSON, not encrypted. Empty is none.
        socket: value::Listen = "\"\"", Restart;
        /// Longest request body.
        body_max: Bytes = "\"1MiB\"", Restart;
        /// Longest time for a request other than a download or a live connection.
        request_max: Span = "\"60s\"", Restart;
    }
    /// SIP.
    sip: SipConfig {
        /// Address and port for UDP.
        udp: Address = "\"0.0.0.0:5060\"", Restart;
        /// Address and port for TCP.
        tcp: Address = "\"0.0.0.0:5060\"", Restart;
        /// Address and port for TLS, such as 0.0.0.0:5061. Empty is none. Trunks are called over TLS
        /// without it.
        tls: value::Listen = "\"\"", Restart;
        /// Address and port for phones in browsers behind a proxy of your own that speaks TLS: WebSocket
        /// in clear. Empty is none.
        ws: value::Listen = "\"\"", Restart;
        /// Address and port for phones in browsers: WebSocket over TLS, such as 0.0.0.0:7443. Empty is
        /// none.
        wss: value::Listen = "\"\"", Restart;
        /// PEM file of the certificate for tls and wss, those above it behind it. Read again when it is
        /// written anew.
        certificate: PathBuf = "\"\"", Restart;
        /// PEM file of its private key, without a password.
        certificate_key: PathBuf = "\"\"", Restart;
        /// Origins of pages that may connect over WebSocket beside those of the same host, as browsers
        /// write them: https://desk.example.com. Other pages are refused with 403. Who sends no Origin
        /// is no browser and is let in.
        ws_origins: Vec<value::Origin> = "[]", Restart;
        /// Path of WebSocket, such as /sip; others are refused with 404. Empty serves any.
        ws_path: value::HttpPath = "\"\"", Restart;
        /// Networks whose peers may signal over UDP, such as 10.0.0.0/8: others are dropped, counted and
        /// logged once. Empty takes everybody; sources of trunks always may.
        udp_allowed: Vec<value::Network> = "[]", Restart;
        /// The same for TCP.
        tcp_allowed: Vec<value::Network> = "[]", Restart;
        /// The same for TLS.
        tls_allowed: Vec<value::Network> = "[]", Restart;
        /// The same for ws.
        ws_allowed: Vec<value::Network> = "[]", Restart;
        /// The same for wss.
        wss_allowed: Vec<value::Network> = "[]", Restart;
        /// Name servers that are asked where trunks are, such as 10.0.0.53 or 10.0.0.53:5353: three at most
        /// count, and the machine's own names are not looked at then. Empty asks those of the system.
        name_servers: Vec<value::NameServer> = "[]", Restart;
        /// Most connections of one address over TCP, TLS and WebSocket; one more is closed.
        connections_of_address_max: u32 = "1000", Restart;
        /// Address that phones and trunks reach us at, in signalling and for audio, where networks says
        /// nothing else. Empty finds the address of the default route.
        advertise: value::HostAddress = "\"\"", Restart;
        /// Peers that reach us at another address, one table `[[sip.networks]]` for each of their
        /// networks: peers, such as 10.0.0.0/8, where they signal from; sip, our address in signalling;
        /// media, our address for audio, the same when left out. The most specific network counts.
        networks: Vec<value::Told> = "[]", Restart;
        /// Digest algorithms offered to phones, the preferred one first.
        digest: Vec<Algorithm> = "[\"SHA-256\", \"MD5\"]", Restart;
        /// Protection realm of digest authentication. Passwords are stored for one realm: a change
        /// makes every phone password invalid.
        realm: String = "\"switchgrid\"", Restart;
        /// Codecs of phones, and of trunks that name none, the preferred one first: PCMA, PCMU, G722,
        /// opus, L16, L16/8000, G729. What is left out is neither offered nor taken.
        codecs: Vec<Codec> = "[\"PCMA\", \"PCMU\", \"G722\", \"opus\"]", Restart;
        /// Encryption of the audio of phones: off, optional (SRTP with keys in the description, where
        /// the phone takes it), required, or dtls (the keys come by a handshake). Whatever it says, a
        /// phone that offers only encrypted audio is answered. A trunk says its own.
        srtp: SrtpPolicy = "\"off\"", Restart;
        /// Fax over IP (T.38): off (an offer is refused with 488, the fax goes on as audio) or pass
        /// (what one trunk offers is offered to the other, and packets pass unchanged; a fax machine of
        /// ours takes it, and asks for it where it was called).
        t38: T38Policy = "\"pass\"", Restart;
        /// Most SIP dialogs at a time; one more is answered 503.
        dialogs_max: u32 = "20000", Restart;
        /// Most requests per second from one address before they are dropped.
        requests_per_s_max: u32 = "2000", Restart;
        /// Failures of one address within ban_within that ban it: wrong passwords, different names asked
        /// for without one, messages that are no SIP, names of scanners. At most 100; 0 bans nobody.
        ban_after: u32 = "10", Restart;
        /// The time within which failures count towards a ban.
        ban_within: Span = "\"10m\"", Restart;
        /// Length of the first ban of an address; each further one is twelve times as long.
        ban_time: Span = "\"10m\"", Restart;
        /// Longest ban, and how long an address has to keep the peace until its next is a first one.
        ban_time_max: Span = "\"1d\"", Restart;
        /// Networks that are never banned, such as those of an office or a proxy before ws. Sources of
        /// trunks never are, nor who is on the list of an interface.
        ban_never: Vec<value::Network> = "[]", Restart;
        /// How long a trunk may say nothing at all to a call where another server of it, or another
        /// trunk, is left to try: 1s to 32s.
        trunk_silence_max: Span = "\"6s\"", Restart;
        /// Seconds within which a call is refreshed, by them or by us, where they know of session
        /// timers: one whose other end is gone ends then. 90 to 86400; 0 asks for none.
        session_expires_s: u32 = "1800", Restart;
    }
    /// Calls, each limit for one call unless it says otherwise.
    calls: CallsConfig {
        /// Most calls of the box at a time; one more is answered 503 with Retry-After.
        max: u32 = "2000", Restart;
        /// Longest call.
        length_max: Span = "\"12h\"", Restart;
        /// Longest ringing of a call without a queue.
        ring_max: Span = "\"45s\"", Restart;
        /// Longest silence on a leg that should send audio; then it is hung up. One that paused with
        /// comfort noise and sends no reports is asked for a sign, and hung up where it gives none.
        silence_max: Span = "\"30s\"", Restart;
        /// How long a conversation waits, with music for the other party, for an agent's page of which
        /// nothing comes: it was loaded anew, or its network is away. 0s waits no longer than for other
        /// phones. After a kill what is due to a phone behind a connection waits as long for its next one.
        return_max: Span = "\"60s\"", Restart;
        /// Trunks that are called for one number, one after the other: 1 to 10.
        trunk_attempts_max: u8 = "3", Restart;
        /// Longest message that a caller may leave.
        message_max: Span = "\"120s\"", Restart;
        /// Calls of one agent to the outside in a minute; one more bars the agent from calling out
        /// until an administrator lifts it. Here and in the next four, 0 is no limit.
        out_per_minute_max: u32 = "10", Restart;
        /// Calls of one agent to the outside at a time, forwarded ones included.
        out_at_once_max: u32 = "5", Restart;
        /// Different numbers outside that one agent calls in an hour.
        out_destinations_per_hour_max: u32 = "60", Restart;
        /// Length of all calls of one agent to the outside in an hour, from dialling on.
        out_length_per_hour_max: Span = "\"2h\"", Restart;
        /// Calls of one agent in an hour to numbers that they have no right to.
        out_refused_per_hour_max: u32 = "4", Restart;
        /// A call from a screen to a number that anybody of the tenant called within this time is made
        /// when it is confirmed; 0s never asks.
        called_again: Span = "\"30m\"", Restart;
        /// Record conversations that came through no queue.
        record_direct: bool = "true", Restart;
        /// Folder of what live calls need to go on when the call process is killed; it should be in
        /// memory, because keys of audio stand in it. Empty is one of this box's own in /dev/shm,
        /// which needs 2.2 KiB for each leg of rtp.legs_max and media thread. off keeps nothing: calls
        /// then end with the process.
        live: PathBuf = "\"\"", Restart;
    }
    /// Audio.
    rtp: RtpConfig {
        /// Ports for RTP and RTCP, first-last. Keep them below the ephemeral ports of the system.
        ports: PortRange = "\"20000-32766\"", Restart;
        /// Address to send and receive audio on.
        bind: value::HostAddress = "\"0.0.0.0\"", Restart;
        /// Code point of audio packets (DSCP), 0-63: 46 is expedited forwarding, 0 marks nothing.
        dscp: u8 = "46", Restart;
        /// Socket loop: auto, io_uring or epoll. Auto takes io_uring where the kernel allows it.
        backend: Backend = "\"auto\"", Restart;
        /// Media threads; each is pinned to a core of its own while there are enough.
        shards: u16 = "1", Restart;
        /// Most legs at a time on one media thread.
        legs_max: u32 = "8192", Restart;
        /// Receive buffers of one media thread on io_uring, 1,600 bytes each: 100 ms of its traffic. A
        /// power of two, 64-32768.
        buffers: u32 = "16384", Restart;
        /// Most parties of one conversation or meeting on one media thread; one more stays outside,
        /// and the log says so.
        parties_max: u32 = "1000", Restart;
        /// Most conversations and meetings at a time on one media thread; a leg that would begin one
        /// more stays outside, and the log says so. 1-1000000.
        rooms_max: u32 = "8192", Restart;
        /// Voices of one conversation that are heard at a time; of more the loudest. Above 16 it is 16.
        speakers_max: u32 = "8", Restart;
        /// Least delay of audio that is mixed or converted, in ms.
        jitter_ms_min: u32 = "40", Restart;
        /// Most delay of it in ms, when the network is bad.
        jitter_ms_max: u32 = "200", Restart;
        /// Folder of prompts that come before the built-in ones, as <language>/<name>.wav, .mp3 or .opus. Empty is none.
        prompts: PathBuf = "\"\"", Restart;
        /// Largest file of a prompt, in a folder or uploaded.
        prompt_bytes_max: Bytes = "\"64MiB\"", Restart;
        /// Longest prompt.
        prompt_length_max: Span = "\"30m\"", Restart;
        /// Most prompts that one tenant may upload, at most 10000.
        own_prompts_max: u32 = "500", Restart;
        /// Length of all prompts that one tenant may upload, one after the other. An hour of them takes
        /// 58 MB of memory.
        own_prompts_length_max: Span = "\"1h\"", Restart;
        /// What speaks texts of flows: espeak-ng, or none.
        speech: Speech = "\"espeak-ng\"", Restart;
        /// Most speech that is kept on disk, in `speech` of the data folder; the oldest goes.
        speech_bytes_max: Bytes = "\"256MiB\"", Restart;
        /// Faxes that the box itself sends and receives at a time, each a process of its own; one more
        /// fails, and its step of the flow goes on at `error`. 1-1000.
        faxes_max: u32 = "60", Restart;
    }
    /// IVR flows.
    ivr: IvrConfig {
        /// Private addresses that HTTP and bot steps of flows may ask; public addresses always may be
        /// asked.
        http_allowed: Vec<std::net::IpAddr> = "[]", Restart;
        /// Private addresses of databases that SQL steps of flows may ask; public addresses always may be
        /// asked.
        sql_allowed: Vec<std::net::IpAddr> = "[]", Restart;
        /// Folder of SQLite files that SQL steps of flows may ask, as <tenant's id>/<file>. Empty is none.
        sqlite_folder: PathBuf = "\"\"", Restart;
    }
    /// Programs that are told of events over HTTP.
    hooks: HooksConfig {
        /// Private addresses that may be told of events; public addresses always may be.
        allowed: Vec<std::net::IpAddr> = "[]", Restart;
        /// A program that could not be told for so long is paused until somebody resumes it.
        failing_max: Span = "\"8h\"", Restart;
    }
    /// Recordings.
    recording: RecordingConfig {
        /// Folder of finished recordings. Empty is `recordings` in the data folder.
        path: PathBuf = "\"\"", Restart;
        /// File of the keys that seal recordings, made at the first start; keep a copy in another
        /// place. Empty is `recording.keys` in the data folder. The environment variable
        /// SWITCHGRID_RECORDING_KEYS, when set, holds the keys instead.
        keys: PathBuf = "\"\"", Restart;
        /// Make an MP3 beside every WAV.
        mp3: bool = "true", Restart;
        /// Bit rate of MP3 in kbit/s over both sides: 8, 16, 24, 32, 40, 48 or 64.
        mp3_kbit: u32 = "32", Restart;
        /// Make an Opus file beside every WAV.
        opus: bool = "false", Restart;
        /// Bit rate of Opus in kbit/s over both sides, 12-128.
        opus_kbit: u32 = "24", Restart;
        /// Seal finished recordings with the keys too: WAV, MP3 and Opus lie encrypted on disk and are
        /// read through the API and `switchgrid recording`. What was recorded before stays as it is.
        encrypt_renderings: bool = "false", Restart;
        /// Most recordings at a time on one media thread; one more is refused, and its row says why.
        /// 1-1000000.
        recordings_max: u32 = "8192", Restart;
        /// Most parties that are recorded at a time on one media thread, over all recordings; a
        /// recording with one more is refused, and who joins one is not recorded. 1-1000000.
        tracks_max: u32 = "32768", Restart;
        /// Most audio kept in memory while the disk does not take it; what comes on top is counted as missing.
        backlog_max: Bytes = "\"64MiB\"", Restart;
        /// Size of a segment file of the recording log.
        segment: Bytes = "\"64MiB\"", Restart;
        /// Longest recording in one file; a longer conversation goes on in the next one. The log on disk holds at least what all calls said in this time.
        part_max: Span = "\"1h\"", Restart;
        /// Where a copy of every recording goes by itself: a folder, or s3://bucket/folder, which is asked
        /// with the access of `tier`. Empty is nowhere. `switchgrid recording backup` does the same once.
        backup_to: String = "\"\"", Restart;
        /// Pause between the end of one backup and the next one.
        backup_every: Span = "\"24h\"", Restart;
    }
    /// Sets of recordings that are fetched as one file.
    export: ExportConfig {
        /// Most recordings of one set over the API. `switchgrid recording export` copies any number.
        recordings_max: u32 = "2000", Restart;
    }
    /// A second tier of recordings: an object store with the S3 API. Without a bucket backups alone ask it.
    tier: TierConfig {
        /// Bucket that finished recordings move to. Empty: all stay on this box.
        bucket: value::Bucket = "\"\"", Restart;
        /// Where the object store is, such as https://s3.example.com or http://192.0.2.7:9000. Empty is
        /// Amazon S3 in tier.region.
        endpoint: value::Endpoint = "\"\"", Restart;
        /// What the names of its objects begin with. Two boxes that share a bucket need two.
        prefix: value::Prefix = "\"\"", Restart;
        /// Region that requests are signed for.
        region: String = "\"us-east-1\"", Restart;
        /// Access key; backups to buckets ask with it too.
        access_key: String = "\"\"", Restart;
        /// Secret of the access key. The environment variable SWITCHGRID_TIER_SECRET, when set, holds it
        /// instead.
        secret_key: value::Secret = "\"\"", Restart;
        /// File that holds the secret, instead of secret_key.
        secret_file: PathBuf = "\"\"", Restart;
        /// Ask over http, where everybody on the way can listen.
        allow_http: bool = "false", Restart;
        /// How long after its start a recording moves.
        after: Span = "\"1d\"", Restart;
        /// Folder of what was fetched back. Empty is `tier-cache` in the data folder.
        cache: PathBuf = "\"\"", Restart;
        /// Most that is kept in that folder; what was not heard for the longest time goes.
        cache_max: Bytes = "\"10GiB\"", Restart;
    }
    /// The warehouse of call records.
    warehouse: WarehouseConfig {
        /// Staged records that make a file.
        seal_rows: u32 = "10000", Restart;
        /// Longest time a record stays staged.
        seal_every: Span = "\"5m\"", Restart;
        /// How long a file of the event log stays after its last entry; it goes once its records are sealed. Live clients resume from it, and records can be made again from it.
        log_keep: Span = "\"7d\"", Restart;
        /// Address of a PostgreSQL schema for the manifest and the staged records, such as
        /// postgres://user:password@host/database?schema=name. Empty is a SQLite file in the data folder.
        /// The environment variable SWITCHGRID_WAREHOUSE_MANIFEST, when set, holds it instead.
        manifest: value::Secret = "\"\"", Restart;
        /// Bucket of an object store with the S3 API that published files are in, and what their names
        /// begin with, such as s3://calls/box-1. Empty: they are in the data folder. It stays what it was
        /// at the first start.
        files: value::S3Folder = "\"\"", Restart;
        /// Where that object store is, such as https://s3.example.com. Empty is Amazon S3 in
        /// warehouse.files_region.
        files_endpoint: value::Endpoint = "\"\"", Restart;
        /// Region that requests are signed for.
        files_region: String = "\"us-east-1\"", Restart;
        /// Access key.
        files_access_key: String = "\"\"", Restart;
        /// Secret of the access key. The environment variable SWITCHGRID_WAREHOUSE_SECRET, when set,
        /// holds it instead.
        files_secret_key: value::Secret = "\"\"", Restart;
        /// File that holds the secret, instead of files_secret_key.
        files_secret_file: PathBuf = "\"\"", Restart;
        /// Ask over http, where everybody on the way can listen.
        files_allow_http: bool = "false", Restart;
    }
    /// Questions in SQL, from the API and the command line.
    sql: SqlConfig {
        /// Longest time for one question.
        time_max: Span = "\"30s\"", Restart;
        /// Most rows in an answer.
        rows_max: u32 = "100000", Restart;
        /// Most rows of a report; one with more is refused with their number.
        report_rows_max: u32 = "1000000", Restart;
        /// Memory of one question.
        memory_max: Bytes = "\"512MiB\"", Restart;
        /// Questions and reports that run at the same time.
        jobs_max: u32 = "2", Restart;
        /// Address and port for clients of PostgreSQL, such as 0.0.0.0:5432: psql, DBeaver, Grafana,
        /// Metabase. Empty is none. TLS is that of sip.certificate.
        postgres: value::Listen = "\"\"", Restart;
        /// Let them sign in from other machines without TLS, where something of your own encrypts.
        postgres_plain: bool = "false", Restart;
        /// Most connections of clients of PostgreSQL.
        postgres_connections_max: u32 = "32", Restart;
        /// Address and port for clients of Flight SQL, such as 0.0.0.0:32010: ADBC from Python, JDBC.
        /// Empty is none. TLS is that of sip.certificate; in clear they come from this machine alone.
        flight: value::Listen = "\"\"", Restart;
        /// Most connections of clients of Flight SQL.
        flight_connections_max: u32 = "32", Restart;
    }
    /// Reports that are made by a schedule, and where their files go.
    schedules: SchedulesConfig {
        /// Folder of their files. Empty is `report-runs` in the data folder.
        files: PathBuf = "\"\"", Restart;
        /// How long a run and its file are kept.
        keep: Span = "\"90d\"", Restart;
        /// Folders that files may be put into, each tenant's in a folder of its own beneath.
        directories: Vec<PathBuf> = "[]", Restart;
        /// Private addresses that webhooks may lead to, over http too; public ones are asked over https.
        webhook_allowed: Vec<std::net::IpAddr> = "[]", Restart;
        /// Name or address of the mail server. Empty: no mail is sent.
        smtp_host: String = "\"\"", Restart;
        /// Its port: 587 with starttls, 465 with implicit.
        smtp_port: u16 = "587", Restart;
        /// Encryption: starttls, implicit (TLS from the first octet) or off.
        smtp_tls: value::SmtpTls = "\"starttls\"", Restart;
        /// PEM file of the authorities that the mail server's certificate is checked against. Empty is
        /// those of the system.
        smtp_ca: PathBuf = "\"\"", Restart;
        /// User at the mail server; empty signs nobody in.
        smtp_user: String = "\"\"", Restart;
        /// Their password. The environment variable SWITCHGRID_SMTP_PASSWORD, when set, holds it instead.
        smtp_password: value::Secret = "\"\"", Restart;
        /// File that holds the password, so that it stands in no configuration.
        smtp_password_file: PathBuf = "\"\"", Restart;
        /// Sender of mails, such as reports@example.com.
        mail_from: String = "\"\"", Restart;
        /// Largest file of a mail; instead of a larger one it has a link.
        mail_bytes_max: Bytes = "\"10MiB\"", Restart;
        /// Where people reach this box, such as https://desk.example.com: links in mails begin with it.
        link: String = "\"\"", Restart;
    }
}

/// A default is written as TOML once, so that the documentation shows what the program uses.
fn default_of<T: serde::de::DeserializeOwned>(text: &str) -> T {
    #[derive(Deserialize)]
    struct Holder<T> {
        v: T,
    }
    let holder: Holder<T> =
        toml::from_str(&format!("v = {text}")).expect("every default is a valid value of its key");
    holder.v
}

fn refused<T>(key: &str, problem: String) -> Result<T, Error> {
    Err(Error::Refused { key: key.to_owned(), problem })
}

impl Config {
    /// Reads `file`, or gives the defaults when `file` is `None` and there is no
    /// `switchgrid.toml` in the working directory.
    ///
    /// # Errors
    /// [`Error::Read`] and [`Error::Bad`].
    pub fn load(file: Option<&Path>) -> Result<Self, Error> {
        let default = Path::new("switchgrid.toml");
        let file = match file {
            Some(file) => file,
            None if default.exists() => default,
            None => return Ok(Config::default()),
        };
        let text = std::fs::read_to_string(file)
            .map_err(|source| Error::Read { file: file.to_owned(), source })?;
        Config::parse(&text, file)
    }

    /// Parses and checks `text`; `file` is named in errors.
    ///
    /// # Errors
    /// [`Error::Bad`] for the first thing that is wrong.
    pub fn parse(text: &str, file: &Path) -> Result<Self, Error> {
        let config: Config = toml::from_str(text).map_err(|error| {
            let at = error.span().map_or(0, |span| span.start);
            bad(text, file, at, error.message())
        })?;
        config.check().map_err(|error| match error {
            Error::Refused { key, problem } => match find_key(text, &key) {
                Some(at) => bad(text, file, at, &problem),
                None => Error::Refused { key, problem },
            },
            other => other,
        })?;
        Ok(config)
    }

    /// Checks keys against each other.
    ///
    /// # Errors
    /// [`Error::Refused`].
    pub fn check(&self) -> Result<(), Error> {
        if !mediacore::mp3::KBIT.map(u32::from).contains(&self.recording.mp3_kbit) {
            return refused(
                "recording.mp3_kbit",
                format!(
                    "{} kbit/s is no rate of ours; use 8, 16, 24, 32, 40, 48 or 64",
                    self.recording.mp3_kbit
                ),
            );
        }
        if !(12..=128).contains(&self.recording.opus_kbit) {
            let problem = format!("{} kbit/s is outside 12-128", self.recording.opus_kbit);
            return refused("recording.opus_kbit", problem);
        }
        if self.recording.part_max.0 < PART_MIN {
            let problem =
                format!("{} is too short for a file; use at least 1m", self.recording.part_max);
            return refused("recording.part_max", problem);
        }
        if self.sip.digest.is_empty() {
            return refused("sip.digest", "name at least one of \"SHA-256\" and \"MD5\"".into());
        }
        self.check_doors()?;
        self.check_postgres()?;
        self.check_flight()?;
        self.check_networks()?;
        self.check_bans()?;
        self.check_trunks()?;
        if self.sip.codecs.is_empty() {
            return refused("sip.codecs", "name at least one, such as \"PCMA\"".into());
        }
        self.check_media()?;
        for (key, value) in [
            ("calls.out_per_minute_max", self.calls.out_per_minute_max),
            ("calls.out_at_once_max", self.calls.out_at_once_max),
            ("calls.out_destinations_per_hour_max", self.calls.out_destinations_per_hour_max),
            ("calls.out_refused_per_hour_max", self.calls.out_refused_per_hour_max),
        ] {
            if value > OUT_CALLS_MAX {
                let problem = format!("{value} is above {OUT_CALLS_MAX}; 0 is no limit");
                return refused(key, problem);
            }
        }
        for (key, value) in [
            ("sip.dialogs_max", self.sip.dialogs_max),
            ("sip.connections_of_address_max", self.sip.connections_of_address_max),
            ("calls.max", self.calls.max),
            ("warehouse.seal_rows", self.warehouse.seal_rows),
            ("export.recordings_max", self.export.recordings_max),
            ("sql.rows_max", self.sql.rows_max),
            ("sql.report_rows_max", self.sql.report_rows_max),
            ("sql.jobs_max", self.sql.jobs_max),
            ("sql.postgres_connections_max", self.sql.postgres_connections_max),
            ("sql.flight_connections_max", self.sql.flight_connections_max),
        ] {
            if value == 0 {
                return refused(key, "0 would let nothing through; use at least 1".into());
            }
        }
        manifest::check(&self.warehouse)?;
        files::check(&self.warehouse)?;
        store::check(&self.server.store)?;
        tier::check(&self.tier)?;
        schedules::check(&self.schedules)?;
        for (key, port) in
            [("sip.udp", self.sip.udp.0.port()), ("http.listen", self.http.listen.0.port())]
        {
            if port != 0 && self.rtp.ports.contains(port) {
                return refused(
                    key,
                    format!(
                        "port {port} lies inside rtp.ports {}; move one of them",
                        self.rtp.ports
                    ),
                );
            }
        }
        Ok(())
    }

    /// How trunks are tried for one call.
    fn check_trunks(&self) -> Result<(), Error> {
        let session_s = self.sip.session_expires_s;
        if session_s != 0 && !(90..=86_400).contains(&session_s) {
            return refused("sip.session_expires_s", format!("{session_s} is not 0 or 90-86400"));
        }
        let (silence, attempts) = (self.sip.trunk_silence_max, self.calls.trunk_attempts_max);
        if !(1_000..=32_000).contains(&silence.0.as_millis()) {
            return refused("sip.trunk_silence_max", format!("{silence} is outside 1s-32s"));
        }
        if !(1..=10).contains(&attempts) {
            return refused("calls.trunk_attempts_max", format!("{attempts} is outside 1-10"));
        }
        Ok(())
    }
}

/// `docs/config.md`, whole.
pub fn documentation() -> String {
    let mut page = String::from(
        "# Configuration\n\n\
         `switchgrid.toml` in the working directory, or the file that `--config` names.\n\
         Every key is optional; what stands here as default is what the program uses.\n\
         Times are numbers with `ms`, `s`, `m`, `h` or `d`; sizes with `B`, `KiB`, `MiB` or `GiB`.\n\
         `switchgrid check` reads the file without starting anything.\n\n\
         This page is written from the declarations in `server/src/config.rs`; a test compares them.\n",
    );
    for (section, about) in sections() {
        page.push_str(&format!("\n## [{section}]\n\n{about}\n\n| key | default | takes effect | meaning |\n|---|---|---|---|\n"));
        for key in keys().iter().filter(|key| key.section == section) {
            let applies = match key.applies {
                Applies::Restart => "restart",
            };
            page.push_str(&format!(
                "| `{}` | `{}` | {applies} | {} |\n",
                key.name, key.default, key.doc
            ));
        }
    }
    page
}

#[cfg(test)]
mod tests;
