//! What is said under load and of faults.

use super::Sentence;

pub(super) const SENTENCES: &[Sentence] = &[
    ("one line of JSON with a path is needed: {}", "需要一行含 path 的 JSON：{}"),
    (
        "a method, an address such as /api/v1/calls and printable words are needed",
        "需要请求方法、形如 /api/v1/calls 的地址，且各项均为可见字符",
    ),
    (
        "This answer is no JSON, or too long for a line; ask over HTTP.",
        "结果不是 JSON，或过长，不能以一行返回；请改用 HTTP。",
    ),
    (
        "This answer is too long for XML; ask for less, or for JSON.",
        "结果过长，不能以 XML 返回；请缩小范围，或改用 JSON。",
    ),
    ("This took too long and was stopped; ask for less.", "处理时间过长，已停止；请缩小范围。"),
    (
        "There is too much to look through; choose a shorter period.",
        "数据量过大，请选择更短的时间段。",
    ),
    (
        "The answer is too large; ask for fewer rows or a shorter period.",
        "结果过大，请减少行数或缩短时间段。",
    ),
    (
        "Too many questions and reports are running; try again in a minute.",
        "正在运行的查询和报表过多，请一分钟后再试。",
    ),
    ("Too many live connections are open.", "实时连接数已达上限。"),
    ("This cannot be answered right now; try again.", "暂时无法处理，请重试。"),
    ("The database does not answer right now; try again.", "数据库暂时没有响应，请重试。"),
    (
        "The database went away meanwhile, and whether this was done is not known; look before you try \
         again.",
        "其间数据库中断，此操作是否已完成不得而知；请先查看，再重试。",
    ),
    ("This address is not banned.", "此地址未被封禁。"),
    ("The switch does not answer right now.", "交换服务暂时没有响应。"),
    ("The call records cannot be read right now.", "话单暂时无法读取。"),
    ("The warehouse cannot be read.", "数据仓库无法读取。"),
    (
        "The warehouse could not be sealed; its rows stay staged and can be read.",
        "数据仓库未能封存；数据仍在暂存区，可以查询。",
    ),
    ("The recording could not be encoded.", "录音转码失败。"),
    (
        "This report has {} rows, and one has at most {} (sql.report_rows_max); choose a shorter \
         period, or fetch them in portions as CSV with POST /api/v1/sql, up to {} rows in each \
         (sql.rows_max).",
        "此报表有 {} 行，一份报表最多 {} 行（sql.report_rows_max）；请缩短统计期，或通过 \
         POST /api/v1/sql 分批导出 CSV，每批最多 {} 行（sql.rows_max）。",
    ),
    ("The report could not be made.", "报表生成失败。"),
    ("The report could not be printed.", "报表排版失败。"),
    (
        "Something went wrong on our side; it has been written to the log.",
        "服务器内部出错，已记入日志。",
    ),
    ("too many people sign in at once", "同时登录的人数过多"),
    ("the tenant's data changes faster than it can be read", "数据变更过于频繁，暂时无法读取"),
];
