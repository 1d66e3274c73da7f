//! Lists of the API whose rows are taken as the API tells them, a field a cell: what is behind
//! `GET /api/v1/shifts` is the file of shifts. Names stand in the rows already.

mod kept;
mod people;
mod routing;
mod spoken;

use super::{FOUND_ORDERS, column};
use crate::definition::{Column, Kind, Report, Source};
use crate::messages::{Words, stored, words};
use crate::table::Cell;
use chrono::DateTime;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use spoken::SPOKEN;
use std::str::FromStr;
use terms::Timestamp;

/// Lists with their tables: whatever names one is made of this.
macro_rules! lists {
    ($($(#[$about:meta])* $list:ident = $report:path,)*) => {
        /// A list that the API has. Its name is its address with `-` for `/`, without the ids in it:
        /// `hooks-deliveries` for `/api/v1/hooks/{id}/deliveries`.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
        #[serde(rename_all = "snake_case")]
        pub enum Listed {
            $($(#[$about])* $list,)*
        }

        impl Listed {
            /// All of them.
            pub const ALL: [Listed; [$(Listed::$list),*].len()] = [$(Listed::$list),*];

            pub(super) fn report(self) -> &'static Report {
                match self {
                    $(Listed::$list => &$report,)*
                }
            }
        }
    };
}

lists! {
    /// Agents and what they do.
    Agents = AGENTS,
    /// Messages for single agents.
    AgentMessages = AGENT_MESSAGES,
    /// Codes of an agent's phones, not the codes themselves.
    AgentsAuthCodes = people::AGENTS_AUTH_CODES,
    /// Teams that an agent belonged to.
    AgentsTeam = people::AGENTS_TEAM,
    /// Callers that are let in whatever else is said.
    Allowed = ALLOWED,
    /// Areas of the field grid.
    Areas = people::AREAS,
    /// Who did what.
    Audit = AUDIT,
    /// How long the processes of the box ran.
    Availability = kept::AVAILABILITY,
    /// Addresses that SIP does not listen to.
    Bans = kept::BANS,
    /// Callers that are not let in.
    Blocked = BLOCKED,
    /// Customers who wait to be called back.
    Callbacks = CALLBACKS,
    /// Conference rooms, without their PINs.
    Conferences = routing::CONFERENCES,
    /// What goes on in conference rooms.
    ConferencesLive = routing::CONFERENCES_LIVE,
    /// Connectors to databases and bots.
    Connectors = routing::CONNECTORS,
    /// Customers.
    Customers = CUSTOMERS,
    /// Emergency plans.
    Emergency = people::EMERGENCY,
    /// Who is on duty of an emergency plan.
    EmergencyDuty = people::EMERGENCY_DUTY,
    /// Emergencies and drills.
    EmergencyLog = people::EMERGENCY_LOG,
    /// People who asked to be forgotten.
    Erasures = kept::ERASURES,
    /// Documents that can be faxed.
    FaxDocuments = kept::FAX_DOCUMENTS,
    /// Faxes that were received.
    Faxes = kept::FAXES,
    /// Faxes that the box sends.
    FaxesOutgoing = kept::FAXES_OUTGOING,
    /// Flows.
    Flows = routing::FLOWS,
    /// Versions of a flow.
    FlowsHistory = routing::FLOWS_HISTORY,
    /// Sample flows.
    FlowsPacks = routing::FLOWS_PACKS,
    /// Reviews of a flow.
    FlowsReviews = routing::FLOWS_REVIEWS,
    /// How often each step of a flow was taken.
    FlowsStatistics = routing::FLOWS_STATISTICS,
    /// Legal holds.
    Holds = kept::HOLDS,
    /// Programs that are told of events.
    Hooks = kept::HOOKS,
    /// What a program was told.
    HooksDeliveries = kept::HOOKS_DELIVERIES,
    /// Opening hours.
    Hours = routing::HOURS,
    /// Pieces of work that are no call.
    Items = people::ITEMS,
    /// Leased numbers.
    Leases = routing::LEASES,
    /// Mails that flows have sent.
    Mails = kept::MAILS,
    /// Published numbers.
    Numbers = routing::NUMBERS,
    /// Fields of orders of the organisation's own.
    OrderFields = people::ORDER_FIELDS,
    /// What an order of a type gets.
    OrderRules = people::ORDER_RULES,
    /// The life of an order.
    OrdersSteps = people::ORDERS_STEPS,
    /// Prompts of the organisation's own.
    Prompts = routing::PROMPTS,
    /// Queues.
    Queues = routing::QUEUES,
    /// Who is never recorded.
    RecordingExclusions = kept::RECORDING_EXCLUSIONS,
    /// Which conversations are recorded.
    RecordingRules = kept::RECORDING_RULES,
    /// Recordings.
    Recordings = RECORDINGS,
    /// Reports of the organisation's own.
    ReportDefinitions = kept::REPORT_DEFINITIONS,
    /// Versions of one of these.
    ReportDefinitionsVersions = kept::REPORT_DEFINITIONS_VERSIONS,
    /// What schedules made.
    ReportRuns = kept::REPORT_RUNS,
    /// Reports that there are.
    Reports = kept::REPORTS,
    /// Return visits.
    ReturnVisits = RETURN_VISITS,
    /// Reports that schedules make.
    SavedReports = kept::SAVED_REPORTS,
    /// When reports are made.
    Schedules = kept::SCHEDULES,
    /// What people wrote in the log of their shift.
    ShiftLog = SHIFT_LOG,
    /// Planned shifts.
    Shifts = SHIFTS,
    /// Other sites.
    Sites = routing::SITES,
    /// Parts of their skills that agents choose when they sign in.
    SkillSets = routing::SKILL_SETS,
    /// Teams.
    Teams = people::TEAMS,
    /// Text messages that came and went.
    Texts = kept::TEXTS,
    /// Tokens of who asks, not the tokens themselves.
    Tokens = people::TOKENS,
    /// Trunks, without their secrets.
    Trunks = routing::TRUNKS,
    /// Trunks right now.
    TrunksLive = routing::TRUNKS_LIVE,
    /// Everybody who signs in.
    Users = USERS,
    /// Messages for queues.
    Voicemails = VOICEMAILS,
    /// Field workers.
    Workers = WORKERS,
}

impl Listed {
    /// Its name in addresses and files.
    pub fn name(self) -> &'static str {
        self.report().id
    }

    /// A row of it as cells.
    pub(super) fn cells(self, row: &Value) -> Vec<Cell> {
        self.report().columns.iter().map(|column| cell(column, value(column, row))).collect()
    }

    /// When a row of it is, by the first of its times.
    pub(super) fn at(self, row: &Value) -> Option<Timestamp> {
        let column = self.report().columns.iter().find(|column| column.kind == Kind::Time)?;
        value(column, row).as_str().and_then(instant)
    }
}

impl FromStr for Listed {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        Listed::ALL.into_iter().find(|list| list.name() == text).ok_or(())
    }
}

/// What stands in a row where the column says: in a field, or in one of a field, `when.queues`.
fn value<'a>(column: &Column, row: &'a Value) -> &'a Value {
    let place = match column.source {
        Source::Field(place) | Source::Word(place) => place,
        _ => column.id,
    };
    place.split('.').fold(row, |value, name| &value[name])
}

fn cell(column: &Column, value: &Value) -> Cell {
    match column.kind {
        Kind::Time => value.as_str().and_then(instant).map_or(Cell::Empty, Cell::Time),
        Kind::Duration => value.as_i64().map_or(Cell::Empty, Cell::Duration),
        Kind::Count => match value {
            Value::Array(items) => Cell::Count(items.len() as i64),
            _ => value.as_i64().map_or(Cell::Empty, Cell::Count),
        },
        Kind::Percent => value.as_f64().map_or(Cell::Empty, share),
        Kind::Text | Kind::Decimal => text(column.source, value),
    }
}

/// A share, 0 to 1.
fn share(share: f64) -> Cell {
    Cell::Ratio { numerator: (share * 1e6).round() as i64, denominator: 1_000_000 }
}

fn text(source: Source, value: &Value) -> Cell {
    match value {
        Value::Null | Value::Object(_) => Cell::Empty,
        Value::Bool(is) => Cell::Word(if *is { &YES } else { &NO }),
        Value::Number(number) => Cell::text(&number.to_string()),
        Value::String(text) => match source {
            Source::Word(_) => {
                stored(text).or_else(|| spoken(text)).map_or_else(|| Cell::text(text), Cell::Word)
            }
            // What somebody wrote is no word of ours, whatever it says.
            _ => Cell::text(text),
        },
        Value::Array(items) => {
            let items: Vec<&str> = items.iter().filter_map(Value::as_str).collect();
            Cell::text(&items.join(", "))
        }
    }
}

fn instant(text: &str) -> Option<Timestamp> {
    Some(Timestamp(DateTime::parse_from_rfc3339(text).ok()?.timestamp_micros()))
}

/// What people call a word of settings that no report has.
fn spoken(text: &str) -> Option<&'static Words> {
    SPOKEN.iter().find(|(stored, _)| *stored == text).map(|(_, words)| words)
}

static YES: Words = words("是", "yes");
static NO: Words = words("否", "no");

const fn text_of(id: &'static str, header: Words) -> Column {
    column(id, header, Kind::Text)
}

const fn word(id: &'static str, header: Words) -> Column {
    Column { source: Source::Word(id), ..column(id, header, Kind::Text) }
}

const fn time(id: &'static str, header: Words) -> Column {
    column(id, header, Kind::Time)
}

const fn count(id: &'static str, header: Words) -> Column {
    column(id, header, Kind::Count)
}

/// The column `id` of what stands deeper in a row, at `place`.
const fn within(place: &'static str, of: Column) -> Column {
    let source = match of.source {
        Source::Word(_) => Source::Word(place),
        _ => Source::Field(place),
    };
    Column { source, ..of }
}

const NUMBER: Column = text_of("number", words("号码", "Number"));
const NAME: Column = text_of("name", words("姓名", "Name"));
const REASON: Column = text_of("reason", words("原因", "Reason"));
const QUEUE: Column = text_of("queue", words("队列", "Queue"));
const AGENT: Column = text_of("agent", words("座席", "Agent"));
const CREATED: Column = time("created_at", words("建立时间", "Created"));
const LEFT: Column = time("left_at", words("留言时间", "Left"));
const HEARD: Column = time("heard_at", words("收听时间", "Heard"));
const HEARD_BY: Column = text_of("heard_by", words("收听人", "Heard by"));
const RECORDING: Column = text_of("recording", words("录音编号", "Recording"));

static AGENTS: Report = Report {
    id: "agents",
    title: words("座席", "Agents"),
    help: words("全部座席及其当前状态。", "All agents and what they do."),
    columns: &[
        text_of("number", words("工号", "Work number")),
        NAME,
        text_of("sip_user", words("话机账号", "Phone")),
        text_of("queues", words("队列", "Queues")),
        text_of("skills", words("技能", "Skills")),
        word("activity", words("状态", "State")),
        time("since", words("状态开始", "Since")),
    ],
    ..FOUND_ORDERS
};

static AGENT_MESSAGES: Report = Report {
    id: "agent-messages",
    title: words("座席留言", "Messages for agents"),
    help: words("留给座席本人的留言。", "Messages for single agents."),
    columns: &[LEFT, AGENT, HEARD, HEARD_BY, RECORDING],
    ..FOUND_ORDERS
};

static VOICEMAILS: Report = Report {
    id: "voicemails",
    title: words("队列留言", "Messages"),
    help: words("来电者在队列留下的留言。", "Messages that callers left for queues."),
    columns: &[LEFT, QUEUE, HEARD, HEARD_BY, RECORDING, text_of("order", words("工单", "Order"))],
    ..FOUND_ORDERS
};

static ALLOWED: Report = Report {
    id: "allowed",
    title: words("白名单", "Callers let in"),
    help: words("始终放行的来电者。", "Callers that are let in whatever else is said."),
    columns: &[NUMBER, REASON, CREATED],
    ..FOUND_ORDERS
};

static BLOCKED: Report = Report {
    id: "blocked",
    title: words("黑名单", "Callers not let in"),
    help: words("被拒绝的来电者。", "Callers that are not let in."),
    columns: &[NUMBER, REASON, time("until", words("截止", "Until")), CREATED],
    ..FOUND_ORDERS
};

static AUDIT: Report = Report {
    id: "audit",
    title: words("操作日志", "Audit"),
    help: words("谁做了什么。", "Who did what."),
    columns: &[
        time("at", words("时间", "When")),
        text_of("user", words("人员", "Who")),
        text_of("source", words("来源", "From")),
        text_of("action", words("操作", "Action")),
        text_of("subject", words("对象", "Of what")),
    ],
    ..FOUND_ORDERS
};

static CALLBACKS: Report = Report {
    id: "callbacks",
    title: words("待回拨", "Callbacks"),
    help: words("等待回拨的客户。", "Customers who wait to be called back."),
    columns: &[
        time("asked_at", words("登记时间", "Asked")),
        NUMBER,
        QUEUE,
        column("position", words("位置", "Place"), Kind::Count),
        column("tries", words("已拨次数", "Tries"), Kind::Count),
        time("not_before", words("不早于", "Not before")),
    ],
    ..FOUND_ORDERS
};

static CUSTOMERS: Report = Report {
    id: "customers",
    title: words("客户", "Customers"),
    help: words("查询到的客户。", "The customers that a search found."),
    columns: &[
        NUMBER,
        NAME,
        text_of("address", words("地址", "Address")),
        text_of("area", words("片区", "Area")),
        text_of("class", words("类别", "Class")),
        text_of("vip", words("贵宾", "VIP")),
        text_of("note", words("备注", "Note")),
        time("changed_at", words("修改时间", "Changed")),
    ],
    ..FOUND_ORDERS
};

static RECORDINGS: Report = Report {
    id: "recordings",
    title: words("录音", "Recordings"),
    help: words(
        "查询到的录音，最新的在前。",
        "The recordings that a search found, the latest first.",
    ),
    columns: &[
        time("started_at", words("开始时间", "Started")),
        word("kind", words("种类", "Kind")),
        text_of("caller", words("客户号码", "Customer")),
        text_of("agent_id", words("座席", "Agent")),
        text_of("queue_id", words("队列", "Queue")),
        column("duration_ms", words("时长", "Length"), Kind::Duration),
        word("state", words("状态", "State")),
        time("deleted_at", words("删除时间", "Deleted")),
        text_of("recording_id", words("录音编号", "Recording")),
    ],
    ..FOUND_ORDERS
};

static RETURN_VISITS: Report = Report {
    id: "return-visits",
    title: words("回访", "Return visits"),
    help: words("查询到的回访。", "The return visits that a search found."),
    columns: &[
        time("due_at", words("应回访时间", "Due")),
        text_of("order", words("工单", "Order")),
        text_of("planned_by", words("计划人", "Planned by")),
        text_of("agent", words("回访人", "Asked by")),
        time("done_at", words("回访时间", "Done")),
        word("result", words("结果", "Result")),
    ],
    ..FOUND_ORDERS
};

static SHIFT_LOG: Report = Report {
    id: "shift-log",
    title: words("岗位日志", "Log of shifts"),
    help: words("值班人员写下的日志，最新的在前。", "What people wrote down, the latest first."),
    columns: &[
        time("written_at", words("时间", "When")),
        text_of("user", words("人员", "Who")),
        word("kind", words("类别", "Kind")),
        text_of("text", words("内容", "What")),
    ],
    ..FOUND_ORDERS
};

static SHIFTS: Report = Report {
    id: "shifts",
    title: words("排班", "Shifts"),
    help: words("计划的班次。", "Planned shifts."),
    columns: &[
        time("starts_at", words("上班", "Begins")),
        time("ends_at", words("下班", "Ends")),
        AGENT,
        text_of("created_by", words("排班人", "Planned by")),
    ],
    ..FOUND_ORDERS
};

static USERS: Report = Report {
    id: "users",
    title: words("人员", "People"),
    help: words("全部可登录的人员。", "Everybody who signs in."),
    columns: &[
        text_of("login", words("登录名", "Login")),
        NAME,
        word("role", words("角色", "Role")),
        CREATED,
        time("disabled_at", words("停用时间", "Disabled")),
    ],
    ..FOUND_ORDERS
};

static WORKERS: Report = Report {
    id: "workers",
    title: words("网格员", "Field workers"),
    help: words("全部网格员。", "All field workers."),
    columns: &[
        NAME,
        text_of("phone", words("电话", "Phone")),
        text_of("bound", words("已绑定", "Bound")),
    ],
    ..FOUND_ORDERS
};

#[cfg(test)]
mod tests {
    use super::*;
    use crate::found::{FoundList, table};
    use crate::messages::Language;
    use crate::render::{Format, render};
    use serde_json::json;

    #[test]
    fn a_row_is_told_by_the_kind_of_its_columns_and_what_people_wrote_stays_theirs() {
        let rows = vec![
            json!({"number": "+86138", "name": "fax", "vip": true, "class": "agent",
                   "changed_at": "2026-11-23T04:00:00Z", "other": 1}),
            json!({"number": "=1+1", "name": null}),
        ];
        let list = FoundList::Rows { of: Listed::Customers, rows };
        let now = Timestamp::from_secs(1_795_500_000);
        let table = table("x", (now, now), "Asia/Shanghai", now, &list).unwrap();
        let csv = render(&table, Format::Csv, Language::ZhCn).unwrap().bytes;
        let csv = String::from_utf8(csv).unwrap();
        assert!(csv.contains("fax,,,agent,是,,2026-11-23 12:00:00"), "{csv}");
        assert!(csv.contains("'=1+1"), "a cell is no formula: {csv}");
        assert_eq!(list.oldest(), Some(Timestamp::from_secs(1_795_406_400)));
    }

    #[test]
    fn stored_words_are_told_in_the_readers_language() {
        let row = json!({"login": "wf", "name": "王芳", "role": "supervisor"});
        let cells = Listed::Users.cells(&row);
        assert_eq!(cells[2], Cell::Word(stored("supervisor").unwrap()));
        assert_eq!(cells[3], Cell::Empty);
    }

    #[test]
    fn every_list_has_a_name_of_its_own_and_is_found_by_it() {
        for list in Listed::ALL {
            assert_eq!(list.name().parse(), Ok(list));
            assert_eq!(list.cells(&Value::Null).len(), list.report().columns.len());
        }
        assert_eq!("orders".parse::<Listed>(), Err(()));
    }

    fn csv(of: Listed, rows: Vec<Value>, language: Language) -> String {
        let now = Timestamp::from_secs(1_795_500_000);
        let list = FoundList::Rows { of, rows };
        let table = table("x", (now, now), "Asia/Shanghai", now, &list).unwrap();
        String::from_utf8(render(&table, Format::Csv, language).unwrap().bytes).unwrap()
    }

    #[test]
    fn every_list_has_heads_of_its_own_in_both_languages() {
        for list in Listed::ALL {
            let report = list.report();
            assert!(!report.columns.is_empty(), "{}", report.id);
            for (at, column) in report.columns.iter().enumerate() {
                let earlier = &report.columns[..at];
                assert!(earlier.iter().all(|other| other.id != column.id), "{}", column.id);
                let Words { zh, en } = column.header;
                assert!(!zh.is_ascii(), "{} {zh}", report.id);
                assert!(!en.is_empty() && en.is_ascii(), "{} {en}", report.id);
            }
            let heads = |language| csv(list, vec![], language);
            assert_ne!(heads(Language::ZhCn), heads(Language::En), "{}", report.id);
        }
        for (at, (word, _)) in SPOKEN.iter().enumerate() {
            assert_eq!(stored(word), None, "{word} is one of reports");
            assert!(SPOKEN[..at].iter().all(|(other, _)| other != word), "{word} twice");
        }
    }

    #[test]
    fn what_stands_deeper_in_a_row_what_is_a_share_and_how_many_there_are_have_cells() {
        let rule = json!({"name": "vip", "when": {"queues": ["客服", "二线"], "hours": []},
            "then": {"record": false, "announce": "notice", "beep": true}});
        let rules = csv(Listed::RecordingRules, vec![rule], Language::En);
        assert!(rules.contains("vip,,\"客服, 二线\",,,,,no,notice,yes"), "{rules}");
        let ran = json!({"process": "calls", "availability": 0.98765, "up_ms": 9_876_000,
            "down_ms": 124_000, "stopped_ms": 0, "ends": 1, "longest_down_ms": 124_000});
        let ran = csv(Listed::Availability, vec![ran], Language::En);
        assert!(ran.contains("calls,98.8%,2:44:36,0:02:04,0:00:00,1,0:02:04"), "{ran}");
        let number = json!({"digits": "95105688", "target_kind": "queue", "target": "客服",
            "rules": [{}, {}]});
        let numbers = csv(Listed::Numbers, vec![number], Language::ZhCn);
        assert!(numbers.contains("95105688,队列,客服,2"), "{numbers}");
        let run = json!({"due_at": "2026-11-23T04:00:00Z", "name": "=1", "state": "partly",
            "file": {"name": "a.pdf"}});
        let runs = csv(Listed::ReportRuns, vec![run], Language::En);
        assert!(runs.contains("'=1,,,,partly,,,a.pdf,"), "{runs}");
    }
}
