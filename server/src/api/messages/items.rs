//! What is said of items, which are no calls.

use super::Sentence;

pub(super) const SENTENCES: &[Sentence] = &[
    ("another agent has this item", "该任务已由其他座席接手或派给其他座席"),
    (
        "this agent has as many items of this channel as they may have",
        "该座席在此渠道的任务数已达上限",
    ),
    ("this agent cannot be offered an item now", "该座席当前不能接受任务"),
    ("item {} is {}: {} is not possible now", "任务 {} 的状态为 {}：现在不能执行 {}"),
    ("only an agent takes and declines items", "只有座席可以接手或拒绝任务"),
    ("take this item first", "请先接手该任务"),
    ("name a queue or an agent, one of them", "请指定队列或座席，只能选其一"),
];
