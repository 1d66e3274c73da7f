//! What is kept, told to others and watched: recordings, reports, programs and the box itself, as
//! tables.

use super::{FOUND_ORDERS, column, count, text_of, time, within, word};
use crate::definition::{Column, Kind, Report};
use crate::messages::words;

const NAME: Column = text_of("name", words("名称", "Name"));
const DEFINED: Column = time("at", words("定义时间", "Defined"));
const DEFINED_BY: Column = text_of("by", words("定义人", "Defined by"));
const VERSION: Column = count("version", words("版本", "Version"));
const TITLE_ZH: Column =
    within("title.zh", text_of("title_zh", words("中文标题", "Chinese title")));
const TITLE_EN: Column =
    within("title.en", text_of("title_en", words("英文标题", "English title")));
const ROLES: Column = text_of("roles", words("角色", "Roles"));

pub(super) static AVAILABILITY: Report = Report {
    id: "availability",
    title: words("可用率", "Availability"),
    help: words(
        "各进程在统计期内的运行时间。",
        "How long each process of the box ran in a period.",
    ),
    columns: &[
        text_of("process", words("进程", "Process")),
        column("availability", words("可用率", "Availability"), Kind::Percent),
        column("up_ms", words("运行", "Ran"), Kind::Duration),
        column("down_ms", words("故障", "Did not run"), Kind::Duration),
        column("stopped_ms", words("停机", "Stopped"), Kind::Duration),
        count("ends", words("中断次数", "Ends")),
        column("longest_down_ms", words("最长故障", "Longest in one piece"), Kind::Duration),
    ],
    ..FOUND_ORDERS
};

pub(super) static BANS: Report = Report {
    id: "bans",
    title: words("SIP 封禁", "Bans of SIP"),
    help: words(
        "当前不予理会的地址，最新的在前。",
        "Addresses that SIP does not listen to, the latest first.",
    ),
    columns: &[
        time("since", words("开始", "Since")),
        time("until", words("截止", "Until")),
        text_of("address", words("地址", "Address")),
        word("why", words("原因", "Why")),
        text_of("named", words("所报内容", "Named")),
        text_of("claimed", words("仅丢弃数据报", "Datagrams alone")),
        count("times", words("连续次数", "In a row")),
    ],
    ..FOUND_ORDERS
};

pub(super) static ERASURES: Report = Report {
    id: "erasures",
    title: words("个人信息删除", "Erasures"),
    help: words(
        "个人信息删除请求，最新的在前。",
        "Erasures that were asked for, the latest first.",
    ),
    columns: &[
        time("asked_at", words("提出时间", "Asked")),
        text_of("asked_by", words("提出人", "Asked by")),
        word("state", words("状态", "State")),
        text_of("reason", words("理由", "Reason")),
        time("erased_at", words("不可查时间", "Not to be found since")),
        time("ended_at", words("结束时间", "Ended")),
        count("recordings", words("录音", "Recordings")),
        count("faxes", words("传真", "Faxes")),
        count("rows", words("记录", "Rows")),
        count("entries", words("条目", "Entries")),
        count("report_files", words("报表文件", "Files of reports")),
        text_of("problem", words("问题", "Problem")),
    ],
    ..FOUND_ORDERS
};

pub(super) static FAX_DOCUMENTS: Report = Report {
    id: "fax-documents",
    title: words("传真文档", "Fax documents"),
    help: words("可以发送的传真文档。", "Documents that can be faxed."),
    columns: &[
        NAME,
        count("bytes", words("字节", "Bytes")),
        text_of("public", words("公开", "Public")),
    ],
    ..FOUND_ORDERS
};

pub(super) static FAXES: Report = Report {
    id: "faxes",
    title: words("收到的传真", "Faxes"),
    help: words("收到的传真，最新的在前。", "Faxes that were received, the latest first."),
    columns: &[
        time("at", words("时间", "When")),
        text_of("fax_id", words("传真编号", "Fax")),
        count("bytes", words("字节", "Bytes")),
    ],
    ..FOUND_ORDERS
};

pub(super) static FAXES_OUTGOING: Report = Report {
    id: "faxes-outgoing",
    title: words("发出的传真", "Faxes sent"),
    help: words(
        "发出和待发的传真，最新的在前。",
        "Faxes that are sent, were or will be, the latest first.",
    ),
    columns: &[
        time("asked_at", words("提交时间", "Asked for")),
        text_of("asked_by", words("提交人", "Asked for by")),
        text_of("number", words("号码", "Number")),
        text_of("document", words("文件", "Document")),
        word("state", words("状态", "State")),
        count("tries", words("尝试次数", "Tries")),
        time("next_at", words("下次尝试", "Tried next")),
        count("pages", words("页数", "Pages")),
        text_of("problem", words("失败原因", "Why not")),
        time("ended_at", words("结束时间", "Over")),
    ],
    ..FOUND_ORDERS
};

pub(super) static HOLDS: Report = Report {
    id: "holds",
    title: words("法律保留", "Legal holds"),
    help: words("法律保留，最新的在前。", "Legal holds, the latest first."),
    columns: &[
        time("set_at", words("设置时间", "Set")),
        text_of("set_by", words("设置人", "Set by")),
        word("kind", words("种类", "Kind")),
        text_of("value", words("对象", "Of what")),
        text_of("reason", words("理由", "Reason")),
        time("lifted_at", words("解除时间", "Lifted")),
        text_of("lifted_by", words("解除人", "Lifted by")),
        text_of("lifted_reason", words("解除理由", "Reason of lifting")),
    ],
    ..FOUND_ORDERS
};

pub(super) static HOOKS: Report = Report {
    id: "hooks",
    title: words("事件推送", "Programs told of events"),
    help: words("接收事件的程序。", "Programs that are told of events."),
    columns: &[
        time("created_at", words("建立时间", "Created")),
        NAME,
        text_of("url", words("服务器", "Server")),
        text_of("kinds", words("事件", "Events")),
        text_of("enabled", words("启用", "Enabled")),
        time("failing_since", words("失败自", "Failing since")),
        time("paused_at", words("暂停于", "Paused")),
        text_of("problem", words("问题", "Problem")),
    ],
    ..FOUND_ORDERS
};

pub(super) static HOOKS_DELIVERIES: Report = Report {
    id: "hooks-deliveries",
    title: words("推送记录", "Deliveries"),
    help: words("推送记录，最新的在前。", "What a program was told, the latest first."),
    columns: &[
        time("tried_at", words("时间", "Tried")),
        text_of("kind", words("事件", "Event")),
        text_of("call", words("通话", "Call")),
        text_of("delivered", words("已送达", "Delivered")),
        text_of("skipped", words("已跳过", "Skipped")),
        count("status", words("状态码", "Status")),
        count("attempts", words("次数", "Tries")),
        text_of("problem", words("问题", "Problem")),
    ],
    ..FOUND_ORDERS
};

pub(super) static RECORDING_EXCLUSIONS: Report = Report {
    id: "recording-exclusions",
    title: words("免录名单", "Never recorded"),
    help: words(
        "从不录音的人员、线路和号码。",
        "Persons, lines and numbers that are never recorded.",
    ),
    columns: &[
        time("created_at", words("建立时间", "Created")),
        word("kind", words("种类", "Kind")),
        text_of("value", words("对象", "Which")),
        text_of("reason", words("理由", "Reason")),
    ],
    ..FOUND_ORDERS
};

pub(super) static RECORDING_RULES: Report = Report {
    id: "recording-rules",
    title: words("录音规则", "Rules of recording"),
    help: words("录音规则，按先后次序。", "Which conversations are recorded, in order."),
    columns: &[
        NAME,
        within("when.directions", text_of("directions", words("方向", "Directions"))),
        within("when.queues", text_of("queues", words("队列", "Queues"))),
        within("when.agents", text_of("agents", words("座席", "Agents"))),
        within("when.numbers", text_of("numbers", words("被叫", "Dialled"))),
        within(
            "when.caller_prefixes",
            text_of("caller_prefixes", words("主叫字冠", "Beginnings of callers")),
        ),
        within("when.hours", text_of("hours", words("工作时间", "Opening hours"))),
        within("then.record", text_of("record", words("录音", "Recorded"))),
        within("then.announce", text_of("announce", words("告知语", "Announcement"))),
        within("then.beep", text_of("beep", words("提示音", "Beep"))),
    ],
    ..FOUND_ORDERS
};

pub(super) static REPORT_DEFINITIONS: Report = Report {
    id: "report-definitions",
    title: words("自定义报表", "Own reports"),
    help: words("本单位定义的报表。", "The reports that the organisation defined."),
    columns: &[DEFINED, NAME, VERSION, TITLE_ZH, TITLE_EN, ROLES, DEFINED_BY],
    ..FOUND_ORDERS
};

pub(super) static REPORT_DEFINITIONS_VERSIONS: Report = Report {
    id: "report-definitions-versions",
    title: words("自定义报表版本", "Versions of an own report"),
    help: words(
        "报表定义的版本，正在用的在前。",
        "The versions of a definition, the one in use first.",
    ),
    columns: &[DEFINED, NAME, VERSION, TITLE_ZH, TITLE_EN, ROLES, DEFINED_BY],
    ..FOUND_ORDERS
};

pub(super) static REPORT_RUNS: Report = Report {
    id: "report-runs",
    title: words("报表生成记录", "Runs of schedules"),
    help: words("定时报表的生成记录，最新的在前。", "What schedules made, the latest first."),
    columns: &[
        time("due_at", words("应生成时间", "Due")),
        NAME,
        text_of("report", words("报表", "Report")),
        text_of("period", words("统计期", "Period")),
        text_of("format", words("格式", "Form")),
        word("state", words("状态", "State")),
        count("attempts", words("失败次数", "Failed attempts")),
        time("ended_at", words("结束时间", "Ended")),
        within("file.name", text_of("file", words("文件", "File"))),
        text_of("problem", words("问题", "Problem")),
    ],
    ..FOUND_ORDERS
};

pub(super) static REPORTS: Report = Report {
    id: "reports",
    title: words("报表目录", "Reports"),
    help: words("可以运行的报表。", "The reports that there are."),
    columns: &[
        text_of("id", words("编号", "Id")),
        text_of("title", words("标题", "Title")),
        text_of("help", words("说明", "What it shows")),
    ],
    ..FOUND_ORDERS
};

pub(super) static SAVED_REPORTS: Report = Report {
    id: "saved-reports",
    title: words("已存报表", "Saved reports"),
    help: words("已存的报表。", "Reports that schedules make."),
    columns: &[
        NAME,
        text_of("report", words("报表", "Report")),
        word("period", words("统计期", "Period")),
        text_of("format", words("格式", "Form")),
        text_of("language", words("语言", "Language")),
    ],
    ..FOUND_ORDERS
};

pub(super) static SCHEDULES: Report = Report {
    id: "schedules",
    title: words("定时任务", "Schedules"),
    help: words("报表的定时任务，不含收件地址。", "When reports are made, without where they go."),
    columns: &[
        time("next_at", words("下次", "Next")),
        NAME,
        text_of("saved_report", words("报表", "Report")),
        text_of("cron", words("时间", "When")),
        text_of("time_zone", words("时区", "Time zone")),
        text_of("calendar", words("日历", "Calendar")),
        text_of("enabled", words("启用", "Enabled")),
        time("until", words("截止", "Until")),
        text_of("owner", words("所有人", "Owner")),
    ],
    ..FOUND_ORDERS
};

pub(super) static MAILS: Report = Report {
    id: "mails",
    title: words("流程邮件", "Mails of flows"),
    help: words(
        "语音流程发送的邮件，最新的在前。",
        "Mails that flows have sent or will send, the latest first.",
    ),
    columns: &[
        time("asked_at", words("时间", "When")),
        text_of("address", words("收件地址", "Address")),
        text_of("subject", words("主题", "Subject")),
        text_of("text", words("内容", "Text")),
        text_of("document", words("附件", "Document")),
        word("state", words("状态", "State")),
        count("tries", words("次数", "Tries")),
        text_of("problem", words("原因", "Problem")),
        time("ended_at", words("结束", "Ended")),
    ],
    ..FOUND_ORDERS
};

pub(super) static TEXTS: Report = Report {
    id: "texts",
    title: words("短信", "Texts"),
    help: words(
        "收到和发出的短信，最新的在前。",
        "Text messages that came and went, the latest first.",
    ),
    columns: &[
        time("at", words("时间", "When")),
        word("direction", words("方向", "Way")),
        text_of("number", words("对方号码", "Number")),
        text_of("own_number", words("本方号码", "Our number")),
        text_of("text", words("内容", "Text")),
        word("state", words("状态", "State")),
        text_of("trunk", words("中继", "Trunk")),
        text_of("asked_by", words("发送人", "Sent by")),
        text_of("status", words("SIP 状态", "Status of SIP")),
    ],
    ..FOUND_ORDERS
};
