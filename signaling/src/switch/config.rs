//! What the box's owner may set about calls. Each limit has a name and a default.

use crate::calling::Limits;
use crate::reach::Reach;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;
use terms::media::{Codec, Fingerprint, SrtpPolicy, T38Policy};

/// Limits and habits of the switch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Config {
    /// Most calls at a time; one more gets 503.
    pub calls_max: usize,
    /// Address in our session descriptions, where it is not the one that media binds.
    pub media_ip: Option<IpAddr>,
    /// Which peers are told another address there.
    pub reach: Arc<Reach>,
    /// Codecs of legs whose trunk names none, the preferred one first. What is left out is neither
    /// offered nor taken.
    pub codecs: Vec<Codec>,
    /// Encryption of the audio of agents' phones; a trunk says its own.
    pub srtp: SrtpPolicy,
    /// Whether a call between two trunks may go over to fax.
    pub t38: T38Policy,
    /// The certificate of media; without one no handshake is offered or taken (DTLS-SRTP, WebRTC).
    pub certificate: Option<Fingerprint>,
    /// Retry-After of a refusal for load or drain.
    pub retry_after_s: u32,
    /// Longest silence on a leg that should send, then it is hung up; one that said that it pauses is
    /// asked for a sign.
    pub silence_max: Duration,
    /// Longest wait for an agent's page of which nothing comes in a conversation; 0 waits as for other
    /// legs.
    pub return_max: Duration,
    /// Longest ringing of a call without a queue.
    pub ring_max: Duration,
    /// Longest call.
    pub call_max: Duration,
    /// Longest wait for media to close a leg.
    pub release_max: Duration,
    /// Longest wait for the ACK before a call goes on without it.
    pub ack_max: Duration,
    /// Longest message.
    pub message_max: Duration,
    /// Longest wait for a key in the satisfaction question.
    pub survey_key_max: Duration,
    /// Times the satisfaction question is asked.
    pub survey_attempts: u8,
    /// Longest announcement, in case its end is never reported.
    pub announcement_max: Duration,
    /// Times a call may be sent from one place to the next.
    pub hops_max: u8,
    /// Trunks that are called for one number, one after the other.
    pub trunk_attempts_max: u8,
    /// Longest wait for a first word of a trunk, 100 at least, where another one is left.
    pub trunk_silence_max: Duration,
    /// Parties of one conversation, those asked in included.
    pub parties_max: usize,
    /// Callers of a tenant who may be parked at a time; slots are numbered from 1.
    pub park_slots: u8,
    /// Longest wait of a parked caller; then they ring back.
    pub park_max: Duration,
    /// Times a caller is asked for the PIN of a conference in one call.
    pub pin_attempts: u8,
    /// Wrong PINs of one caller at one conference, within `pin_wrong_within`; then they are refused.
    pub pin_wrong_max: u32,
    /// Wrong PINs of all callers from outside at one conference; then strangers are refused.
    pub pin_wrong_room_max: u32,
    /// From the first wrong PIN on; then counting begins anew.
    pub pin_wrong_within: Duration,
    /// Longest wait for a key of a PIN, or for the key of who is asked to come.
    pub conference_key_max: Duration,
    /// How much one agent may call out before they are barred.
    pub out: Limits,
    /// Record conversations that came through no queue.
    pub record_direct: bool,
    /// Longest recording in one part; a longer conversation goes on in the next.
    pub recording_part_max: Duration,
    /// Recordings whose ledger is awaited; beyond it the oldest loses agent and queue in its entry.
    pub recordings_max: usize,
    /// Say after each step what changed, for a process that goes on after this one was killed.
    pub keeps: bool,
}

impl Default for Config {
    fn default() -> Self {
        Config {
            calls_max: 2_000,
            media_ip: None,
            reach: Arc::default(),
            codecs: vec![Codec::Pcma, Codec::Pcmu, Codec::G722, Codec::Opus],
            srtp: SrtpPolicy::Off,
            t38: T38Policy::Pass,
            certificate: None,
            retry_after_s: 10,
            silence_max: Duration::from_secs(30),
            return_max: Duration::from_secs(60),
            ring_max: Duration::from_secs(45),
            call_max: Duration::from_secs(12 * 3_600),
            release_max: Duration::from_secs(5),
            ack_max: Duration::from_secs(40),
            message_max: Duration::from_secs(120),
            survey_key_max: Duration::from_secs(6),
            survey_attempts: 2,
            announcement_max: Duration::from_secs(60),
            hops_max: 20,
            trunk_attempts_max: 3,
            trunk_silence_max: Duration::from_secs(6),
            parties_max: 5,
            park_slots: 20,
            park_max: Duration::from_secs(120),
            pin_attempts: 3,
            pin_wrong_max: 6,
            pin_wrong_room_max: 60,
            pin_wrong_within: Duration::from_secs(900),
            conference_key_max: Duration::from_secs(10),
            out: Limits::default(),
            record_direct: true,
            recording_part_max: Duration::from_secs(3_600),
            recordings_max: 20_000,
            keeps: false,
        }
    }
}
