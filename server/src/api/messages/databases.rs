//! What is said of connectors to business databases and bots and of emergency plans.

use super::Sentence;

pub(super) const SENTENCES: &[Sentence] = &[
    ("a server needs a user", "数据库服务器需要用户名"),
    ("a file has no user", "数据库文件没有用户名"),
    ("an address such as {} is needed", "需要形如 {} 的地址"),
    (
        "with another address or user the password is needed again",
        "更换地址或用户名后须重新填写密码",
    ),
    ("at most {} characters of one line", "最多 {} 个字符，且只能一行"),
    ("the flow \"{}\" asks it", "流程“{}”正在使用该连接"),
    ("a bot has no user, only a password", "机器人没有用户名，只有密码"),
    ("nothing is written to a bot", "机器人连接不能写入"),
    (
        "the flow \"{}\" needs it to stay a database or a bot",
        "流程“{}”需要该连接保持原有类型（数据库或机器人）",
    ),
    ("the flow \"{}\" writes there", "流程“{}”要写入该数据库"),
    ("the emergency plan {} is in force; switch it off first", "应急预案“{}”正在生效，请先关闭"),
    (
        "the emergency plan {} is in force for one of these numbers",
        "应急预案“{}”已对其中某个号码生效",
    ),
    (
        "a drill of the emergency plan {} goes on; end it first",
        "应急预案“{}”正在演练，请先结束演练",
    ),
    ("{} is no drill; it ends when the plan is switched off", "“{}”不是演练；关闭预案时随之结束"),
    ("{} of {} is over: its log does not change", "编号 {}（“{}”）已结束，其记录不再更改"),
    ("a point from 1 to {} is needed", "需要 1 到 {} 之间的检查项"),
    ("a duty ends after it begins", "值班的结束时间须晚于开始时间"),
    ("This flow has no such table.", "该流程没有此表。"),
    ("The table has no such row.", "表中没有此行。"),
    ("a plan needs a flow, an announcement, or both", "预案需要流程、提示音，或两者都要"),
    ("at most {} numbers, each once", "最多 {} 个号码，每个一次"),
    ("there is no number {}", "没有号码 {}"),
    ("there is no flow {}", "没有流程 {}"),
    ("the flow \"{}\" is not published", "流程“{}”尚未发布"),
    ("the prompt \"{}\" does not exist in {}", "提示音“{}”没有 {} 版本"),
];
