//! What is said of areas and field workers.

use super::Sentence;

pub(super) const SENTENCES: &[Sentence] = &[
    ("an extension or a number outside is needed, such as {}", "需要分机号或外线号码，例如 {}"),
    ("an absence ends after it begins", "请假的结束时间须晚于开始时间"),
    (
        "this number is published; the worker's own phone is needed",
        "该号码是对外公布的号码，请填写网格员自己的电话",
    ),
    ("the team's queue is another one than the area's", "班组队列不能与片区队列相同"),
    ("nobody stands in for themselves", "替班人不能是本人"),
    ("there is no such field worker: {}", "没有此网格员：{}"),
    ("there is no such queue: {}", "没有此队列：{}"),
    ("at most {} field workers, each once", "最多 {} 名网格员，每人一次"),
    (
        "entry \"{}\": a number, or its beginning with * behind it such as +8620*, is needed",
        "“{}”：需要号码，或以 * 结尾的号码开头，例如 +8620*",
    ),
    (
        "entry \"{}\": an address, its beginning with * behind it or a word of it between two *, of \
         {} characters, is needed",
        "“{}”：需要地址、以 * 结尾的地址开头，或两个 * 之间的词，共 {} 个字符",
    ),
    (
        "an agent has at most {} codes; take one back first",
        "每个座席最多 {} 个授权码，请先收回一个",
    ),
    ("This address lies in no area.", "该地址不属于任何片区。"),
    (
        "there is no order type \"{}\"; make a rule for it first",
        "没有工单类型“{}”，请先为其设置规则",
    ),
    // Whom of an area a call was tried at.
    ("The caller was asked for a message.", "已请来电者留言。"),
    ("The caller hung up while the {} was tried.", "寻呼{}时来电者已挂机。"),
    ("The call ended while the {} was tried.", "寻呼{}时通话已结束。"),
    ("The phone of the {} rang already.", "{}的电话在本次寻呼中已振铃过。"),
    ("The phone of the {} may not be called.", "无权呼叫{}的电话。"),
    ("Nothing leads to the phone of the {}.", "没有线路可到达{}的电话。"),
    ("No trunk reached the {}.", "没有中继能接通{}。"),
    ("Nobody of the {} was free in time.", "{}在限定时间内无人空闲。"),
    ("The {} is being tried.", "正在寻呼{}。"),
    ("The {} answered.", "{}已接听。"),
    ("The {} is away.", "{}请假或不在岗。"),
    ("The {} has no phone bound.", "{}未绑定电话。"),
    ("The {} is who calls.", "{}就是来电者本人。"),
    ("The {} was busy.", "{}正忙。"),
    ("The {} did not answer in time.", "{}未在限定时间内接听。"),
    ("The {} declined.", "{}拒绝接听。"),
    ("The {} does not exist any more.", "{}已不存在。"),
];
