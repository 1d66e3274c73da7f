//! Why a call went where it did: each offer of the distributor with its figures, and a sentence about
//! it in the reader's language. Read from the event log's rows, so a call that goes on has those that
//! were staged.

mod hops;

use super::extract::Id;
use super::guard::{Caller, Guard};
use super::messages;
use super::problem::Problem;
use super::rows::{incomplete, rows};
use super::{Api, Shared};
use axum::Json;
use axum::extract::State;
use axum::http::HeaderMap;
use desk::Permission;
use hops::RoutedHop;
use serde::Serialize;
use serde_json::{Value, json};
use std::time::Duration;
use terms::event::{Choice, ChosenBy};
use terms::routing::Strategy;
use terms::{AgentId, CallId, QueueId, Timestamp, VisitId, created_at};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use warehouse::query::literal;

/// No call goes on for longer.
const CALL_MAX: Duration = Duration::from_secs(7 * 86_400);
/// How far the wall clock may step back during a call, in µs.
const EARLIER_US: i64 = 60_000_000;

/// Why a call went where it did.
#[derive(Serialize, ToSchema)]
struct CallRouting {
    /// The call.
    #[schema(value_type = String)]
    call: CallId,
    /// Whom it was offered to, in order.
    offers: Vec<RoutedOffer>,
    /// Whom of an area it was tried at, in order, where a flow called the people of one.
    hops: Vec<RoutedHop>,
    /// What became of a caller who called an agent back, in order.
    returns: Vec<RoutedReturn>,
    /// Says which damaged files were not read for it; none where all were.
    #[serde(skip_serializing_if = "Option::is_none")]
    incomplete: Option<String>,
}

/// The caller called back: the agent who had called them came first.
#[derive(Serialize, ToSchema)]
struct RoutedReturn {
    /// When.
    #[schema(value_type = String, format = DateTime)]
    at: Value,
    /// Who had called them.
    #[schema(value_type = String)]
    agent: AgentId,
    /// By this call.
    #[schema(value_type = String)]
    called_by: CallId,
    /// How that was: `open` where it went on, `answered`, `busy`, `no_answer` or `unreachable`.
    found: String,
    /// `waits` for the agent, `rings` at their phone, or `missed`: what answers the number did.
    what: String,
    /// The same for people, in the language of `Accept-Language` (Chinese or English).
    explanation: String,
}

/// One offer to one agent.
#[derive(Serialize, ToSchema)]
struct RoutedOffer {
    /// When their phone was to ring.
    #[schema(value_type = String, format = DateTime)]
    at: Value,
    /// The stay in the queue.
    #[schema(value_type = String)]
    visit: VisitId,
    /// The queue.
    #[schema(value_type = String)]
    queue: QueueId,
    /// The agent.
    #[schema(value_type = String)]
    agent: AgentId,
    /// `answered`, `no_answer`, `declined`, `unreachable`, `withdrawn` or `picked_up`; none while it
    /// rings.
    end: Option<String>,
    /// The figures of the choice; none where an older program made it.
    choice: Option<RoutedBy>,
    /// The same for people, in the language of `Accept-Language` (Chinese or English).
    explanation: String,
}

/// Why this agent, and why this contact.
#[derive(Serialize, ToSchema)]
struct RoutedBy {
    /// `strategy`, `own_agent` (the customer's), `last_agent` (whom the caller talked with last) or
    /// `decision` (whom the tenant's program named).
    #[schema(value_type = String)]
    by: ChosenBy,
    /// The queue's strategy.
    strategy: &'static str,
    /// Which ring of the queue's agents was asked, 1 is the nearest.
    ring: u32,
    /// Free agents of that ring among whom it chose, this one included.
    candidates: u32,
    /// What put this agent first: ms idle, conversations, ms talked, thousandths of busy time, the
    /// place in the queue's list, the weight, or thousandths of the score; none by lot.
    measure: Option<i64>,
    /// The queue's priority and the contact's own.
    priority: i32,
    /// How long the contact had waited, in ms.
    waited_ms: u64,
    /// Contacts that waited in the queue, this one included.
    waiting: u32,
    /// With `expression`, agents who counted as 0 because their score could not be computed.
    #[serde(skip_serializing_if = "Option::is_none")]
    unscored: Option<u32>,
}

pub(super) fn routes(guard: &Guard) -> OpenApiRouter<Shared> {
    OpenApiRouter::new().routes(guard.may(Permission::CallsOwn, routes!(routing)))
}

/// Why a call went where it did, offer by offer, and hop by hop where the people of an area were
/// called: one's own, or, with the permission `calls.read`, any.
#[utoipa::path(get, path = "/api/v1/calls/{id}/routing", tag = "calls", params(("id" = String, Path, description = "The call's id")), responses((status = 200, body = CallRouting)))]
async fn routing(
    State(api): State<Shared>,
    caller: Caller,
    headers: HeaderMap,
    Id(call): Id<CallId>,
) -> Result<Json<CallRouting>, Problem> {
    api.may_read_call(&caller, call).await?;
    // The call's id says when it began: days of before and long after need not be read.
    let began = created_at(call.0);
    let (from, to) = (Timestamp(began.0 - EARLIER_US), began + CALL_MAX);
    let sql = format!(
        "SELECT \"at\", kind, detail FROM events WHERE call_id = {call}
         AND \"at\" >= {} AND \"at\" < {}
         AND kind IN ('offered', 'offer_ended', 'answered', 'hunt', 'traced_back')
         ORDER BY seq LIMIT 10000",
        literal::instant(from),
        literal::instant(to)
    );
    // What is shown of these entries has no number that is not hidden on its way out.
    let session = api.unmasked_session(&caller).await?;
    let told = rows(&session, &sql).await?;
    let in_chinese = messages::prefers_chinese(&headers);
    Ok(Json(CallRouting {
        call,
        offers: offers(&told, in_chinese),
        hops: hops::hops(&told, in_chinese),
        returns: returns(&told, in_chinese),
        incomplete: incomplete(&[&session], &headers),
    }))
}

impl Api {
    /// A finished call that `caller` is shown, or a live one that is theirs or may be read.
    async fn may_read_call(&self, caller: &Caller, call: CallId) -> Result<(), Problem> {
        let shown = self.session(caller).await?;
        let sql = format!("SELECT call_id FROM calls WHERE call_id = {call}");
        if !rows(&shown, &sql).await?.is_empty() || self.is_live_call_of(caller, call).await? {
            return Ok(());
        }
        caller.must(Permission::CallsRead)
    }
}

/// The offers that these rows of the event log tell of, each with its end.
fn offers(told: &[Value], in_chinese: bool) -> Vec<RoutedOffer> {
    let mut offers: Vec<RoutedOffer> = Vec::new();
    for row in told {
        let text = row["detail"].as_str().unwrap_or_default();
        let detail: Value = serde_json::from_str(text).unwrap_or_default();
        let end = match row["kind"].as_str() {
            Some("offered") => {
                offers.extend(offer(row, &detail, in_chinese));
                continue;
            }
            Some("traced_back") => continue,
            Some("answered") => json!("answered"),
            Some("hunt") => continue,
            _ => detail["end"].clone(),
        };
        let (visit, agent) = (id(&detail, "visit").map(VisitId), id(&detail, "agent").map(AgentId));
        let ended = offers.iter_mut().rev().find(|offer| {
            Some(offer.visit) == visit && Some(offer.agent) == agent && offer.end.is_none()
        });
        if let Some(offer) = ended {
            offer.end = end.as_str().map(str::to_owned);
        }
    }
    offers
}

/// Where these rows tell of who called back.
fn returns(told: &[Value], in_chinese: bool) -> Vec<RoutedReturn> {
    let rows = told.iter().filter(|row| row["kind"] == "traced_back");
    let of = |row: &Value| {
        let text = row["detail"].as_str().unwrap_or_default();
        let detail: Value = serde_json::from_str(text).unwrap_or_default();
        let word = |field: &str| detail[field].as_str().unwrap_or_default().to_owned();
        let (agent, what) = (AgentId(id(&detail, "agent")?), word("what"));
        let english = match what.as_str() {
            "waits" => {
                format!("They called back: agent {agent} had called them and was waited for.")
            }
            "rings" => format!("They called back: agent {agent}, who had called them, came first."),
            _ => format!("They called back: agent {agent} had called them and was not to be had."),
        };
        let chinese = in_chinese.then(|| messages::in_chinese(&english)).flatten();
        Some(RoutedReturn {
            at: row["at"].clone(),
            agent,
            called_by: CallId(id(&detail, "called_by")?),
            found: word("found"),
            what,
            explanation: chinese.unwrap_or(english),
        })
    };
    rows.filter_map(of).collect()
}

fn offer(row: &Value, detail: &Value, in_chinese: bool) -> Option<RoutedOffer> {
    let choice: Option<Choice> = serde_json::from_value(detail["choice"].clone()).ok();
    Some(RoutedOffer {
        at: row["at"].clone(),
        visit: VisitId(id(detail, "visit")?),
        queue: QueueId(id(detail, "queue")?),
        agent: AgentId(id(detail, "agent")?),
        end: None,
        choice: choice.map(RoutedBy::from),
        explanation: explanation(choice, in_chinese),
    })
}

fn id(detail: &Value, field: &str) -> Option<u64> {
    detail[field].as_str()?.parse().ok()
}

impl From<Choice> for RoutedBy {
    fn from(choice: Choice) -> Self {
        RoutedBy {
            by: choice.by,
            strategy: choice.strategy.as_str(),
            ring: choice.ring,
            candidates: choice.candidates,
            measure: choice.measure,
            priority: choice.priority,
            waited_ms: choice.waited_ms,
            waiting: choice.waiting,
            unscored: choice.unscored,
        }
    }
}

fn explanation(choice: Option<Choice>, in_chinese: bool) -> String {
    let sentences = choice.map_or_else(
        || vec!["Why is not known: an older program made this offer.".to_owned()],
        |choice| {
            let is_nearest = choice.ring == 1 || choice.by != ChosenBy::Strategy;
            let ring = (!is_nearest).then(|| why_the_ring(&choice));
            let agent = Some(why_the_agent(&choice));
            let unscored = choice.unscored.map(no_score);
            [agent, unscored, ring, Some(why_the_contact(&choice))].into_iter().flatten().collect()
        },
    );
    if !in_chinese {
        return sentences.join(" ");
    }
    let chinese = |sentence: &String| messages::in_chinese(sentence);
    sentences.iter().filter_map(chinese).collect()
}

/// In English; the Chinese stands in the catalogue of sentences.
fn why_the_agent(choice: &Choice) -> String {
    match choice.by {
        ChosenBy::OwnAgent => return "It went to the customer's own agent.".to_owned(),
        ChosenBy::LastAgent => {
            return "It went to the agent whom the caller talked with last.".to_owned();
        }
        ChosenBy::Decision => {
            return "It went to the agent whom the tenant's program named.".to_owned();
        }
        ChosenBy::Strategy => {}
    }
    let free = choice.candidates;
    let Some(measure) = choice.measure else {
        return match choice.strategy {
            Strategy::LongestIdleQueue => {
                format!("Of {free} free agents, one who had no conversation from this queue yet.")
            }
            _ => format!("Of {free} free agents, one by lot."),
        };
    };
    let seconds = measure / 1_000;
    match choice.strategy {
        Strategy::LongestIdle => {
            format!("Of {free} free agents, the one idle longest: {seconds} s.")
        }
        Strategy::LongestIdleQueue => format!(
            "Of {free} free agents, the one who served this queue longest ago: {seconds} s."
        ),
        Strategy::LongestIdleGlobal => {
            format!("Of {free} free agents, the one who talked longest ago: {seconds} s.")
        }
        Strategy::RoundRobin => {
            format!("Of {free} free agents, the next in turn: place {measure} of the list.")
        }
        Strategy::Linear => {
            format!("Of {free} free agents, the first of the list: place {measure}.")
        }
        Strategy::Random => format!("Of {free} free agents, one by lot."),
        Strategy::WeightedRandom => {
            format!("Of {free} free agents, one by lot with the weight {measure}.")
        }
        Strategy::Percentage => {
            format!("Of {free} free agents, the one furthest behind their share: weight {measure}.")
        }
        Strategy::RingAll => {
            format!("Of {free} free agents, one of those who ring together, idle for {seconds} s.")
        }
        Strategy::Progressive => format!(
            "Of {free} free agents, the next to ring beside those who do: idle for {seconds} s."
        ),
        Strategy::FewestCalls => {
            format!("Of {free} free agents, the one with the fewest conversations: {measure}.")
        }
        Strategy::LeastTalk => {
            format!("Of {free} free agents, the one who talked least: {seconds} s.")
        }
        Strategy::Occupancy => {
            let percent = measure / 10;
            format!("Of {free} free agents, the one least busy lately: {percent} percent.")
        }
        Strategy::Expression => {
            let score = score(measure);
            format!("Of {free} free agents, the one with the highest score: {score}.")
        }
    }
}

fn no_score(agents: u32) -> String {
    format!("{agents} of them counted as 0: their score could not be computed.")
}

/// Thousandths as a number with three places.
fn score(thousandths: i64) -> String {
    let sign = if thousandths < 0 { "-" } else { "" };
    let (whole, rest) = (thousandths.unsigned_abs() / 1_000, thousandths.unsigned_abs() % 1_000);
    format!("{sign}{whole}.{rest:03}")
}

fn why_the_ring(choice: &Choice) -> String {
    format!("Nobody of a nearer ring than {} was free.", choice.ring)
}

fn why_the_contact(choice: &Choice) -> String {
    let (waited, priority, waiting) = (choice.waited_ms / 1_000, choice.priority, choice.waiting);
    format!("The contact had waited {waited} s with priority {priority}; {waiting} waited in all.")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_strategy_is_explained_in_both_languages() {
        for strategy in Strategy::ALL {
            for measure in [None, Some(61_000)] {
                let choice = Choice {
                    by: ChosenBy::Strategy,
                    strategy,
                    ring: 2,
                    candidates: 3,
                    measure,
                    priority: -2,
                    waited_ms: 7_000,
                    waiting: 4,
                    unscored: None,
                };
                let english = explanation(Some(choice), false);
                assert!(english.starts_with("Of 3 free agents"), "{english}");
                assert!(english.contains("ring than 2"), "{english}");
                let chinese = explanation(Some(choice), true);
                assert!(chinese.starts_with("3 名空闲座席中"), "{strategy:?}: {chinese}");
                assert!(chinese.contains("第 2 圈"), "{chinese}");
                assert!(chinese.ends_with("已等候 7 秒，优先级 -2，共 4 个在等候。"), "{chinese}");
            }
        }
        assert!(!explanation(None, true).is_empty());
    }

    #[test]
    fn a_score_is_told_with_those_who_had_none() {
        let choice = Choice {
            by: ChosenBy::Strategy,
            strategy: Strategy::Expression,
            ring: 1,
            candidates: 3,
            measure: Some(-1_250),
            priority: 0,
            waited_ms: 0,
            waiting: 1,
            unscored: Some(2),
        };
        let english = explanation(Some(choice), false);
        assert!(english.contains("the highest score: -1.250. 2 of them counted as 0"), "{english}");
        let chinese = explanation(Some(choice), true);
        assert!(chinese.contains("得分最高者：-1.250。"), "{chinese}");
        assert!(chinese.contains("其中 2 名的得分无法计算"), "{chinese}");
    }

    #[test]
    fn an_agent_of_the_callers_own_is_told_as_such() {
        for (by, english, chinese) in [
            (ChosenBy::OwnAgent, "It went to the customer's own agent.", "专属座席"),
            (ChosenBy::LastAgent, "It went to the agent whom the caller", "上次"),
            (ChosenBy::Decision, "It went to the agent whom the tenant's program", "指定"),
        ] {
            let choice = Choice {
                by,
                strategy: Strategy::Linear,
                ring: 2,
                candidates: 1,
                measure: Some(1),
                priority: 0,
                waited_ms: 0,
                waiting: 1,
                unscored: None,
            };
            assert!(explanation(Some(choice), false).starts_with(english), "{by:?}");
            assert!(explanation(Some(choice), true).contains(chinese), "{by:?}");
            assert!(!explanation(Some(choice), false).contains("ring"), "{by:?}");
        }
    }

    #[test]
    fn each_offer_has_its_own_end() {
        let row = |kind: &str, detail: Value| {
            let detail = detail.to_string();
            json!({"at": "2026-11-23T04:00:00Z", "kind": kind, "detail": detail})
        };
        let of = |agent: &str| json!({"visit": "9", "queue": "2", "agent": agent});
        let mut declined = of("5");
        declined["end"] = json!("declined");
        let told = [
            row("offered", of("5")),
            row("offer_ended", declined),
            row("offered", of("6")),
            row("offered", of("7")),
            row("answered", of("6")),
        ];
        let ends: Vec<_> =
            offers(&told, false).into_iter().map(|offer| (offer.agent.0, offer.end)).collect();
        let end = |text: &str| Some(text.to_owned());
        assert_eq!(ends, [(5, end("declined")), (6, end("answered")), (7, None)]);
    }
}
