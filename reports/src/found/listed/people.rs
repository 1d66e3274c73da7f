//! Agents, teams, areas, orders and emergencies, as tables.

use super::{FOUND_ORDERS, count, text_of, time, word};
use crate::definition::{Column, Report};
use crate::messages::words;

const NAME: Column = text_of("name", words("名称", "Name"));

pub(super) static AGENTS_AUTH_CODES: Report = Report {
    id: "agents-auth-codes",
    title: words("话机授权", "Phones of an agent"),
    help: words(
        "座席名下已授权的话机，不含授权码。",
        "The phones of an agent that have a code, without the codes.",
    ),
    columns: &[
        time("created_at", words("建立时间", "Created")),
        text_of("agent", words("座席", "Agent")),
        text_of("name", words("话机", "Phone")),
        text_of("user", words("账号", "Account")),
        text_of("created_by", words("建立人", "Made by")),
    ],
    ..FOUND_ORDERS
};

pub(super) static AGENTS_TEAM: Report = Report {
    id: "agents-team",
    title: words("座席班组", "Teams of an agent"),
    help: words(
        "座席所在的班组，最新的在前。",
        "The teams that an agent belonged to, the latest first.",
    ),
    columns: &[
        time("since", words("加入", "Since")),
        time("until", words("离开", "Until")),
        text_of("team", words("班组", "Team")),
    ],
    ..FOUND_ORDERS
};

pub(super) static AREAS: Report = Report {
    id: "areas",
    title: words("片区", "Areas"),
    help: words("全部片区。", "All areas."),
    columns: &[
        text_of("code", words("编码", "Code")),
        NAME,
        text_of("name_en", words("英文名称", "English name")),
        text_of("number", words("号码", "Number")),
        text_of("workers", words("网格员", "Field workers")),
        text_of("team", words("班组队列", "Queue of the team")),
        text_of("queue", words("片区队列", "Queue")),
        count("ring_s", words("振铃（秒）", "Rings (s)")),
        text_of("order", words("工单类型", "Type of order")),
        count("callers", words("来电号码", "Callers")),
        count("addresses", words("地址", "Addresses")),
    ],
    ..FOUND_ORDERS
};

pub(super) static EMERGENCY: Report = Report {
    id: "emergency",
    title: words("应急预案", "Emergency plans"),
    help: words("全部应急预案。", "All emergency plans."),
    columns: &[
        NAME,
        time("active_since", words("启用时间", "In force since")),
        text_of("active_by", words("启用人", "Switched on by")),
        text_of("flow", words("流程", "Flow")),
        text_of("announcement", words("公告", "Announcement")),
        count("numbers", words("号码数", "Numbers")),
        text_of("checklist", words("处置清单", "Checklist")),
    ],
    ..FOUND_ORDERS
};

pub(super) static EMERGENCY_DUTY: Report = Report {
    id: "emergency-duty",
    title: words("应急值班", "On duty"),
    help: words("当前值班的人员。", "Who is on duty now."),
    columns: &[text_of("name", words("姓名", "Name"))],
    ..FOUND_ORDERS
};

pub(super) static EMERGENCY_LOG: Report = Report {
    id: "emergency-log",
    title: words("应急记录", "Emergencies"),
    help: words("应急和演练的记录，最新的在前。", "Emergencies and drills, the latest first."),
    columns: &[
        time("started_at", words("开始时间", "Began")),
        time("ended_at", words("结束时间", "Ended")),
        text_of("plan", words("预案", "Plan")),
        text_of("drill", words("演练", "Drill")),
        text_of("started_by", words("发起人", "Begun by")),
        text_of("ended_by", words("结束人", "Ended by")),
        text_of("on_duty", words("值班人员", "On duty")),
        text_of("points", words("清单完成", "Points done")),
        text_of("note", words("总结", "What was learned")),
    ],
    ..FOUND_ORDERS
};

pub(super) static ORDER_FIELDS: Report = Report {
    id: "order-fields",
    title: words("工单自定义字段", "Fields of orders"),
    help: words(
        "本单位工单的自定义字段。",
        "The fields of orders that the organisation has of its own.",
    ),
    columns: &[NAME],
    ..FOUND_ORDERS
};

pub(super) static ORDER_RULES: Report = Report {
    id: "order-rules",
    title: words("工单规则", "Rules of orders"),
    help: words("各类工单的部门和时限。", "Which department and deadline a type of order gets."),
    columns: &[
        text_of("kind", words("类型", "Type")),
        text_of("department", words("部门", "Department")),
        text_of("assignee", words("处理人", "Assignee")),
        count("due_minutes", words("时限（分钟）", "Due (min)")),
        count("warn_minutes", words("预警（分钟）", "Warned (min)")),
        count("visit_minutes", words("回访（分钟）", "Return visit (min)")),
        text_of("hours", words("工作时间", "Opening hours")),
    ],
    ..FOUND_ORDERS
};

pub(super) static ITEMS: Report = Report {
    id: "items",
    title: words("任务", "Items"),
    help: words(
        "邮件、短信、网页等非通话任务，最新的在前。",
        "Mails, short messages and other work that is no call, the latest first.",
    ),
    columns: &[
        time("received_at", words("收到时间", "Received")),
        word("channel", words("渠道", "Channel")),
        text_of("queue", words("队列", "Queue")),
        text_of("agent", words("座席", "Agent")),
        word("state", words("状态", "State")),
        text_of("address", words("来自", "From")),
        text_of("subject", words("主题", "Subject")),
        count("offers", words("派发次数", "Offers")),
        count("unanswered", words("未接次数", "Not taken")),
        time("taken_at", words("接手时间", "Taken")),
        time("ended_at", words("结束时间", "Over")),
        text_of("disposition", words("小结", "Disposition")),
    ],
    ..FOUND_ORDERS
};

pub(super) static ORDERS_STEPS: Report = Report {
    id: "orders-steps",
    title: words("工单过程", "Steps of an order"),
    help: words("工单的处理过程。", "The life of an order."),
    columns: &[
        time("at", words("时间", "When")),
        text_of("user", words("人员", "Who")),
        word("action", words("操作", "Action")),
        word("before", words("之前", "Before")),
        word("after", words("之后", "After")),
        text_of("note", words("说明", "Note")),
    ],
    ..FOUND_ORDERS
};

pub(super) static TEAMS: Report = Report {
    id: "teams",
    title: words("班组", "Teams"),
    help: words("全部班组。", "All teams."),
    columns: &[
        text_of("path", words("班组", "Team")),
        text_of("agents", words("座席", "Agents")),
        time("created_at", words("建立时间", "Created")),
    ],
    ..FOUND_ORDERS
};

pub(super) static TOKENS: Report = Report {
    id: "tokens",
    title: words("我的令牌", "Tokens"),
    help: words("本人的登录和程序令牌，不含令牌本身。", "One's own tokens, not what they are."),
    columns: &[
        time("created_at", words("建立时间", "Created")),
        NAME,
        word("kind", words("种类", "Kind")),
        word("role", words("角色", "Role")),
        time("expires_at", words("到期", "Good until")),
        time("revoked_at", words("收回", "Taken back")),
    ],
    ..FOUND_ORDERS
};
