//! What is said of reports that a tenant defines, and of several in one run.

use super::Sentence;

pub(super) const SENTENCES: &[Sentence] = &[
    (
        "The definitions of reports were changed too often; this works again once the worker has \
         begun anew.",
        "报表定义修改过于频繁，查询进程重新启动后恢复。",
    ),
    (
        "The answer is not as the report describes it; save its definition anew.",
        "查询结果与报表定义不符，请重新保存该定义。",
    ),
    (
        "This report has more than {} rows (sql.rows_max); choose a shorter period, group them in \
         its question, or fetch them in portions as CSV with POST /api/v1/sql.",
        "该报表超过 {} 行（sql.rows_max），请缩短统计期、在查询中分组，或通过 POST /api/v1/sql 分批导出 \
         CSV。",
    ),
    (
        "This report has {} rows, and one from a question of your own has at most {} \
         (sql.rows_max); choose a shorter period, group them in its question, or fetch them in \
         portions as CSV with POST /api/v1/sql.",
        "该报表有 {} 行，自定义查询的报表最多 {} 行（sql.rows_max），请缩短统计期、在查询中分组，或通过 \
         POST /api/v1/sql 分批导出 CSV。",
    ),
    (
        "column \"{}\": the answer has no field \"{}\"; did you mean \"{}\"?",
        "列“{}”：查询结果没有字段“{}”，您是否要用“{}”？",
    ),
    (
        "column \"{}\": the answer has no field \"{}\"; there are {}",
        "列“{}”：查询结果没有字段“{}”，现有 {}",
    ),
    (
        "column \"{}\": the field \"{}\" has to be {}, and is {}",
        "列“{}”：字段“{}”应为 {}，实际为 {}",
    ),
    ("the answer's field \"{}\" is described by no column", "查询结果的字段“{}”没有对应的列"),
    ("the saved report \"{}\" makes it", "已保存的报表“{}”正在使用它"),
    (
        "a title begins with none of = + - @: a spreadsheet would compute it",
        "标题不能以 = + - @ 开头，否则电子表格会当作公式",
    ),
    ("{} of {} rows are in its file", "文件已写入 {} 行，共 {} 行"),
    ("at most {} further reports are made", "最多另加 {} 份报表"),
    ("the saved report {} stands there twice", "已保存的报表 {} 重复"),
    ("a question of 1-{} bytes is needed", "需要 1 至 {} 字节的查询"),
    ("1-{} columns are needed", "需要 1 至 {} 列"),
    ("column \"{}\" stands there twice", "列“{}”重复"),
    ("column \"{}\" needs over, the field to divide by", "列“{}”需要 over，即作分母的字段"),
    (
        "column \"{}\" is not divided: over is for percent, decimal, duration",
        "列“{}”不作除法：over 只用于 percent、decimal、duration",
    ),
    ("column \"{}\" has no total", "列“{}”没有合计"),
    ("column \"{}\" has a sum for a total, or none", "列“{}”的合计只能是求和或没有"),
    ("this chart takes {}-{} columns", "此图需要 {} 至 {} 列"),
    (
        "bars and lines have a label, the column that names them, and nothing else has",
        "柱形图和折线图需要 label，即命名各柱或各点的列，其他图没有",
    ),
    ("there is no column \"{}\"", "没有列“{}”"),
    (
        "squares have across, the column that names those of a line",
        "热力图需要 across，即命名每行各格的列，其他图没有",
    ),
    (
        "squares show a number: count, duration, percent, decimal",
        "热力图显示数字：count、duration、percent 或 decimal",
    ),
    ("by takes at most {} fields", "by 最多 {} 个字段"),
    ("a condition of 1-{} bytes is needed in only", "only 需要 1 至 {} 字节的条件"),
    ("there is no table \"{}\"; did you mean \"{}\"?", "没有表“{}”，您是否要用“{}”？"),
    ("there is no table \"{}\"; there are {}", "没有表“{}”，现有 {}"),
    ("\"{}\" names no matter; did you mean \"{}\"?", "“{}”不能指明通话或工单，您是否要用“{}”？"),
    ("\"{}\" names no matter; there are {}", "“{}”不能指明通话或工单，可用 {}"),
    ("{} has no column \"{}\"; did you mean \"{}\"?", "{} 没有列“{}”，您是否要用“{}”？"),
    ("{} has no column \"{}\"; there are {}", "{} 没有列“{}”，现有 {}"),
    (
        "the answer has no field \"{}\"; did you mean \"{}\"?",
        "查询结果没有字段“{}”，您是否要用“{}”？",
    ),
    ("the answer has no field \"{}\"; there are {}", "查询结果没有字段“{}”，现有 {}"),
    ("\"{}\" is {} in the answer and {} in {}", "“{}”在查询结果中为 {}，在 {} 中为 {}"),
    ("\"{}\" is no time", "“{}”不是时间"),
    (
        "only is one condition: its brackets and quotes close, and it has no comment",
        "only 须为一个条件：括号和引号须成对，且不含注释",
    ),
    ("the condition cannot be asked: {}", "条件无法查询：{}"),
    (
        "counts are drawn, or durations, and neither is divided",
        "图中只能全是计数或全是时长，且都不作除法",
    ),
    (
        "a slice is the total of a column: its total has to be sum",
        "扇区是列的合计：该列的合计应为求和",
    ),
    (
        "supervisor, manager or administrator is needed: roles that may run reports",
        "需要可以查看报表的角色：supervisor、manager 或 administrator",
    ),
];
