//! How a live call sounds right now, leg by leg: asked of the media cores when the question comes,
//! so the figures are as old as the answer is under way.

use super::Shared;
use super::extract::Id;
use super::guard::{Caller, Guard};
use super::problem::Problem;
use axum::Json;
use axum::extract::State;
use desk::Permission;
use serde::Serialize;
use terms::control::{Answer, Ask, LegQuality};
use terms::event::Role;
use terms::media::{FarQuality, Quality, SsrcEpoch};
use terms::{AgentId, CallId, LegId};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

/// How a live call sounds.
#[derive(Serialize, ToSchema)]
struct CallQuality {
    /// The call.
    #[schema(value_type = String)]
    call: CallId,
    /// Its legs that have a voice.
    legs: Vec<LegSound>,
}

/// What a leg heard and said until now.
#[derive(Serialize, ToSchema)]
struct LegSound {
    /// The leg.
    #[schema(value_type = String)]
    leg: LegId,
    /// `customer`, `agent` or `outside`.
    #[schema(value_type = String)]
    role: Role,
    /// The agent.
    #[schema(value_type = Option<String>)]
    agent: Option<AgentId>,
    /// What it speaks to us; none before an answer.
    codec: Option<String>,
    /// What we hear.
    heard: HeardSound,
    /// RTP packets sent to it.
    packets_sent: u64,
    /// What it says about what we send; none without reports.
    far: Option<FarSound>,
}

/// What we hear of a leg.
#[derive(Serialize, ToSchema)]
struct HeardSound {
    /// RTP packets received.
    packets_received: u64,
    /// RTP packets that the sequence numbers say were sent.
    packets_expected: u64,
    /// Of those, not received.
    packets_lost: u64,
    /// Received too late to be heard.
    packets_late: u64,
    /// Received twice or more.
    packets_duplicate: u64,
    /// Received after a packet with a higher number.
    packets_reordered: u64,
    /// Audio made up in place of packets, in ms.
    concealed_ms: u64,
    /// Bursts of loss (RFC 3611, Gmin 16).
    bursts: u64,
    /// Mean length of a burst in ms.
    burst_ms: u64,
    /// Share of the packets in bursts that were lost or late, 0–1.
    burst_density: f64,
    /// Interarrival jitter in ms.
    jitter_ms: f64,
    /// The greatest that it was.
    jitter_ms_max: f64,
    /// Round trip in ms; none without reports.
    round_trip_ms: Option<f64>,
    /// Estimate of the way from mouth to ear in ms.
    delay_ms: u32,
    /// Transmission rating R, ITU-T G.107; none when nothing was received.
    r_factor: Option<f64>,
    /// Conversational quality, 1–4.5.
    mos_cq: Option<f64>,
    /// Listening quality, 1–4.5.
    mos_lq: Option<f64>,
    /// Sources (SSRC) that spoke one after the other.
    ssrc_epochs: u32,
    /// The first of them.
    epochs: Vec<Epoch>,
    /// Frames that the recorder could not hand to storage.
    recorder_frames_lost: u64,
}

/// One source.
#[derive(Serialize, ToSchema)]
struct Epoch {
    /// Its number, eight hexadecimal digits.
    ssrc: String,
    /// From here on, in ms since the leg was opened.
    from_ms: u64,
    /// Packets received.
    received: u64,
    /// Packets lost.
    lost: u64,
}

/// What the far end reports.
#[derive(Serialize, ToSchema)]
struct FarSound {
    /// Reports about our stream.
    reports: u64,
    /// Packets of ours that it misses.
    packets_lost: u64,
    /// Jitter that it has, in ms.
    jitter_ms: f64,
    /// Its transmission rating, from its extended reports.
    r_factor: Option<u8>,
    /// Its conversational quality, from its extended reports.
    mos_cq: Option<f64>,
    /// Its listening quality, from its extended reports.
    mos_lq: Option<f64>,
}

pub(super) fn routes(guard: &Guard) -> OpenApiRouter<Shared> {
    OpenApiRouter::new().routes(guard.may(Permission::CallsOwn, routes!(quality)))
}

/// How a live call sounds until now, leg by leg: one's own, or, with the permission `calls.read`,
/// any.
#[utoipa::path(get, path = "/api/v1/calls/{id}/quality", tag = "calls", params(("id" = String, Path, description = "The call's id")), responses((status = 200, body = CallQuality)))]
async fn quality(
    State(api): State<Shared>,
    caller: Caller,
    Id(call): Id<CallId>,
) -> Result<Json<CallQuality>, Problem> {
    if !api.is_live_call_of(&caller, call).await? {
        caller.must(Permission::CallsRead)?;
    }
    match api.calls.ask(Ask::Quality { tenant: caller.tenant(), call }).await {
        Answer::Quality(legs) => {
            Ok(Json(CallQuality { call, legs: legs.into_iter().map(LegSound::from).collect() }))
        }
        Answer::Refused(why) => {
            Err(Problem::unavailable("The switch does not answer right now.", why))
        }
        other => Err(Problem::internal(format!("the switch answered {other:?}"))),
    }
}

impl From<LegQuality> for LegSound {
    fn from(LegQuality { leg, role, agent, quality }: LegQuality) -> Self {
        LegSound {
            leg,
            role,
            agent,
            codec: quality.codec.map(|codec| codec.name().to_owned()),
            packets_sent: quality.packets_sent,
            far: FarSound::of(&quality.far),
            heard: HeardSound::from(quality),
        }
    }
}

impl From<Quality> for HeardSound {
    fn from(quality: Quality) -> Self {
        let score = |figure: f32| (quality.packets_received > 0).then(|| hundredths(figure));
        let density = quality.burst_unheard as f64 / quality.burst_packets.max(1) as f64;
        HeardSound {
            packets_received: quality.packets_received,
            packets_expected: quality.packets_expected,
            packets_lost: quality.packets_lost,
            packets_late: quality.packets_late,
            packets_duplicate: quality.packets_duplicate,
            packets_reordered: quality.packets_reordered,
            concealed_ms: quality.concealed_ms,
            bursts: quality.bursts,
            burst_ms: quality.burst_ms(),
            burst_density: density,
            jitter_ms: ms(quality.jitter_us),
            jitter_ms_max: ms(quality.jitter_us_max),
            round_trip_ms: (quality.round_trip_us > 0).then(|| ms(quality.round_trip_us)),
            delay_ms: quality.delay_ms,
            r_factor: score(quality.r_factor),
            mos_cq: score(quality.mos),
            mos_lq: score(quality.mos_listening),
            ssrc_epochs: quality.epochs,
            recorder_frames_lost: quality.recorder_frames_lost,
            epochs: quality.epoch_list.into_iter().map(Epoch::from).collect(),
        }
    }
}

impl From<SsrcEpoch> for Epoch {
    fn from(SsrcEpoch { ssrc, from_ms, received, lost }: SsrcEpoch) -> Self {
        Epoch { ssrc: format!("{:08x}", ssrc.0), from_ms, received, lost }
    }
}

impl FarSound {
    fn of(far: &FarQuality) -> Option<FarSound> {
        let tenths = |figure: Option<u8>| figure.map(|tenths| f64::from(tenths) / 10.0);
        let voip = far.voip.unwrap_or_default();
        (far.reports > 0 || far.voip.is_some()).then(|| FarSound {
            reports: far.reports,
            packets_lost: far.packets_lost,
            jitter_ms: ms(far.jitter_us),
            r_factor: voip.r_factor,
            mos_cq: tenths(voip.mos_cq),
            mos_lq: tenths(voip.mos_lq),
        })
    }
}

fn ms(us: u32) -> f64 {
    f64::from(us) / 1_000.0
}

fn hundredths(figure: f32) -> f64 {
    (f64::from(figure) * 100.0).round() / 100.0
}
