//! Where calls go: queues, numbers, flows, prompts, trunks and what belongs to them, as tables.

use super::{FOUND_ORDERS, column, count, text_of, time, within, word};
use crate::definition::{Column, Kind, Report};
use crate::messages::words;

const NAME: Column = text_of("name", words("名称", "Name"));

pub(super) static CONFERENCES: Report = Report {
    id: "conferences",
    title: words("会议室", "Conference rooms"),
    help: words("全部会议室，不含密码。", "All conference rooms, without their PINs."),
    columns: &[
        NAME,
        text_of("number", words("号码", "Number")),
        count("members_max", words("人数上限", "Most members")),
        text_of("wait_for_chair", words("等待主持人", "Waits for a chairperson")),
        text_of("ends_with_chair", words("随主持人结束", "Ends with the chairperson")),
        text_of("muted_on_entry", words("入会静音", "Muted on entry")),
        text_of("record", words("录音", "Recorded")),
        text_of("tones", words("提示音", "Tones")),
    ],
    ..FOUND_ORDERS
};

pub(super) static CONFERENCES_LIVE: Report = Report {
    id: "conferences-live",
    title: words("进行中的会议", "Meetings"),
    help: words("正在进行的会议。", "What goes on in conference rooms."),
    columns: &[
        time("started_at", words("开始时间", "Began")),
        NAME,
        text_of("locked", words("已锁定", "Locked")),
        text_of("open", words("已开场", "Open")),
        word("recording", words("录音", "Recording")),
        text_of("members", words("成员", "Members")),
    ],
    ..FOUND_ORDERS
};

pub(super) static CONNECTORS: Report = Report {
    id: "connectors",
    title: words("连接器", "Connectors"),
    help: words("流程可以查询的业务库和机器人。", "Databases and bots that flows speak to."),
    columns: &[
        NAME,
        text_of("address", words("服务器", "Server")),
        text_of("user", words("用户名", "User")),
        text_of("writes", words("可写", "Writes")),
        column("timeout_ms", words("最长等待", "Longest wait"), Kind::Duration),
        count("rows_max", words("行数上限", "Most rows")),
    ],
    ..FOUND_ORDERS
};

pub(super) static FLOWS: Report = Report {
    id: "flows",
    title: words("语音流程", "Flows"),
    help: words("全部语音流程。", "All flows."),
    columns: &[
        NAME,
        count("published_version", words("已发布版本", "Published version")),
        count("revision", words("草稿修订", "Revision of the draft")),
        time("changed_at", words("修改时间", "Changed")),
    ],
    ..FOUND_ORDERS
};

pub(super) static FLOWS_HISTORY: Report = Report {
    id: "flows-history",
    title: words("流程版本", "Versions of a flow"),
    help: words(
        "流程已发布的版本，最新的在前。",
        "The published versions of a flow, the latest first.",
    ),
    columns: &[
        time("published_at", words("发布时间", "Published")),
        count("version", words("版本", "Version")),
        text_of("published_by", words("发布人", "Published by")),
        text_of("approved_by", words("审核人", "Approved by")),
        count("rolled_back_to", words("回退到", "Rolled back to")),
        text_of("note", words("说明", "Note")),
    ],
    ..FOUND_ORDERS
};

pub(super) static FLOWS_PACKS: Report = Report {
    id: "flows-packs",
    title: words("流程样例", "Sample flows"),
    help: words("可以取用的流程样例。", "Sample flows to begin with."),
    columns: &[
        text_of("id", words("编号", "Id")),
        within("title.zh-CN", text_of("title_zh", words("中文名称", "Chinese title"))),
        within("title.en", text_of("title_en", words("英文名称", "English title"))),
        text_of("needs", words("需要", "Needs")),
    ],
    ..FOUND_ORDERS
};

pub(super) static FLOWS_REVIEWS: Report = Report {
    id: "flows-reviews",
    title: words("流程审核", "Reviews of a flow"),
    help: words("流程草稿的审核，最新的在前。", "The reviews of a flow, the latest first."),
    columns: &[
        time("asked_at", words("送审时间", "Asked")),
        text_of("asked_by", words("送审人", "Asked by")),
        count("revision", words("草稿修订", "Revision of the draft")),
        text_of("note", words("说明", "Note")),
        word("state", words("状态", "State")),
        time("decided_at", words("审核时间", "Decided")),
        text_of("decided_by", words("审核人", "Decided by")),
        text_of("reason", words("理由", "Reason")),
    ],
    ..FOUND_ORDERS
};

pub(super) static FLOWS_STATISTICS: Report = Report {
    id: "flows-statistics",
    title: words("流程步骤统计", "Steps of a flow"),
    help: words(
        "每个步骤经过的次数和停留的时间。",
        "How often each step was taken, and how long calls stayed.",
    ),
    columns: &[
        text_of("step", words("步骤", "Step")),
        word("kind", words("种类", "Kind")),
        count("times", words("次数", "Times")),
        column("mean_ms", words("平均停留", "Mean stay"), Kind::Duration),
        text_of("exits", words("出口", "Ways out")),
    ],
    ..FOUND_ORDERS
};

pub(super) static HOURS: Report = Report {
    id: "hours",
    title: words("工作时间", "Opening hours"),
    help: words("全部工作时间，1 为星期一。", "All opening hours; 1 is Monday."),
    columns: &[
        NAME,
        text_of("windows", words("每周时段", "Windows of the week")),
        text_of("closed", words("休息日", "Closed on")),
        text_of("open", words("上班日", "Open on")),
    ],
    ..FOUND_ORDERS
};

pub(super) static LEASES: Report = Report {
    id: "leases",
    title: words("隐私号码", "Leased numbers"),
    help: words(
        "查询到的隐私号码绑定，不含分机码。",
        "The leases that a search found, without their codes.",
    ),
    columns: &[
        time("from", words("生效", "From")),
        time("until", words("失效", "Until")),
        text_of("number", words("号码", "Number")),
        text_of("kind", words("模式", "Kind")),
        text_of("a", words("A 方", "A")),
        text_of("b", words("B 方", "B")),
        text_of("record", words("录音", "Recorded")),
        text_of("reference", words("用途", "Reference")),
        text_of("created_by", words("建立人", "Made by")),
        time("created_at", words("建立时间", "Created")),
    ],
    ..FOUND_ORDERS
};

pub(super) static NUMBERS: Report = Report {
    id: "numbers",
    title: words("热线号码", "Numbers"),
    help: words("全部对外号码及其去向。", "All published numbers, and what answers them."),
    columns: &[
        text_of("digits", words("号码", "Number")),
        word("target_kind", words("去向", "Leads to")),
        text_of("target", words("名称", "Which")),
        count("rules", words("分时规则", "Rules")),
    ],
    ..FOUND_ORDERS
};

pub(super) static PROMPTS: Report = Report {
    id: "prompts",
    title: words("语音文件", "Prompts"),
    help: words("本单位的语音文件。", "The prompts of the organisation."),
    columns: &[
        time("uploaded_at", words("上传时间", "Uploaded")),
        text_of("language", words("语言", "Language")),
        NAME,
        text_of("format", words("格式", "Format")),
        column("length_ms", words("时长", "Length"), Kind::Duration),
        count("bytes", words("字节", "Bytes")),
        text_of("text", words("文本", "Text")),
        text_of("uploaded_by", words("上传人", "Uploaded by")),
    ],
    ..FOUND_ORDERS
};

pub(super) static QUEUES: Report = Report {
    id: "queues",
    title: words("队列", "Queues"),
    help: words("全部队列及其设置。", "All queues, and how they work."),
    columns: &[
        NAME,
        word("strategy", words("分配策略", "Strategy")),
        text_of("agents", words("座席", "Agents")),
        text_of("hours", words("工作时间", "Opening hours")),
        count("priority", words("优先级", "Priority")),
        count("waiting_max", words("排队上限", "Most who wait")),
        count("wait_max_s", words("最长等待（秒）", "Longest wait (s)")),
        count("service_level_s", words("服务水平（秒）", "Service level (s)")),
        count("ring_max_s", words("振铃（秒）", "Rings (s)")),
        count("wrap_up_s", words("话后处理（秒）", "Wrap-up (s)")),
        text_of("record", words("录音", "Recorded")),
        text_of("survey", words("评价", "Survey")),
        text_of("messages_as_orders", words("留言转工单", "Order of messages")),
    ],
    ..FOUND_ORDERS
};

pub(super) static SITES: Report = Report {
    id: "sites",
    title: words("分支机构", "Sites"),
    help: words("本单位的其他机构。", "Other sites of the organisation."),
    columns: &[
        NAME,
        text_of("trunk", words("中继", "Trunk")),
        text_of("number", words("号码", "Number")),
        text_of("ranges", words("短号段", "Short numbers")),
        text_of("inward", words("可呼入短号", "Reaches extensions")),
    ],
    ..FOUND_ORDERS
};

pub(super) static SKILL_SETS: Report = Report {
    id: "skill-sets",
    title: words("技能组合", "Skill sets"),
    help: words(
        "座席签入时可选的技能组合。",
        "Parts of their skills that agents choose when they sign in.",
    ),
    columns: &[
        NAME,
        count("number", words("编号", "Number")),
        text_of("skills", words("技能", "Skills")),
        text_of("queues", words("队列", "Queues")),
        text_of("agents", words("座席", "Agents")),
    ],
    ..FOUND_ORDERS
};

pub(super) static TRUNKS: Report = Report {
    id: "trunks",
    title: words("中继", "Trunks"),
    help: words("全部中继，不含密码和证书。", "All trunks, without passwords and certificates."),
    columns: &[
        NAME,
        text_of("proxy", words("去向", "Proxy")),
        text_of("sources", words("来源地址", "Sources")),
        text_of("prefixes", words("字冠", "Prefixes")),
        text_of("caller_number", words("外显号码", "Shown number")),
        text_of("register", words("注册", "Registers")),
        text_of("codecs", words("编码", "Codecs")),
        text_of("srtp", words("加密", "Encryption")),
        count("calls_max", words("并发上限", "Most calls")),
        count("calls_per_s_max", words("每秒呼叫", "Calls per second")),
        count("order", words("次序", "Order")),
        count("weight", words("权重", "Weight")),
    ],
    ..FOUND_ORDERS
};

pub(super) static TRUNKS_LIVE: Report = Report {
    id: "trunks-live",
    title: words("中继状态", "Trunks now"),
    help: words("中继当前的状态。", "What trunks do right now."),
    columns: &[
        text_of("id", words("中继", "Trunk")),
        count("calls", words("通话", "Calls")),
        text_of("registered", words("已注册", "Registered")),
        word("down", words("不可用原因", "Down")),
        time("down_since", words("不可用自", "Down since")),
        word("problem", words("连接问题", "Problem of the connection")),
    ],
    ..FOUND_ORDERS
};
