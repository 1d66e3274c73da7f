//! Events in the OpenAPI document: what a message of `GET /api/v1/events` and the body of a webhook hold.
//! The kinds stand in a table, and a test has the log's own types read what it says and write it again.

use utoipa::openapi::path::{OperationBuilder, ParameterBuilder, ParameterIn};
use utoipa::openapi::request_body::RequestBodyBuilder;
use utoipa::openapi::schema::{ObjectBuilder, OneOfBuilder, SchemaType};
use utoipa::openapi::{
    Components, Content, HttpMethod, KnownFormat, OpenApi, PathItem, PathsBuilder, Ref, RefOr,
    Required, Response, ResponseBuilder, Schema, SchemaFormat, Type,
};

/// Name of the schema of a whole event.
const EVENT: &str = "Event";
/// Name of the schema of what happened.
const KIND: &str = "EventKind";
/// Name of the schema of a telephone number.
const NUMBER: &str = "EventNumber";

/// Who ended something.
const PARTY: &str = "customer|agent|outside|system";

/// Fields of each kind: `name:type`, with `?` where it may be null or left out. A type is `id`, `text`,
/// `int`, `bool`, `micros` (a time in µs since 1970), `number`, `map` (of texts), `any` (what the
/// description says), `party`, or words with `|` between them.
#[rustfmt::skip]
const KINDS: &[(&str, &str, &str)] = &[
    ("call_started", "A call began.", "direction:inbound|outbound|internal caller:number called:number trunk?:id sip_call_id:text user_agent:text region?:any category?:ordinary|test|operator|payphone|mobile-hplmn|mobile-vplmn|emergency|unknown"),
    ("leg_started", "A leg began.", "role:customer|agent|outside|supervisor agent?:id address:text trunk?:id"),
    ("leg_ringing", "The leg rings.", ""),
    ("leg_answered", "The leg was answered; for the customer: we answered.", ""),
    ("leased", "A call to a leased number goes to the other side, or nowhere.", "lease?:id what:any"),
    ("traced_back", "The caller calls back: their agent comes first.", "agent:id called_by:id found:open|answered|busy|no_answer|unreachable what:waits|rings|missed"),
    ("ivr_in", "The call reached a flow.", "flow:id version:int"),
    ("ivr_step", "The call left a step of a flow.", "flow:id version:int step:text kind:text entered_at:micros exit:text digits?:text"),
    ("flow_told", "A step of a flow tells programs something.", "flow:id version:int event:text data:map"),
    ("enqueued", "Put into a queue.", "visit:id queue:id priority:int position:int"),
    ("decided", "A program said what a contact in a queue is worth and whom it waits for first, or did not in time.", "visit:id queue:id end:answered|failed|late agent?:id priority:int"),
    ("offered", "An agent's phone is to ring; `choice` says why they.", "visit:id queue:id agent:id choice?:any"),
    ("offer_ended", "The offer ended without an answer.", "visit:id queue:id agent:id end:no_answer|declined|unreachable|withdrawn|picked_up"),
    ("forwarded", "A call to an agent's extension goes elsewhere.", "agent:id target:text when:always|busy|no_answer"),
    ("hunt", "Somebody of an area is tried for the caller, or that is over.", "area:id hop:any what:any"),
    ("picked_up", "A colleague takes a call that rings at an agent's phone.", "agent:id from:id"),
    ("answered", "An agent answered: both parties hear each other.", "visit?:id queue?:id agent:id"),
    ("abandoned", "The customer hung up while queued.", "visit:id queue:id"),
    ("flowed_out", "Left the queue otherwise.", "visit:id queue:id reason:overflow|max_wait|exit_key|voicemail|forced|no_agents|closed"),
    ("callback_queued", "The customer asked to be called back and keeps the place.", "visit:id queue:id"),
    ("callback", "Something about a callback that was asked for.", "callback:id queue:id what:any"),
    ("progress_heard", "A tone, a fax machine or an answering machine was heard.", "tone:ringback|busy|congestion|special_information|fax_calling|fax_answering|beep|human|machine"),
    ("fax_started", "The parties went over from audio to T.38.", ""),
    ("fax_ended", "They went back to audio, or the call ended.", ""),
    ("fax_done", "A fax of ours was sent or received, or was not.", "document?:text outcome:any work?:any"),
    ("fax_asked", "A step of a flow has a document faxed to a number outside, later and in a call of its own.", "document:text number:number station:text"),
    ("recording_started", "A recording began.", "recording:id by?:id"),
    ("recording_paused", "Nothing is kept of what is said until it is resumed.", "recording:id by:id"),
    ("recording_resumed", "What is said is kept again.", "recording:id by:id"),
    ("recording_stopped", "Somebody ended the recording; the conversation goes on.", "recording:id by:id"),
    ("consented", "The caller agrees to be recorded, or does not.", "given:bool way:flow|agent|order flow?:id step?:text by?:id"),
    ("held", "On hold.", "by:party"),
    ("resumed", "Hold ended.", ""),
    ("transferred", "An agent passed the call on.", "kind:blind|attended agent:id target:text"),
    ("invited", "An agent asked one more party into the conversation.", "agent:id target:text"),
    ("join_refused", "Somebody wanted to come into this conversation from their phone and was refused.", "agent?:id status:int"),
    ("consultation", "An agent asks somebody else while the customer waits.", "agent:id what:any"),
    ("parking", "A caller is parked, taken, or rings back.", "slot:int what:any"),
    ("interjected", "A prompt or a text is said into the conversation.", "by:id prompt?:text to:both|agent|customer apart:bool"),
    ("supervision_started", "A supervisor came into the conversation.", "by:id supervisor?:id agent:id mode:listen|whisper|barge"),
    ("supervision_changed", "A supervisor hears and is heard otherwise from now on.", "by:id supervisor?:id agent:id mode:listen|whisper|barge"),
    ("supervision_ended", "Supervision ended.", "by:id supervisor?:id agent:id end:left|conversation_over|taken_over"),
    ("conference", "Something happened in a conference.", "conference:id meeting:id what:any"),
    ("forced", "A supervisor did something to somebody else's call.", "by:id agent?:id act:transfer|release target?:text"),
    ("released", "A conversation ended.", "agent:id by:party"),
    ("survey_asked", "The caller was asked for satisfaction.", "survey:id agent:id queue?:id"),
    ("survey_answered", "The survey ended.", "survey:id agent:id queue?:id answer?:satisfied|neutral|dissatisfied"),
    ("voicemail_left", "A message was left; `caller` is the number of who left it.", "queue:id recording:id caller?:text"),
    ("voicemail_heard", "Somebody has heard a message.", "queue:id recording:id by:id"),
    ("mailbox", "A message was left for an agent, somebody has heard it, or the agent drives.", "agent:id what:any"),
    ("item", "Something was done to an item, which is no call.", "item:id step:int channel:email|sms|web|fax|message queue:id agent?:id by?:id action:create|offer|take|decline|unanswered|withdraw|release|transfer|note|reply|done|close"),
    ("recorded", "A recording is on disk, or will never be; `ledger` is its row.", "ledger:any agent?:id queue?:id meeting?:id message?:bool"),
    ("leg_ended", "A leg ended; `cause` is of ITU-T Q.850, 16 is normal.", "cause:int by:party quality?:any"),
    ("call_ended", "The call ended.", "outcome:answered|abandoned|voicemail|ivr_only|refused|failed|interrupted cause:int by:party"),
    ("agent_changed", "An agent changed state.", "agent:id activity:signed_out|break|idle|ringing|talking|holding|wrap_up reason?:text queue?:id skill_set?:id"),
    ("calling", "An agent's calls out, and calls to their phone.", "agent:id what:any"),
    ("line_opened", "An agent keeps their line open from now on.", "agent:id"),
    ("line_closed", "An agent's line is open no longer.", "agent:id"),
    ("text_received", "A text came in over a trunk.", "id:id trunk:id from:number to:number text:text"),
    ("text_asked", "A step of a flow has a text sent to a number outside.", "id:id to:number text:text"),
    ("text_sent", "A text went out over a trunk, or did not; `by` is who asked for it, nobody where a flow did, and `status` the last answer, of SIP.", "id:id by?:id trunk?:id from:text to:number text:text result:taken|refused|unanswered|no_trunk status?:int"),
    ("mail_asked", "A step of a flow has a mail sent, later; `document` goes with it.", "id:id address:text subject:text text:text document?:text"),
];

/// One field of the table.
#[derive(Clone, Copy)]
struct Field {
    name: &'static str,
    kind: &'static str,
    optional: bool,
}

fn fields(text: &'static str) -> impl Iterator<Item = Field> {
    text.split_whitespace().filter_map(|field| {
        let (name, kind) = field.split_once(':')?;
        let kind = if kind == "party" { PARTY } else { kind };
        let optional = name.ends_with('?');
        Some(Field { name: name.trim_end_matches('?'), kind, optional })
    })
}

/// Says of events what `document` does not: the schema of a message, and what a webhook is told.
pub(super) fn add(document: &mut OpenApi) {
    let components = document.components.get_or_insert_with(Components::new);
    components.schemas.insert(NUMBER.to_owned(), number());
    components.schemas.insert(KIND.to_owned(), kinds());
    components.schemas.insert(EVENT.to_owned(), event());
    let follows = document.paths.paths.get_mut("/api/v1/events").and_then(|item| item.get.as_mut());
    if let Some(operation) = follows
        && let Some(RefOr::T(response)) = operation.responses.responses.get("101")
    {
        let upgraded = ResponseBuilder::new()
            .description(response.description.clone())
            .content("application/json", event_content());
        operation.responses.responses.insert("101".to_owned(), upgraded.into());
    }
    document.webhooks = Some(PathsBuilder::new().path("event", webhook()).build());
}

fn event_content() -> Content {
    Content::new(Some(Ref::from_schema_name(EVENT)))
}

fn plain(kind: Type, optional: bool) -> ObjectBuilder {
    let kind = match optional {
        true => [kind, Type::Null].into_iter().collect(),
        false => SchemaType::from(kind),
    };
    ObjectBuilder::new().schema_type(kind)
}

fn text() -> ObjectBuilder {
    plain(Type::String, false)
}

fn schema(field: Field) -> RefOr<Schema> {
    let Field { kind, optional, .. } = field;
    match kind {
        "id" | "text" => plain(Type::String, optional).into(),
        "int" => plain(Type::Integer, optional).into(),
        "micros" => plain(Type::Integer, optional)
            .description(Some("Microseconds since 1970-01-01 UTC"))
            .into(),
        "bool" => plain(Type::Boolean, optional).into(),
        "number" => Ref::from_schema_name(NUMBER).into(),
        "map" => plain(Type::Object, optional).additional_properties(Some(text())).into(),
        "any" => ObjectBuilder::new().schema_type(SchemaType::AnyValue).into(),
        words => {
            let words = words.split('|').map(serde_json::Value::from);
            let none = optional.then_some(serde_json::Value::Null);
            plain(Type::String, optional).enum_values(Some(words.chain(none))).into()
        }
    }
}

fn number() -> RefOr<Schema> {
    let forms = [
        ("received", "As it came"),
        ("normal", "E.164 with `+` where it could be told, else the digits"),
        ("shown", "What people see"),
    ];
    let form = |object: ObjectBuilder, (name, what): (&str, &str)| {
        object.property(name, text().description(Some(what))).required(name)
    };
    forms.into_iter().fold(ObjectBuilder::new().schema_type(Type::Object), form).into()
}

fn kinds() -> RefOr<Schema> {
    let one = |&(kind, what, with): &(&'static str, &'static str, &'static str)| {
        let word = text().enum_values(Some([serde_json::Value::from(kind)]));
        let object = ObjectBuilder::new().schema_type(Type::Object).description(Some(what));
        fields(with).fold(object.property("type", word).required("type"), |object, field| {
            let object = object.property(field.name, schema(field));
            if field.optional { object } else { object.required(field.name) }
        })
    };
    let description =
        "What happened, told by `type`. Newer programs may say more fields and kinds.";
    let all = OneOfBuilder::new().description(Some(description));
    KINDS.iter().map(one).fold(all, |all, one| all.item(one)).into()
}

fn event() -> RefOr<Schema> {
    let integer = |what: &str| plain(Type::Integer, false).description(Some(what.to_owned()));
    let id = |what: &str| text().description(Some(what.to_owned()));
    let at = text().format(Some(SchemaFormat::KnownFormat(KnownFormat::DateTime)));
    ObjectBuilder::new()
        .schema_type(Type::Object)
        .description(Some("One entry of the event log."))
        .property("v", integer("Version of the format, 1"))
        .property(
            "seq",
            integer("Rises with each entry of the box; entries of others are left out"),
        )
        .property("at", at)
        .property("tenant", id("Whose it is"))
        .property("contact", id("The contact, where there is one"))
        .property("call", id("The call, where there is one"))
        .property("leg", id("The leg, where there is one"))
        .property("kind", Ref::from_schema_name(KIND))
        .required("v")
        .required("seq")
        .required("at")
        .required("tenant")
        .required("kind")
        .into()
}

fn webhook() -> PathItem {
    let header = |name: &str, what: &str| {
        ParameterBuilder::new()
            .name(name)
            .parameter_in(ParameterIn::Header)
            .required(Required::True)
            .description(Some(what))
            .schema(Some(text()))
            .build()
    };
    let body = RequestBodyBuilder::new()
        .content("application/json", event_content())
        .required(Some(Required::True))
        .build();
    let operation = OperationBuilder::new()
        .tag("hooks")
        .operation_id(Some("webhook_event"))
        .summary(Some("A hook is told of an event."))
        .description(Some(
            "Sent to the address of each hook that wants events of this kind, those of one call in \
             their order. What is not answered with 2xx is sent again.",
        ))
        .parameter(header(
            "Switchgrid-Delivery",
            "Names the delivery: the same when it is repeated",
        ))
        .parameter(header("Switchgrid-Event", "The `type` of the event"))
        .parameter(header(
            "Switchgrid-Signature",
            "Time and HMAC of the body, with the hook's secret",
        ))
        .request_body(Some(body))
        .response("2XX", Response::new("Taken; anything else is tried again"))
        .build();
    PathItem::new(HttpMethod::Post, operation)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Map, Value, json};
    use std::collections::BTreeSet;
    use terms::event::Kind;
    use terms::media::{FaxOutcome, Ledger};
    use terms::{CallId, ContactId, RecordingId, TenantId, Timestamp};

    /// What may stand in a field whose schema leaves it open.
    fn any(kind: &str, field: &str) -> Value {
        let of = (TenantId(1), ContactId(2), CallId(3));
        let ledger = || Ledger::refused(of, RecordingId(4), Timestamp(5), "nothing was said");
        match (kind, field) {
            ("leased", _) => json!("called"),
            ("hunt", "hop") => json!({"team": {"queue": "1"}}),
            ("hunt", _) => json!("began"),
            ("callback", _) => json!({"tried": {"attempt": 1}}),
            ("fax_done", "work") => {
                json!({"queue": "1", "caller": {"received": "1", "normal": "1", "shown": "1"}})
            }
            ("fax_done", _) => serde_json::to_value(FaxOutcome::default()).unwrap(),
            ("consultation", _) => json!("answered"),
            ("parking", _) => json!({"parked": {"by": "1"}}),
            ("conference", _) => json!({"joined": {"chair": true, "muted": false}}),
            ("mailbox", _) => json!({"driving": {"on": true}}),
            ("recorded", _) => serde_json::to_value(ledger()).unwrap(),
            ("calling", _) => json!({"barred": {"limit": "per_minute"}}),
            _ => Value::Null,
        }
    }

    fn example(kind: &str, field: Field) -> Value {
        match field.kind {
            "id" => json!("7"),
            "text" => json!("x"),
            "int" | "micros" => json!(7),
            "bool" => json!(true),
            "number" => json!({"received": "1", "normal": "1", "shown": "1"}),
            "map" => json!({"a": "b"}),
            "any" => any(kind, field.name),
            words => json!(words.split('|').next()),
        }
    }

    fn examples(kind: &str, with: &'static str) -> Map<String, Value> {
        let told = fields(with).map(|field| (field.name.to_owned(), example(kind, field)));
        std::iter::once(("type".to_owned(), json!(kind))).chain(told).collect()
    }

    #[test]
    fn the_log_reads_what_the_document_says_and_writes_the_same_fields() {
        let named: Vec<&str> = KINDS.iter().map(|(kind, ..)| *kind).collect();
        assert_eq!(named, desk::hook::KINDS);
        for &(kind, _, with) in KINDS {
            let example = Value::Object(examples(kind, with));
            let read = serde_json::from_value::<Kind>(example.clone());
            let read = read.unwrap_or_else(|error| panic!("{example}: {error}"));
            let written = serde_json::to_value(&read).unwrap();
            let keys = |value: &Value| -> BTreeSet<String> {
                let object = value.as_object().expect("a kind is an object");
                object
                    .iter()
                    .filter(|(_, value)| !value.is_null())
                    .map(|(key, _)| key.clone())
                    .collect()
            };
            assert_eq!(keys(&written), keys(&example), "{kind}");
            let told: BTreeSet<String> = written.as_object().unwrap().keys().cloned().collect();
            let known: BTreeSet<String> = example.as_object().unwrap().keys().cloned().collect();
            assert!(told.is_subset(&known), "{kind}: {told:?} are more than {known:?}");
        }
    }

    #[test]
    fn what_must_be_there_must_and_words_are_those_of_the_log() {
        for &(kind, _, with) in KINDS {
            for field in fields(with).filter(|field| !field.optional) {
                let mut without = examples(kind, with);
                without.remove(field.name);
                let read = serde_json::from_value::<Kind>(Value::Object(without));
                assert!(read.is_err(), "{kind} without {}", field.name);
            }
            for field in fields(with).filter(|field| field.kind.contains('|')) {
                let mut wrong = examples(kind, with);
                wrong.insert(field.name.to_owned(), json!("nothing of the kind"));
                let said = serde_json::from_value::<Kind>(Value::Object(wrong)).unwrap_err();
                let said = said.to_string();
                let known: Vec<&str> = said.split('`').skip(3).step_by(2).collect();
                let words: Vec<&str> = field.kind.split('|').collect();
                assert_eq!(words, known, "{kind}.{}: {said}", field.name);
            }
        }
    }

    #[test]
    fn events_are_described_where_they_are_followed_and_where_they_are_told() {
        let document = serde_json::to_value(super::super::document()).unwrap();
        let event = json!({"$ref": "#/components/schemas/Event"});
        let followed = &document["paths"]["/api/v1/events"]["get"]["responses"]["101"]["content"];
        assert_eq!(followed["application/json"]["schema"], event);
        let told = &document["webhooks"]["event"]["post"]["requestBody"]["content"];
        assert_eq!(told["application/json"]["schema"], event);
        let kinds = &document["components"]["schemas"]["EventKind"]["oneOf"];
        assert_eq!(kinds.as_array().map(Vec::len), Some(desk::hook::KINDS.len()));
    }
}
